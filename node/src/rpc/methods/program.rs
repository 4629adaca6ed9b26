//! `settings.*`, `network.*`, `node.*`, `rpc.*` and `events.*`: the program itself.

use super::{Done, Nothing, contact, given};
use crate::handle::StorageView;
use crate::rpc::connection::Interest;
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use crate::rpc::openrpc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::future::{Ready, ready};
use veche_protocol::core::command::{Command, Finding, Reply};
use veche_protocol::ids::{AccountId, SpaceId};
use veche_protocol::link::Hint;
use veche_protocol::view::{Gate, NetworkView, NoiseSuppression, OperatorView, Settings, SoundSettings, Theme, Transmission};

pub(super) async fn settings(context: &Context, _: Nothing) -> Result<Settings, Failure> {
    Ok(context.state().await?.settings.as_ref().clone())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsPatch {
    /// Colours of the window.
    theme: Option<Theme>,
    /// Language tag, `en` or `ru`; empty follows the system.
    language: Option<String>,
    /// Show desktop notifications.
    notifications: Option<bool>,
    /// Tell contacts that their messages were read. Without it theirs are not shown either.
    receipts: Option<bool>,
    /// Tell contacts when a message is being typed. Without it theirs is not shown either.
    typing: Option<bool>,
    /// Tell name and login to people on the local network.
    visible_nearby: Option<bool>,
    /// Put name and login into the directory, so that people elsewhere can find this account.
    listed: Option<bool>,
    /// Who may ask to become a contact.
    gate: Option<Gate>,
    /// Calls go through a relay, so that the other person learns no address of this machine.
    relay_calls: Option<bool>,
    /// Sound of calls; absent fields stay.
    sound: Option<SoundPatch>,
}

/// Changes to the settings of sound.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SoundPatch {
    /// Loudness of the microphone, percent, at most 200.
    input_volume: Option<u16>,
    /// Loudness of everybody, percent, at most 200.
    output_volume: Option<u16>,
    /// Take what the loudspeaker plays out of what the microphone hears.
    echo_cancellation: Option<bool>,
    /// How hard noise is suppressed.
    noise_suppression: Option<NoiseSuppression>,
    /// Bring quiet and loud voices to one level.
    gain_control: Option<bool>,
    /// When the microphone is sent.
    transmission: Option<Transmission>,
    /// From which level on a voice is heard as one, decibels below full scale, -127 to 0; null for one that follows the noise of the room.
    #[serde(default, deserialize_with = "given")]
    threshold: Option<Option<i8>>,
}

impl SoundPatch {
    fn apply(self, old: &SoundSettings) -> SoundSettings {
        SoundSettings {
            input: old.input.clone(),
            output: old.output.clone(),
            input_volume: self.input_volume.unwrap_or(old.input_volume),
            output_volume: self.output_volume.unwrap_or(old.output_volume),
            echo_cancellation: self.echo_cancellation.unwrap_or(old.echo_cancellation),
            noise_suppression: self.noise_suppression.unwrap_or(old.noise_suppression),
            gain_control: self.gain_control.unwrap_or(old.gain_control),
            transmission: self.transmission.unwrap_or(old.transmission),
            threshold: self.threshold.unwrap_or(old.threshold),
        }
    }
}

pub(super) async fn set_settings(context: &Context, params: SettingsPatch) -> Result<Settings, Failure> {
    let one_at_a_time = context.lock_settings().await;
    let old = context.state().await?.settings.as_ref().clone();
    let new = Settings {
        theme: params.theme.unwrap_or(old.theme),
        language: params.language.unwrap_or(old.language),
        notifications: params.notifications.unwrap_or(old.notifications),
        receipts: params.receipts.unwrap_or(old.receipts),
        typing: params.typing.unwrap_or(old.typing),
        visible_nearby: params.visible_nearby.unwrap_or(old.visible_nearby),
        listed: params.listed.unwrap_or(old.listed),
        gate: params.gate.unwrap_or(old.gate),
        relay_calls: params.relay_calls.unwrap_or(old.relay_calls),
        sound: params.sound.unwrap_or_default().apply(&old.sound),
    };
    context.command(Command::SetSettings(new.clone())).await?;
    drop(one_at_a_time);
    Ok(new)
}

#[derive(Serialize, JsonSchema)]
pub(super) struct NetworkStatus {
    /// Addresses at which this node can be reached, as multiaddrs.
    listen: Vec<String>,
    /// Addresses at which others outside see this node, as multiaddrs.
    external: Vec<String>,
    /// Operators' nodes in use.
    operators: Vec<Operator>,
    #[serde(flatten)]
    network: NetworkView,
}

/// An operator's node.
#[derive(Serialize, JsonSchema)]
pub(super) struct Operator {
    /// Where it is.
    multiaddrs: Vec<String>,
    /// Whether it is connected now.
    connected: bool,
    /// Whether calls can go through it where no direct way is found or wanted.
    calls: bool,
}

fn operators(network: &NetworkView) -> Vec<Operator> {
    let one = |operator: &OperatorView| Operator {
        multiaddrs: operator.hints.iter().map(crate::print_hint).collect(),
        connected: operator.connected,
        calls: operator.calls,
    };
    network.operators.iter().map(one).collect()
}

pub(super) async fn network_status(context: &Context, _: Nothing) -> Result<NetworkStatus, Failure> {
    let network = context.state().await?.network.as_ref().clone();
    let listen = network.listening.iter().map(crate::print_hint).collect();
    let external = network.outside.iter().map(crate::print_hint).collect();
    Ok(NetworkStatus { listen, external, operators: operators(&network), network })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Bootstrap {
    /// Such as `/ip4/203.0.113.5/udp/4001/quic-v1/p2p/12D3Koo…`, or a `veche:c/` link.
    multiaddr: String,
}

impl Bootstrap {
    fn hints(&self) -> Result<Vec<Hint>, Failure> {
        crate::parse_operators(&self.multiaddr).map_err(|why| Failure::bad_value("multiaddr", why.to_string()))
    }
}

pub(super) async fn bootstrap_add(context: &Context, params: Bootstrap) -> Result<Done, Failure> {
    let hints = params.hints()?;
    context.perform(Command::AddOperators(hints)).await
}

pub(super) async fn bootstrap_remove(context: &Context, params: Bootstrap) -> Result<Done, Failure> {
    for hint in params.hints()? {
        context.perform(Command::RemoveOperator(hint.peer)).await?;
    }
    Ok(Done {})
}

pub(super) async fn bootstrap_list(context: &Context, _: Nothing) -> Result<Vec<Operator>, Failure> {
    Ok(operators(&context.state().await?.network))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddPeer {
    /// Such as `/ip4/192.168.1.20/udp/4001/quic-v1/p2p/12D3Koo…`.
    multiaddr: String,
}

pub(super) async fn add_peer(context: &Context, params: AddPeer) -> Result<Done, Failure> {
    let hint = crate::parse_hint(&params.multiaddr).map_err(|why| Failure::bad_value("multiaddr", why.to_string()))?;
    context.perform(Command::AddPeer(vec![hint])).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Diagnose {
    /// A conversation.
    chat_id: Option<SpaceId>,
    /// Or a person.
    account_id: Option<AccountId>,
}

pub(super) async fn diagnose(context: &Context, params: Diagnose) -> Result<Vec<Finding>, Failure> {
    let state = context.state().await?;
    let account = match (params.chat_id, params.account_id) {
        (Some(chat), None) => contact::of_chat(&state, chat)?,
        (None, Some(account)) => account,
        (None, None) => return Err(Failure::field("chat_id", "either it or `account_id` says what is looked into")),
        (Some(_), Some(_)) => return Err(Failure::field("account_id", "`chat_id` says already what is looked into")),
    };
    match context.command(Command::Diagnose(account)).await? {
        Reply::Diagnosis(findings) => Ok(findings),
        _ => Err(Failure::unexpected()),
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Version {
    /// Name of the program.
    name: String,
    /// Its version.
    version: String,
}

pub(super) fn version(_: &Context, _: Nothing) -> Ready<Result<Version, Failure>> {
    ready(Ok(Version { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }))
}

pub(super) async fn storage(context: &Context, _: Nothing) -> Result<StorageView, Failure> {
    Ok(context.node().storage().await?)
}

pub(super) async fn back_up(context: &Context, _: Nothing) -> Result<StorageView, Failure> {
    Ok(context.node().back_up().await?)
}

pub(super) fn shutdown(context: &Context, _: Nothing) -> Ready<Result<Done, Failure>> {
    context.stop();
    ready(Ok(Done {}))
}

pub(super) fn discover(_: &Context, _: Nothing) -> Ready<Result<Value, Failure>> {
    ready(Ok(openrpc::document()))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscribe {
    /// Kinds of events; all if absent.
    kinds: Option<BTreeSet<String>>,
}

pub(super) fn subscribe(context: &Context, params: Subscribe) -> Ready<Result<Done, Failure>> {
    ready(interest(params.kinds).map(|interest| {
        context.listen_to(interest);
        Done {}
    }))
}

fn interest(kinds: Option<BTreeSet<String>>) -> Result<Interest, Failure> {
    let Some(kinds) = kinds else { return Ok(Interest::Everything) };
    let known = openrpc::event_kinds();
    if let Some(unknown) = kinds.iter().find(|kind| !known.contains(*kind)) {
        let shown: String = unknown.chars().take(40).collect();
        let all = known.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Failure::field("kinds", &format!("there are no events `{shown}`, only {all}")));
    }
    Ok(if kinds.is_empty() { Interest::Nothing } else { Interest::Kinds(kinds) })
}
