//! The sound thread: both ways of sound in one loop, so that the echo canceller has one owner and nothing waits for a lock.
//!
//! Callbacks of the devices wake it. The loudspeaker comes first: it is the one that cannot wait, and what is played has to be known
//! before the microphone hears it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use tracing::{debug, warn};

use super::block::BLOCK;
use super::capture::{Capture, Emitted};
use super::controls::Controls;
use super::device::{Drain, Feed};
use super::fill::Fill;
use super::mixer::{Heard, Mixer};
use super::resample::{FromBlocks, ToBlocks};
use super::supervisor::Wishes;
use super::{MAX_PEOPLE, SoundError, SoundEvent, priority};
use crate::packet::VoicePacket;

/// Orders that may wait: everybody comes at once, and devices change meanwhile.
pub(super) const MAX_ORDERS: usize = MAX_PEOPLE + 16;

/// The longest sleep while a device is open. Callbacks wake the thread; this is for a device whose callbacks come rarely.
const NAP: Duration = Duration::from_millis(10);

/// Sound of the microphone that may have piled up, as parts of a second: 200 ms. More means that the machine was busy or asleep, and
/// would be a delay for the rest of the call.
const BACKLOGS_PER_SECOND: u32 = 5;

/// Blocks that are mixed at once at most, whatever the device asks for: as much as its ring holds.
const MAX_BLOCKS: usize = 50;

/// What the thread is told.
pub(super) enum Order {
    /// Hear this microphone from now on, or none.
    Input(Option<Feed>),
    /// Play on this loudspeaker from now on, or none.
    Output(Option<Drain>),
    /// Somebody more is in the mix.
    Person(Box<Heard>),
    /// Nothing is to be done any more.
    End,
}

/// What the thread owns.
pub(super) struct Worker {
    orders: Receiver<Order>,
    outgoing: broadcast::Sender<VoicePacket>,
    events: broadcast::Sender<SoundEvent>,
    wishes: Arc<Wishes>,
    capture: Capture,
    mixer: Mixer,
    input: Option<Input>,
    /// When the last microphone was closed.
    closed: Option<Instant>,
    output: Option<Output>,
}

struct Input {
    feed: Feed,
    blocks: ToBlocks,
    samples: Vec<f32>,
}

struct Output {
    drain: Drain,
    blocks: FromBlocks,
    fill: Fill,
}

impl Worker {
    /// # Errors
    /// Where a library refuses its settings.
    pub(super) fn new(
        orders: Receiver<Order>,
        controls: Arc<Controls>,
        outgoing: broadcast::Sender<VoicePacket>,
        events: broadcast::Sender<SoundEvent>,
        wishes: Arc<Wishes>,
    ) -> Result<Self, SoundError> {
        let capture = Capture::new(Arc::clone(&controls))?;
        let mixer = Mixer::new(controls)?;
        Ok(Self { orders, outgoing, events, wishes, capture, mixer, input: None, closed: None, output: None })
    }

    /// Until [`Order::End`]. Whoever gives an order unparks this thread.
    pub(super) fn run(mut self) {
        priority::raise();
        loop {
            loop {
                match self.orders.try_recv() {
                    Ok(Order::End) | Err(TryRecvError::Disconnected) => return,
                    Ok(order) => self.obey(order),
                    Err(TryRecvError::Empty) => break,
                }
            }
            self.speak(Instant::now());
            self.wishes.set_playing(self.output.is_some() && self.mixer.is_needed());
            self.hear();
            if self.input.is_some() || self.output.is_some() {
                std::thread::park_timeout(NAP);
            } else {
                std::thread::park();
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Input(feed) => {
                self.cease_to_hear();
                self.input = feed.and_then(|feed| match ToBlocks::new(feed.rate, feed.channels) {
                    Ok(blocks) => Some(Input { samples: Vec::with_capacity(feed.ring.buffer().capacity()), feed, blocks }),
                    Err(error) => {
                        warn!(%error, "the microphone is not used");
                        feed.pulse.set_broken();
                        None
                    }
                });
                if let Some(closed) = self.closed.take_if(|_| self.input.is_some()) {
                    self.capture.resume(closed.elapsed());
                }
            }
            Order::Output(drain) => {
                if let Some(output) = &self.output {
                    debug!(missed = output.drain.pulse.missed(), "the loudspeaker is done");
                }
                self.output = drain.and_then(|drain| match FromBlocks::new(drain.rate, drain.channels) {
                    Ok(blocks) => Some(Output { fill: Fill::new(drain.rate, Instant::now()), drain, blocks }),
                    Err(error) => {
                        warn!(%error, "the loudspeaker is not used");
                        drain.pulse.set_broken();
                        None
                    }
                });
            }
            Order::Person(heard) => {
                // Cannot be: there are as many seats as voices, and who leaves gives the seat back before the voice ends.
                if let Err(error) = self.mixer.add(*heard) {
                    warn!(%error, "somebody is not heard");
                }
            }
            Order::End => {}
        }
    }

    /// Mixes until the loudspeaker has enough for its next callback.
    fn speak(&mut self, now: Instant) {
        let Some(output) = &mut self.output else { return };
        let pulse = &output.drain.pulse;
        output.fill.look(pulse.take_longest(), pulse.missed(), now);
        let channels = usize::from(output.drain.channels);
        for _ in 0..MAX_BLOCKS {
            let waiting = (output.drain.ring.buffer().capacity() - output.drain.ring.slots()) / channels;
            if waiting >= output.fill.target() {
                break;
            }
            let in_ring = Duration::from_secs(1) * waiting as u32 / output.drain.rate;
            self.mixer.set_device_delay(in_ring + Duration::from_micros(pulse.delay_us().into()));
            let mut block = [0.0; BLOCK];
            // Nobody has to listen.
            self.mixer.block(now, &mut block, &mut |event| drop(self.events.send(event)));
            self.capture.played(&block);
            // Cannot be full: the target is less than the ring.
            let _ = output.drain.ring.push_entire_slice(output.blocks.convert(&block));
        }
    }

    /// Takes what the microphone brought.
    fn hear(&mut self) {
        let Some(input) = &mut self.input else { return };
        let most = (input.feed.rate / BACKLOGS_PER_SECOND) as usize * usize::from(input.feed.channels);
        let waiting = input.feed.ring.slots();
        input.samples.resize(waiting, 0.0);
        if input.feed.ring.pop_entire_slice(&mut input.samples).is_err() {
            return;
        }
        let fresh = input.samples.get(waiting.saturating_sub(most)..).unwrap_or_default();
        input.blocks.push(fresh, &mut |block| {
            self.capture.block(block, &mut |emitted| deliver(emitted, &self.outgoing, &self.events, &mut self.mixer));
        });
    }

    /// Ends what is being said, where a microphone is closed.
    fn cease_to_hear(&mut self) {
        if self.input.take().is_some() {
            self.closed = Some(Instant::now());
            self.capture.pause(&mut |emitted| deliver(emitted, &self.outgoing, &self.events, &mut self.mixer));
        }
    }
}

/// Takes what came out of the microphone where it belongs. Nobody has to listen there.
fn deliver(emitted: Emitted, outgoing: &broadcast::Sender<VoicePacket>, events: &broadcast::Sender<SoundEvent>, mixer: &mut Mixer) {
    match emitted {
        Emitted::Voice(packet) => drop(outgoing.send(packet)),
        Emitted::Event(event) => drop(events.send(event)),
        Emitted::Own(packet) => mixer.own(packet, Instant::now()),
    }
}
