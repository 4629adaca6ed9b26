//! Looking for messages by keyboard: what is shown while looking, what is found, and the way to its place.

use egui::{Key, Modifiers};
use veche_gui::bridge::Request;
use veche_screens::act::{busy, click, sees, steps, type_into, with_anton};
use veche_screens::script::Script;
use veche_screens::{Window, cast};

const FIELD: &str = "A word or a part of one";

/// Anton's conversation open, and a long one with Yuki behind it.
fn scene() -> (Script, Window) {
    let long = (0..400).map(|n| cast::message(2, n, n % 3 == 0, (400 - n) * 60_000, &format!("entry {n} of the log"))).collect();
    let script = busy().with_history(2, long);
    let window = with_anton(&script);
    (script, window)
}

fn open(window: &mut Window, modifiers: Modifiers) {
    window.harness.key_press_modifiers(modifiers, Key::F);
    steps(window);
}

#[test]
fn a_word_is_found_in_the_open_conversation() {
    let (script, mut window) = scene();
    open(&mut window, Modifiers::COMMAND);
    assert!(sees(&window, "Messages are searched on this device"));
    assert!(sees(&window, "Where to search: With Антон Белов"));
    type_into(&mut window, FIELD, "SOUP");
    assert!(sees(&window, "Антон Белов, Yesterday, 08:00: Then I bring soup."), "name, day and what was said");
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert!(!sees(&window, FIELD), "the search is closed");
    assert!(sees(&window, "Then I bring soup."));
    let pages = script.asked().into_iter().filter(|request| matches!(request, Request::Page { .. })).count();
    assert_eq!(pages, 0, "it was loaded already");
}

#[test]
fn a_hit_far_back_in_another_conversation_is_shown_in_its_place() {
    let (_script, mut window) = scene();
    open(&mut window, Modifiers::COMMAND.plus(Modifiers::SHIFT));
    type_into(&mut window, FIELD, "entry 12 of");
    click(&mut window, "You to Yuki Tanaka, Today, 05:32: entry 12 of the log");
    window.harness.run_steps(20);
    assert!(sees(&window, "entry 11 of the log") && sees(&window, "entry 13 of the log"), "with what stands around it");
    assert!(!sees(&window, "entry 399 of the log"));
}

#[test]
fn searching_and_finding_nothing_are_said() {
    let (script, mut window) = scene();
    script.0.borrow_mut().hold_searches = true;
    open(&mut window, Modifiers::COMMAND);
    type_into(&mut window, FIELD, "zebra");
    assert!(sees(&window, "Searching…"));
    assert!(!sees(&window, "Nothing found."));
    script.release();
    steps(&mut window);
    assert!(sees(&window, "Nothing found."));
    // The same word everywhere is another search.
    click(&mut window, "Where to search: Everywhere");
    assert!(script.asked().iter().any(|r| matches!(r, Request::Search { chat: None, text, .. } if text == "zebra")));
    window.harness.key_press(Key::Escape);
    steps(&mut window);
    assert!(!sees(&window, FIELD));
}

#[test]
fn there_is_a_way_to_older_hits() {
    let (_script, mut window) = scene();
    open(&mut window, Modifiers::COMMAND.plus(Modifiers::SHIFT));
    type_into(&mut window, FIELD, "of the log");
    assert!(sees(&window, "entry 399 of the log"));
    assert!(!sees(&window, "entry 345 of the log"));
    // The arrow goes on where the list ended.
    for _ in 0..58 {
        window.harness.key_press(Key::ArrowDown);
        window.harness.run_steps(2);
    }
    window.harness.run_steps(40);
    assert!(sees(&window, "entry 345 of the log"), "the list goes on behind the first fifty");
}
