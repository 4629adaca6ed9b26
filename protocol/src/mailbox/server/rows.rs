//! Rows of a mailbox node in its store: heads of queues and slips of frames, in fixed layouts. Frames lie beside them as they came.
//!
//! A slip says what is to be known of a frame without reading it, so that a node with gigabytes of frames starts in seconds.

use crate::ids::{AccountId, QueueName};
use crate::store::{Key, Table, Write};
use crate::time::UnixMs;

/// Version of both layouts, their first byte.
const VERSION: u8 = 1;

/// What a node knows of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its owner reads under this name.
    pub read: QueueName,
    /// Others write under this name.
    pub write: QueueName,
    /// Ed25519 key of its owner.
    pub owner: [u8; 32],
    /// Who may write.
    pub gate: Gate,
    /// On whose account it is kept, where that is not a stranger's.
    pub sponsor: Option<AccountId>,
    /// When its owner opened it last, to the day.
    pub used: UnixMs,
    /// A number of a frame that was used already: numbers go on from here after all frames were taken.
    pub last: u64,
}

/// Who may write to a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Holders of a key.
    Key([u8; 32]),
    /// Everybody, for so many bits of work.
    Work(u32),
}

/// What a node knows of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slip {
    /// Its number in its queue.
    pub n: u64,
    /// When it came.
    pub at: UnixMs,
    /// Its length in bytes.
    pub len: u32,
}

/// A row that this version did not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row of the mailbox cannot be read")]
pub(super) struct BadRow;

impl Head {
    pub fn key(read: &QueueName) -> Key {
        Key::single(Table::Queue, read.to_vec())
    }

    pub fn put(&self) -> Write {
        Write::Put(Self::key(&self.read), self.encode())
    }

    /// version | read | write | owner | 0, write key or 1, bits | used | last | sponsor, if any
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.read.as_bytes());
        out.extend(self.write.as_bytes());
        out.extend(self.owner);
        match self.gate {
            Gate::Key(key) => {
                out.push(0);
                out.extend(key);
            }
            Gate::Work(bits) => {
                out.push(1);
                out.extend(bits.to_be_bytes());
            }
        }
        out.extend(self.used.0.to_be_bytes());
        out.extend(self.last.to_be_bytes());
        if let Some(sponsor) = &self.sponsor {
            out.extend(sponsor.as_bytes());
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let mut rest = versioned(bytes)?;
        let read = QueueName(take(&mut rest)?);
        let write = QueueName(take(&mut rest)?);
        let owner = take(&mut rest)?;
        let gate = match take::<1>(&mut rest)? {
            [0] => Gate::Key(take(&mut rest)?),
            [1] => Gate::Work(u32::from_be_bytes(take(&mut rest)?)),
            _ => return Err(BadRow),
        };
        let used = UnixMs(u64::from_be_bytes(take(&mut rest)?));
        let last = u64::from_be_bytes(take(&mut rest)?);
        let sponsor = if rest.is_empty() { None } else { Some(AccountId(take(&mut rest)?)) };
        if rest.is_empty() { Ok(Self { read, write, owner, gate, sponsor, used, last }) } else { Err(BadRow) }
    }
}

impl Slip {
    /// The two rows of a new frame.
    pub fn put(&self, read: &QueueName, frame: Vec<u8>) -> [Write; 2] {
        let mut row = vec![VERSION];
        row.extend(read.as_bytes());
        row.extend(self.n.to_be_bytes());
        row.extend(self.at.0.to_be_bytes());
        row.extend(self.len.to_be_bytes());
        [Write::Put(frame_key(read, self.n), frame), Write::Put(place(Table::Slip, read, self.n), row)]
    }

    /// Removes both.
    pub fn delete(read: &QueueName, n: u64) -> [Write; 2] {
        [Write::Delete(frame_key(read, n)), Write::Delete(place(Table::Slip, read, n))]
    }

    pub fn decode(bytes: &[u8]) -> Result<(QueueName, Self), BadRow> {
        let mut rest = versioned(bytes)?;
        let read = QueueName(take(&mut rest)?);
        let n = u64::from_be_bytes(take(&mut rest)?);
        let at = UnixMs(u64::from_be_bytes(take(&mut rest)?));
        let len = u32::from_be_bytes(take(&mut rest)?);
        if rest.is_empty() { Ok((read, Self { n, at, len })) } else { Err(BadRow) }
    }
}

/// Where a frame lies.
pub(super) fn frame_key(read: &QueueName, n: u64) -> Key {
    place(Table::Mail, read, n)
}

/// Removes a queue and everything in it.
pub(super) fn delete_queue(read: &QueueName) -> Vec<Write> {
    let scope = |table| Write::DeleteScope { table, scope: read.to_vec() };
    vec![Write::Delete(Head::key(read)), scope(Table::Slip), scope(Table::Mail)]
}

fn place(table: Table, read: &QueueName, n: u64) -> Key {
    Key { table, scope: read.to_vec(), order: n.to_be_bytes().to_vec() }
}

fn versioned(bytes: &[u8]) -> Result<&[u8], BadRow> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        _ => Err(BadRow),
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BadRow> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(BadRow)?;
    *rest = tail;
    Ok(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_back_and_cut_ones_do_not() {
        for (gate, sponsor) in [(Gate::Key([3; 32]), None), (Gate::Work(22), Some(AccountId([4; 32])))] {
            let head =
                Head { read: QueueName([1; 24]), write: QueueName([2; 24]), owner: [5; 32], gate, sponsor, used: UnixMs(6), last: 7 };
            let row = head.encode();
            assert_eq!(Head::decode(&row), Ok(head));
            for len in (0..row.len()).filter(|len| sponsor.is_none() || *len != row.len() - 32) {
                assert_eq!(Head::decode(&row[..len]), Err(BadRow), "{len}");
            }
        }
        let slip = Slip { n: 5, at: UnixMs(6), len: 7 };
        let [_, Write::Put(_, row)] = slip.put(&QueueName([1; 24]), vec![]) else { panic!("two rows are put") };
        assert_eq!(Slip::decode(&row), Ok((QueueName([1; 24]), slip)));
        assert_eq!(Slip::decode(&row[1..]), Err(BadRow));
    }
}
