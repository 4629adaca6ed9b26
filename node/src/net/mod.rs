//! The network: reaches peers over libp2p and reports links and frames. The only folder that names libp2p.
//!
//! It knows bytes, keys and addresses. It does not know people, messages or the store, and it decides nothing about whom to talk to: the core
//! says whom to dial and what to send, this folder says what became of it.
//!
//! | File | Lives there |
//! |---|---|
//! | `api` | settings, commands, events, reasons |
//! | `handle` | starting and stopping; the two ends that the rest of the node holds |
//! | `task` | the one task that owns the swarm; waits for nobody in particular |
//! | `links` | pure: which of a peer's connections carries its link |
//! | `relays`, `circuits`, `outside` | pure: places behind relays; circuits that must be replaced; what this node looks like from outside |
//! | `pipe`, `wires` | one task per link, protocol and direction that moves frames; who holds them |
//! | `frame` | the bytes of a stream |
//! | `streams` | opens streams on a connection of our choice |
//! | `dials`, `nearby`, `wake`, `bucket` | pure: dials under way; announcements; network changes; rates |
//! | `partings` | links that were told to end, until what was said last has left |
//! | `discovery` | mDNS on its own thread |
//! | `transport`, `behaviour`, `listen` | QUIC, TCP and circuits; what runs on a connection; ports |
//! | `guard`, `discreet`, `dialback`, `crowd` | hole punching and tests of addresses for chosen peers only; what strangers are told; whom a server dials, and how many of one address dial it |
//! | `directory`, `shelf` | Kademlia: questions under way, and what an operator's node keeps for others |
//! | `meter` | bytes through circuits |
//! | `server` | what an operator's node is told and counts |
//! | `lan` | the LAN-only profile |
//! | `addr` | conversions and text forms |
//!
//! Everything is bounded. Slow peers are cut off ([`DownReason::Slow`]), fast ones wait, and if the core takes no events, the network stops
//! reading.

pub mod addr;
mod api;
mod behaviour;
mod bucket;
mod circuits;
mod crowd;
mod dialback;
mod dials;
mod directory;
mod discovery;
mod discreet;
mod frame;
mod guard;
mod handle;
pub mod lan;
mod links;
mod listen;
mod meter;
mod nearby;
mod opening;
mod outside;
mod partings;
mod pipe;
mod relays;
mod server;
mod shelf;
mod streams;
mod task;
mod transport;
mod wake;
mod wires;

#[cfg(test)]
mod tests;

pub use api::{
    DialFailure, DownReason, IDLE_TIMEOUT, MAX_DIAL_ADDRS, NetCmd, NetConfig, NetError, NetEvent, NetStats, NotTaken, PING_INTERVAL,
    PING_TIMEOUT, Profile,
};
pub use directory::{RecordRefused, Records};
pub use handle::{NetEvents, NetHandle, serve, start};
pub use pipe::OUTLET_BYTES;
pub use server::{Rate, ServerConfig, ServerLimits, ServerStats};
pub use shelf::{OnChange, Shelf, ShelfRules};

/// Log directives for the libraries below, which print keys and addresses at their usual levels: add them to every filter that goes to a
/// file or a screen.
pub const QUIET_LIBRARIES: &[&str] = &[
    "libp2p_mdns=off",
    "libp2p_swarm=off",
    "libp2p_tcp=off",
    "libp2p_quic=off",
    "libp2p_autonat=off",
    "libp2p_dcutr=off",
    "libp2p_identify=off",
    "libp2p_kad=off",
    "libp2p_relay=off",
    "libp2p_ping=off",
    "quinn=off",
    "quinn_proto=off",
    "quinn_udp=off",
    "yamux=off",
    "multistream_select=off",
];
