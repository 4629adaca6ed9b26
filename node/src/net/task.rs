//! The task that owns the swarm. It takes commands, libp2p's events, reports of the pipes and the time, asks the pure parts what follows, and
//! does it. It never waits for a single party: if the core takes no events, a bounded number gathers here, then it stops reading the network.

mod connections;
mod doors;
mod goodbye;
mod nearby;
mod outside;
mod streams;

use super::addr::to_peer_id;
use super::api::{DownReason, NetCmd, NetConfig, NetEvent};
use super::behaviour::{Behaviour, BehaviourEvent};
use super::circuits::{Circuits, Limit};
use super::dials::{Attempt, Dials};
use super::directory::Questions;
use super::discovery::Discovery;
use super::links::{Action, Links, Patience};
use super::meter::Meters;
use super::nearby::{self as announced, Nearby};
use super::opening::Opening;
use super::outside::Outside;
use super::partings::Partings;
use super::pipe::{Counters, Parcel, Report, Sink, Tools};
use super::relays::Relays;
use super::server::Ledger;
use super::wake::Watch;
use super::wires::Wires;
use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::{ConnectionId, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, ping};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use veche_protocol::ids::{LinkId, PeerKey};
use veche_protocol::link::Addr;

/// Events that may gather here before the network is no longer read.
const OUTBOX: usize = 1024;

/// Reports of pipes that may wait.
const REPORTS: usize = 256;

/// Commands taken in one go.
const COMMAND_BATCH: usize = 64;

#[cfg(test)]
pub(super) use streams::MAX_HEADS;

/// What kind of node this is.
pub(super) enum Role {
    /// Somebody's device, with the meters of its circuits.
    Desktop(Meters),
    /// An operator's node, reached at these addresses.
    Server(Vec<Addr>),
}

/// The ends that lead to the rest of the node.
pub(super) struct Ends {
    pub(super) commands: mpsc::Receiver<NetCmd>,
    pub(super) sink: Sink,
    pub(super) counters: Arc<Counters>,
    pub(super) stop: Arc<Notify>,
}

/// See the module.
pub(super) struct Task {
    me: PeerKey,
    config: NetConfig,
    role: Role,
    swarm: Swarm<Behaviour>,
    commands: mpsc::Receiver<NetCmd>,
    sink: Sink,
    counters: Arc<Counters>,
    stop: Arc<Notify>,
    outbox: VecDeque<NetEvent>,
    /// When the outbox became full, while it is.
    full_since: Option<Instant>,
    send_reports: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
    links: Links,
    wires: Wires,
    partings: Partings,
    /// Whom each link leads to.
    peers: BTreeMap<LinkId, PeerKey>,
    heads: JoinSet<ConnectionId>,
    heads_of: HashMap<ConnectionId, usize>,
    dials: Dials,
    /// Attempts that wait: while the sockets open, or for a relay that is being dialled, as libp2p would fail them at once.
    held: Vec<Attempt>,
    opening: Opening,
    /// Connections that libp2p made for itself, to a relay or a node of the directory.
    unasked: BTreeSet<ConnectionId>,
    /// Connections dialled from the port that this node listens on.
    own_port: BTreeSet<ConnectionId>,
    /// Links over unasked connections, which the core has not asked for and does not know of.
    hidden: BTreeSet<LinkId>,
    listeners: HashMap<ListenerId, Addr>,
    watch: Watch,
    nearby: Nearby,
    discovery: Option<Discovery>,
    friends: BTreeSet<PeerKey>,
    relays: Relays,
    outside: Outside,
    circuits: Circuits,
    /// Circuits under way that replace one.
    fresh: BTreeMap<ConnectionId, PeerKey>,
    /// What each relay lets through a circuit, as it last said.
    limits: BTreeMap<PeerId, Limit>,
    ledger: Ledger,
    /// Operators' nodes that are doors to the directory.
    doors: BTreeMap<PeerKey, BTreeSet<Addr>>,
    questions: Questions,
    /// What other nodes of the directory say about where they are; on an operator's node only.
    neighbours: BTreeMap<PeerId, BTreeSet<Multiaddr>>,
}

impl Task {
    pub(super) fn new(me: PeerKey, config: NetConfig, role: Role, swarm: Swarm<Behaviour>, ends: Ends) -> Self {
        let Ends { commands, sink, counters, stop } = ends;
        let (send_reports, reports) = mpsc::channel(REPORTS);
        let tools = Tools { sink: sink.clone(), reports: send_reports.clone(), counters: counters.clone() };
        Self {
            links: Links::new(me, Patience::new(config.ping_interval, config.ping_timeout)),
            me,
            config,
            role,
            swarm,
            commands,
            sink,
            counters,
            stop,
            outbox: VecDeque::new(),
            full_since: None,
            send_reports,
            reports,
            wires: Wires::new(tools),
            partings: Partings::default(),
            peers: BTreeMap::new(),
            heads: JoinSet::new(),
            heads_of: HashMap::new(),
            dials: Dials::default(),
            held: Vec::new(),
            opening: Opening::new(Instant::now(), []),
            unasked: BTreeSet::new(),
            own_port: BTreeSet::new(),
            hidden: BTreeSet::new(),
            listeners: HashMap::new(),
            watch: Watch::new(Instant::now(), SystemTime::now()),
            nearby: Nearby::default(),
            discovery: None,
            friends: BTreeSet::new(),
            // Without randomness all nodes wait equally long: unkind to a relay, nothing worse.
            relays: Relays::new(getrandom::u64().unwrap_or_default()),
            outside: Outside::default(),
            circuits: Circuits::default(),
            fresh: BTreeMap::new(),
            limits: BTreeMap::new(),
            ledger: Ledger::default(),
            doors: BTreeMap::new(),
            questions: Questions::default(),
            neighbours: BTreeMap::new(),
        }
    }

    /// Runs until told to stop, until the last handle is dropped, or until nobody takes events.
    pub(super) async fn run(mut self) {
        self.listen();
        self.expose();
        if self.config.mdns {
            self.start_discovery();
        }
        let parcels = self.sink.parcels.clone();
        loop {
            self.settle();
            let reading = self.reading();
            let deadline = self.deadline().into();
            tokio::select! {
                () = self.stop.notified() => break,
                () = parcels.closed() => break,
                // Room for an event is all that is waited for; the next turn uses it.
                _ = parcels.reserve(), if !self.outbox.is_empty() => {}
                command = self.commands.recv(), if reading => {
                    let Some(command) = command else { break };
                    self.command(command);
                    for _ in 0..COMMAND_BATCH {
                        let Ok(command) = self.commands.try_recv() else { break };
                        self.command(command);
                    }
                }
                Some(report) = self.reports.recv() => self.report(report),
                event = self.swarm.select_next_some(), if reading => self.swarm_event(event),
                heard = nearby::hear(&mut self.discovery), if reading => self.heard(heard),
                crashed = self.wires.ended() => {
                    if let Some(link) = crashed {
                        self.links.end(link, DownReason::Closed);
                    }
                    self.tick_partings(Instant::now());
                }
                Some(head) = self.heads.join_next(), if !self.heads.is_empty() => {
                    if let Ok(conn) = head {
                        self.head_done(conn);
                    }
                }
                () = tokio::time::sleep_until(deadline) => self.tick(),
            }
        }
        self.goodbye().await;
    }

    /// Does what the connection manager decided, and passes on events while the core takes them.
    fn settle(&mut self) {
        while let Some(action) = self.links.poll() {
            match action {
                Action::Up { link, info, on } => {
                    let (Some(peer), Ok(session)) = (to_peer_id(&info.peer), getrandom::u64()) else {
                        // Without randomness no session can be told from another.
                        self.links.end(link, DownReason::Closed);
                        continue;
                    };
                    self.wires.up(link, peer, session);
                    self.peers.insert(link, info.peer);
                    if self.unasked.contains(&on) && !self.friends.contains(&info.peer) {
                        self.hidden.insert(link);
                    } else {
                        self.outbox.push_back(NetEvent::LinkUp { link, info });
                    }
                    self.went(peer, on, &info);
                }
                Action::Down { link, why } => {
                    if let Some(peer) = self.peers.remove(&link) {
                        self.ended(&peer);
                    }
                    self.wires.down(link);
                    if !self.hidden.remove(&link) {
                        self.outbox.push_back(NetEvent::LinkDown { link, why });
                    }
                }
                Action::Move { link, info, to } => {
                    if let Some(peer) = self.wires.peer(link) {
                        self.went(peer, to, &info);
                    }
                    self.wires.moved(link);
                    if !self.hidden.contains(&link) {
                        self.outbox.push_back(NetEvent::LinkMoved { link, info });
                    }
                }
                Action::Close { conn } => {
                    if !self.links.owner(conn).is_some_and(|peer| self.partings.hold(peer, conn)) {
                        self.swarm.close_connection(conn);
                    }
                }
            }
        }
        self.settle_relays();
        while !self.outbox.is_empty() {
            let Ok(permit) = self.sink.parcels.try_reserve() else { break };
            let Some(event) = self.outbox.pop_front() else { break };
            self.wires.reported(&event);
            permit.send(Parcel { event, _share: None });
        }
        self.counters.links.store(self.links.len() as u64, Ordering::Relaxed);
        self.counters.connections.store(self.links.connections() as u64, Ordering::Relaxed);
    }

    /// Whether there is room for what the network may bring. While there is not, no pings are seen, so silence proves nothing.
    fn reading(&mut self) -> bool {
        let full = self.outbox.len() >= OUTBOX;
        match (full, self.full_since) {
            (true, None) => self.full_since = Some(Instant::now()),
            (false, Some(_)) => {
                self.full_since = None;
                self.links.forgive(Instant::now());
            }
            _ => {}
        }
        !full
    }

    fn deadline(&self) -> Instant {
        let links = self.links.next_deadline().filter(|_| self.full_since.is_none());
        let due = [
            links,
            self.opening.next_deadline(),
            self.nearby.next_deadline(),
            self.relays.next_deadline(),
            self.circuits.next_deadline(),
            self.partings.next_deadline(),
        ];
        due.into_iter().flatten().fold(self.watch.next_deadline(), Instant::min)
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if self.opening.ended(now) {
            self.release();
        }
        self.tick_partings(now);
        if self.full_since.is_none() {
            self.links.tick(now);
        }
        self.relays.tick(now);
        for (peer, addr) in self.circuits.tick(now) {
            self.open_fresh(now, peer, addr);
        }
        for change in self.nearby.tick(now) {
            self.outbox.push_back(match change {
                announced::Change::Here(peer, addrs) => NetEvent::Nearby { peer, addrs },
                announced::Change::Gone(peer) => NetEvent::NearbyGone { peer },
            });
        }
        if self.watch.tick(now, SystemTime::now()) {
            self.network_changed(now);
        }
    }

    fn network_changed(&mut self, now: Instant) {
        self.links.network_changed(now);
        self.outside.network_changed();
        self.circuits.network_changed();
        self.outbox.push_back(NetEvent::NetworkChanged);
        if self.config.mdns {
            self.nearby.restarted(now);
            self.start_discovery();
        }
    }

    fn command(&mut self, command: NetCmd) {
        match command {
            NetCmd::Dial { peer, addrs } => self.dial(peer, addrs),
            NetCmd::Send { link, proto, frame, receipt } => {
                if let Err(why) = self.wires.send(link, proto, frame, receipt) {
                    self.links.end(link, why);
                }
            }
            NetCmd::Close { link } => self.part(link),
            NetCmd::Doubt { link } => self.links.doubt(Instant::now(), link),
            NetCmd::Operators(list) => self.operators(&list),
            NetCmd::Friends(friends) => self.befriend(friends),
            NetCmd::DirectoryGet { id, key } => self.question(id, |questions, kad| questions.get(kad, id, &key)),
            NetCmd::DirectoryPut { id, key, value } => self.question(id, |questions, kad| questions.put(kad, id, &key, value)),
            NetCmd::Announce(on) if on == self.config.mdns => {}
            NetCmd::Announce(on) => {
                self.config.mdns = on;
                if on {
                    self.start_discovery();
                } else {
                    self.discovery = None;
                    self.outbox.extend(self.nearby.clear().into_iter().map(|peer| NetEvent::NearbyGone { peer }));
                }
            }
        }
    }

    fn swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        let now = Instant::now();
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Streams(inbound)) => self.inbound(inbound),
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event { connection, result, .. })) => match result {
                Ok(_) => self.links.alive(now, connection),
                // No Veche node; the patience with silence is its grace.
                Err(ping::Failure::Unsupported) => {}
                Err(_) => self.links.fail(connection, DownReason::Silent),
            },
            SwarmEvent::Behaviour(event) => self.around(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.established(now, peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.unasked.remove(&connection_id);
                self.own_port.remove(&connection_id);
                self.links.closed(connection_id);
                self.partings.closed(connection_id);
                self.release();
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => self.dial_failed(now, connection_id, &error),
            SwarmEvent::IncomingConnectionError { error: ListenError::Denied { .. }, .. } => self.refused(),
            SwarmEvent::NewListenAddr { listener_id, address } => self.listening(now, listener_id, address, true),
            SwarmEvent::ExpiredListenAddr { listener_id, address } => self.listening(now, listener_id, address, false),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                for address in addresses {
                    self.listening(now, listener_id, address, false);
                }
                self.relays.closed(now, listener_id);
                self.opening.closed(now, listener_id);
                if let (Some(addr), Err(error)) = (self.listeners.remove(&listener_id), reason) {
                    self.outbox.push_back(NetEvent::ListenFailed { addr, why: error.to_string() });
                }
            }
            _ => {}
        }
    }

    fn refused(&self) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
    }
}
