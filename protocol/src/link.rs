//! What the core and the network shell say to each other about peers: addresses, protocols, connections. Plain data.

use crate::ids::PeerKey;
use crate::wire::link::HintMsg;
use std::net::{IpAddr, SocketAddr};

/// Where a peer may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Addr {
    /// IP address and port.
    pub socket: SocketAddr,
    /// Protocol spoken there.
    pub transport: Transport,
    /// Whoever listens there, if it is not the peer itself but a relay that leads on to the peer (libp2p circuit relay v2).
    pub relay: Option<PeerKey>,
}

impl Addr {
    /// An address of the peer itself.
    #[must_use]
    pub const fn direct(socket: SocketAddr, transport: Transport) -> Self {
        Self { socket, transport, relay: None }
    }

    /// A place behind the relay that listens at an address.
    #[must_use]
    pub const fn behind(relay: PeerKey, socket: SocketAddr, transport: Transport) -> Self {
        Self { socket, transport, relay: Some(relay) }
    }

    /// How far away it is.
    #[must_use]
    pub fn route(&self) -> Route {
        if self.relay.is_some() { Route::Relayed } else { route_of(self.socket.ip()) }
    }
}

/// Transports that a desktop speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// QUIC v1 over UDP.
    Quic,
    /// TCP with Noise and Yamux.
    Tcp,
}

/// A peer together with one of its addresses, as links, requests and QR codes carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hint {
    /// Transport key expected there.
    pub peer: PeerKey,
    /// Where.
    pub addr: Addr,
}

impl Hint {
    /// A hint as it travels.
    #[must_use]
    pub fn to_msg(&self) -> HintMsg {
        let ip = match self.addr.socket.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let transport = match self.addr.transport {
            Transport::Quic => 1,
            Transport::Tcp => 2,
        };
        HintMsg {
            peer: self.peer.to_vec(),
            ip,
            port: u32::from(self.addr.socket.port()),
            transport,
            relay: self.addr.relay.map(|r| r.to_vec()).unwrap_or_default(),
        }
    }

    /// A hint as it came, if it makes sense.
    #[must_use]
    pub fn from_msg(msg: &HintMsg) -> Option<Self> {
        let ip = match msg.ip.as_slice() {
            four if four.len() == 4 => IpAddr::from(<[u8; 4]>::try_from(four).ok()?),
            sixteen => IpAddr::from(<[u8; 16]>::try_from(sixteen).ok()?),
        };
        let port = u16::try_from(msg.port).ok().filter(|p| *p != 0)?;
        let transport = match msg.transport {
            1 => Transport::Quic,
            2 => Transport::Tcp,
            _ => return None,
        };
        if ip.is_unspecified() || ip.is_multicast() {
            return None;
        }
        let relay = match msg.relay.as_slice() {
            [] => None,
            key => Some(PeerKey::from_slice(key).ok()?),
        };
        Some(Self {
            peer: PeerKey::from_slice(&msg.peer).ok()?,
            addr: Addr { relay, ..Addr::direct(SocketAddr::new(ip, port), transport) },
        })
    }
}

/// The application protocols, one ordered stream of frames per protocol and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proto {
    /// Proves who is there: `/veche/hello/1`.
    Hello,
    /// Live messages, acknowledgements, presence and typing between authenticated devices: `/veche/dm/1`.
    Dm,
    /// Catching up on missing entries: `/veche/sync/1`.
    Sync,
    /// Contact requests from people not yet known: `/veche/inbox/1`.
    Inbox,
    /// Name and login for people on the same local network: `/veche/lanhello/1`.
    LanHello,
    /// Mailboxes, which keep sealed frames for people who are away: `/veche/mbox/1`.
    Mailbox,
    /// Names and passwords for relays for calls: `/veche/turn/1`.
    Turn,
}

impl Proto {
    /// All of them, in the order of importance.
    pub const ALL: [Self; 7] = [Self::Hello, Self::Dm, Self::Inbox, Self::LanHello, Self::Turn, Self::Mailbox, Self::Sync];

    /// The libp2p protocol id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Hello => "/veche/hello/1",
            Self::Dm => "/veche/dm/1",
            Self::Sync => "/veche/sync/1",
            Self::Inbox => "/veche/inbox/1",
            Self::LanHello => "/veche/lanhello/1",
            Self::Mailbox => "/veche/mbox/1",
            Self::Turn => "/veche/turn/1",
        }
    }

    /// Largest frame accepted, checked before anything is allocated. Bytes.
    #[must_use]
    pub const fn max_frame(self) -> usize {
        match self {
            // Four addresses, a name and a password.
            Self::Turn => 1024,
            Self::Hello | Self::Inbox | Self::LanHello => 16 * 1024,
            // The larger size of a stored frame, 16 KiB, and what is said about it.
            Self::Mailbox => 20 * 1024,
            Self::Dm => 64 * 1024,
            Self::Sync => 320 * 1024,
        }
    }
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// This node dialled.
    Dialler,
    /// The other node dialled.
    Listener,
}

/// How far away a peer is, judged by the address in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// The same machine.
    Loopback,
    /// A private or link-local address.
    Lan,
    /// A public address, without a relay between.
    Direct,
    /// Through a relay, which sees who talks to whom and how much, and nothing of what.
    Relayed,
}

impl Route {
    /// Whether both ends are on one machine or one local network.
    #[must_use]
    pub const fn is_local(self) -> bool {
        matches!(self, Self::Loopback | Self::Lan)
    }
}

/// What stands between this node and the open network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Nat {
    /// Not known: nobody outside was asked yet.
    #[default]
    Unknown,
    /// Nothing: an address of this node can be dialled by anybody.
    Open,
    /// A router that gives the same outer port towards everybody (endpoint-independent mapping, RFC 4787): holes can be punched.
    Mapped,
    /// A router that gives another outer port towards each peer: only open peers can be reached directly.
    Symmetric,
}

/// What became of a question to the directory, or of a record for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryEnd {
    /// Asked, or stored at, this many nodes.
    Nodes(u16),
    /// No node of the directory is connected.
    Nobody,
    /// Those asked refused the record, or none answered in time.
    Refused,
}

/// What an address is good for.
#[must_use]
pub fn route_of(ip: IpAddr) -> Route {
    match ip {
        IpAddr::V4(v4) if v4.is_loopback() => Route::Loopback,
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => Route::Lan,
        IpAddr::V4(_) => Route::Direct,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => route_of(IpAddr::V4(v4)),
            None if v6.is_loopback() => Route::Loopback,
            None if v6.is_unique_local() || v6.is_unicast_link_local() => Route::Lan,
            None => Route::Direct,
        },
    }
}

/// A connection as the network shell reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// The other node's transport key, proven by the secure channel.
    pub peer: PeerKey,
    /// Who dialled.
    pub side: Side,
    /// The remote address in use: the relay's, where there is one.
    pub addr: Addr,
    /// How far away it is.
    pub route: Route,
}
