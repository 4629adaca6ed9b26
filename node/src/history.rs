//! Reading conversations for people and programs: pages and single messages. Straight from the store, past the core.

use crate::handle::{NodeError, PAGE, Page};
use crate::store::writer::Store;
use veche_protocol::core::command::CommandError;
use veche_protocol::history::keys;
use veche_protocol::history::rows::{self, IndexRow, TimelineRow};
use veche_protocol::history::show;
use veche_protocol::ids::{AccountId, ChanId, EntryId, SpaceId};
use veche_protocol::store::{Dir, Found, Read, Row, Table};
use veche_protocol::view::{ChatView, Hlc, MessageView, Snapshot};

/// Bytes of one read; rows are at most a few KiB.
const READ_BYTES: usize = 4 << 20;

/// A page, oldest first.
pub(crate) fn page(store: &Store, snapshot: &Snapshot, chat: SpaceId, page: Page, limit: usize) -> Result<Vec<MessageView>, NodeError> {
    let (own, view) = known(snapshot, chat)?;
    let limit = limit.clamp(1, PAGE);
    let (dir, from, to) = match page {
        Page::Newest => (Dir::Backward, Vec::new(), None),
        Page::Before(hlc, id) => (Dir::Backward, Vec::new(), Some(order(hlc, id))),
        Page::After(hlc, id) => (Dir::Forward, after(order(hlc, id)), None),
    };
    let mut out = Vec::new();
    let mut bounds = (from, to);
    // Rows that are not shown (void ones) do not count, so the page is filled from as many reads as it takes.
    while out.len() < limit {
        let wanted = limit - out.len();
        let found = range(store, chat, &bounds, dir, wanted)?;
        let Some(last) = found.last().map(|r| r.order.clone()) else { break };
        let full = found.len() >= wanted;
        out.extend(found.iter().filter_map(|row| shown(row, own, view)));
        if !full {
            break;
        }
        match dir {
            Dir::Backward => bounds.1 = Some(last),
            Dir::Forward => bounds.0 = after(last),
        }
    }
    if dir == Dir::Backward {
        out.reverse();
    }
    Ok(out)
}

/// One message.
pub(crate) fn message(store: &Store, snapshot: &Snapshot, chat: SpaceId, message: EntryId) -> Result<MessageView, NodeError> {
    let (own, view) = known(snapshot, chat)?;
    let missing = || NodeError::Command(CommandError::UnknownMessage);
    let index = get(store, keys::index_key(chat, message))?.ok_or_else(missing)?;
    let hlc = Hlc(rows::decode::<IndexRow>(&index).map_err(|_| missing())?.hlc);
    let row = get(store, keys::timeline_key(chat, ChanId::MAIN, hlc, message))?.ok_or_else(missing)?;
    let row = Row { order: order(hlc, message), value: row };
    shown(&row, own, view).ok_or_else(missing)
}

/// The own account, and a conversation.
pub(crate) fn known(snapshot: &Snapshot, chat: SpaceId) -> Result<(AccountId, &ChatView), NodeError> {
    let own = snapshot.account.as_ref().ok_or(CommandError::NoAccount)?.account_id;
    let view = snapshot.chat(chat).ok_or(CommandError::UnknownChat)?;
    Ok((own, view))
}

/// Position of a message in its timeline.
pub(crate) fn order(hlc: Hlc, id: EntryId) -> Vec<u8> {
    keys::timeline_key(SpaceId([0; 32]), ChanId::MAIN, hlc, id).order
}

/// The position right after one.
fn after(mut order: Vec<u8>) -> Vec<u8> {
    order.push(0);
    order
}

fn range(store: &Store, chat: SpaceId, bounds: &(Vec<u8>, Option<Vec<u8>>), dir: Dir, max_rows: usize) -> Result<Vec<Row>, NodeError> {
    let read = Read::Range {
        table: Table::Timeline,
        scope: keys::timeline_key(chat, ChanId::MAIN, Hlc(0), EntryId([0; 32])).scope,
        from: bounds.0.clone(),
        to: bounds.1.clone(),
        dir,
        max_rows,
        max_bytes: READ_BYTES,
    };
    match store.read(&read).map_err(|e| NodeError::Storage(e.to_string()))? {
        Found::Rows(rows) => Ok(rows),
        Found::Values(_) => Ok(Vec::new()),
    }
}

fn get(store: &Store, key: veche_protocol::store::Key) -> Result<Option<Vec<u8>>, NodeError> {
    match store.read(&Read::Get(vec![key])).map_err(|e| NodeError::Storage(e.to_string()))? {
        Found::Values(values) => Ok(values.into_iter().next().flatten()),
        Found::Rows(_) => Ok(None),
    }
}

/// A row as people see it, unless it is not to be shown.
pub(crate) fn shown(row: &Row, own: AccountId, chat: &ChatView) -> Option<MessageView> {
    let row = rows::decode::<TimelineRow>(&row.value).ok()?;
    let standing = chat.standings.of(ChanId::MAIN, row.device().ok()?, row.seq, row.version().ok()?);
    show::view(chat.chat_id, &row, standing, own, &chat.progress).ok()?
}
