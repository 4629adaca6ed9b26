//! Calls: whether somebody can be called, what is said about a call, and what has to happen when it rings or ends.

#[cfg(test)]
mod tests;

use super::{Model, Out, Pending, Say};
use crate::bridge::Request;
use std::sync::Arc;
use veche_protocol::call::media::LegStats;
use veche_protocol::core::command::Command;
use veche_protocol::ids::{AccountId, CallId};
use veche_protocol::time::UnixMs;
use veche_protocol::view::{CallEnd, CallPhase, CallView, PersonView, Relation, Status};

/// How long it is said why a call ended, where nothing went wrong, milliseconds.
const SAID_MS: u64 = 5_000;
/// The same where it did not become a talk, or was lost: there is something to read and to do.
const TOLD_MS: u64 = 20_000;

/// A way there and back from which on people begin to talk into each other, ms: G.114 has 150 ms for one way as what most notice.
const SLOW_MS: u32 = 250;
/// A way there and back that makes talking tiresome, ms: 400 ms one way is the most that G.114 allows.
const VERY_SLOW_MS: u32 = 600;
/// Lost packets that can be heard at times, in thousandths.
const LOSSY: u16 = 30;
/// Lost packets that make words hard to understand, in thousandths.
const VERY_LOSSY: u16 = 100;

/// What a person wants of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallIntent {
    /// Call somebody.
    Start(AccountId),
    /// Take a call that rings.
    Accept(CallId),
    /// Decline it.
    Decline(CallId),
    /// End a call, or give up calling.
    HangUp(CallId),
    /// Microphone on or off.
    Mic(CallId, bool),
    /// Nothing is played, or it is again.
    Deafen(CallId, bool),
    /// How loud the other person is, percent.
    Volume(CallId, u16),
    /// What was said about the last call was read.
    Read,
}

/// A call that is over, and is still spoken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// With whom.
    pub account: AccountId,
    /// Why.
    pub why: CallEnd,
    /// Calls go through a relay only, which may be why.
    pub relay_only: bool,
    /// For how long they talked, seconds; none if they did not.
    pub talked: Option<u64>,
    /// Until when it is said.
    pub until: UnixMs,
}

/// What the window remembers about calls beside the snapshot.
#[derive(Debug, Default)]
pub struct Calls {
    /// The last one, while it is spoken of.
    pub ended: Option<Ended>,
    /// Somebody is about to be called: the node has not answered yet.
    pub starting: Option<AccountId>,
    /// The call as it was last seen: it may be gone from the snapshot before it is said why.
    last: Option<Arc<CallView>>,
    /// The desktop was asked to point at the window.
    calling_out: bool,
}

/// Why somebody cannot be called now. Being offline is no reason: they learn of it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCall {
    /// Blocked by this account.
    Blocked,
    /// Their account is gone.
    Gone,
    /// Not a contact.
    NotContact,
    /// There is a call already, with somebody else.
    InCall,
    /// There is one with them.
    ThisOne,
}

impl NoCall {
    /// Key of its sentence.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Blocked => "no-call-blocked",
            Self::Gone => "no-call-gone",
            Self::NotContact => "no-call-contact",
            Self::InCall => "no-call-busy",
            Self::ThisOne => "no-call-this",
        }
    }
}

/// How good a connection is to talk over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// Not measured yet.
    Unknown,
    /// Hard to talk.
    Bad,
    /// One notices.
    Fair,
    /// Nothing to notice.
    Good,
}

/// Judges what was measured.
#[must_use]
pub fn quality(stats: Option<&LegStats>) -> Quality {
    let Some(stats) = stats else { return Quality::Unknown };
    // What was made up counts like what was lost: it is what one hears of it.
    let loss = stats.loss_permille.max(stats.concealed_permille);
    if stats.rtt_ms.is_none() && loss.is_none() {
        return Quality::Unknown;
    }
    let (rtt, loss) = (stats.rtt_ms.unwrap_or(0), loss.unwrap_or(0));
    match () {
        () if rtt >= VERY_SLOW_MS || loss >= VERY_LOSSY => Quality::Bad,
        () if rtt >= SLOW_MS || loss >= LOSSY => Quality::Fair,
        () => Quality::Good,
    }
}

/// Key of what a phase is called.
#[must_use]
pub const fn phase_key(phase: CallPhase) -> &'static str {
    match phase {
        CallPhase::Calling => "call-calling",
        CallPhase::Ringing => "call-ringing",
        CallPhase::Incoming => "call-incoming",
        CallPhase::Connecting => "call-connecting",
        CallPhase::Active => "call-active",
        CallPhase::Reconnecting => "call-reconnecting",
    }
}

/// Key of the sentence why a call ended; it takes a `name`.
#[must_use]
pub const fn end_key(why: CallEnd, relay_only: bool) -> &'static str {
    match why {
        CallEnd::HungUp => "call-end-hung-up",
        CallEnd::Cancelled => "call-end-cancelled",
        CallEnd::Declined => "call-end-declined",
        CallEnd::Busy => "call-end-busy",
        CallEnd::NoAnswer => "call-end-no-answer",
        CallEnd::AnsweredElsewhere => "call-end-answered-elsewhere",
        CallEnd::DeclinedElsewhere => "call-end-declined-elsewhere",
        CallEnd::Unreachable => "call-end-unreachable",
        CallEnd::NoWay if relay_only => "call-end-no-relay",
        CallEnd::NoWay => "call-end-no-way",
        CallEnd::Impostor => "call-end-impostor",
        CallEnd::NoEngine => "call-end-no-engine",
        CallEnd::NoSound => "call-end-no-sound",
        CallEnd::NoSoundThere => "call-end-no-sound-there",
        CallEnd::Lost => "call-end-lost",
        CallEnd::NotContact => "call-end-not-contact",
        CallEnd::Merged => "call-end-merged",
    }
}

impl Ended {
    /// Whether calling again is what one would do now.
    #[must_use]
    pub const fn again(&self) -> bool {
        matches!(
            self.why,
            CallEnd::Declined
                | CallEnd::Busy
                | CallEnd::NoAnswer
                | CallEnd::Unreachable
                | CallEnd::NoWay
                | CallEnd::NoSound
                | CallEnd::NoSoundThere
                | CallEnd::Lost
        )
    }

    /// Whether it went as people wanted it.
    #[must_use]
    pub const fn well(&self) -> bool {
        matches!(self.why, CallEnd::HungUp | CallEnd::Cancelled | CallEnd::AnsweredElsewhere | CallEnd::DeclinedElsewhere | CallEnd::Merged)
    }
}

impl Model {
    /// The call that the person takes part in: called, answered, talking.
    #[must_use]
    pub fn call(&self) -> Option<&Arc<CallView>> {
        self.snap.calls.iter().find(|c| c.phase != CallPhase::Incoming)
    }

    /// Calls that ring here, the oldest first.
    pub fn ringing(&self) -> impl Iterator<Item = &Arc<CallView>> {
        self.snap.calls.iter().filter(|c| c.phase == CallPhase::Incoming)
    }

    fn first_ringing(&self) -> Option<CallId> {
        self.ringing().next().map(|c| c.call_id)
    }

    /// The call with somebody, ringing or not.
    #[must_use]
    pub fn call_with(&self, account: AccountId) -> Option<&Arc<CallView>> {
        self.snap.calls.iter().find(|c| c.account_id == account)
    }

    /// Whether somebody can be called.
    ///
    /// # Errors
    /// Why not.
    pub fn can_call(&self, person: &PersonView) -> Result<(), NoCall> {
        match person.relation {
            Relation::Contact => {}
            Relation::Blocked => return Err(NoCall::Blocked),
            Relation::Gone => return Err(NoCall::Gone),
            _ => return Err(NoCall::NotContact),
        }
        match self.call() {
            Some(call) if call.account_id == person.account_id => Err(NoCall::ThisOne),
            Some(_) => Err(NoCall::InCall),
            None if self.calls.starting.is_some() => Err(NoCall::ThisOne),
            None => Ok(()),
        }
    }

    /// How long a call has had sound, seconds.
    #[must_use]
    pub fn talked(&self, call: &CallView) -> Option<u64> {
        Some(self.now.0.saturating_sub(call.connected?.0) / 1000)
    }

    /// When the counter of the call shows the next second, or what was said about the last call goes; milliseconds of the wall clock.
    pub(super) fn call_deadline(&self) -> Option<u64> {
        let second = self.call().and_then(|c| {
            let so_far = self.now.0.saturating_sub(c.connected?.0);
            Some(self.now.0.saturating_add(1000 - so_far % 1000))
        });
        second.into_iter().chain(self.calls.ended.as_ref().map(|e| e.until.0)).min()
    }

    /// Whether the person does not want to be disturbed, or not by this one.
    pub(super) fn left_alone_by(&self, account: AccountId) -> bool {
        let busy = self.snap.account.as_ref().is_some_and(|a| a.status == Status::Dnd);
        let chat = self.snap.person(account).and_then(|p| p.chat_id).and_then(|id| self.snap.chat(id));
        busy || chat.is_some_and(|c| c.muted)
    }

    /// Somebody calls.
    pub(super) fn call_comes(&mut self, call: &CallView) {
        if self.left_alone_by(call.account_id) {
            return;
        }
        if !self.calls.calling_out {
            self.calls.calling_out = true;
            self.out.push(Out::Attention(true));
        }
        if self.snap.settings.notifications && !self.focused {
            let person = self.snap.person(call.account_id);
            let title = person.map_or(Say::Key("somebody"), |p| Say::Words(p.name.clone()));
            let chat = person.and_then(|p| p.chat_id);
            self.out.push(Out::Notify { chat, title, body: Say::Key("note-call") });
        }
    }

    /// A call got further, or is over.
    pub(super) fn call_moves(&mut self, id: CallId, account: AccountId, phase: CallPhase, ended: Option<CallEnd>) {
        let Some(why) = ended else { return };
        if why == CallEnd::Merged {
            return; // It goes on as theirs.
        }
        if phase == CallPhase::Incoming {
            let key = match why {
                CallEnd::Cancelled | CallEnd::NoAnswer => "call-end-cancelled",
                CallEnd::AnsweredElsewhere | CallEnd::DeclinedElsewhere => end_key(why, false),
                // Declined here, or nothing that the person has a part in.
                _ => return,
            };
            let name = self.name_of(account);
            return self.toast(false, Say::Named(key, name));
        }
        if matches!(why, CallEnd::Cancelled) {
            return; // The person here gave up and knows.
        }
        let talked = self.calls.last.as_ref().filter(|c| c.call_id == id).and_then(|c| self.talked(c));
        let relay_only = self.snap.settings.relay_calls;
        let mut ended = Ended { account, why, relay_only, talked, until: self.now };
        let lasts = if ended.well() { SAID_MS } else { TOLD_MS };
        ended.until = UnixMs(self.now.0.saturating_add(lasts));
        self.calls.ended = Some(ended);
    }

    /// The state changed: nothing rings any more, or a new call makes the last one old.
    pub(super) fn calls_changed(&mut self) {
        if self.calls.calling_out && self.ringing().next().is_none() {
            self.calls.calling_out = false;
            self.out.push(Out::Attention(false));
        }
        if let Some(call) = self.call().cloned() {
            self.calls.ended = None;
            self.calls.last = Some(call);
        }
    }

    pub(super) fn calls_tick(&mut self) {
        if self.calls.ended.as_ref().is_some_and(|e| e.until <= self.now) {
            self.calls.ended = None;
        }
    }

    fn name_of(&self, account: AccountId) -> String {
        self.snap.person(account).map(|p| p.name.clone()).unwrap_or_default()
    }

    /// Does what is wanted of a call.
    pub(super) fn call_intent(&mut self, intent: CallIntent) {
        let command = match intent {
            CallIntent::Start(account) => return self.start_call(account),
            CallIntent::Read => {
                self.calls.ended = None;
                return;
            }
            CallIntent::Accept(call) => Command::CallAccept { call },
            CallIntent::Decline(call) => Command::CallDecline { call },
            CallIntent::HangUp(call) => Command::CallHangup { call },
            CallIntent::Mic(call, on) => Command::CallSet { call, mic: Some(on), deafen: None },
            CallIntent::Deafen(call, on) => Command::CallSet { call, mic: None, deafen: Some(on) },
            CallIntent::Volume(call, percent) => Command::CallVolume { call, percent },
        };
        self.ask(Pending::Quiet, Request::Command(command));
    }

    fn start_call(&mut self, account: AccountId) {
        // They call just now: that is what is meant.
        let theirs = self.ringing().find(|c| c.account_id == account).map(|c| c.call_id);
        if let Some(call) = theirs {
            return self.call_intent(CallIntent::Accept(call));
        }
        let Some(person) = self.snap.person(account).cloned() else { return };
        match self.can_call(&person) {
            Ok(()) => {
                self.calls.ended = None;
                self.calls.starting = Some(account);
                self.ask(Pending::Call, Request::Command(Command::CallStart { account }));
            }
            Err(why) => self.toast(true, Say::Key(why.key())),
        }
    }

    /// A key: calls the person on the page, or takes the call that rings.
    pub(super) fn call_key(&mut self, accept: bool) {
        if accept {
            if let Some(call) = self.first_ringing() {
                self.call_intent(CallIntent::Accept(call));
            }
        } else if let Some(account) = self.open_person().map(|p| p.account_id) {
            self.start_call(account);
        }
    }

    /// A key: declines what rings, else ends what goes on.
    pub(super) fn hang_up_key(&mut self) {
        if let Some(call) = self.first_ringing() {
            self.call_intent(CallIntent::Decline(call));
        } else if let Some(call) = self.call().map(|c| c.call_id) {
            self.call_intent(CallIntent::HangUp(call));
        }
    }

    /// A key: microphone, or all sound.
    pub(super) fn mute_key(&mut self, deafen: bool) {
        let Some(call) = self.call().cloned() else { return };
        self.call_intent(match deafen {
            true => CallIntent::Deafen(call.call_id, !call.deafen),
            false => CallIntent::Mic(call.call_id, !call.mic),
        });
    }
}
