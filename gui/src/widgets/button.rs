//! Buttons: with words, or with an icon alone.

use super::{focus_ring, hover, text};
use crate::theme::{Palette, Weight, mix, size};
use egui::{Color32, CursorIcon, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, vec2};

/// What a button is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The one thing to do here.
    Primary,
    /// Something else.
    Plain,
    /// Without a surface until the pointer is there.
    Quiet,
    /// Something that cannot be undone.
    Danger,
}

/// A button with words.
pub struct Button<'a> {
    words: &'a str,
    kind: Kind,
    icon: Option<char>,
    wide: bool,
    enabled: bool,
}

impl<'a> Button<'a> {
    /// A button of a kind.
    pub const fn new(kind: Kind, words: &'a str) -> Self {
        Self { words, kind, icon: None, wide: false, enabled: true }
    }

    /// With an icon before the words.
    pub const fn icon(mut self, icon: char) -> Self {
        self.icon = Some(icon);
        self
    }

    /// As wide as there is room.
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// Whether it can be pressed.
    pub const fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Shows it.
    pub fn show(self, ui: &mut Ui, p: &Palette) -> Response {
        let enabled = self.enabled && ui.is_enabled();
        let galley = ui.painter().layout_no_wrap(self.words.to_owned(), Weight::Semi.font(size::BODY - 0.5), Color32::PLACEHOLDER);
        let icon_width = if self.icon.is_some() { 26.0 } else { 0.0 };
        let content = galley.size().x + icon_width;
        let width = if self.wide { ui.available_width() } else { content + 32.0 };
        let sense = if enabled { Sense::click() } else { Sense::hover() };
        let (rect, response) = ui.allocate_exact_size(vec2(width, size::CONTROL), sense);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, self.words));
        if ui.is_rect_visible(rect) {
            let t = hover(ui, &response);
            let (fill, over, color) = match self.kind {
                Kind::Primary => (p.accent, p.accent_hover, p.on_accent),
                Kind::Plain => (mix(p.active, p.line_strong, 0.45), p.line_strong, p.strong),
                Kind::Quiet => (Color32::TRANSPARENT, p.active, p.text),
                Kind::Danger => (p.danger, mix(p.danger, p.strong, 0.18), p.on_danger),
            };
            let (fill, color) = if enabled { (mix(fill, over, t), color) } else { (p.active, p.faint) };
            ui.painter().rect_filled(rect, size::R, fill);
            let mut x = rect.center().x - content / 2.0;
            if let Some(icon) = self.icon {
                text::paint_icon(ui.painter(), egui::pos2(x + 9.0, rect.center().y), icon, 18.0, color, self.kind == Kind::Primary);
                x += icon_width;
            }
            let at = egui::pos2(x, rect.center().y - galley.size().y / 2.0);
            ui.painter().galley_with_override_text_color(at, galley, color);
            focus_ring(ui, &response, size::R, p);
        }
        if enabled { response.on_hover_cursor(CursorIcon::PointingHand) } else { response }
    }
}

/// An icon alone; its name is its tooltip and its label.
pub fn icon(ui: &mut Ui, p: &Palette, icon: char, name: &str, active: bool) -> Response {
    icon_sized(ui, p, icon, name, active, size::ICON_BUTTON)
}

/// The same in another size.
pub fn icon_sized(ui: &mut Ui, p: &Palette, icon: char, name: &str, active: bool, side: f32) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(side, side), Sense::click());
    icon_at(ui, p, rect, &response, icon, name, active);
    response.on_hover_cursor(CursorIcon::PointingHand).on_hover_text(name)
}

/// Paints an icon button into a place that was claimed already.
pub fn icon_at(ui: &Ui, p: &Palette, rect: egui::Rect, response: &Response, icon: char, name: &str, active: bool) {
    response.widget_info(|| WidgetInfo::selected(Role::Button, ui.is_enabled(), active, name));
    let t = hover(ui, response);
    let back = if active { p.active } else { Color32::TRANSPARENT };
    ui.painter().rect_filled(rect, size::R, mix(back, p.active, t));
    let color = if active { p.strong } else { mix(p.muted, p.strong, t) };
    text::paint_icon(ui.painter(), rect.center(), icon, (rect.height() * 0.6).round(), color, active);
    focus_ring(ui, response, size::R, p);
}

/// Words that do something, inside running text.
pub fn link(ui: &mut Ui, p: &Palette, words: &str) -> Response {
    let galley = ui.painter().layout_no_wrap(words.to_owned(), Weight::Medium.font(size::BODY - 0.5), p.link);
    let (rect, response) = ui.allocate_exact_size(galley.size() + vec2(0.0, 4.0), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, ui.is_enabled(), words));
    if response.hovered() {
        let y = rect.bottom() - 3.0;
        ui.painter().hline(rect.x_range(), y, Stroke::new(1.0, p.link));
    }
    ui.painter().galley(rect.min + vec2(0.0, 2.0), galley, p.link);
    focus_ring(ui, &response, size::R_SMALL, p);
    response.on_hover_cursor(CursorIcon::PointingHand)
}

/// One choice out of a few, side by side.
pub fn segments<T: Copy + PartialEq>(ui: &mut Ui, p: &Palette, name: &str, now: T, choices: &[(T, &str)]) -> Option<T> {
    let mut chosen = None;
    egui::Frame::new().fill(p.sunken).corner_radius(size::R).inner_margin(3).show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.horizontal(|ui| {
            for (value, words) in choices {
                let on = *value == now;
                let color = if on { p.strong } else { p.muted };
                let weight = if on { Weight::Semi } else { Weight::Medium };
                let galley = ui.painter().layout_no_wrap((*words).to_owned(), weight.font(size::SECOND + 0.5), color);
                let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x + 28.0, 32.0), Sense::click());
                response.widget_info(|| WidgetInfo::selected(Role::RadioButton, true, on, format!("{name}: {words}")));
                let t = hover(ui, &response);
                let fill = if on { p.active } else { mix(Color32::TRANSPARENT, p.hover, t) };
                ui.painter().rect_filled(rect, size::R - 2, fill);
                if on {
                    ui.painter().rect_stroke(rect, size::R - 2, Stroke::new(1.0, p.line_strong), StrokeKind::Inside);
                }
                ui.painter().galley(rect.center() - galley.size() / 2.0, galley, color);
                focus_ring(ui, &response, size::R - 2, p);
                if response.on_hover_cursor(CursorIcon::PointingHand).clicked() {
                    chosen = Some(*value);
                }
            }
        });
    });
    chosen
}
