//! Profiles with long histories, for what depends on their size.
//!
//! People, contacts and keys come out of the simulator, so a node opens such a profile as its own. The histories are written by
//! the history layer of the protocol, entry by entry, signed and checked as always; only the ratchet and the network between the
//! writers are left out. What comes of it goes through the store's own sealing into its own database.

pub mod away;
pub mod library;
mod pen;
mod words;

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use veche_node::store::keyfile::{KeyFile, Protect, Unlock};
use veche_node::store::kv::Durability;
use veche_node::store::open::Profile;
use veche_node::store::vault::Vault;
use veche_node::store::writer::Store;
use veche_protocol::ids::CommitId;
use veche_protocol::store::{Key, Table, Write};
use veche_sim::node::{Clock, START, Who};
use veche_sim::world::World;

/// Rows written at once.
const BATCH: usize = 4_000;
/// Part of the names of kept profiles: another number where what is written changes.
const GENERATION: u32 = 1;
/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// Where profiles are kept between runs: beside the programs, in the target directory.
fn kept(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).context("a program in a target directory")?;
    Ok(target.join("bench-profiles").join(format!("{name}-{GENERATION}")))
}

/// The kept folder of a name; `make` fills it where there is none. What was begun and not finished is begun again.
fn keep(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let place = kept(name)?;
    if place.exists() {
        return Ok(place);
    }
    let draft = place.with_extension("draft");
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    fs::create_dir_all(&draft)?;
    make(&draft)?;
    fs::rename(&draft, &place)?;
    Ok(place)
}

/// Copies a profile.
///
/// # Errors
/// The disk.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &there)?;
        } else if entry.file_type()?.is_file() {
            fs::copy(entry.path(), there)?;
        }
    }
    Ok(())
}

/// The clocks of a machine that lived this long ago when the world began.
fn clock_before(days: u64) -> Result<Clock> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    Ok(Clock { offset: now - i64::try_from(days * DAY)? - i64::try_from(START.0)?, ppm: 0 })
}

/// A database that is being filled.
struct Shelf {
    vault: Vault,
    waiting: Vec<Write>,
}

impl Shelf {
    /// An empty profile of this account, without a passphrase.
    fn new(dir: &Path, entropy: &[u8; 16]) -> Result<(Self, Profile)> {
        let profile = Profile::lock(dir)?;
        let (mut keyfile, root) = KeyFile::create(dir, Protect::Plain)?;
        keyfile.set_account(&root, entropy)?;
        let vault = profile.create(&root, keyfile.database(), 0)?;
        Ok((Self { vault, waiting: Vec::new() }, profile))
    }

    fn put(&mut self, writes: impl IntoIterator<Item = Write>) -> Result<()> {
        self.waiting.extend(writes);
        if self.waiting.len() >= BATCH {
            self.vault.commit(&std::mem::take(&mut self.waiting), Durability::Soon)?;
        }
        Ok(())
    }

    /// Puts everything that is on the disk of a simulated node, ends it, and opens the database once, so that whatever the first start has
    /// to tidy up is done.
    fn finish(mut self, profile: &Profile, world: &World, who: Who) -> Result<()> {
        for table in Table::STATE.into_iter().chain(Table::HISTORY) {
            let rows = world.node(who).disk.table(table);
            self.put(
                rows.map(|(scope, order, value)| Write::Put(Key { table, scope: scope.to_vec(), order: order.to_vec() }, value.to_vec())),
            )?;
        }
        self.vault.commit(&self.waiting, Durability::Now)?;
        let store = Store::start(self.vault, (), Box::new(|_| {}))?;
        store.measure()?;
        store.close();
        drop(store);
        let keyfile = KeyFile::load(profile.dir())?;
        let root = keyfile.unlock(Unlock::Plain)?;
        drop(profile.open(&root, keyfile.database())?);
        Ok(())
    }
}

/// Gives rows to the disk of a node that does not run.
fn onto_disk(world: &mut World, who: Who, writes: Vec<Write>) -> Result<()> {
    ensure!(!world.node(who).is_up(), "a running node writes its disk itself");
    let disk = &mut world.node_mut(who).disk;
    ensure!(disk.submit(CommitId(u64::MAX), writes.into()) && disk.begin_flush(), "the simulated disk takes the rows");
    disk.end_flush();
    Ok(())
}
