//! The desktop app: finds or becomes the one window of a profile, starts the node beside it, and opens it.

use clap::Parser;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing_subscriber::EnvFilter;
use veche_gui::app::{Setup, VecheApp};
use veche_gui::bridge::node;
use veche_gui::i18n::Language;
use veche_gui::model::time::Zone;
use veche_gui::platform::Outside;
use veche_gui::platform::desktop::Desktop;
use veche_gui::platform::instance::{self, Instance};
use veche_node::config::Options;
use veche_node::net::addr::parse_addr;
use veche_protocol::link::Addr;
use veche_protocol::time::{UnixMs, millis};

const ICON: &[u8] = include_bytes!("../assets/veche.png");

/// Longest passphrase file, bytes. More than that is some other file.
const MAX_PASSPHRASE: u64 = 4_096;

/// Veche, a messenger without a server. Opens its window; started again with a veche: link, hands it to the open window.
#[derive(Debug, Parser)]
#[command(name = "veche", version, max_term_width = 100)]
struct Args {
    /// Directory of the profile; made if absent [default: veche in the user's data directory]
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,

    /// Never touch anything outside the local network
    #[arg(long)]
    lan: bool,

    /// Address to listen on, such as /ip4/0.0.0.0/udp/4001/quic-v1; may be repeated
    /// [default: a free port on every interface, for QUIC and TCP]
    #[arg(long, value_name = "MULTIADDR", value_parser = listen_address)]
    listen: Vec<Addr>,

    /// Neither look for nodes on the local network nor be announced to them
    #[arg(long)]
    no_discovery: bool,

    /// File whose first line is the passphrase that opens the profile
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// What to log on standard error: error, warn, info, debug, or directives as in `veche_node=debug`
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    log: String,

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
    log_to_stderr(&args.log)?;
    let options = args.options()?;
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

/// Logs name no people, texts, keys or addresses above TRACE; libraries that do are kept quiet whatever is asked.
fn log_to_stderr(filter: &str) -> Result<(), String> {
    let mut filter = EnvFilter::builder().parse(filter).map_err(|why| format!("--log cannot be read: {why}."))?;
    // Talk about the display that nobody can do anything about.
    for directive in veche_node::net::QUIET_LIBRARIES.iter().chain(&["winit=error", "egui_system_font_provider=error"]) {
        if let Ok(directive) = directive.parse() {
            filter = filter.add_directive(directive);
        }
    }
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|why| format!("Logging cannot start: {why}."))
}

/// A directory that only its owner can read.
fn make_private(profile: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(profile)
}

fn listen_address(text: &str) -> Result<Addr, String> {
    match parse_addr(text) {
        Ok((addr, None)) => Ok(addr),
        Ok((_, Some(_))) => Err("An address to listen on ends before /p2p/: this node has its own id.".into()),
        Err(why) => Err(why.to_string()),
    }
}

impl Args {
    /// What the node is started with.
    ///
    /// # Errors
    /// A sentence: there is nowhere to keep the profile, or the passphrase file cannot be read.
    fn options(&self) -> Result<Options, String> {
        let profile =
            self.profile.clone().or_else(default_profile).ok_or("There is no home directory. Say with --profile where the profile is.")?;
        let passphrase = self.passphrase_file.as_ref().map(read_passphrase).transpose()?;
        Ok(Options { lan_only: self.lan, listen: self.listen.clone(), discovery: !self.no_discovery, passphrase, ..Options::new(profile) })
    }
}

fn read_passphrase(path: &PathBuf) -> Result<String, String> {
    let unusable = |why: String| format!("The passphrase file {} cannot be used: {why}.", path.display());
    let size = std::fs::metadata(path).map_err(|why| unusable(why.to_string()))?.len();
    if size > MAX_PASSPHRASE {
        return Err(unusable("it is too large".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|why| unusable(why.to_string()))?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(unusable("its first line is empty".into())),
    }
}

/// `veche` in the place where programs of this system keep their data.
fn default_profile() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    let data = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        variable("XDG_DATA_HOME").filter(|path| path.is_absolute()).or_else(|| variable("HOME").map(|home| home.join(".local/share")))
    };
    data.map(|data| data.join("veche"))
}
