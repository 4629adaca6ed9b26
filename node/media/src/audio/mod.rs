//! Sound: from a microphone to packets, and from everybody's packets to a loudspeaker.
//!
//! [`Sound`] is the whole of it as the rest of the program sees it. Devices are open only while somebody needs them: the
//! microphone while there is a receiver of [`Sound::outgoing`] or a test of it, the loudspeaker while there is a [`PersonIn`], a tone
//! or a loopback.

mod block;
mod capture;
mod codec;
mod config;
mod controls;
mod device;
mod error;
mod event;
mod fill;
mod gate;
mod jitter;
mod limiter;
mod mixer;
mod person;
mod priority;
mod process;
mod resample;
mod sound;
mod stretch;
mod supervisor;
#[cfg(test)]
mod testing;
mod tones;
mod voice;
mod worker;

pub use config::{
    Backend, Chime, DEFAULT_BITRATE, DeviceChoice, DeviceInfo, Direction, FrameLength, InputTest, MAX_BITRATE, MAX_VOLUME, MIN_BITRATE,
    NoiseSuppression, Processing, Ringing, SoundConfig, Transmission,
};
pub use error::SoundError;
pub use event::SoundEvent;
pub use person::{PersonId, PersonIn, PersonStats};
pub use sound::Sound;

/// Voices that are mixed at once: a mesh of 25 people, who may each have two devices on the way in and out, with room.
pub const MAX_PEOPLE: usize = 64;
/// How often [`SoundEvent::Level`] comes at most: as often as an eye follows a meter.
pub const LEVELS_PER_SECOND: u32 = 20;
