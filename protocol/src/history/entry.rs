//! One entry: read, checked and written. Nothing here knows about logs; everything that can be said about an entry by looking
//! at it alone is said here.

use crate::crypto::hash::{h, id as hash_id, prefix};
use crate::crypto::{labels, sign};
use crate::ids::{ChanId, DeviceId, EntryId, SpaceId};
use crate::limits;
use crate::view::Hlc;
use crate::wire::bodies::kind;
use crate::wire::codec;
use crate::wire::entry::{self as wire, Entry, EntryHeader};
use crate::wire::identity::Signed;

/// Format of the headers that this version writes and reads.
const VERSION: u32 = 1;
/// Largest encoded header, bytes: what [`limits::ENTRY`] leaves beside the body, so that an entry always fits its frames.
pub const HEADER: usize = 1024;

/// First 16 bytes of an entry's id, where 128 bits are enough to name it.
pub type Id16 = [u8; 16];

/// Why an entry cannot be read. These are facts about its bytes: everybody comes to the same answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEntry {
    /// No header.
    #[error("an entry without a header")]
    NoHeader,
    /// The header is not what the wire format allows.
    #[error("an entry with a malformed header: {0}")]
    Header(#[from] codec::WireError),
    /// A header of another format.
    #[error("an entry of format {0}")]
    Version(u32),
    /// A field of the wrong length.
    #[error("an entry whose {0} has the wrong length")]
    Length(&'static str),
    /// Position zero, a first entry with a predecessor, or a later one without.
    #[error("an entry whose position and predecessor do not fit together")]
    Position,
    /// No stamp.
    #[error("an entry without a stamp")]
    Stamp,
    /// More references than allowed.
    #[error("an entry with too many {0}")]
    TooMany(&'static str),
    /// The body is longer than allowed or than the header says.
    #[error("an entry whose body has the wrong length")]
    BodyLength,
    /// The body is not the one that was signed.
    #[error("an entry whose body is not the one it was signed with")]
    BodyHash,
    /// A body is absent from an entry of a kind that is never deleted.
    #[error("an entry without the body it needs")]
    BodyMissing,
    /// The signature is not the writer's.
    #[error("an entry with a wrong signature")]
    Signature,
}

/// A reference to an entry of another device in the same channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dep {
    /// First 8 bytes of the writing device. Two devices may share them; the id decides.
    pub dev8: [u8; 8],
    /// Position in its log.
    pub seq: u64,
    /// First 16 bytes of its id.
    pub id16: Id16,
}

/// What an entry says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The conversation.
    pub space: SpaceId,
    /// Who wrote it.
    pub device: DeviceId,
    /// In which log.
    pub chan: ChanId,
    /// At which position, from 1.
    pub seq: u64,
    /// The entry before it in the log; `None` exactly at position 1.
    pub prev: Option<EntryId>,
    /// What the writer had seen of others.
    pub deps: Vec<Dep>,
    /// When.
    pub hlc: Hlc,
    /// Heads of the auth log that the writer knew.
    pub auth: Vec<Id16>,
    /// What the body is, see [`kind`].
    pub kind: u32,
    /// Salted hash of the body.
    pub body_hash: [u8; 32],
    /// Length of the body in bytes.
    pub body_len: u32,
}

/// An entry that is well formed. Whether its signature holds is known once [`Parsed::verify`] has said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    header: Header,
    id: EntryId,
    payload: Vec<u8>,
    sig: [u8; 64],
    salt: [u8; 16],
    body: Option<Vec<u8>>,
    verified: bool,
}

impl Parsed {
    /// Reads an entry and checks everything that its bytes alone can tell, except the signature.
    ///
    /// # Errors
    /// See [`BadEntry`].
    pub fn read(entry: Entry) -> Result<Self, BadEntry> {
        let signed = entry.header.ok_or(BadEntry::NoHeader)?;
        let header = Header::read(&signed.payload)?;
        let sig = fixed(&signed.sig, "signature")?;
        let salt = fixed(&entry.salt, "salt")?;
        match &entry.body {
            Some(body) if u32::try_from(body.len()) != Ok(header.body_len) => return Err(BadEntry::BodyLength),
            Some(body) if body_hash(&salt, body) != header.body_hash => return Err(BadEntry::BodyHash),
            None if !may_be_hollow(header.kind) => return Err(BadEntry::BodyMissing),
            Some(_) | None => {}
        }
        let id = EntryId(hash_id(labels::ENTRY, &signed.payload));
        Ok(Self { header, id, payload: signed.payload, sig, salt, body: entry.body, verified: false })
    }

    /// Checks the signature of the writing device, strictly. Pure and without shared state, so that a worker can do it ahead:
    /// an entry that was verified once is not verified again.
    ///
    /// # Errors
    /// [`BadEntry::Signature`].
    pub fn verify(&mut self) -> Result<(), BadEntry> {
        if !self.verified {
            sign::verify_id(&self.header.device.0, labels::ENTRY, &self.id.0, &self.sig).map_err(|_| BadEntry::Signature)?;
            self.verified = true;
        }
        Ok(())
    }

    /// Whether the signature is known to hold.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified
    }

    /// What it says about itself.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// Its body; `None` if whoever sent it has it no longer.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// Salt of the body hash.
    #[must_use]
    pub const fn salt(&self) -> &[u8; 16] {
        &self.salt
    }

    /// The signed bytes and the signature, as received.
    #[must_use]
    pub fn signed(&self) -> Signed {
        Signed { payload: self.payload.clone(), sig: self.sig.to_vec() }
    }

    /// The entry as it travels.
    #[must_use]
    pub fn to_wire(&self) -> Entry {
        Entry { header: Some(self.signed()), salt: self.salt.to_vec(), body: self.body.clone() }
    }
}

impl Header {
    /// Reads a signed header.
    ///
    /// # Errors
    /// See [`BadEntry`].
    pub fn read(payload: &[u8]) -> Result<Self, BadEntry> {
        let raw: EntryHeader = codec::decode(payload, HEADER)?;
        if raw.v != VERSION {
            return Err(BadEntry::Version(raw.v));
        }
        if raw.deps.len() > limits::DEPS {
            return Err(BadEntry::TooMany("dependencies"));
        }
        if raw.auth.len() > limits::AUTH_HEADS {
            return Err(BadEntry::TooMany("auth heads"));
        }
        if usize::try_from(raw.body_len).map_or(true, |len| len > limits::ENTRY_BODY) {
            return Err(BadEntry::BodyLength);
        }
        if raw.hlc == 0 {
            return Err(BadEntry::Stamp);
        }
        let prev = match raw.seq {
            0 => return Err(BadEntry::Position),
            1 if raw.prev.is_empty() => None,
            1 => return Err(BadEntry::Position),
            _ if raw.prev.is_empty() => return Err(BadEntry::Position),
            _ => Some(EntryId(fixed(&raw.prev, "predecessor")?)),
        };
        Ok(Self {
            space: SpaceId(fixed(&raw.space, "space")?),
            device: DeviceId(fixed(&raw.device, "device")?),
            chan: ChanId(fixed(&raw.chan, "channel")?),
            seq: raw.seq,
            prev,
            deps: raw.deps.iter().map(Dep::read).collect::<Result<_, _>>()?,
            hlc: Hlc(raw.hlc),
            auth: raw.auth.iter().map(|head| fixed(head, "auth head")).collect::<Result<_, _>>()?,
            kind: raw.kind,
            body_hash: fixed(&raw.body_hash, "body hash")?,
            body_len: raw.body_len,
        })
    }
}

impl Dep {
    fn read(raw: &wire::Dep) -> Result<Self, BadEntry> {
        if raw.seq == 0 {
            return Err(BadEntry::Position);
        }
        Ok(Self { dev8: fixed(&raw.dev8, "dependency")?, seq: raw.seq, id16: fixed(&raw.id16, "dependency")? })
    }

    /// The reference to an entry.
    #[must_use]
    pub fn to(device: DeviceId, seq: u64, id: EntryId) -> Self {
        Self { dev8: prefix(&device.0), seq, id16: prefix(&id.0) }
    }

    fn to_wire(self) -> wire::Dep {
        wire::Dep { dev8: self.dev8.to_vec(), seq: self.seq, id16: self.id16.to_vec() }
    }
}

/// An entry to be written. The device key stays with its owner: [`Draft::sign`] is given a function that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The conversation.
    pub space: SpaceId,
    /// The writing device.
    pub device: DeviceId,
    /// In which log.
    pub chan: ChanId,
    /// At which position, from 1.
    pub seq: u64,
    /// The entry before it; `None` exactly at position 1.
    pub prev: Option<EntryId>,
    /// What was seen of others and is not covered yet.
    pub deps: Vec<Dep>,
    /// The stamp.
    pub hlc: Hlc,
    /// Heads of the auth log.
    pub auth: Vec<Id16>,
    /// What the body is.
    pub kind: u32,
    /// The body.
    pub body: Vec<u8>,
}

impl Draft {
    /// Signs the entry with the device key: `sign(purpose, payload)` returns the Ed25519 signature of
    /// [`crate::crypto::sign`]. The result is read back and verified, so a wrong key or an impossible draft is found here
    /// and not by the first peer.
    ///
    /// # Errors
    /// See [`BadEntry`].
    pub fn sign(self, salt: [u8; 16], sign: impl FnOnce(&str, &[u8]) -> [u8; 64]) -> Result<Parsed, BadEntry> {
        let header = EntryHeader {
            v: VERSION,
            space: self.space.to_vec(),
            device: self.device.to_vec(),
            chan: self.chan.to_vec(),
            seq: self.seq,
            prev: self.prev.map(|id| id.to_vec()).unwrap_or_default(),
            deps: self.deps.iter().map(|dep| dep.to_wire()).collect(),
            hlc: self.hlc.0,
            auth: self.auth.iter().map(|head| head.to_vec()).collect(),
            kind: self.kind,
            body_hash: body_hash(&salt, &self.body).to_vec(),
            body_len: u32::try_from(self.body.len()).map_err(|_| BadEntry::BodyLength)?,
        };
        let payload = codec::encode(&header);
        let sig = sign(labels::ENTRY, &payload).to_vec();
        let mut parsed = Parsed::read(Entry { header: Some(Signed { payload, sig }), salt: salt.to_vec(), body: Some(self.body) })?;
        parsed.verify()?;
        Ok(parsed)
    }
}

/// Whether entries of a kind may come without their body. Messages are deleted, and with them what their edits said; what the
/// other kinds say is needed to compute the same state as everybody.
#[must_use]
pub const fn may_be_hollow(kind: u32) -> bool {
    !matches!(kind, kind::AUTH | kind::DELETE | kind::REACT)
}

fn body_hash(salt: &[u8; 16], body: &[u8]) -> [u8; 32] {
    h(labels::BODY, &[salt, body])
}

/// Exactly `N` bytes.
pub(super) fn fixed<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], BadEntry> {
    bytes.try_into().map_err(|_| BadEntry::Length(what))
}

#[cfg(test)]
mod tests;
