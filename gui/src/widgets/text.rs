//! Labels in our weights and colours.

use crate::theme::{Weight, icon_font, icon_font_fill, size};
use egui::{Align2, Color32, FontId, Painter, Pos2, Rect, Response, RichText, Ui};

/// Text with weight, size and colour.
pub fn rich(text: impl Into<String>, weight: Weight, size: f32, color: Color32) -> RichText {
    RichText::new(text).font(weight.font(size)).color(color)
}

/// A wrapping label.
pub fn label(ui: &mut Ui, text: impl Into<String>, weight: Weight, size: f32, color: Color32) -> Response {
    let text = rich(text, weight, size, color).line_height(Some((size * 1.45).round()));
    ui.add(egui::Label::new(text).wrap().selectable(false))
}

/// A label on one line, cut with an ellipsis.
pub fn line(ui: &mut Ui, text: impl Into<String>, weight: Weight, size: f32, color: Color32) -> Response {
    ui.add(egui::Label::new(rich(text, weight, size, color)).truncate().selectable(false))
}

/// A label that can be selected and copied.
pub fn selectable(ui: &mut Ui, text: impl Into<String>, font: FontId, color: Color32) -> Response {
    ui.add(egui::Label::new(RichText::new(text).font(font).color(color)).wrap().selectable(true))
}

/// The heading of a page or dialog.
pub fn heading(ui: &mut Ui, text: impl Into<String>, color: Color32) -> Response {
    label(ui, text, Weight::Semi, size::HEADING, color)
}

/// The caption of a section.
pub fn caption(ui: &mut Ui, text: impl Into<String>, color: Color32) -> Response {
    label(ui, text, Weight::Semi, size::SMALL, color)
}

/// An icon as a picture; it says nothing to a screen reader.
pub fn icon(ui: &mut Ui, icon: char, size: f32, color: Color32) -> Rect {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(size, size), egui::Sense::hover());
    paint_icon(ui.painter(), rect.center(), icon, size, color, false);
    rect
}

/// Paints an icon around a point.
pub fn paint_icon(painter: &Painter, at: Pos2, icon: char, size: f32, color: Color32, fill: bool) {
    let font = if fill { icon_font_fill(size) } else { icon_font(size) };
    painter.text(at, Align2::CENTER_CENTER, icon, font, color);
}

/// Paints one line inside a width, cut with an ellipsis; returns the width used. `y` is its middle.
pub fn paint_line(ui: &Ui, at: Pos2, width: f32, text: &str, font: FontId, color: Color32) -> f32 {
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width.max(0.0));
    let galley = ui.painter().layout_job(job);
    let size = galley.size();
    ui.painter().galley(egui::pos2(at.x, at.y - size.y / 2.0), galley, color);
    size.x
}
