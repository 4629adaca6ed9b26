//! Contact requests that reach us: what has to be true of one before it is kept, and what is left of one that is over.

use super::Core;
use super::event::Event;
use super::people::{Person, Request};
use super::rows::DeclinedRow;
use super::timers::Timer;
use crate::crypto::pow::Challenge;
use crate::identity::device::{DeviceSetInfo, PrekeyInfo};
use crate::identity::text;
use crate::ids::{AccountId, DeviceId, RequestId};
use crate::limits;
use crate::link::Hint;
use crate::time::UnixMs;
use crate::view::{Relation, RequestView};
use crate::wire::codec;
use crate::wire::inbox::Deliver;
use crate::wire::link::Payload;
use std::collections::BTreeMap;

/// Requests remembered that were declined, so that sending one again does not bring it back. Whoever makes as many new ones has done
/// the work for each.
const DECLINED: usize = 256;

/// Requests that were declined and are not too old to be sent again, with the time at which each was made.
#[derive(Debug, Default)]
pub(super) struct Declined(BTreeMap<RequestId, UnixMs>);

impl Declined {
    fn contains(&self, id: RequestId) -> bool {
        self.0.contains_key(&id)
    }

    fn add(&mut self, id: RequestId, made: UnixMs, now: UnixMs) {
        self.0.retain(|_, made| now.since(*made) <= limits::REQUEST_LIFETIME);
        if self.0.len() >= DECLINED
            && let Some(oldest) = self.0.iter().min_by_key(|(id, made)| (**made, **id)).map(|(id, _)| *id)
        {
            self.0.remove(&oldest);
        }
        self.0.insert(id, made);
    }

    pub fn to_rows(&self) -> Vec<DeclinedRow> {
        self.0.iter().map(|(id, made)| DeclinedRow { id: id.to_vec(), made_ms: made.0 }).collect()
    }

    pub fn from_rows(rows: &[DeclinedRow]) -> Self {
        Self(rows.iter().filter_map(|row| Some((RequestId::from_slice(&row.id).ok()?, UnixMs(row.made_ms)))).collect())
    }
}

impl Core {
    /// Checks a request from the cheapest test to the dearest, and keeps it. `None` for one that is known already.
    pub(super) fn take_request(&mut self, msg: &Deliver) -> Result<Option<AccountId>, &'static str> {
        let me = self.me.as_ref().ok_or("no_account")?;
        let own = me.account;
        if msg.account != own.as_bytes() {
            return Err("request_for_another");
        }
        let bits = self.price(&msg.code).ok_or("request_gate")?;
        let frame = msg.frame.as_ref().ok_or("inbox_garbage")?;
        if bits > 0 && !Challenge::new(&own, &codec::encode(frame)).check(bits, msg.pow) {
            return Err("request_without_work");
        }
        let device = DeviceId::from_slice(&msg.from).map_err(|_| "inbox_garbage")?;
        let olm = msg.olm.as_slice().try_into().map_err(|_| "inbox_garbage")?;
        let (inner, pending) = self.open_first(device, olm, frame)?;
        let Some(Payload::Request(request)) = inner.m else { return Err("request_unfit") };
        let signed = request.device_set.ok_or("request_unfit")?;
        let set = DeviceSetInfo::verify_unknown(&signed).map_err(|_| "device_set_unfit")?;
        let account = set.account;
        if !set.devices.iter().any(|d| d.device == device && d.olm == olm) || account == own {
            return Err("request_of_another");
        }
        let relation = self.people.get(&account).map(|p| p.relation);
        if matches!(relation, Some(Relation::Blocked | Relation::Gone)) {
            return Err("request_from_blocked");
        }
        // Whoever we know already takes no room: they may be coming back, or have crossed a request of ours.
        if relation.is_none() && self.is_full(bits == 0) {
            return Err("too_many_requests");
        }
        if self.device_of_another(account, device) {
            return Err("device_of_another");
        }
        if !self.speaks_for(&set, device, olm) {
            return Err("device_revoked");
        }
        let prekeys = request.prekeys.ok_or("request_unfit")?;
        let bundle = PrekeyInfo::verify(&prekeys).map_err(|_| "prekeys_unfit")?;
        if bundle.device != device {
            return Err("prekeys_of_other_device");
        }
        let profile = text::clean_profile(&request.profile.unwrap_or_default()).map_err(|_| "profile_unfit")?;
        let note = text::clean_request_text(&request.text).map_err(|_| "request_unfit")?;
        let made = UnixMs(request.made_ms);
        if made > self.now.wall.after(limits::CLOCK_AHEAD) || self.now.wall.since(made) > limits::REQUEST_LIFETIME {
            return Err("request_time");
        }
        let incoming = Request {
            id: RequestId::from_slice(&request.request_id).map_err(|_| "request_unfit")?,
            reply_key: request.reply_key.try_into().map_err(|_| "request_unfit")?,
            text: note,
            made,
            incoming: true,
            delivered: true,
            code: None,
        };
        if self.people.get(&account).and_then(|p| p.request.as_ref()).is_some_and(|r| r.incoming && r.id == incoming.id) {
            return Ok(None);
        }
        if self.declined.contains(incoming.id) {
            return Err("request_declined");
        }
        // From here on it is taken.
        self.adopt_session(account, device, pending);
        let person = self.people.entry(account).or_insert_with(|| Person::new(account, Relation::Asking));
        if let Some(own) = person.request.replace(incoming).filter(|r| !r.incoming) {
            person.asked_key = Some(own.reply_key);
        }
        self.learn_devices(account, signed, set);
        self.forget_old_sessions(account);
        self.learn_bundle(account, prekeys, bundle);
        self.learn_profile(account, &profile);
        let hints: Vec<Hint> = request.hints.iter().take(limits::HINTS).filter_map(Hint::from_msg).collect();
        self.learn_hints(account, &hints);
        if let Some(keys) = &request.queues {
            self.learn_queues(account, device, keys);
        }
        self.person_changed(account);
        match relation {
            // Both asked, or a known contact came back with new devices: that is a yes.
            Some(Relation::Requested | Relation::Contact) => {
                let _ = self.accept(account);
            }
            _ => {
                if let Some(view) = self.people.get(&account).and_then(request_view) {
                    self.gate.notify(Event::ContactRequested { request: view });
                }
            }
        }
        Ok(Some(account))
    }

    /// Whether there is no room for somebody new who asks.
    fn is_full(&self, with_code: bool) -> bool {
        let waiting = self.people.values().filter(|p| p.relation == Relation::Asking).count();
        waiting >= if with_code { limits::REQUESTS_WITH_CODE } else { limits::REQUESTS }
    }

    /// Whether a device speaks for an account by a set that is shown, and was not taken off it by one that is known here.
    pub(super) fn speaks_for(&self, shown: &DeviceSetInfo, device: DeviceId, olm: [u8; 32]) -> bool {
        let known = self.people.get(&shown.account).and_then(|p| p.devices.as_ref()).map(|(_, set)| set);
        let holds = known.filter(|known| !shown.is_newer_than(known)).unwrap_or(shown);
        holds.device(device).is_some_and(|d| d.olm == olm)
    }

    /// Forgets somebody who is no contact, with everything that was kept because of them.
    pub(super) fn forget_person(&mut self, account: AccountId) {
        self.drop_links_of(account);
        let Some(person) = self.people.remove(&account) else { return };
        if let Some(request) = person.request.filter(|r| r.incoming) {
            self.declined.add(request.id, request.made, self.now.wall);
            self.touched.device = true;
        }
        for link in self.links.values_mut() {
            link.inbox.drop_call(account);
        }
        self.forget_sessions(account, |_| true);
        self.forget_mail(account);
        self.dials.remove(&account);
        self.timers.clear(Timer::Dial(account));
        self.timers.clear(Timer::Request(account));
        self.person_changed(account);
    }
}

/// A request as people see it.
pub(super) fn request_view(person: &Person) -> Option<RequestView> {
    let request = person.request.as_ref()?;
    Some(RequestView {
        account_id: person.account,
        login: person.profile.login.clone(),
        tag: person.tag.clone(),
        name: person.name().to_owned(),
        text: request.text.clone(),
        at: request.made,
        incoming: request.incoming,
        delivered: request.delivered,
    })
}
