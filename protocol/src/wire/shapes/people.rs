//! Who people and devices are, and what they say to each other on a connection.

use super::super::codec::{Count, Field, Kind, Shape, Wire};
use super::super::{call, entry, hello, identity, inbox, link, mailbox};
use super::{DEVICE_LABEL, KEM_CT, KEM_KEY, LINE, PAD, PROOF, SEALED, SIGNED_PAYLOAD, bytes, msg, text};
use crate::limits;

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
        either queues: msg::<mailbox::QueueKeys>(), 15;
        either call: msg::<call::SignedCall>(), 16;
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
        many logs: msg::<link::ReadUpTo>(), 2, max limits::READ_LOGS;
    }
    link::ReadUpTo {
        one device: bytes(32), 1;
        one seq: Kind::U64, 2;
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
        either note: msg::<link::Note>(), 13;
        one pad: bytes(PAD), 15;
    }
    link::Note {
        many acks: msg::<link::Ack>(), 1, max limits::NOTE_ACKS;
        one queues: msg::<mailbox::QueueKeys>(), 2;
        one stored: bytes(16), 3;
        one lacks: Kind::Bool, 4;
        one prekeys: msg::<identity::Signed>(), 5;
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
        one queues: msg::<mailbox::QueueKeys>(), 10;
    }
    link::Accept {
        one request_id: bytes(16), 1;
        one pair_key: bytes(32), 2;
        one profile: msg::<identity::Profile>(), 3;
        one queues: msg::<mailbox::QueueKeys>(), 4;
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
}
