//! What conversations contain: writing entries, taking in those of others, and telling people about them.

use super::changes::Wish;
use super::chat::{Last, preview};
use super::command::{CommandError, Reply};
use super::event::Event;
use super::reading::Walk;
use super::timers::Timer;
use super::{Core, ReadFor};
use crate::history::append::AppendError;
use crate::history::apply::Folded;
use crate::history::entry::Parsed;
use crate::history::ingest::{Accepted, Ingest, Refusal};
use crate::history::rows::TimelineRow;
use crate::history::show;
use crate::history::space::{Lookup, Need, Space};
use crate::identity::text;
use crate::ids::{AccountId, ChanId, CmdId, DeviceId, EntryId, LinkId, ReadId, SpaceId};
use crate::limits;
use crate::store::{Found, Read, Table};
use crate::view::{MessageBody, Relation};
use crate::wire::bodies::{AuthOp, Devices, Keep, Text, auth_op, kind};
use crate::wire::codec;
use crate::wire::entry::{Entry, EntryBatch};
use crate::wire::link::{Ack, LinkMsg, Payload};
use std::collections::BTreeSet;
use std::time::Duration;

/// Bytes of entries in one ratchet message: with header and padding it fits a 16 KiB mailbox frame.
const BATCH_BYTES: usize = limits::ENTRY;
/// Wait before the other devices of a conversation are asked whether they have what just came from one of them.
const SPREAD: Duration = Duration::from_secs(2);

/// What a read for a conversation is about.
#[derive(Debug)]
pub(super) enum ChatRead {
    /// Answers a question of the history engine, raised by what came on a connection.
    Lookup(SpaceId, Lookup, Option<LinkId>),
    /// Brings the place of a message that operations are to be applied to.
    FoldPlace(SpaceId, EntryId),
    /// Brings its row.
    FoldRow(SpaceId, ChanId, EntryId),
    /// Brings records that repeat text which is to be forgotten.
    FoldForget(SpaceId, Box<Folded>),
    /// Brings the place of a message that the person wants to change.
    Target(CmdId, SpaceId, EntryId, Wish),
    /// Brings entries that nobody here has read.
    Unread(SpaceId, Walk),
    /// Brings the own auth log, whose record was lost.
    OwnAuth(SpaceId),
}

impl Core {
    /// Reads logs back into the conversations that are there.
    pub(super) fn load_logs(&mut self, rows: &[(Table, Vec<u8>)]) {
        let Some(me) = &self.me else { return };
        let (own, device) = (me.account, me.device_id());
        let heads = || rows.iter().filter(|(t, _)| *t == Table::LogHead).map(|(_, bytes)| bytes.as_slice());
        let mut by_space: std::collections::BTreeMap<SpaceId, Vec<&[u8]>> = std::collections::BTreeMap::new();
        let mut unreadable = 0_u64;
        for bytes in heads() {
            match Space::of_row(bytes) {
                Ok(space) => by_space.entry(space).or_default().push(bytes),
                Err(_) => unreadable = unreadable.saturating_add(1),
            }
        }
        let mut folds = Vec::new();
        for (id, values) in by_space {
            let Some(chat) = self.chats.get_mut(&id) else { continue };
            match Space::restore(id, device, [own, chat.peer], values) {
                Ok(space) => {
                    folds.extend(space.folds().into_iter().map(|target| (id, target)));
                    chat.space = space;
                }
                Err(_) => unreadable = unreadable.saturating_add(1),
            }
        }
        for (space, target) in folds {
            self.begin_fold(space, target);
        }
        for _ in 0..unreadable {
            self.refuse("row_unreadable");
        }
    }

    pub(super) fn send_text(&mut self, cmd: CmdId, space: SpaceId, said: &str, reply_to: Option<EntryId>) {
        let result = self.write_text(space, said, reply_to);
        self.gate.reply(cmd, result.map(Reply::Message));
    }

    fn write_text(&mut self, space: SpaceId, said: &str, reply_to: Option<EntryId>) -> Result<EntryId, CommandError> {
        let clean = text::clean_message(said).map_err(|e| CommandError::Invalid { field: "text", why: e.to_string() })?;
        let body = codec::encode(&Text { text: clean, reply_to: reply_to.map(|id| id.to_vec()) });
        let id = self.write(space, kind::TEXT, body)?;
        self.typing_done(space);
        if let Some(chat) = self.chats.get_mut(&space).filter(|c| !c.draft.is_empty()) {
            chat.draft.clear();
            self.chat_changed(space);
        }
        Ok(id)
    }

    /// Appends an own entry to a conversation and has it pushed to every connected device.
    pub(super) fn write(&mut self, space: SpaceId, kind: u32, body: Vec<u8>) -> Result<EntryId, CommandError> {
        let peer = self.chats.get(&space).ok_or(CommandError::UnknownChat)?.peer;
        match self.people.get(&peer).map(|p| p.relation) {
            Some(Relation::Contact) => {}
            Some(Relation::Blocked) => return Err(CommandError::Blocked),
            _ => return Err(CommandError::NotContact),
        }
        if self.clone_seen || !self.is_listed() {
            return Err(CommandError::DeviceRetired);
        }
        if self.clock_off.is_some() {
            return Err(CommandError::ClockWrong);
        }
        self.introduce(space)?;
        self.append(space, ChanId::MAIN, kind, body)
    }

    /// Makes this device, and the account's current devices, known in a conversation before it writes there.
    fn introduce(&mut self, space: SpaceId) -> Result<(), CommandError> {
        let Some(me) = &self.me else { return Err(CommandError::NoAccount) };
        let Some(chat) = self.chats.get(&space) else { return Err(CommandError::UnknownChat) };
        let known: BTreeSet<DeviceId> = chat.space.devices_of(me.account).collect();
        let listed: BTreeSet<DeviceId> = me.devices.devices.iter().map(|d| d.device).collect();
        if known == listed && chat.space.is_entitled(me.device_id()) {
            return Ok(());
        }
        let keep = known
            .difference(&listed)
            .flat_map(|gone| {
                let chans = [ChanId::AUTH, ChanId::MAIN];
                chans.map(|chan| Keep { device: gone.to_vec(), chan: chan.to_vec(), seq: chat.last_seq(chan, *gone) })
            })
            .collect();
        let op = AuthOp { op: Some(auth_op::Op::Devices(Devices { set: Some(me.device_set.clone()), keep })) };
        self.append(space, ChanId::AUTH, kind::AUTH, codec::encode(&op)).map(|_| ())
    }

    fn append(&mut self, space: SpaceId, chan: ChanId, kind: u32, body: Vec<u8>) -> Result<EntryId, CommandError> {
        let salt = self.dice.bytes();
        let now = self.now;
        let me = self.me.as_ref().ok_or(CommandError::NoAccount)?;
        let chat = self.chats.get_mut(&space).ok_or(CommandError::UnknownChat)?;
        let own = me.device_id();
        if chat.is_behind(own, chan) {
            return Err(CommandError::HistoryIncomplete);
        }
        let sign = |purpose: &str, payload: &[u8]| me.device.sign(purpose, payload);
        let (id, ingest) = chat.space.append(now, chan, kind, body, salt, sign).map_err(|e| match e {
            AppendError::ClockBehind => CommandError::ClockWrong,
            AppendError::Forked | AppendError::Ended => CommandError::DeviceRetired,
            AppendError::NotIntroduced | AppendError::Invalid(_) => CommandError::Busy,
        })?;
        if chat.note_end(own, chan) {
            self.touch_chat(space);
        }
        for accepted in &ingest.accepted {
            self.push_live(space, &accepted.entry);
        }
        self.apply(space, ingest, None);
        self.feed_chat(space);
        Ok(id)
    }

    /// Queues an entry for every connected device of the conversation.
    fn push_live(&mut self, space: SpaceId, entry: &Parsed) {
        let Some(peer) = self.chats.get(&space).map(|c| c.peer) else { return };
        let devices: Vec<DeviceId> =
            self.links.values().filter_map(|l| l.auth.as_ref()).filter(|a| a.own || a.account == peer).map(|a| a.device).collect();
        for device in devices {
            self.live.entry((device, space)).or_default().push(entry.to_wire());
        }
    }

    /// Sends what was queued for connected devices in this turn.
    pub(super) fn flush_live(&mut self) {
        for ((device, space), entries) in std::mem::take(&mut self.live) {
            let Some(id) = self.link_of(device) else { continue };
            let Some(account) = self.links.get(&id).and_then(|l| l.auth.as_ref()).map(|a| a.account) else { continue };
            let mut batch = Vec::new();
            let mut bytes = 0_usize;
            for entry in entries {
                let len = codec::size(&entry);
                if !batch.is_empty() && bytes.saturating_add(len) > BATCH_BYTES {
                    self.send_batch(id, space, account, device, std::mem::take(&mut batch));
                    bytes = 0;
                }
                bytes = bytes.saturating_add(len);
                batch.push(entry);
            }
            self.send_batch(id, space, account, device, batch);
        }
    }

    fn send_batch(&mut self, id: LinkId, space: SpaceId, account: AccountId, device: DeviceId, entries: Vec<Entry>) {
        let payload = Payload::Batch(EntryBatch { entries });
        match self.seal_in(space, account, device, payload) {
            Some(frame) => {
                self.send_link(id, LinkMsg::Sealed(frame));
                self.expect_answer(id);
            }
            // Without a session yet the connection's own seal carries them, by way of sync.
            None => self.start_sync(id),
        }
    }

    /// Entries came from a device: on a connection, or without one.
    pub(super) fn on_batch(&mut self, id: Option<LinkId>, account: AccountId, space: SpaceId, entries: Vec<Entry>) {
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        if !self.chats.get(&space).is_some_and(|c| own || c.peer == account) {
            return self.refuse("batch_of_other_chat");
        }
        if !own && !self.people.get(&account).is_some_and(super::people::Person::is_contact) {
            return self.refuse("batch_of_stranger");
        }
        if entries.len() > limits::BATCH_ENTRIES {
            return match id {
                Some(id) => self.bad_frame(id, "batch_too_large"),
                None => self.refuse("batch_too_large"),
            };
        }
        let mut parsed = Vec::with_capacity(entries.len());
        for entry in entries {
            match Parsed::read(entry) {
                Ok(entry) => parsed.push(entry),
                Err(_) => self.refuse("entry_unfit"),
            }
        }
        let now = self.now;
        let Some(chat) = self.chats.get_mut(&space) else { return };
        let ingest = chat.space.ingest(now, parsed);
        let news = !ingest.accepted.is_empty();
        self.apply(space, ingest, id);
        if id.is_none() && news {
            self.spread(None, space);
        }
    }

    /// Does what the history engine came to.
    pub(super) fn apply(&mut self, space: SpaceId, ingest: Ingest, from: Option<LinkId>) {
        let Ingest { accepted, writes, needs, lookups, forks, refused, folds, auth_changed, dropped: _ } = ingest;
        self.gate.write_all(writes);
        for (_, refusal) in refused {
            self.refuse(reason(&refusal));
        }
        for _ in forks {
            self.refuse("history_duplicated");
        }
        let own_device = self.me.as_ref().map(super::me::Me::device_id);
        let mut logs = BTreeSet::new();
        let mut shown = false;
        for Accepted { entry, author, void, late: _, row } in &accepted {
            logs.insert((entry.header().chan, entry.header().device));
            if let (Some(row), false) = (row, void) {
                self.show(space, entry, *author, row);
                shown = true;
            }
        }
        if shown {
            self.touch_chat(space);
        }
        if auth_changed {
            self.auth_changed(space);
        }
        // This device writes its entries down before anybody hears of them, so others bring one only if a copy wrote it.
        let copied = |own| self.chats.get(&space).is_some_and(|chat| accepted.iter().any(|brought| chat.is_copied(own, brought)));
        if from.is_some() && own_device.is_some_and(copied) {
            self.see_clone();
        }
        self.acknowledge(from, space, &logs);
        if let Some(id) = from {
            self.ask_for(id, space, &needs);
            if !accepted.is_empty() {
                self.brought_news(id);
                self.arrived(space, accepted.len());
                self.spread(Some(id), space);
            }
        }
        for lookup in lookups {
            let read = lookup.read(space);
            self.read(ReadFor::Chat(ChatRead::Lookup(space, lookup, from)), read);
        }
        for target in folds {
            self.begin_fold(space, target);
        }
        let due = self.chats.get(&space).and_then(|c| c.space.next_due(self.now));
        match due {
            Some(at) => self.timers.set(Timer::Held(space), at),
            None => self.timers.clear(Timer::Held(space)),
        }
    }

    /// A message is stored: counts, lists, and whoever listens.
    fn show(&mut self, space: SpaceId, entry: &Parsed, author: AccountId, row: &TimelineRow) {
        let Some(own) = self.me.as_ref().map(|me| me.account) else { return };
        let Some(chat) = self.chats.get(&space) else { return };
        let progress = self.progress(chat);
        let header = entry.header();
        let root = row.version().unwrap_or_default();
        let standing = chat.space.standing(header.chan, header.device, header.seq, root);
        let Ok(Some(view)) = show::view(space, row, standing, own, &progress) else { return };
        let mine = author == own;
        let text = preview(&show::first_line(row));
        let call = match view.body {
            MessageBody::Call { outcome, .. } => Some(outcome),
            _ => None,
        };
        let last = Last { id: entry.id(), device: header.device, seq: header.seq, hlc: header.hlc, text, call, mine };
        if let Some(chat) = self.chats.get_mut(&space) {
            let unread = !mine && kind::wants_reading(header.kind) && !chat.read.covers(header.device, header.seq);
            chat.note(last, unread);
        }
        if !mine {
            self.typing_ended(space);
        }
        self.gate.notify(Event::MessageReceived { chat_id: space, message: view });
    }

    /// Devices or accounts changed by what the log says.
    fn auth_changed(&mut self, space: SpaceId) {
        let Some(chat) = self.chats.get(&space) else { return };
        let peer = chat.peer;
        if chat.space.is_gone(peer)
            && let Some(person) = self.people.get_mut(&peer).filter(|p| p.relation == Relation::Contact)
        {
            person.relation = Relation::Gone;
            self.person_changed(peer);
        }
    }

    /// Tells how far this device has the logs that just grew: whoever brought what made them grow, and their writers, whose entries
    /// may have waited here for others or for their time. Leaves only after it is durable.
    fn acknowledge(&mut self, from: Option<LinkId>, space: SpaceId, logs: &BTreeSet<(ChanId, DeviceId)>) {
        let Some(chat) = self.chats.get(&space) else { return };
        let mut acks: Vec<(LinkId, Ack)> = Vec::new();
        for (chan, device) in logs {
            let Some(tip) = chat.space.log(*chan, *device).and_then(|log| log.ends().max_by_key(|t| t.seq)) else { continue };
            let ack = Ack { space: space.to_vec(), chan: chan.to_vec(), device: device.to_vec(), seq: tip.seq, id: tip.id.to_vec() };
            let writer = self.link_of(*device).filter(|id| Some(*id) != from);
            acks.extend(from.into_iter().chain(writer).map(|id| (id, ack.clone())));
        }
        for (id, ack) in acks {
            self.send_ack(id, ack);
        }
    }

    fn ask_for(&mut self, id: LinkId, space: SpaceId, needs: &BTreeSet<Need>) {
        if !needs.is_empty() {
            self.want(id, space, needs);
        }
    }

    /// What came from one device may be news to the others of the conversation.
    fn spread(&mut self, from: Option<LinkId>, space: SpaceId) {
        let Some(peer) = self.chats.get(&space).map(|c| c.peer) else { return };
        let others: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(id, l)| Some(**id) != from && l.auth.as_ref().is_some_and(|a| a.own || a.account == peer))
            .map(|(id, _)| *id)
            .collect();
        for id in others {
            self.timers.set_at_most(Timer::Sync(id), self.now.mono.after(SPREAD));
        }
    }

    pub(super) fn release_held(&mut self, space: SpaceId) {
        let now = self.now;
        if let Some(chat) = self.chats.get_mut(&space) {
            let ingest = chat.space.tick(now);
            self.apply(space, ingest, None);
        }
    }

    pub(super) fn on_chat_read(&mut self, what: ChatRead, found: Result<Found, String>) {
        let now = self.now;
        match (what, found) {
            (ChatRead::Lookup(space, lookup, from), Ok(Found::Rows(rows))) => {
                if let Some(chat) = self.chats.get_mut(&space) {
                    let ingest = chat.space.found(now, &lookup, &rows);
                    self.apply(space, ingest, from);
                }
            }
            (ChatRead::FoldPlace(space, target), found) => {
                let value = first(found);
                self.on_fold_place(space, target, value.as_deref());
            }
            (ChatRead::FoldRow(space, chan, target), found) => {
                let value = first(found);
                self.on_fold_row(space, chan, target, value.as_deref());
            }
            (ChatRead::FoldForget(space, mut folded), found) => {
                if let Ok(Found::Values(values)) = found {
                    folded.forget(&values);
                }
                self.on_folded(space, *folded);
            }
            (ChatRead::Target(cmd, space, message, wish), Ok(Found::Values(values))) => {
                self.on_target(cmd, space, message, wish, values.into_iter().next().flatten());
            }
            (ChatRead::Target(cmd, ..), Err(why)) => self.gate.reply(cmd, Err(CommandError::NotStored(why))),
            (ChatRead::Target(cmd, ..), Ok(_)) => self.gate.reply(cmd, Err(CommandError::UnknownMessage)),
            (ChatRead::Unread(space, walk), Ok(Found::Rows(rows))) => self.on_walk_read(space, walk, &rows),
            (ChatRead::OwnAuth(space), Ok(Found::Rows(rows))) => self.on_own_auth(space, &rows),
            (ChatRead::Unread(_, walk), found) => self.walk_failed(&walk, found),
            (ChatRead::Lookup(..) | ChatRead::OwnAuth(_), _) => self.refuse("store_silent"),
        }
    }

    /// Has the store read something. The answer reflects every write handed out before.
    pub(super) fn read(&mut self, what: ReadFor, read: Read) {
        self.next_read = self.next_read.saturating_add(1);
        let id = ReadId(self.next_read);
        self.reads.insert(id, what);
        self.gate.read(id, read);
    }
}

/// The value of a read that asked for one.
fn first(found: Result<Found, String>) -> Option<Vec<u8>> {
    match found {
        Ok(Found::Values(values)) => values.into_iter().next().flatten(),
        Ok(Found::Rows(_)) | Err(_) => None,
    }
}

/// The name under which a refused entry is counted.
const fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Entry(_) => "entry_unfit",
        Refusal::Auth(_) => "entry_auth",
        Refusal::Log(_) => "entry_duplicated_history",
        Refusal::OtherSpace => "entry_of_other_chat",
        Refusal::StampNotAfterDep => "entry_backdated",
        Refusal::TooManyLogs => "entry_too_many_devices",
        Refusal::StoreIncomplete => "store_incomplete",
    }
}
