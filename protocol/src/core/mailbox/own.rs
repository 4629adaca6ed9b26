//! Own queues: on which nodes, for whom, made, read, given up; and who may write into them.
//!
//! A contact writes into one queue on each of two operators' nodes. No node can tell which queues belong together but by who reads
//! them, and none of them can lose anything alone. A queue that a node has lost, or whose node is gone, is made anew; every
//! contact hears of theirs on the next connection, or by a note in their own mailbox.

use super::{Ask, Core};
use crate::core::JobFor;
use crate::core::effect::Effect;
use crate::core::job::{Job, JobResult};
use crate::core::people::Person;
use crate::core::timers::Timer;
use crate::ids::{AccountId, DeviceId, LinkId, PeerKey, QueueName};
use crate::limits;
use crate::link::Hint;
use crate::mailbox::proof::{self, MAX_BITS, OwnerSecret};
use crate::mailbox::server::Refusal;
use crate::time::Mono;
use crate::view::Relation;
use crate::wire::link::LinkMsg;
use crate::wire::mailbox::{End, Made, Mailbox, Make, No, Open, QueueKey, QueueKeys};
use std::collections::BTreeMap;
use std::time::Duration;

/// Nodes on which a contact may write: one may fail.
const NODES: usize = 2;
/// A node that was not connected for so long while this one ran is gone, and another takes its place.
const NODE_GONE: Duration = Duration::from_secs(2 * 3600);
/// How often it is looked whether all queues are there.
const LOOK: Duration = Duration::from_secs(15 * 60);
/// Wait before a node that had no room is asked again.
const NO_ROOM: Duration = Duration::from_secs(3600);
/// Wait after a change before it is told through mailboxes: the queue on the other node is often made a moment later.
const SETTLE: Duration = Duration::from_secs(3);

/// Queues into which one account may write.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnQueues {
    /// Unix ms of the last change; what contacts are told is ordered by it.
    pub seq: u64,
    pub queues: Vec<OwnQueue>,
    /// Which of their devices were told through a mailbox, and of which `seq`.
    pub told: BTreeMap<DeviceId, u64>,
}

/// One own queue.
#[derive(Clone)]
pub(super) struct OwnQueue {
    pub node: PeerKey,
    /// Where contacts find the node.
    pub hint: Hint,
    /// Seed of the key that reads and ends it.
    pub owner: [u8; 32],
    pub read: QueueName,
    pub write: QueueName,
    pub write_key: [u8; 32],
    pub frame_key: [u8; 32],
}

impl std::fmt::Debug for OwnQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnQueue({:?}, {:?})", self.node, self.read)
    }
}

/// A queue that is being made.
#[derive(Clone)]
pub(in crate::core) struct Making {
    account: AccountId,
    owner: [u8; 32],
    write_key: [u8; 32],
    frame_key: [u8; 32],
}

impl std::fmt::Debug for Making {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Making({:?})", self.account)
    }
}

impl Making {
    fn to_wire(&self, pow: u64) -> Mailbox {
        let owner = OwnerSecret::from_seed(self.owner).public().to_vec();
        Mailbox::Make(Make { ask: 0, owner, write_key: self.write_key.to_vec(), pow, door_bits: 0 })
    }
}

/// Whether somebody may write to this account while it is away: a contact, or whoever is asked to become one.
fn is_welcome(person: &Person) -> bool {
    let asked = person.request.as_ref().is_some_and(|r| !r.incoming);
    person.is_contact() || person.relation == Relation::Requested && asked
}

impl Core {
    fn is_node_gone(&self, peer: PeerKey) -> bool {
        let seen = self.mail.seen.get(&peer).copied().unwrap_or(self.mail.since);
        self.mail.line_to(peer).is_none() && self.now.mono.since(seen) >= NODE_GONE
    }

    /// The nodes on which queues are to be: those in use before others, as long as they are there.
    fn chosen_nodes(&self) -> Vec<PeerKey> {
        let mut used: BTreeMap<PeerKey, usize> = BTreeMap::new();
        for queue in self.mail.own.values().flat_map(|own| &own.queues) {
            let count = used.entry(queue.node).or_default();
            *count = count.saturating_add(1);
        }
        let count = |peer: &PeerKey| used.get(peer).copied().unwrap_or(0);
        let mut nodes: Vec<PeerKey> = self
            .operators
            .known()
            .filter(|peer| !self.is_node_gone(*peer) && (self.mail.line_to(*peer).is_some() || count(peer) > 0))
            .collect();
        nodes.sort_by_key(|peer| (std::cmp::Reverse(count(peer)), *peer));
        nodes.truncate(NODES);
        nodes
    }

    /// Makes what is missing, ends what is not needed.
    pub(in crate::core) fn tend_queues(&mut self) {
        if self.me.is_none() || self.cfg.lan_only || self.halted {
            return;
        }
        let wait = self.dice.about(LOOK);
        self.timers.set(Timer::MailQueues, self.now.mono.after(wait));
        let unwelcome: Vec<AccountId> =
            self.mail.own.keys().filter(|account| !self.people.get(account).is_some_and(is_welcome)).copied().collect();
        for account in unwelcome {
            self.end_queues(account);
        }
        let chosen = self.chosen_nodes();
        self.drop_surplus(&chosen);
        for node in chosen {
            if let Some(id) = self.mail.line_to(node) {
                self.make_next(id, node);
            }
        }
    }

    /// Gives up queues on nodes that others have taken the place of.
    fn drop_surplus(&mut self, chosen: &[PeerKey]) {
        let mut gone: Vec<(AccountId, QueueName)> = Vec::new();
        for (account, own) in &self.mail.own {
            let replaced = chosen.iter().all(|node| own.queues.iter().any(|q| q.node == *node)) && chosen.len() >= NODES;
            for queue in own.queues.iter().filter(|q| !chosen.contains(&q.node)) {
                let line = self.mail.line_to(queue.node).and_then(|id| self.mail.lines.get(&id));
                let empty = line.is_some_and(|line| line.open.get(&queue.read) == Some(&0));
                if !self.operators.is_known(queue.node) || replaced && empty {
                    gone.push((*account, queue.read));
                }
            }
        }
        for (account, read) in gone {
            self.end_queue(account, read);
            self.queues_changed(account);
        }
    }

    fn make_next(&mut self, id: LinkId, node: PeerKey) {
        let now = self.now.mono;
        let missing = |account: &&AccountId| !self.mail.own.get(*account).is_some_and(|own| own.queues.iter().any(|q| q.node == node));
        let welcome = self.people.values().filter(|p| is_welcome(p)).map(|p| &p.account);
        let Some(account) = welcome.into_iter().find(missing).copied() else { return };
        let Some(line) = self.mail.lines.get_mut(&id).filter(|line| !line.making && line.make_after <= now) else { return };
        line.making = true;
        let work = line.work;
        let making = Making { account, owner: self.dice.bytes(), write_key: self.dice.bytes(), frame_key: self.dice.bytes() };
        if work == 0 {
            let wish = making.to_wire(0);
            return self.ask_mailbox(id, Ask::Make(making), wish);
        }
        let challenge = proof::make_work(&node, &OwnerSecret::from_seed(making.owner).public());
        let job = self.job(JobFor::Queue(id, Box::new(making)));
        self.gate.inward(Effect::Offload { id: job, job: Job::Work { challenge, bits: work } });
    }

    /// The work for a queue is done.
    pub(in crate::core) fn queue_worked(&mut self, id: LinkId, making: Making, result: &JobResult) {
        match *result {
            JobResult::Pow(Some(pow)) => {
                let wish = making.to_wire(pow);
                self.ask_mailbox(id, Ask::Make(making), wish);
            }
            _ => self.make_later(id, NO_ROOM),
        }
    }

    fn make_later(&mut self, id: LinkId, wait: Duration) {
        let at = self.now.mono.after(wait);
        if let Some(line) = self.mail.lines.get_mut(&id) {
            line.making = false;
            line.make_after = at;
            self.timers.set_at_most(Timer::MailQueues, at);
        }
    }

    pub(super) fn on_not_made(&mut self, id: LinkId, no: &No) {
        let asked = self.mail.lines.get(&id).map_or(0, |line| line.work);
        let more = no.why == Refusal::MoreWork.number() && no.amount > asked && no.amount <= MAX_BITS;
        if more {
            // The first queue on a connection finds out what it costs.
            if let Some(line) = self.mail.lines.get_mut(&id) {
                line.making = false;
                line.work = no.amount;
            }
            return self.tend_queues();
        }
        self.refuse("mailbox_makes_none");
        let wait = if no.why == Refusal::TooFast.number() { Duration::from_secs(u64::from(no.amount)) } else { NO_ROOM };
        self.make_later(id, wait.max(SETTLE));
    }

    pub(super) fn on_made(&mut self, id: LinkId, making: &Making, made: &Made) {
        let Some(line) = self.mail.lines.get_mut(&id) else { return };
        line.making = false;
        let node = line.peer;
        let names = QueueName::from_slice(&made.read).ok().zip(QueueName::from_slice(&made.write).ok());
        let (Some((read, write)), Some(addr)) = (names, self.operators.addr_of(node)) else {
            self.refuse("mailbox_garbage");
            return self.make_later(id, NO_ROOM);
        };
        let account = making.account;
        let &Making { owner, write_key, frame_key, .. } = making;
        if self.people.get(&account).is_some_and(is_welcome) {
            let own = self.mail.own.entry(account).or_default();
            own.queues.retain(|q| q.node != node);
            if own.queues.len() >= limits::QUEUES_PER_CONTACT {
                own.queues.remove(0);
            }
            own.queues.push(OwnQueue { node, hint: Hint { peer: node, addr }, owner, read, write, write_key, frame_key });
            self.open_queue(id, account, read);
            self.queues_changed(account);
        }
        self.make_next(id, node);
    }

    /// Begins to read every queue that is on a node.
    pub(super) fn open_queues(&mut self, id: LinkId) {
        let Some(node) = self.mail.lines.get(&id).map(|line| line.peer) else { return };
        let queues: Vec<(AccountId, QueueName)> = self
            .mail
            .own
            .iter()
            .flat_map(|(account, own)| own.queues.iter().filter(|q| q.node == node).map(|q| (*account, q.read)))
            .collect();
        for (account, read) in queues {
            self.open_queue(id, account, read);
        }
    }

    fn open_queue(&mut self, id: LinkId, account: AccountId, read: QueueName) {
        let Some(queue) = self.mail.own.get(&account).and_then(|own| own.queues.iter().find(|q| q.read == read)) else { return };
        let Some(ends) = self.ends(id) else { return };
        let sig = OwnerSecret::from_seed(queue.owner).sign_open(&ends, &read).to_vec();
        self.ask_mailbox(id, Ask::Open(account, read), Mailbox::Open(Open { ask: 0, queue: read.to_vec(), sig }));
    }

    /// A node does not have a queue any more, or gives it to nobody: what was in it may be lost, so contacts are told of a new one.
    pub(super) fn on_not_opened(&mut self, account: AccountId, queue: QueueName, no: &No) {
        if no.why != Refusal::NoQueue.number() && no.why != Refusal::NotProven.number() {
            return self.refuse("mailbox_opens_none");
        }
        self.refuse("mailbox_lost");
        if let Some(own) = self.mail.own.get_mut(&account) {
            own.queues.retain(|q| q.read != queue);
        }
        self.queues_changed(account);
        self.tend_queues();
    }

    fn end_queue(&mut self, account: AccountId, read: QueueName) {
        let Some(own) = self.mail.own.get_mut(&account) else { return };
        let Some(at) = own.queues.iter().position(|q| q.read == read) else { return };
        let queue = own.queues.remove(at);
        self.mail.touched_own.insert(account);
        if let Some(id) = self.mail.line_to(queue.node)
            && self.mail.lines.get_mut(&id).is_some_and(|line| line.open.remove(&read).is_some())
        {
            self.ask_mailbox(id, Ask::End, Mailbox::End(End { ask: 0, queue: read.to_vec() }));
        }
    }

    /// Ends every queue into which an account may write. Where the node is not connected it ends by itself, unread.
    pub(in crate::core) fn end_queues(&mut self, account: AccountId) {
        let reads: Vec<QueueName> = self.mail.own.get(&account).iter().flat_map(|own| own.queues.iter().map(|q| q.read)).collect();
        for read in reads {
            self.end_queue(account, read);
        }
        if self.mail.own.remove(&account).is_some() {
            self.mail.touched_own.insert(account);
            self.network_changed();
        }
    }

    /// Operators are chosen anew: queues on those that are no longer among them are given up.
    pub(in crate::core) fn operators_of_queues_changed(&mut self) {
        self.timers.set(Timer::MailQueues, self.now.mono);
    }

    /// The queues of a contact changed: they are told, on connections now and through their mailboxes soon.
    fn queues_changed(&mut self, account: AccountId) {
        let wall = self.now.wall.0;
        let Some(own) = self.mail.own.get_mut(&account) else { return };
        own.seq = wall.max(own.seq.saturating_add(1));
        self.mail.touched_own.insert(account);
        self.network_changed();
        if let Some(keys) = self.queue_keys(account).filter(|_| self.people.get(&account).is_some_and(Person::is_contact)) {
            self.tell(account, &LinkMsg::Queues(keys));
        }
        self.feed_account(account, self.now.mono.after(SETTLE));
    }

    /// Has every device of an account fed at a time, unless it is sooner.
    pub(super) fn feed_account(&mut self, account: AccountId, at: Mono) {
        let devices: Vec<DeviceId> = self.mail.theirs.iter().filter(|(_, t)| t.account == account).map(|(d, _)| *d).collect();
        for device in devices {
            self.timers.set_at_most(Timer::Mail(device), at);
        }
    }

    /// A request was accepted: the yes is left for the devices that asked, at once where they are away.
    pub(in crate::core) fn feed_accepted(&mut self, account: AccountId) {
        self.feed_account(account, self.now.mono.after(SETTLE));
    }

    /// What lets an account write to this device while it is away.
    pub(in crate::core) fn queue_keys(&self, account: AccountId) -> Option<QueueKeys> {
        let device = self.me.as_ref()?.device_id();
        let own = self.mail.own.get(&account).filter(|own| own.seq > 0)?;
        let key = |q: &OwnQueue| QueueKey {
            device: device.to_vec(),
            node: Some(q.hint.to_msg()),
            write: q.write.to_vec(),
            write_key: q.write_key.to_vec(),
            frame_key: q.frame_key.to_vec(),
        };
        Some(QueueKeys { seq: own.seq, queues: own.queues.iter().map(key).collect() })
    }
}
