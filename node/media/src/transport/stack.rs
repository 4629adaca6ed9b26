//! How the library is set up: codecs, feedback, timers, sockets.
//!
//! Interceptors are registered by hand. The defaults would ask for every lost packet until it leaves a log of 512, whether it came
//! by retransmission or not, and would queue sound behind pictures in a pacer.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rtc::crypto::SignatureScheme;
use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::{
    NackGeneratorBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot, TwccReceiverBuilder,
    TwccSenderBuilder,
};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_AV1, MIME_TYPE_OPUS, MediaEngine};
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::configuration::{RTCConfigurationBuilder, RTCIceTransportPolicy};
use rtc::peer_connection::transport::RTCIceServer;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability,
    RtpCodecKind,
};
use rtc::sdp::extmap::{AUDIO_LEVEL_URI, TRANSPORT_CC_URI};
use webrtc::peer_connection::{PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler};
use webrtc::runtime::Runtime;

use super::{Fingerprint, LegError, Ways};
use crate::packet::SAMPLE_RATE;

/// Payload type of Opus; dynamic (RFC 3551 §6), and the one that browsers use.
pub(super) const OPUS_PAYLOAD: u8 = 111;

/// Payload type of AV1; in the range that RFC 3551 leaves free, and the one that browsers use.
const AV1_PAYLOAD: u8 = 45;

/// How often a lost packet of a picture is asked for again.
const NACK_INTERVAL: Duration = Duration::from_millis(50);

/// How many times. After a quarter of a second the picture has moved on, and a key frame costs less.
const NACK_LIMIT: u16 = 5;

/// Between two checks of the same pair of addresses. Half the least that RFC 8445 §14.3 has for a public network would be 250 ms;
/// calls have few pairs, so this costs nothing and a call connects sooner.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Checks of a pair until it counts as failed: 5 s, so that a peer that answers late is still reached.
const CHECKS: u16 = 100;

/// A sign of life goes to the peer at least this often (RFC 7675 §5.1 wants at most every 4 s, and consent expires after 30 s).
const KEEPALIVE: Duration = Duration::from_secs(1);

/// Wait for a better pair before one through the outside address, the peer's view, or a relay is taken. Short, because every one
/// of them is heard; a better pair that succeeds later is moved to. Where only relays may be used there is nothing better to wait for.
const SERVER_REFLEXIVE_WAIT: Duration = Duration::from_millis(100);
const PEER_REFLEXIVE_WAIT: Duration = Duration::from_millis(100);
const RELAY_WAIT: Duration = Duration::from_millis(500);

/// Packets by which a replayed one may be late (RFC 3711 §3.3.2 wants at least 64). A second of sound and a key frame.
const REPLAY_WINDOW: usize = 512;

/// Most bytes that the data channel buffers for sending: dozens of control messages.
const CONTROL_BUFFER: usize = 64 * 1024;

/// Timers that tests shorten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Silence after which a connection counts as broken for now.
    pub(super) disconnected: Duration,
    /// How much longer until it is given up.
    pub(super) failed: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { disconnected: Duration::from_secs(5), failed: Duration::from_secs(25) }
    }
}

/// A certificate that lives as long as one call, with its fingerprint.
pub(super) fn certificate() -> Result<(RTCCertificate, Fingerprint), LegError> {
    let provider = rtc::crypto::default_provider().map_err(|_| LegError::Setup)?;
    let names = CertificateParams::new(Vec::new()).map_err(|_| LegError::Setup)?;
    let certificate = RTCCertificate::generate(provider.crypto(), SignatureScheme::EcdsaP256Sha256, names).map_err(|_| LegError::Setup)?;
    let prints = certificate.get_fingerprints(provider.crypto()).map_err(|_| LegError::Setup)?;
    let print = prints.iter().find(|print| print.algorithm.eq_ignore_ascii_case("sha-256")).ok_or(LegError::Setup)?;
    let fingerprint = Fingerprint::from_hex(&print.value).ok_or(LegError::Setup)?;
    Ok((certificate, fingerprint))
}

/// A connection that has its sockets, and nothing else yet.
pub(super) async fn connection(
    ways: &Ways,
    patience: Patience,
    certificate: RTCCertificate,
    handler: Arc<dyn PeerConnectionEventHandler>,
    runtime: Arc<dyn Runtime>,
) -> Result<Arc<dyn PeerConnection>, LegError> {
    let mut media = MediaEngine::default();
    for (codec, kind) in [(opus(), RtpCodecKind::Audio), (av1(), RtpCodecKind::Video)] {
        media.register_codec(codec, kind).map_err(|_| LegError::Setup)?;
    }
    for (uri, kind) in
        [(AUDIO_LEVEL_URI, RtpCodecKind::Audio), (TRANSPORT_CC_URI, RtpCodecKind::Audio), (TRANSPORT_CC_URI, RtpCodecKind::Video)]
    {
        let extension = RTCRtpHeaderExtensionCapability { uri: uri.to_owned() };
        media.register_header_extension(extension, kind, None).map_err(|_| LegError::Setup)?;
    }

    let settings = SettingEngineBuilder::new()
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_ice_timeouts(Some(patience.disconnected), Some(patience.failed), Some(KEEPALIVE))
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(CHECKS))
        .with_srflx_acceptance_min_wait(Some(SERVER_REFLEXIVE_WAIT))
        .with_prflx_acceptance_min_wait(Some(PEER_REFLEXIVE_WAIT))
        .with_relay_acceptance_min_wait(Some(if ways.ice.relay_only { Duration::ZERO } else { RELAY_WAIT }))
        .with_srtp_replay_protection_window(REPLAY_WINDOW)
        .with_include_loopback_candidate(ways.loopback)
        // A restart binds sockets anew, on the interfaces that exist by then. Without this the library would also not name its
        // addresses again, and a browser, which forgets those of before, would not find it.
        .with_discard_local_candidates_during_ice_restart(true)
        .build();

    let servers = if ways.ice.lan_only { Vec::new() } else { ways.ice.servers.iter().map(server).collect() };
    let policy = if ways.ice.relay_only { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
    let configuration = RTCConfigurationBuilder::new()
        .with_ice_servers(servers)
        .with_ice_transport_policy(policy)
        .with_certificates(vec![certificate])
        .build();

    let builder = PeerConnectionBuilder::<SocketAddr>::new()
        .with_configuration(configuration)
        .with_setting_engine(settings)
        .with_media_engine(media)
        .with_interceptor_registry(interceptors())
        .with_handler(handler)
        .with_runtime(runtime)
        .with_udp_addrs(addresses(ways))
        .with_data_channel_send_buffer_limit(CONTROL_BUFFER);
    // Its future carries the whole connection by value, 20 kB.
    let connection = Box::pin(builder.build()).await.map_err(|_| LegError::Sockets)?;
    Ok(Arc::new(connection))
}

/// What packets go through between the wire and this program. Only pictures are asked for again: their codecs name `nack`, sound
/// does not, and a lost sound is concealed sooner than it could be had again.
fn interceptors() -> Registry {
    Registry::new()
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(Slot::NackResponder, NackResponderBuilder::new().build())
        .with(Slot::NackGenerator, NackGeneratorBuilder::new().with_interval(NACK_INTERVAL).with_max_nacks_per_packet(NACK_LIMIT).build())
        .with(Slot::TwccReceiver, TwccReceiverBuilder::new().build())
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}

/// Where sockets are bound. A wildcard stands for every interface that is up, and again for each after an ICE restart.
fn addresses(ways: &Ways) -> Vec<SocketAddr> {
    if ways.loopback {
        vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]
    } else {
        vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))]
    }
}

fn server(server: &veche_protocol::call::media::IceServer) -> RTCIceServer {
    RTCIceServer { urls: server.urls.clone(), username: server.username.clone(), credential: server.credential.clone() }
}

/// A track to send on. Its id is drawn anew: the library tells reports about what is sent from reports about what is received by
/// the track's id, so both sides calling theirs the same would mix them up.
pub(super) fn track(kind: RtpCodecKind, label: &str) -> Result<MediaStreamTrack, LegError> {
    let codec = match kind {
        RtpCodecKind::Audio => opus(),
        _ => av1(),
    };
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(super::random::non_zero()?), ..RTCRtpCodingParameters::default() },
        active: true,
        codec: codec.rtp_codec,
        ..RTCRtpEncodingParameters::default()
    };
    Ok(MediaStreamTrack::new(super::random::name()?, super::random::name()?, label.to_owned(), kind, vec![coding]))
}

/// Constant bitrate is asked of the peer as it is kept here: sizes of packets would tell what is said (RFC 6562).
fn opus() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.to_owned(),
            clock_rate: SAMPLE_RATE,
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1;cbr=1".to_owned(),
            rtcp_feedback: vec![feedback("transport-cc", "")],
        },
        payload_type: OPUS_PAYLOAD,
    }
}

/// AV1, which is free of royalties and the best there is for screens. No `rtx` beside it: the library asks again for packets that
/// came by retransmission, which triples the traffic at 5 % loss.
fn av1() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: MIME_TYPE_AV1.to_owned(),
            clock_rate: 90_000,
            channels: 0,
            sdp_fmtp_line: "level-idx=5;profile=0;tier=0".to_owned(),
            rtcp_feedback: vec![feedback("ccm", "fir"), feedback("nack", ""), feedback("nack", "pli"), feedback("transport-cc", "")],
        },
        payload_type: AV1_PAYLOAD,
    }
}

fn feedback(typ: &str, parameter: &str) -> RTCPFeedback {
    RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() }
}
