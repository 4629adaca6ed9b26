//! The list of messages. It is anchored: its position is a message and where that message stands on the screen, never a
//! distance from the first one. So nothing jumps when older messages are loaded above or a row grows, and only the rows
//! in sight are ever laid out.

pub mod bench;
mod layout;
mod paint;
mod scroll;

pub use layout::{call_look, call_words, clock, day_name};
pub use paint::tick;

use crate::bridge::Place;
use crate::model::Intent;
use crate::model::history::History;
use crate::views::Cx;
use crate::widgets::avatar::Avatars;
use egui::{Galley, Rect, Ui, pos2};
use layout::{Around, GROUP_MS, Row, Setting};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use veche_protocol::ids::{EntryId, SpaceId};
use veche_protocol::view::{ChatView, Hlc, MessageBody, MessageView};

/// Laid-out rows kept on each side of what is seen; about 4 KB each.
const KEEP_ROWS: usize = 150;
/// Older or newer messages are asked for when fewer rows than this are left on that side.
const ASK_ROWS: usize = 40;
/// Free space below the newest message.
const BOTTOM: f32 = 16.0;
/// How long a message that was jumped to stays lit, seconds.
const FLASH: f64 = 1.6;
/// Guess for the height of a row that was never laid out, for the scroll bar.
const GUESS: f32 = 44.0;

/// Where the list is and what it has laid out.
#[derive(Default)]
pub struct Timeline {
    /// The first row in sight and its top, relative to the top of the list. `None` follows the newest.
    anchor: Option<(Place, f32)>,
    rows: HashMap<EntryId, Kept>,
    /// What all kept rows were laid out for.
    made_for: Option<MadeFor>,
    /// Sum and number of heights seen, for the scroll bar.
    heights: (f32, u32),
    /// A message to bring into sight once it is loaded.
    wanted: Option<EntryId>,
    /// A lit message and when it was lit.
    flash: Option<(EntryId, f64)>,
    /// The row under the pointer or with its menu open.
    hot: Option<EntryId>,
}

struct Kept {
    source: Arc<MessageView>,
    around: Around,
    row: Rc<Row>,
}

/// Rows laid out for other circumstances are of no use.
#[derive(Clone)]
struct MadeFor {
    width: f32,
    dark: bool,
    language: crate::i18n::Language,
    today: crate::model::time::Day,
    /// A galley that is asked for in every frame. epaint returns the same one until its glyphs or fonts changed, and then
    /// every galley kept here points at glyphs that are gone.
    glyphs: Arc<Galley>,
}

impl MadeFor {
    fn same(&self, other: &Self) -> bool {
        (self.width - other.width).abs() < 0.5
            && self.dark == other.dark
            && self.language == other.language
            && self.today == other.today
            && Arc::ptr_eq(&self.glyphs, &other.glyphs)
    }
}

/// A row in sight.
struct Seen {
    index: usize,
    top: f32,
    row: Rc<Row>,
    message: Arc<MessageView>,
}

impl Timeline {
    /// Follows the newest message again.
    pub fn to_end(&mut self) {
        self.anchor = None;
        self.wanted = None;
    }

    /// Brings a message into sight, as soon as it is loaded.
    pub fn to_message(&mut self, id: EntryId) {
        self.wanted = Some(id);
    }

    /// Whether the newest message is in sight.
    #[must_use]
    pub const fn at_end(&self) -> bool {
        self.anchor.is_none()
    }

    /// How many rows are laid out and kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.rows.len()
    }

    /// Shows the list in the whole of `ui`.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, avatars: &mut Avatars, chat: &ChatView, history: &History) {
        let rect = ui.available_rect_before_wrap();
        ui.allocate_rect(rect, egui::Sense::hover());
        let builder = egui::UiBuilder::new()
            .max_rect(rect)
            .accessibility_role(egui::accesskit::Role::List)
            .accessibility_label(cx.lang.t("timeline-name"));
        let mut ui = ui.new_child(builder);
        ui.set_clip_rect(rect.intersect(ui.clip_rect()));
        self.prepare(&ui, cx, rect.width());
        self.find_wanted(&ui, history, rect);
        let delta = self.scrolled(&ui, rect);
        let seen = self.place(&ui, cx, chat, history, rect, delta);
        self.ask_for_more(cx, chat.chat_id, history, &seen);
        self.forget(&seen);
        let flash = self.flash(&ui);
        paint::rows(&mut ui, cx, avatars, chat, history, rect, &seen, flash, &mut self.hot);
        if let Some(to) = scroll::bar(&ui, cx.p, rect, history.len(), self.average(), seen.first().map(|s| (s.index, s.top))) {
            self.anchor = history.get(to).map(|m| (Place::of(m), 0.0));
            ui.ctx().request_repaint();
        }
    }

    /// Throws rows away that were made for other circumstances.
    fn prepare(&mut self, ui: &Ui, cx: &Cx<'_>, width: f32) {
        let font = crate::theme::Weight::Regular.font(crate::theme::size::BODY);
        let glyphs = ui.painter().layout_no_wrap("\u{200b}.".to_owned(), font, cx.p.text);
        let made_for =
            MadeFor { width, dark: ui.visuals().dark_mode, language: cx.lang.language(), today: cx.model.zone.day(cx.model.now), glyphs };
        if !self.made_for.as_ref().is_some_and(|old| old.same(&made_for)) {
            self.rows.clear();
            self.heights = (0.0, 0);
            self.made_for = Some(made_for);
        }
    }

    fn find_wanted(&mut self, ui: &Ui, history: &History, rect: Rect) {
        let Some(id) = self.wanted else { return };
        if let Some(message) = history.find(id) {
            self.anchor = Some((Place::of(message), rect.height() * 0.3));
            self.flash = Some((id, ui.input(|i| i.time)));
            self.wanted = None;
        } else if history.loaded && !history.loading {
            // It was asked for and is not there: deleted with its history, or never arrived.
            self.wanted = None;
        }
    }

    fn flash(&mut self, ui: &Ui) -> Option<(EntryId, f32)> {
        let (id, since) = self.flash?;
        let left = 1.0 - (ui.input(|i| i.time) - since) / FLASH;
        if left <= 0.0 {
            self.flash = None;
            return None;
        }
        ui.ctx().request_repaint();
        Some((id, left as f32))
    }

    /// How far the content moves down in this frame.
    fn scrolled(&self, ui: &Ui, rect: Rect) -> f32 {
        scroll::wheel(ui, rect) + scroll::keys(ui, rect)
    }

    /// Decides which rows are in sight, and where.
    fn place(&mut self, ui: &Ui, cx: &Cx<'_>, chat: &ChatView, history: &History, rect: Rect, delta: f32) -> Vec<Seen> {
        let n = history.len();
        if n == 0 {
            self.anchor = None;
            return Vec::new();
        }
        let view = View { ui, cx, chat, history };
        let bottom = rect.height() - BOTTOM;
        let (mut first, mut top) = match self.anchor {
            Some((place, y)) => (history.row_at(place).min(n - 1), y + delta),
            None => {
                let (first, top) = self.lay_from_bottom(&view, n, bottom);
                (first, top + delta.max(0.0))
            }
        };
        // Make the anchor the first row in sight.
        while top > 0.0 && first > 0 {
            first -= 1;
            top -= self.height(&view, first);
        }
        while first + 1 < n {
            let height = self.height(&view, first);
            if top + height > 0.0 {
                break;
            }
            top += height;
            first += 1;
        }
        if first == 0 && top > 0.0 {
            top = 0.0; // The beginning does not come further down than the top.
        }
        let (rows, end) = self.downward(&view, first, top, rect.height());
        let whole = first + rows.len() == n;
        if whole && end <= bottom + 0.5 {
            // The end does not come further up than the bottom.
            let (first, top) = self.lay_from_bottom(&view, n, bottom);
            if history.at_end {
                self.anchor = None;
            } else {
                self.anchor = history.get(first).map(|m| (Place::of(m), top));
            }
            return self.downward(&view, first, top, rect.height()).0;
        }
        self.anchor = history.get(first).map(|m| (Place::of(m), top));
        rows
    }

    /// The first row in sight when the last one stands at the bottom.
    fn lay_from_bottom(&mut self, view: &View<'_, '_>, n: usize, bottom: f32) -> (usize, f32) {
        let (mut first, mut top) = (n, bottom);
        while top > 0.0 && first > 0 {
            first -= 1;
            top -= self.height(view, first);
        }
        (first, top)
    }

    /// The rows from one on until the view is full, and where the last of them ends.
    fn downward(&mut self, view: &View<'_, '_>, first: usize, top: f32, height: f32) -> (Vec<Seen>, f32) {
        let mut out = Vec::new();
        let mut y = top;
        for index in first..view.history.len() {
            if y >= height {
                break;
            }
            let Some((row, message)) = self.row(view, index) else { break };
            let row_height = row.height;
            out.push(Seen { index, top: y, row, message });
            y += row_height;
        }
        (out, y)
    }

    fn height(&mut self, view: &View<'_, '_>, index: usize) -> f32 {
        self.row(view, index).map_or(0.0, |(row, _)| row.height)
    }

    /// A row, laid out now or before.
    fn row(&mut self, view: &View<'_, '_>, index: usize) -> Option<(Rc<Row>, Arc<MessageView>)> {
        let message = view.history.get(index)?;
        let around = around(view, index, message);
        if let Some(kept) = self.rows.get(&message.message_id)
            && Arc::ptr_eq(&kept.source, message)
            && kept.around == around
        {
            return Some((Rc::clone(&kept.row), Arc::clone(message)));
        }
        let width = self.made_for.as_ref().map_or(0.0, |m| m.width);
        let (model, lang) = (view.cx.model, view.cx.lang);
        let setting = Setting { palette: view.cx.p, lang, zone: &model.zone, now: model.now, width };
        let row = Rc::new(layout::row(view.ui.ctx(), message, &around, &setting));
        self.heights.0 += row.height;
        self.heights.1 += 1;
        self.rows.insert(message.message_id, Kept { source: Arc::clone(message), around, row: Rc::clone(&row) });
        Some((row, Arc::clone(message)))
    }

    fn average(&self) -> f32 {
        if self.heights.1 == 0 { GUESS } else { self.heights.0 / self.heights.1 as f32 }
    }

    fn ask_for_more(&self, cx: &mut Cx<'_>, chat: SpaceId, history: &History, seen: &[Seen]) {
        if history.loading {
            return;
        }
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return };
        if first.index < ASK_ROWS && !history.at_start {
            if let Some(place) = history.first() {
                cx.push(Intent::Older(chat, place));
            }
        } else if history.len().saturating_sub(last.index) < ASK_ROWS
            && !history.at_end
            && let Some(place) = history.last()
        {
            cx.push(Intent::Newer(chat, place));
        }
    }

    /// Lets go of rows far away from what is seen.
    fn forget(&mut self, seen: &[Seen]) {
        if self.rows.len() <= 2 * KEEP_ROWS + seen.len() + 100 {
            return;
        }
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { return };
        // Stamps stand in for positions: rows are ordered by them.
        let near: std::collections::HashSet<EntryId> = seen.iter().map(|s| s.message.message_id).collect();
        let (from, to) = (first.message.hlc, last.message.hlc);
        let mut far: Vec<(u64, EntryId)> =
            self.rows.iter().filter(|(id, _)| !near.contains(id)).map(|(id, kept)| (distance(kept.source.hlc, from, to), *id)).collect();
        far.sort_unstable();
        for (_, id) in far.into_iter().skip(2 * KEEP_ROWS) {
            self.rows.remove(&id);
        }
    }
}

fn distance(at: Hlc, from: Hlc, to: Hlc) -> u64 {
    if at < from { from.0 - at.0 } else { at.0.saturating_sub(to.0) }
}

/// What rows are made from.
struct View<'a, 'c> {
    ui: &'a Ui,
    cx: &'a Cx<'c>,
    chat: &'a ChatView,
    history: &'a History,
}

/// What surrounds a message.
fn around(view: &View<'_, '_>, index: usize, message: &MessageView) -> Around {
    let model = view.cx.model;
    let before = index.checked_sub(1).and_then(|i| view.history.get(i));
    let day = before.is_none_or(|b| model.zone.day(b.at) != model.zone.day(message.at));
    let unread = first_unread(view.history, index, message);
    let lead = day
        || unread
        || message.reply_to.is_some()
        || matches!(message.body, MessageBody::Call { .. })
        // A call stands without a name, so what follows it needs one.
        || before.is_some_and(|b| matches!(b.body, MessageBody::Call { .. }))
        || before.is_none_or(|b| b.author != message.author || message.at.distance(b.at).as_millis() > u128::from(GROUP_MS));
    let quote = message.reply_to.and_then(|id| view.history.find(id)).map(|quoted| {
        let first = layout::first_line(quoted, view.cx.lang);
        (author(view.cx, view.chat, quoted), first.chars().take(200).collect())
    });
    Around {
        intro: index == 0 && view.history.at_start,
        day,
        unread,
        lead,
        echo: view.history.is_echo(index),
        quote,
        author: author(view.cx, view.chat, message),
    }
}

/// Whether a message is the first of theirs that was not read when the conversation was opened. Others may be read below it:
/// it came late.
fn first_unread(history: &History, index: usize, message: &MessageView) -> bool {
    let Some(marker) = &history.marker else { return false };
    let unread = |m: &MessageView| !m.mine && !marker.covers(m.device, m.seq);
    unread(message) && !(0..index).rev().filter_map(|i| history.get(i)).any(|m| unread(m))
}

/// What to call the author of a message.
fn author(cx: &Cx<'_>, chat: &ChatView, message: &MessageView) -> String {
    if message.mine {
        return cx.model.snap.account.as_ref().map_or_else(String::new, |a| a.name.clone());
    }
    let known = cx.model.snap.person(message.author).or_else(|| cx.model.snap.person(chat.account_id));
    known.map_or_else(|| cx.lang.t("somebody").to_owned(), |p| p.name.clone())
}

/// What has become of an own message. Stored messages take it from the progress of the conversation, which moves on
/// without the message being read again.
fn state(chat: &ChatView, message: &MessageView, echo: bool) -> Option<veche_protocol::view::MessageState> {
    use veche_protocol::view::MessageState;
    if !message.mine || matches!(message.body, MessageBody::Unsupported | MessageBody::Call { .. }) {
        return None;
    }
    if echo {
        return Some(MessageState::Queued);
    }
    let now = chat.progress.state(message.device, message.seq);
    Some(message.state.map_or(now, |then| then.max(now)))
}

/// A place on the screen for a row.
fn row_rect(list: Rect, seen: &Seen) -> Rect {
    Rect::from_min_size(pos2(list.left(), list.top() + seen.top), egui::vec2(list.width(), seen.row.height))
}
