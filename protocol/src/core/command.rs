//! What the person or program in front of this node may ask, and the answers. Every command is answered exactly once.

use crate::ids::{AccountId, CallId, EntryId, PeerKey, SpaceId};
use crate::link::Hint;
use crate::view::{Hlc, MessageState, Settings, Status};

/// A wish of the person or program in front of this node.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make an account and this device's keys. The recovery words encode `entropy`.
    CreateAccount {
        /// Login, see [`crate::identity::login`].
        login: String,
        /// Display name.
        name: String,
        /// 128 random bits from which the account key is derived.
        entropy: [u8; 16],
    },
    /// Come back with the recovery words, as a new device.
    RestoreAccount {
        /// The bits that the words encode.
        entropy: [u8; 16],
        /// Login as remembered.
        login: String,
        /// Display name as remembered.
        name: String,
    },
    /// Change the profile; absent fields stay.
    UpdateProfile(ProfilePatch),
    /// The recovery words are written down.
    ConfirmWords,
    /// Tell contacts and own devices that this account is gone, then forget everything. Answered when the wipe may begin.
    DeleteAccount,
    /// Ask somebody to become a contact.
    RequestContact {
        /// Whom.
        target: Target,
        /// A word along the way.
        text: String,
    },
    /// Say yes to a request.
    AcceptRequest(AccountId),
    /// Say no; they are not told.
    DeclineRequest(AccountId),
    /// Shut somebody out.
    Block(AccountId),
    /// Let them in again.
    Unblock(AccountId),
    /// An own name for somebody; empty returns to theirs.
    RenameContact(AccountId, String),
    /// The safety number that the person read out; sets `verified` when it matches.
    VerifyContact(AccountId, String),
    /// The safety number shared with somebody.
    SafetyNumber(AccountId),
    /// The own contact link.
    ContactLink,
    /// A fresh code in the own contact link; old links stop working.
    RenewContactLink,
    /// What a contact link says, without doing anything.
    InspectLink(String),
    /// The conversation with a contact.
    OpenChat(AccountId),
    /// Write.
    Send {
        /// Where.
        chat: SpaceId,
        /// What.
        text: String,
        /// In answer to.
        reply_to: Option<EntryId>,
    },
    /// Change an own message.
    Edit {
        /// Where.
        chat: SpaceId,
        /// Which.
        message: EntryId,
        /// New text.
        text: String,
    },
    /// Ask everybody to remove an own message.
    Delete {
        /// Where.
        chat: SpaceId,
        /// Which.
        message: EntryId,
    },
    /// React, or take it back.
    React {
        /// Where.
        chat: SpaceId,
        /// To which.
        message: EntryId,
        /// With.
        emoji: String,
        /// Put or remove.
        on: bool,
    },
    /// Of everything that is here now, the person has seen what is stamped up to this; `None` is all of it. What arrives later
    /// is unread, whatever its stamp.
    MarkRead(SpaceId, Option<Hlc>),
    /// The person is typing.
    Typing(SpaceId),
    /// Keep unsent text.
    Draft(SpaceId, String),
    /// Notifications of a chat.
    Mute(SpaceId, bool),
    /// Replace the settings.
    SetSettings(Settings),
    /// Dial addresses that a person or program knows.
    AddPeer(Vec<Hint>),
    /// Use an operator's node, at these addresses of it.
    AddOperators(Vec<Hint>),
    /// Use an operator's node no longer.
    RemoveOperator(PeerKey),
    /// Who has this login: answered with those known now, while the directory is asked for more.
    Lookup {
        /// Exact login.
        login: String,
        /// Tag, where known.
        tag: Option<String>,
    },
    /// Why is something not delivered.
    Diagnose(AccountId),
    /// Call a contact. Answered with [`Reply::Call`] when they are being called. If they are called already, or call just now, that call is
    /// meant.
    CallStart {
        /// Whom.
        account: AccountId,
    },
    /// Take a call that rings here. Another that goes on is ended.
    CallAccept {
        /// Which.
        call: CallId,
    },
    /// Decline a call that rings here, on all devices of this account.
    CallDecline {
        /// Which.
        call: CallId,
    },
    /// End a call, or give up calling. One that rings here is declined.
    CallHangup {
        /// Which.
        call: CallId,
    },
    /// What is heard in a call; absent fields stay. The other side is told. May be said while it rings.
    CallSet {
        /// Which.
        call: CallId,
        /// Whether the microphone is on.
        mic: Option<bool>,
        /// Whether nothing of the other side is played.
        deafen: Option<bool>,
    },
    /// How loud the other person is played in a call.
    CallVolume {
        /// Which.
        call: CallId,
        /// Percent, up to [`crate::call::media::VOLUME`]; 100 is as it comes.
        percent: u16,
    },
}

/// Changes to the profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfilePatch {
    /// Display name.
    pub name: Option<String>,
    /// About me.
    pub info: Option<String>,
    /// Presence to tell.
    pub status: Option<Status>,
    /// Line of own words.
    pub status_text: Option<String>,
}

/// Whom a contact request goes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Somebody on the local network or known from elsewhere.
    Account(AccountId),
    /// The text of a `veche:c/` link.
    Link(String),
}

/// What a command led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Done, nothing to say.
    Done,
    /// The account exists now.
    Account(AccountId),
    /// The person, and the chat where there is one.
    Contact {
        /// Who.
        account: AccountId,
        /// Conversation, once both agreed.
        chat: Option<SpaceId>,
    },
    /// A conversation.
    Chat(SpaceId),
    /// An entry, durable on this disk.
    Message(EntryId),
    /// A `veche:c/` link.
    Link(String),
    /// What a link says.
    LinkInfo {
        /// Whose link.
        account: AccountId,
        /// Their login, where the link says it.
        login: Option<String>,
        /// Whether that is the own account.
        own: bool,
    },
    /// Sixty digits.
    SafetyNumber(String),
    /// Whether the number matched.
    Verified(bool),
    /// Claimants of a login.
    Claimants {
        /// Those known now.
        claimants: Vec<crate::view::NearbyView>,
        /// The directory is still being asked: more may come, see [`super::event::Event::DirectoryFound`].
        more: bool,
        /// There is no directory to ask, because no operator is set.
        nowhere: bool,
    },
    /// Findings in words, the most important first.
    Diagnosis(Vec<Finding>),
    /// State of a message.
    State(MessageState),
    /// A call.
    Call(CallId),
}

/// One reason why something is not delivered, or that it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Finding {
    /// Stable name.
    pub kind: String,
    /// A sentence: what is so, and what would help.
    pub text: String,
}

/// Why a command was refused. The text is what a person reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// See text.
    #[error("There is no account on this device yet. Create one or restore it with your recovery words.")]
    NoAccount,
    /// See text.
    #[error("There is already an account on this device.")]
    AccountExists,
    /// See text.
    #[error("The {field} cannot be used: {why}.")]
    Invalid {
        /// Name of the field, as the RPC calls it.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// See text.
    #[error("Nobody with this id is known here.")]
    UnknownPerson,
    /// See text.
    #[error("There is no such conversation.")]
    UnknownChat,
    /// See text.
    #[error("There is no such message in this conversation.")]
    UnknownMessage,
    /// See text.
    #[error("Only its author can do this to a message.")]
    NotYours,
    /// See text.
    #[error("This person is not a contact yet. Send a request, or accept theirs, first.")]
    NotContact,
    /// See text.
    #[error("You blocked this person. Unblock them first.")]
    Blocked,
    /// See text.
    #[error("This is your own account.")]
    Yourself,
    /// See text.
    #[error(
        "The request cannot be delivered yet, because no address of this person is known. Ask for their contact link, or be on the same network."
    )]
    NoAddress,
    /// See text.
    #[error("LAN-only mode is on, so nobody outside the local network is contacted. Start without it to use operators.")]
    LanOnly,
    /// See text.
    #[error("The clock of this computer is wrong by more than ten minutes. Set it right, then try again.")]
    ClockWrong,
    /// See text.
    #[error(
        "This device was taken off your account, or a copy of it is in use elsewhere. Restore your account here as a new device to write again."
    )]
    DeviceRetired,
    /// See text.
    #[error(
        "This device lost its record of what it wrote in this conversation, and fetches it from the other devices. Write again once one of them is connected."
    )]
    HistoryIncomplete,
    /// See text.
    #[error("The disk did not take it: {0}. Nothing was sent. Free some space and try again.")]
    NotStored(String),
    /// See text.
    #[error("Too many at once. Wait a moment and try again.")]
    Busy,
    /// See text.
    #[error("There is no such call any more.")]
    UnknownCall,
    /// See text.
    #[error("You are in a call already. End it first.")]
    InCall,
    /// See text.
    #[error("This program has no sound, so it cannot call.")]
    NoEngine,
}

impl CommandError {
    /// A stable name for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoAccount => "no_account",
            Self::AccountExists => "account_exists",
            Self::Invalid { .. } => "invalid",
            Self::UnknownPerson => "unknown_person",
            Self::UnknownChat => "unknown_chat",
            Self::UnknownMessage => "unknown_message",
            Self::NotYours => "not_yours",
            Self::NotContact => "not_contact",
            Self::Blocked => "blocked",
            Self::Yourself => "yourself",
            Self::NoAddress => "no_address",
            Self::LanOnly => "lan_only",
            Self::ClockWrong => "clock_wrong",
            Self::DeviceRetired => "device_retired",
            Self::HistoryIncomplete => "history_incomplete",
            Self::NotStored(_) => "not_stored",
            Self::Busy => "busy",
            Self::UnknownCall => "unknown_call",
            Self::InCall => "in_call",
            Self::NoEngine => "no_engine",
        }
    }
}
