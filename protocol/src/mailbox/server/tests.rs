//! A mailbox node against a disk that fails, loses power and comes back.

use super::*;
use crate::crypto::pow;
use crate::limits::{MAIL_LARGE, MAIL_SMALL, MAIL_WINDOW};
use crate::mailbox::proof::{self, Ends, OwnerSecret};
use crate::store::Table;
use crate::time::UnixMs;
use crate::wire::mailbox::{End, Make, Open, Put, Taken};

mod disk;
mod model;

const NODE: PeerKey = PeerKey([9; 32]);
/// Somebody who reads.
const ANNA: LinkId = LinkId(1);
/// Somebody who writes.
const BORIS: LinkId = LinkId(2);

/// The node over a disk in memory.
struct World {
    server: Server,
    now: Now,
    /// What survives a power cut.
    disk: BTreeMap<Key, Vec<u8>>,
    /// Commits that were not written yet.
    queued: VecDeque<(CommitId, Vec<Write>)>,
    /// Whether commits succeed; after one that failed all do, until [`Effect::Recover`].
    works: bool,
    stopped: bool,
    /// Whether commits are acknowledged at once.
    prompt: bool,
    sent: Vec<(LinkId, Mailbox)>,
    closed: Vec<LinkId>,
    starts: u8,
    limits: Limits,
}

impl World {
    fn new(limits: Limits) -> Self {
        let now = Now { mono: Mono(1_000_000), wall: UnixMs(1_767_225_600_000) };
        let server = Server::new(Config { node: NODE, limits: limits.clone(), seed: [0; 32] }, now, &[], &[]);
        let mut world = Self {
            server,
            now,
            disk: BTreeMap::new(),
            queued: VecDeque::new(),
            works: true,
            stopped: false,
            prompt: true,
            sent: Vec::new(),
            closed: Vec::new(),
            starts: 0,
            limits,
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        for (link, key) in [(ANNA, 1), (BORIS, 2)] {
            let ip = [198, 51, 100, key].into();
            self.input(Input::LinkUp { link, peer: PeerKey([key; 32]), ip, sponsor: None });
        }
    }

    /// The power goes; the first `written` of the commits under way made it to the disk.
    fn crash(&mut self, written: usize) {
        for (_, writes) in self.queued.drain(..).take(written).collect::<Vec<_>>() {
            self.write(&writes);
        }
        self.queued.clear();
        self.stopped = false;
        self.starts += 1;
        let rows = |table| self.disk.iter().filter(|(key, _)| key.table == table).map(|(_, row)| row.clone()).collect::<Vec<_>>();
        let config = Config { node: NODE, limits: self.limits.clone(), seed: [self.starts; 32] };
        self.server = Server::new(config, self.now, &rows(Table::Queue), &rows(Table::Slip));
        self.connect();
    }

    fn write(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Put(key, value) => drop(self.disk.insert(key.clone(), value.clone())),
                Write::Delete(key) => drop(self.disk.remove(key)),
                Write::DeleteScope { table, scope } => self.disk.retain(|key, _| key.table != *table || key.scope != *scope),
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.server.handle(self.now, input);
        self.run();
    }

    fn run(&mut self) {
        loop {
            while let Some(effect) = self.server.poll() {
                match effect {
                    Effect::Commit { commit, writes } => self.queued.push_back((commit, writes)),
                    Effect::Recover => self.stopped = !self.works,
                    Effect::Read { read, keys } => {
                        let frame = |key| self.disk.get(key).map_or(Frame::Lost, |frame| Frame::Whole(frame.clone()));
                        let frames = keys.iter().map(frame).collect();
                        self.server.handle(self.now, Input::Found { read, frames });
                    }
                    Effect::Send { link, frame } => {
                        let frame: MailboxFrame = codec::decode(&frame, crate::link::Proto::Mailbox.max_frame()).unwrap();
                        self.sent.push((link, frame.m.unwrap()));
                    }
                    Effect::Close(link) => self.closed.push(link),
                }
            }
            if !self.prompt || !self.acknowledge() {
                return;
            }
        }
    }

    /// Deals with the commit that waits longest.
    fn acknowledge(&mut self) -> bool {
        let Some((commit, writes)) = self.queued.pop_front() else { return false };
        let durable = self.works && !self.stopped;
        if durable {
            self.write(&writes);
        } else {
            self.stopped = true;
        }
        self.server.handle(self.now, Input::Committed { commit, durable });
        true
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.mono.after(time);
        while self.now.mono < end {
            let next = self.server.next_timeout().min(end).max(Mono(self.now.mono.0 + 1));
            self.now.wall = self.now.wall.after(next.since(self.now.mono));
            self.now.mono = next;
            self.input(Input::Tick);
        }
    }

    fn say(&mut self, link: LinkId, message: Mailbox) {
        self.input(Input::Frame { link, frame: codec::encode(&MailboxFrame { m: Some(message) }) });
    }

    /// What was said over a link since the last look.
    fn heard(&mut self, link: LinkId) -> Vec<Mailbox> {
        let (heard, rest) = std::mem::take(&mut self.sent).into_iter().partition(|(to, _)| *to == link);
        self.sent = rest;
        heard.into_iter().map(|(_, message): (LinkId, Mailbox)| message).collect()
    }

    fn make_as(&mut self, link: LinkId, make: Make) -> Mailbox {
        self.say(link, Mailbox::Make(make));
        self.heard(link).pop().expect("everything is answered")
    }

    /// A queue of Anna's; its two names.
    fn queue(&mut self, key: u8) -> (QueueName, QueueName) {
        match self.make_as(ANNA, order(key, self.limits.make_work)) {
            Mailbox::Made(made) => (QueueName::from_slice(&made.read).unwrap(), QueueName::from_slice(&made.write).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn put(&mut self, key: u8, queue: &QueueName, frame: Vec<u8>) {
        self.say(BORIS, Mailbox::Put(deposit(key, queue, frame)));
    }

    fn open(&mut self, key: u8, queue: &QueueName) {
        self.say(ANNA, Mailbox::Open(opening(ANNA, key, queue)));
    }

    /// Numbers and first bytes of the frames that Anna was given since the last look.
    fn held(&mut self) -> Vec<(u64, u8)> {
        let held = |message| if let Mailbox::Held(held) = message { Some((held.n, held.frame[0])) } else { None };
        self.heard(ANNA).into_iter().filter_map(held).collect()
    }
}

fn order(key: u8, bits: u32) -> Make {
    let owner = OwnerSecret::from_seed([key; 32]).public();
    let pow = proof::make_work(&NODE, &owner).solve(bits, 0, 1 << 20).unwrap();
    Make { ask: 1, owner: owner.to_vec(), write_key: vec![key; 32], pow, door_bits: 0 }
}

fn deposit(key: u8, queue: &QueueName, frame: Vec<u8>) -> Put {
    let ends = Ends { client: PeerKey([2; 32]), node: NODE };
    Put { ask: 2, queue: queue.to_vec(), mac: proof::put_mac(&[key; 32], &ends, queue, &frame).to_vec(), pow: 0, frame }
}

fn opening(link: LinkId, key: u8, queue: &QueueName) -> Open {
    let ends = Ends { client: PeerKey([u8::try_from(link.0).unwrap(); 32]), node: NODE };
    Open { ask: 3, queue: queue.to_vec(), sig: OwnerSecret::from_seed([key; 32]).sign_open(&ends, queue).to_vec() }
}

fn small(first: u8) -> Vec<u8> {
    let mut frame = vec![0; MAIL_SMALL];
    frame[0] = first;
    frame
}

fn limits() -> Limits {
    Limits { make_work: 4, ..Limits::for_operator() }
}

fn refusal(message: Option<&Mailbox>) -> Option<(u32, u32)> {
    if let Some(Mailbox::No(no)) = message { Some((no.why, no.amount)) } else { None }
}

#[test]
fn a_frame_is_called_held_only_once_it_is_on_the_disk() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    world.prompt = false;
    world.open(1, &read);
    world.put(1, &write, small(7));
    assert!(world.heard(BORIS).is_empty(), "nothing is promised before the disk has it");
    assert!(world.held().is_empty(), "nothing is handed out before the disk has it");
    world.acknowledge();
    world.run();
    assert_eq!(world.heard(BORIS), [Mailbox::Settled(crate::wire::mailbox::Settled { ask: 2 })]);
    assert_eq!(world.held(), [(1, 7)]);
}

#[test]
fn what_waits_comes_in_order_a_window_at_a_time_and_is_gone_once_taken() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    for n in 0..40 {
        world.put(1, &write, small(n));
    }
    world.open(1, &read);
    let mut got = Vec::new();
    loop {
        let held = world.held();
        let Some((last, _)) = held.last().copied() else { break };
        assert!(held.len() <= MAIL_WINDOW);
        got.extend(held.into_iter().map(|(_, first)| first));
        world.say(ANNA, Mailbox::Taken(Taken { queue: read.to_vec(), up_to: last }));
    }
    assert_eq!(got, (0..40).collect::<Vec<u8>>());
    assert_eq!(world.server.stats().bytes, 0);
    assert!(world.disk.keys().all(|key| key.table == Table::Queue), "the disk is empty again");
    // Numbers go on, also after a restart.
    world.crash(0);
    world.put(1, &write, small(99));
    world.open(1, &read);
    assert_eq!(world.held(), [(41, 99)]);
}

#[test]
fn asking_again_and_again_does_not_bring_everything_each_time() {
    let mut world = World::new(Limits { puts: Rate { burst: 64, ..limits().puts }, ..limits() });
    let (read, write) = world.queue(1);
    for n in 0..u8::try_from(MAIL_WINDOW).unwrap() {
        let mut frame = vec![0; MAIL_LARGE];
        frame[0] = n;
        world.put(1, &write, frame);
    }
    let (mut given, mut refused) = (0, 0);
    for _ in 0..200 {
        world.open(1, &read);
        for message in world.heard(ANNA) {
            match message {
                Mailbox::Held(held) => given += held.frame.len(),
                Mailbox::No(no) => {
                    assert_eq!(no.why, 6, "too fast");
                    refused += 1;
                }
                _ => {}
            }
        }
    }
    let window = MAIL_WINDOW * MAIL_LARGE;
    assert!(refused > 190 && given <= window + (1 << 20), "{given} bytes for 200 questions, {refused} of them refused");
    // Time brings it back, and nothing is lost.
    world.pass(Duration::from_secs(20));
    world.open(1, &read);
    assert_eq!(world.held().len(), MAIL_WINDOW);
}

#[test]
fn what_was_not_sent_cannot_be_taken() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    world.open(1, &read);
    world.prompt = false;
    world.put(1, &write, small(7));
    world.say(ANNA, Mailbox::Taken(Taken { queue: read.to_vec(), up_to: u64::MAX }));
    world.prompt = true;
    world.run();
    assert_eq!(world.held(), [(1, 7)], "a frame that its writer believes held goes out");
}

#[test]
fn only_the_owner_reads_and_only_holders_of_the_key_write() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    world.say(BORIS, Mailbox::Put(deposit(2, &write, small(1))));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((3, 0)));
    world.say(ANNA, Mailbox::Put(deposit(1, &write, small(1))));
    assert_eq!(refusal(world.heard(ANNA).first()), Some((3, 0)), "a proof of another connection");
    world.say(BORIS, Mailbox::Open(opening(ANNA, 1, &read)));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((3, 0)), "a signature of another connection");
    world.say(BORIS, Mailbox::Open(opening(BORIS, 2, &read)));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((3, 0)));
    world.say(BORIS, Mailbox::Open(opening(BORIS, 1, &write)));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((2, 0)), "the name for writers does not open");
    world.say(BORIS, Mailbox::End(End { ask: 4, queue: read.to_vec() }));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((2, 0)), "ending needs an open queue");
    world.put(1, &write, vec![0; MAIL_SMALL + 1]);
    assert_eq!(refusal(world.heard(BORIS).first()), Some((1, 0)), "frames have two sizes");
    assert_eq!(world.server.stats().put, 0);
}

#[test]
fn a_door_takes_work_instead_of_a_key() {
    let mut world = World::new(limits());
    let mut make = order(1, world.limits.make_work);
    (make.write_key, make.door_bits) = (vec![], 8);
    let Mailbox::Made(made) = world.make_as(ANNA, make.clone()) else { panic!("a door is made") };
    let write = QueueName::from_slice(&made.write).unwrap();
    let challenge = proof::knock_work(&write, &small(5));
    let wrong = (0..).find(|nonce| !challenge.check(8, *nonce)).unwrap();
    let put = |pow| Mailbox::Put(Put { ask: 2, queue: write.to_vec(), mac: vec![], pow, frame: small(5) });
    world.say(BORIS, put(wrong));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((7, 8)));
    world.say(BORIS, put(challenge.solve(8, 0, 1 << 16).unwrap()));
    assert!(matches!(world.heard(BORIS).as_slice(), [Mailbox::Settled(_)]));
    make.door_bits = pow::MAX_BITS + 1;
    assert_eq!(refusal(Some(&world.make_as(ANNA, make))), Some((1, 0)));
}

#[test]
fn queues_cost_work_for_strangers_and_nothing_but_their_share_for_friends() {
    let mut world = World::new(Limits { queues_per_sponsor: 2, ..limits() });
    let challenge = proof::make_work(&NODE, &OwnerSecret::from_seed([1; 32]).public());
    let pow = (0..).find(|nonce| !challenge.check(4, *nonce)).unwrap();
    assert_eq!(refusal(Some(&world.make_as(ANNA, Make { pow, ..order(1, 4) }))), Some((7, 4)));

    let friend = LinkId(3);
    let up = Input::LinkUp { link: friend, peer: PeerKey([3; 32]), ip: [10, 0, 0, 1].into(), sponsor: Some(AccountId([5; 32])) };
    world.input(up.clone());
    let made = |world: &mut World, key| matches!(world.make_as(friend, Make { pow, ..order(key, 0) }), Mailbox::Made(_));
    assert!(made(&mut world, 1) && made(&mut world, 2));
    assert!(!made(&mut world, 3), "two are a friend's share");
    world.crash(0);
    world.input(up);
    assert!(!made(&mut world, 4), "and that is remembered");
}

#[test]
fn a_full_queue_and_a_full_node_refuse_and_go_on() {
    let frame = MAIL_SMALL as u64;
    let mut world = World::new(Limits { queue_frames: 3, total_bytes: 5 * frame, make_until_percent: 60, ..limits() });
    let (read, write) = world.queue(1);
    let (_, other) = world.queue(2);
    for n in 0..4 {
        world.put(1, &write, small(n));
    }
    assert_eq!(refusal(world.heard(BORIS).last()), Some((4, 0)), "three fit the queue");
    assert_eq!(refusal(Some(&world.make_as(ANNA, order(3, 4)))), Some((5, 0)), "60 % are reached");
    for n in 0..3 {
        world.put(2, &other, small(n));
    }
    assert_eq!(refusal(world.heard(BORIS).last()), Some((5, 0)), "five fit the node");
    world.open(1, &read);
    world.say(ANNA, Mailbox::Taken(Taken { queue: read.to_vec(), up_to: 3 }));
    world.heard(ANNA);
    world.put(2, &other, small(9));
    assert!(matches!(world.heard(BORIS).as_slice(), [Mailbox::Settled(_)]), "what was taken makes room");
    assert!(matches!(world.make_as(ANNA, order(3, 4)), Mailbox::No(_)), "three of five frames are 60 %");
}

#[test]
fn writers_are_told_how_long_to_wait() {
    let puts = Rate { burst: 2, each: Duration::from_secs(10) };
    let mut world = World::new(Limits { puts, ..limits() });
    let (_, write) = world.queue(1);
    for n in 0..3 {
        world.put(1, &write, small(n));
    }
    assert_eq!(refusal(world.heard(BORIS).last()), Some((6, 10)));
    world.pass(Duration::from_secs(10));
    world.put(1, &write, small(3));
    assert!(matches!(world.heard(BORIS).as_slice(), [Mailbox::Settled(_)]));

    let kib = Rate { burst: 40, each: Duration::from_secs(1) };
    let mut world = World::new(Limits { kib, ..limits() });
    let (_, write) = world.queue(1);
    for _ in 0..2 {
        world.put(1, &write, vec![0; MAIL_LARGE]);
    }
    world.put(1, &write, small(0));
    world.put(1, &write, small(0));
    assert_eq!(refusal(world.heard(BORIS).last()), Some((6, 4)), "40 KiB are one source's share, whatever the queue");
}

#[test]
fn old_frames_and_unused_queues_are_dropped() {
    let mut world = World::new(limits());
    let (_, write) = world.queue(1);
    world.put(1, &write, small(1));
    world.pass(Duration::from_secs(20 * 24 * 3600));
    world.put(1, &write, small(2));
    assert_eq!(world.server.stats().bytes, 2 * MAIL_SMALL as u64);
    world.pass(Duration::from_secs(2 * 24 * 3600));
    assert_eq!((world.server.stats().bytes, world.server.stats().expired), (MAIL_SMALL as u64, 1));
    world.heard(BORIS);
    world.pass(Duration::from_secs(9 * 24 * 3600));
    assert_eq!(world.server.stats().queues, 0, "nobody read for 30 days");
    world.put(1, &write, small(3));
    assert_eq!(refusal(world.heard(BORIS).first()), Some((2, 0)));
    assert!(world.disk.is_empty());
}

#[test]
fn a_queue_that_is_read_lives_on() {
    let mut world = World::new(limits());
    let (read, _) = world.queue(1);
    for _ in 0..4 {
        world.pass(Duration::from_secs(20 * 24 * 3600));
        world.open(1, &read);
        world.crash(0);
    }
    assert_eq!(world.server.stats().queues, 1);
}

#[test]
fn the_newest_reader_reads() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    world.open(1, &read);
    let again = LinkId(7);
    world.input(Input::LinkUp { link: again, peer: PeerKey([7; 32]), ip: [198, 51, 100, 1].into(), sponsor: None });
    world.say(again, Mailbox::Open(opening(again, 1, &read)));
    world.input(Input::LinkDown(ANNA));
    world.put(1, &write, small(5));
    assert!(matches!(world.heard(again).as_slice(), [Mailbox::Opened(_), Mailbox::Held(_)]));
}

#[test]
fn ending_a_queue_is_confirmed_once_it_is_gone_from_the_disk() {
    let mut world = World::new(limits());
    let (read, write) = world.queue(1);
    world.put(1, &write, small(1));
    world.open(1, &read);
    world.heard(ANNA);
    world.prompt = false;
    world.say(ANNA, Mailbox::End(End { ask: 9, queue: read.to_vec() }));
    assert!(world.heard(ANNA).is_empty());
    world.acknowledge();
    world.run();
    assert!(matches!(world.heard(ANNA).as_slice(), [Mailbox::Settled(settled)] if settled.ask == 9));
    assert!(world.disk.is_empty());
    assert_eq!(world.server.stats().bytes, 0);
}

#[test]
fn whoever_breaks_the_protocol_is_cut_off() {
    let mut world = World::new(limits());
    world.input(Input::Frame { link: ANNA, frame: vec![0xff; 40] });
    world.say(BORIS, Mailbox::Settled(crate::wire::mailbox::Settled { ask: 1 }));
    assert_eq!(world.closed, [ANNA, BORIS]);
    // What a newer version may say is no offence.
    world.connect();
    world.input(Input::Frame { link: ANNA, frame: codec::encode(&MailboxFrame { m: None }) });
    assert_eq!(world.closed.len(), 2);
}
