//! The benchmark tables: what `make bench` prints, as Markdown.
//!
//! | File | Measures |
//! |---|---|
//! | `talk` | two `veche-node` processes on the loopback device: latency, throughput, idling, starting |
//! | `lan` | two hosts in network namespaces that start cold and find each other |
//! | `lossy` | two such hosts on a wire with a round trip that loses frames |
//! | `inside` | without processes: the core, the simulator, the timeline |
//! | `table` | rows, shares, and whether a target is met |
//!
//! Every figure that depends on the machine stands beside a limit measured in the same run. A figure that misses its target is
//! printed as missed and ends nothing; a lost or doubled message ends the run with an error.

mod inside;
mod lan;
mod lossy;
mod table;
mod talk;

use anyhow::Result;
use std::time::Instant;
use table::{Row, say};

fn main() -> Result<()> {
    // The second run of this program, inside namespaces of its own.
    if std::env::args().nth(1).as_deref() == Some(lan::ARGUMENT) {
        return lan::run_inside();
    }
    if std::env::args().nth(1).as_deref() == Some(lossy::ARGUMENT) {
        return lossy::run_inside();
    }
    let started = Instant::now();
    say("| # | measured | figure | beside it | target | |")?;
    say("|---|---|---|---|---|---|")?;
    show(&talk::rows()?)?;
    show(&lossy::rows()?)?;
    show(&lan::rows()?)?;
    show(&inside::rows())?;
    say(&format!("\nTaken in {:.0} s, profile {}.", started.elapsed().as_secs_f64(), profile()))
}

fn show(rows: &[Row]) -> Result<()> {
    rows.iter().try_for_each(|row| say(&row.to_string()))
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "dev" } else { "release" }
}
