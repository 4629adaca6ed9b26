//! What must hold whatever happened: nothing lost, nothing twice, one order, no state ahead of the truth.

use crate::node::Who;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use veche_protocol::core::event::Event;
use veche_protocol::history::entry::Parsed;
use veche_protocol::history::reference::Model;
use veche_protocol::ids::{ChanId, DeviceId, EntryId, SpaceId};
use veche_protocol::limits;
use veche_protocol::view::{MessageBody, MessageState, MessageView};

/// Time after which everything has to have arrived once nothing is in the way any more, ms: the longest wait between two dials,
/// and time to catch up.
const HEALED_WITHIN: u64 = 20 * 60_000;
/// Time within which a store that refused is asked again, ms, and what it then writes is done.
const SETTLES_WITHIN: u64 = 10_000;
/// Commits that a shell may ever have under way: the bound at which it holds back peers, and one input more.
const BACKLOG_CEILING: usize = 600;

/// Checks what a node says about an own message, at the moment it says it.
///
/// # Panics
/// If it says more than is true.
pub fn claim(w: &World, who: Who, event: &Event) {
    let Event::MessageState { chat_id, message_id, state } = event else { return };
    let own = w.node(who).account;
    let has = |mine: bool| {
        w.everybody()
            .any(|(other, n)| other != who && n.account.is_some() && (n.account == own) == mine && w.has(other, *chat_id, *message_id))
    };
    // A peer that keeps no rules may say what it wants: whoever talks to one is checked by its story.
    if !w.strangers.is_empty() {
        return;
    }
    let gone = w.everybody().any(|(_, n)| n.wiped);
    match state {
        MessageState::Sent => assert!(has(true) || gone, "{} says sent before another own device has it", w.node(who).name),
        MessageState::Delivered => assert!(has(false) || gone, "{} says delivered before it is on a disk there", w.node(who).name),
        MessageState::Read => {
            let read = w.place(who, *chat_id, *message_id).is_some_and(|(log, seq)| w.is_read_by_another(who, *chat_id, log, seq));
            assert!(read || gone, "{} says read before anybody read it", w.node(who).name);
        }
        MessageState::Queued | MessageState::Held => {}
    }
}

/// The same where some machines stay switched off.
///
/// # Panics
/// If something does not hold.
pub fn converges_without(w: &mut World, members: &[Who], chat: SpaceId, off: &[Who]) {
    for who in off {
        w.leave_off(*who);
    }
    converges(w, members, chat);
}

/// Puts everything right, waits until the members of a conversation hold the same, and checks all of it.
///
/// # Panics
/// If something does not hold.
pub fn converges(w: &mut World, members: &[Who], chat: SpaceId) {
    w.heal();
    // What a full disk kept waiting is written down now, and may be news to the others.
    w.run(SETTLES_WITHIN);
    let same = w.eventually(HEALED_WITHIN, |w| agree(w, members, chat));
    if !same {
        let states: Vec<_> = members
            .iter()
            .map(|m| {
                let words = w.words(*m, chat);
                format!("{}: {} messages, last {:?}, refusals {}", w.node(*m).name, words.len(), words.last(), w.node(*m).all_refusals())
            })
            .collect();
        panic!("they hold different things after {} minutes of good weather:\n{}", HEALED_WITHIN / 60_000, states.join("\n"));
    }
    // Acknowledgements of the last entries are still on their way.
    w.run(5_000);
    holds(w, members, chat);
}

/// Whether all hold the same of a conversation.
pub fn agree(w: &mut World, members: &[Who], chat: SpaceId) -> bool {
    let mut seen = BTreeSet::new();
    for who in members {
        if !w.node(*who).is_up() || w.view(*who).chat(chat).is_none() {
            return false;
        }
        seen.insert(w.digests(*who, chat));
    }
    let said: Vec<EntryId> = w.everybody().flat_map(|(_, n)| &n.said).filter(|s| s.chat == chat).map(|s| s.id).collect();
    seen.len() == 1 && said.iter().all(|id| members.iter().all(|m| w.has(*m, chat, *id)))
}

/// Checks what must hold among members of a conversation who hold the same.
///
/// # Panics
/// If something does not hold.
pub fn holds(w: &mut World, members: &[Who], chat: SpaceId) {
    let timelines: Vec<Vec<MessageView>> = members.iter().map(|m| w.timeline(*m, chat)).collect();
    for (who, timeline) in members.iter().zip(&timelines) {
        nothing_lost(w, *who, chat, timeline);
        in_order(&w.node(*who).name, timeline);
        nothing_before_its_cause(w, *who, chat);
        never_ahead(w, *who, chat, timeline);
    }
    let order = |t: &[MessageView]| t.iter().map(|m| (m.message_id, shown(m))).collect::<Vec<_>>();
    for (who, timeline) in members.iter().zip(&timelines).skip(1) {
        assert_eq!(order(&timelines[0]), order(timeline), "{} and {} see different things", w.node(members[0]).name, w.node(*who).name);
    }
    as_the_model_says(w, members, chat, &timelines);
    bounded(w);
}

/// What of a message all see alike.
fn shown(m: &MessageView) -> (String, bool, Vec<String>) {
    let text = match &m.body {
        MessageBody::Text { text } => text.clone(),
        other => format!("{other:?}"),
    };
    (text, m.edited, m.reactions.iter().map(|r| format!("{} {:?}", r.emoji, r.by)).collect())
}

fn nothing_lost(w: &World, who: Who, chat: SpaceId, timeline: &[MessageView]) {
    let mut count: BTreeMap<EntryId, usize> = BTreeMap::new();
    for m in timeline {
        *count.entry(m.message_id).or_default() += 1;
    }
    let name = &w.node(who).name;
    for said in w.everybody().flat_map(|(_, n)| &n.said).filter(|s| s.chat == chat) {
        assert_eq!(count.get(&said.id).copied().unwrap_or(0), 1, "{name} must see {:?} exactly once", said.text);
    }
    assert!(count.values().all(|n| *n == 1), "{name} sees a message twice");
    let accounts: BTreeSet<_> = w.everybody().filter_map(|(_, n)| n.account).collect();
    assert!(timeline.iter().all(|m| accounts.contains(&m.author)), "{name} sees a message of nobody");
}

fn in_order(name: &str, timeline: &[MessageView]) {
    assert!(timeline.is_sorted_by_key(|m| (m.hlc, m.message_id)), "{name}'s timeline is out of order");
    let mut last: BTreeMap<DeviceId, u64> = BTreeMap::new();
    for m in timeline.iter().filter(|m| !m.forked) {
        let before = last.insert(m.device, m.seq).unwrap_or(0);
        assert!(before < m.seq, "{name} sees messages of one device in another order than they were written in");
    }
    let place: BTreeMap<EntryId, usize> = timeline.iter().enumerate().map(|(n, m)| (m.message_id, n)).collect();
    for (n, m) in timeline.iter().enumerate() {
        let answered = m.reply_to.and_then(|id| place.get(&id));
        assert!(answered.is_none_or(|at| *at < n), "{name} sees an answer before what it answers");
    }
}

/// On any disk, at any time: whatever an entry refers to is there too.
///
/// # Panics
/// If something refers to what is not there.
pub fn nothing_before_its_cause(w: &mut World, who: Who, chat: SpaceId) {
    // A machine that lost its power before it wrote a conversation down has nothing to be judged by.
    if w.view(who).chat(chat).is_none() {
        return;
    }
    let entries = w.entries(who, chat);
    let known: BTreeSet<(u64, [u8; 16])> = entries.iter().map(|e| (e.header().seq, prefix(e.id()))).collect();
    let space = w.space(who, chat);
    let forked = [ChanId::AUTH, ChanId::MAIN].into_iter().any(|chan| space.logs(chan).any(|(_, log)| log.fork().is_some()));
    for mut entry in entries {
        let name = &w.node(who).name;
        assert!(entry.verify().is_ok(), "{name} keeps an entry that its author did not sign");
        // Above a fork a reference may mean a version that is kept nowhere.
        if !forked {
            assert!(entry.header().deps.iter().all(|d| known.contains(&(d.seq, d.id16))), "{name} has an entry before what it answers");
        }
    }
}

fn prefix(id: EntryId) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&id.0[..16]);
    out
}

fn never_ahead(w: &World, who: Who, chat: SpaceId, timeline: &[MessageView]) {
    if !w.strangers.is_empty() || w.everybody().any(|(_, n)| n.wiped) {
        return;
    }
    let own = w.node(who).account;
    let others: Vec<Who> = w.everybody().filter(|(_, n)| n.account.is_some() && n.account != own).map(|(other, _)| other).collect();
    for m in timeline.iter().filter(|m| m.mine) {
        let there = others.iter().any(|o| w.has(*o, chat, m.message_id));
        let name = &w.node(who).name;
        assert!(m.state < Some(MessageState::Delivered) || there, "{name} sees as delivered what nobody has");
        assert!(
            m.state < Some(MessageState::Read) || w.is_read_by_another(who, chat, m.device, m.seq),
            "{name} sees as read what nobody read"
        );
    }
}

/// The naive model, given all entries there are, comes to what everybody holds.
fn as_the_model_says(w: &mut World, members: &[Who], chat: SpaceId, timelines: &[Vec<MessageView>]) {
    let mut all: BTreeMap<EntryId, Parsed> = BTreeMap::new();
    for who in members {
        for entry in w.entries(*who, chat) {
            let known = all.entry(entry.id()).or_insert_with(|| entry.clone());
            if known.body().is_none() {
                *known = entry;
            }
        }
    }
    let model = Model::of(all.into_values());
    for (who, timeline) in members.iter().zip(timelines) {
        let space = w.space(*who, chat);
        for chan in [ChanId::AUTH, ChanId::MAIN] {
            assert_eq!(space.digest(chan), model.digest(chan), "{} holds other logs than the model", w.node(*who).name);
        }
        let ended = ended(&space);
        if ended.is_empty() {
            let seen: Vec<(EntryId, bool)> = timeline.iter().map(|m| (m.message_id, m.forked)).collect();
            assert_eq!(seen, model.timeline(ChanId::MAIN, &ended), "{} sees another conversation than the model", w.node(*who).name);
        }
    }
}

/// Devices that wrote here and are gone from their account, with how much of them counts; stories that take devices away look
/// at the result themselves.
fn ended(space: &veche_protocol::history::space::Space) -> BTreeMap<DeviceId, u64> {
    space.logs(ChanId::AUTH).map(|(device, _)| device).filter(|device| !space.is_entitled(*device)).map(|device| (device, 0)).collect()
}

/// Queues stay under their caps.
///
/// # Panics
/// If one does not.
pub fn bounded(w: &mut World) {
    let all: Vec<Who> = w.everybody().map(|(who, _)| who).collect();
    for who in all {
        let view = w.view(who);
        let node = w.node(who);
        assert!(node.peak_backlog <= BACKLOG_CEILING, "{} had {} commits under way", node.name, node.peak_backlog);
        assert!(node.held.len() <= 10_000, "{} holds back {} inputs", node.name, node.held.len());
        assert!(
            view.requests.len() <= limits::REQUESTS_WITH_CODE + limits::REQUESTS,
            "{} keeps {} requests",
            node.name,
            view.requests.len()
        );
        for chat in &view.chats {
            assert!(chat.missing <= limits::PENDING_ENTRIES as u64, "{} waits for {} entries", node.name, chat.missing);
        }
    }
}
