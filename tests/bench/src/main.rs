//! The benchmark tables: what `make bench` prints, as Markdown.
//!
//! | File | Measures |
//! |---|---|
//! | `talk` | two `veche-node` processes on the loopback device: latency, throughput, idling, starting |
//! | `calls` | voice calls: how soon they begin, and what they cost |
//! | `far` | the same between two hosts with a long round trip |
//! | `calling` | the window in a call: how often it is drawn, and what that costs |
//! | `voice` | their sound: mouth to ear, speech on bad wires, narrow wires |
//! | `catchup` | a device that was away gets a hundred thousand entries |
//! | `window` | the app with a million messages: its start, its rest |
//! | `library` | a node with a million messages: starting, searching |
//! | `lan` | two hosts in network namespaces that start cold and find each other |
//! | `lossy` | two such hosts on a wire with a round trip that loses frames |
//! | `directory` | lookups among many operators' nodes in this process |
//! | `crossing` | people behind routers of every kind, in network namespaces |
//! | `meeting_point` | an operator's node: memory, rest, relaying, mailboxes |
//! | `inside` | without processes: the core, the simulator, the timeline |
//! | `profile` | writes the profiles with long histories |
//! | `table` | rows, shares, and whether a target is met |
//!
//! Every figure that depends on the machine stands beside a limit measured in the same run. A figure that misses its target is
//! printed as missed and ends nothing; a lost or doubled message ends the run with an error.

mod calling;
mod calls;
mod catchup;
mod crossing;
mod directory;
mod far;
mod inside;
mod lan;
mod library;
mod lossy;
mod meeting_point;
mod profile;
mod table;
mod talk;
mod voice;
mod window;

use anyhow::Result;
use std::time::Instant;
use table::{Row, say};

/// Measures rows.
type Measure = fn() -> Result<Vec<Row>>;

/// What `ROWS=name,name make bench` chooses from.
const GROUPS: [(&str, Measure); 16] = [
    ("talk", talk::rows),
    ("lossy", lossy::rows),
    ("catchup", catchup::rows),
    ("library", library::rows),
    ("window", window::rows),
    ("lan", lan::rows),
    ("inside", inside::rows),
    ("calls", calls::rows),
    ("directory", directory::rows),
    ("crossing", crossing::rows),
    ("meeting_point", meeting_point::rows),
    ("far", far::rows),
    ("calling", calling::rows),
    ("voice", voice::mouth),
    ("speech", voice::speech),
    ("narrow", voice::narrow),
];

fn main() -> Result<()> {
    // Further runs of this program, in namespaces of their own or as something to compare with.
    match std::env::args().nth(1).as_deref() {
        Some(lan::ARGUMENT) => return lan::run_inside(),
        Some(lossy::ARGUMENT) => return lossy::run_inside(),
        Some(crossing::ARGUMENT) => return crossing::run_inside(),
        Some(far::ARGUMENT) => return far::run_inside(),
        Some(catchup::ARGUMENT) => return catchup::run_inside(),
        Some(window::ARGUMENT) => return window::empty(),
        Some(voice::ARGUMENT) => return voice::run_inside(std::env::args().nth(2).unwrap_or_default().as_ref()),
        _ => {}
    }
    let started = Instant::now();
    let wanted = std::env::var("ROWS").unwrap_or_default();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.split(',').any(|row| row.trim() == name);
    if let Some(unknown) = wanted.split(',').map(str::trim).find(|row| !row.is_empty() && GROUPS.iter().all(|(name, _)| name != row)) {
        let known = GROUPS.map(|(name, _)| name).join(", ");
        anyhow::bail!("There are no rows `{unknown}`. Known: {known}.");
    }
    say("| # | measured | figure | beside it | target | |")?;
    say("|---|---|---|---|---|---|")?;
    for (name, rows) in GROUPS {
        if is_wanted(name) {
            show(&rows()?)?;
        }
    }
    say(&format!("\nTaken in {:.0} s, profile {}.", started.elapsed().as_secs_f64(), profile()))
}

fn show(rows: &[Row]) -> Result<()> {
    rows.iter().try_for_each(|row| say(&row.to_string()))
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}
