//! Sockets of the relay: the one that clients talk to, and one for each place that somebody has.
//!
//! Nothing here waits for room to send: sound that cannot leave now is of no use later, and whoever has a slow way must not keep up the
//! others.

use super::Shared;
use async_trait::async_trait;
use std::any::Any;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::UdpSocket;
use turn_server::relay::RelayAddressGenerator;
use turn_util::Conn;
use veche_protocol::turn::door::{Proven, Way};

/// Ports that are tried for a place before it is refused.
const TRIES: u32 = 32;

/// A socket that drops what it cannot send at once.
pub(super) struct Wire(pub UdpSocket);

impl Wire {
    /// Sends if that is possible now. Whether it arrives is never known.
    pub fn offer(&self, bytes: &[u8], to: SocketAddr) {
        let _ = self.0.try_send_to(bytes, to);
    }
}

/// What a place or the listener never does: they have no one other side.
fn unconnected<T>() -> Result<T, turn_util::Error> {
    Err(io::Error::from(io::ErrorKind::Unsupported).into())
}

#[async_trait]
impl Conn for Wire {
    async fn connect(&self, _: SocketAddr) -> Result<(), turn_util::Error> {
        unconnected()
    }

    async fn recv(&self, _: &mut [u8]) -> Result<usize, turn_util::Error> {
        unconnected()
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), turn_util::Error> {
        Ok(self.0.recv_from(buffer).await?)
    }

    async fn send(&self, _: &[u8]) -> Result<usize, turn_util::Error> {
        unconnected()
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> Result<usize, turn_util::Error> {
        self.offer(bytes, to);
        Ok(bytes.len())
    }

    fn local_addr(&self) -> Result<SocketAddr, turn_util::Error> {
        Ok(self.0.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    /// The library calls this when any place ends; the others go on.
    async fn close(&self) -> Result<(), turn_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

/// Whether packets to an address stay in this machine: the system sends them from that same address. Nothing is sent to find out.
pub(super) fn is_here(peer: SocketAddr) -> bool {
    let any: IpAddr = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let asked = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(peer)?;
        socket.local_addr()
    });
    // Whatever cannot be reached at all is elsewhere.
    asked.is_ok_and(|source| source.ip().to_canonical() == peer.ip().to_canonical())
}

/// Makes places for the clients of one listener.
#[derive(Clone)]
pub(super) struct Places {
    shared: Shared,
    /// Where the listener is bound.
    bind: IpAddr,
    external: IpAddr,
    ports: (u16, u16),
    /// Whose request the library is dealing with; it takes them one by one.
    asking: Arc<Mutex<Option<(SocketAddr, Proven)>>>,
}

impl Places {
    pub fn new(shared: Shared, bind: IpAddr, external: IpAddr, ports: (u16, u16)) -> Self {
        Self { shared, bind, external, ports, asking: Arc::default() }
    }

    /// Says whose request is next.
    pub fn expect(&self, from: SocketAddr, proven: Option<Proven>) {
        *self.asking.lock().unwrap_or_else(PoisonError::into_inner) = proven.map(|proven| (from, proven));
    }

    /// Where a socket of this machine reaches the others of the relay: behind a router that maps this machine's address, packets to the
    /// outer one rarely come back.
    fn inside(&self) -> IpAddr {
        match self.bind {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            bound => bound,
        }
    }
}

#[async_trait]
impl RelayAddressGenerator for Places {
    fn validate(&self) -> Result<(), turn_server::Error> {
        Ok(())
    }

    async fn allocate_conn(&self, use_ipv4: bool, _: u16) -> Result<(Arc<dyn Conn + Send + Sync>, SocketAddr), turn_server::Error> {
        let asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((from, proven)) = asking.filter(|_| use_ipv4 == self.external.is_ipv4()) else {
            return Err(turn_server::Error::ErrRelayAddressInvalid);
        };
        let (first, last) = self.ports;
        let count = u32::from(last.saturating_sub(first)) + 1;
        for _ in 0..TRIES {
            let drawn = getrandom::u32().map_err(|_| turn_server::Error::ErrFailedToGenerateNonce)? % count;
            let port = first.saturating_add(u16::try_from(drawn).unwrap_or(0));
            let Ok(socket) = UdpSocket::bind(SocketAddr::new(self.bind, port)).await else { continue };
            if !self.shared.door().taken(from, &proven, port) {
                return Err(turn_server::Error::ErrMaxRetriesExceeded);
            }
            let (inside, external) = (self.inside(), self.external);
            return Ok((
                Arc::new(Place { shared: self.shared.clone(), from, wire: Wire(socket), inside, external }),
                SocketAddr::new(external, port),
            ));
        }
        Err(turn_server::Error::ErrMaxRetriesExceeded)
    }
}

/// The socket of one place. The place is over when it is dropped.
struct Place {
    shared: Shared,
    /// Whose it is.
    from: SocketAddr,
    wire: Wire,
    inside: IpAddr,
    external: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.door().freed(self.from);
    }
}

#[async_trait]
impl Conn for Place {
    async fn connect(&self, _: SocketAddr) -> Result<(), turn_util::Error> {
        unconnected()
    }

    async fn recv(&self, _: &mut [u8]) -> Result<usize, turn_util::Error> {
        unconnected()
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), turn_util::Error> {
        loop {
            // The library ends the place where this fails; an error of one datagram is none of the socket.
            let Ok((len, mut peer)) = self.wire.0.recv_from(buffer).await else {
                tokio::time::sleep(super::SOCKET_REST).await;
                continue;
            };
            let mut door = self.shared.door();
            if peer.ip() == self.inside && door.is_place(peer.port()) {
                peer.set_ip(self.external);
            }
            // As long as the buffer may have been longer, and a part of a datagram is worth nothing.
            if len < buffer.len()
                && door.allows(peer)
                && !self.shared.is_inside(peer)
                && door.passes(self.shared.clock.now().mono, self.from, Way::In, len)
            {
                return Ok((len, peer));
            }
        }
    }

    async fn send(&self, _: &[u8]) -> Result<usize, turn_util::Error> {
        unconnected()
    }

    async fn send_to(&self, bytes: &[u8], mut to: SocketAddr) -> Result<usize, turn_util::Error> {
        {
            let mut door = self.shared.door();
            if !door.allows(to) || self.shared.is_inside(to) {
                door.dropped();
                return Ok(bytes.len());
            }
            if door.is_own(to) {
                to.set_ip(self.inside);
            }
        }
        self.wire.offer(bytes, to);
        Ok(bytes.len())
    }

    fn local_addr(&self) -> Result<SocketAddr, turn_util::Error> {
        Ok(self.wire.0.local_addr()?)
    }

    fn remote_addr(&self) -> Option<SocketAddr> {
        None
    }

    async fn close(&self) -> Result<(), turn_util::Error> {
        Ok(())
    }

    fn as_any(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}
