//! The stamps that order a conversation.

use crate::time::UnixMs;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hybrid logical clock stamp: 48 bits of Unix milliseconds and a 16-bit counter (Kulkarni et al., 2014).
///
/// Programs get it in decimal digits, as text: it is larger than the whole numbers that JavaScript keeps exactly (2^53).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The stamp of a wall-clock time with counter zero.
    #[must_use]
    pub const fn from_unix(at: UnixMs) -> Self {
        Self(at.0 << 16)
    }

    /// Its wall-clock part.
    #[must_use]
    pub const fn unix(self) -> UnixMs {
        UnixMs(self.0 >> 16)
    }
}

impl Serialize for Hlc {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hlc {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Hlc {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Hlc".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "Stamp that orders a conversation: a whole number of 64 bits in decimal digits.",
        })
    }
}
