//! Operators' nodes: relays, and doors to the directory and to mailboxes. Which ones to use is the person's choice; none is needed
//! to talk to people on the local network or at known addresses.

use super::Core;
use super::command::{CommandError, Reply};
use super::effect::Effect;
use super::timers::Timer;
use crate::ids::{CmdId, LinkId, PeerKey};
use crate::limits;
use crate::link::{Addr, Hint, LinkInfo};
use crate::view::OperatorView;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Addresses kept for one operator: two transports, two address families.
const ADDRS: usize = 4;
/// Wait after the first failed dial of the operators; doubles from there.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
/// Longest wait between dials: reservations are expected back half a minute after a relay is.
const AGAIN_MOST: Duration = Duration::from_secs(20);

/// The operators' nodes, and the connections to them.
#[derive(Debug, Default)]
pub(super) struct Operators {
    known: BTreeMap<PeerKey, Vec<Addr>>,
    links: BTreeMap<LinkId, PeerKey>,
    /// Rounds of dials since one was connected.
    tries: u32,
}

impl Operators {
    pub fn load(&mut self, hints: impl IntoIterator<Item = Hint>) {
        for hint in hints {
            self.add(&hint);
        }
    }

    /// All of them as hints.
    pub fn hints(&self) -> Vec<Hint> {
        self.known.iter().flat_map(|(peer, addrs)| addrs.iter().map(|addr| Hint { peer: *peer, addr: *addr })).collect()
    }

    /// Whether there is a way into the directory now.
    pub fn any_up(&self) -> bool {
        !self.links.is_empty()
    }

    pub fn none_known(&self) -> bool {
        self.known.is_empty()
    }

    /// All of them.
    pub fn known(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.known.keys().copied()
    }

    pub fn is_known(&self, peer: PeerKey) -> bool {
        self.known.contains_key(&peer)
    }

    /// Where others find one: the address that was named last.
    pub fn addr_of(&self, peer: PeerKey) -> Option<Addr> {
        self.known.get(&peer).and_then(|addrs| addrs.first()).copied()
    }

    /// Whether one is connected.
    pub fn is_up(&self, peer: PeerKey) -> bool {
        self.links.values().any(|up| *up == peer)
    }

    /// A connection to one.
    pub fn link_to(&self, peer: PeerKey) -> Option<LinkId> {
        self.links.iter().find(|(_, up)| **up == peer).map(|(id, _)| *id)
    }

    /// Which one a connection leads to.
    pub fn peer_of(&self, id: LinkId) -> Option<PeerKey> {
        self.links.get(&id).copied()
    }

    /// Whether the person named this address for it.
    pub fn is_at(&self, peer: PeerKey, ip: IpAddr) -> bool {
        self.known.get(&peer).is_some_and(|addrs| addrs.iter().any(|addr| addr.socket.ip().to_canonical() == ip.to_canonical()))
    }

    fn add(&mut self, hint: &Hint) -> bool {
        if self.known.len() >= limits::OPERATORS && !self.known.contains_key(&hint.peer) {
            return false;
        }
        let addrs = self.known.entry(hint.peer).or_default();
        if !addrs.contains(&hint.addr) {
            addrs.insert(0, hint.addr);
            addrs.truncate(ADDRS);
        }
        true
    }

    /// As people see them; `calls` says through which ones calls can go.
    pub fn views(&self, calls: impl Fn(PeerKey) -> bool) -> Vec<OperatorView> {
        let hint = |peer: PeerKey| move |addr: &Addr| Hint { peer, addr: *addr };
        self.known
            .iter()
            .map(|(peer, addrs)| OperatorView {
                hints: addrs.iter().map(hint(*peer)).collect(),
                connected: self.is_up(*peer),
                calls: calls(*peer),
            })
            .collect()
    }
}

impl Core {
    pub(super) fn add_operators(&mut self, cmd: CmdId, hints: &[Hint]) {
        if self.cfg.lan_only {
            return self.gate.reply(cmd, Err(CommandError::LanOnly));
        }
        let invalid = |why: &str| CommandError::Invalid { field: "multiaddr", why: why.to_owned() };
        if hints.is_empty() || hints.iter().any(|hint| hint.addr.relay.is_some()) {
            return self.gate.reply(cmd, Err(invalid("it must be an operator's own address")));
        }
        // A connection to an operator is nothing else: somebody known could not be talked to any more.
        if hints.iter().any(|new| self.people.values().any(|p| p.hints.iter().any(|h| h.peer == new.peer))) {
            return self.gate.reply(cmd, Err(invalid("this is where somebody you know is, not an operator")));
        }
        if !hints.iter().all(|hint| self.operators.add(hint)) {
            return self.gate.reply(cmd, Err(invalid("there are eight operators already; remove one first")));
        }
        self.operators_changed();
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    pub(super) fn remove_operator(&mut self, cmd: CmdId, peer: PeerKey) {
        if self.operators.known.remove(&peer).is_none() {
            let why = "this operator is not in the list".to_owned();
            return self.gate.reply(cmd, Err(CommandError::Invalid { field: "multiaddr", why }));
        }
        self.turn.forget(peer);
        self.timers.clear(Timer::Turn(peer));
        let links: Vec<LinkId> = self.operators.links.iter().filter(|(_, p)| **p == peer).map(|(id, _)| *id).collect();
        for id in links {
            self.gate.close(id);
        }
        self.operators_changed();
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    fn operators_changed(&mut self) {
        self.touched.settings = true;
        self.operators_of_queues_changed();
        self.begin_operators();
        self.network_changed();
    }

    /// Tells the network which they are, and dials them.
    pub(super) fn begin_operators(&mut self) {
        if self.me.is_none() || self.cfg.lan_only {
            return;
        }
        self.gate.inward(Effect::Operators(self.operators.hints()));
        self.dial_operators_anew();
    }

    /// Dials those that are not connected, without waiting out old failures.
    pub(super) fn dial_operators_anew(&mut self) {
        self.operators.tries = 0;
        self.dial_operators();
    }

    /// Dials those that count as connected, before anybody is dialled through them: in another network that means nothing, and the silence
    /// would take seconds to show it. The shell does not dial beside a good connection.
    pub(super) fn dial_doubted_operators(&mut self) {
        if self.me.is_none() || self.cfg.lan_only || self.halted {
            return;
        }
        for (peer, addrs) in self.operators.known.iter().filter(|(peer, _)| self.operators.is_up(**peer)) {
            self.gate.inward(Effect::Dial { peer: Some(*peer), addrs: addrs.clone() });
        }
    }

    pub(super) fn dial_operators(&mut self) {
        if self.me.is_none() || self.cfg.lan_only || self.halted {
            return;
        }
        let mut missing = false;
        for (peer, addrs) in &self.operators.known {
            if self.operators.is_up(*peer) {
                continue;
            }
            missing = true;
            self.gate.inward(Effect::Dial { peer: Some(*peer), addrs: addrs.clone() });
        }
        if missing {
            let doubled = 1_u32.checked_shl(self.operators.tries.min(16)).unwrap_or(u32::MAX);
            self.operators.tries = self.operators.tries.saturating_add(1);
            let wait = self.dice.about(AGAIN_FIRST.saturating_mul(doubled).min(AGAIN_MOST));
            self.timers.set(Timer::Operators, self.now.mono.after(wait));
        }
    }

    /// A connection to an operator's node is no connection to a person: no hello is made on it.
    pub(super) fn operator_up(&mut self, id: LinkId, info: LinkInfo) -> bool {
        if info.addr.relay.is_some() || !self.operators.known.contains_key(&info.peer) {
            return false;
        }
        self.operators.links.insert(id, info.peer);
        self.operators.tries = 0;
        self.directory_up();
        self.line_up(id, info.peer);
        self.ask_turn(info.peer);
        self.network_changed();
        true
    }

    pub(super) fn operator_down(&mut self, id: LinkId) -> bool {
        if !self.line_down(id) {
            return false;
        }
        let Some(peer) = self.operators.links.remove(&id) else { return true };
        if !self.operators.is_up(peer) {
            self.turn.down(peer);
        }
        self.timers.set_at_most(Timer::Operators, self.now.mono.after(AGAIN_FIRST));
        self.network_changed();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::Command;
    use super::super::input::Input;
    use super::super::testing::Bench;
    use super::*;
    use crate::link::{Side, Transport};

    #[test]
    fn in_another_network_an_operator_that_counts_as_connected_is_dialled_before_anybody_else() {
        let (mut bench, _, _) = Bench::friends();
        let operator = Hint { peer: PeerKey([5; 32]), addr: Addr::direct(([203, 0, 113, 5], 4001).into(), Transport::Quic) };
        bench.ask(0, Command::AddOperators(vec![operator])).unwrap();
        let info = LinkInfo { peer: operator.peer, side: Side::Dialler, addr: operator.addr, route: operator.addr.route() };
        bench.give(0, Input::LinkUp(LinkId(100), info));
        bench.dials.clear();
        bench.give(0, Input::NetworkChanged);
        assert_eq!(bench.dials.first(), Some(&(0, vec![operator.addr])));
        assert!(bench.dials.len() > 1, "and friends after it, who may be behind it");
    }
}
