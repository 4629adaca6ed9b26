//! `/veche/mbox/1`: queues of sealed frames for people who are away, kept by operators' nodes and by friends.
//!
//! A queue has two names: its owner reads under one, others write under the other. The node sees frames of two sizes, when they
//! come and go, and from where; not from whom, to whom or what.

use super::link::{HintMsg, SealedFrame};
use prost::Message;

/// A frame of the mailbox protocol.
#[derive(Clone, PartialEq, Message)]
pub struct MailboxFrame {
    /// Which. An absent one is of a newer version and ignored.
    #[prost(oneof = "Mailbox", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub m: Option<Mailbox>,
}

/// Variants of [`MailboxFrame`]. The first five are the client's; every one but [`Taken`] is answered once.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Mailbox {
    /// Make a queue.
    #[prost(message, tag = "1")]
    Make(Make),
    /// Put a frame.
    #[prost(message, tag = "2")]
    Put(Put),
    /// Read a queue: all that waits comes now, what arrives later comes when it does.
    #[prost(message, tag = "3")]
    Open(Open),
    /// The frames up to here are on the owner's disk.
    #[prost(message, tag = "4")]
    Taken(Taken),
    /// End a queue.
    #[prost(message, tag = "5")]
    End(End),
    /// The queue is made.
    #[prost(message, tag = "6")]
    Made(Made),
    /// The frame is on the node's disk, or the queue is ended.
    #[prost(message, tag = "7")]
    Settled(Settled),
    /// No.
    #[prost(message, tag = "8")]
    No(No),
    /// The queue is being read.
    #[prost(message, tag = "9")]
    Opened(Opened),
    /// A frame that waited. At most [`crate::limits::MAIL_WINDOW`] are under way untaken.
    #[prost(message, tag = "10")]
    Held(Held),
}

/// Asks for a new queue.
#[derive(Clone, PartialEq, Message)]
pub struct Make {
    /// Returned in the answer.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// Ed25519 key of this queue alone, by which its owner reads and ends it, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub owner: Vec<u8>,
    /// Key that writers prove, 32 bytes; empty for a door that everybody may write to for work.
    #[prost(bytes = "vec", tag = "3")]
    pub write_key: Vec<u8>,
    /// Nonce of a proof of work over the node's transport key and `owner`.
    #[prost(fixed64, tag = "4")]
    pub pow: u64,
    /// Leading zero bits that a frame put into a door must show.
    #[prost(uint32, tag = "5")]
    pub door_bits: u32,
}

/// Deposits a frame.
#[derive(Clone, PartialEq, Message)]
pub struct Put {
    /// Returned in the answer.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// The queue's name for writers, 24 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub queue: Vec<u8>,
    /// Proves the write key on this connection, 32 bytes; empty for a door.
    #[prost(bytes = "vec", tag = "3")]
    pub mac: Vec<u8>,
    /// Nonce of the proof of work over queue and frame, for a door.
    #[prost(fixed64, tag = "4")]
    pub pow: u64,
    /// Exactly [`crate::limits::MAIL_SMALL`] or [`crate::limits::MAIL_LARGE`] bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub frame: Vec<u8>,
}

/// Begins to read a queue.
#[derive(Clone, PartialEq, Message)]
pub struct Open {
    /// Returned in the answer.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// The queue's name for its owner, 24 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub queue: Vec<u8>,
    /// Signature by the owner's key over both transport keys and the queue, 64 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub sig: Vec<u8>,
}

/// Frames that need not be kept any longer.
#[derive(Clone, PartialEq, Message)]
pub struct Taken {
    /// The queue's name for its owner, 24 bytes; it must be open on this connection.
    #[prost(bytes = "vec", tag = "1")]
    pub queue: Vec<u8>,
    /// Up to and with this number.
    #[prost(uint64, tag = "2")]
    pub up_to: u64,
}

/// Ends a queue and everything in it.
#[derive(Clone, PartialEq, Message)]
pub struct End {
    /// Returned in the answer.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// The queue's name for its owner, 24 bytes; it must be open on this connection.
    #[prost(bytes = "vec", tag = "2")]
    pub queue: Vec<u8>,
}

/// A queue was made.
#[derive(Clone, PartialEq, Message)]
pub struct Made {
    /// Which question this answers.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// Its name for its owner, 24 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub read: Vec<u8>,
    /// Its name for writers, 24 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub write: Vec<u8>,
    /// Seconds after which a frame that nobody took is dropped.
    #[prost(uint32, tag = "4")]
    pub lifetime_s: u32,
}

/// Done.
#[derive(Clone, PartialEq, Message)]
pub struct Settled {
    /// Which question this answers.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
}

/// Refused.
#[derive(Clone, PartialEq, Message)]
pub struct No {
    /// Which question this answers.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// 1 unfit, 2 no such queue, 3 not proven, 4 queue full, 5 node full, 6 too fast, 7 more work.
    #[prost(uint32, tag = "2")]
    pub why: u32,
    /// For "too fast": seconds to wait. For "more work": bits to show.
    #[prost(uint32, tag = "3")]
    pub amount: u32,
}

/// Reading began.
#[derive(Clone, PartialEq, Message)]
pub struct Opened {
    /// Which question this answers.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// Frames that wait.
    #[prost(uint32, tag = "2")]
    pub waiting: u32,
}

/// A frame from a queue, in the order in which they were put.
#[derive(Clone, PartialEq, Message)]
pub struct Held {
    /// The queue's name for its owner, 24 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub queue: Vec<u8>,
    /// Its number; grows, may skip.
    #[prost(uint64, tag = "2")]
    pub n: u64,
    /// The frame.
    #[prost(bytes = "vec", tag = "3")]
    pub frame: Vec<u8>,
}

/// What a frame in a contact's queue holds, once opened with the key of the queue.
#[derive(Clone, PartialEq, Message)]
pub struct Mail {
    /// Sending device, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub from: Vec<u8>,
    /// A ratchet message to the owner of the queue.
    #[prost(message, optional, tag = "2")]
    pub sealed: Option<SealedFrame>,
    /// Zeroes up to the size of the frame.
    #[prost(bytes = "vec", tag = "15")]
    pub pad: Vec<u8>,
}

/// Lets one contact write into a queue of one device.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct QueueKey {
    /// The device that reads it, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    /// The mailbox node.
    #[prost(message, optional, tag = "2")]
    pub node: Option<HintMsg>,
    /// The queue's name for writers, 24 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub write: Vec<u8>,
    /// Key that writers prove, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub write_key: Vec<u8>,
    /// Key that seals the frames, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub frame_key: Vec<u8>,
}

/// All queues of one device that one contact may write into; replaces what was said before.
#[derive(Clone, PartialEq, Message)]
pub struct QueueKeys {
    /// Unix ms; a larger one replaces a smaller one.
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    /// At most [`crate::limits::QUEUES_PER_CONTACT`].
    #[prost(message, repeated, tag = "2")]
    pub queues: Vec<QueueKey>,
}
