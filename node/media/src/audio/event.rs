//! What sound tells its owner.

use super::{Direction, PersonId};

/// Something that a person should see.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundEvent {
    /// Others begin or cease to hear this microphone.
    Speaking(bool),
    /// A person begins or ceases to speak.
    PersonSpeaking {
        /// Who.
        person: PersonId,
        /// Whether they speak now.
        speaking: bool,
    },
    /// How loud the microphone is, without echo and noise and before gain control; at most [`LEVELS_PER_SECOND`](super::LEVELS_PER_SECOND) times a second, while
    /// it is open.
    Level {
        /// Root mean square in decibels below full scale: 0 is the loudest, -127 silence.
        decibels: f32,
        /// Whether it would be sent: above the threshold, or the key held.
        open: bool,
    },
    /// Sound goes through this device from now on.
    DeviceChanged {
        /// Which way.
        direction: Direction,
        /// The name for people.
        name: String,
    },
    /// A device vanished or failed. Another was opened if there is one; until then there is silence.
    DeviceLost {
        /// Which way.
        direction: Direction,
        /// A sentence: what happened and what to do.
        message: String,
    },
}
