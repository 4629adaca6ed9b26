//! Two hosts on a wire that takes its time and loses frames.
//!
//! The program runs itself again inside network and mount namespaces, and reads the times that it prints there.

use crate::table::{Row, Times, Verdict, ms, say};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person, befriend};
use veche_lab::pump;
use veche_lab::wire::Conditions;
use veche_lab::world::{TwoHosts, inside, run};

/// Tells the second run what it is for.
pub const ARGUMENT: &str = "lossy-inside";
/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// Frames lost in each direction.
const LOSS: f64 = 0.1;
/// Seed of the wire: the same frames are lost for the same traffic.
const SEED: u64 = 1;
/// Messages for each transport, after [`WARM_UP`] others.
const MESSAGES: usize = 300;
/// Messages before anything is measured.
const WARM_UP: usize = 20;
/// Characters of a message.
const LENGTH: usize = 100;
/// Between a message that arrived and the next: its receipt is on the way, as when people talk.
const PAUSE: Duration = Duration::from_millis(20);
/// Over half a round trip.
const MOST: Duration = Duration::from_millis(30);

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let row = |figure, beside, verdict| Row {
        number: "1",
        what: "text of 100 B in a DM with 50 ms of round trip and 10 % of all frames lost each way, over QUIC",
        figure,
        beside,
        target: "p50 <= 30 ms over half a round trip (55 ms), 0 lost, 0 twice".to_owned(),
        verdict,
    };
    if let Some(why) = pump::missing() {
        return Ok(vec![row("-".to_owned(), why, Verdict::Skipped)]);
    }
    let own = std::env::current_exe()?;
    let own = own.to_string_lossy();
    // A loss inside ends everything: only what is missing out here is skipped.
    if let Err(why) = run("unshare", &["--net", "--mount", "true"]) {
        let why = format!("{why:#}").lines().next().unwrap_or_default().replace('|', "/");
        return Ok(vec![row("-".to_owned(), why, Verdict::Skipped)]);
    }
    let said = run("unshare", &["--net", "--mount", "--", "env", "VECHE_LAB_INSIDE=1", &own, ARGUMENT])?;
    let times = |transport: &str| {
        let lines = said.lines().filter_map(|line| line.strip_prefix(transport)?.trim().parse().ok());
        Times::from(lines.map(Duration::from_micros).collect::<Vec<_>>())
    };
    let (quic, tcp) = (times("quic "), times("tcp "));
    ensure!(quic.count() == MESSAGES && tcp.count() == MESSAGES, "{} and {} of {MESSAGES} times", quic.count(), tcp.count());
    let shares = |times: &Times| format!("p50 {}, p99 {}, longest {}", ms(times.at(50)), ms(times.at(99)), ms(times.longest()));
    let figure = format!("{}, {MESSAGES} messages, 0 lost, 0 twice", shares(&quic));
    let met = quic.at(50) <= ROUND_TRIP / 2 + MOST;
    Ok(vec![row(figure, format!("over TCP: {}; a message is one frame and its receipt another", shares(&tcp)), Verdict::of(met))])
}

/// The part inside.
pub fn run_inside() -> Result<()> {
    // Sets the namespaces up; where we are is known.
    inside(ARGUMENT, &[])?;
    for (transport, address) in [("quic", "/ip4/0.0.0.0/udp/4077/quic-v1"), ("tcp", "/ip4/0.0.0.0/tcp/4077")] {
        let folder = tempfile::tempdir()?;
        let (hosts, pump) = TwoHosts::over_pump(SEED)?;
        let person = |host: usize, login: &str| {
            let recipe = hosts.recipe_listening(host, login, folder.path(), &[address]);
            Person::new(&recipe, login, login)
        };
        let (alice, bob) = (person(0, "alice")?, person(1, "bob")?);
        let chat = befriend(&bob, &alice)?;
        alice.wait_online(&bob)?;
        pump.set(&Conditions::round_trip(ROUND_TRIP).losing(LOSS));
        for time in latencies(&alice, &bob, &chat)? {
            say(&format!("{transport} {}", time.as_micros()))?;
        }
    }
    Ok(())
}

/// Writes one message after the other, and looks for lost and doubled ones at the end.
fn latencies(alice: &Person, bob: &Person, chat: &str) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut sent = Vec::new();
    for n in 0..WARM_UP + MESSAGES {
        let text = format!("{n:0>LENGTH$}");
        let begun = Instant::now();
        alice.call("message.send", json!({ "chat_id": chat, "text": text }))?;
        bob.node.wait_event("message.received", PATIENCE, |event| event["message"]["body"]["text"] == text.as_str())?;
        if n >= WARM_UP {
            times.push(begun.elapsed());
        }
        sent.push(text);
        thread::sleep(PAUSE);
    }
    let history = bob.history(chat)?;
    let shown: Vec<&str> = history.iter().filter_map(|row| row["body"]["text"].as_str()).collect();
    ensure!(shown == sent, "{} messages were sent, {} are shown, or their order is another", sent.len(), shown.len());
    let twice = bob.node.take_events().into_iter().find(|event| event["kind"] == "message.received");
    ensure!(twice.is_none(), "announced twice: {}", twice.unwrap_or_default());
    let ids: BTreeSet<&str> = history.iter().filter_map(|row| row["message_id"].as_str()).collect();
    ensure!(ids.len() == sent.len(), "{} ids for {} messages", ids.len(), sent.len());
    times.first().context("no message")?;
    Ok(times)
}
