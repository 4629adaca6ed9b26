//! Paints rows of the timeline and listens to what is done with them.

use super::layout::{INTRO, Row, call_look};
use super::{Seen, row_rect, state};
use crate::model::call::CallIntent;
use crate::model::history::History;
use crate::model::{Dialog, Intent};
use crate::theme::{Palette, Weight, icons, mix, size};
use crate::views::Cx;
use crate::widgets::avatar::{Avatars, Look};
use crate::widgets::{button, row as rows_of, text};
use egui::text_selection::LabelSelectionState;
use egui::{Color32, CursorIcon, Popup, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};
use veche_protocol::ids::EntryId;
use veche_protocol::view::{ChatView, MessageBody, MessageState, MessageView};

#[allow(clippy::too_many_arguments, reason = "one call site; a struct would only name the same things twice")]
pub(super) fn rows(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    avatars: &mut Avatars,
    chat: &ChatView,
    history: &History,
    list: Rect,
    seen: &[Seen],
    flash: Option<(EntryId, f32)>,
    hot: &mut Option<EntryId>,
) {
    let mut under = None;
    for one in seen {
        let rect = row_rect(list, one);
        let response = ui.interact(rect, ui.unique_id().with(one.message.message_id), Sense::click());
        let state = state(chat, &one.message, history.is_echo(one.index));
        response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, spoken(cx, one, state)));
        let message_rect = Rect::from_min_max(pos2(rect.left(), rect.top() + one.row.top), rect.max);
        let over = *hot == Some(one.message.message_id);
        let lit = flash.filter(|(id, _)| *id == one.message.message_id).map_or(0.0, |(_, t)| t);
        if over || lit > 0.0 {
            let fill = mix(cx.p.hover, cx.p.accent_soft, lit);
            ui.painter().rect_filled(message_rect, 0, if over { fill } else { fill.gamma_multiply(lit.min(1.0)) });
        }
        decorate(ui, cx, avatars, chat, rect, &one.row);
        message(ui, cx, avatars, chat, one, rect, over);
        let body = body(ui, one, rect);
        chips(ui, cx, chat, one, rect);
        call_back(ui, cx, chat, one, rect);
        ticks(ui, cx, one, seen, chat, history, rect, state);
        let menu_open = menu(cx, &response, chat, &one.message) | menu(cx, &body, chat, &one.message);
        if menu_open || (ui.rect_contains_pointer(message_rect) && !ui.ctx().any_popup_open()) {
            under = Some((message_rect, one));
        }
    }
    *hot = under.as_ref().map(|(_, one)| one.message.message_id);
    if let Some((rect, one)) = under
        && !history.is_echo(one.index)
    {
        toolbar(ui, cx, chat, list, rect, &one.message);
    }
}

fn spoken(cx: &Cx<'_>, one: &Seen, state: Option<MessageState>) -> String {
    match state {
        Some(state) => format!("{}. {}", one.row.spoken, cx.lang.t(state_key(state))),
        None => one.row.spoken.clone(),
    }
}

/// Beginning, day and unread line.
fn decorate(ui: &Ui, cx: &Cx<'_>, avatars: &mut Avatars, chat: &ChatView, rect: Rect, row: &Row) {
    let p = cx.p;
    if row.intro {
        intro(ui, cx, avatars, chat, Rect::from_min_size(rect.min, vec2(rect.width(), INTRO)));
    }
    let (left, right) = (rect.left() + 16.0, rect.right() - 16.0);
    if let Some((galley, y)) = &row.day {
        let y = (rect.top() + y).round();
        let half = galley.size().x / 2.0;
        let middle = rect.center().x;
        let stroke = Stroke::new(1.0, p.line);
        ui.painter().hline(left..=middle - half - 12.0, y, stroke);
        ui.painter().hline(middle + half + 12.0..=right, y, stroke);
        ui.painter().galley(pos2(middle - half, y - galley.size().y / 2.0), galley.clone(), p.muted);
    }
    if let Some(y) = row.unread {
        let y = (rect.top() + y).round();
        let words = ui.painter().layout_no_wrap(cx.lang.t("timeline-new").to_owned(), Weight::Bold.font(size::CAPTION), p.on_danger);
        let pill = Rect::from_center_size(pos2(right - words.size().x / 2.0 - 6.0, y), words.size() + vec2(12.0, 4.0));
        ui.painter().hline(left..=pill.left(), y, Stroke::new(1.0, p.danger));
        ui.painter().rect_filled(pill, size::R_SMALL, p.danger);
        ui.painter().galley(pill.center() - words.size() / 2.0, words, p.on_danger);
    }
}

fn intro(ui: &Ui, cx: &Cx<'_>, avatars: &mut Avatars, chat: &ChatView, rect: Rect) {
    let p = cx.p;
    let Some(person) = cx.model.snap.person(chat.account_id) else { return };
    let look = Look { size: 64.0, presence: None, back: p.main };
    avatars.paint(ui, p, pos2(rect.left() + 48.0, rect.top() + 48.0), person.account_id, &person.name, look);
    let width = rect.width() - 40.0;
    let at = |y: f32| pos2(rect.left() + 16.0, rect.top() + y);
    text::paint_line(ui, at(104.0), width, &person.name, Weight::Bold.font(size::HEADING + 2.0), p.strong);
    let words = cx.lang.named("timeline-beginning", &person.name);
    let galley = ui.painter().layout(words, Weight::Regular.font(size::BODY - 0.5), p.muted, width.min(560.0));
    ui.painter().galley(at(120.0), galley, p.muted);
}

/// Face or time, name, quoted message, backgrounds, small print.
fn message(ui: &mut Ui, cx: &mut Cx<'_>, avatars: &mut Avatars, chat: &ChatView, one: &Seen, rect: Rect, over: bool) {
    let (p, row) = (cx.p, &one.row);
    let at = |pos: egui::Pos2| pos2(rect.left() + pos.x, rect.top() + pos.y);
    if let Some(quote) = &row.quote {
        let place = Rect::from_min_size(at(pos2(size::GUTTER, quote.y)), quote.galley.size());
        let response = ui.interact(place.expand(2.0), ui.unique_id().with((one.message.message_id, "quote")), Sense::click());
        response.widget_info(|| WidgetInfo::labeled(Role::Link, true, quote.galley.text()));
        let (x, y) = (rect.left() + 36.0, place.center().y);
        let stroke = Stroke::new(2.0, p.line_strong);
        ui.painter().line(vec![pos2(x, y + 10.0), pos2(x, y + 3.0), pos2(x + 3.0, y), pos2(place.left() - 8.0, y)], stroke);
        let color = if response.hovered() { Some(p.strong) } else { None };
        match color {
            Some(color) => ui.painter().galley_with_override_text_color(place.min, quote.galley.clone(), color),
            None => ui.painter().galley(place.min, quote.galley.clone(), p.muted),
        }
        if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
            cx.push(Intent::Jump(chat.chat_id, quote.target));
        }
    }
    match &row.head {
        Some(head) => {
            let name = at(pos2(size::GUTTER, head.y));
            let baseline = name.y + head.name.size().y - head.time.size().y - 1.0;
            ui.painter().galley(name, head.name.clone(), p.strong);
            ui.painter().galley(pos2(name.x + head.name.size().x + 8.0, baseline), head.time.clone(), p.faint);
            let face = at(pos2(36.0, head.y + size::AVATAR_MESSAGE / 2.0 + 1.0));
            let look = Look { size: size::AVATAR_MESSAGE, presence: None, back: p.main };
            let name = if one.message.mine {
                cx.model.snap.account.as_ref().map_or("", |a| a.name.as_str())
            } else {
                cx.model.snap.person(one.message.author).map_or("", |p| p.name.as_str())
            };
            avatars.paint(ui, p, face, one.message.author, name, look);
        }
        None if row.call.is_some() => {
            let (icon, color) = row.call.map_or((icons::PHONE, p.muted), |outcome| call_look(one.message.mine, outcome, p));
            let y = at(row.body_at).y + size::BODY_LINE / 2.0;
            text::paint_icon(ui.painter(), pos2(rect.left() + 36.0, y), icon, 20.0, color, true);
        }
        None if over => {
            let y = at(row.body_at).y + (size::BODY_LINE - row.clock.size().y) / 2.0;
            ui.painter().galley(pos2(rect.left() + 36.0 - row.clock.size().x / 2.0, y), row.clock.clone(), p.faint);
        }
        None => {}
    }
    let body = at(row.body_at).to_vec2();
    for code in &row.code {
        ui.painter().rect(code.translate(body), size::R_SMALL, p.sunken, Stroke::new(1.0, p.line), StrokeKind::Inside);
    }
    for bar in &row.bars {
        ui.painter().rect_filled(bar.translate(body), 1, p.line_strong);
    }
    if let Some((galley, pos)) = &row.note {
        ui.painter().galley(at(*pos), galley.clone(), p.faint);
    }
}

/// The text: it can be selected, and its addresses can be opened.
fn body(ui: &mut Ui, one: &Seen, rect: Rect) -> Response {
    let row = &one.row;
    let at = pos2(rect.left() + row.body_at.x, rect.top() + row.body_at.y);
    let place = Rect::from_min_size(at, row.body.size());
    let response = ui.interact(place, ui.unique_id().with((one.message.message_id, "text")), Sense::click_and_drag());
    LabelSelectionState::label_text_selection(ui, &response, at, row.body.clone(), Color32::PLACEHOLDER, Stroke::NONE);
    if row.links.is_empty() {
        return response;
    }
    let Some(pointer) = response.hover_pos() else { return response };
    let over = row.body.cursor_from_pos(pointer - at).index.0;
    if let Some(link) = row.links.iter().find(|l| (l.from..l.to).contains(&over) && place.contains(pointer)) {
        ui.ctx().set_cursor_icon(CursorIcon::PointingHand);
        if response.clicked() {
            ui.ctx().open_url(egui::OpenUrl::new_tab(&link.url));
        }
    }
    response
}

fn chips(ui: &mut Ui, cx: &mut Cx<'_>, chat: &ChatView, one: &Seen, rect: Rect) {
    let me = cx.model.snap.account.as_ref().map(|a| a.account_id);
    for (chip, reaction) in one.row.chips.iter().zip(one.message.reactions.iter().filter(|r| !r.by.is_empty())) {
        let mine = me.is_some_and(|me| reaction.by.contains(&me));
        let place = chip.rect.translate(rect.min.to_vec2());
        let response = ui.interact(place, ui.unique_id().with((one.message.message_id, &chip.emoji)), Sense::click());
        let name = format!("{} {}", chip.emoji, reaction.by.len());
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, mine, &name));
        let (fill, line) = if mine { (cx.p.accent_soft, cx.p.accent) } else { (cx.p.raised, cx.p.line) };
        ui.painter().rect(place, 13, fill, Stroke::new(1.0, line), StrokeKind::Inside);
        ui.painter().galley(place.center() - chip.galley.size() / 2.0, chip.galley.clone(), cx.p.text);
        if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
            let (chat, message, emoji) = (chat.chat_id, one.message.message_id, chip.emoji.clone());
            cx.push(Intent::React { chat, message, emoji, on: !mine });
        }
    }
}

/// Calls whoever called or was called, from the row of that call.
fn call_back(ui: &mut Ui, cx: &mut Cx<'_>, chat: &ChatView, one: &Seen, rect: Rect) {
    let person = cx.model.snap.person(chat.account_id);
    if one.row.call.is_none() || person.is_none_or(|p| cx.model.can_call(p).is_err()) {
        return;
    }
    let words = cx.lang.t(if one.message.mine { "call-again" } else { "call-back" });
    let galley = ui.painter().layout_no_wrap(words.to_owned(), Weight::Medium.font(size::SECOND), cx.p.link);
    let row = &one.row;
    let at = pos2(rect.left() + row.body_at.x + row.body.size().x + 16.0, rect.top() + row.body_at.y + size::BODY_LINE / 2.0);
    let place = Rect::from_min_size(at - vec2(0.0, galley.size().y / 2.0), galley.size());
    let response = ui.interact(place.expand(4.0), ui.unique_id().with((one.message.message_id, "call")), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, words));
    if response.hovered() {
        ui.painter().hline(place.x_range(), place.bottom(), Stroke::new(1.0, cx.p.link));
    }
    crate::widgets::focus_ring(ui, &response, size::R_SMALL, cx.p);
    ui.painter().galley(place.min, galley, cx.p.link);
    if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
        cx.push(Intent::Call(CallIntent::Start(chat.account_id)));
    }
}

/// What has become of an own message, where it is not said by the next one.
#[allow(clippy::too_many_arguments, reason = "as above")]
fn ticks(ui: &mut Ui, cx: &Cx<'_>, one: &Seen, seen: &[Seen], chat: &ChatView, history: &History, rect: Rect, state: Option<MessageState>) {
    let Some(now) = state else { return };
    let next = seen.iter().find(|s| s.index == one.index + 1).map(|s| (s, super::state(chat, &s.message, history.is_echo(s.index))));
    if next.is_some_and(|(s, next)| s.row.head.is_none() && next == Some(now)) {
        return;
    }
    let row = &one.row;
    let last = row.body.rows.last().map_or(Rect::ZERO, egui::epaint::text::PlacedRow::rect);
    let at = pos2(rect.left() + row.body_at.x + last.right() + 14.0, rect.top() + row.body_at.y + last.center().y + 1.0);
    let (icon, color) = tick(now, cx.p);
    text::paint_icon(ui.painter(), at, icon, 15.0, color, false);
    let place = Rect::from_center_size(at, vec2(18.0, 18.0));
    let response = ui.interact(place, ui.unique_id().with((one.message.message_id, "state")), Sense::hover());
    response.on_hover_text(cx.lang.t(state_key(now)));
}

/// How a state looks: a clock, one tick, two ticks, two in the accent.
pub fn tick(state: MessageState, p: &Palette) -> (char, Color32) {
    match state {
        MessageState::Queued => (icons::CLOCK, p.faint),
        MessageState::Sent | MessageState::Held => (icons::CHECK, p.faint),
        MessageState::Delivered => (icons::CHECKS, p.faint),
        MessageState::Read => (icons::CHECKS, p.accent_text),
    }
}

/// Key of the translations for a state.
pub const fn state_key(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "state-queued",
        MessageState::Sent => "state-sent",
        MessageState::Held => "state-held",
        MessageState::Delivered => "state-delivered",
        MessageState::Read => "state-read",
    }
}

/// What can be done with a message, in the corner of the row under the pointer.
fn toolbar(ui: &mut Ui, cx: &mut Cx<'_>, chat: &ChatView, list: Rect, rect: Rect, message: &MessageView) {
    let actions = actions(message);
    if actions.is_empty() {
        return;
    }
    let side = 30.0;
    let size = vec2(actions.len() as f32 * side + 8.0, side + 8.0);
    let top = (rect.top() - 16.0).max(list.top() + 4.0);
    let place = Rect::from_min_size(pos2(rect.right() - size.x - 24.0, top), size);
    let p = cx.p;
    let shadow = egui::Shadow { offset: [0, 4], blur: 12, spread: 0, color: p.shadow.gamma_multiply(0.6) };
    ui.painter().add(shadow.as_shape(place, size::R));
    ui.painter().rect(place, size::R, p.raised, Stroke::new(1.0, p.line), StrokeKind::Inside);
    for (i, action) in actions.iter().enumerate() {
        let at = Rect::from_min_size(place.min + vec2(4.0 + i as f32 * side, 4.0), vec2(side, side));
        let id = ui.unique_id().with((message.message_id, "do", i));
        let response = ui.interact(at, id, Sense::click());
        let name = cx.lang.t(action.label());
        button::icon_at(ui, p, at, &response, action.icon(), name, false);
        if response.on_hover_text(name).on_hover_cursor(CursorIcon::PointingHand).clicked() {
            act(cx, chat, message, *action);
        }
    }
}

/// Something to do with a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Reply,
    Copy,
    Edit,
    Delete,
}

impl Action {
    const fn icon(self) -> char {
        match self {
            Self::Reply => icons::ARROW_BEND_UP_LEFT,
            Self::Copy => icons::COPY,
            Self::Edit => icons::PENCIL_SIMPLE,
            Self::Delete => icons::TRASH,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Reply => "message-reply",
            Self::Copy => "message-copy",
            Self::Edit => "message-edit",
            Self::Delete => "message-delete",
        }
    }
}

fn actions(message: &MessageView) -> Vec<Action> {
    let MessageBody::Text { .. } = message.body else { return Vec::new() };
    let mut actions = vec![Action::Reply, Action::Copy];
    if message.mine {
        actions.extend([Action::Edit, Action::Delete]);
    }
    actions
}

fn act(cx: &mut Cx<'_>, chat: &ChatView, message: &MessageView, action: Action) {
    let (chat, id) = (chat.chat_id, message.message_id);
    match action {
        Action::Reply => cx.push(Intent::Reply(chat, Some(id))),
        Action::Edit => cx.push(Intent::Editing(chat, Some(id))),
        Action::Delete => cx.push(Intent::Ask(Dialog::DeleteMessage(chat, id))),
        Action::Copy => {
            if let MessageBody::Text { text } = &message.body {
                cx.push(Intent::Copy(text.clone()));
            }
        }
    }
}

/// The same as a menu under the right button. Returns whether it is open.
fn menu(cx: &mut Cx<'_>, response: &Response, chat: &ChatView, message: &MessageView) -> bool {
    let actions = actions(message);
    if actions.is_empty() {
        return false;
    }
    Popup::context_menu(response)
        .show(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            for action in actions {
                let danger = action == Action::Delete;
                if rows_of::menu(ui, cx.p, action.icon(), cx.lang.t(action.label()), danger).clicked() {
                    act(cx, chat, message, action);
                    ui.close();
                }
            }
        })
        .is_some()
}
