//! Single logs: what each verdict means, and digests that never change.

use super::*;

fn link(seq: u64, n: u8, prev: Option<u8>) -> Link {
    Link { seq, id: EntryId([n; 32]), prev: prev.map(|n| EntryId([n; 32])), hlc: Hlc(seq) }
}

/// Takes entries in, with the window for a store.
fn log(links: &[Link]) -> Log {
    let mut log = Log::default();
    for e in links {
        let verdict = log.offer(e, Some(&[]));
        assert!(log.take(e, &verdict).is_some(), "{verdict:?}");
    }
    log
}

fn chain() -> [Link; 4] {
    [link(1, 1, None), link(2, 2, Some(1)), link(3, 3, Some(2)), link(4, 4, Some(3))]
}

/// The digests of logs are part of the protocol: these have had these values since the first release.
#[test]
fn golden_digests() {
    let hex = |log: &Log| data_encoding::HEXLOWER.encode(&log.digest());
    assert_eq!(hex(&log(&chain())), "caa0413f9cefaf1a9d8d5a2f8a0f9507937a378ebdb9155c14409aadffdfacc2");
    let [a, b, c, d] = chain();
    let forked = log(&[a, b, c, d, link(2, 9, Some(1))]);
    assert_eq!(hex(&forked), "9eedb49e74feb178bc90258e27f2ce3e4d48f15f48815055ac59f3346293ea97");
    let cut = log(&[a, b, c, d, link(2, 9, Some(1)), link(4, 8, Some(3))]);
    assert_eq!(hex(&cut), "ea8d87f3fdc70f80898cf1f1ff7abe4f60337e5f02631bb2476c764d238d2263");
}

#[test]
fn a_gap_names_what_is_missing() {
    let [a, .., d] = chain();
    assert_eq!(log(&[a]).offer(&d, None), Verdict::Gap { have: 1, need: 3 });
    assert_eq!(Log::default().offer(&d, None), Verdict::Gap { have: 0, need: 3 });
}

#[test]
fn positions_below_the_window_are_asked_for() {
    let whole = log(&chain());
    let restored = Log::restore(0, whole.trunk(), None);
    let [_, b, c, d] = chain();
    assert_eq!(restored.offer(&d, None), Verdict::Known, "the end itself is remembered");
    assert_eq!(restored.offer(&b, None), Verdict::NeedsLookup { from: 1, to: 2 });
    let stored = |e: &Link| *whole.recent(e.seq).next().expect("in the window");
    assert_eq!(restored.offer(&c, Some(&[stored(&b), stored(&c)])), Verdict::Known);
    let other = link(3, 9, Some(2));
    let verdict = restored.offer(&other, Some(&[stored(&b), stored(&c)]));
    assert_eq!(verdict, Verdict::Forks(Parting::Fork { base: stored(&b).tip(), other: stored(&c).tip() }));
    assert_eq!(restored.offer(&link(3, 9, Some(7)), Some(&[stored(&b), stored(&c)])), Verdict::Parted);
}

#[test]
fn the_two_lowest_roots_are_kept() {
    let [a, b, ..] = chain();
    let mut log = log(&[a, link(2, 9, Some(1)), link(2, 7, Some(1)), link(3, 6, Some(7))]);
    let roots = |log: &Log| log.fork().expect("forked").versions.iter().map(|v| v.root.0[0]).collect::<Vec<_>>();
    assert_eq!(roots(&log), [7, 9]);
    assert_eq!(log.offer(&link(2, 10, Some(1)), None), Verdict::Refused(LogRefusal::ThirdVersion));
    let verdict = log.offer(&b, None);
    assert_eq!(verdict, Verdict::Forks(Parting::Version));
    log.take(&b, &verdict);
    assert_eq!(roots(&log), [2, 7]);
    assert_eq!(log.place(2, None), Place::Void, "what was the trunk is not kept any more");
    assert_eq!(log.place(3, Some(EntryId([7; 32]))), Place::Version(EntryId([7; 32])));
    assert_eq!(log.place(1, None), Place::Trunk);
}

#[test]
fn a_version_ends_where_it_is_duplicated_again() {
    let [a, b, c, d] = chain();
    let mut log = log(&[a, b, c, d, link(2, 9, Some(1)), link(4, 8, Some(3))]);
    let version = log.fork().expect("forked").versions[0];
    assert!(version.cut);
    assert_eq!(version.tip.id, c.id);
    assert_eq!(log.place(4, None), Place::Void);
    assert_eq!(log.offer(&link(5, 5, Some(4)), Some(&[])), Verdict::Gap { have: 1, need: 4 }, "nothing follows it");
    assert_eq!(log.offer(&link(4, 11, Some(3)), None), Verdict::Refused(LogRefusal::Void));
    // A fork below makes of both one version that ends at the old fork.
    let lower = link(1, 12, None);
    let verdict = log.offer(&lower, None);
    assert!(matches!(verdict, Verdict::Forks(Parting::Fork { .. })));
    log.take(&lower, &verdict);
    let ends: Vec<_> = log.fork().expect("forked").versions.iter().map(|v| (v.root.0[0], v.tip.seq, v.cut)).collect();
    assert_eq!(ends, [(1, 1, true), (12, 1, false)]);
}
