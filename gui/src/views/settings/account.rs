//! Backup, about, and the end of the account.

use super::titled;
use crate::model::{Dialog, Intent};
use crate::theme::{Weight, icons, size};
use crate::views::Cx;
use crate::widgets::button::{Button, Kind};
use crate::widgets::{card, text};
use egui::Ui;

/// Writing a backup.
pub fn backup(ui: &mut Ui, cx: &mut Cx<'_>) {
    titled(ui, cx, "backup-export", "backup-export-help", |ui, cx| {
        if Button::new(Kind::Primary, cx.lang.t("backup-export-go")).icon(icons::EXPORT).show(ui, cx.p).clicked() {
            cx.push(Intent::Ask(Dialog::Export));
        }
    });
    let (p, lang) = (cx.p, cx.lang);
    card(ui, p, |ui| {
        ui.horizontal_top(|ui| {
            text::icon(ui, icons::INFO, 20.0, p.accent_text);
            text::label(ui, lang.t("backup-import-where"), Weight::Regular, size::BODY - 0.5, p.muted);
        });
    });
}

/// Version and licences.
pub fn about(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (p, lang) = (cx.p, cx.lang);
    card(ui, p, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        text::label(ui, lang.t("app-name"), Weight::Bold, size::HEADING, p.strong);
        text::label(ui, lang.named("about-version", env!("CARGO_PKG_VERSION")), Weight::Regular, size::BODY, p.muted);
        text::label(ui, lang.t("about-what"), Weight::Regular, size::BODY, p.text);
        text::label(ui, lang.t("about-licence"), Weight::Regular, size::SECOND, p.muted);
        text::label(ui, lang.t("about-fonts"), Weight::Regular, size::SECOND, p.muted);
    });
}

/// The end.
pub fn delete(ui: &mut Ui, cx: &mut Cx<'_>) {
    titled(ui, cx, "account-delete", "account-delete-help", |ui, cx| {
        if Button::new(Kind::Danger, cx.lang.t("account-delete-go")).icon(icons::TRASH).show(ui, cx.p).clicked() {
            cx.push(Intent::Ask(Dialog::DeleteAccount));
        }
    });
}
