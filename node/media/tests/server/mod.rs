//! A sound server without a sound card, for one test.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Sinks without a device. What is played into one can be recorded from its monitor, and is a microphone to whoever does.
const SINKS: [&str; 4] = ["a_mic", "a_speaker", "b_mic", "b_speaker"];

const RATE: usize = 48_000;

/// How long the server may take to start on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// A running server. Dropped, it is killed.
pub struct Server {
    folder: TempDir,
    process: Child,
}

/// `None`, with a line that says so, where the programs for it are not installed.
pub fn start() -> Option<Server> {
    for (program, package) in [("pulseaudio", "pulseaudio"), ("parec", "pulseaudio-utils"), ("espeak-ng", "espeak-ng")] {
        if !is_there(program) {
            println!("skipped: there is no {program} here; it comes with the package {package}");
            return None;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("native");
    let mut commands = format!("load-module module-native-protocol-unix socket={} auth-anonymous=1\n", socket.display());
    let mut devices = String::new();
    for sink in SINKS {
        writeln!(commands, "load-module module-null-sink sink_name={sink} rate={RATE} channels=1").unwrap();
        let device = if sink.ends_with("_mic") { format!("{sink}.monitor") } else { sink.to_owned() };
        writeln!(devices, "pcm.{sink} {{ type pulse device \"{device}\" hint {{ show on description \"{sink}\" }} }}").unwrap();
    }
    std::fs::write(folder.path().join("server.pa"), commands).unwrap();
    std::fs::write(folder.path().join(".asoundrc"), devices).unwrap();
    let process = Command::new("pulseaudio")
        .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes", "-F"])
        .arg(folder.path().join("server.pa"))
        .envs(environment(folder.path()))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server { folder, process };
    let start = Instant::now();
    while !Command::new("pactl")
        .arg("info")
        .envs(server.environment())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
    {
        assert!(start.elapsed() < SOON, "the sound server does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(server)
}

fn is_there(program: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).exists())
}

fn environment(folder: &Path) -> [(&'static str, PathBuf); 4] {
    let server = PathBuf::from(format!("unix:{}", folder.join("native").display()));
    [
        ("HOME", folder.to_owned()),
        ("XDG_RUNTIME_DIR", folder.to_owned()),
        ("PULSE_RUNTIME_PATH", folder.to_owned()),
        ("PULSE_SERVER", server),
    ]
}

impl Server {
    /// What programs need to find this server and no other.
    pub fn environment(&self) -> [(&'static str, PathBuf); 4] {
        environment(self.folder.path())
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Has a text spoken into a file. Answers which.
pub fn speech(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("speech.wav");
    let spoken = Command::new("espeak-ng").args(["-v", "en", "-s", "150", "-w"]).arg(&file).arg(text).status().unwrap();
    assert!(spoken.success());
    file
}

/// Plays a file into a sink, and answers what came out of the monitors of those sinks meanwhile and for `rest` longer. All begin at
/// the same moment.
pub fn play_and_record<const N: usize>(file: &Path, sink: &str, monitors: [&str; N], rest: Duration) -> [Vec<f32>; N] {
    let zero = Instant::now();
    let (begun, all_begun) = sync_channel(N);
    let recorders = monitors.map(|monitor| {
        let mut recorder = Command::new("parec")
            .args(["--raw", "--format=s16le", "--channels=1", "--rate=48000", "--latency-msec=10"])
            .arg(format!("--device={monitor}.monitor"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = recorder.stdout.take().unwrap();
        let begun = begun.clone();
        let reader = std::thread::spawn(move || {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            // The moment of the first sample is the earliest that any later one speaks for: whatever is late is late by waiting.
            let mut first = f64::INFINITY;
            loop {
                let read = pipe.read(&mut buffer).unwrap();
                if read == 0 {
                    return (bytes, first);
                }
                if bytes.is_empty() {
                    begun.send(()).unwrap();
                }
                bytes.extend(buffer.iter().take(read));
                first = first.min(zero.elapsed().as_secs_f64() - (bytes.len() / 2) as f64 / RATE as f64);
            }
        });
        (recorder, reader)
    });
    for _ in 0..N {
        all_begun.recv_timeout(SOON).expect("nothing is recorded");
    }
    let played = Command::new("paplay").arg(format!("--device={sink}")).arg(file).status().unwrap();
    assert!(played.success());
    std::thread::sleep(rest);
    let recordings = recorders.map(|(mut recorder, reader)| {
        recorder.kill().unwrap();
        recorder.wait().unwrap();
        reader.join().unwrap()
    });
    let latest = recordings.iter().map(|(_, first)| *first).fold(0.0, f64::max);
    recordings.map(|(bytes, first)| {
        let early = ((latest - first) * RATE as f64).round() as usize;
        bytes.chunks_exact(2).skip(early).map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32_768.0).collect()
    })
}
