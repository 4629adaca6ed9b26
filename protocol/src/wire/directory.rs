//! Records of the directory: who claims a login, with which keys somebody asleep can be written to, where a contact is.
//!
//! Whoever stores a record checks it by itself, see [`crate::directory::record`]; whoever finds one checks it again.

use super::identity::Signed;
use super::link::HintMsg;
use prost::Message;

/// A value in the directory.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    /// Which kind.
    #[prost(oneof = "RecordKind", tags = "1, 2, 3")]
    pub m: Option<RecordKind>,
}

/// Variants of [`Record`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum RecordKind {
    /// Everybody who claims a login.
    #[prost(message, tag = "1")]
    Claims(Claims),
    /// The keys of an account's devices.
    #[prost(message, tag = "2")]
    Keys(AccountKeys),
    /// Where a device is, for one contact's eyes.
    #[prost(message, tag = "3")]
    Address(SealedAddress),
}

/// A set of claims.
#[derive(Clone, PartialEq, Message)]
pub struct Claims {
    /// At most [`crate::limits::CLAIMS`].
    #[prost(message, repeated, tag = "1")]
    pub claims: Vec<Claim>,
}

/// A signed claim and the work that was spent on it.
#[derive(Clone, PartialEq, Message)]
pub struct Claim {
    /// A [`LoginClaim`], signed by the account key.
    #[prost(message, optional, tag = "1")]
    pub claim: Option<Signed>,
    /// Nonce of the proof of work over account and signed payload.
    #[prost(fixed64, tag = "2")]
    pub pow: u64,
}

/// "This login is mine." Anybody may say so; login and tag together name one account.
#[derive(Clone, PartialEq, Message)]
pub struct LoginClaim {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// Account key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// The login.
    #[prost(string, tag = "3")]
    pub login: String,
    /// Its tag for this account.
    #[prost(string, tag = "4")]
    pub tag: String,
    /// Display name.
    #[prost(string, tag = "5")]
    pub name: String,
    /// Line of own words.
    #[prost(string, tag = "6")]
    pub status_text: String,
    /// Unix ms of the claim; a larger one replaces a smaller one.
    #[prost(uint64, tag = "7")]
    pub seq: u64,
    /// Unix ms after which it no longer holds, at most [`crate::limits::CLAIM_LIFETIME`] later.
    #[prost(uint64, tag = "8")]
    pub until_ms: u64,
    /// The account is deleted.
    #[prost(bool, tag = "9")]
    pub gone: bool,
    /// Where its node can be met by people it does not know: places behind relays. At most [`crate::limits::CLAIM_HINTS`].
    #[prost(message, repeated, tag = "10")]
    pub reach: Vec<HintMsg>,
    /// Mailboxes that take contact requests for it. At most [`crate::limits::CLAIM_DOORS`].
    #[prost(message, repeated, tag = "11")]
    pub doors: Vec<Door>,
}

/// A mailbox queue into which everybody may put a contact request, for work.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Door {
    /// The mailbox node.
    #[prost(message, optional, tag = "1")]
    pub node: Option<HintMsg>,
    /// Where to put, 24 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub queue: Vec<u8>,
}

/// What it takes to write to an account whose devices sleep.
#[derive(Clone, PartialEq, Message)]
pub struct AccountKeys {
    /// The account's device set, signed by the account key.
    #[prost(message, optional, tag = "1")]
    pub device_set: Option<Signed>,
    /// Prekey bundles, each signed by its device. At most [`crate::limits::KEY_BUNDLES`].
    #[prost(message, repeated, tag = "2")]
    pub bundles: Vec<Signed>,
}

/// Where a device is, readable by one contact and nobody else.
#[derive(Clone, PartialEq, Message)]
pub struct SealedAddress {
    /// One-time Ed25519 key that both ends derive, 32 bytes. The record lies at its hash.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// An [`AddressBox`], signed by that key.
    #[prost(message, optional, tag = "2")]
    pub sealed: Option<Signed>,
}

/// The signed part of a [`SealedAddress`].
#[derive(Clone, PartialEq, Message)]
pub struct AddressBox {
    /// Unix ms; a larger one replaces a smaller one.
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    /// Unix ms after which it no longer holds.
    #[prost(uint64, tag = "2")]
    pub until_ms: u64,
    /// Random, 16 bytes: no two boxes use the same key.
    #[prost(bytes = "vec", tag = "3")]
    pub salt: Vec<u8>,
    /// XChaCha20-Poly1305 of the encoded [`Whereabouts`].
    #[prost(bytes = "vec", tag = "4")]
    pub ct: Vec<u8>,
}

/// What a [`SealedAddress`] says.
#[derive(Clone, PartialEq, Message)]
pub struct Whereabouts {
    /// Where the device can be reached. At most [`crate::limits::HINTS`].
    #[prost(message, repeated, tag = "1")]
    pub hints: Vec<HintMsg>,
    /// Zeroes up to the one length that all have.
    #[prost(bytes = "vec", tag = "15")]
    pub pad: Vec<u8>,
}
