//! What a wire does to the frames on it.

use std::time::Duration;

/// Frames of an Ethernet that carries an MTU of 1500 bytes: payload and header.
pub const LONGEST_FRAME: usize = 1514;

/// What one direction of a wire does. The default is a wire that only carries.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    /// Time that every frame is under way.
    pub delay: Duration,
    /// Time that is added to it, anew for each frame: anything from nothing to this. Frames do not overtake because of it; a frame
    /// behind a slow one waits, as in a queue.
    pub jitter: Duration,
    /// Share of frames that are lost, each by itself; 0 to 1.
    pub loss: f64,
    /// Loss in bursts, beside [`Self::loss`].
    pub bursts: Option<Bursts>,
    /// Share of frames that arrive twice; 0 to 1. The second has its own jitter.
    pub dup: f64,
    /// Share of frames that are held back for [`Self::held`] while later ones pass; 0 to 1.
    pub reorder: f64,
    /// For how long [`Self::reorder`] holds a frame back.
    pub held: Duration,
    /// Share of frames in which one bit behind the Ethernet header is turned over; 0 to 1.
    pub corrupt: f64,
    /// Bits a second that the wire takes; `None` takes any number. Frames that come faster wait for it.
    pub rate: Option<u64>,
    /// Bytes that may wait for [`Self::rate`]. A frame that finds no room is lost, as in a router.
    pub queue: usize,
}

/// Loss in bursts: the two-state chain of Gilbert (Bell System Technical Journal 39, 1960) with a loss below one in the bad state as
/// Elliott proposed (42, 1963). Without loss in the good state, `enter / (enter + leave) * loss` of all frames are lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// Chance for each frame that a bad time begins; 0 to 1.
    pub enter: f64,
    /// Chance for each frame that it ends; 0 to 1.
    pub leave: f64,
    /// Share of frames that are lost while it lasts; 0 to 1.
    pub loss: f64,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            bursts: None,
            dup: 0.0,
            reorder: 0.0,
            held: Duration::from_millis(10),
            corrupt: 0.0,
            rate: None,
            // A home router's: a tenth of a second at 20 Mbit/s.
            queue: 256 * 1024,
        }
    }
}

impl Conditions {
    /// Half of a round trip in each direction.
    #[must_use]
    pub fn round_trip(time: Duration) -> Self {
        Self { delay: time / 2, ..Self::default() }
    }

    /// Nothing gets through.
    #[must_use]
    pub fn cut() -> Self {
        Self { loss: 1.0, ..Self::default() }
    }

    /// With this share of frames lost.
    #[must_use]
    pub fn losing(self, loss: f64) -> Self {
        Self { loss, ..self }
    }
}
