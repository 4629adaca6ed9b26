//! A conversation: its logs, its auth state, and what of it waits. Taking entries in is in [`super::ingest`], writing own ones in
//! [`super::append`].

use super::auth::Auth;
use super::entry::Dep;
use super::fold::{Folds, Op};
use super::hash::{self, Digest16};
use super::keys;
use super::log::{Log, Place, Stored, Tip};
use super::pool::Pool;
use super::rows::{self, BadRow, State, StateRow, fixed, optional};
use crate::ids::{AccountId, ChanId, DeviceId, EntryId, SpaceId};
use crate::store::{Read, Write};
use crate::time::{Mono, Now};
use crate::view::Hlc;
use std::collections::{BTreeMap, BTreeSet};

/// Devices that ever wrote in one channel, at most: 256 for each of two people, far beyond what changing machines explains.
pub const LOGS_PER_CHANNEL: usize = 512;

/// What is missing before waiting entries can be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Entries of one log.
    Log {
        /// Channel.
        chan: ChanId,
        /// Writing device.
        device: DeviceId,
        /// From this position on.
        from: u64,
    },
    /// Where a log here and at the peer part: a probe is to be sent.
    Parted {
        /// Channel.
        chan: ChanId,
        /// Writing device.
        device: DeviceId,
    },
    /// Entries of a log that is only known by a prefix: frontiers are to be exchanged.
    Channel {
        /// Channel.
        chan: ChanId,
    },
}

/// A question to the store: what is stored of a log at positions `from..=to`.
///
/// The answer must reflect every write that was handed out before the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookup {
    /// Channel.
    pub chan: ChanId,
    /// Writing device.
    pub device: DeviceId,
    /// Lowest position.
    pub from: u64,
    /// Highest position.
    pub to: u64,
}

impl Lookup {
    /// The read that answers it; its rows go to [`Space::found`].
    #[must_use]
    pub fn read(&self, space: SpaceId) -> Read {
        keys::lookup(space, self.chan, self.device, self.from, self.to)
    }
}

/// A log and which of its ends no other entry covers.
#[derive(Clone, Debug, Default)]
pub(super) struct LogState {
    pub log: Log,
    pub open: BTreeSet<EntryId>,
}

/// A conversation.
#[derive(Clone, Debug)]
pub struct Space {
    pub(super) id: SpaceId,
    pub(super) me: DeviceId,
    pub(super) logs: BTreeMap<(ChanId, DeviceId), LogState>,
    pub(super) auth: Auth,
    pub(super) pool: Pool,
    pub(super) folds: Folds,
}

/// How the entries of a conversation stand that are not simply part of it: what readers of stored rows need to know. Empty for
/// conversations of honest people with unchanged devices, and small for all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standings {
    forks: BTreeMap<(ChanId, DeviceId), Log>,
    limits: BTreeMap<DeviceId, BTreeMap<ChanId, u64>>,
}

/// How a stored entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Part of the conversation.
    Good,
    /// Part of it, as one of two versions of its device's history.
    Forked,
    /// Not to be shown.
    Void,
}

impl Space {
    /// A conversation of these accounts in which nothing was said yet, seen from this device.
    #[must_use]
    pub fn new(id: SpaceId, me: DeviceId, founders: impl IntoIterator<Item = AccountId>) -> Self {
        let auth = Auth::new(founders);
        Self { id, me, logs: BTreeMap::new(), auth, pool: Pool::default(), folds: Folds::default() }
    }

    /// A conversation as it was persisted: the values of its rows in [`crate::store::Table::LogHead`], in any order. Nothing
    /// of its history is read. [`Self::folds`] then names what is still to be applied.
    ///
    /// # Errors
    /// A damaged record, or one of a newer version.
    pub fn restore<'a>(
        id: SpaceId,
        me: DeviceId,
        founders: impl IntoIterator<Item = AccountId>,
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, BadRow> {
        let mut space = Self::new(id, me, founders);
        for value in values {
            let row: StateRow = rows::decode(value)?;
            if row.space != id.as_bytes() {
                return Err(BadRow::Malformed);
            }
            let (chan, device) = (ChanId(fixed(&row.chan)?), DeviceId(fixed(&row.device)?));
            match row.state.ok_or(BadRow::Malformed)? {
                State::Head(head) => {
                    let (log, open) = head.log()?;
                    space.logs.insert((chan, device), LogState { log, open: open.into_iter().collect() });
                }
                State::Auth(op) => {
                    let record = space.auth.record(&op.body).map_err(|_| BadRow::Malformed)?;
                    let root = optional(op.root.as_deref())?;
                    let entry = super::auth::AuthEntry { device, seq: op.seq, root, record };
                    space.auth.insert(EntryId(fixed(&op.id)?), entry);
                }
                State::Pending(op) => {
                    space.folds.insert(Op::restore(device, &op)?);
                }
            }
        }
        space.drop_torn_auth();
        space.recompute_auth();
        Ok(space)
    }

    /// Drops auth logs of which operations were lost, as only a damaged disk loses them: such a log comes back whole from whoever
    /// has it, while one that looks complete would never be asked for.
    fn drop_torn_auth(&mut self) {
        let torn: Vec<DeviceId> = self
            .logs(ChanId::AUTH)
            .filter(|(device, log)| log.fork().is_none() && log.last_seq() != self.auth.count(*device))
            .map(|(device, _)| device)
            .collect();
        for device in torn {
            self.logs.remove(&(ChanId::AUTH, device));
        }
    }

    /// Puts the own log of a channel back to where it is known to end, if its record was lost or is older. Returns what makes that
    /// durable; nothing where the log is as long, or exists twice.
    #[must_use]
    pub fn recover(&mut self, chan: ChanId, end: Tip) -> Option<Write> {
        let me = self.me;
        let state = self.logs.entry((chan, me)).or_default();
        if state.log.fork().is_some() || state.log.last_seq() >= end.seq {
            return None;
        }
        *state = LogState { log: Log::restore(state.log.floor(), end, None), open: BTreeSet::from([end.id]) };
        self.head_write(chan, me)
    }

    /// Which conversation a row of [`crate::store::Table::LogHead`] belongs to.
    ///
    /// # Errors
    /// A damaged record, or one of a newer version.
    pub fn of_row(value: &[u8]) -> Result<SpaceId, BadRow> {
        Ok(SpaceId(fixed(&rows::decode::<StateRow>(value)?.space)?))
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> SpaceId {
        self.id
    }

    /// The accounts it was founded by.
    pub fn founders(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.auth.founders()
    }

    /// The account that a device introduced itself for.
    #[must_use]
    pub fn account_of(&self, device: DeviceId) -> Option<AccountId> {
        self.auth.account_of(device)
    }

    /// Devices in the newest set of an account known here.
    pub fn devices_of(&self, account: AccountId) -> impl Iterator<Item = DeviceId> + '_ {
        self.auth.devices_of(account)
    }

    /// Whether a device has introduced itself here and is still listed.
    #[must_use]
    pub fn is_entitled(&self, device: DeviceId) -> bool {
        self.account_of(device).is_some() && self.auth.limit(device, ChanId::AUTH).is_none()
    }

    /// Whether an account has ended.
    #[must_use]
    pub fn is_gone(&self, account: AccountId) -> bool {
        self.auth.is_gone(account)
    }

    /// Whether somebody used operations that this version does not know: reading goes on, deciding would be guessing.
    #[must_use]
    pub const fn needs_update(&self) -> bool {
        self.auth.needs_update()
    }

    /// A log, if an entry of it is here.
    #[must_use]
    pub fn log(&self, chan: ChanId, device: DeviceId) -> Option<&Log> {
        self.logs.get(&(chan, device)).map(|state| &state.log)
    }

    /// The logs of a channel, in the order of their devices.
    pub fn logs(&self, chan: ChanId) -> impl Iterator<Item = (DeviceId, &Log)> {
        let range = (chan, DeviceId([0; 32]))..=(chan, DeviceId([0xff; 32]));
        self.logs.range(range).map(|((_, device), state)| (*device, &state.log))
    }

    /// The channels in which there is something.
    #[must_use]
    pub fn channels(&self) -> BTreeSet<ChanId> {
        self.logs.keys().map(|(chan, _)| *chan).collect()
    }

    /// Digest over everything that is part of a channel: equal exactly if both hold the same.
    #[must_use]
    pub fn digest(&self, chan: ChanId) -> Digest16 {
        hash::channel(self.logs(chan).map(|(device, log)| (device, log.floor(), hash::short(&log.digest()))))
    }

    /// Newest stamp of a channel.
    #[must_use]
    pub fn last_hlc(&self, chan: ChanId) -> Hlc {
        self.logs(chan).map(|(_, log)| log.last_hlc()).max().unwrap_or_default()
    }

    /// How an entry stands that was stored at `seq` of a log in version `root`.
    #[must_use]
    pub fn standing(&self, chan: ChanId, device: DeviceId, seq: u64, root: Option<EntryId>) -> Standing {
        let place = self.log(chan, device).map_or(Place::Void, |log| log.place(seq, root));
        standing(place, seq, self.auth.limit(device, chan))
    }

    /// What readers of stored rows need to know, to keep beside them.
    #[must_use]
    pub fn standings(&self) -> Standings {
        let forks = self.logs.iter().filter(|(_, state)| state.log.fork().is_some());
        Standings { forks: forks.map(|(key, state)| (*key, state.log.clone())).collect(), limits: self.auth.limits().clone() }
    }

    /// Entries that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pool.len()
    }

    /// What is missing, as far as waiting entries tell.
    #[must_use]
    pub fn needs(&self) -> BTreeSet<Need> {
        self.pool.waiting().filter_map(|pending| pending.need).collect()
    }

    /// When [`Self::tick`] is next to be called.
    #[must_use]
    pub fn next_due(&self, now: Now) -> Option<Mono> {
        let (held, stale) = self.pool.due();
        let held = held.map(|wall| now.mono.after(wall.since(now.wall)));
        held.into_iter().chain(stale).min()
    }

    /// Ends of other devices' logs that no entry covers: what the next own entry refers to, newest first.
    pub(super) fn open_ends(&self, chan: ChanId) -> Vec<(DeviceId, u64, EntryId)> {
        let range = (chan, DeviceId([0; 32]))..=(chan, DeviceId([0xff; 32]));
        let open = |((_, device), state): (&(ChanId, DeviceId), &'_ LogState)| {
            let ends = state.log.ends().filter(|end| state.open.contains(&end.id));
            ends.map(|end| (end.hlc, *device, end.seq, end.id)).collect::<Vec<_>>()
        };
        let mut ends: Vec<_> = self.logs.range(range).flat_map(open).collect();
        ends.sort_unstable_by(|a, b| b.cmp(a));
        ends.into_iter().map(|(_, device, seq, id)| (device, seq, id)).collect()
    }

    /// Logs that a reference may mean.
    pub(super) fn named_by(&self, chan: ChanId, dep: &Dep) -> impl Iterator<Item = (DeviceId, &LogState)> {
        let mut low = [0; 32];
        let mut high = [0xff; 32];
        for (i, byte) in dep.dev8.iter().enumerate() {
            for bound in [&mut low, &mut high] {
                if let Some(to) = bound.get_mut(i) {
                    *to = *byte;
                }
            }
        }
        let range = (chan, DeviceId(low))..=(chan, DeviceId(high));
        self.logs.range(range).map(|((_, device), state)| (*device, state))
    }

    pub(super) fn recompute_auth(&mut self) {
        let logs = &self.logs;
        self.auth.recompute(|device, seq, root| logs.get(&(ChanId::AUTH, device)).map_or(Place::Void, |state| state.log.place(seq, root)));
    }

    /// The write that persists a log's state.
    pub(super) fn head_write(&self, chan: ChanId, device: DeviceId) -> Option<Write> {
        let state = self.logs.get(&(chan, device))?;
        let head = rows::HeadRow::new(&state.log, state.open.iter().copied());
        let key = keys::head_key(self.id, chan, device);
        Some(Write::Put(key, rows::encode(&self.state_row(chan, device, State::Head(head)))))
    }

    pub(super) fn state_row(&self, chan: ChanId, device: DeviceId, state: State) -> StateRow {
        StateRow { space: self.id.to_vec(), chan: chan.to_vec(), device: device.to_vec(), state: Some(state) }
    }

    /// What a log answers from the store's rows.
    pub(super) fn read_stored(rows: &[crate::store::Row]) -> Vec<Stored> {
        // A record that cannot be read is as good as absent: what depends on it is refused and counted.
        rows.iter().filter_map(|row| rows::decode::<rows::LogRow>(&row.value).ok()?.stored().ok()).map(|(_, stored)| stored).collect()
    }
}

impl Standings {
    /// How an entry stands that was stored at `seq` of a log in version `root`.
    #[must_use]
    pub fn of(&self, chan: ChanId, device: DeviceId, seq: u64, root: Option<EntryId>) -> Standing {
        let place = self.forks.get(&(chan, device)).map_or(Place::Trunk, |log| log.place(seq, root));
        standing(place, seq, self.limits.get(&device).map(|chans| chans.get(&chan).copied().unwrap_or(0)))
    }
}

fn standing(place: Place, seq: u64, limit: Option<u64>) -> Standing {
    match place {
        Place::Void => Standing::Void,
        Place::Trunk | Place::Version(_) if limit.is_some_and(|limit| seq > limit) => Standing::Void,
        Place::Version(_) => Standing::Forked,
        Place::Trunk => Standing::Good,
    }
}

#[cfg(test)]
pub(super) mod tests;
