//! Profiles over the whole node: making an account, ending at any moment of that, coming back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise, and say what it saw")]

use std::path::Path;
use std::time::{Duration, Instant};
use veche_node::config::Options;
use veche_node::handle::{NodeError, NodeHandle, Phase, STOPS_WITHIN};
use veche_node::net::NetConfig;
use veche_node::store::keyfile::{KeyFile, Protect};
use veche_node::store::kv::Durability;
use veche_node::store::open::Profile;
use veche_protocol::core::Config;
use veche_protocol::core::command::{Command, CommandError};
use veche_protocol::identity::login::TagCost;
use veche_protocol::identity::words;
use veche_protocol::ids::SpaceId;
use veche_protocol::store::{Key, Table, Write};
use veche_protocol::view::Settings;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);
const WORDS: [u8; 16] = [9; 16];

fn options(dir: &Path) -> Options {
    Options {
        listen: NetConfig::loopback(0),
        discovery: false,
        keyring: false,
        core: Config { tag_cost: TagCost::SIMULATED, ..Config::default() },
        ..Options::new(dir)
    }
}

async fn started(dir: &Path) -> (NodeHandle, Phase) {
    let node = NodeHandle::start(options(dir));
    let mut phases = node.phase();
    let phase = tokio::time::timeout(PATIENCE, phases.wait_for(|phase| *phase != Phase::Starting)).await.unwrap().unwrap().clone();
    (node, phase)
}

async fn create(node: &NodeHandle) -> Result<(), NodeError> {
    let made = tokio::time::timeout(PATIENCE, node.create_account("alice".into(), "Alice".into(), None)).await.unwrap();
    made.map(|_| ())
}

/// A key file with an account, as it is before the account's first commit; with an empty database, if wanted.
fn begun(dir: &Path, with_database: bool) -> Profile {
    let profile = Profile::lock(dir).unwrap();
    let (mut keyfile, root) = KeyFile::create(dir, Protect::Plain).unwrap();
    keyfile.protect(&root, Protect::Words(&WORDS)).unwrap();
    keyfile.set_account(&root, &WORDS).unwrap();
    if with_database {
        drop(profile.create(&root, keyfile.database(), 1).unwrap());
    }
    profile
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_making_was_cut_off_can_be_made_or_restored_after_all() {
    for (with_database, restore) in [(false, false), (true, false), (true, true)] {
        let dir = tempfile::tempdir().unwrap();
        drop(begun(dir.path(), with_database));
        let (node, phase) = started(dir.path()).await;
        assert_eq!(phase, Phase::FirstRun);
        if restore {
            let said = words::from_entropy(&[3; 16]).join(" ");
            node.restore_account(said, "alice".into(), "Alice".into(), None).await.unwrap();
        } else {
            create(&node).await.unwrap();
        }
        assert_eq!(create(&node).await, Err(CommandError::AccountExists.into()));
        let words = node.recovery_words().await.unwrap();
        node.shutdown().await;
        let (node, phase) = started(dir.path()).await;
        assert_eq!(phase, Phase::Ready);
        assert_eq!(node.snapshot().account.as_ref().unwrap().login, "alice");
        assert_eq!(node.recovery_words().await.unwrap(), words);
        assert!(dir.path().join("keyfile.replaced-1").exists(), "nothing that may be somebody's last key is thrown away");
        node.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_lost_its_account_is_damaged_and_not_a_first_run() {
    let dir = tempfile::tempdir().unwrap();
    let profile = begun(dir.path(), true);
    let keyfile = KeyFile::load(dir.path()).unwrap();
    let root = keyfile.unlock(veche_node::store::keyfile::Unlock::Plain).unwrap();
    let vault = profile.open(&root, keyfile.database()).unwrap();
    vault.commit(&[Write::Put(Key::single(Table::Timeline, vec![1]), vec![1])], Durability::Now).unwrap();
    drop((vault, profile));
    let (node, phase) = started(dir.path()).await;
    assert!(matches!(&phase, Phase::Failed(why) if why.contains("account is missing")), "{phase:?}");
    assert!(create(&node).await.is_err());
    node.shutdown().await;
    assert!(dir.path().join("db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_can_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _) = started(dir.path()).await;
    let refused = node.create_account("no login!".into(), "Alice".into(), None).await;
    assert!(matches!(refused, Err(NodeError::Command(CommandError::Invalid { field: "login", .. }))), "{refused:?}");
    create(&node).await.unwrap();
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_time_however_much_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _) = started(dir.path()).await;
    create(&node).await.unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..2000_u32 {
        let node = node.clone();
        let settings = Settings { receipts: n % 2 == 0, ..Settings::default() };
        asking.spawn(async move { node.command(Command::SetSettings(settings)).await });
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    let begun = Instant::now();
    node.shutdown().await;
    assert!(begun.elapsed() < STOPS_WITHIN, "{:?}", begun.elapsed());
    while let Some(answer) = asking.join_next().await {
        assert!(matches!(answer.unwrap(), Ok(_) | Err(NodeError::Ended)));
    }
    let late = node.message(SpaceId([0; 32]), veche_protocol::ids::EntryId([0; 32])).await;
    assert_eq!(late, Err(NodeError::Ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_checked_where_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _) = started(dir.path()).await;
    create(&node).await.unwrap();
    assert_eq!(node.check_passphrase("anything".into()).await, Ok(()));
    node.set_passphrase(Some("correct horse".into())).await.unwrap();
    assert_eq!(node.check_passphrase("correct horse".into()).await, Ok(()));
    assert_eq!(node.check_passphrase("anything".into()).await, Err(NodeError::WrongPassphrase));
    node.shutdown().await;
}

/// The port that a node with an account listens on.
async fn port(node: &NodeHandle) -> u16 {
    let mut snapshots = node.snapshots();
    let listening = snapshots.wait_for(|snapshot| snapshot.network.listening.len() >= 2);
    let snapshot = tokio::time::timeout(PATIENCE, listening).await.unwrap().unwrap();
    snapshot.network.listening[0].addr.socket.port()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_where_it_did_before_unless_somebody_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _) = started(dir.path()).await;
    create(&node).await.unwrap();
    let first = port(&node).await;
    node.shutdown().await;
    let (node, _) = started(dir.path()).await;
    assert_eq!(port(&node).await, first);
    node.shutdown().await;
    let taken = std::net::UdpSocket::bind(("127.0.0.1", first)).unwrap();
    let (node, _) = started(dir.path()).await;
    let second = port(&node).await;
    assert_ne!(second, first);
    node.shutdown().await;
    drop(taken);
    let (node, _) = started(dir.path()).await;
    assert_eq!(port(&node).await, second, "contacts know the newer one");
    node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_backup_brings_an_account_back_with_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let (node, _) = started(dir.path()).await;
    create(&node).await.unwrap();
    let words = node.recovery_words().await.unwrap();
    let account = node.snapshot().account.as_ref().unwrap().account_id;
    for kept in [1, 2, 2] {
        assert_eq!(node.back_up().await.unwrap().backups.len(), kept);
    }
    let backups = node.storage().await.unwrap().backups;
    node.shutdown().await;
    for backup in backups {
        let dir = tempfile::tempdir().unwrap();
        let (node, _) = started(dir.path()).await;
        assert_eq!(node.import(backup.path, words.clone()).await.unwrap().account, account);
        node.shutdown().await;
    }
}
