//! Addresses and peer keys: between the core's words, libp2p's, and text that people type.

use libp2p::identity::{PublicKey, ed25519};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use std::net::{IpAddr, SocketAddr};
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, Hint, Transport};

/// Longest address text that is looked at. Bytes; the longest valid one has under 150.
const MAX_TEXT: usize = 256;

/// Text that is not a usable address. The message is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddr {
    /// Not a multiaddr at all.
    #[error("This is not an address; write it like /ip4/192.168.1.20/udp/4001/quic-v1 or /ip4/192.168.1.20/tcp/4001.")]
    Syntax,
    /// A name instead of a number.
    #[error("The address contains a host name; write the IP address instead.")]
    Name,
    /// Through a relay that is not named, or through two.
    #[error(
        "The address leads through a relay without saying where it is and which; it must look like \
         /ip4/203.0.113.7/udp/4001/quic-v1/p2p/<relay>/p2p-circuit/p2p/<device>."
    )]
    Relay,
    /// Something this node does not speak.
    #[error("The address must be UDP with quic-v1 or plain TCP, for example /ip4/192.168.1.20/udp/4001/quic-v1.")]
    Transport,
    /// Port 0 where somebody is to be reached.
    #[error("The address has port 0; write the port that the other device listens on.")]
    Port,
    /// A peer id of a kind that cannot be a Veche device.
    #[error("The part after /p2p/ is not the id of a Veche device.")]
    Peer,
    /// The peer id is missing.
    #[error("The address does not say which device is there; it must end with /p2p/ and the device's id.")]
    NoPeer,
}

/// Reads an address such as `/ip4/192.168.1.20/udp/4001/quic-v1` or `/ip6/::1/tcp/0`, optionally with `/p2p/<id>` at the end; or a place
/// behind a relay, `…/p2p/<relay>/p2p-circuit`, optionally with `/p2p/<id>` at the end.
///
/// # Errors
/// Anything else, with a sentence for the person who typed it. Port 0 is accepted: it is right for listening.
pub fn parse_addr(text: &str) -> Result<(Addr, Option<PeerKey>), BadAddr> {
    if text.len() > MAX_TEXT {
        return Err(BadAddr::Syntax);
    }
    let multiaddr: Multiaddr = text.trim().parse().map_err(|_| BadAddr::Syntax)?;
    from_multiaddr(&multiaddr)
}

/// Reads an address at which a known peer can be reached: with `/p2p/<id>` and a port.
///
/// # Errors
/// Anything else.
pub fn parse_hint(text: &str) -> Result<Hint, BadAddr> {
    let (addr, peer) = parse_addr(text)?;
    if addr.socket.port() == 0 {
        return Err(BadAddr::Port);
    }
    Ok(Hint { peer: peer.ok_or(BadAddr::NoPeer)?, addr })
}

/// The text form of an address.
#[must_use]
pub fn print_addr(addr: &Addr) -> String {
    to_multiaddr(addr).to_string()
}

/// The text form of an address with its peer.
#[must_use]
pub fn print_hint(hint: &Hint) -> String {
    let multiaddr = to_multiaddr(&hint.addr);
    match to_peer_id(&hint.peer) {
        Some(peer) => multiaddr.with(Protocol::P2p(peer)).to_string(),
        None => multiaddr.to_string(),
    }
}

/// The usual text form of a peer key, `12D3Koo…`; `None` if the bytes are no Ed25519 point.
#[must_use]
pub fn print_peer(peer: &PeerKey) -> Option<String> {
    to_peer_id(peer).map(PeerId::to_base58)
}

pub(super) fn to_multiaddr(addr: &Addr) -> Multiaddr {
    let socket = Multiaddr::from(addr.socket.ip());
    let there = match addr.transport {
        Transport::Quic => socket.with(Protocol::Udp(addr.socket.port())).with(Protocol::QuicV1),
        Transport::Tcp => socket.with(Protocol::Tcp(addr.socket.port())),
    };
    match addr.relay.map(|relay| to_peer_id(&relay)) {
        None => there,
        Some(Some(relay)) => there.with(Protocol::P2p(relay)).with(Protocol::P2pCircuit),
        // No key, so nobody's: the relay transport refuses a circuit without a relay.
        Some(None) => there.with(Protocol::P2pCircuit),
    }
}

pub(super) fn from_multiaddr(multiaddr: &Multiaddr) -> Result<(Addr, Option<PeerKey>), BadAddr> {
    let mut parts = multiaddr.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_)) => return Err(BadAddr::Name),
        Some(Protocol::P2pCircuit) => return Err(BadAddr::Relay),
        _ => return Err(BadAddr::Transport),
    };
    let (transport, port) = match parts.next() {
        Some(Protocol::Tcp(port)) => (Transport::Tcp, port),
        Some(Protocol::Udp(port)) if parts.next() == Some(Protocol::QuicV1) => (Transport::Quic, port),
        _ => return Err(BadAddr::Transport),
    };
    let direct = Addr::direct(SocketAddr::new(ip, port), transport);
    let there = match parts.next() {
        None => return Ok((direct, None)),
        Some(part) => peer_part(&part)?,
    };
    match parts.next() {
        None => return Ok((direct, Some(there))),
        Some(Protocol::P2pCircuit) => {}
        Some(_) => return Err(BadAddr::Transport),
    }
    let behind = Addr { relay: Some(there), ..direct };
    let peer = match parts.next() {
        None => return Ok((behind, None)),
        Some(part) => peer_part(&part)?,
    };
    match parts.next() {
        None => Ok((behind, Some(peer))),
        Some(Protocol::P2pCircuit) => Err(BadAddr::Relay),
        Some(_) => Err(BadAddr::Transport),
    }
}

fn peer_part(part: &Protocol<'_>) -> Result<PeerKey, BadAddr> {
    match part {
        Protocol::P2p(id) => to_peer_key(id).ok_or(BadAddr::Peer),
        Protocol::P2pCircuit => Err(BadAddr::Relay),
        _ => Err(BadAddr::Transport),
    }
}

/// Whether a multiaddr leads through a relay.
pub(super) fn is_relayed(multiaddr: &Multiaddr) -> bool {
    multiaddr.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The libp2p id of a transport key; `None` if the bytes are no Ed25519 point.
pub(super) fn to_peer_id(key: &PeerKey) -> Option<PeerId> {
    let key = ed25519::PublicKey::try_from_bytes(key.as_bytes()).ok()?;
    Some(PeerId::from_public_key(&PublicKey::from(key)))
}

/// The transport key inside a libp2p id; `None` for ids that hash another kind of key.
pub(super) fn to_peer_key(id: &PeerId) -> Option<PeerKey> {
    /// Multihash code of ids that contain the key itself (the peer-ids specification of libp2p: keys up to 42 bytes are inlined).
    const IDENTITY: u64 = 0;
    let hash = id.as_ref();
    if hash.code() != IDENTITY {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?.try_into_ed25519().ok()?;
    Some(PeerKey(key.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PeerKey {
        PeerKey(libp2p::identity::Keypair::ed25519_from_bytes([7; 32]).unwrap().public().try_into_ed25519().unwrap().to_bytes())
    }

    #[test]
    fn text_round_trips() {
        for text in ["/ip4/192.168.1.20/udp/4001/quic-v1", "/ip6/fe80::1/tcp/9", "/ip4/0.0.0.0/tcp/0"] {
            let (addr, peer) = parse_addr(text).unwrap();
            assert_eq!((print_addr(&addr).as_str(), peer), (text, None));
        }
        let addr = parse_addr("/ip4/10.0.0.1/udp/7/quic-v1").unwrap().0;
        for relay in [None, Some(key())] {
            let hint = Hint { peer: key(), addr: Addr { relay, ..addr } };
            assert_eq!(parse_hint(&print_hint(&hint)), Ok(hint));
        }
    }

    #[test]
    fn the_peer_id_is_the_one_other_libp2p_programs_print() {
        // Test vector of the libp2p peer-ids specification: an Ed25519 public key in protobuf, and its id.
        let protobuf = data_encoding::HEXLOWER.decode(b"080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e").unwrap();
        let key = PeerKey::from_slice(&protobuf[4..]).unwrap();
        let id = to_peer_id(&key).unwrap();
        assert_eq!(print_peer(&key).unwrap(), id.to_base58());
        assert!(id.to_base58().starts_with("12D3KooW"));
        assert_eq!(to_peer_key(&id), Some(key));
        assert_eq!(PublicKey::try_decode_protobuf(&protobuf).unwrap().to_peer_id(), id);
    }

    #[test]
    fn each_mistake_has_its_own_answer() {
        let rsa = "QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC";
        let id = print_peer(&key()).unwrap();
        let cases = [
            ("", BadAddr::Transport),
            ("hello", BadAddr::Syntax),
            ("192.168.1.20:4001", BadAddr::Syntax),
            ("/ip4/300.1.1.1/tcp/4", BadAddr::Syntax),
            ("/dns4/example.org/tcp/4001", BadAddr::Name),
            ("/ip4/1.2.3.4/udp/4001", BadAddr::Transport),
            ("/ip4/1.2.3.4/udp/4001/quic", BadAddr::Transport),
            ("/ip4/1.2.3.4/tcp/4001/ws", BadAddr::Transport),
            ("/p2p-circuit", BadAddr::Relay),
            (&format!("/ip4/1.2.3.4/tcp/4001/p2p/{rsa}"), BadAddr::Peer),
            ("/ip4/1.2.3.4/tcp/4001/p2p-circuit", BadAddr::Relay),
            (&format!("/ip4/1.2.3.4/tcp/4001/p2p-circuit/p2p/{id}"), BadAddr::Relay),
            (&format!("/ip4/1.2.3.4/tcp/4001/p2p/{id}/p2p-circuit/p2p/{id}/p2p-circuit"), BadAddr::Relay),
            (&format!("/ip4/1.2.3.4/tcp/4001/p2p/{id}/p2p-circuit/p2p/{rsa}"), BadAddr::Peer),
            (&format!("/ip4/1.2.3.4/tcp/4001/p2p/{id}/p2p-circuit/tcp/4"), BadAddr::Transport),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_addr(text), Err(expected), "{text}");
        }
        assert_eq!(parse_hint("/ip4/1.2.3.4/tcp/1"), Err(BadAddr::NoPeer));
        assert_eq!(parse_hint(&format!("/ip4/1.2.3.4/tcp/1/p2p/{id}/p2p-circuit")), Err(BadAddr::NoPeer), "the relay is not the device");
        assert_eq!(parse_addr(&"/ip4/1.2.3.4".repeat(100)), Err(BadAddr::Syntax));
    }
}
