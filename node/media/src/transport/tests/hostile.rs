//! What a hostile peer, or somebody on the way, may try.

use std::net::UdpSocket;
use std::time::Duration;

use veche_protocol::call::media::{DescriptionKind, MediaFailure};

use super::pair::{connected_pair, loopback, number, open, send_sound, until};
use crate::transport::{CandidateRefusal, DescriptionRefusal, Fingerprint, Leg, LegError, LegEvent, Ways};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_with_a_fingerprint_that_nobody_signed_is_refused() {
    let (a, b) = (open().await, open().await);
    let offer = a.leg.offer(false).await.unwrap();
    let signed = Fingerprint([7; 32]);
    let refused = b.leg.remote(DescriptionKind::Offer, offer.as_bytes(), &signed).await;
    assert_eq!(refused, Err(LegError::Description(DescriptionRefusal::WrongFingerprint)));
    assert_eq!(MediaFailure::from(refused.unwrap_err()), MediaFailure::Impostor);
}

/// Somebody on the way swaps nothing in the signed description, but answers the handshake with a certificate of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_other_than_the_signed_one_ends_the_leg() {
    let (mut a, mut b) = (open().await, open().await);
    let claimed = Fingerprint([0x5A; 32]);
    let offer = a.leg.offer(false).await.unwrap();
    let forged = offer.replace(&a.leg.fingerprint().to_string(), &claimed.to_string());
    assert_ne!(forged, offer);
    let answer = b.leg.remote(DescriptionKind::Offer, forged.as_bytes(), &claimed).await.unwrap().unwrap();
    a.leg.remote(DescriptionKind::Answer, answer.as_bytes(), &b.leg.fingerprint()).await.unwrap();
    until(&mut a, &mut b, |_, b| b.events.contains(&LegEvent::Failed(MediaFailure::Impostor))).await;
    assert!(send_sound(&a, &mut b, 0..10).await.is_empty(), "no sound of an impostor is heard");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_nothing_is_refused() {
    let (a, b) = (open().await, open().await);
    let offer = a.leg.offer(false).await.unwrap();
    let answer = b.leg.remote(DescriptionKind::Offer, offer.as_bytes(), &a.leg.fingerprint()).await.unwrap().unwrap();
    let fresh = open().await;
    let out_of_turn = fresh.leg.remote(DescriptionKind::Answer, answer.as_bytes(), &b.leg.fingerprint()).await;
    assert_eq!(out_of_turn, Err(LegError::OutOfTurn));
    for rubbish in [&b"\xFF\xFE"[..], b"", b"v=0", &[b'a'; 100_000]] {
        assert!(b.leg.remote(DescriptionKind::Offer, rubbish, &a.leg.fingerprint()).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_cannot_aim_this_device() {
    let (leg, _output) = Leg::open(Ways { loopback: false, ..loopback() }).await.unwrap();
    for (line, why) in [
        ("candidate:1 1 udp 1 127.0.0.1 53 typ host", CandidateRefusal::Address),
        ("candidate:1 1 udp 1 239.255.255.250 1900 typ host", CandidateRefusal::Address),
        ("candidate:1 1 udp 1 printer.local 9100 typ host", CandidateRefusal::Name),
        ("candidate:1 1 tcp 1 93.184.216.34 80 typ host tcptype passive", CandidateRefusal::Transport),
    ] {
        assert_eq!(leg.candidate(line).await, Err(why), "{line}");
    }
    let many = (0..100_u8).map(|last| format!("candidate:1 1 udp 1 93.184.216.{last} 9 typ host"));
    let mut taken = 0;
    for line in many {
        taken += usize::from(leg.candidate(&line).await.is_ok());
    }
    assert_eq!(taken, crate::transport::MAX_CANDIDATES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rubbish_and_foreign_streams_change_nothing() {
    let (mut a, mut b) = (open().await, open().await);
    super::pair::negotiate(&a, &b, false).await;
    let mut target = None;
    while target.is_none() {
        if let Some(LegEvent::Candidate(line)) = b.output.events.recv().await {
            a.leg.candidate(&line).await.unwrap();
            target = line.split(' ').nth(5).map(|port| format!("127.0.0.1:{port}"));
        }
    }
    until(&mut a, &mut b, |a, b| super::pair::connected(a) && super::pair::connected(b)).await;

    let target = target.unwrap();
    let before = b.leg.counts().await.refused;
    let attacker = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for index in 0..3000_u32 {
            let mut datagram = vec![0x80, 111, 0, 1, 0, 0, 0, 0];
            datagram.extend(index.wrapping_mul(2_654_435_761).to_be_bytes());
            datagram.extend([0x55; 60]);
            datagram[0] = [0x80, 0xBF, 0xFF, 0x10, 0x50][usize::try_from(index % 5).unwrap()];
            socket.send_to(&datagram, &target).unwrap();
            if index % 50 == 0 {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    let heard = send_sound(&a, &mut b, 0..100).await;
    attacker.join().unwrap();
    assert!(heard.len() >= 98, "{} of 100 heard", heard.len());
    assert!(heard.iter().all(|packet| number(packet) < 100));
    let refused = b.leg.counts().await.refused - before;
    assert!(refused >= 2000, "{refused} datagrams were not let in");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_offers_cannot_bring_other_streams_or_certificates() {
    let (a, b) = connected_pair().await;
    let offer = a.leg.offer(true).await.unwrap();
    let stream = offer.lines().find_map(|line| line.strip_prefix("a=ssrc:")).and_then(|line| line.split(' ').next()).unwrap();
    let swapped = offer.replace(stream, "12345");
    let refused = b.leg.remote(DescriptionKind::Offer, swapped.as_bytes(), &a.leg.fingerprint()).await;
    assert_eq!(refused, Err(LegError::Description(DescriptionRefusal::Changed)));
    let other = Fingerprint([1; 32]);
    let swapped = offer.replace(&a.leg.fingerprint().to_string(), &other.to_string());
    let refused = b.leg.remote(DescriptionKind::Offer, swapped.as_bytes(), &other).await;
    assert_eq!(refused, Err(LegError::Description(DescriptionRefusal::Changed)));
}
