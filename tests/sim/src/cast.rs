//! People and what they do.

use crate::net::Place;
use crate::node::{Said, Who};
use crate::world::World;
use veche_protocol::core::command::{Command, CommandError, ProfilePatch, Reply, Target};
use veche_protocol::core::event::Event;
use veche_protocol::ids::{AccountId, DeviceId, EntryId, SpaceId};
use veche_protocol::view::{MessageState, Presence, Relation, Settings};

/// How long a person waits for an answer of their own node, ms.
const PATIENCE: u64 = 30_000;
/// How long people who can reach each other need at most to be connected, ms: the longest wait between dials of a person.
pub const SOON: u64 = 20 * 60_000;

/// What became of a wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Granted.
    Ok(Reply),
    /// Refused, with the reason that the person reads.
    No(CommandError),
    /// The node died before it answered.
    Lost,
}

impl World {
    /// Alice, at a machine of the first local network.
    pub fn alice(&mut self) -> Who {
        self.person("alice", Place::Lan(1))
    }

    /// Bob, on the same network.
    pub fn bob(&mut self) -> Who {
        self.person("bob", Place::Lan(1))
    }

    /// Carol, on the same network.
    pub fn carol(&mut self) -> Who {
        self.person("carol", Place::Lan(1))
    }

    /// Somebody with an account of their own, made before anything can go wrong.
    ///
    /// # Panics
    /// If the account cannot be made.
    pub fn person(&mut self, name: &str, place: Place) -> Who {
        let who = self.add(name, place);
        self.sign_up(who, name);
        who
    }

    /// Makes an account on a node that has none.
    ///
    /// # Panics
    /// If the account cannot be made.
    pub fn sign_up(&mut self, who: Who, name: &str) {
        let entropy = self.dice.bytes();
        let command = Command::CreateAccount { login: name.into(), name: capital(name), entropy };
        let Answer::Ok(Reply::Account(account)) = self.ask(who, command) else { panic!("{name} gets no account") };
        self.node_mut(who).account = Some(account);
    }

    /// The same person at another machine, with the recovery words.
    ///
    /// # Panics
    /// If the account cannot be restored.
    pub fn second_device(&mut self, of: Who, place: Place) -> Who {
        let (name, entropy) = (self.node(of).name.clone(), self.node(of).entropy.expect("an account"));
        let who = self.add(&format!("{name}'s other machine"), place);
        let command = Command::RestoreAccount { entropy, login: name.clone(), name: capital(&name) };
        let Answer::Ok(Reply::Account(account)) = self.ask(who, command) else { panic!("{name} cannot restore") };
        assert_eq!(Some(account), self.node(of).account, "the words lead to the same account");
        self.node_mut(who).account = Some(account);
        who
    }

    /// Somebody's account.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn account(&self, who: Who) -> AccountId {
        self.node(who).account.expect("an account")
    }

    /// Says a wish and waits for the answer.
    pub fn ask(&mut self, who: Who, command: Command) -> Answer {
        if !self.node(who).is_up() {
            return Answer::Lost;
        }
        let said = if let Command::Send { chat, text, reply_to } = &command { Some((*chat, text.clone(), *reply_to)) } else { None };
        let read = if let Command::MarkRead(chat, _) = &command { Some(*chat) } else { None };
        let run = self.node(who).run;
        let cmd = self.command(who, command);
        self.note_read(who, read);
        self.until(PATIENCE, |w| w.answer(who, cmd).is_some() || w.node(who).run != run);
        self.note_read(who, read);
        match self.answer(who, cmd).cloned() {
            Some(Ok(reply)) => {
                if let (Some((chat, text, reply_to)), Reply::Message(id)) = (said, &reply) {
                    self.node_mut(who).said.push(Said { chat, id: *id, text, reply_to });
                }
                Answer::Ok(reply)
            }
            Some(Err(why)) => Answer::No(why),
            None => Answer::Lost,
        }
    }

    /// Writes down what a person has read, for [`crate::check`].
    fn note_read(&mut self, who: Who, chat: Option<SpaceId>) {
        let Some(chat) = chat else { return };
        let marks = self.view(who).chat(chat).map(|c| c.read.clone()).unwrap_or_default();
        let known = self.node_mut(who).read.entry(chat).or_default();
        for (device, seq) in marks.iter() {
            known.raise(device, seq);
        }
    }

    /// Says a wish that has to be granted.
    ///
    /// # Panics
    /// If it is not.
    pub fn want(&mut self, who: Who, command: Command) -> Reply {
        let what = format!("{command:?}");
        match self.ask(who, command) {
            Answer::Ok(reply) => reply,
            other => panic!("{} wants {what} and gets {other:?}", self.node(who).name),
        }
    }

    /// One person's contact link.
    ///
    /// # Panics
    /// If there is none.
    pub fn link(&mut self, of: Who) -> String {
        // A link without an address leads nowhere; the machine says within moments where it listens.
        self.until(1_000, |w| !w.view(of).network.listening.is_empty());
        match self.want(of, Command::ContactLink) {
            Reply::Link(link) => link,
            other => panic!("a link was wanted, not {other:?}"),
        }
    }

    /// Asks somebody by their link to become a contact.
    pub fn request(&mut self, from: Who, to: Who, text: &str) -> Answer {
        let link = self.link(to);
        self.ask(from, Command::RequestContact { target: Target::Link(link), text: text.into() })
    }

    /// How two people stand, as the first sees it.
    pub fn relation(&mut self, who: Who, to: Who) -> Option<Relation> {
        let account = self.account(to);
        self.view(who).person(account).map(|p| p.relation)
    }

    /// Whether one sees the other as connected.
    pub fn is_online(&mut self, who: Who, other: Who) -> bool {
        let account = self.account(other);
        self.view(who).person(account).is_some_and(|p| p.presence != Presence::Offline)
    }

    /// The conversation with somebody.
    pub fn chat(&mut self, who: Who, with: Who) -> Option<SpaceId> {
        let account = self.account(with);
        self.view(who).person(account).and_then(|p| p.chat_id)
    }

    /// Makes two people contacts, and waits until both are connected.
    ///
    /// # Panics
    /// If they do not find together.
    pub fn befriend(&mut self, a: Who, b: Who) -> SpaceId {
        let answer = self.request(a, b, "hello");
        assert!(matches!(answer, Answer::Ok(_)), "the request is taken: {answer:?}");
        assert!(self.until(SOON, |w| w.relation(b, a) == Some(Relation::Asking)), "the request arrives");
        let account = self.account(a);
        self.want(b, Command::AcceptRequest(account));
        assert!(self.until(SOON, |w| w.relation(a, b) == Some(Relation::Contact)), "the yes arrives");
        assert!(self.until(SOON, |w| w.is_online(a, b) && w.is_online(b, a)), "they are connected");
        let chat = self.chat(a, b).expect("contacts have a conversation");
        assert_eq!(Some(chat), self.chat(b, a), "both have the same conversation");
        chat
    }

    /// Writes a message, which has to be accepted.
    ///
    /// # Panics
    /// If it is not.
    pub fn say(&mut self, who: Who, chat: SpaceId, text: &str) -> EntryId {
        match self.want(who, Command::Send { chat, text: text.into(), reply_to: None }) {
            Reply::Message(id) => id,
            other => panic!("a message was wanted, not {other:?}"),
        }
    }

    /// Tries to write a message. `None` if the node died before it answered, or refused.
    pub fn try_say(&mut self, who: Who, chat: SpaceId, text: &str, reply_to: Option<EntryId>) -> Option<EntryId> {
        match self.ask(who, Command::Send { chat, text: text.into(), reply_to }) {
            Answer::Ok(Reply::Message(id)) => Some(id),
            _ => None,
        }
    }

    /// Waits until somebody has a message on disk.
    ///
    /// # Panics
    /// If that takes longer than connecting may.
    pub fn sees(&mut self, who: Who, chat: SpaceId, id: EntryId) {
        let there = self.until(SOON, |w| w.has(who, chat, id));
        assert!(there, "{} never gets {id:?}; refusals {}", self.node(who).name, self.node(who).all_refusals());
    }

    /// State of an own message as its writer sees it.
    pub fn state(&mut self, who: Who, chat: SpaceId, id: EntryId) -> Option<MessageState> {
        self.timeline(who, chat).into_iter().find(|m| m.message_id == id).and_then(|m| m.state)
    }

    /// Waits until a message has got at least this far.
    ///
    /// # Panics
    /// If it does not.
    pub fn gets_to(&mut self, who: Who, chat: SpaceId, id: EntryId, state: MessageState) {
        let there = self.eventually(SOON, |w| w.state(who, chat, id) >= Some(state));
        let now = self.state(who, chat, id);
        assert!(there, "{}'s message stays {now:?} instead of {state:?}", self.node(who).name);
    }

    /// Marks everything in a conversation as read.
    pub fn reads(&mut self, who: Who, chat: SpaceId) {
        self.want(who, Command::MarkRead(chat, None));
    }

    /// Changes settings.
    pub fn set(&mut self, who: Who, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.view(who).settings).clone();
        change(&mut settings);
        self.want(who, Command::SetSettings(settings));
    }

    /// Changes the profile.
    pub fn edit_profile(&mut self, who: Who, patch: ProfilePatch) {
        self.want(who, Command::UpdateProfile(patch));
    }

    /// How often somebody was told that a message arrived.
    #[must_use]
    pub fn told_of(&self, who: Who, id: EntryId) -> usize {
        self.node(who).events().filter(|e| matches!(e, Event::MessageReceived { message, .. } if message.message_id == id)).count()
    }

    /// Whether anybody but `who` has read what a device wrote at a position, on any of their devices.
    #[must_use]
    pub fn is_read_by_another(&self, who: Who, chat: SpaceId, device: DeviceId, seq: u64) -> bool {
        let own = self.node(who).account;
        let others = self.everybody().filter(|(_, n)| n.account.is_some() && n.account != own);
        others.filter_map(|(_, n)| n.read.get(&chat)).any(|marks| marks.covers(device, seq))
    }

    /// Messages that somebody has not read in a conversation.
    pub fn unread(&mut self, who: Who, chat: SpaceId) -> Option<u32> {
        self.view(who).chat(chat).map(|c| c.unread)
    }
}

fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
