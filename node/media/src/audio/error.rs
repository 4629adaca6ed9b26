//! What can go wrong with sound, in sentences that a person may read.

use std::io;
use std::path::PathBuf;

/// Why sound could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The option names nothing known.
    #[error("`{text}` is no sound device: write `default`, `null`, `tone:440` or `wav:IN.wav,OUT.wav`")]
    UnknownBackend {
        /// What was written.
        text: String,
    },
    /// A WAV file cannot be read, or not as one.
    #[error("the sound file {} cannot be used: {reason}. Give a WAV file of 8 to 192 kHz with 1 to 8 channels", path.display())]
    BrokenWav {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A WAV file cannot be written.
    #[error("the sound file {} cannot be written: {reason}. Choose another place or make room there", path.display())]
    UnwritableWav {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no sound system, or it has no such device.
    #[error("no {what} was found: connect one, or choose another in the settings")]
    NoDevice {
        /// `microphone` or `loudspeaker`.
        what: &'static str,
    },
    /// The device is there and cannot be used.
    #[error("the {what} cannot be used ({reason}): close other programs that use it, or choose another in the settings")]
    DeviceFailed {
        /// `microphone` or `loudspeaker`.
        what: &'static str,
        /// In the words of the system.
        reason: String,
    },
    /// The system forbids it.
    #[error("the system does not let Veche use the {what}: allow it in the privacy settings of your system")]
    Forbidden {
        /// `microphone` or `loudspeaker`.
        what: &'static str,
    },
    /// As many voices as can be mixed are there already.
    #[error("no more than {limit} voices can be heard at once: somebody has to leave first")]
    TooManyPeople {
        /// [`MAX_PEOPLE`](super::MAX_PEOPLE).
        limit: usize,
    },
    /// The codec or the processing refused its settings.
    #[error("the sound engine could not be set up: {reason}. Please report this")]
    Engine {
        /// In the words of the library.
        reason: String,
    },
    /// The system gave no thread.
    #[error("the system has no thread left for sound: close other programs and try again")]
    Thread(#[source] io::Error),
}
