//! The real node behind the window: its own threads, bounded queues in both directions, nothing that the window waits for.
//!
//! Commands that write to a conversation go through one lane, in the order in which they were asked. Everything else has a
//! task of its own, so that reading a page never waits for unlocking a store.

use super::{Answer, Backend, Full, Page, PageAt, Phase, Place, Problem, Request, Secret, Ticket, Update, Waker};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Semaphore, oneshot, watch};
use veche_node::config::Options;
use veche_node::handle::{NodeError, NodeHandle, Page as NodePage, Phase as NodePhase, Protection, Query, STOPS_WITHIN};
use veche_protocol::core::command::Command;
use veche_protocol::core::event::Event;
use veche_protocol::ids::SpaceId;
use veche_protocol::view::{MessageView, Snapshot};

/// Questions that wait for the node; with more the window says that it is busy.
const REQUESTS: usize = 256;
/// Answers and events that wait for the window. The node does not wait: it counts what a slow reader missed.
const UPDATES: usize = 4_096;
/// Questions worked on at once beside the ordered lane.
const AT_ONCE: usize = 32;
/// A meter is drawn this often at most: each time is a frame.
const LEVEL_EVERY: Duration = Duration::from_millis(95);
/// How long the node may take to say goodbye when the window closes.
const GOODBYE: Duration = STOPS_WITHIN.saturating_add(Duration::from_millis(500));

/// The node as the window sees it.
pub struct NodeBackend {
    requests: Sender<(Ticket, Request)>,
    updates: Receiver<Update>,
    phase: watch::Receiver<Phase>,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    sealed: Arc<AtomicBool>,
    waker: Arc<OnceLock<Waker>>,
}

/// The threads of the node. Dropping it without [`NodeThreads::stop`] loses nothing that was accepted, but is impolite.
pub struct NodeThreads {
    runtime: Runtime,
    handle: NodeHandle,
}

impl NodeThreads {
    /// Lets the node finish and say goodbye to its peers.
    pub fn stop(self) {
        let Self { runtime, handle } = self;
        if runtime.block_on(async { tokio::time::timeout(GOODBYE, handle.shutdown()).await }).is_err() {
            tracing::warn!("the node did not end in time");
        }
        runtime.shutdown_background();
    }
}

/// Starts the node on threads of its own.
///
/// # Errors
/// The system gives no threads.
pub fn start(options: Options) -> std::io::Result<(NodeBackend, NodeThreads)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("node").enable_all().build()?;
    let handle = {
        let _inside = runtime.enter();
        NodeHandle::start(options)
    };
    let (requests, asked) = channel(REQUESTS);
    let (updates_in, updates) = channel(UPDATES);
    let (phase_in, phase) = watch::channel(Phase::Starting);
    let shared = Shared {
        handle: handle.clone(),
        updates: updates_in,
        sealed: Arc::default(),
        waker: Arc::default(),
        at_once: Arc::new(Semaphore::new(AT_ONCE)),
    };
    let backend = NodeBackend {
        requests,
        updates,
        phase,
        snapshot: handle.snapshots(),
        sealed: Arc::clone(&shared.sealed),
        waker: Arc::clone(&shared.waker),
    };
    runtime.spawn(shared.clone().follow_phase(phase_in));
    runtime.spawn(shared.clone().follow_state());
    runtime.spawn(shared.clone().follow_events());
    runtime.spawn(shared.serve(asked));
    Ok((backend, NodeThreads { runtime, handle }))
}

impl Backend for NodeBackend {
    fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    fn has_passphrase(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    fn poll(&mut self) -> Option<Update> {
        self.updates.try_recv().ok()
    }

    fn send(&mut self, ticket: Ticket, request: Request) -> Result<(), Full> {
        self.requests.try_send((ticket, request)).map_err(|_| Full)
    }

    fn set_waker(&mut self, waker: Waker) {
        // A second window over the same node does not exist.
        let _ = self.waker.set(waker);
    }
}

#[derive(Clone)]
struct Shared {
    handle: NodeHandle,
    updates: Sender<Update>,
    sealed: Arc<AtomicBool>,
    waker: Arc<OnceLock<Waker>>,
    at_once: Arc<Semaphore>,
}

impl Shared {
    fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker();
        }
    }

    async fn follow_phase(self, out: watch::Sender<Phase>) {
        let mut phases = self.handle.phase();
        loop {
            let phase = phase(&phases.borrow_and_update());
            if phase == Phase::Ready {
                self.look_at_seal().await;
            }
            out.send_replace(phase);
            self.wake();
            if phases.changed().await.is_err() {
                return;
            }
        }
    }

    async fn follow_state(self) {
        let mut snapshots = self.handle.snapshots();
        while snapshots.changed().await.is_ok() {
            self.wake();
        }
    }

    async fn follow_events(self) {
        let mut events = self.handle.events();
        let mut level_told = Instant::now();
        loop {
            let event = match events.recv().await {
                Ok(event) => event,
                Err(RecvError::Lagged(missed)) => Event::Overflow { missed },
                Err(RecvError::Closed) => return,
            };
            if matches!(event, Event::DeviceLevel { .. }) {
                if level_told.elapsed() < LEVEL_EVERY {
                    continue;
                }
                level_told = Instant::now();
            }
            if self.updates.send(Update::Event(event)).await.is_err() {
                return;
            }
            self.wake();
        }
    }

    /// Takes questions in order: those of the lane are answered one after the other, the others beside it.
    async fn serve(self, mut asked: Receiver<(Ticket, Request)>) {
        let (lane, mut waiting) = channel::<(Ticket, Command)>(REQUESTS);
        let one_by_one = self.clone();
        let in_order = async move {
            while let Some((ticket, command)) = waiting.recv().await {
                let answer = one_by_one.command(command).await;
                one_by_one.answer(ticket, answer).await;
            }
        };
        let beside = async move {
            // Dropping it ends the search that runs.
            let mut searching: Option<oneshot::Sender<()>> = None;
            while let Some((ticket, request)) = asked.recv().await {
                match request {
                    Request::Command(command) if in_lane(&command) => {
                        if lane.send((ticket, command)).await.is_err() {
                            return;
                        }
                    }
                    Request::Search { chat, text, before, limit } => {
                        let (going_on, given_up) = oneshot::channel();
                        drop(searching.replace(going_on));
                        let before = before.map(|place| (place.hlc, place.id));
                        let shared = self.clone();
                        tokio::spawn(async move {
                            let answer = shared.search(ticket, Query { text, chat, before, limit }, given_up).await;
                            shared.answer(ticket, answer).await;
                        });
                    }
                    request => {
                        let Ok(permit) = Arc::clone(&self.at_once).acquire_owned().await else { return };
                        let shared = self.clone();
                        tokio::spawn(async move {
                            let answer = shared.ask(request).await;
                            shared.answer(ticket, answer).await;
                            drop(permit);
                        });
                    }
                }
            }
        };
        tokio::join!(in_order, beside);
    }

    async fn answer(&self, ticket: Ticket, answer: Result<Answer, NodeError>) {
        // Nobody listens when the window is closing.
        let _ = self.updates.send(Update::Answer(ticket, answer.map_err(|e| problem(&e)))).await;
        self.wake();
    }

    /// Passes hits on until there are no more or another search was asked for.
    async fn search(&self, ticket: Ticket, query: Query, mut given_up: oneshot::Receiver<()>) -> Result<Answer, NodeError> {
        let mut hits = self.handle.search(query).await?;
        loop {
            let hit = tokio::select! {
                biased;
                _ = &mut given_up => return Ok(Answer::Done),
                hit = hits.next() => hit,
            };
            let Some(hit) = hit else { return Ok(Answer::Done) };
            if self.updates.send(Update::Found(ticket, Arc::new(hit?))).await.is_err() {
                return Ok(Answer::Done);
            }
            self.wake();
        }
    }

    async fn command(&self, command: Command) -> Result<Answer, NodeError> {
        self.handle.command(command).await.map(Answer::Reply)
    }

    async fn ask(&self, request: Request) -> Result<Answer, NodeError> {
        let secret = |s: Option<Secret>| s.map(|s| s.0);
        match request {
            Request::Command(command) => return self.command(command).await,
            Request::Page { chat, at, limit } => return self.page(chat, at, limit).await.map(Answer::Page),
            // Not answered here but hit by hit.
            Request::Search { .. } => {}
            Request::RecoveryWords(passphrase) => {
                self.prove(passphrase).await?;
                let words = self.handle.recovery_words().await?;
                return Ok(Answer::Words(words.split_whitespace().map(str::to_owned).collect()));
            }
            Request::CreateAccount { login, name, passphrase } => {
                self.handle.create_account(login, name, secret(passphrase)).await?;
            }
            Request::Restore { words, login, name, passphrase } => {
                self.handle.restore_account(words.0, login, name, secret(passphrase)).await?;
            }
            Request::Unlock(passphrase) => self.handle.unlock(passphrase.0).await?,
            Request::SetPassphrase { old, new } => {
                self.prove(old).await?;
                self.handle.set_passphrase(secret(new)).await?;
                self.look_at_seal().await;
            }
            Request::Export { path, passphrase } => self.handle.export(path, passphrase.0).await?,
            Request::Import { path, passphrase } => {
                self.handle.import(path, passphrase.0).await?;
            }
            Request::AddPeer(text) => {
                let hint = veche_node::net::addr::parse_hint(&text).map_err(|e| NodeError::NotReady(e.to_string()));
                return match hint {
                    Ok(hint) => self.command(Command::AddPeer(vec![hint])).await,
                    Err(error) => Err(error),
                };
            }
            Request::AddOperator(text) => {
                return match veche_node::parse_operators(&text) {
                    Ok(hints) => self.command(Command::AddOperators(hints)).await,
                    Err(error) => Err(NodeError::NotReady(error.to_string())),
                };
            }
            Request::SoundDevices => return self.handle.sound_devices().await.map(Answer::SoundDevices),
            Request::TestSound(test) => self.handle.test_sound(test)?,
            Request::PushToTalk(down) => self.handle.push_to_talk(down),
            Request::DeleteAccount => return self.command(Command::DeleteAccount).await,
        }
        Ok(Answer::Done)
    }

    async fn page(&self, chat: SpaceId, at: PageAt, limit: usize) -> Result<Page, NodeError> {
        let read = async |page, limit| self.handle.history(chat, page, limit).await;
        let whole = |messages: Vec<MessageView>, at_start, at_end| {
            let messages = messages.into_iter().map(Arc::new).collect();
            Page { chat, at, messages, at_start, at_end }
        };
        match at {
            PageAt::Newest => {
                let found = read(NodePage::Newest, limit).await?;
                let at_start = found.len() < limit;
                Ok(whole(found, at_start, true))
            }
            PageAt::Before(Place { hlc, id }) => {
                let found = read(NodePage::Before(hlc, id), limit).await?;
                let at_start = found.len() < limit;
                Ok(whole(found, at_start, false))
            }
            PageAt::After(Place { hlc, id }) => {
                let found = read(NodePage::After(hlc, id), limit).await?;
                let at_end = found.len() < limit;
                Ok(whole(found, false, at_end))
            }
            PageAt::Around(id) => {
                let middle = self.handle.message(chat, id).await?;
                let half = limit / 2;
                if half == 0 {
                    return Ok(whole(vec![middle], false, false));
                }
                let mut found = read(NodePage::Before(middle.hlc, id), half).await?;
                let newer = read(NodePage::After(middle.hlc, id), half).await?;
                let (at_start, at_end) = (found.len() < half, newer.len() < half);
                found.push(middle);
                found.extend(newer);
                Ok(whole(found, at_start, at_end))
            }
        }
    }

    /// Whether a passphrase seals the store now.
    async fn look_at_seal(&self) {
        let sealed = matches!(self.handle.protection().await, Ok(Protection::Passphrase));
        self.sealed.store(sealed, Ordering::Release);
    }

    /// Checks a passphrase again before something is shown or changed that a passer-by must not have.
    async fn prove(&self, passphrase: Option<Secret>) -> Result<(), NodeError> {
        if !self.sealed.load(Ordering::Acquire) {
            return Ok(());
        }
        let Some(passphrase) = passphrase else { return Err(NodeError::WrongPassphrase) };
        self.handle.check_passphrase(passphrase.0).await
    }
}

/// What must happen in the order in which it was asked.
const fn in_lane(command: &Command) -> bool {
    matches!(
        command,
        Command::Send { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::React { .. }
            | Command::Draft(..)
            | Command::MarkRead(..)
            | Command::Typing(_)
            | Command::Mute(..)
            | Command::SetSettings(_)
            | Command::UpdateProfile(_)
    )
}

fn phase(phase: &NodePhase) -> Phase {
    let failed = |kind: &str, sentence: &str| Phase::Failed(Problem { kind: kind.to_owned(), sentence: sentence.to_owned() });
    match phase {
        NodePhase::Starting => Phase::Starting,
        NodePhase::FirstRun => Phase::FirstRun,
        NodePhase::Locked => Phase::Locked,
        NodePhase::Ready => Phase::Ready,
        NodePhase::Failed(sentence) => failed("failed", sentence),
        NodePhase::Ended { deleted: true } => Phase::Gone,
        NodePhase::Ended { deleted: false } => failed("ended", "The node has ended. Close this window and start Veche again."),
    }
}

fn problem(error: &NodeError) -> Problem {
    Problem { kind: error.kind().to_owned(), sentence: error.to_string() }
}
