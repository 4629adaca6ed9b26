//! Nodes die at the worst moments, disks fill up: what was accepted is never lost, nothing is shown twice.

use veche_protocol::core::command::{Command, CommandError};
use veche_protocol::ids::SpaceId;
use veche_protocol::store::Table;
use veche_protocol::view::Relation;
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::disk::{CrashPoint, Health};
use veche_sim::node::Who;
use veche_sim::story::story;
use veche_sim::world::World;

/// Lets people write until the armed node has died, or long enough.
fn until_it_dies(w: &mut World, dies: Who, writes: Who, chat: SpaceId) {
    for n in 0..40 {
        w.try_say(writes, chat, &format!("line {n}"), None);
        let pause = w.dice.between(0, 60);
        w.run(pause);
        if !w.is_armed(dies) {
            break;
        }
    }
    w.run(5_000);
}

#[test]
fn dying_while_sending_loses_nothing() {
    story("dying_while_sending_loses_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for point in CrashPoint::ALL {
            let after = u32::try_from(w.dice.below(3)).unwrap_or(0);
            w.arm(alice, point, after);
            until_it_dies(w, alice, alice, chat);
            check::nothing_before_its_cause(w, alice, chat);
        }
        assert!(w.crashes >= 3, "the points are reached: {}", w.crashes);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn dying_while_receiving_loses_nothing() {
    story("dying_while_receiving_loses_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for point in CrashPoint::ALL {
            let after = u32::try_from(w.dice.below(3)).unwrap_or(0);
            w.arm(bob, point, after);
            until_it_dies(w, bob, alice, chat);
            check::nothing_before_its_cause(w, bob, chat);
        }
        assert!(w.crashes >= 3, "the points are reached: {}", w.crashes);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn dying_while_asking_or_accepting_ends_in_a_contact() {
    story("dying_while_asking_or_accepting_ends_in_a_contact", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let point = *w.dice.pick(&CrashPoint::ALL);
        let dies = if w.dice.chance(500) { alice } else { bob };
        let after = u32::try_from(w.dice.below(4)).unwrap_or(0);
        w.arm(dies, point, after);
        let account = w.account(alice);
        // A person repeats what was not answered.
        for _ in 0..20 {
            if w.relation(alice, bob).is_none() {
                w.request(alice, bob, "may I?");
            }
            w.until(60_000, |w| w.relation(bob, alice).is_some() || !w.node(alice).is_up());
            if w.relation(bob, alice) == Some(Relation::Asking) {
                w.ask(bob, Command::AcceptRequest(account));
            }
            w.run(60_000);
        }
        let both =
            w.until(SOON, |w| w.relation(alice, bob) == Some(Relation::Contact) && w.relation(bob, alice) == Some(Relation::Contact));
        assert!(both, "{:?} {:?} after {point:?}", w.relation(alice, bob), w.relation(bob, alice));
        let chat = w.chat(alice, bob).expect("a conversation");
        assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(bob, alice)));
        w.say(alice, chat, "in spite of all");
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn power_cuts_that_lose_unflushed_writes_lose_nothing_that_was_accepted() {
    story("power_cuts_that_lose_unflushed_writes_lose_nothing_that_was_accepted", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for n in 0..12 {
            for k in 0..3 {
                let who = if w.dice.chance(500) { alice } else { bob };
                if w.node(who).is_up() {
                    // Not waited for: the power may go while it is being written.
                    w.command(who, Command::Send { chat, text: format!("hasty {n} {k}"), reply_to: None });
                    w.try_say(who, chat, &format!("line {n} {k}"), None);
                }
            }
            let (victim, moment) = (if w.dice.chance(500) { alice } else { bob }, w.dice.below(40));
            w.run(moment);
            w.crash(victim, true);
            check::nothing_before_its_cause(w, victim, chat);
            let pause = w.dice.between(0, 20_000);
            w.run(pause);
        }
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    story("a_full_disk_refuses_and_goes_on_when_there_is_room", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let before = w.say(alice, chat, "while there is room");
        w.sees(bob, chat, before);
        w.set_disk(bob, Health::Full);
        let sent = w.say(alice, chat, "to a full disk");
        w.run(30_000);
        assert!(!w.has(bob, chat, sent));
        assert!(w.view(bob).network.storage_trouble.is_some(), "Bob is told");
        let refused = w.ask(bob, Command::Send { chat, text: "x".into(), reply_to: None });
        assert!(matches!(refused, Answer::No(CommandError::NotStored(_))), "{refused:?}");
        assert_eq!(w.words(bob, chat), ["while there is room"], "what is there can be read");
        assert!(
            w.state(alice, chat, sent) < Some(veche_protocol::view::MessageState::Delivered),
            "nothing is acknowledged that is not kept"
        );
        w.set_disk(bob, Health::Good);
        w.sees(bob, chat, sent);
        assert!(w.until(30_000, |w| w.view(bob).network.storage_trouble.is_none()), "without a restart");
        w.say(bob, chat, "room again");
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn questions_are_answered_while_the_disk_refuses() {
    story("questions_are_answered_while_the_disk_refuses", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let of_alice = w.account(alice);
        let id = w.say(bob, chat, "while there is room");
        w.set_disk(bob, Health::Full);
        // Whatever is asked in the moment in which the disk begins to refuse, and afterwards.
        let asked: Vec<_> = (0..3)
            .flat_map(|round| {
                w.command(bob, Command::Draft(chat, format!("draft {round}")));
                let questions = [
                    Command::Lookup { login: "alice".into(), tag: None },
                    Command::SafetyNumber(of_alice),
                    Command::Diagnose(of_alice),
                    Command::OpenChat(of_alice),
                    Command::MarkRead(chat, None),
                    Command::Delete { chat, message: id },
                ];
                let asked: Vec<_> = questions.into_iter().map(|q| (format!("{round}: {q:?}"), w.command(bob, q))).collect();
                let pause = w.dice.between(0, 6_000);
                w.run(pause);
                asked
            })
            .collect();
        w.run(10_000);
        for (what, cmd) in asked {
            let answer = w.answer(bob, cmd);
            let written = what.contains("Delete") || what.contains("MarkRead");
            assert!(written && what.starts_with('0') || answer.is_some(), "{what} is not answered");
            assert!(matches!(answer, None | Some(Ok(_) | Err(CommandError::NotStored(_)))), "{what}: {answer:?}");
        }
        w.set_disk(bob, Health::Good);
        check::converges(w, &[alice, bob], chat);
        assert!(matches!(w.ask(bob, Command::Diagnose(of_alice)), Answer::Ok(_)));
    });
}

#[test]
fn a_disk_that_fills_up_while_writing_and_then_dies_keeps_what_it_accepted() {
    story("a_disk_that_fills_up_while_writing_and_then_dies_keeps_what_it_accepted", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for n in 0..4 {
            w.set_disk(alice, Health::Full);
            w.try_say(alice, chat, &format!("refused or late {n}"), None);
            let pause = w.dice.between(0, 12_000);
            w.run(pause);
            if w.dice.chance(500) {
                w.crash(alice, true);
            }
            w.set_disk(alice, Health::Good);
            w.run(15_000);
            w.try_say(alice, chat, &format!("line {n}"), None);
        }
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_disk_that_cannot_keep_up_and_then_dies_keeps_what_it_accepted() {
    story("a_disk_that_cannot_keep_up_and_then_dies_keeps_what_it_accepted", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for who in [alice, bob] {
            // One commit at a time: every burst overflows, and the disk is good again a moment later.
            w.set_disk_room(who, Some(1));
        }
        let mut refused = false;
        for n in 0..12 {
            let who = if w.dice.chance(500) { alice } else { bob };
            for k in 0..4 {
                if w.node(who).is_up() {
                    w.command(who, Command::Send { chat, text: format!("hasty {n} {k}"), reply_to: None });
                }
            }
            let pause = w.dice.between(0, 12_000);
            w.run(pause);
            refused |= w.node(who).is_up() && w.view(who).network.storage_trouble.is_some();
            if w.dice.chance(300) {
                w.crash(who, true);
                check::nothing_before_its_cause(w, who, chat);
            }
        }
        assert!(refused, "the disk kept up");
        w.heal();
        w.run(15_000);
        for who in [alice, bob] {
            assert!(w.view(who).network.storage_trouble.is_none(), "without a restart");
            assert_eq!(w.node(who).refusals("commit_out_of_order"), 0);
        }
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn lost_ratchets_are_replaced_without_losing_a_message() {
    story("lost_ratchets_are_replaced_without_losing_a_message", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for round in 0..3 {
            let id = w.say(alice, chat, &format!("before {round}"));
            w.sees(bob, chat, id);
            let loses = if w.dice.chance(500) { alice } else { bob };
            w.stop(loses);
            w.lose(loses, Table::Session);
            let other = if loses == alice { bob } else { alice };
            w.say(other, chat, &format!("while away {round}"));
            w.start(loses);
            w.say(loses, chat, &format!("back {round}"));
            w.say(other, chat, &format!("welcome {round}"));
            assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(bob, alice)));
            let (one, two) = (w.say(alice, chat, &format!("a {round}")), w.say(bob, chat, &format!("b {round}")));
            w.sees(bob, chat, one);
            w.sees(alice, chat, two);
            w.run(5_000);
            let before = w.at();
            let (one, two) = (w.say(alice, chat, &format!("live a {round}")), w.say(bob, chat, &format!("live b {round}")));
            w.sees(bob, chat, one);
            w.sees(alice, chat, two);
            assert!(w.at() - before < 15_000, "a new session carries what is said, not the next comparison: {} ms", w.at() - before);
        }
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn both_begin_a_session_at_once() {
    story("both_begin_a_session_at_once", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for who in [alice, bob] {
            w.stop(who);
            w.lose(who, Table::Session);
        }
        w.start(alice);
        w.start(bob);
        assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(bob, alice)));
        let (mut last_a, mut last_b) = (None, None);
        for n in 0..6 {
            // Given in the same moment: each is on its way before the other arrives.
            w.command(alice, Command::Send { chat, text: format!("hasty a {n}"), reply_to: None });
            w.command(bob, Command::Send { chat, text: format!("hasty b {n}"), reply_to: None });
            last_a = w.try_say(alice, chat, &format!("a {n}"), None);
            last_b = w.try_say(bob, chat, &format!("b {n}"), None);
        }
        w.sees(bob, chat, last_a.expect("taken"));
        w.sees(alice, chat, last_b.expect("taken"));
        check::converges(w, &[alice, bob], chat);
        assert_eq!(w.words(alice, chat).len(), 24);
    });
}
