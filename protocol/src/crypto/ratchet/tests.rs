//! What two devices can rely on, whatever happens to the messages between them. Everything runs with both ratchets, so that
//! the simulator's stand-in keeps the rules of the real one.

use super::*;
use crate::identity::device::PrekeyInfo;
use crate::ids::DeviceId;
use crate::time::UnixMs;
use crate::wire::codec;
use crate::wire::link::{Inner, SealedFrame};
use proptest::prelude::*;

const KINDS: [RatchetKind; 2] = [RatchetKind::Olm, RatchetKind::Double];
const DAY: u64 = 24 * 3600 * 1000;

/// One device and what it knows of the other.
struct Side {
    kind: RatchetKind,
    id: DeviceId,
    keys: DeviceKeys,
    pair: Pair,
    olm_of_other: [u8; 32],
    bundle_of_other: Option<PrekeyInfo>,
    now: UnixMs,
    seed: u8,
}

impl Side {
    fn seed(&mut self) -> [u8; 32] {
        self.seed = self.seed.wrapping_add(1);
        crate::crypto::hash::h("double", &[self.id.as_bytes(), &[self.seed]])
    }

    fn try_seal(&mut self, plain: &[u8]) -> Result<SealedFrame, SealError> {
        let seed = self.seed();
        let peer = PeerKeys { olm: self.olm_of_other, bundle: self.bundle_of_other.as_ref() };
        self.pair.seal(&self.keys, &peer, plain, self.now, seed)
    }

    fn seal(&mut self, plain: &[u8]) -> SealedFrame {
        self.try_seal(plain).unwrap()
    }

    fn open(&mut self, frame: &SealedFrame) -> Result<Opened, OpenError> {
        let peer = PeerKeys { olm: self.olm_of_other, bundle: self.bundle_of_other.as_ref() };
        let before = self.pair.encode();
        let result = self.pair.open(&mut self.keys, &peer, frame, self.now);
        if result.is_err() {
            assert_eq!(self.pair.encode(), before, "a frame that does not open must change nothing");
        }
        result
    }

    fn read(&mut self, frame: &SealedFrame) -> Vec<u8> {
        self.open(frame).unwrap().plaintext
    }

    fn bundle(&self) -> PrekeyInfo {
        let b = self.keys.bundle(self.id, self.now.0, 1);
        PrekeyInfo { device: self.id, seq: 1, olm_prekey: b.olm_prekey.try_into().unwrap(), kem: b.kem, made_ms: self.now.0 }
    }

    /// Through the store and back.
    fn restart_program(&mut self) {
        self.keys = DeviceKeys::decode(&self.keys.encode()).unwrap();
        self.pair = Pair::decode(&self.pair.encode()).unwrap();
    }

    /// The session rows are gone, the prekeys are not.
    fn lose_sessions(&mut self, other: DeviceId) {
        self.pair = Pair::new(self.kind, self.id, other);
    }
}

/// Two devices that know each other's bundles; the first has the lower key.
fn two(kind: RatchetKind) -> (Side, Side) {
    let side = |n: u8, other: u8| Side {
        kind,
        id: DeviceId([n; 32]),
        keys: DeviceKeys::generate(kind, [n; 32], UnixMs(0)),
        pair: Pair::new(kind, DeviceId([n; 32]), DeviceId([other; 32])),
        olm_of_other: [0; 32],
        bundle_of_other: None,
        now: UnixMs(0),
        seed: 0,
    };
    let (mut a, mut b) = (side(1, 2), side(2, 1));
    a.olm_of_other = b.keys.identity();
    b.olm_of_other = a.keys.identity();
    a.bundle_of_other = Some(b.bundle());
    b.bundle_of_other = Some(a.bundle());
    (a, b)
}

/// Two devices that have exchanged a message in both directions.
fn talking(kind: RatchetKind) -> (Side, Side) {
    let (mut a, mut b) = two(kind);
    let first = a.seal(b"hello");
    assert!(b.open(&first).unwrap().new_session);
    let answer = b.seal(b"hello yourself");
    assert!(!a.open(&answer).unwrap().new_session);
    (a, b)
}

#[test]
fn a_conversation_gets_short_once_it_is_answered() {
    for kind in KINDS {
        let (mut a, mut b) = two(kind);
        let first = a.seal(b"1");
        let second = a.seal(b"2");
        assert_eq!((first.kem_ct.len(), second.kem_ct.len()), (1120, 1120), "{kind:?}: repeated until it is answered");
        assert!(b.open(&first).unwrap().wants_answer);
        let answer = b.seal(b"3");
        assert!(!answer.kem_ct.is_empty());
        assert_eq!(a.read(&answer), b"3");
        let third = a.seal(b"4");
        assert!(third.kem_ct.is_empty());
        // The second one comes late, after the short form began.
        assert_eq!(b.open(&third).unwrap(), Opened { plaintext: b"4".to_vec(), new_session: false, wants_answer: false });
        assert_eq!(b.read(&second), b"2");
        assert!(b.seal(b"5").kem_ct.is_empty());
    }
}

#[test]
fn nothing_opens_twice_and_nobody_else_opens_it() {
    for kind in KINDS {
        let (mut a, mut b) = two(kind);
        let (mut stranger, _) = two(kind);
        stranger.id = DeviceId([9; 32]);
        let first = a.seal(b"first");
        assert_eq!(stranger.open(&first), Err(OpenError::Undecryptable), "{kind:?}");
        assert_eq!(b.read(&first), b"first");
        assert_eq!(b.open(&first), Err(OpenError::Replay), "{kind:?}");
        let second = b.seal(b"second");
        assert_eq!(a.read(&second), b"second");
        assert_eq!(a.open(&second), Err(OpenError::Replay), "{kind:?}");
        assert!(b.open(&second).is_err(), "{kind:?}: reflected to its sender");
        // The first message again, when the session that it began has long been replaced by others.
        for n in 0..10 {
            a.pair.restart();
            let frame = a.seal(&[n]);
            assert_eq!(b.read(&frame), [n]);
        }
        assert_eq!(b.open(&first), Err(OpenError::Replay), "{kind:?}: base keys are remembered");
    }
}

#[test]
fn changed_frames_do_not_open() {
    for kind in KINDS {
        let (mut a, mut b) = talking(kind);
        let frame = a.seal(b"text");
        let mut changed = vec![
            SealedFrame { v: 2, ..frame.clone() },
            SealedFrame { counter: frame.counter + 1, ..frame.clone() },
            SealedFrame { wrap_id: vec![0; 8], ..frame.clone() },
            SealedFrame { wrap_id: vec![], ..frame.clone() },
            SealedFrame { wrap_id: vec![0; 8], kem_ct: vec![0; 1120], ..frame.clone() },
            SealedFrame { ct: vec![], ..frame.clone() },
            SealedFrame::default(),
        ];
        for at in 0..frame.ct.len() {
            let mut ct = frame.ct.clone();
            ct[at] ^= 1;
            changed.push(SealedFrame { ct, ..frame.clone() });
        }
        for frame in &changed {
            assert!(b.open(frame).is_err(), "{kind:?}");
        }
        assert_eq!(b.read(&frame), b"text");
    }
}

#[test]
fn forty_messages_may_be_overtaken() {
    for kind in KINDS {
        let (mut a, mut b) = talking(kind);
        let frames: Vec<SealedFrame> = (0..42).map(|n| a.seal(&[n])).collect();
        assert_eq!(b.read(&frames[41]), [41]);
        assert_eq!(b.open(&frames[0]), Err(OpenError::Replay), "{kind:?}: its key was given up");
        for n in (1..41).rev() {
            assert_eq!(b.read(&frames[n]), [u8::try_from(n).unwrap()], "{kind:?}");
        }
    }
}

#[test]
fn a_session_needs_a_bundle_to_begin_and_none_to_go_on() {
    for kind in KINDS {
        let (mut a, mut b) = two(kind);
        let bundle = a.bundle_of_other.take();
        let before = a.pair.encode();
        assert_eq!(a.try_seal(b"x").unwrap_err(), SealError::NeedBundle);
        assert_eq!(a.pair.encode(), before);
        let mut broken = bundle.clone().unwrap();
        broken.kem = vec![0xff; 1216];
        a.bundle_of_other = Some(broken);
        assert_eq!(a.try_seal(b"x").unwrap_err(), SealError::BadBundle, "{kind:?}");
        a.bundle_of_other = bundle;
        let frame = a.seal(b"x");
        assert_eq!(b.read(&frame), b"x");
        a.bundle_of_other = None;
        let frame = a.seal(b"y");
        assert_eq!(b.read(&frame), b"y");
    }
    let (mut a, _) = two(RatchetKind::Olm);
    a.olm_of_other = [0; 32];
    assert_eq!(a.try_seal(b"x").unwrap_err(), SealError::BadBundle, "a weak identity makes no session");
}

#[test]
fn both_may_begin_at_once_and_settle_on_the_lower_devices_session() {
    for kind in KINDS {
        let (mut a, mut b) = two(kind);
        let (from_a, from_b) = (a.seal(b"a1"), b.seal(b"b1"));
        assert_eq!(b.read(&from_a), b"a1");
        assert_eq!(a.read(&from_b), b"b1");
        // B sends in A's session although it began one of its own; A stays with its own.
        for n in 0..3 {
            let frame = b.seal(&[b'b', n]);
            assert_eq!(a.read(&frame), [b'b', n], "{kind:?}");
            let frame = a.seal(&[b'a', n]);
            assert_eq!(b.read(&frame), [b'a', n], "{kind:?}");
        }
        let (base, ours) = a.pair.preferred_session().unwrap();
        assert!(ours, "{kind:?}: the lower device's");
        assert_eq!(b.pair.preferred_session(), Some((base, false)), "{kind:?}");
    }
}

#[test]
fn a_lost_state_is_replaced_and_the_message_is_not_lost() {
    for kind in KINDS {
        for lower_loses in [true, false] {
            let (a, b) = talking(kind);
            let (mut keeper, mut loser) = if lower_loses { (b, a) } else { (a, b) };
            let on_its_way = keeper.seal(b"again");
            loser.lose_sessions(keeper.id);
            assert_eq!(loser.open(&on_its_way), Err(OpenError::Undecryptable));
            assert!(loser.pair.ask_new_session());
            assert_eq!(loser.open(&on_its_way), Err(OpenError::Undecryptable));
            assert!(!loser.pair.ask_new_session(), "{kind:?}: once, or two broken devices would ask for ever");
            loser.pair.forget_asked();
            assert!(loser.pair.ask_new_session(), "{kind:?}: on another connection");
            keeper.pair.restart();
            let again = keeper.seal(b"again");
            let opened = loser.open(&again).unwrap();
            assert!(opened.new_session && opened.plaintext == b"again");
            assert!(loser.pair.ask_new_session(), "{kind:?}: after something opened it may be asked again");
            let answer = loser.seal(b"got it");
            assert_eq!(keeper.read(&answer), b"got it");
            let frame = keeper.seal(b"fine");
            assert!(frame.kem_ct.is_empty());
            assert_eq!(loser.read(&frame), b"fine");
        }
    }
}

#[test]
fn who_lost_its_state_may_also_write_first() {
    for kind in KINDS {
        for lower_loses in [true, false] {
            let (a, b) = talking(kind);
            let (mut keeper, mut loser) = if lower_loses { (b, a) } else { (a, b) };
            loser.lose_sessions(keeper.id);
            let frame = loser.seal(b"I lost everything");
            assert!(keeper.open(&frame).unwrap().new_session);
            // The keeper had an answered session, so it knows that the other side lost it, and answers in the new one.
            let frame = keeper.seal(b"never mind");
            assert_eq!(loser.read(&frame), b"never mind", "{kind:?}, lower lost: {lower_loses}");
        }
    }
}

#[test]
fn messages_to_old_prekeys_open_until_the_second_rotation() {
    for kind in KINDS {
        let (mut a, mut b) = two(kind);
        let slow = a.seal(b"slow");
        assert!(!b.keys.rotate_if_due(UnixMs(30 * DAY - 1), [7; 32]));
        assert!(b.keys.rotate_if_due(UnixMs(30 * DAY), [7; 32]));
        assert_ne!(Some(b.bundle()), a.bundle_of_other);
        b.restart_program();
        assert_eq!(b.read(&slow), b"slow", "{kind:?}");
        let (mut a, mut b) = two(kind);
        let slower = a.seal(b"slower");
        assert!(b.keys.rotate_if_due(UnixMs(30 * DAY), [7; 32]));
        assert!(b.keys.rotate_if_due(UnixMs(60 * DAY), [8; 32]));
        assert_eq!(b.open(&slower), Err(OpenError::Undecryptable), "{kind:?}");
    }
}

#[test]
fn wrap_keys_are_renewed_by_age_and_by_use() {
    for kind in KINDS {
        let (mut a, mut b) = talking(kind);
        let id = a.seal(b"x").wrap_id;
        a.now = UnixMs(7 * DAY - 1);
        assert_eq!(a.seal(b"x").wrap_id, id);
        a.now = UnixMs(7 * DAY);
        let renewed = a.seal(b"renewed");
        assert!(renewed.wrap_id != id && renewed.kem_ct.len() == 1120 && renewed.counter == 0, "{kind:?}");
        assert_eq!(b.read(&renewed), b"renewed");
        let answer = b.seal(b"y");
        assert_eq!(a.read(&answer), b"y");
        let frame = a.seal(b"x");
        assert!(frame.kem_ct.is_empty());
    }
    let (mut a, mut b) = talking(RatchetKind::Double);
    let mut ids = std::collections::BTreeSet::new();
    for n in 0..2500_u32 {
        let frame = a.seal(&n.to_le_bytes());
        assert!(frame.counter < 1000);
        ids.insert(frame.wrap_id.clone());
        assert_eq!(b.read(&frame), n.to_le_bytes());
    }
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_late_frame_under_an_old_wrap_key_does_not_unconfirm_the_new_one() {
    for kind in KINDS {
        let (mut a, mut b) = two(kind);
        let late = a.seal(b"late");
        a.now = UnixMs(8 * DAY);
        let renewed = a.seal(b"renewed");
        assert_eq!((b.read(&renewed), b.read(&late)), (b"renewed".to_vec(), b"late".to_vec()));
        let again = a.seal(b"again");
        assert_eq!(b.read(&again), b"again");
        let answer = b.seal(b"answer");
        assert_eq!(a.read(&answer), b"answer");
        assert!(a.seal(b"short").kem_ct.is_empty(), "{kind:?}");
    }
}

#[test]
fn frames_fit_their_steps() {
    for kind in KINDS {
        let (mut a, mut b) = two(kind);
        let inner = |len: usize| Inner { from: vec![1; len], ..Inner::default() };
        let largest = pad(inner(INNER_MAX - 10)).unwrap();
        assert_eq!(largest.len(), INNER_MAX);
        let frame = a.seal(&largest);
        assert!(codec::encode(&frame).len() <= 16 * 1024, "{kind:?}: {}", codec::encode(&frame).len());
        assert_eq!(b.read(&frame), largest);
        let answer = b.seal(b"x");
        a.read(&answer);
        for (len, step) in [(100, 256), (300, 512), (400, 1024), (1000, 2048), (3000, 4096), (8000, 8192)] {
            let frame = codec::encode(&a.seal(&pad(inner(len)).unwrap()));
            assert!(frame.len() <= step && frame.len() > step - 64, "{kind:?}: {len} bytes became {}", frame.len());
        }
    }
}

#[test]
fn the_double_is_deterministic_and_olm_is_not() {
    let run = |kind| {
        let (mut a, mut b) = talking(kind);
        (a.seal(b"x"), b.seal(b"y"), a.pair.encode())
    };
    assert_eq!(run(RatchetKind::Double), run(RatchetKind::Double));
    assert_ne!(run(RatchetKind::Olm), run(RatchetKind::Olm));
}

#[test]
fn rows_of_newer_versions_and_damaged_ones_are_refused() {
    for kind in KINDS {
        let (a, _) = talking(kind);
        for row in [a.pair.encode(), a.keys.encode()] {
            let mut newer = row.clone();
            newer[0] = 2;
            for bad in [&newer[..], &row[..row.len() / 2], &[]] {
                assert!(Pair::decode(bad).is_err() && DeviceKeys::decode(bad).is_err());
            }
        }
    }
}

/// What happens to the messages between two devices.
#[derive(Clone, Debug)]
enum Step {
    Send(bool),
    Deliver(bool, prop::sample::Index),
    Repeat(bool, prop::sample::Index),
    Drop(bool, prop::sample::Index),
    Restart(bool),
    Renew(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => any::<bool>().prop_map(Step::Send),
        5 => (any::<bool>(), index()).prop_map(|(s, i)| Step::Deliver(s, i)),
        1 => (any::<bool>(), index()).prop_map(|(s, i)| Step::Repeat(s, i)),
        1 => (any::<bool>(), index()).prop_map(|(s, i)| Step::Drop(s, i)),
        1 => any::<bool>().prop_map(Step::Restart),
        1 => any::<bool>().prop_map(Step::Renew),
    ]
}

fn run(kind: RatchetKind, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut a, mut b) = two(kind);
    // Per direction: on their way, and delivered.
    let mut flying: [Vec<(u32, SealedFrame)>; 2] = Default::default();
    let mut done: [Vec<SealedFrame>; 2] = Default::default();
    let mut n = 0;
    for step in steps {
        match step {
            Step::Send(from_a) => {
                n += 1;
                let frame = if *from_a { &mut a } else { &mut b }.seal(&u32::to_le_bytes(n));
                flying[usize::from(*from_a)].push((n, frame));
            }
            Step::Deliver(from_a, at) | Step::Drop(from_a, at) => {
                let queue = &mut flying[usize::from(*from_a)];
                if queue.is_empty() {
                    continue;
                }
                let (n, frame) = queue.remove(at.index(queue.len()));
                if matches!(step, Step::Drop(..)) {
                    continue;
                }
                let opened = if *from_a { &mut b } else { &mut a }.open(&frame);
                prop_assert_eq!(opened.map(|o| o.plaintext), Ok(n.to_le_bytes().to_vec()));
                done[usize::from(*from_a)].push(frame);
            }
            Step::Repeat(from_a, at) => {
                let queue = &done[usize::from(*from_a)];
                if !queue.is_empty() {
                    let opened = if *from_a { &mut b } else { &mut a }.open(&queue[at.index(queue.len())]);
                    prop_assert_eq!(opened, Err(OpenError::Replay));
                }
            }
            Step::Restart(side_a) => if *side_a { &mut a } else { &mut b }.restart_program(),
            Step::Renew(side_a) => if *side_a { &mut a } else { &mut b }.now.0 += 8 * DAY,
        }
    }
    Ok(())
}

proptest! {
    // At most 40 steps keep every message inside the windows: 40 overtaken ones, 5 chains, 4 wrap keys are not exceeded but
    // by the renewals, of which a case has about three.
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_arrives_opens_once(steps in proptest::collection::vec(step(), 0..40)) {
        let mut renewals = 0;
        let steps: Vec<Step> = steps.into_iter().filter(|s| {
            renewals += usize::from(matches!(s, Step::Renew(_)));
            !matches!(s, Step::Renew(_)) || renewals <= 3
        }).collect();
        run(RatchetKind::Double, &steps)?;
        run(RatchetKind::Olm, &steps)?;
    }

    #[test]
    fn arbitrary_rows_and_frames_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), counter in any::<u64>()) {
        let mut row = vec![1];
        row.extend(&bytes);
        let _ = Pair::decode(&row);
        let _ = DeviceKeys::decode(&row);
        for kind in KINDS {
            let _ = kind.first_keys(&bytes);
            let _ = kind.decode_session(&bytes);
        }
        let (_, mut b) = two(RatchetKind::Double);
        let opened = b.open(&SealedFrame { v: 1, kem_ct: bytes.clone(), wrap_id: vec![1; 8], counter, ct: bytes });
        prop_assert!(opened.is_err());
    }
}
