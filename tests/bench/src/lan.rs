//! Two hosts on a wire of their own, without a default route, that start cold and find each other.
//!
//! The program runs itself again inside network and mount namespaces, and reads the times that it prints there.

use crate::table::{Row, Times, Verdict, ms, say};
use anyhow::{Context, Result};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::{PATIENCE, Person};
use veche_lab::node::Recipe;
use veche_lab::world::{TwoHosts, inside, run};

/// Tells the second run what it is for.
pub const ARGUMENT: &str = "lan-inside";
/// Begins a line with a time in microseconds.
const TIME: &str = "online after ";
/// Cold starts of both.
const ROUNDS: usize = 7;

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let row = |figure, beside, verdict| Row {
        number: "9",
        what: "LAN: two cold starts in two namespaces to \"contact online\" at both",
        figure,
        beside,
        target: "p50 <= 1 s".to_owned(),
        verdict,
    };
    let own = std::env::current_exe()?;
    let own = own.to_string_lossy();
    // Root needs no user namespace, and another user may be refused one.
    let said = run("unshare", &["--net", "--mount", "--", "env", "VECHE_LAB_INSIDE=1", &own, ARGUMENT]);
    let said = match said {
        Ok(said) => said,
        Err(why) => {
            let why = format!("{why:#}");
            let why = why.lines().next().unwrap_or_default().replace('|', "/");
            return Ok(vec![row("-".to_owned(), why, Verdict::Skipped)]);
        }
    };
    let times = said.lines().filter_map(|line| line.strip_prefix(TIME)?.parse().ok()).map(Duration::from_micros).collect::<Vec<_>>();
    let times = Times::from(times);
    let met = times.count() == ROUNDS && times.at(50) <= Duration::from_secs(1);
    let figure = format!("p50 {}, {} to {}", ms(times.at(50)), ms(times.shortest()), ms(times.longest()));
    Ok(vec![row(figure, format!("{ROUNDS} rounds; starts of both processes included"), Verdict::of(met))])
}

/// The part inside.
pub fn run_inside() -> Result<()> {
    // Sets the namespaces up; where we are is known.
    inside(ARGUMENT, &[])?;
    let folder = tempfile::tempdir()?;
    let hosts = TwoHosts::new()?;
    let [one, two] = &hosts.names;
    let recipe = |name: &str, host: &str| Recipe { namespace: Some(host.to_owned()), ..Recipe::new(name, folder.path()).with(["--lan"]) };
    let alice = Person::new(&recipe("alice", one), "alice", "Alice")?;
    let bob = Person::new(&recipe("bob", two), "bob", "Bob")?;
    alice.call("directory.lookup", json!({ "login": "bob", "timeout_ms": 20_000 }))?;
    alice.call("contact.request", json!({ "account_id": bob.account, "text": "Is it you?" }))?;
    bob.node.wait_event("contact.requested", PATIENCE * 2, |event| event["request"]["account_id"] == alice.account.as_str())?;
    bob.call("contact.accept", json!({ "account_id": alice.account }))?;
    alice.node.wait_event("contact.changed", PATIENCE, |event| event["relation"] == "contact")?;
    let mut absent = (alice.leave()?, bob.leave()?);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let (alice, bob) = thread::scope(|scope| {
            let alice = scope.spawn(|| absent.0.back());
            let bob = absent.1.back();
            alice.join().ok().context("the thread that starts Alice panicked").map(|alice| (alice, bob))
        })?;
        let (alice, bob) = (alice?, bob?);
        alice.wait_online(&bob)?;
        bob.wait_online(&alice)?;
        say(&format!("{TIME}{}", begun.elapsed().as_micros()))?;
        absent = (alice.leave()?, bob.leave()?);
    }
    Ok(())
}
