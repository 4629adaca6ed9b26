//! Looking up a login among many operators' nodes, all in this process and over the loopback device: with all of them well, with some
//! dead, and with some that lie.

use crate::table::{Row, Times, Verdict, ms, note};
use anyhow::{Context, Result, bail, ensure};
use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use veche_node::net::{
    NetCmd, NetConfig, NetEvent, NetEvents, NetHandle, RecordRefused, Records, ServerConfig, ServerLimits, Shelf, ShelfRules, serve, start,
};
use veche_protocol::directory::claim::{self, ClaimInfo, Draft};
use veche_protocol::directory::record;
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::login::{self, Login, TagCost};
use veche_protocol::ids::{DirectoryKey, PeerKey, QueryId};
use veche_protocol::limits::CLAIM_WORK;
use veche_protocol::link::{Addr, DirectoryEnd, Hint, Transport};
use veche_protocol::time::UnixMs;
use veche_protocol::wire::directory::{Claim, Claims, RecordKind};

/// Sizes of the directory, with what a lookup may take in each.
const SIZES: [(usize, Duration); 2] = [(50, Duration::from_millis(60)), (200, Duration::from_millis(200))];
/// People who look, one after the other, each with doors of their own.
const LOOKERS: usize = 20;
/// Doors of one looker.
const DOORS: usize = 3;
/// Others that a node of the directory is told of when it joins.
const KNOWN: usize = 4;
/// Of so many nodes each fifth is dead, or lies.
const FIFTH: usize = 5;
/// Longest wait for anything here.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time in which the number of connections stays when everybody has found their place.
const QUIET: Duration = Duration::from_secs(3);

/// Measures.
pub fn rows() -> Result<Vec<Row>> {
    let runtime = Runtime::new()?;
    let mut rows = Vec::new();
    for (size, target) in SIZES {
        for trouble in [Trouble::None, Trouble::Dead, Trouble::Liars] {
            let row = runtime.block_on(measure(size, trouble))?.row(size, target);
            // Some take minutes.
            note(&row.to_string())?;
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What is wrong with each fifth node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Dead,
    Liars,
}

/// What the lookers saw.
struct Figures {
    trouble: Trouble,
    first: Times,
    tag: Duration,
    complete: Times,
    found: usize,
    forged: usize,
    joined: Duration,
}

impl Figures {
    fn row(&self, size: usize, target: Duration) -> Row {
        let what = match (size, self.trouble) {
            (50, Trouble::None) => "lookup of a login among 50 nodes of the directory: first row that is verified",
            (50, Trouble::Dead) => "the same with 10 of them dead",
            (50, Trouble::Liars) => "the same with 10 of them that answer with forgeries",
            (_, Trouble::None) => "lookup of a login among 200 nodes of the directory: first row that is verified",
            (_, Trouble::Dead) => "the same with 40 of them dead",
            (_, Trouble::Liars) => "the same with 40 of them that answer with forgeries",
        };
        let Self { first, complete, found, forged, .. } = self;
        let in_time = self.trouble != Trouble::None || first.at(50) <= target;
        let target = match self.trouble {
            Trouble::None => format!("p50 <= {}, all found", ms(target)),
            Trouble::Dead => "all found".to_owned(),
            Trouble::Liars => "all found, no forgery believed".to_owned(),
        };
        Row {
            number: "10",
            what,
            figure: format!("p50 {}, longest {}; found {found} of {LOOKERS}", ms(first.at(50)), ms(first.longest())),
            beside: format!(
                "complete after p50 {}, longest {}; the tag takes {} more; {forged} forgeries refused; the nodes were {} in joining",
                ms(complete.at(50)),
                ms(complete.longest()),
                ms(self.tag),
                ms(self.joined),
            ),
            target,
            verdict: Verdict::of(in_time && *found == LOOKERS),
        }
    }
}

/// A node of the directory that answers every question with somebody else's claim for what is asked, changed so that it fits, and that
/// takes whatever it is given and keeps nothing.
struct Liar(Vec<u8>);

impl Records for Liar {
    fn get(&self, _: &DirectoryKey) -> Option<Vec<u8>> {
        Some(self.0.clone())
    }

    fn put(&mut self, _: DirectoryKey, _: &[u8]) -> Result<(), RecordRefused> {
        Ok(())
    }
}

fn now() -> UnixMs {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A claim of the login by some account, and what its owner leaves at the directory for it.
fn claimed(account: u8, wanted: &Login, bits: u32) -> Result<(String, Vec<u8>)> {
    let secret = AccountSecret::from_entropy([account; 16]);
    let tag = login::tag(secret.account_id(), wanted.as_str(), TagCost::REAL)?;
    let draft = Draft {
        account: secret.account_id(),
        login: wanted.clone(),
        tag: tag.clone(),
        name: "Anna".to_owned(),
        status_text: String::new(),
        reach: Vec::new(),
        doors: Vec::new(),
    };
    let signed = secret.sign_claim(&draft.body(now()));
    let pow = claim::work(&secret.account_id(), &signed.payload).solve(bits, 0, u64::MAX).context("no work was found")?;
    Ok((tag, record::encode(RecordKind::Claims(Claims { claims: vec![Claim { claim: Some(signed), pow }] }))))
}

struct Node {
    net: NetHandle,
    events: NetEvents,
    addr: Addr,
}

impl Node {
    fn serve(n: usize, records: Box<dyn Records>) -> Result<Self> {
        // Free a moment ago; nobody else here asks for this one.
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let addr = Addr::direct(([127, 0, 0, 1], port).into(), Transport::Quic);
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&u64::try_from(n)?.to_be_bytes());
        // All of them share this machine's address.
        let limits = ServerLimits { connections_per_address: u32::MAX, ..ServerLimits::default() };
        let config = ServerConfig { listen: vec![addr], limits, ..ServerConfig::new(seed, port, vec![addr], records) };
        let (net, events) = serve(config)?;
        Ok(Self { net, events, addr })
    }

    fn hint(&self) -> Hint {
        Hint { peer: self.net.peer(), addr: self.addr }
    }
}

/// Somebody with some doors to the directory.
struct Looker {
    net: NetHandle,
    events: NetEvents,
}

impl Looker {
    async fn new(n: usize, doors: &[Hint]) -> Result<Self> {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&u64::try_from(n)?.to_be_bytes());
        let config = NetConfig { listen: Vec::new(), mdns: false, ..NetConfig::new(seed) };
        let (net, mut events) = start(config)?;
        net.send(NetCmd::Operators(doors.to_vec())).await?;
        let mut missing: Vec<PeerKey> = doors.iter().map(|door| door.peer).collect();
        for door in doors {
            net.send(NetCmd::Dial { peer: Some(door.peer), addrs: vec![door.addr] }).await?;
        }
        while !missing.is_empty() {
            match next(&mut events).await? {
                NetEvent::LinkUp { info, .. } => missing.retain(|door| *door != info.peer),
                NetEvent::DialFailed { why, .. } => bail!("a door is closed: {why}"),
                _ => {}
            }
        }
        // A door says what it is after the connection is up: an app has long been started when somebody looks.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(Self { net, events })
    }

    /// Leaves a record. Returns how many nodes took it.
    async fn put(&mut self, key: DirectoryKey, value: Vec<u8>) -> Result<u16> {
        self.net.send(NetCmd::DirectoryPut { id: QueryId(1), key, value }).await?;
        loop {
            if let NetEvent::DirectoryDone { end, .. } = next(&mut self.events).await? {
                return Ok(if let DirectoryEnd::Nodes(nodes) = end { nodes } else { 0 });
            }
        }
    }

    /// Asks for a login. Returns when the first right claim came, when all answers were there, and the forgeries among them.
    async fn look(&mut self, wanted: &Login) -> Result<(Option<(Duration, ClaimInfo)>, Duration, usize)> {
        let begun = Instant::now();
        let id = QueryId(2);
        self.net.send(NetCmd::DirectoryGet { id, key: claim::login_key(wanted) }).await?;
        let (mut first, mut forged) = (None, 0);
        loop {
            match next(&mut self.events).await? {
                NetEvent::DirectoryFound { id: of, value } if of == id => {
                    let Ok(RecordKind::Claims(claims)) = record::decode(&value) else {
                        forged += 1;
                        continue;
                    };
                    for found in &claims.claims {
                        match claim::verify(found, CLAIM_WORK, now()) {
                            Ok(info) if info.login == *wanted => first = first.or(Some((begun.elapsed(), info))),
                            _ => forged += 1,
                        }
                    }
                }
                NetEvent::DirectoryDone { id: of, .. } if of == id => return Ok((first, begun.elapsed(), forged)),
                _ => {}
            }
        }
    }
}

async fn next(events: &mut NetEvents) -> Result<NetEvent> {
    timeout(PATIENCE, events.recv()).await.context("the network says nothing")?.context("the network ended")
}

/// Starts nodes that learn of each other, and waits until they have.
async fn join(size: usize, forged: &[u8], trouble: Trouble) -> Result<(Vec<Node>, Duration)> {
    let begun = Instant::now();
    let mut nodes: Vec<Node> = Vec::new();
    for n in 0..size {
        let lies = trouble == Trouble::Liars && n % FIFTH == 1;
        let rules = ShelfRules { work: CLAIM_WORK, tags: TagCost::REAL, salt: [3; 32] };
        let shelf = || Shelf::new(rules, [], Box::new(|_, _| {}));
        let node = Node::serve(n, if lies { Box::new(Liar(forged.to_vec())) } else { Box::new(shelf()?) })?;
        // Spread over all that were there before, as operators who name each other.
        for k in 1..=KNOWN.min(n) {
            let hint = nodes.get(n * k * 7919 % n).context("nobody there")?.hint();
            node.net.send(NetCmd::Dial { peer: Some(hint.peer), addrs: vec![hint.addr] }).await?;
        }
        nodes.push(node);
        // All at once would be a storm that no directory sees.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let connections = |nodes: &[Node]| nodes.iter().map(|node| node.net.stats().connections).sum::<u64>();
    let (mut last, mut since) = (0, Instant::now());
    while since.elapsed() < QUIET {
        ensure!(begun.elapsed() < 4 * PATIENCE, "the nodes do not come to rest");
        for node in &mut nodes {
            while node.events.try_recv().is_some() {}
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = connections(&nodes);
        // Connections that nobody needs end all the time.
        if now.abs_diff(last) > last / 50 {
            (last, since) = (now, Instant::now());
        }
    }
    note(&format!("{size} nodes have {last} connections"))?;
    Ok((nodes, begun.elapsed().saturating_sub(QUIET)))
}

async fn measure(size: usize, trouble: Trouble) -> Result<Figures> {
    let wanted = Login::exact("anna")?;
    let (_, forged) = claimed(66, &wanted, 1)?;
    let (tag, value) = claimed(1, &wanted, CLAIM_WORK)?;
    let (mut nodes, joined) = join(size, &forged, trouble).await?;
    let doors = |n: usize, nodes: &[Node]| -> Vec<Hint> {
        // Whoever looks has chosen people's operators: those that are there and tell the truth.
        let well = |n: usize| trouble == Trouble::None || n % FIFTH != 1;
        let mut at = (0..nodes.len()).cycle().skip(n * 31 % nodes.len()).filter(|at| well(*at));
        (0..DOORS).filter_map(|_| at.next()).filter_map(|at| nodes.get(at)).map(Node::hint).collect()
    };
    let mut owner = Looker::new(10_000, &doors(5, &nodes)).await?;
    let mut kept = 0;
    for key in [claim::tagged_key(&wanted, &tag), claim::login_key(&wanted)] {
        kept = owner.put(key, value.clone()).await?;
        ensure!(kept > 0, "nobody takes the claim");
    }
    if trouble == Trouble::Dead {
        for node in nodes.iter().skip(1).step_by(FIFTH) {
            node.net.shutdown().await;
        }
    }
    let (mut first, mut complete, mut found, mut refused) = (Vec::new(), Vec::new(), 0, 0);
    let mut tagged = Duration::ZERO;
    for n in 0..LOOKERS {
        let mut looker = Looker::new(n, &doors(n, &nodes)).await?;
        let (seen, all, forgeries) = looker.look(&wanted).await?;
        complete.push(all);
        refused += forgeries;
        if let Some((after, info)) = seen {
            first.push(after);
            let begun = Instant::now();
            let right = login::tag(info.account, wanted.as_str(), TagCost::REAL)? == info.tag;
            tagged = tagged.max(begun.elapsed());
            ensure!(right && info.tag == tag, "a forgery was believed");
            found += 1;
        }
        looker.net.shutdown().await;
        for node in &mut nodes {
            while node.events.try_recv().is_some() {}
        }
    }
    note(&format!("{kept} nodes took the claim"))?;
    for node in &nodes {
        node.net.shutdown().await;
    }
    Ok(Figures { trouble, first: first.into(), tag: tagged, complete: complete.into(), found, forged: refused, joined })
}
