//! Forgers, squatters and latecomers at one node of the directory.

use super::*;
use crate::directory::address::Spot;
use crate::identity::account::AccountSecret;
use crate::identity::device::{DeviceInfo, DeviceSecret, device_set};
use crate::identity::login::{self, Login, TagCost};
use crate::ids::{DeviceId, PeerKey};
use crate::link::{Addr, Hint, Transport};
use crate::wire::directory::{AccountKeys, LoginClaim};
use crate::wire::identity::PrekeyBundle;
use crate::wire::shapes::KEM_KEY;

/// Bits of work in these tests.
const BITS: u32 = 4;
const NOW: UnixMs = UnixMs(1_800_000_000_000);

fn judge() -> Judge {
    Judge { now: NOW, work: BITS, salt: [9; 32] }
}

fn account(n: u16) -> AccountSecret {
    let mut entropy = [0; 16];
    entropy[..2].copy_from_slice(&n.to_be_bytes());
    AccountSecret::from_entropy(entropy)
}

fn login() -> Login {
    Login::exact("anna").unwrap()
}

fn tag(n: u16) -> String {
    login::tag(account(n).account_id(), "anna", TagCost::SIMULATED).unwrap()
}

fn draft(n: u16) -> claim::Draft {
    let relayed = Addr::behind(PeerKey([8; 32]), "203.0.113.9:4001".parse().unwrap(), Transport::Quic);
    let direct = Addr::direct("192.168.7.7:4001".parse().unwrap(), Transport::Quic);
    let hint = |addr| Hint { peer: PeerKey([7; 32]), addr };
    claim::Draft {
        account: account(n).account_id(),
        login: login(),
        tag: tag(n),
        name: "Anna".into(),
        status_text: String::new(),
        reach: vec![hint(direct), hint(relayed)],
        doors: vec![(hint(direct), [3; claim::QUEUE])],
    }
}

fn signed(n: u16, body: &LoginClaim) -> Claim {
    let claim = account(n).sign_claim(body);
    let pow = claim::work(&account(n).account_id(), &claim.payload).solve(BITS, 0, 10_000).unwrap();
    Claim { claim: Some(claim), pow }
}

fn claim_of(n: u16) -> Claim {
    signed(n, &draft(n).body(NOW))
}

fn record(claims: Vec<Claim>) -> Vec<u8> {
    encode(RecordKind::Claims(Claims { claims }))
}

/// Puts a record where the login lies.
fn put(known: Option<&[u8]>, claims: Vec<Claim>) -> Result<Merged, RecordError> {
    merge(claim::login_key(&login()), known, &record(claims), &judge(), |_, _, _| TagProof::Unknown)
}

fn accounts(value: &[u8]) -> Vec<AccountId> {
    let Ok(RecordKind::Claims(claims)) = decode(value) else { panic!("no claims") };
    claims.claims.iter().map(|c| claim::verify(c, BITS, NOW).unwrap().account).collect()
}

#[test]
fn claims_of_different_people_gather_and_none_replaces_another() {
    let one = put(None, vec![claim_of(1)]).unwrap().value.unwrap();
    let both = put(Some(&one), vec![claim_of(2)]).unwrap().value.unwrap();
    let mut expected = vec![account(1).account_id(), account(2).account_id()];
    expected.sort_unstable();
    assert_eq!(accounts(&both), expected);
    assert_eq!(put(Some(&both), vec![claim_of(1)]).unwrap().value, None, "nothing new");
}

#[test]
fn a_claim_tells_everybody_only_places_behind_relays() {
    let info = claim::verify(&claim_of(1), BITS, NOW).unwrap();
    assert_eq!(info.reach.len(), 1);
    assert!(info.reach[0].addr.relay.is_some());
    assert_eq!(info.doors.len(), 1);
}

#[test]
fn forged_late_and_idle_claims_are_refused() {
    let mut other = claim_of(1);
    other.claim.as_mut().unwrap().sig = claim_of(2).claim.unwrap().sig;
    assert_eq!(put(None, vec![other]), Err(RecordError::Claim(claim::ClaimError::Signature)));
    let mut idle = claim_of(1);
    while claim::work(&account(1).account_id(), &idle.claim.as_ref().unwrap().payload).check(BITS, idle.pow) {
        idle.pow += 1;
    }
    assert_eq!(put(None, vec![idle]), Err(RecordError::Claim(claim::ClaimError::Work)));
    let body = LoginClaim { until_ms: NOW.0, ..draft(1).body(NOW) };
    assert_eq!(put(None, vec![signed(1, &body)]), Err(RecordError::Claim(claim::ClaimError::Time)));
    let body = LoginClaim { until_ms: NOW.after(limits::CLAIM_LIFETIME * 2).0, ..draft(1).body(NOW) };
    assert_eq!(put(None, vec![signed(1, &body)]), Err(RecordError::Claim(claim::ClaimError::Time)));
    let body = LoginClaim { login: "boris".into(), ..draft(1).body(NOW) };
    assert_eq!(put(None, vec![signed(1, &body)]), Err(RecordError::WrongKey));
    assert_eq!(merge(claim::login_key(&login()), None, b"garbage", &judge(), |_, _, _| TagProof::Unknown), Err(RecordError::Malformed));
}

#[test]
fn an_older_claim_never_replaces_a_newer_one_and_the_end_is_final() {
    let newer = signed(1, &draft(1).body(NOW.after(std::time::Duration::from_secs(60))));
    let kept = put(None, vec![newer]).unwrap().value.unwrap();
    assert_eq!(put(Some(&kept), vec![claim_of(1)]).unwrap().value, None);
    let ended = put(Some(&kept), vec![signed(1, &draft(1).end(NOW))]).unwrap().value.unwrap();
    let again = signed(1, &draft(1).body(NOW.after(std::time::Duration::from_secs(120))));
    assert_eq!(put(Some(&ended), vec![again]).unwrap().value, None);
    let Ok(RecordKind::Claims(claims)) = decode(&ended) else { panic!("no claims") };
    assert!(claim::verify(&claims.claims[0], BITS, NOW).unwrap().gone);
}

#[test]
fn a_crowd_is_sampled_and_the_set_stays_within_a_packet() {
    let mut kept: Option<Vec<u8>> = None;
    for n in 0..100 {
        if let Some(value) = put(kept.as_deref(), vec![claim_of(n)]).unwrap().value {
            kept = Some(value);
        }
    }
    let kept = kept.unwrap();
    assert!(kept.len() <= limits::RECORD, "{}", kept.len());
    assert_eq!(accounts(&kept).len(), limits::CLAIMS);
    // Another node, with another secret, keeps others: together they show more than one could.
    let mut elsewhere: Option<Vec<u8>> = None;
    for n in 0..100 {
        let other = Judge { salt: [1; 32], ..judge() };
        let news = record(vec![claim_of(n)]);
        let merged = merge(claim::login_key(&login()), elsewhere.as_deref(), &news, &other, |_, _, _| TagProof::Unknown).unwrap();
        elsewhere = merged.value.or(elsewhere);
    }
    assert_ne!(accounts(&kept), accounts(&elsewhere.unwrap()));
}

#[test]
fn only_the_account_with_the_tag_lies_at_login_and_tag() {
    let key = claim::tagged_key(&login(), &tag(1));
    let at = |claim: Claim, proof| merge(key, None, &record(vec![claim]), &judge(), |_, _, _| proof);
    assert_eq!(at(claim_of(2), TagProof::Unknown), Err(RecordError::WrongKey), "another tag is another place");
    let asked = at(claim_of(1), TagProof::Unknown).unwrap();
    assert_eq!((asked.value, asked.unproven), (None, vec![(account(1).account_id(), "anna".into(), tag(1))]));
    assert!(at(claim_of(1), TagProof::Right).unwrap().value.is_some());
    let liar = signed(2, &LoginClaim { tag: tag(1), ..draft(2).body(NOW) });
    assert_eq!(at(liar, TagProof::Wrong), Err(RecordError::WrongKey));
}

fn keys_of(n: u16, epoch: u64, devices: &[u8], seq: u64) -> AccountKeys {
    let infos: Vec<DeviceInfo> = devices
        .iter()
        .map(|d| DeviceInfo {
            device: DeviceSecret::from_seed([*d; 32]).id(),
            olm: [1; 32],
            ek: [1; 32],
            added_ms: 0,
            label_ct: vec![],
            caps: 0,
        })
        .collect();
    let bundles = devices.iter().map(|d| {
        let device = DeviceSecret::from_seed([*d; 32]);
        device.sign_bundle(&PrekeyBundle {
            v: 1,
            device: device.id().to_vec(),
            seq,
            olm_prekey: vec![2; 32],
            kem: vec![3; KEM_KEY],
            made_ms: 1,
        })
    });
    AccountKeys {
        device_set: Some(account(n).sign_device_set(&device_set(account(n).account_id(), epoch, &infos, None))),
        bundles: bundles.collect(),
    }
}

fn put_keys(known: Option<&[u8]>, keys: AccountKeys) -> Result<Option<Vec<u8>>, RecordError> {
    let news = encode(RecordKind::Keys(keys));
    merge(keys::key(account(1).account_id()), known, &news, &judge(), |_, _, _| TagProof::Unknown).map(|merged| merged.value)
}

#[test]
fn keys_merge_by_device_and_nobody_elses_are_taken() {
    let first = put_keys(None, keys_of(1, 1, &[1], 5)).unwrap().unwrap();
    let second = put_keys(Some(&first), keys_of(1, 2, &[1, 2], 4)).unwrap().unwrap();
    let Ok(RecordKind::Keys(found)) = decode(&second) else { panic!("no keys") };
    let info = keys::verify(&found, keys::key(account(1).account_id())).unwrap();
    let seqs: BTreeMap<DeviceId, u64> = info.bundles.iter().map(|(d, (b, _))| (*d, b.seq)).collect();
    let device = |d: u8| DeviceSecret::from_seed([d; 32]).id();
    assert_eq!(seqs, [(device(1), 5), (device(2), 4)].into(), "an older bundle replaces none");
    assert_eq!(put_keys(Some(&second), keys_of(1, 1, &[1], 5)).unwrap(), None, "an older set replaces none");
    assert_eq!(put_keys(Some(&second), keys_of(2, 9, &[3], 1)), Err(RecordError::Keys));
    // The largest record of keys fits what the directory takes.
    let full = put_keys(None, keys_of(1, 3, &[1, 2, 3, 4, 5, 6], 7)).unwrap().unwrap();
    assert!(full.len() <= limits::RECORD, "{}", full.len());
}

#[test]
fn an_address_is_for_one_contact_and_the_newer_one_holds() {
    let hint = |port| Hint { peer: PeerKey([7; 32]), addr: Addr::direct(([192, 168, 0, 1], port).into(), Transport::Tcp) };
    let (device, today) = (DeviceId([4; 32]), address::day(NOW));
    let spot = Spot::new(&[1; 32], device, today);
    let old = spot.seal(&[hint(1)], NOW, [1; 16]);
    let new = spot.seal(&[hint(2); limits::HINTS], NOW.after(std::time::Duration::from_secs(1)), [2; 16]);
    assert_eq!(old.sealed.as_ref().unwrap().payload.len(), new.sealed.as_ref().unwrap().payload.len(), "one size for all");
    let put = |known: Option<&[u8]>, found| {
        merge(spot.key(), known, &encode(RecordKind::Address(found)), &judge(), |_, _, _| TagProof::Unknown).map(|merged| merged.value)
    };
    let kept = put(None, new.clone()).unwrap().unwrap();
    assert_eq!(put(Some(&kept), old.clone()).unwrap(), None);
    assert_eq!(spot.open(&new).unwrap().1, vec![hint(2); limits::HINTS]);
    for other in [Spot::new(&[2; 32], device, today), Spot::new(&[1; 32], device, today + 1), Spot::new(&[1; 32], DeviceId([5; 32]), today)]
    {
        assert_ne!(other.key(), spot.key());
        assert!(other.open(&new).is_err());
        assert_eq!(put(None, other.seal(&[hint(1)], NOW, [3; 16])), Err(RecordError::WrongKey));
    }
    let mut forged = new;
    forged.sealed.as_mut().unwrap().sig = old.sealed.unwrap().sig;
    assert_eq!(put(None, forged), Err(RecordError::Address));
}
