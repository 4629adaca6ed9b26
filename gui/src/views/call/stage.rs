//! Above the conversation with whom one talks: both faces, who speaks, who is muted, and the buttons.

use super::{condition, details, ears, end, mic, more, name_of, progress};
use crate::theme::{Palette, Weight, icons, size};
use crate::views::{Cx, UiState};
use crate::widgets::avatar::{self, Look};
use crate::widgets::{control, text};
use egui::{Color32, Frame, Panel, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use veche_protocol::ids::AccountId;
use veche_protocol::view::CallView;

/// Height of the stage.
const HEIGHT: f32 = 252.0;
/// The page is left to the messages where it is lower than this; the bar has everything as well.
const ROOM: f32 = 560.0;
/// Faces.
const FACE: f32 = 88.0;
/// From the middle to the middle of a face.
const APART: f32 = 84.0;
/// Buttons.
const CONTROL: f32 = 44.0;

/// A person on the stage.
struct Seat<'a> {
    account: AccountId,
    name: &'a str,
    speaking: bool,
    mic: bool,
    deaf: bool,
    /// Not there yet.
    waiting: bool,
}

/// Shows it if the call is with whom the page is about.
pub fn stage(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, with: AccountId) {
    let Some(call) = cx.model.call().filter(|c| c.account_id == with).cloned() else { return };
    if ui.available_height() < ROOM {
        return;
    }
    let panel = Panel::top("stage").exact_size(HEIGHT).show_separator_line(false).resizable(false);
    panel.frame(Frame::new().fill(cx.p.sunken)).show(ui, |ui| {
        let rect = ui.max_rect();
        ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, cx.p.line));
        seats(ui, cx, st, &call, rect);
        let (icon, color, words) = condition(cx.lang, cx.p, &call);
        chip(ui, cx, rect, icon, color, &words);
        emoji(ui, cx, rect, &call);
        let width = 3.0 * CONTROL + 72.0 + 3.0 * 12.0;
        let row = Rect::from_center_size(pos2(rect.center().x, rect.bottom() - 16.0 - CONTROL / 2.0), vec2(width, CONTROL));
        let mut row = ui.new_child(egui::UiBuilder::new().max_rect(row).layout(egui::Layout::left_to_right(egui::Align::Center)));
        row.spacing_mut().item_spacing.x = 12.0;
        let side = vec2(CONTROL, CONTROL);
        mic(&mut row, cx, &call, side);
        ears(&mut row, cx, &call, side);
        let response = more(&mut row, cx, side);
        details::popup(cx, &response, &call);
        end(&mut row, cx, &call, vec2(72.0, CONTROL));
    });
}

fn seats(ui: &Ui, cx: &Cx<'_>, st: &mut UiState, call: &CallView, rect: Rect) {
    let Some(me) = cx.model.snap.account.clone() else { return };
    let theirs = name_of(cx, call.account_id);
    let connected = call.connected.is_some();
    let seats = [
        Seat {
            account: me.account_id,
            name: &me.name,
            speaking: call.speaking && call.mic,
            mic: call.mic,
            deaf: call.deafen,
            waiting: false,
        },
        Seat {
            account: call.account_id,
            name: &theirs,
            speaking: call.their_speaking,
            mic: call.their_mic || !connected,
            deaf: call.their_deafen,
            waiting: !connected,
        },
    ];
    let y = rect.top() + 42.0 + FACE / 2.0;
    for (seat, x) in seats.iter().zip([rect.center().x - APART, rect.center().x + APART]) {
        sit(ui, cx, st, seat, pos2(x, y));
    }
    let mut words = progress(cx.model, cx.lang, call);
    if cx.model.hears_talk_key() && !cx.model.sound.talking && call.mic {
        words = format!("{words} · {}", cx.lang.named("voice-hold", &cx.model.sound.talk_key));
    }
    let galley = ui.painter().layout_no_wrap(words, Weight::Semi.font(size::SECOND), cx.p.muted);
    ui.painter().galley(pos2(rect.center().x - galley.size().x / 2.0, rect.top() + 12.0), galley, cx.p.muted);
}

fn sit(ui: &Ui, cx: &Cx<'_>, st: &mut UiState, seat: &Seat<'_>, at: egui::Pos2) {
    let p = cx.p;
    st.avatars.paint(ui, p, at, seat.account, seat.name, Look { size: FACE, presence: None, back: p.sunken });
    if seat.waiting {
        ui.painter().circle_filled(at, FACE / 2.0, p.sunken.gamma_multiply(0.55));
    } else if seat.speaking {
        avatar::ring(ui.painter(), p, at, FACE);
    }
    let marks = [(!seat.mic, icons::MICROPHONE_SLASH), (seat.deaf, icons::HEADPHONES)];
    let mut x = at.x + FACE * 0.36;
    for (_, icon) in marks.iter().filter(|(on, _)| *on) {
        let spot = Rect::from_center_size(pos2(x, at.y + FACE * 0.36), vec2(26.0, 26.0));
        ui.painter().circle_filled(spot.center(), 15.0, p.sunken);
        ui.painter().circle_filled(spot.center(), 13.0, p.danger_soft);
        mark(ui, p, spot.shrink(5.5), *icon, p.danger_soft);
        x -= 28.0;
    }
    let spoken = match (seat.speaking, seat.mic, seat.deaf) {
        (_, _, true) => cx.lang.named("call-seat-deaf", seat.name),
        (_, false, _) => cx.lang.named("call-seat-muted", seat.name),
        (true, ..) => cx.lang.named("call-seat-speaks", seat.name),
        _ => seat.name.to_owned(),
    };
    let whole = Rect::from_center_size(at, vec2(FACE, FACE));
    let response = ui.interact(whole, ui.unique_id().with(("seat", seat.account)), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &spoken));
    let width = (2.0 * APART - 16.0).min(200.0);
    let font = Weight::Semi.font(size::SECOND + 0.5);
    let mut job = egui::text::LayoutJob::simple_singleline(seat.name.to_owned(), font, p.text);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    let galley = ui.painter().layout_job(job);
    ui.painter().galley(pos2(at.x - galley.size().x / 2.0, at.y + FACE / 2.0 + 12.0), galley, p.text);
}

/// A small sign that something is off.
pub fn mark(ui: &Ui, p: &Palette, rect: Rect, icon: char, back: Color32) {
    if icon == icons::HEADPHONES {
        control::deaf(ui, rect, rect.height(), p.danger, back);
    } else {
        text::paint_icon(ui.painter(), rect.center(), icon, rect.height(), p.danger, true);
    }
}

/// How well it goes, at the upper left.
fn chip(ui: &Ui, cx: &Cx<'_>, stage: Rect, icon: char, color: Color32, words: &str) {
    let at = pos2(stage.left() + 20.0, stage.top() + 21.0);
    text::paint_icon(ui.painter(), at + vec2(7.0, 0.0), icon, 16.0, color, true);
    let room = stage.center().x - 44.0 - at.x - 22.0;
    let used = text::paint_line(ui, at + vec2(22.0, 0.0), room, words, Weight::Medium.font(size::SMALL + 0.5), cx.p.muted);
    let place = Rect::from_min_size(at - vec2(0.0, 12.0), vec2(used + 24.0, 24.0));
    let response = ui.interact(place, ui.unique_id().with("condition"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Status, true, words));
    response.on_hover_text(cx.lang.t("call-condition"));
}

/// Four pictures at the upper right: the same at both ends, if nobody stands between.
fn emoji(ui: &Ui, cx: &Cx<'_>, stage: Rect, call: &CallView) {
    if call.words.is_empty() {
        return;
    }
    let words = call.words.join(" ");
    let galley = ui.painter().layout_no_wrap(words.clone(), Weight::Regular.font(17.0), cx.p.text);
    let at = pos2(stage.right() - 20.0 - galley.size().x, stage.top() + 21.0 - galley.size().y / 2.0);
    let place = Rect::from_min_size(at, galley.size());
    ui.painter().galley(at, galley, cx.p.text);
    let response = ui.interact(place.expand(4.0), ui.unique_id().with("emoji"), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, cx.lang.named("call-words", &words)));
    response.on_hover_text(cx.lang.t("call-words-help"));
}
