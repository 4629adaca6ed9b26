//! Devices of this computer, through cpal: ALSA and the sound servers behind it, Core Audio, WASAPI.

use cpal::traits::{DeviceTrait, HostTrait};

use crate::audio::{DeviceInfo, Direction, SoundError};

/// Devices that are listed: more are no choice but a search.
const MAX_DEVICES: usize = 256;

/// What is connected, each device once for each way that sound takes through it.
///
/// # Errors
/// Where there is no sound system.
pub(in crate::audio) fn list() -> Result<Vec<DeviceInfo>, SoundError> {
    let host = cpal::default_host();
    let id_of = |device: Option<cpal::Device>| device.and_then(|device| device.id().ok());
    let default_input = id_of(host.default_input_device());
    let default_output = id_of(host.default_output_device());
    let devices = host.devices().map_err(|_| SoundError::NoDevice { what: "sound device" })?;
    let mut found = Vec::new();
    for device in devices.take(MAX_DEVICES) {
        let (Ok(id), Ok(description)) = (device.id(), device.description()) else { continue };
        let mut add = |direction, default: &Option<cpal::DeviceId>| {
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
