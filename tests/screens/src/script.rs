//! A node that follows a script: it keeps its state in memory, answers at once, and can be made to do things.
//!
//! It stands in for the node in front of a window and nowhere else; what the real one does is tested with the real one.

use crate::cast;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use veche_gui::bridge::{Answer, Backend, Full, Page, PageAt, Phase, Place, Problem, Request, Ticket, Update, Waker};
use veche_protocol::core::command::{Command, CommandError, Finding, Reply};
use veche_protocol::core::event::Event;
use veche_protocol::ids::{AccountId, CallId, SpaceId};
use veche_protocol::view::{
    CallEnd, CallPhase, CallView, ChatView, MessageBody, MessageState, MessageView, PersonView, Presence, Preview, Progress, Relation,
    Snapshot,
};

/// The recovery words of the scripted account.
pub const WORDS: [&str; 12] =
    ["harbour", "lantern", "copper", "velvet", "orbit", "meadow", "signal", "amber", "quiet", "ladder", "pepper", "tunnel"];
/// The passphrase of a locked one.
pub const PASSPHRASE: &str = "correct horse battery";

/// The state of the scripted node; shared between the window and the test.
#[derive(Default)]
pub struct State {
    /// How far it is.
    pub phase: Phase,
    /// What it shows.
    pub snap: Arc<Snapshot>,
    /// Histories, in order.
    pub histories: BTreeMap<SpaceId, Vec<Arc<MessageView>>>,
    /// Everything it was asked.
    pub asked: Vec<Request>,
    /// Answers pages only when told to.
    pub hold_pages: bool,
    /// Says that searches are over only when told to; hits come at once.
    pub hold_searches: bool,
    /// Sound goes through other devices than real ones.
    pub no_devices: bool,
    /// Refuses the next command with this.
    pub refuse: Option<CommandError>,
    updates: VecDeque<Update>,
    held: Vec<(Ticket, Request)>,
    waker: Option<Waker>,
}

/// The node, and the test's hand in it.
#[derive(Clone, Default)]
pub struct Script(pub Rc<RefCell<State>>);

impl Script {
    /// A node without an account.
    #[must_use]
    pub fn first_run() -> Self {
        let script = Self::default();
        script.0.borrow_mut().phase = Phase::FirstRun;
        script
    }

    /// A node in this state.
    #[must_use]
    pub fn ready(snap: Snapshot) -> Self {
        let script = Self::default();
        {
            let mut state = script.0.borrow_mut();
            state.phase = Phase::Ready;
            state.snap = Arc::new(snap);
        }
        script
    }

    /// Puts a history behind a conversation.
    #[must_use]
    pub fn with_history(self, n: u8, messages: Vec<MessageView>) -> Self {
        let mut rows: Vec<_> = messages.into_iter().map(Arc::new).collect();
        rows.sort_by_key(|m| Place::of(m));
        let mut state = self.0.borrow_mut();
        state.change(|s| {
            // Where nothing is unread, all of it was seen.
            let Some(chat) = s.chats.iter_mut().find(|c| c.chat_id == cast::chat_id(n) && c.unread == 0) else { return };
            let chat = Arc::make_mut(chat);
            rows.iter().filter(|m| !m.mine).for_each(|m| {
                chat.read.raise(m.device, m.seq);
            });
        });
        state.histories.insert(cast::chat_id(n), rows);
        drop(state);
        self
    }

    /// Changes what it shows.
    pub fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut state = self.0.borrow_mut();
        state.change(change);
        state.wake();
    }

    /// Something happens.
    pub fn happens(&self, event: Event) {
        let mut state = self.0.borrow_mut();
        state.updates.push_back(Update::Event(event));
        state.wake();
    }

    /// A message of somebody arrives.
    pub fn arrives(&self, message: MessageView) {
        let mut state = self.0.borrow_mut();
        state.store(message);
        state.wake();
    }

    /// Somebody calls.
    pub fn rings(&self, call: CallView) {
        self.change(|s| s.calls.push(Arc::new(call.clone())));
        self.happens(Event::CallIncoming { call });
    }

    /// A call is over, for this reason.
    pub fn ends(&self, call: CallId, why: CallEnd) {
        let mut state = self.0.borrow_mut();
        state.end_call(call, why);
        state.wake();
    }

    /// Lets go of held pages.
    pub fn release(&self) {
        let mut state = self.0.borrow_mut();
        (state.hold_pages, state.hold_searches) = (false, false);
        for (ticket, request) in std::mem::take(&mut state.held) {
            state.answer(ticket, request);
        }
        state.wake();
    }

    /// What it was asked since the last look.
    #[must_use]
    pub fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.0.borrow_mut().asked)
    }
}

impl State {
    fn wake(&self) {
        if let Some(waker) = &self.waker {
            waker();
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Snapshot)) {
        let mut snap = (*self.snap).clone();
        change(&mut snap);
        self.snap = Arc::new(snap);
    }

    fn chat(&mut self, id: SpaceId, change: impl FnOnce(&mut ChatView)) {
        self.change(|s| {
            if let Some(chat) = s.chats.iter_mut().find(|c| c.chat_id == id) {
                change(Arc::make_mut(chat));
            }
            s.chats.sort_by_key(|c| std::cmp::Reverse(c.last.as_ref().map(|l| l.at)));
        });
    }

    fn person(&mut self, id: AccountId, change: impl FnOnce(&mut PersonView)) {
        self.change(|s| {
            if let Some(person) = s.people.iter_mut().find(|p| p.account_id == id) {
                change(Arc::make_mut(person));
            }
        });
    }

    fn store(&mut self, message: MessageView) {
        let chat = message.chat_id;
        self.histories.entry(chat).or_default().push(Arc::new(message.clone()));
        if let MessageBody::Text { text } = &message.body {
            let preview = Preview { text: text.clone(), call: None, mine: message.mine, at: message.at, state: message.state };
            self.chat(chat, |c| {
                c.last = Some(preview);
                c.unread += u32::from(!message.mine);
            });
        }
        self.updates.push_back(Update::Event(Event::MessageReceived { chat_id: chat, message }));
    }

    fn page(&self, chat: SpaceId, at: PageAt, limit: usize) -> Page {
        let empty = Vec::new();
        let rows = self.histories.get(&chat).unwrap_or(&empty);
        let n = rows.len();
        let (from, to) = match at {
            PageAt::Newest => (n.saturating_sub(limit), n),
            PageAt::Before(place) => {
                let to = rows.partition_point(|m| Place::of(m) < place);
                (to.saturating_sub(limit), to)
            }
            PageAt::After(place) => {
                let from = rows.partition_point(|m| Place::of(m) <= place);
                (from, (from + limit).min(n))
            }
            PageAt::Around(id) => match rows.iter().position(|m| m.message_id == id) {
                None => (0, 0),
                Some(i) => {
                    let from = i.saturating_sub(limit / 2);
                    (from, (from + limit).min(n))
                }
            },
        };
        Page { chat, at, messages: rows[from..to].to_vec(), at_start: from == 0, at_end: to == n }
    }

    fn search(&mut self, ticket: Ticket, chat: Option<SpaceId>, text: &str, before: Option<Place>, limit: usize) {
        let text = text.trim().to_lowercase();
        let looked_through = self.histories.iter().filter(|(id, _)| chat.is_none_or(|chat| chat == **id)).flat_map(|(_, rows)| rows);
        let contains = |m: &&Arc<MessageView>| matches!(&m.body, MessageBody::Text { text: said } if said.to_lowercase().contains(&text));
        let mut hits: Vec<_> =
            looked_through.filter(contains).filter(|m| before.is_none_or(|place| Place::of(m) < place)).cloned().collect();
        hits.sort_by_key(|m| std::cmp::Reverse(Place::of(m)));
        let hits = hits.into_iter().take(if text.is_empty() { 0 } else { limit });
        self.updates.extend(hits.map(|hit| Update::Found(ticket, hit)));
    }

    fn answer(&mut self, ticket: Ticket, request: Request) {
        let answer = match request {
            Request::Page { chat, at, limit } => Ok(Answer::Page(self.page(chat, at, limit))),
            Request::Search { chat, text, before, limit } => {
                self.search(ticket, chat, &text, before, limit);
                if self.hold_searches {
                    return self.held.push((ticket, Request::Search { chat, text: String::new(), before, limit }));
                }
                Ok(Answer::Done)
            }
            Request::Command(command) => match self.refuse.take() {
                Some(error) => Err(error.into()),
                None => Ok(Answer::Reply(self.command(command))),
            },
            Request::CreateAccount { login, name, .. } | Request::Restore { login, name, .. } => {
                self.phase = Phase::Ready;
                self.change(|s| {
                    let account =
                        veche_protocol::view::AccountView { login, name, words_saved: false, tag: None, ..(*cast::mira()).clone() };
                    s.account = Some(Arc::new(account));
                });
                Ok(Answer::Done)
            }
            Request::Unlock(secret) if secret.0 == PASSPHRASE => {
                self.phase = Phase::Ready;
                Ok(Answer::Done)
            }
            Request::Unlock(_) => Err(Problem {
                kind: "wrong_passphrase".into(),
                sentence: "This is not the passphrase of this profile. Check the keyboard layout and try again.".into(),
            }),
            Request::SoundDevices if self.no_devices => {
                Ok(Answer::SoundDevices(veche_gui::bridge::SoundDevices { real: false, devices: Vec::new() }))
            }
            Request::SoundDevices => Ok(Answer::SoundDevices(cast::devices())),
            Request::RecoveryWords(_) => Ok(Answer::Words(WORDS.map(str::to_owned).to_vec())),
            Request::DeleteAccount => {
                self.phase = Phase::Gone;
                Ok(Answer::Done)
            }
            _ => Ok(Answer::Done),
        };
        self.updates.push_back(Update::Answer(ticket, answer));
    }

    fn command(&mut self, command: Command) -> Reply {
        match command {
            Command::Send { chat, text, reply_to } => {
                let seq = self.histories.get(&chat).map_or(0, Vec::len) as u64 + 1;
                let n = chat.0[0];
                let message = MessageView { reply_to, ..cast::message(n, seq, true, 0, &text) };
                let id = message.message_id;
                self.store(message);
                return Reply::Message(id);
            }
            Command::AcceptRequest(account) => {
                let chat = SpaceId([200; 32]);
                self.change(|s| {
                    let request = s.requests.iter().find(|r| r.account_id == account).cloned();
                    s.requests.retain(|r| r.account_id != account);
                    if let Some(request) = request {
                        let person = cast::person(200, &request.name, &request.login, Presence::Online);
                        s.people.push(Arc::new(PersonView { account_id: account, chat_id: Some(chat), ..person }));
                    }
                    let head = cast::chat(200, 0, "", None, 0);
                    s.chats.insert(0, Arc::new(ChatView { chat_id: chat, account_id: account, last: None, ..head }));
                });
                return Reply::Contact { account, chat: Some(chat) };
            }
            Command::DeclineRequest(account) => self.change(|s| s.requests.retain(|r| r.account_id != account)),
            Command::SetSettings(settings) => self.change(|s| s.settings = Arc::new(settings)),
            Command::UpdateProfile(patch) => self.change(|s| {
                if let Some(account) = s.account.as_mut().map(Arc::make_mut) {
                    account.name = patch.name.unwrap_or_else(|| account.name.clone());
                    account.info = patch.info.unwrap_or_else(|| account.info.clone());
                    account.status = patch.status.unwrap_or(account.status);
                    account.status_text = patch.status_text.unwrap_or_else(|| account.status_text.clone());
                }
            }),
            Command::ConfirmWords => self.change(|s| {
                if let Some(account) = s.account.as_mut().map(Arc::make_mut) {
                    account.words_saved = true;
                }
            }),
            Command::MarkRead(chat, _) => self.chat(chat, |c| c.unread = 0),
            Command::Draft(chat, text) => self.chat(chat, |c| c.draft = text),
            Command::Mute(chat, on) => self.chat(chat, |c| c.muted = on),
            Command::Block(account) => self.person(account, |p| p.relation = Relation::Blocked),
            Command::Unblock(account) => self.person(account, |p| p.relation = Relation::Contact),
            Command::RenameContact(account, name) => {
                self.person(account, |p| p.name = if name.is_empty() { p.own_name.clone() } else { name });
            }
            Command::Edit { chat, message, text } => self.edit(chat, message, MessageBody::Text { text }),
            Command::Delete { chat, message } => self.edit(chat, message, MessageBody::Deleted),
            Command::VerifyContact(account, _) => {
                self.person(account, |p| p.verified = true);
                return Reply::Verified(true);
            }
            Command::SafetyNumber(_) => return Reply::SafetyNumber("582041197366027904183356107742118803457226019385440917263058".into()),
            Command::ContactLink | Command::RenewContactLink => return Reply::Link(LINK.into()),
            Command::InspectLink(_) => {
                return Reply::LinkInfo { account: cast::account(40), login: Some("nora.lind".into()), own: false };
            }
            Command::Lookup { login, .. } => {
                let found = self.snap.nearby.iter().filter(|n| n.login == login).map(|n| (**n).clone()).collect();
                return Reply::Claimants { claimants: found, more: false, nowhere: false };
            }
            Command::CallStart { account } => {
                let n = (0..=u8::MAX).find(|n| cast::account(*n) == account).unwrap_or_default();
                let call = cast::call(n, CallPhase::Calling, 0);
                let id = call.call_id;
                self.change(|s| s.calls.push(Arc::new(call)));
                return Reply::Call(id);
            }
            Command::CallAccept { call } => self.change(|s| {
                s.calls.retain(|c| c.call_id == call);
                s.calls.iter_mut().map(Arc::make_mut).for_each(|c| {
                    c.phase = CallPhase::Active;
                    c.connected = Some(cast::NOW);
                });
            }),
            Command::CallDecline { call } => self.end_call(call, CallEnd::Declined),
            Command::CallHangup { call } => self.end_call(call, CallEnd::HungUp),
            Command::CallSet { call, mic, deafen } => self.call(call, |c| {
                c.mic = mic.unwrap_or(c.mic);
                c.deafen = deafen.unwrap_or(c.deafen);
            }),
            Command::CallVolume { call, percent } => self.call(call, |c| c.volume = percent),
            Command::Diagnose(_) => {
                let text = "Their device cannot be reached right now. Your messages go out by themselves when it can.".to_owned();
                return Reply::Diagnosis(vec![Finding { kind: "unreachable".into(), text }]);
            }
            _ => {}
        }
        Reply::Done
    }

    fn call(&mut self, id: CallId, change: impl FnOnce(&mut CallView)) {
        self.change(|s| {
            if let Some(call) = s.calls.iter_mut().find(|c| c.call_id == id) {
                change(Arc::make_mut(call));
            }
        });
    }

    fn end_call(&mut self, call_id: CallId, why: CallEnd) {
        let Some(call) = self.snap.call(call_id).cloned() else { return };
        self.change(|s| s.calls.retain(|c| c.call_id != call_id));
        let (account_id, phase, reason) = (call.account_id, call.phase, Some(why.text().to_owned()));
        self.updates.push_back(Update::Event(Event::CallState { call_id, account_id, phase, ended: Some(why), reason }));
    }

    fn edit(&mut self, chat: SpaceId, id: veche_protocol::ids::EntryId, body: MessageBody) {
        if let Some(message) = self.histories.get_mut(&chat).and_then(|h| h.iter_mut().find(|m| m.message_id == id)) {
            let edited = matches!(body, MessageBody::Text { .. });
            *message = Arc::new(MessageView { body, edited, ..(**message).clone() });
        }
        self.updates.push_back(Update::Event(Event::MessageChanged { chat_id: chat, message_id: id }));
    }
}

/// The contact link of the scripted account.
pub const LINK: &str = "veche:c/CiDk3m9vQk7Jm2xP8fL0cR5tYw1aZbN4eH6gS7uV9iOpKj0SBG1pcmEaEgoQwKgBFP___________wEQkc8CIAE";

impl Backend for Script {
    fn phase(&self) -> Phase {
        self.0.borrow().phase.clone()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.borrow().snap)
    }

    fn has_passphrase(&self) -> bool {
        false
    }

    fn poll(&mut self) -> Option<Update> {
        self.0.borrow_mut().updates.pop_front()
    }

    fn send(&mut self, ticket: Ticket, request: Request) -> Result<(), Full> {
        let mut state = self.0.borrow_mut();
        state.asked.push(request.clone());
        if state.hold_pages && matches!(request, Request::Page { .. }) {
            state.held.push((ticket, request));
        } else {
            state.answer(ticket, request);
        }
        state.wake();
        Ok(())
    }

    fn set_waker(&mut self, waker: Waker) {
        self.0.borrow_mut().waker = Some(waker);
    }
}

/// Progress that says how much of a device was stored there, and read.
#[must_use]
pub fn progress(delivered: u64, read: u64) -> Progress {
    Progress { devices: vec![veche_protocol::view::DeviceProgress { device: cast::DEVICE, sent: delivered, held: 0, delivered, read }] }
}

/// A message in this state.
#[must_use]
pub fn in_state(message: MessageView, state: MessageState) -> MessageView {
    MessageView { state: Some(state), ..message }
}
