//! The hybrid logical clock: stamps that follow the wall clock where they can and causality always.
//!
//! Source: Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks" (2014), with one change: a stamp that does not
//! exceed everything before it makes its entry invalid, so order by (stamp, id) is an extension of causality for everybody,
//! whatever a writer's clock does.

use crate::limits;
use crate::time::{UnixMs, millis};
use crate::view::Hlc;

/// The next stamp of a writer whose newest known stamp, own or seen, is `last`. The counter carries over into the milliseconds
/// when it is full, which moves the stamp forward and never back.
#[must_use]
pub fn next(wall: UnixMs, last: Hlc) -> Hlc {
    Hlc::from_unix(wall).max(Hlc(last.0.saturating_add(1)))
}

/// Whether a stamp is further ahead of the reader's clock than [`limits::CLOCK_AHEAD`]. Such an entry is neither shown nor
/// answered nor passed on before [`due`].
#[must_use]
pub fn is_ahead(wall: UnixMs, stamp: Hlc) -> bool {
    due(stamp) > wall
}

/// When a stamp is no longer too far ahead.
#[must_use]
pub fn due(stamp: Hlc) -> UnixMs {
    UnixMs(stamp.unix().0.saturating_sub(millis(limits::CLOCK_AHEAD)))
}

/// Whether an entry with this stamp that arrives now should say so.
#[must_use]
pub fn is_late(wall: UnixMs, stamp: Hlc) -> bool {
    wall.since(stamp.unix()) > limits::LATE_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: UnixMs = UnixMs(1_800_000_000_000);

    #[test]
    fn stamps_exceed_everything_known_and_follow_the_wall() {
        let first = next(WALL, Hlc(0));
        assert_eq!(first.unix(), WALL);
        let second = next(WALL, first);
        assert!(second > first);
        let clock_set_back = next(UnixMs(WALL.0 - 3_600_000), second);
        assert!(clock_set_back > second);
        assert_eq!(next(UnixMs(WALL.0 + 5), clock_set_back).unix(), UnixMs(WALL.0 + 5));
    }

    #[test]
    fn a_full_counter_carries_into_the_milliseconds() {
        let full = Hlc(WALL.0 << 16 | 0xffff);
        assert_eq!(next(WALL, full).unix(), UnixMs(WALL.0 + 1));
    }

    #[test]
    fn ten_minutes_ahead_are_the_bound() {
        let bound = UnixMs(WALL.0 + 600_000);
        assert!(!is_ahead(WALL, Hlc::from_unix(bound)));
        assert!(is_ahead(WALL, Hlc::from_unix(UnixMs(bound.0 + 1))));
        assert_eq!(due(Hlc::from_unix(bound)), WALL);
    }
}
