//! Sound of calls: how long it takes from mouth to ear, what is left of it on bad wires, and whether a call fits through a narrow one.
//!
//! | File | Measures |
//! |---|---|
//! | `mouth` | through a sound server and real devices: mouth to ear, on a good wire and with jitter; Chromium and Mumble beside it |
//! | `speech` | quality of speech where packets are lost, at random and in bursts, with redundancy and without |
//! | `narrow` | a call on a wire that becomes narrower than its sound |
//! | `proxy` | the wires |
//! | `chromium`, `mumble` | the others, on the same sound server |

mod chromium;
mod mouth;
mod mumble;
mod narrow;
mod proxy;
mod speech;

pub use mouth::{ARGUMENT, rows as mouth, run_inside};
pub use narrow::rows as narrow;
pub use speech::rows as speech;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use veche_media::engine::EngineConfig;

use proxy::Proxy;

#[allow(clippy::unwrap_used, dead_code, reason = "shared with tests, which use more of it and stop at the first surprise")]
#[path = "../../../../node/media/tests/listen/mod.rs"]
mod listen;
#[allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "shared with tests, which use more of it and stop at the first surprise")]
#[path = "../../../../node/media/tests/pair/mod.rs"]
mod pair;
#[allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "shared with tests, which use more of it and stop at the first surprise"
)]
#[path = "../../../../node/media/tests/server/mod.rs"]
mod server;

/// Sentences with all sounds of the language, some seconds long.
const TEXT: &str = "Nobody in between can hear this. The quick brown fox jumps over the lazy dog, and seven wizards jog home quickly. ";

/// Two engines, connected over wires that only carry for now.
async fn over_wires(a: EngineConfig, b: EngineConfig, seed: u64) -> Result<(pair::Pair, Arc<Proxy>)> {
    let proxy = Arc::new(Proxy::new(seed)?);
    let carrier = Arc::clone(&proxy);
    let pair = pair::connect(a, b, move |of_b, line| carrier.stand_for(usize::from(of_b), line)).await;
    Ok((pair, proxy))
}

/// By how much each alike part of what was said is heard later, and how many parts said something.
fn delays(said: &[f32], heard: &[f32]) -> (Vec<u64>, usize) {
    /// Compared at once: the delay may be another one in the next.
    const STRETCH: usize = 2 * listen::RATE;
    /// The longest delay that is looked for.
    const MOST: usize = listen::RATE / 2;
    /// A part that is less alike than this says nothing about its delay.
    const ALIKE: f32 = 0.6;
    let loud = power(said) / 4.0;
    let (mut delays, mut parts) = (Vec::new(), 0);
    for (number, stretch) in said.chunks_exact(STRETCH).enumerate() {
        if power(stretch) < loud {
            continue;
        }
        let from = number * STRETCH;
        let rest = heard.get(from..(from + STRETCH + MOST).min(heard.len())).unwrap_or_default();
        let likeness = listen::compare(stretch, rest, MOST);
        parts += likeness.windows.len();
        let alike = likeness.windows.iter().filter(|window| window.likeness >= ALIKE);
        delays.extend(alike.map(|window| window.lag as u64 * 1_000_000 / listen::RATE as u64));
    }
    (delays, parts)
}

fn power(sound: &[f32]) -> f32 {
    sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len().max(1) as f32
}

/// Whether a program is installed.
fn is_there(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).exists())
        || Path::new("/usr/sbin").join(program).exists()
}
