//! What leaves the microphone, and when.

use super::*;
use crate::audio::codec::{MAX_PACKET, VoiceDecoder};
use crate::audio::config::{NoiseSuppression, Processing};
use crate::audio::testing::{Speech, alignment, noise, speech};

struct Bench {
    controls: Arc<Controls>,
    capture: Capture,
    voice: Vec<VoicePacket>,
    /// In which block each of those came.
    blocks: Vec<usize>,
    own: Vec<VoicePacket>,
    events: Vec<SoundEvent>,
    at: usize,
}

impl Bench {
    fn new(processing: Processing, transmission: Transmission) -> Self {
        let controls = Arc::new(Controls::new(processing, transmission, FrameLength::Ms10));
        let capture = Capture::new(Arc::clone(&controls)).unwrap();
        Self { controls, capture, voice: Vec::new(), blocks: Vec::new(), own: Vec::new(), events: Vec::new(), at: 0 }
    }

    fn hear(&mut self, sound: &[f32]) {
        for block in sound.chunks_exact(BLOCK) {
            let (voice, blocks, own, events, at) = (&mut self.voice, &mut self.blocks, &mut self.own, &mut self.events, self.at);
            self.capture.block(block.try_into().unwrap(), &mut |emitted| match emitted {
                Emitted::Voice(packet) => {
                    voice.push(packet);
                    blocks.push(at);
                }
                Emitted::Own(packet) => own.push(packet),
                Emitted::Event(event) => events.push(event),
            });
            self.at += 1;
        }
    }

    /// Times at which packets were recorded, in samples from the first block.
    fn times(&self) -> Vec<usize> {
        let origin = self.capture.clock.wrapping_sub((self.at * BLOCK) as u32);
        self.voice.iter().map(|packet| packet.timestamp.wrapping_sub(origin) as usize).collect()
    }

    fn speaking(&self) -> Vec<bool> {
        self.events.iter().filter_map(|event| if let SoundEvent::Speaking(speaking) = event { Some(*speaking) } else { None }).collect()
    }
}

fn in_a_room(spoken: &Speech, decibels: f32) -> Vec<f32> {
    let hiss = noise(spoken.samples.len(), decibels, 77);
    spoken.samples.iter().zip(&hiss).map(|(voice, hiss)| voice + hiss).collect()
}

#[test]
fn an_open_microphone_sends_every_block() {
    let mut bench = Bench::new(Processing::NONE, Transmission::Open);
    let sound = speech(2.0, 1).samples;
    bench.hear(&sound);
    assert_eq!(bench.voice.len(), 200);
    assert_eq!(bench.times(), (0..200).map(|at| at * BLOCK).collect::<Vec<_>>());
    assert!(bench.voice.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
    assert!(bench.voice[0].marker && bench.voice[1..].iter().all(|packet| !packet.marker));
    // The limiter looks 63 samples ahead.
    let delayed: Vec<f32> = std::iter::repeat_n(0.0, 63).chain(sound).collect();
    for (packet, block) in bench.voice.iter().zip(delayed.chunks_exact(BLOCK)) {
        assert!((f32::from(packet.level) + level_db(block)).abs() <= 0.51, "{}", packet.level);
    }
}

#[test]
fn a_microphone_that_is_closed_for_a_while_leaves_a_gap_as_long_as_that() {
    let mut bench = Bench::new(Processing::NONE, Transmission::Open);
    bench.hear(&speech(0.5, 1).samples);
    let mut last = Vec::new();
    bench.capture.pause(&mut |emitted| last.push(emitted));
    let end = bench.voice.last().unwrap();
    let [Emitted::Voice(silence), Emitted::Event(SoundEvent::Speaking(false))] = &last[..] else { panic!("{last:?}") };
    assert_eq!((silence.timestamp, silence.level), (end.timestamp.wrapping_add(BLOCK as u32), QUIETEST));
    let closed = silence.timestamp.wrapping_add(BLOCK as u32);
    bench.capture.pause(&mut |emitted| panic!("{emitted:?}"));
    bench.capture.resume(Duration::from_secs(100_000));
    bench.voice.clear();
    bench.hear(&speech(0.5, 1).samples);
    let first = &bench.voice[0];
    assert_eq!(first.timestamp, closed.wrapping_add((100_000_u64 * 48_000) as u32), "the listener's clock wraps as well");
    assert!(first.marker && first.sequence == silence.sequence.wrapping_add(1));
    assert_eq!(bench.speaking(), [true, true]);
}

#[test]
fn frames_of_twenty_milliseconds_hold_two_blocks() {
    let mut bench = Bench::new(Processing::NONE, Transmission::Open);
    bench.hear(&speech(0.5, 1).samples);
    bench.controls.set_frame(FrameLength::Ms20);
    bench.hear(&speech(1.0, 2).samples);
    assert_eq!(bench.voice.len(), 100);
    let times = bench.times();
    assert_eq!(times[50], 50 * BLOCK);
    assert_eq!(times[51], 52 * BLOCK);
}

#[test]
fn nothing_at_all_is_sent_while_muted() {
    for transmission in [Transmission::Open, Transmission::VoiceActivated, Transmission::PushToTalk] {
        let mut bench = Bench::new(Processing::default(), transmission);
        bench.controls.press(true);
        bench.controls.set_muted(true);
        bench.hear(&speech(3.0, 3).samples);
        assert!(bench.voice.is_empty() && bench.speaking().is_empty(), "{transmission:?}");
        // The meter still shows that the microphone works.
        assert!(bench.events.iter().any(|event| matches!(event, SoundEvent::Level { decibels, open: true } if *decibels > -40.0)));
        bench.controls.set_muted(false);
        bench.hear(&speech(3.0, 4).samples);
        let sent = bench.voice.len();
        assert!(sent > 0 && bench.voice[0].marker);
        bench.controls.set_muted(true);
        bench.hear(&speech(3.0, 5).samples);
        assert_eq!(bench.voice.len(), sent);
        assert_eq!(bench.speaking().last(), Some(&false));
    }
}

#[test]
fn what_was_said_before_unmuting_is_not_sent_after_it() {
    let mut bench = Bench::new(Processing::NONE, Transmission::VoiceActivated);
    bench.controls.set_threshold(Some(-40.0));
    bench.controls.set_input_test(InputTest::Loopback);
    bench.controls.set_frame(FrameLength::Ms20);
    bench.controls.set_muted(true);
    let loud: Vec<f32> = (0..BLOCK * 31).map(|at| (at as f32 * 0.1).sin() * 0.5).collect();
    bench.hear(&loud);
    assert!(bench.voice.is_empty() && !bench.own.is_empty());
    bench.controls.set_muted(false);
    bench.hear(&[0.0; BLOCK * 20]);
    let mut decoder = VoiceDecoder::new().unwrap();
    let mut out = Box::new([0.0; MAX_PACKET]);
    for packet in &bench.voice {
        let samples = decoder.decode(&packet.payload, &mut out);
        assert!(level_db(&out[..samples]) < -50.0, "{}", level_db(&out[..samples]));
    }
    assert!(bench.voice.first().is_some_and(|packet| packet.marker));
}

#[test]
fn the_gate_opens_with_a_word_and_does_not_chop_it() {
    // RNNoise gives each block out one block later.
    for (processing, room, behind) in [
        (Processing::default(), -60.0, 0),
        (Processing { noise_suppression: NoiseSuppression::Strong, ..Processing::default() }, -50.0, BLOCK),
        (Processing::NONE, -70.0, 0),
    ] {
        let spoken = speech(20.0, 6);
        let mut bench = Bench::new(processing, Transmission::VoiceActivated);
        bench.hear(&in_a_room(&spoken, room));
        let times = bench.times();
        for word in spoken.words.iter().filter(|word| word.start > 48_000) {
            let first = times.iter().copied().find(|time| time + BLOCK > word.start).unwrap();
            let late = first.saturating_sub(word.start + behind);
            assert!(late <= 960, "{processing:?}: a word at {} is heard {late} samples late", word.start);
            let heard = times.iter().filter(|time| word.contains(*time)).count();
            let whole = (word.len() - late) / BLOCK;
            assert!(heard + 1 >= whole, "{processing:?}: {heard} of {whole} blocks of a word");
        }
        assert!(bench.voice.len() < 1_950, "{processing:?}: {} packets", bench.voice.len());
    }
}

#[test]
fn a_room_without_a_voice_sends_nothing() {
    let mut bench = Bench::new(Processing::default(), Transmission::VoiceActivated);
    let mut sound = noise(48_000 * 10, -50.0, 8);
    // Somebody types.
    for at in (24_000..480_000).step_by(9_000) {
        for (sample, click) in sound[at..].iter_mut().zip(noise(400, -28.0, at as u64)) {
            *sample += click;
        }
    }
    bench.hear(&sound);
    assert!(bench.voice.len() < 50, "{}", bench.voice.len());
}

#[test]
fn a_threshold_set_by_hand_is_kept() {
    let mut bench = Bench::new(Processing::NONE, Transmission::VoiceActivated);
    bench.controls.set_threshold(Some(-30.0));
    let tone = |level: f32| -> Vec<f32> {
        let amplitude = 10f32.powf(level / 20.0) * 2f32.sqrt();
        (0..48_000).map(|at| (at as f32 * 0.05).sin() * amplitude).collect()
    };
    bench.hear(&tone(-32.0));
    assert!(bench.voice.is_empty());
    bench.hear(&tone(-28.0));
    assert!(bench.voice.len() >= 100);
    // The volume of the microphone counts, as the meter shows it.
    let sent = bench.voice.len();
    bench.controls.set_input_volume(25);
    bench.hear(&tone(-28.0));
    assert!(bench.voice.len() <= sent + 35);
}

#[test]
fn push_to_talk_sends_from_key_down_to_a_moment_after_key_up() {
    let mut bench = Bench::new(Processing::NONE, Transmission::PushToTalk);
    let sound = speech(1.0, 9).samples;
    bench.hear(&sound);
    assert!(bench.voice.is_empty());
    bench.controls.press(true);
    bench.hear(&sound);
    bench.controls.press(false);
    bench.hear(&sound);
    assert_eq!(bench.times().first(), Some(&48_000));
    assert!((115..=125).contains(&bench.voice.len()), "{}", bench.voice.len());
    assert_eq!(bench.voice.last().map(|packet| packet.level), Some(QUIETEST));
    assert_eq!(bench.speaking(), [true, false]);
}

#[test]
fn every_word_begins_with_a_marker_and_ends_with_silence() {
    let spoken = speech(12.0, 10);
    let mut bench = Bench::new(Processing::NONE, Transmission::VoiceActivated);
    bench.hear(&in_a_room(&spoken, -70.0));
    let times = bench.times();
    for at in 1..bench.voice.len() {
        let pause = times[at] - times[at - 1] > BLOCK;
        assert!(bench.voice[at].marker || !pause);
        assert_eq!(bench.voice[at].sequence, bench.voice[at - 1].sequence.wrapping_add(1));
        if bench.voice[at].marker {
            assert_eq!(bench.voice[at - 1].level, QUIETEST);
        }
    }
    assert!(bench.speaking().len() >= 2);
}

#[test]
fn the_volume_of_the_microphone_is_exact() {
    let sound = speech(4.0, 11).samples;
    let heard = |volume: u16| {
        let mut bench = Bench::new(Processing::NONE, Transmission::Open);
        bench.controls.set_input_volume(volume);
        bench.hear(&[0.0; BLOCK * 2]);
        bench.hear(&sound);
        let mut decoder = VoiceDecoder::new().unwrap();
        let mut out = Box::new([0.0; MAX_PACKET]);
        bench
            .voice
            .iter()
            .flat_map(|packet| {
                let samples = decoder.decode(&packet.payload, &mut out);
                out[..samples].to_vec()
            })
            .collect::<Vec<_>>()
    };
    let full = heard(100);
    for volume in [50, 180] {
        let gain = level_db(&heard(volume)) - level_db(&full);
        assert!((gain - gain_db(gain_of(volume))).abs() < 0.3, "{volume} %: {gain} dB");
    }
    assert!(level_db(&heard(0)) < -80.0);
}

#[test]
fn the_test_of_the_microphone_plays_what_others_would_hear() {
    let mut bench = Bench::new(Processing::NONE, Transmission::Open);
    bench.controls.set_input_test(InputTest::Loopback);
    bench.controls.set_muted(true);
    let sound = speech(2.0, 12).samples;
    bench.hear(&sound);
    assert_eq!((bench.voice.len(), bench.own.len()), (0, 200));
    let mut decoder = VoiceDecoder::new().unwrap();
    let mut out = Box::new([0.0; MAX_PACKET]);
    let mut heard = Vec::new();
    for packet in &bench.own {
        let samples = decoder.decode(&packet.payload, &mut out);
        heard.extend_from_slice(&out[..samples]);
    }
    assert!(alignment(&sound[24_000..72_000], &heard[24_000..72_000], 960).1 > 0.9);
}

#[test]
fn levels_come_twenty_times_a_second() {
    let mut bench = Bench::new(Processing::NONE, Transmission::VoiceActivated);
    bench.hear(&speech(5.0, 13).samples);
    let levels = bench.events.iter().filter(|event| matches!(event, SoundEvent::Level { .. })).count();
    assert_eq!(levels, 5 * LEVELS_PER_SECOND as usize);
}

#[test]
fn a_broken_driver_does_no_lasting_harm() {
    let mut bench = Bench::new(Processing::default(), Transmission::Open);
    bench.hear(&speech(1.0, 14).samples);
    bench.hear(&[f32::NAN; BLOCK * 10]);
    bench.hear(&[f32::INFINITY; BLOCK * 10]);
    bench.events.clear();
    bench.hear(&speech(2.0, 15).samples);
    assert!(bench.events.iter().any(|event| matches!(event, SoundEvent::Level { decibels, .. } if *decibels > -40.0)));
}

/// How often the allocator is asked for memory in five seconds of speech, after one in which everything was made.
fn allocations(processing: Processing) -> u64 {
    let sound = speech(6.0, 16).samples;
    let controls = Arc::new(Controls::new(processing, Transmission::VoiceActivated, FrameLength::Ms10));
    let mut capture = Capture::new(controls).unwrap();
    let mut packets = 0;
    let mut run = |sound: &[f32]| {
        for block in sound.chunks_exact(BLOCK) {
            capture.played(block.try_into().unwrap());
            capture.block(block.try_into().unwrap(), &mut |emitted| packets += u32::from(matches!(emitted, Emitted::Voice(_))));
        }
    };
    run(&sound[..48_000]);
    let asked = allocation_counter::measure(|| run(&sound[48_000..])).count_total;
    assert!(packets > 100, "{packets}");
    asked
}

#[test]
fn nothing_but_echo_cancellation_and_gain_control_asks_for_memory_while_it_runs() {
    for noise_suppression in [NoiseSuppression::Off, NoiseSuppression::Standard, NoiseSuppression::Strong] {
        assert_eq!(allocations(Processing { noise_suppression, ..Processing::NONE }), 0);
    }
    // What sonora 0.2 takes in its echo canceller and its gain control is beyond us, and bounded: 44 and 11 times a block.
    assert!(allocations(Processing { echo_cancellation: true, ..Processing::NONE }) <= 500 * 60);
    assert!(allocations(Processing { gain_control: true, ..Processing::NONE }) <= 500 * 20);
}
