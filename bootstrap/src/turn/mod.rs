//! The relay for calls: STUN and TURN over UDP (RFC 8489, RFC 8656). The library keeps places and proves passwords; every datagram goes
//! through [`Door`] first, which decides who gets a place, where they may send, and how much.
//!
//! The library's own loop is not used: it remembers a challenge for each stranger who asks, for ever, and knows no quotas.

mod place;

use crate::clock::Clock;
use place::{Places, Wire};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use turn_server::allocation::allocation_manager::{Manager, ManagerConfig};
use turn_server::allocation::five_tuple::FiveTuple;
use turn_server::allocation::permission::Permission;
use turn_server::auth::{AuthHandler, generate_auth_key};
use turn_server::proto::PROTO_UDP;
use turn_server::server::request::Request;
use turn_util::Conn;
use veche_protocol::turn::aim::{Aim, urls};
use veche_protocol::turn::door::{Door, Limits, Proven, REALM, Stats, Verdict};
use veche_protocol::turn::user::Secret;
use veche_protocol::wire::stun::{DATAGRAM, Method};

/// Life of a channel, as RFC 8656 §12 has it. Clients renew it.
const CHANNEL: Duration = Duration::from_secs(600);
/// Wait after a socket that cannot be read from. It is no socket that anybody closes.
const SOCKET_REST: Duration = Duration::from_millis(100);
/// Datagrams that wait for this program, bytes: a tenth of a second of all that it relays.
const WAITING: usize = 1 << 20;

/// Log directives for the libraries below, which print addresses.
pub const QUIET_LIBRARIES: &[&str] = &["turn=off", "stun=off", "webrtc_util=off"];

/// What an operator sets.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// Addresses at which others reach this machine; one for each version of IP that is relayed.
    pub external: Vec<IpAddr>,
    /// First and last port of places.
    pub ports: (u16, u16),
    pub limits: Limits,
    /// Whether it relays into private networks.
    pub private: bool,
    pub secret: Secret,
    /// Random, new at each start.
    pub seed: [u8; 32],
}

/// A socket that cannot be had, as a sentence.
#[derive(Debug, thiserror::Error)]
#[error(
    "Calls cannot be relayed at {0} over UDP ({1}). Another program may listen there; end it, choose another port in [turn], or write enabled = false there."
)]
pub struct TurnError(SocketAddr, std::io::Error);

/// A relay that runs, or none.
pub(crate) struct Relay {
    door: Arc<Mutex<Door>>,
    urls: Vec<String>,
    managers: Vec<Arc<Manager>>,
    tasks: JoinSet<()>,
    listeners: usize,
}

/// What everybody who deals with datagrams shares.
#[derive(Clone)]
pub(crate) struct Shared {
    door: Arc<Mutex<Door>>,
    clock: Clock,
    /// Addresses of this machine that clients wanted to have something sent to. Nobody sees a peer at one of them without asking for leave
    /// first, which is when they are found out.
    inside: Arc<Mutex<BTreeSet<IpAddr>>>,
    /// Whether it relays there all the same.
    private: bool,
}

impl Shared {
    /// The door. A holder that broke off has left counters behind, nothing that could be half done.
    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out whether peers are this very machine, whose servers may trust it.
    fn look_inside(&self, peers: &[SocketAddr]) {
        if self.private {
            return;
        }
        let found: Vec<IpAddr> = peers.iter().filter(|peer| !self.door().is_own(**peer) && place::is_here(**peer)).map(ip).collect();
        self.inside().extend(found);
    }

    fn is_inside(&self, peer: SocketAddr) -> bool {
        self.inside().contains(&ip(&peer))
    }

    fn inside(&self) -> MutexGuard<'_, BTreeSet<IpAddr>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ip(peer: &SocketAddr) -> IpAddr {
    peer.ip().to_canonical()
}

impl Relay {
    /// Starts one. A version of IP at which nobody reaches this machine is left out; without any there is no relay.
    pub fn start(setup: Setup, clock: Clock) -> Result<Self, TurnError> {
        let aim = Aim { own: setup.external.iter().map(IpAddr::to_canonical).collect(), private: setup.private };
        let door = Arc::new(Mutex::new(Door::new(setup.secret, setup.seed, aim, setup.limits)));
        let shared = Shared { door: door.clone(), clock, inside: Arc::default(), private: setup.private };
        let outside = |ip: IpAddr| setup.external.iter().copied().find(|external| external.is_ipv4() == ip.is_ipv4());
        let (mut hosts, mut managers, mut tasks) = (Vec::new(), Vec::new(), JoinSet::new());
        for at in setup.listen {
            let Some(external) = outside(at.ip()) else { continue };
            let socket = bind(at).map_err(|why| TurnError(at, why))?;
            let port = socket.local_addr().map_err(|why| TurnError(at, why))?.port();
            hosts.push(SocketAddr::new(external, port));
            let places = Places::new(shared.clone(), at.ip(), external, setup.ports);
            let generator = Box::new(places.clone());
            let manager = Arc::new(Manager::new(ManagerConfig { relay_addr_generator: generator, alloc_close_notify: None }));
            managers.push(manager.clone());
            let listener = Listener { shared: shared.clone(), wire: Arc::new(Wire(socket)), manager, places };
            tasks.spawn(listener.run());
        }
        let listeners = hosts.len();
        Ok(Self { door, urls: urls(&hosts), managers, tasks, listeners })
    }

    /// Addresses for those who call.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.door.lock().unwrap_or_else(PoisonError::into_inner).stats()
    }

    /// Whether one of the sockets is read no longer.
    pub fn is_broken(&mut self) -> bool {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.len() < self.listeners
    }

    /// Ends all places. Whoever has one notices by silence, and finds another way.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
        for manager in self.managers {
            // A place that is over already is no failure of the others, but the library stops at it: dropping ends the rest.
            let _ = manager.close().await;
        }
    }
}

/// Two versions of IP may use one port.
fn bind(at: SocketAddr) -> std::io::Result<tokio::net::UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(at), socket2::Type::DGRAM, None)?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The system may allow less.
    let _ = socket.set_recv_buffer_size(WAITING);
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    tokio::net::UdpSocket::from_std(socket.into())
}

/// One socket to which clients talk.
struct Listener {
    shared: Shared,
    wire: Arc<Wire>,
    manager: Arc<Manager>,
    places: Places,
}

impl Listener {
    async fn run(self) {
        let keys: Arc<dyn AuthHandler + Send + Sync> = Arc::new(Keys(self.shared.clone()));
        // One byte more than is taken: what fills it was longer.
        let mut buffer = vec![0; DATAGRAM + 1];
        loop {
            let (len, from) = match self.wire.0.recv_from(&mut buffer).await {
                Ok(received) => received,
                Err(error) => {
                    tracing::warn!(kind = %error.kind(), "the socket for calls cannot be read at the moment");
                    tokio::time::sleep(SOCKET_REST).await;
                    continue;
                }
            };
            let datagram = buffer.get(..len).unwrap_or_default();
            let verdict = self.shared.door().judge(self.shared.clock.now(), from, datagram);
            match verdict {
                Verdict::Drop => {}
                Verdict::Answer(answer) => self.wire.offer(&answer, from),
                Verdict::Pass(proven) => self.pass(from, datagram.to_vec(), proven, &keys).await,
            }
        }
    }

    async fn pass(&self, from: SocketAddr, datagram: Vec<u8>, proven: Option<Proven>, keys: &Arc<dyn AuthHandler + Send + Sync>) {
        let nonce = proven.as_ref().map(|proven| (proven.nonce.clone(), tokio::time::Instant::now()));
        let mut request = Request {
            conn: self.wire.clone(),
            src_addr: from,
            buff: datagram,
            allocation_manager: self.manager.clone(),
            // The door has seen that it is ours and fresh.
            nonces: Arc::new(tokio::sync::Mutex::new(nonce.into_iter().collect::<HashMap<_, _>>())),
            auth_handler: keys.clone(),
            realm: REALM.to_owned(),
            channel_bind_timeout: CHANNEL,
        };
        if let Some(proven) = &proven {
            self.shared.look_inside(&proven.peers);
        }
        self.places.expect(from, proven.clone());
        let done = request.handle_request().await;
        self.places.expect(from, None);
        match (done, proven) {
            // The library looks at the first of several peers only.
            (Ok(()), Some(proven)) if proven.method == Method::CreatePermission => self.permit(from, &proven).await,
            (Ok(()), _) => {}
            // Its texts have addresses in them.
            (Err(_), _) => tracing::trace!("a datagram of a client led to nothing"),
        }
    }

    /// Lets the peers send as well that the library passed over.
    async fn permit(&self, from: SocketAddr, proven: &Proven) {
        let Ok(dst_addr) = self.wire.local_addr() else { return };
        let place = FiveTuple { protocol: PROTO_UDP, src_addr: from, dst_addr };
        let Some(place) = self.manager.get_allocation(&place).await else { return };
        for peer in proven.peers.iter().skip(1) {
            place.add_permission(Permission::new(*peer)).await;
        }
    }
}

/// Passwords for the library.
struct Keys(Shared);

impl AuthHandler for Keys {
    fn auth_handle(&self, username: &str, realm: &str, _: SocketAddr) -> Result<Vec<u8>, turn_server::Error> {
        let password = self.0.door().password(username).ok_or(turn_server::Error::ErrNoSuchUser)?;
        Ok(generate_auth_key(username, realm, &password))
    }
}

#[cfg(test)]
mod tests;
