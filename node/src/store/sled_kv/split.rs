//! Values in pieces. sled writes a page that exceeds a quarter of a segment (64 KiB here) into a file of its own and never
//! syncs that file: a power cut may take the page away, with up to twenty rows that were acknowledged long ago. So a large value
//! is stored in pieces that are small enough for any page to stay in the log.
//!
//! A row is stored under its key as `0 | value`, or `1 | stamp | count | first piece`; further pieces `stamp | piece` lie under
//! `0xFE | key | index`. The stamp is new for each write, so that a reader that raced a writer notices and reads again.

use super::super::kv::{ENGINE_KEYS, KvError};

/// Largest piece in bytes. A leaf of sled holds at most 20 rows (16 before it splits, or 3 and 16 just merged, and one more);
/// 20 pieces with keys of 100 bytes make 54 KiB.
pub const PIECE_BYTES: usize = 2560;
/// Attempts to read a row whose pieces are being replaced. The writer needs microseconds; more attempts than these mean damage.
const READ_ATTEMPTS: usize = 64;

const WHOLE: u8 = 0;
const SPLIT: u8 = 1;
const STAMP_BYTES: usize = 8;

/// Reads a row.
pub fn get(db: &sled::Tree, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
    match db.get(key)? {
        Some(stored) => join(db, key, stored),
        None => Ok(None),
    }
}

/// Puts a row together whose stored part under its key is `stored`. `None` if the row was deleted meanwhile.
pub fn join(db: &sled::Tree, key: &[u8], mut stored: sled::IVec) -> Result<Option<Vec<u8>>, KvError> {
    for _ in 0..READ_ATTEMPTS {
        let Some(Start { stamp, count, first }) = parse(&stored)? else {
            return Ok(stored.get(1..).map(<[u8]>::to_vec));
        };
        let mut value = first.to_vec();
        let mut complete = true;
        for index in 1..count {
            match db.get(piece_key(key, index))? {
                Some(piece) if piece.starts_with(&stamp) => {
                    value.extend_from_slice(piece.get(STAMP_BYTES..).unwrap_or_default());
                }
                _ => {
                    complete = false;
                    break;
                }
            }
        }
        if complete {
            return Ok(Some(value));
        }
        stored = match db.get(key)? {
            Some(stored) => stored,
            None => return Ok(None),
        };
    }
    Err(KvError::Damaged("a piece of a large record is missing".into()))
}

/// Adds one change to a batch.
pub fn change(db: &sled::Tree, batch: &mut sled::Batch, key: &[u8], value: Option<&[u8]>) -> Result<(), KvError> {
    let old_count = match db.get(key)? {
        Some(stored) => parse(&stored)?.map_or(1, |start| start.count),
        None => 1,
    };
    let new_count = match value {
        None => {
            batch.remove(key);
            1
        }
        Some(value) if value.len() <= PIECE_BYTES => {
            let mut stored = Vec::with_capacity(value.len() + 1);
            stored.push(WHOLE);
            stored.extend_from_slice(value);
            batch.insert(key, stored);
            1
        }
        Some(value) => split(batch, key, value)?,
    };
    for index in new_count..old_count {
        batch.remove(piece_key(key, index));
    }
    Ok(())
}

fn split(batch: &mut sled::Batch, key: &[u8], value: &[u8]) -> Result<u16, KvError> {
    let too_large = || KvError::Io(std::io::Error::new(std::io::ErrorKind::InvalidInput, "a record is too large"));
    let count = u16::try_from(value.len().div_ceil(PIECE_BYTES)).map_err(|_| too_large())?;
    let mut stamp = [0; STAMP_BYTES];
    getrandom::fill(&mut stamp).map_err(std::io::Error::from)?;
    for (index, piece) in (0..count).zip(value.chunks(PIECE_BYTES)) {
        let mut stored = Vec::with_capacity(piece.len() + STAMP_BYTES + 3);
        if index == 0 {
            stored.push(SPLIT);
            stored.extend_from_slice(&stamp);
            stored.extend_from_slice(&count.to_be_bytes());
            stored.extend_from_slice(piece);
            batch.insert(key, stored);
        } else {
            stored.extend_from_slice(&stamp);
            stored.extend_from_slice(piece);
            batch.insert(piece_key(key, index), stored);
        }
    }
    Ok(count)
}

/// What lies under the key of a split row.
struct Start<'a> {
    stamp: [u8; STAMP_BYTES],
    /// Pieces, this one included.
    count: u16,
    first: &'a [u8],
}

/// The start of a split row; `None` for a whole one.
fn parse(stored: &[u8]) -> Result<Option<Start<'_>>, KvError> {
    let damaged = || KvError::Damaged("a record has an unknown shape".into());
    match stored.split_first() {
        Some((&WHOLE, _)) => Ok(None),
        Some((&SPLIT, rest)) => {
            let (stamp, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
            let (count, first) = rest.split_first_chunk().ok_or_else(damaged)?;
            Ok(Some(Start { stamp: *stamp, count: u16::from_be_bytes(*count), first }))
        }
        _ => Err(damaged()),
    }
}

fn piece_key(key: &[u8], index: u16) -> Vec<u8> {
    let mut piece = Vec::with_capacity(key.len() + 3);
    piece.push(ENGINE_KEYS);
    piece.extend_from_slice(key);
    piece.extend_from_slice(&index.to_be_bytes());
    piece
}
