//! A voice that is made up, and files of sound.

use std::f32::consts::TAU;
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

pub const RATE: usize = 48_000;

/// Something with pitch, syllables and pauses like a voice, the same each time and different at each moment.
pub fn speak(seconds: f32) -> Vec<f32> {
    let mut phase = 0.0_f32;
    (0..(seconds * RATE as f32) as usize)
        .map(|at| {
            let time = at as f32 / RATE as f32;
            let pitch = 140.0 + 40.0 * (TAU * 0.7 * time).sin() + 25.0 * (TAU * 1.9 * time).sin();
            phase = (phase + pitch / RATE as f32).fract();
            let syllable = (TAU * 1.55 * time).sin().max(0.0).sqrt() * (0.6 + 0.4 * (TAU * 0.37 * time).cos());
            let vowel = (TAU * 0.9 * time).sin();
            let sum: f32 = (1..=10).map(|n| (TAU * phase * n as f32).sin() * (-(n as f32 - 3.0 - 2.0 * vowel).powi(2) / 8.0).exp()).sum();
            0.2 * syllable * sum
        })
        .collect()
}

pub fn write(path: &Path, rate: u32, channels: u16, samples: &[f32]) {
    let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let mut writer = WavWriter::create(path, spec).unwrap();
    for sample in samples {
        for _ in 0..channels {
            writer.write_sample((sample * 32_767.0) as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
}

pub fn read(path: &Path) -> Vec<f32> {
    let mut reader = WavReader::open(path).unwrap();
    assert_eq!((reader.spec().sample_rate as usize, reader.spec().channels), (RATE, 1));
    reader.samples::<i16>().map(|sample| f32::from(sample.unwrap()) / 32_768.0).collect()
}
