//! Finding out who is behind a connection.
//!
//! Both sides send a nonce and an ephemeral key. A side then names the people it might be talking to by tags that only a
//! holder of the same pair key can recognise; the other side answers with a sealed proof, or says that it recognised nothing.
//! A new pair key (a request, an acceptance) makes the asking side send tags again on the same connection.

use super::Core;
use super::event::Event;
use super::timers::Timer;
use crate::crypto::labels;
use crate::crypto::link::HelloKeys;
use crate::crypto::sign;
use crate::identity::device::DeviceSetInfo;
use crate::ids::{AccountId, DeviceId, LinkId};
use crate::link::{Proto, Side};
use crate::time::UnixMs;
use crate::wire::codec;
use crate::wire::hello::{Hello, HelloFrame, Nonce, ProofBody};
use crate::wire::identity::Signed;
use std::time::Duration;

/// Whoever was dialled leaves the first word to the other side for this long. Longer than a round trip across the world.
const TAGS_TIMEOUT: Duration = Duration::from_millis(800);
/// A hello that is not over by then is stuck: three round trips and the work of two signatures are far below.
pub(super) const PROOF_TIMEOUT: Duration = Duration::from_secs(10);
/// A node that has not said its nonce by then is no node of ours.
pub(super) const NONCE_TIMEOUT: Duration = Duration::from_secs(15);

/// Frames kept that overtook the proof of the other side: streams of one connection are not ordered among each other. A greeting
/// and the beginning of a sync fit.
const EARLY_FRAMES: usize = 64;
/// Bytes of them, so that nobody who never proves anything can have much kept.
const EARLY_BYTES: usize = 512 * 1024;

/// What a proof has shown.
struct Proven {
    device: DeviceId,
    signed: Signed,
    set: DeviceSetInfo,
    /// Their wall clock.
    wall: UnixMs,
}

impl Core {
    pub(super) fn on_hello_timeout(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id).filter(|l| l.auth.is_none()) else { return };
        let peer = link.info.peer;
        let expected = self.people.values().any(|p| p.pair_keys().next().is_some() && p.hints.iter().any(|h| h.peer == peer));
        match link.theirs {
            None => self.bad_frame(id, "hello_silent"),
            // They believe that we dialled: somebody has to begin. Nobody who merely calls here is told how many people we know.
            Some(_) if !link.named && expected => self.send_tags(id),
            // A known node that neither proves itself nor says that it knows nobody: a new connection begins anew.
            Some(_) if expected && !link.stranger => self.bad_frame(id, "hello_unfinished"),
            Some(_) => {}
        }
    }

    pub(super) fn on_hello(&mut self, id: LinkId, frame: &[u8]) {
        let Ok(frame) = codec::decode::<HelloFrame>(frame, Proto::Hello.max_frame()) else {
            return self.bad_frame(id, "hello_garbage");
        };
        match frame.m {
            Some(Hello::Nonce(nonce)) => self.on_nonce(id, &nonce),
            Some(Hello::Tags(tags)) => self.on_tags(id, &tags),
            Some(Hello::Proof(sealed)) => self.on_proof(id, &sealed),
            Some(Hello::Stranger(_)) => self.on_stranger(id),
            None => {}
        }
    }

    fn on_nonce(&mut self, id: LinkId, msg: &Nonce) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let (Ok(nonce), Ok(eph)) = (msg.nonce.as_slice().try_into(), msg.eph.as_slice().try_into()) else {
            return self.bad_frame(id, "hello_garbage");
        };
        if link.theirs.is_some() || nonce == link.nonce {
            return self.bad_frame(id, "hello_repeated");
        }
        link.theirs = Some((nonce, eph));
        let dialled = link.info.side == Side::Dialler;
        self.say_lan_hello(id);
        if dialled {
            self.send_tags(id);
        } else {
            self.timers.set(Timer::Hello(id), self.now.mono.after(TAGS_TIMEOUT));
        }
    }

    fn hello_keys(&self, id: LinkId, key: &[u8; 32]) -> Option<HelloKeys> {
        let me = self.me.as_ref()?;
        let link = self.links.get(&id)?;
        let (_, eph) = link.theirs?;
        let dh = link.eph.agree(&eph).ok()?;
        Some(HelloKeys::new(key, &dh, link.transcript(me.peer)?))
    }

    pub(super) fn send_proof(&mut self, id: LinkId, account: AccountId, key: &[u8; 32]) {
        let Some(keys) = self.hello_keys(id, key) else {
            return self.bad_frame(id, "hello_weak_key");
        };
        let Some(me) = &self.me else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        // Once for each person: a second proof under another of the shared keys would leave open which of them holds.
        if link.proven_to.is_some_and(|(to, _)| to == account) {
            return;
        }
        link.proven_to = Some((account, *key));
        link.told_clock = Some(self.clock_base);
        let side = link.role;
        let body = ProofBody {
            account: me.account.to_vec(),
            device: me.device_id().to_vec(),
            sig: me.device.sign(labels::HELLO, &keys.transcript_to_sign(side)).to_vec(),
            device_set: Some(me.device_set.clone()),
            wall_ms: self.now.wall.0,
            caps: 0,
        };
        let sealed = keys.seal_proof(side, &codec::encode(&body));
        self.send_hello(id, Hello::Proof(sealed));
    }

    fn on_proof(&mut self, id: LinkId, sealed: &[u8]) {
        let Some(link) = self.links.get(&id) else { return };
        if link.auth.is_some() {
            return;
        }
        let side = link.their_role();
        let candidates = link.candidates.clone();
        let opened = candidates.into_iter().find_map(|(account, key)| {
            let keys = self.hello_keys(id, &key)?;
            let body = keys.open_proof(side, sealed).ok()?;
            Some((account, key, keys, body))
        });
        let Some((account, key, keys, body)) = opened else {
            return self.bad_frame(id, "hello_proof_closed");
        };
        // Minds may have changed since the hello began: somebody was shut out, or a request was taken back.
        if !self.shares(account, &key) {
            return self.bad_frame(id, "hello_unwelcome");
        }
        match self.check_proof(account, &keys, side, &body) {
            Ok(proven) => self.authenticated(id, account, &key, keys, proven),
            Err(reason) => self.bad_frame(id, reason),
        }
    }

    /// Whether a key still is one by which somebody proves themselves here.
    fn shares(&self, account: AccountId, key: &[u8; 32]) -> bool {
        match &self.me {
            Some(me) if me.account == account => me.self_key() == *key,
            _ => self.people.get(&account).is_some_and(|p| p.pair_keys().any(|shared| shared == *key)),
        }
    }

    fn check_proof(&self, account: AccountId, keys: &HelloKeys, side: Side, body: &[u8]) -> Result<Proven, &'static str> {
        let body = codec::decode::<ProofBody>(body, Proto::Hello.max_frame()).map_err(|_| "hello_garbage")?;
        if body.account != account.as_bytes() {
            return Err("hello_other_account");
        }
        let device = DeviceId::from_slice(&body.device).map_err(|_| "hello_garbage")?;
        sign::verify(&device.0, labels::HELLO, &keys.transcript_to_sign(side), &body.sig).map_err(|_| "hello_signature")?;
        let signed = body.device_set.ok_or("hello_garbage")?;
        let set = DeviceSetInfo::verify(&signed, account).map_err(|_| "device_set_unfit")?;
        if set.devices.iter().all(|d| d.device != device) {
            return Err("hello_device_not_in_set");
        }
        Ok(Proven { device, signed, set, wall: UnixMs(body.wall_ms) })
    }

    fn authenticated(&mut self, id: LinkId, account: AccountId, key: &[u8; 32], keys: HelloKeys, proven: Proven) {
        let Proven { device, signed, set, wall } = proven;
        let own = self.me.as_ref().is_some_and(|me| me.account == account);
        if own && self.me.as_ref().is_some_and(|me| me.device_id() == device) {
            // The same device key twice: a copied profile. Talking to itself would duplicate its history.
            self.see_clone();
            return self.bad_frame(id, "own_device_key");
        }
        if own {
            self.learn_own_devices(&signed, &set);
        } else if !self.learn_devices(account, signed, set) && !self.people.get(&account).is_some_and(|p| p.has_device(device)) {
            return self.bad_frame(id, "device_revoked");
        }
        // The first proof of the other side comes before ours when they answered our tags.
        self.send_proof(id, account, key);
        // Where both answered tags they may have used different keys. That of the dialler's part holds on both sides.
        let ours = self.links.get(&id).filter(|l| l.role == Side::Dialler).and_then(|l| l.proven_to);
        let ours = ours.filter(|(to, _)| *to == account).map(|(_, key)| key);
        let keys = match ours.filter(|ours| ours != key) {
            Some(ours) => self.hello_keys(id, &ours),
            None => Some(keys),
        };
        let Some(keys) = keys else {
            return self.bad_frame(id, "hello_weak_key");
        };
        let before = self.presence_of(account);
        let Some(link) = self.links.get(&id) else { return };
        let (side, role) = (link.info.side, link.role);
        self.link_proven(id, account, device, &keys.into_link(role), wall);
        self.dials.remove(&account);
        self.timers.clear(Timer::Dial(account));
        if let Some(person) = self.people.get_mut(&account) {
            person.last_seen = Some(self.now.wall);
        }
        if !own {
            self.touch_person(account);
            if side == Side::Dialler {
                let hint = self.links.get(&id).map(|l| crate::link::Hint { peer: l.info.peer, addr: l.info.addr });
                self.learn_hints(account, hint.as_slice());
            }
        }
        self.forget_asked(device);
        self.greet(id);
        self.take_early(id);
        let after = self.presence_of(account);
        if before != after && !own {
            self.gate.notify(Event::PresenceChanged { account_id: account, presence: after });
        }
        self.network_changed();
    }

    /// Keeps a frame that overtook the proof we wait for. False if it is none.
    pub(super) fn keep_early(&mut self, id: LinkId, proto: Proto, frame: &[u8]) -> bool {
        let Some(link) = self.links.get_mut(&id).filter(|l| l.auth.is_none() && l.proven_to.is_some()) else { return false };
        let bytes: usize = link.early.iter().map(|(_, early)| early.len()).sum();
        let room = link.early.len() < EARLY_FRAMES && bytes.saturating_add(frame.len()) <= EARLY_BYTES;
        if room {
            link.early.push((proto, frame.to_vec()));
        }
        room
    }

    fn take_early(&mut self, id: LinkId) {
        let early = self.links.get_mut(&id).map(|l| std::mem::take(&mut l.early)).unwrap_or_default();
        for (proto, frame) in early {
            self.on_frame(id, proto, &frame);
        }
    }

    fn on_stranger(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.stranger = true;
        }
        // They know nobody we named. On a fresh connection to an address that a person gave us, this is where a request starts.
        self.continue_request(id);
    }

    pub(super) fn send_hello(&mut self, id: LinkId, hello: Hello) {
        self.gate.send(id, Proto::Hello, codec::encode(&HelloFrame { m: Some(hello) }), None);
    }
}
