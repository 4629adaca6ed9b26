//! Seeded random numbers, so that a failure can be looked at again with the same choices.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A generator: `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// With a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The seed in `VECHE_SEED`, or one from the clock.
    #[must_use]
    pub fn seed() -> u64 {
        let given = std::env::var("VECHE_SEED").ok().and_then(|text| text.parse().ok());
        given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| u64::from(d.subsec_nanos())))
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Whether something happens that does so with this probability, 0 to 1. What never or always happens costs no number.
    pub fn happens(&mut self, probability: f64) -> bool {
        // The 53 upper bits are as many as a float holds.
        const STEPS: f64 = (1_u64 << 53) as f64;
        probability >= 1.0 || (probability > 0.0 && ((self.next() >> 11) as f64) < probability * STEPS)
    }

    /// A duration from nothing to `most`, in whole microseconds.
    pub fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX - 1);
        if most == 0 { Duration::ZERO } else { Duration::from_micros(self.below(most + 1)) }
    }

    /// A duration between two, in whole milliseconds.
    pub fn between_ms(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to.saturating_sub(from) + 1))
    }
}
