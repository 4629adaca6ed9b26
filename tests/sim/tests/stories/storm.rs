//! Everything goes wrong at once, and people go on writing, editing, deleting, reacting and reading.

use veche_protocol::core::command::Command;
use veche_protocol::crypto::ratchet::RatchetKind;
use veche_protocol::ids::{EntryId, SpaceId};
use veche_sim::cast::SOON;
use veche_sim::check;
use veche_sim::disk::{CrashPoint, Health};
use veche_sim::net::{Place, Weather};
use veche_sim::node::Who;
use veche_sim::story::{story, unrepeatable_story};
use veche_sim::world::World;

/// Something that somebody does.
fn act(w: &mut World, who: Who, chat: SpaceId, n: u64, known: &mut Vec<EntryId>) {
    let target = if known.is_empty() { None } else { Some(*w.dice.pick(known)) };
    let target = target.filter(|id| w.has(who, chat, *id));
    match (w.dice.below(10), target) {
        (0, Some(message)) => drop(w.ask(who, Command::Edit { chat, message, text: format!("edited {n}") })),
        (1, Some(message)) => drop(w.ask(who, Command::React { chat, message, emoji: "🎉".into(), on: !n.is_multiple_of(3) })),
        (2, Some(message)) if n.is_multiple_of(4) => drop(w.ask(who, Command::Delete { chat, message })),
        (3, _) => drop(w.ask(who, Command::MarkRead(chat, None))),
        (4, Some(answered)) => known.extend(w.try_say(who, chat, &format!("answer {n}"), Some(answered))),
        _ => known.extend(w.try_say(who, chat, &format!("line {n}"), None)),
    }
}

/// Something that goes wrong, or gets better.
fn weather(w: &mut World, all: &[Who]) {
    let who = *w.dice.pick(all);
    let other = *w.dice.pick(all);
    match w.dice.below(12) {
        0 => {
            let point = *w.dice.pick(&CrashPoint::ALL);
            let after = u32::try_from(w.dice.below(3)).unwrap_or(0);
            w.arm(who, point, after);
        }
        1 => {
            let power = w.dice.chance(500);
            w.crash(who, power);
        }
        2 if who != other => w.partition(&[who], &[other]),
        3 if who != other => w.cut_one_way(who, other),
        4 => w.set_disk(who, Health::Full),
        5 => all.iter().for_each(|who| w.set_disk(*who, Health::Good)),
        6 => {
            let minutes = i64::try_from(w.dice.below(16)).unwrap_or(0) - 8;
            w.set_clock(who, minutes * 60_000);
        }
        7 => {
            w.net.weather =
                Weather { latency: w.dice.between(1, 400), jitter: 100, loss: w.dice.below(300), rate: Some(20), flap: Some(20_000) }
        }
        8 => w.net.weather = Weather::default(),
        9 => {
            w.set_online(who, false);
        }
        10 => w.set_online(who, true),
        _ => w.heal(),
    }
}

fn storm(w: &mut World) {
    let (alice, bob) = (w.alice(), w.bob());
    let chat = w.befriend(alice, bob);
    let laptop = w.second_device(alice, Place::Lan(1));
    assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
    let all = [alice, bob, laptop];
    let mut known = Vec::new();
    for n in 0..60 {
        if w.dice.chance(400) {
            weather(w, &all);
        }
        let who = *w.dice.pick(&all);
        act(w, who, chat, n, &mut known);
        let pause = if w.dice.chance(700) { w.dice.below(200) } else { w.dice.wait(15_000) };
        w.run(pause);
        if w.dice.chance(200) {
            check::nothing_before_its_cause(w, who, chat);
        }
    }
    for who in all {
        w.set_clock(who, 0);
    }
    // Entries stamped ahead by a wrong clock are taken when their time has come.
    w.run(20 * 60_000);
    check::converges(w, &all, chat);
}

#[test]
fn a_storm_passes_and_all_is_there() {
    story("a_storm_passes_and_all_is_there", storm);
}

#[test]
fn a_storm_over_the_real_ratchet_passes_and_all_is_there() {
    unrepeatable_story("a_storm_over_the_real_ratchet_passes_and_all_is_there", 5, |w| {
        w.cfg.ratchet = RatchetKind::Olm;
        storm(w);
    });
}
