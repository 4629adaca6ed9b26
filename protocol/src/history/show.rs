//! From a timeline's record to what people and programs see.

use super::rows::{BadRow, TimelineRow, fixed, optional};
use super::space::Standing;
use crate::ids::{AccountId, CallId, EntryId, SpaceId};
use crate::limits;
use crate::time::UnixMs;
use crate::view::{CallOutcome, Hlc, MessageBody, MessageView, Progress, Reaction};
use crate::wire::bodies::{CallLog, Text, kind};
use crate::wire::codec;
use std::collections::BTreeMap;

/// The view of a message. `None` if it is not to be shown: see [`super::space::Standings`], which readers keep beside the rows.
///
/// # Errors
/// A damaged record.
pub fn view(
    chat: SpaceId,
    row: &TimelineRow,
    standing: Standing,
    me: AccountId,
    progress: &Progress,
) -> Result<Option<MessageView>, BadRow> {
    if standing == Standing::Void {
        return Ok(None);
    }
    let (author, device, hlc) = (row.author()?, row.device()?, Hlc(row.hlc));
    let (body, reply_to) = body(row);
    let mine = author == me;
    Ok(Some(MessageView {
        message_id: row.entry_id()?,
        chat_id: chat,
        author,
        device,
        seq: row.seq,
        hlc,
        at: hlc.unix(),
        mine,
        edited: row.edit.is_some(),
        body,
        reply_to,
        reactions: reactions(row)?,
        late: row.late,
        forked: standing == Standing::Forked,
        state: mine.then(|| progress.state(device, row.seq)),
    }))
}

/// First line of a message, for lists of chats.
#[must_use]
pub fn first_line(row: &TimelineRow) -> String {
    match body(row).0 {
        MessageBody::Text { text } => text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned(),
        MessageBody::Call { .. } | MessageBody::Deleted | MessageBody::Unsupported => String::new(),
    }
}

/// What a row says. A message whose body nobody has sent along reads as deleted: its author deleted it, or whoever passed it on
/// says so.
fn body(row: &TimelineRow) -> (MessageBody, Option<EntryId>) {
    let Some(bytes) = row.body.as_deref().filter(|_| !row.deleted) else { return (MessageBody::Deleted, None) };
    match row.kind {
        kind::TEXT => {}
        kind::CALL | kind::MISSED_CALL => return (call(row.kind, bytes).unwrap_or(MessageBody::Unsupported), None),
        _ => return (MessageBody::Unsupported, None),
    }
    let Ok(message) = codec::decode::<Text>(bytes, limits::ENTRY_BODY) else { return (MessageBody::Unsupported, None) };
    let reply_to = optional(message.reply_to.as_deref()).unwrap_or_default();
    let text = row.edit.as_ref().map_or(message.text, |edit| edit.text.clone());
    (MessageBody::Text { text }, reply_to)
}

/// What is said of a call. An outcome of a newer version is one that this version cannot show.
fn call(kind: u32, bytes: &[u8]) -> Option<MessageBody> {
    let log = codec::decode::<CallLog>(bytes, limits::ENTRY_BODY).ok()?;
    let outcome = match (kind, log.outcome) {
        (kind::MISSED_CALL, 0) => CallOutcome::Missed,
        (kind::CALL, 1) => CallOutcome::Talked,
        (kind::CALL, 2) => CallOutcome::Declined,
        (kind::CALL, 3) => CallOutcome::Failed,
        _ => return None,
    };
    let call_id = CallId::from_slice(&log.call).ok()?;
    Some(MessageBody::Call { call_id, outcome, started: UnixMs(log.started_ms), duration_ms: log.duration_ms })
}

/// Reactions in the order of their first use that still holds.
fn reactions(row: &TimelineRow) -> Result<Vec<Reaction>, BadRow> {
    let mut by_emoji: BTreeMap<&str, Vec<(u64, AccountId)>> = BTreeMap::new();
    for said in row.reactions.iter().filter(|said| said.on) {
        by_emoji.entry(&said.emoji).or_default().push((said.hlc, AccountId(fixed(&said.account)?)));
    }
    let mut all: Vec<(&str, Vec<(u64, AccountId)>)> = by_emoji.into_iter().collect();
    all.iter_mut().for_each(|(_, by)| by.sort_unstable());
    all.sort_by_key(|(emoji, by)| (by.first().copied(), *emoji));
    let reaction = |(emoji, by): (&str, Vec<(u64, AccountId)>)| Reaction {
        emoji: emoji.to_owned(),
        by: by.into_iter().map(|(_, account)| account).collect(),
    };
    Ok(all.into_iter().take(limits::REACTIONS).map(reaction).collect())
}
