//! What every message costs in cryptography, each part alone: entries, the ratchet between devices, the frames of a connection.

use criterion::Criterion;
use std::hint::black_box;
use std::time::{Duration, Instant};
use veche_protocol::crypto::link::{Ephemeral, HelloKeys, LinkKeys, Transcript};
use veche_protocol::crypto::ratchet::{DeviceKeys, Pair, PeerKeys, RatchetKind, pad};
use veche_protocol::history::entry::{Draft, Parsed};
use veche_protocol::identity::device::{DeviceSecret, PrekeyInfo};
use veche_protocol::ids::{ChanId, DeviceId, PeerKey, SpaceId};
use veche_protocol::link::{Proto, Side};
use veche_protocol::time::UnixMs;
use veche_protocol::view::Hlc;
use veche_protocol::wire::bodies::kind;
use veche_protocol::wire::entry::Entry;
use veche_protocol::wire::link::{Inner, SealedFrame};

/// When everything happens.
const NOW: UnixMs = UnixMs(1_800_000_000_000);
/// Bytes of a body: a short message.
const BODY: usize = 100;

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    entries(&mut criterion);
    ratchet(&mut criterion);
    link(&mut criterion);
    criterion.final_summary();
}

fn entries(criterion: &mut Criterion) {
    let device = DeviceSecret::from_seed([3; 32]);
    let draft = Draft {
        space: SpaceId([7; 32]),
        device: device.id(),
        chan: ChanId::MAIN,
        seq: 1,
        prev: None,
        deps: Vec::new(),
        hlc: Hlc::from_unix(NOW),
        auth: Vec::new(),
        kind: kind::TEXT,
        body: vec![b'x'; BODY],
    };
    let sign = |draft: &Draft| draft.clone().sign([9; 16], |purpose, payload| device.sign(purpose, payload)).expect("a good draft");
    let entry: Entry = sign(&draft).to_wire();
    criterion.bench_function("entry: write, sign and verify", |b| b.iter(|| sign(black_box(&draft))));
    criterion.bench_function("entry: read and verify", |b| {
        b.iter(|| {
            let mut parsed = Parsed::read(black_box(&entry).clone()).expect("a good entry");
            parsed.verify().expect("a good signature");
            parsed
        });
    });
}

/// One of two devices.
struct Device {
    id: DeviceId,
    keys: DeviceKeys,
    pair: Pair,
}

impl Device {
    fn new(me: u8, other: u8) -> Self {
        let id = DeviceId([me; 32]);
        let keys = DeviceKeys::generate(RatchetKind::Olm, [me; 32], NOW);
        Self { id, keys, pair: Pair::new(RatchetKind::Olm, id, DeviceId([other; 32])) }
    }

    fn bundle(&self) -> PrekeyInfo {
        let made = self.keys.bundle(self.id, NOW.0, 1);
        let olm_prekey = made.olm_prekey.try_into().expect("32 bytes");
        PrekeyInfo { device: self.id, seq: 1, olm_prekey, kem: made.kem, made_ms: NOW.0 }
    }

    fn seal(&mut self, peer: &PeerKeys<'_>, plain: &[u8]) -> SealedFrame {
        self.pair.seal(&self.keys, peer, plain, NOW, [5; 32]).expect("keys are there")
    }

    fn open(&mut self, peer: &PeerKeys<'_>, frame: &SealedFrame) {
        black_box(self.pair.open(&mut self.keys, peer, frame, NOW).expect("sealed for us"));
    }
}

fn ratchet(criterion: &mut Criterion) {
    let (mut alice, mut bob) = (Device::new(1, 2), Device::new(2, 1));
    let (to_bob, to_alice) = ((bob.keys.identity(), bob.bundle()), (alice.keys.identity(), alice.bundle()));
    let to_bob = PeerKeys { olm: to_bob.0, bundle: Some(&to_bob.1) };
    let to_alice = PeerKeys { olm: to_alice.0, bundle: Some(&to_alice.1) };
    let inner =
        Inner { space: vec![7; 32], from: vec![1; 32], to: vec![2; 32], id: vec![4; 16], pad: vec![b'x'; BODY], ..Inner::default() };
    let plain = pad(inner).expect("a short message");
    // Both have heard from each other: the short form, as in a conversation that is under way.
    for _ in 0..2 {
        let there = alice.seal(&to_bob, &plain);
        bob.open(&to_alice, &there);
        let back = bob.seal(&to_alice, &plain);
        alice.open(&to_bob, &back);
    }
    criterion.bench_function("ratchet: seal", |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let begun = Instant::now();
                let frame = black_box(alice.seal(&to_bob, &plain));
                spent += begun.elapsed();
                // Heard at once, or the session would keep keys of messages that never came.
                bob.open(&to_alice, &frame);
            }
            spent
        });
    });
    criterion.bench_function("ratchet: open", |b| {
        b.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let frame = alice.seal(&to_bob, &plain);
                let begun = Instant::now();
                bob.open(&to_alice, &frame);
                spent += begun.elapsed();
            }
            spent
        });
    });
}

fn link_keys(me: Side) -> LinkKeys {
    let ephemerals = [Ephemeral::from_random([1; 32]), Ephemeral::from_random([2; 32])];
    let transcript = Transcript {
        dialler: PeerKey([1; 32]),
        listener: PeerKey([2; 32]),
        dialler_nonce: [3; 32],
        listener_nonce: [4; 32],
        dialler_eph: ephemerals[0].public(),
        listener_eph: ephemerals[1].public(),
    };
    let shared = ephemerals[0].agree(&ephemerals[1].public()).expect("a good key");
    HelloKeys::new(&[6; 32], &shared, transcript).into_link(me)
}

fn link(criterion: &mut Criterion) {
    let mut sealer = link_keys(Side::Dialler).sealer(Proto::Dm);
    let frame = vec![b'x'; 1024];
    criterion.bench_function("connection: seal a frame of 1 KiB", |b| b.iter(|| sealer.seal(black_box(&frame))));
    let (mut sealer, mut opener) = (link_keys(Side::Dialler).sealer(Proto::Dm), link_keys(Side::Listener).opener(Proto::Dm));
    criterion.bench_function("connection: open a frame of 1 KiB", |b| {
        b.iter_custom(|times| {
            let frames: Vec<Vec<u8>> = (0..times).map(|_| sealer.seal(&frame)).collect();
            let begun = Instant::now();
            for frame in &frames {
                black_box(opener.open(frame).expect("the next frame"));
            }
            begun.elapsed()
        });
    });
}
