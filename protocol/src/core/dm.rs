//! What authenticated devices tell each other live: greetings, presence, typing, acknowledgements, ratchet messages.

use super::Core;
use super::me::{status_number, status_of};
use crate::identity::device::{DeviceSetInfo, PrekeyInfo};
use crate::ids::{AccountId, DeviceId, LinkId, SpaceId};
use crate::limits;
use crate::link::{Hint, Proto};
use crate::view::{Presence, Status};
use crate::wire::codec;
use crate::wire::link::{Ack, Hints, LinkFrame, LinkMsg, Payload, Presence as PresenceMsg, SealedFrame};

impl Core {
    /// First words on a connection that was just proven.
    pub(super) fn greet(&mut self, id: LinkId) {
        let Some(me) = &self.me else { return };
        let Some(link) = self.links.get(&id) else { return };
        let Some(auth) = &link.auth else { return };
        let (account, device, own) = (auth.account, auth.device, auth.own);
        let contact = own || self.people.get(&account).is_some_and(super::people::Person::is_contact);
        let bundle = me.bundle.clone();
        let profile = me.profile.clone();
        self.send_link(id, LinkMsg::Prekeys(bundle));
        self.send_hints(id);
        if own {
            self.tell_contacts(id);
        }
        if contact {
            self.send_link(id, LinkMsg::Profile(profile));
            self.send_presence(id);
            self.send_reads(id, account);
            if let Some(keys) = self.queue_keys(account) {
                self.send_link(id, LinkMsg::Queues(keys));
            }
            self.feed_connected(device);
            self.start_sync(id);
            self.call_device_up(account, device);
        }
        self.send_accept(account);
    }

    /// Tells the other end of a proven connection where this node can be reached.
    pub(super) fn send_hints(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        let Some(auth) = &link.auth else { return };
        let friend = auth.own || self.people.get(&auth.account).is_some_and(super::people::Person::is_contact);
        let hints = self.own_hints(link.info.route, friend).iter().map(Hint::to_msg).collect();
        self.send_link(id, LinkMsg::Hints(Hints { hints }));
    }

    pub(super) fn on_dm(&mut self, id: LinkId, frame: &[u8]) {
        let Some((account, device, plain)) = self.open_sealed(id, Proto::Dm, frame) else { return };
        let Ok(frame) = codec::decode::<LinkFrame>(&plain, Proto::Dm.max_frame()) else {
            return self.bad_frame(id, "dm_garbage");
        };
        let Some(msg) = frame.m else { return };
        match msg {
            LinkMsg::Sealed(sealed) => self.on_sealed(id, account, device, &sealed),
            LinkMsg::Ack(ack) => self.on_ack(device, account, &ack),
            LinkMsg::Presence(p) => self.on_presence(id, account, p.status),
            LinkMsg::Typing(t) => self.on_typing(account, &t),
            LinkMsg::Read(r) => self.on_read(account, &r),
            LinkMsg::Profile(p) => self.on_profile(account, &p),
            LinkMsg::Devices(signed) => self.on_devices(id, account, signed),
            LinkMsg::Prekeys(signed) => self.on_prekeys(account, device, signed),
            LinkMsg::NewSession(signed) => self.on_new_session(id, account, device, signed),
            LinkMsg::Gone(signed) => self.on_gone(account, &signed),
            LinkMsg::Known(known) => self.on_known(account, known),
            LinkMsg::Queues(keys) => self.learn_queues(account, device, &keys),
            LinkMsg::Call(signed) => self.on_call(id, account, device, &signed),
            LinkMsg::Bye(_) => self.on_bye(id),
            LinkMsg::Stored(request) => self.on_accept_stored(account, &request),
            LinkMsg::Hints(h) => {
                let peer = self.links.get(&id).map(|l| l.info.peer);
                let hints: Vec<Hint> =
                    h.hints.iter().take(limits::HINTS).filter_map(Hint::from_msg).filter(|h| Some(h.peer) == peer).collect();
                self.learn_hints(account, &hints);
            }
        }
    }

    /// Sends a message on an authenticated connection.
    pub(super) fn send_link(&mut self, id: LinkId, msg: LinkMsg) {
        let plain = codec::encode(&LinkFrame { m: Some(msg) });
        self.send_sealed(id, Proto::Dm, &plain, None);
    }

    /// Seals a payload to a device and sends it, if the device is connected.
    pub(super) fn send_payload(&mut self, account: AccountId, device: DeviceId, payload: Payload) {
        let Some(id) = self.link_of(device) else { return };
        if let Some(frame) = self.seal_to(account, device, payload) {
            self.send_link(id, LinkMsg::Sealed(frame));
        }
    }

    /// Tells every connected contact and own device.
    pub(super) fn tell_everybody(&mut self, msg: &LinkMsg) {
        let links: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(_, l)| {
                l.auth.as_ref().is_some_and(|a| a.own || self.people.get(&a.account).is_some_and(super::people::Person::is_contact))
            })
            .map(|(id, _)| *id)
            .collect();
        for id in links {
            self.send_link(id, msg.clone());
        }
    }

    pub(super) fn send_presence(&mut self, id: LinkId) {
        let Some(me) = &self.me else { return };
        self.send_link(id, LinkMsg::Presence(PresenceMsg { status: status_number(me.status) }));
    }

    pub(super) fn tell_presence(&mut self) {
        let Some(me) = &self.me else { return };
        let msg = LinkMsg::Presence(PresenceMsg { status: status_number(me.status) });
        self.tell_everybody(&msg);
    }

    fn on_presence(&mut self, id: LinkId, account: AccountId, status: u32) {
        let before = self.presence_of(account);
        if let Some(auth) = self.links.get_mut(&id).and_then(|l| l.auth.as_mut()) {
            auth.presence = match status_of(status) {
                Status::Online => Presence::Online,
                Status::Idle => Presence::Idle,
                Status::Dnd => Presence::Dnd,
                Status::Invisible => Presence::Offline,
            };
        }
        let after = self.presence_of(account);
        if before != after {
            self.dirty = true;
            self.gate.notify(super::event::Event::PresenceChanged { account_id: account, presence: after });
        }
    }

    fn on_profile(&mut self, account: AccountId, profile: &crate::wire::identity::Profile) {
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        if !own {
            // Whoever is no contact yet says in the request, and in the answer to one, how they want to be called.
            if !self.people.get(&account).is_some_and(super::people::Person::is_contact) {
                return self.refuse("profile_of_stranger");
            }
            return self.learn_profile(account, profile);
        }
        let Ok(profile) = crate::identity::text::clean_profile(profile) else {
            return self.refuse("profile_unfit");
        };
        if let Some(me) = self.me.as_mut().filter(|me| me.profile.seq < profile.seq) {
            let renamed = (me.profile.login != profile.login).then(|| profile.login.clone());
            if renamed.is_some() {
                me.tag = None;
            }
            me.profile = profile;
            self.touched.me = true;
            self.dirty = true;
            self.gate.notify(super::event::Event::AccountChanged);
            if let Some(login) = renamed {
                self.compute_tag(account, &login);
                self.publish_soon();
            }
        }
    }

    fn on_devices(&mut self, id: LinkId, account: AccountId, signed: crate::wire::identity::Signed) {
        let Ok(set) = DeviceSetInfo::verify(&signed, account) else {
            return self.refuse("device_set_unfit");
        };
        if self.me.as_ref().is_some_and(|me| me.account == account) {
            return self.learn_own_devices(&signed, &set);
        }
        self.learn_devices(account, signed, set);
        let still = self
            .links
            .get(&id)
            .and_then(|l| l.auth.as_ref())
            .is_some_and(|a| self.people.get(&account).is_some_and(|p| p.has_device(a.device)));
        if !still {
            self.bad_frame(id, "device_revoked");
        }
    }

    fn on_prekeys(&mut self, account: AccountId, device: DeviceId, signed: crate::wire::identity::Signed) {
        match PrekeyInfo::verify(&signed) {
            Ok(info) if info.device == device => self.learn_bundle(account, signed, info),
            _ => return self.refuse("prekeys_unfit"),
        }
        // A yes may have waited for keys to seal it with.
        self.send_accept(account);
    }

    fn on_bye(&mut self, id: LinkId) {
        self.end_link(id);
    }

    /// The other side could not open something. Whatever it lacks comes by sync; what follows uses a new session.
    fn on_new_session(&mut self, id: LinkId, account: AccountId, device: DeviceId, signed: crate::wire::identity::Signed) {
        // First the old session goes: what learning the keys sends has to open over there.
        self.reset_session(device);
        self.on_prekeys(account, device, signed);
        self.start_sync(id);
    }

    fn on_sealed(&mut self, id: LinkId, account: AccountId, device: DeviceId, frame: &SealedFrame) {
        match self.open_from(account, device, frame) {
            Ok((inner, wants_answer)) => {
                match inner.m {
                    Some(Payload::Batch(batch)) => match SpaceId::from_slice(&inner.space) {
                        Ok(space) => self.on_batch(Some(id), account, space, batch.entries),
                        Err(_) => self.refuse("inner_unfit"),
                    },
                    Some(Payload::Accept(accept)) => self.on_accept(Some(id), account, device, accept),
                    // Requests come through the inbox, notes through mailboxes; on a proven connection they have no meaning.
                    Some(Payload::Request(_) | Payload::Note(_)) => self.refuse("inner_unexpected"),
                    // It only confirms keys.
                    None => {}
                }
                if let Some(frame) = wants_answer.then(|| self.seal_answer(account, device)).flatten() {
                    self.send_link(id, LinkMsg::Sealed(frame));
                }
            }
            Err(super::sessions::NotOpened::Replay) => self.refuse("sealed_replay"),
            Err(super::sessions::NotOpened::Unfit) => self.refuse("inner_unfit"),
            Err(super::sessions::NotOpened::Closed) => {
                self.refuse("sealed_closed");
                self.ask_new_session(id);
            }
        }
    }

    fn ask_new_session(&mut self, id: LinkId) {
        let Some(bundle) = self.me.as_ref().map(|me| me.bundle.clone()) else { return };
        let Some(device) = self.links.get(&id).and_then(|l| l.auth.as_ref()).map(|a| a.device) else { return };
        if self.may_ask_session(device) {
            self.send_link(id, LinkMsg::NewSession(bundle));
            self.start_sync(id);
        }
    }

    /// Acknowledges a log to a device: everything up to here is, or with this commit will be, on this disk.
    pub(super) fn send_ack(&mut self, id: LinkId, ack: Ack) {
        self.send_link(id, LinkMsg::Ack(ack));
    }
}
