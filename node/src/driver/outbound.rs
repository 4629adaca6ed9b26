//! Commands for the network that it has not taken yet, in order, within bounds.
//!
//! The network takes commands again as soon as its events are taken, so this is empty nearly always. It fills where events are held
//! back because the disk is behind. A link whose frames do not fit is closed, as the network itself closes one whose reader is slow:
//! a frame left out would be a gap that nobody notices, and a new connection finds out what is missing. A dial or a question that does
//! not fit is given back. Of lists that replace each other the newest is kept.

use crate::net::NetCmd;
use std::collections::{BTreeSet, VecDeque};
use veche_protocol::ids::LinkId;

/// Commands that may wait, apart from one closing for each link and one of each list.
const MAX_COMMANDS: usize = 4096;
/// Bytes of frames that may wait: some of the largest frames for each of a dozen links.
const MAX_BYTES: usize = 8 << 20;

#[derive(Default)]
pub(super) struct Outbound {
    queue: VecDeque<NetCmd>,
    bytes: usize,
    /// Links whose closing is in the queue: nothing more is said on them.
    closing: BTreeSet<LinkId>,
}

impl Outbound {
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a command at the end. Gives one back that does not fit and that somebody waits for.
    pub fn push(&mut self, cmd: NetCmd) -> Option<NetCmd> {
        let fits = self.queue.len() < MAX_COMMANDS && self.bytes.saturating_add(size(&cmd)) <= MAX_BYTES;
        match cmd {
            NetCmd::Send { link, .. } | NetCmd::Close { link } if self.closing.contains(&link) => None,
            NetCmd::Send { link, .. } if !fits => {
                tracing::warn!("the network takes too little for a link, which is closed");
                self.queue.retain(|cmd| !matches!(cmd, NetCmd::Send { link: l, .. } if *l == link));
                self.bytes = self.queue.iter().map(size).sum();
                self.close(link)
            }
            NetCmd::Close { link } => self.close(link),
            NetCmd::Dial { .. } | NetCmd::DirectoryGet { .. } | NetCmd::DirectoryPut { .. } if !fits => Some(cmd),
            cmd => {
                if matches!(cmd, NetCmd::Operators(_) | NetCmd::Friends(_) | NetCmd::Announce(_)) {
                    self.queue.retain(|older| std::mem::discriminant(older) != std::mem::discriminant(&cmd));
                }
                self.bytes = self.bytes.saturating_add(size(&cmd));
                self.queue.push_back(cmd);
                None
            }
        }
    }

    fn close(&mut self, link: LinkId) -> Option<NetCmd> {
        self.closing.insert(link);
        self.queue.push_back(NetCmd::Close { link });
        None
    }

    /// Takes out the oldest.
    pub fn pop(&mut self) -> Option<NetCmd> {
        let cmd = self.queue.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&cmd));
        if let NetCmd::Close { link } = cmd {
            self.closing.remove(&link);
        }
        Some(cmd)
    }

    /// Puts back what was taken out last and not taken.
    pub fn put_back(&mut self, cmd: NetCmd) {
        self.bytes = self.bytes.saturating_add(size(&cmd));
        if let NetCmd::Close { link } = cmd {
            self.closing.insert(link);
        }
        self.queue.push_front(cmd);
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

fn size(cmd: &NetCmd) -> usize {
    match cmd {
        NetCmd::Send { frame, .. } => frame.len(),
        NetCmd::DirectoryPut { value, .. } => value.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use veche_protocol::link::Proto;

    fn send(link: u64, bytes: usize) -> NetCmd {
        NetCmd::Send { link: LinkId(link), proto: Proto::Sync, frame: vec![0; bytes], receipt: None }
    }

    fn close(link: u64) -> NetCmd {
        NetCmd::Close { link: LinkId(link) }
    }

    fn all(out: &mut Outbound) -> Vec<NetCmd> {
        std::iter::from_fn(|| out.pop()).collect()
    }

    #[test]
    fn what_is_put_back_is_the_first_again() {
        let mut out = Outbound::default();
        for n in 1..=3 {
            assert_eq!(out.push(send(n, 1)), None);
        }
        let first = out.pop().unwrap();
        out.put_back(first);
        assert_eq!(all(&mut out), [send(1, 1), send(2, 1), send(3, 1)]);
    }

    #[test]
    fn a_link_that_does_not_fit_is_closed_and_the_others_lose_nothing() {
        let mut out = Outbound::default();
        out.push(send(1, 1000));
        for _ in 0..8 {
            out.push(send(2, 1 << 20));
        }
        assert_eq!(out.push(send(2, 1)), None, "told to nobody: its end is the answer");
        out.push(send(1, 1000));
        assert_eq!(all(&mut out), [send(1, 1000), close(2), send(1, 1000)]);
        assert_eq!(out.bytes, 0);
        out.push(send(2, 1));
        assert_eq!(all(&mut out), [send(2, 1)], "the next closing is not mistaken for this one");
    }

    #[test]
    fn small_commands_are_bounded_too() {
        let mut out = Outbound::default();
        let dial = NetCmd::Dial { peer: None, addrs: Vec::new() };
        for _ in 0..MAX_COMMANDS {
            assert_eq!(out.push(dial.clone()), None);
        }
        assert_eq!(out.push(dial.clone()), Some(dial));
        for link in 0..1000 {
            assert_eq!(out.push(send(link % 10, 1)), None);
            assert_eq!(out.push(close(link % 10)), None);
        }
        assert_eq!(all(&mut out).len(), MAX_COMMANDS + 10);
    }
}
