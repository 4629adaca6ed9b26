//! A call between two engines over WebRTC: what is said into the file of one is in the file of the other.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop at the first surprise, and say what it measured")]

mod listen;
mod pair;
mod voice;

use std::time::Duration;

use veche_media::audio::{Backend, Processing, SoundConfig, Transmission};
use veche_media::engine::EngineConfig;

const SPEECH: Duration = Duration::from_secs(6);

/// The most that sound may take from one file to the other; see `two_sounds`.
const MOST_DELAY_MS: f32 = 170.0;

fn config(input: Option<std::path::PathBuf>, output: Option<std::path::PathBuf>) -> EngineConfig {
    let sound = SoundConfig {
        backend: Backend::Wav { input, output },
        processing: Processing::NONE,
        transmission: Transmission::Open,
        ..SoundConfig::default()
    };
    EngineConfig { sound, ..EngineConfig::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_hear_each_other_over_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let said = voice::speak(SPEECH.as_secs_f32());
    // Not the same, so that nobody hears himself and passes.
    let answered: Vec<f32> = said.iter().rev().copied().collect();
    voice::write(&file("said.wav"), 48_000, 1, &said);
    voice::write(&file("answered.wav"), 48_000, 1, &answered);

    let a = config(Some(file("said.wav")), Some(file("heard by a.wav")));
    let b = config(Some(file("answered.wav")), Some(file("heard by b.wav")));
    let mut pair = pair::connect(a, b, |_, line| line.to_owned()).await;
    let measured = pair.pass(SPEECH + Duration::from_secs(1)).await;
    println!("{measured:?}");
    let (a, b) = ((&mut pair.opened_a).await.unwrap(), (&mut pair.opened_b).await.unwrap());
    pair.stop().await;
    for (name, said, from, to) in [("heard by b.wav", &said, a, b), ("heard by a.wav", &answered, b, a)] {
        // The later of the two files begins with what came before the other one began.
        let early = from.input.saturating_duration_since(to.output).as_secs_f32() * 1000.0;
        let late = to.output.saturating_duration_since(from.input).as_secs_f32() * 1000.0;
        let missed = (late * listen::RATE as f32 / 1000.0) as usize;
        let likeness = listen::compare(&said[missed..], &voice::read(&file(name)), listen::RATE);
        let delay = likeness.lag_ms() - early;
        println!("{name}: {delay:.1} ms, {likeness:?}");
        assert!(likeness.median() >= 0.9, "{name}: {likeness:?}");
        assert!((0.0..MOST_DELAY_MS).contains(&delay), "{name}: {delay} ms");
    }
}
