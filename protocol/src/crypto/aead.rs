//! Authenticated encryption and key derivation, the two steps that everything sealed is made of.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under keys that are used in one place only, with a counter as the nonce;
//! HKDF-SHA-256 (RFC 5869) to derive them.

use super::hash::CONTEXT;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes that sealing adds.
pub const TAG: usize = 16;

/// A key that forgets itself.
pub type Key = Zeroizing<[u8; 32]>;

/// The sealed bytes were changed, belong to another place, or the key is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes cannot be opened with this key")]
pub struct BadSeal;

/// Seals `plain`. The pair of key and counter must never be used again.
#[must_use]
pub fn seal(key: &[u8; 32], counter: u64, aad: &[u8], plain: &[u8]) -> Vec<u8> {
    // The only failure is a plaintext of more than 256 GiB, which no caller can hold; nobody accepts an empty seal.
    XChaCha20Poly1305::new(key.into()).encrypt(&nonce(counter), Payload { msg: plain, aad }).unwrap_or_default()
}

/// Opens what [`seal`] made with the same key, counter and associated data.
///
/// # Errors
/// Anything else.
pub fn open(key: &[u8; 32], counter: u64, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
    XChaCha20Poly1305::new(key.into()).decrypt(&nonce(counter), Payload { msg: sealed, aad }).map_err(|_| BadSeal)
}

/// Derives the key for `label` and `context` from secret material: HKDF with `salt`, and as info the protocol's context
/// string, the label, a zero byte and `context`.
#[must_use]
pub fn derive(salt: &[u8], secret: &[u8], label: &str, context: &[u8]) -> Key {
    let mut key = Key::default();
    // The only failure is an output longer than 255 blocks; this is one.
    let _ = Hkdf::<Sha256>::new(Some(salt), secret).expand_multi_info(&[CONTEXT.as_bytes(), label.as_bytes(), &[0], context], key.as_mut());
    key
}

/// 16 zero bytes and the counter, little-endian.
fn nonce(counter: u64) -> XNonce {
    let mut nonce = XNonce::default();
    for (to, from) in nonce.iter_mut().skip(16).zip(counter.to_le_bytes()) {
        *to = from;
    }
    nonce
}
