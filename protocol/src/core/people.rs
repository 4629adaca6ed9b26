//! People: contacts, those who asked or were asked, those shut out.

use super::Core;
use super::command::{CommandError, Reply};
use super::effect::Effect;
use super::event::Event;
use super::rows::{self, PersonRow, RequestRow};
use super::timers::Timer;
use crate::identity::device::DeviceSetInfo;
use crate::identity::text;
use crate::ids::{AccountId, CmdId, DeviceId, PeerKey, RequestId, SpaceId};
use crate::link::Hint;
use crate::store::{Key, Table, Write};
use crate::time::UnixMs;
use crate::view::Relation;
use crate::wire::identity::{Profile, Signed};
use std::collections::BTreeSet;

/// Somebody known.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub account: AccountId,
    pub relation: Relation,
    pub profile: Profile,
    pub petname: String,
    /// Their devices, as their account key last said.
    pub devices: Option<(Signed, DeviceSetInfo)>,
    /// The lasting pair key; `None` before acceptance.
    pub pair_key: Option<[u8; 32]>,
    /// When the pair key was agreed on.
    pub paired: UnixMs,
    pub verified: bool,
    pub devices_changed: bool,
    pub tag: Option<String>,
    /// Where they were or said to be, the best first.
    pub hints: Vec<Hint>,
    pub last_seen: Option<UnixMs>,
    pub request: Option<Request>,
    /// Reply key of an own request that theirs crossed: they may know us by it.
    pub asked_key: Option<[u8; 32]>,
    /// We accepted, and they have not confirmed it.
    pub owes_accept: bool,
    /// What they were before we blocked them.
    pub before_block: Relation,
}

/// A contact request between us and a person.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub id: RequestId,
    pub reply_key: [u8; 32],
    pub text: String,
    pub made: UnixMs,
    pub incoming: bool,
    pub delivered: bool,
    pub code: Option<[u8; 8]>,
}

impl Person {
    pub fn new(account: AccountId, relation: Relation) -> Self {
        Self {
            account,
            relation,
            profile: Profile::default(),
            petname: String::new(),
            devices: None,
            pair_key: None,
            paired: UnixMs(0),
            verified: false,
            devices_changed: false,
            tag: None,
            hints: Vec::new(),
            last_seen: None,
            request: None,
            asked_key: None,
            owes_accept: false,
            before_block: relation,
        }
    }

    /// Keys by which they may prove themselves to us, and we to them. None for the blocked.
    pub fn pair_keys(&self) -> impl Iterator<Item = [u8; 32]> + '_ {
        let open = !matches!(self.relation, Relation::Blocked | Relation::Gone);
        let asked = self.request.as_ref().map(|r| r.reply_key);
        self.pair_key.into_iter().chain(asked).chain(self.asked_key).filter(move |_| open)
    }

    /// Takes a lasting pair key.
    pub fn pair(&mut self, key: [u8; 32], at: UnixMs) {
        self.pair_key = Some(key);
        self.paired = at;
    }

    /// Whether this node goes to them. Who merely asks, and who was shut out, does not learn from a dial where it is.
    pub fn is_sought(&self) -> bool {
        matches!(self.relation, Relation::Contact | Relation::Requested)
    }

    pub fn is_contact(&self) -> bool {
        self.relation == Relation::Contact
    }

    pub fn has_device(&self, device: DeviceId) -> bool {
        self.devices.as_ref().is_some_and(|(_, set)| set.devices.iter().any(|d| d.device == device))
    }

    /// What to call them.
    pub fn name(&self) -> &str {
        if !self.petname.is_empty() {
            &self.petname
        } else if !self.profile.name.is_empty() {
            &self.profile.name
        } else {
            &self.profile.login
        }
    }

    pub fn to_row(&self) -> PersonRow {
        PersonRow {
            account: self.account.to_vec(),
            relation: relation_number(self.relation),
            profile: Some(self.profile.clone()),
            petname: self.petname.clone(),
            device_set: self.devices.as_ref().map(|(signed, _)| signed.clone()),
            pair_key: self.pair_key.map(|k| k.to_vec()).unwrap_or_default(),
            paired_ms: self.paired.0,
            verified: self.verified,
            devices_changed: self.devices_changed,
            tag: self.tag.clone().unwrap_or_default(),
            hints: self.hints.iter().map(Hint::to_msg).collect(),
            last_seen: self.last_seen.map_or(0, |t| t.0),
            request: self.request.as_ref().map(|r| RequestRow {
                id: r.id.to_vec(),
                reply_key: r.reply_key.to_vec(),
                text: r.text.clone(),
                made_ms: r.made.0,
                incoming: r.incoming,
                delivered: r.delivered,
                code: r.code.map(|c| c.to_vec()).unwrap_or_default(),
            }),
            asked_key: self.asked_key.map(|k| k.to_vec()).unwrap_or_default(),
            owes_accept: self.owes_accept,
            before_block: relation_number(self.before_block),
        }
    }

    pub fn from_row(row: PersonRow) -> Option<Self> {
        let account = AccountId::from_slice(&row.account).ok()?;
        let devices = row.device_set.and_then(|signed| DeviceSetInfo::verify(&signed, account).ok().map(|set| (signed, set)));
        Some(Self {
            account,
            relation: relation_of(row.relation)?,
            profile: row.profile.unwrap_or_default(),
            petname: row.petname,
            devices,
            pair_key: row.pair_key.try_into().ok(),
            paired: UnixMs(row.paired_ms),
            verified: row.verified,
            devices_changed: row.devices_changed,
            tag: Some(row.tag).filter(|t| !t.is_empty()),
            hints: row.hints.iter().filter_map(Hint::from_msg).collect(),
            last_seen: Some(UnixMs(row.last_seen)).filter(|t| t.0 != 0),
            request: row.request.and_then(|r| {
                Some(Request {
                    id: RequestId::from_slice(&r.id).ok()?,
                    reply_key: r.reply_key.try_into().ok()?,
                    text: r.text,
                    made: UnixMs(r.made_ms),
                    incoming: r.incoming,
                    delivered: r.delivered,
                    code: r.code.try_into().ok(),
                })
            }),
            asked_key: row.asked_key.try_into().ok(),
            owes_accept: row.owes_accept,
            before_block: relation_of(row.before_block)?,
        })
    }
}

/// Relations as they are stored.
const RELATIONS: [Relation; 5] = [Relation::Contact, Relation::Requested, Relation::Asking, Relation::Blocked, Relation::Gone];

fn relation_number(r: Relation) -> u32 {
    RELATIONS.iter().zip(1..).find(|(x, _)| **x == r).map_or(0, |(_, n)| n)
}

fn relation_of(number: u32) -> Option<Relation> {
    RELATIONS.iter().zip(1..).find(|(_, n)| *n == number).map(|(r, _)| *r)
}

impl Core {
    /// Marks a person for writing.
    pub(super) fn touch_person(&mut self, account: AccountId) {
        self.touched.people.insert(account);
        self.dirty = true;
    }

    /// Writes, or removes, the rows of people touched in this turn.
    pub(super) fn flush_people(&mut self) {
        if !self.touched.people.is_empty() {
            self.tell_friends();
        }
        for account in std::mem::take(&mut self.touched.people) {
            let write = match self.people.get(&account) {
                Some(p) => rows::put(Table::Person, account.to_vec(), &p.to_row()),
                None => Write::Delete(Key::single(Table::Person, account.to_vec())),
            };
            self.gate.write(write);
        }
    }

    /// Tells the network with whose devices direct connections are sought, when that changed.
    fn tell_friends(&mut self) {
        let contacts = self.people.values().filter(|p| p.is_contact());
        let friends: BTreeSet<PeerKey> = contacts.flat_map(|p| p.hints.iter().map(|hint| hint.peer)).collect();
        if self.friends != friends && !self.cfg.lan_only {
            self.friends.clone_from(&friends);
            self.gate.inward(Effect::Friends(friends));
        }
    }

    /// Tells people and programs that something about a person changed.
    pub(super) fn person_changed(&mut self, account: AccountId) {
        self.touch_person(account);
        let relation = self.people.get(&account).map(|p| p.relation);
        let chat_id = self.chat_with(account);
        self.tell_siblings_of(account);
        self.gate.notify(Event::ContactChanged { account_id: account, relation, chat_id });
    }

    /// The conversation with a person, once there is one.
    pub(super) fn chat_with(&self, account: AccountId) -> Option<SpaceId> {
        self.chats.iter().find(|(_, c)| c.peer == account).map(|(id, _)| *id)
    }

    /// Takes over what somebody says of themselves, if it is news and fit to be shown.
    pub(super) fn learn_profile(&mut self, account: AccountId, profile: &Profile) {
        let Some(person) = self.people.get(&account) else { return };
        if profile.seq <= person.profile.seq && !person.profile.login.is_empty() {
            return;
        }
        let Ok(profile) = text::clean_profile(profile) else {
            self.refuse("profile_unfit");
            return;
        };
        let login_changed = person.profile.login != profile.login;
        let login = profile.login.clone();
        if let Some(person) = self.people.get_mut(&account) {
            person.profile = profile;
            if login_changed {
                person.tag = None;
            }
        }
        if login_changed {
            self.compute_tag(account, &login);
        }
        self.person_changed(account);
    }

    /// Takes over a newer device set. Returns false for one that is older than what is known.
    pub(super) fn learn_devices(&mut self, account: AccountId, signed: Signed, set: DeviceSetInfo) -> bool {
        let Some(person) = self.people.get_mut(&account) else { return true };
        match &person.devices {
            Some((_, known)) if known.id == set.id => return true,
            Some((_, known)) if !set.is_newer_than(known) => return false,
            Some((_, known)) => {
                person.devices_changed |= set.devices.iter().any(|d| known.devices.iter().all(|k| k.device != d.device));
            }
            None => {}
        }
        person.devices = Some((signed, set));
        self.person_changed(account);
        true
    }

    pub(super) fn block(&mut self, cmd: CmdId, account: AccountId) {
        if self.me.as_ref().is_some_and(|me| me.account == account) {
            return self.gate.reply(cmd, Err(CommandError::Yourself));
        }
        let person = self.people.entry(account).or_insert_with(|| Person::new(account, Relation::Blocked));
        if person.relation != Relation::Blocked {
            person.before_block = person.relation;
            person.relation = Relation::Blocked;
        }
        self.timers.clear(Timer::Dial(account));
        self.drop_links_of(account);
        self.end_queues(account);
        self.person_changed(account);
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    pub(super) fn unblock(&mut self, cmd: CmdId, account: AccountId) {
        let Some(person) = self.people.get_mut(&account) else {
            return self.gate.reply(cmd, Err(CommandError::UnknownPerson));
        };
        if person.relation == Relation::Blocked {
            if matches!(person.before_block, Relation::Blocked) {
                self.people.remove(&account);
            } else {
                person.relation = person.before_block;
                self.timers.set(Timer::Dial(account), self.now.mono);
                self.timers.set(Timer::MailQueues, self.now.mono);
            }
            self.person_changed(account);
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    pub(super) fn rename_contact(&mut self, cmd: CmdId, account: AccountId, petname: &str) {
        let petname = match petname.trim() {
            "" => String::new(),
            name => match text::clean_name(name) {
                Ok(name) => name,
                Err(e) => return self.gate.reply(cmd, Err(CommandError::Invalid { field: "name", why: e.to_string() })),
            },
        };
        let Some(person) = self.people.get_mut(&account) else {
            return self.gate.reply(cmd, Err(CommandError::UnknownPerson));
        };
        person.petname = petname;
        self.person_changed(account);
        self.gate.reply(cmd, Ok(Reply::Done));
    }
}
