//! What the driver does when the disk or the network stands still.

use super::*;
use crate::config::Options;
use crate::media::Audio;
use crate::store::keys::RootKey;
use crate::store::mem_kv::MemKv;
use crate::store::vault::Vault;
use crate::store::vault::head::{DatabaseId, Head};
use veche_protocol::link::Proto;
use veche_protocol::store::{Found, Key, Read, Table, Write};
use veche_protocol::view::{Settings, Theme};

/// Longer than anything here takes that does take place.
const PATIENCE: Duration = Duration::from_secs(20);

struct Rig {
    kv: MemKv,
    store: Store,
    root: RootKey,
}

impl Rig {
    fn new() -> (Self, Acks) {
        let (kv, root, acks) = (MemKv::default(), RootKey::random().unwrap(), Acks::new());
        let vault = Vault::create(Box::new(kv.clone()), &root, Head::new(DatabaseId([0; 16]), 0)).unwrap();
        let store = Store::start(vault, (), acks.report()).unwrap();
        (Self { kv, store, root }, acks)
    }

    fn driver(&self, acks: &Acks) -> Driver {
        Driver::new(around(), self.store.clone(), acks.0.clone(), [7; 32])
    }

    fn start(self, acks: Acks) -> (Running, MemKv, RootKey) {
        (start(around(), self.store, acks, Boot::default(), [7; 32]), self.kv, self.root)
    }

    fn stored(&self, n: u64) -> bool {
        let found = self.store.read(&Read::Get(vec![key(n)])).unwrap();
        matches!(found, Found::Values(values) if values[0].is_some())
    }

    /// Hands in commits until the store takes no more. Returns how many it took.
    fn fill(&self) -> u64 {
        (1_000_000..).find(|n| self.store.try_commit(*n, write(*n)).is_err()).unwrap() - 1_000_000
    }
}

fn around() -> Around {
    let (snapshot, _) = watch::channel(Arc::default());
    let (events, _) = broadcast::channel(16);
    let profile = std::env::temp_dir().join("no profile of anybody");
    let desk = Desk::new(&Options { audio: Audio::None, ..Options::new("nowhere") }, snapshot.subscribe(), events.clone());
    Around {
        core: Config::default(),
        listen: NetConfig::loopback(0),
        profile,
        discovery: false,
        operators: Vec::new(),
        desk,
        snapshot,
        events,
    }
}

fn key(n: u64) -> Key {
    Key::single(Table::Outbox, n.to_be_bytes())
}

fn write(n: u64) -> Vec<Write> {
    vec![Write::Put(key(n), vec![1])]
}

fn set(theme: Theme) -> (Order, oneshot::Receiver<Result<Reply, NodeError>>) {
    let (done, answer) = oneshot::channel();
    ((Command::SetSettings(Settings { theme, ..Settings::default() }), done), answer)
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("in time")
}

#[tokio::test]
async fn nothing_is_handed_in_after_what_the_store_did_not_take_until_it_is_told_to_go_on() {
    let (rig, mut acks) = Rig::new();
    let mut driver = rig.driver(&acks);
    let stall = rig.kv.stall();
    let taken = rig.fill();
    driver.commit(CommitId(1), write(1));
    drop(stall);
    for _ in 0..taken {
        assert!(matches!(soon(acks.1.recv()).await, Some(Outcome::Committed(Committed { result: Ok(()), .. }))));
    }
    // The disk is good again and would take this.
    driver.commit(CommitId(2), write(2));
    let refused: Vec<u64> = driver.own.drain(..).map(|input| if let Input::CommitFailed(id, _) = input { id.0 } else { 0 }).collect();
    assert_eq!(refused, [1, 2], "both are answered, in order, although nobody took answers while the queue was full");

    driver.resume();
    for n in 1..=2 {
        assert!(!rig.stored(2) || rig.stored(1));
        driver.commit(CommitId(n), write(n));
        assert!(matches!(soon(acks.1.recv()).await, Some(Outcome::Committed(Committed { token, result: Ok(()) })) if token == n));
    }
    assert!(rig.stored(1) && rig.stored(2) && driver.own.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_after_the_queue_was_full_is_on_disk() {
    let (rig, acks) = Rig::new();
    let stall = rig.kv.stall();
    let store = rig.store.clone();
    rig.fill();
    let (running, kv, root) = rig.start(acks);
    let (order, answer) = set(Theme::Dark);
    running.orders.send(order).await.ok().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(stall);
    assert_eq!(soon(answer).await.unwrap(), Ok(Reply::Done));
    drop(store);
    kv.power_cut(0);
    let vault = Vault::open(Box::new(kv.clone()), &root).unwrap();
    assert_eq!(vault.load_state(Table::Setting).unwrap().rows.len(), 1);
    running.stop.notify_one();
    assert_eq!(soon(running.end).await.unwrap(), End::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_in_time_although_the_disk_stands_still() {
    for full in [false, true] {
        let (rig, acks) = Rig::new();
        let stall = rig.kv.stall();
        if full {
            rig.fill();
        }
        let (running, ..) = rig.start(acks);
        let mut answers = Vec::new();
        // More than are under way before people are made to wait, and more than wait.
        for n in 0..BACKLOG + COMMANDS {
            let (order, answer) = set(if n % 2 == 0 { Theme::Dark } else { Theme::Light });
            if running.orders.try_send(order).is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            answers.push(answer);
        }
        let begun = Instant::now();
        running.stop.notify_one();
        assert_eq!(soon(running.end).await.unwrap(), End::Stopped);
        assert!(begun.elapsed() < STOPS_WITHIN, "{:?}", begun.elapsed());
        drop(stall);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_never_waits_for_a_network_whose_events_are_held_back() {
    let (rig, acks) = Rig::new();
    let mut driver = rig.driver(&acks);
    driver.start_net([1; 32]);
    let (other, mut heard) = net::start(NetConfig { listen: NetConfig::loopback(0), mdns: false, ..NetConfig::new([2; 32]) }).unwrap();
    let addr = loop {
        if let Some(NetEvent::Listening(addr)) = soon(heard.recv()).await {
            break addr;
        }
    };
    driver.net_cmd(NetCmd::Dial { peer: Some(other.peer()), addrs: vec![addr] });
    let (_, events) = driver.net.as_mut().unwrap();
    let link = loop {
        if let Some(NetEvent::LinkUp { link, .. }) = soon(events.recv()).await {
            break link;
        }
    };
    // From here on nobody takes the events of this side, as when the disk is behind. Each frame wants a receipt, which is one.
    let frame = |n: u32| NetCmd::Send { link, proto: Proto::Dm, frame: n.to_be_bytes().to_vec(), receipt: Some(n.into()) };
    let begun = Instant::now();
    let mut sent = 0;
    while driver.outbound.is_empty() && begun.elapsed() < PATIENCE {
        driver.net_cmd(frame(sent));
        sent += 1;
        if sent % 64 == 0 {
            // Refusals of dials are events that gather in the network itself, until it takes no more commands.
            driver.net_cmd(NetCmd::Dial { peer: None, addrs: Vec::new() });
            tokio::task::yield_now().await;
        }
    }
    assert!(!driver.outbound.is_empty(), "the network took everything: {sent}");

    // The disk has caught up: events are taken, and everything that waited leaves, in order.
    let (mut frames, mut next) = (0, 0);
    while frames < sent && begun.elapsed() < 2 * PATIENCE {
        driver.pass_on();
        while driver.net.as_mut().unwrap().1.try_recv().is_some() {}
        while let Some(event) = heard.try_recv() {
            if let NetEvent::Frame { frame, .. } = event {
                assert_eq!(frame, u32::to_be_bytes(next), "no gap");
                (frames, next) = (frames + 1, next + 1);
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(frames, sent);
}
