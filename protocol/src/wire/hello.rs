//! `/veche/hello/1`: two nodes find out whether they know each other, and a stranger learns nothing.
//!
//! Both send a [`Nonce`] at once. The dialler names its candidates by [`Tags`] that only a holder of the same pair key can
//! recognise; the listener answers with a sealed [`Proof`] or with [`Stranger`]; the dialler answers with its own proof.

use super::identity::Signed;
use prost::Message;

/// A frame of the hello protocol.
#[derive(Clone, PartialEq, Message)]
pub struct HelloFrame {
    /// Which.
    #[prost(oneof = "Hello", tags = "1, 2, 3, 4")]
    pub m: Option<Hello>,
}

/// Variants of [`HelloFrame`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Hello {
    /// First frame of both sides.
    #[prost(message, tag = "1")]
    Nonce(Nonce),
    /// Second frame of the dialler.
    #[prost(message, tag = "2")]
    Tags(Tags),
    /// Sealed [`ProofBody`].
    #[prost(bytes, tag = "3")]
    Proof(Vec<u8>),
    /// None of the tags means anything here.
    #[prost(message, tag = "4")]
    Stranger(Stranger),
}

/// Fresh material of one side.
#[derive(Clone, PartialEq, Message)]
pub struct Nonce {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// Random, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub nonce: Vec<u8>,
    /// Ephemeral X25519 key, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub eph: Vec<u8>,
}

/// One tag for each pair key that might be shared, filled up with random ones, in random order.
#[derive(Clone, PartialEq, Message)]
pub struct Tags {
    /// 16 bytes each, at most [`crate::limits::HELLO_TAGS`].
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub tags: Vec<Vec<u8>>,
}

/// Nobody known.
#[derive(Clone, PartialEq, Message)]
pub struct Stranger {}

/// What a proof says once opened.
#[derive(Clone, PartialEq, Message)]
pub struct ProofBody {
    /// Account, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// Device, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    /// Signature of the device key over the transcript of this hello, 64 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub sig: Vec<u8>,
    /// The newest device set of the account, signed by the account key.
    #[prost(message, optional, tag = "4")]
    pub device_set: Option<Signed>,
    /// Wall clock, unix ms: tells a wrong clock.
    #[prost(uint64, tag = "5")]
    pub wall_ms: u64,
    /// Capability bits.
    #[prost(uint32, tag = "6")]
    pub caps: u32,
}
