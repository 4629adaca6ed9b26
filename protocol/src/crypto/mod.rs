//! Cryptography: the only place that names primitives. Pure functions of their arguments; random bytes are passed in.
//!
//! Every use has a label of its own in [`labels`], so that no output of one use means anything in another.

pub mod aead;
pub mod anonymous;
pub mod hash;
pub mod labels;
pub mod link;
pub mod pow;
pub mod ratchet;
pub mod sign;
pub mod turn;
