//! Discovery on the local network.

use super::Task;
use crate::net::addr::{from_multiaddr, is_relayed, to_peer_key};
use crate::net::api::Profile;
use crate::net::discovery::{Discovery, Heard};
use crate::net::lan::is_lan;
use libp2p::{Multiaddr, PeerId};
use std::time::Instant;
use veche_protocol::ids::PeerKey;
use veche_protocol::link::Addr;

impl Task {
    pub(super) fn start_discovery(&mut self) {
        // The old one first: two at a time would answer twice.
        self.discovery = None;
        let addrs = self.swarm.listeners().filter(|addr| !is_relayed(addr)).cloned().collect();
        match Discovery::start(*self.swarm.local_peer_id(), addrs) {
            Ok(discovery) => self.discovery = Some(discovery),
            Err(error) => tracing::warn!(%error, "no discovery on the local network"),
        }
    }

    pub(super) fn heard(&mut self, heard: Option<Heard>) {
        let now = Instant::now();
        match heard {
            Some(Heard::Here(list)) => {
                for (peer, addr) in self.plausible(&list) {
                    self.nearby.here(now, peer, addr);
                }
            }
            Some(Heard::Gone(list)) => {
                for (peer, addr) in self.plausible(&list) {
                    self.nearby.gone(now, peer, addr);
                }
            }
            // Tried again when the network changes.
            None => self.discovery = None,
        }
    }

    /// The announcements that can be meant seriously.
    fn plausible(&self, list: &[(PeerId, Multiaddr)]) -> Vec<(PeerKey, Addr)> {
        let plausible = |(peer, addr): &(PeerId, Multiaddr)| {
            let key = to_peer_key(peer).filter(|key| *key != self.me)?;
            let (addr, _) = from_multiaddr(addr).ok()?;
            let ip = addr.socket.ip();
            let allowed = self.config.profile == Profile::Open || is_lan(ip);
            (allowed && addr.relay.is_none() && !ip.is_loopback() && !ip.is_unspecified() && addr.socket.port() != 0).then_some((key, addr))
        };
        list.iter().filter_map(plausible).collect()
    }
}

pub(super) async fn hear(discovery: &mut Option<Discovery>) -> Option<Heard> {
    match discovery {
        Some(discovery) => discovery.next().await,
        None => std::future::pending().await,
    }
}
