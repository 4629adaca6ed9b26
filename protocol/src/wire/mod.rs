//! The only place that parses bytes. Messages are protobuf (proto3), written as derive structs; what they mean is decided elsewhere.
//!
//! Nothing here is ever re-encoded to be verified: signatures and hashes are taken over bytes as received, so that unknown
//! fields of newer versions survive storage and forwarding.

pub mod bodies;
pub mod call;
pub mod codec;
pub mod directory;
pub mod entry;
pub mod hello;
pub mod identity;
pub mod inbox;
pub mod link;
pub mod mailbox;
pub mod ratchet;
pub mod shapes;
pub mod stun;
pub mod sync;
pub mod turn;
