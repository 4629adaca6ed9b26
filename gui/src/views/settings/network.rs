//! The only technical page: addresses and connections.

use super::titled;
use crate::model::Intent;
use crate::theme::{Weight, icons, mono_font, size};
use crate::views::{Cx, UiState};
use crate::widgets::button::{self, Button, Kind};
use crate::widgets::field::Field;
use crate::widgets::text;
use egui::{RichText, Sense, Ui, vec2};
use veche_protocol::link::Nat;
use veche_protocol::view::NetworkView;

/// What is being typed.
#[derive(Default)]
pub struct Form {
    address: String,
    operator: String,
}

/// What stands between this device and the open network, in words.
const fn nat(nat: Nat) -> &'static str {
    match nat {
        Nat::Unknown => "network-nat-unknown",
        Nat::Open => "network-nat-open",
        Nat::Mapped => "network-nat-mapped",
        Nat::Symmetric => "network-nat-symmetric",
    }
}

/// Operators' nodes: which are used, and adding one.
fn operators(ui: &mut Ui, cx: &mut Cx<'_>, network: &NetworkView, typed: &mut String) {
    titled(ui, cx, "network-operators", "network-operators-help", |ui, cx| {
        let (p, lang) = (cx.p, cx.lang);
        if network.operators.is_empty() {
            text::label(ui, lang.t("network-no-operators"), Weight::Regular, size::BODY, p.muted);
        }
        for operator in &network.operators {
            let Some(first) = operator.hints.first() else { continue };
            let address = crate::bridge::address_text(first);
            ui.horizontal(|ui| {
                let (rect, _) = ui.allocate_exact_size(vec2(10.0, 18.0), Sense::hover());
                ui.painter().circle_filled(rect.center(), 4.5, if operator.connected { p.ok } else { p.faint });
                let state = lang.t(match (operator.connected, operator.calls) {
                    (true, true) => "network-operator-calls",
                    (true, false) => "network-operator-up",
                    (false, _) => "network-operator-down",
                });
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    if button::icon_sized(ui, p, icons::TRASH, &lang.named("network-operator-remove", &address), false, 26.0).clicked() {
                        cx.push(Intent::RemoveOperator(first.peer));
                    }
                    text::line(ui, state, Weight::Regular, size::SMALL, p.muted);
                    ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                        let text = RichText::new(&address).font(mono_font(size::SMALL + 0.5)).color(p.text);
                        ui.add(egui::Label::new(text).truncate().selectable(true));
                    });
                });
            });
        }
        Field::new(typed, lang.t("field-operator")).mono().hint("/ip4/203.0.113.5/udp/4001/quic-v1/p2p/…").limit(2_048).show(ui, p);
        let text = typed.trim().to_owned();
        if Button::new(Kind::Primary, lang.t("network-operator-add")).enabled(!text.is_empty()).show(ui, p).clicked() {
            cx.push(Intent::AddOperator(text));
            typed.clear();
        }
    });
}

/// The part.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    let network = cx.model.snap.network.clone();
    titled(ui, cx, "network-state", "", |ui, cx| {
        let (p, lang) = (cx.p, cx.lang);
        let key = if network.lan_only { "network-lan-only" } else { "network-open" };
        for (icon, words) in [
            (icons::WIFI_HIGH, lang.t(key).to_owned()),
            (icons::LINK, lang.n("network-links", u64::from(network.links))),
            (icons::SHIELD_CHECK, lang.n("network-authenticated", u64::from(network.authenticated))),
        ] {
            ui.horizontal(|ui| {
                text::icon(ui, icon, 18.0, p.muted);
                text::line(ui, words, Weight::Regular, size::BODY, p.text);
            });
        }
        if !network.lan_only {
            ui.horizontal(|ui| {
                text::icon(ui, icons::BROADCAST, 18.0, p.muted);
                text::line(ui, lang.t(nat(network.nat)), Weight::Regular, size::BODY, p.text);
            });
        }
        if network.clock_off_ms.is_some() {
            text::label(ui, lang.t("banner-clock"), Weight::Medium, size::BODY, p.warn);
        }
    });
    titled(ui, cx, "network-addresses", "network-addresses-help", |ui, cx| {
        let p = cx.p;
        if network.listening.is_empty() {
            text::label(ui, cx.lang.t("network-no-addresses"), Weight::Regular, size::BODY, p.muted);
        }
        for address in network.listening.iter().map(crate::bridge::address_text) {
            ui.horizontal(|ui| {
                if button::icon_sized(ui, p, icons::COPY, &cx.lang.named("network-copy", &address), false, 26.0).clicked() {
                    cx.push(Intent::Copy(address.clone()));
                }
                let text = RichText::new(&address).font(mono_font(size::SMALL + 0.5)).color(p.text);
                ui.add(egui::Label::new(text).truncate().selectable(true));
            });
        }
    });
    if !network.lan_only {
        operators(ui, cx, &network, &mut st.settings.network.operator);
    }
    let form = &mut st.settings.network;
    titled(ui, cx, "network-add", "network-add-help", |ui, cx| {
        let p = cx.p;
        Field::new(&mut form.address, cx.lang.t("field-address"))
            .mono()
            .hint("/ip4/192.168.1.20/udp/4001/quic-v1/p2p/…")
            .limit(512)
            .show(ui, p);
        let typed = form.address.trim().to_owned();
        if Button::new(Kind::Primary, cx.lang.t("network-dial")).enabled(!typed.is_empty()).show(ui, p).clicked() {
            cx.push(Intent::AddPeer(typed));
            form.address.clear();
        }
    });
    if !network.refusals.is_empty() {
        titled(ui, cx, "network-refusals", "network-refusals-help", |ui, cx| {
            for (reason, count) in &network.refusals {
                ui.horizontal(|ui| {
                    text::line(ui, reason, Weight::Regular, size::BODY, cx.p.text);
                    text::line(ui, count.to_string(), Weight::Medium, size::BODY, cx.p.muted);
                });
            }
        });
    }
}
