//! Devices: the key of one installation, the signed set that says which devices speak for an account, and the signed bundle
//! with which a session to a device is started.

use crate::crypto::{labels, sign};
use crate::ids::{AccountId, DeviceId};
use crate::limits;
use crate::wire::codec::{self, WireError};
use crate::wire::identity::{Device, DeviceSet, PrekeyBundle, Signed};
use crate::wire::shapes::{KEM_KEY, SIGNED_PAYLOAD};
use sign::{BadSignature, SigningKey};

/// The key of this installation (DK). Random, never derived from the words, never in a backup: a copy of it would write two
/// histories under one name.
pub struct DeviceSecret(SigningKey);

impl DeviceSecret {
    /// Makes the key from 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The random bytes, for the store.
    #[must_use]
    pub fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public key.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        DeviceId(self.0.verifying_key().to_bytes())
    }

    /// The key itself, for [`sign::sign`].
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.0
    }

    /// Signs a payload for one of the purposes of [`labels`].
    #[must_use]
    pub fn sign(&self, purpose: &str, payload: &[u8]) -> [u8; 64] {
        sign::sign(&self.0, purpose, payload).1
    }

    /// Signs this device's prekey bundle.
    #[must_use]
    pub fn sign_bundle(&self, bundle: &PrekeyBundle) -> Signed {
        sign::seal_signed(&self.0, labels::PREKEYS, codec::encode(bundle))
    }
}

impl std::fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceSecret({:?})", self.id())
    }
}

/// Why a signed object about devices is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not the message it should be.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Of a version that this program does not know.
    #[error("it is of version {0}, which is newer than this program")]
    Newer(u32),
    /// About another account than expected.
    #[error("it is about another account")]
    OtherAccount,
    /// A key or hash of the wrong length.
    #[error("a {0} has the wrong length")]
    Length(&'static str),
    /// Without devices nobody could speak for the account.
    #[error("it lists no device")]
    NoDevices,
    /// A device is in it twice.
    #[error("it lists a device twice")]
    Twice,
    /// Not signed by the key that it names.
    #[error(transparent)]
    Signature(#[from] BadSignature),
}

/// One device of a verified set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Device key.
    pub device: DeviceId,
    /// Curve25519 identity key of its Olm account.
    pub olm: [u8; 32],
    /// X25519 key for wraps.
    pub ek: [u8; 32],
    /// When it joined, unix ms.
    pub added_ms: u64,
    /// Its name, sealed to the account's own devices.
    pub label_ct: Vec<u8>,
    /// Capability bits.
    pub caps: u32,
}

impl DeviceInfo {
    /// The form in which a set lists it.
    #[must_use]
    pub fn to_wire(&self) -> Device {
        Device {
            dk: self.device.to_vec(),
            olm: self.olm.to_vec(),
            ek: self.ek.to_vec(),
            added_ms: self.added_ms,
            label_ct: self.label_ct.clone(),
            caps: self.caps,
        }
    }
}

/// A verified set of the devices that speak for an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSetInfo {
    /// Whose.
    pub account: AccountId,
    /// Id of the signed payload.
    pub id: [u8; 32],
    /// Larger in each newer set.
    pub epoch: u64,
    /// At most [`limits::DEVICES_PER_ACCOUNT`], at least one, in the order of the set.
    pub devices: Vec<DeviceInfo>,
    /// Id of the set before it.
    pub prev: Option<[u8; 32]>,
}

/// How one set of an account relates to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// The same set.
    Same,
    /// It replaces the other.
    Newer,
    /// The other replaces it.
    Older,
    /// Two different sets of one epoch: only the holder of the account key can cause that, so the person is warned. The set
    /// with the lower id holds, the same one for everybody.
    Conflict {
        /// Whether this one holds.
        holds: bool,
    },
}

impl DeviceSetInfo {
    /// Verifies a set that should be of `account`.
    ///
    /// # Errors
    /// Another account's, a malformed, oversized or unsigned one.
    pub fn verify(signed: &Signed, account: AccountId) -> Result<Self, DeviceError> {
        let set: DeviceSet = codec::decode(&signed.payload, SIGNED_PAYLOAD)?;
        if set.account != account.as_bytes() { Err(DeviceError::OtherAccount) } else { Self::check(&set, account, signed) }
    }

    /// Verifies a set of an account that is learned from the set itself.
    ///
    /// # Errors
    /// A malformed, oversized or unsigned one.
    pub fn verify_unknown(signed: &Signed) -> Result<Self, DeviceError> {
        let set: DeviceSet = codec::decode(&signed.payload, SIGNED_PAYLOAD)?;
        let account = AccountId::from_slice(&set.account).map_err(|_| DeviceError::Length("account key"))?;
        Self::check(&set, account, signed)
    }

    /// The device of this key.
    #[must_use]
    pub fn device(&self, device: DeviceId) -> Option<&DeviceInfo> {
        self.devices.iter().find(|d| d.device == device)
    }

    /// How this set relates to one known before, of the same account.
    #[must_use]
    pub fn succession(&self, known: &Self) -> Succession {
        match self.epoch.cmp(&known.epoch) {
            _ if self.id == known.id => Succession::Same,
            std::cmp::Ordering::Greater => Succession::Newer,
            std::cmp::Ordering::Less => Succession::Older,
            std::cmp::Ordering::Equal => Succession::Conflict { holds: self.id < known.id },
        }
    }

    /// Whether this set replaces one known before, of the same account.
    #[must_use]
    pub fn is_newer_than(&self, known: &Self) -> bool {
        matches!(self.succession(known), Succession::Newer | Succession::Conflict { holds: true })
    }

    fn check(set: &DeviceSet, account: AccountId, signed: &Signed) -> Result<Self, DeviceError> {
        if set.v != 1 {
            return Err(DeviceError::Newer(set.v));
        }
        let devices = set.devices.iter().map(device_info).collect::<Result<Vec<_>, _>>()?;
        if devices.is_empty() {
            return Err(DeviceError::NoDevices);
        }
        let different: std::collections::BTreeSet<DeviceId> = devices.iter().map(|d| d.device).collect();
        if different.len() != devices.len() {
            return Err(DeviceError::Twice);
        }
        let prev = match set.prev.as_slice() {
            [] => None,
            prev => Some(<[u8; 32]>::try_from(prev).map_err(|_| DeviceError::Length("previous id"))?),
        };
        let id = sign::open_signed(&account.0, labels::DEVICE_SET, signed)?;
        Ok(Self { account, id, epoch: set.epoch, devices, prev })
    }
}

/// The epoch of an account's next set: larger than the last one known, and than any made before a loss of that knowledge.
#[must_use]
pub fn next_epoch(known: Option<u64>, now_ms: u64) -> u64 {
    known.map_or(0, |epoch| epoch.saturating_add(1)).max(now_ms)
}

/// A set of devices to be signed by [`super::account::AccountSecret::sign_device_set`]. At most
/// [`limits::DEVICES_PER_ACCOUNT`] devices are taken.
#[must_use]
pub fn device_set(account: AccountId, epoch: u64, devices: &[DeviceInfo], prev: Option<[u8; 32]>) -> DeviceSet {
    DeviceSet {
        v: 1,
        account: account.to_vec(),
        epoch,
        devices: devices.iter().take(limits::DEVICES_PER_ACCOUNT).map(DeviceInfo::to_wire).collect(),
        prev: prev.map(|id| id.to_vec()).unwrap_or_default(),
    }
}

fn device_info(device: &Device) -> Result<DeviceInfo, DeviceError> {
    let key = |bytes: &[u8], what| <[u8; 32]>::try_from(bytes).map_err(|_| DeviceError::Length(what));
    Ok(DeviceInfo {
        device: DeviceId(key(&device.dk, "device key")?),
        olm: key(&device.olm, "ratchet key")?,
        ek: key(&device.ek, "wrap key")?,
        added_ms: device.added_ms,
        label_ct: device.label_ct.clone(),
        caps: device.caps,
    })
}

/// A verified prekey bundle. Whether the device speaks for an account is for its device set to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrekeyInfo {
    /// Which device.
    pub device: DeviceId,
    /// Larger in each newer bundle of the device.
    pub seq: u64,
    /// Olm fallback or one-time key.
    pub olm_prekey: [u8; 32],
    /// X-Wing encapsulation key, [`KEM_KEY`] bytes.
    pub kem: Vec<u8>,
    /// When it was made, unix ms.
    pub made_ms: u64,
}

impl PrekeyInfo {
    /// Verifies a bundle against the device key that it names.
    ///
    /// # Errors
    /// A malformed, oversized or unsigned one.
    pub fn verify(signed: &Signed) -> Result<Self, DeviceError> {
        let bundle: PrekeyBundle = codec::decode(&signed.payload, SIGNED_PAYLOAD)?;
        if bundle.v != 1 {
            return Err(DeviceError::Newer(bundle.v));
        }
        let device = DeviceId::from_slice(&bundle.device).map_err(|_| DeviceError::Length("device key"))?;
        let olm_prekey = bundle.olm_prekey.as_slice().try_into().map_err(|_| DeviceError::Length("prekey"))?;
        if bundle.kem.len() != KEM_KEY {
            return Err(DeviceError::Length("encapsulation key"));
        }
        sign::open_signed(&device.0, labels::PREKEYS, signed)?;
        Ok(Self { device, seq: bundle.seq, olm_prekey, kem: bundle.kem, made_ms: bundle.made_ms })
    }
}

#[cfg(test)]
mod tests;
