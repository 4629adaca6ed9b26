//! Listening, dialling, and what connections become.

use super::outside::from_listening_port;
use super::{Role, Task};
use crate::net::addr::{from_multiaddr, to_multiaddr, to_peer_id, to_peer_key};
use crate::net::api::{DialFailure, NetEvent, Profile};
use crate::net::dials::{Attempt, Next, failure_of};
use crate::net::lan::is_lan;
use crate::net::listen::check_free;
use crate::net::opening::Opening;
use libp2p::core::transport::ListenerId;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError};
use libp2p::{Multiaddr, PeerId};
use std::time::Instant;
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, Side};

/// Dials that wait for a relay or for the sockets. More at once is more than the core dials.
const MAX_HELD: usize = 256;

impl Task {
    pub(super) fn listen(&mut self) {
        // All looks before the first listener: [::] and 0.0.0.0 would disturb each other.
        let looked: Vec<_> = self.config.listen.iter().map(|addr| (*addr, check_free(addr))).collect();
        for (addr, free) in looked {
            let listener = free.map_err(|error| error.to_string());
            match listener.and_then(|()| self.swarm.listen_on(to_multiaddr(&addr)).map_err(|error| error.to_string())) {
                Ok(id) => {
                    self.listeners.insert(id, addr);
                }
                Err(why) => self.outbox.push_back(NetEvent::ListenFailed { addr, why }),
            }
        }
        self.opening = Opening::new(Instant::now(), self.listeners.keys().copied());
    }

    pub(super) fn dial(&mut self, peer: Option<PeerKey>, mut addrs: Vec<Addr>) {
        if let Some(peer) = peer.filter(|peer| self.links.healthy(peer)) {
            self.reveal(&peer);
            let relayed =
                self.links.link_of(&peer).and_then(|link| self.links.info(link)).is_some_and(|(_, info)| info.addr.relay.is_some());
            // Through a relay the link is as good as it can be there; only a direct way would be better.
            addrs.retain(|addr| relayed && addr.relay.is_none());
            if addrs.is_empty() {
                return;
            }
        }
        let refused = if peer == Some(self.me) {
            Some(DialFailure::Myself)
        } else if self.config.profile == Profile::LanOnly && !addrs.is_empty() && !addrs.iter().any(is_local) {
            Some(DialFailure::NotLan)
        } else {
            None
        };
        if let Some(why) = refused {
            self.outbox.push_back(NetEvent::DialFailed { peer, addrs, why });
            return;
        }
        if self.config.profile == Profile::LanOnly {
            addrs.retain(is_local);
        }
        // Ways through relays that will be connected in a moment wait for that, and hold up no others.
        let (later, now): (Vec<Addr>, Vec<Addr>) =
            addrs.into_iter().partition(|addr| addr.relay.is_some_and(|relay| self.is_coming(&relay) && !self.is_open(&relay)));
        if later.is_empty() || !now.is_empty() {
            self.plan(peer, now);
        }
        if !later.is_empty() {
            self.plan(peer, later);
        }
    }

    fn plan(&mut self, peer: Option<PeerKey>, addrs: Vec<Addr>) {
        if let Some(attempt) = self.dials.plan(peer, addrs) {
            if self.must_wait(&attempt) {
                self.held.retain(|held| held.peer != attempt.peer);
                if self.held.len() < MAX_HELD {
                    self.held.push(attempt);
                }
            } else {
                self.attempt(attempt);
            }
        }
    }

    /// Whether the sockets are not open yet, or a relay on every way there will be connected in a moment, and none is.
    fn must_wait(&self, attempt: &Attempt) -> bool {
        if !self.opening.is_over() {
            return true;
        }
        let relays = attempt.only_through();
        relays.iter().any(|relay| self.is_coming(relay)) && !relays.iter().any(|relay| self.is_open(relay))
    }

    /// Whether a peer is being dialled, or about to be rid of a dead connection. libp2p opens circuits on the oldest one.
    fn is_coming(&self, peer: &PeerKey) -> bool {
        self.dials.seeks(peer) || self.links.is_parting(peer)
    }

    /// Whether what goes to a peer now gets there.
    fn is_open(&self, peer: &PeerKey) -> bool {
        self.links.healthy(peer) && !self.links.is_parting(peer)
    }

    /// Something that was waited for has ended: whoever waited for it goes on.
    pub(super) fn release(&mut self) {
        let (held, free) = std::mem::take(&mut self.held).into_iter().partition(|attempt| self.must_wait(attempt));
        self.held = held;
        for attempt in free {
            self.attempt(attempt);
        }
    }

    fn attempt(&mut self, mut attempt: Attempt) {
        loop {
            let why = match self.start_attempt(&attempt) {
                Ok(id) => return self.dials.started(id, attempt),
                Err(why) => why,
            };
            match self.dials.over(attempt, why) {
                Some(Next::Again(again)) => attempt = again,
                Some(Next::Failed { peer, addrs, why }) => return self.outbox.push_back(NetEvent::DialFailed { peer, addrs, why }),
                None => return,
            }
        }
    }

    fn start_attempt(&mut self, attempt: &Attempt) -> Result<ConnectionId, DialFailure> {
        let addrs: Vec<Multiaddr> = attempt.addrs.iter().map(to_multiaddr).collect();
        let opts = match &attempt.peer {
            Some(peer) => {
                let peer = to_peer_id(peer).ok_or(DialFailure::Handshake)?;
                let opts = DialOpts::peer_id(peer).addresses(addrs).condition(PeerCondition::Always);
                if attempt.new_port { opts.allocate_new_port().build() } else { opts.build() }
            }
            None => DialOpts::unknown_peer_id().address(addrs.into_iter().next().ok_or(DialFailure::NoAddress)?).build(),
        };
        let id = opts.connection_id();
        self.swarm.dial(opts).map_err(|error| failure_of(&error, !attempt.addrs.is_empty()))?;
        Ok(id)
    }

    /// Opens a circuit that is to replace the one in use.
    pub(super) fn open_fresh(&mut self, now: Instant, peer: PeerKey, addr: Addr) {
        let Some(peer_id) = to_peer_id(&peer) else { return };
        let opts = DialOpts::peer_id(peer_id).addresses(vec![to_multiaddr(&addr)]).condition(PeerCondition::Always).build();
        let id = opts.connection_id();
        match self.swarm.dial(opts) {
            Ok(()) => {
                self.fresh.insert(id, peer);
            }
            Err(_) => self.circuits.failed(now, &peer),
        }
    }

    pub(super) fn dial_failed(&mut self, now: Instant, id: ConnectionId, error: &DialError) {
        if let Some(peer) = self.fresh.remove(&id) {
            self.circuits.failed(now, &peer);
        }
        match self.dials.failed(id, failure_of(error, true)) {
            Some(Next::Again(attempt)) => self.attempt(attempt),
            Some(Next::Failed { peer, addrs, why }) => self.outbox.push_back(NetEvent::DialFailed { peer, addrs, why }),
            None => {}
        }
        self.release();
    }

    pub(super) fn established(&mut self, now: Instant, peer_id: PeerId, id: ConnectionId, endpoint: &ConnectedPoint) {
        let asked = self.dials.succeeded(id) | self.fresh.remove(&id).is_some();
        if self.swarm.behaviour().dialback.as_ref().is_some_and(|tests| tests.is_test(id)) {
            // Made to test an address; its owner knows.
            self.swarm.behaviour_mut().streams.keep(peer_id, id, false);
            return;
        }
        let (Some(peer), Some((side, addr))) = (to_peer_key(&peer_id), met(endpoint)) else {
            self.swarm.close_connection(id);
            return;
        };
        if matches!(self.role, Role::Desktop(_)) && endpoint.is_listener() && self.relays.knows(&peer) {
            // An operator's node dials only to test an address.
            return;
        }
        // Beside a link it is one more way there, of several that were tried.
        if endpoint.is_dialer() && !asked && self.links.link_of(&peer).is_none() {
            self.unasked.insert(id);
        }
        if from_listening_port(endpoint) {
            self.own_port.insert(id);
        }
        if matches!(self.role, Role::Server(_)) && self.doors.contains_key(&peer) {
            // Other operators' nodes are there when they are needed.
            self.swarm.behaviour_mut().streams.keep(peer_id, id, true);
        }
        self.links.established(now, id, peer, side, addr);
        self.release();
    }

    /// The core asks for a peer to which libp2p has made a connection on its own.
    fn reveal(&mut self, peer: &PeerKey) {
        let Some(link) = self.links.link_of(peer) else { return };
        if self.hidden.remove(&link)
            && let Some((_, info)) = self.links.info(link)
        {
            self.outbox.push_back(NetEvent::LinkUp { link, info });
        }
    }

    pub(super) fn listening(&mut self, now: Instant, listener: ListenerId, address: Multiaddr, up: bool) {
        let Ok((addr, _)) = from_multiaddr(&address) else { return };
        if up {
            self.opening.address(now, listener);
        }
        let placed = if up { self.relays.address(now, listener, addr) } else { self.relays.address_gone(listener, addr) };
        if placed || addr.relay.is_some() {
            return;
        }
        let ip = addr.socket.ip();
        if up {
            self.watch.address_up(now, ip);
        } else {
            self.watch.address_down(now, ip);
        }
        self.outbox.push_back(if up { NetEvent::Listening(addr) } else { NetEvent::ListeningGone(addr) });
        if let Some(discovery) = &self.discovery {
            discovery.listening(address, up);
        }
    }
}

/// Who dialled, and where the other side is. Both ends of a punched hole dial; one of them plays the listener.
fn met(endpoint: &ConnectedPoint) -> Option<(Side, Addr)> {
    let (side, addr) = match endpoint {
        ConnectedPoint::Dialer { address, role_override: Endpoint::Dialer, .. } => (Side::Dialler, address),
        ConnectedPoint::Dialer { address, role_override: Endpoint::Listener, .. } => (Side::Listener, address),
        // Somebody who comes through a relay has no address but the relay's.
        ConnectedPoint::Listener { local_addr, .. } if endpoint.is_relayed() => (Side::Listener, local_addr),
        ConnectedPoint::Listener { send_back_addr, .. } => (Side::Listener, send_back_addr),
    };
    from_multiaddr(addr).ok().map(|(addr, _)| (side, addr))
}

fn is_local(addr: &Addr) -> bool {
    addr.relay.is_none() && is_lan(addr.socket.ip())
}
