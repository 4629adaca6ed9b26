//! A value between two others, by pointer, by arrow keys, or by a screen reader.

use super::{focus_ring, hover};
use crate::theme::{Palette, mix, size};
use egui::accesskit::Action;
use egui::{CursorIcon, EventFilter, Key, Rect, Response, Sense, Ui, WidgetInfo, lerp, pos2, remap_clamp, vec2};
use std::ops::RangeInclusive;

/// Height that takes the pointer.
const HEIGHT: f32 = 26.0;
/// Radius of the knob.
const KNOB: f32 = 8.0;

/// Where a slider was moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The new value.
    pub value: i32,
    /// It stays there: nothing holds it any more. What is costly is done only then.
    pub settled: bool,
}

/// What a slider shows.
pub struct Slider<'a> {
    /// What it is about, for a screen reader.
    pub name: &'a str,
    /// Now.
    pub value: i32,
    /// Least and most.
    pub range: RangeInclusive<i32>,
    /// How far an arrow key moves it.
    pub step: i32,
    /// Marked, and easy to hit: the ordinary value.
    pub notch: Option<i32>,
}

/// Shows it as wide as there is room. Returns the new value when it was moved, and once more when it is let go.
pub fn show(ui: &mut Ui, p: &Palette, slider: &Slider<'_>) -> Option<Moved> {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click_and_drag());
    let moved = moved(ui, &response, rect, slider);
    let y = rect.center().y;
    let x = place(rect, slider, moved.map_or(slider.value, |m| m.value));
    let rail = Rect::from_min_max(pos2(rect.left(), y - 2.0), pos2(rect.right(), y + 2.0));
    ui.painter().rect_filled(rail, 2, p.line_strong);
    ui.painter().rect_filled(Rect::from_min_max(rail.min, pos2(x, rail.bottom())), 2, p.text);
    if let Some(notch) = slider.notch {
        ui.painter().vline(place(rect, slider, notch), y - 7.0..=y - 4.0, egui::Stroke::new(1.5, p.line_strong));
        ui.painter().vline(place(rect, slider, notch), y + 4.0..=y + 7.0, egui::Stroke::new(1.5, p.line_strong));
    }
    knob(ui, p, pos2(x, y), &response);
    moved
}

/// The part that is taken hold of.
pub fn knob(ui: &Ui, p: &Palette, at: egui::Pos2, response: &Response) {
    let t = hover(ui, response);
    ui.painter().circle_filled(at, KNOB + t, p.strong);
    ui.painter().circle_filled(at, KNOB + t - 2.5, mix(p.strong, p.raised, 0.08));
    focus_ring(ui, &response.clone().with_new_rect(Rect::from_center_size(at, vec2(2.0 * KNOB, 2.0 * KNOB))), KNOB as u8, p);
}

/// What a pointer, a key or a screen reader made of it; to be called once, with what was claimed for it.
pub fn moved(ui: &Ui, response: &Response, rect: Rect, slider: &Slider<'_>) -> Option<Moved> {
    let (least, most) = (*slider.range.start(), *slider.range.end());
    response.widget_info(|| WidgetInfo::slider(ui.is_enabled(), f64::from(slider.value), slider.name));
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_min_numeric_value(f64::from(least));
        node.set_max_numeric_value(f64::from(most));
        node.set_numeric_value_step(f64::from(slider.step));
        node.add_action(Action::Increment);
        node.add_action(Action::Decrement);
    });
    let mut value = slider.value;
    if response.has_focus() {
        let filter = EventFilter { horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|m| m.set_focus_lock_filter(response.id, filter));
        let steps = ui.input(|i| i.num_presses(Key::ArrowRight) as i32 - i.num_presses(Key::ArrowLeft) as i32);
        value += steps * slider.step;
    }
    let asked = ui.input(|i| {
        let times = |action| i.num_accesskit_action_requests(response.id, action) as i32;
        times(Action::Increment) - times(Action::Decrement)
    });
    value += asked * slider.step;
    if let Some(at) = response.interact_pointer_pos() {
        let inner = rect.shrink2(vec2(KNOB, 0.0));
        value = remap_clamp(at.x, inner.x_range(), least as f32..=most as f32).round() as i32;
        if let Some(notch) = slider.notch
            && (place(rect, slider, notch) - at.x).abs() < 6.0
        {
            value = notch;
        }
        response.request_focus();
    }
    response.clone().on_hover_cursor(CursorIcon::PointingHand);
    let value = value.clamp(least, most);
    let settled = !response.dragged();
    (value != slider.value || response.drag_stopped()).then_some(Moved { value, settled })
}

/// Where a value stands.
pub fn place(rect: Rect, slider: &Slider<'_>, value: i32) -> f32 {
    let inner = rect.shrink2(vec2(KNOB, 0.0));
    let (least, most) = (*slider.range.start(), *slider.range.end());
    let t = (value.clamp(least, most) - least) as f32 / (most - least).max(1) as f32;
    lerp(inner.x_range(), t)
}

/// Words at the left, the value in words at the right, the slider below.
pub fn labelled(ui: &mut Ui, p: &Palette, slider: &Slider<'_>, value: &str) -> Option<Moved> {
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.horizontal(|ui| {
            super::text::line(ui, slider.name, crate::theme::Weight::Medium, size::SECOND + 0.5, p.text);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                super::text::line(ui, value, crate::theme::Weight::Regular, size::SECOND, p.muted);
            });
        });
        show(ui, p, slider)
    })
    .inner
}
