//! Sound for tests: something like speech, noise, and measures of how alike two sounds are.

use std::f32::consts::TAU;

use super::block::power;

/// Numbers that look random and are the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0 up to 1.
    pub(super) fn roll(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Between two values.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.roll()
    }
}

/// A filter of two poles around one frequency: one formant.
#[derive(Default)]
struct Resonator {
    past: [f32; 2],
}

impl Resonator {
    fn run(&mut self, input: f32, hertz: f32, width: f32) -> f32 {
        let radius = (-std::f32::consts::PI * width / 48_000.0).exp();
        let turn = (TAU * hertz / 48_000.0).cos();
        let output = input * (1.0 - radius) + 2.0 * radius * turn * self.past[0] - radius * radius * self.past[1];
        self.past = [output, self.past[0]];
        output
    }
}

/// First, second and third formant of five vowels, in hertz (Peterson and Barney, 1952).
const VOWELS: [[f32; 3]; 5] =
    [[730.0, 1_090.0, 2_440.0], [530.0, 1_840.0, 2_480.0], [270.0, 2_290.0, 3_010.0], [570.0, 840.0, 2_410.0], [300.0, 870.0, 2_240.0]];

/// Something like speech at 48 kHz: pulses of a voice through formants that glide from vowel to vowel, hissing consonants, words of
/// some syllables with pauses between them. Its loudest moments are at about half of full scale.
pub(super) struct Speech {
    pub(super) samples: Vec<f32>,
    /// Where words begin and end.
    pub(super) words: Vec<std::ops::Range<usize>>,
}

pub(super) fn speech(seconds: f32, seed: u64) -> Speech {
    let mut dice = Dice::new(seed);
    let wanted = (seconds * 48_000.0) as usize;
    let mut samples = vec![0.0; 24_000];
    let mut words = Vec::new();
    let mut formants: [Resonator; 3] = Default::default();
    let (mut pitch_phase, mut hiss_past) = (0.0f32, 0.0f32);
    let mut vowel = VOWELS[0];
    while samples.len() < wanted {
        let from = samples.len();
        let pitch = dice.between(95.0, 150.0);
        for _ in 0..dice.between(2.0, 5.0) as usize {
            let next = VOWELS[dice.between(0.0, 4.99) as usize];
            let length = dice.between(5_500.0, 10_000.0);
            let hiss = if dice.roll() < 0.5 { dice.between(1_500.0, 3_500.0) } else { 0.0 };
            for at in 0..length as usize {
                let place = at as f32 / length;
                let noise = dice.between(-1.0, 1.0);
                let hissed = if (at as f32) < hiss { (noise - hiss_past) * 0.05 * (place * 8.0).min(1.0) } else { 0.0 };
                hiss_past = noise;
                pitch_phase += pitch * (1.08 - 0.16 * place + 0.01 * noise) / 48_000.0;
                let mut pulse = 0.0;
                if pitch_phase >= 1.0 {
                    pitch_phase -= 1.0;
                    pulse = 1.0;
                }
                let swell = (place * 12.0).min(1.0) * ((1.0 - place) * 6.0).min(1.0);
                let excited = pulse * swell * 6.0;
                let mut sound = hissed;
                for (index, formant) in formants.iter_mut().enumerate() {
                    let hertz = vowel[index] + (next[index] - vowel[index]) * (place * 3.0).min(1.0);
                    sound += formant.run(excited, hertz, 70.0 + 40.0 * index as f32) * [1.0, 0.6, 0.35][index];
                }
                samples.push(sound);
            }
            vowel = next;
        }
        words.push(from..samples.len());
        samples.extend(std::iter::repeat_n(0.0, dice.between(7_000.0, 22_000.0) as usize));
    }
    samples.truncate(wanted);
    words.retain(|word| word.end <= wanted);
    let loudest = samples.iter().fold(0.0f32, |loudest, sample| loudest.max(sample.abs()));
    samples.iter_mut().for_each(|sample| *sample *= 0.5 / loudest);
    Speech { samples, words }
}

/// White noise at so many decibels below full scale.
pub(super) fn noise(samples: usize, decibels: f32, seed: u64) -> Vec<f32> {
    let mut dice = Dice::new(seed);
    // Uniform noise has a third of the power of its bounds squared.
    let bound = 10f32.powf(decibels / 20.0) * 3f32.sqrt();
    (0..samples).map(|_| dice.between(-bound, bound)).collect()
}

/// Normalised correlation: 1 for the same shape.
pub(super) fn correlation(one: &[f32], other: &[f32]) -> f32 {
    let both = one.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let norm = |samples: &[f32]| samples.iter().map(|a| f64::from(a * a)).sum::<f64>().sqrt();
    let length = one.len().min(other.len());
    (both / (norm(&one[..length]) * norm(&other[..length])).max(1e-12)) as f32
}

/// How many samples `other` lags behind `one`, up to a bound, and how alike they are then.
pub(super) fn alignment(one: &[f32], other: &[f32], most: usize) -> (usize, f32) {
    let length = one.len().min(other.len()).saturating_sub(most);
    (0..most)
        .map(|lag| (lag, correlation(&one[..length], &other[lag..lag + length])))
        .fold((0, f32::NEG_INFINITY), |best, found| if found.1 > best.1 { found } else { best })
}

/// How alike the courses of loudness are, in steps of 10 ms, whatever filters did to the shape of the wave: 1 for the same.
pub(super) fn envelope_likeness(one: &[f32], other: &[f32]) -> f32 {
    let envelope = |samples: &[f32]| {
        let loudness: Vec<f32> = samples.chunks_exact(480).map(|block| power(block).sqrt()).collect();
        let mean = loudness.iter().sum::<f32>() / loudness.len() as f32;
        loudness.iter().map(|step| step - mean).collect::<Vec<f32>>()
    };
    let length = one.len().min(other.len());
    correlation(&envelope(&one[..length]), &envelope(&other[..length]))
}

/// Mean power in decibels, not bounded like [`level_db`](super::block::level_db).
pub(super) fn decibels(samples: &[f32]) -> f32 {
    10.0 * power(samples).max(1e-20).log10()
}
