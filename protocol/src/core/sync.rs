//! Catching up with a connected device: comparing frontiers, sending what it lacks, taking what we lack.
//!
//! A round begins with one digest for each log group of each conversation that both share. Where they differ the frontiers are
//! exchanged, and each side sends what the other lacks, oldest first, a few frames ahead of what the network has taken. The
//! receiver acknowledges what it has on disk and compares again when the other side is done.

use super::chat::Mark;
use super::timers::Timer;
use super::{Core, ReadFor};
use crate::crypto::hash::prefix;
use crate::history::frontier::{self, Action, Check, Path, Segment, Theirs};
use crate::history::serve::{Serve, Served};
use crate::history::space::{Lookup, Need, Space};
use crate::ids::{AccountId, ChanId, DeviceId, LinkId, SpaceId};
use crate::limits;
use crate::link::Proto;
use crate::store::{Found, Read, Row};
use crate::wire::codec;
use crate::wire::entry::Entry;
use crate::wire::sync::{ChannelDigest, Digests, Done, Entries, Frontier, Probe, Sync, SyncFrame, Want};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Time between two comparisons on a connection where nothing happens: a second belt, 32 bytes a conversation.
const EVERY: Duration = Duration::from_secs(60);
/// The same on a connection where comparing brought nothing for a while: entries that wait for their time would be sent again
/// and again.
const EVERY_MOST: Duration = Duration::from_secs(600);
/// Wait before comparing again after the other side said that it is done, where that brought something.
const AGAIN: Duration = Duration::from_secs(1);
/// Questions kept for each connection; more are answered by the next comparison.
const ASKED: usize = 256;

/// Logs of a direct conversation, in the order in which they are compared.
const CHANNELS: [ChanId; 2] = [ChanId::AUTH, ChanId::MAIN];

/// What is under way on one connection.
#[derive(Debug, Default)]
pub(super) struct SyncLink {
    /// Being sent, in this order.
    serving: VecDeque<(SpaceId, Serve)>,
    /// A read for what is being sent is under way.
    reading: bool,
    in_flight: u32,
    receipts: u64,
    /// What was asked for since the last comparison, so that it is asked once.
    asked: BTreeSet<(SpaceId, Need)>,
    /// Whether the other side sent anything new since it was last done.
    news: bool,
    /// Comparisons since it last sent anything new.
    quiet: u32,
}

/// What a read for catching up is about.
#[derive(Debug)]
pub(super) enum SyncRead {
    /// A page of a stretch of log.
    Page(LinkId, usize),
    /// Bodies of entries about to be sent.
    Bodies(LinkId, SpaceId, ChanId, Vec<Served>),
    /// Whether the other side's end lies on our log.
    Check(LinkId, SpaceId, Check),
    /// Digests for a probe of ours.
    Points(LinkId, SpaceId, ChanId, DeviceId, Gather),
    /// Digests to answer a probe of theirs.
    Answer(LinkId, SpaceId, ChanId, DeviceId, Vec<(u64, [u8; 16])>, Gather),
}

/// Several small reads, one after the other.
#[derive(Debug)]
pub(super) struct Gather {
    left: Vec<Lookup>,
    rows: Vec<Row>,
}

impl Core {
    /// Compares with a device what both may read.
    pub(super) fn start_sync(&mut self, id: LinkId) {
        let Some((account, _)) = self.sync_partner(id) else { return };
        let shared: Vec<SpaceId> = self.shared_with(account);
        if shared.is_empty() {
            return;
        }
        let sync = self.syncs.entry(id).or_default();
        sync.asked.clear();
        let wait = EVERY.saturating_mul(1_u32.checked_shl(sync.quiet).unwrap_or(u32::MAX)).min(EVERY_MOST);
        sync.quiet = sync.quiet.saturating_add(1);
        let wait = self.dice.about(wait);
        self.timers.set(Timer::Sync(id), self.now.mono.after(wait));
        let channels = shared
            .into_iter()
            .filter_map(|space| self.chats.get(&space))
            .flat_map(|chat| {
                CHANNELS.map(|chan| ChannelDigest {
                    space: chat.id.to_vec(),
                    chan: chan.to_vec(),
                    digest: chat.space.digest(chan).to_vec(),
                })
            })
            .take(limits::SYNC_CHANNELS)
            .collect();
        self.send_sync(id, Sync::Digests(Digests { channels }), None);
    }

    pub(super) fn sync_link_down(&mut self, id: LinkId) {
        self.syncs.remove(&id);
    }

    /// Whether anything is being sent to the other end that it lacks.
    pub(super) fn is_catching_up(&self, id: LinkId) -> bool {
        self.syncs.get(&id).is_some_and(|sync| !sync.serving.is_empty() || sync.in_flight > 0)
    }

    /// Who is at the other end, if they may catch up with us.
    fn sync_partner(&self, id: LinkId) -> Option<(AccountId, DeviceId)> {
        let auth = self.links.get(&id)?.auth.as_ref()?;
        let may = auth.own || self.people.get(&auth.account).is_some_and(super::people::Person::is_contact);
        may.then_some((auth.account, auth.device))
    }

    fn shared_with(&self, account: AccountId) -> Vec<SpaceId> {
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        self.chats.iter().filter(|(_, c)| own || c.peer == account).map(|(id, _)| *id).collect()
    }

    fn is_shared(&self, space: SpaceId, account: AccountId) -> bool {
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        self.chats.get(&space).is_some_and(|c| own || c.peer == account)
    }

    fn send_sync(&mut self, id: LinkId, msg: Sync, receipt: Option<u64>) {
        let plain = codec::encode(&SyncFrame { m: Some(msg) });
        self.send_sealed(id, Proto::Sync, &plain, receipt);
    }

    pub(super) fn on_sync(&mut self, id: LinkId, frame: &[u8]) {
        let Some((account, device, plain)) = self.open_sealed(id, Proto::Sync, frame) else { return };
        let Ok(frame) = codec::decode::<SyncFrame>(&plain, Proto::Sync.max_frame()) else {
            return self.bad_frame(id, "sync_garbage");
        };
        if self.sync_partner(id).is_none() {
            return self.refuse("sync_of_stranger");
        }
        match frame.m {
            Some(Sync::Digests(d)) => self.on_digests(id, account, device, &d),
            Some(Sync::Frontier(f)) => self.on_frontier(id, account, device, &f),
            Some(Sync::Entries(e)) => match SpaceId::from_slice(&e.space) {
                Ok(space) => self.on_batch(Some(id), account, space, e.entries),
                Err(_) => self.refuse("sync_unfit"),
            },
            Some(Sync::Want(w)) => self.on_want(id, account, &w),
            Some(Sync::Probe(p)) => self.on_probe(id, account, &p),
            Some(Sync::Done(_)) => self.on_done(id),
            None => {}
        }
    }

    fn place(&mut self, space: &[u8], chan: &[u8], account: AccountId) -> Option<(SpaceId, ChanId)> {
        let place = SpaceId::from_slice(space).ok().zip(ChanId::from_slice(chan).ok());
        let known = place.filter(|(space, chan)| CHANNELS.contains(chan) && self.is_shared(*space, account));
        if known.is_none() {
            // They may have said yes already while we have not heard it.
            self.refuse("sync_of_other_chat");
        }
        known
    }

    fn on_digests(&mut self, id: LinkId, account: AccountId, device: DeviceId, msg: &Digests) {
        for row in &msg.channels {
            let Some((space, chan)) = self.place(&row.space, &row.chan, account) else { continue };
            let Some(chat) = self.chats.get(&space) else { continue };
            if chat.space.digest(chan).as_slice() == row.digest {
                self.has_everything(space, chan, account, device);
                self.set_missing(space, 0);
            } else {
                self.send_frontier(id, space, chan, true);
            }
        }
    }

    /// A device was found to hold exactly what we hold of a channel.
    fn has_everything(&mut self, space: SpaceId, chan: ChanId, account: AccountId, device: DeviceId) {
        let Some(chat) = self.chats.get(&space) else { return };
        let ends: Vec<_> = chat.space.logs(chan).filter_map(|(log, l)| l.ends().max_by_key(|t| t.seq).map(|tip| (log, tip))).collect();
        for (log, tip) in ends {
            self.acknowledged(space, account, device, &Mark { chan, log, seq: tip.seq, id: tip.id });
        }
    }

    fn send_frontier(&mut self, id: LinkId, space: SpaceId, chan: ChanId, ask: bool) {
        let Some(chat) = self.chats.get(&space) else { return };
        let mut rows = frontier::rows(&chat.space, chan);
        rows.truncate(limits::FRONTIER_ROWS);
        self.send_sync(id, Sync::Frontier(Frontier { space: space.to_vec(), chan: chan.to_vec(), rows, ask }), None);
    }

    fn on_frontier(&mut self, id: LinkId, account: AccountId, device: DeviceId, msg: &Frontier) {
        let Some((space, chan)) = self.place(&msg.space, &msg.chan, account) else { return };
        let Ok(theirs) = msg.rows.iter().map(Theirs::read).collect::<Result<Vec<_>, _>>() else {
            return self.bad_frame(id, "sync_unfit");
        };
        if msg.ask {
            self.send_frontier(id, space, chan, false);
        }
        let Some(chat) = self.chats.get(&space) else { return };
        let equal: Vec<_> = theirs
            .iter()
            .filter_map(|row| {
                let log = chat.space.log(chan, row.device).filter(|log| prefix::<16>(&log.digest()) == row.digest)?;
                log.ends().max_by_key(|t| t.seq).map(|tip| (row.device, tip))
            })
            .collect();
        let actions = frontier::compare(&chat.space, chan, &theirs);
        for (log, tip) in equal {
            self.acknowledged(space, account, device, &Mark { chan, log, seq: tip.seq, id: tip.id });
        }
        let missing = actions.iter().map(|a| if let Action::Expect { count, .. } = a { *count } else { 0 }).fold(0, u64::saturating_add);
        if chan == ChanId::MAIN {
            self.set_missing(space, missing);
        }
        self.act(id, space, chan, actions);
    }

    fn act(&mut self, id: LinkId, space: SpaceId, chan: ChanId, actions: Vec<Action>) {
        let mut segments = Vec::new();
        for action in actions {
            match action {
                Action::Send(segment) => segments.push(segment),
                Action::Check(check) => {
                    let read = check.lookup.read(space);
                    self.read(ReadFor::Sync(SyncRead::Check(id, space, check)), read);
                }
                Action::Probe { device } => self.probe(id, space, chan, device),
                Action::Expect { .. } => {}
            }
        }
        self.serve(id, space, chan, segments);
    }

    /// Sends stretches of a channel, together with those that are on their way.
    fn serve(&mut self, id: LinkId, space: SpaceId, chan: ChanId, segments: Vec<Segment>) {
        if segments.is_empty() || !self.links.contains_key(&id) {
            return;
        }
        let sync = self.syncs.entry(id).or_default();
        match sync.serving.iter_mut().find(|(s, serve)| *s == space && serve.chan() == chan) {
            // What is found out about one log must not wait for another: their entries may wait for each other over there.
            Some((_, serve)) => serve.add(segments),
            None => sync.serving.push_back((space, Serve::new(chan, segments))),
        }
        self.pump(id);
    }

    /// Goes on sending, until a read is needed or enough is on its way.
    fn pump(&mut self, id: LinkId) {
        loop {
            let Some(sync) = self.syncs.get_mut(&id) else { return };
            if sync.reading || sync.in_flight >= limits::SYNC_WINDOW {
                return;
            }
            let Some((space, serve)) = sync.serving.front_mut() else { return };
            let (space, chan) = (*space, serve.chan());
            if let Some((n, read)) = serve.next_read(space) {
                sync.reading = true;
                return self.read(ReadFor::Sync(SyncRead::Page(id, n)), read);
            }
            let batch = serve.batch();
            if batch.is_empty() {
                sync.serving.pop_front();
                self.send_sync(id, Sync::Done(Done { space: space.to_vec(), chan: chan.to_vec() }), None);
                continue;
            }
            let bodies: Vec<_> = batch.iter().filter_map(|s| s.body.clone()).collect();
            if bodies.is_empty() {
                let entries = batch.into_iter().map(|served| served.entry(None)).collect();
                self.send_entries(id, space, chan, entries);
                continue;
            }
            sync.reading = true;
            return self.read(ReadFor::Sync(SyncRead::Bodies(id, space, chan, batch)), Read::Get(bodies));
        }
    }

    fn send_entries(&mut self, id: LinkId, space: SpaceId, chan: ChanId, entries: Vec<Entry>) {
        let Some(sync) = self.syncs.get_mut(&id) else { return };
        sync.in_flight = sync.in_flight.saturating_add(1);
        sync.receipts = sync.receipts.saturating_add(1);
        let receipt = sync.receipts;
        self.send_sync(id, Sync::Entries(Entries { space: space.to_vec(), chan: chan.to_vec(), entries }), Some(receipt));
    }

    /// A frame has left; the next may follow.
    pub(super) fn on_sync_sent(&mut self, id: LinkId, _receipt: u64) {
        if let Some(sync) = self.syncs.get_mut(&id) {
            sync.in_flight = sync.in_flight.saturating_sub(1);
            self.pump(id);
        }
    }

    pub(super) fn on_sync_read(&mut self, what: SyncRead, found: Result<Found, String>) {
        match what {
            SyncRead::Page(id, n) => {
                let Some(sync) = self.syncs.get_mut(&id) else { return };
                sync.reading = false;
                let rows = rows_of(found);
                if let Some((space, serve)) = sync.serving.front_mut()
                    && let Some(chat) = self.chats.get(space)
                {
                    serve.give(&chat.space, n, &rows);
                }
                self.pump(id);
            }
            SyncRead::Bodies(id, space, chan, batch) => {
                if let Some(sync) = self.syncs.get_mut(&id) {
                    sync.reading = false;
                    let entries = with_bodies(batch, found);
                    self.send_entries(id, space, chan, entries);
                    self.pump(id);
                }
            }
            SyncRead::Check(id, space, check) => {
                let rows = rows_of(found);
                let Some(chat) = self.chats.get(&space) else { return };
                let actions = frontier::checked(&chat.space, &check, &rows);
                self.act(id, space, check.lookup.chan, actions);
            }
            SyncRead::Points(id, space, chan, device, mut gather) => {
                gather.rows.extend(rows_of(found));
                self.gather_points(id, space, chan, device, gather);
            }
            SyncRead::Answer(id, space, chan, device, points, mut gather) => {
                gather.rows.extend(rows_of(found));
                self.gather_answer(id, space, chan, device, points, gather);
            }
        }
    }

    /// Sends digests of our copy of a log, so that the other side finds where its copy parts from ours.
    fn probe(&mut self, id: LinkId, space: SpaceId, chan: ChanId, device: DeviceId) {
        let Some(chat) = self.chats.get(&space) else { return };
        let left = chat.space.probe_positions(chan, device);
        self.gather_points(id, space, chan, device, Gather { left, rows: Vec::new() });
    }

    fn gather_points(&mut self, id: LinkId, space: SpaceId, chan: ChanId, device: DeviceId, mut gather: Gather) {
        if let Some(next) = gather.left.pop() {
            let read = next.read(space);
            return self.read(ReadFor::Sync(SyncRead::Points(id, space, chan, device, gather)), read);
        }
        let Some(chat) = self.chats.get(&space) else { return };
        let points = frontier::points(&chat.space, chan, device, &gather.rows);
        let probe = Probe { space: space.to_vec(), chan: chan.to_vec(), device: device.to_vec(), points };
        self.send_sync(id, Sync::Probe(probe), None);
    }

    fn on_probe(&mut self, id: LinkId, account: AccountId, msg: &Probe) {
        let Some((space, chan)) = self.place(&msg.space, &msg.chan, account) else { return };
        let (Ok(device), Ok(points)) = (DeviceId::from_slice(&msg.device), frontier::read_points(&msg.points)) else {
            return self.refuse("sync_unfit");
        };
        let Some(chat) = self.chats.get(&space) else { return };
        let left = frontier::comparable(&chat.space, chan, device, &points);
        self.gather_answer(id, space, chan, device, points, Gather { left, rows: Vec::new() });
    }

    fn gather_answer(
        &mut self,
        id: LinkId,
        space: SpaceId,
        chan: ChanId,
        device: DeviceId,
        points: Vec<(u64, [u8; 16])>,
        mut gather: Gather,
    ) {
        if let Some(next) = gather.left.pop() {
            let read = next.read(space);
            return self.read(ReadFor::Sync(SyncRead::Answer(id, space, chan, device, points, gather)), read);
        }
        let Some(chat) = self.chats.get(&space) else { return };
        let actions = frontier::probed(&chat.space, chan, device, &points, &gather.rows);
        self.act(id, space, chan, actions);
    }

    /// Asks a device for what entries here wait for.
    pub(super) fn want(&mut self, id: LinkId, space: SpaceId, needs: &BTreeSet<Need>) {
        if self.sync_partner(id).is_none() {
            return;
        }
        for need in needs {
            let sync = self.syncs.entry(id).or_default();
            if sync.asked.len() >= ASKED || !sync.asked.insert((space, *need)) {
                continue;
            }
            match *need {
                Need::Log { chan, device, from } => {
                    let want = Want { space: space.to_vec(), chan: chan.to_vec(), device: device.to_vec(), from };
                    self.send_sync(id, Sync::Want(want), None);
                }
                Need::Parted { chan, device } => self.probe(id, space, chan, device),
                Need::Channel { chan } => self.send_frontier(id, space, chan, true),
            }
        }
    }

    fn on_want(&mut self, id: LinkId, account: AccountId, msg: &Want) {
        let Some((space, chan)) = self.place(&msg.space, &msg.chan, account) else { return };
        let Ok(device) = DeviceId::from_slice(&msg.device) else { return self.refuse("sync_unfit") };
        let Some(chat) = self.chats.get(&space) else { return };
        let segments = wanted(&chat.space, chan, device, msg.from);
        self.serve(id, space, chan, segments);
    }

    /// The other side has sent what it had: compare again soon if some of it was new.
    fn on_done(&mut self, id: LinkId) {
        if self.syncs.get_mut(&id).is_some_and(|s| std::mem::take(&mut s.news)) {
            self.timers.set_at_most(Timer::Sync(id), self.now.mono.after(AGAIN));
        }
    }

    /// A device sent something new.
    pub(super) fn brought_news(&mut self, id: LinkId) {
        if let Some(sync) = self.syncs.get_mut(&id) {
            sync.news = true;
            sync.quiet = 0;
        }
    }

    /// Entries arrived that were known to be missing.
    pub(super) fn arrived(&mut self, space: SpaceId, n: usize) {
        let Some(chat) = self.chats.get(&space).filter(|c| c.missing > 0) else { return };
        let left = chat.missing.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
        self.set_missing(space, left);
    }

    fn set_missing(&mut self, space: SpaceId, count: u64) {
        let Some(chat) = self.chats.get_mut(&space).filter(|c| c.missing != count) else { return };
        chat.missing = count;
        self.dirty = true;
        self.gate.notify(super::event::Event::MissingChanged { chat_id: space, count });
    }
}

/// The stretches of a log from a position on, with both versions where its history is duplicated.
fn wanted(space: &Space, chan: ChanId, device: DeviceId, from: u64) -> Vec<Segment> {
    let Some(log) = space.log(chan, device) else { return Vec::new() };
    let from = from.max(log.floor().saturating_add(1));
    let trunk = Segment { device, from, to: log.trunk().seq, path: Path::Trunk };
    let versions = log.fork().into_iter().flat_map(|fork| {
        fork.versions.iter().map(|v| Segment { device, from: from.max(fork.at()), to: v.tip.seq, path: Path::Version(v.root) })
    });
    std::iter::once(trunk).chain(versions).filter(|s| s.from <= s.to).collect()
}

fn rows_of(found: Result<Found, String>) -> Vec<Row> {
    match found {
        Ok(Found::Rows(rows)) => rows,
        Ok(Found::Values(_)) | Err(_) => Vec::new(),
    }
}

/// Puts bodies to the entries that lack them. `found` has one value for each entry that asked.
fn with_bodies(batch: Vec<Served>, found: Result<Found, String>) -> Vec<Entry> {
    let mut values = match found {
        Ok(Found::Values(values)) => values.into_iter(),
        Ok(Found::Rows(_)) | Err(_) => Vec::new().into_iter(),
    };
    batch
        .into_iter()
        .map(|served| {
            let body = if served.body.is_some() { values.next().flatten() } else { None };
            served.entry(body.as_deref())
        })
        .collect()
}
