//! A call on a wire that becomes narrower than its sound: from 1 Mbit/s to 64 kbit/s, in the middle of it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use veche_lab::sound::{Clip, longest_silence};
use veche_lab::wire::Conditions;
use veche_media::audio::{Backend, Processing, SoundConfig, Transmission};
use veche_media::engine::EngineConfig;
use veche_protocol::call::media::MediaEvent;

use super::over_wires;
use crate::table::{Row, Verdict, ms};

/// Bits a second before and after.
const WIDE: u64 = 1_000_000;
const NARROW: u64 = 64_000;
/// What the narrow place lets wait: half a second at its rate, as a modem of that speed has, bytes.
const QUEUE: usize = 4_000;
/// On the way, in each direction.
const DELAY: Duration = Duration::from_millis(20);
/// How long each lasts.
const BEFORE: Duration = Duration::from_secs(10);
const AFTER: Duration = Duration::from_secs(30);
/// The longest gap.
const MOST: Duration = Duration::from_millis(200);

/// Measures.
pub fn rows() -> Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(vec![runtime.block_on(measure())?])
}

async fn measure() -> Result<Row> {
    let folder = tempfile::tempdir()?;
    let says = Clip(vec_tone(Duration::from_secs(90))).write(&folder.path().join("says.wav"))?;
    let heard = folder.path().join("heard.wav");
    let config = |backend| {
        let sound = SoundConfig { backend, processing: Processing::NONE, transmission: Transmission::Open, ..SoundConfig::default() };
        EngineConfig { sound, ..EngineConfig::default() }
    };
    let a = config(Backend::Wav { input: Some(says.clone()), output: None });
    let b = config(Backend::Wav { input: Some(says), output: Some(heard.clone()) });
    let (mut pair, proxy) = over_wires(a, b, 5).await?;
    let wire = |rate| Conditions { delay: DELAY, rate: Some(rate), queue: QUEUE, ..Conditions::default() };
    proxy.set(&wire(WIDE));
    let before = sent(&pair.pass(BEFORE).await);
    proxy.set(&wire(NARROW));
    let after = sent(&pair.pass(AFTER).await);
    let lost = proxy.tally().lost;
    pair.stop().await;
    let heard = Clip::read(&heard)?;
    // From the first sound on: before it there is the time in which a call begins.
    let begun = heard.0.iter().position(|sample| sample.abs() > 0.05).context("nothing was heard")?;
    let end = heard.0.len().saturating_sub(veche_lab::sound::RATE as usize / 2);
    let gap = longest_silence(&Clip(heard.0.get(begun..end).unwrap_or_default().to_vec()));
    Ok(Row {
        number: "16",
        what: "longest gap in a call whose way narrows from 1 Mbit/s to 64 kbit/s",
        figure: ms(gap),
        beside: format!(
            "sound sent each way {before} bit/s before, {after} bit/s {} s after; {lost} packets lost in a queue of half a second",
            AFTER.as_secs()
        ),
        target: format!("<= {}, and the call goes on", ms(MOST)),
        verdict: Verdict::of(gap <= MOST),
    })
}

/// A tone that is never silent.
fn vec_tone(length: Duration) -> Vec<f32> {
    let rate = f64::from(veche_lab::sound::RATE);
    let samples = (length.as_secs_f64() * rate) as u32;
    (0..samples).map(|at| (f64::from(at) * 300.0 / rate * std::f64::consts::TAU).sin() as f32 * 0.3).collect()
}

/// What was sent in the last second.
fn sent(stats: &[MediaEvent]) -> u32 {
    let bits = stats.iter().filter_map(|event| match event {
        MediaEvent::Stats { stats, .. } => stats.sent_bps,
        _ => None,
    });
    bits.max().unwrap_or(0)
}
