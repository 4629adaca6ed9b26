//! Connections: what is known of each, whose they are proven to be, and the sealed streams on those that are.
//!
//! A connection that this side gives up ends here at once, although the network may need a moment more: nobody is found on it any
//! more, and what still arrives on it is not looked at.

use super::Core;
use super::clock::Reading;
use super::event::Event;
use super::hello::NONCE_TIMEOUT;
use super::people::Person;
use super::timers::Timer;
use crate::crypto::link::{Ephemeral, LinkKeys, Opener, Sealer, Transcript};
use crate::ids::{AccountId, DeviceId, LinkId, PeerKey};
use crate::link::{LinkInfo, Proto, Side};
use crate::time::{Mono, UnixMs};
use crate::view::{Presence, Relation};
use crate::wire::hello::{Hello, Nonce};
use std::time::Duration;

/// Wait before somebody whose connection ended is dialled: the network needs a moment to let go of it, and a program that is started
/// anew takes about as long. Whoever does not answer then is dialled with back-off.
const DIAL_AGAIN: Duration = Duration::from_millis(200);

/// A connection.
pub(super) struct Link {
    pub info: LinkInfo,
    /// The part this side plays in the hello. The lower transport key plays the dialler: where both dialled at the same moment
    /// the ends may disagree on who did, and on their keys they cannot.
    pub role: Side,
    /// Whether tags were sent on this connection.
    pub named: bool,
    /// The other side recognised nobody.
    pub stranger: bool,
    pub nonce: [u8; 32],
    pub eph: Ephemeral,
    pub theirs: Option<([u8; 32], [u8; 32])>,
    /// People whose tags we sent, or who were recognised by theirs.
    pub candidates: Vec<(AccountId, [u8; 32])>,
    /// The candidate to whom we have proven ourselves on this connection, and under which of the keys we share.
    pub proven_to: Option<(AccountId, [u8; 32])>,
    /// How the own clocks stood to each other when our proof told them the time, ms.
    pub told_clock: Option<i64>,
    /// Frames that came before the other side's proof did, in their order.
    pub early: Vec<(Proto, Vec<u8>)>,
    pub auth: Option<Auth>,
    /// Whose it was proven to be, also after it was given up.
    proven: Option<AccountId>,
    /// This side gave it up.
    pub closing: bool,
    /// Who they say they are on the local network.
    pub neighbour: Option<AccountId>,
    /// What we asked their inbox.
    pub inbox: super::inbox::InboxCall,
}

/// A connection whose other end has proven to be a device of somebody known.
pub(super) struct Auth {
    pub account: AccountId,
    pub device: DeviceId,
    /// Another device of this account.
    pub own: bool,
    dm: (Sealer, Opener),
    sync: (Sealer, Opener),
    /// What they say of themselves.
    pub presence: Presence,
    pub heard: Mono,
    /// What their clock showed.
    pub clock: Reading,
}

impl Auth {
    fn sealer(&mut self, proto: Proto) -> &mut Sealer {
        if proto == Proto::Sync { &mut self.sync.0 } else { &mut self.dm.0 }
    }

    fn opener(&mut self, proto: Proto) -> &mut Opener {
        if proto == Proto::Sync { &mut self.sync.1 } else { &mut self.dm.1 }
    }
}

impl Link {
    pub fn transcript(&self, own: PeerKey) -> Option<Transcript> {
        let (nonce, eph) = self.theirs?;
        let (mine, my_eph, peer) = (self.nonce, self.eph.public(), self.info.peer);
        Some(match self.role {
            Side::Dialler => Transcript {
                dialler: own,
                listener: peer,
                dialler_nonce: mine,
                listener_nonce: nonce,
                dialler_eph: my_eph,
                listener_eph: eph,
            },
            Side::Listener => Transcript {
                dialler: peer,
                listener: own,
                dialler_nonce: nonce,
                listener_nonce: mine,
                dialler_eph: eph,
                listener_eph: my_eph,
            },
        })
    }

    pub fn their_role(&self) -> Side {
        match self.role {
            Side::Dialler => Side::Listener,
            Side::Listener => Side::Dialler,
        }
    }
}

impl Core {
    pub(super) fn on_link_up(&mut self, id: LinkId, info: LinkInfo) {
        let Some(own) = self.me.as_ref().map(|me| me.peer).filter(|_| !self.halted) else {
            return self.gate.close_now(id);
        };
        if self.operator_up(id, info) || self.host_up(id, info) {
            return;
        }
        let nonce = self.dice.bytes();
        let eph = Ephemeral::from_random(self.dice.bytes());
        let first = Nonce { v: 1, nonce: nonce.to_vec(), eph: eph.public().to_vec() };
        let link = Link {
            info,
            role: if own < info.peer { Side::Dialler } else { Side::Listener },
            named: false,
            stranger: false,
            nonce,
            eph,
            theirs: None,
            candidates: Vec::new(),
            proven_to: None,
            told_clock: None,
            early: Vec::new(),
            auth: None,
            proven: None,
            closing: false,
            neighbour: None,
            inbox: super::inbox::InboxCall::default(),
        };
        self.links.insert(id, link);
        self.timers.set(Timer::Hello(id), self.now.mono.after(NONCE_TIMEOUT));
        self.send_hello(id, Hello::Nonce(first));
        self.network_changed();
    }

    /// A connection goes another way now.
    pub(super) fn on_link_moved(&mut self, id: LinkId, info: LinkInfo) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.info = info;
        self.network_changed();
    }

    /// The other end of a connection has proven to be a device of somebody known. An older connection of that device is over: it
    /// would not have begun another while that one works.
    pub(super) fn link_proven(&mut self, id: LinkId, account: AccountId, device: DeviceId, keys: &LinkKeys, wall: UnixMs) {
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        let doubles: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(other, l)| **other != id && l.auth.as_ref().is_some_and(|a| a.device == device))
            .map(|(i, _)| *i)
            .collect();
        let now = self.now;
        if let Some(link) = self.links.get_mut(&id) {
            link.proven = Some(account);
            link.auth = Some(Auth {
                account,
                device,
                own,
                dm: (keys.sealer(Proto::Dm), keys.opener(Proto::Dm)),
                sync: (keys.sealer(Proto::Sync), keys.opener(Proto::Sync)),
                presence: Presence::Online,
                heard: now.mono,
                clock: Reading::new(wall, now),
            });
        }
        self.device_proven(account, device);
        for double in doubles {
            self.end_link(double);
        }
    }

    pub(super) fn on_link_down(&mut self, id: LinkId) {
        if self.operator_down(id) {
            return;
        }
        self.forget_proof(id);
        self.timers.clear(Timer::Hello(id));
        let Some(link) = self.links.remove(&id) else { return };
        self.neighbour_link_down(&link);
        self.inbox_link_down(&link);
        if let Some(account) = link.proven {
            let again = self.now.mono.after(DIAL_AGAIN);
            let own = self.me.as_ref().is_some_and(|me| me.account == account);
            if own && self.neighbours.contains_key(&link.info.peer) {
                self.timers.set_at_most(Timer::DialNearby(link.info.peer), again);
            } else if self.people.get(&account).is_some_and(Person::is_sought) {
                self.timers.set_at_most(Timer::Dial(account), again);
            }
        }
        self.network_changed();
    }

    /// Gives a connection up. What was said on it before still leaves.
    pub(super) fn end_link(&mut self, id: LinkId) {
        self.forget_proof(id);
        if let Some(link) = self.links.get_mut(&id)
            && !std::mem::replace(&mut link.closing, true)
        {
            self.timers.clear(Timer::Hello(id));
            self.gate.close(id);
        }
    }

    /// Nobody is behind a connection any more.
    fn forget_proof(&mut self, id: LinkId) {
        let Some(auth) = self.links.get_mut(&id).and_then(|l| l.auth.take()) else { return };
        self.timers.clear(Timer::Sync(id));
        self.timers.clear(Timer::Doubt(id));
        self.feed_parted(auth.device);
        self.sync_link_down(id);
        self.call_device_down(auth.device);
        let (account, wall) = (auth.account, self.now.wall);
        let Some(person) = self.people.get_mut(&account) else { return };
        person.last_seen = Some(wall);
        self.touch_person(account);
        if self.presence_of(account) == Presence::Offline {
            self.typing_stopped(account);
            self.gate.notify(Event::PresenceChanged { account_id: account, presence: Presence::Offline });
        }
    }

    /// How somebody is, by the connections that are proven to be theirs.
    pub(super) fn presence_of(&self, account: AccountId) -> Presence {
        let contact = self.people.get(&account).is_some_and(|p| p.relation == Relation::Contact);
        let told = self.auths(account).map(|(_, a)| a.presence);
        told.min_by_key(|p| match p {
            Presence::Online => 0,
            Presence::Dnd => 1,
            Presence::Idle => 2,
            Presence::Offline => 3,
        })
        .filter(|_| contact)
        .unwrap_or(Presence::Offline)
    }

    /// The proven connections of an account.
    pub(super) fn auths(&self, account: AccountId) -> impl Iterator<Item = (LinkId, &Auth)> {
        self.links.iter().filter_map(move |(id, l)| l.auth.as_ref().filter(|a| a.account == account).map(|a| (*id, a)))
    }

    pub(super) fn is_online(&self, account: AccountId) -> bool {
        self.auths(account).next().is_some()
    }

    pub(super) fn is_linked(&self, peer: PeerKey) -> bool {
        self.links.values().any(|l| l.info.peer == peer)
    }

    /// The proven connection of a device.
    pub(super) fn link_of(&self, device: DeviceId) -> Option<LinkId> {
        self.links.iter().find(|(_, l)| l.auth.as_ref().is_some_and(|a| a.device == device)).map(|(id, _)| *id)
    }

    /// Ends every connection on which somebody has proven themselves, or we have to them.
    pub(super) fn drop_links_of(&mut self, account: AccountId) {
        let theirs = |l: &Link| l.auth.as_ref().is_some_and(|a| a.account == account) || l.proven_to.is_some_and(|(to, _)| to == account);
        let links: Vec<LinkId> = self.links.iter().filter(|(_, l)| theirs(l)).map(|(id, _)| *id).collect();
        for id in links {
            self.end_link(id);
        }
    }

    /// Seals a frame for an authenticated connection and sends it. False if it is not one.
    pub(super) fn send_sealed(&mut self, id: LinkId, proto: Proto, plain: &[u8], receipt: Option<u64>) -> bool {
        let Some(auth) = self.links.get_mut(&id).and_then(|l| l.auth.as_mut()) else { return false };
        let frame = auth.sealer(proto).seal(plain);
        self.gate.send(id, proto, frame, receipt);
        true
    }

    /// Opens a frame of an authenticated connection. A connection whose stream does not open is useless and closed.
    pub(super) fn open_sealed(&mut self, id: LinkId, proto: Proto, frame: &[u8]) -> Option<(AccountId, DeviceId, Vec<u8>)> {
        let now = self.now.mono;
        let Some(auth) = self.links.get_mut(&id).and_then(|l| l.auth.as_mut()) else {
            self.bad_frame(id, "frame_before_hello");
            return None;
        };
        let Ok(plain) = auth.opener(proto).open(frame) else {
            self.bad_frame(id, "frame_closed");
            return None;
        };
        auth.heard = now;
        Some((auth.account, auth.device, plain))
    }

    /// Counts bad input from a peer and ends the connection it came from.
    pub(super) fn bad_frame(&mut self, id: LinkId, reason: &'static str) {
        self.refuse(reason);
        self.end_link(id);
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::Command;
    use super::super::testing::Bench;
    use super::*;

    #[test]
    fn what_is_said_after_a_device_connected_anew_goes_by_the_new_connection() {
        let (mut bench, old, _) = Bench::friends();
        // The old connection is dead, and only the other side knows it: it connects again.
        bench.cut(0, old);
        let (_, new) = bench.connect(1, 0);
        let device = bench.cores[1].me.as_ref().unwrap().device_id();
        assert_eq!(bench.cores[0].link_of(device), Some(new), "the network has not said that the old one is over");
        assert!(bench.closed.contains(&(0, old)));
        bench.sent.clear();
        let chat = *bench.cores[0].chats.keys().next().unwrap();
        bench.ask(0, Command::Send { chat, text: "do you hear me?".into(), reply_to: None }).unwrap();
        assert!(bench.sent.contains(&(0, new, Proto::Dm)));
        assert!(bench.sent.iter().all(|(n, link, _)| (*n, *link) != (0, old)), "into the void");
    }

    #[test]
    fn the_end_of_a_connection_that_was_replaced_is_no_end_of_presence() {
        let (mut bench, old, _) = Bench::friends();
        bench.cut(0, old);
        bench.connect(1, 0);
        bench.give(0, crate::core::input::Input::LinkDown(old));
        assert_eq!(bench.cores[0].presence_of(bench.accounts[1]), Presence::Online);
        assert_eq!(bench.cores[0].links.len(), 1);
    }
}
