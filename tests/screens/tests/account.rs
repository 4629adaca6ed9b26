//! What a person does with an account and its settings, found by label as a screen reader would find it.

use egui::Key;
use egui::Modifiers;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use veche_gui::bridge::Phase;
use veche_gui::bridge::Request;
use veche_gui::model::Intent;
use veche_gui::model::Page;
use veche_gui::model::SettingsTab;
use veche_protocol::view::Gate;
use veche_protocol::view::Theme;
use veche_screens::Window;
use veche_screens::act::busy;
use veche_screens::act::click;
use veche_screens::act::sees;
use veche_screens::act::steps;
use veche_screens::act::type_into;
use veche_screens::act::with_anton;
use veche_screens::cast;
use veche_screens::open;
use veche_screens::script::PASSPHRASE;
use veche_screens::script::Script;
use veche_screens::script::WORDS;

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
