//! The side that calls: it rings every connected device of somebody, and gives the call to the first that takes it.

use super::board::{Board, Out};
use super::media::Role;
use super::state::{Call, Sound, Step, word};
use super::timing::{CONNECT, Due, PREPARE, REACH, RING};
use crate::ids::{AccountId, CallId, DeviceId};
use crate::limits;
use crate::time::{Now, millis};
use crate::view::{CallDirection, CallEnd};
use crate::wire::call::{CallBody, CallInvite, CallWord, word as words};

/// What a call is about, on the wire: voice.
const VOICE: u32 = 1;

impl Board {
    /// Calls somebody whose `devices` are connected. They hear of it once the engine had its moment to say that there is none.
    pub fn start(&mut self, now: Now, id: CallId, account: AccountId, devices: &[DeviceId]) {
        let mut call = Call::new(now, id, account, CallDirection::Outgoing, Step::Preparing);
        call.due.insert(Due::Prepare, now.mono.after(PREPARE));
        for device in devices {
            call.lanes.insert(*device, self.lane(id, *device));
        }
        call.tell(&mut self.out);
        self.calls.insert(id, call);
        self.open_leg(id, Role::Answer);
    }

    /// The engine had its moment.
    pub(super) fn begin(&mut self, now: Now, id: CallId) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        call.step = Step::Calling;
        call.due.insert(Due::Ring, now.mono.after(RING));
        out.push_back(Out::Begun(id));
        out.push_back(Out::Keep(call.record(now)));
        let invite = invitation();
        call.say_all(now, None, &invite, out);
        call.parted(now);
    }

    /// Rings one more device.
    pub(super) fn invite(&mut self, now: Now, id: CallId, device: DeviceId) {
        let lane = self.lane(id, device);
        let Some((call, out)) = self.call_and_out(id) else { return };
        call.lanes.insert(device, lane);
        // Whoever comes late rings no longer than the others.
        call.say(now, device, invitation(), out);
    }

    /// Nobody answers at any address that is known for somebody, and there is nowhere left to look.
    pub fn unreachable(&mut self, now: Now, account: AccountId) {
        let gone = |call: &&Call| call.account == account && call.step == Step::Calling && call.is_alone();
        for id in self.calls.values().filter(gone).map(|call| call.id).collect::<Vec<_>>() {
            self.give_up(now, id);
        }
    }

    /// Whether an own call waits for a first device of somebody.
    #[must_use]
    pub fn seeks(&self, account: AccountId) -> bool {
        self.calls.values().any(|call| call.account == account && call.is_open() && call.is_alone())
    }

    /// Nobody was found in time.
    pub(super) fn give_up(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(&id) else { return };
        let why = if call.ringing.is_empty() { CallEnd::Unreachable } else { CallEnd::NoAnswer };
        self.cancel(now, id, why);
    }

    /// Stops ringing everywhere.
    pub(super) fn cancel(&mut self, now: Now, id: CallId, why: CallEnd) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        if call.step == Step::Calling {
            call.say_all(now, None, &word(words::CANCEL), out);
        }
        self.end(now, id, why);
    }

    pub(super) fn on_word_of_called(&mut self, now: Now, id: CallId, from: DeviceId, said: &CallWord) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        let open = call.step == Step::Calling;
        match said.word {
            words::RINGING if open => {
                let first = call.ringing.is_empty();
                call.ringing.insert(from);
                if first {
                    call.since = now.wall;
                    call.tell(out);
                }
            }
            words::ACCEPT if open => self.taken_by(now, id, from),
            // Somebody was quicker.
            words::ACCEPT if call.other != Some(from) => call.say(now, from, word(words::ELSEWHERE), out),
            words::DECLINE if open => {
                call.say_all(now, Some(from), &word(words::DECLINED_ELSEWHERE), out);
                self.end(now, id, CallEnd::Declined);
            }
            words::BUSY | words::UNABLE if open => {
                call.ringing.remove(&from);
                call.unable.insert(from, said.word == words::BUSY);
                if call.lanes.keys().all(|device| call.unable.contains_key(device)) {
                    let busy = call.unable.values().any(|busy| *busy);
                    self.end(now, id, if busy { CallEnd::Busy } else { CallEnd::NoSoundThere });
                }
            }
            words::HANG_UP if call.other == Some(from) => self.hung_up(now, id, said.why),
            words::UNKNOWN if call.other == Some(from) => self.end(now, id, CallEnd::Lost),
            words::HANG_UP => self.refuse("call_of_other_device"),
            words::CHOSEN | words::ELSEWHERE | words::DECLINED_ELSEWHERE | words::CANCEL => self.refuse("call_word_unfit"),
            // Late, or of a newer version.
            _ => {}
        }
    }

    /// A device takes the call: it has it, and the others stop ringing.
    fn taken_by(&mut self, now: Now, id: CallId, device: DeviceId) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        call.other = Some(device);
        call.due.remove(&Due::Ring);
        call.due.remove(&Due::Reach);
        call.due.insert(Due::Connect, now.mono.after(CONNECT));
        call.say(now, device, word(words::CHOSEN), out);
        if call.own != Sound::default() {
            call.say(now, device, call.own.said(), out);
        }
        call.say_all(now, Some(device), &word(words::ELSEWHERE), out);
        call.go(now, Step::Connecting, out);
        out.push_back(Out::Keep(call.record(now)));
    }
}

impl Call {
    /// No device of theirs is connected.
    pub fn is_alone(&self) -> bool {
        self.lanes.values().all(|lane| !lane.up)
    }

    /// A device went away: where it was the last that knows of a call which nobody has taken, that does not wait long for another.
    pub fn parted(&mut self, now: Now) {
        if self.is_alone() {
            match self.step {
                Step::Calling => drop(self.due.entry(Due::Reach).or_insert(now.mono.after(REACH))),
                Step::Incoming => drop(self.due.entry(Due::Gone).or_insert(now.mono.after(REACH))),
                _ => {}
            }
        }
    }
}

fn invitation() -> CallBody {
    let lifetime_ms = u32::try_from(millis(limits::CALL_LIFETIME)).unwrap_or(u32::MAX);
    CallBody::Invite(CallInvite { lifetime_ms, media: VOICE })
}
