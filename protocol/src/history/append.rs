//! Writing own entries.

use super::clock;
use super::entry::{BadEntry, Dep, Draft, Id16};
use super::ingest::{Ingest, Refusal};
use super::log::{Log, Verdict};
use super::space::Space;
use crate::crypto::hash::prefix;
use crate::ids::{ChanId, EntryId};
use crate::limits;
use crate::time::Now;
use crate::view::Hlc;
use std::collections::BTreeSet;

/// Why nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The device has not introduced itself in this conversation: its first entry there is its device set.
    #[error("this device has not introduced itself in the conversation")]
    NotIntroduced,
    /// The device was taken off its account's list.
    #[error("this device no longer belongs to its account")]
    Ended,
    /// The device's own history is duplicated; it must be replaced by a new device.
    #[error("this device's history exists twice")]
    Forked,
    /// The own newest entry is further ahead of the clock than others accept; until then the device must not write, or be
    /// replaced by a new one.
    #[error("the clock of this machine is behind its own newest message")]
    ClockBehind,
    /// The entry would be invalid.
    #[error(transparent)]
    Invalid(#[from] Refusal),
}

impl From<BadEntry> for AppendError {
    fn from(bad: BadEntry) -> Self {
        Self::Invalid(bad.into())
    }
}

impl Space {
    /// Writes an own entry at the end of the own log of `chan`. It refers to everything seen and not covered yet and is stamped
    /// after all of it. `salt` is random; `sign` signs with the device key, see [`Draft::sign`].
    ///
    /// The result is that of [`Space::ingest`]: the entry is in `accepted`, and its writes have to be durable before it leaves.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub fn append(
        &mut self,
        now: Now,
        chan: ChanId,
        kind: u32,
        body: Vec<u8>,
        salt: [u8; 16],
        sign: impl FnOnce(&str, &[u8]) -> [u8; 64],
    ) -> Result<(EntryId, Ingest), AppendError> {
        let me = self.me;
        if chan != ChanId::AUTH && self.log(ChanId::AUTH, me).is_none() {
            return Err(AppendError::NotIntroduced);
        }
        if self.auth.limit(me, chan).is_some() {
            return Err(AppendError::Ended);
        }
        let empty = Log::default();
        let log = self.log(chan, me).unwrap_or(&empty);
        if log.fork().is_some() {
            return Err(AppendError::Forked);
        }
        let end = log.trunk();
        if clock::is_ahead(now.wall, end.hlc) {
            return Err(AppendError::ClockBehind);
        }
        let newest = self.channels().into_iter().map(|chan| self.last_hlc(chan)).max().unwrap_or(Hlc(0));
        let others = self.open_ends(chan).into_iter().filter(|(device, ..)| *device != me);
        let draft = Draft {
            space: self.id,
            device: me,
            chan,
            seq: end.seq.saturating_add(1),
            prev: (end.seq > 0).then_some(end.id),
            deps: others.map(|(device, seq, id)| Dep::to(device, seq, id)).take(limits::DEPS).collect(),
            hlc: clock::next(now.wall, newest),
            auth: self.auth_heads(),
            kind,
            body,
        };
        let entry = draft.sign(salt, sign)?;
        self.auth.read(&entry).map_err(Refusal::from)?;
        let mut out = Ingest::default();
        let mut touched = BTreeSet::new();
        let id = entry.id();
        self.take(now.wall, entry, &Verdict::Extends { root: None }, &mut touched, &mut out);
        out.writes.extend(touched.iter().filter_map(|(chan, device)| self.head_write(*chan, *device)));
        Ok((id, out))
    }

    /// Ends of the auth log that no other auth entry covers: they stand for all of it.
    fn auth_heads(&self) -> Vec<Id16> {
        self.open_ends(ChanId::AUTH).into_iter().map(|(_, _, id)| prefix(&id.0)).take(limits::AUTH_HEADS).collect()
    }
}
