//! Real `veche-node` processes, driven over their JSON-RPC: what the lab's tests and the demo are made of.
//!
//! | File | Lives there |
//! |---|---|
//! | `node` | one process: start, ask, hear events, kill, start again |
//! | `operator` | one `veche-bootstrap` process, its figures, and what its operator could read in its memory |
//! | `binary` | where the programs are, built if need be |
//! | `desk` | the desktop app on a display of its own, driven by keyboard |
//! | `cast` | people: a node with an account, contacts, conversations |
//! | `checker` | what has to hold of a conversation after any fault |
//! | `world` | a machine of its own: network namespaces, packet counters, captures |
//! | `wire` | what a bad line does to frames: delay, loss, copies, disorder; pure and seeded |
//! | `nat` | a small internet: a public segment, and homes behind routers of every kind |
//! | `town` | people at homes of that internet who know nothing of each other but a login, and how they meet |
//! | `pairs` | every kind of router with every other: how two people behind them come together |
//! | `probe` | small questions to a network: what gets there, how late, and from where |
//! | `pump` | carries real frames between two hosts over such a line |
//! | `phone` | calls between people, with files in the place of devices |
//! | `sound` | something to say, and whether what was heard is what was said |
//! | `chance` | seeded random numbers |
//!
//! What this proves and the simulator cannot: libp2p, mDNS, sled and its fsync, the process and its end.

pub mod binary;
pub mod cast;
pub mod chance;
pub mod checker;
#[cfg(target_os = "linux")]
pub mod desk;
#[cfg(target_os = "linux")]
pub mod loudspeakers;
#[cfg(target_os = "linux")]
pub mod nat;
pub mod node;
#[cfg(target_os = "linux")]
pub mod operator;
#[cfg(target_os = "linux")]
pub mod pairs;
pub mod phone;
#[cfg(target_os = "linux")]
pub mod probe;
#[cfg(target_os = "linux")]
pub mod pump;
pub mod sound;
#[cfg(target_os = "linux")]
pub mod town;
pub mod wire;
#[cfg(target_os = "linux")]
pub mod world;

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

/// Waits for its turn: tests of the lab measure time and fill the machine, so that one at a time is run, in whichever process.
/// The turn ends when the value is dropped.
///
/// # Errors
/// The directory of temporary files cannot be written.
pub fn turn() -> anyhow::Result<File> {
    let path = std::env::temp_dir().join("veche-lab.lock");
    let lock = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    lock.lock()?;
    Ok(lock)
}

/// Begins a line with something that was not tested.
pub const SKIPPED: &str = "skipped: ";

/// Says on a line of its own that something was not tested, past the test harness, which keeps what passing tests print.
pub fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "{SKIPPED}{what}: {why}");
}

/// Begins a line with something that was measured and is worth looking at, though no test hangs on it.
pub const MEASURED: &str = "measured: ";

/// Says on a line of its own what was measured, past the test harness.
pub fn tell(measured: &str) {
    let _ = writeln!(std::io::stderr(), "{MEASURED}{measured}");
}

/// Asks again and again until there is an answer.
///
/// # Errors
/// There was none in time. The text says what was waited for, and the last thing seen.
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> anyhow::Result<Result<T, String>>) -> anyhow::Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match look()? {
            Ok(found) => return Ok(found),
            Err(seen) if Instant::now() >= deadline => anyhow::bail!("{what} did not happen within {patience:?}. Last seen: {seen}"),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
