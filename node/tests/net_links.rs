//! Links between two nodes: double dials, dead wires, wrong keys, changed addresses, the LAN-only profile.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, and say what it measured")]

mod net_kit;

use net_kit::{Node, Wire, config, linked};
use std::time::{Duration, Instant};
use veche_node::net::{DialFailure, DownReason, NetCmd, NetConfig, NetError, NetEvent, Profile, start};
use veche_protocol::ids::PeerKey;
use veche_protocol::link::{Addr, Proto, Transport};

/// Fast pings, so that the tests need not wait for minutes.
fn impatient(seed: u8) -> NetConfig {
    NetConfig { ping_interval: Duration::from_millis(300), ping_timeout: Duration::from_millis(300), ..config(seed) }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_dialling_at_once_get_one_link_each_and_it_stays() {
    for round in 0..10 {
        let (mut ada, mut bob) = (Node::start(config(1)).await, Node::start(config(2)).await);
        let transport = if round % 2 == 0 { Transport::Quic } else { Transport::Tcp };
        ada.dial(&bob, transport);
        bob.dial(&ada, transport);
        let ((at_ada, _), (at_bob, _)) = tokio::join!(ada.link_up(), bob.link_up());
        // Messages from the first moment on, while the connections are being sorted out.
        for n in 0..200u32 {
            ada.send(at_ada, Proto::Dm, &n.to_be_bytes());
            bob.send(at_bob, Proto::Dm, &n.to_be_bytes());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for node in [&mut ada, &mut bob] {
            let mut n = 0u32;
            while n < 200 {
                match node.next().await {
                    NetEvent::Frame { frame, .. } => {
                        assert_eq!(frame, n.to_be_bytes());
                        n += 1;
                    }
                    // One side moves to the other's connection.
                    NetEvent::LinkMoved { .. } => {}
                    other => panic!("one link, and it stays up: {other:?}"),
                }
            }
            assert_eq!(node.handle.stats().links, 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spare_connection_of_a_double_dial_is_closed_and_nobody_notices() {
    // Until both sides really made a connection each, which is a matter of luck.
    for _ in 0..20 {
        let (mut ada, mut bob) = (Node::start(impatient(1)).await, Node::start(impatient(2)).await);
        ada.dial(&bob, Transport::Quic);
        bob.dial(&ada, Transport::Quic);
        let ((at_ada, _), _) = tokio::join!(ada.link_up(), bob.link_up());
        tokio::time::sleep(Duration::from_millis(200)).await;
        if ada.handle.stats().connections < 2 {
            continue;
        }
        let start = Instant::now();
        while ada.handle.stats().connections > 1 || bob.handle.stats().connections > 1 {
            assert!(start.elapsed() < Duration::from_secs(8), "the grace is five seconds");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(start.elapsed() > Duration::from_secs(4), "not before");
        ada.send(at_ada, Proto::Dm, b"still here");
        assert_eq!(bob.frame().await.2, b"still here");
        assert!(ada.events.try_recv().is_none_or(|event| matches!(event, NetEvent::LinkMoved { .. })));
        return;
    }
    panic!("no double dial in twenty tries");
}

#[tokio::test]
async fn a_new_address_is_tried_beside_a_dial_that_nobody_answers() {
    let (mut ada, bob) = (Node::start(config(1)).await, Node::start(config(2)).await);
    // Where Bob was before he was started anew: packets go there, and nothing comes back.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let old = Addr::direct(silent.local_addr().unwrap(), Transport::Quic);
    ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![old] });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    ada.dial(&bob, Transport::Quic);
    assert_eq!(ada.link_up().await.1.peer, bob.peer());
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // Longer than an attempt lasts.
    let word = tokio::time::timeout(Duration::from_secs(6), ada.events.recv()).await;
    assert!(word.is_err(), "the other attempt ends without a word: {word:?}");
}

#[tokio::test]
async fn another_device_at_the_address_is_refused_by_name() {
    let (mut ada, bob) = (Node::start(config(1)).await, Node::start(config(2)).await);
    let carol = Node::start(config(3)).await.peer();
    for transport in [Transport::Quic, Transport::Tcp] {
        let addrs = vec![bob.addr(transport)];
        ada.command(NetCmd::Dial { peer: Some(carol), addrs: addrs.clone() });
        let expected = NetEvent::DialFailed { peer: Some(carol), addrs, why: DialFailure::WrongPeer { found: bob.peer() } };
        assert_eq!(ada.next().await, expected);
    }
}

#[tokio::test]
async fn each_way_to_fail_a_dial_has_its_reason() {
    let mut ada = Node::start(config(1)).await;
    let me = ada.peer();
    let bob = Node::start(config(2)).await.peer();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Addr::direct(listener.local_addr().unwrap(), Transport::Tcp)
    };
    let nowhere = Addr::direct("0.0.0.0:1".parse().unwrap(), Transport::Tcp);
    let own = ada.addr(Transport::Tcp);
    // y = 2 is no point of the curve, so nobody can have this key.
    let mut impossible = [0; 32];
    impossible[0] = 2;
    let not_libp2p = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = listener.local_addr().unwrap();
        tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        Addr::direct(socket, Transport::Tcp)
    };
    let cases = [
        (Some(me), closed, DialFailure::Myself),
        (Some(bob), own, DialFailure::Myself),
        (Some(bob), closed, DialFailure::Refused),
        (Some(bob), nowhere, DialFailure::NoAddress),
        (Some(bob), not_libp2p, DialFailure::Handshake),
        (Some(PeerKey(impossible)), closed, DialFailure::Handshake),
        (None, closed, DialFailure::Refused),
    ];
    for (peer, addr, expected) in cases {
        ada.command(NetCmd::Dial { peer, addrs: vec![addr] });
        let NetEvent::DialFailed { peer: failed, why, .. } = ada.next().await else { panic!("{expected:?} expected") };
        assert_eq!((failed, why), (peer, expected), "{addr:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_wire_is_noticed_by_both_sides() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let (mut ada, mut bob) = (Node::start(impatient(1)).await, Node::start(impatient(2)).await);
        let wire = Wire::to(bob.addr(transport)).await;
        ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![wire.addr] });
        let ((at_ada, _), (at_bob, _)) = tokio::join!(ada.link_up(), bob.link_up());
        // Longer than the patience: pings keep a living link.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!((ada.events.try_recv(), bob.events.try_recv()), (None, None));

        wire.cut();
        let start = Instant::now();
        let down = |link| NetEvent::LinkDown { link, why: DownReason::Silent };
        assert_eq!((ada.next().await, bob.next().await), (down(at_ada), down(at_bob)), "{transport:?}");
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_is_gone_is_noticed_at_once_if_it_says_so() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let ((mut ada, at_ada), (bob, _)) = linked(transport).await;
        bob.handle.shutdown().await;
        let start = Instant::now();
        assert_eq!(ada.next().await, NetEvent::LinkDown { link: at_ada, why: DownReason::Closed });
        assert!(start.elapsed() < Duration::from_secs(1), "{transport:?}: {:?}", start.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_comes_back_over_a_new_wire_need_not_wait_for_the_old_one() {
    let (mut ada, mut bob) = (Node::start(config(1)).await, Node::start(config(2)).await);
    let wire = Wire::to(bob.addr(Transport::Tcp)).await;
    ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![wire.addr] });
    let ((at_ada, _), (at_bob, _)) = tokio::join!(ada.link_up(), bob.link_up());
    ada.send(at_ada, Proto::Dm, b"before");
    assert_eq!(bob.frame().await.2, b"before");
    wire.cut();

    // The same person with a restarted program: a new node with the same key knows nothing of the old connection.
    let mut again = Node::start(config(1)).await;
    let start = Instant::now();
    again.dial(&bob, Transport::Quic);
    let (at_again, _) = again.link_up().await;
    again.send(at_again, Proto::Dm, b"after");
    assert_eq!(bob.next().await, NetEvent::LinkDown { link: at_bob, why: DownReason::Replaced });
    let (second, info) = bob.link_up().await;
    assert_eq!(info.peer, ada.peer());
    assert_eq!(bob.frame().await, (second, Proto::Dm, b"after".to_vec()));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    bob.send(second, Proto::Dm, b"welcome back");
    assert_eq!(again.frame().await.2, b"welcome back");
    assert!(ada.events.try_recv().is_none_or(|event| matches!(event, NetEvent::LinkDown { .. })));
}

#[tokio::test]
async fn a_connection_nobody_uses_is_closed() {
    let idle = |seed| NetConfig { idle_timeout: Duration::from_millis(400), ..config(seed) };
    let (mut ada, mut bob) = (Node::start(idle(1)).await, Node::start(idle(2)).await);
    ada.dial(&bob, Transport::Quic);
    let (at_ada, _) = ada.link_up().await;
    let (at_bob, _) = bob.link_up().await;
    assert_eq!(ada.next().await, NetEvent::LinkDown { link: at_ada, why: DownReason::Closed });
    assert_eq!(bob.next().await, NetEvent::LinkDown { link: at_bob, why: DownReason::Closed });

    ada.dial(&bob, Transport::Quic);
    let (at_ada, _) = ada.link_up().await;
    ada.send(at_ada, Proto::Hello, b"staying");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(ada.events.try_recv(), None, "a link in use is kept, however quiet");
}

#[tokio::test]
async fn lan_only_refuses_public_addresses_and_still_works_on_the_lan() {
    let lan = |seed| NetConfig { profile: Profile::LanOnly, ..config(seed) };
    let (mut ada, mut bob) = (Node::start(lan(1)).await, Node::start(lan(2)).await);
    let public = Addr::direct("192.0.2.1:4001".parse().unwrap(), Transport::Quic);
    ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![public] });
    assert_eq!(ada.next().await, NetEvent::DialFailed { peer: Some(bob.peer()), addrs: vec![public], why: DialFailure::NotLan });
    ada.command(NetCmd::Dial { peer: Some(bob.peer()), addrs: vec![public, bob.addr(Transport::Quic)] });
    assert_eq!(ada.link_up().await.1.peer, bob.peer());
    bob.link_up().await;

    let listen = vec![Addr::direct("198.51.100.7:0".parse().unwrap(), Transport::Tcp)];
    let refused = start(NetConfig { listen, ..lan(3) });
    assert!(matches!(refused, Err(NetError::NotLan(_))));
}

#[tokio::test]
async fn a_port_in_use_is_reported_and_the_rest_works() {
    let bob = Node::start(config(2)).await;
    let taken = bob.addr(Transport::Tcp);
    let mut listen = NetConfig::loopback(0);
    listen.push(taken);
    let (handle, events) = start(NetConfig { listen, ..config(1) }).unwrap();
    let mut ada = Node { handle, events, addrs: Vec::new() };
    let (mut failed, mut listening) = (0, 0);
    while failed + listening < 3 {
        match ada.next().await {
            NetEvent::ListenFailed { addr, why } => {
                assert_eq!(addr, taken);
                assert!(!why.is_empty());
                failed += 1;
            }
            NetEvent::Listening(_) => listening += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((failed, listening), (1, 2));
    ada.dial(&bob, Transport::Tcp);
    ada.link_up().await;
}

/// What somebody sees of a node leads back to it only where it dials from the port that it listens on.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_dials_while_starting_is_seen_at_the_port_that_it_listens_on() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let mut bob = Node::start(config(2)).await;
        let (handle, events) = start(config(1)).unwrap();
        let mut ada = Node { handle, events, addrs: Vec::new() };
        ada.dial(&bob, transport);
        let (_, seen) = bob.link_up().await;
        ada.link_up().await;
        let port = ada.handle.port().expect("a port was picked");
        assert_eq!(seen.addr.socket.port(), port, "over {transport:?}");
    }
}
