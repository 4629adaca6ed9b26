//! One-shot timers by name.

use crate::ids::{AccountId, DeviceId, LinkId, PeerKey, SpaceId};
use crate::time::Mono;
use std::collections::{BTreeMap, BTreeSet};

/// What a timer is for. Setting a timer again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The other side must have proven itself by now.
    Hello(LinkId),
    /// Ask the store again whether it takes commits.
    RetryStore,
    /// Dial a person's addresses.
    Dial(AccountId),
    /// Dial a node seen on the local network.
    DialNearby(PeerKey),
    /// The next tag of a login may be computed.
    Tag,
    /// Ask again whether a contact request is taken.
    Request(AccountId),
    /// The person stopped typing without saying so.
    TypingEnds(SpaceId),
    /// Compare frontiers again.
    Sync(LinkId),
    /// A held entry's time has come.
    Held(SpaceId),
    /// Rotate prekeys.
    Prekeys,
    /// Dial the operators' nodes that are not connected.
    Operators,
    /// Put into the directory what is due.
    Publish,
    /// The directory had its time to hear of the end of the account.
    Farewell,
    /// Forget old requests.
    Expire,
    /// Leave in a device's mailbox what it lacks.
    Mail(DeviceId),
    /// Tell a mailbox node which of its frames are on this disk, or that it is not needed any more.
    MailLine(LinkId),
    /// See to the own queues at mailbox nodes.
    MailQueues,
    /// Something of a call is due.
    Calls,
    /// Try again to write down what became of a call.
    CallLogs,
    /// Ask an operator's node again for what lets calls go through it.
    Turn(PeerKey),
    /// What was said on a connection through a relay should have been acknowledged by now.
    Doubt(LinkId),
}

/// The set of running timers.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Mono, Timer)>,
    by_name: BTreeMap<Timer, Mono>,
}

impl Timers {
    /// Starts or moves a timer.
    pub fn set(&mut self, timer: Timer, at: Mono) {
        self.clear(timer);
        self.by_name.insert(timer, at);
        self.by_time.insert((at, timer));
    }

    /// Starts a timer unless it runs already and is due earlier.
    pub fn set_at_most(&mut self, timer: Timer, at: Mono) {
        if self.by_name.get(&timer).is_none_or(|due| *due > at) {
            self.set(timer, at);
        }
    }

    /// Stops a timer.
    pub fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.by_name.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    /// Whether a timer runs.
    pub fn is_set(&self, timer: Timer) -> bool {
        self.by_name.contains_key(&timer)
    }

    /// When the next one is due.
    pub fn next(&self) -> Option<Mono> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out one that is due.
    pub fn pop(&mut self, now: Mono) -> Option<Timer> {
        let (at, timer) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_once_in_order_and_can_be_moved() {
        let mut t = Timers::default();
        t.set(Timer::Expire, Mono(30));
        t.set(Timer::Prekeys, Mono(20));
        t.set(Timer::Expire, Mono(10));
        t.set_at_most(Timer::Expire, Mono(15));
        assert_eq!(t.next(), Some(Mono(10)));
        assert_eq!(t.pop(Mono(9)), None);
        assert_eq!(t.pop(Mono(25)), Some(Timer::Expire));
        assert_eq!(t.pop(Mono(25)), Some(Timer::Prekeys));
        assert_eq!(t.pop(Mono(99)), None);
    }
}
