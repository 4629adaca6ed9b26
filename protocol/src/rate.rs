//! How often something may happen: the generic cell rate algorithm (ITU-T I.371, annex A), in virtual scheduling form. One number of state.

use crate::time::{Mono, millis};
use std::net::IpAddr;
use std::time::Duration;

/// So many at once, then one after each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a long pause.
    pub burst: u32,
    /// Time that earns one more. Milliseconds count.
    pub each: Duration,
}

/// How far one rate is used up: the time at which it will be whole again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used(Mono);

impl Used {
    /// Takes `cost` units, or says how long to wait for them. A cost above the burst never fits and waits for the whole of it.
    pub fn take(&mut self, rate: &Rate, cost: u32, now: Mono) -> Result<(), Duration> {
        let each = millis(rate.each);
        let whole = each.saturating_mul(u64::from(rate.burst));
        let after = self.0.max(now).0.saturating_add(each.saturating_mul(u64::from(cost)));
        let over = after.saturating_sub(now.0).saturating_sub(whole);
        if over > 0 {
            return Err(Duration::from_millis(over));
        }
        self.0 = Mono(after);
        Ok(())
    }

    /// Whether it is whole again, and so need not be remembered.
    pub fn is_whole(&self, now: Mono) -> bool {
        self.0 <= now
    }
}

/// Where somebody comes from, as coarse as addresses are handed out: one household or one rented machine is one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The first 24 bits of an IPv4 address.
    V4([u8; 3]),
    /// The first 48 bits of an IPv6 address.
    V6([u8; 6]),
}

impl Source {
    /// The source of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::v4(ip.octets()),
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(ip) => Self::v4(ip.octets()),
                None => {
                    let [a, b, c, d, e, f, ..] = ip.octets();
                    Self::V6([a, b, c, d, e, f])
                }
            },
        }
    }

    fn v4([a, b, c, _]: [u8; 4]) -> Self {
        Self::V4([a, b, c])
    }
}

/// Who shares an address: one IPv4 address, or the first 64 bits of an IPv6 address, within which whoever has one has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Household {
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address.
    V6([u8; 8]),
}

impl Household {
    /// The household of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

/// How many bytes have passed of late: a leaky bucket that holds what passes in a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flow {
    level: u64,
    at: Mono,
}

impl Flow {
    /// Whether these bytes may pass at a rate of so many a second. What may not is not counted.
    pub fn pass(&mut self, per_second: u64, bytes: u64, now: Mono) -> bool {
        let gone = millis(now.since(self.at)).saturating_mul(per_second).checked_div(1000).unwrap_or(0);
        if gone > 0 {
            // Less than a byte's worth of time is kept for the next look.
            self.at = now;
        }
        self.level = self.level.saturating_sub(gone);
        let level = self.level.saturating_add(bytes);
        if level > per_second {
            return false;
        }
        self.level = level;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, each: Duration::from_secs(2) };

    #[test]
    fn a_burst_passes_and_then_one_after_each_interval() {
        let (mut used, mut now) = (Used::default(), Mono(1_000_000));
        for _ in 0..3 {
            assert_eq!(used.take(&RATE, 1, now), Ok(()));
        }
        assert_eq!(used.take(&RATE, 1, now), Err(Duration::from_secs(2)));
        now = now.after(Duration::from_millis(1_999));
        assert_eq!(used.take(&RATE, 1, now), Err(Duration::from_millis(1)));
        now = now.after(Duration::from_millis(1));
        assert_eq!(used.take(&RATE, 1, now), Ok(()));
        assert_eq!(used.take(&RATE, 1, now), Err(Duration::from_secs(2)), "a refusal cost nothing, a permission one unit");
        assert!(!used.is_whole(now));
        assert!(used.is_whole(now.after(Duration::from_secs(6))));
    }

    #[test]
    fn a_long_pause_earns_no_more_than_the_burst() {
        let mut used = Used::default();
        let now = Mono(u64::from(u32::MAX));
        assert_eq!(used.take(&RATE, 3, now), Ok(()));
        assert!(used.take(&RATE, 1, now).is_err());
        assert!(Used::default().take(&RATE, 4, now).is_err(), "more than a burst never fits");
    }

    #[test]
    fn a_flow_lets_a_second_through_at_once_and_then_its_rate() {
        let (mut flow, start) = (Flow::default(), Mono(1_000_000));
        let passed = |flow: &mut Flow, from: u64, until: u64| (from..until).filter(|ms| flow.pass(100_000, 100, Mono(*ms))).count();
        assert!(flow.pass(100_000, 100_000, start) && !flow.pass(100_000, 1, start));
        let later = passed(&mut flow, start.0 + 1, start.0 + 2001);
        assert!((1999..=2000).contains(&later), "{later}");
        let mut slow = Flow::default();
        let later = (0..10_000).filter(|ms| slow.pass(100, 100, Mono(start.0 + ms))).count();
        assert!((10..=11).contains(&later), "looking often does not starve it: {later}");
    }

    #[test]
    fn a_household_shares_an_address() {
        let of = |ip: &str| Household::of(ip.parse().unwrap());
        assert_ne!(of("198.51.100.7"), of("198.51.100.8"));
        assert_eq!(of("::ffff:198.51.100.7"), of("198.51.100.7"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::3"), of("2001:db8:1:3::3"));
    }

    #[test]
    fn neighbours_are_one_source_and_strangers_are_not() {
        let of = |ip: &str| Source::of(ip.parse().unwrap());
        assert_eq!(of("198.51.100.7"), of("198.51.100.200"));
        assert_ne!(of("198.51.100.7"), of("198.51.101.7"));
        assert_eq!(of("::ffff:198.51.100.7"), of("198.51.100.8"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::3"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
    }
}
