//! The side that is called: it rings, and the person takes the call, declines it, or does neither.

use super::board::{Board, Out, Rings, Speaker};
use super::lane::Lane;
use super::media::Role;
use super::state::{Call, Step, word};
use super::timing::{CONNECT, Due, RING_HERE};
use crate::ids::CallId;
use crate::limits;
use crate::time::Now;
use crate::view::{CallDirection, CallEnd};
use crate::wire::call::{CallInvite, CallWord, word as words};
use std::time::Duration;

/// Calls that may ring at once. Nobody looks through more.
const RINGING: usize = 4;

impl Board {
    /// Somebody calls.
    pub(super) fn invited(&mut self, now: Now, from: Speaker, id: CallId, invite: &CallInvite, lane: Lane) {
        let lifetime = Duration::from_millis(u64::from(invite.lifetime_ms)).min(limits::CALL_LIFETIME);
        let mut call = Call::new(now, id, from.account, CallDirection::Incoming, Step::Incoming);
        call.other = Some(from.device);
        call.lanes.insert(from.device, lane);
        if from.age > lifetime {
            self.refuse("call_stale");
            return self.bury(now, call);
        }
        let own = self.calls.values().find(|own| own.account == from.account && own.is_outgoing() && own.is_open()).map(|own| own.id);
        match own {
            // Both call at once: the lower id holds, and whoever has the other takes it.
            Some(own) if id < own => return self.merge(now, own, call),
            Some(_) => return self.bury(now, call),
            None => {}
        }
        if from.rings == Rings::No {
            return self.bury(now, call);
        }
        if self.count(CallDirection::Incoming) >= RINGING {
            call.say_other(now, word(words::BUSY), &mut self.out);
            return self.bury(now, call);
        }
        if from.rings == Rings::Aloud {
            call.say_other(now, word(words::RINGING), &mut self.out);
        }
        call.due.insert(Due::Ring, now.mono.after(lifetime.saturating_sub(from.age).min(RING_HERE)));
        self.calls.insert(id, call);
        self.out.push_back(Out::Incoming(id));
    }

    /// An own call that nobody has taken goes on as theirs.
    fn merge(&mut self, now: Now, own: CallId, mut theirs: Call) {
        let id = theirs.id;
        if let Some(own) = self.calls.get(&own) {
            theirs.own = own.own;
            theirs.volume = own.volume;
        }
        self.out.push_back(Out::Merged(own, id));
        self.cancel(now, own, CallEnd::Merged);
        self.calls.insert(id, theirs);
        self.accept(now, id);
    }

    /// The person takes a call that rings. Another that goes on is ended. False if none with this id rings.
    pub fn accept(&mut self, now: Now, id: CallId) -> bool {
        if self.calls.get(&id).is_none_or(|call| call.step != Step::Incoming) {
            return false;
        }
        for other in self.calls.values().filter(|other| other.is_joined()).map(|other| other.id).collect::<Vec<_>>() {
            self.hang_up(now, other);
        }
        let Some((call, out)) = self.call_and_out(id) else { return false };
        call.due.clear();
        call.due.insert(Due::Connect, now.mono.after(CONNECT));
        call.go(now, Step::Taking, out);
        self.open_leg(id, Role::Offer);
        true
    }

    /// The person declines a call that rings. False if none with this id does.
    pub fn decline(&mut self, now: Now, id: CallId) -> bool {
        let Some((call, out)) = self.call_and_out(id).filter(|(call, _)| call.step == Step::Incoming) else { return false };
        call.say_other(now, word(words::DECLINE), out);
        self.end(now, id, CallEnd::Declined);
        true
    }

    pub(super) fn on_word_of_caller(&mut self, now: Now, id: CallId, said: &CallWord) {
        let Some(call) = self.calls.get(&id) else { return };
        let waits = matches!(call.step, Step::Incoming | Step::Taking);
        match said.word {
            words::ELSEWHERE => self.end(now, id, CallEnd::AnsweredElsewhere),
            words::DECLINED_ELSEWHERE => self.end(now, id, CallEnd::DeclinedElsewhere),
            words::CANCEL => self.end(now, id, CallEnd::Cancelled),
            words::HANG_UP if waits => self.end(now, id, CallEnd::Cancelled),
            words::HANG_UP => self.hung_up(now, id, said.why),
            words::UNKNOWN => self.end(now, id, if waits { CallEnd::Cancelled } else { CallEnd::Lost }),
            words::RINGING | words::ACCEPT | words::DECLINE | words::BUSY | words::UNABLE => self.refuse("call_word_unfit"),
            // It is ours now, which changes nothing here; or of a newer version.
            _ => {}
        }
    }
}
