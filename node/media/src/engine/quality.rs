//! What the worst listener needs: the voice is encoded once for everybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use veche_protocol::call::media::{LegId, MediaRoute};

use crate::audio::{FrameLength, Sound};

/// How a leg is at present.
#[derive(Clone, Copy, Debug, Default)]
struct Condition {
    relayed: bool,
    loss_percent: u8,
}

/// Sets frame length and redundancy by the worst of all legs.
#[derive(Debug)]
pub(super) struct Quality {
    sound: Arc<Sound>,
    legs: Mutex<BTreeMap<LegId, Condition>>,
}

impl Quality {
    pub(super) fn new(sound: Arc<Sound>) -> Self {
        Self { sound, legs: Mutex::default() }
    }

    pub(super) fn route(&self, leg: LegId, route: MediaRoute) {
        self.change(|legs| legs.entry(leg).or_default().relayed = route == MediaRoute::Relay);
    }

    /// Loss on the way from the other side, as a stand-in for the way there: a bad wire is bad both ways more often than not.
    pub(super) fn loss(&self, leg: LegId, permille: u16) {
        let percent = u8::try_from(permille / 10).unwrap_or(100);
        self.change(|legs| legs.entry(leg).or_default().loss_percent = percent);
    }

    pub(super) fn forget(&self, leg: LegId) {
        self.change(|legs| {
            legs.remove(&leg);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<LegId, Condition>)) {
        let mut legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut legs);
        let (frame, loss) = worst(legs.values());
        self.sound.set_frame(frame);
        self.sound.set_expected_loss(loss);
    }
}

fn worst<'a>(legs: impl Iterator<Item = &'a Condition>) -> (FrameLength, u8) {
    let worst = legs.fold(Condition::default(), |worst, leg| Condition {
        relayed: worst.relayed || leg.relayed,
        loss_percent: worst.loss_percent.max(leg.loss_percent),
    });
    (if worst.relayed { FrameLength::Ms20 } else { FrameLength::Ms10 }, worst.loss_percent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_leg_decides() {
        let good = Condition::default();
        let bad = Condition { relayed: true, loss_percent: 4 };
        let worse = Condition { relayed: false, loss_percent: 9 };
        assert_eq!(worst([].iter()), (FrameLength::Ms10, 0));
        assert_eq!(worst([good, good].iter()), (FrameLength::Ms10, 0));
        assert_eq!(worst([good, bad, worse].iter()), (FrameLength::Ms20, 9));
    }
}
