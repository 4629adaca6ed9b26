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
pub(super) struct Used(Mono);

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
    fn neighbours_are_one_source_and_strangers_are_not() {
        let of = |ip: &str| Source::of(ip.parse().unwrap());
        assert_eq!(of("198.51.100.7"), of("198.51.100.200"));
        assert_ne!(of("198.51.100.7"), of("198.51.101.7"));
        assert_eq!(of("::ffff:198.51.100.7"), of("198.51.100.8"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::3"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
    }
}
