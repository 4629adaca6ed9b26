//! Taking entries in: each is verified, waits until everything before it is here, is judged, and becomes rows.

use super::auth::{AuthEntry, AuthRecord, BadAuth};
use super::clock;
use super::entry::{BadEntry, Dep, Parsed};
use super::fold::{self, Op};
use super::keys;
use super::log::{Fork, Link, LogRefusal, Parting, Stored, Verdict};
use super::pool::{Pending, Slot};
use super::rows::{self, IndexRow, LogRow, OpRow, State, TimelineRow};
use super::space::{LOGS_PER_CHANNEL, Lookup, Need, Space, Standing};
use crate::crypto::hash::prefix;
use crate::ids::{AccountId, ChanId, DeviceId, EntryId};
use crate::store::{Row, Write};
use crate::time::{Now, UnixMs};
use crate::view::Hlc;
use crate::wire::bodies::kind;
use std::collections::BTreeSet;

/// What came of taking entries in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ingest {
    /// Entries that are now part of the conversation, each after everything it refers to.
    pub accepted: Vec<Accepted>,
    /// Changes to make durable, together, before any of it is shown, acknowledged or passed on.
    pub writes: Vec<Write>,
    /// What is missing before others can follow.
    pub needs: BTreeSet<Need>,
    /// Questions to the store; the answers go to [`Space::found`].
    pub lookups: BTreeSet<Lookup>,
    /// Histories that turned out to be duplicated, or duplicated further down.
    pub forks: Vec<ForkSeen>,
    /// Entries that are not taken.
    pub refused: Vec<(DeviceId, Refusal)>,
    /// Messages that operations wait for: see [`Space::fold_begin`].
    pub folds: BTreeSet<EntryId>,
    /// Whether devices, accounts or what counts of their logs changed.
    pub auth_changed: bool,
    /// Waiting entries dropped because there were too many.
    pub dropped: usize,
}

/// An entry that is now part of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The entry.
    pub entry: Parsed,
    /// The account that its device speaks for.
    pub author: AccountId,
    /// Not to be shown: its device had ended, or its history is duplicated here.
    pub void: bool,
    /// Arrived more than [`crate::limits::LATE_AFTER`] after its time.
    pub late: bool,
    /// Its row in the timeline, with what earlier arrivals made of it, if it has one.
    pub row: Option<TimelineRow>,
}

/// A duplicated history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkSeen {
    /// Channel.
    pub chan: ChanId,
    /// Writing device.
    pub device: DeviceId,
    /// Where it was duplicated.
    pub at: u64,
}

/// Why an entry is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is malformed.
    #[error(transparent)]
    Entry(#[from] BadEntry),
    /// It is an invalid auth operation.
    #[error(transparent)]
    Auth(#[from] BadAuth),
    /// Its log does not take it.
    #[error(transparent)]
    Log(#[from] LogRefusal),
    /// Another conversation's.
    #[error("an entry of another conversation")]
    OtherSpace,
    /// Its stamp does not exceed that of what it refers to.
    #[error("a stamp that does not exceed that of what it refers to")]
    StampNotAfterDep,
    /// More devices than [`LOGS_PER_CHANNEL`].
    #[error("too many devices in one channel")]
    TooManyLogs,
    /// The store does not have what it must have.
    #[error("a position that the store cannot tell about")]
    StoreIncomplete,
}

/// What to do with a waiting entry now.
enum Step {
    Take(Verdict),
    Wait(Need),
    Ask(BTreeSet<Lookup>),
    Forget,
    Refuse(Refusal),
    /// Refused by itself, and kept for a while: a rival may turn up that proves a fork together with it.
    Doubt(Refusal),
}

/// Whether a reference is satisfied.
enum DepStep {
    Met,
    Wait(Need),
    Ask(Lookup),
    Refuse,
}

impl Space {
    /// Takes entries in, in any order. Known ones cost nothing, invalid ones are refused, all others are accepted as soon as
    /// everything they refer to has been.
    pub fn ingest(&mut self, now: Now, entries: impl IntoIterator<Item = Parsed>) -> Ingest {
        let mut out = Ingest::default();
        for mut entry in entries {
            let device = entry.header().device;
            match self.admit(&mut entry) {
                Ok(true) => self.pool.insert(now, entry),
                Ok(false) => {}
                Err(refusal) => out.refused.push((device, refusal)),
            }
        }
        self.advance(now, &mut out);
        out
    }

    /// Goes on with the rows that the store found for a question.
    pub fn found(&mut self, now: Now, lookup: &Lookup, rows: &[Row]) -> Ingest {
        self.pool.answer(lookup, &Self::read_stored(rows));
        let mut out = Ingest::default();
        self.advance(now, &mut out);
        out
    }

    /// Goes on at [`Self::next_due`]: entries whose time has come are taken in, those that waited too long are dropped.
    pub fn tick(&mut self, now: Now) -> Ingest {
        let mut out = Ingest::default();
        self.advance(now, &mut out);
        out
    }

    /// Whether an entry is new and sound enough to be looked at further.
    fn admit(&self, entry: &mut Parsed) -> Result<bool, Refusal> {
        let header = entry.header();
        if header.space != self.id {
            return Err(Refusal::OtherSpace);
        }
        let known = self.log(header.chan, header.device).is_some_and(|log| {
            header.seq <= log.floor()
                || log.ends().any(|end| end.id == entry.id())
                || log.recent(header.seq).any(|stored| stored.link.id == entry.id())
        });
        if known || self.pool.contains(entry) {
            return Ok(false);
        }
        entry.verify()?;
        self.auth.read(entry)?;
        Ok(true)
    }

    /// Judges what waits until nothing moves any more. The pool is in the order of stamps, so one pass takes everything that
    /// came in order or out of it, and a second one finds that nothing is left.
    fn advance(&mut self, now: Now, out: &mut Ingest) {
        self.pool.tick(now);
        let mut touched = BTreeSet::new();
        loop {
            let mut moved = false;
            for slot in self.pool.slots() {
                moved |= self.step(now, slot, &mut touched, out);
            }
            if !moved {
                break;
            }
        }
        out.dropped = self.pool.shrink();
        out.needs = self.needs();
        out.writes.extend(touched.iter().filter_map(|(chan, device)| self.head_write(*chan, *device)));
    }

    /// Judges one waiting entry; true if others may be able to follow now.
    fn step(&mut self, now: Now, slot: Slot, touched: &mut BTreeSet<(ChanId, DeviceId)>, out: &mut Ingest) -> bool {
        let Some(pending) = self.pool.get(&slot) else { return false };
        if !pending.asked.is_empty() {
            return false;
        }
        match self.judge(pending) {
            Step::Take(verdict) => {
                let Some(pending) = self.pool.remove(&slot) else { return false };
                self.take(now.wall, pending.entry, &verdict, touched, out);
                true
            }
            Step::Forget => {
                self.pool.remove(&slot);
                false
            }
            Step::Refuse(refusal) => {
                if let Some(pending) = self.pool.remove(&slot) {
                    out.refused.push((pending.entry.header().device, refusal));
                }
                false
            }
            Step::Doubt(refusal) => {
                if let Some(pending) = self.pool.get_mut(&slot).filter(|pending| !pending.doubted) {
                    pending.doubted = true;
                    pending.need = None;
                    out.refused.push((pending.entry.header().device, refusal));
                }
                false
            }
            Step::Wait(need) => {
                if let Some(pending) = self.pool.get_mut(&slot) {
                    pending.need = Some(need);
                }
                false
            }
            Step::Ask(lookups) => {
                if let Some(pending) = self.pool.get_mut(&slot) {
                    pending.asked.clone_from(&lookups);
                    pending.need = None;
                    out.lookups.extend(lookups);
                }
                false
            }
        }
    }

    fn judge(&self, pending: &Pending) -> Step {
        let header = pending.entry.header();
        let (chan, device) = (header.chan, header.device);
        if chan != ChanId::AUTH && self.log(ChanId::AUTH, device).is_none() {
            return Step::Wait(Need::Log { chan: ChanId::AUTH, device, from: 1 });
        }
        let log = self.logs.get(&(chan, device)).map(|state| &state.log);
        if log.is_none() && self.logs(chan).count() >= LOGS_PER_CHANNEL {
            return Step::Refuse(Refusal::TooManyLogs);
        }
        let empty = super::log::Log::default();
        let verdict = log.unwrap_or(&empty).offer(&link(&pending.entry), found(pending, chan, device).as_deref());
        match verdict {
            Verdict::Known => Step::Forget,
            Verdict::Refused(refusal) => Step::Refuse(refusal.into()),
            Verdict::Gap { have, .. } => Step::Wait(Need::Log { chan, device, from: have.saturating_add(1) }),
            Verdict::Parted => Step::Wait(Need::Parted { chan, device }),
            Verdict::NeedsLookup { from, to } => ask(pending, [Lookup { chan, device, from, to }]),
            Verdict::Extends { root: None } if !self.is_contested(pending) => self.judge_deps(pending, verdict),
            Verdict::Extends { .. } | Verdict::Forks(_) => Step::Take(verdict),
        }
    }

    /// Whether another successor of the same entry waits too.
    ///
    /// A duplicated history is taken in without waiting for what it refers to: two successors of one entry prove it, whatever
    /// else they say, and the versions behind them belong to a device that is known to break the rules. If it had to wait, two
    /// such devices could write entries that each wait for what proves the other's fork, and some nodes would never see either.
    fn is_contested(&self, pending: &Pending) -> bool {
        let header = pending.entry.header();
        let before = self.log(header.chan, header.device).map_or(Hlc(0), |log| log.trunk().hlc);
        self.pool.waiting().any(|other| {
            let same = (header.chan, header.device, header.seq, header.prev);
            let other_header = other.entry.header();
            other.entry.id() != pending.entry.id()
                && same == (other_header.chan, other_header.device, other_header.seq, other_header.prev)
                && other_header.hlc > before
        })
    }

    fn judge_deps(&self, pending: &Pending, verdict: Verdict) -> Step {
        let mut lookups = BTreeSet::new();
        let mut wait = None;
        for dep in &pending.entry.header().deps {
            match self.dep(pending, dep) {
                DepStep::Met => {}
                DepStep::Wait(need) => wait = wait.or(Some(need)),
                DepStep::Ask(lookup) => drop(lookups.insert(lookup)),
                DepStep::Refuse => return Step::Doubt(Refusal::StampNotAfterDep),
            }
        }
        match wait {
            Some(need) => Step::Wait(need),
            None if lookups.is_empty() => Step::Take(verdict),
            None => ask(pending, lookups),
        }
    }

    /// Judges a reference of an entry on a trunk. It is met by the entry it names, if that has a lower stamp. It is also met, without looking at
    /// stamps, by any position at or above a fork and by any at or below the floor: what was there may be kept nowhere any
    /// more, and an honest entry must not wait for it for ever. Both conditions only ever grow, so all come to the same end.
    fn dep(&self, pending: &Pending, dep: &Dep) -> DepStep {
        let header = pending.entry.header();
        let mut answer = DepStep::Wait(Need::Channel { chan: header.chan });
        for (device, state) in self.named_by(header.chan, dep) {
            let log = &state.log;
            if dep.seq <= log.floor() || log.fork().is_some_and(|fork| dep.seq >= fork.at()) {
                return DepStep::Met;
            }
            let end = log.trunk();
            if dep.seq > end.seq {
                answer = DepStep::Wait(Need::Log { chan: header.chan, device, from: end.seq.saturating_add(1) });
                continue;
            }
            let known = |stored: &Stored| (stored.link.id, stored.link.hlc);
            let answers = found(pending, header.chan, device);
            let at = (dep.seq == end.seq).then_some((end.id, end.hlc)).or_else(|| log.recent(dep.seq).next().map(known)).or_else(|| {
                let mut rows = answers.iter().flatten();
                rows.find(|stored| stored.link.seq == dep.seq).map(known)
            });
            match at {
                Some((id, _)) if prefix::<16>(&id.0) != dep.id16 => answer = DepStep::Wait(Need::Parted { chan: header.chan, device }),
                Some((_, hlc)) if hlc >= header.hlc => return DepStep::Refuse,
                Some(_) => return DepStep::Met,
                None => answer = DepStep::Ask(Lookup { chan: header.chan, device, from: dep.seq, to: dep.seq }),
            }
        }
        answer
    }

    /// Makes an entry part of the conversation.
    pub(super) fn take(
        &mut self,
        wall: UnixMs,
        entry: Parsed,
        verdict: &Verdict,
        touched: &mut BTreeSet<(ChanId, DeviceId)>,
        out: &mut Ingest,
    ) {
        let header = entry.header();
        let (chan, device) = (header.chan, header.device);
        let state = self.logs.entry((chan, device)).or_default();
        let Some(stored) = state.log.take(&link(&entry), verdict) else { return };
        if let Verdict::Forks(parting) = verdict {
            let at = if let Parting::Cut { .. } = parting { header.seq } else { state.log.fork().map_or(header.seq, Fork::at) };
            out.forks.push(ForkSeen { chan, device, at });
        }
        state.open.insert(entry.id());
        let ends: BTreeSet<EntryId> = state.log.ends().map(|end| end.id).collect();
        state.open.retain(|id| ends.contains(id));
        touched.insert((chan, device));
        touched.extend(self.cover(&entry));
        if chan == ChanId::AUTH {
            self.take_auth(&entry, &stored, out);
        }
        let forked = matches!(verdict, Verdict::Forks(_));
        if forked && chan == ChanId::AUTH {
            self.recompute_auth();
            out.auth_changed = true;
        }
        let shown = is_message(entry.header().kind);
        self.write_entry(&entry, &stored, shown, out);
        let Some(author) = self.account_of(device) else { return };
        let void = self.standing(chan, device, stored.link.seq, stored.root) == Standing::Void;
        let late = clock::is_late(wall, entry.header().hlc);
        let row = shown.then(|| self.write_row(wall, &entry, &stored, author, late, out));
        if !void && let Some(op) = Op::read(&entry, author) {
            self.note_op(&entry, &stored, op, out);
        }
        out.accepted.push(Accepted { entry, author, void, late, row });
    }

    /// Notes that an entry covers what it refers to. Returns logs whose state changed.
    fn cover(&mut self, entry: &Parsed) -> Vec<(ChanId, DeviceId)> {
        let header = entry.header();
        let mut changed = Vec::new();
        for dep in &header.deps {
            let named: Vec<DeviceId> = self.named_by(header.chan, dep).map(|(device, _)| device).collect();
            for device in named {
                let Some(state) = self.logs.get_mut(&(header.chan, device)) else { continue };
                let before = state.open.len();
                state.open.retain(|id| prefix::<16>(&id.0) != dep.id16);
                if state.open.len() != before {
                    changed.push((header.chan, device));
                }
            }
        }
        changed
    }

    fn take_auth(&mut self, entry: &Parsed, stored: &Stored, out: &mut Ingest) {
        // Checked when it was admitted; a record of a newer version passes as unknown.
        let record = self.auth.record(entry.body().unwrap_or_default()).unwrap_or(AuthRecord::Unknown);
        let header = entry.header();
        let author = match &record {
            AuthRecord::Devices { account, .. } | AuthRecord::Gone { account } => account.to_vec(),
            AuthRecord::Unknown => Vec::new(),
        };
        let op = OpRow {
            id: entry.id().to_vec(),
            seq: header.seq,
            hlc: header.hlc.0,
            kind: header.kind,
            body: entry.body().unwrap_or_default().to_vec(),
            root: stored.root.map(|root| root.to_vec()),
            author,
        };
        let row = self.state_row(header.chan, header.device, State::Auth(op));
        out.writes.push(Write::Put(keys::auth_key(self.id, entry.id()), rows::encode(&row)));
        self.auth.insert(entry.id(), AuthEntry { device: header.device, seq: header.seq, root: stored.root, record });
        self.recompute_auth();
        out.auth_changed = true;
    }

    fn write_entry(&self, entry: &Parsed, stored: &Stored, shown: bool, out: &mut Ingest) {
        let header = entry.header();
        let row = LogRow::new(entry, stored, shown);
        out.writes.push(Write::Put(keys::log_key(self.id, header.chan, header.device, header.seq, entry.id()), rows::encode(&row)));
        let index =
            IndexRow { chan: header.chan.to_vec(), device: header.device.to_vec(), seq: header.seq, hlc: header.hlc.0, kind: header.kind };
        out.writes.push(Write::Put(keys::index_key(self.id, entry.id()), rows::encode(&index)));
    }

    fn write_row(&mut self, wall: UnixMs, entry: &Parsed, stored: &Stored, author: AccountId, late: bool, out: &mut Ingest) -> TimelineRow {
        let header = entry.header();
        let mut row = TimelineRow {
            id: entry.id().to_vec(),
            author: author.to_vec(),
            device: header.device.to_vec(),
            seq: header.seq,
            hlc: header.hlc.0,
            kind: header.kind,
            body: entry.body().map(<[u8]>::to_vec),
            root: stored.root.map(|root| root.to_vec()),
            arrived_ms: wall.0,
            late,
            ..TimelineRow::default()
        };
        for op in self.folds.take(entry.id()) {
            fold::apply(&mut row, &op);
            out.writes.push(Write::Delete(keys::pending_key(self.id, op.target, op.id)));
        }
        out.writes.push(Write::Put(keys::timeline_key(self.id, header.chan, header.hlc, entry.id()), rows::encode(&row)));
        row
    }

    fn note_op(&mut self, entry: &Parsed, stored: &Stored, op: Op, out: &mut Ingest) {
        let (target, id) = (op.target, op.id);
        let row = Op::row(entry, stored, op.author);
        if self.folds.insert(op) {
            let row = self.state_row(entry.header().chan, entry.header().device, State::Pending(row));
            out.writes.push(Write::Put(keys::pending_key(self.id, target, id), rows::encode(&row)));
            out.folds.insert(target);
        }
    }
}

/// Whether entries of a kind have a row in the timeline: messages, and what newer versions add.
#[must_use]
pub const fn is_message(kind: u32) -> bool {
    !matches!(kind, kind::AUTH | kind::EDIT | kind::DELETE | kind::REACT)
}

pub(super) fn link(entry: &Parsed) -> Link {
    let header = entry.header();
    Link { seq: header.seq, id: entry.id(), prev: header.prev, hlc: header.hlc }
}

/// Asks the store, unless it was asked that already and did not know.
fn ask(pending: &Pending, lookups: impl IntoIterator<Item = Lookup>) -> Step {
    let lookups: BTreeSet<Lookup> = lookups.into_iter().collect();
    match lookups.is_disjoint(&pending.answered) {
        true => Step::Ask(lookups),
        false => Step::Refuse(Refusal::StoreIncomplete),
    }
}

/// What the store said about a log; `None` if it was not asked.
fn found(pending: &Pending, chan: ChanId, device: DeviceId) -> Option<Vec<Stored>> {
    let asked = pending.answered.iter().any(|lookup| lookup.chan == chan && lookup.device == device);
    asked.then(|| pending.found.iter().filter(|(c, d, _)| (*c, *d) == (chan, device)).map(|(.., stored)| *stored).collect())
}
