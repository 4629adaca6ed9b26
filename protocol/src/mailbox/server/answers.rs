//! What clients ask for, and what it takes to get it.

use super::queue::Queue;
use super::rows::{Gate, Head};
use super::writing::Pending;
use super::{Effect, Refusal, Server, Tally, count};
use crate::crypto::pow;
use crate::ids::{LinkId, QueueName};
use crate::mailbox::proof::{self, Ends};
use crate::mailbox::seal::is_frame_len;
use crate::rate::{Rate, Used};
use crate::time::Now;
use crate::wire::codec;
use crate::wire::mailbox::{End, Mailbox, MailboxFrame, Make, No, Open, Opened, Put, Taken};
use std::time::Duration;

/// After this long, opening a queue is written down again: an opening costs no write every time, and [`super::Limits::unused`] is counted
/// in weeks.
const USED_STEP: Duration = Duration::from_secs(24 * 3600);
/// Queues that are read over one link: a person with a thousand contacts.
const OPEN_QUEUES: usize = 1024;
/// KiB that one link is given again: each queue of a person with many contacts once, and then what a slow line carries.
const AGAIN: Rate = Rate { burst: 1024, each: Duration::from_millis(16) };
/// Shortest wait that is told, seconds.
const WAIT_LEAST: u64 = 1;

/// Why a request is refused, and the number that goes with it.
pub(super) type Refused = (Refusal, u32);

impl Server {
    pub(super) fn make(&mut self, now: Now, link: LinkId, make: &Make) {
        if let Err(refused) = self.try_make(now, link, make) {
            self.refuse(link, make.ask, refused);
        }
    }

    fn try_make(&mut self, now: Now, link: LinkId, make: &Make) -> Result<(), Refused> {
        let owner = <[u8; 32]>::try_from(make.owner.as_slice()).map_err(|_| plain(Refusal::Unfit))?;
        let gate = match make.write_key.as_slice() {
            [] if make.door_bits <= pow::MAX_BITS => Gate::Work(make.door_bits),
            key => Gate::Key(key.try_into().map_err(|_| plain(Refusal::Unfit))?),
        };
        let Some(asker) = self.links.get(&link) else { return Ok(()) };
        let (sponsor, source, limits) = (asker.sponsor, asker.source, &self.config.limits);
        match sponsor {
            Some(sponsor) => {
                if self.sponsored.get(&sponsor).is_some_and(|count| *count >= limits.queues_per_sponsor) {
                    return Err(plain(Refusal::NodeFull));
                }
            }
            None if !limits.strangers => return Err(plain(Refusal::NotProven)),
            None => {
                if !proof::make_work(&self.config.node, &owner).check(limits.make_work, make.pow) {
                    return Err((Refusal::MoreWork, limits.make_work));
                }
            }
        }
        let full = self.queues.len().saturating_add(self.making) >= limits.queues || self.kept >= limits.make_until();
        if full || self.trouble.is_some() || !self.room {
            return Err(plain(Refusal::NodeFull));
        }
        self.has_time()?;
        if sponsor.is_none() {
            let rate = limits.makes;
            self.tally(source, now)?.makes.take(&rate, 1, now.mono).map_err(too_fast)?;
        }
        let (read, write) = (self.draw_name(), self.draw_name());
        let head = Head { read, write, owner, gate, sponsor, used: now.wall, last: 0 };
        self.reserve(sponsor);
        self.commit(vec![head.put()], Pending::Make { link, ask: make.ask, head });
        Ok(())
    }

    pub(super) fn put(&mut self, now: Now, link: LinkId, put: Put) {
        let ask = put.ask;
        if let Err(refused) = self.try_put(now, link, put) {
            self.refuse(link, ask, refused);
        }
    }

    fn try_put(&mut self, now: Now, link: LinkId, put: Put) -> Result<(), Refused> {
        if !is_frame_len(put.frame.len()) {
            return Err(plain(Refusal::Unfit));
        }
        let write = QueueName::from_slice(&put.queue).map_err(|_| plain(Refusal::Unfit))?;
        let read = *self.writers.get(&write).ok_or(plain(Refusal::NoQueue))?;
        let Some(writer) = self.links.get(&link) else { return Ok(()) };
        let (ends, source) = (Ends { client: writer.peer, node: self.config.node }, writer.source);
        let queue = self.queues.get_mut(&read).ok_or(plain(Refusal::NoQueue))?;
        prove(queue, &ends, &write, &put)?;

        let len = count(put.frame.len());
        let limits = &self.config.limits;
        if !queue.has_room(limits, len) {
            return Err(plain(Refusal::QueueFull));
        }
        if self.trouble.is_some() || !self.room || self.kept.saturating_add(len) > limits.total_bytes {
            return Err(plain(Refusal::NodeFull));
        }
        // A refusal for one of the rates leaves the others as they were, or nearly so: what was taken from them comes back by itself.
        let (puts, kib) = (limits.puts, limits.kib);
        queue.puts.take(&puts, 1, now.mono).map_err(too_fast)?;
        self.has_time()?;
        let cost = u32::try_from(len.div_ceil(1024)).unwrap_or(u32::MAX);
        self.tally(source, now)?.kib.take(&kib, cost, now.mono).map_err(too_fast)?;

        let queue = self.queues.get_mut(&read).ok_or(plain(Refusal::NoQueue))?;
        let slip = queue.begin(u32::try_from(len).unwrap_or(u32::MAX), now.wall);
        self.kept = self.kept.saturating_add(len);
        self.commit(slip.put(&read, put.frame).into(), Pending::Put { link, ask: put.ask, read, slip });
        Ok(())
    }

    pub(super) fn open(&mut self, now: Now, link: LinkId, open: &Open) {
        if let Err(refused) = self.try_open(now, link, open) {
            self.refuse(link, open.ask, refused);
        }
    }

    fn try_open(&mut self, now: Now, link: LinkId, open: &Open) -> Result<(), Refused> {
        let read = QueueName::from_slice(&open.queue).map_err(|_| plain(Refusal::Unfit))?;
        let queue = self.queues.get_mut(&read).ok_or(plain(Refusal::NoQueue))?;
        let Some(reader) = self.links.get_mut(&link) else { return Ok(()) };
        let ends = Ends { client: reader.peer, node: self.config.node };
        proof::verify_open(&queue.head.owner, &ends, &read, &open.sig).map_err(|_| plain(Refusal::NotProven))?;
        let news = !reader.open.contains(&read) && !reader.given.contains_key(&read);
        if reader.open.len().max(reader.given.len()) >= OPEN_QUEUES && news {
            return Err(plain(Refusal::Unfit));
        }
        // Reading begins at the front. What this link was given before comes again, and a question of a hundred bytes must not bring a window
        // of frames each time it is asked.
        let before = reader.given.get(&read).map_or(0, |up_to| queue.bytes_up_to(*up_to));
        let kib = u32::try_from(before.div_ceil(1024)).unwrap_or(u32::MAX);
        reader.again.take(&AGAIN, kib, now.mono).map_err(too_fast)?;
        reader.open.insert(read);
        // The newest reader is the one that is alive: a connection that broke is often noticed later than its successor comes up.
        let before = queue.reading().map(|(before, _)| before).filter(|before| *before != link);
        self.counter = self.counter.saturating_add(1);
        queue.open(link, self.counter);
        let waiting = u32::try_from(queue.frames()).unwrap_or(u32::MAX);
        let used = now.wall.since(queue.head.used) >= USED_STEP;
        if used {
            queue.head.used = now.wall;
        }
        let note = used.then(|| queue.head.put());
        if let Some(before) = before.and_then(|before| self.links.get_mut(&before)) {
            before.open.remove(&read);
        }
        if let Some(note) = note {
            self.tidy(vec![note], None);
        }
        self.send(link, Mailbox::Opened(Opened { ask: open.ask, waiting }));
        self.pump(link);
        Ok(())
    }

    pub(super) fn taken(&mut self, now: Now, link: LinkId, taken: &Taken) {
        let Ok(read) = QueueName::from_slice(&taken.queue) else { return self.close(link) };
        // Not an offence: the queue may have ended, or be read over a newer connection, while this was on its way.
        let Some(queue) = self.queues.get_mut(&read) else { return };
        let Some((_, sent)) = queue.reading().filter(|(reader, _)| *reader == link) else { return };
        // What was not sent cannot be taken: a frame that its writer believes held must have gone out.
        let up_to = taken.up_to.min(sent);
        let gone = queue.remove_front(|slip| slip.n <= up_to);
        queue.head.used = queue.head.used.max(now.wall);
        self.stats.taken = self.stats.taken.saturating_add(count(gone.len()));
        self.retire(&read, &gone);
        self.pump(link);
    }

    pub(super) fn end(&mut self, link: LinkId, end: &End) {
        let read = QueueName::from_slice(&end.queue).ok();
        let reading = |read: &QueueName| self.queues.get(read)?.reading().filter(|(reader, _)| *reader == link);
        match read.filter(|read| reading(read).is_some()) {
            Some(read) => self.drop_queue(&read, Some((link, end.ask))),
            None => self.refuse(link, end.ask, plain(Refusal::NoQueue)),
        }
    }

    pub(super) fn refuse(&mut self, link: LinkId, ask: u32, (why, amount): Refused) {
        let times = self.stats.refused.entry(why).or_default();
        *times = times.saturating_add(1);
        self.send(link, Mailbox::No(No { ask, why: why.number(), amount }));
    }

    pub(super) fn send(&mut self, link: LinkId, message: Mailbox) {
        if self.links.contains_key(&link) {
            let frame = codec::encode(&MailboxFrame { m: Some(message) });
            self.effects.push_back(Effect::Send { link, frame });
        }
    }

    /// The tally of a source. Where more sources come than can be told apart, the newest ones wait for a sweep.
    fn tally(&mut self, source: super::Source, now: Now) -> Result<&mut Tally, Refused> {
        if !self.sources.contains_key(&source) && self.sources.len() >= self.config.limits.sources {
            return Err(too_fast(self.sweep_at.since(now.mono)));
        }
        Ok(self.sources.entry(source).or_insert(Tally { makes: Used::default(), kib: Used::default() }))
    }
}

impl Refusal {
    /// As [`No`] carries it.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Unfit => 1,
            Self::NoQueue => 2,
            Self::NotProven => 3,
            Self::QueueFull => 4,
            Self::NodeFull => 5,
            Self::TooFast => 6,
            Self::MoreWork => 7,
        }
    }

    /// A word for counters and logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unfit => "unfit",
            Self::NoQueue => "no_queue",
            Self::NotProven => "not_proven",
            Self::QueueFull => "queue_full",
            Self::NodeFull => "node_full",
            Self::TooFast => "too_fast",
            Self::MoreWork => "more_work",
        }
    }
}

/// Whether whoever wrote the frame may write here.
fn prove(queue: &Queue, ends: &Ends, write: &QueueName, put: &Put) -> Result<(), Refused> {
    match queue.head.gate {
        Gate::Key(key) if proof::verify_put(&key, ends, write, &put.frame, &put.mac) => Ok(()),
        Gate::Key(_) => Err(plain(Refusal::NotProven)),
        Gate::Work(bits) if proof::knock_work(write, &put.frame).check(bits, put.pow) => Ok(()),
        Gate::Work(bits) => Err((Refusal::MoreWork, bits)),
    }
}

pub(super) fn plain(why: Refusal) -> Refused {
    (why, 0)
}

/// "Too fast", with whole seconds to wait.
pub(super) fn too_fast(wait: Duration) -> Refused {
    let seconds = wait.as_millis().div_ceil(1000).max(u128::from(WAIT_LEAST));
    (Refusal::TooFast, u32::try_from(seconds).unwrap_or(u32::MAX))
}
