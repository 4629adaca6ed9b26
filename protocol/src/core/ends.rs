//! Where this device's own logs end. It is written down twice, in the log's own record and in that of the conversation: whoever
//! forgets it writes a second entry at a position that others know already, and everybody sees two histories from then on.
//!
//! What other devices acknowledged is a third witness. Where a log is shorter than any of them says, nothing is written to it until
//! it is whole again, from this disk or from others.

use super::Core;
use super::ReadFor;
use super::chat::Chat;
use super::content::ChatRead;
use super::rows::EndRow;
use crate::history::auth::AUTH_ENTRIES;
use crate::history::entry::Parsed;
use crate::history::ingest::Accepted;
use crate::history::keys;
use crate::history::log::{Log, Tip};
use crate::history::rows::{self, LogRow};
use crate::ids::{AccountId, ChanId, DeviceId, SpaceId};
use crate::store::Row;
use std::collections::BTreeMap;

/// Logs that a device writes in a conversation.
const CHANNELS: [ChanId; 2] = [ChanId::AUTH, ChanId::MAIN];
/// Rows of an own auth log that are read back, and their bytes: all that there can be, of which each is a list of devices.
const AUTH_ROWS: usize = 256;
const AUTH_BYTES: usize = 1024 * 1024;
const _: () = assert!(AUTH_ROWS as u64 >= AUTH_ENTRIES, "an own auth log is read back whole");

/// Where own logs end, by channel.
pub(super) type Ends = BTreeMap<ChanId, Tip>;

impl Chat {
    /// The highest position of a log of this device that anybody remembers.
    fn remembered(&self, own: DeviceId, chan: ChanId) -> u64 {
        let acked = self.acks.values().filter_map(|logs| logs.get(&(chan, own))).copied().max();
        self.ends.get(&chan).map(|end| end.seq).max(acked).unwrap_or(0)
    }

    /// Whether entries of this device are missing here that somebody remembers.
    pub fn is_behind(&self, own: DeviceId, chan: ChanId) -> bool {
        let log = self.space.log(chan, own);
        log.is_none_or(|log| log.fork().is_none()) && log.map_or(0, Log::last_seq) < self.remembered(own, chan)
    }

    /// Whether an own entry that somebody else brought shows that another node writes as this device. What this device itself wrote
    /// and lost is no such sign.
    pub fn is_copied(&self, own: DeviceId, brought: &Accepted) -> bool {
        let header = brought.entry.header();
        let lost = || header.seq <= self.remembered(own, header.chan);
        let forked = || self.space.log(header.chan, own).is_some_and(|log| log.fork().is_some());
        header.device == own && (forked() || !lost())
    }

    /// Notes where a log of this device ends now.
    pub fn note_end(&mut self, own: DeviceId, chan: ChanId) -> bool {
        let Some(log) = self.space.log(chan, own).filter(|log| log.fork().is_none()) else { return false };
        let (end, known) = (log.trunk(), self.ends.get(&chan).map_or(0, |end| end.seq));
        let news = end.seq > known;
        if news {
            self.ends.insert(chan, end);
        }
        news
    }

    pub fn ends_to_rows(&self, own: DeviceId) -> Vec<EndRow> {
        let row = |(chan, end): (&ChanId, &Tip)| EndRow { device: own.to_vec(), chan: chan.to_vec(), end: Some(end.into()) };
        self.ends.iter().map(row).collect()
    }
}

/// The ends of this device's logs among those that were stored.
pub(super) fn from_rows(own: DeviceId, rows: &[EndRow]) -> Ends {
    let own = rows.iter().filter(|row| row.device == own.as_bytes());
    own.filter_map(|row| Some((ChanId::from_slice(&row.chan).ok()?, row.end.as_ref()?.tip().ok()?))).collect()
}

impl Core {
    /// Another node runs with this device's key. That does not pass: the two would go on to write different things.
    pub(super) fn see_clone(&mut self) {
        if !std::mem::replace(&mut self.clone_seen, true) {
            self.touched.device = true;
            self.network_changed();
        }
    }

    /// Opens the conversations of contacts whose records were lost: what was said lies elsewhere and is found through them.
    pub(super) fn open_lost_chats(&mut self) {
        let contacts: Vec<AccountId> = self.people.values().filter(|p| p.is_contact()).map(|p| p.account).collect();
        for account in contacts {
            self.open_chat_with(account);
        }
    }

    /// Puts own logs right whose records were lost, as far as this disk remembers.
    pub(super) fn mend_own_logs(&mut self) {
        let Some(own) = self.me.as_ref().map(super::me::Me::device_id) else { return };
        let mut writes = Vec::new();
        let mut reads = Vec::new();
        for (id, chat) in &mut self.chats {
            // What lies behind the end of a log of messages is found when it is asked for. Auth operations are needed as such.
            if let Some(end) = chat.ends.get(&ChanId::MAIN).copied() {
                writes.extend(chat.space.recover(ChanId::MAIN, end));
            }
            let auth = chat.space.log(ChanId::AUTH, own).map_or(0, Log::last_seq);
            if let Some(end) = chat.ends.get(&ChanId::AUTH).filter(|end| end.seq > auth) {
                let read = keys::log_range(*id, ChanId::AUTH, own, 1, end.seq, AUTH_ROWS, AUTH_BYTES);
                reads.push((ReadFor::Chat(ChatRead::OwnAuth(*id)), read));
            }
            if CHANNELS.iter().filter(|chan| chat.note_end(own, **chan)).count() > 0 {
                self.touched.chats.insert(*id);
            }
        }
        self.gate.write_all(writes);
        for (what, read) in reads {
            self.read(what, read);
        }
    }

    /// Takes in what this disk still has of an own auth log.
    pub(super) fn on_own_auth(&mut self, space: SpaceId, found: &[Row]) {
        let rows = found.iter().filter_map(|row| rows::decode::<LogRow>(&row.value).ok());
        let entries: Vec<Parsed> = rows.filter_map(|row| Parsed::read(rows::assemble(row, None)).ok()).collect();
        let now = self.now;
        let Some(chat) = self.chats.get_mut(&space) else { return };
        let ingest = chat.space.ingest(now, entries);
        self.apply(space, ingest, None);
    }
}
