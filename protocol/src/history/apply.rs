//! Applying operations to messages that are already stored: read where the message is, read its row, change it, write it.
//! Between the reads the core does other things; one message is only changed by one such round at a time.

use super::fold;
use super::keys;
use super::rows::{self, BadRow, CopyRow, IndexRow, LogRow, TimelineRow, fixed};
use super::space::Space;
use crate::ids::{ChanId, DeviceId, EntryId};
use crate::store::{Key, Read, Write};
use crate::view::Hlc;
use std::collections::BTreeSet;

/// What comes after the place of a message was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoldNext {
    /// The message is not here: its operations wait for it.
    Wait,
    /// Read its row; the value goes to [`Space::fold`].
    Read(Read),
    /// The target is not a message: its operations are struck out.
    Nothing(Vec<Write>),
}

/// A message with its operations applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// Its channel.
    pub chan: ChanId,
    /// The row as it is now.
    pub row: TimelineRow,
    /// Whether that is different from before.
    pub changed: bool,
    /// Changes to make durable together.
    pub writes: Vec<Write>,
    /// Records that repeat text to be forgotten: read them first and give their values to [`Folded::forget`]. Usually none.
    pub forget: Vec<Key>,
}

impl Space {
    /// Messages that have operations to apply; to be asked after [`Space::restore`], later [`super::ingest::Ingest::folds`]
    /// says it.
    #[must_use]
    pub fn folds(&self) -> BTreeSet<EntryId> {
        self.folds.targets().collect()
    }

    /// Begins to apply the operations on a message: reads where it is. `None` if there are none or that has begun already.
    /// Exactly one call of [`Self::fold_place`] has to follow.
    #[must_use]
    pub fn fold_begin(&mut self, target: EntryId) -> Option<Read> {
        self.folds.begin(target).then(|| Read::Get(vec![keys::index_key(self.id, target)]))
    }

    /// Goes on with the record found for [`Self::fold_begin`].
    pub fn fold_place(&mut self, target: EntryId, index: Option<&[u8]>) -> FoldNext {
        let place = index.and_then(|value| rows::decode::<IndexRow>(value).ok()).and_then(|row| Some((chan(&row)?, row)));
        let Some((chan, place)) = place else {
            self.folds.cancel(target);
            return FoldNext::Wait;
        };
        if super::ingest::is_message(place.kind) {
            return FoldNext::Read(Read::Get(vec![keys::timeline_key(self.id, chan, Hlc(place.hlc), target)]));
        }
        FoldNext::Nothing(self.folds.take(target).iter().map(|op| Write::Delete(keys::pending_key(self.id, target, op.id))).collect())
    }

    /// Applies every operation on a message to its row. Where the row cannot be read the operations wait for the next start.
    ///
    /// # Errors
    /// A damaged record, or one of a newer version.
    pub fn fold(&mut self, chan: ChanId, target: EntryId, row: Option<&[u8]>) -> Result<Folded, BadRow> {
        let row = row.ok_or(BadRow::Empty).and_then(rows::decode::<TimelineRow>);
        let mut row = row.inspect_err(|_| self.folds.cancel(target))?;
        let mut folded = Folded { chan, row: TimelineRow::default(), changed: false, writes: Vec::new(), forget: Vec::new() };
        for op in self.folds.take(target) {
            let applied = fold::apply(&mut row, &op);
            folded.changed |= applied.changed;
            folded.forget.extend(applied.forget.iter().filter_map(|copy| self.copy_key(chan, copy)));
            folded.writes.push(Write::Delete(keys::pending_key(self.id, target, op.id)));
        }
        if folded.changed {
            folded.writes.push(Write::Put(keys::timeline_key(self.id, chan, Hlc(row.hlc), target), rows::encode(&row)));
        }
        folded.row = row;
        Ok(folded)
    }

    pub(super) fn copy_key(&self, chan: ChanId, copy: &CopyRow) -> Option<Key> {
        let (device, id) = (DeviceId(fixed(&copy.device).ok()?), EntryId(fixed(&copy.id).ok()?));
        Some(keys::log_key(self.id, chan, device, copy.seq, id))
    }
}

impl Folded {
    /// Adds the writes that forget text, given the values of [`Folded::forget`].
    pub fn forget(&mut self, values: &[Option<Vec<u8>>]) {
        for (key, value) in self.forget.drain(..).zip(values) {
            let row = value.as_deref().and_then(|value| rows::decode::<LogRow>(value).ok());
            if let Some(row) = row {
                self.writes.push(Write::Put(key, rows::encode(&row.hollow())));
            }
        }
    }
}

fn chan(row: &IndexRow) -> Option<ChanId> {
    fixed(&row.chan).ok().map(ChanId)
}
