//! Calls: who rings, who talks, and what stands in the conversation afterwards.

use veche_protocol::core::command::{Command, CommandError, ProfilePatch, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::ids::{CallId, SpaceId};
use veche_protocol::view::{CallEnd, CallOutcome, CallPhase, MessageBody, Status};
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::net::Place;
use veche_sim::node::Who;
use veche_sim::story::story;
use veche_sim::world::World;

/// A word, and what a person is told, may have to wait for a disk that stalls, ms.
pub(super) const DISK: u64 = 5_000;

/// Alice and Bob, who are contacts and connected.
pub(super) fn friends(w: &mut World) -> (Who, Who, SpaceId) {
    let (alice, bob) = (w.alice(), w.bob());
    let chat = w.befriend(alice, bob);
    (alice, bob, chat)
}

pub(super) fn calls(w: &mut World, from: Who, to: Who) -> CallId {
    let account = w.account(to);
    match w.want(from, Command::CallStart { account }) {
        Reply::Call(id) => id,
        other => panic!("a call was wanted, not {other:?}"),
    }
}

pub(super) fn phase(w: &mut World, who: Who, call: CallId) -> Option<CallPhase> {
    w.view(who).call(call).map(|c| c.phase)
}

/// Waits until a call is this far with somebody.
pub(super) fn gets_to(w: &mut World, who: Who, call: CallId, wanted: CallPhase) {
    let there = w.until(10_000, |w| phase(w, who, call) == Some(wanted));
    let (now, ends) = (phase(w, who, call), ended(w, who, call));
    assert!(there, "{}: {now:?} {ends:?} instead of {wanted:?}; {}", w.node(who).name, w.node(who).all_refusals());
}

/// Calls somebody who takes it.
pub(super) fn talk(w: &mut World, from: Who, to: Who) -> CallId {
    let call = calls(w, from, to);
    gets_to(w, to, call, CallPhase::Incoming);
    w.want(to, Command::CallAccept { call });
    gets_to(w, from, call, CallPhase::Active);
    gets_to(w, to, call, CallPhase::Active);
    call
}

/// Why a call ended, as somebody was told; once at most.
pub(super) fn ended(w: &World, who: Who, call: CallId) -> Option<CallEnd> {
    let ends = w.node(who).events().filter_map(|e| match e {
        Event::CallState { call_id, ended, .. } if *call_id == call => *ended,
        _ => None,
    });
    let ends: Vec<CallEnd> = ends.collect();
    assert!(ends.len() <= 1, "{ends:?}");
    ends.first().copied()
}

pub(super) fn ends(w: &mut World, who: Who, call: CallId, within: u64, why: CallEnd) {
    assert!(w.until(within, |w| ended(w, who, call).is_some()), "{} still has it", w.node(who).name);
    assert_eq!(ended(w, who, call), Some(why), "{}", w.node(who).name);
}

pub(super) fn rang(w: &World, who: Who) -> usize {
    w.node(who).events().filter(|e| matches!(e, Event::CallIncoming { .. })).count()
}

/// What stands in a conversation about calls.
pub(super) fn logged(w: &mut World, who: Who, chat: SpaceId) -> Vec<(CallId, CallOutcome, u64)> {
    let rows = w.timeline(who, chat).into_iter();
    rows.filter_map(|m| match m.body {
        MessageBody::Call { call_id, outcome, duration_ms, .. } => Some((call_id, outcome, duration_ms)),
        _ => None,
    })
    .collect()
}

/// Both have one entry about a call, and only about this.
pub(super) fn one_entry(w: &mut World, who: &[Who], chat: SpaceId, call: CallId, wanted: CallOutcome) -> u64 {
    check::converges(w, who, chat);
    let all = logged(w, who[0], chat);
    assert_eq!(all.iter().map(|(id, outcome, _)| (*id, *outcome)).collect::<Vec<_>>(), [(call, wanted)]);
    for other in who {
        assert_eq!(logged(w, *other, chat), all);
        assert_eq!(w.engines.legs_of(*other), 0, "no microphone stays open");
        assert!(w.view(*other).calls.is_empty());
    }
    all[0].2
}

#[test]
fn two_people_talk_and_hang_up() {
    story("two_people_talk_and_hang_up", |w| {
        let (alice, bob, chat) = friends(w);
        let call = talk(w, alice, bob);
        let (a, b) = (w.view(alice).calls[0].clone(), w.view(bob).calls[0].clone());
        assert!(a.words.len() == 4 && a.words == b.words, "both see the same emoji");
        assert!(w.until(DISK, |w| w.view(alice).calls[0].stats.is_some()));
        w.want(bob, Command::CallSet { call, mic: Some(false), deafen: None });
        assert!(w.until(DISK, |w| !w.view(alice).calls[0].their_mic), "and see when one is mute");
        assert_eq!(w.engines.mic_of(bob), Some(false));
        w.run(60_000);
        w.want(bob, Command::CallHangup { call });
        ends(w, alice, call, DISK, CallEnd::HungUp);
        ends(w, bob, call, DISK, CallEnd::HungUp);
        let talked = one_entry(w, &[alice, bob], chat, call, CallOutcome::Talked);
        assert!((60_000..75_000).contains(&talked), "{talked}");
        assert_eq!(w.unread(bob, chat), Some(0), "he was there");
    });
}

#[test]
fn a_call_is_declined_and_that_is_known_on_both_sides() {
    story("a_call_is_declined_and_that_is_known_on_both_sides", |w| {
        let (alice, bob, chat) = friends(w);
        let call = calls(w, alice, bob);
        gets_to(w, bob, call, CallPhase::Incoming);
        gets_to(w, alice, call, CallPhase::Ringing);
        w.want(bob, Command::CallDecline { call });
        ends(w, alice, call, DISK, CallEnd::Declined);
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Declined);
    });
}

#[test]
fn a_second_call_rings_beside_the_first_and_taking_it_ends_that() {
    story("a_second_call_rings_beside_the_first_and_taking_it_ends_that", |w| {
        let (alice, bob, _) = friends(w);
        let carol = w.carol();
        w.befriend(carol, bob);
        let first = talk(w, alice, bob);
        let second = calls(w, carol, bob);
        gets_to(w, bob, second, CallPhase::Incoming);
        assert_eq!(phase(w, bob, first), Some(CallPhase::Active));
        let of_carol = w.account(carol);
        assert_eq!(w.ask(alice, Command::CallStart { account: of_carol }), Answer::No(CommandError::UnknownPerson));
        w.want(bob, Command::CallAccept { call: second });
        ends(w, alice, first, DISK, CallEnd::HungUp);
        gets_to(w, carol, second, CallPhase::Active);
        let of_alice = w.account(alice);
        assert_eq!(w.ask(bob, Command::CallStart { account: of_alice }), Answer::No(CommandError::InCall));
    });
}

#[test]
fn two_who_call_each_other_at_once_are_in_one_call() {
    story("two_who_call_each_other_at_once_are_in_one_call", |w| {
        let (alice, bob, chat) = friends(w);
        let (of_alice, of_bob) = (w.account(alice), w.account(bob));
        let one = w.command(alice, Command::CallStart { account: of_bob });
        let pause = w.dice.between(0, 40);
        w.run(pause);
        let two = w.command(bob, Command::CallStart { account: of_alice });
        let both = |w: &mut World| {
            let active = |w: &mut World, who| w.view(who).calls.iter().any(|c| c.phase == CallPhase::Active);
            active(w, alice) && active(w, bob)
        };
        let talking = w.until(5_000, both);
        // Where the first was heard of before the second was begun, that one takes it.
        let (a, b) = (w.view(alice).calls.clone(), w.view(bob).calls.clone());
        assert!(talking && a.len() == 1 && b.len() == 1 && a[0].call_id == b[0].call_id, "{a:?} {b:?} {one:?} {two:?}");
        assert!(w.answer(alice, one).is_some() && w.answer(bob, two).is_some());
        let call = a[0].call_id;
        w.want(alice, Command::CallHangup { call });
        ends(w, bob, call, DISK, CallEnd::HungUp);
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Talked);
    });
}

#[test]
fn who_is_away_is_not_waited_for_and_finds_a_missed_call() {
    story("who_is_away_is_not_waited_for_and_finds_a_missed_call", |w| {
        let (alice, bob, chat) = friends(w);
        w.stop(bob);
        w.run(10_000);
        let call = calls(w, alice, bob);
        ends(w, alice, call, 15_000, CallEnd::Unreachable);
        w.run(120_000);
        w.start(bob);
        assert!(w.eventually(SOON, |w| w.unread(bob, chat) == Some(1)), "it waits for him");
        assert_eq!(rang(w, bob), 0, "and does not ring");
        let told = w.view(bob).chat(chat).and_then(|c| c.last.as_ref().and_then(|l| l.call));
        assert_eq!(told, Some(CallOutcome::Missed));
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Missed);
    });
}

#[test]
fn who_comes_while_being_called_can_take_it() {
    story("who_comes_while_being_called_can_take_it", |w| {
        let (alice, bob, _) = friends(w);
        w.crash(bob, false);
        let call = calls(w, alice, bob);
        // The node is back within three seconds, or the call has found nobody meanwhile.
        w.until(10_000, |w| phase(w, bob, call).is_some() || ended(w, alice, call).is_some());
        match ended(w, alice, call) {
            Some(why) => assert_eq!(why, CallEnd::Unreachable),
            None => {
                w.want(bob, Command::CallAccept { call });
                gets_to(w, alice, call, CallPhase::Active);
            }
        }
    });
}

#[test]
fn one_of_two_devices_takes_the_call_and_the_other_stops_ringing() {
    story("one_of_two_devices_takes_the_call_and_the_other_stops_ringing", |w| {
        let (alice, bob, chat) = friends(w);
        let laptop = w.second_device(bob, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some() && w.is_online(laptop, alice)));
        assert!(w.until(SOON, |w| w.view(alice).network.authenticated >= 2));
        let call = calls(w, alice, bob);
        gets_to(w, bob, call, CallPhase::Incoming);
        gets_to(w, laptop, call, CallPhase::Incoming);
        let (takes, other) = if w.dice.chance(500) { (bob, laptop) } else { (laptop, bob) };
        w.want(takes, Command::CallAccept { call });
        ends(w, other, call, DISK, CallEnd::AnsweredElsewhere);
        gets_to(w, alice, call, CallPhase::Active);
        w.want(takes, Command::CallHangup { call });
        ends(w, alice, call, DISK, CallEnd::HungUp);
        one_entry(w, &[alice, bob, laptop], chat, call, CallOutcome::Talked);
        // Both at once: one has it.
        let call = calls(w, alice, bob);
        gets_to(w, bob, call, CallPhase::Incoming);
        gets_to(w, laptop, call, CallPhase::Incoming);
        w.command(bob, Command::CallAccept { call });
        w.command(laptop, Command::CallAccept { call });
        gets_to(w, alice, call, CallPhase::Active);
        let in_it = |w: &mut World, who| phase(w, who, call) == Some(CallPhase::Active);
        assert!(w.until(5_000, |w| in_it(w, bob) != in_it(w, laptop)));
        let out = if in_it(w, bob) { laptop } else { bob };
        ends(w, out, call, DISK, CallEnd::AnsweredElsewhere);
        // Declined on one is declined on both.
        w.want(alice, Command::CallHangup { call });
        w.run(2_000);
        let call = calls(w, alice, bob);
        gets_to(w, bob, call, CallPhase::Incoming);
        gets_to(w, laptop, call, CallPhase::Incoming);
        w.want(laptop, Command::CallDecline { call });
        ends(w, bob, call, DISK, CallEnd::DeclinedElsewhere);
        ends(w, alice, call, DISK, CallEnd::Declined);
    });
}

#[test]
fn who_does_not_want_to_be_disturbed_is_not_and_sees_it_later() {
    story("who_does_not_want_to_be_disturbed_is_not_and_sees_it_later", |w| {
        let (alice, bob, chat) = friends(w);
        w.edit_profile(bob, ProfilePatch { status: Some(Status::Dnd), ..ProfilePatch::default() });
        let call = calls(w, alice, bob);
        w.run(30_000);
        assert_eq!((phase(w, alice, call), phase(w, bob, call)), (Some(CallPhase::Calling), None));
        ends(w, alice, call, 40_000, CallEnd::NoAnswer);
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Missed);
        assert_eq!((rang(w, bob), w.unread(bob, chat)), (0, Some(1)));
    });
}

#[test]
fn who_is_shut_out_rings_nowhere_and_is_in_no_call() {
    story("who_is_shut_out_rings_nowhere_and_is_in_no_call", |w| {
        let (alice, bob, _) = friends(w);
        let call = talk(w, alice, bob);
        let (of_alice, of_bob) = (w.account(alice), w.account(bob));
        w.want(bob, Command::Block(of_alice));
        ends(w, bob, call, DISK, CallEnd::NotContact);
        assert!(w.until(60_000, |w| ended(w, alice, call).is_some()), "and the other hears nothing any more");
        assert_eq!(w.ask(bob, Command::CallStart { account: of_alice }), Answer::No(CommandError::Blocked));
        let rung = rang(w, bob);
        match w.ask(alice, Command::CallStart { account: of_bob }) {
            Answer::Ok(Reply::Call(again)) => ends(w, alice, again, 15_000, CallEnd::Unreachable),
            other => panic!("{other:?}"),
        }
        assert_eq!(rang(w, bob), rung);
    });
}

#[test]
fn a_program_without_sound_calls_nobody_and_says_so() {
    story("a_program_without_sound_calls_nobody_and_says_so", |w| {
        let (alice, bob, chat) = friends(w);
        w.engines.missing.insert(alice);
        let account = w.account(bob);
        assert_eq!(w.ask(alice, Command::CallStart { account }), Answer::No(CommandError::NoEngine));
        w.run(5_000);
        assert_eq!((rang(w, bob), logged(w, alice, chat).len()), (0, 0));
        // It can be called, and cannot take it.
        let call = calls(w, bob, alice);
        gets_to(w, alice, call, CallPhase::Incoming);
        w.want(alice, Command::CallAccept { call });
        ends(w, alice, call, DISK, CallEnd::NoEngine);
        ends(w, bob, call, DISK, CallEnd::NoSoundThere);
        assert_eq!(one_entry(w, &[bob, alice], chat, call, CallOutcome::Failed), 0, "it was taken, and not missed");
    });
}

#[test]
fn a_program_that_ends_hangs_up_first() {
    story("a_program_that_ends_hangs_up_first", |w| {
        let (alice, bob, chat) = friends(w);
        let call = talk(w, alice, bob);
        w.run(5_000);
        let who = if w.dice.chance(500) { alice } else { bob };
        w.stop(who);
        let other = if who == alice { bob } else { alice };
        ends(w, other, call, DISK, CallEnd::HungUp);
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Talked);
    });
}

#[test]
fn a_missed_call_waits_in_a_mailbox() {
    story("a_missed_call_waits_in_a_mailbox", |w| {
        w.restart_after = None;
        let operator = w.operator();
        let (alice, bob) = (w.person("alice", Place::Lan(1)), w.person("bob", Place::Lan(2)));
        for who in [alice, bob] {
            w.uses(who, operator);
        }
        let chat = w.befriend(alice, bob);
        w.run(60_000);
        w.stop(bob);
        w.run(60_000);
        let call = calls(w, alice, bob);
        ends(w, alice, call, 15_000, CallEnd::Unreachable);
        w.run(10_000);
        w.stop(alice);
        w.run(3_600_000);
        w.start(bob);
        assert!(w.until(10_000, |w| w.unread(bob, chat) == Some(1)), "{}", w.node(bob).all_refusals());
        // It is on his disk a moment later.
        w.run(DISK);
        assert_eq!((rang(w, bob), logged(w, bob, chat)), (0, vec![(call, CallOutcome::Missed, 0)]));
    });
}
