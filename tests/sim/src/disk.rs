//! The simulated disk: writes become durable some time after they were handed over, together with all that were handed over
//! before the flush began; a power cut loses those that did not, or the last of those that just did. Each commit is whole or
//! absent.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use veche_protocol::ids::CommitId;
use veche_protocol::store::{Dir, Found, Key, Read, Row, Table, Write};

/// Points at which a node can be made to die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    /// The core decided and wants its writes kept; the disk has not been given them.
    BeforeCommit,
    /// The disk has the writes in its queue and has not flushed them.
    BeforeFlush,
    /// Only the first of the commits in a flush reached the disk.
    MidFlush,
    /// The writes are durable; the core was not told.
    AfterCommitBeforeAck,
    /// The core was told and released what waited; none of it was done.
    AfterAckBeforeSend,
    /// The first of the frames that waited is out, the others are not.
    MidBatch,
}

impl CrashPoint {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::BeforeCommit, Self::BeforeFlush, Self::MidFlush, Self::AfterCommitBeforeAck, Self::AfterAckBeforeSend, Self::MidBatch];
}

/// How a disk is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It keeps what it is given.
    #[default]
    Good,
    /// It has no room: every flush fails.
    Full,
}

type Scopes = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>>;

/// A disk.
#[derive(Default)]
pub struct Disk {
    rows: BTreeMap<Table, Scopes>,
    queue: VecDeque<(CommitId, Arc<[Write]>)>,
    flushing: usize,
    /// Refuses everything until it is told to go on, so that no later write is kept without an earlier one.
    stuck: bool,
    /// How it is.
    pub health: Health,
    /// Commits that may wait; one more is refused, and so is everything after it until it is told to go on.
    pub room: Option<usize>,
}

/// What came of a flush.
#[derive(Debug, PartialEq, Eq)]
pub enum Flushed {
    /// These are durable.
    Durable(Vec<CommitId>),
    /// These are not, and nothing is taken before [`Disk::resume`].
    Failed(Vec<CommitId>),
}

impl Disk {
    /// Hands writes over. Returns false if they are refused at once.
    pub fn submit(&mut self, id: CommitId, writes: Arc<[Write]>) -> bool {
        self.stuck |= self.room.is_some_and(|room| self.queue.len() >= room);
        if self.stuck {
            return false;
        }
        self.queue.push_back((id, writes));
        true
    }

    /// Begins a flush of all that was handed over, unless one is under way or there is nothing to flush.
    pub fn begin_flush(&mut self) -> bool {
        if self.flushing > 0 || self.queue.is_empty() {
            return false;
        }
        self.flushing = self.queue.len();
        true
    }

    /// Ends the flush that was begun.
    pub fn end_flush(&mut self) -> Flushed {
        let count = std::mem::take(&mut self.flushing);
        if self.health == Health::Full {
            self.stuck = true;
            return Flushed::Failed(self.queue.drain(..).map(|(id, _)| id).collect());
        }
        Flushed::Durable(self.keep(count))
    }

    /// Takes commits again after a failure.
    pub fn resume(&mut self) {
        self.stuck = false;
    }

    /// Makes the oldest `count` commits durable.
    fn keep(&mut self, count: usize) -> Vec<CommitId> {
        let done: Vec<_> = self.queue.drain(..count.min(self.queue.len())).collect();
        let mut ids = Vec::with_capacity(done.len());
        for (id, writes) in done {
            for write in writes.iter() {
                self.apply(write);
            }
            ids.push(id);
        }
        ids
    }

    fn apply(&mut self, write: &Write) {
        match write {
            Write::Put(key, value) => {
                let scope = self.rows.entry(key.table).or_default().entry(key.scope.clone()).or_default();
                scope.insert(key.order.clone(), value.clone());
            }
            Write::Delete(key) => {
                if let Some(scopes) = self.rows.get_mut(&key.table) {
                    let empty = scopes.get_mut(&key.scope).is_some_and(|scope| {
                        scope.remove(&key.order);
                        scope.is_empty()
                    });
                    if empty {
                        scopes.remove(&key.scope);
                    }
                }
            }
            Write::DeleteScope { table, scope } => {
                if let Some(scopes) = self.rows.get_mut(table) {
                    scopes.remove(scope);
                }
            }
        }
    }

    /// Commits handed over and not durable.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The power goes: of the commits handed over the oldest `kept` made it. Each is whole or absent.
    pub fn power_cut(&mut self, kept: usize) {
        if self.health == Health::Good {
            self.keep(kept);
        }
        self.queue.clear();
        self.flushing = 0;
        self.stuck = false;
    }

    /// Everything is gone.
    pub fn wipe(&mut self) {
        *self = Self { health: self.health, room: self.room, ..Self::default() };
    }

    /// A copy of what is durable, as of a machine whose files were copied.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self { rows: self.rows.clone(), ..Self::default() }
    }

    /// Loses a whole table, as only a damaged disk does.
    pub fn lose(&mut self, table: Table) {
        self.rows.remove(&table);
    }

    /// Loses the rows of a table that fit, as a damaged disk does. Returns how many.
    pub fn lose_rows(&mut self, table: Table, mut fits: impl FnMut(&[u8]) -> bool) -> usize {
        let before = self.len();
        for rows in self.rows.get_mut(&table).into_iter().flat_map(BTreeMap::values_mut) {
            rows.retain(|_, value| !fits(value));
        }
        before - self.len()
    }

    /// The rows that the core is given at start.
    #[must_use]
    pub fn state(&self) -> Vec<(Table, Vec<u8>)> {
        let mut out = Vec::new();
        for table in Table::STATE {
            let scopes = self.rows.get(&table).into_iter().flat_map(BTreeMap::values);
            out.extend(scopes.flat_map(BTreeMap::values).map(|value| (table, value.clone())));
        }
        out
    }

    /// Rows of a table, with scope and position.
    pub fn table(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8], &[u8])> {
        let scopes = self.rows.get(&table).into_iter().flatten();
        scopes.flat_map(|(scope, rows)| rows.iter().map(move |(order, value)| (scope.as_slice(), order.as_slice(), value.as_slice())))
    }

    /// Number of durable rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum()
    }

    /// Whether nothing is durable.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A durable value.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&[u8]> {
        self.rows.get(&key.table)?.get(&key.scope)?.get(&key.order).map(Vec::as_slice)
    }

    /// Reads what is durable.
    #[must_use]
    pub fn read(&self, read: &Read) -> Found {
        match read {
            Read::Get(keys) => Found::Values(keys.iter().map(|key| self.get(key).map(<[u8]>::to_vec)).collect()),
            Read::Range { table, scope, from, to, dir, max_rows, max_bytes } => {
                let Some(rows) = self.rows.get(table).and_then(|scopes| scopes.get(scope)) else { return Found::Rows(Vec::new()) };
                let upper = to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                if to.as_ref().is_some_and(|to| to <= from) {
                    return Found::Rows(Vec::new());
                }
                let range = rows.range::<[u8], _>((Bound::Included(from.as_slice()), upper));
                Found::Rows(match dir {
                    Dir::Forward => bounded(range, *max_rows, *max_bytes),
                    Dir::Backward => bounded(range.rev(), *max_rows, *max_bytes),
                })
            }
        }
    }
}

fn bounded<'a>(rows: impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>, max_rows: usize, max_bytes: usize) -> Vec<Row> {
    let mut bytes = 0;
    let mut out = Vec::new();
    for (order, value) in rows.take(max_rows) {
        out.push(Row { order: order.clone(), value: value.clone() });
        bytes += value.len();
        if bytes > max_bytes {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(n: u8) -> Arc<[Write]> {
        [Write::Put(Key::single(Table::Setting, vec![n]), vec![n])].into()
    }

    fn has(disk: &Disk, n: u8) -> bool {
        disk.get(&Key::single(Table::Setting, vec![n])).is_some()
    }

    #[test]
    fn a_power_cut_keeps_a_prefix_of_what_was_handed_over() {
        let mut disk = Disk::default();
        for n in 1..=3 {
            disk.submit(CommitId(u64::from(n)), put(n));
        }
        assert!(disk.begin_flush());
        assert!(!has(&disk, 1), "nothing is durable before the flush ends");
        disk.power_cut(1);
        assert_eq!([1, 2, 3].map(|n| has(&disk, n)), [true, false, false]);
    }

    #[test]
    fn what_does_not_fit_the_queue_is_not_overtaken() {
        let mut disk = Disk { room: Some(1), ..Disk::default() };
        assert!(disk.submit(CommitId(1), put(1)) && !disk.submit(CommitId(2), put(2)));
        disk.begin_flush();
        assert_eq!(disk.end_flush(), Flushed::Durable(vec![CommitId(1)]));
        assert!(!disk.submit(CommitId(3), put(3)), "there is room, and 2 is not kept yet");
        disk.resume();
        assert!(disk.submit(CommitId(2), put(2)));
    }

    #[test]
    fn a_full_disk_refuses_until_it_is_told_to_go_on() {
        let mut disk = Disk { health: Health::Full, ..Disk::default() };
        disk.submit(CommitId(1), put(1));
        disk.begin_flush();
        assert_eq!(disk.end_flush(), Flushed::Failed(vec![CommitId(1)]));
        disk.health = Health::Good;
        assert!(!disk.submit(CommitId(2), put(2)), "a later write must not be kept without an earlier one");
        disk.resume();
        disk.submit(CommitId(1), put(1));
        disk.begin_flush();
        assert_eq!(disk.end_flush(), Flushed::Durable(vec![CommitId(1)]));
    }
}
