//! Objects that say who is who: signed device sets, prekey bundles, profiles, tombstones.

use prost::Message;

/// Any signed object: `sig` is taken over the id of `payload` as received, see [`crate::crypto::sign`].
#[derive(Clone, PartialEq, Message)]
pub struct Signed {
    /// The encoded object.
    #[prost(bytes = "vec", tag = "1")]
    pub payload: Vec<u8>,
    /// Ed25519 signature, 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub sig: Vec<u8>,
}

/// The devices of an account, signed by the account key. The higher epoch holds.
#[derive(Clone, PartialEq, Message)]
pub struct DeviceSet {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// Account key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// Larger than that of every earlier set: max(known + 1, unix ms).
    #[prost(uint64, tag = "3")]
    pub epoch: u64,
    /// At most [`crate::limits::DEVICES_PER_ACCOUNT`].
    #[prost(message, repeated, tag = "4")]
    pub devices: Vec<Device>,
    /// Id of the set before this one, absent in the first.
    #[prost(bytes = "vec", tag = "5")]
    pub prev: Vec<u8>,
}

/// One installation.
#[derive(Clone, PartialEq, Message)]
pub struct Device {
    /// Ed25519 device key, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub dk: Vec<u8>,
    /// Curve25519 identity key of its Olm account, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub olm: Vec<u8>,
    /// X25519 key for wraps, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub ek: Vec<u8>,
    /// When it joined, unix ms.
    #[prost(uint64, tag = "4")]
    pub added_ms: u64,
    /// Its name, sealed to the account's own devices.
    #[prost(bytes = "vec", tag = "5")]
    pub label_ct: Vec<u8>,
    /// Capability bits.
    #[prost(uint32, tag = "6")]
    pub caps: u32,
}

/// What a stranger needs to start a session with a device while it sleeps. Signed by the device key.
#[derive(Clone, PartialEq, Message)]
pub struct PrekeyBundle {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// Device key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    /// Larger in each newer bundle of the device.
    #[prost(uint64, tag = "3")]
    pub seq: u64,
    /// Olm fallback or one-time key, Curve25519, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub olm_prekey: Vec<u8>,
    /// X-Wing encapsulation key, 1216 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub kem: Vec<u8>,
    /// When it was made, unix ms.
    #[prost(uint64, tag = "6")]
    pub made_ms: u64,
}

/// How a person presents themselves. Told only to contacts and own devices; the newest `seq` holds.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Profile {
    /// Unix ms of the change.
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    /// Claimed login.
    #[prost(string, tag = "2")]
    pub login: String,
    /// Display name.
    #[prost(string, tag = "3")]
    pub name: String,
    /// About me.
    #[prost(string, tag = "4")]
    pub info: String,
    /// Line of own words.
    #[prost(string, tag = "5")]
    pub status_text: String,
}

/// The account is deleted. Signed by the account key.
#[derive(Clone, PartialEq, Message)]
pub struct Tombstone {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// Account key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    /// 2^63, above any sequence number in use.
    #[prost(uint64, tag = "3")]
    pub seq: u64,
    /// When, unix ms.
    #[prost(uint64, tag = "4")]
    pub made_ms: u64,
}

/// Who is behind a transport key on the local network; sent only by people who let themselves be seen there.
#[derive(Clone, PartialEq, Message)]
pub struct LanHello {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// The sender's transport key, 32 bytes; must be the one of the connection.
    #[prost(bytes = "vec", tag = "2")]
    pub peer: Vec<u8>,
    /// The account's device set, signed by the account key.
    #[prost(message, optional, tag = "3")]
    pub device_set: Option<Signed>,
    /// The signing device, 32 bytes; must be in the set.
    #[prost(bytes = "vec", tag = "4")]
    pub device: Vec<u8>,
    /// Claimed login.
    #[prost(string, tag = "5")]
    pub login: String,
    /// Display name.
    #[prost(string, tag = "6")]
    pub name: String,
    /// Wants no longer to be seen: forget the sender.
    #[prost(bool, tag = "7")]
    pub gone: bool,
}
