//! Dials clients at addresses that they would like to know about, and only there.
//!
//! `AutoNAT` lets a client name any address to be dialled. Dialling costs little, and the protocol makes the client send more than the server
//! will; but a server's own machine and the network it stands in are nobody else's to look around in, and a connection dialled for a test is
//! no link. So this wrapper knows which connections are tests.

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm};
use libp2p::{Multiaddr, PeerId, autonat};
use std::collections::{BTreeSet, HashMap};
use std::task::{Context, Poll};
use veche_protocol::link::Addr;

use super::addr::from_multiaddr;

/// Tests at a time. Each holds a socket for as long as a dial may take.
const MAX_TESTS: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct Behaviour {
    inner: autonat::v2::server::Behaviour,
    tests: BTreeSet<ConnectionId>,
    /// Connections whose other end is on this machine or network.
    near: HashMap<ConnectionId, PeerId>,
}

/// A test that is not made.
#[derive(Debug, thiserror::Error)]
#[error("not an address that this client may have tested")]
struct NotHere;

impl Behaviour {
    /// Whether a connection was made to test an address.
    pub(super) fn is_test(&self, conn: ConnectionId) -> bool {
        self.tests.contains(&conn)
    }

    fn may_test(&self, peer: Option<PeerId>, addr: &Multiaddr) -> bool {
        let Ok((Addr { relay: None, socket, transport }, _)) = from_multiaddr(addr) else { return false };
        // Whoever is near may ask for what is near.
        !Addr::direct(socket, transport).route().is_local() || peer.is_some_and(|peer| self.near.values().any(|near| *near == peer))
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = THandler<autonat::v2::server::Behaviour>;
    type ToSwarm = autonat::v2::server::Event;

    fn handle_established_inbound_connection(
        &mut self,
        conn: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if from_multiaddr(remote).is_ok_and(|(addr, _)| addr.route().is_local()) {
            self.near.insert(conn, peer);
        }
        self.inner.handle_established_inbound_connection(conn, peer, local, remote)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        conn: ConnectionId,
        peer: Option<PeerId>,
        addrs: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.is_test(conn) && (self.tests.len() > MAX_TESTS || !addrs.iter().all(|addr| self.may_test(peer, addr))) {
            return Err(ConnectionDenied::new(NotHere));
        }
        self.inner.handle_pending_outbound_connection(conn, peer, addrs, role)
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
        match &event {
            FromSwarm::ConnectionClosed(closed) => {
                self.near.remove(&closed.connection_id);
                self.tests.remove(&closed.connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.tests.remove(&failure.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                self.near.remove(&failure.connection_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, conn: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, conn, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let action = self.inner.poll(cx);
        if let Poll::Ready(ToSwarm::Dial { opts }) = &action {
            self.tests.insert(opts.connection_id());
        }
        action
    }
}
