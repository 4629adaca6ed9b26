//! Where a relay sends packets for others, and where clients believe a relay to be.
//!
//! A relay sends what it is given to an address that somebody else names, from its own address. It must not become their way to the
//! operator's machine, to the networks behind it, or to the servers of third parties.

use crate::reach::{Reach, reach};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Ports below belong to servers (RFC 6335 §6). Programs that call use those above, and routers map those to their like (RFC 4787, REQ-3).
const SERVERS: u16 = 1024;

/// What a relay sends to.
#[derive(Clone, Debug, Default)]
pub struct Aim {
    /// Addresses of the relay itself, at which its machine has other doors.
    pub own: BTreeSet<IpAddr>,
    /// Whether it also relays into private networks and to its own machine, for laboratories and for parties on a local network.
    pub private: bool,
}

impl Aim {
    /// Whether packets may go to a peer. `is_place` says at which of its own ports the relay has a place for somebody: two people behind the
    /// same relay meet there.
    #[must_use]
    pub fn allows(&self, peer: SocketAddr, is_place: impl Fn(u16) -> bool) -> bool {
        let ip = peer.ip().to_canonical();
        if peer.port() < SERVERS {
            return false;
        }
        if self.own.contains(&ip) {
            // Whatever else listens there may trust its own machine.
            return self.private || is_place(peer.port());
        }
        match reach(ip) {
            Reach::World => true,
            Reach::LocalNetwork | Reach::Loopback => self.private,
            Reach::Nowhere => false,
        }
    }
}

/// The host of a `stun:` or `turn:` address as this program writes it: a number, a port, and at most `?transport=udp`. Names are refused,
/// because resolving one tells others who is about to call.
#[must_use]
pub fn host(url: &str) -> Option<SocketAddr> {
    let rest = url.strip_prefix("stun:").or_else(|| url.strip_prefix("turn:")?.strip_suffix("?transport=udp"))?;
    rest.parse().ok().filter(|host: &SocketAddr| host.port() != 0)
}

/// The addresses of a relay that listens at some sockets.
#[must_use]
pub fn urls(hosts: &[SocketAddr]) -> Vec<String> {
    hosts.iter().flat_map(|host| [format!("stun:{host}"), format!("turn:{host}?transport=udp")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_but_the_open_network_is_aimed_at() {
        let aim = Aim { own: ["93.184.216.34".parse().unwrap()].into(), private: false };
        let allows = |text| aim.allows(at(text), |port| port == 50_000);
        assert!(allows("8.8.4.4:5000") && allows("[2606:4700::1]:5000"));
        for forbidden in [
            "127.0.0.1:5000",
            "[::1]:5000",
            "10.0.0.1:5000",
            "192.168.1.1:5000",
            "172.16.0.1:5000",
            "169.254.169.254:5000",
            "100.64.0.1:5000",
            "0.0.0.0:5000",
            "224.0.0.1:5000",
            "255.255.255.255:5000",
            "[fe80::1]:5000",
            "[fd00::1]:5000",
            "[ff02::1]:5000",
            "[::ffff:127.0.0.1]:5000",
            "[::ffff:93.184.216.34]:4001",
            "[64:ff9b::a00:1]:5000",
            "8.8.4.4:53",
            "93.184.216.34:4001",
            "93.184.216.34:22",
            "93.184.216.34:50001",
        ] {
            assert!(!allows(forbidden), "{forbidden}");
        }
        assert!(allows("93.184.216.34:50000"), "two people behind one relay");
    }

    #[test]
    fn a_laboratory_may_be_aimed_at_and_nobody_in_particular_may_not() {
        let aim = Aim { private: true, ..Aim::default() };
        let allows = |text| aim.allows(at(text), |_| false);
        assert!(allows("127.0.0.1:5000") && allows("192.168.1.9:5000") && allows("[fd00::1]:5000"));
        for forbidden in ["224.0.0.1:5000", "0.0.0.0:5000", "255.255.255.255:5000", "127.0.0.1:53", "127.0.0.1:0"] {
            assert!(!allows(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn addresses_of_relays_are_numbers() {
        let hosts = [at("203.0.113.7:3478"), at("[2001:db8::1]:3478")];
        let urls = urls(&hosts);
        assert_eq!(urls.iter().filter_map(|url| host(url)).collect::<Vec<_>>(), [hosts[0], hosts[0], hosts[1], hosts[1]]);
        for bad in
            ["turn:relay.example:3478", "stun:203.0.113.7", "turn:203.0.113.7:3478", "turns:203.0.113.7:5349", "stun:203.0.113.7:0", ""]
        {
            assert_eq!(host(bad), None, "{bad}");
        }
    }
}
