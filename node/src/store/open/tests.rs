//! What happens to a profile that is new, in use, interrupted, old, bloated or damaged.

use veche_protocol::store::{Found, Key, Read, Table, Write};

use super::*;
use crate::store::kv::{Batch, Durability};
use crate::store::migrations::MigratedRow;

const ID: DatabaseId = DatabaseId([3; 16]);

struct Rig {
    dir: tempfile::TempDir,
    root: RootKey,
}

impl Rig {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), root: RootKey::random().unwrap() }
    }

    fn lock(&self) -> Profile {
        Profile::lock(self.dir.path()).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A profile with one row, closed.
    fn with_row() -> Self {
        let rig = Self::new();
        let vault = rig.lock().create(&rig.root, ID, 5).unwrap();
        vault.commit(&[Write::Put(key(), b"kept".to_vec())], Durability::Now).unwrap();
        rig
    }

    fn open(&self) -> Result<Vault, OpenError> {
        self.lock().open(&self.root, ID)
    }
}

fn key() -> Key {
    Key::single(Table::Chat, b"chat".as_slice())
}

fn row(vault: &Vault) -> Option<Vec<u8>> {
    match vault.read(&Read::Get(vec![key()])).unwrap() {
        Found::Values(mut values) => values.remove(0),
        Found::Rows(_) => None,
    }
}

#[test]
fn what_was_written_is_there_again() {
    let rig = Rig::with_row();
    let vault = rig.open().unwrap();
    assert_eq!(row(&vault).unwrap(), b"kept");
    assert_eq!(vault.head().created_ms, 5);
}

#[test]
fn a_second_instance_is_told_within_a_second() {
    let rig = Rig::new();
    let first = rig.lock();
    let start = Instant::now();
    assert!(matches!(Profile::lock(rig.dir.path()), Err(OpenError::AlreadyRunning)));
    assert!(start.elapsed() < Duration::from_secs(1));
    drop(first);
    drop(rig.lock());
}

#[test]
fn opening_never_creates_and_creating_never_replaces() {
    let rig = Rig::new();
    assert!(matches!(rig.open(), Err(OpenError::Missing)));
    assert!(!rig.lock().has_database());
    let rig = Rig::with_row();
    assert!(rig.lock().has_database());
    assert!(matches!(rig.lock().create(&rig.root, ID, 0), Err(OpenError::Exists)));
    assert_eq!(row(&rig.open().unwrap()).unwrap(), b"kept");
}

#[test]
fn another_key_or_another_database_is_not_damage() {
    let rig = Rig::with_row();
    let stranger = RootKey::random().unwrap();
    assert!(matches!(rig.lock().open(&stranger, ID), Err(OpenError::WrongKey)));
    assert!(matches!(rig.lock().open(&rig.root, DatabaseId([4; 16])), Err(OpenError::WrongKey)));
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let rig = Rig::with_row();
    set_head(&rig, r#"{"format":7,"other":1}"#);
    assert!(matches!(rig.open(), Err(OpenError::NewerFormat { found: 7, known: FORMAT })));
    let kv = SledKv::open(&rig.path("db")).unwrap();
    assert_eq!(Head::read(&kv).unwrap().format, 7);
}

fn set_head(rig: &Rig, json: &str) {
    let kv = SledKv::open(&rig.path("db")).unwrap();
    let mut batch = Batch::default();
    batch.put(vec![head::TABLE], json.into());
    kv.commit(&batch, Durability::Now).unwrap();
}

/// No format before 1 was released, so a pretended format 0 shows the mechanism.
#[test]
fn an_older_format_is_migrated_once_and_survives_interruption() {
    const STEPS: &[Migration] =
        &[Migration { from: 0, row: |row| vec![MigratedRow { value: [row.value.as_slice(), b" and migrated"].concat(), ..row }] }];
    let rig = Rig::with_row();
    set_head(&rig, &format!(r#"{{"format":0,"database":"{}","created_ms":5}}"#, "03".repeat(16)));
    assert!(matches!(rig.open(), Err(OpenError::Damaged(_))), "no path from format 0");
    // A migration that was cut off half way.
    copy_dir(&rig.path("db"), &rig.path("db.new"));
    for _ in 0..2 {
        let vault = rig.lock().open_with(&rig.root, ID, STEPS).unwrap();
        assert_eq!(row(&vault).unwrap(), b"kept and migrated");
        assert_eq!(vault.head(), &Head::new(ID, 5));
    }
    assert_eq!(row(&rig.open().unwrap()).unwrap(), b"kept and migrated");
    assert!(!rig.path("db.old").exists() && !rig.path("db.new").exists());
}

#[test]
fn a_crash_between_the_renames_leaves_a_whole_database() {
    let rig = Rig::with_row();
    copy_dir(&rig.path("db"), &rig.path("db.new"));
    fs::rename(rig.path("db"), rig.path("db.old")).unwrap();
    assert!(rig.lock().has_database());
    assert_eq!(row(&rig.open().unwrap()).unwrap(), b"kept");

    fs::rename(rig.path("db"), rig.path("db.old")).unwrap();
    assert_eq!(row(&rig.open().unwrap()).unwrap(), b"kept");

    // A database that was being created when the power went is nothing yet.
    fs::rename(rig.path("db"), rig.path("db.new")).unwrap();
    assert!(matches!(rig.open(), Err(OpenError::Missing)));
    drop(rig.lock().create(&rig.root, ID, 0).unwrap());
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn garbage_is_compacted_away_at_the_next_start() {
    let rig = Rig::with_row();
    {
        let vault = rig.open().unwrap();
        let blob = |n: u8| Write::Put(Key::single(Table::Person, vec![n]), vec![n; 1_000_000]);
        for round in 0..3 {
            let writes: Vec<_> = (0..30).map(|n| blob(n + round)).collect();
            writes.chunks(10).for_each(|chunk| vault.commit(chunk, Durability::Soon).unwrap());
        }
        let deletes: Vec<_> = (0..40).map(|n| Write::Delete(Key::single(Table::Person, vec![n]))).collect();
        vault.commit(&deletes, Durability::Now).unwrap();
        assert!(vault.kv().size().unwrap() > 64 << 20);
    }
    // A measurement from before the rows were deleted: nothing is done.
    head::write_live(SledKv::open(&rig.path("db")).as_ref().unwrap(), 1 << 30).unwrap();
    let vault = rig.open().unwrap();
    assert!(vault.kv().size().unwrap() > 64 << 20);
    // The next one, as it is made once a day.
    let store = crate::store::writer::Store::start(vault, (), Box::new(|_| {})).unwrap();
    assert!(store.measure().unwrap() < 100_000);
    store.close();
    drop(store);
    let vault = rig.open().unwrap();
    assert!(vault.kv().size().unwrap() < 4 << 20);
    assert_eq!(row(&vault).unwrap(), b"kept");
}

/// Every state that a crash can leave behind while `db` is replaced by a compacted copy.
#[test]
fn a_compaction_that_is_cut_off_at_any_step_loses_nothing() {
    let compacted = |rig: &Rig| {
        let old = SledKv::open(&rig.path("db")).unwrap();
        migrations::compact(&old, &rig.path("db.new")).unwrap();
        drop(old);
        sled_kv::wait_until_released(&rig.path("db")).unwrap();
        sled_kv::wait_until_released(&rig.path("db.new")).unwrap();
    };
    type Step<'a> = (&'a str, &'a dyn Fn(&Rig));
    let steps: [Step<'_>; 5] = [
        ("the copy was begun", &|rig| {
            fs::create_dir(rig.path("db.new")).unwrap();
            fs::write(rig.path("db.new/db"), b"half").unwrap();
        }),
        ("the copy is whole", &compacted),
        ("the old one is set aside", &|rig| {
            compacted(rig);
            fs::rename(rig.path("db"), rig.path("db.old")).unwrap();
        }),
        ("the copy has its place", &|rig| {
            compacted(rig);
            fs::rename(rig.path("db"), rig.path("db.old")).unwrap();
            fs::rename(rig.path("db.new"), rig.path("db")).unwrap();
        }),
        ("the old one is half removed", &|rig| {
            compacted(rig);
            fs::rename(rig.path("db"), rig.path("db.old")).unwrap();
            fs::rename(rig.path("db.new"), rig.path("db")).unwrap();
            fs::remove_file(rig.path("db.old/conf")).unwrap();
        }),
    ];
    for (step, cut_off) in steps {
        let rig = Rig::with_row();
        cut_off(&rig);
        assert!(rig.lock().has_database(), "{step}");
        assert_eq!(row(&rig.open().unwrap()).as_deref(), Some(b"kept".as_slice()), "{step}");
        assert!(!rig.path("db.old").exists() && !rig.path("db.new").exists(), "{step}");
    }
}

#[test]
fn an_old_measurement_does_not_make_it_copy_live_rows() {
    let rig = Rig::with_row();
    {
        let vault = rig.open().unwrap();
        for n in 0..70 {
            vault.commit(&[Write::Put(Key::single(Table::Person, vec![n]), vec![n; 1_000_000])], Durability::Soon).unwrap();
        }
        head::write_live(vault.kv(), 1000).unwrap();
    }
    let vault = rig.open().unwrap();
    assert!(head::read_live(vault.kv()).unwrap().unwrap() > 70_000_000, "measured anew");
}

#[test]
fn damage_is_told_and_nothing_is_deleted() {
    for damage in [
        (|path| fs::write(path, b"not a database").unwrap()) as fn(PathBuf),
        |path| fs::remove_file(path).unwrap(),
        |path| fs::write(&path, fs::read(&path).unwrap().iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>()).unwrap(),
        |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 3).unwrap();
        },
    ] {
        let rig = Rig::with_row();
        let before = fs::read_dir(rig.path("db")).unwrap().count();
        damage(rig.path("db/db"));
        match rig.open() {
            Err(OpenError::Damaged(_)) => {}
            // Cut short behind the last row: nothing was lost.
            Ok(vault) => assert_eq!(row(&vault).unwrap(), b"kept"),
            Err(other) => panic!("{other:?}"),
        }
        assert!(fs::read_dir(rig.path("db")).unwrap().count() + 1 >= before);

        let aside = rig.lock().set_aside().unwrap();
        assert!(aside.join("conf").exists());
        assert!(matches!(rig.open(), Err(OpenError::Missing)));
        drop(rig.lock().create(&rig.root, ID, 0).unwrap());
        let second = rig.lock().set_aside().unwrap();
        assert_ne!(aside, second);
        assert!(aside.exists() && second.exists());
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_enter() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/profile");
    let _profile = Profile::lock(&dir).unwrap();
    assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
}
