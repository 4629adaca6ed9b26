//! Calls through the relays of operators' nodes: between routers that let nothing else through, where somebody wants nobody to learn their
//! address, on a local network and on one machine, and what becomes of a call whose relay dies.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person, befriend, free_port};
use veche_lab::chance::Chance;
use veche_lab::nat::{Host, Nat};
use veche_lab::node::Recipe;
use veche_lab::operator::{Operator, Stand};
use veche_lab::phone::{CONNECT, Phone, connect, ring, talk, unprocessed, wait_end, wait_phase};
use veche_lab::sound::{Clip, compare};
use veche_lab::town::{self, Town, accept, ask, find};
use veche_lab::world::{Place, Recording, TwoHosts, inside, inside_with_pump};
use veche_lab::{tell, turn, until};

/// From taking a call to the first word heard, through a relay: what people are promised.
const SET_UP: Duration = Duration::from_secs(2);
/// Silence at which nobody has to wonder any more: the machine gives up after half a minute, which it notices some seconds late.
const OVER: Duration = Duration::from_secs(50);
/// Sound of a voice takes more than this, bits a second.
const VOICE: u64 = 10_000;
/// Bytes that nothing but sound adds up to: two seconds of it, both ways, in and out.
const SOUND: u64 = 60_000;

/// Both know that calls can go through so many operators' nodes.
fn wait_leave(person: &Person, operators: usize) -> Result<()> {
    until(&format!("leave for {} to have calls relayed", person.login), town::PATIENCE, || {
        let status = person.call("network.status", json!({}))?;
        let with = status["operators"].as_array().into_iter().flatten().filter(|operator| operator["calls"] == true).count();
        Ok(if with == operators { Ok(()) } else { Err(status["operators"].to_string()) })
    })
}

/// The way that the sound of the only call goes.
fn route(person: &Person, call: &str) -> Result<Value> {
    Ok(person.call("call.stats", json!({ "call_id": call }))?[0]["route"].clone())
}

/// Ports for words: those at which a node is reached over QUIC.
fn words_at(person: &Person) -> Result<Vec<u16>> {
    let status = person.call("network.status", json!({}))?;
    let listen = status["listen"].as_array().context("no addresses")?;
    let direct = listen.iter().filter_map(Value::as_str).filter(|addr| !addr.contains("p2p-circuit"));
    let ports: Vec<u16> = direct.filter_map(|addr| addr.split("/udp/").nth(1)?.split('/').next()?.parse().ok()).collect();
    ensure!(!ports.is_empty(), "{status}");
    Ok(ports)
}

fn phones(folder: &Path, length: Duration) -> Result<[Phone; 2]> {
    Ok([Phone::new("anna", Clip::babble(length, 1), folder)?, Phone::new("boris", Clip::babble(length, 2), folder)?])
}

/// Two people at homes of a town who are contacts, with phones.
fn couple(town: &Town, homes: [&Host; 2], phones: &[Phone; 2]) -> Result<[Person; 2]> {
    let settle = |n: usize, login: &str, name: &str| -> Result<Person> {
        let person = town.settle_with(&phones[n].on(homes[n].recipe(login, town.folder())), login, name)?;
        unprocessed(&person)?;
        wait_leave(&person, town.operators.len())?;
        Ok(person)
    };
    let (anna, boris) = (settle(0, "anna", "Anna")?, settle(1, "boris", "Boris")?);
    ensure!(find(&anna, "boris")? == boris.account, "somebody else was found");
    ask(&anna, &boris, "It is Anna.")?;
    accept(&anna, &boris, "Now we can talk.")?;
    Ok([anna, boris])
}

/// One calls, the other takes it. Returns the call, and how long it took from there until both were heard.
fn timed(caller: &Person, called: &Person) -> Result<(String, Duration)> {
    let call = ring(caller, called)?;
    wait_phase(caller, &call, "ringing")?;
    let begun = Instant::now();
    called.call("call.accept", json!({ "call_id": call }))?;
    for (person, other) in [(caller, called), (called, caller)] {
        let heard =
            |event: &Value| event["call_id"] == call.as_str() && event["account_id"] == other.account.as_str() && event["on"] == true;
        person.node.wait_event("call.speaking", CONNECT, heard).with_context(|| format!("{} hears nothing", person.login))?;
    }
    let took = begun.elapsed();
    for person in [caller, called] {
        wait_phase(person, &call, "active")?;
    }
    Ok((call, took))
}

/// The early part of what each said is in what the other heard. A voice that went through the codec for slow ways is alike to 0.79, another
/// one's is not found.
fn heard_each_other(phones: &[Phone; 2]) -> Result<()> {
    for (way, from, to) in [("there", &phones[0], &phones[1]), ("back", &phones[1], &phones[0])] {
        let likeness = compare(&from.says.part(Duration::from_secs(1), Duration::from_secs(5)), &to.heard()?)?;
        tell(&format!("relayed, {way}: correlation {:.2}, {:.0} % of it found", likeness.correlation, likeness.found * 100.0));
        ensure!(likeness.found >= 0.9 && likeness.correlation >= 0.7, "{way}: {likeness:?}");
    }
    Ok(())
}

#[test]
fn two_homes_that_let_nobody_in_call_each_other_through_a_relay() -> Result<()> {
    if inside_with_pump("two_homes_that_let_nobody_in_call_each_other_through_a_relay", &["nft", "tcpdump"])? == Place::Done {
        return Ok(());
    }
    let mut town = Town::new(Chance::seed(), 1, "")?;
    let capture = town.internet.record()?;
    let (home, flat) = (town.internet.behind(Nat::Strict)?, town.internet.behind(Nat::Strict)?);
    let phones = phones(town.folder(), Duration::from_secs(30))?;
    let [anna, boris] = couple(&town, [&home, &flat], &phones)?;
    let (call, took) = timed(&anna, &boris)?;
    tell(&format!("two strict routers: heard {took:.0?} after the call was taken"));
    for person in [&anna, &boris] {
        ensure!(route(person, &call)? == "relay", "{}", person.call("call.stats", json!({ "call_id": call }))?);
    }
    talk(&anna, &call, Duration::from_secs(7))?;
    let operator = &town.operators[0];
    ensure!(operator.metric("veche_turn_places")? >= 2, "{}", operator.page("/metrics")?);
    ensure!(operator.metric("veche_turn_bytes_total")? > 100_000, "{}", operator.page("/metrics")?);
    anna.call("call.hangup", json!({ "call_id": call }))?;
    ensure!(wait_end(&boris, &call, PATIENCE)? == "hung_up");
    // Whoever has talked gives the place back.
    operator.wait_metric("veche_turn_places", PATIENCE, |places| places == 0)?;
    let _absent = [anna.leave()?, boris.leave()?];
    heard_each_other(&phones)?;
    let between = capture.finish()?.between(home.public, flat.public)?;
    // Checks of addresses that were told between contacts may try, and reach nobody.
    tell(&format!("two strict routers: {between} packets were tried between them"));
    ensure!(took <= SET_UP, "heard {took:?} after the call was taken");
    Ok(())
}

#[test]
fn whoever_wants_calls_relayed_shows_nobody_where_they_are() -> Result<()> {
    if inside_with_pump("whoever_wants_calls_relayed_shows_nobody_where_they_are", &["nft", "tcpdump"])? == Place::Done {
        return Ok(());
    }
    let mut town = Town::new(Chance::seed(), 1, "")?;
    let capture = town.internet.record()?;
    // Nothing is in the way between them.
    let (corner, shop) = (town.internet.behind(Nat::None)?, town.internet.behind(Nat::None)?);
    let phones = phones(town.folder(), Duration::from_secs(60))?;
    let [anna, boris] = couple(&town, [&corner, &shop], &phones)?;
    for (one, other) in [(&anna, &boris), (&boris, &anna)] {
        one.wait_route(&other.account, "direct", town::PATIENCE)?;
    }
    let words = [words_at(&anna)?, words_at(&boris)?];
    // UDP between the two houses that is not words: sound, and what looks for ways for it.
    let sound = |recording: Recording| -> Result<Vec<[u16; 2]>> {
        let flows = recording.flows(corner.public, shop.public)?.into_iter();
        Ok(flows.filter(|ports| ports.iter().zip(&words).all(|(port, words)| !words.contains(port))).collect())
    };
    anna.call("settings.set", json!({ "relay_calls": true }))?;
    for (caller, called) in [(&anna, &boris), (&boris, &anna)] {
        let call = connect(caller, called)?;
        talk(caller, &call, Duration::from_secs(4))?;
        for person in [caller, called] {
            ensure!(route(person, &call)? == "relay", "{}", person.call("call.stats", json!({ "call_id": call }))?);
        }
        caller.call("call.hangup", json!({ "call_id": call }))?;
        ensure!(wait_end(called, &call, PATIENCE)? == "hung_up" && wait_end(caller, &call, PATIENCE)? == "hung_up");
        let seen = sound(capture.so_far()?)?;
        ensure!(seen.is_empty(), "ports of the call: {seen:?}");
    }
    // The same without it: the recording is not blind.
    anna.call("settings.set", json!({ "relay_calls": false }))?;
    let call = connect(&anna, &boris)?;
    until("a direct way", PATIENCE, || {
        let now = route(&boris, &call)?;
        Ok(if now == "direct" { Ok(()) } else { Err(now.to_string()) })
    })?;
    talk(&anna, &call, Duration::from_secs(2))?;
    ensure!(!sound(capture.finish()?)?.is_empty(), "the recording misses a call");
    anna.call("call.hangup", json!({ "call_id": call }))?;
    ensure!(wait_end(&boris, &call, PATIENCE)? == "hung_up");
    Ok(())
}

/// Which of some operators' nodes carries the sound now.
fn carrier(operators: &[Operator]) -> Result<usize> {
    let bytes = || operators.iter().map(|operator| operator.metric("veche_turn_bytes_total")).collect::<Result<Vec<_>>>();
    let before = bytes()?;
    until("a relay that carries a voice", PATIENCE, || {
        let grown: Vec<u64> = bytes()?.iter().zip(&before).map(|(now, before)| now - before).collect();
        Ok(grown.iter().position(|bytes| *bytes > SOUND).ok_or_else(|| format!("{grown:?} bytes")))
    })
}

#[test]
fn a_call_goes_on_over_another_relay_and_ends_with_a_sentence_where_there_is_none() -> Result<()> {
    if inside_with_pump("a_call_goes_on_over_another_relay_and_ends_with_a_sentence_where_there_is_none", &["nft"])? == Place::Done {
        return Ok(());
    }
    let mut town = Town::new(Chance::seed(), 2, "")?;
    let (home, flat) = (town.internet.behind(Nat::Strict)?, town.internet.behind(Nat::Strict)?);
    let phones = phones(town.folder(), Duration::from_secs(180))?;
    let [anna, boris] = couple(&town, [&home, &flat], &phones)?;
    let (call, took) = timed(&anna, &boris)?;
    tell(&format!("two strict routers, two relays: heard {took:.0?} after the call was taken"));
    let carrying = carrier(&town.operators)?;
    let died = Instant::now();
    town.operators.remove(carrying).kill9()?;
    for person in [&anna, &boris] {
        wait_phase(person, &call, "reconnecting")?;
    }
    until("sound again", OVER, || {
        let stats = [&anna, &boris].map(|person| person.call("call.stats", json!({ "call_id": call })));
        let back = |stats: &Value| stats[0]["phase"] == "active" && stats[0]["received_bps"].as_u64().is_some_and(|bps| bps > VOICE);
        let [there, here] = stats;
        let (there, here) = (there?, here?);
        Ok(if back(&there) && back(&here) { Ok(()) } else { Err(format!("{there} and {here}")) })
    })?;
    tell(&format!("another relay: sound again {:.1?} after the first died", died.elapsed()));
    for person in [&anna, &boris] {
        ensure!(route(person, &call)? == "relay", "{}", person.call("call.stats", json!({ "call_id": call }))?);
    }
    talk(&anna, &call, Duration::from_secs(3))?;
    ensure!(carrier(&town.operators)? == 0, "another relay carries it now");

    let died = Instant::now();
    for operator in town.operators.drain(..) {
        operator.kill9()?;
    }
    for person in [&anna, &boris] {
        ensure!(wait_end(person, &call, OVER)? == "lost");
        ensure!(person.call("call.list", json!({}))? == json!([]));
    }
    tell(&format!("no relay: over {:.1?} after the last died", died.elapsed()));
    Ok(())
}

#[test]
fn calls_are_relayed_on_a_local_network_where_somebody_wants_it() -> Result<()> {
    if inside("calls_are_relayed_on_a_local_network_where_somebody_wants_it", &[])? == Place::Done {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let hosts = TwoHosts::new()?;
    let operator = Operator::start(&Stand::public("operator", &hosts.names[0], [10, 77, 0, 1].into(), folder.path()))?;
    let phones = phones(folder.path(), Duration::from_secs(30))?;
    let recipe = |n: usize, name: &str| phones[n].on(hosts.recipe(n, name, folder.path())).with(Operator::args([&operator]));
    relayed_by_wish(&phones, [&recipe(0, "anna"), &recipe(1, "boris")])
}

#[test]
fn calls_are_relayed_on_one_machine_where_somebody_wants_it() -> Result<()> {
    let _turn = turn()?;
    let folder = tempfile::tempdir()?;
    let operator = Operator::start(&Stand::on_loopback("operator", [free_port()?, free_port()?], folder.path()))?;
    let phones = phones(folder.path(), Duration::from_secs(30))?;
    let recipe = |n: usize, name: &str| -> Result<Recipe> {
        Ok(phones[n].on(Recipe::new(name, folder.path()).on_loopback(free_port()?)).with(Operator::args([&operator])))
    };
    relayed_by_wish(&phones, [&recipe(0, "anna")?, &recipe(1, "boris")?])
}

/// Two people who could reach each other, of whom one wants calls relayed.
fn relayed_by_wish(phones: &[Phone; 2], recipes: [&Recipe; 2]) -> Result<()> {
    let (anna, boris) = (Person::new(recipes[0], "anna", "Anna")?, Person::new(recipes[1], "boris", "Boris")?);
    befriend(&anna, &boris)?;
    for person in [&anna, &boris] {
        unprocessed(person)?;
        wait_leave(person, 1)?;
    }
    boris.call("settings.set", json!({ "relay_calls": true }))?;
    let (call, took) = timed(&anna, &boris)?;
    tell(&format!("near, and relayed by wish: heard {took:.0?} after the call was taken"));
    talk(&anna, &call, Duration::from_secs(7))?;
    for person in [&anna, &boris] {
        ensure!(route(person, &call)? == "relay", "{}", person.call("call.stats", json!({ "call_id": call }))?);
    }
    anna.call("call.hangup", json!({ "call_id": call }))?;
    ensure!(wait_end(&boris, &call, PATIENCE)? == "hung_up");
    let _absent = [anna.leave()?, boris.leave()?];
    heard_each_other(phones)?;
    ensure!(took <= SET_UP, "heard {took:?} after the call was taken");
    Ok(())
}
