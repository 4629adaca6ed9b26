//! Sealing between two devices: a double ratchet inside a post-quantum wrap.
//!
//! Inside is Olm (vodozemac), which gives each message a key of its own and heals after a theft of keys. It draws its own
//! randomness, so it is confined to this folder behind [`Ratchet`] and [`Session`]; the simulator runs [`RatchetKind::Double`],
//! which follows the same rules from injected seeds and keeps no secrets. Around every ratchet message lies a seal of
//! XChaCha20-Poly1305 under a key from X-Wing (ML-KEM-768 and X25519): recorded traffic stays closed if either half holds.
//! The wrap also adds the full authentication tag that Olm's first version cuts to 8 bytes.
//!
//! Nothing here has been audited as a whole; vodozemac's ratchet has.

mod double;
mod keys;
mod olm;
mod pad;
mod pair;
mod wrap;

pub use keys::DeviceKeys;
pub use pad::{INNER_MAX, TooLarge, pad};
pub use pair::{OpenError, Opened, Pair, PeerKeys, SealError};

/// Which ratchet devices speak. Both ends must use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatchetKind {
    /// vodozemac's Olm, version 1.
    Olm,
    /// The simulator's stand-in: deterministic, and without any secrecy.
    Double,
}

impl RatchetKind {
    fn number(self) -> u32 {
        match self {
            Self::Olm => 1,
            Self::Double => 2,
        }
    }

    fn of(number: u32) -> Result<Self, BadRow> {
        match number {
            1 => Ok(Self::Olm),
            2 => Ok(Self::Double),
            _ => Err(BadRow),
        }
    }

    /// The keys in a message that begins a session.
    fn first_keys(self, body: &[u8]) -> Option<FirstKeys> {
        match self {
            Self::Olm => olm::first_keys(body),
            Self::Double => double::first_keys(body),
        }
    }

    fn decode_session(self, state: &[u8]) -> Result<Box<dyn Session>, BadRow> {
        Ok(match self {
            Self::Olm => Box::new(olm::OlmSession::decode(state)?),
            Self::Double => Box::new(double::DoubleSession::decode(state)?),
        })
    }
}

/// A stored state is damaged or of a newer version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored ratchet state cannot be read")]
pub struct BadRow;

/// Long-lived keys of one device, with which sessions begin.
trait Ratchet: Send + Sync {
    /// Public identity key.
    fn identity(&self) -> [u8; 32];
    /// Public part of the current prekey.
    fn prekey(&self) -> [u8; 32];
    /// Makes a new prekey; the one before stays valid until the next rotation.
    fn rotate(&mut self, seed: &[u8; 32]);
    /// Begins a session with another device. `None` for keys of theirs that would make it public.
    fn begin(&self, identity: [u8; 32], prekey: [u8; 32], seed: &[u8; 32]) -> Option<Begun>;
    /// Accepts a session by its first message; returns the session and the plaintext. Changes nothing unless it succeeds.
    fn accept(&mut self, identity: [u8; 32], body: &[u8]) -> Result<(Box<dyn Session>, Vec<u8>), Closed>;
    /// State for the store.
    fn encode(&self) -> Vec<u8>;
}

/// One end of a session.
trait Session: Send + Sync {
    /// Seals the next message. `None` where the other side's key makes that impossible.
    fn encrypt(&mut self, plain: &[u8]) -> Option<Message>;
    /// Opens a message. Changes nothing unless it succeeds.
    fn decrypt(&mut self, message: &Message) -> Result<Vec<u8>, Closed>;
    /// State for the store.
    fn encode(&self) -> Vec<u8>;
}

/// A session begun by this device.
struct Begun {
    session: Box<dyn Session>,
    base: [u8; 32],
}

/// Keys that a message which begins a session shows.
struct FirstKeys {
    identity: [u8; 32],
    base: [u8; 32],
}

/// A ratchet message.
struct Message {
    /// Begins a session, and repeats until the other side has answered.
    first: bool,
    body: Vec<u8>,
}

/// Why a ratchet message does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    /// Its key was used, or given up because too many later ones were.
    Used,
    /// It belongs to no session here.
    Foreign,
}

#[cfg(test)]
mod tests;
