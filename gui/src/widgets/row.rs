//! Rows of lists: navigation, people, menus.

use super::{focus_ring, hover, text};
use crate::theme::{Palette, Weight, mix, size};
use egui::{Align2, Color32, CursorIcon, Rect, Response, Role, Sense, Ui, WidgetInfo, pos2, vec2};

/// A row that can be pressed; returns its inner place and how far the pointer has come in.
pub fn press(ui: &mut Ui, p: &Palette, height: f32, name: &str, selected: bool) -> (Rect, Response, Color32) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), selected, name));
    let t = hover(ui, &response);
    let base = if selected { p.active } else { Color32::TRANSPARENT };
    let fill = mix(base, if selected { p.active } else { p.hover }, t);
    ui.painter().rect_filled(rect, size::R, fill);
    focus_ring(ui, &response, size::R, p);
    let back = if selected { p.active } else { mix(p.side, p.hover, t) };
    (rect, response.on_hover_cursor(CursorIcon::PointingHand), back)
}

/// A row of navigation: icon, words, perhaps a count.
pub fn nav(ui: &mut Ui, p: &Palette, icon: char, words: &str, selected: bool, count: usize) -> Response {
    let name = if count > 0 { format!("{words} ({count})") } else { words.to_owned() };
    let (rect, response, _) = press(ui, p, size::ROW, &name, selected);
    let color = if selected || response.hovered() { p.strong } else { p.muted };
    text::paint_icon(ui.painter(), pos2(rect.left() + 22.0, rect.center().y), icon, 20.0, color, selected);
    let room = rect.width() - 44.0 - if count > 0 { 40.0 } else { 10.0 };
    let words_color = if selected || count > 0 { p.strong } else { p.text };
    text::paint_line(ui, pos2(rect.left() + 42.0, rect.center().y), room, words, Weight::Medium.font(size::BODY), words_color);
    if count > 0 {
        badge(ui, p, pos2(rect.right() - 10.0, rect.center().y), count, false);
    }
    response
}

/// A count in a pill, its right edge at a point. Returns its width.
pub fn badge(ui: &Ui, p: &Palette, right: egui::Pos2, count: usize, quiet: bool) -> f32 {
    let words = if count > 99 { "99+".to_owned() } else { count.to_string() };
    let (fill, color) = if quiet { (p.active, p.muted) } else { (p.accent, p.on_accent) };
    let galley = ui.painter().layout_no_wrap(words, Weight::Bold.font(size::CAPTION), color);
    let width = (galley.size().x + 10.0).max(18.0);
    let rect = Rect::from_center_size(pos2(right.x - width / 2.0, right.y), vec2(width, 18.0));
    ui.painter().rect_filled(rect, 9, fill);
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
    width
}

/// An entry of a menu.
pub fn menu(ui: &mut Ui, p: &Palette, icon: char, words: &str, danger: bool) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width().max(190.0), 34.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::MenuItem, true, words));
    let t = hover(ui, &response);
    let (over, color) = if danger { (p.danger_soft, p.danger) } else { (p.active, p.text) };
    ui.painter().rect_filled(rect, size::R - 2, mix(Color32::TRANSPARENT, over, t));
    text::paint_icon(ui.painter(), pos2(rect.left() + 18.0, rect.center().y), icon, 17.0, color, false);
    ui.painter().text(pos2(rect.left() + 36.0, rect.center().y), Align2::LEFT_CENTER, words, Weight::Medium.font(size::BODY - 0.5), color);
    focus_ring(ui, &response, size::R - 2, p);
    response.on_hover_cursor(CursorIcon::PointingHand)
}
