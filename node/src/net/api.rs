//! The words that the rest of the node and the network shell exchange: settings, commands, events, reasons. No libp2p type appears here.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use veche_protocol::ids::{DirectoryKey, LinkId, PeerKey, QueryId};
use veche_protocol::link::{Addr, DirectoryEnd, Hint, LinkInfo, Nat, Proto, Transport};

/// How often a connection is pinged by default. Two silent intervals and one timeout mean that it is dead.
pub const PING_INTERVAL: Duration = Duration::from_secs(5);

/// How long one ping may take by default.
pub const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection without application streams lives by default: enough for a hello over a slow link, too short to hoard.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Which networks this node may touch. Chosen at start; changing it means starting again, because the restricted profile is built by
/// leaving parts out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Any address.
    #[default]
    Open,
    /// Only loopback, private and link-local addresses; no names, no relays. See [`super::lan`].
    LanOnly,
}

/// Settings of the network shell.
#[derive(Clone)]
pub struct NetConfig {
    /// Seed of the Ed25519 transport key. Its public half is this node's [`PeerKey`].
    pub transport_seed: [u8; 32],
    /// Where to listen. Port 0 means "any"; all entries with port 0 get the same free port, so that one number can be told to others and
    /// a router maps UDP and TCP alike. Empty means: dial only.
    pub listen: Vec<Addr>,
    /// The port to take where `listen` leaves it open, if it is free for all such entries. A node that comes back where it was is
    /// found by everybody who remembers it.
    pub port: Option<u16>,
    /// Networks that may be touched.
    pub profile: Profile,
    /// Whether to look for other nodes on the local network, and to be seen by them, from the start.
    pub mdns: bool,
    /// Time between pings on one connection. Shorter finds dead connections sooner and wakes radios more often. Default [`PING_INTERVAL`].
    pub ping_interval: Duration,
    /// Time allowed for one ping. Default [`PING_TIMEOUT`].
    pub ping_timeout: Duration,
    /// Time after which a connection without any application stream is closed. Default [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
}

impl NetConfig {
    /// The usual settings: all interfaces, one free port for UDP and TCP, IPv4 and IPv6, mDNS on.
    #[must_use]
    pub fn new(transport_seed: [u8; 32]) -> Self {
        Self {
            transport_seed,
            listen: Self::everywhere(0),
            port: None,
            profile: Profile::Open,
            mdns: true,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        }
    }

    /// All interfaces, both transports, the given port.
    #[must_use]
    pub fn everywhere(port: u16) -> Vec<Addr> {
        let all = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        Self::both_transports(all.into_iter().map(|ip| SocketAddr::new(ip, port)))
    }

    /// The loopback interface only, both transports, the given port.
    #[must_use]
    pub fn loopback(port: u16) -> Vec<Addr> {
        Self::both_transports([SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)])
    }

    fn both_transports(sockets: impl IntoIterator<Item = SocketAddr>) -> Vec<Addr> {
        sockets.into_iter().flat_map(|socket| [Transport::Quic, Transport::Tcp].map(|transport| Addr::direct(socket, transport))).collect()
    }
}

impl std::fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NetConfig")
            .field("profile", &self.profile)
            .field("mdns", &self.mdns)
            .field("ping_interval", &self.ping_interval)
            .field("ping_timeout", &self.ping_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}

/// What the network shell can be told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetCmd {
    /// Reach a peer. Ends in [`NetEvent::LinkUp`] or [`NetEvent::DialFailed`]; ignored while a healthy link to that peer is up. Addresses
    /// given while a dial to the same peer is running are tried beside it.
    Dial {
        /// The peer expected there; `None` accepts whoever answers.
        peer: Option<PeerKey>,
        /// Where to try; the first [`MAX_DIAL_ADDRS`] count. QUIC before TCP, one staggered after the other.
        addrs: Vec<Addr>,
    },
    /// Take a link for dead unless it shows a sign of life; until then a [`Self::Dial`] to its peer goes beside it, and what comes up there
    /// first begins a new link in its place.
    Doubt {
        /// The link in doubt.
        link: LinkId,
    },
    /// Queue one frame. Dropped in silence if the link is already down.
    Send {
        /// The link to use.
        link: LinkId,
        /// The protocol it belongs to.
        proto: Proto,
        /// The frame, at most [`Proto::max_frame`] bytes.
        frame: Vec<u8>,
        /// If set, [`NetEvent::Sent`] with this number follows once the frame was written into the stream.
        receipt: Option<u64>,
    },
    /// End a link. [`NetEvent::LinkDown`] follows at once; what was queued on the link still leaves, within a second.
    Close {
        /// The link to end.
        link: LinkId,
    },
    /// Use these operators' nodes as relays and as doors to the directory, whenever they are connected. Replaces the list before.
    Operators(Vec<Hint>),
    /// Seek direct connections with these peers and let them see direct addresses; with nobody else. Replaces the set before.
    Friends(BTreeSet<PeerKey>),
    /// Look in the directory. [`NetEvent::DirectoryFound`] for each value, [`NetEvent::DirectoryDone`] at the end.
    DirectoryGet {
        /// Names the question.
        id: QueryId,
        /// Where to look.
        key: DirectoryKey,
    },
    /// Store in the directory. Ends in [`NetEvent::DirectoryDone`].
    DirectoryPut {
        /// Names the record.
        id: QueryId,
        /// Where it belongs.
        key: DirectoryKey,
        /// The record.
        value: Vec<u8>,
    },
    /// Turn discovery on the local network on or off, in both directions.
    Announce(bool),
}

/// Addresses of one [`NetCmd::Dial`] that are tried; more would only serve someone who wants this node to knock on strangers' doors.
pub const MAX_DIAL_ADDRS: usize = 8;

/// What the network shell reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetEvent {
    /// This node can be reached at an address.
    Listening(Addr),
    /// It no longer can.
    ListeningGone(Addr),
    /// A listen address of the settings could not be used.
    ListenFailed {
        /// The address as configured, with the port that was picked for it.
        addr: Addr,
        /// What the operating system said.
        why: String,
    },
    /// A peer is connected; exactly one link per peer is up at a time.
    LinkUp {
        /// Its number, never used again.
        link: LinkId,
        /// Who and where.
        info: LinkInfo,
    },
    /// A link goes another way now. Nothing was lost or repeated.
    LinkMoved {
        /// The link.
        link: LinkId,
        /// Where it leads now.
        info: LinkInfo,
    },
    /// What others outside see of this node changed.
    Outside {
        /// Addresses that a peer could try.
        addrs: Vec<Addr>,
        /// The judgement about the router.
        nat: Nat,
    },
    /// A value found in the directory, not verified.
    DirectoryFound {
        /// The question.
        id: QueryId,
        /// The record.
        value: Vec<u8>,
    },
    /// A question to the directory, or a record for it, is done with.
    DirectoryDone {
        /// Which.
        id: QueryId,
        /// How it ended.
        end: DirectoryEnd,
    },
    /// A link ended. Frames still queued are lost; frames in flight may be.
    LinkDown {
        /// The link.
        link: LinkId,
        /// Why.
        why: DownReason,
    },
    /// A frame arrived. Per link and protocol: in order, none missing, none twice.
    Frame {
        /// The link it came over.
        link: LinkId,
        /// Its protocol.
        proto: Proto,
        /// The bytes.
        frame: Vec<u8>,
    },
    /// A frame with a receipt was written into its stream and flushed. Says nothing about the other side.
    Sent {
        /// The link.
        link: LinkId,
        /// The number given with the frame.
        receipt: u64,
    },
    /// A dial ended without a connection.
    DialFailed {
        /// The peer of the command.
        peer: Option<PeerKey>,
        /// All addresses that were tried.
        addrs: Vec<Addr>,
        /// The most telling reason among them.
        why: DialFailure,
    },
    /// A peer announced itself on the local network, or its addresses changed. All its current addresses.
    Nearby {
        /// The peer, as announced: unproven until a link is up.
        peer: PeerKey,
        /// Where it says it is.
        addrs: Vec<Addr>,
    },
    /// A peer stopped announcing itself.
    NearbyGone {
        /// The peer.
        peer: PeerKey,
    },
    /// Own addresses changed, or the machine slept. Links that do not prove alive within seconds go down; a dial to a peer with such a link
    /// is made at once and replaces it.
    NetworkChanged,
}

/// Why a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DownReason {
    /// The other side, or the network, closed the connection.
    Closed,
    /// This side was told to.
    Local,
    /// No sign of life for two ping intervals and a timeout, or not soon enough after the network changed.
    Silent,
    /// The other side reads more slowly than this one writes: the outbound queue is full or did not move.
    Slow,
    /// The other side announced a frame above the protocol's limit.
    Oversized,
    /// The other side broke the framing rules.
    Garbage,
    /// No stream could be opened for a protocol.
    NoStream,
    /// The other side started over on a new connection; a new link follows.
    Replaced,
}

/// Why a dial failed. The text is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum DialFailure {
    /// No usable address.
    #[error("There is no address to try.")]
    NoAddress,
    /// Own address or key.
    #[error("That is this device's own address.")]
    Myself,
    /// Somebody else answered.
    #[error("Another device answers at that address; ask for a fresh link or address.")]
    WrongPeer {
        /// Who answered.
        found: PeerKey,
    },
    /// The LAN-only profile forbids the address.
    #[error("The address is outside the local network, and LAN-only mode is on.")]
    NotLan,
    /// This node is at one of its connection limits.
    #[error("This device has too many connections at the moment; try again later.")]
    TooMany,
    /// Nobody listens there.
    #[error("The device answered that nothing listens at that address; check that the app is running there and the port is right.")]
    Refused,
    /// No answer in time.
    #[error("Nobody answered at that address in time; check that the other device is on and that no firewall is in between.")]
    Timeout,
    /// No route.
    #[error("That address cannot be reached from this network; check the connection.")]
    Unreachable,
    /// The relay that leads to the device cannot be used.
    #[error("The relay that leads to that device does not answer.")]
    RelayGone,
    /// The relay does not know the peer.
    #[error("The relay does not know that device at the moment; it is off, or somewhere else.")]
    NotAtRelay,
    /// The relay is at one of its limits.
    #[error("The relay that leads to that device is at its limit; try again later.")]
    RelayBusy,
    /// Something answered that does not speak the expected protocol, or broke off.
    #[error("What answers at that address does not speak Veche's protocol.")]
    Handshake,
}

/// The network could not be started.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The transport key is unusable.
    #[error("The network key of this device cannot be read; restore the profile from a backup.")]
    Key,
    /// The secure channel could not be prepared.
    #[error("The encrypted transport could not be prepared: {0}.")]
    Secure(String),
    /// A public listen address in the LAN-only profile.
    #[error("Cannot listen on {0}: LAN-only mode is on, and this address is not local. Use a private address, or leave LAN-only mode.")]
    NotLan(SocketAddr),
    /// No tokio runtime.
    #[error("The network was started outside its runtime.")]
    NoRuntime,
}

/// A command that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The queue is full: take events first, then try again.
    #[error("the network is busy")]
    Full(NetCmd),
    /// The network has stopped.
    #[error("the network has stopped")]
    Closed(NetCmd),
    /// The frame exceeds [`Proto::max_frame`].
    #[error("a frame of {len} bytes exceeds the limit of {max} bytes")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
}

/// Counters since the start, for diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetStats {
    /// Links up now.
    pub links: u64,
    /// Connections open now; more than links while two sides dialled each other.
    pub connections: u64,
    /// Frames written.
    pub frames_out: u64,
    /// Frame bytes written.
    pub bytes_out: u64,
    /// Frames read.
    pub frames_in: u64,
    /// Frame bytes read.
    pub bytes_in: u64,
    /// Inbound connections and streams refused by a limit or rule.
    pub refused: u64,
}
