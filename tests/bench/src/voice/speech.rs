//! What loss leaves of speech: PESQ (ITU-T P.862.2, wide band) of what was heard against what was said, over two whole engines on wires
//! that lose at random or in bursts. With redundancy as the engine adds it by itself, and without any.
//!
//! The measure is the Python package `pesq`, installed into a folder of its own by the first run. Where that cannot be, the row says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use veche_lab::sound::Clip;
use veche_lab::wire::{Bursts, Conditions};
use veche_media::audio::{Backend, Processing, SoundConfig, Transmission};
use veche_media::engine::EngineConfig;

use super::{TEXT, listen, over_wires, server};
use crate::table::{Row, Verdict, note};

/// Calls at once: each needs a tenth of a core.
const AT_ONCE: usize = 3;
/// Before the first word the engines notice what is lost.
const LEAD: Duration = Duration::from_secs(5);
/// Speech, in parts as long as the recommendation wants them (8 to 20 s).
const PART: usize = 8 * listen::RATE;
const PARTS: usize = 3;
/// The longest delay that is looked for.
const MOST_DELAY: usize = 5 * listen::RATE / 2;
/// Packets that a burst takes, on average: 20 ms of sound.
const BURST: f64 = 2.0;

/// Version of the measure.
const PACKAGES: [&str; 2] = ["pesq==0.0.4", "numpy<3"];

const SCORE: &str = "
import sys, wave, numpy
from pesq import pesq
def read(name):
    with wave.open(name) as file:
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)
for line in sys.stdin:
    said, heard = line.split()
    print(pesq(16000, read(said), read(heard), 'wb'))
";

/// One wire.
#[derive(Clone, Copy)]
struct Case {
    loss: f64,
    bursts: bool,
    redundancy: bool,
}

impl Case {
    fn conditions(self) -> Conditions {
        let delay = Duration::from_millis(20);
        if self.bursts {
            let leave = 1.0 / BURST;
            let enter = self.loss * leave / (1.0 - self.loss);
            return Conditions { delay, bursts: Some(Bursts { enter, leave, loss: 1.0 }), ..Conditions::default() };
        }
        Conditions { delay, loss: self.loss, ..Conditions::default() }
    }
}

/// Measures, or says why not.
pub fn rows() -> Result<Vec<Row>> {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            let (what, figure) = ("speech with loss: PESQ", "-".to_owned());
            let beside = format!("{why:#}").lines().next().unwrap_or_default().replace('|', "/");
            return Ok(vec![Row { number: "15", what, figure, beside, target: String::new(), verdict: Verdict::Skipped }]);
        }
    };
    let folder = tempfile::tempdir()?;
    let said = Clip::read(&server::speech(folder.path(), &TEXT.repeat(5)))?;
    let said = Clip(said.0.get(..PARTS * PART).context("too little was said")?.to_vec());
    Clip::silence(LEAD).then(&said).then(&Clip::silence(Duration::from_secs(2))).write(&folder.path().join("said.wav"))?;
    let mut cases = vec![Case { loss: 0.0, bursts: false, redundancy: true }];
    for bursts in [false, true] {
        cases.extend([0.05, 0.1, 0.2].map(|loss| Case { loss, bursts, redundancy: true }));
        cases.push(Case { loss: 0.1, bursts, redundancy: false });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut scores = Vec::new();
    for (round, some) in cases.chunks(AT_ONCE).enumerate() {
        let heard = runtime.block_on(talk(some, folder.path(), round))?;
        for heard in heard {
            scores.push(score(&python, &said, &heard, folder.path())?);
        }
    }
    let [whole, r5, r10, r20, r10_bare, b5, b10, b20, b10_bare] = scores[..] else { anyhow::bail!("{} scores", scores.len()) };
    let row = |what, [at5, at10, at20]: [f64; 3], bare: f64| {
        let falls = [whole - at5, whole - at10, whole - at20];
        let met = falls[0] <= 0.3 && falls[1] <= 0.6 && falls[2] <= 1.0 && at10 - bare >= 0.4;
        Row {
            number: "15",
            what,
            figure: format!(
                "falls by {:.2} / {:.2} / {:.2}; {:+.2} against no redundancy at 10 %",
                falls[0],
                falls[1],
                falls[2],
                at10 - bare
            ),
            beside: format!("whole {whole:.2}; {at5:.2} / {at10:.2} / {at20:.2}, without redundancy {bare:.2}; {} s of speech", PARTS * 8),
            target: "falls <= 0.3 / 0.6 / 1.0, >= 0.4 better than no redundancy".to_owned(),
            verdict: Verdict::of(met),
        }
    };
    Ok(vec![
        row("speech with 5 / 10 / 20 % of packets lost at random: PESQ, wide band", [r5, r10, r20], r10_bare),
        row("the same in bursts of 2 packets on average", [b5, b10, b20], b10_bare),
    ])
}

/// Calls, one beside the other. Answers what was heard in each, from the first word on.
async fn talk(cases: &[Case], folder: &Path, round: usize) -> Result<Vec<Clip>> {
    let calls: Vec<_> = (0..cases.len())
        .map(|number| {
            let (case, seed) = (cases[number], (round * AT_ONCE + number) as u64 + 1);
            let (says, hears) = (folder.join("said.wav"), folder.join(format!("heard {seed}.wav")));
            tokio::spawn(one(case, seed, says, hears))
        })
        .collect();
    let mut heard = Vec::new();
    for call in calls {
        heard.push(call.await??);
    }
    Ok(heard)
}

async fn one(case: Case, seed: u64, says: PathBuf, hears: PathBuf) -> Result<Clip> {
    let config = |backend| {
        let sound = SoundConfig { backend, processing: Processing::NONE, transmission: Transmission::Open, ..SoundConfig::default() };
        EngineConfig { sound, bare: !case.redundancy, ..EngineConfig::default() }
    };
    let a = config(Backend::Wav { input: Some(says), output: None });
    let b = config(Backend::Wav { input: None, output: Some(hears.clone()) });
    let (mut pair, proxy) = over_wires(a, b, seed).await?;
    proxy.set(&case.conditions());
    let length = LEAD + Duration::from_secs((PARTS * PART / listen::RATE) as u64 + 1);
    pair.pass(length).await;
    let tally = proxy.tally();
    let share = tally.lost as f64 / tally.came.max(1) as f64;
    pair.stop().await;
    note(&format!(
        "speech: {:.0} % to be lost, bursts {}, redundancy {}: {share:.3} lost",
        case.loss * 100.0,
        case.bursts,
        case.redundancy
    ))?;
    Clip::read(&hears)
}

/// The mean over all parts.
fn score(python: &Path, said: &Clip, heard: &Clip, folder: &Path) -> Result<f64> {
    // The files begin at most this much apart.
    let slack = listen::RATE;
    let mut from = (LEAD.as_secs() as usize * listen::RATE).saturating_sub(slack);
    let mut most = MOST_DELAY;
    let mut input = String::new();
    for (number, part) in said.0.chunks_exact(PART).enumerate() {
        let rest = heard.0.get(from..).context("too little was heard")?;
        let rest = &rest[..(PART + most).min(rest.len())];
        let lag = listen::compare(part, rest, most).lag;
        let names = ["said", "heard"].map(|name| folder.join(format!("{name}-{number}.16k.wav")));
        write_16k(&names[0], part)?;
        write_16k(&names[1], rest.get(lag..(lag + PART).min(rest.len())).unwrap_or_default())?;
        input += &format!("{} {}\n", names[0].display(), names[1].display());
        // The next one is where this one ended, give or take what the jitter buffer changes.
        from = (from + lag + PART).saturating_sub(slack / 4);
        most = slack / 2;
    }
    let list = folder.join("list");
    std::fs::write(&list, input)?;
    let ran = Command::new(python).args(["-c", SCORE]).stdin(std::fs::File::open(&list)?).stderr(Stdio::inherit()).output()?;
    ensure!(ran.status.success(), "the measure ended with {}", ran.status);
    let scores: Vec<f64> = String::from_utf8(ran.stdout)?.lines().filter_map(|line| line.parse().ok()).collect();
    ensure!(scores.len() == PARTS, "{} of {PARTS} parts were scored", scores.len());
    Ok(scores.iter().sum::<f64>() / PARTS as f64)
}

/// A third of the rate, behind a filter that leaves nothing above what that can carry.
fn write_16k(file: &Path, sound: &[f32]) -> Result<()> {
    const TAPS: i32 = 48;
    let filter: Vec<f32> = (-TAPS..=TAPS)
        .map(|at| {
            let place = at as f32 * 0.32;
            let sinc = if at == 0 { 1.0 } else { (std::f32::consts::PI * place).sin() / (std::f32::consts::PI * place) };
            let window = 0.5 + 0.5 * (std::f32::consts::PI * at as f32 / TAPS as f32).cos();
            sinc * window * 0.32
        })
        .collect();
    let spec = hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(file, spec)?;
    for middle in (0..sound.len()).step_by(3) {
        let from = middle as i64 - i64::from(TAPS);
        let sum: f32 = (from..).zip(&filter).filter_map(|(at, share)| Some(sound.get(usize::try_from(at).ok()?)? * share)).sum();
        writer.write_sample((sum.clamp(-1.0, 1.0) * f32::from(i16::MAX)) as i16)?;
    }
    Ok(writer.finalize()?)
}

/// The interpreter of a folder that has the measure, made if it is not there yet.
fn python() -> Result<PathBuf> {
    let folder = std::env::current_exe()?.with_file_name("pesq");
    let python = folder.join("bin/python");
    let works = || Command::new(&python).args(["-c", "import pesq"]).stderr(Stdio::null()).status().is_ok_and(|ran| ran.success());
    if !works() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).stdout(Stdio::null()).status();
        ensure!(
            made.context("python3 is not installed")?.success(),
            "python3 makes no virtual environment: the package python3-venv is missing"
        );
        let log = std::fs::File::create(folder.join("install.log"))?;
        let mut pip = Command::new(folder.join("bin/pip"));
        let installed = pip.args(["install", "--quiet"]).args(PACKAGES).stdout(log.try_clone()?).stderr(log).status()?;
        ensure!(
            installed.success() && works(),
            "the Python package pesq cannot be installed here: see install.log in {}",
            folder.display()
        );
    }
    Ok(python)
}
