//! What later entries make of a message: edits, deletion, reactions. The row that comes out is the same in whatever order they
//! arrive.
//!
//! * **Delete** by the author's account beats everything. The text goes, with every edit's and all reactions; the signed
//!   header stays, so the log still verifies.
//! * **Edit** by the author's account: the one with the highest (stamp, id) holds.
//! * **React**: for each account and emoji the one with the highest (stamp, id) holds. Of an account's emoji on one message the
//!   [`limits::REACTIONS`] last touched are kept.
//!
//! An operation is written down when it is accepted and struck out in the commit that applies it, so a crash between the two
//! loses nothing. One whose message is not here waits for it.

use super::entry::Parsed;
use super::log::Stored;
use super::rows::{BadRow, CopyRow, EditRow, OpRow, ReactionRow, TimelineRow, fixed, optional};
use crate::ids::{AccountId, DeviceId, EntryId};
use crate::limits;
use crate::view::Hlc;
use crate::wire::bodies::{Delete, Edit, React, kind};
use crate::wire::codec;
use std::collections::{BTreeMap, BTreeSet};

/// Operations of one space that wait for their message, at most. Honest writers have seen what they operate on, so it comes
/// first.
pub const PENDING_OPS: usize = 1024;
/// Edits of one message whose text is kept, at most; older ones are forgotten.
pub const EDITS_KEPT: usize = 32;

/// An operation on a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// The message.
    pub target: EntryId,
    /// The entry that says so.
    pub id: EntryId,
    /// Who wrote it.
    pub author: AccountId,
    /// On which device.
    pub device: DeviceId,
    /// At which position.
    pub seq: u64,
    /// When.
    pub hlc: Hlc,
    /// What.
    pub action: Action,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// New text.
    Edit(String),
    /// Forget the message.
    Delete,
    /// Put or take back a reaction.
    React {
        /// The emoji.
        emoji: String,
        /// Put?
        on: bool,
    },
}

/// What applying an operation asks for beside writing the row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// Whether the row changed.
    pub changed: bool,
    /// Entries whose bodies are to be forgotten.
    pub forget: Vec<CopyRow>,
}

impl Op {
    /// Reads an operation. `None` for other kinds and for bodies that say nothing valid: such entries are part of their log
    /// and change nothing.
    #[must_use]
    pub fn read(e: &Parsed, author: AccountId) -> Option<Self> {
        let header = e.header();
        let (target, action) = action(header.kind, e.body()?)?;
        Some(Self { target, id: e.id(), author, device: header.device, seq: header.seq, hlc: header.hlc, action })
    }

    /// Its record while it waits.
    pub(super) fn row(e: &Parsed, stored: &Stored, author: AccountId) -> OpRow {
        OpRow {
            id: e.id().to_vec(),
            seq: e.header().seq,
            hlc: e.header().hlc.0,
            kind: e.header().kind,
            body: e.body().unwrap_or_default().to_vec(),
            root: stored.root.map(|root| root.to_vec()),
            author: author.to_vec(),
        }
    }

    /// Reads its record.
    pub(super) fn restore(device: DeviceId, row: &OpRow) -> Result<Self, BadRow> {
        let (target, action) = action(row.kind, &row.body).ok_or(BadRow::Malformed)?;
        optional(row.root.as_deref())?;
        let (id, author) = (EntryId(fixed(&row.id)?), AccountId(fixed(&row.author)?));
        Ok(Self { target, id, author, device, seq: row.seq, hlc: Hlc(row.hlc), action })
    }

    fn copy(&self) -> CopyRow {
        CopyRow { device: self.device.to_vec(), seq: self.seq, id: self.id.to_vec(), hlc: self.hlc.0 }
    }
}

fn action(kind: u32, body: &[u8]) -> Option<(EntryId, Action)> {
    let max = limits::ENTRY_BODY;
    let (target, action) = match kind {
        kind::EDIT => {
            let edit: Edit = codec::decode(body, max).ok()?;
            (edit.target, Action::Edit(edit.text))
        }
        kind::DELETE => (codec::decode::<Delete>(body, max).ok()?.target, Action::Delete),
        kind::REACT => {
            let react: React = codec::decode(body, max).ok()?;
            (react.target, Action::React { emoji: react.emoji, on: react.on })
        }
        _ => return None,
    };
    let valid = match &action {
        Action::Edit(text) => !text.is_empty() && text.len() <= limits::TEXT,
        Action::React { emoji, .. } => !emoji.is_empty() && emoji.len() <= limits::EMOJI,
        Action::Delete => true,
    };
    valid.then_some((EntryId::from_slice(&target).ok()?, action))
}

/// Applies an operation to its message.
pub fn apply(row: &mut TimelineRow, op: &Op) -> Applied {
    let own = row.author == op.author.as_bytes();
    match &op.action {
        Action::Delete if own && !row.deleted => {
            row.deleted = true;
            row.body = None;
            row.edit = None;
            row.reactions.clear();
            Applied { changed: true, forget: std::mem::take(&mut row.copies) }
        }
        Action::Edit(_) if own && row.deleted => Applied { changed: false, forget: vec![op.copy()] },
        Action::Edit(text) if own && row.kind == kind::TEXT => edit(row, op, text),
        Action::React { emoji, on } if !row.deleted => Applied { changed: react(row, op, emoji, *on), forget: Vec::new() },
        Action::Delete | Action::Edit(_) | Action::React { .. } => Applied::default(),
    }
}

fn edit(row: &mut TimelineRow, op: &Op, text: &str) -> Applied {
    let copy = op.copy();
    if row.copies.contains(&copy) {
        return Applied::default();
    }
    let newer = row.edit.as_ref().is_none_or(|edit| (edit.hlc, edit.id.as_slice()) < (op.hlc.0, op.id.as_bytes()));
    if newer {
        row.edit = Some(EditRow { hlc: op.hlc.0, id: op.id.to_vec(), text: text.to_owned() });
    }
    row.copies.push(copy);
    row.copies.sort_by(|a, b| (b.hlc, &b.id).cmp(&(a.hlc, &a.id)));
    let forget = row.copies.split_off(row.copies.len().min(EDITS_KEPT));
    Applied { changed: true, forget }
}

fn react(row: &mut TimelineRow, op: &Op, emoji: &str, on: bool) -> bool {
    let said = ReactionRow { account: op.author.to_vec(), emoji: emoji.to_owned(), on, hlc: op.hlc.0, id: op.id.to_vec() };
    let before = row.reactions.clone();
    match row.reactions.iter_mut().find(|known| known.account == said.account && known.emoji == said.emoji) {
        Some(known) if (known.hlc, &known.id) < (said.hlc, &said.id) => *known = said,
        Some(_) => return false,
        None => row.reactions.push(said),
    }
    row.reactions.sort_by(|a, b| (&a.account, b.hlc, &b.id).cmp(&(&b.account, a.hlc, &a.id)));
    let mut of_account: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    row.reactions.retain(|known| {
        let count = of_account.entry(known.account.clone()).or_insert(0);
        *count = count.saturating_add(1);
        *count <= limits::REACTIONS
    });
    row.reactions.sort_by(|a, b| (&a.account, &a.emoji).cmp(&(&b.account, &b.emoji)));
    row.reactions != before
}

/// Operations of a space that are not applied yet, by message.
#[derive(Clone, Debug, Default)]
pub(super) struct Folds {
    ops: BTreeMap<EntryId, BTreeMap<EntryId, Op>>,
    /// Messages that are being read in order to be changed.
    busy: BTreeSet<EntryId>,
}

impl Folds {
    /// Notes an operation. False if there are too many already.
    pub fn insert(&mut self, op: Op) -> bool {
        if self.ops.values().map(BTreeMap::len).sum::<usize>() >= PENDING_OPS {
            return false;
        }
        self.ops.entry(op.target).or_default().insert(op.id, op);
        true
    }

    /// Begins to change a message, unless that has begun already.
    pub fn begin(&mut self, target: EntryId) -> bool {
        self.ops.contains_key(&target) && self.busy.insert(target)
    }

    /// Gives up for now.
    pub fn cancel(&mut self, target: EntryId) {
        self.busy.remove(&target);
    }

    /// Takes all operations on a message, to apply them.
    pub fn take(&mut self, target: EntryId) -> Vec<Op> {
        self.busy.remove(&target);
        self.ops.remove(&target).unwrap_or_default().into_values().collect()
    }

    pub fn targets(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.ops.keys().copied()
    }
}

#[cfg(test)]
mod tests;
