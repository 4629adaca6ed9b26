//! What must be true: the state of a conversation computed the slow and obvious way from a whole set of entries. Nothing here is
//! used by the node; tests and the simulator compare it with what nodes hold.

use super::entry::{Dep, Parsed};
use super::hash::{self, Digest, Digest16};
use super::ingest::is_message;
use crate::crypto::hash::prefix;
use crate::ids::{ChanId, DeviceId, EntryId};
use crate::limits::FORK_BRANCHES;
use crate::wire::bodies::kind;
use std::collections::{BTreeMap, BTreeSet};

/// A log, as the set of entries defines it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Ids of the trunk, from position 1.
    pub trunk: Vec<EntryId>,
    /// The versions after it, lowest root first: their ids, and whether they end in a cut.
    pub versions: Vec<(Vec<EntryId>, bool)>,
}

/// A conversation, as the set of entries defines it.
#[derive(Clone, Debug, Default)]
pub struct Model {
    entries: BTreeMap<EntryId, Parsed>,
    logs: BTreeMap<(ChanId, DeviceId), Expected>,
}

impl Model {
    /// Computes the state from all entries that exist. Entries whose signature does not hold do not count.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = Parsed>) -> Self {
        let mut all: BTreeMap<EntryId, Parsed> = entries.into_iter().filter_map(|mut e| e.verify().is_ok().then(|| (e.id(), e))).collect();
        let mut model = Self::default();
        loop {
            let ready: Vec<EntryId> = all.values().filter(|e| model.is_valid(e, &all)).map(Parsed::id).collect();
            if ready.is_empty() {
                break;
            }
            for id in ready {
                if let Some(e) = all.remove(&id) {
                    let key = (e.header().chan, e.header().device);
                    model.entries.insert(id, e);
                    let log = model.expected(key);
                    model.logs.insert(key, log);
                }
            }
        }
        model
    }

    /// The log of a device in a channel.
    #[must_use]
    pub fn log(&self, chan: ChanId, device: DeviceId) -> Expected {
        self.logs.get(&(chan, device)).cloned().unwrap_or_default()
    }

    /// Digest of a channel.
    #[must_use]
    pub fn digest(&self, chan: ChanId) -> Digest16 {
        let rows = self.logs.iter().filter(|((c, _), _)| *c == chan);
        hash::channel(rows.map(|((_, device), log)| (*device, 0, hash::short(&log.digest()))))
    }

    /// Messages of a channel in the order in which they are shown, and whether each is marked as one of two versions. `ended`
    /// says how much counts of the logs of devices that are gone.
    #[must_use]
    pub fn timeline(&self, chan: ChanId, ended: &BTreeMap<DeviceId, u64>) -> Vec<(EntryId, bool)> {
        let mut shown = Vec::new();
        for log in self.logs.iter().filter(|((c, _), _)| *c == chan).map(|(_, log)| log) {
            shown.extend(log.trunk.iter().map(|id| (*id, false)));
            shown.extend(log.versions.iter().flat_map(|(ids, _)| ids.iter().map(|id| (*id, true))));
        }
        let mut shown: Vec<_> = shown.into_iter().filter_map(|(id, forked)| Some((self.entries.get(&id)?, forked))).collect();
        shown.retain(|(e, _)| is_message(e.header().kind) && ended.get(&e.header().device).is_none_or(|last| e.header().seq <= *last));
        shown.sort_by_key(|(e, _)| (e.header().hlc, e.id()));
        shown.into_iter().map(|(e, forked)| (e.id(), forked)).collect()
    }

    fn is_valid(&self, e: &Parsed, all: &BTreeMap<EntryId, Parsed>) -> bool {
        let header = e.header();
        let introduced = header.kind == kind::AUTH || self.logs.contains_key(&(ChanId::AUTH, header.device));
        introduced && self.follows(e) && (self.is_duplicate(e, all) || header.deps.iter().all(|dep| self.is_met(e, dep)))
    }

    fn follows(&self, e: &Parsed) -> bool {
        let header = e.header();
        header.prev.is_none_or(|prev| {
            self.entries.get(&prev).is_some_and(|prev| {
                let before = prev.header();
                (before.chan, before.device, before.seq.saturating_add(1)) == (header.chan, header.device, header.seq)
                    && before.hlc < header.hlc
            })
        })
    }

    /// Whether an entry or one before it has a rival: then its writer is known to keep more than one history.
    fn is_duplicate(&self, e: &Parsed, all: &BTreeMap<EntryId, Parsed>) -> bool {
        let header = e.header();
        let rival = |other: &Parsed| {
            let of = other.header();
            other.id() != e.id() && (of.chan, of.device, of.seq, of.prev) == (header.chan, header.device, header.seq, header.prev)
        };
        let forked = self.logs.get(&(header.chan, header.device)).is_some_and(|log| {
            let trunk = u64::try_from(log.trunk.len()).unwrap_or(u64::MAX);
            !log.versions.is_empty() && header.seq > trunk
        });
        forked || all.values().chain(self.entries.values()).any(|other| rival(other) && self.follows(other))
    }

    fn is_met(&self, e: &Parsed, dep: &Dep) -> bool {
        let named = |device: &DeviceId| prefix::<8>(&device.0) == dep.dev8;
        self.entries.values().any(|other| {
            let (of, by) = (other.header(), e.header());
            of.chan == by.chan && named(&of.device) && of.seq == dep.seq && prefix::<16>(&other.id().0) == dep.id16 && of.hlc < by.hlc
        }) || self.logs.iter().any(|((chan, device), log)| {
            let trunk = u64::try_from(log.trunk.len()).unwrap_or(u64::MAX);
            *chan == e.header().chan && named(device) && !log.versions.is_empty() && dep.seq > trunk
        })
    }

    fn expected(&self, (chan, device): (ChanId, DeviceId)) -> Expected {
        let mut next: BTreeMap<Option<EntryId>, BTreeSet<EntryId>> = BTreeMap::new();
        let mut at: BTreeMap<u64, BTreeSet<EntryId>> = BTreeMap::new();
        for e in self.entries.values().filter(|e| (e.header().chan, e.header().device) == (chan, device)) {
            next.entry(e.header().prev).or_default().insert(e.id());
            at.entry(e.header().seq).or_default().insert(e.id());
        }
        let single = |ids: &BTreeSet<EntryId>| if ids.len() == 1 { ids.first().copied() } else { None };
        let trunk: Vec<EntryId> = at.values().map_while(single).collect();
        let roots = at.values().nth(trunk.len()).into_iter().flatten().take(FORK_BRANCHES);
        let versions = roots.map(|root| {
            let mut ids = vec![*root];
            let mut cut = false;
            while let Some(after) = ids.last().and_then(|last| next.get(&Some(*last))) {
                let Some(only) = single(after) else {
                    cut = true;
                    break;
                };
                ids.push(only);
            }
            (ids, cut)
        });
        Expected { versions: versions.collect(), trunk }
    }
}

impl Expected {
    /// Digest of the log.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let along = |from: Digest, ids: &[EntryId]| ids.iter().fold(from, |digest, id| hash::chain(&digest, *id));
        let base = along(hash::EMPTY, &self.trunk);
        if self.versions.is_empty() {
            return base;
        }
        let version = |(ids, cut): &(Vec<EntryId>, bool)| {
            let end = along(base, ids);
            if *cut { hash::cut(&end) } else { end }
        };
        hash::forked(&base, &self.versions.iter().map(version).collect::<Vec<_>>())
    }
}
