//! Machines that lead on to others: where a connection may be made behind one, and which way a dial goes.

use super::{Host, Net};
use veche_protocol::ids::PeerKey;
use veche_protocol::link::Addr;

impl Net {
    /// Makes a machine a relay.
    pub fn make_relay(&mut self, host: Host) {
        self.relays.insert(host);
    }

    /// Places behind the relays that a machine is connected to.
    #[must_use]
    pub fn reserved(&self, host: Host) -> Vec<Addr> {
        let connected = self.relays.iter().filter(|relay| self.is_linked(host, **relay));
        connected.filter_map(|relay| Some(Addr { relay: Some(self.hosts[relay.0].peer?), ..self.hosts[relay.0].addr })).collect()
    }

    /// Whether two machines have a connection of their own that works.
    #[must_use]
    pub fn is_linked(&self, a: Host, b: Host) -> bool {
        self.wires.values().any(|w| w.is_between(a, b) && w.via.is_none() && !w.dead && !w.silent && w.ends.iter().all(|e| e.up))
    }

    /// The relay through which the connection between two machines goes.
    #[must_use]
    pub fn relay_between(&self, a: Host, b: Host) -> Option<Host> {
        self.wires.values().find(|w| w.is_between(a, b) && !w.dead)?.via
    }

    /// Where an address leads, seen from a machine: the machine there, and the relay on the way.
    pub(super) fn goal(&self, from: Host, peer: Option<PeerKey>, addr: &Addr) -> Option<(Host, Option<Host>)> {
        let all = || (0..self.hosts.len()).map(Host);
        let Some(relay) = addr.relay else {
            let to = all().find(|h| self.hosts[h.0].addr.socket == addr.socket)?;
            return self.reaches(from, to).then_some((to, None));
        };
        let via = self.relays.iter().copied().find(|h| self.hosts[h.0].peer == Some(relay))?;
        let to = all().find(|h| peer.is_some() && self.hosts[h.0].peer == peer)?;
        (self.reaches(from, via) && self.is_linked(to, via)).then_some((to, Some(via)))
    }
}
