//! Conversations read from a node's disk, as its shell reads them: from rows alone, without asking the core.

use crate::node::Who;
use crate::world::World;
use std::collections::BTreeMap;
use veche_protocol::history::entry::Parsed;
use veche_protocol::history::hash::Digest16;
use veche_protocol::history::keys;
use veche_protocol::history::rows::{self, LogRow, TimelineRow};
use veche_protocol::history::show;
use veche_protocol::history::space::Space;
use veche_protocol::identity::device::DeviceSecret;
use veche_protocol::ids::{AccountId, ChanId, DeviceId, EntryId, SpaceId};
use veche_protocol::store::{Dir, Found, Key, Read, Table};
use veche_protocol::view::{Hlc, MessageBody, MessageView};

/// Rows read at once.
const PAGE: usize = 256;

impl World {
    /// The state of a conversation's logs on a node's disk.
    ///
    /// # Panics
    /// If the disk holds rows that cannot be read: no story may leave such.
    #[must_use]
    pub fn space(&mut self, who: Who, chat: SpaceId) -> Space {
        let (own, peer, device) = self.members(who, chat).expect("a conversation of this node");
        let heads: Vec<&[u8]> = self.node(who).disk.table(Table::LogHead).map(|(_, _, value)| value).collect();
        let heads = heads.into_iter().filter(|value| Space::of_row(value).is_ok_and(|space| space == chat));
        Space::restore(chat, device, [own, peer], heads).expect("readable log heads")
    }

    fn members(&mut self, who: Who, chat: SpaceId) -> Option<(AccountId, AccountId, DeviceId)> {
        let view = self.view(who);
        let own = view.account.as_ref()?;
        Some((own.account_id, view.chat(chat)?.account_id, own.device_id))
    }

    /// The device key of a node, from its disk: for writing in its name, and in the form, in which its core would.
    ///
    /// # Panics
    /// If the node has no account.
    #[must_use]
    pub fn device_secret(&mut self, who: Who) -> DeviceSecret {
        let own = self.view(who).account.as_ref().map(|account| account.device_id);
        let row = self.node(who).disk.get(&Key::single(Table::Prekey, b"device")).expect("a device");
        // Version of the row, number and length of its first field.
        let seed = row.get(3..).and_then(|rest| rest.first_chunk()).expect("a seed");
        let secret = DeviceSecret::from_seed(*seed);
        assert_eq!(Some(secret.id()), own, "the seed is that of the device");
        secret
    }

    /// Digest of what a node's disk holds of a conversation: of its devices and of what was said.
    #[must_use]
    pub fn digests(&mut self, who: Who, chat: SpaceId) -> [Digest16; 2] {
        let space = self.space(who, chat);
        [ChanId::AUTH, ChanId::MAIN].map(|chan| space.digest(chan))
    }

    /// A conversation as its person sees it, oldest first.
    ///
    /// # Panics
    /// If the disk holds rows that cannot be read.
    #[must_use]
    pub fn timeline(&mut self, who: Who, chat: SpaceId) -> Vec<MessageView> {
        let Some((own, ..)) = self.members(who, chat) else { return Vec::new() };
        let standings = self.space(who, chat).standings();
        let view = self.view(who);
        let progress = view.chat(chat).map(|c| c.progress.clone()).unwrap_or_default();
        let mut out = Vec::new();
        for row in self.rows(who, Table::Timeline, &timeline(chat)) {
            let row: TimelineRow = rows::decode(&row).expect("a readable row");
            let (device, root) = (row.device().expect("a device"), row.version().expect("a version"));
            let standing = standings.of(ChanId::MAIN, device, row.seq, root);
            out.extend(show::view(chat, &row, standing, own, &progress).expect("a readable row"));
        }
        out
    }

    /// What is said in a conversation, as its person sees it.
    #[must_use]
    pub fn words(&mut self, who: Who, chat: SpaceId) -> Vec<String> {
        let text = |m: MessageView| match m.body {
            MessageBody::Text { text } => text,
            MessageBody::Call { outcome, duration_ms, .. } => format!("(call {outcome:?} {duration_ms})"),
            MessageBody::Deleted => "(deleted)".into(),
            MessageBody::Unsupported => "(unsupported)".into(),
        };
        self.timeline(who, chat).into_iter().map(text).collect()
    }

    /// Whether an entry is durable on a node's disk.
    #[must_use]
    pub fn has(&self, who: Who, chat: SpaceId, id: EntryId) -> bool {
        self.node(who).disk.get(&keys::index_key(chat, id)).is_some()
    }

    /// Every entry of a conversation on a node's disk, as it would be sent to a peer.
    ///
    /// # Panics
    /// If the disk holds rows that cannot be read.
    #[must_use]
    pub fn entries(&mut self, who: Who, chat: SpaceId) -> Vec<Parsed> {
        let space = self.space(who, chat);
        let bodies: BTreeMap<EntryId, TimelineRow> = self
            .rows(who, Table::Timeline, &timeline(chat))
            .iter()
            .map(|row| rows::decode::<TimelineRow>(row).expect("a readable row"))
            .map(|row| (row.entry_id().expect("an id"), row))
            .collect();
        let mut out = Vec::new();
        for chan in [ChanId::AUTH, ChanId::MAIN] {
            let devices: Vec<DeviceId> = space.logs(chan).map(|(device, _)| device).collect();
            for device in devices {
                for row in self.rows(who, Table::Log, &keys::log_scope(chat, chan, device)) {
                    let row: LogRow = rows::decode(&row).expect("a readable row");
                    let (_, stored) = row.stored().expect("an entry");
                    let entry = rows::assemble(row, bodies.get(&stored.link.id));
                    out.push(Parsed::read(entry).expect("a sound entry"));
                }
            }
        }
        out
    }

    /// Writing device and position of a message on a node's disk.
    #[must_use]
    pub fn place(&self, who: Who, chat: SpaceId, id: EntryId) -> Option<(DeviceId, u64)> {
        let value = self.node(who).disk.get(&keys::index_key(chat, id))?;
        let row = rows::decode::<rows::IndexRow>(value).ok()?;
        Some((DeviceId::from_slice(&row.device).ok()?, row.seq))
    }

    /// All rows of a scope, read in pages.
    fn rows(&self, who: Who, table: Table, scope: &[u8]) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        let mut from = Vec::new();
        loop {
            let read = Read::Range { table, scope: scope.to_vec(), from, to: None, dir: Dir::Forward, max_rows: PAGE, max_bytes: 1 << 20 };
            let Found::Rows(found) = self.node(who).disk.read(&read) else { return out };
            let Some(last) = found.last() else { return out };
            from = [last.order.as_slice(), &[0]].concat();
            out.extend(found.into_iter().map(|row| row.value));
        }
    }
}

/// Scope of a conversation's timeline.
fn timeline(chat: SpaceId) -> Vec<u8> {
    keys::timeline_key(chat, ChanId::MAIN, Hlc(0), EntryId([0; 32])).scope
}
