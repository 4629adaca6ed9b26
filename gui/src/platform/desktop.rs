//! A real desktop: notifications and file dialogs on threads of their own, because both wait for other programs.

use super::placement::Placement;
use super::{Outside, Platform};
use crate::bridge::{Secret, Waker};
use crate::i18n::Lang;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use veche_protocol::ids::SpaceId;

/// Things from outside that wait for the next frame.
const MAX_OUTSIDE: usize = 32;
/// Notifications that wait for the desktop; more than these nobody reads.
const MAX_NOTES: usize = 8;

/// Name of the file in the profile with the key of push to talk.
const TALK_KEY: &str = "talk-key";

struct Note {
    chat: Option<SpaceId>,
    title: String,
    body: String,
}

/// The desktop.
pub struct Desktop {
    sender: Sender,
    outside: Receiver<Outside>,
    notes: SyncSender<Note>,
    placement: Placement,
    talk_key: PathBuf,
    waker: Arc<std::sync::OnceLock<Waker>>,
}

/// Hands something from another thread to the window.
#[derive(Clone)]
pub struct Sender {
    queue: SyncSender<Outside>,
    waker: Arc<std::sync::OnceLock<Waker>>,
}

impl Sender {
    /// Hands it over. A full queue drops it: the person will ask again.
    pub fn send(&self, outside: Outside) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(outside) {
            tracing::debug!("too much from outside at once");
        }
        if let Some(waker) = self.waker.get() {
            waker();
        }
    }
}

impl Desktop {
    /// Starts the thread for notifications. `profile` is the folder where the window's place is kept.
    ///
    /// # Errors
    /// The thread could not be started.
    pub fn new(profile: &Path) -> std::io::Result<Self> {
        let (queue, outside) = sync_channel(MAX_OUTSIDE);
        let waker = Arc::new(std::sync::OnceLock::new());
        let sender = Sender { queue, waker: Arc::clone(&waker) };
        let (notes, waiting) = sync_channel::<Note>(MAX_NOTES);
        let clicked = sender.clone();
        std::thread::Builder::new().name("notifications".into()).spawn(move || {
            while let Ok(note) = waiting.recv() {
                show(&note, &clicked);
            }
        })?;
        Ok(Self { sender, outside, notes, placement: Placement::new(profile), talk_key: profile.join(TALK_KEY), waker })
    }

    /// For threads that hear from outside.
    #[must_use]
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Where the window stood last time.
    #[must_use]
    pub const fn placement(&self) -> &Placement {
        &self.placement
    }
}

/// Shows one notification and, on Linux, waits on another thread for a click.
fn show(note: &Note, clicked: &Sender) {
    let mut notification = notify_rust::Notification::new();
    notification.appname("Veche").summary(&note.title).body(&escape(&note.body)).icon("veche");
    #[cfg(target_os = "linux")]
    notification.action("default", "").hint(notify_rust::Hint::Category("im.received".into()));
    let shown = match notification.show() {
        Ok(shown) => shown,
        Err(error) => {
            tracing::debug!(%error, "the desktop does not show notifications");
            return;
        }
    };
    #[cfg(target_os = "linux")]
    if let Some(chat) = note.chat {
        let clicked = clicked.clone();
        let wait = move || {
            shown.wait_for_action(|action| {
                if action == "default" {
                    clicked.send(Outside::OpenChat(chat));
                }
            });
        };
        if let Err(error) = std::thread::Builder::new().name("notification".into()).spawn(wait) {
            tracing::debug!(%error, "nobody waits for a click on a notification");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (shown, clicked, note.chat);
}

/// Desktops read simple markup in the body; what people write is not markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Platform for Desktop {
    fn set_waker(&mut self, waker: Waker) {
        let _ = self.waker.set(waker);
    }

    fn poll(&mut self) -> Option<Outside> {
        self.outside.try_recv().ok()
    }

    fn notify(&mut self, chat: Option<SpaceId>, title: &str, body: &str) {
        let note = Note { chat, title: title.to_owned(), body: body.to_owned() };
        if self.notes.try_send(note).is_err() {
            tracing::debug!("a notification was dropped, the desktop is slow");
        }
    }

    fn choose_file(&mut self, import: bool, passphrase: Secret, lang: &Lang) {
        let sender = self.sender.clone();
        let dialog = rfd::FileDialog::new()
            .set_title(lang.t(if import { "import-choose" } else { "export-choose" }))
            .add_filter(lang.t("backup-filter"), &["veche-backup"]);
        let choose = move || {
            let path = if import { dialog.pick_file() } else { dialog.set_file_name("veche.veche-backup").save_file() };
            if let Some(path) = path {
                sender.send(Outside::FileChosen { import, path, passphrase });
            }
        };
        if let Err(error) = std::thread::Builder::new().name("file dialog".into()).spawn(choose) {
            tracing::warn!(%error, "the file dialog could not be opened");
        }
    }

    fn talk_key(&self) -> Option<String> {
        let name = std::fs::read_to_string(&self.talk_key).ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    fn keep_talk_key(&mut self, name: &str) {
        if let Err(error) = std::fs::write(&self.talk_key, name) {
            tracing::warn!(%error, "the key of push to talk was not written down");
        }
    }

    fn placed(&mut self, ctx: &egui::Context) {
        self.placement.note(ctx);
    }

    fn closed(&mut self) {
        self.placement.save();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn people_do_not_write_markup() {
        assert_eq!(super::escape("<b>1 & 2</b>"), "&lt;b&gt;1 &amp; 2&lt;/b&gt;");
    }
}
