//! Round buttons to run a call with.

use super::{focus_ring, hover, text};
use crate::theme::{Palette, mix};
use egui::{Color32, CursorIcon, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, vec2};

/// What pressing one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something of no consequence.
    Plain,
    /// Something is off and can be put on again.
    Off,
    /// A call is taken.
    Go,
    /// A call ends.
    End,
}

/// A round button; its name is its tooltip and its label. A wide one is a pill.
pub fn button(ui: &mut Ui, p: &Palette, icon: char, name: &str, tone: Tone, size: egui::Vec2) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), tone == Tone::Off, name));
    let t = hover(ui, &response);
    let radius = (rect.height() / 2.0) as u8;
    let (fill, over, color) = match tone {
        Tone::Plain => (p.active, p.line_strong, p.strong),
        Tone::Off => (p.danger_soft, mix(p.danger_soft, p.danger, 0.25), p.danger),
        Tone::Go => (p.ok, mix(p.ok, p.strong, 0.18), p.on_ok),
        Tone::End => (p.danger, mix(p.danger, p.strong, 0.18), p.on_danger),
    };
    let fill = mix(fill, over, t);
    ui.painter().rect_filled(rect, radius, fill);
    let side = (rect.height() * 0.5).round();
    if icon == crate::theme::icons::HEADPHONES && tone == Tone::Off {
        deaf(ui, rect, side, color, fill);
    } else {
        let filled = tone != Tone::Plain;
        text::paint_icon(ui.painter(), rect.center(), icon, side, color, filled);
    }
    focus_ring(ui, &response, radius, p);
    response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(name)
}

/// Headphones struck out: the icons have none.
pub fn deaf(ui: &Ui, rect: Rect, side: f32, color: Color32, back: Color32) {
    text::paint_icon(ui.painter(), rect.center(), crate::theme::icons::HEADPHONES, side, color, false);
    let half = side * 0.42;
    let (from, to) = (rect.center() - vec2(half, half), rect.center() + vec2(half, half));
    ui.painter().line_segment([from + vec2(1.5, -1.5), to + vec2(1.5, -1.5)], Stroke::new(2.0, back));
    ui.painter().line_segment([from, to], Stroke::new((side * 0.085).max(1.4), color));
}
