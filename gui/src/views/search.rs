//! Looking for messages: a field, where to look, and what was found, each hit a way to its place in the conversation.

use super::{Cx, UiState};
use crate::model::search::Excerpt;
use crate::model::{Dialog, Intent};
use crate::theme::{Palette, Weight, icons, size};
use crate::timeline::day_name;
use crate::widgets::avatar::Look;
use crate::widgets::{button, field, row, text};
use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{Key, Modifiers, ScrollArea, Ui, pos2, vec2};
use std::sync::Arc;
use veche_protocol::ids::SpaceId;
use veche_protocol::view::MessageView;

/// Height of a hit: a name above, the excerpt below.
const HIT: f32 = 56.0;
/// Height of the list, and of what is said in its place.
const LIST: f32 = 400.0;

/// What is being typed, and which hit is chosen.
#[derive(Default)]
pub struct Form {
    query: String,
    at: usize,
    opened: bool,
}

impl Form {
    /// Empty again.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The content of the dialog. `chat` is where it looks; everywhere without one.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, chat: Option<SpaceId>) {
    let (up, down, enter) = ui.input_mut(|i| {
        let mut key = |key| i.consume_key(Modifiers::NONE, key);
        (key(Key::ArrowUp), key(Key::ArrowDown), key(Key::Enter))
    });
    let before = st.search.query.clone();
    let response = field::search(ui, cx.p, &mut st.search.query, cx.lang.t("search-hint"), "");
    if !st.search.opened {
        response.request_focus();
        st.search.opened = true;
    }
    if before != st.search.query {
        st.search.at = 0;
    }
    if (cx.model.search.chat, &cx.model.search.text) != (chat, &st.search.query) {
        cx.push(Intent::Search { chat, text: st.search.query.clone() });
    }
    scope(ui, cx, chat);
    let last = cx.model.search.hits.len().saturating_sub(1);
    if down && st.search.at == last && cx.model.search.more {
        cx.push(Intent::SearchOn);
    }
    st.search.at = (st.search.at + usize::from(down)).saturating_sub(usize::from(up)).min(last);
    let room = LIST.min(ui.ctx().content_rect().height() - 260.0).max(HIT * 2.0);
    if cx.model.search.hits.is_empty() {
        return instead(ui, cx, room);
    }
    let moved = up || down;
    ScrollArea::vertical().id_salt("hits").max_height(room).min_scrolled_height(room).auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        hits(ui, cx, st, moved, enter);
    });
}

/// In the open conversation or everywhere.
fn scope(ui: &mut Ui, cx: &mut Cx<'_>, chat: Option<SpaceId>) {
    let Some(open) = cx.model.open_chat() else { return };
    let name = cx.model.open_person().map_or("", |person| person.name.as_str());
    let here = cx.lang.named("search-here", name);
    let choices = [(Some(open), here.as_str()), (None, cx.lang.t("search-everywhere"))];
    if let Some(chosen) = button::segments(ui, cx.p, cx.lang.t("search-where"), chat, &choices) {
        cx.push(Intent::Ask(Dialog::Search(chosen)));
    }
}

/// What stands there while there are no hits.
fn instead(ui: &mut Ui, cx: &Cx<'_>, room: f32) {
    let search = &cx.model.search;
    let (icon, key) = match () {
        () if search.is_blank() => (icons::MAGNIFYING_GLASS, "search-start"),
        () if search.is_busy() => (icons::CIRCLE_NOTCH, "search-busy"),
        () => (icons::MAGNIFYING_GLASS, "search-none"),
    };
    let words = cx.lang.t(key);
    ui.allocate_ui_with_layout(vec2(ui.available_width(), room), egui::Layout::top_down(egui::Align::Center), |ui| {
        ui.add_space(room / 2.0 - 60.0);
        text::icon(ui, icon, 32.0, cx.p.faint);
        ui.add_space(4.0);
        text::label(ui, words, Weight::Regular, size::BODY, cx.p.muted);
        ui.set_min_height(room);
    });
}

fn hits(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, moved: bool, enter: bool) {
    let model = cx.model;
    let clip = ui.clip_rect();
    for (n, message) in model.search.hits.iter().enumerate() {
        let selected = n == st.search.at;
        let next = egui::Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), HIT));
        // Rows outside of the view only take their place.
        if !clip.intersects(next) && !selected {
            ui.allocate_space(next.size());
            continue;
        }
        if hit(ui, cx, st, message, selected, selected && moved) || (enter && selected) {
            cx.push(Intent::OpenHit(message.chat_id, message.message_id));
        }
    }
    if model.search.is_busy() {
        ui.horizontal(|ui| {
            ui.add_space(12.0);
            text::icon(ui, icons::CIRCLE_NOTCH, 16.0, cx.p.faint);
            text::line(ui, cx.lang.t("search-busy"), Weight::Regular, size::SECOND, cx.p.muted);
        });
    } else if model.search.more && row::nav(ui, cx.p, icons::ARROW_DOWN, cx.lang.t("search-more"), false, 0).clicked() {
        cx.push(Intent::SearchOn);
    }
}

/// One hit. True if it was pressed.
fn hit(ui: &mut Ui, cx: &Cx<'_>, st: &mut UiState, message: &Arc<MessageView>, selected: bool, reveal: bool) -> bool {
    let (p, lang) = (cx.p, cx.lang);
    let excerpt = Excerpt::of(message, &cx.model.search.text);
    let name = author(cx, message);
    let day = day_name(lang, &cx.model.zone, message.at, cx.model.now);
    let when = format!("{day}, {}", cx.model.zone.clock(message.at));
    let label = format!("{name}, {when}: {}", excerpt.text());
    let (rect, response, back) = row::press(ui, p, HIT, &label, selected);
    if reveal {
        response.scroll_to_me(None);
    }
    let look = Look { size: 34.0, presence: None, back };
    let own = cx.model.snap.account.as_ref().filter(|_| message.mine).map(|account| account.name.as_str());
    st.avatars.paint(ui, p, pos2(rect.left() + 28.0, rect.center().y), message.author, own.unwrap_or(&name), look);
    let (left, right) = (rect.left() + 56.0, rect.right() - 12.0);
    let (top, low) = (rect.top() + 18.0, rect.top() + 38.0);
    let galley = ui.painter().layout_no_wrap(when, Weight::Regular.font(size::CAPTION + 0.5), p.faint);
    let x = right - galley.size().x;
    ui.painter().galley(pos2(x, top - galley.size().y / 2.0), galley, p.faint);
    text::paint_line(ui, pos2(left, top), x - left - 8.0, &name, Weight::Semi.font(size::BODY), p.strong);
    let galley = ui.painter().layout_job(marked(&excerpt, p, right - left));
    ui.painter().galley(pos2(left, low - galley.size().y / 2.0), galley, p.muted);
    response.clicked()
}

/// Who wrote it, and to whom where that is not said by the writer.
fn author(cx: &Cx<'_>, message: &MessageView) -> String {
    let snap = &cx.model.snap;
    let with = snap.chat(message.chat_id).and_then(|chat| snap.person(chat.account_id)).map_or("", |person| person.name.as_str());
    if message.mine { cx.lang.named("search-you-to", with) } else { with.to_owned() }
}

/// The excerpt on one line, what was looked for marked.
fn marked(excerpt: &Excerpt, p: &Palette, width: f32) -> LayoutJob {
    let plain = TextFormat::simple(Weight::Regular.font(size::SECOND), p.muted);
    let hit = TextFormat { background: p.accent_soft, ..TextFormat::simple(Weight::Semi.font(size::SECOND), p.strong) };
    let mut job = LayoutJob { wrap: TextWrapping::truncate_at_width(width), ..LayoutJob::default() };
    job.append(&excerpt.before, 0.0, plain.clone());
    job.append(&excerpt.hit, 0.0, hit);
    job.append(&excerpt.after, 0.0, plain);
    job
}
