//! How people find each other and are told about each other.

use egui::Key;
use egui::Modifiers;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use veche_gui::bridge::Request;
use veche_gui::model::Page;
use veche_gui::platform::Outside;
use veche_protocol::core::command::Command;
use veche_protocol::core::command::Target;
use veche_protocol::view::MessageState;
use veche_protocol::view::Presence;
use veche_protocol::view::Settings;
use veche_screens::act::busy;
use veche_screens::act::click;
use veche_screens::act::sees;
use veche_screens::act::steps;
use veche_screens::act::type_into;
use veche_screens::act::with_anton;
use veche_screens::cast;
use veche_screens::open;

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
fn what_is_neither_link_nor_login_is_said_to_be_so() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::N);
    steps(&mut window);
    type_into(&mut window, "Link or login", "Klara Novak");
    click(&mut window, "Find");
    assert!(sees(&window, "This is neither a contact link nor a login."));
    type_into(&mut window, "Link or login", "x");
    assert!(!script.asked().iter().any(|r| matches!(r, Request::Command(Command::Lookup { .. }))));
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
