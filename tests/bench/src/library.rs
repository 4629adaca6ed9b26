//! A node with a million messages: how it starts, and how it finds something.

use crate::profile::library;
use crate::table::{Row, Times, Verdict, mib, ms};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use veche_lab::cast::free_port;
use veche_lab::node::{Node, Recipe};
use veche_node::store::keyfile::{KeyFile, Unlock};
use veche_node::store::open::Profile;
use veche_node::store::vault::Scan;
use veche_protocol::history::keys;
use veche_protocol::ids::{ChanId, EntryId, SpaceId};
use veche_protocol::store::{Dir, Table};
use veche_protocol::view::Hlc;

/// Starts of a node.
const STARTS: usize = 5;
/// Searches for a frequent word.
const SEARCHES: usize = 50;
/// Hits that a search stops at.
const HITS: usize = 50;
/// Searches for a word that is nowhere, and plain scans, in turn.
const WHOLE: usize = 2;

/// Measures.
pub fn rows() -> Result<Vec<Row>> {
    let profile = library::open()?;
    let mut rows = starts(&profile)?;
    rows.extend(searches(&profile)?);
    Ok(rows)
}

fn start(profile: &Path) -> Result<Node> {
    let mut recipe = Recipe::new("alice", Path::new("")).on_loopback(free_port()?);
    recipe.profile = profile.to_owned();
    Node::start(&recipe)
}

/// What a node that was just started has to show: its list, and the newest page of the first conversation.
fn look(node: &Node) -> Result<()> {
    let chats = node.call("chat.list", json!({}))?;
    let page = node.call("chat.history", json!({ "chat_id": chats[0]["chat_id"], "limit": 50 }))?;
    ensure!(chats.as_array().is_some_and(|chats| !chats.is_empty()), "no conversations");
    ensure!(page.as_array().is_some_and(|page| page.len() == 50), "no page");
    Ok(())
}

fn starts(profile: &Path) -> Result<Vec<Row>> {
    let (mut answers, mut pages, mut memory) = (Vec::new(), Vec::new(), 0);
    for _ in 0..STARTS {
        let begun = Instant::now();
        let node = start(profile)?;
        node.call("node.version", json!({}))?;
        answers.push(begun.elapsed());
        look(&node)?;
        pages.push(begun.elapsed());
        memory = node.usage()?.rss.max(memory);
        node.shutdown()?;
    }
    let (answers, pages) = (Times::from(answers), Times::from(pages));
    let beside = format!("{} messages in {} conversations; {STARTS} starts", library::MESSAGES, library::CHATS);
    Ok(vec![Row {
        number: "5",
        what: "process start of a node to its list of conversations and the newest 50 messages of the first",
        figure: format!("p50 {}, longest {}", ms(pages.at(50)), ms(pages.longest())),
        beside: format!("{beside}; first answer p50 {}, memory after that {:.1} MiB", ms(answers.at(50)), mib(memory)),
        target: "<= 300 ms".to_owned(),
        verdict: Verdict::of(pages.at(50) <= Duration::from_millis(300)),
    }])
}

fn find(node: &Node, word: &str) -> Result<(usize, Duration)> {
    let begun = Instant::now();
    let hits = node.call("message.search", json!({ "query": word, "limit": HITS }))?;
    Ok((hits.as_array().map_or(0, Vec::len), begun.elapsed()))
}

fn searches(profile: &Path) -> Result<Vec<Row>> {
    let (frequent, nowhere) = library::words();
    let (mut newest, mut whole, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = 0;
    for round in 0..WHOLE {
        let node = start(profile)?;
        if round == 0 {
            for _ in 0..SEARCHES {
                let (hits, took) = find(&node, &frequent)?;
                ensure!(hits == HITS, "{hits} hits of a word that is in every third message");
                newest.push(took);
            }
        }
        let (hits, took) = find(&node, nowhere)?;
        ensure!(hits == 0, "{hits} hits of a word that is nowhere");
        whole.push(took);
        let chats = node.call("chat.list", json!({}))?;
        node.shutdown()?;
        let (count, took) = scan(profile, &chats)?;
        ensure!(count >= library::MESSAGES, "{count} messages were scanned");
        rows = count;
        plain.push(took);
    }
    let (newest, whole, plain) = (Times::from(newest), Times::from(whole), Times::from(plain));
    let ratio = whole.shortest().as_secs_f64() / plain.shortest().as_secs_f64();
    Ok(vec![
        Row {
            number: "6",
            what: "search of all conversations for a frequent word: call to the answer with the newest 50 hits",
            figure: format!("p50 {}, longest {}", ms(newest.at(50)), ms(newest.longest())),
            beside: format!("{rows} messages in {} conversations; {SEARCHES} searches", library::CHATS),
            target: "p50 <= 20 ms".to_owned(),
            verdict: Verdict::of(newest.at(50) <= Duration::from_millis(20)),
        },
        Row {
            number: "6",
            what: "search of all conversations for a word that is nowhere",
            figure: format!("{:.2} s, {ratio:.2} times the plain scan", whole.shortest().as_secs_f64()),
            beside: format!(
                "opening every row of the same timelines and looking at none: {:.2} s; the best of {WHOLE}, in turn",
                plain.shortest().as_secs_f64()
            ),
            target: "<= 1.5 times".to_owned(),
            verdict: Verdict::of(ratio <= 1.5),
        },
    ])
}

/// Opens every row of every timeline, as a search has to, and nothing more.
fn scan(profile: &Path, chats: &Value) -> Result<(u64, Duration)> {
    let profile = Profile::lock(profile)?;
    let keyfile = KeyFile::load(profile.dir())?;
    let vault = profile.open(&keyfile.unlock(Unlock::Plain)?, keyfile.database())?;
    let mut rows = 0;
    let begun = Instant::now();
    for chat in chats.as_array().context("a list")? {
        let chat = SpaceId::from_text(chat["chat_id"].as_str().context("an id")?)?;
        let scope = keys::timeline_key(chat, ChanId::MAIN, Hlc(0), EntryId([0; 32])).scope;
        let all = Scan { table: Table::Timeline, scope, from: Vec::new(), to: None, dir: Dir::Backward };
        vault.scan(&all, &mut |_, _| {
            rows += 1;
            true
        })?;
    }
    Ok((rows, begun.elapsed()))
}
