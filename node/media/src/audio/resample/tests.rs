//! Tones survive conversion in pitch, level and length, at every rate that devices have.

use super::*;

const RATES: [u32; 10] = [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];

fn sine(hertz: f32, rate: u32, samples: usize) -> Vec<f32> {
    let turn = f64::from(hertz) * std::f64::consts::TAU / f64::from(rate);
    (0..samples).map(|at| 0.5 * (at as f64 * turn).sin() as f32).collect()
}

/// Amplitude of one frequency, by correlation with it.
fn amplitude(samples: &[f32], hertz: f32, rate: u32) -> f32 {
    let (mut real, mut imaginary) = (0.0f64, 0.0f64);
    for (at, sample) in samples.iter().enumerate() {
        let angle = at as f64 * f64::from(hertz) * std::f64::consts::TAU / f64::from(rate);
        real += f64::from(*sample) * angle.cos();
        imaginary += f64::from(*sample) * angle.sin();
    }
    (2.0 * real.hypot(imaginary) / samples.len() as f64) as f32
}

fn blocks_of(to: &mut ToBlocks, samples: &[f32]) -> Vec<f32> {
    let mut out = Vec::new();
    // Device callbacks bring any number of frames.
    for piece in samples.chunks(321) {
        to.push(piece, &mut |block| out.extend_from_slice(block));
    }
    out
}

#[test]
fn a_tone_keeps_pitch_level_and_length_from_every_rate() {
    for rate in RATES {
        let mut to = ToBlocks::new(rate, 1).unwrap();
        let out = blocks_of(&mut to, &sine(1_000.0, rate, rate as usize));
        assert!((47_000..=48_000).contains(&out.len()), "{rate}: {}", out.len());
        let level = amplitude(&out[4_800..43_200], 1_000.0, SAMPLE_RATE);
        assert!((level - 0.5).abs() < 0.01, "{rate}: {level}");
    }
}

#[test]
fn a_tone_keeps_pitch_level_and_length_to_every_rate() {
    for rate in RATES {
        let mut from = FromBlocks::new(rate, 1).unwrap();
        let mut out = Vec::new();
        for block in sine(1_000.0, SAMPLE_RATE, 48_000).chunks_exact(BLOCK) {
            out.extend_from_slice(from.convert(block.try_into().unwrap()));
        }
        assert!(out.len().abs_diff(rate as usize) < rate as usize / 50, "{rate}: {}", out.len());
        let middle = &out[rate as usize / 10..rate as usize * 9 / 10];
        let level = amplitude(middle, 1_000.0, rate);
        assert!((level - 0.5).abs() < 0.01, "{rate}: {level}");
    }
}

#[test]
fn what_lies_above_the_lower_rate_is_not_folded_down() {
    // 20 kHz at 192 kHz to a device of 32 kHz would come out as 12 kHz.
    let mut from = FromBlocks::new(32_000, 1).unwrap();
    let mut out = Vec::new();
    for block in sine(20_000.0, SAMPLE_RATE, 48_000).chunks_exact(BLOCK) {
        out.extend_from_slice(from.convert(block.try_into().unwrap()));
    }
    assert!(amplitude(&out[3_200..28_800], 12_000.0, 32_000) < 0.001);
}

#[test]
fn channels_are_folded_and_spread() {
    let mut to = ToBlocks::new(48_000, 2).unwrap();
    let stereo: Vec<f32> = (0..BLOCK * 2).map(|at| if at % 2 == 0 { 0.6 } else { 0.2 }).collect();
    let mut blocks = 0;
    to.push(&stereo, &mut |block| {
        blocks += 1;
        assert!(block.iter().all(|sample| (sample - 0.4).abs() < 1e-6));
    });
    assert_eq!(blocks, 1);

    let mut from = FromBlocks::new(48_000, 4).unwrap();
    let out = from.convert(&[0.25; BLOCK]);
    assert_eq!(out.len(), BLOCK * 4);
    assert!(out.chunks(4).all(|frame| frame == [0.25, 0.25, 0.0, 0.0]));
}

#[test]
fn the_right_rate_passes_untouched() {
    let original = sine(440.0, 48_000, BLOCK * 3);
    let mut to = ToBlocks::new(48_000, 1).unwrap();
    assert_eq!(blocks_of(&mut to, &original), original);
}

#[test]
fn formats_that_no_device_has_are_refused() {
    for (rate, channels) in [(7_999, 1), (192_001, 1), (48_000, 0), (48_000, 33)] {
        assert!(ToBlocks::new(rate, channels).is_err());
        assert!(FromBlocks::new(rate, channels).is_err());
    }
}
