//! What a person does in front of a window, and what they see.

use crate::script::Script;
use crate::{Window, cast, open};
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use veche_gui::bridge::Request;
use veche_protocol::core::command::Command;
use veche_protocol::view::Theme;

/// Lets the window settle.
pub fn steps(window: &mut Window) {
    window.harness.run_steps(8);
}

/// Presses what has this label.
pub fn click(window: &mut Window, label: &str) {
    window.harness.get_by_label(label).click();
    steps(window);
}

/// Whether this is anywhere on the screen.
#[must_use]
pub fn sees(window: &Window, text: &str) -> bool {
    window.harness.query_all_by_label_contains(text).next().is_some()
}

/// Types into the field with this label.
pub fn type_into(window: &mut Window, label: &str, text: &str) {
    window.harness.get_by_role_and_label(Role::TextInput, label).focus();
    steps(window);
    window.harness.get_by_role_and_label(Role::TextInput, label).type_text(text);
    steps(window);
}

/// A busy account, with something said to Anton.
#[must_use]
pub fn busy() -> Script {
    Script::ready(cast::busy(Theme::Dark)).with_history(1, cast::talk_with_anton())
}

/// A window in front of the conversation with Anton.
#[must_use]
pub fn with_anton(script: &Script) -> Window {
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.harness.get_by_label_contains("Антон Белов, online").click();
    steps(&mut window);
    let _ = script.asked();
    window
}

/// Label of Anton's composer.
pub const COMPOSER: &str = "Message Антон Белов";

/// Types into it.
pub fn compose(window: &mut Window, text: &str) {
    window.harness.get_by_role_and_label(Role::MultilineTextInput, COMPOSER).focus();
    steps(window);
    window.harness.get_by_role_and_label(Role::MultilineTextInput, COMPOSER).type_text(text);
    steps(window);
}

/// What is in it.
#[must_use]
pub fn composer_text(window: &Window) -> String {
    window.harness.get_by_role_and_label(Role::MultilineTextInput, COMPOSER).value().unwrap_or_default()
}

/// What was sent since the last look.
#[must_use]
pub fn sent(script: &Script) -> Vec<String> {
    let commands = script.asked().into_iter().filter_map(|r| match r {
        Request::Command(Command::Send { text, .. }) => Some(text),
        _ => None,
    });
    commands.collect()
}
