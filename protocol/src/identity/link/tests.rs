//! Links survive the way they travel, and nothing odd gets through.

use super::*;
use proptest::prelude::*;

fn hint(ip: &str, transport: Transport, peer: u8) -> Hint {
    Hint { peer: PeerKey([peer; 32]), addr: Addr::direct(SocketAddr::new(ip.parse().unwrap(), 4242), transport) }
}

fn behind(ip: &str, peer: u8) -> Hint {
    let at = hint(ip, Transport::Quic, peer);
    Hint { addr: Addr { relay: Some(PeerKey([9; 32])), ..at.addr }, ..at }
}

fn full() -> ContactLink {
    ContactLink {
        account: AccountId([7; 32]),
        code: Some([1, 2, 3, 4, 5, 6, 7, 8]),
        login: Some("anna".into()),
        hints: vec![
            hint("192.168.1.5", Transport::Quic, 1),
            hint("10.0.0.1", Transport::Tcp, 2),
            hint("fe80::1", Transport::Quic, 3),
            behind("203.0.113.9", 4),
        ],
        operators: vec![hint("203.0.113.9", Transport::Quic, 9), hint("2001:db8::1", Transport::Tcp, 8)],
    }
}

/// A link with these bytes and a valid check.
fn sealed(mut body: Vec<u8>) -> Vec<u8> {
    body.extend(check(&body));
    body
}

fn bare() -> Vec<u8> {
    [vec![1, 0], vec![7; 32]].concat()
}

#[test]
fn a_link_is_read_as_written_however_it_is_pasted() {
    let text = full().to_string();
    assert!(text.starts_with("veche:c/"), "{text}");
    assert_eq!(ContactLink::parse(&text), Ok(full()));
    let (head, tail) = text.split_at(40);
    assert_eq!(ContactLink::parse(&format!("\n  {head}\n{tail}  ")), Ok(full()));
    assert_eq!(ContactLink::parse(&text.replacen("veche:", "VECHE://", 1)), Ok(full()));
    let bare = ContactLink { account: AccountId([7; 32]), code: None, login: None, hints: vec![], operators: vec![] };
    assert_eq!(ContactLink::parse(&bare.to_string()), Ok(bare));
}

#[test]
fn a_damaged_link_is_told_from_another_kind_of_text() {
    let text = full().to_string();
    for cut in 8..text.len() {
        assert_eq!(ContactLink::parse(text.get(..cut).unwrap()), Err(LinkError::Damaged), "cut at {cut}");
    }
    for other in ["", "veche:", "veche:i/AAAA", "https://example.org", "привет", "veche"] {
        assert_eq!(ContactLink::parse(other), Err(LinkError::NotContact), "{other}");
    }
}

#[test]
fn impossible_parts_are_named() {
    let parse = |body: Vec<u8>| ContactLink::from_bytes(&sealed(body));
    assert!(parse(bare()).is_ok());
    assert_eq!(parse([bare(), vec![0]].concat()), Err(LinkError::Unfit("length")));
    let with = |flags: u8, rest: &[u8]| [vec![1, flags], vec![7; 32], rest.to_vec()].concat();
    assert_eq!(parse(with(1, &[1, 2, 3])), Err(LinkError::Unfit("length")));
    assert_eq!(parse(with(2, b"\x04An a")), Err(LinkError::Unfit("login")));
    assert_eq!(parse(with(2, b"\xffanna")), Err(LinkError::Unfit("length")));
    assert_eq!(parse(with(4, &[0])), Err(LinkError::Unfit("number of addresses")));
    assert_eq!(parse(with(4, &[9])), Err(LinkError::Unfit("number of addresses")));
    let hint = |ip: [u8; 4], port: u8| [&[1][..], &ip, &[0, port, 1], &[5; 32]].concat();
    assert_eq!(parse(with(4, &hint([0; 4], 1))), Err(LinkError::Unfit("address")));
    assert_eq!(parse(with(4, &hint([224, 0, 0, 1], 1))), Err(LinkError::Unfit("address")));
    assert_eq!(parse(with(4, &hint([1; 4], 0))), Err(LinkError::Unfit("address")));
    assert_eq!(ContactLink::from_bytes(&[2, 0, 0]), Err(LinkError::Newer));
    assert_eq!(parse([vec![0, 0], vec![7; 32]].concat()), Err(LinkError::Unfit("version")));
}

#[test]
fn what_a_newer_program_adds_is_skipped() {
    let mut newer = full().to_bytes();
    newer.truncate(newer.len() - CHECK);
    newer[1] |= 0x80;
    newer.extend(b"something new");
    assert_eq!(ContactLink::from_bytes(&sealed(newer)), Ok(full()));
    let body = [vec![1, 4], vec![7; 32], vec![1, 1, 2, 3, 4, 0, 9, 77], vec![5; 32]].concat();
    assert_eq!(ContactLink::from_bytes(&sealed(body)).unwrap().hints, vec![]);
}

proptest! {
    #[test]
    fn arbitrary_input_never_panics(text in "(veche:c/)?[A-Za-z0-9_-]{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ContactLink::parse(&text);
        let _ = ContactLink::from_bytes(&sealed([vec![1], bytes].concat()));
    }
}
