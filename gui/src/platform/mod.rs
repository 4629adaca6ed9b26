//! The desktop around the window: notifications, file dialogs, the place of the window, links from other programs.

pub mod desktop;
pub mod instance;
pub mod placement;

use crate::bridge::{Secret, Waker};
use crate::i18n::Lang;
use std::path::PathBuf;
use veche_protocol::ids::SpaceId;

/// Something from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Outside {
    /// A `veche:` link was opened.
    Link(String),
    /// The app was started again: show the window.
    Raise,
    /// A notification was clicked.
    OpenChat(SpaceId),
    /// A file was chosen.
    FileChosen {
        /// To read, or to write.
        import: bool,
        /// Which.
        path: PathBuf,
        /// Opens or seals it.
        passphrase: Secret,
    },
}

/// The desktop as the app sees it. Nothing here blocks.
pub trait Platform {
    /// Whom to wake when something came.
    fn set_waker(&mut self, waker: Waker);
    /// The next thing from outside, if there is one.
    fn poll(&mut self) -> Option<Outside>;
    /// Shows a notification; `chat` is opened by a click.
    fn notify(&mut self, chat: Option<SpaceId>, title: &str, body: &str);
    /// Lets a file be chosen; the answer comes from `poll`.
    fn choose_file(&mut self, import: bool, passphrase: Secret, lang: &Lang);
    /// Name of the key of push to talk that was chosen on this computer.
    fn talk_key(&self) -> Option<String>;
    /// Remembers it.
    fn keep_talk_key(&mut self, name: &str);
    /// The window was drawn; remembers where it stands.
    fn placed(&mut self, ctx: &egui::Context);
    /// The window closes.
    fn closed(&mut self);
}
