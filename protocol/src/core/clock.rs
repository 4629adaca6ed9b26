//! The own clock, judged by those of the people who are connected.
//!
//! Each hello says what the other side's wall clock shows. Every account has one vote, however many devices it has, and only
//! contacts and the own account have one: people who merely ask for contact could otherwise silence a node. Off is a clock from
//! which most votes differ to the same side.

use super::Core;
use super::links::Link;
use crate::ids::{AccountId, LinkId};
use crate::time::{Now, UnixMs};
use std::collections::BTreeMap;

/// Clocks of two machines that differ by more than this cannot order messages in a way that makes sense to people, ms.
const TOLERANCE: i64 = 600_000;
/// The own wall clock was set if it moves against the monotonic one by more than this between two inputs, ms. Adjustments that
/// time services make unnoticed are smaller.
const STEP: u64 = 1_000;

/// What a hello told about the other side's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Their wall clock less ours, ms.
    off: i64,
    /// How the own clocks stood to each other then.
    base: i64,
}

impl Reading {
    pub fn new(theirs: UnixMs, now: Now) -> Self {
        Self { off: signed(theirs.0).saturating_sub(signed(now.wall.0)), base: base(now) }
    }

    /// What their clock shows now, as ours is set now.
    pub fn theirs(self, now: Now) -> UnixMs {
        let theirs = signed(now.wall.0).saturating_add(self.off(base(now)));
        UnixMs(u64::try_from(theirs).unwrap_or(0))
    }

    /// Their clock less ours as ours is set now, ms.
    fn off(self, base: i64) -> i64 {
        self.off.saturating_sub(base.saturating_sub(self.base))
    }
}

/// How far the wall clock is ahead of the monotonic one, ms: changes when the wall clock is set, or after the machine slept.
fn base(now: Now) -> i64 {
    signed(now.wall.0).saturating_sub(signed(now.mono.0))
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

impl Core {
    /// Notices that the own clock was set. Where it was far from what a connection was compared by, that connection begins anew, so
    /// that the other side compares again too.
    pub(super) fn notice_clock(&mut self) {
        let now = base(self.now);
        if self.clock_base.abs_diff(now) <= STEP {
            return;
        }
        self.clock_base = now;
        let set_since = |then: i64| then.abs_diff(now) > TOLERANCE.unsigned_abs();
        // They may have been told the time before they told theirs.
        let compared = |l: &Link| l.told_clock.into_iter().chain(l.auth.as_ref().map(|a| a.clock.base)).any(set_since);
        let stale: Vec<LinkId> = self.links.iter().filter(|(_, l)| compared(l)).map(|(id, _)| *id).collect();
        for id in stale {
            self.end_link(id);
        }
        self.check_clock();
    }

    /// Compares this machine's clock with those of the people connected now.
    pub(super) fn check_clock(&mut self) {
        let mut votes: BTreeMap<AccountId, Vec<i64>> = BTreeMap::new();
        for auth in self.links.values().filter_map(|l| l.auth.as_ref()) {
            if auth.own || self.people.get(&auth.account).is_some_and(super::people::Person::is_contact) {
                votes.entry(auth.account).or_default().push(auth.clock.off(self.clock_base));
            }
        }
        let off = judge(votes.into_values());
        if self.clock_off != off {
            self.clock_off = off;
            self.network_changed();
        }
    }
}

/// How far the own clock is off, from what the devices of each account say; `None` if it is not, or if nobody can tell.
fn judge(accounts: impl Iterator<Item = Vec<i64>>) -> Option<i64> {
    let votes: Vec<i64> = accounts.filter_map(median).collect();
    let ahead = votes.iter().filter(|off| **off > TOLERANCE).count();
    let behind = votes.iter().filter(|off| **off < TOLERANCE.saturating_neg()).count();
    // One against one is no majority: either may be wrong.
    let most = votes.len() > 1 && ahead.max(behind).saturating_mul(2) > votes.len();
    if most { median(votes) } else { None }
}

/// The one in the middle, the upper of two.
fn median(mut of: Vec<i64>) -> Option<i64> {
    of.sort_unstable();
    of.get(of.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Mono;

    const HOUR: i64 = 3_600_000;

    fn judged(accounts: &[&[i64]]) -> Option<i64> {
        judge(accounts.iter().map(|a| a.to_vec()))
    }

    #[test]
    fn most_accounts_decide_and_not_most_devices() {
        assert_eq!(judged(&[&[HOUR], &[HOUR], &[0]]), Some(HOUR));
        assert_eq!(judged(&[&[HOUR, HOUR, HOUR], &[0]]), None, "three devices of one person are one voice");
        assert_eq!(judged(&[&[HOUR], &[0]]), None);
        assert_eq!(judged(&[&[HOUR]]), None, "one against one");
    }

    #[test]
    fn voices_that_contradict_each_other_prove_nothing() {
        assert_eq!(judged(&[&[HOUR], &[-HOUR]]), None);
        assert_eq!(judged(&[&[HOUR], &[-HOUR], &[-2 * HOUR]]), Some(-HOUR));
    }

    #[test]
    fn a_reading_follows_the_own_clock() {
        let at = |mono: u64, wall: u64| Now { mono: Mono(mono), wall: UnixMs(wall) };
        let reading = Reading::new(UnixMs(10_000_000), at(5, 2_800_000));
        assert_eq!(reading.off(base(at(5, 2_800_000))), 7_200_000);
        assert_eq!(reading.off(base(at(1_005, 2_801_000))), 7_200_000, "time passes for both");
        assert_eq!(reading.off(base(at(2_005, 10_002_000))), 0, "the own clock was set right");
    }
}
