//! Ids and hashes: BLAKE3 in its key-derivation mode, one context for each label of [`super::labels`].
//!
//! Source: the BLAKE3 specification, sections 2.3 (`derive_key`) and 2.2 (`keyed_hash`). Fields are framed by their length,
//! so that no two lists of fields feed the same bytes.

/// Begins every context string: the protocol's name and the month in which its formats were fixed.
pub const CONTEXT: &str = "veche 2026-11 ";

/// Id of an object: `BLAKE3.derive_key("veche 2026-11 " || purpose, payload)` over the payload exactly as received.
#[must_use]
pub fn id(purpose: &str, payload: &[u8]) -> [u8; 32] {
    *hasher(purpose).update(payload).finalize().as_bytes()
}

/// Hash of a list of fields: `BLAKE3.derive_key("veche 2026-11 " || label, …)` over each field's length (u32, little-endian)
/// and bytes.
#[must_use]
pub fn h(label: &str, fields: &[&[u8]]) -> [u8; 32] {
    *framed(hasher(label), fields).finalize().as_bytes()
}

/// Keyed MAC of a list of fields: `BLAKE3.keyed_hash(key, …)` over the framed label and fields.
#[must_use]
pub fn mac(key: &[u8; 32], label: &str, fields: &[&[u8]]) -> [u8; 32] {
    let keyed = framed(blake3::Hasher::new_keyed(key), &[label.as_bytes()]);
    *framed(keyed, fields).finalize().as_bytes()
}

/// Whether bytes are this MAC; takes the same time wherever they differ.
#[must_use]
pub fn same(mac: &[u8; 32], bytes: &[u8]) -> bool {
    // The comparison of two BLAKE3 hashes runs in constant time.
    <[u8; 32]>::try_from(bytes).is_ok_and(|bytes| blake3::Hash::from(*mac) == blake3::Hash::from(bytes))
}

fn hasher(label: &str) -> blake3::Hasher {
    blake3::Hasher::new_derive_key(&[CONTEXT, label].concat())
}

fn framed(mut hasher: blake3::Hasher, fields: &[&[u8]]) -> blake3::Hasher {
    for field in fields {
        // No field comes near 4 GiB: everything hashed was bounded when it was read.
        let len = u32::try_from(field.len()).unwrap_or(u32::MAX);
        hasher.update(&len.to_le_bytes()).update(field);
    }
    hasher
}

/// The first `N` bytes of a hash, for places where fewer are enough.
#[must_use]
pub fn prefix<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    const { assert!(N <= 32, "a hash has 32 bytes") };
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(hash) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cannot_be_shifted_into_each_other() {
        assert_ne!(h("pow", &[b"ab", b"c"]), h("pow", &[b"a", b"bc"]));
        assert_ne!(h("pow", &[b"ab"]), h("pow", &[b"ab", b""]));
        assert_ne!(mac(&[1; 32], "pow", &[b"ab", b"c"]), mac(&[1; 32], "pow", &[b"a", b"bc"]));
    }

    #[test]
    fn labels_and_keys_separate() {
        assert_ne!(id("entry", b"x"), id("space", b"x"));
        assert_ne!(h("body", &[b"x"]), h("pow", &[b"x"]));
        assert_ne!(mac(&[1; 32], "pow", &[b"x"]), mac(&[2; 32], "pow", &[b"x"]));
        assert_ne!(mac(&[1; 32], "pow", &[b"x"]), mac(&[1; 32], "body", &[b"x"]));
    }
}
