//! The commit gate: what is being written, who waits for it, and what happens when the disk fails.

use super::answers::{Refused, plain, too_fast};
use super::rows::{Head, Slip, delete_queue};
use super::{Effect, Refusal, Server};
use crate::ids::{AccountId, CommitId, LinkId, QueueName};
use crate::store::{Key, Table, Write};
use crate::time::{Mono, Now};
use crate::wire::mailbox::{Made, Mailbox, Settled};
use std::collections::BTreeMap;
use std::time::Duration;

/// Commits under way, at most: below what the store of a node queues.
const COMMITS: usize = 512;
/// Pause before a failed disk is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Deletions that are made up for in one commit after a failure.
const REDO_AT_ONCE: usize = 64;

/// Something that is being written.
#[derive(Debug)]
pub(super) enum Pending {
    /// A queue.
    Make { link: LinkId, ask: u32, head: Head },
    /// A frame.
    Put { link: LinkId, ask: u32, read: QueueName, slip: Slip },
    /// Deletions and notes, which are made up for until they succeed.
    Tidy(Vec<Tidy>),
}

/// Writes that must happen some time, and who waits for them.
#[derive(Debug)]
pub(super) struct Tidy {
    /// Grows: what is made up for is made up for in its order, or a note about a queue could bring back one that ended since.
    number: u64,
    writes: Vec<Write>,
    answer: Option<(LinkId, u32)>,
}

/// The disk fails.
#[derive(Debug)]
pub(super) struct Trouble {
    retry_at: Mono,
    redo: BTreeMap<u64, Tidy>,
}

impl Trouble {
    fn put_off(&mut self, tidy: Tidy) {
        self.redo.insert(tidy.number, tidy);
    }
}

impl Server {
    /// Whether a commit may be begun, or how long to wait.
    pub(super) fn has_time(&self) -> Result<(), Refused> {
        if self.pending.len() < COMMITS { Ok(()) } else { Err(too_fast(Duration::ZERO)) }
    }

    pub(super) fn reserve(&mut self, sponsor: Option<AccountId>) {
        self.making = self.making.saturating_add(1);
        if let Some(sponsor) = sponsor {
            let count = self.sponsored.entry(sponsor).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn commit(&mut self, writes: Vec<Write>, pending: Pending) {
        let commit = CommitId(self.next_number());
        self.pending.insert(commit, pending);
        self.effects.push_back(Effect::Commit { commit, writes });
    }

    /// Writes that nobody may be refused for.
    pub(super) fn tidy(&mut self, writes: Vec<Write>, answer: Option<(LinkId, u32)>) {
        let tidy = Tidy { number: self.next_number(), writes, answer };
        match &mut self.trouble {
            Some(trouble) => trouble.put_off(tidy),
            None => self.commit(tidy.writes.clone(), Pending::Tidy(vec![tidy])),
        }
    }

    /// Deletes what was removed from a queue.
    pub(super) fn retire(&mut self, read: &QueueName, gone: &[Slip]) {
        if gone.is_empty() {
            return;
        }
        let bytes: u64 = gone.iter().map(|slip| u64::from(slip.len)).sum();
        self.kept = self.kept.saturating_sub(bytes);
        let mut writes: Vec<Write> = gone.iter().flat_map(|slip| Slip::delete(read, slip.n)).collect();
        // The numbers go on after the last frame is gone and the node starts over.
        writes.extend(self.queues.get(read).filter(|queue| queue.frames() == 0).map(|queue| queue.head.put()));
        self.tidy(writes, None);
    }

    /// Ends a queue with everything in it.
    pub(super) fn drop_queue(&mut self, read: &QueueName, answer: Option<(LinkId, u32)>) {
        if let Some(queue) = self.remove(read) {
            self.kept = self.kept.saturating_sub(queue.all_bytes());
            self.tidy(delete_queue(read), answer);
        }
    }

    pub(super) fn committed(&mut self, now: Now, commit: CommitId, durable: bool) {
        match self.pending.remove(&commit) {
            Some(Pending::Make { link, ask, head }) => self.made(link, ask, head, durable),
            Some(Pending::Put { link, ask, read, slip }) => self.was_put(link, ask, &read, slip, durable),
            Some(Pending::Tidy(tidies)) if durable => {
                for (link, ask) in tidies.into_iter().filter_map(|tidy| tidy.answer) {
                    self.send(link, Mailbox::Settled(Settled { ask }));
                }
            }
            Some(Pending::Tidy(tidies)) => {
                let trouble = self.trouble.get_or_insert(Trouble { retry_at: now.mono, redo: BTreeMap::new() });
                tidies.into_iter().for_each(|tidy| trouble.put_off(tidy));
            }
            None => return,
        }
        if durable {
            // A success after a failure is that of a retry: everything else failed.
            if self.trouble.as_ref().is_some_and(|trouble| trouble.redo.is_empty()) {
                self.trouble = None;
                self.ask_again();
            }
        } else {
            let trouble = self.trouble.get_or_insert(Trouble { retry_at: now.mono, redo: BTreeMap::new() });
            trouble.retry_at = now.mono.after(RETRY_AFTER);
        }
    }

    fn made(&mut self, link: LinkId, ask: u32, head: Head, durable: bool) {
        self.making = self.making.saturating_sub(1);
        // The queue itself counts from here on.
        self.release(head.sponsor);
        if !durable {
            return self.refuse(link, ask, plain(Refusal::NodeFull));
        }
        let lifetime_s = u32::try_from(self.config.limits.lifetime.as_secs()).unwrap_or(u32::MAX);
        let made = Made { ask, read: head.read.to_vec(), write: head.write.to_vec(), lifetime_s };
        self.insert(head);
        self.send(link, Mailbox::Made(made));
    }

    fn was_put(&mut self, link: LinkId, ask: u32, read: &QueueName, slip: Slip, durable: bool) {
        // Otherwise the queue has ended meanwhile, and its bytes with it.
        let mut reader = None;
        if let Some(queue) = self.queues.get_mut(read) {
            queue.end(slip, durable);
            reader = queue.reading().map(|(reader, _)| reader);
            if !durable {
                self.kept = self.kept.saturating_sub(u64::from(slip.len));
            }
        }
        if !durable {
            return self.refuse(link, ask, plain(Refusal::NodeFull));
        }
        self.stats.put = self.stats.put.saturating_add(1);
        self.send(link, Mailbox::Settled(Settled { ask }));
        if let Some(reader) = reader {
            self.pump(reader);
        }
    }

    /// When the disk is tried again.
    pub(super) fn retry_at(&self) -> Option<Mono> {
        self.trouble.as_ref().filter(|_| self.pending.is_empty()).map(|trouble| trouble.retry_at)
    }

    /// Tries the disk again, once nothing is under way and the pause is over: with what has to be made up for, or with a row that means
    /// nothing.
    pub(super) fn try_again(&mut self, now: Now) {
        let Some(trouble) = self.trouble.as_mut().filter(|trouble| self.pending.is_empty() && now.mono >= trouble.retry_at) else { return };
        let redo: Vec<Tidy> = std::iter::from_fn(|| trouble.redo.pop_first()).map(|(_, tidy)| tidy).take(REDO_AT_ONCE).collect();
        let mut writes: Vec<Write> = redo.iter().flat_map(|tidy| tidy.writes.clone()).collect();
        if writes.is_empty() {
            writes.push(Write::Put(Key { table: Table::Slip, scope: Vec::new(), order: Vec::new() }, vec![0]));
        }
        self.effects.push_back(Effect::Recover);
        self.commit(writes, Pending::Tidy(redo));
    }
}
