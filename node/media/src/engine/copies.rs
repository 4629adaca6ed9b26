//! Packets that are sent again before anybody asks, where many are lost: what is lost once is heard all the same, bit by bit.
//!
//! Opus' own redundancy takes its bits from the voice, in each packet, and brings back a coarse likeness of one packet. The same packet
//! once more takes bandwidth instead, which a way that loses without being full has, and survives bursts because it comes later. To the
//! receiver it is a repeated RTP packet, which RFC 3711 has it drop where the first one came; no other end has to know of it.

use std::collections::VecDeque;

use crate::packet::VoicePacket;

/// How far behind the first a packet is sent again, in packets: further than most bursts are long, and 30 ms of delay.
const DISTANCE: usize = 3;
/// Lost packets from which on each is sent once more, in percent.
const ONCE: u8 = 2;
/// And twice more.
const TWICE: u8 = 12;
/// The most that is sent again.
const MOST: usize = 2;

/// How often each packet is sent again where this share is lost.
pub(super) fn wanted(lost_percent: u8) -> usize {
    match lost_percent {
        TWICE.. => MOST,
        ONCE.. => 1,
        _ => 0,
    }
}

/// The last packets, on their way to being sent again.
#[derive(Debug, Default)]
pub(super) struct Copies {
    sent: VecDeque<VoicePacket>,
}

impl Copies {
    /// A packet is sent. Answers which are to be sent again with it.
    pub(super) fn next(&mut self, packet: VoicePacket, copies: usize) -> impl Iterator<Item = VoicePacket> {
        if packet.marker {
            // What was said before the silence is over.
            self.sent.clear();
        }
        self.sent.push_front(packet);
        self.sent.truncate(MOST * DISTANCE + 1);
        (1..=copies.min(MOST)).filter_map(|copy| self.sent.get(copy * DISTANCE).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn packet(sequence: u16, marker: bool) -> VoicePacket {
        VoicePacket { sequence, timestamp: 0, marker, level: 0, payload: Bytes::new() }
    }

    #[test]
    fn packets_come_again_behind_later_ones() {
        let mut copies = Copies::default();
        let mut again =
            |sequence, marker, count| -> Vec<u16> { copies.next(packet(sequence, marker), count).map(|packet| packet.sequence).collect() };
        assert!((0..3).all(|sequence| again(sequence, sequence == 0, 2).is_empty()));
        assert_eq!(again(3, false, 2), [0]);
        assert_eq!((again(4, false, 1), again(5, false, 0)), (vec![1], vec![]));
        assert_eq!(again(6, false, 2), [3, 0]);
        assert!(again(7, true, 2).is_empty(), "nothing of what was said before a silence");
    }

    #[test]
    fn the_more_is_lost_the_more_is_sent() {
        assert_eq!([0, 1, 2, 11, 12, 100].map(wanted), [0, 0, 1, 1, 2, 2]);
    }
}
