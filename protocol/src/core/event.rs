//! One-shot events for people and programs. State that can be looked at any time is in [`crate::view`] instead.

use crate::ids::{AccountId, CallId, DeviceId, EntryId, SpaceId};
use crate::view::{CallEnd, CallPhase, CallView, MessageState, MessageView, Presence, Relation, RequestView, SoundDirection};
use schemars::JsonSchema;
use serde::Serialize;

/// Something happened that a person or program may want to hear about at once.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Event {
    /// The own account or profile changed.
    #[serde(rename = "account.changed")]
    AccountChanged,
    /// An account has [`crate::limits::DEVICES_PER_ACCOUNT`] devices at most: a newer one took the place of this, the oldest.
    #[serde(rename = "account.device_dropped")]
    DeviceDropped {
        /// Which.
        device_id: DeviceId,
        /// Whether it is the one that says so.
        this: bool,
    },
    /// Somebody asks to become a contact.
    #[serde(rename = "contact.requested")]
    ContactRequested {
        /// The request.
        request: RequestView,
    },
    /// A person's profile, devices or relation changed.
    #[serde(rename = "contact.changed")]
    ContactChanged {
        /// Who.
        account_id: AccountId,
        /// How we stand now; `None` if they are known no longer.
        relation: Option<Relation>,
        /// The conversation with them, once there is one.
        chat_id: Option<SpaceId>,
    },
    /// Somebody who was looked up was found, or their tag is known now.
    #[serde(rename = "directory.found")]
    DirectoryFound {
        /// The login asked for.
        login: String,
        /// Who claims it.
        claimant: crate::view::NearbyView,
    },
    /// Somebody came, went or changed their presence.
    #[serde(rename = "presence.changed")]
    PresenceChanged {
        /// Who.
        account_id: AccountId,
        /// Now.
        presence: Presence,
    },
    /// A chat's head changed: unread count, draft, mute.
    #[serde(rename = "chat.changed")]
    ChatChanged {
        /// Which.
        chat_id: SpaceId,
    },
    /// A message is stored here, whoever wrote it.
    #[serde(rename = "message.received")]
    MessageReceived {
        /// Which chat.
        chat_id: SpaceId,
        /// The message.
        message: MessageView,
    },
    /// A stored message was edited, deleted or reacted to.
    #[serde(rename = "message.changed")]
    MessageChanged {
        /// Which chat.
        chat_id: SpaceId,
        /// Which message.
        message_id: EntryId,
    },
    /// An own message and all own messages before it on that device have got this far.
    #[serde(rename = "message.state")]
    MessageState {
        /// Which chat.
        chat_id: SpaceId,
        /// The newest message concerned.
        message_id: EntryId,
        /// Its state.
        state: MessageState,
    },
    /// Somebody is typing, or stopped.
    #[serde(rename = "typing")]
    Typing {
        /// Which chat.
        chat_id: SpaceId,
        /// Who.
        account_id: AccountId,
        /// Now.
        on: bool,
    },
    /// Connectivity changed.
    #[serde(rename = "network.changed")]
    NetworkChanged,
    /// People on the local network came or went.
    #[serde(rename = "nearby.changed")]
    NearbyChanged,
    /// Entries are known to exist and are not here yet.
    #[serde(rename = "missing.changed")]
    MissingChanged {
        /// Which chat.
        chat_id: SpaceId,
        /// How many.
        count: u64,
    },
    /// Somebody calls, and this device rings. It rings until this call's phase changes.
    #[serde(rename = "call.incoming")]
    CallIncoming {
        /// The call.
        call: CallView,
    },
    /// A call has got further, or is over.
    #[serde(rename = "call.state")]
    CallState {
        /// Which.
        call_id: CallId,
        /// The other person.
        account_id: AccountId,
        /// How far it is; for one that is over, how far it was.
        phase: CallPhase,
        /// Why it is over, if it is.
        ended: Option<CallEnd>,
        /// The same in words.
        reason: Option<String>,
    },
    /// Somebody in a call began or ceased to speak.
    #[serde(rename = "call.speaking")]
    CallSpeaking {
        /// Which.
        call_id: CallId,
        /// Who: the own account for this side.
        account_id: AccountId,
        /// Now.
        on: bool,
    },
    /// How loud the microphone is, up to twenty times a second while it is tested. Of the shell, as the two below.
    #[serde(rename = "device.level")]
    DeviceLevel {
        /// Decibels below full scale: 0 is the loudest, -127 silence.
        decibels: f32,
        /// Whether it would be sent: above the threshold, or the key held.
        open: bool,
    },
    /// Sound goes through this device from now on.
    #[serde(rename = "device.changed")]
    DeviceChanged {
        /// Microphone or loudspeaker.
        direction: SoundDirection,
        /// Its name for people.
        name: String,
    },
    /// A sound device vanished or failed. Another was opened if there is one; until then there is silence.
    #[serde(rename = "device.lost")]
    DeviceLost {
        /// Microphone or loudspeaker.
        direction: SoundDirection,
        /// A sentence: what happened and what to do.
        message: String,
    },
    /// The reader was too slow and missed this many events: reload.
    #[serde(rename = "overflow")]
    Overflow {
        /// How many.
        missed: u64,
    },
}
