//! The commit gate: what another machine, a person or a program can see leaves only after everything written before it is
//! durable. This is the only file that builds such an effect.
//!
//! While an input is handled, writes are collected and outward effects queue behind them. At the end the writes become one
//! commit, and the queued effects belong to it. Effects without writes of their own belong to the newest commit that is still
//! under way, so that the order in which the world sees things is the order in which they were decided.
//!
//! # Strictly in order
//! The store answers every commit that it was handed exactly once, and only the oldest commit under way can be answered with
//! "durable". From the first refusal on nothing is handed out; once every commit that was has been answered, all that is under
//! way is handed out again, in order, behind [`Effect::ResumeCommits`]. An answer out of order releases nothing: the commit is
//! handed out again like a refused one, which is right because writes are absolute.

use super::command::{CommandError, Reply};
use super::effect::Effect;
use super::event::Event;
use crate::ids::{CmdId, CommitId, LinkId, ReadId};
use crate::limits::STORED_VALUE;
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
    /// Why the store refused first; cleared when everything is handed out again.
    trouble: Option<String>,
    /// A record was decided that no store takes: nothing can be kept any more, and trying again is useless.
    fault: bool,
}

#[derive(Debug)]
struct Pending {
    id: CommitId,
    /// Handed to the store, which has not answered yet.
    awaited: bool,
    writes: Arc<[Write]>,
    then: Vec<Effect>,
    /// How many of those belong to the input that wrote. What follows wrote nothing and only waits its turn.
    own: usize,
}

/// Said when the store answers out of order, which is a fault of the shell.
const OUT_OF_ORDER: &str = "The store answered out of order. Nothing is lost; what was not kept for certain is written again.";

impl Gate {
    /// Adds a write to the commit of this input. A value above [`STORED_VALUE`] stops the store for good: half a commit would be
    /// worse than none, and what is on disk stays whole.
    pub fn write(&mut self, write: Write) {
        if let Write::Put(_, value) = &write
            && value.len() > STORED_VALUE
        {
            self.fault = true;
            self.trouble = Some(format!(
                "A record of {} bytes is larger than the store takes, which is a fault of this program. Nothing is saved until it is started again; please report it.",
                value.len()
            ));
        }
        self.writes.push(write);
    }

    /// Adds writes to the commit of this input.
    pub fn write_all(&mut self, writes: impl IntoIterator<Item = Write>) {
        writes.into_iter().for_each(|write| self.write(write));
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

    /// Answers a wish about sound, which is granted whatever the disk does.
    pub fn answer_now(&mut self, cmd: CmdId, result: Result<Reply, CommandError>) {
        self.ready.push_back(Effect::Reply(cmd, result));
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
            if self.trouble.is_some() {
                let waiting = std::mem::take(&mut self.waiting);
                self.waiting = self.refuse_replies(waiting);
            }
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
        // What no store takes is never written: nobody is left waiting for it.
        let then = if self.fault { self.refuse_replies(then) } else { then };
        let own = then.len();
        let awaited = self.trouble.is_none();
        if awaited {
            self.ready.push_back(Effect::Commit { id, writes: Arc::clone(&writes) });
        }
        self.under_way.push_back(Pending { id, awaited, writes, then, own });
    }

    /// A commit is durable. False if it is not the oldest under way or was not handed out: then nothing is released.
    #[must_use]
    pub fn committed(&mut self, id: CommitId) -> bool {
        let oldest = self.under_way.front().is_some_and(|p| p.id == id && p.awaited);
        match if oldest { self.under_way.pop_front() } else { None } {
            Some(done) => self.ready.extend(done.then),
            None if self.answered(id) => self.begin_trouble(OUT_OF_ORDER.to_owned()),
            None => {}
        }
        oldest
    }

    /// The store refuses a commit. Nothing is lost: the writes are kept, and what waits for them keeps waiting. False if it was not
    /// asked.
    #[must_use]
    pub fn failed(&mut self, id: CommitId, why: String) -> bool {
        let asked = self.answered(id);
        if asked {
            self.begin_trouble(why);
        }
        asked
    }

    /// The store stands still from now on. Answers that only wait their turn behind what it does not take are given as refusals; what
    /// was written with an answer is written when it goes on, and answered then.
    fn begin_trouble(&mut self, why: String) {
        self.trouble.get_or_insert(why);
        let mut under_way = std::mem::take(&mut self.under_way);
        for pending in &mut under_way {
            let followed = pending.then.split_off(pending.own.min(pending.then.len()));
            let kept = self.refuse_replies(followed);
            pending.then.extend(kept);
        }
        self.under_way = under_way;
    }

    /// Answers the commands among effects with a refusal, and returns the other effects.
    fn refuse_replies(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let why = self.trouble.clone().unwrap_or_default();
        let (replies, others): (Vec<Effect>, Vec<Effect>) = effects.into_iter().partition(|e| matches!(e, Effect::Reply(..)));
        self.ready.extend(replies.into_iter().map(|reply| match reply {
            // What was refused already keeps its reason.
            Effect::Reply(cmd, Ok(_)) => Effect::Reply(cmd, Err(CommandError::NotStored(why.clone()))),
            other => other,
        }));
        others
    }

    /// Notes that a commit is no longer with the store. False if it was not.
    fn answered(&mut self, id: CommitId) -> bool {
        let pending = self.under_way.iter_mut().find(|p| p.id == id);
        pending.is_some_and(|p| std::mem::take(&mut p.awaited))
    }

    /// Offers every commit under way to the store again, unless it has not answered the last offer yet or never can.
    pub fn retry(&mut self) {
        if self.fault || self.under_way.iter().any(|p| p.awaited) || self.trouble.take().is_none() {
            return;
        }
        self.ready.push_back(Effect::ResumeCommits);
        for pending in &mut self.under_way {
            pending.awaited = true;
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
        assert!(gate.committed(CommitId(1)));
        assert_eq!(drain(&mut gate), ["close 1", "close 2"]);
        assert!(gate.committed(CommitId(2)));
        assert_eq!(drain(&mut gate), ["close 3"]);
    }

    /// A commit with an outward effect of the same number behind it.
    fn commit(gate: &mut Gate, n: u8) {
        gate.write(write(n));
        gate.close(LinkId(u64::from(n)));
        gate.seal();
    }

    fn fail(gate: &mut Gate, id: u64) -> bool {
        gate.failed(CommitId(id), format!("refused {id}"))
    }

    #[test]
    fn a_refusing_store_loses_nothing_and_releases_nothing() {
        let mut gate = Gate::default();
        commit(&mut gate, 1);
        drain(&mut gate);
        assert!(fail(&mut gate, 1));
        commit(&mut gate, 2);
        assert_eq!(drain(&mut gate), Vec::<String>::new());
        assert_eq!(gate.trouble(), Some("refused 1"));
        gate.retry();
        assert_eq!(drain(&mut gate), ["resume", "commit 1", "commit 2"]);
        assert!(gate.committed(CommitId(1)) && gate.committed(CommitId(2)));
        assert_eq!(drain(&mut gate), ["close 1", "close 2"]);
    }

    #[test]
    fn what_was_not_kept_is_not_released_by_what_came_after_it() {
        let mut gate = Gate::default();
        (1..=3).for_each(|n| commit(&mut gate, n));
        drain(&mut gate);
        assert!(gate.committed(CommitId(1)));
        assert!(fail(&mut gate, 2));
        assert!(!gate.committed(CommitId(3)), "it overtook commit 2");
        assert_eq!(drain(&mut gate), ["close 1"]);
        gate.retry();
        assert_eq!(drain(&mut gate), ["resume", "commit 2", "commit 3"]);
        assert!(gate.committed(CommitId(2)) && gate.committed(CommitId(3)));
        assert_eq!(drain(&mut gate), ["close 2", "close 3"]);
    }

    #[test]
    fn answers_that_nobody_waits_for_change_nothing() {
        let mut gate = Gate::default();
        commit(&mut gate, 1);
        assert!(!gate.committed(CommitId(9)) && !fail(&mut gate, 9));
        assert_eq!(gate.trouble(), None);
        assert!(gate.committed(CommitId(1)));
        assert!(!gate.committed(CommitId(1)) && !fail(&mut gate, 1), "once");
        assert_eq!(gate.trouble(), None);
    }

    #[test]
    fn nothing_is_offered_again_before_every_offer_is_answered() {
        let mut gate = Gate::default();
        (1..=2).for_each(|n| commit(&mut gate, n));
        drain(&mut gate);
        assert!(fail(&mut gate, 1));
        gate.retry();
        assert_eq!(drain(&mut gate), Vec::<String>::new(), "commit 2 may still be on its way to the disk");
        assert!(fail(&mut gate, 2));
        assert_eq!(gate.trouble(), Some("refused 1"), "the cause, not what followed from it");
        gate.retry();
        assert_eq!(drain(&mut gate), ["resume", "commit 1", "commit 2"]);
    }

    #[test]
    fn a_record_that_no_store_takes_stops_everything_and_says_so() {
        let mut gate = Gate::default();
        commit(&mut gate, 1);
        gate.write(Write::Put(Key::single(Table::Setting, vec![2]), vec![0; STORED_VALUE + 1]));
        gate.close(LinkId(2));
        gate.seal();
        assert!(gate.committed(CommitId(1)));
        gate.retry();
        assert_eq!(drain(&mut gate), ["commit 1", "close 1"]);
        assert!(gate.trouble().is_some_and(|why| why.contains("started again")));
    }
}
