//! The LAN-only profile: which addresses it allows, and the transport wrapper that enforces it where packets would leave.
//!
//! Relays, DHT and names are absent from this profile, so the wrapper is the last wall and not the only one: it refuses to listen on, to
//! dial, and to accept from anything that is not on the local network, whatever the layers above ask for.

use libp2p::Multiaddr;
use libp2p::core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use libp2p::multiaddr::Protocol;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// Whether an address belongs to this machine or its local networks: loopback, RFC 1918, 169.254/16 (RFC 3927), `fe80::/10` (RFC 4291),
/// `fc00::/7` (RFC 4193). IPv4 addresses in IPv6 clothing are judged as IPv4.
#[must_use]
pub fn is_lan(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_lan(IpAddr::V4(v4)),
            None => v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local(),
        },
    }
}

/// Whether a node in this profile may listen there. "All interfaces" is allowed: what arrives is judged one by one.
#[must_use]
pub fn may_listen(ip: IpAddr) -> bool {
    ip.is_unspecified() || is_lan(ip)
}

/// The IP address that decides about a multiaddr; `None` if it starts with a name or leads through a relay.
fn deciding_ip(addr: &Multiaddr) -> Option<IpAddr> {
    if addr.iter().any(|part| matches!(part, Protocol::P2pCircuit)) {
        return None;
    }
    match addr.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

/// Whether a node in this profile may dial or accept an address.
pub(super) fn may_touch(addr: &Multiaddr) -> bool {
    deciding_ip(addr).is_some_and(is_lan)
}

/// A transport that knows only the local network.
pub(super) struct LanOnly<T> {
    inner: T,
    refused: Arc<AtomicU64>,
}

impl<T> LanOnly<T> {
    /// Wraps a transport; each refused inbound connection adds one to `refused`.
    pub(super) fn new(inner: T, refused: Arc<AtomicU64>) -> Self {
        Self { inner, refused }
    }
}

impl<T: Transport + Unpin> Transport for LanOnly<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(&mut self, id: ListenerId, addr: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        if deciding_ip(&addr).is_some_and(may_listen) {
            self.inner.listen_on(id, addr)
        } else {
            Err(TransportError::MultiaddrNotSupported(addr))
        }
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, addr: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<Self::Error>> {
        if may_touch(&addr) { self.inner.dial(addr, opts) } else { Err(TransportError::MultiaddrNotSupported(addr)) }
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        loop {
            let event = std::task::ready!(Pin::new(&mut self.inner).poll(cx));
            match &event {
                TransportEvent::Incoming { send_back_addr, .. } if !may_touch(send_back_addr) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
                // A public address of this machine must not be announced to anybody either.
                TransportEvent::NewAddress { listen_addr, .. } | TransportEvent::AddressExpired { listen_addr, .. }
                    if !may_touch(listen_addr) => {}
                _ => return Poll::Ready(event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::collections::VecDeque;
    use std::future::{Pending, poll_fn};
    use std::io;

    /// A transport that reports what it was told to.
    struct Scripted(VecDeque<TransportEvent<Pending<io::Result<()>>, io::Error>>);

    impl Transport for Scripted {
        type Output = ();
        type Error = io::Error;
        type ListenerUpgrade = Pending<io::Result<()>>;
        type Dial = Pending<io::Result<()>>;

        fn listen_on(&mut self, _: ListenerId, _: Multiaddr) -> Result<(), TransportError<io::Error>> {
            Ok(())
        }

        fn remove_listener(&mut self, _: ListenerId) -> bool {
            true
        }

        fn dial(&mut self, _: Multiaddr, _: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
            Ok(std::future::pending())
        }

        fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
            self.0.pop_front().map_or(Poll::Pending, Poll::Ready)
        }
    }

    fn incoming(from: &str) -> TransportEvent<Pending<io::Result<()>>, io::Error> {
        TransportEvent::Incoming {
            listener_id: ListenerId::next(),
            upgrade: std::future::pending(),
            local_addr: "/ip4/10.0.0.1/tcp/1".parse().unwrap(),
            send_back_addr: from.parse().unwrap(),
        }
    }

    #[test]
    fn connections_from_outside_are_dropped_and_own_public_addresses_are_not_known() {
        let refused = Arc::new(AtomicU64::new(0));
        let public = TransportEvent::NewAddress { listener_id: ListenerId::next(), listen_addr: "/ip4/8.8.4.4/tcp/1".parse().unwrap() };
        let script = VecDeque::from([incoming("/ip4/8.8.8.8/tcp/9"), public, incoming("/ip4/10.0.0.7/tcp/9")]);
        let mut lan = LanOnly::new(Scripted(script), refused.clone());
        let event = poll_fn(|cx| Pin::new(&mut lan).poll(cx)).now_or_never();
        let Some(TransportEvent::Incoming { send_back_addr, .. }) = event else { panic!("the neighbour must get through") };
        assert_eq!(send_back_addr, "/ip4/10.0.0.7/tcp/9".parse().unwrap());
        assert_eq!(refused.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_wrapper_dials_and_listens_only_on_the_lan() {
        let mut lan = LanOnly::new(Scripted(VecDeque::new()), Arc::default());
        let opts = || DialOpts { role: libp2p::core::Endpoint::Dialer, port_use: libp2p::core::transport::PortUse::Reuse };
        assert!(lan.dial("/ip4/10.0.0.7/tcp/9".parse().unwrap(), opts()).is_ok());
        assert!(lan.dial("/ip4/8.8.8.8/tcp/9".parse().unwrap(), opts()).is_err());
        assert!(lan.listen_on(ListenerId::next(), "/ip4/0.0.0.0/tcp/0".parse().unwrap()).is_ok());
        assert!(lan.listen_on(ListenerId::next(), "/ip4/8.8.4.4/tcp/0".parse().unwrap()).is_err());
    }

    #[test]
    fn only_local_addresses_pass() {
        let allowed = [
            "/ip4/127.0.0.1/tcp/1",
            "/ip4/10.1.2.3/udp/1/quic-v1",
            "/ip4/172.31.255.255/tcp/1",
            "/ip4/192.168.0.1/tcp/1",
            "/ip4/169.254.9.9/tcp/1",
            "/ip6/::1/tcp/1",
            "/ip6/fe80::1/tcp/1",
            "/ip6/fd00::1/udp/1/quic-v1",
            "/ip6/::ffff:192.168.0.1/tcp/1",
        ];
        let refused = [
            "/ip4/8.8.8.8/tcp/1",
            "/ip4/172.32.0.1/tcp/1",
            "/ip4/100.64.0.1/tcp/1",
            "/ip4/0.0.0.0/tcp/1",
            "/ip4/224.0.0.251/udp/5353/quic-v1",
            "/ip6/2001:db8::1/tcp/1",
            "/ip6/::/tcp/1",
            "/ip6/::ffff:8.8.8.8/tcp/1",
            "/ip6/fec0::1/tcp/1",
            "/dns4/localhost/tcp/1",
            "/dnsaddr/example.org",
            "/ip4/192.168.0.1/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN/p2p-circuit",
            "/memory/1",
        ];
        for text in allowed {
            assert!(may_touch(&text.parse().unwrap()), "{text}");
        }
        for text in refused {
            assert!(!may_touch(&text.parse().unwrap()), "{text}");
        }
        assert!(may_listen("0.0.0.0".parse().unwrap()) && may_listen("::".parse().unwrap()) && !may_listen("1.1.1.1".parse().unwrap()));
    }
}
