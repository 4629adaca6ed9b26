//! The post-quantum wrap around ratchet messages: XChaCha20-Poly1305 under a key that the sender has encapsulated to the
//! receiver's X-Wing key (draft-connolly-cfrg-xwing-kem). Each direction has keys of its own.
//!
//! The encapsulation travels with every message until the receiver has shown that it holds the key; after a week or a
//! thousand messages the sender makes a new one.

use super::keys::{DeviceKeys, key};
use super::{BadRow, Closed};
use crate::crypto::aead::{self, Key};
use crate::crypto::{hash, labels};
use crate::ids::DeviceId;
use crate::time::UnixMs;
use crate::wire::link::SealedFrame;
use crate::wire::ratchet::{ReceiveWrapRow, SendWrapRow};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use std::time::Duration;
use x_wing::kem::{Decapsulator, KeyExport};
use x_wing::{Ciphertext, DecapsulationKeyRejectNonContrib, Encapsulate, EncapsulationKey, TryDecapsulate};

/// Age at which the sender makes a new key.
pub const RENEW_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// Messages after which the sender makes a new key.
pub const RENEW_MESSAGES: u64 = 1000;
/// Keys kept for receiving: messages under the one before may still be on their way.
pub const RECEIVING: usize = 4;
/// Format of a sealed frame.
const VERSION: u32 = 1;

/// First 8 bytes of the hash of a wrap key: names it on the wire.
pub(super) type WrapId = [u8; 8];

/// Public part of the X-Wing key of a seed.
pub(super) fn encapsulation_key(seed: &[u8; 32]) -> Vec<u8> {
    DecapsulationKeyRejectNonContrib::from(*seed).encapsulation_key().to_bytes().to_vec()
}

/// The two ends of a direction.
#[derive(Clone, Copy)]
pub(super) struct Direction {
    pub(super) from: DeviceId,
    pub(super) to: DeviceId,
}

impl Direction {
    /// The key that an agreement gives in this direction. The ciphertext is bound in, as X-Wing itself does not bind all of it.
    fn key(self, shared: &[u8], kem_ct: &[u8]) -> Key {
        let context = hash::h(labels::PAIR_WRAP, &[self.from.as_bytes(), self.to.as_bytes(), kem_ct]);
        aead::derive(&[], shared, labels::PAIR_WRAP, &context)
    }

    /// Associated data of a frame.
    fn bind(self, id: WrapId, counter: u64) -> [u8; 32] {
        let version = VERSION.to_le_bytes();
        hash::h(labels::PAIR_FRAME, &[&version, self.from.as_bytes(), self.to.as_bytes(), &id, &counter.to_le_bytes()])
    }
}

fn id_of(key: &Key) -> WrapId {
    hash::prefix(&hash::mac(key, labels::PAIR_WRAP_ID, &[]))
}

/// The key for sending.
pub(super) struct Sending {
    key: Key,
    id: WrapId,
    kem_ct: Vec<u8>,
    counter: u64,
    made: UnixMs,
}

impl Sending {
    /// Encapsulates a new key to the receiver's X-Wing key. `None` if that is malformed.
    pub(super) fn new(direction: Direction, kem: &[u8], now: UnixMs, seed: [u8; 32]) -> Option<Self> {
        let theirs = EncapsulationKey::try_from(kem).ok()?;
        let (kem_ct, shared) = theirs.encapsulate_with_rng(&mut ChaCha20Rng::from_seed(seed));
        let key = direction.key(&shared, &kem_ct);
        Some(Self { id: id_of(&key), key, kem_ct: kem_ct.to_vec(), counter: 0, made: now })
    }

    pub(super) fn is_due(&self, now: UnixMs) -> bool {
        self.counter >= RENEW_MESSAGES || now.since(self.made) >= RENEW_AFTER
    }

    /// The receiver has shown that it holds the key of this id.
    pub(super) fn confirm(&mut self, id: &[u8]) {
        if id == self.id {
            self.kem_ct.clear();
        }
    }

    /// Whether the receiver once held this key and now shows another one, or none.
    pub(super) fn is_lost(&self, shown: &[u8]) -> bool {
        self.kem_ct.is_empty() && shown != self.id
    }

    pub(super) fn seal(&mut self, direction: Direction, plain: &[u8]) -> SealedFrame {
        let counter = self.counter;
        // A position is never used twice: the store commits this state before the frame leaves.
        self.counter = counter.saturating_add(1);
        SealedFrame {
            v: VERSION,
            kem_ct: self.kem_ct.clone(),
            wrap_id: self.id.to_vec(),
            counter,
            ct: aead::seal(&self.key, counter, &direction.bind(self.id, counter), plain),
        }
    }

    pub(super) fn to_row(&self) -> SendWrapRow {
        SendWrapRow { key: self.key.to_vec(), kem_ct: self.kem_ct.clone(), counter: self.counter, made_ms: self.made.0 }
    }

    pub(super) fn from_row(row: SendWrapRow) -> Result<Self, BadRow> {
        let key = key(&row.key)?;
        Ok(Self { id: id_of(&key), key, kem_ct: row.kem_ct, counter: row.counter, made: UnixMs(row.made_ms) })
    }
}

/// The keys for receiving, the one used last at the end.
#[derive(Default)]
pub(super) struct Receiving(Vec<(WrapId, Key)>);

/// A frame that opened: its content, and the key if it came with the frame.
pub(super) struct Unwrapped {
    pub(super) plain: Vec<u8>,
    pub(super) id: WrapId,
    new: Option<Key>,
}

impl Receiving {
    /// Opens a frame. Changes nothing; [`Self::used`] does once the content has opened too.
    pub(super) fn open(&self, direction: Direction, keys: &DeviceKeys, frame: &SealedFrame) -> Result<Unwrapped, Closed> {
        let id: WrapId = frame.wrap_id.as_slice().try_into().map_err(|_| Closed::Foreign)?;
        if frame.v != VERSION {
            return Err(Closed::Foreign);
        }
        let open = |key: &Key| aead::open(key, frame.counter, &direction.bind(id, frame.counter), &frame.ct).map_err(|_| Closed::Foreign);
        if let Some((_, key)) = self.0.iter().find(|(known, _)| *known == id) {
            return Ok(Unwrapped { plain: open(key)?, id, new: None });
        }
        let kem_ct = Ciphertext::try_from(frame.kem_ct.as_slice()).map_err(|_| Closed::Foreign)?;
        let agreed = keys.kem_seeds().find_map(|seed| {
            let shared = DecapsulationKeyRejectNonContrib::from(**seed).try_decapsulate(&kem_ct).ok()?;
            Some(direction.key(&shared, &frame.kem_ct)).filter(|key| id_of(key) == id)
        });
        let key = agreed.ok_or(Closed::Foreign)?;
        Ok(Unwrapped { plain: open(&key)?, id, new: Some(key) })
    }

    /// Keeps the key that a frame brought, and the order of use.
    pub(super) fn used(&mut self, unwrapped: &mut Unwrapped) {
        let key = match unwrapped.new.take() {
            Some(key) => Some((unwrapped.id, key)),
            None => self.0.iter().position(|(id, _)| *id == unwrapped.id).map(|at| self.0.remove(at)),
        };
        self.0.extend(key);
        let surplus = self.0.len().saturating_sub(RECEIVING);
        self.0.drain(..surplus);
    }

    /// The key that the other side used last, to be confirmed to it.
    pub(super) fn last_used(&self) -> Option<WrapId> {
        self.0.last().map(|(id, _)| *id)
    }

    pub(super) fn to_rows(&self) -> Vec<ReceiveWrapRow> {
        self.0.iter().map(|(_, key)| ReceiveWrapRow { key: key.to_vec() }).collect()
    }

    pub(super) fn from_rows(rows: &[ReceiveWrapRow]) -> Result<Self, BadRow> {
        rows.iter().take(RECEIVING).map(|row| key(&row.key).map(|key| (id_of(&key), key))).collect::<Result<_, _>>().map(Self)
    }
}
