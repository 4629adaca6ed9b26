//! Where packets wait in the order of their sequence numbers.

use bytes::Bytes;

use super::Micros;
use crate::audio::codec::PacketShape;
use crate::packet::VoicePacket;

/// Packets that wait at most: 1.28 s in frames of 10 ms. More is no delay that anybody wants to hear.
pub(super) const PLACES: usize = 128;
/// A sequence number further ahead begins another stream: 30 s of lost packets in frames of 10 ms (RFC 3550 §A.1).
const FURTHEST_AHEAD: i64 = 3_000;
/// A sequence number further behind begins another stream: what is reordered by more has no use left.
const FURTHEST_BEHIND: i64 = PLACES as i64;

/// Times by the sender's clock are counted from anew before they come near the ends of what can be computed with: 186 years of
/// samples, which only lies reach.
const FURTHEST_TIME: i64 = 1 << 48;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) arrived: Micros,
    /// When it was sent, in samples by the sender's clock, without wraps.
    pub(super) sent: i64,
    pub(super) level: u8,
    pub(super) shape: PacketShape,
    pub(super) payload: Bytes,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It waits. It was sent then, in samples by the sender's clock, without wraps.
    Waits(i64),
    /// It waits, and another stream began with it: what waited before is gone.
    Restarted(i64),
    /// Its turn is over, and it had not come. It was sent then, likewise.
    Late(i64),
    /// It is there already, or belongs to nothing.
    Refused,
}

/// A ring of places by sequence number.
#[derive(Debug)]
pub(super) struct Shelf {
    places: Vec<Option<Held>>,
    /// The sequence number, without wraps, that is taken next. Nothing below it is kept.
    next: i64,
    waiting: usize,
    /// Whether anything was taken yet; before that, what comes late may still be first.
    begun: bool,
    /// The highest sequence number so far, and the time of that packet; `None` before the first.
    newest: Option<(i64, i64)>,
    /// Which of the last numbers below `next` came: bit 0 is the one before `next`.
    came: u128,
    /// The number that would prove that a packet out of place was no accident.
    suspect: Option<u16>,
    /// By how many the last packet came behind the newest; 0 for one that is the newest itself.
    pub(super) behind: i64,
    /// Packets that were taken off unheard, to make room.
    pub(super) pushed_out: u64,
    /// Packets that were missing when others had to make room.
    pub(super) missed: u64,
}

impl Shelf {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(|| None).take(PLACES).collect();
        Self { places, next: 0, waiting: 0, begun: false, newest: None, came: 0, suspect: None, behind: 0, pushed_out: 0, missed: 0 }
    }

    /// Puts a packet in its place.
    pub(super) fn put(&mut self, packet: VoicePacket, shape: PacketShape, arrived: Micros) -> Placed {
        self.behind = 0;
        let Some((newest, time)) = self.newest else {
            return self.restart(packet, shape, arrived);
        };
        let sequence = newest + i64::from(packet.sequence.wrapping_sub(newest as u16) as i16);
        // Both are differences of wrapping counters, so they are small, and sums of them stay far from the ends of 64 bits.
        let sent = time + i64::from(packet.timestamp.wrapping_sub(time as u32) as i32);
        if sent.abs() > FURTHEST_TIME {
            return self.restart(packet, shape, arrived);
        }
        if sequence > newest + FURTHEST_AHEAD || sequence < newest - FURTHEST_BEHIND {
            if self.suspect == Some(packet.sequence) {
                return self.restart(packet, shape, arrived);
            }
            self.suspect = Some(packet.sequence.wrapping_add(1));
            return Placed::Refused;
        }
        self.suspect = None;
        if sequence > newest {
            self.newest = Some((sequence, sent));
        } else {
            self.behind = newest - sequence;
        }
        if sequence < self.next {
            if !self.begun && sequence > self.next - PLACES as i64 && self.fits(sequence) {
                self.next = sequence;
            } else {
                return self.judge_late(sequence, sent);
            }
        }
        while sequence >= self.next + PLACES as i64 {
            match self.take() {
                Some(_) => self.pushed_out += 1,
                None => self.missed += 1,
            }
        }
        let place = &mut self.places[Self::index(sequence)];
        if place.is_some() {
            return Placed::Refused;
        }
        *place = Some(Held { arrived, sent, level: packet.level, shape, payload: packet.payload });
        self.waiting += 1;
        Placed::Waits(sent)
    }

    fn fits(&self, sequence: i64) -> bool {
        self.newest.is_some_and(|(newest, _)| newest - sequence < PLACES as i64)
    }

    fn judge_late(&mut self, sequence: i64, sent: i64) -> Placed {
        let back = self.next - 1 - sequence;
        match u32::try_from(back).ok().and_then(|back| 1u128.checked_shl(back)) {
            Some(bit) if self.came & bit == 0 => {
                self.came |= bit;
                Placed::Late(sent)
            }
            Some(_) | None => Placed::Refused,
        }
    }

    fn restart(&mut self, packet: VoicePacket, shape: PacketShape, arrived: Micros) -> Placed {
        self.pushed_out += self.waiting as u64;
        self.places.iter_mut().for_each(|place| *place = None);
        let (sequence, sent) = (i64::from(packet.sequence), i64::from(packet.timestamp));
        self.places[Self::index(sequence)] = Some(Held { arrived, sent, level: packet.level, shape, payload: packet.payload });
        (self.next, self.waiting, self.begun, self.came, self.suspect) = (sequence, 1, false, 0, None);
        self.newest = Some((sequence, sent));
        Placed::Restarted(sent)
    }

    fn index(sequence: i64) -> usize {
        sequence.rem_euclid(PLACES as i64) as usize
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The first packet that waits, and how many are missing before it.
    pub(super) fn first(&self) -> Option<(usize, &Held)> {
        if self.waiting == 0 {
            return None;
        }
        (0..PLACES).find_map(|ahead| self.places[Self::index(self.next + ahead as i64)].as_ref().map(|held| (ahead, held)))
    }

    /// Takes the next packet; `None` if it is missing, and it is passed over for good.
    pub(super) fn take(&mut self) -> Option<Held> {
        let held = self.places[Self::index(self.next)].take();
        self.waiting -= usize::from(held.is_some());
        self.came = self.came << 1 | u128::from(held.is_some());
        self.next += 1;
        self.begun = true;
        held
    }
}
