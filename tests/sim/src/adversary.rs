//! A host that keeps no rules: a stranger who sends what it likes, and a contact turned hostile, who holds real keys and writes
//! what no honest node would.

use crate::net::Host;
use crate::node::{START, Who};
use crate::world::World;
use std::collections::BTreeMap;
use veche_protocol::core::input::Input;
use veche_protocol::crypto::labels;
use veche_protocol::crypto::link::{Ephemeral, HelloKeys, Opener, Sealer, Transcript, tag};
use veche_protocol::history::entry::{Dep, Draft, Parsed};
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::device::DeviceSecret;
use veche_protocol::ids::{ChanId, DeviceId, LinkId, PeerKey, SpaceId};
use veche_protocol::limits;
use veche_protocol::link::{LinkInfo, Proto, Side};
use veche_protocol::store::Table;
use veche_protocol::view::Hlc;
use veche_protocol::wire::bodies::{Text, kind};
use veche_protocol::wire::call::{CallMsg, SignedCall};
use veche_protocol::wire::codec;
use veche_protocol::wire::hello::{Hello, HelloFrame, Nonce, ProofBody, Tags};
use veche_protocol::wire::identity::Signed;
use veche_protocol::wire::link::{LinkFrame, LinkMsg};
use veche_protocol::wire::sync::{Entries, Sync, SyncFrame};

/// What a machine without a core has heard.
#[derive(Default)]
pub struct Stranger {
    pub(crate) heard: Vec<Input>,
    /// Connections that are up, whoever dialled.
    links: BTreeMap<LinkId, LinkInfo>,
}

impl Stranger {
    pub(crate) fn hears(&mut self, input: Input) {
        match &input {
            Input::LinkUp(link, info) => drop(self.links.insert(*link, *info)),
            Input::LinkDown(link) => drop(self.links.remove(link)),
            _ => {}
        }
        self.heard.push(input);
    }
}

impl World {
    /// A stranger's machine listens, with a transport key of this seed.
    pub fn stranger_listens(&mut self, host: Host, seed: [u8; 32]) {
        self.net.start(self.at(), host, seed, &mut self.dice);
        self.collect();
    }

    /// A stranger's machine connects to somebody's node, or is connected already.
    ///
    /// # Panics
    /// If it does not come through.
    pub fn stranger_dials(&mut self, host: Host, to: Who) -> (LinkId, LinkInfo) {
        let (peer, addr) = (self.net.peer(to), self.net.addr(to));
        self.net.dial(self.at(), host, peer, &[addr], &mut self.dice);
        self.collect();
        let up = |w: &Self| {
            let links = &w.strangers.get(&host)?.links;
            links.iter().find(|(_, info)| Some(info.peer) == peer).map(|(link, info)| (*link, *info))
        };
        self.until(60_000, |w| up(w).is_some());
        up(self).expect("the connection comes up")
    }

    /// A stranger's machine sends a frame.
    pub fn stranger_sends(&mut self, host: Host, link: LinkId, proto: Proto, frame: Vec<u8>) {
        self.net.send(self.at(), host, link, proto, frame, None, &mut self.dice);
        self.collect();
    }

    /// What a stranger's machine heard since this was last asked.
    pub fn stranger_hears(&mut self, host: Host) -> Vec<Input> {
        self.strangers.get_mut(&host).map(|s| std::mem::take(&mut s.heard)).unwrap_or_default()
    }

    /// Somebody's node is taken over: its core ends, its keys fall into the hands of a program that keeps no rules.
    ///
    /// # Panics
    /// If neither is a contact of the other nor asked to be.
    pub fn turn_hostile(&mut self, who: Who, against: Who) -> Hostile {
        let view = self.view(who);
        let account = view.account.as_ref().expect("an account").account_id;
        self.stop(who);
        self.strangers.insert(who, Stranger::default());
        let disk = &self.node(who).disk;
        let row = |table| disk.table(table).map(|(_, _, value)| value.get(1..).unwrap_or_default());
        let device_row = row(Table::Prekey).next().expect("a device");
        let victim = self.account(against);
        let person = row(Table::Person).find(|row| field(row, 1) == Some(victim.as_bytes())).expect("a contact");
        let me = row(Table::Account).next().expect("an account");
        let device = DeviceSecret::from_seed(fixed(field(device_row, 1)));
        let device_set = codec::decode_own(field(me, 6).expect("a device set")).expect("a device set");
        // What two contacts share; before that, the key that a request brings.
        let pair_key = fixed(field(person, 6).or_else(|| field(field(person, 12)?, 2)));
        let transport: [u8; 32] = fixed(field(device_row, 2));
        self.stranger_listens(who, transport);
        let secret = AccountSecret::from_entropy(self.node(who).entropy.expect("an account"));
        Hostile { host: who, secret, account: account.to_vec(), device, device_set, pair_key, victim: against, wires: None, salt: 0 }
    }
}

/// A contact turned hostile.
pub struct Hostile {
    /// Its machine.
    pub host: Host,
    secret: AccountSecret,
    account: Vec<u8>,
    device: DeviceSecret,
    device_set: Signed,
    pair_key: [u8; 32],
    victim: Who,
    wires: Option<Wires>,
    salt: u8,
}

/// A hello that lacks one side's proof.
pub struct Knock {
    link: LinkId,
    role: Side,
    keys: HelloKeys,
}

struct Wires {
    link: LinkId,
    dm: (Sealer, Opener),
    sync: (Sealer, Opener),
}

impl Hostile {
    /// Its device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device.id()
    }

    /// Connects to its victim and proves itself, as an honest node does.
    ///
    /// # Panics
    /// If the victim does not take it in.
    pub fn connects(&mut self, w: &mut World) {
        let knock = self.knocks(w, true);
        self.proves(w, knock);
    }

    /// Connects to its victim and stops short of its own proof. It names itself and hears the victim's proof, or waits until the
    /// victim names it.
    ///
    /// # Panics
    /// If the victim does not recognise it.
    pub fn knocks(&mut self, w: &mut World, names_itself: bool) -> Knock {
        let (link, info) = w.stranger_dials(self.host, self.victim);
        let own = w.net.peer(self.host).expect("listening");
        let (nonce, eph) = (w.dice.bytes::<32>(), Ephemeral::from_random(w.dice.bytes()));
        self.hello(w, link, Hello::Nonce(Nonce { v: 1, nonce: nonce.to_vec(), eph: eph.public().to_vec() }));
        let Hello::Nonce(theirs) = self.next_hello(w, link) else { panic!("a nonce comes first") };
        let their_eph = fixed(Some(&theirs.eph));
        // The lower transport key plays the dialler, whoever dialled.
        let (mine, its) = ((own, nonce, eph.public()), (info.peer, fixed(Some(&theirs.nonce)), their_eph));
        let (role, first, second) = if own < info.peer { (Side::Dialler, mine, its) } else { (Side::Listener, its, mine) };
        let transcript = Transcript {
            dialler: first.0,
            listener: second.0,
            dialler_nonce: first.1,
            listener_nonce: second.1,
            dialler_eph: first.2,
            listener_eph: second.2,
        };
        if names_itself {
            let mut tags = vec![tag(&self.pair_key, role, &transcript).to_vec()];
            while tags.len() % limits::HELLO_TAG_STEP != 0 {
                tags.push(w.dice.bytes::<16>().to_vec());
            }
            self.hello(w, link, Hello::Tags(Tags { tags }));
            // The victim proves itself in answer to tags.
            while !matches!(self.next_hello(w, link), Hello::Proof(_)) {}
        } else {
            // The victim knows whom to expect at this transport key, and names it after a while of silence.
            while !matches!(self.next_hello(w, link), Hello::Tags(_)) {}
        }
        let keys = HelloKeys::new(&self.pair_key, &eph.agree(&their_eph).expect("a sound key"), transcript);
        Knock { link, role, keys }
    }

    /// Sends the proof that was held back.
    pub fn proves(&mut self, w: &mut World, knock: Knock) {
        let Knock { link, role, keys } = knock;
        let body = ProofBody {
            account: self.account.clone(),
            device: self.device.id().to_vec(),
            sig: self.device.sign(labels::HELLO, &keys.transcript_to_sign(role)).to_vec(),
            device_set: Some(self.device_set.clone()),
            wall_ms: START.0 + w.at(),
            caps: 0,
        };
        let sealed = keys.seal_proof(role, &codec::encode(&body));
        self.hello(w, link, Hello::Proof(sealed));
        let keys = keys.into_link(role);
        self.wires = Some(Wires {
            link,
            dm: (keys.sealer(Proto::Dm), keys.opener(Proto::Dm)),
            sync: (keys.sealer(Proto::Sync), keys.opener(Proto::Sync)),
        });
        w.run(1_000);
    }

    fn hello(&self, w: &mut World, link: LinkId, hello: Hello) {
        w.stranger_sends(self.host, link, Proto::Hello, codec::encode(&HelloFrame { m: Some(hello) }));
    }

    fn next_hello(&self, w: &mut World, on: LinkId) -> Hello {
        let mut found = None;
        let host = self.host;
        w.until(60_000, |w| {
            let mut rest = Vec::new();
            for input in w.stranger_hears(host) {
                match input {
                    Input::Frame(link, Proto::Hello, frame) if link == on && found.is_none() => {
                        found = codec::decode::<HelloFrame>(&frame, Proto::Hello.max_frame()).ok().and_then(|f| f.m);
                    }
                    other => rest.push(other),
                }
            }
            if let Some(stranger) = w.strangers.get_mut(&host) {
                stranger.heard = rest;
            }
            found.is_some()
        });
        found.expect("the hello goes on")
    }

    /// Sends something on the live stream, properly sealed.
    ///
    /// # Panics
    /// If it is not connected.
    pub fn dm(&mut self, w: &mut World, msg: LinkMsg) {
        let wires = self.wires.as_mut().expect("connected");
        let frame = wires.dm.0.seal(&codec::encode(&LinkFrame { m: Some(msg) }));
        w.stranger_sends(self.host, wires.link, Proto::Dm, frame);
    }

    /// Says something about a call, signed as it should be.
    pub fn says_of_call(&mut self, w: &mut World, msg: &CallMsg) {
        let payload = codec::encode(msg);
        let sig = self.device.sign(labels::CALL, &payload).to_vec();
        self.dm(w, LinkMsg::Call(SignedCall { payload, sig }));
    }

    /// Says that its account is deleted.
    ///
    /// # Panics
    /// If it is not connected.
    pub fn says_goodbye(&mut self, w: &mut World) {
        let tombstone = self.secret.sign_tombstone(START.0 + w.at());
        self.dm(w, LinkMsg::Gone(tombstone));
    }

    /// Sends something on the stream for catching up, properly sealed.
    ///
    /// # Panics
    /// If it is not connected.
    pub fn sync(&mut self, w: &mut World, msg: Sync) {
        let wires = self.wires.as_mut().expect("connected");
        let frame = wires.sync.0.seal(&codec::encode(&SyncFrame { m: Some(msg) }));
        w.stranger_sends(self.host, wires.link, Proto::Sync, frame);
    }

    /// Sends bytes that are sealed as they should be and mean nothing.
    ///
    /// # Panics
    /// If it is not connected.
    pub fn garbage(&mut self, w: &mut World, proto: Proto, bytes: &[u8]) {
        let wires = self.wires.as_mut().expect("connected");
        let sealer = if proto == Proto::Sync { &mut wires.sync.0 } else { &mut wires.dm.0 };
        let frame = sealer.seal(bytes);
        w.stranger_sends(self.host, wires.link, proto, frame);
    }

    /// Pushes entries, whatever they are.
    pub fn pushes(&mut self, w: &mut World, chat: SpaceId, entries: &[Parsed]) {
        let entries = entries.iter().map(Parsed::to_wire).collect();
        self.sync(w, Sync::Entries(Entries { space: chat.to_vec(), chan: ChanId::MAIN.to_vec(), entries }));
    }

    /// What the victim sends back on the stream for catching up, opened.
    pub fn hears_sync(&mut self, w: &mut World) -> Vec<Sync> {
        let mut out = Vec::new();
        for input in w.stranger_hears(self.host) {
            let Some(wires) = &mut self.wires else { continue };
            if let Input::Frame(link, Proto::Sync, frame) = input
                && link == wires.link
                && let Ok(plain) = wires.sync.1.open(&frame)
            {
                out.extend(codec::decode::<SyncFrame>(&plain, Proto::Sync.max_frame()).ok().and_then(|f| f.m));
            }
        }
        out
    }

    /// What the victim sends back on the live stream, opened.
    pub fn hears_dm(&mut self, w: &mut World) -> Vec<LinkMsg> {
        let mut out = Vec::new();
        for input in w.stranger_hears(self.host) {
            let Some(wires) = &mut self.wires else { continue };
            if let Input::Frame(link, Proto::Dm, frame) = input
                && link == wires.link
                && let Ok(plain) = wires.dm.1.open(&frame)
            {
                out.extend(codec::decode::<LinkFrame>(&plain, Proto::Dm.max_frame()).ok().and_then(|f| f.m));
            }
        }
        out
    }

    /// Whether the victim ended the connection.
    pub fn was_dropped(&mut self, w: &mut World) -> bool {
        let Some(wires) = &self.wires else { return true };
        let (host, link) = (self.host, wires.link);
        w.stranger_hears(host).iter().any(|input| matches!(input, Input::LinkDown(down) if *down == link))
    }

    /// An own message after `prev`, with any stamp and any references.
    ///
    /// # Panics
    /// If the entry would be malformed.
    #[must_use]
    pub fn forge(&mut self, chat: SpaceId, prev: Option<&Parsed>, deps: Vec<Dep>, hlc: Hlc, text: &str) -> Parsed {
        self.salt = self.salt.wrapping_add(1);
        let draft = Draft {
            space: chat,
            device: self.device.id(),
            chan: ChanId::MAIN,
            seq: prev.map_or(1, |p| p.header().seq + 1),
            prev: prev.map(Parsed::id),
            deps,
            hlc,
            auth: Vec::new(),
            kind: kind::TEXT,
            body: codec::encode(&Text { text: text.into(), reply_to: None }),
        };
        draft.sign([self.salt; 16], |purpose, payload| self.device.sign(purpose, payload)).expect("well formed")
    }

    /// Its own last message in a conversation, from its disk.
    #[must_use]
    pub fn last(&self, entries: &[Parsed]) -> Option<Parsed> {
        let mine = entries.iter().filter(|e| e.header().chan == ChanId::MAIN && e.header().device == self.device.id());
        mine.max_by_key(|e| e.header().seq).cloned()
    }

    /// Its transport key.
    #[must_use]
    pub fn peer(&self, w: &World) -> Option<PeerKey> {
        w.net.peer(self.host)
    }
}

/// Reads a length-delimited field of a protobuf message: a thief knows the format without being given the types.
fn field(mut bytes: &[u8], wanted: u64) -> Option<&[u8]> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match key & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => bytes = bytes.get(8..)?,
            5 => bytes = bytes.get(4..)?,
            2 => {
                let len = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(len)?;
                if key >> 3 == wanted {
                    return Some(value);
                }
                bytes = rest;
            }
            _ => return None,
        }
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut out = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        out |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(out);
        }
    }
    None
}

fn fixed<const N: usize>(bytes: Option<&[u8]>) -> [u8; N] {
    bytes.and_then(|b| b.try_into().ok()).expect("a field of the right length")
}
