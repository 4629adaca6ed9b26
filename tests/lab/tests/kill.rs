//! Both ends are killed at random moments while they write; afterwards nothing is lost, doubled or out of order.
//!
//! `VECHE_KILL_ROUNDS` says how often (8), `VECHE_SEED` repeats the choices of a failure.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use veche_lab::cast::{Person, befriend};
use veche_lab::chance::Chance;
use veche_lab::checker::Ledger;
use veche_lab::node::Node;

/// Pause between two messages of one author: a fast typist with a bot's patience.
const PAUSE: Duration = Duration::from_millis(4);

/// What one author did in a round.
#[derive(Default)]
struct Wrote {
    tried: Vec<String>,
    acknowledged: Vec<(String, String)>,
    next: u64,
}

/// Writes until told to stop or until the node is gone.
fn write(person: &Person, chat: &str, mut next: u64, stop: &AtomicBool) -> Result<Wrote> {
    let mut wrote = Wrote::default();
    while !stop.load(Ordering::Relaxed) {
        let text = format!("{} {next}", person.login);
        next += 1;
        wrote.tried.push(text.clone());
        match person.call("message.send", json!({ "chat_id": chat, "text": text })) {
            Ok(sent) => wrote.acknowledged.push((sent["message_id"].as_str().context("no id")?.to_owned(), text)),
            Err(why) if why.kind == "gone" => break,
            Err(why) => return Err(why.into()),
        }
        thread::sleep(PAUSE);
    }
    wrote.next = next;
    Ok(wrote)
}

#[test]
fn nothing_is_lost_doubled_or_disordered_when_both_ends_are_killed_again_and_again() -> Result<()> {
    let _turn = veche_lab::turn()?;
    let rounds: u32 = std::env::var("VECHE_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let seed = Chance::seed();
    kill_and_check(rounds, &mut Chance::new(seed)).with_context(|| format!("VECHE_SEED={seed} VECHE_KILL_ROUNDS={rounds}"))
}

fn kill_and_check(rounds: u32, chance: &mut Chance) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut people = [Person::on_loopback("alice", "Alice", folder.path())?, Person::on_loopback("bob", "Bob", folder.path())?];
    let chat = befriend(&people[1], &people[0])?;
    let mut ledger = Ledger::default();
    let mut next = [0; 2];
    let mut crossed = 0;
    for _ in 0..rounds {
        let stop = AtomicBool::new(false);
        // A round begins with a connection, so that messages are on their way when the axe falls.
        people[0].wait_online(&people[1])?;
        people[1].wait_online(&people[0])?;
        let victims = match chance.below(3) {
            0 => [true, false],
            1 => [false, true],
            _ => [true, true],
        };
        let after = chance.between_ms(20, 600);
        let wrote = thread::scope(|scope| {
            let writers = [0, 1].map(|who| {
                let (person, chat, stop, next) = (&people[who], &chat, &stop, next[who]);
                scope.spawn(move || write(person, chat, next, stop))
            });
            thread::sleep(after);
            for who in (0..2).filter(|who| victims[*who]) {
                kill(&people[who].node)?;
            }
            // The one that is left writes on for a moment into the void.
            thread::sleep(Duration::from_millis(50));
            stop.store(true, Ordering::Relaxed);
            let [one, two] = writers.map(|writer| writer.join().map_err(|_| anyhow::anyhow!("a writer panicked")));
            anyhow::Ok([one??, two??])
        })?;
        for (who, wrote) in wrote.into_iter().enumerate() {
            next[who] = wrote.next;
            ledger.tried.extend(wrote.tried);
            ledger.acknowledged.extend(wrote.acknowledged);
        }
        // What a survivor was told to be delivered is on the other's disk, before the two can talk again.
        let told: [BTreeSet<String>; 2] = [delivered(&people[0], &chat, victims[0])?, delivered(&people[1], &chat, victims[1])?];
        crossed += told.iter().map(BTreeSet::len).sum::<usize>();
        for person in &people {
            ledger.note_announcements(person);
        }
        let [alice, bob] = people.map(Person::vanish);
        let (alice, bob) = (alice?, bob?);
        people = if victims == [true, false] {
            let alice = alice.back()?;
            ledger.check_kept(&alice, &chat, &told[1])?;
            [alice, bob.back()?]
        } else {
            let bob = bob.back()?;
            ledger.check_kept(&bob, &chat, &told[0])?;
            [alice.back()?, bob]
        };
    }
    let shown = ledger.check(&people[0], &people[1], &chat)?;
    for person in &people {
        ledger.note_announcements(person);
    }
    ledger.check(&people[0], &people[1], &chat)?;
    ensure!(shown >= ledger.acknowledged.len(), "{shown} shown");
    let written = ledger.acknowledged.len();
    ensure!(written > 0 && crossed > 0, "{written} written, {crossed} delivered before a kill: nothing was tested");
    eprintln!("{rounds} rounds, {written} messages acknowledged, {shown} shown");
    Ok(())
}

fn kill(node: &Node) -> Result<()> {
    let status = std::process::Command::new("sh").args(["-c", &format!("kill -KILL {}", node.pid())]).status()?;
    ensure!(status.success(), "the signal was not sent");
    Ok(())
}

/// Own messages that somebody who is alive believes to be delivered.
fn delivered(person: &Person, chat: &str, killed: bool) -> Result<BTreeSet<String>> {
    if killed {
        return Ok(BTreeSet::new());
    }
    let history = person.history(chat)?;
    let is_delivered = |row: &&serde_json::Value| row["mine"] == true && (row["state"] == "delivered" || row["state"] == "read");
    Ok(history.iter().filter(is_delivered).filter_map(|row| row["message_id"].as_str().map(str::to_owned)).collect())
}
