//! What a person does and sees, found by label as a screen reader would find it.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use veche_gui::bridge::{PageAt, Phase, Request};
use veche_gui::model::{Dialog, Intent, Page, SettingsTab};
use veche_gui::platform::Outside;
use veche_protocol::core::command::{Command, CommandError, Target};
use veche_protocol::view::{Gate, MessageState, Presence, Settings, Theme};
use veche_screens::script::{PASSPHRASE, Script, WORDS};
use veche_screens::{Window, cast, open};

fn steps(window: &mut Window) {
    window.harness.run_steps(8);
}

fn click(window: &mut Window, label: &str) {
    window.harness.get_by_label(label).click();
    steps(window);
}

fn sees(window: &Window, text: &str) -> bool {
    window.harness.query_all_by_label_contains(text).next().is_some()
}

fn type_into(window: &mut Window, label: &str, text: &str) {
    window.harness.get_by_role_and_label(Role::TextInput, label).focus();
    steps(window);
    window.harness.get_by_role_and_label(Role::TextInput, label).type_text(text);
    steps(window);
}

fn busy() -> Script {
    Script::ready(cast::busy(Theme::Dark)).with_history(1, cast::talk_with_anton())
}

/// A window in front of the conversation with Anton.
fn with_anton(script: &Script) -> Window {
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.harness.get_by_label_contains("Антон Белов, online").click();
    steps(&mut window);
    let _ = script.asked();
    window
}

const COMPOSER: &str = "Message Антон Белов";

fn compose(window: &mut Window, text: &str) {
    window.harness.get_by_role_and_label(Role::MultilineTextInput, COMPOSER).focus();
    steps(window);
    window.harness.get_by_role_and_label(Role::MultilineTextInput, COMPOSER).type_text(text);
    steps(window);
}

fn composer_text(window: &Window) -> String {
    window.harness.get_by_role_and_label(Role::MultilineTextInput, COMPOSER).value().unwrap_or_default()
}

fn sent(script: &Script) -> Vec<String> {
    let commands = script.asked().into_iter().filter_map(|r| match r {
        Request::Command(Command::Send { text, .. }) => Some(text),
        _ => None,
    });
    commands.collect()
}

#[test]
fn first_run_is_one_screen() {
    let script = Script::first_run();
    let mut window = open(script.clone(), 1100.0, 760.0);
    steps(&mut window);
    type_into(&mut window, "Your name", "Юрий Щербаков");
    let login = window.harness.get_by_role_and_label(Role::TextInput, "Login").value();
    assert_eq!(login.as_deref(), Some("yuriy.shcherbakov"), "the login is proposed from the name");
    click(&mut window, "Create account");
    let asked = script.asked();
    let made = asked.iter().find_map(|r| match r {
        Request::CreateAccount { login, name, passphrase } => Some((login.as_str(), name.as_str(), passphrase.is_some())),
        _ => None,
    });
    assert_eq!(made, Some(("yuriy.shcherbakov", "Юрий Щербаков", false)));
    assert!(sees(&window, "Hello, Юрий!"));
}

#[test]
fn a_name_is_needed_and_a_bad_login_is_explained() {
    let script = Script::first_run();
    let mut window = open(script.clone(), 1100.0, 760.0);
    steps(&mut window);
    click(&mut window, "Create account");
    assert!(sees(&window, "Please say what people should call you."));
    type_into(&mut window, "Your name", "Anna");
    type_into(&mut window, "Login", "!!");
    click(&mut window, "Create account");
    assert!(sees(&window, "Only small Latin letters"));
    assert!(script.asked().is_empty());
}

#[test]
fn a_passphrase_is_offered_and_typed_twice() {
    let script = Script::first_run();
    let mut window = open(script.clone(), 1100.0, 860.0);
    steps(&mut window);
    type_into(&mut window, "Your name", "Anna");
    click(&mut window, "Protect this device with a passphrase");
    let type_secret = |window: &mut Window, label: &str, text: &str| {
        window.harness.get_by_role_and_label(Role::PasswordInput, label).focus();
        steps(window);
        window.harness.get_by_role_and_label(Role::PasswordInput, label).type_text(text);
        steps(window);
    };
    type_secret(&mut window, "Passphrase", "four words in a row");
    type_secret(&mut window, "The same once more", "four words");
    click(&mut window, "Create account");
    assert!(sees(&window, "The two are not the same."));
    type_secret(&mut window, "The same once more", " in a row");
    click(&mut window, "Create account");
    assert!(script.asked().iter().any(|r| matches!(r, Request::CreateAccount { passphrase: Some(_), .. })));
}

#[test]
fn twelve_words_bring_an_account_back() {
    let script = Script::first_run();
    let mut window = open(script.clone(), 1100.0, 860.0);
    steps(&mut window);
    click(&mut window, "I already have an account");
    let words = Role::MultilineTextInput;
    window.harness.get_by_role_and_label(words, "Twelve recovery words").focus();
    steps(&mut window);
    window.harness.get_by_role_and_label(words, "Twelve recovery words").type_text(&WORDS[..11].join("  "));
    type_into(&mut window, "Login", "mira");
    click(&mut window, "Restore account");
    assert!(sees(&window, "11 words here"));
    window.harness.get_by_role_and_label(words, "Twelve recovery words").focus();
    steps(&mut window);
    window.harness.get_by_role_and_label(words, "Twelve recovery words").type_text(&format!(" {}", WORDS[11]));
    steps(&mut window);
    click(&mut window, "Restore account");
    let restored = script.asked().into_iter().find_map(|r| if let Request::Restore { words, .. } = r { Some(words.0) } else { None });
    assert_eq!(restored, Some(WORDS.join(" ")));
}

#[test]
fn a_wrong_passphrase_is_said_and_the_right_one_opens() {
    let script = Script::ready(cast::busy(Theme::Dark));
    script.0.borrow_mut().phase = Phase::Locked;
    let mut window = open(script.clone(), 1100.0, 760.0);
    steps(&mut window);
    window.harness.get_by_role_and_label(Role::PasswordInput, "Passphrase").type_text("wrong");
    steps(&mut window);
    click(&mut window, "Unlock");
    assert!(sees(&window, "This is not the passphrase"));
    window.harness.get_by_role_and_label(Role::PasswordInput, "Passphrase").type_text(PASSPHRASE);
    steps(&mut window);
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert!(sees(&window, "People near you"));
}

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
        std::sync::Arc::make_mut(chat).progress = veche_screens::script::progress(seq, veche_protocol::view::Hlc(0));
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
fn an_accepted_request_becomes_a_conversation() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    click(&mut window, "Requests (1)");
    assert!(sees(&window, "Hi, it is Nora from the climbing club."));
    click(&mut window, "Accept");
    assert!(sees(&window, "Say hello to Nora Lind"));
    assert!(script.asked().iter().any(|r| matches!(r, Request::Command(Command::AcceptRequest(a)) if *a == cast::account(20))));
}

#[test]
fn somebody_nearby_is_asked() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    click(&mut window, "People near you (2)");
    let hello = window.harness.query_all_by_label("Say hello").next().expect("a button");
    hello.click();
    steps(&mut window);
    let asked = script.asked();
    let target =
        asked.iter().find_map(|r| if let Request::Command(Command::RequestContact { target, .. }) = r { Some(target) } else { None });
    assert_eq!(target, Some(&Target::Account(cast::account(30))));
}

#[test]
fn a_link_from_outside_is_looked_at_before_anything_is_sent() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.desk.outside.borrow_mut().push_back(Outside::Link("veche:c/abc".into()));
    steps(&mut window);
    assert!(sees(&window, "Do you know this person?"));
    assert!(!script.asked().iter().any(|r| matches!(r, Request::Command(Command::RequestContact { .. }))));
    click(&mut window, "Ask to talk");
    let asked = script.asked();
    assert!(
        asked.iter().any(|r| matches!(r, Request::Command(Command::RequestContact { target: Target::Link(l), .. }) if l == "veche:c/abc"))
    );
}

#[test]
fn settings_are_kept_and_russian_is_spoken_at_once() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    steps(&mut window);
    click(&mut window, "Appearance");
    click(&mut window, "Language: Русский");
    assert!(sees(&window, "Внешний вид"));
    assert_eq!(script.0.borrow().snap.settings.language, "ru");
    click(&mut window, "Приватность");
    click(&mut window, "Кто может попросить о разговоре: Только по ссылке");
    assert_eq!(script.0.borrow().snap.settings.gate, Gate::Code);
    click(&mut window, "Сообщать о прочтении");
    assert!(!script.0.borrow().snap.settings.receipts);
    window.harness.key_press(Key::Escape);
    steps(&mut window);
    assert!(sees(&window, "Люди рядом"));
}

#[test]
fn words_are_shown_once_and_three_are_typed_back() {
    let script = busy();
    script.change(|s| {
        let account = s.account.as_mut().map(std::sync::Arc::make_mut).expect("an account");
        account.words_saved = false;
    });
    let mut window = with_anton(&script);
    assert!(sees(&window, "Save your recovery words"), "after the first conversation");
    click(&mut window, "Show words");
    click(&mut window, "Show the words");
    assert!(WORDS.iter().all(|w| sees(&window, w)));
    click(&mut window, "I wrote them down");
    assert!(window.harness.query_by_label("harbour").is_none());
    click(&mut window, "Done");
    assert!(!script.0.borrow().snap.account.as_ref().expect("an account").words_saved);
    for n in 1..=12 {
        let label = format!("Word {n}");
        if window.harness.query_by_role_and_label(Role::TextInput, &label).is_some() {
            type_into(&mut window, &label, WORDS[n - 1]);
        }
    }
    click(&mut window, "Done");
    assert!(script.0.borrow().snap.account.as_ref().expect("an account").words_saved);
    assert!(!sees(&window, "Save your recovery words"));
}

#[test]
fn deleting_the_account_needs_the_login() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.harness.state_mut().push(Intent::Go(Page::Settings(SettingsTab::Account)));
    steps(&mut window);
    click(&mut window, "Delete account…");
    click(&mut window, "Delete forever");
    assert!(!script.asked().contains(&Request::DeleteAccount));
    type_into(&mut window, "Type your login (mira) to confirm", "mira");
    click(&mut window, "Delete forever");
    assert!(script.asked().contains(&Request::DeleteAccount));
    assert!(sees(&window, "Your account is deleted"));
}

#[test]
fn the_switcher_jumps_by_a_few_letters() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    steps(&mut window);
    window.harness.get_by_role_and_label(Role::TextInput, "Where to?").type_text("yuk");
    steps(&mut window);
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert_eq!(window.harness.state().model().page, Page::Chat(cast::chat_id(2)));
    window.harness.key_press_modifiers(Modifiers::ALT, Key::ArrowDown);
    steps(&mut window);
    assert_eq!(window.harness.state().model().page, Page::Chat(cast::chat_id(7)));
}

#[test]
fn notifications_name_the_sender_and_stop_with_the_setting() {
    let script = busy();
    let mut window = with_anton(&script);
    script.arrives(cast::message(3, 60, false, 0, "are you there?"));
    steps(&mut window);
    assert_eq!(*window.desk.notes.borrow(), [("Omar Haddad".to_owned(), "are you there?".to_owned())]);
    script.change(|s| s.settings = std::sync::Arc::new(Settings { notifications: false, ..(*s.settings).clone() }));
    script.arrives(cast::message(3, 61, false, 0, "hello?"));
    steps(&mut window);
    assert_eq!(window.desk.notes.borrow().len(), 1);
}

#[test]
fn somebody_offline_is_said_to_be_offline_and_messages_wait() {
    let script = busy();
    script.change(|s| {
        for person in s.people.iter_mut().map(std::sync::Arc::make_mut) {
            person.presence = Presence::Offline;
        }
        let chat = s.chats.iter_mut().find(|c| c.chat_id == cast::chat_id(1)).map(std::sync::Arc::make_mut).expect("a chat");
        chat.last.as_mut().expect("a message").state = Some(MessageState::Queued);
    });
    let mut window = open(script, 1200.0, 800.0);
    steps(&mut window);
    window.harness.get_by_label_contains("Антон Белов, offline").click();
    steps(&mut window);
    assert!(sees(&window, "Антон Белов is offline. Your messages wait on this device"));
    click(&mut window, "Why?");
    assert!(sees(&window, "Their device cannot be reached right now."));
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
