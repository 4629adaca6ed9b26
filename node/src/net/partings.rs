//! Links that were told to end and whose last frames are still leaving. Pure, apart from the tasks that it may stop.
//!
//! Closing a QUIC connection throws away what was written and not acknowledged, so a farewell that is followed by its close at once
//! seldom arrives. The last frames are therefore written, and then the other side is given a moment to close: whoever understood a
//! farewell does. Both waits are short, so that nobody can hold a connection open by not reading.

use libp2p::swarm::ConnectionId;
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;
use veche_protocol::ids::{LinkId, PeerKey};

/// Time for the last frames of a link to be written.
pub(super) const FAREWELL: Duration = Duration::from_secs(1);

/// Time, once they are, for the other side to take them in and to close: a round trip around the world.
pub(super) const LINGER: Duration = Duration::from_millis(300);

/// See the module.
#[derive(Default)]
pub(super) struct Partings {
    all: Vec<Parting>,
}

struct Parting {
    link: LinkId,
    peer: PeerKey,
    /// Where a stream that is not open yet is opened.
    on: ConnectionId,
    writers: Vec<AbortHandle>,
    /// Connections that close when this is over.
    held: Vec<ConnectionId>,
    ends: Instant,
    written: bool,
}

impl Drop for Parting {
    fn drop(&mut self) {
        for writer in &self.writers {
            writer.abort();
        }
    }
}

impl Partings {
    /// A link ends; these tasks write what it still has to say.
    pub(super) fn begin(&mut self, now: Instant, link: LinkId, peer: PeerKey, on: ConnectionId, writers: Vec<AbortHandle>) {
        self.all.push(Parting { link, peer, on, writers, held: Vec::new(), ends: now + FAREWELL, written: false });
    }

    /// Whether a connection that should be closed has to wait. It comes back from [`Self::tick`].
    pub(super) fn hold(&mut self, peer: PeerKey, conn: ConnectionId) -> bool {
        match self.all.iter_mut().rev().find(|parting| parting.peer == peer) {
            Some(parting) => {
                parting.held.push(conn);
                true
            }
            None => false,
        }
    }

    /// The connection on which a link that is ending may open a stream.
    pub(super) fn stream_out(&self, link: LinkId) -> Option<ConnectionId> {
        self.all.iter().find(|parting| parting.link == link && parting.held.contains(&parting.on)).map(|parting| parting.on)
    }

    /// A connection is gone.
    pub(super) fn closed(&mut self, conn: ConnectionId) {
        for parting in &mut self.all {
            parting.held.retain(|held| *held != conn);
        }
        self.all.retain(|parting| !parting.held.is_empty());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// When [`Self::tick`] has something to do; the end of a task that writes is another occasion.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.all.iter().map(|parting| parting.ends).min()
    }

    /// Time passed, or a task ended: the connections to close now.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<ConnectionId> {
        for parting in &mut self.all {
            if !parting.written && parting.writers.iter().all(AbortHandle::is_finished) {
                parting.written = true;
                parting.ends = now + LINGER;
            }
        }
        let over = self.all.extract_if(.., |parting| parting.ends <= now);
        over.flat_map(|mut parting| std::mem::take(&mut parting.held)).collect()
    }
}
