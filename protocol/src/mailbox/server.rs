//! The node that keeps queues of sealed frames for others: deterministic, without IO, in the manner of [`crate::core`].
//!
//! [`Server::handle`] is the only way to change anything; after it [`Server::poll`] is called until it says `None`, and
//! [`Server::next_timeout`] is read anew. The node's promise is kept by an order: a frame is called held ([`crate::wire::mailbox::Settled`]) only once the
//! store acknowledged the write, it is handed out only after that, and it is deleted only when its reader took it, its time was over
//! or its queue ended.
//!
//! When the disk fails, what was not acknowledged is refused, reading goes on, and nothing new is taken until a write succeeded again.

mod answers;
mod limits;
mod queue;
mod reading;
mod rows;
mod writing;

use crate::crypto::{hash, labels};
use crate::ids::{AccountId, CommitId, LinkId, PeerKey, QueueName, ReadId};
use crate::rate::Used;
pub use crate::rate::{Rate, Source};
use crate::store::{Key, Write};
use crate::time::{Mono, Now};
use crate::wire::codec;
use crate::wire::mailbox::{Mailbox, MailboxFrame};
pub use limits::Limits;
use queue::Queue;
use rows::{Head, Slip};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;
use writing::{Pending, Trouble};

/// Largest encoded frame of the protocol, bytes: the larger frame of a queue and what is said about it.
const FRAME: usize = crate::limits::MAIL_LARGE + 1024;
/// How often old frames, unused queues and idle sources are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Queues looked at in one sweep: a few milliseconds of work. A hundred thousand are through in two hours.
const SWEEP_QUEUES: usize = 1024;

/// What a node is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its transport key.
    pub node: PeerKey,
    /// What it keeps for others.
    pub limits: Limits,
    /// Random, new at each start: the names of queues come from it.
    pub seed: [u8; 32],
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Somebody is connected.
    LinkUp {
        /// The connection.
        link: LinkId,
        /// Their transport key, proven by the secure channel.
        peer: PeerKey,
        /// Their address, or that of their relay.
        ip: IpAddr,
        /// The account on which queues are kept for them without work: a contact's, on a desktop.
        sponsor: Option<AccountId>,
    },
    /// A connection ended.
    LinkDown(LinkId),
    /// A frame of the mailbox protocol.
    Frame {
        /// The connection.
        link: LinkId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// What became of [`Effect::Commit`]. They are acknowledged in the order in which they were asked for, and after one that failed all
    /// others fail until [`Effect::Recover`].
    Committed {
        /// Which.
        commit: CommitId,
        /// Whether it is durable. Otherwise it may still turn out to have taken place.
        durable: bool,
    },
    /// The answer to [`Effect::Read`].
    Found {
        /// Which.
        read: ReadId,
        /// One for each key.
        frames: Vec<Frame>,
    },
    /// Whether the disk has room to spare: without, nothing new is taken, and what is here goes on being handed out and deleted. A node has
    /// room until it is told otherwise.
    Room(bool),
    /// [`Server::next_timeout`] has come.
    Tick,
}

/// A frame as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Whole.
    Whole(Vec<u8>),
    /// Not there any more, or damaged: it can never be handed out.
    Lost,
    /// The disk did not give it back this time.
    Later,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make writes durable together.
    Commit {
        /// Named in the acknowledgement.
        commit: CommitId,
        /// The writes.
        writes: Vec<Write>,
    },
    /// Before the next commit: let the store take commits again after a failure.
    Recover,
    /// Read frames.
    Read {
        /// Named in the answer.
        read: ReadId,
        /// Where they lie.
        keys: Vec<Key>,
    },
    /// Send a frame of the mailbox protocol.
    Send {
        /// The connection.
        link: LinkId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// End a connection whose other side does not keep to the protocol.
    Close(LinkId),
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Not as the protocol wants it.
    Unfit,
    /// There is no such queue.
    NoQueue,
    /// A proof that does not hold.
    NotProven,
    /// The queue is full.
    QueueFull,
    /// The node is full, or its disk fails.
    NodeFull,
    /// Too much in too short a time.
    TooFast,
    /// More work is asked for.
    MoreWork,
}

/// Counters since the start, and what is kept now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Queues kept.
    pub queues: u64,
    /// Bytes of frames kept, or being written.
    pub bytes: u64,
    /// Connections.
    pub links: u64,
    /// Frames that became durable.
    pub put: u64,
    /// Frames handed out.
    pub sent: u64,
    /// Frames that their readers took.
    pub taken: u64,
    /// Frames whose time was over.
    pub expired: u64,
    /// Frames that the store could not give back.
    pub lost: u64,
    /// Refusals by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Connections ended for breaking the protocol.
    pub closed: u64,
    /// Whether the disk fails at the moment.
    pub trouble: bool,
    /// Whether it has no room to spare.
    pub crowded: bool,
}

#[derive(Debug)]
struct Link {
    peer: PeerKey,
    source: Source,
    sponsor: Option<AccountId>,
    /// Queues that are read over it, by their names for owners.
    open: BTreeSet<QueueName>,
    /// Largest number of a frame of each queue that was sent over it.
    given: BTreeMap<QueueName, u64>,
    /// How much was sent over it that it had been sent before.
    again: Used,
}

#[derive(Debug, Default)]
struct Tally {
    makes: Used,
    kib: Used,
}

/// The node. See the top of this file.
#[derive(Debug)]
pub struct Server {
    config: Config,
    queues: BTreeMap<QueueName, Queue>,
    /// From the name for writers to the name for the owner.
    writers: BTreeMap<QueueName, QueueName>,
    /// Queues of each sponsor, also those that are being made.
    sponsored: BTreeMap<AccountId, usize>,
    links: BTreeMap<LinkId, Link>,
    sources: BTreeMap<Source, Tally>,
    pending: BTreeMap<CommitId, Pending>,
    /// Queues among the pending.
    making: usize,
    reads: BTreeMap<ReadId, (QueueName, u64, Vec<Slip>)>,
    trouble: Option<Trouble>,
    /// Whether the disk has room to spare.
    room: bool,
    effects: VecDeque<Effect>,
    stats: Stats,
    /// Bytes of all frames, also of those that are being written.
    kept: u64,
    /// Last number given to a commit, a read, a reading or a queue.
    counter: u64,
    sweep_at: Mono,
    /// Where the next sweep goes on.
    swept: Option<QueueName>,
}

impl Server {
    /// A node over the rows that its store holds in [`crate::store::Table::Queue`] and [`crate::store::Table::Slip`], in any order. Rows that
    /// cannot be read are left out; slips without a queue are deleted.
    #[must_use]
    pub fn new(config: Config, now: Now, queues: &[Vec<u8>], slips: &[Vec<u8>]) -> Self {
        let mut server = Self {
            config,
            queues: BTreeMap::new(),
            writers: BTreeMap::new(),
            sponsored: BTreeMap::new(),
            links: BTreeMap::new(),
            sources: BTreeMap::new(),
            pending: BTreeMap::new(),
            making: 0,
            reads: BTreeMap::new(),
            trouble: None,
            room: true,
            effects: VecDeque::new(),
            stats: Stats::default(),
            kept: 0,
            counter: 0,
            sweep_at: now.mono,
            swept: None,
        };
        for head in queues.iter().filter_map(|row| Head::decode(row).ok()) {
            server.insert(head);
        }
        let mut found: BTreeMap<QueueName, Vec<Slip>> = BTreeMap::new();
        for (read, slip) in slips.iter().filter_map(|row| Slip::decode(row).ok()) {
            found.entry(read).or_default().push(slip);
        }
        for (read, slips) in found {
            match server.queues.get_mut(&read) {
                Some(queue) => {
                    queue.restore(slips);
                    server.kept = server.kept.saturating_add(queue.all_bytes());
                }
                None => server.tidy(slips.iter().flat_map(|slip| Slip::delete(&read, slip.n)).collect(), None),
            }
        }
        server
    }

    /// Deals with what happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::LinkUp { link, peer, ip, sponsor } => {
                let source = Source::of(ip);
                let link_of = Link { peer, source, sponsor, open: BTreeSet::new(), given: BTreeMap::new(), again: Used::default() };
                self.links.insert(link, link_of);
            }
            Input::LinkDown(link) => self.link_down(link),
            Input::Frame { link, frame } => self.frame(now, link, &frame),
            Input::Committed { commit, durable } => self.committed(now, commit, durable),
            Input::Found { read, frames } => self.found(read, frames),
            Input::Room(room) => self.room = room,
            Input::Tick => {}
        }
        if now.mono >= self.sweep_at {
            self.sweep(now);
        }
        self.try_again(now);
    }

    /// The next thing to do, in order.
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn next_timeout(&self) -> Mono {
        self.retry_at().map_or(self.sweep_at, |at| at.min(self.sweep_at))
    }

    /// Counters and what is kept.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            queues: count(self.queues.len()),
            bytes: self.kept,
            links: count(self.links.len()),
            trouble: self.trouble.is_some(),
            crowded: !self.room,
            ..self.stats.clone()
        }
    }

    fn frame(&mut self, now: Now, link: LinkId, frame: &[u8]) {
        if !self.links.contains_key(&link) {
            return;
        }
        let Ok(frame) = codec::decode::<MailboxFrame>(frame, FRAME) else { return self.close(link) };
        match frame.m {
            Some(Mailbox::Make(make)) => self.make(now, link, &make),
            Some(Mailbox::Put(put)) => self.put(now, link, put),
            Some(Mailbox::Open(open)) => self.open(now, link, &open),
            Some(Mailbox::Taken(taken)) => self.taken(now, link, &taken),
            Some(Mailbox::End(end)) => self.end(link, &end),
            // The words of a node.
            Some(Mailbox::Made(_) | Mailbox::Settled(_) | Mailbox::No(_) | Mailbox::Opened(_) | Mailbox::Held(_)) => self.close(link),
            // Of a newer version.
            None => {}
        }
    }

    fn close(&mut self, link: LinkId) {
        self.stats.closed = self.stats.closed.saturating_add(1);
        self.link_down(link);
        self.effects.push_back(Effect::Close(link));
    }

    fn link_down(&mut self, link: LinkId) {
        let Some(gone) = self.links.remove(&link) else { return };
        for name in gone.open {
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.reader = None;
            }
        }
    }

    fn insert(&mut self, head: Head) {
        self.writers.insert(head.write, head.read);
        if let Some(sponsor) = head.sponsor {
            let count = self.sponsored.entry(sponsor).or_default();
            *count = count.saturating_add(1);
        }
        self.queues.insert(head.read, Queue::new(head));
    }

    /// Forgets a queue; what is on the disk is for the caller.
    fn remove(&mut self, read: &QueueName) -> Option<Queue> {
        let queue = self.queues.remove(read)?;
        self.writers.remove(&queue.head.write);
        self.release(queue.head.sponsor);
        if let Some(link) = queue.reading().and_then(|(link, _)| self.links.get_mut(&link)) {
            link.open.remove(read);
        }
        Some(queue)
    }

    fn release(&mut self, sponsor: Option<AccountId>) {
        let Some(sponsor) = sponsor else { return };
        if let Some(count) = self.sponsored.get_mut(&sponsor) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.sponsored.remove(&sponsor);
            }
        }
    }

    fn next_number(&mut self) -> u64 {
        self.counter = self.counter.saturating_add(1);
        self.counter
    }

    fn draw_name(&mut self) -> QueueName {
        let number = self.next_number().to_be_bytes();
        QueueName(hash::prefix(&hash::mac(&self.config.seed, labels::MAILBOX_NAME, &[&number])))
    }

    fn sweep(&mut self, now: Now) {
        self.sweep_at = now.mono.after(SWEEP_EVERY);
        self.sources.retain(|_, tally| !(tally.makes.is_whole(now.mono) && tally.kib.is_whole(now.mono)));
        let from = self.swept.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let names: Vec<QueueName> =
            self.queues.range((from, std::ops::Bound::Unbounded)).take(SWEEP_QUEUES).map(|(name, _)| *name).collect();
        self.swept = if names.len() < SWEEP_QUEUES { None } else { names.last().copied() };
        for name in names {
            self.sweep_queue(now, &name);
        }
        self.ask_again();
    }

    fn sweep_queue(&mut self, now: Now, name: &QueueName) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        if queue.reader.is_none() && now.wall.since(queue.head.used) >= self.config.limits.unused {
            self.drop_queue(name, None);
            return;
        }
        let lifetime = self.config.limits.lifetime;
        let gone = queue.remove_front(|slip| now.wall.since(slip.at) >= lifetime);
        self.stats.expired = self.stats.expired.saturating_add(count(gone.len()));
        self.retire(name, &gone);
    }
}

fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
