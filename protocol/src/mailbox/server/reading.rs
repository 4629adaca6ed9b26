//! Handing out: from the queues that are open on a link to whoever is at its other end, a window at a time.

use super::queue::Queue;
use super::rows::{Slip, frame_key};
use super::{Effect, Frame, Server, count};
use crate::ids::{LinkId, QueueName, ReadId};
use crate::wire::mailbox::{Held, Mailbox};

/// Bytes under way on one link and not taken yet, over all its queues: half of what a connection queues before it is ended as too slow.
const LINK_WINDOW: u64 = 512 * 1024;

impl Server {
    /// Asks the store for what may be sent over a link now.
    pub(super) fn pump(&mut self, link: LinkId) {
        let Some(reader) = self.links.get(&link) else { return };
        let mut under_way: u64 = reader.open.iter().filter_map(|name| self.queues.get(name)).map(Queue::claimed).sum();
        let mut ask: Vec<(QueueName, Vec<Slip>)> = Vec::new();
        for name in &reader.open {
            let Some(queue) = self.queues.get_mut(name) else { continue };
            let slips = queue.next(LINK_WINDOW.saturating_sub(under_way));
            if !slips.is_empty() {
                queue.ask(&slips);
                under_way = under_way.saturating_add(slips.iter().map(|slip| u64::from(slip.len)).sum());
                ask.push((*name, slips));
            }
        }
        for (name, slips) in ask {
            let Some(turn) = self.queues.get(&name).and_then(Queue::turn) else { continue };
            let read = ReadId(self.next_number());
            let keys = slips.iter().map(|slip| frame_key(&name, slip.n)).collect();
            self.reads.insert(read, (name, turn, slips));
            self.effects.push_back(Effect::Read { read, keys });
        }
    }

    /// Asks the store again for frames that it could not give back.
    pub(super) fn ask_again(&mut self) {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        links.into_iter().for_each(|link| self.pump(link));
    }

    pub(super) fn found(&mut self, read: ReadId, frames: Vec<Frame>) {
        let Some((name, turn, slips)) = self.reads.remove(&read) else { return };
        let Some(queue) = self.queues.get_mut(&name) else { return };
        // Somebody else reads by now, or nobody.
        let Some((link, _)) = queue.reading().filter(|_| queue.turn() == Some(turn)) else { return };
        queue.answered();
        let mut lost = Vec::new();
        let mut held = Vec::new();
        for (slip, frame) in slips.iter().zip(frames) {
            match frame {
                Frame::Whole(frame) => {
                    queue.sent(slip.n);
                    if let Some(reader) = self.links.get_mut(&link) {
                        let given = reader.given.entry(name).or_default();
                        *given = slip.n.max(*given);
                    }
                    held.push(Held { queue: name.to_vec(), n: slip.n, frame });
                }
                Frame::Lost => {
                    queue.sent(slip.n);
                    lost.extend(queue.remove(slip.n));
                }
                // Order holds: nothing overtakes. See `ask_again`.
                Frame::Later => break,
            }
        }
        self.stats.sent = self.stats.sent.saturating_add(count(held.len()));
        self.stats.lost = self.stats.lost.saturating_add(count(lost.len()));
        let stuck = held.is_empty() && lost.is_empty();
        for held in held {
            self.send(link, Mailbox::Held(held));
        }
        self.retire(&name, &lost);
        if !stuck {
            self.pump(link);
        }
    }
}
