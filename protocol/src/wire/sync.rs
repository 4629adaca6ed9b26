//! `/veche/sync/1`: two members find out what the other lacks, log by log, and send it.

use super::entry::Entry;
use prost::Message;

/// A frame of the sync protocol, once opened.
#[derive(Clone, PartialEq, Message)]
pub struct SyncFrame {
    /// Which. An absent one is of a newer version and ignored.
    #[prost(oneof = "Sync", tags = "1, 2, 3, 4, 5, 6")]
    pub m: Option<Sync>,
}

/// Variants of [`SyncFrame`].
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Sync {
    /// Digests of the logs that both may read; sent by both sides at the start and after a quiet while.
    #[prost(message, tag = "1")]
    Digests(Digests),
    /// Where the sender's copies of a channel's logs end.
    #[prost(message, tag = "2")]
    Frontier(Frontier),
    /// Entries of one log, oldest first.
    #[prost(message, tag = "3")]
    Entries(Entries),
    /// Entries asked for by position.
    #[prost(message, tag = "4")]
    Want(Want),
    /// Prefix digests of one log at falling positions, to find where two copies part.
    #[prost(message, tag = "5")]
    Probe(Probe),
    /// Nothing more to send for a channel: `sent` entries went out since the frontier.
    #[prost(message, tag = "6")]
    Done(Done),
}

/// One digest for each channel.
#[derive(Clone, PartialEq, Message)]
pub struct Digests {
    /// At most [`crate::limits::SYNC_CHANNELS`].
    #[prost(message, repeated, tag = "1")]
    pub channels: Vec<ChannelDigest>,
}

/// Digest over the frontier rows of a channel.
#[derive(Clone, PartialEq, Message)]
pub struct ChannelDigest {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub digest: Vec<u8>,
}

/// Where the sender's copies of a channel's logs end.
#[derive(Clone, PartialEq, Message)]
pub struct Frontier {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// At most [`crate::limits::FRONTIER_ROWS`].
    #[prost(message, repeated, tag = "3")]
    pub rows: Vec<FrontierRow>,
    /// The receiver should answer with its own frontier.
    #[prost(bool, tag = "4")]
    pub ask: bool,
}

/// End of one device's log.
#[derive(Clone, PartialEq, Message)]
pub struct FrontierRow {
    /// Device, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    /// Entries up to and with this one are no longer kept.
    #[prost(uint64, tag = "2")]
    pub floor: u64,
    /// Last position.
    #[prost(uint64, tag = "3")]
    pub seq: u64,
    /// First 16 bytes of the digest over the whole log up to `seq`, forks included: not only of its head.
    #[prost(bytes = "vec", tag = "4")]
    pub digest: Vec<u8>,
    /// Where the device's history was duplicated, if it was: first position with two versions.
    #[prost(uint64, tag = "5")]
    pub fork_at: u64,
    /// Ends of the two versions, where there are two.
    #[prost(message, repeated, tag = "6")]
    pub branches: Vec<BranchRow>,
}

/// End of one version of a duplicated log.
#[derive(Clone, PartialEq, Message)]
pub struct BranchRow {
    /// Id of its first entry, at `fork_at`, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub root: Vec<u8>,
    /// Last position.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// First 16 bytes of its digest.
    #[prost(bytes = "vec", tag = "3")]
    pub digest: Vec<u8>,
}

/// Entries of one log, oldest first.
#[derive(Clone, PartialEq, Message)]
pub struct Entries {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// At most [`crate::limits::BATCH_ENTRIES`].
    #[prost(message, repeated, tag = "3")]
    pub entries: Vec<Entry>,
}

/// Asks for entries by position.
#[derive(Clone, PartialEq, Message)]
pub struct Want {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// Device, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device: Vec<u8>,
    /// From this position on.
    #[prost(uint64, tag = "4")]
    pub from: u64,
}

/// Prefix digests of one log at falling positions.
#[derive(Clone, PartialEq, Message)]
pub struct Probe {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// Device, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device: Vec<u8>,
    /// At most [`crate::limits::PROBE_POINTS`], falling.
    #[prost(message, repeated, tag = "4")]
    pub points: Vec<ProbePoint>,
}

/// Digest of a log's prefix.
#[derive(Clone, PartialEq, Message)]
pub struct ProbePoint {
    /// Position.
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    /// First 16 bytes of the digest up to it.
    #[prost(bytes = "vec", tag = "2")]
    pub digest: Vec<u8>,
}

/// Nothing more to send for a channel.
#[derive(Clone, PartialEq, Message)]
pub struct Done {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Log, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
}
