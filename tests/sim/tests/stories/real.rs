//! A few stories with what the others leave out: the real ratchet, real proofs of work, real tags.

use veche_protocol::core::Config;
use veche_protocol::crypto::ratchet::RatchetKind;
use veche_protocol::store::Table;
use veche_sim::cast::SOON;
use veche_sim::check;
use veche_sim::disk::CrashPoint;
use veche_sim::net::Place;
use veche_sim::story::unrepeatable_story;
use veche_sim::world::World;

fn with_the_real_ratchet(w: &mut World) {
    w.cfg.ratchet = RatchetKind::Olm;
}

#[test]
fn the_real_ratchet_carries_a_conversation_through_crashes_and_partitions() {
    unrepeatable_story("the_real_ratchet_carries_a_conversation_through_crashes_and_partitions", 5, |w| {
        with_the_real_ratchet(w);
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for point in CrashPoint::ALL {
            let dies = if w.dice.chance(500) { alice } else { bob };
            w.arm(dies, point, 1);
            for n in 0..6 {
                let who = if w.dice.chance(500) { alice } else { bob };
                w.try_say(who, chat, &format!("{point:?} {n}"), None);
                let pause = w.dice.below(80);
                w.run(pause);
            }
            w.run(4_000);
        }
        w.partition(&[alice], &[bob]);
        for n in 0..5 {
            w.try_say(alice, chat, &format!("a {n}"), None);
            w.try_say(bob, chat, &format!("b {n}"), None);
            w.run(10_000);
        }
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn the_real_ratchet_begins_anew_when_one_side_lost_it() {
    unrepeatable_story("the_real_ratchet_begins_anew_when_one_side_lost_it", 5, |w| {
        with_the_real_ratchet(w);
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for (n, loses) in [bob, alice, bob].into_iter().enumerate() {
            let id = w.say(alice, chat, &format!("before {n}"));
            w.sees(bob, chat, id);
            w.stop(loses);
            w.lose(loses, Table::Session);
            w.start(loses);
            assert!(w.until(SOON, |w| w.is_online(alice, bob) && w.is_online(bob, alice)));
            let (one, two) = (w.say(alice, chat, &format!("a {n}")), w.say(bob, chat, &format!("b {n}")));
            w.sees(bob, chat, one);
            w.sees(alice, chat, two);
        }
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn three_machines_talk_over_real_ratchets() {
    unrepeatable_story("three_machines_talk_over_real_ratchets", 8, |w| {
        with_the_real_ratchet(w);
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let laptop = w.second_device(alice, Place::Lan(1));
        assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
        for n in 0..9 {
            w.say([alice, bob, laptop][n % 3], chat, &format!("line {n}"));
            w.run(500);
        }
        check::converges(w, &[alice, bob, laptop], chat);
    });
}

#[test]
fn strangers_meet_at_the_real_price() {
    unrepeatable_story("strangers_meet_at_the_real_price", u64::MAX, |w| {
        w.cfg = Config::default();
        let (alice, bob) = (w.alice(), w.bob());
        w.set(bob, |s| s.visible_nearby = true);
        let account = w.account(bob);
        assert!(
            w.until(60_000, |w| w.view(alice).nearby.iter().any(|n| n.account_id == account && n.tag.is_some())),
            "the tag is computed"
        );
        let target = veche_protocol::core::command::Target::Account(account);
        w.want(alice, veche_protocol::core::command::Command::RequestContact { target, text: "without a code".into() });
        assert!(w.until(SOON, |w| w.relation(bob, alice).is_some()), "the work is done and accepted");
    });
}
