//! All calls of this device: what happens to them comes in here, what is to be done comes out.

use super::lane::Lane;
use super::media::{LegId, MediaCmd, Role, VOLUME};
use super::record::Record;
use super::state::{Call, Step};
use super::timing::Due;
use crate::ids::{AccountId, CallId, DeviceId};
use crate::time::{Mono, Now};
use crate::view::{CallDirection, CallEnd, CallOutcome, CallPhase, CallView};
use crate::wire::call::{CallBody, CallInvite, CallMsg, CallWord, word as words};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Sign it and send it to a device, if it is connected.
    Say {
        /// Whom.
        to: DeviceId,
        /// What.
        msg: CallMsg,
    },
    /// Open a leg to somebody, by whatever ways they may be reached.
    Open {
        /// Its name.
        leg: LegId,
        /// Who offers.
        role: Role,
        /// Who is at the other end.
        account: AccountId,
    },
    /// Tell the media engine.
    Media(MediaCmd),
    /// A call rings.
    Incoming(CallId),
    /// A call is further, or over.
    State {
        /// Which.
        call: CallId,
        /// The other person.
        account: AccountId,
        /// How far it is, or was.
        phase: CallPhase,
        /// Why it is over.
        ended: Option<CallEnd>,
    },
    /// Somebody speaks, or ceases to.
    Speaking {
        /// In which call.
        call: CallId,
        /// The other person; `None` is the one here.
        who: Option<AccountId>,
        /// Now.
        on: bool,
    },
    /// They are being called.
    Begun(CallId),
    /// An own call goes on as a call of theirs.
    Merged(CallId, CallId),
    /// Write down how an own call stands.
    Keep(Record),
    /// Write down what became of it.
    Log(Record, CallOutcome),
    /// It leaves no trace.
    Forget(CallId),
    /// Something was refused, for this reason.
    Refused(&'static str),
}

/// Whether a call of somebody may ring here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rings {
    /// And they are told that it does.
    Aloud,
    /// And they are not told: the person here is seen by nobody.
    Unsaid,
    /// The person here wants not to be disturbed, and they are not told that either.
    No,
}

/// Who says something, and when.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    /// Their account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
    /// How long ago it was said, by its own clock.
    pub age: Duration,
    /// Whether it may ring.
    pub rings: Rings,
}

/// A call that is over, kept so that it never rings again and its last words arrive.
#[derive(Debug)]
pub(super) struct Tomb {
    pub account: AccountId,
    pub lanes: BTreeMap<DeviceId, Lane>,
    pub until: Mono,
}

/// All calls of this device.
#[derive(Debug)]
pub struct Board {
    own: DeviceId,
    pub(super) calls: BTreeMap<CallId, Call>,
    pub(super) tombs: BTreeMap<CallId, Tomb>,
    next_leg: u64,
    pub(super) out: VecDeque<Out>,
}

impl Board {
    /// A device without calls.
    #[must_use]
    pub fn new(own: DeviceId) -> Self {
        Self { own, calls: BTreeMap::new(), tombs: BTreeMap::new(), next_leg: 0, out: VecDeque::new() }
    }

    /// What is to be done, in order.
    pub fn poll(&mut self) -> Option<Out> {
        self.out.pop_front()
    }

    /// Calls that ring or go on, the oldest first.
    #[must_use]
    pub fn views(&self) -> Vec<CallView> {
        let mut calls: Vec<&Call> = self.calls.values().collect();
        calls.sort_by_key(|call| (call.began.mono, call.id));
        calls.into_iter().map(Call::view).collect()
    }

    /// A call that rings or goes on.
    #[must_use]
    pub fn view(&self, id: CallId) -> Option<CallView> {
        self.calls.get(&id).map(Call::view)
    }

    /// The call with somebody that this device is in, or else one that rings.
    #[must_use]
    pub fn with(&self, account: AccountId) -> Option<CallId> {
        let theirs = || self.calls.values().filter(|call| call.account == account);
        theirs().find(|call| call.is_joined()).or_else(|| theirs().next()).map(|call| call.id)
    }

    /// Whether this device is in a call, or calls somebody.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.calls.values().any(Call::is_joined)
    }

    /// People in calls, or whose calls ring, or whom this device calls.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.calls.values().map(|call| call.account)
    }

    /// At whose devices calls are, as far as one has taken each.
    #[must_use]
    pub fn parties(&self) -> Vec<(AccountId, DeviceId)> {
        self.calls.values().filter_map(|call| Some((call.account, call.other?))).collect()
    }

    pub(super) fn call_and_out(&mut self, id: CallId) -> Option<(&mut Call, &mut VecDeque<Out>)> {
        self.calls.get_mut(&id).map(|call| (call, &mut self.out))
    }

    pub(super) fn by_leg(&mut self, leg: LegId) -> Option<&mut Call> {
        self.calls.values_mut().find(|call| call.leg == Some(leg))
    }

    pub(super) fn lane(&self, call: CallId, to: DeviceId) -> Lane {
        Lane::new(call, self.own, to, true)
    }

    /// Opens a leg for a call.
    pub(super) fn open_leg(&mut self, id: CallId, role: Role) {
        self.next_leg = self.next_leg.saturating_add(1);
        let leg = LegId(self.next_leg);
        let Some((call, out)) = self.call_and_out(id) else { return };
        call.leg = Some(leg);
        out.push_back(Out::Open { leg, role, account: call.account });
        if call.own != super::state::Sound::default() {
            call.set_engine(out);
        }
        if call.volume != 100 {
            out.push_back(Out::Media(MediaCmd::Volume { leg, percent: call.volume }));
        }
    }

    /// Whether a leg was ever opened here.
    pub(super) fn knows_leg(&self, leg: LegId) -> bool {
        (1..=self.next_leg).contains(&leg.0)
    }

    /// The person changes what is heard. False if there is no such call.
    pub fn set(&mut self, now: Now, id: CallId, mic: Option<bool>, deafen: Option<bool>) -> bool {
        let Some((call, out)) = self.call_and_out(id) else { return false };
        let before = call.own;
        call.own.mic = mic.unwrap_or(before.mic);
        call.own.deafen = deafen.unwrap_or(before.deafen);
        if call.own != before {
            call.set_engine(out);
            if matches!(call.step, Step::Connecting | Step::Active | Step::Reconnecting) {
                call.say_other(now, call.own.said(), out);
            }
        }
        true
    }

    /// The person changes how loud the other is. False if there is no such call.
    pub fn volume(&mut self, id: CallId, percent: u16) -> bool {
        let Some((call, out)) = self.call_and_out(id) else { return false };
        call.volume = percent.min(VOLUME);
        if let Some(leg) = call.leg {
            out.push_back(Out::Media(MediaCmd::Volume { leg, percent: call.volume }));
        }
        true
    }

    /// A device says something about a call. Its account is a contact, and its signature is verified.
    pub fn heard(&mut self, now: Now, from: Speaker, msg: CallMsg) {
        let Ok(id) = CallId::from_slice(&msg.call) else { return self.refuse("call_unfit") };
        if msg.v != 1 {
            return self.refuse("call_version");
        }
        if msg.from != from.device.as_bytes() || msg.to != self.own.as_bytes() {
            return self.refuse("call_misdirected");
        }
        if let Some(tomb) = self.tombs.get_mut(&id) {
            let Some(lane) = tomb.lanes.get_mut(&from.device).filter(|_| tomb.account == from.account) else {
                return self.refuse("call_of_other_device");
            };
            let (taken, answers) = lane.take(now, msg);
            self.out.extend(answers.into_iter().map(|msg| Out::Say { to: from.device, msg }));
            return taken.refused.into_iter().for_each(|why| self.refuse(why));
        }
        match self.calls.get_mut(&id) {
            Some(call) => {
                let Some(lane) = call.lanes.get_mut(&from.device).filter(|_| call.account == from.account) else {
                    return self.refuse("call_of_other_device");
                };
                let (taken, answers) = lane.take(now, msg);
                self.out.extend(answers.into_iter().map(|msg| Out::Say { to: from.device, msg }));
                taken.refused.into_iter().for_each(|why| self.refuse(why));
                for body in taken.bodies {
                    self.on_body(now, id, from.device, body);
                }
                self.end_choked(now);
            }
            None => self.on_unknown(now, from, id, msg),
        }
    }

    fn on_unknown(&mut self, now: Now, from: Speaker, id: CallId, msg: CallMsg) {
        if let (1, 0, Some(CallBody::Invite(invite))) = (msg.n, msg.seen, &msg.m) {
            let invite = invite.clone();
            let mut lane = self.lane(id, from.device);
            lane.take(now, msg);
            return self.invited(now, from, id, &invite, lane);
        }
        self.refuse("call_unknown");
        // They heard something of a call that this device does not remember: it was started anew since.
        let forgot = msg.seen > 0 && !matches!(&msg.m, Some(CallBody::Word(CallWord { word: words::UNKNOWN, .. })));
        if forgot {
            let m = Some(CallBody::Word(CallWord { word: words::UNKNOWN, why: 0 }));
            let (own, to) = (self.own, from.device);
            let msg = CallMsg {
                v: 1,
                call: id.to_vec(),
                from: own.to_vec(),
                to: to.to_vec(),
                n: 0,
                seen: 0,
                again: false,
                sent_ms: now.wall.0,
                m,
            };
            self.out.push_back(Out::Say { to, msg });
        }
    }

    fn on_body(&mut self, now: Now, id: CallId, from: DeviceId, body: CallBody) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        match body {
            CallBody::Invite(CallInvite { .. }) => self.refuse("call_word_unfit"),
            CallBody::Word(said) if call.is_outgoing() => self.on_word_of_called(now, id, from, &said),
            CallBody::Word(said) => self.on_word_of_caller(now, id, &said),
            CallBody::Description(said) => self.their_description(now, id, from, said),
            CallBody::Candidates(said) => self.their_candidates(id, from, said),
            CallBody::Sound(said) if call.other == Some(from) => {
                call.theirs = super::state::Sound { mic: said.mic, deafen: said.deafen };
            }
            CallBody::Sound(_) => self.refuse("call_of_other_device"),
        }
    }

    /// A device is connected, maybe anew.
    pub fn device_up(&mut self, now: Now, account: AccountId, device: DeviceId) {
        let lanes = self.tombs.values_mut().filter(|tomb| tomb.account == account).filter_map(|tomb| tomb.lanes.get_mut(&device));
        // Of what is over only last words are left to be said.
        let mut said: Vec<CallMsg> = lanes.flat_map(|lane| if lane.is_done() { Vec::new() } else { lane.rise(now) }).collect();
        let mut newly = Vec::new();
        for call in self.calls.values_mut().filter(|call| call.account == account) {
            let rings_more = call.is_outgoing() && call.step == Step::Calling;
            match call.lanes.get_mut(&device) {
                Some(lane) => said.extend(lane.rise(now)),
                None if rings_more => newly.push(call.id),
                None => continue,
            }
            call.due.remove(&Due::Reach);
            call.due.remove(&Due::Gone);
            if call.step == Step::Reconnecting && call.other == Some(device) {
                // What was lost with the connection may be found again over it, at once.
                let restart = call.restart_after(Duration::ZERO);
                call.due.insert(Due::Restart, now.mono.after(restart));
            }
        }
        self.out.extend(said.into_iter().map(|msg| Out::Say { to: device, msg }));
        for id in newly {
            self.invite(now, id, device);
        }
    }

    /// A device is not connected any more.
    pub fn device_down(&mut self, now: Now, device: DeviceId) {
        for tomb in self.tombs.values_mut() {
            if let Some(lane) = tomb.lanes.get_mut(&device) {
                lane.fall();
            }
        }
        for call in self.calls.values_mut() {
            let Some(lane) = call.lanes.get_mut(&device) else { continue };
            lane.fall();
            call.parted(now);
        }
    }

    pub(super) fn refuse(&mut self, why: &'static str) {
        self.out.push_back(Out::Refused(why));
    }

    /// Calls of one direction.
    pub(super) fn count(&self, direction: CallDirection) -> usize {
        self.calls.values().filter(|call| call.direction == direction).count()
    }
}
