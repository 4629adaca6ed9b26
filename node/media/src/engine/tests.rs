//! Two engines in one process, with the test in the place of both cores.

use std::time::{Duration, Instant};

use veche_protocol::call::media::{Description, DescriptionKind, IceSetup, LegId, MediaCmd, MediaEvent, MediaFailure, MediaRoute, Role};

use super::*;
use crate::audio::Backend;

/// How long anything may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

struct End {
    engine: Engine,
    events: mpsc::Receiver<MediaEvent>,
    seen: Vec<MediaEvent>,
}

fn end() -> End {
    let sound = SoundConfig { backend: Backend::Null, ..SoundConfig::default() };
    let (engine, events) = Engine::start(EngineConfig { sound, loopback: true, ..EngineConfig::default() }).unwrap();
    End { engine, events, seen: Vec::new() }
}

async fn open(end: &End, leg: LegId, role: Role) {
    let ice = IceSetup { peer_is_contact: true, ..IceSetup::default() };
    end.engine.command(MediaCmd::Open { leg, role, ice }).await;
}

/// Does what two cores would do with an event: carries it over, or remembers it.
async fn pass(event: MediaEvent, from: &mut Vec<MediaEvent>, to: &Engine) {
    match event {
        MediaEvent::Local { leg, description, fingerprint } => to.command(MediaCmd::Remote { leg, description, fingerprint }).await,
        MediaEvent::Candidates { leg, candidates, end } => to.command(MediaCmd::Candidates { leg, candidates, end }).await,
        other => from.push(other),
    }
}

async fn until(a: &mut End, b: &mut End, mut done: impl FnMut(&[MediaEvent], &[MediaEvent]) -> bool) {
    let start = Instant::now();
    while !done(&a.seen, &b.seen) {
        assert!(start.elapsed() < SOON, "too late: {:?} and {:?}", a.seen, b.seen);
        tokio::select! {
            Some(event) = a.events.recv() => pass(event, &mut a.seen, &b.engine).await,
            Some(event) = b.events.recv() => pass(event, &mut b.seen, &a.engine).await,
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
}

fn connected(seen: &[MediaEvent], leg: LegId) -> bool {
    seen.contains(&MediaEvent::Connected { leg, route: MediaRoute::Lan })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_engines_connect_report_and_part() {
    let (mut a, mut b, leg) = (end(), end(), LegId(1));
    let start = Instant::now();
    open(&a, leg, Role::Offer).await;
    open(&b, leg, Role::Answer).await;
    until(&mut a, &mut b, |a, b| connected(a, leg) && connected(b, leg)).await;
    println!("set up in {} ms", start.elapsed().as_millis());

    let measured =
        |seen: &[MediaEvent]| seen.iter().any(|event| matches!(event, MediaEvent::Stats { stats, .. } if stats.rtt_ms.is_some()));
    a.engine.command(MediaCmd::Set { leg, mic: false, deafen: true }).await;
    a.engine.command(MediaCmd::Volume { leg, percent: 50 }).await;
    until(&mut a, &mut b, |a, b| measured(a) && measured(b)).await;

    a.engine.command(MediaCmd::Restart { leg }).await;
    tokio::time::timeout(Duration::from_secs(2), until(&mut a, &mut b, |_, _| false)).await.unwrap_err();
    let failed = |seen: &[MediaEvent]| seen.iter().any(|event| matches!(event, MediaEvent::Failed { .. }));
    assert!(!failed(&a.seen) && !failed(&b.seen), "{:?} {:?}", a.seen, b.seen);

    a.engine.command(MediaCmd::Close { leg }).await;
    b.engine.command(MediaCmd::Close { leg }).await;
    a.engine.stop().await;
    b.engine.stop().await;
    while let Some(event) = a.events.recv().await {
        assert!(!matches!(event, MediaEvent::Failed { .. }), "what the core closes does not fail");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_signed_ends_the_leg() {
    let (mut a, mut b, leg) = (end(), end(), LegId(7));
    open(&a, leg, Role::Offer).await;
    open(&b, leg, Role::Answer).await;
    let description = loop {
        if let Some(MediaEvent::Local { description, .. }) = a.events.recv().await {
            break description;
        }
    };
    b.engine.command(MediaCmd::Remote { leg, description, fingerprint: [9; 32] }).await;
    until(&mut a, &mut b, |_, b| b.contains(&MediaEvent::Failed { leg, cause: MediaFailure::Impostor })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_description_that_is_none_ends_the_leg() {
    let (mut a, mut b, leg) = (end(), end(), LegId(7));
    open(&b, leg, Role::Answer).await;
    let description = Description { kind: DescriptionKind::Offer, sdp: b"v=0\r\nrubbish".to_vec() };
    b.engine.command(MediaCmd::Remote { leg, description, fingerprint: [9; 32] }).await;
    until(&mut a, &mut b, |_, b| b.contains(&MediaEvent::Failed { leg, cause: MediaFailure::Description })).await;
    // What comes for a leg that is over does nothing.
    b.engine.command(MediaCmd::Restart { leg }).await;
    let relay = IceSetup { relay_only: true, ..IceSetup::default() };
    b.engine.command(MediaCmd::Open { leg: LegId(8), role: Role::Offer, ice: relay }).await;
    until(&mut a, &mut b, |_, b| b.contains(&MediaEvent::Failed { leg: LegId(8), cause: MediaFailure::NoWay })).await;
}

/// Kilobytes that the process occupies.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_leave_no_task_and_no_memory_behind() {
    let (mut a, mut b) = (end(), end());
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (mut few_tasks, mut after_warming) = (0, 0);
    for turn in 0..100_u64 {
        let leg = LegId(turn);
        open(&a, leg, Role::Offer).await;
        open(&b, leg, Role::Answer).await;
        until(&mut a, &mut b, |a, b| connected(a, leg) && connected(b, leg)).await;
        for end in [&mut a, &mut b] {
            end.engine.command(MediaCmd::Close { leg }).await;
            end.seen.clear();
        }
        if turn == 30 {
            (few_tasks, after_warming) = (tasks(), resident());
        }
    }
    let start = Instant::now();
    // The two engines themselves.
    while tasks() > 2 {
        assert!(start.elapsed() < Duration::from_secs(5), "{} tasks are left, {few_tasks} ran amid the calls", tasks());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let grown = resident().saturating_sub(after_warming);
    println!("{grown} kB more after 70 further calls");
    assert!(grown < 7 * 1024, "{grown} kB more after 70 calls: what a call takes is not given back");
}
