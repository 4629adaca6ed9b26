//! One way of sound: which device is open for it, and which ought to be.

use std::sync::mpsc::SyncSender;
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use tracing::{debug, info, warn};

use super::Patience;
use crate::audio::device::{Drain, Feed, Host, LONGEST_PERIOD, PERIOD, Stream, Synthetic};
use crate::audio::worker::Order;
use crate::audio::{DeviceChoice, DeviceInfo, Direction, SoundError, SoundEvent};

/// A loudspeaker that asks for less than this share of what its rate says runs empty in between, in percent: the clocks of no two
/// devices are so far apart.
const FULL_PACE: u64 = 97;
/// So often it has to say that it runs empty, in [`Patience::watch`]: once may be the moment in which a window opened.
const STUMBLES: u64 = 3;

/// What is open, from the best to the last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Chosen,
    /// The default in the place of the chosen.
    Default,
    Silence,
}

/// An open device.
#[derive(Debug)]
struct Held {
    stream: Stream,
    rank: Rank,
    /// What was chosen when it was opened.
    choice: DeviceChoice,
    callbacks: u64,
    /// When the last callback was seen.
    alive: Instant,
    opened: Instant,
    /// Frames a second.
    rate: u32,
    /// Since when it is watched, and what it had asked for and said by then.
    watched: Option<(Instant, u64, u64)>,
}

impl Held {
    fn is_lost(&mut self, patience: &Patience, now: Instant) -> bool {
        if self.rank == Rank::Silence {
            return false;
        }
        let callbacks = self.stream.pulse().callbacks();
        if callbacks != self.callbacks {
            self.callbacks = callbacks;
            self.alive = now;
        }
        self.stream.pulse().is_broken() || now.saturating_duration_since(self.alive) >= patience.silent
    }

    /// Whether it ran empty again and again of late. A sound server that plays silence in between asks for less; others say so.
    fn crackles(&mut self, patience: &Patience, now: Instant) -> bool {
        let pulse = self.stream.pulse();
        let (frames, stumbles) = (pulse.frames(), pulse.stumbles());
        let Some((since, frames_then, stumbles_then)) = self.watched else {
            if now.saturating_duration_since(self.opened) >= patience.watch / 3 {
                self.watched = Some((now, frames, stumbles));
            }
            return false;
        };
        let passed = now.saturating_duration_since(since);
        // One that is silent at present is lost, or goes on in a moment: that is not known yet.
        if passed < patience.watch || self.alive != now {
            return false;
        }
        self.watched = Some((now, frames, stumbles));
        let wanted = u64::from(self.rate) * u64::try_from(passed.as_millis()).unwrap_or(u64::MAX / 1_000_000) / 1000;
        (frames - frames_then) * 100 < wanted * FULL_PACE || stumbles - stumbles_then >= STUMBLES
    }
}

/// The sound thread's end of a stream.
enum End {
    Input(Feed),
    Output(Drain),
}

/// See the module.
pub(super) struct Line {
    direction: Direction,
    events: broadcast::Sender<SoundEvent>,
    orders: SyncSender<Order>,
    worker: Thread,
    held: Option<Held>,
    /// With which period a loudspeaker is opened: longer once it ran empty, until nobody needs it any more.
    period: Duration,
    /// What failed, and when.
    shunned: Vec<(DeviceChoice, Instant)>,
    /// The name that was told last.
    told: Option<String>,
}

impl Line {
    pub(super) fn new(direction: Direction, events: broadcast::Sender<SoundEvent>, orders: SyncSender<Order>, worker: Thread) -> Self {
        Self { direction, events, orders, worker, held: None, period: PERIOD, shunned: Vec::new(), told: None }
    }

    pub(super) fn direction(&self) -> Direction {
        self.direction
    }

    /// What failed may be tried again.
    pub(super) fn forgive(&mut self) {
        self.shunned.clear();
    }

    pub(super) fn close(&mut self) {
        self.forgive();
        self.told = None;
        self.period = PERIOD;
        self.let_go();
    }

    /// Sees to it that the best device there is is open, and tells what changes.
    pub(super) fn keep_open(
        &mut self,
        host: &dyn Host,
        choice: &DeviceChoice,
        connected: &[DeviceInfo],
        patience: &Patience,
        now: Instant,
    ) {
        self.shunned.retain(|(_, since)| now.saturating_duration_since(*since) < patience.shun);
        let Some(held) = &mut self.held else {
            self.open(host, choice, None, now);
            return;
        };
        if held.choice != *choice {
            // Closed first: it may be the same device by another name, which does not open twice.
            self.forgive();
            self.period = PERIOD;
            self.let_go();
            self.open(host, choice, None, now);
        } else if held.is_lost(patience, now) {
            let lost = held.stream.name().to_owned();
            warn!(direction = ?self.direction, "a sound device is lost");
            // One that worked for long deserves another try; one that did not would only be lost again.
            if now.saturating_duration_since(held.opened) < patience.silent * 2 {
                let failed = if held.rank == Rank::Chosen { choice.clone() } else { DeviceChoice::Default };
                self.shunned.push((failed, now));
            }
            self.let_go();
            self.open(host, choice, Some(&lost), now);
        } else if self.direction == Direction::Output && self.is_too_short(host, patience, now) {
            self.period = (self.period * 2).min(LONGEST_PERIOD);
            info!(period = ?self.period, "a loudspeaker runs empty, and is opened anew");
            self.let_go();
            self.open(host, choice, None, now);
        } else {
            self.improve(host, choice, connected, now);
        }
    }

    fn is_too_short(&mut self, host: &dyn Host, patience: &Patience, now: Instant) -> bool {
        let Some(held) = self.held.as_mut().filter(|held| held.rank != Rank::Silence) else { return false };
        held.crackles(patience, now) && host.lengthens() && self.period < LONGEST_PERIOD
    }

    /// Opens the best device that opens. `lost` names the one that was open until now.
    fn open(&mut self, host: &dyn Host, choice: &DeviceChoice, lost: Option<&str>, now: Instant) {
        let mut refusal = None;
        for (rank, candidate) in candidates(choice) {
            match self.attempt(host, candidate, now) {
                Ok(Some((stream, end))) => {
                    if rank != Rank::Chosen || lost.is_some_and(|lost| lost != stream.name()) {
                        self.tell_lost(lost, refusal.as_ref(), Some(stream.name()));
                    }
                    self.install(stream, end, rank, choice, now);
                    return;
                }
                Ok(None) => {}
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        self.tell_lost(lost, refusal.as_ref(), None);
        match self.open_on(&Synthetic::NULL, &DeviceChoice::Default) {
            Ok((stream, end)) => self.install(stream, end, Rank::Silence, choice, now),
            Err(error) => warn!(%error, "not even silence"),
        }
    }

    /// Goes over to a better device where there is one again, without letting go of the present one before.
    fn improve(&mut self, host: &dyn Host, choice: &DeviceChoice, connected: &[DeviceInfo], now: Instant) {
        let Some(held) = &self.held else { return };
        let present = held.rank;
        // Another default than the one that is open: the person plugged something in, or chose it in the system's settings.
        let follows = *choice == DeviceChoice::Default && present == Rank::Chosen && {
            let default = connected.iter().find(|device| device.direction == self.direction && device.is_default);
            default.zip(held.stream.id()).is_some_and(|(default, open)| default.id != open)
        };
        for (rank, candidate) in candidates(choice) {
            let listed = match candidate {
                DeviceChoice::Default => true,
                DeviceChoice::Named(id) => connected.iter().any(|device| device.direction == self.direction && device.id == *id),
            };
            if !listed || !(rank < present || follows && rank == present) {
                continue;
            }
            match self.attempt(host, candidate, now) {
                Ok(Some((stream, end))) => {
                    self.install(stream, end, rank, choice, now);
                    return;
                }
                Ok(None) => {}
                Err(error) => debug!(%error, "a better sound device does not open"),
            }
        }
    }

    /// Opens a device unless it failed a moment ago.
    fn attempt(&mut self, host: &dyn Host, candidate: &DeviceChoice, now: Instant) -> Result<Option<(Stream, End)>, SoundError> {
        if self.shunned.iter().any(|(shunned, _)| shunned == candidate) {
            return Ok(None);
        }
        let opened = self.open_on(host, candidate);
        if opened.is_err() {
            self.shunned.push((candidate.clone(), now));
        }
        opened.map(Some)
    }

    fn open_on(&self, host: &dyn Host, candidate: &DeviceChoice) -> Result<(Stream, End), SoundError> {
        match self.direction {
            Direction::Input => host.open_input(candidate, self.worker.clone()).map(|(stream, feed)| (stream, End::Input(feed))),
            Direction::Output => {
                host.open_output(candidate, self.period, self.worker.clone()).map(|(stream, drain)| (stream, End::Output(drain)))
            }
        }
    }

    /// Puts the sound thread onto the new device; only then the old one is closed.
    fn install(&mut self, stream: Stream, end: End, rank: Rank, choice: &DeviceChoice, now: Instant) {
        info!(direction = ?self.direction, ?rank, "a sound device is open");
        let rate = match &end {
            End::Input(feed) => feed.rate,
            End::Output(drain) => drain.rate,
        };
        self.order(match end {
            End::Input(feed) => Order::Input(Some(feed)),
            End::Output(drain) => Order::Output(Some(drain)),
        });
        if rank == Rank::Silence {
            self.told = None;
        } else if self.told.as_deref() != Some(stream.name()) {
            self.told = Some(stream.name().to_owned());
            self.tell(SoundEvent::DeviceChanged { direction: self.direction, name: stream.name().to_owned() });
        }
        self.held = Some(Held { stream, rank, choice: choice.clone(), callbacks: 0, alive: now, opened: now, rate, watched: None });
    }

    fn let_go(&mut self) {
        if let Some(held) = self.held.take() {
            self.order(match self.direction {
                Direction::Input => Order::Input(None),
                Direction::Output => Order::Output(None),
            });
            info!(direction = ?self.direction, "a sound device is closed");
            drop(held);
        }
    }

    fn order(&self, order: Order) {
        // Without a sound thread the program is about to end.
        let _ = self.orders.send(order);
        self.worker.unpark();
    }

    fn tell(&self, event: SoundEvent) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }

    fn tell_lost(&self, lost: Option<&str>, refusal: Option<&SoundError>, instead: Option<&str>) {
        let what = self.direction.noun();
        let message = match (lost, refusal, instead) {
            (Some(lost), _, Some(instead)) => format!("The {what} “{lost}” is gone: “{instead}” is used in its place."),
            (Some(lost), _, None) => {
                format!("The {what} “{lost}” is gone: connect it again, or choose another in the settings. Until then there is silence.")
            }
            (None, Some(SoundError::NoDevice { .. }) | None, Some(instead)) => {
                format!("The {what} that you chose is not connected: “{instead}” is used until it is.")
            }
            (None, Some(error), Some(instead)) => format!("{} Until then “{instead}” is used.", sentence(error)),
            (None, Some(error), None) => sentence(error),
            (None, None, None) => format!("There is no {what} that works: connect one, or choose another in the settings."),
        };
        self.tell(SoundEvent::DeviceLost { direction: self.direction, message });
    }
}

/// What may be opened, from the best on.
fn candidates(choice: &DeviceChoice) -> impl Iterator<Item = (Rank, &DeviceChoice)> {
    let default = matches!(choice, DeviceChoice::Named(_)).then_some((Rank::Default, &DeviceChoice::Default));
    [(Rank::Chosen, choice)].into_iter().chain(default)
}

/// An error as a sentence of its own.
fn sentence(error: &SoundError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}
