//! Sound of calls: devices, a test of the microphone, when it is sent, and what is done to the voice.

use super::{set, titled};
use crate::bridge::{SoundDevice, SoundTest};
use crate::model::Intent;
use crate::model::sound::SoundIntent;
use crate::theme::{Weight, icons, size};
use crate::views::{Cx, UiState};
use crate::widgets::button::{self, Button, Kind};
use crate::widgets::meter::{self, Meter};
use crate::widgets::slider::{self, Slider};
use crate::widgets::{card, choice, line, text, toggle};
use egui::Ui;
use veche_protocol::call::media::VOLUME;
use veche_protocol::view::{NoiseSuppression, SoundDirection, SoundSettings, Transmission};

/// Where a threshold stands that was just made one's own: between the noise of a quiet room and a quiet voice.
const FIRST_THRESHOLD: i8 = -45;

/// Values that are being moved: they are stored when they are let go.
#[derive(Default)]
pub struct Form {
    input_volume: Option<i32>,
    output_volume: Option<i32>,
    threshold: Option<i32>,
}

/// The part.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    if cx.model.sound.devices.is_none() {
        cx.push(Intent::Sound(SoundIntent::Look));
    }
    let form = &mut st.settings.voice;
    let sound = cx.model.snap.settings.sound.clone();
    titled(ui, cx, "voice-devices", "", |ui, cx| {
        ui.spacing_mut().item_spacing.y = 10.0;
        missing(ui, cx);
        device(ui, cx, SoundDirection::Input);
        loudness(ui, cx, "voice-input-volume", sound.input_volume, &mut form.input_volume, |s, v| s.input_volume = v);
        ui.add_space(6.0);
        device(ui, cx, SoundDirection::Output);
        loudness(ui, cx, "voice-output-volume", sound.output_volume, &mut form.output_volume, |s, v| s.output_volume = v);
    });
    titled(ui, cx, "voice-test", "voice-test-help", |ui, cx| test(ui, cx, &sound, form));
    titled(ui, cx, "voice-sent", "", |ui, cx| sent(ui, cx, &sound));
    processing(ui, cx, &sound);
    privacy(ui, cx);
}

/// Changes one thing in the settings of sound.
fn tune(cx: &mut Cx<'_>, change: impl FnOnce(&mut SoundSettings)) {
    set(cx, |s| change(&mut s.sound));
}

/// Why no devices can be chosen.
fn missing(ui: &mut Ui, cx: &Cx<'_>) {
    let words = match &cx.model.sound.devices {
        Some(Err(problem)) => cx.lang.problem(problem),
        Some(Ok(devices)) if !devices.real => cx.lang.t("voice-no-devices").to_owned(),
        _ => return,
    };
    ui.horizontal_top(|ui| {
        text::icon(ui, icons::WARNING_CIRCLE, 18.0, cx.p.warn);
        text::label(ui, words, Weight::Regular, size::SECOND + 0.5, cx.p.text);
    });
}

/// Chooses a microphone or a loudspeaker, where there is something to choose from.
fn device(ui: &mut Ui, cx: &mut Cx<'_>, direction: SoundDirection) {
    let Some(Ok(devices)) = &cx.model.sound.devices else { return };
    if !devices.real {
        return;
    }
    let (key, chosen) = match direction {
        SoundDirection::Input => ("voice-input", cx.model.snap.settings.sound.input.clone()),
        SoundDirection::Output => ("voice-output", cx.model.snap.settings.sound.output.clone()),
    };
    let fits: Vec<&SoundDevice> = devices.devices.iter().filter(|d| d.direction == direction).collect();
    let system = match fits.iter().find(|d| d.is_default) {
        Some(device) => cx.lang.named("voice-system-is", &device.name),
        None => cx.lang.t("voice-system").to_owned(),
    };
    let mut choices = vec![(None, system)];
    choices.extend(fits.iter().map(|d| (Some(d.id.clone()), d.name.clone())));
    if chosen.is_some() && !choices.iter().any(|(id, _)| *id == chosen) {
        choices.push((chosen.clone(), cx.lang.t("voice-gone").to_owned()));
    }
    text::line(ui, cx.lang.t(key), Weight::Medium, size::SECOND + 0.5, cx.p.text);
    if let Some(id) = choice::show(ui, cx.p, cx.lang.t(key), &chosen, &choices) {
        let id = id.clone();
        tune(cx, |s| match direction {
            SoundDirection::Input => s.input = id,
            SoundDirection::Output => s.output = id,
        });
    }
}

fn loudness(ui: &mut Ui, cx: &mut Cx<'_>, key: &'static str, now: u16, held: &mut Option<i32>, store: fn(&mut SoundSettings, u16)) {
    let value = held.unwrap_or_else(|| i32::from(now));
    let slider = Slider { name: cx.lang.t(key), value, range: 0..=i32::from(VOLUME), step: 5, notch: Some(100) };
    let words = cx.lang.n("unit-percent", u64::try_from(value).unwrap_or(0));
    if let Some(moved) = slider::labelled(ui, cx.p, &slider, &words) {
        *held = (!moved.settled).then_some(moved.value);
        if moved.settled {
            let percent = u16::try_from(moved.value).unwrap_or(VOLUME);
            tune(cx, |s| store(s, percent));
        }
    }
}

fn test(ui: &mut Ui, cx: &mut Cx<'_>, sound: &SoundSettings, form: &mut Form) {
    let (p, lang) = (cx.p, cx.lang);
    let running = cx.model.sound.test;
    let level = cx.model.sound.level;
    let by_voice = sound.transmission == Transmission::VoiceActivated;
    let threshold = form.threshold.or(sound.threshold.map(i32::from)).filter(|_| by_voice);
    let name = lang.t(if threshold.is_some() { "voice-threshold" } else { "voice-level" });
    let meter = Meter { name, level: level.map(|l| l.decibels), open: level.is_some_and(|l| l.open), threshold };
    if let Some(moved) = meter::show(ui, p, &meter) {
        form.threshold = (!moved.settled).then_some(moved.value);
        if moved.settled {
            tune(cx, |s| s.threshold = i8::try_from(moved.value).ok());
        }
    }
    if running != SoundTest::Off {
        let key = match level {
            None => "voice-test-opening",
            Some(l) if l.open => "voice-test-heard",
            Some(_) => "voice-test-quiet",
        };
        text::line(ui, lang.t(key), Weight::Regular, size::SECOND, if level.is_some_and(|l| l.open) { p.ok } else { p.muted });
    }
    ui.horizontal(|ui| {
        let (key, next) = match running {
            SoundTest::Off => ("voice-test-go", SoundTest::Meter),
            _ => ("voice-test-stop", SoundTest::Off),
        };
        if Button::new(Kind::Plain, lang.t(key)).icon(icons::MICROPHONE).show(ui, p).clicked() {
            cx.push(Intent::Sound(SoundIntent::Test(next)));
        }
    });
    let hears = running == SoundTest::Loopback;
    if let Some(on) = toggle::row(ui, p, lang.t("voice-loopback"), lang.t("voice-loopback-help"), hears) {
        let next = if on { SoundTest::Loopback } else { SoundTest::Meter };
        cx.push(Intent::Sound(SoundIntent::Test(next)));
    }
}

fn sent(ui: &mut Ui, cx: &mut Cx<'_>, sound: &SoundSettings) {
    let (p, lang) = (cx.p, cx.lang);
    let choices = [
        (Transmission::VoiceActivated, lang.t("voice-by-voice")),
        (Transmission::PushToTalk, lang.t("voice-by-key")),
        (Transmission::Open, lang.t("voice-always")),
    ];
    if let Some(transmission) = button::segments(ui, p, lang.t("voice-sent"), sound.transmission, &choices) {
        tune(cx, |s| s.transmission = transmission);
    }
    match sound.transmission {
        Transmission::Open => {}
        Transmission::VoiceActivated => {
            let by_itself = sound.threshold.is_none();
            if let Some(on) = toggle::row(ui, p, lang.t("voice-threshold-auto"), lang.t("voice-threshold-auto-help"), by_itself) {
                tune(cx, |s| s.threshold = (!on).then_some(FIRST_THRESHOLD));
            }
        }
        Transmission::PushToTalk => key(ui, cx),
    }
}

fn key(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (p, lang) = (cx.p, cx.lang);
    let choosing = cx.model.sound.choosing_key;
    ui.horizontal(|ui| {
        let words = if choosing { lang.t("voice-key-press").to_owned() } else { lang.named("voice-key", &cx.model.sound.talk_key) };
        text::line(ui, words, Weight::Medium, size::BODY, if choosing { p.accent_text } else { p.text });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let verb = lang.t(if choosing { "cancel" } else { "voice-key-choose" });
            if Button::new(Kind::Plain, verb).show(ui, p).clicked() {
                cx.push(Intent::Sound(SoundIntent::ChooseKey(!choosing)));
            }
        });
    });
    text::label(ui, lang.t("voice-key-help"), Weight::Regular, size::SECOND, p.muted);
}

fn processing(ui: &mut Ui, cx: &mut Cx<'_>, sound: &SoundSettings) {
    let (p, lang) = (cx.p, cx.lang);
    titled(ui, cx, "voice-processing", "", |ui, cx| {
        text::line(ui, lang.t("voice-noise"), Weight::Medium, size::SECOND + 0.5, p.text);
        let choices = [
            (NoiseSuppression::Off, lang.t("voice-noise-off")),
            (NoiseSuppression::Standard, lang.t("voice-noise-standard")),
            (NoiseSuppression::Strong, lang.t("voice-noise-strong")),
        ];
        if let Some(noise) = button::segments(ui, p, lang.t("voice-noise"), sound.noise_suppression, &choices) {
            tune(cx, |s| s.noise_suppression = noise);
        }
        ui.add_space(4.0);
        if let Some(on) = toggle::row(ui, p, lang.t("voice-echo"), lang.t("voice-echo-help"), sound.echo_cancellation) {
            tune(cx, |s| s.echo_cancellation = on);
        }
        line(ui, p);
        if let Some(on) = toggle::row(ui, p, lang.t("voice-gain"), lang.t("voice-gain-help"), sound.gain_control) {
            tune(cx, |s| s.gain_control = on);
        }
    });
}

fn privacy(ui: &mut Ui, cx: &mut Cx<'_>) {
    let (p, lang, on) = (cx.p, cx.lang, cx.model.snap.settings.relay_calls);
    card(ui, p, |ui| {
        if let Some(on) = toggle::row(ui, p, lang.t("voice-relay"), lang.t("voice-relay-help"), on) {
            set(cx, |s| s.relay_calls = on);
        }
    });
}
