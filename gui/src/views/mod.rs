//! The screens: functions that read the model and say what the person wants.

mod add;
mod call;
mod card;
mod chat;
mod composer;
mod dialogs;
mod door;
mod nearby;
mod person;
mod requests;
mod search;
mod settings;
mod sidebar;
mod switcher;
mod welcome;
mod words;

use crate::bridge::Phase;
use crate::i18n::Lang;
use crate::model::{Intent, Model, Page};
use crate::theme::{Palette, Weight, size};
use crate::timeline::Timeline;
use crate::widgets::avatar::Avatars;
use crate::widgets::qr::Qr;
use crate::widgets::{text, toast};
use egui::{CentralPanel, Frame, Panel, Ui};
use std::collections::BTreeMap;
use veche_protocol::ids::{CallId, SpaceId};

/// Timelines whose position and rows are kept.
const MAX_TIMELINES: usize = 6;

/// What every view is given.
pub struct Cx<'a> {
    /// What to show.
    pub model: &'a Model,
    /// Colours.
    pub p: &'static Palette,
    /// Words.
    pub lang: &'a Lang,
    /// What the person wants.
    pub out: &'a mut Vec<Intent>,
}

impl Cx<'_> {
    /// The person wants this.
    pub fn push(&mut self, intent: Intent) {
        self.out.push(intent);
    }
}

/// What the window remembers by itself: text being typed, positions, pictures. None of it is anybody else's business.
#[derive(Default)]
pub struct UiState {
    /// Faces.
    pub avatars: Avatars,
    /// Where each timeline is.
    pub timelines: BTreeMap<SpaceId, Timeline>,
    /// Text in each composer.
    pub composers: BTreeMap<SpaceId, String>,
    /// Put the keyboard into the composer.
    pub focus_composer: bool,
    /// Calls whose cards have been shown.
    rang: Vec<CallId>,
    filter: String,
    door: door::Form,
    add: add::Form,
    settings: settings::Form,
    dialogs: dialogs::Form,
    switcher: switcher::Form,
    search: search::Form,
    qr: Option<Qr>,
}

impl UiState {
    /// Puts text into a composer: a refused message only where nothing else was begun.
    pub fn compose(&mut self, chat: SpaceId, text: String) {
        self.composers.insert(chat, text);
    }

    /// The timeline of a conversation.
    pub fn timeline(&mut self, chat: SpaceId) -> &mut Timeline {
        if self.timelines.len() >= MAX_TIMELINES && !self.timelines.contains_key(&chat) {
            self.timelines.clear();
        }
        self.timelines.entry(chat).or_default()
    }

    /// A picture of a text, made once.
    fn qr(&mut self, text: &str) -> Option<&Qr> {
        if self.qr.as_ref().is_none_or(|q| q.text != text) {
            self.qr = Qr::new(text);
        }
        self.qr.as_ref()
    }
}

/// The whole window.
pub fn root(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState) {
    match &cx.model.phase {
        Phase::Ready => {
            st.door.wipe();
            match cx.model.page {
                Page::Settings(tab) => settings::page(ui, cx, st, tab),
                page => main(ui, cx, st, page),
            }
        }
        _ => door::page(ui, cx, st),
    }
    dialogs::show(ui, cx, st);
    if cx.model.phase == Phase::Ready {
        call::incoming(ui, cx, st);
    }
    toasts(ui, cx);
}

fn main(ui: &mut Ui, cx: &mut Cx<'_>, st: &mut UiState, page: Page) {
    let width = ui.available_width();
    let narrow = width < size::NARROW;
    let side = if narrow { size::SIDE_NARROW } else { size::SIDE };
    let panel = Panel::left("side").exact_size(side).resizable(false).show_separator_line(false);
    panel.frame(Frame::new().fill(cx.p.side)).show(ui, |ui| sidebar::show(ui, cx, st));
    let card = cx.model.card && cx.model.open_person().is_some();
    if card && !narrow {
        let panel = Panel::right("card").exact_size(size::CARD).resizable(false).show_separator_line(false);
        panel.frame(Frame::new().fill(cx.p.side)).show(ui, |ui| card::show(ui, cx, st));
    }
    CentralPanel::no_frame().frame(Frame::new().fill(cx.p.main)).show(ui, |ui| match page {
        Page::Chat(chat) => chat::page(ui, cx, st, chat),
        Page::Person(account) => person::page(ui, cx, st, account),
        Page::Nearby => nearby::page(ui, cx, st),
        Page::Requests => requests::page(ui, cx, st),
        Page::Add => add::page(ui, cx, st),
        Page::Welcome | Page::Settings(_) => welcome::page(ui, cx, st),
    });
    if card && narrow {
        card::over(ui, cx, st);
    }
}

fn toasts(ui: &Ui, cx: &mut Cx<'_>) {
    let mut lift = 0.0;
    for one in cx.model.toasts.iter().rev() {
        let (height, pressed) = toast::show(ui, cx.p, one.id, &cx.lang.say(&one.text), one.bad, lift);
        lift += height + 8.0;
        if pressed {
            cx.out.push(Intent::CloseToast(one.id));
        }
    }
}

/// The header of a page with its title.
fn header(ui: &mut Ui, p: &Palette, icon: char, title: &str) {
    let panel = Panel::top("header").exact_size(size::HEADER).show_separator_line(false);
    panel.frame(Frame::new().fill(p.main)).show(ui, |ui| {
        under_line(ui, p);
        ui.horizontal_centered(|ui| {
            ui.add_space(20.0);
            text::icon(ui, icon, 22.0, p.muted);
            text::line(ui, title, Weight::Semi, size::TITLE, p.strong);
        });
    });
}

/// The line under a header.
fn under_line(ui: &Ui, p: &Palette) {
    let rect = ui.max_rect();
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, p.line));
}

/// A page that scrolls, its content in a column of limited width.
fn column(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui)) {
    egui::ScrollArea::vertical().id_salt(id).auto_shrink([false, false]).show(ui, |ui| {
        let room = ui.available_width();
        let width = (room - 48.0).min(size::FORM_MAX);
        ui.horizontal_top(|ui| {
            ui.add_space(24.0_f32.max((room - width) / 2.0).min(64.0));
            ui.vertical(|ui| {
                ui.set_width(width);
                ui.add_space(24.0);
                ui.spacing_mut().item_spacing.y = 10.0;
                add(ui);
                ui.add_space(32.0);
            });
        });
    });
}

/// A page with nothing on it: why, and what to do.
fn nothing(ui: &mut Ui, p: &Palette, icon: char, title: &str, words: &str) {
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.24).clamp(16.0, 160.0));
        let (rect, _) = ui.allocate_exact_size(egui::vec2(88.0, 88.0), egui::Sense::hover());
        ui.painter().circle_filled(rect.center(), 44.0, p.accent_soft);
        text::paint_icon(ui.painter(), rect.center(), icon, 40.0, p.accent_text, false);
        ui.add_space(10.0);
        text::label(ui, title, Weight::Semi, size::HEADING, p.strong);
        ui.add_space(2.0);
        ui.scope(|ui| {
            ui.set_max_width(420.0);
            text::label(ui, words, Weight::Regular, size::BODY, p.muted);
        });
        ui.add_space(10.0);
    });
}

/// A face, a name and a line below, as a block that fills the width left of something else.
struct PersonLine<'a> {
    account: veche_protocol::ids::AccountId,
    name: &'a str,
    below: &'a str,
    presence: Option<veche_protocol::view::Presence>,
}

fn person_line(ui: &mut Ui, cx: &Cx<'_>, st: &mut UiState, back: egui::Color32, who: &PersonLine<'_>) {
    let (rect, _) = ui.allocate_exact_size(egui::vec2(44.0, 44.0), egui::Sense::hover());
    let look = crate::widgets::avatar::Look { size: 44.0, presence: who.presence, back };
    st.avatars.paint(ui, cx.p, rect.center(), who.account, who.name, look);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add_space(2.0);
        text::line(ui, who.name, Weight::Semi, size::NAME, cx.p.strong);
        text::line(ui, who.below, Weight::Regular, size::SECOND, cx.p.muted);
    });
}
