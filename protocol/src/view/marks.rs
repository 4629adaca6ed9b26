//! How far people have read, and how far own messages have got: positions in logs, from which every state is computed.

use super::MessageState;
use crate::ids::DeviceId;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// How far somebody has read: for each log, by its writing device, the position up to which everything was seen.
///
/// Positions instead of a time: what arrives late lies behind its log's position and stays unread until somebody sees it,
/// whatever its stamp says. Positions only rise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ReadMarks(BTreeMap<DeviceId, u64>);

impl ReadMarks {
    /// Logs remembered, at most: as many as a channel can have.
    pub const MOST: usize = crate::history::space::LOGS_PER_CHANNEL;

    /// Position in a log; 0 where nothing of it was read.
    #[must_use]
    pub fn of(&self, device: DeviceId) -> u64 {
        self.0.get(&device).copied().unwrap_or(0)
    }

    /// Whether what a device wrote at a position was read.
    #[must_use]
    pub fn covers(&self, device: DeviceId, seq: u64) -> bool {
        seq <= self.of(device)
    }

    /// Moves a position on. False if it was there already, or there is no room for another log.
    pub fn raise(&mut self, device: DeviceId, seq: u64) -> bool {
        if self.covers(device, seq) || self.0.len() >= Self::MOST && !self.0.contains_key(&device) {
            return false;
        }
        self.0.insert(device, seq);
        true
    }

    /// All positions, in the order of their devices.
    pub fn iter(&self) -> impl Iterator<Item = (DeviceId, u64)> + '_ {
        self.0.iter().map(|(device, seq)| (*device, *seq))
    }
}

/// How far the own messages of a chat have got. One row for each own device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Progress {
    /// For each own device: how far others have what it wrote.
    pub devices: Vec<DeviceProgress>,
}

/// See [`Progress`].
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DeviceProgress {
    /// Writing device.
    pub device: DeviceId,
    /// Stored by another device that is not the recipient's.
    pub sent: u64,
    /// Stored by a mailbox for the recipient.
    pub held: u64,
    /// Stored by a device of the recipient.
    pub delivered: u64,
    /// Seen by the recipient; zero if they do not say.
    pub read: u64,
}

impl Progress {
    /// State of an own message.
    #[must_use]
    pub fn state(&self, device: DeviceId, seq: u64) -> MessageState {
        let row = self.devices.iter().find(|d| d.device == device);
        let (sent, held, delivered, read) = row.map_or((0, 0, 0, 0), |r| (r.sent, r.held, r.delivered, r.read));
        match () {
            () if read >= seq && delivered >= seq => MessageState::Read,
            () if delivered >= seq => MessageState::Delivered,
            () if held >= seq => MessageState::Held,
            () if sent >= seq => MessageState::Sent,
            () => MessageState::Queued,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: DeviceId = DeviceId([1; 32]);

    #[test]
    fn positions_only_rise_and_are_bounded() {
        let mut marks = ReadMarks::default();
        assert!(marks.raise(LOG, 3));
        assert!(!marks.raise(LOG, 2), "what was read stays read");
        assert!(marks.covers(LOG, 3) && !marks.covers(LOG, 4) && !marks.covers(DeviceId([2; 32]), 1));
        for n in 0..2 * ReadMarks::MOST {
            let mut id = [7; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            marks.raise(DeviceId(id), 1);
        }
        assert_eq!(marks.iter().count(), ReadMarks::MOST);
        assert!(marks.raise(LOG, 4), "those that are there go on rising");
    }

    #[test]
    fn a_state_is_never_ahead_of_the_one_before_it() {
        let progress = Progress { devices: vec![DeviceProgress { device: LOG, sent: 5, held: 3, delivered: 2, read: 9 }] };
        let states = [1, 2, 3, 5, 6].map(|seq| progress.state(LOG, seq));
        assert_eq!(states, [MessageState::Read, MessageState::Read, MessageState::Held, MessageState::Sent, MessageState::Queued]);
    }
}
