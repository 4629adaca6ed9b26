//! Where a device is, told to one contact through the directory: at a place and under keys that only the two can derive, new ones
//! every day. The directory sees random keys and sealed boxes of one size.

use crate::crypto::aead::{self, Key};
use crate::crypto::sign::SigningKey;
use crate::crypto::{hash, labels, sign};
use crate::ids::{DeviceId, DirectoryKey};
use crate::limits;
use crate::link::Hint;
use crate::time::UnixMs;
use crate::wire::codec;
use crate::wire::directory::{AddressBox, SealedAddress, Whereabouts};
use crate::wire::shapes::WHEREABOUTS;

/// Milliseconds of a day.
const DAY: u64 = 24 * 3600 * 1000;
/// Encoded whereabouts with padding, bytes: what fits a box beside the tag of the seal.
const PLAIN: usize = WHEREABOUTS - aead::TAG;

/// The day of a point in time, counted from 1970 in UTC.
#[must_use]
pub fn day(at: UnixMs) -> u64 {
    at.0.checked_div(DAY).unwrap_or_default()
}

/// Where one device tells one contact where it is, on one day.
pub struct Spot {
    signing: SigningKey,
    seal: Key,
}

/// A box that does not belong to the spot, or is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address is not of this device, day and contact")]
pub struct BadAddress;

impl Spot {
    /// Derived from the key that the pair shares.
    #[must_use]
    pub fn new(pair_key: &[u8; 32], device: DeviceId, day: u64) -> Self {
        let context = [device.as_bytes(), &day.to_be_bytes()[..]].concat();
        let seed = aead::derive(labels::ADDRESS.as_bytes(), pair_key, labels::ADDRESS_SIGN, &context);
        Self {
            signing: SigningKey::from_bytes(&seed),
            seal: aead::derive(labels::ADDRESS.as_bytes(), pair_key, labels::ADDRESS_SEAL, &context),
        }
    }

    /// Where it lies in the directory.
    #[must_use]
    pub fn key(&self) -> DirectoryKey {
        key(&self.signing.verifying_key().to_bytes())
    }

    /// Seals where the device is. `salt` is random.
    #[must_use]
    pub fn seal(&self, hints: &[Hint], now: UnixMs, salt: [u8; 16]) -> SealedAddress {
        let mut plain = Whereabouts { hints: hints.iter().take(limits::HINTS).map(Hint::to_msg).collect(), pad: vec![] };
        // The field of the padding itself takes three bytes, or two while it is short.
        while codec::size(&plain) > PLAIN.saturating_sub(3) {
            plain.hints.pop();
        }
        plain.pad = vec![0; PLAIN.saturating_sub(3).saturating_sub(codec::size(&plain))];
        let ct = aead::seal(&self.key_for(&salt), 0, &[], &codec::encode(&plain));
        let until_ms = now.after(limits::CLAIM_LIFETIME).0;
        let body = AddressBox { seq: now.0, until_ms, salt: salt.to_vec(), ct };
        let sealed = sign::seal_signed(&self.signing, labels::ADDRESS, codec::encode(&body));
        SealedAddress { key: self.signing.verifying_key().to_bytes().to_vec(), sealed: Some(sealed) }
    }

    /// Opens what [`Spot::seal`] made at the same spot.
    ///
    /// # Errors
    /// Anything else.
    pub fn open(&self, found: &SealedAddress) -> Result<(u64, Vec<Hint>), BadAddress> {
        if found.key != self.signing.verifying_key().to_bytes() {
            return Err(BadAddress);
        }
        let (_, body) = verify(found)?;
        let salt = <[u8; 16]>::try_from(body.salt.as_slice()).map_err(|_| BadAddress)?;
        let plain = aead::open(&self.key_for(&salt), 0, &[], &body.ct).map_err(|_| BadAddress)?;
        let plain: Whereabouts = codec::decode(&plain, WHEREABOUTS).map_err(|_| BadAddress)?;
        Ok((body.seq, plain.hints.iter().filter_map(Hint::from_msg).collect()))
    }

    fn key_for(&self, salt: &[u8; 16]) -> Key {
        aead::derive(salt, self.seal.as_slice(), labels::ADDRESS_BOX, &[])
    }
}

/// Where a box with this one-time key lies.
fn key(public: &[u8; 32]) -> DirectoryKey {
    DirectoryKey(hash::h(labels::DIRECTORY_ADDRESS, &[public]))
}

/// Verifies that a box was signed by the one-time key that it names, without being able to open it.
///
/// # Errors
/// A malformed or unsigned one.
pub fn verify(found: &SealedAddress) -> Result<(DirectoryKey, AddressBox), BadAddress> {
    let public = <[u8; 32]>::try_from(found.key.as_slice()).map_err(|_| BadAddress)?;
    let signed = found.sealed.as_ref().ok_or(BadAddress)?;
    sign::open_signed(&public, labels::ADDRESS, signed).map_err(|_| BadAddress)?;
    let body: AddressBox = codec::decode(&signed.payload, limits::RECORD).map_err(|_| BadAddress)?;
    Ok((key(&public), body))
}
