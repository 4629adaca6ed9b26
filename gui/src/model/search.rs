//! What is searched for, and what was found so far.

use super::{Model, Out, Page, Pending};
use crate::bridge::{PageAt, Place, Request, Ticket};
use std::sync::Arc;
use veche_protocol::history::find::Needle;
use veche_protocol::ids::{EntryId, SpaceId};
use veche_protocol::view::{MessageBody, MessageView};

/// Hits asked for at once.
pub const HITS: usize = 50;
/// Characters shown before a hit, at most: what it stands in, without pushing it out of sight.
const BEFORE: usize = 28;
/// Characters shown after it, at most; the line ends before that.
const AFTER: usize = 160;

/// A search.
#[derive(Debug, Default)]
pub struct Search {
    /// For what.
    pub text: String,
    /// In this conversation only.
    pub chat: Option<SpaceId>,
    /// Found so far, newest first.
    pub hits: Vec<Arc<MessageView>>,
    /// It stopped because there were enough; there may be older ones.
    pub more: bool,
    /// The question that is being answered.
    ticket: Option<Ticket>,
    /// Hits that were there when it was asked.
    had: usize,
}

impl Search {
    /// Whether more may come by itself.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.ticket.is_some()
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// A hit with a little of what stands around it, on one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// What comes before.
    pub before: String,
    /// What was looked for, as it is written there.
    pub hit: String,
    /// What comes after.
    pub after: String,
}

impl Excerpt {
    /// The excerpt of a message. Where the text was changed since, its beginning.
    #[must_use]
    pub fn of(message: &MessageView, looked_for: &str) -> Self {
        let MessageBody::Text { text } = &message.body else { return Self::default() };
        let place = Needle::new(looked_for).and_then(|needle| needle.place(text)).unwrap_or(0..0);
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
        let (before, hit, after) = (part(0..place.start), part(place.clone()), part(place.end..text.len()));
        let cut = before.chars().count().saturating_sub(BEFORE);
        let mark = if cut > 0 { "…" } else { "" };
        let before = format!("{mark}{}", one_line(before.chars().skip(cut)));
        Self { before, hit: one_line(hit.chars()), after: one_line(after.chars().take(AFTER)) }
    }

    /// The whole of it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}{}", self.before, self.hit, self.after)
    }
}

fn one_line(chars: impl Iterator<Item = char>) -> String {
    chars.map(|c| if c.is_whitespace() { ' ' } else { c }).collect()
}

impl Model {
    /// Looks for something else, or somewhere else.
    pub(super) fn look_for(&mut self, chat: Option<SpaceId>, text: String) {
        if (self.search.chat, &self.search.text) == (chat, &text) {
            return;
        }
        let busy = self.search.is_busy();
        self.search = Search { text, chat, ..Search::default() };
        // Without anything to look for the question still ends the one before.
        if busy || !self.search.is_blank() {
            self.ask_search(None);
        }
    }

    /// Goes on behind the oldest hit.
    pub(super) fn look_further(&mut self) {
        let last = self.search.hits.last().map(|hit| Place::of(hit));
        if last.is_some() && !self.search.is_busy() {
            self.ask_search(last);
        }
    }

    fn ask_search(&mut self, before: Option<Place>) {
        self.search.more = false;
        self.search.had = self.search.hits.len();
        let (chat, text) = (self.search.chat, self.search.text.clone());
        let ticket = self.ask(Pending::Search, Request::Search { chat, text, before, limit: HITS });
        self.search.ticket = Some(ticket).filter(|_| !self.search.is_blank());
    }

    /// A hit, perhaps of a search that was given up.
    pub(super) fn found(&mut self, ticket: Ticket, hit: Arc<MessageView>) {
        if self.search.ticket == Some(ticket) {
            self.search.hits.push(hit);
        }
    }

    /// A search is over.
    pub(super) fn searched(&mut self, ticket: Ticket) {
        if self.search.ticket == Some(ticket) {
            self.search.ticket = None;
            self.search.more = self.search.hits.len().saturating_sub(self.search.had) >= HITS;
        }
    }

    /// Nobody looks at the hits any more.
    pub(super) fn stop_search(&mut self) {
        if std::mem::take(&mut self.search).is_busy() {
            self.ask(Pending::Quiet, Request::Search { chat: None, text: String::new(), before: None, limit: 1 });
        }
    }

    /// Shows a message in its conversation, with what stands around it.
    pub(super) fn open_hit(&mut self, chat: SpaceId, message: EntryId) {
        let known = self.histories.get(&chat).is_some_and(|history| history.find(message).is_some());
        if !known {
            // Before the page is opened, so that it does not ask for the newest messages first.
            self.histories.entry(chat).or_default().loading = true;
            let limit = super::history::PAGE;
            self.ask(Pending::Page(chat), Request::Page { chat, at: PageAt::Around(message), limit });
        }
        self.go(Page::Chat(chat));
        self.out.push(Out::ScrollTo(chat, message));
    }
}
