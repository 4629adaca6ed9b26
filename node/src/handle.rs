//! The only door to a running node: commands in, snapshots and events out. Cheap to clone; every queue behind it is bounded.

use crate::config::Options;
use crate::media::{Desk, SoundDevices, SoundTest};
use crate::search;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::ids::{AccountId, EntryId, SpaceId};
use veche_protocol::view::{Hlc, MessageView, Snapshot};

/// Longest time from [`NodeHandle::shutdown`] to the end of the node, also over a disk that stands still.
pub const STOPS_WITHIN: std::time::Duration = crate::driver::STOPS_WITHIN;
/// Requests that may wait for the node; a caller beyond that waits for room.
pub const REQUESTS: usize = 256;
/// Events kept for a reader that is behind; one that is further behind is told how many it missed.
pub const EVENTS: usize = 4096;
/// Most messages in one page of history.
pub const PAGE: usize = 500;

/// What the node is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Opening the profile.
    Starting,
    /// There is no account in this profile.
    FirstRun,
    /// The profile is sealed and waits for its passphrase.
    Locked,
    /// Everything works.
    Ready,
    /// The profile cannot be used. The sentence says why and what to do.
    Failed(String),
    /// The node has ended; the account was deleted if the flag is set.
    Ended {
        /// Nothing of the account is left here.
        deleted: bool,
    },
}

/// Why a request was not done. The text is what a person reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The core refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// See text.
    #[error("This profile is locked. Enter its passphrase first.")]
    Locked,
    /// See text.
    #[error("The passphrase is not right. Try again; capital letters and spaces count.")]
    WrongPassphrase,
    /// See text.
    #[error("The recovery words cannot be used: {0}.")]
    Words(String),
    /// Opening, key file or backup failed; the sentence says how.
    #[error("{0}")]
    Storage(String),
    /// See text.
    #[error("The node is not ready: {0}")]
    NotReady(String),
    /// Sound cannot be had; the sentence says why.
    #[error("{0}")]
    Sound(String),
    /// See text.
    #[error("The node has ended.")]
    Ended,
}

impl NodeError {
    /// A stable name for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Command(e) => e.kind(),
            Self::Locked => "locked",
            Self::WrongPassphrase => "wrong_passphrase",
            Self::Words(_) => "words",
            Self::Storage(_) => "storage",
            Self::NotReady(_) => "not_ready",
            Self::Sound(_) => "sound",
            Self::Ended => "ended",
        }
    }
}

/// A new or restored account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Its key.
    pub account: AccountId,
    /// Twelve words from which it can be restored.
    pub words: String,
}

/// Which part of a history to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest messages.
    Newest,
    /// Messages before this one.
    Before(Hlc, EntryId),
    /// Messages after this one.
    After(Hlc, EntryId),
}

/// What to search for.
#[derive(Clone, PartialEq, Eq)]
pub struct Query {
    /// The text, anywhere in a message; capital letters do not matter. Up to [`veche_protocol::limits::TEXT`] bytes: more is nowhere.
    pub text: String,
    /// In this conversation only.
    pub chat: Option<SpaceId>,
    /// Only messages before this place: the last hit of an earlier search, to go on with it.
    pub before: Option<(Hlc, EntryId)>,
    /// Most hits, up to [`PAGE`].
    pub limit: usize,
}

impl std::fmt::Debug for Query {
    /// Without the text: it is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").field("chat", &self.chat).field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Hits of a search, newest first, as they are found. Dropping it ends the search.
#[derive(Debug)]
pub struct Hits(mpsc::Receiver<Result<MessageView, NodeError>>);

impl Hits {
    /// The next hit; `None` when there are as many as were asked for or no more.
    ///
    /// # Errors
    /// The store cannot be read. Nothing comes after that.
    pub async fn next(&mut self) -> Option<Result<MessageView, NodeError>> {
        self.0.recv().await
    }

    /// All hits that are still to come.
    ///
    /// # Errors
    /// As for [`Self::next`].
    pub async fn rest(mut self) -> Result<Vec<MessageView>, NodeError> {
        let mut hits = Vec::new();
        while let Some(hit) = self.next().await {
            hits.push(hit?);
        }
        Ok(hits)
    }
}

/// What is stored on this disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct StorageView {
    /// Size of the database on disk, bytes.
    pub disk_bytes: u64,
    /// What of it is in use, bytes. The rest is room for what comes, or garbage.
    pub live_bytes: u64,
    /// So much is garbage that the next start copies the rest into a fresh database.
    pub compacts_at_next_start: bool,
    /// The daily backups, newest first. They open with the recovery words.
    pub backups: Vec<BackupView>,
}

/// A backup on this disk.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct BackupView {
    /// The file.
    pub path: PathBuf,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// Its size, bytes.
    pub bytes: u64,
}

/// How the key of the stored data is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Under a passphrase.
    Passphrase,
    /// In the desktop's keyring.
    Keyring,
    /// In a file beside the data: whoever has the disk can read it.
    Plain,
}

/// What the node can be asked beyond the core's commands.
#[derive(Debug)]
pub(crate) enum Request {
    Command(Command, oneshot::Sender<Result<Reply, NodeError>>),
    Create { login: String, name: String, passphrase: Option<String>, done: oneshot::Sender<Result<NewAccount, NodeError>> },
    Restore { words: String, login: String, name: String, passphrase: Option<String>, done: oneshot::Sender<Result<NewAccount, NodeError>> },
    Unlock { passphrase: String, done: oneshot::Sender<Result<(), NodeError>> },
    SetPassphrase { passphrase: Option<String>, done: oneshot::Sender<Result<Protection, NodeError>> },
    CheckPassphrase { passphrase: String, done: oneshot::Sender<Result<(), NodeError>> },
    Words(oneshot::Sender<Result<String, NodeError>>),
    Storage(oneshot::Sender<Result<StorageView, NodeError>>),
    BackUp(oneshot::Sender<Result<StorageView, NodeError>>),
    Protection(oneshot::Sender<Result<Protection, NodeError>>),
    History { chat: SpaceId, page: Page, limit: usize, done: oneshot::Sender<Result<Vec<MessageView>, NodeError>> },
    Message { chat: SpaceId, message: EntryId, done: oneshot::Sender<Result<MessageView, NodeError>> },
    Search(Query, mpsc::Sender<Result<MessageView, NodeError>>),
    Export { path: PathBuf, passphrase: String, done: oneshot::Sender<Result<(), NodeError>> },
    Import { path: PathBuf, passphrase: String, done: oneshot::Sender<Result<NewAccount, NodeError>> },
}

/// A running node.
#[derive(Clone)]
pub struct NodeHandle {
    pub(crate) requests: mpsc::Sender<Request>,
    /// Apart from the requests, which may wait for the disk.
    pub(crate) stop: mpsc::Sender<oneshot::Sender<()>>,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) desk: Desk,
}

impl NodeHandle {
    /// Starts a node on the current tokio runtime. Opening the profile goes on in the background: see [`NodeHandle::phase`].
    #[must_use]
    pub fn start(options: Options) -> Self {
        crate::lifecycle::start(options)
    }

    /// What the node is doing.
    #[must_use]
    pub fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.clone()
    }

    /// State of everything that is small, as it is now and whenever it changes.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// State of everything that is small, as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// Events from now on. A reader that falls more than [`EVENTS`] behind is told so and should reload.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Has the core do something. Returns once what it wrote is durable.
    ///
    /// # Errors
    /// The core refuses, or the node is not ready.
    pub async fn command(&self, command: Command) -> Result<Reply, NodeError> {
        self.ask(|done| Request::Command(command, done)).await
    }

    /// Makes an account, its keys and its database. Without a passphrase the desktop's keyring keeps the key, or else a file.
    ///
    /// # Errors
    /// There is one already, a field cannot be used, or the disk refuses.
    pub async fn create_account(&self, login: String, name: String, passphrase: Option<String>) -> Result<NewAccount, NodeError> {
        self.ask(|done| Request::Create { login, name, passphrase, done }).await
    }

    /// Comes back with the recovery words, as a new device.
    ///
    /// # Errors
    /// As for [`Self::create_account`], or the words are not ours.
    pub async fn restore_account(
        &self,
        words: String,
        login: String,
        name: String,
        passphrase: Option<String>,
    ) -> Result<NewAccount, NodeError> {
        self.ask(|done| Request::Restore { words, login, name, passphrase, done }).await
    }

    /// Opens a sealed profile.
    ///
    /// # Errors
    /// Another passphrase, or a damaged profile.
    pub async fn unlock(&self, passphrase: String) -> Result<(), NodeError> {
        self.ask(|done| Request::Unlock { passphrase, done }).await
    }

    /// Sets or, with `None`, removes the passphrase. Tells how the key is kept now.
    ///
    /// # Errors
    /// No account, or the disk refuses.
    pub async fn set_passphrase(&self, passphrase: Option<String>) -> Result<Protection, NodeError> {
        self.ask(|done| Request::SetPassphrase { passphrase, done }).await
    }

    /// Whether this is the passphrase of the profile, before something is shown or changed that a passer-by must not have. Takes
    /// as long as a slow hash. A profile without a passphrase takes any.
    ///
    /// # Errors
    /// Another passphrase, or no account.
    pub async fn check_passphrase(&self, passphrase: String) -> Result<(), NodeError> {
        self.ask(|done| Request::CheckPassphrase { passphrase, done }).await
    }

    /// The twelve recovery words.
    ///
    /// # Errors
    /// No account.
    pub async fn recovery_words(&self) -> Result<String, NodeError> {
        self.ask(Request::Words).await
    }

    /// How the key of the stored data is kept.
    ///
    /// # Errors
    /// No account.
    pub async fn protection(&self) -> Result<Protection, NodeError> {
        self.ask(Request::Protection).await
    }

    /// A page of a conversation, oldest first, of at most `limit` (and at most [`PAGE`]) messages.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn history(&self, chat: SpaceId, page: Page, limit: usize) -> Result<Vec<MessageView>, NodeError> {
        self.ask(|done| Request::History { chat, page, limit, done }).await
    }

    /// One message.
    ///
    /// # Errors
    /// There is none with this id, or the store cannot be read.
    pub async fn message(&self, chat: SpaceId, message: EntryId) -> Result<MessageView, NodeError> {
        self.ask(|done| Request::Message { chat, message, done }).await
    }

    /// Searches messages, newest first. Two searches run at a time; others wait for them.
    ///
    /// # Errors
    /// The node has ended. What else can go wrong comes with the hits.
    pub async fn search(&self, query: Query) -> Result<Hits, NodeError> {
        let (found, hits) = mpsc::channel(search::WAITING);
        self.requests.send(Request::Search(query, found)).await.map_err(|_| NodeError::Ended)?;
        Ok(Hits(hits))
    }

    /// How much is stored, and which backups there are. Reads everything: seconds for a million messages.
    ///
    /// # Errors
    /// No account, or the store cannot be read.
    pub async fn storage(&self) -> Result<StorageView, NodeError> {
        self.ask(Request::Storage).await
    }

    /// Makes the daily backup now. The one before is kept.
    ///
    /// # Errors
    /// No account, or the backup cannot be written.
    pub async fn back_up(&self) -> Result<StorageView, NodeError> {
        self.ask(Request::BackUp).await
    }

    /// Writes an encrypted backup of the account and its history.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn export(&self, path: PathBuf, passphrase: String) -> Result<(), NodeError> {
        self.ask(|done| Request::Export { path, passphrase, done }).await
    }

    /// Makes this empty profile from a backup, as a new device of its account.
    ///
    /// # Errors
    /// There is an account already, another passphrase, or a damaged file.
    pub async fn import(&self, path: PathBuf, passphrase: String) -> Result<NewAccount, NodeError> {
        self.ask(|done| Request::Import { path, passphrase, done }).await
    }

    /// The sound devices that can be chosen in the settings. Asks the system, which may take a second.
    ///
    /// # Errors
    /// There is no sound system.
    pub async fn sound_devices(&self) -> Result<SoundDevices, NodeError> {
        self.desk.devices().await
    }

    /// Tests the microphone, outside of calls too: [`Event::DeviceLevel`] tells how loud it is. The test ends by itself after a minute
    /// unless it is asked for again.
    ///
    /// # Errors
    /// The node has no sound, or it cannot be started.
    pub fn test_sound(&self, test: SoundTest) -> Result<(), NodeError> {
        self.desk.test(test)
    }

    /// The key of push to talk goes down or up. Does nothing without a call, or with another setting.
    pub fn push_to_talk(&self, down: bool) {
        self.desk.press(down);
    }

    /// Says goodbye to peers, finishes what is being written, and ends. Returns when that is done, within [`STOPS_WITHIN`]. What was
    /// asked and not answered by then is given up.
    pub async fn shutdown(&self) {
        let (done, ended) = oneshot::channel();
        if self.stop.send(done).await.is_ok() {
            let _ = ended.await;
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T, NodeError>>) -> Request) -> Result<T, NodeError> {
        let (done, answer) = oneshot::channel();
        self.requests.send(request(done)).await.map_err(|_| NodeError::Ended)?;
        answer.await.map_err(|_| NodeError::Ended)?
    }
}
