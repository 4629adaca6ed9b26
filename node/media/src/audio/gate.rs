//! When the microphone is heard: the voice-activated gate, the key of push-to-talk.

use super::block::{Block, SILENCE_DB};
use super::config::Transmission;
use super::voice::VoiceDetector;

/// How like a voice it has to be to open the gate.
const OPENING_SCORE: f32 = 0.5;
/// How like a voice it has to stay to keep it open: the ends of words are less certain than their beginnings.
const HOLDING_SCORE: f32 = 0.3;
/// How far above the noise of the room a voice has to be, in decibels.
const ABOVE_NOISE: f32 = 9.0;
/// How far below the opening level it may fall while it stays open, in decibels.
const HOLDING_ROOM: f32 = 6.0;
/// The level that is asked for at least in the quietest room, in decibels below full scale.
const LOWEST_THRESHOLD: f32 = -60.0;
/// The level that is asked for at most in the loudest room, in decibels below full scale.
const HIGHEST_THRESHOLD: f32 = -25.0;
/// How long it stays open after the last of a voice, in blocks: 300 ms bridge the closures of consonants and breaths between words.
const HANGOVER: u32 = 30;
/// How long it stays open after the key of push-to-talk went up, in blocks: 200 ms, because people let go with the last syllable.
const RELEASE: u32 = 20;

/// What decides besides the sound itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) transmission: Transmission,
    /// In decibels below full scale; `None` follows the noise.
    pub(super) threshold: Option<f32>,
    /// Whether the key of push-to-talk is down.
    pub(super) pressed: bool,
}

/// Decides block by block.
#[derive(Debug)]
pub(super) struct Gate {
    detector: VoiceDetector,
    noise: NoiseFloor,
    /// Blocks for which it stays open without anything new.
    left: u32,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self { detector: VoiceDetector::new(), noise: NoiseFloor::new(), left: 0 }
    }

    /// Whether this block is heard, whose level is given in decibels below full scale.
    pub(super) fn hears(&mut self, block: &Block, level: f32, rules: Rules) -> bool {
        // Always followed, so that a change of the rules finds them up to date.
        let score = self.detector.hear(block);
        let floor = self.noise.hear(level);
        let open = self.left > 0;
        self.left = self.left.saturating_sub(1);
        let stays = match rules.transmission {
            Transmission::Open => 1,
            Transmission::PushToTalk if rules.pressed => RELEASE,
            Transmission::PushToTalk => self.left.min(RELEASE),
            Transmission::VoiceActivated => {
                let room = if open { HOLDING_ROOM } else { 0.0 };
                let voice = match rules.threshold {
                    Some(threshold) => level >= threshold - room,
                    None => {
                        let threshold = (floor + ABOVE_NOISE).clamp(LOWEST_THRESHOLD, HIGHEST_THRESHOLD);
                        level >= threshold - room && score >= if open { HOLDING_SCORE } else { OPENING_SCORE }
                    }
                };
                if voice { HANGOVER } else { self.left }
            }
        };
        self.left = stays;
        stays > 0
    }
}

/// Blocks whose levels are taken together, so that the gaps between the periods of a voice do not count as silence: 50 ms.
const SMOOTHED: f32 = 5.0;
/// Blocks of which the quietest is remembered: a quarter of a second.
const STRETCH: u32 = 25;
/// Stretches that are remembered: two seconds, within which everybody breathes.
const STRETCHES: usize = 8;
/// What a room is taken for before anything is known, in decibels below full scale.
const USUAL_NOISE: f32 = -60.0;

/// The noise of the room: the quietest moment of the last two seconds (minimum statistics; Martin, "Noise Power Spectral Density
/// Estimation Based on Optimal Smoothing and Minimum Statistics", 2001, in its simplest form).
#[derive(Debug)]
struct NoiseFloor {
    smooth: f32,
    quietest: [f32; STRETCHES],
    /// Blocks in the current stretch, which is the first of `quietest`.
    blocks: u32,
}

impl NoiseFloor {
    fn new() -> Self {
        Self { smooth: USUAL_NOISE, quietest: [USUAL_NOISE; STRETCHES], blocks: 0 }
    }

    fn hear(&mut self, level: f32) -> f32 {
        // A muted device says nothing about the room.
        if level > SILENCE_DB {
            self.smooth += (level - self.smooth) / SMOOTHED;
            if self.blocks == STRETCH {
                self.blocks = 0;
                self.quietest.rotate_right(1);
                self.quietest[0] = self.smooth;
            }
            self.blocks += 1;
            self.quietest[0] = self.quietest[0].min(self.smooth);
        }
        self.quietest.iter().copied().fold(f32::INFINITY, f32::min)
    }
}
