//! Contact requests: asking at somebody's door, and answering at ours.
//!
//! The caller asks for the owner's keys, seals a request to them, proves some work unless it holds the owner's code, and hands
//! it over. The owner answers once it is on disk; what they check before is in [`super::requests`]. From then on both hold the request's reply key, so the ordinary hello
//! proves them to each other, and the answer travels like any other message between known devices.

use super::Core;
use super::command::{CommandError, Reply, Target};
use super::effect::Effect;
use super::job::Job;
use super::links::Link;
use super::people::{Person, Request};
use super::timers::Timer;
use crate::identity::device::{DeviceSetInfo, PrekeyInfo};
use crate::identity::{link as contact_link, text};
use crate::ids::{AccountId, CmdId, JobId, LinkId, RequestId};
use crate::link::{Hint, Proto};
use crate::view::{Gate, Relation};
use crate::wire::codec;
use crate::wire::inbox::{Bundle, Deliver, Inbox, InboxFrame, Query, Refused, Stored};
use crate::wire::link::{ContactRequest, Payload, SealedFrame};
use std::time::Duration;

/// Questions answered on one connection; honest callers need one or two.
const ANSWERS_PER_LINK: u32 = 8;
/// Wait before a request that was refused or got no answer is tried again on a connection.
pub(super) const RETRY: Duration = Duration::from_secs(60);
/// Proof-of-work bits that an owner may ask for: 2^26 hashes are a quarter of a minute of one core.
const MOST_WORK: u32 = 26;

/// Where a connection stands in the inbox protocol.
#[derive(Debug, Default)]
pub(super) struct InboxCall {
    /// As caller: whom we ask for, and how far that is.
    out: Option<(AccountId, Stage)>,
    /// As owner: answers given.
    answers: u32,
}

/// How far a caller is.
#[derive(Debug)]
enum Stage {
    /// The owner's keys are asked for.
    Asked,
    /// This computation shows the work for this request.
    Working(JobId, SealedFrame),
    /// The request is handed over.
    Handed,
}

impl InboxCall {
    /// Is not about somebody any more.
    pub(super) fn drop_call(&mut self, account: AccountId) {
        self.out.take_if(|(asked, _)| *asked == account);
    }

    /// Stops asking for somebody, so that it can begin anew. False while the work for them is being done: it would be for nothing.
    pub(super) fn give_up(&mut self, account: AccountId) -> bool {
        match &self.out {
            Some((asked, Stage::Working(..))) if *asked == account => false,
            Some((asked, _)) if *asked == account => {
                self.out = None;
                true
            }
            _ => true,
        }
    }
}

impl Core {
    pub(super) fn request_contact(&mut self, cmd: CmdId, target: Target, note: &str) {
        match self.prepare_request(target, note) {
            Ok(account) => {
                let chat = self.chat_with(account);
                self.gate.reply(cmd, Ok(Reply::Contact { account, chat }));
            }
            Err(e) => self.gate.reply(cmd, Err(e)),
        }
    }

    fn prepare_request(&mut self, target: Target, note: &str) -> Result<AccountId, CommandError> {
        let note = text::clean_request_text(note).map_err(|e| CommandError::Invalid { field: "text", why: e.to_string() })?;
        let (account, code, login, mut hints) = match target {
            Target::Account(account) => (account, None, None, Vec::new()),
            Target::Link(link) => {
                let link =
                    contact_link::ContactLink::parse(&link).map_err(|e| CommandError::Invalid { field: "link", why: e.to_string() })?;
                (link.account, link.code, link.login, link.hints)
            }
        };
        if self.me.as_ref().is_some_and(|me| me.account == account) {
            return Err(CommandError::Yourself);
        }
        let near = self.nearby.get(&account).cloned();
        let found = self.directory.claimant(account).cloned();
        hints.extend(found.iter().flat_map(|found| found.claim.reach.iter().copied()));
        hints.extend(near.as_ref().map(|n| n.hint));
        match self.people.get(&account).map(|p| p.relation) {
            Some(Relation::Contact) => return Ok(account),
            Some(Relation::Blocked) => return Err(CommandError::Blocked),
            Some(Relation::Asking) => {
                self.accept(account)?;
                return Ok(account);
            }
            _ => {}
        }
        let known = self.people.get(&account).is_some_and(|p| !p.hints.is_empty());
        if hints.is_empty() && !known {
            return Err(CommandError::NoAddress);
        }
        let request = Request {
            id: RequestId(self.dice.bytes()),
            reply_key: self.dice.bytes(),
            text: note,
            made: self.now.wall,
            incoming: false,
            delivered: false,
            code,
        };
        let person = self.people.entry(account).or_insert_with(|| Person::new(account, Relation::Requested));
        person.relation = Relation::Requested;
        // Asking again keeps the keys of the first time: the other side may hold them already.
        match &mut person.request {
            Some(old) if !old.incoming => {
                old.text = request.text;
                old.code = code.or(old.code);
            }
            slot => *slot = Some(request),
        }
        if person.profile.login.is_empty() {
            if let Some(n) = &near {
                person.profile.login.clone_from(&n.login);
                person.profile.name.clone_from(&n.name);
                person.tag.clone_from(&n.tag);
            } else if let Some(found) = &found {
                person.profile.login = found.claim.login.to_string();
                person.profile.name.clone_from(&found.claim.name);
                person.tag.clone_from(&found.tag);
            } else if let Some(login) = login {
                person.profile.login = login;
            }
        }
        // By their tag their claim is found again, wherever they are then.
        let untagged = person.tag.is_none().then(|| person.profile.login.clone());
        self.learn_hints(account, &hints);
        self.person_changed(account);
        if let Some(login) = untagged {
            self.compute_tag(account, &login);
        }
        self.tend_queues();
        self.pursue_request(account);
        Ok(account)
    }

    /// Takes the next step of an undelivered request: over a connection that is there, or by dialling.
    pub(super) fn pursue_request(&mut self, account: AccountId) {
        let Some(person) = self.people.get(&account) else { return };
        if person.relation != Relation::Requested || !person.request.as_ref().is_some_and(|r| !r.incoming && !r.delivered) {
            return;
        }
        let near = self.nearby.get(&account).map(|n| n.link);
        let by_hint = self.links.iter().find(|(_, l)| person.hints.iter().any(|h| h.peer == l.info.peer)).map(|(id, _)| *id);
        match near.or(by_hint) {
            Some(id) => self.ask_inbox(id, account),
            None => self.dial(account),
        }
    }

    /// A connection may be the one that an undelivered request waits for.
    pub(super) fn continue_request(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        let waits = |p: &&Person| p.relation == Relation::Requested && p.request.as_ref().is_some_and(|r| !r.incoming && !r.delivered);
        let found = self
            .people
            .values()
            .filter(waits)
            .find(|p| link.neighbour == Some(p.account) || p.hints.iter().any(|h| h.peer == link.info.peer))
            .map(|p| p.account);
        if let Some(account) = found {
            self.ask_inbox(id, account);
        }
    }

    fn ask_inbox(&mut self, id: LinkId, account: AccountId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.inbox.out.is_some() {
            return;
        }
        link.inbox.out = Some((account, Stage::Asked));
        let code = self.people.get(&account).and_then(|p| p.request.as_ref()).and_then(|r| r.code);
        let query = Query { account: account.to_vec(), code: code.map(|c| c.to_vec()).unwrap_or_default() };
        self.send_inbox(id, Inbox::Query(query));
        self.timers.set(Timer::Request(account), self.now.mono.after(RETRY));
    }

    pub(super) fn on_inbox(&mut self, id: LinkId, frame: &[u8]) {
        let Ok(frame) = codec::decode::<InboxFrame>(frame, Proto::Inbox.max_frame()) else {
            return self.bad_frame(id, "inbox_garbage");
        };
        match frame.m {
            Some(Inbox::Query(q)) => self.on_query(id, &q),
            Some(Inbox::Bundle(b)) => self.on_bundle(id, &b),
            Some(Inbox::Refused(_)) => self.on_refused(id),
            Some(Inbox::Deliver(d)) => self.on_deliver(id, &d),
            Some(Inbox::Stored(_)) => self.on_stored(id),
            None => {}
        }
    }

    /// Bits of work a caller must show; `None` if the door is closed to them.
    pub(super) fn price(&self, code: &[u8]) -> Option<u32> {
        let me = self.me.as_ref()?;
        let holds_code = !code.is_empty() && code == me.code;
        match self.settings.gate {
            _ if holds_code && self.settings.gate != Gate::Nobody => Some(0),
            Gate::Anyone => Some(self.cfg.pow_bits),
            Gate::Code | Gate::Nobody => None,
        }
    }

    fn may_answer(&mut self, id: LinkId) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        link.inbox.answers = link.inbox.answers.saturating_add(1);
        link.inbox.answers <= ANSWERS_PER_LINK
    }

    fn on_query(&mut self, id: LinkId, query: &Query) {
        if !self.may_answer(id) {
            return self.bad_frame(id, "inbox_flood");
        }
        let price = self.price(&query.code);
        let Some(me) = &self.me else { return };
        let answer = match price {
            Some(pow_bits) if query.account == me.account.as_bytes() => {
                Inbox::Bundle(Bundle { device_set: Some(me.device_set.clone()), prekeys: Some(me.bundle.clone()), pow_bits })
            }
            _ => Inbox::Refused(Refused {}),
        };
        self.send_inbox(id, answer);
    }

    fn on_bundle(&mut self, id: LinkId, msg: &Bundle) {
        let asked = self.links.get(&id).and_then(|l| l.inbox.out.as_ref());
        let Some(account) = asked.filter(|(_, stage)| matches!(stage, Stage::Asked)).map(|(account, _)| *account) else {
            return self.bad_frame(id, "inbox_unasked");
        };
        let frame = match self.seal_request(id, account, msg) {
            Ok(frame) => frame,
            Err(reason) => return self.bad_frame(id, reason),
        };
        if msg.pow_bits == 0 {
            return self.hand_over(id, account, frame, 0);
        }
        let work = Job::Pow { account, frame: codec::encode(&frame), bits: msg.pow_bits };
        let job = self.job(super::JobFor::Request(id));
        if let Some(link) = self.links.get_mut(&id) {
            link.inbox.out = Some((account, Stage::Working(job, frame)));
        }
        self.gate.inward(Effect::Offload { id: job, job: work });
    }

    fn seal_request(&mut self, id: LinkId, account: AccountId, msg: &Bundle) -> Result<SealedFrame, &'static str> {
        if msg.pow_bits > MOST_WORK {
            return Err("inbox_greedy");
        }
        let (Some(signed), Some(prekeys)) = (&msg.device_set, &msg.prekeys) else { return Err("inbox_garbage") };
        let set = DeviceSetInfo::verify(signed, account).map_err(|_| "device_set_unfit")?;
        let bundle = PrekeyInfo::verify(prekeys).map_err(|_| "prekeys_unfit")?;
        let device = bundle.device;
        let olm = set.device(device).map(|d| d.olm).ok_or("prekeys_of_other_device")?;
        if !self.speaks_for(&set, device, olm) {
            return Err("device_revoked");
        }
        if self.device_of_another(account, device) {
            return Err("device_of_another");
        }
        let route = self.links.get(&id).map(|l| l.info.route).ok_or("link_gone")?;
        let hints = self.own_hints(route, false).iter().map(Hint::to_msg).collect();
        self.learn_devices(account, signed.clone(), set);
        self.learn_bundle(account, prekeys.clone(), bundle);
        let me = self.me.as_ref().ok_or("no_account")?;
        let request = self.people.get(&account).and_then(|p| p.request.clone()).filter(|r| !r.incoming).ok_or("inbox_unasked")?;
        let queues = self.queue_keys(account);
        let body = ContactRequest {
            device_set: Some(me.device_set.clone()),
            prekeys: Some(me.bundle.clone()),
            profile: Some(me.profile.clone()),
            text: request.text,
            request_id: request.id.to_vec(),
            reply_key: request.reply_key.to_vec(),
            made_ms: request.made.0,
            hints,
            code: request.code.map(|c| c.to_vec()).unwrap_or_default(),
            queues,
        };
        self.seal_to(account, device, Payload::Request(body)).ok_or("no_session")
    }

    /// The work for a request is done, or was given up. It is worth nothing for any other request.
    pub(super) fn on_work_done(&mut self, id: LinkId, job: JobId, nonce: Option<u64>) {
        let Some(out) = self.links.get_mut(&id).map(|l| &mut l.inbox.out) else { return };
        let done = out.take_if(|(_, stage)| matches!(stage, Stage::Working(under_way, _) if *under_way == job));
        if let (Some((account, Stage::Working(_, frame))), Some(nonce)) = (done, nonce) {
            self.hand_over(id, account, frame, nonce);
        }
    }

    fn hand_over(&mut self, id: LinkId, account: AccountId, frame: SealedFrame, nonce: u64) {
        let Some(me) = &self.me else { return };
        let code = self.people.get(&account).and_then(|p| p.request.as_ref()).and_then(|r| r.code);
        let deliver = Deliver {
            account: account.to_vec(),
            code: code.map(|c| c.to_vec()).unwrap_or_default(),
            pow: nonce,
            frame: Some(frame),
            from: me.device_id().to_vec(),
            olm: me.keys.identity().to_vec(),
        };
        if let Some(link) = self.links.get_mut(&id) {
            link.inbox.out = Some((account, Stage::Handed));
        }
        self.send_inbox(id, Inbox::Deliver(deliver));
    }

    fn on_refused(&mut self, id: LinkId) {
        // The reason is not told. The person may open their door later, so the request stays and is tried again.
        if let Some(link) = self.links.get_mut(&id) {
            link.inbox.out = None;
        }
    }

    fn on_stored(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some((account, _)) = link.inbox.out.take_if(|(_, stage)| matches!(stage, Stage::Handed)) else {
            return self.bad_frame(id, "inbox_unasked");
        };
        self.timers.clear(Timer::Request(account));
        if let Some(request) = self.people.get_mut(&account).and_then(|p| p.request.as_mut()) {
            request.delivered = true;
        }
        self.person_changed(account);
        self.send_tags(id);
    }

    fn on_deliver(&mut self, id: LinkId, msg: &Deliver) {
        if !self.may_answer(id) {
            return self.bad_frame(id, "inbox_flood");
        }
        match self.take_request(msg) {
            Ok(None) => self.send_inbox(id, Inbox::Stored(Stored {})),
            Ok(Some(account)) => {
                if let Some(link) = self.links.get(&id) {
                    let (peer, addr) = (link.info.peer, link.info.addr);
                    if link.info.side == crate::link::Side::Dialler {
                        self.learn_hints(account, &[Hint { peer, addr }]);
                    }
                }
                self.send_inbox(id, Inbox::Stored(Stored {}));
            }
            Err(reason) => {
                self.refuse(reason);
                self.send_inbox(id, Inbox::Refused(Refused {}));
            }
        }
    }

    pub(super) fn inbox_link_down(&mut self, link: &Link) {
        if let Some((account, _)) = link.inbox.out {
            self.timers.set_at_most(Timer::Request(account), self.now.mono.after(Duration::from_secs(2)));
        }
    }

    fn send_inbox(&mut self, id: LinkId, inbox: Inbox) {
        self.gate.send(id, Proto::Inbox, codec::encode(&InboxFrame { m: Some(inbox) }), None);
    }

    pub(super) fn job(&mut self, what: super::JobFor) -> JobId {
        self.next_job = self.next_job.saturating_add(1);
        let id = JobId(self.next_job);
        self.jobs.insert(id, what);
        id
    }
}
