//! What the window shows, in plain Rust. No egui here: views read it, [`Intent`]s and updates change it, at one point.

pub mod call;
pub mod history;
pub mod intent;
pub mod login;
pub mod markup;
pub mod people;
mod reduce;
pub mod say;
pub mod search;
pub mod sound;
#[cfg(test)]
mod tests;
pub mod time;
mod update;

pub use intent::Intent;
pub use say::Say;

use crate::bridge::{Phase, Problem, Request, Secret, Ticket};
use history::History;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use time::Zone;
use veche_protocol::core::command::Finding;
use veche_protocol::ids::{AccountId, EntryId, SpaceId};
use veche_protocol::time::UnixMs;
use veche_protocol::view::{NearbyView, PersonView, Snapshot};

/// Conversations whose histories are kept in memory; the least recently shown goes first.
const MAX_HISTORIES: usize = 6;
/// Toasts shown at once; more would cover what they are about.
const MAX_TOASTS: usize = 3;
/// How long a toast stays, milliseconds.
pub const TOAST_MS: u64 = 5_000;
/// The core is told about typing at most this often, milliseconds; it repeats the word to the other side itself.
const TYPING_EVERY_MS: u64 = 3_000;
/// A draft is stored when nothing was typed for this long, milliseconds.
pub const DRAFT_AFTER_MS: u64 = 1_200;

/// What fills the space beside the conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// Nothing chosen yet.
    #[default]
    Welcome,
    /// A conversation.
    Chat(SpaceId),
    /// Somebody without a conversation: asked, asking, blocked.
    Person(AccountId),
    /// People on this network.
    Nearby,
    /// Requests in and out.
    Requests,
    /// Adding people.
    Add,
    /// Settings, over the whole window.
    Settings(SettingsTab),
}

/// Parts of the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SettingsTab {
    /// Name, about, status.
    #[default]
    Profile,
    /// Theme and language.
    Appearance,
    /// Notifications.
    Notifications,
    /// Sound of calls.
    Voice,
    /// Receipts, typing, who may ask.
    Privacy,
    /// Words and passphrase.
    Security,
    /// Backup.
    Backup,
    /// Addresses and peers.
    Network,
    /// Keys.
    Keyboard,
    /// Version and licences.
    About,
    /// Delete the account.
    Account,
}

impl SettingsTab {
    /// All of them, in order.
    pub const ALL: [Self; 11] = [
        Self::Profile,
        Self::Appearance,
        Self::Notifications,
        Self::Voice,
        Self::Privacy,
        Self::Security,
        Self::Backup,
        Self::Network,
        Self::Keyboard,
        Self::About,
        Self::Account,
    ];
}

/// A question or panel over the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Dialog {
    /// Jump by typing.
    Switcher,
    /// Look for messages, in a conversation or everywhere.
    Search(Option<SpaceId>),
    /// Remove this message?
    DeleteMessage(SpaceId, EntryId),
    /// Shut this person out?
    Block(AccountId),
    /// An own name.
    Rename(AccountId),
    /// Compare safety numbers.
    Verify(AccountId),
    /// The recovery words.
    Words(WordsStep),
    /// Why is it not delivered?
    Diagnosis(AccountId),
    /// The contact a link leads to.
    Link(LinkFound),
    /// Choose a passphrase for a backup that is written.
    Export,
    /// Type the passphrase of a backup that is read.
    Import,
    /// Delete the account?
    DeleteAccount,
    /// List of keys.
    Shortcuts,
    /// Own contact link as a picture.
    MyLink,
}

/// Showing the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordsStep {
    /// What they are, and the passphrase again where there is one.
    Before,
    /// Being fetched.
    Asking,
    /// On the screen.
    Shown(Arc<[String]>),
    /// Three of them typed back.
    Check(Arc<[String]>),
}

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkFound {
    /// The link.
    pub link: String,
    /// Whose.
    pub account: AccountId,
    /// Their login, where the link says it.
    pub login: Option<String>,
    /// The own one?
    pub own: bool,
}

/// A short message in a corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// To close it.
    pub id: u64,
    /// Good or bad news.
    pub bad: bool,
    /// What it says.
    pub text: Say,
    /// When it goes.
    pub until: UnixMs,
}

/// What a question was for.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    /// Only failures matter.
    Quiet,
    /// Success is worth a word.
    Tell(&'static str),
    /// Written text, given back if it was refused.
    Send { chat: SpaceId, text: String, echo: EntryId },
    /// A part of a history.
    Page(SpaceId),
    /// Messages that contain something.
    Search,
    /// Making or opening the account.
    Door,
    /// A request to become a contact.
    Contact,
    /// What a link says.
    Inspect(String),
    /// Who has this login.
    Lookup,
    /// A safety number.
    Safety(AccountId),
    /// Whether the number matched.
    Verify,
    /// The own link.
    Link,
    /// The words.
    Words,
    /// Why is it not delivered.
    Diagnosis(AccountId),
    /// Calling somebody.
    Call,
    /// Microphones and loudspeakers.
    Devices,
    /// A test of the microphone.
    SoundTest,
    /// Storing a new passphrase.
    Passphrase,
}

/// What has to be done outside of the model after intents or updates were applied.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Ask the node.
    Ask(Ticket, Request),
    /// Put text on the clipboard.
    Copy(String),
    /// Open a web page.
    OpenUrl(String),
    /// Choose a file to read a backup from, or to write one to.
    ChooseFile {
        /// Reading or writing.
        import: bool,
        /// Opens or seals it.
        passphrase: Secret,
    },
    /// A desktop notification.
    Notify {
        /// Of which conversation, if any.
        chat: Option<SpaceId>,
        /// Who.
        title: Say,
        /// What.
        body: Say,
    },
    /// Have the desktop point at the window, or no longer.
    Attention(bool),
    /// Remember the key of push to talk.
    KeepTalkKey(String),
    /// Put this text into the composer: a refused message, or one that is being edited.
    Compose(SpaceId, String),
    /// Put the keyboard into the composer.
    FocusComposer,
    /// Bring this message into sight.
    ScrollTo(SpaceId, EntryId),
    /// Bring the newest message into sight.
    ScrollToEnd(SpaceId),
}

/// Somebody was looked up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LookedUp {
    /// Login and tag that were typed.
    pub asked: Option<(String, Option<String>)>,
    /// Who claims the login, so far. `None` before the first answer.
    pub claimants: Option<Vec<NearbyView>>,
    /// The directory is still being asked.
    pub more: bool,
    /// There is no directory to ask.
    pub nowhere: bool,
}

/// Everything the window shows.
pub struct Model {
    /// How far the node is.
    pub phase: Phase,
    /// Its newest state.
    pub snap: Arc<Snapshot>,
    /// The rows of the sidebar, made anew whenever the state changes.
    pub people: Vec<people::PersonRow>,
    /// Whether a passphrase seals the store.
    pub has_passphrase: bool,
    /// What is shown.
    pub page: Page,
    /// The contact card is open.
    pub card: bool,
    /// Over it.
    pub dialog: Option<Dialog>,
    /// In the corner.
    pub toasts: VecDeque<Toast>,
    /// Why the last try at the door, in a dialog or in a form failed.
    pub problem: Option<Say>,
    /// What became of the last login looked up.
    pub found: LookedUp,
    /// A question of a form is under way.
    pub waiting: bool,
    /// Own contact link, once asked for.
    pub my_link: Option<String>,
    /// Safety numbers, once asked for.
    pub safety: BTreeMap<AccountId, String>,
    /// Findings of the last diagnosis.
    pub findings: Option<Vec<Finding>>,
    /// The safety number that was typed did not match.
    pub mismatch: bool,
    /// Calls.
    pub calls: call::Calls,
    /// Devices and tests of sound.
    pub sound: sound::Sound,
    /// What is searched for.
    pub search: search::Search,
    /// The words card was put off for this run.
    pub words_later: bool,
    /// The window has the keyboard.
    pub focused: bool,
    /// Wall clock of this frame.
    pub now: UnixMs,
    /// Local time.
    pub zone: Zone,
    /// Histories of conversations shown lately.
    histories: BTreeMap<SpaceId, History>,
    /// Order in which they were shown, newest last.
    shown: Vec<SpaceId>,
    /// Drafts that differ from what the node has, and when they last changed.
    drafts: BTreeMap<SpaceId, (String, UnixMs)>,
    /// When typing was last told.
    typing_told: BTreeMap<SpaceId, UnixMs>,
    /// Stamps up to which reading was told, so that it is told once.
    seen_told: BTreeMap<SpaceId, veche_protocol::view::Hlc>,
    /// A link that came before there was an account.
    link_waits: Option<String>,
    pending: BTreeMap<Ticket, Pending>,
    next: u64,
    out: Vec<Out>,
    /// People who asked and were notified about.
    told_requests: BTreeSet<AccountId>,
}

impl Model {
    /// A model of a node that has not said anything yet.
    #[must_use]
    pub fn new(now: UnixMs, zone: Zone) -> Self {
        Self {
            phase: Phase::Starting,
            snap: Arc::default(),
            people: Vec::new(),
            has_passphrase: false,
            page: Page::Welcome,
            card: false,
            dialog: None,
            toasts: VecDeque::new(),
            problem: None,
            found: LookedUp::default(),
            waiting: false,
            my_link: None,
            safety: BTreeMap::new(),
            findings: None,
            mismatch: false,
            calls: call::Calls::default(),
            sound: sound::Sound::default(),
            search: search::Search::default(),
            words_later: false,
            focused: true,
            now,
            zone,
            histories: BTreeMap::new(),
            shown: Vec::new(),
            drafts: BTreeMap::new(),
            typing_told: BTreeMap::new(),
            seen_told: BTreeMap::new(),
            link_waits: None,
            pending: BTreeMap::new(),
            next: 0,
            out: Vec::new(),
            told_requests: BTreeSet::new(),
        }
    }

    /// The history of a conversation, if it was shown lately.
    #[must_use]
    pub fn history(&self, chat: SpaceId) -> Option<&History> {
        self.histories.get(&chat)
    }

    /// The conversation that is shown, if one is.
    #[must_use]
    pub const fn open_chat(&self) -> Option<SpaceId> {
        match self.page {
            Page::Chat(chat) => Some(chat),
            _ => None,
        }
    }

    /// The person the page is about, if it is about one.
    #[must_use]
    pub fn open_person(&self) -> Option<&Arc<PersonView>> {
        match self.page {
            Page::Chat(chat) => self.snap.person(self.snap.chat(chat)?.account_id),
            Page::Person(account) => self.snap.person(account),
            _ => None,
        }
    }

    /// Unread messages in conversations that are not muted.
    #[must_use]
    pub fn unread(&self) -> u32 {
        self.snap.chats.iter().filter(|c| !c.muted).map(|c| c.unread).sum()
    }

    /// Requests of others that wait for an answer.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.snap.requests.iter().filter(|r| r.incoming).count()
    }

    /// Whether the card that asks to save the words should be shown: after the first conversation, until it is done.
    #[must_use]
    pub fn wants_words_card(&self) -> bool {
        let unsaved = self.snap.account.as_ref().is_some_and(|a| !a.words_saved);
        unsaved && !self.words_later && self.snap.chats.iter().any(|c| c.last.is_some())
    }

    /// A text for the composer of a conversation: the draft here, else the stored one.
    #[must_use]
    pub fn draft(&self, chat: SpaceId) -> String {
        match self.drafts.get(&chat) {
            Some((text, _)) => text.clone(),
            None => self.snap.chat(chat).map(|c| c.draft.clone()).unwrap_or_default(),
        }
    }

    /// What has to be done outside, in order.
    pub fn take_out(&mut self) -> Vec<Out> {
        std::mem::take(&mut self.out)
    }

    /// When something here changes by itself, milliseconds from now: a toast goes, a draft is stored,
    /// a call has lasted another second.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let toast = self.toasts.iter().map(|t| t.until.0).min();
        let draft = self.drafts.values().map(|(_, at)| at.0.saturating_add(DRAFT_AFTER_MS)).min();
        toast
            .into_iter()
            .chain(draft)
            .chain(self.call_deadline())
            .chain(self.sound_deadline())
            .min()
            .map(|at| at.saturating_sub(self.now.0))
    }

    fn ask(&mut self, pending: Pending, request: Request) -> Ticket {
        self.next += 1;
        let ticket = Ticket(self.next);
        self.pending.insert(ticket, pending);
        self.out.push(Out::Ask(ticket, request));
        ticket
    }

    fn toast(&mut self, bad: bool, text: Say) {
        self.next += 1;
        while self.toasts.len() >= MAX_TOASTS {
            self.toasts.pop_front();
        }
        self.toasts.push_back(Toast { id: self.next, bad, text, until: UnixMs(self.now.0.saturating_add(TOAST_MS)) });
    }

    fn fail(&mut self, problem: Problem) {
        self.toast(true, Say::Problem(problem));
    }
}
