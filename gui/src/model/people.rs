//! Lists of people and conversations as the sidebar and the switcher show them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use veche_protocol::ids::{AccountId, SpaceId};
use veche_protocol::view::{ChatView, PersonView, Presence, Relation, Snapshot};

/// A row of the sidebar.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// Who.
    pub person: Arc<PersonView>,
    /// The conversation, where there is one.
    pub chat: Option<Arc<ChatView>>,
}

impl PersonRow {
    /// Whether the row asks for attention.
    #[must_use]
    pub fn unread(&self) -> bool {
        self.chat.as_ref().is_some_and(|c| c.unread > 0 && !c.muted)
    }
}

/// Conversations in the order of the snapshot, then contacts without one, by name.
#[must_use]
pub fn rows(snap: &Snapshot) -> Vec<PersonRow> {
    let people: BTreeMap<AccountId, &Arc<PersonView>> = snap.people.iter().map(|p| (p.account_id, p)).collect();
    let talking: BTreeSet<AccountId> = snap.chats.iter().map(|c| c.account_id).collect();
    let with_chat = snap.chats.iter().filter_map(|chat| {
        let person = Arc::clone(people.get(&chat.account_id)?);
        Some(PersonRow { person, chat: Some(Arc::clone(chat)) })
    });
    let without = snap.people.iter().filter(|p| p.relation == Relation::Contact && !talking.contains(&p.account_id));
    with_chat.chain(without.map(|p| PersonRow { person: Arc::clone(p), chat: None })).collect()
}

/// Those rows that match what was typed, the best first.
#[must_use]
pub fn matching<'a>(rows: &'a [PersonRow], filter: &str) -> Vec<&'a PersonRow> {
    let filter = filter.trim().to_lowercase();
    let mut found: Vec<_> = rows.iter().filter_map(|row| score(&row.person, &filter).map(|score| (score, row))).collect();
    found.sort_by_key(|(score, _)| *score);
    found.into_iter().map(|(_, row)| row).collect()
}

/// How well a person matches what was typed: smaller is better, `None` is not at all. An empty filter matches everybody.
fn score(person: &PersonView, filter: &str) -> Option<u8> {
    if filter.is_empty() {
        return Some(0);
    }
    let names = [person.name.to_lowercase(), person.own_name.to_lowercase(), person.login.to_lowercase()];
    let starts = |n: &String| n.split([' ', '.', '_', '-']).any(|word| word.starts_with(filter));
    match () {
        () if names.iter().any(|n| n.starts_with(filter)) => Some(0),
        () if names.iter().any(starts) => Some(1),
        () if names.iter().any(|n| n.contains(filter)) => Some(2),
        () => None,
    }
}

/// The conversation `step` rows away from the open one; with `unread`, the next of those that has something to read.
#[must_use]
pub fn neighbour(snap: &Snapshot, open: Option<SpaceId>, step: isize, unread: bool) -> Option<SpaceId> {
    let n = snap.chats.len();
    if n == 0 {
        return None;
    }
    let at = open.and_then(|id| snap.chats.iter().position(|c| c.chat_id == id));
    let mut order: Vec<usize> = (0..n).collect();
    if step < 0 {
        order.reverse();
    }
    let start = match at {
        Some(at) => order.iter().position(|i| *i == at).map_or(0, |p| p + 1),
        None => 0,
    };
    let candidates = order.iter().cycle().skip(start).take(n);
    let mut chats = candidates.filter_map(|i| snap.chats.get(*i)).filter(|c| Some(c.chat_id) != open);
    let found = if unread { chats.find(|c| c.unread > 0) } else { chats.next() };
    found.map(|c| c.chat_id)
}

/// Login and tag as people read them out.
#[must_use]
pub fn handle(login: &str, tag: Option<&str>) -> String {
    match tag {
        Some(tag) => format!("{login}#{tag}"),
        None => login.to_owned(),
    }
}

/// Key of the translations for a presence.
#[must_use]
pub const fn presence_key(presence: Presence) -> &'static str {
    match presence {
        Presence::Offline => "presence-offline",
        Presence::Online => "presence-online",
        Presence::Idle => "presence-idle",
        Presence::Dnd => "presence-dnd",
    }
}
