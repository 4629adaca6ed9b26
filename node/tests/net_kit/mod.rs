//! Nodes on loopback for the network tests, and a wire that can be cut.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each file uses its part; a test may stop at the first surprise"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use veche_node::net::{NetCmd, NetConfig, NetEvent, NetEvents, NetHandle, ServerConfig, Shelf, ShelfRules, serve, start};
use veche_protocol::identity::login::TagCost;
use veche_protocol::ids::{LinkId, PeerKey};
use veche_protocol::link::{Addr, Hint, LinkInfo, Proto, Transport};

/// Longer than anything here should take, on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A node with its events.
pub struct Node {
    pub handle: NetHandle,
    pub events: NetEvents,
    /// Where it listens.
    pub addrs: Vec<Addr>,
}

/// Settings for a quiet node on loopback.
pub fn config(seed: u8) -> NetConfig {
    NetConfig { listen: NetConfig::loopback(0), mdns: false, ..NetConfig::new([seed; 32]) }
}

/// Proof of work of claims in these tests. Bits.
pub const WORK: u32 = 4;

/// Settings of an operator's node on loopback, at a fixed port or any.
pub fn operator(seed: u8, port: u16) -> ServerConfig {
    let mut listen = NetConfig::loopback(port);
    if port == 0 {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        for addr in &mut listen {
            addr.socket.set_port(free);
        }
    }
    let rules = ShelfRules { work: WORK, tags: TagCost::SIMULATED, salt: [seed; 32] };
    let records = Box::new(Shelf::new(rules, [], Box::new(|_, _| {})).unwrap());
    ServerConfig { external: listen.clone(), listen, ..ServerConfig::new([seed; 32], 0, Vec::new(), records) }
}

impl Node {
    /// Starts a node and waits until it listens.
    pub async fn start(config: NetConfig) -> Self {
        let expected = config.listen.len();
        Self::listening(start(config).unwrap(), expected).await
    }

    /// Starts an operator's node and waits until it listens.
    pub async fn serve(config: ServerConfig) -> Self {
        let expected = config.listen.len();
        Self::listening(serve(config).unwrap(), expected).await
    }

    async fn listening((handle, events): (NetHandle, NetEvents), expected: usize) -> Self {
        let mut node = Self { handle, events, addrs: Vec::new() };
        while node.addrs.len() < expected {
            match node.next().await {
                NetEvent::Listening(addr) => node.addrs.push(addr),
                other => panic!("expected to listen, got {other:?}"),
            }
        }
        node
    }

    pub fn peer(&self) -> PeerKey {
        self.handle.peer()
    }

    pub fn addr(&self, transport: Transport) -> Addr {
        *self.addrs.iter().find(|addr| addr.transport == transport).unwrap()
    }

    pub async fn next(&mut self) -> NetEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event in time").expect("the network runs")
    }

    /// Skips to the next event that `pick` takes.
    pub async fn until<T>(&mut self, mut pick: impl FnMut(&NetEvent) -> Option<T>) -> T {
        loop {
            let event = self.next().await;
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    }

    /// How to reach an operator's node.
    pub fn hint(&self) -> Hint {
        Hint { peer: self.peer(), addr: self.addr(Transport::Quic) }
    }

    /// Uses operators' nodes, as the core does: names them, and dials them.
    pub fn use_operators(&self, operators: &[Hint]) {
        self.command(NetCmd::Operators(operators.to_vec()));
        for hint in operators {
            self.command(NetCmd::Dial { peer: Some(hint.peer), addrs: vec![hint.addr] });
        }
    }

    /// Waits for a place behind a relay.
    pub async fn place(&mut self) -> Addr {
        self.until(|event| match event {
            NetEvent::Listening(addr) if addr.relay.is_some() => Some(*addr),
            _ => None,
        })
        .await
    }

    pub fn command(&self, command: NetCmd) {
        self.handle.try_send(command).unwrap();
    }

    pub fn dial(&self, other: &Self, transport: Transport) {
        self.command(NetCmd::Dial { peer: Some(other.peer()), addrs: vec![other.addr(transport)] });
    }

    pub fn send(&self, link: LinkId, proto: Proto, frame: &[u8]) {
        self.command(NetCmd::Send { link, proto, frame: frame.to_vec(), receipt: None });
    }

    pub async fn link_up(&mut self) -> (LinkId, LinkInfo) {
        self.until(|event| match event {
            NetEvent::LinkUp { link, info } => Some((*link, *info)),
            _ => None,
        })
        .await
    }

    /// Waits for a link to somebody in particular.
    pub async fn link_to(&mut self, peer: PeerKey) -> (LinkId, LinkInfo) {
        self.until(|event| match event {
            NetEvent::LinkUp { link, info } if info.peer == peer => Some((*link, *info)),
            _ => None,
        })
        .await
    }

    pub async fn frame(&mut self) -> (LinkId, Proto, Vec<u8>) {
        self.until(|event| match event {
            NetEvent::Frame { link, proto, frame } => Some((*link, *proto, frame.clone())),
            _ => None,
        })
        .await
    }
}

/// Two nodes with a link over a transport; the first dialled.
pub async fn linked(transport: Transport) -> ((Node, LinkId), (Node, LinkId)) {
    let (mut ada, mut bob) = (Node::start(config(1)).await, Node::start(config(2)).await);
    ada.dial(&bob, transport);
    let (at_ada, _) = ada.link_up().await;
    let (at_bob, _) = bob.link_up().await;
    ((ada, at_ada), (bob, at_bob))
}

/// A wire between a dialler and an address, which can go dead without telling anybody.
pub struct Wire {
    pub addr: Addr,
    cut: Arc<AtomicBool>,
}

impl Wire {
    pub async fn to(target: Addr) -> Self {
        let cut = Arc::new(AtomicBool::new(false));
        let socket = match target.transport {
            Transport::Tcp => tcp_wire(target.socket, cut.clone()).await,
            Transport::Quic => udp_wire(target.socket, cut.clone()).await,
        };
        Self { addr: Addr { socket, ..target }, cut }
    }

    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }
}

async fn tcp_wire(target: SocketAddr, cut: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let far = TcpStream::connect(target).await.unwrap();
            let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
            tokio::spawn(pump(near_read, far_write, cut.clone()));
            tokio::spawn(pump(far_read, near_write, cut.clone()));
        }
    });
    addr
}

async fn pump(mut from: tokio::net::tcp::OwnedReadHalf, mut to: tokio::net::tcp::OwnedWriteHalf, cut: Arc<AtomicBool>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let len = match from.read(&mut buffer).await {
            Ok(0) | Err(_) if !cut.load(Ordering::SeqCst) => return,
            Ok(len) if !cut.load(Ordering::SeqCst) => len,
            // A dead wire: swallow, and keep the socket open for ever.
            _ => std::future::pending().await,
        };
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
    }
}

async fn udp_wire(target: SocketAddr, cut: Arc<AtomicBool>) -> SocketAddr {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    far.connect(target).await.unwrap();
    let addr = near.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut out, mut back) = (vec![0; 2048], vec![0; 2048]);
        let mut dialler = None;
        loop {
            tokio::select! {
                Ok((len, from)) = near.recv_from(&mut out) => {
                    dialler = Some(from);
                    if !cut.load(Ordering::SeqCst) {
                        let _ = far.send(&out[..len]).await;
                    }
                }
                Ok(len) = far.recv(&mut back) => {
                    if let Some(dialler) = dialler.filter(|_| !cut.load(Ordering::SeqCst)) {
                        let _ = near.send_to(&back[..len], dialler).await;
                    }
                }
            }
        }
    });
    addr
}
