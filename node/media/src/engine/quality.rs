//! What each listener needs, and the worst of them: the voice is encoded once for everybody, and sent to each as often as is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use veche_protocol::call::media::{LegId, MediaRoute};

use super::copies;
use super::narrow::Narrow;
use crate::audio::{DEFAULT_BITRATE, FrameLength, Sound};

/// Loss that was heard of a second ago counts for so much, in parts of ten: it comes in clouds.
const REMEMBERED: u16 = 9;

/// How a leg is at present.
#[derive(Clone, Copy, Debug, Default)]
struct Condition {
    relayed: bool,
    /// Packets lost on the way there.
    loss_percent: u8,
    narrow: Narrow,
    /// The other side tells by itself what it hears.
    told: bool,
}

impl Condition {
    fn copies(&self) -> usize {
        if self.narrow.is_wide() { copies::wanted(self.loss_percent) } else { 0 }
    }
}

/// Sets frame length, bitrate and redundancy by the worst of all legs.
#[derive(Debug)]
pub(super) struct Quality {
    sound: Arc<Sound>,
    /// Nothing is done about loss.
    bare: bool,
    legs: Mutex<BTreeMap<LegId, Condition>>,
}

/// What a listener heard in the last second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Packets lost on the way, in percent.
    pub(super) lost_percent: u8,
    /// Packets came later and later.
    pub(super) held_up: bool,
}

impl Quality {
    pub(super) fn new(sound: Arc<Sound>, bare: bool) -> Self {
        Self { sound, bare, legs: Mutex::default() }
    }

    pub(super) fn route(&self, leg: LegId, route: MediaRoute) {
        self.change(|legs| legs.entry(leg).or_default().relayed = route == MediaRoute::Relay);
    }

    /// The other side says what it hears.
    pub(super) fn told(&self, leg: LegId, report: Report) {
        self.change(|legs| {
            let condition = legs.entry(leg).or_default();
            condition.told = true;
            condition.hear(report);
        });
    }

    /// What is heard of the other side, as a stand-in for what it hears where it does not say: a bad wire is bad both ways more often
    /// than not.
    pub(super) fn heard(&self, leg: LegId, report: Report) {
        self.change(|legs| {
            let condition = legs.entry(leg).or_default();
            if !condition.told {
                condition.hear(report);
            }
        });
    }

    /// How often each packet is sent again on a leg.
    pub(super) fn copies(&self, leg: LegId) -> usize {
        let legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        if self.bare { 0 } else { legs.get(&leg).map_or(0, Condition::copies) }
    }

    pub(super) fn forget(&self, leg: LegId) {
        self.change(|legs| {
            legs.remove(&leg);
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<LegId, Condition>)) {
        let mut legs = self.legs.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut legs);
        let needs = Needs::of(legs.values());
        self.sound.set_frame(needs.frame);
        self.sound.set_bitrate(needs.bitrate);
        self.sound.set_expected_loss(if self.bare { 0 } else { needs.loss_percent });
    }
}

impl Condition {
    fn hear(&mut self, report: Report) {
        let before = u16::from(self.loss_percent) * REMEMBERED / 10;
        self.loss_percent = report.lost_percent.max(u8::try_from(before).unwrap_or(100));
        self.narrow.hear(report.lost_percent, report.held_up);
    }
}

/// How the voice is to be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Needs {
    frame: FrameLength,
    bitrate: u32,
    /// What Opus' own redundancy is to make up for: it is not needed where packets are sent again.
    loss_percent: u8,
}

impl Needs {
    fn of<'a>(legs: impl Iterator<Item = &'a Condition>) -> Self {
        let nothing = Self { frame: FrameLength::Ms10, bitrate: DEFAULT_BITRATE, loss_percent: 0 };
        legs.fold(nothing, |needs, leg| {
            let rung = leg.narrow.rung();
            Self {
                frame: if leg.relayed || rung.long { FrameLength::Ms20 } else { needs.frame },
                bitrate: needs.bitrate.min(rung.bitrate.unwrap_or(DEFAULT_BITRATE)),
                loss_percent: needs.loss_percent.max(if leg.copies() == 0 { leg.loss_percent } else { 0 }),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_leg_decides() {
        let needs = |legs: &[Condition]| Needs::of(legs.iter());
        let good = Condition::default();
        let relayed = Condition { relayed: true, loss_percent: 1, ..good };
        assert_eq!(needs(&[]), Needs { frame: FrameLength::Ms10, bitrate: DEFAULT_BITRATE, loss_percent: 0 });
        assert_eq!(needs(&[good, good]), needs(&[]));
        assert_eq!(needs(&[good, relayed]), Needs { frame: FrameLength::Ms20, bitrate: DEFAULT_BITRATE, loss_percent: 1 });
        let mut narrow = Condition { loss_percent: 9, ..good };
        assert_eq!((narrow.copies(), needs(&[narrow]).loss_percent), (1, 0), "sent again, and not weakened");
        narrow.narrow.hear(9, true);
        assert_eq!(narrow.copies(), 0, "where there is no room nothing is sent twice");
        let least = needs(&[narrow, relayed]);
        assert!(least.bitrate < DEFAULT_BITRATE && least.frame == FrameLength::Ms20 && least.loss_percent == 9, "{least:?}");
    }

    #[test]
    fn loss_is_remembered_for_a_while() {
        let mut leg = Condition::default();
        leg.hear(Report { lost_percent: 20, held_up: false });
        leg.hear(Report::default());
        assert!(leg.loss_percent >= 17, "{leg:?}");
        for _ in 0..40 {
            leg.hear(Report::default());
        }
        assert_eq!(leg.loss_percent, 0);
    }
}
