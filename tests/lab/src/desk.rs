//! The real desktop app on a display of its own (Xvfb), in a host's namespace, driven by keyboard as a person would (xdotool).
//!
//! What a test sees of it is what stands in the title of the window, and pictures for people to look at.

use crate::binary::veche;
use crate::node::Recipe;
use crate::until;
use anyhow::{Context, Result, anyhow, ensure};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for the window or its end; a debug build on a busy machine without a graphics card is slow.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// From one thing that a person does to the next: the window has drawn itself anew.
const STEP: Duration = Duration::from_millis(350);
/// Between two letters, in milliseconds.
const TYPING: &str = "15";

/// A display with nothing on it.
pub struct Desk {
    recipe: Recipe,
    namespace: String,
    display: String,
    runtime: PathBuf,
    /// What else is in the environment of the app.
    surroundings: Vec<(String, PathBuf)>,
    server: Child,
}

/// The app with its window on a desk.
pub struct App<'a> {
    desk: &'a Desk,
    child: Child,
    window: String,
}

impl Desk {
    /// Starts a display in the recipe's namespace, for the recipe's profile.
    ///
    /// # Errors
    /// Xvfb does not start, or the recipe names no namespace.
    pub fn open(recipe: &Recipe) -> Result<Self> {
        let namespace = recipe.namespace.clone().context("a desk stands in a namespace")?;
        let runtime = recipe.profile.with_extension("runtime");
        std::fs::create_dir_all(&runtime)?;
        // Without `-noreset` the server starts over whenever its last client leaves.
        let mut server = Command::new("ip")
            .args(["netns", "exec", &namespace, "Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24"])
            .args(["+extension", "GLX", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let said = server.stdout.take().context("Xvfb has no output")?;
        BufReader::new(said).read_line(&mut line)?;
        let desk =
            Self { recipe: recipe.clone(), namespace, display: format!(":{}", line.trim()), runtime, surroundings: Vec::new(), server };
        ensure!(!line.trim().is_empty(), "Xvfb names no display");
        Ok(desk)
    }

    /// The same with more in the environment of the app, such as where it finds sound.
    #[must_use]
    pub fn with(mut self, surroundings: Vec<(String, PathBuf)>) -> Self {
        self.surroundings = surroundings;
        self
    }

    /// Starts the app and waits for its window.
    ///
    /// # Errors
    /// It does not come.
    pub fn start(&self) -> Result<App<'_>> {
        let log = std::fs::File::options().create(true).append(true).open(self.recipe.profile.with_extension("log"))?;
        let mut command = self.command(veche()?);
        let child = command.arg("--profile").arg(&self.recipe.profile).arg("--lan").stderr(log).spawn()?;
        let mut app = App { desk: self, child, window: String::new() };
        let pid = app.child.id().to_string();
        app.window = until("the window", PATIENCE, || {
            let found = self.xdotool(&["search", "--onlyvisible", "--pid", &pid]);
            Ok(found.and_then(|found| found.lines().next().map(str::to_owned).context("none yet")).map_err(|why| why.to_string()))
        })?;
        // There is no window manager here that would give it the keyboard.
        until("the keyboard focus", PATIENCE, || {
            Ok(self.xdotool(&["windowfocus", "--sync", &app.window]).map(drop).map_err(|why| why.to_string()))
        })?;
        Ok(app)
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program.as_ref());
        command.env("DISPLAY", &self.display).env("XDG_RUNTIME_DIR", &self.runtime).env("LANG", "C.UTF-8").env_remove("WAYLAND_DISPLAY");
        // The desktop's keyring is no business of a test.
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent").stdin(Stdio::null());
        command.envs(self.surroundings.iter().map(|(key, value)| (key, value)));
        command
    }

    fn xdotool(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command("xdotool").args(arguments).output()?;
        ensure!(output.status.success(), "xdotool {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn picture(&self, file: &Path) -> Result<()> {
        let taken = self.command("import").args(["-window", "root"]).arg(file).status()?;
        ensure!(taken.success(), "import takes no picture");
        Ok(())
    }

    /// Where pictures of failures are kept.
    #[must_use]
    pub fn kept() -> PathBuf {
        std::env::temp_dir().join("veche-lab-pictures")
    }

    /// Keeps a picture of the display, and the log of the app beside it.
    fn keep(&self) -> Result<()> {
        let folder = Self::kept();
        std::fs::create_dir_all(&folder)?;
        let picture = folder.join(&self.recipe.name).with_extension("png");
        self.picture(&picture)?;
        std::fs::copy(self.recipe.profile.with_extension("log"), picture.with_extension("log"))?;
        Ok(())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl App<'_> {
    /// Presses keys, one after the other, each named as X11 names them: `ctrl+k`, `Return`.
    ///
    /// # Errors
    /// xdotool fails.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        for key in keys {
            self.desk.xdotool(&["key", key])?;
            thread::sleep(STEP);
        }
        Ok(())
    }

    /// Types into what has the keyboard.
    ///
    /// # Errors
    /// xdotool fails.
    pub fn types(&self, text: &str) -> Result<()> {
        self.desk.xdotool(&["type", "--delay", TYPING, text])?;
        thread::sleep(STEP);
        Ok(())
    }

    /// Closes what lies on top, and jumps to a page or a person by typing a part of the name.
    ///
    /// # Errors
    /// xdotool fails.
    pub fn goes_to(&self, name: &str) -> Result<()> {
        self.press(&["Escape", "ctrl+k"])?;
        self.types(name)?;
        self.press(&["Return"])
    }

    /// Types a message where the composer has the keyboard, and sends it.
    ///
    /// # Errors
    /// xdotool fails.
    pub fn says(&self, text: &str) -> Result<()> {
        self.types(text)?;
        self.press(&["Return"])
    }

    /// Takes a picture of the display it is on.
    ///
    /// # Errors
    /// It cannot be taken or written.
    pub fn picture(&self, file: &Path) -> Result<()> {
        self.desk.picture(file)
    }

    /// The title of the window.
    ///
    /// # Errors
    /// xdotool fails.
    pub fn title(&self) -> Result<String> {
        self.desk.xdotool(&["getwindowname", &self.window])
    }

    /// Waits for the title of the window.
    ///
    /// # Errors
    /// It stays another.
    pub fn wait_title(&self, wanted: &str, patience: Duration) -> Result<()> {
        until(&format!("the title `{wanted}`"), patience, || {
            let title = self.title()?;
            Ok(if title == wanted { Ok(()) } else { Err(title) })
        })
    }

    /// Closes the app by its key, and waits for its end.
    ///
    /// # Errors
    /// It does not end, or not well.
    pub fn quit(mut self) -> Result<()> {
        self.press(&["ctrl+q"])?;
        let asked = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the app ended with {status}");
                return Ok(());
            }
            ensure!(asked.elapsed() < PATIENCE, anyhow!("the app does not end"));
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for App<'_> {
    fn drop(&mut self) {
        // Nobody has closed it: a test has failed.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.desk.keep();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
