//! The node at work: one loop that owns the mailboxes and carries between them, the network and the disk. It decides nothing.

use crate::ballast::Ballast;
use crate::clock::{Clock, wall};
use crate::config::{Config, ConfigError, TurnSetup};
use crate::keep::{self, KeepError, Kept, record_row};
use crate::metrics::{self, Report};
use crate::turn::{Relay, Setup, TurnError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use veche_node::net::{NetCmd, NetError, NetEvent, NetEvents, NetHandle, ServerConfig, Shelf, ShelfRules, serve};
use veche_node::store::vault::VaultError;
use veche_node::store::writer::{CommitError, Committed, Store};
use veche_protocol::identity::login::TagCost;
use veche_protocol::ids::{CommitId, DirectoryKey, LinkId, PeerKey, ReadId};
use veche_protocol::limits;
use veche_protocol::link::{Hint, Proto};
use veche_protocol::mailbox::server::{self as mailbox, Effect, Frame, Input, Server};
use veche_protocol::store::{Found, Key, Read, Write};
use veche_protocol::turn::desk::{self, Answer, Desk};
use veche_protocol::turn::user::Secret;

/// Acknowledgements of the disk that may wait: more than the commits that can be under way.
const ACKS: usize = 2048;
/// Changed records that may wait for the disk. Beyond it they are not kept across a restart; their owners renew them.
const RECORDS: usize = 4096;
/// Records written in one commit.
const RECORDS_AT_ONCE: usize = 64;
/// Commits of records under way. With those of the mailboxes they stay below what the store queues.
const RECORD_COMMITS: usize = 128;
/// Commands on their way to the network.
const COMMANDS: usize = 256;
/// How often the figures for `/metrics` are renewed.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How often the size of the database is asked for, in reports.
const SIZE_EVERY: u32 = 30;
/// How often other operators' nodes are dialled that are not connected.
const PEERS_EVERY: Duration = Duration::from_secs(60);
/// How often room on the disk is looked for that had to be given up.
const ROOM_EVERY: Duration = Duration::from_secs(30);
/// Time that the network has to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// Marks the commits of records among the tokens of the store; the mailboxes count from one.
const RECORD_TOKEN: u64 = 1 << 63;

/// Why a node does not start. Each is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The data folder.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The relay for calls.
    #[error(transparent)]
    Turn(#[from] TurnError),
    /// The place for metrics.
    #[error("Metrics cannot be served at {0} ({1}). Choose another address in the settings, or \"\" for none.")]
    Metrics(SocketAddr, std::io::Error),
    /// The system refused something else.
    #[error("The system refused to start the node ({0}).")]
    System(String),
}

/// A node that runs.
pub struct Running {
    peer: PeerKey,
    metrics: Option<SocketAddr>,
    addresses: mpsc::Receiver<Hint>,
    stop: oneshot::Sender<()>,
    work: JoinHandle<()>,
}

impl Running {
    /// Its public transport key.
    #[must_use]
    pub fn peer(&self) -> PeerKey {
        self.peer
    }

    /// Where metrics are served.
    #[must_use]
    pub fn metrics(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The next address at which this node listens; `None` once it has ended.
    pub async fn address(&mut self) -> Option<Hint> {
        self.addresses.recv().await
    }

    /// Ends the node: finishes what is being written, says goodbye to everybody.
    pub async fn stop(self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        if self.work.await.is_err() {
            tracing::error!("the node broke off");
        }
    }
}

/// Starts a node on the current runtime.
///
/// # Errors
/// A setting, the data folder or the network cannot be used.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let (listen, external, peers) = (config.listen_addrs()?, config.external_addrs()?, config.peer_hints()?);
    let (limits, most, metrics, turn) = (config.mailbox_limits()?, config.server_limits()?, config.metrics_addr()?, config.turn_setup()?);

    let (acked, acks) = mpsc::channel(ACKS);
    let report = Box::new(move |done: Committed| {
        // There is room for all that are under way. After the loop has ended nobody asks.
        let _ = acked.try_send(done);
    });
    let data = config.data.clone();
    let kept = tokio::task::spawn_blocking(move || keep::open(&data, wall().0, report));
    let kept: Kept = kept.await.map_err(|why| StartError::System(why.to_string()))??;

    let (changed, changes) = mpsc::channel(RECORDS);
    let unsaved = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = unsaved.clone();
    let on_change = Box::new(move |key: &DirectoryKey, value: Option<&[u8]>| {
        if changed.try_send((*key, value.map(<[u8]>::to_vec))).is_err() {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let rules = ShelfRules { work: limits::CLAIM_WORK, tags: TagCost::REAL, salt: kept.sampling };
    let shelf = Shelf::new(rules, kept.records, on_change).map_err(|why| StartError::System(why.to_string()))?;
    let server = ServerConfig { listen, limits: most, ..ServerConfig::new(kept.transport_seed, 0, external, Box::new(shelf)) };
    let (net, events) = serve(server)?;

    let peer = net.peer();
    let clock = Clock::start();
    let seed = draw()?;
    let secret = Secret::new(kept.turn);
    let (relay, life) = match turn {
        Some(setup) => {
            let TurnSetup { listen, external, ports, limits, private, life } = setup;
            let setup = Setup { listen, external, ports, limits, private, secret: secret.clone(), seed: draw()? };
            (Some(Relay::start(setup, clock)?), life)
        }
        None => (None, Duration::ZERO),
    };
    let urls = relay.as_ref().map(|relay| relay.urls().to_vec()).unwrap_or_default();
    let desk = Desk::new(desk::Config { urls, secret, life, seed: draw()? });
    let boxes = Server::new(mailbox::Config { node: peer, limits, seed }, clock.now(), &kept.queues, &kept.slips);

    let (told, reports) = watch::channel(Report::default());
    let mut served = JoinSet::new();
    let mut at = None;
    if let Some(addr) = metrics {
        let listener = metrics::bind(addr).await.map_err(|why| StartError::Metrics(addr, why))?;
        at = listener.local_addr().ok();
        served.spawn(metrics::serve(listener, net.clone(), reports));
    }
    let (stop, stopped) = oneshot::channel();
    let (addressed, addresses) = mpsc::channel(COMMANDS);
    let (commands, waiting) = mpsc::channel(COMMANDS);
    let carrier = tokio::spawn(carry(net.clone(), waiting));
    let work = Loop {
        net,
        store: kept.store,
        boxes,
        desk,
        relay,
        clock,
        commands,
        // The others that are part of the directory; nobody else becomes one.
        outbox: VecDeque::from([NetCmd::Operators(peers.clone())]),
        reads: JoinSet::new(),
        records: BTreeMap::new(),
        record_commits: 0,
        next_token: RECORD_TOKEN,
        unsaved,
        peers,
        connected: BTreeMap::new(),
        told,
        reported: 0,
        disk: 0,
        addressed,
        ballast: Ballast::new(&config.data, config.reserve_mib),
        taking: JoinSet::new(),
        sizing: JoinSet::new(),
    };
    let work = tokio::spawn(async move {
        work.run(events, acks, changes, stopped).await;
        drop(served);
        carrier.abort();
    });
    Ok(Running { peer, metrics: at, addresses, stop, work })
}

fn draw() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|why| StartError::System(why.to_string()))?;
    Ok(seed)
}

/// Carries commands to the network, which may make wait; the loop itself never does, or the two could wait for each other.
async fn carry(net: NetHandle, mut waiting: mpsc::Receiver<NetCmd>) {
    while let Some(command) = waiting.recv().await {
        if net.send(command).await.is_err() {
            return;
        }
    }
}

struct Loop {
    net: NetHandle,
    store: Store,
    boxes: Server,
    /// Gives out names for the relay for calls.
    desk: Desk,
    relay: Option<Relay>,
    clock: Clock,
    commands: mpsc::Sender<NetCmd>,
    /// Commands for which there was no room yet. The windows of the mailboxes and the rates of the links bound it.
    outbox: VecDeque<NetCmd>,
    reads: JoinSet<(ReadId, Vec<Frame>)>,
    /// Changed records that wait for the disk; a newer change replaces an older one.
    records: BTreeMap<DirectoryKey, Option<Vec<u8>>>,
    record_commits: usize,
    next_token: u64,
    unsaved: std::sync::Arc<std::sync::atomic::AtomicU64>,
    peers: Vec<Hint>,
    connected: BTreeMap<LinkId, (PeerKey, IpAddr)>,
    told: watch::Sender<Report>,
    reported: u32,
    disk: u64,
    addressed: mpsc::Sender<Hint>,
    ballast: Ballast,
    /// Room that is being taken on the disk.
    taking: JoinSet<std::io::Result<()>>,
    /// The database is being measured, which a slow disk makes long.
    sizing: JoinSet<Option<u64>>,
}

impl Loop {
    async fn run(
        mut self,
        mut events: NetEvents,
        mut acks: mpsc::Receiver<Committed>,
        mut changes: mpsc::Receiver<(DirectoryKey, Option<Vec<u8>>)>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let mut report = tokio::time::interval(REPORT_EVERY);
        let mut redial = tokio::time::interval(PEERS_EVERY);
        let mut room = tokio::time::interval(ROOM_EVERY);
        loop {
            self.work();
            let due = self.clock.instant(self.boxes.next_timeout());
            let commands = self.commands.clone();
            // The disk first: it frees what everybody else waits for.
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                Some(done) = acks.recv() => self.acknowledged(&done),
                Some(read) = self.reads.join_next() => {
                    if let Ok((read, frames)) = read {
                        self.boxes.handle(self.clock.now(), Input::Found { read, frames });
                    }
                }
                Ok(place) = commands.reserve(), if !self.outbox.is_empty() => {
                    if let Some(command) = self.outbox.pop_front() {
                        place.send(command);
                    }
                }
                Some(taken) = self.taking.join_next() => self.took_room(taken.is_ok_and(|taken| taken.is_ok())),
                event = events.recv() => match event {
                    Some(event) => self.event(event),
                    None => {
                        tracing::error!("the network ended by itself");
                        break;
                    }
                },
                Some((key, value)) = changes.recv(), if self.records.len() < RECORDS => {
                    self.records.insert(key, value);
                }
                () = tokio::time::sleep_until(due.into()) => self.boxes.handle(self.clock.now(), Input::Tick),
                Some(size) = self.sizing.join_next() => self.disk = size.ok().flatten().unwrap_or(self.disk),
                _ = report.tick() => self.report(),
                _ = redial.tick() => self.dial_peers(),
                _ = room.tick() => self.take_room(),
            }
        }
        self.end(changes).await;
    }

    /// Carries out what the mailboxes want, and writes records.
    fn work(&mut self) {
        while let Some(effect) = self.boxes.poll() {
            match effect {
                Effect::Commit { commit, writes } => {
                    if self.store.try_commit(commit.0, writes).is_err() {
                        self.boxes.handle(self.clock.now(), Input::Committed { commit, durable: false });
                    }
                }
                Effect::Recover => {
                    if self.store.resume().is_err() {
                        tracing::error!("the store is closed");
                    }
                }
                Effect::Read { read, keys } => {
                    let store = self.store.clone();
                    self.reads.spawn_blocking(move || (read, read_frames(&store, keys)));
                }
                Effect::Send { link, frame } => {
                    self.outbox.push_back(NetCmd::Send { link, proto: Proto::Mailbox, frame, receipt: None });
                }
                Effect::Close(link) => self.outbox.push_back(NetCmd::Close { link }),
            }
        }
        while !self.records.is_empty() && self.record_commits < RECORD_COMMITS {
            let writes: Vec<Write> = std::iter::from_fn(|| self.records.pop_first())
                .take(RECORDS_AT_ONCE)
                .map(|(key, value)| record_row(&key, value.as_deref()))
                .collect();
            self.next_token = self.next_token.saturating_add(1);
            if self.store.try_commit(self.next_token, writes).is_err() {
                break;
            }
            self.record_commits = self.record_commits.saturating_add(1);
        }
    }

    fn acknowledged(&mut self, done: &Committed) {
        match &done.result {
            Ok(()) | Err(CommitError::Stopped) => {}
            Err(error) => {
                tracing::warn!(%error, "the disk refused");
                self.took_room(false);
            }
        }
        if done.token >= RECORD_TOKEN {
            self.record_commits = self.record_commits.saturating_sub(1);
        } else {
            let input = Input::Committed { commit: CommitId(done.token), durable: done.result.is_ok() };
            self.boxes.handle(self.clock.now(), input);
        }
    }

    /// Takes back the room on the disk that had to be given up, once the disk works.
    fn take_room(&mut self) {
        if self.taking.is_empty() && !self.boxes.stats().trouble {
            let ballast = self.ballast.clone();
            self.taking.spawn_blocking(move || ballast.take());
        }
    }

    fn took_room(&mut self, room: bool) {
        if !room {
            self.ballast.give_up();
        }
        if self.boxes.stats().crowded == room {
            if room {
                tracing::info!("the disk has room");
            } else {
                tracing::warn!("the disk is full or fails: nothing new is taken until there is room again");
            }
            self.boxes.handle(self.clock.now(), Input::Room(room));
        }
    }

    fn event(&mut self, event: NetEvent) {
        let now = self.clock.now();
        match event {
            NetEvent::LinkUp { link, info } => {
                let ip = info.addr.socket.ip();
                self.connected.insert(link, (info.peer, ip));
                self.boxes.handle(now, Input::LinkUp { link, peer: info.peer, ip, sponsor: None });
            }
            NetEvent::LinkDown { link, .. } => {
                self.connected.remove(&link);
                self.boxes.handle(now, Input::LinkDown(link));
            }
            NetEvent::Frame { link, proto: Proto::Mailbox, frame } => self.boxes.handle(now, Input::Frame { link, frame }),
            NetEvent::Frame { link, proto: Proto::Turn, frame } => self.caller_asks(link, &frame),
            NetEvent::Listening(addr) => {
                // Whoever shows addresses may have stopped doing so.
                let _ = self.addressed.try_send(Hint { peer: self.net.peer(), addr });
            }
            NetEvent::ListenFailed { why, .. } => tracing::error!(%why, "an address of the settings cannot be listened on"),
            _ => {}
        }
    }

    /// Somebody wants a name for the relay for calls.
    fn caller_asks(&mut self, link: LinkId, frame: &[u8]) {
        let Some((peer, ip)) = self.connected.get(&link).copied() else { return };
        match self.desk.frame(self.clock.now(), &peer, ip, frame) {
            Answer::Send(frame) => self.outbox.push_back(NetCmd::Send { link, proto: Proto::Turn, frame, receipt: None }),
            Answer::Close => self.outbox.push_back(NetCmd::Close { link }),
            Answer::Nothing => {}
        }
    }

    fn dial_peers(&mut self) {
        let connected: BTreeSet<PeerKey> = self.connected.values().map(|(peer, _)| *peer).collect();
        for hint in self.peers.iter().filter(|hint| !connected.contains(&hint.peer)) {
            self.outbox.push_back(NetCmd::Dial { peer: Some(hint.peer), addrs: vec![hint.addr] });
        }
    }

    fn report(&mut self) {
        if self.reported.is_multiple_of(SIZE_EVERY) && self.sizing.is_empty() {
            let store = self.store.clone();
            self.sizing.spawn_blocking(move || store.size().ok());
        }
        self.reported = self.reported.wrapping_add(1);
        let records_unsaved = self.unsaved.load(std::sync::atomic::Ordering::Relaxed);
        self.told.send_replace(Report {
            mailbox: self.boxes.stats(),
            turn: self.relay.as_ref().map(Relay::stats).unwrap_or_default(),
            names: self.desk.stats(),
            turn_broken: self.relay.as_mut().is_some_and(Relay::is_broken),
            disk: self.disk,
            records_unsaved,
        });
    }

    async fn end(mut self, mut changes: mpsc::Receiver<(DirectoryKey, Option<Vec<u8>>)>) {
        if tokio::time::timeout(GOODBYE, self.net.shutdown()).await.is_err() {
            tracing::warn!("not everybody could be said goodbye to");
        }
        while let Ok((key, value)) = changes.try_recv() {
            self.records.insert(key, value);
        }
        if let Some(relay) = self.relay.take() {
            relay.stop().await;
        }
        self.record_commits = 0;
        self.work();
        let store = self.store.clone();
        if tokio::task::spawn_blocking(move || store.close()).await.is_err() {
            tracing::error!("the store did not close");
        }
    }
}

/// Reads frames one by one: a damaged one must not keep the others from their reader.
fn read_frames(store: &Store, keys: Vec<Key>) -> Vec<Frame> {
    let read = |key| match store.read(&Read::Get(vec![key])) {
        Ok(Found::Values(values)) => values.into_iter().next().flatten().map_or(Frame::Lost, Frame::Whole),
        Ok(Found::Rows(_)) | Err(VaultError::Unreadable { .. }) => Frame::Lost,
        Err(error) => {
            tracing::warn!(%error, "the disk did not give back a frame");
            Frame::Later
        }
    };
    keys.into_iter().map(read).collect()
}
