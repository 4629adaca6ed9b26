//! Recovery words and the passphrase of this device.

use super::titled;
use crate::bridge::Secret;
use crate::model::{Dialog, Intent, WordsStep};
use crate::theme::{Weight, icons, size};
use crate::views::{Cx, UiState, door};
use crate::widgets::button::{Button, Kind};
use crate::widgets::field::Field;
use crate::widgets::text;
use egui::Ui;

/// What is being typed.
#[derive(Default)]
pub struct Form {
    old: String,
    new: String,
    again: String,
    tried: bool,
}

/// The part.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let saved = cx.model.snap.account.as_ref().is_some_and(|a| a.words_saved);
    titled(ui, cx, "security-words", "security-words-help", |ui, cx| {
        let (p, lang) = (cx.p, cx.lang);
        ui.horizontal(|ui| {
            let (icon, color, key) =
                if saved { (icons::CHECK_CIRCLE, p.ok, "security-saved") } else { (icons::WARNING, p.warn, "security-unsaved") };
            text::icon(ui, icon, 18.0, color);
            text::line(ui, lang.t(key), Weight::Medium, size::BODY, p.text);
        });
        if Button::new(Kind::Plain, lang.t("words-show")).icon(icons::KEY).show(ui, p).clicked() {
            cx.push(Intent::Ask(Dialog::Words(WordsStep::Before)));
        }
    });
    let form = &mut st.settings.security;
    titled(ui, cx, "security-passphrase", "security-passphrase-help", |ui, cx| passphrase(ui, cx, form));
}

fn passphrase(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang, has) = (cx.p, cx.lang, cx.model.has_passphrase);
    ui.spacing_mut().item_spacing.y = 12.0;
    if has {
        Field::new(&mut form.old, lang.t("field-old")).password().show(ui, p);
    }
    Field::new(&mut form.new, lang.t("field-new")).password().help(lang.t("help-passphrase")).show(ui, p);
    let fault = door::new_passphrase_fault(&form.new, &form.again);
    let shown = fault.filter(|_| form.tried).map(|key| lang.t(key).to_owned());
    Field::new(&mut form.again, lang.t("field-again")).password().fault(shown).show(ui, p);
    if cx.model.page == crate::model::Page::Settings(crate::model::SettingsTab::Security) && cx.model.dialog.is_none() {
        door::problem(ui, cx);
    }
    let old = |form: &mut Form| has.then(|| Secret(std::mem::take(&mut form.old)));
    ui.horizontal(|ui| {
        let words = lang.t(if has { "security-change" } else { "security-set" });
        if Button::new(Kind::Primary, words).enabled(!cx.model.waiting).show(ui, p).clicked() {
            form.tried = true;
            if fault.is_none() {
                let intent = Intent::SetPassphrase { old: old(form), new: Some(Secret(std::mem::take(&mut form.new))) };
                cx.push(intent);
                *form = Form::default();
            }
        }
        let can_remove = has && !form.old.is_empty() && !cx.model.waiting;
        if has && Button::new(Kind::Quiet, lang.t("security-remove")).enabled(can_remove).show(ui, p).clicked() {
            cx.push(Intent::SetPassphrase { old: old(form), new: None });
        }
    });
}
