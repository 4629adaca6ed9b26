//! `/veche/dm/1`: what two authenticated devices tell each other live, and the pairwise sealed frames of the ratchet.
//!
//! After hello every frame of this protocol and of sync is sealed under a key of the link, see [`crate::core`].

use super::call::SignedCall;
use super::entry::EntryBatch;
use super::identity::{Profile, Signed};
use super::mailbox::QueueKeys;
use prost::Message;

/// A frame between authenticated devices, once opened.
#[derive(Clone, PartialEq, Message)]
pub struct LinkFrame {
    /// Which. An absent one is of a newer version and ignored.
    #[prost(oneof = "LinkMsg", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16")]
    pub m: Option<LinkMsg>,
}

/// Variants of [`LinkFrame`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum LinkMsg {
    /// A ratchet message.
    #[prost(message, tag = "1")]
    Sealed(SealedFrame),
    /// Everything of a log up to here is stored on the sender's disk.
    #[prost(message, tag = "2")]
    Ack(Ack),
    /// How the sender is.
    #[prost(message, tag = "3")]
    Presence(Presence),
    /// The sender's person is typing.
    #[prost(message, tag = "4")]
    Typing(Typing),
    /// The sender's person has read up to here.
    #[prost(message, tag = "5")]
    Read(Read),
    /// The sender's profile.
    #[prost(message, tag = "6")]
    Profile(Profile),
    /// A newer device set of the sender's account.
    #[prost(message, tag = "7")]
    Devices(Signed),
    /// A fresh prekey bundle of the sender's device.
    #[prost(message, tag = "8")]
    Prekeys(Signed),
    /// The sender could not open a ratchet message: start a new session with this bundle.
    #[prost(message, tag = "9")]
    NewSession(Signed),
    /// The sender's account is deleted.
    #[prost(message, tag = "10")]
    Gone(Signed),
    /// The sender's program ends.
    #[prost(message, tag = "11")]
    Bye(Bye),
    /// A durable one-off (accept) with this id is stored on the sender's disk.
    #[prost(bytes, tag = "12")]
    Stored(Vec<u8>),
    /// Where the sender can be reached.
    #[prost(message, tag = "13")]
    Hints(Hints),
    /// A contact of the sender's account. Only between devices of one account.
    #[prost(message, tag = "14")]
    Known(Known),
    /// Where the sender's device takes messages while it is away.
    #[prost(message, tag = "15")]
    Queues(QueueKeys),
    /// A word about a call.
    #[prost(message, tag = "16")]
    Call(SignedCall),
}

/// A contact, as one device of an account tells another: what it takes to reach and to recognise them.
#[derive(Clone, PartialEq, Message)]
pub struct Known {
    /// Account, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// The lasting pair key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub pair_key: Vec<u8>,
    /// When the pair key was agreed on, unix ms; the newer one holds.
    #[prost(uint64, tag = "3")]
    pub paired_ms: u64,
    /// Their devices, signed by their account key.
    #[prost(message, optional, tag = "4")]
    pub device_set: Option<Signed>,
    /// How they present themselves.
    #[prost(message, optional, tag = "5")]
    pub profile: Option<Profile>,
    /// Own name for them.
    #[prost(string, tag = "6")]
    pub petname: String,
    /// Whether the safety number was compared.
    #[prost(bool, tag = "7")]
    pub verified: bool,
    /// Where they were or said to be; at most [`crate::limits::HINTS`].
    #[prost(message, repeated, tag = "8")]
    pub hints: Vec<HintMsg>,
}

/// Where a node can be reached.
#[derive(Clone, PartialEq, Message)]
pub struct Hints {
    /// At most [`crate::limits::HINTS`].
    #[prost(message, repeated, tag = "1")]
    pub hints: Vec<HintMsg>,
}

/// Cumulative acknowledgement, sent only after the commit; never an entry.
#[derive(Clone, PartialEq, Message)]
pub struct Ack {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// Whose log, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device: Vec<u8>,
    /// Up to and with this sequence number.
    #[prost(uint64, tag = "4")]
    pub seq: u64,
    /// Id of that entry, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub id: Vec<u8>,
}

/// How a person is. Never stored.
#[derive(Clone, PartialEq, Message)]
pub struct Presence {
    /// 1 online, 2 idle, 3 do not disturb.
    #[prost(uint32, tag = "1")]
    pub status: u32,
}

/// Typing in a conversation. Never stored.
#[derive(Clone, PartialEq, Message)]
pub struct Typing {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Started or stopped.
    #[prost(bool, tag = "2")]
    pub on: bool,
}

/// How far a person has read what others wrote. Positions only rise; logs that are not named stay where they were.
#[derive(Clone, PartialEq, Message)]
pub struct Read {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// At most [`crate::limits::READ_LOGS`]; more are told in further messages.
    #[prost(message, repeated, tag = "2")]
    pub logs: Vec<ReadUpTo>,
}

/// See [`Read`].
#[derive(Clone, PartialEq, Message)]
pub struct ReadUpTo {
    /// Writing device, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    /// Everything of its log was read up to and with this sequence number.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
}

/// A clean end.
#[derive(Clone, PartialEq, Message)]
pub struct Bye {}

/// An Olm message inside the post-quantum wrap. The same object goes over a link and, later, into a mailbox.
#[derive(Clone, PartialEq, Message)]
pub struct SealedFrame {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// X-Wing ciphertext, 1120 bytes; present until the receiver has confirmed the key.
    #[prost(bytes = "vec", tag = "2")]
    pub kem_ct: Vec<u8>,
    /// First 8 bytes of the hash of the wrap key in use.
    #[prost(bytes = "vec", tag = "3")]
    pub wrap_id: Vec<u8>,
    /// Position under that key: the nonce of the wrap.
    #[prost(uint64, tag = "4")]
    pub counter: u64,
    /// XChaCha20-Poly1305 of the encoded [`OlmMessage`].
    #[prost(bytes = "vec", tag = "5")]
    pub ct: Vec<u8>,
}

/// An Olm message, by its two parts.
#[derive(Clone, PartialEq, Message)]
pub struct OlmMessage {
    /// 0 prekey message, 1 normal message.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// The encoded message.
    #[prost(bytes = "vec", tag = "2")]
    pub body: Vec<u8>,
    /// Id of the newest wrap key of the other direction that the sender holds, 8 bytes: it need not be repeated.
    #[prost(bytes = "vec", tag = "3")]
    pub seen: Vec<u8>,
}

/// Plaintext of a ratchet message. Olm authenticates no associated data, so the context is inside and checked.
#[derive(Clone, PartialEq, Message)]
pub struct Inner {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Sending device, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub from: Vec<u8>,
    /// Receiving device, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub to: Vec<u8>,
    /// Random id of this message, 16 bytes: the receiver keeps recent ones.
    #[prost(bytes = "vec", tag = "4")]
    pub id: Vec<u8>,
    /// What it carries.
    #[prost(oneof = "Payload", tags = "10, 11, 12, 13")]
    pub m: Option<Payload>,
    /// Zeroes up to the next padding step.
    #[prost(bytes = "vec", tag = "15")]
    pub pad: Vec<u8>,
}

/// Variants of [`Inner`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Payload {
    /// Entries.
    #[prost(message, tag = "10")]
    Batch(EntryBatch),
    /// A wish to become a contact.
    #[prost(message, tag = "11")]
    Request(ContactRequest),
    /// A yes to it.
    #[prost(message, tag = "12")]
    Accept(Accept),
    /// What goes with the messages in a mailbox.
    #[prost(message, tag = "13")]
    Note(Note),
}

/// What a device tells another through a mailbox beside entries. On a connection each of these is a message of its own.
#[derive(Clone, PartialEq, Message)]
pub struct Note {
    /// How far the sender has the logs of the conversation; at most [`crate::limits::NOTE_ACKS`].
    #[prost(message, repeated, tag = "1")]
    pub acks: Vec<Ack>,
    /// Where the sender's device takes messages while it is away.
    #[prost(message, optional, tag = "2")]
    pub queues: Option<QueueKeys>,
    /// A durable one-off (accept) with this id is stored on the sender's disk.
    #[prost(bytes = "vec", tag = "3")]
    pub stored: Vec<u8>,
    /// Entries came whose predecessors did not: everything after `acks` is to be sent again.
    #[prost(bool, tag = "4")]
    pub lacks: bool,
    /// The sender could not open something: begin a new session with this bundle.
    #[prost(message, optional, tag = "5")]
    pub prekeys: Option<Signed>,
}

/// First message to somebody.
#[derive(Clone, PartialEq, Message)]
pub struct ContactRequest {
    /// The sender's device set, signed by the account key.
    #[prost(message, optional, tag = "1")]
    pub device_set: Option<Signed>,
    /// The sender's prekey bundle, so that an answer needs no asking.
    #[prost(message, optional, tag = "2")]
    pub prekeys: Option<Signed>,
    /// How the sender presents themselves.
    #[prost(message, optional, tag = "3")]
    pub profile: Option<Profile>,
    /// A word along the way, plain text.
    #[prost(string, tag = "4")]
    pub text: String,
    /// Random id of this request, 16 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub request_id: Vec<u8>,
    /// Random pair key for hellos until there is an answer, 32 bytes.
    #[prost(bytes = "vec", tag = "6")]
    pub reply_key: Vec<u8>,
    /// When it was made, unix ms.
    #[prost(uint64, tag = "7")]
    pub made_ms: u64,
    /// Where the sender can be reached.
    #[prost(message, repeated, tag = "8")]
    pub hints: Vec<HintMsg>,
    /// Code of the receiver's link, 8 bytes, where the sender holds one.
    #[prost(bytes = "vec", tag = "9")]
    pub code: Vec<u8>,
    /// Where the sender takes the answer while away.
    #[prost(message, optional, tag = "10")]
    pub queues: Option<QueueKeys>,
}

/// A yes. Creates the direct conversation on both sides.
#[derive(Clone, PartialEq, Message)]
pub struct Accept {
    /// Which request it answers, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub request_id: Vec<u8>,
    /// The lasting pair key, random, 32 bytes. Where both sides asked, the one made by the lower account key holds.
    #[prost(bytes = "vec", tag = "2")]
    pub pair_key: Vec<u8>,
    /// How the acceptor presents themselves.
    #[prost(message, optional, tag = "3")]
    pub profile: Option<Profile>,
    /// Where the acceptor takes messages while away.
    #[prost(message, optional, tag = "4")]
    pub queues: Option<QueueKeys>,
}

/// A peer and one of its addresses.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct HintMsg {
    /// Transport key, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub peer: Vec<u8>,
    /// IPv4 (4 bytes) or IPv6 (16 bytes).
    #[prost(bytes = "vec", tag = "2")]
    pub ip: Vec<u8>,
    /// Port.
    #[prost(uint32, tag = "3")]
    pub port: u32,
    /// 1 QUIC, 2 TCP.
    #[prost(uint32, tag = "4")]
    pub transport: u32,
    /// Transport key of the relay that listens there and leads to the peer, 32 bytes; empty where the peer itself listens.
    #[prost(bytes = "vec", tag = "5")]
    pub relay: Vec<u8>,
}
