//! The password of a user of a relay for calls, as "A REST API for Access to TURN Services" (draft-uberti-behave-turn-rest-00) has it:
//! base64 of HMAC-SHA1 over the name. SHA-1 has no known weakness in this use (RFC 6194 §3.3), and this is what TURN servers compute.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Whoever knows the secret that the relay and whoever lets people in share can compute it for any name.
#[must_use]
pub fn password(secret: &[u8; 32], username: &str) -> String {
    // Any length of a key is taken.
    let Ok(mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    BASE64.encode(&mac.chain_update(username).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `openssl dgst -sha1 -mac HMAC -macopt hexkey:… -binary | base64`.
    #[test]
    fn passwords_are_those_of_other_servers() {
        let secret: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
        assert_eq!(password(&secret, "1767247200:0f0f"), "M+KVhtjPnIvbc2a9bnDlNfmNZBU=");
    }
}
