//! Settings of sound: devices, loudness, what is done to the voice, and when it is sent.

use crate::call::media::VOLUME;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest id of a sound device, bytes. Those of ALSA, the longest known, stay below 200.
pub const DEVICE_ID: usize = 512;
/// The least level that a threshold can have, in decibels below full scale: silence in 16 bits is at -96.
pub const QUIETEST: i8 = -127;

/// Settings of sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SoundSettings {
    /// The microphone, by the id that the list of devices has for it. Without one it is whichever the system uses.
    pub input: Option<String>,
    /// The loudspeaker, likewise.
    pub output: Option<String>,
    /// Loudness of the microphone, percent, at most 200.
    pub input_volume: u16,
    /// Loudness of everybody, percent, at most 200.
    pub output_volume: u16,
    /// Takes what the loudspeaker plays out of what the microphone hears.
    pub echo_cancellation: bool,
    /// How hard noise is suppressed.
    pub noise_suppression: NoiseSuppression,
    /// Brings quiet and loud voices to one level.
    pub gain_control: bool,
    /// When the microphone is sent.
    pub transmission: Transmission,
    /// From which level on a voice is heard as one, decibels below full scale, -127 to 0. Without one it stays above the noise of
    /// the room by itself.
    pub threshold: Option<i8>,
}

impl Default for SoundSettings {
    fn default() -> Self {
        Self {
            input: None,
            output: None,
            input_volume: 100,
            output_volume: 100,
            echo_cancellation: true,
            noise_suppression: NoiseSuppression::Standard,
            gain_control: true,
            transmission: Transmission::VoiceActivated,
            threshold: None,
        }
    }
}

impl SoundSettings {
    /// Whether each value is in its range.
    ///
    /// # Errors
    /// The first field that is not, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        for (field, percent) in [("input_volume", self.input_volume), ("output_volume", self.output_volume)] {
            if percent > VOLUME {
                return Err((field, format!("it is a number of percent, up to {VOLUME}")));
            }
        }
        if self.threshold.is_some_and(|level| !(QUIETEST..=0).contains(&level)) {
            return Err(("threshold", format!("it is a level from {QUIETEST} to 0 decibels")));
        }
        for (field, id) in [("input", &self.input), ("output", &self.output)] {
            if id.as_ref().is_some_and(|id| id.is_empty() || id.len() > DEVICE_ID) {
                return Err((field, format!("the id of a device has 1 to {DEVICE_ID} bytes")));
            }
        }
        Ok(())
    }
}

/// How hard noise is suppressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoiseSuppression {
    /// Not at all: music, or a device that does it.
    Off,
    /// Steady noise; leaves the voice as it is.
    #[default]
    Standard,
    /// Keyboards, fans and streets too.
    Strong,
}

/// When the microphone is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transmission {
    /// While there is a voice in it.
    #[default]
    VoiceActivated,
    /// While a key is held.
    PushToTalk,
    /// Always.
    Open,
}

/// The way that sound takes through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SoundDirection {
    /// From a microphone.
    Input,
    /// To a loudspeaker.
    Output,
}
