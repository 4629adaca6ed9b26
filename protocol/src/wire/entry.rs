//! Entries: what a device appends to its log. The signed header commits to the body by a salted hash, so that a body can be
//! deleted while the chain still verifies.

use super::identity::Signed;
use prost::Message;

/// The signed part of an entry.
#[derive(Clone, PartialEq, Message)]
pub struct EntryHeader {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// Conversation, 32 bytes: domain separation.
    #[prost(bytes = "vec", tag = "2")]
    pub space: Vec<u8>,
    /// Writing device, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device: Vec<u8>,
    /// Log within the space, 16 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub chan: Vec<u8>,
    /// 1, 2, 3 … within (space, chan, device), without gaps.
    #[prost(uint64, tag = "5")]
    pub seq: u64,
    /// Id of the entry before it, 32 bytes; absent at 1.
    #[prost(bytes = "vec", tag = "6")]
    pub prev: Vec<u8>,
    /// Heads of other devices' logs seen and not yet covered, at most [`crate::limits::DEPS`].
    #[prost(message, repeated, tag = "7")]
    pub deps: Vec<Dep>,
    /// Hybrid logical clock: 48 bits unix ms, 16 bits counter.
    #[prost(fixed64, tag = "8")]
    pub hlc: u64,
    /// Heads of the auth log when it was written, 16-byte id prefixes, at most [`crate::limits::AUTH_HEADS`].
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub auth: Vec<Vec<u8>>,
    /// What the body is, see [`super::bodies::kind`].
    #[prost(uint32, tag = "10")]
    pub kind: u32,
    /// BLAKE3 of salt and body, 32 bytes.
    #[prost(bytes = "vec", tag = "11")]
    pub body_hash: Vec<u8>,
    /// Length of the body in bytes.
    #[prost(uint32, tag = "12")]
    pub body_len: u32,
}

/// A reference to the head of another device's log.
#[derive(Clone, PartialEq, Message)]
pub struct Dep {
    /// First 8 bytes of the device key.
    #[prost(bytes = "vec", tag = "1")]
    pub dev8: Vec<u8>,
    /// Position in its log.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// First 16 bytes of the entry's id.
    #[prost(bytes = "vec", tag = "3")]
    pub id16: Vec<u8>,
}

/// An entry as it travels and is stored.
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    /// Header and the device's signature.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Signed>,
    /// Salt of the body hash, 16 bytes: a deleted "yes" must not be guessable.
    #[prost(bytes = "vec", tag = "2")]
    pub salt: Vec<u8>,
    /// The body; absent once deleted.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub body: Option<Vec<u8>>,
}

/// Several entries of one conversation, oldest first.
#[derive(Clone, PartialEq, Message)]
pub struct EntryBatch {
    /// At most [`crate::limits::BATCH_ENTRIES`].
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<Entry>,
}

/// Genesis of a space; its hash is the space id. A direct conversation's is constant, so both sides compute the same.
#[derive(Clone, PartialEq, Message)]
pub struct Create {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// 1 direct, 2 group, 3 community.
    #[prost(uint32, tag = "2")]
    pub kind: u32,
    /// Founding accounts, 32 bytes each; for a direct conversation the two, lower key first.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub founders: Vec<Vec<u8>>,
    /// Random, 16 bytes; absent for a direct conversation.
    #[prost(bytes = "vec", tag = "4")]
    pub nonce: Vec<u8>,
}
