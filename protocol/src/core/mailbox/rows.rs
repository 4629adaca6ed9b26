//! What is written down of mailboxes: own queues with their secrets, those of others, and how far each of those was filled.

use super::own::{OwnQueue, OwnQueues};
use super::theirs::{TheirQueue, Theirs};
use crate::core::rows::{self, AckedLog};
use crate::ids::{AccountId, ChanId, DeviceId, PeerKey, QueueName, RequestId};
use crate::link::Hint;
use crate::store::{Key, Table, Write};
use crate::wire::link::HintMsg;
use crate::wire::mailbox::QueueKey;
use prost::Message;
use std::collections::BTreeMap;

/// First byte of the scope of a row for own queues.
const OWN: u8 = b'o';
/// First byte of the scope of a row for somebody else's.
const THEIRS: u8 = b't';

/// A row of [`Table::Mailbox`]: one of the two.
#[derive(Clone, PartialEq, Message)]
pub(in crate::core) struct MailboxRow {
    #[prost(message, optional, tag = "1")]
    pub own: Option<OwnRow>,
    #[prost(message, optional, tag = "2")]
    pub theirs: Option<TheirRow>,
}

/// Queues that one contact may write into.
#[derive(Clone, PartialEq, Message)]
pub(in crate::core) struct OwnRow {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    account: Vec<u8>,
    #[prost(uint64, tag = "2")]
    seq: u64,
    #[prost(message, repeated, tag = "3")]
    queues: Vec<OwnQueueRow>,
    /// Devices of the contact that were told through a mailbox, and of which `seq`.
    #[prost(message, repeated, tag = "4")]
    told: Vec<ToldRow>,
}

/// See [`OwnQueue`].
#[derive(Clone, PartialEq, Message)]
struct OwnQueueRow {
    #[prost(bytes = "vec", tag = "1")]
    node: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    owner: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    read: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    write: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    write_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    frame_key: Vec<u8>,
    #[prost(message, optional, tag = "7")]
    hint: Option<HintMsg>,
}

#[derive(Clone, PartialEq, Message)]
struct ToldRow {
    #[prost(bytes = "vec", tag = "1")]
    device: Vec<u8>,
    #[prost(uint64, tag = "2")]
    seq: u64,
}

/// Queues of a device of somebody else.
#[derive(Clone, PartialEq, Message)]
pub(in crate::core) struct TheirRow {
    #[prost(bytes = "vec", tag = "1")]
    device: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    account: Vec<u8>,
    #[prost(uint64, tag = "3")]
    seq: u64,
    #[prost(message, repeated, tag = "4")]
    queues: Vec<QueueKey>,
    /// How far each log was put there.
    #[prost(message, repeated, tag = "5")]
    put: Vec<AckedLog>,
    /// Request to which a yes was put there.
    #[prost(bytes = "vec", tag = "6")]
    accepted: Vec<u8>,
    /// Frames of theirs were taken that they have not been told of.
    #[prost(bool, tag = "7")]
    owed: bool,
    /// Request whose yes came from there, while they have not been told.
    #[prost(bytes = "vec", tag = "8")]
    stored: Vec<u8>,
}

fn scope(kind: u8, id: &[u8]) -> Vec<u8> {
    [&[kind], id].concat()
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

impl OwnQueues {
    pub fn write(account: AccountId, own: Option<&Self>) -> Write {
        match own {
            Some(own) => {
                rows::put(Table::Mailbox, scope(OWN, account.as_bytes()), &MailboxRow { own: Some(own.to_row(account)), theirs: None })
            }
            None => Write::Delete(Key::single(Table::Mailbox, scope(OWN, account.as_bytes()))),
        }
    }

    fn to_row(&self, account: AccountId) -> OwnRow {
        let queue = |q: &OwnQueue| OwnQueueRow {
            node: q.node.to_vec(),
            owner: q.owner.to_vec(),
            read: q.read.to_vec(),
            write: q.write.to_vec(),
            write_key: q.write_key.to_vec(),
            frame_key: q.frame_key.to_vec(),
            hint: Some(q.hint.to_msg()),
        };
        OwnRow {
            account: account.to_vec(),
            seq: self.seq,
            queues: self.queues.iter().map(queue).collect(),
            told: self.told.iter().map(|(device, seq)| ToldRow { device: device.to_vec(), seq: *seq }).collect(),
        }
    }

    pub fn from_row(row: &OwnRow) -> Option<(AccountId, Self)> {
        let queue = |q: &OwnQueueRow| {
            Some(OwnQueue {
                node: PeerKey::from_slice(&q.node).ok()?,
                hint: q.hint.as_ref().and_then(Hint::from_msg)?,
                owner: array(&q.owner)?,
                read: QueueName::from_slice(&q.read).ok()?,
                write: QueueName::from_slice(&q.write).ok()?,
                write_key: array(&q.write_key)?,
                frame_key: array(&q.frame_key)?,
            })
        };
        let told = row.told.iter().filter_map(|t| Some((DeviceId::from_slice(&t.device).ok()?, t.seq)));
        let own = Self { seq: row.seq, queues: row.queues.iter().filter_map(queue).collect(), told: told.collect() };
        Some((AccountId::from_slice(&row.account).ok()?, own))
    }
}

impl Theirs {
    pub fn write(device: DeviceId, theirs: Option<&Self>) -> Write {
        match theirs {
            Some(theirs) => {
                rows::put(Table::Mailbox, scope(THEIRS, device.as_bytes()), &MailboxRow { own: None, theirs: Some(theirs.to_row(device)) })
            }
            None => Write::Delete(Key::single(Table::Mailbox, scope(THEIRS, device.as_bytes()))),
        }
    }

    fn to_row(&self, device: DeviceId) -> TheirRow {
        let put = self.put.iter().map(|((chan, log), seq)| AckedLog { chan: chan.to_vec(), device: log.to_vec(), seq: *seq });
        TheirRow {
            device: device.to_vec(),
            account: self.account.to_vec(),
            seq: self.seq,
            queues: self.queues.iter().map(|q| q.to_wire(device)).collect(),
            put: put.collect(),
            accepted: self.accepted.map(|id| id.to_vec()).unwrap_or_default(),
            owed: self.owed,
            stored: self.stored.map(|id| id.to_vec()).unwrap_or_default(),
        }
    }

    pub fn from_row(row: &TheirRow) -> Option<(DeviceId, Self)> {
        let device = DeviceId::from_slice(&row.device).ok()?;
        let mut put = BTreeMap::new();
        for log in &row.put {
            put.insert((ChanId::from_slice(&log.chan).ok()?, DeviceId::from_slice(&log.device).ok()?), log.seq);
        }
        let theirs = Self {
            account: AccountId::from_slice(&row.account).ok()?,
            seq: row.seq,
            queues: row.queues.iter().filter_map(|q| TheirQueue::from_wire(q, device)).collect(),
            put,
            accepted: RequestId::from_slice(&row.accepted).ok(),
            owed: row.owed,
            stored: RequestId::from_slice(&row.stored).ok(),
        };
        Some((device, theirs))
    }
}
