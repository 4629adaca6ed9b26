//! What does the other lack? Two members compare where their copies of each log end and send each other what is missing.
//!
//! # A session
//! 1. Both send the digest of each channel ([`Space::digest`]): 16 bytes. Equal digests end it here.
//! 2. For a channel that differs both send a [`row`](rows) for each log. [`compare`] turns the peer's rows into actions.
//! 3. [`Action::Send`] is served oldest first over all logs at once (see [`super::serve`]), so that everything comes after what
//!    it refers to. [`Action::Check`] asks the own store whether the peer's end lies on the own log before anything is sent.
//! 4. Where the copies part, one side sends prefix digests at doubling distances ([`Space::probe_positions`]), and the other
//!    [answers](probed) with the stretch of its log in which they part. The receiver then knows both versions.
//! 5. When everything that was sent is stored, the digests are compared again. Each round either ends equal or one side has
//!    learnt a lower fork, a lower cut, a lower root or more entries, of which there are only so many.
//!
//! A digest covers a whole log, not only its end: two copies with the same end and a difference below do not compare equal.
//!
//! An honest device costs one row. For the log of a device that duplicates its history the side that knows of the lower fork
//! sends the two entries that prove it, and nothing else of that log until the other has taken them in.

use super::hash::{self, Digest16, short};
use super::log::{Fork, Log, Place, Stored, Version};
use super::space::{Lookup, Space};
use crate::ids::{BadId, ChanId, DeviceId, EntryId};
use crate::limits;
use crate::store::Row;
use crate::wire::sync::{BranchRow, FrontierRow, ProbePoint};
use std::collections::BTreeMap;

/// What to do about one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this part of the own copy.
    Send(Segment),
    /// Ask the store, then go on with [`checked`].
    Check(Check),
    /// Send a probe of this log.
    Probe {
        /// Its device.
        device: DeviceId,
    },
    /// The peer has entries that it will send by itself.
    Expect {
        /// Writing device.
        device: DeviceId,
        /// How many, at least.
        count: u64,
    },
}

/// Part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// Writing device.
    pub device: DeviceId,
    /// First position.
    pub from: u64,
    /// Last position.
    pub to: u64,
    /// Which of the entries there.
    pub path: Path,
}

/// Which of the entries at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// The trunk's.
    Trunk,
    /// Those of the version with this root.
    Version(EntryId),
    /// Two that follow this one: proof that its version ends there.
    After(EntryId),
}

/// A question to the own store: does the peer's copy end on ours?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What to read.
    pub lookup: Lookup,
    /// The peer's digest there.
    digest: Digest16,
    /// The version asked about; `None` for the trunk.
    root: Option<EntryId>,
}

/// A frontier row of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    /// Writing device.
    pub device: DeviceId,
    /// Entries up to this one are no longer kept there.
    pub floor: u64,
    /// Last position.
    pub seq: u64,
    /// Digest of the log.
    pub digest: Digest16,
    /// Lowest position with two entries, 0 without one.
    pub fork_at: u64,
    /// The versions.
    pub branches: Vec<Branch>,
}

/// End of a version at a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its first entry.
    pub root: EntryId,
    /// Last position.
    pub seq: u64,
    /// Its digest.
    pub digest: Digest16,
}

impl Theirs {
    /// Reads a row.
    ///
    /// # Errors
    /// A field of the wrong length.
    pub fn read(row: &FrontierRow) -> Result<Self, BadId> {
        let branch = |b: &BranchRow| Ok(Branch { root: EntryId::from_slice(&b.root)?, seq: b.seq, digest: digest16(&b.digest)? });
        Ok(Self {
            device: DeviceId::from_slice(&row.device)?,
            floor: row.floor,
            seq: row.seq,
            digest: digest16(&row.digest)?,
            fork_at: row.fork_at,
            branches: row.branches.iter().take(limits::FORK_BRANCHES).map(branch).collect::<Result<_, _>>()?,
        })
    }

    fn branch(&self, root: EntryId) -> Option<&Branch> {
        self.branches.iter().find(|branch| branch.root == root)
    }

    /// Whether a root is of use there: there is room, or it is lower than one that is kept.
    fn takes_root(&self, root: EntryId) -> bool {
        self.branches.len() < limits::FORK_BRANCHES || self.branches.iter().any(|branch| root < branch.root)
    }
}

/// The own rows of a channel, in the order of the devices.
#[must_use]
pub fn rows(space: &Space, chan: ChanId) -> Vec<FrontierRow> {
    let branch = |v: &Version| BranchRow { root: v.root.to_vec(), seq: v.tip.seq, digest: v.digest16().to_vec() };
    let row = |(device, log): (DeviceId, &Log)| FrontierRow {
        device: device.to_vec(),
        floor: log.floor(),
        seq: log.last_seq(),
        digest: short(&log.digest()).to_vec(),
        fork_at: log.fork().map_or(0, Fork::at),
        branches: log.fork().map(|fork| fork.versions.iter().map(branch).collect()).unwrap_or_default(),
    };
    space.logs(chan).map(row).collect()
}

/// What to do so that a peer with these rows gets what it lacks.
#[must_use]
pub fn compare(space: &Space, chan: ChanId, theirs: &[Theirs]) -> Vec<Action> {
    let theirs: BTreeMap<DeviceId, &Theirs> = theirs.iter().map(|row| (row.device, row)).collect();
    let mut actions = Vec::new();
    for (device, log) in space.logs(chan) {
        let plan = Plan { chan, device, log };
        match theirs.get(&device) {
            Some(row) if row.digest == short(&log.digest()) => {}
            Some(row) => plan.compare(row, &mut actions),
            None => plan.send_from(log.floor(), &mut actions),
        }
    }
    for row in theirs.values().filter(|row| space.log(chan, row.device).is_none()) {
        actions.push(Action::Expect { device: row.device, count: row.seq.saturating_sub(row.floor) });
    }
    actions
}

/// Goes on with the rows that the store found for a check.
#[must_use]
pub fn checked(space: &Space, check: &Check, found: &[Row]) -> Vec<Action> {
    let Lookup { chan, device, to: at, .. } = check.lookup;
    let Some(log) = space.log(chan, device) else { return Vec::new() };
    let plan = Plan { chan, device, log };
    let stored = Space::read_stored(found).into_iter().find(|stored| stored.link.seq == at && plan.is_on(check.root, stored));
    let mut actions = Vec::new();
    plan.compared(check, stored.map(|stored| stored.digest), &mut actions);
    actions
}

/// Answers a request for a log from a position on.
#[must_use]
pub fn wanted(space: &Space, chan: ChanId, device: DeviceId, from: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    if let Some(log) = space.log(chan, device) {
        Plan { chan, device, log }.send_from(from.saturating_sub(1), &mut actions);
    }
    actions
}

/// Answers a probe: sends the stretch in which the copies part. `found` is what the store has at the positions of
/// [`comparable`].
#[must_use]
pub fn probed(space: &Space, chan: ChanId, device: DeviceId, points: &[(u64, Digest16)], found: &[Row]) -> Vec<Action> {
    let Some(log) = space.log(chan, device) else { return Vec::new() };
    let plan = Plan { chan, device, log };
    let end = log.trunk().seq;
    let ours: BTreeMap<u64, Digest16> = Space::read_stored(found)
        .into_iter()
        .filter(|stored| plan.is_on(None, stored))
        .map(|stored| (stored.link.seq, short(&stored.digest)))
        .chain((end > 0).then(|| (end, short(&log.trunk().digest))))
        .collect();
    let mut same = log.floor();
    let mut differs = None;
    for (seq, digest) in points {
        match ours.get(seq) {
            Some(mine) if mine == digest => same = same.max(*seq),
            Some(_) => differs = Some(differs.map_or(*seq, |lowest: u64| lowest.min(*seq))),
            None => {}
        }
    }
    let mut actions = Vec::new();
    plan.send(same.saturating_add(1), differs.unwrap_or(end), Path::Trunk, &mut actions);
    if differs.is_none() {
        plan.send_roots(&mut actions);
    }
    actions
}

/// The positions of a probe that lie on the own log: what to read before [`probed`].
#[must_use]
pub fn comparable(space: &Space, chan: ChanId, device: DeviceId, points: &[(u64, Digest16)]) -> Vec<Lookup> {
    let end = space.log(chan, device).map_or(0, |log| log.trunk().seq);
    let at = |seq: u64| Lookup { chan, device, from: seq, to: seq };
    points.iter().map(|(seq, _)| *seq).filter(|seq| (1..=end).contains(seq)).take(limits::PROBE_POINTS).map(at).collect()
}

/// Reads the points of a probe.
///
/// # Errors
/// A digest of the wrong length.
pub fn read_points(points: &[ProbePoint]) -> Result<Vec<(u64, Digest16)>, BadId> {
    points.iter().take(limits::PROBE_POINTS).map(|point| Ok((point.seq, digest16(&point.digest)?))).collect()
}

/// The points of an own probe, from what the store has at [`Space::probe_positions`].
#[must_use]
pub fn points(space: &Space, chan: ChanId, device: DeviceId, found: &[Row]) -> Vec<ProbePoint> {
    let Some(log) = space.log(chan, device) else { return Vec::new() };
    let plan = Plan { chan, device, log };
    let on_trunk = Space::read_stored(found).into_iter().filter(|stored| plan.is_on(None, stored));
    let point = |seq: u64, digest: &hash::Digest| ProbePoint { seq, digest: short(digest).to_vec() };
    let mut points: Vec<ProbePoint> = on_trunk.map(|stored| point(stored.link.seq, &stored.digest)).collect();
    points.sort_by_key(|point| std::cmp::Reverse(point.seq));
    points.dedup();
    points
}

impl Space {
    /// Where to take the digests of a probe: at the end of the trunk and 1, 2, 4, 8 … before it.
    #[must_use]
    pub fn probe_positions(&self, chan: ChanId, device: DeviceId) -> Vec<Lookup> {
        let end = self.log(chan, device).map_or(0, |log| log.trunk().seq);
        let steps = std::iter::once(0).chain((0..u64::BITS).map(|n| 1_u64 << n));
        let seqs = steps.take_while(|step| *step < end).map(|step| end.saturating_sub(step)).take(limits::PROBE_POINTS);
        seqs.map(|seq| Lookup { chan, device, from: seq, to: seq }).collect()
    }
}

/// Comparison of one log.
struct Plan<'a> {
    chan: ChanId,
    device: DeviceId,
    log: &'a Log,
}

impl Plan<'_> {
    fn compare(&self, theirs: &Theirs, actions: &mut Vec<Action>) {
        match self.log.fork() {
            Some(fork) if fork.at() == theirs.fork_at => {
                fork.versions.iter().for_each(|version| self.compare_version(version, fork.at(), theirs, actions));
            }
            // They know of a lower fork: they send what proves it.
            _ if theirs.fork_at > 0
                && self.log.fork().is_none_or(|fork| theirs.fork_at < fork.at())
                && self.log.last_seq() >= theirs.fork_at =>
            {
                actions.push(Action::Expect { device: self.device, count: 1 });
            }
            Some(fork) if theirs.seq >= fork.at() => {
                let same = fork.versions.iter().find(|version| version.digest16() == theirs.digest);
                let other = |v: &&Version| same.is_some_and(|same| same.root != v.root);
                self.send_roots(actions);
                for version in fork.versions.iter().filter(other) {
                    self.send(fork.at().saturating_add(1), version.tip.seq, Path::Version(version.root), actions);
                    self.send_cut(version, actions);
                }
            }
            _ if theirs.fork_at > 0 => {
                actions.push(Action::Expect { device: self.device, count: theirs.seq.saturating_sub(self.log.last_seq()) });
            }
            _ if theirs.seq > self.log.last_seq() => {
                actions.push(Action::Expect { device: self.device, count: theirs.seq.saturating_sub(self.log.last_seq()) });
            }
            None if theirs.seq == self.log.last_seq() => actions.push(Action::Probe { device: self.device }),
            Some(_) | None => self.check(theirs.seq, theirs.digest, None, actions),
        }
    }

    fn compare_version(&self, version: &Version, fork_at: u64, theirs: &Theirs, actions: &mut Vec<Action>) {
        let whole = |actions: &mut Vec<Action>| {
            self.send(fork_at, version.tip.seq, Path::Version(version.root), actions);
            self.send_cut(version, actions);
        };
        match theirs.branch(version.root) {
            None if theirs.takes_root(version.root) => whole(actions),
            None => {}
            Some(branch) if branch.digest == version.digest16() => {}
            Some(branch) if branch.seq < version.tip.seq => self.check(branch.seq, branch.digest, Some(version.root), actions),
            Some(_) if version.cut => self.send_cut(version, actions),
            Some(branch) if branch.digest == short(&hash::cut(&version.tip.digest)) => {
                actions.push(Action::Expect { device: self.device, count: 1 });
            }
            Some(branch) if branch.seq == version.tip.seq => whole(actions),
            Some(branch) => {
                actions.push(Action::Expect { device: self.device, count: branch.seq.saturating_sub(version.tip.seq) });
            }
        }
    }

    /// Asks whether the peer's end lies on the own log, the window first.
    fn check(&self, seq: u64, digest: Digest16, root: Option<EntryId>, actions: &mut Vec<Action>) {
        let check = Check { lookup: Lookup { chan: self.chan, device: self.device, from: seq, to: seq }, digest, root };
        match self.log.recent(seq).find(|stored| self.is_on(root, stored)) {
            Some(stored) => self.compared(&check, Some(stored.digest), actions),
            None if seq == 0 => self.compared(&check, Some(hash::EMPTY), actions),
            None => actions.push(Action::Check(check)),
        }
    }

    fn compared(&self, check: &Check, ours: Option<hash::Digest>, actions: &mut Vec<Action>) {
        let next = check.lookup.to.saturating_add(1);
        let is_prefix = ours.is_some_and(|ours| short(&ours) == check.digest);
        let is_cut = ours.is_some_and(|ours| short(&hash::cut(&ours)) == check.digest);
        match check.root {
            None if is_prefix => self.send_from(check.lookup.to, actions),
            None => actions.push(Action::Probe { device: self.device }),
            // They know that the version ends there, and prove it.
            Some(_) if is_cut => actions.push(Action::Expect { device: self.device, count: 1 }),
            Some(root) => {
                let Some(fork) = self.log.fork() else { return };
                let Some(version) = fork.versions.iter().find(|version| version.root == root) else { return };
                let from = if is_prefix { next } else { fork.at() };
                self.send(from, version.tip.seq, Path::Version(root), actions);
                self.send_cut(version, actions);
            }
        }
    }

    /// Sends everything after a position of the trunk.
    fn send_from(&self, after: u64, actions: &mut Vec<Action>) {
        self.send(after.saturating_add(1), self.log.trunk().seq, Path::Trunk, actions);
        for version in self.log.fork().into_iter().flat_map(|fork| &fork.versions) {
            let at = self.log.fork().map_or(0, Fork::at);
            self.send(at, version.tip.seq, Path::Version(version.root), actions);
            self.send_cut(version, actions);
        }
    }

    fn send_roots(&self, actions: &mut Vec<Action>) {
        if let Some(fork) = self.log.fork() {
            fork.versions.iter().for_each(|version| self.send(fork.at(), fork.at(), Path::Version(version.root), actions));
        }
    }

    fn send_cut(&self, version: &Version, actions: &mut Vec<Action>) {
        if version.cut {
            let at = version.tip.seq.saturating_add(1);
            self.send(at, at, Path::After(version.tip.id), actions);
        }
    }

    fn send(&self, from: u64, to: u64, path: Path, actions: &mut Vec<Action>) {
        let from = from.max(self.log.floor().saturating_add(1));
        if from <= to {
            actions.push(Action::Send(Segment { device: self.device, from, to, path }));
        }
    }

    fn is_on(&self, root: Option<EntryId>, stored: &Stored) -> bool {
        match self.log.place(stored.link.seq, stored.root) {
            Place::Trunk => root.is_none(),
            Place::Version(of) => root == Some(of),
            Place::Void => false,
        }
    }
}

fn digest16(bytes: &[u8]) -> Result<Digest16, BadId> {
    bytes.try_into().map_err(|_| BadId { what: "digest", len: 16 })
}

#[cfg(test)]
mod tests;
