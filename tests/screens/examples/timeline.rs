//! Times of the timeline over a long history, as the benchmark table wants them.
//!
//! `cargo run -p veche-screens --example timeline -- [messages]`

#![allow(clippy::print_stdout, reason = "a program that prints a table")]

use veche_gui::timeline::bench;

fn main() {
    let messages = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(100_000);
    let (chat, history) = bench::conversation(messages);
    println!("{messages} messages, 1440x900, 400 frames, layout and tessellation, milliseconds");
    for (name, wheel) in [("at rest", 0.0), ("wheel 120", 120.0), ("fling 1200", 1200.0)] {
        let measured = bench::scroll(&history, &chat, 400, wheel);
        let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|share| measured.percentile(share).as_secs_f64() * 1000.0);
        println!("{name:12} p50 {p50:6.2}  p95 {p95:6.2}  p99 {p99:6.2}  max {max:6.2}  rows kept {}", measured.kept);
    }
}
