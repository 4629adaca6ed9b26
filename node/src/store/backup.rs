//! Backups: the history of a profile in one encrypted file, and a fresh profile from such a file.
//!
//! A backup restores what a person would miss: conversations, contacts, settings. It never holds ratchet states or prekeys, because
//! two devices with the same ratchet break it; a restored profile is a new device of the account. The caller may leave out more.
//!
//! Scopes are hashed on disk and cannot be hashed again under another key, so the backup carries the hash key (sealed like
//! everything else) and the restored profile goes on using it. Values are sealed again under the restored profile's own root key.
//! For the same reason a backup is restored into a profile without a database, and not merged into one.
//!
//! Rows written while the backup is made may be in it or not; syncing with other devices fills such gaps as any others.

mod format;
mod record;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::Path;

use veche_protocol::store::Table;

use super::files;
use super::keyfile::{Cost, Entropy, KeyFileError};
use super::keys::{RootKey, SealError};
use super::kv::{Batch, Durability, KvError};
use super::open::{OpenError, Profile};
use super::vault::head::{DatabaseId, Head};
use super::vault::{OpenedRow, PREFIX_BYTES, Vault, VaultError};
pub use format::BackupWay;
use format::{Header, Opener, Sealer};
use record::Opening;

/// Tables that never enter a backup: ratchets and the secrets behind them belong to one device.
pub const NEVER: [Table; 3] = [Table::Session, Table::Prekey, Table::Mailbox];
/// Added to a backup's name when a newer one takes its place.
pub const PREVIOUS_SUFFIX: &str = ".previous";
/// Bytes of one batch while restoring.
const BATCH_BYTES: usize = 1 << 20;

/// Ways to protect a backup; at least one.
#[derive(Clone, Copy, Default)]
pub struct BackupKeys<'a> {
    /// Entropy of the recovery words.
    pub words: Option<&'a [u8; 16]>,
    /// A passphrase and its cost.
    pub passphrase: Option<(&'a str, Cost)>,
}

/// A way to open a backup.
#[derive(Clone, Copy)]
pub enum BackupUnlock<'a> {
    /// Entropy of the recovery words.
    Words(&'a [u8; 16]),
    /// The passphrase.
    Passphrase(&'a str),
}

/// What a backup holds beside its rows.
pub struct BackupFacts {
    /// The account's entropy, if the backup was made with it.
    pub account: Option<Entropy>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// Number of rows.
    pub rows: u64,
}

/// What a finished export tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Rows in the backup.
    pub rows: u64,
    /// Rows left out because they do not open.
    pub unreadable: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
}

/// Whether a row enters a backup: asked with its table, its position inside the scope, and its opened value.
pub type Keep<'a> = dyn Fn(Table, &[u8], &[u8]) -> bool + 'a;

/// Why a backup was not made or not restored. Each is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It is not a backup at all.
    #[error("This file is not a Veche backup. Choose another file.")]
    NotABackup,
    /// Made by a newer program.
    #[error("The backup has format {found}, and this program knows formats up to {known}. Install the newer program.")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// Bytes are missing or changed.
    #[error("The backup is damaged or was cut short. Use an older backup; its name may end in \".previous\".")]
    Damaged,
    /// The passphrase does not open it.
    #[error("The passphrase is not the one of this backup. Check the keyboard layout and Caps Lock, and try again.")]
    WrongPassphrase,
    /// The words do not open it.
    #[error("These recovery words are not the ones of this backup. Check them, and try again.")]
    WrongWords,
    /// It cannot be opened in this way.
    #[error("The backup was made without {0}. Open it in the other way.")]
    NoSuchWay(BackupWay),
    /// No way to protect it was given.
    #[error("A backup needs a passphrase or the recovery words to protect it.")]
    Unprotected,
    /// The profile could not take it.
    #[error(transparent)]
    Profile(#[from] OpenError),
    /// The database or its vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The passphrase could not be turned into a key.
    #[error(transparent)]
    Passphrase(KeyFileError),
    /// The file could not be read or written.
    #[error("The backup file cannot be read or written ({0}). Check the place and the room on the disk.")]
    Io(#[from] io::Error),
}

/// Writes the rows that `keep` wants into a backup at `path`. The file appears whole: written aside, synced, read back, renamed. One that
/// was there before gets the suffix `.previous`.
///
/// # Errors
/// No way to protect it, the database cannot be read, or the file cannot be written. A backup that was there before is untouched then.
pub fn export(
    vault: &Vault,
    path: &Path,
    keys: BackupKeys<'_>,
    account: Option<&[u8; 16]>,
    now_ms: u64,
    keep: &Keep<'_>,
) -> Result<Exported, BackupError> {
    let temporary = files::with_suffix(path, ".tmp");
    let exported = match write_and_check(vault, &temporary, keys, account, now_ms, keep) {
        Ok(exported) => exported,
        Err(error) => {
            // Half a backup helps nobody and takes the room that may have been the cause.
            if temporary.exists()
                && let Err(error) = fs::remove_file(&temporary)
            {
                tracing::info!(%error, "an unfinished backup stays behind");
            }
            return Err(error);
        }
    };
    if path.exists() {
        fs::rename(path, files::with_suffix(path, PREVIOUS_SUFFIX))?;
    }
    fs::rename(&temporary, path)?;
    files::sync_parent(path)?;
    Ok(exported)
}

/// Reads a whole backup without restoring it: is it good, and what is in it?
///
/// # Errors
/// It does not open or is damaged.
pub fn verify(path: &Path, unlock: BackupUnlock<'_>) -> Result<BackupFacts, BackupError> {
    let (header, file) = Header::read(BufReader::new(File::open(path)?))?;
    let file_key = header.open_file_key(unlock)?;
    check(Opener::new(file, &header, &file_key))
}

/// Makes the database of a profile that has none from a backup. It appears whole or not at all. Open the profile afterwards.
///
/// # Errors
/// The profile has a database, the backup does not open or is damaged, or the disk refuses.
pub fn import(
    profile: &Profile,
    root: &RootKey,
    database: DatabaseId,
    path: &Path,
    unlock: BackupUnlock<'_>,
    now_ms: u64,
) -> Result<BackupFacts, BackupError> {
    let (header, file) = Header::read(BufReader::new(File::open(path)?))?;
    let file_key = header.open_file_key(unlock)?;
    let mut stream = Opener::new(file, &header, &file_key);
    let opening = Opening::read(&mut stream)?;
    let mut rows = 0_u64;
    profile.build(|kv| {
        // Rows of an older format are migrated when the profile is opened.
        let head = Head { format: header.rows_format(), ..Head::new(database, now_ms) };
        let vault = Vault::create_with_keyhash(kv, root, head, opening.keyhash())?;
        let mut batch = Batch::default();
        rows = record::read_all(&mut stream, |key, value| {
            let sealed = vault.seal_value(&key, value)?;
            batch.put(key, sealed);
            if batch.bytes() >= BATCH_BYTES {
                vault.kv().commit(&std::mem::take(&mut batch), Durability::Soon).map_err(VaultError::from)?;
            }
            Ok(())
        })?;
        vault.kv().commit(&batch, Durability::Now).map_err(VaultError::from)?;
        Ok::<_, BackupError>(())
    })?;
    Ok(opening.facts(rows))
}

fn write_and_check(
    vault: &Vault,
    path: &Path,
    keys: BackupKeys<'_>,
    account: Option<&[u8; 16]>,
    now_ms: u64,
    keep: &Keep<'_>,
) -> Result<Exported, BackupError> {
    let (header, file_key) = Header::new(keys, vault.head().format)?;
    let mut file = BufWriter::new(files::create_private(path)?);
    header.write(&mut file)?;
    let mut stream = Sealer::new(file, &header, &file_key);
    Opening::new(vault, account, now_ms).write(&mut stream)?;
    let mut exported = Exported { rows: 0, unreadable: 0, bytes: 0 };
    vault.walk(|OpenedRow { key, value }| {
        let Some(table) = key.first().and_then(|byte| record::table(*byte)) else { return Ok(()) };
        if NEVER.contains(&table) {
            return Ok(());
        }
        let Ok(value) = value else {
            exported.unreadable = exported.unreadable.saturating_add(1);
            return Ok(());
        };
        if keep(table, key.get(PREFIX_BYTES..).unwrap_or_default(), &value) {
            record::write_row(&mut stream, &key, &value)?;
            exported.rows = exported.rows.saturating_add(1);
        }
        Ok::<_, BackupError>(())
    })?;
    record::write_end(&mut stream, exported.rows)?;
    let file = stream.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    exported.bytes = file.metadata()?.len();
    drop(file);

    let (header, file) = Header::read(BufReader::new(File::open(path)?))?;
    let facts = check(Opener::new(file, &header, &file_key))?;
    if facts.rows == exported.rows { Ok(exported) } else { Err(BackupError::Damaged) }
}

fn check(mut stream: Opener<BufReader<File>>) -> Result<BackupFacts, BackupError> {
    let opening = Opening::read(&mut stream)?;
    let rows = record::read_all(&mut stream, |_, _| Ok(()))?;
    Ok(opening.facts(rows))
}

impl From<KvError> for BackupError {
    fn from(error: KvError) -> Self {
        Self::Vault(error.into())
    }
}

impl From<SealError> for BackupError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoRandom => Self::Vault(VaultError::NoRandom),
            SealError::Rejected => Self::Damaged,
        }
    }
}

#[cfg(test)]
mod tests;
