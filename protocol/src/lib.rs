//! The decisions of Veche.
pub mod core;
pub mod crypto;
pub mod history;
pub mod identity;
pub mod ids;
pub mod limits;
pub mod link;
pub mod store;
pub mod time;
pub mod view;
pub mod wire;
