//! Two members that each know something always end with the same, whatever a third one has done to them.

use super::super::entry::Parsed;
use super::super::reference::Model;
use super::super::rows::{LogRow, TimelineRow, assemble, decode};
use super::super::serve::Serve;
use super::super::space::Need;
use super::super::space::tests::{steps, write};
use super::super::testing::*;
use super::*;
use crate::store::Table;
use crate::wire::codec::encode;
use crate::wire::entry::Entry;
use crate::wire::sync::{Frontier, Probe};
use proptest::prelude::*;
use std::collections::BTreeSet;

const MAIN: ChanId = ChanId::MAIN;

/// What a session cost.
#[derive(Debug, Default)]
struct Cost {
    rounds: usize,
    frontier_bytes: usize,
    probe_bytes: usize,
    entries: usize,
}

/// One side of a session, between two messages.
fn act(node: &Node, actions: Vec<Action>, segments: &mut BTreeSet<Segment>, probes: &mut BTreeSet<DeviceId>) {
    for action in actions {
        match action {
            Action::Send(segment) => drop(segments.insert(segment)),
            Action::Probe { device } => drop(probes.insert(device)),
            Action::Expect { .. } => {}
            Action::Check(check) => {
                let found = node.store.rows(&check.lookup.read(SPACE));
                act(node, checked(&node.space, &check, &found), segments, probes);
            }
        }
    }
}

fn serve(node: &Node, chan: ChanId, segments: BTreeSet<Segment>) -> Vec<Entry> {
    let mut serve = Serve::new(chan, segments);
    let mut entries = Vec::new();
    while !serve.is_done() {
        while let Some((n, read)) = serve.next_read(SPACE) {
            serve.give(&node.space, n, &node.store.rows(&read));
        }
        for served in serve.batch() {
            let timeline = served.body.as_ref().and_then(|key| node.store.0.get(key)).cloned();
            entries.push(served.entry(timeline.as_deref()));
        }
    }
    entries
}

fn answer(to: &Node, chan: ChanId, from: &Node, device: DeviceId, cost: &mut Cost) -> BTreeSet<Segment> {
    let read = |node: &Node, lookups: Vec<Lookup>| lookups.iter().flat_map(|l| node.store.rows(&l.read(SPACE))).collect::<Vec<_>>();
    let points = points(&from.space, chan, device, &read(from, from.space.probe_positions(chan, device)));
    assert!(points.len() <= limits::PROBE_POINTS);
    cost.probe_bytes += encode(&Probe { points: points.clone(), ..Probe::default() }).len();
    let points = read_points(&points).expect("well formed");
    let found = read(to, comparable(&to.space, chan, device, &points));
    let mut segments = BTreeSet::new();
    act(to, probed(&to.space, chan, device, &points, &found), &mut segments, &mut BTreeSet::new());
    segments
}

/// Runs sessions until both digests agree.
fn sync(a: &mut Node, b: &mut Node, most_rounds: usize) -> Cost {
    let mut cost = Cost::default();
    let mut parted: [BTreeSet<(ChanId, DeviceId)>; 2] = Default::default();
    loop {
        let differing: Vec<ChanId> =
            [ChanId::AUTH, MAIN].into_iter().filter(|chan| a.space.digest(*chan) != b.space.digest(*chan)).collect();
        if differing.is_empty() {
            return cost;
        }
        cost.rounds += 1;
        assert!(cost.rounds <= most_rounds, "no end: {:?}\n{:#?}\n{:#?}", cost, a.space.standings(), b.space.standings());
        for chan in differing {
            let frontier = [&*a, &*b].map(|node| rows(&node.space, chan));
            cost.frontier_bytes +=
                frontier.iter().map(|rows| encode(&Frontier { rows: rows.clone(), ..Frontier::default() }).len()).sum::<usize>();
            let theirs = frontier.map(|rows| rows.iter().map(|row| Theirs::read(row).expect("well formed")).collect::<Vec<_>>());
            let mut segments: [BTreeSet<Segment>; 2] = Default::default();
            for (n, node) in [&*a, &*b].into_iter().enumerate() {
                let mut probes: BTreeSet<DeviceId> = parted[n].iter().filter(|(c, _)| *c == chan).map(|(_, d)| *d).collect();
                act(node, compare(&node.space, chan, &theirs[1 - n]), &mut segments[n], &mut probes);
                for device in probes {
                    let other = if n == 0 { &*b } else { &*a };
                    let more = answer(other, chan, node, device, &mut cost);
                    segments[1 - n].extend(more);
                }
            }
            let [from_a, from_b] = segments;
            let sent = [serve(a, chan, from_a), serve(b, chan, from_b)];
            cost.entries += sent.iter().map(Vec::len).sum::<usize>();
            let [from_a, from_b] =
                sent.map(|entries| entries.into_iter().map(|e| Parsed::read(e).expect("well formed")).collect::<Vec<_>>());
            parted = [(&mut *a, from_b), (&mut *b, from_a)].map(|(node, entries)| {
                let needs = node.ingest(entries);
                let parted = |need| if let Need::Parted { chan, device } = need { Some((chan, device)) } else { None };
                needs.into_iter().filter_map(parted).collect()
            });
        }
    }
}

/// Everything that a node has stored, part of its logs or not.
fn stored(node: &Node) -> Vec<Parsed> {
    let rows = node.store.0.iter().filter(|(key, _)| key.table == Table::Log);
    rows.map(|(_, value)| {
        let row: LogRow = decode(value).expect("readable");
        let (header, stored) = row.stored().expect("readable");
        let key = super::super::keys::timeline_key(SPACE, header.chan, header.hlc, stored.link.id);
        let timeline = node.store.0.get(&key).map(|value| decode::<TimelineRow>(value).expect("readable"));
        Parsed::read(assemble(row, timeline.as_ref())).expect("well formed")
    })
    .collect()
}

fn assert_same(a: &Node, b: &Node) {
    let union: Vec<Parsed> = stored(a).into_iter().chain(stored(b)).collect();
    let model = Model::of(union);
    assert_eq!(a.space.digest(MAIN), model.digest(MAIN));
    assert_eq!(a.shown(), model.timeline(MAIN, &BTreeMap::new()));
    assert_eq!(b.shown(), a.shown());
}

#[test]
fn nothing_to_say_costs_a_digest() {
    let mut a = Node::with(11, &[21]);
    let mut b = Node::with(21, &[11]);
    let cost = sync(&mut a, &mut b, 0);
    assert_eq!((cost.frontier_bytes, cost.entries), (0, 0));
    assert_eq!(a.space.digest(MAIN).len(), 16);
}

#[test]
fn one_round_brings_what_is_missing_and_nothing_else() {
    let mut a = Node::with(11, &[21, 12]);
    let mut b = Node::with(21, &[11, 12]);
    let common: Vec<Parsed> = (0..50).map(|n| a.say(&format!("{n}"))).collect();
    b.ingest(common);
    for n in 0..300 {
        a.say(&format!("more {n}"));
        if n < 7 {
            b.at += 10;
            b.say(&format!("mine {n}"));
        }
    }
    let cost = sync(&mut a, &mut b, 1);
    assert_eq!(cost.entries, 307);
    // Two devices wrote: a row of 32 B device, 16 B digest and numbers each, in both directions.
    assert!(cost.frontier_bytes <= 4 * 64, "{cost:?}");
    assert_eq!(cost.probe_bytes, 0);
    assert_same(&a, &b);
}

#[test]
fn copies_that_end_alike_and_differ_below_are_found_apart() {
    // 21 told each of them another story from position 41 on; both have 80 entries.
    let mut a = Node::with(11, &[21]);
    let mut b = Node::with(12, &[21]);
    let mut tail: Vec<Parsed> = Vec::new();
    for n in 0..40 {
        tail.push(message(21, tail.last(), n, "common"));
    }
    let mut other = tail.clone();
    for n in 40..80 {
        tail.push(message(21, tail.last(), n, "for Anna"));
        other.push(message(21, other.last(), n, "for her other device"));
    }
    a.ingest(tail);
    b.ingest(other);
    let cost = sync(&mut a, &mut b, 4);
    assert!(cost.probe_bytes <= 2 * 8 * 24, "{cost:?}");
    assert!(cost.entries <= 2 * 80 + 4, "{cost:?}");
    assert_eq!(a.forks.first().map(|fork| fork.at), Some(41));
    assert_same(&a, &b);
    assert_eq!(a.shown().iter().filter(|(_, forked)| *forked).count(), 80);
    let again = sync(&mut a, &mut b.restart(), 0);
    assert_eq!(again.rounds, 0);
}

#[test]
fn a_newcomer_gets_everything_in_order() {
    let mut a = Node::with(11, &[21]);
    let mut b = Node::with(21, &[11]);
    for n in 0..600 {
        let (from, to) = if n % 3 == 0 { (&mut b, &mut a) } else { (&mut a, &mut b) };
        let e = from.say(&format!("{n}"));
        to.ingest([e]);
    }
    let mut c = Node::new(12);
    let cost = sync(&mut a, &mut c, 1);
    assert_eq!(cost.entries, 602);
    assert_eq!(c.words(), a.words());
    assert_eq!(c.space.waiting(), 0);
}

proptest! {
    #[test]
    fn any_two_copies_become_one(steps in steps(), knows_a in any::<u64>(), knows_b in any::<u64>(), forget in any::<bool>()) {
        let all: Vec<Parsed> = [11, 12, 21, 22].map(introduce).into_iter().chain(write(&steps)).collect();
        let mut a = Node::new(11);
        let mut b = Node::new(21);
        for (node, knows) in [(&mut a, knows_a), (&mut b, knows_b)] {
            let part = all.iter().enumerate().filter(|(n, _)| knows >> (n % 64) & 1 == 1 || n < &4 && n % 2 == 0);
            node.ingest(part.map(|(_, e)| e.clone()).collect::<Vec<_>>());
            if forget {
                *node = node.restart();
            }
        }
        let cost = sync(&mut a, &mut b, 12);
        assert_same(&a, &b);
        prop_assert!(cost.entries <= all.len() * 8, "{:?}", cost);
    }
}
