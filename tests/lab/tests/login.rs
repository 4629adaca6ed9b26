//! Two people behind two routers who know nothing of each other but a login, one operator's node, and somebody who records everything.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::cast::Person;
use veche_lab::chance::Chance;
use veche_lab::nat::{Host, Nat};
use veche_lab::town::{PATIENCE, Town, accept, ask, find, talk};
use veche_lab::world::{Capture, Place, inside_with_pump};
use veche_lab::{tell, until};

/// Messages written to somebody who is off.
const LETTERS: usize = 50;
/// For how long it is watched that nothing happens: longer than hole punching takes.
const WATCHED: Duration = Duration::from_secs(4);
/// Somebody who switches on is promised everything that waits within three seconds; a machine with much else to do may take longer.
const THERE: Duration = Duration::from_secs(30);

/// Waits until nobody can say that nothing was going to come: no packet between two homes.
fn nothing_between(capture: &Capture, one: &Host, other: &Host) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < WATCHED {
        let packets = capture.so_far()?.between(one.public, other.public)?;
        ensure!(packets == 0, "{packets} packets went between {} and {}", one.public, other.public);
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn letters(person: &Person, chat: &str) -> Result<Vec<String>> {
    let texts = person.history(chat)?.into_iter().filter_map(|message| message["body"]["text"].as_str().map(ToOwned::to_owned));
    Ok(texts.filter(|text| text.starts_with("letter ")).collect())
}

#[test]
fn by_nothing_but_a_login_two_homes_come_together_and_nobody_reads_along() -> Result<()> {
    if inside_with_pump("by_nothing_but_a_login_two_homes_come_together_and_nobody_reads_along", &["nft", "tcpdump"])? == Place::Done {
        return Ok(());
    }
    let mut town = Town::new(Chance::seed(), 1, "")?;
    let capture = town.internet.record()?;
    let (home, flat) = (town.internet.behind(Nat::Moderate)?, town.internet.behind(Nat::Open)?);
    let anna = town.settle(&home, "xochipilli", "Anna Nezahualcoyotl")?;
    let boris = town.settle(&flat, "quetzalcoatl", "Boris Moctezuma")?;

    let begun = Instant::now();
    ensure!(find(&anna, "quetzalcoatl")? == boris.account, "somebody else was found");
    let found = begun.elapsed();
    ask(&anna, &boris, "the tall one from the quarry")?;
    let asked = begun.elapsed() - found;
    nothing_between(&capture, &home, &flat)?;
    let (chat, first) = accept(&anna, &boris, "the treasure is under the third stone")?;
    let accepted = Instant::now();
    talk(&anna, &boris, &chat, "good evening")?;
    for (one, other) in [(&anna, &boris), (&boris, &anna)] {
        one.wait_route(&other.account, "direct", PATIENCE)?;
    }
    let direct = first + accepted.elapsed();
    let before = capture.so_far()?.between(home.public, flat.public)?;
    talk(&boris, &anna, &chat, "now from house to house")?;
    until("packets from house to house", PATIENCE, || {
        let packets = capture.so_far()?.between(home.public, flat.public)?;
        Ok(if packets > before { Ok(()) } else { Err(format!("{packets}, and {before} before")) })
    })?;
    tell(&format!("found in {found:.0?}, asked in {asked:.0?}, first message {first:.0?} after the acceptance, direct after {direct:.0?}"));

    let account = boris.account.clone();
    let boris = boris.leave()?;
    anna.wait_offline(&account)?;
    let written: Vec<String> = (0..LETTERS).map(|n| format!("letter {n} about the quarry")).collect();
    let ids = written.iter().map(|letter| anna.say(&chat, letter)).collect::<Result<Vec<_>>>()?;
    for id in &ids {
        anna.wait_state(id, "held")?;
    }
    let anna = anna.leave()?;
    let begun = Instant::now();
    let boris = boris.back()?;
    until("every letter", PATIENCE, || {
        let here = letters(&boris, &chat)?.len();
        Ok(if here == LETTERS { Ok(()) } else { Err(format!("{here} of {LETTERS} are here")) })
    })?;
    let there = begun.elapsed();
    tell(&format!("{LETTERS} letters were there {there:.0?} after the start"));
    ensure!(letters(&boris, &chat)? == written, "not in order");
    ensure!(there <= THERE, "{LETTERS} letters took {there:?}");
    let anna = anna.back()?;
    for id in &ids {
        anna.wait_state(id, "delivered")?;
    }
    boris.wait_online(&anna)?;
    let unsettled = |person: &Person| -> Result<Vec<String>> {
        let own = person.history(&chat)?.into_iter().filter(|message| message["mine"] == true);
        Ok(own.filter(|message| message["state"] != "delivered" && message["state"] != "read").map(|message| message.to_string()).collect())
    };
    for person in [&anna, &boris] {
        until("everything delivered", PATIENCE, || {
            let left = unsettled(person)?;
            Ok(if left.is_empty() { Ok(()) } else { Err(format!("{} has {left:?}", person.login)) })
        })?;
    }

    let operator = &town.operators[0];
    let words = ["third stone", "the quarry", "good evening", "house to house"];
    let readable = operator.knows(&words)?;
    ensure!(readable.is_empty(), "the operator could read {readable:?}");
    // The directory is public, and says so: what stands there can be found in its memory, so the search finds what is there.
    ensure!(operator.knows(&["quetzalcoatl"])? == ["quetzalcoatl"], "the search in the operator's memory is blind");
    let packets = capture.finish()?;
    ensure!(packets.len() > 100_000, "{} bytes of all this", packets.len());
    let ids = [&anna.account, &boris.account, &chat].map(String::as_str);
    for secret in words.into_iter().chain(["xochipilli", "quetzalcoatl", "Nezahualcoyotl", "Moctezuma"]).chain(ids) {
        ensure!(!packets.shows(secret), "`{secret}` can be read on the wire");
    }
    Ok(())
}

#[test]
fn whoever_asks_learns_no_address_before_the_answer() -> Result<()> {
    if inside_with_pump("whoever_asks_learns_no_address_before_the_answer", &["nft", "tcpdump"])? == Place::Done {
        return Ok(());
    }
    let mut town = Town::new(Chance::seed(), 1, "")?;
    let capture = town.internet.record()?;
    // The one who is asked could be dialled by everybody; so could the one who asks.
    let (corner, shop) = (town.internet.behind(Nat::None)?, town.internet.behind(Nat::None)?);
    let mallory = town.settle(&corner, "mallory", "Mallory")?;
    let boris = town.settle(&shop, "boris", "Boris")?;
    ensure!(find(&mallory, "boris")? == boris.account);
    ask(&mallory, &boris, "a stranger")?;
    nothing_between(&capture, &corner, &shop).context("before the answer")?;
    // Neither does whoever is let down, also when both start anew.
    boris.call("contact.decline", json!({ "account_id": mallory.account }))?;
    let (mallory, boris) = (mallory.leave()?.back()?, boris.leave()?.back()?);
    nothing_between(&capture, &corner, &shop).context("after a refusal")?;
    // What was refused stays refused; whoever takes it back may ask anew.
    mallory.call("contact.decline", json!({ "account_id": boris.account }))?;
    ensure!(find(&mallory, "boris")? == boris.account);
    ask(&mallory, &boris, "no stranger")?;
    let (chat, _) = accept(&mallory, &boris, "at last")?;
    mallory.wait_route(&boris.account, "direct", PATIENCE)?;
    talk(&mallory, &boris, &chat, "from door to door")?;
    ensure!(capture.finish()?.between(corner.public, shop.public)? > 0, "the recording misses what goes between them");
    Ok(())
}
