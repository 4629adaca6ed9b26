//! The only door to the node: what the window may ask, and what it is told. Plain data, no egui.
//!
//! A [`Backend`] never blocks: questions go into a bounded queue and answers are picked up later, once a frame.

pub mod node;

pub use veche_node::media::{SoundDevice, SoundDevices, SoundTest};

use std::sync::Arc;
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::ids::{EntryId, SpaceId};
use veche_protocol::view::{Hlc, MessageView, Snapshot};

/// How far the node behind the window is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The store is being opened.
    #[default]
    Starting,
    /// Open, and there is no account here.
    FirstRun,
    /// The store wants a passphrase.
    Locked,
    /// Open, with an account.
    Ready,
    /// It cannot go on; the problem says why and what to do.
    Failed(Problem),
    /// The account was deleted from this device; nothing is left to show.
    Gone,
}

/// What went wrong, in words for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Stable name, by which a translation is looked up.
    pub kind: String,
    /// Full English sentence, shown where there is no translation.
    pub sentence: String,
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        Self { kind: error.kind().to_owned(), sentence: error.to_string() }
    }
}

/// Ties an answer to its question. Never reused within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A place in a timeline. Messages are ordered by stamp, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Stamp.
    pub hlc: Hlc,
    /// Id of the entry.
    pub id: EntryId,
}

impl Place {
    /// Where a message stands.
    #[must_use]
    pub fn of(message: &MessageView) -> Self {
        Self { hlc: message.hlc, id: message.message_id }
    }
}

/// Which part of a history to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageAt {
    /// The newest messages.
    Newest,
    /// Those right before this place, without it.
    Before(Place),
    /// Those right after this place, without it.
    After(Place),
    /// Half before, the message itself, half after. Empty if there is no such message.
    Around(EntryId),
}

/// Part of a history, oldest message first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Of which conversation.
    pub chat: SpaceId,
    /// What was asked for.
    pub at: PageAt,
    /// The messages.
    pub messages: Vec<Arc<MessageView>>,
    /// Nothing is older than the first of them.
    pub at_start: bool,
    /// Nothing is newer than the last of them.
    pub at_end: bool,
}

/// A secret that a person typed: never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What the window asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Something for the core.
    Command(Command),
    /// A part of a history.
    Page {
        /// Of which conversation.
        chat: SpaceId,
        /// Which part.
        at: PageAt,
        /// Most messages.
        limit: usize,
    },
    /// Messages that contain something, newest first: each comes as [`Update::Found`], and then the answer. Ends the search before.
    Search {
        /// In this conversation only.
        chat: Option<SpaceId>,
        /// What; with nothing it only ends the search before.
        text: String,
        /// Only older ones than this place.
        before: Option<Place>,
        /// Most messages.
        limit: usize,
    },
    /// Make an account here.
    CreateAccount {
        /// Login.
        login: String,
        /// Display name.
        name: String,
        /// Seals the store, if given.
        passphrase: Option<Secret>,
    },
    /// Come back with the twelve words.
    Restore {
        /// The words, separated by spaces.
        words: Secret,
        /// Login as remembered.
        login: String,
        /// Display name as remembered.
        name: String,
        /// Seals the store, if given.
        passphrase: Option<Secret>,
    },
    /// Open a sealed store.
    Unlock(Secret),
    /// Seal the store with another passphrase; `None` leaves it to the system's keyring.
    SetPassphrase {
        /// The one in force, where there is one.
        old: Option<Secret>,
        /// The next one.
        new: Option<Secret>,
    },
    /// The recovery words. Wants the passphrase where there is one.
    RecoveryWords(Option<Secret>),
    /// Write everything into one sealed file.
    Export {
        /// Where.
        path: std::path::PathBuf,
        /// Seals the file.
        passphrase: Secret,
    },
    /// Read such a file into an empty profile.
    Import {
        /// Where.
        path: std::path::PathBuf,
        /// Opens the file.
        passphrase: Secret,
    },
    /// Dial an address: a multiaddr ending in /p2p/ID.
    AddPeer(String),
    /// Use an operator's node: its multiaddr, or the link of somebody who uses one.
    AddOperator(String),
    /// The microphones and loudspeakers that can be chosen.
    SoundDevices,
    /// Begin, prolong or end a test of the microphone.
    TestSound(SoundTest),
    /// The key of push to talk goes down or up.
    PushToTalk(bool),
    /// Tell contacts that the account is gone and remove everything from this device.
    DeleteAccount,
}

/// A good answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Done, nothing to say.
    Done,
    /// From the core.
    Reply(Reply),
    /// To [`Request::Page`].
    Page(Page),
    /// To [`Request::SoundDevices`].
    SoundDevices(SoundDevices),
    /// To [`Request::RecoveryWords`].
    Words(Vec<String>),
}

/// What the window is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The answer to a question; each is answered once.
    Answer(Ticket, Result<Answer, Problem>),
    /// Something happened.
    Event(Event),
    /// A message that a search found.
    Found(Ticket, Arc<MessageView>),
}

/// The queue of questions is full; the question was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is busy")]
pub struct Full;

/// An address with its peer, as people copy and paste it.
#[must_use]
pub fn address_text(hint: &veche_protocol::link::Hint) -> String {
    veche_node::net::addr::print_hint(hint)
}

/// Called by a backend, from any thread, when there is something new to look at.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The node as the window sees it.
pub trait Backend {
    /// How far it is.
    fn phase(&self) -> Phase;
    /// The newest state. Cheap; the same `Arc` as long as nothing changed.
    fn snapshot(&self) -> Arc<Snapshot>;
    /// Whether a passphrase seals the store.
    fn has_passphrase(&self) -> bool;
    /// The next thing to hear, if there is one.
    fn poll(&mut self) -> Option<Update>;
    /// Asks something.
    ///
    /// # Errors
    /// The bounded queue is full.
    fn send(&mut self, ticket: Ticket, request: Request) -> Result<(), Full>;
    /// Whom to wake when something changes.
    fn set_waker(&mut self, waker: Waker);
}
