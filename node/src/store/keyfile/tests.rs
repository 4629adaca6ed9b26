//! Opening, changing and breaking key files.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;

/// As cheap as Argon2 goes.
const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
const WORDS: [u8; 16] = [4; 16];

/// A keyring in memory that can be locked or emptied.
#[derive(Default)]
struct FakeKeyring {
    entries: Mutex<BTreeMap<String, [u8; 32]>>,
    refuses: Mutex<Option<KeyringError>>,
}

#[allow(clippy::unwrap_in_result, reason = "a poisoned lock is a failed test")]
impl FakeKeyring {
    fn answer(&self) -> Result<(), KeyringError> {
        self.refuses.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn refuse(&self, error: Option<KeyringError>) {
        *self.refuses.lock().unwrap() = error;
    }

    fn count(&self) -> usize {
        self.entries.lock().unwrap().len()
    }
}

#[allow(clippy::unwrap_in_result, reason = "a poisoned lock is a failed test")]
impl SecretStore for FakeKeyring {
    fn put(&self, entry: &str, key: &SecretKey) -> Result<(), KeyringError> {
        self.answer()?;
        self.entries.lock().unwrap().insert(entry.into(), *key.bytes());
        Ok(())
    }

    fn get(&self, entry: &str) -> Result<SecretKey, KeyringError> {
        self.answer()?;
        self.entries.lock().unwrap().get(entry).map(SecretKey::from_bytes).ok_or(KeyringError::NoEntry)
    }

    fn delete(&self, entry: &str) -> Result<(), KeyringError> {
        self.answer()?;
        self.entries.lock().unwrap().remove(entry).map(drop).ok_or(KeyringError::NoEntry)
    }
}

fn same(a: &RootKey, b: &RootKey) -> bool {
    a.0.bytes() == b.0.bytes()
}

fn error(result: Result<RootKey, KeyFileError>) -> KeyFileError {
    result.err().unwrap()
}

fn load_error(dir: &Path) -> KeyFileError {
    KeyFile::load(dir).err().unwrap()
}

#[test]
fn every_way_opens_the_same_root_key_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = FakeKeyring::default();
    let (mut file, root) = KeyFile::create(dir.path(), Protect::Plain).unwrap();
    file.protect(&root, Protect::Passphrase("correct horse", CHEAP)).unwrap();
    file.protect(&root, Protect::Keyring(&keyring)).unwrap();
    file.protect(&root, Protect::Words(&WORDS)).unwrap();
    let again = KeyFile::load(dir.path()).unwrap();
    assert_eq!(again.database(), file.database());
    assert_eq!(again.ways(), [SlotKind::Plain, SlotKind::Passphrase, SlotKind::Keyring, SlotKind::Words]);
    for unlock in [Unlock::Plain, Unlock::Passphrase("correct horse"), Unlock::Keyring(&keyring), Unlock::Words(&WORDS)] {
        assert!(same(&again.unlock(unlock).unwrap(), &root));
    }
}

#[test]
fn what_does_not_fit_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(load_error(dir.path()), KeyFileError::Missing));
    let (mut file, root) = KeyFile::create(dir.path(), Protect::Passphrase("right", CHEAP)).unwrap();
    assert!(matches!(error(file.unlock(Unlock::Passphrase("wrong"))), KeyFileError::WrongPassphrase));
    assert!(matches!(error(file.unlock(Unlock::Passphrase(""))), KeyFileError::WrongPassphrase));
    assert!(matches!(error(file.unlock(Unlock::Words(&WORDS))), KeyFileError::NoSlot(SlotKind::Words)));
    file.protect(&root, Protect::Words(&WORDS)).unwrap();
    assert!(matches!(error(file.unlock(Unlock::Words(&[5; 16]))), KeyFileError::WrongWords));
    assert!(matches!(KeyFile::create(dir.path(), Protect::Plain).err().unwrap(), KeyFileError::Exists));
}

#[test]
fn a_keyring_that_does_not_help_is_never_a_first_start() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = FakeKeyring::default();
    let (file, root) = KeyFile::create(dir.path(), Protect::Keyring(&keyring)).unwrap();
    for refusal in [KeyringError::Absent, KeyringError::Locked, KeyringError::NoAnswer] {
        keyring.refuse(Some(refusal.clone()));
        assert!(matches!(error(file.unlock(Unlock::Keyring(&keyring))), KeyFileError::Keyring(told) if told == refusal));
    }
    let another = FakeKeyring::default();
    assert!(matches!(error(file.unlock(Unlock::Keyring(&another))), KeyFileError::Keyring(KeyringError::NoEntry)));
    assert!(matches!(KeyFile::create(dir.path(), Protect::Keyring(&another)).err().unwrap(), KeyFileError::Exists));
    keyring.refuse(None);
    assert!(same(&file.unlock(Unlock::Keyring(&keyring)).unwrap(), &root));
}

#[test]
fn a_keyring_that_refuses_leaves_no_key_file() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = FakeKeyring::default();
    keyring.refuse(Some(KeyringError::Locked));
    assert!(KeyFile::create(dir.path(), Protect::Keyring(&keyring)).is_err());
    assert!(matches!(load_error(dir.path()), KeyFileError::Missing));
}

#[test]
fn a_changed_passphrase_makes_the_old_one_useless() {
    let dir = tempfile::tempdir().unwrap();
    let (mut file, root) = KeyFile::create(dir.path(), Protect::Passphrase("old", CHEAP)).unwrap();
    let dearer = Cost { memory_kib: 16, passes: 2, lanes: 1 };
    file.protect(&root, Protect::Passphrase("new", dearer)).unwrap();
    // Also through the copy.
    fs::remove_file(dir.path().join(NAME)).unwrap();
    let file = KeyFile::load(dir.path()).unwrap();
    assert_eq!(file.ways(), [SlotKind::Passphrase]);
    assert!(matches!(error(file.unlock(Unlock::Passphrase("old"))), KeyFileError::WrongPassphrase));
    assert!(same(&file.unlock(Unlock::Passphrase("new")).unwrap(), &root));
}

#[test]
fn ways_can_be_removed_but_not_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let keyring = FakeKeyring::default();
    let (mut file, root) = KeyFile::create(dir.path(), Protect::Keyring(&keyring)).unwrap();
    assert!(matches!(file.remove(SlotKind::Keyring, Some(&keyring)).unwrap_err(), KeyFileError::LastSlot));
    assert!(matches!(file.remove(SlotKind::Words, None).unwrap_err(), KeyFileError::NoSlot(SlotKind::Words)));
    file.protect(&root, Protect::Keyring(&keyring)).unwrap();
    assert_eq!(keyring.count(), 1, "the replaced entry is forgotten");
    assert!(same(&file.unlock(Unlock::Keyring(&keyring)).unwrap(), &root));
    file.protect(&root, Protect::Passphrase("p", CHEAP)).unwrap();
    file.remove(SlotKind::Keyring, Some(&keyring)).unwrap();
    assert_eq!(keyring.count(), 0);
    assert_eq!(KeyFile::load(dir.path()).unwrap().ways(), [SlotKind::Passphrase]);
}

#[test]
fn the_account_is_kept_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut file, root) = KeyFile::create(dir.path(), Protect::Passphrase("p", CHEAP)).unwrap();
    assert!(!file.has_account());
    assert!(file.account(&root).unwrap().is_none());
    file.set_account(&root, &WORDS).unwrap();
    let mut file = KeyFile::load(dir.path()).unwrap();
    assert!(file.has_account());
    assert_eq!(*file.account(&root).unwrap().unwrap(), WORDS);
    assert!(file.account(&RootKey::random().unwrap()).is_err());
    let text = fs::read_to_string(dir.path().join(NAME)).unwrap();
    assert!(!text.contains(&data_encoding::HEXLOWER.encode(&WORDS)));
    assert!(!text.contains(&data_encoding::HEXLOWER.encode(root.0.bytes())));
    file.clear_account().unwrap();
    assert!(!KeyFile::load(dir.path()).unwrap().has_account());
}

#[test]
fn the_copy_helps_and_is_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let (main, copy) = (dir.path().join(NAME), dir.path().join("keyfile.bak"));
    let (_, root) = KeyFile::create(dir.path(), Protect::Plain).unwrap();
    let good = fs::read(&main).unwrap();
    for broken in [&main, &copy] {
        for damage in 0..3 {
            match damage {
                0 => fs::remove_file(broken).unwrap(),
                1 => fs::write(broken, &good[..good.len() / 2]).unwrap(),
                _ => fs::write(broken, b"").unwrap(),
            }
            let file = KeyFile::load(dir.path()).unwrap();
            assert!(same(&file.unlock(Unlock::Plain).unwrap(), &root));
            assert_eq!(fs::read(&main).unwrap(), good);
            assert_eq!(fs::read(&copy).unwrap(), good);
        }
    }
    fs::write(&main, b"{}").unwrap();
    fs::write(&copy, b"").unwrap();
    assert!(matches!(load_error(dir.path()), KeyFileError::Damaged));
    fs::remove_file(&copy).unwrap();
    assert!(matches!(load_error(dir.path()), KeyFileError::Damaged));
    assert!(matches!(KeyFile::create(dir.path(), Protect::Plain).err().unwrap(), KeyFileError::Exists));
}

/// A flipped bit is damage, and damage is not a wrong passphrase.
#[test]
fn every_changed_byte_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    KeyFile::create(dir.path(), Protect::Passphrase("p", CHEAP)).unwrap();
    let good = fs::read(dir.path().join(NAME)).unwrap();
    for at in 0..good.len() {
        let mut bent = good.clone();
        bent[at] ^= 0x04;
        for name in [NAME, "keyfile.bak"] {
            fs::write(dir.path().join(name), &bent).unwrap();
        }
        match KeyFile::load(dir.path()).map(|file| file.unlock(Unlock::Passphrase("p"))) {
            Err(KeyFileError::Damaged | KeyFileError::NewerFormat { .. }) => {}
            // White space means nothing in JSON.
            Ok(Ok(_)) => assert!(good[at].is_ascii_whitespace(), "byte {at}"),
            Ok(Err(other)) | Err(other) => panic!("byte {at}: {other:?}"),
        }
    }
}

#[test]
fn a_newer_format_is_refused_even_beside_an_old_copy() {
    let dir = tempfile::tempdir().unwrap();
    KeyFile::create(dir.path(), Protect::Plain).unwrap();
    let newer = br#"{"format":2,"something":"else"}"#;
    fs::write(dir.path().join(NAME), newer).unwrap();
    assert!(matches!(load_error(dir.path()), KeyFileError::NewerFormat { found: 2, known: 1 }));
    assert_eq!(fs::read(dir.path().join(NAME)).unwrap(), newer);
}

#[test]
fn absurd_costs_are_refused_before_they_hurt() {
    let salt = [0; 16];
    for cost in [
        Cost { memory_kib: u32::MAX, ..CHEAP },
        Cost { passes: u32::MAX, ..CHEAP },
        Cost { lanes: u32::MAX, ..CHEAP },
        Cost { memory_kib: 0, ..CHEAP },
        Cost { passes: 0, ..CHEAP },
        Cost { lanes: 0, ..CHEAP },
    ] {
        assert!(matches!(key_from_passphrase("p", &salt, cost), Err(KeyFileError::BadCost)), "{cost:?}");
    }
}

/// The one test at the real cost. The expected key comes from the reference implementation of Argon2.
#[test]
fn the_default_cost_gives_the_documented_key() {
    let key = key_from_passphrase("correct horse battery staple", b"0123456789abcdef", Cost::default()).unwrap();
    assert_eq!(data_encoding::HEXLOWER.encode(key.bytes()), "94c86f541abdb3d9aabfea59aa03963549483e9c0b1a79336e76b54cee6c917e");
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    KeyFile::create(dir.path(), Protect::Plain).unwrap();
    for name in [NAME, "keyfile.bak"] {
        assert_eq!(fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

proptest::proptest! {
    // Each case writes and syncs four files.
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(32))]
    /// A key file cut anywhere or with any byte changed is told from a whole one; the two words for that are kept apart.
    #[test]
    fn a_damaged_key_file_is_damaged_or_newer_and_never_another_key(at in 0_usize..4_000, with: u8, cut: bool) {
        let dir = tempfile::tempdir().unwrap();
        let (_, root) = KeyFile::create(dir.path(), Protect::Plain).unwrap();
        for name in [NAME.to_owned(), format!("{NAME}{COPY_SUFFIX}")] {
            let path = dir.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] = with }
            fs::write(&path, bytes).unwrap();
        }
        if let Ok(file) = KeyFile::load(dir.path()) {
            let opened = file.unlock(Unlock::Plain).unwrap();
            let sealed = root.derive("test").seal(b"place", b"words").unwrap();
            assert!(opened.derive("test").open(b"place", &sealed).is_ok(), "the same key or none");
        }
    }
}
