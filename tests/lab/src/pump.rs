//! Carries frames between two network devices (TAP) in two network namespaces, over a [`Wire`] in each direction. The kernel's own
//! `netem` is missing in many kernels; this needs only `/dev/net/tun`.
//!
//! A device is made where the test is and then moved into its namespace; the file descriptor stays.

use crate::wire::{Conditions, LONGEST_FRAME, Tally, Wire};
use crate::world::run;
use anyhow::{Context, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tun_rs::{DeviceBuilder, Layer, SyncDevice};

/// Frames taken from one device before looking at the other and at the clock.
const BATCH: usize = 64;
/// Longest sleep, against rounding and as a heartbeat.
const SLEEP: Duration = Duration::from_secs(1);

/// Which way frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the first host to the second.
    There,
    /// From the second to the first.
    Back,
}

/// A running pump. Stops when dropped; its devices vanish with it.
pub struct Pump {
    wires: Arc<Mutex<[Wire; 2]>>,
    /// Written to once, to stop.
    stop: Arc<OwnedFd>,
    pumping: Option<JoinHandle<()>>,
}

impl Pump {
    /// Makes two devices, each given as namespace and name, and begins to carry frames between them, unharmed for now. The devices are
    /// up and have no addresses.
    ///
    /// # Errors
    /// The system refuses.
    pub fn between(ends: [(&str, &str); 2], seed: u64) -> Result<Self> {
        let [one, other] = ends;
        let taps = [tap(one.0, one.1)?, tap(other.0, other.1)?];
        // Two directions have nothing in common but the seed.
        let wires = Arc::new(Mutex::new([Wire::new(seed), Wire::new(!seed)]));
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).context("no eventfd")?);
        let pumping = thread::Builder::new().name("pump".to_owned()).spawn({
            let (wires, stop) = (Arc::clone(&wires), Arc::clone(&stop));
            move || Carrier { taps, wires, begun: Instant::now() }.run(&stop)
        })?;
        Ok(Self { wires, stop, pumping: Some(pumping) })
    }

    /// Changes both directions, for frames that come from now on.
    pub fn set(&self, conditions: &Conditions) {
        self.set_one(Way::There, conditions);
        self.set_one(Way::Back, conditions);
    }

    /// Changes one direction.
    pub fn set_one(&self, way: Way, conditions: &Conditions) {
        lock(&self.wires)[way as usize].set(conditions.clone());
    }

    /// What has happened to the frames of one direction so far.
    #[must_use]
    pub fn tally(&self, way: Way) -> Tally {
        lock(&self.wires)[way as usize].tally()
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(pumping) = self.pumping.take() {
            let _ = pumping.join();
        }
    }
}

/// Why this machine has no such devices, if it has none.
#[must_use]
pub fn missing() -> Option<String> {
    let opened = std::fs::File::options().read(true).write(true).open("/dev/net/tun");
    opened.err().map(|why| format!("/dev/net/tun cannot be opened: {why}"))
}

fn lock(wires: &Mutex<[Wire; 2]>) -> MutexGuard<'_, [Wire; 2]> {
    wires.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tap(namespace: &str, device: &str) -> Result<SyncDevice> {
    let tap = DeviceBuilder::new().layer(Layer::L2).name(device).enable(false).build_sync();
    let tap = tap.with_context(|| format!("the device {device} cannot be made"))?;
    tap.set_nonblocking(true)?;
    run("ip", &["link", "set", device, "netns", namespace])?;
    run("ip", &["-n", namespace, "link", "set", device, "up"])?;
    Ok(tap)
}

/// The thread's own.
struct Carrier {
    taps: [SyncDevice; 2],
    wires: Arc<Mutex<[Wire; 2]>>,
    begun: Instant,
}

impl Carrier {
    fn run(self, stop: &OwnedFd) {
        let mut buffer = [0; LONGEST_FRAME];
        let mut wait = Duration::ZERO;
        loop {
            let sleep = Timespec::try_from(wait).unwrap_or_default();
            let mut ready =
                [PollFd::new(&self.taps[0], PollFlags::IN), PollFd::new(&self.taps[1], PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
            match poll(&mut ready, Some(&sleep)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            if ready[2].revents().contains(PollFlags::IN) {
                return;
            }
            for (from, tap) in self.taps.iter().enumerate() {
                self.collect(tap, from, &mut buffer);
            }
            wait = self.deliver();
        }
    }

    /// Puts what came out of a device on the wire.
    fn collect(&self, tap: &SyncDevice, from: usize, buffer: &mut [u8]) {
        for _ in 0..BATCH {
            let Ok(length) = tap.recv(buffer) else { return };
            let frame = buffer.get(..length).unwrap_or_default();
            if let Some(wire) = lock(&self.wires).get_mut(from) {
                wire.put(self.begun.elapsed(), frame);
            }
        }
    }

    /// Hands over what is due. Returns the time until something is again.
    fn deliver(&self) -> Duration {
        let now = self.begun.elapsed();
        let mut next = SLEEP;
        for (from, to) in [(0, 1), (1, 0)] {
            loop {
                let (frame, departure) = {
                    let mut wires = lock(&self.wires);
                    let Some(wire) = wires.get_mut(from) else { break };
                    (wire.take(now), wire.next_departure())
                };
                let Some(frame) = frame else {
                    next = next.min(departure.map_or(SLEEP, |at| at.saturating_sub(now)));
                    break;
                };
                // A device that is down or has no room loses the frame, as a network card does.
                let _ = self.taps.get(to).map(|tap| tap.send(&frame));
            }
        }
        next.saturating_sub(self.begun.elapsed().saturating_sub(now))
    }
}
