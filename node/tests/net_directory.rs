//! The directory: records left at operators' nodes and found again, by whom and what.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, and say what it measured")]

mod net_kit;

use net_kit::{Node, WORK, config, operator};
use std::time::SystemTime;
use veche_node::net::{NetCmd, NetConfig, NetEvent, Profile};
use veche_protocol::directory::address::Spot;
use veche_protocol::directory::claim::{self, Draft};
use veche_protocol::directory::record;
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::login::{self, Login, TagCost};
use veche_protocol::ids::{DeviceId, DirectoryKey, QueryId};
use veche_protocol::link::DirectoryEnd;
use veche_protocol::time::UnixMs;
use veche_protocol::wire::directory::{Claim, Claims, RecordKind};

fn now() -> UnixMs {
    UnixMs(u64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap())
}

fn address(pair: u8, salt: u8) -> (DirectoryKey, Vec<u8>) {
    let spot = Spot::new(&[pair; 32], DeviceId([pair; 32]), 1);
    (spot.key(), record::encode(RecordKind::Address(spot.seal(&[], now(), [salt; 16]))))
}

/// A claim of an account on a login, as its owner publishes it.
fn claim(account: u8, name: &str) -> (Login, String, Vec<u8>) {
    let (secret, wanted) = (AccountSecret::from_entropy([account; 16]), Login::exact(name).unwrap());
    let tag = login::tag(secret.account_id(), wanted.as_str(), TagCost::SIMULATED).unwrap();
    let draft = Draft {
        account: secret.account_id(),
        login: wanted.clone(),
        tag: tag.clone(),
        name: "Anna".into(),
        status_text: String::new(),
        reach: Vec::new(),
        doors: Vec::new(),
    };
    let signed = secret.sign_claim(&draft.body(now()));
    let pow = claim::work(&secret.account_id(), &signed.payload).solve(WORK, 0, 100_000).unwrap();
    (wanted, tag, record::encode(RecordKind::Claims(Claims { claims: vec![Claim { claim: Some(signed), pow }] })))
}

/// Operators' nodes that know each other, as one directory, and somebody who has all of them as doors.
async fn directory(servers: u8) -> (Vec<Node>, Node) {
    let mut nodes = Vec::new();
    for n in 0..servers {
        nodes.push(Node::serve(operator(20 + n, 0)).await);
    }
    let hints: Vec<_> = nodes.iter().map(Node::hint).collect();
    for node in &nodes {
        node.use_operators(&hints);
    }
    let mut ada = Node::start(NetConfig { listen: Vec::new(), ..config(1) }).await;
    ada.use_operators(&hints);
    for _ in &hints {
        ada.link_up().await;
    }
    // Until the doors have said that they are some.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    (nodes, ada)
}

async fn done(node: &mut Node, id: u64, mut found: Option<&mut Vec<Vec<u8>>>) -> DirectoryEnd {
    node.until(|event| match event {
        NetEvent::DirectoryFound { id: of, value } if *of == QueryId(id) => {
            found.as_mut().unwrap().push(value.clone());
            None
        }
        NetEvent::DirectoryDone { id: of, end } if *of == QueryId(id) => Some(*end),
        _ => None,
    })
    .await
}

async fn put(node: &mut Node, id: u64, key: DirectoryKey, value: Vec<u8>) -> DirectoryEnd {
    node.command(NetCmd::DirectoryPut { id: QueryId(id), key, value });
    done(node, id, None).await
}

async fn get(node: &mut Node, id: u64, key: DirectoryKey) -> (Vec<Vec<u8>>, DirectoryEnd) {
    let mut found = Vec::new();
    node.command(NetCmd::DirectoryGet { id: QueryId(id), key });
    let end = done(node, id, Some(&mut found)).await;
    (found, end)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_left_at_all_nodes_is_found_once() {
    let (nodes, mut ada) = directory(3).await;
    let (key, value) = address(5, 1);
    assert_eq!(put(&mut ada, 1, key, value.clone()).await, DirectoryEnd::Nodes(3));
    let (found, end) = get(&mut ada, 2, key).await;
    assert_eq!(found, [value], "three nodes have the same");
    assert!(matches!(end, DirectoryEnd::Nodes(1..)));
    assert!(nodes.iter().all(|node| node.handle.server_stats().records_kept == 1));
    let (nothing, end) = get(&mut ada, 3, address(6, 1).0).await;
    assert!(nothing.is_empty() && matches!(end, DirectoryEnd::Nodes(1..)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_is_refused_by_every_node_and_its_sender_is_told() {
    let (nodes, mut ada) = directory(2).await;
    let (key, value) = address(5, 1);
    assert_eq!(put(&mut ada, 1, key, value.clone()).await, DirectoryEnd::Nodes(2));
    let mut forged = value.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(put(&mut ada, 2, key, forged).await, DirectoryEnd::Refused);
    // Genuine, but it belongs elsewhere.
    assert_eq!(put(&mut ada, 3, key, address(6, 1).1).await, DirectoryEnd::Refused);
    assert_eq!(get(&mut ada, 4, key).await.0, [value]);
    assert!(nodes.iter().all(|node| node.handle.server_stats().records_refused == 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_claims_a_login_is_found_and_only_the_right_one_at_its_tag() {
    let (_nodes, mut ada) = directory(2).await;
    let mut tags = Vec::new();
    for account in 1..=5 {
        let (wanted, tag, value) = claim(account, "anna");
        assert_eq!(put(&mut ada, u64::from(account), claim::login_key(&wanted), value.clone()).await, DirectoryEnd::Nodes(2));
        tags.push((wanted, tag, value));
    }
    let (wanted, tag, value) = tags[0].clone();
    let (found, _) = get(&mut ada, 10, claim::login_key(&wanted)).await;
    let RecordKind::Claims(claims) = record::decode(&found[0]).unwrap() else { panic!("claims") };
    assert_eq!((found.len(), claims.claims.len()), (1, 5), "both nodes have merged the same");

    let at = claim::tagged_key(&wanted, &tag);
    assert_eq!(put(&mut ada, 11, at, tags[1].2.clone()).await, DirectoryEnd::Refused, "somebody else's tag");
    assert_eq!(put(&mut ada, 12, at, value).await, DirectoryEnd::Nodes(2));
    // Its tag is being computed.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(get(&mut ada, 13, at).await.0.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_directory_and_on_the_local_network_nobody_is_asked() {
    for profile in [Profile::Open, Profile::LanOnly] {
        let server = Node::serve(operator(9, 0)).await;
        let mut ada = Node::start(NetConfig { profile, ..config(1) }).await;
        if profile == Profile::LanOnly {
            ada.use_operators(&[server.hint()]);
            ada.link_to(server.peer()).await;
        }
        let (key, value) = address(5, 1);
        assert_eq!(put(&mut ada, 1, key, value).await, DirectoryEnd::Nobody);
        assert_eq!(get(&mut ada, 2, key).await, (Vec::new(), DirectoryEnd::Nobody));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_says_that_they_are_of_the_directory_is_not_asked_and_learns_nothing() {
    let honest = Node::serve(operator(20, 0)).await;
    let mallory = Node::serve(operator(30, 0)).await;
    mallory.use_operators(&[honest.hint()]);
    let mut ada = Node::start(NetConfig { listen: Vec::new(), ..config(1) }).await;
    ada.use_operators(&[honest.hint()]);
    ada.link_up().await;
    // Until both have said that they are some.
    tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
    let (key, value) = address(5, 1);
    assert_eq!(put(&mut ada, 1, key, value.clone()).await, DirectoryEnd::Nodes(1));
    assert_eq!(get(&mut ada, 2, key).await.0, [value]);
    let told = mallory.handle.server_stats();
    assert_eq!((told.records_kept, told.records_asked), (0, 0));
    assert_eq!(ada.handle.stats().connections, 1, "nobody else was dialled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_questions_is_bounded() {
    let (_nodes, mut ada) = directory(1).await;
    for n in 0..200 {
        ada.command(NetCmd::DirectoryGet { id: QueryId(n), key: DirectoryKey([7; 32]) });
    }
    let mut ends = Vec::new();
    for _ in 0..200 {
        ends.push(ada.until(|event| if let NetEvent::DirectoryDone { end, .. } = event { Some(*end) } else { None }).await);
    }
    assert!(ends.contains(&DirectoryEnd::Refused) && ends.contains(&DirectoryEnd::Nodes(1)), "{ends:?}");
}
