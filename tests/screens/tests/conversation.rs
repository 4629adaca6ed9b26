//! Writing, reading and looking back in a conversation, and a window that comes to rest.

use egui::Key;
use egui::Modifiers;
use egui::accesskit::Role;
use egui_kittest::kittest::NodeT;
use egui_kittest::kittest::Queryable;
use veche_gui::bridge::PageAt;
use veche_gui::bridge::Request;
use veche_gui::model::Dialog;
use veche_gui::model::Intent;
use veche_gui::model::Page;
use veche_protocol::core::command::Command;
use veche_protocol::core::command::CommandError;
use veche_protocol::view::Theme;
use veche_screens::Window;
use veche_screens::act::busy;
use veche_screens::act::click;
use veche_screens::act::compose;
use veche_screens::act::composer_text;
use veche_screens::act::sees;
use veche_screens::act::sent;
use veche_screens::act::steps;
use veche_screens::act::with_anton;
use veche_screens::cast;
use veche_screens::open;
use veche_screens::script::Script;

#[test]
fn a_message_is_written_and_its_state_moves_on() {
    let script = busy();
    let mut window = with_anton(&script);
    compose(&mut window, "Привет, mesh!");
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert_eq!(sent(&script), ["Привет, mesh!"]);
    assert_eq!(composer_text(&window), "");
    let said = |window: &Window, state: &str| {
        let rows = window.harness.query_all_by_label_contains("Привет, mesh!. ");
        rows.filter_map(|n| n.accesskit_node().label()).any(|l| l.ends_with(state))
    };
    assert!(said(&window, "Waiting on this device"));
    let seq = script.0.borrow().histories[&cast::chat_id(1)].len() as u64;
    script.change(|s| {
        let chat = s.chats.iter_mut().find(|c| c.chat_id == cast::chat_id(1)).expect("a chat");
        std::sync::Arc::make_mut(chat).progress = veche_screens::script::progress(seq, 0);
    });
    steps(&mut window);
    assert!(said(&window, "Delivered"));
    assert!(!said(&window, "Read"));
}

#[test]
fn shift_enter_makes_a_new_line() {
    let script = busy();
    let mut window = with_anton(&script);
    compose(&mut window, "one");
    window.harness.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    steps(&mut window);
    compose(&mut window, "two");
    assert_eq!(composer_text(&window), "one\ntwo");
    assert!(sent(&script).is_empty());
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert_eq!(sent(&script), ["one\ntwo"]);
}

#[test]
fn a_refused_message_comes_back_with_the_reason() {
    let script = busy();
    let mut window = with_anton(&script);
    compose(&mut window, "hello");
    script.0.borrow_mut().refuse = Some(CommandError::NotStored("no space left".into()));
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert_eq!(composer_text(&window), "hello");
    assert!(sees(&window, "Free some space and try again."));
}

#[test]
fn a_message_arrives_and_is_read() {
    let script = busy();
    let mut window = with_anton(&script);
    script.arrives(cast::message(1, 50, false, 0, "Soup is ready"));
    steps(&mut window);
    assert!(sees(&window, "Антон Белов, 12:00: Soup is ready"));
    assert!(script.asked().iter().any(|r| matches!(r, Request::Command(Command::MarkRead(chat, Some(_))) if *chat == cast::chat_id(1))));
}

#[test]
fn a_reader_further_up_is_not_moved_by_a_new_message() {
    let many = (0..80).map(|i| cast::message(1, i + 1, i % 7 == 0, (80 - i) * 60_000, &format!("message number {i}"))).collect();
    let script = Script::ready(cast::busy(Theme::Dark)).with_history(1, many);
    let mut window = with_anton(&script);
    for _ in 0..3 {
        window.harness.key_press(Key::PageUp);
        steps(&mut window);
    }
    let place = |window: &Window| {
        let rows = window.harness.query_all_by_role(Role::ListItem);
        rows.map(|n| (n.accesskit_node().label().unwrap_or_default(), n.rect().top().round() as i32)).collect::<Vec<_>>()
    };
    let before = place(&window);
    assert!(!before.iter().any(|(label, _)| label.contains("number 79")));
    script.arrives(cast::message(1, 90, false, 0, "news"));
    steps(&mut window);
    assert_eq!(place(&window), before);
    click(&mut window, "Jump to the newest message");
    assert!(sees(&window, "12:00: news"));
}

#[test]
fn older_messages_join_above_without_a_jump() {
    let many = (0..400).map(|i| cast::message(1, i + 1, i % 5 == 0, (400 - i) * 60_000, &format!("message number {i}"))).collect();
    let script = Script::ready(cast::busy(Theme::Dark)).with_history(1, many);
    let mut window = with_anton(&script);
    script.0.borrow_mut().hold_pages = true;
    for _ in 0..5 {
        window.harness.key_press(Key::PageUp);
        steps(&mut window);
    }
    assert!(script.asked().iter().any(|r| matches!(r, Request::Page { at: PageAt::Before(_), .. })), "it asks before the end is reached");
    let place = |window: &Window| {
        let row = window.harness.query_all_by_role(Role::ListItem).nth(3).expect("a row");
        (row.accesskit_node().label().unwrap_or_default(), row.rect().top().round() as i32)
    };
    let (label, top) = place(&window);
    script.release();
    steps(&mut window);
    let row = window.harness.get_by_role_and_label(Role::ListItem, &label);
    assert_eq!(row.rect().top().round() as i32, top);
}

#[test]
fn up_in_an_empty_composer_edits_the_last_own_message() {
    let script = busy();
    let mut window = with_anton(&script);
    compose(&mut window, "");
    window.harness.key_press(Key::ArrowUp);
    steps(&mut window);
    assert_eq!(composer_text(&window), "Do you have the microphone with you?");
    compose(&mut window, " And the stand?");
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    let edits: Vec<_> = script.asked().into_iter().filter(|r| matches!(r, Request::Command(Command::Edit { .. }))).collect();
    assert_eq!(edits.len(), 1);
    assert!(sees(&window, "And the stand?"));
}

#[test]
fn deleting_asks_first() {
    let script = busy();
    let mut window = with_anton(&script);
    let last = script.0.borrow().histories[&cast::chat_id(1)].last().map(|m| m.message_id).expect("a message");
    window.harness.state_mut().push(Intent::Ask(Dialog::DeleteMessage(cast::chat_id(1), last)));
    steps(&mut window);
    assert!(sees(&window, "Delete this message?"));
    click(&mut window, "Cancel");
    assert!(!script.asked().iter().any(|r| matches!(r, Request::Command(Command::Delete { .. }))));
    window.harness.state_mut().push(Intent::Ask(Dialog::DeleteMessage(cast::chat_id(1), last)));
    steps(&mut window);
    click(&mut window, "Delete");
    assert!(sees(&window, "This message was deleted"));
}

#[test]
fn nothing_is_drawn_when_nothing_changes() {
    let script = busy();
    script.change(|s| s.chats.iter_mut().for_each(|c| std::sync::Arc::make_mut(c).typing = false));
    let mut window = open(script, 1200.0, 800.0);
    window.harness.run_steps(60);
    window.harness.state_mut().push(Intent::Go(Page::Nearby));
    window.harness.run_steps(60);
    assert!(!window.harness.ctx.has_requested_repaint(), "{:?}", window.harness.ctx.repaint_causes());
}

#[test]
fn the_timeline_is_quick_with_a_hundred_thousand_messages() {
    let (chat, history) = veche_gui::timeline::bench::conversation(100_000);
    let measured = veche_gui::timeline::bench::scroll(&history, &chat, 200, 120.0);
    // The benchmark table has the real bounds; this one only catches a frame that depends on the length of the history.
    assert!(measured.percentile(0.5).as_millis() < 30, "{:?}", measured.percentile(0.5));
    assert!(measured.kept < 1_000, "{} rows are kept", measured.kept);
}

#[test]
fn a_window_with_the_cursor_in_a_field_comes_to_rest() {
    let script = busy();
    script.change(|s| s.chats.iter_mut().for_each(|c| std::sync::Arc::make_mut(c).typing = false));
    let mut window = with_anton(&script);
    compose(&mut window, "half a sent");
    window.clock.set(window.clock.get() + 10_000);
    // A step is a quarter of a second.
    window.harness.run_steps(60);
    assert!(!window.harness.ctx.has_requested_repaint(), "{:?}", window.harness.ctx.repaint_causes());
}

#[test]
fn a_message_that_is_too_long_is_not_sent() {
    let script = busy();
    let mut window = with_anton(&script);
    compose(&mut window, &"я".repeat(veche_protocol::limits::TEXT / 2));
    assert!(sees(&window, "0 bytes left"));
    compose(&mut window, "!");
    assert!(sees(&window, "Too long for one message."));
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert!(sent(&script).is_empty());
}
