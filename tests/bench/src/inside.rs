//! What needs no process of its own: the core, the simulator, the timeline.

use crate::table::{Row, Times, Verdict, ms};
use anyhow::Result;
use std::time::{Duration, Instant};
use veche_gui::timeline::bench;
use veche_protocol::core::Config;
use veche_protocol::core::command::Command;
use veche_protocol::crypto::ratchet::RatchetKind;
use veche_sim::hours::chat_hours;
use veche_sim::world::{World, config};

/// Messages of the conversation that inputs are timed in.
const MESSAGES: usize = 1500;
/// Virtual hours of the first, short run that tells how long the second may be.
const FIRST: u64 = 6;
/// Real time that the second run may take.
const SIMULATING: Duration = Duration::from_secs(20);
/// Virtual hours of the second run at most.
const MOST: u64 = 2_000;
/// Messages of the history that is scrolled.
const HISTORY: usize = 100_000;
/// Frames of scrolling.
const FRAMES: usize = 2_000;
/// Points that the content moves in a frame: a wheel turned quickly.
const WHEEL: f32 = 240.0;

/// Measures.
pub fn rows() -> Result<Vec<Row>> {
    Ok(vec![core(), simulator(), timeline()])
}

/// The real ratchet between two cores, each step of the simulated world timed: an input to a core together with the simulated disk,
/// network and trace around it, so an upper limit for the input alone.
fn core() -> Row {
    let mut world = World::new(11);
    world.cfg = Config { ratchet: RatchetKind::Olm, ..config() };
    let (alice, bob) = (world.alice(), world.bob());
    let chat = world.befriend(alice, bob);
    world.run(60_000);
    let (inputs, mut steps) = (world.inputs, Vec::new());
    for n in 0..MESSAGES {
        let who = if n % 2 == 0 { alice } else { bob };
        let end = world.at() + 200;
        let begun = Instant::now();
        world.command(who, Command::Send { chat, text: format!("{n:0>100}"), reply_to: None });
        steps.push(begun.elapsed());
        while world.at() < end {
            let begun = Instant::now();
            if !world.step() {
                break;
            }
            steps.push(begun.elapsed());
        }
    }
    let (inputs, steps) = (world.inputs - inputs, Times::from(steps));
    Row {
        number: "core",
        what: "one input, real ratchet, with the simulator's disk and network around it",
        figure: format!("p50 {}, p99 {}, longest {}", ms(steps.at(50)), ms(steps.at(99)), ms(steps.longest())),
        beside: format!("{} steps, {inputs} inputs, {MESSAGES} messages of 100 B", steps.count()),
        target: "p99 < 1 ms".to_owned(),
        verdict: Verdict::of(steps.at(99) < Duration::from_millis(1)),
    }
}

fn simulator() -> Row {
    let measure = |hours: u64| {
        let begun = Instant::now();
        let done = chat_hours(hours, 60, 3);
        (done, begun.elapsed())
    };
    let (_, short) = measure(FIRST);
    let fits = SIMULATING.as_secs_f64() / short.as_secs_f64() * FIRST as f64;
    let hours = (fits as u64).clamp(FIRST, MOST);
    let (done, took) = measure(hours);
    let rate = hours as f64 / took.as_secs_f64() * 60.0;
    Row {
        number: "sim",
        what: "virtual hours of a chat of 3 devices, 60 messages an hour, per minute",
        figure: format!("{rate:.0} h/min"),
        beside: format!("{hours} h, {} messages, {} inputs in {:.1} s", done.messages, done.inputs, took.as_secs_f64()),
        target: ">= 1,000 h/min".to_owned(),
        verdict: Verdict::of(rate >= 1000.0),
    }
}

fn timeline() -> Row {
    let (chat, history) = bench::conversation(HISTORY);
    let measured = bench::scroll(&history, &chat, FRAMES, WHEEL);
    let kept = measured.kept;
    let frames = Times::from(measured.frames);
    let met = frames.at(95) <= Duration::from_millis(2) && frames.at(99) <= Duration::from_millis(8);
    Row {
        number: "frame",
        what: "timeline of 100,000 messages while scrolling: layout and tessellation of a frame",
        figure: format!("p50 {}, p95 {}, p99 {}", ms(frames.at(50)), ms(frames.at(95)), ms(frames.at(99))),
        beside: format!("{} frames of 1440x900, {WHEEL} points each; at most {kept} rows kept", frames.count()),
        target: "p95 <= 2 ms, p99 <= 8 ms".to_owned(),
        verdict: Verdict::of(met),
    }
}
