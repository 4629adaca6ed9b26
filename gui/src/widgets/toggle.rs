//! A switch with its words beside it.

use super::{focus_ring, text};
use crate::theme::{Palette, Weight, mix, size};
use egui::{CursorIcon, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

/// A whole row that switches something. Returns the new value when it was pressed.
pub fn row(ui: &mut Ui, p: &Palette, words: &str, help: &str, on: bool) -> Option<bool> {
    let width = ui.available_width();
    let room = width - 64.0;
    let title = ui.painter().layout(words.to_owned(), Weight::Medium.font(size::BODY), p.strong, room);
    let below = ui.painter().layout(help.to_owned(), Weight::Regular.font(size::SECOND), p.muted, room);
    let height = title.size().y + if help.is_empty() { 0.0 } else { below.size().y + 3.0 };
    let (rect, response) = ui.allocate_exact_size(vec2(width, height + 16.0), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, ui.is_enabled(), on, words));
    let title_height = title.size().y;
    let top = rect.top() + 8.0;
    ui.painter().galley(pos2(rect.left(), top), title, p.strong);
    if !help.is_empty() {
        ui.painter().galley(pos2(rect.left(), top + title_height + 3.0), below, p.muted);
    }
    let t = ui.ctx().animate_bool_responsive(response.id.with("on"), on);
    let track = Rect::from_center_size(pos2(rect.right() - 22.0, rect.center().y), vec2(40.0, 24.0));
    ui.painter().rect_filled(track, 12, mix(p.line_strong, p.ok, t));
    let x = egui::lerp(track.left() + 12.0..=track.right() - 12.0, t);
    ui.painter().circle_filled(pos2(x, track.center().y), 9.0, p.on_accent);
    if t > 0.5 {
        text::paint_icon(ui.painter(), pos2(x, track.center().y), crate::theme::icons::CHECK, 12.0, p.ok, false);
    }
    focus_ring(ui, &response, size::R, p);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked().then_some(!on)
}
