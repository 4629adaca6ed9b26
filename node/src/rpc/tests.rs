//! Conversations with a node that is played by the test: what goes over the line, in which order, and what is refused.

use super::Rpc;
use crate::config::Options;
use crate::handle::{NodeError, NodeHandle, Phase, Request};
use crate::media::{Audio, Desk};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::ids::{AccountId, CallId, DeviceId, EntryId, SpaceId};
use veche_protocol::view::{AccountView, ChatView, MessageBody, MessageState, MessageView, Snapshot};

const PATIENCE: Duration = Duration::from_secs(10);
const CHAT: SpaceId = SpaceId([7; 32]);
const ALICE: AccountId = AccountId([1; 32]);
const BOB: AccountId = AccountId([2; 32]);

type Asked = (Command, oneshot::Sender<Result<Reply, NodeError>>);

/// Somebody at the other end of the line, and the node behind it.
struct Scene {
    rpc: Rpc,
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    writer: Option<WriteHalf<DuplexStream>>,
    requests: mpsc::Receiver<Request>,
    phase: watch::Sender<Phase>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<Event>,
    conversation: JoinHandle<()>,
}

impl Scene {
    fn new() -> Self {
        Self::with_events(64)
    }

    fn with_events(capacity: usize) -> Self {
        let (sender, requests) = mpsc::channel(256);
        let (phase, phases) = watch::channel(Phase::Ready);
        let (snapshot, snapshots) = watch::channel(Arc::new(own_account()));
        let (events, _) = broadcast::channel(capacity);
        let desk = Desk::new(&Options { audio: Audio::None, ..Options::new("nowhere") }, snapshots.clone(), events.clone());
        let node =
            NodeHandle { requests: sender, stop: mpsc::channel(1).0, phase: phases, snapshot: snapshots, events: events.clone(), desk };
        let rpc = Rpc::new(node);
        // Small, so that a reader who does not read is felt soon.
        let (near, far) = tokio::io::duplex(4096);
        let (reader, writer) = tokio::io::split(near);
        let served = rpc.clone();
        let conversation = tokio::spawn(async move {
            let (far_reader, far_writer) = tokio::io::split(far);
            served.converse(far_reader, far_writer).await;
        });
        let lines = BufReader::new(reader).lines();
        Self { rpc, lines, writer: Some(writer), requests, phase, snapshot, events, conversation }
    }

    async fn say_bytes(&mut self, bytes: &[u8]) {
        let writer = self.writer.as_mut().unwrap();
        writer.write_all(bytes).await.unwrap();
        writer.write_all(b"\n").await.unwrap();
    }

    async fn say(&mut self, value: Value) {
        self.say_bytes(value.to_string().as_bytes()).await;
    }

    async fn ask(&mut self, id: u32, method: &str, params: Value) {
        self.say(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
    }

    async fn hear(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time").unwrap().expect("a line");
        serde_json::from_str(&line).expect("JSON")
    }

    async fn refusal(&mut self, method: &str, params: Value) -> Value {
        self.ask(1, method, params).await;
        let answer = self.hear().await;
        assert_eq!(answer["id"], 1);
        answer["error"].clone()
    }

    /// What the node is asked next.
    async fn asked(&mut self) -> Asked {
        match timeout(PATIENCE, self.requests.recv()).await.expect("a request in time").expect("a request") {
            Request::Command(command, done) => (command, done),
            other => panic!("unexpected {other:?}"),
        }
    }

    fn close(&mut self) {
        // Only the whole stream can be closed: dropping the half is not enough while the other half lives.
        self.writer = None;
    }
}

fn own_account() -> Snapshot {
    let account = AccountView {
        account_id: ALICE,
        device_id: DeviceId([1; 32]),
        login: "alice".into(),
        tag: None,
        name: "Alice".into(),
        info: String::new(),
        status: Default::default(),
        status_text: String::new(),
        words_saved: false,
        listed: true,
    };
    Snapshot { account: Some(Arc::new(account)), ..Snapshot::default() }
}

fn chat_with_bob() -> ChatView {
    ChatView {
        chat_id: CHAT,
        account_id: BOB,
        last: None,
        unread: 0,
        read: Default::default(),
        draft: String::new(),
        muted: false,
        typing: false,
        missing: 0,
        progress: Default::default(),
        standings: Default::default(),
    }
}

#[tokio::test]
async fn a_request_reaches_the_node_and_its_answer_comes_back_under_the_same_id() {
    let mut scene = Scene::new();
    scene.say(json!({ "jsonrpc": "2.0", "id": "first", "method": "message.send", "params": { "chat_id": CHAT, "text": "hi" } })).await;
    let (command, done) = scene.asked().await;
    assert_eq!(command, Command::Send { chat: CHAT, text: "hi".into(), reply_to: None });
    done.send(Ok(Reply::Message(EntryId([9; 32])))).unwrap();
    let answer = scene.hear().await;
    assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": "first", "result": { "message_id": EntryId([9; 32]) } }));
}

#[tokio::test]
async fn requests_take_effect_in_their_order_and_are_answered_when_they_are_done() {
    let mut scene = Scene::new();
    for id in 0..20 {
        scene.ask(id, "message.send", json!({ "chat_id": CHAT, "text": id.to_string() })).await;
    }
    let mut waiting = Vec::new();
    for id in 0..20_u32 {
        let (command, done) = scene.asked().await;
        assert_eq!(command, Command::Send { chat: CHAT, text: id.to_string(), reply_to: None });
        waiting.push(done);
    }
    for (id, done) in waiting.into_iter().enumerate().rev() {
        done.send(Ok(Reply::Message(EntryId([1; 32])))).unwrap();
        assert_eq!(scene.hear().await["id"], id);
    }
}

#[tokio::test]
async fn no_more_than_the_bound_is_worked_on_at_a_time_and_nothing_is_dropped() {
    let mut scene = Scene::new();
    let mut writer = scene.writer.take().unwrap();
    let writing = tokio::spawn(async move {
        for id in 0..200 {
            let request = json!({ "jsonrpc": "2.0", "id": id, "method": "contact.link" });
            writer.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        }
        writer
    });
    let mut waiting = Vec::new();
    while let Ok(Some(Request::Command(_, done))) = timeout(Duration::from_millis(300), scene.requests.recv()).await {
        waiting.push(done);
    }
    assert_eq!(waiting.len(), 64);
    let mut answered = 0;
    while answered < 200 {
        for done in waiting.drain(..) {
            done.send(Ok(Reply::Link("veche:c/x".into()))).unwrap();
            assert!(scene.hear().await["result"]["qr_png"].is_string());
            answered += 1;
        }
        if answered < 200 {
            let Some(Request::Command(_, done)) = scene.requests.recv().await else { panic!("not a command") };
            waiting.push(done);
        }
    }
    drop(writing.await.unwrap());
}

#[tokio::test]
async fn what_the_node_refuses_is_told_with_its_name_and_sentence() {
    let mut scene = Scene::new();
    scene.ask(1, "message.send", json!({ "chat_id": CHAT, "text": "hi" })).await;
    let (_, done) = scene.asked().await;
    done.send(Err(CommandError::UnknownChat.into())).unwrap();
    let error = scene.hear().await["error"].clone();
    assert_eq!(error, json!({ "code": 1, "message": "There is no such conversation.", "data": { "kind": "unknown_chat" } }));

    scene.ask(1, "account.update", json!({ "name": "" })).await;
    let (_, done) = scene.asked().await;
    done.send(Err(CommandError::Invalid { field: "name", why: "it is empty".into() }.into())).unwrap();
    let error = scene.hear().await["error"].clone();
    assert_eq!((&error["code"], &error["data"]), (&json!(-32602), &json!({ "kind": "invalid", "field": "name" })));
}

#[tokio::test]
async fn params_at_fault_are_named() {
    let mut scene = Scene::new();
    for (method, params, field) in [
        ("message.send", json!({ "chat_id": CHAT, "text": "hi", "txt": "hi" }), "txt"),
        ("message.send", json!({ "chat_id": CHAT }), "text"),
        ("message.send", json!({ "chat_id": "nonsense", "text": "hi" }), "chat_id"),
        ("message.send", json!({ "chat_id": CHAT, "text": 5 }), "text"),
        ("contact.request", json!({}), "account_id"),
        ("contact.request", json!({ "account_id": BOB, "link": "veche:c/x" }), "link"),
        ("message.search", json!({ "query": " " }), "query"),
        ("message.search", json!({ "query": "a", "limit": 501 }), "limit"),
        ("message.search", json!({ "query": "a", "limit": 0 }), "limit"),
        ("network.add_peer", json!({ "multiaddr": "example.org:4001" }), "multiaddr"),
        ("events.subscribe", json!({ "kinds": ["message.recieved"] }), "kinds"),
        ("settings.set", json!({ "theme": "pink" }), "theme"),
        ("settings.set", json!({ "sound": { "loudness": 11 } }), "sound"),
        ("call.start", json!({}), "account_id"),
        ("call.start", json!({ "account_id": BOB, "chat_id": CHAT }), "chat_id"),
        ("call.volume", json!({ "call_id": CallId([3; 16]), "percent": 201 }), "percent"),
        ("device.select", json!({ "input": "headset" }), "input"),
        ("device.test_audio", json!({ "mode": "loud" }), "mode"),
        ("node.version", json!({ "verbose": true }), "verbose"),
    ] {
        let error = scene.refusal(method, params.clone()).await;
        assert_eq!(
            (&error["code"], &error["data"]),
            (&json!(-32602), &json!({ "kind": "invalid_params", "field": field })),
            "{method} {params}"
        );
        assert!(error["message"].as_str().unwrap().contains(field) || field == "multiaddr", "{error}");
    }
    let error = scene.refusal("message.send", json!(["positional"])).await;
    assert_eq!(error["data"], json!({ "kind": "invalid_params" }));
}

#[tokio::test]
async fn lines_that_are_no_requests_are_refused_and_the_conversation_goes_on() {
    let deep = "[".repeat(100_000);
    let nested = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    let long = format!("\"{}\"", "x".repeat(super::lines::MAX_LINE));
    let many = format!("[{}]", vec!["1"; 200].join(","));
    let mut scene = Scene::new();
    for (line, code, kind) in [
        (&b"not json"[..], -32700, "parse_error"),
        (b"{\"jsonrpc\":\"2.0\",", -32700, "parse_error"),
        (b"\"\xff\xfe\"", -32700, "parse_error"),
        (deep.as_bytes(), -32700, "parse_error"),
        (nested.as_bytes(), -32700, "parse_error"),
        (br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"node.version"}"#, -32700, "parse_error"),
        (long.as_bytes(), -32600, "line_too_long"),
        (b"[]", -32600, "invalid_request"),
        (many.as_bytes(), -32600, "invalid_request"),
        (b"17", -32600, "invalid_request"),
        (b"{}", -32600, "invalid_request"),
        (br#"{"jsonrpc":"1.0","id":null,"method":"node.version"}"#, -32600, "invalid_request"),
        (br#"{"jsonrpc":"2.0","id":{},"method":"node.version"}"#, -32600, "invalid_request"),
        (br#"{"jsonrpc":"2.0","id":null,"method":7}"#, -32600, "invalid_request"),
        (br#"{"jsonrpc":"2.0","id":null,"method":"node.version","parms":{}}"#, -32600, "invalid_request"),
    ] {
        scene.say_bytes(line).await;
        let answer = scene.hear().await;
        assert_eq!((&answer["error"]["code"], &answer["error"]["data"]["kind"]), (&json!(code), &json!(kind)), "{answer}");
        assert_eq!(answer["id"], Value::Null);
    }
    let error = scene.refusal("message.sned", json!({})).await;
    assert_eq!((&error["code"], &error["data"]), (&json!(-32601), &json!({ "kind": "method_not_found" })));
}

#[tokio::test]
async fn a_batch_is_answered_in_one_line_without_its_notifications() {
    let mut scene = Scene::new();
    scene
        .say(json!([
            { "jsonrpc": "2.0", "id": 1, "method": "node.version" },
            { "jsonrpc": "2.0", "method": "node.version" },
            { "jsonrpc": "2.0", "id": 2, "method": "nothing" },
            5,
        ]))
        .await;
    let answer = scene.hear().await;
    let ids: Vec<&Value> = answer.as_array().unwrap().iter().map(|answer| &answer["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!(2), &Value::Null]);
    scene.say(json!([{ "jsonrpc": "2.0", "method": "node.version" }])).await;
    scene.ask(3, "node.version", json!({})).await;
    assert_eq!(scene.hear().await["id"], 3, "a batch of notifications has no answer");
}

#[tokio::test]
async fn events_are_told_after_subscribing_and_only_those_asked_for() {
    let mut scene = Scene::new();
    scene.ask(0, "node.version", json!({})).await;
    assert_eq!(scene.hear().await["id"], 0);
    scene.events.send(Event::AccountChanged).unwrap();
    scene.ask(1, "events.subscribe", json!({ "kinds": ["typing"] })).await;
    assert_eq!(scene.hear().await["result"], json!({}));
    scene.events.send(Event::NetworkChanged).unwrap();
    scene.events.send(Event::Typing { chat_id: CHAT, account_id: BOB, on: true }).unwrap();
    let event = scene.hear().await;
    let params = json!({ "kind": "typing", "chat_id": CHAT, "account_id": BOB, "on": true });
    assert_eq!(event, json!({ "jsonrpc": "2.0", "method": "event", "params": params }));

    scene.ask(2, "events.subscribe", json!({})).await;
    scene.hear().await;
    scene.events.send(Event::NetworkChanged).unwrap();
    assert_eq!(scene.hear().await["params"]["kind"], "network.changed");

    scene.ask(3, "events.subscribe", json!({ "kinds": [] })).await;
    scene.hear().await;
    scene.events.send(Event::NetworkChanged).unwrap();
    scene.ask(4, "node.version", json!({})).await;
    assert_eq!(scene.hear().await["id"], 4, "an empty list ends it");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_how_much_it_missed() {
    let mut scene = Scene::with_events(16);
    scene.ask(1, "events.subscribe", json!({ "kinds": ["typing"] })).await;
    scene.hear().await;
    for _ in 0..10_000 {
        scene.events.send(Event::Typing { chat_id: CHAT, account_id: BOB, on: true }).unwrap();
        tokio::task::yield_now().await;
    }
    let (mut told, mut missed) = (0, 0);
    while told + missed < 10_000 {
        let event = scene.hear().await;
        match event["params"]["kind"].as_str() {
            Some("typing") => told += 1,
            Some("overflow") => missed += event["params"]["missed"].as_u64().unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told + missed, 10_000);
    assert!(missed > 0, "the line holds 4096 bytes and nobody read");
}

#[tokio::test]
async fn requests_that_were_read_are_answered_before_the_conversation_ends() {
    let mut scene = Scene::new();
    scene.ask(1, "contact.link", json!({})).await;
    let (_, done) = scene.asked().await;
    scene.rpc.stop();
    tokio::task::yield_now().await;
    done.send(Ok(Reply::Link("veche:c/x".into()))).unwrap();
    assert_eq!(scene.hear().await["result"]["link"], "veche:c/x");
    timeout(PATIENCE, scene.conversation).await.expect("an end in time").unwrap();
}

#[tokio::test]
async fn shutdown_is_answered_and_ends_the_conversation() {
    let mut scene = Scene::new();
    scene.ask(1, "node.shutdown", json!({})).await;
    assert_eq!(scene.hear().await["result"], json!({}));
    timeout(PATIENCE, scene.rpc.stopped()).await.expect("a stop in time");
    timeout(PATIENCE, scene.conversation).await.expect("an end in time").unwrap();
}

#[tokio::test]
async fn a_reader_that_is_gone_ends_the_conversation() {
    let mut scene = Scene::new();
    scene.close();
    drop(scene.lines);
    timeout(PATIENCE, scene.conversation).await.expect("an end in time").unwrap();
}

#[tokio::test]
async fn state_is_asked_for_only_where_there_is_an_account_that_is_open() {
    let mut scene = Scene::new();
    for (phase, kind) in [
        (Phase::FirstRun, "no_account"),
        (Phase::Locked, "locked"),
        (Phase::Failed("The disk is full.".into()), "storage"),
        (Phase::Ended { deleted: false }, "ended"),
    ] {
        scene.phase.send_replace(phase);
        assert_eq!(scene.refusal("chat.list", json!({})).await["data"]["kind"], kind);
    }
    let opened = scene.snapshot.send_replace(Arc::new(Snapshot::default()));
    scene.phase.send_replace(Phase::Starting);
    scene.ask(2, "account.show", json!({})).await;
    scene.ask(3, "node.version", json!({})).await;
    assert_eq!(scene.hear().await["id"], 3, "the first one waits for the start");
    scene.phase.send_replace(Phase::Ready);
    scene.ask(4, "node.version", json!({})).await;
    assert_eq!(scene.hear().await["id"], 4, "and for the first snapshot");
    scene.snapshot.send_replace(opened);
    assert_eq!(scene.hear().await["result"]["login"], "alice");
}

#[tokio::test]
async fn a_message_is_found_in_its_conversation_without_being_told_which() {
    let mut scene = Scene::new();
    let mut snapshot = own_account();
    let elsewhere = SpaceId([8; 32]);
    snapshot.chats = vec![Arc::new(ChatView { chat_id: elsewhere, ..chat_with_bob() }), Arc::new(chat_with_bob())];
    scene.snapshot.send_replace(Arc::new(snapshot));
    let wanted = EntryId([9; 32]);
    scene.ask(1, "message.state", json!({ "message_id": wanted })).await;
    for expected in [elsewhere, CHAT] {
        let Some(Request::Message { chat, message, done }) = scene.requests.recv().await else { panic!("not a question for a message") };
        assert_eq!((chat, message), (expected, wanted));
        let found = if chat == CHAT { Ok(own_message(wanted)) } else { Err(CommandError::UnknownMessage.into()) };
        done.send(found).unwrap();
    }
    let answer = scene.hear().await;
    assert_eq!(answer["result"], json!({ "state": "delivered", "per_recipient": [{ "account_id": BOB, "state": "delivered" }] }));
}

fn own_message(message_id: EntryId) -> MessageView {
    MessageView {
        message_id,
        chat_id: CHAT,
        author: ALICE,
        device: DeviceId([1; 32]),
        seq: 1,
        hlc: Default::default(),
        at: Default::default(),
        mine: true,
        body: MessageBody::Text { text: "hi".into() },
        reply_to: None,
        edited: false,
        reactions: Vec::new(),
        late: false,
        forked: false,
        state: Some(MessageState::Delivered),
    }
}

#[tokio::test]
async fn two_changes_of_settings_do_not_undo_each_other() {
    let mut scene = Scene::new();
    scene.ask(1, "settings.set", json!({ "theme": "dark" })).await;
    scene.ask(2, "settings.set", json!({ "receipts": false })).await;
    for id in 1..=2 {
        let (command, done) = scene.asked().await;
        let Command::SetSettings(settings) = command else { panic!("{command:?}") };
        // As in the node, the snapshot is there before the answer.
        scene.snapshot.send_replace(Arc::new(Snapshot { settings: Arc::new(settings), ..own_account() }));
        done.send(Ok(Reply::Done)).unwrap();
        assert_eq!(scene.hear().await["id"], id);
    }
    let settings = scene.snapshot.borrow().settings.clone();
    assert_eq!((serde_json::to_value(settings.theme).unwrap(), settings.receipts), (json!("dark"), false));
}

#[tokio::test]
async fn deleting_the_account_needs_its_login() {
    let mut scene = Scene::new();
    assert_eq!(scene.refusal("account.delete", json!({ "confirm": "yes" })).await["data"]["field"], "confirm");
    scene.ask(2, "account.delete", json!({ "confirm": "alice" })).await;
    assert_eq!(scene.asked().await.0, Command::DeleteAccount);
}
