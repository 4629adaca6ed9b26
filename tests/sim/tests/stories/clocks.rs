//! Wrong clocks: order and delivery do not depend on them.

use veche_protocol::core::command::{Command, CommandError};
use veche_protocol::view::Relation;
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::net::Place;
use veche_sim::node::START;
use veche_sim::story::story;

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

#[test]
fn a_clock_a_day_off_changes_neither_order_nor_delivery() {
    story("a_clock_a_day_off_changes_neither_order_nor_delivery", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let (wrong, off) = (if w.dice.chance(500) { alice } else { bob }, if w.dice.chance(500) { DAY } else { -DAY });
        w.set_clock(wrong, off);
        let right = if wrong == alice { bob } else { alice };
        let mut accepted = 0;
        for n in 0..6 {
            accepted += usize::from(w.try_say(wrong, chat, &format!("wrong {n}"), None).is_some());
            w.run(2_000);
            accepted += usize::from(w.try_say(right, chat, &format!("right {n}"), None).is_some());
            w.run(2_000);
        }
        assert!(accepted >= 6, "people with a right clock can write");
        w.set_clock(wrong, 0);
        // What was stamped a day ahead is held until its time has come.
        w.run(u64::try_from(DAY).unwrap_or(0) + 3_600_000);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_clock_that_jumps_while_running_loses_nothing() {
    story("a_clock_that_jumps_while_running_loses_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for n in 0..10 {
            let minutes = i64::try_from(w.dice.below(18)).unwrap_or(0) - 9;
            let who = if w.dice.chance(500) { alice } else { bob };
            w.set_clock(who, minutes * 60_000);
            w.try_say(alice, chat, &format!("a {n}"), None);
            w.try_say(bob, chat, &format!("b {n}"), None);
            let pause = w.dice.between(0, 30_000);
            w.run(pause);
        }
        w.set_clock(alice, 0);
        w.set_clock(bob, 0);
        w.run(20 * 60_000);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_machine_that_wakes_in_1970_catches_up() {
    story("a_machine_that_wakes_in_1970_catches_up", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.say(bob, chat, "in the right century");
        w.stop(bob);
        w.set_clock(bob, -i64::try_from(START.0 + w.at()).unwrap_or(0));
        w.start(bob);
        let id = w.say(alice, chat, "hello 1970");
        assert!(w.until(SOON, |w| w.is_online(alice, bob)), "they connect all the same");
        // Held until his clock is right: to him it is from the future.
        w.try_say(bob, chat, "from 1970", None);
        w.run(60_000);
        w.set_clock(bob, 0);
        w.sees(bob, chat, id);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_drifting_clock_does_no_harm() {
    story("a_drifting_clock_does_no_harm", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.node_mut(alice).clock.ppm = 300;
        w.node_mut(bob).clock.ppm = -300;
        let chat = w.befriend(alice, bob);
        for n in 0..12 {
            w.say(if n % 2 == 0 { alice } else { bob }, chat, &format!("line {n}"));
            w.run(3_600_000);
        }
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn somebody_whose_clock_differs_from_most_is_told_before_they_write() {
    story("somebody_whose_clock_differs_from_most_is_told_before_they_write", |w| {
        let (alice, bob, carol) = (w.alice(), w.bob(), w.carol());
        let chat = w.befriend(alice, bob);
        w.befriend(alice, carol);
        w.stop(alice);
        w.set_clock(alice, -3 * 3_600_000);
        w.start(alice);
        assert!(w.until(SOON, |w| w.view(alice).network.clock_off_ms.is_some()), "two people agree against her");
        assert_eq!(w.ask(alice, Command::Send { chat, text: "x".into(), reply_to: None }), Answer::No(CommandError::ClockWrong));
        w.stop(alice);
        w.set_clock(alice, 0);
        w.start(alice);
        assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(alice, carol)));
        w.say(alice, chat, "right again");
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn strangers_with_wrong_clocks_stop_nobody() {
    story("strangers_with_wrong_clocks_stop_nobody", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for name in ["mallory", "eve", "trudy"] {
            let stranger = w.person(name, Place::Lan(1));
            w.set_clock(stranger, -3 * HOUR);
            w.request(stranger, alice, "may I?");
            assert!(w.until(SOON, |w| w.relation(alice, stranger) == Some(Relation::Asking)));
        }
        assert!(w.until(SOON, |w| w.view(alice).network.authenticated == 4), "all of them are connected");
        w.run(1_000);
        assert_eq!(w.view(alice).network.clock_off_ms, None, "people who merely ask have no say");
        let id = w.say(alice, chat, "good that you are here");
        w.sees(bob, chat, id);
    });
}

#[test]
fn a_clock_set_right_lets_everybody_write_again_by_itself() {
    story("a_clock_set_right_lets_everybody_write_again_by_itself", |w| {
        let (alice, bob, carol) = (w.alice(), w.bob(), w.carol());
        let chat = w.befriend(alice, bob);
        w.befriend(alice, carol);
        // Both of her friends are wrong, or she is.
        let hers = w.dice.chance(500);
        let wrong = if hers { vec![alice] } else { vec![bob, carol] };
        for who in &wrong {
            w.stop(*who);
            w.set_clock(*who, -3 * HOUR);
            w.start(*who);
        }
        assert!(w.until(SOON, |w| w.view(alice).network.clock_off_ms.is_some()), "they agree against her");
        for who in &wrong {
            w.set_clock(*who, 0);
        }
        if !hers {
            assert!(w.until(SOON, |w| w.view(alice).network.clock_off_ms.is_none()), "she is told that all is well again");
        }
        let id = w.say(alice, chat, "that was odd");
        w.sees(bob, chat, id);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_verdict_ends_with_those_who_gave_it() {
    story("a_verdict_ends_with_those_who_gave_it", |w| {
        let (alice, bob, carol) = (w.alice(), w.bob(), w.carol());
        let chat = w.befriend(alice, bob);
        w.befriend(alice, carol);
        for who in [bob, carol] {
            w.stop(who);
            w.set_clock(who, -3 * HOUR);
            w.start(who);
        }
        assert!(w.until(SOON, |w| w.view(alice).network.clock_off_ms.is_some()));
        w.stop(carol);
        assert!(w.until(60_000, |w| w.view(alice).network.clock_off_ms.is_none()), "one against one proves nothing");
        w.say(alice, chat, "see you later");
    });
}
