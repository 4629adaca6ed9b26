//! Compares what was said with what was heard.

use std::fmt;

pub const RATE: usize = 48_000;

/// The coarse search for the delay goes in these steps, at the rate that voices still have their shape.
const STEP: usize = 8;

/// Sound that is compared at once, so that a delay which changes on the way is no difference.
const WINDOW: usize = RATE / 2;

/// How far the delay of one window may be from that of the whole, in samples: 30 ms either way.
const WANDERING: usize = 30 * RATE / 1000;

/// How well two recordings agree.
#[derive(Clone, Debug)]
pub struct Likeness {
    /// The later one is behind by so many samples.
    pub lag: usize,
    /// Those in which something was said, from the worst to the best.
    pub windows: Vec<Window>,
}

/// How well a part agrees.
#[derive(Clone, Copy)]
pub struct Window {
    /// Correlation: 1 is the same sound.
    pub likeness: f32,
    /// By how many samples this part is behind.
    pub lag: usize,
}

impl fmt::Debug for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3} at {:.1} ms", self.likeness, ms(self.lag))
    }
}

impl Likeness {
    pub fn lag_ms(&self) -> f32 {
        ms(self.lag)
    }

    pub fn median(&self) -> f32 {
        self.windows.get(self.windows.len() / 2).map_or(0.0, |window| window.likeness)
    }
}

fn ms(samples: usize) -> f32 {
    samples as f32 * 1000.0 / RATE as f32
}

/// Finds by how much `heard` is behind `said`, at most `most` samples, and how alike they are.
pub fn compare(said: &[f32], heard: &[f32], most: usize) -> Likeness {
    let coarse = |samples: &[f32]| -> Vec<f32> { samples.chunks(STEP).map(|chunk| chunk.iter().sum::<f32>() / STEP as f32).collect() };
    let (lag, _) = search(&coarse(said), &coarse(heard), 0..=most / STEP);
    let middle = lag * STEP;
    let (lag, _) = search(said, heard, middle.saturating_sub(2 * STEP)..=middle + 2 * STEP);
    let loud = power(said) / 4.0;
    let mut windows: Vec<Window> = said
        .chunks_exact(WINDOW)
        .enumerate()
        .filter(|(_, window)| power(window) > loud)
        .map(|(at, window)| {
            let from = (at * WINDOW + lag).saturating_sub(WANDERING);
            let part = heard.get(from..(from + WINDOW + 2 * WANDERING).min(heard.len())).unwrap_or_default();
            let (near, _) = search(&coarse(window), &coarse(part), 0..=2 * WANDERING / STEP);
            let (near, likeness) = search(window, part, (near * STEP).saturating_sub(STEP)..=near * STEP + STEP);
            Window { likeness, lag: (from + near).saturating_sub(at * WINDOW) }
        })
        .collect();
    windows.sort_by(|a, b| a.likeness.total_cmp(&b.likeness));
    Likeness { lag, windows }
}

fn power(samples: &[f32]) -> f32 {
    samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32
}

fn search(said: &[f32], heard: &[f32], lags: std::ops::RangeInclusive<usize>) -> (usize, f32) {
    lags.map(|lag| (lag, correlation(said, heard.get(lag..).unwrap_or_default()))).max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

/// Of as much as both have; what is missing in the second counts as silence.
fn correlation(said: &[f32], heard: &[f32]) -> f32 {
    let heard = heard.get(..said.len()).unwrap_or(heard);
    let product: f32 = said.iter().zip(heard).map(|(a, b)| a * b).sum();
    let energy = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
    let size = (energy(said) * energy(heard)).sqrt();
    if size > 0.0 { product / size } else { 0.0 }
}
