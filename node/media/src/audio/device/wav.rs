//! WAV files in the place of devices.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek};
use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use crate::audio::SoundError;
use crate::packet::SAMPLE_RATE;

/// Samples a second that a file may have: from the telephone's to the studio's. Beyond, the resampler is of no use.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Channels that a file may have: 7.1.
const MAX_CHANNELS: u16 = 8;

/// Samples after which a file counts as full: the lengths in its header have 32 bits (RIFF), which is 12 hours at 16 bits and 48 kHz.
const MAX_SAMPLES: u32 = (u32::MAX - 1024) / 2;

/// A file that is heard.
pub(super) struct WavSource {
    reader: WavReader<BufReader<File>>,
    path: PathBuf,
}

impl WavSource {
    /// Opens the file and looks whether it is what it says.
    ///
    /// # Errors
    /// [`SoundError::BrokenWav`] where it is not, or is of a kind that is not played.
    pub(super) fn open(path: &Path) -> Result<Self, SoundError> {
        let broken = |reason: String| SoundError::BrokenWav { path: path.to_owned(), reason };
        let file = File::open(path).map_err(|error| broken(error.to_string()))?;
        let length = file.metadata().map_err(|error| broken(error.to_string()))?.len();
        let reader = WavReader::new(BufReader::new(file)).map_err(|error| broken(error.to_string()))?;
        let spec = reader.spec();
        if !RATES.contains(&spec.sample_rate) {
            return Err(broken(format!("it has {} samples a second", spec.sample_rate)));
        }
        if !(1..=MAX_CHANNELS).contains(&spec.channels) {
            return Err(broken(format!("it has {} channels", spec.channels)));
        }
        let known = match spec.sample_format {
            SampleFormat::Int => matches!(spec.bits_per_sample, 8 | 16 | 24 | 32),
            SampleFormat::Float => spec.bits_per_sample == 32,
        };
        if !known {
            return Err(broken(format!("its samples have {} bits", spec.bits_per_sample)));
        }
        // The header was read and nothing of the sound, so this is where the sound begins.
        let promised = u64::from(reader.len()) * u64::from(spec.bits_per_sample / 8);
        let mut inner = reader.into_inner();
        let begins = inner.stream_position().map_err(|error| broken(error.to_string()))?;
        if length.saturating_sub(begins) < promised {
            return Err(broken("it ends before the sound that its header promises".to_owned()));
        }
        inner.rewind().map_err(|error| broken(error.to_string()))?;
        let reader = WavReader::new(inner).map_err(|error| broken(error.to_string()))?;
        Ok(Self { reader, path: path.to_owned() })
    }

    pub(super) fn rate(&self) -> u32 {
        self.reader.spec().sample_rate
    }

    pub(super) fn channels(&self) -> u16 {
        self.reader.spec().channels
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Fills the slice with the next samples, channels interleaved; silence after the end.
    pub(super) fn read(&mut self, into: &mut [f32]) {
        let spec = self.reader.spec();
        match spec.sample_format {
            SampleFormat::Float => fill(into, self.reader.samples::<f32>().map_while(Result::ok)),
            SampleFormat::Int => {
                let scale = 1.0 / 2_f32.powi(i32::from(spec.bits_per_sample) - 1);
                fill(into, self.reader.samples::<i32>().map_while(Result::ok).map(|sample| sample as f32 * scale));
            }
        }
    }
}

fn fill(into: &mut [f32], mut samples: impl Iterator<Item = f32>) {
    for sample in into {
        *sample = samples.next().filter(|sample| sample.is_finite()).unwrap_or(0.0);
    }
}

/// A file that is played into: one channel of 16 bits at [`SAMPLE_RATE`].
pub(super) struct WavSink {
    writer: WavWriter<BufWriter<File>>,
    path: PathBuf,
    unsettled: u32,
}

impl WavSink {
    /// Creates the file, in the place of one that is there already.
    ///
    /// # Errors
    /// [`SoundError::UnwritableWav`] where that cannot be.
    pub(super) fn create(path: &Path) -> Result<Self, SoundError> {
        let spec = WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::create(path, spec).map_err(|error| unwritable(path, &error))?;
        writer.flush().map_err(|error| unwritable(path, &error))?;
        Ok(Self { writer, path: path.to_owned(), unsettled: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends. Once a second of sound the header is brought up to date, so that a file whose writer is killed can be read.
    ///
    /// # Errors
    /// [`SoundError::UnwritableWav`] where the disk does not take it, or the file is as long as its kind can be.
    pub(super) fn write(&mut self, samples: &[f32]) -> Result<(), SoundError> {
        let count = samples.len() as u32;
        if self.writer.len().saturating_add(count) > MAX_SAMPLES {
            return Err(SoundError::UnwritableWav { path: self.path.clone(), reason: "it is as long as a WAV file can be".to_owned() });
        }
        for sample in samples {
            let sample = (sample * 32_767.0).round() as i16;
            self.writer.write_sample(sample).map_err(|error| unwritable(&self.path, &error))?;
        }
        self.unsettled += count;
        if self.unsettled >= SAMPLE_RATE { self.settle() } else { Ok(()) }
    }

    /// Brings the header up to date with what was written.
    ///
    /// # Errors
    /// [`SoundError::UnwritableWav`] where the disk does not take it.
    pub(super) fn settle(&mut self) -> Result<(), SoundError> {
        self.unsettled = 0;
        self.writer.flush().map_err(|error| unwritable(&self.path, &error))
    }
}

fn unwritable(path: &Path, error: &hound::Error) -> SoundError {
    SoundError::UnwritableWav { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, spec: WavSpec, samples: &[i32]) {
        let mut writer = WavWriter::create(path, spec).unwrap();
        for &sample in samples {
            match spec.sample_format {
                SampleFormat::Int => writer.write_sample(sample).unwrap(),
                SampleFormat::Float => writer.write_sample(sample as f32 / 128.0).unwrap(),
            }
        }
        writer.finalize().unwrap();
    }

    #[test]
    fn every_kind_of_samples_has_the_same_scale() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.wav");
        let kinds = [8, 16, 24, 32].map(|bits| (SampleFormat::Int, bits)).into_iter().chain([(SampleFormat::Float, 32)]);
        for (sample_format, bits_per_sample) in kinds {
            let spec = WavSpec { channels: 2, sample_rate: 8_000, bits_per_sample, sample_format };
            let quarter = if sample_format == SampleFormat::Int { 1 << (bits_per_sample - 3) } else { 32 };
            write(&path, spec, &[quarter, -2 * quarter]);
            let mut source = WavSource::open(&path).unwrap();
            let mut read = [9.0; 4];
            source.read(&mut read);
            assert_eq!((read, source.rate(), source.channels()), ([0.25, -0.5, 0.0, 0.0], 8_000, 2), "{bits_per_sample} bits");
        }
    }

    #[test]
    fn what_is_no_sound_is_refused_with_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.wav");
        let refusal = |what: &str| {
            let error = WavSource::open(&path).err().unwrap();
            assert!(matches!(error, SoundError::BrokenWav { .. }), "{what}: {error}");
            println!("{error}");
        };
        refusal("absent");
        std::fs::write(&path, "").unwrap();
        refusal("empty");
        std::fs::write(&path, "RIFF\x24\0\0\0WAVEfmt ").unwrap();
        refusal("half a header");
        std::fs::write(&path, vec![0x5a; 4096]).unwrap();
        refusal("noise");
        let spec = WavSpec { channels: 1, sample_rate: 48_000, bits_per_sample: 16, sample_format: SampleFormat::Int };
        for (what, odd) in [
            ("too slow", WavSpec { sample_rate: 7_999, ..spec }),
            ("too fast", WavSpec { sample_rate: 192_001, ..spec }),
            ("too many channels", WavSpec { channels: 9, ..spec }),
        ] {
            write(&path, odd, &[0; 18]);
            refusal(what);
        }
        write(&path, spec, &[1; 4_800]);
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(WavSource::open(&path).unwrap().rate(), 48_000);
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        refusal("cut off");
        // Whatever else is damaged, it is refused or read, and nothing panics.
        for at in 0..44 {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                std::fs::write(&path, damaged).unwrap();
                if let Ok(mut source) = WavSource::open(&path) {
                    source.read(&mut [0.0; 960]);
                }
            }
        }
    }

    #[test]
    fn a_file_whose_writer_dies_has_all_but_the_last_second() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.wav");
        let mut sink = WavSink::create(&path).unwrap();
        assert_eq!(WavReader::open(&path).unwrap().len(), 0, "valid from the beginning");
        for _ in 0..250 {
            sink.write(&[2.0; 480]).unwrap();
        }
        // Read while the writer still has it open, as after a kill.
        let mut reader = WavReader::open(&path).unwrap();
        assert_eq!(reader.len(), 96_000);
        assert!(reader.samples::<i16>().all(|sample| sample.unwrap() == i16::MAX));
        sink.settle().unwrap();
        assert_eq!(WavReader::open(&path).unwrap().len(), 120_000);
        assert!(matches!(WavSink::create(folder.path()), Err(SoundError::UnwritableWav { .. })));
    }
}
