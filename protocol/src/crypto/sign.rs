//! Signatures: Ed25519 (RFC 8032) over the id of an object, never over a re-encoding of it.
//!
//! The signed message is `"veche-sig-v1\0" || purpose || 0x00 || id(purpose, payload)`. Verification is strict: keys and
//! commitments of small order and non-canonical scalars are refused, so that all implementations agree on what is valid.

use super::hash;
use crate::wire::identity::Signed;
pub use ed25519_dalek::SigningKey;
use ed25519_dalek::{Signature, Signer, VerifyingKey};

/// Begins every signed message.
const DOMAIN: &[u8] = b"veche-sig-v1\0";

/// The signature is not of this key over this payload for this purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not match")]
pub struct BadSignature;

/// Signs a payload; returns its id and the signature.
#[must_use]
pub fn sign(key: &SigningKey, purpose: &str, payload: &[u8]) -> ([u8; 32], [u8; 64]) {
    let id = hash::id(purpose, payload);
    (id, key.sign(&message(purpose, &id)).to_bytes())
}

/// Verifies a signature over a payload as received; returns the payload's id.
///
/// # Errors
/// A key or signature that is malformed, weak or does not match.
pub fn verify(public: &[u8; 32], purpose: &str, payload: &[u8], sig: &[u8]) -> Result<[u8; 32], BadSignature> {
    let id = hash::id(purpose, payload);
    verify_id(public, purpose, &id, sig)?;
    Ok(id)
}

/// Verifies a signature over a payload whose id is already known.
///
/// # Errors
/// A key or signature that is malformed, weak or does not match.
pub fn verify_id(public: &[u8; 32], purpose: &str, id: &[u8; 32], sig: &[u8]) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(public).map_err(|_| BadSignature)?;
    let sig = Signature::from_slice(sig).map_err(|_| BadSignature)?;
    key.verify_strict(&message(purpose, id), &sig).map_err(|_| BadSignature)
}

/// Signs a payload into the form in which signed objects travel.
#[must_use]
pub fn seal_signed(key: &SigningKey, purpose: &str, payload: Vec<u8>) -> Signed {
    let (_, sig) = sign(key, purpose, &payload);
    Signed { payload, sig: sig.to_vec() }
}

/// Verifies a signed object; returns its id.
///
/// # Errors
/// A key or signature that is malformed, weak or does not match.
pub fn open_signed(public: &[u8; 32], purpose: &str, signed: &Signed) -> Result<[u8; 32], BadSignature> {
    verify(public, purpose, &signed.payload, &signed.sig)
}

fn message(purpose: &str, id: &[u8; 32]) -> Vec<u8> {
    [DOMAIN, purpose.as_bytes(), &[0], id].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_one_key_purpose_and_payload() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let (id, sig) = sign(&key, "entry", b"hello");
        assert_eq!(verify(&public, "entry", b"hello", &sig), Ok(id));
        assert_eq!(verify(&public, "space", b"hello", &sig), Err(BadSignature));
        assert_eq!(verify(&public, "entry", b"hellO", &sig), Err(BadSignature));
        assert_eq!(verify(&public, "entry", b"hello", sig.get(..63).unwrap_or_default()), Err(BadSignature));
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
        assert_eq!(verify(&other, "entry", b"hello", &sig), Err(BadSignature));
    }

    #[test]
    fn a_key_of_small_order_signs_nothing() {
        // With A and R the identity and s = 0 the plain verification equation holds for every message.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut sig = [0; 64];
        sig[0] = 1;
        assert_eq!(verify(&identity, "entry", b"anything", &sig), Err(BadSignature));
    }
}
