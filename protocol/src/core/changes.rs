//! Changing messages: edits, deletions and reactions, one's own and those of others.
//!
//! The message is looked up first, so that only its author's wishes become entries. Operations that arrive, from whomever,
//! are applied to the stored row by the history engine, in rounds of reads that the store answers.

use super::chat::preview;
use super::command::{CommandError, Reply};
use super::content::ChatRead;
use super::event::Event;
use super::{Core, ReadFor};
use crate::history::apply::{FoldNext, Folded};
use crate::history::keys;
use crate::history::rows::{self, IndexRow};
use crate::history::show;
use crate::identity::text;
use crate::ids::{ChanId, CmdId, DeviceId, EntryId, SpaceId};
use crate::store::Read;
use crate::wire::bodies::{Delete, Edit, React, kind};
use crate::wire::codec;

/// What the person wants to do to a message.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Edit(String),
    Delete,
    React(String, bool),
}

impl Core {
    pub(super) fn edit(&mut self, cmd: CmdId, space: SpaceId, message: EntryId, said: &str) {
        match text::clean_message(said) {
            Ok(text) => self.change(cmd, space, message, Wish::Edit(text)),
            Err(e) => self.gate.reply(cmd, Err(CommandError::Invalid { field: "text", why: e.to_string() })),
        }
    }

    pub(super) fn delete(&mut self, cmd: CmdId, space: SpaceId, message: EntryId) {
        self.change(cmd, space, message, Wish::Delete);
    }

    pub(super) fn react(&mut self, cmd: CmdId, space: SpaceId, message: EntryId, emoji: &str, on: bool) {
        match text::clean_emoji(emoji) {
            Ok(emoji) => self.change(cmd, space, message, Wish::React(emoji, on)),
            Err(e) => self.gate.reply(cmd, Err(CommandError::Invalid { field: "emoji", why: e.to_string() })),
        }
    }

    fn change(&mut self, cmd: CmdId, space: SpaceId, message: EntryId, wish: Wish) {
        if !self.chats.contains_key(&space) {
            return self.gate.reply(cmd, Err(CommandError::UnknownChat));
        }
        let read = Read::Get(vec![keys::index_key(space, message)]);
        self.read(ReadFor::Chat(ChatRead::Target(cmd, space, message, wish)), read);
    }

    pub(super) fn on_target(&mut self, cmd: CmdId, space: SpaceId, message: EntryId, wish: Wish, found: Option<Vec<u8>>) {
        let result = self.do_wish(space, message, wish, found);
        self.gate.reply(cmd, result.map(Reply::Message));
    }

    fn do_wish(&mut self, space: SpaceId, message: EntryId, wish: Wish, found: Option<Vec<u8>>) -> Result<EntryId, CommandError> {
        let row = found.and_then(|v| rows::decode::<IndexRow>(&v).ok()).ok_or(CommandError::UnknownMessage)?;
        let device = DeviceId::from_slice(&row.device).map_err(|_| CommandError::UnknownMessage)?;
        let author = self.chats.get(&space).and_then(|c| c.space.account_of(device));
        let mine = author.is_some() && author == self.me.as_ref().map(|me| me.account);
        let target = message.to_vec();
        let (kind, body) = match wish {
            Wish::Edit(_) | Wish::Delete if !mine => return Err(CommandError::NotYours),
            Wish::Edit(text) => (kind::EDIT, codec::encode(&Edit { target, text })),
            Wish::Delete => (kind::DELETE, codec::encode(&Delete { target })),
            Wish::React(emoji, on) => (kind::REACT, codec::encode(&React { target, emoji, on })),
        };
        self.write(space, kind, body)
    }

    /// Has the row of a message read, to apply what waits for it.
    pub(super) fn begin_fold(&mut self, space: SpaceId, target: EntryId) {
        let Some(chat) = self.chats.get_mut(&space) else { return };
        if let Some(read) = chat.space.fold_begin(target) {
            self.read(ReadFor::Chat(ChatRead::FoldPlace(space, target)), read);
        }
    }

    pub(super) fn on_fold_place(&mut self, space: SpaceId, target: EntryId, index: Option<&[u8]>) {
        let Some(chat) = self.chats.get_mut(&space) else { return };
        match chat.space.fold_place(target, index) {
            FoldNext::Wait => {}
            FoldNext::Read(read) => self.read(ReadFor::Chat(ChatRead::FoldRow(space, ChanId::MAIN, target)), read),
            FoldNext::Nothing(writes) => self.gate.write_all(writes),
        }
    }

    pub(super) fn on_fold_row(&mut self, space: SpaceId, chan: ChanId, target: EntryId, row: Option<&[u8]>) {
        let Some(chat) = self.chats.get_mut(&space) else { return };
        match chat.space.fold(chan, target, row) {
            Ok(folded) if folded.forget.is_empty() => self.on_folded(space, folded),
            Ok(folded) => {
                let read = Read::Get(folded.forget.clone());
                self.read(ReadFor::Chat(ChatRead::FoldForget(space, Box::new(folded))), read);
            }
            Err(_) => self.refuse("row_unreadable"),
        }
    }

    /// Operations were applied to a message.
    pub(super) fn on_folded(&mut self, space: SpaceId, folded: Folded) {
        self.gate.write_all(folded.writes);
        let Some(id) = folded.row.entry_id().ok().filter(|_| folded.changed) else { return };
        if let Some(last) = self.chats.get_mut(&space).and_then(|c| c.last.as_mut()).filter(|l| l.id == id) {
            last.text = preview(&show::first_line(&folded.row));
            self.touch_chat(space);
        }
        self.gate.notify(Event::MessageChanged { chat_id: space, message_id: id });
    }
}
