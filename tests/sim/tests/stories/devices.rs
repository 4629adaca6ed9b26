//! People with several machines, copied profiles, duplicated histories.

use veche_protocol::core::command::Command;
use veche_protocol::core::event::Event;
use veche_sim::cast::SOON;
use veche_sim::check;
use veche_sim::net::Place;
use veche_sim::story::{long_story, story};

#[test]
fn a_second_machine_gets_the_conversation_and_takes_part() {
    story("a_second_machine_gets_the_conversation_and_takes_part", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for n in 0..5 {
            w.say(if n % 2 == 0 { alice } else { bob }, chat, &format!("before {n}"));
        }
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()), "the conversation is there");
        assert!(w.eventually(SOON, |w| check::agree(w, &[alice, bob, laptop], chat)), "and what was said in it");
        let from_laptop = w.say(laptop, chat, "from the laptop");
        w.sees(bob, chat, from_laptop);
        w.sees(alice, chat, from_laptop);
        let answer = w.say(bob, chat, "to both of you");
        w.sees(laptop, chat, answer);
        check::converges(w, &[alice, bob, laptop], chat);
    });
}

#[test]
fn three_machines_of_two_people_sleep_and_wake_in_turns() {
    story("three_machines_of_two_people_sleep_and_wake_in_turns", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
        let all = [alice, bob, laptop];
        w.restart_after = None;
        for n in 0..15 {
            let who = *w.dice.pick(&all);
            match w.dice.below(4) {
                0 if w.node(who).is_up() => w.stop(who),
                1 => w.start(who),
                _ => {
                    w.try_say(who, chat, &format!("line {n}"), None);
                }
            }
            let pause = if w.dice.chance(500) { w.dice.below(60) } else { w.dice.wait(20_000) };
            w.run(pause);
            for who in all {
                check::nothing_before_its_cause(w, who, chat);
            }
        }
        check::converges(w, &all, chat);
    });
}

#[test]
fn an_answer_that_overtakes_what_it_answers_waits_for_it() {
    story("an_answer_that_overtakes_what_it_answers_waits_for_it", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some() && w.is_online(laptop, bob) && w.is_online(bob, alice)));
        w.say(bob, chat, "before");
        assert!(w.eventually(SOON, |w| check::agree(w, &[alice, bob, laptop], chat)));
        // The question reaches Bob and not the laptop; his answer reaches the laptop.
        w.partition(&[alice], &[laptop]);
        for n in 0..3 {
            let question = w.say(alice, chat, &format!("question {n}"));
            w.until(5_000, |w| w.has(bob, chat, question));
            let answer = w.try_say(bob, chat, &format!("answer {n}"), Some(question));
            for _ in 0..40 {
                w.run(50);
                check::nothing_before_its_cause(w, laptop, chat);
                let told = answer.is_some_and(|id| w.told_of(laptop, id) > 0);
                assert!(!told || w.has(laptop, chat, question), "the laptop shows an answer to what it has not seen");
            }
        }
        check::converges(w, &[alice, bob, laptop], chat);
    });
}

#[test]
fn two_machines_of_one_person_find_each_other_again_without_anybody_else() {
    story("two_machines_of_one_person_find_each_other_again_without_anybody_else", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
        assert!(w.eventually(SOON, |w| check::agree(w, &[alice, bob, laptop], chat)));
        w.stop(bob);
        for round in 0..3 {
            let power = w.dice.chance(500);
            if w.dice.chance(500) {
                w.crash(laptop, power);
            } else {
                w.partition(&[alice], &[laptop]);
            }
            let id = w.say(alice, chat, &format!("note to myself {round}"));
            w.run(30_000);
            w.heal();
            w.stop(bob);
            w.sees(laptop, chat, id);
            let id = w.say(laptop, chat, &format!("and back {round}"));
            w.sees(alice, chat, id);
        }
        check::converges(w, &[alice, bob, laptop], chat);
    });
}

#[test]
fn what_one_machine_read_is_read_on_the_other() {
    story("what_one_machine_read_is_read_on_the_other", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
        let id = w.say(bob, chat, "news");
        w.sees(alice, chat, id);
        w.sees(laptop, chat, id);
        w.reads(alice, chat);
        assert!(w.until(30_000, |w| w.view(laptop).chat(chat).is_some_and(|c| c.unread == 0)), "the laptop knows");
    });
}

#[test]
fn a_copied_profile_is_noticed() {
    story("a_copied_profile_is_noticed", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.stop(alice);
        let copy = w.add("alice's copied machine", Place::Lan(1));
        w.stop(copy);
        w.copy_profile(alice, copy);
        w.start(alice);
        w.start(copy);
        for n in 0..2 {
            for who in [alice, copy] {
                // Each machine believes to be the only one; the link to Bob goes to whichever came last.
                w.set_online(who, false);
                w.try_say(who, chat, &format!("{n} from {}", w.node(who).name.clone()), None);
                w.set_online(who, true);
                w.run(10_000);
            }
        }
        let noticed = w.until(SOON, |w| w.view(alice).network.duplicated || w.view(copy).network.duplicated);
        assert!(noticed, "a device that finds in its own history what it did not write says so");
        let silent = [alice, copy].into_iter().any(|who| w.try_say(who, chat, "one too many", None).is_none());
        assert!(silent, "and stops writing");
        let told: Vec<_> = [alice, copy].into_iter().filter(|who| w.view(*who).network.duplicated).collect();
        for who in told {
            w.stop(who);
            w.start(who);
            assert!(w.view(who).network.duplicated, "the next start does not make it forget");
            assert!(w.try_say(who, chat, "as if nothing had happened", None).is_none());
        }
    });
}

#[test]
fn a_duplicated_history_ends_the_same_for_all() {
    story("a_duplicated_history_ends_the_same_for_all", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(bob, alice);
        let id = w.say(bob, chat, "shared");
        w.sees(alice, chat, id);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
        assert!(w.eventually(SOON, |w| check::agree(w, &[alice, bob, laptop], chat)));
        // Bob's files are copied; both copies write, each seen by another of Alice's machines.
        w.stop(bob);
        let copy = w.add("bob's copied machine", Place::Lan(1));
        w.stop(copy);
        w.copy_profile(bob, copy);
        w.partition(&[bob], &[laptop, copy]);
        w.partition(&[copy], &[alice]);
        w.partition(&[alice], &[laptop]);
        w.start(bob);
        w.start(copy);
        let one = w.try_say(bob, chat, "one version", None);
        let two = w.try_say(copy, chat, "another version", None);
        if let (Some(one), Some(two)) = (one, two) {
            w.until(SOON, |w| w.has(alice, chat, one));
            w.until(SOON, |w| w.has(laptop, chat, two));
        }
        for who in [bob, copy] {
            w.stop(who);
        }
        check::converges_without(w, &[alice, laptop, bob], chat, &[copy]);
        let marked = w.timeline(alice, chat).iter().filter(|m| m.forked).count();
        assert_eq!(marked, 2, "both versions are shown, and marked: {:?}", w.words(alice, chat));
        assert!(w.try_say(bob, chat, "as if nothing had happened", None).is_none(), "a duplicated device must not go on");
    });
}

#[test]
fn a_restored_account_can_be_reached_by_its_contacts() {
    story("a_restored_account_can_be_reached_by_its_contacts", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let id = w.say(alice, chat, "from the first machine");
        w.sees(bob, chat, id);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
        w.restart_after = None;
        w.crash(alice, true);
        assert!(w.until(SOON, |w| w.is_online(laptop, bob)), "the laptop reaches Bob by itself");
        let alone = w.say(laptop, chat, "the first machine is broken");
        w.sees(bob, chat, alone);
        let reply = w.say(bob, chat, "and I reach you");
        w.sees(laptop, chat, reply);
        w.want(laptop, Command::ConfirmWords);
    });
}

#[test]
fn a_ninth_device_takes_the_place_of_the_oldest_which_is_told() {
    long_story("a_ninth_device_takes_the_place_of_the_oldest_which_is_told", 5, |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let mut machines = vec![alice];
        for _ in 0..8 {
            let next = w.second_device(alice, Place::Lan(1));
            assert!(w.until(SOON, |w| w.view(next).chat(chat).is_some()), "machine {} joins", machines.len() + 1);
            machines.push(next);
        }
        let ninth = *machines.last().expect("nine");
        let listed = |w: &mut veche_sim::world::World, who| w.view(who).account.as_ref().is_some_and(|a| a.listed);
        assert!(w.until(SOON, |w| !listed(w, alice)), "the oldest learns that it has to go");
        let told = |w: &mut veche_sim::world::World, who, it| {
            w.node(who).events().any(|e| matches!(e, Event::DeviceDropped { this, .. } if *this == it))
        };
        assert!(w.until(10_000, |w| told(w, alice, true)), "and says so");
        let others = machines.clone();
        assert!(w.until(SOON, |w| others[1..].iter().any(|m| told(w, *m, false))), "as do those that stay");
        w.run(60_000);
        assert!(machines[1..].iter().all(|m| listed(w, *m)), "all others stay");
        assert!(w.try_say(alice, chat, "as if nothing had happened", None).is_none());
        assert!(w.until(SOON, |w| w.is_online(ninth, bob)), "the newest reaches Bob");
        let id = w.say(ninth, chat, "from the newest");
        w.sees(bob, chat, id);
    });
}

#[test]
fn what_was_read_while_a_machine_slept_is_read_there_when_it_wakes() {
    story("what_was_read_while_a_machine_slept_is_read_there_when_it_wakes", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
        let before = w.say(bob, chat, "before it sleeps");
        w.sees(laptop, chat, before);
        w.stop(laptop);
        let while_away = w.say(bob, chat, "while it sleeps");
        w.sees(alice, chat, while_away);
        w.reads(alice, chat);
        let unseen = w.say(bob, chat, "not looked at by anybody");
        w.sees(alice, chat, unseen);
        // Alice's other machine alone can tell it, and tells it before what it is about may have come.
        w.stop(bob);
        w.start(laptop);
        w.sees(laptop, chat, unseen);
        assert!(w.until(30_000, |w| w.unread(laptop, chat) == Some(1)), "{:?} unread", w.unread(laptop, chat));
    });
}
