//! A real window over the scripted node: to look at, and to measure an idle window.
//!
//! `cargo run -p veche-screens --example window -- [messages] [light]`

use veche_gui::app::{Setup, VecheApp};
use veche_gui::i18n::Language;
use veche_gui::model::time::Zone;
use veche_protocol::time::UnixMs;
use veche_protocol::view::Theme;
use veche_screens::script::Script;
use veche_screens::{Desk, cast};

fn main() -> eframe::Result {
    let arguments: Vec<String> = std::env::args().collect();
    let messages = arguments.get(1).and_then(|a| a.parse().ok()).unwrap_or(5_000_u64);
    let theme = if arguments.iter().any(|a| a == "light") { Theme::Light } else { Theme::Dark };
    let long = (0..messages).map(|i| cast::message(3, i + 1, i % 3 == 0, (messages - i) * 120_000, "One of very many messages 👍"));
    let mut said = cast::talk_with_anton();
    said.push(cast::message(1, 40, false, 60_000, "きれい！ مرحبا 😀 👍🏽 ❤️ 🎧"));
    let script = Script::ready(cast::busy(theme)).with_history(1, said).with_history(3, long.collect());
    let viewport = egui::ViewportBuilder::default().with_inner_size([1440.0, 900.0]);
    let options = eframe::NativeOptions { viewport, system_font_fallback: false, renderer: eframe::Renderer::Glow, ..Default::default() };
    eframe::run_native(
        "veche",
        options,
        Box::new(move |cc| {
            let setup = Setup {
                backend: Box::new(script),
                platform: Box::new(Desk::default()),
                clock: Box::new(|| UnixMs(cast::NOW.0)),
                zone: Zone::utc(),
                system_language: Language::English,
                system_fonts: true,
            };
            Ok(Box::new(VecheApp::new(&cc.egui_ctx, setup)))
        }),
    )
}
