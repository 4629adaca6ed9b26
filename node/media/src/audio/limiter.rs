//! Keeps a sum of voices within full scale without distorting it.
//!
//! A limiter that looks ahead: the gain that the loudest sample needs is reached, over 1.3 ms, by the time that sample comes out, and
//! let go slowly afterwards. Sound that needs no limiting comes out as it went in, 1.3 ms later.

/// How far it looks ahead, in samples: 1.3 ms, long enough that the change of gain makes no click of its own.
const AHEAD: usize = 64;
/// The loudest sample that comes out. A little room is left for converters that overshoot between samples.
pub(super) const CEILING: f32 = 0.98;
/// From here on the way back to full gain is taken in one step, which is far below what can be heard.
const NEARLY_ONE: f32 = 0.9999;
/// How much of the way back to full gain is taken each sample: 63 % in 60 ms.
const RELEASE: f32 = 1.0 / 2_880.0;

/// See the module.
#[derive(Debug)]
pub(super) struct Limiter {
    /// The last samples that went in, a ring.
    samples: [f32; AHEAD],
    /// The gain that each of those needs, in the same order.
    needed: [f32; AHEAD],
    /// What of those was let go already, in the same order.
    held: [f32; AHEAD],
    at: usize,
    envelope: f32,
    /// Samples since gain was below 1; from twice [`AHEAD`] on nothing has to be computed.
    quiet: usize,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { samples: [0.0; AHEAD], needed: [1.0; AHEAD], held: [1.0; AHEAD], at: 0, envelope: 1.0, quiet: 2 * AHEAD }
    }
}

impl Limiter {
    /// Limits in place.
    pub(super) fn run(&mut self, samples: &mut [f32]) {
        for sample in samples {
            *sample = self.next(*sample);
        }
    }

    fn next(&mut self, sample: f32) -> f32 {
        let needed = if sample.abs() > CEILING { CEILING / sample.abs() } else { 1.0 };
        self.samples[self.at] = sample;
        self.needed[self.at] = needed;
        self.quiet = if needed < 1.0 || self.envelope < 1.0 { 0 } else { self.quiet.saturating_add(1) };
        let gain = if self.quiet >= 2 * AHEAD {
            1.0
        } else {
            let least = self.needed.iter().copied().fold(1.0, f32::min);
            self.envelope = least.min(self.envelope + (1.0 - self.envelope) * RELEASE);
            if self.envelope > NEARLY_ONE && least == 1.0 {
                self.envelope = 1.0;
            }
            self.held[self.at] = self.envelope;
            self.held.iter().sum::<f32>() / AHEAD as f32
        };
        self.at = (self.at + 1) % AHEAD;
        // The oldest sample, which every one of the held gains took into account. What is clamped is only an error of rounding.
        (self.samples[self.at] * gain).clamp(-CEILING, CEILING)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limited(samples: &[f32]) -> Vec<f32> {
        let mut limiter = Limiter::default();
        let mut out = samples.to_vec();
        out.extend([0.0; AHEAD - 1]);
        out.chunks_mut(480).for_each(|block| limiter.run(block));
        out.split_off(AHEAD - 1)
    }

    fn sine(amplitude: f32) -> Vec<f32> {
        (0..48_000).map(|at| amplitude * (at as f32 * 0.05).sin()).collect()
    }

    #[test]
    fn what_fits_comes_out_bit_by_bit() {
        let samples = sine(0.97);
        assert_eq!(limited(&samples), samples);
    }

    #[test]
    fn a_sum_of_many_voices_is_turned_down_and_keeps_its_shape() {
        let out = limited(&sine(8.0));
        let steady = &out[9_600..];
        assert!(steady.iter().all(|sample| sample.abs() <= CEILING));
        // A clipped sine has the power of a square: 0.98² instead of half of that.
        let power = steady.iter().map(|sample| sample * sample).sum::<f32>() / steady.len() as f32;
        assert!((power - CEILING * CEILING / 2.0).abs() < 0.02, "{power}");
    }

    #[test]
    fn gain_comes_back_after_a_bang() {
        let mut samples = sine(0.5);
        samples[4_800..4_810].fill(4.0);
        let out = limited(&samples);
        assert_eq!(out[4_000..4_700], samples[4_000..4_700]);
        assert!(out[30_000..].iter().zip(&samples[30_000..]).all(|(out, sample)| (out - sample).abs() < 0.001));
    }

    proptest! {
        #[test]
        fn nothing_is_ever_louder_than_the_ceiling(samples in prop::collection::vec(-100.0f32..100.0, 1..2_000)) {
            prop_assert!(limited(&samples).iter().all(|sample| sample.abs() <= CEILING));
        }
    }
}
