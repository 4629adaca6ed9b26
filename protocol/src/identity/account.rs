//! The account: what the recovery words restore, and what only the account key may sign.

use crate::crypto::aead::{self, Key};
use crate::crypto::{labels, sign};
use crate::ids::AccountId;
use crate::wire::codec;
use crate::wire::directory::LoginClaim;
use crate::wire::identity::{DeviceSet, Signed, Tombstone};
use sign::SigningKey;
use zeroize::Zeroizing;

/// Sequence number of a tombstone: above any that an object of a living account can have.
pub const TOMBSTONE_SEQ: u64 = 1 << 63;

/// Everything that follows from the 128 bits behind the recovery words. Device keys do not: they are never restored.
pub struct AccountSecret {
    entropy: Zeroizing<[u8; 16]>,
    key: SigningKey,
}

impl AccountSecret {
    /// Derives the account from its entropy.
    #[must_use]
    pub fn from_entropy(entropy: [u8; 16]) -> Self {
        let entropy = Zeroizing::new(entropy);
        let seed = derive(&entropy, labels::ACCOUNT_KEY);
        Self { key: SigningKey::from_bytes(&seed), entropy }
    }

    /// The entropy that the recovery words encode.
    #[must_use]
    pub fn entropy(&self) -> &[u8; 16] {
        &self.entropy
    }

    /// The account: its public key.
    #[must_use]
    pub fn account_id(&self) -> AccountId {
        AccountId(self.key.verifying_key().to_bytes())
    }

    /// Pair key by which devices of this account recognise each other in a hello.
    #[must_use]
    pub fn self_pair_key(&self) -> Key {
        derive(&self.entropy, labels::ACCOUNT_PAIR)
    }

    /// Key of this account's encrypted backups.
    #[must_use]
    pub fn backup_key(&self) -> Key {
        derive(&self.entropy, labels::ACCOUNT_BACKUP)
    }

    /// Key of the slot of a backup or key file that the recovery words open.
    #[must_use]
    pub fn recovery_slot_key(&self) -> Key {
        derive(&self.entropy, labels::ACCOUNT_SLOT)
    }

    /// Signs a device set of this account.
    #[must_use]
    pub fn sign_device_set(&self, set: &DeviceSet) -> Signed {
        sign::seal_signed(&self.key, labels::DEVICE_SET, codec::encode(set))
    }

    /// Signs a claim of a login.
    #[must_use]
    pub fn sign_claim(&self, claim: &LoginClaim) -> Signed {
        sign::seal_signed(&self.key, labels::LOGIN_CLAIM, codec::encode(claim))
    }

    /// Signs the end of this account.
    #[must_use]
    pub fn sign_tombstone(&self, made_ms: u64) -> Signed {
        let tombstone = Tombstone { v: 1, account: self.account_id().to_vec(), seq: TOMBSTONE_SEQ, made_ms };
        sign::seal_signed(&self.key, labels::TOMBSTONE, codec::encode(&tombstone))
    }
}

impl std::fmt::Debug for AccountSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccountSecret({:?})", self.account_id())
    }
}

/// The object does not end the account that it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this does not end that account")]
pub struct BadTombstone;

/// Checks that a signed object ends `account`.
///
/// # Errors
/// Another account's, a malformed or an unsigned one.
pub fn verify_tombstone(signed: &Signed, account: AccountId) -> Result<(), BadTombstone> {
    let tombstone: Tombstone = codec::decode(&signed.payload, signed.payload.len()).map_err(|_| BadTombstone)?;
    if tombstone.v != 1 || tombstone.account != account.as_bytes() || tombstone.seq != TOMBSTONE_SEQ {
        return Err(BadTombstone);
    }
    sign::open_signed(&account.0, labels::TOMBSTONE, signed).map(|_| ()).map_err(|_| BadTombstone)
}

fn derive(entropy: &[u8; 16], label: &str) -> Key {
    aead::derive(labels::ACCOUNT.as_bytes(), entropy, label, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_give_the_same_account_and_each_key_is_its_own() {
        let a = AccountSecret::from_entropy([3; 16]);
        assert_eq!(a.account_id(), AccountSecret::from_entropy([3; 16]).account_id());
        assert_ne!(a.account_id(), AccountSecret::from_entropy([4; 16]).account_id());
        assert_ne!(a.self_pair_key(), a.backup_key());
        assert_ne!(a.recovery_slot_key(), a.backup_key());
        assert!(!format!("{a:?}").contains('3'.to_string().repeat(8).as_str()), "debug output shows no secret");
    }

    #[test]
    fn only_the_account_itself_ends_it() {
        let (a, b) = (AccountSecret::from_entropy([3; 16]), AccountSecret::from_entropy([4; 16]));
        let end = a.sign_tombstone(7);
        assert_eq!(verify_tombstone(&end, a.account_id()), Ok(()));
        assert_eq!(verify_tombstone(&end, b.account_id()), Err(BadTombstone));
        let mut forged = b.sign_tombstone(7);
        forged.payload.clone_from(&end.payload);
        assert_eq!(verify_tombstone(&forged, a.account_id()), Err(BadTombstone));
        assert_eq!(verify_tombstone(&Signed::default(), a.account_id()), Err(BadTombstone));
    }
}
