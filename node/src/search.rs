//! Searching what was said: opens messages, newest first, and looks. There is no index: nothing to keep, to migrate or to leak,
//! and edits and deletions count at once.
//!
//! A search of several conversations advances the one whose unread part is newest, a few rows at a time, and tells a hit when
//! every conversation was read down to its place. So hits come in the order of all conversations together, as soon as that order
//! is known, and a frequent word costs the newest rows only.

use crate::handle::{NodeError, PAGE, Query};
use crate::history::{known, order, shown};
use crate::store::vault::Scan;
use crate::store::writer::Store;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use veche_protocol::history::find::Needle;
use veche_protocol::history::keys;
use veche_protocol::ids::{AccountId, ChanId, EntryId, SpaceId};
use veche_protocol::store::{Dir, Row, Table};
use veche_protocol::view::{ChatView, Hlc, MessageView, Snapshot};

/// Searches that run at once; others wait. Each keeps a core busy, and pages are read on the same threads.
pub(crate) const AT_ONCE: usize = 2;
/// Hits that wait for a slow reader; the search waits with them.
pub(crate) const WAITING: usize = 32;
/// Rows of a conversation opened at first: with many conversations most have nothing new.
const FIRST_STEP: usize = 4;
/// By how much the next step in the same conversation is larger.
const GROWTH: usize = 4;
/// Most rows opened before the reader is looked at again: two milliseconds.
const LARGEST_STEP: usize = 512;

/// Where hits go.
pub(crate) type Hits = mpsc::Sender<Result<MessageView, NodeError>>;

/// Searches on a thread of its own, when its turn comes.
pub(crate) async fn when_free(turns: Arc<Semaphore>, store: Result<Store, NodeError>, snapshot: Arc<Snapshot>, query: Query, hits: Hits) {
    let turn = tokio::select! {
        turn = turns.acquire_owned() => turn,
        () = hits.closed() => return,
    };
    match store {
        Ok(store) => drop(tokio::task::spawn_blocking(move || {
            run(&store, &snapshot, &query, &hits);
            drop(turn);
        })),
        Err(error) => drop(hits.send(Err(error)).await),
    }
}

/// Searches until there are as many hits as were asked for, nothing is left to read, or the reader is gone.
pub(crate) fn run(store: &Store, snapshot: &Snapshot, query: &Query, hits: &Hits) {
    if let Err(error) = search(store, snapshot, query, hits) {
        // Without a reader the error interests nobody.
        let _ = hits.blocking_send(Err(error));
    }
}

fn search(store: &Store, snapshot: &Snapshot, query: &Query, hits: &Hits) -> Result<(), NodeError> {
    let Some(mut needle) = Needle::new(&query.text) else { return Ok(()) };
    let limit = query.limit.clamp(1, PAGE);
    let end = query.before.map(|(hlc, id)| order(hlc, id));
    let chats: Vec<SpaceId> = match query.chat {
        Some(chat) => vec![chat],
        None => snapshot.chats.iter().map(|c| c.chat_id).collect(),
    };
    let mut lanes = BinaryHeap::new();
    for chat in chats {
        let (own, view) = known(snapshot, chat)?;
        lanes.extend(Lane::begin(store, own, view, end.clone())?);
    }
    let mut found = Pending { hits: BTreeSet::new(), room: limit };
    while let Some(mut lane) = lanes.pop() {
        if !found.tell(Some(&lane.unread), hits) || hits.is_closed() {
            return Ok(());
        }
        let more = lane.step(store, &mut needle, &mut found)?;
        lanes.extend(more.then_some(lane));
    }
    found.tell(None, hits);
    Ok(())
}

/// A conversation that is being read from its newest end.
struct Lane<'a> {
    /// Place of its newest row that was not opened.
    unread: Vec<u8>,
    own: AccountId,
    chat: &'a ChatView,
    step: usize,
}

impl<'a> Lane<'a> {
    /// Finds the newest row before `end`, without opening it. `None` if there is none.
    fn begin(store: &Store, own: AccountId, chat: &'a ChatView, end: Option<Vec<u8>>) -> Result<Option<Self>, NodeError> {
        let newest = store.vault().first(&Self::below(chat, end)).map_err(storage)?;
        Ok(newest.map(|unread| Self { unread, own, chat, step: FIRST_STEP }))
    }

    /// The rows of a conversation before `end`, newest first.
    fn below(chat: &ChatView, end: Option<Vec<u8>>) -> Scan {
        let scope = keys::timeline_key(chat.chat_id, ChanId::MAIN, Hlc(0), EntryId([0; 32])).scope;
        Scan { table: Table::Timeline, scope, from: Vec::new(), to: end, dir: Dir::Backward }
    }

    /// Opens the next rows and keeps the hits among them. False if that were the last.
    fn step(&mut self, store: &Store, needle: &mut Needle, found: &mut Pending) -> Result<bool, NodeError> {
        let mut left = self.step;
        let mut next = None;
        let mut rows = Vec::new();
        // Up to the newest unread row and with it.
        let end = [self.unread.as_slice(), &[0]].concat();
        let scanned = store.vault().scan(&Self::below(self.chat, Some(end)), &mut |order, value| {
            if left == 0 {
                next = Some(order.to_vec());
                return false;
            }
            left -= 1;
            // Damaged rows are counted by the vault and by pages; they contain nothing.
            if needle.is_in(value).unwrap_or(false) {
                rows.push(Row { order: order.to_vec(), value: value.to_vec() });
            }
            true
        });
        scanned.map_err(storage)?;
        for hit in rows.iter().filter_map(|row| shown(row, self.own, self.chat)) {
            found.keep(hit);
        }
        self.step = self.step.saturating_mul(GROWTH).min(LARGEST_STEP);
        let more = next.is_some();
        self.unread = next.unwrap_or_default();
        Ok(more)
    }
}

impl Ord for Lane<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.unread.cmp(&other.unread)
    }
}

impl PartialOrd for Lane<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Lane<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.unread == other.unread
    }
}

impl Eq for Lane<'_> {}

/// Hits whose turn has not come: something newer may still be found elsewhere.
struct Pending {
    hits: BTreeSet<Hit>,
    /// Hits that may still be told.
    room: usize,
}

impl Pending {
    fn keep(&mut self, message: MessageView) {
        self.hits.insert(Hit { place: order(message.hlc, message.message_id), message });
        // Older than as many others as may be told: its turn never comes.
        if self.hits.len() > self.room {
            self.hits.pop_first();
        }
    }

    /// Tells the hits newer than `unread`, newest first. False if that is enough, or the reader is gone.
    fn tell(&mut self, unread: Option<&[u8]>, reader: &Hits) -> bool {
        while self.room > 0 {
            match self.hits.last() {
                Some(hit) if unread.is_none_or(|unread| hit.place.as_slice() > unread) => {}
                _ => return true,
            }
            let Some(hit) = self.hits.pop_last() else { return true };
            self.room -= 1;
            if reader.blocking_send(Ok(hit.message)).is_err() {
                return false;
            }
        }
        false
    }
}

struct Hit {
    place: Vec<u8>,
    message: MessageView,
}

impl Ord for Hit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.place, self.message.chat_id).cmp(&(&other.place, other.message.chat_id))
    }
}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Hit {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Hit {}

fn storage(error: impl std::fmt::Display) -> NodeError {
    NodeError::Storage(error.to_string())
}

#[cfg(test)]
mod tests;
