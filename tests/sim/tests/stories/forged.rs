//! Contact requests that lie, that come in masses, and that are over.

use veche_protocol::core::command::{Command, Target};
use veche_protocol::limits;
use veche_protocol::store::Table;
use veche_protocol::view::Relation;
use veche_sim::cast::SOON;
use veche_sim::forger::{Device, Forger};
use veche_sim::net::{Host, Place};
use veche_sim::node::Who;
use veche_sim::story::{long_story, story};
use veche_sim::world::World;

fn machine(w: &mut World) -> Host {
    let host = w.add_stranger(Place::Lan(1));
    w.stranger_listens(host, [66; 32]);
    host
}

fn rows(w: &World, who: Who) -> (usize, usize) {
    (w.node(who).disk.table(Table::Person).count(), w.node(who).disk.table(Table::Session).count())
}

#[test]
fn a_request_in_the_name_of_a_friends_device_is_refused_and_harms_nothing() {
    story("a_request_in_the_name_of_a_friends_device_is_refused_and_harms_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let id = w.say(alice, chat, "before");
        w.sees(bob, chat, id);
        let host = machine(w);
        let mallory = Forger::new(w);
        let of_bob = Device::of(w, host, bob);
        let set = mallory.set(1, &[&of_bob]);
        assert!(!mallory.asks(w, host, alice, &of_bob, set), "Bob's device is Bob's");
        assert_eq!(w.node(alice).refusals("device_of_another"), 1, "{}", w.node(alice).all_refusals());
        for (who, other) in [(alice, bob), (bob, alice)] {
            let id = w.say(who, chat, "after");
            w.sees(other, chat, id);
            assert_eq!(w.node(other).refusals("sealed_closed"), 0, "the ratchet between them is as it was");
        }
    });
}

#[test]
fn whoever_names_a_device_first_does_not_keep_its_owner_out() {
    story("whoever_names_a_device_first_does_not_keep_its_owner_out", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let host = machine(w);
        let mallory = Forger::new(w);
        let of_bob = Device::of(w, host, bob);
        let set = mallory.set(1, &[&of_bob]);
        mallory.asks(w, host, alice, &of_bob, set);
        let chat = w.befriend(bob, alice);
        let id = w.say(alice, chat, "there you are");
        w.sees(bob, chat, id);
        let set = mallory.set(2, &[&of_bob]);
        assert!(!mallory.asks(w, host, alice, &of_bob, set), "now it is known whose it is");
    });
}

#[test]
fn a_device_that_was_taken_off_an_account_asks_in_vain() {
    story("a_device_that_was_taken_off_an_account_asks_in_vain", |w| {
        let alice = w.alice();
        let host = machine(w);
        let carol = Forger::new(w);
        let (kept, lost) = (Device::own(w), Device::own(w));
        let (old, new) = (carol.set(1, &[&kept, &lost]), carol.set(2, &[&kept]));
        assert!(carol.asks(w, host, alice, &kept, new));
        assert!(w.until(10_000, |w| w.view(alice).requests[0].tag.is_some()));
        let before = w.view(alice).requests.clone();
        assert!(!carol.asks(w, host, alice, &lost, old), "the lost device has no say");
        assert_eq!(w.node(alice).refusals("device_revoked"), 1, "{}", w.node(alice).all_refusals());
        assert_eq!(w.view(alice).requests, before);
    });
}

#[test]
fn a_full_list_of_requests_keeps_no_friend_out() {
    long_story("a_full_list_of_requests_keeps_no_friend_out", 3, |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.befriend(alice, bob);
        let host = machine(w);
        let mut taken = 0;
        for _ in 0..limits::REQUESTS + 4 {
            let (somebody, device) = (Forger::new(w), Device::own(w));
            let set = somebody.set(1, &[&device]);
            taken += usize::from(somebody.asks(w, host, alice, &device, set));
        }
        assert_eq!(taken, limits::REQUESTS, "the list is full");
        // Bob lost his machine and knows nobody on the new one, which has no code of hers.
        w.leave_off(bob);
        let bob = w.second_device(bob, Place::Lan(1));
        w.set(alice, |s| s.visible_nearby = true);
        let of_alice = w.account(alice);
        assert!(w.until(SOON, |w| w.view(bob).nearby.iter().any(|n| n.account_id == of_alice)));
        w.want(bob, Command::RequestContact { target: Target::Account(of_alice), text: "it is me".into() });
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Contact)), "{}", w.node(alice).all_refusals());
    });
}

#[test]
fn of_a_request_that_is_over_nothing_is_kept() {
    story("of_a_request_that_is_over_nothing_is_kept", |w| {
        let alice = w.alice();
        let host = machine(w);
        let before = rows(w, alice);
        for _ in 0..12 {
            let (somebody, device) = (Forger::new(w), Device::own(w));
            let set = somebody.set(1, &[&device]);
            assert!(somebody.asks(w, host, alice, &device, set));
            w.want(alice, Command::DeclineRequest(somebody.account()));
        }
        w.run(5_000);
        assert_eq!(rows(w, alice), before, "declined");
        // Many devices of one account, one after the other.
        let somebody = Forger::new(w);
        for epoch in 1..12 {
            let device = Device::own(w);
            let set = somebody.set(epoch, &[&device]);
            assert!(somebody.asks(w, host, alice, &device, set));
        }
        w.run(5_000);
        assert_eq!(rows(w, alice), (before.0 + 1, before.1 + 1), "one of them is current");
        w.run(31 * 24 * 3_600_000);
        assert_eq!(rows(w, alice), before, "expired");
        assert!(w.view(alice).requests.is_empty());
    });
}

#[test]
fn whoever_asks_and_then_deletes_their_account_leaves_nothing_behind() {
    story("whoever_asks_and_then_deletes_their_account_leaves_nothing_behind", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let before = rows(w, alice);
        w.request(bob, alice, "may I?");
        assert!(w.until(SOON, |w| w.relation(alice, bob) == Some(Relation::Asking)));
        let mut bob = w.turn_hostile(bob, alice);
        bob.connects(w);
        bob.says_goodbye(w);
        w.run(5_000);
        assert!(w.view(alice).requests.is_empty());
        assert_eq!(rows(w, alice), before);
    });
}

#[test]
fn what_was_declined_stays_declined_after_a_restart() {
    story("what_was_declined_stays_declined_after_a_restart", |w| {
        let alice = w.alice();
        let host = machine(w);
        let (somebody, device) = (Forger::new(w), Device::own(w));
        let set = somebody.set(1, &[&device]);
        let again = somebody.asks_twice(w, host, alice, &device, set, |w| {
            w.want(alice, Command::DeclineRequest(somebody.account()));
            w.stop(alice);
            w.start(alice);
        });
        assert!(!again);
        assert!(w.view(alice).requests.is_empty());
        assert_eq!(w.node(alice).refusals("request_declined"), 1, "{}", w.node(alice).all_refusals());
    });
}

#[test]
fn a_long_proof_of_work_is_waited_for_and_counts_for_its_own_request() {
    story("a_long_proof_of_work_is_waited_for_and_counts_for_its_own_request", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.set(bob, |s| s.visible_nearby = true);
        let of_bob = w.account(bob);
        assert!(w.until(30_000, |w| w.view(alice).nearby.iter().any(|n| n.account_id == of_bob)));
        w.node_mut(alice).slow_jobs = 100_000;
        w.want(alice, Command::RequestContact { target: Target::Account(of_bob), text: "slow machine".into() });
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)), "{}", w.node(bob).all_refusals());
        assert_eq!(w.node(bob).refusals("request_without_work"), 0, "work for one request was shown for another");
    });
}
