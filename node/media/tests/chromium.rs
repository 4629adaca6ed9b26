//! A call with Chromium, which shares no code with this: descriptions, candidates, handshake, Opus, loudness and the control channel
//! have to be what the standards say, and not only what two copies of one program agree on.
//!
//! Runs `chromium` without a window, against a page that this test serves. Without the program it is skipped, with a line that says so.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may stop at the first surprise, and say what it measured"
)]

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use veche_media::packet::{SAMPLE_RATE, VoicePacket};
use veche_media::transport::{Control, Fingerprint, Leg, LegEvent, LegOutput, Ways};
use veche_protocol::call::media::{DescriptionKind, IceSetup, MediaFailure, MediaRoute};

/// What this side plays, and what the page plays, Hz. The page's stands there too.
const OUR_TONE: f32 = 440.0;
const THEIR_TONE: f32 = 660.0;

/// Samples of one packet: 10 ms.
const FRAME: usize = SAMPLE_RATE as usize / 100;

/// From the start of the browser to tones at both ends, on a busy machine.
const SOON: Duration = Duration::from_secs(60);

const PAGE: &str = include_str!("chromium/page.html");

/// A browser with the page, and a line to it.
struct Browser {
    _process: Child,
    _profile: tempfile::TempDir,
    heard: mpsc::Receiver<(String, String)>,
    say: mpsc::Sender<String>,
}

/// `None` if there is no browser on this machine.
async fn browser(role: &str) -> Option<Browser> {
    let program = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        std::process::Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|ran| ran.success())
    })?;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heard_tx, heard) = mpsc::channel(256);
    let (say, say_rx) = mpsc::channel(256);
    tokio::spawn(serve(listener, heard_tx, Arc::new(Mutex::new(say_rx))));

    let profile = tempfile::tempdir().unwrap();
    let process = Command::new(program)
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio"])
        .args(["--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection"])
        .args(["--disable-features=WebRtcHideLocalIpsWithMdns", "--remote-debugging-port=0"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("http://{address}/?role={role}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    Some(Browser { _process: process, _profile: profile, heard, say })
}

async fn serve(listener: TcpListener, heard: mpsc::Sender<(String, String)>, say: Arc<Mutex<mpsc::Receiver<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, heard.clone(), Arc::clone(&say)));
    }
}

/// One request on one connection: the page itself, something that the page says, or the wait for something to hear.
async fn answer(stream: TcpStream, heard: mpsc::Sender<(String, String)>, say: Arc<Mutex<mpsc::Receiver<String>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    stream.read_line(&mut request).await.ok()?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim().split_once(": ") {
            Some((name, value)) => drop(headers.insert(name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;

    let (kind, text) = match request.split(' ').nth(1)? {
        "/say" => {
            let message = String::from_utf8(body).ok()?;
            let (kind, rest) = message.split_once('\n')?;
            heard.send((kind.to_owned(), rest.to_owned())).await.ok()?;
            ("text/plain", String::new())
        }
        "/hear" => ("text/plain", say.lock().await.recv().await?),
        path if path.starts_with("/?") => ("text/html", PAGE.to_owned()),
        _ => ("text/plain", String::new()),
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(text.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

/// Plays our tone into a leg until it is aborted.
fn play(leg: Arc<Leg>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut encoder = opus::Encoder::new(SAMPLE_RATE, opus::Channels::Mono, opus::Application::Voip).unwrap();
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        let mut encoded = [0; 1275];
        for sequence in 0_u16.. {
            ticks.tick().await;
            let start = usize::from(sequence) * FRAME;
            let sound: Vec<f32> = (start..start + FRAME).map(|at| tone(at, OUR_TONE)).collect();
            let length = encoder.encode_float(&sound, &mut encoded).unwrap();
            let payload = bytes::Bytes::copy_from_slice(&encoded[..length]);
            let timestamp = u32::from(sequence) * u32::try_from(FRAME).unwrap();
            leg.send(VoicePacket { sequence, timestamp, marker: sequence == 0, level: 20, payload });
        }
    })
}

fn tone(sample: usize, hertz: f32) -> f32 {
    let cycles = f64::from(u32::try_from(sample).unwrap()) * f64::from(hertz) / f64::from(SAMPLE_RATE);
    (cycles.fract() * std::f64::consts::TAU).sin() as f32 * 0.3
}

/// How much of the sound is at this frequency, between 0 and 1.
fn share(sound: &[f32], hertz: f32) -> f32 {
    let (mut cosine, mut sine, mut energy) = (0.0, 0.0, 1e-9);
    for (at, sample) in sound.iter().enumerate() {
        let phase = std::f32::consts::TAU * hertz * at as f32 / SAMPLE_RATE as f32;
        cosine += sample * phase.cos();
        sine += sample * phase.sin();
        energy += sample * sample;
    }
    2.0 * (cosine * cosine + sine * sine) / (energy * sound.len() as f32)
}

/// What the page measures.
#[derive(Debug, Default)]
struct Report {
    hertz: f32,
    decibels: f32,
    packets: u32,
    loudness: f32,
    pings: u32,
    /// Of the connection, as the browser calls it.
    state: String,
}

impl Report {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let mut next = || words.next();
        Some(Self {
            hertz: next()?.parse().ok()?,
            decibels: next()?.parse().unwrap_or(f32::NEG_INFINITY),
            packets: next()?.parse().ok()?,
            loudness: next()?.parse().ok()?,
            pings: next()?.parse().ok()?,
            state: next()?.to_owned(),
        })
    }

    fn hears_us(&self) -> bool {
        (self.hertz - OUR_TONE).abs() < 10.0 && self.decibels > -50.0 && self.packets > 20
    }
}

/// A call between a leg and a browser, as far as it has come.
struct Call {
    leg: Arc<Leg>,
    output: LegOutput,
    browser: Browser,
    decoder: opus::Decoder,
    sound: Vec<f32>,
    loudest: u8,
    report: Report,
    events: Vec<LegEvent>,
    /// What stands in the place of the browser's fingerprint on its way here, if anything.
    forged: Option<Fingerprint>,
}

impl Call {
    async fn step(&mut self) {
        tokio::select! {
            Some((kind, body)) = self.browser.heard.recv() => self.hear(&kind, &body).await,
            Some(event) = self.output.events.recv() => match event {
                LegEvent::Candidate(line) => self.browser.say.send(format!("candidate\n{line}")).await.unwrap(),
                LegEvent::CandidatesDone => {}
                LegEvent::Failed(why) if self.forged.is_none() => panic!("the leg failed: {why:?}"),
                event => self.events.push(event),
            },
            Some(packet) = self.output.sound.recv() => {
                let mut decoded = [0.0; 5760];
                let samples = self.decoder.decode_float(&packet.payload, &mut decoded, false).unwrap();
                self.sound.extend(&decoded[..samples]);
                self.loudest = self.loudest.min(packet.level);
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => {}
        }
    }

    async fn hear(&mut self, kind: &str, body: &str) {
        match kind {
            "candidate" => {
                // A browser may offer addresses that are not used here, such as TCP.
                let _ = self.leg.candidate(body).await;
            }
            "offer" | "answer" => {
                let kind = if kind == "offer" { DescriptionKind::Offer } else { DescriptionKind::Answer };
                let print =
                    body.lines().find_map(|line| line.strip_prefix("a=fingerprint:sha-256 ")).and_then(Fingerprint::from_hex).unwrap();
                let told = self.forged.unwrap_or(print);
                let body = body.replace(&print.to_string(), &told.to_string());
                let answer = self.leg.remote(kind, body.as_bytes(), &told).await.unwrap_or_else(|error| panic!("{error}: {body}"));
                if let Some(answer) = answer {
                    self.browser.say.send(format!("answer\n{answer}")).await.unwrap();
                }
            }
            "report" => self.report = Report::read(body).unwrap_or_default(),
            _ => panic!("the page says: {kind} {body}"),
        }
    }

    /// The share of their tone in the last quarter of a second.
    fn we_hear_them(&self) -> bool {
        let length = SAMPLE_RATE as usize / 4;
        self.sound.len() > 2 * length && share(&self.sound[self.sound.len() - length..], THEIR_TONE) > 0.9
    }
}

/// The browser has the part of this role. Where a fingerprint is forged, the browser's own gets here as that, or ours to the browser.
async fn call(role: &str, forged: Option<Fingerprint>) -> Option<Call> {
    let Some(browser) = browser(role).await else {
        println!("skipped: there is no chromium here");
        return None;
    };
    let ice = IceSetup { peer_is_contact: true, ..IceSetup::default() };
    let (leg, output) = Leg::open(Ways { ice, loopback: true }).await.unwrap();
    let leg = Arc::new(leg);
    let decoder = opus::Decoder::new(SAMPLE_RATE, opus::Channels::Mono).unwrap();
    if role == "answer" {
        let offer = leg.offer(false).await.unwrap();
        let told = forged.unwrap_or(leg.fingerprint());
        browser.say.send(format!("offer\n{}", offer.replace(&leg.fingerprint().to_string(), &told.to_string()))).await.unwrap();
    }
    let forged = forged.filter(|_| role == "offer");
    let (sound, report, events) = (Vec::new(), Report::default(), Vec::new());
    Some(Call { leg, output, browser, decoder, sound, loudest: 127, report, events, forged })
}

async fn tones_pass(call: &mut Call) {
    let start = Instant::now();
    while !(call.we_hear_them() && call.report.hears_us()) {
        assert!(start.elapsed() < SOON, "{:?}, events {:?}, {} samples heard", call.report, call.events, call.sound.len());
        call.step().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_takes_our_offer_and_tones_go_both_ways() {
    let Some(mut call) = call("answer", None).await else { return };
    let player = play(Arc::clone(&call.leg));
    tones_pass(&mut call).await;
    assert!(call.events.contains(&LegEvent::Connected(MediaRoute::Lan)), "{:?}", call.events);
    let start = Instant::now();
    while call.report.pings == 0 || !call.events.contains(&LegEvent::Control(Control::State { mic: false, deafened: false })) {
        assert!(start.elapsed() < SOON, "{:?} {:?}", call.report, call.events);
        call.step().await;
    }
    // It knows the loudness from our packets, and tells its own.
    assert!(call.report.loudness > 0.01, "{:?}", call.report);
    assert!(call.loudest < 40, "-{} dBov", call.loudest);

    // A new way in the middle of the call.
    let offer = call.leg.offer(true).await.unwrap();
    call.browser.say.send(format!("offer\n{offer}")).await.unwrap();
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        call.step().await;
    }
    call.sound.clear();
    let before = call.report.packets;
    tones_pass(&mut call).await;
    assert!(call.report.packets > before);
    assert_eq!(call.leg.counts().await.packets_lost, 0);
    player.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn we_take_chromiums_offer_and_tones_go_both_ways() {
    let Some(mut call) = call("offer", None).await else { return };
    let player = play(Arc::clone(&call.leg));
    tones_pass(&mut call).await;
    player.abort();
}

/// Somebody on the way who has another certificate than the one that was announced, at either end.
const NOBODYS: Fingerprint = Fingerprint([0x5A; 32]);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_under_another_fingerprint_is_refused() {
    let Some(mut call) = call("offer", Some(NOBODYS)).await else { return };
    let player = play(Arc::clone(&call.leg));
    let start = Instant::now();
    while !call.events.contains(&LegEvent::Failed(MediaFailure::Impostor)) {
        assert!(start.elapsed() < SOON, "{:?}, events {:?}", call.report, call.events);
        call.step().await;
    }
    assert!(call.sound.is_empty(), "no sound of an impostor is heard");
    player.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_refuses_us_under_another_fingerprint() {
    let Some(mut call) = call("answer", Some(NOBODYS)).await else { return };
    let player = play(Arc::clone(&call.leg));
    let start = Instant::now();
    while call.report.state != "failed" {
        assert!(start.elapsed() < SOON, "{:?}, events {:?}", call.report, call.events);
        call.step().await;
    }
    assert!(call.report.packets == 0 && call.sound.is_empty(), "{:?}", call.report);
    assert!(!call.events.iter().any(|event| matches!(event, LegEvent::Connected(_))), "{:?}", call.events);
    player.abort();
}
