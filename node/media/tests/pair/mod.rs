//! Two engines in one process, connected over this machine's network, with the test in the place of both cores.

use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use veche_media::audio::{Direction, SoundEvent};
use veche_media::engine::{Engine, EngineConfig};
use veche_protocol::call::media::{IceSetup, LegId, MediaCmd, MediaEvent, Role};

/// How long a connection may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

const LEG: LegId = LegId(1);

pub struct Pair {
    pub a: Engine,
    pub b: Engine,
    /// When the devices of each opened.
    pub opened_a: JoinHandle<Opened>,
    pub opened_b: JoinHandle<Opened>,
    heard_a: mpsc::Receiver<MediaEvent>,
    heard_b: mpsc::Receiver<MediaEvent>,
    carry: Carry,
}

/// What becomes of a candidate on its way to the other engine, and whether it is one of `b`.
type Carry = Box<dyn FnMut(bool, &str) -> String + Send>;

/// When microphone and loudspeaker opened.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    pub input: Instant,
    pub output: Instant,
}

async fn opened(mut events: broadcast::Receiver<SoundEvent>) -> Opened {
    let (mut input, mut output) = (None, None);
    loop {
        match events.recv().await.unwrap() {
            SoundEvent::DeviceChanged { direction: Direction::Input, .. } => input = Some(Instant::now()),
            SoundEvent::DeviceChanged { direction: Direction::Output, .. } => output = Some(Instant::now()),
            SoundEvent::DeviceLost { message, .. } => panic!("{message}"),
            _ => {}
        }
        if let Some((input, output)) = input.zip(output) {
            return Opened { input, output };
        }
    }
}

/// Answers when both are connected. Candidates are told as `carry` has them.
pub async fn connect(a: EngineConfig, b: EngineConfig, carry: impl FnMut(bool, &str) -> String + Send + 'static) -> Pair {
    let start = |config| Engine::start(EngineConfig { loopback: true, ..config }).unwrap();
    let ((a, heard_a), (b, heard_b)) = (start(a), start(b));
    for (engine, role) in [(&a, Role::Offer), (&b, Role::Answer)] {
        let ice = IceSetup { peer_is_contact: true, ..IceSetup::default() };
        engine.command(MediaCmd::Open { leg: LEG, role, ice }).await;
    }
    let (opened_a, opened_b) = (tokio::spawn(opened(a.sound().events())), tokio::spawn(opened(b.sound().events())));
    let mut pair = Pair { a, b, opened_a, opened_b, heard_a, heard_b, carry: Box::new(carry) };
    let start = Instant::now();
    let mut connected = 0;
    while connected < 2 {
        assert!(start.elapsed() < SOON, "not connected after {SOON:?}");
        if let Some(MediaEvent::Connected { .. }) = pair.step().await {
            connected += 1;
        }
    }
    pair
}

impl Pair {
    /// Does what two cores would do with the next event: carries it over, or answers it. `None` when nothing happened for a moment.
    pub async fn step(&mut self) -> Option<MediaEvent> {
        let (event, to, of_b) = tokio::select! {
            Some(event) = self.heard_a.recv() => (event, &self.b, false),
            Some(event) = self.heard_b.recv() => (event, &self.a, true),
            () = tokio::time::sleep(Duration::from_millis(10)) => return None,
        };
        match event {
            MediaEvent::Local { leg, description, fingerprint } => to.command(MediaCmd::Remote { leg, description, fingerprint }).await,
            MediaEvent::Candidates { leg, candidates, end } => {
                let candidates = candidates.iter().map(|line| (self.carry)(of_b, line)).collect();
                to.command(MediaCmd::Candidates { leg, candidates, end }).await;
            }
            MediaEvent::Failed { cause, .. } => panic!("{cause:?}"),
            other => return Some(other),
        }
        None
    }

    /// Goes on for so long. Answers the last measurement of each.
    pub async fn pass(&mut self, time: Duration) -> Vec<MediaEvent> {
        let start = Instant::now();
        let mut measured = Vec::new();
        while start.elapsed() < time {
            if let Some(event @ MediaEvent::Stats { .. }) = self.step().await {
                measured.push(event);
            }
        }
        measured.split_off(measured.len().saturating_sub(2))
    }

    pub async fn stop(self) {
        self.a.stop().await;
        self.b.stop().await;
    }
}
