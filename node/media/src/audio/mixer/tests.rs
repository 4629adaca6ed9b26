//! Many voices, one loudspeaker.

use bytes::Bytes;

use super::*;
use crate::audio::codec::VoiceEncoder;
use crate::audio::config::{Chime, FrameLength, Processing, Ringing, Transmission};
use crate::audio::limiter::CEILING;
use crate::audio::person::{PersonId, PersonIn, PersonStats};
use crate::audio::testing::{alignment, speech};

struct Hall {
    controls: Arc<Controls>,
    mixer: Mixer,
    start: Instant,
    at: u32,
    events: Vec<SoundEvent>,
}

impl Hall {
    fn new() -> Self {
        let controls = Arc::new(Controls::new(Processing::NONE, Transmission::Open, FrameLength::Ms10));
        let mixer = Mixer::new(Arc::clone(&controls)).unwrap();
        Self { controls, mixer, start: Instant::now(), at: 0, events: Vec::new() }
    }

    fn join(&mut self, id: u64) -> PersonIn {
        let (person, shared, packets) = PersonIn::new(PersonId(id));
        self.mixer.add(Heard::new(shared, packets).unwrap()).unwrap();
        person
    }

    fn now(&self) -> Instant {
        self.start + BLOCK_TIME * self.at
    }

    /// Plays so many blocks, before each of which everybody says the next of what they have to say.
    fn play(&mut self, blocks: usize, voices: &mut [(&PersonIn, std::vec::IntoIter<VoicePacket>)]) -> Vec<f32> {
        let mut heard = Vec::new();
        for _ in 0..blocks {
            for (person, packets) in voices.iter_mut() {
                if let Some(packet) = packets.next() {
                    person.push(packet, self.now());
                }
            }
            let mut out = [0.0; BLOCK];
            let events = &mut self.events;
            self.mixer.block(self.start + BLOCK_TIME * self.at, &mut out, &mut |event| events.push(event));
            self.at += 1;
            heard.extend(out);
        }
        heard
    }
}

fn packets(sound: &[f32]) -> std::vec::IntoIter<VoicePacket> {
    let mut encoder = VoiceEncoder::new().unwrap();
    let all: Vec<VoicePacket> = sound
        .chunks_exact(BLOCK)
        .enumerate()
        .map(|(at, block)| VoicePacket {
            sequence: at as u16,
            timestamp: (at * BLOCK) as u32,
            marker: at == 0,
            level: 20,
            payload: encoder.encode(block).unwrap(),
        })
        .collect();
    all.into_iter()
}

fn quiet_speech(seconds: f32, seed: u64) -> Vec<f32> {
    speech(seconds, seed).samples.iter().map(|sample| sample * 0.4).collect()
}

/// What one person sounds like under these settings.
fn heard_with(set: impl Fn(&Hall, &PersonIn)) -> Vec<f32> {
    let mut hall = Hall::new();
    let person = hall.join(1);
    set(&hall, &person);
    // Every gain has reached its value before the first word.
    hall.play(2, &mut []);
    hall.play(200, &mut [(&person, packets(&quiet_speech(2.0, 1)))])
}

#[test]
fn volumes_are_exact() {
    let full = heard_with(|_, _| ());
    assert!(level_db(&full) > -50.0);
    for percent in [0, 25, 50, 150, 200] {
        let gain = gain_of(percent);
        let expected: Vec<f32> = full.iter().map(|sample| sample * gain).collect();
        let close = |heard: &[f32]| heard.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(&heard_with(|_, person| person.set_volume(percent))), "person at {percent} %");
        assert!(close(&heard_with(|hall, _| hall.controls.set_output_volume(percent))), "everybody at {percent} %");
    }
}

#[test]
fn two_voices_are_their_sum() {
    let (one, other) = (quiet_speech(2.0, 2), quiet_speech(2.0, 3));
    let alone = |sound: &[f32]| {
        let mut hall = Hall::new();
        let person = hall.join(1);
        hall.play(200, &mut [(&person, packets(sound))])
    };
    let sum: Vec<f32> = alone(&one).iter().zip(alone(&other)).map(|(a, b)| a + b).collect();
    let mut hall = Hall::new();
    let (first, second) = (hall.join(1), hall.join(2));
    let both = hall.play(200, &mut [(&first, packets(&one)), (&second, packets(&other))]);
    assert!(both.iter().zip(&sum).all(|(a, b)| (a - b).abs() < 1e-4));
}

#[test]
fn a_crowd_never_clips() {
    let mut hall = Hall::new();
    let crowd: Vec<PersonIn> = (0..12).map(|id| hall.join(id)).collect();
    crowd.iter().for_each(|person| person.set_volume(200));
    let mut voices: Vec<_> = crowd.iter().zip(0..).map(|(person, seed)| (person, packets(&speech(3.0, seed).samples))).collect();
    let heard = hall.play(300, &mut voices);
    assert!(heard.iter().all(|sample| sample.abs() <= CEILING));
    assert!(level_db(&heard) > -20.0);
}

#[test]
fn deafened_one_hears_tones_and_nobody() {
    let mut hall = Hall::new();
    let person = hall.join(1);
    hall.controls.set_deafened(true);
    hall.play(1, &mut []);
    let heard = hall.play(200, &mut [(&person, packets(&speech(2.0, 4).samples))]);
    assert!(heard.iter().all(|sample| *sample == 0.0));
    // Who speaks is still shown.
    assert!(hall.events.contains(&SoundEvent::PersonSpeaking { person: PersonId(1), speaking: true }));
    hall.controls.set_ringing(Some(Ringing::Incoming));
    assert!(level_db(&hall.play(100, &mut [])) > -40.0);
}

#[test]
fn speaking_begins_and_ends_with_the_voice() {
    let mut hall = Hall::new();
    let person = hall.join(7);
    let mut sound = vec![0.0; 48_000];
    sound.extend((0..48_000).map(|at| (at as f32 * 0.05).sin() * 0.3));
    sound.extend(vec![0.0; 48_000]);
    let mut voice = [(&person, packets(&sound))];
    hall.play(100, &mut voice);
    assert!(hall.events.is_empty() && !person.is_speaking());
    hall.play(10, &mut voice);
    assert_eq!(hall.events, [SoundEvent::PersonSpeaking { person: PersonId(7), speaking: true }]);
    assert!(person.is_speaking());
    hall.play(90, &mut voice);
    assert_eq!(hall.events.len(), 1);
    hall.play(50, &mut voice);
    assert_eq!(hall.events.last(), Some(&SoundEvent::PersonSpeaking { person: PersonId(7), speaking: false }));
    assert!(!person.is_speaking());
}

#[test]
fn who_leaves_is_gone_from_the_mix_without_a_click() {
    let mut hall = Hall::new();
    let person = hall.join(1);
    let sound: Vec<f32> = (0..96_000).map(|at| (at as f32 * 0.03).sin() * 0.5).collect();
    let mut heard = hall.play(100, &mut [(&person, packets(&sound))]);
    assert!(hall.mixer.is_needed());
    drop(person);
    heard.extend(hall.play(20, &mut []));
    assert_eq!(hall.events.last(), Some(&SoundEvent::PersonSpeaking { person: PersonId(1), speaking: false }));
    assert!(!hall.mixer.is_needed());
    assert!(heard[heard.len() - BLOCK * 10..].iter().all(|sample| *sample == 0.0));
    assert!(heard.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.05));
}

#[test]
fn numbers_are_shown_to_the_owner() {
    let mut hall = Hall::new();
    hall.mixer.set_device_delay(Duration::from_millis(15));
    let person = hall.join(1);
    hall.play(200, &mut [(&person, packets(&speech(2.0, 5).samples))]);
    person.push(VoicePacket { sequence: 0, timestamp: 0, marker: false, level: 0, payload: Bytes::new() }, hall.now());
    hall.play(10, &mut []);
    let stats = person.stats();
    assert_eq!((stats.received, stats.lost, stats.dropped), (200, 0, 1));
    assert!(stats.played >= Duration::from_secs(2), "{stats:?}");
    assert!((Duration::from_millis(20)..Duration::from_millis(50)).contains(&stats.delay), "{stats:?}");
}

#[test]
fn no_more_than_the_limit_are_let_in() {
    let mut hall = Hall::new();
    let _crowd: Vec<PersonIn> = (0..MAX_PEOPLE as u64).map(|id| hall.join(id)).collect();
    let (_late, shared, packets) = PersonIn::new(PersonId(999));
    let refused = hall.mixer.add(Heard::new(shared, packets).unwrap());
    assert!(matches!(refused, Err(SoundError::TooManyPeople { limit: MAX_PEOPLE })));
}

#[test]
fn oneself_is_heard_in_the_test_and_not_after_it() {
    let mut hall = Hall::new();
    let sound = quiet_speech(2.0, 6);
    let mut heard = Vec::new();
    hall.controls.set_input_test(InputTest::Loopback);
    assert!(hall.mixer.is_needed());
    for packet in packets(&sound) {
        hall.mixer.own(packet, hall.now());
        heard.extend(hall.play(1, &mut []));
    }
    assert!(alignment(&sound[24_000..72_000], &heard[24_000..72_000], 4_800).1 > 0.9);
    hall.controls.set_input_test(InputTest::Off);
    assert!(!hall.mixer.is_needed());
    // One block to fade in, and what the limiter holds.
    hall.play(2, &mut []);
    for packet in packets(&sound) {
        hall.mixer.own(packet, hall.now());
        assert!(hall.play(1, &mut []).iter().all(|sample| *sample == 0.0));
    }
}

#[test]
fn a_chime_needs_the_loudspeaker_until_it_is_over() {
    let mut hall = Hall::new();
    assert!(!hall.mixer.is_needed());
    hall.controls.ring_chime(Chime::Joined);
    assert!(hall.mixer.is_needed());
    assert!(level_db(&hall.play(100, &mut [])) > -50.0);
    assert!(!hall.mixer.is_needed());
}

/// Sound of one voice where the device takes blocks in bunches, and how much of it had to be made up in the second half.
#[test]
fn a_device_that_takes_bunches_of_blocks_gets_a_longer_buffer() {
    let mut hall = Hall::new();
    let person = hall.join(1);
    let mut voice = packets(&speech(10.0, 7).samples);
    let mut halfway = PersonStats::default();
    for bunch in 0..250u32 {
        // Forty milliseconds at once, packets come at their own pace meanwhile.
        let now = hall.start + BLOCK_TIME * (bunch * 4 + 4);
        for early in (0..4).rev() {
            if let Some(packet) = voice.next() {
                person.push(packet, now - BLOCK_TIME * early);
            }
        }
        for _ in 0..4 {
            hall.mixer.block(now, &mut [0.0; BLOCK], &mut |_| ());
        }
        if bunch == 125 {
            halfway = person.stats();
        }
    }
    let stats = person.stats();
    assert_eq!(stats.concealed, halfway.concealed, "{stats:?}");
    assert_eq!(stats.lost, 0);
}

#[test]
fn mixing_asks_for_no_memory_while_it_runs() {
    let mut hall = Hall::new();
    let crowd: Vec<PersonIn> = (0..8).map(|id| hall.join(id)).collect();
    let mut voices: Vec<_> = crowd.iter().zip(0..).map(|(person, seed)| (person, packets(&speech(8.0, seed).samples))).collect();
    let mut run = |blocks: usize| {
        for block in 0..blocks {
            for (nth, (person, packets)) in voices.iter_mut().enumerate() {
                // One in thirteen is lost, so that redundancy and concealment are at work as well.
                let packet = packets.next();
                if let Some(packet) = packet.filter(|_| (block + nth) % 13 != 0) {
                    person.push(packet, hall.start + BLOCK_TIME * hall.at);
                }
            }
            hall.mixer.block(hall.start + BLOCK_TIME * hall.at, &mut [0.0; BLOCK], &mut |_| ());
            hall.at += 1;
        }
    };
    run(300);
    assert_eq!(allocation_counter::measure(|| run(400)).count_total, 0);
}
