//! What the devices of one account tell each other: whom they know. Conversations then follow by sync.

use super::Core;
use super::people::Person;
use super::timers::Timer;
use crate::identity::device::DeviceSetInfo;
use crate::identity::text;
use crate::ids::{AccountId, LinkId};
use crate::limits;
use crate::link::Hint;
use crate::time::UnixMs;
use crate::view::Relation;
use crate::wire::link::{Known, LinkMsg};

impl Core {
    /// Tells another own device, that was just connected, of every contact.
    pub(super) fn tell_contacts(&mut self, id: LinkId) {
        let known: Vec<Known> = self.people.values().filter_map(known).collect();
        for contact in known {
            self.send_link(id, LinkMsg::Known(contact));
        }
    }

    /// Tells the connected own devices of a contact that is new or changed.
    pub(super) fn tell_siblings_of(&mut self, account: AccountId) {
        let Some(contact) = self.people.get(&account).and_then(known) else { return };
        let own: Vec<LinkId> = self.links.iter().filter(|(_, l)| l.auth.as_ref().is_some_and(|a| a.own)).map(|(id, _)| *id).collect();
        for id in own {
            self.send_link(id, LinkMsg::Known(contact.clone()));
        }
    }

    /// Another own device knows somebody.
    pub(super) fn on_known(&mut self, from: AccountId, msg: Known) {
        let own = self.me.as_ref().map(|me| me.account);
        let (Ok(account), Ok(key)) = (AccountId::from_slice(&msg.account), <[u8; 32]>::try_from(msg.pair_key.as_slice())) else {
            return self.refuse("known_unfit");
        };
        if own != Some(from) || own == Some(account) {
            return self.refuse("known_unfit");
        }
        let before = self.people.get(&account).map(|p| p.relation);
        // A person was shut out or is gone here: that another device has not heard of it changes nothing.
        if matches!(before, Some(Relation::Blocked | Relation::Gone)) {
            return;
        }
        let paired = UnixMs(msg.paired_ms.min(self.now.wall.after(limits::CLOCK_AHEAD).0));
        let person = self.people.entry(account).or_insert_with(|| Person::new(account, Relation::Contact));
        let mut changed = person.relation != Relation::Contact || before.is_none();
        if person.pair_key.is_none() || (person.paired, person.pair_key) < (paired, Some(key)) {
            changed |= person.pair_key != Some(key);
            person.pair(key, paired);
        }
        person.relation = Relation::Contact;
        if person.petname.is_empty()
            && let Ok(petname) = text::clean_name(&msg.petname)
        {
            changed = true;
            person.petname = petname;
        }
        if msg.verified && !person.verified {
            changed = true;
            person.verified = true;
        }
        if person.hints.is_empty() {
            let hints: Vec<Hint> = msg.hints.iter().filter_map(Hint::from_msg).collect();
            self.learn_hints(account, &hints);
        }
        if let Some(signed) = msg.device_set {
            match DeviceSetInfo::verify(&signed, account) {
                Ok(set) => drop(self.learn_devices(account, signed, set)),
                Err(_) => self.refuse("device_set_unfit"),
            }
        }
        if let Some(profile) = msg.profile {
            self.learn_profile(account, &profile);
        }
        if changed {
            self.timers.clear(Timer::Request(account));
            self.open_chat_with(account);
            self.person_changed(account);
            self.dial(account);
        }
    }
}

/// What there is to tell of a person: nothing of those who are no contacts.
fn known(person: &Person) -> Option<Known> {
    let pair_key = person.pair_key.filter(|_| person.is_contact())?;
    Some(Known {
        account: person.account.to_vec(),
        pair_key: pair_key.to_vec(),
        paired_ms: person.paired.0,
        device_set: person.devices.as_ref().map(|(signed, _)| signed.clone()),
        profile: Some(person.profile.clone()),
        petname: person.petname.clone(),
        verified: person.verified,
        hints: person.hints.iter().map(Hint::to_msg).collect(),
    })
}
