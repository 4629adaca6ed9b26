//! Runs a story over many seeds, each of them twice: the same seed has to lead to the same decisions.
//!
//! `SIM_SEEDS` is how many seeds each story is told with, `SIM_SEED` tells it with one. A seed that once failed stands in
//! `regressions.txt` and is told every time.

use crate::world::World;

/// Seeds of a story, unless `SIM_SEEDS` says otherwise.
const SEEDS: u64 = 25;
/// Seeds that found something, one `story seed` a line.
const REGRESSIONS: &str = include_str!("../regressions.txt");

/// Tells a story.
///
/// # Panics
/// If it goes wrong with a seed, which is printed, or goes two ways with one.
pub fn story(name: &str, tell: impl Fn(&mut World)) {
    over(name, 1, tell);
}

/// Tells a story that takes long, with one in `cost` of the seeds.
///
/// # Panics
/// See [`story`].
pub fn long_story(name: &str, cost: u64, tell: impl Fn(&mut World)) {
    over(name, cost, tell);
}

/// Tells a story in which something is random that no seed reaches, with one in `cost` of the seeds and once each.
///
/// # Panics
/// If it goes wrong.
pub fn unrepeatable_story(name: &str, cost: u64, tell: impl Fn(&mut World)) {
    for seed in seeds(name, cost) {
        once(name, seed, &tell);
    }
}

fn over(name: &str, cost: u64, tell: impl Fn(&mut World)) {
    for seed in seeds(name, cost) {
        let (first, happened) = once(name, seed, &tell);
        let (second, _) = once(name, seed, &tell);
        assert_eq!(first, second, "{name} goes two ways with seed {seed}");
        assert!(happened > 0, "{name} is a story in which nothing happens");
    }
}

fn once(name: &str, seed: u64, tell: &impl Fn(&mut World)) -> (u64, u64) {
    let mut told = Telling { name: name.to_owned(), world: World::new(seed) };
    tell(&mut told.world);
    (told.world.trace.hash(), told.world.trace.len())
}

fn seeds(name: &str, cost: u64) -> Vec<u64> {
    if let Some(seed) = number("SIM_SEED") {
        return vec![seed];
    }
    let known = REGRESSIONS.lines().filter_map(|line| line.split_once(' ')).filter(|(story, _)| *story == name);
    let mut out: Vec<u64> = known.filter_map(|(_, seed)| seed.trim().parse().ok()).collect();
    let count = number("SIM_SEEDS").unwrap_or(SEEDS).div_ceil(cost).max(1);
    out.extend(1..=count);
    out
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Says how to tell a story again when it went wrong.
struct Telling {
    name: String,
    world: World,
}

impl Drop for Telling {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (name, seed, at) = (&self.name, self.world.seed, self.world.at());
            eprintln!("--- the last that happened in `{name}`:\n{}", self.world.trace.tail());
            eprintln!("--- `{name}` went wrong at {at} ms with seed {seed}. Again: SIM_SEED={seed} cargo test -p veche-sim {name}");
        }
    }
}
