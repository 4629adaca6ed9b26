//! Hashes of this folder: the digests that logs and frontiers are compared by.

use crate::crypto::hash::h;
use crate::crypto::labels;
use crate::ids::{DeviceId, EntryId};

/// BLAKE3 output.
pub type Digest = [u8; 32];

/// A digest as it travels in frontiers and probes: its first 16 bytes. Collisions would have to be found on 128 bits, and
/// only hide entries from peers that compare; they forge nothing.
pub type Digest16 = [u8; 16];

/// Digest of a log without entries.
pub const EMPTY: Digest = [0; 32];

/// Digest of a log after one more entry.
#[must_use]
pub fn chain(before: &Digest, id: EntryId) -> Digest {
    h(labels::LOG, &[before, id.as_bytes()])
}

/// Digest of a version that ends in a cut.
#[must_use]
pub(super) fn cut(end: &Digest) -> Digest {
    h(labels::LOG_CUT, &[end])
}

/// Digest of a log that parts after `base`; `versions` in the order of their roots.
#[must_use]
pub(super) fn forked(base: &Digest, versions: &[Digest]) -> Digest {
    let fields: Vec<&[u8]> = std::iter::once(base.as_slice()).chain(versions.iter().map(<[u8; 32]>::as_slice)).collect();
    h(labels::LOG_FORKED, &fields)
}

/// Digest of a channel over (device, floor, log digest) in the order of the devices.
#[must_use]
pub(super) fn channel(rows: impl Iterator<Item = (DeviceId, u64, Digest16)>) -> Digest16 {
    let rows: Vec<Vec<u8>> =
        rows.map(|(device, floor, digest)| [device.as_bytes(), floor.to_be_bytes().as_slice(), &digest].concat()).collect();
    short(&h(labels::FRONTIER, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

/// The form of a digest that travels.
#[must_use]
pub fn short(digest: &Digest) -> Digest16 {
    crate::crypto::hash::prefix(digest)
}
