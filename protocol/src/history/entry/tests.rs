//! What makes an entry well formed, and one whose bytes never change.

use super::super::testing::*;
use super::*;
use crate::wire::bodies::kind;

fn sample() -> Parsed {
    let first = message(11, None, 0, "first");
    let deps = vec![Dep::to(device(21), 7, first.id())];
    forge(11, ChanId::MAIN, Some(&first), deps, 1_800_000_000_001 << 16, kind::TEXT, text("second"))
}

#[test]
fn what_was_written_is_read() {
    let e = sample();
    let again = Parsed::read(e.to_wire()).expect("well formed");
    assert_eq!((again.header(), again.id(), again.body()), (e.header(), e.id(), e.body()));
    assert!(!again.is_verified());
    assert_eq!(e.header().seq, 2);
}

/// The format is fixed: this entry has had this id since the first release.
#[test]
fn golden_entry() {
    let e = sample();
    assert_eq!(e.id().to_text(), "z7pyyn733aoma332gcsyts2z2lnrhidnu7kiby7mi7jwd6e4obla");
    assert_eq!(data_encoding::HEXLOWER.encode(e.signed().sig.get(..16).unwrap_or_default()), "44c093b90955806f67365c85c1961fb7");
}

#[test]
fn unknown_fields_of_newer_versions_are_signed_and_kept() {
    let e = sample();
    let mut payload = e.signed().payload;
    payload.extend_from_slice(&[0xf8, 0x06, 0x01]); // field 111, varint 1
    let (_, sig) = sign::sign(&key(11), labels::ENTRY, &payload);
    let entry = Entry { header: Some(Signed { payload: payload.clone(), sig: sig.to_vec() }), ..e.to_wire() };
    let mut newer = Parsed::read(entry).expect("well formed");
    newer.verify().expect("signed");
    assert_eq!(newer.signed().payload, payload);
    assert_ne!(newer.id(), e.id());
}

#[test]
fn what_is_wrong_is_named() {
    let bad = |change: &dyn Fn(&mut EntryHeader), why: BadEntry| {
        let e = sample();
        let mut header = codec::decode::<EntryHeader>(&e.signed().payload, HEADER).expect("a header");
        change(&mut header);
        let entry = Entry { header: Some(Signed { payload: codec::encode(&header), sig: vec![0; 64] }), ..e.to_wire() };
        assert_eq!(Parsed::read(entry), Err(why));
    };
    bad(&|h| h.v = 2, BadEntry::Version(2));
    bad(&|h| h.space = vec![1; 31], BadEntry::Length("space"));
    bad(&|h| h.seq = 0, BadEntry::Position);
    bad(&|h| h.seq = 1, BadEntry::Position);
    bad(&|h| h.prev = Vec::new(), BadEntry::Position);
    bad(&|h| h.prev = vec![0; 31], BadEntry::Length("predecessor"));
    bad(&|h| h.hlc = 0, BadEntry::Stamp);
    bad(&|h| h.deps.iter_mut().for_each(|dep| dep.seq = 0), BadEntry::Position);
    bad(&|h| h.deps.iter_mut().for_each(|dep| dep.id16 = vec![0; 15]), BadEntry::Length("dependency"));
    bad(&|h| h.auth = vec![vec![0; 15]], BadEntry::Length("auth head"));
    bad(&|h| h.body_len += 1, BadEntry::BodyLength);
    bad(&|h| h.body_len = 12 * 1024 + 1, BadEntry::BodyLength);
    bad(&|h| h.body_hash = vec![0; 32], BadEntry::BodyHash);
    bad(&|h| h.body_hash = vec![0; 31], BadEntry::Length("body hash"));
    let whole = sample().to_wire();
    assert_eq!(Parsed::read(Entry { header: None, ..whole.clone() }), Err(BadEntry::NoHeader));
    assert_eq!(Parsed::read(Entry { salt: vec![0; 15], ..whole.clone() }), Err(BadEntry::Length("salt")));
    assert_eq!(Parsed::read(Entry { body: Some(b"other".to_vec()), ..whole.clone() }), Err(BadEntry::BodyLength));
    assert!(Parsed::read(Entry { body: None, ..whole }).is_ok(), "a message may have been deleted");
    let auth = introduce(11).to_wire();
    assert_eq!(Parsed::read(Entry { body: None, ..auth }), Err(BadEntry::BodyMissing));
}

#[test]
fn the_largest_entry_fits_its_frames() {
    let dep = Dep { dev8: [0xff; 8], seq: u64::MAX, id16: [0xff; 16] };
    let draft = Draft {
        space: SPACE,
        device: device(11),
        chan: ChanId::MAIN,
        seq: u64::MAX,
        prev: Some(EntryId([0xff; 32])),
        deps: vec![dep; limits::DEPS],
        hlc: Hlc(u64::MAX),
        auth: vec![[0xff; 16]; limits::AUTH_HEADS],
        kind: u32::MAX,
        body: vec![0xff; limits::ENTRY_BODY],
    };
    let parsed = draft.sign([0xff; 16], |purpose, payload| sign::sign(&key(11), purpose, payload).1).expect("valid");
    assert!(codec::encode(&parsed.to_wire()).len() <= limits::ENTRY);
}

#[test]
fn a_wrong_key_is_found_when_writing() {
    let draft = Draft {
        space: SPACE,
        device: device(11),
        chan: ChanId::MAIN,
        seq: 1,
        prev: None,
        deps: Vec::new(),
        hlc: Hlc(1),
        auth: Vec::new(),
        kind: kind::TEXT,
        body: text("x"),
    };
    let signed = draft.sign([0; 16], |purpose, payload| sign::sign(&key(12), purpose, payload).1);
    assert_eq!(signed.err(), Some(BadEntry::Signature));
}
