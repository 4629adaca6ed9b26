//! What every message of the protocol may contain: the table behind [`super::codec::decode`].
//!
//! The written form of the same is in `protocol/proto`; a test compares the three (table, specification, structs).

use super::codec::{Kind, Shape, Wire, WireError};
use crate::limits;

/// Payload of a signed object, bytes: the largest is a device set of eight devices with labels.
pub const SIGNED_PAYLOAD: usize = 4096;
/// Sealed label of a device, bytes.
pub const DEVICE_LABEL: usize = 256;
/// Proof of a hello, sealed, bytes: device set and signature.
pub const PROOF: usize = 8192;
/// X-Wing encapsulation key, bytes.
pub const KEM_KEY: usize = 1216;
/// X-Wing ciphertext, bytes.
pub const KEM_CT: usize = 1120;
/// Sealed ratchet message, bytes: the largest padded inner message and what Olm and the wrap put around it.
pub const SEALED: usize = 17 * 1024;
/// Padding of an inner message, bytes: up to the largest step.
pub const PAD: usize = 16 * 1024;
/// Text of a name or status line, bytes: four for each character.
pub const LINE: usize = 4 * limits::STATUS_CHARS;
/// Removed devices times their logs in one operation.
pub const KEEPS: usize = 256;
/// Sealed whereabouts of a device, bytes: eight hints behind relays.
pub const WHEREABOUTS: usize = 1024;
/// Founding accounts named in a genesis.
pub const FOUNDERS: usize = 16;

const fn bytes(max: usize) -> Kind {
    Kind::Bytes(max)
}
const fn text(max: usize) -> Kind {
    Kind::Text(max)
}
const fn msg<M: Wire>() -> Kind {
    Kind::Msg(M::SHAPE)
}

macro_rules! shapes {
    ($($module:ident::$name:ident { $($count:ident $field:ident: $kind:expr, $tag:literal $(, max $max:expr)?;)* })*) => {
        $(impl Wire for $module::$name {
            const SHAPE: &'static Shape = &Shape {
                name: stringify!($name),
                fields: &[$(Field { tag: $tag, name: stringify!($field), kind: $kind, count: shapes!(@$count $($max)?) }),*],
            };
        })*

        /// The shapes of this part.
        pub const TABLE: &[&Shape] = &[$(<$module::$name as Wire>::SHAPE),*];

        /// See [`super::recode`]; `None` for a name of another part.
        pub fn recode(name: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, $crate::wire::codec::WireError> {
            use $crate::wire::codec::{decode, encode};
            $(if name == stringify!($name) {
                return decode::<$module::$name>(bytes, bytes.len()).map(|message| Some(encode(&message)));
            })*
            Ok(None)
        }
    };
    (@one) => { Count::Once };
    (@either) => { Count::Choice };
    (@many $max:expr) => { Count::Many($max) };
}

mod call;
mod log;
mod network;
mod people;

/// Every shape, for tests and tools.
pub fn all() -> impl Iterator<Item = &'static Shape> {
    [people::TABLE, log::TABLE, network::TABLE, call::TABLE].into_iter().flatten().copied()
}

/// Decodes and encodes again with the struct of this name: lets a test hold the structs against the table.
///
/// # Errors
/// As [`super::codec::decode`].
pub fn recode(name: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
    for part in [people::recode, log::recode, network::recode, call::recode] {
        if let Some(again) = part(name, bytes)? {
            return Ok(Some(again));
        }
    }
    Ok(None)
}
