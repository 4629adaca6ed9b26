//! How bytes get to another machine: QUIC v1, and TCP with Noise and Yamux for networks that block UDP.
//!
//! Names are never resolved: addresses are numbers, so an empty or missing resolver configuration is no obstacle.

use super::api::{NetError, Profile};
use super::lan::LanOnly;
use futures::future::Either;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeoutError;
use libp2p::core::upgrade;
use libp2p::identity::Keypair;
use libp2p::swarm::derive_prelude::Either as EitherError;
use libp2p::{PeerId, Transport, noise, quic, tcp, yamux};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Time for a TCP connection including both handshakes; QUIC has 5 s of its own. Long enough for three lost SYNs in a row (1+2+4 s).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Unread data that a QUIC peer may have on its way to us per stream. Bytes; the default of 10 MB lets a burst drown a home router
/// (autonomi#2605), this allows 40 MB/s at 50 ms.
const QUIC_STREAM_WINDOW: u32 = 2 * 1024 * 1024;

/// The same for a whole connection, so that one stream cannot take it all. Bytes.
const QUIC_CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Streams that a peer may have open on one connection. Needed: one per protocol and direction, twice while a link moves, and those of ping
/// and identify.
const MAX_STREAMS: u16 = 64;

/// Builds the transports of a profile. Inbound connections refused by the profile are counted in `refused`.
pub(super) fn build(key: &Keypair, profile: Profile, refused: Arc<AtomicU64>) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError> {
    let mut quic = quic::Config::new(key);
    quic.max_stream_data = QUIC_STREAM_WINDOW;
    quic.max_connection_data = QUIC_CONNECTION_WINDOW;
    quic.max_concurrent_stream_limit = u32::from(MAX_STREAMS);
    let quic = quic::tokio::Transport::new(quic).map_err(|error| match error {
        quic::Error::HandshakeTimedOut => io::ErrorKind::TimedOut.into(),
        other => io::Error::other(other),
    });

    let noise = noise::Config::new(key).map_err(|error| NetError::Secure(error.to_string()))?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(usize::from(MAX_STREAMS));
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux)
        .timeout(CONNECT_TIMEOUT)
        .map_err(|error| match error {
            TransportTimeoutError::Timeout => io::ErrorKind::TimedOut.into(),
            TransportTimeoutError::Other(EitherError::Left(EitherError::Left(error))) => error,
            other => io::Error::other(other),
        });

    let both = quic.or_transport(tcp).map(|output, _| match output {
        Either::Left((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
        Either::Right((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
    });
    // Without the layers in between the kind of an error can be read.
    let both = both.map_err(|error| match error {
        EitherError::Left(error) | EitherError::Right(error) => error,
    });
    Ok(match profile {
        Profile::Open => both.boxed(),
        Profile::LanOnly => LanOnly::new(both, refused).boxed(),
    })
}
