//! What runs on each connection: limits, liveness, identification, application streams, and what each profile adds to them.
//!
//! The order of the fields matters: what can refuse a connection comes first. What a profile does not have is absent and not switched off.

use super::api::{NetConfig, Profile};
use super::guard::Guarded;
use super::server::ServerLimits;
use super::{crowd, dialback, directory, discreet, streams};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::PublicKey;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{autonat, dcutr, identify, ping, relay};
use veche_protocol::link::Proto;

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

/// Protocols that others may open on an operator's node, which is nobody's device.
const SERVED: [Proto; 2] = [Proto::Mailbox, Proto::Turn];

/// The behaviours of a node.
#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    /// Only on operators' nodes.
    crowd: Toggle<crowd::Behaviour>,
    ping: ping::Behaviour,
    pub(super) identify: discreet::Behaviour,
    pub(super) streams: streams::Behaviour,
    /// Ways through relays. Absent on the local network and on operators' nodes.
    pub(super) circuit: Toggle<relay::client::Behaviour>,
    /// Hole punching, with friends. Absent likewise.
    pub(super) punch: Toggle<Guarded<dcutr::Behaviour>>,
    /// Has operators' nodes dial this one's addresses. Absent likewise.
    pub(super) mirror: Toggle<Guarded<autonat::v2::client::Behaviour>>,
    /// The directory. Absent on the local network.
    pub(super) directory: Toggle<directory::Behaviour>,
    /// Only on operators' nodes.
    pub(super) relay: Toggle<relay::Behaviour>,
    /// Only on operators' nodes.
    pub(super) dialback: Toggle<dialback::Behaviour>,
}

impl Behaviour {
    /// A desktop. `circuit` is the other half of the relay transport, where there is one.
    pub(super) fn desktop(config: &NetConfig, key: &PublicKey, circuit: Option<relay::client::Behaviour>) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(MAX_PENDING))
            .with_max_pending_outgoing(Some(MAX_PENDING))
            .with_max_established_incoming(Some(MAX_INBOUND))
            .with_max_established_outgoing(Some(MAX_OUTBOUND))
            .with_max_established_per_peer(Some(MAX_PER_PEER));
        let open = circuit.is_some();
        Self {
            punch: open.then(|| Guarded::new(dcutr::Behaviour::new(key.to_peer_id()))).into(),
            mirror: open.then(|| Guarded::new(autonat::v2::client::Behaviour::default())).into(),
            directory: open.then(|| directory::client(key.to_peer_id())).into(),
            circuit: circuit.into(),
            ..Self::common(config, key, limits, streams::Behaviour::default())
        }
    }

    /// An operator's node.
    pub(super) fn server(most: &ServerLimits, net: &NetConfig, key: &PublicKey, directory: directory::Behaviour) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(most.pending))
            .with_max_pending_outgoing(Some(most.pending))
            .with_max_established(Some(most.connections))
            .with_max_established_incoming(Some(most.inbound))
            .with_max_established_per_peer(Some(most.connections_per_peer));
        // Whoever uses nothing here is let go: a client has a stream open, or a place behind the relay.
        let streams = streams::Behaviour::new(&SERVED, false);
        let common = Self::common(net, key, limits, streams);
        Self {
            crowd: Some(crowd::Behaviour::new(most.connections_per_address)).into(),
            identify: discreet::Behaviour::new(identify_config(net, key), true),
            directory: Some(directory).into(),
            relay: Some(relay::Behaviour::new(key.to_peer_id(), most.relay())).into(),
            dialback: Some(dialback::Behaviour::default()).into(),
            ..common
        }
    }

    fn common(config: &NetConfig, key: &PublicKey, limits: ConnectionLimits, streams: streams::Behaviour) -> Self {
        Self {
            limits: connection_limits::Behaviour::new(limits),
            crowd: None.into(),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(config.ping_interval).with_timeout(config.ping_timeout)),
            identify: discreet::Behaviour::new(identify_config(config, key), false),
            streams,
            circuit: None.into(),
            punch: None.into(),
            mirror: None.into(),
            directory: None.into(),
            relay: None.into(),
            dialback: None.into(),
        }
    }
}

fn identify_config(config: &NetConfig, key: &PublicKey) -> identify::Config {
    identify::Config::new(PROTOCOL.to_owned(), key.clone())
        .with_agent_version(AGENT.to_owned())
        .with_push_listen_addr_updates(true)
        // Nobody outside the own network learns addresses inside it.
        .with_hide_listen_addrs(config.profile == Profile::Open)
        // Addresses of peers are the core's business; nothing here may dial by itself.
        .with_cache_size(0)
}
