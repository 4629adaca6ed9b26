//! The contract between the vault and a storage engine: an ordered map of bytes with atomic batches.
//!
//! Small on purpose. Everything an engine could do better or worse than another (transactions, several trees,
//! snapshots, merge operators) is left out, so that replacing the engine costs one file.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::Path;

use veche_protocol::store::Dir;

/// First bytes of keys that belong to the engine. A caller's key begins with a smaller byte.
pub const ENGINE_KEYS: u8 = 0xFE;

/// How long a batch must live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After `commit` returns, the batch survives a power cut.
    Now,
    /// The batch becomes durable within about half a second, in order with other batches.
    Soon,
}

/// Changes that become visible and durable together or not at all. A later change of a key replaces an earlier one.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
}

impl Batch {
    /// Insert or replace.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.bytes = self.bytes.saturating_add(key.len()).saturating_add(value.len());
        self.changes.insert(key, Some(value));
    }

    /// Remove, if present.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.bytes = self.bytes.saturating_add(key.len());
        self.changes.insert(key, None);
    }

    /// Turns every pending insertion with `from <= key < to` into a removal.
    pub fn delete_pending(&mut self, from: &[u8], to: &[u8]) {
        if from < to {
            let range = (Bound::Included(from), Bound::Excluded(to));
            for (_, change) in self.changes.range_mut::<[u8], _>(range) {
                *change = None;
            }
        }
    }

    /// The changes in the order of their keys; `None` is a removal.
    pub fn changes(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }

    /// Number of keys touched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Bytes added so far, replaced changes included: a measure of work, not of size on disk.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Why an engine could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// No room: disk, quota or file size limit.
    #[error("The disk is full. Free some space; what was already saved is safe.")]
    Full,
    /// The system refused to read or write.
    #[error("The disk did not take or give back data ({0}). Check the disk and try again.")]
    Io(#[source] io::Error),
    /// The files do not say what they should.
    #[error("The database is damaged ({0}). Restore it from a backup or from your other devices.")]
    Damaged(String),
    /// Another program holds the files.
    #[error("The database is in use by another program. Close it and try again.")]
    Busy,
}

impl From<io::Error> for KvError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full,
            _ => Self::Io(error),
        }
    }
}

/// An ordered map of bytes. Keys compare bytewise and begin with a byte below [`ENGINE_KEYS`].
///
/// Reads see every batch that was committed before them. A range is not a snapshot: a batch committed meanwhile may be
/// seen in part by a range that is under way.
pub trait Kv: Send + Sync {
    /// The value at `key`.
    ///
    /// # Errors
    /// The files cannot be read or are damaged.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError>;

    /// Gives every row with `from <= key < to` to `visit` in the direction `dir`, until it returns false.
    ///
    /// # Errors
    /// The files cannot be read or are damaged. Rows visited until then are good.
    fn range(&self, from: &[u8], to: &[u8], dir: Dir, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), KvError>;

    /// Applies the batch.
    ///
    /// # Errors
    /// After an error it is unknown whether the batch took place, reads may or may not show it, and every later commit may be
    /// refused until [`Kv::recover`] succeeded. Changes are absolute, so committing the batch again is always right.
    fn commit(&self, batch: &Batch, how: Durability) -> Result<(), KvError>;

    /// Makes the engine usable after a failed commit. Does nothing on a healthy engine.
    ///
    /// # Errors
    /// The cause persists.
    fn recover(&self) -> Result<(), KvError>;

    /// Bytes taken on disk.
    ///
    /// # Errors
    /// The files cannot be read.
    fn size(&self) -> Result<u64, KvError>;

    /// Writes all rows, and none of the engine's garbage, into a new durable database in `dir`, which must not exist.
    ///
    /// # Errors
    /// No room, or the files cannot be read or written. What was written of `dir` is left there.
    fn copy_to(&self, dir: &Path) -> Result<(), KvError>;
}

/// The smallest key above every key that begins with `prefix`. Exists for every prefix whose first byte is below 0xFF.
#[must_use]
pub fn end_of_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0xFF; prefix.len().saturating_add(1)]
}

#[cfg(test)]
mod conformance;
