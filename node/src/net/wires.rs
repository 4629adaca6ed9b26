//! The outlets and inlets of the links that are up, and the tasks behind them.

use super::api::{DownReason, NetEvent};
use super::pipe::{Inlet, Outlet, Tools, Turn};
use libp2p::PeerId;
use std::collections::{BTreeMap, HashMap};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use veche_protocol::ids::LinkId;
use veche_protocol::link::Proto;

/// Streams that may wait until the core has been told of their link.
const MAX_PARKED: usize = 2 * Proto::ALL.len();

struct Wire {
    peer: PeerId,
    session: u64,
    /// Whether the core knows of the link: no frame may reach it before.
    announced: bool,
    parked: Vec<(Proto, Turn)>,
    outlets: BTreeMap<Proto, Outlet>,
    inlets: BTreeMap<Proto, Inlet>,
    writers: Vec<AbortHandle>,
    readers: Vec<AbortHandle>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        for task in self.writers.iter().chain(&self.readers) {
            task.abort();
        }
    }
}

/// See the module.
pub(super) struct Wires {
    tools: Tools,
    wires: HashMap<LinkId, Wire>,
    tasks: JoinSet<()>,
    owners: HashMap<Id, LinkId>,
}

impl Wires {
    pub(super) fn new(tools: Tools) -> Self {
        Self { tools, wires: HashMap::new(), tasks: JoinSet::new(), owners: HashMap::new() }
    }

    /// A link is up.
    pub(super) fn up(&mut self, link: LinkId, peer: PeerId, session: u64) {
        let wire = Wire {
            peer,
            session,
            announced: false,
            parked: Vec::new(),
            outlets: BTreeMap::new(),
            inlets: BTreeMap::new(),
            writers: Vec::new(),
            readers: Vec::new(),
        };
        self.wires.insert(link, wire);
    }

    /// A link is down: everything of it stops.
    pub(super) fn down(&mut self, link: LinkId) {
        self.wires.remove(&link);
    }

    /// A link ends at this side's wish: it takes nothing in any more. Returns the tasks that write what is queued, and end then.
    pub(super) fn part(&mut self, link: LinkId) -> Vec<AbortHandle> {
        self.wires.remove(&link).map(|mut wire| std::mem::take(&mut wire.writers)).unwrap_or_default()
    }

    /// The peer at the other end, while the link is up.
    pub(super) fn peer(&self, link: LinkId) -> Option<PeerId> {
        self.wires.get(&link).map(|wire| wire.peer)
    }

    /// The core may have taken note of this event.
    pub(super) fn reported(&mut self, event: &NetEvent) {
        let NetEvent::LinkUp { link, .. } = event else { return };
        let Some(wire) = self.wires.get_mut(link) else { return };
        wire.announced = true;
        for (proto, turn) in std::mem::take(&mut wire.parked) {
            // At most as many as an inlet takes wait here per protocol, or the link has ended.
            let _ = self.accept(*link, proto, turn);
        }
    }

    /// Queues a frame. Frames for links that are down are dropped.
    pub(super) fn send(&mut self, link: LinkId, proto: Proto, frame: Vec<u8>, receipt: Option<u64>) -> Result<(), DownReason> {
        let Some(wire) = self.wires.get_mut(&link) else { return Ok(()) };
        let outlet = wire.outlets.entry(proto).or_insert_with(|| {
            let (outlet, task) = Outlet::new(link, proto, wire.session, self.tools.clone());
            let task = self.tasks.spawn(task);
            self.owners.insert(task.id(), link);
            wire.writers.push(task);
            outlet
        });
        outlet.push(frame, receipt).map_err(|_| DownReason::Slow)
    }

    /// The link prefers another connection now.
    pub(super) fn moved(&mut self, link: LinkId) {
        for outlet in self.wires.get(&link).into_iter().flat_map(|wire| wire.outlets.values()) {
            outlet.move_on();
        }
    }

    /// Adds an inbound stream.
    pub(super) fn accept(&mut self, link: LinkId, proto: Proto, turn: Turn) -> Result<(), DownReason> {
        let Some(wire) = self.wires.get_mut(&link) else { return Ok(()) };
        if !wire.announced {
            if wire.parked.len() >= MAX_PARKED {
                return Err(DownReason::Garbage);
            }
            wire.parked.push((proto, turn));
            return Ok(());
        }
        let inlet = wire.inlets.entry(proto).or_insert_with(|| {
            let (inlet, task) = Inlet::new(link, proto, self.tools.clone());
            let task = self.tasks.spawn(task);
            self.owners.insert(task.id(), link);
            wire.readers.push(task);
            inlet
        });
        if inlet.push(turn) { Ok(()) } else { Err(DownReason::Garbage) }
    }

    /// Waits for a task to end; pending while there is none. Names the link if the task crashed: its frames would be missing without a trace.
    pub(super) async fn ended(&mut self) -> Option<LinkId> {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let (id, crashed) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), JoinError::is_panic(&error)),
        };
        self.owners.remove(&id).filter(|_| crashed)
    }
}
