//! What the screen tests stand on: a scripted node, the people in it, and a window without a display.

pub mod act;
pub mod cast;
pub mod script;

use egui_kittest::Harness;
use script::Script;
use std::cell::Cell;
use std::rc::Rc;
use veche_gui::app::{Setup, VecheApp};
use veche_gui::bridge::{Secret, Waker};
use veche_gui::i18n::{Lang, Language};
use veche_gui::model::time::Zone;
use veche_gui::platform::{Outside, Platform};
use veche_protocol::ids::SpaceId;
use veche_protocol::time::UnixMs;

/// What the desktop was asked to do.
#[derive(Clone, Default)]
pub struct Desk {
    /// Notifications: title and text.
    pub notes: Rc<std::cell::RefCell<Vec<(String, String)>>>,
    /// The key of push to talk.
    pub talk_key: Rc<std::cell::RefCell<Option<String>>>,
    /// What comes from outside next.
    pub outside: Rc<std::cell::RefCell<std::collections::VecDeque<Outside>>>,
}

impl Platform for Desk {
    fn set_waker(&mut self, _: Waker) {}

    fn poll(&mut self) -> Option<Outside> {
        self.outside.borrow_mut().pop_front()
    }

    fn notify(&mut self, _: Option<SpaceId>, title: &str, body: &str) {
        self.notes.borrow_mut().push((title.to_owned(), body.to_owned()));
    }

    fn choose_file(&mut self, import: bool, passphrase: Secret, _: &Lang) {
        self.outside.borrow_mut().push_back(Outside::FileChosen { import, path: "chosen.veche-backup".into(), passphrase });
    }

    fn talk_key(&self) -> Option<String> {
        self.talk_key.borrow().clone()
    }

    fn keep_talk_key(&mut self, name: &str) {
        *self.talk_key.borrow_mut() = Some(name.to_owned());
    }

    fn placed(&mut self, _: &egui::Context) {}

    fn closed(&mut self) {}
}

/// A window over a scripted node.
pub struct Window {
    /// The window.
    pub harness: Harness<'static, VecheApp>,
    /// The desktop around it.
    pub desk: Desk,
    /// The wall clock, milliseconds.
    pub clock: Rc<Cell<u64>>,
}

impl Window {
    /// The person goes to another window.
    pub fn unfocus(&mut self) {
        self.harness.input_mut().viewports.entry(egui::ViewportId::ROOT).or_default().focused = Some(false);
        act::steps(self);
    }
}

/// Opens a window.
#[must_use]
pub fn open(script: Script, width: f32, height: f32) -> Window {
    let desk = Desk::default();
    let clock = Rc::new(Cell::new(cast::NOW.0));
    let (platform, time) = (desk.clone(), Rc::clone(&clock));
    let harness = Harness::builder().with_size(egui::vec2(width, height)).with_max_steps(60).build_eframe(move |cc| {
        let setup = Setup {
            backend: Box::new(script),
            platform: Box::new(platform),
            clock: Box::new(move || UnixMs(time.get())),
            zone: Zone::utc(),
            system_language: Language::English,
            system_fonts: false,
        };
        VecheApp::new(&cc.egui_ctx, setup)
    });
    Window { harness, desk, clock }
}
