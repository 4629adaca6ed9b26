//! Bodies of entries.

use super::identity::Signed;
use prost::Message;

/// What the body of an entry is. Numbers never change; unknown ones are stored, synced and shown as unsupported.
pub mod kind {
    /// [`super::AuthOp`], only in the auth log.
    pub const AUTH: u32 = 1;
    /// [`super::Text`].
    pub const TEXT: u32 = 16;
    /// [`super::Edit`].
    pub const EDIT: u32 = 17;
    /// [`super::Delete`].
    pub const DELETE: u32 = 18;
    /// [`super::React`].
    pub const REACT: u32 = 19;
    /// [`super::CallLog`] of a call that was taken or declined: both were there.
    pub const CALL: u32 = 20;
    /// [`super::CallLog`] of a call that nobody took.
    pub const MISSED_CALL: u32 = 21;

    /// Whether an entry of this kind counts as unread until somebody has looked at it. Who took part in a call knows of it.
    #[must_use]
    pub const fn wants_reading(kind: u32) -> bool {
        kind != CALL
    }
}

/// A message.
#[derive(Clone, PartialEq, Message)]
pub struct Text {
    /// Up to [`crate::limits::TEXT`] bytes.
    #[prost(string, tag = "1")]
    pub text: String,
    /// Id of the message it answers, 32 bytes.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub reply_to: Option<Vec<u8>>,
}

/// New text for an own message; the one with the highest (hlc, id) holds.
#[derive(Clone, PartialEq, Message)]
pub struct Edit {
    /// Id of the message, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub target: Vec<u8>,
    /// Up to [`crate::limits::TEXT`] bytes.
    #[prost(string, tag = "2")]
    pub text: String,
}

/// A wish that everybody forget an own message; beats every edit.
#[derive(Clone, PartialEq, Message)]
pub struct Delete {
    /// Id of the message, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub target: Vec<u8>,
}

/// A reaction; the last word of each account on each (message, emoji) holds.
#[derive(Clone, PartialEq, Message)]
pub struct React {
    /// Id of the message, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub target: Vec<u8>,
    /// Up to [`crate::limits::EMOJI`] bytes.
    #[prost(string, tag = "2")]
    pub emoji: String,
    /// Put or take back.
    #[prost(bool, tag = "3")]
    pub on: bool,
}

/// A call that is over, written once by the device that called.
#[derive(Clone, PartialEq, Message)]
pub struct CallLog {
    /// The call, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub call: Vec<u8>,
    /// 1 talked, 2 declined, 3 taken without any sound. 0 for a call that nobody took.
    #[prost(uint32, tag = "2")]
    pub outcome: u32,
    /// When it began, unix ms.
    #[prost(uint64, tag = "3")]
    pub started_ms: u64,
    /// How long they talked, ms. Where the caller's machine failed, until it was last known to be well.
    #[prost(uint64, tag = "4")]
    pub duration_ms: u64,
}

/// An operation of the auth log.
#[derive(Clone, PartialEq, Message)]
pub struct AuthOp {
    /// Which. An absent one is an operation of a newer version: the space needs an update.
    #[prost(oneof = "auth_op::Op", tags = "15, 16")]
    pub op: Option<auth_op::Op>,
}

/// Variants of [`AuthOp`].
pub mod auth_op {
    /// Which operation. Numbers 2 to 14 are kept for groups.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Op {
        /// The devices that speak for an account from here on.
        #[prost(message, tag = "15")]
        Devices(super::Devices),
        /// The account is deleted.
        #[prost(message, tag = "16")]
        Gone(super::super::identity::Signed),
    }
}

/// Entitles devices: a device may write iff a set in the entry's auth past lists it, and a later set without it voids its
/// entries beyond `keep` and those concurrent to it.
#[derive(Clone, PartialEq, Message)]
pub struct Devices {
    /// [`super::identity::DeviceSet`], signed by the account key.
    #[prost(message, optional, tag = "1")]
    pub set: Option<Signed>,
    /// For each device that this set no longer lists: how much of its logs still counts.
    #[prost(message, repeated, tag = "2")]
    pub keep: Vec<Keep>,
}

/// How much of a removed device's logs still counts.
#[derive(Clone, PartialEq, Message)]
pub struct Keep {
    /// The device, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    /// The log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// Last sequence number that counts.
    #[prost(uint64, tag = "3")]
    pub seq: u64,
}
