//! Relays for calls, from the side of those who use them: names and passwords for the relays of operators' nodes. They are asked for
//! when an operator is connected and again before they end, so that asking says nothing of a call, and are kept in memory only.

use super::Core;
use super::timers::Timer;
use crate::call::media::IceServer;
use crate::ids::{LinkId, PeerKey};
use crate::limits;
use crate::link::Proto;
use crate::reach::{Reach, reach};
use crate::time::Mono;
use crate::turn::aim;
use crate::wire::codec;
use crate::wire::turn::{Turn as Said, TurnAsk, TurnFrame, TurnGrant};
use std::collections::BTreeMap;
use std::time::Duration;

/// Operators whose relays one call uses: a second one for when the first is gone. Each more makes every call connect later.
const RELAYS: usize = 2;
/// A shorter life is of no use to anybody.
const LIFE_LEAST: Duration = Duration::from_secs(300);
/// A node that did not answer, or ended the connection instead, as those of older versions do, is left alone for so long.
const AGAIN: Duration = Duration::from_secs(120);
/// A node that has no relay is asked again after this: its operator may have changed that.
const NONE_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// What operators' nodes have given.
#[derive(Debug, Default)]
pub(super) struct Turn {
    grants: BTreeMap<PeerKey, Grant>,
    /// Numbers of the questions under way.
    asked: BTreeMap<PeerKey, u32>,
    number: u32,
    /// When each node may be asked again.
    not_before: BTreeMap<PeerKey, Mono>,
}

#[derive(Debug)]
struct Grant {
    server: IceServer,
    renew: Mono,
    ends: Mono,
}

impl Turn {
    /// Servers for calls, best first: where one operator is gone, another one's relay is as good.
    pub fn servers(&self, now: Mono, is_up: impl Fn(PeerKey) -> bool) -> Vec<IceServer> {
        let valid = || self.grants.iter().filter(|(_, grant)| grant.ends > now);
        let (up, down): (Vec<_>, Vec<_>) = valid().partition(|(peer, _)| is_up(**peer));
        up.into_iter().chain(down).take(RELAYS).map(|(_, grant)| grant.server.clone()).collect()
    }

    /// Whether calls can go through this operator's node.
    pub fn relays(&self, now: Mono, peer: PeerKey) -> bool {
        self.grants.get(&peer).is_some_and(|grant| grant.ends > now)
    }

    /// The operator is not used any more.
    pub fn forget(&mut self, peer: PeerKey) {
        self.grants.remove(&peer);
        self.asked.remove(&peer);
        self.not_before.remove(&peer);
    }

    /// Forgets what a node gave, if its time is over.
    fn lapse(&mut self, now: Mono, peer: PeerKey) -> bool {
        let over = self.grants.get(&peer).is_some_and(|grant| grant.ends <= now);
        if over {
            self.grants.remove(&peer);
        }
        over
    }

    /// A connection to a node ended: nobody will answer on it.
    pub fn down(&mut self, peer: PeerKey) {
        self.asked.remove(&peer);
    }
}

impl Core {
    /// Servers that a call that begins now would use: none in the mode for the local network, and none before an operator gave any.
    #[must_use]
    pub fn ice_servers(&self) -> Vec<IceServer> {
        if self.cfg.lan_only {
            return Vec::new();
        }
        self.turn.servers(self.now.mono, |peer| self.operators.is_up(peer))
    }

    /// Asks an operator's node for what lets calls go through it, if that is due.
    pub(super) fn ask_turn(&mut self, peer: PeerKey) {
        let now = self.now.mono;
        if self.cfg.lan_only || self.halted {
            return;
        }
        if self.turn.asked.contains_key(&peer) {
            return self.see_to_turn(peer, self.turn.not_before.get(&peer).copied());
        }
        let fresh = self.turn.grants.get(&peer).map(|grant| grant.renew);
        let due = fresh.max(self.turn.not_before.get(&peer).copied()).unwrap_or(now);
        if due > now {
            return self.see_to_turn(peer, Some(due));
        }
        let Some(link) = self.operators.link_to(peer) else { return self.see_to_turn(peer, None) };
        self.turn.number = self.turn.number.wrapping_add(1);
        let ask = self.turn.number;
        self.turn.asked.insert(peer, ask);
        let again = now.after(self.dice.about(AGAIN));
        self.turn.not_before.insert(peer, again);
        self.see_to_turn(peer, Some(again));
        self.gate.send(link, Proto::Turn, codec::encode(&TurnFrame { m: Some(Said::Ask(TurnAsk { ask })) }), None);
    }

    /// It is time to ask a node again, or it has not answered for too long.
    pub(super) fn on_turn_timer(&mut self, peer: PeerKey) {
        let now = self.now.mono;
        if self.turn.not_before.get(&peer).is_none_or(|again| *again <= now) {
            self.turn.asked.remove(&peer);
        }
        if self.turn.lapse(now, peer) {
            self.network_changed();
        }
        self.ask_turn(peer);
    }

    /// An operator's node says something about its relay.
    pub(super) fn on_turn(&mut self, id: LinkId, frame: &[u8]) {
        let Some(peer) = self.operators.peer_of(id).filter(|_| !self.halted) else { return };
        let Ok(frame) = codec::decode::<TurnFrame>(frame, Proto::Turn.max_frame()) else {
            self.refuse("turn_garbage");
            return self.gate.close(id);
        };
        let asked = self.turn.asked.get(&peer).copied();
        let now = self.now.mono;
        let due = match frame.m {
            Some(Said::Grant(grant)) if asked == Some(grant.ask) => match self.believe(peer, grant) {
                Some(renew) => {
                    self.network_changed();
                    renew
                }
                None => {
                    self.refuse("turn_unusable");
                    now.after(NONE_AGAIN)
                }
            },
            Some(Said::No(no)) if asked == Some(no.ask) => {
                let wait = if no.wait_s == 0 { NONE_AGAIN } else { Duration::from_secs(u64::from(no.wait_s)).clamp(AGAIN, NONE_AGAIN) };
                now.after(self.dice.about(wait))
            }
            // What only clients say, and answers that nobody asked for.
            Some(Said::Ask(_) | Said::Grant(_) | Said::No(_)) => return self.refuse("turn_unasked"),
            None => return,
        };
        self.turn.asked.remove(&peer);
        self.turn.not_before.insert(peer, due);
        self.see_to_turn(peer, Some(due));
    }

    /// Looks at a node again at some time, or when what it gave ends: people are shown through which ones calls can go.
    fn see_to_turn(&mut self, peer: PeerKey, at: Option<Mono>) {
        let ends = self.turn.grants.get(&peer).map(|grant| grant.ends);
        match at.into_iter().chain(ends).min() {
            Some(at) => self.timers.set(Timer::Turn(peer), at),
            None => self.timers.clear(Timer::Turn(peer)),
        }
    }

    /// Keeps a grant, if it makes sense; when a new one is to be asked for.
    fn believe(&mut self, peer: PeerKey, grant: TurnGrant) -> Option<Mono> {
        let life = Duration::from_secs(u64::from(grant.life_s)).min(limits::TURN_LIFE);
        // Every call sends packets there: an operator must not aim them at the networks of those who call.
        let operators = &self.operators;
        let there = |url: &String| aim::host(url).is_some_and(|host| operators.is_at(peer, host.ip()) || reach(host.ip()) == Reach::World);
        let urls: Vec<String> = grant.urls.into_iter().filter(there).collect();
        if urls.is_empty() || grant.username.is_empty() || grant.credential.is_empty() || life < LIFE_LEAST {
            return None;
        }
        let now = self.now.mono;
        let server = IceServer { urls, username: grant.username, credential: grant.credential };
        // Between a half and three quarters of it: a call that begins just before has a quarter left, and nodes do not ask in step.
        let renew = now.after(self.dice.about(life.saturating_mul(5).checked_div(8).unwrap_or(life)));
        self.turn.grants.insert(peer, Grant { server, renew, ends: now.after(life) });
        Some(renew)
    }
}
