//! One person who is heard: where their packets go in, and what is known about them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use super::config::MAX_VOLUME;
use super::supervisor::Seat;
use crate::packet::VoicePacket;

/// Packets that wait for the mixer, which looks every 10 ms: a burst of 1.28 s of sound. What comes beyond is dropped.
const WAITING_PACKETS: usize = 128;

/// Tells apart the people of one [`Sound`](super::Sound), also those who left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(pub u64);

/// A person in the mix. Dropping it takes them out.
#[derive(Debug)]
pub struct PersonIn {
    shared: Arc<PersonShared>,
    packets: SyncSender<(VoicePacket, Instant)>,
    /// Held as long as they are here.
    seat: Option<Seat>,
}

impl PersonIn {
    pub(super) fn new(id: PersonId) -> (Self, Arc<PersonShared>, Receiver<(VoicePacket, Instant)>) {
        let (packets, waiting) = sync_channel(WAITING_PACKETS);
        let shared = Arc::new(PersonShared::new(id));
        (Self { shared: Arc::clone(&shared), packets, seat: None }, shared, waiting)
    }

    /// Counts this person until they leave.
    pub(super) fn sit(&mut self, seat: Seat) {
        self.seat = Some(seat);
    }

    /// Who this is in [`SoundEvent::PersonSpeaking`](super::SoundEvent::PersonSpeaking).
    #[must_use]
    pub fn id(&self) -> PersonId {
        self.shared.id
    }

    /// Hands in what arrived from the network, in the order and at the time in which it came. Never waits; what is more than the
    /// mixer takes is dropped and counted as [`PersonStats::dropped`].
    pub fn push(&self, packet: VoicePacket, arrived: Instant) {
        if self.packets.try_send((packet, arrived)).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How loud the person is for this listener, in percent of what they sent; at most [`MAX_VOLUME`].
    pub fn set_volume(&self, percent: u16) {
        self.shared.volume.store(percent.min(MAX_VOLUME), Ordering::Relaxed);
    }

    /// Whether they speak now.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        self.shared.speaking.load(Ordering::Relaxed)
    }

    /// How their sound gets through.
    #[must_use]
    pub fn stats(&self) -> PersonStats {
        self.shared.stats()
    }
}

impl Drop for PersonIn {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
    }
}

/// How one person's sound gets through, since they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersonStats {
    /// Packets taken by the jitter buffer.
    pub received: u64,
    /// Packets that did not come before their sound was due.
    pub lost: u64,
    /// Of the lost, those whose sound came from the redundancy in the next packet.
    pub recovered: u64,
    /// Packets that came after their sound was due; they count as lost as well.
    pub late: u64,
    /// Packets that came behind later ones.
    pub behind: u64,
    /// Packets that came while all of those just before were late: they wait somewhere, and ever longer.
    pub held_up: u64,
    /// Packets refused: repeated, damaged, or more than there is room for.
    pub dropped: u64,
    /// Sound that was played in all.
    pub played: Duration,
    /// Of that, sound that was made up because there was none.
    pub concealed: Duration,
    /// The delay that the jitter buffer aims at.
    pub target: Duration,
    /// From arrival of the timeliest packets to the loudspeaker: jitter buffer and device buffer together.
    pub delay: Duration,
}

/// What mixer and owner share about a person.
#[derive(Debug)]
pub(super) struct PersonShared {
    pub(super) id: PersonId,
    pub(super) gone: AtomicBool,
    pub(super) volume: AtomicU16,
    pub(super) speaking: AtomicBool,
    pub(super) dropped: AtomicU64,
    received: AtomicU64,
    lost: AtomicU64,
    recovered: AtomicU64,
    late: AtomicU64,
    behind: AtomicU64,
    held_up: AtomicU64,
    refused: AtomicU64,
    played_ms: AtomicU64,
    concealed_ms: AtomicU64,
    target_us: AtomicU32,
    delay_us: AtomicU32,
}

impl PersonShared {
    fn new(id: PersonId) -> Self {
        Self {
            id,
            gone: AtomicBool::new(false),
            volume: AtomicU16::new(100),
            speaking: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
            received: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            recovered: AtomicU64::new(0),
            late: AtomicU64::new(0),
            behind: AtomicU64::new(0),
            held_up: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            played_ms: AtomicU64::new(0),
            concealed_ms: AtomicU64::new(0),
            target_us: AtomicU32::new(0),
            delay_us: AtomicU32::new(0),
        }
    }

    fn stats(&self) -> PersonStats {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        PersonStats {
            received: count(&self.received),
            lost: count(&self.lost),
            recovered: count(&self.recovered),
            late: count(&self.late),
            behind: count(&self.behind),
            held_up: count(&self.held_up),
            dropped: count(&self.dropped) + count(&self.refused),
            played: Duration::from_millis(count(&self.played_ms)),
            concealed: Duration::from_millis(count(&self.concealed_ms)),
            target: Duration::from_micros(self.target_us.load(Ordering::Relaxed).into()),
            delay: Duration::from_micros(self.delay_us.load(Ordering::Relaxed).into()),
        }
    }

    /// Shows the mixer's own count, whose `dropped` are the packets that the jitter buffer refused.
    pub(super) fn publish(&self, stats: &PersonStats) {
        self.received.store(stats.received, Ordering::Relaxed);
        self.lost.store(stats.lost, Ordering::Relaxed);
        self.recovered.store(stats.recovered, Ordering::Relaxed);
        self.late.store(stats.late, Ordering::Relaxed);
        self.behind.store(stats.behind, Ordering::Relaxed);
        self.held_up.store(stats.held_up, Ordering::Relaxed);
        self.refused.store(stats.dropped, Ordering::Relaxed);
        self.played_ms.store(stats.played.as_millis() as u64, Ordering::Relaxed);
        self.concealed_ms.store(stats.concealed.as_millis() as u64, Ordering::Relaxed);
        self.target_us.store(stats.target.as_micros() as u32, Ordering::Relaxed);
        self.delay_us.store(stats.delay.as_micros() as u32, Ordering::Relaxed);
    }
}
