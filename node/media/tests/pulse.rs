//! Speech through a sound server of its own: from one program's loudspeaker into a microphone here, and out of a loudspeaker again.
//!
//! The server has no sound card, only sinks that play into nothing and can be listened to. ALSA reaches it through its plugin, as it
//! reaches the sound server of a desktop.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop at the first surprise, and say what it measured")]
#![cfg(target_os = "linux")]

mod listen;
mod server;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::{self, error::RecvError};
use veche_media::audio::{Backend, DeviceChoice, Direction, Processing, Sound, SoundConfig, SoundEvent, Transmission};

/// Set for the part of the test that runs with the server's surroundings.
const INSIDE: &str = "VECHE_PULSE_TEST";

const TEXT: &str = "Nobody in between can hear this. The quick brown fox jumps over the lazy dog, and seven wizards jog home quickly.";

/// The most from microphone to loudspeaker, on a machine that runs other tests beside this one. The aim on a quiet one is 60 ms.
const MOST_DELAY_MS: f32 = 200.0;

/// How often it may take until the machine leaves the sound server the time that it needs: where it does not, the server itself drops
/// sound, which is not what is tested here.
const ATTEMPTS: usize = 3;

/// The share of real time that a loudspeaker has to ask for. One that asks for less is not run by its server as it should be.
const FULL_PACE: f32 = 0.97;

#[test]
fn speech_passes_through_a_sound_server() {
    if let Some(folder) = std::env::var_os(INSIDE) {
        return inside(Path::new(&folder));
    }
    let Some(server) = server::start() else { return };
    // ALSA reads where its devices are from the environment, which is a process's own.
    let test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "speech_passes_through_a_sound_server", "--nocapture"])
        .envs(server.environment())
        .env(INSIDE, server.folder())
        .status()
        .unwrap();
    assert!(test.success());
}

fn sound(device: &str) -> Sound {
    let named = |way: &str| DeviceChoice::Named(format!("alsa:{device}_{way}"));
    Sound::start(SoundConfig {
        backend: Backend::System,
        input: named("mic"),
        output: named("speaker"),
        processing: Processing::NONE,
        transmission: Transmission::Open,
        ..SoundConfig::default()
    })
    .unwrap()
}

fn wait_for(events: &mut broadcast::Receiver<SoundEvent>, way: Direction) {
    loop {
        match events.blocking_recv() {
            Ok(SoundEvent::DeviceChanged { direction, name }) if direction == way => return println!("{name} is open"),
            Ok(SoundEvent::DeviceLost { message, .. }) => panic!("{message}"),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => panic!("sound ended"),
        }
    }
}

fn inside(folder: &Path) {
    let speech = server::speech(folder, TEXT);
    let (anna, boris) = (sound("a"), sound("b"));
    let (mut hers, mut his) = (anna.events(), boris.events());
    let person = boris.person().unwrap();
    let mut voice = anna.outgoing();
    let pipe = std::thread::spawn(move || {
        loop {
            match voice.blocking_recv() {
                Ok(packet) => person.push(packet, Instant::now()),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return person.stats(),
            }
        }
    });
    wait_for(&mut his, Direction::Output);
    wait_for(&mut hers, Direction::Input);
    let opened = Instant::now();
    let mut heard_well = false;
    for _ in 0..ATTEMPTS {
        let [at_mic, at_ear] = server::play_and_record(&speech, "a_mic", ["a_mic", "b_speaker"], Duration::from_secs(1));
        let likeness = listen::compare(&at_mic, &at_ear, listen::RATE);
        println!("mouth to ear {:.1} ms, {likeness:?}", likeness.lag_ms());
        heard_well = likeness.median() >= 0.9 && likeness.lag_ms() < MOST_DELAY_MS;
        if heard_well {
            break;
        }
    }
    drop(anna);
    let stats = pipe.join().unwrap();
    println!("{stats:?}");
    if !heard_well && stats.played < opened.elapsed().mul_f32(FULL_PACE) {
        return println!(
            "skipped: this machine is too busy for its sound server, which asked for {:?} in {:?}",
            stats.played,
            opened.elapsed()
        );
    }
    assert!(heard_well, "see what is printed above");
}
