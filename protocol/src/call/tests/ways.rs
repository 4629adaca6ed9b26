//! The ways that a call can go, each by itself.

use super::bench::Bench;
use crate::call::Rings;
use crate::view::{CallEnd, CallOutcome, CallPhase};

const A: usize = 0;
const B: usize = 1;
/// The other device of the account of `B`.
const B2: usize = 2;

fn two() -> Bench {
    Bench::new(1, &[1, 2])
}

fn three() -> Bench {
    Bench::new(1, &[1, 2, 2])
}

#[test]
fn a_call_rings_is_taken_and_hung_up() {
    let mut b = two();
    let id = b.call(A, B);
    assert_eq!(b.phase(A, id), Some(CallPhase::Calling));
    b.run(200);
    assert_eq!((b.phase(A, id), b.phase(B, id)), (Some(CallPhase::Ringing), Some(CallPhase::Incoming)));
    assert_eq!(b.devices[B].engine.open_legs(), 0, "for a call that rings, nothing is open");
    assert!(b.does(B, |board, now| board.accept(now, id)));
    b.run(500);
    assert_eq!((b.phase(A, id), b.phase(B, id)), (Some(CallPhase::Active), Some(CallPhase::Active)));
    let (a, other) = (b.view(A, id).unwrap(), b.view(B, id).unwrap());
    assert!(a.words.len() == 4 && a.words == other.words, "both see the same emoji");
    b.run(61_000);
    assert!(b.does(B, |board, now| board.hang_up(now, id)));
    b.run(1_000);
    assert_eq!((b.end_of(A, id), b.end_of(B, id)), (Some(CallEnd::HungUp), Some(CallEnd::HungUp)));
    let (record, outcome) = b.devices[A].logs[0];
    assert_eq!(outcome, CallOutcome::Talked);
    assert!((61_000..62_000).contains(&record.talked_ms.unwrap()), "{record:?}");
    assert!(b.devices[B].logs.is_empty(), "only the caller writes it down");
    b.engines_were_treated_well();
}

#[test]
fn declining_is_not_hanging_up() {
    let mut b = three();
    let id = b.call(A, B);
    b.run(200);
    b.does(B, |board, now| board.decline(now, id));
    b.run(500);
    assert_eq!(b.end_of(A, id), Some(CallEnd::Declined));
    assert_eq!(b.end_of(B2, id), Some(CallEnd::DeclinedElsewhere));
    assert_eq!(b.devices[A].logs[0].1, CallOutcome::Declined);
}

#[test]
fn the_first_device_that_takes_it_has_it() {
    let mut b = three();
    let id = b.call(A, B);
    b.run(200);
    assert_eq!(b.phase(B2, id), Some(CallPhase::Incoming));
    b.does(B, |board, now| board.accept(now, id));
    b.does(B2, |board, now| board.accept(now, id));
    b.run(1_000);
    let have: Vec<usize> = [B, B2].into_iter().filter(|n| b.phase(*n, id) == Some(CallPhase::Active)).collect();
    assert_eq!(have.len(), 1);
    let other = if have[0] == B { B2 } else { B };
    assert_eq!(b.end_of(other, id), Some(CallEnd::AnsweredElsewhere));
    b.does(other, |board, now| board.hang_up(now, id));
    b.run(1_000);
    assert_eq!(b.phase(A, id), Some(CallPhase::Active), "who has no call ends none");
    b.engines_were_treated_well();
}

#[test]
fn nobody_answers() {
    let mut b = two();
    let id = b.call(A, B);
    b.run(59_000);
    assert_eq!(b.phase(B, id), Some(CallPhase::Incoming));
    b.run(2_000);
    assert_eq!((b.end_of(A, id), b.end_of(B, id)), (Some(CallEnd::NoAnswer), Some(CallEnd::Cancelled)));
    assert_eq!(b.devices[A].logs[0].1, CallOutcome::Missed);
}

#[test]
fn the_caller_gives_up_and_nothing_rings_any_more() {
    let mut b = two();
    let id = b.call(A, B);
    b.run(200);
    b.does(A, |board, now| board.hang_up(now, id));
    b.run(100);
    assert_eq!((b.end_of(A, id), b.end_of(B, id)), (Some(CallEnd::Cancelled), Some(CallEnd::Cancelled)));
}

#[test]
fn both_call_at_once_and_are_in_one_call() {
    for seed in 0..20 {
        let mut b = Bench::new(seed, &[1, 2]);
        // As on a connection: in order.
        b.weather.late = 0;
        let (one, two) = (b.call(A, B), b.call(B, A));
        b.run(2_000);
        let (lower, higher) = (one.min(two), one.max(two));
        assert_eq!((b.phase(A, lower), b.phase(B, lower)), (Some(CallPhase::Active), Some(CallPhase::Active)));
        let loser = if higher == one { A } else { B };
        assert_eq!(b.end_of(loser, higher), Some(CallEnd::Merged));
        assert!(b.devices.iter().all(|d| d.logs.is_empty() && d.rang.is_empty()), "it did not ring, and nothing was missed");
        b.does(A, |board, now| board.hang_up(now, lower));
        b.run(1_000);
        assert_eq!(b.devices.iter().map(|d| d.logs.len()).sum::<usize>(), 1);
        b.engines_were_treated_well();
    }
}

#[test]
fn who_does_not_want_to_be_disturbed_is_not_and_nobody_is_told() {
    let mut b = two();
    b.devices[B].rings = Rings::No;
    let id = b.call(A, B);
    b.run(30_000);
    assert_eq!((b.phase(A, id), b.phase(B, id)), (Some(CallPhase::Calling), None));
    assert!(b.devices[B].rang.is_empty());
    b.run(31_000);
    assert_eq!(b.end_of(A, id), Some(CallEnd::NoAnswer));
    assert_eq!(b.devices[A].logs[0].1, CallOutcome::Missed);
}

#[test]
fn whom_nobody_sees_rings_and_is_not_seen() {
    let mut b = two();
    b.devices[B].rings = Rings::Unsaid;
    let id = b.call(A, B);
    b.run(1_000);
    assert_eq!((b.phase(A, id), b.phase(B, id)), (Some(CallPhase::Calling), Some(CallPhase::Incoming)));
    b.does(B, |board, now| board.accept(now, id));
    b.run(1_000);
    assert_eq!(b.phase(A, id), Some(CallPhase::Active));
}

#[test]
fn a_second_call_is_shown_and_taking_it_ends_the_first() {
    let mut b = Bench::new(3, &[1, 2, 3]);
    let first = b.call(A, B);
    b.run(100);
    b.does(B, |board, now| board.accept(now, first));
    b.run(1_000);
    let second = b.call(2, B);
    b.run(1_000);
    assert_eq!((b.phase(B, first), b.phase(B, second)), (Some(CallPhase::Active), Some(CallPhase::Incoming)));
    b.does(B, |board, now| board.accept(now, second));
    b.run(1_000);
    assert_eq!((b.end_of(A, first), b.phase(2, second)), (Some(CallEnd::HungUp), Some(CallPhase::Active)));
    b.engines_were_treated_well();
}

#[test]
fn a_fifth_call_at_once_is_told_that_it_is_busy() {
    let mut b = Bench::new(3, &[1, 2, 3, 4, 5, 6]);
    let calls: Vec<_> = [0, 2, 3, 4, 5].map(|n| (n, b.call(n, B))).into();
    b.run(1_000);
    let busy: Vec<_> = calls.iter().filter(|(n, id)| b.end_of(*n, *id) == Some(CallEnd::Busy)).collect();
    assert_eq!(busy.len(), 1);
    assert_eq!(b.devices[B].board.views().len(), 4);
}

#[test]
fn nobody_hears_of_a_call_from_a_program_without_sound() {
    let mut b = two();
    b.devices[A].engine.missing = true;
    let id = b.call(A, B);
    b.run(1_000);
    assert_eq!(b.end_of(A, id), Some(CallEnd::NoEngine));
    assert!(b.devices[B].rang.is_empty() && b.devices[A].logs.is_empty());
}

#[test]
fn where_there_is_no_sound_another_device_may_still_take_the_call() {
    let mut b = three();
    b.devices[B].engine.missing = true;
    let id = b.call(A, B);
    b.run(200);
    b.does(B, |board, now| board.accept(now, id));
    b.run(1_000);
    assert_eq!(b.end_of(B, id), Some(CallEnd::NoEngine));
    assert_eq!(b.phase(B2, id), Some(CallPhase::Incoming), "nobody has taken it");
    b.does(B2, |board, now| board.accept(now, id));
    b.run(1_000);
    assert_eq!(b.phase(A, id), Some(CallPhase::Active));
}

#[test]
fn silence_is_mended_by_looking_for_another_way() {
    let mut b = two();
    let id = b.call(A, B);
    b.run(100);
    b.does(B, |board, now| board.accept(now, id));
    b.run(1_000);
    b.sound(A, B, false);
    b.run(100);
    assert_eq!((b.phase(A, id), b.phase(B, id)), (Some(CallPhase::Reconnecting), Some(CallPhase::Reconnecting)));
    b.run(12_000);
    b.sound(A, B, true);
    b.run(10_000);
    assert_eq!((b.phase(A, id), b.phase(B, id)), (Some(CallPhase::Active), Some(CallPhase::Active)));
    b.sound(A, B, false);
    b.run(31_000);
    assert_eq!(b.end_of(A, id), Some(CallEnd::Lost));
    b.engines_were_treated_well();
}

#[test]
fn a_call_without_any_way_for_the_sound_ends() {
    let mut b = two();
    b.sound(A, B, false);
    let id = b.call(A, B);
    b.run(100);
    b.does(B, |board, now| board.accept(now, id));
    b.run(21_000);
    assert_eq!((b.end_of(A, id), b.end_of(B, id)), (Some(CallEnd::NoWay), Some(CallEnd::NoWay)));
    assert_eq!(b.devices[A].logs[0].1, CallOutcome::Failed);
}

#[test]
fn a_device_that_comes_while_it_rings_rings_too() {
    let mut b = two();
    b.connect(A, B, false);
    let id = b.call(A, B);
    b.run(5_000);
    assert_eq!(b.phase(A, id), Some(CallPhase::Calling));
    b.connect(A, B, true);
    b.run(1_000);
    assert_eq!(b.phase(B, id), Some(CallPhase::Incoming));
}

#[test]
fn who_is_nowhere_is_not_waited_for() {
    let mut b = two();
    b.connect(A, B, false);
    let id = b.call(A, B);
    b.run(11_000);
    assert_eq!(b.end_of(A, id), None);
    b.run(2_000);
    assert_eq!(b.end_of(A, id), Some(CallEnd::Unreachable));
    let id = b.call(A, B);
    b.run(100);
    let account = b.devices[B].account;
    b.does(A, |board, now| {
        board.unreachable(now, account);
        true
    });
    assert_eq!(b.end_of(A, id), Some(CallEnd::Unreachable), "at once where every address failed");
    assert!(b.devices[A].logs.iter().all(|(_, outcome)| *outcome == CallOutcome::Missed));
}

#[test]
fn a_hang_up_into_a_broken_connection_arrives_with_the_next() {
    let mut b = two();
    let id = b.call(A, B);
    b.run(100);
    b.does(B, |board, now| board.accept(now, id));
    b.run(1_000);
    b.connect(A, B, false);
    b.does(A, |board, now| board.hang_up(now, id));
    // The engine of one end is closed, and the other hears nothing any more.
    b.run(5_000);
    assert_eq!(b.phase(B, id), Some(CallPhase::Reconnecting));
    b.connect(A, B, true);
    b.run(500);
    assert_eq!(b.end_of(B, id), Some(CallEnd::HungUp));
}

#[test]
fn a_program_that_was_started_anew_says_that_it_knows_of_no_call() {
    for who in [A, B] {
        let mut b = two();
        let id = b.call(A, B);
        b.run(100);
        b.does(B, |board, now| board.accept(now, id));
        b.run(1_000);
        b.restart(who);
        b.run(2_000);
        assert_eq!(b.end_of(1 - who, id), Some(CallEnd::Lost), "well before silence says it");
    }
}

#[test]
fn both_offer_at_once_and_one_gives_way() {
    use crate::call::media::LegId;
    for seed in 0..30 {
        let mut b = Bench::new(seed, &[1, 2]);
        b.weather.late = 300;
        let id = b.call(A, B);
        b.run(2_000);
        b.does(B, |board, now| board.accept(now, id));
        b.run(5_000);
        for _ in 0..4 {
            for who in [A, B] {
                b.devices[who].engine.offers_by_itself(LegId(1), who);
            }
            b.run(b.at % 400);
        }
        b.run(5_000);
        assert_eq!((b.phase(A, id), b.phase(B, id)), (Some(CallPhase::Active), Some(CallPhase::Active)), "seed {seed}");
        b.engines_were_treated_well();
    }
}

#[test]
fn what_one_lets_through_the_other_knows() {
    let mut b = two();
    let id = b.call(A, B);
    b.does(A, |board, now| board.set(now, id, Some(false), None));
    b.run(100);
    b.does(B, |board, now| board.set(now, id, None, Some(true)));
    b.does(B, |board, now| board.accept(now, id));
    b.run(1_000);
    let (of_a, of_b) = (b.view(A, id).unwrap(), b.view(B, id).unwrap());
    assert!(!of_b.their_mic && of_a.their_deafen, "also what was set while it rang");
    assert_eq!((b.devices[A].engine.mic(), b.devices[B].engine.mic()), (Some(false), Some(true)));
    b.does(A, |board, now| board.set(now, id, Some(true), None));
    b.run(1_000);
    assert!(b.view(B, id).unwrap().their_mic);
}
