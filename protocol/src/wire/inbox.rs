//! `/veche/inbox/1`: the door for people not yet known. Every refusal looks the same.

use super::identity::Signed;
use super::link::SealedFrame;
use prost::Message;

/// A frame of the inbox protocol.
#[derive(Clone, PartialEq, Message)]
pub struct InboxFrame {
    /// Which.
    #[prost(oneof = "Inbox", tags = "1, 2, 3, 4, 5")]
    pub m: Option<Inbox>,
}

/// Variants of [`InboxFrame`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Inbox {
    /// Caller: may I write to this account?
    #[prost(message, tag = "1")]
    Query(Query),
    /// Owner: yes, with these keys.
    #[prost(message, tag = "2")]
    Bundle(Bundle),
    /// Owner: no, for a reason that is not told.
    #[prost(message, tag = "3")]
    Refused(Refused),
    /// Caller: a request.
    #[prost(message, tag = "4")]
    Deliver(Deliver),
    /// Owner: it is on disk.
    #[prost(message, tag = "5")]
    Stored(Stored),
}

/// Asks for the keys of an account's device.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    /// Account, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Code of the owner's contact link, 8 bytes, where the caller holds one.
    #[prost(bytes = "vec", tag = "2")]
    pub code: Vec<u8>,
}

/// What a caller needs to seal a request.
#[derive(Clone, PartialEq, Message)]
pub struct Bundle {
    /// The owner's device set, signed by the account key.
    #[prost(message, optional, tag = "1")]
    pub device_set: Option<Signed>,
    /// Bundle of the answering device, signed by its device key.
    #[prost(message, optional, tag = "2")]
    pub prekeys: Option<Signed>,
    /// Leading zero bits that the proof of work of a request must show; 0 for holders of a code.
    #[prost(uint32, tag = "3")]
    pub pow_bits: u32,
}

/// No.
#[derive(Clone, PartialEq, Message)]
pub struct Refused {}

/// A sealed contact request.
#[derive(Clone, PartialEq, Message)]
pub struct Deliver {
    /// Account it is for, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Code of the owner's contact link, 8 bytes, where the caller holds one.
    #[prost(bytes = "vec", tag = "2")]
    pub code: Vec<u8>,
    /// Nonce of the proof of work over account and frame.
    #[prost(uint64, tag = "3")]
    pub pow: u64,
    /// The request.
    #[prost(message, optional, tag = "4")]
    pub frame: Option<SealedFrame>,
    /// Device key of the sender, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub from: Vec<u8>,
    /// Curve25519 identity key of the sender's Olm account, 32 bytes; the sealed device set must agree.
    #[prost(bytes = "vec", tag = "6")]
    pub olm: Vec<u8>,
}

/// The request is on disk.
#[derive(Clone, PartialEq, Message)]
pub struct Stored {}
