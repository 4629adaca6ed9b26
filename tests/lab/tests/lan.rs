//! Two hosts on a wire without any way out: found by mDNS, looked up by login, talked to; and nothing else leaves them.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person};
use veche_lab::node::Recipe;
use veche_lab::world::{Counter, Place, TwoHosts, inside, run};
use veche_lab::{tell, until};

#[test]
fn two_hosts_without_a_way_out_find_each_other_and_send_nothing_else() -> Result<()> {
    if inside("two_hosts_without_a_way_out_find_each_other_and_send_nothing_else", &["nft"])? == Place::Done {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let hosts = TwoHosts::new()?;
    let counters = [Counter::new(&hosts.names[0], folder.path())?, Counter::new(&hosts.names[1], folder.path())?];
    let recipe =
        |name: &str, host: usize| Recipe { namespace: Some(hosts.names[host].clone()), ..Recipe::new(name, folder.path()).with(["--lan"]) };
    let alice = Person::new(&recipe("alice", 0), "alice", "Alice")?;
    let bob = Person::new(&recipe("bob", 1), "bob", "Bob")?;

    let started = Instant::now();
    until("Alice nearby", PATIENCE, || {
        let nearby = bob.call("directory.nearby", json!({}))?;
        let seen =
            nearby.as_array().into_iter().flatten().any(|seen| seen["account_id"] == alice.account.as_str() && seen["name"] == "Alice");
        Ok(if seen { Ok(()) } else { Err(nearby.to_string()) })
    })?;
    let nearby_after = started.elapsed();
    let found = alice.call("directory.lookup", json!({ "login": "bob", "timeout_ms": 20_000 }))?;
    ensure!(found.as_array().is_some_and(|found| found.len() == 1) && found[0]["account_id"] == bob.account.as_str(), "{found}");
    ensure!(found[0]["known"] == false && found[0]["verified"] == false, "{found}");
    ensure!(alice.call("directory.lookup", json!({ "login": "nobody", "timeout_ms": 0 }))? == json!([]));

    alice.call("contact.request", json!({ "account_id": bob.account, "text": "Is it you?" }))?;
    bob.node.wait_event("contact.requested", Duration::from_secs(40), |event| event["request"]["text"] == "Is it you?")?;
    bob.call("contact.accept", json!({ "account_id": alice.account }))?;
    alice.node.wait_event("contact.changed", PATIENCE, |event| event["relation"] == "contact" && event["chat_id"].is_string())?;
    talk(&alice, &bob, "without a way out")?;

    // A way out appears, as when a cable is plugged in. Packets to the outside could leave now.
    hosts.open_a_way_out()?;
    let (alice, bob) = (alice.leave()?, bob.leave()?);
    let (alice, bob) = (alice.back()?, bob.back()?);
    talk(&alice, &bob, "with a way out")?;
    let status = alice.call("network.status", json!({}))?;
    ensure!(status["lan_only"] == true && status["listen"].as_array().is_some_and(|listen| !listen.is_empty()), "{status}");

    for (counter, host) in counters.iter().zip(&hosts.names) {
        let sent = counter.read()?;
        ensure!(sent.inside > 0, "{host} was watched: {sent:?}");
        ensure!(sent.outside == 0 && sent.dns == 0, "{host} sent what it must not: {sent:?}");
    }
    // The counters do see what they are there for.
    let shout = "echo x > /dev/udp/198.51.100.1/9; echo x > /dev/udp/10.77.0.2/53";
    run("ip", &["netns", "exec", &hosts.names[0], "bash", "-c", shout])?;
    let sent = counters[0].read()?;
    ensure!(sent.outside == 1 && sent.dns == 1, "the counters are blind: {sent:?}");
    tell(&format!("nearby after {nearby_after:?}"));
    Ok(())
}

fn talk(alice: &Person, bob: &Person, about: &str) -> Result<()> {
    let chat = alice.chat_with(bob)?;
    for (from, to) in [(alice, bob), (bob, alice)] {
        let said = format!("{} {about}", from.login);
        let message = from.say(&chat, &said)?;
        to.hear(&said).with_context(|| format!("talking {about}"))?;
        from.wait_state(&message, "delivered")?;
    }
    Ok(())
}
