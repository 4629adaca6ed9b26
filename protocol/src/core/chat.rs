//! Conversations: what has arrived where, who is typing. What a conversation contains is in [`super::content`], what of it was
//! read in [`super::reading`].

use super::Core;
use super::command::{CommandError, Reply};
use super::ends::{self, Ends};
use super::event::Event;
use super::reading;
use super::rows::{self, AckRow, AckedLog, ChatRow, LastRow};
use super::timers::Timer;
use crate::crypto::{hash, labels};
use crate::history::space::Space;
use crate::ids::{AccountId, ChanId, CmdId, DeviceId, EntryId, LinkId, SpaceId};
use crate::limits;
use crate::store::Table;
use crate::view::{CallOutcome, ChatView, DeviceProgress, Hlc, MessageState, Preview, Progress, ReadMarks};
use crate::wire::codec;
use crate::wire::entry::Create;
use crate::wire::link::{Ack, LinkMsg, Typing};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A person is shown as typing this long after their device last said so.
const TYPING_SHOWN: Duration = Duration::from_secs(6);
/// A device says at most this often that its person is typing.
const TYPING_SAID: Duration = Duration::from_secs(4);
/// Characters of a message shown in lists.
const PREVIEW_CHARS: usize = 120;

/// A conversation with one other person.
pub(super) struct Chat {
    pub id: SpaceId,
    pub peer: AccountId,
    pub space: Space,
    pub last: Option<Last>,
    pub unread: u32,
    /// How far the person here has read what others wrote.
    pub read: ReadMarks,
    /// How far the other person has read what we wrote, by their own word.
    pub peer_read: ReadMarks,
    /// How far mailboxes were given what own devices wrote, at the farthest: it may be lost there, and stays said.
    pub held: ReadMarks,
    /// Walks through what is unread so far; see [`super::reading`].
    pub walks: u64,
    /// Unread messages that came since the last walk began.
    pub came_since: u32,
    pub draft: String,
    pub muted: bool,
    pub typing: bool,
    /// When we last told them that we are typing.
    said_typing: Option<crate::time::Mono>,
    /// How far each other device has got in each log: what it acknowledged.
    pub acks: BTreeMap<DeviceId, BTreeMap<(ChanId, DeviceId), u64>>,
    /// Entries that a connected device has and we do not.
    pub missing: u64,
    /// Where this device's own logs end.
    pub ends: Ends,
}

/// A position in a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub chan: ChanId,
    /// Whose log.
    pub log: DeviceId,
    pub seq: u64,
    /// Id of the entry there.
    pub id: EntryId,
}

/// The newest message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub id: EntryId,
    pub device: DeviceId,
    pub seq: u64,
    pub hlc: Hlc,
    pub text: String,
    pub call: Option<CallOutcome>,
    pub mine: bool,
}

/// Genesis of the conversation between two accounts, the same on both sides.
fn genesis(a: AccountId, b: AccountId) -> Create {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    Create { v: 1, kind: 1, founders: vec![low.to_vec(), high.to_vec()], nonce: Vec::new() }
}

/// Id of the conversation between two accounts.
pub(super) fn direct_space(a: AccountId, b: AccountId) -> SpaceId {
    SpaceId(hash::id(labels::SPACE, &codec::encode(&genesis(a, b))))
}

impl Chat {
    pub fn new(own: AccountId, device: DeviceId, peer: AccountId) -> Self {
        let id = direct_space(own, peer);
        Self {
            id,
            peer,
            space: Space::new(id, device, [own, peer]),
            last: None,
            unread: 0,
            read: ReadMarks::default(),
            peer_read: ReadMarks::default(),
            held: ReadMarks::default(),
            walks: 0,
            came_since: 0,
            draft: String::new(),
            muted: false,
            typing: false,
            said_typing: None,
            acks: BTreeMap::new(),
            missing: 0,
            ends: Ends::new(),
        }
    }

    /// Last position of a log here.
    pub fn last_seq(&self, chan: ChanId, log: DeviceId) -> u64 {
        self.space.log(chan, log).map_or(0, crate::history::log::Log::last_seq)
    }

    /// What other devices acknowledged of a log, highest of those that `of` picks.
    fn acked(&self, chan: ChanId, log: DeviceId, of: impl Fn(DeviceId) -> bool) -> u64 {
        self.acks.iter().filter(|(d, _)| of(**d)).filter_map(|(_, logs)| logs.get(&(chan, log))).copied().max().unwrap_or(0)
    }

    /// Notes a message that was stored, for lists and counts.
    pub fn note(&mut self, last: Last, unread: bool) {
        if unread {
            self.unread = self.unread.saturating_add(1);
            self.came_since = self.came_since.saturating_add(1);
        }
        if self.last.as_ref().is_none_or(|l| (l.hlc, l.id) <= (last.hlc, last.id)) {
            self.last = Some(last);
        }
    }
}

/// The beginning of a text, on one line.
pub(super) fn preview(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).take(PREVIEW_CHARS).collect()
}

impl Core {
    pub(super) fn touch_chat(&mut self, chat: SpaceId) {
        self.touched.chats.insert(chat);
        self.dirty = true;
    }

    pub(super) fn chat_changed(&mut self, chat: SpaceId) {
        self.touch_chat(chat);
        self.gate.notify(Event::ChatChanged { chat_id: chat });
    }

    pub(super) fn flush_chats(&mut self) {
        for id in std::mem::take(&mut self.touched.chats) {
            let (Some(chat), Some(me)) = (self.chats.get(&id), &self.me) else { continue };
            let row = ChatRow {
                peer: chat.peer.to_vec(),
                unread: chat.unread,
                read: reading::to_rows(&chat.read),
                peer_read: reading::to_rows(&chat.peer_read),
                held: reading::to_rows(&chat.held),
                draft: chat.draft.clone(),
                muted: chat.muted,
                last: chat.last.as_ref().map(|l| LastRow {
                    id: l.id.to_vec(),
                    device: l.device.to_vec(),
                    seq: l.seq,
                    hlc: l.hlc.0,
                    text: l.text.clone(),
                    mine: l.mine,
                    call: rows::outcome_number(l.call),
                }),
                ends: chat.ends_to_rows(me.device_id()),
            };
            self.gate.write(rows::put(Table::Chat, id.to_vec(), &row));
        }
        for (space, device) in std::mem::take(&mut self.touched.acks) {
            let Some(logs) = self.chats.get(&space).and_then(|c| c.acks.get(&device)) else { continue };
            let logs = logs.iter().map(|((chan, log), seq)| AckedLog { chan: chan.to_vec(), device: log.to_vec(), seq: *seq }).collect();
            let row = AckRow { space: space.to_vec(), device: device.to_vec(), logs };
            let mut scope = space.to_vec();
            scope.extend_from_slice(device.as_bytes());
            self.gate.write(rows::put(Table::Ack, scope, &row));
        }
    }

    /// Reads a conversation's head back. The own account is read before: rows are handed over once all tables are there.
    pub(super) fn load_chat(&mut self, own: AccountId, device: DeviceId, row: ChatRow) -> Option<()> {
        let peer = AccountId::from_slice(&row.peer).ok()?;
        let mut chat = Chat::new(own, device, peer);
        chat.unread = row.unread;
        chat.read = reading::from_rows(&row.read)?;
        chat.peer_read = reading::from_rows(&row.peer_read)?;
        chat.ends = ends::from_rows(device, &row.ends);
        chat.held = reading::from_rows(&row.held)?;
        chat.draft = row.draft;
        chat.muted = row.muted;
        chat.last = row.last.and_then(|l| {
            Some(Last {
                id: EntryId::from_slice(&l.id).ok()?,
                device: DeviceId::from_slice(&l.device).ok()?,
                seq: l.seq,
                hlc: Hlc(l.hlc),
                text: l.text,
                call: rows::outcome_of(l.call),
                mine: l.mine,
            })
        });
        self.chats.insert(chat.id, chat);
        Some(())
    }

    pub(super) fn load_ack(&mut self, row: &AckRow) -> Option<()> {
        let space = SpaceId::from_slice(&row.space).ok()?;
        let device = DeviceId::from_slice(&row.device).ok()?;
        let chat = self.chats.get_mut(&space)?;
        let logs = chat.acks.entry(device).or_default();
        for log in &row.logs {
            logs.insert((ChanId::from_slice(&log.chan).ok()?, DeviceId::from_slice(&log.device).ok()?), log.seq);
        }
        Some(())
    }

    /// How far the own messages of a chat have got.
    pub(super) fn progress(&self, chat: &Chat) -> Progress {
        let Some(me) = &self.me else { return Progress::default() };
        let own: BTreeSet<DeviceId> = me.devices.devices.iter().map(|d| d.device).collect();
        let devices = own
            .iter()
            .map(|log| DeviceProgress {
                device: *log,
                sent: chat.acked(ChanId::MAIN, *log, |d| own.contains(&d) && d != *log),
                held: chat.held.of(*log),
                delivered: chat.acked(ChanId::MAIN, *log, |d| !own.contains(&d)),
                read: if self.settings.receipts { chat.peer_read.of(*log) } else { 0 },
            })
            .collect();
        Progress { devices }
    }

    pub(super) fn chat_view(&self, chat: &Chat) -> ChatView {
        let progress = self.progress(chat);
        ChatView {
            chat_id: chat.id,
            account_id: chat.peer,
            last: chat.last.as_ref().map(|l| Preview {
                text: l.text.clone(),
                call: l.call,
                mine: l.mine,
                at: l.hlc.unix(),
                state: l.mine.then(|| progress.state(l.device, l.seq)),
            }),
            unread: chat.unread,
            read: chat.read.clone(),
            draft: chat.draft.clone(),
            muted: chat.muted,
            typing: chat.typing,
            missing: chat.missing,
            progress,
            standings: std::sync::Arc::new(chat.space.standings()),
        }
    }

    /// Own messages of this device that no device of the other person has stored.
    pub(super) fn undelivered(&self, chat: &Chat) -> u64 {
        let Some(me) = &self.me else { return 0 };
        let own = me.device_id();
        let have = chat.last_seq(ChanId::MAIN, own);
        have.saturating_sub(chat.acked(ChanId::MAIN, own, |d| me.devices.devices.iter().all(|o| o.device != d)))
    }

    /// Number of own messages that no mailbox holds either.
    pub(super) fn unheld(&self, chat: &Chat) -> u64 {
        let Some(me) = &self.me else { return 0 };
        let own = me.device_id();
        let held = chat.held.of(own);
        chat.last_seq(ChanId::MAIN, own).saturating_sub(held)
    }

    /// A device says how far it has a log.
    pub(super) fn on_ack(&mut self, device: DeviceId, account: AccountId, ack: &Ack) {
        let (Ok(space), Ok(chan), Ok(log), Ok(id)) = (
            SpaceId::from_slice(&ack.space),
            ChanId::from_slice(&ack.chan),
            DeviceId::from_slice(&ack.device),
            EntryId::from_slice(&ack.id),
        ) else {
            return self.refuse("ack_unfit");
        };
        self.acknowledged(space, account, device, &Mark { chan, log, seq: ack.seq, id });
    }

    /// Notes how far a device has a log, and tells people where that is news about their own messages.
    pub(super) fn acknowledged(&mut self, space: SpaceId, account: AccountId, device: DeviceId, mark: &Mark) {
        let Mark { chan, log, seq, id } = *mark;
        let Some(me) = &self.me else { return };
        let own_device = me.devices.devices.iter().any(|d| d.device == log);
        let from_own = account == me.account;
        let Some(chat) = self.chats.get_mut(&space).filter(|c| c.peer == account || from_own) else {
            return self.refuse("ack_of_other_chat");
        };
        // Nobody can have more of a log than its writer; a larger claim would show messages as delivered before they exist.
        if seq > chat.last_seq(chan, log) {
            return self.refuse("ack_ahead");
        }
        // Nothing of a log is no news, and must not make room for logs that do not exist.
        if seq == 0 {
            return self.refuse("ack_of_nothing");
        }
        let known = chat.acks.entry(device).or_default().entry((chan, log)).or_insert(0);
        if seq <= *known {
            return;
        }
        *known = seq;
        self.touched.acks.insert((space, device));
        self.dirty = true;
        if own_device && chan == ChanId::MAIN {
            // They may have said already that they have read it.
            let read = self.settings.receipts && chat.peer_read.covers(log, seq);
            let state = match (from_own, read) {
                (true, _) => MessageState::Sent,
                (false, true) => MessageState::Read,
                (false, false) => MessageState::Delivered,
            };
            self.gate.notify(Event::MessageState { chat_id: space, message_id: id, state });
        }
    }

    pub(super) fn say_typing(&mut self, cmd: CmdId, space: SpaceId) {
        let now = self.now.mono;
        let Some(chat) = self.chats.get_mut(&space) else {
            return self.gate.reply(cmd, Err(CommandError::UnknownChat));
        };
        if self.settings.typing && chat.said_typing.is_none_or(|at| now.since(at) >= TYPING_SAID) {
            chat.said_typing = Some(now);
            let peer = chat.peer;
            self.tell(peer, &LinkMsg::Typing(Typing { space: space.to_vec(), on: true }));
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    /// A message went out, so its writer is not typing it any more.
    pub(super) fn typing_done(&mut self, space: SpaceId) {
        if let Some(chat) = self.chats.get_mut(&space) {
            chat.said_typing = None;
        }
    }

    pub(super) fn on_typing(&mut self, account: AccountId, msg: &Typing) {
        if !self.settings.typing {
            return;
        }
        let Some(chat) = SpaceId::from_slice(&msg.space).ok().and_then(|s| self.chats.get_mut(&s)).filter(|c| c.peer == account) else {
            return;
        };
        let (space, changed) = (chat.id, chat.typing != msg.on);
        chat.typing = msg.on;
        if msg.on {
            self.timers.set(Timer::TypingEnds(space), self.now.mono.after(TYPING_SHOWN));
        } else {
            self.timers.clear(Timer::TypingEnds(space));
        }
        if changed {
            self.dirty = true;
            self.gate.notify(Event::Typing { chat_id: space, account_id: account, on: msg.on });
        }
    }

    pub(super) fn typing_ended(&mut self, space: SpaceId) {
        let Some(chat) = self.chats.get_mut(&space).filter(|c| c.typing) else { return };
        chat.typing = false;
        let account = chat.peer;
        self.timers.clear(Timer::TypingEnds(space));
        self.dirty = true;
        self.gate.notify(Event::Typing { chat_id: space, account_id: account, on: false });
    }

    pub(super) fn typing_stopped(&mut self, account: AccountId) {
        if let Some(space) = self.chat_with(account) {
            self.typing_ended(space);
        }
    }

    pub(super) fn keep_draft(&mut self, cmd: CmdId, space: SpaceId, mut text: String) {
        let Some(chat) = self.chats.get_mut(&space) else {
            return self.gate.reply(cmd, Err(CommandError::UnknownChat));
        };
        if text.len() > limits::TEXT {
            let end = (0..=limits::TEXT).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
            text.truncate(end);
        }
        if chat.draft != text {
            chat.draft = text;
            self.chat_changed(space);
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    pub(super) fn mute(&mut self, cmd: CmdId, space: SpaceId, on: bool) {
        let Some(chat) = self.chats.get_mut(&space) else {
            return self.gate.reply(cmd, Err(CommandError::UnknownChat));
        };
        if chat.muted != on {
            chat.muted = on;
            self.chat_changed(space);
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    /// Tells one person's connected devices.
    pub(super) fn tell(&mut self, account: AccountId, msg: &LinkMsg) {
        let links: Vec<LinkId> = self.auths(account).map(|(id, _)| id).collect();
        for id in links {
            self.send_link(id, msg.clone());
        }
    }
}
