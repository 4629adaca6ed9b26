//! One direction of a wire: which frame is lost, doubled, held back, and when it leaves. Pure and seeded: the same frames at the same
//! times give the same departures. The part that moves real frames is `pump`.

mod conditions;
#[cfg(test)]
mod tests;

pub use conditions::{Bursts, Conditions, LONGEST_FRAME};

use crate::chance::Chance;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Bytes of an Ethernet header, which [`Conditions::corrupt`] leaves alone: a frame for nobody is a lost one, not a damaged one.
const HEADER: usize = 14;
/// Frames under way at most: 0.2 s of full frames at 1 Gbit/s. More are lost.
const UNDER_WAY: usize = 16 * 1024;

/// What has happened to the frames so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Frames that came in.
    pub came: u64,
    /// Frames that went out, copies included.
    pub left: u64,
    /// Frames lost by chance, in a burst or for want of room.
    pub lost: u64,
    /// Copies made.
    pub doubled: u64,
    /// Frames that others were let past.
    pub held: u64,
    /// Frames with a bit turned over.
    pub damaged: u64,
}

/// A frame under way. Ordered by departure, then by arrival.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct UnderWay {
    leaves: Duration,
    number: u64,
    frame: Vec<u8>,
}

/// One direction of a wire. Times are durations since any fixed moment, and never go back.
#[derive(Debug)]
pub struct Wire {
    conditions: Conditions,
    chance: Chance,
    under_way: BinaryHeap<Reverse<UnderWay>>,
    number: u64,
    /// When the last frame leaves that was not held back: the next one leaves no earlier.
    last: Duration,
    /// When everything that waits for the rate has been sent.
    busy_until: Duration,
    in_burst: bool,
    tally: Tally,
}

impl Wire {
    /// A wire that only carries.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            conditions: Conditions::default(),
            chance: Chance::new(seed),
            under_way: BinaryHeap::new(),
            number: 0,
            last: Duration::ZERO,
            busy_until: Duration::ZERO,
            in_burst: false,
            tally: Tally::default(),
        }
    }

    /// Changes what happens to frames that come from now on. Those under way arrive as decided.
    pub fn set(&mut self, conditions: Conditions) {
        self.conditions = conditions;
        self.in_burst = false;
        // What was slow does not hold up what is quick: the order is kept among frames of the same conditions.
        self.last = Duration::ZERO;
        self.busy_until = Duration::ZERO;
    }

    /// Takes a frame.
    pub fn put(&mut self, now: Duration, frame: &[u8]) {
        self.tally.came += 1;
        if self.is_lost() {
            self.tally.lost += 1;
            return;
        }
        let Some(sent) = self.sent_at(now, frame.len()) else {
            self.tally.lost += 1;
            return;
        };
        let copies = if self.chance.happens(self.conditions.dup) { 2 } else { 1 };
        self.tally.doubled += copies - 1;
        for _ in 0..copies {
            if self.under_way.len() >= UNDER_WAY {
                self.tally.lost += 1;
                continue;
            }
            let leaves = self.leaves_at(sent);
            let frame = self.carried(frame);
            self.under_way.push(Reverse(UnderWay { leaves, number: self.number, frame }));
            self.number += 1;
        }
    }

    /// When the next frame leaves.
    #[must_use]
    pub fn next_departure(&self) -> Option<Duration> {
        self.under_way.peek().map(|Reverse(next)| next.leaves)
    }

    /// A frame that leaves by now.
    pub fn take(&mut self, now: Duration) -> Option<Vec<u8>> {
        let due = self.next_departure().is_some_and(|leaves| leaves <= now);
        let Reverse(next) = if due { self.under_way.pop() } else { None }?;
        self.tally.left += 1;
        Some(next.frame)
    }

    /// What has happened so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn is_lost(&mut self) -> bool {
        let by_burst = self.conditions.bursts.is_some_and(|bursts| {
            let turn = if self.in_burst { bursts.leave } else { bursts.enter };
            self.in_burst ^= self.chance.happens(turn);
            self.in_burst && self.chance.happens(bursts.loss)
        });
        by_burst || self.chance.happens(self.conditions.loss)
    }

    /// When the last bit of a frame is on the wire; `None` if there is no room to wait for that.
    fn sent_at(&mut self, now: Duration, length: usize) -> Option<Duration> {
        let Some(rate) = self.conditions.rate else { return Some(now) };
        let rate = rate.max(1) as f64;
        let waiting = self.busy_until.saturating_sub(now);
        if waiting.as_secs_f64() * rate / 8.0 + length as f64 > self.conditions.queue as f64 {
            return None;
        }
        self.busy_until = now + waiting + Duration::from_secs_f64(length as f64 * 8.0 / rate);
        Some(self.busy_until)
    }

    fn leaves_at(&mut self, sent: Duration) -> Duration {
        let leaves = sent + self.conditions.delay + self.chance.up_to(self.conditions.jitter);
        if self.chance.happens(self.conditions.reorder) {
            self.tally.held += 1;
            return leaves + self.conditions.held;
        }
        self.last = self.last.max(leaves);
        self.last
    }

    /// The bytes that arrive.
    fn carried(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut frame = frame.to_vec();
        if self.chance.happens(self.conditions.corrupt) {
            let bits = frame.len().saturating_sub(HEADER) as u64 * 8;
            let bit = self.chance.below(bits);
            if let Some(byte) = frame.get_mut(HEADER + (bit / 8) as usize) {
                *byte ^= 1 << (bit % 8);
                self.tally.damaged += 1;
            }
        }
        frame
    }
}
