//! The head of a database: which format it has, which database it is, and the proof that a root key fits.
//!
//! The first record is not sealed, so that a database of a newer format, or one that belongs to another key file, can be told
//! apart before any key is tried.

use serde::{Deserialize, Serialize};

use super::VaultError;
use crate::store::keys::SecretKey;
use crate::store::kv::{Batch, Durability, Kv};

/// Format that this program writes.
pub const FORMAT: u32 = 1;

/// First byte of the head's keys; no table of the protocol has it.
pub(in crate::store) const TABLE: u8 = b'v';
const FACTS: [u8; 1] = [TABLE];
const KEYHASH: [u8; 2] = [TABLE, 1];
const LIVE: [u8; 2] = [TABLE, 2];

/// Names a database. The key file carries the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseId(pub [u8; 16]);

/// What is known about a database without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Format of the whole database.
    pub format: u32,
    /// Which database this is.
    pub database: DatabaseId,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Facts {
    format: u32,
    #[serde(default)]
    database: String,
    #[serde(default)]
    created_ms: u64,
}

impl Head {
    /// The head of a new database.
    #[must_use]
    pub fn new(database: DatabaseId, created_ms: u64) -> Self {
        Self { format: FORMAT, database, created_ms }
    }

    /// Reads the head.
    ///
    /// # Errors
    /// There is none, or the engine failed. A newer format is no error here.
    pub fn read(kv: &dyn Kv) -> Result<Self, VaultError> {
        let stored = kv.get(&FACTS)?.ok_or(VaultError::BadHead("it has no head"))?;
        // Unknown fields are a newer format's business.
        let facts: Facts = serde_json::from_slice(&stored).map_err(|_| VaultError::BadHead("its head is not readable"))?;
        let database = data_encoding::HEXLOWER.decode(facts.database.as_bytes()).ok();
        let database = match database.and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => DatabaseId(bytes),
            None if facts.format > FORMAT => DatabaseId([0; 16]),
            None => return Err(VaultError::BadHead("its head has no id")),
        };
        Ok(Self { format: facts.format, database, created_ms: facts.created_ms })
    }

    /// Refuses what this program cannot read.
    ///
    /// # Errors
    /// The format is newer than this program, or older and not yet migrated.
    pub fn require_current(&self) -> Result<(), VaultError> {
        match self.format {
            FORMAT => Ok(()),
            found if found > FORMAT => Err(VaultError::NewerFormat { found, known: FORMAT }),
            _ => Err(VaultError::BadHead("its format is older than any this program can read")),
        }
    }

    pub(super) fn write(&self, kv: &dyn Kv, records: &SecretKey, keyhash: &SecretKey) -> Result<(), VaultError> {
        let facts = Facts { format: self.format, database: data_encoding::HEXLOWER.encode(&self.database.0), created_ms: self.created_ms };
        let facts = serde_json::to_vec(&facts).map_err(|_| VaultError::BadHead("its head cannot be written"))?;
        let mut batch = Batch::default();
        batch.put(FACTS.to_vec(), facts);
        batch.put(KEYHASH.to_vec(), records.seal(&self.associated(), keyhash.bytes())?);
        Ok(kv.commit(&batch, Durability::Now)?)
    }

    /// The key of the scope hash. It is stored and not derived, so that a restored backup keeps its rows' places under a new
    /// root key. Opening it also proves that the root key fits.
    pub(super) fn open_keyhash(&self, kv: &dyn Kv, records: &SecretKey) -> Result<SecretKey, VaultError> {
        let sealed = kv.get(&KEYHASH)?.ok_or(VaultError::BadHead("its key check is missing"))?;
        let bytes = records.open(&self.associated(), &sealed)?;
        let bytes = bytes.as_slice().try_into().map_err(|_| VaultError::BadHead("its key check is malformed"))?;
        Ok(SecretKey::from_bytes(bytes))
    }

    fn associated(&self) -> Vec<u8> {
        [b"veche store head".as_slice(), &self.database.0].concat()
    }
}

/// Bytes of live rows when they were last measured; `None` if never.
///
/// # Errors
/// The engine failed.
pub fn read_live(kv: &dyn Kv) -> Result<Option<u64>, VaultError> {
    let stored = kv.get(&LIVE)?;
    Ok(stored.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes))
}

/// Notes how many bytes of rows are live.
///
/// # Errors
/// The engine failed.
pub fn write_live(kv: &dyn Kv, bytes: u64) -> Result<(), VaultError> {
    let mut batch = Batch::default();
    batch.put(LIVE.to_vec(), bytes.to_be_bytes().to_vec());
    Ok(kv.commit(&batch, Durability::Soon)?)
}
