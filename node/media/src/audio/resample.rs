//! Between what a device speaks, any rate and number of channels, and blocks of 10 ms in one channel at 48 kHz.
//!
//! The rates are taken at their word. By what two crystals differ the microphone and the loudspeaker drift apart slowly; the echo
//! canceller finds its delay anew, which its test shows, and the listener's jitter buffer makes up for the rest.

use std::fmt;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType, WindowFunction};

use super::SoundError;
use super::block::{BLOCK, Block};
use crate::packet::SAMPLE_RATE;

/// The lowest rate of a device, in hertz: telephony headsets.
pub(super) const MIN_RATE: u32 = 8_000;
/// The highest rate of a device, in hertz: studio interfaces.
pub(super) const MAX_RATE: u32 = 192_000;
/// Channels of a device: studio interfaces have up to 32.
pub(super) const MAX_CHANNELS: u16 = 32;
/// Taps of the filter: 1.3 ms of delay, and 16 kHz pass unharmed.
const FILTER_TAPS: usize = 128;
/// Places between two samples at which the filter is kept; between those it is interpolated.
const FILTER_STEPS: usize = 256;

fn engine(reason: impl fmt::Display) -> SoundError {
    SoundError::Engine { reason: reason.to_string() }
}

/// Checks that a device's format can be converted.
fn check(rate: u32, channels: u16) -> Result<(), SoundError> {
    if !(MIN_RATE..=MAX_RATE).contains(&rate) || !(1..=MAX_CHANNELS).contains(&channels) {
        return Err(engine(format_args!("a device with {channels} channels at {rate} Hz")));
    }
    Ok(())
}

fn resampler(from: u32, to: u32, chunk: usize, fixed: FixedAsync) -> Result<Async<f32>, SoundError> {
    let filter = SincInterpolationParameters::new(FILTER_TAPS, WindowFunction::BlackmanHarris2)
        .oversampling_factor(FILTER_STEPS)
        .interpolation(SincInterpolationType::Linear);
    let ratio = f64::from(to) / f64::from(from);
    Async::new_sinc(ratio, 1.0, &filter, chunk, 1, fixed).map_err(engine)
}

/// Converts, and answers how much was read and written; nothing where the slices do not fit, which would be a mistake here.
fn convert(resampler: &mut Async<f32>, input: &[f32], output: &mut [f32]) -> (usize, usize) {
    let (read, room) = (input.len(), output.len());
    let (Ok(input), Ok(mut output)) = (SequentialSlice::new(input, 1, read), SequentialSlice::new_mut(output, 1, room)) else {
        return (0, 0);
    };
    resampler.process_into_buffer(&input, &mut output, None).unwrap_or((0, 0))
}

/// From a device to blocks.
pub(super) struct ToBlocks {
    channels: usize,
    /// `None` where the device has the right rate already.
    resampler: Option<Async<f32>>,
    /// Samples in one channel that wait for the next block.
    waiting: Vec<f32>,
}

impl fmt::Debug for ToBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToBlocks").field("channels", &self.channels).field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl ToBlocks {
    /// A device at 48 kHz is passed through untouched.
    ///
    /// # Errors
    /// For a rate outside of [`MIN_RATE`]..=[`MAX_RATE`], or no channel, or more than [`MAX_CHANNELS`].
    pub(super) fn new(rate: u32, channels: u16) -> Result<Self, SoundError> {
        check(rate, channels)?;
        let direct = rate == SAMPLE_RATE;
        let resampler = if direct { None } else { Some(resampler(rate, SAMPLE_RATE, BLOCK, FixedAsync::Output)?) };
        let most = resampler.as_ref().map_or(BLOCK, Resampler::input_frames_max);
        Ok(Self { channels: channels.into(), resampler, waiting: Vec::with_capacity(most + BLOCK) })
    }

    /// Takes what the device gave, its channels interleaved, and hands out each block that is full. Channels become one by their
    /// mean.
    pub(super) fn push(&mut self, interleaved: &[f32], each: &mut dyn FnMut(&Block)) {
        let share = 1.0 / self.channels as f32;
        for frame in interleaved.chunks_exact(self.channels) {
            self.waiting.push(frame.iter().sum::<f32>() * share);
            let needed = self.resampler.as_ref().map_or(BLOCK, Resampler::input_frames_next);
            if self.waiting.len() >= needed {
                self.hand_out(each);
            }
        }
    }

    fn hand_out(&mut self, each: &mut dyn FnMut(&Block)) {
        let mut block = [0.0; BLOCK];
        let read = match &mut self.resampler {
            None => {
                self.waiting.iter().zip(&mut block).for_each(|(sample, place)| *place = *sample);
                BLOCK
            }
            // At least one sample goes, so that this ends whatever the library says.
            Some(resampler) => convert(resampler, &self.waiting, &mut block).0.max(1),
        };
        self.waiting.drain(..read.min(self.waiting.len()));
        each(&block);
    }
}

/// From blocks to a device.
pub(super) struct FromBlocks {
    channels: usize,
    resampler: Option<Async<f32>>,
    converted: Vec<f32>,
    interleaved: Vec<f32>,
}

impl fmt::Debug for FromBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromBlocks").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl FromBlocks {
    /// A device at 48 kHz is passed through untouched.
    ///
    /// # Errors
    /// For a rate outside of [`MIN_RATE`]..=[`MAX_RATE`], or no channel, or more than [`MAX_CHANNELS`].
    pub(super) fn new(rate: u32, channels: u16) -> Result<Self, SoundError> {
        check(rate, channels)?;
        let direct = rate == SAMPLE_RATE;
        let resampler = if direct { None } else { Some(resampler(SAMPLE_RATE, rate, BLOCK, FixedAsync::Input)?) };
        let most = resampler.as_ref().map_or(BLOCK, Resampler::output_frames_max);
        let channels = usize::from(channels);
        Ok(Self { channels, resampler, converted: vec![0.0; most], interleaved: Vec::with_capacity(most * channels) })
    }

    /// What the device is to play for this block, its channels interleaved: the same on the first two, silence on the others, which
    /// are no place for voices.
    pub(super) fn convert(&mut self, block: &Block) -> &[f32] {
        let mono = match &mut self.resampler {
            None => block.as_slice(),
            Some(resampler) => {
                let (_, written) = convert(resampler, block, &mut self.converted);
                self.converted.get(..written).unwrap_or_default()
            }
        };
        self.interleaved.clear();
        for sample in mono {
            let voiced = self.channels.min(2);
            self.interleaved.extend(std::iter::repeat_n(*sample, voiced));
            self.interleaved.extend(std::iter::repeat_n(0.0, self.channels - voiced));
        }
        &self.interleaved
    }
}

#[cfg(test)]
mod tests;
