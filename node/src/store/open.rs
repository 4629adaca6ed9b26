//! The profile directory: one instance at a time, the database in it, and what to do when it is old, bloated or damaged.
//!
//! ```text
//! lock          held while a node runs
//! keyfile       see the module of that name; keyfile.bak is its copy
//! db/           the database
//! db.new/       a database that is being written: a new one, a compacted one, a migrated one
//! db.old/       the one that it replaces, for the moment between two renames
//! db.damaged-N/ set aside by hand, never deleted by us
//! ```
//!
//! A database appears and is replaced by renames only, so every crash leaves a whole one: see `Profile::settle`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::files;
use super::keys::RootKey;
use super::kv::{Kv, KvError};
use super::migrations::{self, Migration};
use super::sled_kv::{self, SledKv};
use super::vault::head::{self, DatabaseId, FORMAT, Head};
use super::vault::{Vault, VaultError};
use super::writer::live_bytes;

/// How long to wait for another instance that is just ending.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
/// Pause between attempts.
const LOCK_RETRY: Duration = Duration::from_millis(25);

const CURRENT: &str = "db";
const FRESH: &str = "db.new";
const REPLACED: &str = "db.old";

/// Why a profile did not open. Each is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another instance runs on this profile.
    #[error("Veche is already running with this profile. Switch to its window, or close it first.")]
    AlreadyRunning,
    /// There is no database.
    #[error("There is no message database in this profile. Restore a backup, or start anew.")]
    Missing,
    /// There is one already.
    #[error("This profile already has a message database. Use another profile, or set this one aside first.")]
    Exists,
    /// The database cannot be read.
    #[error("The message database is damaged ({0}). Set it aside and restore a backup; your contacts' devices fill the rest.")]
    Damaged(String),
    /// Written by a newer program.
    #[error("The database has format {found}, and this program knows formats up to {known}. Install the newer program.")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The key file belongs to another database.
    #[error("The key file does not belong to this database. Put the matching key file back.")]
    WrongKey,
    /// No room.
    #[error("The disk is full, so the message database cannot be opened. Free some space and start again.")]
    Full,
    /// The system refused.
    #[error("The profile directory cannot be used ({0}). Check that it exists and belongs to you.")]
    Io(#[from] io::Error),
    /// The system has no random numbers.
    #[error("The system gave no random numbers. Restart the computer and try again.")]
    NoRandom,
}

/// A profile directory, locked for this process until this value is dropped.
#[derive(Debug)]
pub struct Profile {
    dir: PathBuf,
    _lock: File,
}

impl Profile {
    /// Makes the directory if there is none, and takes the lock.
    ///
    /// # Errors
    /// Another instance has it (told within half a second), or the directory cannot be written.
    pub fn lock(dir: &Path) -> Result<Self, OpenError> {
        files::make_private_dir(dir)?;
        let lock = File::options().create(true).truncate(false).read(true).write(true).open(dir.join("lock"))?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { dir: dir.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOCK_RETRY),
                Err(TryLockError::WouldBlock) => return Err(OpenError::AlreadyRunning),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether there is a database, whole or damaged.
    #[must_use]
    pub fn has_database(&self) -> bool {
        self.path(CURRENT).exists() || self.path(REPLACED).exists()
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// There is one already, or the directory cannot be written.
    pub fn create(&self, root: &RootKey, database: DatabaseId, now_ms: u64) -> Result<Vault, OpenError> {
        self.build(|kv| Vault::create(kv, root, Head::new(database, now_ms)).map(drop).map_err(OpenError::from))?;
        self.open(root, database)
    }

    /// Opens the database: finishes an interrupted replacement, migrates an older format, compacts when most of it is
    /// garbage. Takes a second or less unless it migrates or compacts (about 30 s for a million messages).
    ///
    /// # Errors
    /// No database, a damaged one, a newer format, another key, or the disk refuses.
    pub fn open(&self, root: &RootKey, database: DatabaseId) -> Result<Vault, OpenError> {
        self.open_with(root, database, migrations::ALL)
    }

    /// Renames the database so that another can be created or restored in its place. Nothing is deleted.
    ///
    /// # Errors
    /// There is no database, or the directory cannot be written.
    pub fn set_aside(&self) -> Result<PathBuf, OpenError> {
        self.settle()?;
        if !self.path(CURRENT).exists() {
            return Err(OpenError::Missing);
        }
        sled_kv::wait_until_released(&self.path(CURRENT))?;
        let mut number = 1_u32;
        let aside = loop {
            let aside = self.path(&format!("{CURRENT}.damaged-{number}"));
            if !aside.exists() {
                break aside;
            }
            number = number.saturating_add(1);
        };
        fs::rename(self.path(CURRENT), &aside)?;
        files::sync_dir(&self.dir)?;
        Ok(aside)
    }

    /// Removes a database that holds nothing. The caller has looked.
    ///
    /// # Errors
    /// It is still open, or the directory cannot be written.
    pub fn discard_empty(&self) -> Result<(), OpenError> {
        self.settle()?;
        if self.path(CURRENT).exists() {
            sled_kv::wait_until_released(&self.path(CURRENT))?;
            // Renamed first: half a database would be taken for a damaged one, what has this name for one that was being made.
            fs::rename(self.path(CURRENT), self.path(FRESH))?;
            files::sync_dir(&self.dir)?;
        }
        self.settle()
    }

    /// Builds a database aside with `fill` and gives it its name once it is whole and durable.
    pub(super) fn build<E: From<OpenError>>(&self, fill: impl FnOnce(Box<dyn Kv>) -> Result<(), E>) -> Result<(), E> {
        self.settle()?;
        if self.path(CURRENT).exists() {
            return Err(OpenError::Exists.into());
        }
        let fresh = self.path(FRESH);
        fill(Box::new(SledKv::create(&fresh).map_err(OpenError::from)?))?;
        sled_kv::wait_until_released(&fresh).map_err(OpenError::from)?;
        fs::rename(&fresh, self.path(CURRENT)).map_err(OpenError::from)?;
        Ok(files::sync_dir(&self.dir).map_err(OpenError::from)?)
    }

    fn open_with(&self, root: &RootKey, database: DatabaseId, known: &[Migration]) -> Result<Vault, OpenError> {
        self.settle()?;
        if !self.path(CURRENT).exists() {
            return Err(OpenError::Missing);
        }
        let kv = SledKv::open(&self.path(CURRENT))?;
        let head = Head::read(&kv)?;
        if head.format > FORMAT {
            return Err(OpenError::NewerFormat { found: head.format, known: FORMAT });
        }
        if head.database != database {
            return Err(OpenError::WrongKey);
        }
        if head.format < FORMAT {
            tracing::info!(from = head.format, to = FORMAT, "migrating the database");
            migrations::rewrite(Box::new(kv), root, &self.path(FRESH), known)?;
            self.replace()?;
            return Ok(Vault::open(Box::new(SledKv::open(&self.path(CURRENT))?), root)?);
        }
        self.open_current(kv, root)
    }

    fn open_current(&self, kv: SledKv, root: &RootKey) -> Result<Vault, OpenError> {
        let size = kv.size()?;
        let noted = head::read_live(&kv)?;
        let vault = Vault::open(Box::new(kv), root)?;
        if !migrations::worth_compacting(size, noted.unwrap_or(0)) {
            return Ok(vault);
        }
        // The note may be old or missing, and much may have been written since.
        let live = live_bytes(&vault)?;
        if !migrations::worth_compacting(size, live) {
            head::write_live(vault.kv(), live)?;
            return Ok(vault);
        }
        tracing::info!(size, live, "compacting the database");
        if let Err(error) = migrations::compact(vault.kv(), &self.path(FRESH)) {
            // No room for a copy, most likely. The bloated database is as good as ever.
            tracing::warn!(%error, "the database was not compacted");
            return Ok(vault);
        }
        drop(vault);
        self.replace()?;
        Ok(Vault::open(Box::new(SledKv::open(&self.path(CURRENT))?), root)?)
    }

    /// Puts `db.new`, which is whole and durable, in the place of `db`.
    fn replace(&self) -> Result<(), OpenError> {
        sled_kv::wait_until_released(&self.path(CURRENT))?;
        sled_kv::wait_until_released(&self.path(FRESH))?;
        // The names inside db.new were synced when it was made, except those that sled made while it was closed.
        files::sync_dir(&self.path(FRESH))?;
        fs::rename(self.path(CURRENT), self.path(REPLACED))?;
        files::sync_dir(&self.dir)?;
        self.settle()
    }

    /// Finishes or undoes what a crash interrupted.
    ///
    /// `db` present: it is whole; `db.new` was not finished, `db.old` was replaced. `db` absent, `db.old` present: the crash fell between
    /// the two renames of a replacement, and `db.new` is whole, for only then the first rename takes place.
    fn settle(&self) -> Result<(), OpenError> {
        let (current, fresh, replaced) = (self.path(CURRENT), self.path(FRESH), self.path(REPLACED));
        if !current.exists() && replaced.exists() {
            let whole = if fresh.exists() { &fresh } else { &replaced };
            fs::rename(whole, &current)?;
            files::sync_dir(&self.dir)?;
        }
        for leftover in [fresh, replaced] {
            if leftover.exists() {
                fs::remove_dir_all(&leftover)?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl From<KvError> for OpenError {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Full => Self::Full,
            KvError::Io(error) => Self::Io(error),
            KvError::Damaged(what) => Self::Damaged(what),
            KvError::Busy => Self::AlreadyRunning,
        }
    }
}

impl From<VaultError> for OpenError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Kv(error) => error.into(),
            VaultError::NewerFormat { found, known } => Self::NewerFormat { found, known },
            VaultError::WrongKey => Self::WrongKey,
            VaultError::NoRandom => Self::NoRandom,
            VaultError::BadHead(what) => Self::Damaged(what.into()),
            VaultError::Unreadable { .. } | VaultError::TooLarge { .. } => Self::Damaged(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
