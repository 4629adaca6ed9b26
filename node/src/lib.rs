//! Empty for now.
pub mod net;
pub mod store;
