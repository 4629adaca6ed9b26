//! Opus, as this program uses it: one voice in one channel at 48 kHz.
//!
//! The bitrate is constant and silence is not left out (no DTX), because the sizes of packets of variable rate give away what is
//! said (White, Matthews, Snow and Monrose, IEEE S&P 2011). Who does not speak sends nothing.

use bytes::{Bytes, BytesMut};
use opus::{Application, Bitrate, Channels, Decoder, Encoder, packet};

use super::SoundError;
use super::block::make_sane;
use super::config::DEFAULT_BITRATE;
use crate::packet::SAMPLE_RATE;

/// The longest frame that is sent: 20 ms, in samples.
pub(super) const MAX_FRAME: usize = 960;
/// The longest packet that Opus knows: 120 ms, in samples (RFC 6716 §3.2.5).
pub(super) const MAX_PACKET: usize = 5760;
/// Bytes of a packet that are taken from the network: what one Ethernet frame carries. Voices here have at most 320.
pub(super) const MAX_PAYLOAD: usize = 1500;
/// Bytes of the largest packet that is made: 20 ms at [`MAX_BITRATE`](super::MAX_BITRATE) are 320.
const MAX_ENCODED: usize = 512;
/// Bytes reserved at once for packets on their way, so that most packets need no allocation: about two seconds of 10 ms at 32 kb/s.
const PACKET_ROOM: usize = 8192;
/// How hard libopus tries, 0 to 10: 9 sounds like 10 and takes less, about 1 % of a core.
const COMPLEXITY: i32 = 9;

fn engine(error: &opus::Error) -> SoundError {
    SoundError::Engine { reason: error.to_string() }
}

/// Makes packets of one voice.
#[derive(Debug)]
pub(super) struct VoiceEncoder {
    opus: Encoder,
    bitrate: u32,
    loss: u8,
    room: BytesMut,
}

impl VoiceEncoder {
    /// # Errors
    /// Where libopus refuses its settings.
    pub(super) fn new() -> Result<Self, SoundError> {
        let mut opus = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Voip).map_err(|error| engine(&error))?;
        let set = |opus: &mut Encoder| {
            opus.set_vbr(false)?;
            opus.set_dtx(false)?;
            opus.set_inband_fec(true)?;
            opus.set_packet_loss_perc(0)?;
            opus.set_complexity(COMPLEXITY)?;
            opus.set_signal(opus::Signal::Voice)?;
            opus.set_bitrate(Bitrate::Bits(DEFAULT_BITRATE as i32))
        };
        set(&mut opus).map_err(|error| engine(&error))?;
        Ok(Self { opus, bitrate: DEFAULT_BITRATE, loss: 0, room: BytesMut::new() })
    }

    /// Takes effect with the next frame.
    pub(super) fn tune(&mut self, bitrate: u32, loss_percent: u8) {
        if bitrate != self.bitrate && self.opus.set_bitrate(Bitrate::Bits(bitrate as i32)).is_ok() {
            self.bitrate = bitrate;
        }
        if loss_percent != self.loss && self.opus.set_packet_loss_perc(loss_percent.into()).is_ok() {
            self.loss = loss_percent;
        }
    }

    /// One packet of 10 or 20 ms. `None` where libopus refuses, which is for other lengths.
    pub(super) fn encode(&mut self, frame: &[f32]) -> Option<Bytes> {
        let mut packet = [0; MAX_ENCODED];
        let length = self.opus.encode_float(frame, &mut packet).ok()?;
        if self.room.capacity() < length {
            self.room.reserve(PACKET_ROOM);
        }
        self.room.extend_from_slice(packet.get(..length)?);
        Some(self.room.split().freeze())
    }

    /// Forgets the past, for a new beginning after silence.
    pub(super) fn reset(&mut self) {
        // Only an invalid state is refused, and then the next frame tells.
        let _ = self.opus.reset_state();
    }
}

/// Makes sound of one person's packets. Never fails: what cannot be decoded is concealed.
#[derive(Debug)]
pub(super) struct VoiceDecoder {
    opus: Decoder,
}

impl VoiceDecoder {
    /// # Errors
    /// Where libopus refuses its settings.
    pub(super) fn new() -> Result<Self, SoundError> {
        let opus = Decoder::new(SAMPLE_RATE, Channels::Mono).map_err(|error| engine(&error))?;
        Ok(Self { opus })
    }

    /// The sound of a packet. Answers how many samples it has; 0 for what is damaged.
    pub(super) fn decode(&mut self, payload: &[u8], out: &mut [f32; MAX_PACKET]) -> usize {
        self.run(payload, out, false)
    }

    /// The sound of the packet before this one, from the redundancy in it. `samples` is how long that was.
    pub(super) fn recover(&mut self, next: &[u8], samples: usize, out: &mut [f32; MAX_PACKET]) -> usize {
        out.get_mut(..samples).map_or(0, |out| self.run(next, out, true))
    }

    /// Goes on in the way of what was before (packet loss concealment), for so many samples: a multiple of 2.5 ms.
    pub(super) fn conceal(&mut self, samples: usize, out: &mut [f32; MAX_PACKET]) -> usize {
        out.get_mut(..samples).map_or(0, |out| self.run(&[], out, false))
    }

    fn run(&mut self, payload: &[u8], out: &mut [f32], redundancy: bool) -> usize {
        let samples = self.opus.decode_float(payload, out, redundancy).unwrap_or(0);
        if let Some(decoded) = out.get_mut(..samples) {
            make_sane(decoded);
        }
        samples
    }
}

/// What a packet says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketShape {
    /// How much sound is in it, in samples: 2.5 to 120 ms.
    pub(super) samples: usize,
    /// Whether the packet before it can be had from it (low bit-rate redundancy, RFC 6716 §4.2.4).
    pub(super) redundancy: bool,
}

impl PacketShape {
    /// `None` if this is no Opus packet.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        if payload.len() < 2 || payload.len() > MAX_PAYLOAD {
            return None;
        }
        let samples = packet::get_nb_samples(payload, SAMPLE_RATE).ok()?;
        let known = (1..=MAX_PACKET).contains(&samples);
        known.then(|| Self { samples, redundancy: has_redundancy(payload) == Some(true) })
    }
}

/// Reads the flag at the head of the first SILK frame (RFC 6716 §3.1, §3.2 and §4.2.3).
fn has_redundancy(payload: &[u8]) -> Option<bool> {
    /// The first of the configurations without a SILK layer.
    const FIRST_CELT_ONLY: u8 = 16;
    let toc = *payload.first()?;
    let config = toc >> 3;
    if config >= FIRST_CELT_ONLY {
        return Some(false);
    }
    // Frames of 10 and 20 ms hold one SILK frame, those of 40 and 60 ms two and three. Hybrid ones are 10 or 20 ms.
    let silk_frames = if config < 12 { (config & 3).max(1) } else { 1 };
    let start = first_frame(payload)?;
    let head = *payload.get(start)?;
    let flag_of = |channel: u8| head >> (7 - silk_frames - channel * (silk_frames + 1)) & 1 == 1;
    let stereo = toc & 4 != 0;
    // Three frames in two channels have their second flag in bit 0; nothing needs more than this byte.
    Some(flag_of(0) || stereo && flag_of(1))
}

/// Where the first frame begins.
fn first_frame(payload: &[u8]) -> Option<usize> {
    let length_bytes = |at: usize| payload.get(at).map(|first| if *first < 252 { 1 } else { 2 });
    match payload.first()? & 3 {
        0 | 1 => Some(1),
        2 => Some(1 + length_bytes(1)?),
        _ => {
            let count = *payload.get(1)?;
            let mut at = 2;
            if count & 0x40 != 0 {
                while *payload.get(at)? == 255 {
                    at += 1;
                }
                at += 1;
            }
            if count & 0x80 != 0 {
                for _ in 1..count & 0x3f {
                    at += length_bytes(at)?;
                }
            }
            Some(at)
        }
    }
}

#[cfg(test)]
mod tests;
