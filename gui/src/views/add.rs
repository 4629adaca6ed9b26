//! Adding people: their link, their login, or the own link for them.

use super::{Cx, UiState};
use crate::model::{Intent, Page};
use crate::theme::{Weight, icons, size};
use crate::widgets::button::{Button, Kind, link};
use crate::widgets::field::Field;
use crate::widgets::{card, text};
use egui::Ui;
use std::sync::Arc;

/// What is being typed.
#[derive(Default)]
pub struct Form {
    theirs: String,
}

/// The page.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let p = cx.p;
    super::header(ui, p, icons::USER_PLUS, cx.lang.t("page-add"));
    super::column(ui, "add", |ui| {
        theirs(ui, cx, st);
        ui.add_space(14.0);
        mine(ui, cx, st);
        ui.add_space(14.0);
        if link(ui, p, cx.lang.t("add-nearby")).clicked() {
            cx.push(Intent::Go(Page::Nearby));
        }
    });
}

fn theirs(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let (p, lang) = (cx.p, cx.lang);
    text::label(ui, lang.t("add-theirs"), Weight::Semi, size::TITLE + 1.0, p.strong);
    text::label(ui, lang.t("add-theirs-words"), Weight::Regular, size::BODY - 0.5, p.muted);
    let field = Field::new(&mut st.add.theirs, lang.t("field-theirs")).hint(lang.t("hint-theirs")).limit(4_000).show(ui, p);
    super::door::problem(ui, cx);
    let typed = st.add.theirs.trim().to_owned();
    let button = Button::new(Kind::Primary, lang.t("add-find")).enabled(!typed.is_empty() && !cx.model.waiting).show(ui, p);
    let entered = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) && !typed.is_empty();
    if button.clicked() || entered {
        cx.push(if typed.starts_with("veche:") { Intent::Inspect(typed) } else { Intent::Lookup(typed) });
    }
    let Some(found) = cx.model.found.claimants.clone() else { return };
    ui.add_space(4.0);
    if cx.model.found.more {
        ui.horizontal(|ui| {
            ui.add(egui::Spinner::new().size(16.0).color(p.muted));
            text::line(ui, lang.t("add-searching"), Weight::Regular, size::BODY, p.muted);
        });
    } else if found.is_empty() {
        let key = if cx.model.found.nowhere { "add-nowhere" } else { "add-nobody" };
        text::label(ui, lang.t(key), Weight::Regular, size::BODY, p.muted);
        if cx.model.found.nowhere && link(ui, p, lang.t("add-nowhere-go")).clicked() {
            cx.push(Intent::Go(Page::Settings(crate::model::SettingsTab::Network)));
        }
        return;
    }
    if found.len() > 1 {
        text::label(ui, lang.t("add-several"), Weight::Regular, size::BODY - 0.5, p.warn);
    }
    for one in found {
        card(ui, p, |ui| super::nearby::row(ui, cx, st, &Arc::new(one)));
    }
}

fn mine(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let (p, lang) = (cx.p, cx.lang);
    text::label(ui, lang.t("add-mine"), Weight::Semi, size::TITLE + 1.0, p.strong);
    text::label(ui, lang.t("add-mine-words"), Weight::Regular, size::BODY - 0.5, p.muted);
    card(ui, p, |ui| own_link(ui, cx, st, 168.0));
}

/// The own link as a picture and as text.
pub fn own_link(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, side: f32) {
    let (p, lang) = (cx.p, cx.lang);
    let Some(address) = cx.model.my_link.clone() else {
        text::label(ui, lang.t("add-link-coming"), Weight::Regular, size::BODY, p.muted);
        return;
    };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        if let Some(qr) = st.qr(&address) {
            qr.show(ui, lang.t("add-qr"), side);
        }
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 10.0;
            let short: String = address.chars().take(150).collect();
            let short = if short.len() < address.len() { format!("{short}…") } else { short };
            ui.add(egui::Label::new(egui::RichText::new(short).font(crate::theme::mono_font(size::SMALL)).color(p.muted)).wrap());
            if Button::new(Kind::Primary, lang.t("add-copy")).icon(icons::COPY).show(ui, p).clicked() {
                cx.push(Intent::Copy(address.clone()));
            }
            if link(ui, p, lang.t("add-renew")).on_hover_text(lang.t("add-renew-help")).clicked() {
                cx.push(Intent::RenewLink);
            }
        });
    });
}
