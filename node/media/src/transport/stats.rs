//! How a leg is, from the library's statistics.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rtc::peer_connection::transport::RTCIceCandidateType;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use veche_protocol::call::media::MediaRoute;
use veche_protocol::reach::{Reach, reach};
use webrtc::peer_connection::{PeerConnection, RTCStatsReport, RTCStatsReportEntry, StatsSelector};

/// Counts since a leg began, and what was measured last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Which way packets go; `None` before there is one.
    pub route: Option<MediaRoute>,
    /// There and back, as the connectivity checks measure it.
    pub rtt: Option<Duration>,
    /// Packets of sound sent.
    pub packets_sent: u64,
    /// Bytes of sound sent.
    pub bytes_sent: u64,
    /// Packets of sound received.
    pub packets_received: u64,
    /// Bytes of sound received.
    pub bytes_received: u64,
    /// Packets of the peer's sound that did not come.
    pub packets_lost: u64,
    /// Variation of their travel time (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// Datagrams that were not let in from the sockets.
    pub refused: u64,
}

/// The way that packets go at present.
pub(super) async fn route(connection: &dyn PeerConnection) -> Option<MediaRoute> {
    selected(connection).await
}

pub(super) async fn counts(connection: &dyn PeerConnection, sound: Option<u32>, refused: u64) -> Counts {
    let report = connection.get_stats(Instant::now(), StatsSelector::None).await;
    let mut counts = Counts { route: selected(connection).await, rtt: rtt(&report), refused, ..Counts::default() };
    for entry in report.iter() {
        match entry {
            RTCStatsReportEntry::InboundRtp(stream) => {
                let received = &stream.received_rtp_stream_stats;
                if Some(received.rtp_stream_stats.ssrc) == sound {
                    counts.packets_received = received.packets_received;
                    counts.bytes_received = stream.bytes_received;
                    counts.packets_lost = u64::try_from(received.packets_lost).unwrap_or(0);
                    counts.jitter =
                        Duration::try_from_secs_f64(received.jitter / f64::from(crate::packet::SAMPLE_RATE)).unwrap_or_default();
                }
            }
            RTCStatsReportEntry::OutboundRtp(stream) => {
                let sent = &stream.sent_rtp_stream_stats;
                if sent.rtp_stream_stats.kind == RtpCodecKind::Audio {
                    counts.packets_sent += sent.packets_sent;
                    counts.bytes_sent += sent.bytes_sent;
                }
            }
            _ => {}
        }
    }
    counts
}

/// The pair of addresses in use. Asked of the transport: the report of the library leaves local addresses out.
async fn selected(connection: &dyn PeerConnection) -> Option<MediaRoute> {
    let transport = connection.sctp().await?.transport().ice_transport();
    let pair = transport.get_selected_candidate_pair().await.ok()??;
    let ends = [pair.local(), pair.remote()];
    if ends.iter().any(|end| end.typ == RTCIceCandidateType::Relay) {
        return Some(MediaRoute::Relay);
    }
    let near = ends.iter().all(|end| {
        let address = end.address.parse::<IpAddr>();
        address.is_ok_and(|address| matches!(reach(address), Reach::LocalNetwork | Reach::Loopback))
    });
    Some(if near { MediaRoute::Lan } else { MediaRoute::Direct })
}

/// There and back, as the checks on the busiest pair measure it.
fn rtt(report: &RTCStatsReport) -> Option<Duration> {
    let pair = report.candidate_pairs().max_by_key(|pair| pair.packets_received.max(pair.responses_received))?;
    Duration::try_from_secs_f64(pair.current_round_trip_time).ok().filter(|rtt| !rtt.is_zero())
}
