//! What one person says into a file's microphone arrives in another's file: devices, codec, jitter buffer and mixer, without a network.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop at the first surprise, and say what it measured")]

mod listen;
mod voice;

use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use veche_media::audio::{Backend, Direction, FrameLength, Processing, Sound, SoundConfig, SoundError, SoundEvent, Transmission};

/// How long is spoken.
const SPEECH: Duration = Duration::from_secs(6);

/// How long is listened on: longer than any delay here.
const REST: Duration = Duration::from_secs(1);

/// The most that sound may take from one file to the other. Two periods of 10 ms each way, a frame, the codec and the jitter buffer are
/// 60 ms; the rest is for a machine that runs other tests beside this one.
const MOST_DELAY_MS: f32 = 150.0;

fn start(backend: Backend, frame: FrameLength) -> Sound {
    let config = SoundConfig { backend, processing: Processing::NONE, transmission: Transmission::Open, frame, ..SoundConfig::default() };
    Sound::start(config).unwrap()
}

/// When a device opened.
fn opened(events: &mut broadcast::Receiver<SoundEvent>, way: Direction) -> Instant {
    loop {
        match events.blocking_recv().unwrap() {
            SoundEvent::DeviceChanged { direction, .. } if direction == way => return Instant::now(),
            SoundEvent::DeviceLost { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
}

/// Plays a voice through two of them and answers how alike the files are and how long it took in between.
fn talk(rate: u32, channels: u16, frame: FrameLength) -> (listen::Likeness, f32) {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.wav"), folder.path().join("out.wav"));
    let said = voice::speak(SPEECH.as_secs_f32());
    // Every so many samples of a voice that has nothing above 2 kHz.
    let step = listen::RATE as f32 / rate as f32;
    let slower: Vec<f32> = (0..(said.len() as f32 / step) as usize)
        .map(|at| {
            let place = at as f32 * step;
            let (before, share) = (place as usize, place.fract());
            let sample = |at: usize| said.get(at).copied().unwrap_or(0.0);
            sample(before) * (1.0 - share) + sample(before + 1) * share
        })
        .collect();
    voice::write(&input, rate, channels, &slower);
    let anna = start(Backend::Wav { input: Some(input), output: None }, frame);
    let boris = start(Backend::Wav { input: None, output: Some(output.clone()) }, frame);

    let (mut hers, mut his) = (anna.events(), boris.events());
    let person = boris.person().unwrap();
    let listening = opened(&mut his, Direction::Output);
    let mut outgoing = anna.outgoing();
    let speaking = opened(&mut hers, Direction::Input);
    let mut packets = 0;
    while speaking.elapsed() < SPEECH + REST {
        if let Ok(packet) = outgoing.blocking_recv() {
            person.push(packet, Instant::now());
            packets += 1;
        }
    }
    let stats = person.stats();
    drop((person, outgoing, anna, boris));

    let heard = voice::read(&output);
    let likeness = listen::compare(&said, &heard, listen::RATE);
    let delay = likeness.lag_ms() - (speaking - listening).as_secs_f32() * 1000.0;
    println!("{rate} Hz, {channels} channels, {frame:?}: {packets} packets, {delay:.1} ms, {likeness:?}, {stats:?}");
    (likeness, delay)
}

fn assert_heard(rate: u32, channels: u16, frame: FrameLength) {
    let (likeness, delay) = talk(rate, channels, frame);
    assert!(likeness.median() >= 0.9, "{likeness:?}");
    assert!((0.0..MOST_DELAY_MS).contains(&delay), "{delay} ms");
}

#[test]
fn a_voice_arrives_as_it_was_and_soon() {
    assert_heard(48_000, 1, FrameLength::Ms10);
}

#[test]
fn a_voice_arrives_in_long_frames_too() {
    assert_heard(48_000, 1, FrameLength::Ms20);
}

#[test]
fn a_microphone_may_have_another_rate_and_more_channels() {
    assert_heard(44_100, 2, FrameLength::Ms10);
}

#[test]
fn a_file_that_is_no_sound_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.wav");
    std::fs::write(&input, "RIFF, but no more").unwrap();
    let config = |backend| SoundConfig { backend, ..SoundConfig::default() };
    let refusal = Sound::start(config(Backend::Wav { input: Some(input), output: None })).unwrap_err();
    assert!(matches!(refusal, SoundError::BrokenWav { .. }), "{refusal}");
    let nowhere = folder.path().join("no such folder").join("out.wav");
    let refusal = Sound::start(config(Backend::Wav { input: None, output: Some(nowhere) })).unwrap_err();
    assert!(matches!(refusal, SoundError::UnwritableWav { .. }), "{refusal}");
}
