//! Queues of others: where each device of a contact takes messages while it is away, and how far those queues were filled.

use super::Core;
use crate::core::timers::Timer;
use crate::ids::{AccountId, ChanId, DeviceId, QueueName, RequestId};
use crate::limits;
use crate::link::Hint;
use crate::view::Relation;
use crate::wire::mailbox::{QueueKey, QueueKeys};
use std::collections::BTreeMap;

/// Queues of one device of somebody else.
#[derive(Clone, Debug)]
pub(super) struct Theirs {
    pub account: AccountId,
    /// Unix ms by their clock; a larger one replaces a smaller one.
    pub seq: u64,
    pub queues: Vec<TheirQueue>,
    /// How far each log of the conversation was put there, by the word of at least one node.
    pub put: BTreeMap<(ChanId, DeviceId), u64>,
    /// The request to which a yes was put there.
    pub accepted: Option<RequestId>,
    /// Something of theirs was taken from the own queue, and they have not been told how far we are.
    pub owed: bool,
    /// The request whose yes was taken from the own queue, while they have not been told.
    pub stored: Option<RequestId>,
}

/// One of them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct TheirQueue {
    pub node: Hint,
    pub write: QueueName,
    pub write_key: [u8; 32],
    pub frame_key: [u8; 32],
}

impl std::fmt::Debug for TheirQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TheirQueue({:?})", self.write)
    }
}

impl TheirQueue {
    pub fn to_wire(&self, device: DeviceId) -> QueueKey {
        QueueKey {
            device: device.to_vec(),
            node: Some(self.node.to_msg()),
            write: self.write.to_vec(),
            write_key: self.write_key.to_vec(),
            frame_key: self.frame_key.to_vec(),
        }
    }

    /// One of a device's own queues. None where it is another's: nobody says for others where those read.
    pub fn from_wire(key: &QueueKey, device: DeviceId) -> Option<Self> {
        if key.device != device.as_bytes() {
            return None;
        }
        Some(Self {
            node: key.node.as_ref().and_then(Hint::from_msg).filter(|hint| hint.addr.relay.is_none())?,
            write: QueueName::from_slice(&key.write).ok()?,
            write_key: key.write_key.as_slice().try_into().ok()?,
            frame_key: key.frame_key.as_slice().try_into().ok()?,
        })
    }
}

impl Core {
    /// A device says where it takes messages while it is away.
    pub(in crate::core) fn learn_queues(&mut self, account: AccountId, device: DeviceId, keys: &QueueKeys) {
        let known = |r: Relation| matches!(r, Relation::Contact | Relation::Asking | Relation::Requested);
        let fits = self.people.get(&account).is_some_and(|p| known(p.relation) && p.has_device(device));
        if !fits || self.cfg.lan_only {
            return self.refuse("queues_of_stranger");
        }
        if self.mail.theirs.get(&device).is_some_and(|t| t.account == account && t.seq >= keys.seq) {
            return;
        }
        let queues: Vec<TheirQueue> =
            keys.queues.iter().take(limits::QUEUES_PER_CONTACT).filter_map(|key| TheirQueue::from_wire(key, device)).collect();
        let fresh = || Theirs { account, seq: 0, queues: Vec::new(), put: BTreeMap::new(), accepted: None, owed: false, stored: None };
        let theirs = self.mail.theirs.entry(device).or_insert_with(fresh);
        if theirs.account != account {
            *theirs = fresh();
        }
        // A queue that ended may have taken with it what nobody else holds.
        let lost = theirs.queues.iter().any(|old| !queues.contains(old));
        theirs.seq = keys.seq;
        theirs.queues = queues;
        self.mail.touched_theirs.insert(device);
        if lost {
            self.rewind(device);
        }
        self.feed_resumes(device);
        self.timers.set_at_most(Timer::Mail(device), self.now.mono);
    }

    /// Forgets what was put into the queues of a device: all that it has not acknowledged is put there again.
    pub(super) fn rewind(&mut self, device: DeviceId) {
        let Some(theirs) = self.mail.theirs.get_mut(&device) else { return };
        theirs.put.clear();
        theirs.accepted = None;
        let account = theirs.account;
        self.mail.touched_theirs.insert(device);
        if let Some(own) = self.mail.own.get_mut(&account)
            && own.told.remove(&device).is_some()
        {
            self.mail.touched_own.insert(account);
        }
        if let Some(feed) = self.mail.feeds.get_mut(&device) {
            feed.start_over();
        }
    }
}
