//! A sound server without a sound card (PulseAudio): microphones that are spoken into from outside, loudspeakers that are listened to.
//!
//! Programs find it as they find the one of a desktop, through ALSA's plugin: see [`Server::ears`].

use crate::sound::{Clip, RATE};
use crate::until;
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What has to be installed for it.
pub const PROGRAMS: [&str; 4] = ["pulseaudio", "pactl", "parec", "paplay"];
/// How long the server may take to start on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A running server. Dropped, it is killed.
pub struct Server {
    folder: PathBuf,
    process: Child,
}

/// Something that listens to a loudspeaker, until it is dropped or stopped.
pub struct Recorder {
    process: Child,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    /// Starts one in a folder of its own, with a microphone and a loudspeaker for each of these people.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, people: &[&str]) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut commands = format!("load-module module-native-protocol-unix socket={} auth-anonymous=1\n", folder.join("native").display());
        for person in people {
            for device in ["mic", "speaker"] {
                writeln!(commands, "load-module module-null-sink sink_name={person}_{device} rate={RATE} channels=1")?;
            }
        }
        std::fs::write(folder.join("server.pa"), commands)?;
        // What a desktop's configuration says too: the default device is the server.
        std::fs::write(folder.join(".asoundrc"), "pcm.!default { type pulse }\nctl.!default { type pulse }\n")?;
        let process = Command::new("pulseaudio")
            .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes", "-F"])
            .arg(folder.join("server.pa"))
            .envs(surroundings(folder))
            .stderr(Stdio::null())
            .spawn()
            .context("pulseaudio does not start")?;
        let server = Self { folder: folder.to_owned(), process };
        until("a sound server", SOON, || {
            let asked = server.command("pactl").arg("info").output()?;
            Ok(if asked.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&asked.stderr).into_owned()) })
        })?;
        Ok(server)
    }

    /// What a program of this person needs in its environment to speak and hear here.
    #[must_use]
    pub fn ears(&self, person: &str) -> Vec<(String, PathBuf)> {
        let devices = [("PULSE_SINK", format!("{person}_speaker")), ("PULSE_SOURCE", format!("{person}_mic.monitor"))];
        let own = devices.map(|(key, value)| (key.to_owned(), value.into()));
        surroundings(&self.folder).map(|(key, value)| (key.to_owned(), value)).into_iter().chain(own).collect()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(surroundings(&self.folder)).stdin(Stdio::null());
        command
    }

    /// Speaks a file into somebody's microphone, to its end.
    ///
    /// # Errors
    /// The server refuses.
    pub fn say(&self, person: &str, file: &Path) -> Result<()> {
        let played = self.command("paplay").arg(format!("--device={person}_mic")).arg(file).status()?;
        ensure!(played.success(), "paplay ended with {played}");
        Ok(())
    }

    /// Begins to listen to somebody's loudspeaker.
    ///
    /// # Errors
    /// The server refuses.
    pub fn listen(&self, person: &str) -> Result<Recorder> {
        let mut process = self
            .command("parec")
            .args(["--raw", "--format=s16le", "--channels=1", "--latency-msec=20"])
            .arg(format!("--rate={RATE}"))
            .arg(format!("--device={person}_speaker.monitor"))
            .stdout(Stdio::piped())
            .spawn()?;
        let mut pipe = process.stdout.take().context("parec has no output")?;
        let recorder = Recorder { process, heard: Arc::default() };
        let heard = Arc::clone(&recorder.heard);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                heard.lock().unwrap_or_else(PoisonError::into_inner).extend(buffer.iter().take(read));
            }
        });
        until("sound from a loudspeaker, be it silence", SOON, || {
            Ok(if recorder.so_far().0.is_empty() { Err(String::new()) } else { Ok(()) })
        })?;
        Ok(recorder)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Recorder {
    /// What was heard since it began.
    #[must_use]
    pub fn so_far(&self) -> Clip {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = heard.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
        Clip(pairs.map(|pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0).collect())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What leads programs to this server and to no other.
fn surroundings(folder: &Path) -> [(&'static str, PathBuf); 4] {
    let server = PathBuf::from(format!("unix:{}", folder.join("native").display()));
    [
        ("HOME", folder.to_owned()),
        ("XDG_RUNTIME_DIR", folder.to_owned()),
        ("PULSE_RUNTIME_PATH", folder.to_owned()),
        ("PULSE_SERVER", server),
    ]
}
