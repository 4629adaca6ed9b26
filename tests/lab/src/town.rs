//! Operators' nodes in public, people at homes behind routers, and how two of them meet who know nothing of each other but a login.

use crate::cast::{Person, text};
use crate::nat::{Host, Internet};
use crate::node::Recipe;
use crate::operator::{Operator, Stand};
use crate::until;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest wait for one step of a meeting. Each takes a second or two; proofs of work take minutes on a machine with very much to do.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Relays that hold a place for one node at the same time.
const PLACES: usize = 2;

/// Longest wait for the answers of the directory.
const LOOKUP: Duration = Duration::from_secs(60);

/// Where a claim was made before its owner had a place behind a relay, as on a busy machine, the next one that names it comes a minute later.
const CLAIM: Duration = Duration::from_secs(90);

/// A small internet with operators' nodes. Ends with all that is in it.
pub struct Town {
    /// Its operators' nodes.
    pub operators: Vec<Operator>,
    /// The internet.
    pub internet: Internet,
    /// Where the operators' nodes stand.
    _stations: Vec<Host>,
    folder: TempDir,
}

impl Town {
    /// With so many operators' nodes that know each other, each with these settings. To be called [`crate::world::Place::Inside`].
    ///
    /// # Errors
    /// The system refuses, or a node does not start.
    pub fn new(seed: u64, operators: usize, settings: &str) -> Result<Self> {
        let (mut internet, folder) = (Internet::new(seed)?, tempfile::tempdir()?);
        let stations = (0..operators).map(|_| internet.in_public()).collect::<Result<Vec<_>>>()?;
        let stand = |n: usize, station: &Host| Stand::public(&format!("operator{n}"), &station.namespace, station.address, folder.path());
        let stands: Vec<Stand> = stations.iter().enumerate().map(|(n, station)| stand(n, station)).collect();
        // They are one directory if each names the others, and what a node is called shows once it has run.
        let hints = match stands.as_slice() {
            [_] => vec![Vec::new()],
            several => several.iter().map(hints_of).collect::<Result<Vec<_>>>()?,
        };
        let start = |(n, stand): (usize, &Stand)| {
            let peers: Vec<&String> = hints.iter().enumerate().filter(|(other, _)| *other != n).flat_map(|(_, hints)| hints).collect();
            Operator::start(&stand.clone().with(&format!("peers = {peers:?}\n{settings}")))
        };
        let running = stands.iter().enumerate().map(start).collect::<Result<Vec<_>>>()?;
        Ok(Self { operators: running, internet, _stations: stations, folder })
    }

    /// The folder of its nodes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Somebody new who moves into this home, once their login can be found.
    ///
    /// # Errors
    /// Their node does not start, or the directory does not take the login.
    pub fn settle(&self, home: &Host, login: &str, name: &str) -> Result<Person> {
        self.settle_with(&home.recipe(login, self.folder()), login, name)
    }

    /// The same with a node that is started so.
    ///
    /// # Errors
    /// Their node does not start, or the directory does not take the login.
    pub fn settle_with(&self, recipe: &Recipe, login: &str, name: &str) -> Result<Person> {
        let person = Person::new(recipe, login, name)?;
        for hint in self.operators.iter().flat_map(|operator| &operator.hints) {
            person.call("network.bootstrap_add", json!({ "multiaddr": hint }))?;
        }
        until(&format!("{login} in the directory"), PATIENCE, || {
            let status = person.call("network.status", json!({}))?;
            Ok(if status["published"] == true && is_reachable(&status) { Ok(()) } else { Err(status.to_string()) })
        })?;
        Ok(person)
    }
}

/// Where an operator's node will be, and what it is called.
fn hints_of(stand: &Stand) -> Result<Vec<String>> {
    let operator = Operator::start(stand)?;
    let hints = operator.hints.clone();
    operator.end()?;
    Ok(hints)
}

/// Whether a node has a place behind a relay.
fn is_reachable(status: &Value) -> bool {
    status["listen"].as_array().into_iter().flatten().any(|addr| addr.as_str().is_some_and(|addr| addr.contains("p2p-circuit")))
}

/// Looks somebody up by login. Returns their account.
///
/// # Errors
/// They are not found, or not alone.
pub fn find(seeker: &Person, login: &str) -> Result<String> {
    let wait = u64::try_from(LOOKUP.as_millis())?;
    let found = seeker.call("directory.lookup", json!({ "login": login, "timeout_ms": wait }))?;
    let found = found.as_array().filter(|found| found.len() == 1).with_context(|| format!("{login} was looked for: {found}"))?;
    text(&found[0]["account_id"])
}

/// Asks somebody, by account, with these words, and waits until they see it.
///
/// # Errors
/// It does not arrive.
pub fn ask(asking: &Person, asked: &Person, words: &str) -> Result<()> {
    until("a request that can be sent", CLAIM, || {
        match asking.call("contact.request", json!({ "account_id": asked.account, "text": words })) {
            Err(why) if why.kind == "no_address" => {
                thread::sleep(Duration::from_secs(2));
                find(asking, &asked.login)?;
                Ok(Err(why.to_string()))
            }
            done => {
                done?;
                Ok(Ok(()))
            }
        }
    })?;
    let request =
        asked.node.wait_event("contact.requested", PATIENCE, |event| event["request"]["account_id"] == asking.account.as_str())?;
    ensure!(request["request"]["text"] == words && request["request"]["login"] == asking.login.as_str(), "{request}");
    Ok(())
}

/// Accepts a request, and has the one who asked say the first words. Returns the conversation and the time until they are heard.
///
/// # Errors
/// Something on the way does not happen.
pub fn accept(asking: &Person, asked: &Person, words: &str) -> Result<(String, Duration)> {
    let begun = Instant::now();
    let accepted = asked.call("contact.accept", json!({ "account_id": asking.account }))?;
    let agreed =
        |event: &Value| event["account_id"] == asked.account.as_str() && event["relation"] == "contact" && event["chat_id"].is_string();
    let told = asking.node.wait_event("contact.changed", PATIENCE, agreed)?;
    ensure!(told["chat_id"] == accepted["chat_id"], "two conversations: {told} and {accepted}");
    let chat = text(&told["chat_id"])?;
    let message = asking.say(&chat, words)?;
    hear(asked, words)?;
    let first = begun.elapsed();
    asking.wait_state(&message, "delivered")?;
    Ok((chat, first))
}

/// One message each way. Returns how long both took.
///
/// # Errors
/// One does not arrive.
pub fn talk(one: &Person, other: &Person, chat: &str, about: &str) -> Result<Duration> {
    let begun = Instant::now();
    for (from, to) in [(one, other), (other, one)] {
        let words = format!("{} says {about}", from.login);
        from.say(chat, &words)?;
        hear(to, &words)?;
    }
    Ok(begun.elapsed())
}

fn hear(person: &Person, words: &str) -> Result<()> {
    person
        .node
        .wait_event("message.received", PATIENCE, |event| event["message"]["body"]["text"] == words && event["message"]["mine"] == false)
        .map(drop)
}

/// Everything that makes two people friends: looking for the other's login, asking, being accepted. Returns their conversation.
///
/// # Errors
/// Something on the way does not happen.
pub fn meet(asking: &Person, asked: &Person) -> Result<String> {
    ensure!(find(asking, &asked.login)? == asked.account, "somebody else was found");
    ask(asking, asked, "we have met at the fair")?;
    Ok(accept(asking, asked, "so it was you")?.0)
}

/// Has somebody use these operators, and waits until their login can be found and each operator holds a place for them, or as many as a node
/// leans on.
///
/// # Errors
/// The directory does not take the login, or no operator gives a place.
pub fn use_operators(person: &Person, operators: &[Operator]) -> Result<()> {
    for hint in operators.iter().flat_map(|operator| &operator.hints) {
        person.call("network.bootstrap_add", json!({ "multiaddr": hint }))?;
    }
    until(&format!("{} in the directory", person.login), PATIENCE, || {
        let (status, places) = (person.call("network.status", json!({}))?, places(person)?.len());
        let there = status["published"] == true && places >= operators.len().min(PLACES);
        Ok(if there { Ok(()) } else { Err(status.to_string()) })
    })
}

/// The relays that hold a place for somebody, by their ids.
///
/// # Errors
/// The node refuses.
pub fn places(person: &Person) -> Result<BTreeSet<String>> {
    let status = person.call("network.status", json!({}))?;
    let addrs = status["listen"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let relays = addrs.filter_map(|addr| addr.split_once("/p2p-circuit")?.0.rsplit_once("/p2p/"));
    Ok(relays.map(|(_, relay)| relay.to_owned()).collect())
}
