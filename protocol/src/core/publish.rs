//! What this account leaves in the directory: the claim of its login, keys for strangers who find it asleep, and for each contact
//! where this device is.

use super::Core;
use super::JobFor;
use super::effect::Effect;
use super::job::{Job, JobResult};
use super::timers::Timer;
use crate::crypto::{hash, labels};
use crate::directory::address::{Spot, day};
use crate::directory::claim::{self, Draft};
use crate::directory::{keys, record};
use crate::identity::login::Login;
use crate::ids::{AccountId, CmdId, DirectoryKey};
use crate::limits;
use crate::link::{DirectoryEnd, Hint, Route};
use crate::time::UnixMs;
use crate::wire::codec;
use crate::wire::directory::{AccountKeys, Claim, Claims, LoginClaim, RecordKind};
use crate::wire::identity::Signed;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How often a record is put anew although nothing changed: a quarter of the time for which it holds.
const RENEW: Duration = Duration::from_secs(12 * 3600);
/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(3 * 3600);
/// Wait after a change, so that several become one record.
const SETTLE: Duration = Duration::from_secs(2);
/// Wait before records that were not stored are put again.
const RETRY: Duration = Duration::from_secs(30);
/// Shortest time between two claims: each costs a second of one core.
const CLAIM_EVERY: Duration = Duration::from_secs(60);
/// Records under way at a time: each costs some twenty requests in the network.
const PUTS: usize = 4;
/// Contacts for whom addresses are left, those seen last: a record for each costs the network half a kilobyte for a day.
const CONTACTS: usize = 128;
/// Longest wait for the directory to hear of the end of an account.
const FAREWELL: Duration = Duration::from_secs(6);

/// What is published, and what is about to be.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// The claim in force: what it says, when it was made, and as signed and worked for.
    claim: Option<(Draft, UnixMs, Claim)>,
    /// Work for a claim is under way.
    working: bool,
    /// Records as they were last stored: a hash of what they say, and when.
    stored: BTreeMap<DirectoryKey, ([u8; 32], UnixMs)>,
    /// Records on their way: the hash of what each says.
    under_way: BTreeMap<DirectoryKey, [u8; 32]>,
    waiting: VecDeque<(DirectoryKey, [u8; 32], Vec<u8>)>,
    /// The account ends as soon as these records are there, or the time for it is over.
    farewell: Option<CmdId>,
}

impl Core {
    /// The directory is there: publish what is due.
    pub(super) fn directory_up(&mut self) {
        self.timers.set_at_most(Timer::Publish, self.now.mono.after(SETTLE));
        let away: Vec<AccountId> =
            self.people.values().filter(|p| p.hints.is_empty() && p.pair_keys().next().is_some()).map(|p| p.account).collect();
        for account in away {
            self.look_for(account);
        }
    }

    /// Something that is published may have changed.
    pub(super) fn publish_soon(&mut self) {
        if self.operators.any_up() {
            self.timers.set_at_most(Timer::Publish, self.now.mono.after(SETTLE));
        }
    }

    /// Puts everything that is not there yet, has changed, or is due again.
    pub(super) fn publish(&mut self) {
        self.timers.set(Timer::Publish, self.now.mono.after(LOOK));
        if !self.operators.any_up() || self.cfg.lan_only || self.halted || self.directory.publisher.farewell.is_some() {
            return;
        }
        self.publish_claim();
        self.publish_keys();
        self.publish_addresses();
        self.put_next();
    }

    /// The own place behind relays: what people who are no contacts may know.
    fn public_hints(&self) -> Vec<Hint> {
        self.own_hints(Route::Relayed, false)
    }

    fn draft(&self) -> Option<Draft> {
        let me = self.me.as_ref()?;
        Some(Draft {
            account: me.account,
            login: Login::exact(&me.profile.login).ok()?,
            tag: me.tag.clone()?,
            name: me.profile.name.clone(),
            status_text: me.profile.status_text.clone(),
            reach: self.public_hints(),
            doors: Vec::new(),
        })
    }

    fn publish_claim(&mut self) {
        let Some(draft) = self.draft().filter(|_| self.settings.listed) else { return };
        let wall = self.now.wall;
        let publisher = &self.directory.publisher;
        let made = publisher.claim.as_ref();
        let same = made.is_some_and(|(known, at, _)| *known == draft && wall.distance(*at) < RENEW);
        if same {
            if let Some((_, _, claim)) = made.cloned() {
                self.offer_claim(&draft, &claim);
            }
            return;
        }
        if publisher.working {
            return;
        }
        // Changes that come quickly one after another wait for each other.
        if let Some(wait) = made.and_then(|(_, at, _)| CLAIM_EVERY.checked_sub(wall.distance(*at))) {
            self.timers.set_at_most(Timer::Publish, self.now.mono.after(wait.max(SETTLE)));
            return;
        }
        let body = draft.body(wall);
        self.work_for_claim(draft, &body);
    }

    fn work_for_claim(&mut self, draft: Draft, body: &LoginClaim) {
        let Some(me) = &self.me else { return };
        let signed = me.secret.sign_claim(body);
        let (account, frame, bits) = (me.account, signed.payload.clone(), self.cfg.claim_bits);
        self.directory.publisher.working = true;
        let id = self.job(JobFor::Claim(Box::new((draft, signed))));
        self.gate.inward(Effect::Offload { id, job: Job::Pow { account, frame, bits } });
    }

    /// The work for a claim is done.
    pub(super) fn claim_worked(&mut self, (draft, signed): (Draft, Signed), result: &JobResult) {
        self.directory.publisher.working = false;
        let JobResult::Pow(Some(pow)) = *result else {
            self.timers.set_at_most(Timer::Publish, self.now.mono.after(RETRY));
            return;
        };
        let claim = Claim { claim: Some(signed), pow };
        self.directory.publisher.claim = Some((draft.clone(), self.now.wall, claim.clone()));
        self.offer_claim(&draft, &claim);
        self.put_next();
        self.farewell_said();
    }

    fn offer_claim(&mut self, draft: &Draft, claim: &Claim) {
        let value = record::encode(RecordKind::Claims(Claims { claims: vec![claim.clone()] }));
        let says = hash::h(labels::LOGIN_CLAIM, &[&value]);
        self.offer(claim::tagged_key(&draft.login, &draft.tag), says, value.clone());
        self.offer(claim::login_key(&draft.login), says, value);
    }

    fn publish_keys(&mut self) {
        let Some(me) = self.me.as_ref().filter(|_| self.settings.listed) else { return };
        let others = me.devices.devices.iter().filter_map(|d| self.sessions.get(&d.device)).filter_map(|s| s.bundle.as_ref());
        let mut bundles = vec![me.bundle.clone()];
        bundles.extend(others.map(|(signed, _)| signed.clone()).take(limits::KEY_BUNDLES.saturating_sub(1)));
        let at = keys::key(me.account);
        let value = record::encode(RecordKind::Keys(AccountKeys { device_set: Some(me.device_set.clone()), bundles }));
        self.offer(at, hash::h(labels::DIRECTORY_KEYS, &[&value]), value);
    }

    fn publish_addresses(&mut self) {
        let Some(device) = self.me.as_ref().map(super::me::Me::device_id) else { return };
        let hints = self.own_hints(Route::Relayed, true);
        if hints.is_empty() {
            return;
        }
        let (wall, today) = (self.now.wall, day(self.now.wall));
        let mut contacts: Vec<(Option<UnixMs>, [u8; 32])> =
            self.people.values().filter(|p| p.is_contact()).filter_map(|p| Some((p.last_seen, p.pair_key?))).collect();
        contacts.sort_unstable_by_key(|(seen, _)| std::cmp::Reverse(*seen));
        let said: Vec<Vec<u8>> = hints.iter().map(|hint| codec::encode(&hint.to_msg())).collect();
        let says = hash::h(labels::ADDRESS, &said.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (_, pair_key) in contacts.into_iter().take(CONTACTS) {
            let spot = Spot::new(&pair_key, device, today);
            if self.is_due(&spot.key(), &says) {
                let sealed = spot.seal(&hints, wall, self.dice.bytes());
                self.offer(spot.key(), says, record::encode(RecordKind::Address(sealed)));
            }
        }
    }

    fn is_due(&self, key: &DirectoryKey, says: &[u8; 32]) -> bool {
        let publisher = &self.directory.publisher;
        let there = publisher.stored.get(key).is_some_and(|(known, at)| known == says && self.now.wall.distance(*at) < RENEW);
        let coming = publisher.under_way.get(key) == Some(says) || publisher.waiting.iter().any(|(k, s, _)| k == key && s == says);
        !there && !coming
    }

    /// Has a record put, unless it is there or on its way.
    fn offer(&mut self, key: DirectoryKey, says: [u8; 32], value: Vec<u8>) {
        if self.is_due(&key, &says) {
            self.directory.publisher.waiting.retain(|(k, ..)| *k != key);
            self.directory.publisher.waiting.push_back((key, says, value));
        }
    }

    fn put_next(&mut self) {
        while self.directory.publisher.under_way.len() < PUTS {
            let Some((key, says, value)) = self.directory.publisher.waiting.pop_front() else { break };
            self.directory.publisher.under_way.insert(key, says);
            self.put_record(key, value);
        }
    }

    /// A record is stored, or was not.
    pub(super) fn record_put(&mut self, key: DirectoryKey, end: DirectoryEnd) {
        let Some(says) = self.directory.publisher.under_way.remove(&key) else { return };
        let wall = self.now.wall;
        if matches!(end, DirectoryEnd::Nodes(n) if n > 0) {
            self.directory.publisher.stored.retain(|_, (_, at)| wall.distance(*at) < limits::CLAIM_LIFETIME);
            self.directory.publisher.stored.insert(key, (says, wall));
        } else {
            self.refuse("record_not_stored");
            self.timers.set_at_most(Timer::Publish, self.now.mono.after(RETRY));
        }
        self.network_changed();
        self.put_next();
        self.farewell_said();
    }

    /// Whether the login can be found in the directory now.
    pub(super) fn is_published(&self) -> bool {
        let Some((draft, ..)) = &self.directory.publisher.claim else { return false };
        self.directory.publisher.stored.contains_key(&claim::login_key(&draft.login))
    }

    /// Begins to tell the directory that the account ends. False where there is nothing to tell, or nobody.
    pub(super) fn begin_farewell(&mut self, cmd: CmdId) -> bool {
        let Some((draft, ..)) = self.directory.publisher.claim.clone().filter(|_| self.operators.any_up()) else { return false };
        let publisher = &mut self.directory.publisher;
        publisher.farewell = Some(cmd);
        publisher.waiting.clear();
        let body = draft.end(self.now.wall);
        self.work_for_claim(draft, &body);
        self.timers.set(Timer::Farewell, self.now.mono.after(FAREWELL));
        true
    }

    /// Ends the account once the directory has heard of it.
    fn farewell_said(&mut self) {
        let publisher = &self.directory.publisher;
        if !publisher.working && publisher.waiting.is_empty() && publisher.under_way.is_empty() {
            self.farewell_over();
        }
    }

    /// Ends the account now, whatever the directory has heard.
    pub(super) fn farewell_over(&mut self) {
        if let Some(cmd) = self.directory.publisher.farewell.take() {
            self.end_account(Some(cmd));
        }
    }
}
