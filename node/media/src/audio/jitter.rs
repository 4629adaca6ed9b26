//! The jitter buffer of one person: packets go in as they come, sound comes out block by block.
//!
//! It is a pure function of the packets and of the times that it is told. How long a packet waits follows from how late packets were
//! in the last two seconds ([`DelayTracker`]); the way to another delay is made by taking out or repeating periods of the voice
//! ([`Elastic`]), which also makes up for two clocks that go apart. What is missing when its time comes is had from the redundancy
//! in the packet behind it if there is any, and made up for at most 60 ms if not. What comes later than that is played later:
//! a connection that stood still for a moment loses nothing that was said.

mod delay;
mod shelf;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use delay::DelayTracker;
use shelf::{Held, Placed, Shelf};

use super::SoundError;
use super::block::{BLOCK, Block, ramp};
use super::capture::QUIETEST;
use super::codec::{MAX_PACKET, PacketShape, VoiceDecoder};
use super::person::PersonStats;
use super::stretch::{Elastic, PLENTY};
use crate::packet::VoicePacket;

/// Microseconds, since anything.
type Micros = i64;

/// The least delay that is aimed at: one block, in which the loudspeaker's thread may be late.
pub(super) const MIN_TARGET: Micros = 10_000;
/// The most delay that is aimed at: beyond 200 ms people begin to interrupt each other (ITU-T G.114).
pub(super) const MAX_TARGET: Micros = 200_000;
/// How far above what is needed the delay is aimed.
const CUSHION: Micros = 3_000;
/// How far above what is needed it may be before it is shortened: more than the longest period of a voice above the least, so that
/// there is always a piece that fits.
const TOO_LONG: Micros = 12_000;
/// How far above what is needed it has to be, else it is lengthened. Not below: a block reaches into two packets, and the second has
/// to be there as well.
const TOO_SHORT: Micros = 1_000;
/// A delay that is further from anything possible follows from a lie about time, and says nothing.
const IMPOSSIBLE: Micros = 2_000_000;
/// From here on a change is urgent: it takes worse places, and comes more often.
const URGENT: Micros = 25_000;
/// So far above the aim stretching would take too long: packets are thrown away, down to half of this.
const HOPELESS: Micros = 400_000;
/// Blocks between two changes that nobody should hear: 8 % faster or slower.
const CALM_PAUSE: u32 = 10;
/// Blocks between two urgent ones.
const URGENT_PAUSE: u32 = 2;
/// Sound that is made up at most in a row: 60 ms, in samples. What Opus makes up beyond is a hum.
const MAX_CONCEALED: usize = 2_880;
/// A pause between two packets is silence, and no error of a clock, from here on: 5 ms, in samples.
const PAUSE: i64 = 240;
/// How long the delay stays long enough for redundancy, after a packet was lost, in microseconds.
const WARY: Micros = 5_000_000;
/// Packets that have to be waited for to have the redundancy in the next one.
const NEXT: i64 = 2;
/// Packets that are waited for at most, where they come again behind later ones.
const FURTHEST_COPY: i64 = 8;
/// Weight of one block in the mean of the delay.
const SMOOTHING: f64 = 1.0 / 16.0;

/// Sound of one person. Owned by the thread that mixes.
#[derive(Debug)]
pub(super) struct JitterBuffer {
    epoch: Option<Instant>,
    shelf: Shelf,
    delay: DelayTracker,
    decoder: VoiceDecoder,
    decoded: Box<[f32; MAX_PACKET]>,
    ready: Elastic,
    /// Whether sound comes out; if not, it waits for the next packet's time.
    playing: bool,
    /// When the sample behind the last decoded one was sent, in samples by the sender's clock.
    tail: i64,
    /// Samples of the last decoded packet.
    frame: usize,
    /// Samples that were made up in a row.
    concealed: usize,
    /// Of those, samples that were made up for a packet that may still come.
    starved: usize,
    /// Whether the last packet said that silence follows.
    ended: bool,
    /// The delay, smoothed, in microseconds.
    mean: f64,
    /// Blocks until the next change of the delay.
    pause: u32,
    /// Until when another loss is expected.
    wary_until: Micros,
    /// Packets to be waited for until then.
    reach: i64,
    wanted: Micros,
    stats: Counts,
}

/// What is counted, in packets and samples.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    lost: u64,
    recovered: u64,
    late: u64,
    behind: u64,
    refused: u64,
    played: u64,
    concealed: u64,
}

fn micros_of(samples: i64) -> Micros {
    samples * 125 / 6
}

fn samples_of(micros: Micros) -> usize {
    usize::try_from(micros * 6 / 125).unwrap_or(0)
}

impl JitterBuffer {
    /// # Errors
    /// Where the decoder refuses its settings.
    pub(super) fn new() -> Result<Self, SoundError> {
        Ok(Self {
            epoch: None,
            shelf: Shelf::new(),
            delay: DelayTracker::new(),
            decoder: VoiceDecoder::new()?,
            decoded: Box::new([0.0; MAX_PACKET]),
            ready: Elastic::new(),
            playing: false,
            tail: 0,
            frame: BLOCK,
            concealed: 0,
            starved: 0,
            ended: false,
            mean: 0.0,
            pause: 0,
            wary_until: 0,
            reach: NEXT,
            wanted: MIN_TARGET,
            stats: Counts::default(),
        })
    }

    /// Takes a packet that came at that time.
    pub(super) fn push(&mut self, packet: VoicePacket, arrived: Instant) {
        let arrived = self.micros(arrived);
        let Some(shape) = PacketShape::of(&packet.payload) else {
            self.stats.refused += 1;
            return;
        };
        let frame = micros_of(shape.samples as i64);
        let placed = self.shelf.put(packet, shape, arrived);
        if placed != Placed::Refused && self.shelf.behind > 0 {
            self.stats.behind += 1;
            self.reach = self.reach.max((self.shelf.behind + 1).min(FURTHEST_COPY));
            self.wary_until = arrived + WARY;
        }
        match placed {
            Placed::Waits(sent) => {
                self.stats.received += 1;
                self.delay.arrived(arrived, micros_of(sent), frame);
            }
            Placed::Restarted(sent) => {
                self.stats.received += 1;
                self.delay.clear();
                self.delay.arrived(arrived, micros_of(sent), frame);
                self.ready.clear();
                self.playing = false;
            }
            Placed::Late(sent) => {
                self.stats.late += 1;
                // Above all those that come too late say how much delay is needed.
                self.delay.arrived(arrived, micros_of(sent), frame);
            }
            Placed::Refused => self.stats.refused += 1,
        }
    }

    /// The next 10 ms, which are played from `now` on. `slack` is how much earlier than usual the next call may come. Answers
    /// whether there was anything to hear.
    pub(super) fn block(&mut self, now: Instant, slack: Duration, out: &mut Block) -> bool {
        let now = self.micros(now);
        if now >= self.wary_until {
            self.reach = NEXT;
        }
        let wary = if now < self.wary_until { self.reach * micros_of(self.frame as i64) } else { 0 };
        self.wanted = (self.delay.target().max(wary) + slack.as_micros() as Micros).min(MAX_TARGET);
        self.stats.refused += std::mem::take(&mut self.shelf.pushed_out);
        self.stats.lost += std::mem::take(&mut self.shelf.missed);
        if !self.playing && self.ready.len() == 0 && !self.begin(now) {
            out.fill(0.0);
            return false;
        }
        if self.playing {
            self.adjust(now);
            self.fill(now, BLOCK);
        }
        let played = self.ready.take(out);
        out[played..].fill(0.0);
        true
    }

    /// What happened so far. `device` is the delay behind this one.
    pub(super) fn stats(&self, device: Duration) -> PersonStats {
        let time = |samples: u64| super::block::time_of(samples as usize);
        PersonStats {
            received: self.stats.received,
            lost: self.stats.lost,
            recovered: self.stats.recovered,
            late: self.stats.late,
            behind: self.stats.behind,
            held_up: self.delay.held_up(),
            dropped: self.stats.refused,
            played: time(self.stats.played),
            concealed: time(self.stats.concealed),
            target: Duration::from_micros(self.wanted.max(0) as u64),
            delay: Duration::from_micros(self.mean.max(0.0) as u64) + device,
        }
    }

    fn micros(&mut self, time: Instant) -> Micros {
        let epoch = *self.epoch.get_or_insert(time);
        let between = |a: Instant, b: Instant| a.saturating_duration_since(b).as_micros() as Micros;
        between(time, epoch) - between(epoch, time)
    }

    /// When a packet is to be played.
    fn turn_of(&self, held: &Held) -> Micros {
        // A lie about its time keeps no packet waiting for ever.
        (self.delay.due(micros_of(held.sent)) + self.wanted + CUSHION).min(held.arrived + MAX_TARGET)
    }

    /// Begins to play if the first packet's time falls into this block.
    fn begin(&mut self, now: Micros) -> bool {
        let Some((missing, held)) = self.shelf.first() else { return false };
        let ahead = (self.turn_of(held) - now).max(0);
        let silence = samples_of(ahead);
        if silence >= BLOCK {
            return false;
        }
        self.tail = held.sent;
        self.mean = (now + ahead - self.delay.due(micros_of(held.sent))).clamp(0, IMPOSSIBLE) as f64;
        self.pass_over(missing);
        self.ready.clear();
        self.ready.push(&[0.0; BLOCK][..silence]);
        (self.playing, self.ended, self.concealed, self.starved) = (true, false, 0, 0);
        true
    }

    /// Gives packets up that are missing.
    fn pass_over(&mut self, missing: usize) {
        for _ in 0..missing {
            drop(self.shelf.take());
        }
        self.stats.lost += missing as u64;
    }

    /// Brings the delay nearer to the aim.
    fn adjust(&mut self, now: Micros) {
        let head = self.tail - self.ready.len() as i64;
        let delay = now - self.delay.due(micros_of(head));
        if delay.abs() > IMPOSSIBLE {
            return;
        }
        self.mean += (delay as f64 - self.mean) * SMOOTHING;
        self.pause = self.pause.saturating_sub(1);
        let excess = self.mean as Micros - self.wanted;
        if excess > HOPELESS {
            return self.throw_away(excess);
        }
        if self.pause > 0 || (TOO_SHORT..=TOO_LONG).contains(&excess) {
            return;
        }
        let urgent = excess.abs() > URGENT;
        // Never so far that the next change would have to go back.
        let changed = if excess > TOO_LONG {
            self.fetch(PLENTY);
            if self.ready.len() < 2 * BLOCK {
                // The delay is on the wire and not in here: there is nothing to shorten.
                return;
            }
            -(self.ready.shrink(samples_of(excess - TOO_SHORT), urgent) as i64)
        } else {
            self.fetch(BLOCK);
            self.ready.grow(samples_of(TOO_LONG - excess), urgent) as i64
        };
        if changed != 0 {
            self.mean += micros_of(changed) as f64;
            self.pause = if urgent { URGENT_PAUSE } else { CALM_PAUSE };
        }
    }

    /// After a standstill that no stretching makes up for.
    fn throw_away(&mut self, mut excess: Micros) {
        while excess > HOPELESS / 2 && self.shelf.waiting() > 1 {
            let frame = match self.shelf.take() {
                Some(held) => {
                    self.stats.refused += 1;
                    held.shape.samples
                }
                None => {
                    self.stats.lost += 1;
                    self.frame
                }
            };
            excess -= micros_of(frame as i64);
            self.mean -= micros_of(frame as i64) as f64;
        }
    }

    /// Decodes ahead what is there, as far as nothing is missing.
    fn fetch(&mut self, needed: usize) {
        while self.ready.len() < needed {
            match self.shelf.first() {
                Some((0, held)) if held.sent - self.tail <= PAUSE => self.decode(),
                Some(_) | None => return,
            }
        }
    }

    /// Has so many samples ready, or ends what was said.
    fn fill(&mut self, now: Micros, needed: usize) {
        while self.playing && self.ready.len() < needed {
            match self.shelf.first() {
                None => self.starve(),
                Some((0, held)) => {
                    let behind = now + micros_of(self.ready.len() as i64);
                    if held.sent - self.tail > PAUSE && self.turn_of(held) > behind {
                        self.fade_out();
                    } else {
                        self.decode();
                    }
                }
                Some((missing, held)) => {
                    let (sent, redundancy) = (held.sent, held.shape.redundancy);
                    self.bridge(missing, sent - self.tail, redundancy, now);
                }
            }
        }
    }

    fn decode(&mut self) {
        let Some(held) = self.shelf.take() else { return };
        let mut samples = self.decoder.decode(&held.payload, &mut self.decoded);
        if samples == 0 {
            // Damaged inside; its time is bridged.
            self.stats.refused += 1;
            samples = self.decoder.conceal(held.shape.samples, &mut self.decoded);
        }
        self.frame = held.shape.samples;
        self.tail = held.sent;
        self.ended = held.level >= QUIETEST;
        (self.concealed, self.starved) = (0, 0);
        self.append(samples);
    }

    /// So many packets are missing before the next, which was sent `span` samples after the last.
    fn bridge(&mut self, missing: usize, span: i64, redundancy: bool, now: Micros) {
        self.wary_until = now + WARY;
        let usual = self.frame as i64 * missing as i64;
        if span > usual + MAX_CONCEALED as i64 || span <= 0 || self.ended {
            // There was silence among what is missing, or the times make no sense: what was said before is over.
            self.pass_over(missing);
            return;
        }
        let each = usize::try_from(span / missing as i64).unwrap_or(0) / 120 * 120;
        let each = each.clamp(120, MAX_PACKET);
        let last = missing == 1;
        self.pass_over(1);
        if self.starved >= each {
            // Made up for while it might still have come.
            self.starved -= each;
            self.tail += each as i64;
        } else if last && redundancy {
            let Some((_, held)) = self.shelf.first() else { return };
            let samples = self.decoder.recover(&held.payload, each, &mut self.decoded);
            self.stats.recovered += 1;
            (self.concealed, self.starved) = (0, 0);
            self.append(samples);
        } else if self.concealed + each <= MAX_CONCEALED {
            self.conceal(each);
        } else {
            // Enough made up: the next packet follows at once, but for what its redundancy holds.
            self.tail += each as i64;
            self.pass_over(missing.saturating_sub(2));
        }
    }

    /// Nothing is there to be played.
    fn starve(&mut self) {
        if self.ended || self.concealed + BLOCK > MAX_CONCEALED {
            self.fade_out();
            return;
        }
        self.starved += BLOCK;
        let tail = self.tail;
        self.conceal(BLOCK);
        // The packet that should have been here is played when it comes.
        self.tail = tail;
    }

    fn conceal(&mut self, samples: usize) {
        let samples = self.decoder.conceal(samples, &mut self.decoded);
        self.concealed += samples;
        self.stats.concealed += samples as u64;
        self.append(samples);
    }

    /// Leads into silence, and waits for whoever speaks next.
    fn fade_out(&mut self) {
        let samples = self.decoder.conceal(BLOCK, &mut self.decoded);
        ramp(&mut self.decoded[..samples], 1.0, 0.0);
        self.ready.push(&self.decoded[..samples]);
        self.playing = false;
    }

    fn append(&mut self, samples: usize) {
        self.ready.push(&self.decoded[..samples]);
        self.tail += samples as i64;
        self.stats.played += samples as u64;
    }
}
