//! A long conversation, to see how much virtual time fits into real time.

use crate::cast::Answer;
use crate::check;
use crate::net::Place;
use crate::world::World;
use veche_protocol::core::command::Command;

/// What a long conversation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// Messages that were accepted and are on every disk.
    pub messages: u64,
    /// Inputs that cores handled.
    pub inputs: u64,
    /// Frames and other arrivals, as far as the trace counts them.
    pub trace_lines: u64,
}

/// Lets two people with `devices` devices between them talk for `hours` of virtual time, `per_hour` messages an hour, and checks
/// that all of it arrived everywhere. The caller holds the watch.
///
/// # Panics
/// If fewer than two devices are asked for, or something was lost.
#[must_use]
pub fn chat_hours(hours: u64, per_hour: u64, devices: usize) -> Hours {
    assert!(devices >= 2, "two people need two devices");
    let mut w = World::new(7);
    let (alice, bob) = (w.alice(), w.bob());
    let chat = w.befriend(alice, bob);
    let mut all = vec![alice, bob];
    for n in 2..devices {
        let of = if n % 2 == 0 { alice } else { bob };
        let other = w.second_device(of, Place::Lan(1));
        assert!(w.until(crate::cast::SOON, |w| w.view(other).chat(chat).is_some()), "a restored device learns of the conversation");
        all.push(other);
    }
    let pause = 3_600_000 / per_hour.max(1);
    let mut messages = 0;
    for n in 0..hours * per_hour {
        let who = all[usize::try_from(n).unwrap_or(0) % all.len()];
        let text = format!("message {n} of a long conversation");
        let answer = w.ask(who, Command::Send { chat, text, reply_to: None });
        assert!(matches!(answer, Answer::Ok(_)), "an idle node takes a message: {answer:?}");
        messages += 1;
        w.run(pause.saturating_sub(50));
    }
    assert!(w.eventually(60_000, |w| check::agree(w, &all, chat)), "all of it is everywhere");
    Hours { messages, inputs: w.inputs, trace_lines: w.trace.len() }
}
