//! The decisions of Veche, as a deterministic state machine that does no IO.
//!
//! # The contract
//! 1. [`core::Core::handle`] is the only way to change anything. After it the caller polls [`core::Core::poll`] until it says
//!    `None`, reads [`core::Core::next_timeout`] anew, and waits for whichever comes first: that instant, or an input.
//! 2. Effects are carried out in the order in which they are polled. Whoever carries them out decides nothing.
//! 3. An effect that another machine, a person or a program can see is released only after every write decided before it was
//!    acknowledged by [`core::input::Input::Committed`]. One file builds such effects: `core/gate.rs`.
//! 4. Parts drain their own children within `handle`; polls are never chained.
//! 5. The same seed and the same inputs at the same times lead to the same decisions. Ciphertext of the real ratchet is the one
//!    exception: its library draws its own randomness.
//! 6. The work of one input is bounded. What takes long leaves as [`core::effect::Effect::Offload`].
//! 7. Bad input neither panics nor becomes an error of the caller: it is counted under a reason, see
//!    [`core::Core::refusals`].
//! 8. Memory holds what decisions need, not history. Pages of history are read from the store by whoever shows them.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::iter_over_hash_type,
        clippy::panic,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod call;
pub mod chat;
pub mod core;
pub mod crypto;
pub mod directory;
pub mod history;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod link;
pub mod mailbox;
pub mod rate;
pub mod reach;
pub mod store;
pub mod time;
pub mod turn;
pub mod view;
pub mod wire;
