//! An engine in memory for tests and simulations: commits that fail or stand still on demand, and power cuts that lose what was
//! not synced.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use veche_protocol::store::Dir;

use super::kv::{Batch, Durability, Kv, KvError};
use super::sled_kv::SledKv;

/// How an injected failure leaves the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk was full before anything was written.
    Full,
    /// Everything was written, and then the sync failed: the caller hears of an error although the batch may be there.
    SyncFailed,
}

/// The engine. Clones share their rows, so that a test keeps a hand on what the vault owns.
#[derive(Clone, Default)]
pub struct MemKv(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    stalled: Mutex<bool>,
    moves: Condvar,
}

/// While it lives, commits stand still, as on a disk that does not answer.
pub struct Stall(Arc<Shared>);

impl Drop for Stall {
    fn drop(&mut self) {
        *self.0.stalled.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.moves.notify_all();
    }
}

#[derive(Default)]
struct State {
    visible: BTreeMap<Vec<u8>, Vec<u8>>,
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    unsynced: Vec<Batch>,
    faults: Vec<Fault>,
    broken: bool,
    syncs: u64,
}

impl MemKv {
    /// The next commits fail, one for each element, first element first. As with real engines, commits after a failed one
    /// are refused until [`Kv::recover`].
    pub fn fail_next(&self, faults: &[Fault]) {
        self.state().faults.extend_from_slice(faults);
    }

    /// Makes commits stand still.
    #[must_use]
    pub fn stall(&self) -> Stall {
        *self.0.stalled.lock().unwrap_or_else(PoisonError::into_inner) = true;
        Stall(Arc::clone(&self.0))
    }

    /// Loses what was not durable, except the first `survivors` unsynced batches, which happened to reach the disk.
    pub fn power_cut(&self, survivors: usize) {
        let mut state = self.state();
        let state = &mut *state;
        for batch in state.unsynced.drain(..).take(survivors) {
            apply(&mut state.durable, &batch);
        }
        state.visible = state.durable.clone();
        state.broken = false;
    }

    /// Changes the stored bytes of a row behind everybody's back.
    pub fn corrupt(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        if let Some(value) = state.visible.get_mut(key) {
            change(value);
            let value = value.clone();
            state.durable.insert(key.to_vec(), value);
        }
    }

    /// All rows as they are stored.
    #[must_use]
    pub fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.state().visible.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// How many commits were made durable one by one: the number of syncs a real disk would have seen.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(rows: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &Batch) {
    for (key, value) in batch.changes() {
        match value {
            Some(value) => rows.insert(key.to_vec(), value.to_vec()),
            None => rows.remove(key),
        };
    }
}

impl Kv for MemKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self.state().visible.get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], dir: Dir, visit: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), KvError> {
        if from >= to {
            return Ok(());
        }
        // Copied, so that `visit` may use the engine.
        let mut rows: Vec<_> = self
            .state()
            .visible
            .range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if dir == Dir::Backward {
            rows.reverse();
        }
        for (key, value) in rows {
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn commit(&self, batch: &Batch, how: Durability) -> Result<(), KvError> {
        let stalled = self.0.stalled.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.moves.wait_while(stalled, |stalled| *stalled).unwrap_or_else(PoisonError::into_inner));
        let mut state = self.state();
        let state = &mut *state;
        if state.broken {
            return Err(KvError::Io(io::Error::other("an earlier commit failed")));
        }
        let fault = if state.faults.is_empty() { None } else { Some(state.faults.remove(0)) };
        if fault == Some(Fault::Full) {
            state.broken = true;
            return Err(KvError::Full);
        }
        apply(&mut state.visible, batch);
        state.unsynced.push(batch.clone());
        if fault == Some(Fault::SyncFailed) {
            state.broken = true;
            return Err(KvError::Io(io::Error::other("the sync failed")));
        }
        if how == Durability::Now {
            for batch in state.unsynced.drain(..) {
                apply(&mut state.durable, &batch);
            }
            state.syncs = state.syncs.saturating_add(1);
        }
        Ok(())
    }

    fn recover(&self) -> Result<(), KvError> {
        self.state().broken = false;
        Ok(())
    }

    fn size(&self) -> Result<u64, KvError> {
        let bytes: usize = self.state().visible.iter().map(|(key, value)| key.len() + value.len()).sum();
        Ok(bytes as u64)
    }

    fn copy_to(&self, dir: &Path) -> Result<(), KvError> {
        SledKv::copy_of(self, dir).map(drop)
    }
}
