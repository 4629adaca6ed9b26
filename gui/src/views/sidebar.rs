//! Left column: search, pages, conversations, the own account.

use super::{Cx, UiState, call};
use crate::command::UiCommand;
use crate::model::markup;
use crate::model::people::{self, PersonRow};
use crate::model::{Intent, Page, SettingsTab};
use crate::theme::{Weight, icons, size};
use crate::timeline::{call_look, call_words, tick};
use crate::widgets::avatar::Look;
use crate::widgets::{button, field, row, text};
use egui::{Panel, Rect, Sense, Ui, pos2, vec2};
use veche_protocol::view::{ChatView, Presence, Status};

/// Characters of a message that a row can show.
const PREVIEW: usize = 80;
/// Space left and right of rows.
const MARGIN: f32 = 8.0;

/// The column.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let bottom = Panel::bottom("me").exact_size(60.0).show_separator_line(false);
    bottom.frame(egui::Frame::new().fill(cx.p.side)).show(ui, |ui| me(ui, cx, st));
    call::bar(ui, cx, st);
    inset(ui, MARGIN, |ui| {
        ui.add_space(10.0);
        let key = UiCommand::Switcher.keys(ui.ctx());
        field::search(ui, cx.p, &mut st.filter, cx.lang.t("side-search"), &key);
    });
    ui.add_space(8.0);
    egui::ScrollArea::vertical().id_salt("people").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        inset(ui, MARGIN, |ui| {
            if st.filter.trim().is_empty() {
                pages(ui, cx);
            }
            list(ui, cx, st);
            ui.add_space(12.0);
        });
    });
}

fn inset(ui: &mut Ui, margin: f32, add: impl FnOnce(&mut Ui)) {
    let width = ui.available_width() - 2.0 * margin;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(margin);
        ui.vertical(|ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing = vec2(8.0, 2.0);
            add(ui);
        });
    });
}

fn pages(ui: &mut Ui, cx: &mut Cx<'_>) {
    let known = |a| cx.model.snap.people.iter().any(|p| p.account_id == a);
    let strangers = cx.model.snap.nearby.iter().filter(|n| !known(n.account_id)).count();
    let pages = [
        (Page::Nearby, icons::BROADCAST, "page-nearby", strangers),
        (Page::Requests, icons::HAND_WAVING, "page-requests", cx.model.open_requests()),
        (Page::Add, icons::USER_PLUS, "page-add", 0),
    ];
    for (page, icon, key, count) in pages {
        if row::nav(ui, cx.p, icon, cx.lang.t(key), cx.model.page == page, count).clicked() {
            cx.push(Intent::Go(page));
        }
    }
    ui.add_space(14.0);
}

fn list(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let model = cx.model;
    let rows = people::matching(&model.people, &st.filter);
    if !rows.is_empty() || st.filter.trim().is_empty() {
        ui.horizontal(|ui| {
            ui.add_space(8.0);
            text::caption(ui, cx.lang.t("side-people"), cx.p.muted);
        });
        ui.add_space(4.0);
    }
    if rows.is_empty() {
        ui.add_space(4.0);
        ui.horizontal_top(|ui| {
            ui.add_space(8.0);
            let key = if st.filter.trim().is_empty() { "side-empty" } else { "side-no-match" };
            text::label(ui, cx.lang.t(key), Weight::Regular, size::SECOND, cx.p.faint);
        });
    }
    let clip = ui.clip_rect();
    for one in rows {
        // Rows outside of the view only take their place.
        let next = Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), size::PERSON));
        if !clip.intersects(next) {
            ui.allocate_space(next.size());
            continue;
        }
        if person(ui, cx, st, one) {
            cx.push(Intent::OpenPerson(one.person.account_id));
            st.filter.clear();
        }
    }
}

fn person(ui: &mut Ui, cx: &Cx<'_>, st: &mut UiState, one: &PersonRow) -> bool {
    let (p, lang) = (cx.p, cx.lang);
    let chat = one.chat.as_deref();
    let open = match cx.model.page {
        Page::Chat(id) => chat.is_some_and(|c| c.chat_id == id),
        Page::Person(account) => account == one.person.account_id,
        _ => false,
    };
    let unread = chat.map_or(0, |c| c.unread);
    let muted = chat.is_some_and(|c| c.muted);
    let presence = lang.t(people::presence_key(one.person.presence));
    let name = match unread {
        0 => format!("{}, {presence}", one.person.name),
        n => format!("{}, {presence}, {}", one.person.name, lang.n("unread-count", u64::from(n))),
    };
    let (rect, response, back) = row::press(ui, p, size::PERSON, &name, open);
    let look = Look { size: size::AVATAR, presence: Some(one.person.presence), back };
    st.avatars.paint(ui, p, pos2(rect.left() + 27.0, rect.center().y), one.person.account_id, &one.person.name, look);
    let left = rect.left() + 56.0;
    let mut right = rect.right() - 10.0;
    let (top, low) = (rect.top() + 18.0, rect.top() + 37.0);
    if let Some(last) = chat.and_then(|c| c.last.as_ref()) {
        let words = short_time(cx, last.at);
        let galley = ui.painter().layout_no_wrap(words, Weight::Regular.font(size::CAPTION + 0.5), p.faint);
        let x = right - galley.size().x;
        ui.painter().galley(pos2(x, top - galley.size().y / 2.0), galley, p.faint);
        text::paint_line(ui, pos2(left, top), x - left - 8.0, &one.person.name, name_font(one), name_color(cx, one, open));
    } else {
        text::paint_line(ui, pos2(left, top), right - left, &one.person.name, name_font(one), name_color(cx, one, open));
    }
    if unread > 0 {
        right -= row::badge(ui, p, pos2(right, low), unread as usize, muted) + 8.0;
    } else if muted {
        text::paint_icon(ui.painter(), pos2(right - 8.0, low), icons::BELL_SLASH, 15.0, p.faint, false);
        right -= 22.0;
    }
    preview(ui, cx, st, one, pos2(left, low), right - left);
    response.clicked()
}

fn name_font(one: &PersonRow) -> egui::FontId {
    if one.unread() { Weight::Bold.font(size::BODY) } else { Weight::Medium.font(size::BODY) }
}

fn name_color(cx: &Cx<'_>, one: &PersonRow, open: bool) -> egui::Color32 {
    if one.unread() || open { cx.p.strong } else { cx.p.text }
}

/// The line below a name: typing, a draft, the newest message, or what they say about themselves.
fn preview(ui: &Ui, cx: &Cx<'_>, st: &UiState, one: &PersonRow, at: egui::Pos2, width: f32) {
    let (p, lang) = (cx.p, cx.lang);
    let font = Weight::Regular.font(size::SECOND);
    let Some(chat) = one.chat.as_deref() else {
        let words = if one.person.status_text.is_empty() { lang.t("side-no-messages") } else { &one.person.status_text };
        text::paint_line(ui, at, width, words, font, p.muted);
        return;
    };
    if chat.typing {
        text::paint_line(ui, at, width, lang.t("typing-short"), Weight::Medium.font(size::SECOND), p.accent_text);
        return;
    }
    let draft = st.composers.get(&chat.chat_id).map_or(chat.draft.as_str(), String::as_str);
    if !draft.trim().is_empty() && cx.model.open_chat() != Some(chat.chat_id) {
        let used = text::paint_line(ui, at, width, lang.t("side-draft"), Weight::Medium.font(size::SECOND), p.danger);
        text::paint_line(ui, at + vec2(used + 4.0, 0.0), width - used - 4.0, draft.lines().next().unwrap_or_default(), font, p.muted);
        return;
    }
    message_preview(ui, cx, chat, at, width, if one.unread() { p.text } else { p.muted });
}

fn message_preview(ui: &Ui, cx: &Cx<'_>, chat: &ChatView, mut at: egui::Pos2, mut width: f32, color: egui::Color32) {
    let font = Weight::Regular.font(size::SECOND);
    let Some(last) = &chat.last else {
        text::paint_line(ui, at, width, cx.lang.t("side-no-messages"), font, cx.p.faint);
        return;
    };
    if let Some(outcome) = last.call {
        let (icon, sign) = call_look(last.mine, outcome, cx.p);
        text::paint_icon(ui.painter(), at + vec2(7.0, 0.0), icon, 14.0, sign, true);
        text::paint_line(ui, at + vec2(19.0, 0.0), width - 19.0, call_words(last.mine, outcome, cx.lang), font, color);
        return;
    }
    if let Some(state) = last.state {
        let (icon, color) = tick(state, cx.p);
        text::paint_icon(ui.painter(), at + vec2(7.0, 0.5), icon, 14.0, color, false);
        at.x += 19.0;
        width -= 19.0;
    }
    let words = if last.text.is_empty() { cx.lang.t("message-deleted").to_owned() } else { markup::plain(&last.text, PREVIEW) };
    text::paint_line(ui, at, width, &words, font, color);
}

/// A time for lists: the clock today, else the day.
fn short_time(cx: &Cx<'_>, at: veche_protocol::time::UnixMs) -> String {
    use crate::model::time::Ago;
    match cx.model.zone.ago(at, cx.model.now) {
        Ago::Today => cx.model.zone.clock(at),
        Ago::Yesterday => cx.lang.t("day-yesterday-short").to_owned(),
        Ago::Week(day) => {
            const KEYS: [&str; 7] = ["wd-1", "wd-2", "wd-3", "wd-4", "wd-5", "wd-6", "wd-7"];
            cx.lang.t(KEYS.get(usize::try_from(day).unwrap_or(1).saturating_sub(1)).copied().unwrap_or("wd-1")).to_owned()
        }
        _ => {
            let day = cx.model.zone.day(at);
            format!("{:02}.{:02}.{:02}", day.day, day.month, day.year.rem_euclid(100))
        }
    }
}

fn me(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let p = cx.p;
    let Some(account) = cx.model.snap.account.clone() else { return };
    let rect = ui.max_rect();
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, egui::Stroke::new(1.0, p.line));
    let presence = match account.status {
        Status::Online => Presence::Online,
        Status::Idle => Presence::Idle,
        Status::Dnd => Presence::Dnd,
        Status::Invisible => Presence::Offline,
    };
    let gear = Rect::from_center_size(pos2(rect.right() - 28.0, rect.center().y), vec2(36.0, 36.0));
    let name_place = Rect::from_min_max(rect.min + vec2(6.0, 6.0), pos2(gear.left() - 4.0, rect.bottom() - 6.0));
    let response = ui.interact(name_place, ui.unique_id().with("me"), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, cx.lang.named("me-profile", &account.name)));
    let t = crate::widgets::hover(ui, &response);
    let back = crate::theme::mix(p.side, p.hover, t);
    ui.painter().rect_filled(name_place, size::R, back);
    crate::widgets::focus_ring(ui, &response, size::R, p);
    let look = Look { size: size::AVATAR, presence: Some(presence), back };
    st.avatars.paint(ui, p, pos2(rect.left() + 35.0, rect.center().y), account.account_id, &account.name, look);
    let left = rect.left() + 63.0;
    let room = gear.left() - 8.0 - left;
    let below = match (&account.status_text, account.status) {
        (text, _) if !text.is_empty() => text.clone(),
        (_, Status::Invisible) => cx.lang.t("status-invisible").to_owned(),
        _ => people::handle(&account.login, account.tag.as_deref()),
    };
    text::paint_line(ui, pos2(left, rect.center().y - 9.0), room, &account.name, Weight::Semi.font(size::BODY), p.strong);
    text::paint_line(ui, pos2(left, rect.center().y + 10.0), room, &below, Weight::Regular.font(size::SMALL), p.muted);
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
        cx.push(Intent::GoSettings(SettingsTab::Profile));
    }
    let response = ui.interact(gear, ui.unique_id().with("gear"), Sense::click());
    button::icon_at(ui, p, gear, &response, icons::GEAR_SIX, cx.lang.t("command-settings"), false);
    if response.on_hover_text(cx.lang.t("command-settings")).clicked() {
        cx.push(Intent::GoSettings(SettingsTab::Profile));
    }
}
