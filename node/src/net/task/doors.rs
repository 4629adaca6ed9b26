//! The directory: the doors to it, the questions, and who else is part of it.

use super::{Role, Task};
use crate::net::addr::{from_multiaddr, to_multiaddr, to_peer_id, to_peer_key};
use crate::net::api::NetEvent;
use crate::net::directory::{self, PROTOCOL, Questions};
use libp2p::{Multiaddr, PeerId, identify, kad};
use std::collections::{BTreeMap, BTreeSet};
use veche_protocol::ids::QueryId;
use veche_protocol::link::{DirectoryEnd, Hint};

/// Addresses remembered of another node of the directory: two transports over two versions of IP, twice.
const MAX_ADDRS: usize = 8;

/// Other nodes of the directory whose addresses are remembered.
const MAX_NEIGHBOURS: usize = 1024;

impl Task {
    /// The operators' nodes are where every question begins.
    pub(super) fn doors(&mut self, list: &[Hint]) {
        let mut doors: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for hint in list.iter().filter(|hint| hint.peer != self.me && hint.addr.relay.is_none()) {
            doors.entry(hint.peer).or_default().insert(hint.addr);
        }
        let Some(kad) = self.swarm.behaviour_mut().directory.as_mut() else { return };
        for gone in self.doors.keys().filter(|peer| !doors.contains_key(peer)).filter_map(to_peer_id) {
            kad.remove_peer(&gone);
        }
        for (door, addrs) in &doors {
            let Some(peer) = to_peer_id(door) else { continue };
            for addr in addrs {
                kad.add_address(&peer, to_multiaddr(addr));
            }
        }
        self.doors = doors;
    }

    pub(super) fn question(
        &mut self,
        id: QueryId,
        ask: impl FnOnce(&mut Questions, &mut directory::Behaviour) -> Result<(), DirectoryEnd>,
    ) {
        let asked = match self.swarm.behaviour_mut().directory.as_mut() {
            Some(kad) => ask(&mut self.questions, kad),
            None => Err(DirectoryEnd::Nobody),
        };
        if let Err(end) = asked {
            self.outbox.push_back(NetEvent::DirectoryDone { id, end });
        }
    }

    pub(super) fn progress(&mut self, event: kad::Event) {
        self.outbox.extend(self.questions.progress(event));
    }

    /// An operator's node learns where others of the directory are, who have dialled it from a port of no use to anybody else. Only those that
    /// its operator named: everybody could say that they are one, and would be told who looks for whom.
    pub(super) fn neighbour(&mut self, peer: PeerId, info: &identify::Info) {
        let full = self.neighbours.len() >= MAX_NEIGHBOURS && !self.neighbours.contains_key(&peer);
        let named = to_peer_key(&peer).is_some_and(|peer| self.doors.contains_key(&peer));
        if !matches!(self.role, Role::Server(_)) || !named || full || !info.protocols.contains(&PROTOCOL) {
            return;
        }
        let usable = |addr: &&Multiaddr| from_multiaddr(addr).is_ok_and(|(addr, _)| addr.relay.is_none());
        let addrs: BTreeSet<Multiaddr> = info.listen_addrs.iter().filter(usable).take(MAX_ADDRS).cloned().collect();
        let before = self.neighbours.insert(peer, addrs.clone()).unwrap_or_default();
        let Some(kad) = self.swarm.behaviour_mut().directory.as_mut() else { return };
        for gone in before.difference(&addrs) {
            kad.remove_address(&peer, gone);
        }
        for addr in addrs {
            kad.add_address(&peer, addr);
        }
    }
}
