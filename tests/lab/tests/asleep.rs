//! Two people who are never online together, and the operator's node that keeps what one writes to the other.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use veche_lab::cast::{Person, befriend, free_port};
use veche_lab::node::Recipe;
use veche_lab::operator::{Operator, Stand};
use veche_lab::{tell, until};

/// Messages written to somebody who sleeps.
const LETTERS: usize = 50;
/// Longest wait for all of them. A moment is enough; a loaded machine may need more.
const PATIENCE: Duration = Duration::from_secs(30);

/// The texts of a conversation that are letters, oldest first.
fn letters(person: &Person, chat: &str) -> Result<Vec<String>> {
    let texts = person.history(chat)?.into_iter().filter_map(|message| message["body"]["text"].as_str().map(ToOwned::to_owned));
    Ok(texts.filter(|text| text.starts_with("letter ")).collect())
}

#[test]
fn what_is_written_to_somebody_asleep_is_with_them_when_they_wake_though_the_writer_is_gone() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let folder = tempfile::tempdir()?;
    let operator = Operator::start(&Stand::on_loopback("operator", [free_port()?, free_port()?], folder.path()))?;
    let person = |login: &str, name: &str| -> Result<Person> {
        Person::new(&Recipe::new(login, folder.path()).on_loopback(free_port()?).with(Operator::args([&operator])), login, name)
    };
    let (alice, bob) = (person("alice", "Alice")?, person("bob", "Bob")?);
    let chat = befriend(&bob, &alice)?;
    // A queue for each direction; what is said after they were made follows the keys to them.
    operator.wait_metric("veche_mailbox_queues", PATIENCE, |queues| queues >= 2)?;
    bob.say(&chat, "good night")?;
    alice.hear("good night")?;
    let account = bob.account.clone();
    let bob = bob.leave()?;
    alice.wait_offline(&account)?;

    let written: Vec<String> = (0..LETTERS).map(|n| format!("letter {n} about the summer house")).collect();
    let ids = written.iter().map(|letter| alice.say(&chat, letter)).collect::<Result<Vec<_>>>()?;
    for id in &ids {
        alice.wait_state(id, "held")?;
    }
    let why = alice.call("network.diagnose", json!({ "chat_id": chat }))?;
    ensure!(why[0]["kind"] == "held", "the reason is told wrongly: {why}");
    let readable = operator.knows(&["about the summer house", "good night"])?;
    ensure!(readable.is_empty(), "the operator could read {readable:?}");
    let alice = alice.leave()?;
    // What the node acknowledged is on its disk.
    let operator = Operator::start(&operator.kill9()?)?;

    let began = Instant::now();
    let bob = bob.back()?;
    until("every letter", PATIENCE, || {
        let here = letters(&bob, &chat)?.len();
        Ok(if here == LETTERS { Ok(()) } else { Err(format!("{here} of {LETTERS} are here")) })
    })?;
    tell(&format!("{LETTERS} letters were there {:.1?} after the start of a node whose writer was gone", began.elapsed()));
    ensure!(letters(&bob, &chat)? == written, "not in order");

    let alice = alice.back()?;
    for id in &ids {
        alice.wait_state(id, "delivered")?;
    }
    let states = |message: &Value| message["state"].as_str().map(ToOwned::to_owned);
    let left: Vec<_> = alice.history(&chat)?.iter().filter(|message| message["mine"] == true).filter_map(states).collect();
    ensure!(left.iter().all(|state| state == "delivered" || state == "read"), "what is shown differs: {left:?}");
    operator.end()?;
    Ok(())
}
