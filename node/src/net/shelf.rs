//! The records of the directory that an operator's node keeps: verified, merged and bounded. Each claim of a login with its tag costs a slow
//! hash before it is believed; those are computed one at a time on a thread of their own, and what they came to is remembered.

use super::directory::{RecordRefused, Records};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use veche_protocol::directory::record::{self, Judge, Merged, TagProof};
use veche_protocol::identity::login::{self, TagCost};
use veche_protocol::ids::{AccountId, DirectoryKey};
use veche_protocol::limits;
use veche_protocol::time::UnixMs;

/// Records kept. At most 12 KiB each, mostly under one: well below the memory that the connections of the same node may take.
const MAX_RECORDS: usize = 65_536;

/// Bytes of all records together.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// Records that wait for a slow hash. At a tenth of a second each, the last one waits as long as its sender would.
const MAX_WAITING: usize = 64;

/// Tags remembered. 100 bytes each.
const MAX_TAGS: usize = 65_536;

/// Time after which a record that nobody has renewed is dropped: no record claims to hold longer.
const LIFETIME: Duration = limits::CLAIM_LIFETIME;

/// Told of each record that changes, and of each that is dropped, to keep them across restarts. Must not wait.
pub type OnChange = Box<dyn FnMut(&DirectoryKey, Option<&[u8]>) + Send>;

/// By which rules records are judged.
#[derive(Clone, Copy, Debug)]
pub struct ShelfRules {
    /// Proof-of-work bits of claims: [`limits::CLAIM_WORK`] in the real network.
    pub work: u32,
    /// Price of tags: [`TagCost::REAL`] in the real network.
    pub tags: TagCost,
    /// A secret of this node, kept for as long as its records.
    pub salt: [u8; 32],
}

struct Kept {
    value: Vec<u8>,
    changed: Instant,
}

struct State {
    rules: ShelfRules,
    records: BTreeMap<DirectoryKey, Kept>,
    bytes: usize,
    tags: BTreeMap<(AccountId, String), String>,
    /// In the order in which they were computed.
    order: VecDeque<(AccountId, String)>,
    /// Tags that wait to be computed.
    queued: BTreeSet<(AccountId, String)>,
    on_change: OnChange,
}

/// A record that waits for its tags.
struct Waiting {
    key: DirectoryKey,
    news: Vec<u8>,
    tags: Vec<(AccountId, String)>,
}

/// See the module.
pub struct Shelf {
    state: Arc<Mutex<State>>,
    waiting: SyncSender<Waiting>,
}

impl Shelf {
    /// An empty shelf, or one with records that were verified before. Those that have ended since are dropped when somebody asks or renews.
    ///
    /// # Errors
    /// The thread for slow hashes could not be started.
    pub fn new(
        rules: ShelfRules,
        records: impl IntoIterator<Item = (DirectoryKey, Vec<u8>)>,
        on_change: OnChange,
    ) -> std::io::Result<Self> {
        let now = Instant::now();
        let records: BTreeMap<_, _> =
            records.into_iter().take(MAX_RECORDS).map(|(key, value)| (key, Kept { value, changed: now })).collect();
        let bytes = records.values().map(|kept| kept.value.len()).sum();
        let state = State { rules, records, bytes, tags: BTreeMap::new(), order: VecDeque::new(), queued: BTreeSet::new(), on_change };
        let state = Arc::new(Mutex::new(state));
        let (waiting, queue) = sync_channel(MAX_WAITING);
        let for_thread = state.clone();
        std::thread::Builder::new().name("veche-tags".to_owned()).spawn(move || prove(&for_thread, &queue))?;
        Ok(Self { state, waiting })
    }
}

impl Records for Shelf {
    fn get(&self, key: &DirectoryKey) -> Option<Vec<u8>> {
        lock(&self.state).records.get(key).filter(|kept| kept.changed.elapsed() < LIFETIME).map(|kept| kept.value.clone())
    }

    fn put(&mut self, key: DirectoryKey, news: &[u8]) -> Result<(), RecordRefused> {
        let unproven = lock(&self.state).merge(key, news)?;
        if unproven.is_empty() {
            return Ok(());
        }
        // What waits already is not waited for twice: the same claims, sent again and again, would keep everybody else's out.
        let mut state = lock(&self.state);
        let tags: Vec<_> =
            unproven.into_iter().map(|(account, login, _)| (account, login)).filter(|tag| !state.queued.contains(tag)).collect();
        if tags.is_empty() {
            return Err(RecordRefused);
        }
        // A full queue refuses, so that the sender tries elsewhere.
        self.waiting.try_send(Waiting { key, news: news.to_vec(), tags: tags.clone() }).map_err(|_| RecordRefused)?;
        state.queued.extend(tags);
        Ok(())
    }
}

/// Computes tags until the shelf is gone.
fn prove(state: &Mutex<State>, queue: &Receiver<Waiting>) {
    while let Ok(Waiting { key, news, tags }) = queue.recv() {
        for (account, login) in tags {
            let cost = {
                let mut state = lock(state);
                state.queued.remove(&(account, login.clone()));
                state.rules.tags
            };
            // Without memory for the hash the claim stays unproven, and is not kept.
            if let Ok(tag) = login::tag(account, &login, cost) {
                lock(state).remember(account, login, tag);
            }
        }
        let judged = lock(state).merge(key, &news);
        if judged.is_err() {
            tracing::debug!("a claim with a false tag is refused");
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Whatever stopped a thread half way, each record on its own is whole.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wall() -> UnixMs {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl State {
    /// Merges news; returns the tags that are to be computed first.
    fn merge(&mut self, key: DirectoryKey, news: &[u8]) -> Result<Vec<(AccountId, String, String)>, RecordRefused> {
        let known = self.records.get(&key).filter(|kept| kept.changed.elapsed() < LIFETIME).map(|kept| kept.value.as_slice());
        let judge = Judge { now: wall(), work: self.rules.work, salt: self.rules.salt };
        let proof = |account: &AccountId, login: &str, tag: &str| match self.tags.get(&(*account, login.to_owned())) {
            Some(right) if right == tag => TagProof::Right,
            Some(_) => TagProof::Wrong,
            None => TagProof::Unknown,
        };
        let Merged { value, unproven } = record::merge(key, known, news, &judge, proof).map_err(|_| RecordRefused)?;
        match value {
            Some(value) => self.keep(key, value)?,
            // Renewed as it is.
            None if unproven.is_empty() => {
                if let Some(kept) = self.records.get_mut(&key) {
                    kept.changed = Instant::now();
                }
            }
            None => {}
        }
        Ok(unproven)
    }

    fn keep(&mut self, key: DirectoryKey, value: Vec<u8>) -> Result<(), RecordRefused> {
        let before = self.records.get(&key).map_or(0, |kept| kept.value.len());
        let full = |state: &Self| {
            let more = before == 0 && state.records.len() >= MAX_RECORDS;
            more || state.bytes.saturating_sub(before).saturating_add(value.len()) > MAX_BYTES
        };
        if full(self) {
            self.drop_ended();
        }
        if full(self) {
            return Err(RecordRefused);
        }
        self.bytes = self.bytes.saturating_sub(before).saturating_add(value.len());
        (self.on_change)(&key, Some(&value));
        self.records.insert(key, Kept { value, changed: Instant::now() });
        Ok(())
    }

    fn drop_ended(&mut self) {
        let ended: Vec<DirectoryKey> =
            self.records.iter().filter(|(_, kept)| kept.changed.elapsed() >= LIFETIME).map(|(key, _)| *key).collect();
        for key in ended {
            if let Some(kept) = self.records.remove(&key) {
                self.bytes = self.bytes.saturating_sub(kept.value.len());
                (self.on_change)(&key, None);
            }
        }
    }

    fn remember(&mut self, account: AccountId, login: String, tag: String) {
        if self.tags.insert((account, login.clone()), tag).is_none() {
            self.order.push_back((account, login));
        }
        while self.order.len() > MAX_TAGS {
            if let Some(oldest) = self.order.pop_front() {
                self.tags.remove(&oldest);
            }
        }
    }
}
