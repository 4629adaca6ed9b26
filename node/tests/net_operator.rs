//! What an operator's node lets strangers have: so many connections for an address, and none for nothing.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, and say what it measured")]

mod net_kit;

use net_kit::{Node, config, operator};
use std::time::Duration;
use veche_node::net::{NetCmd, NetConfig, NetEvent, ServerConfig, ServerLimits};
use veche_protocol::link::Proto;

/// A node that keeps its connections as long as the other side does.
fn patient(seed: u8) -> NetConfig {
    NetConfig { listen: Vec::new(), idle_timeout: Duration::from_secs(600), ..config(seed) }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_takes_no_more_than_its_share_of_an_operators_connections() {
    let limits = ServerLimits { connections_per_address: 3, ..ServerLimits::default() };
    let server = Node::serve(ServerConfig { limits, ..operator(9, 0) }).await;
    let mut inside = Vec::new();
    for seed in 1..=3 {
        let mut node = Node::start(patient(seed)).await;
        node.use_operators(&[server.hint()]);
        node.link_to(server.peer()).await;
        inside.push(node);
    }
    let mut late = Node::start(patient(4)).await;
    late.use_operators(&[server.hint()]);
    // A refusal comes before or after the handshake is done.
    late.until(|event| matches!(event, NetEvent::DialFailed { .. } | NetEvent::LinkDown { .. }).then_some(())).await;
    assert!(server.handle.stats().refused > 0);
    // Whoever goes makes room.
    inside.pop().unwrap().handle.shutdown().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    late.command(NetCmd::Dial { peer: Some(server.peer()), addrs: vec![server.hint().addr] });
    late.link_to(server.peer()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_uses_an_operators_node_for_nothing_is_let_go() {
    let server = Node::serve(ServerConfig { idle_timeout: Duration::from_millis(500), ..operator(9, 0) }).await;
    let (mut idle, mut busy) = (Node::start(patient(1)).await, Node::start(patient(2)).await);
    for node in [&idle, &busy] {
        // Not as an operator's: no place behind the relay is asked for.
        node.command(NetCmd::Dial { peer: Some(server.peer()), addrs: vec![server.hint().addr] });
    }
    let link = busy.link_to(server.peer()).await.0;
    busy.send(link, Proto::Mailbox, b"a stream is open from here on");
    let link = idle.link_to(server.peer()).await.0;
    idle.until(|event| matches!(event, NetEvent::LinkDown { link: down, .. } if *down == link).then_some(())).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(busy.handle.stats().links, 1, "a client that reads its mailbox stays");
}
