//! One way to open the root key: how the key that seals it (KEK) comes about, and what of that is stored.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::keyring::KeyringError;
use super::{KeyFileError, Protect, Unlock};
use crate::store::keys::{RootKey, SealError, SecretKey};
use crate::store::vault::head::DatabaseId;

const LABEL_WORDS: &str = "veche store 1 recovery slot";
/// Most memory that a key file may ask of Argon2, in KiB: a damaged or foreign file must not bring the machine down.
const MAX_MEMORY_KIB: u32 = 1 << 20;
/// Most passes that a key file may ask for.
const MAX_PASSES: u32 = 64;
/// Most lanes that a key file may ask for.
const MAX_LANES: u32 = 16;

/// How slow a passphrase is made (Argon2id, RFC 9106). Stored with the slot, so raising it later seals 32 bytes again and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; more than one helps only with threads, which are not used.
    pub lanes: u32,
}

impl Default for Cost {
    /// 64 MiB and three passes, the second recommendation of RFC 9106: 0.2 to 0.5 s on a laptop.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 1 }
    }
}

/// The kinds of ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// A passphrase.
    Passphrase,
    /// The keyring of the desktop.
    Keyring,
    /// The recovery words.
    Words,
    /// Nothing is needed.
    Plain,
}

impl SlotKind {
    pub(super) fn of_unlock(unlock: Unlock<'_>) -> Self {
        match unlock {
            Unlock::Passphrase(_) => Self::Passphrase,
            Unlock::Keyring(_) => Self::Keyring,
            Unlock::Words(_) => Self::Words,
            Unlock::Plain => Self::Plain,
        }
    }
}

impl fmt::Display for SlotKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passphrase => "passphrase",
            Self::Keyring => "keyring entry",
            Self::Words => "recovery words",
            Self::Plain => "plain key",
        })
    }
}

/// A slot as stored. Bytes are hex; `sealed` is the root key under the KEK.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Slot {
    Passphrase { salt: String, cost: Cost, sealed: String },
    Keyring { entry: String, sealed: String },
    Words { sealed: String },
    Plain { key: String, sealed: String },
}

impl Slot {
    /// Seals the root key in a new way.
    pub fn seal(database: DatabaseId, root: &RootKey, protect: Protect<'_>) -> Result<Self, KeyFileError> {
        let none = String::new;
        let (mut slot, kek) = match protect {
            Protect::Passphrase(passphrase, cost) => {
                let mut salt = [0; 16];
                getrandom::fill(&mut salt).map_err(|_| KeyFileError::NoRandom)?;
                let kek = key_from_passphrase(passphrase, &salt, cost)?;
                (Self::Passphrase { salt: hex(&salt), cost, sealed: none() }, kek)
            }
            Protect::Keyring(keyring) => {
                // A name of its own: until the key file is written, the old entry must stay what it is.
                let mut number = [0; 8];
                getrandom::fill(&mut number).map_err(|_| KeyFileError::NoRandom)?;
                let entry = format!("profile {} key {}", hex(&database.0), hex(&number));
                let kek = SecretKey::random()?;
                keyring.put(&entry, &kek)?;
                // Some keyrings say yes and keep nothing beyond the session's collection.
                if keyring.get(&entry)?.bytes() != kek.bytes() {
                    return Err(KeyringError::Failed("it did not keep the key".into()).into());
                }
                (Self::Keyring { entry, sealed: none() }, kek)
            }
            Protect::Words(entropy) => (Self::Words { sealed: none() }, key_from_words(entropy)),
            Protect::Plain => {
                let kek = SecretKey::random()?;
                (Self::Plain { key: hex(kek.bytes()), sealed: none() }, kek)
            }
        };
        let sealed = kek.seal(&slot.associated(database)?, root.0.bytes())?;
        *slot.sealed_mut() = hex(&sealed);
        Ok(slot)
    }

    /// Opens the root key.
    pub fn open(&self, database: DatabaseId, unlock: Unlock<'_>) -> Result<RootKey, KeyFileError> {
        let (kek, wrong) = match (self, unlock) {
            (Self::Passphrase { salt, cost, .. }, Unlock::Passphrase(passphrase)) => {
                (key_from_passphrase(passphrase, &unhex(salt)?, *cost)?, KeyFileError::WrongPassphrase)
            }
            (Self::Keyring { entry, .. }, Unlock::Keyring(keyring)) => (keyring.get(entry)?, KeyFileError::WrongKeyringKey),
            (Self::Words { .. }, Unlock::Words(entropy)) => (key_from_words(entropy), KeyFileError::WrongWords),
            (Self::Plain { key, .. }, Unlock::Plain) => {
                let key = Zeroizing::new(unhex::<32>(key)?);
                (SecretKey::from_bytes(&key), KeyFileError::Damaged)
            }
            _ => return Err(KeyFileError::NoSlot(SlotKind::of_unlock(unlock))),
        };
        let sealed = data_encoding::HEXLOWER.decode(self.sealed().as_bytes()).map_err(|_| KeyFileError::Damaged)?;
        match kek.open(&self.associated(database)?, &sealed) {
            Ok(root) => {
                let root = root.as_slice().try_into().map_err(|_| KeyFileError::Damaged)?;
                Ok(RootKey(SecretKey::from_bytes(root)))
            }
            Err(SealError::Rejected) => Err(wrong),
            Err(SealError::NoRandom) => Err(KeyFileError::NoRandom),
        }
    }

    pub fn kind(&self) -> SlotKind {
        match self {
            Self::Passphrase { .. } => SlotKind::Passphrase,
            Self::Keyring { .. } => SlotKind::Keyring,
            Self::Words { .. } => SlotKind::Words,
            Self::Plain { .. } => SlotKind::Plain,
        }
    }

    pub fn keyring_entry(&self) -> Option<&str> {
        match self {
            Self::Keyring { entry, .. } => Some(entry),
            _ => None,
        }
    }

    fn sealed(&self) -> &str {
        match self {
            Self::Passphrase { sealed, .. } | Self::Keyring { sealed, .. } | Self::Words { sealed } | Self::Plain { sealed, .. } => sealed,
        }
    }

    fn sealed_mut(&mut self) -> &mut String {
        match self {
            Self::Passphrase { sealed, .. } | Self::Keyring { sealed, .. } | Self::Words { sealed } | Self::Plain { sealed, .. } => sealed,
        }
    }

    /// Binds the sealed root key to its database and to everything else in the slot: nobody lowers a cost or swaps a slot unnoticed.
    fn associated(&self, database: DatabaseId) -> Result<Vec<u8>, KeyFileError> {
        let mut header = self.clone();
        header.sealed_mut().clear();
        let header = serde_json::to_vec(&header).map_err(std::io::Error::from)?;
        Ok([b"veche keyfile slot 1".as_slice(), &database.0, &header].concat())
    }
}

/// A key from a passphrase (Argon2id version 0x13).
pub fn key_from_passphrase(passphrase: &str, salt: &[u8; 16], cost: Cost) -> Result<SecretKey, KeyFileError> {
    if cost.memory_kib > MAX_MEMORY_KIB || cost.passes > MAX_PASSES || cost.lanes > MAX_LANES {
        return Err(KeyFileError::BadCost);
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| KeyFileError::BadCost)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut *key)
        .map_err(|_| KeyFileError::BadCost)?;
    Ok(SecretKey::from_bytes(&key))
}

fn key_from_words(entropy: &[u8; 16]) -> SecretKey {
    SecretKey::derive_from(entropy, LABEL_WORDS)
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], KeyFileError> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| KeyFileError::Damaged)?;
    bytes.try_into().map_err(|_| KeyFileError::Damaged)
}
