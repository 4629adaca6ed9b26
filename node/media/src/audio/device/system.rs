//! Devices of this computer, through cpal: ALSA and the sound servers behind it, Core Audio, WASAPI.

use std::str::FromStr;
use std::sync::Arc;
use std::thread::Thread;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Device, DeviceId, ErrorKind, FromSample, I24, Sample, SampleFormat, SizedSample, StreamConfig, SupportedBufferSize,
    SupportedStreamConfig, U24,
};

use super::ring::{self, Drain, Feed, Inlet, Outlet, Pulse};
use super::{Host, PERIOD, Stream};
use crate::audio::{DeviceChoice, DeviceInfo, Direction, SoundError};

/// Devices that are listed: more are no choice but a search.
const MAX_DEVICES: usize = 256;

/// The largest number below 1: what an integer of any width can hold without turning round to the other sign.
const ALMOST_ONE: f32 = 1.0 - f32::EPSILON / 2.0;

/// What ALSA lists beside devices: conversions, and cards without any or for one speaker layout. Each card is there once more under a
/// name that suits every program.
const NO_CHOICE: &[&str] = &[
    "dmix",
    "dsnoop",
    "front",
    "hw",
    "lavrate",
    "null",
    "oss",
    "rear",
    "samplerate",
    "side",
    "speexrate",
    "upmix",
    "usbstream",
    "vdownmix",
];

/// What a person may choose among: each device once for each way that sound takes through it.
///
/// # Errors
/// Where there is no sound system.
pub(in crate::audio) fn list() -> Result<Vec<DeviceInfo>, SoundError> {
    let mut devices = connected()?;
    devices.retain(|device| is_choice(&device.id));
    Ok(devices)
}

fn is_choice(id: &str) -> bool {
    let Some(name) = id.strip_prefix("alsa:") else { return true };
    let kind = name.split(':').next().unwrap_or_default();
    !NO_CHOICE.contains(&kind) && !kind.starts_with("surround") && !kind.starts_with("center_lfe")
}

/// Everything that is connected.
fn connected() -> Result<Vec<DeviceInfo>, SoundError> {
    let host = cpal::default_host();
    let id_of = |device: Option<Device>| device.and_then(|device| device.id().ok());
    let default_input = id_of(host.default_input_device());
    let default_output = id_of(host.default_output_device());
    let devices = host.devices().map_err(|_| SoundError::NoDevice { what: "sound device" })?;
    let mut found = Vec::new();
    for device in devices.take(MAX_DEVICES) {
        let (Ok(id), Ok(description)) = (device.id(), device.description()) else { continue };
        let mut add = |direction, default: &Option<DeviceId>| {
            let is_default = default.as_ref() == Some(&id);
            found.push(DeviceInfo { id: id.to_string(), name: description.name().to_owned(), direction, is_default });
        };
        if device.supports_input() {
            add(Direction::Input, &default_input);
        }
        if device.supports_output() {
            add(Direction::Output, &default_output);
        }
    }
    Ok(found)
}

/// The devices of this computer.
#[derive(Debug)]
pub(in crate::audio) struct System;

impl Host for System {
    fn list(&self) -> Result<Vec<DeviceInfo>, SoundError> {
        connected()
    }

    fn open_input(&self, which: &DeviceChoice, worker: Thread) -> Result<(Stream, Feed), SoundError> {
        let device = find(which, Direction::Input)?;
        let failed = |error| failure(Direction::Input, &error);
        let supported = device.default_input_config().map_err(failed)?;
        let format = supported.sample_format();
        let (stream, feed) = smallest_buffer(supported, PERIOD, |config| {
            let (inlet, feed) = ring::input(config.sample_rate, config.channels, worker.clone());
            Ok((record(&device, config, format, inlet)?, feed))
        })
        .map_err(failed)?;
        stream.play().map_err(failed)?;
        Ok((opened(&device, Arc::clone(&feed.pulse), stream), feed))
    }

    fn open_output(&self, which: &DeviceChoice, period: Duration, worker: Thread) -> Result<(Stream, Drain), SoundError> {
        let device = find(which, Direction::Output)?;
        let failed = |error| failure(Direction::Output, &error);
        let supported = device.default_output_config().map_err(failed)?;
        let format = supported.sample_format();
        let (stream, drain) = smallest_buffer(supported, period, |config| {
            let (outlet, drain) = ring::output(config.sample_rate, config.channels, worker.clone());
            Ok((play(&device, config, format, outlet)?, drain))
        })
        .map_err(failed)?;
        stream.play().map_err(failed)?;
        Ok((opened(&device, Arc::clone(&drain.pulse), stream), drain))
    }

    fn lengthens(&self) -> bool {
        true
    }
}

fn find(which: &DeviceChoice, direction: Direction) -> Result<Device, SoundError> {
    let host = cpal::default_host();
    let device = match which {
        DeviceChoice::Default if direction == Direction::Input => host.default_input_device(),
        DeviceChoice::Default => host.default_output_device(),
        DeviceChoice::Named(id) => DeviceId::from_str(id).ok().and_then(|id| host.device_by_id(&id)),
    };
    device.ok_or(SoundError::NoDevice { what: direction.noun() })
}

fn opened(device: &Device, pulse: Arc<Pulse>, stream: cpal::Stream) -> Stream {
    let name = device.description().map_or_else(|_| "?".to_owned(), |description| description.name().to_owned());
    Stream::new(name, device.id().ok().map(|id| id.to_string()), pulse, stream)
}

/// Opens with callbacks as short as are asked for, or with those of the system where it refuses that.
fn smallest_buffer<T>(
    supported: SupportedStreamConfig,
    period: Duration,
    open: impl Fn(StreamConfig) -> Result<T, cpal::Error>,
) -> Result<T, cpal::Error> {
    let config = supported.config();
    if let SupportedBufferSize::Range { min, max } = *supported.buffer_size() {
        let frames = u32::try_from(u128::from(config.sample_rate) * period.as_micros() / 1_000_000).unwrap_or(max);
        let frames = frames.max(min).min(max);
        match open(StreamConfig { buffer_size: BufferSize::Fixed(frames), ..config }) {
            Err(error) if matches!(error.kind(), ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput | ErrorKind::BackendError) => {}
            opened => return opened,
        }
    }
    open(config)
}

fn record(device: &Device, config: StreamConfig, format: SampleFormat, inlet: Inlet) -> Result<cpal::Stream, cpal::Error> {
    match format {
        SampleFormat::F32 => record_as::<f32>(device, config, inlet),
        SampleFormat::F64 => record_as::<f64>(device, config, inlet),
        SampleFormat::I8 => record_as::<i8>(device, config, inlet),
        SampleFormat::I16 => record_as::<i16>(device, config, inlet),
        SampleFormat::I24 => record_as::<I24>(device, config, inlet),
        SampleFormat::I32 => record_as::<i32>(device, config, inlet),
        SampleFormat::I64 => record_as::<i64>(device, config, inlet),
        SampleFormat::U8 => record_as::<u8>(device, config, inlet),
        SampleFormat::U16 => record_as::<u16>(device, config, inlet),
        SampleFormat::U24 => record_as::<U24>(device, config, inlet),
        SampleFormat::U32 => record_as::<u32>(device, config, inlet),
        SampleFormat::U64 => record_as::<u64>(device, config, inlet),
        unknown => Err(no_samples(unknown)),
    }
}

fn play(device: &Device, config: StreamConfig, format: SampleFormat, outlet: Outlet) -> Result<cpal::Stream, cpal::Error> {
    match format {
        SampleFormat::F32 => play_as::<f32>(device, config, outlet),
        SampleFormat::F64 => play_as::<f64>(device, config, outlet),
        SampleFormat::I8 => play_as::<i8>(device, config, outlet),
        SampleFormat::I16 => play_as::<i16>(device, config, outlet),
        SampleFormat::I24 => play_as::<I24>(device, config, outlet),
        SampleFormat::I32 => play_as::<i32>(device, config, outlet),
        SampleFormat::I64 => play_as::<i64>(device, config, outlet),
        SampleFormat::U8 => play_as::<u8>(device, config, outlet),
        SampleFormat::U16 => play_as::<u16>(device, config, outlet),
        SampleFormat::U24 => play_as::<U24>(device, config, outlet),
        SampleFormat::U32 => play_as::<u32>(device, config, outlet),
        SampleFormat::U64 => play_as::<u64>(device, config, outlet),
        unknown => Err(no_samples(unknown)),
    }
}

fn no_samples(format: SampleFormat) -> cpal::Error {
    cpal::Error::with_message(ErrorKind::UnsupportedConfig, format!("its samples are of the kind {format}"))
}

fn record_as<S>(device: &Device, config: StreamConfig, mut inlet: Inlet) -> Result<cpal::Stream, cpal::Error>
where
    S: SizedSample,
    f32: FromSample<S>,
{
    let pulse = Arc::clone(inlet.pulse());
    device.build_input_stream(
        config,
        move |samples: &[S], _: &cpal::InputCallbackInfo| inlet.record(samples, f32::from_sample),
        move |error| note(&pulse, &error),
        None,
    )
}

fn play_as<S>(device: &Device, config: StreamConfig, mut outlet: Outlet) -> Result<cpal::Stream, cpal::Error>
where
    S: SizedSample + FromSample<f32>,
{
    let pulse = Arc::clone(outlet.pulse());
    device.build_output_stream(
        config,
        move |samples: &mut [S], info: &cpal::OutputCallbackInfo| {
            let times = info.timestamp();
            let delay = times.playback.saturating_duration_since(times.callback);
            outlet.pulse().set_delay_us(u32::try_from(delay.as_micros()).unwrap_or(u32::MAX));
            outlet.play(samples, |sample| S::from_sample(sample.clamp(-1.0, ALMOST_ONE)));
        },
        move |error| note(&pulse, &error),
        None,
    )
}

/// Takes note of what ends a stream, or interrupts it. Everything else goes away by itself, such as what the plugin of ALSA for `PulseAudio` says while it
/// waits for the server's clock, or is seen by the callbacks that do not come.
fn note(pulse: &Pulse, error: &cpal::Error) {
    match error.kind() {
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable | ErrorKind::StreamInvalidated => pulse.set_broken(),
        ErrorKind::Xrun => pulse.stumble(),
        _ => {}
    }
}

fn failure(direction: Direction, error: &cpal::Error) -> SoundError {
    let what = direction.noun();
    match error.kind() {
        ErrorKind::PermissionDenied => SoundError::Forbidden { what },
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => SoundError::NoDevice { what },
        _ => SoundError::DeviceFailed { what, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_choose_among_devices_and_not_among_conversions() {
        for id in ["alsa:default", "alsa:pipewire", "alsa:plughw:CARD=1,DEV=0", "alsa:sysdefault:CARD=PCH", "alsa:hdmi:CARD=NVidia,DEV=1"] {
            assert!(is_choice(id), "{id}");
        }
        for id in ["alsa:null", "alsa:hw:CARD=1,DEV=0", "alsa:surround51:CARD=PCH,DEV=0", "alsa:samplerate", "alsa:front:CARD=PCH,DEV=0"] {
            assert!(!is_choice(id), "{id}");
        }
        assert!(is_choice("wasapi:{0.0.1.00000000}.{a1}"), "other systems list devices only");
    }

    #[test]
    fn every_kind_of_sample_holds_the_loudest() {
        assert_eq!(i16::from_sample(ALMOST_ONE), i16::MAX);
        assert_eq!(I24::from_sample(ALMOST_ONE).inner(), (1 << 23) - 1);
        assert_eq!(i32::from_sample(ALMOST_ONE), i32::MAX - 127, "as near as 24 bits come");
        assert_eq!(u8::from_sample(ALMOST_ONE), u8::MAX);
        assert_eq!(f32::from_sample(i16::MIN), -1.0);
    }
}
