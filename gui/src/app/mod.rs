//! The program behind the window: takes in what the node says, draws, and does what the person wants, once a frame.

mod talk;

use crate::bridge::{Backend, Phase, Waker};
use crate::command::UiCommand;
use crate::i18n::{Lang, Language};
use crate::model::time::Zone;
use crate::model::{Intent, Model, Out};
use crate::platform::{Outside, Platform};
use crate::theme;
use crate::views::{self, Cx, UiState};
use egui::{ThemePreference, Ui, UserAttentionType};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use veche_protocol::time::UnixMs;
use veche_protocol::view::Theme;

/// Most updates taken in for one frame; the rest waits for the next one.
const MAX_UPDATES: usize = 256;
/// Longest time spent taking them in.
const MAX_UPDATE_TIME: Duration = Duration::from_millis(2);

/// A cursor stops blinking when nothing was done for this long, seconds, as on other desktops: each blink draws the window.
const BLINK_FOR: f64 = 10.0;

/// The wall clock. A test has its own.
pub type Clock = Box<dyn Fn() -> UnixMs>;

/// What the app is made with.
pub struct Setup {
    /// The node.
    pub backend: Box<dyn Backend>,
    /// The desktop.
    pub platform: Box<dyn Platform>,
    /// The time.
    pub clock: Clock,
    /// Local time.
    pub zone: Zone,
    /// Language of the desktop, for those who did not choose one.
    pub system_language: Language,
    /// Use the system's fonts for scripts and emoji that are not bundled. Off where pictures must be the same everywhere.
    pub system_fonts: bool,
}

/// The app.
pub struct VecheApp {
    backend: Box<dyn Backend>,
    platform: Box<dyn Platform>,
    clock: Clock,
    system_language: Language,
    model: Model,
    lang: Lang,
    ui: UiState,
    intents: Vec<Intent>,
    /// Set by the node, cleared when its news are taken in: a thousand events wake the window once.
    news: Arc<AtomicBool>,
    theme: Option<Theme>,
    badge: Option<u32>,
    /// When the person last did something, in the time of the context.
    last_input: f64,
}

impl VecheApp {
    /// Makes the app for a context.
    #[must_use]
    pub fn new(ctx: &egui::Context, setup: Setup) -> Self {
        theme::install(ctx);
        if setup.system_fonts
            && let Err(error) = theme::emoji::install_system_fonts(ctx)
        {
            tracing::warn!(%error, "system fonts are not available");
        }
        let news = Arc::new(AtomicBool::new(true));
        let mut backend = setup.backend;
        backend.set_waker(waker(ctx, &news));
        let mut platform = setup.platform;
        platform.set_waker(waker(ctx, &news));
        let now = (setup.clock)();
        let mut model = Model::new(now, setup.zone);
        if let Some(key) = platform.talk_key().filter(|name| egui::Key::from_name(name).is_some()) {
            model.sound.talk_key = key;
        }
        Self {
            backend,
            platform,
            clock: setup.clock,
            system_language: setup.system_language,
            model,
            lang: Lang::new(setup.system_language),
            ui: UiState::default(),
            intents: Vec::new(),
            news,
            theme: None,
            badge: None,
            last_input: 0.0,
        }
    }

    /// What the window shows.
    #[must_use]
    pub const fn model(&self) -> &Model {
        &self.model
    }

    /// What the window remembers by itself.
    pub const fn ui_state(&mut self) -> &mut UiState {
        &mut self.ui
    }

    /// Wants something, as a view would.
    pub fn push(&mut self, intent: Intent) {
        self.intents.push(intent);
    }

    /// Takes in what happened outside. Runs for hidden windows too.
    pub fn take_in(&mut self, ctx: &egui::Context) {
        self.model.focused = ctx.input(|i| i.viewport().focused.unwrap_or(true));
        self.model.tick((self.clock)());
        // Before the news, so that they are judged by the settings in force; after them, so that what they led to is shown.
        self.look();
        self.hear(ctx);
        self.look();
        while let Some(outside) = self.platform.poll() {
            self.outside(ctx, outside);
        }
        self.follow_settings(ctx);
        self.apply();
        self.carry_out(ctx);
        if let Some(ms) = self.model.next_deadline() {
            ctx.request_repaint_after(Duration::from_millis(ms.max(16)));
        }
    }

    fn look(&mut self) {
        self.model.look(self.backend.phase(), self.backend.snapshot(), self.backend.has_passphrase());
    }

    fn hear(&mut self, ctx: &egui::Context) {
        self.news.store(false, Ordering::Release);
        let start = Instant::now();
        for taken in 0.. {
            if taken >= MAX_UPDATES || start.elapsed() > MAX_UPDATE_TIME {
                ctx.request_repaint();
                break;
            }
            match self.backend.poll() {
                Some(update) => self.model.hear(update),
                None => break,
            }
        }
    }

    fn outside(&mut self, ctx: &egui::Context, outside: Outside) {
        match outside {
            Outside::Link(link) => {
                self.raise(ctx);
                self.model.apply(Intent::OpenLink(link));
            }
            Outside::Raise => self.raise(ctx),
            Outside::OpenChat(chat) => {
                self.raise(ctx);
                if let Some(chat) = self.model.snap.chat(chat) {
                    let account = chat.account_id;
                    self.model.apply(Intent::OpenPerson(account));
                }
            }
            Outside::FileChosen { import, path, passphrase } => self.model.apply(Intent::FileChosen { import, path, passphrase }),
        }
    }

    fn raise(&self, ctx: &egui::Context) {
        ctx.send_viewport_cmd(egui::ViewportCommand::Minimized(false));
        ctx.send_viewport_cmd(egui::ViewportCommand::Focus);
    }

    /// Theme, language and the number in the title follow the state.
    fn follow_settings(&mut self, ctx: &egui::Context) {
        let settings = &self.model.snap.settings;
        if self.theme != Some(settings.theme) {
            self.theme = Some(settings.theme);
            ctx.set_theme(match settings.theme {
                Theme::System => ThemePreference::System,
                Theme::Dark => ThemePreference::Dark,
                Theme::Light => ThemePreference::Light,
            });
        }
        let language = if settings.language.is_empty() { self.system_language } else { Language::from_tag(&settings.language) };
        if language != self.lang.language() {
            self.lang = Lang::new(language);
            self.badge = None;
        }
        let unread = self.model.unread();
        if self.badge != Some(unread) {
            self.badge = Some(unread);
            let name = self.lang.t("app-name");
            let title = if unread > 0 { format!("({unread}) {name}") } else { name.to_owned() };
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(title));
        }
    }

    /// Lets the text cursor blink only while the person does something.
    fn rest_cursor(&mut self, ctx: &egui::Context) {
        let (now, busy) = ctx.input(|i| (i.time, !i.events.is_empty()));
        if busy {
            self.last_input = now;
        }
        let blink = now - self.last_input < BLINK_FOR;
        if ctx.global_style().visuals.text_cursor.blink != blink {
            ctx.all_styles_mut(|style| style.visuals.text_cursor.blink = blink);
        }
    }

    fn apply(&mut self) {
        for intent in std::mem::take(&mut self.intents) {
            self.model.apply(intent);
        }
    }

    /// Does what has to be done outside of the model.
    fn carry_out(&mut self, ctx: &egui::Context) {
        for out in self.model.take_out() {
            match out {
                Out::Ask(ticket, request) => {
                    if self.backend.send(ticket, request).is_err() {
                        self.model.refuse(ticket);
                    }
                }
                Out::Copy(text) => ctx.copy_text(text),
                Out::OpenUrl(url) => ctx.open_url(egui::OpenUrl::new_tab(url)),
                Out::ChooseFile { import, passphrase } => self.platform.choose_file(import, passphrase, &self.lang),
                Out::Notify { chat, title, body } => self.platform.notify(chat, &self.lang.say(&title), &self.lang.say(&body)),
                Out::KeepTalkKey(name) => self.platform.keep_talk_key(&name),
                Out::Attention(on) => {
                    // A window that has the keyboard needs nobody to point at it.
                    let kind = if on && !self.model.focused { UserAttentionType::Critical } else { UserAttentionType::Reset };
                    ctx.send_viewport_cmd(egui::ViewportCommand::RequestUserAttention(kind));
                }
                Out::Compose(chat, text) => self.ui.compose(chat, text),
                Out::FocusComposer => self.ui.focus_composer = true,
                Out::ScrollTo(chat, message) => self.ui.timeline(chat).to_message(message),
                Out::ScrollToEnd(chat) => self.ui.timeline(chat).to_end(),
            }
        }
    }

    /// Draws the window and does what the person wants.
    pub fn draw(&mut self, ui: &mut Ui) {
        self.rest_cursor(ui.ctx());
        let free = !matches!(self.model.phase, Phase::Starting);
        talk::keys(ui, &self.model, &mut self.intents);
        if free {
            for command in ui.input_mut(UiCommand::pressed) {
                self.intents.push(Intent::Do(command));
            }
        }
        let p = theme::palette(ui.ctx());
        let mut cx = Cx { model: &self.model, p, lang: &self.lang, out: &mut self.intents };
        views::root(ui, &mut cx, &mut self.ui);
        if free && !ui.ctx().any_popup_open() && UiCommand::escaped(ui) {
            self.intents.push(Intent::Do(UiCommand::Escape));
        }
        if !self.intents.is_empty() {
            self.apply();
            self.carry_out(ui.ctx());
            ui.ctx().request_repaint(); // What changed is seen in the next frame.
        }
        self.platform.placed(ui.ctx());
    }
}

fn waker(ctx: &egui::Context, news: &Arc<AtomicBool>) -> Waker {
    let (ctx, news) = (ctx.clone(), Arc::clone(news));
    Arc::new(move || {
        if !news.swap(true, Ordering::AcqRel) {
            ctx.request_repaint();
        }
    })
}

impl eframe::App for VecheApp {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.take_in(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.draw(ui);
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.platform.closed();
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}
