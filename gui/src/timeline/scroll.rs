//! Wheel, keys and bar of the timeline.

use crate::theme::{Palette, mix};
use egui::{Key, Rect, Sense, Ui, pos2, vec2};

/// Part of the view that a page key moves.
const PAGE: f32 = 0.85;
/// Smallest thumb.
const MIN_THUMB: f32 = 40.0;
/// Width of the bar.
const WIDTH: f32 = 6.0;

/// What the wheel says, if the pointer is over the list. It is taken, so that nothing else scrolls by it.
pub fn wheel(ui: &Ui, rect: Rect) -> f32 {
    if !ui.rect_contains_pointer(rect) {
        return 0.0;
    }
    ui.input_mut(|i| std::mem::take(&mut i.smooth_scroll_delta.y))
}

/// What the keys say: pages always, the ends only when no text field wants them.
pub fn keys(ui: &Ui, rect: Rect) -> f32 {
    if ui.ctx().memory(|m| m.top_modal_layer().is_some()) {
        return 0.0;
    }
    let page = rect.height() * PAGE;
    ui.input(|i| i.num_presses(Key::PageUp) as f32 - i.num_presses(Key::PageDown) as f32) * page
}

/// The bar at the right: where the view is among the loaded rows, by their average height. Returns the row a drag went to.
pub fn bar(ui: &Ui, p: &Palette, list: Rect, rows: usize, average: f32, first: Option<(usize, f32)>) -> Option<usize> {
    let (index, top) = first?;
    let total = rows as f32 * average;
    if total <= list.height() * 1.05 {
        return None;
    }
    let track = Rect::from_min_max(pos2(list.right() - WIDTH - 4.0, list.top() + 4.0), pos2(list.right() - 4.0, list.bottom() - 4.0));
    let length = (track.height() * list.height() / total).max(MIN_THUMB);
    let before = (index as f32 * average - top).max(0.0);
    let part = (before / (total - list.height()).max(1.0)).clamp(0.0, 1.0);
    let room = track.height() - length;
    let thumb = Rect::from_min_size(pos2(track.left(), track.top() + room * part), vec2(WIDTH, length));
    let response = ui.interact(thumb.expand2(vec2(5.0, 0.0)), ui.unique_id().with("bar"), Sense::drag());
    let over = ui.rect_contains_pointer(list) || response.dragged();
    let t = ui.ctx().animate_bool_responsive(response.id, over);
    let strong = ui.ctx().animate_bool_responsive(response.id.with("over"), response.hovered() || response.dragged());
    let color = mix(p.line_strong, p.faint, strong).gamma_multiply(0.35 + 0.65 * t);
    ui.painter().rect_filled(thumb, (WIDTH / 2.0) as u8, color);
    let moved = response.drag_delta().y;
    if moved == 0.0 {
        return None;
    }
    let to = ((thumb.top() + moved - track.top()) / room.max(1.0)).clamp(0.0, 1.0);
    Some(((to * (total - list.height())) / average) as usize)
}
