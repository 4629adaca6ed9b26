//! Taking in what mailboxes hold for this device. A node is told that a frame is here only behind the commit that keeps what was in it:
//! the ratchet has moved on by then, so nobody could open it a second time.

use super::Core;
use super::feed::DIRECT_FIRST;
use crate::core::sessions::NotOpened;
use crate::core::timers::Timer;
use crate::identity::device::PrekeyInfo;
use crate::ids::{AccountId, DeviceId, LinkId, QueueName, SpaceId};
use crate::mailbox::seal::open_mail;
use crate::wire::link::{Note, Payload, SealedFrame};
use crate::wire::mailbox::Held;
use std::time::Duration;

/// How often somebody is asked to put again what is missing here, and how often it is put again for somebody who asks: a whole queue
/// each time.
pub(super) const LACK_EVERY: Duration = Duration::from_secs(600);
/// Wait before a note says how far this device is: what waits in a queue comes within moments.
const NOTE_AFTER: Duration = Duration::from_secs(2);

impl Core {
    /// A frame that waited. However useless it is, it is taken, or it would come for ever.
    pub(super) fn on_held(&mut self, id: LinkId, held: &Held) {
        let Some(line) = self.mail.lines.get(&id) else { return };
        let node = line.peer;
        let Ok(read) = QueueName::from_slice(&held.queue) else { return self.refuse("mailbox_garbage") };
        let found = self
            .mail
            .own
            .iter()
            .find_map(|(account, own)| own.queues.iter().find(|q| q.read == read && q.node == node).map(|q| (*account, q.frame_key)));
        let Some((account, key)) = found else { return self.refuse("mail_of_no_queue") };
        match open_mail(&key, &held.frame) {
            Ok(mail) => match (DeviceId::from_slice(&mail.from), mail.sealed) {
                (Ok(device), Some(sealed)) => self.on_mail(account, device, &sealed),
                _ => self.refuse("mail_garbage"),
            },
            Err(_) => self.refuse("mail_garbage"),
        }
        self.took(id, read, held.n);
    }

    fn on_mail(&mut self, account: AccountId, device: DeviceId, sealed: &SealedFrame) {
        match self.open_from(account, device, sealed) {
            Ok((inner, wants_answer)) => {
                match inner.m {
                    Some(Payload::Batch(batch)) => match SpaceId::from_slice(&inner.space) {
                        Ok(space) => {
                            let link = self.link_of(device);
                            self.on_batch(link, account, space, batch.entries);
                            self.owe_note(device, true);
                        }
                        Err(_) => self.refuse("inner_unfit"),
                    },
                    Some(Payload::Accept(accept)) => self.on_accept(self.link_of(device), account, device, accept),
                    Some(Payload::Note(note)) => self.on_note(account, device, note),
                    Some(Payload::Request(_)) => self.refuse("inner_unexpected"),
                    None => {}
                }
                if wants_answer {
                    self.owe_note(device, false);
                }
            }
            Err(NotOpened::Replay) => self.refuse("mail_replay"),
            Err(NotOpened::Unfit) => self.refuse("inner_unfit"),
            Err(NotOpened::Closed) => {
                self.refuse("mail_closed");
                if self.may_ask_session(device)
                    && let Some(feed) = self.mail.theirs.contains_key(&device).then(|| self.mail.feeds.entry(device).or_default())
                {
                    feed.closed = true;
                    self.timers.set_at_most(Timer::Mail(device), self.now.mono.after(NOTE_AFTER));
                }
            }
        }
    }

    /// A device is to be told how far this one is, unless it is connected and hears it there. `lasting`: also after a restart.
    fn owe_note(&mut self, device: DeviceId, lasting: bool) {
        if self.link_of(device).is_some() {
            return;
        }
        let Some(theirs) = self.mail.theirs.get_mut(&device) else { return };
        if lasting && !std::mem::replace(&mut theirs.owed, true) {
            self.mail.touched_theirs.insert(device);
        }
        self.mail.feeds.entry(device).or_default().fresh = true;
        self.timers.set_at_most(Timer::Mail(device), self.now.mono.after(NOTE_AFTER));
    }

    /// A yes of theirs came through the mailbox: they are told that it is here.
    pub(in crate::core) fn owe_stored(&mut self, device: DeviceId, request: &[u8]) {
        let Ok(request) = crate::ids::RequestId::from_slice(request) else { return };
        if let Some(theirs) = self.mail.theirs.get_mut(&device) {
            theirs.stored = Some(request);
            self.mail.touched_theirs.insert(device);
            self.timers.set_at_most(Timer::Mail(device), self.now.mono.after(NOTE_AFTER));
        }
    }

    fn on_note(&mut self, account: AccountId, device: DeviceId, note: Note) {
        for ack in &note.acks {
            self.on_ack(device, account, ack);
        }
        if let Some(keys) = &note.queues {
            self.learn_queues(account, device, keys);
        }
        if !note.stored.is_empty() {
            self.on_accept_stored(account, &note.stored);
        }
        if let Some(signed) = note.prekeys {
            match PrekeyInfo::verify(&signed) {
                Ok(info) if info.device == device => {
                    self.reset_session(device);
                    self.learn_bundle(account, signed, info);
                }
                _ => self.refuse("prekeys_unfit"),
            }
        }
        let now = self.now.mono;
        let feed = self.mail.feeds.entry(device).or_default();
        if note.lacks && feed.rewound.is_none_or(|at| now.since(at) >= LACK_EVERY) {
            feed.rewound = Some(now);
            self.rewind(device);
        }
        self.feed_resumes(device);
        self.timers.set_at_most(Timer::Mail(device), now);
    }

    /// A device is no longer connected: what it has not acknowledged is left for it, unless it is back in a moment.
    pub(in crate::core) fn feed_parted(&mut self, device: DeviceId) {
        if self.mail.theirs.contains_key(&device) {
            self.timers.set_at_most(Timer::Mail(device), self.now.mono.after(DIRECT_FIRST));
        }
    }
}
