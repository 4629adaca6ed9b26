//! Disks that lost records: nobody's history is begun anew, and what is gone comes back from others.

use veche_protocol::core::command::{Command, CommandError};
use veche_protocol::history::rows::{self, State, StateRow};
use veche_protocol::ids::{ChanId, SpaceId};
use veche_protocol::store::Table;
use veche_protocol::view::MessageState;
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::node::Who;
use veche_sim::story::story;
use veche_sim::world::World;

/// Both know one sequence of what each device wrote.
fn nobody_sees_two_histories(w: &mut World, members: &[Who], chat: SpaceId) {
    for who in members {
        assert_eq!(w.node(*who).refusals("history_duplicated"), 0, "{}", w.node(*who).name);
        assert!(w.timeline(*who, chat).iter().all(|m| !m.forked), "{} sees two versions", w.node(*who).name);
        assert!(!w.view(*who).network.duplicated, "{} takes itself for a copy", w.node(*who).name);
    }
}

/// Two people who wrote to each other, and what the one reacted with.
fn talk(w: &mut World) -> (Who, Who, SpaceId) {
    let (alice, bob) = (w.alice(), w.bob());
    let chat = w.befriend(alice, bob);
    for n in 0..4 {
        w.say(alice, chat, &format!("alice {n}"));
        let id = w.say(bob, chat, &format!("bob {n}"));
        w.sees(alice, chat, id);
    }
    assert!(w.eventually(SOON, |w| check::agree(w, &[alice, bob], chat)));
    (alice, bob, chat)
}

/// Writes as soon as that is possible again.
fn writes_again(w: &mut World, who: Who, chat: SpaceId, text: &str) {
    assert!(w.eventually(SOON, |w| w.try_say(who, chat, text, None).is_some()), "{} can write again", w.node(who).name);
}

#[test]
fn a_lost_record_of_the_own_log_does_not_begin_it_anew() {
    story("a_lost_record_of_the_own_log_does_not_begin_it_anew", |w| {
        let (alice, bob, chat) = talk(w);
        let device = w.view(alice).account.as_ref().expect("an account").device_id;
        let unsent = {
            w.set_online(bob, false);
            w.say(alice, chat, "nobody else has this yet")
        };
        w.stop(alice);
        let which = w.dice.below(4);
        let lost = w.node_mut(alice).disk.lose_rows(Table::LogHead, |value| {
            let row: StateRow = rows::decode(value).expect("a readable row");
            let chan = if which == 0 { ChanId::MAIN } else { ChanId::AUTH };
            let head = matches!(row.state, Some(State::Head(_)));
            which == 3 || (row.device == device.as_bytes() && row.chan == chan.as_bytes() && (head || which == 2))
        });
        assert!(lost > 0, "there was something to lose");
        w.start(alice);
        // Nobody can help yet: what this disk still holds has to be enough.
        writes_again(w, alice, chat, "and this follows it");
        w.set_online(bob, true);
        w.sees(bob, chat, unsent);
        check::converges(w, &[alice, bob], chat);
        nobody_sees_two_histories(w, &[alice, bob], chat);
    });
}

#[test]
fn nothing_is_written_while_it_is_not_known_what_was() {
    story("nothing_is_written_while_it_is_not_known_what_was", |w| {
        let (alice, bob, chat) = talk(w);
        let last = w.say(alice, chat, "the last");
        w.gets_to(alice, chat, last, MessageState::Delivered);
        w.set_online(bob, false);
        w.stop(alice);
        w.lose(alice, Table::LogHead);
        w.lose(alice, Table::Chat);
        w.start(alice);
        assert_eq!(w.chat(alice, bob), Some(chat), "a contact always has a conversation");
        let answer = w.ask(alice, Command::Send { chat, text: "too early".into(), reply_to: None });
        assert_eq!(answer, Answer::No(CommandError::HistoryIncomplete));
        w.set_online(bob, true);
        writes_again(w, alice, chat, "once it is known again");
        check::converges(w, &[alice, bob], chat);
        nobody_sees_two_histories(w, &[alice, bob], chat);
    });
}
