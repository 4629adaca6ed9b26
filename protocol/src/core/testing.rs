//! Cores without a world around them, for tests of what happens between two inputs. Their disks take everything at once and give
//! nothing back; connections come up and go down when a test says so, and computations end when it says so.

use super::command::{Command, Reply, Target};
use super::effect::Effect;
use super::input::{Boot, Input};
use super::job::Job;
use super::{Config, Core};
use crate::crypto::ratchet::RatchetKind;
use crate::identity::login::TagCost;
use crate::ids::{AccountId, CmdId, JobId, LinkId, PeerKey};
use crate::link::{Addr, LinkInfo, Proto, Side, Transport, route_of};
use crate::store::{Found, Read};
use crate::time::{Mono, Now, UnixMs};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Time at which every test begins, unix ms.
const START: u64 = 1_800_000_000_000;

/// Cores, and the connections between them.
pub(super) struct Bench {
    pub cores: Vec<Core>,
    pub accounts: Vec<AccountId>,
    /// Milliseconds since the start.
    pub at: u64,
    wires: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    links: u64,
    /// Connections that a core asked to have closed.
    pub closed: BTreeSet<(usize, LinkId)>,
    /// Connections that a core doubts.
    pub doubts: Vec<(usize, LinkId)>,
    /// What a core wants dialled.
    pub dials: Vec<(usize, Vec<Addr>)>,
    /// Frames sent, and on which connection.
    pub sent: Vec<(usize, LinkId, Proto)>,
    /// Computations asked for and not done.
    pub jobs: Vec<(usize, JobId, Job)>,
    replies: BTreeMap<CmdId, Reply>,
    cmds: u64,
}

impl Bench {
    /// People with accounts.
    pub fn new(people: &[&str]) -> Self {
        let cfg = Config { ratchet: RatchetKind::Double, tag_cost: TagCost::SIMULATED, pow_bits: 0, lan_only: false, claim_bits: 0 };
        let mut bench = Self {
            cores: (1_u8..).take(people.len()).map(|n| Core::new(cfg, [n; 32])).collect(),
            accounts: Vec::new(),
            at: 0,
            wires: BTreeMap::new(),
            links: 0,
            closed: BTreeSet::new(),
            doubts: Vec::new(),
            dials: Vec::new(),
            sent: Vec::new(),
            jobs: Vec::new(),
            replies: BTreeMap::new(),
            cmds: 0,
        };
        for (n, name) in people.iter().enumerate() {
            bench.give(n, Input::Boot(Boot::default()));
            let entropy = [u8::try_from(n + 1).unwrap(); 16];
            let command = Command::CreateAccount { login: (*name).into(), name: (*name).into(), entropy };
            let Some(Reply::Account(account)) = bench.ask(n, command) else { panic!("no account") };
            bench.accounts.push(account);
            bench.give(n, Input::Listening(vec![addr(n)]));
        }
        bench
    }

    /// Two people who are contacts, and connected; the connection as each of them has it.
    pub fn friends() -> (Self, LinkId, LinkId) {
        let mut bench = Self::new(&["alice", "bob"]);
        let Some(Reply::Link(link)) = bench.ask(1, Command::ContactLink) else { panic!("no link") };
        bench.ask(0, Command::RequestContact { target: Target::Link(link), text: "hello".into() });
        let (a, b) = bench.connect(0, 1);
        bench.work();
        let of_alice = bench.accounts[0];
        bench.ask(1, Command::AcceptRequest(of_alice));
        assert!(bench.cores.iter().all(|c| c.people.values().all(super::people::Person::is_contact)), "they are contacts");
        (bench, a, b)
    }

    /// Hands an input to a core, and everything that follows to whomever it concerns.
    pub fn give(&mut self, core: usize, input: Input) {
        let mut inputs = std::collections::VecDeque::from([(core, input)]);
        while let Some((n, input)) = inputs.pop_front() {
            let now = Now { mono: Mono(self.at), wall: UnixMs(START + self.at) };
            self.cores[n].handle(now, input);
            while let Some(effect) = self.cores[n].poll() {
                inputs.extend(self.execute(n, effect));
            }
        }
    }

    fn execute(&mut self, n: usize, effect: Effect) -> Option<(usize, Input)> {
        match effect {
            Effect::Commit { id, .. } => Some((n, Input::Committed(id))),
            Effect::Read { id, read } => {
                let found = match read {
                    Read::Get(keys) => Found::Values(vec![None; keys.len()]),
                    Read::Range { .. } => Found::Rows(Vec::new()),
                };
                Some((n, Input::Found(id, Ok(found))))
            }
            Effect::Offload { id, job } => {
                self.jobs.push((n, id, job));
                None
            }
            Effect::Send { link, proto, frame, .. } => {
                self.sent.push((n, link, proto));
                let (to, link) = *self.wires.get(&(n, link))?;
                Some((to, Input::Frame(link, proto, frame)))
            }
            Effect::Close(link) => {
                self.closed.insert((n, link));
                None
            }
            Effect::Doubt(link) => {
                self.doubts.push((n, link));
                None
            }
            Effect::Dial { addrs, .. } => {
                self.dials.push((n, addrs));
                None
            }
            Effect::Reply(cmd, Ok(reply)) => {
                self.replies.insert(cmd, reply);
                None
            }
            _ => None,
        }
    }

    /// Says a wish; `None` if it is refused.
    pub fn ask(&mut self, core: usize, command: Command) -> Option<Reply> {
        self.cmds += 1;
        let cmd = CmdId(self.cmds);
        self.give(core, Input::Command(cmd, command));
        self.replies.remove(&cmd)
    }

    /// Connects one core to another, whatever connections there are.
    pub fn connect(&mut self, from: usize, to: usize) -> (LinkId, LinkId) {
        let (a, b) = (LinkId(self.links + 1), LinkId(self.links + 2));
        self.links += 2;
        self.wires.insert((from, a), (to, b));
        self.wires.insert((to, b), (from, a));
        let info = |bench: &Self, other: usize, side| {
            let peer = bench.cores[other].me.as_ref().unwrap().peer;
            LinkInfo { peer, side, addr: addr(other), route: route_of(addr(other).socket.ip()) }
        };
        let (one, two) = (info(self, to, Side::Dialler), info(self, from, Side::Listener));
        // Both know of the connection before anything passes on it.
        let now = Now { mono: Mono(self.at), wall: UnixMs(START + self.at) };
        self.cores[to].handle(now, Input::LinkUp(b, two));
        self.give(from, Input::LinkUp(a, one));
        self.give(to, Input::Tick);
        (a, b)
    }

    /// Nothing passes on a connection any more, and nobody is told.
    pub fn cut(&mut self, core: usize, link: LinkId) {
        if let Some(other) = self.wires.remove(&(core, link)) {
            self.wires.remove(&other);
        }
    }

    /// A connection goes through a relay from now on.
    pub fn relay(&mut self, core: usize, link: LinkId) {
        let Some(info) = self.cores[core].links.get(&link).map(|known| known.info) else { panic!("no such connection") };
        let relay = Addr::behind(PeerKey([9; 32]), ([203, 0, 113, 9], 4433).into(), Transport::Quic);
        self.give(core, Input::LinkMoved(link, LinkInfo { addr: relay, route: relay.route(), ..info }));
    }

    /// Ends the computations under way.
    pub fn work(&mut self) {
        while let Some((n, id, job)) = self.jobs.pop() {
            self.give(n, Input::JobDone(id, job.run()));
        }
    }
}

/// Where a core listens.
fn addr(core: usize) -> Addr {
    let ip = IpAddr::V4(Ipv4Addr::new(192, 168, 1, u8::try_from(core + 1).unwrap()));
    Addr::direct(SocketAddr::new(ip, 4433), Transport::Quic)
}
