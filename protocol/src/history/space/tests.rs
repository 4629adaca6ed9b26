//! Whatever the order of arrival: same entries, same conversation.

use super::super::entry::{Dep, Parsed};
use super::super::ingest::Refusal;
use super::super::log::LogRefusal;
use super::super::reference::Model;
use super::super::testing::*;
use super::*;
use crate::wire::bodies::kind;
use proptest::prelude::*;

const MAIN: ChanId = ChanId::MAIN;

/// Asserts that a node holds and shows what the model says.
fn assert_is(node: &Node, model: &Model) {
    for chan in [ChanId::AUTH, MAIN] {
        for d in [11, 12, 21, 22] {
            let expected = model.log(chan, device(d));
            let digest = node.space.log(chan, device(d)).map_or(hash::EMPTY, Log::digest);
            assert_eq!(digest, expected.digest(), "log of {d} at {}: {expected:?}\n{:?}", node.me, node.space.log(chan, device(d)));
        }
        assert_eq!(node.space.digest(chan), model.digest(chan));
    }
    assert_eq!(node.shown(), model.timeline(MAIN, &BTreeMap::new()));
}

#[test]
fn two_people_talk() {
    let mut anna = Node::with(11, &[21]);
    let mut bela = Node::with(21, &[11]);
    let hello = anna.say("hello");
    bela.at += 20;
    bela.ingest([hello.clone()]);
    let answer = bela.say("hello yourself");
    assert_eq!(answer.header().deps, [Dep::to(device(11), 1, hello.id())]);
    assert!(answer.header().hlc > hello.header().hlc);
    anna.at = 0; // Her clock is a second behind, and set back: order follows what was seen.
    anna.ingest([answer]);
    let more = anna.say("how are you?");
    bela.ingest([more.clone()]);
    assert_eq!(anna.words(), ["hello", "hello yourself", "how are you?"]);
    assert_eq!(bela.words(), anna.words());
    assert_eq!(anna.space.digest(MAIN), bela.space.digest(MAIN));
    assert_eq!(bela.accepted.last().map(|a| a.author), Some(account(1)));
    assert_eq!(anna.lookups + bela.lookups, 0, "nothing here needs the disk");
}

#[test]
fn an_answer_waits_for_what_it_answers_and_names_what_is_missing() {
    let mut anna = Node::with(11, &[21]);
    let mut bela = Node::with(21, &[11]);
    let mut carl = Node::with(12, &[11, 21]);
    let first = anna.say("one");
    let second = anna.say("two");
    bela.ingest([first.clone(), second.clone()]);
    let answer = bela.say("two?");
    let needs = carl.ingest([answer]);
    assert_eq!(needs, BTreeSet::from([Need::Channel { chan: MAIN }]), "nothing of that log is known yet");
    assert!(carl.words().is_empty());
    let needs = carl.ingest([second]);
    assert!(needs.contains(&Need::Log { chan: MAIN, device: device(11), from: 1 }));
    assert!(carl.words().is_empty());
    assert!(carl.ingest([first]).is_empty());
    assert_eq!(carl.words(), ["one", "two", "two?"]);
}

#[test]
fn a_device_that_did_not_introduce_itself_waits() {
    let mut node = Node::new(11);
    let words = message(21, None, 0, "let me in");
    let needs = node.ingest([words.clone()]);
    assert_eq!(needs, BTreeSet::from([Need::Log { chan: ChanId::AUTH, device: device(21), from: 1 }]));
    node.ingest([introduce(21)]);
    assert_eq!(node.words(), ["let me in"]);
    // A stranger's set is signed by an account that is not of this conversation.
    let stranger = forge(31, ChanId::AUTH, None, Vec::new(), 1, kind::AUTH, devices_op(3, 1, &[31], &[]));
    node.ingest([stranger]);
    assert!(matches!(node.refused.last(), Some(Refusal::Auth(_))));
    // Nor can it use a set that does not list it.
    let liar = forge(31, ChanId::AUTH, None, Vec::new(), 1, kind::AUTH, devices_op(1, 1, &[11], &[]));
    node.ingest([liar]);
    assert!(matches!(node.refused.last(), Some(Refusal::Auth(_))));
}

#[test]
fn stamps_from_the_future_wait_for_their_time() {
    let mut node = Node::with(11, &[21]);
    let ahead = message(21, None, 1_000 + 700_000, "from the future");
    node.ingest([ahead]);
    assert!(node.words().is_empty());
    let due = node.space.next_due(now(node.at)).expect("something is due");
    assert_eq!(due.0, 1_000 + 100_000);
    node.at = due.0;
    let out = node.space.tick(now(node.at));
    node.settle(out);
    assert_eq!(node.words(), ["from the future"]);
    assert_eq!(node.space.next_due(now(node.at)), None);
}

#[test]
fn a_backdated_entry_is_refused() {
    let mut node = Node::with(11, &[21]);
    let first = message(21, None, 100, "first");
    let backdated = message(21, Some(&first), 50, "before it");
    node.ingest([first.clone(), backdated]);
    assert_eq!(node.refused, [Refusal::Log(LogRefusal::StampNotAfterPrev)]);
    let own = node.say("own");
    let stamp = own.header().hlc.0;
    let deps = vec![Dep::to(device(11), 1, own.id())];
    node.ingest([forge(21, MAIN, Some(&first), deps, stamp, kind::TEXT, text("as early as what it answers"))]);
    assert_eq!(node.refused.last(), Some(&Refusal::StampNotAfterDep));
    assert_eq!(node.words(), ["first", "own"]);
}

#[test]
fn a_wrong_signature_is_refused() {
    let mut node = Node::with(11, &[21]);
    let mut wire = message(21, None, 0, "hi").to_wire();
    if let Some(byte) = wire.header.as_mut().and_then(|header| header.sig.first_mut()) {
        *byte ^= 1;
    }
    node.ingest([Parsed::read(wire).expect("well formed")]);
    assert_eq!(node.refused, [Refusal::Entry(super::super::entry::BadEntry::Signature)]);
}

#[test]
fn a_removed_device_counts_as_far_as_the_others_say() {
    let mut anna = Node::with(11, &[12, 21]);
    let mut stolen: Vec<Parsed> = Vec::new();
    for n in 0..5 {
        let next = message(12, stolen.last(), 100 + n, &format!("{n}"));
        stolen.push(next);
    }
    let mut bela = Node::with(21, &[11, 12]);
    bela.ingest(stolen.clone());
    assert_eq!(bela.words().len(), 5);
    let removal = anna.append(kind::AUTH, devices_op(1, 2, &[11], &[(12, MAIN, 3), (12, ChanId::AUTH, 1)]));
    bela.ingest([removal]);
    assert_eq!(bela.words(), ["0", "1", "2"], "known entries beyond it are void");
    assert!(!bela.space.is_entitled(device(12)));
    assert!(bela.space.is_entitled(device(11)));
    anna.ingest(stolen.clone());
    assert_eq!(anna.words(), bela.words(), "as are those that come later");
    assert_eq!(anna.space.digest(MAIN), bela.space.digest(MAIN));
    assert_eq!(anna.accepted.iter().filter(|a| a.void).count(), 2);
    // The old set, posted again by the removed device, changes nothing.
    let body = devices_op(1, 1, &[11, 12], &[(11, MAIN, 0)]);
    let replay = forge(12, ChanId::AUTH, Some(&introduce(12)), Vec::new(), (START.0 + 500) << 16, kind::AUTH, body);
    bela.ingest([replay]);
    assert!(bela.refused.is_empty());
    assert_eq!(bela.words(), ["0", "1", "2"]);
    assert_eq!(bela.restart().words(), bela.words());
}

#[test]
fn an_own_entry_is_refused_where_others_would() {
    let sign = |purpose: &str, payload: &[u8]| crate::crypto::sign::sign(&key(11), purpose, payload).1;
    let mut node = Node::new(11);
    let out = node.space.append(now(0), MAIN, kind::TEXT, text("x"), [0; 16], sign);
    assert_eq!(out.err(), Some(super::super::append::AppendError::NotIntroduced));
    let mut node = Node::with(11, &[21]);
    node.at = 10_000_000;
    node.say("written while the clock was wrong");
    let out = node.space.append(now(0), MAIN, kind::TEXT, text("x"), [0; 16], sign);
    assert_eq!(out.err(), Some(super::super::append::AppendError::ClockBehind));
}

#[test]
fn a_restart_forgets_nothing_that_matters() {
    let mut anna = Node::with(11, &[21]);
    let first = message(21, None, 0, "first");
    let chain = message(21, Some(&first), 10, "second");
    anna.ingest([first.clone(), chain.clone()]);
    let mut again = anna.restart();
    assert_eq!(again.space.digest(MAIN), anna.space.digest(MAIN));
    // The window is empty now: duplicates and forks below the end are found in the store.
    again.ingest([first.clone(), chain]);
    assert_eq!(again.words(), ["first", "second"]);
    assert!(again.forks.is_empty() && again.lookups > 0);
    let other = message(21, Some(&first), 11, "second, told to others");
    again.ingest([other.clone()]);
    assert_eq!(again.forks.len(), 1);
    let twice = again.restart();
    assert_eq!(twice.space.digest(MAIN), again.space.digest(MAIN));
    assert_eq!(twice.shown().iter().filter(|(_, forked)| *forked).count(), 2);
    let reply = again.say("which?");
    assert_eq!(reply.header().deps.len(), 2, "both versions are referred to");
}

#[test]
fn two_histories_are_proof_whatever_they_refer_to() {
    let nowhere = vec![Dep { dev8: [0; 8], seq: 5, id16: [0; 16] }];
    let version = |at: u64| forge(21, MAIN, None, nowhere.clone(), (START.0 + at) << 16, kind::TEXT, text("x"));
    let (one, two) = (version(1), version(2));
    let mut node = Node::with(11, &[21]);
    node.ingest([one.clone()]);
    assert!(node.shown().is_empty(), "alone it waits for what it refers to");
    node.ingest([two.clone()]);
    assert_eq!(node.shown(), [(one.id(), true), (two.id(), true)]);
    assert_eq!(node.space.waiting(), 0);
}

#[test]
fn one_device_cannot_crowd_out_the_others() {
    let mut flood: Vec<Parsed> = Vec::new();
    for n in 0..600 {
        flood.push(message(21, flood.last(), n, "x"));
    }
    let mut node = Node::with(11, &[21, 22]);
    let waits = message(22, Some(&message(22, None, 0, "first")), 5_000, "second");
    node.ingest([waits]);
    node.ingest(flood.drain(1..));
    assert_eq!(node.space.waiting(), 256 + 1);
    node.ingest([message(22, None, 0, "first")]);
    assert_eq!(node.words(), ["first", "second"]);
    node.at += 600_000;
    let out = node.space.tick(now(node.at));
    node.settle(out);
    assert_eq!(node.space.waiting(), 0, "and nothing waits for ever");
}

#[test]
fn three_versions_in_every_order() {
    // Positions 2 and 3 exist three times; the two lowest ids at position 2 are kept, whatever came first.
    let root = message(21, None, 0, "root");
    let versions: Vec<[Parsed; 2]> = (0..3)
        .map(|n| {
            let second = message(21, Some(&root), 10 + n, &format!("second {n}"));
            let third = message(21, Some(&second), 20 + n, &format!("third {n}"));
            [second, third]
        })
        .collect();
    let mut all: Vec<Parsed> = versions.iter().flatten().cloned().collect();
    all.push(root);
    let model = Model::of(all.iter().cloned().chain([11, 21].map(introduce)));
    let mut orders = 0;
    permute(&mut all.clone(), 0, &mut |order| {
        orders += 1;
        if orders % 7 != 0 {
            return;
        }
        let mut node = Node::with(11, &[21]);
        for e in order {
            node.ingest([e.clone()]);
        }
        assert_is(&node, &model);
    });
    assert_eq!(orders, 5040);
}

fn permute(items: &mut Vec<Parsed>, from: usize, visit: &mut dyn FnMut(&[Parsed])) {
    if from == items.len() {
        return visit(items);
    }
    for i in from..items.len() {
        items.swap(from, i);
        permute(items, from + 1, visit);
        items.swap(from, i);
    }
}

/// How a random conversation is written: who, after which of its own entries, referring to which others.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    who: usize,
    parent: prop::sample::Index,
    fresh: bool,
    dep: prop::sample::Index,
    deps: usize,
    skew: u64,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..4_usize, any::<prop::sample::Index>(), prop::bool::weighted(0.75), any::<prop::sample::Index>(), 0..3_usize, 0..4_u64);
    let step = step.prop_map(|(who, parent, fresh, dep, deps, skew)| Step { who, parent, fresh, dep, deps, skew });
    prop::collection::vec(step, 1..40)
}

/// Writes a conversation: devices 11 and 21 keep one history, 12 and 22 fork at will, backdate, and refer to anything.
pub(crate) fn write(steps: &[Step]) -> Vec<Parsed> {
    let devices = [11_u8, 21, 12, 22];
    let mut all: Vec<Parsed> = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        let (Some(who), honest) = (devices.get(step.who).copied(), step.who < 2) else { continue };
        let own: Vec<&Parsed> = all.iter().filter(|e| e.header().device == device(who)).collect();
        let prev = match own.last() {
            None => None,
            Some(last) if honest || step.fresh => Some(*last),
            Some(_) => Some(own[step.parent.index(own.len())]).filter(|_| step.parent.index(7) > 0),
        };
        let mut deps: Vec<&Parsed> = Vec::new();
        let others: Vec<&Parsed> = all.iter().filter(|e| e.header().device != device(who)).collect();
        if !others.is_empty() {
            deps.extend((0..step.deps).map(|i| others[(step.dep.index(others.len()) + i * 5) % others.len()]));
        }
        let newest = deps.iter().copied().chain(prev).map(|e| e.header().hlc.0).max().unwrap_or(START.0 << 16);
        let stamp = if honest { newest + 1 } else { (newest + 2).saturating_sub(step.skew) };
        let deps = deps.iter().map(|e| Dep::to(e.header().device, e.header().seq, e.id())).collect();
        all.push(forge(who, MAIN, prev, deps, stamp, kind::TEXT, text(&format!("{n}"))));
    }
    all
}

proptest! {
    #[test]
    fn any_order_gives_the_same_conversation(steps in steps(), order in any::<prop::sample::Index>(), seed in any::<u64>(), batch in 1..9_usize, restart in 0..40_usize) {
        let all: Vec<Parsed> = write(&steps).into_iter().chain([11, 12, 21, 22].map(introduce)).collect();
        let model = Model::of(all.iter().cloned());
        let mut shuffled = all.clone();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let at = order.index(shuffled.len());
        shuffled.rotate_left(at);
        let mut node = Node::new(11);
        // What is refused or dropped on the way comes again with every sync, until nothing changes.
        for round in 0..6 {
            for (n, chunk) in shuffled.chunks(batch).enumerate() {
                node.ingest(chunk.to_vec());
                if n == restart {
                    node = node.restart();
                }
            }
            if round > 0 {
                shuffled.reverse();
            }
        }
        assert_is(&node, &model);
        prop_assert_eq!(node.restart().shown(), node.shown());
    }
}
