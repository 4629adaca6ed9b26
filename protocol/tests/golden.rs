//! Values that every version must compute alike: ids, signatures, derived keys, sealed frames, encodings. They are committed in
//! `golden/values.txt`. A value that changes cuts this version off from all others, so the file is never regenerated: a new
//! format gets a new label, a new version and a new line.

#![allow(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise, as tests do")]

use data_encoding::HEXLOWER;
use std::fmt::Write;
use std::net::SocketAddr;
use veche_protocol::crypto::link::{Ephemeral, HelloKeys, Transcript, tag};
use veche_protocol::crypto::pow::Challenge;
use veche_protocol::crypto::ratchet::{DeviceKeys, Pair, PeerKeys, RatchetKind, pad};
use veche_protocol::crypto::sign::SigningKey;
use veche_protocol::crypto::{aead, hash, labels, sign};
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::device::{DeviceInfo, DeviceSecret, PrekeyInfo, device_set};
use veche_protocol::identity::link::ContactLink;
use veche_protocol::identity::login::{TagCost, tag as login_tag};
use veche_protocol::identity::{lan, safety, words};
use veche_protocol::ids::{AccountId, DeviceId, PeerKey};
use veche_protocol::link::{Addr, Hint, Proto, Side, Transport};
use veche_protocol::time::UnixMs;
use veche_protocol::wire::codec;
use veche_protocol::wire::entry::{Create, Dep, Entry, EntryHeader};
use veche_protocol::wire::identity::{LanHello, Signed};
use veche_protocol::wire::link::Inner;

/// A point in time for every stamp: 2026-11-01T00:00:00Z in unix milliseconds.
const WALL: u64 = 1_793_491_200_000;

/// The values, one a line: name, space, text.
#[derive(Default)]
struct Values(String);

impl Values {
    fn text(&mut self, name: &str, value: &str) {
        writeln!(self.0, "{name} {value}").unwrap();
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        self.text(name, &HEXLOWER.encode(value));
    }

    fn signed(&mut self, name: &str, purpose: &str, signed: &Signed) {
        self.bytes(&format!("{name}.payload"), &signed.payload);
        self.bytes(&format!("{name}.id"), &hash::id(purpose, &signed.payload));
        self.bytes(&format!("{name}.sig"), &signed.sig);
    }
}

fn device() -> DeviceSecret {
    DeviceSecret::from_seed([0x22; 32])
}

fn info() -> DeviceInfo {
    DeviceInfo { device: device().id(), olm: [1; 32], ek: [2; 32], added_ms: WALL, label_ct: b"label".to_vec(), caps: 3 }
}

fn hashes(v: &mut Values) {
    v.bytes("hash.id", &hash::id(labels::ENTRY, b"payload"));
    v.bytes("hash.h", &hash::h(labels::BODY, &[b"salt", b"body"]));
    v.bytes("hash.h.empty", &hash::h(labels::BODY, &[]));
    v.bytes("hash.mac", &hash::mac(&[7; 32], labels::HELLO_TAG, &[b"one", b"two"]));
    v.bytes("aead.seal", &aead::seal(&[7; 32], 5, b"aad", b"plain"));
    v.bytes("aead.derive", aead::derive(b"salt", b"secret", labels::LINK_STREAM, b"context").as_slice());
    let key = SigningKey::from_bytes(&[0x11; 32]);
    v.bytes("sign.public", key.verifying_key().as_bytes());
    for purpose in [labels::ENTRY, labels::DEVICE_SET, labels::PREKEYS, labels::TOMBSTONE, labels::LAN_HELLO, labels::HELLO] {
        v.bytes(&format!("sign.{purpose}"), &sign::sign(&key, purpose, b"payload").1);
    }
}

fn identity(v: &mut Values) {
    let entropy = *b"sixteen bytes ok";
    let account = AccountSecret::from_entropy(entropy);
    v.text("words", &words::from_entropy(&entropy).join("-"));
    v.bytes("account.id", account.account_id().as_bytes());
    v.bytes("account.pair", account.self_pair_key().as_slice());
    v.bytes("account.backup", account.backup_key().as_slice());
    v.bytes("account.slot", account.recovery_slot_key().as_slice());
    v.bytes("device.id", device().id().as_bytes());
    let set = account.sign_device_set(&device_set(account.account_id(), WALL, &[info()], Some([9; 32])));
    v.signed("device_set", labels::DEVICE_SET, &set);
    v.signed("tombstone", labels::TOMBSTONE, &account.sign_tombstone(WALL));
    let hello = LanHello {
        v: 1,
        peer: vec![4; 32],
        device_set: Some(set),
        device: device().id().to_vec(),
        login: "anna".into(),
        name: "Anna".into(),
        gone: false,
    };
    v.signed("lan_hello", labels::LAN_HELLO, &lan::sign(&device(), &hello));
    v.text("tag.simulated", &login_tag(AccountId([3; 32]), "anna", TagCost::SIMULATED).unwrap());
    v.text("tag.real", &login_tag(AccountId([3; 32]), "anna", TagCost::REAL).unwrap());
    v.text("safety", &safety::number(AccountId([3; 32]), AccountId([4; 32])).replace(' ', ""));
    let hint = |addr: &str, transport| Hint { peer: PeerKey([6; 32]), addr: Addr::direct(addr.parse::<SocketAddr>().unwrap(), transport) };
    let mut hints = vec![hint("192.168.7.9:4001", Transport::Quic), hint("[fe80::7]:4002", Transport::Tcp)];
    let direct = ContactLink {
        account: AccountId([3; 32]),
        code: Some([5; 8]),
        login: Some("anna".into()),
        hints: hints.clone(),
        operators: vec![],
    };
    v.text("link.contact", &direct.to_string());
    let operator = Hint { peer: PeerKey([8; 32]), ..hint("203.0.113.5:4001", Transport::Quic) };
    hints.push(Hint { peer: PeerKey([6; 32]), addr: Addr { relay: Some(operator.peer), ..operator.addr } });
    let link = ContactLink { hints, operators: vec![operator], ..direct };
    v.text("link.contact.relayed", &link.to_string());
}

fn entries(v: &mut Values) {
    let create = Create { v: 1, kind: 1, founders: vec![vec![3; 32], vec![4; 32]], nonce: vec![] };
    let space = hash::id(labels::SPACE, &codec::encode(&create));
    v.bytes("space.direct", &space);
    let (salt, body) = ([5; 16], b"body");
    let header = EntryHeader {
        v: 1,
        space: space.to_vec(),
        device: device().id().to_vec(),
        chan: vec![1; 16],
        seq: 2,
        prev: vec![7; 32],
        deps: vec![Dep { dev8: vec![8; 8], seq: 300, id16: vec![9; 16] }],
        hlc: WALL << 16 | 1,
        auth: vec![vec![10; 16]],
        kind: 16,
        body_hash: hash::h(labels::BODY, &[&salt, body]).to_vec(),
        body_len: 4,
    };
    let header = sign::seal_signed(device().key(), labels::ENTRY, codec::encode(&header));
    v.signed("entry", labels::ENTRY, &header);
    v.bytes("entry.wire", &codec::encode(&Entry { header: Some(header), salt: salt.to_vec(), body: Some(body.to_vec()) }));
}

fn connection(v: &mut Values) {
    let (a, b) = (Ephemeral::from_random([1; 32]), Ephemeral::from_random([2; 32]));
    let transcript = Transcript {
        dialler: PeerKey([3; 32]),
        listener: PeerKey([4; 32]),
        dialler_nonce: [5; 32],
        listener_nonce: [6; 32],
        dialler_eph: a.public(),
        listener_eph: b.public(),
    };
    let dh = a.agree(&b.public()).unwrap();
    v.bytes("hello.dh", dh.as_slice());
    let keys = || HelloKeys::new(&[7; 32], &dh, transcript.clone());
    for (name, side) in [("dialler", Side::Dialler), ("listener", Side::Listener)] {
        v.bytes(&format!("hello.{name}.tag"), &tag(&[7; 32], side, &transcript));
        v.bytes(&format!("hello.{name}.to_sign"), &keys().transcript_to_sign(side));
        v.bytes(&format!("hello.{name}.proof"), &keys().seal_proof(side, b"proof"));
        let link = keys().into_link(side);
        for (proto_name, proto) in [("dm", Proto::Dm), ("sync", Proto::Sync)] {
            let mut sealer = link.sealer(proto);
            v.bytes(&format!("link.{name}.{proto_name}.0"), &sealer.seal(b"frame"));
            v.bytes(&format!("link.{name}.{proto_name}.1"), &sealer.seal(b"frame"));
        }
    }
    let challenge = Challenge::new(&AccountId([3; 32]), b"frame");
    v.text("pow", &challenge.solve(12, 0, 1 << 20).unwrap().to_string());
}

/// The wrap around the ratchet is the same for both kinds; with the double in it, its bytes are the same in every run.
fn ratchet(v: &mut Values) {
    let (me, peer) = (device().id(), DeviceId([9; 32]));
    let mut theirs = DeviceKeys::generate(RatchetKind::Double, [1; 32], UnixMs(WALL));
    let mine = DeviceKeys::generate(RatchetKind::Double, [2; 32], UnixMs(WALL));
    let bundle = theirs.bundle(peer, WALL, 1);
    v.bytes("keys.ek", &theirs.ek_public());
    v.bytes("keys.kem.hash", &hash::h(labels::BODY, &[&bundle.kem]));
    v.signed("prekeys", labels::PREKEYS, &device().sign_bundle(&mine.bundle(me, WALL, 1)));
    let info = PrekeyInfo {
        device: peer,
        seq: 1,
        olm_prekey: bundle.olm_prekey.clone().try_into().unwrap(),
        kem: bundle.kem.clone(),
        made_ms: WALL,
    };
    let inner = Inner { from: me.to_vec(), to: peer.to_vec(), id: vec![7; 16], ..Inner::default() };
    let plain = pad(inner).unwrap();
    v.bytes("pad", &plain);
    let mut pair = Pair::new(RatchetKind::Double, me, peer);
    let to = PeerKeys { olm: theirs.identity(), bundle: Some(&info) };
    let frame = pair.seal(&mine, &to, &plain, UnixMs(WALL), [3; 32]).unwrap();
    v.bytes("frame.kem_ct.hash", &hash::h(labels::BODY, &[&frame.kem_ct]));
    v.bytes("frame.wrap_id", &frame.wrap_id);
    v.bytes("frame.ct", &frame.ct);
    let from = PeerKeys { olm: mine.identity(), bundle: None };
    let opened = Pair::new(RatchetKind::Double, peer, me).open(&mut theirs, &from, &frame, UnixMs(WALL)).unwrap();
    assert_eq!(opened.plaintext, plain);
}

#[test]
fn every_version_computes_the_same_values() {
    let mut values = Values::default();
    hashes(&mut values);
    identity(&mut values);
    entries(&mut values);
    connection(&mut values);
    ratchet(&mut values);
    let committed = include_str!("golden/values.txt");
    for (now, then) in values.0.lines().zip(committed.lines()) {
        assert_eq!(now, then, "a value changed, which cuts this version off from all others");
    }
    assert_eq!(values.0.lines().count(), committed.lines().count(), "computed:\n{}", values.0);
}

/// Two devices in the middle of a conversation, as vodozemac 0.11.1 has left them: their rows, and a message on its way. Later
/// releases must go on from there.
#[test]
fn stored_conversations_go_on_after_an_update() {
    let stored = include_str!("golden/olm.txt");
    let row = |name: &str| {
        let line = stored.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        HEXLOWER.decode(line.as_bytes()).unwrap()
    };
    let (mut a_keys, mut b_keys) = (DeviceKeys::decode(&row("a.keys")).unwrap(), DeviceKeys::decode(&row("b.keys")).unwrap());
    let (mut a, mut b) = (Pair::decode(&row("a.pair")).unwrap(), Pair::decode(&row("b.pair")).unwrap());
    let (a_public, b_public) = (a_keys.identity(), b_keys.identity());
    let (of_a, of_b) = (PeerKeys { olm: a_public, bundle: None }, PeerKeys { olm: b_public, bundle: None });
    let frame = codec::decode(&row("frame"), 1 << 16).unwrap();
    assert_eq!(b.open(&mut b_keys, &of_a, &frame, UnixMs(WALL)).unwrap().plaintext, b"on its way");
    let answer = b.seal(&b_keys, &of_a, b"arrived", UnixMs(WALL), [1; 32]).unwrap();
    assert_eq!(a.open(&mut a_keys, &of_b, &answer, UnixMs(WALL)).unwrap().plaintext, b"arrived");
    let frame = a.seal(&a_keys, &of_b, b"good", UnixMs(WALL), [2; 32]).unwrap();
    assert_eq!(b.open(&mut b_keys, &of_a, &frame, UnixMs(WALL)).unwrap().plaintext, b"good");
}
