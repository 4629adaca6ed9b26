//! What is said last arrives: before a link is closed, before the network stops.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise, and say what it saw")]

mod net_kit;

use net_kit::linked;
use std::time::{Duration, Instant};
use veche_node::net::{NetCmd, NetEvent};
use veche_protocol::link::{Proto, Transport};

/// As long as the other side may take to notice a clean end on the same machine.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_a_link_is_closed_arrives() {
    for transport in [Transport::Quic, Transport::Tcp] {
        for round in 0..10_u8 {
            let ((mut ada, at_ada), (mut bob, at_bob)) = linked(transport).await;
            // The first frame of the link, so that its stream has to be opened yet, and one that fills many packets.
            let large = vec![round; 60_000];
            ada.send(at_ada, Proto::Hello, &[round]);
            ada.send(at_ada, Proto::Dm, &large);
            ada.command(NetCmd::Close { link: at_ada });
            assert!(matches!(ada.next().await, NetEvent::LinkDown { link, .. } if link == at_ada));
            let mut frames = [bob.frame().await, bob.frame().await];
            frames.sort();
            assert_eq!(frames, [(at_bob, Proto::Hello, vec![round]), (at_bob, Proto::Dm, large)]);
            let begun = Instant::now();
            assert!(matches!(bob.next().await, NetEvent::LinkDown { link, .. } if link == at_bob));
            assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_the_network_stops_arrives_and_the_end_is_seen_at_once() {
    const FRAMES: u32 = 100;
    for transport in [Transport::Quic, Transport::Tcp] {
        for answers in [false, true] {
            let ((ada, at_ada), (mut bob, at_bob)) = linked(transport).await;
            for n in 0..FRAMES {
                ada.send(at_ada, Proto::Dm, &n.to_be_bytes());
            }
            let begun = Instant::now();
            let stopping = tokio::spawn(async move {
                ada.handle.shutdown().await;
                begun.elapsed()
            });
            for n in 0..FRAMES {
                assert_eq!(bob.frame().await.2, n.to_be_bytes());
            }
            if answers {
                // As the core does when somebody says goodbye.
                bob.command(NetCmd::Close { link: at_bob });
            }
            assert!(matches!(bob.next().await, NetEvent::LinkDown { .. }));
            assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
            let took = stopping.await.unwrap();
            assert!(took < Duration::from_secs(2), "{took:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_reads_nothing_holds_nobody_up() {
    let ((mut ada, at_ada), (bob, _)) = linked(Transport::Tcp).await;
    // Bob takes no events: the frames of this side pile up at his.
    for _ in 0..40 {
        ada.send(at_ada, Proto::Sync, &vec![0; Proto::Sync.max_frame() / 2]);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    ada.command(NetCmd::Close { link: at_ada });
    let begun = Instant::now();
    while !matches!(ada.next().await, NetEvent::LinkDown { .. }) {}
    while ada.handle.stats().connections > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the connection stays");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(bob);
}
