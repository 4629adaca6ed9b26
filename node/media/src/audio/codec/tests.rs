//! Voices through the codec, and packets that are none.

use proptest::prelude::*;

use super::*;
use crate::audio::testing::{alignment, speech};

fn encode(sound: &[f32], frame: usize, bitrate: u32, loss: u8) -> Vec<Bytes> {
    let mut encoder = VoiceEncoder::new().unwrap();
    encoder.tune(bitrate, loss);
    sound.chunks_exact(frame).map(|frame| encoder.encode(frame).unwrap()).collect()
}

#[test]
fn a_voice_comes_through() {
    let sound = speech(4.0, 1).samples;
    for frame in [480, 960] {
        let mut decoder = VoiceDecoder::new().unwrap();
        let mut out = Box::new([0.0; MAX_PACKET]);
        let mut heard = Vec::new();
        for packet in encode(&sound, frame, 32_000, 0) {
            let samples = decoder.decode(&packet, &mut out);
            assert_eq!(samples, frame);
            heard.extend_from_slice(&out[..samples]);
        }
        let (lag, alike) = alignment(&sound[24_000..120_000], &heard[24_000..120_000], 960);
        assert!(alike > 0.9, "{frame}: {alike}");
        assert!(lag < 400, "{frame}: {lag} samples of delay");
    }
}

#[test]
fn all_packets_are_of_one_size_and_follow_the_bitrate() {
    let sound = speech(2.0, 2).samples;
    for (frame, bitrate, bytes) in [(480, 32_000, 40), (960, 32_000, 80), (480, 64_000, 80), (960, 16_000, 40)] {
        for packet in encode(&sound, frame, bitrate, 10) {
            assert_eq!(packet.len(), bytes, "{frame} {bitrate}");
        }
    }
    // Silence is not told from speech by its size either.
    assert!(encode(&[0.0; 48_000], 480, 32_000, 0).iter().all(|packet| packet.len() == 40));
}

#[test]
fn packets_say_how_long_they_are_and_whether_they_repeat_the_one_before() {
    let sound = speech(4.0, 3).samples;
    for frame in [480, 960] {
        let shapes = |loss| {
            let packets = encode(&sound, frame, 32_000, loss);
            packets.iter().map(|packet| PacketShape::of(packet).unwrap()).collect::<Vec<_>>()
        };
        assert!(shapes(0).iter().all(|shape| *shape == PacketShape { samples: frame, redundancy: false }));
        let repeating = shapes(20).iter().filter(|shape| shape.redundancy).count();
        assert!(repeating * 2 > shapes(20).len(), "{frame}: {repeating}");
    }
}

#[test]
fn what_is_recovered_is_what_was_lost() {
    let sound = speech(4.0, 4).samples;
    let packets = encode(&sound, 960, 32_000, 20);
    let mut complete = VoiceDecoder::new().unwrap();
    let mut lossy = VoiceDecoder::new().unwrap();
    let (mut expected, mut recovered, mut concealed) = (Vec::new(), Vec::new(), Vec::new());
    let mut out = Box::new([0.0; MAX_PACKET]);
    for (at, pair) in packets.windows(2).enumerate() {
        let samples = complete.decode(&pair[0], &mut out);
        let whole = out[..samples].to_vec();
        let shape = PacketShape::of(&pair[1]).unwrap();
        if at % 5 == 4 && shape.redundancy {
            let samples = lossy.recover(&pair[1], 960, &mut out);
            recovered.extend_from_slice(&out[..samples]);
            expected.extend(whole);
        } else {
            lossy.decode(&pair[0], &mut out);
        }
    }
    let mut lossy = VoiceDecoder::new().unwrap();
    for (at, pair) in packets.windows(2).enumerate() {
        if at % 5 == 4 && PacketShape::of(&pair[1]).unwrap().redundancy {
            let samples = lossy.conceal(960, &mut out);
            concealed.extend_from_slice(&out[..samples]);
        } else {
            lossy.decode(&pair[0], &mut out);
        }
    }
    let with = crate::audio::testing::correlation(&expected, &recovered);
    let without = crate::audio::testing::correlation(&expected, &concealed);
    assert!(with > 0.9 && with > without + 0.1, "{with} recovered, {without} made up");
}

proptest! {
    #[test]
    fn whatever_comes_is_looked_at_and_decoded_without_harm(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let shape = PacketShape::of(&payload);
        let mut decoder = VoiceDecoder::new().unwrap();
        let mut out = Box::new([0.0; MAX_PACKET]);
        let samples = decoder.decode(&payload, &mut out);
        prop_assert!(samples <= MAX_PACKET);
        prop_assert!(out[..samples].iter().all(|sample| sample.is_finite()));
        if let Some(shape) = shape {
            prop_assert!(shape.samples >= 120 && shape.samples <= MAX_PACKET);
            let recovered = decoder.recover(&payload, shape.samples, &mut out);
            prop_assert!(out[..recovered].iter().all(|sample| sample.is_finite()));
        }
    }
}
