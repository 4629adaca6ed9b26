//! Answering contact requests, and what follows from a yes on both sides.

use super::Core;
use super::chat::Chat;
use super::command::{CommandError, Reply};
use super::event::Event;
use super::timers::Timer;
use crate::ids::{AccountId, CmdId, DeviceId, LinkId};
use crate::limits;
use crate::view::Relation;
use crate::wire::link::{Accept, Payload};

impl Core {
    pub(super) fn accept_request(&mut self, cmd: CmdId, account: AccountId) {
        let answer = match self.people.get(&account).map(|p| p.relation) {
            None => Err(CommandError::UnknownPerson),
            Some(Relation::Blocked) => Err(CommandError::Blocked),
            Some(Relation::Contact) => Ok(()),
            Some(Relation::Asking) => self.accept(account),
            Some(Relation::Requested | Relation::Gone) => Err(CommandError::NotContact),
        };
        let chat = self.chat_with(account);
        self.gate.reply(cmd, answer.map(|()| Reply::Contact { account, chat }));
    }

    /// Says yes to a request that is here, and opens the conversation.
    pub(super) fn accept(&mut self, account: AccountId) -> Result<(), CommandError> {
        let own = self.me.as_ref().map(|me| me.account).ok_or(CommandError::NoAccount)?;
        let key = self.dice.bytes();
        let wall = self.now.wall;
        let person = self.people.get_mut(&account).ok_or(CommandError::UnknownPerson)?;
        // Where both accept, the key of the lower account holds; so the higher one keeps a key it already got.
        if person.pair_key.is_none() || own < account {
            person.pair(key, wall);
        }
        person.relation = Relation::Contact;
        person.owes_accept = true;
        self.open_chat_with(account);
        self.person_changed(account);
        self.send_accept(account);
        self.tend_queues();
        self.feed_accepted(account);
        self.timers.set(Timer::Dial(account), self.now.mono);
        Ok(())
    }

    /// Sends a yes that is still owed, to whichever of their devices is connected.
    pub(super) fn send_accept(&mut self, account: AccountId) {
        let Some(person) = self.people.get(&account) else { return };
        if !person.owes_accept || !person.is_contact() {
            return;
        }
        let (Some(request), Some(pair_key)) = (&person.request, person.pair_key) else { return };
        let Some(me) = &self.me else { return };
        let accept = Accept {
            request_id: request.id.to_vec(),
            pair_key: pair_key.to_vec(),
            profile: Some(me.profile.clone()),
            queues: self.queue_keys(account),
        };
        let devices: Vec<DeviceId> = self.auths(account).map(|(_, a)| a.device).collect();
        for device in devices {
            self.send_payload(account, device, Payload::Accept(accept.clone()));
        }
    }

    /// They said yes.
    pub(super) fn on_accept(&mut self, id: Option<LinkId>, account: AccountId, device: DeviceId, msg: Accept) {
        let own = self.me.as_ref().map(|me| me.account);
        let wall = self.now.wall;
        let Some(person) = self.people.get_mut(&account) else { return };
        let Ok(key) = <[u8; 32]>::try_from(msg.pair_key.as_slice()) else {
            return self.refuse("accept_unfit");
        };
        let asked = person.request.as_ref().is_some_and(|r| r.id.as_bytes() == msg.request_id);
        let crossed = person.relation == Relation::Contact && person.owes_accept;
        match person.relation {
            Relation::Requested if asked => {
                person.pair(key, wall);
                person.relation = Relation::Contact;
                if let Some(r) = person.request.as_mut() {
                    r.delivered = true;
                }
            }
            // Both asked and both accepted: the lower account's key holds.
            Relation::Contact if crossed => {
                if own.is_some_and(|own| account < own) {
                    person.pair(key, wall);
                }
            }
            // A repetition: confirm it again.
            Relation::Contact if person.pair_key == Some(key) => {}
            _ => return self.refuse("accept_unasked"),
        }
        if let Some(profile) = msg.profile {
            self.learn_profile(account, &profile);
        }
        self.open_chat_with(account);
        self.person_changed(account);
        if let Some(keys) = &msg.queues {
            self.learn_queues(account, device, keys);
        }
        match id {
            Some(id) => {
                self.send_link(id, crate::wire::link::LinkMsg::Stored(msg.request_id));
                self.start_sync(id);
            }
            None => self.owe_stored(device, &msg.request_id),
        }
        self.tend_queues();
    }

    /// They have our yes on disk.
    pub(super) fn on_accept_stored(&mut self, account: AccountId, request: &[u8]) {
        let Some(person) = self.people.get_mut(&account) else { return };
        if person.owes_accept && person.request.as_ref().is_some_and(|r| r.id.as_bytes() == request) {
            person.owes_accept = false;
            self.touch_person(account);
        }
    }

    pub(super) fn decline_request(&mut self, cmd: CmdId, account: AccountId) {
        let Some(person) = self.people.get(&account) else {
            return self.gate.reply(cmd, Err(CommandError::UnknownPerson));
        };
        if matches!(person.relation, Relation::Asking | Relation::Requested) {
            self.forget_person(account);
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    /// Forgets requests that nobody answered.
    pub(super) fn expire_requests(&mut self) {
        let wall = self.now.wall;
        let old: Vec<AccountId> = self
            .people
            .values()
            .filter(|p| matches!(p.relation, Relation::Asking | Relation::Requested))
            .filter(|p| p.request.as_ref().is_some_and(|r| wall.since(r.made) > limits::REQUEST_LIFETIME))
            .map(|p| p.account)
            .collect();
        for account in old {
            self.forget_person(account);
        }
    }

    /// Makes sure that there is a conversation with a contact.
    pub(super) fn open_chat_with(&mut self, account: AccountId) {
        if self.chat_with(account).is_some() {
            return;
        }
        let Some(me) = &self.me else { return };
        let chat = Chat::new(me.account, me.device_id(), account);
        let id = chat.id;
        self.chats.insert(id, chat);
        self.touched.chats.insert(id);
        self.dirty = true;
        self.gate.notify(Event::ChatChanged { chat_id: id });
    }
}
