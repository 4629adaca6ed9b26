//! Blocks of 10 ms, and how loud they are.

use std::time::Duration;

use crate::packet::SAMPLE_RATE;

/// Samples of one block: 10 ms in one channel at [`SAMPLE_RATE`]. Echo cancellation and noise suppression work in this unit.
pub(super) const BLOCK: usize = 480;
/// How long one block lasts.
pub(super) const BLOCK_TIME: Duration = Duration::from_millis(10);
/// The level of silence, in decibels below full scale, and the least that RFC 6464 can say.
pub(super) const SILENCE_DB: f32 = -127.0;

/// 10 ms of sound in one channel. 1.0 is full scale.
pub(super) type Block = [f32; BLOCK];

/// How long so many samples last.
pub(super) fn time_of(samples: usize) -> Duration {
    Duration::from_nanos(samples as u64 * 1_000_000_000 / u64::from(SAMPLE_RATE))
}

/// Root mean square in decibels below full scale, between [`SILENCE_DB`] and 0.
pub(super) fn level_db(samples: &[f32]) -> f32 {
    power_db(power(samples))
}

/// The mean square; 0 for nothing.
pub(super) fn power(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32
}

/// A mean square in decibels below full scale, between [`SILENCE_DB`] and 0.
pub(super) fn power_db(power: f32) -> f32 {
    if power.is_nan() { SILENCE_DB } else { (10.0 * power.max(1e-20).log10()).clamp(SILENCE_DB, 0.0) }
}

/// A factor of amplitude in decibels.
pub(super) fn gain_db(gain: f32) -> f32 {
    20.0 * gain.max(1e-10).log10()
}

/// Percent as a factor of amplitude.
pub(super) fn gain_of(percent: u16) -> f32 {
    f32::from(percent) / 100.0
}

/// Multiplies by a factor that moves in a straight line from one value to the other, so that no step is heard.
pub(super) fn ramp(samples: &mut [f32], from: f32, to: f32) {
    if from == to {
        if to != 1.0 {
            samples.iter_mut().for_each(|sample| *sample *= to);
        }
        return;
    }
    let step = (to - from) / samples.len().max(1) as f32;
    for (at, sample) in samples.iter_mut().enumerate() {
        *sample *= from + step * (at + 1) as f32;
    }
}

/// Takes out what is no number, as a broken driver or a damaged packet may bring, and what is far above full scale: one of those
/// would stay in every filter behind it.
pub(super) fn make_sane(samples: &mut [f32]) {
    /// Twelve decibels above full scale are left for the limiters.
    const LOUDEST: f32 = 4.0;
    for sample in samples {
        *sample = if sample.is_finite() { sample.clamp(-LOUDEST, LOUDEST) } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_book() {
        let sine: Vec<f32> = (0..BLOCK).map(|at| (at as f32 * std::f32::consts::TAU / 48.0).sin()).collect();
        assert!((level_db(&sine) + 3.01).abs() < 0.01);
        assert_eq!(level_db(&[1.0; 8]), 0.0);
        assert_eq!(level_db(&[0.0; 8]), SILENCE_DB);
        assert_eq!(level_db(&[]), SILENCE_DB);
        assert_eq!(level_db(&[f32::NAN; 8]), SILENCE_DB);
    }

    #[test]
    fn what_is_no_number_becomes_silence() {
        let mut samples = [f32::NAN, f32::INFINITY, 0.5, -1e30];
        make_sane(&mut samples);
        assert_eq!(samples, [0.0, 0.0, 0.5, -4.0]);
    }
}
