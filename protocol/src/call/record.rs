//! What is written down of a call, by the device that called: while it goes on, so that a crash does not lose it, and in the history once
//! it is over.

use crate::ids::{AccountId, CallId};
use crate::time::UnixMs;
use crate::view::CallOutcome;
use crate::wire::bodies::{CallLog, kind};

/// An outgoing call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which.
    pub call: CallId,
    /// Who was called.
    pub account: AccountId,
    /// When it began.
    pub started: UnixMs,
    /// A device of theirs took it.
    pub taken: bool,
    /// For how long sound has passed, ms; `None` if it never did.
    pub talked_ms: Option<u64>,
}

impl Record {
    /// What became of it, if it ended without being declined.
    #[must_use]
    pub const fn outcome(&self) -> CallOutcome {
        match (self.talked_ms, self.taken) {
            (Some(_), _) => CallOutcome::Talked,
            (None, true) => CallOutcome::Failed,
            (None, false) => CallOutcome::Missed,
        }
    }

    /// Kind and body of the entry about it.
    #[must_use]
    pub fn entry(&self, outcome: CallOutcome) -> (u32, CallLog) {
        let (kind, number) = match outcome {
            CallOutcome::Missed => (kind::MISSED_CALL, 0),
            CallOutcome::Talked => (kind::CALL, 1),
            CallOutcome::Declined => (kind::CALL, 2),
            CallOutcome::Failed => (kind::CALL, 3),
        };
        let duration_ms = self.talked_ms.unwrap_or(0);
        (kind, CallLog { call: self.call.to_vec(), outcome: number, started_ms: self.started.0, duration_ms })
    }
}
