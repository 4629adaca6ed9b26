//! The secrets behind a device's prekey bundle: with them others begin sessions while this device sleeps.

use super::double::DoubleAccount;
use super::olm::OlmAccount;
use super::{BadRow, Ratchet, RatchetKind, wrap};
use crate::crypto::aead::{self, BadSeal, Key};
use crate::crypto::{anonymous, labels};
use crate::ids::DeviceId;
use crate::time::UnixMs;
use crate::wire::codec;
use crate::wire::identity::PrekeyBundle;
use crate::wire::ratchet::KeysRow;
use std::time::Duration;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroize;

/// Age at which prekeys are replaced. The ones before are kept for as long again, which is longer than any mailbox keeps a
/// message that was sealed to them.
pub const ROTATE_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// Version of the row.
const VERSION: u8 = 1;

/// Keys of this device with which sessions begin: the ratchet's account, X-Wing keys, and the X25519 key for wraps.
pub struct DeviceKeys {
    kind: RatchetKind,
    pub(super) account: Box<dyn Ratchet>,
    kem: Key,
    kem_before: Option<Key>,
    ek: Key,
    made: UnixMs,
}

impl DeviceKeys {
    /// Makes new keys. Olm draws its own from the operating system; the rest follows from the random `seed`.
    #[must_use]
    pub fn generate(kind: RatchetKind, seed: [u8; 32], now: UnixMs) -> Self {
        let account: Box<dyn Ratchet> = match kind {
            RatchetKind::Olm => Box::new(OlmAccount::generate()),
            RatchetKind::Double => Box::new(DoubleAccount::generate(&seed)),
        };
        let derive = |label| aead::derive(labels::DEVICE.as_bytes(), &seed, label, &[]);
        Self { kind, account, kem: derive(labels::DEVICE_KEM), kem_before: None, ek: derive(labels::DEVICE_WRAP), made: now }
    }

    /// Public identity key of the ratchet, as the device set lists it.
    #[must_use]
    pub fn identity(&self) -> [u8; 32] {
        self.account.identity()
    }

    /// Public X25519 key for wraps, as the device set lists it.
    #[must_use]
    pub fn ek_public(&self) -> [u8; 32] {
        PublicKey::from(&StaticSecret::from(*self.ek)).to_bytes()
    }

    /// Opens what was sealed to [`DeviceKeys::ek_public`] under this label.
    ///
    /// # Errors
    /// Bytes sealed to another key or under another label, or changed.
    pub fn open_anonymous(&self, label: &str, sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
        anonymous::open(&self.ek, label, sealed)
    }

    /// What others need to begin a session with `device`, this one; to be signed by its key.
    #[must_use]
    pub fn bundle(&self, device: DeviceId, now_ms: u64, seq: u64) -> PrekeyBundle {
        PrekeyBundle {
            v: 1,
            device: device.to_vec(),
            seq,
            olm_prekey: self.account.prekey().to_vec(),
            kem: wrap::encapsulation_key(&self.kem),
            made_ms: now_ms,
        }
    }

    /// Replaces the prekeys if they are older than [`ROTATE_AFTER`]; returns whether it did, and a new bundle is to be signed.
    /// `seed` is random.
    pub fn rotate_if_due(&mut self, now: UnixMs, seed: [u8; 32]) -> bool {
        if now.since(self.made) < ROTATE_AFTER {
            return false;
        }
        self.account.rotate(&seed);
        let fresh = aead::derive(labels::DEVICE.as_bytes(), &seed, labels::DEVICE_KEM, &[]);
        self.kem_before = Some(std::mem::replace(&mut self.kem, fresh));
        self.made = now;
        true
    }

    /// Seeds of the X-Wing keys that may still be in use, current one first.
    pub(super) fn kem_seeds(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.kem).chain(&self.kem_before)
    }

    /// The row for the store.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut row = KeysRow {
            kind: self.kind.number(),
            account: self.account.encode(),
            kem: self.kem.to_vec(),
            kem_before: self.kem_before.as_ref().map(|key| key.to_vec()).unwrap_or_default(),
            ek: self.ek.to_vec(),
            made_ms: self.made.0,
        };
        let mut body = codec::encode(&row);
        wipe(&mut row);
        body.insert(0, VERSION);
        body
    }

    /// Reads a row of the store.
    ///
    /// # Errors
    /// A damaged row or one of a newer version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let Some((&VERSION, body)) = bytes.split_first() else { return Err(BadRow) };
        let mut row: KeysRow = codec::decode_own(body).map_err(|_| BadRow)?;
        let keys = Self::from_row(&row);
        wipe(&mut row);
        keys
    }

    fn from_row(row: &KeysRow) -> Result<Self, BadRow> {
        let kind = RatchetKind::of(row.kind)?;
        let account: Box<dyn Ratchet> = match kind {
            RatchetKind::Olm => Box::new(OlmAccount::decode(&row.account)?),
            RatchetKind::Double => Box::new(DoubleAccount::decode(&row.account)?),
        };
        let kem_before = if row.kem_before.is_empty() { None } else { Some(key(&row.kem_before)?) };
        Ok(Self { kind, account, kem: key(&row.kem)?, kem_before, ek: key(&row.ek)?, made: UnixMs(row.made_ms) })
    }
}

/// Overwrites the secrets of a row that is no longer needed.
fn wipe(row: &mut KeysRow) {
    for secret in [&mut row.account, &mut row.kem, &mut row.kem_before, &mut row.ek] {
        secret.zeroize();
    }
}

impl std::fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceKeys({:?})", self.kind)
    }
}

/// A stored key of 32 bytes.
pub(super) fn key(bytes: &[u8]) -> Result<Key, BadRow> {
    <[u8; 32]>::try_from(bytes).map(Key::new).map_err(|_| BadRow)
}
