//! Carries packets between two devices over WebRTC.
//!
//! [`Leg`] is one connection to one device. No type of the library below shows here, so that another can take its place, and no
//! text of its errors either: those contain addresses and whole packets of sound.
//!
//! Sections for sound, a camera and a screen, and a channel for control, exist from the first offer on. Turning something on is
//! then a matter of sending, and never of a negotiation in the middle of a call. A section is never declared inactive: the library
//! stops it for good when that is said a second time.

mod candidate;
mod control;
mod description;
mod fingerprint;
mod gate;
mod handler;
mod leg;
mod outbox;
mod random;
mod runtime;
mod stack;
mod stats;
mod tasks;

#[cfg(test)]
mod tests;

use veche_protocol::call::media::{IceSetup, MediaFailure};

pub use candidate::{Candidate, CandidateKind, CandidateRefusal};
pub use control::Control;
pub use description::{Description, DescriptionRefusal, MAX_CANDIDATES};
pub use fingerprint::Fingerprint;
pub use leg::{Leg, LegEvent, LegOutput};
pub use stats::Counts;

/// Whether a log target belongs to the libraries below. What they log on errors contains addresses and whole packets of sound, so no
/// program may let it into a log, whatever it is asked to log.
#[must_use]
pub fn is_secretive(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or(target);
    ["rtc", "webrtc"].iter().any(|family| library.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
}

/// Which ways a connection may take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// As the core says.
    pub ice: IceSetup,
    /// Only within this machine, for tests.
    pub loopback: bool,
}

/// Why a leg cannot do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LegError {
    /// The library, or the system's randomness, refused to be set up.
    #[error("the connection for sound could not be set up")]
    Setup,
    /// No socket could be bound.
    #[error("no network interface can be used for sound")]
    Sockets,
    /// Only relays may be used, and no server offers to be one.
    #[error("no relay is known that could hide the address of this device")]
    NoRelay,
    /// The peer's description cannot be used.
    #[error("the other side's description of the call cannot be used: {0}")]
    Description(DescriptionRefusal),
    /// The library refused a description that was understood here.
    #[error("the other side's description of the call does not fit this one")]
    Refused,
    /// An answer without an offer, or an offer before the answer to another.
    #[error("the descriptions of the call came out of turn")]
    OutOfTurn,
}

impl From<LegError> for MediaFailure {
    fn from(error: LegError) -> Self {
        match error {
            LegError::Setup | LegError::Sockets => Self::Setup,
            LegError::NoRelay => Self::NoWay,
            LegError::Description(DescriptionRefusal::WrongFingerprint) => Self::Impostor,
            LegError::Description(_) | LegError::Refused | LegError::OutOfTurn => Self::Description,
        }
    }
}
