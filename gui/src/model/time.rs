//! Days and clock times as the person in front of the window sees them.

use veche_protocol::time::UnixMs;

/// A local time zone.
#[derive(Clone, Debug)]
pub struct Zone(jiff::tz::TimeZone);

/// A calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Year.
    pub year: i16,
    /// Month, from 1.
    pub month: i8,
    /// Day of the month, from 1.
    pub day: i8,
}

/// How far back a day is from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ago {
    /// The same day.
    Today,
    /// The day before.
    Yesterday,
    /// Less than a week: its weekday, from 1 for Monday.
    Week(i8),
    /// Longer, this year.
    Year,
    /// Another year, or the future.
    Other,
}

impl Zone {
    /// The zone of this computer.
    #[must_use]
    pub fn system() -> Self {
        Self(jiff::tz::TimeZone::system())
    }

    /// Universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    fn local(&self, at: UnixMs) -> jiff::civil::DateTime {
        let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
        let stamp = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
        self.0.to_datetime(stamp)
    }

    /// The day of an instant.
    #[must_use]
    pub fn day(&self, at: UnixMs) -> Day {
        let d = self.local(at).date();
        Day { year: d.year(), month: d.month(), day: d.day() }
    }

    /// Hours and minutes of an instant.
    #[must_use]
    pub fn clock(&self, at: UnixMs) -> String {
        let t = self.local(at);
        format!("{:02}:{:02}", t.hour(), t.minute())
    }

    /// How far back `at` is, seen from `now`.
    #[must_use]
    pub fn ago(&self, at: UnixMs, now: UnixMs) -> Ago {
        let (then, today) = (self.local(at).date(), self.local(now).date());
        match span_days(then, today) {
            0 => Ago::Today,
            1 => Ago::Yesterday,
            2..=6 => Ago::Week(then.weekday().to_monday_one_offset()),
            7.. if then.year() == today.year() => Ago::Year,
            _ => Ago::Other,
        }
    }
}

fn span_days(from: jiff::civil::Date, to: jiff::civil::Date) -> i32 {
    from.until(to).map_or(i32::MAX, |s| s.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    /// 2026-11-24 12:00 UTC, a Tuesday.
    const NOW: UnixMs = UnixMs(1_795_521_600_000);

    #[test]
    fn days_are_named_by_their_distance() {
        let z = Zone::utc();
        let ago = |days: u64| z.ago(UnixMs(NOW.0 - days * DAY), NOW);
        assert_eq!(z.day(NOW), Day { year: 2026, month: 11, day: 24 });
        assert_eq!(z.clock(NOW), "12:00");
        assert_eq!(ago(0), Ago::Today);
        assert_eq!(ago(1), Ago::Yesterday);
        assert_eq!(ago(2), Ago::Week(7));
        assert_eq!(ago(6), Ago::Week(3));
        assert_eq!(ago(7), Ago::Year);
        assert_eq!(ago(40), Ago::Year);
        assert_eq!(ago(400), Ago::Other);
        assert_eq!(z.ago(UnixMs(NOW.0 + 2 * DAY), NOW), Ago::Other);
    }

    #[test]
    fn absurd_stamps_do_not_panic() {
        let z = Zone::utc();
        let _ = (z.day(UnixMs(u64::MAX)), z.clock(UnixMs(u64::MAX)), z.ago(UnixMs(u64::MAX), NOW), z.ago(NOW, UnixMs(u64::MAX)));
    }
}
