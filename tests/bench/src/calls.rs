//! Voice calls between two `veche-node` processes on the loopback device, with files in the place of sound devices.

use crate::table::{Row, Times, Verdict, mib, ms};
use anyhow::{Context, Result};
use serde_json::json;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person, befriend, free_port};
use veche_lab::node::Recipe;
use veche_lab::phone::{CONNECT, Phone, connect, ring, unprocessed, wait_end};
use veche_lab::sound::Clip;

/// Calls whose beginning is timed.
const BEGINNINGS: usize = 15;
/// How long a call is watched.
const TALK: Duration = Duration::from_secs(60);
/// Of a core, in percent: with all processing off, and on.
const MOST: [f64; 2] = [3.0, 6.0];
/// Calls before memory is taken the first time: libraries and allocators have settled.
const WARM_UP: usize = 20;
/// Calls until it is taken again.
const CALLS: usize = 100;

/// Measures.
pub fn rows() -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let length = TALK + Duration::from_secs(20);
    let phones = [Phone::new("alice", Clip::babble(length, 1), folder.path())?, Phone::new("bob", Clip::babble(length, 2), folder.path())?];
    let recipe = |name: &str| -> Result<Recipe> { Ok(Recipe::new(name, folder.path()).on_loopback(free_port()?)) };
    let alice = Person::new(&phones[0].on(recipe("alice")?), "alice", "Alice")?;
    let bob = Person::new(&phones[1].on(recipe("bob")?), "bob", "Bob")?;
    befriend(&alice, &bob)?;
    // A file plays once, from its beginning, whenever the microphone is opened; the first call that is watched gets all of it.
    let processed = talking(&alice, &bob, true)?;
    for person in [&alice, &bob] {
        unprocessed(person)?;
    }
    let plain = talking(&alice, &bob, false)?;
    // From here on a tone, which is there at once and does not end.
    let (alice, bob) = (alice.leave()?, bob.leave()?);
    drop((alice, bob));
    let tone = |name: &str| -> Result<Recipe> { Ok(recipe(name)?.with(["--audio", "tone:300"])) };
    let alice = Person::new(&tone("anna")?, "anna", "Anna")?;
    let bob = Person::new(&tone("boris")?, "boris", "Boris")?;
    befriend(&alice, &bob)?;
    for person in [&alice, &bob] {
        person.call("settings.set", json!({ "sound": { "transmission": "open", "noise_suppression": "off" } }))?;
    }
    Ok(vec![beginning(&alice, &bob)?, processed, plain, many(&alice, &bob)?])
}

/// From the call that accepts to the moment from which the mixer plays the other's voice, at whoever accepts.
fn beginning(alice: &Person, bob: &Person) -> Result<Row> {
    let (mut heard, mut active) = (Vec::new(), Vec::new());
    for _ in 0..BEGINNINGS {
        let call = ring(alice, bob)?;
        thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        bob.node.ask("call.accept", &json!({ "call_id": call }))?;
        bob.node.wait_event("call.state", CONNECT, |event| event["call_id"] == call.as_str() && event["phase"] == "active")?;
        active.push(begun.elapsed());
        bob.node.wait_event("call.speaking", CONNECT, |event| event["account_id"] == alice.account.as_str() && event["on"] == true)?;
        heard.push(begun.elapsed());
        end(alice, bob, &call)?;
    }
    let (heard, active) = (Times::from(heard), Times::from(active));
    Ok(Row {
        number: "12",
        what: "accepting a call to the first sound of the other played",
        figure: format!("p50 {}, longest {}", ms(heard.at(50)), ms(heard.longest())),
        beside: format!("to \"connected\": p50 {}; {} calls; both processes on the same two cores", ms(active.at(50)), heard.count()),
        target: "<= 150 ms on one machine".to_owned(),
        verdict: Verdict::of(heard.at(50) <= Duration::from_millis(150)),
    })
}

/// One call, both talking without a pause, with all processing or with none.
fn talking(alice: &Person, bob: &Person, processed: bool) -> Result<Row> {
    let call = connect(alice, bob)?;
    thread::sleep(Duration::from_secs(2));
    let before = [alice.node.usage()?, bob.node.usage()?];
    let begun = Instant::now();
    thread::sleep(TALK);
    let span = begun.elapsed();
    let after = [alice.node.usage()?, bob.node.usage()?];
    let stats = bob.call("call.stats", json!({ "call_id": call }))?;
    end(alice, bob, &call)?;
    let share = |n: usize| after[n].cpu.saturating_sub(before[n].cpu).as_secs_f64() / span.as_secs_f64() * 100.0;
    let shares = [share(0), share(1)];
    let most = shares[0].max(shares[1]);
    Ok(Row {
        number: "16",
        what: if processed { "processor of one call without a window, all processing on" } else { "the same with all processing off" },
        figure: format!("{:.1} and {:.1} % of a core", shares[0], shares[1]),
        beside: format!(
            "{:.0} s, both talk; {} bits/s sent, mouth to ear {} ms by estimate, memory {:.1} MiB",
            span.as_secs_f64(),
            stats[0]["sent_bps"],
            stats[0]["mouth_to_ear_ms"],
            mib(after[0].rss.max(after[1].rss))
        ),
        target: format!("<= {} % of a core", MOST[usize::from(processed)]),
        verdict: Verdict::of(most <= MOST[usize::from(processed)]),
    })
}

/// Many calls, one after another.
fn many(alice: &Person, bob: &Person) -> Result<Row> {
    let mut before = (0, 0);
    for n in 0..WARM_UP + CALLS {
        if n == WARM_UP {
            before = left(alice)?;
        }
        let call = connect(alice, bob)?;
        end(alice, bob, &call)?;
        let _ = (alice.node.take_events(), bob.node.take_events());
    }
    // What ends a call goes on for a moment.
    thread::sleep(Duration::from_secs(2));
    let after = left(alice)?;
    let grown = after.0.saturating_sub(before.0);
    Ok(Row {
        number: "16",
        what: "memory and open files that a hundred calls leave behind",
        figure: format!("+{:.1} MiB, {:+} files", mib(grown), after.1 as i64 - before.1 as i64),
        beside: format!("{CALLS} calls after {WARM_UP} others; {:.1} MiB and {} files before", mib(before.0), before.1),
        target: "< 5 MB, no file".to_owned(),
        verdict: Verdict::of(grown < 5_000_000 && after.1 <= before.1),
    })
}

/// Memory, bytes, and open files of a node.
fn left(person: &Person) -> Result<(u64, usize)> {
    let files = fs::read_dir(format!("/proc/{}/fd", person.node.pid())).context("this is not Linux")?.count();
    Ok((person.node.usage()?.rss, files))
}

fn end(alice: &Person, bob: &Person, call: &str) -> Result<()> {
    alice.call("call.hangup", json!({ "call_id": call }))?;
    wait_end(alice, call, PATIENCE)?;
    wait_end(bob, call, PATIENCE)?;
    Ok(())
}
