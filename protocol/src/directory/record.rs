//! What a node of the directory does with a record for others: verify it, merge it with what is there, keep it bounded.

use super::claim::{self, ClaimInfo};
use super::{address, keys};
use crate::crypto::{hash, labels};
use crate::ids::{AccountId, DirectoryKey};
use crate::limits;
use crate::time::UnixMs;
use crate::wire::codec;
use crate::wire::directory::{Claim, Claims, Record, RecordKind};
use std::collections::BTreeMap;

/// What a judgement depends on besides the record.
#[derive(Clone, Copy, Debug)]
pub struct Judge {
    /// The clock of the node.
    pub now: UnixMs,
    /// Proof-of-work bits of claims: [`limits::CLAIM_WORK`] in the real network.
    pub work: u32,
    /// A secret of the node, for the choice among too many claims: nobody can make claims that this node prefers.
    pub salt: [u8; 32],
}

/// Whether the tag of a claim was computed before, and what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagProof {
    /// It is right.
    Right,
    /// It is another one.
    Wrong,
    /// Nobody has computed it here.
    Unknown,
}

/// What is to be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The record to keep in place of the known one; `None` leaves what is there.
    pub value: Option<Vec<u8>>,
    /// Claims that can be kept once their tag is proven: compute these (account, login, tag as claimed), then merge the same
    /// record again.
    pub unproven: Vec<(AccountId, String, String)>,
}

/// Why a record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not the message it should be, or too large.
    #[error("the record cannot be read")]
    Malformed,
    /// A record about something else than what lies at this key.
    #[error("the record does not belong at this key")]
    WrongKey,
    /// A claim that does not hold.
    #[error("a claim is refused: {0}")]
    Claim(#[from] claim::ClaimError),
    /// Keys that the account or its devices did not sign.
    #[error("keys are refused")]
    Keys,
    /// An address that its one-time key did not sign, or past its end.
    #[error("an address is refused")]
    Address,
}

/// Verifies `news` for `key` and merges it with the record `known` there, which was verified before.
///
/// # Errors
/// News of which no part may be kept, see [`RecordError`].
pub fn merge(
    key: DirectoryKey,
    known: Option<&[u8]>,
    news: &[u8],
    judge: &Judge,
    proof: impl Fn(&AccountId, &str, &str) -> TagProof,
) -> Result<Merged, RecordError> {
    let known = known.and_then(|bytes| codec::decode::<Record>(bytes, limits::RECORD).ok()).and_then(|record| record.m);
    let news: Record = codec::decode(news, limits::RECORD).map_err(|_| RecordError::Malformed)?;
    match news.m.ok_or(RecordError::Malformed)? {
        RecordKind::Claims(claims) => {
            let known = match known {
                Some(RecordKind::Claims(known)) => known.claims,
                _ => Vec::new(),
            };
            merge_claims(key, &known, claims.claims, judge, proof)
        }
        RecordKind::Keys(found) => {
            let found = keys::verify(&found, key).map_err(|_| RecordError::Keys)?;
            let before = match known {
                Some(RecordKind::Keys(known)) => keys::verify(&known, key).ok(),
                _ => None,
            };
            let merged = match before.clone() {
                Some(before) => before.merged(found),
                None => found,
            };
            let value = (before.as_ref() != Some(&merged)).then(|| encode(RecordKind::Keys(merged.to_wire())));
            Ok(Merged { value, ..Merged::default() })
        }
        RecordKind::Address(found) => {
            let (at, body) = address::verify(&found).map_err(|_| RecordError::Address)?;
            if at != key {
                return Err(RecordError::WrongKey);
            }
            let latest = judge.now.after(limits::CLAIM_LIFETIME).after(limits::CLOCK_AHEAD);
            if body.until_ms <= judge.now.0 || body.until_ms > latest.0 {
                return Err(RecordError::Address);
            }
            let before = match &known {
                Some(RecordKind::Address(known)) => address::verify(known).ok(),
                _ => None,
            };
            let newer = before.is_none_or(|(_, known)| known.seq < body.seq);
            Ok(Merged { value: newer.then(|| encode(RecordKind::Address(found))), ..Merged::default() })
        }
    }
}

fn merge_claims(
    key: DirectoryKey,
    known: &[Claim],
    news: Vec<Claim>,
    judge: &Judge,
    proof: impl Fn(&AccountId, &str, &str) -> TagProof,
) -> Result<Merged, RecordError> {
    let mut kept: BTreeMap<AccountId, (ClaimInfo, Claim)> = BTreeMap::new();
    for claim in known {
        // What has ended since is dropped here.
        if let Ok(info) = claim::verify(claim, judge.work, judge.now) {
            kept.insert(info.account, (info, claim.clone()));
        }
    }
    let (mut unproven, mut refused) = (Vec::new(), None);
    for claim in news {
        let info = match claim::verify(&claim, judge.work, judge.now) {
            Ok(info) => info,
            Err(why) => {
                refused = Some(RecordError::Claim(why));
                continue;
            }
        };
        if key == claim::tagged_key(&info.login, &info.tag) {
            // Only the right account may lie at login and tag; the slow hash is what a liar cannot afford.
            match proof(&info.account, info.login.as_str(), &info.tag) {
                TagProof::Right => {}
                TagProof::Wrong => {
                    refused = Some(RecordError::WrongKey);
                    continue;
                }
                TagProof::Unknown => {
                    unproven.push((info.account, info.login.to_string(), info.tag.clone()));
                    continue;
                }
            }
        } else if key != claim::login_key(&info.login) {
            refused = Some(RecordError::WrongKey);
            continue;
        }
        if kept.get(&info.account).is_none_or(|(known, _)| known.seq < info.seq) {
            kept.insert(info.account, (info, claim));
        }
    }
    let mut chosen: Vec<(AccountId, Claim)> = kept.into_iter().map(|(account, (_, claim))| (account, claim)).collect();
    if chosen.len() > limits::CLAIMS {
        let day = address::day(judge.now).to_be_bytes();
        chosen.sort_by_cached_key(|(account, _)| hash::mac(&judge.salt, labels::SAMPLING, &[account.as_bytes(), &day]));
        chosen.truncate(limits::CLAIMS);
        chosen.sort_by_key(|(account, _)| *account);
    }
    let claims: Vec<Claim> = chosen.into_iter().map(|(_, claim)| claim).collect();
    let value = (claims != known).then(|| encode(RecordKind::Claims(Claims { claims })));
    match refused {
        Some(why) if value.is_none() && unproven.is_empty() => Err(why),
        _ => Ok(Merged { value, unproven }),
    }
}

/// A record as it travels.
#[must_use]
pub fn encode(kind: RecordKind) -> Vec<u8> {
    codec::encode(&Record { m: Some(kind) })
}

/// Reads a record, without verifying what is in it.
///
/// # Errors
/// A malformed or oversized one.
pub fn decode(bytes: &[u8]) -> Result<RecordKind, RecordError> {
    codec::decode::<Record>(bytes, limits::RECORD).ok().and_then(|record| record.m).ok_or(RecordError::Malformed)
}

#[cfg(test)]
mod tests;
