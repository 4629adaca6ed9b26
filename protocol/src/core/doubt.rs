//! Connections through a relay that may be dead without anybody knowing.
//!
//! A relay whose machine loses its power tells nobody, and pings show it only after ten seconds. Who is on two relays need not wait for
//! that: a message that is not acknowledged for a while, on a connection on which nothing else comes back either, is reason enough to
//! knock at the places that the device has behind other relays. If it answers there, the connection begins anew on that way, and what was
//! not acknowledged is sent again, because it is still in the log. If it does not, nothing has changed.

use super::Core;
use super::effect::Effect;
use super::timers::Timer;
use crate::ids::{AccountId, ChanId, DeviceId, LinkId};
use crate::link::{Addr, Route};
use crate::time::Mono;
use std::time::Duration;

/// Silence after a message that casts doubt on a connection through a relay: several round trips around the world, and the commit of a busy
/// disk. With the second that a new way takes, a talk goes on within three seconds.
const SILENCE: Duration = Duration::from_secs(1);
/// Shortest time between two doubts about the same person: on a line that is merely slow each costs a connection.
const AGAIN: Duration = Duration::from_secs(30);

impl Core {
    /// Something was sent to a device that it will acknowledge.
    pub(super) fn expect_answer(&mut self, id: LinkId) {
        if self.links.get(&id).is_some_and(|l| l.info.route == Route::Relayed) {
            self.timers.set_at_most(Timer::Doubt(id), self.now.mono.after(SILENCE));
        }
    }

    /// An answer is due.
    pub(super) fn doubt(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id).filter(|l| l.info.route == Route::Relayed) else { return };
        let (Some(auth), false) = (&link.auth, self.halted) else { return };
        let (account, device, heard) = (auth.account, auth.device, auth.heard);
        let (peer, relay) = (link.info.peer, link.info.addr.relay);
        // While histories are being compared a message may wait behind a lot else.
        let busy = self.is_catching_up(id);
        if !self.owes_answer(account, device) {
            return;
        }
        let due = heard.after(SILENCE).max(self.doubted.get(&account).map_or(Mono::default(), |at| at.after(AGAIN)));
        if busy || due > self.now.mono {
            return self.timers.set(Timer::Doubt(id), if busy { due.max(self.now.mono.after(SILENCE)) } else { due });
        }
        let Some(person) = self.people.get(&account).filter(|p| p.is_sought()) else { return };
        let elsewhere = person.hints.iter().filter(|hint| hint.peer == peer && hint.addr.relay.is_some() && hint.addr.relay != relay);
        let addrs: Vec<Addr> = elsewhere.map(|hint| hint.addr).collect();
        if !addrs.is_empty() {
            self.doubted.insert(account, self.now.mono);
            self.gate.inward(Effect::Doubt(id));
            self.gate.inward(Effect::Dial { peer: Some(peer), addrs });
        }
    }

    /// Whether a device has not acknowledged something that this one wrote.
    fn owes_answer(&self, account: AccountId, device: DeviceId) -> bool {
        let Some(own) = self.me.as_ref().map(super::me::Me::device_id) else { return false };
        let Some(chat) = self.chat_with(account).and_then(|space| self.chats.get(&space)) else { return false };
        let acked = chat.acks.get(&device).and_then(|logs| logs.get(&(ChanId::MAIN, own))).copied().unwrap_or(0);
        acked < chat.last_seq(ChanId::MAIN, own)
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::Command;
    use super::super::input::Input;
    use super::super::testing::Bench;
    use super::*;
    use crate::ids::PeerKey;
    use crate::link::Transport;

    /// Bob has a place behind another relay, and tells Alice.
    fn second_relay(bench: &mut Bench) {
        let place = Addr::behind(PeerKey([7; 32]), ([203, 0, 113, 7], 4433).into(), Transport::Quic);
        bench.give(1, Input::Listening(vec![place]));
    }

    fn say(bench: &mut Bench, text: &str) {
        let chat = *bench.cores[0].chats.keys().next().unwrap();
        bench.ask(0, Command::Send { chat, text: text.into(), reply_to: None }).unwrap();
    }

    /// Lets time pass in small steps.
    fn wait(bench: &mut Bench, ms: u64) {
        for _ in 0..ms / 100 {
            bench.at += 100;
            for core in 0..2 {
                bench.give(core, Input::Tick);
            }
        }
    }

    #[test]
    fn a_message_without_an_answer_casts_doubt_on_a_connection_through_a_relay_once() {
        let (mut bench, link, _) = Bench::friends();
        second_relay(&mut bench);
        bench.relay(0, link);
        say(&mut bench, "heard");
        wait(&mut bench, 5_000);
        assert!(bench.doubts.is_empty(), "it was acknowledged");
        bench.cut(0, link);
        wait(&mut bench, 5_000);
        assert!(bench.doubts.is_empty(), "nothing was said");
        say(&mut bench, "into the void");
        wait(&mut bench, 900);
        assert!(bench.doubts.is_empty(), "not yet");
        wait(&mut bench, 300);
        assert_eq!(bench.doubts, [(0, link)]);
        assert_eq!(bench.dials.last().map(|(_, addrs)| addrs.iter().all(|addr| addr.relay == Some(PeerKey([7; 32])))), Some(true));
        wait(&mut bench, 20_000);
        assert_eq!(bench.doubts.len(), 1, "not all the time");
    }

    #[test]
    fn without_another_relay_there_is_nothing_to_doubt_for() {
        let (mut bench, link, _) = Bench::friends();
        bench.relay(0, link);
        bench.cut(0, link);
        say(&mut bench, "into the void");
        wait(&mut bench, 5_000);
        assert!(bench.doubts.is_empty());
    }

    #[test]
    fn a_direct_connection_is_not_doubted() {
        let (mut bench, link, _) = Bench::friends();
        second_relay(&mut bench);
        bench.cut(0, link);
        say(&mut bench, "into the void");
        wait(&mut bench, 5_000);
        assert!(bench.doubts.is_empty());
    }
}
