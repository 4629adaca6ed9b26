//! `message.*`: writing, changing, finding messages.

use super::{Done, contact, limit};
use crate::handle::{NodeError, Query};
use crate::rpc::context::Context;
use crate::rpc::envelope::Failure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use veche_protocol::core::command::{Command, CommandError, Reply};
use veche_protocol::ids::{AccountId, EntryId, SpaceId};
use veche_protocol::view::{MessageState, MessageView};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    /// Where.
    chat_id: SpaceId,
    /// What: up to 8 KiB of UTF-8.
    text: String,
    /// The message that it answers.
    reply_to: Option<EntryId>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Sent {
    /// The message.
    message_id: EntryId,
}

pub(super) async fn send(context: &Context, params: Send) -> Result<Sent, Failure> {
    match context.command(Command::Send { chat: params.chat_id, text: params.text, reply_to: params.reply_to }).await? {
        Reply::Message(message_id) => Ok(Sent { message_id }),
        _ => Err(Failure::unexpected()),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// Which message.
    message_id: EntryId,
    /// Its conversation; all are searched if absent.
    chat_id: Option<SpaceId>,
    /// The new text.
    text: String,
}

pub(super) async fn edit(context: &Context, params: Edit) -> Result<Done, Failure> {
    let chat = find(context, params.chat_id, params.message_id).await?.chat_id;
    context.perform(Command::Edit { chat, message: params.message_id, text: params.text }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Message {
    /// Which message.
    message_id: EntryId,
    /// Its conversation; all are searched if absent.
    chat_id: Option<SpaceId>,
}

pub(super) async fn delete(context: &Context, params: Message) -> Result<Done, Failure> {
    let chat = find(context, params.chat_id, params.message_id).await?.chat_id;
    context.perform(Command::Delete { chat, message: params.message_id }).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct React {
    /// Which message.
    message_id: EntryId,
    /// Its conversation; all are searched if absent.
    chat_id: Option<SpaceId>,
    /// With which emoji.
    emoji: String,
    /// Put it, or take it back.
    on: bool,
}

pub(super) async fn react(context: &Context, params: React) -> Result<Done, Failure> {
    let chat = find(context, params.chat_id, params.message_id).await?.chat_id;
    context.perform(Command::React { chat, message: params.message_id, emoji: params.emoji, on: params.on }).await
}

#[derive(Serialize, JsonSchema)]
pub(super) struct State {
    /// How far it has got with everybody.
    state: MessageState,
    /// How far it has got with each recipient.
    per_recipient: Vec<RecipientState>,
}

#[derive(Serialize, JsonSchema)]
struct RecipientState {
    /// Who.
    account_id: AccountId,
    /// How far it has got with them.
    state: MessageState,
}

pub(super) async fn state(context: &Context, params: Message) -> Result<State, Failure> {
    let message = find(context, params.chat_id, params.message_id).await?;
    let state = message.state.ok_or(CommandError::NotYours)?;
    let account_id = contact::of_chat(context.state().await?.as_ref(), message.chat_id)?;
    Ok(State { state, per_recipient: vec![RecipientState { account_id, state }] })
}

pub(super) async fn get(context: &Context, params: Message) -> Result<MessageView, Failure> {
    find(context, params.chat_id, params.message_id).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// The text; capital letters do not matter.
    query: String,
    /// Only in this conversation.
    chat_id: Option<SpaceId>,
    /// Only messages older than this one: the last of an earlier answer, to go on with it.
    before: Option<EntryId>,
    /// How many: 50 if absent, 500 at most. A shorter answer means that there are no more.
    limit: Option<u32>,
}

pub(super) async fn search(context: &Context, params: Search) -> Result<Vec<MessageView>, Failure> {
    let limit = limit(params.limit)?;
    if params.query.trim().is_empty() {
        return Err(Failure::field("query", "it says nothing to look for"));
    }
    match params.chat_id {
        Some(chat) => known_chat(context, chat).await?,
        None => drop(context.state().await?),
    }
    let before = match params.before {
        Some(message) => {
            let message = find(context, params.chat_id, message).await?;
            Some((message.hlc, message.message_id))
        }
        None => None,
    };
    let query = Query { text: params.query, chat: params.chat_id, before, limit };
    Ok(context.node().search(query).await?.rest().await?)
}

/// That there is such a conversation.
pub(super) async fn known_chat(context: &Context, chat: SpaceId) -> Result<(), Failure> {
    contact::of_chat(context.state().await?.as_ref(), chat)?;
    Ok(())
}

/// A message, in its conversation or wherever it is. The conversations in use stand first, so that the first look usually hits.
pub(super) async fn find(context: &Context, chat: Option<SpaceId>, message: EntryId) -> Result<MessageView, Failure> {
    let state = context.state().await?;
    let chats = match chat {
        Some(chat) => {
            contact::of_chat(&state, chat)?;
            vec![chat]
        }
        None => state.chats.iter().map(|chat| chat.chat_id).collect(),
    };
    for chat in chats {
        match context.node().message(chat, message).await {
            Err(NodeError::Command(CommandError::UnknownMessage)) => {}
            found => return Ok(found?),
        }
    }
    Err(CommandError::UnknownMessage.into())
}
