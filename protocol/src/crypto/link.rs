//! Keys of a connection: how two holders of a pair key recognise each other, prove who they are without telling strangers,
//! and seal every frame after that.
//!
//! Both sides know the [`Transcript`]: the transport keys that the secure channel has proven, two nonces, two ephemeral keys.
//! A tag is a MAC of it under the pair key. Proofs and streams are sealed under keys derived from the pair key *and* the
//! ephemeral agreement, so that a pair key found later opens no recorded connection.

use super::aead::{self, BadSeal, Key};
use super::{hash, labels};
use crate::ids::PeerKey;
use crate::link::{Proto, Side};
use x25519_dalek::{PublicKey, StaticSecret};

/// Bytes of nonce before a sealed proof.
const PROOF_NONCE: usize = 8;

/// What both sides have said before they know each other. Fields are ordered by role, not by who asks. The part of the dialler
/// is played by the side with the lower transport key: who really dialled may look different from the two ends when both did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Transport key of the side that dialled.
    pub dialler: PeerKey,
    /// Transport key of the other side.
    pub listener: PeerKey,
    /// Nonce of the side that dialled.
    pub dialler_nonce: [u8; 32],
    /// Nonce of the other side.
    pub listener_nonce: [u8; 32],
    /// Ephemeral X25519 key of the side that dialled.
    pub dialler_eph: [u8; 32],
    /// Ephemeral X25519 key of the other side.
    pub listener_eph: [u8; 32],
}

impl Transcript {
    /// What the side of this role signs with its device key, for purpose [`labels::HELLO`].
    #[must_use]
    pub fn to_sign(&self, role: Side) -> [u8; 32] {
        self.hash(&[role_byte(role)])
    }

    fn hash(&self, last: &[u8]) -> [u8; 32] {
        hash::h(
            labels::HELLO_TRANSCRIPT,
            &[
                self.dialler.as_bytes(),
                self.listener.as_bytes(),
                &self.dialler_nonce,
                &self.listener_nonce,
                &self.dialler_eph,
                &self.listener_eph,
                last,
            ],
        )
    }
}

/// The tag by which a side shows that it holds a pair key. Needs no ephemeral agreement, so that many can be tried quickly.
#[must_use]
pub fn tag(pair_key: &[u8; 32], role: Side, transcript: &Transcript) -> [u8; 16] {
    hash::prefix(&hash::mac(pair_key, labels::HELLO_TAG, &[&transcript.to_sign(role)]))
}

/// Ephemeral key of one side of one connection.
pub struct Ephemeral(StaticSecret);

impl Ephemeral {
    /// Makes one from 32 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// What the other side is told.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }

    /// The secret shared with the other side (X25519, RFC 7748).
    ///
    /// # Errors
    /// A key of small order, which would make the secret known to everybody.
    pub fn agree(&self, theirs: &[u8; 32]) -> Result<Key, WeakKey> {
        let shared = self.0.diffie_hellman(&PublicKey::from(*theirs));
        if shared.was_contributory() { Ok(Key::new(shared.to_bytes())) } else { Err(WeakKey) }
    }
}

/// The other side's key would make every agreement with it public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side offered a weak key")]
pub struct WeakKey;

/// Keys of a hello between two holders of a pair key.
pub struct HelloKeys {
    secret: Key,
    transcript: Transcript,
}

impl HelloKeys {
    /// From the pair key, the ephemeral agreement of [`Ephemeral::agree`] and what was said.
    #[must_use]
    pub fn new(pair_key: &[u8; 32], dh: &[u8; 32], transcript: Transcript) -> Self {
        let mut both = zeroize::Zeroizing::new(pair_key.to_vec());
        both.extend_from_slice(dh);
        let secret = aead::derive(&transcript.hash(&[]), &both, labels::HELLO, &[]);
        Self { secret, transcript }
    }

    /// What the side of this role signs with its device key, for purpose [`labels::HELLO`].
    #[must_use]
    pub fn transcript_to_sign(&self, role: Side) -> [u8; 32] {
        self.transcript.to_sign(role)
    }

    /// Seals the proof of the side of this role. Its nonce follows from its content, so that a second proof on the same
    /// connection, with a later time in it, does not use one twice: 8 bytes of nonce, then the sealed proof.
    #[must_use]
    pub fn seal_proof(&self, role: Side, proof: &[u8]) -> Vec<u8> {
        let key = self.proof_key(role);
        let nonce: [u8; PROOF_NONCE] = hash::prefix(&hash::mac(&key, labels::HELLO_PROOF, &[proof]));
        let mut sealed = nonce.to_vec();
        sealed.extend(aead::seal(&key, u64::from_le_bytes(nonce), &[], proof));
        sealed
    }

    /// Opens the proof of the side of this role.
    ///
    /// # Errors
    /// A proof made with other keys or for another connection.
    pub fn open_proof(&self, role: Side, sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
        let (nonce, sealed) = sealed.split_first_chunk::<PROOF_NONCE>().ok_or(BadSeal)?;
        aead::open(&self.proof_key(role), u64::from_le_bytes(*nonce), &[], sealed)
    }

    /// The keys of the connection, once both proofs have been verified.
    #[must_use]
    pub fn into_link(self, me: Side) -> LinkKeys {
        LinkKeys { secret: self.secret, me }
    }

    fn proof_key(&self, role: Side) -> Key {
        aead::derive(&[], self.secret.as_ref(), labels::HELLO_PROOF, &[role_byte(role)])
    }
}

/// Keys of an authenticated connection: one for each protocol and direction.
pub struct LinkKeys {
    secret: Key,
    me: Side,
}

impl LinkKeys {
    /// Seals what this side sends in a protocol. One for each protocol and connection: two would use a nonce twice.
    #[must_use]
    pub fn sealer(&self, proto: Proto) -> Sealer {
        Sealer { key: self.key(self.me, proto), counter: 0 }
    }

    /// Opens what the other side sends in a protocol.
    #[must_use]
    pub fn opener(&self, proto: Proto) -> Opener {
        let other = match self.me {
            Side::Dialler => Side::Listener,
            Side::Listener => Side::Dialler,
        };
        Opener { key: self.key(other, proto), counter: 0 }
    }

    fn key(&self, from: Side, proto: Proto) -> Key {
        let context = [&[role_byte(from)], proto.id().as_bytes()].concat();
        aead::derive(&[], self.secret.as_ref(), labels::LINK_STREAM, &context)
    }
}

/// Seals the frames of one ordered stream. The frame's position is its nonce and is not sent.
pub struct Sealer {
    key: Key,
    counter: u64,
}

impl Sealer {
    /// Seals the next frame.
    #[must_use]
    pub fn seal(&mut self, frame: &[u8]) -> Vec<u8> {
        let sealed = aead::seal(&self.key, self.counter, &[], frame);
        // At a million frames a second the counter lasts half a million years.
        self.counter = self.counter.wrapping_add(1);
        sealed
    }
}

/// Opens the frames of one ordered stream.
pub struct Opener {
    key: Key,
    counter: u64,
}

impl Opener {
    /// Opens the next frame.
    ///
    /// # Errors
    /// A frame that is not the next one of this stream. The stream is useless from then on.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
        let frame = aead::open(&self.key, self.counter, &[], sealed)?;
        self.counter = self.counter.wrapping_add(1);
        Ok(frame)
    }
}

fn role_byte(role: Side) -> u8 {
    match role {
        Side::Dialler => 1,
        Side::Listener => 2,
    }
}

macro_rules! silent_debug {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )*};
}
silent_debug!(Ephemeral, HelloKeys, LinkKeys, Sealer, Opener);

#[cfg(test)]
mod tests;
