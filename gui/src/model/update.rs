//! What the node says, taken into the model.

use super::history::History;
use super::{Dialog, LinkFound, LookedUp, Model, Out, Page, Pending, Say, WordsStep};
use crate::bridge::{Answer, Phase, Problem, Request, Ticket, Update};
use std::collections::btree_map::Entry;
use std::sync::Arc;
use veche_protocol::core::command::{Command, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::ids::SpaceId;
use veche_protocol::time::UnixMs;
use veche_protocol::view::{CallOutcome, MessageBody, MessageView, RequestView, Snapshot};

/// Longest text of a message in a desktop notification, characters.
const NOTE_CHARS: usize = 180;

impl Model {
    /// The node got further, or its state changed.
    pub fn look(&mut self, phase: Phase, snap: Arc<Snapshot>, has_passphrase: bool) {
        self.has_passphrase = has_passphrase;
        if self.phase != phase {
            self.waiting = false;
            self.problem = None;
            self.dialog = None;
            self.phase = phase;
            if self.phase == Phase::Ready
                && let Some(link) = self.link_waits.take()
            {
                self.ask(Pending::Inspect(link.clone()), Request::Command(Command::InspectLink(link)));
            }
        }
        if Arc::ptr_eq(&self.snap, &snap) {
            return;
        }
        self.snap = snap;
        self.people = super::people::rows(&self.snap);
        self.calls_changed();
        self.follow_page();
        let gone = |m: &Self, id: &SpaceId| m.snap.chat(*id).is_none();
        let dead: Vec<SpaceId> = self.histories.keys().copied().filter(|id| gone(self, id)).collect();
        for id in dead {
            self.histories.remove(&id);
            self.drafts.remove(&id);
        }
    }

    /// A page about somebody who got a conversation becomes that conversation, and the other way round.
    fn follow_page(&mut self) {
        match self.page {
            Page::Person(account) => {
                if let Some(chat) = self.snap.person(account).and_then(|p| p.chat_id) {
                    self.go(Page::Chat(chat));
                }
            }
            Page::Chat(chat) if self.snap.chat(chat).is_none() => self.page = Page::Welcome,
            _ => {}
        }
    }

    /// An answer or an event.
    pub fn hear(&mut self, update: Update) {
        match update {
            Update::Answer(ticket, answer) => self.answered(ticket, answer),
            Update::Event(event) => self.event(event),
            Update::Found(ticket, hit) => self.found(ticket, hit),
        }
    }

    /// Time went on.
    pub fn tick(&mut self, now: UnixMs) {
        self.now = now;
        self.toasts.retain(|t| t.until > now);
        self.calls_tick();
        self.sound_tick();
        self.store_drafts(false);
    }

    fn answered(&mut self, ticket: Ticket, answer: Result<Answer, Problem>) {
        let Some(pending) = self.pending.remove(&ticket) else { return };
        self.searched(ticket);
        match answer {
            Ok(answer) => self.good(pending, answer),
            Err(problem) => self.bad(pending, problem),
        }
    }

    fn good(&mut self, pending: Pending, answer: Answer) {
        match (pending, answer) {
            (Pending::Tell(key), _) => self.toast(false, Say::Key(key)),
            (Pending::Page(chat), Answer::Page(page)) => {
                if let Some(history) = self.histories.get_mut(&chat) {
                    history.take(page);
                }
            }
            (Pending::Door, _) => self.waiting = false,
            (Pending::Call, _) => self.calls.starting = None,
            (Pending::Devices, Answer::SoundDevices(devices)) => self.devices_listed(Ok(devices)),
            (Pending::SoundTest | Pending::Quiet, _) => {}
            (Pending::Contact, answer) => {
                self.waiting = false;
                self.problem = None;
                self.dialog = None;
                self.toast(false, Say::Key("toast-requested"));
                if let Answer::Reply(Reply::Contact { account, chat }) = answer {
                    self.go(chat.map_or(Page::Person(account), Page::Chat));
                }
            }
            (Pending::Inspect(link), Answer::Reply(Reply::LinkInfo { account, login, own })) => {
                self.waiting = false;
                self.problem = None;
                self.dialog = Some(Dialog::Link(LinkFound { link, account, login, own }));
            }
            (Pending::Lookup, Answer::Reply(Reply::Claimants { claimants: found, more, nowhere })) => {
                self.waiting = false;
                self.problem = None;
                self.found = LookedUp { claimants: Some(found), more, nowhere, ..std::mem::take(&mut self.found) };
            }
            (Pending::Safety(account), Answer::Reply(Reply::SafetyNumber(number))) => {
                self.safety.insert(account, number);
            }
            (Pending::Verify, Answer::Reply(Reply::Verified(matched))) => {
                self.mismatch = !matched;
                if matched {
                    self.dialog = None;
                    self.toast(false, Say::Key("toast-verified"));
                }
            }
            (Pending::Link, Answer::Reply(Reply::Link(link))) => self.my_link = Some(link),
            (Pending::Words, Answer::Words(words)) => self.dialog = Some(Dialog::Words(WordsStep::Shown(words.into()))),
            (Pending::Diagnosis(_), Answer::Reply(Reply::Diagnosis(findings))) => self.findings = Some(findings),
            (Pending::Passphrase, _) => {
                self.waiting = false;
                self.problem = None;
                self.toast(false, Say::Key("toast-passphrase"));
            }
            _ => self.waiting = false,
        }
    }

    fn bad(&mut self, pending: Pending, problem: Problem) {
        match pending {
            Pending::Send { chat, text, echo } => {
                if let Some(history) = self.histories.get_mut(&chat) {
                    history.unecho(echo);
                }
                self.out.push(Out::Compose(chat, text));
                self.fail(problem);
            }
            Pending::Page(chat) => {
                if let Some(history) = self.histories.get_mut(&chat) {
                    history.loading = false;
                    history.loaded = true;
                }
                self.fail(problem);
            }
            Pending::Door | Pending::Contact | Pending::Inspect(_) | Pending::Lookup | Pending::Passphrase => {
                self.waiting = false;
                self.problem = Some(Say::Problem(problem));
            }
            Pending::Devices => self.devices_listed(Err(problem)),
            Pending::SoundTest => self.test_refused(problem),
            Pending::Call => {
                self.calls.starting = None;
                self.fail(problem);
            }
            Pending::Words => {
                self.dialog = Some(Dialog::Words(WordsStep::Before));
                self.problem = Some(Say::Problem(problem));
            }
            _ => self.fail(problem),
        }
    }

    /// A question could not even be put into the queue: it is answered here.
    pub fn refuse(&mut self, ticket: Ticket) {
        let problem = Problem { kind: "busy".into(), sentence: "Too much at once. Wait a moment and try again.".into() };
        self.answered(ticket, Err(problem));
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::MessageReceived { chat_id, message } => self.message(chat_id, &message),
            Event::MessageChanged { chat_id, message_id } if self.histories.get(&chat_id).is_some_and(|h| h.find(message_id).is_some()) => {
                let at = crate::bridge::PageAt::Around(message_id);
                self.ask(Pending::Page(chat_id), Request::Page { chat: chat_id, at, limit: 1 });
            }
            Event::ContactRequested { request } => self.requested(&request),
            // More is known, or the directory is done: what is shown is asked for again.
            Event::DirectoryFound { .. } | Event::NearbyChanged if self.found.more => self.look_again(),
            Event::DirectoryFound { .. } if self.found.claimants.is_some() => self.look_again(),
            Event::DeviceDropped { this, .. } => self.device_dropped(this),
            Event::CallIncoming { call } => self.call_comes(&call),
            Event::CallState { call_id, account_id, phase, ended, .. } => self.call_moves(call_id, account_id, phase, ended),
            Event::DeviceLevel { decibels, open } => self.level(decibels, open),
            Event::DeviceLost { direction, .. } => self.device_lost(direction),
            Event::DeviceChanged { .. } => self.device_changed(),
            Event::Overflow { .. } => self.reload(),
            _ => {} // State: it is in the snapshot.
        }
    }

    fn message(&mut self, chat: SpaceId, message: &MessageView) {
        let looking = self.focused && self.open_chat() == Some(chat);
        // What was told to be seen did not include this one, wherever in the conversation it belongs.
        self.seen_told.remove(&chat);
        let read = self.snap.chat(chat).map(|c| c.read.clone());
        if let Some(history) = self.histories.get_mut(&chat) {
            history.arrived(message);
            if !message.mine && !looking && history.marker.is_none() {
                history.marker = read;
            }
        }
        let alone = self.left_alone_by(message.author);
        if message.mine || looking || alone || !self.snap.settings.notifications {
            return;
        }
        let body = match &message.body {
            MessageBody::Text { text } => Say::Words(super::markup::plain(text, NOTE_CHARS)),
            MessageBody::Call { outcome: CallOutcome::Missed, .. } => Say::Key("call-missed-in"),
            _ => return,
        };
        let title = match self.snap.person(message.author) {
            Some(person) => Say::Words(person.name.clone()),
            None => Say::Key("note-somebody"),
        };
        self.out.push(Out::Notify { chat: Some(chat), title, body });
    }

    /// Asks once more who claims the login that was looked up, unless that is being asked already.
    fn look_again(&mut self) {
        let Some((login, tag)) = self.found.asked.clone() else { return };
        if !self.pending.values().any(|p| matches!(p, Pending::Lookup)) {
            self.ask(Pending::Lookup, Request::Command(Command::Lookup { login, tag }));
        }
    }

    fn requested(&mut self, request: &RequestView) {
        if !self.told_requests.insert(request.account_id) || !self.snap.settings.notifications || self.focused {
            return;
        }
        let title = Say::Words(if request.name.is_empty() { request.login.clone() } else { request.name.clone() });
        self.out.push(Out::Notify { chat: None, title, body: Say::Key("note-request") });
    }

    /// The list of devices was full: whoever is in front of any of them should know which way it went.
    fn device_dropped(&mut self, this: bool) {
        let body = if this { "note-device-this" } else { "note-device-other" };
        self.out.push(Out::Notify { chat: None, title: Say::Key("note-device"), body: Say::Key(body) });
    }

    /// Events were lost: what is loaded may be stale.
    fn reload(&mut self) {
        let open = self.open_chat();
        self.histories.clear();
        self.shown.clear();
        if let Some(chat) = open {
            self.open_history(chat);
        }
    }

    pub(super) fn open_history(&mut self, chat: SpaceId) {
        self.shown.retain(|c| *c != chat);
        self.shown.push(chat);
        while self.shown.len() > super::MAX_HISTORIES {
            let oldest = self.shown.remove(0);
            self.histories.remove(&oldest);
        }
        let view = self.snap.chat(chat).cloned();
        if let Entry::Vacant(slot) = self.histories.entry(chat) {
            slot.insert(History::awaiting());
            self.ask(Pending::Page(chat), Request::Page { chat, at: crate::bridge::PageAt::Newest, limit: super::history::PAGE });
        }
        if let (Some(history), Some(view)) = (self.histories.get_mut(&chat), view) {
            history.marker = (view.unread > 0).then(|| view.read.clone());
        }
    }
}
