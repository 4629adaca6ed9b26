//! Two people behind routers of every kind meet by login over an operator's node, and go on as directly as their routers allow.
#![cfg(target_os = "linux")]

use anyhow::{Context, Result, ensure};
use std::time::{Duration, Instant};
use veche_lab::chance::Chance;
use veche_lab::pairs::{People, all};
use veche_lab::tell;
use veche_lab::town::Town;
use veche_lab::world::{Place, inside_with_pump};

/// Pairs that meet at the same time: each proves work and opens connections, on machines with few processors.
const AT_ONCE: usize = 3;
/// Longest wait for a direct connection after somebody was accepted. One or two seconds are usual.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest time from the acceptance to the first message that people are promised.
const FIRST: Duration = Duration::from_secs(3);

#[test]
fn every_pair_of_routers_is_crossed_as_directly_as_it_can_be() -> Result<()> {
    if inside_with_pump("every_pair_of_routers_is_crossed_as_directly_as_it_can_be", &["nft"])? == Place::Done {
        return Ok(());
    }
    let seed = Chance::seed();
    let begun = Instant::now();
    let mut town = Town::new(seed, 1, "")?;
    let people = People::settle(&mut town)?;
    tell(&format!("ten people were in the directory after {:.0?}", begun.elapsed()));
    let mut outcomes = people.meet(all(), AT_ONCE, PATIENCE).with_context(|| format!("VECHE_SEED={seed}"))?;
    ensure!(outcomes.len() == 15, "{} pairs", outcomes.len());
    for outcome in &outcomes {
        tell(&outcome.to_string());
    }
    // Nobody has fallen back, and whoever cannot be direct has stayed connected.
    people.talk_again(&mut outcomes).with_context(|| format!("VECHE_SEED={seed}"))?;
    tell(&format!("all of it took {:.0?}", begun.elapsed()));
    let wrong: Vec<_> = outcomes.iter().filter(|outcome| !outcome.is_best() || outcome.first > FIRST).map(ToString::to_string).collect();
    ensure!(wrong.is_empty(), "VECHE_SEED={seed}: {wrong:#?}");
    Ok(())
}
