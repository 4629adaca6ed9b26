//! The simulator's stand-in for Olm: the same rules, from injected seeds, without any secrecy.
//!
//! What it keeps: a session begins with a message that repeats the keys until the other side has answered; only the holder of
//! the prekey can accept it; each message key works once; [`WINDOW`] skipped messages may still arrive; a lost state opens
//! nothing; both sides may begin at once.

use super::{BadRow, Begun, Closed, FirstKeys, Message, Ratchet, Session};
use crate::crypto::{aead, hash, labels};
use crate::wire::codec;
use crate::wire::ratchet::{DoubleAccountRow, DoubleMessage, DoubleSessionRow};

/// Skipped messages whose keys are kept, as in Olm.
const WINDOW: usize = 40;
/// Messages that may be skipped at once, as in Olm.
const GAP: u64 = 2000;

/// Keys of a simulated device.
pub(super) struct DoubleAccount(DoubleAccountRow);

impl DoubleAccount {
    pub(super) fn generate(seed: &[u8; 32]) -> Self {
        let key = |what: &[u8]| hash::h(labels::DOUBLE, &[what, seed]).to_vec();
        Self(DoubleAccountRow { identity: key(b"identity"), prekey: key(b"prekey"), prekey_before: Vec::new() })
    }

    pub(super) fn decode(state: &[u8]) -> Result<Self, BadRow> {
        codec::decode_own(state).map(Self).map_err(|_| BadRow)
    }
}

impl Ratchet for DoubleAccount {
    fn identity(&self) -> [u8; 32] {
        public(&self.0.identity)
    }

    fn prekey(&self) -> [u8; 32] {
        public(&self.0.prekey)
    }

    fn rotate(&mut self, seed: &[u8; 32]) {
        let fresh = hash::h(labels::DOUBLE, &[b"prekey", seed]).to_vec();
        self.0.prekey_before = std::mem::replace(&mut self.0.prekey, fresh);
    }

    fn begin(&self, identity: [u8; 32], prekey: [u8; 32], seed: &[u8; 32]) -> Option<Begun> {
        let base = hash::h(labels::DOUBLE, &[b"base", seed]);
        let mine = self.identity();
        let row = DoubleSessionRow {
            secret: shared(&base, &mine, &identity, &prekey),
            ours: true,
            prekey: prekey.to_vec(),
            identity: mine.to_vec(),
            base: base.to_vec(),
            ..DoubleSessionRow::default()
        };
        Some(Begun { session: Box::new(DoubleSession(row)), base })
    }

    fn accept(&mut self, identity: [u8; 32], body: &[u8]) -> Result<(Box<dyn Session>, Vec<u8>), Closed> {
        let message: DoubleMessage = codec::decode_own(body).map_err(|_| Closed::Foreign)?;
        let held = [&self.0.prekey, &self.0.prekey_before];
        if message.identity != identity || !held.iter().any(|key| !key.is_empty() && public(key).as_slice() == message.prekey) {
            return Err(Closed::Foreign);
        }
        let row = DoubleSessionRow {
            secret: shared(&message.base, &identity, &self.identity(), &message.prekey),
            ours: false,
            prekey: message.prekey.clone(),
            identity: identity.to_vec(),
            base: message.base.clone(),
            ..DoubleSessionRow::default()
        };
        let mut session = DoubleSession(row);
        let plain = session.take(&message)?;
        Ok((Box::new(session), plain))
    }

    fn encode(&self) -> Vec<u8> {
        codec::encode(&self.0)
    }
}

/// One end of a simulated session.
pub(super) struct DoubleSession(DoubleSessionRow);

impl DoubleSession {
    pub(super) fn decode(state: &[u8]) -> Result<Self, BadRow> {
        codec::decode_own(state).map(Self).map_err(|_| BadRow)
    }

    fn chain(&self, ours: bool) -> [u8; 32] {
        hash::h(labels::DOUBLE, &[b"chain", &self.0.secret, &[u8::from(ours == self.0.ours)]])
    }

    fn take(&mut self, message: &DoubleMessage) -> Result<Vec<u8>, Closed> {
        let chain = self.chain(false);
        if message.chain != hash::prefix::<8>(&chain) {
            return Err(Closed::Foreign);
        }
        let (position, next) = (message.position, self.0.next);
        let ahead = position.saturating_sub(next);
        if position < next && !self.0.skipped.contains(&position) {
            return Err(Closed::Used);
        }
        if ahead > GAP {
            return Err(Closed::Foreign);
        }
        let plain = aead::open(&key(&chain, position), 0, &[], &message.ct).map_err(|_| Closed::Foreign)?;
        if position < next {
            self.0.skipped.retain(|p| *p != position);
        } else {
            self.0.skipped.extend(next..position);
            let surplus = self.0.skipped.len().saturating_sub(WINDOW);
            self.0.skipped.drain(..surplus);
            self.0.next = position.saturating_add(1);
        }
        self.0.confirmed = true;
        Ok(plain)
    }
}

impl Session for DoubleSession {
    fn encrypt(&mut self, plain: &[u8]) -> Option<Message> {
        let chain = self.chain(true);
        let position = self.0.sent;
        self.0.sent = position.saturating_add(1);
        let mut message = DoubleMessage {
            chain: hash::prefix::<8>(&chain).to_vec(),
            position,
            ct: aead::seal(&key(&chain, position), 0, &[], plain),
            ..DoubleMessage::default()
        };
        let first = self.0.ours && !self.0.confirmed;
        if first {
            message.prekey.clone_from(&self.0.prekey);
            message.base.clone_from(&self.0.base);
            message.identity.clone_from(&self.0.identity);
        }
        Some(Message { first, body: codec::encode(&message) })
    }

    fn decrypt(&mut self, message: &Message) -> Result<Vec<u8>, Closed> {
        let message: DoubleMessage = codec::decode_own(&message.body).map_err(|_| Closed::Foreign)?;
        self.take(&message)
    }

    fn encode(&self) -> Vec<u8> {
        codec::encode(&self.0)
    }
}

/// The keys in a message that begins a session.
pub(super) fn first_keys(body: &[u8]) -> Option<FirstKeys> {
    let message: DoubleMessage = codec::decode_own(body).ok()?;
    Some(FirstKeys { identity: message.identity.try_into().ok()?, base: message.base.try_into().ok()? })
}

fn public(secret: &[u8]) -> [u8; 32] {
    hash::h(labels::DOUBLE, &[b"public", secret])
}

fn shared(base: &[u8], initiator: &[u8; 32], acceptor: &[u8; 32], prekey: &[u8]) -> Vec<u8> {
    hash::h(labels::DOUBLE, &[b"shared", base, initiator, acceptor, prekey]).to_vec()
}

fn key(chain: &[u8; 32], position: u64) -> [u8; 32] {
    hash::h(labels::DOUBLE, &[b"message", chain, &position.to_le_bytes()])
}
