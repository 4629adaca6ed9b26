//! How bytes get to another machine: QUIC v1, and TCP with Noise and Yamux for networks that block UDP.
//!
//! The open profile adds circuits through relays, which are byte streams like TCP and are secured end to end in the same way.
//!
//! Names are never resolved: addresses are numbers, so an empty or missing resolver configuration is no obstacle.

use super::api::NetError;
use super::lan::LanOnly;
use super::meter::Meters;
use futures::future::Either;
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::transport::timeout::TransportTimeoutError;
use libp2p::core::upgrade;
use libp2p::identity::Keypair;
use libp2p::swarm::derive_prelude::Either as EitherError;
use libp2p::{PeerId, Transport, noise, quic, relay, tcp, yamux};
use std::error::Error;
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

/// The same for one client of an operator's node. Bytes: 2.5 MB/s at 50 ms, which text and what is left in mailboxes never need.
const SERVER_STREAM_WINDOW: u32 = 128 * 1024;

/// The same for a whole connection of a client. Bytes: four thousand clients who send and are not read hold a gigabyte.
const SERVER_CONNECTION_WINDOW: u32 = 256 * 1024;

/// Streams that a client of an operator's node may have open: sixteen circuits, its two protocols twice while its link moves, and libp2p's own.
/// Over TCP each may hold 256 KiB that are not read, which the library for it does not let one change.
const SERVER_STREAMS: u16 = 40;

/// Streams that a peer may have open on one connection. Needed: one per protocol and direction, twice while a link moves, and those of ping
/// and identify.
const MAX_STREAMS: u16 = 64;

/// What a profile speaks.
pub(super) enum Reach {
    /// The local network; refused inbound connections are counted.
    LanOnly(Arc<AtomicU64>),
    /// Everything, and circuits through relays, whose bytes are counted.
    Circuits(relay::client::Transport, Meters),
    /// Everything with an address of its own, for many clients.
    Server,
}

/// Builds the transports of a profile.
pub(super) fn build(key: &Keypair, reach: Reach) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError> {
    let (stream_window, window, streams) = match reach {
        Reach::Server => (SERVER_STREAM_WINDOW, SERVER_CONNECTION_WINDOW, SERVER_STREAMS),
        _ => (QUIC_STREAM_WINDOW, QUIC_CONNECTION_WINDOW, MAX_STREAMS),
    };
    let mut quic = quic::Config::new(key);
    quic.max_stream_data = stream_window;
    quic.max_connection_data = window;
    quic.max_concurrent_stream_limit = u32::from(streams);
    let quic = quic::tokio::Transport::new(quic).map_err(|error| match error {
        quic::Error::HandshakeTimedOut => io::ErrorKind::TimedOut.into(),
        other => io::Error::other(other),
    });

    let noise = noise::Config::new(key).map_err(|error| NetError::Secure(error.to_string()))?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(usize::from(streams));
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(upgrade::Version::V1Lazy)
        .authenticate(noise.clone())
        .multiplex(yamux.clone())
        .timeout(CONNECT_TIMEOUT)
        .map_err(plain);

    let both = quic.or_transport(tcp).map(|output, _| match output {
        Either::Left((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
        Either::Right((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
    });
    // Without the layers in between the kind of an error can be read.
    let both = both.map_err(|error| match error {
        EitherError::Left(error) | EitherError::Right(error) => error,
    });
    Ok(match reach {
        Reach::Server => both.boxed(),
        Reach::LanOnly(refused) => LanOnly::new(both, refused).boxed(),
        Reach::Circuits(circuits, meters) => {
            let circuits = circuits
                .map(move |stream, point| meters.attach(stream, &point))
                .upgrade(upgrade::Version::V1Lazy)
                .authenticate(noise)
                .multiplex(yamux)
                .timeout(CONNECT_TIMEOUT)
                .map_err(plain);
            // Before the others: they would take the relay's address for the peer's.
            let all = circuits.or_transport(both).map(|output, _| match output {
                Either::Left((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
                Either::Right(both) => both,
            });
            all.map_err(|error| match error {
                EitherError::Left(error) | EitherError::Right(error) => error,
            })
            .boxed()
        }
    })
}

/// An error of a stream with security and multiplexing on it, without the wrapping.
fn plain<E, A, M>(error: TransportTimeoutError<EitherError<EitherError<E, A>, M>>) -> io::Error
where
    E: Error + Send + Sync + 'static,
    A: Error + Send + Sync + 'static,
    M: Error + Send + Sync + 'static,
{
    match error {
        TransportTimeoutError::Timeout => io::ErrorKind::TimedOut.into(),
        TransportTimeoutError::Other(EitherError::Left(EitherError::Left(error))) => io::Error::other(error),
        other => io::Error::other(other),
    }
}
