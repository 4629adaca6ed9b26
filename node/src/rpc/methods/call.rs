//! `call.*`: voice calls.

use super::{Done, Nothing, contact};
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use veche_protocol::call::media::{LegStats, MediaRoute, VOLUME};
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::ids::{AccountId, CallId, DeviceId, SpaceId};
use veche_protocol::view::{CallPhase, CallView};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// Whom to call; `contact_id` is understood too.
    #[serde(alias = "contact_id")]
    account_id: Option<AccountId>,
    /// Or the conversation with them.
    chat_id: Option<SpaceId>,
}

/// A call that was begun.
#[derive(Serialize, JsonSchema)]
pub(super) struct Started {
    /// Names it from here on.
    call_id: CallId,
}

pub(super) async fn start(context: &Context, params: Start) -> Result<Started, Failure> {
    let account = match (params.account_id, params.chat_id) {
        (Some(account), None) => account,
        (None, Some(chat)) => contact::of_chat(context.state().await?.as_ref(), chat)?,
        (None, None) => return Err(Failure::field("account_id", "either it or `chat_id` says who is called")),
        (Some(_), Some(_)) => return Err(Failure::field("chat_id", "`account_id` says already who is called")),
    };
    match context.command(Command::CallStart { account }).await? {
        Reply::Call(call_id) => Ok(Started { call_id }),
        _ => Err(Failure::unexpected()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    /// Which.
    call_id: CallId,
}

pub(super) async fn accept(context: &Context, params: Call) -> Result<Done, Failure> {
    context.perform(Command::CallAccept { call: params.call_id }).await
}

pub(super) async fn decline(context: &Context, params: Call) -> Result<Done, Failure> {
    context.perform(Command::CallDecline { call: params.call_id }).await
}

pub(super) async fn hang_up(context: &Context, params: Call) -> Result<Done, Failure> {
    context.perform(Command::CallHangup { call: params.call_id }).await
}

pub(super) async fn list(context: &Context, _: Nothing) -> Result<Vec<CallView>, Failure> {
    Ok(context.state().await?.calls.iter().map(|call| call.as_ref().clone()).collect())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    /// Which.
    call_id: CallId,
    /// Whether the microphone is on.
    mic: Option<bool>,
    /// Whether nothing of the other side is played.
    deafen: Option<bool>,
    /// Whether the key of push to talk is held. Matters where `settings.sound.transmission` is `push_to_talk`.
    push_to_talk: Option<bool>,
}

pub(super) async fn set(context: &Context, params: Set) -> Result<Done, Failure> {
    let Set { call_id: call, mic, deafen, push_to_talk } = params;
    let done = context.perform(Command::CallSet { call, mic, deafen }).await?;
    if let Some(held) = push_to_talk {
        context.node().push_to_talk(held);
    }
    Ok(done)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Volume {
    /// Which.
    call_id: CallId,
    /// Whose voice; in a call of two there is only one.
    account_id: Option<AccountId>,
    /// How loud, up to 200; 100 is as it comes.
    percent: u16,
}

pub(super) async fn volume(context: &Context, params: Volume) -> Result<Done, Failure> {
    if params.percent > VOLUME {
        return Err(Failure::field("percent", &format!("it is a number up to {VOLUME}")));
    }
    if let Some(account) = params.account_id
        && find(context, params.call_id).await?.account_id != account
    {
        return Err(Failure::field("account_id", "they are not in this call"));
    }
    context.perform(Command::CallVolume { call: params.call_id, percent: params.percent }).await
}

/// How a call gets through to one device.
#[derive(Serialize, JsonSchema)]
pub(super) struct PeerStats {
    /// Who is there.
    account_id: AccountId,
    /// On which device, once one has taken the call.
    device_id: Option<DeviceId>,
    /// How far the call is.
    phase: CallPhase,
    /// Which way sound goes, once it does.
    route: Option<MediaRoute>,
    /// What was measured in the last second; nothing before there is sound.
    #[serde(flatten)]
    measured: LegStats,
}

pub(super) async fn stats(context: &Context, params: Call) -> Result<Vec<PeerStats>, Failure> {
    let call = find(context, params.call_id).await?;
    let (account_id, device_id, phase, route) = (call.account_id, call.device_id, call.phase, call.route);
    Ok(vec![PeerStats { account_id, device_id, phase, route, measured: call.stats.clone().unwrap_or_default() }])
}

async fn find(context: &Context, call: CallId) -> Result<Arc<CallView>, Failure> {
    context.state().await?.call(call).cloned().ok_or_else(|| CommandError::UnknownCall.into())
}
