//! What has been read: by the person here, told to the other and to the own devices; and by the other, by their word.
//!
//! A mark is a position in each log, see [`ReadMarks`]. Where it has to be found out which positions a stamp means, or how much
//! is left, the logs are walked in the store from the first entry that is not read.

use super::command::{CommandError, Reply};
use super::content::ChatRead;
use super::event::Event;
use super::{Core, ReadFor};
use crate::history::keys;
use crate::history::rows::{self, LogRow};
use crate::history::space::Standing;
use crate::ids::{AccountId, ChanId, CmdId, DeviceId, LinkId, SpaceId};
use crate::limits;
use crate::store::{Dir, Found, Read as StoreRead, Row, Table};
use crate::view::{Hlc, MessageState, ReadMarks};
use crate::wire::bodies::kind;
use crate::wire::link::{LinkMsg, Read, ReadUpTo};

/// Entries looked at in one read: a millisecond of decoding.
const PAGE: usize = 256;
/// Bytes of one read of them; without what the timeline keeps, an entry is a few hundred.
const PAGE_BYTES: usize = 1 << 20;
/// Messages counted as unread at most; more is "many".
const UNREAD_COUNTED: u32 = 1000;

/// A walk through what others wrote and nobody here has read.
#[derive(Debug)]
pub(super) struct Walk {
    /// Who waits for it.
    cmd: Option<CmdId>,
    /// Everything stamped up to here was seen; without it the walk only counts.
    up_to: Option<Hlc>,
    /// Logs to be walked: from where, and the end that they had when the walk began. What came later nobody can have meant.
    left: Vec<(DeviceId, u64, u64)>,
    /// Where reading was found to have got.
    found: Vec<(DeviceId, u64)>,
    unread: u32,
    /// Which of the chat's walks it is: only the last one's count holds.
    number: u64,
}

impl Walk {
    /// Who waits for it.
    pub(super) fn command(&self) -> Option<CmdId> {
        self.cmd
    }
}

impl Core {
    /// The person has seen everything up to a stamp, or everything that is here.
    pub(super) fn mark_read(&mut self, cmd: CmdId, space: SpaceId, up_to: Option<Hlc>) {
        let Some(chat) = self.chats.get(&space) else {
            return self.gate.reply(cmd, Err(CommandError::UnknownChat));
        };
        let up_to = up_to.unwrap_or_else(|| chat.space.last_hlc(ChanId::MAIN));
        let (mut found, mut left) = (Vec::new(), Vec::new());
        for (device, log) in chat.space.logs(ChanId::MAIN).filter(|(d, _)| !self.is_own_log(space, *d)) {
            let (from, end) = (chat.read.of(device).saturating_add(1), log.last_seq());
            match end < from {
                true => {}
                false if log.last_hlc() <= up_to => found.push((device, end)),
                false => left.push((device, from, end)),
            }
        }
        self.walk(space, Some(cmd), Some(up_to), left, found);
    }

    /// Counts anew what is unread.
    pub(super) fn count_unread(&mut self, space: SpaceId) {
        let Some(chat) = self.chats.get(&space) else { return };
        let left = chat
            .space
            .logs(ChanId::MAIN)
            .filter(|(device, _)| !self.is_own_log(space, *device))
            .map(|(device, log)| (device, chat.read.of(device).saturating_add(1), log.last_seq()))
            .filter(|(_, from, end)| from <= end)
            .collect();
        self.walk(space, None, None, left, Vec::new());
    }

    fn is_own_log(&self, space: SpaceId, device: DeviceId) -> bool {
        let Some(me) = &self.me else { return false };
        let said = self.chats.get(&space).and_then(|chat| chat.space.account_of(device));
        said.map_or_else(|| me.devices.device(device).is_some(), |account| account == me.account)
    }

    fn walk(
        &mut self,
        space: SpaceId,
        cmd: Option<CmdId>,
        up_to: Option<Hlc>,
        left: Vec<(DeviceId, u64, u64)>,
        found: Vec<(DeviceId, u64)>,
    ) {
        let Some(chat) = self.chats.get_mut(&space) else { return };
        chat.walks = chat.walks.saturating_add(1);
        chat.came_since = 0;
        let walk = Walk { cmd, up_to, left, found, unread: 0, number: chat.walks };
        self.walk_on(space, walk);
    }

    fn walk_on(&mut self, space: SpaceId, walk: Walk) {
        let Some((device, from, end)) = walk.left.last().copied() else { return self.walked(space, walk) };
        let read = StoreRead::Range {
            table: Table::Log,
            scope: keys::log_scope(space, ChanId::MAIN, device),
            from: from.to_be_bytes().to_vec(),
            to: end.checked_add(1).map(|to| to.to_be_bytes().to_vec()),
            dir: Dir::Forward,
            max_rows: PAGE,
            max_bytes: PAGE_BYTES,
        };
        self.read(ReadFor::Chat(ChatRead::Unread(space, walk)), read);
    }

    pub(super) fn on_walk_read(&mut self, space: SpaceId, mut walk: Walk, page: &[Row]) {
        let (Some(chat), Some((device, _, end))) = (self.chats.get(&space), walk.left.pop()) else { return };
        let mut last = 0;
        let mut seen = None;
        for row in page {
            let Ok(row) = rows::decode::<LogRow>(&row.value) else { continue };
            let Ok((header, stored)) = row.stored() else { continue };
            last = header.seq;
            if walk.up_to.is_some_and(|up_to| header.hlc <= up_to) {
                seen = Some(header.seq);
            } else if row.in_timeline
                && kind::wants_reading(header.kind)
                && chat.space.standing(ChanId::MAIN, device, header.seq, stored.root) != Standing::Void
            {
                walk.unread = walk.unread.saturating_add(1);
            }
        }
        let past = seen != Some(last);
        walk.found.extend(seen.map(|seq| (device, seq)));
        let enough = past && walk.unread >= UNREAD_COUNTED;
        if !page.is_empty() && last < end && last > 0 && !enough {
            walk.left.push((device, last.saturating_add(1), end));
        }
        self.walk_on(space, walk);
    }

    /// A walk has come to its end: positions move on, and those who should know are told.
    fn walked(&mut self, space: SpaceId, walk: Walk) {
        let Some(chat) = self.chats.get_mut(&space) else { return };
        let mut moved = Vec::new();
        for (device, seq) in walk.found {
            if chat.read.raise(device, seq) {
                moved.push((device, seq));
            }
        }
        let counted = walk.number == chat.walks;
        let unread = walk.unread.saturating_add(chat.came_since);
        let changed = counted && chat.unread != unread;
        if changed {
            chat.unread = unread;
        }
        let peer = chat.peer;
        if changed || !moved.is_empty() {
            self.chat_changed(space);
        }
        if !moved.is_empty() {
            self.tell_read(space, peer, &moved);
        }
        if let Some(cmd) = walk.cmd {
            self.gate.reply(cmd, Ok(Reply::Done));
        }
    }

    pub(super) fn walk_failed(&mut self, walk: &Walk, found: Result<Found, String>) {
        self.refuse("store_silent");
        if let (Some(cmd), Err(why)) = (walk.cmd, found) {
            self.gate.reply(cmd, Err(CommandError::NotStored(why)));
        }
    }

    fn tell_read(&mut self, space: SpaceId, peer: AccountId, moved: &[(DeviceId, u64)]) {
        let receipts = self.settings.receipts;
        let to: Vec<LinkId> = self
            .links
            .iter()
            .filter(|(_, l)| l.auth.as_ref().is_some_and(|a| a.own || a.account == peer && receipts))
            .map(|(id, _)| *id)
            .collect();
        for id in to {
            self.send_read(id, space, moved);
        }
    }

    fn send_read(&mut self, id: LinkId, space: SpaceId, marks: &[(DeviceId, u64)]) {
        for some in marks.chunks(limits::READ_LOGS) {
            let logs = some.iter().map(|(device, seq)| ReadUpTo { device: device.to_vec(), seq: *seq }).collect();
            self.send_link(id, LinkMsg::Read(Read { space: space.to_vec(), logs }));
        }
    }

    /// Tells a device that was just connected how far this account has read: the other person in their conversation, an own
    /// device in all.
    pub(super) fn send_reads(&mut self, id: LinkId, account: AccountId) {
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        if !own && !self.settings.receipts {
            return;
        }
        let reads: Vec<(SpaceId, Vec<(DeviceId, u64)>)> =
            self.chats.iter().filter(|(_, c)| own || c.peer == account).map(|(space, c)| (*space, c.read.iter().collect())).collect();
        for (space, marks) in reads {
            self.send_read(id, space, &marks);
        }
    }

    /// Somebody, or another own device, has read on.
    pub(super) fn on_read(&mut self, account: AccountId, msg: &Read) {
        let Ok(space) = SpaceId::from_slice(&msg.space) else { return self.refuse("read_unfit") };
        let marks = msg.logs.iter().map(|log| DeviceId::from_slice(&log.device).map(|device| (device, log.seq)));
        let Ok(marks) = marks.collect::<Result<Vec<_>, _>>() else { return self.refuse("read_unfit") };
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        if !self.chats.get(&space).is_some_and(|c| own || c.peer == account) {
            return self.refuse("read_of_other_chat");
        }
        if own { self.on_own_read(space, marks) } else { self.on_peer_read(space, marks) }
    }

    /// Another own device has seen what is perhaps still on its way here: it counts once it comes.
    fn on_own_read(&mut self, space: SpaceId, marks: Vec<(DeviceId, u64)>) {
        let mut moved = false;
        for (device, seq) in marks {
            if self.is_own_log(space, device) {
                self.refuse("read_of_other_log");
            } else if let Some(chat) = self.chats.get_mut(&space) {
                moved |= chat.read.raise(device, seq);
            }
        }
        if moved {
            self.chat_changed(space);
            self.count_unread(space);
        }
    }

    fn on_peer_read(&mut self, space: SpaceId, marks: Vec<(DeviceId, u64)>) {
        let Some(this) = self.me.as_ref().map(super::me::Me::device_id) else { return };
        let before = self.state_of_last(space);
        let mut moved = false;
        for (device, seq) in marks {
            if !self.is_own_log(space, device) {
                self.refuse("read_of_other_log");
                continue;
            }
            let Some(chat) = self.chats.get_mut(&space) else { return };
            // Nobody has read what this device has not written. What another own device wrote may still be on its way here.
            if device == this && seq > chat.last_seq(ChanId::MAIN, device) {
                self.refuse("read_ahead");
                continue;
            }
            moved |= chat.peer_read.raise(device, seq);
        }
        if !moved {
            return;
        }
        self.touch_chat(space);
        let after = self.state_of_last(space);
        let last = self.chats.get(&space).and_then(|c| c.last.as_ref()).map(|l| l.id);
        if let (Some(message_id), Some(MessageState::Read), true) = (last, after, before != after) {
            self.gate.notify(Event::MessageState { chat_id: space, message_id, state: MessageState::Read });
        }
    }

    /// State of the newest message, where it is ours.
    fn state_of_last(&self, space: SpaceId) -> Option<MessageState> {
        let chat = self.chats.get(&space)?;
        let last = chat.last.as_ref().filter(|l| l.mine)?;
        Some(self.progress(chat).state(last.device, last.seq))
    }
}

/// Positions as they are stored.
pub(super) fn to_rows(marks: &ReadMarks) -> Vec<ReadUpTo> {
    marks.iter().map(|(device, seq)| ReadUpTo { device: device.to_vec(), seq }).collect()
}

/// Positions as they were stored.
pub(super) fn from_rows(rows: &[ReadUpTo]) -> Option<ReadMarks> {
    let mut marks = ReadMarks::default();
    for row in rows {
        marks.raise(DeviceId::from_slice(&row.device).ok()?, row.seq);
    }
    Some(marks)
}
