//! The vault: the only user of an engine. It seals every value, hides every scope, and knows the tables.
//!
//! On disk a row is
//! - key: `table (1) | tag (16) | order`, where the tag is the start of BLAKE3 keyed with the subkey `keyhash` over
//!   `table | scope`, so that a key names neither a conversation nor a person. The order stays readable, because the engine
//!   sorts by it: it shows when and how often, and that is accepted at rest.
//! - value: `record version (1) | nonce (24) | ciphertext | tag (16)` under the subkey `records`. Associated data are the whole
//!   key and the version, so a row moved to another place does not open. Nothing local can notice that the whole database was
//!   rolled back.
//!
//! There are no keys per conversation that one could throw away instead of rows: sled keeps old bytes in its log, those of
//! a discarded key as well, so this would promise more than it keeps. What is deleted leaves the disk with compaction.

pub mod head;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use veche_protocol::store::{Dir, Found, Key, Read, Row, Table, Write};

use super::keys::{RootKey, SEAL_OVERHEAD, SealError, SecretKey};
use super::kv::{Batch, Durability, Kv, KvError, end_of_prefix};
use head::Head;

/// Largest value in bytes. The core keeps to the same bound.
pub const MAX_VALUE_BYTES: usize = veche_protocol::limits::STORED_VALUE;
/// Largest position in bytes. Keeps the engine's pages small; the core's longest is an hlc, a sequence number and an id.
pub const MAX_ORDER_BYTES: usize = 64;
/// Version of a sealed value's layout.
const RECORD_VERSION: u8 = 1;
/// Bytes of a scope on disk. 128 bits: two scopes of one table meet after 2^64 of them.
const TAG_BYTES: usize = 16;
/// Bytes of a key on disk before the position.
pub(super) const PREFIX_BYTES: usize = 1 + TAG_BYTES;
/// Rows read at once by whatever walks over whole tables.
const PAGE_ROWS: usize = 512;
/// Bytes of values after which such a page ends.
const PAGE_BYTES: usize = 1 << 20;

/// Labels of the subkeys. They never change.
mod label {
    pub const RECORDS: &str = "veche store 1 records";
    pub const KEYHASH: &str = "veche store 1 keyhash";
    pub const BLOBS: &str = "veche store 1 blobs";
}

/// Why the vault could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The engine failed.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// A record that was asked for does not open: its bytes changed on disk.
    #[error("A record in the table {table:?} is damaged and cannot be shown. Restore it from a backup or your other devices.")]
    Unreadable {
        /// Its table.
        table: Table,
    },
    /// A value or position that the store does not take.
    #[error("A record of {bytes} bytes is larger than the store takes ({limit} bytes).")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The head is missing or makes no sense.
    #[error("The database is damaged: {0}. Restore it from a backup or from your other devices.")]
    BadHead(&'static str),
    /// The database was written by a newer program.
    #[error("The database has format {found}, and this program knows formats up to {known}. Install the newer program.")]
    NewerFormat {
        /// Its format.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The root key is not the one that sealed this database.
    #[error("The key file does not belong to this database. Put the matching key file back.")]
    WrongKey,
    /// The system has no random numbers.
    #[error("The system gave no random numbers. Restart the computer and try again.")]
    NoRandom,
}

/// The rows of a table that the core keeps in memory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Values in the order of their keys on disk.
    pub rows: Vec<Vec<u8>>,
    /// Rows left out because they do not open.
    pub unreadable: u64,
}

/// Rows of one scope with `from <= order < to`, as in [`Read::Range`] but without a bound: whoever looks at them says when to stop.
#[derive(Clone, Debug)]
pub struct Scan {
    /// Which table.
    pub table: Table,
    /// Which scope.
    pub scope: Vec<u8>,
    /// Smallest position included.
    pub from: Vec<u8>,
    /// Smallest position no longer included; `None` is the end of the scope.
    pub to: Option<Vec<u8>>,
    /// Which end to begin with.
    pub dir: Dir,
}

/// A row as it lies on disk, opened. For what copies whole databases.
pub struct OpenedRow {
    /// `table | tag | order`.
    pub key: Vec<u8>,
    /// The value; `Err` holds the stored bytes of one that does not open.
    pub value: Result<Vec<u8>, Vec<u8>>,
}

/// The vault over one engine.
pub struct Vault {
    kv: Box<dyn Kv>,
    records: SecretKey,
    keyhash: SecretKey,
    blobs: SecretKey,
    head: Head,
    unreadable: Mutex<BTreeMap<Table, u64>>,
}

impl Vault {
    /// Writes the head of a new database into an empty engine.
    ///
    /// # Errors
    /// The engine failed, or the system has no random numbers.
    pub fn create(kv: Box<dyn Kv>, root: &RootKey, head: Head) -> Result<Self, VaultError> {
        Self::create_with_keyhash(kv, root, head, root.derive(label::KEYHASH))
    }

    /// As [`create`](Self::create), with the scope hash of another database, so that its rows keep their places.
    pub(super) fn create_with_keyhash(kv: Box<dyn Kv>, root: &RootKey, head: Head, keyhash: SecretKey) -> Result<Self, VaultError> {
        let records = root.derive(label::RECORDS);
        head.write(&*kv, &records, &keyhash)?;
        Ok(Self { kv, records, keyhash, blobs: root.derive(label::BLOBS), head, unreadable: Mutex::default() })
    }

    /// Opens a database of the current format.
    ///
    /// # Errors
    /// Newer or older format, another root key, no database at all, or the engine failed.
    pub fn open(kv: Box<dyn Kv>, root: &RootKey) -> Result<Self, VaultError> {
        Head::read(&*kv)?.require_current()?;
        Self::open_any_format(kv, root)
    }

    /// As [`open`](Self::open) for a format that a migration is about to leave behind.
    pub(super) fn open_any_format(kv: Box<dyn Kv>, root: &RootKey) -> Result<Self, VaultError> {
        let head = Head::read(&*kv)?;
        let records = root.derive(label::RECORDS);
        let keyhash = head.open_keyhash(&*kv, &records)?;
        Ok(Self { kv, records, keyhash, blobs: root.derive(label::BLOBS), head, unreadable: Mutex::default() })
    }

    /// What the head says.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The engine.
    #[must_use]
    pub fn kv(&self) -> &dyn Kv {
        &*self.kv
    }

    /// Subkey for encrypted files beside the database.
    #[must_use]
    pub fn blobs_key(&self) -> &SecretKey {
        &self.blobs
    }

    /// The scope hash, for a database that takes over rows of this one.
    pub(super) fn copy_of_keyhash(&self) -> SecretKey {
        SecretKey::from_bytes(self.keyhash.bytes())
    }

    /// Answers a read.
    ///
    /// A row that does not open is left out of a range and counted in [`unreadable`](Self::unreadable).
    ///
    /// # Errors
    /// The engine failed, or a row of a [`Read::Get`] does not open: "absent" would be a wrong answer.
    pub fn read(&self, read: &Read) -> Result<Found, VaultError> {
        match read {
            Read::Get(keys) => {
                let values: Result<Vec<_>, VaultError> = keys.iter().map(|key| self.get(key)).collect();
                Ok(Found::Values(values?))
            }
            Read::Range { table, scope, from, to, dir, max_rows, max_bytes } => {
                let mut rows = Vec::new();
                let mut bytes = 0_usize;
                if *max_rows == 0 {
                    return Ok(Found::Rows(rows));
                }
                let scan = Scan { table: *table, scope: scope.clone(), from: from.clone(), to: to.clone(), dir: *dir };
                self.scan(&scan, &mut |order, value| {
                    bytes = bytes.saturating_add(value.len());
                    rows.push(Row { order: order.to_vec(), value: value.to_vec() });
                    rows.len() < *max_rows && bytes <= *max_bytes
                })?;
                Ok(Found::Rows(rows))
            }
        }
    }

    /// Opens the rows of a scan one after the other and shows each to `visit`, with its position, until that returns false. The engine
    /// is held meanwhile: for visits that take microseconds, a few hundred at a time.
    ///
    /// Rows that do not open are left out and counted, as in [`read`](Self::read).
    ///
    /// # Errors
    /// The engine failed.
    pub fn scan(&self, scan: &Scan, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), VaultError> {
        let (first, end) = self.bounds(scan);
        Ok(self.kv.range(&first, &end, scan.dir, &mut |key, sealed| match self.open_value(key, sealed) {
            Some(value) => visit(key.get(PREFIX_BYTES..).unwrap_or_default(), &value),
            None => {
                self.count_unreadable(scan.table);
                true
            }
        })?)
    }

    /// Position of the first row of a scan, without opening it.
    ///
    /// # Errors
    /// The engine failed.
    pub fn first(&self, scan: &Scan) -> Result<Option<Vec<u8>>, VaultError> {
        let (first, end) = self.bounds(scan);
        let mut found = None;
        self.kv.range(&first, &end, scan.dir, &mut |key, _| {
            found = Some(key.get(PREFIX_BYTES..).unwrap_or_default().to_vec());
            false
        })?;
        Ok(found)
    }

    fn bounds(&self, scan: &Scan) -> (Vec<u8>, Vec<u8>) {
        let prefix = self.prefix(scan.table, &scan.scope);
        let end = scan.to.as_ref().map_or_else(|| end_of_prefix(&prefix), |to| joined(&prefix, to));
        (joined(&prefix, &scan.from), end)
    }

    /// All values of a table.
    ///
    /// # Errors
    /// The engine failed. Rows that do not open are counted, not an error: the others are still needed.
    pub fn load_state(&self, table: Table) -> Result<Loaded, VaultError> {
        let mut loaded = Loaded::default();
        let prefix = [table as u8];
        self.kv.range(&prefix, &end_of_prefix(&prefix), Dir::Forward, &mut |key, sealed| {
            match self.open_value(key, sealed) {
                Some(value) => loaded.rows.push(value),
                None => {
                    self.count_unreadable(table);
                    loaded.unreadable = loaded.unreadable.saturating_add(1);
                }
            }
            true
        })?;
        Ok(loaded)
    }

    /// Whether there is any row in a table, readable or not.
    ///
    /// # Errors
    /// The engine failed.
    pub fn has_rows(&self, table: Table) -> Result<bool, VaultError> {
        let mut any = false;
        let prefix = [table as u8];
        self.kv.range(&prefix, &end_of_prefix(&prefix), Dir::Forward, &mut |_, _| {
            any = true;
            false
        })?;
        Ok(any)
    }

    /// Seals writes into a batch, in order, after what the batch already holds. On an error the batch is as before.
    ///
    /// # Errors
    /// A value or position is too large, the engine could not list a scope, or there are no random numbers.
    pub fn stage(&self, batch: &mut Batch, writes: &[Write]) -> Result<(), VaultError> {
        // Everything that may fail comes first.
        let mut staged = Vec::with_capacity(writes.len());
        for write in writes {
            staged.push(self.prepare(write)?);
        }
        for change in staged {
            match change {
                Staged::Put(key, value) => batch.put(key, value),
                Staged::Delete(key) => batch.delete(key),
                Staged::DeleteAll { prefix, stored } => {
                    batch.delete_pending(&prefix, &end_of_prefix(&prefix));
                    stored.into_iter().for_each(|key| batch.delete(key));
                }
            }
        }
        Ok(())
    }

    /// Commits writes together.
    ///
    /// # Errors
    /// As for [`stage`](Self::stage) and [`Kv::commit`].
    pub fn commit(&self, writes: &[Write], how: Durability) -> Result<(), VaultError> {
        let mut batch = Batch::default();
        self.stage(&mut batch, writes)?;
        Ok(self.kv.commit(&batch, how)?)
    }

    /// How many times a row of each table did not open since the vault was opened.
    #[must_use]
    pub fn unreadable(&self) -> BTreeMap<Table, u64> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Walks over all rows of all tables in the order of their keys, reading a page at a time, so that no lock of the engine is
    /// held while `visit` works. Stops when `visit` fails.
    pub(super) fn walk<E: From<KvError>>(&self, mut visit: impl FnMut(OpenedRow) -> Result<(), E>) -> Result<(), E> {
        let mut from = Vec::new();
        loop {
            let mut page = Vec::new();
            let mut bytes = 0_usize;
            self.kv.range(&from, &[super::kv::ENGINE_KEYS], Dir::Forward, &mut |key, stored| {
                page.push((key.to_vec(), stored.to_vec()));
                bytes = bytes.saturating_add(stored.len());
                page.len() < PAGE_ROWS && bytes < PAGE_BYTES
            })?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            from = joined(last, &[0]);
            for (key, stored) in page {
                if key.first() != Some(&head::TABLE) {
                    let value = self.open_value(&key, &stored).ok_or(stored);
                    visit(OpenedRow { key, value })?;
                }
            }
        }
    }

    /// Seals a row for its place on disk.
    pub(super) fn seal_value(&self, key: &[u8], value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut sealed = Vec::with_capacity(value.len().saturating_add(SEAL_OVERHEAD).saturating_add(1));
        sealed.push(RECORD_VERSION);
        self.records.seal_into(&joined(key, &[RECORD_VERSION]), value, &mut sealed)?;
        Ok(sealed)
    }

    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, VaultError> {
        let place = self.place(key);
        match self.kv.get(&place)? {
            None => Ok(None),
            Some(sealed) => match self.open_value(&place, &sealed) {
                Some(value) => Ok(Some(value)),
                None => {
                    self.count_unreadable(key.table);
                    Err(VaultError::Unreadable { table: key.table })
                }
            },
        }
    }

    fn prepare(&self, write: &Write) -> Result<Staged, VaultError> {
        match write {
            Write::Put(key, value) => {
                within(value.len(), MAX_VALUE_BYTES)?;
                within(key.order.len(), MAX_ORDER_BYTES)?;
                let place = self.place(key);
                let sealed = self.seal_value(&place, value)?;
                Ok(Staged::Put(place, sealed))
            }
            Write::Delete(key) => Ok(Staged::Delete(self.place(key))),
            Write::DeleteScope { table, scope } => {
                let prefix = self.prefix(*table, scope);
                let mut stored = Vec::new();
                self.kv.range(&prefix, &end_of_prefix(&prefix), Dir::Forward, &mut |key, _| {
                    stored.push(key.to_vec());
                    true
                })?;
                Ok(Staged::DeleteAll { prefix, stored })
            }
        }
    }

    fn open_value(&self, key: &[u8], stored: &[u8]) -> Option<Vec<u8>> {
        let (&version, sealed) = stored.split_first()?;
        if version != RECORD_VERSION {
            return None;
        }
        let mut plain = self.records.open(&joined(key, &[version]), sealed).ok()?;
        Some(std::mem::take(&mut *plain))
    }

    fn place(&self, key: &Key) -> Vec<u8> {
        joined(&self.prefix(key.table, &key.scope), &key.order)
    }

    fn prefix(&self, table: Table, scope: &[u8]) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new_keyed(self.keyhash.bytes());
        hasher.update(&[table as u8]);
        hasher.update(scope);
        let hash = hasher.finalize();
        let mut prefix = Vec::with_capacity(PREFIX_BYTES);
        prefix.push(table as u8);
        prefix.extend(hash.as_bytes().iter().take(TAG_BYTES));
        prefix
    }

    fn count_unreadable(&self, table: Table) {
        let mut unreadable = self.unreadable.lock().unwrap_or_else(PoisonError::into_inner);
        let count = unreadable.entry(table).or_default();
        *count = count.saturating_add(1);
    }
}

enum Staged {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeleteAll { prefix: Vec<u8>, stored: Vec<Vec<u8>> },
}

impl From<SealError> for VaultError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::NoRandom => Self::NoRandom,
            SealError::Rejected => Self::WrongKey,
        }
    }
}

fn within(bytes: usize, limit: usize) -> Result<(), VaultError> {
    if bytes <= limit { Ok(()) } else { Err(VaultError::TooLarge { bytes, limit }) }
}

fn joined(front: &[u8], back: &[u8]) -> Vec<u8> {
    let mut both = Vec::with_capacity(front.len().saturating_add(back.len()));
    both.extend_from_slice(front);
    both.extend_from_slice(back);
    both
}

#[cfg(test)]
mod tests;
