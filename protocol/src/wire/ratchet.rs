//! Rows in which ratchet states are kept on this device. They never travel: their form may change with a migration.

use prost::Message;

/// Everything about one remote device.
#[derive(Clone, PartialEq, Message)]
pub struct PairRow {
    /// Which ratchet, see [`crate::crypto::ratchet::RatchetKind`].
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// This device, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub me: Vec<u8>,
    /// The remote device, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub peer: Vec<u8>,
    /// Sessions, oldest first.
    #[prost(message, repeated, tag = "4")]
    pub sessions: Vec<SessionRow>,
    /// Beginnings of the base keys of sessions that the remote device has begun.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub begun: Vec<Vec<u8>>,
    /// Wrap key for sending.
    #[prost(message, optional, tag = "6")]
    pub sending: Option<SendWrapRow>,
    /// Wrap keys for receiving, oldest first.
    #[prost(message, repeated, tag = "7")]
    pub receiving: Vec<ReceiveWrapRow>,
    /// A new session was asked for and nothing has opened since.
    #[prost(bool, tag = "8")]
    pub asked: bool,
    /// The next message begins a new session.
    #[prost(bool, tag = "9")]
    pub restart: bool,
}

/// One session.
#[derive(Clone, PartialEq, Message)]
pub struct SessionRow {
    /// Its base key, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub base: Vec<u8>,
    /// Begun by this device.
    #[prost(bool, tag = "2")]
    pub ours: bool,
    /// Sessions of a later generation replace those before.
    #[prost(uint32, tag = "3")]
    pub generation: u32,
    /// Something was received in it.
    #[prost(bool, tag = "4")]
    pub confirmed: bool,
    /// State of the ratchet.
    #[prost(bytes = "vec", tag = "5")]
    pub state: Vec<u8>,
}

/// Wrap key for sending.
#[derive(Clone, PartialEq, Message)]
pub struct SendWrapRow {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Until the receiver has shown that it holds the key.
    #[prost(bytes = "vec", tag = "2")]
    pub kem_ct: Vec<u8>,
    /// Next position.
    #[prost(uint64, tag = "3")]
    pub counter: u64,
    /// When it was made, unix ms.
    #[prost(uint64, tag = "4")]
    pub made_ms: u64,
}

/// Wrap key for receiving.
#[derive(Clone, PartialEq, Message)]
pub struct ReceiveWrapRow {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
}

/// Secrets of this device's prekeys.
#[derive(Clone, PartialEq, Message)]
pub struct KeysRow {
    /// Which ratchet, see [`crate::crypto::ratchet::RatchetKind`].
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// State of the ratchet's account.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// Seed of the current X-Wing key, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub kem: Vec<u8>,
    /// Seed of the one before it, 32 bytes or absent.
    #[prost(bytes = "vec", tag = "4")]
    pub kem_before: Vec<u8>,
    /// X25519 secret for wraps, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub ek: Vec<u8>,
    /// When the current keys were made, unix ms.
    #[prost(uint64, tag = "6")]
    pub made_ms: u64,
}

/// Account of the simulator's stand-in.
#[derive(Clone, PartialEq, Message)]
pub struct DoubleAccountRow {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub identity: Vec<u8>,
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub prekey: Vec<u8>,
    /// 32 bytes or absent.
    #[prost(bytes = "vec", tag = "3")]
    pub prekey_before: Vec<u8>,
}

/// Session of the simulator's stand-in.
#[derive(Clone, PartialEq, Message)]
pub struct DoubleSessionRow {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub secret: Vec<u8>,
    /// Begun by this device.
    #[prost(bool, tag = "2")]
    pub ours: bool,
    /// Prekey it was begun with, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub prekey: Vec<u8>,
    /// Identity of the device that began it, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub identity: Vec<u8>,
    /// Base key, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub base: Vec<u8>,
    /// Messages sent.
    #[prost(uint64, tag = "6")]
    pub sent: u64,
    /// Something was received.
    #[prost(bool, tag = "7")]
    pub confirmed: bool,
    /// Smallest position that was not received and not skipped.
    #[prost(uint64, tag = "8")]
    pub next: u64,
    /// Skipped positions, rising.
    #[prost(uint64, repeated, tag = "9")]
    pub skipped: Vec<u64>,
}

/// Message of the simulator's stand-in.
#[derive(Clone, PartialEq, Message)]
pub struct DoubleMessage {
    /// First 8 bytes of the hash of the chain, or absent in a first message.
    #[prost(bytes = "vec", tag = "1")]
    pub chain: Vec<u8>,
    /// Position in the chain.
    #[prost(uint64, tag = "2")]
    pub position: u64,
    /// Sealed text.
    #[prost(bytes = "vec", tag = "3")]
    pub ct: Vec<u8>,
    /// In first messages: prekey of the receiver, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub prekey: Vec<u8>,
    /// In first messages: base key, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub base: Vec<u8>,
    /// In first messages: identity of the sender, 32 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub identity: Vec<u8>,
}
