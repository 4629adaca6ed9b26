//! Leaving messages for a device that is away: what it lacks, one frame at a time, into every queue of its that can be reached.
//!
//! A frame is sealed once and put into each queue, so that the reader opens it once whichever copy comes first. As soon as one node
//! has it on disk the next follows. What is in the queues is remembered as positions in logs, never as frames: after a restart, or when
//! the reader says that something is missing, frames are sealed anew from the log.

use super::{Ask, Core};
use crate::core::ReadFor;
use crate::core::event::Event;
use crate::core::people::Person;
use crate::core::timers::Timer;
use crate::history::frontier::{Path, Segment};
use crate::history::serve::{Serve, Served};
use crate::ids::{AccountId, ChanId, DeviceId, EntryId, LinkId, PeerKey, QueueName, RequestId, SpaceId};
use crate::limits;
use crate::mailbox::proof;
use crate::mailbox::seal::seal_mail;
use crate::mailbox::server::Refusal;
use crate::store::{Found, Read};
use crate::time::Mono;
use crate::view::MessageState;
use crate::wire::entry::{Entry, EntryBatch};
use crate::wire::link::{Accept, Ack, Note, Payload, SealedFrame};
use crate::wire::mailbox::{Mail, Mailbox, No, Put};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A connected device that has not acknowledged something, or said anything else, for so long is written to through its mailbox.
pub(in crate::core) const DIRECT_FIRST: Duration = Duration::from_secs(5);
/// First wait after a round in which no node took the frame; doubled each time.
const AGAIN_FIRST: Duration = Duration::from_secs(5);
/// Longest such wait.
const AGAIN_MOST: Duration = Duration::from_secs(15 * 60);
/// Wait before a node that had no room is tried again.
const NO_ROOM: Duration = Duration::from_secs(600);
/// Bytes of entries in one frame: with header and padding they fit the larger size.
const BATCH_BYTES: usize = limits::ENTRY;
/// Logs of a conversation, in the order in which they are left.
const CHANNELS: [ChanId; 2] = [ChanId::AUTH, ChanId::MAIN];

/// What is being left for one device. Lost at a restart, and begun anew.
#[derive(Debug, Default)]
pub(super) struct Feed {
    serve: Option<Serve>,
    /// Entries taken out of it so far.
    served: usize,
    reading: bool,
    /// Sealed, and held by nobody yet.
    sealed: Option<(Said, SealedFrame)>,
    /// Answers that are waited for.
    waiting: usize,
    settled: bool,
    /// Every queue is full: nothing is tried before the device gives a sign of life.
    full: bool,
    full_queues: BTreeSet<QueueName>,
    /// Queues whose node asked for time.
    later: BTreeMap<QueueName, Mono>,
    tries: u32,
    /// Something came from their side since the last note was written.
    pub fresh: bool,
    /// They have to begin a new session.
    pub closed: bool,
    /// When they were last asked to send again.
    pub lacked: Option<Mono>,
    /// When what was put was last forgotten because they asked for it.
    pub rewound: Option<Mono>,
}

/// What a sealed frame says.
#[derive(Clone, Debug)]
enum Said {
    Accept(RequestId),
    /// The number of the queue list in it, and the request whose yes it confirms.
    Note(u64, Option<RequestId>),
    Entries(Vec<Position>),
}

/// An entry by its place.
#[derive(Clone, Copy, Debug)]
struct Position {
    chan: ChanId,
    log: DeviceId,
    seq: u64,
    id: EntryId,
}

/// What became of a frame at one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Settled,
    Full,
    Gone,
    Later(Duration),
    /// The connection ended before there was an answer.
    Lost,
}

impl Outcome {
    pub fn of(no: &No) -> Self {
        let why = |refusal: Refusal| no.why == refusal.number();
        match () {
            () if why(Refusal::QueueFull) => Self::Full,
            () if why(Refusal::NoQueue) || why(Refusal::NotProven) || why(Refusal::Unfit) => Self::Gone,
            () if why(Refusal::TooFast) => Self::Later(Duration::from_secs(u64::from(no.amount).max(1)).min(AGAIN_MOST)),
            () => Self::Later(NO_ROOM),
        }
    }
}

/// What a read for a frame is about.
#[derive(Debug)]
pub(in crate::core) enum MailRead {
    /// A page of a log.
    Page(usize),
    /// Bodies of the entries that go into it.
    Bodies(ChanId, Vec<Served>),
}

impl Feed {
    /// What was prepared may be old news.
    pub fn start_over(&mut self) {
        self.serve = None;
        self.sealed = self.sealed.take().filter(|_| self.waiting > 0);
    }
}

impl Core {
    /// A device gave a sign of life: its queues may have room again.
    pub(in crate::core) fn feed_resumes(&mut self, device: DeviceId) {
        if let Some(feed) = self.mail.feeds.get_mut(&device) {
            feed.full = false;
            feed.full_queues.clear();
            feed.tries = 0;
        }
    }

    /// A device is connected: what it lacks goes there directly.
    pub(in crate::core) fn feed_connected(&mut self, device: DeviceId) {
        self.feed_resumes(device);
        if let Some(feed) = self.mail.feeds.get_mut(&device) {
            feed.start_over();
        }
    }

    /// Something was written in a conversation: devices that are away find it in their mailboxes.
    pub(in crate::core) fn feed_chat(&mut self, space: SpaceId) {
        let Some(peer) = self.chats.get(&space).map(|c| c.peer) else { return };
        let devices: Vec<DeviceId> = self.mail.theirs.iter().filter(|(_, t)| t.account == peer).map(|(d, _)| *d).collect();
        for device in devices {
            let wait = if self.link_of(device).is_some() { DIRECT_FIRST } else { Duration::ZERO };
            self.timers.set_at_most(Timer::Mail(device), self.now.mono.after(wait));
        }
    }

    /// A node is connected: whoever reads there may be left something. Right after the start people are looked for first.
    pub(super) fn feed_at(&mut self, node: PeerKey) {
        let at = self.now.mono.max(self.mail.since.after(DIRECT_FIRST));
        let reads = self.mail.theirs.iter().filter(|(_, t)| t.queues.iter().any(|q| q.node.peer == node)).map(|(d, _)| *d);
        for device in reads.collect::<Vec<_>>() {
            self.timers.set_at_most(Timer::Mail(device), at);
        }
    }

    /// Goes on leaving what a device lacks.
    pub(in crate::core) fn feed(&mut self, device: DeviceId) {
        let Some(account) = self.mail.theirs.get(&device).map(|t| t.account) else { return };
        let fits = |p: &Person| p.is_contact() && p.has_device(device);
        if self.halted || self.cfg.lan_only || !self.people.get(&account).is_some_and(fits) {
            return;
        }
        let feed = self.mail.feeds.entry(device).or_default();
        if feed.full || feed.reading || feed.waiting > 0 {
            return;
        }
        if self.is_served_directly(account, device) {
            return;
        }
        if self.mail.feeds.get(&device).is_some_and(|feed| feed.sealed.is_none()) {
            self.seal_next(account, device);
        }
        self.put_sealed(device);
    }

    /// Whether a device is connected and listens.
    fn is_served_directly(&mut self, account: AccountId, device: DeviceId) -> bool {
        let Some(id) = self.link_of(device) else { return false };
        if self.lacking(account, device).is_none() {
            return true;
        }
        let heard = self.links.get(&id).and_then(|l| l.auth.as_ref()).map(|a| a.heard).unwrap_or_default();
        let silent = self.now.mono.since(heard) >= DIRECT_FIRST;
        if !silent {
            self.timers.set(Timer::Mail(device), heard.after(DIRECT_FIRST));
        }
        !silent
    }

    /// The first channel of which a device lacks something, by what it acknowledged and what was put into its queues.
    fn lacking(&self, account: AccountId, device: DeviceId) -> Option<(SpaceId, ChanId, Vec<Segment>)> {
        let chat = self.chat_with(account).and_then(|space| self.chats.get(&space))?;
        let put = &self.mail.theirs.get(&device)?.put;
        let acked = chat.acks.get(&device);
        CHANNELS.into_iter().find_map(|chan| {
            let segments: Vec<Segment> = chat
                .space
                .logs(chan)
                .filter(|(log, _)| *log != device)
                .filter_map(|(log, held)| {
                    let at = (chan, log);
                    let has = acked.and_then(|acks| acks.get(&at)).max(put.get(&at)).copied().unwrap_or(0);
                    let from = has.max(held.floor()).saturating_add(1);
                    let to = held.trunk().seq;
                    (from <= to).then_some(Segment { device: log, from, to, path: Path::Trunk })
                })
                .collect();
            (!segments.is_empty()).then_some((chat.id, chan, segments))
        })
    }

    /// Seals the next thing that there is to say, or has it read first.
    fn seal_next(&mut self, account: AccountId, device: DeviceId) {
        if let Some((said, payload)) = self.accept_to_say(account, device).or_else(|| self.note_to_say(account, device)) {
            return self.seal_said(account, device, said, payload);
        }
        self.read_entries(account, device);
    }

    fn accept_to_say(&self, account: AccountId, device: DeviceId) -> Option<(Said, Payload)> {
        let person = self.people.get(&account).filter(|p| p.owes_accept)?;
        let (request, pair_key) = (person.request.as_ref()?, person.pair_key?);
        if self.mail.theirs.get(&device)?.accepted == Some(request.id) {
            return None;
        }
        let accept = Accept {
            request_id: request.id.to_vec(),
            pair_key: pair_key.to_vec(),
            profile: Some(self.me.as_ref()?.profile.clone()),
            queues: self.queue_keys(account),
        };
        Some((Said::Accept(request.id), Payload::Accept(accept)))
    }

    fn note_to_say(&mut self, account: AccountId, device: DeviceId) -> Option<(Said, Payload)> {
        let queues = self.queue_keys(account).filter(|keys| {
            let told = self.mail.own.get(&account).and_then(|own| own.told.get(&device));
            told.is_none_or(|told| *told < keys.seq)
        });
        let now = self.now.mono;
        let space = self.chat_with(account)?;
        let lacks = self.chats.get(&space).is_some_and(|chat| chat.space.waiting() > 0 && !chat.space.needs().is_empty());
        let (owed, stored) = self.mail.theirs.get(&device).map(|t| (t.owed, t.stored))?;
        let feed = self.mail.feeds.entry(device).or_default();
        if queues.is_none() && !owed && stored.is_none() && !feed.fresh && !feed.closed {
            return None;
        }
        let lacks = (lacks || feed.closed) && feed.lacked.is_none_or(|at| now.since(at) >= super::taking::LACK_EVERY);
        if lacks {
            feed.lacked = Some(now);
        }
        feed.fresh = false;
        let closed = std::mem::take(&mut feed.closed);
        let prekeys = self.me.as_ref().filter(|_| closed).map(|me| me.bundle.clone());
        let said = Said::Note(queues.as_ref().map_or(0, |keys| keys.seq), stored);
        let stored = stored.map(|id| id.to_vec()).unwrap_or_default();
        Some((said, Payload::Note(Note { acks: self.acks_of(space), queues, stored, lacks, prekeys })))
    }

    /// How far this device has the logs of a conversation.
    fn acks_of(&self, space: SpaceId) -> Vec<Ack> {
        let Some(chat) = self.chats.get(&space) else { return Vec::new() };
        let logs = CHANNELS.into_iter().flat_map(|chan| chat.space.logs(chan).map(move |(device, log)| (chan, device, log)));
        let ack = |(chan, device, log): (ChanId, DeviceId, &crate::history::log::Log)| {
            let tip = log.ends().max_by_key(|t| t.seq)?;
            Some(Ack { space: space.to_vec(), chan: chan.to_vec(), device: device.to_vec(), seq: tip.seq, id: tip.id.to_vec() })
        };
        logs.filter_map(ack).take(limits::NOTE_ACKS).collect()
    }

    fn read_entries(&mut self, account: AccountId, device: DeviceId) {
        let lacking = self.lacking(account, device);
        let Some(feed) = self.mail.feeds.get_mut(&device) else { return };
        let Some((space, chan, segments)) = lacking else {
            feed.serve = None;
            return;
        };
        if feed.serve.as_ref().is_none_or(|serve| serve.chan() != chan || serve.is_done()) {
            if feed.serve.take().is_some() && feed.served == 0 {
                // What is lacking cannot be read here. Sync finds another who has it.
                return self.timers.set(Timer::Mail(device), self.now.mono.after(AGAIN_MOST));
            }
            feed.served = 0;
            feed.serve = Some(Serve::new(chan, segments));
        }
        let Some(serve) = &mut feed.serve else { return };
        if let Some((n, read)) = serve.next_read(space) {
            feed.reading = true;
            return self.read(ReadFor::Mail(device, MailRead::Page(n)), read);
        }
        let batch = serve.batch_of(BATCH_BYTES);
        feed.served = feed.served.saturating_add(batch.len());
        if batch.is_empty() {
            // The end of this stretch; the next call begins another, or finds that nothing is lacking.
            return self.timers.set_at_most(Timer::Mail(device), self.now.mono);
        }
        let bodies: Vec<_> = batch.iter().filter_map(|served| served.body.clone()).collect();
        if bodies.is_empty() {
            return self.seal_entries(device, chan, batch, Vec::new());
        }
        feed.reading = true;
        self.read(ReadFor::Mail(device, MailRead::Bodies(chan, batch)), Read::Get(bodies));
    }

    pub(in crate::core) fn on_mail_read(&mut self, device: DeviceId, what: MailRead, found: Result<Found, String>) {
        let Some(account) = self.mail.theirs.get(&device).map(|t| t.account) else { return };
        let Some(feed) = self.mail.feeds.get_mut(&device) else { return };
        feed.reading = false;
        match (what, found) {
            (MailRead::Page(n), found) => {
                let rows = match found {
                    Ok(Found::Rows(rows)) => rows,
                    Ok(Found::Values(_)) | Err(_) => Vec::new(),
                };
                let chat = self.chat_with(account).and_then(|space| self.chats.get(&space));
                let feed = self.mail.feeds.get_mut(&device).and_then(|feed| feed.serve.as_mut());
                if let (Some(chat), Some(serve)) = (chat, feed) {
                    serve.give(&chat.space, n, &rows);
                }
                self.feed(device);
            }
            (MailRead::Bodies(chan, batch), Ok(Found::Values(values))) => {
                self.seal_entries(device, chan, batch, values);
                self.put_sealed(device);
            }
            (MailRead::Bodies(..), _) => self.feed_again(device),
        }
    }

    fn seal_entries(&mut self, device: DeviceId, chan: ChanId, batch: Vec<Served>, values: Vec<Option<Vec<u8>>>) {
        let Some(account) = self.mail.theirs.get(&device).map(|t| t.account) else { return };
        let positions = batch.iter().map(|s| Position { chan, log: s.device, seq: s.seq, id: s.id }).collect();
        let mut values = values.into_iter();
        let entries: Vec<Entry> = batch
            .into_iter()
            .map(|served| {
                let body = if served.body.is_some() { values.next().flatten() } else { None };
                served.entry(body.as_deref())
            })
            .collect();
        self.seal_said(account, device, Said::Entries(positions), Payload::Batch(EntryBatch { entries }));
    }

    fn seal_said(&mut self, account: AccountId, device: DeviceId, said: Said, payload: Payload) {
        let sealed = self.seal_to(account, device, payload);
        if let Some(feed) = self.mail.feeds.get_mut(&device) {
            // Without keys for the device nothing can be left for it; they come with the next connection.
            feed.sealed = sealed.map(|frame| (said, frame));
        }
    }

    /// Puts what is sealed into every queue that can be reached.
    fn put_sealed(&mut self, device: DeviceId) {
        let (Some(theirs), Some(feed)) = (self.mail.theirs.get(&device), self.mail.feeds.get(&device)) else { return };
        let Some((_, frame)) = feed.sealed.clone().filter(|_| feed.waiting == 0) else { return };
        let now = self.now.mono;
        let open: Vec<_> = theirs.queues.iter().filter(|q| !feed.full_queues.contains(&q.write)).cloned().collect();
        if open.is_empty() {
            let stuck = !theirs.queues.is_empty();
            if let Some(feed) = self.mail.feeds.get_mut(&device) {
                feed.full = stuck;
            }
            return;
        }
        let due = open.iter().filter(|q| feed.later.get(&q.write).is_none_or(|at| *at <= now));
        let (near, far): (Vec<_>, Vec<_>) = due.cloned().partition(|q| self.mail.line_to(q.node.peer).is_some());
        let Some(from) = self.me.as_ref().map(super::super::me::Me::device_id) else { return };
        let mut waiting = 0_usize;
        for queue in near {
            let (Some(id), salt) = (self.mail.line_to(queue.node.peer), self.dice.bytes()) else { continue };
            let mail = Mail { from: from.to_vec(), sealed: Some(frame.clone()), pad: Vec::new() };
            let (Ok(frame), Some(ends)) = (seal_mail(&queue.frame_key, mail, salt), self.ends(id)) else {
                self.refuse("mail_too_large");
                continue;
            };
            let mac = proof::put_mac(&queue.write_key, &ends, &queue.write, &frame).to_vec();
            waiting = waiting.saturating_add(1);
            self.put_at(id, device, queue.write, Put { ask: 0, queue: queue.write.to_vec(), mac, pow: 0, frame });
        }
        if let Some(feed) = self.mail.feeds.get_mut(&device) {
            feed.waiting = waiting;
            feed.settled = false;
        }
        for queue in far {
            self.want_host(queue.node);
        }
        if waiting == 0 {
            self.feed_again(device);
        }
    }

    fn put_at(&mut self, id: LinkId, device: DeviceId, queue: QueueName, put: Put) {
        self.ask_mailbox(id, Ask::Put(device, queue), Mailbox::Put(put));
    }

    fn feed_again(&mut self, device: DeviceId) {
        let now = self.now.mono;
        let Some(feed) = self.mail.feeds.get_mut(&device) else { return };
        let wait = AGAIN_FIRST.saturating_mul(1_u32.checked_shl(feed.tries.min(16)).unwrap_or(u32::MAX)).min(AGAIN_MOST);
        feed.tries = feed.tries.saturating_add(1);
        feed.later.retain(|_, at| *at > now);
        let soonest = feed.later.values().min().copied().unwrap_or(now);
        let wait = self.dice.about(wait);
        self.timers.set(Timer::Mail(device), soonest.max(now.after(wait)));
    }

    /// A node answered, or will not any more.
    pub(super) fn put_answered(&mut self, device: DeviceId, queue: QueueName, outcome: Outcome) {
        let now = self.now.mono;
        let Some(feed) = self.mail.feeds.get_mut(&device) else { return };
        feed.waiting = feed.waiting.saturating_sub(1);
        match outcome {
            Outcome::Settled => feed.settled = true,
            Outcome::Full => {
                feed.full_queues.insert(queue);
            }
            Outcome::Later(wait) => {
                feed.later.insert(queue, now.after(wait));
            }
            Outcome::Gone => {
                self.refuse("mailbox_gone");
                if let Some(theirs) = self.mail.theirs.get_mut(&device) {
                    theirs.queues.retain(|q| q.write != queue);
                    self.mail.touched_theirs.insert(device);
                }
            }
            Outcome::Lost => {}
        }
        let Some(feed) = self.mail.feeds.get_mut(&device) else { return };
        if feed.waiting > 0 {
            return;
        }
        if std::mem::take(&mut feed.settled) {
            feed.tries = 0;
            if let Some((said, _)) = feed.sealed.take() {
                self.was_put(device, said);
            }
            self.feed(device);
        } else if self.mail.theirs.get(&device).is_some_and(|t| t.queues.iter().all(|q| feed.full_queues.contains(&q.write))) {
            feed.full = true;
        } else {
            self.feed_again(device);
        }
    }

    /// At least one node has it on disk.
    fn was_put(&mut self, device: DeviceId, said: Said) {
        let Some(theirs) = self.mail.theirs.get_mut(&device) else { return };
        let account = theirs.account;
        self.mail.touched_theirs.insert(device);
        match said {
            Said::Accept(request) => theirs.accepted = Some(request),
            Said::Note(seq, stored) => {
                theirs.owed = self.mail.feeds.get(&device).is_some_and(|feed| feed.fresh);
                theirs.stored = theirs.stored.filter(|id| Some(*id) != stored);
                if let Some(own) = self.mail.own.get_mut(&account).filter(|_| seq > 0) {
                    own.told.insert(device, seq);
                    self.mail.touched_own.insert(account);
                }
            }
            Said::Entries(positions) => {
                for at in &positions {
                    let put = theirs.put.entry((at.chan, at.log)).or_insert(0);
                    *put = at.seq.max(*put);
                }
                self.are_held(account, &positions);
            }
        }
    }

    /// Own messages are in a mailbox: people are told, once for each.
    fn are_held(&mut self, account: AccountId, positions: &[Position]) {
        let Some(space) = self.chat_with(account) else { return };
        let (Some(me), Some(chat)) = (&self.me, self.chats.get_mut(&space)) else { return };
        let mut newest: BTreeMap<DeviceId, Position> = BTreeMap::new();
        for at in positions.iter().filter(|at| at.chan == ChanId::MAIN && me.devices.device(at.log).is_some()) {
            if chat.held.raise(at.log, at.seq) {
                newest.insert(at.log, *at);
            }
        }
        if newest.is_empty() {
            return;
        }
        self.touch_chat(space);
        for at in newest.into_values() {
            let Some(chat) = self.chats.get(&space) else { return };
            if self.progress(chat).state(at.log, at.seq) == MessageState::Held {
                self.gate.notify(Event::MessageState { chat_id: space, message_id: at.id, state: MessageState::Held });
            }
        }
    }
}
