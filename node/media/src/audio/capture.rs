//! From the microphone to packets.

use std::sync::Arc;
use std::time::Duration;

use super::block::{BLOCK, BLOCK_TIME, Block, SILENCE_DB, gain_db, gain_of, level_db, make_sane, power, power_db, ramp};
use super::codec::{MAX_FRAME, VoiceEncoder};
use super::config::{FrameLength, InputTest, Transmission};
use super::controls::Controls;
use super::gate::{Gate, Rules};
use super::limiter::Limiter;
use super::process::Cleaner;
use super::{LEVELS_PER_SECOND, SoundError, SoundEvent};
use crate::packet::VoicePacket;

/// Blocks before the gate opened that are sent as well: the 20 ms in which a word is recognised as one are not cut off. The listener
/// makes up for that delay within the first syllables.
const PRE_ROLL: usize = 2;
/// How long the filters before the encoder still give out what they heard before, in blocks: overlapping windows of echo and noise
/// suppression, and the limiter.
const LINGERING: u32 = 2;
/// Blocks between two events of level.
const BLOCKS_PER_LEVEL: u32 = 100 / LEVELS_PER_SECOND;

/// The level of a packet that ends what was said, in -dBov (RFC 6464).
pub(super) const QUIETEST: u8 = 127;

/// What comes out of the microphone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Emitted {
    /// For everybody who listens.
    Voice(VoicePacket),
    /// For the test that plays oneself back; not for others.
    Own(VoicePacket),
    /// For the owner.
    Event(SoundEvent),
}

/// Everything between a microphone and packets. Owned by one thread.
#[derive(Debug)]
pub(super) struct Capture {
    controls: Arc<Controls>,
    cleaner: Cleaner,
    gate: Gate,
    limiter: Limiter,
    encoder: VoiceEncoder,
    volume: f32,
    /// Samples since the beginning, and where packets count from.
    clock: u32,
    /// The last blocks before the current one, ready to be sent; the newest first.
    before: [Block; PRE_ROLL],
    /// How many of those are fit to be sent: recorded while nothing was muted.
    usable: usize,
    frame: Frame,
    open: bool,
    ways: Ways,
    /// Blocks that are silenced yet, after unmuting.
    withheld: u32,
    others: Stream,
    own: Stream,
    speaking: bool,
    meter: Meter,
}

impl Capture {
    /// # Errors
    /// Where a library refuses its settings, or the system has no randomness.
    pub(super) fn new(controls: Arc<Controls>) -> Result<Self, SoundError> {
        let mut random = [0; 6];
        getrandom::fill(&mut random).map_err(|error| SoundError::Engine { reason: error.to_string() })?;
        let [a, b, c, d, e, f] = random;
        let cleaner = Cleaner::new(controls.processing());
        let volume = gain_of(controls.input_volume());
        Ok(Self {
            controls,
            cleaner,
            gate: Gate::new(),
            limiter: Limiter::default(),
            encoder: VoiceEncoder::new()?,
            volume,
            // RFC 3550 §5.1 wants both to begin anywhere.
            clock: u32::from_be_bytes([a, b, c, d]),
            before: [[0.0; BLOCK]; PRE_ROLL],
            usable: 0,
            frame: Frame::default(),
            open: false,
            ways: Ways { others: true, own: false },
            withheld: 0,
            others: Stream::new(u16::from_be_bytes([e, f])),
            own: Stream::new(0),
            speaking: false,
            meter: Meter::default(),
        })
    }

    /// Takes what the loudspeaker is given to play, block by block, so that it can be taken out of what the microphone hears.
    pub(super) fn played(&mut self, block: &Block) {
        self.cleaner.played(block);
    }

    /// The microphone is closed: what was being said ends here.
    pub(super) fn pause(&mut self, emit: &mut dyn FnMut(Emitted)) {
        if self.open {
            self.add(&[0.0; BLOCK], 0, true, emit);
            self.clock = self.clock.wrapping_add(BLOCK as u32);
        }
        (self.open, self.usable) = (false, 0);
        (self.others.silent, self.own.silent) = (true, true);
        if std::mem::take(&mut self.speaking) {
            emit(Emitted::Event(SoundEvent::Speaking(false)));
        }
    }

    /// A microphone is open again after so long: packets count on as if there had been silence, and come to the listener in time.
    pub(super) fn resume(&mut self, after: Duration) {
        let blocks = after.as_nanos() / BLOCK_TIME.as_nanos();
        // The clock wraps, and what is lost above 32 bits is lost by wrapping.
        self.clock = self.clock.wrapping_add((blocks as u32).wrapping_mul(BLOCK as u32));
    }

    /// Takes the next 10 ms of the microphone.
    pub(super) fn block(&mut self, mic: &Block, emit: &mut dyn FnMut(Emitted)) {
        let mut block = *mic;
        make_sane(&mut block);
        let to = Ways { others: !self.controls.muted(), own: self.controls.input_test() == InputTest::Loopback };
        if to.others && !self.ways.others {
            self.forget();
        }
        self.cleaner.set(self.controls.processing());
        self.cleaner.clean(&mut block);

        let volume = gain_of(self.controls.input_volume());
        let level = (level_db(&block) + gain_db(volume)).clamp(SILENCE_DB, 0.0);
        let rules =
            Rules { transmission: self.controls.transmission(), threshold: self.controls.threshold(), pressed: self.controls.pressed() };
        let open = self.gate.hears(&block, level, rules);
        let loudness = power(&block) * volume * volume;
        if let Some(event) = self.meter.hear(loudness, open) {
            emit(Emitted::Event(event));
        }

        self.cleaner.level(&mut block);
        ramp(&mut block, self.volume, volume);
        self.volume = volume;
        self.limiter.run(&mut block);
        if self.withheld > 0 {
            self.withheld -= 1;
            block.fill(0.0);
        }
        self.send(&block, to, open, rules.transmission, emit);
        self.clock = self.clock.wrapping_add(BLOCK as u32);
    }

    /// What was said while muted is nobody's business after it either: nothing of it stays where it could come out.
    fn forget(&mut self) {
        self.frame.clear();
        self.encoder.reset();
        self.withheld = LINGERING;
    }

    fn send(&mut self, block: &Block, to: Ways, open: bool, transmission: Transmission, emit: &mut dyn FnMut(Emitted)) {
        let speaking = open && to.others;
        if speaking != self.speaking {
            self.speaking = speaking;
            emit(Emitted::Event(SoundEvent::Speaking(speaking)));
        }
        self.ways = to;
        self.others.silent |= !to.others;
        self.own.silent |= !to.own;
        if to == Ways::default() {
            (self.open, self.usable) = (false, 0);
            self.frame.clear();
            return;
        }
        self.encoder.tune(self.controls.bitrate(), self.controls.expected_loss());
        match (self.open, open) {
            (false, true) => {
                (self.others.silent, self.own.silent) = (true, true);
                let early = if transmission == Transmission::VoiceActivated { self.usable } else { 0 };
                for back in (0..early).rev() {
                    let before = self.before[back];
                    self.add(&before, back as u32 + 1, false, emit);
                }
                self.add(block, 0, false, emit);
            }
            (true, true) => self.add(block, 0, false, emit),
            (true, false) => {
                let mut last = *block;
                ramp(&mut last, 1.0, 0.0);
                self.add(&last, 0, true, emit);
            }
            (false, false) => {}
        }
        self.usable = if open || self.open || !to.others { 0 } else { (self.usable + 1).min(PRE_ROLL) };
        self.open = open;
        self.before.rotate_right(1);
        self.before[0] = *block;
    }

    /// Adds a block, recorded so many blocks ago, to the frame, and sends that when it is full. The last one before silence is
    /// marked by the level of silence, so that the listener makes nothing up to follow it.
    fn add(&mut self, block: &Block, blocks_ago: u32, last: bool, emit: &mut dyn FnMut(Emitted)) {
        let recorded = self.clock.wrapping_sub(blocks_ago * BLOCK as u32);
        let wanted = match self.controls.frame() {
            FrameLength::Ms10 => BLOCK,
            FrameLength::Ms20 => 2 * BLOCK,
        };
        self.frame.add(block, recorded, wanted);
        while last && !self.frame.is_full() {
            self.frame.add(&[0.0; BLOCK], recorded, wanted);
        }
        if !self.frame.is_full() {
            return;
        }
        let timestamp = self.frame.recorded;
        let samples = self.frame.take();
        let level = if last { QUIETEST } else { (-level_db(samples)).round() as u8 };
        let Some(payload) = self.encoder.encode(samples) else { return };
        let packet = VoicePacket { sequence: 0, timestamp, marker: false, level, payload };
        if self.ways.own {
            emit(Emitted::Own(self.own.next(packet.clone())));
        }
        if self.ways.others {
            emit(Emitted::Voice(self.others.next(packet)));
        }
    }
}

/// Where packets go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ways {
    others: bool,
    own: bool,
}

/// Samples on their way to becoming one packet.
#[derive(Debug)]
struct Frame {
    samples: [f32; MAX_FRAME],
    filled: usize,
    wanted: usize,
    /// When the first of them was recorded, on the clock of packets.
    recorded: u32,
}

impl Default for Frame {
    fn default() -> Self {
        Self { samples: [0.0; MAX_FRAME], filled: 0, wanted: BLOCK, recorded: 0 }
    }
}

impl Frame {
    /// A change of the wanted length takes effect with the next frame.
    fn add(&mut self, block: &Block, recorded: u32, wanted: usize) {
        if self.filled == 0 {
            (self.wanted, self.recorded) = (wanted, recorded);
        }
        self.samples[self.filled..self.filled + BLOCK].copy_from_slice(block);
        self.filled += BLOCK;
    }

    fn is_full(&self) -> bool {
        self.filled >= self.wanted
    }

    fn take(&mut self) -> &[f32] {
        let filled = std::mem::take(&mut self.filled);
        &self.samples[..filled]
    }

    fn clear(&mut self) {
        self.filled = 0;
    }
}

/// Numbers the packets of one way out.
#[derive(Debug)]
struct Stream {
    sequence: u16,
    /// Whether nothing went out just before.
    silent: bool,
}

impl Stream {
    fn new(sequence: u16) -> Self {
        Self { sequence, silent: true }
    }

    fn next(&mut self, packet: VoicePacket) -> VoicePacket {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        VoicePacket { sequence, marker: std::mem::take(&mut self.silent), ..packet }
    }
}

/// Collects levels for the owner's meter.
#[derive(Debug, Default)]
struct Meter {
    power: f32,
    blocks: u32,
}

impl Meter {
    fn hear(&mut self, power: f32, open: bool) -> Option<SoundEvent> {
        self.power += power;
        self.blocks += 1;
        if self.blocks < BLOCKS_PER_LEVEL {
            return None;
        }
        let decibels = power_db(self.power / self.blocks as f32);
        *self = Self::default();
        Some(SoundEvent::Level { decibels, open })
    }
}

#[cfg(test)]
mod tests;
