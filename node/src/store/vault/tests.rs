//! What a reader of the vault sees, and what a thief of its files does not.

use super::*;
use crate::store::mem_kv::MemKv;
use head::DatabaseId;

fn root() -> RootKey {
    RootKey(SecretKey::from_bytes(&[7; 32]))
}

fn vault() -> (Vault, MemKv) {
    let kv = MemKv::default();
    let head = Head::new(DatabaseId([1; 16]), 1234);
    (Vault::create(Box::new(kv.clone()), &root(), head).unwrap(), kv)
}

fn key(scope: &str, order: u64) -> Key {
    Key { table: Table::Timeline, scope: scope.into(), order: order.to_be_bytes().to_vec() }
}

fn put(scope: &str, order: u64, value: &str) -> Write {
    Write::Put(key(scope, order), value.into())
}

fn range(scope: &str, dir: Dir) -> Read {
    Read::Range { table: Table::Timeline, scope: scope.into(), from: Vec::new(), to: None, dir, max_rows: 100, max_bytes: 100_000 }
}

fn texts(found: Found) -> Vec<String> {
    match found {
        Found::Rows(rows) => rows.into_iter().map(|row| String::from_utf8(row.value).unwrap()).collect(),
        Found::Values(values) => {
            values.into_iter().map(|value| value.map_or("-".into(), |value| String::from_utf8(value).unwrap())).collect()
        }
    }
}

#[test]
fn a_range_stays_in_its_scope_and_table_and_keeps_order() {
    let (vault, _) = vault();
    let other_table = Key { table: Table::Log, ..key("alice", 2) };
    vault
        .commit(&[put("alice", 2, "b"), put("alice", 1, "a"), put("bob", 1, "x"), Write::Put(other_table, b"y".to_vec())], Durability::Now)
        .unwrap();
    assert_eq!(texts(vault.read(&range("alice", Dir::Forward)).unwrap()), ["a", "b"]);
    assert_eq!(texts(vault.read(&range("alice", Dir::Backward)).unwrap()), ["b", "a"]);
    let get = Read::Get(vec![key("bob", 1), key("bob", 2)]);
    assert_eq!(texts(vault.read(&get).unwrap()), ["x", "-"]);
    let Found::Rows(rows) = vault.read(&range("bob", Dir::Forward)).unwrap() else { panic!() };
    assert_eq!(rows[0].order, 1_u64.to_be_bytes());
}

#[test]
fn a_range_obeys_its_bounds() {
    let (vault, _) = vault();
    let writes: Vec<_> = (0..10).map(|n| put("a", n, "0123456789")).collect();
    vault.commit(&writes, Durability::Now).unwrap();
    let count = |from: u64, to: Option<u64>, max_rows, max_bytes| {
        let read = Read::Range {
            table: Table::Timeline,
            scope: b"a".to_vec(),
            from: from.to_be_bytes().to_vec(),
            to: to.map(|to| to.to_be_bytes().to_vec()),
            dir: Dir::Forward,
            max_rows,
            max_bytes,
        };
        texts(vault.read(&read).unwrap()).len()
    };
    assert_eq!(count(3, Some(7), 100, 1000), 4);
    assert_eq!(count(3, None, 100, 1000), 7);
    assert_eq!(count(0, None, 2, 1000), 2);
    assert_eq!(count(0, None, 0, 1000), 0);
    assert_eq!(count(0, None, 100, 25), 3, "stops after the row that exceeds the bytes");
    assert_eq!(count(0, None, 100, 0), 1);
}

#[test]
fn deleting_a_scope_takes_stored_and_pending_rows_and_no_others() {
    let (vault, _) = vault();
    vault.commit(&[put("a", 1, "old"), put("b", 1, "stays")], Durability::Now).unwrap();
    let delete = Write::DeleteScope { table: Table::Timeline, scope: b"a".to_vec() };
    let mut batch = Batch::default();
    vault.stage(&mut batch, &[put("a", 2, "pending")]).unwrap();
    vault.stage(&mut batch, &[delete, put("a", 3, "later")]).unwrap();
    vault.kv().commit(&batch, Durability::Now).unwrap();
    assert_eq!(texts(vault.read(&range("a", Dir::Forward)).unwrap()), ["later"]);
    assert_eq!(texts(vault.read(&range("b", Dir::Forward)).unwrap()), ["stays"]);
}

#[test]
fn deleting_a_row_leaves_its_neighbours() {
    let (vault, _) = vault();
    vault.commit(&[put("a", 1, "1"), put("a", 2, "2")], Durability::Now).unwrap();
    vault.commit(&[Write::Delete(key("a", 1)), Write::Delete(key("a", 9))], Durability::Now).unwrap();
    assert_eq!(texts(vault.read(&range("a", Dir::Forward)).unwrap()), ["2"]);
}

#[test]
fn nothing_readable_lies_on_disk() {
    let (vault, kv) = vault();
    let person = Key::single(Table::Person, b"alice@example".as_slice());
    vault.commit(&[put("alice@example", 1, "hello bob"), Write::Put(person, b"hello bob".to_vec())], Durability::Now).unwrap();
    let rows = kv.rows();
    for (key, value) in &rows {
        let bytes = [key.as_slice(), value].concat();
        for secret in [b"alice".as_slice(), b"hello", b"bob", &[7; 16]] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    let tags: std::collections::BTreeSet<_> =
        rows.iter().filter(|(key, _)| key[0] != head::TABLE).map(|(key, _)| key[1..17].to_vec()).collect();
    assert_eq!(tags.len(), 2, "one scope in two tables must not be linkable");
}

#[test]
fn state_is_loaded_whole() {
    let (vault, _) = vault();
    let writes: Vec<_> = (0..50_u8).map(|n| Write::Put(Key::single(Table::Person, vec![n]), vec![n])).collect();
    vault.commit(&writes, Durability::Now).unwrap();
    vault.commit(&[put("a", 1, "history")], Durability::Now).unwrap();
    let mut loaded = vault.load_state(Table::Person).unwrap();
    loaded.rows.sort();
    assert_eq!(loaded, Loaded { rows: (0..50).map(|n| vec![n]).collect(), unreadable: 0 });
    assert_eq!(vault.load_state(Table::Chat).unwrap(), Loaded::default());
}

#[test]
fn a_damaged_row_is_never_shown_and_always_counted() {
    let (vault, kv) = vault();
    vault.commit(&[put("a", 1, "1"), put("a", 2, "2"), put("a", 3, "3")], Durability::Now).unwrap();
    let row = |n: usize| kv.rows().into_iter().filter(|(key, _)| key[0] == b'm').nth(n).unwrap();
    let (victim, _) = row(1);
    kv.corrupt(&victim, |value| value[30] ^= 1);
    assert_eq!(texts(vault.read(&range("a", Dir::Forward)).unwrap()), ["1", "3"]);
    let got = vault.read(&Read::Get(vec![key("a", 2)]));
    assert!(matches!(got, Err(VaultError::Unreadable { table: Table::Timeline })));
    assert_eq!(vault.load_state(Table::Timeline).unwrap().unreadable, 1);
    assert_eq!(vault.unreadable()[&Table::Timeline], 3);

    for cut in [0, 1, 20, 41] {
        kv.corrupt(&victim, |value| value.truncate(cut));
        assert_eq!(texts(vault.read(&range("a", Dir::Forward)).unwrap()), ["1", "3"]);
    }
    // A row of another place does not pass for this one.
    let (_, foreign) = row(2);
    kv.corrupt(&victim, |value| *value = foreign);
    assert_eq!(texts(vault.read(&range("a", Dir::Forward)).unwrap()), ["1", "3"]);
}

#[test]
fn refuses_what_it_cannot_keep_and_stages_nothing_of_it() {
    let (vault, _) = vault();
    let long = Key { order: vec![0; MAX_ORDER_BYTES + 1], ..key("a", 1) };
    for bad in [Write::Put(key("a", 2), vec![0; MAX_VALUE_BYTES + 1]), Write::Put(long, Vec::new())] {
        let result = vault.commit(&[put("a", 1, "first"), bad], Durability::Now);
        assert!(matches!(result, Err(VaultError::TooLarge { .. })));
    }
    assert!(texts(vault.read(&range("a", Dir::Forward)).unwrap()).is_empty());
    let largest = vec![9; MAX_VALUE_BYTES];
    vault.commit(&[Write::Put(key("a", 1), largest.clone())], Durability::Now).unwrap();
    assert_eq!(vault.read(&Read::Get(vec![key("a", 1)])).unwrap(), Found::Values(vec![Some(largest)]));
}

#[test]
fn opens_only_with_its_key_and_a_known_format() {
    let (first, kv) = vault();
    first.commit(&[put("a", 1, "kept")], Durability::Now).unwrap();
    drop(first);
    let again = Vault::open(Box::new(kv.clone()), &root()).unwrap();
    assert_eq!(again.head(), &Head::new(DatabaseId([1; 16]), 1234));
    assert_eq!(texts(again.read(&range("a", Dir::Forward)).unwrap()), ["kept"]);

    let stranger = RootKey(SecretKey::from_bytes(&[8; 32]));
    assert!(matches!(Vault::open(Box::new(kv.clone()), &stranger), Err(VaultError::WrongKey)));
    assert!(matches!(Vault::open(Box::new(MemKv::default()), &root()), Err(VaultError::BadHead(_))));

    kv.corrupt(&[head::TABLE], |value| *value = br#"{"format":2,"shape":"unknown to us"}"#.to_vec());
    let newer = Vault::open(Box::new(kv.clone()), &root());
    assert!(matches!(newer, Err(VaultError::NewerFormat { found: 2, known: 1 })));
    for junk in ["", "{", "[]", r#"{"format":1}"#, r#"{"format":-1}"#, r#"{"format":0,"database":"00"}"#] {
        kv.corrupt(&[head::TABLE], |value| *value = junk.into());
        assert!(matches!(Vault::open(Box::new(kv.clone()), &root()), Err(VaultError::BadHead(_))), "{junk}");
    }
}
