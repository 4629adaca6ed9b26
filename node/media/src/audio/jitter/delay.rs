//! How late packets are, and how much delay that asks for.

use super::{MAX_TARGET, MIN_TARGET, Micros};

/// Packets that are looked at: two seconds in frames of 10 ms.
const REMEMBERED: usize = 200;
/// Of those, the share that the delay has to suffice for: the rest may come late and is bridged.
const SHARE: f64 = 0.95;
/// Packets that are older say nothing about now, above all because the two clocks went apart meanwhile.
const FORGOTTEN_AFTER: Micros = 10_000_000;
/// A packet that is early or late by more is the beginning of another stream, or a lie; what is known is thrown away.
const OUT_OF_PLACE: Micros = 2_000_000;
/// Packets in a row that prove a lasting change: a quarter of a second in frames of 10 ms.
const PROOF: usize = 25;
/// If all of those were later by this than the timeliest, the way has become longer, or the sender's clock stood still; what was before
/// says nothing any more.
const LATER_FOR_GOOD: Micros = 100_000;
/// If they were later by this, they wait in a queue that somebody fills faster than it empties: more than a busy machine or jitter
/// keeps all of them, as those that are late by chance have timely ones among them.
const HELD_UP: Micros = 50_000;
/// How fast the target falls once the reason for it is gone: 63 % of the way in so many microseconds.
const FALL: f64 = 700_000.0;

/// One packet: when it came, and when it was sent by its own clock; the difference is its delay, up to a constant.
#[derive(Clone, Copy, Debug, Default)]
struct Arrival {
    at: Micros,
    delay: Micros,
}

/// Follows the delay of one person's packets.
#[derive(Debug)]
pub(super) struct DelayTracker {
    arrivals: Vec<Arrival>,
    /// Where the oldest is, once all places are taken; 0 until then.
    oldest: usize,
    /// Scratch for finding the quantile.
    sorted: Vec<Micros>,
    /// The delay of the timeliest of them.
    base: Micros,
    target: f64,
    last: Micros,
    held_up: u64,
}

impl DelayTracker {
    pub(super) fn new() -> Self {
        Self {
            arrivals: Vec::with_capacity(REMEMBERED),
            oldest: 0,
            sorted: Vec::with_capacity(REMEMBERED),
            base: 0,
            target: MIN_TARGET as f64,
            last: 0,
            held_up: 0,
        }
    }

    /// Takes note of a packet that was sent at `sent` by its own clock, which began anywhere, and holds so much sound.
    pub(super) fn arrived(&mut self, at: Micros, sent: Micros, frame: Micros) {
        let delay = at - sent;
        if !self.arrivals.is_empty() && (delay - self.base).abs() > OUT_OF_PLACE {
            self.arrivals.clear();
            self.oldest = 0;
        }
        let arrival = Arrival { at, delay };
        if self.arrivals.len() < REMEMBERED {
            self.arrivals.push(arrival);
        } else {
            self.arrivals[self.oldest] = arrival;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
        self.forget_the_past_of_a_shorter_way();
        self.sorted.clear();
        self.sorted.extend(self.arrivals.iter().filter(|known| at - known.at < FORGOTTEN_AFTER).map(|known| known.delay));
        // The one that just came is among them.
        self.base = self.sorted.iter().copied().min().unwrap_or(delay);
        let place = (SHARE * (self.sorted.len().saturating_sub(1)) as f64) as usize;
        let (_, late, _) = self.sorted.select_nth_unstable(place);
        let wanted = (*late - self.base + frame).clamp(MIN_TARGET, MAX_TARGET) as f64;
        let passed = (at - self.last).clamp(0, 1_000_000) as f64;
        self.last = at;
        // Up at once, down slowly.
        let fallen = self.target + (wanted - self.target) * (1.0 - (-passed / FALL).exp());
        self.target = wanted.max(fallen);
    }

    /// The last [`PROOF`] packets decide.
    fn forget_the_past_of_a_shorter_way(&mut self) {
        let known = self.arrivals.len();
        if known <= PROOF {
            return;
        }
        // The newest stands before the oldest, around the corner.
        let recent = |back: usize| self.arrivals[(self.oldest + 2 * known - 1 - back) % known];
        let least = (0..PROOF).map(|back| recent(back).delay).min().unwrap_or(self.base);
        self.held_up += u64::from(least - self.base > HELD_UP);
        if least - self.base > LATER_FOR_GOOD {
            let mut kept = [Arrival::default(); PROOF];
            (0..PROOF).for_each(|back| kept[PROOF - 1 - back] = recent(back));
            self.arrivals.clear();
            self.arrivals.extend(kept);
            self.oldest = 0;
        }
    }

    /// When a packet that was sent then would have come if it had been as timely as the timeliest.
    pub(super) fn due(&self, sent: Micros) -> Micros {
        sent + self.base
    }

    /// Packets so far that came while all of those just before were late.
    pub(super) fn held_up(&self) -> u64 {
        self.held_up
    }

    /// The delay that is needed.
    pub(super) fn target(&self) -> Micros {
        self.target as Micros
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.arrivals.clear();
        self.oldest = 0;
        self.target = MIN_TARGET as f64;
    }
}
