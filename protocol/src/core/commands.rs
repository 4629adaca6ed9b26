//! Commands of the person or program in front of this node, each sent where it belongs.

use super::command::{Command, CommandError, Reply};
use super::effect::Effect;
use super::job::Job;
use super::timers::Timer;
use super::{Core, JobFor};
use crate::identity::link::ContactLink;
use crate::identity::safety::SafetyNumber;
use crate::ids::{AccountId, CmdId};
use crate::link::Hint;
use crate::view::Settings;

/// Computations under way; a person cannot click faster than this.
const JOBS: usize = 256;

/// A call goes on while the disk refuses, and so does what a person wants of it.
fn is_about_sound(command: &Command) -> bool {
    matches!(
        command,
        Command::CallAccept { .. }
            | Command::CallDecline { .. }
            | Command::CallHangup { .. }
            | Command::CallSet { .. }
            | Command::CallVolume { .. }
    )
}

impl Core {
    pub(super) fn on_command(&mut self, cmd: CmdId, command: Command) {
        let without_account = matches!(
            command,
            Command::CreateAccount { .. }
                | Command::RestoreAccount { .. }
                | Command::SetSettings(_)
                | Command::AddOperators(_)
                | Command::RemoveOperator(_)
        );
        if self.me.is_none() && !without_account {
            return self.gate.reply(cmd, Err(CommandError::NoAccount));
        }
        // Questions too: what they would be answered with is not on disk yet, and the answer could only wait.
        if let Some(why) = self.gate.trouble().filter(|_| !is_about_sound(&command)) {
            let error = CommandError::NotStored(why.to_owned());
            return self.gate.refuse_now(cmd, error);
        }
        match command {
            Command::CreateAccount { login, name, entropy } => self.create_account(cmd, &login, &name, entropy, false),
            Command::RestoreAccount { entropy, login, name } => self.create_account(cmd, &login, &name, entropy, true),
            Command::UpdateProfile(patch) => self.update_profile(cmd, patch),
            Command::ConfirmWords => self.confirm_words(cmd),
            Command::DeleteAccount => self.delete_account(cmd),
            Command::RequestContact { target, text } => self.request_contact(cmd, target, &text),
            Command::AcceptRequest(account) => self.accept_request(cmd, account),
            Command::DeclineRequest(account) => self.decline_request(cmd, account),
            Command::Block(account) => self.block(cmd, account),
            Command::Unblock(account) => self.unblock(cmd, account),
            Command::RenameContact(account, name) => self.rename_contact(cmd, account, &name),
            Command::VerifyContact(account, number) => self.safety(cmd, account, Some(number)),
            Command::SafetyNumber(account) => self.safety(cmd, account, None),
            Command::ContactLink => self.contact_link(cmd, false),
            Command::RenewContactLink => self.contact_link(cmd, true),
            Command::InspectLink(link) => self.inspect_link(cmd, &link),
            Command::OpenChat(account) => {
                let chat = self.chat_with(account).ok_or(match self.people.get(&account) {
                    Some(_) => CommandError::NotContact,
                    None => CommandError::UnknownPerson,
                });
                self.gate.reply(cmd, chat.map(Reply::Chat));
            }
            Command::Send { chat, text, reply_to } => self.send_text(cmd, chat, &text, reply_to),
            Command::Edit { chat, message, text } => self.edit(cmd, chat, message, &text),
            Command::Delete { chat, message } => self.delete(cmd, chat, message),
            Command::React { chat, message, emoji, on } => self.react(cmd, chat, message, &emoji, on),
            Command::MarkRead(chat, up_to) => self.mark_read(cmd, chat, up_to),
            Command::Typing(chat) => self.say_typing(cmd, chat),
            Command::Draft(chat, text) => self.keep_draft(cmd, chat, text),
            Command::Mute(chat, on) => self.mute(cmd, chat, on),
            Command::SetSettings(settings) => self.set_settings(cmd, settings),
            Command::AddPeer(hints) => self.add_peer(cmd, &hints),
            Command::AddOperators(hints) => self.add_operators(cmd, &hints),
            Command::RemoveOperator(peer) => self.remove_operator(cmd, peer),
            Command::Lookup { login, tag } => self.lookup(cmd, &login, tag.as_deref()),
            Command::Diagnose(account) => self.diagnose(cmd, account),
            Command::CallStart { account } => self.start_call(cmd, account),
            Command::CallAccept { .. }
            | Command::CallDecline { .. }
            | Command::CallHangup { .. }
            | Command::CallSet { .. }
            | Command::CallVolume { .. } => self.on_call_command(cmd, &command),
        }
    }

    fn inspect_link(&mut self, cmd: CmdId, link: &str) {
        let result = match ContactLink::parse(link) {
            Ok(link) => Ok(Reply::LinkInfo {
                account: link.account,
                own: self.me.as_ref().is_some_and(|me| me.account == link.account),
                login: link.login,
            }),
            Err(e) => Err(CommandError::Invalid { field: "link", why: e.to_string() }),
        };
        self.gate.reply(cmd, result);
    }

    fn safety(&mut self, cmd: CmdId, account: AccountId, said: Option<String>) {
        let Some(me) = &self.me else { return };
        let own = me.account;
        if !self.people.contains_key(&account) {
            return self.gate.reply(cmd, Err(CommandError::UnknownPerson));
        }
        if self.jobs.len() >= JOBS {
            return self.gate.reply(cmd, Err(CommandError::Busy));
        }
        let id = self.job(JobFor::Safety(cmd, account, said));
        self.gate.inward(Effect::Offload { id, job: Job::Safety(own, account) });
    }

    pub(super) fn on_safety(&mut self, cmd: CmdId, account: AccountId, said: Option<String>, number: String) {
        let Some(said) = said else {
            return self.gate.reply(cmd, Ok(Reply::SafetyNumber(number)));
        };
        let same = SafetyNumber::parse(&said).is_ok_and(|said| said.to_string() == number);
        if same && let Some(person) = self.people.get_mut(&account) {
            person.verified = true;
            person.devices_changed = false;
            self.person_changed(account);
        }
        self.gate.reply(cmd, Ok(Reply::Verified(same)));
    }

    fn set_settings(&mut self, cmd: CmdId, settings: Settings) {
        let seen_before = self.visible();
        if !matches!(settings.language.as_str(), "" | "en" | "ru") {
            let why = "only en and ru are spoken here, or nothing to follow the system".to_owned();
            return self.gate.reply(cmd, Err(CommandError::Invalid { field: "language", why }));
        }
        if let Err((field, why)) = settings.sound.check() {
            return self.gate.reply(cmd, Err(CommandError::Invalid { field, why }));
        }
        self.settings = settings;
        self.touched.settings = true;
        self.dirty = true;
        self.publish_soon();
        if seen_before != self.visible() {
            self.visibility_changed();
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    fn add_peer(&mut self, cmd: CmdId, hints: &[Hint]) {
        for hint in hints {
            self.gate.inward(Effect::Dial { peer: Some(hint.peer), addrs: vec![hint.addr] });
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    pub(super) fn retry_request(&mut self, account: AccountId) {
        let mut free = true;
        for link in self.links.values_mut() {
            free &= link.inbox.give_up(account);
        }
        if free {
            self.pursue_request(account);
        } else {
            self.timers.set(Timer::Request(account), self.now.mono.after(super::inbox::RETRY));
        }
    }
}
