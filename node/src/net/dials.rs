//! Dials under way, and what a failure means. Pure.
//!
//! Addresses that become known during a dial to the same peer are tried beside it: a node that was just started anew announces
//! where it is now, while the dial to where it was runs into its time-out. Together they are one dial, which fails once.

use super::addr::{from_multiaddr, to_peer_key};
use super::api::{DialFailure, MAX_DIAL_ADDRS};
use libp2p::connection_limits::Exceeded;
use libp2p::core::transport::TransportError;
use libp2p::relay::client::transport::Error as CircuitError;
use libp2p::relay::outbound::hop::ConnectError;
use libp2p::swarm::{ConnectionId, DialError};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, Transport};

/// Attempts to reach one peer at the same time. Further addresses wait behind them.
const ATTEMPTS: usize = 3;

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
    /// Plans a dial; `None` if all its addresses are being tried, or wait behind others of the same peer.
    pub(super) fn plan(&mut self, peer: Option<PeerKey>, mut addrs: Vec<Addr>) -> Option<Attempt> {
        addrs.truncate(MAX_DIAL_ADDRS);
        // Behind a relay nobody in particular can be asked for.
        addrs.retain(|addr| !addr.socket.ip().is_unspecified() && addr.socket.port() != 0 && (peer.is_some() || addr.relay.is_none()));
        if peer.is_some() {
            let mut same: Vec<&mut Attempt> = self.running.values_mut().filter(|running| running.peer == peer).collect();
            addrs.retain(|addr| !same.iter().any(|running| running.knows(addr)));
            let beside = same.len();
            if let Some(first) = same.first_mut() {
                if beside >= ATTEMPTS {
                    addrs.truncate(MAX_DIAL_ADDRS.saturating_sub(first.rest.len()));
                    first.rest.append(&mut addrs);
                }
                if addrs.is_empty() {
                    return None;
                }
            }
        }
        // Without a peer there is no saying which of several answers is meant: one address after the other.
        let rest = if peer.is_none() && !addrs.is_empty() { addrs.split_off(1) } else { Vec::new() };
        Some(Attempt { peer, addrs, rest, tried: Vec::new(), worst: None, new_port: false })
    }

    /// Whether a peer is being dialled.
    pub(super) fn seeks(&self, peer: &PeerKey) -> bool {
        self.running.values().any(|running| running.peer == Some(*peer))
    }

    /// An attempt was started as this connection.
    pub(super) fn started(&mut self, id: ConnectionId, attempt: Attempt) {
        self.running.insert(id, attempt);
    }

    /// The connection is up: what else is tried for the same peer does not matter any more. Whether it is one of these.
    pub(super) fn succeeded(&mut self, id: ConnectionId) -> bool {
        let Some(done) = self.running.remove(&id) else { return false };
        self.running.retain(|_, other| done.peer.is_none() || other.peer != done.peer);
        true
    }

    /// The attempt failed.
    pub(super) fn failed(&mut self, id: ConnectionId, why: DialFailure) -> Option<Next> {
        self.running.remove(&id).and_then(|attempt| self.over(attempt, why))
    }

    /// What follows from an attempt that is not under way, or no longer; nothing while another for the same peer is.
    pub(super) fn over(&mut self, attempt: Attempt, why: DialFailure) -> Option<Next> {
        let next = attempt.failed(why);
        let Next::Failed { peer, addrs, why } = &next else { return Some(next) };
        match self.running.values_mut().find(|other| peer.is_some() && other.peer == *peer) {
            Some(other) => {
                other.tried.extend(addrs);
                other.worst = Some(other.worst.map_or(*why, |worst| more_telling(worst, *why)));
                None
            }
            None => Some(next),
        }
    }
}

impl Attempt {
    /// The relays that all ways of this attempt lead through; empty if one does without.
    pub(super) fn only_through(&self) -> Vec<PeerKey> {
        self.addrs.iter().map(|addr| addr.relay).collect::<Option<_>>().unwrap_or_default()
    }

    fn knows(&self, addr: &Addr) -> bool {
        [&self.addrs, &self.rest, &self.tried].into_iter().any(|list| list.contains(addr))
    }

    /// What follows if this attempt failed.
    fn failed(mut self, why: DialFailure) -> Next {
        // Two nodes that dial each other from their listening ports at the same moment open one TCP connection with two clients (RFC 9293
        // 3.5, simultaneous open), whose handshakes cannot succeed. From other ports they are two connections.
        if why == DialFailure::Handshake && self.peer.is_some() && !self.new_port {
            let mut tcp = self.addrs.clone();
            tcp.retain(|addr| addr.transport == Transport::Tcp && addr.relay.is_none());
            if !tcp.is_empty() {
                return Next::Again(Self { addrs: tcp, new_port: true, ..self });
            }
        }
        self.new_port = false;
        self.tried.extend(self.addrs.drain(..).filter(|addr| !self.tried.contains(addr)).collect::<Vec<_>>());
        let why = self.worst.map_or(why, |worst| more_telling(worst, why));
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

/// The reason that helps more; the first if both do alike.
fn more_telling(first: DialFailure, second: DialFailure) -> DialFailure {
    if telling(first) >= telling(second) { first } else { second }
}

/// How much a reason helps the person who reads it.
fn telling(why: DialFailure) -> u8 {
    match why {
        DialFailure::NoAddress => 0,
        DialFailure::Unreachable => 1,
        DialFailure::Timeout => 2,
        DialFailure::Refused => 3,
        DialFailure::RelayGone => 4,
        DialFailure::NotAtRelay => 5,
        DialFailure::RelayBusy => 6,
        DialFailure::Handshake => 7,
        DialFailure::NotLan => 8,
        DialFailure::TooMany => 9,
        DialFailure::Myself => 10,
        DialFailure::WrongPeer { .. } => 11,
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
            if let Some(why) = failure_of_circuit(error) {
                return why;
            }
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

/// What a relay, or its absence, says.
fn failure_of_circuit(error: &(dyn Error + 'static)) -> Option<DialFailure> {
    if let Some(CircuitError::ResponseFromBehaviourCanceled(_)) = error.downcast_ref::<CircuitError>() {
        return Some(DialFailure::RelayGone);
    }
    match error.downcast_ref::<ConnectError>()? {
        ConnectError::NoReservation | ConnectError::ConnectionFailed => Some(DialFailure::NotAtRelay),
        ConnectError::ResourceLimitExceeded | ConnectError::PermissionDenied => Some(DialFailure::RelayBusy),
        ConnectError::Unsupported | ConnectError::Io(_) | ConnectError::Protocol(_) => Some(DialFailure::RelayGone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> Addr {
        Addr::direct(([127, 0, 0, 1], port).into(), Transport::Tcp)
    }

    const PEER: Option<PeerKey> = Some(PeerKey([1; 32]));

    fn id(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    #[test]
    fn addresses_that_come_during_a_dial_are_tried_beside_it_and_both_are_one_dial() {
        let mut dials = Dials::default();
        let first = dials.plan(PEER, vec![addr(1), addr(2)]).unwrap();
        dials.started(id(1), first);
        assert_eq!(dials.plan(PEER, vec![addr(2)]), None, "it is being tried");
        let second = dials.plan(PEER, vec![addr(2), addr(3)]).expect("a new address is tried at once");
        assert_eq!(second.addrs, [addr(3)]);
        dials.started(id(2), second);
        assert_eq!(dials.failed(id(2), DialFailure::Refused), None, "the other may still succeed");
        let failed = Next::Failed { peer: PEER, addrs: vec![addr(3), addr(1), addr(2)], why: DialFailure::Refused };
        assert_eq!(dials.failed(id(1), DialFailure::Timeout), Some(failed));
        assert!(dials.plan(PEER, vec![addr(1)]).is_some());
    }

    #[test]
    fn once_one_attempt_succeeds_nobody_hears_of_the_others() {
        let mut dials = Dials::default();
        for (n, port) in [(1, 1), (2, 2)] {
            let attempt = dials.plan(PEER, vec![addr(port)]).unwrap();
            dials.started(id(n), attempt);
        }
        dials.succeeded(id(2));
        assert_eq!(dials.failed(id(1), DialFailure::Timeout), None);
    }

    #[test]
    fn a_peer_with_ever_new_addresses_is_knocked_at_a_few_times_at_once() {
        let mut dials = Dials::default();
        for n in 1..=50 {
            if let Some(attempt) = dials.plan(PEER, vec![addr(n)]) {
                dials.started(id(usize::from(n)), attempt);
            }
        }
        assert_eq!(dials.running.len(), ATTEMPTS);
        let rest: usize = dials.running.values().map(|attempt| attempt.rest.len()).sum();
        assert_eq!(rest, MAX_DIAL_ADDRS);
        let Some(Next::Again(again)) = dials.failed(id(1), DialFailure::Timeout) else { panic!("more are waiting") };
        assert_eq!(again.addrs.len(), MAX_DIAL_ADDRS);
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
