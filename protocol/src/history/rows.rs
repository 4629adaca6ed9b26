//! How history is written down. Keys are made in [`super::keys`]; a record is one version byte and a protobuf message.
//!
//! | table | scope | order | record |
//! |---|---|---|---|
//! | Log | space, chan, device | seq (8), id (16) | [`LogRow`] |
//! | Timeline | space, chan | hlc (8), id (32) | [`TimelineRow`] |
//! | Index | space, id | | [`IndexRow`] |
//! | `LogHead` | space, `"log"`, chan, device | | [`StateRow`] |
//! | `LogHead` | space, `"auth"`, id | | [`StateRow`] |
//! | `LogHead` | space, `"op"`, target, id | | [`StateRow`] |
//!
//! Everything of `LogHead` is decision state and given to the core whole at start; scopes cannot be read back from the disk, so
//! these records say themselves what they are about. Bodies of messages lie in the timeline only, so that forgetting one is one
//! write.

use super::entry::{Header, Parsed};
use super::log::{Fork, Link, Log, Stored, Tip, Version};
use crate::ids::{AccountId, DeviceId, EntryId};
use crate::view::Hlc;
use crate::wire::entry::Entry;
use crate::wire::identity::Signed;
use prost::Message;

/// Version of the records here. A reader refuses a newer one; migrations bring older ones up.
const VERSION: u8 = 1;

/// A record that cannot be read: a damaged store, or one of a newer version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// Empty.
    #[error("an empty record")]
    Empty,
    /// Written by a newer version.
    #[error("a record of version {0}")]
    Version(u8),
    /// Not a record of this kind.
    #[error("a malformed record")]
    Malformed,
}

/// A log's record of an entry.
#[derive(Clone, PartialEq, Message)]
pub struct LogRow {
    /// Header as signed.
    #[prost(message, optional, tag = "1")]
    pub header: Option<Signed>,
    /// Salt of the body hash, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub salt: Vec<u8>,
    /// Digest of the log up to it, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub digest: Vec<u8>,
    /// Root of the version it was accepted in, 32 bytes; absent for the trunk.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub root: Option<Vec<u8>>,
    /// Body, unless the timeline has it.
    #[prost(bytes = "vec", optional, tag = "5")]
    pub body: Option<Vec<u8>>,
    /// The timeline has the body.
    #[prost(bool, tag = "6")]
    pub in_timeline: bool,
}

/// A timeline's record: a message and what later entries made of it.
#[derive(Clone, PartialEq, Message)]
pub struct TimelineRow {
    /// Its entry, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// Writing account, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub author: Vec<u8>,
    /// Writing device, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device: Vec<u8>,
    /// Position in that device's log.
    #[prost(uint64, tag = "4")]
    pub seq: u64,
    /// Stamp.
    #[prost(fixed64, tag = "5")]
    pub hlc: u64,
    /// What the body is.
    #[prost(uint32, tag = "6")]
    pub kind: u32,
    /// Body as signed; absent once deleted.
    #[prost(bytes = "vec", optional, tag = "7")]
    pub body: Option<Vec<u8>>,
    /// Version it was accepted in, 32 bytes; absent for the trunk.
    #[prost(bytes = "vec", optional, tag = "8")]
    pub root: Option<Vec<u8>>,
    /// Arrived here at, unix ms.
    #[prost(uint64, tag = "9")]
    pub arrived_ms: u64,
    /// Arrived more than a while after its time.
    #[prost(bool, tag = "10")]
    pub late: bool,
    /// Its author wished it forgotten.
    #[prost(bool, tag = "11")]
    pub deleted: bool,
    /// Newest edit.
    #[prost(message, optional, tag = "12")]
    pub edit: Option<EditRow>,
    /// Last word of each account on each emoji, ordered by (account, emoji).
    #[prost(message, repeated, tag = "13")]
    pub reactions: Vec<ReactionRow>,
    /// Entries whose bodies repeat what the message says: forgotten with it.
    #[prost(message, repeated, tag = "14")]
    pub copies: Vec<CopyRow>,
}

/// What a search reads of a [`TimelineRow`]: the other fields are skipped without being copied.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SaidRow {
    #[prost(uint32, tag = "6")]
    pub kind: u32,
    #[prost(bytes = "vec", optional, tag = "7")]
    pub body: Option<Vec<u8>>,
    #[prost(bool, tag = "11")]
    pub deleted: bool,
    #[prost(message, optional, tag = "12")]
    pub edit: Option<EditRow>,
}

/// The newest edit of a message.
#[derive(Clone, PartialEq, Message)]
pub struct EditRow {
    /// Its stamp.
    #[prost(fixed64, tag = "1")]
    pub hlc: u64,
    /// Its entry, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
    /// The new text.
    #[prost(string, tag = "3")]
    pub text: String,
}

/// An account's last word on an emoji.
#[derive(Clone, PartialEq, Message)]
pub struct ReactionRow {
    /// Account, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// The emoji.
    #[prost(string, tag = "2")]
    pub emoji: String,
    /// Put or taken back.
    #[prost(bool, tag = "3")]
    pub on: bool,
    /// Stamp of the entry that said so.
    #[prost(fixed64, tag = "4")]
    pub hlc: u64,
    /// Its id, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub id: Vec<u8>,
}

/// Where an entry lies that repeats a message's text.
#[derive(Clone, PartialEq, Message)]
pub struct CopyRow {
    /// Writing device, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    /// Position in its log.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// Its id, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub id: Vec<u8>,
    /// Its stamp.
    #[prost(fixed64, tag = "4")]
    pub hlc: u64,
}

/// From an entry's id to its place.
#[derive(Clone, PartialEq, Message)]
pub struct IndexRow {
    /// Channel, 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub chan: Vec<u8>,
    /// Writing device, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    /// Position in its log.
    #[prost(uint64, tag = "3")]
    pub seq: u64,
    /// Stamp: with the id its place in the timeline.
    #[prost(fixed64, tag = "4")]
    pub hlc: u64,
    /// What the entry is.
    #[prost(uint32, tag = "5")]
    pub kind: u32,
}

/// A record of decision state.
#[derive(Clone, PartialEq, Message)]
pub struct StateRow {
    /// Conversation, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// Channel, 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    /// Writing device, 32 bytes.
    #[prost(bytes = "vec", tag = "3")]
    pub device: Vec<u8>,
    /// What it records.
    #[prost(oneof = "State", tags = "4, 5, 6")]
    pub state: Option<State>,
}

/// What a [`StateRow`] records.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum State {
    /// The state of a log.
    #[prost(message, tag = "4")]
    Head(HeadRow),
    /// An operation of the auth log.
    #[prost(message, tag = "5")]
    Auth(OpRow),
    /// An operation on a message that is not applied yet.
    #[prost(message, tag = "6")]
    Pending(OpRow),
}

/// State of a log, see [`Log`].
#[derive(Clone, PartialEq, Message)]
pub struct HeadRow {
    /// Entries up to this one are no longer kept.
    #[prost(uint64, tag = "1")]
    pub floor: u64,
    /// End of the trunk.
    #[prost(message, optional, tag = "2")]
    pub trunk: Option<TipRow>,
    /// Root that untagged rows belong to, 32 bytes; empty where nothing was duplicated.
    #[prost(bytes = "vec", tag = "3")]
    pub untagged: Vec<u8>,
    /// The versions.
    #[prost(message, repeated, tag = "4")]
    pub versions: Vec<VersionRow>,
    /// Ends that no other entry covers yet, 32 bytes each.
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub open: Vec<Vec<u8>>,
}

/// See [`Tip`].
#[derive(Clone, PartialEq, Message)]
pub struct TipRow {
    /// Position.
    #[prost(uint64, tag = "1")]
    pub seq: u64,
    /// Id, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub id: Vec<u8>,
    /// Stamp.
    #[prost(fixed64, tag = "3")]
    pub hlc: u64,
    /// Digest, 32 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub digest: Vec<u8>,
}

/// See [`Version`].
#[derive(Clone, PartialEq, Message)]
pub struct VersionRow {
    /// Id of its first entry, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub root: Vec<u8>,
    /// Its end.
    #[prost(message, optional, tag = "2")]
    pub tip: Option<TipRow>,
    /// Ends because it was duplicated again.
    #[prost(bool, tag = "3")]
    pub cut: bool,
}

/// An operation and where it stands.
#[derive(Clone, PartialEq, Message)]
pub struct OpRow {
    /// Id of its entry, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// Position in its log.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// Its stamp.
    #[prost(fixed64, tag = "3")]
    pub hlc: u64,
    /// What the body is.
    #[prost(uint32, tag = "4")]
    pub kind: u32,
    /// Its body.
    #[prost(bytes = "vec", tag = "5")]
    pub body: Vec<u8>,
    /// Version it was accepted in, 32 bytes; absent for the trunk.
    #[prost(bytes = "vec", optional, tag = "6")]
    pub root: Option<Vec<u8>>,
    /// Writing account, 32 bytes.
    #[prost(bytes = "vec", tag = "7")]
    pub author: Vec<u8>,
}

/// Writes a record.
#[must_use]
pub fn encode<M: Message>(row: &M) -> Vec<u8> {
    let mut out = Vec::with_capacity(row.encoded_len().saturating_add(1));
    out.push(VERSION);
    out.extend_from_slice(&row.encode_to_vec());
    out
}

/// Reads a record.
///
/// # Errors
/// See [`BadRow`].
pub fn decode<M: Message + Default>(value: &[u8]) -> Result<M, BadRow> {
    match value.split_first() {
        None => Err(BadRow::Empty),
        Some((&VERSION, message)) => M::decode(message).map_err(|_| BadRow::Malformed),
        Some((&version, _)) => Err(BadRow::Version(version)),
    }
}

impl LogRow {
    /// Bytes it takes on the wire, without what the timeline has of it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.encoded_len()
    }

    /// The record of an entry that was accepted as `stored`.
    #[must_use]
    pub fn new(e: &Parsed, stored: &Stored, in_timeline: bool) -> Self {
        Self {
            header: Some(e.signed()),
            salt: e.salt().to_vec(),
            digest: stored.digest.to_vec(),
            root: stored.root.map(|root| root.to_vec()),
            body: if in_timeline { None } else { e.body().map(<[u8]>::to_vec) },
            in_timeline,
        }
    }

    /// What logs and readers need to know of it.
    ///
    /// # Errors
    /// A record that does not hold an entry.
    pub fn stored(&self) -> Result<(Header, Stored), BadRow> {
        let payload = &self.header.as_ref().ok_or(BadRow::Malformed)?.payload;
        let header = Header::read(payload).map_err(|_| BadRow::Malformed)?;
        let id = EntryId(crate::crypto::hash::id(crate::crypto::labels::ENTRY, payload));
        let link = Link { seq: header.seq, id, prev: header.prev, hlc: header.hlc };
        let stored = Stored { link, digest: fixed(&self.digest)?, root: optional(self.root.as_deref())? };
        Ok((header, stored))
    }

    /// The record without its body.
    #[must_use]
    pub fn hollow(mut self) -> Self {
        self.body = None;
        self
    }
}

/// The entry as it travels, from what log and timeline have of it. `timeline` is the row that [`LogRow::in_timeline`] speaks of.
#[must_use]
pub fn assemble(log: LogRow, timeline: Option<&TimelineRow>) -> Entry {
    let body = if log.in_timeline { timeline.and_then(|row| row.body.clone()) } else { log.body };
    Entry { header: log.header, salt: log.salt, body }
}

impl TimelineRow {
    /// Its entry.
    ///
    /// # Errors
    /// A damaged record.
    pub fn entry_id(&self) -> Result<EntryId, BadRow> {
        fixed(&self.id).map(EntryId)
    }

    /// Writing account.
    ///
    /// # Errors
    /// A damaged record.
    pub fn author(&self) -> Result<AccountId, BadRow> {
        fixed(&self.author).map(AccountId)
    }

    /// Writing device.
    ///
    /// # Errors
    /// A damaged record.
    pub fn device(&self) -> Result<DeviceId, BadRow> {
        fixed(&self.device).map(DeviceId)
    }

    /// Version it was accepted in.
    ///
    /// # Errors
    /// A damaged record.
    pub fn version(&self) -> Result<Option<EntryId>, BadRow> {
        optional(self.root.as_deref())
    }
}

impl From<&Tip> for TipRow {
    fn from(tip: &Tip) -> Self {
        Self { seq: tip.seq, id: tip.id.to_vec(), hlc: tip.hlc.0, digest: tip.digest.to_vec() }
    }
}

impl TipRow {
    /// The place it records.
    ///
    /// # Errors
    /// A damaged record.
    pub fn tip(&self) -> Result<Tip, BadRow> {
        Ok(Tip { seq: self.seq, id: EntryId(fixed(&self.id)?), hlc: Hlc(self.hlc), digest: fixed(&self.digest)? })
    }
}

impl HeadRow {
    /// The record of a log.
    #[must_use]
    pub(super) fn new(log: &Log, open: impl Iterator<Item = EntryId>) -> Self {
        let version = |v: &Version| VersionRow { root: v.root.to_vec(), tip: Some((&v.tip).into()), cut: v.cut };
        Self {
            floor: log.floor(),
            trunk: Some((&log.trunk()).into()),
            untagged: log.fork().map(|fork| fork.untagged.to_vec()).unwrap_or_default(),
            versions: log.fork().map(|fork| fork.versions.iter().map(version).collect()).unwrap_or_default(),
            open: open.map(|id| id.to_vec()).collect(),
        }
    }

    /// The log it records.
    pub(super) fn log(&self) -> Result<(Log, Vec<EntryId>), BadRow> {
        let tip = |row: &Option<TipRow>| row.as_ref().ok_or(BadRow::Malformed)?.tip();
        let trunk = tip(&self.trunk)?;
        let version = |v: &VersionRow| Ok(Version { root: EntryId(fixed(&v.root)?), tip: tip(&v.tip)?, cut: v.cut });
        let fork = if self.untagged.is_empty() {
            None
        } else {
            let versions = self.versions.iter().map(version).collect::<Result<_, BadRow>>()?;
            Some(Fork { base: trunk, untagged: EntryId(fixed(&self.untagged)?), versions })
        };
        let open = self.open.iter().map(|id| fixed(id).map(EntryId)).collect::<Result<_, _>>()?;
        Ok((Log::restore(self.floor, trunk, fork), open))
    }
}

pub(super) fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BadRow> {
    bytes.try_into().map_err(|_| BadRow::Malformed)
}

pub(super) fn optional(bytes: Option<&[u8]>) -> Result<Option<EntryId>, BadRow> {
    bytes.map(|bytes| fixed(bytes).map(EntryId)).transpose()
}
