//! What two legs do together.

use std::time::{Duration, Instant};

use veche_protocol::call::media::{DescriptionKind, IceSetup, MediaFailure, MediaRoute};

use super::pair::{connected, connected_pair, loopback, negotiate, number, open, send_sound, until};
use crate::transport::{Control, Leg, LegError, LegEvent, Ways};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_goes_both_ways() {
    let start = Instant::now();
    let (mut a, mut b) = connected_pair().await;
    println!("set up in {} ms", start.elapsed().as_millis());

    let there = send_sound(&a, &mut b, 0..100).await;
    let back = send_sound(&b, &mut a, 0..100).await;
    for (arrived, way) in [(&there, "there"), (&back, "back")] {
        assert_eq!(arrived.iter().map(number).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>(), "{way}");
        assert!(arrived.iter().all(|packet| packet.level == 30), "loudness travels {way}");
        let first = &arrived[0];
        assert!(first.marker && !arrived[1].marker);
        for (index, packet) in arrived.iter().enumerate() {
            let index = u16::try_from(index).unwrap();
            assert_eq!(packet.sequence, first.sequence.wrapping_add(index));
            assert_eq!(packet.timestamp, first.timestamp.wrapping_add(u32::from(index) * 480));
        }
    }
    // Reports go once a second, and loss and jitter come with them.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let counts = a.leg.counts().await;
    assert_eq!((counts.packets_sent, counts.packets_received, counts.packets_lost), (100, 100, 0));
    assert!(counts.bytes_received >= 100 * 40 && counts.rtt.is_some(), "{counts:?}");
    assert_eq!(counts.route, Some(MediaRoute::Lan));
    a.leg.close().await;
    b.leg.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_before_there_is_a_connection_is_not_heard_later() {
    let (mut a, mut b) = (open().await, open().await);
    for index in 500..505 {
        a.leg.send(super::pair::packet(index));
    }
    negotiate(&a, &b, false).await;
    until(&mut a, &mut b, |a, b| connected(a) && connected(b)).await;
    let heard = send_sound(&a, &mut b, 0..5).await;
    assert_eq!(heard.iter().map(number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_wait_for_the_description() {
    let (mut a, mut b) = (open().await, open().await);
    let offer = a.leg.offer(false).await.unwrap();
    let mut early = 0;
    while let Some(event) = a.output.events.recv().await {
        match event {
            LegEvent::Candidate(line) => {
                b.leg.candidate(&line).await.unwrap();
                early += 1;
            }
            LegEvent::CandidatesDone => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(early > 0);
    let answer = b.leg.remote(DescriptionKind::Offer, offer.as_bytes(), &a.leg.fingerprint()).await.unwrap().unwrap();
    a.leg.remote(DescriptionKind::Answer, answer.as_bytes(), &b.leg.fingerprint()).await.unwrap();
    until(&mut a, &mut b, |a, b| connected(a) && connected(b)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_may_look_for_a_way_again_in_the_middle_of_a_call() {
    let (mut a, mut b) = connected_pair().await;
    let mut numbers = 0_u16;
    for side in ["a", "b", "b", "a"] {
        if side == "a" {
            negotiate(&a, &b, true).await;
        } else {
            negotiate(&b, &a, true).await;
        }
        let start = Instant::now();
        loop {
            let _ = tokio::time::timeout(Duration::from_millis(50), until(&mut a, &mut b, |_, _| false)).await;
            let there = send_sound(&a, &mut b, numbers..numbers + 10).await.len();
            let back = send_sound(&b, &mut a, numbers..numbers + 10).await.len();
            numbers += 10;
            if (there, back) == (10, 10) {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{there} and {back} of 10 heard after a restart from {side}");
        }
        println!("all sound again {} ms after a restart from {side}", start.elapsed().as_millis());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_without_answer_gives_way_to_the_peers() {
    let (mut a, mut b) = connected_pair().await;
    let _lost = a.leg.offer(true).await.unwrap();
    assert_eq!(a.leg.offer(true).await, Err(LegError::OutOfTurn));
    negotiate(&b, &a, true).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), until(&mut a, &mut b, |_, _| false)).await;
    assert_eq!(send_sound(&a, &mut b, 0..20).await.len(), 20);
    assert_eq!(send_sound(&b, &mut a, 0..20).await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_messages_arrive() {
    let (mut a, mut b) = connected_pair().await;
    let said = Control::State { mic: false, deafened: true };
    let start = Instant::now();
    while !b.events.contains(&LegEvent::Control(said)) {
        assert!(start.elapsed() < super::pair::SOON);
        a.leg.tell_peer(said);
        let _ = tokio::time::timeout(Duration::from_millis(100), until(&mut a, &mut b, |_, _| false)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_relay_a_call_over_relays_does_not_begin() {
    let ice = IceSetup { relay_only: true, peer_is_contact: true, ..IceSetup::default() };
    let refused = Leg::open(Ways { ice, loopback: true }).await.err();
    assert_eq!(refused, Some(LegError::NoRelay));
    assert_eq!(MediaFailure::from(LegError::NoRelay), MediaFailure::NoWay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_tells_no_address_and_asks_for_no_repair_of_sound() {
    let (leg, _output) = Leg::open(loopback()).await.unwrap();
    let offer = leg.offer(false).await.unwrap();
    assert!(!offer.contains("a=candidate") && !offer.contains("127."), "{offer}");
    assert!(!offer.contains("rtx") && !offer.contains("rtcp-fb:111 nack"), "{offer}");
    assert!(offer.contains("a=extmap") && offer.contains("ssrc-audio-level") && offer.contains("cbr=1"), "{offer}");
    assert_eq!(offer.matches("\nm=").count(), 4);
    assert!(offer.len() < 4096, "{} bytes", offer.len());
    let (other, _output) = Leg::open(loopback()).await.unwrap();
    let names = |text: &str| text.lines().filter(|line| line.starts_with("a=msid:")).map(str::to_owned).collect::<Vec<_>>();
    let theirs = names(&other.offer(false).await.unwrap());
    assert!(names(&offer).iter().all(|name| !theirs.contains(name)), "tracks of two legs share no name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_legs_leave_no_task_behind() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for turn in 0..50 {
        let (mut a, mut b) = (open().await, open().await);
        negotiate(&a, &b, false).await;
        if turn % 10 == 0 {
            until(&mut a, &mut b, |a, b| connected(a) && connected(b)).await;
        }
        if turn % 2 == 0 {
            a.leg.close().await;
            b.leg.close().await;
        }
    }
    let start = Instant::now();
    while tasks() > before {
        assert!(start.elapsed() < Duration::from_secs(5), "{} tasks, {before} before", tasks());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
