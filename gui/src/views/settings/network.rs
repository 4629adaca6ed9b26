//! The only technical page: addresses and connections.

use super::titled;
use crate::model::Intent;
use crate::theme::{Weight, icons, mono_font, size};
use crate::views::{Cx, UiState};
use crate::widgets::button::{self, Button, Kind};
use crate::widgets::field::Field;
use crate::widgets::text;
use egui::{RichText, Ui};

/// What is being typed.
#[derive(Default)]
pub struct Form {
    address: String,
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
