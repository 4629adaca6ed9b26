//! What the two ends of a leg tell each other beside sound, on a reliable channel of their own.

/// Most bytes of a message. The longest known has five; longer ones are of a later version, up to this.
pub(super) const MAX_MESSAGE_BYTES: usize = 64;

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Whether the sender's microphone is sent, and whether the sender hears anybody.
    State {
        /// The microphone is on.
        mic: bool,
        /// Nothing is played over there.
        deafened: bool,
    },
    /// What the sender of this hears of the receiver's sound, in the last second.
    Heard {
        /// Packets that were lost on the way, in percent.
        lost_percent: u8,
        /// Packets came later and later: they wait somewhere.
        held_up: bool,
    },
    /// Asks for a [`Control::Pong`] with the same number.
    Ping(u32),
    /// Answers a [`Control::Ping`].
    Pong(u32),
}

impl Control {
    /// One byte for the kind, then its fields.
    pub(super) fn encode(self) -> Vec<u8> {
        let numbered = |kind: u8, number: u32| [&[kind][..], &number.to_be_bytes()].concat();
        match self {
            Self::State { mic, deafened } => vec![1, u8::from(mic) | (u8::from(deafened) << 1)],
            Self::Heard { lost_percent, held_up } => vec![4, lost_percent, u8::from(held_up)],
            Self::Ping(number) => numbered(2, number),
            Self::Pong(number) => numbered(3, number),
        }
    }

    /// `None` for what is malformed or of a later version. Bytes after the known fields are left to later versions.
    pub(super) fn decode(message: &[u8]) -> Option<Self> {
        if message.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        let number = || Some(u32::from_be_bytes(message.get(1..5)?.try_into().ok()?));
        match message.first()? {
            1 => message.get(1).map(|flags| Self::State { mic: flags & 1 != 0, deafened: flags & 2 != 0 }),
            2 => number().map(Self::Ping),
            3 => number().map(Self::Pong),
            4 => Some(Self::Heard { lost_percent: (*message.get(1)?).min(100), held_up: message.get(2)? & 1 != 0 }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        for message in [
            Control::State { mic: true, deafened: false },
            Control::State { mic: false, deafened: true },
            Control::Heard { lost_percent: 100, held_up: true },
            Control::Heard { lost_percent: 3, held_up: false },
            Control::Ping(0x0102_0304),
            Control::Pong(u32::MAX),
        ] {
            assert_eq!(Control::decode(&message.encode()), Some(message));
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Control::decode(&bytes);
        }
    }
}
