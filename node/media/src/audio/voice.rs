//! Whether somebody speaks: `earshot`, a small neural network that looks at 16 ms at a time, at 16 kHz.

use std::fmt;

use earshot::Detector;

use super::block::{BLOCK, Block};

/// Samples at 16 kHz that the network takes at once.
const WINDOW: usize = 256;
/// From 48 kHz to 16.
const EVERY: usize = 3;
/// Taps of the filter before samples are left out: what lies above 8 kHz is 50 dB down.
const TAPS: usize = 48;

/// Follows one microphone.
pub(super) struct VoiceDetector {
    network: Box<Detector>,
    taps: [f32; TAPS],
    /// The last samples of the block before, then the block.
    past: [f32; TAPS + BLOCK],
    window: [f32; WINDOW],
    filled: usize,
    score: f32,
}

impl fmt::Debug for VoiceDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoiceDetector").field("score", &self.score).finish_non_exhaustive()
    }
}

impl VoiceDetector {
    pub(super) fn new() -> Self {
        Self {
            network: Detector::default_boxed(),
            taps: low_pass(),
            past: [0.0; TAPS + BLOCK],
            window: [0.0; WINDOW],
            filled: 0,
            score: 0.0,
        }
    }

    /// Takes the next 10 ms, and answers how much like a voice the last 16 to 48 ms are, 0 to 1.
    pub(super) fn hear(&mut self, block: &Block) -> f32 {
        self.past.copy_within(BLOCK.., 0);
        self.past[TAPS..].copy_from_slice(block);
        for at in (0..BLOCK).step_by(EVERY) {
            let heard = &self.past[at + 1..=at + TAPS];
            let sample = heard.iter().zip(&self.taps).map(|(sample, tap)| sample * tap).sum::<f32>();
            // The network takes full scale at most.
            self.window[self.filled] = sample.clamp(-1.0, 1.0);
            self.filled += 1;
            if self.filled == WINDOW {
                self.filled = 0;
                self.score = self.network.predict_f32(&self.window).clamp(0.0, 1.0);
            }
        }
        self.score
    }
}

/// A windowed sinc (Blackman) that halves amplitude at 7 kHz.
fn low_pass() -> [f32; TAPS] {
    const CUT: f64 = 7_000.0 / 48_000.0;
    let middle = (TAPS - 1) as f64 / 2.0;
    let mut taps = [0.0; TAPS];
    let mut sum = 0.0;
    for (at, tap) in taps.iter_mut().enumerate() {
        let x = at as f64 - middle;
        let sinc = (std::f64::consts::TAU * CUT * x).sin() / (std::f64::consts::PI * x);
        let phase = std::f64::consts::TAU * at as f64 / (TAPS - 1) as f64;
        let window = 0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos();
        *tap = (sinc * window) as f32;
        sum += *tap;
    }
    taps.map(|tap| tap / sum)
}
