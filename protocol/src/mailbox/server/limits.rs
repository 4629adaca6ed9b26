//! How much a mailbox node keeps for others, for how long, and how fast it lets them fill it.

use crate::rate::Rate;
use std::time::Duration;

/// Limits of one node. An operator sets them in a file; a desktop that keeps queues for friends uses [`Limits::for_friends`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames in one queue. A sender whose frames are refused here keeps them and asks again once some were taken.
    pub queue_frames: usize,
    /// Bytes of frames in one queue.
    pub queue_bytes: u64,
    /// Age at which a frame is dropped.
    pub lifetime: Duration,
    /// Age at which a queue is dropped that its owner did not open.
    pub unused: Duration,
    /// Bytes of frames in all queues. At this point frames are refused.
    pub total_bytes: u64,
    /// Share of [`Limits::total_bytes`] from which on new queues are refused, percent: those that exist go on working for a while.
    pub make_until_percent: u8,
    /// Queues at most: each takes about 400 bytes of memory.
    pub queues: usize,
    /// Whether people without a sponsor may have queues made, for work.
    pub strangers: bool,
    /// Queues for one sponsor.
    pub queues_per_sponsor: usize,
    /// Leading zero bits of the proof of work for a queue without a sponsor.
    pub make_work: u32,
    /// New queues for one source.
    pub makes: Rate,
    /// Frames into one queue.
    pub puts: Rate,
    /// KiB of frames from one source.
    pub kib: Rate,
    /// Sources that are told apart at once; those beyond have to wait.
    pub sources: usize,
}

/// Seconds of a day.
const DAY: u64 = 24 * 3600;

impl Limits {
    /// For an operator's node: a 2-core machine with some disk.
    ///
    /// A queue takes the figures of SMP servers (see the `SimpleX` protocol documents), a person with a hundred contacts can make all queues
    /// in a sitting, and somebody back from a week without network can leave half a queue at once.
    #[must_use]
    pub const fn for_operator() -> Self {
        Self {
            queue_frames: 256,
            queue_bytes: 4 << 20,
            lifetime: Duration::from_secs(21 * DAY),
            unused: Duration::from_secs(30 * DAY),
            total_bytes: 4 << 30,
            make_until_percent: 90,
            queues: 100_000,
            strangers: true,
            queues_per_sponsor: 64,
            make_work: 20,
            makes: Rate { burst: 128, each: Duration::from_secs(60) },
            puts: Rate { burst: 128, each: Duration::from_secs(2) },
            kib: Rate { burst: 16 << 10, each: Duration::from_millis(350) },
            sources: 65_536,
        }
    }

    /// For a desktop: 64 MiB for contacts who do the same for it, nothing for strangers.
    #[must_use]
    pub const fn for_friends() -> Self {
        Self { total_bytes: 64 << 20, queues: 128, strangers: false, queues_per_sponsor: 5, sources: 256, ..Self::for_operator() }
    }

    /// Bytes from which on new queues are refused.
    #[must_use]
    pub(super) fn make_until(&self) -> u64 {
        self.total_bytes.saturating_div(100).saturating_mul(u64::from(self.make_until_percent.min(100)))
    }
}
