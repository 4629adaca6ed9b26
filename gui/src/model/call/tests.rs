//! What the model does about calls, without a window.

use super::*;
use crate::bridge::{Phase, Problem, Update};
use crate::command::UiCommand;
use crate::model::Intent;
use crate::model::time::Zone;
use veche_protocol::core::event::Event;
use veche_protocol::ids::DeviceId;
use veche_protocol::view::{AccountView, CallDirection, Presence, Settings, Snapshot};

const NOW: UnixMs = UnixMs(1_795_521_600_000);
const THEM: AccountId = AccountId([2; 32]);
const CALL: CallId = CallId([7; 16]);

fn call(phase: CallPhase) -> CallView {
    let talks = phase == CallPhase::Active;
    CallView {
        call_id: CALL,
        account_id: THEM,
        device_id: None,
        direction: if phase == CallPhase::Incoming { CallDirection::Incoming } else { CallDirection::Outgoing },
        phase,
        started: NOW,
        since: NOW,
        connected: talks.then_some(UnixMs(NOW.0 - 61_300)),
        route: None,
        stats: None,
        mic: true,
        deafen: false,
        their_mic: true,
        their_deafen: false,
        speaking: false,
        their_speaking: false,
        volume: 100,
        words: Vec::new(),
    }
}

fn person(relation: Relation) -> PersonView {
    PersonView {
        account_id: THEM,
        login: "anton".into(),
        tag: None,
        name: "Anton".into(),
        own_name: "Anton".into(),
        info: String::new(),
        status_text: String::new(),
        presence: Presence::Offline,
        last_seen: None,
        route: None,
        relation,
        verified: false,
        devices_changed: false,
        chat_id: None,
    }
}

fn shows(model: &mut Model, status: Status, calls: &[CallView]) {
    let account = AccountView {
        account_id: AccountId([1; 32]),
        device_id: DeviceId([1; 32]),
        login: "mira".into(),
        tag: None,
        name: "Mira".into(),
        info: String::new(),
        status,
        status_text: String::new(),
        words_saved: true,
        listed: true,
    };
    let snap = Snapshot {
        account: Some(Arc::new(account)),
        people: vec![Arc::new(person(Relation::Contact))],
        calls: calls.iter().cloned().map(Arc::new).collect(),
        settings: Arc::new(Settings::default()),
        ..Snapshot::default()
    };
    model.look(Phase::Ready, Arc::new(snap), false);
}

fn model(calls: &[CallView]) -> Model {
    let mut model = Model::new(NOW, Zone::utc());
    shows(&mut model, Status::Online, calls);
    let _ = model.take_out();
    model
}

fn asked(model: &mut Model) -> Vec<Command> {
    let asked = model.take_out().into_iter().filter_map(|out| match out {
        Out::Ask(_, Request::Command(command)) => Some(command),
        _ => None,
    });
    asked.collect()
}

fn over(model: &mut Model, phase: CallPhase, why: CallEnd) {
    shows(model, Status::Online, &[]);
    model.hear(Update::Event(Event::CallState { call_id: CALL, account_id: THEM, phase, ended: Some(why), reason: None }));
}

#[test]
fn only_contacts_are_called_and_nobody_twice() {
    let mut free = model(&[]);
    assert_eq!(free.can_call(&person(Relation::Contact)), Ok(()));
    assert_eq!(free.can_call(&person(Relation::Blocked)), Err(NoCall::Blocked));
    assert_eq!(free.can_call(&person(Relation::Gone)), Err(NoCall::Gone));
    assert_eq!(free.can_call(&person(Relation::Requested)), Err(NoCall::NotContact));
    free.apply(Intent::Call(CallIntent::Start(THEM)));
    free.apply(Intent::Call(CallIntent::Start(THEM)));
    assert_eq!(asked(&mut free), [Command::CallStart { account: THEM }], "an impatient second press is no second call");
    let busy = model(&[call(CallPhase::Ringing)]);
    assert_eq!(busy.can_call(&person(Relation::Contact)), Err(NoCall::ThisOne));
    let other = PersonView { account_id: AccountId([3; 32]), ..person(Relation::Contact) };
    assert_eq!(busy.can_call(&other), Err(NoCall::InCall));
}

#[test]
fn calling_somebody_who_calls_takes_their_call() {
    let mut model = model(&[call(CallPhase::Incoming)]);
    model.apply(Intent::Call(CallIntent::Start(THEM)));
    assert_eq!(asked(&mut model), [Command::CallAccept { call: CALL }]);
    model.apply(Intent::Do(UiCommand::HangUp));
    assert_eq!(asked(&mut model), [Command::CallDecline { call: CALL }]);
}

#[test]
fn keys_do_nothing_without_a_call() {
    let mut model = model(&[]);
    for command in [UiCommand::Answer, UiCommand::HangUp, UiCommand::Mic, UiCommand::Deafen, UiCommand::Call] {
        model.apply(Intent::Do(command));
    }
    assert!(model.take_out().is_empty());
}

#[test]
fn the_desktop_points_at_the_window_for_as_long_as_it_rings() {
    let mut model = model(&[]);
    let rings = |model: &mut Model, status| {
        shows(model, status, &[call(CallPhase::Incoming)]);
        model.hear(Update::Event(Event::CallIncoming { call: call(CallPhase::Incoming) }));
    };
    model.focused = false;
    rings(&mut model, Status::Online);
    let out = model.take_out();
    assert!(matches!(&out[..], [Out::Attention(true), Out::Notify { title: Say::Words(who), .. }] if who == "Anton"), "{out:?}");
    shows(&mut model, Status::Online, &[call(CallPhase::Connecting)]);
    assert_eq!(model.take_out(), [Out::Attention(false)]);
    rings(&mut model, Status::Dnd);
    assert!(model.take_out().is_empty());
}

#[test]
fn what_ended_a_call_is_said_for_a_while() {
    let mut model = model(&[call(CallPhase::Active)]);
    over(&mut model, CallPhase::Active, CallEnd::HungUp);
    let ended = model.calls.ended.clone().expect("said");
    assert_eq!((ended.talked, ended.again(), ended.well()), (Some(61), false, true));
    assert_eq!(model.next_deadline(), Some(SAID_MS));
    model.tick(UnixMs(NOW.0 + SAID_MS));
    assert_eq!(model.calls.ended, None);
    shows(&mut model, Status::Online, &[call(CallPhase::Calling)]);
    over(&mut model, CallPhase::Calling, CallEnd::Unreachable);
    assert!(model.calls.ended.as_ref().is_some_and(Ended::again));
    shows(&mut model, Status::Online, &[call(CallPhase::Calling)]);
    assert_eq!(model.calls.ended, None, "a new call makes the old one old");
}

#[test]
fn of_some_ends_nothing_needs_to_be_said() {
    for (phase, why) in [
        (CallPhase::Calling, CallEnd::Cancelled),
        (CallPhase::Calling, CallEnd::Merged),
        (CallPhase::Incoming, CallEnd::Declined),
        (CallPhase::Incoming, CallEnd::Merged),
    ] {
        let mut model = model(&[call(phase)]);
        over(&mut model, phase, why);
        assert!(model.calls.ended.is_none() && model.toasts.is_empty(), "{phase:?} {why:?}");
    }
    let mut model = model(&[call(CallPhase::Incoming)]);
    over(&mut model, CallPhase::Incoming, CallEnd::AnsweredElsewhere);
    assert_eq!(model.toasts.len(), 1);
}

#[test]
fn a_refused_call_can_be_tried_again() {
    let mut model = model(&[]);
    model.apply(Intent::Call(CallIntent::Start(THEM)));
    let Some(Out::Ask(ticket, _)) = model.take_out().pop() else { panic!("nothing asked") };
    model.hear(Update::Answer(ticket, Err(Problem { kind: "busy".into(), sentence: "Too many at once.".into() })));
    assert_eq!(model.can_call(&person(Relation::Contact)), Ok(()));
    assert_eq!(model.toasts.len(), 1);
}

#[test]
fn the_clock_of_a_call_wakes_the_window_once_a_second() {
    let mut model = model(&[call(CallPhase::Active)]);
    assert_eq!(model.next_deadline(), Some(700));
    model.tick(UnixMs(NOW.0 + 700));
    assert_eq!(model.talked(&call(CallPhase::Active)), Some(62));
    assert_eq!(model.next_deadline(), Some(1000));
}

#[test]
fn quality_is_what_one_notices() {
    let of = |rtt, loss| quality(Some(&LegStats { rtt_ms: rtt, loss_permille: loss, ..LegStats::default() }));
    assert_eq!(quality(None), Quality::Unknown);
    assert_eq!(of(None, None), Quality::Unknown);
    assert_eq!(of(Some(40), Some(3)), Quality::Good);
    assert_eq!(of(Some(SLOW_MS), None), Quality::Fair);
    assert_eq!(of(Some(40), Some(LOSSY)), Quality::Fair);
    assert_eq!(of(Some(VERY_SLOW_MS), Some(0)), Quality::Bad);
    let concealed = LegStats { rtt_ms: Some(40), loss_permille: Some(0), concealed_permille: Some(VERY_LOSSY), ..LegStats::default() };
    assert_eq!(quality(Some(&concealed)), Quality::Bad);
}
