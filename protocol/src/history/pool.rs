//! Entries that wait: for what comes before them, for the store to say what it has, or for the clock. Bounded; whatever is
//! dropped here is still with whoever sent it and comes again with the next sync.

use super::clock;
use super::entry::Parsed;
use super::log::Stored;
use super::space::{Lookup, Need};
use crate::ids::{ChanId, DeviceId, EntryId};
use crate::limits;
use crate::time::{Mono, Now, UnixMs};
use crate::view::Hlc;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Waiting entries of one device in one space: one device cannot crowd out the others.
pub const PENDING_PER_DEVICE: usize = 256;
/// Entries of one space whose time has not come. Honest clocks produce none.
pub const HELD_ENTRIES: usize = 64;
/// An entry that waits this long for what comes before it is dropped.
pub const PENDING_FOR: Duration = Duration::from_secs(600);

/// A waiting entry.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub entry: Parsed,
    pub since: Mono,
    /// Questions to the store that are not answered yet.
    pub asked: BTreeSet<Lookup>,
    /// Questions that were answered.
    pub answered: BTreeSet<Lookup>,
    /// The answers.
    pub found: Vec<(ChanId, DeviceId, Stored)>,
    /// What it waits for.
    pub need: Option<Need>,
    /// Whether it was reported as refused.
    pub doubted: bool,
}

/// Order of the pool: by stamp, so that what is valid comes after everything it refers to.
pub(super) type Slot = (Hlc, EntryId);

/// All waiting entries of a space.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    waiting: BTreeMap<Slot, Pending>,
    held: BTreeMap<Slot, Parsed>,
}

impl Pool {
    pub fn contains(&self, entry: &Parsed) -> bool {
        let slot = slot(entry);
        self.waiting.contains_key(&slot) || self.held.contains_key(&slot)
    }

    pub fn insert(&mut self, now: Now, entry: Parsed) {
        let slot = slot(&entry);
        if clock::is_ahead(now.wall, slot.0) {
            self.held.insert(slot, entry);
            while self.held.len() > HELD_ENTRIES {
                self.held.pop_last();
            }
        } else {
            self.wait(now.mono, entry);
        }
    }

    fn wait(&mut self, since: Mono, entry: Parsed) {
        let (asked, answered, found) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        self.waiting.insert(slot(&entry), Pending { entry, since, asked, answered, found, need: None, doubted: false });
    }

    /// Lets those go whose time has come, and drops those that have waited too long.
    pub fn tick(&mut self, now: Now) {
        while let Some(first) = self.held.first_entry() {
            if clock::is_ahead(now.wall, first.key().0) {
                break;
            }
            let entry = first.remove();
            self.wait(now.mono, entry);
        }
        self.waiting.retain(|_, pending| now.mono.since(pending.since) < PENDING_FOR);
    }

    /// Keeps the bounds: of each device and of all, the entries with the newest stamps go.
    pub fn shrink(&mut self) -> usize {
        let before = self.waiting.len();
        let mut of_device: BTreeMap<DeviceId, usize> = BTreeMap::new();
        self.waiting.retain(|_, pending| {
            let count = of_device.entry(pending.entry.header().device).or_insert(0);
            *count = count.saturating_add(1);
            *count <= PENDING_PER_DEVICE
        });
        while self.waiting.len() > limits::PENDING_ENTRIES {
            self.waiting.pop_last();
        }
        before.saturating_sub(self.waiting.len())
    }

    pub fn slots(&self) -> Vec<Slot> {
        self.waiting.keys().copied().collect()
    }

    pub fn get(&self, slot: &Slot) -> Option<&Pending> {
        self.waiting.get(slot)
    }

    pub fn get_mut(&mut self, slot: &Slot) -> Option<&mut Pending> {
        self.waiting.get_mut(slot)
    }

    pub fn remove(&mut self, slot: &Slot) -> Option<Pending> {
        self.waiting.remove(slot)
    }

    pub fn waiting(&self) -> impl Iterator<Item = &Pending> {
        self.waiting.values()
    }

    pub fn len(&self) -> usize {
        self.waiting.len().saturating_add(self.held.len())
    }

    /// Hands the answer to a question to everybody who asked it.
    pub fn answer(&mut self, lookup: &Lookup, found: &[Stored]) {
        for pending in self.waiting.values_mut() {
            if pending.asked.remove(lookup) {
                pending.answered.insert(*lookup);
                pending.found.extend(found.iter().map(|stored| (lookup.chan, lookup.device, *stored)));
            }
        }
    }

    /// When [`Self::tick`] has something to do: a wall time and a monotonic time.
    pub fn due(&self) -> (Option<UnixMs>, Option<Mono>) {
        let held = self.held.keys().next().map(|(stamp, _)| clock::due(*stamp));
        let stale = self.waiting.values().map(|pending| pending.since.after(PENDING_FOR)).min();
        (held, stale)
    }
}

fn slot(entry: &Parsed) -> Slot {
    (entry.header().hlc, entry.id())
}
