//! What a relay does with each datagram, before the library behind it sees it: whom it lets in, how many places they get, what they may
//! send and where to. Pure.
//!
//! The library proves passwords and keeps places. It is not told of anything that is refused here, because it would remember a challenge
//! for each stranger and has no idea of quotas, of bandwidth, or of addresses that nobody should be able to reach through it.
//! Challenges are stamped instead of remembered, so that strangers cost no memory.

use super::aim::Aim;
use super::user::{self, Secret, User};
use crate::crypto::{hash, labels};
use crate::rate::{Flow, Household, Rate, Used};
use crate::time::{Mono, Now, UnixMs};
use crate::wire::stun::{Code, Datagram, Message, Method};
use data_encoding::BASE64URL_NOPAD;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// Realm of names and passwords.
pub const REALM: &str = "veche";
/// Life of a challenge (RFC 8656 §5: an hour at most).
const CHALLENGE: Duration = Duration::from_secs(3600);
/// A place made with a name can be kept with it for so long after the name's time is over: calls last longer than names.
const KEEP: Duration = Duration::from_secs(24 * 3600);
/// Requests of one household. A call of ten with two relays makes some hundred when it begins, and a few each minute.
pub const REQUESTS: Rate = Rate { burst: 400, each: Duration::from_millis(20) };
/// Households told apart at once.
const APART: usize = 65_536;
/// Bytes around a datagram (IPv4 and UDP), which count for bandwidth as well.
const AROUND: u64 = 28;

/// How much a relay does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Places at a time. Each takes a port and about 10 kB of memory.
    pub places: usize,
    /// Of one user: a call of ten takes nine for each address family.
    pub places_per_user: usize,
    /// Of one household.
    pub places_per_household: usize,
    /// Bytes a second through one place, each way.
    pub place_bytes: u64,
    /// Bytes a second through all places, both ways together.
    pub total_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { places: 1024, places_per_user: 32, places_per_household: 128, place_bytes: 1_000_000, total_bytes: 12_500_000 }
    }
}

/// What to do with a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The library may have it. Comes with the challenge that it answers, if it is a request that has to be proven.
    Pass(Option<Proven>),
    /// Answer with this.
    Answer(Vec<u8>),
    /// Nothing.
    Drop,
}

/// A request that comes with a proof, to be held against the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The challenge.
    pub nonce: String,
    /// Name of who asks.
    pub username: String,
    /// Whose name it is.
    pub user: User,
    /// What is asked.
    pub method: Method,
    /// Those of the peers that it is about who may be sent to.
    pub peers: Vec<SocketAddr>,
}

/// Which way data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From whoever has the place.
    Out,
    /// To them.
    In,
}

/// Counters since the start, and what is held now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Places now.
    pub places: u64,
    /// Places given.
    pub given: u64,
    /// Bytes relayed.
    pub bytes: u64,
    /// Data dropped, because it came too fast or went where nobody is sent.
    pub dropped: u64,
    /// Requests dropped for their number.
    pub flooded: u64,
    /// Refusals, by code. The first challenge of everybody is one.
    pub refused: BTreeMap<u16, u64>,
}

#[derive(Debug)]
struct Place {
    username: String,
    user: User,
    port: u16,
    flows: [Flow; 2],
}

/// The door of a relay.
#[derive(Debug)]
pub struct Door {
    secret: Secret,
    seed: [u8; 32],
    aim: Aim,
    limits: Limits,
    /// Places, by the address of whoever has each.
    places: BTreeMap<SocketAddr, Place>,
    users: BTreeMap<User, usize>,
    households: BTreeMap<Household, usize>,
    ports: BTreeSet<u16>,
    requests: BTreeMap<Household, Used>,
    total: Flow,
    stats: Stats,
}

impl Door {
    /// A door. `seed` is random, new at each start.
    #[must_use]
    pub fn new(secret: Secret, seed: [u8; 32], aim: Aim, limits: Limits) -> Self {
        Self {
            secret,
            seed,
            aim,
            limits,
            places: BTreeMap::new(),
            users: BTreeMap::new(),
            households: BTreeMap::new(),
            ports: BTreeSet::new(),
            requests: BTreeMap::new(),
            total: Flow::default(),
            stats: Stats::default(),
        }
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { places: u64::try_from(self.places.len()).unwrap_or(u64::MAX), ..self.stats.clone() }
    }

    /// The password of a name, if it could be one of ours.
    #[must_use]
    pub fn password(&self, username: &str) -> Option<String> {
        user::read(&self.secret, username).map(|pass| pass.password)
    }

    /// Judges a datagram of a client.
    pub fn judge(&mut self, now: Now, from: SocketAddr, datagram: &[u8]) -> Verdict {
        let Some(read) = Datagram::read(datagram) else { return Verdict::Drop };
        match read {
            Datagram::Channel => self.judge_data(now, from, datagram.len(), None),
            Datagram::Message(message) if message.method == Method::Send => match message.peers.as_slice() {
                [peer] => self.judge_data(now, from, datagram.len(), Some(*peer)),
                _ => Verdict::Drop,
            },
            Datagram::Message(message) => {
                if !self.may_ask(now.mono, from) {
                    self.stats.flooded = self.stats.flooded.saturating_add(1);
                    return Verdict::Drop;
                }
                if message.method == Method::Binding {
                    return Verdict::Pass(None);
                }
                match self.prove(now, from, &message) {
                    Ok(proven) => Verdict::Pass(Some(proven)),
                    Err(code) => self.refuse(now, from, &message, code),
                }
            }
        }
    }

    fn judge_data(&mut self, now: Now, from: SocketAddr, len: usize, peer: Option<SocketAddr>) -> Verdict {
        let aimed = peer.is_none_or(|peer| self.allows(peer));
        if aimed && self.passes(now.mono, from, Way::Out, len) { Verdict::Pass(None) } else { Verdict::Drop }
    }

    /// Whether data may go through somebody's place, which is counted.
    pub fn passes(&mut self, now: Mono, from: SocketAddr, way: Way, len: usize) -> bool {
        let bytes = u64::try_from(len).unwrap_or(u64::MAX).saturating_add(AROUND);
        let Some(place) = self.places.get_mut(&from) else { return false };
        let [out, back] = &mut place.flows;
        let flow = if way == Way::Out { out } else { back };
        let passes = flow.pass(self.limits.place_bytes, bytes, now) && self.total.pass(self.limits.total_bytes, bytes, now);
        if passes {
            self.stats.bytes = self.stats.bytes.saturating_add(bytes);
        } else {
            self.dropped();
        }
        passes
    }

    /// Whether data may be sent to a peer.
    #[must_use]
    pub fn allows(&self, peer: SocketAddr) -> bool {
        self.aim.allows(peer, |port| self.ports.contains(&port))
    }

    /// Whether the relay has a place for somebody at this port of its own.
    #[must_use]
    pub fn is_place(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// Whether an address is the relay's own.
    #[must_use]
    pub fn is_own(&self, peer: SocketAddr) -> bool {
        self.aim.own.contains(&peer.ip().to_canonical())
    }

    /// Data was dropped elsewhere.
    pub fn dropped(&mut self) {
        self.stats.dropped = self.stats.dropped.saturating_add(1);
    }

    fn may_ask(&mut self, now: Mono, from: SocketAddr) -> bool {
        let household = Household::of(from.ip());
        if self.requests.len() >= APART && !self.requests.contains_key(&household) {
            self.requests.retain(|_, used| !used.is_whole(now));
            if self.requests.len() >= APART {
                return false;
            }
        }
        self.requests.entry(household).or_default().take(&REQUESTS, 1, now).is_ok()
    }

    fn prove(&self, now: Now, from: SocketAddr, message: &Message<'_>) -> Result<Proven, Code> {
        let (Some(username), Some(nonce), true) = (message.username, message.nonce, message.proven) else { return Err(Code::Unauthorized) };
        if !self.is_fresh(now, from, nonce) {
            return Err(Code::Stale);
        }
        let pass = user::read(&self.secret, username).ok_or(Code::Unauthorized)?;
        match (self.places.get(&from), message.method) {
            (Some(place), _) if place.username != username => return Err(Code::WrongUser),
            (Some(_), Method::Allocate) => return Err(Code::Mismatch),
            (Some(_), _) if pass.until.after(KEEP) > now.wall => {}
            (None, Method::Allocate) if pass.until > now.wall => self.has_room(pass.user, from, message.pair)?,
            (None, Method::Allocate) | (Some(_), _) => return Err(Code::Unauthorized),
            (None, _) => return Err(Code::Mismatch),
        }
        let peers: Vec<SocketAddr> = message.peers.iter().copied().filter(|peer| self.allows(*peer)).collect();
        // Clients renew all that they may do at once, and what they may not with it: where some may be sent to, the request passes. What is
        // sent to the others is dropped.
        let aimed = match message.method {
            Method::ChannelBind => peers.len() == 1 && message.peers.len() == 1,
            Method::CreatePermission => !peers.is_empty(),
            _ => true,
        };
        if !aimed {
            return Err(Code::Forbidden);
        }
        Ok(Proven { nonce: nonce.to_owned(), username: username.to_owned(), user: pass.user, method: message.method, peers })
    }

    fn has_room(&self, user: User, from: SocketAddr, pair: bool) -> Result<(), Code> {
        let held = |count: Option<&usize>| count.copied().unwrap_or(0);
        let household = Household::of(from.ip());
        if held(self.users.get(&user)) >= self.limits.places_per_user
            || held(self.households.get(&household)) >= self.limits.places_per_household
        {
            return Err(Code::Quota);
        }
        // Pairs of ports were for a protocol that nobody here speaks.
        if pair || self.places.len() >= self.limits.places { Err(Code::Full) } else { Ok(()) }
    }

    fn refuse(&mut self, now: Now, from: SocketAddr, message: &Message<'_>, code: Code) -> Verdict {
        let times = self.stats.refused.entry(code as u16).or_default();
        *times = times.saturating_add(1);
        let challenge = matches!(code, Code::Unauthorized | Code::Stale).then(|| self.challenge(now.wall, from));
        Verdict::Answer(message.refusal(code, challenge.as_deref().map(|nonce| (REALM, nonce))))
    }

    /// The library has bound a port for somebody whose request passed. False if there is no room after all.
    #[must_use]
    pub fn taken(&mut self, from: SocketAddr, proven: &Proven, port: u16) -> bool {
        if self.places.contains_key(&from) || self.has_room(proven.user, from, false).is_err() {
            return false;
        }
        let place = Place { username: proven.username.clone(), user: proven.user, port, flows: [Flow::default(); 2] };
        self.places.insert(from, place);
        self.ports.insert(port);
        for count in [self.users.entry(proven.user).or_default(), self.households.entry(Household::of(from.ip())).or_default()] {
            *count = count.saturating_add(1);
        }
        self.stats.given = self.stats.given.saturating_add(1);
        true
    }

    /// Somebody's place is over.
    pub fn freed(&mut self, from: SocketAddr) {
        let Some(place) = self.places.remove(&from) else { return };
        self.ports.remove(&place.port);
        release(&mut self.users, &place.user);
        release(&mut self.households, &Household::of(from.ip()));
    }

    /// A challenge that proves itself: the second at which it was made, and a stamp for whom.
    fn challenge(&self, at: UnixMs, from: SocketAddr) -> String {
        let second = u32::try_from(at.0 / 1000).unwrap_or(u32::MAX).to_be_bytes();
        let stamp: [u8; 12] = hash::prefix(&hash::mac(&self.seed, labels::TURN_STAMP, &[&second, from.to_string().as_bytes()]));
        BASE64URL_NOPAD.encode(&[&second[..], &stamp].concat())
    }

    fn is_fresh(&self, now: Now, from: SocketAddr, nonce: &str) -> bool {
        let Ok(bytes) = BASE64URL_NOPAD.decode(nonce.as_bytes()) else { return false };
        let Some((second, _)) = bytes.split_first_chunk::<4>() else { return false };
        let at = UnixMs(u64::from(u32::from_be_bytes(*second)).saturating_mul(1000));
        at <= now.wall && now.wall.since(at) < CHALLENGE && self.challenge(at, from) == nonce
    }
}

fn release<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
