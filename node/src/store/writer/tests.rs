//! What the owner of the store is told, and in which order.

use std::time::Duration;

use veche_protocol::store::Key;

use super::*;
use crate::store::keys::RootKey;
use crate::store::mem_kv::{Fault, MemKv};
use crate::store::vault::head::{DatabaseId, Head};

struct Rig {
    store: Store,
    kv: MemKv,
    reports: Receiver<Committed>,
    root: RootKey,
}

impl Rig {
    fn new() -> Self {
        Self::with_report(|_| {})
    }

    /// `before` runs on the writer's thread before each report.
    fn with_report(before: impl Fn(u64) + Send + 'static) -> Self {
        let kv = MemKv::default();
        let root = RootKey::random().unwrap();
        let vault = Vault::create(Box::new(kv.clone()), &root, Head::new(DatabaseId([0; 16]), 0)).unwrap();
        let (sender, reports) = sync_channel(2 * QUEUE_COMMITS);
        let report = Box::new(move |committed: Committed| {
            before(committed.token);
            let _ = sender.send(committed);
        });
        Self { store: Store::start(vault, (), report).unwrap(), kv, reports, root }
    }

    fn next(&self) -> (u64, Result<(), CommitError>) {
        let committed = self.reports.recv_timeout(Duration::from_secs(10)).unwrap();
        (committed.token, committed.result)
    }

    fn stored(&self, n: u64) -> bool {
        value_in(self.store.read(&Read::Get(vec![key(n)])).unwrap())
    }

    /// What a new process finds after the power was cut.
    fn survives_power_cut(&self, n: u64) -> bool {
        self.kv.power_cut(0);
        let vault = Vault::open(Box::new(self.kv.clone()), &self.root).unwrap();
        value_in(vault.read(&Read::Get(vec![key(n)])).unwrap())
    }
}

fn value_in(found: Found) -> bool {
    matches!(found, Found::Values(values) if values[0].is_some())
}

fn key(n: u64) -> Key {
    Key::single(Table::Outbox, n.to_be_bytes())
}

fn write(n: u64) -> Vec<Write> {
    vec![Write::Put(key(n), vec![1])]
}

#[test]
fn a_reported_commit_survives_a_power_cut() {
    let rig = Rig::new();
    for n in 0..20 {
        rig.store.commit(n, write(n)).unwrap();
        assert_eq!(rig.next(), (n, Ok(())));
        assert!(rig.survives_power_cut(n));
    }
}

#[test]
fn queued_commits_share_a_flush_and_are_reported_in_order() {
    let (open, gate) = sync_channel::<()>(1);
    let gate = Mutex::new(gate);
    // The report of commit 0 holds the writer up while the others queue.
    let rig = Rig::with_report(move |token| {
        if token == 0 {
            gate.lock().unwrap().recv().unwrap();
        }
    });
    let before = rig.kv.syncs();
    for n in 0..=200 {
        rig.store.commit(n, write(n)).unwrap();
    }
    open.send(()).unwrap();
    for n in 0..=200 {
        assert_eq!(rig.next(), (n, Ok(())));
    }
    assert!(rig.survives_power_cut(200));
    let syncs = rig.kv.syncs() - before;
    assert!((1..=3).contains(&syncs), "{syncs} flushes");
}

#[test]
fn a_full_queue_gives_the_writes_back() {
    let (open, gate) = sync_channel::<()>(1);
    let gate = Mutex::new(gate);
    let rig = Rig::with_report(move |token| {
        if token == 0 {
            gate.lock().unwrap().recv().unwrap();
        }
    });
    rig.store.commit(0, write(0)).unwrap();
    let mut taken = 1;
    let refused = loop {
        match rig.store.try_commit(taken, write(taken)) {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
        assert!(taken <= (QUEUE_COMMITS + GROUP_COMMITS) as u64 + 1);
    };
    assert!(matches!(refused, HandInError::QueueFull(writes) if writes == write(taken)));
    open.send(()).unwrap();
    for n in 0..taken {
        assert_eq!(rig.next(), (n, Ok(())));
    }
}

#[test]
fn after_a_failure_nothing_overtakes_until_resume() {
    for (fault, cause) in [(Fault::Full, CommitError::Full), (Fault::SyncFailed, CommitError::Io("the sync failed".into()))] {
        let rig = Rig::new();
        rig.kv.fail_next(&[fault]);
        rig.store.commit(1, write(1)).unwrap();
        assert_eq!(rig.next(), (1, Err(cause)));
        // The disk would take these now, and must not get them before 1.
        for n in [2, 3] {
            rig.store.commit(n, write(n)).unwrap();
            assert_eq!(rig.next(), (n, Err(CommitError::Stopped)));
            assert!(!rig.stored(n));
        }
        rig.store.resume().unwrap();
        for n in 1..=3 {
            rig.store.commit(n, write(n)).unwrap();
            assert_eq!(rig.next(), (n, Ok(())));
        }
        assert!(rig.survives_power_cut(1) && rig.survives_power_cut(3));
    }
}

#[test]
fn a_disk_that_stays_full_fails_again_and_then_recovers() {
    let rig = Rig::new();
    rig.kv.fail_next(&[Fault::Full, Fault::Full]);
    for _ in 0..2 {
        rig.store.commit(1, write(1)).unwrap();
        assert_eq!(rig.next(), (1, Err(CommitError::Full)));
        rig.store.resume().unwrap();
    }
    rig.store.commit(1, write(1)).unwrap();
    assert_eq!(rig.next(), (1, Ok(())));
}

#[test]
fn a_commit_that_is_too_large_is_not_overtaken_and_takes_nothing_with_it() {
    let rig = Rig::new();
    let bytes = crate::store::vault::MAX_VALUE_BYTES + 1;
    rig.store.commit(1, vec![Write::Put(key(9), vec![1]), Write::Put(key(1), vec![0; bytes])]).unwrap();
    assert_eq!(rig.next(), (1, Err(CommitError::TooLarge { bytes })));
    rig.store.commit(2, write(2)).unwrap();
    assert_eq!(rig.next(), (2, Err(CommitError::Stopped)));
    assert!(!rig.stored(9), "a refused commit leaves nothing, also not its good writes");
    assert!(!rig.stored(2), "and nothing after it is kept");
}

#[test]
fn closing_finishes_what_was_handed_in() {
    let rig = Rig::new();
    for n in 0..300 {
        rig.store.commit(n, write(n)).unwrap();
    }
    rig.store.close();
    assert!(matches!(rig.store.commit(300, write(300)), Err(HandInError::Closed)));
    assert!(matches!(rig.store.try_commit(300, write(300)), Err(HandInError::Closed)));
    for n in 0..300 {
        assert_eq!(rig.next(), (n, Ok(())));
    }
    assert!(rig.stored(299), "reads still work");
    assert!(rig.survives_power_cut(299));
}

#[test]
fn an_empty_commit_is_reported_too() {
    let rig = Rig::new();
    rig.store.commit(1, Vec::new()).unwrap();
    assert_eq!(rig.next(), (1, Ok(())));
}
