//! What a search finds, in which order, and how much it reads for that.

use super::*;
use crate::store::keys::RootKey;
use crate::store::kv::{Durability, Kv};
use crate::store::mem_kv::MemKv;
use crate::store::vault::Vault;
use crate::store::vault::head::{DatabaseId, Head};
use std::thread;
use veche_protocol::history::rows::{self, TimelineRow};
use veche_protocol::ids::DeviceId;
use veche_protocol::store::Write;
use veche_protocol::view::{AccountView, MessageBody, Progress, Status};
use veche_protocol::wire::bodies::{Text, kind};
use veche_protocol::wire::codec;

const OWN: AccountId = AccountId([1; 32]);

struct Scene {
    store: Store,
    kv: MemKv,
    snapshot: Snapshot,
}

impl Scene {
    /// Conversations with messages at the given times.
    fn new(chats: &[Vec<(u64, &str)>]) -> Self {
        let kv = MemKv::default();
        let root = RootKey::random().unwrap();
        let vault = Vault::create(Box::new(kv.clone()), &root, Head::new(DatabaseId([1; 16]), 0)).unwrap();
        let mut snapshot = Snapshot { account: Some(Arc::new(account())), ..Snapshot::default() };
        for (number, messages) in (1_u8..).zip(chats) {
            let chat = SpaceId([number; 32]);
            snapshot.chats.push(Arc::new(conversation(chat)));
            let writes: Vec<_> = messages.iter().map(|(at, text)| message(chat, *at, text)).collect();
            vault.commit(&writes, Durability::Now).unwrap();
        }
        Self { store: Store::start(vault, (), Box::new(|_| {})).unwrap(), kv, snapshot }
    }

    /// Texts and conversations of the hits.
    fn find(&self, text: &str, chat: Option<u8>, before: Option<(Hlc, EntryId)>, limit: usize) -> Vec<MessageView> {
        let query = Query { text: text.into(), chat: chat.map(|n| SpaceId([n; 32])), before, limit };
        let (found, mut hits) = mpsc::channel(WAITING);
        thread::scope(|scope| {
            scope.spawn(move || run(&self.store, &self.snapshot, &query, &found));
            let mut all = Vec::new();
            while let Some(hit) = hits.blocking_recv() {
                all.push(hit.unwrap());
            }
            all
        })
    }

    /// Makes a row of the first conversation unreadable, so that [`Scene::was_read`] tells whether anybody looked at it.
    fn mark(&self, at: u64) {
        let place = order(Hlc(at), id(at));
        let mut marked = Vec::new();
        let whole = self.kv.range(&[Table::Timeline as u8], &[Table::Timeline as u8 + 1], Dir::Forward, &mut |key, _| {
            if key.ends_with(&place) {
                marked = key.to_vec();
            }
            true
        });
        whole.unwrap();
        self.kv.corrupt(&marked, Vec::clear);
    }

    fn was_read(&self) -> bool {
        !self.store.vault().unreadable().is_empty()
    }
}

fn account() -> AccountView {
    AccountView {
        account_id: OWN,
        device_id: DeviceId([1; 32]),
        login: "alice".into(),
        tag: None,
        name: "Alice".into(),
        info: String::new(),
        status: Status::Online,
        status_text: String::new(),
        words_saved: true,
        listed: true,
    }
}

fn conversation(chat_id: SpaceId) -> ChatView {
    ChatView {
        chat_id,
        account_id: AccountId([2; 32]),
        last: None,
        unread: 0,
        read: Default::default(),
        draft: String::new(),
        muted: false,
        typing: false,
        missing: 0,
        progress: Progress::default(),
        standings: Arc::default(),
    }
}

fn id(at: u64) -> EntryId {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&at.to_be_bytes());
    EntryId(id)
}

fn message(chat: SpaceId, at: u64, text: &str) -> Write {
    let row = TimelineRow {
        id: id(at).to_vec(),
        author: OWN.to_vec(),
        device: vec![1; 32],
        seq: at,
        hlc: at,
        kind: kind::TEXT,
        body: Some(codec::encode(&Text { text: text.into(), reply_to: None })),
        ..TimelineRow::default()
    };
    Write::Put(keys::timeline_key(chat, ChanId::MAIN, Hlc(at), id(at)), rows::encode(&row))
}

fn texts(hits: &[MessageView]) -> Vec<&str> {
    let text = |hit: &'_ MessageView| match &hit.body {
        MessageBody::Text { .. } => (),
        other => panic!("{other:?} contains no text"),
    };
    hits.iter().for_each(text);
    let texts = hits.iter().filter_map(|hit| match &hit.body {
        MessageBody::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn times(hits: &[MessageView]) -> Vec<u64> {
    hits.iter().map(|hit| hit.hlc.0).collect()
}

#[test]
fn hits_of_all_conversations_come_newest_first() {
    let scene = Scene::new(&[vec![(1, "red one"), (5, "Red five"), (6, "green")], vec![(2, "green"), (3, "red three")], vec![]]);
    assert_eq!(texts(&scene.find("RED", None, None, 50)), ["Red five", "red three", "red one"]);
    assert_eq!(texts(&scene.find("red", Some(1), None, 50)), ["Red five", "red one"]);
    assert_eq!(texts(&scene.find("red", None, None, 2)), ["Red five", "red three"]);
    assert!(scene.find("blue", None, None, 50).is_empty());
    assert!(scene.find("  ", None, None, 50).is_empty());
}

/// Whatever the pages, going on with the last hit gives every hit once, in order. Many conversations of different lengths and a word of
/// middling frequency, so that steps end everywhere.
#[test]
fn pages_together_are_the_whole() {
    let mut chats: Vec<Vec<(u64, &str)>> = vec![Vec::new(); 12];
    let mut expected = Vec::new();
    for at in 1..=3_000_u64 {
        // Bursts: conversation 0 has half of everything.
        let mixed = at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let chat = if mixed % 2 == 0 { 0 } else { mixed as usize % 12 };
        let hit = mixed % 7 == 3;
        chats[chat].push((at, if hit { "needle" } else { "hay" }));
        if hit {
            expected.push(at);
        }
    }
    expected.reverse();
    let scene = Scene::new(&chats);
    assert!(expected.len() > 300, "{}", expected.len());
    for limit in [1, 7, 50, 500] {
        let mut all = Vec::new();
        let mut before = None;
        loop {
            let page = scene.find("needle", None, before, limit);
            all.extend(times(&page));
            match page.last() {
                Some(last) if page.len() == limit => before = Some((last.hlc, last.message_id)),
                _ => break,
            }
            if limit == 1 && all.len() == 20 {
                break;
            }
        }
        let whole = if limit == 1 { &expected[..20] } else { expected.as_slice() };
        assert_eq!(all, whole, "in pages of {limit}");
    }
}

#[test]
fn a_frequent_word_costs_the_newest_rows_only() {
    let scene = Scene::new(&[(1..=2_000).map(|at| (at, "word")).collect(), (1..=2_000).map(|at| (at, "other")).collect()]);
    scene.mark(1_000);
    assert_eq!(scene.find("word", None, None, 50).len(), 50);
    assert!(!scene.was_read(), "the newest rows were enough");
    assert_eq!(scene.find("word", None, None, 500).len(), 500);
    assert!(scene.find("nowhere", None, None, 50).is_empty());
    assert!(scene.was_read(), "a word that is nowhere is looked for everywhere");
}

#[test]
fn a_search_without_a_reader_ends() {
    let scene = Scene::new(&[(1..=5_000).map(|at| (at, "hay")).collect()]);
    scene.mark(100);
    let query = Query { text: "needle".into(), chat: None, before: None, limit: 50 };
    let (found, hits) = mpsc::channel(WAITING);
    drop(hits);
    run(&scene.store, &scene.snapshot, &query, &found);
    assert!(!scene.was_read());
}

#[test]
fn an_unknown_conversation_is_an_error() {
    let scene = Scene::new(&[]);
    let query = Query { text: "needle".into(), chat: Some(SpaceId([9; 32])), before: None, limit: 50 };
    let (found, mut hits) = mpsc::channel(WAITING);
    run(&scene.store, &scene.snapshot, &query, &found);
    assert_eq!(hits.blocking_recv().unwrap().unwrap_err().kind(), "unknown_chat");
}
