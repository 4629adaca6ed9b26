//! Bad networks: nothing is lost, and all end with the same conversation.

use veche_protocol::ids::SpaceId;
use veche_sim::cast::SOON;
use veche_sim::check;
use veche_sim::net::{Place, Weather};
use veche_sim::node::Who;
use veche_sim::story::story;
use veche_sim::world::World;

/// Both write, at random.
fn chatter(w: &mut World, people: &[Who], chat: SpaceId, lines: u64, pause: u64) {
    for n in 0..lines {
        let who = *w.dice.pick(people);
        w.try_say(who, chat, &format!("line {n}"), None);
        let wait = w.dice.wait(pause);
        w.run(wait);
    }
}

#[test]
fn loss_and_delay_lose_nothing() {
    story("loss_and_delay_lose_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.net.weather = Weather { latency: 150, jitter: 100, loss: 300, rate: Some(6), flap: None };
        chatter(w, &[alice, bob], chat, 20, 400);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn links_that_break_all_the_time_lose_nothing() {
    story("links_that_break_all_the_time_lose_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.net.weather.flap = Some(5_000);
        // The weather holds for links that come up from now on.
        w.set_online(alice, false);
        w.run(25_000);
        w.set_online(alice, true);
        chatter(w, &[alice, bob], chat, 25, 2_000);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_partition_of_an_hour_heals() {
    story("a_partition_of_an_hour_heals", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.partition(&[alice], &[bob]);
        chatter(w, &[alice, bob], chat, 12, 300_000);
        assert!(w.until(120_000, |w| !w.is_online(alice, bob)), "each sees the other as offline");
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_way_that_is_free_in_one_direction_only_heals() {
    story("a_way_that_is_free_in_one_direction_only_heals", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let (from, to) = if w.dice.chance(500) { (alice, bob) } else { (bob, alice) };
        w.cut_one_way(from, to);
        chatter(w, &[alice, bob], chat, 8, 5_000);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_short_silence_is_not_even_noticed() {
    story("a_short_silence_is_not_even_noticed", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.partition(&[alice], &[bob]);
        let id = w.say(alice, chat, "in the tunnel");
        w.run(4_000);
        assert!(!w.has(bob, chat, id));
        assert!(w.is_online(alice, bob), "a few seconds of silence are no absence");
        w.heal();
        w.sees(bob, chat, id);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn both_dial_at_the_same_moment_and_are_connected() {
    story("both_dial_at_the_same_moment_and_are_connected", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for _ in 0..4 {
            w.partition(&[alice], &[bob]);
            assert!(w.until(60_000, |w| !w.is_online(alice, bob) && !w.is_online(bob, alice)));
            // Both hear of the network at once, and dial at once.
            w.heal();
            assert!(w.until(60_000, |w| w.is_online(alice, bob) && w.is_online(bob, alice)), "two dials make one connection");
        }
        let id = w.say(alice, chat, "here we are");
        w.sees(bob, chat, id);
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_laptop_that_moves_to_another_network_finds_its_friend_again() {
    story("a_laptop_that_moves_to_another_network_finds_its_friend_again", |w| {
        let alice = w.alice();
        let bob = w.person("bob", Place::Public);
        let chat = w.befriend(alice, bob);
        for _ in 0..3 {
            w.set_online(alice, false);
            let id = w.say(alice, chat, "written in the train");
            let away = w.dice.between(1_000, 600_000);
            w.run(away);
            w.set_online(alice, true);
            w.sees(bob, chat, id);
        }
        assert!(w.until(SOON, |w| w.is_online(alice, bob)));
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_slow_line_carries_a_long_backlog() {
    story("a_slow_line_carries_a_long_backlog", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.stop(bob);
        for n in 0..120 {
            w.say(alice, chat, &format!("{n} {}", "long ".repeat(30)));
        }
        w.net.weather = Weather { latency: 300, jitter: 100, loss: 50, rate: Some(6), flap: None };
        w.start(bob);
        assert!(w.eventually(10 * 60_000, |w| w.words(bob, chat).len() == 120), "it got {}", w.words(bob, chat).len());
        check::converges(w, &[alice, bob], chat);
    });
}
