//! An operator's node as a process, with clients in this one: its memory, its rest, what it relays and what it keeps.

use crate::table::{Row, Times, Verdict, mib, ms, note};
use anyhow::{Context, Result, bail, ensure};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use veche_lab::cast::free_port;
use veche_lab::node::Usage;
use veche_lab::operator::{Operator, Stand};
use veche_node::net::{NetCmd, NetConfig, NetEvent, NetEvents, NetHandle, start};
use veche_node::parse_hint;
use veche_protocol::ids::{LinkId, QueueName};
use veche_protocol::limits::MAIL_SMALL;
use veche_protocol::link::{Addr, Hint, Proto, Route, Transport};
use veche_protocol::mailbox::proof::{self, Ends, OwnerSecret};
use veche_protocol::wire::codec;
use veche_protocol::wire::mailbox::{Mailbox, MailboxFrame, Make, Put};

/// Clients that are connected and hold a place behind the relay.
const CLIENTS: usize = 1000;
/// Clients that connect at the same time.
const AT_ONCE: usize = 25;
/// For how long the rest of the node is watched.
const WATCHED: Duration = Duration::from_secs(30);
/// Frames of a transfer through the relay, and bytes of each: of the largest kind that a conversation sends.
const FRAMES: usize = 4000;
const FRAME: usize = 32 * 1024;
/// Frames on their way at a time: far below what one link may queue.
const WINDOW: usize = 16;
/// Small frames there and back, one after the other.
const ECHOES: usize = 500;
/// Clients that leave frames in mailboxes at the same time, and frames of each.
const DEPOSITORS: usize = 50;
const DEPOSITS: usize = 60;
/// Proof-of-work bits of queues here: the work is the clients' and no figure of the node.
const MAKE_BITS: u32 = 4;
/// Longest wait for anything here.
const PATIENCE: Duration = Duration::from_secs(60);
/// What an operator is promised.
const IDLE_MIB: f64 = 60.0;
const PER_THOUSAND_MIB: f64 = 160.0;

/// Measures.
pub fn rows() -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    // One machine does here what thousands do, and its one address must not be taken for a flood.
    let settings = format!(
        "[relay]\ncircuit_mib = 0\n[mailbox]\nmake_bits = {MAKE_BITS}\nmake_burst = 100000\nput_burst = 100000\nsource_burst_kib = 100000000\n"
    );
    let operator = Operator::start(&Stand::on_loopback("operator", [free_port()?, free_port()?], folder.path()).with(&settings))?;
    let hint = parse_hint(operator.hints.first().context("no address")?)?;
    let runtime = Runtime::new()?;
    runtime.block_on(async {
        let mut rows = at_rest(&operator, hint).await?;
        rows.push(relay(&operator, hint).await?);
        rows.push(mailboxes(&operator, hint).await?);
        Ok(rows)
    })
}

fn row(what: &'static str, figure: String, beside: String, target: &str, verdict: Verdict) -> Row {
    Row { number: "19", what, figure, beside, target: target.to_owned(), verdict }
}

/// Somebody with a connection to the operator's node.
struct Client {
    net: NetHandle,
    events: NetEvents,
    link: LinkId,
    place: Option<Addr>,
}

impl Client {
    /// Connects; with a place behind the relay if `placed`.
    async fn connect(number: usize, to: Hint, placed: bool) -> Result<Self> {
        let mut seed = [5; 32];
        seed[..8].copy_from_slice(&u64::try_from(number)?.to_be_bytes());
        // From so many addresses that none has more connections than a household may.
        let [.., third, fourth] = u32::try_from(number)?.to_be_bytes();
        let own = Addr::direct(([127, 1, third, fourth], 0).into(), Transport::Quic);
        let config = NetConfig { listen: vec![own], mdns: false, ..NetConfig::new(seed) };
        let (net, mut events) = start(config)?;
        if placed {
            net.send(NetCmd::Operators(vec![to])).await?;
        }
        net.send(NetCmd::Dial { peer: Some(to.peer), addrs: vec![to.addr] }).await?;
        let (mut up, mut place) = (None, None);
        while up.is_none() || placed && place.is_none() {
            match next(&mut events).await? {
                NetEvent::LinkUp { link, info } if info.peer == to.peer => up = Some(link),
                NetEvent::Listening(addr) if addr.relay.is_some() => place = Some(addr),
                NetEvent::DialFailed { why, .. } => bail!("client {number} is not let in: {why}"),
                _ => {}
            }
        }
        Ok(Self { net, events, link: up.context("no link")?, place })
    }

    async fn link_to(&mut self, other: &Self) -> Result<LinkId> {
        loop {
            match next(&mut self.events).await? {
                NetEvent::LinkUp { link, info } if info.peer == other.net.peer() => {
                    ensure!(info.route == Route::Relayed, "connected another way: {:?}", info.route);
                    return Ok(link);
                }
                NetEvent::DialFailed { why, .. } => bail!("the relay connects nobody: {why}"),
                _ => {}
            }
        }
    }

    async fn say(&self, link: LinkId, proto: Proto, frame: Vec<u8>) -> Result<()> {
        Ok(self.net.send(NetCmd::Send { link, proto, frame, receipt: None }).await?)
    }

    /// The next frame of a protocol.
    async fn hear(&mut self, wanted: Proto) -> Result<Vec<u8>> {
        loop {
            match next(&mut self.events).await? {
                NetEvent::Frame { proto, frame, .. } if proto == wanted => return Ok(frame),
                NetEvent::LinkDown { why, .. } => bail!("a link ended: {why:?}"),
                _ => {}
            }
        }
    }
}

async fn next(events: &mut NetEvents) -> Result<NetEvent> {
    timeout(PATIENCE, events.recv()).await.context("the network says nothing")?.context("the network ended")
}

/// A thousand clients that do nothing but be there.
async fn at_rest(operator: &Operator, hint: Hint) -> Result<Vec<Row>> {
    let empty = operator.usage()?;
    let begun = Instant::now();
    let (mut clients, mut connecting) = (Vec::new(), JoinSet::new());
    for number in 0..CLIENTS {
        if connecting.len() >= AT_ONCE {
            clients.push(connecting.join_next().await.context("nobody connects")???);
        }
        connecting.spawn(Client::connect(number, hint, true));
    }
    while let Some(client) = connecting.join_next().await {
        clients.push(client??);
    }
    let came = begun.elapsed();
    let taken = operator.usage()?;
    sleep(WATCHED / 3).await;
    let before = operator.usage()?;
    sleep(WATCHED).await;
    let after = operator.usage()?;
    let places = operator.metric("veche_relay_places")?;
    ensure!(places > 0, "no client holds a place");
    note(&format!("{CLIENTS} clients came within {came:.1?}, for {:?} of the node's processor", taken.cpu.saturating_sub(empty.cpu)))?;
    let processor = share(before, after, WATCHED);
    let (idle, full) = (mib(empty.rss), mib(after.rss));
    for client in clients {
        client.net.shutdown().await;
    }
    Ok(vec![
        row(
            "operator's node without clients: memory",
            format!("{idle:.1} MiB"),
            "just started".to_owned(),
            "<= 60 MiB",
            Verdict::of(idle <= IDLE_MIB),
        ),
        row(
            "the same with 1,000 clients that came and asked for a place each: memory",
            format!("{full:.1} MiB, {:.0} KiB for each place held", (full - idle) * 1024.0 / places as f64),
            format!("over QUIC; they came within {:.1} s, and {places} hold their place at the end", came.as_secs_f64()),
            "<= 60 MiB and 160 MiB",
            Verdict::of(full <= IDLE_MIB + PER_THOUSAND_MIB && places == CLIENTS as u64),
        ),
        row(
            "and processor, while they do nothing",
            format!("{processor:.1} % of a core"),
            format!("a ping each way every 5 s; {} s", WATCHED.as_secs()),
            "<= 10 %",
            Verdict::of(processor <= 10.0),
        ),
    ])
}

/// Percent of a core between two looks.
fn share(before: Usage, after: Usage, time: Duration) -> f64 {
    after.cpu.saturating_sub(before.cpu).as_secs_f64() * 100.0 / time.as_secs_f64()
}

/// Two clients that talk through the relay.
async fn relay(operator: &Operator, hint: Hint) -> Result<Row> {
    let (mut one, mut other) = (Client::connect(10_001, hint, true).await?, Client::connect(10_002, hint, true).await?);
    let place = other.place.context("no place")?;
    one.net.send(NetCmd::Dial { peer: Some(other.net.peer()), addrs: vec![place] }).await?;
    let there = one.link_to(&other).await?;
    let back = other.link_to(&one).await?;
    let mut echoes = Vec::new();
    for _ in 0..ECHOES {
        let begun = Instant::now();
        one.say(there, Proto::Dm, vec![1; 100]).await?;
        other.hear(Proto::Dm).await?;
        other.say(back, Proto::Dm, vec![2; 100]).await?;
        one.hear(Proto::Dm).await?;
        echoes.push(begun.elapsed());
    }
    let (before, begun) = (operator.usage()?, Instant::now());
    let (mut sent, mut came) = (0, 0);
    while came < FRAMES {
        while sent < FRAMES && sent < came + WINDOW {
            one.say(there, Proto::Sync, vec![3; FRAME]).await?;
            sent += 1;
        }
        ensure!(other.hear(Proto::Sync).await?.len() == FRAME, "a frame of another length");
        came += 1;
    }
    let (took, after) = (begun.elapsed(), operator.usage()?);
    let megabytes = (FRAMES * FRAME) as f64 / 1e6;
    let cost = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    for client in [one, other] {
        client.net.shutdown().await;
    }
    let echoes = Times::from(echoes);
    Ok(row(
        "relayed between two clients, one way",
        format!("{:.0} MB/s; {:.0} MB for each second of the node's processor", megabytes / took.as_secs_f64(), megabytes / cost),
        format!(
            "{megabytes:.0} MB, both clients and the node on the same cores; 100 B there and back through it: p50 {}, p99 {}",
            ms(echoes.at(50)),
            ms(echoes.at(99))
        ),
        "",
        Verdict::Shown,
    ))
}

/// Clients that leave frames in mailboxes, each in its own.
async fn mailboxes(operator: &Operator, hint: Hint) -> Result<Row> {
    let mut working = JoinSet::new();
    for number in 0..DEPOSITORS {
        working.spawn(async move {
            let mut client = Client::connect(20_000 + number, hint, false).await?;
            let queue = make(&mut client, hint, u8::try_from(number)?).await?;
            Ok::<_, anyhow::Error>((client, queue))
        });
    }
    let mut ready = Vec::new();
    while let Some(client) = working.join_next().await {
        ready.push(client??);
    }
    let put = operator.metric("veche_mailbox_put_total")?;
    let (before, begun) = (operator.usage()?, Instant::now());
    let mut working = JoinSet::new();
    for (number, (client, queue)) in ready.into_iter().enumerate() {
        working.spawn(deposit(client, hint, queue, u8::try_from(number)?));
    }
    let mut times = Vec::new();
    while let Some(done) = working.join_next().await {
        times.extend(done??);
    }
    let (took, after) = (begun.elapsed(), operator.usage()?);
    let all = DEPOSITORS * DEPOSITS;
    operator.wait_metric("veche_mailbox_put_total", PATIENCE, |now| now == put + all as u64)?;
    let cost = after.cpu.saturating_sub(before.cpu) / u32::try_from(all)?;
    let times = Times::from(times);
    Ok(row(
        "frames of 4 KiB left in mailboxes, each acknowledged when it is on disk",
        format!("{:.0}/s", all as f64 / took.as_secs_f64()),
        format!(
            "{DEPOSITORS} clients with {DEPOSITS} each, at once; {} of processor a frame; an answer after p50 {}, p99 {}",
            ms(cost),
            ms(times.at(50)),
            ms(times.at(99))
        ),
        "",
        Verdict::Shown,
    ))
}

/// Makes the queue of this key. Returns its writers' name.
async fn make(client: &mut Client, hint: Hint, key: u8) -> Result<QueueName> {
    let owner = OwnerSecret::from_seed([key; 32]).public();
    let pow = proof::make_work(&hint.peer, &owner).solve(MAKE_BITS, 0, 1 << 20).context("no work was found")?;
    let make = Mailbox::Make(Make { ask: 1, owner: owner.to_vec(), write_key: vec![key; 32], pow, door_bits: 0 });
    client.say(client.link, Proto::Mailbox, codec::encode(&MailboxFrame { m: Some(make) })).await?;
    match answer(client).await? {
        Mailbox::Made(made) => Ok(QueueName::from_slice(&made.write)?),
        other => bail!("no queue is made: {other:?}"),
    }
}

async fn answer(client: &mut Client) -> Result<Mailbox> {
    let frame = client.hear(Proto::Mailbox).await?;
    codec::decode::<MailboxFrame>(&frame, Proto::Mailbox.max_frame())?.m.context("an empty answer")
}

/// Leaves all frames of one client, some at a time. Returns the time of each answer.
async fn deposit(mut client: Client, hint: Hint, queue: QueueName, key: u8) -> Result<Vec<Duration>> {
    let ends = Ends { client: client.net.peer(), node: hint.peer };
    let (mut times, mut under_way) = (Vec::new(), VecDeque::new());
    for ask in 0..u32::try_from(DEPOSITS)? {
        let mut frame = vec![key; MAIL_SMALL];
        frame[..4].copy_from_slice(&ask.to_be_bytes());
        let mac = proof::put_mac(&[key; 32], &ends, &queue, &frame).to_vec();
        let put = Mailbox::Put(Put { ask, queue: queue.to_vec(), mac, pow: 0, frame });
        under_way.push_back(Instant::now());
        client.say(client.link, Proto::Mailbox, codec::encode(&MailboxFrame { m: Some(put) })).await?;
        if under_way.len() >= WINDOW {
            times.extend(settled(&mut client, &mut under_way).await?);
        }
    }
    while !under_way.is_empty() {
        times.extend(settled(&mut client, &mut under_way).await?);
    }
    client.net.shutdown().await;
    Ok(times)
}

/// Waits for the next answer. They come in the order of the frames.
async fn settled(client: &mut Client, under_way: &mut VecDeque<Instant>) -> Result<Option<Duration>> {
    match answer(client).await? {
        Mailbox::Settled(_) => Ok(under_way.pop_front().map(|sent| sent.elapsed())),
        other => bail!("a frame is refused: {other:?}"),
    }
}
