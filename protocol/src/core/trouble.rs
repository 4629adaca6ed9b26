//! While the store does not take what was decided: nothing new comes in, and nobody is left without an answer.

use super::Core;
use super::command::CommandError;
use super::timers::Timer;
use crate::ids::{CmdId, ReadId};
use std::time::Duration;

/// Wait before a store that refused is asked again.
const RETRY_STORE: Duration = Duration::from_secs(5);

impl Core {
    /// Follows how the store is. While it does not take what was decided, nothing more is taken in from peers: they keep what is
    /// not acknowledged, and the person's own words are refused at once instead of being lost later. It is asked again until it
    /// does; what was offered is being written then, and what fails again begins this anew.
    pub(super) fn watch_store(&mut self) {
        let refuses = self.gate.trouble().is_some();
        if refuses {
            self.timers.set_at_most(Timer::RetryStore, self.now.mono.after(RETRY_STORE));
        }
        if refuses && !self.halted {
            self.halted = true;
            self.refuse_readers();
            for id in self.links.keys().copied().chain(self.mail.links()) {
                self.gate.close_now(id);
            }
            self.network_changed();
        } else if !refuses && self.halted && self.gate.backlog() == 0 {
            self.halted = false;
            self.network_changed();
            self.dial_operators_anew();
            self.dial_everybody();
        }
    }

    /// Refuses the commands that wait for a read: it waits for what the store does not take.
    fn refuse_readers(&mut self) {
        let why = self.gate.trouble().unwrap_or_default().to_owned();
        let waiting: Vec<(ReadId, CmdId)> = self.reads.iter().filter_map(|(id, what)| Some((*id, what.command()?))).collect();
        for (id, cmd) in waiting {
            self.reads.remove(&id);
            self.gate.refuse_now(cmd, CommandError::NotStored(why.clone()));
        }
    }
}
