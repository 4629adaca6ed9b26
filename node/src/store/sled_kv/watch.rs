//! A watch over calls that may wait for a signal that was lost.
//!
//! When a write that completes a reservation fails, sled 0.34.7 notes the error and wakes nobody (`exit_reservation` in its logger.rs), so a
//! flush that waits for that write may wait for ever; its own flusher ends on the same error without a word. Any other flush finds
//! the noted error at once and wakes all who wait. So a flush that takes too long is helped by a second one, from here.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often calls are looked at. A wake-up each second costs nothing that the engine's own flusher does not cost twice.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The watch, with a thread of its own until it is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    end: Condvar,
}

#[derive(Default)]
struct State {
    started: Option<Instant>,
    ended: bool,
}

impl Watch {
    /// Calls `help` when a call has not come back for `patience`, and again each second while it does not.
    pub fn new(patience: Duration, help: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let watching = Arc::clone(&shared);
        let every = LOOK_EVERY.min(patience);
        let thread = thread::Builder::new().name("store watch".into()).spawn(move || {
            loop {
                let state = watching.lock();
                let (state, _) =
                    watching.end.wait_timeout_while(state, every, |state| !state.ended).unwrap_or_else(PoisonError::into_inner);
                if state.ended {
                    return;
                }
                let late = state.started.is_some_and(|started| started.elapsed() >= patience);
                drop(state);
                if late {
                    help();
                }
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Runs a call under the watch. Calls that overlap are watched as one.
    pub fn over<T>(&self, call: impl FnOnce() -> T) -> T {
        self.shared.lock().started = Some(Instant::now());
        let result = call();
        self.shared.lock().started = None;
        result
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.end.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the helper was its own affair.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_call_that_waits_for_a_lost_signal_is_helped() {
        let (signal, lost) = sync_channel(8);
        let watch = Watch::new(Duration::from_millis(20), move || {
            let _ = signal.try_send(());
        })
        .unwrap();
        assert_eq!(watch.over(|| 1), 1);
        assert!(lost.try_recv().is_err(), "a quick call needs no help");
        assert_eq!(watch.over(|| lost.recv_timeout(Duration::from_secs(10))), Ok(()));
        thread::sleep(Duration::from_millis(5));
        drop(watch);
        assert!(lost.iter().count() <= 1, "nobody is helped who does not wait");
    }
}
