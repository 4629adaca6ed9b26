//! Two connection managers against each other, over connections that deliver in any order, go dead and are closed.

use super::super::*;
use super::{HIGH, LOW, SECOND, conn, lan, links, relayed};

/// What travels to one side over one connection, in order.
#[derive(Clone, Copy, Debug)]
enum Travels {
    Established,
    Head {
        session: u64,
        turn: u32,
    },
    /// The stream of this session ended in order.
    End {
        session: u64,
    },
    Pong,
    Closed,
}

struct Player {
    links: Links,
    /// The link that is up, its session, the connection its stream is on, and the turn of that stream.
    link: Option<(LinkId, u64, ConnectionId, u32)>,
    ups: usize,
    downs: Vec<DownReason>,
    /// Which link a connection's inbound streams were accepted for.
    reading: Vec<(ConnectionId, u64, LinkId)>,
    /// Session of the other side in the streams accepted for the current link.
    hears: Option<u64>,
    /// Turns accepted for the current link, and since when an earlier one is missing: the work of an inlet.
    turns: Vec<u32>,
    gap_since: Option<Instant>,
}

impl Player {
    fn new(me: PeerKey) -> Self {
        Self {
            links: links(me),
            link: None,
            ups: 0,
            downs: Vec::new(),
            reading: Vec::new(),
            hears: None,
            turns: Vec::new(),
            gap_since: None,
        }
    }

    fn gap(&self) -> bool {
        (0..u32::try_from(self.turns.len()).unwrap()).any(|turn| !self.turns.contains(&turn))
    }
}

/// Two sides; connections with a queue towards each side.
struct World {
    now: Instant,
    sides: [Player; 2],
    conns: Vec<Cable>,
    sessions: u64,
    seed: u64,
}

struct Cable {
    dialler: usize,
    addr: Addr,
    queues: [VecDeque<Travels>; 2],
    closed: [bool; 2],
    /// Swallows everything without telling.
    dead: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        Self { now: Instant::now(), sides: [Player::new(LOW), Player::new(HIGH)], conns: Vec::new(), sessions: 0, seed }
    }

    fn random(&mut self, below: usize) -> usize {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    }

    fn dial(&mut self, dialler: usize) -> usize {
        self.dial_at(dialler, lan())
    }

    fn dial_at(&mut self, dialler: usize, addr: Addr) -> usize {
        let queue = || VecDeque::from([Travels::Established]);
        self.conns.push(Cable { dialler, addr, queues: [queue(), queue()], closed: [false; 2], dead: false });
        self.conns.len() - 1
    }

    fn send(&mut self, from: usize, on: ConnectionId, what: Travels) {
        let cable = self.cable(on);
        if cable.closed == [false; 2] && !cable.dead {
            cable.queues[1 - from].push_back(what);
        }
    }

    fn cable(&mut self, id: ConnectionId) -> &mut Cable {
        let at = (0..self.conns.len()).find(|n| conn(*n) == id).unwrap();
        &mut self.conns[at]
    }

    fn close(&mut self, id: ConnectionId, by: usize) {
        let cable = self.cable(id);
        for side in [by, 1 - by] {
            if (side == by || !cable.dead) && !std::mem::replace(&mut cable.closed[side], true) {
                cable.queues[side].push_back(Travels::Closed);
            }
        }
    }

    /// Opens a stream for the link of a side where its manager says.
    fn open(&mut self, side: usize, turn: u32) {
        let Some((link, session, ..)) = self.sides[side].link else { return };
        let Some(on) = self.sides[side].links.stream_out(link) else { return };
        self.sides[side].link = Some((link, session, on, turn));
        self.send(side, on, Travels::Head { session, turn });
    }

    fn act(&mut self, side: usize) {
        while let Some(action) = self.sides[side].links.poll() {
            match action {
                Action::Up { link, .. } => {
                    assert!(self.sides[side].link.is_none(), "one link at a time");
                    self.sessions += 1;
                    self.sides[side].link = Some((link, self.sessions, conn(usize::MAX), 0));
                    self.sides[side].ups += 1;
                    self.sides[side].hears = None;
                    self.sides[side].turns.clear();
                    self.sides[side].gap_since = None;
                    self.open(side, 0);
                }
                Action::Down { link, why } => {
                    assert_eq!(self.sides[side].link.map(|(up, ..)| up), Some(link));
                    self.sides[side].link = None;
                    self.sides[side].downs.push(why);
                }
                Action::Move { .. } => {
                    let (link, session, old, turn) = self.sides[side].link.unwrap();
                    self.send(side, old, Travels::End { session });
                    self.sides[side].links.stream_done(link, old);
                    self.open(side, turn + 1);
                }
                Action::Close { conn } => self.close(conn, side),
            }
        }
    }

    /// Delivers the next thing of one queue.
    fn deliver(&mut self, at: usize, side: usize) {
        let Some(what) = self.conns[at].queues[side].pop_front() else { return };
        let (id, dialler, addr, now) = (conn(at), self.conns[at].dialler, self.conns[at].addr, self.now);
        let part = &mut self.sides[side];
        match what {
            Travels::Established => {
                let (peer, role) = ([HIGH, LOW][side], if dialler == side { Side::Dialler } else { Side::Listener });
                part.links.established(now, id, peer, role, addr);
            }
            Travels::Head { session, turn } => {
                let verdict = part.links.stream_in(id, Proto::Dm, session, turn);
                self.act(side);
                let part = &mut self.sides[side];
                if let Verdict::Accept(link) = verdict {
                    assert_eq!(part.link.map(|(up, ..)| up), Some(link));
                    assert!(part.hears.is_none_or(|heard| heard == session), "one link never mixes two sessions");
                    part.hears = Some(session);
                    part.reading.push((id, session, link));
                    part.turns.push(turn);
                    part.gap_since = part.gap().then(|| part.gap_since.unwrap_or(now));
                }
            }
            Travels::End { session } => {
                for (_, _, link) in part.reading.iter().filter(|(on, of, _)| *on == id && *of == session) {
                    part.links.stream_done(*link, id);
                }
            }
            Travels::Pong => part.links.alive(now, id),
            Travels::Closed => part.links.closed(id),
        }
        self.act(side);
    }

    fn deliver_some(&mut self) -> bool {
        let waiting: Vec<(usize, usize)> = (0..self.conns.len())
            .flat_map(|at| [(at, 0), (at, 1)])
            .filter(|(at, side)| !self.conns[*at].queues[*side].is_empty())
            .collect();
        if waiting.is_empty() {
            return false;
        }
        let (at, side) = waiting[self.random(waiting.len())];
        self.deliver(at, side);
        true
    }

    /// Lets time pass with pings, until everything has been said.
    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.now += SECOND;
            for at in 0..self.conns.len() {
                for side in [0, 1] {
                    self.send(side, conn(at), Travels::Pong);
                }
            }
            while self.deliver_some() {}
            for side in [0, 1] {
                let now = self.now;
                let part = &mut self.sides[side];
                if let (Some((link, ..)), Some(since)) = (part.link, part.gap_since)
                    && now >= since + 10 * SECOND
                {
                    part.links.end(link, DownReason::Garbage);
                }
                part.links.tick(now);
                self.act(side);
            }
            while self.deliver_some() {}
        }
    }

    /// Both sides have one link, over the same connection, and hear each other's current session.
    fn assert_settled(&self) {
        let [low, high] = &self.sides;
        let (Some((_, low_session, low_on, _)), Some((_, high_session, high_on, _))) = (low.link, high.link) else {
            panic!("both must have a link: {:?} {:?}", low.link, high.link);
        };
        assert_eq!(low_on, high_on, "the same connection");
        assert_eq!((low.hears, high.hears), (Some(high_session), Some(low_session)), "no stale session");
        assert!(!low.gap() && !high.gap(), "no turn is missing");
        assert_eq!((low.links.connections(), high.links.connections()), (1, 1), "nothing left over");
    }
}

#[test]
fn a_double_dial_always_ends_on_one_connection_without_a_break() {
    for seed in 0..2000 {
        let mut world = World::new(seed);
        let first = world.random(2);
        world.dial(first);
        for _ in 0..world.random(6) {
            world.deliver_some();
        }
        world.dial(1 - first);
        world.pass(20);
        world.assert_settled();
        for side in &world.sides {
            assert_eq!((side.ups, side.downs.len()), (1, 0), "seed {seed}");
        }
        let (.., on, _) = world.sides[0].link.unwrap();
        assert_eq!(world.cable(on).dialler, 0, "the lower key's dial");
    }
}

#[test]
fn a_peer_with_a_new_address_is_back_before_the_old_connection_is_noticed_dead() {
    for seed in 0..500 {
        for mover in [0, 1] {
            let mut world = World::new(seed);
            let dialler = world.random(2);
            let old = world.dial(dialler);
            world.pass(60);
            world.conns[old].dead = true;
            let now = world.now;
            world.sides[mover].links.network_changed(now);
            world.dial(mover);
            while world.deliver_some() {}
            let [low, high] = &world.sides;
            assert_eq!((low.ups, high.ups), (2, 2), "at once, seed {seed}");
            world.pass(30);
            world.assert_settled();
            assert_eq!((world.sides[0].ups, world.sides[1].ups), (2, 2), "and it stays, seed {seed}");
        }
    }
}

#[test]
fn a_peer_that_was_killed_and_restarted_need_not_wait_for_its_old_connection_to_be_noticed_dead() {
    for seed in 0..500 {
        for killed in [0, 1] {
            let mut world = World::new(seed);
            let dialler = world.random(2);
            let old = world.dial(dialler);
            // Sometimes at once, when the old connection is as young as one of a double dial.
            let age = u32::try_from(world.random(20)).unwrap();
            while world.deliver_some() {}
            world.pass(age);
            world.conns[old].dead = true;
            world.conns[old].queues[killed].clear();
            world.sides[killed] = Player::new([LOW, HIGH][killed]);
            world.dial(killed);
            while world.deliver_some() {}
            assert_eq!((world.sides[killed].ups, world.sides[1 - killed].ups), (1, 2), "at once, seed {seed}");
            world.pass(30);
            world.assert_settled();
            assert_eq!((world.sides[killed].ups, world.sides[1 - killed].ups), (1, 2), "and it stays, seed {seed}");
        }
    }
}

#[test]
fn a_link_through_a_relay_always_ends_on_one_direct_connection_without_a_break() {
    for seed in 0..2000 {
        let mut world = World::new(seed);
        let caller = world.random(2);
        world.dial_at(caller, relayed());
        let age = u32::try_from(world.random(4)).unwrap();
        world.pass(age);
        while world.sides.iter().any(|side| side.link.is_none()) {
            world.deliver_some();
        }
        // What a punched hole leaves behind: up to three, mostly by the same side and seen in any order.
        let puncher = world.random(2);
        for _ in 0..=world.random(3) {
            let by = if world.random(4) == 0 { 1 - puncher } else { puncher };
            world.dial_at(by, lan());
            world.now += Duration::from_millis(10);
            for _ in 0..world.random(4) {
                world.deliver_some();
            }
        }
        world.pass(60);
        world.assert_settled();
        for side in &world.sides {
            assert_eq!((side.ups, side.downs.len()), (1, 0), "seed {seed}");
        }
        let (.., on, _) = world.sides[0].link.unwrap();
        assert_eq!(world.cable(on).addr.relay, None, "seed {seed}");
    }
}

#[test]
fn a_fresh_circuit_replaces_the_old_one_without_a_break() {
    for seed in 0..500 {
        let mut world = World::new(seed);
        let caller = world.random(2);
        world.dial_at(caller, relayed());
        for round in 1..4 {
            world.pass(20);
            let fresh = world.dial_at(caller, relayed());
            world.pass(20);
            world.assert_settled();
            let (.., on, _) = world.sides[0].link.unwrap();
            assert_eq!((on, round), (conn(fresh), fresh));
        }
        assert_eq!((world.sides[0].ups, world.sides[1].ups), (1, 1), "seed {seed}");
    }
}

#[test]
fn whatever_happens_two_sides_end_with_one_working_link() {
    for seed in 0..3000 {
        let mut world = World::new(seed);
        for _ in 0..40 {
            match world.random(10) {
                0 => {
                    let side = world.random(2);
                    // As in life: no dial while the link is in good health.
                    if world.conns.iter().filter(|cable| cable.closed == [false; 2]).count() < 4
                        && !world.sides[side].links.healthy(&[HIGH, LOW][side])
                    {
                        let addr = if world.random(2) == 0 { lan() } else { relayed() };
                        world.dial_at(side, addr);
                    }
                }
                1 if !world.conns.is_empty() => {
                    let (at, by) = (world.random(world.conns.len()), world.random(2));
                    world.close(conn(at), by);
                }
                2 if !world.conns.is_empty() => {
                    let at = world.random(world.conns.len());
                    world.conns[at].dead |= world.random(3) == 0;
                }
                3 => {
                    let (side, now) = (world.random(2), world.now);
                    world.sides[side].links.network_changed(now);
                }
                4 => {
                    let seconds = u32::try_from(world.random(12)).unwrap();
                    world.pass(seconds);
                }
                _ => {
                    world.deliver_some();
                }
            }
        }
        world.pass(120);
        // Whoever lost the link dials again, as the core does.
        for _ in 0..3 {
            for side in [0, 1] {
                if world.sides[side].link.is_none() {
                    world.dial(side);
                    world.pass(90);
                }
            }
        }
        world.assert_settled();
    }
}
