//! What a person wants, done: the one place where intents change the model or become questions for the node.

use super::history::PAGE;
use super::intent::Intent;
use super::people;
use super::{Dialog, LookedUp, Model, Out, Page, Pending, Say, SettingsTab, TYPING_EVERY_MS, WordsStep};
use crate::bridge::{PageAt, Phase, Request};
use crate::command::UiCommand;
use veche_protocol::core::command::Command;
use veche_protocol::identity::login::Handle;
use veche_protocol::ids::{EntryId, SpaceId};
use veche_protocol::view::{Hlc, MessageBody, MessageView};

impl Model {
    /// Does what is wanted.
    pub fn apply(&mut self, intent: Intent) {
        match intent {
            Intent::Go(page) => self.go(page),
            Intent::GoSettings(tab) => self.go(Page::Settings(tab)),
            Intent::OpenPerson(account) => {
                self.dialog = None;
                match self.snap.person(account).and_then(|p| p.chat_id) {
                    Some(chat) => {
                        self.go(Page::Chat(chat));
                        // Also where it was open before: what is typed next is meant for it.
                        self.out.push(Out::FocusComposer);
                    }
                    None => match self.snap.person(account).map(|p| p.relation) {
                        Some(veche_protocol::view::Relation::Contact) => {
                            self.quiet(Command::OpenChat(account));
                            self.go(Page::Person(account));
                        }
                        _ => self.go(Page::Person(account)),
                    },
                }
            }
            Intent::Do(command) => self.command(command),
            Intent::ToggleCard => {
                self.card = !self.card;
                self.card_opened();
            }
            Intent::Ask(dialog) => self.ask_person(dialog),
            Intent::CloseDialog => self.close_dialog(),
            Intent::CloseToast(id) => self.toasts.retain(|t| t.id != id),
            Intent::HideWordsCard => self.words_later = true,

            Intent::CreateAccount { login, name, passphrase } => self.door(Request::CreateAccount { login, name, passphrase }),
            Intent::Restore { words, login, name } => self.door(Request::Restore { words, login, name, passphrase: None }),
            Intent::Unlock(secret) => self.door(Request::Unlock(secret)),
            Intent::ImportBackup(passphrase) => self.out.push(Out::ChooseFile { import: true, passphrase }),
            Intent::ExportBackup(passphrase) => {
                self.close_dialog();
                self.out.push(Out::ChooseFile { import: false, passphrase });
            }
            Intent::FileChosen { import: true, path, passphrase } => self.door(Request::Import { path, passphrase }),
            Intent::FileChosen { import: false, path, passphrase } => {
                self.ask(Pending::Tell("toast-exported"), Request::Export { path, passphrase });
            }

            Intent::Send { .. }
            | Intent::Reply(..)
            | Intent::Editing(..)
            | Intent::SaveEdit { .. }
            | Intent::Delete(..)
            | Intent::React { .. }
            | Intent::Typed(..)
            | Intent::Seen(_)
            | Intent::Older(..)
            | Intent::Newer(..)
            | Intent::Jump(..)
            | Intent::Present(_) => self.talk(intent),
            Intent::Search { chat, text } => self.look_for(chat, text),
            Intent::SearchOn => self.look_further(),
            Intent::OpenHit(chat, message) => {
                self.close_dialog();
                self.open_hit(chat, message);
            }

            Intent::Request { target, text } => self.form(Pending::Contact, Request::Command(Command::RequestContact { target, text })),
            Intent::Inspect(link) => self.form(Pending::Inspect(link.clone()), Request::Command(Command::InspectLink(link))),
            Intent::Lookup(text) => {
                self.found = LookedUp::default();
                match Handle::parse(&text) {
                    Ok(Handle { login, tag }) => {
                        self.found.asked = Some((login.to_string(), tag.clone()));
                        self.form(Pending::Lookup, Request::Command(Command::Lookup { login: login.to_string(), tag }));
                    }
                    Err(_) => self.problem = Some(Say::Key("add-bad")),
                }
            }
            Intent::Accept(account) => {
                self.quiet(Command::AcceptRequest(account));
                self.go(Page::Person(account));
            }
            Intent::Decline(account) => self.quiet(Command::DeclineRequest(account)),
            Intent::Block(account) => {
                self.close_dialog();
                self.tell("toast-blocked", Command::Block(account));
            }
            Intent::Unblock(account) => self.tell("toast-unblocked", Command::Unblock(account)),
            Intent::Rename(account, name) => {
                self.close_dialog();
                self.quiet(Command::RenameContact(account, name));
            }
            Intent::Verify(account, number) => {
                self.mismatch = false;
                self.ask(Pending::Verify, Request::Command(Command::VerifyContact(account, number)));
            }
            Intent::Mute(chat, on) => self.quiet(Command::Mute(chat, on)),
            Intent::Diagnose(account) => {
                self.findings = None;
                self.ask(Pending::Diagnosis(account), Request::Command(Command::Diagnose(account)));
            }

            Intent::Call(intent) => self.call_intent(intent),
            Intent::Sound(intent) => self.sound_intent(intent),

            Intent::Profile(patch) => self.tell("toast-saved", Command::UpdateProfile(patch)),
            Intent::Settings(settings) => self.quiet(Command::SetSettings(settings)),
            Intent::SetPassphrase { old, new } => self.form(Pending::Passphrase, Request::SetPassphrase { old, new }),
            Intent::ShowWords(secret) => {
                self.problem = None;
                self.dialog = Some(Dialog::Words(WordsStep::Asking));
                self.ask(Pending::Words, Request::RecoveryWords(secret));
            }
            Intent::ConfirmWords => {
                self.dialog = None;
                self.tell("toast-words", Command::ConfirmWords);
            }
            Intent::RenewLink => {
                self.my_link = None;
                self.ask(Pending::Link, Request::Command(Command::RenewContactLink));
            }
            Intent::AddPeer(address) => {
                self.ask(Pending::Tell("toast-dialling"), Request::AddPeer(address));
            }
            Intent::AddOperator(text) => {
                self.ask(Pending::Tell("toast-operator"), Request::AddOperator(text));
            }
            Intent::RemoveOperator(peer) => self.tell("toast-operator-gone", Command::RemoveOperator(peer)),
            Intent::DeleteAccount => {
                self.dialog = None;
                self.door(Request::DeleteAccount);
            }

            Intent::Copy(text) => {
                self.out.push(Out::Copy(text));
                self.toast(false, Say::Key("toast-copied"));
            }
            Intent::OpenUrl(url) => {
                self.dialog = None;
                if super::markup::safe_url(&url) {
                    self.out.push(Out::OpenUrl(url));
                }
            }
            Intent::OpenLink(link) => {
                if self.phase == Phase::Ready {
                    self.form(Pending::Inspect(link.clone()), Request::Command(Command::InspectLink(link)));
                } else {
                    self.link_waits = Some(link);
                }
            }
        }
    }

    pub(super) fn go(&mut self, page: Page) {
        if self.page == page {
            return;
        }
        self.store_drafts(true);
        if let Some(left) = self.open_chat().and_then(|chat| self.histories.get_mut(&chat)) {
            left.marker = None;
        }
        self.page = page;
        if page != Page::Settings(SettingsTab::Voice) {
            self.leave_sound();
        }
        self.problem = None;
        self.waiting = false;
        self.found = LookedUp::default();
        if !matches!(self.dialog, Some(Dialog::Link(_))) {
            self.dialog = None;
            self.stop_search();
        }
        match page {
            Page::Chat(chat) => {
                self.open_history(chat);
                self.card_opened();
                self.out.push(Out::FocusComposer);
            }
            Page::Add | Page::Welcome if self.my_link.is_none() && self.phase == Phase::Ready => {
                self.ask(Pending::Link, Request::Command(Command::ContactLink));
            }
            _ => {}
        }
    }

    fn card_opened(&mut self) {
        let Some(account) = self.open_person().map(|p| p.account_id) else { return };
        if self.card && !self.safety.contains_key(&account) {
            self.ask(Pending::Safety(account), Request::Command(Command::SafetyNumber(account)));
        }
    }

    fn ask_person(&mut self, dialog: Dialog) {
        self.problem = None;
        self.mismatch = false;
        match &dialog {
            Dialog::Verify(account) if !self.safety.contains_key(account) => {
                self.ask(Pending::Safety(*account), Request::Command(Command::SafetyNumber(*account)));
            }
            Dialog::MyLink if self.my_link.is_none() => {
                self.ask(Pending::Link, Request::Command(Command::ContactLink));
            }
            Dialog::Diagnosis(account) => {
                let account = *account;
                self.apply(Intent::Diagnose(account));
            }
            _ => {}
        }
        self.dialog = Some(dialog);
    }

    fn close_dialog(&mut self) {
        self.dialog = None;
        self.problem = None;
        self.mismatch = false;
        self.stop_search();
    }

    fn command(&mut self, command: UiCommand) {
        if self.phase != Phase::Ready {
            return;
        }
        match command {
            UiCommand::Switcher if self.dialog == Some(Dialog::Switcher) => self.close_dialog(),
            UiCommand::Switcher => self.ask_person(Dialog::Switcher),
            UiCommand::Search => {
                if let Some(chat) = self.open_chat() {
                    self.ask_person(Dialog::Search(Some(chat)));
                }
            }
            UiCommand::SearchAll => self.ask_person(Dialog::Search(None)),
            UiCommand::PreviousChat => self.step(-1, false),
            UiCommand::NextChat => self.step(1, false),
            UiCommand::PreviousUnread => self.step(-1, true),
            UiCommand::NextUnread => self.step(1, true),
            UiCommand::ToggleCard => self.apply(Intent::ToggleCard),
            UiCommand::Settings => self.go(Page::Settings(SettingsTab::Profile)),
            UiCommand::Shortcuts => self.ask_person(Dialog::Shortcuts),
            UiCommand::AddPerson => self.go(Page::Add),
            UiCommand::Present => {
                if let Some(chat) = self.open_chat() {
                    self.talk(Intent::Present(chat));
                }
            }
            UiCommand::Call => self.call_key(false),
            UiCommand::Answer => self.call_key(true),
            UiCommand::HangUp => self.hang_up_key(),
            UiCommand::Mic => self.mute_key(false),
            UiCommand::Deafen => self.mute_key(true),
            UiCommand::Escape => self.escape(),
        }
    }

    /// One step back from whatever is in front.
    fn escape(&mut self) {
        if self.dialog.is_some() {
            return self.close_dialog();
        }
        if matches!(self.page, Page::Settings(_)) {
            let back = self.shown.last().copied().filter(|c| self.snap.chat(*c).is_some());
            return self.go(back.map_or(Page::Welcome, Page::Chat));
        }
        let Some(chat) = self.open_chat() else { return };
        let Some(history) = self.histories.get_mut(&chat) else { return };
        if history.editing.take().is_some() {
            self.out.push(Out::Compose(chat, String::new()));
        } else if history.reply_to.take().is_none() {
            history.marker = None;
            self.talk(Intent::Present(chat));
        }
    }

    fn step(&mut self, step: isize, unread: bool) {
        if let Some(chat) = people::neighbour(&self.snap, self.open_chat(), step, unread) {
            self.go(Page::Chat(chat));
        }
    }

    fn talk(&mut self, intent: Intent) {
        match intent {
            Intent::Send { chat, text } => self.send(chat, &text),
            Intent::Reply(chat, message) => {
                if let Some(history) = self.histories.get_mut(&chat) {
                    history.reply_to = message;
                    history.editing = None;
                    self.out.push(Out::FocusComposer);
                }
            }
            Intent::Editing(chat, message) => self.edit(chat, message),
            Intent::SaveEdit { chat, message, text } => {
                let text = text.trim().to_owned();
                if let Some(history) = self.histories.get_mut(&chat) {
                    history.editing = None;
                }
                if !text.is_empty() {
                    self.quiet(Command::Edit { chat, message, text });
                }
            }
            Intent::Delete(chat, message) => {
                self.close_dialog();
                self.quiet(Command::Delete { chat, message });
            }
            Intent::React { chat, message, emoji, on } => self.quiet(Command::React { chat, message, emoji, on }),
            Intent::Typed(chat, text) => self.typed(chat, text),
            Intent::Seen(chat) => self.seen(chat),
            Intent::Older(chat, place) => self.page_of(chat, PageAt::Before(place)),
            Intent::Newer(chat, place) => self.page_of(chat, PageAt::After(place)),
            Intent::Jump(chat, message) => {
                if self.histories.get(&chat).is_some_and(|h| h.find(message).is_none()) {
                    self.page_of(chat, PageAt::Around(message));
                }
                self.out.push(Out::ScrollTo(chat, message));
            }
            Intent::Present(chat) => {
                if self.histories.get(&chat).is_some_and(|h| !h.at_end) {
                    self.page_of(chat, PageAt::Newest);
                }
                self.out.push(Out::ScrollToEnd(chat));
            }
            _ => {}
        }
    }

    fn page_of(&mut self, chat: SpaceId, at: PageAt) {
        let Some(history) = self.histories.get_mut(&chat) else { return };
        if history.loading {
            return;
        }
        history.loading = true;
        self.ask(Pending::Page(chat), Request::Page { chat, at, limit: PAGE });
    }

    fn send(&mut self, chat: SpaceId, text: &str) {
        let text = text.trim_matches(['\n', ' ', '\t']).to_owned();
        let Some(account) = self.snap.account.clone() else { return };
        if text.is_empty() || self.histories.get(&chat).is_some_and(|h| h.loading && !h.loaded) {
            self.out.push(Out::Compose(chat, text));
            return;
        }
        self.drafts.insert(chat, (String::new(), veche_protocol::time::UnixMs(0)));
        let mut id = [0xff; 32];
        let (_, tail) = id.split_at_mut(24);
        tail.copy_from_slice(&self.next.to_be_bytes());
        let echo = EntryId(id);
        let mut reply_to = None;
        if let Some(history) = self.histories.get_mut(&chat) {
            reply_to = history.reply_to.take();
            history.marker = None;
            let last = history.last().map_or(Hlc(0), |p| p.hlc);
            history.echo(MessageView {
                message_id: echo,
                chat_id: chat,
                author: account.account_id,
                device: account.device_id,
                seq: u64::MAX,
                hlc: last.max(Hlc::from_unix(self.now)),
                at: self.now,
                mine: true,
                body: MessageBody::Text { text: text.clone() },
                reply_to,
                edited: false,
                reactions: Vec::new(),
                late: false,
                forked: false,
                state: Some(veche_protocol::view::MessageState::Queued),
            });
        }
        let pending = Pending::Send { chat, text: text.clone(), echo };
        self.ask(pending, Request::Command(Command::Send { chat, text, reply_to }));
        self.talk(Intent::Present(chat));
        self.store_drafts(true);
    }

    fn edit(&mut self, chat: SpaceId, message: Option<EntryId>) {
        let Some(history) = self.histories.get_mut(&chat) else { return };
        let found = message.and_then(|id| history.find(id)).filter(|m| m.mine).cloned();
        history.reply_to = None;
        history.editing = found.as_ref().map(|m| m.message_id);
        let text = match found.as_deref() {
            Some(MessageView { body: MessageBody::Text { text }, .. }) => text.clone(),
            _ => String::new(),
        };
        self.out.push(Out::Compose(chat, text));
        self.out.push(Out::FocusComposer);
    }

    fn typed(&mut self, chat: SpaceId, text: String) {
        let editing = self.histories.get(&chat).is_some_and(|h| h.editing.is_some());
        if editing {
            return;
        }
        let told = self.typing_told.get(&chat).map_or(0, |t| t.0);
        if !text.is_empty() && self.snap.settings.typing && self.now.0.saturating_sub(told) >= TYPING_EVERY_MS {
            self.typing_told.insert(chat, self.now);
            self.quiet(Command::Typing(chat));
        }
        self.drafts.insert(chat, (text, self.now));
    }

    /// Hands drafts to the node: those that rest, or all.
    pub(super) fn store_drafts(&mut self, all: bool) {
        let due: Vec<SpaceId> = self
            .drafts
            .iter()
            .filter(|(_, (_, at))| all || self.now.0.saturating_sub(at.0) >= super::DRAFT_AFTER_MS)
            .map(|(chat, _)| *chat)
            .collect();
        for chat in due {
            let Some((text, _)) = self.drafts.remove(&chat) else { continue };
            let stored = self.snap.chat(chat).map(|c| c.draft.clone());
            if stored.is_some_and(|s| s != text) {
                self.quiet(Command::Draft(chat, text));
            }
        }
    }

    fn seen(&mut self, chat: SpaceId) {
        let Some(view) = self.snap.chat(chat) else { return };
        let Some(last) = self.histories.get(&chat).filter(|h| h.at_end).and_then(super::history::History::last) else { return };
        if view.unread == 0 || self.seen_told.get(&chat).is_some_and(|told| *told >= last.hlc) {
            return;
        }
        self.seen_told.insert(chat, last.hlc);
        self.quiet(Command::MarkRead(chat, Some(last.hlc)));
    }

    fn quiet(&mut self, command: Command) {
        self.ask(Pending::Quiet, Request::Command(command));
    }

    fn tell(&mut self, key: &'static str, command: Command) {
        self.ask(Pending::Tell(key), Request::Command(command));
    }

    fn form(&mut self, pending: Pending, request: Request) {
        self.problem = None;
        self.waiting = true;
        self.ask(pending, request);
    }

    fn door(&mut self, request: Request) {
        self.form(Pending::Door, request);
    }
}
