//! History: what was said in a conversation, as a set of signed entries from which everything else follows.
pub mod append;
pub mod apply;
mod auth;
pub mod clock;
pub mod entry;
pub mod fold;
pub mod hash;
pub mod ingest;
pub mod log;
mod pool;
pub mod reference;
pub mod rows;
pub mod space;

#[cfg(test)]
mod testing;
