//! What passes between sound and network: one encoded frame.

use bytes::Bytes;

/// Samples a second of every clock here; Opus counts its timestamps at this rate whatever it encodes (RFC 7587 §4.1).
pub const SAMPLE_RATE: u32 = 48_000;

/// One Opus packet with its place in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoicePacket {
    /// Counts packets, and wraps (RFC 3550 §5.1).
    pub sequence: u16,
    /// Counts samples at [`SAMPLE_RATE`], and wraps.
    pub timestamp: u32,
    /// Set on the first packet after silence (RFC 3551 §4.1).
    pub marker: bool,
    /// Loudness in -dBov: 0 is the loudest, 127 silence (RFC 6464).
    pub level: u8,
    /// The encoded frame.
    pub payload: Bytes,
}
