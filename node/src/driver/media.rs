//! Carries what the core wants of the media engine to it, and what it reports back. The engine is started by the first leg.
//!
//! Nothing here waits. An engine that takes no commands, or has ended, has failed: each of its legs is reported as such, and the next
//! leg starts another.

use crate::media::{Desk, Engine, News};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;
use veche_protocol::call::media::{LegId, MediaCmd, MediaEvent, MediaFailure};

/// Commands that may wait for the engine, which has a queue of its own. It takes them within milliseconds, so that one which lets
/// this many gather stands still.
const WAITING: usize = 1024;
/// Longest wait for the engine to end: its legs say goodbye to the other side, one beside the other.
pub(super) const ENDS: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Media {
    desk: Desk,
    running: Option<Running>,
    /// Legs that failed and of which the core has not heard.
    failed: VecDeque<(LegId, MediaFailure)>,
}

struct Running {
    engine: Engine,
    waiting: VecDeque<MediaCmd>,
    /// Open by the word of the core, and not reported as failed.
    legs: BTreeSet<LegId>,
}

impl Media {
    pub fn new(desk: Desk) -> Self {
        Self { desk, running: None, failed: VecDeque::new() }
    }

    /// Does what the core says.
    pub fn command(&mut self, command: MediaCmd) {
        if let MediaCmd::Open { leg, .. } = command
            && self.running.is_none()
        {
            match self.desk.engine() {
                Ok(engine) => self.running = Some(Running { engine, waiting: VecDeque::new(), legs: BTreeSet::new() }),
                Err(cause) => return self.failed.push_back((leg, cause)),
            }
        }
        let Some(running) = &mut self.running else { return };
        match command {
            MediaCmd::Open { leg, .. } => {
                running.legs.insert(leg);
            }
            MediaCmd::Close { leg } => {
                running.legs.remove(&leg);
            }
            _ => {}
        }
        running.waiting.push_back(command);
        running.pass_on();
        if running.waiting.len() > WAITING {
            tracing::error!("the media engine stands still");
            self.give_up();
        }
    }

    /// What is to be told to the core next. Nothing is lost if this is given up.
    pub async fn next(&mut self) -> MediaEvent {
        loop {
            if let Some((leg, cause)) = self.failed.pop_front() {
                return MediaEvent::Failed { leg, cause };
            }
            let Some(running) = &mut self.running else { return std::future::pending().await };
            match running.engine.news(!running.waiting.is_empty()).await {
                News::Room => running.pass_on(),
                News::Event(event) => {
                    if let MediaEvent::Failed { leg, .. } = event {
                        running.legs.remove(&leg);
                    }
                    return event;
                }
                News::Over => {
                    tracing::error!("the media engine ended by itself");
                    self.give_up();
                }
            }
        }
    }

    /// Every leg has failed, and the engine is dropped.
    fn give_up(&mut self) {
        let legs = self.running.take().map(|running| running.legs).unwrap_or_default();
        self.failed.extend(legs.into_iter().map(|leg| (leg, MediaFailure::Setup)));
    }

    /// Ends the engine, in good order if there is time for it.
    pub async fn stop(&mut self) {
        if let Some(Running { engine, mut waiting, .. }) = self.running.take() {
            while let Some(command) = waiting.pop_front() {
                if engine.try_command(command).is_err() {
                    break;
                }
            }
            if tokio::time::timeout(ENDS, engine.stop()).await.is_err() {
                tracing::warn!("the media engine did not end in time");
            }
        }
    }
}

impl Running {
    /// Gives the engine as many commands as it takes now.
    fn pass_on(&mut self) {
        while let Some(command) = self.waiting.pop_front() {
            if let Err(command) = self.engine.try_command(command) {
                return self.waiting.push_front(command);
            }
        }
    }
}

#[cfg(feature = "media")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Options;
    use std::sync::Arc;
    use tokio::sync::{broadcast, watch};
    use veche_protocol::call::media::{IceSetup, MediaRoute, Role};
    use veche_protocol::view::Snapshot;

    /// Longer than anything takes here on a busy machine.
    const SOON: Duration = Duration::from_secs(20);
    const LEG: LegId = LegId(1);

    fn media(audio: &str) -> Media {
        let (_, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let listen = vec![crate::parse_addr("/ip4/127.0.0.1/tcp/1").unwrap().0];
        let options = Options { audio: audio.parse().unwrap(), listen, ..Options::new("nowhere") };
        Media::new(Desk::new(&options, snapshots, broadcast::channel(16).0))
    }

    fn open(media: &mut Media, leg: LegId, role: Role) {
        media.command(MediaCmd::Open { leg, role, ice: IceSetup { peer_is_contact: true, ..IceSetup::default() } });
    }

    async fn soon(media: &mut Media) -> MediaEvent {
        tokio::time::timeout(SOON, media.next()).await.expect("an event in time")
    }

    /// Does what two cores would do with what one of the two reports.
    fn pass(event: MediaEvent, to: &mut Media) -> bool {
        match event {
            MediaEvent::Local { leg, description, fingerprint } => to.command(MediaCmd::Remote { leg, description, fingerprint }),
            MediaEvent::Candidates { leg, candidates, end } => to.command(MediaCmd::Candidates { leg, candidates, end }),
            MediaEvent::Connected { route, .. } => return route == MediaRoute::Lan,
            MediaEvent::Failed { .. } => panic!("{event:?}"),
            _ => {}
        }
        false
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn legs_of_two_nodes_connect_and_end() {
        let (mut a, mut b) = (media("null"), media("null"));
        assert!(a.running.is_none(), "nothing runs before there is a call");
        open(&mut a, LEG, Role::Offer);
        open(&mut b, LEG, Role::Answer);
        let (mut a_heard, mut b_heard) = (false, false);
        while !(a_heard && b_heard) {
            tokio::select! {
                event = soon(&mut a) => a_heard |= pass(event, &mut b),
                event = soon(&mut b) => b_heard |= pass(event, &mut a),
            }
        }
        for media in [&mut a, &mut b] {
            media.command(MediaCmd::Close { leg: LEG });
            media.stop().await;
        }
    }

    #[tokio::test]
    async fn a_node_without_sound_says_so_for_every_leg() {
        let mut media = media("none");
        for leg in [LegId(3), LegId(4)] {
            open(&mut media, leg, Role::Offer);
            media.command(MediaCmd::Restart { leg });
            assert_eq!(soon(&mut media).await, MediaEvent::Failed { leg, cause: MediaFailure::NoEngine });
        }
        media.stop().await;
    }

    #[tokio::test]
    async fn sound_that_cannot_begin_is_told_and_tried_again() {
        let mut media = media("wav:/nonexistent/in.wav,");
        for leg in [LegId(3), LegId(4)] {
            open(&mut media, leg, Role::Offer);
            assert_eq!(soon(&mut media).await, MediaEvent::Failed { leg, cause: MediaFailure::Setup });
        }
    }

    #[tokio::test]
    async fn legs_of_an_engine_that_stands_still_have_failed_and_the_next_gets_another() {
        let mut media = media("null");
        open(&mut media, LEG, Role::Answer);
        open(&mut media, LegId(2), Role::Answer);
        // The engine has the same thread, and so no turn meanwhile.
        let mut told = 0;
        while media.running.is_some() {
            media.command(MediaCmd::Volume { leg: LEG, percent: 50 });
            told += 1;
        }
        assert!(told > WAITING);
        for leg in [LEG, LegId(2)] {
            assert_eq!(soon(&mut media).await, MediaEvent::Failed { leg, cause: MediaFailure::Setup });
        }
        open(&mut media, LegId(3), Role::Offer);
        assert!(matches!(soon(&mut media).await, MediaEvent::Local { leg: LegId(3), .. }));
    }
}
