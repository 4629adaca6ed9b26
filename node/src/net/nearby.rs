//! Who is on the local network, by their own account: gathers announcements into one list of addresses per peer. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use veche_protocol::ids::PeerKey;
use veche_protocol::link::Addr;

/// Time to gather the addresses of a peer: each comes as an announcement of its own, and whoever dials the first alone gets TCP.
const GATHER: Duration = Duration::from_millis(50);

/// Time after discovery started anew until peers that were not heard again count as gone: mDNS asks after 0.5, 1, 2, 4 and 8 s.
const CONFIRM: Duration = Duration::from_secs(20);

/// Peers remembered. A network with more is a conference; whoever is missing can be added by link.
const MAX_PEERS: usize = 512;

/// Addresses per peer: two transports on four interfaces.
const MAX_ADDRS: usize = 8;

/// What the core should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A peer with all its addresses.
    Here(PeerKey, Vec<Addr>),
    /// No announcement of a peer is valid any more.
    Gone(PeerKey),
}

#[derive(Debug, Default)]
struct Peer {
    addrs: BTreeSet<Addr>,
    /// Addresses from before discovery started anew.
    unconfirmed: BTreeSet<Addr>,
    report_at: Option<Instant>,
    reported: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Nearby {
    peers: BTreeMap<PeerKey, Peer>,
    confirm_by: Option<Instant>,
}

impl Nearby {
    /// An announcement.
    pub(super) fn here(&mut self, now: Instant, key: PeerKey, addr: Addr) {
        if self.peers.len() >= MAX_PEERS && !self.peers.contains_key(&key) {
            return;
        }
        let peer = self.peers.entry(key).or_default();
        let known = peer.unconfirmed.remove(&addr) || peer.addrs.contains(&addr);
        if !known && peer.addrs.len().saturating_add(peer.unconfirmed.len()) >= MAX_ADDRS {
            return;
        }
        peer.addrs.insert(addr);
        if !known {
            peer.report_at.get_or_insert(now + GATHER);
        }
    }

    /// An announcement ran out.
    pub(super) fn gone(&mut self, now: Instant, key: PeerKey, addr: Addr) {
        let Some(peer) = self.peers.get_mut(&key) else { return };
        if peer.addrs.remove(&addr) || peer.unconfirmed.remove(&addr) {
            peer.report_at.get_or_insert(now + GATHER);
        }
    }

    /// Discovery started anew: what was heard before must be heard again.
    pub(super) fn restarted(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            peer.unconfirmed.append(&mut peer.addrs);
        }
        self.confirm_by = Some(now + CONFIRM);
    }

    /// Discovery was turned off: nobody is near any more.
    pub(super) fn clear(&mut self) -> Vec<PeerKey> {
        self.confirm_by = None;
        std::mem::take(&mut self.peers).into_iter().filter(|(_, peer)| peer.reported).map(|(key, _)| key).collect()
    }

    /// When [`Self::tick`] has something to report.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.peers.values().filter_map(|peer| peer.report_at).chain(self.confirm_by).min()
    }

    /// What changed.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Change> {
        if self.confirm_by.is_some_and(|by| by <= now) {
            self.confirm_by = None;
            for peer in self.peers.values_mut().filter(|peer| !peer.unconfirmed.is_empty()) {
                peer.unconfirmed.clear();
                peer.report_at = Some(now);
            }
        }
        let mut changes = Vec::new();
        self.peers.retain(|key, peer| {
            if peer.report_at.is_none_or(|at| at > now) {
                return true;
            }
            peer.report_at = None;
            let addrs: Vec<Addr> = peer.addrs.union(&peer.unconfirmed).copied().collect();
            if !addrs.is_empty() {
                peer.reported = true;
                changes.push(Change::Here(*key, addrs));
                return true;
            }
            if peer.reported {
                changes.push(Change::Gone(*key));
            }
            false
        });
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veche_protocol::link::Transport;

    const BOB: PeerKey = PeerKey([2; 32]);

    fn addr(transport: Transport) -> Addr {
        Addr::direct(([192, 168, 0, 7], 4001).into(), transport)
    }

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn both_transports_of_a_peer_are_reported_together_and_once() {
        let start = Instant::now();
        let mut nearby = Nearby::default();
        nearby.here(start, BOB, addr(Transport::Tcp));
        nearby.here(start + 3 * MS, BOB, addr(Transport::Quic));
        assert_eq!(nearby.tick(start + 49 * MS), []);
        assert_eq!(nearby.next_deadline(), Some(start + 50 * MS));
        assert_eq!(nearby.tick(start + 50 * MS), [Change::Here(BOB, vec![addr(Transport::Quic), addr(Transport::Tcp)])]);
        nearby.here(start + 60 * MS, BOB, addr(Transport::Tcp));
        assert_eq!(nearby.next_deadline(), None);
    }

    #[test]
    fn a_peer_is_gone_when_its_last_address_is() {
        let start = Instant::now();
        let mut nearby = Nearby::default();
        nearby.here(start, BOB, addr(Transport::Tcp));
        nearby.tick(start + 50 * MS);
        nearby.gone(start + 60 * MS, BOB, addr(Transport::Tcp));
        assert_eq!(nearby.tick(start + 110 * MS), [Change::Gone(BOB)]);
        nearby.here(start + 200 * MS, BOB, addr(Transport::Tcp));
        nearby.gone(start + 201 * MS, BOB, addr(Transport::Tcp));
        assert_eq!(nearby.tick(start + 300 * MS), [], "never reported, so never gone");
    }

    #[test]
    fn after_a_restart_the_silent_are_gone_and_the_others_are_not_reported_again() {
        let start = Instant::now();
        let (mut nearby, carol) = (Nearby::default(), PeerKey([3; 32]));
        nearby.here(start, BOB, addr(Transport::Tcp));
        nearby.here(start, carol, addr(Transport::Quic));
        assert_eq!(nearby.tick(start + 50 * MS).len(), 2);
        nearby.restarted(start + 60 * MS);
        nearby.here(start + 70 * MS, BOB, addr(Transport::Tcp));
        assert_eq!(nearby.tick(start + 60 * MS + CONFIRM), [Change::Gone(carol)]);
    }

    #[test]
    fn a_flood_of_announcements_is_bounded() {
        let now = Instant::now();
        let mut nearby = Nearby::default();
        for n in 0..2000u16 {
            let [high, low] = n.to_be_bytes();
            let mut key = [9; 32];
            key[..2].copy_from_slice(&[high, low]);
            for port in 1..20 {
                nearby.here(now, PeerKey(key), Addr::direct(([192, 168, 0, 7], port).into(), Transport::Tcp));
            }
        }
        let changes = nearby.tick(now + GATHER);
        assert_eq!(changes.len(), MAX_PEERS);
        assert!(changes.iter().all(|change| matches!(change, Change::Here(_, addrs) if addrs.len() == MAX_ADDRS)));
    }
}
