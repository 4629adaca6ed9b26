//! Calls as people and programs see them.

use crate::call::media::{LegStats, MediaRoute};
use crate::ids::{AccountId, CallId, DeviceId};
use crate::time::UnixMs;
use schemars::JsonSchema;
use serde::Serialize;

/// A call that rings or goes on. One that is over is in the history, as [`super::MessageBody::Call`].
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CallView {
    /// Names it.
    pub call_id: CallId,
    /// The other person.
    pub account_id: AccountId,
    /// Their device, once one of them has taken the call.
    pub device_id: Option<DeviceId>,
    /// Who called.
    pub direction: CallDirection,
    /// How far it is.
    pub phase: CallPhase,
    /// When it began to ring or call here.
    pub started: UnixMs,
    /// Since when it is in this phase.
    pub since: UnixMs,
    /// When sound first passed.
    pub connected: Option<UnixMs>,
    /// Which way sound goes.
    pub route: Option<MediaRoute>,
    /// How the connection is, about once a second while sound passes.
    pub stats: Option<LegStats>,
    /// Whether the microphone here is on.
    pub mic: bool,
    /// Whether nothing is played here.
    pub deafen: bool,
    /// Whether the microphone over there is on.
    pub their_mic: bool,
    /// Whether nothing is played over there.
    pub their_deafen: bool,
    /// Whether somebody speaks here.
    pub speaking: bool,
    /// Whether somebody speaks over there.
    pub their_speaking: bool,
    /// How loud the other person is played, percent; 100 is as it comes.
    pub volume: u16,
    /// Four emoji that both see alike if nobody stands between them; empty until sound is agreed on.
    pub words: Vec<String>,
}

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallDirection {
    /// This account, from this device.
    Outgoing,
    /// The other person.
    Incoming,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallPhase {
    /// They are called; no device of theirs has said yet that it rings.
    Calling,
    /// A device of theirs rings.
    Ringing,
    /// They call: this device rings.
    Incoming,
    /// One side has taken the call, and a way for the sound is looked for.
    Connecting,
    /// Sound passes.
    Active,
    /// Sound passed and does not now; a way is looked for again.
    Reconnecting,
}

/// Why a call is over on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallEnd {
    /// One of the two ended it after it was taken.
    HungUp,
    /// The caller gave up before anybody took it.
    Cancelled,
    /// Declined, by the person who was called.
    Declined,
    /// As many calls ring there as can.
    Busy,
    /// Nobody took it in time.
    NoAnswer,
    /// Another device of the called person took it.
    AnsweredElsewhere,
    /// The called person declined it on another device.
    DeclinedElsewhere,
    /// No device of theirs is connected, and none could be reached.
    Unreachable,
    /// No way for the sound was found between the two.
    NoWay,
    /// The certificate over there was not the one that their device signed.
    Impostor,
    /// This program has no engine for sound.
    NoEngine,
    /// Sound could not begin here.
    NoSound,
    /// Sound could not begin over there.
    NoSoundThere,
    /// The connection was lost and not found again in time.
    Lost,
    /// The two are no contacts any more.
    NotContact,
    /// Both called each other at once: it goes on as their call.
    Merged,
}

impl CallEnd {
    /// Says it to a person.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::HungUp => "The call was ended.",
            Self::Cancelled => "The caller hung up before anybody answered.",
            Self::Declined => "The call was declined.",
            Self::Busy => "They have too many calls at once. Try again in a while.",
            Self::NoAnswer => "Nobody answered.",
            Self::AnsweredElsewhere => "The call was answered on another device.",
            Self::DeclinedElsewhere => "The call was declined on another device.",
            Self::Unreachable => "They cannot be reached now. They see that you called once they are back.",
            Self::NoWay => "No way for the sound was found between the two networks. A relay of an operator would help.",
            Self::Impostor => "The other end is not the device that it claims to be, so the call was ended. Compare your safety numbers.",
            Self::NoEngine => "This program has no sound, so it cannot call.",
            Self::NoSound => "Sound could not begin on this device. Check microphone and loudspeaker, then try again.",
            Self::NoSoundThere => "Sound could not begin on their device.",
            Self::Lost => "The connection was lost.",
            Self::NotContact => "You are no longer contacts.",
            Self::Merged => "You called each other at the same time. The call goes on as theirs.",
        }
    }
}

/// What became of a call, as the history says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// They talked.
    Talked,
    /// Nobody took it.
    Missed,
    /// The called person declined it.
    Declined,
    /// It was taken, and no sound ever passed.
    Failed,
}
