//! What each operation had seen: its causal past, as a bit for each operation that arrived before it.
//!
//! An operation arrives after everything it refers to, so the order of arrival is one in which causes come first, and a past
//! of *n* operations needs at most *n* bits: 25 MB for the largest space, a few kilobytes for most.

use super::op::Op;
use crate::ids::EntryId;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Bits of one word of a [`Past`].
const WORD: usize = 64;

/// A set of operations, by their order of arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Past(Vec<u64>);

impl Past {
    /// The first `count` operations.
    pub(super) fn first(count: usize) -> Self {
        let mut past = Self(vec![u64::MAX; count.div_ceil(WORD)]);
        let beyond = past.0.len().saturating_mul(WORD).saturating_sub(count);
        if let Some(last) = past.0.last_mut() {
            *last = u64::MAX.checked_shr(u32::try_from(beyond).unwrap_or(0)).unwrap_or(0);
        }
        past
    }

    pub(super) fn contains(&self, at: usize) -> bool {
        self.0.get(at / WORD).is_some_and(|word| word.wrapping_shr(bit(at)) & 1 == 1)
    }

    pub(super) fn add(&mut self, at: usize) {
        let word = at / WORD;
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1u64.wrapping_shl(bit(at));
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    fn count(&self) -> u32 {
        self.0.iter().fold(0, |count, word| count.saturating_add(word.count_ones()))
    }
}

/// Place of an operation within its word.
fn bit(at: usize) -> u32 {
    u32::try_from(at % WORD).unwrap_or(0)
}

/// An operation and what it had seen.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) op: Op,
    pub(super) past: Past,
    /// How many operations its past has.
    depth: u32,
}

/// All operations of a space.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    index: BTreeMap<EntryId, usize>,
}

impl Graph {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn find(&self, id: &EntryId) -> Option<usize> {
        self.index.get(id).copied()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Node> {
        self.nodes.get(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// Takes an operation up, whose parents are all there, and says at which place.
    ///
    /// # Errors
    /// The first parent that is not there.
    pub(super) fn push(&mut self, op: Op) -> Result<usize, EntryId> {
        let past = self.seen_with(&op.parents)?;
        let depth = past.count();
        let at = self.nodes.len();
        self.index.insert(op.id, at);
        self.nodes.push(Node { op, past, depth });
        Ok(at)
    }

    /// Everything that somebody has seen who has seen these.
    ///
    /// # Errors
    /// The first of them that is not there.
    pub(super) fn seen_with(&self, heads: &[EntryId]) -> Result<Past, EntryId> {
        let mut past = Past::default();
        for head in heads {
            let at = self.find(head).ok_or(*head)?;
            let node = self.get(at).ok_or(*head)?;
            past.add_all(&node.past);
            past.add(at);
        }
        Ok(past)
    }

    /// The order that is the same for everybody: whatever an operation had seen comes before it.
    pub(super) fn order(&self, a: usize, b: usize) -> Ordering {
        let key = |at: usize| self.get(at).map(|node| (node.depth, node.op.id));
        key(a).cmp(&key(b))
    }
}
