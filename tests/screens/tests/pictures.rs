//! How the screens look.

use egui_kittest::SnapshotResults;
use veche_gui::model::{Intent, Page, SettingsTab};
use veche_protocol::view::Theme;
use veche_screens::script::Script;
use veche_screens::{Window, cast, open};

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
        self.harness.snapshot(name);
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
        script.change(|s| s.settings = std::sync::Arc::new(veche_protocol::view::Settings { theme, ..Default::default() }));
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
        ("settings-profile", Page::Settings(SettingsTab::Profile)),
        ("settings-appearance", Page::Settings(SettingsTab::Appearance)),
        ("settings-privacy", Page::Settings(SettingsTab::Privacy)),
        ("settings-network", Page::Settings(SettingsTab::Network)),
    ] {
        let mut window = main_window(Theme::Dark, 1180.0, 760.0);
        window.go(page);
        window.picture(name, &mut results);
    }
}
