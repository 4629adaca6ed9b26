//! Why something is not delivered, in words.

use super::Core;
use super::command::{CommandError, Finding, Reply};
use crate::ids::{AccountId, CmdId};
use crate::view::Relation;

impl Core {
    pub(super) fn diagnose(&mut self, cmd: CmdId, account: AccountId) {
        let answer = self.findings(account).map(Reply::Diagnosis);
        self.gate.reply(cmd, answer);
    }

    fn findings(&self, account: AccountId) -> Result<Vec<Finding>, CommandError> {
        let person = self.people.get(&account).ok_or(CommandError::UnknownPerson)?;
        let mut found = Vec::new();
        let mut say = |kind: &str, text: &str| found.push(Finding { kind: kind.to_owned(), text: text.to_owned() });
        if self.gate.trouble().is_some() {
            say("storage", "This computer's disk does not take new messages. Free some space; sending goes on by itself.");
        }
        if self.clock_off.is_some() {
            say("clock", "The clock of this computer differs by more than ten minutes from those of others. Set it right.");
        }
        if self.clone_seen {
            say("duplicated", "A copy of this profile is running elsewhere. Close one of the two, and link it as a device of its own.");
        }
        match person.relation {
            Relation::Blocked => say("blocked", "You blocked this person. Nothing is exchanged until you unblock them."),
            Relation::Gone => say("gone", "This person deleted their account."),
            Relation::Asking => say("asking", "They asked to become your contact. Accept the request to write to each other."),
            Relation::Requested => match &person.request {
                Some(r) if r.delivered => say("requested", "Your request has reached them. They have not answered it yet."),
                _ if person.hints.is_empty() => {
                    say(
                        "no_address",
                        "Your request has not reached them: no address of theirs is known. Ask for their contact link, or be on the same network.",
                    );
                }
                _ => say("request_waiting", "Your request has not reached them yet. It is tried again whenever they can be found."),
            },
            Relation::Contact => {}
        }
        if person.relation == Relation::Contact {
            let chat = self.chat_with(account).and_then(|id| self.chats.get(&id));
            let waiting = chat.map_or(0, |c| self.undelivered(c));
            match (self.is_online(account), waiting) {
                (true, 0) => say("delivered", "They are connected, and everything you wrote has reached them."),
                (true, _) => say("delivering", "They are connected, and your messages are on their way."),
                (false, n) => {
                    let hint = match (person.hints.is_empty(), self.listening.is_empty()) {
                        (_, true) => "This computer has no network connection.",
                        (true, _) if self.operators.none_known() && !self.cfg.lan_only => {
                            "No address of theirs is known, and no meeting point is set where they could be found. Add an operator's node on the network page, or ask for their contact link."
                        }
                        (true, _) => "No address of theirs is known. They can send you their contact link again.",
                        (false, _) => "They are not running Veche now, or a firewall stands between you.",
                    };
                    let away = chat.map_or(n, |c| n.min(self.unheld(c)));
                    let (kind, text) = match (n, away) {
                        (0, _) => ("offline", format!("They are offline, and everything you wrote has reached them. {hint}")),
                        (n, 0) => (
                            "held",
                            format!(
                                "They are offline. Messages that wait for them in a mailbox: {n}. They get them when they are back, whether you are online or not."
                            ),
                        ),
                        (n, _) => (
                            "waiting",
                            format!(
                                "They are offline. Messages not delivered yet: {n}. They go out as soon as you are both online. {hint}"
                            ),
                        ),
                    };
                    say(kind, &text);
                }
            }
        }
        Ok(found)
    }
}
