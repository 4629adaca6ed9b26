//! Mailboxes, from the side of those who use them: how people write to each other who are never online at the same time.
//!
//! Nothing here decides what is delivered: the logs do. A device leaves in the mailbox of another what that one is not known to have
//! ([`feed`]), sealed like a live message; the other takes it in like one ([`taking`]) and leaves a note of how far it has got. What a
//! mailbox loses, changes or repeats costs time and no message: the next note, or the next meeting, shows what is missing.
//!
//! Each contact writes into queues of their own, on two nodes that the reader chose ([`own`]); whoever reads them there hands out the
//! keys ([`theirs`]). This file has the connections to mailbox nodes, and who waits for which of their answers.

mod feed;
mod own;
mod rows;
mod taking;
mod theirs;

use super::Core;
use super::effect::Effect;
use super::timers::Timer;
use crate::ids::{AccountId, DeviceId, LinkId, PeerKey, QueueName};
use crate::link::{Hint, LinkInfo, Proto, Route, Side};
use crate::mailbox::proof::Ends;
use crate::time::Mono;
use crate::view::MailboxView;
use crate::wire::codec;
use crate::wire::mailbox::{End, Mailbox, MailboxFrame, Make, No, Open, Put, Taken};
pub(super) use feed::MailRead;
use feed::{Feed, Outcome};
pub(super) use own::Making;
use own::OwnQueues;
pub(super) use rows::MailboxRow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use theirs::Theirs;

/// Requests to one node that are not answered: with frames of 18 KiB a quarter of what a connection queues.
const ASKS: usize = 14;
/// What is on this disk is told to a node after this, so that many frames take one message.
const TAKEN_AFTER: Duration = Duration::from_millis(40);
/// A node that only others read from is left after this without anything to bring.
const IDLE: Duration = Duration::from_secs(60);

/// What is known of mailboxes.
#[derive(Debug, Default)]
pub(super) struct Mailboxes {
    lines: BTreeMap<LinkId, Line>,
    own: BTreeMap<AccountId, OwnQueues>,
    theirs: BTreeMap<DeviceId, Theirs>,
    feeds: BTreeMap<DeviceId, Feed>,
    /// Nodes that are no operators of ours and are needed now.
    hosts: BTreeSet<PeerKey>,
    /// When each node was connected last.
    seen: BTreeMap<PeerKey, Mono>,
    /// When this node began.
    since: Mono,
    touched_own: BTreeSet<AccountId>,
    touched_theirs: BTreeSet<DeviceId>,
}

/// A connection to a node that keeps queues.
#[derive(Debug)]
struct Line {
    peer: PeerKey,
    asked: u32,
    /// Who waits for an answer.
    asks: BTreeMap<u32, Ask>,
    waiting: VecDeque<(Ask, Mailbox)>,
    /// Queues that are read on it, and how many frames still wait there.
    open: BTreeMap<QueueName, u32>,
    /// Frames that are on this disk and that the node has not been told of.
    taken: BTreeMap<QueueName, u64>,
    /// A queue is being made.
    making: bool,
    /// Bits of work that the node wants to see for one.
    work: u32,
    /// No queue is made before.
    make_after: Mono,
    /// When something was last asked.
    used: Mono,
}

/// Who waits for an answer of a node.
#[derive(Clone, Debug)]
enum Ask {
    Make(Making),
    Open(AccountId, QueueName),
    Put(DeviceId, QueueName),
    End,
}

impl Mailboxes {
    fn line_to(&self, peer: PeerKey) -> Option<LinkId> {
        self.lines.iter().find(|(_, line)| line.peer == peer).map(|(id, _)| *id)
    }

    /// Whether a connection is one to a mailbox node.
    pub fn is_line(&self, id: LinkId) -> bool {
        self.lines.contains_key(&id)
    }

    /// Connections to mailbox nodes.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.lines.keys().copied()
    }
}

impl Core {
    /// Reads a row back.
    pub(super) fn load_mailbox(&mut self, row: &MailboxRow) -> Option<()> {
        if let Some(own) = &row.own {
            let (account, own) = OwnQueues::from_row(own)?;
            self.mail.own.insert(account, own);
        }
        if let Some(theirs) = &row.theirs {
            let (device, theirs) = Theirs::from_row(theirs)?;
            self.mail.theirs.insert(device, theirs);
        }
        Some(())
    }

    pub(super) fn flush_mailboxes(&mut self) {
        for account in std::mem::take(&mut self.mail.touched_own) {
            self.gate.write(OwnQueues::write(account, self.mail.own.get(&account)));
        }
        for device in std::mem::take(&mut self.mail.touched_theirs) {
            self.gate.write(Theirs::write(device, self.mail.theirs.get(&device)));
        }
    }

    pub(super) fn begin_mailboxes(&mut self) {
        self.mail.since = self.now.mono;
        self.timers.set(Timer::MailQueues, self.now.mono);
    }

    /// A node that keeps queues is connected.
    pub(super) fn line_up(&mut self, id: LinkId, peer: PeerKey) {
        let now = self.now.mono;
        let line = Line {
            peer,
            asked: 0,
            asks: BTreeMap::new(),
            waiting: VecDeque::new(),
            open: BTreeMap::new(),
            taken: BTreeMap::new(),
            making: false,
            work: 0,
            make_after: now,
            used: now,
        };
        self.mail.lines.insert(id, line);
        self.mail.seen.insert(peer, now);
        self.open_queues(id);
        self.tend_queues();
        self.feed_at(peer);
    }

    /// A connection to a node that only others read from. True if it is one.
    pub(super) fn host_up(&mut self, id: LinkId, info: LinkInfo) -> bool {
        if !self.mail.hosts.contains(&info.peer) || info.side != Side::Dialler || info.addr.relay.is_some() {
            return false;
        }
        self.line_up(id, info.peer);
        self.timers.set(Timer::MailLine(id), self.now.mono.after(IDLE));
        true
    }

    /// The connection to a node is over. True if it was one.
    pub(super) fn line_down(&mut self, id: LinkId) -> bool {
        let Some(line) = self.mail.lines.remove(&id) else { return false };
        self.timers.clear(Timer::MailLine(id));
        self.mail.seen.insert(line.peer, self.now.mono);
        self.mail.hosts.remove(&line.peer);
        for ask in line.asks.into_values().chain(line.waiting.into_iter().map(|(ask, _)| ask)) {
            if let Ask::Put(device, queue) = ask {
                self.put_answered(device, queue, Outcome::Lost);
            }
        }
        true
    }

    /// Has a node of somebody else's choice dialled.
    fn want_host(&mut self, node: Hint) {
        if self.operators.is_known(node.peer) || self.mail.line_to(node.peer).is_some() {
            return;
        }
        // The word of one contact: it must not make a mailbox of somebody known, whom nobody would greet any more, nor send this node
        // to a machine of its own network.
        let somebody = self.people.values().any(|p| p.hints.iter().any(|h| h.peer == node.peer));
        let own = self.me.as_ref().is_some_and(|me| me.peer == node.peer) || self.is_linked(node.peer);
        if somebody || own || node.addr.route() != Route::Direct {
            return self.refuse("mailbox_elsewhere");
        }
        self.mail.hosts.insert(node.peer);
        self.gate.inward(Effect::Dial { peer: Some(node.peer), addrs: vec![node.addr] });
    }

    fn ends(&self, id: LinkId) -> Option<Ends> {
        Some(Ends { client: self.me.as_ref()?.peer, node: self.mail.lines.get(&id)?.peer })
    }

    /// Asks a node for something, as soon as it has answered enough of what was asked before.
    fn ask_mailbox(&mut self, id: LinkId, ask: Ask, what: Mailbox) {
        let now = self.now.mono;
        if let Some(line) = self.mail.lines.get_mut(&id) {
            line.used = now;
            line.waiting.push_back((ask, what));
            self.ask_next(id);
        }
    }

    fn ask_next(&mut self, id: LinkId) {
        let Some(line) = self.mail.lines.get_mut(&id) else { return };
        while line.asks.len() < ASKS
            && let Some((ask, what)) = line.waiting.pop_front()
        {
            line.asked = line.asked.wrapping_add(1);
            let number = line.asked;
            line.asks.insert(number, ask);
            let what = numbered(what, number);
            self.gate.send(id, Proto::Mailbox, codec::encode(&MailboxFrame { m: Some(what) }), None);
        }
    }

    /// A frame from a mailbox node.
    pub(super) fn on_mailbox(&mut self, id: LinkId, proto: Proto, frame: &[u8]) {
        if self.halted {
            return;
        }
        if proto != Proto::Mailbox {
            return self.refuse("operator_talks");
        }
        let Ok(frame) = codec::decode::<MailboxFrame>(frame, Proto::Mailbox.max_frame()) else {
            self.refuse("mailbox_garbage");
            return self.gate.close(id);
        };
        match frame.m {
            Some(Mailbox::Held(held)) => self.on_held(id, &held),
            Some(Mailbox::Made(made)) => match self.answered(id, made.ask) {
                Some(Ask::Make(making)) => self.on_made(id, &making, &made),
                other => self.odd_answer(other.as_ref()),
            },
            Some(Mailbox::Settled(settled)) => match self.answered(id, settled.ask) {
                Some(Ask::Put(device, queue)) => self.put_answered(device, queue, Outcome::Settled),
                Some(Ask::End) => {}
                other => self.odd_answer(other.as_ref()),
            },
            Some(Mailbox::Opened(opened)) => match self.answered(id, opened.ask) {
                Some(Ask::Open(_, queue)) => {
                    if let Some(line) = self.mail.lines.get_mut(&id) {
                        line.open.insert(queue, opened.waiting);
                    }
                    self.network_changed();
                }
                other => self.odd_answer(other.as_ref()),
            },
            Some(Mailbox::No(no)) => self.on_no(id, &no),
            // What only clients say.
            Some(Mailbox::Make(_) | Mailbox::Put(_) | Mailbox::Open(_) | Mailbox::Taken(_) | Mailbox::End(_)) => {
                self.refuse("mailbox_asks");
            }
            None => {}
        }
        self.ask_next(id);
    }

    fn answered(&mut self, id: LinkId, ask: u32) -> Option<Ask> {
        self.mail.lines.get_mut(&id)?.asks.remove(&ask)
    }

    /// An answer that nobody asked for, or not this one: a node that mixes them up cannot be relied on, and is asked anew later.
    fn odd_answer(&mut self, ask: Option<&Ask>) {
        self.refuse("mailbox_unasked");
        if let Some(&Ask::Put(device, queue)) = ask {
            self.put_answered(device, queue, Outcome::Lost);
        }
    }

    fn on_no(&mut self, id: LinkId, no: &No) {
        match self.answered(id, no.ask) {
            Some(Ask::Make(_)) => self.on_not_made(id, no),
            Some(Ask::Open(account, queue)) => self.on_not_opened(account, queue, no),
            Some(Ask::Put(device, queue)) => self.put_answered(device, queue, Outcome::of(no)),
            Some(Ask::End) => {}
            None => self.refuse("mailbox_unasked"),
        }
    }

    /// Tells a node what of its frames is here. Follows the commits that it speaks of.
    fn took(&mut self, id: LinkId, queue: QueueName, n: u64) {
        let Some(line) = self.mail.lines.get_mut(&id) else { return };
        let up_to = line.taken.entry(queue).or_insert(0);
        *up_to = n.max(*up_to);
        if let Some(waiting) = line.open.get_mut(&queue) {
            *waiting = waiting.saturating_sub(1);
        }
        self.timers.set_at_most(Timer::MailLine(id), self.now.mono.after(TAKEN_AFTER));
    }

    pub(super) fn on_mail_line(&mut self, id: LinkId) {
        let now = self.now.mono;
        let Some(line) = self.mail.lines.get_mut(&id) else { return };
        for (queue, up_to) in std::mem::take(&mut line.taken) {
            let taken = Mailbox::Taken(Taken { queue: queue.to_vec(), up_to });
            self.gate.send(id, Proto::Mailbox, codec::encode(&MailboxFrame { m: Some(taken) }), None);
        }
        if self.mail.hosts.contains(&line.peer) {
            let busy = !line.asks.is_empty() || !line.waiting.is_empty();
            if !busy && now.since(line.used) >= IDLE {
                self.mail.hosts.remove(&line.peer);
                self.gate.close(id);
            } else {
                self.timers.set(Timer::MailLine(id), now.after(IDLE));
            }
        }
    }

    /// Everything of an account's mailboxes ends: it was shut out, or is known no longer.
    pub(super) fn forget_mail(&mut self, account: AccountId) {
        self.end_queues(account);
        let devices: Vec<DeviceId> = self.mail.theirs.iter().filter(|(_, t)| t.account == account).map(|(d, _)| *d).collect();
        for device in devices {
            self.mail.theirs.remove(&device);
            self.mail.feeds.remove(&device);
            self.mail.touched_theirs.insert(device);
            self.timers.clear(Timer::Mail(device));
        }
    }

    /// The account ends here: no node is to keep anything for it.
    pub(super) fn end_all_queues(&mut self) {
        let accounts: Vec<AccountId> = self.mail.own.keys().copied().collect();
        for account in accounts {
            self.end_queues(account);
        }
    }

    pub(super) fn mailbox_views(&self) -> Vec<MailboxView> {
        let mut views: BTreeMap<PeerKey, MailboxView> = BTreeMap::new();
        for queue in self.mail.own.values().flat_map(|own| &own.queues) {
            let connected = self.mail.line_to(queue.node).is_some();
            let view = views.entry(queue.node).or_insert(MailboxView { node: queue.hint, connected, queues: 0 });
            view.queues = view.queues.saturating_add(1);
        }
        views.into_values().collect()
    }
}

/// The same request under the number that its answer will carry.
fn numbered(what: Mailbox, ask: u32) -> Mailbox {
    match what {
        Mailbox::Make(make) => Mailbox::Make(Make { ask, ..make }),
        Mailbox::Put(put) => Mailbox::Put(Put { ask, ..put }),
        Mailbox::Open(open) => Mailbox::Open(Open { ask, ..open }),
        Mailbox::End(end) => Mailbox::End(End { ask, ..end }),
        other => other,
    }
}
