//! Calls through the program itself: a name over the network, then sound between two legs that know nothing but the relay.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise, and say what it measured")]

mod kit;

use bytes::Bytes;
use kit::{Client, Operator};
use std::time::{Duration, Instant};
use veche_media::packet::VoicePacket;
use veche_media::transport::{Leg, LegEvent, LegOutput, Ways};
use veche_protocol::call::media::{DescriptionKind, IceServer, IceSetup, MediaRoute};

/// An operator whose machine has no other address than the loopback one.
const CALLS: &str = "external = [\"/ip4/127.0.0.1/udp/4001/quic-v1\"]\n[turn]\nlisten = [\"127.0.0.1:0\"]\n";

/// Longest time from the descriptions to sound through a relay. A person who was called waits for it.
const CONNECT: Duration = Duration::from_secs(2);

struct End {
    leg: Leg,
    output: LegOutput,
}

impl End {
    /// A leg that tells nobody any address of this machine.
    async fn open(servers: Vec<IceServer>) -> Self {
        let ice = IceSetup { servers, relay_only: true, peer_is_contact: true, ..IceSetup::default() };
        let (leg, output) = Leg::open(Ways { ice, loopback: true }).await.unwrap();
        Self { leg, output }
    }
}

async fn server(operator: &Operator, seed: u8) -> IceServer {
    let mut client = Client::connect(seed, &operator.hint).await;
    let grant = client.call_leave().await.unwrap();
    assert!((6 * 3600 - 2..=6 * 3600).contains(&grant.life_s), "{}", grant.life_s);
    IceServer { urls: grant.urls, username: grant.username, credential: grant.credential }
}

/// Carries candidates between the two until both are connected, or the time is over; how long it took.
async fn connect(a: &mut End, b: &mut End, within: Duration) -> Option<Duration> {
    let start = Instant::now();
    let offer = a.leg.offer(false).await.unwrap();
    let answer = b.leg.remote(DescriptionKind::Offer, offer.as_bytes(), &a.leg.fingerprint()).await.unwrap().unwrap();
    a.leg.remote(DescriptionKind::Answer, answer.as_bytes(), &b.leg.fingerprint()).await.unwrap();
    let mut up = [false; 2];
    while up != [true; 2] {
        let (event, to, at) = tokio::select! {
            Some(event) = a.output.events.recv() => (event, &b.leg, 0),
            Some(event) = b.output.events.recv() => (event, &a.leg, 1),
            () = tokio::time::sleep(within.saturating_sub(start.elapsed())) => return None,
        };
        match event {
            LegEvent::Candidate(line) => {
                assert!(line.contains(" typ relay"), "an address of this machine leaves: {line}");
                to.candidate(&line).await.unwrap();
            }
            LegEvent::Connected(route) => {
                assert_eq!(route, MediaRoute::Relay);
                up[at] = true;
            }
            _ => {}
        }
    }
    Some(start.elapsed())
}

/// Sends a second of sound; how much of it arrives.
async fn speak(from: &End, to: &mut End) -> usize {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let mut heard = 0;
    for number in 0..100_u16 {
        ticks.tick().await;
        let payload = Bytes::from_static(&[0xAA; 80]);
        from.leg.send(VoicePacket { sequence: number, timestamp: u32::from(number) * 480, marker: number == 0, level: 30, payload });
        while to.output.sound.try_recv().is_ok() {
            heard += 1;
        }
    }
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(500), to.output.sound.recv()).await {
        heard += 1;
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_who_know_only_the_relay_hear_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut operator = Operator::start(dir.path(), CALLS).await;
    let (mut anna, mut boris) = (End::open(vec![server(&operator, 1).await]).await, End::open(vec![server(&operator, 2).await]).await);
    let took = connect(&mut anna, &mut boris, Duration::from_secs(30)).await.expect("they find each other");
    println!("connected through the relay in {} ms", took.as_millis());
    assert!(took <= CONNECT, "{took:?}");
    let (there, back) = (speak(&anna, &mut boris).await, speak(&boris, &mut anna).await);
    assert!(there >= 98 && back >= 98, "{there} and {back} of 100 heard");

    let page = operator.get_until("/metrics", "veche_turn_names_total 2\n").await;
    let figure = |name: &str| page.lines().find_map(|line| line.strip_prefix(&format!("{name} "))?.parse::<u64>().ok()).unwrap();
    assert!(figure("veche_turn_places") >= 2 && figure("veche_turn_bytes_total") > 100 * 80 * 4, "{page}");
    assert!(operator.get("/health").await.starts_with("HTTP/1.1 200"));
    anna.leg.close().await;
    boris.leg.close().await;
    let log = operator.end();
    assert!(!log.contains("127.0.0.1"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_not_let_in_is_not_relayed() {
    let dir = tempfile::tempdir().unwrap();
    let operator = Operator::start(dir.path(), CALLS).await;
    let good = server(&operator, 1).await;
    let forged = IceServer { credential: "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(), ..good.clone() };
    let (mut anna, mut boris) = (End::open(vec![good]).await, End::open(vec![forged]).await);
    assert_eq!(connect(&mut anna, &mut boris, Duration::from_secs(5)).await, None);
    assert!(!operator.get("/metrics").await.contains("veche_turn_places 2\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_without_a_relay_says_so_and_nobody_takes_more_names_than_they_need() {
    let dir = tempfile::tempdir().unwrap();
    let without = Operator::start(dir.path(), "[turn]\nenabled = false\n").await;
    assert_eq!(Client::connect(1, &without.hint).await.call_leave().await.unwrap_err(), 0);

    let dir = tempfile::tempdir().unwrap();
    let operator = Operator::start(dir.path(), CALLS).await;
    let mut client = Client::connect(1, &operator.hint).await;
    let mut names = std::collections::BTreeSet::new();
    let wait = loop {
        match client.call_leave().await {
            Ok(grant) => assert!(names.insert(grant.username), "no name twice"),
            Err(wait) => break wait,
        }
    };
    assert_eq!((names.len(), wait), (8, 600));
}
