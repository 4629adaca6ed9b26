//! How the screens look.

use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use egui_kittest::{SnapshotOptions, SnapshotResults};
use std::sync::Arc;
use veche_gui::bridge::{Phase, Problem};
use veche_gui::model::{Dialog, Intent, Page, SettingsTab, WordsStep};
use veche_protocol::view::{CallEnd, CallOutcome, CallPhase, CallView, Snapshot, Theme};
use veche_screens::script::{Script, WORDS};
use veche_screens::{Window, cast, open};

/// Versions of the software rasteriser round the edges of rounded shapes differently; text is rasterised by egui itself.
const MAX_FAILED_PIXELS: usize = 40;

fn main_window(theme: Theme, width: f32, height: f32) -> Window {
    let script = Script::ready(cast::busy(theme)).with_history(1, cast::talk_with_anton());
    let mut window = open(script, width, height);
    window.harness.run_steps(4);
    window.go(Page::Chat(cast::chat_id(1)));
    window
}

trait Steps {
    fn go(&mut self, page: Page);
    fn push(&mut self, intent: Intent);
    fn picture(&mut self, name: &str, results: &mut SnapshotResults);
}

impl Steps for Window {
    fn go(&mut self, page: Page) {
        self.push(Intent::Go(page));
    }

    fn push(&mut self, intent: Intent) {
        self.harness.state_mut().push(intent);
        self.harness.run_steps(20);
    }

    fn picture(&mut self, name: &str, results: &mut SnapshotResults) {
        let options = SnapshotOptions::new().max_failed_pixels(MAX_FAILED_PIXELS);
        self.harness.snapshot_options(name, &options);
        results.extend_harness(&mut self.harness);
    }
}

#[test]
fn conversation() {
    let mut results = SnapshotResults::new();
    for (name, theme, width, height) in [
        ("chat-dark", Theme::Dark, 1440.0, 900.0),
        ("chat-light", Theme::Light, 1440.0, 900.0),
        ("chat-narrow-dark", Theme::Dark, 760.0, 700.0),
        ("chat-narrow-light", Theme::Light, 760.0, 700.0),
    ] {
        let mut window = main_window(theme, width, height);
        if width > 1000.0 {
            window.push(Intent::ToggleCard);
        }
        window.picture(name, &mut results);
    }
}

#[test]
fn first_run() {
    let mut results = SnapshotResults::new();
    for (name, theme) in [("first-run-dark", Theme::Dark), ("first-run-light", Theme::Light)] {
        let script = Script::first_run();
        script.change(|s| s.settings = Arc::new(veche_protocol::view::Settings { theme, ..Default::default() }));
        let mut window = open(script, 1200.0, 800.0);
        window.harness.run_steps(20);
        window.picture(name, &mut results);
    }
}

#[test]
fn pages() {
    let mut results = SnapshotResults::new();
    for (name, page) in [
        ("nearby", Page::Nearby),
        ("requests", Page::Requests),
        ("add", Page::Add),
        ("welcome", Page::Welcome),
        ("person-asking", Page::Person(cast::account(20))),
    ] {
        let mut window = main_window(Theme::Dark, 1180.0, 760.0);
        window.go(page);
        window.picture(name, &mut results);
    }
}

#[test]
fn settings() {
    let mut results = SnapshotResults::new();
    for (name, tab) in [
        ("settings-profile", SettingsTab::Profile),
        ("settings-appearance", SettingsTab::Appearance),
        ("settings-voice", SettingsTab::Voice),
        ("settings-privacy", SettingsTab::Privacy),
        ("settings-security", SettingsTab::Security),
        ("settings-network", SettingsTab::Network),
        ("settings-keyboard", SettingsTab::Keyboard),
        ("settings-account", SettingsTab::Account),
    ] {
        let mut window = main_window(Theme::Light, 1180.0, 760.0);
        window.go(Page::Settings(tab));
        window.picture(name, &mut results);
    }
}

#[test]
fn search() {
    let mut results = SnapshotResults::new();
    for (name, theme, width) in [("search-dark", Theme::Dark, 1200.0), ("search-light", Theme::Light, 760.0)] {
        let mut window = main_window(theme, width, 700.0);
        window.push(Intent::Ask(Dialog::Search(Some(cast::chat_id(1)))));
        window.harness.get_by_role_and_label(Role::TextInput, "A word or a part of one").type_text("the");
        window.harness.run_steps(20);
        window.picture(name, &mut results);
    }
}

/// A window in front of Anton, with these calls.
fn with_calls(theme: Theme, width: f32, height: f32, calls: Vec<CallView>) -> (Script, Window) {
    let mut said = cast::talk_with_anton();
    said.push(cast::called(1, 40, true, 540_000, CallOutcome::Talked, 754_000));
    said.push(cast::called(1, 41, false, 240_000, CallOutcome::Missed, 0));
    let script = Script::ready(cast::busy(theme)).with_history(1, said);
    script.change(|s| s.calls = calls.into_iter().map(Arc::new).collect());
    let mut window = open(script.clone(), width, height);
    window.harness.run_steps(4);
    window.go(Page::Chat(cast::chat_id(1)));
    (script, window)
}

#[test]
fn calls() {
    let mut results = SnapshotResults::new();
    let talk = || {
        let mut call = cast::call(1, CallPhase::Active, 754_000);
        call.mic = false;
        call
    };
    for (name, theme, width, height) in
        [("call-dark", Theme::Dark, 1440.0, 900.0), ("call-light", Theme::Light, 1440.0, 900.0), ("call-narrow", Theme::Dark, 760.0, 700.0)]
    {
        let (_, mut window) = with_calls(theme, width, height, vec![talk()]);
        if width > 1000.0 {
            window.push(Intent::ToggleCard);
        }
        window.picture(name, &mut results);
    }
    for (name, theme, width) in [("call-incoming-dark", Theme::Dark, 1180.0), ("call-incoming-light", Theme::Light, 760.0)] {
        let (_, mut window) = with_calls(theme, width, 700.0, vec![cast::call(3, CallPhase::Incoming, 0)]);
        window.picture(name, &mut results);
    }
    let (_, mut window) = with_calls(Theme::Dark, 1180.0, 760.0, vec![talk(), cast::call(3, CallPhase::Incoming, 0)]);
    window.harness.query_all_by_label("Volume and connection").next().expect("a button").click();
    window.harness.run_steps(20);
    window.picture("call-second-and-details", &mut results);
    let (script, mut window) = with_calls(Theme::Light, 1180.0, 760.0, vec![cast::call(1, CallPhase::Ringing, 4_000)]);
    window.picture("call-ringing", &mut results);
    script.ends(veche_protocol::ids::CallId([1; 16]), CallEnd::NoAnswer);
    window.harness.run_steps(20);
    window.picture("call-ended", &mut results);
}

#[test]
fn calls_in_russian() {
    let mut results = SnapshotResults::new();
    let mut call = cast::call(1, CallPhase::Active, 3_754_000);
    (call.their_mic, call.their_speaking, call.speaking) = (false, false, true);
    let (script, mut window) = with_calls(Theme::Dark, 760.0, 700.0, vec![call]);
    script.change(|s| s.settings = Arc::new(veche_protocol::view::Settings { language: "ru".into(), ..(*s.settings).clone() }));
    script.change(|s| s.calls.push(Arc::new(cast::call(3, CallPhase::Incoming, 0))));
    window.harness.run_steps(20);
    window.picture("call-russian", &mut results);
    script.ends(veche_protocol::ids::CallId([3; 16]), CallEnd::AnsweredElsewhere);
    script.ends(veche_protocol::ids::CallId([1; 16]), CallEnd::NoWay);
    window.harness.run_steps(20);
    window.picture("call-russian-ended", &mut results);
}

#[test]
fn dialogs() {
    let mut results = SnapshotResults::new();
    let words: Arc<[String]> = WORDS.map(str::to_owned).into();
    for (name, dialog) in [
        ("dialog-switcher", Dialog::Switcher),
        ("dialog-verify", Dialog::Verify(cast::account(3))),
        ("dialog-words", Dialog::Words(WordsStep::Shown(words))),
        ("dialog-delete", Dialog::DeleteAccount),
        ("dialog-my-link", Dialog::MyLink),
    ] {
        let mut window = main_window(Theme::Dark, 1000.0, 700.0);
        window.push(Intent::Ask(dialog));
        window.picture(name, &mut results);
    }
}

#[test]
fn russian() {
    let mut results = SnapshotResults::new();
    let script = Script::ready(cast::busy(Theme::Dark)).with_history(1, cast::talk_with_anton());
    script.change(|s| {
        s.settings = Arc::new(veche_protocol::view::Settings { language: "ru".into(), ..(*s.settings).clone() });
        s.account.as_mut().map(Arc::make_mut).expect("an account").words_saved = false;
    });
    let mut window = open(script, 760.0, 700.0);
    window.harness.run_steps(4);
    window.go(Page::Chat(cast::chat_id(1)));
    window.picture("russian-narrow", &mut results);
    window.harness.set_size(egui::vec2(1180.0, 700.0));
    window.harness.run_steps(8);
    window.picture("russian-wide", &mut results);
    window.harness.set_size(egui::vec2(760.0, 700.0));
    window.push(Intent::ToggleCard);
    window.picture("russian-narrow-card", &mut results);
    window.go(Page::Settings(SettingsTab::Privacy));
    window.picture("russian-narrow-settings", &mut results);
}

#[test]
fn states() {
    let mut results = SnapshotResults::new();
    // Nothing said yet.
    let mut window = open(Script::ready(cast::busy(Theme::Light)), 1000.0, 700.0);
    window.harness.run_steps(4);
    window.go(Page::Chat(cast::chat_id(1)));
    window.picture("chat-empty", &mut results);
    // A new account.
    let new = Snapshot { account: Some(cast::mira()), ..Snapshot::default() };
    let mut window = open(Script::ready(new), 1000.0, 700.0);
    window.harness.run_steps(10);
    window.picture("welcome-new", &mut results);
    // Unread messages, new ones below the line.
    let script = Script::ready(cast::busy(Theme::Dark));
    let said = (0..9).map(|i| cast::message(2, i + 1, i < 4, (40 - i * 4) * 60_000, "Photos from the train are up")).collect();
    let mut window = open(script.with_history(2, said), 1000.0, 700.0);
    window.harness.run_steps(4);
    window.go(Page::Chat(cast::chat_id(2)));
    window.picture("chat-unread", &mut results);
    // Locked, and broken.
    for (name, phase) in [("locked", Phase::Locked), ("failed", Phase::Failed(newer()))] {
        let script = Script::ready(cast::busy(Theme::Dark));
        script.0.borrow_mut().phase = phase;
        let mut window = open(script, 1000.0, 700.0);
        window.harness.run_steps(20);
        window.picture(name, &mut results);
    }
}

fn newer() -> Problem {
    let sentence = "This profile was written by a newer version of Veche. Install that version, or start with another profile.";
    Problem { kind: "newer_format".into(), sentence: sentence.into() }
}
