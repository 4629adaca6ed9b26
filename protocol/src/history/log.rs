//! One device's log in one channel, as little of it as decisions need: where it ends, a digest over all of it, and where the
//! device's history was duplicated, if it was.
//!
//! # What a log is
//! The entries of a log form a tree by their predecessors. The state here is a pure function of the *set* of entries, so it
//! does not depend on the order in which they came:
//! * Up to the lowest position that has more than one entry the log is a **trunk**.
//! * At that position, the **fork**, the two entries with the lowest ids begin the two **versions** that are kept.
//! * A version goes on while each position has one successor. Where a second successor is known it is **cut**: it ends before.
//! * Everything else is void: kept nowhere, or kept on disk and never shown, digested or served.
//!
//! Forks only move down, cuts only move down and roots only get lower, so every node that has seen the same set, or only what
//! matters of it, holds the same state. Entries of a device that keeps one history never meet any of this.
//!
//! # Lookups
//! The log remembers the ends and a window of recent entries. Whatever is decided by what is stored further down is asked for:
//! [`Verdict::NeedsLookup`] names positions, and [`Log::offer`] is called again with what the store has there.

use super::hash::{self, Digest, Digest16};
use crate::ids::EntryId;
use crate::view::Hlc;
use std::collections::VecDeque;

/// Recent entries remembered for each log: replies that cross on the way refer a few positions back.
pub const WINDOW: usize = 32;

/// A place in a log and the digest of everything up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Position; 0 is before the first entry.
    pub seq: u64,
    /// Id of the entry there; zeroes before the first.
    pub id: EntryId,
    /// Its stamp.
    pub hlc: Hlc,
    /// Digest of the log up to it.
    pub digest: Digest,
}

/// What a log needs to know of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Position.
    pub seq: u64,
    /// Id.
    pub id: EntryId,
    /// The entry before it.
    pub prev: Option<EntryId>,
    /// Stamp.
    pub hlc: Hlc,
}

/// An entry as the store has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Position, id, predecessor, stamp.
    pub link: Link,
    /// Digest of its history up to it.
    pub digest: Digest,
    /// The version it was accepted in; `None` for what was the trunk then.
    pub root: Option<EntryId>,
}

/// Which part of a log an entry belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The only history there is at that position.
    Trunk,
    /// One of two versions, named by its first entry.
    Version(EntryId),
    /// Not part of the log any more.
    Void,
}

/// A kept version of a forked log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Id of its first entry.
    pub root: EntryId,
    /// Its last entry.
    pub tip: Tip,
    /// Whether it ends because two successors of its last entry are known.
    pub cut: bool,
}

/// The fork of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// Last entry of the trunk.
    pub base: Tip,
    /// Root of the history that was followed before any fork was known: rows stored without a root belong to it.
    pub untagged: EntryId,
    /// One or two, lowest root first.
    pub versions: Vec<Version>,
}

impl Fork {
    /// Lowest position with two entries.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.base.seq.saturating_add(1)
    }
}

/// Why an entry does not belong to the log. Nobody else takes it either, or need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum LogRefusal {
    /// Its stamp does not exceed its predecessor's.
    #[error("a stamp that does not exceed its predecessor's")]
    StampNotAfterPrev,
    /// Two versions with lower ids begin at its position.
    #[error("a third version of a duplicated history")]
    ThirdVersion,
    /// It follows a place where its version was duplicated again, or a version that is not kept.
    #[error("the continuation of a history that no longer counts")]
    Void,
}

/// What a log says of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It follows an end: of the version named, or of the trunk.
    Extends {
        /// The version.
        root: Option<EntryId>,
    },
    /// It is part of the log.
    Known,
    /// Entries between are missing: positions `have + 1` to `need`.
    Gap {
        /// Last position here.
        have: u64,
        /// Last position missing.
        need: u64,
    },
    /// It follows an entry that is not the one known at that position: two histories part somewhere below.
    Parted,
    /// It is a second entry at its position, or a third with a lower id.
    Forks(Parting),
    /// It does not count.
    Refused(LogRefusal),
    /// The store must say what it has at these positions of this log, inclusive.
    NeedsLookup {
        /// Lowest.
        from: u64,
        /// Highest.
        to: u64,
    },
}

/// How an entry duplicates a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// The first or a lower fork: `other` is the entry known at its position, `base` their common predecessor.
    Fork {
        /// Common predecessor.
        base: Tip,
        /// Root of the version that was the trunk.
        other: Tip,
    },
    /// One more version at the known fork; where there are two, the higher is no longer kept.
    Version,
    /// A second successor of `end` inside a version.
    Cut {
        /// The version.
        root: EntryId,
        /// Its new last entry.
        end: Tip,
    },
}

/// One device's log in one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Entries up to and with this one are no longer kept.
    floor: u64,
    /// The end, while there is one.
    trunk: Tip,
    fork: Option<Fork>,
    recent: VecDeque<Stored>,
}

impl Log {
    /// A log as it was persisted; the window starts empty.
    #[must_use]
    pub const fn restore(floor: u64, trunk: Tip, fork: Option<Fork>) -> Self {
        Self { floor, trunk, fork, recent: VecDeque::new() }
    }

    /// Entries up to and with this one are no longer kept.
    #[must_use]
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// Last entry of the trunk: the end of the log, or what lies before the fork.
    #[must_use]
    pub fn trunk(&self) -> Tip {
        self.fork.as_ref().map_or(self.trunk, |fork| fork.base)
    }

    /// Where and how the history was duplicated.
    #[must_use]
    pub const fn fork(&self) -> Option<&Fork> {
        self.fork.as_ref()
    }

    /// The ends at which the log may go on: one, or those of uncut versions.
    pub fn ends(&self) -> impl Iterator<Item = Tip> + '_ {
        let forked = self.fork.iter().flat_map(|fork| fork.versions.iter().filter(|v| !v.cut).map(|v| v.tip));
        forked.chain(self.fork.is_none().then_some(self.trunk)).filter(|tip| tip.seq > 0)
    }

    /// Highest position that is part of the log.
    #[must_use]
    pub fn last_seq(&self) -> u64 {
        self.fork.as_ref().map_or(self.trunk.seq, |fork| fork.versions.iter().map(|v| v.tip.seq).max().unwrap_or(fork.base.seq))
    }

    /// Newest stamp in the log.
    #[must_use]
    pub fn last_hlc(&self) -> Hlc {
        self.fork.as_ref().map_or(self.trunk.hlc, |fork| fork.versions.iter().map(|v| v.tip.hlc).max().unwrap_or(fork.base.hlc))
    }

    /// Digest over everything that is part of the log.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match &self.fork {
            None => self.trunk.digest,
            Some(fork) => hash::forked(&fork.base.digest, &fork.versions.iter().map(Version::digest).collect::<Vec<_>>()),
        }
    }

    /// Which part of the log an entry belongs to that was stored at `seq` in version `root`.
    #[must_use]
    pub fn place(&self, seq: u64, root: Option<EntryId>) -> Place {
        let Some(fork) = self.fork.as_ref().filter(|fork| seq >= fork.at()) else { return Place::Trunk };
        let root = root.unwrap_or(fork.untagged);
        match fork.versions.iter().find(|version| version.root == root) {
            Some(version) if seq <= version.tip.seq => Place::Version(root),
            Some(_) | None => Place::Void,
        }
    }

    /// What the window remembers at a position; the window may have forgotten, so an empty answer means nothing.
    pub fn recent(&self, seq: u64) -> impl Iterator<Item = &Stored> {
        self.recent.iter().filter(move |stored| stored.link.seq == seq)
    }

    /// Judges an entry. `found` is what the store has at the positions asked for, `None` before it was asked.
    #[must_use]
    pub fn offer(&self, e: &Link, found: Option<&[Stored]>) -> Verdict {
        if e.seq <= self.floor {
            return Verdict::Known;
        }
        match &self.fork {
            Some(fork) if e.seq > fork.at() => self.offer_to_version(fork, e, found),
            Some(fork) if e.seq == fork.at() => offer_at_fork(fork, e),
            Some(_) | None => self.offer_to_trunk(e, found),
        }
    }

    fn offer_to_trunk(&self, e: &Link, found: Option<&[Stored]>) -> Verdict {
        let tip = self.trunk();
        if e.seq > tip.seq.saturating_add(1) {
            return Verdict::Gap { have: tip.seq, need: e.seq.saturating_sub(1) };
        }
        if e.seq > tip.seq {
            return if !follows(&tip, e) {
                Verdict::Parted
            } else if e.hlc <= tip.hlc {
                Verdict::Refused(LogRefusal::StampNotAfterPrev)
            } else {
                Verdict::Extends { root: None }
            };
        }
        if e.id == tip.id {
            return Verdict::Known;
        }
        let at = |seq: u64| self.known(seq, found).find(|stored| self.place(stored.link.seq, stored.root) == Place::Trunk);
        let ask = Verdict::NeedsLookup { from: e.seq.saturating_sub(1).max(1), to: e.seq };
        let Some(other) = at(e.seq) else { return ask };
        if other.link.id == e.id {
            return Verdict::Known;
        }
        let base = match e.seq.saturating_sub(1) {
            0 => Tip::default(),
            before if before <= self.floor => return Verdict::Parted,
            before => match at(before) {
                Some(stored) => stored.tip(),
                None => return ask,
            },
        };
        if !follows(&base, e) {
            return Verdict::Parted;
        }
        if e.hlc <= base.hlc {
            return Verdict::Refused(LogRefusal::StampNotAfterPrev);
        }
        Verdict::Forks(Parting::Fork { base, other: other.tip() })
    }

    fn offer_to_version(&self, fork: &Fork, e: &Link, found: Option<&[Stored]>) -> Verdict {
        if fork.versions.iter().any(|version| version.tip.id == e.id) {
            return Verdict::Known;
        }
        if let Some(version) = fork.versions.iter().find(|version| follows(&version.tip, e)) {
            return match version.cut {
                true => Verdict::Refused(LogRefusal::Void),
                false if e.hlc <= version.tip.hlc => Verdict::Refused(LogRefusal::StampNotAfterPrev),
                false => Verdict::Extends { root: Some(version.root) },
            };
        }
        let before = e.seq.saturating_sub(1);
        if before >= self.last_seq() {
            return Verdict::Gap { have: fork.base.seq, need: before };
        }
        if let Some(known) = self.known(e.seq, found).find(|stored| stored.link.id == e.id) {
            return match self.place(known.link.seq, known.root) {
                Place::Void => Verdict::Refused(LogRefusal::Void),
                Place::Trunk | Place::Version(_) => Verdict::Known,
            };
        }
        let parent = self.known(before, found).find(|stored| Some(stored.link.id) == e.prev);
        let Some(parent) = parent else {
            return match found {
                None => Verdict::NeedsLookup { from: before, to: e.seq },
                Some(_) => Verdict::Gap { have: fork.base.seq, need: before },
            };
        };
        match self.place(parent.link.seq, parent.root) {
            Place::Version(_) if e.hlc <= parent.link.hlc => Verdict::Refused(LogRefusal::StampNotAfterPrev),
            // The window may hold the parent and not the entry itself: only the store can say that it is not known.
            Place::Version(_) if found.is_none() => Verdict::NeedsLookup { from: before, to: e.seq },
            Place::Version(root) => Verdict::Forks(Parting::Cut { root, end: parent.tip() }),
            Place::Trunk | Place::Void => Verdict::Refused(LogRefusal::Void),
        }
    }

    /// Takes an entry in, by the verdict that [`Self::offer`] just gave for it. Returns how to store it: its digest and version.
    /// Verdicts that do not take an entry in return `None`.
    pub fn take(&mut self, e: &Link, verdict: &Verdict) -> Option<Stored> {
        let stored = match verdict {
            Verdict::Extends { root: None } => {
                self.trunk = self.trunk.then(e);
                Stored { link: *e, digest: self.trunk.digest, root: None }
            }
            Verdict::Extends { root: Some(root) } => {
                let version = self.fork.as_mut()?.versions.iter_mut().find(|version| version.root == *root)?;
                version.tip = version.tip.then(e);
                Stored { link: *e, digest: version.tip.digest, root: Some(*root) }
            }
            Verdict::Forks(parting) => self.part(e, parting)?,
            Verdict::Known | Verdict::Gap { .. } | Verdict::Parted | Verdict::Refused(_) | Verdict::NeedsLookup { .. } => return None,
        };
        if self.recent.len() >= WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(stored);
        Some(stored)
    }

    fn part(&mut self, e: &Link, parting: &Parting) -> Option<Stored> {
        match parting {
            Parting::Fork { base, other } => {
                // What was followed so far becomes a version. If it was forked further up, it is cut there.
                let (tip, cut) = self.fork.as_ref().map_or((self.trunk, false), |fork| (fork.base, true));
                let tip_of_e = base.then(e);
                let followed = Version { root: other.id, tip, cut };
                let second = Version { root: e.id, tip: tip_of_e, cut: false };
                self.trunk = *base;
                self.fork = Some(Fork { base: *base, untagged: other.id, versions: in_order(vec![followed, second]) });
                Some(Stored { link: *e, digest: tip_of_e.digest, root: Some(e.id) })
            }
            Parting::Version => {
                let fork = self.fork.as_mut()?;
                let tip = fork.base.then(e);
                fork.versions.push(Version { root: e.id, tip, cut: false });
                fork.versions = in_order(std::mem::take(&mut fork.versions));
                Some(Stored { link: *e, digest: tip.digest, root: Some(e.id) })
            }
            Parting::Cut { root, end } => {
                let version = self.fork.as_mut()?.versions.iter_mut().find(|version| version.root == *root)?;
                version.tip = *end;
                version.cut = true;
                Some(Stored { link: *e, digest: end.then(e).digest, root: Some(*root) })
            }
        }
    }

    fn known<'a>(&'a self, seq: u64, found: Option<&'a [Stored]>) -> impl Iterator<Item = &'a Stored> {
        self.recent(seq).chain(found.unwrap_or_default().iter().filter(move |stored| stored.link.seq == seq))
    }
}

impl Version {
    /// Digest of the version, with all that lies before it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        if self.cut { hash::cut(&self.tip.digest) } else { self.tip.digest }
    }

    /// The form of the digest that travels.
    #[must_use]
    pub fn digest16(&self) -> Digest16 {
        hash::short(&self.digest())
    }
}

impl Default for Tip {
    fn default() -> Self {
        Self { seq: 0, id: EntryId([0; 32]), hlc: Hlc(0), digest: hash::EMPTY }
    }
}

impl Tip {
    /// The place after one more entry.
    #[must_use]
    pub fn then(&self, e: &Link) -> Self {
        Self { seq: e.seq, id: e.id, hlc: e.hlc, digest: hash::chain(&self.digest, e.id) }
    }
}

impl Stored {
    /// Its place and digest.
    #[must_use]
    pub const fn tip(&self) -> Tip {
        Tip { seq: self.link.seq, id: self.link.id, hlc: self.link.hlc, digest: self.digest }
    }
}

fn offer_at_fork(fork: &Fork, e: &Link) -> Verdict {
    if fork.versions.iter().any(|version| version.root == e.id) {
        return Verdict::Known;
    }
    if !follows(&fork.base, e) {
        return Verdict::Parted;
    }
    if e.hlc <= fork.base.hlc {
        return Verdict::Refused(LogRefusal::StampNotAfterPrev);
    }
    let room = fork.versions.len() < crate::limits::FORK_BRANCHES;
    if room || fork.versions.last().is_some_and(|highest| e.id < highest.root) {
        return Verdict::Forks(Parting::Version);
    }
    Verdict::Refused(LogRefusal::ThirdVersion)
}

/// Whether an entry names this place as the one before it.
fn follows(tip: &Tip, e: &Link) -> bool {
    e.seq == tip.seq.saturating_add(1) && e.prev == (tip.seq > 0).then_some(tip.id)
}

/// The lowest roots first, and no more than are kept.
fn in_order(mut versions: Vec<Version>) -> Vec<Version> {
    versions.sort_by_key(|version| version.root);
    versions.truncate(crate::limits::FORK_BRANCHES);
    versions
}

#[cfg(test)]
mod tests;
