//! Application streams on a connection of our choice.
//!
//! The ready-made crate for streams opens them on a random connection of a peer, drops inbound streams that arrive faster than they are
//! taken, and does not say which connection a stream came over. A link that keeps its promises about order while it moves from one connection
//! to another needs all three, so this is our own behaviour. It decides nothing: requests go down, streams come up.

use super::addr::to_peer_key;
use futures::channel::oneshot;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound};
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
    StreamUpgradeError, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;
use veche_protocol::link::Proto;

/// Time allowed to agree on the protocol of a new stream. As long as a ping may take to fail, twice.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// Inbound streams of one connection that may wait to be taken. Both sides use one stream per protocol, two while a link moves.
const MAX_WAITING: usize = 2 * Proto::ALL.len();

/// Why a stream could not be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The other side does not know the protocol.
    Unsupported,
    /// The connection failed.
    Io(io::Error),
}

/// The answer to a request for a stream. A dropped sender means that the connection is gone.
pub(super) type OpenReply = oneshot::Sender<Result<Stream, OpenError>>;

/// A stream that the other side opened.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) conn: ConnectionId,
    pub(super) proto: Proto,
    pub(super) stream: Stream,
}

/// See the module.
pub(super) struct Behaviour {
    offered: &'static [Proto],
    keep: bool,
    queue: VecDeque<ToSwarm<Inbound, Order>>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::new(&Proto::ALL, false)
    }
}

impl Behaviour {
    /// `offered`: what others may open. `keep`: whether connections stay open while nobody uses them.
    pub(super) fn new(offered: &'static [Proto], keep: bool) -> Self {
        Self { offered, keep, queue: VecDeque::new() }
    }

    /// Asks for a stream on exactly this connection.
    pub(super) fn open(&mut self, peer_id: PeerId, conn: ConnectionId, proto: Proto, reply: OpenReply) {
        self.order(peer_id, conn, Order::Open { proto, reply });
    }

    /// Whether a connection stays open while nobody uses it.
    pub(super) fn keep(&mut self, peer_id: PeerId, conn: ConnectionId, keep: bool) {
        self.order(peer_id, conn, Order::Keep(keep));
    }

    fn order(&mut self, peer_id: PeerId, conn: ConnectionId, event: Order) {
        self.queue.push_back(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(conn), event });
    }

    fn admit(&self, peer: &PeerId) -> Result<Handler, ConnectionDenied> {
        let handler = Handler { offered: self.offered, keep: self.keep, requests: VecDeque::new(), arrived: VecDeque::new() };
        to_peer_key(peer).map(|_| handler).ok_or_else(|| ConnectionDenied::new(ForeignKey))
    }
}

/// A peer whose id does not contain an Ed25519 key: no Veche device.
#[derive(Debug, thiserror::Error)]
#[error("the peer's key is not Ed25519")]
pub(super) struct ForeignKey;

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Inbound;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(&peer)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, conn: ConnectionId, (proto, stream): THandlerOutEvent<Self>) {
        self.queue.push_back(ToSwarm::GenerateEvent(Inbound { conn, proto, stream }));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        // No waker: the queue only grows in calls of the task that polls.
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}

/// A request on its way to a connection.
#[derive(Debug)]
pub(super) enum Order {
    Open { proto: Proto, reply: OpenReply },
    Keep(bool),
}

/// The part of [`Behaviour`] that lives in one connection.
pub(super) struct Handler {
    offered: &'static [Proto],
    keep: bool,
    requests: VecDeque<(Proto, OpenReply)>,
    arrived: VecDeque<(Proto, Stream)>,
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = (Proto, Stream);
    type InboundProtocol = Offer;
    type OutboundProtocol = Offer;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = OpenReply;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, Self::InboundOpenInfo> {
        SubstreamProtocol::new(Offer(self.offered), ()).with_timeout(OPEN_TIMEOUT)
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        // No waker: both queues only grow in calls after which the connection polls its handler again.
        if let Some(stream) = self.arrived.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(stream));
        }
        if let Some((proto, reply)) = self.requests.pop_front() {
            let protocol = SubstreamProtocol::new(Offer::one(proto), reply).with_timeout(OPEN_TIMEOUT);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep
    }

    fn on_behaviour_event(&mut self, order: Order) {
        match order {
            Order::Open { proto, reply } => self.requests.push_back((proto, reply)),
            Order::Keep(keep) => self.keep = keep,
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol, Self::InboundOpenInfo, Self::OutboundOpenInfo>,
    ) {
        // A reply nobody waits for any more is a link that ended meanwhile; dropping the stream is right.
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, info: () }) if self.arrived.len() < MAX_WAITING => {
                self.arrived.push_back(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol: (_, stream), info: reply }) => {
                let _ = reply.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: reply, error }) => {
                let error = match error {
                    StreamUpgradeError::Timeout => OpenError::Io(io::ErrorKind::TimedOut.into()),
                    StreamUpgradeError::NegotiationFailed => OpenError::Unsupported,
                    StreamUpgradeError::Io(error) => OpenError::Io(error),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                let _ = reply.send(Err(error));
            }
            _ => {}
        }
    }
}

/// An upgrade that only agrees on one of some protocols and hands out the bare stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer(&'static [Proto]);

impl Offer {
    fn one(proto: Proto) -> Self {
        Self(match proto {
            Proto::Hello => &[Proto::Hello],
            Proto::Dm => &[Proto::Dm],
            Proto::Sync => &[Proto::Sync],
            Proto::Inbox => &[Proto::Inbox],
            Proto::LanHello => &[Proto::LanHello],
            Proto::Mailbox => &[Proto::Mailbox],
            Proto::Turn => &[Proto::Turn],
        })
    }
}

/// A protocol as libp2p wants to see it.
#[derive(Clone)]
pub(super) struct Named(Proto, StreamProtocol);

impl AsRef<str> for Named {
    fn as_ref(&self) -> &str {
        self.1.as_ref()
    }
}

impl UpgradeInfo for Offer {
    type Info = Named;
    type InfoIter = std::iter::Map<std::iter::Copied<std::slice::Iter<'static, Proto>>, fn(Proto) -> Named>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.iter().copied().map(|proto| Named(proto, StreamProtocol::new(proto.id())))
    }
}

impl InboundUpgrade<Stream> for Offer {
    type Output = (Proto, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, named: Named) -> Self::Future {
        ready(Ok((named.0, stream)))
    }
}

impl OutboundUpgrade<Stream> for Offer {
    type Output = (Proto, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, named: Named) -> Self::Future {
        ready(Ok((named.0, stream)))
    }
}
