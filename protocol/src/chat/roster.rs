//! The set of operations, with what each of them came to.

use super::graph::{Graph, Past};
use super::op::{Act, Genesis, InviteKey, Op, Rank, RoleId};
use crate::ids::{AccountId, ChanId, EntryId};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Live,
    /// It was never right: its author could have known.
    Refused(Refusal),
    /// It was done by somebody who was being removed, or for them. Which removal is named.
    Void {
        /// The removal.
        by: EntryId,
    },
}

/// Why an operation was never right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Its author was no member by the grant that they name.
    NotMember,
    /// It touches a rank that is not below its author.
    Rank,
    /// Its author lacks the permission.
    Permission,
    /// Whom or what it is about is not there.
    NoSuch,
    /// Whom it lets in is banned.
    Banned,
    /// Whom it lets in is there.
    AlreadyMember,
    /// The invitation was used up, taken back, or over.
    Invite,
    /// There are as many as there may be.
    TooMany,
}

/// An operation that refers to one that is not here yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an operation that this one refers to is missing")]
pub struct Missing(
    /// Which.
    pub EntryId,
);

/// A switch for each rule that a test turns off to see that it would notice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// A removal voids what its target did without the remover's knowledge.
    pub(super) void_unseen: bool,
    /// One grants only ranks below one's own.
    pub(super) grant_below: bool,
    /// Removals of the highest rank are settled first.
    pub(super) highest_first: bool,
    /// Which of two words about the same thing is the last does not depend on arrival.
    pub(super) fixed_order: bool,
    /// What counts of a removed person's log must also have been seen by the remover.
    pub(super) keep_seen_only: bool,
    /// A ban voids grants that did not know of it.
    pub(super) ban_unseen: bool,
}

impl Rules {
    const ALL: Self =
        Self { void_unseen: true, grant_below: true, highest_first: true, fixed_order: true, keep_seen_only: true, ban_unseen: true };
}

/// A removal that was settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    pub(super) at: usize,
    /// Rank of whoever removed.
    pub(super) rank: Rank,
    pub(super) ban: bool,
}

/// Operations by what they are about, as places in the graph.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub(super) grants: BTreeMap<AccountId, Vec<usize>>,
    pub(super) ranks: BTreeMap<EntryId, Vec<usize>>,
    pub(super) given: BTreeMap<AccountId, Vec<usize>>,
    pub(super) removals: BTreeMap<AccountId, Vec<usize>>,
    pub(super) unbans: BTreeMap<AccountId, Vec<usize>>,
    pub(super) invites: BTreeMap<InviteKey, Vec<usize>>,
    pub(super) revoked: BTreeMap<InviteKey, Vec<usize>>,
    pub(super) admits: BTreeMap<InviteKey, Vec<usize>>,
    pub(super) roles: BTreeMap<RoleId, Vec<usize>>,
    pub(super) channels: BTreeMap<ChanId, Vec<usize>>,
    pub(super) settings: Vec<usize>,
    pub(super) by: BTreeMap<AccountId, Vec<usize>>,
}

impl About {
    fn note(&mut self, at: usize, op: &Op) {
        self.by.entry(op.account).or_default().push(at);
        if let Some((account, _)) = op.act.admits() {
            self.grants.entry(account).or_default().push(at);
        }
        match &op.act {
            Act::Grant { .. } | Act::Successor { .. } => {}
            Act::SetRank { grant, .. } => self.ranks.entry(*grant).or_default().push(at),
            Act::SetRoles { account, .. } => self.given.entry(*account).or_default().push(at),
            Act::Remove { account, .. } => self.removals.entry(*account).or_default().push(at),
            Act::Unban { account } => self.unbans.entry(*account).or_default().push(at),
            Act::Invite { key, .. } => self.invites.entry(*key).or_default().push(at),
            Act::Revoke { key } => self.revoked.entry(*key).or_default().push(at),
            Act::Admit { key, .. } => self.admits.entry(*key).or_default().push(at),
            Act::Role { role, .. } => self.roles.entry(*role).or_default().push(at),
            Act::Channel { channel, .. } => self.channels.entry(*channel).or_default().push(at),
            Act::Set(_) => self.settings.push(at),
        }
    }
}

/// The operations of a space and what each came to. See the head of the module.
#[derive(Clone, Debug)]
pub struct Roster {
    pub(super) genesis: Genesis,
    pub(super) graph: Graph,
    pub(super) about: About,
    /// By place: what became of it, and at which rank it was done.
    verdicts: Vec<(Verdict, Rank)>,
    pub(super) settled: BTreeMap<AccountId, Vec<Settled>>,
    pub(super) rules: Rules,
}

impl Roster {
    /// A space without any operation: its founders are there.
    #[must_use]
    pub fn new(genesis: Genesis) -> Self {
        Self {
            genesis,
            graph: Graph::default(),
            about: About::default(),
            verdicts: Vec::new(),
            settled: BTreeMap::new(),
            rules: Rules::ALL,
        }
    }

    #[cfg(test)]
    pub(super) fn with_rules(genesis: Genesis, change: impl FnOnce(&mut Rules)) -> Self {
        let mut roster = Self::new(genesis);
        change(&mut roster.rules);
        roster
    }

    /// Takes an operation up. One that is there already changes nothing.
    ///
    /// # Errors
    /// [`Missing`] where it refers to an operation that has not been taken up.
    pub fn insert(&mut self, op: Op) -> Result<(), Missing> {
        if self.graph.find(&op.id).is_some() {
            return Ok(());
        }
        let at = self.graph.push(op).map_err(Missing)?;
        if let Some(node) = self.graph.get(at) {
            self.about.note(at, &node.op);
        }
        let verdict = self.judge(at);
        self.verdicts.push(verdict);
        // Nothing that is here can have seen it, so only a removal can change what others came to.
        if let Some((target, settled)) = self.removal(at)
            && verdict.0 == Verdict::Live
        {
            self.settled.entry(target).or_default().push(settled);
            if self.would_void(target, settled) {
                self.settle();
            }
        }
        Ok(())
    }

    /// What became of an operation.
    #[must_use]
    pub fn verdict(&self, id: &EntryId) -> Option<Verdict> {
        self.graph.find(id).and_then(|at| self.verdicts.get(at)).map(|(verdict, _)| *verdict)
    }

    /// Every operation with what became of it, in the order that is the same for everybody: the log for people to read.
    #[must_use]
    pub fn log(&self) -> Vec<(&Op, Verdict)> {
        let mut places: Vec<usize> = (0..self.graph.len()).collect();
        places.sort_by(|a, b| self.graph.order(*a, *b));
        places.into_iter().filter_map(|at| Some((&self.graph.get(at)?.op, self.verdicts.get(at)?.0))).collect()
    }

    /// Operations that no other has seen: what the next one refers to.
    #[must_use]
    pub fn heads(&self) -> Vec<EntryId> {
        let mut seen: BTreeSet<EntryId> = BTreeSet::new();
        for node in self.graph.iter() {
            seen.extend(&node.op.parents);
        }
        self.graph.iter().map(|node| node.op.id).filter(|id| !seen.contains(id)).collect()
    }

    pub(super) fn live(&self, at: usize) -> bool {
        matches!(self.verdicts.get(at), Some((Verdict::Live, _)))
    }

    /// At which rank an operation was done.
    pub(super) fn rank_of(&self, at: usize) -> Rank {
        self.verdicts.get(at).map_or(0, |(_, rank)| *rank)
    }

    /// Those of `places` that hold and are in `past`.
    pub(super) fn held<'a>(&'a self, places: Option<&'a Vec<usize>>, past: &'a Past) -> impl Iterator<Item = usize> + 'a {
        places.into_iter().flatten().copied().filter(move |at| past.contains(*at) && self.live(*at))
    }

    /// The last of `places` in the order that is the same for everybody.
    pub(super) fn last(&self, places: impl Iterator<Item = usize>) -> Option<usize> {
        places.max_by(|a, b| if self.rules.fixed_order { self.graph.order(*a, *b) } else { a.cmp(b) })
    }

    /// Whether one operation had seen another.
    pub(super) fn saw(&self, later: usize, earlier: usize) -> bool {
        self.graph.get(later).is_some_and(|node| node.past.contains(earlier))
    }

    /// A removal of somebody else, and of whom.
    fn removal(&self, at: usize) -> Option<(AccountId, Settled)> {
        let op = &self.graph.get(at)?.op;
        match op.act {
            Act::Remove { account, ban, .. } if account != op.account => Some((account, Settled { at, rank: self.rank_of(at), ban })),
            _ => None,
        }
    }

    /// Whether a removal changes what some operation came to.
    fn would_void(&self, target: AccountId, removal: Settled) -> bool {
        let theirs = self.about.by.get(&target).into_iter().flatten();
        let for_them = self.about.grants.get(&target).into_iter().flatten();
        theirs.chain(for_them).any(|at| self.live(*at) && self.is_void(*at, self.rank_of(*at), removal))
    }

    /// Judges everything anew. Removals are settled from the highest rank down; since whatever one of them rests on was done from
    /// above it, none that follows undoes it.
    pub(super) fn settle(&mut self) {
        self.settled.clear();
        self.judge_all();
        let mut waiting: Vec<usize> = (0..self.graph.len()).filter(|at| self.removal(*at).is_some()).collect();
        while let Some(next) = self.next_removal(&waiting) {
            waiting.retain(|at| *at != next);
            let Some((target, settled)) = self.removal(next) else { continue };
            self.settled.entry(target).or_default().push(settled);
            if self.would_void(target, settled) {
                self.judge_all();
            }
        }
    }

    fn next_removal(&self, waiting: &[usize]) -> Option<usize> {
        let live = waiting.iter().copied().filter(|at| self.live(*at));
        live.max_by(|a, b| {
            let by_rank = if self.rules.highest_first { self.rank_of(*a).cmp(&self.rank_of(*b)) } else { Ordering::Equal };
            // Equals do not touch each other, so among them any order comes to the same.
            by_rank.then(self.graph.order(*b, *a))
        })
    }

    fn judge_all(&mut self) {
        // Causes come first in the order of arrival, so each finds its past judged.
        for at in 0..self.graph.len() {
            let verdict = self.judge(at);
            if let Some(slot) = self.verdicts.get_mut(at) {
                *slot = verdict;
            }
        }
    }
}
