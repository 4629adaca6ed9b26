//! Relays for calls (TURN, RFC 8656), which operators' nodes run. Formats are in [`crate::wire::turn`].
//!
//! Here is what such a node decides: whom it lets in and for how long ([`user`], [`desk`]), what of a datagram it does ([`door`]), and where
//! it relays to ([`aim`]). The relay itself is the operator's program; asking for a name and a password is decided in [`crate::core`].

pub mod aim;
pub mod desk;
pub mod door;
pub mod user;
