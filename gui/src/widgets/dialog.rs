//! A panel over the window, with a title and room for buttons.

use super::text;
use crate::theme::{Palette, Weight, size};
use egui::{Id, Margin, Modal, Ui};

/// Shows a dialog. Returns what the content says, and whether the person wants it gone: Escape, or a click beside it.
pub fn show<R>(ui: &Ui, p: &Palette, title: &str, width: f32, add: impl FnOnce(&mut Ui) -> R) -> (R, bool) {
    let frame = egui::Frame::popup(ui.style()).fill(p.raised).corner_radius(size::R_LARGE).inner_margin(Margin::same(24));
    let width = width.min(ui.ctx().content_rect().width() - 80.0);
    let area = Modal::default_area(Id::unique("dialog")).accessible_name(title);
    let shown = Modal::new(Id::unique("dialog")).area(area).frame(frame).backdrop_color(p.veil).show(ui.ctx(), |ui| {
        ui.set_width(width);
        ui.spacing_mut().item_spacing.y = 12.0;
        if !title.is_empty() {
            text::label(ui, title, Weight::Semi, size::HEADING - 1.0, p.strong);
        }
        add(ui)
    });
    let gone = shown.should_close();
    (shown.inner, gone)
}

/// Buttons at the lower right of a dialog.
pub fn buttons(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.add_space(4.0);
    ui.allocate_ui_with_layout(egui::vec2(ui.available_width(), size::CONTROL), egui::Layout::right_to_left(egui::Align::Center), add);
}
