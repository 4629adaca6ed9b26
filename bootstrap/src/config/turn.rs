//! Settings of the relay for calls.

use super::{Config, ConfigError, value};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use veche_protocol::limits::TURN_LIFE;
use veche_protocol::turn::door::Limits;

/// Seconds of an hour.
const HOUR: u64 = 3600;
/// Bytes a second of a kilobit a second.
const KBIT: u64 = 125;
/// Bytes a second of a megabit a second.
const MBIT: u64 = 125_000;
/// Ports below belong to the system (RFC 6335 §6).
const FIRST_PORT: u16 = 1024;

/// Limits of the relay for calls.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// Whether calls are relayed at all.
    pub enabled: bool,
    /// Addresses with ports to listen on, over UDP.
    pub listen: Vec<String>,
    /// First port of places.
    pub first_port: u16,
    /// Last port of places.
    pub last_port: u16,
    /// Hours for which a name is good.
    pub credential_hours: u64,
    /// Places at a time.
    pub places: usize,
    /// Places of one peer.
    pub places_per_peer: usize,
    /// Places of one address.
    pub places_per_address: usize,
    /// Kilobits a second through one place, each way.
    pub place_kbit: u64,
    /// Megabits a second through all places, both ways together.
    pub total_mbit: u64,
    /// Whether private networks are relayed into.
    pub private_peers: bool,
}

impl Default for Turn {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            enabled: true,
            listen: ["0.0.0.0:3478", "[::]:3478"].map(str::to_owned).into(),
            // RFC 8656 §7.2.
            first_port: 49_152,
            last_port: u16::MAX,
            credential_hours: 6,
            places: limits.places,
            places_per_peer: limits.places_per_user,
            places_per_address: limits.places_per_household,
            place_kbit: limits.place_bytes / KBIT,
            total_mbit: limits.total_bytes / MBIT,
            private_peers: false,
        }
    }
}

/// What the relay for calls is told, but for its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnSetup {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// Where others reach this machine, one address for each version of IP.
    pub external: Vec<IpAddr>,
    /// First and last port of places.
    pub ports: (u16, u16),
    /// How much it does.
    pub limits: Limits,
    /// Whether private networks are relayed into.
    pub private: bool,
    /// For how long a name is good.
    pub life: Duration,
}

impl Config {
    /// What the relay for calls is told; `None` if there is to be none.
    ///
    /// # Errors
    /// Something that is no address, and limits that make no sense.
    pub fn turn_setup(&self) -> Result<Option<TurnSetup>, ConfigError> {
        let turn = &self.turn;
        let addr = |text: &String| {
            let why = || value("turn.listen", format!("{text} is no address with a port, such as 0.0.0.0:3478."));
            text.parse::<SocketAddr>().map_err(|_| why())
        };
        let listen = turn.listen.iter().map(addr).collect::<Result<Vec<_>, _>>()?;
        if turn.first_port < FIRST_PORT {
            return Err(value("turn.first_port", format!("ports below {FIRST_PORT} belong to the system.")));
        }
        if turn.last_port < turn.first_port {
            return Err(value("turn.last_port", "it comes before turn.first_port.".into()));
        }
        let life = Duration::from_secs(turn.credential_hours.saturating_mul(HOUR));
        if life.is_zero() || life > TURN_LIFE {
            return Err(value("turn.credential_hours", format!("write 1 to {}.", TURN_LIFE.as_secs() / HOUR)));
        }
        let mut external: Vec<IpAddr> = Vec::new();
        for ip in self.external_addrs()?.into_iter().map(|addr| addr.socket.ip()) {
            if !external.iter().any(|known| known.is_ipv4() == ip.is_ipv4()) {
                external.push(ip);
            }
        }
        let limits = Limits {
            places: turn.places,
            places_per_user: turn.places_per_peer,
            places_per_household: turn.places_per_address,
            place_bytes: turn.place_kbit.saturating_mul(KBIT),
            total_bytes: turn.total_mbit.saturating_mul(MBIT),
        };
        let ports = (turn.first_port, turn.last_port);
        let setup = TurnSetup { listen, external, ports, limits, private: turn.private_peers, life };
        Ok((turn.enabled && !setup.external.is_empty()).then_some(setup))
    }
}
