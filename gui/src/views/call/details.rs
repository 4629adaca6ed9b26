//! What is known about a call: the way that sound takes, how well it does, the pictures to compare, and how loud the other person is.

use super::{condition, name_of, route_key};
use crate::i18n::Lang;
use crate::model::call::CallIntent;
use crate::model::{Intent, SettingsTab};
use crate::theme::{Weight, icons, size};
use crate::views::Cx;
use crate::widgets::slider::{self, Slider};
use crate::widgets::{line, row, text};
use egui::{Popup, PopupCloseBehavior, RectAlign, Response, Role, Ui, WidgetInfo};
use veche_protocol::call::media::{LegStats, VOLUME};
use veche_protocol::view::{CallPhase, CallView};

/// Width of the panel.
const WIDTH: f32 = 300.0;

/// The panel, once the button was pressed.
pub fn popup(cx: &mut Cx<'_>, button: &Response, call: &CallView) {
    let name = cx.lang.t("call-more").to_owned();
    let panel = Popup::from_toggle_button_response(button)
        .align(RectAlign::TOP)
        .align_alternatives(&[RectAlign::TOP_START, RectAlign::TOP_END, RectAlign::BOTTOM, RectAlign::BOTTOM_START, RectAlign::BOTTOM_END])
        .gap(8.0)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .accessible_name(name);
    panel.show(|ui| {
        ui.set_width(WIDTH);
        ui.spacing_mut().item_spacing.y = 8.0;
        egui::Frame::new().inner_margin(8).show(ui, |ui| content(ui, cx, call));
    });
}

fn content(ui: &mut Ui, cx: &mut Cx<'_>, call: &CallView) {
    let p = cx.p;
    let name = cx.lang.named("call-volume", &name_of(cx, call.account_id));
    let slider = Slider { name: &name, value: i32::from(call.volume), range: 0..=i32::from(VOLUME), step: 5, notch: Some(100) };
    if let Some(moved) = slider::labelled(ui, p, &slider, &cx.lang.n("unit-percent", u64::from(call.volume))) {
        // Heard while it is moved.
        cx.push(Intent::Call(CallIntent::Volume(call.call_id, u16::try_from(moved.value).unwrap_or(VOLUME))));
    }
    // A list cannot open over this panel without closing it; on the page the bar of the call stays in sight.
    if row::menu(ui, p, icons::MICROPHONE, cx.lang.t("call-devices"), false).clicked() {
        cx.push(Intent::GoSettings(SettingsTab::Voice));
        ui.close();
    }
    line(ui, p);
    let (icon, color, words) = condition(cx.lang, p, call);
    ui.horizontal(|ui| {
        text::icon(ui, icon, 18.0, color);
        text::line(ui, &words, Weight::Semi, size::SECOND + 0.5, p.strong);
    });
    if call.phase == CallPhase::Active
        && let Some(route) = call.route
    {
        let key = match route_key(route) {
            "call-route-lan" => "call-route-lan-help",
            "call-route-direct" => "call-route-direct-help",
            _ => "call-route-relay-help",
        };
        text::label(ui, cx.lang.t(key), Weight::Regular, size::SMALL + 0.5, p.muted);
    }
    if let Some(stats) = &call.stats {
        ui.spacing_mut().item_spacing.y = 5.0;
        ui.spacing_mut().interact_size.y = 18.0;
        for (key, value) in rows(cx.lang, stats) {
            ui.horizontal(|ui| {
                let said = text::line(ui, cx.lang.t(key), Weight::Regular, size::SECOND, p.muted);
                said.widget_info(|| WidgetInfo::labeled(Role::Label, true, format!("{}: {value}", cx.lang.t(key))));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    text::line(ui, &value, Weight::Medium, size::SECOND, p.text);
                });
            });
        }
    }
    if !call.words.is_empty() {
        line(ui, p);
        text::line(ui, call.words.join("  "), Weight::Regular, 22.0, p.text);
        text::label(ui, cx.lang.t("call-words-help"), Weight::Regular, size::SMALL + 0.5, p.muted);
    }
}

/// What was measured, in words; what is not known is left out.
fn rows(lang: &Lang, stats: &LegStats) -> Vec<(&'static str, String)> {
    let ms = |v: Option<u32>| v.map(|v| lang.n("unit-ms", u64::from(v)));
    let permille = |v: Option<u16>| v.map(|v| lang.named("unit-share", &decimal(lang, v)));
    let rate = |v: Option<u32>| v.map(|v| lang.n("unit-kbps", u64::from(v).div_ceil(1000)));
    let both = match (rate(stats.sent_bps), rate(stats.received_bps)) {
        (Some(sent), Some(received)) => Some(format!("↑ {sent}  ↓ {received}")),
        (one, other) => one.or(other),
    };
    let all = [
        ("stat-ear", ms(stats.mouth_to_ear_ms).map(|v| lang.named("unit-about", &v))),
        ("stat-rtt", ms(stats.rtt_ms)),
        ("stat-jitter", ms(stats.jitter_ms)),
        ("stat-loss", permille(stats.loss_permille)),
        ("stat-concealed", permille(stats.concealed_permille)),
        ("stat-rate", both),
        ("stat-codec", stats.codec.clone()),
    ];
    all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Thousandths as percent with one decimal, as the language writes it.
fn decimal(lang: &Lang, permille: u16) -> String {
    format!("{}{}{}", permille / 10, lang.t("decimal-mark"), permille % 10)
}
