//! Opens devices when somebody needs them, and another where one is lost.
//!
//! A thread of its own, because to open, close or list devices takes as long as the system likes. It looks every moment while
//! something is open and sleeps otherwise.

mod line;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use super::config::InputTest;
use super::controls::Controls;
use super::device::Host;
use super::worker::Order;
use super::{DeviceChoice, DeviceInfo, Direction, MAX_PEOPLE, SoundEvent};
use crate::packet::VoicePacket;
use line::Line;

/// What is asked of devices, and of those who look after them.
#[derive(Debug)]
pub(super) struct Wishes {
    /// People in the mix.
    people: AtomicUsize,
    /// Microphone and loudspeaker.
    choices: Mutex<(DeviceChoice, DeviceChoice)>,
    /// Whether the sound thread has something to play that it must not be stopped in.
    playing: AtomicBool,
    ended: AtomicBool,
}

impl Wishes {
    pub(super) fn new(input: DeviceChoice, output: DeviceChoice) -> Self {
        Self {
            people: AtomicUsize::new(0),
            choices: Mutex::new((input, output)),
            playing: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// Room for one person more, unless [`MAX_PEOPLE`] are there.
    pub(super) fn take_seat(self: &Arc<Self>) -> Option<Seat> {
        let more = |people| (people < MAX_PEOPLE).then_some(people + 1);
        self.people.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Seat(Arc::clone(self)))
    }

    /// The sound thread says whether the end of a chime or of a voice is still to come.
    pub(super) fn set_playing(&self, playing: bool) {
        self.playing.store(playing, Ordering::Relaxed);
    }

    pub(super) fn choose(&self, direction: Direction, choice: DeviceChoice) {
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        match direction {
            Direction::Input => choices.0 = choice,
            Direction::Output => choices.1 = choice,
        }
    }

    fn choice(&self, direction: Direction) -> DeviceChoice {
        let choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        match direction {
            Direction::Input => choices.0.clone(),
            Direction::Output => choices.1.clone(),
        }
    }

    /// Nothing is needed any more, ever.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// Room for one person. Dropping it gives the room back.
#[derive(Debug)]
pub(super) struct Seat(Arc<Wishes>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.people.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How patient the supervisor is.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Between two looks while something is open.
    look: Duration,
    /// A device without a callback for so long is lost.
    silent: Duration,
    /// Between two looks at what is connected, while something is open.
    list: Duration,
    /// A device that failed is left alone for so long, unless what is connected changes.
    shun: Duration,
    /// Over so long it is seen whether a loudspeaker runs empty, from when it has settled for a third of that.
    watch: Duration,
    /// A loudspeaker stays open for so long after it was needed: because to open one takes time.
    linger: Duration,
}

const PATIENCE: Patience = Patience {
    look: Duration::from_millis(100),
    silent: Duration::from_secs(2),
    list: Duration::from_secs(2),
    shun: Duration::from_secs(10),
    watch: Duration::from_secs(3),
    linger: Duration::from_secs(2),
};

/// The thread's own.
pub(super) struct Supervisor {
    host: Box<dyn Host>,
    wishes: Arc<Wishes>,
    controls: Arc<Controls>,
    outgoing: broadcast::Sender<VoicePacket>,
    orders: SyncSender<Order>,
    worker: Thread,
    patience: Patience,
    input: Line,
    output: Line,
    /// Chimes that there were when the loudspeaker was last asked for.
    chimes: u64,
    output_needed: Option<Instant>,
    connected: Vec<DeviceInfo>,
    listed: Option<Instant>,
}

impl Supervisor {
    pub(super) fn new(
        host: Box<dyn Host>,
        wishes: Arc<Wishes>,
        controls: Arc<Controls>,
        outgoing: broadcast::Sender<VoicePacket>,
        events: &broadcast::Sender<SoundEvent>,
        orders: SyncSender<Order>,
        worker: Thread,
    ) -> Self {
        let line = |direction| Line::new(direction, events.clone(), orders.clone(), worker.clone());
        Self {
            host,
            wishes,
            chimes: controls.chime().1,
            controls,
            outgoing,
            patience: PATIENCE,
            input: line(Direction::Input),
            output: line(Direction::Output),
            orders,
            worker,
            output_needed: None,
            connected: Vec::new(),
            listed: None,
        }
    }

    /// Until [`Wishes::end`]. Whoever changes a wish unparks this thread.
    pub(super) fn run(mut self) {
        while !self.wishes.ended.load(Ordering::Acquire) {
            if self.look(Instant::now()) {
                std::thread::park_timeout(self.patience.look);
            } else {
                std::thread::park();
            }
        }
        self.input.close();
        self.output.close();
        // Without a sound thread there is nobody left to tell.
        let _ = self.orders.send(Order::End);
        self.worker.unpark();
    }

    /// Does what is due. Answers whether anything is open.
    fn look(&mut self, now: Instant) -> bool {
        let (input, output) = (self.needs_input(), self.needs_output(now));
        if input || output {
            self.list(now);
        } else {
            self.listed = None;
        }
        for (line, needed) in [(&mut self.input, input), (&mut self.output, output)] {
            if needed {
                let choice = self.wishes.choice(line.direction());
                line.keep_open(&*self.host, &choice, &self.connected, &self.patience, now);
            } else {
                line.close();
            }
        }
        input || output
    }

    fn needs_input(&self) -> bool {
        self.outgoing.receiver_count() > 0 || self.controls.input_test() != InputTest::Off
    }

    fn needs_output(&mut self, now: Instant) -> bool {
        let chimes = self.controls.chime().1;
        let chimed = std::mem::replace(&mut self.chimes, chimes) != chimes;
        let needed = chimed
            || self.wishes.playing.load(Ordering::Relaxed)
            || self.wishes.people.load(Ordering::Relaxed) > 0
            || self.controls.ringing().is_some()
            || self.controls.input_test() == InputTest::Loopback;
        if needed {
            self.output_needed = Some(now);
        }
        self.output_needed.is_some_and(|last| now.saturating_duration_since(last) < self.patience.linger)
    }

    /// Asks what is connected, from time to time; not at once, because then there is something to be opened.
    fn list(&mut self, now: Instant) {
        let last = *self.listed.get_or_insert(now);
        if now.saturating_duration_since(last) < self.patience.list {
            return;
        }
        self.listed = Some(now);
        let connected = self.host.list().unwrap_or_default();
        if connected != self.connected {
            self.connected = connected;
            self.input.forgive();
            self.output.forgive();
        }
    }
}
