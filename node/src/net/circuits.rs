//! Circuits through relays that this node opened and still talks over: when to open a fresh one. Pure.
//!
//! A relay ends every circuit after some time or some bytes, and says so beforehand. A fresh circuit to the same peer makes the link move
//! there in time. It is also what gives hole punching another chance: libp2p tries when a circuit comes up, and only then.

use super::meter::Meter;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use veche_protocol::ids::PeerKey;
use veche_protocol::link::Addr;

/// Share of a relay's limit after which a circuit is replaced. What is left must do for opening the new one and moving there. Percent.
const REPLACE_AT: u32 = 80;

/// Time between looks at the meters. At the 4 MB/s of a fast home line, seconds of a circuit's last fifth are left even with small limits.
const METER_CHECK: Duration = Duration::from_millis(500);

/// Time until a failed replacement is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Time between chances for hole punching: each costs the relay a circuit, and routers do not change their habits often.
const PUNCH_EVERY: Duration = Duration::from_secs(10 * 60);

/// Time until somebody who has just become a friend gets the first chance: the other side may be about to learn the same.
const PUNCH_SOON: Duration = Duration::from_secs(1);

/// Chances per peer in one network. Then the answer is known.
const MAX_PUNCHES: u32 = 3;

/// Share of the limits of a relay that announces none.
const UNLIMITED: Limit = Limit { time: None, bytes: None };

/// What a relay lets through one circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) time: Option<Duration>,
    pub(super) bytes: Option<u64>,
}

struct Circuit {
    addr: Addr,
    meter: Option<Meter>,
    /// When its time is nearly over.
    replace_at: Option<Instant>,
    /// Bytes after which it is nearly over.
    replace_after: Option<u64>,
    /// When hole punching gets another chance.
    punch_at: Option<Instant>,
    /// A fresh one is being opened, or was in vain: not before this time.
    hold_until: Option<Instant>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Circuits {
    circuits: BTreeMap<PeerKey, Circuit>,
    /// Chances given in this network.
    punches: BTreeMap<PeerKey, u32>,
    next_check: Option<Instant>,
}

impl Circuits {
    /// The link to a peer goes over a circuit that this node opened, since now.
    pub(super) fn up(&mut self, now: Instant, peer: PeerKey, addr: Addr, limit: Option<Limit>, meter: Option<Meter>, friend: bool) {
        let limit = limit.unwrap_or(UNLIMITED);
        let punch_at = (friend && self.punches_left(&peer)).then(|| now + PUNCH_EVERY);
        let circuit = Circuit {
            addr,
            meter,
            replace_at: limit.time.map(|time| now + time * REPLACE_AT / 100),
            replace_after: limit.bytes.map(|bytes| bytes / 100 * u64::from(REPLACE_AT)),
            punch_at,
            hold_until: None,
        };
        self.circuits.insert(peer, circuit);
        self.next_check.get_or_insert(now + METER_CHECK);
    }

    /// The link to a peer is down or goes another way.
    pub(super) fn gone(&mut self, peer: &PeerKey) {
        self.circuits.remove(peer);
    }

    /// A peer may be met directly from now on.
    pub(super) fn befriended(&mut self, now: Instant, peer: &PeerKey) {
        let left = self.punches_left(peer);
        if let Some(circuit) = self.circuits.get_mut(peer).filter(|_| left) {
            circuit.punch_at = Some(now + PUNCH_SOON);
        }
    }

    /// A fresh circuit could not be opened.
    pub(super) fn failed(&mut self, now: Instant, peer: &PeerKey) {
        if let Some(circuit) = self.circuits.get_mut(peer) {
            circuit.hold_until = Some(now + RETRY);
        }
    }

    /// Another network: the routers are others.
    pub(super) fn network_changed(&mut self) {
        self.punches.clear();
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let due = self.circuits.values().filter_map(|circuit| {
            let due = [circuit.replace_at, circuit.punch_at].into_iter().flatten().min()?;
            Some(circuit.hold_until.map_or(due, |hold| hold.max(due)))
        });
        let metered = self.circuits.values().any(|circuit| circuit.meter.is_some() && circuit.replace_after.is_some());
        due.chain(self.next_check.filter(|_| metered)).min()
    }

    /// Time passed. Returns the peers to whom a fresh circuit must be opened, and where.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<(PeerKey, Addr)> {
        self.next_check = Some(now + METER_CHECK);
        let mut fresh = Vec::new();
        for (peer, circuit) in &mut self.circuits {
            if circuit.hold_until.is_some_and(|until| until > now) {
                continue;
            }
            let used = circuit.meter.as_ref().map_or(0, |meter| meter.load(Ordering::Relaxed));
            let spent = circuit.replace_after.is_some_and(|bytes| used >= bytes);
            let old = circuit.replace_at.is_some_and(|at| at <= now);
            let punch = circuit.punch_at.is_some_and(|at| at <= now);
            if punch {
                circuit.punch_at = None;
                let given = self.punches.entry(*peer).or_default();
                *given = given.saturating_add(1);
            }
            if spent || old || punch {
                // Replaced when the link moves; if it does not, once more.
                circuit.hold_until = Some(now + RETRY);
                fresh.push((*peer, circuit.addr));
            }
        }
        fresh
    }

    fn punches_left(&self, peer: &PeerKey) -> bool {
        self.punches.get(peer).is_none_or(|given| *given < MAX_PUNCHES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veche_protocol::link::Transport;

    const PEER: PeerKey = PeerKey([1; 32]);
    const SECOND: Duration = Duration::from_secs(1);

    fn addr() -> Addr {
        Addr::behind(PeerKey([9; 32]), ([203, 0, 113, 7], 4001).into(), Transport::Quic)
    }

    fn limit() -> Option<Limit> {
        Some(Limit { time: Some(100 * SECOND), bytes: Some(1000) })
    }

    #[test]
    fn a_circuit_is_replaced_at_four_fifths_of_its_time() {
        let now = Instant::now();
        let mut circuits = Circuits::default();
        circuits.up(now, PEER, addr(), limit(), None, false);
        assert_eq!(circuits.next_deadline(), Some(now + 80 * SECOND));
        assert_eq!(circuits.tick(now + 79 * SECOND), []);
        assert_eq!(circuits.tick(now + 80 * SECOND), [(PEER, addr())]);
        assert_eq!(circuits.tick(now + 81 * SECOND), [], "on its way");
        circuits.failed(now + 82 * SECOND, &PEER);
        assert_eq!(circuits.tick(now + 82 * SECOND + RETRY), [(PEER, addr())]);
        circuits.up(now + 90 * SECOND, PEER, addr(), limit(), None, false);
        assert_eq!(circuits.next_deadline(), Some(now + 170 * SECOND));
        circuits.gone(&PEER);
        assert_eq!(circuits.next_deadline(), None);
    }

    #[test]
    fn a_circuit_is_replaced_at_four_fifths_of_its_bytes() {
        let now = Instant::now();
        let mut circuits = Circuits::default();
        let meter = Meter::default();
        circuits.up(now, PEER, addr(), limit(), Some(meter.clone()), false);
        meter.store(799, Ordering::Relaxed);
        assert_eq!(circuits.next_deadline(), Some(now + METER_CHECK));
        assert_eq!(circuits.tick(now + METER_CHECK), []);
        meter.store(800, Ordering::Relaxed);
        assert_eq!(circuits.tick(now + 2 * METER_CHECK), [(PEER, addr())]);
    }

    #[test]
    fn a_relay_without_limits_is_left_alone() {
        let now = Instant::now();
        let mut circuits = Circuits::default();
        circuits.up(now, PEER, addr(), None, Some(Meter::default()), false);
        assert_eq!(circuits.next_deadline(), None);
        assert_eq!(circuits.tick(now + 100_000 * SECOND), []);
    }

    #[test]
    fn friends_get_three_chances_for_a_direct_connection_in_each_network() {
        let now = Instant::now();
        let mut circuits = Circuits::default();
        circuits.up(now, PEER, addr(), None, None, false);
        circuits.befriended(now, &PEER);
        let mut at = now;
        for _ in 0..MAX_PUNCHES {
            at = circuits.next_deadline().unwrap();
            assert_eq!(circuits.tick(at), [(PEER, addr())]);
            circuits.up(at, PEER, addr(), None, None, true);
        }
        assert_eq!(at, now + PUNCH_SOON + 2 * PUNCH_EVERY);
        assert_eq!(circuits.next_deadline(), None, "the answer is known");
        circuits.network_changed();
        circuits.befriended(at, &PEER);
        assert_eq!(circuits.tick(at + PUNCH_SOON), [(PEER, addr())]);
    }
}
