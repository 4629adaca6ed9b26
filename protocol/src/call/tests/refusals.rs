//! What is not believed, and under which name it is counted.

use super::bench::Bench;
use crate::ids::CallId;
use crate::view::{CallEnd, CallPhase};
use crate::wire::call::{CallBody, CallCandidates, CallDescription, CallInvite, CallMsg, CallSound, CallWord, word};
use std::time::Duration;

const A: usize = 0;
const B: usize = 1;
/// The other device of the account of `B`.
const B2: usize = 2;

/// A call between the first two devices that goes on; the third rang.
fn talking() -> (Bench, CallId) {
    let mut b = Bench::new(5, &[1, 2, 2]);
    let id = b.call(A, B);
    b.run(200);
    b.does(B, |board, now| board.accept(now, id));
    b.run(2_000);
    assert_eq!(b.phase(A, id), Some(CallPhase::Active));
    (b, id)
}

/// The next message that one device could say to another.
fn next(b: &Bench, from: usize, to: usize, m: CallBody) -> CallMsg {
    let last = &b.last[&(from, to)];
    CallMsg { n: last.n.max(b.view(from, CallId::from_slice(&last.call).unwrap()).map_or(0, |_| last.n)) + 1, m: Some(m), ..last.clone() }
}

fn says(word: u32) -> CallBody {
    CallBody::Word(CallWord { word, why: 0 })
}

fn refused(b: &Bench, who: usize, why: &str) -> u32 {
    b.devices[who].refused.get(why).copied().unwrap_or(0)
}

/// Hands a message over with the number that the other side expects.
fn hands(b: &mut Bench, from: usize, to: usize, m: &CallBody) {
    for n in 1..200 {
        let known = refused(b, to, "call_repeated");
        let msg = CallMsg { n, ..next(b, from, to, m.clone()) };
        b.hand(from, to, msg, Duration::ZERO);
        if refused(b, to, "call_repeated") == known {
            return;
        }
    }
}

#[test]
fn another_device_hangs_up_nothing() {
    let (mut b, id) = talking();
    hands(&mut b, B2, A, &says(word::HANG_UP));
    assert_eq!((b.phase(A, id), refused(&b, A, "call_of_other_device")), (Some(CallPhase::Active), 1));
    for m in [
        CallBody::Sound(CallSound { mic: false, deafen: true }),
        CallBody::Description(CallDescription { kind: 1, round: 9, sdp: Vec::new(), fingerprint: vec![1; 32] }),
        CallBody::Candidates(CallCandidates { lines: vec!["candidate:9".into()], end: false }),
    ] {
        hands(&mut b, B2, A, &m);
    }
    assert_eq!(refused(&b, A, "call_of_other_device"), 4);
    assert!(b.view(A, id).unwrap().their_mic);
    hands(&mut b, B2, A, &says(word::DECLINE));
    assert_eq!(b.phase(A, id), Some(CallPhase::Active), "and it is too late to decline");
}

#[test]
fn a_device_that_was_never_called_says_nothing_about_it() {
    let mut b = Bench::new(5, &[1, 2, 3]);
    let id = b.call(A, B);
    b.run(200);
    let template = b.last[&(B, A)].clone();
    let stranger = b.devices[2].id.to_vec();
    b.hand(2, A, CallMsg { from: stranger, n: 1, seen: 0, m: Some(says(word::ACCEPT)), ..template }, Duration::ZERO);
    assert_eq!((b.phase(A, id), refused(&b, A, "call_of_other_device")), (Some(CallPhase::Ringing), 1));
}

#[test]
fn an_old_invitation_rings_nowhere() {
    let mut b = Bench::new(5, &[1, 2]);
    b.call(A, B);
    b.run(5);
    // It was not said yet: the engine has its moment.
    b.connect(A, B, false);
    b.run(30);
    let invite = b.last.get(&(A, B)).cloned().unwrap_or_else(|| {
        b.connect(A, B, true);
        b.last[&(A, B)].clone()
    });
    let mut fresh = Bench::new(6, &[1, 2]);
    fresh.hand(A, B, invite.clone(), Duration::from_secs(91));
    assert_eq!((fresh.devices[B].rang.len(), refused(&fresh, B, "call_stale")), (0, 1));
    fresh.hand(A, B, invite, Duration::ZERO);
    assert!(fresh.devices[B].rang.is_empty(), "and not after that either");
}

#[test]
fn what_is_over_does_not_ring_again() {
    let (mut b, id) = talking();
    let said = b.last[&(A, B)].clone();
    b.does(A, |board, now| board.hang_up(now, id));
    b.run(2_000);
    let invite = CallBody::Invite(CallInvite { lifetime_ms: 90_000, media: 1 });
    let before = refused(&b, B, "call_repeated");
    b.hand(A, B, CallMsg { n: 1, m: Some(invite), ..said }, Duration::from_secs(3));
    assert_eq!(refused(&b, B, "call_repeated"), before + 1);
    b.run(1_000);
    assert_eq!((b.phase(B, id), b.devices[B].rang_again), (None, 0));
}

#[test]
fn words_for_others_and_of_others_are_refused() {
    let (mut b, id) = talking();
    let msg = next(&b, B, A, says(word::HANG_UP));
    let other = b.devices[B2].id.to_vec();
    b.hand(B, A, CallMsg { from: other.clone(), ..msg.clone() }, Duration::ZERO);
    b.hand(B, A, CallMsg { to: other, ..msg.clone() }, Duration::ZERO);
    assert_eq!(refused(&b, A, "call_misdirected"), 2);
    b.hand(B, A, CallMsg { v: 2, ..msg.clone() }, Duration::ZERO);
    b.hand(B, A, CallMsg { call: vec![1; 15], ..msg.clone() }, Duration::ZERO);
    assert_eq!((refused(&b, A, "call_version"), refused(&b, A, "call_unfit")), (1, 1));
    b.hand(B, A, CallMsg { n: 5_000, ..msg.clone() }, Duration::ZERO);
    b.hand(B, A, CallMsg { seen: 5_000, ..msg.clone() }, Duration::ZERO);
    assert_eq!(refused(&b, A, "call_number"), 2);
    // Of a side that it is not.
    hands(&mut b, B, A, &says(word::CHOSEN));
    hands(&mut b, A, B, &says(word::ACCEPT));
    hands(&mut b, A, B, &CallBody::Invite(CallInvite { lifetime_ms: 1, media: 1 }));
    assert_eq!((refused(&b, A, "call_word_unfit"), refused(&b, B, "call_word_unfit")), (1, 2));
    hands(&mut b, B, A, &says(99));
    assert_eq!(b.phase(A, id), Some(CallPhase::Active), "a word of a newer version is passed over");
    b.hand(B, A, CallMsg { call: vec![9; 16], ..msg }, Duration::ZERO);
    assert_eq!(refused(&b, A, "call_unknown"), 1);
}

#[test]
fn floods_are_stopped_and_the_call_goes_on() {
    let (mut b, id) = talking();
    let lines = vec!["candidate:1".to_owned(); 32];
    for _ in 0..20 {
        hands(&mut b, B, A, &CallBody::Candidates(CallCandidates { lines: lines.clone(), end: false }));
    }
    assert!(refused(&b, A, "call_candidates_flood") >= 16);
    let offer = |round| CallBody::Description(CallDescription { kind: 1, round, sdp: b"x".to_vec(), fingerprint: vec![1; 32] });
    for round in 10..40 {
        hands(&mut b, B, A, &offer(round));
    }
    assert!(refused(&b, A, "call_offers_flood") >= 20);
    hands(&mut b, B, A, &offer(1));
    assert_eq!(refused(&b, A, "call_description_old"), 1);
    let answer = CallDescription { kind: 2, round: 77, sdp: b"x".to_vec(), fingerprint: vec![1; 32] };
    hands(&mut b, B, A, &CallBody::Description(answer.clone()));
    assert_eq!(refused(&b, A, "call_answer_unasked"), 1);
    hands(&mut b, B, A, &CallBody::Description(CallDescription { fingerprint: vec![1; 31], ..answer }));
    assert_eq!(refused(&b, A, "call_description_unfit"), 1);
    assert!(b.view(A, id).is_some());
}

#[test]
fn who_is_no_contact_any_more_is_in_no_call() {
    let (mut b, id) = talking();
    let account = b.devices[B].account;
    b.does(A, |board, now| {
        board.part(now, account);
        true
    });
    assert_eq!(b.end_of(A, id), Some(CallEnd::NotContact));
    assert!(b.devices[A].logs.is_empty());
}
