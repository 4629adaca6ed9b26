//! The bar at the foot of the left column: the call that goes on, or why the last one ended.

use super::{condition, details, ears, end, mic, more, name_of, progress};
use crate::model::Intent;
use crate::model::call::{self, CallIntent, Ended};
use crate::theme::{Weight, icons, size};
use crate::views::{Cx, UiState};
use crate::widgets::avatar::{self, Look};
use crate::widgets::button::{Button, Kind};
use crate::widgets::{button, focus_ring, hover, text};
use egui::{Frame, Margin, Panel, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use veche_protocol::view::CallView;

/// Face in the bar.
const FACE: f32 = 36.0;
/// Buttons in the bar.
const CONTROL: f32 = 34.0;

/// Shows it where there is something to show, above what is at the foot of `ui` already.
pub fn bar(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let call = cx.model.call().cloned();
    let ended = cx.model.calls.ended.clone();
    if call.is_none() && ended.is_none() {
        return;
    }
    let panel = Panel::bottom("call").show_separator_line(false).resizable(false);
    panel.frame(Frame::new().fill(cx.p.side).inner_margin(Margin { left: 12, right: 12, top: 12, bottom: 12 })).show(ui, |ui| {
        let rect = ui.max_rect();
        ui.painter().hline(rect.left() - 12.0..=rect.right() + 12.0, rect.top() - 11.5, Stroke::new(1.0, cx.p.line));
        ui.spacing_mut().item_spacing = vec2(8.0, 10.0);
        match (call, ended) {
            (Some(call), _) => running(ui, cx, st, &call),
            (None, Some(ended)) => over(ui, cx, &ended),
            (None, None) => {}
        }
    });
}

fn running(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, call: &CallView) {
    who(ui, cx, st, call);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        let side = vec2(CONTROL, CONTROL);
        mic(ui, cx, call, side);
        ears(ui, cx, call, side);
        let response = more(ui, cx, side);
        details::popup(cx, &response, call);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            end(ui, cx, call, vec2(56.0, CONTROL));
        });
    });
}

/// Face, name, how long, and how well it goes. Leads to the conversation.
fn who(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, call: &CallView) {
    let p = cx.p;
    let name = name_of(cx, call.account_id);
    let time = progress(cx.model, cx.lang, call);
    let (icon, color, words) = condition(cx.lang, p, call);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::click());
    // The clock is no part of the name: a screen reader would say it every second.
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, cx.lang.named("call-open", &name)));
    let t = hover(ui, &response);
    let back = crate::theme::mix(p.side, p.hover, t);
    ui.painter().rect_filled(rect.expand(4.0), size::R, back);
    focus_ring(ui, &response.clone().with_new_rect(rect.expand(3.0)), size::R, p);
    let face = pos2(rect.left() + FACE / 2.0 + 3.0, rect.center().y);
    st.avatars.paint(ui, p, face, call.account_id, &name, Look { size: FACE, presence: None, back });
    if call.their_speaking && !call.deafen {
        avatar::ring(ui.painter(), p, face, FACE);
    }
    let left = rect.left() + FACE + 17.0;
    let clock = ui.painter().layout_no_wrap(time, Weight::Medium.font(size::SECOND), p.muted);
    let state = their_state(call);
    let mut right = rect.right();
    if call.connected.is_some() {
        right -= clock.size().x;
        ui.painter().galley(pos2(right, rect.center().y - 10.0 - clock.size().y / 2.0), clock, p.muted);
        right -= 8.0;
    }
    for icon in state.into_iter().flatten() {
        right -= 16.0;
        super::stage::mark(ui, p, Rect::from_center_size(pos2(right + 8.0, rect.center().y - 10.0), vec2(15.0, 15.0)), icon, back);
    }
    text::paint_line(ui, pos2(left, rect.center().y - 10.0), right - left - 4.0, &name, Weight::Semi.font(size::BODY), p.strong);
    text::paint_icon(ui.painter(), pos2(left + 7.0, rect.center().y + 10.0), icon, 15.0, color, true);
    let below = pos2(left + 20.0, rect.center().y + 10.0);
    text::paint_line(ui, below, rect.right() - below.x, &words, Weight::Medium.font(size::SMALL + 0.5), color);
    if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
        cx.push(Intent::OpenPerson(call.account_id));
    }
}

/// What of theirs is off.
fn their_state(call: &CallView) -> [Option<char>; 2] {
    [(!call.their_mic).then_some(icons::MICROPHONE_SLASH), call.their_deafen.then_some(icons::HEADPHONES)]
}

/// Why the last call ended, and what to do.
fn over(ui: &mut Ui, cx: &mut Cx<'_>, ended: &Ended) {
    let p = cx.p;
    let name = name_of(cx, ended.account);
    let words = cx.lang.named(call::end_key(ended.why, ended.relay_only), &name);
    let words = match ended.talked.filter(|_| ended.well()) {
        Some(seconds) => format!("{words} · {}", super::clock(seconds)),
        None => words,
    };
    ui.horizontal_top(|ui| {
        let (icon, color) = if ended.well() { (icons::PHONE_DISCONNECT, p.muted) } else { (icons::PHONE_X, p.warn) };
        text::icon(ui, icon, 20.0, color);
        let room = ui.available_width() - 34.0;
        ui.scope(|ui| {
            ui.set_width(room);
            let said = text::label(ui, &words, Weight::Medium, size::SECOND + 0.5, p.text);
            said.widget_info(|| WidgetInfo::labeled(Role::Status, true, &words));
        });
        if button::icon_sized(ui, p, icons::X, cx.lang.t("call-read"), false, 26.0).clicked() {
            cx.push(Intent::Call(CallIntent::Read));
        }
    });
    if ended.again() && Button::new(Kind::Plain, cx.lang.t("call-again")).icon(icons::PHONE).wide().show(ui, p).clicked() {
        cx.push(Intent::Call(CallIntent::Start(ended.account)));
    }
}
