//! From everybody's packets to what the loudspeaker plays.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::block::{BLOCK, BLOCK_TIME, Block, gain_of, level_db, ramp};
use super::config::InputTest;
use super::controls::Controls;
use super::jitter::JitterBuffer;
use super::limiter::Limiter;
use super::person::PersonShared;
use super::tones::Tones;
use super::{MAX_PEOPLE, SoundError, SoundEvent};
use crate::packet::VoicePacket;

/// From which level on somebody counts as speaking, in decibels below full scale.
const SPEAKING_LEVEL: f32 = -50.0;
/// For how many blocks they count as speaking after that: 250 ms, so that the sign does not flicker between words.
const SPEAKING_HOLD: u32 = 25;
/// Blocks between two updates of the numbers that owners see.
const BLOCKS_PER_UPDATE: u64 = 10;

/// A person in the mix: the other end of a [`PersonIn`](super::PersonIn). Made by whoever adds it, as that allocates.
#[derive(Debug)]
pub(super) struct Heard {
    shared: Arc<PersonShared>,
    packets: Receiver<(VoicePacket, Instant)>,
    buffer: JitterBuffer,
    volume: f32,
    /// Blocks for which they still count as speaking.
    speaking: u32,
    /// Whether their last block was mixed.
    finished: bool,
}

impl Heard {
    /// # Errors
    /// Where the decoder refuses its settings.
    pub(super) fn new(shared: Arc<PersonShared>, packets: Receiver<(VoicePacket, Instant)>) -> Result<Self, SoundError> {
        let volume = gain_of(shared.volume.load(Relaxed));
        Ok(Self { shared, packets, buffer: JitterBuffer::new()?, volume, speaking: 0, finished: false })
    }

    /// Adds their next block to the mix; its last one if they left.
    fn add(&mut self, now: Instant, slack: Duration, mix: &mut Block, emit: &mut dyn FnMut(SoundEvent)) {
        while let Ok((packet, arrived)) = self.packets.try_recv() {
            self.buffer.push(packet, arrived);
        }
        let mut block = [0.0; BLOCK];
        let heard = self.buffer.block(now, slack, &mut block);
        let gone = self.is_gone();
        self.follow(heard && !gone && level_db(&block) > SPEAKING_LEVEL, gone, emit);
        let volume = if gone { 0.0 } else { gain_of(self.shared.volume.load(Relaxed)) };
        ramp(&mut block, self.volume, volume);
        (self.volume, self.finished) = (volume, gone);
        mix.iter_mut().zip(&block).for_each(|(sum, sample)| *sum += sample);
    }

    fn follow(&mut self, loud: bool, gone: bool, emit: &mut dyn FnMut(SoundEvent)) {
        let before = self.speaking > 0;
        self.speaking = match (loud, gone) {
            (_, true) => 0,
            (true, false) => SPEAKING_HOLD,
            (false, false) => self.speaking.saturating_sub(1),
        };
        let speaking = self.speaking > 0;
        if speaking != before {
            self.shared.speaking.store(speaking, Relaxed);
            emit(SoundEvent::PersonSpeaking { person: self.shared.id, speaking });
        }
    }

    fn is_gone(&self) -> bool {
        self.shared.gone.load(Acquire)
    }
}

/// Everything between packets and a loudspeaker. Owned by one thread.
#[derive(Debug)]
pub(super) struct Mixer {
    controls: Arc<Controls>,
    people: Vec<Heard>,
    /// Oneself, in the test of the microphone.
    own: JitterBuffer,
    tones: Tones,
    limiter: Limiter,
    volume: f32,
    /// 0 while deafened.
    audible: f32,
    /// 0 unless oneself is to be heard.
    own_audible: f32,
    pace: Pace,
    device: Duration,
    blocks: u64,
}

impl Mixer {
    /// # Errors
    /// Where a library refuses its settings.
    pub(super) fn new(controls: Arc<Controls>) -> Result<Self, SoundError> {
        let chimes = controls.chime().1;
        let volume = gain_of(controls.output_volume());
        let audible = if controls.deafened() { 0.0 } else { 1.0 };
        Ok(Self {
            controls,
            people: Vec::with_capacity(MAX_PEOPLE),
            own: JitterBuffer::new()?,
            tones: Tones::new(chimes),
            limiter: Limiter::default(),
            volume,
            audible,
            own_audible: 0.0,
            pace: Pace::new(),
            device: Duration::ZERO,
            blocks: 0,
        })
    }

    /// One voice more.
    ///
    /// # Errors
    /// Where [`MAX_PEOPLE`] are in it already.
    pub(super) fn add(&mut self, heard: Heard) -> Result<(), SoundError> {
        if self.people.len() >= MAX_PEOPLE {
            return Err(SoundError::TooManyPeople { limit: MAX_PEOPLE });
        }
        self.people.push(heard);
        Ok(())
    }

    /// How long sound takes from here to the ear: ring and device. Only told to the owners of people.
    pub(super) fn set_device_delay(&mut self, delay: Duration) {
        self.device = delay;
    }

    /// A packet of one's own, for the test of the microphone.
    pub(super) fn own(&mut self, packet: VoicePacket, arrived: Instant) {
        self.own.push(packet, arrived);
    }

    /// Whether a loudspeaker is needed: somebody is in the mix, something rings, or oneself is to be heard.
    pub(super) fn is_needed(&self) -> bool {
        let chimes = self.controls.chime().1;
        !self.people.is_empty()
            || self.tones.sounds(chimes)
            || self.controls.ringing().is_some()
            || self.controls.input_test() == InputTest::Loopback
    }

    /// The next 10 ms, which are played from `now` on, give or take a constant.
    pub(super) fn block(&mut self, now: Instant, out: &mut Block, emit: &mut dyn FnMut(SoundEvent)) {
        let slack = self.pace.call(now);
        out.fill(0.0);
        for heard in &mut self.people {
            heard.add(now, slack, out, emit);
        }
        let audible = if self.controls.deafened() { 0.0 } else { 1.0 };
        ramp(out, self.audible, audible);
        self.audible = audible;
        self.add_own(now, slack, out);
        self.tones.add(self.controls.ringing(), self.controls.chime(), out);
        let volume = gain_of(self.controls.output_volume());
        ramp(out, self.volume, volume);
        self.volume = volume;
        self.limiter.run(out);

        self.blocks += 1;
        if self.blocks.is_multiple_of(BLOCKS_PER_UPDATE) {
            self.people.iter().for_each(|heard| heard.shared.publish(&heard.buffer.stats(self.device)));
        }
        self.people.retain(|heard| !heard.finished);
    }

    fn add_own(&mut self, now: Instant, slack: Duration, out: &mut Block) {
        let mut block = [0.0; BLOCK];
        // Followed to its end when the test is over, so that the next one does not begin with the rest of this.
        self.own.block(now, slack, &mut block);
        let audible = if self.controls.input_test() == InputTest::Loopback { 1.0 } else { 0.0 };
        ramp(&mut block, self.own_audible, audible);
        self.own_audible = audible;
        out.iter_mut().zip(&block).for_each(|(sum, sample)| *sum += sample);
    }
}

/// Calls that are looked at: two seconds.
const CALLS: usize = 200;
/// Calls before anything can be said; the first ones fill the device's buffer and come at once.
const ENOUGH_CALLS: usize = 60;
/// Calls that count as usual: all but the earliest and the latest 5 %.
const UNUSUAL: usize = 20;
/// The most that calls are taken to be early: beyond that the device's buffer is the problem.
const MAX_SLACK: Duration = Duration::from_millis(40);
/// After a longer pause the loudspeaker was closed in between.
const INTERRUPTED: Duration = Duration::from_millis(300);

/// How unevenly blocks are asked for. A device that takes 40 ms at once asks for the last of those 30 ms before its time.
#[derive(Debug)]
struct Pace {
    begun: Option<(Instant, Instant)>,
    calls: u32,
    /// How early each call was, in microseconds, compared with the first.
    early: VecDeque<i64>,
    sorted: Vec<i64>,
    slack: Duration,
}

impl Pace {
    fn new() -> Self {
        let (early, sorted) = (VecDeque::with_capacity(CALLS), Vec::with_capacity(CALLS));
        Self { begun: None, calls: 0, early, sorted, slack: Duration::ZERO }
    }

    fn call(&mut self, now: Instant) -> Duration {
        let first = match self.begun {
            Some((first, last)) if now.saturating_duration_since(last) < INTERRUPTED => first,
            Some(_) | None => {
                self.early.clear();
                (self.calls, self.slack) = (0, Duration::ZERO);
                now
            }
        };
        self.begun = Some((first, now));
        let expected = BLOCK_TIME * self.calls;
        self.calls = self.calls.saturating_add(1);
        let passed = now.saturating_duration_since(first);
        if self.early.len() == CALLS {
            self.early.pop_front();
        }
        self.early.push_back(expected.as_micros() as i64 - passed.as_micros() as i64);
        if self.early.len() >= ENOUGH_CALLS && self.calls.is_multiple_of(10) {
            self.sorted.clear();
            self.sorted.extend(&self.early);
            self.sorted.sort_unstable();
            let margin = self.sorted.len() / UNUSUAL;
            let spread = self.sorted[self.sorted.len() - 1 - margin] - self.sorted[margin];
            self.slack = Duration::from_micros(spread.max(0) as u64).min(MAX_SLACK);
        }
        self.slack
    }
}

#[cfg(test)]
mod tests;
