//! Where people can be reached: hints, and when to dial them.

use super::Core;
use super::effect::Effect;
use super::timers::Timer;
use crate::ids::{AccountId, LinkId, PeerKey};
use crate::limits;
use crate::link::{Addr, Hint, Route};
use std::collections::BTreeMap;
use std::time::Duration;

/// First wait after a dial that failed; doubled each time.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Longest wait between dials of a person who does not answer.
const BACKOFF_MOST: Duration = Duration::from_secs(15 * 60);
/// Longest wait between dials of a person who was connected a moment ago: a cable that is plugged in again should be noticed at once.
const BACKOFF_RECENT: Duration = Duration::from_secs(2);
/// For how long somebody counts as connected a moment ago.
const RECENT: Duration = Duration::from_secs(5 * 60);
/// Wait before a neighbour that did not answer is dialled again while it is still announced.
const NEIGHBOUR_AGAIN: Duration = Duration::from_secs(90);
/// How long the node with the higher transport key leaves the first dial to the other: both would work, one is enough.
const YIELD_DIAL: Duration = Duration::from_secs(1);
/// Addresses behind relays that people are told: two relays, each over UDP and over TCP.
const RELAYED_HINTS: usize = 4;
/// Nodes of the local network that are remembered. A neighbourhood larger than this is no neighbourhood.
const NEIGHBOURS: usize = 256;

fn by_peer(hints: &[Hint]) -> BTreeMap<PeerKey, Vec<Addr>> {
    let mut by_peer: BTreeMap<PeerKey, Vec<Addr>> = BTreeMap::new();
    for hint in hints {
        by_peer.entry(hint.peer).or_default().push(hint.addr);
    }
    by_peer
}

/// One address at each relay before a second one at any: a list that is cut short still names all relays, of which one may die.
fn in_turn(relayed: Vec<Addr>) -> Vec<Addr> {
    let mut told: BTreeMap<Option<PeerKey>, usize> = BTreeMap::new();
    let mut ranked: Vec<(usize, Addr)> = Vec::with_capacity(relayed.len());
    for addr in relayed {
        let nth = told.entry(addr.relay).or_default();
        ranked.push((*nth, addr));
        *nth = nth.saturating_add(1);
    }
    ranked.sort_by_key(|(nth, _)| *nth);
    ranked.truncate(RELAYED_HINTS);
    ranked.into_iter().map(|(_, addr)| addr).collect()
}

impl Core {
    /// Own hints for somebody reached over `route`: nobody is told an address that they could not use, and whoever is no contact
    /// and came through a relay only places behind relays.
    pub(super) fn own_hints(&self, route: Route, friend: bool) -> Vec<Hint> {
        let Some(me) = &self.me else { return Vec::new() };
        let useful = |addr: &Addr| match (route, addr.route()) {
            (Route::Loopback, _) | (_, Route::Relayed) => true,
            (Route::Lan, there) => there != Route::Loopback,
            (Route::Direct, there) => there == Route::Direct,
            (Route::Relayed, there) => friend && there == Route::Direct,
        };
        let mut addrs: Vec<Addr> = Vec::new();
        for addr in self.outside.iter().chain(&self.listening) {
            if useful(addr) && !addrs.contains(addr) {
                addrs.push(*addr);
            }
        }
        // Places behind relays are worth more than a long list of addresses that a router may not let through.
        let (relayed, mut direct): (Vec<Addr>, Vec<Addr>) = addrs.into_iter().partition(|addr| addr.relay.is_some());
        let relayed = in_turn(relayed);
        direct.truncate(limits::HINTS.saturating_sub(relayed.len()));
        direct.into_iter().chain(relayed).map(|addr| Hint { peer: me.peer, addr }).collect()
    }

    /// Remembers where somebody said or was found to be.
    pub(super) fn learn_hints(&mut self, account: AccountId, news: &[Hint]) {
        let own = self.me.as_ref().map(|me| me.peer);
        let Some(person) = self.people.get_mut(&account) else { return };
        let mut hints: Vec<Hint> = news.iter().copied().filter(|h| Some(h.peer) != own).collect();
        hints.extend(person.hints.iter().copied().filter(|h| !news.contains(h)));
        // A node that changed its transport key is no longer behind the old one.
        hints.truncate(limits::HINTS);
        if hints != person.hints {
            person.hints = hints;
            self.touch_person(account);
        }
    }

    /// Dials a person's known addresses now, unless they are connected.
    pub(super) fn dial(&mut self, account: AccountId) {
        if self.is_online(account) || self.halted {
            return;
        }
        let Some(person) = self.people.get(&account) else { return };
        if !person.is_sought() || person.pair_keys().next().is_none() {
            return;
        }
        let nowhere = person.hints.is_empty();
        let recent = person.last_seen.is_some_and(|at| self.now.wall.distance(at) < RECENT);
        let most = if recent { BACKOFF_RECENT } else { BACKOFF_MOST };
        for (peer, addrs) in by_peer(&person.hints) {
            match self.links.iter().find(|(_, l)| l.info.peer == peer).map(|(id, _)| *id) {
                // Connected as strangers: what has changed since may let them recognise us.
                Some(id) => self.send_tags(id),
                None => {
                    self.dialled_for_call(account, peer);
                    self.gate.inward(Effect::Dial { peer: Some(peer), addrs });
                }
            }
        }
        let tries = self.dials.entry(account).or_insert(0);
        let search = *tries > 0 || nowhere;
        *tries = tries.saturating_add(1);
        let wait = BACKOFF_FIRST.saturating_mul(1_u32.checked_shl((*tries).saturating_sub(1).min(16)).unwrap_or(u32::MAX)).min(most);
        let wait = self.dice.about(wait);
        self.timers.set(Timer::Dial(account), self.now.mono.after(wait));
        if search {
            self.look_for(account);
        }
    }

    /// Dials everybody worth dialling, without waiting out old failures: at start and when the network changed.
    pub(super) fn dial_everybody(&mut self) {
        self.dials.clear();
        let accounts: Vec<AccountId> = self.people.keys().copied().collect();
        for account in accounts {
            self.dial(account);
            self.dial_doubted(account);
        }
        let peers: Vec<PeerKey> = self.neighbours.keys().copied().collect();
        for peer in peers {
            self.dial_neighbour(peer);
        }
    }

    /// Dials somebody who counts as connected. Over a network that is gone that means nothing, and the silence would take seconds to
    /// show it; the shell knows which connections are in doubt, and does not dial beside a good one.
    fn dial_doubted(&mut self, account: AccountId) {
        let Some(person) = self.people.get(&account).filter(|p| p.is_sought() && !self.halted) else { return };
        for (peer, addrs) in by_peer(&person.hints) {
            if self.is_linked(peer) {
                self.gate.inward(Effect::Dial { peer: Some(peer), addrs });
            }
        }
    }

    /// The own addresses changed: contacts who are connected are told, and for the others it is left in the directory.
    pub(super) fn addresses_changed(&mut self) {
        let links: Vec<LinkId> = self.links.iter().filter(|(_, l)| l.auth.is_some()).map(|(id, _)| *id).collect();
        for id in links {
            self.send_hints(id);
        }
        self.publish_soon();
        self.network_changed();
    }

    /// A node was discovered on the local network.
    pub(super) fn on_nearby(&mut self, peer: PeerKey, addrs: Vec<Addr>) {
        let Some(me) = &self.me else { return };
        if peer == me.peer || (self.neighbours.len() >= NEIGHBOURS && !self.neighbours.contains_key(&peer)) {
            return;
        }
        let wait = if me.peer < peer { Duration::ZERO } else { YIELD_DIAL };
        self.neighbours.insert(peer, addrs);
        if !self.is_linked(peer) {
            self.timers.set(Timer::DialNearby(peer), self.now.mono.after(wait));
        }
    }

    pub(super) fn on_nearby_gone(&mut self, peer: PeerKey) {
        self.neighbours.remove(&peer);
        self.timers.clear(Timer::DialNearby(peer));
    }

    pub(super) fn dial_neighbour(&mut self, peer: PeerKey) {
        if self.is_linked(peer) {
            return;
        }
        if let Some(addrs) = self.neighbours.get(&peer) {
            self.gate.inward(Effect::Dial { peer: Some(peer), addrs: addrs.clone() });
        }
    }

    /// A dial led nowhere. People are tried again by their own timer.
    pub(super) fn on_dial_failed(&mut self, peer: Option<PeerKey>) {
        let Some(peer) = peer else { return };
        self.dial_failed_for_call(peer);
        if self.neighbours.contains_key(&peer) && !self.is_linked(peer) {
            self.timers.set_at_most(Timer::DialNearby(peer), self.now.mono.after(NEIGHBOUR_AGAIN));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::input::Input;
    use super::super::testing::Bench;
    use super::*;
    use crate::link::Transport;

    #[test]
    fn people_are_told_of_both_relays_whatever_else_there_is_to_tell() {
        let mut bench = Bench::new(&["alice"]);
        let behind = |relay: u8, transport| Addr::behind(PeerKey([relay; 32]), ([203, 0, 113, relay], 4001).into(), transport);
        // A relay is asked for a place once and names all its addresses; a node may have many of its own.
        let relayed = [1, 2].map(|relay| [Transport::Quic, Transport::Tcp].map(|transport| behind(relay, transport)));
        let own = (1..=10).map(|n| Addr::direct(([198, 51, 100, n], 4001).into(), Transport::Quic));
        bench.give(0, Input::Listening(own.chain(relayed.concat()).collect()));
        let told = |friend| -> Vec<Addr> { bench.cores[0].own_hints(Route::Relayed, friend).iter().map(|hint| hint.addr).collect() };
        let [[one, one_tcp], [two, two_tcp]] = relayed;
        assert_eq!(told(false), [one, two, one_tcp, two_tcp]);
        assert_eq!(told(true).len(), limits::HINTS);
        assert!([one, two, one_tcp, two_tcp].iter().all(|addr| told(true).contains(addr)));
    }
}
