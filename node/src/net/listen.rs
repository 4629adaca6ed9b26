//! Ports: picks one that is free for UDP and TCP, IPv4 and IPv6, where the settings leave it open; notices one that is taken.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use veche_protocol::link::{Addr, Transport};

/// Ports tried. Two protocols rarely collide once; sixteen times in a row means that something else is wrong.
const ATTEMPTS: usize = 16;

/// Replaces port 0 by one port that is free for all such addresses: the wished one if it is, and returns it. Between this look and the
/// real bind somebody may take it: then listening fails for that address and is reported. If no common port is found, the system picks
/// one for each.
pub(super) fn settle_ports(addrs: &mut [Addr], wished: Option<u16>) -> Option<u16> {
    let open: Vec<Addr> = addrs.iter().copied().filter(|addr| addr.socket.port() == 0).collect();
    if open.is_empty() {
        return None;
    }
    let kept = wished.filter(|port| *port != 0 && is_free(&open, *port));
    if wished.is_some() && kept.is_none() {
        tracing::warn!("another program has the port of the last start; listening on another one, which contacts find a little later");
    }
    let port = kept.or_else(|| common_port(&open))?;
    for addr in addrs.iter_mut().filter(|addr| addr.socket.port() == 0) {
        addr.socket.set_port(port);
    }
    Some(port)
}

fn common_port(addrs: &[Addr]) -> Option<u16> {
    (0..ATTEMPTS).find_map(|_| {
        let port = addrs.iter().find_map(|addr| try_bind(addr.transport, addr.socket).ok())?;
        is_free(addrs, port).then_some(port)
    })
}

fn is_free(addrs: &[Addr], port: u16) -> bool {
    addrs.iter().all(|addr| match try_bind(addr.transport, SocketAddr::new(addr.socket.ip(), port)) {
        Ok(_) => true,
        // A machine without IPv6 is no reason to look for another port.
        Err(error) => !matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied),
    })
}

/// Whether an address can be listened on. libp2p shares TCP ports (`SO_REUSEPORT`, for hole punching), so without this look two nodes on one
/// port would each get half of the connections.
pub(super) fn check_free(addr: &Addr) -> io::Result<()> {
    try_bind(addr.transport, addr.socket).map(drop)
}

fn try_bind(transport: Transport, socket: SocketAddr) -> io::Result<u16> {
    match transport {
        Transport::Quic => UdpSocket::bind(socket)?.local_addr(),
        Transport::Tcp => TcpListener::bind(socket)?.local_addr(),
    }
    .map(|bound| bound.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::NetConfig;

    #[test]
    fn all_open_ports_become_the_same_free_one() {
        let mut addrs = NetConfig::loopback(0);
        addrs.push(Addr::direct(([127, 0, 0, 1], 9).into(), Transport::Tcp));
        let port = settle_ports(&mut addrs, None);
        let ports: Vec<u16> = addrs.iter().map(|addr| addr.socket.port()).collect();
        assert!(ports[0] != 0 && ports[0] == ports[1], "{ports:?}");
        assert_eq!((ports[2], port), (9, Some(ports[0])));
        let tcp = TcpListener::bind(addrs[1].socket).unwrap();
        assert_eq!(tcp.local_addr().unwrap().port(), ports[0]);
    }

    #[test]
    fn the_port_of_the_last_start_is_taken_again_if_it_is_free() {
        let mut addrs = NetConfig::loopback(0);
        let port = settle_ports(&mut addrs, None).unwrap();
        let mut again = NetConfig::loopback(0);
        assert_eq!(settle_ports(&mut again, Some(port)), Some(port));
        assert_eq!(again, addrs);

        let _taken = UdpSocket::bind(addrs[0].socket).unwrap();
        let mut other = NetConfig::loopback(0);
        let found = settle_ports(&mut other, Some(port)).unwrap();
        assert_ne!(found, port);
        assert!(other.iter().all(|addr| addr.socket.port() == found));
        assert_eq!(settle_ports(&mut addrs, Some(found)), None, "what was given is not changed");
    }
}
