//! Operators' nodes: relays, mailboxes, and a directory that verifies and merges with the product's own rules. Each keeps its own
//! records, as the nodes close to a key do.

mod boxes;
mod calls;

use crate::dice::Dice;
use crate::net::{Host, Place};
use crate::node::{Node, Who};
use crate::world::World;
pub(crate) use boxes::Errand;
pub use boxes::{Boxes, Lies};
pub use calls::Calls;
use std::collections::BTreeMap;
use veche_protocol::core::command::Command;
use veche_protocol::core::input::Input;
use veche_protocol::directory::record::{self, Judge, TagProof};
use veche_protocol::identity::login::{TagCost, tag};
use veche_protocol::ids::{DirectoryKey, QueryId};
use veche_protocol::link::{DirectoryEnd, Hint};
use veche_protocol::time::UnixMs;

/// Time of an answer of the directory, ms: one to several rounds of requests.
const ANSWER: (u64, u64) = (30, 900);
/// Time until a reservation on a relay is made, ms.
const RESERVATION: u64 = 80;
/// Bits of work that claims show in simulated networks.
pub const CLAIM_BITS: u32 = 3;

/// One operator's node.
#[derive(Debug)]
pub struct Operator {
    seed: [u8; 32],
    salt: [u8; 32],
    records: BTreeMap<DirectoryKey, Vec<u8>>,
    /// What it answers in place of the truth, if it lies.
    pub lies: Option<Vec<u8>>,
    running: bool,
    /// Its mailboxes.
    pub boxes: Boxes,
    /// Its relay for calls.
    pub calls: Calls,
}

impl Operator {
    fn judge(&self, now: UnixMs) -> Judge {
        Judge { now, work: CLAIM_BITS, salt: self.salt }
    }

    fn put(&mut self, now: UnixMs, key: DirectoryKey, value: &[u8]) -> bool {
        let known = self.records.get(&key).cloned();
        let proof = |account: &_, login: &str, claimed: &str| match tag(*account, login, TagCost::SIMULATED) {
            Ok(found) if found == claimed => TagProof::Right,
            _ => TagProof::Wrong,
        };
        match record::merge(key, known.as_deref(), value, &self.judge(now), proof) {
            Ok(merged) => {
                if let Some(value) = merged.value {
                    self.records.insert(key, value);
                }
                true
            }
            Err(_) => false,
        }
    }
}

impl World {
    /// Adds an operator's node that everybody can reach.
    pub fn operator(&mut self) -> Host {
        let host = self.net.add(Place::Public);
        self.net.make_relay(host);
        self.add_node(Node::new("operator", crate::world::config()));
        let (seed, salt) = (self.dice.bytes(), self.dice.bytes());
        self.operators.insert(
            host,
            Operator { seed, salt, records: BTreeMap::new(), lies: None, running: false, boxes: Boxes::default(), calls: Calls::default() },
        );
        self.start_operator(host);
        host
    }

    /// Starts an operator's node again, with the key and the records that it had.
    pub fn start_operator(&mut self, host: Host) {
        let at = self.at();
        let Some(operator) = self.operators.get_mut(&host) else { return };
        operator.running = true;
        self.net.start(at, host, operator.seed, &mut self.dice);
        self.collect();
        self.start_boxes(host);
        self.start_calls(host);
    }

    /// Kills an operator's node.
    pub fn stop_operator(&mut self, host: Host) {
        if let Some(operator) = self.operators.get_mut(&host) {
            operator.running = false;
        }
        self.end_operator(host);
    }

    /// Has a person use an operator's node, and waits until they are connected and can be met there.
    ///
    /// # Panics
    /// If they are not within a minute.
    pub fn uses(&mut self, who: Who, operator: Host) {
        let hint = self.operator_hint(operator);
        self.want(who, Command::AddOperators(vec![hint]));
        let there = |w: &mut Self| w.view(who).network.listening.iter().any(|h| h.addr.relay == Some(hint.peer));
        assert!(self.until(60_000, there), "{} is not connected to the operator", self.node(who).name);
    }

    /// Where an operator's node is.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn operator_hint(&self, operator: Host) -> Hint {
        Hint { peer: self.net.peer(operator).expect("it runs"), addr: self.net.addr(operator) }
    }

    /// Records that an operator's node keeps.
    #[must_use]
    pub fn records(&self, operator: Host) -> usize {
        self.operators.get(&operator).map_or(0, |o| o.records.len())
    }

    /// Puts a record past every node's own publishing: what a liar does.
    pub fn put_record(&mut self, key: DirectoryKey, value: &[u8]) -> usize {
        let now = UnixMs(crate::node::START.0 + self.at());
        self.operators.values_mut().filter(|o| o.running).map(|o| usize::from(o.put(now, key, value))).sum()
    }

    /// Operators' nodes into whose directory a node sees from here.
    fn doors(&self, who: Who) -> Vec<Host> {
        let connected = self.operators.iter().any(|(host, o)| o.running && self.net.is_linked(who, *host));
        // Those that are connected lead to the others.
        self.operators.iter().filter(|(_, o)| o.running && connected).map(|(host, _)| *host).collect()
    }

    pub(crate) fn directory_get(&mut self, who: Who, id: QueryId, key: DirectoryKey) {
        let mut last = 1;
        let doors = self.doors(who);
        for host in &doors {
            let Some(operator) = self.operators.get(host) else { continue };
            let Some(value) = operator.lies.clone().or_else(|| operator.records.get(&key).cloned()) else { continue };
            let after = answer(&mut self.dice);
            last = last.max(after);
            self.input_in(who, after, Input::DirectoryFound(id, value));
        }
        let end = if doors.is_empty() { DirectoryEnd::Nobody } else { DirectoryEnd::Nodes(count(doors.len())) };
        self.input_in(who, last + 1, Input::DirectoryDone(id, end));
    }

    pub(crate) fn directory_put(&mut self, who: Who, id: QueryId, key: DirectoryKey, value: &[u8]) {
        let now = UnixMs(crate::node::START.0 + self.at());
        let doors = self.doors(who);
        let mut stored = 0;
        for host in &doors {
            stored += usize::from(self.operators.get_mut(host).is_some_and(|o| o.put(now, key, value)));
        }
        let end = match (doors.len(), stored) {
            (0, _) => DirectoryEnd::Nobody,
            (_, 0) => DirectoryEnd::Refused,
            (_, n) => DirectoryEnd::Nodes(count(n)),
        };
        let after = answer(&mut self.dice);
        self.input_in(who, after, Input::DirectoryDone(id, end));
    }

    /// A node heard something: where it can be met may have changed with it.
    pub(crate) fn reservations(&mut self, who: Who, input: &Input) {
        if self.operators.is_empty() || !matches!(input, Input::LinkUp(..) | Input::LinkDown(_) | Input::Listening(_)) {
            return;
        }
        let reserved = self.net.reserved(who);
        if self.nodes_reserved(who) != reserved {
            self.set_reserved(who, reserved.clone());
            let mut addrs = vec![self.net.addr(who)];
            addrs.extend(reserved);
            self.input_in(who, RESERVATION, Input::Listening(addrs));
        }
    }
}

fn answer(dice: &mut Dice) -> u64 {
    dice.between(ANSWER.0, ANSWER.1)
}

fn count(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}
