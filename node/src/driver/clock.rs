//! The machine's clocks, as the core is told them.

use std::time::Duration;
use tokio::time::Instant;
use veche_protocol::time::{Mono, Now, UnixMs};

/// See the module.
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub fn now(&self) -> Now {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Now { mono: Mono(veche_protocol::time::millis(self.start.elapsed())), wall: UnixMs(veche_protocol::time::millis(wall)) }
    }

    /// The instant at which the core's monotonic clock shows `at`, one millisecond later because that clock counts whole ones.
    pub fn instant(&self, at: Mono) -> Instant {
        self.start + Duration::from_millis(at.0.saturating_add(1))
    }
}

/// Waits until an instant, or for ever.
pub(super) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
