//! The window in a call: how often it is drawn, and what laying it out and cutting it into triangles costs. The node and the app are
//! the real ones; only the graphics card is missing, and nothing is filled with colour.

use crate::table::{Row, Verdict};
use anyhow::{Context, Result, ensure};
use egui::{RawInput, Rect, ViewportId, pos2, vec2};
use serde_json::json;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use veche_gui::app::{Setup, VecheApp};
use veche_gui::bridge::{Secret, Waker, node};
use veche_gui::i18n::{Lang, Language};
use veche_gui::model::Intent;
use veche_gui::model::call::CallIntent;
use veche_gui::model::time::Zone;
use veche_gui::platform::{Outside, Platform};
use veche_lab::cast::{Person, befriend, free_port};
use veche_lab::node::Recipe;
use veche_lab::phone::Phone;
use veche_lab::sound::Clip;
use veche_node::config::Options;
use veche_protocol::ids::SpaceId;
use veche_protocol::link::{Addr, Transport};
use veche_protocol::time::UnixMs;
use veche_protocol::view::{CallPhase, Presence};

/// How long each part is watched.
const WATCH: Duration = Duration::from_secs(20);
/// The window settles for this long.
const SETTLE: Duration = Duration::from_secs(4);
/// A screen is drawn no more often than this.
const FRAME: Duration = Duration::from_micros(16_667);
/// Wishes to be drawn that wait; where there are more, one of them is as good as the others.
const WISHES: usize = 256;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most of a core, in percent.
const MOST: f64 = 3.0;
/// Most pictures a second.
const OFTEN: f64 = 10.0;

/// Measures.
pub fn rows() -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    // Two seconds of speech, two of silence, and so on; in the end nothing.
    let talk = (0..20).fold(Clip::silence(Duration::ZERO), |talk, n| {
        talk.then(&Clip::babble(Duration::from_secs(2), n + 1)).then(&Clip::silence(Duration::from_secs(2)))
    });
    let phone = Phone::new("bob", talk, folder.path())?;
    let (port, mine) = (free_port()?, free_port()?);
    let bob = Person::new(&phone.on(Recipe::new("bob", folder.path()).on_loopback(port)), "bob", "Bob")?;
    let alice = Person::new(&Recipe::new("alice", folder.path()).on_loopback(mine).with(["--audio", "null"]), "alice", "Alice")?;
    befriend(&alice, &bob)?;
    let account = alice.account.clone();
    // The app goes on with her profile.
    let _away = alice.leave()?;
    let listen = Addr::direct(SocketAddr::from((Ipv4Addr::LOCALHOST, mine)), Transport::Quic);
    let options = Options {
        listen: vec![listen],
        discovery: false,
        keyring: false,
        audio: "null".parse().map_err(anyhow::Error::msg)?,
        ..Options::new(folder.path().join("alice"))
    };
    let (backend, threads) = node::start(options)?;
    let mut window = Window::new(backend);
    window.until("an account", |app| app.model().snap.people.iter().any(|person| person.presence != Presence::Offline))?;
    let call = bob.call("call.start", json!({ "account_id": account }))?["call_id"].clone();
    window.until("a call that rings", |app| app.model().snap.calls.iter().any(|call| call.phase == CallPhase::Incoming))?;
    let ringing = window.app.model().snap.calls.first().context("no call")?.call_id;
    window.app.push(Intent::Call(CallIntent::Accept(ringing)));
    window.until("a talk", |app| app.model().snap.calls.iter().any(|call| call.phase == CallPhase::Active))?;
    window.run(SETTLE)?;
    let speaking = window.run(WATCH)?;
    // Bob closes his microphone: nobody speaks.
    bob.call("call.set", json!({ "call_id": call, "mic": false }))?;
    window.run(SETTLE)?;
    let silent = window.run(WATCH)?;
    drop(window);
    threads.stop();
    drop(bob);
    let met = speaking.share <= MOST && speaking.often <= OFTEN && silent.often <= speaking.often;
    Ok(vec![Row {
        number: "16",
        what: "what the window adds to a call in which somebody speaks every other moment: layout and tessellation",
        figure: format!("{:.2} % of a core, {:.1} pictures a second", speaking.share, speaking.often),
        beside: format!("nobody speaks: {:.2} %, {:.1} a second; {} s each, 1180x760", silent.share, silent.often, WATCH.as_secs()),
        target: format!("<= {MOST} %, <= {OFTEN} a second, fewer in silence"),
        verdict: Verdict::of(met),
    }])
}

/// What was seen of a window for a while.
struct Seen {
    /// Of a core, in percent.
    share: f64,
    /// Pictures a second.
    often: f64,
}

/// The app without a screen: drawn when it asks for that, as a desktop would.
struct Window {
    ctx: egui::Context,
    app: VecheApp,
    asked: Receiver<Duration>,
    begun: Instant,
    due: Option<Instant>,
    drawn: Instant,
}

impl Window {
    fn new(backend: node::NodeBackend) -> Self {
        let ctx = egui::Context::default();
        let (ask, asked) = sync_channel(WISHES);
        ctx.set_request_repaint_callback(move |wish| {
            let _ = ask.try_send(wish.delay);
        });
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(UnixMs(0), |since| UnixMs(since.as_millis() as u64));
        let setup = Setup {
            backend: Box::new(backend),
            platform: Box::new(Nowhere),
            clock: Box::new(now),
            zone: Zone::utc(),
            system_language: Language::English,
            system_fonts: false,
        };
        let app = VecheApp::new(&ctx, setup);
        let now = Instant::now();
        Self { ctx, app, asked, begun: now, due: Some(now), drawn: now }
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&VecheApp) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !is_so(&self.app) {
            ensure!(begun.elapsed() < PATIENCE, "{what} did not come");
            self.run(Duration::from_millis(100))?;
        }
        Ok(())
    }

    fn run(&mut self, time: Duration) -> Result<Seen> {
        let (begun, before, mut pictures) = (Instant::now(), on_processor()?, 0_u32);
        let end = begun + time;
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            let next = self.due.map_or(end, |due| due.max(self.drawn + FRAME)).min(end);
            if self.due.is_some_and(|_| next <= now) {
                self.draw();
                pictures += 1;
                continue;
            }
            if let Ok(delay) = self.asked.recv_timeout(next - now) {
                self.wish(delay);
            }
        }
        let passed = begun.elapsed().as_secs_f64();
        let spent = on_processor()?.saturating_sub(before).as_secs_f64();
        Ok(Seen { share: spent / passed * 100.0, often: f64::from(pictures) / passed })
    }

    fn wish(&mut self, delay: Duration) {
        if let Some(wished) = Instant::now().checked_add(delay) {
            self.due = Some(self.due.map_or(wished, |due| due.min(wished)));
        }
    }

    fn draw(&mut self) {
        (self.due, self.drawn) = (None, Instant::now());
        // What was asked for before is done now.
        while self.asked.try_recv().is_ok() {}
        let rect = Rect::from_min_size(pos2(0.0, 0.0), vec2(1180.0, 760.0));
        let input =
            RawInput { screen_rect: Some(rect), time: Some(self.begun.elapsed().as_secs_f64()), focused: true, ..RawInput::default() };
        let app = &mut self.app;
        let mut output = self.ctx.run_ui(input, |ui| {
            app.take_in(ui.ctx());
            app.draw(ui);
        });
        let shapes = std::mem::take(&mut output.shapes);
        let _triangles = self.ctx.tessellate(shapes, output.pixels_per_point);
        output.textures_delta.clear();
        if let Some(root) = output.viewport_output.get(&ViewportId::ROOT) {
            let delay = root.repaint_delay;
            self.wish(delay);
        }
    }
}

/// Time that this thread was on a processor.
fn on_processor() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").context("this is not Linux")?;
    let nanos = stat.split(' ').next().and_then(|word| word.parse().ok()).context("no time")?;
    Ok(Duration::from_nanos(nanos))
}

/// A desktop that has nothing.
struct Nowhere;

impl Platform for Nowhere {
    fn set_waker(&mut self, _waker: Waker) {}

    fn poll(&mut self) -> Option<Outside> {
        None
    }

    fn notify(&mut self, _chat: Option<SpaceId>, _title: &str, _body: &str) {}

    fn choose_file(&mut self, _import: bool, _passphrase: Secret, _lang: &Lang) {}

    fn talk_key(&self) -> Option<String> {
        None
    }

    fn keep_talk_key(&mut self, _name: &str) {}

    fn placed(&mut self, _ctx: &egui::Context) {}

    fn closed(&mut self) {}
}
