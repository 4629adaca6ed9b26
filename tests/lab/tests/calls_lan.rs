//! Voice calls between two hosts: nothing but the local network hears of them, and they survive a change of address.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person, befriend};
use veche_lab::node::Recipe;
use veche_lab::phone::{Phone, connect, talk, unprocessed, wait_end};
use veche_lab::sound::{Clip, compare, longest_silence};
use veche_lab::tell;
use veche_lab::world::{Counter, Place, TwoHosts, inside};

/// What both say, longer than any call here.
fn phones(folder: &std::path::Path) -> Result<[Phone; 2]> {
    let length = Duration::from_secs(60);
    Ok([Phone::new("alice", Clip::babble(length, 1), folder)?, Phone::new("bob", Clip::babble(length, 2), folder)?])
}

#[test]
fn a_call_on_the_local_network_sends_nothing_outside() -> Result<()> {
    if inside("a_call_on_the_local_network_sends_nothing_outside", &["nft"])? == Place::Done {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let hosts = TwoHosts::new()?;
    // Packets to the outside could leave, and would be counted.
    hosts.open_a_way_out()?;
    let counters = [Counter::new(&hosts.names[0], folder.path())?, Counter::new(&hosts.names[1], folder.path())?];
    let phones = phones(folder.path())?;
    let recipe =
        |name: &str, host: usize| Recipe { namespace: Some(hosts.names[host].clone()), ..Recipe::new(name, folder.path()).with(["--lan"]) };
    let alice = Person::new(&phones[0].on(recipe("alice", 0)), "alice", "Alice")?;
    let bob = Person::new(&phones[1].on(recipe("bob", 1)), "bob", "Bob")?;
    befriend(&alice, &bob)?;
    unprocessed(&alice)?;
    unprocessed(&bob)?;
    let before = counters[0].read()?.inside;
    let call = connect(&alice, &bob)?;
    talk(&bob, &call, Duration::from_secs(5))?;
    let stats = bob.call("call.stats", json!({ "call_id": call }))?;
    ensure!(stats[0]["route"] == "lan", "{stats}");
    bob.call("call.hangup", json!({ "call_id": call }))?;
    ensure!(wait_end(&alice, &call, PATIENCE)? == "hung_up");
    let _absent = [alice.leave()?, bob.leave()?];
    for (counter, host) in counters.iter().zip(&hosts.names) {
        let sent = counter.read()?;
        ensure!(sent.outside == 0 && sent.dns == 0, "{host} sent what it must not: {sent:?}");
    }
    let sent = counters[0].read()?.inside - before;
    ensure!(sent > 300, "only {sent} packets in five seconds of sound");
    let early = |phone: &Phone| phone.says.part(Duration::from_secs(1), Duration::from_secs(4));
    for (way, likeness) in
        [("there", compare(&early(&phones[0]), &phones[1].heard()?)?), ("back", compare(&early(&phones[1]), &phones[0].heard()?)?)]
    {
        ensure!(likeness.found >= 0.9, "{way}: {likeness:?}");
    }
    Ok(())
}

#[test]
fn a_call_survives_another_address_and_no_log_has_a_packet_of_it() -> Result<()> {
    if inside("a_call_survives_another_address_and_no_log_has_a_packet_of_it", &[])? == Place::Done {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let hosts = TwoHosts::new()?;
    let phones = phones(folder.path())?;
    let loud = ["--log", "info,veche_media=debug,webrtc=trace,rtc=trace,rtc_ice=trace,rtc_srtp=trace,rtc_sctp=trace,rtc_dtls=trace"];
    let alice = Person::new(&phones[0].on(hosts.recipe(0, "alice", folder.path())).with(loud), "alice", "Alice")?;
    let bob = Person::new(&phones[1].on(hosts.recipe(1, "bob", folder.path())).with(loud), "bob", "Bob")?;
    befriend(&alice, &bob)?;
    unprocessed(&alice)?;
    unprocessed(&bob)?;
    let call = connect(&alice, &bob)?;
    talk(&alice, &call, Duration::from_secs(4))?;
    let moved = Instant::now();
    hosts.readdress(1, 9)?;
    // Sockets on the old address cannot send any more: the libraries below log that with the packet, if they are let.
    veche_lab::until("sound again", Duration::from_secs(40), || {
        let stats = alice.call("call.stats", json!({ "call_id": call }))?;
        let back = moved.elapsed() > Duration::from_secs(7)
            && stats[0]["phase"] == "active"
            && stats[0]["received_bps"].as_u64().is_some_and(|bps| bps > 10_000);
        Ok(if back { Ok(()) } else { Err(stats.to_string()) })
    })?;
    let again = moved.elapsed();
    talk(&alice, &call, Duration::from_secs(5))?;
    alice.call("call.hangup", json!({ "call_id": call }))?;
    ensure!(wait_end(&bob, &call, PATIENCE)? == "hung_up");
    for person in [&alice, &bob] {
        let log = person.node.log();
        ensure!(log.contains("a leg is connected"), "the log was on:\n{log}");
        let of_a_library = |line: &&str| {
            line.split_whitespace().any(|word| word.starts_with("webrtc::") || word.starts_with("rtc_") || word.starts_with("rtc::"))
        };
        let leaked = log.lines().find(of_a_library);
        ensure!(leaked.is_none(), "in the log of {}: {}", person.login, leaked.unwrap_or_default());
        ensure!(!log.contains("10.77.0."), "addresses in the log of {}:\n{log}", person.login);
    }
    let _absent = [alice.leave()?, bob.leave()?];
    for (way, phone, heard) in [("there", &phones[0], phones[1].heard()?), ("back", &phones[1], phones[0].heard()?)] {
        let gap = longest_silence(&heard);
        tell(&format!("another address, {way}: silent for {gap:?}; sure after {again:?}"));
        // What was said at the end, by the length of what was heard.
        let end = heard.length().saturating_sub(Duration::from_secs(1));
        let late = heard.part(end.saturating_sub(Duration::from_secs(3)), end);
        let likeness = compare(&late, &phone.says).context("what was heard at the end")?;
        ensure!(likeness.found >= 0.8, "{way}: {likeness:?}");
    }
    Ok(())
}
