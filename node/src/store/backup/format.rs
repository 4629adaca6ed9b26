//! The outside of a backup: a header that says how to get the file's key, and chunks sealed under it.
//!
//! ```text
//! "VECHEBAK"  format (2)  length of the header (4)  header (JSON)  chunk  chunk  ...
//! ```
//! Integers are big-endian. A chunk is 64 KiB of plaintext, the last one maybe less, sealed with XChaCha20-Poly1305. Its nonce is
//! `file nonce (19) | number (4) | last (1)`: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015), so chunks can be neither
//! reordered nor left out, and the end cannot be cut off unnoticed. Associated data is the hash of everything before the chunks.

use std::fmt;
use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{BackupError, BackupKeys, BackupUnlock};
use crate::store::keyfile::{Cost, KeyFileError, key_from_passphrase};
use crate::store::keys::{NONCE_BYTES, SealError, SecretKey, TAG_BYTES};
use crate::store::vault::head;

pub(super) const MAGIC: &[u8; 8] = b"VECHEBAK";
/// Format of the file that this program writes.
const BACKUP_FORMAT: u16 = 1;
/// Plaintext of a chunk in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// Longest header in bytes. Real ones have about 500.
const MAX_HEADER_BYTES: u32 = 16 << 10;
const FILE_NONCE_BYTES: usize = 19;

const LABEL_WORDS: &str = "veche store 1 backup words";
const LABEL_CHUNKS: &str = "veche store 1 backup chunks";

/// The ways to open a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupWay {
    /// Recovery words.
    Words,
    /// A passphrase.
    Passphrase,
}

impl fmt::Display for BackupWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Words => "recovery words",
            Self::Passphrase => "a passphrase",
        })
    }
}

/// What stands before the chunks. Byte strings are hex.
pub struct Header {
    fields: Fields,
    nonce: [u8; FILE_NONCE_BYTES],
    /// As written.
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Fields {
    nonce: String,
    /// Format of the database that the rows come from.
    rows_format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    passphrase: Option<PassphraseSlot>,
}

#[derive(Serialize, Deserialize)]
struct PassphraseSlot {
    salt: String,
    cost: Cost,
    sealed: String,
}

impl Header {
    /// A header for a new backup, and the key of its chunks.
    pub fn new(keys: BackupKeys<'_>, rows_format: u32) -> Result<(Self, SecretKey), BackupError> {
        if keys.words.is_none() && keys.passphrase.is_none() {
            return Err(BackupError::Unprotected);
        }
        let file_key = SecretKey::random()?;
        let mut nonce = [0; FILE_NONCE_BYTES];
        let mut salt = [0; 16];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandom)?;
        getrandom::fill(&mut salt).map_err(|_| SealError::NoRandom)?;
        let words = match keys.words {
            Some(entropy) => {
                let kek = SecretKey::derive_from(entropy, LABEL_WORDS);
                Some(hex(&kek.seal(&associated(BackupWay::Words, &nonce, None), file_key.bytes())?))
            }
            None => None,
        };
        let passphrase = match keys.passphrase {
            Some((passphrase, cost)) => {
                let kek = key_from_passphrase(passphrase, &salt, cost).map_err(BackupError::Passphrase)?;
                let sealed = kek.seal(&associated(BackupWay::Passphrase, &nonce, Some((&salt, cost))), file_key.bytes())?;
                Some(PassphraseSlot { salt: hex(&salt), cost, sealed: hex(&sealed) })
            }
            None => None,
        };
        let fields = Fields { nonce: hex(&nonce), rows_format, words, passphrase };
        let json = serde_json::to_vec(&fields).map_err(io::Error::from)?;
        let length = u32::try_from(json.len()).map_err(|_| BackupError::Damaged)?;
        let bytes = [MAGIC.as_slice(), &BACKUP_FORMAT.to_be_bytes(), &length.to_be_bytes(), &json].concat();
        Ok((Self { fields, nonce, bytes }, file_key))
    }

    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.bytes)
    }

    /// Reads the header; what is left of `input` are the chunks.
    pub fn read<R: Read>(mut input: R) -> Result<(Self, R), BackupError> {
        let not_a_backup = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::NotABackup,
            _ => error.into(),
        };
        let mut start = [0; 14];
        input.read_exact(&mut start).map_err(not_a_backup)?;
        let [magic @ .., f1, f0, l3, l2, l1, l0] = start;
        if &magic != MAGIC {
            return Err(BackupError::NotABackup);
        }
        let format = u16::from_be_bytes([f1, f0]);
        if format > BACKUP_FORMAT {
            return Err(BackupError::NewerFormat { found: format.into(), known: BACKUP_FORMAT.into() });
        }
        let length = u32::from_be_bytes([l3, l2, l1, l0]);
        if format == 0 || length > MAX_HEADER_BYTES {
            return Err(BackupError::Damaged);
        }
        let mut json = vec![0; length as usize];
        input.read_exact(&mut json).map_err(damaged_if_short)?;
        let fields: Fields = serde_json::from_slice(&json).map_err(|_| BackupError::Damaged)?;
        if fields.rows_format > head::FORMAT {
            return Err(BackupError::NewerFormat { found: fields.rows_format, known: head::FORMAT });
        }
        let nonce = unhex(&fields.nonce)?;
        let bytes = [start.as_slice(), &json].concat();
        Ok((Self { fields, nonce, bytes }, input))
    }

    pub fn rows_format(&self) -> u32 {
        self.fields.rows_format
    }

    /// The key of the chunks. A passphrase takes its cost.
    pub fn open_file_key(&self, unlock: BackupUnlock<'_>) -> Result<SecretKey, BackupError> {
        let (kek, associated, sealed, wrong) = match unlock {
            BackupUnlock::Words(entropy) => {
                let sealed = self.fields.words.as_ref().ok_or(BackupError::NoSuchWay(BackupWay::Words))?;
                let kek = SecretKey::derive_from(entropy, LABEL_WORDS);
                (kek, associated(BackupWay::Words, &self.nonce, None), sealed, BackupError::WrongWords)
            }
            BackupUnlock::Passphrase(passphrase) => {
                let slot = self.fields.passphrase.as_ref().ok_or(BackupError::NoSuchWay(BackupWay::Passphrase))?;
                let salt = unhex(&slot.salt)?;
                let kek = key_from_passphrase(passphrase, &salt, slot.cost).map_err(|error| match error {
                    KeyFileError::BadCost => BackupError::Damaged,
                    other => BackupError::Passphrase(other),
                })?;
                let associated = associated(BackupWay::Passphrase, &self.nonce, Some((&salt, slot.cost)));
                (kek, associated, &slot.sealed, BackupError::WrongPassphrase)
            }
        };
        let sealed = data_encoding::HEXLOWER.decode(sealed.as_bytes()).map_err(|_| BackupError::Damaged)?;
        let key = kek.open(&associated, &sealed).map_err(|_| wrong)?;
        let key = key.as_slice().try_into().map_err(|_| BackupError::Damaged)?;
        Ok(SecretKey::from_bytes(key))
    }
}

/// Binds a sealed file key to its file and to what it was made from.
fn associated(way: BackupWay, nonce: &[u8], passphrase: Option<(&[u8; 16], Cost)>) -> Vec<u8> {
    let mut bytes = b"veche backup slot 1".to_vec();
    bytes.push(match way {
        BackupWay::Words => 0,
        BackupWay::Passphrase => 1,
    });
    bytes.extend_from_slice(nonce);
    if let Some((salt, cost)) = passphrase {
        bytes.extend_from_slice(salt);
        for number in [cost.memory_kib, cost.passes, cost.lanes] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
    }
    bytes
}

/// What both directions know about the chunk they are at.
struct Chunks {
    key: SecretKey,
    nonce: [u8; FILE_NONCE_BYTES],
    associated: [u8; 32],
    next: u32,
}

impl Chunks {
    fn new(header: &Header, file_key: &SecretKey) -> Self {
        Self { key: file_key.derive(LABEL_CHUNKS), nonce: header.nonce, associated: *blake3::hash(&header.bytes).as_bytes(), next: 0 }
    }

    fn nonce(&mut self, last: bool) -> Result<[u8; NONCE_BYTES], BackupError> {
        let mut nonce = [0; NONCE_BYTES];
        let number = self.next.to_be_bytes();
        let parts = self.nonce.iter().chain(&number).copied().chain([u8::from(last)]);
        nonce.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        // 2^32 chunks are 256 TiB.
        self.next = self.next.checked_add(1).ok_or(BackupError::Damaged)?;
        Ok(nonce)
    }
}

/// Seals what is written to it.
pub struct Sealer<W> {
    out: W,
    chunks: Chunks,
    plain: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealer<W> {
    pub fn new(out: W, header: &Header, file_key: &SecretKey) -> Self {
        Self { out, chunks: Chunks::new(header, file_key), plain: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)) }
    }

    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), BackupError> {
        while !bytes.is_empty() {
            // A full chunk waits until it is known that it is not the last.
            if self.plain.len() == CHUNK_BYTES {
                self.seal(false)?;
            }
            let room = CHUNK_BYTES.saturating_sub(self.plain.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.plain.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<W, BackupError> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> Result<(), BackupError> {
        let nonce = self.chunks.nonce(last)?;
        let mut sealed = Vec::with_capacity(self.plain.len().saturating_add(TAG_BYTES));
        self.chunks.key.seal_with_nonce(&nonce, &self.chunks.associated, &self.plain, &mut sealed)?;
        self.out.write_all(&sealed)?;
        self.plain.clear();
        Ok(())
    }
}

/// Opens what [`Sealer`] wrote.
pub struct Opener<R> {
    input: R,
    chunks: Chunks,
    /// The next sealed chunk, read ahead: a chunk is the last if nothing follows it.
    ahead: Option<Vec<u8>>,
    plain: Zeroizing<Vec<u8>>,
    taken: usize,
    ended: bool,
}

impl<R: Read> Opener<R> {
    pub fn new(input: R, header: &Header, file_key: &SecretKey) -> Self {
        Self { input, chunks: Chunks::new(header, file_key), ahead: None, plain: Zeroizing::default(), taken: 0, ended: false }
    }

    /// Fills `out`.
    pub fn read(&mut self, mut out: &mut [u8]) -> Result<(), BackupError> {
        while !out.is_empty() {
            let rest = self.plain.get(self.taken..).unwrap_or_default();
            if rest.is_empty() {
                self.open_next()?;
                continue;
            }
            let count = rest.len().min(out.len());
            let (now, later) = out.split_at_mut(count);
            now.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.taken = self.taken.saturating_add(count);
            out = later;
        }
        Ok(())
    }

    /// Makes sure that nothing follows.
    pub fn finish(&mut self) -> Result<(), BackupError> {
        if !self.ended && self.plain.len() == self.taken {
            self.open_next()?;
        }
        if self.ended && self.plain.len() == self.taken { Ok(()) } else { Err(BackupError::Damaged) }
    }

    fn open_next(&mut self) -> Result<(), BackupError> {
        if self.ended {
            return Err(BackupError::Damaged);
        }
        let sealed = match self.ahead.take() {
            Some(sealed) => sealed,
            None => self.read_sealed()?,
        };
        let next = self.read_sealed()?;
        self.ended = next.is_empty();
        self.ahead = Some(next);
        let nonce = self.chunks.nonce(self.ended)?;
        self.plain = self.chunks.key.open_with_nonce(&nonce, &self.chunks.associated, &sealed)?;
        self.taken = 0;
        Ok(())
    }

    fn read_sealed(&mut self) -> Result<Vec<u8>, BackupError> {
        const SEALED_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
        let mut sealed = Vec::with_capacity(SEALED_BYTES);
        self.input.by_ref().take(SEALED_BYTES as u64).read_to_end(&mut sealed)?;
        Ok(sealed)
    }
}

fn damaged_if_short(error: io::Error) -> BackupError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => BackupError::Damaged,
        _ => error.into(),
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], BackupError> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| BackupError::Damaged)?;
    bytes.try_into().map_err(|_| BackupError::Damaged)
}
