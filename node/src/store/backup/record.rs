//! The inside of a backup: an opening, rows, and an end that counts them.
//!
//! ```text
//! made at, ms since 1970 (8)  key of the scope hash (32)  1  entropy of the account (16), or 0
//! 1  length of key (2)  length of value (4)  key as on disk  value, opened      for each row
//! 0  number of rows (8)
//! ```

use std::io::{Read, Write};

use veche_protocol::store::Table;
use zeroize::Zeroizing;

use super::format::{Opener, Sealer};
use super::{BackupError, BackupFacts, NEVER};
use crate::store::keyfile::Entropy;
use crate::store::keys::SecretKey;
use crate::store::vault::{MAX_ORDER_BYTES, MAX_VALUE_BYTES, PREFIX_BYTES, Vault};

const END: u8 = 0;
const ROW: u8 = 1;

/// The first record.
pub struct Opening {
    created_ms: u64,
    keyhash: SecretKey,
    account: Option<Entropy>,
}

impl Opening {
    pub fn new(vault: &Vault, account: Option<&[u8; 16]>, created_ms: u64) -> Self {
        Self { created_ms, keyhash: vault.copy_of_keyhash(), account: account.map(|entropy| Zeroizing::new(*entropy)) }
    }

    pub fn write<W: Write>(&self, stream: &mut Sealer<W>) -> Result<(), BackupError> {
        stream.write(&self.created_ms.to_be_bytes())?;
        stream.write(self.keyhash.bytes())?;
        stream.write(&[u8::from(self.account.is_some())])?;
        stream.write(self.account.as_ref().map_or(&[], |entropy| entropy.as_slice()))
    }

    pub fn read<R: Read>(stream: &mut Opener<R>) -> Result<Self, BackupError> {
        let created_ms = u64::from_be_bytes(read_array(stream)?);
        let keyhash = SecretKey::from_bytes(&Zeroizing::new(read_array(stream)?));
        let account = match read_array(stream)? {
            [0] => None,
            [1] => Some(Zeroizing::new(read_array(stream)?)),
            _ => return Err(BackupError::Damaged),
        };
        Ok(Self { created_ms, keyhash, account })
    }

    pub fn keyhash(&self) -> SecretKey {
        SecretKey::from_bytes(self.keyhash.bytes())
    }

    pub fn facts(self, rows: u64) -> BackupFacts {
        BackupFacts { account: self.account, created_ms: self.created_ms, rows }
    }
}

pub fn write_row<W: Write>(stream: &mut Sealer<W>, key: &[u8], value: &[u8]) -> Result<(), BackupError> {
    let key_length = u16::try_from(key.len()).map_err(|_| BackupError::Damaged)?;
    let value_length = u32::try_from(value.len()).map_err(|_| BackupError::Damaged)?;
    stream.write(&[ROW])?;
    stream.write(&key_length.to_be_bytes())?;
    stream.write(&value_length.to_be_bytes())?;
    stream.write(key)?;
    stream.write(value)
}

pub fn write_end<W: Write>(stream: &mut Sealer<W>, rows: u64) -> Result<(), BackupError> {
    stream.write(&[END])?;
    stream.write(&rows.to_be_bytes())
}

/// Gives every row to `visit`, makes sure that the stream ends where it should, and returns the number of rows.
///
/// A row that no vault could have written is refused: the file may come from somebody who knows the passphrase.
pub fn read_all<R: Read>(
    stream: &mut Opener<R>,
    mut visit: impl FnMut(Vec<u8>, &[u8]) -> Result<(), BackupError>,
) -> Result<u64, BackupError> {
    let mut rows = 0_u64;
    loop {
        match read_array(stream)? {
            [ROW] => {}
            [END] => {
                let counted = u64::from_be_bytes(read_array(stream)?);
                stream.finish()?;
                return if counted == rows { Ok(rows) } else { Err(BackupError::Damaged) };
            }
            _ => return Err(BackupError::Damaged),
        }
        let key_length = usize::from(u16::from_be_bytes(read_array(stream)?));
        let value_length = u32::from_be_bytes(read_array(stream)?) as usize;
        if !(PREFIX_BYTES..=PREFIX_BYTES + MAX_ORDER_BYTES).contains(&key_length) || value_length > MAX_VALUE_BYTES {
            return Err(BackupError::Damaged);
        }
        let mut key = vec![0; key_length];
        stream.read(&mut key)?;
        if key.first().and_then(|byte| table(*byte)).is_none_or(|table| NEVER.contains(&table)) {
            return Err(BackupError::Damaged);
        }
        let mut value = Zeroizing::new(vec![0; value_length]);
        stream.read(&mut value)?;
        visit(key, &value)?;
        rows = rows.saturating_add(1);
    }
}

/// The table whose keys begin with `byte`.
pub fn table(byte: u8) -> Option<Table> {
    Table::STATE.into_iter().chain(Table::HISTORY).find(|table| *table as u8 == byte)
}

fn read_array<const N: usize, R: Read>(stream: &mut Opener<R>) -> Result<[u8; N], BackupError> {
    let mut bytes = [0; N];
    stream.read(&mut bytes)?;
    Ok(bytes)
}
