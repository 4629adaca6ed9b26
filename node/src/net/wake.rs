//! Notices that the ground moved: own addresses changed, or the machine slept. Pure.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

/// Time to wait for further address changes before acting: an interface that comes up gets several addresses one after the other.
const SETTLE: Duration = Duration::from_millis(500);

/// Time between looks at the clocks.
pub(super) const CLOCK_CHECK: Duration = Duration::from_secs(5);

/// Wall time that may pass unseen by the monotonic clock, which stands still during suspend on Linux and macOS. Below this, connections
/// survive a nap; a time correction of this size is rare, and then looking at the connections costs little.
const CLOCK_JUMP: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Watch {
    now: BTreeSet<IpAddr>,
    /// The addresses when it was last quiet; `None` before the first time.
    quiet: Option<BTreeSet<IpAddr>>,
    settle_at: Option<Instant>,
    clocks: (Instant, SystemTime),
    next_check: Instant,
}

impl Watch {
    pub(super) fn new(now: Instant, wall: SystemTime) -> Self {
        Self { now: BTreeSet::new(), quiet: None, settle_at: Some(now + SETTLE), clocks: (now, wall), next_check: now + CLOCK_CHECK }
    }

    /// An own address appeared.
    pub(super) fn address_up(&mut self, now: Instant, ip: IpAddr) {
        if !ip.is_loopback() && self.now.insert(ip) {
            self.settle_at = Some(now + SETTLE);
        }
    }

    /// An own address disappeared.
    pub(super) fn address_down(&mut self, now: Instant, ip: IpAddr) {
        if self.now.remove(&ip) {
            self.settle_at = Some(now + SETTLE);
        }
    }

    /// When [`Self::tick`] has something to look at.
    pub(super) fn next_deadline(&self) -> Instant {
        self.settle_at.map_or(self.next_check, |settle| settle.min(self.next_check))
    }

    /// Whether the network must be taken as changed.
    pub(super) fn tick(&mut self, now: Instant, wall: SystemTime) -> bool {
        let mut changed = false;
        if self.settle_at.is_some_and(|at| at <= now) {
            self.settle_at = None;
            // The first addresses after the start are no change.
            changed = self.quiet.as_ref().is_some_and(|quiet| *quiet != self.now);
            self.quiet = Some(self.now.clone());
        }
        if self.next_check <= now {
            let (mono, last) = self.clocks;
            let unseen = wall.duration_since(last).unwrap_or_default().saturating_sub(now.duration_since(mono));
            changed |= unseen > CLOCK_JUMP;
            self.clocks = (now, wall);
            self.next_check = now + CLOCK_CHECK;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> IpAddr {
        [192, 168, 0, last].into()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_address_that_comes_after_the_start_is_a_change_reported_once() {
        let (start, wall) = (Instant::now(), SystemTime::now());
        let mut watch = Watch::new(start, wall);
        watch.address_up(start, [127, 0, 0, 1].into());
        assert!(!watch.tick(start + SECOND, wall + SECOND), "offline start");
        watch.address_up(start + SECOND, ip(1));
        assert!(!watch.tick(start + SECOND, wall + SECOND), "not settled yet");
        assert!(watch.tick(start + 2 * SECOND, wall + 2 * SECOND));
        assert!(!watch.tick(start + 3 * SECOND, wall + 3 * SECOND));
    }

    #[test]
    fn an_address_that_goes_and_comes_back_at_once_is_no_change() {
        let (start, wall) = (Instant::now(), SystemTime::now());
        let mut watch = Watch::new(start, wall);
        watch.address_up(start, ip(1));
        assert!(!watch.tick(start + SECOND, wall + SECOND));
        watch.address_down(start + SECOND, ip(1));
        watch.address_up(start + SECOND, ip(1));
        assert!(!watch.tick(start + 2 * SECOND, wall + 2 * SECOND));
        watch.address_down(start + 2 * SECOND, ip(1));
        assert!(watch.tick(start + 3 * SECOND, wall + 3 * SECOND));
    }

    #[test]
    fn sleep_is_seen_by_the_clocks_drifting_apart() {
        let (start, wall) = (Instant::now(), SystemTime::now());
        let mut watch = Watch::new(start, wall);
        assert!(!watch.tick(start + 6 * SECOND, wall + 20 * SECOND));
        assert!(watch.tick(start + 12 * SECOND, wall + 3600 * SECOND));
        assert!(!watch.tick(start + 18 * SECOND, wall + 3606 * SECOND));
        assert!(!watch.tick(start + 24 * SECOND, wall), "a clock set back is no sleep");
    }
}
