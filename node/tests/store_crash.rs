//! Crashes: a process that writes is killed at any moment, and whatever it was told is durable must be there. Also a disk that
//! runs full, and power cuts on the engine in memory.
//!
//! The writer is this very test binary, started again with [`ROLE`] in its environment.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of this file is a test, its helpers too")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use veche_node::store::keyfile::{KeyFile, Protect, Unlock};
use veche_node::store::keys::RootKey;
use veche_node::store::mem_kv::MemKv;
use veche_node::store::open::Profile;
use veche_node::store::vault::Vault;
use veche_node::store::vault::head::{DatabaseId, Head};
use veche_node::store::writer::{Committed, Store};
use veche_protocol::store::{Dir, Found, Key, Read, Table, Write};

/// Which part a process plays; unset in the test itself.
const ROLE: &str = "VECHE_STORE_CRASH_ROLE";
/// The profile of a writer process.
const PROFILE: &str = "VECHE_STORE_CRASH_PROFILE";
/// The number of its first commit.
const FIRST: &str = "VECHE_STORE_CRASH_FIRST";
/// How often a writer is killed.
const ROUNDS: &str = "VECHE_STORE_CRASH_ROUNDS";
const DEFAULT_ROUNDS: u64 = 15;

/// Slots that the writer fills, replaces and clears over and over.
const SLOTS: u64 = 512;
/// A row larger than one piece of the engine's.
const LARGE: usize = 6000;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Value(u64, usize),
    Deleted,
}

/// What commit `n` does: a row, a removal with it, and now and then a large one or a whole scope removed.
fn writes(n: u64) -> Vec<Write> {
    let mut writes = vec![Write::Put(slot(n % SLOTS), value(n, 40 + (n as usize * 37) % 900))];
    writes.push(Write::Delete(slot((n + 100) % SLOTS)));
    if n.is_multiple_of(17) {
        writes.push(Write::Put(large(n), value(n, LARGE)));
    }
    if n % 51 == 50 {
        writes.push(Write::DeleteScope { table: Table::Log, scope: b"large".to_vec() });
    }
    writes
}

fn slot(n: u64) -> Key {
    Key { table: Table::Timeline, scope: (n % 5).to_be_bytes().to_vec(), order: n.to_be_bytes().to_vec() }
}

fn large(n: u64) -> Key {
    Key { table: Table::Log, scope: b"large".to_vec(), order: (n % 8).to_be_bytes().to_vec() }
}

fn value(n: u64, len: usize) -> Vec<u8> {
    n.to_be_bytes().iter().copied().cycle().take(len.max(8)).collect()
}

/// What must be there after some commits, all of them from the first.
#[derive(Default)]
struct Model(BTreeMap<Key, Expected>);

impl Model {
    fn after(count: u64) -> Self {
        let mut model = Self::default();
        (0..count).for_each(|n| model.apply(n));
        model
    }

    fn apply(&mut self, n: u64) {
        for write in writes(n) {
            match write {
                Write::Put(key, value) => drop(self.0.insert(key, Expected::Value(n, value.len()))),
                Write::Delete(key) => drop(self.0.insert(key, Expected::Deleted)),
                Write::DeleteScope { table, scope } => {
                    let gone = self.0.iter_mut().filter(|(key, _)| key.table == table && key.scope == scope);
                    gone.for_each(|(_, row)| *row = Expected::Deleted);
                }
            }
        }
    }
}

/// Compares a vault with the model after `acknowledged` commits; up to `in_flight` more may have taken place, whole and in order.
/// Returns how many did.
fn check(vault: &Vault, acknowledged: u64, in_flight: u64) -> Result<u64, String> {
    let mut model = Model::after(acknowledged);
    let mut first = None;
    for count in acknowledged..=acknowledged + in_flight {
        match differs(vault, &model.0) {
            None => return Ok(count),
            Some(difference) => first = first.or(Some(difference)),
        }
        model.apply(count);
    }
    Err(format!("after {acknowledged} acknowledged commits: {}", first.unwrap_or_default()))
}

fn differs(vault: &Vault, model: &BTreeMap<Key, Expected>) -> Option<String> {
    for (key, expected) in model {
        let found = match vault.read(&Read::Get(vec![key.clone()])) {
            Ok(Found::Values(mut values)) => values.remove(0),
            other => return Some(format!("{key:?}: {other:?}")),
        };
        let right = match expected {
            Expected::Value(n, len) => found.as_deref() == Some(value(*n, *len).as_slice()),
            Expected::Deleted => found.is_none(),
        };
        if !right {
            let found = found.map(|bytes| (bytes.len(), bytes.first_chunk().copied().map(u64::from_be_bytes)));
            return Some(format!("{key:?}: expected {expected:?}, found {found:?}"));
        }
    }
    None
}

fn open(dir: &Path) -> (Profile, KeyFile, RootKey) {
    let profile = Profile::lock(dir).unwrap();
    let file = KeyFile::load(dir).unwrap();
    let root = file.unlock(Unlock::Plain).unwrap();
    (profile, file, root)
}

fn new_profile(dir: &Path) {
    let profile = Profile::lock(dir).unwrap();
    let (file, root) = KeyFile::create(dir, Protect::Plain).unwrap();
    drop(profile.create(&root, file.database(), 0).unwrap());
}

fn start(dir: &Path) -> (Store, Receiver<Committed>) {
    let (profile, file, root) = open(dir);
    let vault = profile.open(&root, file.database()).unwrap();
    let (sender, reports) = sync_channel(4096);
    let report = Box::new(move |committed| {
        let _ = sender.send(committed);
    });
    (Store::start(vault, profile, report).unwrap(), reports)
}

/// The writer: hands in a few commits at a time and prints the number of each one that is durable.
fn write_for_ever() {
    let dir = PathBuf::from(std::env::var_os(PROFILE).unwrap());
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let (store, reports) = start(&dir);
    let mut out = std::io::stdout().lock();
    // Behind what the test harness has begun to say.
    writeln!(out).unwrap();
    let mut handed_in = first;
    let mut reported = first;
    loop {
        while handed_in < reported + IN_FLIGHT {
            store.commit(handed_in, writes(handed_in)).unwrap();
            handed_in += 1;
        }
        let committed = reports.recv().unwrap();
        committed.result.unwrap();
        assert_eq!(committed.token, reported);
        reported += 1;
        writeln!(out, "durable {reported}").unwrap();
        out.flush().unwrap();
    }
}

/// Commits handed in and not yet reported.
const IN_FLIGHT: u64 = 12;

fn spawn(role: &str, dir: &Path, first: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "plays_its_role", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(PROFILE, dir).env(FIRST, first.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Not a test: what the other processes run.
#[test]
fn plays_its_role() {
    match std::env::var(ROLE).as_deref() {
        Ok("write") => write_for_ever(),
        Ok("fill") => fill_the_disk(),
        _ => {}
    }
}

#[test]
fn a_killed_writer_loses_nothing_that_it_was_told() {
    let rounds = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(DEFAULT_ROUNDS);
    let dir = tempfile::tempdir().unwrap();
    new_profile(dir.path());
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).unwrap();
    let mut random = u64::from_be_bytes(seed);
    let mut acknowledged = 0;
    for round in 0..rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let patience = Duration::from_millis(random >> 33 & 0xFF);
        let mut child = spawn("write", dir.path(), acknowledged);
        let lines = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let durable = |line: String| line.strip_prefix("durable ").and_then(|n| n.parse::<u64>().ok());
            lines.lines().map_while(Result::ok).filter_map(durable).last()
        });
        // Some rounds end while the database is being opened.
        std::thread::sleep(patience);
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = reader.join().unwrap().unwrap_or(acknowledged).max(acknowledged);

        let (profile, file, root) = open(dir.path());
        let vault = profile.open(&root, file.database()).unwrap();
        match check(&vault, acknowledged, 2 * IN_FLIGHT) {
            Ok(count) => acknowledged = count,
            Err(difference) => panic!("round {round}, killed after {patience:?}: {difference}"),
        }
        assert!(vault.unreadable().is_empty());
    }
    assert!(acknowledged > rounds, "the writer hardly wrote: {acknowledged} commits in {rounds} rounds");
    println!("{rounds} kills, {acknowledged} commits");
}

#[test]
fn a_power_cut_keeps_what_was_reported_and_a_prefix_of_the_rest() {
    for survivors in 0..4 {
        let kv = MemKv::default();
        let root = RootKey::random().unwrap();
        let vault = Vault::create(Box::new(kv.clone()), &root, Head::new(DatabaseId([0; 16]), 0)).unwrap();
        let (sender, reports) = sync_channel(4096);
        let report = Box::new(move |committed: Committed| drop(sender.send(committed)));
        let store = Store::start(vault, (), report).unwrap();
        for n in 0..200 {
            store.commit(n, writes(n)).unwrap();
        }
        for n in 0..200 {
            let committed = reports.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!((committed.token, committed.result), (n, Ok(())));
        }
        // Written without waiting for the disk.
        for n in 200..203 {
            store.vault().commit(&writes(n), veche_node::store::kv::Durability::Soon).unwrap();
        }
        store.close();
        kv.power_cut(survivors);
        let vault = Vault::open(Box::new(kv), &root).unwrap();
        assert_eq!(check(&vault, 200, 3), Ok(200 + (survivors as u64).min(3)));
    }
}

#[test]
fn what_a_range_shows_after_a_crash_is_in_order() {
    let dir = tempfile::tempdir().unwrap();
    new_profile(dir.path());
    let mut child = spawn("write", dir.path(), 0);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("durable 60")));
    child.kill().unwrap();
    child.wait().unwrap();
    let (store, _) = start(dir.path());
    let scope = 1_u64.to_be_bytes().to_vec();
    let read = Read::Range { table: Table::Timeline, scope, from: vec![], to: None, dir: Dir::Backward, max_rows: 5, max_bytes: 1 << 20 };
    let Found::Rows(rows) = store.read(&read).unwrap() else { panic!() };
    assert_eq!(rows.len(), 5);
    assert!(rows.is_sorted_by(|a, b| a.order > b.order));
}

/// Rows that never make room for each other, unlike those of [`writes`], some in pieces.
fn growing(n: u64) -> Vec<Write> {
    vec![Write::Put(slot(n), value(n, growing_len(n)))]
}

fn growing_len(n: u64) -> usize {
    2000 + (n as usize % 4) * 1000
}

/// Writes until the disk refuses, waits for room, and goes on.
fn fill_the_disk() {
    let dir = PathBuf::from(std::env::var_os(PROFILE).unwrap());
    let (store, reports) = start(&dir);
    let mut n = 0;
    let failed = loop {
        store.commit(n, growing(n)).unwrap();
        match reports.recv_timeout(Duration::from_secs(20)).map(|committed| committed.result) {
            Ok(Ok(())) => n += 1,
            Ok(Err(error)) => break error,
            Err(_) => {
                println!("\nhangs {n}");
                return;
            }
        }
    };
    println!("\nrefused {n} {failed:?}");
    // The parent makes room and says so.
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        store.resume().unwrap();
        store.commit(n, growing(n)).unwrap();
        match reports.recv_timeout(Duration::from_secs(10)).unwrap().result {
            Ok(()) => break,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
    for more in n + 1..n + 50 {
        store.commit(more, growing(more)).unwrap();
        reports.recv_timeout(Duration::from_secs(10)).unwrap().result.unwrap();
    }
    println!("done {}", n + 50);
}

/// A limit on file sizes looks to the engine like a full disk, and can be lifted from outside.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_commits_and_loses_none() {
    let dir = tempfile::tempdir().unwrap();
    new_profile(dir.path());
    // Blocks of 512 bytes; XFSZ would end the process instead of failing the write.
    let script = "trap '' XFSZ; ulimit -S -f 4096; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "plays_its_role", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, "fill").env(PROFILE, dir.path()).env(FIRST, "0");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut line = |prefix: &str| lines.find(|line| line.starts_with(prefix) || line.starts_with("hangs")).unwrap();
    let refused = line("refused");
    assert!(refused.ends_with("Full"), "{refused}");
    let lifted = Command::new("prlimit").args(["--fsize=unlimited", "--pid", &child.id().to_string()]).status().unwrap();
    assert!(lifted.success());
    child.stdin.take().unwrap().write_all(b"room\n").unwrap();
    let done: u64 = line("done").strip_prefix("done ").unwrap().parse().unwrap();
    assert!(child.wait().unwrap().success());
    let (profile, file, root) = open(dir.path());
    let vault = profile.open(&root, file.database()).unwrap();
    let rows = (0..done).map(|n| (slot(n), Expected::Value(n, growing_len(n)))).collect();
    assert_eq!(differs(&vault, &rows), None);
}
