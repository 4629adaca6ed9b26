//! Questions and panels over the window.

use super::{Cx, UiState, search, switcher, words};
use crate::bridge::Secret;
use crate::command::UiCommand;
use crate::model::{Dialog, Intent, LinkFound};
use crate::theme::{Weight, icons, mono_font, size};
use crate::widgets::button::{Button, Kind};
use crate::widgets::field::Field;
use crate::widgets::{dialog, text};
use egui::{Frame, RichText, Ui};
use std::mem::discriminant;
use veche_protocol::core::command::Target;
use veche_protocol::ids::AccountId;
use veche_protocol::limits::{NAME_CHARS, REQUEST_TEXT_CHARS};

/// What is being typed into the dialog that is open.
#[derive(Default)]
pub struct Form {
    /// A passphrase asked for again.
    pub passphrase: String,
    /// The three words typed back.
    pub words: [String; 3],
    /// Somebody tried; faults are shown.
    pub tried: bool,
    again: String,
    name: String,
    note: String,
    confirm: String,
    shown: Option<std::mem::Discriminant<Dialog>>,
}

/// Shows the dialog that is open, if one is.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let Some(now) = cx.model.dialog.clone() else {
        st.dialogs = Form::default();
        st.switcher.reset();
        st.search.reset();
        return;
    };
    if st.dialogs.shown != Some(discriminant(&now)) {
        st.dialogs = Form { shown: Some(discriminant(&now)), ..Form::default() };
        if let Dialog::Rename(account) = &now {
            st.dialogs.name = cx.model.snap.person(*account).map(|p| p.name.clone()).unwrap_or_default();
        }
    }
    let title = title(cx, &now);
    let width = match &now {
        Dialog::Search(_) => 600.0,
        Dialog::Switcher | Dialog::Shortcuts | Dialog::Words(_) => 520.0,
        _ => 440.0,
    };
    let ((), gone) = dialog::show(ui, cx.p, &title, width, |ui| content(ui, cx, st, &now));
    if gone {
        cx.push(Intent::CloseDialog);
    }
}

fn name_of(cx: &Cx<'_>, account: AccountId) -> String {
    cx.model.snap.person(account).map_or_else(|| cx.lang.t("somebody").to_owned(), |p| p.name.clone())
}

fn title(cx: &Cx<'_>, now: &Dialog) -> String {
    let lang = cx.lang;
    match now {
        Dialog::Switcher => String::new(),
        Dialog::Search(_) => lang.t("search-title").to_owned(),
        Dialog::DeleteMessage(..) => lang.t("ask-delete-message").to_owned(),
        Dialog::Block(account) => lang.named("ask-block", &name_of(cx, *account)),
        Dialog::Rename(_) => lang.t("ask-rename").to_owned(),
        Dialog::Verify(account) => lang.named("ask-verify", &name_of(cx, *account)),
        Dialog::Words(_) => lang.t("ask-words").to_owned(),
        Dialog::Diagnosis(account) => lang.named("ask-diagnosis", &name_of(cx, *account)),
        Dialog::Link(found) if found.own => lang.t("ask-own-link").to_owned(),
        Dialog::Link(_) => lang.t("ask-link").to_owned(),
        Dialog::Export => lang.t("ask-export").to_owned(),
        Dialog::Import => lang.t("ask-import").to_owned(),
        Dialog::DeleteAccount => lang.t("ask-delete-account").to_owned(),
        Dialog::Shortcuts => lang.t("command-shortcuts").to_owned(),
        Dialog::MyLink => lang.t("add-mine").to_owned(),
    }
}

fn content(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, now: &Dialog) {
    match now {
        Dialog::Switcher => switcher::show(ui, cx, st),
        Dialog::Search(chat) => search::show(ui, cx, st, *chat),
        Dialog::DeleteMessage(chat, message) => {
            confirm(ui, cx, "ask-delete-message-words", "message-delete", Intent::Delete(*chat, *message));
        }
        Dialog::Block(account) => confirm(ui, cx, "ask-block-words", "card-block", Intent::Block(*account)),
        Dialog::Rename(account) => rename(ui, cx, &mut st.dialogs, *account),
        Dialog::Verify(account) => verify(ui, cx, *account),
        Dialog::Words(step) => words::show(ui, cx, &mut st.dialogs, step),
        Dialog::Diagnosis(_) => diagnosis(ui, cx),
        Dialog::Link(found) => link(ui, cx, st, found),
        Dialog::Export => export(ui, cx, &mut st.dialogs),
        Dialog::Import => import(ui, cx, &mut st.dialogs),
        Dialog::DeleteAccount => delete_account(ui, cx, &mut st.dialogs),
        Dialog::Shortcuts => {
            let room = ui.ctx().content_rect().height() - 200.0;
            egui::ScrollArea::vertical().id_salt("keys").max_height(room).show(ui, |ui| shortcuts(ui, cx));
        }
        Dialog::MyLink => super::add::own_link(ui, cx, st, 200.0),
    }
}

fn words_of(ui: &mut Ui, cx: &Cx<'_>, key: &'static str) {
    text::label(ui, cx.lang.t(key), Weight::Regular, size::BODY, cx.p.text);
}

/// A question with what will be lost.
fn confirm(ui: &mut Ui, cx: &mut Cx<'_>, words: &'static str, verb: &'static str, intent: Intent) {
    words_of(ui, cx, words);
    dialog::buttons(ui, |ui| {
        if Button::new(Kind::Danger, cx.lang.t(verb)).show(ui, cx.p).clicked() {
            cx.push(intent);
        }
        cancel(ui, cx);
    });
}

fn cancel(ui: &mut Ui, cx: &mut Cx<'_>) {
    if Button::new(Kind::Quiet, cx.lang.t("cancel")).show(ui, cx.p).clicked() {
        cx.push(Intent::CloseDialog);
    }
}

fn rename(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form, account: AccountId) {
    let own = cx.model.snap.person(account).map(|p| p.own_name.clone()).unwrap_or_default();
    let field = Field::new(&mut form.name, cx.lang.t("field-name")).hint(&own).limit(NAME_CHARS).help(cx.lang.t("help-rename"));
    let response = field.show(ui, cx.p);
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    dialog::buttons(ui, |ui| {
        if Button::new(Kind::Primary, cx.lang.t("save")).show(ui, cx.p).clicked() || entered {
            cx.push(Intent::Rename(account, form.name.trim().to_owned()));
        }
        cancel(ui, cx);
    });
}

fn verify(ui: &mut Ui, cx: &mut Cx<'_>, account: AccountId) {
    let p = cx.p;
    words_of(ui, cx, "verify-words");
    let number = cx.model.safety.get(&account).cloned();
    Frame::new().fill(p.sunken).corner_radius(size::R_LARGE).inner_margin(18).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.vertical_centered(|ui| match &number {
            Some(number) => {
                for line in super::card::number_lines(number, 4) {
                    ui.add(egui::Label::new(RichText::new(line).font(mono_font(18.0)).color(p.strong)).selectable(true));
                }
            }
            None => {
                text::label(ui, cx.lang.t("verify-coming"), Weight::Regular, size::BODY, p.muted);
            }
        });
    });
    if cx.model.mismatch {
        text::label(ui, cx.lang.t("verify-mismatch"), Weight::Medium, size::BODY, p.danger);
    }
    dialog::buttons(ui, |ui| {
        if let Some(number) = number
            && Button::new(Kind::Primary, cx.lang.t("verify-match")).show(ui, p).clicked()
        {
            cx.push(Intent::Verify(account, number));
        }
        cancel(ui, cx);
    });
}

fn diagnosis(ui: &mut Ui, cx: &mut Cx<'_>) {
    let p = cx.p;
    match cx.model.findings.clone() {
        None => words_of(ui, cx, "diagnosis-coming"),
        Some(findings) if findings.is_empty() => words_of(ui, cx, "diagnosis-fine"),
        Some(findings) => {
            for finding in findings {
                let key = format!("finding-{}", finding.kind.replace('_', "-"));
                let words = if cx.lang.has(&key) { cx.lang.t(&key).to_owned() } else { finding.text };
                ui.horizontal_top(|ui| {
                    text::icon(ui, icons::INFO, 20.0, p.accent_text);
                    text::label(ui, words, Weight::Regular, size::BODY, p.text);
                });
            }
        }
    }
    dialog::buttons(ui, |ui| {
        if Button::new(Kind::Plain, cx.lang.t("close")).show(ui, p).clicked() {
            cx.push(Intent::CloseDialog);
        }
    });
}

fn link(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, found: &LinkFound) {
    let p = cx.p;
    if found.own {
        words_of(ui, cx, "link-own-words");
        dialog::buttons(ui, |ui| cancel(ui, cx));
        return;
    }
    let known = cx.model.snap.person(found.account).cloned();
    let login = found.login.clone().unwrap_or_default();
    let name =
        known.as_ref().map_or_else(|| if login.is_empty() { cx.lang.t("somebody").to_owned() } else { login.clone() }, |k| k.name.clone());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let who = super::PersonLine { account: found.account, name: &name, below: &login, presence: None };
        super::person_line(ui, cx, st, p.raised, &who);
    });
    if known.as_ref().is_some_and(|k| k.relation == veche_protocol::view::Relation::Contact) {
        words_of(ui, cx, "link-known");
        dialog::buttons(ui, |ui| {
            if Button::new(Kind::Primary, cx.lang.t("nearby-write")).show(ui, p).clicked() {
                cx.push(Intent::OpenPerson(found.account));
            }
            cancel(ui, cx);
        });
        return;
    }
    words_of(ui, cx, "link-words");
    Field::new(&mut st.dialogs.note, cx.lang.t("field-note")).hint(cx.lang.t("hint-note")).limit(REQUEST_TEXT_CHARS).show(ui, p);
    super::door::problem(ui, cx);
    dialog::buttons(ui, |ui| {
        if Button::new(Kind::Primary, cx.lang.t("link-ask")).enabled(!cx.model.waiting).show(ui, p).clicked() {
            cx.push(Intent::Request { target: Target::Link(found.link.clone()), text: st.dialogs.note.trim().to_owned() });
        }
        cancel(ui, cx);
    });
}

fn export(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    words_of(ui, cx, "export-words");
    Field::new(&mut form.passphrase, lang.t("field-passphrase")).password().help(lang.t("help-passphrase")).show(ui, p);
    let fault = super::door::new_passphrase_fault(&form.passphrase, &form.again);
    let shown = fault.filter(|_| form.tried).map(|key| lang.t(key).to_owned());
    Field::new(&mut form.again, lang.t("field-again")).password().fault(shown).show(ui, p);
    dialog::buttons(ui, |ui| {
        if Button::new(Kind::Primary, lang.t("export-choose")).show(ui, p).clicked() {
            form.tried = true;
            if fault.is_none() {
                cx.push(Intent::ExportBackup(Secret(std::mem::take(&mut form.passphrase))));
            }
        }
        cancel(ui, cx);
    });
}

fn import(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    words_of(ui, cx, "import-words");
    Field::new(&mut form.passphrase, lang.t("field-passphrase")).password().show(ui, p);
    super::door::problem(ui, cx);
    dialog::buttons(ui, |ui| {
        let ready = !form.passphrase.is_empty() && !cx.model.waiting;
        if Button::new(Kind::Primary, lang.t("import-choose")).enabled(ready).show(ui, p).clicked() {
            cx.push(Intent::ImportBackup(Secret(std::mem::take(&mut form.passphrase))));
        }
        cancel(ui, cx);
    });
}

fn delete_account(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    let login = cx.model.snap.account.as_ref().map(|a| a.login.clone()).unwrap_or_default();
    for key in ["delete-what-messages", "delete-what-contacts", "delete-what-login"] {
        ui.horizontal_top(|ui| {
            text::icon(ui, icons::MINUS_CIRCLE, 20.0, p.danger);
            text::label(ui, lang.t(key), Weight::Regular, size::BODY, p.text);
        });
    }
    Field::new(&mut form.confirm, &lang.named("delete-confirm", &login)).hint(&login).show(ui, p);
    dialog::buttons(ui, |ui| {
        let ready = !login.is_empty() && form.confirm.trim() == login;
        if Button::new(Kind::Danger, lang.t("delete-go")).enabled(ready).show(ui, p).clicked() {
            cx.push(Intent::DeleteAccount);
        }
        cancel(ui, cx);
    });
}

/// The list of keys.
pub fn shortcuts(ui: &mut Ui, cx: &Cx<'_>) {
    let p = cx.p;
    let mut rows: Vec<(String, &str)> = UiCommand::ALL.iter().map(|c| (c.keys(ui.ctx()), cx.lang.t(c.label()))).collect();
    rows.extend([
        ("Enter".to_owned(), cx.lang.t("key-send")),
        ("Shift+Enter".to_owned(), cx.lang.t("key-newline")),
        ("↑".to_owned(), cx.lang.t("key-edit-last")),
        ("PageUp / PageDown".to_owned(), cx.lang.t("key-pages")),
        ("Ctrl + / Ctrl −".to_owned(), cx.lang.t("key-zoom")),
    ]);
    ui.spacing_mut().item_spacing.y = 6.0;
    for (keys, words) in rows {
        ui.horizontal(|ui| {
            text::line(ui, words, Weight::Regular, size::BODY, p.text);
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let frame = Frame::new().fill(p.sunken).corner_radius(size::R_SMALL + 2).inner_margin(egui::Margin::symmetric(8, 3));
                frame.show(ui, |ui| text::line(ui, keys, Weight::Medium, size::SECOND, p.strong));
            });
        });
    }
}
