//! `chat.*`: conversations and their histories.

use super::message::{self, find};
use super::{Chat, Done, Nothing, Person, limit};
use crate::handle::Page;
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veche_protocol::core::command::{Command, Reply};
use veche_protocol::ids::{EntryId, SpaceId};
use veche_protocol::view::{ChatView, MessageView};

pub(super) async fn list(context: &Context, _: Nothing) -> Result<Vec<ChatView>, Failure> {
    Ok(context.state().await?.chats.iter().map(|chat| chat.as_ref().clone()).collect())
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Opened {
    /// The conversation.
    chat_id: SpaceId,
}

pub(super) async fn open(context: &Context, params: Person) -> Result<Opened, Failure> {
    match context.command(Command::OpenChat(params.account_id)).await? {
        Reply::Chat(chat_id) => Ok(Opened { chat_id }),
        _ => Err(Failure::unexpected()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct History {
    /// Which conversation.
    chat_id: SpaceId,
    /// Only messages before this one.
    before: Option<EntryId>,
    /// Only messages after this one.
    after: Option<EntryId>,
    /// How many: 50 if absent, 500 at most.
    limit: Option<u32>,
}

pub(super) async fn history(context: &Context, params: History) -> Result<Vec<MessageView>, Failure> {
    let limit = limit(params.limit)?;
    message::known_chat(context, params.chat_id).await?;
    let page = match (params.before, params.after) {
        (None, None) => Page::Newest,
        (Some(id), None) => Page::Before(find(context, Some(params.chat_id), id).await?.hlc, id),
        (None, Some(id)) => Page::After(find(context, Some(params.chat_id), id).await?.hlc, id),
        (Some(_), Some(_)) => return Err(Failure::field("after", "`before` says already which messages are wanted")),
    };
    Ok(context.node().history(params.chat_id, page, limit).await?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MarkRead {
    /// Which conversation.
    chat_id: SpaceId,
    /// The newest message that was seen: it and all that are shown above it are read. Absent: all that are here.
    message_id: Option<EntryId>,
}

pub(super) async fn mark_read(context: &Context, params: MarkRead) -> Result<Done, Failure> {
    let up_to = match params.message_id {
        Some(id) => Some(find(context, Some(params.chat_id), id).await?.hlc),
        None => None,
    };
    context.perform(Command::MarkRead(params.chat_id, up_to)).await
}

pub(super) async fn typing(context: &Context, params: Chat) -> Result<Done, Failure> {
    context.perform(Command::Typing(params.chat_id)).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Mute {
    /// Which conversation.
    chat_id: SpaceId,
    /// Whether notifications are off from now on.
    muted: bool,
}

pub(super) async fn mute(context: &Context, params: Mute) -> Result<Done, Failure> {
    context.perform(Command::Mute(params.chat_id, params.muted)).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    /// Which conversation.
    chat_id: SpaceId,
    /// The text; empty for none.
    text: String,
}

pub(super) async fn draft(context: &Context, params: Draft) -> Result<Done, Failure> {
    context.perform(Command::Draft(params.chat_id, params.text)).await
}
