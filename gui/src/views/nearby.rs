//! People on this network.

use super::{Cx, PersonLine, UiState};
use crate::model::{Intent, Page, people};
use crate::theme::{Weight, icons, size};
use crate::widgets::button::{Button, Kind};
use crate::widgets::{card, text, toggle};
use egui::Ui;
use std::sync::Arc;
use veche_protocol::core::command::Target;
use veche_protocol::view::{NearbyView, Relation};

/// The page.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let p = cx.p;
    super::header(ui, p, icons::BROADCAST, cx.lang.t("page-nearby"));
    super::column(ui, "nearby", |ui| {
        card(ui, p, |ui| {
            let on = cx.model.snap.settings.visible_nearby;
            if let Some(on) = toggle::row(ui, p, cx.lang.t("nearby-visible"), cx.lang.t("nearby-visible-help"), on) {
                let settings = veche_protocol::view::Settings { visible_nearby: on, ..(*cx.model.snap.settings).clone() };
                cx.push(Intent::Settings(settings));
            }
        });
        ui.add_space(12.0);
        let nearby = cx.model.snap.nearby.clone();
        if nearby.is_empty() {
            super::nothing(ui, p, icons::BROADCAST, cx.lang.t("nearby-nobody"), cx.lang.t("nearby-nobody-words"));
            return;
        }
        text::caption(ui, cx.lang.n("nearby-count", nearby.len() as u64), p.muted);
        for one in &nearby {
            card(ui, p, |ui| row(ui, cx, st, one));
        }
    });
}

/// One of them, with what can be done.
pub fn row(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, one: &Arc<NearbyView>) {
    let p = cx.p;
    let handle = people::handle(&one.login, one.tag.as_deref());
    let known = cx.model.snap.person(one.account_id);
    let name = known.map_or_else(|| one.name.clone(), |k| k.name.clone());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        let room = ui.available_width() - 190.0;
        ui.allocate_ui(egui::vec2(room, 44.0), |ui| {
            ui.horizontal(|ui| {
                let who = PersonLine { account: one.account_id, name: &name, below: &handle, presence: None };
                super::person_line(ui, cx, st, p.raised, &who);
            });
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let relation = known.map(|k| k.relation).or(one.relation);
            match relation {
                Some(Relation::Contact) => {
                    if Button::new(Kind::Plain, cx.lang.t("nearby-write")).show(ui, p).clicked() {
                        cx.push(Intent::OpenPerson(one.account_id));
                    }
                }
                Some(Relation::Requested) => {
                    text::line(ui, cx.lang.t("nearby-asked"), Weight::Medium, size::SECOND, p.muted);
                }
                Some(Relation::Asking) => {
                    if Button::new(Kind::Primary, cx.lang.t("nearby-answer")).show(ui, p).clicked() {
                        cx.push(Intent::Go(Page::Requests));
                    }
                }
                Some(Relation::Blocked) => {
                    text::line(ui, cx.lang.t("nearby-blocked"), Weight::Medium, size::SECOND, p.muted);
                }
                Some(Relation::Gone) => {}
                None => {
                    if Button::new(Kind::Primary, cx.lang.t("nearby-ask")).show(ui, p).clicked() {
                        cx.push(Intent::Request { target: Target::Account(one.account_id), text: String::new() });
                    }
                }
            }
        });
    });
}
