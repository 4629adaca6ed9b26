//! Calls: how the machine of [`crate::call`] is wired to people, connections, the engine and the store.
//!
//! Words about calls go over proven connections, signed by this device. Only contacts may ring. What became of an own call is written
//! into the conversation, see [`logs`].

mod ice;
mod logs;
mod reach;

use super::Core;
use super::command::{Command, CommandError, Reply};
use super::effect::Effect;
use super::event::Event;
use super::people::Person;
use super::timers::Timer;
use crate::call::media::{MediaCmd, MediaEvent, VOLUME};
use crate::call::{Board, Out, Rings, Speaker};
use crate::crypto::{labels, sign};
use crate::ids::{AccountId, CallId, CmdId, DeviceId, LinkId};
use crate::limits;
use crate::time::UnixMs;
use crate::view::{CallEnd, CallView, Relation, Status};
use crate::wire::call::{CallMsg, SignedCall};
use crate::wire::codec;
use crate::wire::link::LinkMsg;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Calls of this device, and what waits for them.
#[derive(Debug, Default)]
pub(super) struct Calls {
    board: Option<Board>,
    /// Answered when somebody is being called.
    starting: BTreeMap<CallId, CmdId>,
    logs: logs::Logs,
    reach: reach::Reach,
}

impl Core {
    /// The account is there: calls may begin.
    pub(super) fn begin_calls(&mut self) {
        let Some(me) = &self.me else { return };
        self.calls.board = Some(Board::new(me.device_id()));
    }

    /// A wish about a call that is there. It is granted whatever the disk does: a microphone stops at once.
    pub(super) fn on_call_command(&mut self, cmd: CmdId, command: &Command) {
        let now = self.now;
        let Some(board) = &mut self.calls.board else {
            return self.gate.answer_now(cmd, Err(CommandError::NoAccount));
        };
        let there = match *command {
            Command::CallAccept { call } => board.accept(now, call),
            Command::CallDecline { call } => board.decline(now, call),
            Command::CallHangup { call } => board.hang_up(now, call),
            Command::CallSet { call, mic, deafen } => board.set(now, call, mic, deafen),
            Command::CallVolume { percent, .. } if percent > VOLUME => {
                let why = format!("{VOLUME} is the loudest");
                return self.gate.answer_now(cmd, Err(CommandError::Invalid { field: "percent", why }));
            }
            Command::CallVolume { call, percent } => board.volume(call, percent),
            _ => false,
        };
        self.dirty = true;
        self.gate.answer_now(cmd, if there { Ok(Reply::Done) } else { Err(CommandError::UnknownCall) });
    }

    /// Calls somebody.
    pub(super) fn start_call(&mut self, cmd: CmdId, account: AccountId) {
        match self.may_call(account) {
            Err(why) => self.gate.reply(cmd, Err(why)),
            Ok(Some(call)) => self.gate.reply(cmd, Ok(Reply::Call(call))),
            Ok(None) => {
                let id = CallId(self.dice.bytes());
                let devices: Vec<DeviceId> = self.auths(account).map(|(_, auth)| auth.device).collect();
                let now = self.now;
                let Some(board) = &mut self.calls.board else { return };
                self.calls.starting.insert(id, cmd);
                board.start(now, id, account, &devices);
                self.dirty = true;
                self.seek_called(account);
            }
        }
    }

    /// The call with somebody that there is already, or nothing if a new one may begin.
    fn may_call(&mut self, account: AccountId) -> Result<Option<CallId>, CommandError> {
        if self.me.as_ref().is_some_and(|me| me.account == account) {
            return Err(CommandError::Yourself);
        }
        match self.people.get(&account).map(|p| p.relation) {
            Some(Relation::Contact) => {}
            Some(Relation::Blocked) => return Err(CommandError::Blocked),
            Some(_) => return Err(CommandError::NotContact),
            None => return Err(CommandError::UnknownPerson),
        }
        if self.clone_seen || !self.is_listed() {
            return Err(CommandError::DeviceRetired);
        }
        let now = self.now;
        let Some(board) = &mut self.calls.board else { return Err(CommandError::NoAccount) };
        if let Some(call) = board.with(account) {
            // Who calls somebody who calls just now takes their call.
            board.accept(now, call);
            return Ok(Some(call));
        }
        if board.is_joined() { Err(CommandError::InCall) } else { Ok(None) }
    }

    /// A device says something about a call.
    pub(super) fn on_call(&mut self, id: LinkId, account: AccountId, device: DeviceId, signed: &SignedCall) {
        if !self.people.get(&account).is_some_and(Person::is_contact) {
            return self.refuse("call_of_stranger");
        }
        if sign::verify(&device.0, labels::CALL, &signed.payload, &signed.sig).is_err() {
            return self.bad_frame(id, "call_signature");
        }
        let Ok(msg) = codec::decode::<CallMsg>(&signed.payload, limits::CALL_PAYLOAD) else {
            return self.bad_frame(id, "call_garbage");
        };
        let now = self.now;
        let Some(auth) = self.links.get(&id).and_then(|l| l.auth.as_ref()) else { return };
        let age = auth.clock.theirs(now).since(UnixMs(msg.sent_ms));
        let rings = match self.me.as_ref().map(|me| me.status) {
            Some(Status::Dnd) => Rings::No,
            Some(Status::Invisible) => Rings::Unsaid,
            _ => Rings::Aloud,
        };
        if let Some(board) = &mut self.calls.board {
            board.heard(now, Speaker { account, device, age, rings }, msg);
            self.dirty = true;
        }
    }

    pub(super) fn on_media(&mut self, event: MediaEvent) {
        let now = self.now;
        match &mut self.calls.board {
            Some(board) => {
                board.media(now, event);
                self.dirty = true;
            }
            None => self.refuse("media_unasked"),
        }
    }

    /// A device is connected, maybe anew.
    pub(super) fn call_device_up(&mut self, account: AccountId, device: DeviceId) {
        let now = self.now;
        if let Some(board) = &mut self.calls.board {
            board.device_up(now, account, device);
        }
    }

    /// A connection of a device is over; it may have another.
    pub(super) fn call_device_down(&mut self, device: DeviceId) {
        let now = self.now;
        if self.link_of(device).is_none()
            && let Some(board) = &mut self.calls.board
        {
            board.device_down(now, device);
        }
    }

    pub(super) fn on_calls_due(&mut self) {
        let now = self.now;
        if let Some(board) = &mut self.calls.board {
            board.tick(now);
        }
    }

    /// This program, or the account, ends: so do its calls, and those they are with hear of it first.
    pub(super) fn stop_calls(&mut self) {
        let now = self.now;
        if let Some(board) = &mut self.calls.board {
            board.stop(now);
        }
        self.flush_calls();
    }

    /// Does what the machine came to in this turn.
    pub(super) fn flush_calls(&mut self) {
        let now = self.now;
        let Some(board) = &mut self.calls.board else { return };
        // Somebody was shut out, or took the device off their account.
        let gone = |a: &AccountId| !self.people.get(a).is_some_and(Person::is_contact);
        let strange = |a: &AccountId, d: DeviceId| !self.people.get(a).is_some_and(|p| p.has_device(d));
        let strangers = board.parties().into_iter().filter(|(a, d)| strange(a, *d)).map(|(a, _)| a);
        let parted: Vec<AccountId> = board.accounts().filter(gone).chain(strangers).collect();
        for account in parted {
            board.part(now, account);
        }
        while let Some(out) = self.calls.board.as_mut().and_then(Board::poll) {
            self.dirty = true;
            self.do_for_call(out);
        }
        match self.calls.board.as_ref().and_then(Board::next_due) {
            Some(at) => self.timers.set(Timer::Calls, at),
            None => self.timers.clear(Timer::Calls),
        }
    }

    fn do_for_call(&mut self, out: Out) {
        match out {
            Out::Say { to, msg } => self.say_of_call(to, &msg),
            Out::Open { leg, role, account } => {
                let ice = self.ice(account);
                self.gate.inward(Effect::Media(MediaCmd::Open { leg, role, ice }));
            }
            Out::Media(cmd) => self.gate.inward(Effect::Media(cmd)),
            Out::Incoming(id) => {
                if let Some(call) = self.calls.board.as_ref().and_then(|board| board.view(id)) {
                    self.gate.notify(Event::CallIncoming { call });
                }
            }
            Out::State { call, account, phase, ended } => {
                if let (Some(why), Some(cmd)) = (ended, ended.and_then(|_| self.calls.starting.remove(&call))) {
                    let answer = if why == CallEnd::NoEngine { Err(CommandError::NoEngine) } else { Ok(Reply::Call(call)) };
                    self.gate.reply(cmd, answer);
                }
                let reason = ended.map(|why| why.text().to_owned());
                self.gate.notify(Event::CallState { call_id: call, account_id: account, phase, ended, reason });
            }
            Out::Speaking { call, who, on } => {
                let Some(account_id) = who.or(self.me.as_ref().map(|me| me.account)) else { return };
                self.gate.notify(Event::CallSpeaking { call_id: call, account_id, on });
            }
            Out::Begun(id) => {
                if let Some(cmd) = self.calls.starting.remove(&id) {
                    self.gate.reply(cmd, Ok(Reply::Call(id)));
                }
                self.check_every_reach();
            }
            Out::Merged(from, into) => {
                if let Some(cmd) = self.calls.starting.remove(&from) {
                    self.gate.reply(cmd, Ok(Reply::Call(into)));
                }
            }
            Out::Keep(record) => self.keep_call(record),
            Out::Log(record, outcome) => self.log_call(record, outcome),
            Out::Forget(id) => self.forget_call(id),
            Out::Refused(why) => self.refuse(why),
        }
    }

    fn say_of_call(&mut self, to: DeviceId, msg: &CallMsg) {
        let (Some(id), Some(me)) = (self.link_of(to), &self.me) else { return };
        let payload = codec::encode(msg);
        let sig = me.device.sign(labels::CALL, &payload).to_vec();
        self.send_link(id, LinkMsg::Call(SignedCall { payload, sig }));
    }

    pub(super) fn call_views(&self) -> Vec<Arc<CallView>> {
        self.calls.board.iter().flat_map(Board::views).map(Arc::new).collect()
    }
}
