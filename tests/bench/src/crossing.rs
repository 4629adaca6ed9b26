//! Two people behind routers of every kind, in network namespaces: how they meet, and how directly they are connected then.
//!
//! The program runs itself again inside network and mount namespaces, and reads the times that it prints there. `VECHE_ROUNDS` says how
//! often all pairs meet (20).

use crate::table::{Row, Times, Verdict, ms, say};
use anyhow::{Result, ensure};
use std::time::Duration;
use veche_lab::pairs::{People, Rung, all, best};
use veche_lab::pump;
use veche_lab::town::Town;
use veche_lab::world::{inside, run};

/// Tells the second run what it is for.
pub const ARGUMENT: &str = "crossing-inside";
/// Begins a line with milliseconds: found, asked, first message, direct (or `-`), whether the two are connected as directly as can be, and
/// who they are.
const PAIR: &str = "pair ";
/// Pairs of a round.
const PAIRS: usize = 15;
/// Pairs that meet at the same time.
const AT_ONCE: usize = 3;
/// Longest wait for a direct connection.
const PATIENCE: Duration = Duration::from_secs(20);
/// What people are promised for the first message.
const FIRST: Duration = Duration::from_secs(3);
/// Share of the pairs that can be direct and have to be, in percent.
const DIRECT: usize = 95;

/// One line from inside.
struct Pair {
    found: Duration,
    asked: Duration,
    first: Duration,
    direct: Option<Duration>,
    right: bool,
    can_be_direct: bool,
    who: String,
}

fn rounds() -> usize {
    std::env::var("VECHE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let row = |what, figure, beside, target: &str, verdict| Row { number: "11", what, figure, beside, target: target.to_owned(), verdict };
    let skipped = |why: String| {
        let why = why.lines().next().unwrap_or_default().replace('|', "/");
        Ok(vec![row("pairs of routers of five kinds", "-".to_owned(), why, "15 of 15 connected", Verdict::Skipped)])
    };
    if let Some(why) = pump::missing() {
        return skipped(why);
    }
    if let Err(why) = run("unshare", &["--net", "--mount", "true"]) {
        return skipped(format!("{why:#}"));
    }
    let own = std::env::current_exe()?;
    let said = run("unshare", &["--net", "--mount", "--", "env", "VECHE_LAB_INSIDE=1", &own.to_string_lossy(), ARGUMENT])?;
    let pairs: Vec<Pair> = said.lines().filter_map(|line| read(line.strip_prefix(PAIR)?)).collect();
    let rounds = rounds();
    ensure!(pairs.len() == rounds * PAIRS, "{} of {} pairs", pairs.len(), rounds * PAIRS);
    let times = |pick: &dyn Fn(&Pair) -> Option<Duration>| Times::from(pairs.iter().filter_map(pick).collect::<Vec<_>>());
    let shares = |times: &Times| format!("p50 {}, p99 {}, longest {}", ms(times.at(50)), ms(times.at(99)), ms(times.longest()));
    let (first, direct) = (times(&|pair| Some(pair.first)), times(&|pair| pair.direct));
    let (can, relayed): (Vec<&Pair>, Vec<&Pair>) = pairs.iter().partition(|pair| pair.can_be_direct);
    let right = |pairs: &[&Pair]| pairs.iter().filter(|pair| pair.right).count();
    let wrong: Vec<&str> = pairs.iter().filter(|pair| !pair.right).map(|pair| pair.who.as_str()).collect();
    let wrong = if wrong.is_empty() { String::new() } else { format!("; not as expected: {}", wrong.join(", ")) };
    let meeting = format!(
        "{rounds} rounds with new people, {AT_ONCE} pairs at a time; before it: lookup {}; request with its proof of work {}",
        shares(&times(&|pair| Some(pair.found))),
        shares(&times(&|pair| Some(pair.asked)))
    );
    Ok(vec![
        row(
            "15 pairs of routers (none, full cone, port-restricted, symmetric, without UDP): acceptance to the first message",
            format!("{}; {} of {} connected", shares(&first), pairs.len(), rounds * PAIRS),
            meeting,
            "all connected, <= 3 s",
            Verdict::of(first.longest() <= FIRST),
        ),
        row(
            "the 12 of them that can be direct: acceptance to a direct connection at both",
            format!("{} of {}; {}", right(&can), can.len(), shares(&direct)),
            format!("40 ms there and back, 20 ms to the operator's node{wrong}"),
            ">= 95 %",
            Verdict::of(right(&can) * 100 >= can.len() * DIRECT),
        ),
        row(
            "the 3 of them that cannot: talking through the relay",
            format!("{} of {}", right(&relayed), relayed.len()),
            "symmetric with port-restricted, symmetric, and without UDP".to_owned(),
            "all of them",
            Verdict::of(right(&relayed) == relayed.len()),
        ),
    ])
}

fn read(line: &str) -> Option<Pair> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [found, asked, first, direct, right, can_be_direct, one, other] = words.as_slice() else { return None };
    let ms = |text: &str| text.parse().ok().map(Duration::from_millis);
    Some(Pair {
        found: ms(found)?,
        asked: ms(asked)?,
        first: ms(first)?,
        direct: ms(direct),
        right: *right == "true",
        can_be_direct: *can_be_direct == "true",
        who: format!("{one} with {other}"),
    })
}

/// The part inside.
pub fn run_inside() -> Result<()> {
    // Sets the namespaces up; where we are is known.
    inside(ARGUMENT, &[])?;
    for round in 0..rounds() {
        let mut town = Town::new(u64::try_from(round)?, 1, "")?;
        let people = People::settle(&mut town)?;
        let mut outcomes = people.meet(all(), AT_ONCE, PATIENCE)?;
        people.talk_again(&mut outcomes)?;
        for outcome in outcomes {
            let (one, other) = outcome.pair;
            let direct = outcome.direct.map_or_else(|| "-".to_owned(), |after| after.as_millis().to_string());
            let [found, asked, first] = [outcome.found, outcome.asked, outcome.first].map(|time| time.as_millis());
            let (right, can) = (outcome.is_best(), best(one, other) == Rung::Direct);
            say(&format!("{PAIR}{found} {asked} {first} {direct} {right} {can} {one} {other}"))?;
        }
    }
    Ok(())
}
