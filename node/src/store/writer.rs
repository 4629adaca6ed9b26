//! The writer: one thread through which every commit goes.
//!
//! It takes what is queued, up to a bound, seals it into one batch, makes that durable with one flush, and only then reports
//! each commit, in the order in which they were handed in. Grouping is worth five to ten times the speed under load and costs
//! nothing when idle: a lone commit is flushed at once.
//!
//! # After a failure
//! Commits never overtake each other. When a group fails, every commit of that group is reported with the cause, and from then on
//! every commit is reported as [`CommitError::Stopped`] without touching the disk, until the owner calls [`Store::resume`].
//! So the owner waits until each outstanding commit has been reported, calls `resume`, and hands the failed ones in again, in
//! their order. `resume` opens the engine again (see [`Kv::recover`](super::kv::Kv::recover)); if that fails, the next commit
//! reports why, and the owner may try later. A failed commit may turn out to have taken place; handing it in again is right in
//! either case, because writes are absolute.
//!
//! A commit that is [`CommitError::TooLarge`] fails again whenever it is handed in, and nothing after it is stored. The core never
//! builds one: it keeps to the same bound.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use veche_protocol::store::{Found, Read, Table, Write};

use super::kv::{Batch, Durability, KvError};
use super::vault::{Loaded, Vault, VaultError, head};

/// Commits that may wait for the writer. The core stops handing out work long before; a full queue is a stuck disk.
pub const QUEUE_COMMITS: usize = 1024;
/// Commits made durable by one flush. 64 reach nearly all of the gain; more only help under a flood.
pub const GROUP_COMMITS: usize = 256;
/// Bytes after which a group is closed, so that a flush stays a matter of milliseconds.
pub const GROUP_BYTES: usize = 1 << 20;

/// What became of a commit.
#[derive(Debug)]
pub struct Committed {
    /// The number under which it was handed in.
    pub token: u64,
    /// Durable, or why not.
    pub result: Result<(), CommitError>,
}

/// Why a commit is not durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// No room on the disk.
    #[error("The disk is full, so nothing can be saved. Free some space; sending and receiving go on by themselves then.")]
    Full,
    /// The disk refused.
    #[error("The disk did not take the data ({0}). Check the disk.")]
    Io(String),
    /// The database is damaged.
    #[error("The database is damaged ({0}). Restore it from a backup or from your other devices.")]
    Damaged(String),
    /// An earlier commit failed and [`Store::resume`] was not called since.
    #[error("Nothing is saved until the earlier problem with the disk is solved.")]
    Stopped,
    /// One of its values is larger than the store takes. Trying again is useless.
    #[error("A record of {bytes} bytes is larger than the store takes, which is a fault of this program. Start it again, and report it.")]
    TooLarge {
        /// Size of the value.
        bytes: usize,
    },
}

/// Why a commit was not taken.
#[derive(Debug, thiserror::Error)]
pub enum HandInError {
    /// The queue is full. The writes come back.
    #[error("The disk does not keep up, so nothing more is taken in for a moment. It goes on by itself; check the disk if this stays.")]
    QueueFull(Vec<Write>),
    /// The store was closed.
    #[error("Nothing is saved any more, because the store was closed. Start the program again.")]
    Closed,
}

/// Called on the writer's thread for each commit, in order. Must not wait for another commit.
pub type Report = Box<dyn FnMut(Committed) + Send>;

enum Command {
    Commit { token: u64, writes: Vec<Write> },
    Resume,
    Close,
}

/// The store as the rest of the node sees it. Clones share everything.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    vault: Arc<Vault>,
    queue: SyncSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// After the vault: the engine lets go of its files before the profile is unlocked.
    _keep: Box<dyn Send + Sync>,
}

impl Store {
    /// Starts the writer. `keep` lives as long as the store: the lock of the profile.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(vault: Vault, keep: impl Send + Sync + 'static, report: Report) -> std::io::Result<Self> {
        let vault = Arc::new(vault);
        let (queue, commands) = sync_channel(QUEUE_COMMITS);
        let mut writer = Writer { vault: Arc::clone(&vault), commands, report, stopped: None };
        let thread = thread::Builder::new().name("store writer".into()).spawn(move || {
            writer.run();
        })?;
        Ok(Self(Arc::new(Shared { vault, queue, thread: Mutex::new(Some(thread)), _keep: Box::new(keep) })))
    }

    /// Hands a commit in and waits for room in the queue.
    ///
    /// # Errors
    /// The store was closed.
    pub fn commit(&self, token: u64, writes: Vec<Write>) -> Result<(), HandInError> {
        self.0.queue.send(Command::Commit { token, writes }).map_err(|_| HandInError::Closed)
    }

    /// Hands a commit in without waiting.
    ///
    /// # Errors
    /// The queue is full (the writes come back), or the store was closed.
    pub fn try_commit(&self, token: u64, writes: Vec<Write>) -> Result<(), HandInError> {
        self.0.queue.try_send(Command::Commit { token, writes }).map_err(|refused| match refused {
            TrySendError::Full(Command::Commit { writes, .. }) => HandInError::QueueFull(writes),
            TrySendError::Full(_) | TrySendError::Disconnected(_) => HandInError::Closed,
        })
    }

    /// Lets commits through again after a failure, without waiting. See the top of this file for when: by then the queue is empty.
    ///
    /// # Errors
    /// The queue is full, or the store was closed.
    pub fn resume(&self) -> Result<(), HandInError> {
        self.0.queue.try_send(Command::Resume).map_err(|refused| match refused {
            TrySendError::Full(_) => HandInError::QueueFull(Vec::new()),
            TrySendError::Disconnected(_) => HandInError::Closed,
        })
    }

    /// Answers a read, on the caller's thread. Takes 0.1 to 10 ms for a page.
    ///
    /// # Errors
    /// As for [`Vault::read`].
    pub fn read(&self, read: &Read) -> Result<Found, VaultError> {
        self.0.vault.read(read)
    }

    /// All values of a table.
    ///
    /// # Errors
    /// As for [`Vault::load_state`].
    pub fn load_state(&self, table: Table) -> Result<Loaded, VaultError> {
        self.0.vault.load_state(table)
    }

    /// The vault, for backups and counters. Writing beside the writer breaks the order of commits.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// Bytes on disk.
    ///
    /// # Errors
    /// The files cannot be read.
    pub fn size(&self) -> Result<u64, KvError> {
        self.0.vault.kv().size()
    }

    /// Measures how much of the database is live and notes it; the next start compacts if most is not. Reads everything (about
    /// two seconds for a million messages): for a thread of its own, once a day.
    ///
    /// # Errors
    /// The engine failed.
    pub fn measure(&self) -> Result<u64, VaultError> {
        let live = live_bytes(&self.0.vault)?;
        head::write_live(self.0.vault.kv(), live)?;
        Ok(live)
    }

    /// Finishes what was handed in and ends the writer. Later commits are refused; reads still work.
    pub fn close(&self) {
        self.0.close();
    }
}

/// Bytes of all live rows as stored.
///
/// # Errors
/// The engine failed.
pub(super) fn live_bytes(vault: &Vault) -> Result<u64, KvError> {
    let mut live = 0_u64;
    vault.kv().range(&[], &[super::kv::ENGINE_KEYS], veche_protocol::store::Dir::Forward, &mut |key, value| {
        live = live.saturating_add(key.len() as u64).saturating_add(value.len() as u64);
        true
    })?;
    Ok(live)
}

impl Shared {
    fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        // An error means that the writer is gone already.
        let _ = self.queue.send(Command::Close);
        // The last clone may be dropped inside the report, on the writer's own thread.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

struct Writer {
    vault: Arc<Vault>,
    commands: Receiver<Command>,
    report: Report,
    /// Set while commits are refused: what the next of them is told.
    stopped: Option<CommitError>,
}

impl Writer {
    fn run(&mut self) {
        while let Ok(command) = self.commands.recv() {
            if !self.step(command) {
                return;
            }
        }
    }

    /// Deals with one command, or with a whole group that begins with it. False when it is time to end.
    fn step(&mut self, command: Command) -> bool {
        match command {
            Command::Close => false,
            Command::Resume => {
                self.resume();
                true
            }
            Command::Commit { token, writes } => {
                let next = self.group(token, &writes);
                next.is_none_or(|next| self.step(next))
            }
        }
    }

    fn resume(&mut self) {
        if self.stopped.is_some() {
            self.stopped = self.vault.kv().recover().err().map(|error| CommitError::from(VaultError::from(error)));
        }
    }

    /// Commits a group. Returns the command that ended it, if it was not a commit.
    fn group(&mut self, token: u64, writes: &[Write]) -> Option<Command> {
        if let Some(cause) = self.stopped.replace(CommitError::Stopped) {
            self.tell(token, Err(cause));
            return None;
        }
        self.stopped = None;
        let mut batch = Batch::default();
        let mut results = vec![(token, self.stage(&mut batch, writes))];
        let mut next = None;
        while results.len() < GROUP_COMMITS && batch.bytes() < GROUP_BYTES && self.stopped.is_none() {
            match self.commands.try_recv() {
                Ok(Command::Commit { token, writes }) => {
                    let staged = self.stage(&mut batch, &writes);
                    results.push((token, staged));
                }
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        let failed = match &self.stopped {
            Some(cause) => Some(cause.clone()),
            None => self.flush(&batch).err(),
        };
        if let Some(cause) = &failed {
            tracing::warn!(commits = results.len(), error = %cause, "a group of commits failed");
            self.stopped = Some(CommitError::Stopped);
        }
        for (token, staged) in results {
            let result = match (staged, &failed) {
                (Err(own), _) => Err(own),
                (Ok(()), Some(cause)) => Err(cause.clone()),
                (Ok(()), None) => Ok(()),
            };
            self.tell(token, result);
        }
        next
    }

    fn stage(&mut self, batch: &mut Batch, writes: &[Write]) -> Result<(), CommitError> {
        let staged = self.vault.stage(batch, writes).map_err(CommitError::from);
        if let Err(cause) = &staged {
            // The whole group fails, or a later commit would overtake this one.
            self.stopped = Some(cause.clone());
        }
        staged
    }

    fn flush(&self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            // Nothing to write, and earlier groups are durable already.
            return Ok(());
        }
        self.vault.kv().commit(batch, Durability::Now).map_err(|error| CommitError::from(VaultError::from(error)))
    }

    fn tell(&mut self, token: u64, result: Result<(), CommitError>) {
        (self.report)(Committed { token, result });
    }
}

impl From<VaultError> for CommitError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Kv(KvError::Full) => Self::Full,
            VaultError::Kv(KvError::Io(error)) => Self::Io(error.to_string()),
            VaultError::Kv(KvError::Damaged(what)) => Self::Damaged(what),
            VaultError::TooLarge { bytes, .. } => Self::TooLarge { bytes },
            VaultError::Kv(KvError::Busy) | VaultError::NoRandom => Self::Io(error.to_string()),
            VaultError::Unreadable { .. } | VaultError::BadHead(_) | VaultError::NewerFormat { .. } | VaultError::WrongKey => {
                Self::Damaged(error.to_string())
            }
        }
    }
}

#[cfg(test)]
mod tests;
