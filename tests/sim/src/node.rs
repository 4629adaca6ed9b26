//! One node: a core with its disk, its clock, and what it told its person.

use crate::disk::{CrashPoint, Disk};
use crate::net::Host;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use veche_protocol::core::command::{CommandError, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::core::input::Input;
use veche_protocol::core::{Config, Core};
use veche_protocol::ids::{AccountId, CmdId, EntryId, PeerKey, SpaceId};
use veche_protocol::time::{Mono, Now, UnixMs};
use veche_protocol::view::{ReadMarks, Snapshot};

/// Somebody at a node.
pub type Who = Host;

/// Every story begins here by the true clock: a Friday noon, UTC.
pub const START: UnixMs = UnixMs(1_814_011_200_000);

/// Events kept for stories to look at; more would make long runs grow.
const EVENTS: usize = 4096;

/// A machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// How far the wall clock is from the truth, ms.
    pub offset: i64,
    /// How much faster than the truth both clocks run, parts per million.
    pub ppm: i64,
}

impl Clock {
    /// What the machine's clocks show at `at` virtual ms.
    #[must_use]
    pub fn now(self, at: u64) -> Now {
        let mono = self.mono(at);
        let wall = i128::from(START.0) + i128::from(mono) + i128::from(self.offset);
        Now { mono: Mono(mono), wall: UnixMs(u64::try_from(wall.max(0)).unwrap_or(u64::MAX)) }
    }

    fn mono(self, at: u64) -> u64 {
        let drift = i128::from(at) * i128::from(self.ppm) / 1_000_000;
        u64::try_from((i128::from(at) + drift).max(0)).unwrap_or(u64::MAX)
    }

    /// The first virtual ms at which the monotonic clock shows `due` or more.
    #[must_use]
    pub fn reaches(self, due: Mono) -> u64 {
        let guess = i128::from(due.0) * 1_000_000 / (1_000_000 + i128::from(self.ppm));
        let mut at = u64::try_from(guess.max(0)).unwrap_or(u64::MAX);
        while self.mono(at) < due.0 {
            at += 1;
        }
        at
    }
}

/// Where a node is to die.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    pub point: CrashPoint,
    /// Times that the point is passed before.
    pub after: u32,
}

/// A node.
pub struct Node {
    /// What the story calls its person.
    pub name: String,
    pub(crate) core: Option<Core>,
    /// Counts starts, so that what was under way in an earlier run is not taken for news.
    pub(crate) run: u32,
    /// Its clocks.
    pub clock: Clock,
    /// Its disk.
    pub disk: Disk,
    pub(crate) cfg: Config,
    /// What the key file holds: the bits of the recovery words.
    pub entropy: Option<[u8; 16]>,
    /// The account that its person made or restored.
    pub account: Option<AccountId>,
    pub(crate) wake: Option<u64>,
    pub(crate) held: VecDeque<Input>,
    pub(crate) next_cmd: u64,
    pub(crate) replies: BTreeMap<CmdId, Result<Reply, CommandError>>,
    pub(crate) armed: Option<Armed>,
    pub(crate) net_up: bool,
    pub(crate) view: Arc<Snapshot>,
    pub(crate) events: VecDeque<(u64, Event)>,
    /// Messages that it accepted for sending, with their conversation and text.
    pub(crate) said: Vec<Said>,
    /// How far its person read, by conversation.
    pub(crate) read: BTreeMap<SpaceId, ReadMarks>,
    /// Whether it destroyed everything at its person's wish.
    pub wiped: bool,
    /// Whether its machine was put away.
    pub off: bool,
    /// Most commits that were under way at once.
    pub peak_backlog: usize,
    /// Whom it dialled since it was made.
    pub dialled: BTreeSet<PeerKey>,
    /// Slow hashes that it had computed.
    pub hashes: u64,
    /// How much longer its computations take, ms: a slow machine.
    pub slow_jobs: u64,
}

/// A message that was answered with its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Where.
    pub chat: SpaceId,
    /// Its entry.
    pub id: EntryId,
    /// What.
    pub text: String,
    /// In answer to.
    pub reply_to: Option<EntryId>,
}

impl Node {
    pub(crate) fn new(name: &str, cfg: Config) -> Self {
        Self {
            name: name.to_owned(),
            core: None,
            run: 0,
            clock: Clock::default(),
            disk: Disk::default(),
            cfg,
            entropy: None,
            account: None,
            wake: None,
            held: VecDeque::new(),
            next_cmd: 0,
            replies: BTreeMap::new(),
            armed: None,
            net_up: false,
            view: Arc::default(),
            events: VecDeque::new(),
            said: Vec::new(),
            read: BTreeMap::new(),
            wiped: false,
            off: false,
            peak_backlog: 0,
            dialled: BTreeSet::new(),
            hashes: 0,
            slow_jobs: 0,
        }
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.core.is_some()
    }

    /// What it accepted for sending.
    #[must_use]
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// What it told its person, the last [`EVENTS`] of it, with times.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|(_, event)| event)
    }

    pub(crate) fn heard(&mut self, at: u64, event: Event) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back((at, event));
    }

    /// How often it refused input for a reason.
    #[must_use]
    pub fn refusals(&self, reason: &str) -> u64 {
        self.core.as_ref().and_then(|core| core.refusals().get(reason).copied()).unwrap_or(0)
    }

    /// All refusals, for people.
    #[must_use]
    pub fn all_refusals(&self) -> String {
        self.core.as_ref().map(|core| format!("{:?}", core.refusals())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_or_slow_clock_is_read_back_to_the_ms_at_which_a_timer_is_due() {
        for ppm in [-500, 0, 500, 100_000] {
            let clock = Clock { offset: 0, ppm };
            for due in [0, 1, 999, 86_400_000] {
                let at = clock.reaches(Mono(due));
                assert!(clock.now(at).mono.0 >= due, "{ppm} {due}");
                assert!(at == 0 || clock.now(at - 1).mono.0 < due, "{ppm} {due}: not the first");
            }
        }
    }
}
