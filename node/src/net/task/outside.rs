//! Relays, friends, and what the world outside says about this node.

use super::{Limit, Role, Task};
use crate::net::addr::{from_multiaddr, to_multiaddr, to_peer_id, to_peer_key};
use crate::net::api::NetEvent;
use crate::net::behaviour::BehaviourEvent;
use crate::net::relays::Action;
use crate::net::server::Ledger;
use libp2p::core::ConnectedPoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::ConnectionId;
use libp2p::{PeerId, autonat, identify, relay};
use std::collections::BTreeSet;
use std::time::Instant;
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, Hint, LinkInfo, Side};

impl Task {
    /// An operator's node says where it is.
    pub(super) fn expose(&mut self) {
        let Role::Server(external) = &self.role else { return };
        for addr in external.clone() {
            self.swarm.add_external_address(to_multiaddr(&addr));
        }
    }

    pub(super) fn operators(&mut self, list: &[Hint]) {
        let now = Instant::now();
        self.doors(list);
        if !self.swarm.behaviour().circuit.is_enabled() {
            return;
        }
        let peers: Vec<PeerKey> = list.iter().map(|hint| hint.peer).filter(|peer| *peer != self.me).collect();
        for left in self.relays.operators(now, peers.iter().copied()) {
            // libp2p lets go of a place only with the connection.
            if let Some(peer) = to_peer_id(&left) {
                let _ = self.swarm.disconnect_peer_id(peer);
            }
        }
        let relays = &self.relays;
        self.outside.operators(|peer| relays.knows(peer));
        if let Some(mirror) = self.swarm.behaviour_mut().mirror.as_mut() {
            mirror.admit(peers.iter().filter_map(to_peer_id).collect());
        }
        for (conn, info) in self.links.carried() {
            self.mind(now, conn, &info);
        }
        self.tell_outside();
    }

    pub(super) fn befriend(&mut self, friends: BTreeSet<PeerKey>) {
        let now = Instant::now();
        for peer in friends.difference(&self.friends) {
            self.circuits.befriended(now, peer);
        }
        if let Some(punch) = self.swarm.behaviour_mut().punch.as_mut() {
            punch.admit(friends.iter().filter_map(to_peer_id).collect());
        }
        self.friends = friends;
    }

    /// A link is up, or goes another way now.
    pub(super) fn went(&mut self, peer_id: PeerId, conn: ConnectionId, info: &LinkInfo) {
        let now = Instant::now();
        let Role::Desktop(meters) = &self.role else { return };
        match info.addr.relay {
            Some(relay) if info.side == Side::Dialler => {
                let limit = to_peer_id(&relay).and_then(|relay| self.limits.get(&relay).copied());
                let dialled = to_multiaddr(&info.addr).with_p2p(peer_id).ok();
                let meter = dialled.and_then(|addr| meters.of(&addr));
                self.circuits.up(now, info.peer, info.addr, limit, meter, self.friends.contains(&info.peer));
            }
            _ => self.circuits.gone(&info.peer),
        }
        self.mind(now, conn, info);
    }

    /// Whether this connection leads to an operator's node makes a difference.
    fn mind(&mut self, now: Instant, conn: ConnectionId, info: &LinkInfo) {
        let Some(peer) = to_peer_id(&info.peer) else { return };
        let operator = self.relays.knows(&info.peer);
        self.swarm.behaviour_mut().streams.keep(peer, conn, operator);
        if operator && info.addr.relay.is_none() {
            self.relays.up(now, &info.peer, info.addr);
        }
    }

    /// The link to a peer is down.
    pub(super) fn ended(&mut self, peer: &PeerKey) {
        self.circuits.gone(peer);
        self.relays.down(Instant::now(), peer);
    }

    /// Does what the relay manager decided.
    pub(super) fn settle_relays(&mut self) {
        while let Some(action) = self.relays.poll() {
            match action {
                Action::Reserve { relay, addr } => {
                    let place = to_multiaddr(&Addr { relay: Some(relay), ..addr });
                    let now = Instant::now();
                    match self.swarm.listen_on(place) {
                        Ok(listener) => self.relays.asked(now, &relay, listener),
                        Err(_) => self.relays.failed(now, &relay),
                    }
                }
                Action::Here(addr) => self.outbox.push_back(NetEvent::Listening(addr)),
                Action::Gone(addr) => self.outbox.push_back(NetEvent::ListeningGone(addr)),
            }
        }
    }

    /// Events of what runs beside the application's streams.
    pub(super) fn around(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { connection_id, peer_id, info }) => {
                self.neighbour(peer_id, &info);
                self.identified(connection_id, peer_id, &info);
            }
            BehaviourEvent::Circuit(relay::client::Event::OutboundCircuitEstablished { relay_peer_id, limit: Some(limit) }) => {
                self.limits
                    .insert(relay_peer_id, Limit { time: limit.duration(), bytes: limit.data_in_bytes().filter(|bytes| *bytes > 0) });
            }
            BehaviourEvent::Circuit(relay::client::Event::OutboundCircuitEstablished { relay_peer_id, limit: None }) => {
                self.limits.remove(&relay_peer_id);
            }
            BehaviourEvent::Mirror(autonat::v2::client::Event { tested_addr, result: Ok(()), .. }) => {
                if let Ok((addr, _)) = from_multiaddr(&tested_addr) {
                    self.outside.proven(addr);
                    self.tell_outside();
                }
            }
            BehaviourEvent::Directory(event) => self.progress(event),
            BehaviourEvent::Relay(event) => self.ledger.relay(&self.counters.server, &event),
            BehaviourEvent::Dialback(event) => Ledger::probe(&self.counters.server, &event),
            _ => {}
        }
    }

    fn identified(&mut self, conn: ConnectionId, peer_id: PeerId, info: &identify::Info) {
        let Some(peer) = to_peer_key(&peer_id).filter(|peer| self.relays.knows(peer)) else { return };
        let Ok((seen, _)) = from_multiaddr(&info.observed_addr) else { return };
        // Only the port that this node listens on is where others can come in.
        let listens =
            self.config.listen.iter().any(|addr| (addr.transport, addr.socket.is_ipv4()) == (seen.transport, seen.socket.is_ipv4()));
        if seen.relay.is_some() || !listens || !self.own_port.contains(&conn) {
            return;
        }
        if let Some(candidate) = self.outside.seen(peer, seen) {
            self.swarm.behaviour_mut().identify.candidate(to_multiaddr(&candidate));
        }
        self.tell_outside();
    }

    fn tell_outside(&mut self) {
        if let Some((addrs, nat)) = self.outside.news() {
            self.outbox.push_back(NetEvent::Outside { addrs, nat });
        }
    }
}

/// Whether a connection was dialled from the port that this node listens on.
pub(super) fn from_listening_port(endpoint: &ConnectedPoint) -> bool {
    matches!(endpoint, ConnectedPoint::Dialer { port_use: PortUse::Reuse, .. }) && !endpoint.is_relayed()
}
