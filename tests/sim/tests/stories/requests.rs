//! Strangers become contacts, or do not.

use veche_protocol::core::command::{Command, CommandError, Target};
use veche_protocol::core::event::Event;
use veche_protocol::crypto::pow::Challenge;
use veche_protocol::link::Proto;
use veche_protocol::store::Table;
use veche_protocol::view::{Gate, Relation};
use veche_protocol::wire::codec;
use veche_protocol::wire::inbox::{Deliver, Inbox, InboxFrame};
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::net::Place;
use veche_sim::node::Who;
use veche_sim::story::story;
use veche_sim::world::World;

fn asks(w: &mut World, from: Who, to: Who) {
    let answer = w.request(from, to, "may I?");
    assert!(matches!(answer, Answer::Ok(_)), "{answer:?}");
}

#[test]
fn a_request_arrives_and_is_accepted() {
    story("a_request_arrives_and_is_accepted", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        asks(w, alice, bob);
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)));
        let view = w.view(bob);
        assert_eq!(view.requests.len(), 1);
        assert_eq!((view.requests[0].text.as_str(), view.requests[0].login.as_str()), ("may I?", "alice"));
        assert!(w.until(10_000, |w| w.view(alice).requests.first().is_some_and(|r| r.delivered)), "Alice sees that it arrived");
        let account = w.account(alice);
        assert!(w.chat(bob, alice).is_none(), "nobody talks before both agreed");
        w.want(bob, Command::AcceptRequest(account));
        assert!(w.until(SOON, |w| w.relation(alice, bob) == Some(Relation::Contact)));
        let chat = w.chat(alice, bob).expect("a conversation");
        let id = w.say(alice, chat, "thank you");
        w.sees(bob, chat, id);
        let told = w.node(bob).events().filter(|e| matches!(e, Event::ContactRequested { .. })).count();
        assert_eq!(told, 1, "Bob is asked once");
    });
}

#[test]
fn whoever_asks_is_not_dialled_before_they_are_accepted() {
    story("whoever_asks_is_not_dialled_before_they_are_accepted", |w| {
        let (alice, bob) = (w.person("alice", Place::Lan(1)), w.person("bob", Place::Lan(2)));
        let operator = w.operator();
        for who in [alice, bob] {
            w.uses(who, operator);
        }
        assert!(w.until(60_000, |w| w.view(bob).network.published));
        w.want(alice, Command::Lookup { login: "bob".into(), tag: None });
        w.run(5_000);
        let target = Target::Account(w.account(bob));
        w.want(alice, Command::RequestContact { target, text: "it is me".into() });
        assert!(w.until(60_000, |w| w.relation(bob, alice) == Some(Relation::Asking)));
        w.node_mut(bob).dialled.clear();
        w.stop(alice);
        w.run(60_000);
        w.start(alice);
        w.stop(bob);
        w.run(1_000);
        w.start(bob);
        w.run(10 * 60_000);
        let only_operators = w.node(bob).dialled.len();
        assert_eq!(only_operators, 1, "Bob's node goes to the operator and to nobody who merely asked");
        let account = w.account(alice);
        w.want(bob, Command::AcceptRequest(account));
        assert!(w.until(SOON, |w| w.relation(alice, bob) == Some(Relation::Contact)), "who is accepted is met");
    });
}

#[test]
fn declining_is_not_told() {
    story("declining_is_not_told", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        asks(w, alice, bob);
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)));
        assert!(w.until(10_000, |w| w.view(alice).requests.first().is_some_and(|r| r.delivered)));
        let account = w.account(alice);
        w.want(bob, Command::DeclineRequest(account));
        w.run(120_000);
        assert_eq!(w.relation(alice, bob), Some(Relation::Requested), "to her it looks like no answer");
        assert!(!w.is_online(alice, bob), "and she does not see whether he is there");
        assert_eq!(w.relation(bob, alice), None);
    });
}

#[test]
fn both_ask_at_once_and_are_contacts() {
    story("both_ask_at_once_and_are_contacts", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let (to_bob, to_alice) = (w.link(bob), w.link(alice));
        let pause = w.dice.below(120);
        w.command(alice, Command::RequestContact { target: Target::Link(to_bob), text: "hi".into() });
        w.run(pause);
        w.command(bob, Command::RequestContact { target: Target::Link(to_alice), text: "hi".into() });
        let both =
            w.until(SOON, |w| w.relation(alice, bob) == Some(Relation::Contact) && w.relation(bob, alice) == Some(Relation::Contact));
        assert!(both, "asking each other is agreeing: {:?} {:?}", w.relation(alice, bob), w.relation(bob, alice));
        assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(bob, alice)));
        let chat = w.chat(alice, bob).expect("a conversation");
        let (one, two) = (w.say(alice, chat, "funny"), w.say(bob, chat, "isn't it"));
        w.sees(bob, chat, one);
        w.sees(alice, chat, two);
        for who in [alice, bob] {
            w.stop(who);
            w.start(who);
        }
        assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(bob, alice)), "both kept the same key");
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_request_waits_while_its_goal_sleeps() {
    story("a_request_waits_while_its_goal_sleeps", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let link = w.link(bob);
        w.stop(bob);
        w.want(alice, Command::RequestContact { target: Target::Link(link), text: "wake up".into() });
        w.run(2 * 3_600_000);
        assert!(!w.view(alice).requests[0].delivered);
        w.start(bob);
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)), "it arrives when he wakes");
        let account = w.account(alice);
        w.stop(alice);
        w.want(bob, Command::AcceptRequest(account));
        w.run(3_600_000);
        w.start(alice);
        assert!(w.until(SOON, |w| w.relation(alice, bob) == Some(Relation::Contact)), "and so does the yes");
        let chat = w.chat(alice, bob).expect("a conversation");
        let id = w.say(alice, chat, "at last");
        w.sees(bob, chat, id);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_yes_that_has_no_keys_to_be_sealed_with_goes_out_when_they_arrive() {
    story("a_yes_that_has_no_keys_to_be_sealed_with_goes_out_when_they_arrive", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        asks(w, alice, bob);
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)));
        w.stop(alice);
        let account = w.account(alice);
        w.want(bob, Command::AcceptRequest(account));
        w.stop(bob);
        // With the session went the keys of Alice's device; she sends them when both are connected again.
        w.lose(bob, Table::Session);
        w.start(bob);
        w.start(alice);
        let met = w.until(SOON, |w| w.view(alice).network.authenticated > 0 && w.view(bob).network.authenticated > 0);
        assert!(met, "she is known by the key of her request");
        assert!(w.until(30_000, |w| w.relation(alice, bob) == Some(Relation::Contact)), "she hears the yes on this connection");
    });
}

#[test]
fn a_closed_door_lets_in_nobody_and_one_with_a_code_its_holders() {
    story("a_closed_door_lets_in_nobody_and_one_with_a_code_its_holders", |w| {
        let (alice, bob, carol) = (w.alice(), w.bob(), w.carol());
        w.set(bob, |s| {
            s.gate = Gate::Code;
            s.visible_nearby = true;
        });
        let account = w.account(bob);
        assert!(w.until(30_000, |w| w.view(alice).nearby.iter().any(|n| n.account_id == account)), "Alice sees him nearby");
        w.want(alice, Command::RequestContact { target: Target::Account(account), text: "without a code".into() });
        w.run(180_000);
        assert_eq!(w.relation(bob, alice), None, "without the code the door stays shut");
        asks(w, carol, bob);
        assert!(w.until(SOON, |w| w.relation(bob, carol) == Some(Relation::Asking)), "the link carries the code");
        w.set(bob, |s| s.gate = Gate::Nobody);
        asks(w, alice, bob);
        w.run(180_000);
        assert_eq!(w.relation(bob, alice), None, "now not even with a code");
        w.set(bob, |s| s.gate = Gate::Anyone);
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)), "a request that waits finds the open door");
    });
}

#[test]
fn an_old_link_stops_working_where_a_code_is_needed() {
    story("an_old_link_stops_working_where_a_code_is_needed", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.set(bob, |s| s.gate = Gate::Code);
        let old = w.link(bob);
        w.want(bob, Command::RenewContactLink);
        w.want(alice, Command::RequestContact { target: Target::Link(old), text: "old".into() });
        w.run(180_000);
        assert_eq!(w.relation(bob, alice), None);
        asks(w, alice, bob);
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)), "the new link works");
    });
}

#[test]
fn blocking_shuts_out_and_unblocking_lets_in() {
    story("blocking_shuts_out_and_unblocking_lets_in", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let (of_alice, of_bob) = (w.account(alice), w.account(bob));
        w.want(alice, Command::Block(of_bob));
        assert!(w.until(60_000, |w| !w.is_online(bob, alice)), "to Bob she looks offline");
        let id = w.say(bob, chat, "why don't you answer?");
        w.run(30 * 60_000);
        assert!(!w.has(alice, chat, id), "nothing of his arrives");
        assert!(!w.is_online(bob, alice));
        assert_eq!(w.ask(alice, Command::Send { chat, text: "x".into(), reply_to: None }), Answer::No(CommandError::Blocked));
        w.want(alice, Command::Unblock(of_bob));
        w.sees(alice, chat, id);
        check::converges(w, &[alice, bob], chat);
        assert_eq!(w.relation(bob, alice), Some(Relation::Contact), "{of_alice:?}");
    });
}

#[test]
fn a_blocked_stranger_cannot_ask_again() {
    story("a_blocked_stranger_cannot_ask_again", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        asks(w, bob, alice);
        assert!(w.until(SOON, |w| w.relation(alice, bob) == Some(Relation::Asking)));
        let account = w.account(bob);
        w.want(alice, Command::Block(account));
        w.run(60_000);
        asks(w, bob, alice);
        w.run(10 * 60_000);
        assert_eq!(w.relation(alice, bob), Some(Relation::Blocked));
        assert!(w.view(alice).requests.is_empty());
    });
}

#[test]
fn a_request_without_its_work_is_refused_and_one_sent_twice_is_shown_once() {
    story("a_request_without_its_work_is_refused_and_one_sent_twice_is_shown_once", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.set(bob, |s| s.visible_nearby = true);
        let of_bob = w.account(bob);
        assert!(w.until(30_000, |w| w.view(alice).nearby.iter().any(|n| n.account_id == of_bob)));
        w.net.tap = Some(Vec::new());
        w.want(alice, Command::RequestContact { target: Target::Account(of_bob), text: "worked for".into() });
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)));
        let sent = w.net.tap.take().unwrap_or_default().into_iter().filter(|t| t.from == alice && t.proto == Proto::Inbox);
        let request = sent.filter_map(|t| codec::decode::<InboxFrame>(&t.frame, Proto::Inbox.max_frame()).ok()?.m).find_map(|m| match m {
            Inbox::Deliver(deliver) => Some(deliver),
            _ => None,
        });
        let request = request.expect("a request was sent");
        let account = w.account(alice);
        w.want(bob, Command::DeclineRequest(account));
        w.stop(alice);
        let host = w.add_stranger(Place::Lan(1));
        w.stranger_listens(host, [66; 32]);
        let (link, _) = w.stranger_dials(host, bob);
        let challenge = Challenge::new(&of_bob, &codec::encode(request.frame.as_ref().expect("sealed")));
        let wrong = (0..).find(|nonce| !challenge.check(w.cfg.pow_bits, *nonce)).expect("most nonces are wrong");
        let idle = Deliver { pow: wrong, ..request.clone() };
        for deliver in [idle, request] {
            w.stranger_sends(host, link, Proto::Inbox, codec::encode(&InboxFrame { m: Some(Inbox::Deliver(deliver)) }));
            w.run(5_000);
        }
        assert_eq!(w.node(bob).refusals("request_without_work"), 1, "{}", w.node(bob).all_refusals());
        assert_eq!(w.relation(bob, alice), None, "what was declined does not come back by being sent again");
    });
}

#[test]
fn nobody_is_asked_without_an_address_and_nobody_asks_themselves() {
    story("nobody_is_asked_without_an_address_and_nobody_asks_themselves", |w| {
        let alice = w.alice();
        let far = w.person("dora", Place::Public);
        let target = Target::Account(w.account(far));
        assert_eq!(w.ask(alice, Command::RequestContact { target, text: String::new() }), Answer::No(CommandError::NoAddress));
        let own = w.link(alice);
        assert_eq!(
            w.ask(alice, Command::RequestContact { target: Target::Link(own), text: String::new() }),
            Answer::No(CommandError::Yourself)
        );
        let broken = Command::RequestContact { target: Target::Link("veche:c/nonsense".into()), text: String::new() };
        assert!(matches!(w.ask(alice, broken), Answer::No(CommandError::Invalid { field: "link", .. })));
    });
}

#[test]
fn people_nearby_see_each_other_only_if_they_want() {
    story("people_nearby_see_each_other_only_if_they_want", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.run(30_000);
        assert!(w.view(alice).nearby.is_empty() && w.view(bob).nearby.is_empty(), "nobody is shown unasked");
        w.set(bob, |s| s.visible_nearby = true);
        assert!(w.until(30_000, |w| w.view(alice).nearby.iter().any(|n| n.login == "bob" && n.tag.is_some())));
        assert!(w.view(bob).nearby.is_empty(), "Alice did not want that");
        let account = w.account(bob);
        w.want(alice, Command::RequestContact { target: Target::Account(account), text: "hi neighbour".into() });
        assert!(w.until(SOON, |w| w.relation(bob, alice) == Some(Relation::Asking)), "nearby people need no link");
        w.set(bob, |s| s.visible_nearby = false);
        assert!(w.until(30_000, |w| w.view(alice).nearby.is_empty()), "and he can hide again");
    });
}
