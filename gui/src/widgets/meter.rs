//! How loud a microphone is, and from where on it counts as a voice.

use super::slider::{self, Slider};
use crate::theme::{Palette, mix, size};
use egui::{Color32, Rect, Role, Sense, Stroke, Ui, WidgetInfo, lerp, pos2, vec2};

/// The quietest level on the scale, decibels below full scale: rooms are seldom quieter.
pub const QUIET: i32 = -70;
/// Height of the bar.
const HEIGHT: f32 = 10.0;
/// Height that takes the pointer.
const ROOM: f32 = 30.0;

/// What a meter shows.
pub struct Meter<'a> {
    /// What it is about, for a screen reader.
    pub name: &'a str,
    /// Decibels below full scale, if anything is measured.
    pub level: Option<f32>,
    /// Whether this would be sent.
    pub open: bool,
    /// From where on it counts, if the person says so.
    pub threshold: Option<i32>,
}

/// Shows it as wide as there is room. Returns the threshold where it was moved, and whether it was let go.
pub fn show(ui: &mut Ui, p: &Palette, meter: &Meter<'_>) -> Option<slider::Moved> {
    let sense = if meter.threshold.is_some() { Sense::click_and_drag() } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROOM), sense);
    let y = rect.center().y;
    let bar = Rect::from_min_max(pos2(rect.left(), y - HEIGHT / 2.0), pos2(rect.right(), y + HEIGHT / 2.0));
    let scale = |level: f32| {
        let t = ((level - QUIET as f32) / -QUIET as f32).clamp(0.0, 1.0);
        lerp(bar.left() + 8.0..=bar.right() - 8.0, t)
    };
    ui.painter().rect_filled(bar, 5, p.sunken);
    ui.painter().rect_stroke(bar, 5, Stroke::new(1.0, p.line), egui::StrokeKind::Inside);
    if let Some(level) = meter.level.filter(|l| *l > QUIET as f32) {
        let color: Color32 = if meter.open { p.ok } else { mix(p.muted, p.sunken, 0.35) };
        ui.painter().rect_filled(Rect::from_min_max(bar.min, pos2(scale(level), bar.bottom())), 5, color);
    }
    let Some(threshold) = meter.threshold else {
        response.widget_info(|| WidgetInfo::labeled(Role::Meter, true, meter.name));
        return None;
    };
    let slider = Slider { name: meter.name, value: threshold, range: QUIET..=0, step: 1, notch: None };
    let moved = slider::moved(ui, &response, rect, &slider);
    let x = slider::place(rect, &slider, moved.map_or(threshold, |m| m.value));
    ui.painter().rect_filled(Rect::from_center_size(pos2(x, y), vec2(3.0, HEIGHT + 10.0)), size::R_SMALL, p.strong);
    slider::knob(ui, p, pos2(x, y), &response);
    moved
}
