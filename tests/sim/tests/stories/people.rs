//! Two people who know each other talk.

use veche_protocol::core::command::{Command, CommandError, ProfilePatch};
use veche_protocol::core::event::Event;
use veche_protocol::view::{MessageBody, MessageState, Presence, Status};
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::story::story;

#[test]
fn two_people_talk() {
    story("two_people_talk", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let hello = w.say(alice, chat, "Hi Bob!");
        w.sees(bob, chat, hello);
        let answer = w.say(bob, chat, "Hi Alice, how are you?");
        w.sees(alice, chat, answer);
        for n in 0..10 {
            let who = if w.dice.chance(500) { alice } else { bob };
            w.say(who, chat, &format!("line {n}"));
            let pause = w.dice.between(0, 300);
            w.run(pause);
        }
        check::converges(w, &[alice, bob], chat);
        assert_eq!(w.words(alice, chat).len(), 12);
        assert_eq!(w.told_of(bob, hello), 1, "Bob is told once");
    });
}

#[test]
fn a_message_to_somebody_connected_arrives_in_a_moment() {
    story("a_message_to_somebody_connected_arrives_in_a_moment", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.run(10_000);
        let before = w.at();
        let id = w.say(alice, chat, "quick");
        w.sees(bob, chat, id);
        // A flush on each side, a latency with jitter; now and then a disk stalls for up to three seconds.
        assert!(w.at() - before < 7_000, "it took {} ms", w.at() - before);
    });
}

#[test]
fn states_go_from_queued_over_delivered_to_read() {
    story("states_go_from_queued_over_delivered_to_read", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.stop(bob);
        let id = w.say(alice, chat, "are you there?");
        w.run(60_000);
        assert_eq!(w.state(alice, chat, id), Some(MessageState::Queued), "Bob sleeps");
        w.start(bob);
        w.gets_to(alice, chat, id, MessageState::Delivered);
        w.run(60_000);
        assert_eq!(w.state(alice, chat, id), Some(MessageState::Delivered), "Bob has not looked");
        assert_eq!(w.view(bob).chat(chat).map(|c| c.unread), Some(1));
        w.reads(bob, chat);
        assert_eq!(w.view(bob).chat(chat).map(|c| c.unread), Some(0));
        w.gets_to(alice, chat, id, MessageState::Read);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn read_receipts_can_be_kept_to_oneself_and_then_are_not_shown_either() {
    story("read_receipts_can_be_kept_to_oneself_and_then_are_not_shown_either", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.set(bob, |s| s.receipts = false);
        let asked = w.say(alice, chat, "did you read this?");
        w.sees(bob, chat, asked);
        w.reads(bob, chat);
        let answer = w.say(bob, chat, "I did.");
        w.sees(alice, chat, answer);
        w.reads(alice, chat);
        w.run(60_000);
        assert_eq!(w.state(alice, chat, asked), Some(MessageState::Delivered), "Bob does not tell");
        assert_eq!(w.state(bob, chat, answer), Some(MessageState::Delivered), "so Bob is not shown either");
        w.stop(bob);
        w.start(bob);
        assert!(w.until(SOON, |w| w.is_online(alice, bob)));
        w.run(10_000);
        assert_eq!(w.state(alice, chat, asked), Some(MessageState::Delivered), "nor when he comes back");
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn typing_is_shown_and_ends_and_stays_private_where_it_is_off() {
    story("typing_is_shown_and_ends_and_stays_private_where_it_is_off", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let typing = |w: &mut veche_sim::world::World, who| w.view(who).chat(chat).is_some_and(|c| c.typing);
        w.want(alice, Command::Typing(chat));
        assert!(w.until(5_000, |w| typing(w, bob)), "Bob sees that she types");
        assert!(w.until(10_000, |w| !typing(w, bob)), "and that she stopped");
        w.want(alice, Command::Typing(chat));
        assert!(w.until(5_000, |w| typing(w, bob)));
        w.say(alice, chat, "done");
        assert!(w.until(5_000, |w| !typing(w, bob)), "what was typed is here");
        w.set(bob, |s| s.typing = false);
        w.run(10_000);
        w.want(alice, Command::Typing(chat));
        w.want(bob, Command::Typing(chat));
        w.run(3_000);
        assert!(!typing(w, bob) && !typing(w, alice), "Bob neither tells nor is told");
    });
}

#[test]
fn presence_follows_people() {
    story("presence_follows_people", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.befriend(alice, bob);
        let account = w.account(bob);
        let sees = |w: &mut veche_sim::world::World| w.view(alice).person(account).map(|p| p.presence);
        for (status, presence) in [
            (Status::Idle, Presence::Idle),
            (Status::Dnd, Presence::Dnd),
            (Status::Online, Presence::Online),
            (Status::Invisible, Presence::Offline),
        ] {
            w.edit_profile(bob, ProfilePatch { status: Some(status), ..ProfilePatch::default() });
            assert!(w.until(5_000, |w| sees(w) == Some(presence)), "Alice sees {presence:?}");
        }
        w.edit_profile(bob, ProfilePatch { status: Some(Status::Online), ..ProfilePatch::default() });
        assert!(w.until(5_000, |w| sees(w) == Some(Presence::Online)));
        w.restart_after = None;
        w.crash(bob, true);
        assert!(w.until(45_000, |w| sees(w) == Some(Presence::Offline)), "a machine without power is noticed within 45 s");
        assert!(w.node(alice).events().any(|e| matches!(e, Event::PresenceChanged { presence: Presence::Offline, .. })));
        w.start(bob);
        assert!(w.until(SOON, |w| sees(w) == Some(Presence::Online)), "and comes back");
    });
}

#[test]
fn a_new_name_reaches_contacts_also_those_who_slept() {
    story("a_new_name_reaches_contacts_also_those_who_slept", |w| {
        let (alice, bob, carol) = (w.alice(), w.bob(), w.carol());
        w.befriend(alice, bob);
        w.befriend(alice, carol);
        w.stop(carol);
        let patch = ProfilePatch { name: Some("Alice in Wonderland".into()), info: Some("curious".into()), ..ProfilePatch::default() };
        w.edit_profile(alice, patch);
        let account = w.account(alice);
        let name = move |w: &mut veche_sim::world::World, who| w.view(who).person(account).map(|p| p.name.clone());
        assert!(w.until(5_000, |w| name(w, bob).as_deref() == Some("Alice in Wonderland")), "Bob is told at once");
        w.start(carol);
        assert!(w.until(SOON, |w| name(w, carol).as_deref() == Some("Alice in Wonderland")), "Carol when she wakes");
        w.want(bob, Command::RenameContact(account, "Al".into()));
        assert_eq!(name(w, bob).as_deref(), Some("Al"), "Bob may call her what he wants");
    });
}

#[test]
fn edits_reactions_and_deletions_end_the_same_on_both_sides() {
    story("edits_reactions_and_deletions_end_the_same_on_both_sides", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let id = w.say(alice, chat, "helo");
        let secret = w.say(alice, chat, "my password is hunter2");
        w.sees(bob, chat, secret);
        w.want(bob, Command::React { chat, message: id, emoji: "👍".into(), on: true });
        w.want(alice, Command::Edit { chat, message: id, text: "hello".into() });
        w.want(alice, Command::Delete { chat, message: secret });
        assert_eq!(w.ask(bob, Command::Edit { chat, message: id, text: "goodbye".into() }), Answer::No(CommandError::NotYours));
        check::converges(w, &[alice, bob], chat);
        for who in [alice, bob] {
            let timeline = w.timeline(who, chat);
            assert_eq!(timeline[0].body, MessageBody::Text { text: "hello".into() });
            assert!(timeline[0].edited);
            assert_eq!(timeline[0].reactions.len(), 1);
            assert_eq!(timeline[1].body, MessageBody::Deleted);
            let kept = w.entries(who, chat).iter().any(|e| e.body().is_some_and(|b| String::from_utf8_lossy(b).contains("hunter2")));
            assert!(!kept, "what is deleted is on no disk");
        }
    });
}

#[test]
fn a_conversation_survives_closing_and_opening_both() {
    story("a_conversation_survives_closing_and_opening_both", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let id = w.say(alice, chat, "before");
        w.sees(bob, chat, id);
        w.want(alice, Command::Draft(chat, "unfinished".into()));
        for who in [alice, bob] {
            w.stop(who);
        }
        w.run(3_600_000);
        for who in [alice, bob] {
            w.start(who);
        }
        assert_eq!(w.words(alice, chat), ["before"]);
        assert_eq!(w.view(alice).chat(chat).map(|c| c.draft.clone()).as_deref(), Some("unfinished"));
        assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(bob, alice)), "they find each other again");
        let after = w.say(bob, chat, "after");
        w.sees(alice, chat, after);
        check::converges(w, &[alice, bob], chat);
        assert_eq!(w.words(bob, chat), ["before", "after"]);
    });
}

#[test]
fn a_deleted_account_is_gone_at_home_and_seen_as_gone_by_contacts() {
    story("a_deleted_account_is_gone_at_home_and_seen_as_gone_by_contacts", |w| {
        use veche_protocol::view::Relation;
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let id = w.say(alice, chat, "farewell");
        w.sees(bob, chat, id);
        let cmd = w.command(alice, Command::DeleteAccount);
        assert!(w.until(30_000, |w| w.node(alice).wiped), "everything is destroyed; answered {:?}", w.answer(alice, cmd));
        assert!(w.node(alice).disk.is_empty(), "nothing is left on her disk");
        assert!(w.until(30_000, |w| w.relation(bob, alice) == Some(Relation::Gone)), "Bob sees that she is gone");
        assert_eq!(w.words(bob, chat), ["farewell"], "and keeps what she said");
        assert!(!matches!(w.ask(bob, Command::Send { chat, text: "hello?".into(), reply_to: None }), Answer::Ok(_)));
    });
}

#[test]
fn what_arrives_late_is_unread_until_it_is_seen() {
    story("what_arrives_late_is_unread_until_it_is_seen", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let early = w.say(bob, chat, "early");
        w.sees(alice, chat, early);
        w.partition(&[alice], &[bob]);
        let late = w.say(bob, chat, "said long before it arrives");
        w.run(60_000);
        // Newer than what is still on its way; she looks at the whole conversation.
        let own = w.say(alice, chat, "is anybody there?");
        w.reads(alice, chat);
        assert_eq!(w.unread(alice, chat), Some(0));
        w.heal();
        w.sees(alice, chat, late);
        w.sees(bob, chat, own);
        assert_eq!(w.unread(alice, chat), Some(1), "she has not seen it, whatever its stamp says");
        w.run(60_000);
        assert_eq!(w.state(bob, chat, early), Some(MessageState::Read));
        assert_eq!(w.state(bob, chat, late), Some(MessageState::Delivered), "and Bob is not told otherwise");
        w.stop(alice);
        w.start(alice);
        assert_eq!(w.unread(alice, chat), Some(1), "it is remembered");
        w.reads(alice, chat);
        w.gets_to(bob, chat, late, MessageState::Read);
        assert_eq!(w.unread(alice, chat), Some(0));
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn reading_up_to_a_message_leaves_what_is_below_it_unread() {
    story("reading_up_to_a_message_leaves_what_is_below_it_unread", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        // More than the store is asked for at once.
        let said: Vec<_> = (0..300).map(|n| w.say(bob, chat, &format!("line {n}"))).collect();
        w.want(bob, Command::React { chat, message: said[0], emoji: "👍".into(), on: true });
        w.sees(alice, chat, said[299]);
        w.run(5_000);
        assert_eq!(w.unread(alice, chat), Some(300));
        let stamps: Vec<_> = w.timeline(alice, chat).iter().map(|m| m.hlc).collect();
        for (read, left) in [(9, 290), (3, 290), (279, 20)] {
            w.want(alice, Command::MarkRead(chat, Some(stamps[read])));
            assert_eq!(w.unread(alice, chat), Some(left), "after reading {read}");
        }
        w.gets_to(bob, chat, said[279], MessageState::Read);
        w.run(5_000);
        assert_eq!(w.state(bob, chat, said[280]), Some(MessageState::Delivered));
        w.want(alice, Command::MarkRead(chat, Some(stamps[299])));
        assert_eq!(w.unread(alice, chat), Some(0));
        w.gets_to(bob, chat, said[299], MessageState::Read);
    });
}
