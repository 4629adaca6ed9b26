//! Packets that nobody honest sends.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::audio::testing::noise;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Packet {
        sequence: u16,
        timestamp: u32,
        level: u8,
        payload: Vec<u8>,
    },
    /// One of some real packets under whatever number and time.
    Real {
        which: usize,
        sequence: u16,
        timestamp: u32,
    },
    Block {
        late: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let number = prop_oneof![0u16..400, any::<u16>()];
    let time = prop_oneof![0u32..400_000, any::<u32>()];
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        3 => (number.clone(), time.clone(), any::<u8>(), bytes)
            .prop_map(|(sequence, timestamp, level, payload)| Step::Packet { sequence, timestamp, level, payload }),
        3 => (0usize..50, number, time).prop_map(|(which, sequence, timestamp)| Step::Real { which, sequence, timestamp }),
        4 => (0u64..30_000).prop_map(|late| Step::Block { late }),
    ]
}

fn real() -> Vec<VoicePacket> {
    packets(&noise(50 * 480, -20.0, 1), 480, 20, (0, 0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn no_packets_break_it(steps in prop::collection::vec(step(), 1..300)) {
        let real = real();
        let mut buffer = JitterBuffer::new().unwrap();
        let start = Instant::now();
        let mut now = start;
        let mut pushed = 0;
        for step in steps {
            match step {
                Step::Packet { sequence, timestamp, level, payload } => {
                    pushed += 1;
                    buffer.push(VoicePacket { sequence, timestamp, marker: level & 1 == 0, level: level & 127, payload: Bytes::from(payload) }, now);
                }
                Step::Real { which, sequence, timestamp } => {
                    pushed += 1;
                    buffer.push(VoicePacket { sequence, timestamp, ..real[which].clone() }, now);
                }
                Step::Block { late } => {
                    now += Duration::from_micros(late);
                    let mut out = [f32::NAN; BLOCK];
                    buffer.block(now, Duration::ZERO, &mut out);
                    prop_assert!(out.iter().all(|sample| sample.is_finite()));
                    prop_assert!(buffer.shelf.waiting() <= shelf::PLACES);
                    prop_assert!(buffer.ready.len() <= 2 * MAX_PACKET);
                    let stats = buffer.stats(Duration::ZERO);
                    prop_assert!(stats.target <= Duration::from_millis(200));
                    prop_assert!(stats.received <= pushed);
                }
            }
        }
    }
}

#[test]
fn a_lie_about_time_delays_nobody_for_long() {
    let mut buffer = JitterBuffer::new().unwrap();
    let mut sent = packets(&speech(4.0, 1).samples, 480, 0, (0, 0));
    // In the middle of it, one packet claims to be from hours later and the next from hours before.
    sent[150].timestamp = sent[150].timestamp.wrapping_add(1 << 30);
    sent[151].timestamp = sent[151].timestamp.wrapping_sub(1 << 30);
    let heard = listen(&mut buffer, over(sent, 480, |_| Some(5_000)), blocks(4), 1.0);
    assert!(heard.stats.played > Duration::from_millis(3_900), "{:?}", heard.stats);
    assert!(heard.delay_in(3..4) < 60_000, "{}", heard.delay_in(3..4));
}

#[test]
fn a_stream_of_lies_about_time_does_not_overflow() {
    let real = real();
    let mut buffer = JitterBuffer::new().unwrap();
    let start = Instant::now();
    for at in 0..300_000u32 {
        let packet = VoicePacket { sequence: at as u16, timestamp: at.wrapping_mul((1 << 31) - 1), ..real[at as usize % 50].clone() };
        buffer.push(packet, start + Duration::from_millis(at.into()));
    }
    let mut out = [0.0; BLOCK];
    buffer.block(start + Duration::from_secs(300), Duration::ZERO, &mut out);
}
