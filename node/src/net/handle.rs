//! Starting the network, and the two ends that the rest of the node holds: commands in, events out.

use super::addr::to_peer_key;
use super::api::{NetCmd, NetConfig, NetError, NetEvent, NetStats, NotTaken, Profile};
use super::behaviour::Behaviour;
use super::directory;
use super::lan::may_listen;
use super::listen::settle_ports;
use super::meter::Meters;
use super::pipe::{Counters, Parcel, Sink};
use super::server::{ServerConfig, ServerStats};
use super::task::{Ends, Role, Task};
use super::transport::{self, Reach};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::identity::Keypair;
use libp2p::{PeerId, Swarm, relay};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{Notify, mpsc};
use veche_protocol::ids::{LinkId, PeerKey};

/// Commands that may wait.
const COMMANDS: usize = 256;

/// Events that may wait for the core; frames are bounded in bytes as well.
const EVENTS: usize = 1024;

/// Events from libp2p to one connection and back that may wait.
const CONNECTION_BUFFER: usize = 64;

/// Starts the network of a desktop on the current tokio runtime.
///
/// A listen address that cannot be used is an event, not an error: a node without a port can still dial.
///
/// # Errors
/// A bad key, a public listen address in the LAN-only profile, no runtime.
pub fn start(mut config: NetConfig) -> Result<(NetHandle, NetEvents), NetError> {
    let (key, me) = take_key(&mut config)?;
    if config.profile == Profile::LanOnly
        && let Some(public) = config.listen.iter().find(|addr| !may_listen(addr.socket.ip()))
    {
        return Err(NetError::NotLan(public.socket));
    }
    let port = settle_ports(&mut config.listen, config.port);
    let (counters, meters) = (Arc::new(Counters::default()), Meters::default());
    let (transport, circuit) = match config.profile {
        Profile::LanOnly => (transport::build(&key, Reach::LanOnly(counters.refused.clone()))?, None),
        Profile::Open => {
            let (circuits, circuit) = relay::client::new(key.public().to_peer_id());
            (transport::build(&key, Reach::Circuits(circuits, meters.clone()))?, Some(circuit))
        }
    };
    let behaviour = Behaviour::desktop(&config, &key.public(), circuit);
    Ok(run((me, key.public().to_peer_id()), config, Role::Desktop(meters), transport, behaviour, counters, port))
}

/// Starts the network of an operator's node on the current tokio runtime. It relays, and offers mailboxes and nothing else to its clients.
///
/// # Errors
/// A bad key, no runtime.
pub fn serve(mut server: ServerConfig) -> Result<(NetHandle, NetEvents), NetError> {
    let mut config = server.net();
    zeroize::Zeroize::zeroize(&mut server.transport_seed);
    let (key, me) = take_key(&mut config)?;
    let port = settle_ports(&mut config.listen, config.port);
    let transport = transport::build(&key, Reach::Server)?;
    let counters = Arc::new(Counters::default());
    let directory = directory::server(key.public().to_peer_id(), server.records, counters.server.clone());
    let behaviour = Behaviour::server(&server.limits, &config, &key.public(), directory);
    let role = Role::Server(server.external);
    Ok(run((me, key.public().to_peer_id()), config, role, transport, behaviour, counters, port))
}

fn take_key(config: &mut NetConfig) -> Result<(Keypair, PeerKey), NetError> {
    tokio::runtime::Handle::try_current().map_err(|_| NetError::NoRuntime)?;
    let key = Keypair::ed25519_from_bytes(config.transport_seed).map_err(|_| NetError::Key)?;
    zeroize::Zeroize::zeroize(&mut config.transport_seed);
    let me = to_peer_key(&key.public().to_peer_id()).ok_or(NetError::Key)?;
    Ok((key, me))
}

fn run(
    (me, peer_id): (PeerKey, PeerId),
    config: NetConfig,
    role: Role,
    transport: Boxed<(PeerId, StreamMuxerBox)>,
    behaviour: Behaviour,
    counters: Arc<Counters>,
    port: Option<u16>,
) -> (NetHandle, NetEvents) {
    let swarm_config = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(config.idle_timeout)
        .with_notify_handler_buffer_size(NonZeroUsize::new(CONNECTION_BUFFER).unwrap_or(NonZeroUsize::MIN))
        .with_per_connection_event_buffer_size(CONNECTION_BUFFER)
        .with_smart_dial();
    let swarm = Swarm::new(transport, behaviour, peer_id, swarm_config);
    let (commands, waiting) = mpsc::channel(COMMANDS);
    let (parcels, events) = mpsc::channel(EVENTS);
    let stop = Arc::new(Notify::new());
    let ends = Ends { commands: waiting, sink: Sink::new(parcels), counters: counters.clone(), stop: stop.clone() };
    tokio::spawn(Task::new(me, config, role, swarm, ends).run());
    (NetHandle { me, port, commands, counters, stop }, NetEvents { parcels: events, up: BTreeSet::new() })
}

/// The commanding end. Cheap to clone; the network stops when the last one is dropped.
#[derive(Clone)]
pub struct NetHandle {
    me: PeerKey,
    port: Option<u16>,
    commands: mpsc::Sender<NetCmd>,
    counters: Arc<Counters>,
    stop: Arc<Notify>,
}

impl NetHandle {
    /// The public transport key of this node.
    #[must_use]
    pub fn peer(&self) -> PeerKey {
        self.me
    }

    /// The port that was picked where the settings left it open.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Gives a command without waiting.
    ///
    /// # Errors
    /// The command back, if it was not taken.
    pub fn try_send(&self, command: NetCmd) -> Result<(), NotTaken> {
        check(&command)?;
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(command) => NotTaken::Full(command),
            mpsc::error::TrySendError::Closed(command) => NotTaken::Closed(command),
        })
    }

    /// Gives a command, waiting for room. Whoever takes the events must not wait here without taking events: the network makes room for
    /// commands by reporting events.
    ///
    /// # Errors
    /// As [`Self::try_send`], but never full.
    pub async fn send(&self, command: NetCmd) -> Result<(), NotTaken> {
        check(&command)?;
        self.commands.send(command).await.map_err(|error| NotTaken::Closed(error.0))
    }

    /// Waits until there is room for a command, or the network has stopped. Safe to drop while waiting.
    pub async fn room(&self) {
        // Both are answers: trying is what shows which.
        let _ = self.commands.reserve().await;
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> NetStats {
        let get = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        NetStats {
            links: get(&counters.links),
            connections: get(&counters.connections),
            frames_out: get(&counters.frames_out),
            bytes_out: get(&counters.bytes_out),
            frames_in: get(&counters.frames_in),
            bytes_in: get(&counters.bytes_in),
            refused: get(&counters.refused),
        }
    }

    /// What an operator's node did since its start; all zero on a desktop.
    #[must_use]
    pub fn server_stats(&self) -> ServerStats {
        self.counters.server.stats()
    }

    /// Does what was commanded before, lets it leave, says goodbye on all connections and stops. Returns when the network has stopped,
    /// within two seconds.
    pub async fn shutdown(&self) {
        self.stop.notify_one();
        self.commands.closed().await;
    }
}

fn check(command: &NetCmd) -> Result<(), NotTaken> {
    match command {
        NetCmd::Send { proto, frame, .. } if frame.len() > proto.max_frame() => {
            Err(NotTaken::TooLarge { len: frame.len(), max: proto.max_frame() })
        }
        _ => Ok(()),
    }
}

/// The reporting end. Frames and receipts come only between their link's up and down.
pub struct NetEvents {
    parcels: mpsc::Receiver<Parcel>,
    up: BTreeSet<LinkId>,
}

impl NetEvents {
    /// The next event; `None` once the network has stopped. Safe to drop while waiting.
    pub async fn recv(&mut self) -> Option<NetEvent> {
        loop {
            let event = self.parcels.recv().await?.event;
            if self.current(&event) {
                return Some(event);
            }
        }
    }

    /// The next event, if one is there.
    pub fn try_recv(&mut self) -> Option<NetEvent> {
        loop {
            let event = self.parcels.try_recv().ok()?.event;
            if self.current(&event) {
                return Some(event);
            }
        }
    }

    /// Whether an event may be shown. A task that was in the middle of a report when its link went down can come too late.
    fn current(&mut self, event: &NetEvent) -> bool {
        match event {
            NetEvent::LinkUp { link, .. } => self.up.insert(*link),
            NetEvent::LinkDown { link, .. } => self.up.remove(link),
            NetEvent::LinkMoved { link, .. } | NetEvent::Frame { link, .. } | NetEvent::Sent { link, .. } => self.up.contains(link),
            _ => true,
        }
    }
}
