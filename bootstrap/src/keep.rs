//! The data folder: one instance at a time, the key from which everything else of this node follows, and the database.

use std::io;
use std::path::Path;
use veche_node::store::keyfile::{KeyFile, KeyFileError, Protect, Unlock};
use veche_node::store::open::{OpenError, Profile};
use veche_node::store::vault::VaultError;
use veche_node::store::writer::{Report, Store};
use veche_protocol::ids::DirectoryKey;
use veche_protocol::store::{Key, Table, Write};

/// Label of the transport key: with the key file it decides this node's id. It never changes.
const TRANSPORT: &str = "veche bootstrap 1 transport";
/// Label of the salt by which this node chooses among too many claims. It never changes.
const SAMPLING: &str = "veche bootstrap 1 sampling";

/// Label of the secret of the relay for calls: names that were given out are good across a restart. It never changes.
const TURN: &str = "veche bootstrap 1 turn";

/// Why the data folder cannot be used. Each is a sentence.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The folder, its lock or the database. The words of the store are those for a person with a profile.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A table.
    #[error(transparent)]
    Read(#[from] VaultError),
    /// No thread for writing.
    #[error("The system gave no thread ({0}). End other programs and start again.")]
    Thread(#[from] io::Error),
}

/// What the folder holds.
pub(crate) struct Kept {
    pub store: Store,
    pub transport_seed: [u8; 32],
    pub sampling: [u8; 32],
    pub turn: [u8; 32],
    pub queues: Vec<Vec<u8>>,
    pub slips: Vec<Vec<u8>>,
    pub records: Vec<(DirectoryKey, Vec<u8>)>,
}

/// Opens the folder, or begins a new one. Blocks.
pub(crate) fn open(dir: &Path, now_ms: u64, report: Report) -> Result<Kept, KeepError> {
    let folder = Profile::lock(dir)?;
    let (key, root) = match KeyFile::load(dir) {
        Ok(key) => {
            let root = key.unlock(Unlock::Plain)?;
            (key, root)
        }
        // An operator's node starts without anybody at it, so its key lies beside what it opens.
        Err(KeyFileError::Missing) if !folder.has_database() => KeyFile::create(dir, Protect::Plain)?,
        Err(error) => return Err(error.into()),
    };
    let database = key.database();
    let vault = if folder.has_database() { folder.open(&root, database)? } else { folder.create(&root, database, now_ms)? };
    let store = Store::start(vault, folder, report)?;
    let load = |table| -> Result<Vec<Vec<u8>>, KeepError> {
        let loaded = store.load_state(table)?;
        if loaded.unreadable > 0 {
            tracing::error!(?table, rows = loaded.unreadable, "rows that do not open were left out");
        }
        Ok(loaded.rows)
    };
    let (queues, slips) = (load(Table::Queue)?, load(Table::Slip)?);
    let records = load(Table::Record)?
        .iter()
        .filter_map(|row| row.split_first_chunk::<32>())
        .map(|(key, value)| (DirectoryKey(*key), value.to_vec()))
        .collect();
    let derive = |label| *root.derive(label).bytes();
    Ok(Kept { transport_seed: derive(TRANSPORT), sampling: derive(SAMPLING), turn: derive(TURN), queues, slips, records, store })
}

/// How a record of the directory is kept: its key before it, because the store hides where a row lies.
pub(crate) fn record_row(key: &DirectoryKey, value: Option<&[u8]>) -> Write {
    let place = Key::single(Table::Record, key.to_vec());
    match value {
        Some(value) => Write::Put(place, [key.as_bytes(), value].concat()),
        None => Write::Delete(place),
    }
}
