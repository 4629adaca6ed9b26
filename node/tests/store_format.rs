//! Databases of released formats, kept as they were written. They must open for ever.
//!
//! A fixture is written once, when its format is released, by the ignored test below, and never again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "all of this file is a test, its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

use veche_node::store::backup::{self, BackupKeys, BackupUnlock};
use veche_node::store::keyfile::{Cost, KeyFile, Protect, Unlock};
use veche_node::store::kv::Durability;
use veche_node::store::open::Profile;
use veche_node::store::vault::Vault;
use veche_protocol::store::{Dir, Found, Key, Read, Row, Table, Write};

const PASSPHRASE: &str = "a fixture's passphrase";
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
const WORDS: [u8; 16] = *b"sixteen bytes ok";
const LARGE: usize = 10_000;

fn fixture(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/format-{format}"))
}

fn message(n: u8) -> Key {
    Key { table: Table::Timeline, scope: b"a chat".to_vec(), order: vec![0, n] }
}

fn contents() -> Vec<Write> {
    let mut writes: Vec<Write> = (0..20).map(|n| Write::Put(message(n), format!("message {n}").into_bytes())).collect();
    for table in Table::STATE.into_iter().chain(Table::HISTORY) {
        writes.push(Write::Put(Key::single(table, b"a row".as_slice()), vec![table as u8; 3]));
    }
    writes.push(Write::Put(Key::single(Table::Person, b"large".as_slice()), vec![7; LARGE]));
    writes
}

/// Tables that came after the fixture was written: a database of that time has none of their rows, and takes them.
const LATER: [Table; 1] = [Table::Mailbox];

/// What a reader finds in a database with [`contents`], but for the tables that are `absent`.
fn check(vault: &Vault, absent: &[Table]) {
    let read = Read::Range {
        table: Table::Timeline,
        scope: b"a chat".to_vec(),
        from: Vec::new(),
        to: None,
        dir: Dir::Backward,
        max_rows: 3,
        max_bytes: 1000,
    };
    let rows = [19, 18, 17].map(|n| Row { order: vec![0, n], value: format!("message {n}").into_bytes() });
    assert_eq!(vault.read(&read).unwrap(), Found::Rows(rows.to_vec()));
    for table in Table::STATE.into_iter().chain(Table::HISTORY) {
        let found = vault.read(&Read::Get(vec![Key::single(table, b"a row".as_slice())])).unwrap();
        let expected = (!absent.contains(&table)).then(|| vec![table as u8; 3]);
        assert_eq!(found, Found::Values(vec![expected]), "{table:?}");
    }
    let large = vault.read(&Read::Get(vec![Key::single(Table::Person, b"large".as_slice())])).unwrap();
    assert_eq!(large, Found::Values(vec![Some(vec![7; LARGE])]));
    assert_eq!(vault.load_state(Table::Person).unwrap().rows.len(), 2);
    assert!(vault.unreadable().is_empty());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn format_1_opens_in_every_way_and_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture(1), dir.path());
    let file = KeyFile::load(dir.path()).unwrap();
    for (unlock, absent) in [(Unlock::Passphrase(PASSPHRASE), LATER.as_slice()), (Unlock::Words(&WORDS), &[])] {
        let root = file.unlock(unlock).unwrap();
        assert_eq!(*file.account(&root).unwrap().unwrap(), WORDS);
        let vault = Profile::lock(dir.path()).unwrap().open(&root, file.database()).unwrap();
        check(&vault, absent);
        vault.commit(&contents(), Durability::Now).unwrap();
        check(&vault, &[]);
    }
}

#[test]
fn a_backup_of_format_1_restores() {
    let dir = tempfile::tempdir().unwrap();
    let path = fixture(1).join("veche.backup");
    for unlock in [BackupUnlock::Passphrase(PASSPHRASE), BackupUnlock::Words(&WORDS)] {
        let profile_dir = dir.path().join(match unlock {
            BackupUnlock::Words(_) => "words",
            BackupUnlock::Passphrase(_) => "passphrase",
        });
        let profile = Profile::lock(&profile_dir).unwrap();
        let (file, root) = KeyFile::create(&profile_dir, Protect::Plain).unwrap();
        let facts = backup::import(&profile, &root, file.database(), &path, unlock, 1).unwrap();
        assert_eq!(facts.account.map(|entropy| *entropy), Some(WORDS));
        check(&profile.open(&root, file.database()).unwrap(), &backup::NEVER);
    }
}

#[test]
#[ignore = "writes the fixture of a format that is about to be released"]
fn write_fixture() {
    let dir = fixture(1);
    assert!(!dir.exists(), "a released fixture is never written again");
    let profile = Profile::lock(&dir).unwrap();
    let (mut file, root) = KeyFile::create(&dir, Protect::Passphrase(PASSPHRASE, CHEAP)).unwrap();
    file.protect(&root, Protect::Words(&WORDS)).unwrap();
    file.set_account(&root, &WORDS).unwrap();
    let vault = profile.create(&root, file.database(), 1_700_000_000_000).unwrap();
    vault.commit(&contents(), Durability::Now).unwrap();
    let keys = BackupKeys { words: Some(&WORDS), passphrase: Some((PASSPHRASE, CHEAP)) };
    backup::export(&vault, &dir.join("veche.backup"), keys, Some(&WORDS), 1_700_000_000_000, &|_, _, _| true).unwrap();
    drop(vault);
    fs::remove_file(dir.join("lock")).unwrap();
    fs::remove_file(dir.join("keyfile.bak")).unwrap();
}
