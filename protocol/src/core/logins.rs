//! The tags that tell people of one login apart. Each costs a slow hash, and whoever is near or asks for contact can name as many
//! logins as they like: so one is computed at a time, with pauses, for people in turn, and what was computed is remembered.

use super::Core;
use super::JobFor;
use super::effect::Effect;
use super::event::Event;
use super::job::Job;
use super::timers::Timer;
use crate::ids::AccountId;
use std::collections::VecDeque;
use std::time::Duration;

/// Pause between two tags of other people. A hash takes about a sixth of a second of one core: whoever makes a node compute tags
/// without end costs it no more than that sixth.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause after a hash that the machine could not do, most likely because memory was short.
const PAUSE_FAILED: Duration = Duration::from_secs(60);
/// Tags remembered, so that somebody who comes and goes, or changes to and fro between logins, costs nothing.
const REMEMBERED: usize = 256;

/// What is being computed, and what was.
#[derive(Debug, Default)]
pub(super) struct Logins {
    running: bool,
    /// Whose turn it was last.
    last: Option<AccountId>,
    /// Oldest first.
    known: VecDeque<(AccountId, String, String)>,
}

impl Logins {
    fn tag(&self, account: AccountId, login: &str) -> Option<String> {
        self.known.iter().find(|(a, l, _)| *a == account && l == login).map(|(_, _, tag)| tag.clone())
    }

    fn remember(&mut self, account: AccountId, login: String, tag: String) {
        if self.known.len() >= REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((account, login, tag));
    }
}

impl Core {
    /// Sees to it that the login of somebody gets its tag.
    pub(super) fn compute_tag(&mut self, account: AccountId, login: &str) {
        let known = self.people.get(&account).filter(|p| p.profile.login == login).and_then(|p| p.tag.clone());
        match known.or_else(|| self.logins.tag(account, login)) {
            Some(tag) => self.put_tag(account, login, &tag),
            None => self.next_tag(),
        }
    }

    /// Begins with the next login that lacks its tag, unless one is under way or it is not yet time.
    pub(super) fn next_tag(&mut self) {
        if self.logins.running || self.timers.is_set(Timer::Tag) {
            return;
        }
        let Some((account, login)) = self.untagged() else { return };
        self.logins.running = true;
        self.logins.last = Some(account);
        let id = self.job(JobFor::Tag(account, login.clone()));
        self.gate.inward(Effect::Offload { id, job: Job::Tag { account, login, cost: self.cfg.tag_cost } });
    }

    /// The own login first, then people in turn, so that nobody who changes theirs all the time keeps others waiting.
    fn untagged(&self) -> Option<(AccountId, String)> {
        let own = self.me.iter().filter(|me| me.tag.is_none()).map(|me| (me.account, me.profile.login.as_str()));
        let known = self.people.values().filter(|p| p.tag.is_none()).map(|p| (p.account, p.profile.login.as_str()));
        let near = self.nearby.iter().filter(|(_, n)| n.tag.is_none()).map(|(account, n)| (*account, n.login.as_str()));
        let found = self.directory.claimants().filter(|f| f.tag.is_none()).map(|f| (f.claim.account, f.claim.login.as_str()));
        let lacking = || known.clone().chain(near.clone()).chain(found.clone()).filter(|(_, login)| !login.is_empty());
        let next = lacking().filter(|(account, _)| Some(*account) > self.logins.last).min();
        own.chain(next).chain(lacking().min()).next().map(|(account, login)| (account, login.to_owned()))
    }

    /// A hash is done, or could not be.
    pub(super) fn tag_computed(&mut self, account: AccountId, login: String, tag: Option<String>) {
        self.logins.running = false;
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        let pause = if tag.is_none() { PAUSE_FAILED } else { PAUSE };
        if !own || tag.is_none() {
            self.timers.set(Timer::Tag, self.now.mono.after(pause));
        }
        if let Some(tag) = tag {
            self.put_tag(account, &login, &tag);
            self.logins.remember(account, login, tag);
        }
        self.next_tag();
    }

    fn put_tag(&mut self, account: AccountId, login: &str, tag: &str) {
        self.dirty = true;
        if let Some(me) = self.me.as_mut().filter(|me| me.account == account && me.profile.login == login) {
            me.tag = Some(tag.to_owned());
            self.touched.me = true;
            self.gate.notify(Event::AccountChanged);
            self.publish_soon();
        }
        if self.directory.tag_computed(account, login, tag).is_some() {
            self.say_found(account);
        }
        if let Some(n) = self.nearby.get_mut(&account).filter(|n| n.login == login) {
            n.tag = Some(tag.to_owned());
            self.gate.notify(Event::NearbyChanged);
        }
        if let Some(p) = self.people.get_mut(&account).filter(|p| p.profile.login == login) {
            p.tag = Some(tag.to_owned());
            self.person_changed(account);
        }
    }
}
