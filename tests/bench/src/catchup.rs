//! A device that was away meets one that has everything: how long until it has everything too, and what that costs on the wire.
//!
//! The program runs itself again inside a network namespace, where the counters of the loopback device count these two nodes only.

use crate::profile::{self, away};
use crate::table::{Row, Verdict, mib, ms, say};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::free_port;
use veche_lab::node::{Node, Recipe};
use veche_lab::world::{inside, run};

/// Tells the second run what it is for.
pub const ARGUMENT: &str = "catchup-inside";
/// Begins a line with the figures.
const FIGURES: &str = "caught up: ";
/// Longest wait.
const PATIENCE: Duration = Duration::from_secs(180);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Messages of a page.
const PAGE: usize = 50;
/// What is promised.
const WHOLE: Duration = Duration::from_secs(6);
const NEWEST: Duration = Duration::from_millis(300);
const OVERHEAD: f64 = 1.25;

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let away = away::open()?;
    let own = std::env::current_exe()?;
    let said = run("unshare", &["--net", "--mount", "--", "env", "VECHE_LAB_INSIDE=1", &own.to_string_lossy(), ARGUMENT]);
    let what = "catching up with 100,000 entries that three devices of two people wrote in ten days";
    let said = match said {
        Ok(said) => said,
        Err(why) if why.to_string().contains("unshare failed") => {
            let why = why.to_string().replace('|', "/");
            let beside = why.lines().next().unwrap_or_default().to_owned();
            let target = format!("<= {}", ms(WHOLE));
            return Ok(vec![Row { number: "4", what, figure: "-".to_owned(), beside, target, verdict: Verdict::Skipped }]);
        }
        Err(why) => return Err(why),
    };
    let figures = said.lines().find_map(|line| line.strip_prefix(FIGURES)).context("no figures")?;
    let figures: Vec<u64> = figures.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [whole, newest, wire, sender, receiver] = figures[..] else { bail!("other figures: {figures:?}") };
    let (whole, newest) = (Duration::from_millis(whole), Duration::from_millis(newest));
    let rate = away::MESSAGES as f64 / whole.as_secs_f64();
    let ratio = wire as f64 / away.payload as f64;
    let each = |cpu: u64| cpu as f64 * 1000.0 / away::MESSAGES as f64;
    Ok(vec![
        Row {
            number: "4",
            what,
            figure: format!("{:.1} s, {rate:.0} entries/s", whole.as_secs_f64()),
            beside: format!("processor per entry: sender {:.0} µs, receiver {:.0} µs, on {} cores", each(sender), each(receiver), cores()),
            target: format!("<= {} s", WHOLE.as_secs()),
            verdict: Verdict::of(whole <= WHOLE),
        },
        Row {
            number: "4",
            what: "the newest 50 of them",
            figure: ms(newest),
            beside: "oldest first: what an entry refers to comes before it".to_owned(),
            target: format!("<= {}", ms(NEWEST)),
            verdict: Verdict::of(newest <= NEWEST),
        },
        Row {
            number: "4",
            what: "bytes on the wire for that, both ways, with every header",
            figure: format!("{:.1} MiB, {ratio:.2} times the entries", mib(wire)),
            beside: format!("the entries: {:.1} MiB, {} B each", mib(away.payload), away.payload / away::MESSAGES),
            target: format!("<= {OVERHEAD} times and headers"),
            verdict: Verdict::of(ratio <= OVERHEAD),
        },
    ])
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The part inside.
pub fn run_inside() -> Result<()> {
    // Sets the namespaces up; where we are is known.
    inside(ARGUMENT, &[])?;
    let away = away::open()?;
    let folder = tempfile::tempdir()?;
    profile::copy(&away.full, &folder.path().join("alice"))?;
    profile::copy(&away.empty, &folder.path().join("bob"))?;
    let start = |name: &str| -> Result<Node> { Node::start(&Recipe::new(name, folder.path()).on_loopback(free_port()?)) };
    let (alice, bob) = (start("alice")?, start("bob")?);
    let chat = away.chat.to_text();
    let page = |node: &Node| node.call("chat.history", json!({ "chat_id": chat, "limit": PAGE }));
    let newest = ids(&page(&alice)?);
    ensure!(newest.len() == PAGE, "the full profile has messages");
    // Every message would be told; only what is looked at here should cost.
    for node in [&alice, &bob] {
        node.call("events.subscribe", json!({ "kinds": [] }))?;
    }
    // Slow hashes and what else a start begins are over.
    thread::sleep(Duration::from_secs(2));
    let before = (loopback()?, alice.usage()?, bob.usage()?);
    let address = alice.call("network.status", json!({}))?["listen"][0].clone();
    let begun = Instant::now();
    bob.call("network.add_peer", json!({ "multiaddr": address }))?;
    let mut shown = None;
    let whole = loop {
        thread::sleep(LOOK);
        let at = begun.elapsed();
        if shown.is_none() && ids(&page(&bob)?) == newest {
            shown = Some(at);
        }
        let chats = bob.call("chat.list", json!({}))?;
        if shown.is_some() && chats[0]["missing"] == 0 {
            break at;
        }
        ensure!(at < PATIENCE, "after {PATIENCE:?} there are still {} missing", chats[0]["missing"]);
    };
    let after = (loopback()?, alice.usage()?, bob.usage()?);
    let count = count(&bob, &chat)?;
    ensure!(count > away::MESSAGES, "{count} messages are there");
    let newest = shown.unwrap_or(whole).as_millis();
    let (sender, receiver) = (after.1.cpu.saturating_sub(before.1.cpu), after.2.cpu.saturating_sub(before.2.cpu));
    let figures = [whole.as_millis(), newest, u128::from(after.0.saturating_sub(before.0)), sender.as_millis(), receiver.as_millis()];
    say(&format!("{FIGURES}{}", figures.map(|figure| figure.to_string()).join(" ")))
}

fn ids(page: &Value) -> Vec<String> {
    page.as_array().into_iter().flatten().filter_map(|message| message["message_id"].as_str().map(str::to_owned)).collect()
}

/// Every message of the conversation, read page by page.
fn count(node: &Node, chat: &str) -> Result<u64> {
    let (mut count, mut before) = (0, Value::Null);
    loop {
        let page = node.call("chat.history", json!({ "chat_id": chat, "limit": 500, "before": before }))?;
        let page = page.as_array().context("a list")?;
        let Some(first) = page.first() else { return Ok(count) };
        count += page.len() as u64;
        before = first["message_id"].clone();
    }
}

/// Bytes that the loopback device of this namespace has carried.
fn loopback() -> Result<u64> {
    let devices = fs::read_to_string("/proc/self/net/dev")?;
    let line = devices.lines().find_map(|line| line.trim().strip_prefix("lo:")).context("no loopback device")?;
    Ok(line.split_whitespace().next().context("no counters")?.parse()?)
}
