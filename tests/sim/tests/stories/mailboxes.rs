//! People who are never online at the same time, and the nodes between them: honest, lying, forgetful, full, dead.

use veche_protocol::core::command::Command;
use veche_protocol::ids::{EntryId, SpaceId};
use veche_protocol::view::{MessageState, Relation};
use veche_sim::check;
use veche_sim::net::{Host, Place};
use veche_sim::node::Who;
use veche_sim::operator::Lies;
use veche_sim::story::{long_story, story};
use veche_sim::world::World;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Two contacts at home in different networks, behind some operators' nodes.
fn apart(w: &mut World, nodes: usize) -> (Who, Who, SpaceId, Vec<Host>) {
    w.restart_after = None;
    let operators: Vec<Host> = (0..nodes).map(|_| w.operator()).collect();
    let (alice, bob) = (w.person("alice", Place::Lan(1)), w.person("bob", Place::Lan(2)));
    for operator in &operators {
        w.uses(alice, *operator);
        w.uses(bob, *operator);
    }
    let chat = w.befriend(alice, bob);
    // Each makes queues for the other and says so.
    w.run(MINUTE);
    (alice, bob, chat, operators)
}

fn leaves(w: &mut World, who: Who) {
    if w.dice.chance(500) { w.stop(who) } else { w.crash(who, true) }
}

/// Whether somebody shows every one of these messages, in this order.
fn has_all(w: &mut World, who: Who, chat: SpaceId, said: &[EntryId]) -> bool {
    said.iter().all(|id| w.has(who, chat, *id))
}

#[test]
fn a_message_to_somebody_asleep_is_held_and_there_when_they_wake() {
    story("a_message_to_somebody_asleep_is_held_and_there_when_they_wake", |w| {
        let (alice, bob, chat, operators) = apart(w, 2);
        w.stop(bob);
        w.run(MINUTE);
        let id = w.say(alice, chat, "read this when you wake");
        assert!(w.until(10_000, |w| w.state(alice, chat, id) == Some(MessageState::Held)), "{:?}", w.state(alice, chat, id));
        assert!(operators.iter().all(|host| w.operators[host].boxes.frames() > 0), "both nodes have it");
        leaves(w, alice);
        w.run(HOUR);
        let before = w.at();
        w.start(bob);
        assert!(w.until(3_000, |w| w.has(bob, chat, id)), "not there after three seconds; {}", w.node(bob).all_refusals());
        assert!(w.at() - before < 3_000);
        w.run(MINUTE);
        assert_eq!(w.words(bob, chat), ["read this when you wake"]);
        assert!(operators.iter().all(|host| w.operators[host].boxes.stats().taken > 0), "what is here is taken there");
        // Bob's word that it arrived waits for Alice in the same way.
        w.stop(bob);
        w.start(alice);
        assert!(w.until(10_000, |w| w.state(alice, chat, id) == Some(MessageState::Delivered)), "{:?}", w.state(alice, chat, id));
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn never_online_together_for_weeks() {
    long_story("never_online_together_for_weeks", 4, |w| {
        let (alice, bob, chat, _) = apart(w, 2);
        let mut said = Vec::new();
        w.stop(bob);
        for day in 0..21 {
            for (who, other) in [(alice, bob), (bob, alice)] {
                w.start(who);
                w.run(30_000);
                assert!(has_all(w, who, chat, &said), "{} lacks something on day {day}; {}", w.node(who).name, w.node(who).all_refusals());
                assert!(!w.is_online(who, other));
                for n in 0..w.dice.between(0, 5) {
                    said.push(w.say(who, chat, &format!("day {day}, line {n} of {}", w.node(who).name)));
                    let pause = w.dice.between(0, 20_000);
                    w.run(pause);
                }
                w.run(20_000);
                for id in said.iter().rev().take(3) {
                    let state = w.state(who, chat, *id);
                    assert!(state.is_none() || state >= Some(MessageState::Held), "{state:?}");
                }
                leaves(w, who);
                w.run(6 * HOUR);
            }
        }
        w.start(bob);
        w.run(MINUTE);
        assert_eq!(w.timeline(bob, chat).len(), said.len());
        check::converges(w, &[alice, bob], chat);
        for id in said {
            let states = (w.state(alice, chat, id), w.state(bob, chat, id));
            assert!(matches!(states, (Some(s), None) | (None, Some(s)) if s >= MessageState::Delivered), "{states:?}");
        }
    });
}

#[test]
fn a_node_that_lies_delays_and_loses_nothing() {
    story("a_node_that_lies_delays_and_loses_nothing", |w| {
        let (alice, bob, chat, operators) = apart(w, 2);
        let lies = Lies { drops: 200, repeats: 300, alters: 200, swaps: 200, reorders: 200 };
        // One of two, or both.
        for host in operators.iter().take(usize::try_from(w.dice.between(1, 2)).unwrap_or(1)) {
            w.operators.get_mut(host).expect("an operator").boxes.lies = lies;
        }
        for _ in 0..3 {
            for (who, other) in [(alice, bob), (bob, alice)] {
                w.stop(other);
                w.start(who);
                w.run(10_000);
                for n in 0..6 {
                    w.say(who, chat, &format!("line {n}"));
                    let pause = w.dice.between(100, 8_000);
                    w.run(pause);
                }
                w.run(20_000);
                w.stop(who);
                w.run(HOUR);
            }
        }
        w.start(alice);
        w.start(bob);
        check::converges(w, &[alice, bob], chat);
        assert_eq!(w.timeline(alice, chat).len(), 36);
    });
}

#[test]
fn a_node_that_lost_its_disk_is_given_everything_again() {
    story("a_node_that_lost_its_disk_is_given_everything_again", |w| {
        let (alice, bob, chat, operators) = apart(w, 1);
        w.stop(bob);
        let first = w.say(alice, chat, "in the first queue");
        assert!(w.until(20_000, |w| w.state(alice, chat, first) == Some(MessageState::Held)));
        w.ruin_operator(operators[0]);
        w.run(MINUTE);
        w.start_operator(operators[0]);
        w.run(MINUTE);
        // Alice's own queue is gone as well, and Bob is not there to hear of the new one.
        let second = w.say(alice, chat, "into a queue that is not there");
        w.run(MINUTE);
        assert_eq!(w.state(alice, chat, first), Some(MessageState::Held), "what was said stays said");
        assert_eq!(w.state(alice, chat, second), Some(MessageState::Queued), "nobody holds it");
        w.start(bob);
        assert!(w.until(10 * MINUTE, |w| w.has(bob, chat, first) && w.has(bob, chat, second)));
        w.run(2 * MINUTE);
        w.stop(bob);
        let third = w.say(alice, chat, "in the new queue");
        assert!(w.until(20_000, |w| w.state(alice, chat, third) == Some(MessageState::Held)), "{:?}", w.state(alice, chat, third));
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_full_queue_is_left_alone_until_its_owner_comes() {
    story("a_full_queue_is_left_alone_until_its_owner_comes", |w| {
        let (alice, bob, chat, operators) = apart(w, 1);
        let host = operators[0];
        w.stop(bob);
        w.stop_operator(host);
        w.operators.get_mut(&host).expect("an operator").boxes.limits.queue_frames = 4;
        w.start_operator(host);
        w.run(MINUTE);
        let said: Vec<EntryId> = (0..12)
            .map(|n| {
                let id = w.say(alice, chat, &format!("line {n}"));
                w.run(5_000);
                id
            })
            .collect();
        assert_eq!(w.state(alice, chat, said[11]), Some(MessageState::Queued), "there is no room for all");
        let refused = w.operators[&host].boxes.stats().refused;
        w.run(3 * HOUR);
        assert_eq!(w.operators[&host].boxes.stats().refused, refused, "a full queue is not tried again and again");
        w.partition(&[alice], &[bob]);
        w.start(bob);
        assert!(w.until(MINUTE, |w| has_all(w, bob, chat, &said)), "the room is used once there is some: {}", w.node(alice).all_refusals());
        assert!(w.until(MINUTE, |w| w.state(alice, chat, said[11]) >= Some(MessageState::Held)));
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_node_that_dies_in_the_middle_costs_nothing() {
    story("a_node_that_dies_in_the_middle_costs_nothing", |w| {
        let (alice, bob, chat, operators) = apart(w, 2);
        w.stop(bob);
        let mut said = Vec::new();
        for n in 0..20 {
            said.push(w.say(alice, chat, &format!("line {n}")));
            let pause = w.dice.between(0, 3_000);
            w.run(pause);
            if n == 7 {
                w.stop_operator(operators[0]);
            }
            if n == 13 {
                w.start_operator(operators[0]);
                w.stop_operator(operators[1]);
            }
        }
        w.run(MINUTE);
        assert_eq!(w.state(alice, chat, said[19]), Some(MessageState::Held));
        w.start_operator(operators[1]);
        w.stop(alice);
        w.start(bob);
        assert!(w.until(MINUTE, |w| has_all(w, bob, chat, &said)), "{}", w.node(bob).all_refusals());
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn whoever_is_shut_out_loses_the_way_into_the_mailbox() {
    story("whoever_is_shut_out_loses_the_way_into_the_mailbox", |w| {
        let (alice, bob, _, operators) = apart(w, 1);
        let before = w.operators[&operators[0]].boxes.stats().queues;
        let account = w.account(alice);
        w.want(bob, Command::Block(account));
        assert!(w.until(MINUTE, |w| w.operators[&operators[0]].boxes.stats().queues == before - 1), "the queue ends");
        assert_eq!(w.relation(bob, alice), Some(Relation::Blocked));
        w.want(bob, Command::Unblock(account));
        assert!(w.until(10 * MINUTE, |w| w.operators[&operators[0]].boxes.stats().queues == before), "and there is a new one after");
    });
}
