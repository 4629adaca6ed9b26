//! Sound for tests of calls: something to say, WAV files, and whether what was heard is what was said.
//!
//! What was heard has been through a codec, a jitter buffer that shortens and lengthens pauses, and whatever the caller's processing
//! does, so that samples are never equal. It is compared piece by piece: each piece of what was said is looked for in what was heard,
//! and the places where the pieces fit best have to follow each other as they were said.

use anyhow::{Context, Result, ensure};
use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Samples a second of all sound here.
pub const RATE: u32 = 48_000;
/// Sound is compared at an eighth of that: the band of a voice, and quick.
const COARSE: usize = 8;
/// Samples a second of what is compared.
const COARSE_RATE: usize = RATE as usize / COARSE;
/// Length of a piece, in samples of what is compared: 400 ms, one or two syllables.
const PIECE: usize = COARSE_RATE * 2 / 5;
/// Pieces that are quieter than this share of the loudest say nothing and are left out.
const QUIET: f32 = 0.1;

/// Sound in one channel at [`RATE`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clip(pub Vec<f32>);

impl Clip {
    /// Nothing.
    #[must_use]
    pub fn silence(length: Duration) -> Self {
        Self(vec![0.0; samples(length)])
    }

    /// Something like a voice that counts: syllables of gliding pitch with formants, different ones for different seeds, no two alike.
    #[must_use]
    pub fn babble(length: Duration, seed: u32) -> Self {
        let mut dice = seed.wrapping_mul(2_654_435_761).max(1);
        let mut roll = move |from: f32, to: f32| {
            // Xorshift: needs no more than to differ from syllable to syllable.
            dice ^= dice << 13;
            dice ^= dice >> 17;
            dice ^= dice << 5;
            from + (to - from) * ((dice >> 8) as f32 / (1 << 24) as f32)
        };
        let (wanted, mut sound) = (samples(length), Vec::new());
        while sound.len() < wanted {
            let span = roll(0.12, 0.35) * RATE as f32;
            let (pitch, glide) = (roll(90.0, 220.0), roll(0.75, 1.35));
            let formants = [roll(300.0, 850.0), roll(900.0, 2300.0), roll(2400.0, 3000.0)];
            let loud = roll(0.5, 1.0);
            let mut phase = 0.0_f32;
            for n in 0..span as usize {
                let part = n as f32 / span;
                let base = pitch * glide.powf(part);
                phase = (phase + base / RATE as f32).fract();
                let rise = (part * 12.0).min(1.0) * ((1.0 - part) * 6.0).min(1.0);
                let mut sample = 0.0;
                for harmonic in 1..=24_u8 {
                    let hertz = base * f32::from(harmonic);
                    let near = |formant: f32| 1.0 / (1.0 + ((hertz - formant) / 130.0).powi(2));
                    let strength: f32 = formants.iter().map(|formant| near(*formant)).sum::<f32>() + 0.02;
                    sample += strength * (TAU * phase * f32::from(harmonic)).sin();
                }
                sound.push(0.12 * loud * rise * sample);
            }
            sound.extend(std::iter::repeat_n(0.0, (roll(0.03, 0.16) * RATE as f32) as usize));
        }
        sound.truncate(wanted);
        Self(sound)
    }

    /// A sentence, spoken by espeak-ng.
    ///
    /// # Errors
    /// It is not installed, or says nothing.
    pub fn spoken(sentence: &str, voice: &str, folder: &Path) -> Result<Self> {
        let file = folder.join("spoken.wav");
        let said = Command::new("espeak-ng").args(["-v", voice, "-s", "150", "-w"]).arg(&file).arg(sentence).status();
        ensure!(said.context("espeak-ng does not start")?.success(), "espeak-ng says nothing");
        Self::read(&file)
    }

    /// This, and then that.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    /// A part of it; what is beyond its end is left out.
    #[must_use]
    pub fn part(&self, from: Duration, to: Duration) -> Self {
        let end = samples(to).min(self.0.len());
        Self(self.0.get(samples(from).min(end)..end).unwrap_or_default().to_vec())
    }

    /// How long it is.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::from_secs_f64(self.0.len() as f64 / f64::from(RATE))
    }

    /// Root mean square, in decibels below full scale; silence is -120.
    #[must_use]
    pub fn loudness(&self) -> f32 {
        let power = self.0.iter().map(|sample| sample * sample).sum::<f32>() / self.0.len().max(1) as f32;
        10.0 * power.max(1e-12).log10()
    }

    /// Reads a file of any rate and number of channels.
    ///
    /// # Errors
    /// It is no WAV file.
    pub fn read(path: &Path) -> Result<Self> {
        let unusable = || format!("{} cannot be read", path.display());
        let reader = hound::WavReader::open(path).with_context(unusable)?;
        let spec = reader.spec();
        let all: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Float => reader.into_samples::<f32>().collect::<Result<_, _>>().with_context(unusable)?,
            hound::SampleFormat::Int => {
                let full = (1_u64 << (spec.bits_per_sample - 1)) as f32;
                let whole: Vec<i32> = reader.into_samples::<i32>().collect::<Result<_, _>>().with_context(unusable)?;
                whole.into_iter().map(|sample| sample as f32 / full).collect()
            }
        };
        let channels = usize::from(spec.channels.max(1));
        let mono: Vec<f32> = all.chunks(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
        let step = f64::from(spec.sample_rate) / f64::from(RATE);
        let wanted = (mono.len() as f64 / step) as usize;
        let at = |n: usize| {
            let place = n as f64 * step;
            let (before, share) = (place as usize, place.fract() as f32);
            let one = |index: usize| mono.get(index).copied().unwrap_or_default();
            one(before) * (1.0 - share) + one(before + 1) * share
        };
        Ok(Self((0..wanted).map(at).collect()))
    }

    /// Writes a file of 16 bits.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&self, path: &Path) -> Result<PathBuf> {
        let spec = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::create(path, spec)?;
        for sample in &self.0 {
            writer.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16)?;
        }
        writer.finalize()?;
        Ok(path.to_owned())
    }
}

fn samples(length: Duration) -> usize {
    (length.as_secs_f64() * f64::from(RATE)) as usize
}

/// How what was heard compares with what was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Likeness {
    /// Of the pieces that say something, the middle one's correlation: 1 is the same, 0 has nothing to do with it.
    pub correlation: f32,
    /// Share of pieces that were found where they belong.
    pub found: f32,
    /// How much later than in what was said the pieces are, the middle one.
    pub lag: Duration,
    /// The same of each piece, in its order: place in what was said, lag, correlation.
    pub pieces: Vec<(Duration, Duration, f32)>,
}

/// Looks for what was said in what was heard.
///
/// # Errors
/// Too little was said, or heard, to compare.
pub fn compare(said: &Clip, heard: &Clip) -> Result<Likeness> {
    let (said, heard) = (coarse(said), coarse(heard));
    ensure!(heard.len() > PIECE, "only {} samples were heard", heard.len());
    let loudest = said.chunks(PIECE).map(power).fold(0.0, f32::max);
    ensure!(loudest > 0.0, "nothing was said");
    let mut pieces = Vec::new();
    for (number, piece) in said.chunks_exact(PIECE).enumerate() {
        if power(piece) >= QUIET * loudest {
            let (at, correlation) = best(piece, &heard);
            pieces.push((number * PIECE, at, correlation));
        }
    }
    ensure!(!pieces.is_empty(), "nothing was said that can be compared");
    let mut lags: Vec<i64> = pieces.iter().map(|(said, heard, _)| *heard as i64 - *said as i64).collect();
    lags.sort_unstable();
    let lag = lags[lags.len() / 2];
    // A jitter buffer moves sound by tens of milliseconds in the course of a call.
    let near = COARSE_RATE as i64 / 5;
    let found = pieces.iter().filter(|(said, heard, c)| (*heard as i64 - *said as i64 - lag).abs() <= near && *c > 0.5).count();
    let mut sorted: Vec<f32> = pieces.iter().map(|(.., correlation)| *correlation).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let time = |samples: i64| Duration::from_secs_f64(samples.max(0) as f64 / COARSE_RATE as f64);
    Ok(Likeness {
        correlation: sorted[sorted.len() / 2],
        found: found as f32 / pieces.len() as f32,
        lag: time(lag),
        pieces: pieces.iter().map(|(said, heard, c)| (time(*said as i64), time(*heard as i64 - *said as i64), *c)).collect(),
    })
}

/// Fewer samples, each the mean of some, without the slow ones that no voice has.
fn coarse(clip: &Clip) -> Vec<f32> {
    let mut slow = 0.0;
    let mut high = |sample: f32| {
        slow += (sample - slow) * 0.06;
        sample - slow
    };
    clip.0.chunks_exact(COARSE).map(|chunk| high(chunk.iter().sum::<f32>() / COARSE as f32)).collect()
}

fn power(sound: &[f32]) -> f32 {
    sound.iter().map(|sample| sample * sample).sum()
}

/// Where a piece fits best, and how well: normalised correlation.
fn best(piece: &[f32], heard: &[f32]) -> (usize, f32) {
    let own = power(piece).sqrt();
    let mut there = power(heard.get(..piece.len()).unwrap_or_default());
    let mut best = (0, 0.0_f32);
    for (at, window) in heard.windows(piece.len()).enumerate() {
        if at > 0 {
            there += window[piece.len() - 1].powi(2) - heard[at - 1].powi(2);
        }
        // Where next to nothing was heard everything would fit.
        if there > 1e-5 {
            let product: f32 = piece.iter().zip(window).map(|(a, b)| a * b).sum();
            let correlation = product / (own * there.max(1e-9).sqrt());
            if correlation > best.1 {
                best = (at, correlation);
            }
        }
    }
    best
}

/// The longest stretch in which next to nothing was heard.
#[must_use]
pub fn longest_silence(heard: &Clip) -> Duration {
    /// Decibels below full scale: far below any voice, and above what a codec makes of nothing.
    const NOTHING: f32 = -65.0;
    const STEP: Duration = Duration::from_millis(20);
    let (mut longest, mut current) = (Duration::ZERO, Duration::ZERO);
    for step in heard.0.chunks(samples(STEP)) {
        current = if Clip(step.to_vec()).loudness() < NOTHING { current + STEP } else { Duration::ZERO };
        longest = longest.max(current);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS: Duration = Duration::from_secs(4);

    #[test]
    fn what_was_said_is_found_late_and_changed() -> Result<()> {
        let said = Clip::babble(SECONDS, 1);
        let late = Clip::silence(Duration::from_millis(730)).then(&said);
        // Half as loud, with a hiss and a lost frame.
        let mut hiss = 1_u32;
        let mut heard = Clip(
            late.0
                .iter()
                .map(|sample| {
                    hiss = hiss.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    sample * 0.5 + 0.004 * ((hiss >> 8) as f32 / (1 << 24) as f32 - 0.5)
                })
                .collect(),
        );
        heard.0[96_000..96_480].fill(0.0);
        let likeness = compare(&said, &heard)?;
        ensure!(likeness.correlation > 0.9 && likeness.found > 0.9, "{likeness:?}");
        let off = likeness.lag.abs_diff(Duration::from_millis(730));
        ensure!(off < Duration::from_millis(3), "{likeness:?}");
        Ok(())
    }

    #[test]
    fn another_voice_and_silence_are_not_taken_for_it() -> Result<()> {
        let said = Clip::babble(SECONDS, 1);
        let other = compare(&said, &Clip::babble(SECONDS, 2))?;
        ensure!(other.found < 0.3 && other.correlation < 0.7, "{other:?}");
        let silent = compare(&said, &Clip::silence(SECONDS))?;
        ensure!(silent.correlation == 0.0 && silent.found == 0.0, "{silent:?}");
        ensure!(Clip::silence(SECONDS).loudness() < -100.0 && said.loudness() > -40.0, "{}", said.loudness());
        Ok(())
    }

    #[test]
    fn files_come_back_as_they_were() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let said = Clip::babble(Duration::from_secs(1), 3);
        let back = Clip::read(&said.write(&folder.path().join("said.wav"))?)?;
        ensure!(back.0.len() == said.0.len() && said.0.iter().zip(&back.0).all(|(a, b)| (a - b).abs() < 0.001));
        Ok(())
    }
}
