//! Looks for other nodes on the local network with mDNS, and answers those who look.
//!
//! libp2p's mDNS starts one task per interface and forgets about them: they would go on announcing this node after discovery was turned off.
//! So it lives on a thread and runtime of its own; dropping the runtime is what really ends it. Where multicast does not exist, it is silent.

use libp2p::core::transport::ListenerId;
use libp2p::swarm::behaviour::{ExpiredListenAddr, NewListenAddr};
use libp2p::swarm::{FromSwarm, NetworkBehaviour, ToSwarm};
use libp2p::{Multiaddr, PeerId, mdns};
use std::future::poll_fn;
use std::io;
use tokio::sync::mpsc;

/// Reports that may wait for the network task. A packet holds a handful of addresses.
const REPORTS: usize = 64;

/// Changes of own addresses that may wait for the thread.
const CHANGES: usize = 64;

/// Announcements that libp2p may remember before it is started anew. It has no bound of its own, and anybody on the network can announce.
const MAX_REMEMBERED: usize = 4096;

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// Somebody is at these addresses.
    Here(Vec<(PeerId, Multiaddr)>),
    /// Announcements that ran out.
    Gone(Vec<(PeerId, Multiaddr)>),
}

struct Change {
    addr: Multiaddr,
    up: bool,
}

/// A running discovery. Dropping it ends the announcements.
pub(super) struct Discovery {
    changes: mpsc::Sender<Change>,
    heard: mpsc::Receiver<Heard>,
}

/// Why a run of the thread ended.
enum Ended {
    Stopped,
    Overflow,
}

impl Discovery {
    /// Starts with the addresses this node listens on now.
    pub(super) fn start(me: PeerId, addrs: Vec<Multiaddr>) -> io::Result<Self> {
        let (changes, mut changed) = mpsc::channel(CHANGES);
        let (report, heard) = mpsc::channel(REPORTS);
        let body = move || {
            let mut own = addrs;
            loop {
                let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => return tracing::warn!(%error, "no discovery on the local network"),
                };
                match runtime.block_on(run(me, &mut own, &mut changed, &report)) {
                    Ok(Ended::Overflow) => tracing::debug!("too many announcements on the local network; starting over"),
                    Ok(Ended::Stopped) => return,
                    Err(error) => return tracing::warn!(%error, "no discovery on the local network"),
                }
            }
        };
        std::thread::Builder::new().name("veche-mdns".to_owned()).spawn(body)?;
        Ok(Self { changes, heard })
    }

    /// This node listens on an address, or no longer does. Lost if the thread is far behind: the next restart repairs it.
    pub(super) fn listening(&self, addr: Multiaddr, up: bool) {
        if self.changes.try_send(Change { addr, up }).is_err() {
            tracing::debug!("discovery on the local network is behind");
        }
    }

    /// The next thing heard; `None` if discovery does not work here.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }
}

async fn run(
    me: PeerId,
    own: &mut Vec<Multiaddr>,
    changed: &mut mpsc::Receiver<Change>,
    report: &mpsc::Sender<Heard>,
) -> io::Result<Ended> {
    let mut mdns = mdns::tokio::Behaviour::new(mdns::Config::default(), me)?;
    let listener_id = ListenerId::next();
    for addr in own.iter() {
        mdns.on_swarm_event(FromSwarm::NewListenAddr(NewListenAddr { listener_id, addr }));
    }
    loop {
        tokio::select! {
            change = changed.recv() => match change {
                None => return Ok(Ended::Stopped),
                Some(Change { addr, up: true }) => {
                    mdns.on_swarm_event(FromSwarm::NewListenAddr(NewListenAddr { listener_id, addr: &addr }));
                    own.push(addr);
                }
                Some(Change { addr, up: false }) => {
                    mdns.on_swarm_event(FromSwarm::ExpiredListenAddr(ExpiredListenAddr { listener_id, addr: &addr }));
                    own.retain(|known| *known != addr);
                }
            },
            event = poll_fn(|cx| mdns.poll(cx)) => {
                let heard = match event {
                    ToSwarm::GenerateEvent(mdns::Event::Discovered(list)) => Heard::Here(list),
                    ToSwarm::GenerateEvent(mdns::Event::Expired(list)) => Heard::Gone(list),
                    _ => continue,
                };
                if report.send(heard).await.is_err() {
                    return Ok(Ended::Stopped);
                }
                if mdns.discovered_nodes().len() > MAX_REMEMBERED {
                    return Ok(Ended::Overflow);
                }
            }
        }
    }
}
