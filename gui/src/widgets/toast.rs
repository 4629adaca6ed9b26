//! Short messages at the lower right that go by themselves.

use super::text;
use crate::theme::{Palette, Weight, icons, size};
use egui::{Align2, Area, Id, Order, Role, Sense, Ui, WidgetInfo, vec2};

/// Shows one; `lift` is how far above the corner. Returns its height, and whether it was pressed.
pub fn show(ui: &Ui, p: &Palette, id: u64, words: &str, bad: bool, lift: f32) -> (f32, bool) {
    let area = Area::new(Id::unique(("toast", id))).order(Order::Tooltip).anchor(Align2::RIGHT_BOTTOM, vec2(-20.0, -20.0 - lift));
    let shown = area.show(ui.ctx(), |ui| {
        let frame = egui::Frame::popup(ui.style()).fill(p.raised).corner_radius(size::R_LARGE).inner_margin(14);
        frame
            .show(ui, |ui| {
                ui.set_max_width(360.0);
                ui.horizontal_top(|ui| {
                    let (icon, color) = if bad { (icons::WARNING_CIRCLE, p.danger) } else { (icons::CHECK_CIRCLE, p.ok) };
                    text::icon(ui, icon, 20.0, color);
                    text::label(ui, words, Weight::Medium, size::BODY - 0.5, p.strong);
                });
            })
            .response
            .interact(Sense::click())
    });
    let response = shown.inner;
    response.widget_info(|| WidgetInfo::labeled(Role::Alert, true, words));
    (shown.response.rect.height(), response.clicked())
}
