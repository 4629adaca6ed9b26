//! Two people, one of them with two devices, who do anything at any time, over a network that does anything: what must hold.

use super::bench::{Bench, Weather};
use crate::ids::CallId;
use crate::view::CallPhase;

/// Seeds of the test; each is a story of some minutes.
const SEEDS: u64 = 1_500;

/// Somebody does something.
fn act(b: &mut Bench) {
    let who = usize::try_from(b.chance.below(3)).unwrap();
    let calls: Vec<CallId> = b.devices[who].board.views().iter().map(|v| v.call_id).collect();
    let some = calls.get(usize::try_from(b.chance.below(4)).unwrap()).copied();
    match b.chance.below(10) {
        0 | 1 => {
            let to = if who == 0 { 1 } else { 0 };
            if !b.devices[who].board.is_joined() {
                b.call(who, to);
            }
        }
        2..=7 => {
            let Some(id) = some else { return };
            let (what, mic, deafen) = (b.chance.below(6), b.chance.percent(50), b.chance.percent(50));
            b.does(who, |board, now| match what {
                0..=2 => board.accept(now, id),
                3 => board.decline(now, id),
                4 => board.hang_up(now, id),
                _ => board.set(now, id, Some(mic), Some(deafen)),
            });
        }
        8 => {
            let (other, up) = (if who == 0 { 2 } else { 0 }, b.chance.percent(60));
            b.connect(who, other, up);
        }
        _ => {
            let passes = b.chance.percent(60);
            b.sound(0, who.max(1), passes);
        }
    }
}

fn active(b: &Bench, who: usize) -> Vec<CallId> {
    b.devices[who].board.views().iter().filter(|v| v.phase == CallPhase::Active).map(|v| v.call_id).collect()
}

/// In one call at most, at any moment.
fn holds_always(b: &Bench) {
    for (n, device) in b.devices.iter().enumerate() {
        let joined = device.board.views().iter().filter(|v| v.phase != CallPhase::Incoming).count();
        assert!(joined <= 1, "device {n} is in {joined} calls");
        assert_eq!(device.rang_again, 0, "device {n} rang again");
        assert!(device.over.keys().all(|id| device.board.view(*id).is_none()), "device {n} has what is over");
    }
}

#[test]
fn whatever_happens_both_ends_agree_in_the_end() {
    for seed in 0..SEEDS {
        let mut b = Bench::new(seed, &[1, 2, 2]);
        b.weather = match seed % 4 {
            0 => Weather { late: 50, ..Weather::default() },
            1 => Weather { lost: 10, twice: 10, late: 400 },
            2 => Weather { lost: 30, twice: 20, late: 2_000 },
            _ => Weather { lost: 0, twice: 50, late: 3_000 },
        };
        for _ in 0..40 {
            act(&mut b);
            let most = if b.chance.percent(20) { 20_000 } else { 1_500 };
            let pause = b.chance.below(most);
            b.run(pause);
            holds_always(&b);
        }
        // Good weather again, and nobody touches anything: what only rings or looks for a way has an end.
        b.weather = Weather { late: 20, ..Weather::default() };
        for other in [1, 2] {
            b.sound(0, other, true);
            b.connect(0, other, true);
        }
        b.run(100_000);
        holds_always(&b);
        b.engines_were_treated_well();
        let of_a = active(&b, 0);
        let of_b: Vec<CallId> = [1, 2].into_iter().flat_map(|n| active(&b, n)).collect();
        assert_eq!(of_a, of_b, "seed {seed}: both ends are in the same call");
        for (n, device) in b.devices.iter().enumerate() {
            let rest: Vec<_> = device.board.views().into_iter().filter(|v| v.phase != CallPhase::Active).collect();
            assert!(rest.is_empty(), "seed {seed}: device {n} still has {rest:?}");
        }
        for id in of_a {
            let a = b.view(0, id).unwrap();
            let other = b.find(a.device_id.unwrap());
            let theirs = b.view(other, id).unwrap();
            assert_eq!((a.mic, a.deafen), (theirs.their_mic, theirs.their_deafen), "seed {seed}");
            assert_eq!((a.their_mic, a.their_deafen), (theirs.mic, theirs.deafen), "seed {seed}");
            assert_eq!(a.words, theirs.words, "seed {seed}");
            b.does(0, |board, now| board.hang_up(now, id));
        }
        b.run(5_000);
        assert!(b.devices.iter().all(|d| d.board.views().is_empty()), "seed {seed}: hanging up ends it");
        // Each call that anybody was told of was written down once, by its caller.
        let mut logged: Vec<CallId> = b.devices.iter().flat_map(|d| d.logs.iter().map(|(record, _)| record.call)).collect();
        let count = logged.len();
        logged.sort_unstable();
        logged.dedup();
        assert_eq!(logged.len(), count, "seed {seed}: written down twice");
    }
}

/// The cast of stories in which calls happen: without it the test above could pass by doing nothing.
#[test]
fn these_stories_have_calls_of_every_kind_in_them() {
    use std::collections::BTreeSet;
    let mut ends = BTreeSet::new();
    let mut talked = 0;
    for seed in 0..80 {
        let mut b = Bench::new(seed, &[1, 2, 2]);
        for _ in 0..60 {
            act(&mut b);
            let pause = b.chance.below(2_000);
            b.run(pause);
            talked += active(&b, 0).len();
        }
        ends.extend(b.devices.iter().flat_map(|d| d.over.values().copied()));
    }
    assert!(talked > 100, "{talked}");
    assert!(ends.len() >= 9, "{ends:?}");
}
