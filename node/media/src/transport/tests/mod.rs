//! Pairs of legs in one process.

mod hostile;
mod pair;
mod story;
mod wire;
