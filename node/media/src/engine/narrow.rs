//! How much room a leg's way has: down at once where packets pile up on it, up slowly when they no longer do.
//!
//! What the other side hears decides. Packets that come later and later wait in a queue that grows, long before it is full and they are
//! lost; loss alone says nothing, as it is also what a bad radio does.

/// How the voice is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rung {
    /// Bits a second of the voice; `None` as it is set. With its headers a packet of 20 ms is 29 kbit/s more on an Ethernet.
    pub(super) bitrate: Option<u32>,
    /// In packets of 20 ms.
    pub(super) long: bool,
}

/// From plenty to the narrowest that a voice fits through: 41 kbit/s on the wire.
const RUNGS: [Rung; 4] = [
    Rung { bitrate: None, long: false },
    Rung { bitrate: Some(24_000), long: true },
    Rung { bitrate: Some(16_000), long: true },
    Rung { bitrate: Some(12_000), long: true },
];

/// The first step down goes so far: the queue has to empty as well.
const FIRST: usize = 2;
/// Lost packets, in percent, that mean that the way is still too narrow shortly after it was.
const STILL_LOST: u8 = 10;
/// For so many reports loss counts as that.
const SHORTLY: u32 = 4;
/// Reports without trouble before the next step up. They come each second.
const PATIENCE: u32 = 8;
/// After a step up that went wrong the next one waits twice as long, up to this.
const MOST_PATIENCE: u32 = 64;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Narrow {
    at: usize,
    /// Reports since the last step.
    calm: u32,
    patience: u32,
    /// Whether the last step was up.
    trying: bool,
}

impl Default for Narrow {
    fn default() -> Self {
        Self { at: 0, calm: 0, patience: PATIENCE, trying: false }
    }
}

impl Narrow {
    /// A report of the last second: packets lost in percent, and whether they piled up.
    pub(super) fn hear(&mut self, lost_percent: u8, held_up: bool) {
        self.calm = self.calm.saturating_add(1);
        let still = self.at > 0 && !self.trying && self.calm <= SHORTLY && lost_percent >= STILL_LOST;
        if held_up || still {
            if self.trying {
                self.patience = (self.patience * 2).min(MOST_PATIENCE);
            }
            self.at = (self.at + 1).max(FIRST).min(RUNGS.len() - 1);
            (self.calm, self.trying) = (0, false);
        } else if self.at > 0 && self.calm >= self.patience {
            self.at -= 1;
            (self.calm, self.trying) = (0, true);
        } else if self.at == 0 && self.calm >= MOST_PATIENCE {
            self.patience = PATIENCE;
        }
    }

    /// Where it stands.
    pub(super) fn rung(&self) -> Rung {
        RUNGS[self.at]
    }

    /// Whether there is room for more than the voice itself.
    pub(super) fn is_wide(&self) -> bool {
        self.at == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_at_once_and_up_slowly() {
        let mut narrow = Narrow::default();
        for _ in 0..100 {
            narrow.hear(20, false);
        }
        assert!(narrow.is_wide(), "loss alone is no narrow place");
        narrow.hear(0, true);
        assert_eq!(narrow.rung(), Rung { bitrate: Some(16_000), long: true });
        narrow.hear(30, false);
        assert_eq!(narrow.rung().bitrate, Some(12_000), "the queue is full, and stays it");
        let mut steps = Vec::new();
        for second in 1..40 {
            let before = narrow.rung();
            narrow.hear(0, false);
            if narrow.rung() != before {
                steps.push(second);
            }
        }
        assert_eq!(steps, [8, 16, 24]);
        assert!(narrow.is_wide());
    }

    #[test]
    fn a_step_up_that_goes_wrong_is_not_soon_tried_again() {
        let mut narrow = Narrow::default();
        let (mut waits, mut last) = (Vec::new(), 0);
        for second in 0..200 {
            let before = narrow.at;
            // The next rung is too much for this way.
            narrow.hear(0, narrow.at < 2);
            if before == 2 && narrow.at == 1 {
                waits.push(second - last);
                last = second;
            }
        }
        // A second for each step back down is among them.
        assert_eq!(waits, [8, 17, 33, 65, 65]);
    }
}
