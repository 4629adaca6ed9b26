//! Devices, the network between them, and their engines.

use crate::call::media::{Description, DescriptionKind, LegId, MediaCmd, MediaEvent, MediaFailure, MediaRoute, Role};
use crate::call::{Board, Out, Record, Rings, Speaker};
use crate::ids::{AccountId, CallId, DeviceId};
use crate::time::{Mono, Now, UnixMs};
use crate::view::{CallEnd, CallOutcome, CallPhase, CallView};
use crate::wire::call::CallMsg;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const START: u64 = 1_800_000_000_000;

/// Small and the same for the same seed (xorshift64*).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % n
    }

    pub fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }
}

/// A leg of an engine: the two offers and answers that make it.
#[derive(Debug, Default)]
struct Leg {
    /// Own offer that waits for its answer.
    offered: Option<Vec<u8>>,
    /// What was agreed on: offer and answer.
    agreed: Option<(Vec<u8>, Vec<u8>)>,
    /// Of the other side, as it was signed.
    theirs: Option<[u8; 32]>,
    offers: u32,
    connected: bool,
    mic: bool,
}

/// An engine that keeps the contract. Two of its legs are connected once they agree on the same offer and answer.
#[derive(Debug, Default)]
pub struct Engine {
    legs: BTreeMap<LegId, Leg>,
    pub missing: bool,
    /// What it has to report.
    events: Vec<MediaEvent>,
    /// It was told something that the contract forbids.
    pub wrong: Vec<String>,
}

impl Engine {
    fn print(leg: LegId, who: usize) -> [u8; 32] {
        let mut print = [u8::try_from(who).unwrap(); 32];
        print[0] = u8::try_from(leg.0 % 251).unwrap();
        print
    }

    fn offer(&mut self, id: LegId, who: usize) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        leg.offers += 1;
        let sdp = format!("offer {who}/{}/{}", id.0, leg.offers).into_bytes();
        leg.offered = Some(sdp.clone());
        self.say(id, who, DescriptionKind::Offer, sdp);
    }

    fn say(&mut self, leg: LegId, who: usize, kind: DescriptionKind, sdp: Vec<u8>) {
        let fingerprint = Self::print(leg, who);
        self.events.push(MediaEvent::Local { leg, description: Description { kind, sdp }, fingerprint });
        self.events.push(MediaEvent::Candidates { leg, candidates: vec!["candidate:1".into()], end: true });
    }

    fn told(&mut self, cmd: MediaCmd, who: usize) {
        match cmd {
            MediaCmd::Open { .. } => {}
            MediaCmd::Remote { leg: id, description, fingerprint } => {
                let Some(leg) = self.legs.get_mut(&id) else { return };
                leg.theirs = Some(fingerprint);
                match description.kind {
                    DescriptionKind::Offer => {
                        leg.offered = None;
                        let sdp = [b"answer to ".as_slice(), &description.sdp].concat();
                        leg.agreed = Some((description.sdp, sdp.clone()));
                        self.say(id, who, DescriptionKind::Answer, sdp);
                    }
                    DescriptionKind::Answer => match leg.offered.take() {
                        Some(offer) => leg.agreed = Some((offer, description.sdp)),
                        None => self.wrong.push(format!("an answer to nothing: {}", String::from_utf8_lossy(&description.sdp))),
                    },
                }
            }
            MediaCmd::Restart { leg } => {
                if self.legs.get(&leg).is_some_and(|leg| leg.offered.is_some()) {
                    self.wrong.push("a restart in the middle of an offer".into());
                }
                self.offer(leg, who);
            }
            MediaCmd::Set { leg, mic, .. } => drop(self.legs.get_mut(&leg).map(|leg| leg.mic = mic)),
            MediaCmd::Close { leg } => drop(self.legs.remove(&leg)),
            MediaCmd::Candidates { .. } | MediaCmd::Volume { .. } => {}
        }
    }

    fn open(&mut self, leg: LegId, role: Role, who: usize) {
        if self.missing {
            self.events.push(MediaEvent::Failed { leg, cause: MediaFailure::NoEngine });
            return;
        }
        self.legs.insert(leg, Leg { mic: true, ..Leg::default() });
        if role == Role::Offer {
            self.offer(leg, who);
        }
    }

    /// It would like something anew, as after a change of the machine's addresses, unless it waits for an answer.
    pub fn offers_by_itself(&mut self, leg: LegId, who: usize) {
        if self.legs.get(&leg).is_some_and(|leg| leg.offered.is_none()) {
            self.offer(leg, who);
        }
    }

    pub fn open_legs(&self) -> usize {
        self.legs.len()
    }

    /// Whether the microphone of the only leg is on.
    pub fn mic(&self) -> Option<bool> {
        self.legs.values().next().map(|leg| leg.mic)
    }
}

/// A device.
pub struct Device {
    pub account: AccountId,
    pub id: DeviceId,
    pub board: Board,
    pub engine: Engine,
    pub rings: Rings,
    /// Calls that ever rang here, and those that are over.
    pub rang: Vec<CallId>,
    pub over: BTreeMap<CallId, CallEnd>,
    /// How often it rang after it was over.
    pub rang_again: u32,
    pub logs: Vec<(Record, CallOutcome)>,
    pub refused: BTreeMap<&'static str, u32>,
}

/// A message under way.
#[derive(Debug)]
struct Flying {
    from: usize,
    to: usize,
    at: u64,
    msg: CallMsg,
}

/// What the network does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    pub lost: u64,
    pub twice: u64,
    /// Longest delay, ms.
    pub late: u64,
}

/// Devices and the network between them.
pub struct Bench {
    pub devices: Vec<Device>,
    pub at: u64,
    pub chance: Chance,
    pub weather: Weather,
    flying: Vec<Flying>,
    /// Pairs that are not connected.
    pub cut: BTreeSet<(usize, usize)>,
    /// Pairs between which no sound passes.
    pub silent: BTreeSet<(usize, usize)>,
    next_call: u64,
    /// The last message that each device said to each other.
    pub last: BTreeMap<(usize, usize), CallMsg>,
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Bench {
    /// Devices of these accounts.
    pub fn new(seed: u64, accounts: &[u8]) -> Self {
        let device = |(n, account): (usize, &u8)| {
            let id = DeviceId([u8::try_from(n + 100).unwrap(); 32]);
            Device {
                account: AccountId([*account; 32]),
                id,
                board: Board::new(id),
                engine: Engine::default(),
                rings: Rings::Aloud,
                rang: Vec::new(),
                over: BTreeMap::new(),
                rang_again: 0,
                logs: Vec::new(),
                refused: BTreeMap::new(),
            }
        };
        Self {
            devices: accounts.iter().enumerate().map(device).collect(),
            at: 1_000,
            chance: Chance::new(seed),
            weather: Weather { late: 20, ..Weather::default() },
            flying: Vec::new(),
            cut: BTreeSet::new(),
            silent: BTreeSet::new(),
            next_call: 0,
            last: BTreeMap::new(),
        }
    }

    pub fn now(&self) -> Now {
        Now { mono: Mono(self.at), wall: UnixMs(START + self.at) }
    }

    pub fn find(&self, device: DeviceId) -> usize {
        self.devices.iter().position(|d| d.id == device).unwrap()
    }

    /// One device calls the account of another.
    pub fn call(&mut self, from: usize, to: usize) -> CallId {
        self.next_call += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.chance.below(u64::MAX).to_be_bytes());
        id[8..].copy_from_slice(&self.next_call.to_be_bytes());
        let account = self.devices[to].account;
        let up: Vec<DeviceId> = (0..self.devices.len())
            .filter(|n| self.devices[*n].account == account && !self.cut.contains(&pair(from, *n)))
            .map(|n| self.devices[n].id)
            .collect();
        let now = self.now();
        self.devices[from].board.start(now, CallId(id), account, &up);
        self.flush(from);
        CallId(id)
    }

    /// Has a person do something.
    pub fn does(&mut self, who: usize, what: impl FnOnce(&mut Board, Now) -> bool) -> bool {
        let now = self.now();
        let done = what(&mut self.devices[who].board, now);
        self.flush(who);
        done
    }

    pub fn view(&self, who: usize, call: CallId) -> Option<CallView> {
        self.devices[who].board.view(call)
    }

    pub fn phase(&self, who: usize, call: CallId) -> Option<CallPhase> {
        self.view(who, call).map(|v| v.phase)
    }

    pub fn end_of(&self, who: usize, call: CallId) -> Option<CallEnd> {
        self.devices[who].over.get(&call).copied()
    }

    /// The connection between two devices goes, with what is on it, or comes back.
    pub fn connect(&mut self, a: usize, b: usize, up: bool) {
        let now = self.now();
        if up {
            self.cut.remove(&pair(a, b));
        } else {
            self.cut.insert(pair(a, b));
            self.flying.retain(|f| pair(f.from, f.to) != pair(a, b));
        }
        for (who, other) in [(a, b), (b, a)] {
            let (account, id) = (self.devices[other].account, self.devices[other].id);
            match up {
                true => self.devices[who].board.device_up(now, account, id),
                false => self.devices[who].board.device_down(now, id),
            }
            self.flush(who);
        }
    }

    /// Sound passes between two devices, or ceases to.
    pub fn sound(&mut self, a: usize, b: usize, passes: bool) {
        if passes {
            self.silent.remove(&pair(a, b))
        } else {
            self.silent.insert(pair(a, b))
        };
        self.engines();
    }

    /// A device forgets everything, as a program does that is started anew.
    pub fn restart(&mut self, who: usize) {
        self.devices[who].board = Board::new(self.devices[who].id);
        self.devices[who].engine = Engine::default();
        for other in (0..self.devices.len()).filter(|n| *n != who) {
            self.connect(who, other, false);
            self.connect(who, other, true);
        }
    }

    /// A message is handed over, whatever it is.
    pub fn hand(&mut self, from: usize, to: usize, msg: CallMsg, age: Duration) {
        let now = self.now();
        let (account, device, rings) = (self.devices[from].account, self.devices[from].id, self.devices[to].rings);
        self.devices[to].board.heard(now, Speaker { account, device, age, rings }, msg);
        self.flush(to);
    }

    fn flush(&mut self, who: usize) {
        while let Some(out) = self.devices[who].board.poll() {
            let device = &mut self.devices[who];
            match out {
                Out::Say { to, msg } => self.say(who, to, &msg),
                Out::Open { leg, role, .. } => device.engine.open(leg, role, who),
                Out::Media(cmd) => device.engine.told(cmd, who),
                Out::Incoming(id) => {
                    device.rang_again += u32::from(device.over.contains_key(&id) || device.rang.contains(&id));
                    device.rang.push(id);
                }
                Out::State { call, ended: Some(why), .. } => {
                    assert_eq!(device.over.insert(call, why), None, "a call ends once");
                }
                Out::Log(record, outcome) => device.logs.push((record, outcome)),
                Out::Refused(why) => *device.refused.entry(why).or_default() += 1,
                Out::State { .. } | Out::Speaking { .. } | Out::Begun(_) | Out::Merged(..) | Out::Keep(_) | Out::Forget(_) => {}
            }
        }
    }

    fn say(&mut self, from: usize, to: DeviceId, msg: &CallMsg) {
        let to = self.find(to);
        self.last.insert((from, to), msg.clone());
        if self.cut.contains(&pair(from, to)) || self.chance.percent(self.weather.lost) {
            return;
        }
        let copies = 1 + u64::from(self.chance.percent(self.weather.twice));
        for _ in 0..copies {
            let at = self.at + 1 + self.chance.below(self.weather.late + 1);
            self.flying.push(Flying { from, to, at, msg: msg.clone() });
        }
    }

    /// Engines report what they have, and find each other.
    fn engines(&mut self) {
        for _ in 0..100 {
            let mut busy = false;
            for who in 0..self.devices.len() {
                for event in std::mem::take(&mut self.devices[who].engine.events) {
                    let now = self.now();
                    self.devices[who].board.media(now, event);
                    self.flush(who);
                    busy = true;
                }
            }
            busy |= self.connect_legs();
            if !busy {
                return;
            }
        }
        panic!("the engines never come to rest");
    }

    fn connect_legs(&mut self) -> bool {
        let legs: Vec<(usize, LegId)> =
            (0..self.devices.len()).flat_map(|n| self.devices[n].engine.legs.keys().map(move |l| (n, *l))).collect();
        let mut busy = false;
        for (who, id) in &legs {
            let leg = &self.devices[*who].engine.legs[id];
            let mate = legs.iter().find(|(other, mate)| {
                let theirs = &self.devices[*other].engine.legs[mate];
                other != who && leg.agreed.is_some() && theirs.agreed == leg.agreed
            });
            let mated = mate.is_some_and(|(other, mate)| {
                // A certificate that was not signed is noticed.
                assert_eq!(leg.theirs, Some(Engine::print(*mate, *other)));
                !self.silent.contains(&pair(*who, *other))
            });
            if mated != leg.connected {
                busy = true;
                let event =
                    if mated { MediaEvent::Connected { leg: *id, route: MediaRoute::Lan } } else { MediaEvent::Disconnected { leg: *id } };
                let engine = &mut self.devices[*who].engine;
                engine.legs.get_mut(id).unwrap().connected = mated;
                engine.events.push(event);
            }
        }
        busy
    }

    /// Time passes.
    pub fn run(&mut self, ms: u64) {
        let end = self.at + ms;
        loop {
            self.engines();
            let due = self.devices.iter().filter_map(|d| d.board.next_due()).map(|m| m.0).min();
            let next = self.flying.iter().map(|f| f.at).chain(due).min().filter(|at| *at <= end);
            let Some(next) = next else { break };
            self.at = self.at.max(next);
            let (mut arrive, rest): (Vec<Flying>, Vec<Flying>) =
                std::mem::take(&mut self.flying).into_iter().partition(|f| f.at <= self.at);
            self.flying = rest;
            arrive.sort_by_key(|f| f.at);
            for Flying { from, to, msg, .. } in arrive {
                let age = Duration::from_millis((START + self.at).saturating_sub(msg.sent_ms));
                self.hand(from, to, msg, age);
            }
            for who in 0..self.devices.len() {
                let now = self.now();
                if self.devices[who].board.next_due().is_some_and(|at| at <= now.mono) {
                    self.devices[who].board.tick(now);
                    self.flush(who);
                }
            }
        }
        self.at = end;
        self.engines();
    }

    /// Nothing that was said to an engine was against the contract.
    pub fn engines_were_treated_well(&self) {
        for (n, device) in self.devices.iter().enumerate() {
            assert!(device.engine.wrong.is_empty(), "device {n}: {:?}", device.engine.wrong);
            assert_eq!(device.engine.open_legs(), device.board.views().iter().filter(|v| v.phase != CallPhase::Incoming).count());
        }
    }
}
