//! One voice over wires of every kind, in virtual time.

mod hostile;
mod wires;

use std::time::{Duration, Instant};

use super::*;
use crate::audio::block::BLOCK_TIME;
use crate::audio::codec::VoiceEncoder;
use crate::audio::testing::{Dice, speech};

/// A packet and when it comes, in microseconds; `None` if never.
type Sent = (Option<Micros>, VoicePacket);

/// What a listener heard.
struct Heard {
    sound: Vec<f32>,
    /// The delay after each block, in microseconds.
    delays: Vec<Micros>,
    stats: PersonStats,
}

impl Heard {
    fn delay_in(&self, seconds: std::ops::Range<usize>) -> Micros {
        let part = &self.delays[seconds.start * 100..seconds.end * 100];
        part.iter().sum::<Micros>() / part.len() as Micros
    }

    fn gaps(&self) -> f64 {
        self.stats.concealed.as_secs_f64() / self.stats.played.as_secs_f64()
    }

    /// The greatest step from one sample to the next. Clicks are steps that the voice itself does not have.
    fn steepest(&self) -> f32 {
        self.sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }
}

/// Sound as packets of so many samples, sent without a pause, first one at `first`.
fn packets(sound: &[f32], frame: usize, loss_percent: u8, first: (u16, u32)) -> Vec<VoicePacket> {
    let mut encoder = VoiceEncoder::new().unwrap();
    encoder.tune(32_000, loss_percent);
    let frames = sound.chunks_exact(frame).enumerate();
    frames
        .map(|(at, samples)| VoicePacket {
            sequence: first.0.wrapping_add(at as u16),
            timestamp: first.1.wrapping_add((at * frame) as u32),
            marker: at == 0,
            level: 20,
            payload: encoder.encode(samples).unwrap(),
        })
        .collect()
}

/// When each packet would be sent: at the end of what it holds.
fn sent_at(at: usize, frame: usize) -> Micros {
    micros_of(((at + 1) * frame) as i64)
}

/// Lets packets go over a wire that delays each by what `delay` says, or loses it.
fn over(packets: Vec<VoicePacket>, frame: usize, mut delay: impl FnMut(usize) -> Option<Micros>) -> Vec<Sent> {
    packets.into_iter().enumerate().map(|(at, packet)| (delay(at).map(|delay| sent_at(at, frame) + delay), packet)).collect()
}

/// Listens for so many blocks; each is asked for at the time of its number, times `pace`.
fn listen(buffer: &mut JitterBuffer, sent: Vec<Sent>, blocks: usize, pace: f64) -> Heard {
    let start = Instant::now();
    let mut coming: Vec<(Micros, VoicePacket)> = sent.into_iter().filter_map(|(at, packet)| at.map(|at| (at, packet))).collect();
    coming.sort_by_key(|(at, _)| *at);
    let mut coming = coming.into_iter().peekable();
    let (mut sound, mut delays) = (Vec::new(), Vec::new());
    for block in 0..blocks {
        // In the middle of a block's time, so that what comes at even times is neither just too early nor just too late.
        let now = ((block as f64 + 0.5) * 10_000.0 * pace) as Micros;
        while let Some((at, packet)) = coming.next_if(|(at, _)| *at <= now) {
            buffer.push(packet, start + Duration::from_micros(at as u64));
        }
        let mut out = [0.0; BLOCK];
        buffer.block(start + Duration::from_micros(now as u64), Duration::ZERO, &mut out);
        sound.extend(out);
        delays.push(buffer.mean as Micros);
    }
    Heard { sound, delays, stats: buffer.stats(Duration::ZERO) }
}

/// Without any wire: what the decoder makes of all packets.
fn ideal(packets: &[VoicePacket]) -> Vec<f32> {
    let mut decoder = VoiceDecoder::new().unwrap();
    let mut out = Box::new([0.0; MAX_PACKET]);
    packets
        .iter()
        .flat_map(|packet| {
            let samples = decoder.decode(&packet.payload, &mut out);
            out[..samples].to_vec()
        })
        .collect()
}

fn blocks(seconds: usize) -> usize {
    seconds * (1_000 / BLOCK_TIME.as_millis() as usize)
}
