//! The mailboxes of an operator's node: the product's own server over a simulated disk, and what a node does that keeps no rules.

use crate::disk::{Disk, Flushed};
use crate::net::{Ending, Host};
use crate::node::START;
use crate::world::World;
use std::collections::VecDeque;
use veche_protocol::core::input::Input as CoreInput;
use veche_protocol::ids::{CommitId, LinkId, PeerKey};
use veche_protocol::link::Proto;
use veche_protocol::mailbox::server::{Config, Effect, Frame, Input, Limits, Server, Stats};
use veche_protocol::store::{Found, Read, Table};
use veche_protocol::time::{Mono, Now, UnixMs};
use veche_protocol::wire::codec;
use veche_protocol::wire::mailbox::{Mailbox, MailboxFrame, Settled};

/// Bits of work for a queue in simulated networks.
const MAKE_BITS: u32 = 3;
/// A flush of the node's disk takes this long, ms.
const FLUSH: (u64, u64) = (1, 8);
/// Frames that a liar remembers to hand out again.
const REMEMBERED: usize = 64;

/// What of the protocol a node does not keep to, each with so many of a thousand frames.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lies {
    /// Says that it holds a frame, and throws it away.
    pub drops: u64,
    /// Hands out an older frame beside the right one.
    pub repeats: u64,
    /// Changes a byte of what it hands out.
    pub alters: u64,
    /// Hands out the frame of another queue.
    pub swaps: u64,
    /// Hands out a frame after the one that follows it.
    pub reorders: u64,
}

/// Mailboxes of one node.
pub struct Boxes {
    server: Option<Server>,
    disk: Disk,
    /// What it keeps for others.
    pub limits: Limits,
    /// What it does wrong.
    pub lies: Lies,
    peer: PeerKey,
    run: u32,
    wake: Option<u64>,
    handed: VecDeque<Vec<u8>>,
    late: Option<(LinkId, Vec<u8>)>,
}

impl Default for Boxes {
    fn default() -> Self {
        Self {
            server: None,
            disk: Disk::default(),
            limits: Limits { make_work: MAKE_BITS, ..Limits::for_operator() },
            lies: Lies::default(),
            peer: PeerKey([0; 32]),
            run: 0,
            wake: None,
            handed: VecDeque::new(),
            late: None,
        }
    }
}

impl std::fmt::Debug for Boxes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Boxes({:?})", self.stats())
    }
}

impl Boxes {
    /// What is kept, and what happened since the start.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.server.as_ref().map(Server::stats).unwrap_or_default()
    }

    /// Frames on its disk.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.disk.table(Table::Mail).count()
    }

    /// Its disk is gone.
    pub fn lose_everything(&mut self) {
        self.disk.wipe();
    }
}

/// Something that will happen at an operator's mailboxes.
pub(crate) enum Errand {
    Tick,
    Flush,
    Found(Input),
    Refuse(CommitId),
}

fn now(at: u64) -> Now {
    Now { mono: Mono(at), wall: UnixMs(START.0 + at) }
}

impl World {
    pub(super) fn start_boxes(&mut self, host: Host) {
        let (at, seed) = (self.at(), self.dice.bytes());
        let Some(peer) = self.net.peer(host) else { return };
        let Some(boxes) = self.operators.get_mut(&host).map(|o| &mut o.boxes) else { return };
        boxes.peer = peer;
        boxes.run += 1;
        let rows = |table| boxes.disk.table(table).map(|(_, _, value)| value.to_vec()).collect::<Vec<_>>();
        let config = Config { node: peer, limits: boxes.limits.clone(), seed };
        boxes.server = Some(Server::new(config, now(at), &rows(Table::Queue), &rows(Table::Slip)));
        self.run_boxes(host);
    }

    pub(super) fn stop_boxes(&mut self, host: Host) {
        let Some(boxes) = self.operators.get_mut(&host).map(|o| &mut o.boxes) else { return };
        let waiting = boxes.disk.waiting() as u64;
        boxes.server = None;
        boxes.run += 1;
        boxes.wake = None;
        boxes.late = None;
        let kept = self.dice.between(0, waiting);
        if let Some(operator) = self.operators.get_mut(&host) {
            operator.boxes.disk.power_cut(usize::try_from(kept).unwrap_or(0));
        }
    }

    /// An operator's node hears something from the network.
    pub(crate) fn operator_hears(&mut self, host: Host, input: CoreInput) {
        let Some(input) = self.calls_hear(host, input) else { return };
        let input = match input {
            CoreInput::LinkUp(link, info) => Input::LinkUp { link, peer: info.peer, ip: info.addr.socket.ip(), sponsor: None },
            CoreInput::LinkDown(link) => Input::LinkDown(link),
            CoreInput::Frame(link, Proto::Mailbox, frame) if self.is_thrown_away(host, link, &frame) => return,
            CoreInput::Frame(link, Proto::Mailbox, frame) => Input::Frame { link, frame },
            _ => return,
        };
        self.tell_boxes(host, input);
    }

    fn is_thrown_away(&mut self, host: Host, link: LinkId, frame: &[u8]) -> bool {
        let drops = self.operators.get(&host).map_or(0, |o| o.boxes.lies.drops);
        if drops == 0 || !self.dice.chance(drops) {
            return false;
        }
        let Ok(MailboxFrame { m: Some(Mailbox::Put(put)) }) = codec::decode::<MailboxFrame>(frame, frame.len()) else { return false };
        let answer = MailboxFrame { m: Some(Mailbox::Settled(Settled { ask: put.ask })) };
        self.boxes_send(host, link, codec::encode(&answer));
        true
    }

    fn tell_boxes(&mut self, host: Host, input: Input) {
        let at = self.at();
        if let Some(server) = self.operators.get_mut(&host).and_then(|o| o.boxes.server.as_mut()) {
            server.handle(now(at), input);
            self.run_boxes(host);
        }
    }

    pub(crate) fn boxes_errand(&mut self, host: Host, run: u32, errand: Errand) {
        let at = self.at();
        let Some(boxes) = self.operators.get_mut(&host).map(|o| &mut o.boxes).filter(|boxes| boxes.run == run) else { return };
        match errand {
            Errand::Tick if boxes.wake == Some(at) => {
                boxes.wake = None;
                self.tell_boxes(host, Input::Tick);
            }
            Errand::Tick => {}
            Errand::Found(input) => self.tell_boxes(host, input),
            Errand::Refuse(commit) => self.tell_boxes(host, Input::Committed { commit, durable: false }),
            Errand::Flush => {
                let (ids, durable) = match boxes.disk.end_flush() {
                    Flushed::Durable(ids) => (ids, true),
                    Flushed::Failed(ids) => (ids, false),
                };
                for commit in ids {
                    self.tell_boxes(host, Input::Committed { commit, durable });
                }
                self.flush_boxes(host);
            }
        }
    }

    fn flush_boxes(&mut self, host: Host) {
        let after = self.dice.between(FLUSH.0, FLUSH.1);
        let Some(boxes) = self.operators.get_mut(&host).map(|o| &mut o.boxes) else { return };
        if boxes.disk.begin_flush() {
            let run = boxes.run;
            self.errand_in(host, run, after, Errand::Flush);
        }
    }

    fn run_boxes(&mut self, host: Host) {
        while let Some(effect) = self.operators.get_mut(&host).and_then(|o| o.boxes.server.as_mut()?.poll()) {
            let Some(boxes) = self.operators.get_mut(&host).map(|o| &mut o.boxes) else { return };
            let run = boxes.run;
            match effect {
                Effect::Commit { commit, writes } => {
                    if boxes.disk.submit(commit, writes.into()) {
                        self.flush_boxes(host);
                    } else {
                        self.errand_in(host, run, 1, Errand::Refuse(commit));
                    }
                }
                Effect::Recover => boxes.disk.resume(),
                Effect::Read { read, keys } => {
                    let Found::Values(values) = boxes.disk.read(&Read::Get(keys)) else { continue };
                    let frames = values.into_iter().map(|value| value.map_or(Frame::Lost, Frame::Whole)).collect();
                    let after = self.dice.between(0, 4);
                    self.errand_in(host, run, after, Errand::Found(Input::Found { read, frames }));
                }
                Effect::Send { link, frame } => self.hand_out(host, link, frame),
                Effect::Close(link) => {
                    self.net.close(self.at(), host, link);
                    self.collect();
                }
            }
        }
        let at = self.at();
        let Some(boxes) = self.operators.get_mut(&host).map(|o| &mut o.boxes) else { return };
        let Some(due) = boxes.server.as_ref().map(|server| server.next_timeout().0.max(at + 1)) else { return };
        if boxes.wake != Some(due) {
            boxes.wake = Some(due);
            let run = boxes.run;
            self.errand_in(host, run, due - at, Errand::Tick);
        }
    }

    /// Sends what the server wants sent, or what a liar makes of it.
    fn hand_out(&mut self, host: Host, link: LinkId, frame: Vec<u8>) {
        let lies = self.operators.get(&host).map(|o| o.boxes.lies).unwrap_or_default();
        let Ok(MailboxFrame { m: Some(Mailbox::Held(mut held)) }) = codec::decode::<MailboxFrame>(&frame, frame.len()) else {
            return self.boxes_send(host, link, frame);
        };
        let whole = held.frame.clone();
        let dice = &mut self.dice;
        let Some(boxes) = self.operators.get_mut(&host).map(|o| &mut o.boxes) else { return };
        let older = (!boxes.handed.is_empty()).then(|| {
            let at = usize::try_from(dice.below(boxes.handed.len() as u64)).unwrap_or(0);
            boxes.handed[at].clone()
        });
        if let Some(older) = older.filter(|_| dice.chance(lies.swaps)) {
            held.frame = older;
        } else if dice.chance(lies.alters) {
            let at = usize::try_from(dice.below(held.frame.len() as u64)).unwrap_or(0);
            held.frame[at] ^= 1;
        }
        boxes.handed.push_back(whole);
        if boxes.handed.len() > REMEMBERED {
            boxes.handed.pop_front();
        }
        let repeats = dice.chance(lies.repeats);
        let waits = dice.chance(lies.reorders) && boxes.late.is_none();
        let frame = codec::encode(&MailboxFrame { m: Some(Mailbox::Held(held)) });
        if waits {
            boxes.late = Some((link, frame));
            return;
        }
        let late = boxes.late.take();
        if repeats {
            self.boxes_send(host, link, frame.clone());
        }
        self.boxes_send(host, link, frame);
        if let Some((link, frame)) = late {
            self.boxes_send(host, link, frame);
        }
    }

    fn boxes_send(&mut self, host: Host, link: LinkId, frame: Vec<u8>) {
        let at = self.at();
        self.trace.note(at, host.0, "mailbox", &frame);
        self.net.send(at, host, link, Proto::Mailbox, frame, None, &mut self.dice);
        self.collect();
    }

    /// Kills an operator's node, and with it its disk.
    pub fn ruin_operator(&mut self, host: Host) {
        self.stop_operator(host);
        if let Some(operator) = self.operators.get_mut(&host) {
            operator.boxes.lose_everything();
        }
    }

    /// How an operator's node ends.
    pub(super) fn end_operator(&mut self, host: Host) {
        let at = self.at();
        self.stop_boxes(host);
        self.net.stop(at, host, Ending::PowerCut, &mut self.dice);
        self.collect();
    }
}
