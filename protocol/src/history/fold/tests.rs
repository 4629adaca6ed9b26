//! Whatever the order of arrival: same operations, same row.

use super::super::entry::{Dep, Parsed};
use super::super::log::Log;
use super::super::show::view;
use super::super::space::Standing;
use super::super::testing::*;
use super::*;
use crate::ids::ChanId;
use crate::store::Table;
use crate::view::{MessageBody, MessageView, Progress};
use proptest::prelude::*;

fn react(target: EntryId, emoji: &str, on: bool) -> Vec<u8> {
    codec::encode(&React { target: target.to_vec(), emoji: emoji.to_owned(), on })
}

fn edit_of(target: EntryId, text: &str) -> Vec<u8> {
    codec::encode(&Edit { target: target.to_vec(), text: text.to_owned() })
}

fn delete(target: EntryId) -> Vec<u8> {
    codec::encode(&Delete { target: target.to_vec() })
}

fn views(node: &Node) -> Vec<MessageView> {
    let progress = Progress::default();
    let show = |(row, standing): (TimelineRow, Standing)| view(SPACE, &row, standing, account(1), &progress).expect("readable");
    node.timeline().into_iter().filter_map(show).collect()
}

fn only(node: &Node) -> MessageView {
    let all = views(node);
    assert_eq!(all.len(), 1);
    all.into_iter().next().expect("one message")
}

#[test]
fn edits_and_reactions_change_what_is_shown() {
    let mut anna = Node::with(11, &[21]);
    let mut bela = Node::with(21, &[11]);
    let said = anna.say("helo");
    let proud = anna.append(kind::REACT, react(said.id(), "🎉", true));
    let fixed = anna.append(kind::EDIT, edit_of(said.id(), "hello"));
    bela.ingest([said.clone(), proud, fixed]);
    let liked = bela.append(kind::REACT, react(said.id(), "👍", true));
    anna.ingest([liked]);
    let shown = only(&anna);
    assert_eq!(shown.body, MessageBody::Text { text: "hello".into() });
    assert!(shown.edited && shown.mine);
    let by: Vec<_> = shown.reactions.iter().map(|r| (r.emoji.as_str(), r.by.clone())).collect();
    assert_eq!(by, [("🎉", vec![account(1)]), ("👍", vec![account(2)])]);
    let unliked = bela.append(kind::REACT, react(said.id(), "👍", false));
    anna.ingest([unliked]);
    assert_eq!(only(&anna).reactions.len(), 1);
}

#[test]
fn only_the_author_edits_and_deletes() {
    let mut anna = Node::with(11, &[21]);
    let said = anna.say("mine");
    let edit = forge(21, ChanId::MAIN, None, Vec::new(), said.header().hlc.0 + 1, kind::EDIT, edit_of(said.id(), "yours"));
    let delete = forge(21, ChanId::MAIN, Some(&edit), Vec::new(), said.header().hlc.0 + 2, kind::DELETE, delete(said.id()));
    anna.ingest([edit, delete]);
    assert!(anna.refused.is_empty(), "they are part of the log all the same");
    assert_eq!(only(&anna).body, MessageBody::Text { text: "mine".into() });
}

#[test]
fn deleting_forgets_every_copy_of_the_text_and_the_log_still_verifies() {
    let mut anna = Node::with(11, &[21]);
    let said = anna.say("the secret word is xylophone");
    anna.append(kind::EDIT, edit_of(said.id(), "the secret word is still xylophone"));
    anna.append(kind::REACT, react(said.id(), "👀", true));
    let before = anna.clone();
    anna.append(kind::DELETE, delete(said.id()));
    let holds = |node: &Node| node.store.0.values().any(|value| value.windows(9).any(|w| w == b"xylophone"));
    assert!(holds(&before) && !holds(&anna));
    assert_eq!(only(&anna).body, MessageBody::Deleted);
    // An edit that arrives afterwards brings nothing back, here or after a restart.
    let late = forge(12, ChanId::MAIN, None, Vec::new(), said.header().hlc.0 + 1, kind::EDIT, edit_of(said.id(), "xylophone!"));
    anna.ingest([introduce(12), late]);
    assert!(!holds(&anna) && !holds(&anna.restart()));
    assert_eq!(only(&anna).body, MessageBody::Deleted);
    assert_eq!(anna.space.log(ChanId::MAIN, device(11)).map(Log::last_seq), Some(4));
}

#[test]
fn an_operation_waits_for_its_message_across_a_restart() {
    let said = message(21, None, 0, "first");
    let edit = forge(22, ChanId::MAIN, None, Vec::new(), said.header().hlc.0 + 1, kind::EDIT, edit_of(said.id(), "first, edited"));
    let mut node = Node::with(11, &[21, 22]);
    node.ingest([edit]);
    assert!(views(&node).is_empty());
    let mut node = node.restart();
    node.ingest([said]);
    assert_eq!(only(&node).body, MessageBody::Text { text: "first, edited".into() });
    assert!(node.space.folds().is_empty());
    assert!(!node.store.0.keys().any(|key| key.table == Table::LogHead && key.scope.len() == 32 + 2 + 64), "nothing waits on disk");
}

#[test]
fn an_operation_on_something_else_is_struck_out() {
    let mut anna = Node::with(11, &[21]);
    let said = anna.say("x");
    let liked = anna.append(kind::REACT, react(said.id(), "a", true));
    anna.append(kind::REACT, react(liked.id(), "b", true));
    assert!(anna.space.folds().is_empty());
    assert_eq!(only(&anna).reactions.len(), 1);
}

/// Operations of four devices of two people on one message: who, what, and how much later than their last.
fn operations() -> impl Strategy<Value = Vec<(usize, u8, u64)>> {
    prop::collection::vec((0..4_usize, 0..10_u8, 1..6_u64), 1..40)
}

proptest! {
    #[test]
    fn any_order_gives_the_same_row(ops in operations(), seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let said = message(11, None, 0, "first");
        let mut logs: [Vec<Parsed>; 4] = [vec![said.clone()], Vec::new(), Vec::new(), Vec::new()];
        for (who, what, step) in ops {
            let (kind, body) = match what {
                0 if step == 1 => (kind::DELETE, delete(said.id())),
                0..=3 => (kind::EDIT, edit_of(said.id(), &format!("edit {what}"))),
                _ => (kind::REACT, react(said.id(), &format!("e{}", what / 2), what % 2 == 0)),
            };
            let prev = logs[who].last();
            let stamp = prev.map_or(said.header().hlc.0, |e| e.header().hlc.0) + step;
            let deps: Vec<Dep> = Vec::new();
            let next = forge([11, 12, 21, 22][who], ChanId::MAIN, prev, deps, stamp, kind, body);
            logs[who].push(next);
        }
        let intros = [11, 12, 21, 22].map(introduce);
        let all: Vec<Parsed> = logs.into_iter().flatten().collect();
        let mut first = Node::new(11);
        first.ingest(intros.iter().cloned().chain(all.iter().cloned()));
        let mut order: Vec<usize> = (0..all.len()).collect();
        let mut state = seed | 1;
        for i in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(i, (state >> 33) as usize % (i + 1));
        }
        let mut second = Node::new(11);
        second.ingest(intros);
        let at = cut.index(order.len());
        for (n, i) in order.iter().enumerate() {
            second.ingest([all[*i].clone()]);
            if n == at {
                second = second.restart();
            }
        }
        // What waited in memory when the node stopped comes again with the next sync.
        second.ingest(all);
        let rows = |node: &Node| node.timeline().into_iter().map(|(row, _)| row).collect::<Vec<_>>();
        prop_assert_eq!(rows(&first), rows(&second));
        prop_assert_eq!(rows(&first).len(), 1);
        prop_assert!(second.space.folds().is_empty());
    }
}
