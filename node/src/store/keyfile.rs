//! The key file: the root key of a profile, sealed once for each way to open it.
//!
//! `keyfile` is a small JSON document with one *slot* for each way: passphrase, OS keyring, recovery words, or plain (the key lies beside
//! what it opens). All slots hold the same root key, so ways are added, replaced and removed without touching the database. It also keeps
//! the account's entropy, sealed under the root key.
//!
//! The file is replaced whole and carries a checksum, so that a wrong passphrase and a damaged file are told apart. `keyfile.bak` is
//! written after it with the same bytes, so that neither a bad block nor a removed passphrase that still opens an old copy hurts.

pub mod keyring;
mod slot;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::files;
use super::keys::{RootKey, SealError, SecretKey};
use super::vault::head::DatabaseId;
use keyring::{KeyringError, SecretStore};
use slot::Slot;
pub use slot::{Cost, SlotKind};

/// Format that this program writes.
pub const FORMAT: u32 = 1;
/// Name of the file in the profile directory.
pub const NAME: &str = "keyfile";
const COPY_SUFFIX: &str = ".bak";
/// Size above which a file is not a key file, in bytes. Real ones have about 1000.
const MAX_FILE_BYTES: u64 = 64 << 10;
const LABEL_ACCOUNT: &str = "veche store 1 account";

/// Entropy of the account: the twelve recovery words are its other face.
pub type Entropy = Zeroizing<[u8; 16]>;

/// A way to protect the root key.
#[derive(Clone, Copy)]
pub enum Protect<'a> {
    /// By a passphrase, made slow by Argon2id at this cost.
    Passphrase(&'a str, Cost),
    /// By a random key in the keyring of the desktop.
    Keyring(&'a dyn SecretStore),
    /// By the entropy of the recovery words.
    Words(&'a [u8; 16]),
    /// By a key in the key file itself: whoever copies the profile can read it. The caller says so to the person.
    Plain,
}

/// A way to get the root key back.
#[derive(Clone, Copy)]
pub enum Unlock<'a> {
    /// The passphrase.
    Passphrase(&'a str),
    /// The keyring of the desktop.
    Keyring(&'a dyn SecretStore),
    /// The entropy of the recovery words.
    Words(&'a [u8; 16]),
    /// Nothing is needed.
    Plain,
}

/// Why the key file did not do what was asked. Each is a sentence for the person.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no key file and no copy: a first start, or a lost profile.
    #[error("This profile has no key file. Start anew, or restore a backup.")]
    Missing,
    /// There is one already.
    #[error("This profile already has a key file. Use another profile.")]
    Exists,
    /// The passphrase does not open it.
    #[error("The passphrase is not right. Check the keyboard layout and Caps Lock, and try again.")]
    WrongPassphrase,
    /// The words do not open it.
    #[error("These recovery words belong to another account. Check them, and try again.")]
    WrongWords,
    /// The key in the keyring does not open it.
    #[error("The key in the keyring belongs to another profile. Use the passphrase or the recovery words.")]
    WrongKeyringKey,
    /// It cannot be opened in this way.
    #[error("The key file has no {0} to open it with. Open it in another way.")]
    NoSlot(SlotKind),
    /// Removing this way would leave none.
    #[error("This is the only way to open the profile. Add another one first.")]
    LastSlot,
    /// Both the file and its copy are broken.
    #[error(
        "The key file is damaged, and so is its copy. Restore the file \"keyfile\" from a copy of the profile, or start from a backup."
    )]
    Damaged,
    /// Written by a newer program.
    #[error("The key file has format {found}, and this program knows formats up to {known}. Install the newer program.")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The cost parameters are out of range.
    #[error("The cost of the passphrase is out of range.")]
    BadCost,
    /// The keyring refused.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The disk refused.
    #[error("The key file cannot be read or written ({0}). Check that the profile directory belongs to you and the disk has room.")]
    Io(#[from] io::Error),
    /// The system has no random numbers.
    #[error("The system gave no random numbers. Restart the computer and try again.")]
    NoRandom,
}

/// The key file of one profile. What changes it is on disk when it returns.
pub struct KeyFile {
    path: PathBuf,
    database: DatabaseId,
    document: Document,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    /// Hex of the database id, which is also associated data of everything sealed here.
    database: String,
    slots: Vec<Slot>,
    /// Hex of the account's entropy, sealed under the root key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// Hex of the start of BLAKE3 over this document with an empty check.
    check: String,
}

impl KeyFile {
    /// Makes a new root key and the key file for it. Call this for a profile that has neither key file nor database.
    ///
    /// # Errors
    /// There is a key file already (also a damaged one), the keyring refuses, or the disk does.
    pub fn create(profile: &Path, protect: Protect<'_>) -> Result<(Self, RootKey), KeyFileError> {
        let path = profile.join(NAME);
        if path.exists() || files::with_suffix(&path, COPY_SUFFIX).exists() {
            return Err(KeyFileError::Exists);
        }
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| KeyFileError::NoRandom)?;
        let root = RootKey::random()?;
        let document = Document {
            format: FORMAT,
            database: data_encoding::HEXLOWER.encode(&id),
            slots: vec![Slot::seal(DatabaseId(id), &root, protect)?],
            account: None,
            check: String::new(),
        };
        let mut file = Self { path, database: DatabaseId(id), document: document.clone() };
        file.save(document)?;
        Ok((file, root))
    }

    /// Reads the key file, or its copy if the file itself is missing or damaged; the broken one of the two is then written again.
    ///
    /// # Errors
    /// Neither exists, neither is whole, the format is newer, or the disk refuses.
    pub fn load(profile: &Path) -> Result<Self, KeyFileError> {
        let path = profile.join(NAME);
        let copy_path = files::with_suffix(&path, COPY_SUFFIX);
        let main = read_document(&path);
        let copy = read_document(&copy_path);
        let (document, intact) = match (main, copy) {
            (Ok(main), Ok(copy)) => {
                let intact = main.check == copy.check;
                (main, intact)
            }
            (Ok(main), Err(_)) => (main, false),
            // A newer program wrote this; an older copy beside it must not win.
            (Err(error @ KeyFileError::NewerFormat { .. }), _) => return Err(error),
            (Err(_), Ok(copy)) => {
                tracing::warn!("the key file is missing or damaged; its copy is used");
                (copy, false)
            }
            (Err(KeyFileError::Missing), Err(error)) | (Err(error), Err(_)) => return Err(error),
        };
        let database = database_id(&document).ok_or(KeyFileError::Damaged)?;
        let mut file = Self { path, database, document: document.clone() };
        if !intact && let Err(error) = file.save(document) {
            // Opening is more useful than repairing; the next start tries again.
            tracing::warn!(%error, "the key file could not be repaired");
        }
        Ok(file)
    }

    /// The database that the root key opens.
    #[must_use]
    pub fn database(&self) -> DatabaseId {
        self.database
    }

    /// The ways to open it.
    #[must_use]
    pub fn ways(&self) -> Vec<SlotKind> {
        self.document.slots.iter().map(Slot::kind).collect()
    }

    /// Opens it. A passphrase takes a fraction of a second and its cost in memory; a keyring may ask the person.
    ///
    /// # Errors
    /// There is no such way, or it does not fit.
    pub fn unlock(&self, unlock: Unlock<'_>) -> Result<RootKey, KeyFileError> {
        let kind = SlotKind::of_unlock(unlock);
        let slot = self.document.slots.iter().find(|slot| slot.kind() == kind).ok_or(KeyFileError::NoSlot(kind))?;
        slot.open(self.database, unlock)
    }

    /// Adds a way to open it, in the place of one of the same kind.
    ///
    /// # Errors
    /// The keyring or the disk refuses; then nothing changed.
    pub fn protect(&mut self, root: &RootKey, protect: Protect<'_>) -> Result<(), KeyFileError> {
        let slot = Slot::seal(self.database, root, protect)?;
        let mut document = self.document.clone();
        let kind = slot.kind();
        let old: Vec<Slot> = document.slots.extract_if(.., |old| old.kind() == kind).collect();
        document.slots.push(slot);
        self.save(document)?;
        if let Protect::Keyring(keyring) = protect {
            forget(&old, keyring);
        }
        Ok(())
    }

    /// Removes a way to open it. `keyring` is asked to forget its entry, if that is the way.
    ///
    /// # Errors
    /// There is no such way or no other, or the disk refuses.
    pub fn remove(&mut self, kind: SlotKind, keyring: Option<&dyn SecretStore>) -> Result<(), KeyFileError> {
        let mut document = self.document.clone();
        let old: Vec<Slot> = document.slots.extract_if(.., |slot| slot.kind() == kind).collect();
        if old.is_empty() {
            return Err(KeyFileError::NoSlot(kind));
        }
        if document.slots.is_empty() {
            return Err(KeyFileError::LastSlot);
        }
        self.save(document)?;
        if let Some(keyring) = keyring {
            forget(&old, keyring);
        }
        Ok(())
    }

    /// Whether an account was made in this profile. While it was not, a missing database is an interrupted first start and not a loss.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.document.account.is_some()
    }

    /// The account's entropy, if an account was made.
    ///
    /// # Errors
    /// The root key does not fit.
    pub fn account(&self, root: &RootKey) -> Result<Option<Entropy>, KeyFileError> {
        let Some(sealed) = &self.document.account else { return Ok(None) };
        let sealed = data_encoding::HEXLOWER.decode(sealed.as_bytes()).map_err(|_| KeyFileError::Damaged)?;
        let plain = root.derive(LABEL_ACCOUNT).open(&self.database.0, &sealed).map_err(|_| KeyFileError::Damaged)?;
        let mut entropy = Zeroizing::new([0; 16]);
        if plain.len() != entropy.len() {
            return Err(KeyFileError::Damaged);
        }
        entropy.copy_from_slice(&plain);
        Ok(Some(entropy))
    }

    /// Keeps the account's entropy.
    ///
    /// # Errors
    /// The disk refuses; then nothing changed.
    pub fn set_account(&mut self, root: &RootKey, entropy: &[u8; 16]) -> Result<(), KeyFileError> {
        let sealed = root.derive(LABEL_ACCOUNT).seal(&self.database.0, entropy)?;
        let mut document = self.document.clone();
        document.account = Some(data_encoding::HEXLOWER.encode(&sealed));
        self.save(document)
    }

    /// Forgets the account's entropy: the account was deleted.
    ///
    /// # Errors
    /// The disk refuses; then nothing changed.
    pub fn clear_account(&mut self) -> Result<(), KeyFileError> {
        let mut document = self.document.clone();
        document.account = None;
        self.save(document)
    }

    fn save(&mut self, mut document: Document) -> Result<(), KeyFileError> {
        document.check = checksum(&document)?;
        let mut bytes = serde_json::to_vec_pretty(&document).map_err(io::Error::from)?;
        bytes.push(b'\n');
        files::replace(&self.path, &bytes)?;
        self.document = document;
        Ok(files::replace(&files::with_suffix(&self.path, COPY_SUFFIX), &bytes)?)
    }
}

/// Lets the keyring forget the entries of slots that are gone. An entry that stays opens nothing.
fn forget(slots: &[Slot], keyring: &dyn SecretStore) {
    for entry in slots.iter().filter_map(Slot::keyring_entry) {
        if let Err(error) = keyring.delete(entry) {
            tracing::info!(%error, "an old entry stays in the keyring");
        }
    }
}

fn read_document(path: &Path) -> Result<Document, KeyFileError> {
    #[derive(Deserialize)]
    struct JustFormat {
        format: u32,
    }
    match fs::metadata(path) {
        Ok(facts) if facts.len() > MAX_FILE_BYTES => return Err(KeyFileError::Damaged),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeyFileError::Missing),
        Err(error) => return Err(error.into()),
    }
    let bytes = fs::read(path)?;
    let JustFormat { format } = serde_json::from_slice(&bytes).map_err(|_| KeyFileError::Damaged)?;
    if format > FORMAT {
        return Err(KeyFileError::NewerFormat { found: format, known: FORMAT });
    }
    let document: Document = serde_json::from_slice(&bytes).map_err(|_| KeyFileError::Damaged)?;
    if format != FORMAT || checksum(&document)? != document.check || database_id(&document).is_none() {
        return Err(KeyFileError::Damaged);
    }
    Ok(document)
}

/// Against bad blocks, not against people: they cannot make a slot that opens anyway.
fn checksum(document: &Document) -> Result<String, KeyFileError> {
    let unchecked = Document { check: String::new(), ..document.clone() };
    let bytes = serde_json::to_vec(&unchecked).map_err(io::Error::from)?;
    let hash = blake3::hash(&bytes);
    Ok(hash.to_hex().chars().take(32).collect())
}

fn database_id(document: &Document) -> Option<DatabaseId> {
    let bytes = data_encoding::HEXLOWER.decode(document.database.as_bytes()).ok()?;
    bytes.try_into().ok().map(DatabaseId)
}

impl From<SealError> for KeyFileError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoRandom => Self::NoRandom,
            SealError::Rejected => Self::Damaged,
        }
    }
}

/// A key from a passphrase, also for backups.
pub(super) fn key_from_passphrase(passphrase: &str, salt: &[u8; 16], cost: Cost) -> Result<SecretKey, KeyFileError> {
    slot::key_from_passphrase(passphrase, salt, cost)
}

#[cfg(test)]
mod tests;
