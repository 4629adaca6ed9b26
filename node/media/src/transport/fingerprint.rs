//! The fingerprint of a DTLS certificate: what ties a media connection to the device that signed for it.

use std::fmt;

/// Bytes of a SHA-256 fingerprint, the only kind accepted (RFC 8122 §5 allows weaker ones).
const LENGTH: usize = 32;

/// SHA-256 over the DER form of a DTLS certificate (RFC 8122 §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; LENGTH]);

impl Fingerprint {
    /// Reads `AB:CD:…`, the form in which session descriptions carry it. `None` for anything else; the case of letters does not
    /// matter.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next()?;
            if part.len() != 2 || !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            *byte = u8::from_str_radix(part, 16).ok()?;
        }
        parts.next().is_none().then_some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

/// Short: a fingerprint identifies a call, and whole ones do not belong in logs.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "Fingerprint({first:02X}:{second:02X}:…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let fingerprint = Fingerprint(std::array::from_fn(|index| u8::try_from(index * 7).unwrap()));
        let text = fingerprint.to_string();
        assert_eq!(Fingerprint::from_hex(&text), Some(fingerprint));
        assert_eq!(Fingerprint::from_hex(&text.to_lowercase()), Some(fingerprint));
    }

    #[test]
    fn other_shapes_are_refused() {
        let text = Fingerprint([0xAB; LENGTH]).to_string();
        for wrong in
            ["", "AB", text.strip_prefix("AB:").unwrap(), &format!("{text}:00"), &text.replace("AB:", "+A:"), &text.replace(':', "-")]
        {
            assert_eq!(Fingerprint::from_hex(wrong), None, "{wrong}");
        }
    }
}
