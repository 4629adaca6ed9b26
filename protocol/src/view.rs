//! Snapshots for people and programs: plain data, ready to show. The core makes them; the GUI and the RPC face read them.

use crate::ids::{AccountId, CallId, DeviceId, EntryId, SpaceId};
use crate::link::{Nat, Route};
use crate::time::UnixMs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

mod call;
mod hlc;
mod marks;
mod sound;

pub use call::{CallDirection, CallEnd, CallOutcome, CallPhase, CallView};
pub use hlc::Hlc;
pub use marks::{DeviceProgress, Progress, ReadMarks};
pub use sound::{DEVICE_ID, NoiseSuppression, QUIETEST, SoundDirection, SoundSettings, Transmission};

/// Everything that is small enough to be shown whole. Histories are read in pages instead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Who this is; `None` until an account exists here.
    pub account: Option<Arc<AccountView>>,
    /// Conversations, the one with the newest activity first.
    pub chats: Vec<Arc<ChatView>>,
    /// Contacts, requested and blocked people, by name.
    pub people: Vec<Arc<PersonView>>,
    /// Contact requests that wait for an answer, newest first.
    pub requests: Vec<Arc<RequestView>>,
    /// People on this local network who let themselves be seen.
    pub nearby: Vec<Arc<NearbyView>>,
    /// Calls that ring or go on, the oldest first. At most one of them has sound.
    pub calls: Vec<Arc<CallView>>,
    /// The node's own connectivity.
    pub network: Arc<NetworkView>,
    /// Settings of this device.
    pub settings: Arc<Settings>,
}

impl Snapshot {
    /// The person with this account, if known.
    #[must_use]
    pub fn person(&self, account: AccountId) -> Option<&Arc<PersonView>> {
        self.people.iter().find(|p| p.account_id == account)
    }

    /// The conversation with this id, if it exists.
    #[must_use]
    pub fn chat(&self, chat: SpaceId) -> Option<&Arc<ChatView>> {
        self.chats.iter().find(|c| c.chat_id == chat)
    }

    /// The call with this id, while it rings or goes on.
    #[must_use]
    pub fn call(&self, call: CallId) -> Option<&Arc<CallView>> {
        self.calls.iter().find(|c| c.call_id == call)
    }
}

/// The own account.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct AccountView {
    /// Account key.
    pub account_id: AccountId,
    /// Key of this installation.
    pub device_id: DeviceId,
    /// Claimed login.
    pub login: String,
    /// Six characters that tell this account from others with the same login; `None` while it is being computed.
    pub tag: Option<String>,
    /// Display name.
    pub name: String,
    /// About me.
    pub info: String,
    /// What contacts are told.
    pub status: Status,
    /// A line of own words beside it.
    pub status_text: String,
    /// Whether the person has confirmed that the recovery words are written down.
    pub words_saved: bool,
    /// Whether this device is on the account's list. One that newer devices took the place of shows what it has and writes
    /// nothing any more.
    pub listed: bool,
}

/// What a person wants others to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Present.
    #[default]
    Online,
    /// Away from the keyboard.
    Idle,
    /// Present, does not want to be disturbed.
    Dnd,
    /// Seen by nobody.
    Invisible,
}

/// Whether a person can be reached now: the truth of an authenticated connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// No authenticated connection.
    #[default]
    Offline,
    /// Connected, and says so.
    Online,
    /// Connected, away.
    Idle,
    /// Connected, does not want to be disturbed.
    Dnd,
}

/// How this account and another stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// Both agreed to talk.
    Contact,
    /// Asked by us, not answered yet.
    Requested,
    /// Asked by them, not answered yet.
    Asking,
    /// Shut out by us; cannot tell this from our being offline.
    Blocked,
    /// Deleted their account.
    Gone,
}

/// Somebody known.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PersonView {
    /// Account key.
    pub account_id: AccountId,
    /// Login they claim.
    pub login: String,
    /// Tag of login and key; `None` while it is being computed.
    pub tag: Option<String>,
    /// What to call them: the own name for them, else theirs.
    pub name: String,
    /// The name they chose.
    pub own_name: String,
    /// About them.
    pub info: String,
    /// Line of their own words.
    pub status_text: String,
    /// Reachable now?
    pub presence: Presence,
    /// When this node last heard from them.
    pub last_seen: Option<UnixMs>,
    /// How they are reached now.
    pub route: Option<Route>,
    /// How we stand.
    pub relation: Relation,
    /// Whether the safety number was compared.
    pub verified: bool,
    /// Their account has devices that were not there when we last looked.
    pub devices_changed: bool,
    /// The conversation with them, once there is one.
    pub chat_id: Option<SpaceId>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ChatView {
    /// Id of the conversation.
    pub chat_id: SpaceId,
    /// The other person.
    pub account_id: AccountId,
    /// Newest message.
    pub last: Option<Preview>,
    /// Messages of others not read here.
    pub unread: u32,
    /// How far this account has read what others wrote: for each writing device, the position up to which all was seen.
    pub read: ReadMarks,
    /// Text typed and not sent.
    pub draft: String,
    /// Whether notifications are off.
    pub muted: bool,
    /// Whether they are typing now.
    pub typing: bool,
    /// Entries known to exist and not here yet.
    pub missing: u64,
    /// How far our own messages have got.
    pub progress: Progress,
    /// How stored messages stand that are not simply part of the conversation; for readers of its history.
    #[serde(skip)]
    pub standings: Arc<crate::history::space::Standings>,
}

/// The newest message of a chat, for lists.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Preview {
    /// First line of the text; empty for what has no words of its own.
    pub text: String,
    /// What became of it, where it is a call.
    pub call: Option<CallOutcome>,
    /// Written by this account?
    pub mine: bool,
    /// When.
    pub at: UnixMs,
    /// State, where it is ours.
    pub state: Option<MessageState>,
}

/// What has become of a message. Never ahead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Durable on this disk.
    Queued,
    /// Stored by a device that is not the recipient's.
    Sent,
    /// Stored by a mailbox for the recipient.
    Held,
    /// Stored by a device of the recipient.
    Delivered,
    /// Shown there.
    Read,
}

/// One row of a timeline.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MessageView {
    /// Id of its entry.
    pub message_id: EntryId,
    /// The conversation.
    pub chat_id: SpaceId,
    /// Who wrote it.
    pub author: AccountId,
    /// On which device.
    pub device: DeviceId,
    /// Position in that device's log.
    pub seq: u64,
    /// Order within the chat, and the time to show.
    pub hlc: Hlc,
    /// Time to show.
    pub at: UnixMs,
    /// Written by this account?
    pub mine: bool,
    /// What it says.
    pub body: MessageBody,
    /// What it answers.
    pub reply_to: Option<EntryId>,
    /// Changed by its author after it was sent.
    pub edited: bool,
    /// Reactions, in order of first use.
    pub reactions: Vec<Reaction>,
    /// Arrived more than a while after its time.
    pub late: bool,
    /// Its writer's device history was duplicated: this may be one of two versions.
    pub forked: bool,
    /// What has become of it, where it is ours.
    pub state: Option<MessageState>,
}

/// Content of a timeline row.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum MessageBody {
    /// Plain text with light marks.
    Text {
        /// The text.
        text: String,
    },
    /// A call that is over. Its author is who called.
    Call {
        /// Which.
        call_id: CallId,
        /// What became of it.
        outcome: CallOutcome,
        /// When it began, by the clock of whoever called.
        started: UnixMs,
        /// How long they talked, ms.
        duration_ms: u64,
    },
    /// Removed by its author.
    Deleted,
    /// Written by a newer version of the app.
    Unsupported,
}

/// An emoji and who used it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// Accounts that used it.
    pub by: Vec<AccountId>,
}

/// A contact request.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RequestView {
    /// The other person.
    pub account_id: AccountId,
    /// Login they claim; empty for an outgoing request that knows only a key.
    pub login: String,
    /// Tag of login and key.
    pub tag: Option<String>,
    /// Name they chose.
    pub name: String,
    /// What they (or we) wrote along.
    pub text: String,
    /// When it was made.
    pub at: UnixMs,
    /// Theirs to us?
    pub incoming: bool,
    /// For an outgoing one: stored on one of their devices.
    pub delivered: bool,
}

/// Somebody on the local network.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct NearbyView {
    /// Account key they claim.
    pub account_id: AccountId,
    /// Login they claim.
    pub login: String,
    /// Tag of login and key; `None` while it is being computed.
    pub tag: Option<String>,
    /// Name they chose.
    pub name: String,
    /// How we stand, if known.
    pub relation: Option<Relation>,
}

/// The node's connectivity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct NetworkView {
    /// Nothing outside the local network is ever contacted.
    pub lan_only: bool,
    /// Addresses this node can be reached at. The shell prints them as multiaddrs.
    #[serde(skip)]
    pub listening: Vec<crate::link::Hint>,
    /// Addresses at which others outside see this node.
    #[serde(skip)]
    pub outside: Vec<crate::link::Hint>,
    /// What stands between this node and the open network.
    pub nat: Nat,
    /// Operators' nodes in use.
    #[serde(skip)]
    pub operators: Vec<OperatorView>,
    /// Nodes that keep messages for this account while it is away.
    #[serde(skip)]
    pub mailboxes: Vec<MailboxView>,
    /// The login can be found in the directory.
    pub published: bool,
    /// Open connections.
    pub links: u32,
    /// Of those, authenticated ones to contacts or own devices.
    pub authenticated: u32,
    /// Whether name and login are told to people on the local network.
    pub visible_nearby: bool,
    /// The clock of this machine is this many milliseconds away from most others; sending waits.
    pub clock_off_ms: Option<i64>,
    /// Another node runs with this device's key: the profile was copied.
    pub duplicated: bool,
    /// The disk does not take what is to be stored; nothing is sent until it does.
    pub storage_trouble: Option<String>,
    /// Counted refusals of bad input, by reason.
    pub refusals: Vec<(String, u64)>,
}

/// An operator's node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperatorView {
    /// Where it is.
    pub hints: Vec<crate::link::Hint>,
    /// Connected now.
    pub connected: bool,
    /// Calls can go through it where no direct way is found or wanted.
    pub calls: bool,
}

/// A node that keeps messages for this account while it is away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MailboxView {
    /// Where it is.
    pub node: crate::link::Hint,
    /// Connected now.
    pub connected: bool,
    /// Contacts who may write there.
    pub queues: u32,
}

/// Settings of this device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Colours.
    pub theme: Theme,
    /// Language tag, `en` or `ru`; empty follows the system.
    pub language: String,
    /// Show desktop notifications.
    pub notifications: bool,
    /// Tell contacts that their messages were read. Reciprocal: without it theirs are not shown either.
    pub receipts: bool,
    /// Tell contacts when a message is being typed. Reciprocal.
    pub typing: bool,
    /// Tell name and login to people on the local network.
    pub visible_nearby: bool,
    /// Put name and login into the directory, so that people elsewhere can find this account. Needs an operator.
    pub listed: bool,
    /// Who may ask to become a contact.
    pub gate: Gate,
    /// Calls go through a relay, so that the other person learns no address of this machine. Without a relay there are none then.
    pub relay_calls: bool,
    /// Sound of calls.
    pub sound: SoundSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            language: String::new(),
            notifications: true,
            receipts: true,
            typing: true,
            visible_nearby: false,
            listed: true,
            gate: Gate::Anyone,
            relay_calls: false,
            sound: SoundSettings::default(),
        }
    }
}

/// Colours of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the desktop has it.
    #[default]
    System,
    /// Dark.
    Dark,
    /// Light.
    Light,
}

/// Who may ask to become a contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Anyone who spends a second of computing on it.
    #[default]
    Anyone,
    /// Only holders of our contact link.
    Code,
    /// Nobody.
    Nobody,
}
