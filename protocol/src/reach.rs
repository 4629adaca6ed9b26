//! How far an IP address reaches: who may be sent packets at an address that somebody else chose.

use std::net::IpAddr;

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody in particular: unspecified, multicast, broadcast, documentation, reserved.
    Nowhere,
    /// This machine.
    Loopback,
    /// A private network: RFC 1918, RFC 4193, RFC 6598, link-local.
    LocalNetwork,
    /// Everything else.
    World,
}

/// Sorts an address by how far it reaches. IPv4 addresses inside IPv6 count as what they lead to.
#[must_use]
pub fn reach(address: IpAddr) -> Reach {
    match canonical(address) {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            if v4.is_loopback() {
                Reach::Loopback
            } else if a == 0 || a >= 224 || v4.is_documentation() || (a, b & 0xFE) == (198, 18) || (a, b, c) == (192, 0, 0) {
                Reach::Nowhere
            } else if v4.is_private() || v4.is_link_local() || (a, b & 0xC0) == (100, 64) {
                Reach::LocalNetwork
            } else {
                Reach::World
            }
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            if v6.is_loopback() {
                Reach::Loopback
            } else if v6.is_unspecified() || v6.is_multicast() || (first, second) == (0x2001, 0x0DB8) || first == 0x0100 {
                Reach::Nowhere
            } else if first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFE80 || first & 0xFFC0 == 0xFEC0 {
                Reach::LocalNetwork
            } else if first & 0xE000 == 0x2000 || first == 0x0064 {
                Reach::World
            } else {
                Reach::Nowhere
            }
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, where it does: mapped, compatible, 6to4 and NAT64 (RFC 4291, 3056, 6052).
/// Otherwise a private network could be reached under another name.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if v6.is_loopback() || v6.is_unspecified() {
        return address;
    }
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let inner = match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xFFFF | 0] | [0x0064, 0xFF9B, 0, 0, 0, 0] => Some((g, h)),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    inner.map_or(address, |(high, low)| {
        let [first, second] = high.to_be_bytes();
        let [third, fourth] = low.to_be_bytes();
        IpAddr::from([first, second, third, fourth])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hiding_an_address_inside_another_does_not_help(bytes in any::<[u8; 4]>()) {
            let plain = reach(IpAddr::from(bytes));
            let [a, b, c, d] = bytes;
            let high = u16::from_be_bytes([a, b]);
            let low = u16::from_be_bytes([c, d]);
            for hidden in [[0, 0, 0, 0, 0, 0xFFFF, high, low], [0x64, 0xFF9B, 0, 0, 0, 0, high, low], [0x2002, high, low, 0, 0, 0, 0, 1]] {
                prop_assert_eq!(reach(IpAddr::from(hidden)), plain);
            }
        }
    }
}
