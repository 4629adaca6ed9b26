//! Contact requests made by hand: by somebody who has an account of their own, and may say of it what they like.

use crate::net::Host;
use crate::node::{START, Who};
use crate::world::World;
use veche_protocol::core::input::Input;
use veche_protocol::crypto::pow::Challenge;
use veche_protocol::crypto::ratchet::{DeviceKeys, Pair, PeerKeys, RatchetKind, pad};
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::device::{DeviceInfo, DeviceSecret, DeviceSetInfo, PrekeyInfo, device_set};
use veche_protocol::ids::{AccountId, DeviceId, LinkId};
use veche_protocol::link::Proto;
use veche_protocol::time::UnixMs;
use veche_protocol::wire::codec;
use veche_protocol::wire::identity::{Profile, Signed};
use veche_protocol::wire::inbox::{Bundle, Deliver, Inbox, InboxFrame, Query};
use veche_protocol::wire::link::{ContactRequest, Inner, Payload};

/// Tries at a proof of work: far more than the few bits of a simulated world need.
const TRIES: u64 = 1 << 20;

/// A device, or what is said to be one.
pub struct Device {
    /// Its key.
    pub id: DeviceId,
    /// Keys with which sessions begin.
    pub keys: DeviceKeys,
    /// Its prekeys, signed by it.
    pub bundle: Signed,
}

/// Somebody who makes requests by hand.
pub struct Forger {
    account: AccountSecret,
}

impl Device {
    /// A device of one's own.
    #[must_use]
    pub fn own(w: &mut World) -> Self {
        let (secret, keys) = (DeviceSecret::from_seed(w.dice.bytes()), ratchet_keys(w));
        let bundle = secret.sign_bundle(&keys.bundle(secret.id(), START.0, 1));
        Self { id: secret.id(), keys, bundle }
    }

    /// Somebody else's device, of which everything is known that its owner tells whoever asks.
    ///
    /// # Panics
    /// If its owner does not answer.
    pub fn of(w: &mut World, host: Host, owner: Who) -> Self {
        let (link, told) = w.asks_for_keys(host, owner);
        w.leaves(host, link);
        let bundle = told.prekeys.expect("prekeys");
        let id = PrekeyInfo::verify(&bundle).expect("sound prekeys").device;
        Self { id, keys: ratchet_keys(w), bundle }
    }
}

fn ratchet_keys(w: &mut World) -> DeviceKeys {
    DeviceKeys::generate(RatchetKind::Double, w.dice.bytes(), START)
}

impl Forger {
    /// Somebody with an account.
    #[must_use]
    pub fn new(w: &mut World) -> Self {
        Self { account: AccountSecret::from_entropy(w.dice.bytes()) }
    }

    /// Their account.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account.account_id()
    }

    /// What they say their devices are.
    #[must_use]
    pub fn set(&self, epoch: u64, devices: &[&Device]) -> Signed {
        let info = |d: &&Device| DeviceInfo {
            device: d.id,
            olm: d.keys.identity(),
            ek: d.keys.ek_public(),
            added_ms: 0,
            label_ct: Vec::new(),
            caps: 0,
        };
        let devices: Vec<DeviceInfo> = devices.iter().map(info).collect();
        self.account.sign_device_set(&device_set(self.account(), epoch, &devices, None))
    }

    /// Asks somebody for contact, from a device. Whether the request is taken.
    ///
    /// # Panics
    /// If there is no answer.
    pub fn asks(&self, w: &mut World, host: Host, to: Who, from: &Device, set: Signed) -> bool {
        let (link, keys) = w.asks_for_keys(host, to);
        let deliver = self.request(w, to, from, set, &keys);
        w.hands_over(host, link, deliver)
    }

    /// Asks, and hands over the very same request again after something happened. Whether it is taken again.
    ///
    /// # Panics
    /// If it is not taken the first time.
    pub fn asks_twice(&self, w: &mut World, host: Host, to: Who, from: &Device, set: Signed, between: impl FnOnce(&mut World)) -> bool {
        let (link, keys) = w.asks_for_keys(host, to);
        let deliver = self.request(w, to, from, set, &keys);
        assert!(w.hands_over(host, link, deliver.clone()), "it is taken");
        between(w);
        // Whatever ended with it is noticed by then.
        w.run(1_000);
        let (link, _) = w.asks_for_keys(host, to);
        w.hands_over(host, link, deliver)
    }

    fn request(&self, w: &mut World, to: Who, from: &Device, set: Signed, keys: &Bundle) -> Deliver {
        let (owner, now) = (w.account(to), UnixMs(START.0 + w.at()));
        let prekeys = PrekeyInfo::verify(keys.prekeys.as_ref().expect("prekeys")).expect("sound prekeys");
        let devices = DeviceSetInfo::verify(keys.device_set.as_ref().expect("devices"), owner).expect("sound devices");
        let olm = devices.device(prekeys.device).expect("a listed device").olm;
        let request = ContactRequest {
            device_set: Some(set),
            prekeys: Some(from.bundle.clone()),
            profile: Some(Profile { seq: 1, login: "forger".into(), name: "Forger".into(), ..Profile::default() }),
            text: "may I?".into(),
            request_id: w.dice.bytes::<16>().to_vec(),
            reply_key: w.dice.bytes::<32>().to_vec(),
            made_ms: now.0,
            hints: Vec::new(),
            code: Vec::new(),
            queues: None,
        };
        let inner = Inner {
            space: vec![0; 32],
            from: from.id.to_vec(),
            to: prekeys.device.to_vec(),
            id: w.dice.bytes::<16>().to_vec(),
            m: Some(Payload::Request(request)),
            pad: Vec::new(),
        };
        let plain = pad(inner).expect("it fits");
        let mut pair = Pair::new(RatchetKind::Double, from.id, prekeys.device);
        let peer = PeerKeys { olm, bundle: Some(&prekeys) };
        let frame = pair.seal(&from.keys, &peer, &plain, now, w.dice.bytes()).expect("sound keys");
        let work = Challenge::new(&owner, &codec::encode(&frame)).solve(keys.pow_bits, 0, TRIES);
        Deliver {
            account: owner.to_vec(),
            code: Vec::new(),
            pow: work.expect("little work"),
            frame: Some(frame),
            from: from.id.to_vec(),
            olm: from.keys.identity().to_vec(),
        }
    }
}

impl World {
    /// Connects a machine without a core to somebody's node and asks for its keys.
    ///
    /// # Panics
    /// If they are not told.
    pub fn asks_for_keys(&mut self, host: Host, of: Who) -> (LinkId, Bundle) {
        let (link, _) = self.stranger_dials(host, of);
        let query = Query { account: self.account(of).to_vec(), code: Vec::new() };
        self.inbox(host, link, Inbox::Query(query));
        match self.inbox_answer(host, link) {
            Inbox::Bundle(bundle) => (link, bundle),
            other => panic!("keys were asked for, not {other:?}"),
        }
    }

    fn hands_over(&mut self, host: Host, link: LinkId, deliver: Deliver) -> bool {
        self.inbox(host, link, Inbox::Deliver(deliver));
        let taken = matches!(self.inbox_answer(host, link), Inbox::Stored(_));
        self.leaves(host, link);
        taken
    }

    /// A new question needs a new connection: on one of them only a few are answered.
    fn leaves(&mut self, host: Host, link: LinkId) {
        self.net.close(self.at(), host, link);
        self.collect();
        self.run(200);
    }

    fn inbox(&mut self, host: Host, link: LinkId, m: Inbox) {
        self.stranger_sends(host, link, Proto::Inbox, codec::encode(&InboxFrame { m: Some(m) }));
    }

    fn inbox_answer(&mut self, host: Host, on: LinkId) -> Inbox {
        let mut answer = None;
        self.until(60_000, |w| {
            for input in w.stranger_hears(host) {
                if let Input::Frame(link, Proto::Inbox, frame) = input
                    && link == on
                {
                    answer = codec::decode::<InboxFrame>(&frame, Proto::Inbox.max_frame()).ok().and_then(|f| f.m);
                }
            }
            answer.is_some()
        });
        answer.expect("an answer")
    }
}
