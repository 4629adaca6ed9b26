//! What is done to the voice before it is sent: echo, noise, level. WebRTC's processing (`sonora`) and `RNNoise` (`nnnoiseless`).
//!
//! Echo cancellation and gain control ask for memory in each block; that is inside of sonora 0.2. So this belongs into a thread of its
//! own, never into the callback of a device.

use std::fmt;

use nnnoiseless::DenoiseState;
use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression as Suppression,
    NoiseSuppressionLevel, Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::block::{BLOCK, Block, make_sane};
use super::config::{NoiseSuppression, Processing};
use crate::packet::SAMPLE_RATE;

/// `RNNoise` counts amplitude like 16-bit samples.
const RNNOISE_SCALE: f32 = 32_768.0;

/// Cleans one microphone's sound and brings it to an even level, block by block.
pub(super) struct Cleaner {
    settings: Processing,
    /// High-pass, echo, steady noise.
    clean: AudioProcessing,
    /// Everything else that is no voice.
    denoise: Option<Box<DenoiseState<'static>>>,
    /// Gain control, apart from the cleaning: between the two is where it is decided whether somebody speaks, which a level that
    /// changes by itself would disturb.
    gain: AudioProcessing,
}

impl fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cleaner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Cleaner {
    pub(super) fn new(settings: Processing) -> Self {
        let denoise = (settings.noise_suppression == NoiseSuppression::Strong).then(DenoiseState::new);
        Self { settings, clean: build(cleaning(settings)), denoise, gain: build(levelling()) }
    }

    /// Takes up other settings. Allocates where they are others.
    pub(super) fn set(&mut self, settings: Processing) {
        if settings == self.settings {
            return;
        }
        self.clean.apply_config(cleaning(settings));
        match settings.noise_suppression {
            NoiseSuppression::Strong if self.denoise.is_none() => self.denoise = Some(DenoiseState::new()),
            NoiseSuppression::Strong => {}
            NoiseSuppression::Off | NoiseSuppression::Standard => self.denoise = None,
        }
        if settings.gain_control && !self.settings.gain_control {
            self.gain = build(levelling());
        }
        self.settings = settings;
    }

    /// Tells what the loudspeaker plays, before it comes back through the microphone.
    pub(super) fn played(&mut self, block: &Block) {
        if self.settings.echo_cancellation {
            let mut unused = [0.0; BLOCK];
            // The format is the one it was built with.
            let _ = self.clean.process_render_f32(&[block], &mut [&mut unused]);
        }
    }

    /// Takes echo and noise away. With everything switched off the block stays bit by bit what it was.
    pub(super) fn clean(&mut self, block: &mut Block) {
        if self.settings != Processing::NONE {
            run(&mut self.clean, block);
        }
        if let Some(denoise) = &mut self.denoise {
            let input = block.map(|sample| sample * RNNOISE_SCALE);
            denoise.process_frame(block, &input);
            block.iter_mut().for_each(|sample| *sample /= RNNOISE_SCALE);
            make_sane(block);
        }
    }

    /// Brings the voice to an even level.
    pub(super) fn level(&mut self, block: &mut Block) {
        if self.settings.gain_control {
            run(&mut self.gain, block);
        }
    }
}

fn build(config: Config) -> AudioProcessing {
    let format = StreamConfig::new(SAMPLE_RATE, 1);
    AudioProcessing::builder().config(config).capture_config(format).render_config(format).build()
}

/// The library's own limit of 32 kHz would cut the voice at 16 kHz.
fn pipeline() -> Pipeline {
    Pipeline { maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz, ..Pipeline::default() }
}

fn cleaning(settings: Processing) -> Config {
    let suppression = |level| Suppression { level, ..Suppression::default() };
    Config {
        pipeline: pipeline(),
        high_pass_filter: Some(HighPassFilter::default()),
        echo_canceller: settings.echo_cancellation.then(EchoCanceller::default),
        noise_suppression: match settings.noise_suppression {
            NoiseSuppression::Off => None,
            NoiseSuppression::Standard => Some(suppression(NoiseSuppressionLevel::High)),
            // The network behind it was taught on noise that nothing has touched.
            NoiseSuppression::Strong => Some(suppression(NoiseSuppressionLevel::Low)),
        },
        ..Config::default()
    }
}

fn levelling() -> Config {
    let gain = GainController2 { adaptive_digital: Some(AdaptiveDigital::default()), ..GainController2::default() };
    Config { pipeline: pipeline(), gain_controller2: Some(gain), ..Config::default() }
}

fn run(processing: &mut AudioProcessing, block: &mut Block) {
    let input = *block;
    // The format is the one it was built with.
    let _ = processing.process_capture_f32(&[&input], &mut [block]);
    make_sane(block);
}

#[cfg(test)]
mod tests;
