//! The recovery words: what they are, the words, and three of them typed back.

use super::Cx;
use super::dialogs::Form;
use crate::bridge::Secret;
use crate::model::{Intent, WordsStep};
use crate::theme::{Weight, icons, size};
use crate::widgets::button::{Button, Kind};
use crate::widgets::field::Field;
use crate::widgets::{dialog, text};
use egui::{Frame, Ui};
use std::sync::Arc;

/// The content of the dialog.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form, step: &WordsStep) {
    match step {
        WordsStep::Before => before(ui, cx, form),
        WordsStep::Asking => {
            text::label(ui, cx.lang.t("words-asking"), Weight::Regular, size::BODY, cx.p.muted);
        }
        WordsStep::Shown(words) => shown(ui, cx, words),
        WordsStep::Check(words) => check(ui, cx, form, words),
    }
}

fn before(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    for (icon, key) in [(icons::KEY, "words-what"), (icons::EYE_SLASH, "words-alone"), (icons::WARNING, "words-nobody")] {
        ui.horizontal_top(|ui| {
            text::icon(ui, icon, 20.0, p.accent_text);
            text::label(ui, lang.t(key), Weight::Regular, size::BODY, p.text);
        });
    }
    if cx.model.has_passphrase {
        Field::new(&mut form.passphrase, lang.t("field-passphrase")).password().show(ui, p);
    }
    super::door::problem(ui, cx);
    dialog::buttons(ui, |ui| {
        let ready = !cx.model.has_passphrase || !form.passphrase.is_empty();
        if Button::new(Kind::Primary, lang.t("words-reveal")).enabled(ready).show(ui, p).clicked() {
            let secret = cx.model.has_passphrase.then(|| Secret(std::mem::take(&mut form.passphrase)));
            cx.push(Intent::ShowWords(secret));
        }
        if Button::new(Kind::Quiet, lang.t("words-later")).show(ui, p).clicked() {
            cx.push(Intent::CloseDialog);
        }
    });
}

fn shown(ui: &mut Ui, cx: &mut Cx<'_>, words: &Arc<[String]>) {
    let (p, lang) = (cx.p, cx.lang);
    text::label(ui, lang.t("words-write"), Weight::Regular, size::BODY, p.text);
    let column = (ui.available_width() - 16.0) / 3.0;
    egui::Grid::new("words").num_columns(3).spacing([8.0, 8.0]).show(ui, |ui| {
        for (i, word) in words.iter().enumerate() {
            Frame::new().fill(p.sunken).corner_radius(size::R).inner_margin(egui::Margin::symmetric(12, 9)).show(ui, |ui| {
                ui.set_width(column - 24.0);
                ui.horizontal(|ui| {
                    text::line(ui, format!("{}", i + 1), Weight::Medium, size::SMALL, p.faint);
                    text::line(ui, word, Weight::Semi, size::BODY, p.strong);
                });
            });
            if i % 3 == 2 {
                ui.end_row();
            }
        }
    });
    dialog::buttons(ui, |ui| {
        if Button::new(Kind::Primary, lang.t("words-written")).show(ui, p).clicked() {
            cx.push(Intent::Ask(crate::model::Dialog::Words(WordsStep::Check(Arc::clone(words)))));
        }
    });
}

/// Which words are asked back: spread over the phrase and the same each time it is opened, so that going back helps.
fn asked(words: &[String]) -> [usize; 3] {
    let first = words.first().map_or(0, String::len);
    [first % 4, 4 + (first + 1) % 4, 8 + (first + 2) % 4]
}

fn check(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form, words: &Arc<[String]>) {
    let (p, lang) = (cx.p, cx.lang);
    text::label(ui, lang.t("words-check"), Weight::Regular, size::BODY, p.text);
    let mut right = true;
    for (typed, index) in form.words.iter_mut().zip(asked(words)) {
        let caption = lang.n("words-number", index as u64 + 1);
        let good = words.get(index).is_some_and(|w| typed.trim().eq_ignore_ascii_case(w));
        let fault = (!typed.is_empty() && !good && form.tried).then(|| lang.t("words-wrong").to_owned());
        Field::new(typed, &caption).limit(16).fault(fault).show(ui, p);
        right &= good;
    }
    dialog::buttons(ui, |ui| {
        if Button::new(Kind::Primary, lang.t("words-done")).show(ui, p).clicked() {
            form.tried = true;
            if right {
                cx.push(Intent::ConfirmWords);
            }
        }
        if Button::new(Kind::Quiet, lang.t("words-back")).show(ui, p).clicked() {
            cx.push(Intent::Ask(crate::model::Dialog::Words(WordsStep::Shown(Arc::clone(words)))));
        }
    });
}
