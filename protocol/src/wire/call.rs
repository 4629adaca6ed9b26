//! What two devices tell each other about a call. Travels in [`super::link::LinkFrame`] on a proven, sealed connection.
//!
//! Each message is signed by the device that says it, so that the fingerprint in a description is that device's word. Between two
//! devices the messages of a call are numbered in each direction; whoever misses one asks for it.

use prost::Message;

/// A [`CallMsg`] with its device's signature.
#[derive(Clone, PartialEq, Message)]
pub struct SignedCall {
    /// The encoded [`CallMsg`].
    #[prost(bytes = "vec", tag = "1")]
    pub payload: Vec<u8>,
    /// Ed25519 signature of the device key, 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub sig: Vec<u8>,
}

/// One word about a call.
#[derive(Clone, PartialEq, Message)]
pub struct CallMsg {
    /// Format, 1.
    #[prost(uint32, tag = "1")]
    pub v: u32,
    /// The call, 16 bytes, drawn by the device that called.
    #[prost(bytes = "vec", tag = "2")]
    pub call: Vec<u8>,
    /// The device that says it, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub from: Vec<u8>,
    /// The device it is for, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub to: Vec<u8>,
    /// 1, 2, 3 … within (call, from, to); 0 for what needs no answer and is never repeated.
    #[prost(uint32, tag = "5")]
    pub n: u32,
    /// Everything of the other side up to and with this number was taken in.
    #[prost(uint32, tag = "6")]
    pub seen: u32,
    /// What follows `seen` is to be said again.
    #[prost(bool, tag = "7")]
    pub again: bool,
    /// When it was said first, unix ms.
    #[prost(uint64, tag = "8")]
    pub sent_ms: u64,
    /// What is said. An absent one only acknowledges, or is of a newer version.
    #[prost(oneof = "CallBody", tags = "9, 10, 11, 12, 13")]
    pub m: Option<CallBody>,
}

/// Variants of [`CallMsg`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum CallBody {
    /// The first message of a call: it should ring.
    #[prost(message, tag = "9")]
    Invite(CallInvite),
    /// What needs no more than a word.
    #[prost(message, tag = "10")]
    Word(CallWord),
    /// What the media engine would like, or what it makes of the other's wish.
    #[prost(message, tag = "11")]
    Description(CallDescription),
    /// Where the sender's sound may be reached.
    #[prost(message, tag = "12")]
    Candidates(CallCandidates),
    /// What the sender's person lets through.
    #[prost(message, tag = "13")]
    Sound(CallSound),
}

/// Somebody calls.
#[derive(Clone, PartialEq, Message)]
pub struct CallInvite {
    /// How long it may ring, ms from `sent_ms`; at most [`crate::limits::CALL_LIFETIME`].
    #[prost(uint32, tag = "1")]
    pub lifetime_ms: u32,
    /// What it is about: 1 voice.
    #[prost(uint32, tag = "2")]
    pub media: u32,
}

/// See [`word`].
#[derive(Clone, PartialEq, Message)]
pub struct CallWord {
    /// Which. Unknown ones are of a newer version and ignored.
    #[prost(uint32, tag = "1")]
    pub word: u32,
    /// For [`word::HANG_UP`]: why.
    #[prost(uint32, tag = "2")]
    pub why: u32,
}

/// Words about a call. Numbers never change.
pub mod word {
    /// Called device: it rings here.
    pub const RINGING: u32 = 1;
    /// Called device: its person took the call.
    pub const ACCEPT: u32 = 2;
    /// Called device: its person declined, for all their devices.
    pub const DECLINE: u32 = 3;
    /// Called device: as many calls ring here as can.
    pub const BUSY: u32 = 4;
    /// Called device: its person took the call and sound cannot begin here. Others may still take it.
    pub const UNABLE: u32 = 5;
    /// Caller: you have it.
    pub const CHOSEN: u32 = 6;
    /// Caller: another device of yours has it.
    pub const ELSEWHERE: u32 = 7;
    /// Caller: another device of yours declined.
    pub const DECLINED_ELSEWHERE: u32 = 8;
    /// Caller: I gave up.
    pub const CANCEL: u32 = 9;
    /// One of the two in the call: it is over.
    pub const HANG_UP: u32 = 10;
    /// Never numbered: I know of no such call.
    pub const UNKNOWN: u32 = 11;

    /// Why somebody hung up. Unknown reasons are read as [`why::PERSON`].
    pub mod why {
        /// A person did.
        pub const PERSON: u32 = 0;
        /// No way for the sound was found.
        pub const NO_WAY: u32 = 1;
        /// The certificate was not the one that was signed.
        pub const IMPOSTOR: u32 = 2;
        /// Sound could not begin.
        pub const NO_SOUND: u32 = 3;
        /// The sound was lost and not found again.
        pub const LOST: u32 = 4;
    }
}

/// A session description (RFC 8866).
#[derive(Clone, PartialEq, Message)]
pub struct CallDescription {
    /// 1 offer, 2 answer.
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// For an offer: the how manieth of its sender in this call, from 1. For an answer: that of the offer that it answers.
    #[prost(uint32, tag = "2")]
    pub round: u32,
    /// The text, at most [`crate::limits::CALL_DESCRIPTION`] bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub sdp: Vec<u8>,
    /// SHA-256 of the DTLS certificate that its sender shows, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub fingerprint: Vec<u8>,
}

/// Ways to the sender's sound, for its newest description.
#[derive(Clone, PartialEq, Message)]
pub struct CallCandidates {
    /// As `candidate:` lines (RFC 8839), at most [`crate::limits::CALL_CANDIDATES`].
    #[prost(string, repeated, tag = "1")]
    pub lines: Vec<String>,
    /// There are no more.
    #[prost(bool, tag = "2")]
    pub end: bool,
}

/// What is heard of the sender, and by the sender.
#[derive(Clone, PartialEq, Message)]
pub struct CallSound {
    /// The microphone is on.
    #[prost(bool, tag = "1")]
    pub mic: bool,
    /// Nothing is played.
    #[prost(bool, tag = "2")]
    pub deafen: bool,
}
