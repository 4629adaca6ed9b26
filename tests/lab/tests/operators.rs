//! Operators' nodes that die, come back, or end circuits, and laptops that are carried about: the talk goes on.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::Person;
use veche_lab::chance::Chance;
use veche_lab::nat::{Host, Nat};
use veche_lab::operator::Operator;
use veche_lab::town::{PATIENCE, Town, find, meet, places, talk, use_operators};
use veche_lab::world::{Place, inside_with_pump};
use veche_lab::{tell, until};

/// Two people at their homes, who have met.
struct Scene {
    anna: Person,
    boris: Person,
    chat: String,
    homes: [Host; 2],
    town: Town,
}

/// Plays a scene between two homes of these kinds with so many operators' nodes, once the two are connected this way.
fn play(test: &str, nats: [Nat; 2], operators: (usize, &str), route: &str, story: impl FnOnce(Scene) -> Result<()>) -> Result<()> {
    if inside_with_pump(test, &["nft"])? == Place::Done {
        return Ok(());
    }
    let seed = Chance::seed();
    let played = || {
        let mut town = Town::new(seed, operators.0, operators.1)?;
        let homes = [town.internet.behind(nats[0])?, town.internet.behind(nats[1])?];
        let anna = Person::new(&homes[0].recipe("anna", town.folder()), "anna", "Anna")?;
        let boris = Person::new(&homes[1].recipe("boris", town.folder()), "boris", "Boris")?;
        for person in [&anna, &boris] {
            use_operators(person, &town.operators)?;
        }
        let chat = meet(&anna, &boris)?;
        anna.wait_route(&boris.account, route, PATIENCE)?;
        boris.wait_route(&anna.account, route, PATIENCE)?;
        story(Scene { anna, boris, chat, homes, town })
    };
    played().with_context(|| format!("VECHE_SEED={seed}"))
}

impl Scene {
    fn talk(&self, about: &str) -> Result<Duration> {
        talk(&self.anna, &self.boris, &self.chat, about)
    }

    /// Kills the operator's node through which they talk.
    fn kill_their_relay(&mut self) -> Result<()> {
        let carries = |operator: &Operator| operator.metric("veche_relay_circuits").is_ok_and(|circuits| circuits > 0);
        let at = self.town.operators.iter().position(carries).context("no operator's node has a circuit")?;
        self.town.operators.remove(at).kill9().map(drop)
    }
}

#[test]
fn a_relay_that_was_killed_and_comes_back_is_used_again() -> Result<()> {
    /// What people are promised from the moment when the relay is back.
    const BACK: Duration = Duration::from_secs(30);
    play("a_relay_that_was_killed_and_comes_back_is_used_again", [Nat::Strict; 2], (1, ""), "relayed", |mut scene| {
        scene.talk("before")?;
        let stand = scene.town.operators.remove(0).kill9()?;
        // Both have noticed.
        scene.anna.wait_presence(&scene.boris.account, "offline", PATIENCE)?;
        scene.boris.wait_presence(&scene.anna.account, "offline", PATIENCE)?;
        scene.town.operators.push(Operator::start(&stand)?);
        let back = Instant::now();
        scene.talk("after")?;
        let took = back.elapsed();
        tell(&format!("two people behind strict routers talk again {took:.1?} after their relay was back"));
        ensure!(took <= BACK, "it took {took:?}");
        Ok(())
    })
}

#[test]
fn with_two_relays_the_death_of_one_is_a_pause_of_seconds() -> Result<()> {
    /// What people are promised whose nodes know two operators.
    const PAUSE: Duration = Duration::from_secs(3);
    play("with_two_relays_the_death_of_one_is_a_pause_of_seconds", [Nat::Strict; 2], (2, ""), "relayed", |mut scene| {
        scene.talk("before")?;
        scene.kill_their_relay()?;
        let killed = Instant::now();
        scene.anna.say(&scene.chat, "do you hear me?")?;
        scene.boris.hear("do you hear me?")?;
        let pause = killed.elapsed();
        let rest = scene.talk("meanwhile")?;
        tell(&format!("one of two relays was killed: a message took {pause:.1?}, one each way after that {rest:.1?}"));
        ensure!(pause <= PAUSE, "it took {pause:?}");
        Ok(())
    })
}

#[test]
fn a_talk_through_a_relay_outlives_its_limits() -> Result<()> {
    /// Messages of the longest kind: more than the MiB of a circuit together, with what they are wrapped in.
    const MESSAGES: usize = 300;
    const LENGTH: usize = 4000;
    /// Longer than the minute of a circuit.
    const LASTS: Duration = Duration::from_secs(62);
    /// Between two of the later messages.
    const PACE: Duration = Duration::from_millis(200);
    let limits = (1, "[relay]\ncircuit_minutes = 1\ncircuit_mib = 1\n");
    play("a_talk_through_a_relay_outlives_its_limits", [Nat::Strict; 2], limits, "relayed", |scene| {
        let (anna, boris) = (&scene.anna, &scene.boris);
        let circuits = || scene.town.operators[0].metric("veche_relay_circuits_total");
        let (begun, first) = (Instant::now(), circuits()?);
        let (mut longest, mut written, mut spent) = (Duration::ZERO, 0, 0);
        while written < MESSAGES || begun.elapsed() < LASTS {
            let text = if written < MESSAGES { format!("{written:0>LENGTH$}") } else { format!("{written:0>8}") };
            let said = Instant::now();
            anna.say(&scene.chat, &text)?;
            boris.node.wait_event("message.received", PATIENCE, |event| event["message"]["body"]["text"] == text.as_str())?;
            longest = longest.max(said.elapsed());
            written += 1;
            if written == MESSAGES {
                spent = circuits()?;
                ensure!(spent > first, "{MESSAGES} messages of {LENGTH} B fitted one circuit of 1 MiB");
            }
            if written >= MESSAGES {
                thread::sleep(PACE);
            }
        }
        let shown = boris.history(&scene.chat)?;
        let numbers: Vec<usize> = shown.iter().filter_map(|message| message["body"]["text"].as_str()?.parse().ok()).collect();
        ensure!(numbers.iter().copied().eq(0..written), "{} of {written} messages are shown, or not in order", numbers.len());
        ensure!(anna.contact(&boris.account)?["route"] == "relayed", "the limits were not tried");
        let last = circuits()?;
        ensure!(last > spent, "a circuit of one minute outlived {LASTS:?}");
        tell(&format!(
            "{written} messages in {:.0?}, {MESSAGES} of them with {LENGTH} B, over {} circuits of 1 MiB and one minute; the slowest took {longest:.1?}",
            begun.elapsed(),
            last - first + 1
        ));
        Ok(())
    })
}

#[test]
fn several_operators_are_one_directory_and_may_die_down_to_the_last() -> Result<()> {
    if inside_with_pump("several_operators_are_one_directory_and_may_die_down_to_the_last", &["nft"])? == Place::Done {
        return Ok(());
    }
    let seed = Chance::seed();
    let played = || -> Result<()> {
        let mut town = Town::new(seed, 3, "")?;
        let mut home = || town.internet.behind(Nat::Moderate);
        let (homes, flats) = ([home()?, home()?], [home()?, home()?]);
        // Two who have chosen different operators find each other.
        let carla = Person::new(&homes[0].recipe("carla", town.folder()), "carla", "Carla")?;
        let david = Person::new(&homes[1].recipe("david", town.folder()), "david", "David")?;
        use_operators(&carla, &town.operators[..1])?;
        use_operators(&david, &town.operators[2..])?;
        let chat = meet(&carla, &david)?;
        talk(&carla, &david, &chat, "which operator?")?;
        // Two who have chosen all of them lose nothing with all but one.
        let anna = Person::new(&flats[0].recipe("anna", town.folder()), "anna", "Anna")?;
        let boris = Person::new(&flats[1].recipe("boris", town.folder()), "boris", "Boris")?;
        for person in [&anna, &boris] {
            use_operators(person, &town.operators)?;
        }
        // Of each person's two places one is left.
        let left = places(&boris)?.into_iter().next().context("no place")?;
        let (kept, dead) = std::mem::take(&mut town.operators).into_iter().partition(|operator| operator.hints[0].ends_with(&left));
        town.operators = kept;
        for operator in dead {
            operator.kill9()?;
        }
        let killed = Instant::now();
        let chat = meet(&anna, &boris)?;
        tell(&format!("two of three operators were killed; {:.1?} later two people had found each other and talked", killed.elapsed()));
        for known in [&carla, &david] {
            ensure!(find(&anna, &known.login)? == known.account, "what the others had taken is with the last as well");
        }
        for (one, other) in [(&anna, &boris), (&boris, &anna)] {
            one.wait_route(&other.account, "direct", PATIENCE)?;
        }
        last_operator_dies(&mut town, &anna, &boris, &chat)
    };
    played().with_context(|| format!("VECHE_SEED={seed}"))
}

/// Friends go on without any operator, and are told.
fn last_operator_dies(town: &mut Town, anna: &Person, boris: &Person, chat: &str) -> Result<()> {
    town.operators.remove(0).kill9()?;
    let killed = Instant::now();
    for person in [anna, boris] {
        until("the operators are missed", PATIENCE, || {
            let status = person.call("network.status", json!({}))?;
            let up = status["operators"].as_array().into_iter().flatten().any(|operator| operator["connected"] == true);
            Ok(if up { Err(status.to_string()) } else { Ok(()) })
        })?;
    }
    let noticed = killed.elapsed();
    let pause = talk(anna, boris, chat, "we need nobody")?;
    for (one, other) in [(anna, boris), (boris, anna)] {
        ensure!(one.contact(&other.account)?["route"] == "direct", "{} is not directly connected", one.login);
    }
    tell(&format!("the death of all operators was shown after {noticed:.1?}; a message each way took {pause:.1?} then"));
    Ok(())
}

#[test]
fn a_laptop_that_is_carried_to_another_home_talks_on() -> Result<()> {
    /// What a person is promised who carries a laptop from one place to another.
    const GOES_ON: Duration = Duration::from_secs(2);
    let nats = [Nat::Moderate, Nat::Moderate];
    play("a_laptop_that_is_carried_to_another_home_talks_on", nats, (1, ""), "direct", |mut scene| {
        let mut times = Vec::new();
        for to in [Nat::Open, Nat::Strict, Nat::Moderate] {
            scene.town.internet.carry(&mut scene.homes[0], to)?;
            let there = Instant::now();
            scene.talk(&format!("from behind a router that is {to}"))?;
            times.push(there.elapsed());
        }
        tell(&format!("a laptop that was carried to three other homes talked on after {times:.1?}"));
        times.sort_unstable();
        // A carry while a hole is being punched can cost one more round of dials.
        ensure!(times[1] <= GOES_ON, "it took {times:?}");
        scene.anna.wait_route(&scene.boris.account, "direct", PATIENCE)?;
        Ok(())
    })
}
