//! A call between two hosts far from each other: how long it takes from taking it to sound.
//!
//! The program runs itself again inside network and mount namespaces, and reads the times that it prints there.

use crate::table::{Row, Times, Verdict, ms, say};
use anyhow::{Result, ensure};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person, befriend};
use veche_lab::phone::{CONNECT, ring, wait_end, wait_phase};
use veche_lab::pump;
use veche_lab::wire::Conditions;
use veche_lab::world::{TwoHosts, inside, run};

/// Tells the second run what it is for.
pub const ARGUMENT: &str = "far-inside";
/// There and back.
const ROUND_TRIP: Duration = Duration::from_millis(300);
/// Seed of the wire.
const SEED: u64 = 2;
/// Calls.
const CALLS: usize = 7;
/// Round trips from taking a call to sound, and what the machines may take besides.
const ROUND_TRIPS: f64 = 4.5;
const BESIDES: Duration = Duration::from_millis(150);

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let most = ROUND_TRIP.mul_f64(ROUND_TRIPS) + BESIDES;
    let row = |figure, beside, verdict| Row {
        number: "12",
        what: "accepting a call to the first sound of the other played, with 300 ms of round trip",
        figure,
        beside,
        target: format!("<= {ROUND_TRIPS} round trips and {} ({})", ms(BESIDES), ms(most)),
        verdict,
    };
    if let Some(why) = pump::missing() {
        return Ok(vec![row("-".to_owned(), why, Verdict::Skipped)]);
    }
    let own = std::env::current_exe()?;
    let own = own.to_string_lossy();
    if let Err(why) = run("unshare", &["--net", "--mount", "true"]) {
        let why = format!("{why:#}").lines().next().unwrap_or_default().replace('|', "/");
        return Ok(vec![row("-".to_owned(), why, Verdict::Skipped)]);
    }
    let said = run("unshare", &["--net", "--mount", "--", "env", "VECHE_LAB_INSIDE=1", &own, ARGUMENT])?;
    let times = |what: &str| {
        let lines = said.lines().filter_map(|line| line.strip_prefix(what)?.trim().parse().ok());
        Times::from(lines.map(Duration::from_micros).collect::<Vec<_>>())
    };
    let (heard, active) = (times("heard "), times("active "));
    ensure!(heard.count() == CALLS && active.count() == CALLS, "{} and {} of {CALLS} times", heard.count(), active.count());
    let trips = (heard.at(50).as_secs_f64() - BESIDES.as_secs_f64()) / ROUND_TRIP.as_secs_f64();
    let figure = format!("p50 {}, longest {}", ms(heard.at(50)), ms(heard.longest()));
    let beside = format!("{trips:.1} round trips and {}; to \"connected\": p50 {}; {CALLS} calls", ms(BESIDES), ms(active.at(50)));
    Ok(vec![row(figure, beside, Verdict::of(heard.at(50) <= most))])
}

/// The part inside.
///
/// # Errors
/// There are no namespaces, or no calls.
pub fn run_inside() -> Result<()> {
    // Sets the namespaces up; where we are is known.
    inside(ARGUMENT, &[])?;
    let folder = tempfile::tempdir()?;
    let (hosts, pump) = TwoHosts::over_pump(SEED)?;
    let person = |host: usize, login: &str| {
        let recipe = hosts.recipe(host, login, folder.path()).with(["--audio", "tone:300"]);
        Person::new(&recipe, login, login)
    };
    let (alice, bob) = (person(0, "alice")?, person(1, "bob")?);
    befriend(&bob, &alice)?;
    alice.wait_online(&bob)?;
    for person in [&alice, &bob] {
        person.call("settings.set", json!({ "sound": { "transmission": "open", "noise_suppression": "off" } }))?;
    }
    pump.set(&Conditions::round_trip(ROUND_TRIP));
    for _ in 0..CALLS {
        let call = ring(&alice, &bob)?;
        wait_phase(&alice, &call, "ringing")?;
        // Whoever takes a call does so after it rang for a while.
        thread::sleep(Duration::from_secs(1));
        let begun = Instant::now();
        bob.node.ask("call.accept", &json!({ "call_id": call }))?;
        bob.node.wait_event("call.state", CONNECT, |event| event["call_id"] == call.as_str() && event["phase"] == "active")?;
        say(&format!("active {}", begun.elapsed().as_micros()))?;
        bob.node.wait_event("call.speaking", CONNECT, |event| event["account_id"] == alice.account.as_str() && event["on"] == true)?;
        say(&format!("heard {}", begun.elapsed().as_micros()))?;
        alice.call("call.hangup", json!({ "call_id": call }))?;
        wait_end(&alice, &call, PATIENCE)?;
        wait_end(&bob, &call, PATIENCE)?;
        let _ = (alice.node.take_events(), bob.node.take_events());
    }
    Ok(())
}
