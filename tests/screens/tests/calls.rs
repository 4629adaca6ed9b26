//! Calling and being called, as a person sees and does it.

use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use std::sync::Arc;
use veche_gui::bridge::Request;
use veche_gui::model::{Intent, Page, SettingsTab};
use veche_protocol::core::command::{Command, CommandError};
use veche_protocol::ids::CallId;
use veche_protocol::view::{CallEnd, CallOutcome, CallPhase, OperatorView, Presence, Relation, Status};
use veche_screens::act::{busy, compose, composer_text, sees, steps, with_anton};
use veche_screens::cast;
use veche_screens::script::Script;
use veche_screens::{Window, open};

const MINUTE: u64 = 60_000;

fn commands(script: &Script) -> Vec<Command> {
    let calls = script.asked().into_iter().filter_map(|r| match r {
        Request::Command(
            c @ (Command::CallStart { .. }
            | Command::CallAccept { .. }
            | Command::CallDecline { .. }
            | Command::CallHangup { .. }
            | Command::CallSet { .. }
            | Command::CallVolume { .. }),
        ) => Some(c),
        _ => None,
    });
    calls.collect()
}

/// Presses the first thing whose label begins so: a key may stand behind it.
fn press(window: &mut Window, label: &str) {
    window.harness.query_all_by_label_contains(label).next().unwrap_or_else(|| panic!("no {label}")).click();
    steps(window);
}

/// A window in which Anton is being talked to.
fn talking() -> (Script, Window) {
    let script = busy();
    let window = with_anton(&script);
    script.change(|s| s.calls.push(Arc::new(cast::call(1, CallPhase::Active, 754_000))));
    let mut window = window;
    steps(&mut window);
    (script, window)
}

#[test]
fn a_call_is_begun_from_the_conversation_and_given_up() {
    let script = busy();
    let mut window = with_anton(&script);
    press(&mut window, "Call (");
    assert_eq!(commands(&script), [Command::CallStart { account: cast::account(1) }]);
    assert!(sees(&window, "Calling…"));
    assert!(sees(&window, "Call with Антон Белов"));
    script.change(|s| Arc::make_mut(&mut s.calls[0]).phase = CallPhase::Ringing);
    steps(&mut window);
    assert!(sees(&window, "Ringing…"));
    press(&mut window, "Stop calling");
    assert_eq!(commands(&script), [Command::CallHangup { call: CallId([1; 16]) }]);
    assert!(!sees(&window, "Call with Антон Белов"));
}

#[test]
fn keys_call_mute_deafen_and_hang_up() {
    let script = busy();
    let mut window = with_anton(&script);
    let call = CallId([1; 16]);
    let shift = Modifiers::COMMAND | Modifiers::SHIFT;
    for (modifiers, key) in [(Modifiers::COMMAND, Key::Quote), (shift, Key::M), (shift, Key::D), (shift, Key::M), (shift, Key::H)] {
        window.harness.key_press_modifiers(modifiers, key);
        steps(&mut window);
    }
    let set = |mic, deafen| Command::CallSet { call, mic, deafen };
    assert_eq!(
        commands(&script),
        [
            Command::CallStart { account: cast::account(1) },
            set(Some(false), None),
            set(None, Some(true)),
            set(Some(true), None),
            Command::CallHangup { call }
        ]
    );
}

#[test]
fn somebody_offline_can_be_called_and_somebody_blocked_cannot() {
    let script = busy();
    script.change(|s| {
        let anton = s.people.iter_mut().find(|p| p.account_id == cast::account(1)).map(Arc::make_mut).expect("Anton");
        anton.presence = Presence::Offline;
    });
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.harness.get_by_label_contains("Антон Белов, offline").click();
    steps(&mut window);
    assert!(!window.harness.query_all_by_label_contains("Call (").next().expect("a button").accesskit_node().is_disabled());
    script.change(|s| {
        let anton = s.people.iter_mut().find(|p| p.account_id == cast::account(1)).map(Arc::make_mut).expect("Anton");
        anton.relation = Relation::Blocked;
    });
    steps(&mut window);
    let why = "You blocked this person. Unblock them to call.";
    let button = window.harness.get_by_role_and_label(Role::Button, why);
    assert!(button.accesskit_node().is_disabled());
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Quote);
    steps(&mut window);
    assert!(commands(&script).is_empty());
    assert!(window.harness.query_by_role_and_label(Role::Alert, why).is_some());
}

#[test]
fn a_call_that_rings_disturbs_nobody_who_writes_and_is_taken_by_key() {
    let script = busy();
    let mut window = with_anton(&script);
    compose(&mut window, "I am just");
    script.rings(cast::call(3, CallPhase::Incoming, 0));
    steps(&mut window);
    assert!(window.harness.query_by_role_and_label(Role::AlertDialog, "Omar Haddad is calling").is_some());
    compose(&mut window, " writing");
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert!(commands(&script).is_empty(), "a message is sent, nothing is taken");
    assert_eq!(composer_text(&window), "");
    window.harness.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    steps(&mut window);
    assert_eq!(commands(&script), [Command::CallAccept { call: CallId([3; 16]) }]);
    assert!(!sees(&window, "is calling"));
    assert!(sees(&window, "Call with Omar Haddad"));
}

#[test]
fn whoever_does_nothing_has_the_keyboard_on_the_card() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    script.rings(cast::call(3, CallPhase::Incoming, 0));
    steps(&mut window);
    window.harness.key_press(Key::Escape);
    steps(&mut window);
    assert_eq!(commands(&script), [Command::CallDecline { call: CallId([3; 16]) }]);
    script.rings(cast::call(5, CallPhase::Incoming, 0));
    steps(&mut window);
    window.harness.key_press(Key::Enter);
    steps(&mut window);
    assert_eq!(commands(&script), [Command::CallAccept { call: CallId([5; 16]) }]);
}

#[test]
fn a_second_call_says_what_taking_it_costs() {
    let (script, mut window) = talking();
    script.rings(cast::call(3, CallPhase::Incoming, 0));
    steps(&mut window);
    assert!(sees(&window, "Accepting ends your call with Антон Белов."));
    press(&mut window, "Decline (");
    assert_eq!(commands(&script), [Command::CallDecline { call: CallId([3; 16]) }]);
    assert!(sees(&window, "Call with Антон Белов"), "the first goes on");
}

#[test]
fn the_desktop_tells_of_a_call_unless_the_person_wants_quiet() {
    let script = busy();
    let mut window = open(script.clone(), 1200.0, 800.0);
    steps(&mut window);
    window.unfocus();
    script.rings(cast::call(3, CallPhase::Incoming, 0));
    steps(&mut window);
    assert_eq!(*window.desk.notes.borrow(), [("Omar Haddad".to_owned(), "Incoming call".to_owned())]);
    script.ends(CallId([3; 16]), CallEnd::Cancelled);
    steps(&mut window);
    assert!(sees(&window, "Omar Haddad hung up before you answered."));
    script.change(|s| s.account.as_mut().map(Arc::make_mut).expect("an account").status = Status::Dnd);
    script.rings(cast::call(5, CallPhase::Incoming, 0));
    steps(&mut window);
    assert_eq!(window.desk.notes.borrow().len(), 1, "quiet is quiet");
    assert!(sees(&window, "Theo Marchetti is calling"), "who looks, sees it");
}

#[test]
fn why_a_call_ended_is_said_with_what_to_do() {
    let (script, mut window) = talking();
    script.ends(CallId([1; 16]), CallEnd::Lost);
    steps(&mut window);
    assert!(sees(&window, "The connection to Антон Белов was lost. Call again once you are both online."));
    // The sentence says the same, and so does the row of an earlier call.
    window.harness.get_by_role_and_label(Role::Button, "Call again").click();
    steps(&mut window);
    assert_eq!(commands(&script), [Command::CallStart { account: cast::account(1) }]);
    assert!(!sees(&window, "was lost"));
    script.ends(CallId([1; 16]), CallEnd::NoAnswer);
    steps(&mut window);
    assert!(sees(&window, "did not answer"));
    window.clock.set(cast::NOW.0 + MINUTE);
    steps(&mut window);
    assert!(!sees(&window, "did not answer"), "not for ever");
}

#[test]
fn a_refused_call_says_why() {
    let script = busy();
    let mut window = with_anton(&script);
    script.0.borrow_mut().refuse = Some(CommandError::NoEngine);
    press(&mut window, "Call (");
    assert!(sees(&window, "This program has no sound, so it cannot call."));
    let _ = commands(&script);
    press(&mut window, "Call (");
    assert_eq!(commands(&script).len(), 1, "it may be tried again");
}

#[test]
fn the_bar_stays_everywhere_and_leads_back() {
    let (_, mut window) = talking();
    for away in ["People near you (2)", "Settings"] {
        press(&mut window, away);
        press(&mut window, "Call with Антон Белов");
        assert_eq!(window.harness.state().model().page, Page::Chat(cast::chat_id(1)), "{away}");
    }
}

#[test]
fn volume_and_connection_are_shown_and_the_volume_moves_by_key() {
    let (script, mut window) = talking();
    window.harness.query_all_by_label("Volume and connection").next().expect("a button").click();
    steps(&mut window);
    for words in ["From mouth to ear: about 74 ms", "Round trip: 38 ms", "Lost packets: 0.2 %", "Codec: Opus"] {
        assert!(sees(&window, words), "{words}");
    }
    window.harness.get_by_role_and_label(Role::Slider, "Volume of Антон Белов").focus();
    steps(&mut window);
    window.harness.key_press(Key::ArrowRight);
    steps(&mut window);
    assert_eq!(commands(&script), [Command::CallVolume { call: CallId([1; 16]), percent: 105 }]);
    press(&mut window, "Microphone and loudspeaker…");
    assert!(sees(&window, "Start the test") && sees(&window, "Call with Антон Белов"), "the page, and the call beside it");
}

#[test]
fn what_became_of_calls_stands_between_the_messages_and_can_be_answered() {
    let mut said = cast::talk_with_anton();
    said.push(cast::called(1, 40, true, 9 * MINUTE, CallOutcome::Talked, 754_000));
    said.push(cast::called(1, 41, false, 4 * MINUTE, CallOutcome::Missed, 0));
    let script = busy().with_history(1, said);
    let mut window = with_anton(&script);
    assert!(sees(&window, "You called · 12:34"));
    assert!(sees(&window, "Missed call"));
    press(&mut window, "Call back");
    assert_eq!(commands(&script), [Command::CallStart { account: cast::account(1) }]);
}

#[test]
fn the_network_page_says_which_meeting_points_calls_can_go_through() {
    let script = busy();
    let mut window = with_anton(&script);
    let shown = |window: &mut Window, connected: bool, calls: bool| {
        script.change(|s| {
            let network = Arc::make_mut(&mut s.network);
            network.lan_only = false;
            network.operators = vec![OperatorView { hints: network.listening.clone(), connected, calls }];
        });
        window.harness.state_mut().push(Intent::Go(Page::Settings(SettingsTab::Network)));
        steps(window);
        ["Connected, also for calls", "Connected", "Not connected"].map(|words| window.harness.query_by_label(words).is_some())
    };
    assert_eq!(shown(&mut window, false, false), [false, false, true]);
    assert_eq!(shown(&mut window, true, false), [false, true, false]);
    assert_eq!(shown(&mut window, true, true), [true, false, false]);
    assert_eq!(shown(&mut window, false, true), [false, false, true], "what it gave is of no use while it cannot be reached");
}

#[test]
fn a_window_with_a_call_is_drawn_once_a_second() {
    let (_, mut window) = talking();
    window.harness.run_steps(20);
    let delay = window.harness.output().viewport_output.values().map(|v| v.repaint_delay).min().expect("a viewport");
    assert!(delay.as_millis() > 100, "{delay:?}");
}
