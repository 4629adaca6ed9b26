//! Does what the core says about calls: opens legs, joins them with sound, and reports what becomes of them.
//!
//! Each leg has a task of its own, so that one which waits for its network holds up no other. The contract of commands and events
//! is that of [`veche_protocol::call::media`].

mod copies;
mod leg_task;
mod narrow;
mod quality;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{Id, JoinHandle, JoinSet};
use tracing::{debug, warn};
use veche_protocol::call::media::{LegId, MediaCmd, MediaEvent, MediaFailure};

use crate::audio::{Sound, SoundConfig, SoundError, SoundEvent};
use crate::transport::Ways;
use leg_task::{LegCmd, LegTask};
use quality::Quality;

/// Commands that may wait for the engine. The core sends a handful for a call, and candidates in batches.
const MAX_WAITING_COMMANDS: usize = 256;

/// Events that may wait for the core. Where there are more, legs wait.
const MAX_WAITING_EVENTS: usize = 256;

/// Commands that may wait for one leg: a negotiation with the candidates of both generations. A leg that cannot keep up is over.
const MAX_WAITING_FOR_LEG: usize = 64;

/// Legs at once: as many voices as are mixed.
const MAX_LEGS: usize = crate::audio::MAX_PEOPLE;

/// What an engine is started with.
#[derive(Clone, Debug, Default)]
pub struct EngineConfig {
    /// Devices, and what is done to the voice.
    pub sound: SoundConfig,
    /// Connect within this machine only, for tests.
    pub loopback: bool,
    /// Do nothing about lost packets, to measure what that is worth.
    pub bare: bool,
}

/// A running engine. Dropped, it ends everything at once; see [`Engine::stop`].
#[derive(Debug)]
pub struct Engine {
    commands: mpsc::Sender<MediaCmd>,
    sound: Arc<Sound>,
    task: JoinHandle<()>,
}

impl Engine {
    /// Starts without opening a device or a socket. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`SoundError`] where the devices of the configuration cannot be.
    pub fn start(config: EngineConfig) -> Result<(Self, mpsc::Receiver<MediaEvent>), SoundError> {
        Ok(Self::begin(Arc::new(Sound::start(config.sound)?), config.loopback, config.bare))
    }

    /// Starts over sound that runs already, and that others may use beside it. To be called within a tokio runtime.
    #[must_use]
    pub fn over(sound: Arc<Sound>, loopback: bool) -> (Self, mpsc::Receiver<MediaEvent>) {
        Self::begin(sound, loopback, false)
    }

    fn begin(sound: Arc<Sound>, loopback: bool, bare: bool) -> (Self, mpsc::Receiver<MediaEvent>) {
        let (commands, commands_rx) = mpsc::channel(MAX_WAITING_COMMANDS);
        let (events, events_rx) = mpsc::channel(MAX_WAITING_EVENTS);
        let task = Task {
            sound: Arc::clone(&sound),
            quality: Arc::new(Quality::new(Arc::clone(&sound), bare)),
            loopback,
            events,
            legs: BTreeMap::new(),
            names: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        let task = tokio::spawn(task.run(commands_rx));
        (Self { commands, sound, task }, events_rx)
    }

    /// Hands a command over, in order. Waits while too many wait already.
    pub async fn command(&self, command: MediaCmd) {
        // A stopped engine has nobody left to obey.
        let _ = self.commands.send(command).await;
    }

    /// Hands a command over, in order, without waiting.
    ///
    /// # Errors
    /// Gives it back where too many wait already. One for an engine that has ended is gone, as its legs are.
    pub fn try_command(&self, command: MediaCmd) -> Result<(), MediaCmd> {
        match self.commands.try_send(command) {
            Err(TrySendError::Full(command)) => Err(command),
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Waits until there is room for a command.
    pub async fn room(&self) {
        // An engine that has ended takes everything.
        let _ = self.commands.reserve().await;
    }

    /// Devices, volumes, tones.
    #[must_use]
    pub fn sound(&self) -> &Arc<Sound> {
        &self.sound
    }

    /// Ends every leg and waits until nothing of it runs any more.
    pub async fn stop(self) {
        let Self { commands, sound: _, task } = self;
        drop(commands);
        if let Err(error) = task.await {
            warn!(panicked = error.is_panic(), "the media engine did not end by itself");
        }
    }
}

/// The engine's own task.
struct Task {
    sound: Arc<Sound>,
    quality: Arc<Quality>,
    loopback: bool,
    events: mpsc::Sender<MediaEvent>,
    legs: BTreeMap<LegId, mpsc::Sender<LegCmd>>,
    /// Which leg a task is, to notice one that ended otherwise than by its own word.
    names: BTreeMap<Id, LegId>,
    tasks: JoinSet<()>,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<MediaCmd>) {
        let mut heard = self.sound.events();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).await,
                event = heard.recv() => {
                    if let Ok(SoundEvent::Speaking(on)) = event {
                        self.tell(MediaEvent::Speaking { leg: None, on }).await;
                    }
                }
            }
        }
        // Without their senders the legs close, one beside the other.
        self.legs.clear();
        while self.tasks.join_next().await.is_some() {}
    }

    async fn obey(&mut self, command: MediaCmd) {
        let (leg, command) = match command {
            MediaCmd::Open { leg, role, ice } => return self.open(leg, role, Ways { ice, loopback: self.loopback }).await,
            MediaCmd::Close { leg } => {
                self.legs.remove(&leg);
                return;
            }
            MediaCmd::Remote { leg, description, fingerprint } => (leg, LegCmd::Remote { description, fingerprint }),
            MediaCmd::Candidates { leg, candidates, end: _ } => (leg, LegCmd::Candidates(candidates)),
            MediaCmd::Restart { leg } => (leg, LegCmd::Restart),
            MediaCmd::Set { leg, mic, deafen } => (leg, LegCmd::Set { mic, deafen }),
            MediaCmd::Volume { leg, percent } => (leg, LegCmd::Volume(percent)),
        };
        let Some(commands) = self.legs.get(&leg) else { return };
        if let Err(TrySendError::Full(_)) = commands.try_send(command) {
            // Its order would be lost with a command, and waiting would hold up the other legs.
            warn!(leg = leg.0, "a leg does not keep up with what it is told");
            self.legs.remove(&leg);
            self.tell(MediaEvent::Failed { leg, cause: MediaFailure::Setup }).await;
        }
    }

    async fn open(&mut self, leg: LegId, role: veche_protocol::call::media::Role, ways: Ways) {
        if self.legs.len() >= MAX_LEGS || self.legs.contains_key(&leg) {
            warn!(leg = leg.0, open = self.legs.len(), "a leg was not opened");
            self.tell(MediaEvent::Failed { leg, cause: MediaFailure::Setup }).await;
            return;
        }
        let (commands, commands_rx) = mpsc::channel(MAX_WAITING_FOR_LEG);
        let task = LegTask::new(leg, Arc::clone(&self.sound), Arc::clone(&self.quality), self.events.clone());
        let handle = self.tasks.spawn(task.run(role, ways, commands_rx));
        self.names.insert(handle.id(), leg);
        self.legs.insert(leg, commands);
    }

    async fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let Some(leg) = self.names.remove(&id) else { return };
        let was_open = self.legs.remove(&leg).is_some();
        if panicked {
            self.quality.forget(leg);
            if was_open {
                self.tell(MediaEvent::Failed { leg, cause: MediaFailure::Setup }).await;
            }
        }
        debug!(leg = leg.0, open = self.legs.len(), panicked, "a leg ended");
    }

    async fn tell(&self, event: MediaEvent) {
        let _ = self.events.send(event).await;
    }
}
