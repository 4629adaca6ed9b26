//! Microphones and loudspeakers, real and synthetic.

#[cfg(test)]
pub(super) mod pretend;
mod ring;
mod synthetic;
mod system;
mod wav;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use super::{DeviceChoice, DeviceInfo, SoundError};

pub(super) use ring::{Drain, Feed, Pulse};
pub(super) use synthetic::Synthetic;
pub(super) use system::{System, list};

/// How much a loudspeaker is asked to take in one callback. With less, speech arrives some milliseconds sooner, and on a machine that is
/// busy the device runs empty again and again.
pub(super) const PERIOD: Duration = Duration::from_millis(10);
/// The same for one that ran empty all the same.
pub(super) const LONGEST_PERIOD: Duration = Duration::from_millis(40);

/// Where devices come from. Everything here may take as long as the system likes.
pub(super) trait Host: Send {
    /// What is connected.
    ///
    /// # Errors
    /// Where there is no sound system.
    fn list(&self) -> Result<Vec<DeviceInfo>, SoundError>;

    /// Opens a microphone, whose callbacks wake `worker`.
    ///
    /// # Errors
    /// Where it is absent, or does not open.
    fn open_input(&self, which: &DeviceChoice, worker: Thread) -> Result<(Stream, Feed), SoundError>;

    /// Opens a loudspeaker, whose callbacks wake `worker` and take as much as `period` says, or as the system has it.
    ///
    /// # Errors
    /// Where it is absent, or does not open.
    fn open_output(&self, which: &DeviceChoice, period: Duration, worker: Thread) -> Result<(Stream, Drain), SoundError>;

    /// Whether a loudspeaker that runs empty plays better with a longer period.
    fn lengthens(&self) -> bool {
        false
    }
}

/// A device that is open. Dropping it closes the device, which waits for its last callback.
pub(super) struct Stream {
    name: String,
    id: Option<String>,
    pulse: Arc<Pulse>,
    #[expect(dead_code, reason = "keeps the device open")]
    device: Box<dyn Any + Send>,
}

impl Stream {
    fn new(name: String, id: Option<String>, pulse: Arc<Pulse>, device: impl Any + Send) -> Self {
        Self { name, id, pulse, device: Box::new(device) }
    }

    /// The name for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// [`DeviceInfo::id`], where the host lists its devices.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// How it is.
    pub(super) fn pulse(&self) -> &Pulse {
        &self.pulse
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stream").field("name", &self.name).finish_non_exhaustive()
    }
}
