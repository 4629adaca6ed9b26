//! Everything between this device and one other: sessions, wrap keys, and what was seen.
//!
//! Both sides may begin a session at once, and one side may have lost its state. So several sessions are kept for receiving.
//! For sending, a later generation is preferred; within one generation the session that the lower device key began, which
//! both sides see alike. A session begins a new generation if it was asked for, or if the other side began it although a
//! session with it was already answered: it must have lost that one.

use super::keys::DeviceKeys;
use super::wrap::{Direction, Receiving, Sending};
use super::{BadRow, Closed, Message, RatchetKind, Session};
use crate::crypto::hash;
use crate::identity::device::PrekeyInfo;
use crate::ids::DeviceId;
use crate::time::UnixMs;
use crate::wire::codec;
use crate::wire::link::{OlmMessage, SealedFrame};
use crate::wire::ratchet::{PairRow, SessionRow};
use crate::wire::shapes::SEALED;

/// Sessions kept with one device.
const SESSIONS: usize = 5;
/// Sessions begun by the other device that are remembered, so that their first messages open once: prekeys live two months,
/// and honest devices begin a few sessions in that time.
const BEGUN: usize = 64;
/// Bytes of a remembered base key.
const BEGUN_LEN: usize = 16;
/// Version of the row.
const VERSION: u8 = 1;

/// Public keys of the other device.
#[derive(Clone, Copy, Debug)]
pub struct PeerKeys<'a> {
    /// Ratchet identity, from its account's verified device set.
    pub olm: [u8; 32],
    /// Its newest verified prekey bundle, where one is known.
    pub bundle: Option<&'a PrekeyInfo>,
}

/// Something opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The plaintext, with its padding.
    pub plaintext: Vec<u8>,
    /// It began a session.
    pub new_session: bool,
    /// The other side still sends the long form: it has not heard anything from here since it made its keys. Any sealed
    /// message, even without content, lets it send the short one.
    pub wants_answer: bool,
}

/// Why nothing could be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A session must begin, and the other device's prekey bundle is not known.
    #[error("the other device's prekeys are not known yet")]
    NeedBundle,
    /// The bundle holds keys that would make the session public.
    #[error("the other device's prekeys are unusable")]
    BadBundle,
}

/// Why a frame did not open. The state is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// No key here opens it: the other side should begin a new session.
    #[error("no key here opens this message")]
    Undecryptable,
    /// It was opened before, or comes later than forty messages that followed it.
    #[error("this message was opened before")]
    Replay,
    /// It is no sealed frame of this version.
    #[error("this is no sealed message")]
    Garbage,
}

/// State shared with one other device.
pub struct Pair {
    kind: RatchetKind,
    me: DeviceId,
    peer: DeviceId,
    /// Oldest first.
    sessions: Vec<Held>,
    /// Oldest first.
    begun: Vec<[u8; BEGUN_LEN]>,
    sending: Option<Sending>,
    receiving: Receiving,
    asked: bool,
    restart: bool,
}

/// A session and what is known of it.
struct Held {
    session: Box<dyn Session>,
    base: [u8; 32],
    ours: bool,
    generation: u32,
    /// Something was received in it, so the other side holds it too.
    confirmed: bool,
}

impl Pair {
    /// Nothing yet between this device and `peer`.
    #[must_use]
    pub fn new(kind: RatchetKind, me: DeviceId, peer: DeviceId) -> Self {
        Self {
            kind,
            me,
            peer,
            sessions: Vec::new(),
            begun: Vec::new(),
            sending: None,
            receiving: Receiving::default(),
            asked: false,
            restart: false,
        }
    }

    /// Whether a session is there to seal with.
    #[must_use]
    pub fn has_session(&self) -> bool {
        !self.sessions.is_empty() && !self.restart
    }

    /// Seals a padded plaintext. `seed` is random and used once.
    ///
    /// # Errors
    /// If a session must begin and the bundle is missing or unusable.
    pub fn seal(
        &mut self,
        keys: &DeviceKeys,
        peer: &PeerKeys<'_>,
        plain: &[u8],
        now: UnixMs,
        seed: [u8; 32],
    ) -> Result<SealedFrame, SealError> {
        let direction = Direction { from: self.me, to: self.peer };
        let fresh = match &self.sending {
            Some(sending) if !self.restart && (!sending.is_due(now) || peer.bundle.is_none()) => None,
            _ => {
                let bundle = peer.bundle.ok_or(SealError::NeedBundle)?;
                Some(Sending::new(direction, &bundle.kem, now, seed).ok_or(SealError::BadBundle)?)
            }
        };
        let mut begun = None;
        if !self.has_session() {
            let bundle = peer.bundle.ok_or(SealError::NeedBundle)?;
            begun = Some(keys.account.begin(peer.olm, bundle.olm_prekey, &seed).ok_or(SealError::BadBundle)?);
        }
        let generation = self.sessions.iter().map(|s| s.generation).max().unwrap_or(0).saturating_add(u32::from(self.restart));
        if let Some(begun) = begun {
            self.hold(Held { session: begun.session, base: begun.base, ours: true, generation, confirmed: false });
        }
        self.restart = false;
        if let Some(fresh) = fresh {
            self.sending = Some(fresh);
        }
        let seen = self.receiving.last_used();
        let preferred = self.preferred().ok_or(SealError::NeedBundle)?;
        let Some(message) = self.sessions.get_mut(preferred).and_then(|held| held.session.encrypt(plain)) else {
            // The other side gave this session a key with which nothing can be sent; it is of no more use.
            self.sessions.remove(preferred);
            return Err(SealError::BadBundle);
        };
        let envelope =
            OlmMessage { kind: u32::from(!message.first), body: message.body, seen: seen.map(|id| id.to_vec()).unwrap_or_default() };
        let sending = self.sending.as_mut().ok_or(SealError::NeedBundle)?;
        Ok(sending.seal(direction, &codec::encode(&envelope)))
    }

    /// Opens a frame from the other device.
    ///
    /// # Errors
    /// If it does not open. The state is then as before.
    pub fn open(&mut self, keys: &mut DeviceKeys, peer: &PeerKeys<'_>, frame: &SealedFrame, _now: UnixMs) -> Result<Opened, OpenError> {
        let direction = Direction { from: self.peer, to: self.me };
        if frame.v != 1 || frame.wrap_id.len() != 8 {
            return Err(OpenError::Garbage);
        }
        let mut unwrapped = self.receiving.open(direction, keys, frame).map_err(|_| OpenError::Undecryptable)?;
        let envelope: OlmMessage = codec::decode(&unwrapped.plain, SEALED).map_err(|_| OpenError::Garbage)?;
        let first = match envelope.kind {
            0 => true,
            1 => false,
            _ => return Err(OpenError::Garbage),
        };
        let long = first || !frame.kem_ct.is_empty();
        let message = Message { first, body: envelope.body };
        let known = self.kind.first_keys(&message.body).filter(|_| first);
        let (plaintext, new_session) = match known {
            None if first => return Err(OpenError::Garbage),
            Some(known) if !self.sessions.iter().any(|held| held.base == known.base && !held.ours) => {
                if known.identity != peer.olm {
                    return Err(OpenError::Undecryptable);
                }
                (self.accept(keys, peer, &message, known.base)?, true)
            }
            Some(known) => (self.decrypt(&message, Some(known.base))?, false),
            None => (self.decrypt(&message, None)?, false),
        };
        self.receiving.used(&mut unwrapped);
        if let Some(sending) = &mut self.sending {
            sending.confirm(&envelope.seen);
        }
        // Who begins a session and does not know the confirmed wrap key has lost it with its old sessions.
        if new_session && self.sending.as_ref().is_some_and(|sending| sending.is_lost(&envelope.seen)) {
            self.sending = None;
        }
        self.asked = false;
        Ok(Opened { plaintext, new_session, wants_answer: long })
    }

    /// The other side could not open what was sealed here: the next message begins a new session under a new wrap key. What
    /// is on its way from there still opens.
    pub fn restart(&mut self) {
        self.restart = true;
    }

    /// Whether the other side may be asked for a new session: once, until something opens again.
    pub fn ask_new_session(&mut self) -> bool {
        !std::mem::replace(&mut self.asked, true)
    }

    /// The connection on which a new session was asked for is gone, and the question may be gone with it.
    pub fn forget_asked(&mut self) {
        self.asked = false;
    }

    fn accept(&mut self, keys: &mut DeviceKeys, peer: &PeerKeys<'_>, message: &Message, base: [u8; 32]) -> Result<Vec<u8>, OpenError> {
        let mark: [u8; BEGUN_LEN] = hash::prefix(&base);
        if self.begun.contains(&mark) {
            return Err(OpenError::Replay);
        }
        let (session, plain) = keys.account.accept(peer.olm, &message.body).map_err(|_| OpenError::Undecryptable)?;
        let lost = self.preferred().and_then(|at| self.sessions.get(at)).is_some_and(|held| held.confirmed);
        let generation = self.sessions.iter().map(|s| s.generation).max().unwrap_or(0).saturating_add(u32::from(lost));
        self.begun.push(mark);
        let surplus = self.begun.len().saturating_sub(BEGUN);
        self.begun.drain(..surplus);
        self.hold(Held { session, base, ours: false, generation, confirmed: true });
        Ok(plain)
    }

    /// Opens a message of a session that is held: the one of this base key, or any.
    fn decrypt(&mut self, message: &Message, base: Option<[u8; 32]>) -> Result<Vec<u8>, OpenError> {
        let mut error = OpenError::Undecryptable;
        let fitting = self.sessions.iter_mut().rev().filter(|held| base.is_none_or(|base| held.base == base));
        for held in fitting {
            match held.session.decrypt(message) {
                Ok(plain) => {
                    held.confirmed = true;
                    return Ok(plain);
                }
                Err(Closed::Used) => error = OpenError::Replay,
                Err(Closed::Foreign) => {}
            }
        }
        Err(error)
    }

    /// Place of the session to send with.
    fn preferred(&self) -> Option<usize> {
        let lower_is_me = self.me < self.peer;
        let rank = |held: &Held| (held.generation, held.ours == lower_is_me);
        // Of equals the last, which is the newest.
        self.sessions.iter().enumerate().max_by_key(|(_, held)| rank(held)).map(|(at, _)| at)
    }

    /// Base key of the session to send with, and whether this device began it.
    #[cfg(test)]
    pub(super) fn preferred_session(&self) -> Option<([u8; 32], bool)> {
        self.sessions.get(self.preferred()?).map(|held| (held.base, held.ours))
    }

    /// Takes a session in, and lets the least preferred go where there are too many.
    fn hold(&mut self, held: Held) {
        self.sessions.push(held);
        if self.sessions.len() > SESSIONS {
            let newest = self.sessions.len().saturating_sub(1);
            let preferred = self.preferred();
            let spare = |at: usize| at != newest && Some(at) != preferred;
            let oldest = self.sessions.iter().enumerate().filter(|(at, _)| spare(*at)).min_by_key(|(_, held)| held.generation);
            if let Some((at, _)) = oldest {
                self.sessions.remove(at);
            }
        }
    }

    /// The row for the store.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let row = PairRow {
            kind: self.kind.number(),
            me: self.me.to_vec(),
            peer: self.peer.to_vec(),
            sessions: self.sessions.iter().map(Held::to_row).collect(),
            begun: self.begun.iter().map(|mark| mark.to_vec()).collect(),
            sending: self.sending.as_ref().map(Sending::to_row),
            receiving: self.receiving.to_rows(),
            asked: self.asked,
            restart: self.restart,
        };
        let mut body = codec::encode(&row);
        body.insert(0, VERSION);
        body
    }

    /// Reads a row of the store.
    ///
    /// # Errors
    /// A damaged row or one of a newer version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRow> {
        let Some((&VERSION, body)) = bytes.split_first() else { return Err(BadRow) };
        let row: PairRow = codec::decode_own(body).map_err(|_| BadRow)?;
        let kind = RatchetKind::of(row.kind)?;
        let device = |bytes: &[u8]| DeviceId::from_slice(bytes).map_err(|_| BadRow);
        Ok(Self {
            kind,
            me: device(&row.me)?,
            peer: device(&row.peer)?,
            sessions: row.sessions.iter().map(|row| Held::from_row(kind, row)).collect::<Result<_, _>>()?,
            begun: row.begun.iter().map(|mark| mark.as_slice().try_into().map_err(|_| BadRow)).collect::<Result<_, _>>()?,
            sending: row.sending.map(Sending::from_row).transpose()?,
            receiving: Receiving::from_rows(&row.receiving)?,
            asked: row.asked,
            restart: row.restart,
        })
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pair({:?}, {} sessions)", self.peer, self.sessions.len())
    }
}

impl Held {
    fn to_row(&self) -> SessionRow {
        SessionRow {
            base: self.base.to_vec(),
            ours: self.ours,
            generation: self.generation,
            confirmed: self.confirmed,
            state: self.session.encode(),
        }
    }

    fn from_row(kind: RatchetKind, row: &SessionRow) -> Result<Self, BadRow> {
        Ok(Self {
            session: kind.decode_session(&row.state)?,
            base: row.base.as_slice().try_into().map_err(|_| BadRow)?,
            ours: row.ours,
            generation: row.generation,
            confirmed: row.confirmed,
        })
    }
}
