//! Runs the core: one task that owns it, hands it everything that happens and does everything it asks for. It decides nothing.
//!
//! Order of intake: what the store has made durable, what workers have found, timers, what the person wants, what peers send.
//! The further down, the sooner it is held back when the disk cannot keep up.

use crate::handle::NodeError;
use crate::net::{self, NetCmd, NetConfig, NetEvent, NetEvents, NetHandle};
use crate::store::writer::{CommitError, Committed, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use veche_protocol::core::command::{Command, Reply};
use veche_protocol::core::effect::Effect;
use veche_protocol::core::event::Event;
use veche_protocol::core::input::{Boot, Input};
use veche_protocol::core::{Config, Core};
use veche_protocol::ids::{CmdId, CommitId, JobId, ReadId};
use veche_protocol::link::Addr;
use veche_protocol::time::{Mono, Now, UnixMs};
use veche_protocol::view::Snapshot;

/// Commits under way beyond which peers and people are made to wait. Well below the store's own queue.
const BACKLOG: usize = 512;
/// Answers of workers and of the store that wait for the driver.
const RESULTS: usize = 1024;
/// Commands that wait for the driver.
const COMMANDS: usize = 64;
/// Shortest time between two snapshots: a frame of a fast display. Under load many changes make one snapshot.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(8);
/// Heavy computations at the same time: one core stays free for the window.
const WORKERS: usize = 2;
/// Longest wait for the last frames to leave when the node ends.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// Commands for the driver.
pub(crate) enum Order {
    /// For the core.
    Command(Command, oneshot::Sender<Result<Reply, NodeError>>),
    /// End, in good order.
    Stop,
}

/// How a driver ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to.
    Stopped,
    /// The account was deleted: everything is to be destroyed.
    Wiped,
}

/// What the driver needs from the node around it.
pub(crate) struct Around {
    pub core: Config,
    pub listen: Vec<Addr>,
    pub discovery: bool,
    pub snapshot: watch::Sender<Arc<Snapshot>>,
    pub events: broadcast::Sender<Event>,
}

/// What workers and the store report.
enum Outcome {
    Committed(Committed),
    Input(Input),
}

/// Where to report commits. Handed to the store before the driver runs.
pub(crate) struct Acks(mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>);

impl Acks {
    pub fn new() -> Self {
        let (send, receive) = mpsc::channel(RESULTS);
        Self(send, receive)
    }

    /// The store's report function. At most as many commits are under way as fit the channel, so it does not block the writer.
    pub fn report(&self) -> Box<dyn FnMut(Committed) + Send> {
        let send = self.0.clone();
        Box::new(move |committed| {
            let _ = send.blocking_send(Outcome::Committed(committed));
        })
    }
}

/// A running driver.
pub(crate) struct Running {
    pub orders: mpsc::Sender<Order>,
    pub end: tokio::task::JoinHandle<End>,
}

/// Starts the driver over an open store.
pub(crate) fn start(around: Around, store: Store, acks: Acks, boot: Boot, seed: [u8; 32]) -> Running {
    let (orders, inbox) = mpsc::channel(COMMANDS);
    let driver = Driver {
        core: Core::new(around.core, seed),
        store,
        results: acks.0,
        clock: Clock::start(),
        around,
        net: None,
        waiting: BTreeMap::new(),
        next_cmd: 0,
        workers: Arc::new(Semaphore::new(WORKERS)),
        listening: Vec::new(),
        snapshot_due: None,
        last_snapshot: None,
        wiped: false,
    };
    let end = tokio::spawn(driver.run(inbox, acks.1, boot));
    Running { orders, end }
}

struct Driver {
    core: Core,
    store: Store,
    results: mpsc::Sender<Outcome>,
    clock: Clock,
    around: Around,
    net: Option<(NetHandle, NetEvents)>,
    waiting: BTreeMap<CmdId, oneshot::Sender<Result<Reply, NodeError>>>,
    next_cmd: u64,
    workers: Arc<Semaphore>,
    listening: Vec<Addr>,
    snapshot_due: Option<Instant>,
    last_snapshot: Option<Instant>,
    wiped: bool,
}

impl Driver {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut results: mpsc::Receiver<Outcome>, boot: Boot) -> End {
        self.handle(Input::Boot(boot)).await;
        loop {
            let open = self.core.backlog() < BACKLOG;
            let timer = self.core.next_timeout().map(|at| self.clock.instant(at));
            let snapshot = self.snapshot_due;
            tokio::select! {
                biased;
                Some(result) = results.recv() => self.on_result(result).await,
                () = sleep_until(timer) => self.handle(Input::Tick).await,
                () = sleep_until(snapshot) => self.publish(),
                order = orders.recv(), if open => match order {
                    Some(Order::Command(command, done)) => {
                        self.next_cmd += 1;
                        let id = CmdId(self.next_cmd);
                        self.waiting.insert(id, done);
                        self.handle(Input::Command(id, command)).await;
                    }
                    Some(Order::Stop) | None => break,
                },
                Some(event) = next_event(&mut self.net), if open => self.on_net(event).await,
            }
            if self.wiped {
                break;
            }
        }
        self.finish(&mut results).await
    }

    async fn on_result(&mut self, result: Outcome) {
        match result {
            Outcome::Input(input) => self.handle(input).await,
            Outcome::Committed(Committed { token, result }) => {
                let id = CommitId(token);
                let input = match result {
                    Ok(()) => Input::Committed(id),
                    Err(error) => {
                        if error != CommitError::Stopped {
                            tracing::error!(%error, "the store refused a commit");
                        }
                        Input::CommitFailed(id, error.to_string())
                    }
                };
                self.handle(input).await;
            }
        }
    }

    async fn on_net(&mut self, event: NetEvent) {
        let input = match event {
            NetEvent::Listening(addr) => {
                if !self.listening.contains(&addr) {
                    self.listening.push(addr);
                }
                Input::Listening(self.listening.clone())
            }
            NetEvent::ListeningGone(addr) => {
                self.listening.retain(|a| *a != addr);
                Input::Listening(self.listening.clone())
            }
            NetEvent::ListenFailed { why, .. } => {
                tracing::warn!(%why, "cannot listen on one of the configured addresses");
                return;
            }
            NetEvent::LinkUp { link, info } => Input::LinkUp(link, info),
            NetEvent::LinkMoved { link, info } => Input::LinkMoved(link, info),
            NetEvent::Outside { addrs, nat } => Input::Outside { addrs, nat },
            NetEvent::DirectoryFound { id, value } => Input::DirectoryFound(id, value),
            NetEvent::DirectoryDone { id, end } => Input::DirectoryDone(id, end),
            NetEvent::LinkDown { link, why } => {
                tracing::debug!(?why, "link down");
                Input::LinkDown(link)
            }
            NetEvent::Frame { link, proto, frame } => Input::Frame(link, proto, frame),
            NetEvent::Sent { link, receipt } => Input::Sent(link, receipt),
            NetEvent::DialFailed { peer, why, .. } => {
                tracing::debug!(%why, "dial failed");
                Input::DialFailed { peer }
            }
            NetEvent::Nearby { peer, addrs } => Input::Nearby { peer, addrs },
            NetEvent::NearbyGone { peer } => Input::NearbyGone(peer),
            NetEvent::NetworkChanged => Input::NetworkChanged,
        };
        self.handle(input).await;
    }

    /// Hands the core one input and does what it says.
    async fn handle(&mut self, input: Input) {
        self.core.handle(self.clock.now(), input);
        while let Some(effect) = self.core.poll() {
            self.execute(effect).await;
        }
        self.snapshot_due.get_or_insert_with(|| self.last_snapshot.map_or_else(Instant::now, |at| at + SNAPSHOT_EVERY));
    }

    async fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Commit { id, writes } => self.commit(id, writes.to_vec()),
            Effect::ResumeCommits => {
                if self.store.resume().is_err() {
                    tracing::error!("the store is closed");
                }
            }
            Effect::Read { id, read } => self.read(id, read),
            Effect::Offload { id, job } => self.offload(id, job),
            Effect::StartNet { transport_seed } => self.start_net(transport_seed),
            Effect::Dial { peer, addrs } => self.net_cmd(NetCmd::Dial { peer, addrs }).await,
            Effect::Operators(hints) => self.net_cmd(NetCmd::Operators(hints)).await,
            Effect::Friends(peers) => self.net_cmd(NetCmd::Friends(peers)).await,
            Effect::DirectoryGet { id, key } => self.net_cmd(NetCmd::DirectoryGet { id, key }).await,
            Effect::DirectoryPut { id, key, value } => self.net_cmd(NetCmd::DirectoryPut { id, key, value }).await,
            Effect::Send { link, proto, frame, receipt } => self.net_cmd(NetCmd::Send { link, proto, frame, receipt }).await,
            Effect::Close(link) => self.net_cmd(NetCmd::Close { link }).await,
            Effect::Reply(cmd, result) => {
                if let Some(done) = self.waiting.remove(&cmd) {
                    self.publish();
                    // A caller that went away needs no answer.
                    let _ = done.send(result.map_err(NodeError::from));
                }
            }
            Effect::Notify(event) => {
                if self.around.events.receiver_count() > 0 {
                    self.publish_if_due();
                    // No reader is no fault.
                    let _ = self.around.events.send(event);
                }
            }
            Effect::Wipe => self.wiped = true,
        }
    }

    fn commit(&self, id: CommitId, writes: Vec<veche_protocol::store::Write>) {
        // The backlog is kept below the store's queue, so a full queue or a closed store are faults that retrying heals or nothing does.
        if let Err(error) = self.store.try_commit(id.0, writes) {
            tracing::error!(%error, "the store did not take a commit");
            let failed = Committed { token: id.0, result: Err(CommitError::Stopped) };
            let _ = self.results.try_send(Outcome::Committed(failed));
        }
    }

    fn read(&self, id: ReadId, read: veche_protocol::store::Read) {
        let store = self.store.clone();
        let results = self.results.clone();
        tokio::task::spawn_blocking(move || {
            let found = store.read(&read).map_err(|e| e.to_string());
            let _ = results.blocking_send(Outcome::Input(Input::Found(id, found)));
        });
    }

    fn offload(&self, id: JobId, job: veche_protocol::core::job::Job) {
        let workers = Arc::clone(&self.workers);
        let results = self.results.clone();
        tokio::spawn(async move {
            let Ok(_permit) = workers.acquire_owned().await else { return };
            let result = tokio::task::spawn_blocking(move || job.run()).await;
            let result = result.unwrap_or(veche_protocol::core::job::JobResult::Failed);
            let _ = results.send(Outcome::Input(Input::JobDone(id, result))).await;
        });
    }

    fn start_net(&mut self, transport_seed: [u8; 32]) {
        let mut config = NetConfig::new(transport_seed);
        if self.around.core.lan_only {
            config.profile = net::Profile::LanOnly;
        }
        if !self.around.listen.is_empty() {
            config.listen.clone_from(&self.around.listen);
        }
        config.mdns = self.around.discovery;
        match net::start(config) {
            Ok(started) => self.net = Some(started),
            Err(error) => tracing::error!(%error, "the network did not start"),
        }
    }

    async fn net_cmd(&self, cmd: NetCmd) {
        let Some((net, _)) = &self.net else { return };
        // The network task takes commands whatever else it does, so this waits for microseconds, not for peers.
        if let Err(error) = net.send(cmd).await {
            tracing::warn!(%error, "the network did not take a command");
        }
    }

    fn publish_if_due(&mut self) {
        if self.last_snapshot.is_none_or(|at| at.elapsed() >= SNAPSHOT_EVERY) {
            self.publish();
        }
    }

    fn publish(&mut self) {
        self.snapshot_due = None;
        if let Some(snapshot) = self.core.take_snapshot() {
            self.last_snapshot = Some(Instant::now());
            self.around.snapshot.send_replace(Arc::new(snapshot));
        }
    }

    /// Lets what is durable still be said, then ends the network and the store.
    async fn finish(mut self, results: &mut mpsc::Receiver<Outcome>) -> End {
        if !self.wiped {
            self.handle(Input::Stop).await;
        }
        let deadline = Instant::now() + LAST_WORDS;
        while self.core.backlog() > 0 {
            match tokio::time::timeout_at(deadline, results.recv()).await {
                Ok(Some(result)) => self.on_result(result).await,
                Ok(None) | Err(_) => break,
            }
        }
        if let Some((net, _)) = &self.net {
            net.shutdown().await;
        }
        let store = self.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
        if self.wiped { End::Wiped } else { End::Stopped }
    }
}

async fn next_event(net: &mut Option<(NetHandle, NetEvents)>) -> Option<NetEvent> {
    match net {
        Some((_, events)) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The machine's clocks, as the core is told them.
struct Clock {
    start: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now() }
    }

    fn now(&self) -> Now {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Now { mono: Mono(veche_protocol::time::millis(self.start.elapsed())), wall: UnixMs(veche_protocol::time::millis(wall)) }
    }

    /// The instant at which the core's monotonic clock shows `at`, one millisecond later because that clock counts whole ones.
    fn instant(&self, at: Mono) -> Instant {
        self.start + Duration::from_millis(at.0.saturating_add(1))
    }
}
