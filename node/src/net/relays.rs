//! Which relays hold a place for this node, and when to ask again. Pure: events and times in, [`Action`]s out.
//!
//! libp2p asks for a place once and renews it while all goes well. It does not say when a place is lost, and never asks again: a relay that
//! was restarted would leave this node out of reach for ever. Here a place is known by its listener: it ends with the listener, whatever the
//! cause, and while the relay is connected it is asked for again, with growing patience. Two relays hold a place at a time, so that the loss
//! of one costs nobody the way here.

use libp2p::core::transport::ListenerId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};
use veche_protocol::ids::PeerKey;
use veche_protocol::link::Addr;

/// Relays that hold a place at the same time: one may fail, and whoever looks for this node still finds the other.
const PLACES: usize = 2;

/// Time after which a relay that has not answered no longer counts as one of [`PLACES`], so that another is asked.
const ANSWER: Duration = Duration::from_secs(5);

/// Time until a relay is asked again after the first failure, doubled with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Longest time between two attempts at one relay.
const LAST_RETRY: Duration = Duration::from_secs(15 * 60);

/// Time that a place must last until earlier failures are forgotten: a relay that drops everybody after a second is not asked every second.
const SETTLED: Duration = Duration::from_secs(60);

/// Addresses of one place. A relay says itself where it listens; two transports over two versions of IP are four.
const MAX_ADDRS: usize = 4;

/// Operators remembered. The list in the settings is shorter.
const MAX_OPERATORS: usize = 32;

/// What must be done now, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Ask this relay, which is connected, for a place; then call [`Relays::asked`].
    Reserve { relay: PeerKey, addr: Addr },
    /// This node can be reached here.
    Here(Addr),
    /// It no longer can.
    Gone(Addr),
}

#[derive(Debug, Default)]
struct Relay {
    /// Where it is connected now.
    up: Option<Addr>,
    place: Option<Place>,
    failures: u32,
    /// Not before this time.
    retry_at: Option<Instant>,
}

#[derive(Debug)]
struct Place {
    /// Known as soon as the relay is being asked.
    listener: Option<ListenerId>,
    asked: Instant,
    granted: Option<Instant>,
    addrs: BTreeSet<Addr>,
}

/// See the module.
pub(super) struct Relays {
    relays: BTreeMap<PeerKey, Relay>,
    /// In the order of the settings, which is the order of preference.
    order: Vec<PeerKey>,
    actions: VecDeque<Action>,
    /// State of the generator for the spread of retries.
    seed: u64,
}

impl Relays {
    /// `seed` spreads the attempts of many nodes that lost the same relay.
    pub(super) fn new(seed: u64) -> Self {
        Self { relays: BTreeMap::new(), order: Vec::new(), actions: VecDeque::new(), seed }
    }

    /// The next thing to do. Call until `None` after every other call that takes `&mut self`.
    pub(super) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The operators' nodes that may be used. Returns those that no longer may and hold a place: the place ends with the connection.
    pub(super) fn operators(&mut self, now: Instant, list: impl IntoIterator<Item = PeerKey>) -> Vec<PeerKey> {
        self.order.clear();
        for peer in list {
            if !self.order.contains(&peer) && self.order.len() < MAX_OPERATORS {
                self.order.push(peer);
                self.relays.entry(peer).or_default();
            }
        }
        let leave = self.relays.iter().filter(|(peer, relay)| !self.order.contains(peer) && relay.place.is_some()).map(|(peer, _)| *peer);
        let leave = leave.collect();
        self.relays.retain(|peer, relay| self.order.contains(peer) || relay.place.is_some());
        self.reserve(now);
        leave
    }

    /// Whether a peer is one of the operators' nodes.
    pub(super) fn knows(&self, peer: &PeerKey) -> bool {
        self.order.contains(peer)
    }

    /// A link to a peer is up, or goes another way now.
    pub(super) fn up(&mut self, now: Instant, peer: &PeerKey, addr: Addr) {
        let Some(relay) = self.relays.get_mut(peer) else { return };
        if relay.up.replace(addr).is_none() {
            // A fresh connection is news: whatever failed before was on another one.
            relay.retry_at = None;
        }
        self.reserve(now);
    }

    /// The link to a peer is down.
    pub(super) fn down(&mut self, now: Instant, peer: &PeerKey) {
        if let Some(relay) = self.relays.get_mut(peer) {
            relay.up = None;
        }
        self.reserve(now);
    }

    /// The relay is being asked, and this listener is the place.
    pub(super) fn asked(&mut self, now: Instant, peer: &PeerKey, listener: ListenerId) {
        if let Some(relay) = self.relays.get_mut(peer) {
            relay.place = Some(Place { listener: Some(listener), asked: now, granted: None, addrs: BTreeSet::new() });
        }
    }

    /// The relay could not even be asked.
    pub(super) fn failed(&mut self, now: Instant, peer: &PeerKey) {
        if let Some(relay) = self.relays.get_mut(peer) {
            relay.place = None;
        }
        self.count_failure(now, peer);
        self.reserve(now);
    }

    /// A listener has an address. `false` if it is no place behind a relay.
    pub(super) fn address(&mut self, now: Instant, listener: ListenerId, addr: Addr) -> bool {
        let Some((peer, relay)) = self.of(listener) else { return false };
        let (Some(place), true) = (&mut relay.place, addr.relay == Some(peer)) else { return true };
        place.granted.get_or_insert(now);
        if place.addrs.len() < MAX_ADDRS && place.addrs.insert(addr) {
            self.actions.push_back(Action::Here(addr));
        }
        true
    }

    /// A listener lost an address. `false` if it is no place behind a relay.
    pub(super) fn address_gone(&mut self, listener: ListenerId, addr: Addr) -> bool {
        let Some((_, relay)) = self.of(listener) else { return false };
        if relay.place.as_mut().is_some_and(|place| place.addrs.remove(&addr)) {
            self.actions.push_back(Action::Gone(addr));
        }
        true
    }

    /// A listener ended: the place was refused, lost or not renewed. `false` if it is no place behind a relay.
    pub(super) fn closed(&mut self, now: Instant, listener: ListenerId) -> bool {
        let Some((peer, relay)) = self.of(listener) else { return false };
        let place = relay.place.take();
        let settled = place.as_ref().and_then(|place| place.granted).is_some_and(|since| now >= since + SETTLED);
        for addr in place.into_iter().flat_map(|place| place.addrs) {
            self.actions.push_back(Action::Gone(addr));
        }
        if settled && let Some(relay) = self.relays.get_mut(&peer) {
            relay.failures = 0;
        }
        self.count_failure(now, &peer);
        self.relays.retain(|peer, relay| self.order.contains(peer) || relay.place.is_some());
        self.reserve(now);
        true
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let retries = self.relays.values().filter(|relay| relay.up.is_some() && relay.place.is_none()).filter_map(|relay| relay.retry_at);
        let answers = self.relays.values().filter_map(|relay| relay.place.as_ref()).filter(|place| place.granted.is_none());
        retries.chain(answers.map(|place| place.asked + ANSWER)).min()
    }

    /// Time passed.
    pub(super) fn tick(&mut self, now: Instant) {
        self.reserve(now);
    }

    fn of(&mut self, listener: ListenerId) -> Option<(PeerKey, &mut Relay)> {
        let mut relays = self.relays.iter_mut();
        relays
            .find(|(_, relay)| relay.place.as_ref().is_some_and(|place| place.listener == Some(listener)))
            .map(|(peer, relay)| (*peer, relay))
    }

    fn count_failure(&mut self, now: Instant, peer: &PeerKey) {
        let spread = self.random();
        let Some(relay) = self.relays.get_mut(peer) else { return };
        let wait = FIRST_RETRY.saturating_mul(2u32.saturating_pow(relay.failures)).min(LAST_RETRY);
        relay.failures = relay.failures.saturating_add(1);
        // Between four fifths and six fifths.
        relay.retry_at = Some(now + wait.mul_f64(0.8 + 0.4 * spread));
    }

    /// Asks as many relays as are missing.
    fn reserve(&mut self, now: Instant) {
        let counts = |place: &Place| place.granted.is_some() || now < place.asked + ANSWER;
        let mut places = self.relays.values().filter_map(|relay| relay.place.as_ref()).filter(|place| counts(place)).count();
        for peer in &self.order {
            let Some(relay) = self.relays.get_mut(peer) else { continue };
            let (Some(addr), None) = (relay.up, &relay.place) else { continue };
            if places >= PLACES {
                // Asked when there is need, not when the patience is over.
                relay.retry_at = relay.retry_at.filter(|at| *at > now);
                continue;
            }
            if relay.retry_at.is_some_and(|at| at > now) {
                continue;
            }
            relay.retry_at = None;
            relay.place = Some(Place { listener: None, asked: now, granted: None, addrs: BTreeSet::new() });
            places = places.saturating_add(1);
            self.actions.push_back(Action::Reserve { relay: *peer, addr });
        }
    }

    /// Between 0 and 1.
    fn random(&mut self) -> f64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap_or(u32::MAX);
        f64::from(high) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veche_protocol::link::Transport;

    const SECOND: Duration = Duration::from_secs(1);

    fn key(n: u8) -> PeerKey {
        PeerKey([n; 32])
    }

    fn at(n: u8) -> Addr {
        Addr::direct(([203, 0, 113, n], 4001).into(), Transport::Quic)
    }

    fn behind(n: u8) -> Addr {
        Addr { relay: Some(key(n)), ..at(n) }
    }

    fn actions(relays: &mut Relays) -> Vec<Action> {
        std::iter::from_fn(|| relays.poll()).collect()
    }

    fn reserve(n: u8) -> Action {
        Action::Reserve { relay: key(n), addr: at(n) }
    }

    /// Three operators, all connected; the first two were asked.
    fn started(now: Instant) -> (Relays, [ListenerId; 2]) {
        let mut relays = Relays::new(1);
        assert_eq!(relays.operators(now, [key(1), key(2), key(3), key(1)]), []);
        for n in 1..=3 {
            relays.up(now, &key(n), at(n));
        }
        assert_eq!(actions(&mut relays), [reserve(1), reserve(2)]);
        let listeners = [ListenerId::next(), ListenerId::next()];
        relays.asked(now, &key(1), listeners[0]);
        relays.asked(now, &key(2), listeners[1]);
        (relays, listeners)
    }

    #[test]
    fn two_places_are_held_and_reported_once_each() {
        let now = Instant::now();
        let (mut relays, listeners) = started(now);
        for (n, listener) in [1, 2].into_iter().zip(listeners) {
            assert!(relays.address(now, listener, behind(n)));
            // A renewal names the same address again.
            assert!(relays.address(now + 50 * SECOND, listener, behind(n)));
        }
        assert_eq!(actions(&mut relays), [Action::Here(behind(1)), Action::Here(behind(2))]);
        relays.tick(now + 3600 * SECOND);
        assert_eq!(actions(&mut relays), []);
        assert_eq!(relays.next_deadline(), None);
        assert!(!relays.address(now, ListenerId::next(), at(9)), "a listener of its own");
    }

    #[test]
    fn a_lost_place_is_replaced_by_the_third_relay_at_once_and_asked_for_again_later() {
        let now = Instant::now();
        let (mut relays, listeners) = started(now);
        relays.address(now, listeners[0], behind(1));
        relays.address(now, listeners[1], behind(2));
        actions(&mut relays);
        // The relay is killed: first its listener goes, then its link.
        let later = now + 100 * SECOND;
        assert!(relays.closed(later, listeners[0]));
        assert_eq!(actions(&mut relays), [Action::Gone(behind(1)), reserve(3)]);
        relays.asked(later, &key(3), ListenerId::next());
        relays.down(later, &key(1));
        relays.tick(later + 100 * SECOND);
        assert_eq!(actions(&mut relays), [], "nobody there to be asked, and one is being asked");
    }

    #[test]
    fn a_relay_that_comes_back_is_asked_as_soon_as_it_is_connected() {
        let now = Instant::now();
        let mut relays = Relays::new(1);
        relays.operators(now, [key(1)]);
        relays.up(now, &key(1), at(1));
        assert_eq!(actions(&mut relays), [reserve(1)]);
        let listener = ListenerId::next();
        relays.asked(now, &key(1), listener);
        relays.address(now, listener, behind(1));
        relays.down(now + SECOND, &key(1));
        relays.closed(now + SECOND, listener);
        assert_eq!(actions(&mut relays), [Action::Here(behind(1)), Action::Gone(behind(1))]);
        assert_eq!(relays.next_deadline(), None, "not without a connection");
        relays.up(now + 7 * SECOND, &key(1), at(1));
        assert_eq!(actions(&mut relays), [reserve(1)]);
    }

    #[test]
    fn refusals_are_followed_by_longer_and_longer_pauses() {
        let mut now = Instant::now();
        let mut relays = Relays::new(7);
        relays.operators(now, [key(1)]);
        relays.up(now, &key(1), at(1));
        let mut pauses = Vec::new();
        for _ in 0..14 {
            assert_eq!(actions(&mut relays), [reserve(1)]);
            let listener = ListenerId::next();
            relays.asked(now, &key(1), listener);
            relays.closed(now, listener);
            let next = relays.next_deadline().unwrap();
            pauses.push((next - now).as_secs_f64());
            relays.tick(next - Duration::from_millis(1));
            assert_eq!(actions(&mut relays), [], "not before");
            now = next;
            relays.tick(now);
        }
        for (n, pause) in pauses.iter().enumerate() {
            let expected = 2f64.powi(i32::try_from(n).unwrap()).min(900.0);
            assert!((0.8..=1.2).contains(&(pause / expected)), "{pause} after {n} failures");
        }
        let spread: BTreeSet<u64> = pauses.iter().skip(10).map(|pause| pause.to_bits()).collect();
        assert!(spread.len() > 1, "not all at the same time");
    }

    #[test]
    fn a_place_that_lasted_makes_earlier_failures_forgotten_and_one_that_did_not_does_not() {
        for (lasted, pause) in [(SECOND, 8.0), (2 * SETTLED, 1.0)] {
            let mut now = Instant::now();
            let mut relays = Relays::new(3);
            relays.operators(now, [key(1)]);
            relays.up(now, &key(1), at(1));
            let mut listener = ListenerId::next();
            for _ in 0..3 {
                relays.asked(now, &key(1), listener);
                relays.closed(now, listener);
                now = relays.next_deadline().unwrap();
                relays.tick(now);
                listener = ListenerId::next();
            }
            relays.asked(now, &key(1), listener);
            relays.address(now, listener, behind(1));
            now += lasted;
            relays.closed(now, listener);
            let wait = (relays.next_deadline().unwrap() - now).as_secs_f64();
            assert!((0.8..=1.2).contains(&(wait / pause)), "{wait}");
        }
    }

    #[test]
    fn a_relay_that_does_not_answer_is_not_waited_for() {
        let now = Instant::now();
        let (mut relays, listeners) = started(now);
        relays.address(now, listeners[0], behind(1));
        actions(&mut relays);
        assert_eq!(relays.next_deadline(), Some(now + ANSWER));
        relays.tick(now + ANSWER);
        assert_eq!(actions(&mut relays), [reserve(3)]);
    }

    #[test]
    fn a_removed_operator_is_to_be_left_and_never_asked_again() {
        let now = Instant::now();
        let (mut relays, listeners) = started(now);
        relays.address(now, listeners[0], behind(1));
        actions(&mut relays);
        assert_eq!(relays.operators(now, [key(2)]), [key(1)]);
        relays.closed(now, listeners[0]);
        assert_eq!(actions(&mut relays), [Action::Gone(behind(1))]);
        relays.up(now, &key(1), at(1));
        relays.tick(now + 100 * SECOND);
        assert_eq!(actions(&mut relays), []);
        assert!(relays.knows(&key(2)) && !relays.knows(&key(1)));
    }

    #[test]
    fn what_a_relay_says_about_itself_is_bounded_and_must_be_about_itself() {
        let now = Instant::now();
        let (mut relays, listeners) = started(now);
        assert!(relays.address(now, listeners[0], behind(2)), "swallowed");
        for port in 1..100 {
            let addr = Addr { relay: Some(key(1)), ..Addr::direct(([203, 0, 113, 1], port).into(), Transport::Tcp) };
            relays.address(now, listeners[0], addr);
        }
        assert_eq!(actions(&mut relays).len(), MAX_ADDRS);
    }
}
