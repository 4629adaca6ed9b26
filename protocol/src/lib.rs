//! The decisions of Veche.
pub mod ids;
pub mod link;
pub mod store;
pub mod time;
