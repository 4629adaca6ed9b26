//! Somebody without a conversation: asked, asking, blocked, gone.

use super::{Cx, UiState};
use crate::model::{Dialog, Intent, people};
use crate::theme::{Weight, icons, size};
use crate::widgets::avatar::Look;
use crate::widgets::button::{Button, Kind};
use crate::widgets::text;
use egui::{Sense, Ui, vec2};
use veche_protocol::ids::AccountId;
use veche_protocol::view::Relation;

/// The page.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, account: AccountId) {
    let p = cx.p;
    let person = cx.model.snap.person(account).cloned();
    let request = cx.model.snap.requests.iter().find(|r| r.account_id == account).cloned();
    let name = match (&person, &request) {
        (Some(person), _) if !person.name.is_empty() => person.name.clone(),
        (_, Some(request)) if !request.name.is_empty() => request.name.clone(),
        _ => cx.lang.t("somebody").to_owned(),
    };
    super::header(ui, p, icons::USER, &name);
    let relation = person.as_ref().map(|p| p.relation);
    let login = person.as_ref().map(|p| people::handle(&p.login, p.tag.as_deref())).unwrap_or_default();
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.2).clamp(16.0, 140.0));
        let (rect, _) = ui.allocate_exact_size(vec2(96.0, 96.0), Sense::hover());
        st.avatars.paint(ui, p, rect.center(), account, &name, Look { size: 96.0, presence: None, back: p.main });
        ui.add_space(8.0);
        text::label(ui, &name, Weight::Bold, size::HEADING + 2.0, p.strong);
        if !login.is_empty() {
            text::label(ui, login, Weight::Regular, size::BODY, p.muted);
        }
        ui.add_space(6.0);
        let key = match (relation, request.as_ref().map(|r| (r.incoming, r.delivered))) {
            (Some(Relation::Blocked), _) => "person-blocked",
            (Some(Relation::Gone), _) => "person-gone",
            (_, Some((true, _))) => "person-asking",
            (_, Some((false, true))) => "person-asked-delivered",
            (_, Some((false, false))) => "person-asked",
            (Some(Relation::Contact), _) => "person-opening",
            _ => "person-unknown",
        };
        ui.scope(|ui| {
            ui.set_max_width(440.0);
            text::label(ui, cx.lang.t(key), Weight::Regular, size::BODY, p.muted);
        });
        if let Some(words) = request.as_ref().map(|r| r.text.trim()).filter(|t| !t.is_empty()) {
            ui.add_space(4.0);
            ui.scope(|ui| {
                ui.set_max_width(440.0);
                text::label(ui, format!("“{words}”"), Weight::Medium, size::BODY, p.text);
            });
        }
        ui.add_space(14.0);
        let (incoming, delivered) = request.as_ref().map_or((false, false), |r| (r.incoming, r.delivered));
        buttons(ui, cx, account, relation, incoming, delivered);
    });
}

fn buttons(ui: &mut Ui, cx: &mut Cx<'_>, account: AccountId, relation: Option<Relation>, incoming: bool, delivered: bool) {
    let p = cx.p;
    ui.scope(|ui| {
        ui.set_max_width(320.0);
        if incoming {
            if Button::new(Kind::Primary, cx.lang.t("request-accept")).wide().show(ui, p).clicked() {
                cx.push(Intent::Accept(account));
            }
            if Button::new(Kind::Plain, cx.lang.t("request-decline")).wide().show(ui, p).clicked() {
                cx.push(Intent::Decline(account));
            }
        }
        let lang = cx.lang;
        let shows = |ui: &mut Ui, key| Button::new(Kind::Plain, lang.t(key)).wide().show(ui, p).clicked();
        if relation == Some(Relation::Blocked) && shows(ui, "card-unblock") {
            cx.push(Intent::Unblock(account));
        }
        if relation == Some(Relation::Requested) && !delivered && shows(ui, "card-why") {
            cx.push(Intent::Ask(Dialog::Diagnosis(account)));
        }
    });
}
