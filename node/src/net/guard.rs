//! A behaviour that is only there for some peers.
//!
//! Hole punching tells the other side this node's addresses, and so does a request to test whether they can be dialled. Both are fine among
//! people who know each other and with operators of one's own choice, and nobody else's business. libp2p offers them to everybody. Wrapped in
//! this, the part of such a behaviour that lives in a connection sleeps there, offering and asking nothing, until its peer is admitted; so it
//! can be woken on a connection that is already up.

use futures::future::Either as EitherFuture;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::DeniedUpgrade;
use libp2p::swarm::derive_prelude::Either;
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound, ListenUpgradeError, SendWrapper,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
    SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::task::{Context, Poll};

/// See the module.
pub(super) struct Guarded<B> {
    inner: B,
    admitted: BTreeSet<PeerId>,
    connections: HashMap<ConnectionId, PeerId>,
    /// Connections whose handler must be told.
    turns: VecDeque<(ConnectionId, PeerId)>,
}

impl<B: NetworkBehaviour> Guarded<B> {
    /// Admits nobody at first.
    pub(super) fn new(inner: B) -> Self {
        Self { inner, admitted: BTreeSet::new(), connections: HashMap::new(), turns: VecDeque::new() }
    }

    /// Who is admitted from now on.
    pub(super) fn admit(&mut self, peers: BTreeSet<PeerId>) {
        let changed = |peer: &PeerId| self.admitted.contains(peer) != peers.contains(peer);
        self.turns.extend(self.connections.iter().filter(|(_, peer)| changed(peer)).map(|(conn, peer)| (*conn, *peer)));
        self.admitted = peers;
    }

    fn wrap(&self, peer: &PeerId, inner: THandler<B>) -> Handler<THandler<B>> {
        Handler { inner, awake: self.admitted.contains(peer) }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Guarded<B> {
    type ConnectionHandler = Handler<THandler<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        conn: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner.handle_pending_inbound_connection(conn, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        conn: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let inner = self.inner.handle_established_inbound_connection(conn, peer, local, remote)?;
        Ok(self.wrap(&peer, inner))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        conn: ConnectionId,
        peer: Option<PeerId>,
        addrs: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
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
        let inner = self.inner.handle_established_outbound_connection(conn, peer, addr, role, port)?;
        Ok(self.wrap(&peer, inner))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(up) => {
                self.connections.insert(up.connection_id, up.peer_id);
            }
            FromSwarm::ConnectionClosed(down) => {
                self.connections.remove(&down.connection_id);
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, conn: ConnectionId, event: THandlerOutEvent<Self>) {
        self.inner.on_connection_handler_event(peer, conn, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((conn, peer_id)) = self.turns.pop_front() {
            let event = Told::Awake(self.admitted.contains(&peer_id));
            return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(conn), event });
        }
        self.inner.poll(cx).map(|action| action.map_in(Told::Inner))
    }
}

/// What reaches the part in a connection.
#[derive(Debug)]
pub(super) enum Told<E> {
    Awake(bool),
    Inner(E),
}

/// The part of [`Guarded`] that lives in one connection.
pub(super) struct Handler<H> {
    inner: H,
    awake: bool,
}

impl<H: ConnectionHandler> ConnectionHandler for Handler<H> {
    type FromBehaviour = Told<H::FromBehaviour>;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = Either<SendWrapper<H::InboundProtocol>, SendWrapper<DeniedUpgrade>>;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = Option<H::InboundOpenInfo>;
    type OutboundOpenInfo = H::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        if self.awake {
            self.inner.listen_protocol().map_upgrade(|upgrade| Either::Left(SendWrapper(upgrade))).map_info(Some)
        } else {
            SubstreamProtocol::new(Either::Right(SendWrapper(DeniedUpgrade)), None)
        }
    }

    fn connection_keep_alive(&self) -> bool {
        self.awake && self.inner.connection_keep_alive()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        // No waker while asleep: whoever wakes it is followed by a poll.
        if self.awake { self.inner.poll(cx) } else { Poll::Pending }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.inner.poll_close(cx)
    }

    fn on_behaviour_event(&mut self, told: Self::FromBehaviour) {
        match told {
            Told::Awake(awake) => self.awake = awake,
            Told::Inner(event) => self.inner.on_behaviour_event(event),
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, Self::InboundOpenInfo, Self::OutboundOpenInfo>,
    ) {
        let event = match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: EitherFuture::Left(protocol),
                info: Some(info),
            }) => ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, info }),
            ConnectionEvent::ListenUpgradeError(ListenUpgradeError { info: Some(info), error: Either::Left(error) }) => {
                ConnectionEvent::ListenUpgradeError(ListenUpgradeError { info, error })
            }
            // A stream that was refused.
            ConnectionEvent::FullyNegotiatedInbound(_) | ConnectionEvent::ListenUpgradeError(_) => return,
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info })
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error })
            }
            ConnectionEvent::AddressChange(change) => ConnectionEvent::AddressChange(change),
            ConnectionEvent::LocalProtocolsChange(change) => ConnectionEvent::LocalProtocolsChange(change),
            ConnectionEvent::RemoteProtocolsChange(change) => ConnectionEvent::RemoteProtocolsChange(change),
            _ => return,
        };
        self.inner.on_connection_event(event);
    }
}
