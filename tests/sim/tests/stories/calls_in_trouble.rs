//! Calls while networks, machines and disks fail, and while somebody says of calls what is not so.

use super::calls::{DISK, calls, ended, ends, friends, gets_to, logged, one_entry, phase, rang, talk};
use std::collections::BTreeSet;
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::ids::CallId;
use veche_protocol::view::{CallEnd, CallOutcome, CallPhase};
use veche_protocol::wire::call::{CallBody, CallDescription, CallInvite, CallMsg, CallWord, SignedCall, word};
use veche_protocol::wire::link::LinkMsg;
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::disk::Health;
use veche_sim::net::{Place, Weather};
use veche_sim::node::{START, Who};
use veche_sim::story::story;
use veche_sim::world::World;

#[test]
fn a_network_that_goes_and_comes_back_does_not_end_a_call() {
    story("a_network_that_goes_and_comes_back_does_not_end_a_call", |w| {
        let (alice, bob, chat) = friends(w);
        let call = talk(w, alice, bob);
        w.partition(&[alice], &[bob]);
        gets_to(w, alice, call, CallPhase::Reconnecting);
        let pause = w.dice.between(1_000, 20_000);
        w.run(pause);
        w.heal();
        gets_to(w, alice, call, CallPhase::Active);
        gets_to(w, bob, call, CallPhase::Active);
        // The connection for words may break alone: the sound goes on, and mute is told once there is another.
        w.want(alice, Command::CallSet { call, mic: Some(false), deafen: None });
        assert!(w.until(SOON, |w| !w.view(bob).calls[0].their_mic));
        w.partition(&[alice], &[bob]);
        ends(w, alice, call, 40_000, CallEnd::Lost);
        ends(w, bob, call, 40_000, CallEnd::Lost);
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Talked);
    });
}

#[test]
fn a_call_in_which_a_machine_dies_is_written_down_once() {
    story("a_call_in_which_a_machine_dies_is_written_down_once", |w| {
        let (alice, bob, chat) = friends(w);
        let call = talk(w, alice, bob);
        let talked = w.dice.between(1_000, 100_000);
        w.run(talked);
        let (dies, lives) = if w.dice.chance(500) { (alice, bob) } else { (bob, alice) };
        let power = w.dice.chance(500);
        w.crash(dies, power);
        ends(w, lives, call, 35_000, CallEnd::Lost);
        w.run(5_000);
        assert_eq!(phase(w, dies, call), None);
        let said = one_entry(w, &[alice, bob], chat, call, CallOutcome::Talked);
        assert!(said <= talked + 35_000 && said + 31_000 >= talked, "{said} of {talked}");
    });
}

#[test]
fn a_caller_that_dies_while_it_rings_leaves_a_missed_call() {
    story("a_caller_that_dies_while_it_rings_leaves_a_missed_call", |w| {
        let (alice, bob, chat) = friends(w);
        let call = calls(w, alice, bob);
        gets_to(w, bob, call, CallPhase::Incoming);
        w.crash(alice, true);
        assert!(w.until(20_000, |w| ended(w, bob, call).is_some()), "it stops ringing");
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Missed);
        assert_eq!(rang(w, bob), 1);
    });
}

#[test]
fn a_full_disk_keeps_nobody_from_being_mute_or_hanging_up() {
    story("a_full_disk_keeps_nobody_from_being_mute_or_hanging_up", |w| {
        let (alice, bob, chat) = friends(w);
        let call = talk(w, alice, bob);
        w.set_disk(alice, Health::Full);
        // Whatever is written next shows it.
        w.command(alice, Command::Draft(chat, "there is no room".into()));
        w.run(3_000);
        assert!(matches!(w.ask(alice, Command::Draft(chat, "still none".into())), Answer::No(CommandError::NotStored(_))));
        w.want(alice, Command::CallSet { call, mic: Some(false), deafen: None });
        assert_eq!((w.engines.mic_of(alice), phase(w, alice, call)), (Some(false), Some(CallPhase::Active)));
        w.want(alice, Command::CallHangup { call });
        assert_eq!(w.engines.legs_of(alice), 0, "at once");
        w.run(10_000);
        w.set_disk(alice, Health::Good);
        one_entry(w, &[alice, bob], chat, call, CallOutcome::Talked);
    });
}

#[test]
fn a_certificate_that_was_not_signed_ends_the_call() {
    story("a_certificate_that_was_not_signed_ends_the_call", |w| {
        let (alice, bob, _) = friends(w);
        w.engines.impostors.insert(bob);
        let call = calls(w, alice, bob);
        gets_to(w, bob, call, CallPhase::Incoming);
        w.want(bob, Command::CallAccept { call });
        ends(w, alice, call, 5_000, CallEnd::Impostor);
        ends(w, bob, call, 5_000, CallEnd::Impostor);
    });
}

#[test]
fn what_a_contact_turned_hostile_says_of_calls_is_refused() {
    story("what_a_contact_turned_hostile_says_of_calls_is_refused", |w| {
        let alice = w.alice();
        let (bob, mallory) = (w.bob(), w.person("mallory", Place::Lan(1)));
        w.befriend(alice, bob);
        w.befriend(alice, mallory);
        let mut mallory = w.turn_hostile(mallory, alice);
        mallory.connects(w);
        let call = talk(w, alice, bob);
        let to = w.view(alice).account.as_ref().expect("an account").device_id.to_vec();
        let from = mallory.device().to_vec();
        let says = |call: [u8; 16], n: u32, sent_ms: u64, m: CallBody| CallMsg {
            v: 1,
            call: call.to_vec(),
            from: from.clone(),
            to: to.clone(),
            n,
            seen: 0,
            again: false,
            sent_ms,
            m: Some(m),
        };
        let now = START.0 + w.at();
        let invite = || CallBody::Invite(CallInvite { lifetime_ms: u32::MAX, media: 1 });
        // It is old, and stays so however often it comes.
        for _ in 0..2 {
            mallory.says_of_call(w, &says([1; 16], 1, now - 91_000, invite()));
            w.run(500);
        }
        assert_eq!((rang(w, alice), w.node(alice).refusals("call_stale")), (0, 1));
        // Other people's calls, and calls of nobody.
        mallory.says_of_call(w, &says(call.0, 1, now, CallBody::Word(CallWord { word: word::HANG_UP, why: 0 })));
        mallory.says_of_call(w, &says([2; 16], 7, now, CallBody::Word(CallWord { word: word::CANCEL, why: 0 })));
        w.run(500);
        assert_eq!(w.node(alice).refusals("call_of_other_device"), 1);
        assert_eq!(w.node(alice).refusals("call_unknown"), 1);
        // One that rings, is given up, and comes again.
        mallory.says_of_call(w, &says([3; 16], 1, now, invite()));
        mallory.says_of_call(w, &says([3; 16], 2, now, CallBody::Word(CallWord { word: word::CANCEL, why: 0 })));
        mallory.says_of_call(w, &says([3; 16], 1, now, invite()));
        w.run(500);
        assert_eq!((rang(w, alice), w.view(alice).calls.len()), (1, 1), "it rang once, and does not any more");
        // A description that no engine could want, or a signature that is none: no accident.
        let why = if w.dice.chance(500) {
            let sdp = vec![b'a'; 16 * 1024 + 1];
            let large = CallDescription { kind: 1, round: 1, sdp, fingerprint: vec![0; 32] };
            mallory.says_of_call(w, &says([4; 16], 1, now, CallBody::Description(large)));
            "call_garbage"
        } else {
            mallory.dm(w, LinkMsg::Call(SignedCall { payload: vec![1; 100], sig: vec![2; 64] }));
            "call_signature"
        };
        assert!(w.until(DISK, |w| mallory.was_dropped(w)), "{}", w.node(alice).all_refusals());
        assert_eq!(w.node(alice).refusals(why), 1);
        assert_eq!(phase(w, alice, call), Some(CallPhase::Active), "and Alice still talks with Bob");
    });
}

/// Something that somebody does about calls.
fn act(w: &mut World, who: Who, other: Who, begun: &mut BTreeSet<CallId>) {
    let some = w.view(who).calls.first().map(|c| (c.call_id, c.phase));
    match (w.dice.below(8), some) {
        (0..=3, None) => {
            let account = w.account(other);
            if let Answer::Ok(Reply::Call(call)) = w.ask(who, Command::CallStart { account }) {
                begun.insert(call);
            }
        }
        (0..=4, Some((call, CallPhase::Incoming))) => drop(w.ask(who, Command::CallAccept { call })),
        (5, Some((call, _))) => drop(w.ask(who, Command::CallHangup { call })),
        (6, Some((call, _))) => {
            let mic = w.dice.chance(500);
            drop(w.ask(who, Command::CallSet { call, mic: Some(mic), deafen: None }));
        }
        _ => {}
    }
}

/// Something that goes wrong, or gets better.
fn weather(w: &mut World, all: &[Who]) {
    let (who, other) = (*w.dice.pick(all), *w.dice.pick(all));
    match w.dice.below(8) {
        0 => {
            let power = w.dice.chance(500);
            w.crash(who, power);
        }
        1 if who != other => w.partition(&[who], &[other]),
        2 if who != other => w.cut_one_way(who, other),
        3 => w.set_disk(who, Health::Full),
        4 => {
            w.net.weather = Weather { latency: w.dice.between(1, 400), jitter: 100, loss: w.dice.below(300), rate: None, flap: Some(9_000) }
        }
        5 => w.set_online(who, false),
        _ => w.heal(),
    }
}

#[test]
fn calls_in_a_storm_are_each_written_down_once() {
    story("calls_in_a_storm_are_each_written_down_once", |w| {
        let (alice, bob, chat) = friends(w);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some() && w.is_online(laptop, bob)));
        let all = [alice, bob, laptop];
        let mut begun = BTreeSet::new();
        for _ in 0..60 {
            if w.dice.chance(250) {
                weather(w, &all);
            }
            let who = *w.dice.pick(&all);
            act(w, who, if who == bob { alice } else { bob }, &mut begun);
            let pause = if w.dice.chance(700) { w.dice.below(1_500) } else { w.dice.wait(15_000) };
            w.run(pause);
        }
        w.heal();
        // Whatever rings or looks for a way has come to its end by now.
        w.run(120_000);
        for who in all {
            for call in w.view(who).calls.clone() {
                assert_eq!(call.phase, CallPhase::Active, "{}: {call:?}", w.node(who).name);
                w.ask(who, Command::CallHangup { call: call.call_id });
            }
        }
        w.run(10_000);
        assert!(all.iter().all(|who| w.view(*who).calls.is_empty() && w.engines.legs_of(*who) == 0));
        check::converges(w, &all, chat);
        let written: Vec<CallId> = logged(w, bob, chat).into_iter().map(|(call, ..)| call).collect();
        assert_eq!(written.iter().collect::<BTreeSet<_>>().len(), written.len(), "one is written down twice");
        let merged = |call: &CallId| all.iter().any(|who| ended(w, *who, *call) == Some(CallEnd::Merged));
        for call in begun.iter().filter(|call| !merged(call)) {
            assert!(written.contains(call), "{call:?} is not written down");
        }
    });
}
