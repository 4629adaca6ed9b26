//! A bad wire between two legs: a proxy that loses, delays and throttles datagrams.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use veche_protocol::call::media::{MediaFailure, MediaRoute};

use super::pair::{End, connected, negotiate, number, open_with, send_sound};
use crate::transport::LegEvent;
use crate::transport::stack::Patience;

/// How bad the wire is, the same both ways. May be changed while it runs.
#[derive(Default)]
struct Weather {
    /// Datagrams lost, in thousandths.
    loss: AtomicU32,
    /// Longest extra delay, ms.
    jitter: AtomicU32,
    /// Bytes a second; 0 is as many as there are.
    rate: AtomicU32,
}

/// One direction: reads `from`, and sends what survives to `target` out of `to`.
async fn carry(from: Arc<UdpSocket>, to: Arc<UdpSocket>, target: SocketAddr, weather: Arc<Weather>, mut seed: u32) {
    let mut queue: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut buffer = vec![0; 2048];
    let mut free_at = Instant::now();
    loop {
        let due = queue.front().map(|(due, _)| *due);
        tokio::select! {
            Ok((length, _)) = from.recv_from(&mut buffer) => {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let chance = seed >> 8;
                if chance % 1000 < weather.loss.load(Ordering::Relaxed) {
                    continue;
                }
                let now = Instant::now();
                let jitter = weather.jitter.load(Ordering::Relaxed);
                let mut due = now + Duration::from_millis(u64::from(if jitter > 0 { (chance >> 10) % jitter } else { 0 }));
                if let Some(micros) = (u64::try_from(length).unwrap() * 1_000_000).checked_div(weather.rate.load(Ordering::Relaxed).into()) {
                    free_at = free_at.max(now) + Duration::from_micros(micros);
                    due = due.max(free_at);
                }
                // A queue of 200 ms, as home routers have, and no more.
                if due < now + Duration::from_millis(200) {
                    let at = queue.partition_point(|(other, _)| *other <= due);
                    queue.insert(at, (due, buffer[..length].to_vec()));
                }
            }
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                if let Some((_, datagram)) = queue.pop_front() {
                    let _ = to.send_to(&datagram, target).await;
                }
            }
        }
    }
}

fn port(line: &str) -> u16 {
    line.split(' ').nth(5).and_then(|port| port.parse().ok()).unwrap()
}

/// Two connected legs whose every datagram goes through the wire.
async fn over_a_wire(patience: Patience) -> (End, End, Arc<Weather>) {
    let (mut a, mut b) = (open_with(patience).await, open_with(patience).await);
    negotiate(&a, &b, false).await;
    let mut ports = Vec::new();
    for end in [&mut a, &mut b] {
        loop {
            if let Some(LegEvent::Candidate(line)) = end.output.events.recv().await {
                ports.push((port(&line), line));
                break;
            }
        }
    }
    let weather = Arc::new(Weather::default());
    // As a sees b, and as b sees a.
    let (b_seen, a_seen) =
        (Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap()), Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap()));
    let real = |index: usize| SocketAddr::from(([127, 0, 0, 1], ports[index].0));
    tokio::spawn(carry(Arc::clone(&b_seen), Arc::clone(&a_seen), real(1), Arc::clone(&weather), 1));
    tokio::spawn(carry(Arc::clone(&a_seen), Arc::clone(&b_seen), real(0), Arc::clone(&weather), 2));
    let through = |index: usize, socket: &UdpSocket| {
        let (port, line) = &ports[index];
        line.replace(&format!(" {port} typ"), &format!(" {} typ", socket.local_addr().unwrap().port()))
    };
    a.leg.candidate(&through(1, &b_seen)).await.unwrap();
    b.leg.candidate(&through(0, &a_seen)).await.unwrap();
    for end in [&mut a, &mut b] {
        while !connected(end) {
            let event = tokio::time::timeout(super::pair::SOON, end.output.events.recv()).await.unwrap().unwrap();
            end.events.push(event);
        }
    }
    (a, b, weather)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_is_counted_and_not_repaired() {
    let (a, mut b, weather) = over_a_wire(Patience::default()).await;
    weather.loss.store(100, Ordering::Relaxed);
    let heard = send_sound(&a, &mut b, 0..300).await;
    assert!((240..300).contains(&heard.len()), "{} of 300 heard", heard.len());
    let mut numbers: Vec<_> = heard.iter().map(number).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), heard.len(), "nothing comes twice");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let counts = b.leg.counts().await;
    assert!(counts.packets_lost >= 10, "{counts:?}");
    assert_eq!(a.leg.counts().await.packets_sent, 300, "what is lost is not sent again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jitter_is_measured_and_a_call_survives_it() {
    let (a, mut b, weather) = over_a_wire(Patience::default()).await;
    weather.jitter.store(30, Ordering::Relaxed);
    let heard = send_sound(&a, &mut b, 0..300).await;
    assert!(heard.len() >= 295, "{} of 300 heard", heard.len());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let counts = b.leg.counts().await;
    assert!((2..60).contains(&counts.jitter.as_millis()), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wire_that_narrows_and_widens_again_keeps_the_call() {
    let (mut a, mut b, weather) = over_a_wire(Patience::default()).await;
    // A voice of 40 bytes each 10 ms is about 10 kB/s on the wire.
    weather.rate.store(3000, Ordering::Relaxed);
    let heard = send_sound(&a, &mut b, 0..300).await;
    assert!(heard.len() < 200, "{} of 300 heard on a wire for a third", heard.len());
    weather.rate.store(0, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(300)).await;
    while b.output.sound.try_recv().is_ok() {}
    assert!(send_sound(&a, &mut b, 1000..1100).await.len() >= 99);
    assert!(send_sound(&b, &mut a, 1000..1100).await.len() >= 99);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_vanishes_is_missed_and_then_given_up() {
    let patience = Patience { disconnected: Duration::from_secs(2), failed: Duration::from_secs(3) };
    let (mut a, _b, weather) = over_a_wire(patience).await;
    weather.loss.store(1000, Ordering::Relaxed);
    let mut rest = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(super::pair::SOON, a.output.events.recv()).await {
        let over = matches!(event, LegEvent::Failed(_));
        rest.push(event);
        if over {
            break;
        }
    }
    rest.retain(|event| !matches!(event, LegEvent::Candidate(_) | LegEvent::CandidatesDone));
    assert_eq!(rest, [LegEvent::Disconnected, LegEvent::Failed(MediaFailure::NoWay)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wire_that_was_cut_for_a_while_is_taken_up_again() {
    let patience = Patience { disconnected: Duration::from_secs(2), failed: Duration::from_secs(15) };
    let (mut a, mut b, weather) = over_a_wire(patience).await;
    weather.loss.store(1000, Ordering::Relaxed);
    while a.output.events.recv().await.unwrap() != LegEvent::Disconnected {}
    weather.loss.store(0, Ordering::Relaxed);
    let again = async { while a.output.events.recv().await.unwrap() != LegEvent::Connected(MediaRoute::Lan) {} };
    tokio::time::timeout(super::pair::SOON, again).await.unwrap();
    assert!(send_sound(&a, &mut b, 0..50).await.len() >= 45);
}
