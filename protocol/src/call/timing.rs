//! What happens by itself: every wait of a call has an end.

use super::board::{Board, Out};
use super::media::{LegId, MediaCmd, MediaEvent};
use super::state::{Call, Step, word};
use crate::ids::{CallId, DeviceId};
use crate::limits;
use crate::time::{Mono, Now};
use crate::view::CallEnd;
use crate::wire::call::{CallMsg, word as words};
use std::time::Duration;

/// How long the engine has to say that there is none, before anybody hears of a call.
pub(super) const PREPARE: Duration = Duration::from_millis(20);
/// How long a device of somebody is waited for who is not connected, and for a caller whose connection broke.
pub(super) const REACH: Duration = Duration::from_secs(12);
/// How long it rings.
pub(super) const RING: Duration = Duration::from_secs(60);
/// How long it rings where nobody says that it is over: a little longer, so that the caller's word comes first.
pub(super) const RING_HERE: Duration = Duration::from_secs(65);
/// How long a way for the sound is looked for.
pub(super) const CONNECT: Duration = Duration::from_secs(20);
/// How long silence may be before a way is looked for anew, and between two tries.
const RESTART: Duration = Duration::from_secs(8);
/// How much longer the side waits with it that gives way: one of the two is enough.
const RESTART_LATER: Duration = Duration::from_secs(2);
/// How long silence may be in all.
const GIVE_UP: Duration = Duration::from_secs(30);
/// How often it is written down for how long they have talked, in case that this machine fails.
const NOTE: Duration = Duration::from_secs(30);
/// How long a call that is over is remembered.
pub(super) const KEPT: Duration = Duration::from_secs(120);
const _: () = assert!(KEPT.as_secs() > limits::CALL_LIFETIME.as_secs(), "an invitation is stale before its call is forgotten");

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The engine may be missing.
    Prepare,
    /// A first device of theirs.
    Reach,
    /// Somebody takes it.
    Ring,
    /// The caller is connected again.
    Gone,
    /// Sound passes.
    Connect,
    /// Another way is to be looked for.
    Restart,
    /// Sound passes again.
    GiveUp,
    /// How long they have talked is to be written down.
    Note,
}

impl Call {
    /// The own share of waiting before a way is looked for anew.
    pub fn restart_after(&self, wait: Duration) -> Duration {
        if self.talk.is_polite() { wait.saturating_add(RESTART_LATER) } else { wait }
    }
}

impl Board {
    /// When [`Board::tick`] is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Mono> {
        let calls = self.calls.values().flat_map(|call| call.due.values().copied());
        let lanes = self.calls.values().flat_map(|call| call.lanes.values()).filter_map(super::lane::Lane::due);
        let tombs = self.tombs.values().flat_map(|tomb| tomb.lanes.values().filter_map(super::lane::Lane::due).chain([tomb.until]));
        calls.chain(lanes).chain(tombs).min()
    }

    /// Time passed.
    pub fn tick(&mut self, now: Now) {
        self.tombs.retain(|_, tomb| tomb.until > now.mono);
        let mut said: Vec<(DeviceId, CallMsg)> = Vec::new();
        let lanes = self.calls.values_mut().map(|call| &mut call.lanes).chain(self.tombs.values_mut().map(|tomb| &mut tomb.lanes));
        for (device, lane) in lanes.flatten() {
            said.extend(lane.tick(now).into_iter().map(|msg| (*device, msg)));
        }
        self.out.extend(said.into_iter().map(|(to, msg)| Out::Say { to, msg }));
        let is_due = |(_, at): &(&Due, &Mono)| **at <= now.mono;
        let due: Vec<(CallId, Due)> =
            self.calls.values().flat_map(|call| call.due.iter().filter(is_due).map(|(due, _)| (call.id, *due))).collect();
        for (id, due) in due {
            // What came before may have ended it, or changed what it waits for.
            if self.calls.get_mut(&id).is_some_and(|call| call.due.get(&due).is_some_and(|at| *at <= now.mono)) {
                self.fire(now, id, due);
            }
        }
        self.end_choked(now);
    }

    fn fire(&mut self, now: Now, id: CallId, due: Due) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        call.due.remove(&due);
        match due {
            Due::Prepare => self.begin(now, id),
            Due::Reach => self.give_up(now, id),
            Due::Ring if call.is_outgoing() => self.cancel(now, id, CallEnd::NoAnswer),
            Due::Ring => self.end(now, id, CallEnd::NoAnswer),
            Due::Gone => self.end(now, id, CallEnd::Lost),
            Due::Connect if call.step == Step::Taking => self.leg_late(now, id),
            Due::Connect => self.hang_up_because(now, id, CallEnd::NoWay),
            Due::Restart => {
                call.due.insert(Due::Restart, now.mono.after(RESTART));
                if let Some(leg) = call.leg.filter(|_| call.talk.is_free()) {
                    out.push_back(Out::Media(MediaCmd::Restart { leg }));
                }
            }
            Due::GiveUp => self.hang_up_because(now, id, CallEnd::Lost),
            Due::Note => {
                call.due.insert(Due::Note, now.mono.after(NOTE));
                out.push_back(Out::Keep(call.record(now)));
            }
        }
    }

    /// The engine never made an offer.
    fn leg_late(&mut self, now: Now, id: CallId) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        call.say_other(now, word(words::UNABLE), out);
        self.end(now, id, CallEnd::NoSound);
    }

    /// The media engine reports.
    pub fn media(&mut self, now: Now, event: MediaEvent) {
        match event {
            MediaEvent::Local { leg, description, fingerprint } => self.local(now, leg, description, fingerprint),
            MediaEvent::Candidates { leg, candidates, end } => self.local_candidates(now, leg, candidates, end),
            MediaEvent::Connected { leg, route } => {
                let Some(id) = self.known(leg) else { return };
                let Some((call, out)) = self.call_and_out(id) else { return };
                call.route = Some(route);
                if matches!(call.step, Step::Connecting | Step::Reconnecting) {
                    call.due.remove(&Due::Connect);
                    call.due.remove(&Due::Restart);
                    call.due.remove(&Due::GiveUp);
                    let first = call.connected.is_none();
                    call.connected.get_or_insert(now);
                    call.go(now, Step::Active, out);
                    if first && call.is_outgoing() {
                        out.push_back(Out::Keep(call.record(now)));
                        call.due.insert(Due::Note, now.mono.after(NOTE));
                    }
                }
            }
            MediaEvent::Disconnected { leg } => {
                let Some(id) = self.known(leg) else { return };
                let Some((call, out)) = self.call_and_out(id).filter(|(call, _)| call.step == Step::Active) else { return };
                let restart = call.restart_after(RESTART);
                call.due.insert(Due::Restart, now.mono.after(restart));
                call.due.insert(Due::GiveUp, now.mono.after(GIVE_UP));
                call.their_speaking = false;
                call.stats = None;
                call.go(now, Step::Reconnecting, out);
            }
            MediaEvent::Failed { leg, cause } => {
                if let Some(id) = self.known(leg) {
                    self.leg_failed(now, id, cause);
                }
            }
            MediaEvent::Speaking { leg: Some(leg), on } => {
                let Some(id) = self.known(leg) else { return };
                let Some((call, out)) = self.call_and_out(id) else { return };
                if std::mem::replace(&mut call.their_speaking, on) != on {
                    out.push_back(Out::Speaking { call: id, who: Some(call.account), on });
                }
            }
            MediaEvent::Speaking { leg: None, on } => {
                for call in self.calls.values_mut().filter(|call| matches!(call.step, Step::Active | Step::Reconnecting)) {
                    if std::mem::replace(&mut call.speaking, on) != on {
                        self.out.push_back(Out::Speaking { call: call.id, who: None, on });
                    }
                }
            }
            MediaEvent::Stats { leg, stats } => {
                if let Some(call) = self.by_leg(leg).filter(|call| call.step == Step::Active) {
                    call.stats = Some(stats);
                }
            }
        }
        self.end_choked(now);
    }

    /// The call of a leg. What is said of one that was closed was on its way then.
    fn known(&mut self, leg: LegId) -> Option<CallId> {
        let known = self.knows_leg(leg);
        let id = self.by_leg(leg).map(|call| call.id);
        if !known {
            self.refuse("media_unasked");
        }
        id
    }
}
