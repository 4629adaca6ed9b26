//! An operator's node: a relay, a door to the directory, a mirror in which others see their own address, and mailboxes. What it is told, how
//! much it lets through, and what it counts.

use super::api::{IDLE_TIMEOUT, NetConfig, PING_INTERVAL, PING_TIMEOUT, Profile};
use super::directory::Records;
use libp2p::{PeerId, autonat, relay};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use veche_protocol::link::Addr;

/// Settings of an operator's node.
pub struct ServerConfig {
    /// Seed of the Ed25519 transport key. Its public half is in every client's settings, so it must be kept.
    pub transport_seed: [u8; 32],
    /// Where to listen.
    pub listen: Vec<Addr>,
    /// Where others reach it, as it is told to everybody. Without one, no place behind this relay can be given: clients could not say where
    /// it is.
    pub external: Vec<Addr>,
    /// How much it lets through.
    pub limits: ServerLimits,
    /// The records that it keeps for the directory.
    pub records: Box<dyn Records>,
    /// Time between pings on one connection. Default [`PING_INTERVAL`].
    pub ping_interval: Duration,
    /// Time allowed for one ping. Default [`PING_TIMEOUT`].
    pub ping_timeout: Duration,
    /// Time after which a connection is closed that is used for nothing. Default [`IDLE_TIMEOUT`].
    pub idle_timeout: Duration,
}

impl ServerConfig {
    /// The usual settings: all interfaces, the given port for UDP and TCP.
    #[must_use]
    pub fn new(transport_seed: [u8; 32], port: u16, external: Vec<Addr>, records: Box<dyn Records>) -> Self {
        Self {
            transport_seed,
            listen: NetConfig::everywhere(port),
            external,
            limits: ServerLimits::default(),
            records,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        }
    }

    /// The part that a desktop has as well.
    pub(super) fn net(&self) -> NetConfig {
        NetConfig {
            listen: self.listen.clone(),
            profile: Profile::Open,
            mdns: false,
            ping_interval: self.ping_interval,
            ping_timeout: self.ping_timeout,
            idle_timeout: self.idle_timeout,
            ..NetConfig::new(self.transport_seed)
        }
    }
}

/// How much an operator's node lets through. The defaults carry the text and the signalling of a thousand people on a machine with two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at a time. A QUIC connection costs about 140 kB.
    pub connections: u32,
    /// Connections that others made, at a time.
    pub inbound: u32,
    /// Connections with one peer: a client has one, and up to three more while it changes its network.
    pub connections_per_peer: u32,
    /// Connections that one IPv4 address or IPv6 /64 made, behind which there may be an office.
    pub connections_per_address: u32,
    /// Inbound connections whose handshake is not done.
    pub pending: u32,
    /// Places that are held. A desktop holds one on each of two relays.
    pub places: usize,
    /// Places of one peer: a second one while the first one's connection is not yet known to be dead.
    pub places_per_peer: usize,
    /// Time for which a place is held unless renewed. Clients renew it.
    pub place_time: Duration,
    /// New places and renewals of one peer.
    pub place_rate: Rate,
    /// New places and renewals from one IP address, behind which there may be an office.
    pub place_rate_per_ip: Rate,
    /// Circuits at a time.
    pub circuits: usize,
    /// Circuits of one peer at a time.
    pub circuits_per_peer: usize,
    /// Time after which a circuit ends. Clients replace it before. Never zero.
    pub circuit_time: Duration,
    /// Bytes in both directions after which a circuit ends; 0 means any number. Clients replace it before.
    pub circuit_bytes: u64,
    /// New circuits of one peer. Somebody with fifty contacts behind relays asks for fifty after a restart.
    pub circuit_rate: Rate,
    /// New circuits from one IP address.
    pub circuit_rate_per_ip: Rate,
}

/// A burst, and how often one more is allowed afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Allowed at once.
    pub burst: NonZeroU32,
    /// Time until one more is allowed.
    pub every: Duration,
}

impl Rate {
    const fn new(burst: u32, every: Duration) -> Self {
        let burst = match NonZeroU32::new(burst) {
            Some(burst) => burst,
            None => NonZeroU32::MIN,
        };
        Self { burst, every }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            inbound: 3500,
            connections_per_peer: 8,
            connections_per_address: 128,
            pending: 256,
            places: 2048,
            places_per_peer: 2,
            place_time: Duration::from_secs(60 * 60),
            place_rate: Rate::new(30, Duration::from_secs(2 * 60)),
            place_rate_per_ip: Rate::new(1024, Duration::from_secs(1)),
            circuits: 512,
            circuits_per_peer: 16,
            circuit_time: Duration::from_secs(30 * 60),
            circuit_bytes: 32 * 1024 * 1024,
            circuit_rate: Rate::new(120, Duration::from_secs(10)),
            circuit_rate_per_ip: Rate::new(240, Duration::from_secs(1)),
        }
    }
}

impl ServerLimits {
    /// In libp2p's words. The default rates are replaced: the builder's methods only add to them, and the strictest one counts.
    pub(super) fn relay(&self) -> relay::Config {
        let none =
            relay::Config { reservation_rate_limiters: Vec::new(), circuit_src_rate_limiters: Vec::new(), ..relay::Config::default() };
        let rated = none
            .reservation_rate_per_peer(self.place_rate.burst, self.place_rate.every)
            .reservation_rate_per_ip(self.place_rate_per_ip.burst, self.place_rate_per_ip.every)
            .circuit_src_per_peer(self.circuit_rate.burst, self.circuit_rate.every)
            .circuit_src_per_ip(self.circuit_rate_per_ip.burst, self.circuit_rate_per_ip.every);
        relay::Config {
            max_reservations: self.places,
            // libp2p refuses when there are more than this, not when there would be.
            max_reservations_per_peer: self.places_per_peer.saturating_sub(1),
            reservation_duration: self.place_time,
            max_circuits: self.circuits,
            max_circuits_per_peer: self.circuits_per_peer.saturating_sub(1),
            // Zero would end every circuit at once.
            max_circuit_duration: self.circuit_time.max(Duration::from_secs(1)),
            max_circuit_bytes: self.circuit_bytes,
            ..rated
        }
    }
}

/// What an operator's node did since its start, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Peers for whom a place is held now.
    pub places: u64,
    /// Places given, renewals not counted.
    pub places_given: u64,
    /// Places refused by a limit.
    pub places_refused: u64,
    /// Circuits open now.
    pub circuits: u64,
    /// Circuits opened.
    pub circuits_opened: u64,
    /// Circuits refused by a limit, or because the other end had no place here.
    pub circuits_refused: u64,
    /// Records asked for.
    pub records_asked: u64,
    /// Records kept, or kept in part.
    pub records_kept: u64,
    /// Records refused.
    pub records_refused: u64,
    /// Addresses dialled at their owners' request.
    pub probes: u64,
    /// Those that answered.
    pub probes_answered: u64,
}

/// [`ServerStats`] as they grow.
#[derive(Debug, Default)]
pub(super) struct ServerCounters {
    places: AtomicU64,
    places_given: AtomicU64,
    places_refused: AtomicU64,
    circuits: AtomicU64,
    circuits_opened: AtomicU64,
    circuits_refused: AtomicU64,
    records_asked: AtomicU64,
    records_kept: AtomicU64,
    records_refused: AtomicU64,
    probes: AtomicU64,
    probes_answered: AtomicU64,
}

impl ServerCounters {
    pub(super) fn stats(&self) -> ServerStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ServerStats {
            places: get(&self.places),
            places_given: get(&self.places_given),
            places_refused: get(&self.places_refused),
            circuits: get(&self.circuits),
            circuits_opened: get(&self.circuits_opened),
            circuits_refused: get(&self.circuits_refused),
            records_asked: get(&self.records_asked),
            records_kept: get(&self.records_kept),
            records_refused: get(&self.records_refused),
            probes: get(&self.probes),
            probes_answered: get(&self.probes_answered),
        }
    }
}

impl ServerCounters {
    /// Somebody asked for a record.
    pub(super) fn asked(&self) {
        self.records_asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody brought a record.
    pub(super) fn offered(&self, kept: bool) {
        let counter = if kept { &self.records_kept } else { &self.records_refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Keeps [`ServerCounters`] from what happens. libp2p reports the end of a place for every connection that ends, with a place or without.
#[derive(Default)]
pub(super) struct Ledger {
    places: std::collections::BTreeSet<PeerId>,
    circuits: u64,
}

impl Ledger {
    pub(super) fn relay(&mut self, counters: &ServerCounters, event: &relay::Event) {
        let add = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        match event {
            relay::Event::ReservationReqAccepted { src_peer_id, .. } => {
                let new = self.places.insert(*src_peer_id);
                counters.places_given.fetch_add(u64::from(new), Ordering::Relaxed);
            }
            relay::Event::ReservationReqDenied { .. } => add(&counters.places_refused),
            relay::Event::ReservationClosed { src_peer_id } | relay::Event::ReservationTimedOut { src_peer_id } => {
                self.places.remove(src_peer_id);
            }
            relay::Event::CircuitReqAccepted { .. } => {
                self.circuits = self.circuits.saturating_add(1);
                add(&counters.circuits_opened);
            }
            relay::Event::CircuitReqDenied { .. } => add(&counters.circuits_refused),
            relay::Event::CircuitClosed { .. } => self.circuits = self.circuits.saturating_sub(1),
            _ => {}
        }
        counters.places.store(self.places.len() as u64, Ordering::Relaxed);
        counters.circuits.store(self.circuits, Ordering::Relaxed);
    }

    pub(super) fn probe(counters: &ServerCounters, event: &autonat::v2::server::Event) {
        counters.probes.fetch_add(1, Ordering::Relaxed);
        if event.result.is_ok() {
            counters.probes_answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_of_libp2p_are_replaced_and_not_added_to() {
        let config = ServerLimits::default().relay();
        assert_eq!((config.reservation_rate_limiters.len(), config.circuit_src_rate_limiters.len()), (2, 2));
        assert_eq!((config.max_circuits, config.max_circuit_bytes), (512, 32 << 20));
    }

    #[test]
    fn a_circuit_without_time_is_not_possible() {
        let config = ServerLimits { circuit_time: Duration::ZERO, ..ServerLimits::default() }.relay();
        assert!(config.max_circuit_duration >= Duration::from_secs(1));
    }
}
