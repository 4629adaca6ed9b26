//! Where the records of history lie, see [`super::rows`] for the table of them.

use crate::crypto::hash::prefix;
use crate::ids::{ChanId, DeviceId, EntryId, SpaceId};
use crate::store::{Dir, Key, Read, Table};
use crate::view::Hlc;

/// Rows that one lookup may return: the kept entries at a position and whatever a device that duplicates its history left there.
const LOOKUP_ROWS: usize = 4096;
/// Bytes that one lookup may return.
const LOOKUP_BYTES: usize = 1024 * 1024;

/// Where a log's entries lie.
#[must_use]
pub fn log_scope(space: SpaceId, chan: ChanId, device: DeviceId) -> Vec<u8> {
    [space.as_bytes(), chan.as_bytes(), device.as_bytes()].concat()
}

/// Key of a log's record of an entry.
#[must_use]
pub fn log_key(space: SpaceId, chan: ChanId, device: DeviceId, seq: u64, id: EntryId) -> Key {
    let id16: [u8; 16] = prefix(&id.0);
    Key { table: Table::Log, scope: log_scope(space, chan, device), order: [seq.to_be_bytes().as_slice(), &id16].concat() }
}

/// Reads the records of a log at positions `from..=to`, up to the given numbers of rows and bytes.
#[must_use]
pub fn log_range(space: SpaceId, chan: ChanId, device: DeviceId, from: u64, to: u64, max_rows: usize, max_bytes: usize) -> Read {
    Read::Range {
        table: Table::Log,
        scope: log_scope(space, chan, device),
        from: from.to_be_bytes().to_vec(),
        to: to.checked_add(1).map(|end| end.to_be_bytes().to_vec()),
        dir: Dir::Forward,
        max_rows,
        max_bytes,
    }
}

/// The read behind [`super::space::Lookup`]: everything stored at positions `from..=to`.
#[must_use]
pub(super) fn lookup(space: SpaceId, chan: ChanId, device: DeviceId, from: u64, to: u64) -> Read {
    log_range(space, chan, device, from, to, LOOKUP_ROWS, LOOKUP_BYTES)
}

/// Key of a timeline's record.
#[must_use]
pub fn timeline_key(space: SpaceId, chan: ChanId, hlc: Hlc, id: EntryId) -> Key {
    Key {
        table: Table::Timeline,
        scope: [space.as_bytes(), chan.as_bytes()].concat(),
        order: [hlc.0.to_be_bytes().as_slice(), id.as_bytes()].concat(),
    }
}

/// Key of the record that leads from an id to a place.
#[must_use]
pub fn index_key(space: SpaceId, id: EntryId) -> Key {
    Key::single(Table::Index, [space.as_bytes(), id.as_bytes()].concat())
}

/// Key of a log's state.
#[must_use]
pub(super) fn head_key(space: SpaceId, chan: ChanId, device: DeviceId) -> Key {
    Key::single(Table::LogHead, [space.as_bytes(), b"log".as_slice(), chan.as_bytes(), device.as_bytes()].concat())
}

/// Key of an auth operation kept in memory.
#[must_use]
pub(super) fn auth_key(space: SpaceId, id: EntryId) -> Key {
    Key::single(Table::LogHead, [space.as_bytes(), b"auth".as_slice(), id.as_bytes()].concat())
}

/// Key of an operation that is not applied yet.
#[must_use]
pub(super) fn pending_key(space: SpaceId, target: EntryId, id: EntryId) -> Key {
    Key::single(Table::LogHead, [space.as_bytes(), b"op".as_slice(), target.as_bytes(), id.as_bytes()].concat())
}
