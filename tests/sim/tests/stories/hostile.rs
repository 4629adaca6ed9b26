//! A contact turned hostile, with real keys: forged, backdated, future, duplicated, replayed entries, and floods of them.

use veche_protocol::core::command::Command;
use veche_protocol::history::entry::{Dep, Parsed};
use veche_protocol::ids::{EntryId, SpaceId};
use veche_protocol::link::Proto;
use veche_protocol::view::Hlc;
use veche_protocol::wire::link::{Ack, LinkMsg, Read, ReadUpTo};
use veche_sim::adversary::Hostile;
use veche_sim::cast::SOON;
use veche_sim::check;
use veche_sim::net::Place;
use veche_sim::node::{START, Who};
use veche_sim::story::{long_story, story};
use veche_sim::world::World;

/// Alice and her laptop, and Mallory, who was a contact and has turned.
struct Stage {
    alice: Who,
    laptop: Who,
    mallory: Hostile,
    chat: SpaceId,
    last: Parsed,
}

fn stage(w: &mut World) -> Stage {
    let alice = w.alice();
    let mallory = w.person("mallory", Place::Lan(1));
    let chat = w.befriend(alice, mallory);
    let laptop = w.second_device(alice, Place::Lan(1));
    assert!(w.until(SOON, |w| w.view(laptop).chat(chat).is_some()));
    let ids = [w.say(alice, chat, "hello"), w.say(mallory, chat, "honest so far")];
    for id in ids {
        w.sees(alice, chat, id);
        w.sees(laptop, chat, id);
    }
    let entries = w.entries(mallory, chat);
    let mut mallory = w.turn_hostile(mallory, alice);
    let last = mallory.last(&entries).expect("something said");
    mallory.connects(w);
    assert!(w.view(alice).network.authenticated >= 1, "her keys are real: {}", w.node(alice).all_refusals());
    Stage { alice, laptop, mallory, chat, last }
}

fn stamp(w: &World, ahead: i64) -> Hlc {
    Hlc(START.0.saturating_add(w.at()).saturating_add_signed(ahead) << 16)
}

/// Both of Alice's machines hold the same and are well.
fn still_well(w: &mut World, s: &Stage) {
    let id = w.say(s.alice, s.chat, "still here");
    w.sees(s.laptop, s.chat, id);
    assert!(w.eventually(SOON, |w| check::agree(w, &[s.alice, s.laptop], s.chat)), "{}", w.node(s.alice).all_refusals());
    check::holds(w, &[s.alice, s.laptop], s.chat);
}

#[test]
fn words_put_into_somebody_elses_mouth_are_not_shown() {
    story("words_put_into_somebody_elses_mouth_are_not_shown", |w| {
        let mut s = stage(w);
        let of_alice = w.entries(s.alice, s.chat).into_iter().find(|e| e.header().device != s.mallory.device() && e.body().is_some());
        let mut forged = of_alice.expect("an entry of Alice").to_wire();
        let mine = s.mallory.forge(s.chat, Some(&s.last), Vec::new(), stamp(w, 0), "I owe Mallory money").to_wire();
        // Her header with other words, her name over another signature, another body under a true signature.
        let mut swapped = mine.clone();
        swapped.header.as_mut().expect("a header").sig = forged.header.as_ref().expect("a header").sig.clone();
        forged.body = mine.body.clone();
        for entry in [forged, swapped] {
            let msg = veche_protocol::wire::sync::Entries {
                space: s.chat.to_vec(),
                chan: veche_protocol::ids::ChanId::MAIN.to_vec(),
                entries: vec![entry],
            };
            s.mallory.sync(w, veche_protocol::wire::sync::Sync::Entries(msg));
        }
        w.run(10_000);
        assert!(w.words(s.alice, s.chat).iter().all(|t| !t.contains("money")));
        still_well(w, &s);
    });
}

#[test]
fn backdated_entries_are_refused_by_all_alike() {
    story("backdated_entries_are_refused_by_all_alike", |w| {
        let mut s = stage(w);
        let old = s.mallory.forge(s.chat, Some(&s.last), Vec::new(), Hlc(1 << 16), "I said so long ago");
        let of_alice =
            w.entries(s.alice, s.chat).into_iter().filter(|e| e.header().device != s.mallory.device()).max_by_key(|e| e.header().hlc);
        let answered = of_alice.expect("something of Alice");
        let dep = Dep::to(answered.header().device, answered.header().seq, answered.id());
        let before = Hlc(answered.header().hlc.0 - 1).max(Hlc(s.last.header().hlc.0 + 1));
        let early = s.mallory.forge(s.chat, Some(&s.last), vec![dep], before, "an answer before the question");
        s.mallory.pushes(w, s.chat, std::slice::from_ref(&old));
        s.mallory.pushes(w, s.chat, std::slice::from_ref(&early));
        w.run(10_000);
        assert!(!w.has(s.alice, s.chat, old.id()), "an entry older than the one before it");
        if before.0 <= answered.header().hlc.0 {
            assert!(!w.has(s.alice, s.chat, early.id()), "an entry older than what it answers");
        }
        still_well(w, &s);
    });
}

#[test]
fn entries_from_the_future_wait_for_their_time() {
    story("entries_from_the_future_wait_for_their_time", |w| {
        let mut s = stage(w);
        let soon = s.mallory.forge(s.chat, Some(&s.last), Vec::new(), stamp(w, 30 * 60_000), "half an hour early");
        let never = s.mallory.forge(s.chat, Some(&soon), Vec::new(), Hlc(u64::MAX), "from the end of time");
        s.mallory.pushes(w, s.chat, &[soon.clone(), never.clone()]);
        w.run(5_000);
        assert!(!w.has(s.alice, s.chat, soon.id()), "not shown before its time");
        still_well(w, &s);
        let newest = w.timeline(s.alice, s.chat).last().map(|m| m.at.0);
        assert!(newest <= Some(START.0 + w.at() + 600_000), "nobody's clock is dragged along");
        w.run(40 * 60_000);
        assert!(!w.has(s.alice, s.chat, never.id()));
        still_well(w, &s);
    });
}

#[test]
fn two_versions_of_one_history_end_the_same_everywhere() {
    story("two_versions_of_one_history_end_the_same_everywhere", |w| {
        let mut s = stage(w);
        let mut ids: Vec<EntryId> = Vec::new();
        let (mut left, mut right) = (s.last.clone(), s.last.clone());
        let mut all = Vec::new();
        for n in 0..3 {
            left = s.mallory.forge(s.chat, Some(&left), Vec::new(), Hlc(left.header().hlc.0 + 2), &format!("left {n}"));
            right = s.mallory.forge(s.chat, Some(&right), Vec::new(), Hlc(right.header().hlc.0 + 3), &format!("right {n}"));
            ids.extend([left.id(), right.id()]);
            all.extend([left.clone(), right.clone()]);
        }
        // In any order, and partly twice.
        for _ in 0..12 {
            let pick = w.dice.pick(&all).clone();
            s.mallory.pushes(w, s.chat, &[pick]);
            let pause = w.dice.below(300);
            w.run(pause);
        }
        s.mallory.pushes(w, s.chat, &all);
        w.run(10_000);
        still_well(w, &s);
        let shown = w.timeline(s.alice, s.chat);
        let marked = shown.iter().filter(|m| m.forked).count();
        assert_eq!(marked, 6, "both versions are shown, and marked: {:?}", w.words(s.alice, s.chat));
        assert!(ids.iter().all(|id| w.has(s.laptop, s.chat, *id)), "the laptop learns of both");
    });
}

#[test]
fn what_was_said_is_not_said_again_by_sending_it_again() {
    story("what_was_said_is_not_said_again_by_sending_it_again", |w| {
        let mut s = stage(w);
        let before = w.words(s.alice, s.chat);
        let entries = w.entries(s.alice, s.chat);
        for _ in 0..5 {
            let some: Vec<Parsed> = entries.iter().filter(|_| w.dice.chance(600)).cloned().collect();
            s.mallory.pushes(w, s.chat, &some);
            w.run(200);
        }
        w.run(5_000);
        assert_eq!(w.words(s.alice, s.chat), before);
        assert!(w.timeline(s.alice, s.chat).iter().all(|m| w.told_of(s.alice, m.message_id) <= 1), "told once");
        still_well(w, &s);
    });
}

#[test]
fn a_flood_stays_within_bounds_and_leaves_others_in_peace() {
    long_story("a_flood_stays_within_bounds_and_leaves_others_in_peace", 3, |w| {
        let mut s = stage(w);
        let bob = w.bob();
        let with_bob = w.befriend(bob, s.alice);
        // Entries whose beginning never comes: each has to be kept waiting, or dropped.
        for n in 0..40 {
            let chat = s.chat;
            let batch: Vec<Parsed> = (0..50)
                .map(|k| {
                    let gap = s.mallory.forge(chat, Some(&s.last), Vec::new(), Hlc(s.last.header().hlc.0 + 1 + n * 50 + k), "gap");
                    s.mallory.forge(chat, Some(&gap), Vec::new(), Hlc(gap.header().hlc.0 + 1), "after the gap")
                })
                .collect();
            s.mallory.pushes(w, chat, &batch);
            w.run(20);
        }
        check::bounded(w);
        let id = w.say(bob, with_bob, "am I still heard?");
        let before = w.at();
        w.sees(s.alice, with_bob, id);
        assert!(w.at() - before < 15_000, "a friend's message waited {} ms", w.at() - before);
        w.run(15 * 60_000);
        check::bounded(w);
        still_well(w, &s);
    });
}

#[test]
fn sealed_nonsense_and_lies_are_refused() {
    story("sealed_nonsense_and_lies_are_refused", |w| {
        let mut s = stage(w);
        let of_alice = w.say(s.alice, s.chat, "you have not read this");
        let entries = w.entries(s.alice, s.chat);
        let entry = entries.iter().find(|e| e.id() == of_alice).expect("her own entry").header().clone();
        // Claims to have what does not exist yet, and to have read the future.
        s.mallory.dm(
            w,
            LinkMsg::Ack(Ack {
                space: s.chat.to_vec(),
                chan: entry.chan.to_vec(),
                device: entry.device.to_vec(),
                seq: entry.seq + 50,
                id: of_alice.to_vec(),
            }),
        );
        let read = |device: Vec<u8>| vec![ReadUpTo { device, seq: u64::MAX }];
        s.mallory.dm(w, LinkMsg::Read(Read { space: s.chat.to_vec(), logs: read(entry.device.to_vec()) }));
        s.mallory.dm(w, LinkMsg::Read(Read { space: s.chat.to_vec(), logs: read(s.mallory.device().to_vec()) }));
        s.mallory.dm(w, LinkMsg::Read(Read { space: vec![1, 2, 3], logs: Vec::new() }));
        w.run(2_000);
        for reason in ["read_ahead", "read_of_other_log", "read_unfit"] {
            assert!(w.node(s.alice).refusals(reason) > 0, "{reason}: {}", w.node(s.alice).all_refusals());
        }
        assert!(w.node(s.alice).refusals("ack_ahead") > 0, "{}", w.node(s.alice).all_refusals());
        let later = w.say(s.alice, s.chat, "written after the lie");
        w.run(1_000);
        let state = w.state(s.alice, s.chat, later);
        assert!(state < Some(veche_protocol::view::MessageState::Delivered), "a lie about the future came true: {state:?}");
        let proto = if w.dice.chance(500) { Proto::Dm } else { Proto::Sync };
        for _ in 0..10 {
            let noise = w.dice.bytes::<64>();
            s.mallory.garbage(w, proto, &noise);
        }
        w.run(5_000);
        still_well(w, &s);
    });
}

#[test]
fn somebody_shut_out_while_they_prove_themselves_stays_outside() {
    story("somebody_shut_out_while_they_prove_themselves_stays_outside", |w| {
        let alice = w.alice();
        let mallory = w.person("mallory", Place::Lan(1));
        w.befriend(alice, mallory);
        let of_mallory = w.account(mallory);
        let mut mallory = w.turn_hostile(mallory, alice);
        let names_itself = w.dice.chance(500);
        let knock = mallory.knocks(w, names_itself);
        w.want(alice, Command::Block(of_mallory));
        mallory.proves(w, knock);
        assert_eq!(w.view(alice).network.authenticated, 0, "whoever was shut out is let in by what began before");
        assert!(mallory.was_dropped(w), "and stays connected");
    });
}

#[test]
fn somebody_shut_out_while_connected_is_gone_at_once() {
    story("somebody_shut_out_while_connected_is_gone_at_once", |w| {
        let mut s = stage(w);
        let of_mallory = w.node(s.mallory.host).account.expect("an account");
        let connected = w.view(s.alice).network.authenticated;
        w.command(s.alice, Command::Block(of_mallory));
        assert_eq!(w.view(s.alice).network.authenticated, connected - 1, "her next word would still be heard");
        // The farewell leaves once it is durable that she wanted it, and a disk may stall for three seconds.
        w.run(4_000);
        assert!(s.mallory.was_dropped(w));
    });
}

#[test]
fn entries_that_had_to_wait_are_acknowledged_once_they_are_taken() {
    story("entries_that_had_to_wait_are_acknowledged_once_they_are_taken", |w| {
        let mut s = stage(w);
        for n in 0..5 {
            w.say(s.alice, s.chat, &format!("line {n}"));
        }
        w.run(5_000);
        let device = s.mallory.device();
        let acknowledged = |w: &mut World, mallory: &mut Hostile| {
            let acks = mallory.hears_dm(w).into_iter().filter_map(|m| if let LinkMsg::Ack(ack) = m { Some(ack) } else { None });
            acks.filter(|ack| ack.device == device.as_bytes()).map(|ack| ack.seq).max().unwrap_or(0)
        };
        acknowledged(w, &mut s.mallory);
        // Refers to something old, which has to be looked up on the disk.
        let of_alice = w.entries(s.alice, s.chat).into_iter().filter(|e| e.header().chan == s.last.header().chan);
        let old = of_alice.filter(|e| e.header().device != device).min_by_key(|e| e.header().seq).expect("something of Alice");
        let dep = Dep::to(old.header().device, old.header().seq, old.id());
        let answer = s.mallory.forge(s.chat, Some(&s.last), vec![dep], stamp(w, 0), "to come back to what you said");
        s.mallory.pushes(w, s.chat, std::slice::from_ref(&answer));
        w.run(5_000);
        assert!(w.has(s.alice, s.chat, answer.id()));
        assert_eq!(acknowledged(w, &mut s.mallory), answer.header().seq, "what was looked up first");
        // A clock twelve minutes ahead: held until it is no more than ten.
        let early = s.mallory.forge(s.chat, Some(&answer), Vec::new(), stamp(w, 12 * 60_000), "early");
        s.mallory.pushes(w, s.chat, std::slice::from_ref(&early));
        w.run(5_000);
        assert_eq!(acknowledged(w, &mut s.mallory), 0, "it waits");
        w.run(3 * 60_000);
        assert!(w.has(s.alice, s.chat, early.id()));
        assert_eq!(acknowledged(w, &mut s.mallory), early.header().seq, "what was held");
    });
}
