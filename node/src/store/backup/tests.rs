//! Away and back again, and what a bad file does.

use std::path::PathBuf;

use veche_protocol::store::{Dir, Found, Key, Read, Write};

use super::*;

const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
const WORDS: [u8; 16] = [9; 16];
const BOTH: BackupKeys<'_> = BackupKeys { words: Some(&WORDS), passphrase: Some(("open sesame", CHEAP)) };

struct Rig {
    dir: tempfile::TempDir,
    root: RootKey,
    id: DatabaseId,
}

impl Rig {
    fn new(id: u8) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), root: RootKey::random().unwrap(), id: DatabaseId([id; 16]) }
    }

    fn profile(&self) -> Profile {
        Profile::lock(self.dir.path()).unwrap()
    }

    fn with_rows(count: u32) -> (Self, Vault) {
        let rig = Self::new(1);
        let vault = rig.profile().create(&rig.root, rig.id, 0).unwrap();
        let mut writes: Vec<_> = (0..count).map(|n| Write::Put(message(n), text(n))).collect();
        for table in [Table::Session, Table::Prekey, Table::Person, Table::Account] {
            writes.push(Write::Put(Key::single(table, b"one".as_slice()), vec![table as u8]));
        }
        vault.commit(&writes, Durability::Now).unwrap();
        (rig, vault)
    }

    fn backup(&self) -> PathBuf {
        self.dir.path().join("veche.backup")
    }
}

fn message(n: u32) -> Key {
    Key { table: Table::Timeline, scope: format!("chat {}", n % 7).into(), order: n.to_be_bytes().to_vec() }
}

fn text(n: u32) -> Vec<u8> {
    format!("message {n} ").repeat(1 + n as usize % 40).into_bytes()
}

fn everything(_: Table, _: &[u8], _: &[u8]) -> bool {
    true
}

fn get(vault: &Vault, key: Key) -> Option<Vec<u8>> {
    match vault.read(&Read::Get(vec![key])).unwrap() {
        Found::Values(mut values) => values.remove(0),
        Found::Rows(_) => None,
    }
}

#[test]
fn a_fresh_profile_with_another_key_gets_everything_that_may_travel() {
    let (old, vault) = Rig::with_rows(3000);
    let exported = export(&vault, &old.backup(), BOTH, Some(&WORDS), 77, &|table, order, value| {
        // The caller leaves out some rows of its own.
        assert!(table != Table::Timeline || text(u32::from_be_bytes(order.try_into().unwrap())) == value);
        table != Table::Account
    })
    .unwrap();
    assert_eq!((exported.rows, exported.unreadable), (3001, 0));
    assert_eq!(exported.bytes, fs::metadata(old.backup()).unwrap().len());

    for unlock in [BackupUnlock::Words(&WORDS), BackupUnlock::Passphrase("open sesame")] {
        let new = Rig::new(2);
        let facts = import(&new.profile(), &new.root, new.id, &old.backup(), unlock, 88).unwrap();
        assert_eq!((facts.rows, facts.created_ms, facts.account.map(|entropy| *entropy)), (3001, 77, Some(WORDS)));
        let restored = new.profile().open(&new.root, new.id).unwrap();
        for n in 0..3000 {
            assert_eq!(get(&restored, message(n)), Some(text(n)));
        }
        assert!(get(&restored, Key::single(Table::Person, b"one".as_slice())).is_some());
        for left_out in [Table::Session, Table::Prekey, Table::Account] {
            assert_eq!(restored.load_state(left_out).unwrap().rows.len(), 0, "{left_out:?}");
        }
        // It lives on: writes and deletes find the old rows, and a backup of the restored profile restores again.
        let scope = b"chat 3".to_vec();
        restored.commit(&[Write::DeleteScope { table: Table::Timeline, scope: scope.clone() }], Durability::Now).unwrap();
        let left =
            Read::Range { table: Table::Timeline, scope, from: Vec::new(), to: None, dir: Dir::Forward, max_rows: 9, max_bytes: 999 };
        assert_eq!(restored.read(&left).unwrap(), Found::Rows(Vec::new()));
        let second = export(&restored, &new.backup(), BOTH, None, 99, &everything).unwrap();
        let deleted = (0..3000).filter(|n| n % 7 == 3).count() as u64;
        assert_eq!(second.rows, 3001 - deleted);
        assert!(verify(&new.backup(), unlock).unwrap().account.is_none());
    }
}

#[test]
fn the_way_in_is_checked_and_told_apart() {
    let (rig, vault) = Rig::with_rows(10);
    let path = rig.backup();
    let none = export(&vault, &path, BackupKeys::default(), None, 0, &everything);
    assert!(matches!(none, Err(BackupError::Unprotected)));
    assert!(!path.exists());
    export(&vault, &path, BOTH, None, 0, &everything).unwrap();
    assert!(matches!(verify(&path, BackupUnlock::Passphrase("wrong")), Err(BackupError::WrongPassphrase)));
    assert!(matches!(verify(&path, BackupUnlock::Words(&[1; 16])), Err(BackupError::WrongWords)));
    export(&vault, &path, BackupKeys { passphrase: None, ..BOTH }, None, 0, &everything).unwrap();
    assert!(matches!(verify(&path, BackupUnlock::Passphrase("open sesame")), Err(BackupError::NoSuchWay(BackupWay::Passphrase))));
    assert_eq!(verify(&path, BackupUnlock::Words(&WORDS)).unwrap().rows, 13 - 2 + 1);
}

#[test]
fn the_backup_before_is_kept() {
    let (rig, vault) = Rig::with_rows(10);
    let path = rig.backup();
    let previous = files::with_suffix(&path, PREVIOUS_SUFFIX);
    for now in [1, 2, 3] {
        export(&vault, &path, BOTH, None, now, &everything).unwrap();
    }
    assert_eq!(verify(&path, BackupUnlock::Words(&WORDS)).unwrap().created_ms, 3);
    assert_eq!(verify(&previous, BackupUnlock::Words(&WORDS)).unwrap().created_ms, 2);
    assert!(!files::with_suffix(&path, ".tmp").exists());
}

#[test]
fn a_backup_that_cannot_be_written_changes_nothing() {
    let (rig, vault) = Rig::with_rows(10);
    export(&vault, &rig.backup(), BOTH, None, 1, &everything).unwrap();
    fs::create_dir(files::with_suffix(&rig.backup(), ".tmp")).unwrap();
    assert!(matches!(export(&vault, &rig.backup(), BOTH, None, 2, &everything), Err(BackupError::Io(_))));
    assert_eq!(verify(&rig.backup(), BackupUnlock::Words(&WORDS)).unwrap().created_ms, 1);
}

#[test]
fn no_changed_or_missing_byte_passes() {
    let (rig, vault) = Rig::with_rows(600);
    let path = rig.backup();
    export(&vault, &path, BOTH, None, 1, &everything).unwrap();
    let good = fs::read(&path).unwrap();
    assert!(good.len() > 140_000, "several chunks");
    let bad = rig.dir.path().join("bad");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&bad, bytes).unwrap();
        assert!(verify(&bad, BackupUnlock::Words(&WORDS)).is_err(), "{what}");
    };
    for at in (0..700).chain((700..good.len()).step_by(499)).chain(good.len() - 20..good.len()) {
        let mut bent = good.clone();
        bent[at] ^= 1;
        refused(&bent, &format!("byte {at}"));
    }
    let chunk = 64 * 1024 + 16;
    for cut in (0..good.len()).step_by(4001) {
        refused(&good[..cut], &format!("cut at {cut}"));
    }
    // Cut exactly after a chunk, swapped chunks, and something behind the end.
    let header = 14 + u32::from_be_bytes(good[10..14].try_into().unwrap()) as usize;
    refused(&good[..header + chunk], "cut after a chunk");
    refused(&good[..header], "no chunks");
    let mut swapped = good.clone();
    swapped[header..header + 2 * chunk].rotate_left(chunk);
    refused(&swapped, "swapped chunks");
    refused(&[good.as_slice(), b"more"].concat(), "something behind the end");
}

#[test]
fn other_files_are_named_for_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for junk in [b"".as_slice(), b"VECHE", b"PK\x03\x04 some other file"] {
        fs::write(&path, junk).unwrap();
        assert!(matches!(verify(&path, BackupUnlock::Words(&WORDS)), Err(BackupError::NotABackup)));
    }
    fs::write(&path, b"VECHEBAK\x00\x09\x00\x00\x00\x00").unwrap();
    assert!(matches!(verify(&path, BackupUnlock::Words(&WORDS)), Err(BackupError::NewerFormat { found: 9, known: 1 })));
    fs::write(&path, b"VECHEBAK\x00\x01\xff\xff\xff\xff").unwrap();
    assert!(matches!(verify(&path, BackupUnlock::Words(&WORDS)), Err(BackupError::Damaged)));
}

#[test]
fn a_failed_restore_leaves_the_profile_as_it_was() {
    let (old, vault) = Rig::with_rows(400);
    export(&vault, &old.backup(), BOTH, None, 1, &everything).unwrap();
    let occupied = import(&old.profile(), &old.root, old.id, &old.backup(), BackupUnlock::Words(&WORDS), 2);
    assert!(matches!(occupied, Err(BackupError::Profile(OpenError::Exists))));
    assert_eq!(get(&vault, message(5)), Some(text(5)));

    let good = fs::read(old.backup()).unwrap();
    let cut = old.dir.path().join("cut");
    fs::write(&cut, &good[..good.len() - 1]).unwrap();
    let new = Rig::new(2);
    let import_from = |path: &Path| import(&new.profile(), &new.root, new.id, path, BackupUnlock::Words(&WORDS), 2);
    assert!(matches!(import_from(&cut), Err(BackupError::Damaged)));
    assert!(!new.profile().has_database());
    assert_eq!(import_from(&old.backup()).unwrap().rows, 402);
}

/// Somebody who knows the passphrase can make any file. It must not write where no row belongs.
#[test]
fn rows_in_foreign_places_are_refused() {
    let (rig, vault) = Rig::with_rows(1);
    for key in [[b'v'; 17].as_slice(), &[b'k'; 17], &[b'x'; 17], &[b'm'; 16], &[b'm'; 82], &[0xFE; 17], &[]] {
        let (header, file_key) = Header::new(BOTH, 1).unwrap();
        let mut file = Vec::new();
        header.write(&mut file).unwrap();
        let mut stream = Sealer::new(file, &header, &file_key);
        Opening::new(&vault, None, 0).write(&mut stream).unwrap();
        record::write_row(&mut stream, key, b"value").unwrap();
        record::write_end(&mut stream, 1).unwrap();
        fs::write(rig.backup(), stream.finish().unwrap()).unwrap();
        assert!(matches!(verify(&rig.backup(), BackupUnlock::Words(&WORDS)), Err(BackupError::Damaged)), "{key:?}");
    }
}

proptest::proptest! {
    /// Headers with every kind of length, format and content are read or refused before anything large is allocated.
    #[test]
    fn arbitrary_headers_of_backups_are_read_or_refused(
        format in 0_u16..4,
        length in proptest::prelude::prop_oneof![0_u32..300, proptest::prelude::any::<u32>()],
        body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let bytes = [format::MAGIC.as_slice(), &format.to_be_bytes(), &length.to_be_bytes(), &body].concat();
        assert!(Header::read(bytes.as_slice()).is_err(), "no random bytes are a header");
        let _ = Header::read(body.as_slice());
    }
}
