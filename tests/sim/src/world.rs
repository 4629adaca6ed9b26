//! Virtual time: nodes, the network between them, and what happens next.

mod faults;
mod shell;

use crate::adversary::Stranger;
use crate::dice::Dice;
use crate::net::{Arrival, Ending, Host, Net, Place};
use crate::node::{Clock, Node, Who};
use crate::operator::{CLAIM_BITS, Errand, Operator};
use crate::sound::Engines;
use crate::trace::Trace;
use std::collections::BTreeMap;
use std::sync::Arc;
use veche_protocol::call::media::MediaEvent;
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::core::input::{Boot, Input};
use veche_protocol::core::{Config, Core};
use veche_protocol::crypto::ratchet::RatchetKind;
use veche_protocol::identity::login::TagCost;
use veche_protocol::ids::{CmdId, ReadId};
use veche_protocol::link::Addr;
use veche_protocol::store::Read;
use veche_protocol::view::Snapshot;

/// What a core of the simulator is made with: cheap hashes and proofs, the deterministic double of the ratchet.
#[must_use]
pub fn config() -> Config {
    Config { ratchet: RatchetKind::Double, tag_cost: TagCost::SIMULATED, pow_bits: 4, lan_only: false, claim_bits: CLAIM_BITS }
}

/// Something that will happen.
enum Happening {
    Tick(Who),
    /// An answer of a worker or of the store: taken however far behind the disk is.
    Input(Who, u32, Input),
    Flush(Who, u32),
    Read(Who, u32, ReadId, Read),
    Start(Who),
    Net(Arrival),
    Errand(Host, u32, Errand),
    /// Engines listen whom they hear.
    Listen,
}

/// A world.
pub struct World {
    /// Its seed.
    pub seed: u64,
    at: u64,
    serial: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    /// Its randomness.
    pub dice: Dice,
    /// The network.
    pub net: Net,
    /// What new nodes are made with.
    pub cfg: Config,
    /// The clocks of the machines of new nodes.
    pub clock: Clock,
    nodes: Vec<Node>,
    pub(crate) strangers: BTreeMap<Host, Stranger>,
    /// Operators' nodes.
    pub operators: BTreeMap<Host, Operator>,
    /// Places behind relays that each node was told of.
    reserved: BTreeMap<Host, Vec<Addr>>,
    /// Engines of sound.
    pub engines: Engines,
    /// What happened.
    pub trace: Trace,
    /// Nodes that crash start again by themselves after up to this many ms.
    pub restart_after: Option<u64>,
    /// Crashes so far.
    pub crashes: u32,
    /// Inputs handled so far.
    pub inputs: u64,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            at: 0,
            serial: 0,
            queue: BTreeMap::new(),
            dice: Dice::new(seed),
            net: Net::default(),
            cfg: config(),
            clock: Clock::default(),
            nodes: Vec::new(),
            strangers: BTreeMap::new(),
            operators: BTreeMap::new(),
            reserved: BTreeMap::new(),
            engines: Engines::default(),
            trace: Trace::default(),
            restart_after: Some(3_000),
            crashes: 0,
            inputs: 0,
        }
    }

    /// Virtual time, ms.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Adds a node that runs, without an account.
    pub fn add(&mut self, name: &str, place: Place) -> Who {
        let host = self.net.add(place);
        self.nodes.push(Node { clock: self.clock, ..Node::new(name, self.cfg) });
        self.start(host);
        host
    }

    pub(crate) fn add_node(&mut self, node: Node) {
        self.nodes.push(node);
    }

    pub(crate) fn input_in(&mut self, who: Who, ms: u64, input: Input) {
        let run = self.nodes[who.0].run;
        self.push(self.at + ms, Happening::Input(who, run, input));
    }

    pub(crate) fn media_in(&mut self, who: Who, ms: u64, event: MediaEvent) {
        self.input_in(who, ms, Input::Media(event));
    }

    pub(crate) fn listen_in(&mut self, ms: u64) {
        self.push(self.at + ms, Happening::Listen);
    }

    pub(crate) fn errand_in(&mut self, host: Host, run: u32, ms: u64, errand: Errand) {
        self.push(self.at + ms, Happening::Errand(host, run, errand));
    }

    pub(crate) fn nodes_reserved(&self, who: Who) -> Vec<Addr> {
        self.reserved.get(&who).cloned().unwrap_or_default()
    }

    pub(crate) fn set_reserved(&mut self, who: Who, addrs: Vec<Addr>) {
        self.reserved.insert(who, addrs);
    }

    /// Adds a machine on which no core runs.
    pub fn add_stranger(&mut self, place: Place) -> Host {
        let host = self.net.add(place);
        self.nodes.push(Node::new("stranger", config()));
        self.strangers.insert(host, Stranger::default());
        host
    }

    /// A node.
    #[must_use]
    pub fn node(&self, who: Who) -> &Node {
        &self.nodes[who.0]
    }

    /// A node, to change what a person or a fault can change.
    pub fn node_mut(&mut self, who: Who) -> &mut Node {
        &mut self.nodes[who.0]
    }

    /// Everybody, strangers included.
    pub fn everybody(&self) -> impl Iterator<Item = (Who, &Node)> {
        self.nodes.iter().enumerate().map(|(n, node)| (Host(n), node))
    }

    /// What a node shows.
    pub fn view(&mut self, who: Who) -> Arc<Snapshot> {
        let node = &mut self.nodes[who.0];
        if let Some(snapshot) = node.core.as_mut().and_then(Core::take_snapshot) {
            node.view = Arc::new(snapshot);
        }
        Arc::clone(&node.view)
    }

    /// Starts a node that does not run, from what is on its disk.
    pub fn start(&mut self, who: Who) {
        let seed = self.dice.bytes();
        let node = &mut self.nodes[who.0];
        if node.core.is_some() || node.wiped || node.off {
            return;
        }
        node.run += 1;
        node.net_up = false;
        node.core = Some(Core::new(node.cfg, seed));
        let boot = Boot { entropy: node.entropy, rows: node.disk.state() };
        self.trace.note(self.at, who.0, "start", &[]);
        self.turn(who, Input::Boot(boot));
    }

    /// Ends a node as its person does: it says goodbye and waits for its disk.
    pub fn stop(&mut self, who: Who) {
        if !self.nodes[who.0].is_up() {
            return;
        }
        self.turn(who, Input::Stop);
        let run = self.nodes[who.0].run;
        self.until(300, |w| w.nodes[who.0].run != run || w.nodes[who.0].core.as_ref().is_none_or(|core| core.backlog() == 0));
        if self.nodes[who.0].run == run {
            self.end(who, Ending::Orderly, usize::MAX);
        }
    }

    /// Gives a node a wish of its person. The answer is in [`World::answer`] later.
    pub fn command(&mut self, who: Who, command: Command) -> CmdId {
        let node = &mut self.nodes[who.0];
        node.next_cmd += 1;
        let id = CmdId(node.next_cmd);
        if let Command::CreateAccount { entropy, .. } | Command::RestoreAccount { entropy, .. } = &command {
            // The key file is written before the core hears of the account.
            node.entropy = Some(*entropy);
        }
        self.give(who, Input::Command(id, command));
        id
    }

    /// The answer to a wish, once there is one.
    #[must_use]
    pub fn answer(&self, who: Who, cmd: CmdId) -> Option<&Result<Reply, CommandError>> {
        self.nodes[who.0].replies.get(&cmd)
    }

    fn push(&mut self, at: u64, what: Happening) {
        self.serial += 1;
        self.queue.insert((at.max(self.at), self.serial), what);
    }

    /// Queues what the network scheduled.
    pub(crate) fn collect(&mut self) {
        for (at, arrival) in self.net.scheduled() {
            self.push(at, Happening::Net(arrival));
        }
    }

    /// Lets the next thing happen. False if there is nothing.
    pub fn step(&mut self) -> bool {
        let Some(((at, _), what)) = self.queue.pop_first() else { return false };
        self.at = at;
        match what {
            Happening::Tick(who) => {
                if self.nodes[who.0].wake == Some(at) {
                    self.nodes[who.0].wake = None;
                    self.turn(who, Input::Tick);
                }
            }
            Happening::Input(who, run, input) => {
                if self.nodes[who.0].run == run {
                    self.turn(who, input);
                    self.take_held(who);
                }
            }
            Happening::Flush(who, run) => self.flushed(who, run),
            Happening::Read(who, run, id, read) => {
                if self.nodes[who.0].run == run {
                    let found = self.nodes[who.0].disk.read(&read);
                    self.turn(who, Input::Found(id, Ok(found)));
                    self.take_held(who);
                }
            }
            Happening::Start(who) => self.start(who),
            Happening::Errand(host, run, errand) => self.boxes_errand(host, run, errand),
            Happening::Listen => self.listen(),
            Happening::Net(arrival) => {
                let inputs = self.net.arrive(at, arrival, &mut self.dice);
                self.collect();
                for (host, input) in inputs {
                    if self.operators.contains_key(&host) {
                        self.operator_hears(host, input);
                        continue;
                    }
                    self.reservations(host, &input);
                    match self.strangers.get_mut(&host) {
                        Some(stranger) => stranger.hears(input),
                        None => self.give(host, input),
                    }
                }
            }
        }
        true
    }

    /// Lets `ms` pass.
    pub fn run(&mut self, ms: u64) {
        let end = self.at + ms;
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.step();
        }
        self.at = end;
    }

    /// Lets time pass until something is so, at most `ms`. Returns whether it is.
    pub fn until(&mut self, ms: u64, mut is_so: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.at + ms;
        loop {
            if is_so(self) {
                return true;
            }
            match self.queue.first_key_value() {
                Some(((at, _), _)) if *at <= end => self.step(),
                _ => {
                    self.at = end;
                    return is_so(self);
                }
            };
        }
    }

    /// The same for what is costly to find out: looks twice a second.
    pub fn eventually(&mut self, ms: u64, mut is_so: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.at + ms;
        while self.at < end {
            if is_so(self) {
                return true;
            }
            self.run(500);
        }
        is_so(self)
    }
}
