//! What a person wants, as the views say it. Intents are collected while drawing and applied after it, at one point.

use super::call::CallIntent;
use super::sound::SoundIntent;
use super::{Dialog, Page, SettingsTab};
use crate::bridge::{Place, Secret};
use crate::command::UiCommand;
use std::path::PathBuf;
use veche_protocol::core::command::{ProfilePatch, Target};
use veche_protocol::ids::{AccountId, EntryId, SpaceId};
use veche_protocol::view::Settings;

/// A wish of the person in front of the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Show another page.
    Go(Page),
    /// Show a part of the settings.
    GoSettings(SettingsTab),
    /// Show the conversation with somebody, or their card where there is none.
    OpenPerson(AccountId),
    /// A keyboard command.
    Do(UiCommand),
    /// Show or hide the contact card.
    ToggleCard,
    /// Ask something in a dialog.
    Ask(Dialog),
    /// Put the dialog away.
    CloseDialog,
    /// Put a toast away.
    CloseToast(u64),
    /// Remind later.
    HideWordsCard,

    /// Make an account.
    CreateAccount {
        /// Login.
        login: String,
        /// Display name.
        name: String,
        /// Seals the store, if given.
        passphrase: Option<Secret>,
    },
    /// Come back with the words.
    Restore {
        /// The words.
        words: Secret,
        /// Login.
        login: String,
        /// Display name.
        name: String,
    },
    /// Open the store.
    Unlock(Secret),
    /// Read a backup, after choosing the file.
    ImportBackup(Secret),
    /// Write a backup, after choosing the file.
    ExportBackup(Secret),
    /// A file was chosen for one of these.
    FileChosen {
        /// Reading or writing.
        import: bool,
        /// Which.
        path: PathBuf,
        /// Opens or seals it.
        passphrase: Secret,
    },

    /// Write.
    Send {
        /// Where.
        chat: SpaceId,
        /// What.
        text: String,
    },
    /// Answer this message with the next one.
    Reply(SpaceId, Option<EntryId>),
    /// Start or stop changing an own message.
    Editing(SpaceId, Option<EntryId>),
    /// Save the change.
    SaveEdit {
        /// Where.
        chat: SpaceId,
        /// Which.
        message: EntryId,
        /// New text.
        text: String,
    },
    /// Remove an own message.
    Delete(SpaceId, EntryId),
    /// React or take it back.
    React {
        /// Where.
        chat: SpaceId,
        /// To which.
        message: EntryId,
        /// With.
        emoji: String,
        /// Put or remove.
        on: bool,
    },
    /// The text in the composer changed.
    Typed(SpaceId, String),
    /// The newest message is in front of the person's eyes.
    Seen(SpaceId),
    /// The timeline wants older messages than this place.
    Older(SpaceId, Place),
    /// The timeline wants newer messages than this place.
    Newer(SpaceId, Place),
    /// Show a message that may not be loaded.
    Jump(SpaceId, EntryId),
    /// Back to the newest.
    Present(SpaceId),
    /// Look for messages that contain something.
    Search {
        /// In this conversation only.
        chat: Option<SpaceId>,
        /// What.
        text: String,
    },
    /// Look for older ones.
    SearchOn,
    /// Show a message that was found.
    OpenHit(SpaceId, EntryId),

    /// Ask somebody to become a contact.
    Request {
        /// Whom.
        target: Target,
        /// A word along.
        text: String,
    },
    /// What does this link say?
    Inspect(String),
    /// Who has this login?
    Lookup(String),
    /// Say yes.
    Accept(AccountId),
    /// Say no.
    Decline(AccountId),
    /// Shut out.
    Block(AccountId),
    /// Let in again.
    Unblock(AccountId),
    /// An own name for somebody.
    Rename(AccountId, String),
    /// The number matches.
    Verify(AccountId, String),
    /// Notifications of a conversation.
    Mute(SpaceId, bool),
    /// Why is it not delivered?
    Diagnose(AccountId),
    /// Something about a call.
    Call(CallIntent),
    /// Something about devices and tests of sound.
    Sound(SoundIntent),

    /// Change the profile.
    Profile(ProfilePatch),
    /// Replace the settings.
    Settings(Settings),
    /// Change or remove the passphrase.
    SetPassphrase {
        /// In force.
        old: Option<Secret>,
        /// Next.
        new: Option<Secret>,
    },
    /// Show the words.
    ShowWords(Option<Secret>),
    /// They are written down.
    ConfirmWords,
    /// A fresh contact link.
    RenewLink,
    /// Dial an address.
    AddPeer(String),
    /// Use an operator's node.
    AddOperator(String),
    /// Use an operator's node no longer.
    RemoveOperator(veche_protocol::ids::PeerKey),
    /// Remove the account.
    DeleteAccount,

    /// Put text on the clipboard.
    Copy(String),
    /// Open a web page.
    OpenUrl(String),
    /// A `veche:` link came from outside.
    OpenLink(String),
}
