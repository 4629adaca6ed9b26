//! Computations too heavy for the core's own thread. They are pure functions: the shell only finds a thread for them.

use crate::crypto::pow::Challenge;
use crate::identity::login::{self, TagCost};
use crate::identity::safety;
use crate::ids::AccountId;

/// A computation to do on a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// The tag of a login and account.
    Tag {
        /// Whose.
        account: AccountId,
        /// Their login.
        login: String,
        /// Price of the hash.
        cost: TagCost,
    },
    /// A proof of work for a contact request.
    Pow {
        /// For whom.
        account: AccountId,
        /// The sealed request.
        frame: Vec<u8>,
        /// Leading zero bits.
        bits: u32,
    },
    /// Any other proof of work.
    Work {
        /// What it is about.
        challenge: Challenge,
        /// Leading zero bits.
        bits: u32,
    },
    /// The safety number of two accounts.
    Safety(AccountId, AccountId),
}

/// What a [`Job`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobResult {
    /// Six characters.
    Tag(String),
    /// The nonce; `None` if the search was given up.
    Pow(Option<u64>),
    /// Sixty digits.
    Safety(String),
    /// The worker could not do it.
    Failed,
}

impl Job {
    /// Does it. Takes from milliseconds to seconds.
    #[must_use]
    pub fn run(&self) -> JobResult {
        match self {
            Self::Tag { account, login, cost } => match login::tag(*account, login, *cost) {
                Ok(tag) => JobResult::Tag(tag),
                Err(_) => JobResult::Failed,
            },
            Self::Pow { account, frame, bits } => JobResult::Pow(Challenge::new(account, frame).solve(*bits, 0, tries(*bits))),
            Self::Work { challenge, bits } => JobResult::Pow(challenge.solve(*bits, 0, tries(*bits))),
            Self::Safety(a, b) => JobResult::Safety(safety::number(*a, *b)),
        }
    }
}

/// Tries after which a search is given up: sixteen times the expected number leaves a chance of e^-16 to miss.
fn tries(bits: u32) -> u64 {
    1_u64.checked_shl(bits.saturating_add(4)).unwrap_or(u64::MAX)
}
