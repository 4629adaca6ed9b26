//! Clients at the door, honest and not.

use super::*;
use crate::ids::PeerKey;
use crate::wire::stun::testing::{peer, request};

const ALLOCATE: u16 = 3;
const REFRESH: u16 = 4;
const SEND: u16 = 0x16;
const PERMISSION: u16 = 8;
const BIND: u16 = 9;
const START: Now = Now { mono: Mono(1_000_000), wall: UnixMs(1_800_000_000_000) };

struct World {
    door: Door,
    now: Now,
}

impl World {
    fn new(limits: Limits) -> Self {
        let aim = Aim { own: ["93.184.216.34".parse().unwrap()].into(), private: false };
        Self { door: Door::new(Secret::new([7; 32]), [9; 32], aim, limits), now: START }
    }

    fn pass(&mut self, secs: u64) {
        let by = Duration::from_secs(secs);
        self.now = Now { mono: self.now.mono.after(by), wall: self.now.wall.after(by) };
    }

    fn name(&self, who: u8, hours: u64) -> String {
        user::issue(&Secret::new([7; 32]), &PeerKey([who; 32]), [who; 8], self.now.wall.after(Duration::from_secs(hours * 3600))).username
    }

    fn judge(&mut self, from: &str, datagram: &[u8]) -> Verdict {
        self.door.judge(self.now, from.parse().unwrap(), datagram)
    }

    /// A request with this name and the challenge that is current for its address.
    fn ask(&mut self, from: &str, kind: u16, name: &str, more: &[(u16, &[u8])]) -> Verdict {
        let nonce = challenge(&self.judge(from, &request(ALLOCATE, &[])));
        self.ask_with(from, kind, name, &nonce, more)
    }

    fn ask_with(&mut self, from: &str, kind: u16, name: &str, nonce: &str, more: &[(u16, &[u8])]) -> Verdict {
        let proof: [(u16, &[u8]); 3] = [(6, name.as_bytes()), (0x15, nonce.as_bytes()), (8, &[0; 20])];
        self.judge(from, &request(kind, &[more, &proof].concat()))
    }

    /// Takes a place as the library does after it has seen the password.
    fn place(&mut self, from: &str, name: &str, port: u16) -> bool {
        match self.ask(from, ALLOCATE, name, &[]) {
            Verdict::Pass(Some(proven)) => self.door.taken(from.parse().unwrap(), &proven, port),
            _ => false,
        }
    }
}

/// The code of a refusal.
fn code(verdict: &Verdict) -> u16 {
    match verdict {
        Verdict::Answer(bytes) => u16::from(bytes[26]) * 100 + u16::from(bytes[27]),
        other => panic!("{other:?}"),
    }
}

/// The challenge of a refusal: the last attribute.
fn challenge(verdict: &Verdict) -> String {
    let Verdict::Answer(bytes) = verdict else { panic!("{verdict:?}") };
    let at = bytes.windows(4).position(|head| head == [0, 0x15, 0, 22]).expect("a challenge");
    String::from_utf8(bytes[at + 4..at + 26].to_vec()).unwrap()
}

#[test]
fn a_stranger_is_challenged_and_nothing_of_them_is_kept() {
    let mut world = World::new(Limits::default());
    let asked = world.judge("198.51.100.1:5000", &request(ALLOCATE, &[]));
    assert_eq!(code(&asked), 401);
    assert!(matches!(&asked, Verdict::Answer(bytes) if bytes.len() <= 80), "no more than a few times what was asked");
    assert_eq!(world.judge("198.51.100.1:5000", &request(1, &[])), Verdict::Pass(None), "everybody may ask for their address");
    assert_eq!(world.judge("198.51.100.1:5000", &[0x40, 0, 0, 0]), Verdict::Drop, "data without a place");
    assert_eq!(world.judge("198.51.100.1:5000", b"GET / HTTP/1.1"), Verdict::Drop);
    assert_eq!(world.door.stats().places, 0);
}

#[test]
fn names_are_good_until_they_end_and_for_their_own_challenge() {
    let mut world = World::new(Limits::default());
    let name = world.name(1, 1);
    let at = "198.51.100.1:5000";
    assert!(matches!(world.ask(at, ALLOCATE, &name, &[]), Verdict::Pass(Some(_))));
    assert_eq!(code(&world.ask(at, ALLOCATE, "1900000000:00", &[])), 401);
    let nonce = challenge(&world.judge(at, &request(ALLOCATE, &[])));
    assert_eq!(code(&world.ask_with("198.51.100.2:5000", ALLOCATE, &name, &nonce, &[])), 438, "somebody else's challenge");
    for bad in ["", "AAAA", "!!!!", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(code(&world.ask_with(at, ALLOCATE, &name, bad, &[])), 438, "{bad}");
    }
    world.pass(3600);
    assert_eq!(code(&world.ask_with(at, ALLOCATE, &name, &nonce, &[])), 438, "an old challenge");
    assert_eq!(code(&world.ask(at, ALLOCATE, &name, &[])), 401, "an old name");
}

#[test]
fn a_call_outlives_the_name_that_it_began_with_but_not_by_days() {
    let mut world = World::new(Limits::default());
    let at = "198.51.100.1:5000";
    let name = world.name(1, 1);
    assert!(world.place(at, &name, 50_000));
    world.pass(5 * 3600);
    assert!(matches!(world.ask(at, REFRESH, &name, &[]), Verdict::Pass(Some(_))));
    assert_eq!(code(&world.ask("198.51.100.1:5001", ALLOCATE, &name, &[])), 401, "nothing new with it");
    let newer = world.name(1, 1);
    assert_eq!(code(&world.ask(at, REFRESH, &newer, &[])), 441, "a place belongs to its name");
    world.pass(24 * 3600);
    assert_eq!(code(&world.ask(at, REFRESH, &name, &[])), 401);
}

#[test]
fn places_are_few_for_each_and_come_back() {
    let mut world = World::new(Limits { places: 5, places_per_user: 2, places_per_household: 3, ..Limits::default() });
    let (anna, boris) = (world.name(1, 1), world.name(2, 1));
    assert!(world.place("198.51.100.1:1000", &anna, 50_000) && world.place("198.51.100.1:1001", &anna, 50_001));
    let third = world.ask("198.51.100.1:1002", ALLOCATE, &anna, &[]);
    assert_eq!(code(&third), 486, "of one user");
    assert_eq!(code(&world.ask("203.0.113.9:1002", ALLOCATE, &anna, &[])), 486, "wherever they are");
    assert!(world.place("198.51.100.1:1002", &boris, 50_002));
    assert_eq!(code(&world.ask("198.51.100.1:1003", ALLOCATE, &boris, &[])), 486, "of one household");
    assert_eq!(code(&world.ask("198.51.100.1:1000", ALLOCATE, &anna, &[])), 437, "one for each address");
    let others = [3, 4].map(|who| world.name(who, 1));
    assert!(world.place("203.0.113.1:1", &others[0], 50_003) && world.place("203.0.113.2:1", &others[1], 50_004));
    let late = world.name(5, 1);
    assert_eq!(code(&world.ask("203.0.113.3:1", ALLOCATE, &late, &[])), 508);
    world.door.freed("198.51.100.1:1000".parse().unwrap());
    world.door.freed("198.51.100.1:1000".parse().unwrap());
    assert!(world.place("198.51.100.1:2000", &anna, 50_000));
    assert_eq!((world.door.stats().places, world.door.stats().given), (5, 6));
}

#[test]
fn nobody_is_sent_to_where_the_relay_should_not_go() {
    let mut world = World::new(Limits::default());
    let (at, other) = ("198.51.100.1:5000", "198.51.100.2:5000");
    let (anna, boris) = (world.name(1, 1), world.name(2, 1));
    assert!(world.place(at, &anna, 50_000) && world.place(other, &boris, 50_001));
    let inside =
        [([127, 0, 0, 1], 6379), ([10, 0, 0, 1], 5000), ([169, 254, 169, 254], 8080), ([93, 184, 216, 34], 4001), ([224, 0, 0, 1], 5000)];
    for (ip, port) in inside {
        let to = peer(ip, port);
        assert_eq!(code(&world.ask(at, PERMISSION, &anna, &[(0x12, &to)])), 403, "{ip:?}");
        assert_eq!(code(&world.ask(at, BIND, &anna, &[(0x0C, &[0x40, 0, 0, 0]), (0x12, &to)])), 403, "{ip:?}");
        assert_eq!(world.judge(at, &request(SEND, &[(0x12, &to), (0x13, b"data")])), Verdict::Drop, "{ip:?}");
    }
    let (outside, neighbour) = (peer([8, 8, 4, 4], 5000), peer([93, 184, 216, 34], 50_001));
    for to in [&outside, &neighbour] {
        assert!(matches!(world.ask(at, PERMISSION, &anna, &[(0x12, to)]), Verdict::Pass(Some(_))));
        assert_eq!(world.judge(at, &request(SEND, &[(0x12, to), (0x13, b"data")])), Verdict::Pass(None));
    }
    assert_eq!(code(&world.ask(at, PERMISSION, &anna, &[])), 403, "to nobody");
    let inside = peer([10, 0, 0, 1], 5000);
    let Verdict::Pass(Some(proven)) = world.ask(at, PERMISSION, &anna, &[(0x12, &inside), (0x12, &outside)]) else { panic!("refused") };
    assert_eq!(proven.peers, ["8.8.4.4:5000".parse().unwrap()]);
    world.door.freed(other.parse().unwrap());
    assert_eq!(code(&world.ask(at, PERMISSION, &anna, &[(0x12, &neighbour)])), 403, "a place that is over is a port like others");
}

#[test]
fn whoever_sends_too_much_is_heard_in_part() {
    let mut world = World::new(Limits { place_bytes: 10_000, total_bytes: 15_000, ..Limits::default() });
    let (at, other) = ("198.51.100.1:5000", "198.51.100.2:5000");
    let (anna, boris) = (world.name(1, 1), world.name(2, 1));
    assert!(world.place(at, &anna, 50_000) && world.place(other, &boris, 50_001));
    let mut data = vec![0x40, 0, 0x01, 0xA4];
    data.resize(424, 0);
    let passed = |world: &mut World, from| (0..100).filter(|_| world.judge(from, &data) == Verdict::Pass(None)).count();
    assert_eq!(
        (passed(&mut world, at), passed(&mut world, other)),
        (22, 11),
        "each its own, and all together no more than the machine has"
    );
    assert!(world.door.stats().dropped > 0 && world.door.stats().bytes <= 15_000);
    world.pass(1);
    assert_eq!(passed(&mut world, at), 22);
    let back: SocketAddr = at.parse().unwrap();
    let now = world.now.mono;
    assert!(world.door.passes(now, back, Way::In, 1000), "the way back is counted by itself");
}

#[test]
fn a_flood_of_requests_is_cut_for_its_household_only() {
    let mut world = World::new(Limits::default());
    let flood = (0..1000_u16).filter(|n| world.judge(&format!("198.51.100.1:{}", n + 1), &request(1, &[])) == Verdict::Pass(None)).count();
    assert_eq!(flood, usize::try_from(REQUESTS.burst).unwrap());
    assert_eq!(world.judge("198.51.100.2:1", &request(1, &[])), Verdict::Pass(None));
    world.pass(1);
    assert_eq!(world.judge("198.51.100.1:1", &request(1, &[])), Verdict::Pass(None));
}
