//! What a node does by itself for what it stores: once a day a backup, and a measurement from which the next start sees whether the
//! database is worth compacting.
//!
//! ```text
//! backups/daily.veche-backup            the newest, opens with the recovery words
//! backups/daily.veche-backup.previous   the one before
//! ```

use crate::handle::{BackupView, NodeError, StorageView};
use crate::lifecycle::{now_ms, storage};
use crate::protection::backup_error;
use crate::store::backup::{self, BackupKeys, PREVIOUS_SUFFIX};
use crate::store::files;
use crate::store::writer::Store;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::AbortHandle;

/// Age at which the newest backup is followed by another.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// How often it is looked whether that is so: clocks jump and machines sleep.
const LOOK: Duration = Duration::from_secs(3600);
/// Wait after the start: whoever opens the program wants to read, not to wait for a backup.
const AFTER_START: Duration = Duration::from_secs(120);

const FOLDER: &str = "backups";
const NEWEST: &str = "daily.veche-backup";
const UNFINISHED: &str = "unfinished";

/// The daily work, until this is dropped.
pub(crate) struct Upkeep {
    task: AbortHandle,
    stopping: Arc<AtomicBool>,
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

/// Starts the daily work on the current runtime.
pub(crate) fn start(store: Store, profile: PathBuf, entropy: [u8; 16]) -> Upkeep {
    let stopping = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopping);
    let task = tokio::spawn(async move {
        tokio::time::sleep(AFTER_START).await;
        loop {
            let (store, profile, stop) = (store.clone(), profile.clone(), Arc::clone(&stop));
            let done = tokio::task::spawn_blocking(move || {
                if is_due(&profile, SystemTime::now()) { round(&store, &profile, &entropy, &stop) } else { Ok(()) }
            });
            match done.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the daily backup was not made"),
                Err(error) => tracing::error!(%error, "the daily backup ended unexpectedly"),
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    Upkeep { task: task.abort_handle(), stopping }
}

/// Whether the newest backup is missing, a day old, or from the future.
fn is_due(profile: &Path, now: SystemTime) -> bool {
    let made = fs::metadata(profile.join(FOLDER).join(NEWEST)).and_then(|file| file.modified());
    made.map_or(true, |made| now.duration_since(made).map_or(true, |age| age >= EVERY))
}

fn round(store: &Store, profile: &Path, entropy: &[u8; 16], stopping: &AtomicBool) -> Result<(), NodeError> {
    store.measure().map_err(storage)?;
    back_up(store, profile, entropy, stopping)
}

/// Makes the daily backup now, reads it back, and keeps the one before. One that is interrupted leaves nothing.
pub(crate) fn back_up(store: &Store, profile: &Path, entropy: &[u8; 16], stopping: &AtomicBool) -> Result<(), NodeError> {
    let folder = profile.join(FOLDER);
    files::make_private_dir(&folder).map_err(storage)?;
    let (unfinished, newest) = (folder.join(UNFINISHED), folder.join(NEWEST));
    remove(&unfinished)?;
    let keys = BackupKeys { words: Some(entropy), passphrase: None };
    let wanted = || !stopping.load(Ordering::Relaxed);
    backup::export(store.vault(), &unfinished, keys, Some(entropy), now_ms(), &|_, _, _| wanted()).map_err(backup_error)?;
    if !wanted() {
        return remove(&unfinished);
    }
    if newest.exists() {
        fs::rename(&newest, files::with_suffix(&newest, PREVIOUS_SUFFIX)).map_err(storage)?;
    }
    fs::rename(&unfinished, &newest).map_err(storage)?;
    files::sync_dir(&folder).map_err(storage)
}

fn remove(path: &Path) -> Result<(), NodeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(storage(error)),
        _ => Ok(()),
    }
}

/// How much is stored, and what there is to fall back on. Reads everything.
pub(crate) fn report(store: &Store, profile: &Path) -> Result<StorageView, NodeError> {
    let live_bytes = store.measure().map_err(storage)?;
    let disk_bytes = store.size().map_err(|e| NodeError::Storage(e.to_string()))?;
    let newest = profile.join(FOLDER).join(NEWEST);
    let backups = [newest.clone(), files::with_suffix(&newest, PREVIOUS_SUFFIX)].into_iter().filter_map(view).collect();
    let compacts = crate::store::migrations::worth_compacting(disk_bytes, live_bytes);
    Ok(StorageView { disk_bytes, live_bytes, compacts_at_next_start: compacts, backups })
}

fn view(path: PathBuf) -> Option<BackupView> {
    let file = fs::metadata(&path).ok()?;
    let made = file.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Some(BackupView { path, made_ms: veche_protocol::time::millis(made), bytes: file.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backup::BackupUnlock;
    use crate::store::keys::RootKey;
    use crate::store::mem_kv::MemKv;
    use crate::store::vault::Vault;
    use crate::store::vault::head::{DatabaseId, Head};
    use veche_protocol::store::{Key, Table, Write};

    const WORDS: [u8; 16] = [5; 16];

    fn store(rows: u8) -> Store {
        let root = RootKey::random().unwrap();
        let vault = Vault::create(Box::new(MemKv::default()), &root, Head::new(DatabaseId([0; 16]), 0)).unwrap();
        for n in 0..rows {
            let write = Write::Put(Key::single(Table::Person, vec![n]), vec![n]);
            vault.commit(&[write], crate::store::kv::Durability::Now).unwrap();
        }
        Store::start(vault, (), Box::new(|_| {})).unwrap()
    }

    fn rows(path: &Path) -> u64 {
        backup::verify(path, BackupUnlock::Words(&WORDS)).unwrap().rows
    }

    #[test]
    fn two_backups_are_kept_and_the_next_is_due_in_a_day() {
        let profile = tempfile::tempdir().unwrap();
        let (go_on, now) = (AtomicBool::new(false), SystemTime::now());
        assert!(is_due(profile.path(), now), "there is none");
        for n in 1..=3 {
            round(&store(n), profile.path(), &WORDS, &go_on).unwrap();
        }
        let newest = profile.path().join("backups/daily.veche-backup");
        assert_eq!((rows(&newest), rows(&files::with_suffix(&newest, PREVIOUS_SUFFIX))), (3, 2));
        assert_eq!(fs::read_dir(profile.path().join(FOLDER)).unwrap().count(), 2);
        assert!(!is_due(profile.path(), now + EVERY / 2));
        assert!(is_due(profile.path(), now + EVERY + LOOK));
        assert!(is_due(profile.path(), now - EVERY), "the clock was wrong when it was made");
    }

    #[test]
    fn a_backup_that_is_cut_off_takes_no_other_ones_place() {
        let profile = tempfile::tempdir().unwrap();
        back_up(&store(2), profile.path(), &WORDS, &AtomicBool::new(false)).unwrap();
        back_up(&store(9), profile.path(), &WORDS, &AtomicBool::new(true)).unwrap();
        assert_eq!(rows(&profile.path().join("backups/daily.veche-backup")), 2);
        assert_eq!(fs::read_dir(profile.path().join(FOLDER)).unwrap().count(), 1);
    }

    #[test]
    fn what_is_stored_and_kept_is_reported() {
        let (profile, store) = (tempfile::tempdir().unwrap(), store(3));
        assert_eq!(report(&store, profile.path()).unwrap().backups, []);
        back_up(&store, profile.path(), &WORDS, &AtomicBool::new(false)).unwrap();
        let report = report(&store, profile.path()).unwrap();
        assert!(report.live_bytes > 0 && report.disk_bytes >= report.live_bytes && !report.compacts_at_next_start, "{report:?}");
        assert_eq!(report.backups.len(), 1);
        assert_eq!(report.backups[0].bytes, fs::metadata(&report.backups[0].path).unwrap().len());
    }
}
