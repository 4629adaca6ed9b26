//! Two sides of a hello find each other; nobody else finds anything.

use super::*;

struct Pair {
    dialler: HelloKeys,
    listener: HelloKeys,
}

fn transcript(a: &Ephemeral, b: &Ephemeral) -> Transcript {
    Transcript {
        dialler: PeerKey([1; 32]),
        listener: PeerKey([2; 32]),
        dialler_nonce: [3; 32],
        listener_nonce: [4; 32],
        dialler_eph: a.public(),
        listener_eph: b.public(),
    }
}

fn pair(dialler_key: [u8; 32], listener_key: [u8; 32]) -> Pair {
    let (a, b) = (Ephemeral::from_random([5; 32]), Ephemeral::from_random([6; 32]));
    let t = transcript(&a, &b);
    Pair {
        dialler: HelloKeys::new(&dialler_key, &a.agree(&b.public()).unwrap(), t.clone()),
        listener: HelloKeys::new(&listener_key, &b.agree(&a.public()).unwrap(), t),
    }
}

#[test]
fn each_side_opens_the_others_proof_and_not_its_own_role() {
    let Pair { dialler, listener } = pair([9; 32], [9; 32]);
    let proof = dialler.seal_proof(Side::Dialler, b"I am Anna");
    assert_eq!(listener.open_proof(Side::Dialler, &proof).unwrap(), b"I am Anna");
    assert_eq!(listener.open_proof(Side::Listener, &proof), Err(BadSeal), "a proof reflected to its maker must not open");
    assert_ne!(dialler.transcript_to_sign(Side::Dialler), dialler.transcript_to_sign(Side::Listener));
}

#[test]
fn a_second_proof_uses_another_nonce() {
    let Pair { dialler, listener } = pair([9; 32], [9; 32]);
    let (one, two) = (dialler.seal_proof(Side::Dialler, b"at noon"), dialler.seal_proof(Side::Dialler, b"at five"));
    assert_ne!(one[..8], two[..8]);
    assert_eq!(listener.open_proof(Side::Dialler, &two).unwrap(), b"at five");
    assert_eq!(listener.open_proof(Side::Dialler, &one[..7]), Err(BadSeal));
}

#[test]
fn another_pair_key_or_agreement_opens_nothing() {
    let Pair { dialler, listener } = pair([9; 32], [8; 32]);
    assert!(listener.open_proof(Side::Dialler, &dialler.seal_proof(Side::Dialler, b"x")).is_err());
    let (a, b, c) = (Ephemeral::from_random([5; 32]), Ephemeral::from_random([6; 32]), Ephemeral::from_random([7; 32]));
    let t = transcript(&a, &b);
    let eavesdropper = HelloKeys::new(&[9; 32], &c.agree(&b.public()).unwrap(), t);
    assert!(eavesdropper.open_proof(Side::Dialler, &dialler.seal_proof(Side::Dialler, b"x")).is_err());
}

#[test]
fn tags_differ_by_role_key_and_every_part_of_the_transcript() {
    let (a, b) = (Ephemeral::from_random([5; 32]), Ephemeral::from_random([6; 32]));
    let t = transcript(&a, &b);
    let reference = tag(&[9; 32], Side::Dialler, &t);
    assert_ne!(reference, tag(&[9; 32], Side::Listener, &t));
    assert_ne!(reference, tag(&[8; 32], Side::Dialler, &t));
    let changed = [
        Transcript { dialler: PeerKey([0; 32]), ..t.clone() },
        Transcript { listener: PeerKey([0; 32]), ..t.clone() },
        Transcript { dialler_nonce: [0; 32], ..t.clone() },
        Transcript { listener_nonce: [0; 32], ..t.clone() },
        Transcript { dialler_eph: [0; 32], ..t.clone() },
        Transcript { listener_eph: [0; 32], ..t.clone() },
    ];
    for other in changed {
        assert_ne!(reference, tag(&[9; 32], Side::Dialler, &other), "{other:?}");
    }
}

#[test]
fn streams_open_in_order_only() {
    let Pair { dialler, listener } = pair([9; 32], [9; 32]);
    let (mine, theirs) = (dialler.into_link(Side::Dialler), listener.into_link(Side::Listener));
    let mut seal = mine.sealer(Proto::Dm);
    let (first, second) = (seal.seal(b"one"), seal.seal(b"two"));
    let mut open = theirs.opener(Proto::Dm);
    assert_eq!(open.open(&second), Err(BadSeal));
    assert_eq!(open.open(&first).unwrap(), b"one");
    assert_eq!(open.open(&first), Err(BadSeal), "a repeated frame must not open");
    assert_eq!(open.open(&second).unwrap(), b"two");
}

#[test]
fn protocols_and_directions_have_keys_of_their_own() {
    let Pair { dialler, listener } = pair([9; 32], [9; 32]);
    let (mine, theirs) = (dialler.into_link(Side::Dialler), listener.into_link(Side::Listener));
    let frame = mine.sealer(Proto::Dm).seal(b"x");
    assert!(theirs.opener(Proto::Sync).open(&frame).is_err());
    assert!(mine.opener(Proto::Dm).open(&frame).is_err());
    assert_eq!(theirs.opener(Proto::Dm).open(&frame).unwrap(), b"x");
}

#[test]
fn a_key_of_small_order_is_refused() {
    assert_eq!(Ephemeral::from_random([5; 32]).agree(&[0; 32]).err(), Some(WeakKey));
}
