//! The reusable pieces of the window. Each tells AccessKit what it is, so that a view cannot forget it.

pub mod avatar;
pub mod button;
pub mod choice;
pub mod control;
pub mod dialog;
pub mod field;
pub mod meter;
pub mod qr;
pub mod row;
pub mod slider;
pub mod text;
pub mod toast;
pub mod toggle;

use crate::theme::{Palette, size};
use egui::{Response, Stroke, StrokeKind, Ui};

/// The ring around what has the keyboard.
pub fn focus_ring(ui: &Ui, response: &Response, radius: u8, p: &Palette) {
    if response.has_focus() {
        let rect = response.rect.expand(1.0);
        ui.painter().rect_stroke(rect, radius.saturating_add(1), Stroke::new(2.0, p.accent_text), StrokeKind::Outside);
    }
}

/// How far the pointer has come in, 0 to 1.
pub fn hover(ui: &Ui, response: &Response) -> f32 {
    ui.ctx().animate_bool_responsive(response.id, response.hovered() || response.has_focus())
}

/// A line between layers.
pub fn line(ui: &mut Ui, p: &Palette) {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 1.0), egui::Sense::hover());
    ui.painter().rect_filled(rect, 0, p.line);
}

/// A raised card.
pub fn card<R>(ui: &mut Ui, p: &Palette, add: impl FnOnce(&mut Ui) -> R) -> R {
    egui::Frame::new()
        .fill(p.raised)
        .stroke(Stroke::new(1.0, p.line))
        .corner_radius(size::R_LARGE)
        .inner_margin(16)
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            add(ui)
        })
        .inner
}
