//! The moment in which the sockets of a node open.
//!
//! Whoever dials before that dials from a port of its own. The other side, an operator's node above all, then says that it sees this
//! one at that port, where nobody listens, and hole punching with that address is in vain. So dials wait until this is over.

use libp2p::core::transport::ListenerId;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// So long after the last address came no other is awaited: a wildcard brings one for each interface, all at once.
const QUIET: Duration = Duration::from_millis(50);

/// Longest wait: a socket that has no address by then, as on a machine without any network, gets none soon.
const PATIENCE: Duration = Duration::from_secs(1);

/// Which sockets have no address yet.
pub(super) struct Opening {
    missing: HashSet<ListenerId>,
    /// When it is over if nothing more comes; `None` once it is.
    until: Option<Instant>,
    latest: Instant,
}

impl Opening {
    /// Sockets that begin to open now.
    pub(super) fn new(now: Instant, sockets: impl IntoIterator<Item = ListenerId>) -> Self {
        let missing: HashSet<ListenerId> = sockets.into_iter().collect();
        let latest = now + PATIENCE;
        Self { until: (!missing.is_empty()).then_some(latest), missing, latest }
    }

    /// A socket has an address.
    pub(super) fn address(&mut self, now: Instant, socket: ListenerId) {
        self.missing.remove(&socket);
        self.settle(now);
    }

    /// A socket will have none.
    pub(super) fn closed(&mut self, now: Instant, socket: ListenerId) {
        self.missing.remove(&socket);
        self.settle(now);
    }

    /// Whether it ended by now, which it says once.
    pub(super) fn ended(&mut self, now: Instant) -> bool {
        self.until.take_if(|until| *until <= now).is_some()
    }

    pub(super) fn is_over(&self) -> bool {
        self.until.is_none()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.until
    }

    fn settle(&mut self, now: Instant) {
        if self.missing.is_empty()
            && let Some(until) = &mut self.until
        {
            *until = self.latest.min(now + QUIET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_a_moment_after_the_last_address() {
        let now = Instant::now();
        let (tcp, quic) = (ListenerId::next(), ListenerId::next());
        let mut opening = Opening::new(now, [tcp, quic]);
        opening.address(now, tcp);
        assert!(!opening.ended(now + QUIET), "one has no address yet");
        opening.address(now + QUIET, quic);
        opening.address(now + QUIET + QUIET / 2, quic);
        assert!(!opening.ended(now + 2 * QUIET), "an address came just now");
        assert!(opening.ended(now + 3 * QUIET) && opening.is_over());
        assert!(!opening.ended(now + 4 * QUIET), "it says so once");
    }

    #[test]
    fn nothing_is_waited_for_longer_than_it_may_take() {
        let now = Instant::now();
        let (tcp, quic) = (ListenerId::next(), ListenerId::next());
        let mut slow = Opening::new(now, [tcp, quic]);
        slow.address(now, tcp);
        assert_eq!(slow.next_deadline(), Some(now + PATIENCE));
        assert!(slow.ended(now + PATIENCE));

        let mut broken = Opening::new(now, [tcp]);
        broken.closed(now, tcp);
        assert!(broken.ended(now + QUIET));
        assert!(Opening::new(now, []).is_over());
    }
}
