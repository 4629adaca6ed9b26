//! A conversation: header, timeline, what is going on, composer.

use super::{Cx, UiState, call, composer, under_line};
use crate::command::UiCommand;
use crate::model::call::{CallIntent, NoCall};
use crate::model::{Intent, people};
use crate::theme::{Weight, icons, size};
use crate::widgets::avatar::Look;
use crate::widgets::{button, text};
use egui::{CentralPanel, Frame, Panel, Rect, Sense, Ui, pos2, vec2};
use std::sync::Arc;
use veche_protocol::ids::SpaceId;
use veche_protocol::view::{CallPhase, ChatView, PersonView, Presence};

/// The page.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, id: SpaceId) {
    let Some(chat) = cx.model.snap.chat(id).cloned() else { return };
    let Some(person) = cx.model.snap.person(chat.account_id).cloned() else { return };
    let top = Panel::top("header").exact_size(size::HEADER).show_separator_line(false);
    top.frame(Frame::new().fill(cx.p.main)).show(ui, |ui| header(ui, cx, st, &chat, &person));
    call::stage(ui, cx, st, person.account_id);
    banners(ui, cx, &chat, &person);
    let bottom = Panel::bottom("composer").show_separator_line(false).resizable(false);
    bottom.frame(Frame::new().fill(cx.p.main)).show(ui, |ui| composer::show(ui, cx, st, &chat, &person));
    CentralPanel::no_frame().frame(Frame::new().fill(cx.p.main)).show(ui, |ui| timeline(ui, cx, st, &chat));
}

fn header(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, chat: &ChatView, person: &Arc<PersonView>) {
    under_line(ui, cx.p);
    let p = cx.p;
    let rect = ui.max_rect();
    let buttons = 4.0 * 38.0 + 22.0;
    let place = Rect::from_min_max(rect.min + vec2(10.0, 6.0), pos2(rect.right() - buttons - 4.0, rect.bottom() - 6.0));
    let response = ui.interact(place, ui.unique_id().with("who"), Sense::click());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, cx.lang.named("chat-card-of", &person.name)));
    crate::widgets::focus_ring(ui, &response, size::R, p);
    let look = Look { size: 34.0, presence: Some(person.presence), back: p.main };
    st.avatars.paint(ui, p, pos2(rect.left() + 36.0, rect.center().y), person.account_id, &person.name, look);
    let left = rect.left() + 64.0;
    let room = place.right() - left - 24.0;
    let used = text::paint_line(ui, pos2(left, rect.center().y - 9.0), room, &person.name, Weight::Semi.font(size::TITLE), p.strong);
    if person.verified {
        let at = pos2(left + used + 14.0, rect.center().y - 9.0);
        text::paint_icon(ui.painter(), at, icons::SHIELD_CHECK, 16.0, p.ok, true);
    }
    let (words, color) = line_below(cx, chat, person);
    text::paint_line(ui, pos2(left, rect.center().y + 11.0), room, &words, Weight::Regular.font(size::SMALL + 0.5), color);
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
        cx.push(Intent::ToggleCard);
    }
    let strip = Rect::from_min_max(pos2(rect.right() - buttons, rect.top()), rect.max);
    let mut strip = ui.new_child(egui::UiBuilder::new().max_rect(strip).layout(egui::Layout::right_to_left(egui::Align::Center)));
    strip.spacing_mut().item_spacing.x = 6.0;
    strip.add_space(16.0);
    if button::icon(&mut strip, p, icons::SIDEBAR_SIMPLE, cx.lang.t("command-card"), cx.model.card).clicked() {
        cx.push(Intent::ToggleCard);
    }
    let (icon, key) = if chat.muted { (icons::BELL_SLASH, "chat-unmute") } else { (icons::BELL, "chat-mute") };
    if button::icon(&mut strip, p, icon, cx.lang.t(key), chat.muted).clicked() {
        cx.push(Intent::Mute(chat.chat_id, !chat.muted));
    }
    if button::icon(&mut strip, p, icons::MAGNIFYING_GLASS, cx.lang.t("command-search"), false).clicked() {
        cx.push(Intent::Ask(crate::model::Dialog::Search(Some(chat.chat_id))));
    }
    call_button(&mut strip, cx, person);
}

/// Calls the person, or takes their call. Where that cannot be, it says why.
fn call_button(ui: &mut Ui, cx: &mut Cx<'_>, person: &PersonView) {
    let (icon, words) = call_words(cx, person);
    let can = cx.model.can_call(person);
    let name = match can {
        Ok(()) => format!("{words} ({})", UiCommand::Call.keys(ui.ctx())),
        Err(why) => cx.lang.t(why.key()).to_owned(),
    };
    let active = can == Err(NoCall::ThisOne);
    let pressed = ui.add_enabled_ui(can.is_ok(), |ui| button::icon(ui, cx.p, icon, &name, active).on_disabled_hover_text(&name));
    if pressed.inner.clicked() {
        cx.push(Intent::Call(CallIntent::Start(person.account_id)));
    }
}

/// What pressing the button for a call does with this person, and how that looks.
pub fn call_words<'a>(cx: &Cx<'a>, person: &PersonView) -> (char, &'a str) {
    match cx.model.call_with(person.account_id).map(|c| c.phase) {
        Some(CallPhase::Incoming) => (icons::PHONE_INCOMING, cx.lang.t("call-accept")),
        Some(_) => (icons::PHONE_CALL, cx.lang.t("call")),
        None => (icons::PHONE, cx.lang.t("call")),
    }
}

fn line_below(cx: &Cx<'_>, chat: &ChatView, person: &PersonView) -> (String, egui::Color32) {
    if chat.typing {
        return (cx.lang.t("typing-short").to_owned(), cx.p.accent_text);
    }
    let words = match person.presence {
        Presence::Offline => match person.last_seen {
            Some(at) => seen(cx, at),
            None => cx.lang.t("presence-offline").to_owned(),
        },
        other => {
            let words = cx.lang.t(people::presence_key(other));
            if person.status_text.is_empty() { words.to_owned() } else { format!("{words} · {}", person.status_text) }
        }
    };
    (words, cx.p.muted)
}

/// When somebody was last heard from.
pub fn seen(cx: &Cx<'_>, at: veche_protocol::time::UnixMs) -> String {
    let day = crate::timeline::day_name(cx.lang, &cx.model.zone, at, cx.model.now).to_lowercase();
    cx.lang.with("last-seen", &[("day", day.into()), ("time", cx.model.zone.clock(at).into())])
}

/// What keeps messages from flowing, and what would help.
fn banners(ui: &mut Ui, cx: &mut Cx<'_>, chat: &ChatView, person: &PersonView) {
    let queued = chat.last.as_ref().is_some_and(|l| l.state == Some(veche_protocol::view::MessageState::Queued));
    let offline = person.presence == Presence::Offline;
    let banner = match () {
        () if person.devices_changed => Some((icons::SHIELD_WARNING, true, cx.lang.named("banner-devices", &person.name))),
        () if cx.model.snap.network.storage_trouble.is_some() => Some((icons::WARNING, true, cx.lang.t("banner-disk").to_owned())),
        () if cx.model.snap.network.duplicated => Some((icons::WARNING, true, cx.lang.t("banner-copied").to_owned())),
        () if cx.model.snap.account.as_ref().is_some_and(|a| !a.listed) => {
            Some((icons::WARNING, true, cx.lang.t("banner-dropped").to_owned()))
        }
        () if cx.model.snap.network.clock_off_ms.is_some() => Some((icons::WARNING, true, cx.lang.t("banner-clock").to_owned())),
        () if chat.missing > 0 => Some((icons::CIRCLE_NOTCH, false, missing(cx, chat, person))),
        () if queued && offline => Some((icons::CLOCK, false, cx.lang.named("banner-queued", &person.name))),
        () => None,
    };
    let Some((icon, careful, words)) = banner else { return };
    let panel = Panel::top("banner").show_separator_line(false).resizable(false);
    let fill = cx.p.side;
    panel.frame(Frame::new().fill(fill).inner_margin(egui::Margin::symmetric(20, 9))).show(ui, |ui| {
        ui.horizontal(|ui| {
            text::icon(ui, icon, 18.0, if careful { cx.p.warn } else { cx.p.muted });
            let room = ui.available_width() - 110.0;
            ui.scope(|ui| {
                ui.set_max_width(room);
                text::line(ui, words, Weight::Regular, size::SECOND, cx.p.text);
            });
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let (key, intent) = if person.devices_changed {
                    ("banner-compare", Intent::Ask(crate::model::Dialog::Verify(person.account_id)))
                } else {
                    ("banner-why", Intent::Ask(crate::model::Dialog::Diagnosis(person.account_id)))
                };
                if button::link(ui, cx.p, cx.lang.t(key)).clicked() {
                    cx.push(intent);
                }
            });
        });
    });
}

fn missing(cx: &Cx<'_>, chat: &ChatView, person: &PersonView) -> String {
    cx.lang.with("banner-missing", &[("n", chat.missing.into()), ("name", person.name.as_str().into())])
}

fn timeline(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, chat: &ChatView) {
    let rect = ui.max_rect();
    let model = cx.model;
    let Some(history) = model.history(chat.chat_id).filter(|h| h.loaded) else {
        loading(ui, cx, rect);
        return;
    };
    st.timeline(chat.chat_id);
    let UiState { avatars, timelines, .. } = st;
    let Some(list) = timelines.get_mut(&chat.chat_id) else { return };
    list.show(ui, cx, avatars, chat, history);
    let at_end = list.at_end() && history.at_end;
    if history.is_empty() {
        ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| {
            let name = model.snap.person(chat.account_id).map_or("", |p| p.name.as_str());
            super::nothing(ui, cx.p, icons::HAND_WAVING, &cx.lang.named("chat-empty", name), cx.lang.t("chat-empty-words"));
        });
    }
    if at_end && chat.unread > 0 && model.focused && model.dialog.is_none() {
        cx.push(Intent::Seen(chat.chat_id));
    }
    if !at_end {
        to_present(ui, cx, rect, chat, history.below + chat.unread as usize);
    }
}

fn loading(ui: &Ui, cx: &Cx<'_>, rect: Rect) {
    // Quiet bars where messages will be: a page takes a few milliseconds.
    for i in 0..6 {
        let y = rect.bottom() - 60.0 - i as f32 * 64.0;
        let at = pos2(rect.left() + 36.0, y);
        ui.painter().circle_filled(at, 20.0, cx.p.raised);
        for (line, width) in [(0.0, 140.0), (22.0, 300.0 - (i % 3) as f32 * 60.0)] {
            let bar = Rect::from_min_size(pos2(rect.left() + size::GUTTER, y - 16.0 + line), vec2(width, 12.0));
            ui.painter().rect_filled(bar, 6, cx.p.raised);
        }
    }
}

/// The way back to the newest message.
fn to_present(ui: &mut Ui, cx: &mut Cx<'_>, rect: Rect, chat: &ChatView, below: usize) {
    let place = Rect::from_center_size(pos2(rect.right() - 42.0, rect.bottom() - 30.0), vec2(40.0, 40.0));
    let response = ui.interact(place, ui.unique_id().with("present"), Sense::click());
    let name = cx.lang.t("command-present");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    let t = crate::widgets::hover(ui, &response);
    let p = cx.p;
    let shadow = egui::Shadow { offset: [0, 4], blur: 12, spread: 0, color: p.shadow };
    ui.painter().add(shadow.as_shape(place, 20));
    ui.painter().rect_filled(place, 20, crate::theme::mix(p.raised, p.active, t));
    text::paint_icon(ui.painter(), place.center(), icons::ARROW_DOWN, 20.0, p.strong, false);
    crate::widgets::focus_ring(ui, &response, 20, p);
    if below > 0 {
        crate::widgets::row::badge(ui, p, pos2(place.right() + 6.0, place.top() + 3.0), below, false);
    }
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
        cx.push(Intent::Present(chat.chat_id));
    }
}
