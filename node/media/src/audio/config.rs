//! What can be chosen about sound: devices, processing, when the microphone is heard.

use std::path::PathBuf;
use std::str::FromStr;

use super::SoundError;

/// Bits a second of one voice where nothing else is set: speech in full band without audible loss, 41 bytes each 10 ms.
pub const DEFAULT_BITRATE: u32 = 32_000;
/// The least that leaves speech understandable, in bits a second (RFC 7587 §3.1.1 begins at 8 kb/s for narrow band).
pub const MIN_BITRATE: u32 = 8_000;
/// Where one voice in one channel gains nothing any more, in bits a second.
pub const MAX_BITRATE: u32 = 128_000;
/// The loudest that a person or a device can be turned up to, in percent. Twice the amplitude is +6 dB.
pub const MAX_VOLUME: u16 = 200;

/// Everything needed to start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoundConfig {
    /// Which kind of devices.
    pub backend: Backend,
    /// The microphone, where the backend has several.
    pub input: DeviceChoice,
    /// The loudspeaker, where the backend has several.
    pub output: DeviceChoice,
    /// What happens to the voice on its way from the microphone to the encoder.
    pub processing: Processing,
    /// When the microphone is heard.
    pub transmission: Transmission,
    /// How much sound goes into one packet.
    pub frame: FrameLength,
}

/// Where sound comes from and goes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Backend {
    /// Devices of this computer.
    #[default]
    System,
    /// Silence in, nothing out, at the pace of a real device.
    Null,
    /// A sine wave in, nothing out.
    Tone {
        /// Its frequency in hertz.
        hertz: f32,
    },
    /// Files in place of devices, for bots and tests.
    Wav {
        /// What the microphone hears, once, followed by silence. Nothing but silence if absent.
        input: Option<PathBuf>,
        /// Where the loudspeaker's sound goes; overwritten. Nowhere if absent.
        output: Option<PathBuf>,
    },
}

impl FromStr for Backend {
    type Err = SoundError;

    /// Reads `default`, `null`, `tone:HZ` and `wav:IN.wav,OUT.wav`, of which either file may be left out.
    fn from_str(text: &str) -> Result<Self, SoundError> {
        let unknown = || SoundError::UnknownBackend { text: text.to_owned() };
        match text.split_once(':') {
            None if text == "default" => Ok(Self::System),
            None if text == "null" => Ok(Self::Null),
            Some(("tone", hertz)) => match hertz.parse::<f32>() {
                Ok(hertz) if (20.0..=20_000.0).contains(&hertz) => Ok(Self::Tone { hertz }),
                Ok(_) | Err(_) => Err(unknown()),
            },
            Some(("wav", files)) => {
                let (input, output) = files.split_once(',').ok_or_else(unknown)?;
                let file = |name: &str| (!name.is_empty()).then(|| PathBuf::from(name));
                Ok(Self::Wav { input: file(input), output: file(output) })
            }
            None | Some(_) => Err(unknown()),
        }
    }
}

/// One of the devices of this computer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Whichever the system uses, also when that changes.
    #[default]
    Default,
    /// This one, by [`DeviceInfo::id`]. While it is absent the default takes its place.
    Named(String),
}

/// A device as a person may choose it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Names the device across restarts.
    pub id: String,
    /// Names it for people.
    pub name: String,
    /// Whether it records or plays.
    pub direction: Direction,
    /// Whether the system uses it where nothing is chosen.
    pub is_default: bool,
}

/// The way that sound takes through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a microphone.
    Input,
    /// To a loudspeaker.
    Output,
}

impl Direction {
    /// What stands at the end of it, in sentences.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Input => "microphone",
            Self::Output => "loudspeaker",
        }
    }
}

/// What is done to the voice before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processing {
    /// Takes what the loudspeaker plays out of what the microphone hears.
    pub echo_cancellation: bool,
    /// Takes steady noise away.
    pub noise_suppression: NoiseSuppression,
    /// Brings quiet and loud voices to one level.
    pub gain_control: bool,
}

impl Default for Processing {
    fn default() -> Self {
        Self { echo_cancellation: true, noise_suppression: NoiseSuppression::Standard, gain_control: true }
    }
}

impl Processing {
    /// The microphone as it is.
    pub const NONE: Self = Self { echo_cancellation: false, noise_suppression: NoiseSuppression::Off, gain_control: false };
}

/// How hard noise is suppressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoiseSuppression {
    /// Not at all: music, or a device that does it.
    Off,
    /// Spectral suppression; leaves the voice as it is.
    #[default]
    Standard,
    /// A neural network on top of it: keyboards, fans, streets.
    Strong,
}

/// When the microphone is heard by others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transmission {
    /// While there is a voice in it.
    #[default]
    VoiceActivated,
    /// While the key is held.
    PushToTalk,
    /// Always.
    Open,
}

/// Sound in one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameLength {
    /// 10 ms: the least delay; for the local network and direct connections.
    #[default]
    Ms10,
    /// 20 ms: half the packets; for relays and poor uplinks.
    Ms20,
}

/// What the test of the microphone does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputTest {
    /// Nothing.
    #[default]
    Off,
    /// Opens the microphone for [`SoundEvent::Level`](super::SoundEvent::Level).
    Meter,
    /// Plays to oneself what others would hear, through encoder and decoder.
    Loopback,
}

/// A sound that goes on until it is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ringing {
    /// Somebody calls.
    Incoming,
    /// Somebody is being called.
    Outgoing,
}

/// A short sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chime {
    /// Somebody came.
    Joined,
    /// Somebody went.
    Left,
    /// The call is over.
    HungUp,
}
