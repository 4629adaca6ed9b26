//! What contacts see: name, about, status.

use super::titled;
use crate::model::{Intent, people};
use crate::theme::{Weight, icons, size};
use crate::views::{Cx, UiState};
use crate::widgets::avatar::Look;
use crate::widgets::button::{self, Button, Kind};
use crate::widgets::field::Field;
use crate::widgets::{card, text};
use egui::{Sense, Ui, vec2};
use veche_protocol::core::command::ProfilePatch;
use veche_protocol::limits::{INFO, NAME_CHARS, STATUS_CHARS};
use veche_protocol::view::{AccountView, Presence, Status};

/// What is being typed; made from the account when the page is opened and whenever the account changes by itself.
#[derive(Default)]
pub struct Form {
    made_from: Option<(String, String, String)>,
    name: String,
    info: String,
    status_text: String,
}

impl Form {
    fn follow(&mut self, account: &AccountView) {
        let stored = (account.name.clone(), account.info.clone(), account.status_text.clone());
        if self.made_from.as_ref() != Some(&stored) {
            (self.name, self.info, self.status_text) = stored.clone();
            self.made_from = Some(stored);
        }
    }

    fn changed(&self, account: &AccountView) -> bool {
        self.name.trim() != account.name || self.info.trim() != account.info || self.status_text.trim() != account.status_text
    }
}

/// The part.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let Some(account) = cx.model.snap.account.clone() else { return };
    st.settings.profile.follow(&account);
    who(ui, cx, st, &account);
    titled(ui, cx, "profile-status", "", |ui, cx| {
        let lang = cx.lang;
        let choices = [
            (Status::Online, lang.t("status-online")),
            (Status::Idle, lang.t("status-idle")),
            (Status::Dnd, lang.t("status-dnd")),
            (Status::Invisible, lang.t("status-invisible")),
        ];
        if let Some(status) = button::segments(ui, cx.p, lang.t("profile-status"), account.status, &choices) {
            cx.push(Intent::Profile(ProfilePatch { status: Some(status), ..ProfilePatch::default() }));
        }
    });
    let (p, lang) = (cx.p, cx.lang);
    let form = &mut st.settings.profile;
    card(ui, p, |ui| {
        ui.spacing_mut().item_spacing.y = 14.0;
        let fault = form.name.trim().is_empty().then(|| lang.t("name-empty").to_owned());
        Field::new(&mut form.name, lang.t("field-name")).limit(NAME_CHARS).fault(fault).show(ui, p);
        Field::new(&mut form.status_text, lang.t("field-status")).hint(lang.t("hint-status")).limit(STATUS_CHARS).show(ui, p);
        Field::new(&mut form.info, lang.t("field-about")).hint(lang.t("hint-about")).limit(INFO / 4).rows(3).show(ui, p);
        ui.horizontal(|ui| {
            let ready = form.changed(&account) && !form.name.trim().is_empty();
            if Button::new(Kind::Primary, lang.t("save")).enabled(ready).show(ui, p).clicked() {
                cx.push(Intent::Profile(ProfilePatch {
                    name: Some(form.name.trim().to_owned()),
                    info: Some(form.info.trim().to_owned()),
                    status: None,
                    status_text: Some(form.status_text.trim().to_owned()),
                }));
            }
            if ready && Button::new(Kind::Quiet, lang.t("cancel")).show(ui, p).clicked() {
                form.made_from = None;
            }
        });
    });
}

fn who(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, account: &AccountView) {
    let p = cx.p;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 16.0;
        let (rect, _) = ui.allocate_exact_size(vec2(72.0, 72.0), Sense::hover());
        let presence = if account.status == Status::Invisible { Presence::Offline } else { Presence::Online };
        let look = Look { size: 72.0, presence: Some(presence), back: p.main };
        st.avatars.paint(ui, p, rect.center(), account.account_id, &account.name, look);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            ui.add_space(8.0);
            text::line(ui, &account.name, Weight::Bold, size::HEADING, p.strong);
            ui.horizontal(|ui| {
                let handle = people::handle(&account.login, account.tag.as_deref());
                text::selectable(ui, &handle, Weight::Regular.font(size::BODY), p.muted);
                if button::icon_sized(ui, p, icons::COPY, cx.lang.t("profile-copy"), false, 26.0).clicked() {
                    cx.push(Intent::Copy(handle));
                }
            });
            if account.tag.is_none() {
                text::line(ui, cx.lang.t("profile-tag-coming"), Weight::Regular, size::SMALL, p.faint);
            }
        });
    });
}
