//! Dials under way: at most one per peer, the addresses that wait behind it, and what a failure means. Pure.

use super::addr::{from_multiaddr, to_peer_key};
use super::api::{DialFailure, MAX_DIAL_ADDRS};
use libp2p::connection_limits::Exceeded;
use libp2p::core::transport::TransportError;
use libp2p::swarm::{ConnectionId, DialError};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, Transport};

/// A dial that should be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) peer: Option<PeerKey>,
    /// What to try in this attempt.
    pub(super) addrs: Vec<Addr>,
    /// What to try after it.
    rest: Vec<Addr>,
    /// What was tried before.
    tried: Vec<Addr>,
    /// The most telling failure so far.
    worst: Option<DialFailure>,
    /// Whether this attempt must not come from the port that this node listens on.
    pub(super) new_port: bool,
}

/// What follows from a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another attempt.
    Again(Attempt),
    /// Nothing left to try.
    Failed { peer: Option<PeerKey>, addrs: Vec<Addr>, why: DialFailure },
}

/// See the module.
#[derive(Default)]
pub(super) struct Dials {
    running: BTreeMap<ConnectionId, Attempt>,
}

impl Dials {
    /// Plans a dial; `None` if it waits behind one to the same peer.
    pub(super) fn plan(&mut self, peer: Option<PeerKey>, mut addrs: Vec<Addr>) -> Option<Attempt> {
        addrs.truncate(MAX_DIAL_ADDRS);
        addrs.retain(|addr| !addr.socket.ip().is_unspecified() && addr.socket.port() != 0);
        if let Some(running) = self.running.values_mut().find(|running| peer.is_some() && running.peer == peer) {
            for addr in addrs {
                let known = [&running.addrs, &running.rest, &running.tried].into_iter().any(|list| list.contains(&addr));
                if !known && running.rest.len() < MAX_DIAL_ADDRS {
                    running.rest.push(addr);
                }
            }
            return None;
        }
        // Without a peer there is no saying which of several answers is meant: one address after the other.
        let rest = if peer.is_none() && !addrs.is_empty() { addrs.split_off(1) } else { Vec::new() };
        Some(Attempt { peer, addrs, rest, tried: Vec::new(), worst: None, new_port: false })
    }

    /// An attempt was started as this connection.
    pub(super) fn started(&mut self, id: ConnectionId, attempt: Attempt) {
        self.running.insert(id, attempt);
    }

    /// The connection is up.
    pub(super) fn succeeded(&mut self, id: ConnectionId) {
        self.running.remove(&id);
    }

    /// The attempt failed.
    pub(super) fn failed(&mut self, id: ConnectionId, why: DialFailure) -> Option<Next> {
        self.running.remove(&id).map(|attempt| attempt.failed(why))
    }
}

impl Attempt {
    /// What follows if this attempt failed.
    pub(super) fn failed(mut self, why: DialFailure) -> Next {
        // Two nodes that dial each other from their listening ports at the same moment open one TCP connection with two clients (RFC 9293
        // 3.5, simultaneous open), whose handshakes cannot succeed. From other ports they are two connections.
        if why == DialFailure::Handshake && self.peer.is_some() && !self.new_port {
            let mut tcp = self.addrs.clone();
            tcp.retain(|addr| addr.transport == Transport::Tcp);
            if !tcp.is_empty() {
                return Next::Again(Self { addrs: tcp, new_port: true, ..self });
            }
        }
        self.new_port = false;
        self.tried.extend(self.addrs.drain(..).filter(|addr| !self.tried.contains(addr)).collect::<Vec<_>>());
        let why = self.worst.map_or(why, |worst| if telling(worst) >= telling(why) { worst } else { why });
        if self.rest.is_empty() {
            return Next::Failed { peer: self.peer, addrs: self.tried, why };
        }
        self.addrs = std::mem::take(&mut self.rest);
        if self.peer.is_none() {
            self.rest = self.addrs.split_off(1);
        }
        self.worst = Some(why);
        Next::Again(self)
    }
}

/// How much a reason helps the person who reads it.
fn telling(why: DialFailure) -> u8 {
    match why {
        DialFailure::NoAddress => 0,
        DialFailure::Unreachable => 1,
        DialFailure::Timeout => 2,
        DialFailure::Refused => 3,
        DialFailure::Handshake => 4,
        DialFailure::NotLan => 5,
        DialFailure::TooMany => 6,
        DialFailure::Myself => 7,
        DialFailure::WrongPeer { .. } => 8,
    }
}

/// What libp2p's error means for a person.
pub(super) fn failure_of(error: &DialError, had_addrs: bool) -> DialFailure {
    match error {
        DialError::LocalPeerId { .. } => DialFailure::Myself,
        // libp2p removes own listen addresses from the list.
        DialError::NoAddresses if had_addrs => DialFailure::Myself,
        DialError::NoAddresses => DialFailure::NoAddress,
        DialError::WrongPeerId { obtained, .. } => {
            to_peer_key(obtained).map_or(DialFailure::Handshake, |found| DialFailure::WrongPeer { found })
        }
        DialError::Denied { cause } if cause.downcast_ref::<Exceeded>().is_some() => DialFailure::TooMany,
        DialError::Denied { .. } => DialFailure::Handshake,
        DialError::Aborted | DialError::DialPeerConditionFalse(_) => DialFailure::Timeout,
        DialError::Transport(errors) => errors
            .iter()
            .map(|(addr, error)| match error {
                TransportError::MultiaddrNotSupported(_) if from_multiaddr(addr).is_ok() => DialFailure::NotLan,
                TransportError::MultiaddrNotSupported(_) => DialFailure::NoAddress,
                TransportError::Other(error) => failure_of_io(error),
            })
            .max_by_key(|why| telling(*why))
            .unwrap_or(DialFailure::Unreachable),
    }
}

/// libp2p wraps errors in errors; the innermost one with a kind counts.
fn failure_of_io(error: &io::Error) -> DialFailure {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    let mut found = DialFailure::Handshake;
    while let Some(error) = next {
        let Some(io) = error.downcast_ref::<io::Error>() else {
            next = error.source();
            continue;
        };
        found = match io.kind() {
            io::ErrorKind::ConnectionRefused => DialFailure::Refused,
            io::ErrorKind::TimedOut => DialFailure::Timeout,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::AddrNotAvailable => {
                DialFailure::Unreachable
            }
            _ => found,
        };
        // `io::Error::source` skips the error that it wraps.
        next = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> Addr {
        Addr::direct(([127, 0, 0, 1], port).into(), Transport::Tcp)
    }

    const PEER: Option<PeerKey> = Some(PeerKey([1; 32]));

    #[test]
    fn addresses_that_come_during_a_dial_are_tried_after_it() {
        let mut dials = Dials::default();
        let first = dials.plan(PEER, vec![addr(1), addr(2)]).unwrap();
        let id = ConnectionId::new_unchecked(1);
        dials.started(id, first);
        assert_eq!(dials.plan(PEER, vec![addr(2), addr(3)]), None);
        let Some(Next::Again(second)) = dials.failed(id, DialFailure::Refused) else { panic!("must try the new address") };
        assert_eq!(second.addrs, [addr(3)]);
        let failed = Next::Failed { peer: PEER, addrs: vec![addr(1), addr(2), addr(3)], why: DialFailure::Refused };
        assert_eq!(second.failed(DialFailure::Timeout), failed);
    }

    #[test]
    fn an_unknown_peer_is_sought_one_address_at_a_time() {
        let attempt = Dials::default().plan(None, vec![addr(1), addr(2)]).unwrap();
        assert_eq!(attempt.addrs, [addr(1)]);
        let Next::Again(attempt) = attempt.failed(DialFailure::Timeout) else { panic!("one address is left") };
        assert_eq!(attempt.addrs, [addr(2)]);
        assert!(matches!(attempt.failed(DialFailure::Unreachable), Next::Failed { why: DialFailure::Timeout, .. }));
    }

    #[test]
    fn a_failed_handshake_over_tcp_is_tried_once_more_from_another_port() {
        let attempt = Dials::default().plan(PEER, vec![addr(1), addr(2)]).unwrap();
        let Next::Again(again) = attempt.failed(DialFailure::Handshake) else { panic!("may have been a simultaneous open") };
        assert!(again.new_port);
        let failed = Next::Failed { peer: PEER, addrs: vec![addr(1), addr(2)], why: DialFailure::Handshake };
        assert_eq!(again.failed(DialFailure::Handshake), failed);
    }

    #[test]
    fn addresses_nobody_can_have_are_dropped_and_lists_are_cut() {
        let mut dials = Dials::default();
        let nowhere = Addr::direct(([0, 0, 0, 0], 5).into(), Transport::Tcp);
        assert_eq!(dials.plan(PEER, vec![addr(0), nowhere]).unwrap().addrs, []);
        assert_eq!(dials.plan(PEER, (1..100).map(addr).collect()).unwrap().addrs.len(), MAX_DIAL_ADDRS);
    }
}
