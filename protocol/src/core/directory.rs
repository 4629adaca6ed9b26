//! Asking the directory: who claims a login, and where people are.
//!
//! What comes back may be lies: every claim and address is verified here, and a claim counts as its owner's only once the slow hash
//! of its tag agrees.

use super::Core;
use super::command::Reply;
use super::effect::Effect;
use super::event::Event;
use super::publish::Publisher;
use super::timers::Timer;
use crate::directory::address::{Spot, day};
use crate::directory::claim::{self, ClaimInfo};
use crate::directory::record;
use crate::identity::login::{Login, read_tag};
use crate::ids::{AccountId, CmdId, DeviceId, DirectoryKey, QueryId};
use crate::link::DirectoryEnd;
use crate::time::Mono;
use crate::view::NearbyView;
use crate::wire::directory::{Claim, RecordKind};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// People found by login that are remembered, oldest forgotten first: enough for a person to look at and choose from.
const FOUND: usize = 64;
/// Questions under way: each costs some twenty requests in the network.
const QUESTIONS: usize = 64;
/// A login that was asked for within this time is not asked for again: the answers are still here.
const FRESH: Duration = Duration::from_secs(10);
/// How often one person's whereabouts are asked for while they cannot be reached.
const LOOK_EVERY: Duration = Duration::from_secs(120);
/// Devices of a person whose addresses are asked for.
const LOOK_DEVICES: usize = 3;

/// Questions to the directory, what they found, and what is published there.
#[derive(Debug, Default)]
pub(super) struct Directory {
    next: u64,
    asked: BTreeMap<QueryId, Asked>,
    found: VecDeque<Found>,
    /// When a login was last asked for.
    fresh: BTreeMap<String, Mono>,
    /// When a person's whereabouts were last asked for.
    looked: BTreeMap<AccountId, Mono>,
    pub publisher: Publisher,
}

/// What a question is for.
#[derive(Clone, Debug)]
enum Asked {
    /// Who has this login; with a tag: this tag.
    Login(Login, Option<String>),
    /// Where a device of somebody is.
    Where(AccountId, DeviceId, u64),
    /// Where somebody says that strangers may meet them.
    Claim(AccountId, Login, String),
    /// A record was to be stored.
    Put(DirectoryKey),
}

/// Somebody who claims a login.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub claim: ClaimInfo,
    /// The tag, once computed here and found to be the one that they claim.
    pub tag: Option<String>,
}

impl Directory {
    /// Whether it is being asked where somebody is.
    pub fn is_looking_for(&self, account: AccountId) -> bool {
        self.asked.values().any(|asked| matches!(asked, Asked::Where(of, ..) | Asked::Claim(of, ..) if *of == account))
    }

    /// A claimant that was found.
    pub fn claimant(&self, account: AccountId) -> Option<&Found> {
        self.found.iter().find(|f| f.claim.account == account)
    }

    pub fn claimants(&self) -> impl Iterator<Item = &Found> + Clone {
        self.found.iter()
    }

    fn keep(&mut self, info: ClaimInfo) -> bool {
        if let Some(known) = self.found.iter_mut().find(|f| f.claim.account == info.account && f.claim.login == info.login) {
            let newer = known.claim.seq < info.seq;
            if newer {
                known.tag = known.tag.take().filter(|tag| *tag == info.tag);
                known.claim = info;
            }
            return newer;
        }
        if self.found.len() >= FOUND {
            // Whoever has proven to be right is not pushed out by others who merely claim.
            let unproven = self.found.iter().position(|f| f.tag.is_none()).unwrap_or_default();
            self.found.remove(unproven);
        }
        self.found.push_back(Found { claim: info, tag: None });
        true
    }

    /// Notes the tag of a claimant; whoever claims another one is a liar and forgotten. Returns the claimant if they are not.
    pub fn tag_computed(&mut self, account: AccountId, login: &str, tag: &str) -> Option<Found> {
        self.found.retain(|f| f.claim.account != account || f.claim.login.as_str() != login || f.claim.tag == tag);
        let found = self.found.iter_mut().find(|f| f.claim.account == account && f.claim.login.as_str() == login)?;
        found.tag = Some(tag.to_owned());
        Some(found.clone())
    }

    fn asking(&self, login: &Login) -> bool {
        self.asked.values().any(|asked| matches!(asked, Asked::Login(l, _) if l == login))
    }
}

impl Core {
    /// Answers with everybody who is known to have a login, and asks the directory for more, where there is one.
    pub(super) fn lookup(&mut self, cmd: CmdId, login: &str, tag: Option<&str>) {
        let login = login.trim().to_lowercase();
        let tag = tag.map(|tag| read_tag(tag).unwrap_or_else(|| tag.to_owned()));
        let mut more = false;
        if let Ok(login) = Login::parse(&login)
            && self.operators.any_up()
        {
            self.ask_login(&login, tag.as_deref());
            more = self.directory.asking(&login);
        }
        let claimants = self.claimants(&login, tag.as_deref());
        let nowhere = self.operators.none_known() && !self.cfg.lan_only;
        self.gate.reply(cmd, Ok(Reply::Claimants { claimants, more, nowhere }));
    }

    fn ask_login(&mut self, login: &Login, tag: Option<&str>) {
        let now = self.now.mono;
        self.directory.fresh.retain(|_, at| now.since(*at) < FRESH);
        let name = tag.map_or_else(|| login.to_string(), |tag| format!("{login}#{tag}"));
        if self.directory.fresh.contains_key(&name) {
            return;
        }
        let key = tag.map_or_else(|| claim::login_key(login), |tag| claim::tagged_key(login, tag));
        if self.ask(key, Asked::Login(login.clone(), tag.map(ToOwned::to_owned))) {
            self.directory.fresh.insert(name, now);
        }
    }

    fn ask(&mut self, key: DirectoryKey, what: Asked) -> bool {
        if !self.operators.any_up() || self.directory.asked.len() >= QUESTIONS {
            return false;
        }
        let id = self.next_query(what);
        self.gate.inward(Effect::DirectoryGet { id, key });
        true
    }

    fn next_query(&mut self, what: Asked) -> QueryId {
        self.directory.next = self.directory.next.saturating_add(1);
        let id = QueryId(self.directory.next);
        self.directory.asked.insert(id, what);
        id
    }

    /// Has a record stored.
    pub(super) fn put_record(&mut self, key: DirectoryKey, value: Vec<u8>) {
        let id = self.next_query(Asked::Put(key));
        self.gate.inward(Effect::DirectoryPut { id, key, value });
    }

    /// Asks where somebody who cannot be reached is: what their devices left for us, and what they tell everybody.
    pub(super) fn look_for(&mut self, account: AccountId) {
        let now = self.now;
        let Some(person) = self.people.get(&account) else { return };
        let Some(pair_key) = person.pair_keys().next().filter(|_| self.operators.any_up()) else { return };
        if self.directory.looked.get(&account).is_some_and(|at| now.mono.since(*at) < LOOK_EVERY) {
            return;
        }
        let devices: Vec<DeviceId> =
            person.devices.iter().flat_map(|(_, set)| set.devices.iter().rev().take(LOOK_DEVICES).map(|d| d.device)).collect();
        let claim = Login::exact(&person.profile.login).ok().zip(person.tag.clone());
        self.directory.looked.retain(|_, at| now.mono.since(*at) < LOOK_EVERY);
        self.directory.looked.insert(account, now.mono);
        let today = day(now.wall);
        for device in devices {
            // A record of yesterday still holds in the first hours of a day.
            for day in [today, today.saturating_sub(1)] {
                self.ask(Spot::new(&pair_key, device, day).key(), Asked::Where(account, device, day));
            }
        }
        if let Some((login, tag)) = claim {
            self.ask(claim::tagged_key(&login, &tag), Asked::Claim(account, login, tag));
        }
    }

    pub(super) fn on_directory_found(&mut self, id: QueryId, value: &[u8]) {
        let Some(asked) = self.directory.asked.get(&id).cloned() else {
            return self.refuse("directory_unasked");
        };
        let Ok(found) = record::decode(value) else {
            return self.refuse("record_garbage");
        };
        match (asked, found) {
            (Asked::Login(login, tag), RecordKind::Claims(claims)) => {
                for found in &claims.claims {
                    self.login_claimed(&login, tag.as_deref(), found);
                }
            }
            (Asked::Claim(account, login, tag), RecordKind::Claims(claims)) => {
                for found in &claims.claims {
                    let info = claim::verify(found, self.cfg.claim_bits, self.now.wall);
                    if let Ok(info) = info
                        && (info.account, &info.login, &info.tag) == (account, &login, &tag)
                    {
                        self.found_at(account, &info.reach);
                    }
                }
            }
            (Asked::Where(account, device, day), RecordKind::Address(sealed)) => {
                let keys: Vec<[u8; 32]> = self.people.get(&account).map(|p| p.pair_keys().collect()).unwrap_or_default();
                let opened = keys.iter().find_map(|key| Spot::new(key, device, day).open(&sealed).ok());
                match opened {
                    Some((_, hints)) => self.found_at(account, &hints),
                    None => self.refuse("address_unfit"),
                }
            }
            _ => self.refuse("record_of_another_kind"),
        }
    }

    fn login_claimed(&mut self, login: &Login, tag: Option<&str>, found: &Claim) {
        let info = match claim::verify(found, self.cfg.claim_bits, self.now.wall) {
            Ok(info) if info.login == *login && tag.is_none_or(|tag| tag == info.tag) => info,
            _ => return self.refuse("claim_unfit"),
        };
        let account = info.account;
        if info.gone || self.me.as_ref().is_some_and(|me| me.account == account) || !self.directory.keep(info) {
            return;
        }
        self.dirty = true;
        self.compute_tag(account, login.as_str());
        self.say_found(account);
    }

    /// Tells that somebody was found, or that their tag is known now.
    pub(super) fn say_found(&mut self, account: AccountId) {
        let Some(found) = self.directory.claimant(account) else { return };
        let claimant = self.found_view(found);
        self.dirty = true;
        self.gate.notify(Event::DirectoryFound { login: claimant.login.clone(), claimant });
    }

    pub(super) fn found_view(&self, found: &Found) -> NearbyView {
        NearbyView {
            account_id: found.claim.account,
            login: found.claim.login.to_string(),
            tag: found.tag.clone(),
            name: found.claim.name.clone(),
            relation: self.people.get(&found.claim.account).map(|p| p.relation),
        }
    }

    /// Somebody was found to be reachable somewhere.
    fn found_at(&mut self, account: AccountId, hints: &[crate::link::Hint]) {
        if hints.is_empty() || self.is_online(account) {
            return;
        }
        self.learn_hints(account, hints);
        self.timers.set_at_most(Timer::Dial(account), self.now.mono);
    }

    pub(super) fn on_directory_done(&mut self, id: QueryId, end: DirectoryEnd) {
        match self.directory.asked.remove(&id) {
            Some(Asked::Put(key)) => self.record_put(key, end),
            // Whoever waits for an answer sees that there is no more to wait for.
            Some(Asked::Login(..)) => {
                self.dirty = true;
                self.gate.notify(Event::NearbyChanged);
            }
            Some(Asked::Where(..) | Asked::Claim(..)) => self.check_every_reach(),
            None => self.refuse("directory_unasked"),
        }
    }
}
