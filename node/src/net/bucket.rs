//! A token bucket: how fast a peer may send before it is made to wait. Pure.

use std::time::{Duration, Instant};
use veche_protocol::link::Proto;

/// What one link may send over one protocol. Exceeding it delays reading, which the sender feels as backpressure; nothing is lost.
#[derive(Clone, Copy, Debug)]
struct Rates {
    frames_per_second: f64,
    frame_burst: f64,
    bytes_per_second: f64,
    byte_burst: f64,
}

/// Messages and catching up: twice the fastest rate this software reaches, so that only something built to flood meets the limit.
const BULK: Rates = Rates { frames_per_second: 20_000.0, frame_burst: 40_000.0, bytes_per_second: 64.0 * MIB, byte_burst: 128.0 * MIB };

/// Introductions: a handful per connection in honest use; each may cost the receiver a public-key operation.
const SMALL: Rates = Rates { frames_per_second: 10.0, frame_burst: 64.0, bytes_per_second: 0.125 * MIB, byte_burst: MIB };

const MIB: f64 = 1024.0 * 1024.0;

/// The state of one limit.
#[derive(Debug)]
pub(super) struct Bucket {
    rates: Rates,
    frames: f64,
    bytes: f64,
    at: Instant,
}

impl Bucket {
    /// Full.
    pub(super) fn new(proto: Proto, now: Instant) -> Self {
        let rates = match proto {
            Proto::Dm | Proto::Sync => BULK,
            Proto::Hello | Proto::Inbox | Proto::LanHello | Proto::Mailbox | Proto::Turn => SMALL,
        };
        Self { rates, frames: rates.frame_burst, bytes: rates.byte_burst, at: now }
    }

    /// Takes one frame of `len` bytes and says how long to wait before the next is read.
    #[allow(clippy::cast_precision_loss, reason = "a frame is far below 2^52 bytes")]
    pub(super) fn take(&mut self, now: Instant, len: usize) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.frames = (self.frames + passed * self.rates.frames_per_second).min(self.rates.frame_burst) - 1.0;
        self.bytes = (self.bytes + passed * self.rates.bytes_per_second).min(self.rates.byte_burst) - len as f64;
        let wait = (-self.frames / self.rates.frames_per_second).max(-self.bytes / self.rates.bytes_per_second);
        if wait > 0.0 { Duration::from_secs_f64(wait) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Proto::Hello, start);
        let mut now = start;
        let mut passed = 0u32;
        while now < start + Duration::from_secs(10) {
            now += bucket.take(now, 100);
            passed += 1;
        }
        assert!((160..=170).contains(&passed), "64 at once, then 10 a second: {passed}");
    }

    #[test]
    fn bytes_are_limited_as_well() {
        let now = Instant::now();
        let mut bucket = Bucket::new(Proto::Inbox, now);
        let waits: Vec<Duration> = (0..65).map(|_| bucket.take(now, 16 * 1024)).collect();
        assert_eq!(waits[63], Duration::ZERO);
        assert!(waits[64] > Duration::from_millis(100));
    }
}
