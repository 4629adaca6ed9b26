//! One connection between two nodes: what is on its way, which end still believes in it, and how it ends.

use super::{Arrival, DEAD_AFTER, Host, Net};
use crate::dice::Dice;
use std::collections::BTreeMap;
use veche_protocol::core::input::Input;
use veche_protocol::ids::{LinkId, PeerKey};
use veche_protocol::link::Proto;

/// One side of a wire.
pub(super) struct End {
    pub host: Host,
    pub link: LinkId,
    /// Who is at the other end.
    pub peer: PeerKey,
    /// Whether this side's node was told of it, and not of its end.
    pub up: bool,
    /// This side takes it for dead until it hears something, and dials beside it.
    pub doubted: bool,
    /// This side closed it and hears no more.
    pub closing: bool,
    /// When the last frame of a protocol reaches this end: the next one cannot overtake it.
    last: BTreeMap<Proto, u64>,
    /// Until when what this side sent keeps the line busy.
    busy: u64,
    /// Frames for this end that wait for the way to be free.
    held: Vec<(Proto, Vec<u8>)>,
}

impl End {
    pub fn new(host: Host, link: LinkId, peer: PeerKey) -> Self {
        Self { host, link, peer, up: true, doubted: false, closing: false, last: BTreeMap::new(), busy: 0, held: Vec::new() }
    }
}

/// A connection.
pub(super) struct Wire {
    pub ends: [End; 2],
    /// The relay that it goes through.
    pub via: Option<Host>,
    /// Nothing arrives any more, and nobody is told.
    pub dead: bool,
    /// Nothing is heard for now.
    pub silent: bool,
    /// Counts the times of silence, so that a timeout of an earlier one does not count for a later.
    pub round: u64,
}

/// A frame that somebody listening in on the machines sees, before the secure channel hides it.
#[derive(Clone, Debug)]
pub struct Tapped {
    /// Sending machine.
    pub from: Host,
    /// Receiving machine.
    pub to: Host,
    /// Protocol.
    pub proto: Proto,
    /// Bytes.
    pub frame: Vec<u8>,
}

impl Wire {
    pub fn new(ends: [End; 2], via: Option<Host>) -> Self {
        Self { ends, via, dead: false, silent: false, round: 0 }
    }

    pub fn is_between(&self, a: Host, b: Host) -> bool {
        let [x, y] = &self.ends;
        (x.host == a && y.host == b) || (x.host == b && y.host == a)
    }

    /// When all that is on its way to an end is there.
    pub fn drained(&self, end: usize) -> u64 {
        self.ends[end].last.values().copied().max().unwrap_or(0)
    }
}

impl Net {
    /// Sends a frame. Lost in silence if the link is down, as the network shell does.
    #[allow(clippy::too_many_arguments, reason = "what a frame is about")]
    pub fn send(&mut self, now: u64, host: Host, link: LinkId, proto: Proto, frame: Vec<u8>, receipt: Option<u64>, dice: &mut Dice) {
        let mut delay = self.delay(dice);
        let rate = self.weather.rate;
        let Some((id, end)) = self.links.get(&(host, link)).copied() else { return };
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if !wire.ends[end].up || wire.ends[end].closing {
            return;
        }
        if wire.via.is_some() {
            delay *= 2;
        }
        if let Some(tap) = &mut self.tap {
            tap.push(Tapped { from: host, to: wire.ends[1 - end].host, proto, frame: frame.clone() });
        }
        let mine = &mut wire.ends[end];
        mine.busy = mine.busy.max(now) + rate.map_or(0, |rate| frame.len() as u64 / rate.max(1));
        let left = mine.busy;
        let last = wire.ends[1 - end].last.entry(proto).or_insert(0);
        *last = (left + delay).max(*last);
        self.out.push((*last, Arrival::Frame { wire: id, to: 1 - end, proto, frame }));
        if let Some(receipt) = receipt {
            self.out.push((left.max(now + 1), Arrival::Sent { wire: id, end, receipt }));
        }
    }

    /// A link is in doubt.
    pub fn doubt(&mut self, host: Host, link: LinkId) {
        if let Some((id, end)) = self.links.get(&(host, link))
            && let Some(wire) = self.wires.get_mut(id)
        {
            wire.ends[*end].doubted = true;
        }
    }

    /// Ends a link after what was sent on it.
    pub fn close(&mut self, now: u64, host: Host, link: LinkId) {
        let latency = self.weather.latency;
        let Some((id, end)) = self.links.get(&(host, link)).copied() else { return };
        let Some(wire) = self.wires.get_mut(&id) else { return };
        if std::mem::replace(&mut wire.ends[end].closing, true) {
            return;
        }
        let other = wire.drained(1 - end).max(now + latency);
        self.out.push((now + 1, Arrival::Down(id, end)));
        self.out.push((other, Arrival::Down(id, 1 - end)));
    }

    pub(super) fn frame(&mut self, id: u64, to: usize, proto: Proto, frame: Vec<u8>) -> Vec<(Host, Input)> {
        let Some(wire) = self.wires.get(&id) else { return Vec::new() };
        let (from, host) = (wire.ends[1 - to].host, wire.ends[to].host);
        if wire.dead || !wire.ends[to].up || wire.ends[to].closing {
            return Vec::new();
        }
        let passes = self.carries(wire, from, host);
        let Some(wire) = self.wires.get_mut(&id) else { return Vec::new() };
        let end = &mut wire.ends[to];
        if !passes || !end.held.is_empty() {
            end.held.push((proto, frame));
            return Vec::new();
        }
        end.doubted = false;
        vec![(host, Input::Frame(end.link, proto, frame))]
    }

    /// Whether what leaves one end of a wire gets to the other.
    fn carries(&self, wire: &Wire, from: Host, to: Host) -> bool {
        match wire.via {
            Some(via) => self.passes(from, via) && self.passes(via, to),
            None => self.passes(from, to),
        }
    }

    fn is_open(&self, wire: &Wire) -> bool {
        let [a, b] = [wire.ends[0].host, wire.ends[1].host];
        self.carries(wire, a, b) && self.carries(wire, b, a)
    }

    /// An end learns that it is over.
    pub(super) fn down(&mut self, id: u64, end: usize) -> Vec<(Host, Input)> {
        let Some(wire) = self.wires.get_mut(&id) else { return Vec::new() };
        if !wire.ends[end].up {
            return Vec::new();
        }
        let (host, link) = (wire.ends[end].host, wire.ends[end].link);
        self.unlink(id, end);
        vec![(host, Input::LinkDown(link))]
    }

    pub(super) fn unlink(&mut self, id: u64, end: usize) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.ends[end].up = false;
        wire.ends[end].held.clear();
        self.links.remove(&(wire.ends[end].host, wire.ends[end].link));
        if wire.ends.iter().all(|e| !e.up) {
            self.wires.remove(&id);
        }
    }

    /// A wire's life is over: both ends hear of it, or neither does before its own patience ends.
    pub(super) fn flap(&mut self, now: u64, id: u64, dice: &mut Dice) {
        let latency = self.weather.latency;
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.dead = true;
        let clean = dice.chance(500);
        for end in 0..2 {
            let after = if clean { dice.between(1, latency + 1) } else { dice.between(DEAD_AFTER.0, DEAD_AFTER.1) };
            self.out.push((now + after, Arrival::Down(id, end)));
        }
    }

    /// Finds wires whose way is not free any more.
    pub(super) fn silence(&mut self, now: u64, dice: &mut Dice) {
        let blocked: Vec<u64> = self.wires.iter().filter(|(_, w)| !w.silent && !self.is_open(w)).map(|(id, _)| *id).collect();
        for id in blocked {
            let Some(wire) = self.wires.get_mut(&id) else { continue };
            wire.silent = true;
            wire.round += 1;
            for end in 0..2 {
                self.out.push((now + dice.between(DEAD_AFTER.0, DEAD_AFTER.1), Arrival::Silence(id, end, wire.round)));
            }
        }
    }

    /// The way may be free again: what waited is sent again, and an end whose other side gave up hears of that.
    pub(super) fn thaw(&mut self, now: u64, id: u64) {
        let latency = self.weather.latency;
        let Some(wire) = self.wires.get(&id) else { return };
        if !wire.silent || !self.is_open(wire) {
            return;
        }
        let Some(wire) = self.wires.get_mut(&id) else { return };
        wire.silent = false;
        wire.round += 1;
        if wire.ends.iter().any(|e| !e.up) {
            for end in 0..2 {
                self.out.push((now + latency, Arrival::Down(id, end)));
            }
            return;
        }
        for to in 0..2 {
            self.out.push((now + latency, Arrival::Thaw(id, to)));
        }
    }

    /// Hands over what waited for an end, before anything that was sent later.
    pub(super) fn thawed(&mut self, id: u64, to: usize) -> Vec<(Host, Input)> {
        let Some(wire) = self.wires.get_mut(&id) else { return Vec::new() };
        if wire.silent || wire.dead {
            return Vec::new();
        }
        let (host, link) = (wire.ends[to].host, wire.ends[to].link);
        let held = std::mem::take(&mut wire.ends[to].held);
        held.into_iter().map(|(proto, frame)| (host, Input::Frame(link, proto, frame))).collect()
    }
}
