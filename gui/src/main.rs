//! The desktop app: finds or becomes the one window of a profile, starts the node beside it, and opens it.

use clap::Parser;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use veche_gui::app::{Setup, VecheApp};
use veche_gui::bridge::node;
use veche_gui::i18n::Language;
use veche_gui::model::time::Zone;
use veche_gui::platform::Outside;
use veche_gui::platform::desktop::Desktop;
use veche_gui::platform::instance::{self, Instance};
use veche_node::cli::NodeArgs;
use veche_node::config::Options;
use veche_protocol::time::{UnixMs, millis};

const ICON: &[u8] = include_bytes!("../assets/veche.png");

/// Log directives against talk about the display that nobody can do anything about.
const QUIET_DISPLAY: [&str; 2] = ["winit=error", "egui_system_font_provider=error"];

/// Veche, a messenger without a server. Opens its window; started again with a veche: link, hands it to the open window.
#[derive(Debug, Parser)]
#[command(name = "veche", version, max_term_width = 100)]
struct Args {
    #[command(flatten)]
    node: NodeArgs,

    /// A veche: link to open
    #[arg(value_name = "LINK")]
    link: Option<String>,
}

fn main() -> ExitCode {
    match start(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            let _ = writeln!(std::io::stderr(), "veche: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn start(args: &Args) -> Result<(), String> {
    args.node.log_to_stderr(&QUIET_DISPLAY)?;
    let options = Options { tones: true, ..args.node.options()? };
    let profile = options.profile.clone();
    make_private(&profile).map_err(|why| format!("The profile {} cannot be made: {why}.", profile.display()))?;
    let desktop =
        Desktop::new(&profile).map_err(|why| format!("The system gave no threads ({why}). Close other programs and start again."))?;
    let link = args.link.as_deref();
    match instance::claim(&profile, link, desktop.sender()) {
        Ok(Instance::Second) => return Ok(()),
        Ok(Instance::First) => {}
        // Without the socket links do not reach this window; everything else works.
        Err(why) => tracing::warn!(%why, "other starts cannot reach this window"),
    }
    if let Some(link) = link {
        desktop.sender().send(Outside::Link(link.to_owned()));
    }
    let (backend, threads) =
        node::start(options).map_err(|why| format!("The system gave no threads ({why}). Close other programs and start again."))?;
    let shown = show(desktop, backend);
    threads.stop();
    instance::release(&profile);
    shown.map_err(|why| format!("The window cannot be opened ({why}). Check that this session has a display and OpenGL 2.1 or newer."))
}

fn show(desktop: Desktop, backend: node::NodeBackend) -> eframe::Result {
    let mut viewport = egui::ViewportBuilder::default().with_app_id("veche").with_title("Veche");
    if let Ok(icon) = eframe::icon_data::from_png_bytes(ICON) {
        viewport = viewport.with_icon(icon);
    }
    let options = eframe::NativeOptions {
        viewport: desktop.placement().apply(viewport),
        renderer: eframe::Renderer::Glow,
        system_font_fallback: false,
        ..eframe::NativeOptions::default()
    };
    let language = sys_locale::get_locale().map_or(Language::English, |tag| Language::from_tag(&tag));
    let create = move |cc: &eframe::CreationContext<'_>| -> Result<Box<dyn eframe::App>, Box<dyn std::error::Error + Send + Sync>> {
        let setup = Setup {
            backend: Box::new(backend),
            platform: Box::new(desktop),
            clock: Box::new(|| UnixMs(millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))),
            zone: Zone::system(),
            system_language: language,
            system_fonts: true,
        };
        Ok(Box::new(VecheApp::new(&cc.egui_ctx, setup)))
    };
    eframe::run_native("veche", options, Box::new(create))
}

/// A directory that only its owner can read.
fn make_private(profile: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(profile)
}
