//! What the core asks of the store: keys, writes and bounded reads. Plain data; the shell's vault seals every value.

/// The tables of the one flat keyspace. The discriminant is the first byte of a key on disk and never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// This account and this device: singletons.
    Account = b'a',
    /// Queues that this node keeps for others: names, keys, age.
    Queue = b'b',
    /// Conversation heads: title, unread, last read, draft.
    Chat = b'c',
    /// Frames in those queues.
    Mail = b'f',
    /// What is known of each of those frames without reading it.
    Slip = b'g',
    /// Index from an entry's id to its place.
    Index = b'i',
    /// Queues of this device at mailbox nodes, with their secrets, and those of others that it may write to.
    Mailbox = b'h',
    /// Pairwise ratchet states, one row for each device of somebody else.
    Session = b'k',
    /// Heads of logs: sequence number, head, digest, fork.
    LogHead = b'l',
    /// Timelines: what a chat shows, ordered by stamp.
    Timeline = b'm',
    /// Obligations that outlive a connection and are not entries: own calls of which nothing is in the history yet.
    Outbox = b'o',
    /// People: contacts, profiles, device sets, addresses.
    Person = b'p',
    /// Contact requests, in and out.
    Request = b'q',
    /// Records of the directory that this node keeps for others.
    Record = b'r',
    /// Logs: signed headers ordered by sequence number.
    Log = b's',
    /// Settings of the person in front of this device.
    Setting = b't',
    /// Secrets of this device's prekeys.
    Prekey = b'x',
    /// Acknowledged frontiers: how far each other device has got in each log.
    Ack = b'y',
}

impl Table {
    /// Tables that the core keeps in memory and is given whole at start. All others are history and only read in pages.
    pub const STATE: [Self; 11] = [
        Self::Account,
        Self::Chat,
        Self::Session,
        Self::LogHead,
        Self::Outbox,
        Self::Person,
        Self::Request,
        Self::Setting,
        Self::Prekey,
        Self::Ack,
        Self::Mailbox,
    ];
    /// Tables of what this node keeps for others. They are no part of a backup: the others have their own ways to get it back.
    pub const KEPT: [Self; 4] = [Self::Queue, Self::Mail, Self::Slip, Self::Record];
    /// Tables that hold history.
    pub const HISTORY: [Self; 3] = [Self::Index, Self::Timeline, Self::Log];
}

/// Where a value lives. The vault replaces `scope` by a keyed hash, so that a key on disk names nobody; `order` stays
/// readable, because it decides the order of a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which table.
    pub table: Table,
    /// Which conversation, log, person: everything that a range stays within.
    pub scope: Vec<u8>,
    /// Position inside the scope, big-endian. Empty where a scope holds one row.
    pub order: Vec<u8>,
}

impl Key {
    /// A row that is alone in its scope.
    #[must_use]
    pub fn single(table: Table, scope: impl Into<Vec<u8>>) -> Self {
        Self { table, scope: scope.into(), order: Vec::new() }
    }
}

/// One change. The writes of one commit become durable together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Insert or replace.
    Put(Key, Vec<u8>),
    /// Remove, if present.
    Delete(Key),
    /// Remove every row of a scope.
    DeleteScope {
        /// Which table.
        table: Table,
        /// Which scope.
        scope: Vec<u8>,
    },
}

/// Direction of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    /// Smallest position first.
    Forward,
    /// Largest position first.
    Backward,
}

/// A bounded read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The values at these keys, in this order; absent ones stay absent.
    Get(Vec<Key>),
    /// Rows of one scope with `from <= order < to`.
    Range {
        /// Which table.
        table: Table,
        /// Which scope.
        scope: Vec<u8>,
        /// Smallest position included.
        from: Vec<u8>,
        /// Smallest position no longer included; `None` is the end of the scope.
        to: Option<Vec<u8>>,
        /// Which end to begin with.
        dir: Dir,
        /// Most rows returned.
        max_rows: usize,
        /// Stop after the row with which the values exceed this many bytes.
        max_bytes: usize,
    },
}

/// A row that a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its position inside the scope.
    pub order: Vec<u8>,
    /// Its value, opened.
    pub value: Vec<u8>,
}

/// The answer to a [`Read`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One element for each key of [`Read::Get`].
    Values(Vec<Option<Vec<u8>>>),
    /// The rows of a [`Read::Range`], in its direction.
    Rows(Vec<Row>),
}
