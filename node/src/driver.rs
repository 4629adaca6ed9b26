//! Runs the core: one task that owns it, hands it everything that happens and does everything it asks for. It decides nothing.
//!
//! Order of intake: the wish to end, what the store has made durable, what workers have found, timers, the media
//! engine, what the person wants, what peers send. The further down, the sooner it is held back when the disk cannot keep up.
//!
//! It waits in one place only, for the next of these. Commits and commands for the network are handed over without waiting:
//! whoever waits for the network without taking its events, or for the disk without taking its answers, waits for ever.

mod clock;
mod inbound;
mod media;
mod outbound;

use crate::handle::NodeError;
use crate::media::Desk;
use crate::net::{self, NetCmd, NetConfig, NetEvent, NetEvents, NetHandle, NotTaken};
use crate::port;
use crate::store::writer::{CommitError, Committed, HandInError, Store};
use clock::{Clock, sleep_until};
use media::Media;
use outbound::Outbound;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use veche_protocol::core::command::{Command, Reply};
use veche_protocol::core::effect::Effect;
use veche_protocol::core::event::Event;
use veche_protocol::core::input::{Boot, Input};
use veche_protocol::core::{Config, Core};
use veche_protocol::ids::{CmdId, CommitId, JobId, ReadId};
use veche_protocol::link::{Addr, DirectoryEnd, Hint};
use veche_protocol::view::Snapshot;

/// Commits and reads under way beyond which peers and people are made to wait. Well below the store's own queue.
const BACKLOG: usize = 512;
/// Answers of workers and of the store that wait for the driver.
const RESULTS: usize = 1024;
/// Commands that wait for the driver.
const COMMANDS: usize = 64;
/// Shortest time between two snapshots: a frame of a fast display. Under load many changes make one snapshot.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(8);
/// Heavy computations at the same time: one core stays free for the window.
const WORKERS: usize = 2;
/// Reads of the store at the same time. They wait for the disk, not for a core.
const READERS: usize = 8;
/// Longest wait for what is being written, when the node ends: what became durable may still be said.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// Longest wait for the network to end: a little more than it gives its own goodbyes.
const NET_ENDS: Duration = Duration::from_secs(2);
/// Longest wait for the store to end. A disk that stands still is left to itself: everything that was accepted is on it or was
/// never confirmed to anybody.
const STORE_ENDS: Duration = Duration::from_secs(2);
/// Longest time from the wish to end to the end.
pub(crate) const STOPS_WITHIN: Duration = Duration::from_secs(5);
const _: () =
    assert!(LAST_WORDS.as_millis() + media::ENDS.as_millis() + NET_ENDS.as_millis() + STORE_ENDS.as_millis() < STOPS_WITHIN.as_millis());

/// A command for the core, and where its answer goes.
pub(crate) type Order = (Command, oneshot::Sender<Result<Reply, NodeError>>);

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
    /// Where the port is remembered.
    pub profile: PathBuf,
    pub discovery: bool,
    pub operators: Vec<Hint>,
    /// Where the engine of calls comes from.
    pub desk: Desk,
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
    /// Notified, the driver ends in good order, within [`STOPS_WITHIN`] whatever the disk does.
    pub stop: Arc<Notify>,
    pub end: tokio::task::JoinHandle<End>,
}

/// Starts the driver over an open store.
pub(crate) fn start(around: Around, store: Store, acks: Acks, boot: Boot, seed: [u8; 32]) -> Running {
    let (orders, inbox) = mpsc::channel(COMMANDS);
    let stop = Arc::new(Notify::new());
    let Acks(results, answers) = acks;
    let driver = Driver::new(around, store, results, seed);
    let end = tokio::spawn(driver.run(inbox, answers, boot, Arc::clone(&stop)));
    Running { orders, stop, end }
}

struct Driver {
    core: Core,
    store: Store,
    /// The store refused a commit: why. Nothing is handed in before the core resumes, or a later commit would overtake it.
    refusing: Option<String>,
    results: mpsc::Sender<Outcome>,
    /// What the driver has to tell the core by itself.
    own: VecDeque<Input>,
    clock: Clock,
    around: Around,
    net: Option<(NetHandle, NetEvents)>,
    media: Media,
    outbound: Outbound,
    waiting: BTreeMap<CmdId, oneshot::Sender<Result<Reply, NodeError>>>,
    next_cmd: u64,
    workers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    listening: Vec<Addr>,
    snapshot_due: Option<Instant>,
    last_snapshot: Option<Instant>,
    wiped: bool,
}

impl Driver {
    fn new(around: Around, store: Store, results: mpsc::Sender<Outcome>, seed: [u8; 32]) -> Self {
        Self {
            core: Core::new(around.core, seed),
            store,
            refusing: None,
            results,
            own: VecDeque::new(),
            clock: Clock::start(),
            media: Media::new(around.desk.clone()),
            around,
            net: None,
            outbound: Outbound::default(),
            waiting: BTreeMap::new(),
            next_cmd: 0,
            workers: Arc::new(Semaphore::new(WORKERS)),
            readers: Arc::new(Semaphore::new(READERS)),
            listening: Vec::new(),
            snapshot_due: None,
            last_snapshot: None,
            wiped: false,
        }
    }

    /// Has the core use the operators that were named at the start. Nobody waits for the answer: what is used shows on the network page.
    fn use_operators(&mut self) {
        let operators = std::mem::take(&mut self.around.operators);
        if !operators.is_empty() {
            self.next_cmd += 1;
            self.handle(Input::Command(CmdId(self.next_cmd), Command::AddOperators(operators)));
        }
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut results: mpsc::Receiver<Outcome>, boot: Boot, stop: Arc<Notify>) -> End {
        self.handle(Input::Boot(boot));
        self.use_operators();
        while !self.wiped {
            let open = self.core.backlog() < BACKLOG;
            let timer = self.core.next_timeout().map(|at| self.clock.instant(at));
            let snapshot = self.snapshot_due;
            tokio::select! {
                biased;
                () = stop.notified() => break,
                Some(result) = results.recv() => self.on_result(result),
                () = sleep_until(timer) => self.handle(Input::Tick),
                () = sleep_until(snapshot) => self.publish(),
                event = self.media.next() => self.handle(Input::Media(event)),
                order = orders.recv(), if open && self.outbound.is_empty() => match order {
                    Some((command, done)) => {
                        self.next_cmd += 1;
                        let id = CmdId(self.next_cmd);
                        self.waiting.insert(id, done);
                        self.handle(Input::Command(id, command));
                    }
                    None => break,
                },
                Some(news) = network(&mut self.net, open, !self.outbound.is_empty()) => match news {
                    News::Room => self.pass_on(),
                    News::Event(event) => self.on_net(event),
                },
            }
        }
        self.finish(&mut results).await
    }

    fn on_result(&mut self, result: Outcome) {
        let input = match result {
            Outcome::Input(input) => input,
            Outcome::Committed(Committed { token, result }) => match result {
                Ok(()) => Input::Committed(CommitId(token)),
                Err(error) => {
                    if error != CommitError::Stopped {
                        tracing::error!(%error, "the store refused a commit");
                    }
                    Input::CommitFailed(CommitId(token), error.to_string())
                }
            },
        };
        self.handle(input);
    }

    /// Hands the core one input and does what it says, and then whatever follows from that at once.
    fn handle(&mut self, input: Input) {
        self.own.push_back(input);
        while let Some(input) = self.own.pop_front() {
            self.core.handle(self.clock.now(), input);
            while let Some(effect) = self.core.poll() {
                self.execute(effect);
            }
        }
        self.snapshot_due.get_or_insert_with(|| self.last_snapshot.map_or_else(Instant::now, |at| at + SNAPSHOT_EVERY));
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Commit { id, writes } => self.commit(id, writes.to_vec()),
            Effect::ResumeCommits => self.resume(),
            Effect::Read { id, read } => self.read(id, read),
            Effect::Offload { id, job } => self.offload(id, job),
            Effect::StartNet { transport_seed } => self.start_net(transport_seed),
            Effect::Dial { peer, addrs } => self.net_cmd(NetCmd::Dial { peer, addrs }),
            Effect::Doubt(link) => self.net_cmd(NetCmd::Doubt { link }),
            Effect::Operators(hints) => self.net_cmd(NetCmd::Operators(hints)),
            Effect::Friends(peers) => self.net_cmd(NetCmd::Friends(peers)),
            Effect::DirectoryGet { id, key } => self.net_cmd(NetCmd::DirectoryGet { id, key }),
            Effect::DirectoryPut { id, key, value } => self.net_cmd(NetCmd::DirectoryPut { id, key, value }),
            Effect::Send { link, proto, frame, receipt } => self.net_cmd(NetCmd::Send { link, proto, frame, receipt }),
            Effect::Close(link) => self.net_cmd(NetCmd::Close { link }),
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
            Effect::Media(cmd) => self.media.command(cmd),
            Effect::Wipe => self.wiped = true,
        }
    }

    /// Hands a commit in, or answers by itself that it was not taken: the way of the store's own answers may be full just then.
    fn commit(&mut self, id: CommitId, writes: Vec<veche_protocol::store::Write>) {
        if self.refusing.is_none()
            && let Err(error) = self.store.try_commit(id.0, writes)
        {
            self.refuse(&error);
        }
        if let Some(why) = &self.refusing {
            self.own.push_back(Input::CommitFailed(id, why.clone()));
        }
    }

    fn refuse(&mut self, error: &HandInError) {
        tracing::error!(%error, "the store did not take a commit");
        self.refusing = Some(error.to_string());
    }

    fn resume(&mut self) {
        self.refusing = None;
        if let Err(error) = self.store.resume() {
            self.refuse(&error);
        }
    }

    fn read(&self, id: ReadId, read: veche_protocol::store::Read) {
        let store = self.store.clone();
        let results = self.results.clone();
        let readers = Arc::clone(&self.readers);
        tokio::spawn(async move {
            let Ok(_permit) = readers.acquire_owned().await else { return };
            let found = tokio::task::spawn_blocking(move || store.read(&read).map_err(|e| e.to_string())).await;
            // The core counts what it waits for, so that every read has to be answered.
            let found = found.unwrap_or_else(|e| Err(format!("The reading thread ended unexpectedly: {e}.")));
            let _ = results.send(Outcome::Input(Input::Found(id, found))).await;
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
        config.port = port::of_last_start(&self.around.profile);
        let known = config.port;
        match net::start(config) {
            Ok((net, events)) => {
                if let Some(port) = net.port().filter(|port| Some(*port) != known) {
                    let profile = self.around.profile.clone();
                    tokio::task::spawn_blocking(move || port::remember(&profile, port));
                }
                self.net = Some((net, events));
            }
            Err(error) => tracing::error!(%error, "the network did not start"),
        }
    }

    fn net_cmd(&mut self, cmd: NetCmd) {
        if self.net.is_none() {
            return;
        }
        match self.outbound.push(cmd) {
            Some(NetCmd::Dial { peer, .. }) => self.own.push_back(Input::DialFailed { peer }),
            Some(NetCmd::DirectoryGet { id, .. } | NetCmd::DirectoryPut { id, .. }) => {
                self.own.push_back(Input::DirectoryDone(id, DirectoryEnd::Nobody));
            }
            _ => {}
        }
        self.pass_on();
    }

    /// Gives the network as many commands as it takes now.
    fn pass_on(&mut self) {
        let Some((net, _)) = &self.net else { return self.outbound.clear() };
        while let Some(cmd) = self.outbound.pop() {
            match net.try_send(cmd) {
                Ok(()) => {}
                Err(NotTaken::Full(cmd)) => return self.outbound.put_back(cmd),
                Err(error @ NotTaken::TooLarge { .. }) => tracing::error!(%error, "a frame was not sent"),
                Err(NotTaken::Closed(_)) => {
                    tracing::error!("the network ended by itself");
                    return self.outbound.clear();
                }
            }
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

    /// Lets what is durable still be said, then ends the network and the store. Each step has a time limit.
    async fn finish(mut self, results: &mut mpsc::Receiver<Outcome>) -> End {
        if !self.wiped {
            self.handle(Input::Stop);
        }
        let deadline = Instant::now() + LAST_WORDS;
        while self.core.backlog() > 0 {
            match tokio::time::timeout_at(deadline, results.recv()).await {
                Ok(Some(result)) => self.on_result(result),
                Ok(None) | Err(_) => break,
            }
        }
        self.media.stop().await;
        self.end_net().await;
        self.end_store(results).await;
        if self.wiped { End::Wiped } else { End::Stopped }
    }

    async fn end_net(&mut self) {
        let Some((net, mut events)) = self.net.take() else { return };
        let goodbye = async {
            while let Some(cmd) = self.outbound.pop() {
                if net.send(cmd).await.is_err() {
                    break;
                }
            }
            net.shutdown().await;
        };
        // Nobody needs its events any more, but without their being taken it takes no commands.
        let unheard = async { while events.recv().await.is_some() {} };
        let ended = async { tokio::join!(goodbye, unheard) };
        if tokio::time::timeout(NET_ENDS, ended).await.is_err() {
            tracing::warn!("the network did not end in time");
        }
    }

    /// Closes the store on a thread of its own, because a stalled disk holds up whoever closes it, and takes its answers
    /// meanwhile, because it finishes nothing while they are not taken.
    async fn end_store(&mut self, results: &mut mpsc::Receiver<Outcome>) {
        let store = self.store.clone();
        let (done, mut closed) = oneshot::channel();
        let thread = std::thread::Builder::new().name("store closer".into()).spawn(move || {
            store.close();
            drop(store);
            // Nobody waits any longer than the limit.
            let _ = done.send(());
        });
        if let Err(error) = thread {
            return tracing::error!(%error, "no thread to close the store on");
        }
        let deadline = Instant::now() + STORE_ENDS;
        loop {
            tokio::select! {
                biased;
                Some(result) = results.recv() => self.on_result(result),
                _ = &mut closed => return,
                () = tokio::time::sleep_until(deadline) => {
                    return tracing::error!("the disk stands still; the store was left to itself");
                }
            }
        }
    }
}

/// What the network has for the driver.
enum News {
    /// It takes a command.
    Room,
    Event(NetEvent),
}

/// Waits for the network, as far as something is wanted of it.
async fn network(net: &mut Option<(NetHandle, NetEvents)>, take: bool, give: bool) -> Option<News> {
    let Some((net, events)) = net else { return std::future::pending().await };
    tokio::select! {
        biased;
        () = net.room(), if give => Some(News::Room),
        event = events.recv(), if take => event.map(News::Event),
        () = std::future::pending() => None,
    }
}

#[cfg(test)]
mod tests;
