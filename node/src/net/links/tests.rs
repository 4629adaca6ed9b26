//! The connection manager on its own; two of them against each other in `world`.

use super::*;
use std::net::SocketAddr;
use veche_protocol::link::{Proto, Transport};

mod world;

const LOW: PeerKey = PeerKey([1; 32]);
const HIGH: PeerKey = PeerKey([2; 32]);
const SECOND: Duration = Duration::from_secs(1);

fn lan() -> Addr {
    Addr::direct(SocketAddr::from(([192, 168, 0, 9], 4001)), Transport::Quic)
}

fn conn(n: usize) -> ConnectionId {
    ConnectionId::new_unchecked(n)
}

fn links(me: PeerKey) -> Links {
    Links::new(me, Patience::new(5 * SECOND, 5 * SECOND))
}

fn actions(links: &mut Links) -> Vec<Action> {
    std::iter::from_fn(|| links.poll()).collect()
}

fn up(link: u64, peer: PeerKey, side: Side, on: usize) -> Action {
    let info = LinkInfo { peer, side, addr: lan(), route: lan().route() };
    Action::Up { link: LinkId(link), info, on: conn(on) }
}

fn relayed() -> Addr {
    Addr::behind(PeerKey([9; 32]), SocketAddr::from(([203, 0, 113, 7], 4001)), Transport::Quic)
}

/// A move to a connection that the other side dialled.
fn moved(peer: PeerKey, to: usize) -> Action {
    let info = LinkInfo { peer, side: Side::Listener, addr: lan(), route: lan().route() };
    Action::Move { link: LinkId(1), to: conn(to), info }
}

#[test]
fn the_connection_dialled_by_the_lower_key_wins_and_the_higher_side_closes_the_other() {
    let start = Instant::now();
    let (mut low, mut high) = (links(LOW), links(HIGH));
    // Connection 1 was dialled by the low side, 2 by the high side; each saw its own first.
    low.established(start, conn(1), HIGH, Side::Dialler, lan());
    low.established(start, conn(2), HIGH, Side::Listener, lan());
    high.established(start, conn(2), LOW, Side::Dialler, lan());
    high.established(start, conn(1), LOW, Side::Listener, lan());
    assert_eq!(actions(&mut low), [up(1, HIGH, Side::Dialler, 1)]);
    assert_eq!(actions(&mut high), [up(1, LOW, Side::Dialler, 2)]);
    let proven = start + SECOND;
    low.alive(proven, conn(1));
    high.alive(proven, conn(2));
    assert_eq!(actions(&mut low), []);
    assert_eq!(actions(&mut high), [moved(LOW, 1)]);

    for (links, closes) in [(&mut low, false), (&mut high, true)] {
        let later = proven + GRACE;
        links.tick(later - Duration::from_millis(1));
        assert_eq!(actions(links), [], "not before the grace is over");
        links.tick(later);
        let expected: &[Action] = if closes { &[Action::Close { conn: conn(2) }] } else { &[] };
        assert_eq!(actions(links), expected);
    }
}

#[test]
fn a_link_through_a_relay_moves_to_a_direct_connection_that_has_answered_and_only_then() {
    let start = Instant::now();
    let mut low = links(LOW);
    low.established(start, conn(1), HIGH, Side::Dialler, relayed());
    low.established(start + SECOND, conn(2), HIGH, Side::Listener, lan());
    actions(&mut low);
    low.alive(start + 2 * SECOND, conn(1));
    assert_eq!(actions(&mut low), [], "nobody knows yet whether the direct one carries anything");
    low.alive(start + 3 * SECOND, conn(2));
    assert_eq!(actions(&mut low), [moved(HIGH, 2)]);
    assert_eq!(low.info(LinkId(1)).map(|(on, info)| (on, info.route)), Some((conn(2), veche_protocol::link::Route::Lan)));
    // The lower key's dial counts less than the way it goes.
    low.alive(start + 4 * SECOND, conn(1));
    assert_eq!(actions(&mut low), []);
}

#[test]
fn a_direct_connection_that_never_answers_leaves_the_link_where_it_is() {
    let start = Instant::now();
    let mut high = links(HIGH);
    high.established(start, conn(1), LOW, Side::Dialler, relayed());
    high.established(start, conn(2), LOW, Side::Listener, lan());
    actions(&mut high);
    for second in 1..15 {
        high.alive(start + second * SECOND, conn(1));
        high.tick(start + second * SECOND);
    }
    assert_eq!(actions(&mut high), []);
    high.alive(start + 15 * SECOND, conn(1));
    high.tick(start + 15 * SECOND);
    assert_eq!(actions(&mut high), [Action::Close { conn: conn(2) }], "dead by silence, and the link does not notice");
}

#[test]
fn a_loser_is_not_closed_while_streams_are_left_on_it() {
    let start = Instant::now();
    let mut high = links(HIGH);
    high.established(start, conn(2), LOW, Side::Dialler, lan());
    assert_eq!(high.stream_in(conn(2), Proto::Dm, 7, 0), Verdict::Accept(LinkId(1)));
    high.established(start, conn(1), LOW, Side::Listener, lan());
    high.alive(start + SECOND, conn(2));
    actions(&mut high);
    for second in 1..=20 {
        let now = start + second * SECOND;
        high.alive(now, conn(1));
        high.alive(now, conn(2));
        high.tick(now);
    }
    assert_eq!(actions(&mut high), []);
    high.stream_done(LinkId(1), conn(2));
    high.tick(start + 20 * SECOND);
    assert_eq!(actions(&mut high), [Action::Close { conn: conn(2) }]);
    high.closed(conn(2));
    assert_eq!(actions(&mut high), [], "the link does not notice");
}

#[test]
fn a_loser_that_never_empties_ends_the_link() {
    let start = Instant::now();
    let mut high = links(HIGH);
    high.established(start, conn(2), LOW, Side::Dialler, lan());
    assert_eq!(high.stream_in(conn(2), Proto::Dm, 7, 0), Verdict::Accept(LinkId(1)));
    high.established(start, conn(1), LOW, Side::Listener, lan());
    high.alive(start + SECOND, conn(2));
    assert_eq!(actions(&mut high).last(), Some(&moved(LOW, 1)));
    let end = start + SECOND + MAX_DRAIN;
    high.alive(end, conn(1));
    high.alive(end, conn(2));
    high.tick(end);
    assert!(actions(&mut high).contains(&Action::Down { link: LinkId(1), why: DownReason::Garbage }));
    assert_eq!(high.len(), 0);
}

#[test]
fn silence_ends_a_link() {
    let start = Instant::now();
    let mut low = links(LOW);
    low.established(start, conn(1), HIGH, Side::Dialler, lan());
    low.alive(start + 4 * SECOND, conn(1));
    actions(&mut low);
    assert_eq!(low.next_deadline(), Some(start + 19 * SECOND));
    low.tick(start + 18 * SECOND);
    assert_eq!(actions(&mut low), []);
    low.tick(start + 19 * SECOND);
    let expected = [Action::Down { link: LinkId(1), why: DownReason::Silent }, Action::Close { conn: conn(1) }];
    assert_eq!(actions(&mut low), expected);
    low.established(start + 20 * SECOND, conn(3), HIGH, Side::Dialler, lan());
    assert_eq!(actions(&mut low), [up(2, HIGH, Side::Dialler, 3)]);
}

#[test]
fn after_a_network_change_only_what_proves_alive_stays() {
    let start = Instant::now();
    let (mut low, other) = (links(LOW), PeerKey([3; 32]));
    low.established(start, conn(1), HIGH, Side::Dialler, lan());
    low.established(start, conn(2), other, Side::Dialler, lan());
    actions(&mut low);
    let change = start + 2 * SECOND;
    low.network_changed(change);
    assert!(!low.healthy(&HIGH), "a dial is worth while");
    low.alive(change + SECOND, conn(2));
    assert!(low.healthy(&other));
    low.tick(change + 8 * SECOND);
    let expected = [Action::Down { link: LinkId(1), why: DownReason::Silent }, Action::Close { conn: conn(1) }];
    assert_eq!(actions(&mut low), expected);
    assert_eq!(low.len(), 1);
}

#[test]
fn a_link_in_doubt_begins_anew_on_what_comes_up_beside_it_unless_it_lives() {
    let start = Instant::now();
    let mut low = links(LOW);
    low.established(start, conn(1), HIGH, Side::Dialler, lan());
    actions(&mut low);
    low.doubt(start + 2 * SECOND, LinkId(7));
    assert!(low.healthy(&HIGH), "another link is meant");
    low.doubt(start + 2 * SECOND, LinkId(1));
    assert!(!low.healthy(&HIGH), "a dial is worth while");
    low.alive(start + 3 * SECOND, conn(1));
    assert!(low.healthy(&HIGH), "a sign of life");
    low.doubt(start + 4 * SECOND, LinkId(1));
    low.established(start + 5 * SECOND, conn(2), HIGH, Side::Dialler, lan());
    let expected =
        [Action::Down { link: LinkId(1), why: DownReason::Silent }, Action::Close { conn: conn(1) }, up(2, HIGH, Side::Dialler, 2)];
    assert_eq!(actions(&mut low), expected);
}

#[test]
fn loopback_connections_are_not_in_doubt_when_the_network_changes() {
    let start = Instant::now();
    let mut low = links(LOW);
    let addr = Addr::direct(SocketAddr::from(([127, 0, 0, 1], 1)), Transport::Tcp);
    low.established(start, conn(1), HIGH, Side::Dialler, addr);
    low.network_changed(start);
    assert!(low.healthy(&HIGH));
}

#[test]
fn a_second_connection_to_a_link_that_is_alive_is_moved_to_without_a_break() {
    let start = Instant::now();
    let mut low = links(LOW);
    low.established(start, conn(1), HIGH, Side::Listener, lan());
    let later = start + 60 * SECOND;
    low.alive(later - SECOND, conn(1));
    low.established(later, conn(2), HIGH, Side::Listener, lan());
    low.alive(later + SECOND, conn(2));
    actions(&mut low);
    assert_eq!(low.stream_out(LinkId(1)), Some(conn(1)), "the new one proves nothing about the old one");
    low.alive(later + 2 * SECOND, conn(1));
    assert_eq!(actions(&mut low), [moved(HIGH, 2)]);
    assert_eq!(low.stream_out(LinkId(1)), Some(conn(2)));
}

#[test]
fn a_peer_cannot_start_over_on_a_connection_that_already_carries_its_old_session() {
    let start = Instant::now();
    let mut low = links(LOW);
    low.established(start, conn(1), HIGH, Side::Listener, lan());
    low.established(start + SECOND, conn(2), HIGH, Side::Listener, lan());
    assert_eq!(low.stream_in(conn(2), Proto::Dm, 7, 0), Verdict::Accept(LinkId(1)));
    actions(&mut low);
    assert_eq!(low.stream_in(conn(2), Proto::Dm, 8, 0), Verdict::Refuse);
    assert_eq!(actions(&mut low).first(), Some(&Action::Down { link: LinkId(1), why: DownReason::Garbage }));
    assert_eq!(low.next_deadline(), None, "both connections are being closed");
}

#[test]
fn a_peer_that_starts_over_on_a_new_connection_gets_a_new_link_at_once() {
    let start = Instant::now();
    let mut low = links(LOW);
    low.established(start, conn(1), HIGH, Side::Listener, lan());
    assert_eq!(low.stream_in(conn(1), Proto::Dm, 7, 0), Verdict::Accept(LinkId(1)));
    low.established(start + 60 * SECOND, conn(2), HIGH, Side::Listener, lan());
    actions(&mut low);
    assert_eq!(low.stream_in(conn(2), Proto::Dm, 8, 0), Verdict::Accept(LinkId(2)));
    let expected =
        [Action::Down { link: LinkId(1), why: DownReason::Replaced }, Action::Close { conn: conn(1) }, up(2, HIGH, Side::Listener, 2)];
    assert_eq!(actions(&mut low), expected);
    assert_eq!(low.stream_in(conn(1), Proto::Dm, 7, 1), Verdict::Refuse, "the old connection is history");
}

#[test]
fn a_second_session_on_the_connection_in_use_ends_the_link() {
    let mut low = links(LOW);
    low.established(Instant::now(), conn(1), HIGH, Side::Listener, lan());
    assert_eq!(low.stream_in(conn(1), Proto::Dm, 7, 0), Verdict::Accept(LinkId(1)));
    actions(&mut low);
    assert_eq!(low.stream_in(conn(1), Proto::Dm, 8, 0), Verdict::Refuse);
    let expected = [Action::Down { link: LinkId(1), why: DownReason::Garbage }, Action::Close { conn: conn(1) }];
    assert_eq!(actions(&mut low), expected);
}
