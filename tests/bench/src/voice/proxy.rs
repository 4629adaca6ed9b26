//! Carries the datagrams of a call on this machine over wires of [`veche_lab::wire`]: each end is told a port of this in the place of
//! the other's, so that nothing but what the wires let through gets from one to the other. Needs no rights.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use veche_lab::wire::{Conditions, Tally, Wire};

/// Headers of Ethernet, IPv4 and UDP: what a datagram is on a wire beyond its content.
const HEADERS: usize = 42;
/// The longest sleep, after which it is looked whether to end.
const SLEEP: Duration = Duration::from_millis(100);
/// Room for one datagram.
const LONGEST: usize = 2048;

/// A running proxy. Stops when dropped.
pub struct Proxy {
    shared: Arc<Shared>,
    ports: [u16; 2],
    running: Option<JoinHandle<()>>,
}

struct Shared {
    /// Where the two ends really are, once they said so.
    ends: Mutex<[Option<SocketAddr>; 2]>,
    /// From the first to the second, and back.
    wires: Mutex<[Wire; 2]>,
    stop: AtomicBool,
}

impl Proxy {
    /// Begins, on wires that only carry.
    ///
    /// # Errors
    /// The system gives no sockets, or no thread.
    pub fn new(seed: u64) -> Result<Self> {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no socket");
        // The first stands for the first end: whatever comes to it is meant for that, and comes from the second.
        let sockets = [bind()?, bind()?];
        let ports = [sockets[0].local_addr()?.port(), sockets[1].local_addr()?.port()];
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        let wires = Mutex::new([Wire::new(seed), Wire::new(!seed)]);
        let shared = Arc::new(Shared { ends: Mutex::default(), wires, stop: AtomicBool::new(false) });
        let running = thread::Builder::new().name("proxy".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || carry(&sockets, &shared)
        })?;
        Ok(Self { shared, ports, running: Some(running) })
    }

    /// Changes both directions, for datagrams that come from now on.
    pub fn set(&self, conditions: &Conditions) {
        let mut wires = self.shared.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.iter_mut().for_each(|wire| wire.set(conditions.clone()));
    }

    /// What happened to datagrams from the first end to the second so far.
    pub fn tally(&self) -> Tally {
        self.shared.wires.lock().unwrap_or_else(PoisonError::into_inner)[0].tally()
    }

    /// Takes the place of an end in one of its `candidate:` lines. What cannot be read stays as it is.
    pub fn stand_for(&self, end: usize, line: &str) -> String {
        let mut words: Vec<&str> = line.split(' ').collect();
        let place = words.get(4).zip(words.get(5)).and_then(|(host, port)| format!("{host}:{port}").parse().ok());
        let (Some(address), Some(port)) = (place, self.ports.get(end).map(u16::to_string)) else { return line.to_owned() };
        if let Some(slot) = self.shared.ends.lock().unwrap_or_else(PoisonError::into_inner).get_mut(end) {
            *slot = Some(address);
        }
        words[5] = &port;
        words.join(" ")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            // Its only panic would have been seen as a call without sound.
            let _ = running.join();
        }
    }
}

fn carry(sockets: &[UdpSocket; 2], shared: &Shared) {
    let begun = Instant::now();
    let mut buffer = [0; HEADERS + LONGEST];
    while !shared.stop.load(Ordering::Relaxed) {
        let next = {
            let mut wires = shared.wires.lock().unwrap_or_else(PoisonError::into_inner);
            let ends = *shared.ends.lock().unwrap_or_else(PoisonError::into_inner);
            for (way, wire) in wires.iter_mut().enumerate() {
                let (from, to) = (&sockets[way], &sockets[1 - way]);
                while let Ok((length, _)) = to.recv_from(&mut buffer[HEADERS..]) {
                    wire.put(begun.elapsed(), &buffer[..HEADERS + length]);
                }
                while let Some(frame) = wire.take(begun.elapsed()) {
                    if let Some(end) = ends[1 - way] {
                        // An end that is gone hears nothing.
                        let _ = from.send_to(&frame[HEADERS..], end);
                    }
                }
            }
            wires.iter().filter_map(Wire::next_departure).min()
        };
        let rest = next.map_or(SLEEP, |next| next.saturating_sub(begun.elapsed()).min(SLEEP));
        let rest = Timespec { tv_sec: 0, tv_nsec: rest.as_nanos().min(999_999_999) as _ };
        // A signal only means to look again.
        let _ = poll(&mut [PollFd::new(&sockets[0], PollFlags::IN), PollFd::new(&sockets[1], PollFlags::IN)], Some(&rest));
    }
}
