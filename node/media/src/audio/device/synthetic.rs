//! Devices that are none: silence, a tone, WAV files, at the pace of real ones.

use std::f32::consts::TAU;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use tracing::warn;

use super::ring::{self, Drain, Feed, Inlet, Outlet};
use super::wav::{WavSink, WavSource};
use super::{Host, Stream};
use crate::audio::{Backend, DeviceChoice, DeviceInfo, SoundError, priority};
use crate::packet::SAMPLE_RATE;

/// Between two callbacks, as a common sound card has it.
const PERIOD: Duration = Duration::from_millis(10);

/// [`PERIOD`]s in a second.
const PERIODS_PER_SECOND: u32 = 100;

/// What a device that fell behind makes up for at most. After more, such as a suspended machine, it goes on from now.
const MAX_CATCHING_UP: Duration = Duration::from_millis(200);

/// Loudness of the tone, as a share of full scale: -12 dB, that of a raised voice.
const TONE_AMPLITUDE: f32 = 0.25;

/// Devices without a sound card.
pub(in crate::audio) struct Synthetic {
    input: Input,
    output: Option<Arc<Mutex<WavSink>>>,
}

/// What the microphone hears.
#[derive(Clone)]
enum Input {
    Silence,
    Tone { hertz: f32 },
    Wav(Arc<Mutex<WavSource>>),
}

impl Synthetic {
    /// Nothing in, nothing out: what is left where there is no device.
    pub(in crate::audio) const NULL: Self = Self { input: Input::Silence, output: None };

    /// What the configuration names; `None` for [`Backend::System`].
    ///
    /// # Errors
    /// Where a file cannot be used.
    pub(in crate::audio) fn new(backend: &Backend) -> Result<Option<Self>, SoundError> {
        Ok(Some(match backend {
            Backend::System => return Ok(None),
            Backend::Null => Self::NULL,
            Backend::Tone { hertz } => Self { input: Input::Tone { hertz: *hertz }, output: None },
            Backend::Wav { input, output } => {
                // The input first: a mistake in its name must not cost the old output.
                let input = match input {
                    Some(path) => Input::Wav(Arc::new(Mutex::new(WavSource::open(path)?))),
                    None => Input::Silence,
                };
                let output = match output {
                    Some(path) => Some(Arc::new(Mutex::new(WavSink::create(path)?))),
                    None => None,
                };
                Self { input, output }
            }
        }))
    }
}

impl Host for Synthetic {
    fn list(&self) -> Result<Vec<DeviceInfo>, SoundError> {
        Ok(Vec::new())
    }

    fn open_input(&self, _: &DeviceChoice, worker: Thread) -> Result<(Stream, Feed), SoundError> {
        let (rate, channels, name) = match &self.input {
            Input::Silence => (SAMPLE_RATE, 1, "silence".to_owned()),
            Input::Tone { hertz } => (SAMPLE_RATE, 1, format!("{hertz} Hz")),
            Input::Wav(source) => {
                let source = source.lock().unwrap_or_else(PoisonError::into_inner);
                (source.rate(), source.channels(), source.path().display().to_string())
            }
        };
        let (inlet, feed) = ring::input(rate, channels, worker);
        let pulse = Arc::clone(&feed.pulse);
        let paced = match self.input.clone() {
            Input::Silence => record(inlet, rate, channels, |_| {}),
            Input::Tone { hertz } => {
                let mut phase = 0.0_f32;
                record(inlet, rate, channels, move |samples| {
                    for sample in samples {
                        *sample = TONE_AMPLITUDE * (TAU * phase).sin();
                        phase = (phase + hertz / SAMPLE_RATE as f32).fract();
                    }
                })
            }
            Input::Wav(source) => {
                record(inlet, rate, channels, move |samples| source.lock().unwrap_or_else(PoisonError::into_inner).read(samples))
            }
        };
        Ok((Stream::new(name, None, pulse, paced.map_err(SoundError::Thread)?), feed))
    }

    fn open_output(&self, _: &DeviceChoice, _: Duration, worker: Thread) -> Result<(Stream, Drain), SoundError> {
        let name = self
            .output
            .as_ref()
            .map_or_else(|| "silence".to_owned(), |sink| sink.lock().unwrap_or_else(PoisonError::into_inner).path().display().to_string());
        let (outlet, drain) = ring::output(SAMPLE_RATE, 1, worker);
        let pulse = Arc::clone(&drain.pulse);
        let paced = play(outlet, self.output.clone()).map_err(SoundError::Thread)?;
        Ok((Stream::new(name, None, pulse, paced), drain))
    }
}

fn record(mut inlet: Inlet, rate: u32, channels: u16, mut hear: impl FnMut(&mut [f32]) + Send + 'static) -> std::io::Result<Paced> {
    let (rate, channels) = (rate as usize, usize::from(channels));
    let mut samples = vec![0.0; rate.div_ceil(PERIODS_PER_SECOND as usize) * channels];
    // At 11025 Hz a period has 110 frames or 111.
    let mut carried = 0;
    Paced::start("veche-microphone", move || {
        carried += rate;
        let frames = carried / PERIODS_PER_SECOND as usize;
        carried %= PERIODS_PER_SECOND as usize;
        let samples = samples.split_at_mut(frames * channels).0;
        hear(samples);
        inlet.record(samples, |sample| sample);
        true
    })
}

fn play(mut outlet: Outlet, sink: Option<Arc<Mutex<WavSink>>>) -> std::io::Result<Paced> {
    let mut writer = sink.map(Settled);
    Paced::start("veche-loudspeaker", move || {
        let mut samples = [0.0_f32; (SAMPLE_RATE / PERIODS_PER_SECOND) as usize];
        outlet.play(&mut samples, |sample| sample);
        let written = writer.as_mut().map_or(Ok(()), |writer| writer.0.lock().unwrap_or_else(PoisonError::into_inner).write(&samples));
        if let Err(error) = &written {
            warn!(%error, "the sound is not written any more");
            outlet.pulse().set_broken();
        }
        written.is_ok()
    })
}

/// A file whose header is right when nobody plays into it any more.
struct Settled(Arc<Mutex<WavSink>>);

impl Drop for Settled {
    fn drop(&mut self) {
        if let Err(error) = self.0.lock().unwrap_or_else(PoisonError::into_inner).settle() {
            warn!(%error, "the end of the sound is not in the file");
        }
    }
}

/// A thread that does something each [`PERIOD`] until it is dropped.
#[derive(Debug)]
pub(super) struct Paced {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Paced {
    /// Calls until it says `false`.
    pub(super) fn start(name: &str, mut step: impl FnMut() -> bool + Send + 'static) -> std::io::Result<Self> {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            priority::raise();
            let mut due = Instant::now();
            while !end.load(Ordering::Acquire) && step() {
                due += PERIOD;
                let now = Instant::now();
                if now.saturating_duration_since(due) > MAX_CATCHING_UP {
                    due = now;
                }
                std::thread::sleep(due.saturating_duration_since(now));
            }
        })?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // What it holds, such as a file, is let go when this returns.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(backend: &Backend, blocks: usize) -> (Vec<f32>, Duration) {
        let host = Synthetic::new(backend).unwrap().unwrap();
        let start = Instant::now();
        let (stream, mut feed) = host.open_input(&DeviceChoice::Default, std::thread::current()).unwrap();
        let wanted = blocks * (feed.rate / PERIODS_PER_SECOND) as usize * usize::from(feed.channels);
        while feed.ring.slots() < wanted {
            std::thread::park_timeout(Duration::from_millis(100));
            assert!(start.elapsed() < Duration::from_secs(10), "{} of {wanted} came", feed.ring.slots());
        }
        let took = start.elapsed();
        drop(stream);
        let mut heard = vec![0.0; wanted];
        feed.ring.pop_entire_slice(&mut heard).unwrap();
        (heard, took)
    }

    #[test]
    fn a_tone_has_its_pitch_and_comes_at_the_pace_of_a_microphone() {
        let (heard, took) = hear(&Backend::Tone { hertz: 440.0 }, 30);
        let rises = heard.windows(2).filter(|pair| matches!(pair, [before, after] if *before < 0.0 && *after >= 0.0)).count();
        assert!((130..=133).contains(&rises), "{rises} periods in 0.3 s of 440 Hz");
        assert!((290..2_000).contains(&took.as_millis()), "{took:?}");
        assert!(hear(&Backend::Null, 2).0.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn a_file_is_heard_once_at_its_own_rate_and_then_silence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.wav");
        let spec = hound::WavSpec { channels: 2, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for _ in 0..200 {
            writer.write_sample(16_384_i16).unwrap();
            writer.write_sample(0_i16).unwrap();
        }
        writer.finalize().unwrap();
        let (heard, _) = hear(&Backend::Wav { input: Some(path), output: None }, 3);
        let (sound, silence) = heard.split_at(400);
        assert!(sound.chunks(2).all(|frame| frame == [0.5, 0.0]) && silence.iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn what_is_played_is_in_the_file_when_the_device_is_closed_and_goes_on_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.wav");
        let host = Synthetic::new(&Backend::Wav { input: None, output: Some(path.clone()) }).unwrap().unwrap();
        for value in [0.25, 0.5] {
            let (stream, mut drain) = host.open_output(&DeviceChoice::Default, Duration::from_millis(10), std::thread::current()).unwrap();
            drain.ring.push_entire_slice(&[value; 960]).unwrap();
            while drain.pulse.callbacks() < 3 {
                std::thread::park_timeout(Duration::from_millis(100));
            }
            drop(stream);
        }
        let played: Vec<i16> = hound::WavReader::open(&path).unwrap().samples().map(Result::unwrap).collect();
        let loud: Vec<i16> = played.iter().copied().filter(|sample| *sample != 0).collect();
        assert_eq!(loud, [[8_192_i16; 960], [16_384; 960]].concat());
    }

    #[test]
    fn a_missing_input_leaves_the_old_output_alone() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("out.wav");
        std::fs::write(&output, "old").unwrap();
        let backend = Backend::Wav { input: Some(folder.path().join("none.wav")), output: Some(output.clone()) };
        assert!(matches!(Synthetic::new(&backend), Err(SoundError::BrokenWav { .. })));
        assert_eq!(std::fs::read(&output).unwrap(), b"old");
    }
}
