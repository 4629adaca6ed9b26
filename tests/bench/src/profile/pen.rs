//! A device that writes into its log of a conversation, and a copy of the conversation that takes others' entries in.

use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use veche_protocol::history::entry::Parsed;
use veche_protocol::history::space::Space;
use veche_protocol::identity::device::DeviceSecret;
use veche_protocol::ids::{ChanId, SpaceId};
use veche_protocol::store::{Key, Table, Write};
use veche_protocol::time::{Mono, Now, UnixMs};
use veche_protocol::wire::bodies::{Text, kind};
use veche_protocol::wire::codec;
use veche_sim::node::Who;
use veche_sim::world::World;

/// A device in a conversation.
pub struct Pen {
    space: Space,
    secret: DeviceSecret,
    said: u64,
    /// State of its logs: only the newest row of each counts.
    heads: BTreeMap<Key, Vec<u8>>,
}

impl Pen {
    /// The device of a simulated node, in a conversation that it has.
    pub fn of(world: &mut World, who: Who, chat: SpaceId) -> Self {
        Self { space: world.space(who, chat), secret: world.device_secret(who), said: 0, heads: BTreeMap::new() }
    }

    /// Writes a message. Returns it, and the rows of history that it makes.
    pub fn write(&mut self, at: UnixMs, text: String) -> Result<(Parsed, Vec<Write>)> {
        self.said += 1;
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&self.said.to_be_bytes());
        let body = codec::encode(&Text { text, reply_to: None });
        let secret = &self.secret;
        let sign = |purpose: &str, payload: &[u8]| secret.sign(purpose, payload);
        let (_, out) = self.space.append(now(at), ChanId::MAIN, kind::TEXT, body, salt, sign)?;
        ensure!(out.accepted.len() == 1, "an own entry is accepted");
        let entry = out.accepted.into_iter().map(|accepted| accepted.entry).next();
        Ok((entry.ok_or_else(|| anyhow::anyhow!("no entry"))?, self.history(out.writes)))
    }

    /// Takes somebody else's message in. Returns the rows of history that it makes.
    pub fn take(&mut self, at: UnixMs, entry: Parsed) -> Result<Vec<Write>> {
        let out = self.space.ingest(now(at), [entry]);
        ensure!(out.accepted.len() == 1 && out.refused.is_empty(), "an entry in its order is accepted: {:?}", out.refused);
        Ok(self.history(out.writes))
    }

    /// The state of its logs after all that.
    pub fn heads(self) -> impl Iterator<Item = Write> {
        self.heads.into_iter().map(|(key, value)| Write::Put(key, value))
    }

    fn history(&mut self, writes: Vec<Write>) -> Vec<Write> {
        let mut history = Vec::with_capacity(writes.len());
        for write in writes {
            match write {
                Write::Put(key, value) if key.table == Table::LogHead => drop(self.heads.insert(key, value)),
                other => history.push(other),
            }
        }
        history
    }
}

fn now(at: UnixMs) -> Now {
    Now { mono: Mono(at.0), wall: at }
}
