//! The engine on disk: sled 0.34.7, one tree, with the syncs that sled itself leaves out.
//!
//! What sled does not do, and this file does (all of it found by cutting power in simulations and reading its source):
//! - On Linux its flush calls `sync_file_range`, which survives neither a lost drive cache nor a grown file. A commit that
//!   somebody is told about ends with a real sync of the `db` file.
//! - Its `conf` file and directory are never synced; a cut in the first second left a database that would not open. A new
//!   database is synced whole before anyone writes to it.
//! - Pages above a quarter of a segment go to files of their own that are never synced. `split` keeps pages below that.
//! - After an instance is dropped, work that it left to other threads keeps the files locked for a moment. Whoever opens or moves them
//!   waits for that.
//! - An interrupted snapshot (`snap.*.generating`) is taken for a real one at the next open. It is moved out of the way.
//! - An IO error stops an instance for good, and may leave a flush waiting for ever. `watch` wakes it, and [`Kv::recover`] opens a
//!   new instance.
//! - It panics on some damage. Every call is guarded, and a panic becomes [`KvError::Damaged`].

mod split;
mod watch;

use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use veche_protocol::store::Dir;

use super::files;
use super::kv::{Batch, Durability, ENGINE_KEYS, Kv, KvError};
use watch::Watch;

/// Page cache in bytes. A million messages scan at full speed with it, and an idle node stays small.
const CACHE_BYTES: u64 = 64 << 20;
/// Size of a log segment in bytes. Half of sled's default: a quarter less is written for each message.
const SEGMENT_BYTES: usize = 256 << 10;
/// How often sled writes out what nobody waits for, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;
/// After how long a flush is helped, in case it waits for a signal that was lost. A slow disk is no worse for it.
const FLUSH_PATIENCE: Duration = Duration::from_secs(3);
/// How long to wait for a dropped instance to let go of its files. It needs milliseconds.
const RELEASE_PATIENCE: Duration = Duration::from_secs(2);
/// Pause between looks at it.
const RELEASE_RETRY: Duration = Duration::from_millis(5);
/// Bytes of one batch while copying a database.
const COPY_BATCH_BYTES: usize = 1 << 20;

/// A sled database in a directory of its own.
pub struct SledKv {
    dir: PathBuf,
    engine: RwLock<Option<Engine>>,
}

struct Engine {
    /// Before `db`: its thread has a handle of the database, which closes with the last one.
    watch: Watch,
    db: sled::Db,
    /// Own handle of sled's `db` file, for syncing it.
    file: File,
}

impl SledKv {
    /// Makes an empty database in `dir`, which must not exist, and makes that durable.
    ///
    /// # Errors
    /// The directory exists or cannot be written.
    pub fn create(dir: &Path) -> Result<Self, KvError> {
        if dir.exists() {
            return Err(KvError::Io(io::Error::new(io::ErrorKind::AlreadyExists, "the directory exists")));
        }
        files::make_private_dir(dir)?;
        let engine = Engine::start(dir)?;
        engine.flush()?;
        sync_whole(dir)?;
        files::sync_parent(dir)?;
        Ok(Self { dir: dir.to_owned(), engine: RwLock::new(Some(engine)) })
    }

    /// Opens the database in `dir`.
    ///
    /// # Errors
    /// There is none, it is damaged, or another program has it open.
    pub fn open(dir: &Path) -> Result<Self, KvError> {
        // sled would quietly make a new database where a file is missing.
        for name in ["db", "conf"] {
            if !dir.join(name).is_file() {
                return Err(KvError::Damaged(format!("its file \"{name}\" is missing")));
            }
        }
        let engine = match Engine::start(dir) {
            Err(error @ (KvError::Damaged(_) | KvError::Io(_))) => {
                if !move_unfinished_snapshots(dir)? {
                    return Err(error);
                }
                Engine::start(dir)?
            }
            other => other?,
        };
        Ok(Self { dir: dir.to_owned(), engine: RwLock::new(Some(engine)) })
    }

    /// Makes a database in `dir`, which must not exist, with the rows of another.
    ///
    /// # Errors
    /// As for [`Kv::copy_to`].
    pub fn copy_of(from: &dyn Kv, dir: &Path) -> Result<Self, KvError> {
        let fresh = Self::create(dir)?;
        let mut batch = Batch::default();
        let mut failed = None;
        from.range(&[], &[ENGINE_KEYS], Dir::Forward, &mut |key, value| {
            batch.put(key.to_vec(), value.to_vec());
            if batch.bytes() >= COPY_BATCH_BYTES {
                failed = fresh.commit(&std::mem::take(&mut batch), Durability::Soon).err();
            }
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        fresh.commit(&batch, Durability::Now)?;
        sync_whole(dir)?;
        Ok(fresh)
    }

    fn with<T>(&self, run: impl FnOnce(&Engine) -> Result<T, KvError>) -> Result<T, KvError> {
        let engine: RwLockReadGuard<'_, _> = self.engine.read().unwrap_or_else(PoisonError::into_inner);
        match engine.as_ref() {
            Some(engine) => guarded(|| run(engine)),
            None => Err(KvError::Io(io::Error::other("the database could not be opened again"))),
        }
    }
}

impl Engine {
    fn start(dir: &Path) -> Result<Self, KvError> {
        wait_until_released(dir)?;
        let config = sled::Config::new()
            .path(dir)
            .mode(sled::Mode::LowSpace)
            .segment_size(SEGMENT_BYTES)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let db = guarded(|| Ok(config.open()?))?;
        let file = File::options().read(true).write(true).open(dir.join("db"))?;
        let helper = db.clone();
        let watch = Watch::new(FLUSH_PATIENCE, move || {
            // The flush that is helped reports the error.
            let _ = guarded(|| Ok(helper.flush()?));
        })?;
        Ok(Self { watch, db, file })
    }

    fn flush(&self) -> Result<(), KvError> {
        self.watch.over(|| self.db.flush())?;
        self.file.sync_data()?;
        Ok(())
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.with(|engine| split::get(&engine.db, key))
    }

    fn range(&self, from: &[u8], to: &[u8], dir: Dir, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), KvError> {
        let to = to.min(&[ENGINE_KEYS]);
        if from >= to {
            return Ok(());
        }
        self.with(|engine| {
            let mut rows = engine.db.range(from..to);
            while let Some(row) = if dir == Dir::Forward { rows.next() } else { rows.next_back() } {
                let (key, stored) = row?;
                // Absent: deleted since the iterator saw it.
                let Some(value) = split::join(&engine.db, &key, stored)? else { continue };
                if !visit(&key, &value) {
                    break;
                }
            }
            Ok(())
        })
    }

    fn commit(&self, batch: &Batch, how: Durability) -> Result<(), KvError> {
        self.with(|engine| {
            let mut pieces = sled::Batch::default();
            for (key, value) in batch.changes() {
                split::change(&engine.db, &mut pieces, key, value)?;
            }
            engine.db.apply_batch(pieces)?;
            match how {
                Durability::Now => engine.flush(),
                Durability::Soon => Ok(()),
            }
        })
    }

    fn recover(&self) -> Result<(), KvError> {
        let mut engine = self.engine.write().unwrap_or_else(PoisonError::into_inner);
        // The old instance holds the lock of the files until it is gone.
        if let Some(old) = engine.take() {
            guarded(|| {
                drop(old);
                Ok(())
            })?;
        }
        *engine = Some(Engine::start(&self.dir)?);
        Ok(())
    }

    fn size(&self) -> Result<u64, KvError> {
        self.with(|engine| Ok(engine.db.size_on_disk()?))
    }

    fn copy_to(&self, dir: &Path) -> Result<(), KvError> {
        Self::copy_of(self, dir).map(drop)
    }
}

/// Runs something that may panic in sled.
fn guarded<T>(run: impl FnOnce() -> Result<T, KvError>) -> Result<T, KvError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(KvError::Damaged("the engine gave up on its files".into())))
}

impl From<sled::Error> for KvError {
    fn from(error: sled::Error) -> Self {
        match error {
            // sled has no kind of its own for this; the text is fixed by the pinned version.
            sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => Self::Busy,
            sled::Error::Io(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// Waits until no instance has the database in `dir` open.
///
/// # Errors
/// One still has after two seconds: it is not just ending.
pub(super) fn wait_until_released(dir: &Path) -> Result<(), KvError> {
    let file = match File::options().read(true).write(true).open(dir.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let deadline = Instant::now() + RELEASE_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file.unlock()?),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(RELEASE_RETRY),
            Err(TryLockError::WouldBlock) => return Err(KvError::Busy),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

/// Makes every file and name of a database durable.
fn sync_whole(dir: &Path) -> Result<(), KvError> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files::sync_dir(&path)?;
        } else {
            File::options().read(true).write(true).open(&path)?.sync_all()?;
        }
    }
    Ok(files::sync_dir(dir)?)
}

/// Renames half-written snapshots so that sled does not read them. True if there were any.
fn move_unfinished_snapshots(dir: &Path) -> Result<bool, KvError> {
    let mut moved = false;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::rename(&path, path.with_file_name(format!("unfinished-{name}")))?;
            moved = true;
        }
    }
    Ok(moved)
}

#[cfg(test)]
mod tests;
