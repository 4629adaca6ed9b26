//! Keys of the store and the one way to use them: a root key, subkeys derived from it, and sealing.
//!
//! Sealing is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random 24-byte nonce, which may be drawn without
//! counting. Derivation is HKDF-SHA256 (RFC 5869) with a label for each purpose.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 24;
/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = 16;
/// Bytes by which sealing makes a value longer.
pub const SEAL_OVERHEAD: usize = NONCE_BYTES + TAG_BYTES;

/// 32 secret bytes, wiped when dropped. Deliberately without `Debug` and `Clone`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// Why sealing or opening failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The system has no random numbers to give.
    #[error("The system gave no random numbers. Restart the computer and try again.")]
    NoRandom,
    /// Another key, other associated data, or changed bytes.
    #[error("The sealed data does not open with this key.")]
    Rejected,
}

impl SecretKey {
    /// Fresh from the system.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> Result<Self, SealError> {
        let mut key = Self([0; 32]);
        getrandom::fill(&mut key.0).map_err(|_| SealError::NoRandom)?;
        Ok(key)
    }

    /// From bytes that somebody else kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }

    /// From input of any length that has at least 16 bytes of entropy. Not for passphrases.
    #[must_use]
    pub fn derive_from(input: &[u8], label: &str) -> Self {
        let mut key = Self([0; 32]);
        // 32 bytes are far below the limit of the expansion (255 hashes), so this cannot fail.
        let done = Hkdf::<Sha256>::new(None, input).expand(label.as_bytes(), &mut key.0);
        debug_assert!(done.is_ok());
        key
    }

    /// The subkey for one purpose.
    #[must_use]
    pub fn derive(&self, label: &str) -> Self {
        Self::derive_from(&self.0, label)
    }

    /// The bytes, for a keyed hash or a key store.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Appends `nonce | ciphertext | tag` to `out`.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn seal_into(&self, associated: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        out.extend_from_slice(&nonce);
        self.seal_with_nonce(&nonce, associated, plain, out)
    }

    /// `nonce | ciphertext | tag`.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn seal(&self, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut out = Vec::with_capacity(plain.len().saturating_add(SEAL_OVERHEAD));
        self.seal_into(associated, plain, &mut out)?;
        Ok(out)
    }

    /// Opens what [`seal`](Self::seal) made.
    ///
    /// # Errors
    /// Another key, other associated data, or changed bytes.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, body) = sealed.split_first_chunk().ok_or(SealError::Rejected)?;
        self.open_with_nonce(nonce, associated, body)
    }

    /// Appends `ciphertext | tag` to `out`. The caller answers for the nonce never coming back under this key.
    ///
    /// # Errors
    /// The value is longer than the cipher can take (256 GiB).
    pub fn seal_with_nonce(&self, nonce: &[u8; NONCE_BYTES], associated: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let start = out.len();
        out.extend_from_slice(plain);
        let body = out.get_mut(start..).unwrap_or_default();
        let tag = self.cipher().encrypt_inout_detached(&XNonce::from(*nonce), associated, body.into()).map_err(|_| SealError::Rejected)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens `ciphertext | tag`.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_with_nonce(&self, nonce: &[u8; NONCE_BYTES], associated: &[u8], body: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (cipher, tag) = body.split_last_chunk::<TAG_BYTES>().ok_or(SealError::Rejected)?;
        let mut plain = Zeroizing::new(cipher.to_vec());
        self.cipher()
            .decrypt_inout_detached(&XNonce::from(*nonce), associated, plain.as_mut_slice().into(), &(*tag).into())
            .map_err(|_| SealError::Rejected)?;
        Ok(plain)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

/// The key from which all others of a database come. Kept by the key file, sealed.
pub struct RootKey(pub(super) SecretKey);

impl RootKey {
    /// A new one.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn random() -> Result<Self, SealError> {
        SecretKey::random().map(Self)
    }

    /// The subkey for one purpose.
    #[must_use]
    pub fn derive(&self, label: &str) -> SecretKey {
        self.0.derive(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_and_place() {
        let key = SecretKey::random().unwrap();
        let sealed = key.seal(b"place", b"words").unwrap();
        assert_eq!(key.open(b"place", &sealed).unwrap().as_slice(), b"words");
        assert_eq!(key.open(b"elsewhere", &sealed).unwrap_err(), SealError::Rejected);
        assert_eq!(key.derive("x").open(b"place", &sealed).unwrap_err(), SealError::Rejected);
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(key.open(b"place", &bent).is_err(), "byte {at}");
            assert!(key.open(b"place", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    /// HKDF-SHA256 of 32 bytes 0x0b with label "records", computed with an independent implementation: a changed derivation would
    /// lock everybody out of their history.
    #[test]
    fn derivation_never_changes() {
        let key = SecretKey::from_bytes(&[0x0b; 32]).derive("records");
        let hex = data_encoding::HEXLOWER.encode(key.bytes());
        assert_eq!(hex, "f63bef2faa68effbad456943c3ec24beefc138f7f6c0e9f5dbb086fde8da0b69");
    }
}
