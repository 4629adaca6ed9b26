//! Two legs on loopback, and signalling between them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use veche_protocol::call::media::{DescriptionKind, IceSetup, MediaRoute};

use crate::packet::VoicePacket;
use crate::transport::stack::Patience;
use crate::transport::{Leg, LegEvent, LegOutput, Ways};

/// How long anything may take on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// One end of a pair.
pub(super) struct End {
    pub(super) leg: Leg,
    pub(super) output: LegOutput,
    /// What was heard of, in order, but for candidates.
    pub(super) events: Vec<LegEvent>,
}

pub(super) fn loopback() -> Ways {
    Ways { ice: IceSetup { peer_is_contact: true, ..IceSetup::default() }, loopback: true }
}

pub(super) async fn open() -> End {
    open_with(Patience::default()).await
}

pub(super) async fn open_with(patience: Patience) -> End {
    let (leg, output) = Leg::open_with(loopback(), patience).await.unwrap();
    End { leg, output, events: Vec::new() }
}

/// Offer and answer, first or again.
pub(super) async fn negotiate(from: &End, to: &End, restart: bool) {
    let offer = from.leg.offer(restart).await.unwrap();
    let answer = to.leg.remote(DescriptionKind::Offer, offer.as_bytes(), &from.leg.fingerprint()).await.unwrap().unwrap();
    let none = from.leg.remote(DescriptionKind::Answer, answer.as_bytes(), &to.leg.fingerprint()).await.unwrap();
    assert_eq!(none, None);
}

/// Carries candidates between the two until both ends satisfy the condition.
pub(super) async fn until(a: &mut End, b: &mut End, mut done: impl FnMut(&End, &End) -> bool) {
    let start = Instant::now();
    while !done(a, b) {
        assert!(start.elapsed() < SOON, "too late: {:?} and {:?}", a.events, b.events);
        tokio::select! {
            Some(event) = a.output.events.recv() => pass(event, a, b).await,
            Some(event) = b.output.events.recv() => pass(event, b, a).await,
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
}

async fn pass(event: LegEvent, from: &mut End, to: &End) {
    match event {
        LegEvent::Candidate(line) => to.leg.candidate(&line).await.unwrap(),
        LegEvent::CandidatesDone => {}
        event => from.events.push(event),
    }
}

pub(super) fn connected(end: &End) -> bool {
    end.events.contains(&LegEvent::Connected(MediaRoute::Lan))
}

pub(super) async fn connected_pair() -> (End, End) {
    let (mut a, mut b) = (open().await, open().await);
    negotiate(&a, &b, false).await;
    until(&mut a, &mut b, |a, b| connected(a) && connected(b)).await;
    (a, b)
}

/// A packet whose payload tells its number.
pub(super) fn packet(number: u16) -> VoicePacket {
    let payload = Bytes::copy_from_slice(&[&number.to_be_bytes()[..], &[0xAA; 38]].concat());
    VoicePacket { sequence: number, timestamp: u32::from(number) * 480, marker: number == 0, level: 30, payload }
}

pub(super) fn number(packet: &VoicePacket) -> u16 {
    u16::from_be_bytes([packet.payload[0], packet.payload[1]])
}

/// Sends packets of 10 ms from one end to the other, and returns those that arrived.
pub(super) async fn send_sound(from: &End, to: &mut End, numbers: std::ops::Range<u16>) -> Vec<VoicePacket> {
    let mut arrived = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for number in numbers {
        ticks.tick().await;
        from.leg.send(packet(number));
        while let Ok(packet) = to.output.sound.try_recv() {
            arrived.push(packet);
        }
    }
    while let Ok(Some(packet)) = tokio::time::timeout(Duration::from_millis(300), to.output.sound.recv()).await {
        arrived.push(packet);
    }
    arrived
}
