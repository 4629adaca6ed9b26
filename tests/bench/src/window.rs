//! The app in a window on a display of its own, drawn in software: from its start to the first picture, and at rest. Beside it a
//! window with nothing in it, from the same libraries and of the same size.

use crate::profile::library;
use crate::table::{Row, Times, Verdict, mib, ms};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use veche_lab::node::Usage;

/// Tells a second run of the program to be the empty window.
pub const ARGUMENT: &str = "empty-window";
/// Size of the display, pixels.
const SIZE: (u32, u32) = (1280, 800);
/// Size of the empty window, pixels: that of the app at its first start.
const WINDOW: [f32; 2] = [1180.0, 760.0];
/// Starts of each.
const STARTS: usize = 5;
/// Longest wait for a picture.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// Different colours of the left column once the list of conversations is drawn: faces have many, a start-up screen has few.
const LIST: usize = 150;
/// Width of that column.
const COLUMN: usize = 240;
/// After its start a window settles for this long before it is watched.
const SETTLE: Duration = Duration::from_secs(5);
/// How long rest is watched.
const IDLE: Duration = Duration::from_secs(15);

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let skipped = |why: &str| {
        let (figure, target) = ("-".to_owned(), "<= 1.2 s".to_owned());
        vec![Row {
            number: "5",
            what: "start of the app to its first picture",
            figure,
            beside: why.to_owned(),
            target,
            verdict: Verdict::Skipped,
        }]
    };
    let Ok(screen) = Screen::open() else { return Ok(skipped("Xvfb is not installed")) };
    let app = std::env::current_exe()?.with_file_name("veche");
    if !app.exists() {
        return Ok(skipped("the app is not built: cargo build -p veche-gui"));
    }
    let profile = library::open()?;
    let (mut painted, mut listed, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    let (mut app_rest, mut empty_rest) = (None, None);
    for round in 0..STARTS {
        let watched = round == STARTS - 1;
        let mut command = screen.command(&app);
        command.arg("--profile").arg(&profile).args(["--lan", "--no-discovery", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"]);
        let (first, list, rest) = watch(&screen, command, true, watched)?;
        painted.push(first);
        listed.push(list);
        app_rest = rest.or(app_rest);
        let mut command = screen.command(&std::env::current_exe()?);
        command.arg(ARGUMENT);
        let (first, _, rest) = watch(&screen, command, false, watched)?;
        nothing.push(first);
        empty_rest = rest.or(empty_rest);
    }
    let (painted, listed, nothing) = (Times::from(painted), Times::from(listed), Times::from(nothing));
    let (app_rest, empty_rest) = app_rest.zip(empty_rest).context("both were watched")?;
    let more = app_rest.memory.saturating_sub(empty_rest.memory);
    let size = format!("{} messages in {} conversations", library::MESSAGES, library::CHATS);
    let watching = format!("drawn in software, {size}, watched {} s", IDLE.as_secs());
    Ok(vec![
        Row {
            number: "5",
            what: "start of the app to its first picture",
            figure: format!("p50 {}, longest {}", ms(painted.at(50)), ms(painted.longest())),
            beside: format!("an empty window: p50 {}; {size}; {STARTS} starts each, in turn", ms(nothing.at(50))),
            target: "<= 1.2 s".to_owned(),
            verdict: Verdict::of(painted.at(50) <= Duration::from_millis(1200)),
        },
        Row {
            number: "5",
            what: "start of the app to the drawn list of conversations",
            figure: format!("p50 {}, longest {}", ms(listed.at(50)), ms(listed.longest())),
            beside: format!("that is {} after the first picture", ms(listed.at(50).saturating_sub(painted.at(50)))),
            target: String::new(),
            verdict: Verdict::Shown,
        },
        Row {
            number: "18",
            what: "idle app: memory beyond an empty window",
            figure: format!("{:.1} MiB", mib(more)),
            beside: format!("the app {:.1}, the empty window {:.1} MiB; {watching}", mib(app_rest.memory), mib(empty_rest.memory)),
            target: "<= 150 MB".to_owned(),
            verdict: Verdict::of(more <= 150_000_000),
        },
        Row {
            number: "18",
            what: "idle app: processor",
            figure: format!("{:.2} % of a core", app_rest.share * 100.0),
            beside: format!("the empty window {:.2} %; {watching}", empty_rest.share * 100.0),
            target: "<= 0.5 %".to_owned(),
            verdict: Verdict::of(app_rest.share <= 0.005),
        },
    ])
}

/// A program at rest.
#[derive(Clone, Copy)]
struct Rest {
    /// Bytes.
    memory: u64,
    /// Of a core.
    share: f64,
}

/// Starts a program, waits for its first picture and, where there is one, for the list, and ends it. Returns the two times.
fn watch(screen: &Screen, mut command: Command, list: bool, rest: bool) -> Result<(Duration, Duration, Option<Rest>)> {
    screen.wait("the last window to be gone", Picture::is_dark)?;
    let begun = Instant::now();
    let program = Guard(command.spawn()?);
    screen.wait("a picture", |picture| !picture.is_dark())?;
    let first = begun.elapsed();
    if list {
        screen.wait("the list of conversations", |picture| picture.colours() >= LIST)?;
    }
    let listed = begun.elapsed();
    let mut rested = None;
    if rest {
        thread::sleep(SETTLE);
        let before = Usage::of(program.0.id())?;
        thread::sleep(IDLE);
        let after = Usage::of(program.0.id())?;
        let share = after.cpu.saturating_sub(before.cpu).as_secs_f64() / IDLE.as_secs_f64();
        rested = Some(Rest { memory: after.rss, share });
    }
    program.end()?;
    Ok((first, listed, rested))
}

/// The empty window: the libraries and options of the app, and nothing drawn but its colour.
///
/// # Errors
/// It cannot be opened.
pub fn empty() -> Result<()> {
    struct Nothing;
    impl eframe::App for Nothing {
        fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
            let rect = ui.max_rect();
            ui.painter().rect_filled(rect, 0, ui.visuals().widgets.active.bg_fill);
        }
    }
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default().with_inner_size(WINDOW),
        renderer: eframe::Renderer::Glow,
        ..eframe::NativeOptions::default()
    };
    let made = eframe::run_native("empty", options, Box::new(|_| Ok(Box::new(Nothing))));
    made.map_err(|why| anyhow::anyhow!("{why}"))
}

/// A display whose picture can be read from a file.
struct Screen {
    display: String,
    folder: tempfile::TempDir,
    _x: Guard,
}

/// What is on it: four bytes a pixel.
struct Picture(Vec<u8>);

impl Screen {
    fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let size = format!("{}x{}x24", SIZE.0, SIZE.1);
        let mut x = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &size, "+extension", "GLX", "-nolisten", "tcp", "-noreset", "-fbdir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(x.stdout.take().context("its output")?).read_line(&mut line)?;
        ensure!(!line.trim().is_empty(), "Xvfb says no number");
        Ok(Self { display: format!(":{}", line.trim()), folder, _x: Guard(x) })
    }

    fn command(&self, program: &PathBuf) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display).env("XDG_RUNTIME_DIR", self.folder.path()).env("LIBGL_ALWAYS_SOFTWARE", "1");
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").env_remove("WAYLAND_DISPLAY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The picture: the end of the file that the X server keeps it in, behind a header and a table of colours.
    fn picture(&self) -> Result<Picture> {
        let file = fs::read(self.folder.path().join("Xvfb_screen0"))?;
        let bytes = SIZE.0 as usize * SIZE.1 as usize * 4;
        let start = file.len().checked_sub(bytes).context("a picture of another size")?;
        Ok(Picture(file[start..].to_vec()))
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Picture) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !is_so(&self.picture()?) {
            ensure!(begun.elapsed() < PATIENCE, "{what} did not come");
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Picture {
    /// Whether nothing is drawn in the middle of the screen.
    fn is_dark(&self) -> bool {
        let middle = self.0.len() / 2 + SIZE.0 as usize * 2;
        self.0[middle..].iter().take(400).all(|byte| *byte == 0 || *byte == 0xff)
    }

    /// Different colours in the left column.
    fn colours(&self) -> usize {
        let rows = self.0.chunks_exact(SIZE.0 as usize * 4);
        let pixels = rows.flat_map(|row| row.chunks_exact(4).take(COLUMN));
        let colours: std::collections::BTreeSet<[u8; 3]> = pixels.map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        colours.len()
    }
}

/// A process that ends with its owner.
struct Guard(Child);

impl Guard {
    /// Asks it to end, as a desktop that logs out does, and waits.
    fn end(mut self) -> Result<()> {
        veche_lab::world::run("kill", &["-TERM", &self.0.id().to_string()])?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
