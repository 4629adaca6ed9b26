//! People who share no network: found by login, met through relays, told of through the directory.

use veche_protocol::core::command::{Command, CommandError, Reply, Target};
use veche_protocol::directory::claim;
use veche_protocol::directory::record;
use veche_protocol::identity::account::AccountSecret;
use veche_protocol::identity::login::{Login, TagCost, tag};
use veche_protocol::link::Route;
use veche_protocol::time::UnixMs;
use veche_protocol::view::{NearbyView, Relation};
use veche_protocol::wire::directory::{Claim, Claims, RecordKind};
use veche_sim::cast::{Answer, SOON};
use veche_sim::check;
use veche_sim::net::{Host, Place};
use veche_sim::node::{START, Who};
use veche_sim::operator::CLAIM_BITS;
use veche_sim::story::story;
use veche_sim::world::World;

/// Alice and Bob behind routers of their own, and an operator's node that both use.
fn apart(w: &mut World) -> (Who, Who, Host) {
    let (alice, bob) = (w.person("alice", Place::Lan(1)), w.person("bob", Place::Lan(2)));
    let operator = w.operator();
    for who in [alice, bob] {
        w.uses(who, operator);
    }
    (alice, bob, operator)
}

/// What somebody finds for a login once the directory has answered.
fn finds(w: &mut World, who: Who, login: &str, tag: Option<&str>) -> Vec<NearbyView> {
    let mut last = Vec::new();
    for _ in 0..20 {
        match w.want(who, Command::Lookup { login: login.into(), tag: tag.map(Into::into) }) {
            Reply::Claimants { claimants, more, .. } => {
                last = claimants;
                if !more && !last.is_empty() {
                    return last;
                }
            }
            other => panic!("claimants were wanted, not {other:?}"),
        }
        w.run(1_000);
    }
    last
}

fn is_published(w: &mut World, who: Who) -> bool {
    w.until(60_000, |w| w.view(who).network.published)
}

#[test]
fn two_people_who_know_only_each_others_login_find_each_other_and_talk() {
    story("two_people_who_know_only_each_others_login_find_each_other_and_talk", |w| {
        let (alice, bob, _) = apart(w);
        assert!(is_published(w, bob), "Bob is in the directory");
        let found = finds(w, alice, "bob", None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].account_id, w.account(bob));
        w.want(alice, Command::RequestContact { target: Target::Account(found[0].account_id), text: "it is me".into() });
        let of_alice = w.account(alice);
        assert!(w.until(SOON, |w| w.view(bob).person(of_alice).is_some_and(|p| p.relation == Relation::Asking)), "Bob is asked");
        w.want(bob, Command::AcceptRequest(of_alice));
        let of_bob = w.account(bob);
        let friends = |w: &mut World| w.view(alice).person(of_bob).is_some_and(|p| p.relation == Relation::Contact);
        assert!(w.until(SOON, friends), "and says yes");
        let chat = w.chat(alice, bob).expect("a conversation");
        let hello = w.say(alice, chat, "hello from the other side");
        w.sees(bob, chat, hello);
        let route = w.view(alice).person(of_bob).and_then(|p| p.route);
        assert_eq!(route, Some(Route::Relayed), "through the operator's node");
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn somebody_who_moved_is_found_again_through_the_directory() {
    story("somebody_who_moved_is_found_again_through_the_directory", |w| {
        let (alice, bob, first) = apart(w);
        let chat = w.befriend(alice, bob);
        // The operator they met through is gone for good; both come to another while the other sleeps.
        w.stop(bob);
        w.stop_operator(first);
        let second = w.operator();
        w.uses(alice, second);
        assert!(is_published(w, alice));
        w.run(60_000);
        w.start(bob);
        w.uses(bob, second);
        let id = w.say(bob, chat, "found you");
        assert!(w.until(SOON, |w| w.has(alice, chat, id)), "they meet at the new one");
    });
}

/// A claim of "bob" by somebody else, with a tag of the liar's choice.
fn false_claim(n: u64, claimed_tag: Option<&str>, now: u64) -> Claim {
    let mut entropy = [7; 16];
    entropy[..8].copy_from_slice(&n.to_be_bytes());
    let account = AccountSecret::from_entropy(entropy);
    let own = tag(account.account_id(), "bob", TagCost::SIMULATED).expect("a tag");
    let draft = claim::Draft {
        account: account.account_id(),
        login: Login::exact("bob").expect("a login"),
        tag: claimed_tag.map_or(own, ToOwned::to_owned),
        name: "Bob".into(),
        status_text: String::new(),
        reach: vec![],
        doors: vec![],
    };
    let signed = account.sign_claim(&draft.body(UnixMs(START.0 + now)));
    let pow = claim::work(&account.account_id(), &signed.payload).solve(CLAIM_BITS, 0, 1 << 12).expect("a nonce");
    Claim { claim: Some(signed), pow }
}

fn record_of(claims: Vec<Claim>) -> Vec<u8> {
    record::encode(RecordKind::Claims(Claims { claims }))
}

#[test]
fn a_thousand_false_claims_do_not_hide_login_and_tag() {
    story("a_thousand_false_claims_do_not_hide_login_and_tag", |w| {
        let (alice, bob, _) = apart(w);
        assert!(is_published(w, bob));
        let of_bob = w.account(bob);
        let his = tag(of_bob, "bob", TagCost::SIMULATED).expect("a tag");
        let login = Login::exact("bob").expect("a login");
        let now = w.at();
        for n in 0..200 {
            w.put_record(claim::login_key(&login), &record_of(vec![false_claim(n, None, now)]));
            let liar = false_claim(1_000 + n, Some(&his), now);
            assert_eq!(w.put_record(claim::tagged_key(&login, &his), &record_of(vec![liar])), 0, "no node takes a false tag");
        }
        let found = finds(w, alice, "bob", Some(&his));
        assert_eq!(found.iter().map(|f| f.account_id).collect::<Vec<_>>(), vec![of_bob]);
        let crowd = finds(w, alice, "bob", None).len();
        assert!((12..=13).contains(&crowd), "a bare login is a list, here of {crowd}: what a node keeps, and Bob");
    });
}

#[test]
fn lies_of_the_directory_are_not_shown() {
    story("lies_of_the_directory_are_not_shown", |w| {
        let (alice, bob, honest) = apart(w);
        let liar = w.operator();
        w.uses(alice, liar);
        assert!(is_published(w, bob));
        let of_bob = w.account(bob);
        let his = tag(of_bob, "bob", TagCost::SIMULATED).expect("a tag");
        let now = w.at();
        let mut forged = false_claim(1, None, now);
        if let Some(signed) = &mut forged.claim {
            signed.sig[0] ^= 1;
        }
        let lies = record_of(vec![forged, false_claim(2, Some(&his), now)]);
        w.operators.get_mut(&liar).expect("the liar").lies = Some(lies);
        assert!(w.records(honest) > 0);
        let tagged = |f: &NearbyView| f.tag.as_deref() == Some(his.as_str());
        let sure = |w: &mut World| finds(w, alice, "bob", Some(&his)).iter().all(tagged);
        assert!(w.eventually(30_000, sure), "whoever claims a tag that is not theirs is forgotten");
        assert_eq!(finds(w, alice, "bob", Some(&his)).iter().map(|f| f.account_id).collect::<Vec<_>>(), vec![of_bob]);
    });
}

#[test]
fn a_relay_that_dies_is_left_and_one_that_comes_back_is_used_again() {
    story("a_relay_that_dies_is_left_and_one_that_comes_back_is_used_again", |w| {
        let (alice, bob, operator) = apart(w);
        let chat = w.befriend(alice, bob);
        w.stop_operator(operator);
        w.run(30_000);
        let id = w.say(alice, chat, "are you there?");
        w.run(120_000);
        assert!(!w.has(bob, chat, id), "there is no way");
        w.start_operator(operator);
        w.sees(bob, chat, id);
    });
}

#[test]
fn the_death_of_one_of_two_relays_is_a_pause_of_seconds() {
    story("the_death_of_one_of_two_relays_is_a_pause_of_seconds", |w| {
        let (alice, bob, _) = apart(w);
        let second = w.operator();
        for who in [alice, bob] {
            w.uses(who, second);
        }
        let chat = w.befriend(alice, bob);
        let id = w.say(alice, chat, "before");
        w.sees(bob, chat, id);
        w.run(5_000);
        let relay = w.net.relay_between(alice, bob).expect("they talk through a relay");
        w.stop_operator(relay);
        let (writer, reader) = if w.dice.chance(500) { (alice, bob) } else { (bob, alice) };
        let id = w.say(writer, chat, "meanwhile");
        assert!(w.until(3_000, |w| w.has(reader, chat, id)), "long before anybody knows that the relay is dead");
        let id = w.say(reader, chat, "and back");
        assert!(w.until(3_000, |w| w.has(writer, chat, id)));
        check::converges(w, &[alice, bob], chat);
    });
}

#[test]
fn a_deleted_account_is_found_no_more() {
    story("a_deleted_account_is_found_no_more", |w| {
        let (alice, bob, _) = apart(w);
        assert!(is_published(w, bob));
        assert_eq!(finds(w, alice, "bob", None).len(), 1);
        w.want(bob, Command::DeleteAccount);
        w.run(60_000);
        let carol = w.person("carol", Place::Lan(3));
        let operator = *w.operators.keys().next().expect("the operator");
        w.uses(carol, operator);
        assert_eq!(finds(w, carol, "bob", None), vec![]);
    });
}

#[test]
fn whoever_does_not_want_to_be_listed_is_not() {
    story("whoever_does_not_want_to_be_listed_is_not", |w| {
        let (alice, bob) = (w.person("alice", Place::Lan(1)), w.person("bob", Place::Lan(2)));
        let operator = w.operator();
        w.set(bob, |s| s.listed = false);
        for who in [alice, bob] {
            w.uses(who, operator);
        }
        w.run(120_000);
        assert_eq!(finds(w, alice, "bob", None), vec![]);
    });
}

#[test]
fn without_an_operator_a_lookup_says_that_there_is_nobody_to_ask() {
    story("without_an_operator_a_lookup_says_that_there_is_nobody_to_ask", |w| {
        let alice = w.alice();
        let Reply::Claimants { claimants, more, nowhere } = w.want(alice, Command::Lookup { login: "bob".into(), tag: None }) else {
            panic!("claimants were wanted");
        };
        assert_eq!((claimants, more, nowhere), (vec![], false, true));
        let hint = veche_protocol::link::Hint {
            peer: veche_protocol::ids::PeerKey([1; 32]),
            addr: veche_protocol::link::Addr::behind(
                veche_protocol::ids::PeerKey([2; 32]),
                "203.0.113.1:1".parse().expect("an address"),
                veche_protocol::link::Transport::Quic,
            ),
        };
        let refused = w.ask(alice, Command::AddOperators(vec![hint]));
        assert!(matches!(refused, Answer::No(CommandError::Invalid { field: "multiaddr", .. })), "{refused:?}");
    });
}
