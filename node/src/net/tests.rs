//! A node against a peer that speaks libp2p and breaks the rules above it.

use super::addr::{to_multiaddr, to_peer_id};
use super::frame::{self, Head};
use super::streams;
use super::task::MAX_HEADS;
use super::*;
use futures::{AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{PeerId, Stream, Swarm};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use veche_protocol::ids::LinkId;
use veche_protocol::link::{Addr, Proto, Transport};

mod strangers;

const PATIENCE: Duration = Duration::from_secs(20);

/// Asks for a stream on Mallory's connection.
type Wish = (Proto, streams::OpenReply);

struct Mallory {
    wishes: mpsc::Sender<Wish>,
}

impl Mallory {
    async fn stream(&self, proto: Proto) -> Stream {
        let (give, take) = futures::channel::oneshot::channel();
        self.wishes.send((proto, give)).await.unwrap();
        tokio::time::timeout(PATIENCE, take).await.unwrap().unwrap().unwrap()
    }

    /// A stream with a proper head.
    async fn begin(&self, proto: Proto, session: u64, turn: u32) -> Stream {
        let mut stream = self.stream(proto).await;
        stream.write_all(&Head { session, turn }.to_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }
}

async fn run(mut swarm: Swarm<streams::Behaviour>, peer: PeerId, conn: ConnectionId, mut wishes: mpsc::Receiver<Wish>) {
    loop {
        tokio::select! {
            wish = wishes.recv() => match wish {
                Some((proto, give)) => swarm.behaviour_mut().open(peer, conn, proto, give),
                None => return,
            },
            event = swarm.select_next_some() => drop(event),
        }
    }
}

async fn next(events: &mut NetEvents) -> NetEvent {
    tokio::time::timeout(PATIENCE, events.recv()).await.unwrap().unwrap()
}

/// A node with a link from a rule breaker.
async fn attacked(transport: Transport) -> (NetHandle, NetEvents, LinkId, Mallory) {
    let config = NetConfig { listen: NetConfig::loopback(0), mdns: false, ..NetConfig::new([1; 32]) };
    let (handle, mut events) = start(config).unwrap();
    let addr = loop {
        match next(&mut events).await {
            NetEvent::Listening(addr) if addr.transport == transport => break addr,
            _ => {}
        }
    };
    let (swarm, peer, conn) = dial(&handle, addr).await;
    let (wishes, take) = mpsc::channel(64);
    tokio::spawn(run(swarm, peer, conn, take));
    loop {
        if let NetEvent::LinkUp { link, .. } = next(&mut events).await {
            return (handle, events, link, Mallory { wishes });
        }
    }
}

async fn dial(target: &NetHandle, addr: Addr) -> (Swarm<streams::Behaviour>, PeerId, ConnectionId) {
    let key = Keypair::ed25519_from_bytes([6; 32]).unwrap();
    let transport = transport::build(&key, transport::Reach::Server).unwrap();
    // No ping and no identify: a node must get along without, for a while.
    let config = libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(PATIENCE);
    let mut swarm = Swarm::new(transport, streams::Behaviour::default(), key.public().to_peer_id(), config);
    let peer = to_peer_id(&target.peer()).unwrap();
    swarm.dial(DialOpts::peer_id(peer).addresses(vec![to_multiaddr(&addr)]).build()).unwrap();
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { connection_id, .. } => return (swarm, peer, connection_id),
            SwarmEvent::OutgoingConnectionError { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
}

async fn expect_down(mut events: NetEvents, link: LinkId, why: DownReason) {
    assert_eq!(next(&mut events).await, NetEvent::LinkDown { link, why });
}

#[tokio::test]
async fn a_frame_above_the_limit_ends_the_link_before_it_is_read() {
    for transport in [Transport::Quic, Transport::Tcp] {
        for proto in Proto::ALL {
            let (_handle, events, link, mallory) = attacked(transport).await;
            let mut stream = mallory.begin(proto, 1, 0).await;
            let mut announced = Vec::new();
            frame::put(&mut announced, &vec![0; proto.max_frame() + 1]);
            // The length only; the bytes never come.
            stream.write_all(&announced[..3]).await.unwrap();
            stream.flush().await.unwrap();
            expect_down(events, link, DownReason::Oversized).await;
        }
    }
}

#[tokio::test]
async fn a_length_that_is_no_number_ends_the_link() {
    let (_handle, events, link, mallory) = attacked(Transport::Quic).await;
    let mut stream = mallory.begin(Proto::Dm, 1, 0).await;
    stream.write_all(&[0xff; 8]).await.unwrap();
    stream.flush().await.unwrap();
    expect_down(events, link, DownReason::Garbage).await;
}

#[tokio::test]
async fn a_frame_that_breaks_off_ends_the_link() {
    let (_handle, events, link, mallory) = attacked(Transport::Quic).await;
    let mut stream = mallory.begin(Proto::Dm, 1, 0).await;
    stream.write_all(&[10, 1, 2, 3]).await.unwrap();
    stream.close().await.unwrap();
    expect_down(events, link, DownReason::Garbage).await;
}

#[tokio::test]
async fn a_second_session_or_the_same_turn_twice_ends_the_link() {
    for (session, turn) in [(2, 0), (1, 0)] {
        let (_handle, events, link, mallory) = attacked(Transport::Tcp).await;
        let mut first = mallory.begin(Proto::Dm, 1, 0).await;
        first.write_all(&[0]).await.unwrap();
        first.close().await.unwrap();
        let mut events = events;
        assert_eq!(next(&mut events).await, NetEvent::Frame { link, proto: Proto::Dm, frame: Vec::new() });
        let _second = mallory.begin(Proto::Dm, session, turn).await;
        expect_down(events, link, DownReason::Garbage).await;
    }
}

#[tokio::test]
async fn later_turns_wait_for_earlier_ones() {
    let (_handle, mut events, link, mallory) = attacked(Transport::Quic).await;
    let mut later = mallory.begin(Proto::Sync, 1, 1).await;
    later.write_all(&[1, 22]).await.unwrap();
    later.flush().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(events.try_recv(), None);
    let mut earlier = mallory.begin(Proto::Sync, 1, 0).await;
    earlier.write_all(&[1, 11]).await.unwrap();
    earlier.close().await.unwrap();
    for byte in [11, 22] {
        assert_eq!(next(&mut events).await, NetEvent::Frame { link, proto: Proto::Sync, frame: vec![byte] });
    }
}

#[tokio::test]
async fn streams_that_say_nothing_are_few_and_harm_nobody() {
    let (handle, mut events, link, mallory) = attacked(Transport::Quic).await;
    let mut silent = Vec::new();
    for _ in 0..MAX_HEADS + 30 {
        silent.push(mallory.stream(Proto::Inbox).await);
    }
    let start = Instant::now();
    while handle.stats().refused < 30 {
        assert!(start.elapsed() < PATIENCE, "only {MAX_HEADS} may wait: {:?}", handle.stats());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(silent);
    // Until the node has seen the end of those that waited.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut honest = mallory.begin(Proto::Dm, 1, 0).await;
    honest.write_all(&[2, 7, 7]).await.unwrap();
    honest.flush().await.unwrap();
    assert_eq!(next(&mut events).await, NetEvent::Frame { link, proto: Proto::Dm, frame: vec![7, 7] });
}

#[tokio::test]
async fn a_flood_of_introductions_is_slowed_and_messages_pass_it() {
    let (_handle, mut events, link, mallory) = attacked(Transport::Tcp).await;
    let mut flood = mallory.begin(Proto::Hello, 1, 0).await;
    flood.write_all(&[1, 9].repeat(2000)).await.unwrap();
    flood.flush().await.unwrap();
    let start = Instant::now();
    let mut hellos = 0;
    while start.elapsed() < Duration::from_secs(1) {
        if let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(50), events.recv()).await {
            assert_eq!(event, NetEvent::Frame { link, proto: Proto::Hello, frame: vec![9] });
            hellos += 1;
        }
    }
    assert!((64..=80).contains(&hellos), "a burst of 64, then ten a second: {hellos}");
    let mut dm = mallory.begin(Proto::Dm, 1, 0).await;
    dm.write_all(&[1, 5]).await.unwrap();
    dm.flush().await.unwrap();
    let sent = Instant::now();
    while next(&mut events).await != (NetEvent::Frame { link, proto: Proto::Dm, frame: vec![5] }) {}
    assert!(sent.elapsed() < Duration::from_millis(500), "{:?}", sent.elapsed());
}
