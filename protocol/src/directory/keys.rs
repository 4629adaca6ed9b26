//! Keys of an account in the directory: with them somebody can seal a first message to devices that sleep.

use crate::crypto::{hash, labels};
use crate::identity::device::{DeviceError, DeviceSetInfo, PrekeyInfo};
use crate::ids::{AccountId, DeviceId, DirectoryKey};
use crate::limits;
use crate::wire::directory::AccountKeys;
use crate::wire::identity::Signed;
use std::collections::BTreeMap;

/// Where the keys of an account are found.
#[must_use]
pub fn key(account: AccountId) -> DirectoryKey {
    DirectoryKey(hash::h(labels::DIRECTORY_KEYS, &[account.as_bytes()]))
}

/// Verified keys.
#[derive(Clone, Debug, PartialEq)]
pub struct KeysInfo {
    /// The devices of the account.
    pub set: DeviceSetInfo,
    /// The set as signed.
    pub device_set: Signed,
    /// The newest bundle of each device of the set, at most [`limits::KEY_BUNDLES`].
    pub bundles: BTreeMap<DeviceId, (PrekeyInfo, Signed)>,
}

/// Verifies keys that should be of the account whose records lie at `at`. Bundles of devices that the set does not list are left out.
///
/// # Errors
/// A bad device set or bundle, or keys of another account.
pub fn verify(keys: &AccountKeys, at: DirectoryKey) -> Result<KeysInfo, DeviceError> {
    let device_set = keys.device_set.clone().unwrap_or_default();
    let set = DeviceSetInfo::verify_unknown(&device_set)?;
    if key(set.account) != at {
        return Err(DeviceError::OtherAccount);
    }
    let mut bundles: BTreeMap<DeviceId, (PrekeyInfo, Signed)> = BTreeMap::new();
    for signed in keys.bundles.iter().take(limits::KEY_BUNDLES) {
        let info = PrekeyInfo::verify(signed)?;
        let listed = set.device(info.device).is_some();
        if listed && bundles.get(&info.device).is_none_or(|(known, _)| known.seq < info.seq) {
            bundles.insert(info.device, (info, signed.clone()));
        }
    }
    Ok(KeysInfo { set, device_set, bundles })
}

impl KeysInfo {
    /// What two verified states of one account come to: the newer set, and the newest bundle of each of its devices.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let (mut newer, older) = if other.set.is_newer_than(&self.set) { (other, self) } else { (self, other) };
        for (device, bundle) in older.bundles {
            let listed = newer.set.device(device).is_some();
            if listed && newer.bundles.get(&device).is_none_or(|(known, _)| known.seq < bundle.0.seq) {
                newer.bundles.insert(device, bundle);
            }
        }
        while newer.bundles.len() > limits::KEY_BUNDLES {
            // The device whose bundle is oldest is the one least likely to read what is sealed to it.
            let Some(oldest) = newer.bundles.iter().min_by_key(|(_, (info, _))| info.seq).map(|(device, _)| *device) else { break };
            newer.bundles.remove(&oldest);
        }
        newer
    }

    /// The form in which it travels.
    #[must_use]
    pub fn to_wire(&self) -> AccountKeys {
        AccountKeys {
            device_set: Some(self.device_set.clone()),
            bundles: self.bundles.values().map(|(_, signed)| signed.clone()).collect(),
        }
    }
}
