//! Safety numbers: sixty digits by which two people see that they hold each other's true account keys.
//!
//! Each account is hashed 5,200 times with SHA-512 in the manner of Signal's numeric fingerprint, which makes it costly to
//! search for a key with a similar number. It covers account keys, so that new devices do not change it.

use crate::ids::AccountId;
use sha2::{Digest, Sha512};
use std::fmt;

/// Rounds of the hash for each account.
const ROUNDS: u32 = 5200;
/// Format of the number, hashed first.
const VERSION: [u8; 2] = [0, 1];
/// Digits of the whole number.
pub const DIGITS: usize = 60;
/// Digits printed together.
const GROUP: usize = 5;

/// A safety number: [`DIGITS`] digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber(String);

/// Why typed text is not a safety number. The text is the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafetyError {
    /// Something other than digits and separators.
    #[error("“{0}” is not a digit")]
    NotDigit(char),
    /// Too few or too many digits.
    #[error("it must have 60 digits, and there are {0}")]
    Length(usize),
}

impl SafetyNumber {
    /// The number of two accounts, the same from both sides. Takes some milliseconds.
    #[must_use]
    pub fn between(a: AccountId, b: AccountId) -> Self {
        let (a, b) = (half(a), half(b));
        Self(if a <= b { a + &b } else { b + &a })
    }

    /// Reads a number as people type it: spaces, line ends, dots and dashes do not matter.
    ///
    /// # Errors
    /// Other characters, or another number of digits.
    pub fn parse(text: &str) -> Result<Self, SafetyError> {
        let mut digits = String::new();
        for c in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '–' | '.')) {
            if !c.is_ascii_digit() {
                return Err(SafetyError::NotDigit(c));
            }
            digits.push(c);
        }
        if digits.len() == DIGITS { Ok(Self(digits)) } else { Err(SafetyError::Length(digits.len())) }
    }

    /// The groups as they are read out.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        (0..DIGITS).step_by(GROUP).filter_map(|at| self.0.get(at..at.saturating_add(GROUP)))
    }
}

impl fmt::Display for SafetyNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, group) in self.groups().enumerate() {
            write!(f, "{}{group}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// The number of two accounts in groups of five digits.
#[must_use]
pub fn number(a: AccountId, b: AccountId) -> String {
    SafetyNumber::between(a, b).to_string()
}

/// Whether a number that was read out or typed is the given one.
#[must_use]
pub fn same(number: &str, said: &str) -> bool {
    matches!((SafetyNumber::parse(number), SafetyNumber::parse(said)), (Ok(a), Ok(b)) if a == b)
}

/// Thirty digits for one account: six times five bytes, big-endian, modulo 100,000.
fn half(account: AccountId) -> String {
    let key = account.as_bytes();
    let mut hash = [&VERSION, key, key].concat();
    for _ in 0..ROUNDS {
        hash = Sha512::new().chain_update(&hash).chain_update(key).finalize().to_vec();
    }
    let group = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, byte| (n << 8) | u64::from(*byte)) % 100_000;
    hash.chunks_exact(5).take(6).map(|bytes| format!("{:05}", group(bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_see_the_same_number_and_others_another() {
        let (a, b, c) = (AccountId([1; 32]), AccountId([2; 32]), AccountId([3; 32]));
        let number = SafetyNumber::between(a, b);
        assert_eq!(number, SafetyNumber::between(b, a));
        assert_ne!(number, SafetyNumber::between(a, c));
        assert_eq!(number.groups().count(), 12);
        assert_eq!(number.to_string().len(), DIGITS + 11);
    }

    #[test]
    fn a_typed_number_is_read_with_any_spacing() {
        let number = SafetyNumber::between(AccountId([1; 32]), AccountId([2; 32]));
        let typed = number.to_string().replace(' ', "\n - ");
        assert_eq!(SafetyNumber::parse(&typed), Ok(number.clone()));
        assert!(same(&number.to_string(), &typed));
        assert!(!same(&number.to_string(), &typed.replacen(|c| c != '9', "9", 1)) && !same("", ""));
        assert_eq!(SafetyNumber::parse("123 45"), Err(SafetyError::Length(5)));
        assert_eq!(SafetyNumber::parse("123x"), Err(SafetyError::NotDigit('x')));
    }
}
