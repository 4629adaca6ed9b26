//! What somebody learns who was never let in, and what they can do.

use veche_protocol::core::command::ProfilePatch;
use veche_protocol::core::input::Input;
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::device::{DeviceInfo, DeviceSecret, device_set};
use veche_protocol::identity::lan;
use veche_protocol::ids::LinkId;
use veche_protocol::link::Proto;
use veche_protocol::view::{Gate, Relation};
use veche_protocol::wire::codec;
use veche_protocol::wire::hello::{Hello, HelloFrame, Nonce, Tags};
use veche_protocol::wire::identity::{LanHello, Profile};
use veche_protocol::wire::inbox::{Inbox, InboxFrame, Query};
use veche_protocol::wire::link::LinkMsg;
use veche_sim::cast::SOON;
use veche_sim::check;
use veche_sim::net::{Host, Place, Tapped};
use veche_sim::node::Who;
use veche_sim::story::story;
use veche_sim::world::World;

fn hello(w: &mut World, host: Host, link: LinkId, hello: Hello) {
    w.stranger_sends(host, link, Proto::Hello, codec::encode(&HelloFrame { m: Some(hello) }));
}

fn nonce(w: &mut World) -> Hello {
    Hello::Nonce(Nonce { v: 1, nonce: w.dice.bytes::<32>().to_vec(), eph: w.dice.bytes::<32>().to_vec() })
}

fn contains(frame: &[u8], text: &str) -> bool {
    frame.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn an_unknown_node_learns_nothing() {
    story("an_unknown_node_learns_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.say(alice, chat, "the treasure is under the oak");
        let host = w.add_stranger(Place::Lan(1));
        w.net.tap = Some(Vec::new());
        w.stranger_listens(host, [66; 32]);
        let (link, _) = w.stranger_dials(host, alice);
        let first = nonce(w);
        hello(w, host, link, first);
        let tags = (0..16).map(|_| w.dice.bytes::<16>().to_vec()).collect();
        hello(w, host, link, Hello::Tags(Tags { tags }));
        w.set(alice, |s| s.gate = Gate::Nobody);
        let account = w.account(alice).to_vec();
        let query = InboxFrame { m: Some(Inbox::Query(Query { account: account.clone(), code: Vec::new() })) };
        w.stranger_sends(host, link, Proto::Inbox, codec::encode(&query));
        w.edit_profile(alice, ProfilePatch { info: Some("I dig".into()), ..ProfilePatch::default() });
        w.run(60_000);
        let heard: Vec<Tapped> = w.net.tap.take().unwrap_or_default().into_iter().filter(|t| t.to == host).collect();
        assert!(!heard.is_empty(), "she does answer");
        for tapped in &heard {
            for word in ["alice", "Alice", "bob", "Bob", "treasure", "oak"] {
                assert!(!contains(&tapped.frame, word), "a stranger reads {word:?} in {:?}", tapped.proto);
            }
            let named = tapped.frame.windows(32).any(|part| part == account.as_slice() || part == w.account(bob).as_bytes());
            assert!(!named, "a stranger learns an account in {:?}", tapped.proto);
        }
    });
}

#[test]
fn nobody_between_two_people_reads_a_word() {
    story("nobody_between_two_people_reads_a_word", |w| {
        w.net.tap = Some(Vec::new());
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        for n in 0..5 {
            let id = w.say(alice, chat, &format!("the treasure is under oak {n}"));
            w.sees(bob, chat, id);
        }
        w.stop(bob);
        w.say(alice, chat, "the treasure was moved");
        w.start(bob);
        check::converges(w, &[alice, bob], chat);
        let frames = w.net.tap.take().unwrap_or_default();
        assert!(frames.len() > 20);
        for tapped in frames {
            for word in ["treasure", "oak", "alice", "Alice", "bob", "Bob", "hello"] {
                assert!(!contains(&tapped.frame, word), "{word:?} can be read in a frame of {:?}", tapped.proto);
            }
        }
    });
}

#[test]
fn a_recorded_connection_is_worth_nothing_when_replayed() {
    story("a_recorded_connection_is_worth_nothing_when_replayed", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        w.stop(bob);
        w.run(30_000);
        w.net.tap = Some(Vec::new());
        w.start(bob);
        assert!(w.until(SOON, |w| w.is_online(alice, bob)));
        let id = w.say(bob, chat, "once");
        w.sees(alice, chat, id);
        let recorded: Vec<Tapped> = w.net.tap.take().unwrap_or_default().into_iter().filter(|t| t.from == bob && t.to == alice).collect();
        assert!(recorded.len() > 3);
        w.stop(bob);
        w.run(60_000);
        let host = w.add_stranger(Place::Lan(1));
        w.stranger_listens(host, [66; 32]);
        let (link, _) = w.stranger_dials(host, alice);
        for tapped in recorded {
            w.stranger_sends(host, link, tapped.proto, tapped.frame);
            w.run(20);
        }
        w.run(30_000);
        assert!(!w.is_online(alice, bob), "a recording is not Bob");
        assert_eq!(w.words(alice, chat), ["once"]);
        assert_eq!(w.told_of(alice, id), 1);
    });
}

#[test]
fn what_she_says_herself_thrown_back_at_her_proves_nothing() {
    story("what_she_says_herself_thrown_back_at_her_proves_nothing", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        w.befriend(alice, bob);
        w.stop(bob);
        w.run(60_000);
        let host = w.add_stranger(Place::Lan(1));
        w.stranger_listens(host, [66; 32]);
        let (link, _) = w.stranger_dials(host, alice);
        let mut frames = 0;
        for _ in 0..200 {
            for input in w.stranger_hears(host) {
                if let Input::Frame(_, proto, frame) = input {
                    frames += 1;
                    w.stranger_sends(host, link, proto, frame);
                }
            }
            w.run(50);
        }
        assert!(frames > 0);
        assert!(!w.is_online(alice, bob));
        assert_eq!(w.view(alice).network.authenticated, 0, "her own words open no door");
    });
}

#[test]
fn garbage_on_every_protocol_is_refused_and_harms_nobody() {
    story("garbage_on_every_protocol_is_refused_and_harms_nobody", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let chat = w.befriend(alice, bob);
        let host = w.add_stranger(Place::Lan(1));
        w.stranger_listens(host, [66; 32]);
        for proto in Proto::ALL {
            let (link, _) = w.stranger_dials(host, alice);
            if w.dice.chance(500) {
                let first = nonce(w);
                hello(w, host, link, first);
            }
            for _ in 0..20 {
                let len = usize::try_from(w.dice.below(512)).unwrap_or(0);
                let frame: Vec<u8> = w.dice.bytes::<512>().into_iter().take(len).collect();
                w.stranger_sends(host, link, proto, frame);
                w.run(5);
            }
            w.net.close(w.at(), host, link);
            w.run(2_000);
        }
        assert!(w.is_online(alice, bob), "her friend stays connected");
        let id = w.say(bob, chat, "all well?");
        w.sees(alice, chat, id);
        let refused: u64 = w.view(alice).network.refusals.iter().map(|(_, n)| *n).sum();
        assert!(refused >= 5, "what is refused is counted: {:?}", w.view(alice).network.refusals);
    });
}

/// Somebody on the local network who says whatever name they like.
struct Neighbour {
    host: Host,
    link: LinkId,
    device: DeviceSecret,
}

impl Neighbour {
    fn comes(w: &mut World, to: Who) -> Self {
        let host = w.add_stranger(Place::Lan(1));
        w.stranger_listens(host, [66; 32]);
        let (link, _) = w.stranger_dials(host, to);
        let first = nonce(w);
        hello(w, host, link, first);
        Self { host, link, device: DeviceSecret::from_seed([67; 32]) }
    }

    fn says(&self, w: &mut World, account: u8, login: &str) {
        let account = AccountSecret::from_entropy([account; 16]);
        let listed = DeviceInfo { device: self.device.id(), olm: [1; 32], ek: [1; 32], added_ms: 0, label_ct: vec![], caps: 0 };
        let introduction = LanHello {
            v: 1,
            peer: w.net.peer(self.host).expect("listening").to_vec(),
            device_set: Some(account.sign_device_set(&device_set(account.account_id(), 1, &[listed], None))),
            device: self.device.id().to_vec(),
            login: login.into(),
            name: "Neighbour".into(),
            gone: false,
        };
        let frame = codec::encode(&lan::sign(&self.device, &introduction));
        w.stranger_sends(self.host, self.link, Proto::LanHello, frame);
    }
}

#[test]
fn a_neighbour_with_many_names_costs_little_and_keeps_nobody_waiting() {
    story("a_neighbour_with_many_names_costs_little_and_keeps_nobody_waiting", |w| {
        let (alice, bob) = (w.alice(), w.bob());
        let many = Neighbour::comes(w, alice);
        w.run(5_000);
        let before = (w.at(), w.node(alice).hashes);
        w.set(bob, |s| s.visible_nearby = true);
        let accounts = w.dice.between(1, 2);
        for n in 0..400 {
            let account = u8::try_from(n % accounts).unwrap_or(0);
            many.says(w, account, &format!("neighbour{n}"));
            w.run(50);
        }
        let seconds = (w.at() - before.0) / 1_000;
        let hashes = w.node(alice).hashes - before.1;
        assert!(hashes <= seconds + 2, "{hashes} slow hashes in {seconds} s");
        let of_bob = w.account(bob);
        assert!(w.view(alice).nearby.iter().any(|n| n.account_id == of_bob && n.tag.is_some()), "Bob is told apart all the same");
        // To and fro between two names that were seen costs nothing.
        for n in 0..2 {
            many.says(w, 0, &format!("now{n}"));
            w.run(5_000);
        }
        let before = w.node(alice).hashes;
        for n in 0..40 {
            many.says(w, 0, &format!("now{}", n % 2));
            w.run(1_000);
            assert!(w.view(alice).nearby.iter().all(|n| n.tag.is_some()));
        }
        assert_eq!(w.node(alice).hashes, before);
    });
}

#[test]
fn a_connection_leads_to_one_neighbour() {
    story("a_connection_leads_to_one_neighbour", |w| {
        let alice = w.alice();
        let many = Neighbour::comes(w, alice);
        for n in 1..30 {
            many.says(w, n, &format!("neighbour{n}"));
        }
        w.run(5_000);
        let logins: Vec<String> = w.view(alice).nearby.iter().map(|n| n.login.clone()).collect();
        assert_eq!(logins, ["neighbour29"], "ghosts stay in the list");
        w.partition(&[alice], &[many.host]);
        assert!(w.until(30_000, |w| w.view(alice).nearby.is_empty()), "and goes with the connection");
    });
}

#[test]
fn whoever_asks_for_contact_is_called_as_they_asked() {
    story("whoever_asks_for_contact_is_called_as_they_asked", |w| {
        let alice = w.alice();
        let mallory = w.person("mallory", Place::Lan(1));
        w.request(mallory, alice, "may I?");
        assert!(w.until(SOON, |w| w.relation(alice, mallory) == Some(Relation::Asking)));
        assert!(w.until(SOON, |w| w.view(alice).requests[0].tag.is_some()));
        let mut mallory = w.turn_hostile(mallory, alice);
        mallory.connects(w);
        assert_eq!(w.view(alice).network.authenticated, 1);
        let before = w.node(alice).hashes;
        for n in 0..50 {
            let profile = Profile { seq: u64::MAX - 100 + n, login: format!("boss{n}"), name: "Boss".into(), ..Profile::default() };
            mallory.dm(w, LinkMsg::Profile(profile));
            w.run(100);
        }
        assert_eq!(w.view(alice).requests[0].login, "mallory");
        assert_eq!(w.node(alice).hashes, before);
        assert!(w.node(alice).refusals("profile_of_stranger") > 0);
    });
}

#[test]
fn requests_in_masses_stay_bounded() {
    story("requests_in_masses_stay_bounded", |w| {
        let alice = w.alice();
        let host = w.add_stranger(Place::Lan(1));
        w.stranger_listens(host, [66; 32]);
        for _ in 0..3 {
            let (link, _) = w.stranger_dials(host, alice);
            let first = nonce(w);
            hello(w, host, link, first);
            let account = w.account(alice).to_vec();
            for _ in 0..200 {
                let query = InboxFrame { m: Some(Inbox::Query(Query { account: account.clone(), code: Vec::new() })) };
                w.stranger_sends(host, link, Proto::Inbox, codec::encode(&query));
            }
            w.run(5_000);
        }
        assert!(w.node(alice).refusals("inbox_flood") > 0, "asking without end is noticed");
        check::bounded(w);
        let bob = w.bob();
        w.befriend(bob, alice);
        assert_eq!(w.relation(alice, bob), Some(Relation::Contact), "people still come through");
    });
}
