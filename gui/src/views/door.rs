//! Everything before the main window: starting, first run, coming back, unlocking, failing.

use super::{Cx, UiState};
use crate::bridge::{Phase, Problem, Secret};
use crate::model::{Dialog, Intent, login};
use crate::theme::{Weight, icons, size};
use crate::widgets::button::{Button, Kind, link};
use crate::widgets::field::Field;
use crate::widgets::text;
use egui::{CentralPanel, Frame, Id, Ui};
use veche_protocol::identity::login::MAX;
use veche_protocol::limits::NAME_CHARS;

/// Shortest passphrase, characters: argon2id makes each try slow, length must do the rest.
pub const MIN_PASSPHRASE: usize = 8;

/// What is being typed.
#[derive(Default)]
pub struct Form {
    name: String,
    login: String,
    /// The login was changed by hand and no longer follows the name.
    own_login: bool,
    protect: bool,
    passphrase: String,
    again: String,
    restore: bool,
    words: String,
    /// Faults are shown once somebody tried.
    tried: bool,
    focused: bool,
}

impl Form {
    /// Forgets secrets as soon as they are of no more use.
    pub fn wipe(&mut self) {
        self.passphrase.clear();
        self.again.clear();
        self.words.clear();
    }
}

/// The page of a phase before the main window.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    CentralPanel::no_frame().frame(Frame::new().fill(cx.p.side)).show(ui, |ui| {
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            let width = 440.0_f32.min(ui.available_width() - 32.0);
            let id = Id::unique("door-height");
            let tall = ui.data(|d| d.get_temp::<f32>(id)).unwrap_or(520.0);
            ui.add_space(((ui.available_height() - tall) / 2.0).max(24.0));
            let left = (ui.available_width() - width) / 2.0;
            let shown = ui.horizontal_top(|ui| {
                ui.add_space(left);
                ui.vertical(|ui| {
                    ui.set_width(width);
                    panel(ui, cx, st);
                });
            });
            let now = shown.response.rect.height();
            if (now - tall).abs() > 0.5 {
                ui.data_mut(|d| d.insert_temp(id, now));
                ui.ctx().request_repaint();
            }
            ui.add_space(24.0);
        });
    });
}

fn panel(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    emblem(ui, cx);
    match &cx.model.phase {
        Phase::Starting => starting(ui, cx),
        Phase::FirstRun if st.door.restore => framed(ui, cx, st, restore),
        Phase::FirstRun => framed(ui, cx, st, create),
        Phase::Locked => framed(ui, cx, st, unlock),
        Phase::Failed(problem) => failed(ui, cx, &problem.clone()),
        Phase::Gone => gone(ui, cx),
        Phase::Ready => {}
    }
}

fn emblem(ui: &mut Ui, cx: &Cx<'_>) {
    ui.vertical_centered(|ui| {
        let (rect, _) = ui.allocate_exact_size(egui::vec2(64.0, 64.0), egui::Sense::hover());
        ui.painter().rect_filled(rect, 20, cx.p.accent);
        text::paint_icon(ui.painter(), rect.center(), icons::CHAT_CIRCLE_DOTS, 38.0, cx.p.on_accent, true);
    });
    ui.add_space(12.0);
}

fn title(ui: &mut Ui, cx: &Cx<'_>, title: &str, words: &str) {
    ui.vertical_centered(|ui| {
        text::label(ui, title, Weight::Bold, size::DISPLAY - 2.0, cx.p.strong);
        if !words.is_empty() {
            text::label(ui, words, Weight::Regular, size::BODY, cx.p.muted);
        }
    });
    ui.add_space(12.0);
}

fn framed(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, add: impl FnOnce(&mut Ui, &mut Cx<'_>, &mut Form)) {
    let (heading, words) = match (&cx.model.phase, st.door.restore) {
        (Phase::Locked, _) => ("unlock-title", "unlock-words"),
        (_, true) => ("restore-title", "restore-words"),
        _ => ("first-title", "first-words"),
    };
    title(ui, cx, cx.lang.t(heading), cx.lang.t(words));
    let p = cx.p;
    let frame = Frame::new().fill(p.main).corner_radius(16).inner_margin(24).stroke(egui::Stroke::new(1.0, p.line));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 14.0;
        add(ui, cx, &mut st.door);
    });
}

fn starting(ui: &mut Ui, cx: &Cx<'_>) {
    title(ui, cx, cx.lang.t("app-name"), cx.lang.t("starting"));
}

fn create(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    let before = form.name.clone();
    let name_fault = (form.tried && form.name.trim().is_empty()).then(|| lang.t("name-empty").to_owned());
    let name = Field::new(&mut form.name, lang.t("field-name")).hint(lang.t("hint-name")).limit(NAME_CHARS).fault(name_fault).show(ui, p);
    if !form.focused {
        name.request_focus();
        form.focused = true;
    }
    if form.name != before && !form.own_login {
        form.login = login::propose(&form.name);
    }
    let login_before = form.login.clone();
    let fault = login::fault(&form.login).filter(|_| form.tried || (form.own_login && !form.login.is_empty()));
    let field = Field::new(&mut form.login, lang.t("field-login")).limit(MAX).help(lang.t("help-login"));
    let login_field = field.fault(fault.map(|key| lang.t(key).to_owned())).show(ui, p);
    if form.login != login_before {
        form.login = form.login.to_lowercase();
        form.own_login = !form.login.is_empty();
    }
    protect(ui, cx, form);
    problem(ui, cx);
    let ready = login::fault(&form.login).is_none() && !form.name.trim().is_empty() && passphrase_fault(form).is_none();
    let words = if cx.model.waiting { lang.t("first-working") } else { lang.t("first-create") };
    let button = Button::new(Kind::Primary, words).wide().enabled(!cx.model.waiting).show(ui, p);
    let left = name.lost_focus() || login_field.lost_focus();
    let entered = left && ui.input(|i| i.key_pressed(egui::Key::Enter)) && !cx.model.waiting;
    if button.clicked() || entered {
        form.tried = true;
        if ready {
            let passphrase = form.protect.then(|| Secret(form.passphrase.clone()));
            cx.push(Intent::CreateAccount { login: form.login.clone(), name: form.name.trim().to_owned(), passphrase });
        }
    }
    ui.vertical_centered(|ui| {
        if link(ui, p, lang.t("first-have")).clicked() {
            form.restore = true;
            form.tried = false;
        }
    });
}

fn protect(ui: &mut Ui, cx: &Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    if !form.protect {
        if link(ui, p, lang.t("first-protect")).clicked() {
            form.protect = true;
        }
        return;
    }
    Field::new(&mut form.passphrase, lang.t("field-passphrase")).password().help(lang.t("help-passphrase")).show(ui, p);
    let fault = passphrase_fault(form).filter(|_| form.tried).map(|key| lang.t(key).to_owned());
    Field::new(&mut form.again, lang.t("field-again")).password().fault(fault).show(ui, p);
    if link(ui, p, lang.t("first-no-protect")).clicked() {
        form.protect = false;
        form.wipe();
    }
}

fn passphrase_fault(form: &Form) -> Option<&'static str> {
    if form.protect { new_passphrase_fault(&form.passphrase, &form.again) } else { None }
}

/// What is wrong with a new passphrase that was typed twice.
pub fn new_passphrase_fault(first: &str, again: &str) -> Option<&'static str> {
    match () {
        () if first.chars().count() < MIN_PASSPHRASE => Some("passphrase-short"),
        () if first != again => Some("passphrase-differs"),
        () => None,
    }
}

fn restore(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    let count = form.words.split_whitespace().count();
    let fault = (form.tried && count != 12).then(|| lang.n("restore-count", count as u64));
    Field::new(&mut form.words, lang.t("field-words")).rows(3).mono().help(lang.t("help-words")).fault(fault).show(ui, p);
    Field::new(&mut form.name, lang.t("field-name")).limit(NAME_CHARS).show(ui, p);
    let fault = login::fault(&form.login).filter(|_| form.tried).map(|key| lang.t(key).to_owned());
    Field::new(&mut form.login, lang.t("field-login")).limit(MAX).help(lang.t("help-login-again")).fault(fault).show(ui, p);
    problem(ui, cx);
    let words = if cx.model.waiting { lang.t("first-working") } else { lang.t("restore-go") };
    if Button::new(Kind::Primary, words).wide().enabled(!cx.model.waiting).show(ui, p).clicked() {
        form.tried = true;
        let login = form.login.trim().to_lowercase();
        if count == 12 && login::fault(&login).is_none() {
            let words = form.words.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
            let name = if form.name.trim().is_empty() { login.clone() } else { form.name.trim().to_owned() };
            cx.push(Intent::Restore { words: Secret(words), login, name });
        }
    }
    ui.horizontal(|ui| {
        if link(ui, p, lang.t("restore-new")).clicked() {
            form.restore = false;
            form.tried = false;
            form.wipe();
        }
        ui.add_space(12.0);
        if link(ui, p, lang.t("restore-backup")).clicked() {
            cx.push(Intent::Ask(Dialog::Import));
        }
    });
}

fn unlock(ui: &mut Ui, cx: &mut Cx<'_>, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    let field = Field::new(&mut form.passphrase, lang.t("field-passphrase")).password().show(ui, p);
    if !form.focused {
        field.request_focus();
        form.focused = true;
    }
    problem(ui, cx);
    let words = if cx.model.waiting { lang.t("unlock-working") } else { lang.t("unlock-go") };
    let can = !cx.model.waiting && !form.passphrase.is_empty();
    let button = Button::new(Kind::Primary, words).wide().enabled(can).show(ui, p);
    if button.clicked() || (can && ui.input(|i| i.key_pressed(egui::Key::Enter))) {
        cx.push(Intent::Unlock(Secret(std::mem::take(&mut form.passphrase))));
        form.focused = false;
    }
}

/// Why the last try did not work.
pub fn problem(ui: &mut Ui, cx: &Cx<'_>) {
    if let Some(say) = &cx.model.problem {
        let frame = Frame::new().fill(cx.p.danger_soft).corner_radius(size::R).inner_margin(12);
        frame.show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal_top(|ui| {
                text::icon(ui, icons::WARNING_CIRCLE, 20.0, cx.p.danger);
                text::label(ui, cx.lang.say(say), Weight::Medium, size::SECOND + 0.5, cx.p.danger);
            });
        });
    }
}

fn failed(ui: &mut Ui, cx: &mut Cx<'_>, problem: &Problem) {
    title(ui, cx, cx.lang.t("failed-title"), &cx.lang.problem(problem));
    ui.vertical_centered(|ui| {
        if Button::new(Kind::Plain, cx.lang.t("failed-copy")).icon(icons::COPY).show(ui, cx.p).clicked() {
            cx.push(Intent::Copy(format!("{}: {}", problem.kind, problem.sentence)));
        }
    });
}

fn gone(ui: &mut Ui, cx: &Cx<'_>) {
    title(ui, cx, cx.lang.t("gone-title"), cx.lang.t("gone-words"));
}
