//! What every message of the protocol may contain: the table behind [`super::codec::decode`].
//!
//! The written form of the same is in `protocol/proto`; a test compares the three (table, specification, structs).

use super::codec::{Count, Field, Kind, Shape, Wire};
use super::{bodies, entry, hello, identity, inbox, link, sync};
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

        /// Every shape, for tests and tools.
        pub const ALL: &[&Shape] = &[$(<$module::$name as Wire>::SHAPE),*];

        /// Decodes and encodes again with the struct of this name: lets a test hold the structs against the table.
        ///
        /// # Errors
        /// As [`super::codec::decode`].
        pub fn recode(name: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, super::codec::WireError> {
            $(if name == stringify!($name) {
                return super::codec::decode::<$module::$name>(bytes, bytes.len()).map(|message| Some(super::codec::encode(&message)));
            })*
            Ok(None)
        }
    };
    (@one) => { Count::Once };
    (@either) => { Count::Choice };
    (@many $max:expr) => { Count::Many($max) };
}

shapes! {
    identity::Signed {
        one payload: bytes(SIGNED_PAYLOAD), 1;
        one sig: bytes(64), 2;
    }
    identity::DeviceSet {
        one v: Kind::U32, 1;
        one account: bytes(32), 2;
        one epoch: Kind::U64, 3;
        many devices: msg::<identity::Device>(), 4, max limits::DEVICES_PER_ACCOUNT;
        one prev: bytes(32), 5;
    }
    identity::Device {
        one dk: bytes(32), 1;
        one olm: bytes(32), 2;
        one ek: bytes(32), 3;
        one added_ms: Kind::U64, 4;
        one label_ct: bytes(DEVICE_LABEL), 5;
        one caps: Kind::U32, 6;
    }
    identity::PrekeyBundle {
        one v: Kind::U32, 1;
        one device: bytes(32), 2;
        one seq: Kind::U64, 3;
        one olm_prekey: bytes(32), 4;
        one kem: bytes(KEM_KEY), 5;
        one made_ms: Kind::U64, 6;
    }
    identity::Profile {
        one seq: Kind::U64, 1;
        one login: text(LINE), 2;
        one name: text(LINE), 3;
        one info: text(limits::INFO), 4;
        one status_text: text(LINE), 5;
    }
    identity::Tombstone {
        one v: Kind::U32, 1;
        one account: bytes(32), 2;
        one seq: Kind::U64, 3;
        one made_ms: Kind::U64, 4;
    }
    identity::LanHello {
        one v: Kind::U32, 1;
        one peer: bytes(32), 2;
        one device_set: msg::<identity::Signed>(), 3;
        one device: bytes(32), 4;
        one login: text(LINE), 5;
        one name: text(LINE), 6;
        one gone: Kind::Bool, 7;
    }
    entry::EntryHeader {
        one v: Kind::U32, 1;
        one space: bytes(32), 2;
        one device: bytes(32), 3;
        one chan: bytes(16), 4;
        one seq: Kind::U64, 5;
        one prev: bytes(32), 6;
        many deps: msg::<entry::Dep>(), 7, max limits::DEPS;
        one hlc: Kind::Fixed64, 8;
        many auth: bytes(16), 9, max limits::AUTH_HEADS;
        one kind: Kind::U32, 10;
        one body_hash: bytes(32), 11;
        one body_len: Kind::U32, 12;
    }
    entry::Dep {
        one dev8: bytes(8), 1;
        one seq: Kind::U64, 2;
        one id16: bytes(16), 3;
    }
    entry::Entry {
        one header: msg::<identity::Signed>(), 1;
        one salt: bytes(16), 2;
        one body: bytes(limits::ENTRY_BODY), 3;
    }
    entry::EntryBatch {
        many entries: msg::<entry::Entry>(), 1, max limits::BATCH_ENTRIES;
    }
    entry::Create {
        one v: Kind::U32, 1;
        one kind: Kind::U32, 2;
        many founders: bytes(32), 3, max FOUNDERS;
        one nonce: bytes(16), 4;
    }
    bodies::Text {
        one text: text(limits::TEXT), 1;
        one reply_to: bytes(32), 2;
    }
    bodies::Edit {
        one target: bytes(32), 1;
        one text: text(limits::TEXT), 2;
    }
    bodies::Delete {
        one target: bytes(32), 1;
    }
    bodies::React {
        one target: bytes(32), 1;
        one emoji: text(limits::EMOJI), 2;
        one on: Kind::Bool, 3;
    }
    bodies::AuthOp {
        either devices: msg::<bodies::Devices>(), 15;
        either gone: msg::<identity::Signed>(), 16;
    }
    bodies::Devices {
        one set: msg::<identity::Signed>(), 1;
        many keep: msg::<bodies::Keep>(), 2, max KEEPS;
    }
    bodies::Keep {
        one device: bytes(32), 1;
        one chan: bytes(16), 2;
        one seq: Kind::U64, 3;
    }
    hello::HelloFrame {
        either nonce: msg::<hello::Nonce>(), 1;
        either tags: msg::<hello::Tags>(), 2;
        either proof: bytes(PROOF), 3;
        either stranger: msg::<hello::Stranger>(), 4;
    }
    hello::Nonce {
        one v: Kind::U32, 1;
        one nonce: bytes(32), 2;
        one eph: bytes(32), 3;
    }
    hello::Tags {
        many tags: bytes(16), 1, max limits::HELLO_TAGS;
    }
    hello::Stranger {}
    hello::ProofBody {
        one account: bytes(32), 1;
        one device: bytes(32), 2;
        one sig: bytes(64), 3;
        one device_set: msg::<identity::Signed>(), 4;
        one wall_ms: Kind::U64, 5;
        one caps: Kind::U32, 6;
    }
    inbox::InboxFrame {
        either query: msg::<inbox::Query>(), 1;
        either bundle: msg::<inbox::Bundle>(), 2;
        either refused: msg::<inbox::Refused>(), 3;
        either deliver: msg::<inbox::Deliver>(), 4;
        either stored: msg::<inbox::Stored>(), 5;
    }
    inbox::Query {
        one account: bytes(32), 1;
        one code: bytes(8), 2;
    }
    inbox::Bundle {
        one device_set: msg::<identity::Signed>(), 1;
        one prekeys: msg::<identity::Signed>(), 2;
        one pow_bits: Kind::U32, 3;
    }
    inbox::Refused {}
    inbox::Deliver {
        one account: bytes(32), 1;
        one code: bytes(8), 2;
        one pow: Kind::U64, 3;
        one frame: msg::<link::SealedFrame>(), 4;
        one from: bytes(32), 5;
        one olm: bytes(32), 6;
    }
    inbox::Stored {}
    link::LinkFrame {
        either sealed: msg::<link::SealedFrame>(), 1;
        either ack: msg::<link::Ack>(), 2;
        either presence: msg::<link::Presence>(), 3;
        either typing: msg::<link::Typing>(), 4;
        either read: msg::<link::Read>(), 5;
        either profile: msg::<identity::Profile>(), 6;
        either devices: msg::<identity::Signed>(), 7;
        either prekeys: msg::<identity::Signed>(), 8;
        either new_session: msg::<identity::Signed>(), 9;
        either gone: msg::<identity::Signed>(), 10;
        either bye: msg::<link::Bye>(), 11;
        either stored: bytes(32), 12;
        either hints: msg::<link::Hints>(), 13;
        either known: msg::<link::Known>(), 14;
    }
    link::Known {
        one account: bytes(32), 1;
        one pair_key: bytes(32), 2;
        one paired_ms: Kind::U64, 3;
        one device_set: msg::<identity::Signed>(), 4;
        one profile: msg::<identity::Profile>(), 5;
        one petname: text(LINE), 6;
        one verified: Kind::Bool, 7;
        many hints: msg::<link::HintMsg>(), 8, max limits::HINTS;
    }
    link::Ack {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        one device: bytes(32), 3;
        one seq: Kind::U64, 4;
        one id: bytes(32), 5;
    }
    link::Presence {
        one status: Kind::U32, 1;
    }
    link::Typing {
        one space: bytes(32), 1;
        one on: Kind::Bool, 2;
    }
    link::Read {
        one space: bytes(32), 1;
        one hlc: Kind::Fixed64, 2;
    }
    link::Bye {}
    link::SealedFrame {
        one v: Kind::U32, 1;
        one kem_ct: bytes(KEM_CT), 2;
        one wrap_id: bytes(8), 3;
        one counter: Kind::U64, 4;
        one ct: bytes(SEALED), 5;
    }
    link::OlmMessage {
        one kind: Kind::U32, 1;
        one body: bytes(SEALED), 2;
        one seen: bytes(8), 3;
    }
    link::Inner {
        one space: bytes(32), 1;
        one from: bytes(32), 2;
        one to: bytes(32), 3;
        one id: bytes(16), 4;
        either batch: msg::<entry::EntryBatch>(), 10;
        either request: msg::<link::ContactRequest>(), 11;
        either accept: msg::<link::Accept>(), 12;
        one pad: bytes(PAD), 15;
    }
    link::ContactRequest {
        one device_set: msg::<identity::Signed>(), 1;
        one prekeys: msg::<identity::Signed>(), 2;
        one profile: msg::<identity::Profile>(), 3;
        one text: text(4 * limits::REQUEST_TEXT_CHARS), 4;
        one request_id: bytes(16), 5;
        one reply_key: bytes(32), 6;
        one made_ms: Kind::U64, 7;
        many hints: msg::<link::HintMsg>(), 8, max limits::HINTS;
        one code: bytes(8), 9;
    }
    link::Accept {
        one request_id: bytes(16), 1;
        one pair_key: bytes(32), 2;
        one profile: msg::<identity::Profile>(), 3;
    }
    link::Hints {
        many hints: msg::<link::HintMsg>(), 1, max limits::HINTS;
    }
    link::HintMsg {
        one peer: bytes(32), 1;
        one ip: bytes(16), 2;
        one port: Kind::U32, 3;
        one transport: Kind::U32, 4;
        one relay: bytes(32), 5;
    }
    sync::SyncFrame {
        either digests: msg::<sync::Digests>(), 1;
        either frontier: msg::<sync::Frontier>(), 2;
        either entries: msg::<sync::Entries>(), 3;
        either want: msg::<sync::Want>(), 4;
        either probe: msg::<sync::Probe>(), 5;
        either done: msg::<sync::Done>(), 6;
    }
    sync::Digests {
        many channels: msg::<sync::ChannelDigest>(), 1, max limits::SYNC_CHANNELS;
    }
    sync::ChannelDigest {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        one digest: bytes(16), 3;
    }
    sync::Frontier {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        many rows: msg::<sync::FrontierRow>(), 3, max limits::FRONTIER_ROWS;
        one ask: Kind::Bool, 4;
    }
    sync::FrontierRow {
        one device: bytes(32), 1;
        one floor: Kind::U64, 2;
        one seq: Kind::U64, 3;
        one digest: bytes(16), 4;
        one fork_at: Kind::U64, 5;
        many branches: msg::<sync::BranchRow>(), 6, max limits::FORK_BRANCHES;
    }
    sync::BranchRow {
        one root: bytes(32), 1;
        one seq: Kind::U64, 2;
        one digest: bytes(16), 3;
    }
    sync::Entries {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        many entries: msg::<entry::Entry>(), 3, max limits::BATCH_ENTRIES;
    }
    sync::Want {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        one device: bytes(32), 3;
        one from: Kind::U64, 4;
    }
    sync::Probe {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        one device: bytes(32), 3;
        many points: msg::<sync::ProbePoint>(), 4, max limits::PROBE_POINTS;
    }
    sync::ProbePoint {
        one seq: Kind::U64, 1;
        one digest: bytes(16), 2;
    }
    sync::Done {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
    }
}
