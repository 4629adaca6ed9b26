//! What runs on each connection: limits, liveness, identification, and application streams.
//!
//! The order of the fields matters: what can refuse a connection comes first.

use super::api::{NetConfig, Profile};
use super::streams;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::PublicKey;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{identify, ping};

/// Connections being set up at a time, each way. A TLS or Noise handshake costs a fraction of a millisecond of CPU and holds a socket.
const MAX_PENDING: u32 = 32;

/// Connections others made to us. A QUIC connection costs about 140 kB.
const MAX_INBOUND: u32 = 128;

/// Connections we made.
const MAX_OUTBOUND: u32 = 128;

/// Connections to one peer: up to four were seen while two sides dial each other over two transports.
const MAX_PER_PEER: u32 = 4;

/// What this node says it is. The same for everybody, without a version, so that it tells nothing about the person.
const AGENT: &str = "veche";

/// The version of the whole wire protocol in identify messages.
const PROTOCOL: &str = "/veche/1";

/// The behaviours of a desktop node.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    ping: ping::Behaviour,
    identify: identify::Behaviour,
    pub(super) streams: streams::Behaviour,
}

impl Behaviour {
    pub(super) fn new(config: &NetConfig, key: PublicKey) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(MAX_PENDING))
            .with_max_pending_outgoing(Some(MAX_PENDING))
            .with_max_established_incoming(Some(MAX_INBOUND))
            .with_max_established_outgoing(Some(MAX_OUTBOUND))
            .with_max_established_per_peer(Some(MAX_PER_PEER));
        let identify = identify::Config::new(PROTOCOL.to_owned(), key)
            .with_agent_version(AGENT.to_owned())
            .with_push_listen_addr_updates(true)
            // Nobody outside the own network learns addresses inside it.
            .with_hide_listen_addrs(config.profile == Profile::Open)
            // Addresses of peers are the core's business; nothing here may dial by itself.
            .with_cache_size(0);
        Self {
            limits: connection_limits::Behaviour::new(limits),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(config.ping_interval).with_timeout(config.ping_timeout)),
            identify: identify::Behaviour::new(identify),
            streams: streams::Behaviour::default(),
        }
    }
}
