//! Streams on their way in and out, and what the pipes report.

use super::Task;
use crate::net::addr::to_peer_id;
use crate::net::api::DownReason;
use crate::net::links::Verdict;
use crate::net::pipe::{Opening, Report, Turn, read_head};
use crate::net::streams::Inbound;
use libp2p::swarm::ConnectionId;
use veche_protocol::link::Proto;

/// Inbound streams of one connection whose head may be missing.
pub(crate) const MAX_HEADS: usize = 2 * Proto::ALL.len();

impl Task {
    pub(super) fn report(&mut self, report: Report) {
        match report {
            Report::Open { link, proto, reply } => {
                let conn = self.links.stream_out(link).or_else(|| self.partings.stream_out(link));
                let Some((peer, conn)) = conn.and_then(|conn| Some((to_peer_id(&self.links.owner(conn)?)?, conn))) else { return };
                let (give, stream) = futures::channel::oneshot::channel();
                self.swarm.behaviour_mut().streams.open(peer, conn, proto, give);
                // A writer that does not wait any more belongs to a link that just ended.
                let _ = reply.send(Opening { conn, stream });
            }
            Report::Head { conn, proto, head, stream } => match self.links.stream_in(conn, proto, head.session, head.turn) {
                Verdict::Accept(link) => {
                    // The verdict may have brought the link up.
                    self.settle();
                    if let Err(why) = self.wires.accept(link, proto, Turn { conn, turn: head.turn, stream }) {
                        self.links.end(link, why);
                    }
                }
                Verdict::Refuse => self.refused(),
            },
            Report::Done { link, conn } => self.links.stream_done(link, conn),
            Report::Broken { link, conn } => {
                if self.wires.peer(link).is_some() {
                    self.links.fail(conn, DownReason::Closed);
                }
            }
            Report::End { link, why } => self.links.end(link, why),
        }
    }

    pub(super) fn inbound(&mut self, Inbound { conn, proto, stream }: Inbound) {
        let waiting = self.heads_of.entry(conn).or_default();
        if *waiting >= MAX_HEADS {
            return self.refused();
        }
        *waiting = waiting.saturating_add(1);
        let reports = self.send_reports.clone();
        self.heads.spawn(async move {
            read_head(conn, proto, stream, reports).await;
            conn
        });
    }

    pub(super) fn head_done(&mut self, conn: ConnectionId) {
        if let Some(waiting) = self.heads_of.get_mut(&conn) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                self.heads_of.remove(&conn);
            }
        }
    }
}
