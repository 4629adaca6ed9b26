//! One call as this device has it.

use super::board::Out;
use super::lane::Lane;
use super::media::{Fingerprint, LegId, LegStats, MediaCmd, MediaRoute};
use super::negotiate::Talk;
use super::record::Record;
use super::timing::Due;
use super::words::safety_words;
use crate::ids::{AccountId, CallId, DeviceId};
use crate::time::{Mono, Now, UnixMs, millis};
use crate::view::{CallDirection, CallPhase, CallView};
use crate::wire::call::{CallBody, CallSound, CallWord};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Outgoing: the engine is asked whether there is one.
    Preparing,
    /// Outgoing: nobody has taken it yet.
    Calling,
    /// Incoming: it rings.
    Incoming,
    /// Incoming: the person took it, and nobody was told, because there is no offer yet.
    Taking,
    /// Taken; no sound passes yet.
    Connecting,
    /// Sound passes.
    Active,
    /// It did.
    Reconnecting,
}

/// What is heard of one side, and by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// The microphone is on.
    pub mic: bool,
    /// Nothing is played.
    pub deafen: bool,
}

impl Default for Sound {
    fn default() -> Self {
        Self { mic: true, deafen: false }
    }
}

impl Sound {
    pub(super) fn said(self) -> CallBody {
        CallBody::Sound(CallSound { mic: self.mic, deafen: self.deafen })
    }
}

pub(super) fn word(word: u32) -> CallBody {
    CallBody::Word(CallWord { word, why: 0 })
}

/// A call that rings or goes on.
#[derive(Debug)]
pub(super) struct Call {
    pub id: CallId,
    pub account: AccountId,
    pub direction: CallDirection,
    pub step: Step,
    pub began: Now,
    pub since: UnixMs,
    /// The devices that know of it: for an incoming call that which called, for an outgoing one those that were called.
    pub lanes: BTreeMap<DeviceId, Lane>,
    /// Outgoing: devices that ring.
    pub ringing: BTreeSet<DeviceId>,
    /// Outgoing: devices that cannot take it, and whether because they are busy.
    pub unable: BTreeMap<DeviceId, bool>,
    /// The device at the other end, once there is one.
    pub other: Option<DeviceId>,
    pub leg: Option<LegId>,
    pub talk: Talk,
    /// When sound passed first.
    pub connected: Option<Now>,
    pub own: Sound,
    pub theirs: Sound,
    pub speaking: bool,
    pub their_speaking: bool,
    pub volume: u16,
    pub route: Option<MediaRoute>,
    pub stats: Option<LegStats>,
    pub due: BTreeMap<Due, Mono>,
    /// More was to be said than a lane takes: it cannot go on.
    pub choked: bool,
}

impl Call {
    pub fn new(now: Now, id: CallId, account: AccountId, direction: CallDirection, step: Step) -> Self {
        Self {
            id,
            account,
            direction,
            step,
            began: now,
            since: now.wall,
            lanes: BTreeMap::new(),
            ringing: BTreeSet::new(),
            unable: BTreeMap::new(),
            other: None,
            leg: None,
            // The called side always gives way.
            talk: Talk::new(direction == CallDirection::Incoming),
            connected: None,
            own: Sound::default(),
            theirs: Sound::default(),
            speaking: false,
            their_speaking: false,
            volume: 100,
            route: None,
            stats: None,
            due: BTreeMap::new(),
            choked: false,
        }
    }

    pub fn phase(&self) -> CallPhase {
        match self.step {
            Step::Preparing | Step::Calling if self.ringing.is_empty() => CallPhase::Calling,
            Step::Preparing | Step::Calling => CallPhase::Ringing,
            Step::Incoming => CallPhase::Incoming,
            Step::Taking | Step::Connecting => CallPhase::Connecting,
            Step::Active => CallPhase::Active,
            Step::Reconnecting => CallPhase::Reconnecting,
        }
    }

    /// Whether this device is in it, rather than that somebody would like it to be.
    pub fn is_joined(&self) -> bool {
        self.step != Step::Incoming
    }

    /// Outgoing, and nobody has taken it.
    pub fn is_open(&self) -> bool {
        matches!(self.step, Step::Preparing | Step::Calling)
    }

    pub fn is_outgoing(&self) -> bool {
        self.direction == CallDirection::Outgoing
    }

    /// Goes a step on, and tells people.
    pub fn go(&mut self, now: Now, step: Step, out: &mut VecDeque<Out>) {
        self.step = step;
        self.since = now.wall;
        self.tell(out);
    }

    /// Tells people how far it is.
    pub fn tell(&self, out: &mut VecDeque<Out>) {
        out.push_back(Out::State { call: self.id, account: self.account, phase: self.phase(), ended: None });
    }

    /// Says something to a device that knows of the call.
    pub fn say(&mut self, now: Now, to: DeviceId, body: CallBody, out: &mut VecDeque<Out>) {
        let Some(lane) = self.lanes.get_mut(&to) else { return };
        match lane.say(now, body) {
            Ok(Some(msg)) => out.push_back(Out::Say { to, msg }),
            Ok(None) => {}
            Err(super::lane::Overflow) => self.choked = true,
        }
    }

    /// Says something to the device at the other end.
    pub fn say_other(&mut self, now: Now, body: CallBody, out: &mut VecDeque<Out>) {
        if let Some(other) = self.other {
            self.say(now, other, body, out);
        }
    }

    /// Says something to every device but one.
    pub fn say_all(&mut self, now: Now, but: Option<DeviceId>, body: &CallBody, out: &mut VecDeque<Out>) {
        let all: Vec<DeviceId> = self.lanes.keys().copied().filter(|d| Some(*d) != but).collect();
        for device in all {
            self.say(now, device, body.clone(), out);
        }
    }

    /// Hands the engine what the person lets through.
    pub fn set_engine(&self, out: &mut VecDeque<Out>) {
        if let Some(leg) = self.leg {
            out.push_back(Out::Media(MediaCmd::Set { leg, mic: self.own.mic, deafen: self.own.deafen }));
        }
    }

    /// The call as it would be written down now.
    pub fn record(&self, now: Now) -> Record {
        Record {
            call: self.id,
            account: self.account,
            started: self.began.wall,
            taken: self.other.is_some(),
            talked_ms: self.connected.map(|at| millis(now.mono.since(at.mono))),
        }
    }

    fn safety_words(&self) -> Vec<String> {
        let (Some(own), Some(theirs)) = (&self.talk.own, &self.talk.theirs) else { return Vec::new() };
        let (caller, called): (&Fingerprint, &Fingerprint) = if self.is_outgoing() { (own, theirs) } else { (theirs, own) };
        safety_words(self.id, caller, called)
    }

    pub fn view(&self) -> CallView {
        CallView {
            call_id: self.id,
            account_id: self.account,
            device_id: self.other,
            direction: self.direction,
            phase: self.phase(),
            started: self.began.wall,
            since: self.since,
            connected: self.connected.map(|at| at.wall),
            route: self.route,
            stats: self.stats.clone(),
            mic: self.own.mic,
            deafen: self.own.deafen,
            their_mic: self.theirs.mic,
            their_deafen: self.theirs.deafen,
            speaking: self.speaking,
            their_speaking: self.their_speaking,
            volume: self.volume,
            words: self.safety_words(),
        }
    }
}
