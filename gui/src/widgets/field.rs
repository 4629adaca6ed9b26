//! Text fields with a caption above and a hint or a fault below.

use super::text;
use crate::theme::{Palette, Weight, mix, size};
use egui::{Align2, Id, Margin, Response, Stroke, StrokeKind, TextEdit, Ui, vec2};

/// A field for one or more lines of text.
pub struct Field<'a> {
    value: &'a mut String,
    caption: &'a str,
    hint: &'a str,
    below: Option<(String, bool)>,
    password: bool,
    rows: usize,
    limit: usize,
    mono: bool,
    id: Option<Id>,
}

impl<'a> Field<'a> {
    /// A field with its caption, which is also its accessible name.
    pub const fn new(value: &'a mut String, caption: &'a str) -> Self {
        Self { value, caption, hint: "", below: None, password: false, rows: 1, limit: 256, mono: false, id: None }
    }

    /// Shown while it is empty.
    pub const fn hint(mut self, hint: &'a str) -> Self {
        self.hint = hint;
        self
    }

    /// A line below: an explanation.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.below = Some((help.into(), false));
        self
    }

    /// A line below: what is wrong.
    pub fn fault(mut self, fault: Option<String>) -> Self {
        if let Some(fault) = fault {
            self.below = Some((fault, true));
        }
        self
    }

    /// Dots instead of letters.
    pub const fn password(mut self) -> Self {
        self.password = true;
        self
    }

    /// More than one line.
    pub const fn rows(mut self, rows: usize) -> Self {
        self.rows = rows;
        self
    }

    /// Most characters.
    pub const fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// In the font of code.
    pub const fn mono(mut self) -> Self {
        self.mono = true;
        self
    }

    /// With an id of its own, to focus it.
    pub const fn id(mut self, id: Id) -> Self {
        self.id = Some(id);
        self
    }

    /// Shows it. The response is the text field's.
    pub fn show(self, ui: &mut Ui, p: &Palette) -> Response {
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 6.0;
            if !self.caption.is_empty() {
                ui.add(egui::Label::new(text::rich(self.caption, Weight::Medium, size::SECOND, p.muted)).selectable(false));
            }
            let bad = self.below.as_ref().is_some_and(|(_, bad)| *bad);
            let frame = egui::Frame::new().fill(p.sunken).corner_radius(size::R).inner_margin(Margin::symmetric(12, 0));
            let font = if self.mono { crate::theme::mono_font(size::MONO + 0.5) } else { Weight::Regular.font(size::BODY) };
            let shown = frame.show(ui, |ui| {
                let edit = if self.rows > 1 { TextEdit::multiline(self.value) } else { TextEdit::singleline(self.value) };
                let padding = if self.rows > 1 { Margin::symmetric(0, 10) } else { Margin::ZERO };
                let mut edit = edit
                    .frame(egui::Frame::NONE.inner_margin(padding))
                    .font(font)
                    .hint_text(text::rich(self.hint, Weight::Regular, size::BODY, p.faint))
                    .text_color(p.strong)
                    .password(self.password)
                    .char_limit(self.limit)
                    .desired_width(f32::INFINITY)
                    .desired_rows(self.rows)
                    .min_size(vec2(0.0, size::CONTROL))
                    .align(if self.rows > 1 { Align2::LEFT_TOP } else { Align2::LEFT_CENTER });
                if let Some(id) = self.id {
                    edit = edit.id(id);
                }
                ui.add(edit).accessible_name(self.caption)
            });
            let response = shown.inner;
            outline(ui, p, shown.response.rect, &response, bad);
            if let Some((below, bad)) = &self.below {
                text::label(ui, below, Weight::Regular, size::SMALL + 0.5, if *bad { p.danger } else { p.muted });
            }
            response
        })
        .inner
    }
}

fn outline(ui: &Ui, p: &Palette, rect: egui::Rect, response: &Response, bad: bool) {
    let t = ui.ctx().animate_bool_responsive(response.id.with("ring"), response.has_focus());
    let rest = if bad { p.danger } else { p.line_strong };
    let stroke = Stroke::new(1.0 + t * 0.5, if bad { rest } else { mix(rest, p.accent, t) });
    ui.painter().rect_stroke(rect, size::R, stroke, StrokeKind::Inside);
}

/// A search field with a glass, and a key at the right.
pub fn search(ui: &mut Ui, p: &Palette, value: &mut String, name: &str, key: &str) -> Response {
    let frame = egui::Frame::new().fill(p.sunken).corner_radius(size::R).inner_margin(Margin::symmetric(10, 0));
    let shown = frame.show(ui, |ui| {
        ui.horizontal(|ui| {
            text::icon(ui, crate::theme::icons::MAGNIFYING_GLASS, 16.0, p.muted);
            let key_width = if key.is_empty() || !value.is_empty() { 0.0 } else { 52.0 };
            let response = ui
                .add(
                    TextEdit::singleline(value)
                        .frame(egui::Frame::NONE)
                        .font(Weight::Regular.font(size::SECOND + 0.5))
                        .hint_text(text::rich(name, Weight::Regular, size::SECOND + 0.5, p.faint))
                        .text_color(p.strong)
                        .desired_width(ui.available_width() - key_width)
                        .char_limit(64)
                        .min_size(vec2(0.0, 34.0))
                        .margin(Margin::ZERO)
                        .align(Align2::LEFT_CENTER),
                )
                .accessible_name(name);
            if key_width > 0.0 {
                text::line(ui, key, Weight::Medium, size::CAPTION, p.faint);
            }
            response
        })
        .inner
    });
    let response = shown.inner;
    let t = ui.ctx().animate_bool_responsive(response.id.with("ring"), response.has_focus());
    if t > 0.0 {
        ui.painter().rect_stroke(shown.response.rect, size::R, Stroke::new(1.5 * t, p.accent), StrokeKind::Inside);
    }
    response
}
