//! Proof of work for what strangers may ask of others: BLAKE3 with leading zero bits, in the manner of hashcash.
//!
//! A contact request commits to the account it is for and to the sealed request, so that the work cannot be made in advance or used
//! twice; everything else commits to fields under a label of its own.

use super::{hash, labels};
use crate::ids::AccountId;

/// Bits that nobody may ask for or be asked for beyond: 28 bits are a minute of a desktop's core.
pub const MAX_BITS: u32 = 28;

/// What a proof of work is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// For a sealed frame, as encoded, to an account.
    #[must_use]
    pub fn new(account: &AccountId, frame: &[u8]) -> Self {
        Self(hash::h(labels::POW, &[account.as_bytes(), frame]))
    }

    /// For something of another kind: `label` is one of [`labels`], `fields` are what the work commits to.
    #[must_use]
    pub fn over(label: &str, fields: &[&[u8]]) -> Self {
        Self(hash::h(label, fields))
    }

    /// Whether a nonce shows at least `bits` leading zero bits.
    #[must_use]
    pub fn check(&self, bits: u32, nonce: u64) -> bool {
        let digest = blake3::keyed_hash(&self.0, &nonce.to_le_bytes());
        leading_zeros(digest.as_bytes()) >= bits
    }

    /// Searches `max_iters` nonces from `from` on. Takes about 2^`bits` tries; callers search in slices.
    #[must_use]
    pub fn solve(&self, bits: u32, from: u64, max_iters: u64) -> Option<u64> {
        (from..from.saturating_add(max_iters)).find(|nonce| self.check(bits, *nonce))
    }
}

/// Does the whole work for a sealed frame, as encoded, to an account. Gives up after about eight times the expected number of
/// tries, which happens once in three thousand searches; `None` at once where the bits exceed [`MAX_BITS`].
#[must_use]
pub fn solve(account: AccountId, frame: &[u8], bits: u32) -> Option<u64> {
    let tries = 8_u64.checked_shl(bits).filter(|_| bits <= MAX_BITS)?;
    Challenge::new(&account, frame).solve(bits, 0, tries)
}

fn leading_zeros(bytes: &[u8]) -> u32 {
    let whole = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = bytes.get(whole).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(whole).unwrap_or(0).saturating_mul(8).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_holds_for_its_account_and_frame_only() {
        let challenge = Challenge::new(&AccountId([1; 32]), b"frame");
        let nonce = challenge.solve(10, 0, 1 << 16).unwrap();
        assert!(challenge.check(10, nonce));
        // Each of these holds by chance once in a thousand; the inputs are fixed.
        assert!(!Challenge::new(&AccountId([2; 32]), b"frame").check(10, nonce));
        assert!(!Challenge::new(&AccountId([1; 32]), b"framf").check(10, nonce));
    }

    #[test]
    fn the_search_stops_and_can_go_on() {
        let challenge = Challenge::new(&AccountId([1; 32]), b"frame");
        assert_eq!(challenge.solve(64, 0, 100), None);
        let whole = challenge.solve(10, 0, 1 << 16).unwrap();
        let sliced = (0..).step_by(64).find_map(|from| challenge.solve(10, from, 64)).unwrap();
        assert_eq!(whole, sliced);
    }

    #[test]
    fn zero_bits_are_counted_across_bytes() {
        assert_eq!(leading_zeros(&[0, 0x10]), 11);
        assert_eq!(leading_zeros(&[0x80]), 0);
        assert_eq!(leading_zeros(&[0, 0]), 16);
    }
}
