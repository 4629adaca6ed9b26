//! The real app in a real window, driven as a person would: on a display of its own, by keyboard alone.
//!
//! `VECHE_SCREENSHOT=FILE.png` keeps a picture of the window.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything; a debug build on a busy machine without a graphics card is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that does not outlive the test.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Desk {
    display: String,
    home: PathBuf,
    _x: Guard,
}

impl Desk {
    fn open() -> Self {
        // Without `-noreset` the server starts over whenever its last client leaves, as xdotool does before the app is there, and
        // whoever connects just then is turned away.
        let mut x = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x800x24", "+extension", "GLX", "-nolisten", "tcp", "-noreset"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb starts: `make test` installs it");
        let mut line = String::new();
        BufReader::new(x.stdout.take().expect("its output")).read_line(&mut line).expect("the number of the display");
        let home = std::env::temp_dir().join(format!("veche-window-{}", std::process::id()));
        std::fs::create_dir_all(&home).expect("a folder");
        Self { display: format!(":{}", line.trim()), home, _x: Guard(x) }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.display).env("XDG_RUNTIME_DIR", &self.home).env_remove("WAYLAND_DISPLAY").stdin(Stdio::null());
        command
    }

    fn xdotool(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command("xdotool").args(arguments).output().expect("xdotool runs: `make test` installs it");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// The app as it was built beside this test.
fn app() -> PathBuf {
    let test = std::env::current_exe().expect("this test");
    let app = test.parent().and_then(Path::parent).expect("the target folder").join("veche");
    assert!(app.exists(), "{} is not built: cargo build -p veche-gui", app.display());
    app
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_new_user_makes_an_account_by_keyboard() {
    let desk = Desk::open();
    let profile = desk.home.join("profile");
    let arguments = |command: &mut Command| {
        command.arg("--profile").arg(&profile).arg("--lan");
    };
    let mut command = desk.command(app());
    arguments(&mut command);
    let mut veche = Guard(command.spawn().expect("the app starts"));
    let pid = veche.0.id().to_string();
    let window = wait_for("the window", || desk.xdotool(&["search", "--onlyvisible", "--pid", &pid])?.lines().next().map(str::to_owned));
    // There is no window manager here that would give it the keyboard.
    wait_for("the keyboard focus", || desk.xdotool(&["windowfocus", "--sync", &window]));
    wait_for("the title of a window without an account", || desk.xdotool(&["getwindowname", &window]).filter(|name| name == "Veche"));
    wait_for("the profile to be ready for an account", || profile.join("lock").exists().then_some(()));
    // Typed into the field that has the focus from the start; the login is proposed from it.
    let made = || profile.join("keyfile").exists();
    wait_for("the account", || {
        desk.xdotool(&["type", "--delay", "20", "Anna"]);
        std::thread::sleep(Duration::from_millis(500));
        desk.xdotool(&["key", "Return"]);
        std::thread::sleep(Duration::from_millis(1500));
        made().then_some(())
    });
    if let Some(path) = std::env::var_os("VECHE_SCREENSHOT") {
        std::thread::sleep(Duration::from_millis(1000));
        let status = desk.command("import").args(["-window", &window]).arg(path).status().expect("import runs: `make test` installs it");
        assert!(status.success());
    }
    // A second start hands over and ends.
    let mut second = desk.command(app());
    arguments(&mut second);
    let status = second.arg("veche:c/AQ").status().expect("the app starts again");
    assert!(status.success(), "the second start hands its link to the first");
    assert!(veche.0.try_wait().expect("its state").is_none(), "the first is still there");
    desk.xdotool(&["key", "ctrl+q"]);
    let status = wait_for("the end", || veche.0.try_wait().expect("its state"));
    assert!(status.success(), "{status}");
    assert!(profile.join("window.json").exists(), "the place of the window is kept");
    assert!(!profile.join("window.sock").exists(), "nobody is left to knock at");
    std::fs::remove_dir_all(&desk.home).expect("removed");
}
