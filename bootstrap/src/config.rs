//! The settings of an operator's node: one TOML file, every key with its unit in its name. `veche-bootstrap.example.toml` documents each; a
//! test holds it against the defaults here.

mod turn;

pub use self::turn::{Turn, TurnSetup};
use serde::Deserialize;
use std::fs;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;
use veche_node::net::{Rate, ServerLimits};
use veche_node::{parse_addr, parse_hint};
use veche_protocol::link::{Addr, Hint};
use veche_protocol::mailbox::proof::MAX_BITS;
use veche_protocol::mailbox::server::{self as mailbox, Limits};

/// Seconds of a day.
const DAY: u64 = 24 * 3600;
/// Largest settings file, bytes.
const MAX_FILE: u64 = 1 << 20;

/// Everything that an operator can set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the key and the database.
    pub data: PathBuf,
    /// Multiaddrs to listen on.
    pub listen: Vec<String>,
    /// Multiaddrs at which others reach this node.
    pub external: Vec<String>,
    /// Other operators' nodes, as multiaddrs that end in `/p2p/`.
    pub peers: Vec<String>,
    /// What to log.
    pub log: String,
    /// Where `/metrics` and `/health` are served; empty for nowhere.
    pub metrics: String,
    /// MiB kept back on the disk.
    pub reserve_mib: usize,
    /// Connections.
    pub connections: Connections,
    /// Relay.
    pub relay: Relay,
    /// Mailboxes.
    pub mailbox: Mailbox,
    /// Relay for calls.
    pub turn: Turn,
}

/// Limits of connections.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Connections {
    /// At a time.
    pub total: u32,
    /// Of them, made by others.
    pub inbound: u32,
    /// With one peer.
    pub per_peer: u32,
    /// Made by one address.
    pub per_address: u32,
    /// Handshakes under way.
    pub pending: u32,
}

/// Limits of the relay.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Relay {
    /// Places held at a time.
    pub places: usize,
    /// Circuits at a time.
    pub circuits: usize,
    /// Circuits of one peer.
    pub circuits_per_peer: usize,
    /// Minutes after which a circuit ends.
    pub circuit_minutes: u64,
    /// MiB after which a circuit ends; 0 for any number.
    pub circuit_mib: u64,
    /// Circuits that one peer may open at once.
    pub circuit_burst: NonZeroU32,
    /// Seconds until it may open one more.
    pub circuit_seconds: u64,
}

/// Limits of the mailboxes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mailbox {
    /// Whether queues are kept at all.
    pub enabled: bool,
    /// MiB of frames in all queues.
    pub total_mib: u64,
    /// Queues at a time.
    pub queues: usize,
    /// Frames in one queue.
    pub queue_frames: usize,
    /// KiB in one queue.
    pub queue_kib: u64,
    /// Days after which a frame is dropped.
    pub lifetime_days: u64,
    /// Days after which a queue is dropped that its owner did not open.
    pub unused_days: u64,
    /// Bits of work for a new queue.
    pub make_bits: u32,
    /// Queues that one source may make at once.
    pub make_burst: u32,
    /// Seconds until it may make one more.
    pub make_seconds: u64,
    /// Frames that may be put into one queue at once.
    pub put_burst: u32,
    /// Milliseconds until one more may.
    pub put_ms: u64,
    /// KiB that one source may put at once.
    pub source_burst_kib: u32,
    /// Milliseconds until it may put one KiB more.
    pub source_kib_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "/var/lib/veche-bootstrap".into(),
            listen: ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001", "/ip6/::/udp/4001/quic-v1", "/ip6/::/tcp/4001"]
                .map(str::to_owned)
                .into(),
            external: Vec::new(),
            peers: Vec::new(),
            log: "info".into(),
            metrics: "127.0.0.1:9464".into(),
            reserve_mib: 64,
            connections: Connections::default(),
            relay: Relay::default(),
            mailbox: Mailbox::default(),
            turn: Turn::default(),
        }
    }
}

impl Default for Connections {
    fn default() -> Self {
        let limits = ServerLimits::default();
        Self {
            total: limits.connections,
            inbound: limits.inbound,
            per_peer: limits.connections_per_peer,
            per_address: limits.connections_per_address,
            pending: limits.pending,
        }
    }
}

impl Default for Relay {
    fn default() -> Self {
        let limits = ServerLimits::default();
        Self {
            places: limits.places,
            circuits: limits.circuits,
            circuits_per_peer: limits.circuits_per_peer,
            circuit_minutes: limits.circuit_time.as_secs() / 60,
            circuit_mib: limits.circuit_bytes >> 20,
            circuit_burst: limits.circuit_rate.burst,
            circuit_seconds: limits.circuit_rate.every.as_secs(),
        }
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        let limits = Limits::for_operator();
        Self {
            enabled: true,
            total_mib: limits.total_bytes >> 20,
            queues: limits.queues,
            queue_frames: limits.queue_frames,
            queue_kib: limits.queue_bytes >> 10,
            lifetime_days: limits.lifetime.as_secs() / DAY,
            unused_days: limits.unused.as_secs() / DAY,
            make_bits: limits.make_work,
            make_burst: limits.makes.burst,
            make_seconds: limits.makes.each.as_secs(),
            put_burst: limits.puts.burst,
            put_ms: ms(limits.puts.each),
            source_burst_kib: limits.kib.burst,
            source_kib_ms: ms(limits.kib.each),
        }
    }
}

/// What is wrong with the settings, as a sentence.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("The settings file {0} cannot be read ({1}). Check its path and who may read it.")]
    Unreadable(PathBuf, std::io::Error),
    /// It is something else.
    #[error("The settings file {0} is larger than any settings file. Check its path.")]
    TooLarge(PathBuf),
    /// A line of it makes no sense. The text names line, column and key.
    #[error("The settings file {0} has a mistake. {1}")]
    Toml(PathBuf, toml::de::Error),
    /// A value that makes no sense.
    #[error("The setting {key} cannot be used: {why}")]
    Value {
        /// Its key.
        key: String,
        /// Why.
        why: String,
    },
}

impl Config {
    /// Reads a settings file. What it does not name stays at its default.
    ///
    /// # Errors
    /// It cannot be read, or a line of it makes no sense.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let unreadable = |why| ConfigError::Unreadable(path.to_owned(), why);
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE {
            return Err(ConfigError::TooLarge(path.to_owned()));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        toml::from_str(&text).map_err(|why| ConfigError::Toml(path.to_owned(), why))
    }

    /// Where to listen.
    ///
    /// # Errors
    /// Something that is no address to listen on.
    pub fn listen_addrs(&self) -> Result<Vec<Addr>, ConfigError> {
        addrs("listen", &self.listen)
    }

    /// Where others reach this node.
    ///
    /// # Errors
    /// Something that is no address.
    pub fn external_addrs(&self) -> Result<Vec<Addr>, ConfigError> {
        addrs("external", &self.external)
    }

    /// Other operators' nodes.
    ///
    /// # Errors
    /// Something that is no address of a node.
    pub fn peer_hints(&self) -> Result<Vec<Hint>, ConfigError> {
        let hint = |text: &String| parse_hint(text).map_err(|why| value("peers", format!("{text} is no address of a node ({why}).")));
        self.peers.iter().map(hint).collect()
    }

    /// Where metrics are served.
    ///
    /// # Errors
    /// Neither empty nor an address with a port.
    pub fn metrics_addr(&self) -> Result<Option<SocketAddr>, ConfigError> {
        match self.metrics.as_str() {
            "" => Ok(None),
            text => match text.parse() {
                Ok(addr) => Ok(Some(addr)),
                Err(_) => Err(value("metrics", format!("{text} is no address with a port, such as 127.0.0.1:9464."))),
            },
        }
    }

    /// Limits of the network.
    ///
    /// # Errors
    /// Limits that exclude each other.
    pub fn server_limits(&self) -> Result<ServerLimits, ConfigError> {
        let (connections, relay) = (&self.connections, &self.relay);
        if connections.inbound > connections.total {
            return Err(value("connections.inbound", "it exceeds connections.total.".into()));
        }
        if relay.circuit_minutes == 0 {
            return Err(value("relay.circuit_minutes", "circuits that end at once carry nothing; write 1 or more.".into()));
        }
        Ok(ServerLimits {
            connections: connections.total,
            inbound: connections.inbound,
            connections_per_peer: connections.per_peer,
            connections_per_address: connections.per_address,
            pending: connections.pending,
            places: relay.places,
            circuits: relay.circuits,
            circuits_per_peer: relay.circuits_per_peer,
            circuit_time: Duration::from_secs(relay.circuit_minutes.saturating_mul(60)),
            circuit_bytes: relay.circuit_mib.saturating_mul(1 << 20),
            circuit_rate: Rate { burst: relay.circuit_burst, every: Duration::from_secs(relay.circuit_seconds.max(1)) },
            ..ServerLimits::default()
        })
    }

    /// Limits of the mailboxes.
    ///
    /// # Errors
    /// More work than any client does.
    pub fn mailbox_limits(&self) -> Result<Limits, ConfigError> {
        let mailbox = &self.mailbox;
        if mailbox.make_bits > MAX_BITS {
            return Err(value("mailbox.make_bits", format!("no client does more than {MAX_BITS} bits of work.")));
        }
        let rate = |burst, each| mailbox::Rate { burst, each };
        Ok(Limits {
            queue_frames: mailbox.queue_frames,
            queue_bytes: mailbox.queue_kib.saturating_mul(1 << 10),
            lifetime: Duration::from_secs(mailbox.lifetime_days.saturating_mul(DAY)),
            unused: Duration::from_secs(mailbox.unused_days.saturating_mul(DAY)),
            total_bytes: mailbox.total_mib.saturating_mul(1 << 20),
            queues: if mailbox.enabled { mailbox.queues } else { 0 },
            make_work: mailbox.make_bits,
            makes: rate(mailbox.make_burst, Duration::from_secs(mailbox.make_seconds)),
            puts: rate(mailbox.put_burst, Duration::from_millis(mailbox.put_ms)),
            kib: rate(mailbox.source_burst_kib, Duration::from_millis(mailbox.source_kib_ms)),
            ..Limits::for_operator()
        })
    }
}

fn addrs(key: &str, texts: &[String]) -> Result<Vec<Addr>, ConfigError> {
    let addr = |text: &String| match parse_addr(text) {
        Ok((addr, None)) => Ok(addr),
        Ok((_, Some(_))) => Err(value(key, format!("{text} names a node; end it before /p2p/, this node has its own id."))),
        Err(why) => Err(value(key, format!("{text} is no address ({why})."))),
    };
    texts.iter().map(addr).collect()
}

fn value(key: &str, why: String) -> ConfigError {
    ConfigError::Value { key: key.to_owned(), why }
}

fn ms(time: Duration) -> u64 {
    veche_protocol::time::millis(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example sets every key to its default, so that it is true, whole, and a start for an operator's own file.
    #[test]
    fn the_example_names_every_key_with_its_default() {
        let text = include_str!("../veche-bootstrap.example.toml");
        let example: Config = toml::from_str(text).unwrap();
        assert_eq!(example, Config::default());
        let table: toml::Table = toml::from_str(text).unwrap();
        let named = table.len() + table.values().filter_map(toml::Value::as_table).map(toml::Table::len).sum::<usize>();
        let known = format!("{:?}", Config::default()).matches(": ").count();
        assert_eq!(named, known, "a key of the settings is missing in the example");
        for (at, line) in text.lines().enumerate().filter(|(_, line)| line.contains(" = ")) {
            let above = text.lines().take(at).last().unwrap_or_default();
            assert!(above.starts_with('#'), "line {} is not explained above it: {line}", at + 1);
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_key() {
        let told = |text: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), text).unwrap();
            Config::read(file.path()).unwrap_err().to_string()
        };
        let unknown = told("log = \"info\"\n[mailbox]\nqueus = 5\n");
        assert!(unknown.contains("line 3") && unknown.contains("queus"), "{unknown}");
        let wrong = told("[relay]\n\ncircuits = \"many\"\n");
        assert!(wrong.contains("line 3") && wrong.contains("circuits"), "{wrong}");
        let broken = told("listen = [\n");
        assert!(broken.contains("line"), "{broken}");
        let absent = Config::read(Path::new("/nowhere/at/all.toml")).unwrap_err().to_string();
        assert!(absent.contains("/nowhere/at/all.toml"), "{absent}");
    }

    #[test]
    fn values_that_make_no_sense_are_told_with_their_key() {
        let with = |text: &str| toml::from_str::<Config>(text).unwrap();
        let key = |error: ConfigError| error.to_string();
        assert!(key(with("listen = [\"4001\"]").listen_addrs().unwrap_err()).contains("listen"));
        assert!(key(with("metrics = \"9464\"").metrics_addr().unwrap_err()).contains("metrics"));
        assert!(key(with("[relay]\ncircuit_minutes = 0").server_limits().unwrap_err()).contains("relay.circuit_minutes"));
        assert!(key(with("[mailbox]\nmake_bits = 60").mailbox_limits().unwrap_err()).contains("mailbox.make_bits"));
        assert!(key(with("peers = [\"/ip4/192.0.2.1/tcp/1\"]").peer_hints().unwrap_err()).contains("peers"));
        assert!(key(with("[turn]\nlisten = [\"3478\"]").turn_setup().unwrap_err()).contains("turn.listen"));
        assert!(key(with("[turn]\nlast_port = 1").turn_setup().unwrap_err()).contains("turn.last_port"));
        assert!(key(with("[turn]\ncredential_hours = 90").turn_setup().unwrap_err()).contains("turn.credential_hours"));
        assert!(with("[turn]\nenabled = false").turn_setup().unwrap().is_none());
        assert_eq!(with("metrics = \"\"").metrics_addr().unwrap(), None);
        assert_eq!(with("[mailbox]\nenabled = false").mailbox_limits().unwrap().queues, 0);
    }
}
