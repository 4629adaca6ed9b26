//! Sound of this node: what it comes from and goes to, and the engine that carries it in calls. No device and no socket is opened
//! before something needs it. Without Cargo's feature `media` there is none of it, and calls end with a sentence that says so.
//!
//! | File | Lives there |
//! |---|---|
//! | `desk` | devices, their settings and tests, and the engine, once they are needed |
//! | `silent` | the same doors where there is nothing behind them |

#[cfg(feature = "media")]
mod desk;
#[cfg(not(feature = "media"))]
#[path = "silent.rs"]
mod desk;

pub(crate) use desk::{Desk, Engine};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use veche_protocol::call::media::MediaEvent;

/// What sound comes from and goes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Audio {
    /// Nothing: calls cannot be made or taken.
    None,
    /// Real or synthetic devices.
    #[cfg(feature = "media")]
    Devices(veche_media::audio::Backend),
}

impl Default for Audio {
    /// The devices of this computer, as far as this program was built with sound.
    fn default() -> Self {
        #[cfg(feature = "media")]
        let usual = Self::Devices(veche_media::audio::Backend::System);
        #[cfg(not(feature = "media"))]
        let usual = Self::None;
        usual
    }
}

impl FromStr for Audio {
    type Err = String;

    /// Reads `none`, and in a program with sound `default`, `null`, `tone:HZ` and `wav:IN.wav,OUT.wav`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        #[cfg(feature = "media")]
        let read = text.parse().map(Self::Devices).map_err(|why: veche_media::audio::SoundError| format!("{why}, or `none`"));
        #[cfg(not(feature = "media"))]
        let read = Err("this program was built without sound: write none".to_owned());
        read
    }
}

/// The sound devices that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SoundDevices {
    /// Whether sound goes through devices of this computer. Otherwise the node was started with other sound, or with none, and
    /// there is nothing to choose.
    pub real: bool,
    /// Microphones and loudspeakers. One that does both is there twice.
    pub devices: Vec<SoundDevice>,
}

/// A sound device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SoundDevice {
    /// Names it across restarts, for the settings.
    pub id: String,
    /// Names it for people.
    pub name: String,
    /// Microphone or loudspeaker.
    pub direction: veche_protocol::view::SoundDirection,
    /// Whether the system uses it where nothing is chosen.
    pub is_default: bool,
}

/// What a test of the microphone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SoundTest {
    /// Ends.
    Off,
    /// Opens the microphone and tells how loud it is, as events.
    Meter,
    /// Plays what others would hear as well, through encoder and decoder.
    Loopback,
}

/// Whether a log target belongs to libraries that print whole packets of sound.
pub(crate) fn is_secretive(target: &str) -> bool {
    #[cfg(feature = "media")]
    let secretive = veche_media::transport::is_secretive(target);
    #[cfg(not(feature = "media"))]
    let secretive = {
        let _ = target;
        false
    };
    secretive
}

/// What an engine has for whoever runs it.
#[cfg_attr(not(feature = "media"), expect(dead_code, reason = "without an engine there is no news"))]
pub(crate) enum News {
    /// It takes a command.
    Room,
    /// See there.
    Event(MediaEvent),
    /// It has ended by itself, and every leg with it.
    Over,
}
