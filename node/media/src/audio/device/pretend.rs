//! Devices that a test plugs in, breaks and pulls out, and whose callbacks come when it says so.

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::Thread;
use std::time::Duration;

use super::ring::{self, Drain, Feed, Inlet, Outlet};
use super::{Host, Stream};
use crate::audio::{DeviceChoice, DeviceInfo, Direction, SoundError};

/// Shared between test and supervisor.
#[derive(Clone, Debug, Default)]
pub(in crate::audio) struct Pretend(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    devices: Vec<DeviceInfo>,
    /// Devices that open and never call back.
    silent: Vec<String>,
    /// Devices that another program has.
    busy: Vec<String>,
    /// Devices that stop for a moment now and then while their period is shorter than this.
    dry: Vec<(String, Duration)>,
    /// The last period that a loudspeaker was opened with.
    period: Duration,
    open: Vec<(u64, String, End)>,
    opened: u64,
}

#[derive(Debug)]
enum End {
    Input(Inlet),
    Output(Outlet),
}

/// Held by the stream; what it stands for is closed with it.
struct Guard {
    of: Pretend,
    number: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.of.state().open.retain(|(number, ..)| *number != self.number);
    }
}

impl Pretend {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A device has the same name for people and for the program here.
    pub(in crate::audio) fn plug(&self, direction: Direction, id: &str, is_default: bool) {
        let mut state = self.state();
        if is_default {
            state.devices.iter_mut().filter(|device| device.direction == direction).for_each(|device| device.is_default = false);
        }
        state.devices.push(DeviceInfo { id: id.to_owned(), name: id.to_owned(), direction, is_default });
    }

    pub(in crate::audio) fn pull(&self, id: &str) {
        let mut state = self.state();
        state.devices.retain(|device| device.id != id);
        for (_, open, end) in &state.open {
            if open == id {
                match end {
                    End::Input(inlet) => inlet.pulse().set_broken(),
                    End::Output(outlet) => outlet.pulse().set_broken(),
                }
            }
        }
    }

    pub(in crate::audio) fn set_silent(&self, id: &str, silent: bool) {
        set(&mut self.state().silent, id, silent);
    }

    pub(in crate::audio) fn set_busy(&self, id: &str, busy: bool) {
        set(&mut self.state().busy, id, busy);
    }

    /// Has a loudspeaker run dry unless its period is at least so long.
    pub(in crate::audio) fn set_dry(&self, id: &str, below: Duration) {
        self.state().dry.push((id.to_owned(), below));
    }

    /// What the loudspeaker was last opened with.
    pub(in crate::audio) fn period(&self) -> Duration {
        self.state().period
    }

    /// The callbacks of a tenth of a second, of each open device that is not silent.
    pub(in crate::audio) fn beat(&self) {
        let state = &mut *self.state();
        for (_, id, end) in &mut state.open {
            if !state.silent.contains(id) {
                let is_dry = state.dry.iter().any(|(dry, below)| dry == id && state.period < *below);
                for _ in 0..if is_dry { 9 } else { 10 } {
                    match end {
                        End::Input(inlet) => inlet.record(&[0.0; 480], |sample: f32| sample),
                        End::Output(outlet) => outlet.play(&mut [0.0; 480], |sample| sample),
                    }
                }
            }
        }
    }

    /// What is open, in the order in which it was opened.
    pub(in crate::audio) fn open(&self) -> Vec<String> {
        self.state().open.iter().map(|(_, id, _)| id.clone()).collect()
    }

    /// How often a device was opened so far.
    pub(in crate::audio) fn opened(&self) -> u64 {
        self.state().opened
    }

    fn find(&self, which: &DeviceChoice, direction: Direction) -> Result<String, SoundError> {
        let state = self.state();
        let found = state.devices.iter().filter(|device| device.direction == direction).find(|device| match which {
            DeviceChoice::Default => device.is_default,
            DeviceChoice::Named(id) => device.id == *id,
        });
        let what = direction.noun();
        let id = found.ok_or(SoundError::NoDevice { what })?.id.clone();
        if state.busy.contains(&id) {
            return Err(SoundError::DeviceFailed { what, reason: "busy".to_owned() });
        }
        Ok(id)
    }

    fn hold(&self, id: &str, end: End) -> Guard {
        let mut state = self.state();
        state.opened += 1;
        let number = state.opened;
        state.open.push((number, id.to_owned(), end));
        Guard { of: self.clone(), number }
    }
}

fn set(ids: &mut Vec<String>, id: &str, is_in: bool) {
    ids.retain(|other| other != id);
    if is_in {
        ids.push(id.to_owned());
    }
}

impl Host for Pretend {
    fn list(&self) -> Result<Vec<DeviceInfo>, SoundError> {
        Ok(self.state().devices.clone())
    }

    fn open_input(&self, which: &DeviceChoice, worker: Thread) -> Result<(Stream, Feed), SoundError> {
        let id = self.find(which, Direction::Input)?;
        let (inlet, feed) = ring::input(48_000, 1, worker);
        let guard = self.hold(&id, End::Input(inlet));
        Ok((Stream::new(id.clone(), Some(id), Arc::clone(&feed.pulse), guard), feed))
    }

    fn open_output(&self, which: &DeviceChoice, period: Duration, worker: Thread) -> Result<(Stream, Drain), SoundError> {
        let id = self.find(which, Direction::Output)?;
        self.state().period = period;
        let (outlet, drain) = ring::output(48_000, 1, worker);
        let guard = self.hold(&id, End::Output(outlet));
        Ok((Stream::new(id.clone(), Some(id), Arc::clone(&drain.pulse), guard), drain))
    }

    fn lengthens(&self) -> bool {
        true
    }
}
