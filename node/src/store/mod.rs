//! The store: one encrypted database for each profile, its keys, its crash safety and its backups. The only folder that
//! names sled, and the only place of the node that names crypto crates.
//!
//! From the bottom up:
//! - [`kv`]: an ordered map of bytes with atomic, durable batches. [`sled_kv`] keeps it on disk, [`mem_kv`] in memory
//!   with faults on demand.
//! - [`vault`]: seals every value and hides every scope; an engine below it never sees plaintext.
//! - [`writer`]: one thread that groups commits, flushes once for all of them and only then reports them.
//! - [`open`]: the profile directory: one instance, format, migrations, compaction, damage.
//! - [`keyfile`]: where the root key waits while nobody is here: passphrase, keyring, recovery words or plain file.
//! - [`backup`]: an encrypted copy in one file, and the way back.
//!
//! Everything here blocks. Nothing here decides anything about the protocol.

pub mod backup;
pub mod keyfile;
pub mod keys;
pub mod kv;
pub mod mem_kv;
pub mod migrations;
pub mod open;
pub mod sled_kv;
pub mod vault;
pub mod writer;

pub(crate) mod files;
