//! What the fuzz targets and the replay of their seeds share.

pub mod decoders;
pub mod examples;
