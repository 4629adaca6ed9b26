//! Mouth to ear through a sound server and real devices.
//!
//! Everything happens in one further run of this program, which finds the server in its environment, as ALSA does.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use veche_lab::wire::Conditions;
use veche_media::audio::{Backend, DeviceChoice, SoundConfig, Transmission};
use veche_media::engine::EngineConfig;
use veche_protocol::call::media::MediaEvent;

use super::{TEXT, chromium, delays, mumble, over_wires, pair, server};
use crate::table::{Row, Times, Verdict, ms, note};

/// Marks the run inside.
pub const ARGUMENT: &str = "inside-voice";

/// Calls of each program, in turn.
const ROUNDS: usize = 3;
/// Devices and delays settle.
const SETTLE: Duration = Duration::from_secs(3);
/// The wire with jitter, in each direction.
const DELAY: Duration = Duration::from_millis(25);
const JITTER: Duration = Duration::from_millis(30);
/// How soon after jitter the delay has to be what it was before.
const CALM: Duration = Duration::from_secs(5);

const MOST_P50: Duration = Duration::from_millis(60);
const MOST_P95: Duration = Duration::from_millis(80);
/// Over the delay of the wire, with jitter.
const MOST_WITH_JITTER: Duration = Duration::from_millis(110);
/// What counts as back down.
const NEARLY: Duration = Duration::from_millis(10);
/// The aims beside others.
const OF_CHROMIUM: f64 = 0.4;
const OF_MUMBLE: f64 = 0.6;

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let Some(server) = server::start() else {
        let (what, figure, target) = ("mouth to ear", "-".to_owned(), "<= 60 ms".to_owned());
        let beside = "PulseAudio, its programs or espeak-ng are not installed".to_owned();
        return Ok(vec![Row { number: "13", what, figure, beside, target, verdict: Verdict::Skipped }]);
    };
    let run = Command::new(std::env::current_exe()?).arg(ARGUMENT).arg(server.folder()).envs(server.environment()).output()?;
    ensure!(run.status.success(), "the call ended with {}: {}", run.status, String::from_utf8_lossy(&run.stderr));
    let said = String::from_utf8(run.stdout)?;
    let measured: Value = serde_json::from_str(said.lines().last().context("nothing was measured")?)?;
    let ours = times(&measured["ours"]);
    let mut rows = vec![Row {
        number: "13",
        what: "mouth to ear: speech from the microphone of one engine to the loudspeaker of the other, over WebRTC on the loopback \
               device and a sound server each way, with all processing",
        figure: format!("p50 {}, p95 {}, longest {}", ms(ours.at(50)), ms(ours.at(95)), ms(ours.longest())),
        beside: format!(
            "{} of {} parts of 0.5 s that are alike, {ROUNDS} calls; the engine's own estimate {} ms, {} ‰ concealed",
            ours.count(),
            measured["ours"]["parts"],
            measured["ours"]["estimate_ms"],
            measured["ours"]["concealed_permille"],
        ),
        target: format!("p50 <= {}, p95 <= {}", ms(MOST_P50), ms(MOST_P95)),
        verdict: Verdict::of(ours.count() > 0 && ours.at(50) <= MOST_P50 && ours.at(95) <= MOST_P95),
    }];
    for (name, what, most) in [
        ("chromium", "mouth to ear as a share of Chromium's", OF_CHROMIUM),
        ("mumble", "mouth to ear as a share of Mumble's with its defaults", OF_MUMBLE),
    ] {
        let target = format!("<= {most} times");
        let theirs = times(&measured[name]);
        rows.push(if theirs.count() == 0 {
            let why = measured[name]["skipped"].as_str().unwrap_or("nothing of what was said came out").replace('|', "/");
            Row { number: "13", what, figure: "-".to_owned(), beside: why, target, verdict: Verdict::Skipped }
        } else {
            let share = ours.at(50).as_secs_f64() / theirs.at(50).as_secs_f64();
            let figure = format!("{share:.2} times");
            let beside = format!(
                "theirs: p50 {}, p95 {}, {} parts; in turn with ours, on the same sound server",
                ms(theirs.at(50)),
                ms(theirs.at(95)),
                theirs.count()
            );
            Row { number: "13", what, figure, beside, target, verdict: Verdict::of(share <= most) }
        });
    }
    rows.extend(jitter(&measured["jitter"]));
    Ok(rows)
}

fn jitter(measured: &Value) -> [Row; 2] {
    let [calm, rough, after] = ["calm", "rough", "after"].map(|phase| times(&measured[phase]));
    let over = |times: &Times| times.at(50).saturating_sub(DELAY);
    let gaps = measured["rough"]["concealed_permille"].as_u64().unwrap_or(1000);
    let enough = [&calm, &rough, &after].iter().all(|times| times.count() > 0);
    let wire = format!("{} on the way, each packet up to {} more", ms(DELAY), ms(JITTER));
    [
        Row {
            number: "13",
            what: "the same with 30 ms of jitter, over the delay of the wire",
            figure: format!(
                "p50 {}, p95 {}, {:.1} % made up",
                ms(over(&rough)),
                ms(rough.at(95).saturating_sub(DELAY)),
                gaps as f64 / 10.0
            ),
            beside: format!("{wire}; without jitter p50 {}; {} parts", ms(over(&calm)), rough.count()),
            target: format!("<= {}, gaps < 1 %", ms(MOST_WITH_JITTER)),
            verdict: Verdict::of(enough && over(&rough) <= MOST_WITH_JITTER && gaps < 10),
        },
        Row {
            number: "13",
            what: "from 5 s after the end of the jitter on",
            figure: format!("p50 {}", ms(over(&after))),
            beside: format!("before it {}", ms(over(&calm))),
            target: format!("what it was before and at most {}", ms(NEARLY)),
            verdict: Verdict::of(enough && over(&after) <= over(&calm) + NEARLY),
        },
    ]
}

fn times(measured: &Value) -> Times {
    let lags = measured["lags_us"].as_array().map(Vec::as_slice).unwrap_or_default();
    Times::from(lags.iter().filter_map(Value::as_u64).map(Duration::from_micros).collect::<Vec<_>>())
}

/// The part inside.
///
/// # Errors
/// The engines do not connect, or nothing can be recorded.
pub fn run_inside(folder: &Path) -> Result<()> {
    // Chromium lists no monitor among its microphones, and takes what is the default.
    for command in [
        &["load-module", "module-remap-source", "master=a_mic.monitor", "source_name=a_mouth"][..],
        &["set-default-source", "a_mouth"],
        &["set-default-sink", "b_speaker"],
    ] {
        let done = Command::new("pactl").args(command).output()?;
        ensure!(done.status.success(), "pactl {command:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut all = [Heard::default(), Heard::default(), Heard::default()];
    let mut skipped = [Value::Null, Value::Null];
    for _ in 0..ROUNDS {
        all[0].add(runtime.block_on(ours(folder))?);
        for (place, other) in [other_chromium as fn(&Path) -> Result<Heard>, other_mumble].into_iter().enumerate() {
            match other(folder) {
                Ok(heard) => all[1 + place].add(heard),
                Err(why) => skipped[place] = json!(format!("{why:#}")),
            }
        }
    }
    let jitter = runtime.block_on(with_jitter(folder))?;
    let [ours, chromium, mumble] = all.map(Heard::told);
    let told = |mut heard: Value, why: &Value| {
        heard["skipped"] = why.clone();
        heard
    };
    crate::table::say(
        &json!({ "ours": ours, "chromium": told(chromium, &skipped[0]), "mumble": told(mumble, &skipped[1]), "jitter": jitter })
            .to_string(),
    )
}

/// What one or more calls brought.
#[derive(Default)]
struct Heard {
    delays: Vec<u64>,
    parts: usize,
    estimate: u32,
    /// Thousandths, second by second.
    concealed: Vec<u16>,
}

impl Heard {
    fn of(said: &[f32], heard: &[f32]) -> Self {
        let (delays, parts) = delays(said, heard);
        Self { delays, parts, ..Self::default() }
    }

    fn add(&mut self, other: Self) {
        self.delays.extend(other.delays);
        self.parts += other.parts;
        self.estimate = self.estimate.max(other.estimate);
        self.concealed.extend(other.concealed);
    }

    fn told(self) -> Value {
        let concealed = self.concealed.iter().map(|share| u64::from(*share)).sum::<u64>() / self.concealed.len().max(1) as u64;
        json!({ "lags_us": self.delays, "parts": self.parts, "estimate_ms": self.estimate, "concealed_permille": concealed })
    }
}

fn devices(of: &str) -> EngineConfig {
    let named = |way: &str| DeviceChoice::Named(format!("alsa:{of}_{way}"));
    let sound = SoundConfig {
        backend: Backend::System,
        input: named("mic"),
        output: named("speaker"),
        transmission: Transmission::Open,
        ..SoundConfig::default()
    };
    EngineConfig { sound, ..EngineConfig::default() }
}

async fn ours(folder: &Path) -> Result<Heard> {
    let mut pair = pair::connect(devices("a"), devices("b"), |_, line| line.to_owned()).await;
    pair.pass(SETTLE).await;
    let heard = say(&mut pair, folder, 2).await;
    pair.stop().await;
    heard
}

/// Has the text spoken so many times into the microphone of the first, and compares with the loudspeaker of the second.
async fn say(pair: &mut pair::Pair, folder: &Path, times: usize) -> Result<Heard> {
    let folder = folder.to_owned();
    let speech = tokio::task::spawn_blocking(move || record(&folder, times));
    let (mut estimate, mut concealed) = (0, Vec::new());
    while !speech.is_finished() {
        for event in pair.pass(Duration::from_secs(1)).await {
            if let MediaEvent::Stats { stats, .. } = event {
                estimate = estimate.max(stats.mouth_to_ear_ms.unwrap_or(0));
                concealed.extend(stats.concealed_permille);
            }
        }
    }
    Ok(Heard { estimate, concealed, ..speech.await? })
}

fn record(folder: &Path, times: usize) -> Heard {
    let file = server::speech(folder, &TEXT.repeat(times));
    let [said, heard] = server::play_and_record(&file, "a_mic", ["a_mic", "b_speaker"], Duration::from_secs(1));
    Heard::of(&said, &heard)
}

fn other_chromium(folder: &Path) -> Result<Heard> {
    let _browser = chromium::call()?;
    settled(folder)
}

fn other_mumble(folder: &Path) -> Result<Heard> {
    let _call = mumble::call(folder)?;
    settled(folder)
}

fn settled(folder: &Path) -> Result<Heard> {
    std::thread::sleep(SETTLE);
    let heard = record(folder, 2);
    if heard.delays.is_empty() {
        bail!("nothing of what was said came out");
    }
    Ok(heard)
}

async fn with_jitter(folder: &Path) -> Result<Value> {
    let (mut pair, proxy) = over_wires(devices("a"), devices("b"), 3).await?;
    let calm = Conditions { delay: DELAY, ..Conditions::default() };
    proxy.set(&calm);
    pair.pass(SETTLE).await;
    let before = say(&mut pair, folder, 1).await?;
    proxy.set(&Conditions { jitter: JITTER, ..calm.clone() });
    let rough = say(&mut pair, folder, 3).await?;
    proxy.set(&calm);
    // Somebody goes on speaking: in a pause the buffer would shrink by itself.
    let ending = tokio::task::spawn_blocking({
        let file = server::speech(folder, TEXT);
        move || Command::new("paplay").arg("--device=a_mic").arg(file).status()
    });
    pair.pass(CALM).await;
    ending.await??;
    let after = say(&mut pair, folder, 1).await?;
    pair.stop().await;
    note(&format!("voice: {} datagrams with jitter", proxy.tally().left))?;
    Ok(json!({ "calm": before.told(), "rough": rough.told(), "after": after.told() }))
}
