//! The simulated network, as the core's shell would report it: one link per pair of nodes, ordered frames on each protocol of a
//! link, ends that can die without a word, machines that cannot reach each other for a while, discovery on a local network.
//!
//! Pure: calls and arrivals in, arrivals with their times and inputs for cores out. Loss costs time and never bytes, because
//! the transports below a link retransmit; what is lost for good is lost with the link.

mod relay;
mod wire;

use crate::dice::Dice;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use veche_protocol::core::input::Input;
use veche_protocol::crypto::sign::SigningKey;
use veche_protocol::ids::{LinkId, PeerKey};
use veche_protocol::link::{Addr, LinkInfo, Proto, Side, Transport};
pub use wire::Tapped;
use wire::Wire;

/// Port of every node.
const PORT: u16 = 4433;
/// Silence after which an end is given up, in ms: two pings and a timeout of the network shell, and what scheduling adds.
const DEAD_AFTER: (u64, u64) = (10_000, 20_000);
/// A dial that nobody answers fails after this, in ms.
const DIAL_TIMEOUT: u64 = 5_000;
/// Time within which nodes of a local network find each other, in ms.
const DISCOVERY: (u64, u64) = (20, 1_500);
/// Time after which a silent node is taken off the list of a local network, in ms: what is left of its record's life.
const DISCOVERY_TTL: (u64, u64) = (5_000, 75_000);

/// A machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(pub usize);

/// Where a machine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A local network: reaches its own and the public, and is found by discovery there.
    Lan(u8),
    /// An address that everybody reaches.
    Public,
}

/// How a node ends, as its peers notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In good order: what was sent arrives, and peers are told.
    Orderly,
    /// The program is killed: its system tells peers, and what was on its way may be lost.
    Killed,
    /// The machine loses its power: peers find out by themselves.
    PowerCut,
}

/// How links are.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// One way, ms.
    pub latency: u64,
    /// On top, up to this, ms.
    pub jitter: u64,
    /// Frames of 1000 that have to be sent again, each time for a round trip and a timeout more.
    pub loss: u64,
    /// Throughput of each direction in bytes per ms; `None` is no limit.
    pub rate: Option<u64>,
    /// Mean life of a link in ms; `None` is for ever.
    pub flap: Option<u64>,
}

impl Default for Weather {
    fn default() -> Self {
        Self { latency: 20, jitter: 10, loss: 0, rate: None, flap: None }
    }
}

/// Something on its way.
#[derive(Debug)]
pub enum Arrival {
    /// A node listens.
    Listening(Host, u32),
    /// A dial reaches its goal.
    Connect {
        /// Who dialled.
        from: Host,
        /// In which run of that node.
        run: u32,
        /// Whom it expects.
        peer: Option<PeerKey>,
        /// Whom it reached.
        to: Host,
        /// Where.
        addr: Addr,
    },
    /// A dial led nowhere.
    DialFailed(Host, u32, Option<PeerKey>),
    /// A frame.
    Frame {
        /// Wire.
        wire: u64,
        /// End it goes to.
        to: usize,
        /// Protocol.
        proto: Proto,
        /// Bytes.
        frame: Vec<u8>,
    },
    /// A frame was handed over.
    Sent {
        /// Wire.
        wire: u64,
        /// End it left.
        end: usize,
        /// The number asked for.
        receipt: u64,
    },
    /// An end learns that its wire is gone.
    Down(u64, usize),
    /// An end has heard nothing for too long, if what silenced it in this round still does.
    Silence(u64, usize, u64),
    /// A wire's life is over.
    Flap(u64),
    /// What waited for an end is sent again.
    Thaw(u64, usize),
    /// A node may be seen by another.
    Nearby(Host, Host),
    /// A node was not heard of for a while.
    Gone(Host, PeerKey),
}

struct Machine {
    place: Place,
    addr: Addr,
    peer: Option<PeerKey>,
    run: u32,
    online: bool,
    next_link: u64,
    dials: BTreeSet<PeerKey>,
}

/// The network.
pub struct Net {
    hosts: Vec<Machine>,
    wires: BTreeMap<u64, Wire>,
    links: BTreeMap<(Host, LinkId), (u64, usize)>,
    next_wire: u64,
    cuts: BTreeSet<(Host, Host)>,
    /// Machines that lead on to others.
    relays: BTreeSet<Host>,
    out: Vec<(u64, Arrival)>,
    /// How links are.
    pub weather: Weather,
    /// Whether two nodes that dial each other at the same time each see themselves as the dialler, as real ones do.
    pub crossed_dials: bool,
    /// Frames as they were sent, where somebody listens in.
    pub tap: Option<Vec<Tapped>>,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            wires: BTreeMap::new(),
            links: BTreeMap::new(),
            next_wire: 0,
            cuts: BTreeSet::new(),
            relays: BTreeSet::new(),
            out: Vec::new(),
            weather: Weather::default(),
            crossed_dials: true,
            tap: None,
        }
    }
}

impl Net {
    /// Adds a machine.
    pub fn add(&mut self, place: Place) -> Host {
        let host = Host(self.hosts.len());
        self.hosts.push(Machine {
            place,
            addr: address(place, host),
            peer: None,
            run: 0,
            online: true,
            next_link: 0,
            dials: BTreeSet::new(),
        });
        host
    }

    /// What was scheduled since this was last called, with its times.
    pub fn scheduled(&mut self) -> Vec<(u64, Arrival)> {
        std::mem::take(&mut self.out)
    }

    /// Address of a machine.
    #[must_use]
    pub fn addr(&self, host: Host) -> Addr {
        self.hosts[host.0].addr
    }

    /// Transport key of the node on a machine, while one listens.
    #[must_use]
    pub fn peer(&self, host: Host) -> Option<PeerKey> {
        self.hosts[host.0].peer
    }

    /// Links of a machine that are up, as its node sees them.
    #[must_use]
    pub fn links_of(&self, host: Host) -> usize {
        self.links.keys().filter(|(h, _)| *h == host).count()
    }

    /// A node starts to listen.
    pub fn start(&mut self, now: u64, host: Host, seed: [u8; 32], dice: &mut Dice) {
        let machine = &mut self.hosts[host.0];
        machine.peer = Some(PeerKey(SigningKey::from_bytes(&seed).verifying_key().to_bytes()));
        machine.run += 1;
        machine.next_link = 0;
        let run = machine.run;
        self.out.push((now + 5, Arrival::Listening(host, run)));
        self.announce(now, host, DISCOVERY, dice);
    }

    fn announce(&mut self, now: u64, host: Host, within: (u64, u64), dice: &mut Dice) {
        for other in (0..self.hosts.len()).map(Host).filter(|other| *other != host) {
            self.out.push((now + dice.between(within.0, within.1), Arrival::Nearby(host, other)));
            self.out.push((now + dice.between(within.0, within.1), Arrival::Nearby(other, host)));
        }
    }

    /// A node ends.
    pub fn stop(&mut self, now: u64, host: Host, ending: Ending, dice: &mut Dice) {
        let machine = &mut self.hosts[host.0];
        machine.run += 1;
        machine.dials.clear();
        let Some(peer) = machine.peer.take() else { return };
        let ends: Vec<(u64, usize)> = self.links.iter().filter(|((h, _), _)| *h == host).map(|(_, end)| *end).collect();
        for (id, end) in ends {
            let latency = self.weather.latency;
            self.unlink(id, end);
            let Some(wire) = self.wires.get_mut(&id) else { continue };
            wire.dead |= match ending {
                Ending::Orderly => false,
                Ending::Killed => dice.chance(500),
                Ending::PowerCut => true,
            };
            let at = if ending == Ending::PowerCut {
                now + dice.between(DEAD_AFTER.0, DEAD_AFTER.1)
            } else {
                wire.drained(1 - end).max(now + latency)
            };
            self.out.push((at, Arrival::Down(id, 1 - end)));
        }
        let through: Vec<u64> = self.wires.iter().filter(|(_, w)| w.via == Some(host)).map(|(id, _)| *id).collect();
        for id in through {
            for end in 0..2 {
                self.out.push((now + dice.between(DEAD_AFTER.0, DEAD_AFTER.1), Arrival::Down(id, end)));
            }
            if let Some(wire) = self.wires.get_mut(&id) {
                wire.dead = true;
            }
        }
        for other in (0..self.hosts.len()).map(Host).filter(|other| *other != host) {
            self.out.push((now + dice.between(DISCOVERY_TTL.0, DISCOVERY_TTL.1), Arrival::Gone(other, peer)));
        }
    }

    /// Nothing passes from one machine to another any more. Both directions have to be cut for a partition.
    pub fn cut(&mut self, now: u64, from: Host, to: Host, dice: &mut Dice) {
        if self.cuts.insert((from, to)) {
            self.silence(now, dice);
        }
    }

    /// Everything passes again.
    pub fn heal(&mut self, now: u64, dice: &mut Dice) {
        self.cuts.clear();
        for machine in &mut self.hosts {
            machine.online = true;
        }
        let ids: Vec<u64> = self.wires.keys().copied().collect();
        for id in ids {
            self.thaw(now, id);
        }
        for host in (0..self.hosts.len()).map(Host) {
            self.announce(now, host, (500, 30_000), dice);
        }
    }

    /// Plugs a machine in or out. Its node is told that the network changed.
    pub fn set_online(&mut self, now: u64, host: Host, online: bool, dice: &mut Dice) {
        self.hosts[host.0].online = online;
        if online {
            let ids: Vec<u64> = self.wires.keys().copied().collect();
            for id in ids {
                self.thaw(now, id);
            }
            self.announce(now, host, DISCOVERY, dice);
        } else {
            self.silence(now, dice);
        }
    }

    fn passes(&self, from: Host, to: Host) -> bool {
        self.hosts[from.0].online && self.hosts[to.0].online && !self.cuts.contains(&(from, to))
    }

    /// Whether both hear each other.
    #[must_use]
    pub fn is_free(&self, a: Host, b: Host) -> bool {
        self.passes(a, b) && self.passes(b, a)
    }

    /// Whether one machine can open a connection to another.
    fn reaches(&self, from: Host, to: Host) -> bool {
        let routed = match (self.hosts[from.0].place, self.hosts[to.0].place) {
            (_, Place::Public) => true,
            (Place::Lan(a), Place::Lan(b)) => a == b,
            (Place::Public, Place::Lan(_)) => false,
        };
        routed && self.is_free(from, to)
    }

    /// Dials addresses, as the network shell does: nothing happens while a link or another dial to that peer is there.
    pub fn dial(&mut self, now: u64, from: Host, peer: Option<PeerKey>, addrs: &[Addr], dice: &mut Dice) {
        let run = self.hosts[from.0].run;
        if self.hosts[from.0].peer.is_none() {
            return;
        }
        if let Some(peer) = peer {
            let linked =
                self.wires.values().any(|w| (0..2).any(|end| w.ends[end].host == from && w.ends[end].up && w.ends[1 - end].peer == peer));
            if linked || !self.hosts[from.0].dials.insert(peer) {
                return;
            }
        }
        let goal = addrs.iter().find_map(|addr| self.goal(from, peer, addr).map(|(to, _)| (to, *addr)));
        let (at, arrival) = match goal {
            None => (now + DIAL_TIMEOUT, Arrival::DialFailed(from, run, peer)),
            Some((to, addr)) => {
                let trip = 3 * self.delay(dice);
                (now + trip, Arrival::Connect { from, run, peer, to, addr })
            }
        };
        self.out.push((at, arrival));
    }

    fn delay(&self, dice: &mut Dice) -> u64 {
        let mut delay = self.weather.latency + dice.below(self.weather.jitter + 1);
        while dice.chance(self.weather.loss.min(900)) {
            delay += 2 * self.weather.latency + dice.between(50, 250);
        }
        delay.max(1)
    }

    /// What an arrival means for cores.
    pub fn arrive(&mut self, now: u64, arrival: Arrival, dice: &mut Dice) -> Vec<(Host, Input)> {
        match arrival {
            Arrival::Listening(host, run) => {
                let machine = &self.hosts[host.0];
                if machine.run == run { vec![(host, Input::Listening(vec![machine.addr]))] } else { Vec::new() }
            }
            Arrival::DialFailed(from, run, peer) => self.dial_failed(from, run, peer),
            Arrival::Connect { from, run, peer, to, addr } => self.connect(now, from, run, peer, to, addr, dice),
            Arrival::Frame { wire, to, proto, frame } => self.frame(wire, to, proto, frame),
            Arrival::Sent { wire, end, receipt } => {
                let end = self.wires.get(&wire).map(|w| &w.ends[end]).filter(|e| e.up);
                end.map(|e| (e.host, Input::Sent(e.link, receipt))).into_iter().collect()
            }
            Arrival::Down(wire, end) => self.down(wire, end),
            Arrival::Silence(wire, end, round) => {
                let still = self.wires.get(&wire).is_some_and(|w| w.silent && w.round == round);
                if still { self.down(wire, end) } else { Vec::new() }
            }
            Arrival::Flap(wire) => {
                self.flap(now, wire, dice);
                Vec::new()
            }
            Arrival::Thaw(wire, end) => self.thawed(wire, end),
            Arrival::Nearby(host, of) => self.nearby(host, of),
            Arrival::Gone(host, peer) => {
                let back = self.hosts.iter().any(|m| m.peer == Some(peer));
                if back || self.hosts[host.0].peer.is_none() { Vec::new() } else { vec![(host, Input::NearbyGone(peer))] }
            }
        }
    }

    fn nearby(&self, host: Host, of: Host) -> Vec<(Host, Input)> {
        let (me, other) = (&self.hosts[host.0], &self.hosts[of.0]);
        let same_lan = matches!((me.place, other.place), (Place::Lan(a), Place::Lan(b)) if a == b);
        match (me.peer, other.peer) {
            (Some(_), Some(peer)) if same_lan && self.passes(of, host) => vec![(host, Input::Nearby { peer, addrs: vec![other.addr] })],
            _ => Vec::new(),
        }
    }

    fn dial_failed(&mut self, from: Host, run: u32, peer: Option<PeerKey>) -> Vec<(Host, Input)> {
        let machine = &mut self.hosts[from.0];
        if machine.run != run {
            return Vec::new();
        }
        if let Some(peer) = peer {
            machine.dials.remove(&peer);
        }
        vec![(from, Input::DialFailed { peer })]
    }

    #[allow(clippy::too_many_arguments, reason = "what a dial is about")]
    fn connect(
        &mut self,
        now: u64,
        from: Host,
        run: u32,
        peer: Option<PeerKey>,
        to: Host,
        addr: Addr,
        dice: &mut Dice,
    ) -> Vec<(Host, Input)> {
        if self.hosts[from.0].run != run {
            return Vec::new();
        }
        let (Some(mine), Some(found)) = (self.hosts[from.0].peer, self.hosts[to.0].peer) else {
            return self.dial_failed(from, run, peer);
        };
        let way = self.goal(from, Some(found), &addr).filter(|(goal, _)| *goal == to);
        let via = way.and_then(|(_, via)| via);
        if way.is_none() || from == to || mine == found || peer.is_some_and(|expected| expected != found) {
            return self.dial_failed(from, run, peer);
        }
        self.hosts[from.0].dials.remove(&found);
        let crossed = self.crossed_dials && self.hosts[to.0].dials.contains(&mine);
        let mut out = Vec::new();
        // A node has one link to each transport key, whichever machine it is on.
        let same = |w: &Wire| w.ends.iter().any(|e| (e.host == from && e.peer == found) || (e.host == to && e.peer == mine));
        let between: Vec<u64> = self.wires.iter().filter(|(_, w)| same(w)).map(|(id, _)| *id).collect();
        for id in between {
            let good = |w: &Wire| w.is_between(from, to) && !w.dead && w.ends.iter().all(|e| e.up && !e.closing && !e.doubted);
            let whole = self.wires.get(&id).is_some_and(good);
            if whole {
                return out;
            }
            // The other side starts over: what is left of the old connection ends.
            for end in 0..2 {
                out.extend(self.down(id, end));
            }
        }
        // Through a relay each end sees the relay.
        let from_addr = match via {
            Some(_) => addr,
            None => Addr::direct(SocketAddr::new(self.hosts[from.0].addr.socket.ip(), 50_000), addr.transport),
        };
        let side_of_listener = if crossed { Side::Dialler } else { Side::Listener };
        let ends = [(from, found, addr, Side::Dialler), (to, mine, from_addr, side_of_listener)];
        self.next_wire += 1;
        let id = self.next_wire;
        let mut infos = Vec::new();
        let ends = ends.map(|(host, peer, addr, side)| {
            let machine = &mut self.hosts[host.0];
            machine.next_link += 1;
            let link = LinkId(machine.next_link);
            infos.push((host, Input::LinkUp(link, LinkInfo { peer, side, addr, route: addr.route() })));
            wire::End::new(host, link, peer)
        });
        for (end, e) in ends.iter().enumerate() {
            self.links.insert((e.host, e.link), (id, end));
        }
        self.wires.insert(id, Wire::new(ends, via));
        if let Some(mean) = self.weather.flap {
            self.out.push((now + 1 + dice.wait(mean), Arrival::Flap(id)));
        }
        if dice.chance(500) {
            infos.reverse();
        }
        out.extend(infos);
        out
    }
}

fn address(place: Place, host: Host) -> Addr {
    let n = u8::try_from(host.0 + 1).unwrap_or(u8::MAX);
    let ip = match place {
        Place::Lan(lan) => Ipv4Addr::new(192, 168, lan, n),
        Place::Public => Ipv4Addr::new(203, 0, 113, n),
    };
    Addr::direct(SocketAddr::new(IpAddr::V4(ip), PORT), Transport::Quic)
}
