//! The handle that the rest of the program holds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::broadcast;
use tracing::warn;

use super::config::{Chime, DeviceChoice, DeviceInfo, Direction, FrameLength, InputTest, Processing, Ringing, SoundConfig, Transmission};
use super::controls::Controls;
use super::device::{self, Host, Synthetic, System};
use super::mixer::Heard;
use super::person::{PersonId, PersonIn};
use super::supervisor::{Supervisor, Wishes};
use super::worker::{MAX_ORDERS, Order, Worker};
use super::{MAX_PEOPLE, SoundError, SoundEvent};
use crate::packet::VoicePacket;

/// Packets that a slow receiver of [`Sound::outgoing`] may lag behind before it loses the oldest: 320 ms in frames of 10 ms, after
/// which they would come too late anyway.
const OUTGOING_PACKETS: usize = 32;
/// Events that a slow receiver may lag behind: more than three seconds of levels.
const WAITING_EVENTS: usize = 64;

/// How long the end waits for devices to close: a few callbacks, and the disk for the end of a file. A driver that takes longer is
/// left to the system.
const CLOSING: Duration = Duration::from_secs(1);

/// Sound of one running program. Nothing here waits for a device. Dropped, it closes devices and files, which takes a moment.
#[derive(Debug)]
pub struct Sound {
    controls: Arc<Controls>,
    wishes: Arc<Wishes>,
    outgoing: broadcast::Sender<VoicePacket>,
    events: broadcast::Sender<SoundEvent>,
    next_person: AtomicU64,
    orders: SyncSender<Order>,
    worker: Thread,
    supervisor: Thread,
    /// Breaks off when the supervisor has ended.
    ended: Mutex<Receiver<()>>,
}

impl Sound {
    /// Takes up the settings. Opens no device yet.
    ///
    /// # Errors
    /// Where a WAV file of the configuration cannot be used, or the system gives no thread.
    pub fn start(config: SoundConfig) -> Result<Self, SoundError> {
        let host: Box<dyn Host> = match Synthetic::new(&config.backend)? {
            Some(synthetic) => Box::new(synthetic),
            None => Box::new(System),
        };
        let controls = Arc::new(Controls::new(config.processing, config.transmission, config.frame));
        let wishes = Arc::new(Wishes::new(config.input, config.output));
        let (outgoing, _) = broadcast::channel(OUTGOING_PACKETS);
        let (events, _) = broadcast::channel(WAITING_EVENTS);
        let (orders, orders_rx) = sync_channel(MAX_ORDERS);
        let worker = Worker::new(orders_rx, Arc::clone(&controls), outgoing.clone(), events.clone(), Arc::clone(&wishes))?;
        let worker = thread::Builder::new().name("veche-sound".to_owned()).spawn(move || worker.run()).map_err(SoundError::Thread)?;
        let worker = worker.thread().clone();
        let supervisor =
            Supervisor::new(host, Arc::clone(&wishes), Arc::clone(&controls), outgoing.clone(), &events, orders.clone(), worker.clone());
        let (ending, ended) = sync_channel(1);
        let supervisor = thread::Builder::new().name("veche-devices".to_owned()).spawn(move || {
            supervisor.run();
            drop(ending);
        });
        let supervisor = match supervisor {
            Ok(supervisor) => supervisor.thread().clone(),
            Err(error) => {
                drop(orders);
                worker.unpark();
                return Err(SoundError::Thread(error));
            }
        };
        Ok(Self {
            controls,
            wishes,
            outgoing,
            events,
            next_person: AtomicU64::new(0),
            orders,
            worker,
            supervisor,
            ended: Mutex::new(ended),
        })
    }

    /// The voice of this microphone in packets, encoded once for however many listen. The microphone is open while there is a
    /// receiver. One that lags loses the oldest packets.
    #[must_use]
    pub fn outgoing(&self) -> broadcast::Receiver<VoicePacket> {
        let voice = self.outgoing.subscribe();
        self.supervisor.unpark();
        voice
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<SoundEvent> {
        self.events.subscribe()
    }

    /// A new voice in the mix.
    ///
    /// # Errors
    /// Where [`MAX_PEOPLE`] are in it already.
    pub fn person(&self) -> Result<PersonIn, SoundError> {
        let full = || SoundError::TooManyPeople { limit: MAX_PEOPLE };
        let seat = self.wishes.take_seat().ok_or_else(full)?;
        let id = PersonId(self.next_person.fetch_add(1, Ordering::Relaxed));
        let (mut person, shared, packets) = PersonIn::new(id);
        person.sit(seat);
        let heard = Box::new(Heard::new(shared, packets)?);
        self.orders.try_send(Order::Person(heard)).map_err(|_| full())?;
        self.worker.unpark();
        self.supervisor.unpark();
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
        self.wishes.choose(Direction::Input, choice);
        self.supervisor.unpark();
    }

    /// Takes another loudspeaker, at once if it is open. Only [`Backend::System`](super::Backend::System) has several.
    pub fn select_output(&self, choice: DeviceChoice) {
        self.wishes.choose(Direction::Output, choice);
        self.supervisor.unpark();
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
        self.supervisor.unpark();
    }

    /// Begins or ends the sound of ringing.
    pub fn set_ringing(&self, ringing: Option<Ringing>) {
        self.controls.set_ringing(ringing);
        self.supervisor.unpark();
    }

    /// Plays a short sound once.
    pub fn chime(&self, chime: Chime) {
        self.controls.ring_chime(chime);
        self.supervisor.unpark();
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.wishes.end();
        self.supervisor.unpark();
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(CLOSING) == Err(RecvTimeoutError::Timeout) {
            warn!("a sound device does not close");
        }
    }
}
