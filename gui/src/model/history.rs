//! The loaded part of a conversation's history: a window of messages around what is looked at, never the whole of it.

use crate::bridge::{Page, PageAt, Place};
use std::collections::BTreeMap;
use std::sync::Arc;
use veche_protocol::ids::EntryId;
use veche_protocol::view::{MessageView, ReadMarks};

/// Messages asked for at once.
pub const PAGE: usize = 100;
/// Most messages kept for one conversation; beyond it the side further from the eyes is forgotten and read again later.
pub const MAX_LOADED: usize = 600;

/// A window of one conversation's history, in order.
#[derive(Debug, Default)]
pub struct History {
    rows: Vec<Arc<MessageView>>,
    places: BTreeMap<EntryId, Place>,
    /// Own messages on their way to the disk, in order.
    echoes: Vec<Arc<MessageView>>,
    /// Nothing is older than the first row.
    pub at_start: bool,
    /// Nothing is newer than the last row.
    pub at_end: bool,
    /// Something was read at least once.
    pub loaded: bool,
    /// A page is on its way.
    pub loading: bool,
    /// What was read when the conversation was opened: the line above what is new stays where it was.
    pub marker: Option<ReadMarks>,
    /// What the next message answers.
    pub reply_to: Option<EntryId>,
    /// The own message that is being changed.
    pub editing: Option<EntryId>,
    /// Newer messages that came while the end was not loaded.
    pub below: usize,
}

impl History {
    /// A history that is wholly in memory.
    #[must_use]
    pub fn whole(rows: Vec<Arc<MessageView>>) -> Self {
        let places = rows.iter().map(|m| (m.message_id, Place::of(m))).collect();
        Self { rows, places, at_start: true, at_end: true, loaded: true, ..Self::default() }
    }

    /// A history whose first page is on its way.
    #[must_use]
    pub fn awaiting() -> Self {
        Self { loading: true, ..Self::default() }
    }

    /// Loaded messages and echoes together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() + if self.at_end { self.echoes.len() } else { 0 }
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message in a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&Arc<MessageView>> {
        self.rows.get(row).or_else(|| self.echoes.get(row.checked_sub(self.rows.len())?))
    }

    /// A loaded message.
    #[must_use]
    pub fn find(&self, id: EntryId) -> Option<&Arc<MessageView>> {
        let place = self.places.get(&id)?;
        let row = self.rows.binary_search_by_key(place, |m| Place::of(m)).ok()?;
        self.rows.get(row)
    }

    /// The row at a place, or the first row after it.
    #[must_use]
    pub fn row_at(&self, place: Place) -> usize {
        let row = self.rows.partition_point(|m| Place::of(m) < place);
        if row < self.rows.len() {
            return row;
        }
        let echo = self.echoes.iter().position(|m| Place::of(m) >= place);
        (row + echo.unwrap_or(self.echoes.len())).min(self.len())
    }

    /// Whether a row is an echo: not on the disk yet.
    #[must_use]
    pub fn is_echo(&self, row: usize) -> bool {
        row >= self.rows.len()
    }

    /// The oldest loaded place.
    #[must_use]
    pub fn first(&self) -> Option<Place> {
        self.rows.first().map(|m| Place::of(m))
    }

    /// The newest loaded place.
    #[must_use]
    pub fn last(&self) -> Option<Place> {
        self.rows.last().map(|m| Place::of(m))
    }

    /// The newest own message that can be changed.
    #[must_use]
    pub fn last_own(&self) -> Option<&Arc<MessageView>> {
        self.rows.iter().rev().find(|m| m.mine && matches!(m.body, veche_protocol::view::MessageBody::Text { .. }))
    }

    /// Takes in a page that was asked for.
    pub fn take(&mut self, page: Page) {
        self.loading = false;
        match page.at {
            PageAt::Newest => {
                self.replace(page.messages);
                (self.at_start, self.at_end) = (page.at_start, page.at_end);
                self.below = 0;
            }
            PageAt::Before(place) => {
                if self.first() != Some(place) {
                    return; // The window moved while the page was on its way.
                }
                self.at_start = page.at_start;
                self.merge(page.messages);
                if self.rows.len() > MAX_LOADED {
                    self.forget(MAX_LOADED..self.rows.len());
                    self.at_end = false;
                }
            }
            PageAt::After(place) => {
                if self.last() != Some(place) {
                    return;
                }
                self.at_end = page.at_end;
                if self.at_end {
                    self.below = 0;
                }
                self.merge(page.messages);
                if self.rows.len() > MAX_LOADED {
                    self.forget(0..self.rows.len() - MAX_LOADED);
                    self.at_start = false;
                }
            }
            PageAt::Around(id) => match (page.messages.as_slice(), self.find(id).is_some()) {
                // A single message that is loaded already: it was changed.
                ([only], true) if only.message_id == id => self.merge(page.messages),
                ([], _) => {}
                _ => {
                    self.replace(page.messages);
                    (self.at_start, self.at_end) = (page.at_start, page.at_end);
                }
            },
        }
        self.loaded = true;
    }

    /// A message was stored, whoever wrote it. Returns whether it is visible in this window.
    pub fn arrived(&mut self, message: &MessageView) -> bool {
        if message.mine
            && let veche_protocol::view::MessageBody::Text { text } = &message.body
        {
            let same = |m: &Arc<MessageView>| matches!(&m.body, veche_protocol::view::MessageBody::Text { text: t } if t == text);
            if let Some(at) = self.echoes.iter().position(same) {
                self.echoes.remove(at);
            }
        }
        let place = Place::of(message);
        let inside = self.first().is_some_and(|first| place >= first) || self.at_start;
        let before_end = self.last().is_some_and(|last| place <= last) || self.at_end;
        if inside && before_end {
            self.merge(vec![Arc::new(message.clone())]);
            if self.rows.len() > MAX_LOADED {
                self.forget(0..self.rows.len() - MAX_LOADED);
                self.at_start = false;
            }
            return true;
        }
        if !before_end {
            self.below += 1;
        }
        false
    }

    /// Shows an own message before it is on the disk.
    pub fn echo(&mut self, message: MessageView) {
        self.echoes.push(Arc::new(message));
    }

    /// Takes an echo back.
    pub fn unecho(&mut self, id: EntryId) {
        self.echoes.retain(|m| m.message_id != id);
    }

    fn replace(&mut self, rows: Vec<Arc<MessageView>>) {
        self.rows = rows;
        self.rows.sort_by_key(|m| Place::of(m));
        self.rows.dedup_by_key(|m| m.message_id);
        self.places = self.rows.iter().map(|m| (m.message_id, Place::of(m))).collect();
    }

    fn merge(&mut self, messages: Vec<Arc<MessageView>>) {
        for message in messages {
            let place = Place::of(&message);
            self.places.insert(message.message_id, place);
            match self.rows.binary_search_by_key(&place, |m| Place::of(m)) {
                Ok(row) => {
                    if let Some(old) = self.rows.get_mut(row)
                        && **old != *message
                    {
                        *old = message;
                    }
                }
                Err(row) => self.rows.insert(row, message),
            }
        }
    }

    fn forget(&mut self, rows: std::ops::Range<usize>) {
        for message in self.rows.drain(rows) {
            self.places.remove(&message.message_id);
        }
    }
}
