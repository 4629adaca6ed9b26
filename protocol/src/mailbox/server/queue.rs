//! One queue: its frames, its quota, and whoever reads it.

use super::limits::Limits;
use super::rows::{Head, Slip};
use crate::ids::LinkId;
use crate::limits::MAIL_WINDOW;
use crate::rate::Used;
use crate::time::UnixMs;
use std::collections::VecDeque;

/// A queue as the node remembers it.
#[derive(Debug)]
pub(super) struct Queue {
    pub head: Head,
    /// Durable frames, in the order of their numbers.
    slips: VecDeque<Slip>,
    /// Bytes of durable frames.
    bytes: u64,
    /// Frames that are being written.
    writing: usize,
    /// Their bytes.
    writing_bytes: u64,
    /// How fast it was filled.
    pub puts: Used,
    /// Who reads it.
    pub reader: Option<Reader>,
}

/// Somebody who reads a queue over a link.
#[derive(Debug)]
pub(super) struct Reader {
    link: LinkId,
    /// Tells this reading from one before it.
    turn: u64,
    /// Largest number of a frame that was sent or left out.
    sent: u64,
    /// Last of the frames that the store is being asked for.
    asked: Option<u64>,
}

impl Queue {
    pub fn new(head: Head) -> Self {
        Self { head, slips: VecDeque::new(), bytes: 0, writing: 0, writing_bytes: 0, puts: Used::default(), reader: None }
    }

    /// Takes over frames found in the store.
    pub fn restore(&mut self, mut slips: Vec<Slip>) {
        slips.sort_by_key(|slip| slip.n);
        self.head.last = slips.last().map_or(0, |slip| slip.n).max(self.head.last);
        self.bytes = slips.iter().map(|slip| u64::from(slip.len)).fold(0, u64::saturating_add);
        self.slips = slips.into();
    }

    /// Durable frames.
    pub fn frames(&self) -> usize {
        self.slips.len()
    }

    /// Bytes of all frames, also of those that are being written.
    pub fn all_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.writing_bytes)
    }

    /// Whether one more frame of this length fits.
    pub fn has_room(&self, limits: &Limits, len: u64) -> bool {
        self.slips.len().saturating_add(self.writing) < limits.queue_frames && self.all_bytes().saturating_add(len) <= limits.queue_bytes
    }

    /// Begins to write a frame.
    pub fn begin(&mut self, len: u32, at: UnixMs) -> Slip {
        self.head.last = self.head.last.saturating_add(1);
        self.writing = self.writing.saturating_add(1);
        self.writing_bytes = self.writing_bytes.saturating_add(u64::from(len));
        Slip { n: self.head.last, at, len }
    }

    /// A frame is durable, or was not written after all.
    pub fn end(&mut self, slip: Slip, durable: bool) {
        let len = u64::from(slip.len);
        self.writing = self.writing.saturating_sub(1);
        self.writing_bytes = self.writing_bytes.saturating_sub(len);
        if durable {
            self.bytes = self.bytes.saturating_add(len);
            self.slips.push_back(slip);
        }
    }

    /// Removes the frames from the front that `gone` holds for; returns them.
    pub fn remove_front(&mut self, gone: impl Fn(&Slip) -> bool) -> Vec<Slip> {
        let count = self.slips.iter().take_while(|slip| gone(slip)).count();
        let removed: Vec<Slip> = self.slips.drain(..count).collect();
        self.forget(&removed);
        removed
    }

    /// Removes one frame, wherever it is.
    pub fn remove(&mut self, n: u64) -> Option<Slip> {
        let at = self.slips.iter().position(|slip| slip.n == n)?;
        let removed = self.slips.remove(at)?;
        self.forget(&[removed]);
        Some(removed)
    }

    fn forget(&mut self, removed: &[Slip]) {
        let bytes = removed.iter().map(|slip| u64::from(slip.len)).fold(0, u64::saturating_add);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Somebody begins to read from the front.
    pub fn open(&mut self, link: LinkId, turn: u64) {
        self.reader = Some(Reader { link, turn, sent: 0, asked: None });
    }

    /// The reader's link, and the largest number that it was sent.
    pub fn reading(&self) -> Option<(LinkId, u64)> {
        self.reader.as_ref().map(|reader| (reader.link, reader.sent))
    }

    /// Tells this reading from others.
    pub fn turn(&self) -> Option<u64> {
        self.reader.as_ref().map(|reader| reader.turn)
    }

    /// Bytes of frames that were asked from the store or sent, and are not taken yet.
    pub fn claimed(&self) -> u64 {
        self.reader.as_ref().map_or(0, |reader| self.bytes_up_to(reader.asked.unwrap_or(reader.sent)))
    }

    /// Bytes of the frames up to and with a number.
    pub fn bytes_up_to(&self, n: u64) -> u64 {
        self.slips.iter().take_while(|slip| slip.n <= n).map(|slip| u64::from(slip.len)).fold(0, u64::saturating_add)
    }

    /// The frames to be asked from the store next: as many as the window and `room` bytes allow.
    pub fn next(&self, room: u64) -> Vec<Slip> {
        let Some(reader) = self.reader.as_ref().filter(|reader| reader.asked.is_none()) else { return Vec::new() };
        let mut bytes = 0_u64;
        let window = self.slips.iter().take(MAIL_WINDOW).filter(|slip| slip.n > reader.sent);
        window
            .take_while(|slip| {
                bytes = bytes.saturating_add(u64::from(slip.len));
                bytes <= room
            })
            .copied()
            .collect()
    }

    /// The store is asked for these.
    pub fn ask(&mut self, slips: &[Slip]) {
        if let Some(reader) = &mut self.reader {
            reader.asked = slips.last().map(|slip| slip.n);
        }
    }

    /// The store answered.
    pub fn answered(&mut self) {
        if let Some(reader) = &mut self.reader {
            reader.asked = None;
        }
    }

    /// A frame went out to the reader.
    pub fn sent(&mut self, n: u64) {
        if let Some(reader) = &mut self.reader {
            reader.sent = reader.sent.max(n);
        }
    }
}
