//! Calls: the card of one that rings, the bar that stays while one looks elsewhere, the stage above the conversation.

mod bar;
mod details;
mod incoming;
mod stage;

pub use bar::bar;
pub use incoming::incoming;
pub use stage::stage;

use super::Cx;
use crate::command::UiCommand;
use crate::i18n::Lang;
use crate::model::call::{self, CallIntent, Quality};
use crate::model::{Intent, Model};
use crate::theme::{Palette, icons};
use crate::timeline::clock;
use crate::widgets::control::{self, Tone};
use egui::{Color32, Response, Ui, Vec2};
use veche_protocol::call::media::MediaRoute;
use veche_protocol::ids::AccountId;
use veche_protocol::view::{CallPhase, CallView};

/// What somebody is called.
fn name_of(cx: &Cx<'_>, account: AccountId) -> String {
    cx.model.snap.person(account).map_or_else(|| cx.lang.t("somebody").to_owned(), |p| p.name.clone())
}

/// How far a call is: the clock while sound passes, a word before.
fn progress(model: &Model, lang: &Lang, call: &CallView) -> String {
    match (call.phase, model.talked(call)) {
        (CallPhase::Active, Some(seconds)) => clock(seconds),
        (phase, _) => lang.t(call::phase_key(phase)).to_owned(),
    }
}

const fn route_key(route: MediaRoute) -> &'static str {
    match route {
        MediaRoute::Lan => "call-route-lan",
        MediaRoute::Direct => "call-route-direct",
        MediaRoute::Relay => "call-route-relay",
    }
}

/// How well a call goes, in a picture, a colour and a few words: the way, and how long it takes.
fn condition(lang: &Lang, p: &Palette, call: &CallView) -> (char, Color32, String) {
    match call.phase {
        CallPhase::Active => {}
        CallPhase::Reconnecting => return (icons::CELL_SIGNAL_X, p.warn, lang.t("call-reconnecting").to_owned()),
        phase => return (icons::CELL_SIGNAL_NONE, p.muted, lang.t(call::phase_key(phase)).to_owned()),
    }
    let (icon, color) = match call::quality(call.stats.as_ref()) {
        Quality::Good => (icons::CELL_SIGNAL_FULL, p.ok),
        Quality::Fair => (icons::CELL_SIGNAL_MEDIUM, p.warn),
        Quality::Bad => (icons::CELL_SIGNAL_LOW, p.danger),
        Quality::Unknown => (icons::CELL_SIGNAL_HIGH, p.muted),
    };
    let route = lang.t(call.route.map_or("call-active", route_key));
    let words = match call.stats.as_ref().and_then(|s| s.rtt_ms) {
        Some(ms) => format!("{route} · {}", lang.n("unit-ms", u64::from(ms))),
        None => route.to_owned(),
    };
    (icon, color, words)
}

/// A name with the key that does the same.
fn with_key(ui: &Ui, name: &str, command: UiCommand) -> String {
    format!("{name} ({})", command.keys(ui.ctx()))
}

fn mic(ui: &mut Ui, cx: &mut Cx<'_>, call: &CallView, size: Vec2) {
    let (icon, key, tone) =
        if call.mic { (icons::MICROPHONE, "call-mute", Tone::Plain) } else { (icons::MICROPHONE_SLASH, "call-unmute", Tone::Off) };
    let name = with_key(ui, cx.lang.t(key), UiCommand::Mic);
    if control::button(ui, cx.p, icon, &name, tone, size).clicked() {
        cx.push(Intent::Call(CallIntent::Mic(call.call_id, !call.mic)));
    }
}

fn ears(ui: &mut Ui, cx: &mut Cx<'_>, call: &CallView, size: Vec2) {
    let (key, tone) = if call.deafen { ("call-undeafen", Tone::Off) } else { ("call-deafen", Tone::Plain) };
    let name = with_key(ui, cx.lang.t(key), UiCommand::Deafen);
    if control::button(ui, cx.p, icons::HEADPHONES, &name, tone, size).clicked() {
        cx.push(Intent::Call(CallIntent::Deafen(call.call_id, !call.deafen)));
    }
}

/// Opens what is known about the call; the caller shows it.
fn more(ui: &mut Ui, cx: &Cx<'_>, size: Vec2) -> Response {
    control::button(ui, cx.p, icons::SLIDERS_HORIZONTAL, cx.lang.t("call-more"), Tone::Plain, size)
}

fn end(ui: &mut Ui, cx: &mut Cx<'_>, call: &CallView, size: Vec2) {
    let key = if call.phase == CallPhase::Calling || call.phase == CallPhase::Ringing { "call-give-up" } else { "call-hang-up" };
    let name = with_key(ui, cx.lang.t(key), UiCommand::HangUp);
    if control::button(ui, cx.p, icons::PHONE_DISCONNECT, &name, Tone::End, size).clicked() {
        cx.push(Intent::Call(CallIntent::HangUp(call.call_id)));
    }
}
