//! Random histories of a node, compared with what its clients were told: nothing that was called held is lost, order is kept, quotas hold.

use super::*;

/// No limit on speed.
const FAST: Rate = Rate { burst: u32::MAX, each: Duration::ZERO };

/// A small generator (xorshift64*): the histories are the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len.max(1) as u64)).unwrap()
    }
}

/// What the clients of one queue know.
struct Known {
    key: u8,
    write: QueueName,
    /// Frames that were called held and that nobody took, in the order in which they were put.
    held: Vec<u32>,
    /// The last frame that was given to the reader since it opened, and its number.
    given: Option<(u32, u64)>,
}

struct Play {
    world: World,
    dice: Dice,
    queues: BTreeMap<QueueName, Known>,
    /// By the number of the question, which is that of the frame.
    asked: BTreeMap<u32, QueueName>,
    frames: u32,
}

impl Play {
    fn step(&mut self) {
        match self.dice.below(40) {
            0..=14 => self.put(),
            15..=20 => self.open(),
            21..=26 => self.take(),
            27..=33 => {
                for _ in 0..self.dice.below(4) {
                    self.world.acknowledge();
                }
                self.world.run();
            }
            34 => self.world.works = false,
            35 | 39 => self.world.works = true,
            36 => self.crash(),
            37 => self.world.pass(Duration::from_secs(7)),
            38 if self.queues.len() < 4 => self.make(),
            _ => {}
        }
        self.listen();
        let (stats, limits) = (self.world.server.stats(), &self.world.limits);
        assert!(stats.bytes <= limits.total_bytes, "the node keeps to its size");
        for read in self.queues.keys() {
            let kept = self.world.disk.keys().filter(|key| key.table == Table::Slip && key.scope == read.to_vec()).count();
            assert!(kept <= limits.queue_frames, "a queue keeps to its size");
        }
    }

    fn make(&mut self) {
        let key = u8::try_from(self.queues.len()).unwrap() + 1;
        self.world.prompt = true;
        self.world.run();
        self.listen();
        if let Mailbox::Made(made) = self.world.make_as(ANNA, order(key, 4)) {
            let write = QueueName::from_slice(&made.write).unwrap();
            self.queues.insert(QueueName::from_slice(&made.read).unwrap(), Known { key, write, held: Vec::new(), given: None });
        }
        self.world.prompt = false;
    }

    fn some_queue(&mut self) -> Option<QueueName> {
        let at = self.dice.index(self.queues.len());
        self.queues.keys().nth(at).copied()
    }

    fn put(&mut self) {
        let Some(read) = self.some_queue() else { return };
        let known = &self.queues[&read];
        self.frames += 1;
        let mut frame = vec![0; MAIL_SMALL];
        frame[..4].copy_from_slice(&self.frames.to_be_bytes());
        let put = Put { ask: self.frames, ..deposit(known.key, &known.write, frame) };
        self.asked.insert(self.frames, read);
        self.world.say(BORIS, Mailbox::Put(put));
    }

    fn open(&mut self) {
        let Some(read) = self.some_queue() else { return };
        let known = self.queues.get_mut(&read).unwrap();
        known.given = None;
        let key = known.key;
        self.world.open(key, &read);
    }

    fn take(&mut self) {
        let Some(read) = self.some_queue() else { return };
        let known = self.queues.get_mut(&read).unwrap();
        if let Some((frame, up_to)) = known.given {
            known.held.retain(|held| *held > frame);
            self.world.say(ANNA, Mailbox::Taken(Taken { queue: read.to_vec(), up_to }));
        }
    }

    fn crash(&mut self) {
        let written = self.dice.index(self.world.queued.len() + 1);
        self.world.crash(written);
        self.asked.clear();
        self.queues.values_mut().for_each(|known| known.given = None);
    }

    fn listen(&mut self) {
        for message in self.world.heard(BORIS) {
            match message {
                Mailbox::Settled(settled) => {
                    let read = self.asked.remove(&settled.ask).expect("answered once");
                    let known = self.queues.get_mut(&read).unwrap();
                    assert!(known.held.last().is_none_or(|last| *last < settled.ask), "answered in order");
                    known.held.push(settled.ask);
                }
                Mailbox::No(no) => drop(self.asked.remove(&no.ask).expect("answered once")),
                other => panic!("{other:?}"),
            }
        }
        for message in self.world.heard(ANNA) {
            let Mailbox::Held(held) = message else { continue };
            let frame = u32::from_be_bytes(held.frame[..4].try_into().unwrap());
            let known = self.queues.get_mut(&QueueName::from_slice(&held.queue).unwrap()).unwrap();
            if let Some((before, n)) = known.given {
                assert!(frame > before && held.n > n, "in the order in which they were put");
                let skipped = known.held.iter().find(|held| **held > before && **held < frame);
                assert_eq!(skipped, None, "nothing is left out");
            }
            known.given = Some((frame, held.n));
        }
    }

    /// The disk is mended, everybody reads everything.
    fn finish(mut self) {
        self.world.works = true;
        self.world.prompt = true;
        self.world.run();
        self.world.pass(Duration::from_secs(20));
        self.listen();
        assert!(self.asked.is_empty(), "every question was answered");
        for (read, known) in std::mem::take(&mut self.queues) {
            self.world.open(known.key, &read);
            let mut got: Vec<u32> = Vec::new();
            loop {
                let mut last = None;
                for message in self.world.heard(ANNA) {
                    if let Mailbox::Held(held) = message
                        && held.queue == read.to_vec()
                    {
                        got.push(u32::from_be_bytes(held.frame[..4].try_into().unwrap()));
                        last = Some(held.n);
                    }
                }
                let Some(up_to) = last else { break };
                self.world.say(ANNA, Mailbox::Taken(Taken { queue: read.to_vec(), up_to }));
            }
            assert!(got.is_sorted_by(|a, b| a < b), "in order and none twice: {got:?}");
            let lost: Vec<&u32> = known.held.iter().filter(|frame| !got.contains(frame)).collect();
            assert!(lost.is_empty(), "called held and lost: {lost:?}");
        }
        assert_eq!(self.world.server.stats().bytes, 0);
        assert!(self.world.disk.keys().all(|key| key.table != Table::Mail), "nothing is left behind");
    }
}

#[test]
fn nothing_that_was_called_held_is_lost() {
    let mut kept = 0;
    for seed in 1..=300 {
        let limits = Limits { queue_frames: 20, total_bytes: 50 * MAIL_SMALL as u64, puts: FAST, kib: FAST, ..limits() };
        let mut world = World::new(limits);
        world.prompt = false;
        let mut play = Play { world, dice: Dice(seed), queues: BTreeMap::new(), asked: BTreeMap::new(), frames: 0 };
        play.make();
        for _ in 0..300 {
            play.step();
        }
        kept += play.queues.values().map(|known| known.held.len()).sum::<usize>();
        play.finish();
    }
    assert!(kept > 1_000, "the histories put something at stake: {kept}");
}
