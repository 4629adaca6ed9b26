//! The directory: a distributed hash table in which people claim logins, leave keys for strangers, and tell contacts where they
//! are. Pure functions over its records; asking and publishing is decided in [`crate::core`].
//!
//! Whoever keeps records for others ([`record`]) verifies and merges them, so that nobody can overwrite or forge what somebody else
//! put there; whoever finds one verifies it once more, because nodes of the directory may lie.

pub mod address;
pub mod claim;
pub mod keys;
pub mod record;
