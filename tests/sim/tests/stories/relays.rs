//! Relays for calls: what operators' nodes give, what is believed of it, and when it is asked for again.

use std::time::Duration;
use veche_protocol::core::command::Command;
use veche_sim::net::{Host, Place};
use veche_sim::node::Who;
use veche_sim::story::story;
use veche_sim::world::World;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// An operator whose node relays calls with names that are good for so many hours.
fn relay(w: &mut World, hours: u64) -> Host {
    let host = w.operator();
    w.offers_calls(host, Duration::from_secs(hours * 3600));
    w.stop_operator(host);
    w.start_operator(host);
    host
}

fn names(w: &World, who: Who) -> Vec<String> {
    w.relays_of(who).into_iter().map(|server| server.username).collect()
}

/// Whether people are shown that calls can go through an operator's node.
fn shown(w: &mut World, who: Who) -> Vec<bool> {
    w.view(who).network.operators.iter().map(|operator| operator.calls).collect()
}

#[test]
fn an_operator_lets_calls_through_and_the_leave_is_renewed_before_it_ends() {
    story("an_operator_lets_calls_through_and_the_leave_is_renewed_before_it_ends", |w| {
        let operator = relay(w, 6);
        let alice = w.person("alice", Place::Lan(1));
        assert!(names(w, alice).is_empty());
        w.uses(alice, operator);
        assert!(w.until(10_000, |w| names(w, alice).len() == 1), "{}", w.node(alice).all_refusals());
        assert_eq!(shown(w, alice), [true]);
        for _ in 0..4 {
            let before = names(w, alice);
            let started = w.at();
            assert!(w.until(5 * HOUR, |w| names(w, alice) != before), "renewed in time");
            assert!(w.at() - started >= 2 * HOUR, "and not all the time");
            assert_eq!(names(w, alice).len(), 1);
        }
        // Short absences of the operator change nothing; a long one ends it.
        w.stop_operator(operator);
        w.run(MINUTE);
        assert_eq!(names(w, alice).len(), 1);
        w.run(7 * HOUR);
        assert!(names(w, alice).is_empty());
        assert_eq!(shown(w, alice), [false]);
        w.start_operator(operator);
        assert!(w.until(10 * MINUTE, |w| names(w, alice).len() == 1));
        // Who is not used any more is forgotten at once.
        let peer = w.operator_hint(operator).peer;
        w.want(alice, Command::RemoveOperator(peer));
        assert!(names(w, alice).is_empty());
    });
}

#[test]
fn coming_and_going_asks_for_no_more_than_is_needed() {
    story("coming_and_going_asks_for_no_more_than_is_needed", |w| {
        let operator = relay(w, 6);
        let alice = w.person("alice", Place::Lan(1));
        w.uses(alice, operator);
        assert!(w.until(10_000, |w| names(w, alice).len() == 1));
        let first = names(w, alice);
        for _ in 0..10 {
            w.set_online(alice, false);
            w.run(2 * MINUTE);
            w.set_online(alice, true);
            w.run(MINUTE);
        }
        assert_eq!(names(w, alice), first);
        assert_eq!(w.operators[&operator].calls.stats().granted, 1);
    });
}

#[test]
fn nodes_that_relay_no_calls_or_do_not_know_how_go_on_serving() {
    story("nodes_that_relay_no_calls_or_do_not_know_how_go_on_serving", |w| {
        let (without, old) = (w.operator(), w.operator());
        w.operators.get_mut(&old).expect("an operator").calls.old = true;
        let alice = w.person("alice", Place::Lan(1));
        w.uses(alice, without);
        w.uses(alice, old);
        w.run(10_000);
        assert_eq!(shown(w, alice), [false, false]);
        let links = w.view(alice).network.operators.iter().filter(|operator| operator.connected).count();
        assert_eq!(links, 2, "the older one is not asked again and again");
        w.run(HOUR);
        assert!(names(w, alice).is_empty());
    });
}

#[test]
fn an_operator_cannot_aim_calls_at_somebodys_own_network() {
    story("an_operator_cannot_aim_calls_at_somebodys_own_network", |w| {
        let operator = w.operator();
        w.offers_calls(operator, Duration::from_secs(6 * 3600));
        let inside = ["192.168.1.1:53", "127.0.0.1:631", "10.0.0.7:3478", "[fe80::1]:3478"][usize::try_from(w.dice.below(4)).unwrap_or(0)];
        w.operators.get_mut(&operator).expect("an operator").calls.aims_at = inside.parse().ok();
        w.stop_operator(operator);
        w.start_operator(operator);
        let alice = w.person("alice", Place::Lan(1));
        w.uses(alice, operator);
        w.run(MINUTE);
        assert!(names(w, alice).is_empty(), "{inside}");
        assert_eq!(w.operators[&operator].calls.stats().granted, 1, "it was asked");
        assert!(w.node(alice).all_refusals().contains("turn_unusable"), "{}", w.node(alice).all_refusals());
    });
}
