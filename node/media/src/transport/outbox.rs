//! Packets of sound that wait to be sent. The newest matter most: where the network is slower than speech, the oldest go.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::packet::VoicePacket;

/// 100 ms of sound in frames of 10 ms. Whatever waits longer would only come too late.
const CAPACITY: usize = 10;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<VecDeque<VoicePacket>>,
    arrived: Notify,
}

impl Outbox {
    /// Returns whether an older packet had to go for it.
    pub(super) fn push(&self, packet: VoicePacket) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let full = waiting.len() >= CAPACITY;
        if full {
            waiting.pop_front();
        }
        waiting.push_back(packet);
        drop(waiting);
        self.arrived.notify_one();
        full
    }

    /// The oldest packet, once there is one. For one reader.
    pub(super) async fn pop(&self) -> VoicePacket {
        loop {
            let packet = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match packet {
                Some(packet) => return packet,
                None => self.arrived.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[tokio::test]
    async fn the_oldest_go_when_nobody_takes_them() {
        let outbox = Outbox::default();
        for sequence in 0..30 {
            let packet = VoicePacket { sequence, timestamp: 0, marker: false, level: 0, payload: Bytes::new() };
            assert_eq!(outbox.push(packet), usize::from(sequence) >= CAPACITY);
        }
        assert_eq!(outbox.pop().await.sequence, 20);
        assert_eq!(outbox.pop().await.sequence, 21);
    }
}
