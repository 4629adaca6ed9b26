//! `device.*`: microphones and loudspeakers.

use super::{Done, Nothing, given};
use crate::media::{SoundDevice, SoundDevices, SoundTest};
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use schemars::JsonSchema;
use serde::Deserialize;
use std::future::{Ready, ready};
use veche_protocol::core::command::Command;
use veche_protocol::view::{Settings, SoundDirection, SoundSettings};

pub(super) async fn audio_list(context: &Context, _: Nothing) -> Result<SoundDevices, Failure> {
    Ok(context.node().sound_devices().await?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Select {
    /// Id of the microphone, from `device.audio_list`; null for whichever the system uses.
    #[serde(default, deserialize_with = "given")]
    input: Option<Option<String>>,
    /// Id of the loudspeaker, likewise.
    #[serde(default, deserialize_with = "given")]
    output: Option<Option<String>>,
}

pub(super) async fn select(context: &Context, params: Select) -> Result<SoundSettings, Failure> {
    if params.input.iter().chain(&params.output).any(Option::is_some) {
        let known = context.node().sound_devices().await?;
        is_there(&known, "input", SoundDirection::Input, &params.input)?;
        is_there(&known, "output", SoundDirection::Output, &params.output)?;
    }
    let one_at_a_time = context.lock_settings().await;
    let old = context.state().await?.settings.as_ref().clone();
    let sound = SoundSettings {
        input: params.input.unwrap_or_else(|| old.sound.input.clone()),
        output: params.output.unwrap_or_else(|| old.sound.output.clone()),
        ..old.sound.clone()
    };
    context.command(Command::SetSettings(Settings { sound: sound.clone(), ..old })).await?;
    drop(one_at_a_time);
    Ok(sound)
}

/// Refuses a device that does not exist, or not for that.
fn is_there(known: &SoundDevices, field: &str, direction: SoundDirection, wanted: &Option<Option<String>>) -> Result<(), Failure> {
    let Some(Some(wanted)) = wanted else { return Ok(()) };
    if !known.real {
        return Err(Failure::field(field, "this node was started with other sound than the devices of this computer"));
    }
    let fits = |device: &SoundDevice| device.id == *wanted && device.direction == direction;
    if known.devices.iter().any(fits) { Ok(()) } else { Err(Failure::field(field, "device.audio_list has no such device")) }
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestAudio {
    /// What is done.
    mode: SoundTest,
}

pub(super) fn test_audio(context: &Context, params: TestAudio) -> Ready<Result<Done, Failure>> {
    ready(context.node().test_sound(params.mode).map(|()| Done {}).map_err(Failure::from))
}
