//! Requests: theirs to answer, ours that wait.

use super::{Cx, PersonLine, UiState};
use crate::model::{Dialog, Intent, people};
use crate::theme::{Weight, icons, size};
use crate::widgets::button::{Button, Kind};
use crate::widgets::{button, card, text};
use egui::Ui;
use std::sync::Arc;
use veche_protocol::view::RequestView;

/// The page.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let p = cx.p;
    super::header(ui, p, icons::HAND_WAVING, cx.lang.t("page-requests"));
    super::column(ui, "requests", |ui| {
        let (incoming, outgoing): (Vec<_>, Vec<_>) = cx.model.snap.requests.iter().cloned().partition(|r| r.incoming);
        if incoming.is_empty() && outgoing.is_empty() {
            super::nothing(ui, p, icons::HAND_WAVING, cx.lang.t("requests-none"), cx.lang.t("requests-none-words"));
            return;
        }
        if !incoming.is_empty() {
            text::caption(ui, cx.lang.n("requests-incoming", incoming.len() as u64), p.muted);
            for one in &incoming {
                card(ui, p, |ui| theirs(ui, cx, st, one));
            }
            ui.add_space(12.0);
        }
        if !outgoing.is_empty() {
            text::caption(ui, cx.lang.t("requests-outgoing"), p.muted);
            for one in &outgoing {
                card(ui, p, |ui| ours(ui, cx, st, one));
            }
        }
    });
}

fn names(cx: &Cx<'_>, one: &RequestView) -> (String, String) {
    let known = cx.model.snap.person(one.account_id);
    let name = match known {
        Some(person) if !person.name.is_empty() => person.name.clone(),
        _ if !one.name.is_empty() => one.name.clone(),
        _ if !one.login.is_empty() => one.login.clone(),
        _ => cx.lang.t("somebody").to_owned(),
    };
    let handle = if one.login.is_empty() { String::new() } else { people::handle(&one.login, one.tag.as_deref()) };
    (name, handle)
}

fn theirs(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, one: &Arc<RequestView>) {
    let p = cx.p;
    let (name, handle) = names(cx, one);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let who = PersonLine { account: one.account_id, name: &name, below: &handle, presence: None };
        super::person_line(ui, cx, st, p.raised, &who);
    });
    if !one.text.trim().is_empty() {
        text::label(ui, one.text.trim(), Weight::Regular, size::BODY, p.text);
    }
    ui.horizontal(|ui| {
        if Button::new(Kind::Primary, cx.lang.t("request-accept")).show(ui, p).clicked() {
            cx.push(Intent::Accept(one.account_id));
        }
        if Button::new(Kind::Plain, cx.lang.t("request-decline")).show(ui, p).clicked() {
            cx.push(Intent::Decline(one.account_id));
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if button::icon(ui, p, icons::PROHIBIT, cx.lang.t("card-block"), false).clicked() {
                cx.push(Intent::Ask(Dialog::Block(one.account_id)));
            }
        });
    });
}

fn ours(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, one: &Arc<RequestView>) {
    let p = cx.p;
    let (name, _) = names(cx, one);
    let below = cx.lang.t(if one.delivered { "requests-delivered" } else { "requests-waiting" });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let room = ui.available_width() - 150.0;
        ui.allocate_ui(egui::vec2(room, 44.0), |ui| {
            ui.horizontal(|ui| {
                let who = PersonLine { account: one.account_id, name: &name, below, presence: None };
                super::person_line(ui, cx, st, p.raised, &who);
            });
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if !one.delivered && Button::new(Kind::Quiet, cx.lang.t("banner-why")).show(ui, p).clicked() {
                cx.push(Intent::Ask(Dialog::Diagnosis(one.account_id)));
            }
        });
    });
}
