//! The two clocks of this program, read together.

use std::time::{Duration, Instant, SystemTime};
use veche_protocol::time::{Mono, Now, UnixMs};

/// Counts from the start of the program. Copies agree.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(&self) -> Now {
        Now { mono: Mono(veche_protocol::time::millis(self.0.elapsed())), wall: wall() }
    }

    pub fn instant(&self, mono: Mono) -> Instant {
        self.0 + Duration::from_millis(mono.0)
    }
}

pub(crate) fn wall() -> UnixMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMs(veche_protocol::time::millis(since))
}
