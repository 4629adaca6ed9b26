//! The media engine: sound from a device to the other person's ear, over WebRTC.
//!
//! Two halves meet in [`packet`]. [`audio`] turns what a microphone hears into Opus packets, once for everybody who listens, and
//! the packets of each person into what the loudspeaker plays. [`transport`] carries packets between two devices over one
//! WebRTC connection and is the only place that names that library. [`engine`] joins them, by the word of the core, which alone
//! decides who may call whom.
//!
//! `veche-node` runs it, with Cargo's feature `media`.

pub mod audio;
pub mod engine;
pub mod packet;
pub mod transport;
