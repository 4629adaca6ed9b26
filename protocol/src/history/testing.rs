//! The cast and the stage of this folder's tests: people with devices, a conversation, a node with a store in memory, and a
//! writer that keeps no rules.

use super::apply::FoldNext;
use super::entry::{Dep, Draft, Parsed};
use super::ingest::{Accepted, ForkSeen, Ingest, Refusal};
use super::rows::{self, TimelineRow};
use super::space::{Need, Space, Standing};
use crate::crypto::{labels, sign};
use crate::ids::{AccountId, ChanId, DeviceId, EntryId, SpaceId};
use crate::store::{Dir, Key, Read, Row, Table, Write};
use crate::time::{Mono, Now, UnixMs};
use crate::view::Hlc;
use crate::wire::bodies::{AuthOp, Devices, Keep, Text, auth_op::Op, kind};
use crate::wire::identity::{Device, DeviceSet, Signed};
use ed25519_dalek::SigningKey;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub const SPACE: SpaceId = SpaceId([9; 32]);
/// An afternoon in 2027.
pub const START: UnixMs = UnixMs(1_800_000_000_000);

/// The key number `n` of the cast.
pub fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

pub fn account(n: u8) -> AccountId {
    AccountId(key(n).verifying_key().to_bytes())
}

pub fn device(n: u8) -> DeviceId {
    DeviceId(key(n).verifying_key().to_bytes())
}

/// Anna is account 1 with devices 11, 12, 13; Bela is account 2 with devices 21, 22, 23.
pub fn owner(device: u8) -> u8 {
    device / 10
}

pub fn founders() -> [AccountId; 2] {
    [account(1), account(2)]
}

pub fn device_set(of: u8, epoch: u64, devices: &[u8]) -> Signed {
    let devices = devices.iter().map(|d| Device { dk: device(*d).to_vec(), ..Device::default() }).collect();
    let set = DeviceSet { v: 1, account: account(of).to_vec(), epoch, devices, prev: Vec::new() };
    sign::seal_signed(&key(of), labels::DEVICE_SET, set.encode_to_vec())
}

/// Body of an auth entry: the devices of an account, and how much counts of those that are gone.
pub fn devices_op(of: u8, epoch: u64, devices: &[u8], keep: &[(u8, ChanId, u64)]) -> Vec<u8> {
    let keep = keep.iter().map(|(d, chan, seq)| Keep { device: device(*d).to_vec(), chan: chan.to_vec(), seq: *seq }).collect();
    AuthOp { op: Some(Op::Devices(Devices { set: Some(device_set(of, epoch, devices)), keep })) }.encode_to_vec()
}

pub fn text(text: &str) -> Vec<u8> {
    Text { text: text.to_owned(), reply_to: None }.encode_to_vec()
}

pub fn now(ms: u64) -> Now {
    Now { mono: Mono(ms), wall: UnixMs(START.0 + ms) }
}

/// An entry written without any rules: whatever a hostile device could sign.
pub fn forge(device_key: u8, chan: ChanId, prev: Option<&Parsed>, deps: Vec<Dep>, hlc: u64, kind: u32, body: Vec<u8>) -> Parsed {
    let draft = Draft {
        space: SPACE,
        device: device(device_key),
        chan,
        seq: prev.map_or(1, |prev| prev.header().seq + 1),
        prev: prev.map(Parsed::id),
        deps,
        hlc: Hlc(hlc),
        auth: Vec::new(),
        kind,
        body,
    };
    draft.sign([7; 16], |purpose, payload| sign::sign(&key(device_key), purpose, payload).1).expect("well formed")
}

/// The entry with which a device introduces itself.
pub fn introduce(device_key: u8) -> Parsed {
    let of = owner(device_key);
    let body = devices_op(of, 1, &[of * 10 + 1, of * 10 + 2, of * 10 + 3], &[]);
    forge(device_key, ChanId::AUTH, None, Vec::new(), START.0 << 16, kind::AUTH, body)
}

/// A message of a hostile device at a stamp in ms after the start.
pub fn message(device_key: u8, prev: Option<&Parsed>, at: u64, words: &str) -> Parsed {
    forge(device_key, ChanId::MAIN, prev, Vec::new(), (START.0 + at) << 16, kind::TEXT, text(words))
}

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct Store(pub BTreeMap<Key, Vec<u8>>);

impl Store {
    pub fn apply(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Put(key, value) => drop(self.0.insert(key.clone(), value.clone())),
                Write::Delete(key) => drop(self.0.remove(key)),
                Write::DeleteScope { table, scope } => self.0.retain(|key, _| (key.table, &key.scope) != (*table, scope)),
            }
        }
    }

    pub fn get(&self, read: &Read) -> Option<Vec<u8>> {
        let Read::Get(keys) = read else { panic!("not a get") };
        keys.first().and_then(|key| self.0.get(key)).cloned()
    }

    pub fn rows(&self, read: &Read) -> Vec<Row> {
        let Read::Range { table, scope, from, to, dir: Dir::Forward, max_rows, .. } = read else { panic!("not a forward range") };
        let inside = |key: &Key| key.table == *table && key.scope == *scope && key.order >= *from;
        let below = |key: &Key| to.as_ref().is_none_or(|to| key.order < *to);
        let rows = self.0.iter().filter(|(key, _)| inside(key) && below(key)).take(*max_rows);
        rows.map(|(key, value)| Row { order: key.order.clone(), value: value.clone() }).collect()
    }
}

/// A node: a conversation, its store, and what it has said so far.
#[derive(Clone, Debug)]
pub struct Node {
    pub space: Space,
    pub store: Store,
    pub at: u64,
    pub me: u8,
    pub accepted: Vec<Accepted>,
    pub refused: Vec<Refusal>,
    pub forks: Vec<ForkSeen>,
    pub lookups: usize,
    salt: u8,
}

impl Node {
    pub fn new(me: u8) -> Self {
        let space = Space::new(SPACE, device(me), founders());
        let (accepted, refused, forks) = (Vec::new(), Vec::new(), Vec::new());
        Self { space, store: Store::default(), at: 1_000, me, accepted, refused, forks, lookups: 0, salt: 0 }
    }

    /// A node that has introduced itself and knows the introductions of others.
    pub fn with(me: u8, others: &[u8]) -> Self {
        let mut node = Self::new(me);
        node.ingest(others.iter().chain([&me]).map(|d| introduce(*d)));
        node
    }

    /// Takes entries in, answers every question at once, applies what is to be applied.
    pub fn ingest(&mut self, entries: impl IntoIterator<Item = Parsed>) -> BTreeSet<Need> {
        let out = self.space.ingest(now(self.at), entries);
        self.settle(out)
    }

    pub fn settle(&mut self, out: Ingest) -> BTreeSet<Need> {
        let mut queue = VecDeque::from([out]);
        let mut needs = BTreeSet::new();
        while let Some(out) = queue.pop_front() {
            self.store.apply(&out.writes);
            for lookup in &out.lookups {
                self.lookups += 1;
                let rows = self.store.rows(&lookup.read(SPACE));
                queue.push_back(self.space.found(now(self.at), lookup, &rows));
            }
            for target in out.folds {
                self.fold(target);
            }
            self.accepted.extend(out.accepted);
            self.refused.extend(out.refused.into_iter().map(|(_, refusal)| refusal));
            self.forks.extend(out.forks);
            needs = self.space.needs();
        }
        needs
    }

    fn fold(&mut self, target: EntryId) {
        let Some(read) = self.space.fold_begin(target) else { return };
        match self.space.fold_place(target, self.store.get(&read).as_deref()) {
            FoldNext::Wait => {}
            FoldNext::Nothing(writes) => self.store.apply(&writes),
            FoldNext::Read(read) => {
                let row = self.store.get(&read);
                let mut folded = self.space.fold(ChanId::MAIN, target, row.as_deref()).expect("readable");
                let values: Vec<_> = folded.forget.iter().map(|key| self.store.0.get(key).cloned()).collect();
                folded.forget(&values);
                self.store.apply(&folded.writes);
            }
        }
    }

    /// Writes an entry.
    pub fn append(&mut self, kind: u32, body: Vec<u8>) -> Parsed {
        let chan = if kind == kind::AUTH { ChanId::AUTH } else { ChanId::MAIN };
        self.salt = self.salt.wrapping_add(1);
        let me = self.me;
        let sign = |purpose: &str, payload: &[u8]| sign::sign(&key(me), purpose, payload).1;
        let (id, out) = self.space.append(now(self.at), chan, kind, body, [self.salt; 16], sign).expect("can write");
        let entry = out.accepted.first().expect("own entries are accepted").entry.clone();
        assert_eq!(entry.id(), id);
        self.settle(out);
        entry
    }

    pub fn say(&mut self, words: &str) -> Parsed {
        self.append(kind::TEXT, text(words))
    }

    /// The node after a restart: from its store alone.
    pub fn restart(&self) -> Self {
        let values: Vec<&[u8]> =
            self.store.0.iter().filter(|(key, _)| key.table == Table::LogHead).map(|(_, value)| value.as_slice()).collect();
        let space = Space::restore(SPACE, device(self.me), founders(), values).expect("readable");
        let mut node = Self { space, ..self.clone() };
        for target in node.space.folds() {
            node.fold(target);
        }
        node
    }

    /// Rows of the main timeline that are shown, in their order.
    pub fn timeline(&self) -> Vec<(TimelineRow, Standing)> {
        let rows = self.store.0.iter().filter(|(key, _)| key.table == Table::Timeline);
        let rows = rows.map(|(_, value)| rows::decode::<TimelineRow>(value).expect("readable"));
        let standings = self.space.standings();
        let standing =
            |row: &TimelineRow| standings.of(ChanId::MAIN, row.device().expect("device"), row.seq, row.version().expect("version"));
        rows.map(|row| (standing(&row), row)).filter(|(s, _)| *s != Standing::Void).map(|(s, row)| (row, s)).collect()
    }

    /// What is shown: ids with whether they are marked as one of two versions.
    pub fn shown(&self) -> Vec<(EntryId, bool)> {
        self.timeline().into_iter().map(|(row, s)| (row.entry_id().expect("id"), s == Standing::Forked)).collect()
    }

    pub fn words(&self) -> Vec<String> {
        let words = |row: &TimelineRow| Text::decode(row.body.as_deref().unwrap_or_default()).expect("text").text;
        self.timeline().iter().map(|(row, _)| words(row)).collect()
    }
}
