//! How many connections one address may have to an operator's node. Keys cost nothing, so a limit for each peer is none for a machine that
//! makes up peers; addresses cost something, and whoever has one IPv6 address has the other 2^64 beside it.

use super::addr::from_multiaddr;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::{ConnectionClosed, ListenFailure};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::task::{Context, Poll};
use veche_protocol::rate::Household;

/// See the module.
pub(super) struct Behaviour {
    most: u32,
    inbound: HashMap<ConnectionId, Household>,
    counts: BTreeMap<Household, u32>,
}

/// One address has enough connections.
#[derive(Debug, thiserror::Error)]
#[error("too many connections from one address")]
struct Crowded;

impl Behaviour {
    /// `most`: connections that one IPv4 address or IPv6 /64 made, with those whose handshake is not done.
    pub(super) fn new(most: u32) -> Self {
        Self { most, inbound: HashMap::new(), counts: BTreeMap::new() }
    }

    fn let_in(&mut self, conn: ConnectionId, remote: &Multiaddr) -> Result<(), ConnectionDenied> {
        let Ok((addr, _)) = from_multiaddr(remote) else { return Ok(()) };
        let household = Household::of(addr.socket.ip());
        let count = self.counts.entry(household).or_default();
        if *count >= self.most {
            return Err(ConnectionDenied::new(Crowded));
        }
        *count += 1;
        self.inbound.insert(conn, household);
        Ok(())
    }

    fn gone(&mut self, conn: ConnectionId) {
        let Some(household) = self.inbound.remove(&conn) else { return };
        if let Some(count) = self.counts.get_mut(&household) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&household);
            }
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(&mut self, conn: ConnectionId, _: &Multiaddr, remote: &Multiaddr) -> Result<(), ConnectionDenied> {
        self.let_in(conn, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. })
            | FromSwarm::ListenFailure(ListenFailure { connection_id, .. }) => self.gone(connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, never: THandlerOutEvent<Self>) {
        match never {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let mut crowd = Behaviour::new(2);
        let mut next = 0;
        let mut come = |crowd: &mut Behaviour, addr: &str| {
            next += 1;
            let conn = ConnectionId::new_unchecked(next);
            crowd.let_in(conn, &addr.parse().unwrap()).is_ok().then_some(conn)
        };
        let first = come(&mut crowd, "/ip4/198.51.100.1/udp/4000/quic-v1").unwrap();
        assert!(come(&mut crowd, "/ip4/198.51.100.1/tcp/5000").is_some());
        assert!(come(&mut crowd, "/ip4/198.51.100.1/tcp/5001").is_none(), "whatever the transport");
        assert!(come(&mut crowd, "/ip4/198.51.100.2/tcp/5001").is_some(), "neighbours have their own");
        for host in ["1", "2"] {
            assert!(come(&mut crowd, &format!("/ip6/2001:db8:0:1::{host}/tcp/5001")).is_some());
        }
        assert!(come(&mut crowd, "/ip6/2001:db8:0:1:9::9/tcp/5001").is_none(), "one IPv6 network is one address");
        crowd.gone(first);
        crowd.gone(first);
        assert!(come(&mut crowd, "/ip4/198.51.100.1/tcp/5002").is_some());
        assert!(come(&mut crowd, "/ip4/198.51.100.1/tcp/5003").is_none());
    }
}
