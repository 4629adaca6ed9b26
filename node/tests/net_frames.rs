//! Frames between two nodes: order, limits, receipts, slow readers, latency.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may stop at the first surprise, and say what it measured")]

mod net_kit;

use net_kit::{Node, PATIENCE, config, linked};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use veche_node::net::{DownReason, NetCmd, NetEvent, NotTaken, OUTLET_BYTES};
use veche_protocol::ids::LinkId;
use veche_protocol::link::{Proto, Route, Side, Transport};

const FRAMES: u32 = 10_000;

/// Sends numbered frames on two protocols, as fast as receipts allow, and checks what comes from the other side.
async fn talk(mut node: Node, link: LinkId) -> Node {
    // Receipts every so many frames keep the queue far from its limit.
    const WINDOW: u32 = 500;
    let (mut sent, mut cleared) = (0u32, 0u32);
    let mut expected: BTreeMap<Proto, u32> = [(Proto::Dm, 0), (Proto::Sync, 0)].into();
    while expected.values().any(|next| *next < FRAMES) || cleared < FRAMES {
        while sent < FRAMES && sent < cleared + WINDOW {
            for proto in [Proto::Dm, Proto::Sync] {
                let receipt = (proto == Proto::Sync && (sent + 1) % (WINDOW / 2) == 0).then_some(u64::from(sent + 1));
                let frame = [&sent.to_be_bytes()[..], &[0x5a; 96]].concat();
                let mut command = NetCmd::Send { link, proto, frame, receipt };
                while let Err(NotTaken::Full(back)) = node.handle.try_send(command) {
                    command = back;
                    tokio::task::yield_now().await;
                }
            }
            sent += 1;
        }
        match node.next().await {
            NetEvent::Sent { receipt, .. } => cleared = u32::try_from(receipt).unwrap(),
            NetEvent::Frame { link: from, proto, frame } => {
                assert_eq!(from, link);
                assert_eq!(frame.len(), 100);
                let next = expected.get_mut(&proto).unwrap();
                assert_eq!(u32::from_be_bytes(frame[..4].try_into().unwrap()), *next, "{proto:?} in order");
                *next += 1;
            }
            other => panic!("nothing else may happen: {other:?}"),
        }
    }
    node
}

async fn ten_thousand_frames_each_way(transport: Transport) {
    let ((ada, at_ada), (bob, at_bob)) = linked(transport).await;
    let both = async { tokio::join!(talk(ada, at_ada), talk(bob, at_bob)) };
    let (ada, bob) = tokio::time::timeout(PATIENCE, both).await.unwrap();
    let stats = ada.handle.stats();
    assert_eq!((stats.frames_out, stats.frames_in), (u64::from(FRAMES) * 2, u64::from(FRAMES) * 2));
    assert_eq!(bob.handle.stats().bytes_in, u64::from(FRAMES) * 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_arrive_in_order_both_ways_over_quic() {
    ten_thousand_frames_each_way(Transport::Quic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_arrive_in_order_both_ways_over_tcp() {
    ten_thousand_frames_each_way(Transport::Tcp).await;
}

#[tokio::test]
async fn a_link_says_who_is_there_and_from_where() {
    let (mut ada, mut bob) = (Node::start(config(1)).await, Node::start(config(2)).await);
    ada.command(NetCmd::Dial { peer: None, addrs: vec![bob.addr(Transport::Quic)] });
    let (_, info) = ada.link_up().await;
    assert_eq!((info.peer, info.side, info.route), (bob.peer(), Side::Dialler, Route::Loopback));
    assert_eq!(info.addr, bob.addr(Transport::Quic));
    let (_, info) = bob.link_up().await;
    assert_eq!((info.peer, info.side, info.addr.transport), (ada.peer(), Side::Listener, Transport::Quic));
}

#[tokio::test]
async fn the_largest_frames_pass_and_larger_ones_are_not_taken() {
    let ((ada, at_ada), (mut bob, at_bob)) = linked(Transport::Quic).await;
    for proto in Proto::ALL {
        let frame = vec![7; proto.max_frame()];
        ada.send(at_ada, proto, &frame);
        assert_eq!(bob.frame().await, (at_bob, proto, frame));
        let frame = vec![7; proto.max_frame() + 1];
        let refused = ada.handle.try_send(NetCmd::Send { link: at_ada, proto, frame, receipt: None });
        assert_eq!(refused, Err(NotTaken::TooLarge { len: proto.max_frame() + 1, max: proto.max_frame() }));
    }
}

#[tokio::test]
async fn closing_a_link_ends_it_on_both_sides_and_the_next_has_a_new_number() {
    let ((mut ada, first), (mut bob, at_bob)) = linked(Transport::Tcp).await;
    ada.command(NetCmd::Close { link: first });
    assert_eq!(ada.next().await, NetEvent::LinkDown { link: first, why: DownReason::Local });
    assert_eq!(bob.next().await, NetEvent::LinkDown { link: at_bob, why: DownReason::Closed });
    ada.dial(&bob, Transport::Tcp);
    assert_ne!(ada.link_up().await.0, first);
    ada.send(first, Proto::Dm, b"into the void");
    let (second, _) = bob.link_up().await;
    bob.send(second, Proto::Dm, b"alive");
    assert_eq!(ada.frame().await.2, b"alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_is_cut_off_and_costs_bounded_memory() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let ((mut ada, at_ada), (bob, _)) = linked(transport).await;
        // Bob's program takes no events, so his network stops reading.
        let (mut pushed, frame) = (0usize, vec![1; Proto::Sync.max_frame()]);
        let why = loop {
            match ada.handle.try_send(NetCmd::Send { link: at_ada, proto: Proto::Sync, frame: frame.clone(), receipt: None }) {
                Ok(()) => pushed += frame.len(),
                Err(NotTaken::Full(_)) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
            // As fast as it goes, but not faster than the wire.
            tokio::time::sleep(Duration::from_millis(3)).await;
            if let Some(NetEvent::LinkDown { link, why }) = ada.events.try_recv() {
                assert_eq!(link, at_ada);
                break why;
            }
        };
        assert_eq!(why, DownReason::Slow);
        let held = usize::try_from(bob.handle.stats().bytes_in).unwrap();
        assert!(held < 20 * 1024 * 1024, "the receiver took {held} bytes");
        assert!(pushed < held + OUTLET_BYTES + 24 * 1024 * 1024, "the sender took {pushed} bytes");
        ada.handle.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_frame_takes_no_longer_than_a_few_wakeups() {
    for transport in [Transport::Quic, Transport::Tcp] {
        let ((ada, at_ada), (mut bob, _)) = linked(transport).await;
        let mut times = Vec::new();
        for n in 0..500u32 {
            let start = Instant::now();
            ada.send(at_ada, Proto::Dm, &n.to_be_bytes());
            let (.., frame) = bob.frame().await;
            times.push(start.elapsed());
            assert_eq!(frame, n.to_be_bytes());
        }
        times.sort();
        println!("{transport:?}: one frame p50 {:?}, p99 {:?}", times[250], times[495]);
        // Far above what it takes on a quiet machine (0.1 to 0.2 ms), below anything that waits for a timer or another round trip.
        assert!(times[250] < Duration::from_millis(5), "{:?}", times[250]);
    }
}

#[tokio::test]
async fn a_receipt_follows_the_frame_into_the_stream() {
    let ((mut ada, at_ada), (mut bob, _)) = linked(Transport::Quic).await;
    ada.command(NetCmd::Send { link: at_ada, proto: Proto::Hello, frame: b"hi".to_vec(), receipt: Some(77) });
    assert_eq!(ada.next().await, NetEvent::Sent { link: at_ada, receipt: 77 });
    assert_eq!(bob.frame().await.2, b"hi");
}
