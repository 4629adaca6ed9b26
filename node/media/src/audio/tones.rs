//! The sounds that the program makes itself: ringing, and short chimes. Computed, so that there are no sound files to carry.

use std::f32::consts::TAU;

use super::block::{BLOCK, Block};
use super::config::{Chime, Ringing};
use crate::packet::SAMPLE_RATE;

/// Amplitude of the loudest note: clearly heard beside a voice, and no fright in headphones.
const LOUDNESS: f32 = 0.22;
/// How long a note takes to begin and, at its end, to cease, in samples (5 ms): what begins at once clicks.
const EDGE: f32 = 240.0;
/// Chimes that sound at once; one more takes the place of the oldest.
const MAX_CHIMES: usize = 4;

/// One note of a pattern.
#[derive(Clone, Copy, Debug)]
struct Note {
    /// When it begins, in milliseconds from the beginning of the pattern.
    from_ms: u32,
    /// How long it sounds, in milliseconds.
    for_ms: u32,
    hertz: f32,
    /// Decays like a struck bar by this factor in a second; 1 stays as it is.
    decay: f32,
}

/// Notes, and after how long they begin again.
#[derive(Debug)]
struct Pattern {
    notes: &'static [Note],
    /// In milliseconds. A chime is over then.
    length_ms: u32,
}

const fn bell(from_ms: u32, for_ms: u32, hertz: f32) -> Note {
    Note { from_ms, for_ms, hertz, decay: 0.004 }
}

/// Two rising calls and a rest: E5, B5, E6.
static INCOMING: Pattern = Pattern {
    notes: &[
        bell(0, 400, 659.26),
        bell(150, 400, 987.77),
        bell(300, 600, 1318.51),
        bell(1_000, 400, 659.26),
        bell(1_150, 400, 987.77),
        bell(1_300, 600, 1318.51),
    ],
    length_ms: 3_000,
};
/// The tone that telephones in most of Europe give (ETSI TR 101 041-2): a second of 425 Hz, four of silence.
static OUTGOING: Pattern = Pattern { notes: &[Note { from_ms: 0, for_ms: 1_000, hertz: 425.0, decay: 1.0 }], length_ms: 5_000 };
static JOINED: Pattern = Pattern { notes: &[bell(0, 300, 523.25), bell(110, 450, 783.99)], length_ms: 600 };
static LEFT: Pattern = Pattern { notes: &[bell(0, 300, 783.99), bell(110, 450, 523.25)], length_ms: 600 };
static HUNG_UP: Pattern = Pattern { notes: &[bell(0, 250, 587.33), bell(140, 250, 440.0), bell(280, 450, 349.23)], length_ms: 800 };

const fn samples(ms: u32) -> u32 {
    ms * (SAMPLE_RATE / 1_000)
}

impl Pattern {
    /// The sample at this place of the pattern.
    fn at(&self, place: u32) -> f32 {
        self.notes.iter().map(|note| note.at(place)).sum::<f32>() * LOUDNESS
    }
}

impl Note {
    fn at(&self, place: u32) -> f32 {
        let (from, length) = (samples(self.from_ms), samples(self.for_ms));
        if place < from || place >= from + length {
            return 0.0;
        }
        let since = (place - from) as f32;
        let left = length as f32 - since;
        let edges = (since / EDGE).min(1.0) * (left / EDGE).min(1.0);
        let seconds = since / SAMPLE_RATE as f32;
        let turn = (seconds * self.hertz).fract();
        // A little of the octave makes it less of a measuring instrument.
        let wave = 0.85 * (turn * TAU).sin() + 0.15 * (2.0 * turn * TAU).sin();
        wave * edges * self.decay.powf(seconds)
    }
}

/// Plays what [`Controls`](super::controls::Controls) ask for.
#[derive(Debug)]
pub(super) struct Tones {
    ringing: Option<Ringing>,
    ring_at: u32,
    /// Chimes that were asked for before.
    known_chimes: u64,
    chimes: [Option<(&'static Pattern, u32)>; MAX_CHIMES],
}

impl Tones {
    /// `chimes` were asked for already and are not played.
    pub(super) fn new(chimes: u64) -> Self {
        Self { ringing: None, ring_at: 0, known_chimes: chimes, chimes: [None; MAX_CHIMES] }
    }

    /// Whether there is something to hear now or soon, if so many chimes were asked for.
    pub(super) fn sounds(&self, chimes: u64) -> bool {
        self.known_chimes != chimes || self.ringing.is_some() || self.chimes.iter().any(Option::is_some)
    }

    /// Adds the next 10 ms to `out`. `chime` is the last chime that was asked for and how many there were so far.
    pub(super) fn add(&mut self, ringing: Option<Ringing>, chime: (Chime, u64), out: &mut Block) {
        if chime.1 != self.known_chimes {
            self.known_chimes = chime.1;
            self.begin(chime.0);
        }
        self.add_ringing(ringing, out);
        for slot in &mut self.chimes {
            let Some((pattern, at)) = slot else { continue };
            for sample in out.iter_mut() {
                *sample += pattern.at(*at);
                *at += 1;
            }
            if *at >= samples(pattern.length_ms) {
                *slot = None;
            }
        }
    }

    fn begin(&mut self, chime: Chime) {
        let pattern = match chime {
            Chime::Joined => &JOINED,
            Chime::Left => &LEFT,
            Chime::HungUp => &HUNG_UP,
        };
        self.chimes.rotate_right(1);
        self.chimes[0] = Some((pattern, 0));
    }

    fn add_ringing(&mut self, wanted: Option<Ringing>, out: &mut Block) {
        if let Some(ringing) = self.ringing {
            let pattern = match ringing {
                Ringing::Incoming => &INCOMING,
                Ringing::Outgoing => &OUTGOING,
            };
            let ends = wanted != Some(ringing);
            for (left, sample) in (0..BLOCK).rev().zip(out.iter_mut()) {
                let fade = if ends { left as f32 / BLOCK as f32 } else { 1.0 };
                *sample += pattern.at(self.ring_at) * fade;
                self.ring_at = (self.ring_at + 1) % samples(pattern.length_ms);
            }
        }
        if wanted != self.ringing {
            self.ringing = wanted;
            self.ring_at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::block::level_db;

    fn play(tones: &mut Tones, ringing: Option<Ringing>, chime: (Chime, u64), blocks: usize) -> Vec<f32> {
        let mut all = Vec::new();
        for _ in 0..blocks {
            let mut out = [0.0; BLOCK];
            tones.add(ringing, chime, &mut out);
            all.extend(out);
        }
        all
    }

    /// The steepest that two full notes of the patterns can be.
    fn clicks(samples: &[f32]) -> bool {
        samples.windows(2).any(|pair| (pair[1] - pair[0]).abs() > 0.12)
    }

    #[test]
    fn ringing_goes_on_until_it_is_ended_and_never_clicks() {
        for ringing in [Ringing::Incoming, Ringing::Outgoing] {
            let mut tones = Tones::new(0);
            let sound = play(&mut tones, Some(ringing), (Chime::Joined, 0), 1_030);
            let loud = |from: usize| level_db(&sound[from * 48_000..(from + 1) * 48_000]) > -40.0;
            assert!(loud(0) && (5..7).any(loud), "{ringing:?}");
            let end = play(&mut tones, None, (Chime::Joined, 0), 1);
            let after = play(&mut tones, None, (Chime::Joined, 0), 10);
            assert!(after.iter().all(|sample| *sample == 0.0));
            assert!(!clicks(&[sound, end, after].concat()), "{ringing:?}");
            assert!(!tones.sounds(0));
        }
    }

    #[test]
    fn a_chime_is_heard_once_each_time_it_is_asked_for() {
        for chime in [Chime::Joined, Chime::Left, Chime::HungUp] {
            let mut tones = Tones::new(7);
            assert!(play(&mut tones, None, (chime, 7), 10).iter().all(|sample| *sample == 0.0));
            let first = play(&mut tones, None, (chime, 8), 100);
            assert!(level_db(&first[..24_000]) > -40.0 && !clicks(&first));
            assert!(first[43_200..].iter().all(|sample| *sample == 0.0) && !tones.sounds(8));
            assert_eq!(play(&mut tones, None, (chime, 9), 100), first);
        }
    }

    #[test]
    fn chimes_one_after_the_other_do_not_cut_each_other_off() {
        let mut tones = Tones::new(0);
        let mut all = Vec::new();
        for count in 1..10 {
            all.extend(play(&mut tones, None, (Chime::Joined, count), 20));
        }
        assert!(!clicks(&all));
    }
}
