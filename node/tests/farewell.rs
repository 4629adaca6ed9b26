//! Two whole nodes on the loopback device: how one sees the other go, and go for good.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise, and say what it saw")]

use std::path::Path;
use std::time::{Duration, Instant};
use veche_node::config::Options;
use veche_node::handle::{NodeHandle, Phase};
use veche_node::net::NetConfig;
use veche_protocol::core::Config;
use veche_protocol::core::command::{Command, Reply, Target};
use veche_protocol::identity::login::TagCost;
use veche_protocol::ids::AccountId;
use veche_protocol::link::{Addr, Transport};
use veche_protocol::view::{Presence, Relation, Snapshot};

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// What a person takes for "at once".
const AT_ONCE: Duration = Duration::from_secs(1);

async fn start(dir: &Path) -> NodeHandle {
    start_listening(dir, NetConfig::loopback(0)).await
}

async fn start_listening(dir: &Path, listen: Vec<Addr>) -> NodeHandle {
    let node = NodeHandle::start(Options {
        listen,
        discovery: false,
        keyring: false,
        core: Config { tag_cost: TagCost::SIMULATED, ..Config::default() },
        ..Options::new(dir)
    });
    node.phase().wait_for(|phase| *phase != Phase::Starting).await.unwrap();
    node
}

async fn until(node: &NodeHandle, what: &str, mut is_so: impl FnMut(&Snapshot) -> bool) -> Duration {
    let (begun, mut snapshots) = (Instant::now(), node.snapshots());
    let seen = tokio::time::timeout(PATIENCE, snapshots.wait_for(|snapshot| is_so(snapshot))).await;
    assert!(seen.is_ok(), "{what} in time");
    begun.elapsed()
}

async fn is(node: &NodeHandle, who: AccountId, presence: Presence) -> Duration {
    until(node, &format!("{presence:?}"), |s| s.people.iter().any(|p| p.account_id == who && p.presence == presence)).await
}

/// Two people with nodes of their own, who are contacts and see each other.
async fn contacts(dirs: [&Path; 2]) -> [(NodeHandle, AccountId); 2] {
    let (alice, bob) = (start(dirs[0]).await, start(dirs[1]).await);
    let a = alice.create_account("alice".into(), "Alice".into(), None).await.unwrap().account;
    let b = bob.create_account("bob".into(), "Bob".into(), None).await.unwrap().account;
    until(&bob, "listening", |s| s.network.listening.len() >= 2).await;
    let Reply::Link(link) = bob.command(Command::ContactLink).await.unwrap() else { panic!("a link") };
    alice.command(Command::RequestContact { target: Target::Link(link), text: String::new() }).await.unwrap();
    until(&bob, "a request", |s| s.requests.iter().any(|r| r.account_id == a)).await;
    bob.command(Command::AcceptRequest(a)).await.unwrap();
    is(&alice, b, Presence::Online).await;
    is(&bob, a, Presence::Online).await;
    [(alice, a), (bob, b)]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_the_program_is_seen_going_at_once_and_coming_back_at_once() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [(mut alice, a), (bob, b)] = contacts([dirs[0].path(), dirs[1].path()]).await;
    for _ in 0..3 {
        let begun = Instant::now();
        let gone = is(&bob, a, Presence::Offline);
        let ((), gone) = tokio::join!(alice.shutdown(), gone);
        assert!(gone < AT_ONCE, "gone after {gone:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "ended after {:?}", begun.elapsed());
        alice = start(dirs[0].path()).await;
        let (there, here) = tokio::join!(is(&bob, a, Presence::Online), is(&alice, b, Presence::Online));
        assert!(there < AT_ONCE && here < AT_ONCE, "back after {there:?} and {here:?}");
    }
    alice.shutdown().await;
    bob.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_listen_still_finds_its_contacts() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [(alice, a), (bob, b)] = contacts([dirs[0].path(), dirs[1].path()]).await;
    alice.shutdown().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let alice = start_listening(dirs[0].path(), vec![Addr::direct(taken.local_addr().unwrap(), Transport::Tcp)]).await;
    let (there, here) = tokio::join!(is(&bob, a, Presence::Online), is(&alice, b, Presence::Online));
    assert!(there < AT_ONCE && here < AT_ONCE, "{there:?} and {here:?}");
    assert!(alice.snapshot().network.listening.is_empty());
    alice.shutdown().await;
    bob.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_farewell_of_a_deleted_account_reaches_its_connected_contacts() {
    for _ in 0..3 {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [(alice, a), (bob, _)] = contacts([dirs[0].path(), dirs[1].path()]).await;
        let told = until(&bob, "gone", |s| s.people.iter().any(|p| p.account_id == a && p.relation == Relation::Gone));
        let (deleted, told) = tokio::join!(alice.command(Command::DeleteAccount), told);
        assert_eq!(deleted, Ok(Reply::Done));
        assert!(told < AT_ONCE, "{told:?}");
        let ended = Phase::Ended { deleted: true };
        tokio::time::timeout(PATIENCE, alice.phase().wait_for(|phase| *phase == ended)).await.unwrap().unwrap();
        assert_eq!(std::fs::read_dir(dirs[0].path()).unwrap().count(), 0, "nothing is left");
        bob.shutdown().await;
    }
}
