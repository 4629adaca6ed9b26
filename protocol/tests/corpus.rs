//! Every input that ever broke a decoder, and one valid message of each kind, on each run of the tests.
//!
//! The fuzz targets need the nightly toolchain; what they found is replayed here without it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

#[path = "../../tests/fuzz/src/decoders.rs"]
mod decoders;
#[path = "../../tests/fuzz/src/examples.rs"]
mod examples;

fn seeds() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds")
}

#[test]
fn every_committed_input_is_read_or_refused_without_a_panic() {
    for decoder in decoders::DECODERS {
        let folder = seeds().join(decoder.name);
        let mut fed = 0;
        for file in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = file.expect("the folder can be listed").path();
            println!("{}", path.display());
            (decoder.check)(&fs::read(&path).expect("a seed can be read"));
            fed += 1;
        }
        assert!(fed > 0, "{} has no seed", decoder.name);
    }
}

/// Cut short anywhere and with any one bit flipped, every example is read or refused.
#[test]
fn damaged_messages_are_read_or_refused_without_a_panic() {
    for example in examples::examples() {
        let check = decoders::decoder(example.target).check;
        assert!(check(&example.bytes), "{}/{} is refused as it is", example.target, example.name);
        for end in 0..example.bytes.len() {
            check(&example.bytes[..end]);
        }
        for bit in 0..example.bytes.len() * 8 {
            let mut damaged = example.bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            check(&damaged);
        }
    }
}

/// The bytes of the examples are what peers of older versions sent. `VECHE_BLESS=1` writes them anew, for a format that
/// nobody uses yet.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test, not of the core")]
fn the_wire_format_has_not_changed() {
    let bless = std::env::var_os("VECHE_BLESS").is_some();
    let mut folders = BTreeSet::new();
    for example in examples::examples() {
        let path = seeds().join(example.target).join(example.name);
        if bless {
            fs::create_dir_all(seeds().join(example.target)).expect("the folder can be made");
            fs::write(&path, &example.bytes).expect("the seed can be written");
        }
        let committed = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(committed == example.bytes, "{} is not what this version writes", path.display());
        folders.insert(example.target);
    }
    assert_eq!(folders, decoders::DECODERS.iter().map(|decoder| decoder.name).collect(), "each decoder has an example");
}
