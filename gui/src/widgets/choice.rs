//! One choice out of many, in a list that opens.

use super::{focus_ring, hover, text};
use crate::theme::{Palette, Weight, icons, mix, size};
use egui::{CursorIcon, Popup, PopupCloseBehavior, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

/// Height of a row.
const ROW: f32 = 34.0;
/// The list scrolls beyond this height.
const MAX_HEIGHT: f32 = 280.0;

/// Shows what is chosen, and the others once it is pressed. Returns what was chosen instead.
pub fn show<'a, T: PartialEq>(ui: &mut Ui, p: &Palette, name: &str, now: &T, choices: &'a [(T, String)]) -> Option<&'a T> {
    let words = choices.iter().find(|(value, _)| value == now).map_or("", |(_, words)| words.as_str());
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::CONTROL), Sense::click());
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, ui.is_enabled(), name);
        info.current_text_value = Some(words.to_owned());
        info
    });
    let t = hover(ui, &response);
    ui.painter().rect_filled(rect, size::R, p.sunken);
    ui.painter().rect_stroke(rect, size::R, Stroke::new(1.0, mix(p.line_strong, p.muted, t)), StrokeKind::Inside);
    focus_ring(ui, &response, size::R, p);
    text::paint_line(ui, pos2(rect.left() + 12.0, rect.center().y), rect.width() - 46.0, words, Weight::Regular.font(size::BODY), p.strong);
    text::paint_icon(ui.painter(), pos2(rect.right() - 18.0, rect.center().y), icons::CARET_DOWN, 16.0, p.muted, false);
    let popup = Popup::menu(&response).width(rect.width() - 12.0).gap(4.0).close_behavior(PopupCloseBehavior::CloseOnClick);
    let shown = popup.show(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        let mut chosen = None;
        egui::ScrollArea::vertical().max_height(MAX_HEIGHT).show(ui, |ui| {
            for (value, words) in choices {
                if row(ui, p, words, value == now) {
                    chosen = Some(value);
                }
            }
        });
        chosen
    });
    response.on_hover_cursor(CursorIcon::PointingHand);
    shown.and_then(|s| s.inner)
}

fn row(ui: &mut Ui, p: &Palette, words: &str, on: bool) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
    response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, on, words));
    let t = hover(ui, &response);
    ui.painter().rect_filled(rect, size::R - 2, mix(egui::Color32::TRANSPARENT, p.active, t));
    let weight = if on { Weight::Semi } else { Weight::Regular };
    text::paint_line(ui, pos2(rect.left() + 10.0, rect.center().y), rect.width() - 44.0, words, weight.font(size::BODY - 0.5), p.text);
    if on {
        text::paint_icon(ui.painter(), pos2(rect.right() - 16.0, rect.center().y), icons::CHECK, 16.0, p.ok, false);
    }
    focus_ring(ui, &response, size::R - 2, p);
    response.on_hover_cursor(CursorIcon::PointingHand).clicked()
}
