//! Two cores that are contacts, and bytes that decide what happens to them: which frames arrive, twice, late, damaged or not at all,
//! what the two people do, when their disks and clocks misbehave, and what strangers and the directory throw in.
//!
//! Nothing has to come of it; nothing may panic, and a core that was left alone afterwards still answers its person.

use std::collections::{BTreeMap, VecDeque};

use veche_protocol::core::command::{Command, ProfilePatch, Reply, Target};
use veche_protocol::core::effect::Effect;
use veche_protocol::core::input::{Boot, Input};
use veche_protocol::core::{Config, Core};
use veche_protocol::crypto::ratchet::RatchetKind;
use veche_protocol::identity::login::TagCost;
use veche_protocol::ids::{AccountId, CmdId, CommitId, EntryId, LinkId, PeerKey, QueryId, SpaceId};
use veche_protocol::link::{Addr, DirectoryEnd, Hint, LinkInfo, Nat, Proto, Side, Transport};
use veche_protocol::store::{Dir, Found, Key, Read, Row, Write};
use veche_protocol::time::{Mono, Now, UnixMs};
use veche_protocol::view::Status;

/// Steps taken from one input: enough for a conversation, few enough for many runs a second.
const STEPS: usize = 256;
/// Frames under way; the oldest are lost beyond.
const UNDER_WAY: usize = 64;
/// Wall clock at the start, unix ms.
const START: u64 = 1_800_000_000_000;

type Table = BTreeMap<(u8, Vec<u8>, Vec<u8>), Vec<u8>>;

struct Person {
    core: Core,
    disk: Table,
    /// Commits that the disk holds back.
    held: VecDeque<(CommitId, Vec<Write>)>,
    holding: bool,
    account: Option<AccountId>,
    chat: Option<SpaceId>,
    message: Option<EntryId>,
    peer: Option<PeerKey>,
    links: Vec<LinkId>,
    answered: Option<CmdId>,
    link_text: String,
}

struct Pair {
    sides: [Person; 2],
    mono: u64,
    wall: i64,
    frames: VecDeque<(usize, LinkId, Proto, Vec<u8>)>,
    wires: BTreeMap<(usize, LinkId), (usize, LinkId)>,
    links: u64,
    cmds: u64,
}

impl Pair {
    fn new() -> Self {
        let cfg = Config { ratchet: RatchetKind::Double, tag_cost: TagCost::SIMULATED, pow_bits: 0, lan_only: false, claim_bits: 0 };
        let side = |n: u8| Person {
            core: Core::new(cfg, [n; 32]),
            disk: Table::new(),
            held: VecDeque::new(),
            holding: false,
            account: None,
            chat: None,
            message: None,
            peer: None,
            links: Vec::new(),
            answered: None,
            link_text: String::new(),
        };
        let mut pair =
            Self { sides: [side(1), side(2)], mono: 0, wall: 0, frames: VecDeque::new(), wires: BTreeMap::new(), links: 0, cmds: 0 };
        for (n, login) in [(0, "alice"), (1, "bob")] {
            pair.give(n, Input::Boot(Boot::default()));
            let entropy = [u8::try_from(n).unwrap_or(0).wrapping_add(1); 16];
            pair.command(n, Command::CreateAccount { login: login.into(), name: login.into(), entropy });
            pair.give(n, Input::Listening(vec![addr(n)]));
            pair.command(n, Command::ContactLink);
        }
        let link = pair.sides[1].link_text.clone();
        pair.command(0, Command::RequestContact { target: Target::Link(link), text: "hello".into() });
        pair.connect();
        pair.deliver_all();
        if let Some(alice) = pair.sides[0].account {
            pair.command(1, Command::AcceptRequest(alice));
        }
        pair.deliver_all();
        for (n, other) in [(0, 1), (1, 0)] {
            if let Some(other) = pair.sides[other].account {
                pair.command(n, Command::OpenChat(other));
            }
        }
        pair
    }

    fn now(&self) -> Now {
        let wall = i64::try_from(START).unwrap_or(0) + i64::try_from(self.mono).unwrap_or(0) + self.wall;
        Now { mono: Mono(self.mono), wall: UnixMs(u64::try_from(wall).unwrap_or(0)) }
    }

    fn give(&mut self, n: usize, input: Input) {
        let now = self.now();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.sides[n].core.handle(now, input);
            while let Some(effect) = self.sides[n].core.poll() {
                inputs.extend(self.execute(n, effect));
            }
        }
    }

    fn execute(&mut self, n: usize, effect: Effect) -> Option<Input> {
        let side = &mut self.sides[n];
        match effect {
            Effect::Commit { id, writes } => {
                side.held.push_back((id, writes.to_vec()));
                if side.holding { None } else { self.flush(n) }
            }
            Effect::Read { id, read } => Some(Input::Found(id, Ok(found(&side.disk, &read)))),
            Effect::Offload { id, job } => Some(Input::JobDone(id, job.run())),
            Effect::StartNet { transport_seed } => {
                let key = veche_protocol::crypto::sign::SigningKey::from_bytes(&transport_seed);
                side.peer = Some(PeerKey(key.verifying_key().to_bytes()));
                None
            }
            Effect::Send { link, proto, frame, receipt } => {
                if let Some((to, end)) = self.wires.get(&(n, link)) {
                    self.frames.push_back((*to, *end, proto, frame));
                    if self.frames.len() > UNDER_WAY {
                        self.frames.pop_front();
                    }
                }
                receipt.map(|receipt| Input::Sent(link, receipt))
            }
            Effect::Close(link) => {
                self.end(n, link);
                None
            }
            Effect::DirectoryGet { id, .. } | Effect::DirectoryPut { id, .. } => Some(Input::DirectoryDone(id, DirectoryEnd::Nobody)),
            Effect::Reply(cmd, reply) => {
                side.answered = Some(cmd);
                match reply {
                    Ok(Reply::Account(account)) => side.account = Some(account),
                    Ok(Reply::Link(link)) => side.link_text = link,
                    Ok(Reply::Chat(chat)) => side.chat = Some(chat),
                    Ok(Reply::Message(message)) => side.message = Some(message),
                    _ => {}
                }
                None
            }
            Effect::ResumeCommits | Effect::Dial { .. } | Effect::Operators(_) | Effect::Friends(_) | Effect::Notify(_) | Effect::Wipe => {
                None
            }
        }
    }

    /// The disk takes the oldest commit.
    fn flush(&mut self, n: usize) -> Option<Input> {
        let (id, writes) = self.sides[n].held.pop_front()?;
        let disk = &mut self.sides[n].disk;
        for write in writes {
            match write {
                Write::Put(key, value) => drop(disk.insert(place(key), value)),
                Write::Delete(key) => drop(disk.remove(&place(key))),
                Write::DeleteScope { table, scope } => disk.retain(|(t, s, _), _| *t != table as u8 || *s != scope),
            }
        }
        Some(Input::Committed(id))
    }

    fn command(&mut self, n: usize, command: Command) -> CmdId {
        self.cmds += 1;
        let cmd = CmdId(self.cmds);
        self.give(n, Input::Command(cmd, command));
        cmd
    }

    fn connect(&mut self) {
        let (a, b) = (LinkId(self.links + 1), LinkId(self.links + 2));
        self.links += 2;
        let (Some(of_a), Some(of_b)) = (self.sides[0].peer, self.sides[1].peer) else { return };
        self.wires.insert((0, a), (1, b));
        self.wires.insert((1, b), (0, a));
        for (n, link, peer, side) in [(0, a, of_b, Side::Dialler), (1, b, of_a, Side::Listener)] {
            self.sides[n].links.push(link);
            let addr = addr(1 - n);
            self.give(n, Input::LinkUp(link, LinkInfo { peer, side, addr, route: addr.route() }));
        }
    }

    fn end(&mut self, n: usize, link: LinkId) {
        if let Some((other, end)) = self.wires.remove(&(n, link)) {
            self.wires.remove(&(other, end));
            for (n, link) in [(n, link), (other, end)] {
                self.sides[n].links.retain(|l| *l != link);
                let now = self.now();
                // What follows is polled with the next input: an end may come in the midst of effects.
                self.sides[n].core.handle(now, Input::LinkDown(link));
            }
        }
    }

    fn deliver(&mut self) {
        if let Some((to, link, proto, frame)) = self.frames.pop_front() {
            self.give(to, Input::Frame(link, proto, frame));
        }
    }

    fn deliver_all(&mut self) {
        for _ in 0..4 * UNDER_WAY {
            if self.frames.is_empty() {
                break;
            }
            self.deliver();
        }
    }

    /// What a person does.
    fn wish(&mut self, n: usize, what: u8) {
        let side = &self.sides[n];
        let (Some(chat), Some(other)) = (side.chat, self.sides[1 - n].account) else { return };
        let message = side.message.unwrap_or(EntryId([what; 32]));
        let command = match what % 16 {
            0..=3 => Command::Send { chat, text: format!("text {what}"), reply_to: side.message.filter(|_| what.is_multiple_of(2)) },
            4 => Command::Edit { chat, message, text: "changed".into() },
            5 => Command::Delete { chat, message },
            6 => Command::React { chat, message, emoji: "👍".into(), on: what < 128 },
            7 => Command::Typing(chat),
            8 => Command::Block(other),
            9 => Command::Unblock(other),
            10 => Command::RequestContact { target: Target::Account(other), text: String::new() },
            11 => Command::AcceptRequest(other),
            12 => Command::UpdateProfile(ProfilePatch {
                name: Some(format!("name {what}")),
                status: Some(Status::Dnd),
                ..ProfilePatch::default()
            }),
            13 => Command::Lookup { login: "carol".into(), tag: None },
            14 => Command::Diagnose(other),
            _ => Command::Draft(chat, "unsent".into()),
        };
        self.command(n, command);
    }

    fn disk(&mut self, n: usize, how: u8) {
        match how % 4 {
            0 => self.sides[n].holding = true,
            1 => {
                if let Some(input) = self.flush(n) {
                    self.give(n, input);
                }
            }
            2 => {
                if let Some((id, _)) = self.sides[n].held.front() {
                    let failed = Input::CommitFailed(*id, "the disk is full".into());
                    // The failed one and all after it come again.
                    self.sides[n].held.clear();
                    self.give(n, failed);
                }
            }
            _ => self.heal(n),
        }
    }

    fn heal(&mut self, n: usize) {
        self.sides[n].holding = false;
        while let Some(input) = self.flush(n) {
            self.give(n, input);
        }
    }

    fn pass(&mut self, ms: u64) {
        self.mono = self.mono.saturating_add(ms).min(1 << 40);
        for n in 0..2 {
            self.give(n, Input::Tick);
        }
    }
}

fn addr(n: usize) -> Addr {
    let last = u8::try_from(n).unwrap_or(0).wrapping_add(1);
    Addr::direct(([192, 168, 1, last], 4433).into(), Transport::Quic)
}

fn place(key: Key) -> (u8, Vec<u8>, Vec<u8>) {
    (key.table as u8, key.scope, key.order)
}

fn found(disk: &Table, read: &Read) -> Found {
    match read {
        Read::Get(keys) => Found::Values(keys.iter().map(|key| disk.get(&place(key.clone())).cloned()).collect()),
        Read::Range { table, scope, from, to, dir, max_rows, .. } => {
            let inside = |order: &Vec<u8>| order >= from && to.as_ref().is_none_or(|to| order < to);
            let rows = disk.iter().filter(|((t, s, o), _)| *t == *table as u8 && s == scope && inside(o));
            let mut rows: Vec<Row> = rows.map(|((_, _, order), value)| Row { order: order.clone(), value: value.clone() }).collect();
            if *dir == Dir::Backward {
                rows.reverse();
            }
            rows.truncate(*max_rows);
            Found::Rows(rows)
        }
    }
}

/// Takes the steps that bytes name. Panics if a core does.
pub fn take(bytes: &[u8]) -> bool {
    let mut pair = Pair::new();
    assert!(pair.sides.iter().all(|side| side.chat.is_some()), "the two begin as contacts");
    let mut rest = bytes;
    let mut next = || {
        let (first, after) = rest.split_first()?;
        rest = after;
        Some(*first)
    };
    for _ in 0..STEPS {
        let Some((op, arg)) = next().and_then(|op| Some((op, next()?))) else { break };
        let n = usize::from(arg & 1);
        match op % 20 {
            0..=4 => (0..=arg % 8).for_each(|_| pair.deliver()),
            5 => drop(pair.frames.pop_front()),
            6 => {
                if let Some(frame) = pair.frames.front().cloned() {
                    pair.frames.push_back(frame);
                }
            }
            7 => {
                if let Some((_, _, _, frame)) = pair.frames.front_mut()
                    && let Some(at) = usize::from(arg).checked_rem(frame.len())
                {
                    frame[at] ^= 1 << (op % 8);
                }
            }
            8 => {
                if let Some((_, _, _, frame)) = pair.frames.front_mut() {
                    frame.truncate(usize::from(arg));
                }
            }
            9 => pair.frames.rotate_left(usize::from(arg).checked_rem(pair.frames.len()).unwrap_or(0)),
            10 => {
                let raw: Vec<u8> = (0..arg).map_while(|_| next()).collect();
                if let Some(link) = pair.sides[n].links.last().copied() {
                    let proto = Proto::ALL[usize::from(op / 20) % Proto::ALL.len()];
                    pair.give(n, Input::Frame(link, proto, raw));
                }
            }
            11 => {
                if let Some(link) = pair.sides[n].links.last().copied() {
                    pair.end(n, link);
                    pair.give(n, Input::Tick);
                    pair.give(1 - n, Input::Tick);
                }
            }
            12 => pair.connect(),
            13 => pair.pass(1_u64 << (arg % 32)),
            14 | 15 => pair.wish(n, arg >> 1),
            16 => pair.disk(n, arg >> 1),
            17 => {
                pair.wall = i64::from(arg.cast_signed()) * 300_000;
                pair.give(n, Input::Tick);
            }
            18 => {
                let raw: Vec<u8> = (0..arg).map_while(|_| next()).collect();
                pair.give(n, Input::DirectoryFound(QueryId(u64::from(arg % 8)), raw));
                pair.give(n, Input::DirectoryDone(QueryId(u64::from(arg % 8)), DirectoryEnd::Nodes(1)));
            }
            _ => {
                let stranger = PeerKey([arg; 32]);
                let input = match arg % 5 {
                    0 => Input::Nearby { peer: stranger, addrs: vec![addr(n)] },
                    1 => Input::NearbyGone(stranger),
                    2 => Input::NetworkChanged,
                    3 => Input::Outside { addrs: vec![addr(n)], nat: Nat::Mapped },
                    _ => Input::LinkUp(
                        LinkId(1_000 + u64::from(arg)),
                        LinkInfo { peer: stranger, side: Side::Listener, addr: addr(n), route: addr(n).route() },
                    ),
                };
                pair.give(n, input);
            }
        }
    }
    for n in 0..2 {
        pair.heal(n);
        pair.pass(60_000);
        pair.heal(n);
        let hint = Hint { peer: PeerKey([9; 32]), addr: addr(n) };
        let asked = pair.command(n, Command::AddPeer(vec![hint]));
        pair.heal(n);
        assert_eq!(pair.sides[n].answered, Some(asked), "a core answers its person whatever happened to it");
    }
    true
}
