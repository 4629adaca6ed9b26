//! Numbered migrations: how a database of an old format becomes one of the current format.
//!
//! A migration reads every row of the old database and writes what becomes of it into a fresh one, which takes the old one's
//! place at the end: the same path as compaction, so a crash in the middle leaves the old database as it was. Each migration
//! is one file here, `m001.rs`, `m002.rs`, ..., and one line in [`ALL`]; a small database of each released format is kept in
//! `node/fixtures/` and must open. Format 1 is the first, so there is nothing to migrate from yet.

use std::path::Path;

use super::keys::RootKey;
use super::kv::{Batch, Durability, Kv, KvError};
use super::sled_kv::SledKv;
use super::vault::head::{FORMAT, Head};
use super::vault::{OpenedRow, Vault, VaultError};

/// Bytes of one batch while rewriting a database.
const BATCH_BYTES: usize = 1 << 20;

/// One step from a format to the next.
pub struct Migration {
    /// The format it reads. It writes the next.
    pub from: u32,
    /// What becomes of one row: key as on disk and value, opened.
    pub row: fn(MigratedRow) -> Vec<MigratedRow>,
}

/// A row on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigratedRow {
    /// `table | tag | order`.
    pub key: Vec<u8>,
    /// The value, opened.
    pub value: Vec<u8>,
}

/// All migrations, oldest first.
pub const ALL: &[Migration] = &[];

/// Writes the rows of `old` into a new database in `fresh`, in the current format.
///
/// A row that does not open is taken over as it is: it stays unreadable, but nothing is thrown away.
///
/// # Errors
/// There is no path from the old format, or a database cannot be read or written.
pub fn rewrite(old: Box<dyn Kv>, root: &RootKey, fresh: &Path, migrations: &[Migration]) -> Result<(), VaultError> {
    let head = Head::read(&*old)?;
    let mut steps = Vec::new();
    let mut format = head.format;
    while format != FORMAT {
        let step = migrations.iter().find(|step| step.from == format);
        let step = step.ok_or(VaultError::BadHead("its format is older than any this program can read"))?;
        steps.push(step.row);
        format = format.saturating_add(1);
    }
    let old = Vault::open_any_format(old, root)?;
    let new_head = Head { format: FORMAT, ..head };
    let new = Vault::create_with_keyhash(Box::new(SledKv::create(fresh)?), root, new_head, old.copy_of_keyhash())?;
    let mut batch = Batch::default();
    old.walk(|OpenedRow { key, value }| {
        match value {
            Err(stored) => batch.put(key, stored),
            Ok(value) => {
                let mut rows = vec![MigratedRow { key, value }];
                for step in &steps {
                    rows = rows.into_iter().flat_map(step).collect();
                }
                for MigratedRow { key, value } in rows {
                    let sealed = new.seal_value(&key, &value)?;
                    batch.put(key, sealed);
                }
            }
        }
        if batch.bytes() >= BATCH_BYTES {
            new.kv().commit(&std::mem::take(&mut batch), Durability::Soon)?;
        }
        Ok::<_, VaultError>(())
    })?;
    Ok(new.kv().commit(&batch, Durability::Now)?)
}

/// Whether most of a database is garbage: worth copying at the next start. sled keeps about three times the live rows on disk in
/// normal use and never gives space back (measured: 285 MiB to 109 MiB for 200,000 live rows in 5.5 s).
#[must_use]
pub fn worth_compacting(size: u64, live: u64) -> bool {
    /// Size below which nobody cares, in bytes.
    const SMALL: u64 = 64 << 20;
    size > live.saturating_mul(3).saturating_add(SMALL)
}

/// As [`rewrite`] without a change of format: rows are copied sealed.
///
/// # Errors
/// A database cannot be read or written.
pub fn compact(old: &dyn Kv, fresh: &Path) -> Result<(), KvError> {
    old.copy_to(fresh)
}
