//! Serving what a peer lacks: several stretches of logs, read in pages and merged by stamp, so that the receiver never has to
//! wait for what an entry refers to.
//!
//! A loop over three calls: while [`Serve::next_read`] names a read, its rows are given to [`Serve::give`]; then [`Serve::batch`]
//! takes out what fits a frame. Bodies of messages lie in the timeline: [`Served::body`] says where, [`Served::entry`] puts both
//! together.

use super::frontier::{Path, Segment};
use super::keys;
use super::log::Place;
use super::rows::{self, LogRow, TimelineRow};
use super::space::Space;
use crate::ids::{ChanId, DeviceId, EntryId, SpaceId};
use crate::limits;
use crate::store::{Dir, Key, Read, Row, Table};
use crate::view::Hlc;
use crate::wire::entry::Entry;
use std::collections::VecDeque;

/// Entries that follow a cut version's end, at most, that are sent: two prove it.
const PROOF: usize = 2;

/// Several stretches of logs of one channel on their way to a peer.
#[derive(Clone, Debug)]
pub struct Serve {
    chan: ChanId,
    streams: Vec<Stream>,
}

#[derive(Clone, Debug)]
struct Stream {
    segment: Segment,
    /// Where the next page begins.
    from: Vec<u8>,
    buffer: VecDeque<Served>,
    taken: usize,
    done: bool,
}

/// An entry to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Served {
    /// Its stamp.
    pub hlc: Hlc,
    /// Its id.
    pub id: EntryId,
    /// The timeline's row with its body, if the timeline has it.
    pub body: Option<Key>,
    /// Whose log it is from.
    pub device: DeviceId,
    /// Its position there.
    pub seq: u64,
    row: LogRow,
    size: usize,
}

impl Served {
    /// The entry as it travels. `timeline` is the value at [`Self::body`].
    #[must_use]
    pub fn entry(self, timeline: Option<&[u8]>) -> Entry {
        let timeline = timeline.and_then(|value| rows::decode::<TimelineRow>(value).ok());
        rows::assemble(self.row, timeline.as_ref())
    }
}

impl Serve {
    /// Begins to serve stretches of a channel.
    #[must_use]
    pub fn new(chan: ChanId, segments: impl IntoIterator<Item = Segment>) -> Self {
        let mut serve = Self { chan, streams: Vec::new() };
        serve.add(segments);
        serve
    }

    /// Serves further stretches together with those under way. Ones that are under way already are not served twice, and more
    /// than [`limits::FRONTIER_ROWS`] at once are left to the next comparison.
    pub fn add(&mut self, segments: impl IntoIterator<Item = Segment>) {
        for segment in segments {
            let covers = |stream: &Stream| {
                let under_way = &stream.segment;
                let same = (under_way.device, &under_way.path) == (segment.device, &segment.path);
                same && under_way.from <= segment.from && under_way.to >= segment.to
            };
            if self.streams.len() < limits::FRONTIER_ROWS && !self.streams.iter().any(covers) {
                let from = segment.from.to_be_bytes().to_vec();
                self.streams.push(Stream { segment, from, buffer: VecDeque::new(), taken: 0, done: false });
            }
        }
    }

    /// The channel.
    #[must_use]
    pub const fn chan(&self) -> ChanId {
        self.chan
    }

    /// Whether everything was taken out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.streams.iter().all(|stream| stream.done && stream.buffer.is_empty())
    }

    /// The next page to read, and the number to give its rows back with. `None` once [`Self::batch`] can go on.
    #[must_use]
    pub fn next_read(&self, space: SpaceId) -> Option<(usize, Read)> {
        let (n, stream) = self.streams.iter().enumerate().find(|(_, stream)| stream.buffer.is_empty() && !stream.done)?;
        let read = Read::Range {
            table: Table::Log,
            scope: keys::log_scope(space, self.chan, stream.segment.device),
            from: stream.from.clone(),
            to: stream.segment.to.checked_add(1).map(|end| end.to_be_bytes().to_vec()),
            dir: Dir::Forward,
            max_rows: limits::BATCH_ENTRIES,
            max_bytes: limits::SYNC_FRAME,
        };
        Some((n, read))
    }

    /// Takes the rows of a page. Rows that cannot be read are skipped: the peer finds the gap and asks somebody else.
    pub fn give(&mut self, space: &Space, n: usize, page: &[Row]) {
        let Some(stream) = self.streams.get_mut(n) else { return };
        match page.last() {
            Some(last) => stream.from = [last.order.as_slice(), &[0]].concat(),
            None => stream.done = true,
        }
        for row in page {
            let Ok(row) = rows::decode::<LogRow>(&row.value) else { continue };
            let Ok((header, stored)) = row.stored() else { continue };
            let place = space.log(self.chan, stream.segment.device).map_or(Place::Void, |log| log.place(stored.link.seq, stored.root));
            let wanted = match stream.segment.path {
                Path::Trunk => place == Place::Trunk,
                Path::Version(root) => place == Place::Version(root),
                Path::After(id) => header.prev == Some(id) && stream.taken < PROOF,
            };
            if !wanted {
                continue;
            }
            let body = row.in_timeline.then(|| keys::timeline_key(space.id(), self.chan, header.hlc, stored.link.id));
            let size = row.size().saturating_add(usize::try_from(header.body_len).unwrap_or(usize::MAX));
            stream.buffer.push_back(Served {
                hlc: header.hlc,
                id: stored.link.id,
                body,
                device: stream.segment.device,
                seq: stored.link.seq,
                row,
                size,
            });
            stream.taken = stream.taken.saturating_add(1);
            let last = stored.link.seq >= stream.segment.to;
            stream.done |= last && !matches!(stream.segment.path, Path::After(_))
                || stream.taken >= PROOF && matches!(stream.segment.path, Path::After(_));
        }
    }

    /// Takes out the next entries for one frame, oldest first. Empty while [`Self::next_read`] has something to read, and at
    /// the end.
    pub fn batch(&mut self) -> Vec<Served> {
        self.batch_of(limits::SYNC_FRAME)
    }

    /// The same, for frames of another size in bytes.
    pub fn batch_of(&mut self, max_bytes: usize) -> Vec<Served> {
        let mut batch: Vec<Served> = Vec::new();
        let mut size = 0_usize;
        while batch.len() < limits::BATCH_ENTRIES && self.streams.iter().all(|stream| stream.done || !stream.buffer.is_empty()) {
            let front = |stream: &&mut Stream| stream.buffer.front().map(|e| (e.hlc, e.id));
            let Some(stream) = self.streams.iter_mut().filter(|s| !s.buffer.is_empty()).min_by_key(|s| front(s)) else { break };
            let Some(next) = stream.buffer.front() else { break };
            size = size.saturating_add(next.size);
            if size > max_bytes && !batch.is_empty() {
                break;
            }
            batch.extend(stream.buffer.pop_front());
        }
        batch
    }
}
