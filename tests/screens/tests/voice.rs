//! The page with the sound of calls, and the key of push to talk.

use egui::Key;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use std::sync::Arc;
use veche_gui::bridge::{Request, SoundTest};
use veche_gui::model::{Intent, Page, SettingsTab};
use veche_protocol::core::command::Command;
use veche_protocol::core::event::Event;
use veche_protocol::view::{CallPhase, SoundSettings, Transmission};
use veche_screens::act::{busy, click, sees, steps};
use veche_screens::script::Script;
use veche_screens::{Window, cast, open};

fn page(script: &Script) -> Window {
    let mut window = open(script.clone(), 1180.0, 2_000.0);
    steps(&mut window);
    window.harness.state_mut().push(Intent::Go(Page::Settings(SettingsTab::Voice)));
    steps(&mut window);
    let _ = script.asked();
    window
}

/// The settings of sound that were stored since the last look.
fn stored(script: &Script) -> Vec<SoundSettings> {
    let stored = script.asked().into_iter().filter_map(|r| match r {
        Request::Command(Command::SetSettings(settings)) => Some(settings.sound),
        _ => None,
    });
    stored.collect()
}

fn tests(script: &Script) -> Vec<SoundTest> {
    script.asked().into_iter().filter_map(|r| if let Request::TestSound(test) = r { Some(test) } else { None }).collect()
}

fn transmission(script: &Script, transmission: Transmission) {
    script.change(|s| {
        let mut settings = (*s.settings).clone();
        settings.sound.transmission = transmission;
        s.settings = Arc::new(settings);
    });
}

#[test]
fn a_microphone_is_chosen_by_its_name() {
    let script = busy();
    let mut window = page(&script);
    window.harness.get_by_role_and_label(Role::ComboBox, "Microphone").click();
    steps(&mut window);
    click(&mut window, "USB headset");
    let stored = stored(&script);
    assert_eq!(stored.first().and_then(|s| s.input.as_deref()), Some("headset"), "{stored:?}");
}

#[test]
fn loudness_is_stored_once_it_rests() {
    let script = busy();
    let mut window = page(&script);
    window.harness.get_by_role_and_label(Role::Slider, "Loudness of others").focus();
    steps(&mut window);
    window.harness.key_press(Key::ArrowLeft);
    steps(&mut window);
    assert_eq!(stored(&script).iter().map(|s| s.output_volume).collect::<Vec<_>>(), [95]);
}

#[test]
fn a_test_runs_while_somebody_looks_and_is_prolonged() {
    let script = busy();
    let mut window = page(&script);
    click(&mut window, "Start the test");
    assert!(sees(&window, "Opening the microphone…"));
    script.happens(Event::DeviceLevel { decibels: -30.0, open: true });
    steps(&mut window);
    assert!(sees(&window, "Others would hear you now"));
    click(&mut window, "Hear myself");
    window.clock.set(cast::NOW.0 + 26_000);
    steps(&mut window);
    window.harness.state_mut().push(Intent::Go(Page::Settings(SettingsTab::About)));
    steps(&mut window);
    assert_eq!(tests(&script), [SoundTest::Meter, SoundTest::Loopback, SoundTest::Loopback, SoundTest::Off]);
}

#[test]
fn a_threshold_of_ones_own_is_moved_on_the_meter() {
    let script = busy();
    let mut window = page(&script);
    click(&mut window, "Tell voice from noise by itself");
    assert_eq!(stored(&script).iter().map(|s| s.threshold).collect::<Vec<_>>(), [Some(-45)]);
    window.harness.get_by_role_and_label(Role::Slider, "From this level on you are heard").focus();
    steps(&mut window);
    window.harness.key_press(Key::ArrowRight);
    steps(&mut window);
    assert_eq!(stored(&script).iter().map(|s| s.threshold).collect::<Vec<_>>(), [Some(-44)]);
}

#[test]
fn a_key_is_chosen_and_holds_the_microphone_open() {
    let script = busy();
    transmission(&script, Transmission::PushToTalk);
    let mut window = page(&script);
    assert!(sees(&window, "Key: F8"));
    click(&mut window, "Choose a key");
    window.harness.key_press(Key::F9);
    steps(&mut window);
    assert!(sees(&window, "Key: F9"));
    assert_eq!(window.desk.talk_key.borrow().as_deref(), Some("F9"));
    let talked = |script: &Script| -> Vec<bool> {
        script.asked().into_iter().filter_map(|r| if let Request::PushToTalk(down) = r { Some(down) } else { None }).collect()
    };
    window.harness.key_down(Key::F9);
    steps(&mut window);
    assert!(talked(&script).is_empty(), "there is no call");
    window.harness.key_up(Key::F9);
    script.change(|s| s.calls.push(Arc::new(cast::call(1, CallPhase::Active, 5_000))));
    steps(&mut window);
    window.harness.key_down(Key::F9);
    steps(&mut window);
    window.harness.key_up(Key::F9);
    steps(&mut window);
    assert_eq!(talked(&script), [true, false]);
    // Whoever goes to another window lets go.
    window.harness.key_down(Key::F9);
    steps(&mut window);
    window.unfocus();
    assert_eq!(talked(&script), [true, false]);
}

#[test]
fn escape_leaves_the_key_as_it_is() {
    let script = busy();
    transmission(&script, Transmission::PushToTalk);
    let mut window = page(&script);
    click(&mut window, "Choose a key");
    window.harness.key_press(Key::Escape);
    steps(&mut window);
    assert!(sees(&window, "Key: F8"));
    assert_eq!(window.harness.state().model().page, Page::Settings(SettingsTab::Voice), "and the page open");
}

#[test]
fn without_devices_nothing_can_be_chosen_and_it_is_said_why() {
    let script = busy();
    let window = page(&script);
    assert!(window.harness.query_by_role_and_label(Role::ComboBox, "Loudspeaker").is_some());
    script.0.borrow_mut().no_devices = true;
    let window = page(&script);
    assert!(window.harness.query_by_role_and_label(Role::ComboBox, "Loudspeaker").is_none());
    assert!(sees(&window, "there is nothing to choose"));
}
