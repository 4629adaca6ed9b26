//! What this node looks like from outside, and what stands in between. Pure.
//!
//! Operators' nodes say from which address they see this node come. A router that gives the same outer port towards two of them gives it
//! towards everybody (endpoint-independent mapping, RFC 4787 section 4.1), and holes can be punched; different ports mean that only an open
//! peer can be reached. Only a dial from outside that arrived proves that nothing stands in between. Nobody else's word counts: a stranger
//! could make this node claim an address that is somebody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, Nat, Route, Transport};

/// Addresses reported at once: two transports over two versions of IP, twice.
const MAX_ADDRS: usize = 8;

/// Addresses that are ever handed out to be tried. Each costs a test from outside; an operator that sees another one each time is lying.
const MAX_CANDIDATES: usize = 64;

/// A way out of this machine: each has its own mapping in a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    transport: Transport,
    v6: bool,
}

impl Way {
    fn of(addr: &Addr) -> Self {
        Self { transport: addr.transport, v6: addr.socket.is_ipv6() }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outside {
    seen: BTreeMap<Way, BTreeMap<PeerKey, SocketAddr>>,
    proven: BTreeSet<Addr>,
    candidates: BTreeSet<Addr>,
    told: (Vec<Addr>, Nat),
}

impl Outside {
    /// An operator's node sees connections from the port that this node listens on come from this address. Returns it if it is news that it
    /// should be tried.
    pub(super) fn seen(&mut self, by: PeerKey, addr: Addr) -> Option<Addr> {
        self.seen.entry(Way::of(&addr)).or_default().insert(by, addr.socket);
        (self.candidates.len() < MAX_CANDIDATES && self.candidates.insert(addr)).then_some(addr)
    }

    /// An operator's node dialled this address from another one and arrived here.
    pub(super) fn proven(&mut self, addr: Addr) {
        if self.is_seen(&addr) {
            self.proven.insert(addr);
        }
    }

    /// These operators' nodes may judge from now on.
    pub(super) fn operators(&mut self, known: impl Fn(&PeerKey) -> bool) {
        for seen in self.seen.values_mut() {
            seen.retain(|by, _| known(by));
        }
    }

    /// The machine is in another network: nothing that was seen is true any more.
    pub(super) fn network_changed(&mut self) {
        self.seen.clear();
        self.proven.clear();
        self.candidates.clear();
    }

    /// The judgement, if it is another than the last one.
    pub(super) fn news(&mut self) -> Option<(Vec<Addr>, Nat)> {
        let now = self.judge();
        if now == self.told {
            return None;
        }
        self.told.clone_from(&now);
        Some(now)
    }

    fn is_seen(&self, addr: &Addr) -> bool {
        self.seen.get(&Way::of(addr)).is_some_and(|seen| seen.values().any(|socket| *socket == addr.socket))
    }

    fn judge(&self) -> (Vec<Addr>, Nat) {
        // An operator on the own network sees a local address: true there, and no contradiction to what others see outside.
        let route = |way: &Way, socket: &SocketAddr| Addr::direct(*socket, way.transport).route();
        let farthest = self.seen.iter().flat_map(|(way, seen)| seen.values().map(move |socket| route(way, socket))).max();
        let Some(farthest) = farthest else { return (Vec::new(), Nat::Unknown) };
        let (mut open, mut agreed, mut single, mut differing) = (Vec::new(), Vec::new(), Vec::new(), false);
        for (way, seen) in &self.seen {
            let outer: Vec<SocketAddr> = seen.values().copied().filter(|socket| route(way, socket) == farthest).collect();
            let distinct: BTreeSet<SocketAddr> = outer.iter().copied().collect();
            let addrs = distinct.iter().map(|socket| Addr::direct(*socket, way.transport));
            let (proven, rest): (Vec<Addr>, Vec<Addr>) = addrs.partition(|addr| self.proven.contains(addr));
            open.extend(proven);
            match (distinct.len(), outer.len()) {
                (1, 1) => single.extend(rest),
                (1, _) => agreed.extend(rest),
                // Each is an address of one conversation only.
                _ => differing = true,
            }
        }
        let nat = match (open.is_empty(), agreed.is_empty(), differing) {
            (false, ..) => Nat::Open,
            (_, false, _) => Nat::Mapped,
            (_, _, true) => Nat::Symmetric,
            _ => Nat::Unknown,
        };
        let mut addrs: Vec<Addr> = open.into_iter().chain(agreed).chain(single).filter(|addr| addr.route() != Route::Relayed).collect();
        addrs.truncate(MAX_ADDRS);
        (addrs, nat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PeerKey = PeerKey([1; 32]);
    const TWO: PeerKey = PeerKey([2; 32]);

    fn quic(port: u16) -> Addr {
        Addr::direct(([203, 0, 113, 5], port).into(), Transport::Quic)
    }

    #[test]
    fn one_observer_gives_an_address_and_no_judgement() {
        let mut outside = Outside::default();
        assert_eq!(outside.news(), None);
        assert_eq!(outside.seen(ONE, quic(4001)), Some(quic(4001)));
        assert_eq!(outside.seen(ONE, quic(4001)), None, "to be tried once");
        assert_eq!(outside.news(), Some((vec![quic(4001)], Nat::Unknown)));
        assert_eq!(outside.news(), None, "told once");
    }

    #[test]
    fn two_observers_tell_a_mapping_for_everybody_from_one_for_each() {
        let mut outside = Outside::default();
        outside.seen(ONE, quic(4001));
        outside.seen(TWO, quic(4001));
        assert_eq!(outside.news(), Some((vec![quic(4001)], Nat::Mapped)));
        outside.seen(TWO, quic(50_123));
        assert_eq!(outside.news(), Some((vec![], Nat::Symmetric)), "nobody else can use either");
        outside.seen(TWO, quic(4001));
        assert_eq!(outside.news(), Some((vec![quic(4001)], Nat::Mapped)));
    }

    #[test]
    fn a_mapping_of_one_transport_is_enough() {
        let mut outside = Outside::default();
        let tcp = Addr { transport: Transport::Tcp, ..quic(4001) };
        outside.seen(ONE, quic(4001));
        outside.seen(TWO, quic(4002));
        outside.seen(ONE, tcp);
        outside.seen(TWO, tcp);
        assert_eq!(outside.news(), Some((vec![tcp], Nat::Mapped)));
    }

    #[test]
    fn only_an_address_that_was_seen_can_be_proven_and_then_it_is_open() {
        let mut outside = Outside::default();
        outside.seen(ONE, quic(4001));
        outside.proven(quic(9));
        assert_eq!(outside.news(), Some((vec![quic(4001)], Nat::Unknown)));
        outside.proven(quic(4001));
        assert_eq!(outside.news(), Some((vec![quic(4001)], Nat::Open)));
    }

    #[test]
    fn an_operator_on_the_own_network_contradicts_nobody_outside() {
        let mut outside = Outside::default();
        let lan = Addr::direct(([192, 168, 0, 5], 4001).into(), Transport::Quic);
        outside.seen(ONE, lan);
        assert_eq!(outside.news(), Some((vec![lan], Nat::Unknown)));
        outside.seen(TWO, quic(4001));
        assert_eq!(outside.news(), Some((vec![quic(4001)], Nat::Unknown)));
    }

    #[test]
    fn in_another_network_and_with_other_operators_nothing_holds() {
        let mut outside = Outside::default();
        outside.seen(ONE, quic(4001));
        outside.seen(TWO, quic(4001));
        outside.proven(quic(4001));
        outside.news();
        outside.operators(|peer| *peer == ONE);
        outside.network_changed();
        assert_eq!(outside.news(), Some((vec![], Nat::Unknown)));
        assert_eq!(outside.seen(ONE, quic(4001)), Some(quic(4001)), "to be tried again");
        outside.operators(|_| false);
        assert_eq!(outside.news(), None);
    }

    #[test]
    fn a_lying_operator_cannot_make_this_node_try_addresses_without_end() {
        let mut outside = Outside::default();
        let tried = (1..10_000).filter(|port| outside.seen(ONE, quic(*port)).is_some()).count();
        assert_eq!(tried, MAX_CANDIDATES);
    }
}
