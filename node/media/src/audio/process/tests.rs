//! Noise goes, echo goes, the voice stays.

use super::*;
use crate::audio::testing::{Dice, alignment, decibels, envelope_likeness, noise, speech};

const QUIET: Processing = Processing { echo_cancellation: false, noise_suppression: NoiseSuppression::Off, gain_control: false };

fn cleaned(cleaner: &mut Cleaner, sound: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    for block in sound.chunks_exact(BLOCK) {
        let mut block: Block = block.try_into().unwrap();
        cleaner.clean(&mut block);
        cleaner.level(&mut block);
        out.extend(block);
    }
    out
}

fn sum(one: &[f32], other: &[f32]) -> Vec<f32> {
    one.iter().zip(other).map(|(a, b)| a + b).collect()
}

#[test]
fn switched_off_it_changes_no_bit() {
    let sound = speech(1.0, 1).samples;
    assert_eq!(cleaned(&mut Cleaner::new(Processing::NONE), &sound), sound);
}

/// How much better the voice stands out of the noise afterwards, in decibels, and how alike it is to itself.
fn noise_gain(noise_suppression: NoiseSuppression) -> (f32, f32) {
    let spoken = speech(16.0, 2);
    let hiss = noise(spoken.samples.len(), -45.0, 3);
    let mut cleaner = Cleaner::new(Processing { noise_suppression, ..QUIET });
    let out = cleaned(&mut cleaner, &sum(&spoken.samples, &hiss));
    // After five seconds in which the noise is learnt.
    let late: Vec<_> = spoken.words.iter().filter(|word| word.start > 240_000).cloned().collect();
    let (lag, _) = alignment(&spoken.samples[240_000..288_000], &out[240_000..288_000], 1_000);
    let alike = envelope_likeness(&spoken.samples[240_000..700_000], &out[240_000 + lag..]);
    let mut voice = Vec::new();
    let mut pauses = Vec::new();
    for pair in late.windows(2) {
        voice.extend_from_slice(&out[pair[0].start + lag..pair[0].end + lag]);
        // Well away from the words on both sides.
        pauses.extend_from_slice(&out[pair[0].end + lag + 3_000..pair[1].start + lag - 500]);
    }
    let mut before = Vec::new();
    for word in &late[..late.len() - 1] {
        before.extend_from_slice(&spoken.samples[word.clone()]);
    }
    let was = decibels(&before) + 45.0;
    (decibels(&voice) - decibels(&pauses) - was, alike)
}

#[test]
fn steady_noise_goes_and_the_voice_stays() {
    let (standard, alike) = noise_gain(NoiseSuppression::Standard);
    assert!(standard >= 10.0, "{standard} dB");
    assert!(alike > 0.9, "{alike}");
    let (strong, alike) = noise_gain(NoiseSuppression::Strong);
    assert!(strong >= 15.0, "{strong} dB");
    assert!(alike > 0.8, "{alike}");
}

/// What comes back from a room: a few walls and a tail that dies away.
fn room(played: &[f32], seed: u64) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    let mut walls: Vec<(usize, f32)> = vec![(1_700, 0.30), (2_100, -0.18), (2_900, 0.12)];
    walls.extend((0..60).map(|at| (1_800 + at * 70, dice.between(-0.05, 0.05) * 0.96f32.powi(at as i32))));
    let mut out = vec![0.0; played.len()];
    for (delay, share) in walls {
        out.iter_mut().skip(delay).zip(played).for_each(|(sum, sample)| *sum += sample * share);
    }
    out
}

/// The same sound by a clock that runs so much faster.
fn drifted(sound: &[f32], parts_per_million: f64) -> Vec<f32> {
    let step = 1.0 + parts_per_million * 1e-6;
    (0..sound.len())
        .map(|at| {
            let place = at as f64 * step;
            let (index, part) = (place as usize, place.fract() as f32);
            let sample = |index: usize| sound.get(index).copied().unwrap_or(0.0);
            sample(index) * (1.0 - part) + sample(index + 1) * part
        })
        .collect()
}

/// What echo cancellation leaves of an echo after it has learnt the room, as decibels of loss.
fn echo_loss(parts_per_million: f64) -> f32 {
    let played = speech(20.0, 4).samples;
    let echo = room(&drifted(&played, parts_per_million), 5);
    let mut cleaner = Cleaner::new(Processing { echo_cancellation: true, ..QUIET });
    let hiss = noise(echo.len(), -75.0, 6);
    let heard = sum(&echo, &hiss);
    let mut out = Vec::new();
    for (played, mic) in played.chunks_exact(BLOCK).zip(heard.chunks_exact(BLOCK)) {
        cleaner.played(played.try_into().unwrap());
        let mut block: Block = mic.try_into().unwrap();
        cleaner.clean(&mut block);
        out.extend(block);
    }
    decibels(&echo[480_000..]) - decibels(&out[480_000..])
}

#[test]
fn echo_goes_even_if_the_clocks_of_loudspeaker_and_microphone_differ() {
    for drift in [0.0, 100.0, -100.0] {
        let loss = echo_loss(drift);
        assert!(loss >= 25.0, "{drift} ppm: {loss} dB");
    }
}

#[test]
fn whoever_speaks_while_something_is_played_is_still_heard() {
    let played = speech(20.0, 7).samples;
    let near = speech(20.0, 8).samples;
    let echo = room(&played, 9);
    let mut cleaner = Cleaner::new(Processing { echo_cancellation: true, ..QUIET });
    let mut out = Vec::new();
    for (played, mic) in played.chunks_exact(BLOCK).zip(sum(&near, &echo).chunks_exact(BLOCK)) {
        cleaner.played(played.try_into().unwrap());
        let mut block: Block = mic.try_into().unwrap();
        cleaner.clean(&mut block);
        out.extend(block);
    }
    let alike = envelope_likeness(&near[480_000..], &out[480_000..]);
    assert!(alike > 0.7, "{alike}");
}

#[test]
fn gain_control_lifts_a_quiet_voice() {
    let quiet: Vec<f32> = speech(20.0, 10).samples.iter().map(|sample| sample * 0.03).collect();
    let mut cleaner = Cleaner::new(Processing { gain_control: true, ..QUIET });
    let out = cleaned(&mut cleaner, &quiet);
    let lifted = decibels(&out[480_000..]) - decibels(&quiet[480_000..]);
    assert!(lifted > 10.0, "{lifted} dB");
    assert!(out.iter().all(|sample| sample.abs() <= 1.0));
}

#[test]
fn settings_change_while_it_runs() {
    let sound = speech(1.0, 11).samples;
    let mut cleaner = Cleaner::new(Processing::NONE);
    for noise_suppression in [NoiseSuppression::Strong, NoiseSuppression::Standard, NoiseSuppression::Off] {
        cleaner.set(Processing { echo_cancellation: true, noise_suppression, gain_control: true });
        assert!(cleaned(&mut cleaner, &sound).iter().all(|sample| sample.is_finite()));
    }
    cleaner.set(Processing::NONE);
    assert_eq!(cleaned(&mut cleaner, &sound), sound);
}

#[test]
fn sound_that_is_played_while_the_microphone_is_closed_piles_up_nowhere() {
    let mut cleaner = Cleaner::new(Processing::default());
    let sound = speech(1.0, 12).samples;
    let mut play = |seconds: u32| {
        for _ in 0..seconds {
            sound.chunks_exact(BLOCK).for_each(|block| cleaner.played(block.try_into().unwrap()));
        }
    };
    play(5);
    let kept = allocation_counter::measure(|| play(20)).bytes_current;
    assert!(kept.abs() < 100_000, "{kept} bytes");
    assert!(cleaned(&mut cleaner, &sound).iter().all(|sample| sample.is_finite()));
}
