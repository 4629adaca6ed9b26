//! How calls end: what the other side is told, what is written down, and what is kept so that a call which is over stays over.

use super::board::{Board, Out, Tomb};
use super::media::{MediaCmd, MediaFailure};
use super::state::{Call, Step, word};
use super::timing::KEPT;
use crate::ids::{AccountId, CallId};
use crate::time::Now;
use crate::view::{CallEnd, CallOutcome};
use crate::wire::call::{CallBody, CallWord, word as words, word::why};

/// Calls remembered that are over. Beyond it the oldest is forgotten, which an invitation that old cannot wake.
const TOMBS: usize = 64;

impl Board {
    /// The person ends a call, or gives up calling. One that rings is declined. False if there is none.
    pub fn hang_up(&mut self, now: Now, id: CallId) -> bool {
        let Some((call, out)) = self.call_and_out(id) else { return false };
        match call.step {
            Step::Preparing | Step::Calling => self.cancel(now, id, CallEnd::Cancelled),
            Step::Incoming => return self.decline(now, id),
            // They know of nothing yet but that it rings.
            Step::Taking => {
                call.say_other(now, word(words::DECLINE), out);
                self.end(now, id, CallEnd::HungUp);
            }
            Step::Connecting | Step::Active | Step::Reconnecting => self.hang_up_because(now, id, CallEnd::HungUp),
        }
        true
    }

    /// Ends a call that was taken, and tells the other side why.
    pub(super) fn hang_up_because(&mut self, now: Now, id: CallId, end: CallEnd) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        let why = match end {
            CallEnd::NoWay => why::NO_WAY,
            CallEnd::Impostor => why::IMPOSTOR,
            CallEnd::NoSound | CallEnd::NoEngine | CallEnd::NoSoundThere => why::NO_SOUND,
            CallEnd::Lost => why::LOST,
            _ => why::PERSON,
        };
        call.say_other(now, CallBody::Word(CallWord { word: words::HANG_UP, why }), out);
        self.end(now, id, end);
    }

    /// The other side hung up.
    pub(super) fn hung_up(&mut self, now: Now, id: CallId, why: u32) {
        let end = match why {
            why::NO_WAY => CallEnd::NoWay,
            why::IMPOSTOR => CallEnd::Impostor,
            why::NO_SOUND => CallEnd::NoSoundThere,
            why::LOST => CallEnd::Lost,
            _ => CallEnd::HungUp,
        };
        self.end(now, id, end);
    }

    /// The engine gave a leg up.
    pub(super) fn leg_failed(&mut self, now: Now, id: CallId, cause: MediaFailure) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        call.leg = None;
        let end = match cause {
            MediaFailure::NoEngine => CallEnd::NoEngine,
            MediaFailure::Setup => CallEnd::NoSound,
            MediaFailure::Description => CallEnd::NoSoundThere,
            MediaFailure::Impostor => CallEnd::Impostor,
            MediaFailure::NoWay if call.connected.is_some() => CallEnd::Lost,
            MediaFailure::NoWay => CallEnd::NoWay,
        };
        match call.step {
            Step::Preparing | Step::Calling | Step::Incoming => self.cancel(now, id, end),
            Step::Taking => {
                call.say_other(now, word(words::UNABLE), out);
                self.end(now, id, end);
            }
            Step::Connecting | Step::Active | Step::Reconnecting => self.hang_up_because(now, id, end),
        }
    }

    /// Ends the calls with somebody who is no contact any more. They are told nothing.
    pub fn part(&mut self, now: Now, account: AccountId) {
        for id in self.calls.values().filter(|call| call.account == account).map(|call| call.id).collect::<Vec<_>>() {
            self.end(now, id, CallEnd::NotContact);
        }
        for tomb in self.tombs.values_mut().filter(|tomb| tomb.account == account) {
            tomb.lanes.clear();
        }
    }

    /// This program ends: so do its calls.
    pub fn stop(&mut self, now: Now) {
        for id in self.calls.keys().copied().collect::<Vec<_>>() {
            // One that only rings goes on ringing elsewhere.
            if self.calls.get(&id).is_some_and(Call::is_joined) {
                self.hang_up(now, id);
            }
        }
    }

    /// Ends calls of which more was to be said than fits.
    pub(super) fn end_choked(&mut self, now: Now) {
        for id in self.calls.values().filter(|call| call.choked).map(|call| call.id).collect::<Vec<_>>() {
            self.end(now, id, CallEnd::Lost);
        }
    }

    /// A call is over.
    pub(super) fn end(&mut self, now: Now, id: CallId, why: CallEnd) {
        let Some(mut call) = self.calls.remove(&id) else { return };
        if let Some(leg) = call.leg.take() {
            self.out.push_back(Out::Media(MediaCmd::Close { leg }));
        }
        self.out.push_back(Out::State { call: id, account: call.account, phase: call.phase(), ended: Some(why) });
        if call.is_outgoing() && call.step != Step::Preparing {
            let record = call.record(now);
            self.out.push_back(match why {
                // The other side writes down the call as which it goes on.
                CallEnd::Merged | CallEnd::NotContact => Out::Forget(id),
                CallEnd::Declined => Out::Log(record, CallOutcome::Declined),
                // Somebody took it, on a device that could not.
                CallEnd::NoSoundThere if record.talked_ms.is_none() => Out::Log(record, CallOutcome::Failed),
                _ => Out::Log(record, record.outcome()),
            });
        }
        self.bury(now, call);
    }

    /// Keeps what is needed of a call that is over, or that never rang.
    pub(super) fn bury(&mut self, now: Now, call: Call) {
        if self.tombs.len() >= TOMBS
            && let Some(oldest) = self.tombs.iter().min_by_key(|(id, tomb)| (tomb.until, **id)).map(|(id, _)| *id)
        {
            self.tombs.remove(&oldest);
        }
        self.tombs.insert(call.id, Tomb { account: call.account, lanes: call.lanes, until: now.mono.after(KEPT) });
    }
}
