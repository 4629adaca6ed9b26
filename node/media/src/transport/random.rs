//! Names and numbers that must differ from the peer's.

use super::LegError;

/// Letters of a drawn name: 32^16 of them, so two never meet.
const NAME_LENGTH: usize = 16;

const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A name of letters and digits.
pub(super) fn name() -> Result<String, LegError> {
    let mut bytes = [0; NAME_LENGTH];
    getrandom::fill(&mut bytes).map_err(|_| LegError::Setup)?;
    Ok(bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 31)).map(|letter| char::from(*letter))).collect())
}

/// A number other than zero, which stands for "none" where streams are numbered.
pub(super) fn non_zero() -> Result<u32, LegError> {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_err(|_| LegError::Setup)?;
    Ok(u32::from_ne_bytes(bytes).max(1))
}
