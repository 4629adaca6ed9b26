//! Reaching people through operators' nodes: places behind relays, circuits, and the way from there to a direct connection.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, and say what it measured")]

mod net_kit;

use net_kit::{Node, config, operator};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use veche_node::net::{DialFailure, NetCmd, NetConfig, NetEvent, ServerConfig, ServerLimits};
use veche_protocol::ids::LinkId;
use veche_protocol::link::{Addr, Nat, Proto, Route, Side, Transport};

/// Fast pings, so that the tests need not wait for minutes.
fn quick(seed: u8) -> NetConfig {
    NetConfig { ping_interval: Duration::from_millis(300), ping_timeout: Duration::from_millis(300), ..config(seed) }
}

/// A node that nobody can dial.
fn hidden(seed: u8) -> NetConfig {
    NetConfig { listen: Vec::new(), ..quick(seed) }
}

fn quick_operator(seed: u8, port: u16) -> ServerConfig {
    ServerConfig { ping_interval: Duration::from_millis(300), ping_timeout: Duration::from_millis(300), ..operator(seed, port) }
}

/// Two nodes with a link through a relay; the first dialled.
async fn relayed(relay: &Node, ada: &mut Node, bob: &mut Node) -> (LinkId, LinkId) {
    for node in [&*ada, &*bob] {
        node.use_operators(&[relay.hint()]);
    }
    let place = bob.place().await;
    ada.place().await;
    ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![place] });
    let (ada_peer, bob_peer) = (ada.peer(), bob.peer());
    let (at_ada, info) = ada.link_to(bob_peer).await;
    assert_eq!((info.side, info.addr, info.route), (Side::Dialler, place, Route::Relayed));
    let (at_bob, info) = bob.link_to(ada_peer).await;
    assert_eq!((info.side, info.addr.relay, info.route), (Side::Listener, Some(relay.peer()), Route::Relayed));
    (at_ada, at_bob)
}

/// Waits until the link is direct; frames that come meanwhile are kept.
async fn direct(node: &mut Node, link: LinkId, frames: &mut Vec<Vec<u8>>) {
    node.until(|event| match event {
        NetEvent::LinkMoved { link: moved, info } if *moved == link && info.route != Route::Relayed => Some(()),
        NetEvent::Frame { frame, .. } => {
            frames.push(frame.clone());
            None
        }
        NetEvent::LinkDown { link: down, why } if *down == link => panic!("the link must not break: {why:?}"),
        _ => None,
    })
    .await;
}

async fn gather(node: &mut Node, frames: &mut Vec<Vec<u8>>, count: usize) {
    while frames.len() < count {
        frames.push(node.frame().await.2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_whom_nobody_can_dial_talk_through_a_relay() {
    let relay = Node::serve(operator(9, 0)).await;
    let (mut ada, mut bob) = (Node::start(hidden(1)).await, Node::start(hidden(2)).await);
    let (at_ada, at_bob) = relayed(&relay, &mut ada, &mut bob).await;
    ada.send(at_ada, Proto::Dm, b"through the relay");
    assert_eq!(bob.frame().await, (at_bob, Proto::Dm, b"through the relay".to_vec()));
    bob.send(at_bob, Proto::Dm, b"and back");
    assert_eq!(ada.frame().await, (at_ada, Proto::Dm, b"and back".to_vec()));
    let stats = relay.handle.server_stats();
    assert_eq!((stats.places, stats.circuits, stats.circuits_refused), (2, 1, 0));
    // Whoever holds no place there cannot be asked for there.
    let nobody = bob.peer();
    bob.handle.shutdown().await;
    ada.until(|event| matches!(event, NetEvent::LinkDown { link, .. } if *link == at_ada).then_some(())).await;
    ada.command(NetCmd::Dial { peer: Some(nobody), addrs: vec![Addr { relay: Some(relay.peer()), ..relay.hint().addr }] });
    let why = ada.until(|event| if let NetEvent::DialFailed { why, .. } = event { Some(*why) } else { None }).await;
    assert_eq!(why, DialFailure::NotAtRelay);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_behind_a_relay_comes_back_with_the_relay() {
    let settings = quick_operator(9, 0);
    let port = settings.listen[0].socket.port();
    let relay = Node::serve(settings).await;
    let hint = relay.hint();
    let mut bob = Node::start(hidden(2)).await;
    bob.use_operators(&[hint]);
    let place = bob.place().await;
    relay.handle.shutdown().await;
    bob.until(|event| (*event == NetEvent::ListeningGone(place)).then_some(())).await;
    drop(relay);
    // libp2p lets go of a socket a little after the end.
    while std::net::UdpSocket::bind(("127.0.0.1", port)).is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let start = Instant::now();
    let again = Node::serve(quick_operator(9, port)).await;
    assert_eq!(again.peer(), hint.peer);
    // The core dials lost operators again and again; the place is this shell's business.
    let dialler = bob.handle.clone();
    let dialling = tokio::spawn(async move {
        while dialler.send(NetCmd::Dial { peer: Some(hint.peer), addrs: vec![hint.addr] }).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    bob.until(|event| (*event == NetEvent::Listening(place)).then_some(())).await;
    dialling.abort();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let mut ada = Node::start(hidden(1)).await;
    ada.use_operators(&[hint]);
    ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![place] });
    let bob_peer = bob.peer();
    assert_eq!(ada.link_to(bob_peer).await.1.route, Route::Relayed);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_two_relays_the_loss_of_one_closes_no_door() {
    let (one, two) = (Node::serve(quick_operator(8, 0)).await, Node::serve(quick_operator(9, 0)).await);
    let (mut ada, mut bob) = (Node::start(hidden(1)).await, Node::start(hidden(2)).await);
    for node in [&ada, &bob] {
        node.use_operators(&[one.hint(), two.hint()]);
    }
    let mut places = BTreeSet::new();
    while places.len() < 2 {
        places.insert(bob.place().await.relay);
    }
    let through = |relay: &Node| vec![Addr { relay: Some(relay.peer()), ..relay.hint().addr }];
    let bob_peer = bob.peer();
    ada.command(NetCmd::Dial { peer: Some(bob_peer), addrs: through(&one) });
    let (link, _) = ada.link_to(bob_peer).await;

    one.handle.shutdown().await;
    let start = Instant::now();
    ada.until(|event| matches!(event, NetEvent::LinkDown { link: down, .. } if *down == link).then_some(())).await;
    ada.command(NetCmd::Dial { peer: Some(bob_peer), addrs: [through(&one), through(&two)].concat() });
    let (link, info) = ada.link_to(bob_peer).await;
    assert_eq!(info.addr.relay, Some(two.peer()));
    ada.send(link, Proto::Dm, b"the other way");
    assert_eq!(bob.frame().await.2, b"the other way");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn friends_who_meet_through_a_relay_go_on_directly_and_lose_nothing() {
    let relay = Node::serve(quick_operator(9, 0)).await;
    let (mut ada, mut bob) = (Node::start(quick(1)).await, Node::start(quick(2)).await);
    ada.command(NetCmd::Friends(BTreeSet::from([bob.peer()])));
    bob.command(NetCmd::Friends(BTreeSet::from([ada.peer()])));
    let (at_ada, at_bob) = relayed(&relay, &mut ada, &mut bob).await;
    let (to_bob, to_ada) = (ada.handle.clone(), bob.handle.clone());
    let talk = |handle: veche_node::net::NetHandle, link| async move {
        for n in 0..600u32 {
            let frame = n.to_be_bytes().to_vec();
            handle.send(NetCmd::Send { link, proto: Proto::Dm, frame, receipt: None }).await.unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let talking = tokio::spawn(async move { tokio::join!(talk(to_bob, at_ada), talk(to_ada, at_bob)) });
    let (mut heard_by_ada, mut heard_by_bob) = (Vec::new(), Vec::new());
    tokio::join!(direct(&mut ada, at_ada, &mut heard_by_ada), direct(&mut bob, at_bob, &mut heard_by_bob));
    assert!(heard_by_ada.len() < 600 && heard_by_bob.len() < 600, "in the middle of it");
    talking.await.unwrap();
    gather(&mut ada, &mut heard_by_ada, 600).await;
    gather(&mut bob, &mut heard_by_bob, 600).await;
    let all: Vec<Vec<u8>> = (0..600u32).map(|n| n.to_be_bytes().to_vec()).collect();
    assert_eq!((heard_by_ada, heard_by_bob), (all.clone(), all), "each once, in order");
    // The circuit is given back after the grace.
    let start = Instant::now();
    while relay.handle.server_stats().circuits > 0 {
        assert!(start.elapsed() < Duration::from_secs(12), "{:?}", relay.handle.server_stats());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for (node, link) in [(&mut ada, at_ada), (&mut bob, at_bob)] {
        let broke = std::iter::from_fn(|| node.events.try_recv())
            .any(|event| matches!(event, NetEvent::LinkDown { link: down, .. } if down == link));
        assert!(!broke && node.handle.stats().connections == 2, "the relay and the friend: {:?}", node.handle.stats());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_become_friends_while_they_talk_get_a_direct_connection() {
    for ada_is_first in [true, false] {
        let relay = Node::serve(quick_operator(9, 0)).await;
        let (mut ada, mut bob) = (Node::start(quick(1)).await, Node::start(quick(2)).await);
        let (at_ada, at_bob) = relayed(&relay, &mut ada, &mut bob).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let befriend = [(&ada, bob.peer()), (&bob, ada.peer())];
        let order = if ada_is_first { [0, 1] } else { [1, 0] };
        for n in order {
            let (node, friend) = befriend[n];
            node.command(NetCmd::Friends(BTreeSet::from([friend])));
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let (mut before_ada, mut before_bob) = (Vec::new(), Vec::new());
        tokio::join!(direct(&mut ada, at_ada, &mut before_ada), direct(&mut bob, at_bob, &mut before_bob));
        ada.send(at_ada, Proto::Dm, b"now directly");
        assert_eq!(bob.frame().await, (at_bob, Proto::Dm, b"now directly".to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_talk_through_a_relay_outlives_the_time_of_every_circuit() {
    outlives(ServerLimits { circuit_time: Duration::from_secs(5), ..ServerLimits::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_talk_through_a_relay_outlives_the_bytes_of_every_circuit() {
    outlives(ServerLimits { circuit_bytes: 400 * 1024, ..ServerLimits::default() }).await;
}

/// Talks for several times of what one circuit allows.
async fn outlives(limits: ServerLimits) {
    let relay = Node::serve(ServerConfig { limits, ..quick_operator(9, 0) }).await;
    let (mut ada, mut bob) = (Node::start(hidden(1)).await, Node::start(hidden(2)).await);
    let (at_ada, at_bob) = relayed(&relay, &mut ada, &mut bob).await;
    for n in 0..220u32 {
        let mut frame = vec![0; 4 * 1024];
        frame[..4].copy_from_slice(&n.to_be_bytes());
        ada.send(at_ada, Proto::Dm, &frame);
        let heard = bob.until(|event| match event {
            NetEvent::Frame { link, proto, frame } => Some((*link, *proto, frame.clone())),
            NetEvent::LinkDown { why, .. } => panic!("frame {n}: {why:?}, {:?}", relay.handle.server_stats()),
            _ => None,
        });
        assert_eq!(heard.await, (at_bob, Proto::Dm, frame), "frame {n}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(relay.handle.server_stats().circuits_opened >= 3, "{:?}", relay.handle.server_stats());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_observers_and_a_dial_from_outside_tell_what_stands_in_between() {
    let (one, two) = (Node::serve(operator(8, 0)).await, Node::serve(operator(9, 0)).await);
    let mut ada = Node::start(config(1)).await;
    ada.use_operators(&[one.hint(), two.hint()]);
    let own = ada.addr(Transport::Quic);
    let mut seen = Vec::new();
    let addrs = ada
        .until(|event| match event {
            NetEvent::Outside { addrs, nat } => {
                seen.push(*nat);
                (*nat == Nat::Open).then(|| addrs.clone())
            }
            _ => None,
        })
        .await;
    assert_eq!(addrs, [own]);
    assert!(seen.starts_with(&[Nat::Unknown, Nat::Mapped]), "{seen:?}");
    assert!([&one, &two].iter().any(|server| server.handle.server_stats().probes_answered > 0));
    // The dial from outside is no link, and disturbs none.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ada.handle.stats().links, 2);
    while let Some(event) = ada.events.try_recv() {
        assert!(!matches!(event, NetEvent::LinkDown { .. } | NetEvent::LinkUp { .. } | NetEvent::LinkMoved { .. }), "{event:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_node_is_kept_and_a_former_one_is_let_go() {
    let relay = Node::serve(operator(9, 0)).await;
    let idle = NetConfig { idle_timeout: Duration::from_millis(400), listen: Vec::new(), ..config(1) };
    let mut ada = Node::start(idle).await;
    // A door without a place: two others hold those.
    ada.use_operators(&[relay.hint()]);
    let (link, _) = ada.link_to(relay.peer()).await;
    let place = ada.place().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    while let Some(event) = ada.events.try_recv() {
        assert!(matches!(event, NetEvent::Listening(_)), "{event:?}");
    }
    ada.command(NetCmd::Operators(Vec::new()));
    let (mut gone, mut down) = (false, false);
    while !(gone && down) {
        match ada.next().await {
            NetEvent::ListeningGone(addr) => gone |= addr == place,
            NetEvent::LinkDown { link: ended, .. } => down |= ended == link,
            other => panic!("{other:?}"),
        }
    }
}
