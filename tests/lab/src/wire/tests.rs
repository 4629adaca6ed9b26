//! What a wire does, frame by frame and over many.

use super::{Bursts, Conditions, LONGEST_FRAME, Wire};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn frame(number: u32) -> Vec<u8> {
    let mut frame = vec![0; LONGEST_FRAME];
    frame[14..18].copy_from_slice(&number.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[14..18].try_into().unwrap())
}

/// Puts frames in at a fixed pace and takes them out as they leave: number of the frame, when it left.
fn carry(conditions: &Conditions, seed: u64, frames: u32, pace: Duration) -> (Wire, Vec<(u32, Duration)>) {
    let mut wire = Wire::new(seed);
    wire.set(conditions.clone());
    let mut left = Vec::new();
    for n in 0..frames {
        drain(&mut wire, pace * n, &mut left);
        wire.put(pace * n, &frame(n));
    }
    drain(&mut wire, Duration::MAX, &mut left);
    (wire, left)
}

/// Takes out what leaves before a time, each at its own.
fn drain(wire: &mut Wire, end: Duration, left: &mut Vec<(u32, Duration)>) {
    while let Some(at) = wire.next_departure().filter(|at| *at < end) {
        let before = at.checked_sub(Duration::from_nanos(1));
        assert!(before.is_none_or(|before| wire.take(before).is_none()), "nothing leaves before its time");
        left.push((number(&wire.take(at).unwrap()), at));
    }
}

fn share(part: usize, of: u32) -> f64 {
    part as f64 / f64::from(of)
}

#[test]
fn a_good_wire_carries_everything_at_once_and_in_order() {
    let (wire, left) = carry(&Conditions::default(), 1, 100, MS);
    assert_eq!(left, (0..100).map(|n| (n, MS * n)).collect::<Vec<_>>());
    assert_eq!((wire.tally().came, wire.tally().left, wire.tally().lost), (100, 100, 0));
}

#[test]
fn the_same_seed_gives_the_same_departures_and_another_does_not() {
    let rough = Conditions {
        jitter: 20 * MS,
        loss: 0.1,
        bursts: Some(Bursts { enter: 0.02, leave: 0.2, loss: 0.9 }),
        dup: 0.05,
        reorder: 0.05,
        corrupt: 0.05,
        rate: Some(20_000_000),
        ..Conditions::round_trip(50 * MS)
    };
    let run = |seed| carry(&rough, seed, 2000, MS).1;
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn delay_and_jitter_stay_in_their_bounds_and_keep_the_order() {
    let (_, left) = carry(&Conditions { jitter: 30 * MS, ..Conditions::round_trip(100 * MS) }, 2, 1000, MS);
    assert!(left.is_sorted_by_key(|(n, _)| *n), "overtaken without `reorder`");
    let delays: Vec<Duration> = left.iter().map(|(n, at)| *at - MS * *n).collect();
    assert!(delays.iter().all(|delay| (50 * MS..=80 * MS).contains(delay)));
    assert!(delays.iter().any(|delay| *delay > 70 * MS));
    assert!(delays.iter().any(|delay| *delay < 79 * MS));
}

#[test]
fn loss_is_what_was_asked_for() {
    let (wire, left) = carry(&Conditions::default().losing(0.1), 3, 20_000, MS);
    assert!((0.09..0.11).contains(&(1.0 - share(left.len(), 20_000))), "{} left", left.len());
    assert_eq!(wire.tally().lost + wire.tally().left, 20_000);
    assert!(carry(&Conditions::cut(), 3, 1000, MS).1.is_empty());
}

#[test]
fn bursts_lose_their_share_in_runs() {
    let bursts = Bursts { enter: 0.02, leave: 0.2, loss: 0.9 };
    let (_, left) = carry(&Conditions { bursts: Some(bursts), ..Conditions::default() }, 4, 50_000, MS);
    let lost = 1.0 - share(left.len(), 50_000);
    // 0.02 / 0.22 * 0.9
    assert!((0.07..0.095).contains(&lost), "{lost} lost");
    let gaps: Vec<u32> = left.windows(2).map(|pair| pair[1].0 - pair[0].0 - 1).filter(|gap| *gap > 0).collect();
    let mean = f64::from(gaps.iter().sum::<u32>()) / gaps.len() as f64;
    // Independent loss of this share would leave gaps of 1.09 on average.
    assert!(mean > 2.0, "gaps of {mean} on average are no bursts");
}

#[test]
fn copies_are_made_of_a_share() {
    let (wire, left) = carry(&Conditions { dup: 0.05, ..Conditions::default() }, 5, 20_000, MS);
    assert!((0.045..0.055).contains(&(share(left.len(), 20_000) - 1.0)));
    assert_eq!(wire.tally().doubled as usize, left.len() - 20_000);
}

#[test]
fn frames_that_are_held_back_are_overtaken_and_nothing_else_is() {
    let (wire, left) = carry(&Conditions { reorder: 0.05, held: 10 * MS, ..Conditions::default() }, 6, 10_000, MS);
    assert_eq!(left.len(), 10_000);
    let overtaken = left.windows(2).filter(|pair| pair[1].0 < pair[0].0).count();
    assert!(overtaken > 300, "{overtaken} overtaken");
    assert_eq!(left.iter().filter(|(n, at)| *at != MS * *n).count(), wire.tally().held as usize);
}

#[test]
fn one_bit_behind_the_header_is_turned_over() {
    let mut wire = Wire::new(7);
    wire.set(Conditions { corrupt: 1.0, ..Conditions::default() });
    for _ in 0..500 {
        wire.put(Duration::ZERO, &[0; 60]);
        let frame = wire.take(Duration::ZERO).unwrap();
        assert_eq!(frame.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        assert!(frame[..14].iter().all(|byte| *byte == 0));
    }
    wire.put(Duration::ZERO, &[0; 14]);
    assert_eq!(wire.take(Duration::ZERO).unwrap(), [0; 14], "a frame without content cannot be damaged");
    assert_eq!(wire.tally().damaged, 500);
}

#[test]
fn the_rate_is_kept_and_what_finds_no_room_is_lost() {
    // 12 Mbit/s carries a full frame in about a millisecond; four come in that time.
    let slow = Conditions { rate: Some(12_000_000), queue: 100 * LONGEST_FRAME, ..Conditions::default() };
    let (wire, left) = carry(&slow, 8, 4000, MS / 4);
    let (_, last) = left.last().unwrap();
    let rate = left.len() as f64 * LONGEST_FRAME as f64 * 8.0 / last.as_secs_f64();
    assert!((11_900_000.0..12_100_000.0).contains(&rate), "{rate} bit/s");
    assert!(wire.tally().lost > 2500, "{:?}", wire.tally());
    let longest = left.iter().map(|(n, at)| *at - MS / 4 * *n).max().unwrap();
    assert!(longest <= 102 * MS, "{longest:?} in a queue of 100 ms");
    assert!(longest > 95 * MS, "{longest:?}: the queue was never full");
}

#[test]
fn changed_conditions_are_for_frames_that_come_afterwards() {
    let mut wire = Wire::new(9);
    wire.set(Conditions::round_trip(400 * MS));
    wire.put(Duration::ZERO, &frame(1));
    wire.set(Conditions::cut());
    wire.put(MS, &frame(2));
    wire.set(Conditions::default());
    wire.put(2 * MS, &frame(3));
    assert_eq!(wire.take(2 * MS).as_deref().map(number), Some(3), "what is quick is not held up by what was slow");
    assert_eq!(wire.take(199 * MS), None);
    assert_eq!(wire.take(200 * MS).as_deref().map(number), Some(1), "what was under way when the wire was cut");
    assert_eq!(wire.next_departure(), None);
}

#[test]
fn memory_is_bounded() {
    let mut wire = Wire::new(10);
    wire.set(Conditions::round_trip(Duration::from_secs(3600)));
    for n in 0..20_000 {
        wire.put(Duration::ZERO, &frame(n)[..20]);
    }
    assert_eq!(wire.under_way.len(), super::UNDER_WAY);
    assert_eq!(wire.tally().lost as usize, 20_000 - super::UNDER_WAY);
}
