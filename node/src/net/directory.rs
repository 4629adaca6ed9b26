//! The directory: a Kademlia of operators' nodes in which desktops look things up and leave things, without being part of it.
//!
//! What belongs there and whom to believe is the core's business on a desktop and [`Records`]' on an operator's node. Here are the settings,
//! the questions under way, and the store that libp2p sees.

use super::api::NetEvent;
use super::server::ServerCounters;
use libp2p::kad::store::{Error, RecordStore, Result as StoreResult};
use libp2p::kad::{self, GetRecordOk, PutRecordError, QueryResult, Quorum, Record};
use libp2p::{PeerId, StreamProtocol};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::iter::{Empty, empty};
use std::sync::Arc;
use std::time::Duration;
use veche_protocol::ids::{DirectoryKey, QueryId};
use veche_protocol::link::DirectoryEnd;

/// Not that of IPFS: its nodes would be asked for what they do not have.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/veche/kad/1.0.0");

/// Time for one question. It takes a second among nodes that are there; each dead one costs the time of a dial.
const QUERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Time for one answer of one node.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Questions under way at a time. Each may have a handful of connections.
const MAX_RUNNING: usize = 32;

/// Different values passed on for one question: twenty honest nodes hold a few versions of one record; more is a flood.
const MAX_VALUES: usize = 64;

/// Time after which a node drops a record that nobody has renewed, as libp2p tells it. The records themselves say the same.
const RECORD_LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// Time between looks of an operator's node for others that have joined.
const LOOK_AROUND: Duration = Duration::from_secs(5 * 60);

/// The records that an operator's node keeps for others. It is called by the task that owns the network, which must not wait: no slow hashes
/// and no waiting for disks in here.
pub trait Records: Send + 'static {
    /// The record at a key.
    fn get(&self, key: &DirectoryKey) -> Option<Vec<u8>>;

    /// News for a key, as somebody sent them: verify them, and merge them with what is there.
    ///
    /// # Errors
    /// News of which nothing is kept. The sender is told.
    fn put(&mut self, key: DirectoryKey, news: &[u8]) -> Result<(), RecordRefused>;
}

/// A record of which nothing is kept: it is false, or there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record is refused")]
pub struct RecordRefused;

/// A node of the directory, or somebody who asks there.
pub(super) type Behaviour = kad::Behaviour<Store>;

/// The part of a desktop: asks, and never answers, whatever others may say about its being reachable.
pub(super) fn client(me: PeerId) -> Behaviour {
    let mut config = config();
    config.set_periodic_bootstrap_interval(None);
    let mut behaviour = kad::Behaviour::with_config(me, Store(None), config);
    behaviour.set_mode(Some(kad::Mode::Client));
    behaviour
}

/// The part of an operator's node.
pub(super) fn server(me: PeerId, records: Box<dyn Records>, counters: Arc<ServerCounters>) -> Behaviour {
    let mut config = config();
    config.set_periodic_bootstrap_interval(Some(LOOK_AROUND));
    let mut behaviour = kad::Behaviour::with_config(me, Store(Some(Shelf { records, counters })), config);
    behaviour.set_mode(Some(kad::Mode::Server));
    behaviour
}

fn config() -> kad::Config {
    let mut config = kad::Config::new(PROTOCOL);
    config
        .set_query_timeout(QUERY_TIMEOUT)
        .set_substreams_timeout(ANSWER_TIMEOUT)
        .disjoint_query_paths(true)
        // Whoever merely speaks the protocol is no part of the directory: only nodes that somebody chose are asked, named and told.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_record_ttl(Some(RECORD_LIFETIME))
        // Owners renew their records; nodes that did it for them would keep what its owner has withdrawn.
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_caching(kad::Caching::Disabled);
    config
}

struct Shelf {
    records: Box<dyn Records>,
    counters: Arc<ServerCounters>,
}

/// What libp2p takes for the store. A desktop has none: its own records are the core's, and it keeps none for others.
pub(super) struct Store(Option<Shelf>);

fn key_of(key: &kad::RecordKey) -> Option<DirectoryKey> {
    DirectoryKey::from_slice(key.as_ref()).ok()
}

impl RecordStore for Store {
    type RecordsIter<'a> = Empty<Cow<'a, Record>>;
    type ProvidedIter<'a> = Empty<Cow<'a, kad::ProviderRecord>>;

    fn get(&self, key: &kad::RecordKey) -> Option<Cow<'_, Record>> {
        let shelf = self.0.as_ref()?;
        shelf.counters.asked();
        let value = shelf.records.get(&key_of(key)?)?;
        // Who brought it is nobody's business.
        Some(Cow::Owned(Record { key: key.clone(), value, publisher: None, expires: None }))
    }

    fn put(&mut self, record: Record) -> StoreResult<()> {
        // On a desktop: libp2p asks here before it asks others.
        let Some(shelf) = &mut self.0 else { return Ok(()) };
        let kept = key_of(&record.key).ok_or(RecordRefused).and_then(|key| shelf.records.put(key, &record.value));
        shelf.counters.offered(kept.is_ok());
        // libp2p has no word for false.
        kept.map_err(|RecordRefused| Error::ValueTooLarge)
    }

    fn remove(&mut self, _: &kad::RecordKey) {}

    fn records(&self) -> Self::RecordsIter<'_> {
        empty()
    }

    fn add_provider(&mut self, _: kad::ProviderRecord) -> StoreResult<()> {
        // Twenty strangers could hide everybody else at a key.
        Err(Error::MaxProvidedKeys)
    }

    fn providers(&self, _: &kad::RecordKey) -> Vec<kad::ProviderRecord> {
        Vec::new()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        empty()
    }

    fn remove_provider(&mut self, _: &kad::RecordKey, _: &PeerId) {}
}

/// A question under way.
struct Running {
    id: QueryId,
    /// Hashes of the values passed on.
    seen: BTreeSet<[u8; 32]>,
}

/// The questions under way.
#[derive(Default)]
pub(super) struct Questions(HashMap<kad::QueryId, Running>);

impl Questions {
    /// Asks for the values at a key. There is no early end: what one node hides another one shows.
    pub(super) fn get(&mut self, kad: &mut Behaviour, id: QueryId, key: &DirectoryKey) -> Result<(), DirectoryEnd> {
        self.room(kad)?;
        let query = kad.get_record(kad::RecordKey::new(&key.0));
        self.0.insert(query, Running { id, seen: BTreeSet::new() });
        Ok(())
    }

    /// Leaves a value at a key.
    pub(super) fn put(&mut self, kad: &mut Behaviour, id: QueryId, key: &DirectoryKey, value: Vec<u8>) -> Result<(), DirectoryEnd> {
        self.room(kad)?;
        let record = Record::new(kad::RecordKey::new(&key.0), value);
        // All that are close: the answer then says how many there were.
        let query = kad.put_record(record, Quorum::All).map_err(|_| DirectoryEnd::Refused)?;
        self.0.insert(query, Running { id, seen: BTreeSet::new() });
        Ok(())
    }

    fn room(&self, kad: &mut Behaviour) -> Result<(), DirectoryEnd> {
        let connected = kad.kbuckets().any(|bucket| bucket.iter().any(|entry| entry.status == kad::NodeStatus::Connected));
        if !connected {
            return Err(DirectoryEnd::Nobody);
        }
        if self.0.len() >= MAX_RUNNING { Err(DirectoryEnd::Refused) } else { Ok(()) }
    }

    /// What becomes of a question.
    pub(super) fn progress(&mut self, event: kad::Event) -> Option<NetEvent> {
        let kad::Event::OutboundQueryProgressed { id: query, result, stats, step } = event else { return None };
        let running = self.0.get_mut(&query)?;
        let id = running.id;
        let nodes = |count: usize| match u16::try_from(count) {
            Ok(0) => DirectoryEnd::Refused,
            Ok(count) => DirectoryEnd::Nodes(count),
            Err(_) => DirectoryEnd::Nodes(u16::MAX),
        };
        let answered = nodes(usize::try_from(stats.num_successes()).unwrap_or(usize::MAX));
        let end = match result {
            QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(found))) => {
                let value = found.record.value;
                let news = running.seen.len() < MAX_VALUES && running.seen.insert(blake3::hash(&value).into());
                if !step.last {
                    return news.then_some(NetEvent::DirectoryFound { id, value });
                }
                answered
            }
            QueryResult::GetRecord(_) => answered,
            QueryResult::PutRecord(Ok(_)) => DirectoryEnd::Nodes(u16::try_from(kad::K_VALUE.get()).unwrap_or(u16::MAX)),
            QueryResult::PutRecord(Err(PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. })) => {
                nodes(success.len())
            }
            _ => return None,
        };
        if !step.last {
            return None;
        }
        self.0.remove(&query);
        Some(NetEvent::DirectoryDone { id, end })
    }
}
