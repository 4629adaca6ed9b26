//! Ends links so that what was said last arrives, one of them or all at the end of the network.

use super::Task;
use crate::net::addr::to_peer_key;
use crate::net::api::DownReason;
use crate::net::partings::{FAREWELL, LINGER};
use futures::StreamExt;
use libp2p::PeerId;
use std::time::{Duration, Instant};
use veche_protocol::ids::LinkId;

/// Longest time from the wish to stop until the network has stopped: farewells, and a moment for connections to close in order.
pub(crate) const GOODBYE: Duration = Duration::from_millis(1500);
const _: () = assert!(FAREWELL.as_millis() + LINGER.as_millis() < GOODBYE.as_millis());

impl Task {
    /// Ends a link at this side's wish. The core is told at once; its connection closes when the last frames have left.
    pub(super) fn part(&mut self, link: LinkId) {
        if let Some((peer, on)) = self.links.chosen(link) {
            let writers = self.wires.part(link);
            if !writers.is_empty() {
                self.partings.begin(Instant::now(), link, peer, on, writers);
            }
        }
        self.links.end(link, DownReason::Local);
    }

    /// Closes what has waited for last frames long enough.
    pub(super) fn tick_partings(&mut self, now: Instant) {
        for conn in self.partings.tick(now) {
            self.swarm.close_connection(conn);
        }
    }

    /// Does what was commanded before the end, ends all links, and closes all connections properly, so that the other sides need not
    /// find out by silence.
    pub(super) async fn goodbye(mut self) {
        let by = Instant::now() + GOODBYE;
        self.discovery = None;
        while let Ok(command) = self.commands.try_recv() {
            self.command(command);
        }
        for link in self.links.all() {
            self.part(link);
        }
        loop {
            self.settle();
            // Nobody listens any more, or takes a last look at what there is room for.
            self.outbox.clear();
            if self.partings.is_empty() {
                if self.swarm.connected_peers().next().is_none() {
                    return;
                }
                self.close_everything();
            }
            let deadline = self.partings.next_deadline().map_or(by, |at| at.min(by));
            tokio::select! {
                Some(report) = self.reports.recv() => self.report(report),
                event = self.swarm.select_next_some() => self.swarm_event(event),
                _ = self.wires.ended() => {}
                () = tokio::time::sleep_until(deadline.into()) => {}
            }
            let now = Instant::now();
            self.tick_partings(now);
            if now >= by {
                tracing::debug!("not every connection was closed in time");
                return;
            }
        }
    }

    fn close_everything(&mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers.iter().filter(|peer| to_peer_key(peer).is_some()) {
            // An error means that it is gone already.
            let _ = self.swarm.disconnect_peer_id(*peer);
        }
    }
}
