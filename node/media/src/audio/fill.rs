//! How full the ring of a loudspeaker is kept: as little as lets every callback find what it asks for.

use std::time::{Duration, Instant};

/// Callbacks a second that are assumed until some were seen.
const FIRST_CALLBACKS_PER_SECOND: u32 = 100;

/// While a device opens, its first callbacks come all at once to fill its own buffer. What they miss says nothing.
const SETTLING: Duration = Duration::from_secs(1);

/// What is kept more after a callback found too little, in milliseconds.
const STEP_UP_MS: u32 = 5;

/// What is kept more at most, in milliseconds. A machine that is late by more than that will not be helped by waiting.
const MAX_RESERVE_MS: u32 = 60;

/// After so long without a miss, a millisecond less is kept: slowly, because the ear hears each miss and no millisecond.
const STEP_DOWN_EVERY: Duration = Duration::from_secs(10);

/// For how long the longest callback is remembered, once to twice.
const MEMORY: Duration = Duration::from_secs(2);

/// See the module. All lengths are frames at the rate of the device.
#[derive(Debug)]
pub(super) struct Fill {
    frames_per_ms: u32,
    opened: Instant,
    longest: u32,
    longest_before: u32,
    turned: Instant,
    reserve_ms: u32,
    missed: u64,
    changed: Instant,
}

impl Fill {
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self {
            frames_per_ms: rate.div_ceil(1000),
            opened: now,
            longest: rate / FIRST_CALLBACKS_PER_SECOND,
            longest_before: 0,
            turned: now,
            reserve_ms: 0,
            missed: 0,
            changed: now,
        }
    }

    /// Takes note of the longest callback since the last time, 0 for none, and of all frames that were missed so far.
    pub(super) fn look(&mut self, longest: u32, missed: u64, now: Instant) {
        self.longest = self.longest.max(longest);
        if longest > 0 && now.saturating_duration_since(self.turned) >= MEMORY {
            self.longest_before = self.longest;
            self.longest = longest;
            self.turned = now;
        }
        let missed_now = missed > self.missed;
        self.missed = missed;
        if now.saturating_duration_since(self.opened) < SETTLING {
            return;
        }
        if missed_now {
            self.reserve_ms = (self.reserve_ms + STEP_UP_MS).min(MAX_RESERVE_MS);
            self.changed = now;
        } else if self.reserve_ms > 0 && now.saturating_duration_since(self.changed) >= STEP_DOWN_EVERY {
            self.reserve_ms -= 1;
            self.changed = now;
        }
    }

    /// Below this many frames another block is due: what the next callback takes, and what experience adds.
    pub(super) fn target(&self) -> usize {
        (self.longest.max(self.longest_before) + self.reserve_ms * self.frames_per_ms) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn the_ring_follows_the_callbacks_of_the_device() {
        let start = Instant::now();
        let mut fill = Fill::new(48_000, start);
        assert_eq!(fill.target(), 480);
        fill.look(1_024, 0, at(start, 20));
        assert_eq!(fill.target(), 1_024, "a device with long callbacks is served at once");
        for ms in (40..5_000).step_by(5) {
            fill.look(240, 0, at(start, ms));
        }
        assert_eq!(fill.target(), 240, "and forgotten when they get shorter");
    }

    #[test]
    fn a_miss_adds_a_little_and_calm_takes_it_back() {
        let start = Instant::now();
        let mut fill = Fill::new(48_000, start);
        fill.look(480, 1_000, at(start, 500));
        assert_eq!(fill.target(), 480, "filling its own buffer is no miss");
        fill.look(480, 1_100, at(start, 1_500));
        assert_eq!(fill.target(), 480 + 240);
        for ms in 1_600..3_000 {
            fill.look(480, ms, at(start, ms));
        }
        assert_eq!(fill.target(), 480 + 60 * 48, "there is an end to it");
        for ms in (3_000..700_000).step_by(100) {
            fill.look(480, 3_000, at(start, ms));
        }
        assert_eq!(fill.target(), 480);
    }
}
