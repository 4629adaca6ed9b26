//! `make demo`: three people without windows meet, talk, are killed and come back with everything, told in plain words.
#![allow(clippy::print_stdout, reason = "telling is what this program is for")]

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Instant;
use veche_lab::cast::{Absent, Person, befriend};

fn main() -> ExitCode {
    let started = Instant::now();
    match tell() {
        Ok(()) => {
            println!("\nEverything was as it should be. It took {:.1} seconds.", started.elapsed().as_secs_f32());
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("\nSomething went differently: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn chapter(title: &str) {
    println!("\n{title}");
}

fn tell() -> Result<()> {
    println!("Three people, each with a node of their own on this computer. There is no server between them.");
    let folder = tempfile::tempdir()?;

    chapter("They make accounts. Keys are made here and registered nowhere.");
    let alice = arrive("alice", "Alice", &folder)?;
    let bob = arrive("bob", "Bob", &folder)?;
    let carol = arrive("carol", "Carol", &folder)?;

    chapter("They become contacts. One shows a link, the other asks with it, the first says yes.");
    let with_bob = meet(&bob, &alice)?;
    let with_carol = meet(&carol, &alice)?;
    let bob_and_carol = meet(&carol, &bob)?;

    chapter("They talk. Each message is sealed for the other's device; a tick means that it is on the other's disk.");
    converse(&with_bob, &[(&bob, &alice, "Hello Alice, do you hear me?"), (&alice, &bob, "Loud and clear. Nobody else does.")])?;
    converse(&with_carol, &[(&carol, &alice, "Shall we meet at eight?"), (&alice, &carol, "At eight, under the clock.")])?;
    converse(&bob_and_carol, &[(&bob, &carol, "Alice says eight o'clock."), (&carol, &bob, "I know, she told me.")])?;

    chapter("Carol's node is killed, as when the power goes (kill -9). Alice writes to her all the same.");
    let carol_account = carol.account.clone();
    let carol = leave(carol)?;
    let waiting = alice.say(&with_carol, "Bring an umbrella.")?;
    let state = alice.call("message.state", json!({ "message_id": waiting }))?["state"].clone();
    ensure!(state == "queued", "a message to somebody who is away is {state}");
    println!("  Alice to Carol: Bring an umbrella.  [waits on Alice's disk]");
    let noticed = Instant::now();
    alice.wait_offline(&carol_account)?;
    println!("  Alice's node notices that Carol is away ({:.1} s).", noticed.elapsed().as_secs_f32());
    for finding in alice.call("network.diagnose", json!({ "chat_id": with_carol }))?.as_array().into_iter().flatten().take(1) {
        println!("  Asked why it is not delivered, Alice's node says: {}", finding["text"].as_str().unwrap_or_default());
    }
    let carol = come_back(carol)?;
    alice.wait_state(&waiting, "delivered")?;
    println!("  Carol is back; the message has reached her.");

    chapter("Now all three are killed in the middle of a sentence, and started again.");
    let last = bob.say(&with_bob, "One more thing:")?;
    let before = [history(&alice, &with_bob)?, history(&bob, &with_bob)?, history(&carol, &with_carol)?, history(&carol, &bob_and_carol)?];
    let (alice, bob, carol) = (leave(alice)?, leave(bob)?, leave(carol)?);
    println!("  No node is running.");
    let (alice, bob, carol) = (come_back(alice)?, come_back(bob)?, come_back(carol)?);
    bob.wait_state(&last, "delivered")?;
    let after = [history(&alice, &with_bob)?, history(&bob, &with_bob)?, history(&carol, &with_carol)?, history(&carol, &bob_and_carol)?];
    ensure!(after[0].last().is_some_and(|text| text == "One more thing:"), "the interrupted sentence has not arrived");
    for (before, after) in before.iter().zip(&after) {
        ensure!(after.starts_with(before), "before: {before:?}, after: {after:?}");
    }
    for (one, other, chat) in [(&alice, &bob, &with_bob), (&alice, &carol, &with_carol), (&bob, &carol, &bob_and_carol)] {
        let (here, there) = (history(one, chat)?, history(other, chat)?);
        ensure!(here == there, "{} has {here:?}, {} has {there:?}", one.login, other.login);
        println!("  {} and {} have the same {} messages, in the same order.", name(one), name(other), here.len());
    }

    chapter("They talk on as if nothing had happened.");
    converse(&with_bob, &[(&bob, &alice, "Are you still there?"), (&alice, &bob, "With everything we ever said.")])?;
    for person in [alice, bob, carol] {
        person.node.shutdown()?;
    }
    Ok(())
}

/// Starts a node and makes an account.
fn arrive(login: &str, called: &str, folder: &tempfile::TempDir) -> Result<Person> {
    let started = Instant::now();
    let person = Person::on_loopback(login, called, folder.path())?;
    let words: Vec<&str> = person.words.split(' ').collect();
    let [first, second, ..] = words.as_slice() else { bail!("there are no recovery words") };
    println!(
        "  {called} is {login}#{} ({:.1} s). Twelve words restore the account; they begin: {first} {second} …",
        person.tag,
        started.elapsed().as_secs_f32()
    );
    Ok(person)
}

fn meet(asking: &Person, asked: &Person) -> Result<String> {
    let started = Instant::now();
    let chat = befriend(asking, asked)?;
    println!("  {} asked {}; they are contacts now ({:.1} s).", name(asking), name(asked), started.elapsed().as_secs_f32());
    Ok(chat)
}

fn converse(chat: &str, lines: &[(&Person, &Person, &str)]) -> Result<()> {
    for (from, to, said) in lines {
        let started = Instant::now();
        let message = from.say(chat, said)?;
        to.hear(said)?;
        let took = started.elapsed();
        from.wait_state(&message, "delivered")?;
        println!("  {} to {}: {said}  [there after {:.1} ms ✓✓]", name(from), name(to), took.as_secs_f64() * 1000.0);
    }
    Ok(())
}

fn leave(person: Person) -> Result<Absent> {
    println!("  {}'s node is gone.", name(&person));
    person.vanish()
}

fn come_back(absent: Absent) -> Result<Person> {
    let started = Instant::now();
    let person = absent.back()?;
    let shown = person.call("account.show", json!({}))?;
    ensure!(shown["account_id"] == person.account.as_str(), "another account came back: {shown}");
    println!("  {}'s node is back ({:.1} s).", name(&person), started.elapsed().as_secs_f32());
    Ok(person)
}

/// The texts of a conversation.
fn history(person: &Person, chat: &str) -> Result<Vec<String>> {
    let rows = person.history(chat)?;
    Ok(rows.iter().filter_map(|row: &Value| row["body"]["text"].as_str().map(str::to_owned)).collect())
}

fn name(person: &Person) -> String {
    let mut letters = person.login.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
