//! The handle that the rest of the program holds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

use super::config::{Chime, DeviceChoice, DeviceInfo, FrameLength, InputTest, Processing, Ringing, SoundConfig, Transmission};
use super::controls::Controls;
use super::person::{PersonId, PersonIn};
use super::{SoundError, SoundEvent, device};
use crate::packet::VoicePacket;

/// Packets that a slow receiver of [`Sound::outgoing`] may lag behind before it loses the oldest: 320 ms in frames of 10 ms, after
/// which they would come too late anyway.
const OUTGOING_PACKETS: usize = 32;
/// Events that a slow receiver may lag behind: more than three seconds of levels.
const WAITING_EVENTS: usize = 64;

/// Sound of one running program.
#[derive(Debug)]
pub struct Sound {
    controls: Arc<Controls>,
    config: Mutex<SoundConfig>,
    outgoing: broadcast::Sender<VoicePacket>,
    events: broadcast::Sender<SoundEvent>,
    next_person: AtomicU64,
}

impl Sound {
    /// Takes up the settings. Opens no device yet.
    ///
    /// # Errors
    /// Where a WAV file of the configuration cannot be used, or the system gives no thread.
    pub fn start(config: SoundConfig) -> Result<Self, SoundError> {
        let controls = Arc::new(Controls::new(config.processing, config.transmission, config.frame));
        let (outgoing, _) = broadcast::channel(OUTGOING_PACKETS);
        let (events, _) = broadcast::channel(WAITING_EVENTS);
        Ok(Self { controls, config: Mutex::new(config), outgoing, events, next_person: AtomicU64::new(0) })
    }

    /// The voice of this microphone in packets, encoded once for however many listen. The microphone is open while there is a
    /// receiver. One that lags loses the oldest packets.
    #[must_use]
    pub fn outgoing(&self) -> broadcast::Receiver<VoicePacket> {
        self.outgoing.subscribe()
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<SoundEvent> {
        self.events.subscribe()
    }

    /// A new voice in the mix.
    ///
    /// # Errors
    /// Where [`MAX_PEOPLE`](super::MAX_PEOPLE) are in it already.
    pub fn person(&self) -> Result<PersonIn, SoundError> {
        let id = PersonId(self.next_person.fetch_add(1, Ordering::Relaxed));
        let (person, _, _) = PersonIn::new(id);
        Ok(person)
    }

    /// The microphones and loudspeakers of this computer. Asks the system, which may take a second: not for an asynchronous task.
    ///
    /// # Errors
    /// Where the system has no sound at all.
    pub fn devices() -> Result<Vec<DeviceInfo>, SoundError> {
        device::list()
    }

    /// Takes another microphone, at once if it is open. Only [`Backend::System`](super::Backend::System) has several.
    pub fn select_input(&self, choice: DeviceChoice) {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).input = choice;
    }

    /// Takes another loudspeaker, at once if it is open. Only [`Backend::System`](super::Backend::System) has several.
    pub fn select_output(&self, choice: DeviceChoice) {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).output = choice;
    }

    /// Sends nothing, whatever else is set. The microphone stays open so that unmuting loses no word.
    pub fn set_muted(&self, muted: bool) {
        self.controls.set_muted(muted);
    }

    /// Plays nobody. Tones are still heard.
    pub fn set_deafened(&self, deafened: bool) {
        self.controls.set_deafened(deafened);
    }

    /// When the microphone is heard.
    pub fn set_transmission(&self, transmission: Transmission) {
        self.controls.set_transmission(transmission);
    }

    /// The key of [`Transmission::PushToTalk`] goes down or up.
    pub fn press(&self, down: bool) {
        self.controls.press(down);
    }

    /// From which level on [`Transmission::VoiceActivated`] hears a voice, in decibels below full scale (-127 to 0). `None` keeps it
    /// above the noise of the room.
    pub fn set_threshold(&self, decibels: Option<f32>) {
        self.controls.set_threshold(decibels);
    }

    /// What is done to the voice.
    pub fn set_processing(&self, processing: Processing) {
        self.controls.set_processing(processing);
    }

    /// How much sound goes into one packet from the next on.
    pub fn set_frame(&self, frame: FrameLength) {
        self.controls.set_frame(frame);
    }

    /// Bits a second of the voice, brought into [`MIN_BITRATE`](super::MIN_BITRATE)..=[`MAX_BITRATE`](super::MAX_BITRATE).
    pub fn set_bitrate(&self, bits_per_second: u32) {
        self.controls.set_bitrate(bits_per_second);
    }

    /// Which share of packets the worst listener loses, in percent: how much redundancy the encoder adds.
    pub fn set_expected_loss(&self, percent: u8) {
        self.controls.set_expected_loss(percent);
    }

    /// Loudness of the microphone in percent, at most [`MAX_VOLUME`](super::MAX_VOLUME).
    pub fn set_input_volume(&self, percent: u16) {
        self.controls.set_input_volume(percent);
    }

    /// Loudness of everybody in percent, at most [`MAX_VOLUME`](super::MAX_VOLUME).
    pub fn set_output_volume(&self, percent: u16) {
        self.controls.set_output_volume(percent);
    }

    /// Tests the microphone, outside of calls too.
    pub fn set_input_test(&self, test: InputTest) {
        self.controls.set_input_test(test);
    }

    /// Begins or ends the sound of ringing.
    pub fn set_ringing(&self, ringing: Option<Ringing>) {
        self.controls.set_ringing(ringing);
    }

    /// Plays a short sound once.
    pub fn chime(&self, chime: Chime) {
        self.controls.ring_chime(chime);
    }
}
