//! The core's only source of randomness: a `ChaCha20` stream from a seed that the shell draws from the operating system.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// Random bytes, the same for the same seed.
pub(super) struct Dice(ChaCha20Rng);

impl Dice {
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.fill_bytes(&mut out);
        out
    }

    /// A number below `n`, and 0 for `n` = 0. The bias of the remainder is below 2^-32 for the small `n` used here.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64().checked_rem(n).unwrap_or(0)
    }

    /// `d` made longer or shorter by up to a fifth, so that nodes do not act in step.
    pub fn about(&mut self, d: Duration) -> Duration {
        let ms = crate::time::millis(d);
        let fifth = ms / 5;
        Duration::from_millis(ms.saturating_sub(fifth).saturating_add(self.below(fifth.saturating_mul(2).saturating_add(1))))
    }
}

impl std::fmt::Debug for Dice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dice")
    }
}
