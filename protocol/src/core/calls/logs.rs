//! What is written down of own calls: a row while a call goes on and until its entry is in the conversation. Row and entry change in one
//! commit, so each call has its entry once, also if this machine fails at any moment.

use super::super::Core;
use super::super::command::CommandError;
use super::super::rows::{self, CallRow};
use super::super::timers::Timer;
use crate::call::Record;
use crate::ids::{AccountId, CallId};
use crate::store::{Key, Table, Write};
use crate::time::UnixMs;
use crate::view::CallOutcome;
use crate::wire::codec;
use std::collections::BTreeMap;
use std::time::Duration;

/// Begins the scope of the rows, beside other obligations.
const SCOPE: &[u8] = b"call";
/// Wait before an entry that could not be written is tried again: until a clock is set, or a history is whole.
const RETRY: Duration = Duration::from_secs(60);

/// Own calls that are over and whose entries are not written.
pub(super) type Logs = BTreeMap<CallId, (Record, CallOutcome)>;

fn scope(id: CallId) -> Vec<u8> {
    [SCOPE, id.as_bytes()].concat()
}

impl Core {
    /// Reads back a call whose entry was not written.
    pub(in super::super) fn load_call(&mut self, row: &CallRow) -> Option<()> {
        // A row of another installation came with a backup: that one writes its entries itself.
        if self.me.as_ref().is_some_and(|me| row.device != me.device_id().as_bytes()) {
            return Some(());
        }
        let record = Record {
            call: CallId::from_slice(&row.call).ok()?,
            account: AccountId::from_slice(&row.account).ok()?,
            started: UnixMs(row.started_ms),
            taken: row.taken,
            talked_ms: row.talked.then_some(row.talked_ms),
        };
        // Without an outcome it went on when this machine failed.
        let outcome = rows::outcome_of(row.outcome).unwrap_or_else(|| record.outcome());
        self.calls.logs.insert(record.call, (record, outcome));
        Some(())
    }

    fn put_call(&mut self, record: &Record, outcome: Option<CallOutcome>) {
        let Some(me) = &self.me else { return };
        let row = CallRow {
            call: record.call.to_vec(),
            device: me.device_id().to_vec(),
            account: record.account.to_vec(),
            started_ms: record.started.0,
            taken: record.taken,
            talked: record.talked_ms.is_some(),
            talked_ms: record.talked_ms.unwrap_or(0),
            outcome: rows::outcome_number(outcome),
        };
        self.gate.write(rows::put(Table::Outbox, scope(record.call), &row));
    }

    /// Writes down how a call stands.
    pub(super) fn keep_call(&mut self, record: Record) {
        self.put_call(&record, None);
    }

    /// A call left no trace.
    pub(super) fn forget_call(&mut self, id: CallId) {
        self.calls.logs.remove(&id);
        self.gate.write(Write::Delete(Key::single(Table::Outbox, scope(id))));
    }

    /// A call is over.
    pub(super) fn log_call(&mut self, record: Record, outcome: CallOutcome) {
        self.calls.logs.insert(record.call, (record, outcome));
        self.settle_call(record.call);
    }

    /// Writes the entries that are owed.
    pub(in super::super) fn settle_calls(&mut self) {
        for id in self.calls.logs.keys().copied().collect::<Vec<_>>() {
            self.settle_call(id);
        }
    }

    fn settle_call(&mut self, id: CallId) {
        let Some((record, outcome)) = self.calls.logs.get(&id).copied() else { return };
        let (kind, log) = record.entry(outcome);
        let written = match self.chat_with(record.account) {
            Some(space) => self.write(space, kind, codec::encode(&log)).map(|_| ()),
            None => Err(CommandError::UnknownChat),
        };
        match written {
            Ok(()) => self.forget_call(id),
            Err(CommandError::ClockWrong | CommandError::HistoryIncomplete | CommandError::Busy) => {
                self.put_call(&record, Some(outcome));
                self.timers.set_at_most(Timer::CallLogs, self.now.mono.after(RETRY));
            }
            // Nobody is there to read it.
            Err(_) => self.forget_call(id),
        }
    }
}
