//! The task that owns the swarm. It takes commands, libp2p's events, reports of the pipes and the time, asks the pure parts what follows, and
//! does it. It never waits for a single party: if the core takes no events, a bounded number gathers here, then it stops reading the network.

use super::addr::{from_multiaddr, to_multiaddr, to_peer_id, to_peer_key};
use super::api::{DialFailure, DownReason, NetCmd, NetConfig, NetEvent, Profile};
use super::behaviour::{Behaviour, BehaviourEvent};
use super::dials::{Attempt, Dials, Next, failure_of};
use super::discovery::{Discovery, Heard};
use super::lan::is_lan;
use super::links::{Action, Links, Patience, Verdict};
use super::listen::check_free;
use super::nearby::{self, Nearby};
use super::partings::Partings;
use super::pipe::{Counters, Opening, Parcel, Report, Sink, Tools, Turn, read_head};
use super::streams::Inbound;
use super::wake::Watch;
use super::wires::Wires;
use futures::StreamExt;
use libp2p::core::transport::ListenerId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, ping};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, DirectoryEnd, Proto, Side};

mod goodbye;

/// Events that may gather here before the network is no longer read.
const OUTBOX: usize = 1024;

/// Reports of pipes that may wait.
const REPORTS: usize = 256;

/// Commands taken in one go.
const COMMAND_BATCH: usize = 64;

/// Inbound streams of one connection whose head may be missing.
pub(super) const MAX_HEADS: usize = 2 * Proto::ALL.len();

/// See the module.
pub(super) struct Task {
    me: PeerKey,
    config: NetConfig,
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
    heads: JoinSet<ConnectionId>,
    heads_of: HashMap<ConnectionId, usize>,
    dials: Dials,
    listeners: HashMap<ListenerId, Addr>,
    watch: Watch,
    nearby: Nearby,
    discovery: Option<Discovery>,
}

impl Task {
    pub(super) fn new(
        me: PeerKey,
        config: NetConfig,
        swarm: Swarm<Behaviour>,
        commands: mpsc::Receiver<NetCmd>,
        sink: Sink,
        counters: Arc<Counters>,
        stop: Arc<Notify>,
    ) -> Self {
        let (send_reports, reports) = mpsc::channel(REPORTS);
        let tools = Tools { sink: sink.clone(), reports: send_reports.clone(), counters: counters.clone() };
        Self {
            links: Links::new(me, Patience::new(config.ping_interval, config.ping_timeout)),
            me,
            config,
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
            heads: JoinSet::new(),
            heads_of: HashMap::new(),
            dials: Dials::default(),
            listeners: HashMap::new(),
            watch: Watch::new(Instant::now(), SystemTime::now()),
            nearby: Nearby::default(),
            discovery: None,
        }
    }

    /// Runs until told to stop, until the last handle is dropped, or until nobody takes events.
    pub(super) async fn run(mut self) {
        self.listen();
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
                heard = hear(&mut self.discovery), if reading => self.heard(heard),
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

    fn listen(&mut self) {
        // All looks before the first listener: [::] and 0.0.0.0 would disturb each other.
        let looked: Vec<_> = self.config.listen.iter().map(|addr| (*addr, check_free(addr))).collect();
        for (addr, free) in looked {
            let listener = free.map_err(|error| error.to_string());
            match listener.and_then(|()| self.swarm.listen_on(to_multiaddr(&addr)).map_err(|error| error.to_string())) {
                Ok(id) => {
                    self.listeners.insert(id, addr);
                }
                Err(why) => self.outbox.push_back(NetEvent::ListenFailed { addr, why }),
            }
        }
    }

    /// Does what the connection manager decided, and passes on events while the core takes them.
    fn settle(&mut self) {
        while let Some(action) = self.links.poll() {
            match action {
                Action::Up { link, info, .. } => {
                    let (Some(peer), Ok(session)) = (to_peer_id(&info.peer), getrandom::u64()) else {
                        // Without randomness no session can be told from another.
                        self.links.end(link, DownReason::Closed);
                        continue;
                    };
                    self.wires.up(link, peer, session);
                    self.outbox.push_back(NetEvent::LinkUp { link, info });
                }
                Action::Down { link, why } => {
                    self.wires.down(link);
                    self.outbox.push_back(NetEvent::LinkDown { link, why });
                }
                Action::Move { link, .. } => self.wires.moved(link),
                Action::Close { conn } => {
                    if !self.links.owner(conn).is_some_and(|peer| self.partings.hold(peer, conn)) {
                        self.swarm.close_connection(conn);
                    }
                }
            }
        }
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
        [links, self.nearby.next_deadline(), self.partings.next_deadline()]
            .into_iter()
            .flatten()
            .fold(self.watch.next_deadline(), Instant::min)
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.tick_partings(now);
        if self.full_since.is_none() {
            self.links.tick(now);
        }
        for change in self.nearby.tick(now) {
            self.outbox.push_back(match change {
                nearby::Change::Here(peer, addrs) => NetEvent::Nearby { peer, addrs },
                nearby::Change::Gone(peer) => NetEvent::NearbyGone { peer },
            });
        }
        if self.watch.tick(now, SystemTime::now()) {
            self.links.network_changed(now);
            self.outbox.push_back(NetEvent::NetworkChanged);
            if self.config.mdns {
                self.nearby.restarted(now);
                self.start_discovery();
            }
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
            // This node speaks with no directory and through no relay.
            NetCmd::Operators(_) | NetCmd::Friends(_) => {}
            NetCmd::DirectoryGet { id, .. } | NetCmd::DirectoryPut { id, .. } => {
                self.outbox.push_back(NetEvent::DirectoryDone { id, end: DirectoryEnd::Nobody });
            }
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

    fn dial(&mut self, peer: Option<PeerKey>, mut addrs: Vec<Addr>) {
        if peer.is_some_and(|peer| self.links.healthy(&peer)) {
            return;
        }
        let refused = if peer == Some(self.me) {
            Some(DialFailure::Myself)
        } else if self.config.profile == Profile::LanOnly && !addrs.is_empty() && !addrs.iter().any(|addr| is_lan(addr.socket.ip())) {
            Some(DialFailure::NotLan)
        } else {
            None
        };
        if let Some(why) = refused {
            self.outbox.push_back(NetEvent::DialFailed { peer, addrs, why });
            return;
        }
        if self.config.profile == Profile::LanOnly {
            addrs.retain(|addr| is_lan(addr.socket.ip()));
        }
        if let Some(attempt) = self.dials.plan(peer, addrs) {
            self.attempt(attempt);
        }
    }

    fn attempt(&mut self, mut attempt: Attempt) {
        loop {
            let why = match self.start_attempt(&attempt) {
                Ok(id) => return self.dials.started(id, attempt),
                Err(why) => why,
            };
            match self.dials.over(attempt, why) {
                Some(Next::Again(again)) => attempt = again,
                Some(Next::Failed { peer, addrs, why }) => return self.outbox.push_back(NetEvent::DialFailed { peer, addrs, why }),
                None => return,
            }
        }
    }

    fn start_attempt(&mut self, attempt: &Attempt) -> Result<ConnectionId, DialFailure> {
        let addrs: Vec<Multiaddr> = attempt.addrs.iter().map(to_multiaddr).collect();
        let opts = match &attempt.peer {
            Some(peer) => {
                let peer = to_peer_id(peer).ok_or(DialFailure::Handshake)?;
                let opts = DialOpts::peer_id(peer).addresses(addrs).condition(PeerCondition::Always);
                if attempt.new_port { opts.allocate_new_port().build() } else { opts.build() }
            }
            None => DialOpts::unknown_peer_id().address(addrs.into_iter().next().ok_or(DialFailure::NoAddress)?).build(),
        };
        let id = opts.connection_id();
        self.swarm.dial(opts).map_err(|error| failure_of(&error, !attempt.addrs.is_empty()))?;
        Ok(id)
    }

    fn report(&mut self, report: Report) {
        match report {
            Report::Open { link, proto, reply } => {
                let conn = self.links.stream_out(link).or_else(|| self.partings.stream_out(link));
                let Some((peer, conn)) = conn.and_then(|conn| Some((to_peer_id(&self.links.owner(conn)?)?, conn))) else { return };
                let (give, stream) = futures::channel::oneshot::channel();
                self.swarm.behaviour_mut().streams.open(peer, conn, proto, give);
                // A writer that does not wait any more belongs to a link that just ended.
                let _ = reply.send(Opening { conn, stream });
            }
            Report::Head { conn, proto, head, stream } => match self.links.stream_in(conn, head.session, head.turn) {
                Verdict::Accept(link) => {
                    // The verdict may have brought the link up.
                    self.settle();
                    if let Err(why) = self.wires.accept(link, proto, Turn { conn, turn: head.turn, stream }) {
                        self.links.end(link, why);
                    }
                }
                Verdict::Refuse => self.refused(),
            },
            Report::Done { link, conn } => self.links.stream_done(link, conn),
            Report::Broken { link, conn } => {
                if self.wires.peer(link).is_some() {
                    self.links.fail(conn, DownReason::Closed);
                }
            }
            Report::End { link, why } => self.links.end(link, why),
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
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.dials.succeeded(connection_id);
                let side = if endpoint.is_dialer() { Side::Dialler } else { Side::Listener };
                match (to_peer_key(&peer_id), from_multiaddr(endpoint.get_remote_address())) {
                    (Some(peer), Ok((addr, _))) => self.links.established(now, connection_id, peer, side, addr),
                    _ => {
                        self.swarm.close_connection(connection_id);
                    }
                }
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.links.closed(connection_id);
                self.partings.closed(connection_id);
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                match self.dials.failed(connection_id, failure_of(&error, true)) {
                    Some(Next::Again(attempt)) => self.attempt(attempt),
                    Some(Next::Failed { peer, addrs, why }) => self.outbox.push_back(NetEvent::DialFailed { peer, addrs, why }),
                    None => {}
                }
            }
            SwarmEvent::IncomingConnectionError { error: ListenError::Denied { .. }, .. } => self.refused(),
            SwarmEvent::NewListenAddr { address, .. } => self.listening(now, address, true),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.listening(now, address, false),
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                for address in addresses {
                    self.listening(now, address, false);
                }
                if let (Some(addr), Err(error)) = (self.listeners.remove(&listener_id), reason) {
                    self.outbox.push_back(NetEvent::ListenFailed { addr, why: error.to_string() });
                }
            }
            _ => {}
        }
    }

    fn listening(&mut self, now: Instant, address: Multiaddr, up: bool) {
        let Ok((addr, _)) = from_multiaddr(&address) else { return };
        let ip = addr.socket.ip();
        if up {
            self.watch.address_up(now, ip);
        } else {
            self.watch.address_down(now, ip);
        }
        self.outbox.push_back(if up { NetEvent::Listening(addr) } else { NetEvent::ListeningGone(addr) });
        if let Some(discovery) = &self.discovery {
            discovery.listening(address, up);
        }
    }

    fn inbound(&mut self, Inbound { conn, proto, stream }: Inbound) {
        let waiting = self.heads_of.entry(conn).or_default();
        if *waiting >= MAX_HEADS {
            return self.refused();
        }
        *waiting = waiting.saturating_add(1);
        let reports = self.send_reports.clone();
        self.heads.spawn(async move {
            read_head(conn, proto, stream, reports).await;
            conn
        });
    }

    fn head_done(&mut self, conn: ConnectionId) {
        if let Some(waiting) = self.heads_of.get_mut(&conn) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                self.heads_of.remove(&conn);
            }
        }
    }

    fn refused(&self) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
    }

    fn start_discovery(&mut self) {
        // The old one first: two at a time would answer twice.
        self.discovery = None;
        let addrs = self.swarm.listeners().cloned().collect();
        match Discovery::start(*self.swarm.local_peer_id(), addrs) {
            Ok(discovery) => self.discovery = Some(discovery),
            Err(error) => tracing::warn!(%error, "no discovery on the local network"),
        }
    }

    fn heard(&mut self, heard: Option<Heard>) {
        let now = Instant::now();
        match heard {
            Some(Heard::Here(list)) => {
                for (peer, addr) in self.plausible(&list) {
                    self.nearby.here(now, peer, addr);
                }
            }
            Some(Heard::Gone(list)) => {
                for (peer, addr) in self.plausible(&list) {
                    self.nearby.gone(now, peer, addr);
                }
            }
            // Tried again when the network changes.
            None => self.discovery = None,
        }
    }

    /// The announcements that can be meant seriously.
    fn plausible(&self, list: &[(PeerId, Multiaddr)]) -> Vec<(PeerKey, Addr)> {
        let plausible = |(peer, addr): &(PeerId, Multiaddr)| {
            let key = to_peer_key(peer).filter(|key| *key != self.me)?;
            let (addr, _) = from_multiaddr(addr).ok()?;
            let ip = addr.socket.ip();
            let allowed = self.config.profile == Profile::Open || is_lan(ip);
            (allowed && !ip.is_loopback() && !ip.is_unspecified() && addr.socket.port() != 0).then_some((key, addr))
        };
        list.iter().filter_map(plausible).collect()
    }
}

async fn hear(discovery: &mut Option<Discovery>) -> Option<Heard> {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => std::future::pending().await,
    }
}
