//! Settings, over the whole window: parts at the left, the chosen part beside them.

mod account;
mod network;
mod profile;
mod security;
mod voice;

use super::{Cx, UiState, call, column, dialogs};
use crate::command::UiCommand;
use crate::i18n::Language;
use crate::model::{Intent, SettingsTab};
use crate::theme::{Weight, icons, size};
use crate::widgets::{button, card, row, text, toggle};
use egui::{CentralPanel, Frame, Panel, Rect, Sense, Ui, pos2, vec2};
use veche_protocol::view::{Gate, Settings, Theme};

/// What is being typed.
#[derive(Default)]
pub struct Form {
    profile: profile::Form,
    security: security::Form,
    network: network::Form,
    voice: voice::Form,
}

/// The page.
pub fn page(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, tab: SettingsTab) {
    let p = cx.p;
    let width = if ui.available_width() < size::NARROW { 216.0 } else { size::SIDE };
    let panel = Panel::left("settings").exact_size(width).resizable(false).show_separator_line(false);
    panel.frame(Frame::new().fill(p.side)).show(ui, |ui| {
        call::bar(ui, cx, st);
        tabs(ui, cx, tab);
    });
    CentralPanel::no_frame().frame(Frame::new().fill(p.main)).show(ui, |ui| {
        let whole = ui.max_rect();
        column(ui, label(tab), |ui| {
            text::heading(ui, cx.lang.t(label(tab)), p.strong);
            ui.add_space(4.0);
            match tab {
                SettingsTab::Profile => profile::show(ui, cx, st),
                SettingsTab::Appearance => appearance(ui, cx),
                SettingsTab::Notifications => notifications(ui, cx),
                SettingsTab::Voice => voice::show(ui, cx, st),
                SettingsTab::Privacy => privacy(ui, cx),
                SettingsTab::Security => security::show(ui, cx, st),
                SettingsTab::Backup => account::backup(ui, cx),
                SettingsTab::Network => network::show(ui, cx, st),
                SettingsTab::Keyboard => card(ui, p, |ui| dialogs::shortcuts(ui, cx)),
                SettingsTab::About => account::about(ui, cx),
                SettingsTab::Account => account::delete(ui, cx),
            }
        });
        let place = Rect::from_center_size(pos2(whole.right() - 38.0, whole.top() + 42.0), vec2(36.0, 36.0));
        let response = ui.interact(place, ui.unique_id().with("close"), Sense::click());
        button::icon_at(ui, p, place, &response, icons::X, cx.lang.t("close"), false);
        text::paint_line(ui, pos2(place.left() + 7.0, place.bottom() + 10.0), 40.0, "Esc", Weight::Medium.font(size::CAPTION), p.faint);
        if response.clicked() {
            cx.push(Intent::Do(UiCommand::Escape));
        }
    });
}

const fn label(tab: SettingsTab) -> &'static str {
    match tab {
        SettingsTab::Profile => "settings-profile",
        SettingsTab::Appearance => "settings-appearance",
        SettingsTab::Notifications => "settings-notifications",
        SettingsTab::Voice => "settings-voice",
        SettingsTab::Privacy => "settings-privacy",
        SettingsTab::Security => "settings-security",
        SettingsTab::Backup => "settings-backup",
        SettingsTab::Network => "settings-network",
        SettingsTab::Keyboard => "settings-keyboard",
        SettingsTab::About => "settings-about",
        SettingsTab::Account => "settings-account",
    }
}

const fn icon(tab: SettingsTab) -> char {
    match tab {
        SettingsTab::Profile => icons::USER_CIRCLE,
        SettingsTab::Appearance => icons::PALETTE,
        SettingsTab::Notifications => icons::BELL,
        SettingsTab::Voice => icons::MICROPHONE,
        SettingsTab::Privacy => icons::EYE,
        SettingsTab::Security => icons::LOCK_KEY,
        SettingsTab::Backup => icons::FLOPPY_DISK,
        SettingsTab::Network => icons::WIFI_HIGH,
        SettingsTab::Keyboard => icons::KEYBOARD,
        SettingsTab::About => icons::INFO,
        SettingsTab::Account => icons::TRASH,
    }
}

fn tabs(ui: &mut Ui, cx: &mut Cx<'_>, now: SettingsTab) {
    let p = cx.p;
    ui.add_space(14.0);
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 0.0;
        ui.add_space(8.0);
        ui.vertical(|ui| {
            ui.set_width(ui.available_width() - 8.0);
            ui.spacing_mut().item_spacing.y = 2.0;
            if row::nav(ui, p, icons::ARROW_LEFT, cx.lang.t("settings-back"), false, 0).clicked() {
                cx.push(Intent::Do(UiCommand::Escape));
            }
            ui.add_space(10.0);
            for tab in SettingsTab::ALL {
                if row::nav(ui, p, icon(tab), cx.lang.t(label(tab)), tab == now, 0).clicked() {
                    cx.push(Intent::GoSettings(tab));
                }
            }
        });
    });
}

/// Changes one thing in the settings.
fn set(cx: &mut Cx<'_>, change: impl FnOnce(&mut Settings)) {
    let mut settings = (*cx.model.snap.settings).clone();
    change(&mut settings);
    cx.push(Intent::Settings(settings));
}

/// A caption with something below, in a card.
fn titled<R>(ui: &mut Ui, cx: &mut Cx<'_>, title: &'static str, words: &'static str, add: impl FnOnce(&mut Ui, &mut Cx<'_>) -> R) -> R {
    let p = cx.p;
    card(ui, p, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        text::label(ui, cx.lang.t(title), Weight::Semi, size::NAME, p.strong);
        if !words.is_empty() {
            text::label(ui, cx.lang.t(words), Weight::Regular, size::SECOND + 0.5, p.muted);
        }
        ui.add_space(2.0);
        add(ui, cx)
    })
}

fn appearance(ui: &mut Ui, cx: &mut Cx<'_>) {
    titled(ui, cx, "appearance-theme", "appearance-theme-words", |ui, cx| {
        let lang = cx.lang;
        let choices = [(Theme::System, lang.t("theme-system")), (Theme::Dark, lang.t("theme-dark")), (Theme::Light, lang.t("theme-light"))];
        let now = cx.model.snap.settings.theme;
        if let Some(theme) = button::segments(ui, cx.p, lang.t("appearance-theme"), now, &choices) {
            set(cx, |s| s.theme = theme);
        }
    });
    titled(ui, cx, "appearance-language", "appearance-language-words", |ui, cx| {
        let lang = cx.lang;
        let mut choices = vec![("", lang.t("theme-system"))];
        choices.extend(Language::ALL.map(|l| (l.tag(), l.own_name())));
        let language = cx.model.snap.settings.language.clone();
        let now = choices.iter().map(|(tag, _)| *tag).find(|tag| *tag == language).unwrap_or_default();
        if let Some(tag) = button::segments(ui, cx.p, lang.t("appearance-language"), now, &choices) {
            set(cx, |s| tag.clone_into(&mut s.language));
        }
    });
}

fn notifications(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (p, lang, on) = (cx.p, cx.lang, cx.model.snap.settings.notifications);
    card(ui, p, |ui| {
        if let Some(on) = toggle::row(ui, p, lang.t("notifications-on"), lang.t("notifications-on-help"), on) {
            set(cx, |s| s.notifications = on);
        }
    });
}

fn privacy(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (p, lang) = (cx.p, cx.lang);
    let settings = cx.model.snap.settings.clone();
    card(ui, p, |ui| {
        if let Some(on) = toggle::row(ui, p, lang.t("privacy-receipts"), lang.t("privacy-receipts-help"), settings.receipts) {
            set(cx, |s| s.receipts = on);
        }
        crate::widgets::line(ui, p);
        if let Some(on) = toggle::row(ui, p, lang.t("privacy-typing"), lang.t("privacy-typing-help"), settings.typing) {
            set(cx, |s| s.typing = on);
        }
        crate::widgets::line(ui, p);
        if let Some(on) = toggle::row(ui, p, lang.t("nearby-visible"), lang.t("nearby-visible-help"), settings.visible_nearby) {
            set(cx, |s| s.visible_nearby = on);
        }
        crate::widgets::line(ui, p);
        if let Some(on) = toggle::row(ui, p, lang.t("privacy-listed"), lang.t("privacy-listed-help"), settings.listed) {
            set(cx, |s| s.listed = on);
        }
    });
    titled(ui, cx, "privacy-gate", "privacy-gate-words", |ui, cx| {
        let lang = cx.lang;
        let choices = [(Gate::Anyone, lang.t("gate-anyone")), (Gate::Code, lang.t("gate-code")), (Gate::Nobody, lang.t("gate-nobody"))];
        if let Some(gate) = button::segments(ui, cx.p, lang.t("privacy-gate"), settings.gate, &choices) {
            set(cx, |s| s.gate = gate);
        }
    });
    blocked(ui, cx);
}

fn blocked(ui: &mut Ui, cx: &mut Cx<'_>) {
    let p = cx.p;
    let blocked: Vec<_> = cx.model.snap.people.iter().filter(|b| b.relation == veche_protocol::view::Relation::Blocked).cloned().collect();
    if blocked.is_empty() {
        return;
    }
    titled(ui, cx, "privacy-blocked", "", |ui, cx| {
        for one in &blocked {
            ui.horizontal(|ui| {
                text::line(ui, &one.name, Weight::Medium, size::BODY, p.text);
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if button::Button::new(button::Kind::Plain, cx.lang.t("card-unblock")).show(ui, p).clicked() {
                        cx.push(Intent::Unblock(one.account_id));
                    }
                });
            });
        }
    });
}
