//! The commit gate: what another machine, a person or a program can see leaves only after everything written before it is
//! durable. This is the only file that builds such an effect.
//!
//! While an input is handled, writes are collected and outward effects queue behind them. At the end the writes become one
//! commit, and the queued effects belong to it. Effects without writes of their own belong to the newest commit that is still
//! under way, so that the order in which the world sees things is the order in which they were decided.

use super::command::{CommandError, Reply};
use super::effect::Effect;
use super::event::Event;
use crate::ids::{CmdId, CommitId, LinkId, ReadId};
use crate::link::Proto;
use crate::store::{Read, Write};
use std::collections::VecDeque;
use std::sync::Arc;

/// Commits under way, with the effects that wait for each.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Writes of the input being handled.
    writes: Vec<Write>,
    /// Outward effects of the input being handled.
    waiting: Vec<Effect>,
    /// Not yet durable, oldest first.
    under_way: VecDeque<Pending>,
    /// May be polled.
    ready: VecDeque<Effect>,
    next: u64,
    /// Why the store last refused; cleared when it takes commits again.
    trouble: Option<String>,
}

#[derive(Debug)]
struct Pending {
    id: CommitId,
    writes: Arc<[Write]>,
    then: Vec<Effect>,
}

impl Gate {
    /// Adds a write to the commit of this input.
    pub fn write(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// Adds writes to the commit of this input.
    pub fn write_all(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.writes.extend(writes);
    }

    /// An effect that nobody outside this process can see: done at once.
    pub fn inward(&mut self, effect: Effect) {
        self.ready.push_back(effect);
    }

    pub fn send(&mut self, link: LinkId, proto: Proto, frame: Vec<u8>, receipt: Option<u64>) {
        self.waiting.push(Effect::Send { link, proto, frame, receipt });
    }

    /// Refuses a command while the store stands still: what waits behind the gate cannot be answered, but this can.
    pub fn refuse_now(&mut self, cmd: CmdId, error: CommandError) {
        self.ready.push_back(Effect::Reply(cmd, Err(error)));
    }

    /// Ends a connection without waiting for what is not durable: nothing unsaid may leave on it any more.
    pub fn close_now(&mut self, link: LinkId) {
        self.ready.push_back(Effect::Close(link));
    }

    pub fn close(&mut self, link: LinkId) {
        self.waiting.push(Effect::Close(link));
    }

    pub fn reply(&mut self, cmd: CmdId, result: Result<Reply, CommandError>) {
        self.waiting.push(Effect::Reply(cmd, result));
    }

    pub fn notify(&mut self, event: Event) {
        self.waiting.push(Effect::Notify(event));
    }

    /// A read. It waits like an outward effect, because its answer has to reflect every write before it.
    pub fn read(&mut self, id: ReadId, read: Read) {
        self.waiting.push(Effect::Read { id, read });
    }

    pub fn wipe(&mut self) {
        self.waiting.push(Effect::Wipe);
    }

    /// Ends the handling of an input.
    pub fn seal(&mut self) {
        if self.writes.is_empty() {
            match self.under_way.back_mut() {
                Some(last) => last.then.append(&mut self.waiting),
                None => self.ready.extend(self.waiting.drain(..)),
            }
            return;
        }
        self.next = self.next.saturating_add(1);
        let id = CommitId(self.next);
        let writes: Arc<[Write]> = std::mem::take(&mut self.writes).into();
        let then = std::mem::take(&mut self.waiting);
        if self.trouble.is_none() {
            self.ready.push_back(Effect::Commit { id, writes: Arc::clone(&writes) });
        }
        self.under_way.push_back(Pending { id, writes, then });
    }

    /// A commit, and with it every one before it, is durable.
    pub fn committed(&mut self, id: CommitId) {
        while self.under_way.front().is_some_and(|p| p.id <= id) {
            if let Some(done) = self.under_way.pop_front() {
                self.ready.extend(done.then);
            }
        }
    }

    /// The store refuses. Nothing is lost: the writes are kept, and what waits for them keeps waiting.
    pub fn failed(&mut self, why: String) {
        self.trouble = Some(why);
    }

    /// Offers every commit under way to the store again.
    pub fn retry(&mut self) {
        if self.trouble.take().is_none() {
            return;
        }
        self.ready.push_back(Effect::ResumeCommits);
        for pending in &self.under_way {
            self.ready.push_back(Effect::Commit { id: pending.id, writes: Arc::clone(&pending.writes) });
        }
    }

    /// Why the store refuses, if it does.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Commits that are not durable yet.
    pub fn backlog(&self) -> usize {
        self.under_way.len()
    }

    pub fn poll(&mut self) -> Option<Effect> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Key, Table};

    fn write(n: u8) -> Write {
        Write::Put(Key::single(Table::Setting, vec![n]), vec![n])
    }

    fn drain(gate: &mut Gate) -> Vec<String> {
        std::iter::from_fn(|| gate.poll())
            .map(|e| match e {
                Effect::Commit { id, .. } => format!("commit {}", id.0),
                Effect::Close(link) => format!("close {}", link.0),
                Effect::ResumeCommits => "resume".into(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn outward_effects_wait_for_their_own_and_all_earlier_writes() {
        let mut gate = Gate::default();
        gate.close(LinkId(0));
        gate.seal();
        assert_eq!(drain(&mut gate), ["close 0"], "nothing under way: no reason to wait");
        gate.write(write(1));
        gate.close(LinkId(1));
        gate.seal();
        gate.close(LinkId(2));
        gate.seal();
        gate.write(write(2));
        gate.close(LinkId(3));
        gate.seal();
        assert_eq!(drain(&mut gate), ["commit 1", "commit 2"]);
        gate.committed(CommitId(1));
        assert_eq!(drain(&mut gate), ["close 1", "close 2"]);
        gate.committed(CommitId(2));
        assert_eq!(drain(&mut gate), ["close 3"]);
    }

    #[test]
    fn a_refusing_store_loses_nothing_and_releases_nothing() {
        let mut gate = Gate::default();
        gate.write(write(1));
        gate.close(LinkId(1));
        gate.seal();
        drain(&mut gate);
        gate.failed("disk full".into());
        gate.write(write(2));
        gate.close(LinkId(2));
        gate.seal();
        assert_eq!(drain(&mut gate), Vec::<String>::new());
        assert_eq!(gate.trouble(), Some("disk full"));
        gate.retry();
        assert_eq!(drain(&mut gate), ["resume", "commit 1", "commit 2"]);
        gate.committed(CommitId(2));
        assert_eq!(drain(&mut gate), ["close 1", "close 2"]);
    }
}
