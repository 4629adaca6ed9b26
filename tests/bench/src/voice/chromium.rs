//! Chromium as the other to compare with: a page that calls itself, from the microphone of the sound server to its loudspeaker.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// From the start of the browser to its call.
const SOON: Duration = Duration::from_secs(40);
/// What the page says, and nobody heard yet.
const MESSAGES: usize = 16;

/// What the page does. Its own processing is off, which makes it quicker.
const PAGE: &str = r#"<!DOCTYPE html><meta charset="utf-8"><title>Call</title><audio id="ear" autoplay></audio><script type="module">
const say = (what) => fetch("/", { method: "POST", body: what });
try {
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio });
  const [a, b] = [new RTCPeerConnection(), new RTCPeerConnection()];
  a.onicecandidate = ({ candidate }) => b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => a.addIceCandidate(candidate);
  b.ontrack = ({ track }) => { ear.srcObject = new MediaStream([track]); };
  b.onconnectionstatechange = () => b.connectionState === "connected" && say("connected");
  stream.getAudioTracks().forEach((track) => a.addTrack(track, stream));
  await a.setLocalDescription();
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription();
  await a.setRemoteDescription(b.localDescription);
} catch (error) { say(`${error}`); }
</script>"#;

/// A browser in a call with itself. Ends when dropped.
pub struct Browser {
    process: Child,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers once it is connected. To be called in the surroundings of the sound server, whose default devices it takes.
///
/// # Errors
/// There is no Chromium, or it does not get that far.
pub fn call() -> Result<Browser> {
    let program = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| super::is_there(name));
    let program = program.context("there is no Chromium here")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let said = serve(listener);
    let profile = tempfile::tempdir()?;
    let process = Command::new(program)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required"])
        .args(["--allow-loopback-in-peer-connection", "--disable-features=WebRtcHideLocalIpsWithMdns"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{address}/"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let browser = Browser { process, _profile: profile };
    match said.recv_timeout(SOON).context("Chromium did not call itself in time")?.as_str() {
        "connected" => Ok(browser),
        error => bail!("Chromium did not call itself: {error}"),
    }
}

/// Gives out the page, and passes on what it says.
fn serve(listener: TcpListener) -> Receiver<String> {
    let (heard, said) = sync_channel(MESSAGES);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = BufReader::new(stream);
            let (mut request, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).is_err() || line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                request += &line;
            }
            let mut body = String::new();
            let mut answer = "";
            if request.starts_with("POST") {
                let _ = (&mut stream).take(length).read_to_string(&mut body);
                let _ = heard.try_send(body);
            } else if request.starts_with("GET / ") {
                answer = PAGE;
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n";
            // A browser that is gone needs no answer.
            let _ = write!(stream.get_mut(), "{head}content-length: {}\r\n\r\n{answer}", answer.len());
        }
    });
    said
}
