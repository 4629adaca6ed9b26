//! Sealing to somebody's lasting X25519 key without telling who sealed: an ephemeral key and one box.
//!
//! The construction is that of the base mode of HPKE (RFC 9180, section 5.1.1) in the protocol's own primitives: an ephemeral
//! X25519 agreement, a key derived from it and from both public keys, one XChaCha20-Poly1305 box under that key.

use super::aead::{self, BadSeal, Key, TAG};
use super::link::{Ephemeral, WeakKey};

/// Bytes that sealing adds: the ephemeral key and the tag.
pub const AROUND: usize = 32 + TAG;

/// Seals `plain` to a public key. `random` must be fresh for every box; `label` is one of [`super::labels`].
///
/// # Errors
/// A public key of small order.
pub fn seal(public: &[u8; 32], label: &str, random: [u8; 32], plain: &[u8]) -> Result<Vec<u8>, WeakKey> {
    let ephemeral = Ephemeral::from_random(random);
    let from = ephemeral.public();
    let key = derive(&ephemeral.agree(public)?, &from, public, label);
    let mut out = from.to_vec();
    out.extend(aead::seal(&key, 0, &[], plain));
    Ok(out)
}

/// Opens what [`seal`] made for the public half of `secret` under the same label.
///
/// # Errors
/// Anything else.
pub(super) fn open(secret: &Key, label: &str, sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
    let (from, sealed) = sealed.split_first_chunk::<32>().ok_or(BadSeal)?;
    let secret = Ephemeral::from_random(**secret);
    let agreed = secret.agree(from).map_err(|_| BadSeal)?;
    aead::open(&derive(&agreed, from, &secret.public(), label), 0, &[], sealed)
}

fn derive(agreed: &Key, from: &[u8; 32], to: &[u8; 32], label: &str) -> Key {
    aead::derive(&[from.as_slice(), to].concat(), agreed.as_slice(), label, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::labels;

    #[test]
    fn only_the_owner_of_the_key_opens_a_box_and_only_under_its_label() {
        let (mine, other) = (Key::new([3; 32]), Key::new([4; 32]));
        let public = Ephemeral::from_random(*mine).public();
        let sealed = seal(&public, labels::MAILBOX_DOOR, [9; 32], b"hello").unwrap();
        assert_eq!(sealed.len(), 5 + AROUND);
        assert_eq!(open(&mine, labels::MAILBOX_DOOR, &sealed).unwrap(), b"hello");
        assert_eq!(open(&other, labels::MAILBOX_DOOR, &sealed), Err(BadSeal));
        assert_eq!(open(&mine, labels::MAILBOX_FRAME, &sealed), Err(BadSeal));
        for at in [0, 31, 32, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&mine, labels::MAILBOX_DOOR, &changed), Err(BadSeal), "byte {at}");
        }
        assert_eq!(open(&mine, labels::MAILBOX_DOOR, &sealed[..31]), Err(BadSeal));
    }

    #[test]
    fn a_key_of_small_order_is_refused_on_both_sides() {
        assert!(seal(&[0; 32], labels::MAILBOX_DOOR, [9; 32], b"hello").is_err());
        assert_eq!(open(&Key::new([3; 32]), labels::MAILBOX_DOOR, &[0; 64]), Err(BadSeal));
    }
}
