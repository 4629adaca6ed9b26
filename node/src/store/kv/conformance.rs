//! What every engine must do. One suite, run over each of them.

use proptest::prelude::*;
use std::collections::BTreeMap;

use super::*;
use crate::store::mem_kv::MemKv;
use crate::store::sled_kv::SledKv;

/// Runs `check` over a fresh engine of each kind.
fn each(check: impl Fn(&dyn Kv)) {
    check(&MemKv::default());
    let dir = tempfile::tempdir().unwrap();
    check(&SledKv::create(&dir.path().join("db")).unwrap());
}

fn batch(changes: &[(&[u8], Option<&[u8]>)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in changes {
        match value {
            Some(value) => batch.put(key.to_vec(), value.to_vec()),
            None => batch.delete(key.to_vec()),
        }
    }
    batch
}

fn rows(kv: &dyn Kv, from: &[u8], to: &[u8], dir: Dir) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    kv.range(from, to, dir, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        true
    })
    .unwrap();
    rows
}

fn keys(kv: &dyn Kv, from: &[u8], to: &[u8], dir: Dir) -> Vec<Vec<u8>> {
    rows(kv, from, to, dir).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn puts_replaces_and_deletes() {
    each(|kv| {
        assert_eq!(kv.get(b"a").unwrap(), None);
        kv.commit(&batch(&[(b"a", Some(b"1")), (b"b", Some(b""))]), Durability::Now).unwrap();
        assert_eq!(kv.get(b"a").unwrap().as_deref(), Some(b"1".as_slice()));
        assert_eq!(kv.get(b"b").unwrap().as_deref(), Some(b"".as_slice()));
        kv.commit(&batch(&[(b"a", Some(b"2")), (b"b", None), (b"never", None)]), Durability::Soon).unwrap();
        assert_eq!(kv.get(b"a").unwrap().as_deref(), Some(b"2".as_slice()));
        assert_eq!(kv.get(b"b").unwrap(), None);
    });
}

#[test]
fn the_last_change_of_a_key_wins_within_a_batch() {
    each(|kv| {
        let twice = batch(&[(b"a", Some(b"1")), (b"a", None), (b"b", None), (b"b", Some(b"2"))]);
        kv.commit(&twice, Durability::Now).unwrap();
        assert_eq!(kv.get(b"a").unwrap(), None);
        assert_eq!(kv.get(b"b").unwrap().as_deref(), Some(b"2".as_slice()));
    });
}

#[test]
fn ranges_are_half_open_ordered_and_stoppable() {
    each(|kv| {
        let all: Vec<Vec<u8>> = [b"a".as_slice(), b"a\0", b"aa", b"b", b"b\xff", b"c"].map(<[u8]>::to_vec).to_vec();
        let mut fill = Batch::default();
        all.iter().for_each(|key| fill.put(key.clone(), key.clone()));
        kv.commit(&fill, Durability::Now).unwrap();

        assert_eq!(keys(kv, b"", &[ENGINE_KEYS], Dir::Forward), all);
        assert_eq!(keys(kv, b"a\0", b"b\xff", Dir::Forward), all[1..4]);
        let mut reversed = all[1..4].to_vec();
        reversed.reverse();
        assert_eq!(keys(kv, b"a\0", b"b\xff", Dir::Backward), reversed);
        assert!(keys(kv, b"b", b"b", Dir::Forward).is_empty());
        assert!(keys(kv, b"c", b"a", Dir::Backward).is_empty());

        for (dir, first) in [(Dir::Forward, b"a".as_slice()), (Dir::Backward, b"c")] {
            let mut seen = Vec::new();
            kv.range(b"", &[ENGINE_KEYS], dir, &mut |key, _| {
                seen.push(key.to_vec());
                false
            })
            .unwrap();
            assert_eq!(seen, [first]);
        }
    });
}

#[test]
fn large_values_come_back_and_leave_nothing_behind() {
    each(|kv| {
        let large: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        kv.commit(&batch(&[(b"x", Some(&large)), (b"y", Some(b"small"))]), Durability::Now).unwrap();
        assert_eq!(kv.get(b"x").unwrap().unwrap(), large);
        assert_eq!(rows(kv, b"", &[ENGINE_KEYS], Dir::Backward).len(), 2);
        assert_eq!(rows(kv, b"", &[0xFF], Dir::Forward)[0].1, large);
        kv.commit(&batch(&[(b"x", Some(&large[..3000]))]), Durability::Now).unwrap();
        assert_eq!(kv.get(b"x").unwrap().unwrap(), large[..3000]);
        kv.commit(&batch(&[(b"x", None)]), Durability::Now).unwrap();
        assert_eq!(keys(kv, b"", &[0xFF], Dir::Forward), [b"y"]);
    });
}

#[test]
fn a_reader_sees_a_large_value_whole_while_it_is_replaced() {
    each(|kv| {
        let value = |fill: u8| vec![fill; 20_000 + usize::from(fill) * 100];
        kv.commit(&batch(&[(b"x", Some(&value(0)))]), Durability::Soon).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for fill in 1..100 {
                    kv.commit(&batch(&[(b"x", Some(&value(fill)))]), Durability::Soon).unwrap();
                }
            });
            for _ in 0..300 {
                let seen = kv.get(b"x").unwrap().unwrap();
                assert_eq!(seen, value(seen[0]));
                for (_, seen) in rows(kv, b"", &[0xFF], Dir::Forward) {
                    assert_eq!(seen, value(seen[0]));
                }
            }
        });
    });
}

#[test]
fn a_copy_has_the_same_rows_and_refuses_to_overwrite() {
    each(|kv| {
        let mut fill = Batch::default();
        for n in 0..2000_u32 {
            fill.put(n.to_be_bytes().to_vec(), vec![n as u8; 1000 + n as usize % 2000]);
        }
        kv.commit(&fill, Durability::Now).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let copy = dir.path().join("copy");
        kv.copy_to(&copy).unwrap();
        assert!(kv.copy_to(&copy).is_err());
        let copy = SledKv::open(&copy).unwrap();
        assert_eq!(rows(&copy, b"", &[0xFF], Dir::Forward), rows(kv, b"", &[0xFF], Dir::Forward));
    });
}

#[test]
fn recovering_a_healthy_engine_changes_nothing() {
    each(|kv| {
        kv.commit(&batch(&[(b"a", Some(b"1"))]), Durability::Now).unwrap();
        kv.recover().unwrap();
        assert_eq!(kv.get(b"a").unwrap().as_deref(), Some(b"1".as_slice()));
        kv.commit(&batch(&[(b"b", Some(b"2"))]), Durability::Now).unwrap();
        assert!(kv.size().unwrap() > 0);
    });
}

#[test]
fn the_end_of_a_prefix_is_the_next_prefix() {
    assert_eq!(end_of_prefix(b"ab"), b"ac");
    assert_eq!(end_of_prefix(b"a\xff\xff"), b"b");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any history of batches leaves what a map would hold.
    #[test]
    fn behaves_like_a_map(history in prop::collection::vec(
        prop::collection::vec((0_u8..20, prop::option::of(0_usize..9000)), 0..8), 0..12)) {
        each(|kv| {
            let mut model = BTreeMap::new();
            for (number, changes) in history.iter().enumerate() {
                let mut batch = Batch::default();
                for (key, size) in changes {
                    let key = vec![b'k', *key];
                    match size {
                        Some(size) => {
                            let value = vec![number as u8; *size];
                            batch.put(key.clone(), value.clone());
                            model.insert(key, value);
                        }
                        None => {
                            batch.delete(key.clone());
                            model.remove(&key);
                        }
                    }
                }
                kv.commit(&batch, if number % 2 == 0 { Durability::Now } else { Durability::Soon }).unwrap();
            }
            let expected: Vec<_> = model.into_iter().collect();
            assert_eq!(rows(kv, b"", &[0xFF], Dir::Forward), expected);
        });
    }
}
