//! Calls: what two devices say to each other about one, and what the media engine has to do with it.

pub mod media;
