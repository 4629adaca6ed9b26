//! Identify, without saying more than it must.
//!
//! libp2p's identify tells every peer all addresses that were ever confirmed, and takes everybody's word for what this node's own address is.
//! Here a desktop tells nobody anything, and only what an operator saw becomes a candidate for hole punching ([`super::outside`] decides).
//! An operator's node tells its public addresses: that is what it is for.

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm};
use libp2p::{Multiaddr, PeerId, identify};
use std::collections::VecDeque;
use std::task::{Context, Poll};

/// See the module.
pub(super) struct Behaviour {
    inner: identify::Behaviour,
    /// Whether confirmed addresses are told.
    open: bool,
    candidates: VecDeque<Multiaddr>,
}

impl Behaviour {
    /// `open`: tell confirmed addresses.
    pub(super) fn new(config: identify::Config, open: bool) -> Self {
        Self { inner: identify::Behaviour::new(config), open, candidates: VecDeque::new() }
    }

    /// This node may be reachable at an address.
    pub(super) fn candidate(&mut self, addr: Multiaddr) {
        self.candidates.push_back(addr);
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = THandler<identify::Behaviour>;
    type ToSwarm = identify::Event;

    fn handle_established_inbound_connection(
        &mut self,
        conn: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_inbound_connection(conn, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        conn: ConnectionId,
        peer: PeerId,
        addr: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.inner.handle_established_outbound_connection(conn, peer, addr, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ExternalAddrConfirmed(_) | FromSwarm::ExternalAddrExpired(_) if !self.open => {}
            event => self.inner.on_swarm_event(event),
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, conn: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, conn, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(addr) = self.candidates.pop_front() {
            return Poll::Ready(ToSwarm::NewExternalAddrCandidate(addr));
        }
        loop {
            match self.inner.poll(cx) {
                Poll::Ready(ToSwarm::NewExternalAddrCandidate(_)) => {}
                other => return other,
            }
        }
    }
}
