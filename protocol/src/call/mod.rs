//! Calls: what two devices say to each other about one, and what the media engine has to do with it. A pure machine: time comes in with
//! each input, and nothing here signs, sends or stores.
//!
//! # How a call goes
//! ```text
//! caller                                    each connected device of the called
//!   opens a leg that answers
//!   invite ───────────────────────────────▶   rings
//!   rings  ◀─────────────────────── ringing
//!                                             the person takes it: opens a leg that offers
//!   has it ◀─────────────────────── accept, description, candidates
//!   chosen, description, candidates ──────▶   (the others: elsewhere)
//!                      sound passes
//!   hang up ◀─────────────────────────────▶
//! ```
//! The called side offers, so that nothing but words leaves either machine before the person there has said yes, and every device that
//! might take the call needs no connection of its own. The semantics are those of Matrix (MSC2746): each device speaks for itself, the
//! caller chooses one, declining is not hanging up, and an old invitation rings nowhere.
//!
//! # What is promised
//! 1. A device is in one call at most, and both ends of a call are in the same one, but for the time that a word travels.
//! 2. What is over never rings again. Every wait has an end, so each call either goes on with sound or is over in bounded time.
//! 3. Only the device that called, and the device that it chose, can end a call that was taken.
//! 4. Each call is written down once, by the device that called, also if that crashes meanwhile.

mod board;
mod called;
mod calling;
mod ending;
mod lane;
pub mod media;
mod negotiate;
mod record;
mod state;
#[cfg(test)]
mod tests;
mod timing;
mod words;

pub use board::{Board, Out, Rings, Speaker};
pub use record::Record;
pub use state::Sound;
pub use words::safety_words;
