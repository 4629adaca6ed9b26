//! `/veche/turn/1`: names and passwords, good for some hours, for the relay for calls (TURN, RFC 8656) of an operator's node.

use prost::Message;

/// A frame of this protocol.
#[derive(Clone, PartialEq, Message)]
pub struct TurnFrame {
    /// Which. An absent one is of a newer version and ignored.
    #[prost(oneof = "Turn", tags = "1, 2, 3")]
    pub m: Option<Turn>,
}

/// Variants of [`TurnFrame`]. The first is the client's and is answered once, by one of the others.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Turn {
    /// May I use the relay?
    #[prost(message, tag = "1")]
    Ask(TurnAsk),
    /// Yes.
    #[prost(message, tag = "2")]
    Grant(TurnGrant),
    /// No.
    #[prost(message, tag = "3")]
    No(TurnNo),
}

/// Asks for a name and a password.
#[derive(Clone, PartialEq, Message)]
pub struct TurnAsk {
    /// Returned in the answer.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
}

/// Where the relay is, and how to be let in.
#[derive(Clone, PartialEq, Message)]
pub struct TurnGrant {
    /// Which question this answers.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// `stun:` and `turn:` addresses (RFC 7064, RFC 7065) with numbers for hosts, at most [`crate::limits::TURN_URLS`].
    #[prost(string, repeated, tag = "2")]
    pub urls: Vec<String>,
    /// Name for the relay.
    #[prost(string, tag = "3")]
    pub username: String,
    /// Password for the relay.
    #[prost(string, tag = "4")]
    pub credential: String,
    /// Seconds after which nothing new can be relayed with them.
    #[prost(uint32, tag = "5")]
    pub life_s: u32,
}

/// Refused.
#[derive(Clone, PartialEq, Message)]
pub struct TurnNo {
    /// Which question this answers.
    #[prost(uint32, tag = "1")]
    pub ask: u32,
    /// Seconds to wait before asking again; 0: this node relays no calls.
    #[prost(uint32, tag = "2")]
    pub wait_s: u32,
}
