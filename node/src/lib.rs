//! Empty for now.
pub mod store;
