//! Mumble as the other to compare with: its server and two of its apps on a display of their own, with their defaults but for one:
//! they send all the time, so that no beginning of a word is missing from what is compared.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// From the start of the programs to both having joined.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks for a window that asks something.
const LOOK: Duration = Duration::from_millis(500);

/// A call between two. Ends when dropped.
pub struct Call(Vec<Child>);

impl Drop for Call {
    fn drop(&mut self) {
        for process in self.0.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Answers once both have joined. To be called in the surroundings of the sound server.
///
/// # Errors
/// Mumble is not installed, or does not get that far.
pub fn call(folder: &Path) -> Result<Call> {
    for program in ["mumble", "murmurd", "Xvfb", "xdotool"] {
        ensure!(super::is_there(program), "there is no {program} here");
    }
    let folder = tempfile::tempdir_in(folder)?;
    let mut call = Call(Vec::new());
    let display = call.display()?;
    let server = call.serve(folder.path())?;
    for name in ["a", "b"] {
        call.join(name, folder.path(), &display, &server)?;
    }
    Ok(call)
}

impl Call {
    fn start(&mut self, command: &mut Command) -> Result<&mut Child> {
        let name = command.get_program().to_string_lossy().into_owned();
        self.0.push(command.stdin(Stdio::null()).spawn().with_context(|| format!("{name} does not start"))?);
        self.0.last_mut().context("it was just started")
    }

    fn display(&mut self) -> Result<String> {
        let mut command = Command::new("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]);
        let x = self.start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
        let mut line = String::new();
        BufReader::new(x.stdout.take().context("its output")?).read_line(&mut line)?;
        ensure!(!line.trim().is_empty(), "Xvfb says no number");
        Ok(format!(":{}", line.trim()))
    }

    fn serve(&mut self, folder: &Path) -> Result<Server> {
        // A port that was free a moment ago.
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let (settings, log) = (folder.join("server.ini"), folder.join("server.log"));
        let database = folder.join("server.sqlite");
        // Without the last word it becomes a user who may not write here.
        fs::write(&settings, format!("database={}\nhost=127.0.0.1\nport={port}\nbonjour=false\nuname=root\n", database.display()))?;
        let output = fs::File::create(&log)?;
        self.start(Command::new("murmurd").arg("-ini").arg(&settings).arg("-fg").stdout(output.try_clone()?).stderr(output))?;
        let server = Server { port, log };
        server.wait("its server", |log| log.contains("Server listening"), || Ok(()))?;
        Ok(server)
    }

    fn join(&mut self, name: &str, folder: &Path, display: &str, server: &Server) -> Result<()> {
        let home = folder.join(name);
        let settings = home.join(".config/Mumble");
        fs::create_dir_all(&settings)?;
        let devices = format!("[pulseaudio]\ninput={name}_mic.monitor\noutput={name}_speaker\n");
        fs::write(
            settings.join("Mumble.conf"),
            format!("[General]\nlastupdate=2\n[audio]\ninput=PulseAudio\noutput=PulseAudio\ntransmit=0\n{devices}"),
        )?;
        let mut command = Command::new("mumble");
        command.arg("-m").arg(format!("mumble://{name}@127.0.0.1:{}/?version=1.2.0", server.port));
        command.env("HOME", &home).env("XDG_CONFIG_HOME", home.join(".config")).env("XDG_DATA_HOME", home.join(".local"));
        self.start(command.env("DISPLAY", display).stdout(Stdio::null()).stderr(Stdio::null()))?;
        // It asks for a certificate of its own, which it does not need, and whether the server's is good.
        let answer = || {
            for (title, key) in [("^Certificate Management$", "Escape"), ("^Mumble$", "alt+y")] {
                let find = ["search", "--onlyvisible", "--name", title, "windowfocus", "--sync", "key", key];
                // Where no such window is, there is nothing to answer.
                let _ = Command::new("xdotool").args(find).env("DISPLAY", display).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
            }
            Ok(())
        };
        let joined = format!(":{name}(");
        server.wait("one of its apps", |log| log.lines().any(|line| line.contains(&joined) && line.ends_with("Authenticated")), answer)
    }
}

/// Its server.
struct Server {
    port: u16,
    log: std::path::PathBuf,
}

impl Server {
    fn wait(&self, what: &str, there: impl Fn(&str) -> bool, meanwhile: impl Fn() -> Result<()>) -> Result<()> {
        let begun = Instant::now();
        while !there(&fs::read_to_string(&self.log)?) {
            if begun.elapsed() > SOON {
                bail!("Mumble does not get to a call: {what} is missing");
            }
            meanwhile()?;
            sleep(LOOK);
        }
        Ok(())
    }
}
