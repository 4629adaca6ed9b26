//! Decoded sound on its way out, which can be made a little shorter or longer without being heard.
//!
//! Whole periods of the voice are taken out or repeated where two of them look alike, and faded into each other (WSOLA: Verhelst and
//! Roelands, "An overlap-add technique based on waveform similarity", 1993). Pitch stays as it is.

use super::block::power;

/// What has been played stays in reach, in samples (30 ms): what is repeated is taken from there.
const HISTORY: usize = 1_440;
/// Played samples that may pile up before they are cleared away.
const PILE: usize = 4_096;
/// Samples that are kept in memory at most: history, pile, the longest packet behind a short rest, and what is repeated.
const CAPACITY: usize = 16_384;
/// The shortest piece that is taken out or repeated, in samples: 2.5 ms, the period of the highest voices.
const SHORTEST: usize = 120;
/// The longest, in samples: 15 ms, the period of the lowest voices.
const LONGEST: usize = 720;
/// How much of the two places is compared, in samples: 10 ms.
const COMPARED: usize = 480;
/// The search looks at means of so many samples first.
const COARSE: usize = 4;
/// How alike two places have to be (normalised correlation) if there is time to wait for a better one.
const ALIKE: f32 = 0.85;
/// How alike they have to be if there is none.
const ALIKE_ENOUGH: f32 = 0.4;
/// What is quieter may be cut anywhere: -50 dB below full scale.
const QUIET_POWER: f32 = 1e-5;

/// Samples that are enough for any change: the longest piece and what is compared behind it.
pub(super) const PLENTY: usize = LONGEST + COMPARED;

/// A queue of samples.
#[derive(Debug)]
pub(super) struct Elastic {
    samples: Vec<f32>,
    /// Where the next sample to be played is.
    read: usize,
}

impl Elastic {
    pub(super) fn new() -> Self {
        Self { samples: Vec::with_capacity(CAPACITY), read: 0 }
    }

    /// Samples that wait to be played.
    pub(super) fn len(&self) -> usize {
        self.samples.len() - self.read
    }

    /// Adds what is to be played.
    pub(super) fn push(&mut self, samples: &[f32]) {
        self.tidy();
        self.samples.extend_from_slice(samples);
    }

    /// The next samples, as many as there are.
    pub(super) fn take(&mut self, out: &mut [f32]) -> usize {
        let count = out.len().min(self.len());
        out[..count].copy_from_slice(&self.samples[self.read..self.read + count]);
        self.read += count;
        count
    }

    /// Forgets what waits; what was played stays in reach.
    pub(super) fn clear(&mut self) {
        self.samples.truncate(self.read);
    }

    /// Clears played samples away.
    fn tidy(&mut self) {
        if self.read > HISTORY + PILE {
            self.samples.drain(..self.read - HISTORY);
            self.read = HISTORY;
        }
    }

    /// Takes out one piece of at most `most` samples, and answers how long it was: 0 where no two places are alike.
    pub(super) fn shrink(&mut self, most: usize, urgent: bool) -> usize {
        let ready = self.len();
        let longest = most.min(LONGEST).min(ready.saturating_sub(SHORTEST));
        let compared = COMPARED.min(ready.saturating_sub(longest));
        let Some(piece) = self.find(self.read, longest, compared, urgent) else { return 0 };
        let fade = piece.min(ready - piece);
        for at in 0..fade {
            let new = (at + 1) as f32 / (fade + 1) as f32;
            let (leaving, coming) = (self.samples[self.read + at], self.samples[self.read + piece + at]);
            self.samples[self.read + piece + at] = leaving * (1.0 - new) + coming * new;
        }
        // What was played has to stay right before what comes next.
        self.samples.copy_within(..self.read, piece);
        self.read += piece;
        piece
    }

    /// Repeats one piece of at most `most` samples, and answers how long it was: 0 where no two places are alike.
    pub(super) fn grow(&mut self, most: usize, urgent: bool) -> usize {
        self.tidy();
        let longest = most.min(LONGEST).min(self.read).min(self.len());
        let compared = COMPARED.min(self.len());
        let Some(piece) = self.find_back(longest, compared, urgent) else { return 0 };
        let end = self.samples.len();
        self.samples.resize(end + piece, 0.0);
        self.samples.copy_within(self.read..end, self.read + piece);
        for at in 0..piece {
            let old = (at + 1) as f32 / (piece + 1) as f32;
            let (coming, repeated) = (self.samples[self.read + piece + at], self.samples[self.read + at - piece]);
            self.samples[self.read + at] = coming * (1.0 - old) + repeated * old;
        }
        piece
    }

    /// The distance at which the sound after `from` looks most like the sound there.
    fn find(&self, from: usize, longest: usize, compared: usize, urgent: bool) -> Option<usize> {
        self.best(longest, compared, urgent, |lag| (from, from + lag))
    }

    /// The distance back at which what was played looks most like what comes.
    fn find_back(&self, longest: usize, compared: usize, urgent: bool) -> Option<usize> {
        self.best(longest, compared, urgent, |lag| (self.read - lag, self.read))
    }

    fn best(&self, longest: usize, compared: usize, urgent: bool, places: impl Fn(usize) -> (usize, usize)) -> Option<usize> {
        if longest < SHORTEST || compared < SHORTEST {
            return None;
        }
        let coming = &self.samples[self.read..self.read + compared];
        if power(coming) < QUIET_POWER {
            return Some(longest);
        }
        let alike = |lag: usize, step: usize| {
            let (one, other) = places(lag);
            likeness(&self.samples[one..one + compared], &self.samples[other..other + compared], step)
        };
        let better = |best: (usize, f32), lag: usize, step: usize| {
            let found = alike(lag, step);
            if found > best.1 { (lag, found) } else { best }
        };
        let nothing = (SHORTEST, f32::NEG_INFINITY);
        let (rough, _) = (SHORTEST..=longest).step_by(COARSE).fold(nothing, |best, lag| better(best, lag, COARSE));
        let near = rough.saturating_sub(COARSE - 1).max(SHORTEST)..=(rough + COARSE - 1).min(longest);
        let (lag, found) = near.fold(nothing, |best, lag| better(best, lag, 1));
        (found >= if urgent { ALIKE_ENOUGH } else { ALIKE }).then_some(lag)
    }
}

/// Normalised correlation, of means of `step` samples: 1 for the same shape, 0 for nothing in common.
fn likeness(one: &[f32], other: &[f32], step: usize) -> f32 {
    let (mut both, mut first, mut second) = (0.0f32, 0.0f32, 0.0f32);
    for (a, b) in one.chunks_exact(step).zip(other.chunks_exact(step)) {
        let (a, b) = (a.iter().sum::<f32>(), b.iter().sum::<f32>());
        both += a * b;
        first += a * a;
        second += b * b;
    }
    both / (first * second).sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::testing::{noise, speech};

    /// Plays a sound, changing its length at each block where that is possible.
    fn stretched(sound: &[f32], mut change: impl FnMut(&mut Elastic) -> i64) -> (Vec<f32>, i64) {
        let mut queue = Elastic::new();
        let (mut out, mut changed) = (Vec::new(), 0);
        for piece in sound.chunks_exact(480) {
            queue.push(piece);
            if queue.len() >= PLENTY + 480 {
                changed += change(&mut queue);
            }
            while queue.len() >= PLENTY + 480 {
                let mut block = [0.0; 480];
                queue.take(&mut block);
                out.extend(block);
            }
        }
        (out, changed)
    }

    fn steepest(samples: &[f32]) -> f32 {
        samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    /// How often the wave goes up through zero each second.
    fn pitch(samples: &[f32]) -> f32 {
        samples.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count() as f32 * 48_000.0 / samples.len() as f32
    }

    #[test]
    fn a_tone_becomes_shorter_and_longer_at_the_same_pitch_and_without_a_click() {
        let tone: Vec<f32> = (0..96_000).map(|at| 0.5 * (at as f32 * 200.0 * std::f32::consts::TAU / 48_000.0).sin()).collect();
        let (short, removed) = stretched(&tone, |queue| -(queue.shrink(LONGEST, false) as i64));
        assert!(removed < -20_000, "{removed}");
        let (long, added) = stretched(&tone, |queue| queue.grow(LONGEST, false) as i64);
        assert!(added > 20_000, "{added}");
        for changed in [&short, &long] {
            assert!((pitch(changed) - 200.0).abs() < 4.0, "{}", pitch(changed));
            assert!(steepest(changed) < 1.2 * steepest(&tone), "{}", steepest(changed));
        }
    }

    #[test]
    fn speech_is_changed_without_steps_that_it_does_not_have() {
        let spoken = speech(10.0, 3).samples;
        for urgent in [false, true] {
            let (short, removed) = stretched(&spoken, |queue| -(queue.shrink(LONGEST, urgent) as i64));
            let (long, added) = stretched(&spoken, |queue| queue.grow(LONGEST, urgent) as i64);
            assert!(removed < -48_000 && added > 48_000, "{removed} {added}");
            assert!(steepest(&short) <= 1.3 * steepest(&spoken) && steepest(&long) <= 1.3 * steepest(&spoken));
        }
    }

    #[test]
    fn noise_is_left_alone_unless_there_is_no_time() {
        let (_, removed) = stretched(&noise(48_000, -20.0, 1), |queue| -(queue.shrink(LONGEST, false) as i64));
        assert_eq!(removed, 0);
    }

    #[test]
    fn no_more_is_taken_out_than_asked_and_nothing_where_there_is_too_little() {
        let mut queue = Elastic::new();
        assert_eq!((queue.shrink(LONGEST, true), queue.grow(LONGEST, true)), (0, 0));
        queue.push(&[0.0; 2_000]);
        assert!(queue.shrink(200, true) <= 200);
        let before = queue.len();
        assert_eq!(queue.shrink(100, true), 0);
        assert_eq!(queue.len(), before);
    }
}
