//! The one source of randomness of a world.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Random numbers, the same for the same seed.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice that fall as `seed` says.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.fill_bytes(&mut out);
        out
    }

    /// A number below `n`; 0 for `n` = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64().checked_rem(n).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True in `permille` of 1000 throws.
    pub fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of several.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of.get(at).expect("something to pick from")
    }

    /// A waiting time in milliseconds around `mean`, rarely up to ten times as long: the exponential distribution, cut.
    pub fn wait(&mut self, mean: u64) -> u64 {
        // Geometric steps of a sixteenth: no floating point, so that every machine waits alike.
        let step = (mean / 16).max(1);
        let mut out = 0;
        while out < mean.saturating_mul(10) && !self.chance(62) {
            out += step;
        }
        out + self.below(step)
    }
}
