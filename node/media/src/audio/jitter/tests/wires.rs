//! Wires that lose, delay, reorder, double, and stand still.

use super::*;
use crate::audio::testing::{alignment, correlation};

const NEAR: Micros = 5_000;

#[test]
fn a_good_wire_costs_little_delay_and_nothing_else() {
    for frame in [480, 960] {
        let sent = packets(&speech(10.0, 1).samples, frame, 0, (65_530, u32::MAX - 1_000));
        let ideal = ideal(&sent);
        let heard = listen(&mut JitterBuffer::new().unwrap(), over(sent, frame, |_| Some(NEAR)), blocks(10), 1.0);
        assert_eq!((heard.stats.lost, heard.stats.late, heard.stats.dropped), (0, 0, 0));
        assert_eq!(heard.stats.concealed, Duration::ZERO);
        assert!(heard.delay_in(1..10) <= micros_of(frame as i64) + TOO_LONG, "{frame}: {}", heard.delay_in(1..10));
        let (_, alike) = alignment(&ideal[48_000..72_000], &heard.sound[48_000..72_000], 2_400);
        assert!(alike > 0.999, "{frame}: {alike}");
    }
}

#[test]
fn thirty_milliseconds_of_jitter_are_bridged_and_forgotten_when_they_are_over() {
    for seed in 1..=3 {
        let mut dice = Dice::new(seed);
        let sent = packets(&speech(30.0, seed).samples, 480, 0, (0, 0));
        // Thirty milliseconds either way, so that packets overtake each other, and then none.
        let sent = over(sent, 480, |at| Some(if at < 2_000 { dice.between(0.0, 60_000.0) as Micros } else { 0 } + NEAR));
        let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(30), 1.0);
        assert!(heard.gaps() < 0.01, "{}: {:?}", heard.gaps(), heard.stats);
        assert!(heard.delay_in(3..20) <= 110_000, "{}", heard.delay_in(3..20));
        assert!(heard.delay_in(25..30) <= MIN_TARGET + 2 * TOO_LONG, "{}", heard.delay_in(25..30));
        assert!(heard.steepest() < 0.25, "{}", heard.steepest());
    }
}

#[test]
fn a_wire_that_stands_still_loses_nothing() {
    let sent = packets(&speech(12.0, 4).samples, 480, 0, (0, 0));
    // Everything between 3 s and 3.3 s comes at once at 3.3 s.
    let sent = over(sent, 480, |at| Some(NEAR + (3_300_000 - sent_at(at, 480)).clamp(0, 300_000) * Micros::from(at >= 300)));
    let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(12), 1.0);
    assert_eq!((heard.stats.lost, heard.stats.dropped), (0, 0));
    assert!(heard.stats.concealed <= Duration::from_millis(70), "{:?}", heard.stats);
    assert!(heard.delay_in(9..12) <= MIN_TARGET + 2 * TOO_LONG, "{}", heard.delay_in(9..12));
}

#[test]
fn what_is_reordered_and_doubled_is_heard_once_and_in_order() {
    let sent = packets(&speech(10.0, 5).samples, 480, 0, (0, 0));
    let ideal = ideal(&sent);
    let mut all = Vec::new();
    for (at, packet) in over(sent, 480, |at| Some(if at % 7 == 3 { 15_000 } else { 0 } + NEAR)) {
        all.push((at.map(|at| at + 1_000), packet.clone()));
        all.push((at, packet));
    }
    let heard = listen(&mut JitterBuffer::new().unwrap(), all, blocks(11), 1.0);
    // The first that are overtaken come too late; then the delay suffices.
    assert!(heard.stats.received >= 995 && heard.stats.lost <= 5, "{:?}", heard.stats);
    assert_eq!(heard.stats.received + heard.stats.dropped + heard.stats.late, 2_000);
    let (_, alike) = alignment(&ideal[400_000..420_000], &heard.sound[400_000..420_000], 3_000);
    assert!(alike > 0.99, "{alike}");
}

/// One in ten packets lost, at random: what is heard, what would be heard of all of them, and how much of it was lost.
fn at_ten_percent(frame: usize, expected_percent: u8, seed: u64) -> (f32, PersonStats) {
    let original = speech(20.0, seed).samples;
    let mut dice = Dice::new(seed);
    let sent = packets(&original, frame, expected_percent, (0, 0));
    let complete = ideal(&sent);
    let lost: Vec<bool> = (0..sent.len()).map(|at| at > 200 && dice.roll() < 0.1).collect();
    let sent = over(sent, frame, |at| (!lost[at]).then_some(NEAR));
    let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(20), 1.0);
    // Compared piece by piece, each where it fits best: time is stretched a little now and then.
    let usual = samples_of(heard.stats.delay.as_micros() as Micros + NEAR) + frame - 800;
    let pieces = (20..90).step_by(4).map(|piece| {
        let from = piece * 9_600;
        let (lag, _) = alignment(&complete[from..from + 6_400], &heard.sound[from + usual..from + usual + 6_400], 1_600);
        correlation(&complete[from..from + 4_800], &heard.sound[from + usual + lag..from + usual + lag + 4_800])
    });
    (pieces.clone().sum::<f32>() / pieces.count() as f32, heard.stats)
}

#[test]
fn redundancy_brings_lost_packets_back() {
    for frame in [480, 960] {
        let (with, stats) = at_ten_percent(frame, 10, 6);
        let (without, bare) = at_ten_percent(frame, 0, 6);
        // Not in pauses, and not of packets behind which another is missing.
        assert!(stats.recovered * 2 > stats.lost, "{stats:?}");
        assert_eq!(bare.recovered, 0);
        let (damage, bare) = (1.0 - with, 1.0 - without);
        assert!(damage < bare / 2.0, "{frame}: {with} with redundancy, {without} without");
    }
}

#[test]
fn clocks_that_go_apart_are_followed_for_minutes_without_a_gap() {
    let sound = speech(120.0, 7).samples;
    let sent = packets(&sound, 480, 0, (0, 0));
    for pace in [1.0 - 300e-6, 1.0 + 300e-6] {
        let sent = over(sent.clone(), 480, |_| Some(NEAR));
        let heard = listen(&mut JitterBuffer::new().unwrap(), sent, (11_900.0 / pace) as usize, pace);
        assert_eq!(heard.stats.concealed, Duration::ZERO, "{pace}: {:?}", heard.stats);
        assert_eq!((heard.stats.lost, heard.stats.dropped), (0, 0));
        let worst = heard.delays[100..].iter().copied().max().unwrap();
        assert!(worst <= MIN_TARGET + 2 * TOO_LONG, "{pace}: {worst}");
        assert!(heard.steepest() < 0.25, "{}", heard.steepest());
    }
}

/// Words with pauses in which nothing is sent, as the gate makes them.
fn spurts(sound: &[f32], words: &[std::ops::Range<usize>]) -> Vec<(usize, VoicePacket)> {
    let mut kept = Vec::new();
    for (at, packet) in packets(sound, 480, 0, (0, 0)).into_iter().enumerate() {
        let (from, to) = (at * 480, (at + 1) * 480);
        if words.iter().any(|word| from < word.end + 960 && to + 960 > word.start) {
            let level = if words.iter().any(|word| to < word.end + 960 && to > word.start) { 20 } else { QUIETEST };
            let marker = kept.last().is_none_or(|(before, _)| before + 1 != at);
            kept.push((at, VoicePacket { sequence: kept.len() as u16, marker, level, ..packet }));
        }
    }
    kept
}

#[test]
fn silence_between_words_is_no_loss_and_keeps_its_length() {
    let spoken = speech(20.0, 8);
    let kept = spurts(&spoken.samples, &spoken.words);
    assert!(kept.len() < 1_900);
    let mut dice = Dice::new(8);
    let sent = kept.into_iter().map(|(at, packet)| (Some(sent_at(at, 480) + dice.between(0.0, 20_000.0) as Micros), packet)).collect();
    let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(20), 1.0);
    assert!(heard.gaps() < 0.01, "{:?}", heard.stats);
    assert!(heard.stats.lost <= heard.stats.late, "{:?}", heard.stats);
    for word in &spoken.words[1..] {
        let until = (word.end + 4_800).min(heard.sound.len());
        let (lag, alike) = alignment(&spoken.samples[word.start..word.end.min(until - 4_800)], &heard.sound[word.start..until], 4_000);
        assert!(alike > 0.3 && (480..4_000).contains(&lag), "a word at {}: {alike} after {lag}", word.start);
    }
}

#[test]
fn another_stream_in_the_place_of_the_first_is_heard_at_once() {
    let first = packets(&speech(5.0, 9).samples, 480, 0, (100, 100));
    let second = packets(&speech(5.0, 10).samples, 960, 0, (40_000, 3_000_000_000));
    let mut sent = over(first, 480, |_| Some(NEAR));
    sent.extend(over(second, 960, |_| Some(NEAR + 5_000_000)));
    let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(10), 1.0);
    // Missing are the one that told that it was no accident, and the last, whose time has not come.
    assert_eq!((heard.stats.received, heard.stats.dropped), (748, 1));
    assert!(heard.stats.played > Duration::from_millis(9_900), "{:?}", heard.stats);
    assert!(heard.delay_in(7..10) <= 20_000 + 2 * TOO_LONG);
}

#[test]
fn a_voice_that_breaks_off_fades_within_a_moment() {
    let sent = packets(&speech(3.0, 11).samples, 480, 0, (0, 0));
    let sent = over(sent, 480, |at| (at < 200).then_some(NEAR));
    let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(3), 1.0);
    assert_eq!(heard.stats.concealed, Duration::from_millis(60));
    assert!(heard.sound[48_000 * 2 + 4_800..].iter().all(|sample| *sample == 0.0));
    assert!(heard.steepest() < 0.25, "{}", heard.steepest());
}

#[test]
fn jitter_that_comes_all_at_once_is_met_within_a_second() {
    let mut dice = Dice::new(12);
    let sent = packets(&speech(12.0, 12).samples, 480, 0, (0, 0));
    let sent = over(sent, 480, |at| Some(if at < 500 { 0 } else { dice.between(0.0, 100_000.0) as Micros } + NEAR));
    let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(12), 1.0);
    assert!(heard.stats.lost < 50, "{:?}", heard.stats);
    assert!((90_000..=130_000).contains(&heard.delay_in(7..12)), "{}", heard.delay_in(7..12));
}

#[test]
fn a_sender_whose_clock_stood_still_is_heard_whole_from_then_on() {
    let sent = packets(&speech(12.0, 13).samples, 480, 0, (0, 0));
    // A microphone that was away for a second: its clock goes on where it stopped.
    let sent = over(sent, 480, |at| Some(NEAR + if at < 400 { 0 } else { 1_000_000 }));
    let heard = listen(&mut JitterBuffer::new().unwrap(), sent, blocks(12), 1.0);
    assert_eq!((heard.stats.lost, heard.stats.dropped), (0, 0));
    assert!(heard.stats.concealed <= Duration::from_millis(70), "{:?}", heard.stats);
    assert!(heard.delay_in(8..12) <= MIN_TARGET + 2 * TOO_LONG, "{}", heard.delay_in(8..12));
}
