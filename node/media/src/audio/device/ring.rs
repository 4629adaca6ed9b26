//! The way of samples between a device's callback and the sound thread: a ring each way and a few counts.
//!
//! A callback runs where nothing may wait: it copies into or out of a ring that was laid out beforehand, counts in atomics, and wakes
//! the sound thread. It takes no lock, asks for no memory and writes no log.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::thread::Thread;

use rtrb::{Consumer, Producer, RingBuffer};

/// Parts of a second that a ring holds: 500 ms, as long as the sound thread may be kept from running on a machine that is
/// overloaded or wakes up. More would only be thrown away as too old.
const RINGS_PER_SECOND: u32 = 2;

/// What callbacks leave behind for those who look after the device.
#[derive(Debug, Default)]
pub(in crate::audio) struct Pulse {
    callbacks: AtomicU64,
    frames: AtomicU64,
    stumbles: AtomicU64,
    longest: AtomicU32,
    missed: AtomicU64,
    delay_us: AtomicU32,
    broken: AtomicBool,
}

impl Pulse {
    /// Callbacks so far. A device whose number stands still is silent.
    pub(in crate::audio) fn callbacks(&self) -> u64 {
        self.callbacks.load(Relaxed)
    }

    /// Frames that the device asked for or brought so far. One whose sound goes on without a break has as many as its rate says.
    pub(in crate::audio) fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// How often the device said that it ran empty, or over.
    pub(in crate::audio) fn stumbles(&self) -> u64 {
        self.stumbles.load(Relaxed)
    }

    pub(super) fn stumble(&self) {
        self.stumbles.fetch_add(1, Relaxed);
    }

    /// Frames that the device asked for and did not get, or brought and could not leave.
    pub(in crate::audio) fn missed(&self) -> u64 {
        self.missed.load(Relaxed)
    }

    /// Frames of the longest callback since the last time that this was asked; 0 if there was none.
    pub(in crate::audio) fn take_longest(&self) -> u32 {
        self.longest.swap(0, Relaxed)
    }

    /// Between callback and membrane, in microseconds; 0 where the device does not say.
    pub(in crate::audio) fn delay_us(&self) -> u32 {
        self.delay_us.load(Relaxed)
    }

    pub(super) fn set_delay_us(&self, delay: u32) {
        self.delay_us.store(delay, Relaxed);
    }

    /// Whether the device said that it is of no use any more.
    pub(in crate::audio) fn is_broken(&self) -> bool {
        self.broken.load(Acquire)
    }

    /// Says so.
    pub(in crate::audio) fn set_broken(&self) {
        self.broken.store(true, Release);
    }

    fn beat(&self, frames: usize, missed: usize) {
        self.longest.fetch_max(u32::try_from(frames).unwrap_or(u32::MAX), Relaxed);
        if missed > 0 {
            self.missed.fetch_add(missed as u64, Relaxed);
        }
        self.frames.fetch_add(frames as u64, Relaxed);
        self.callbacks.fetch_add(1, Relaxed);
    }
}

/// The callback's end of a microphone.
#[derive(Debug)]
pub(super) struct Inlet {
    ring: Producer<f32>,
    channels: usize,
    pulse: Arc<Pulse>,
    worker: Thread,
}

/// The sound thread's end of a microphone.
#[derive(Debug)]
pub(in crate::audio) struct Feed {
    /// What was recorded, channels interleaved, in whole frames.
    pub(in crate::audio) ring: Consumer<f32>,
    pub(in crate::audio) rate: u32,
    pub(in crate::audio) channels: u16,
    pub(in crate::audio) pulse: Arc<Pulse>,
}

/// The callback's end of a loudspeaker.
#[derive(Debug)]
pub(super) struct Outlet {
    ring: Consumer<f32>,
    channels: usize,
    pulse: Arc<Pulse>,
    worker: Thread,
    /// Nothing is missed before there was anything.
    begun: bool,
}

/// The sound thread's end of a loudspeaker.
#[derive(Debug)]
pub(in crate::audio) struct Drain {
    /// What is to be played, channels interleaved, in whole frames.
    pub(in crate::audio) ring: Producer<f32>,
    pub(in crate::audio) rate: u32,
    pub(in crate::audio) channels: u16,
    pub(in crate::audio) pulse: Arc<Pulse>,
}

/// A ring for a microphone with frames of that many channels.
pub(super) fn input(rate: u32, channels: u16, worker: Thread) -> (Inlet, Feed) {
    let (producer, consumer) = ring(rate, channels);
    let pulse = Arc::new(Pulse::default());
    let inlet = Inlet { ring: producer, channels: usize::from(channels.max(1)), pulse: Arc::clone(&pulse), worker };
    (inlet, Feed { ring: consumer, rate, channels, pulse })
}

/// A ring for a loudspeaker with frames of that many channels.
pub(super) fn output(rate: u32, channels: u16, worker: Thread) -> (Outlet, Drain) {
    let (producer, consumer) = ring(rate, channels);
    let pulse = Arc::new(Pulse::default());
    let outlet = Outlet { ring: consumer, channels: usize::from(channels.max(1)), pulse: Arc::clone(&pulse), worker, begun: false };
    (outlet, Drain { ring: producer, rate, channels, pulse })
}

fn ring(rate: u32, channels: u16) -> (Producer<f32>, Consumer<f32>) {
    RingBuffer::new((rate / RINGS_PER_SECOND) as usize * usize::from(channels))
}

impl Inlet {
    /// Leaves what the device recorded.
    pub(super) fn record<S: Copy>(&mut self, samples: &[S], to_f32: impl Fn(S) -> f32) {
        let frames = samples.len() / self.channels;
        let taken = frames.min(self.ring.slots() / self.channels);
        if let Ok(chunk) = self.ring.write_chunk_uninit(taken * self.channels) {
            chunk.fill_from_iter(samples.iter().map(|&sample| to_f32(sample)));
        }
        self.pulse.beat(frames, frames - taken);
        self.worker.unpark();
    }

    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
}

impl Outlet {
    /// Fetches what is to be played now. Where that is too little, the rest stays as it is, which is silence.
    pub(super) fn play<S: Copy>(&mut self, samples: &mut [S], from_f32: impl Fn(f32) -> S) {
        let frames = samples.len() / self.channels;
        let ready = frames.min(self.ring.slots() / self.channels);
        if let Ok(chunk) = self.ring.read_chunk(ready * self.channels) {
            samples.iter_mut().zip(chunk).for_each(|(sample, played)| *sample = from_f32(played));
        }
        self.begun |= ready > 0;
        self.pulse.beat(frames, if self.begun { frames - ready } else { 0 });
        self.worker.unpark();
    }

    pub(super) fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Thread {
        std::thread::current()
    }

    #[test]
    fn what_has_no_room_or_does_not_come_is_counted_in_frames() {
        let (mut inlet, feed) = input(8_000, 2, here());
        inlet.record(&[0.0; 8_200], |sample: f32| sample);
        assert_eq!((feed.ring.slots(), feed.pulse.missed(), feed.pulse.callbacks()), (8_000, 100, 1));
        assert_eq!((feed.pulse.take_longest(), feed.pulse.take_longest()), (4_100, 0));

        let (mut outlet, mut drain) = output(8_000, 2, here());
        let mut played = [0.25_f32; 6];
        outlet.play(&mut played, |sample| sample);
        assert_eq!(drain.pulse.missed(), 0, "nothing can be missed before there was anything");
        drain.ring.push_entire_slice(&[1.0, -1.0]).unwrap();
        outlet.play(&mut played, |sample| sample);
        assert_eq!((played, drain.pulse.missed()), ([1.0, -1.0, 0.25, 0.25, 0.25, 0.25], 2));
    }

    /// A callback that asks for memory may wait for another thread, and then the loudspeaker crackles.
    #[test]
    fn callbacks_ask_for_no_memory() {
        let (mut inlet, mut feed) = input(44_100, 2, here());
        let (mut outlet, mut drain) = output(44_100, 2, here());
        let recorded = [100_i16; 882];
        let mut played = [0_i16; 882];
        let mut block = [0.0; 882];
        let allocations = allocation_counter::measure(|| {
            for _ in 0..200 {
                inlet.record(&recorded, |sample| f32::from(sample) / 32_768.0);
                feed.ring.pop_entire_slice(&mut block).unwrap();
                drain.ring.push_entire_slice(&block).unwrap();
                outlet.play(&mut played, |sample| (sample * 32_768.0) as i16);
                // Neither does it where it finds nothing.
                outlet.play(&mut played, |sample| (sample * 32_768.0) as i16);
            }
        });
        assert_eq!((allocations.count_total, allocations.count_current), (0, 0));
        assert_eq!((played, drain.pulse.missed()), (recorded, 200 * 441));
    }
}
