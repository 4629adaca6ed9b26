//! The shell's part: inputs in order, every effect done as the contract of the core says, writes that become durable later.

use super::{Happening, World};
use crate::check;
use crate::disk::{CrashPoint, Flushed};
use crate::net::Ending;
use crate::node::Who;
use veche_protocol::core::Core;
use veche_protocol::core::effect::Effect;
use veche_protocol::core::input::Input;
use veche_protocol::core::job::Job;
use veche_protocol::store::Write;

/// Commits under way beyond which a shell holds back people and peers.
const BACKLOG: usize = 512;
/// A flush takes this long, ms.
const FLUSH: (u64, u64) = (1, 8);
/// One flush of a thousand takes this long, ms: a disk that stalls.
const STALL: (u64, u64) = (100, 3_000);

impl World {
    /// Hands a node an input unless its shell holds it back.
    pub(super) fn give(&mut self, who: Who, input: Input) {
        let node = &mut self.nodes[who.0];
        let Some(core) = &node.core else { return };
        if core.backlog() >= BACKLOG || !node.held.is_empty() {
            node.held.push_back(input);
            return;
        }
        self.turn(who, input);
        self.take_held(who);
    }

    pub(super) fn take_held(&mut self, who: Who) {
        loop {
            let node = &mut self.nodes[who.0];
            if node.core.as_ref().is_none_or(|core| core.backlog() >= BACKLOG) {
                return;
            }
            let Some(input) = node.held.pop_front() else { return };
            self.turn(who, input);
        }
    }

    /// Hands a node an input and does what it says.
    pub(super) fn turn(&mut self, who: Who, input: Input) {
        let node = &mut self.nodes[who.0];
        let now = node.clock.now(self.at);
        let Some(core) = &mut node.core else { return };
        let released = matches!(input, Input::Committed(_));
        self.inputs += 1;
        core.handle(now, input);
        node.peak_backlog = node.peak_backlog.max(core.backlog());
        let mut outward = 0;
        while let Some(effect) = self.nodes[who.0].core.as_mut().and_then(Core::poll) {
            if matches!(effect, Effect::Commit { .. }) && self.reached(who, CrashPoint::BeforeCommit) {
                return;
            }
            if matches!(effect, Effect::Send { .. } | Effect::Reply(..)) {
                let dies = released
                    && match outward {
                        0 => self.reached(who, CrashPoint::AfterAckBeforeSend),
                        1 => self.reached(who, CrashPoint::MidBatch),
                        _ => false,
                    };
                if dies {
                    return;
                }
                outward += 1;
            }
            self.execute(who, effect);
        }
        self.set_wake(who);
    }

    pub(super) fn set_wake(&mut self, who: Who) {
        let node = &mut self.nodes[who.0];
        let Some(core) = &node.core else { return };
        let due = core.next_timeout().map(|due| node.clock.reaches(due).max(self.at));
        if node.wake != due {
            node.wake = due;
            if let Some(due) = due {
                self.push(due, Happening::Tick(who));
            }
        }
    }

    pub(super) fn execute(&mut self, who: Who, effect: Effect) {
        let (at, n) = (self.at, who.0);
        let run = self.nodes[n].run;
        match effect {
            Effect::Commit { id, writes } => {
                self.note_writes(n, &writes);
                if self.nodes[n].disk.submit(id, writes) {
                    self.begin_flush(who);
                } else {
                    self.push(at + 1, Happening::Input(who, run, Input::CommitFailed(id, "the disk cannot keep up".into())));
                }
            }
            Effect::ResumeCommits => self.nodes[n].disk.resume(),
            Effect::Read { id, read } => {
                let after = self.dice.between(0, 4);
                self.push(at + after, Happening::Read(who, run, id, read));
            }
            Effect::Offload { id, job } => {
                let after = self.dice.between(1, 400) + self.nodes[n].slow_jobs;
                self.nodes[n].hashes += u64::from(matches!(job, Job::Tag { .. }));
                let result = job.run();
                self.push(at + after, Happening::Input(who, run, Input::JobDone(id, result)));
            }
            Effect::StartNet { transport_seed } => {
                self.trace.note(at, n, "net", &[]);
                self.nodes[n].net_up = true;
                self.net.start(at, who, transport_seed, &mut self.dice);
            }
            Effect::Dial { peer, addrs } => {
                self.trace.note(at, n, "dial", &peer.map(|p| p.0).unwrap_or_default());
                self.nodes[n].dialled.extend(peer);
                self.net.dial(at, who, peer, &addrs, &mut self.dice);
            }
            Effect::Doubt(link) => {
                self.trace.note(at, n, "doubt", &link.0.to_le_bytes());
                self.net.doubt(who, link);
            }
            // Every operator's node that is connected is a relay here, and no hole is ever punched.
            Effect::Operators(_) | Effect::Friends(_) => {}
            Effect::DirectoryGet { id, key } => {
                self.trace.note(at, n, "ask", key.as_bytes());
                self.directory_get(who, id, key);
            }
            Effect::DirectoryPut { id, key, value } => {
                self.trace.note(at, n, "put", &value);
                self.directory_put(who, id, key, &value);
            }
            Effect::Send { link, proto, frame, receipt } => {
                self.trace.note(at, n, proto.id(), &frame);
                self.net.send(at, who, link, proto, frame, receipt, &mut self.dice);
            }
            Effect::Close(link) => {
                self.trace.note(at, n, "close", &link.0.to_le_bytes());
                self.net.close(at, who, link);
            }
            Effect::Reply(cmd, result) => {
                self.trace.say(at, n, "reply", &format!("{result:?}"));
                self.nodes[n].replies.insert(cmd, result);
            }
            Effect::Notify(event) => {
                self.trace.say(at, n, "event", &format!("{event:?}"));
                check::claim(self, who, &event);
                self.nodes[n].heard(at, event);
            }
            Effect::Media(cmd) => {
                self.trace.say(at, n, "media", &format!("{cmd:?}"));
                self.engine_told(who, cmd);
            }
            Effect::Wipe => {
                self.trace.note(at, n, "wipe", &[]);
                // The network ends in good order, so that the last words arrive.
                self.end(who, Ending::Orderly, 0);
                self.nodes[n].disk.wipe();
                self.nodes[n].entropy = None;
                self.nodes[n].wiped = true;
            }
        }
        self.collect();
    }

    fn note_writes(&mut self, who: usize, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Put(key, value) => {
                    self.trace.note(self.at, who, "put", &key.scope);
                    self.trace.note(self.at, who, "value", value);
                }
                Write::Delete(key) => self.trace.note(self.at, who, "delete", &key.scope),
                Write::DeleteScope { scope, .. } => self.trace.note(self.at, who, "delete all", scope),
            }
        }
    }

    pub(super) fn begin_flush(&mut self, who: Who) {
        let node = &mut self.nodes[who.0];
        if node.disk.begin_flush() {
            let stall = self.dice.chance(1);
            let range = if stall { STALL } else { FLUSH };
            let after = self.dice.between(range.0, range.1);
            let run = self.nodes[who.0].run;
            self.push(self.at + after, Happening::Flush(who, run));
        }
    }

    pub(super) fn flushed(&mut self, who: Who, run: u32) {
        if self.nodes[who.0].run != run {
            return;
        }
        if self.reached(who, CrashPoint::BeforeFlush) || self.reached(who, CrashPoint::MidFlush) {
            return;
        }
        let flushed = self.nodes[who.0].disk.end_flush();
        match flushed {
            Flushed::Durable(ids) => {
                if self.reached(who, CrashPoint::AfterCommitBeforeAck) {
                    return;
                }
                for id in ids {
                    if self.nodes[who.0].run == run {
                        self.turn(who, Input::Committed(id));
                    }
                }
            }
            Flushed::Failed(ids) => {
                for id in ids {
                    self.turn(who, Input::CommitFailed(id, "the disk is full".into()));
                }
            }
        }
        if self.nodes[who.0].run == run {
            self.begin_flush(who);
            self.take_held(who);
        }
    }
}
