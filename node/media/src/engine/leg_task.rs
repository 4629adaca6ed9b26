//! The task of one leg: between the core, the connection and sound.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, mpsc};
use tokio::time::MissedTickBehavior;
use tracing::{debug, info};
use veche_protocol::call::media::{
    CANDIDATES, Description, DescriptionKind, Fingerprint, LegId, LegStats, MediaEvent, MediaFailure, MediaRoute, Role,
};

use super::copies::Copies;
use super::quality::{Quality, Report};
use crate::audio::{PersonIn, PersonStats, Sound, SoundEvent};
use crate::packet::VoicePacket;
use crate::transport::{self, Control, Counts, Leg, LegError, LegEvent, LegOutput, Ways};

/// How long candidates are collected before they are told: all addresses of a machine are found within this.
const CANDIDATE_BATCH: Duration = Duration::from_millis(50);

/// Between two reports.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// From the microphone to the wire: a frame, the look-ahead of the encoder and the device's buffer.
const MOUTH_TO_WIRE: Duration = Duration::from_millis(25);

/// What a leg is told.
#[derive(Debug)]
pub(super) enum LegCmd {
    Remote { description: Description, fingerprint: Fingerprint },
    Candidates(Vec<String>),
    Restart,
    Set { mic: bool, deafen: bool },
    Volume(u16),
}

/// Why a leg's task ends before it is told to.
enum Over {
    /// The leg failed, and the core is to be told.
    Failed(MediaFailure),
    /// Nobody is left to report to.
    Alone,
}

impl From<LegError> for Over {
    fn from(error: LegError) -> Self {
        Self::Failed(error.into())
    }
}

pub(super) struct LegTask {
    id: LegId,
    sound: Arc<Sound>,
    quality: Arc<Quality>,
    events: mpsc::Sender<MediaEvent>,
    mic: bool,
    deafen: bool,
    volume: u16,
    /// Exists from the first connection on, and keeps the loudspeaker open.
    person: Option<PersonIn>,
    /// The same for the microphone.
    voice: Option<broadcast::Receiver<VoicePacket>>,
    route: Option<MediaRoute>,
    candidates: Vec<String>,
    copies: Copies,
    reported: (Counts, PersonStats),
    /// What the peer was last told of its sound.
    told: Report,
}

impl LegTask {
    pub(super) fn new(id: LegId, sound: Arc<Sound>, quality: Arc<Quality>, events: mpsc::Sender<MediaEvent>) -> Self {
        Self {
            id,
            sound,
            quality,
            events,
            mic: true,
            deafen: false,
            volume: 100,
            person: None,
            voice: None,
            route: None,
            candidates: Vec::new(),
            copies: Copies::default(),
            reported: Default::default(),
            told: Report::default(),
        }
    }

    pub(super) async fn run(mut self, role: Role, ways: Ways, commands: mpsc::Receiver<LegCmd>) {
        let over = match Leg::open(ways).await {
            Ok((leg, output)) => {
                let over = self.live(&leg, output, role, commands).await;
                self.person = None;
                self.voice = None;
                leg.close().await;
                over
            }
            Err(error) => Err(error.into()),
        };
        self.quality.forget(self.id);
        if let Err(Over::Failed(cause)) = over {
            info!(leg = self.id.0, ?cause, "a leg failed");
            let _ = self.events.send(MediaEvent::Failed { leg: self.id, cause }).await;
        }
    }

    /// Until the core closes the leg, which is no error, or it is over for another reason.
    async fn live(&mut self, leg: &Leg, mut output: LegOutput, role: Role, mut commands: mpsc::Receiver<LegCmd>) -> Result<(), Over> {
        if role == Role::Offer {
            let offer = leg.offer(false).await?;
            self.tell_local(leg, DescriptionKind::Offer, offer).await?;
        }
        let mut heard = self.sound.events();
        let mut stats = tokio::time::interval(STATS_INTERVAL);
        stats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch: Option<Instant> = None;
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(leg, command).await?,
                    None => return Ok(()),
                },
                event = output.events.recv() => {
                    self.report(event.ok_or(Over::Failed(MediaFailure::NoWay))?).await?;
                    batch = batch.or_else(|| (!self.candidates.is_empty()).then(|| Instant::now() + CANDIDATE_BATCH));
                }
                Some(packet) = output.sound.recv() => {
                    if let Some(person) = self.person.as_ref().filter(|_| !self.deafen) {
                        person.push(packet, Instant::now());
                    }
                }
                packet = next(&mut self.voice) => {
                    if self.mic {
                        leg.send(packet.clone());
                        self.copies.next(packet, self.quality.copies(self.id)).for_each(|packet| leg.send(packet));
                    }
                }
                Ok(event) = heard.recv() => {
                    if let SoundEvent::PersonSpeaking { person, speaking: on } = event
                        && self.person.as_ref().is_some_and(|own| own.id() == person)
                    {
                        self.tell(MediaEvent::Speaking { leg: Some(self.id), on }).await?;
                    }
                }
                () = tokio::time::sleep_until(batch.unwrap_or_else(Instant::now).into()), if batch.is_some() => {
                    batch = None;
                    self.tell_candidates(false).await?;
                }
                _ = stats.tick(), if self.route.is_some() => {
                    let stats = self.measure(leg, leg.counts().await);
                    self.tell(MediaEvent::Stats { leg: self.id, stats }).await?;
                }
            }
        }
    }

    async fn obey(&mut self, leg: &Leg, command: LegCmd) -> Result<(), Over> {
        match command {
            LegCmd::Remote { description, fingerprint } => {
                let fingerprint = transport::Fingerprint(fingerprint);
                match leg.remote(description.kind, &description.sdp, &fingerprint).await {
                    Ok(Some(answer)) => self.tell_local(leg, DescriptionKind::Answer, answer).await?,
                    Ok(None) => {}
                    // An answer to an offer that was given up meanwhile.
                    Err(LegError::OutOfTurn) => debug!(leg = self.id.0, "a description came out of turn"),
                    Err(error) => return Err(error.into()),
                }
            }
            LegCmd::Candidates(candidates) => {
                for line in candidates.iter().take(CANDIDATES) {
                    // One address less to try is no failure; which one it was stays out of the log.
                    if let Err(refusal) = leg.candidate(line).await {
                        debug!(leg = self.id.0, %refusal, "a candidate is not used");
                    }
                }
            }
            LegCmd::Restart => match leg.offer(true).await {
                Ok(offer) => self.tell_local(leg, DescriptionKind::Offer, offer).await?,
                // The offer that is on its way already asks for the same.
                Err(LegError::OutOfTurn) => {}
                Err(error) => return Err(error.into()),
            },
            LegCmd::Set { mic, deafen } => {
                self.mic = mic;
                self.deafen = deafen;
                leg.tell_peer(Control::State { mic, deafened: deafen });
            }
            LegCmd::Volume(percent) => {
                self.volume = percent;
                if let Some(person) = &self.person {
                    person.set_volume(percent);
                }
            }
        }
        Ok(())
    }

    async fn report(&mut self, event: LegEvent) -> Result<(), Over> {
        match event {
            LegEvent::Candidate(line) => {
                self.candidates.push(line);
                if self.candidates.len() >= CANDIDATES { self.tell_candidates(false).await } else { Ok(()) }
            }
            LegEvent::CandidatesDone => self.tell_candidates(true).await,
            LegEvent::Connected(route) => {
                self.connected(route);
                self.tell(MediaEvent::Connected { leg: self.id, route }).await
            }
            LegEvent::Disconnected => self.tell(MediaEvent::Disconnected { leg: self.id }).await,
            LegEvent::Control(Control::Heard { lost_percent, held_up }) => {
                self.quality.told(self.id, Report { lost_percent, held_up });
                Ok(())
            }
            // The core hears of it over a way that is older than this leg, and believes that.
            LegEvent::Control(_) => Ok(()),
            LegEvent::Failed(cause) => Err(Over::Failed(cause)),
        }
    }

    /// Opens microphone and loudspeaker, the first time. Without a loudspeaker the other side still hears this one.
    fn connected(&mut self, route: MediaRoute) {
        info!(leg = self.id.0, ?route, "a leg is connected");
        self.route = Some(route);
        self.quality.route(self.id, route);
        if self.voice.is_none() {
            self.voice = Some(self.sound.outgoing());
            match self.sound.person() {
                Ok(person) => {
                    person.set_volume(self.volume);
                    self.person = Some(person);
                }
                Err(error) => info!(leg = self.id.0, %error, "the other side is not heard"),
            }
        }
    }

    fn measure(&mut self, leg: &Leg, counts: Counts) -> LegStats {
        let person = self.person.as_ref().map(PersonIn::stats).unwrap_or_default();
        let (counts_before, person_before) = std::mem::replace(&mut self.reported, (counts, person));
        let heard = heard(&person_before, &person);
        self.quality.heard(self.id, heard);
        // Nothing to tell is told once, as what was told before would hold.
        if heard != Report::default() || self.told != heard {
            leg.tell_peer(Control::Heard { lost_percent: heard.lost_percent, held_up: heard.held_up });
        }
        self.told = heard;
        stats(&counts_before, &counts, &person_before, &person, STATS_INTERVAL)
    }

    async fn tell_local(&self, leg: &Leg, kind: DescriptionKind, text: String) -> Result<(), Over> {
        let description = Description { kind, sdp: text.into_bytes() };
        self.tell(MediaEvent::Local { leg: self.id, description, fingerprint: leg.fingerprint().0 }).await
    }

    async fn tell_candidates(&mut self, end: bool) -> Result<(), Over> {
        let candidates = std::mem::take(&mut self.candidates);
        if candidates.is_empty() && !end {
            return Ok(());
        }
        self.tell(MediaEvent::Candidates { leg: self.id, candidates, end }).await
    }

    async fn tell(&self, event: MediaEvent) -> Result<(), Over> {
        self.events.send(event).await.map_err(|_| Over::Alone)
    }
}

/// The next packet of the own voice. What was missed while the task was busy would come too late anyway.
async fn next(voice: &mut Option<broadcast::Receiver<VoicePacket>>) -> VoicePacket {
    if let Some(receiver) = voice {
        loop {
            match receiver.recv().await {
                Ok(packet) => return packet,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => break,
            }
        }
    }
    std::future::pending().await
}

/// How the peer's packets came between two looks. One that came behind later ones was sent again because the first was lost.
fn heard(before: &PersonStats, now: &PersonStats) -> Report {
    let more = |count: fn(&PersonStats) -> u64| count(now).saturating_sub(count(before));
    let (received, behind) = (more(|stats| stats.received), more(|stats| stats.behind));
    let missing = more(|stats| stats.lost).saturating_sub(more(|stats| stats.late));
    let share = ((missing + behind) * 100).checked_div(received + missing).unwrap_or(0).min(100);
    Report { lost_percent: u8::try_from(share).unwrap_or(100), held_up: more(|stats| stats.held_up) > 0 }
}

/// What changed between two looks at a leg.
fn stats(before: &Counts, now: &Counts, person_before: &PersonStats, person: &PersonStats, span: Duration) -> LegStats {
    let ms = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    let permille =
        |part: u64, whole: u64| part.saturating_mul(1000).checked_div(whole).and_then(|share| u16::try_from(share.min(1000)).ok());
    let bps = |before: u64, now: u64| u32::try_from(u128::from(now.saturating_sub(before)) * 8000 / span.as_millis().max(1)).ok();
    let received = now.packets_received.saturating_sub(before.packets_received);
    let lost = now.packets_lost.saturating_sub(before.packets_lost);
    let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let concealed = person.concealed.saturating_sub(person_before.concealed);
    let played = person.played.saturating_sub(person_before.played);
    let heard = !person.delay.is_zero();
    LegStats {
        rtt_ms: now.rtt.map(ms),
        loss_permille: permille(lost, received.saturating_add(lost)),
        jitter_ms: (now.packets_received > 0).then(|| ms(now.jitter)),
        sent_bps: bps(before.bytes_sent, now.bytes_sent),
        received_bps: bps(before.bytes_received, now.bytes_received),
        codec: Some("opus".to_owned()),
        mouth_to_ear_ms: now.rtt.filter(|_| heard).map(|rtt| ms(MOUTH_TO_WIRE + rtt / 2 + person.delay)),
        concealed_permille: permille(micros(concealed), micros(played)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_of_the_last_second() {
        let before = Counts { packets_received: 100, packets_lost: 10, bytes_sent: 4000, bytes_received: 5000, ..Counts::default() };
        let now = Counts {
            packets_received: 190,
            packets_lost: 20,
            bytes_sent: 8000,
            bytes_received: 9500,
            rtt: Some(Duration::from_millis(30)),
            jitter: Duration::from_millis(4),
            ..before
        };
        let person_before = PersonStats { played: Duration::from_secs(1), ..PersonStats::default() };
        let person = PersonStats {
            played: Duration::from_secs(2),
            concealed: Duration::from_millis(50),
            delay: Duration::from_millis(40),
            ..PersonStats::default()
        };
        let stats = stats(&before, &now, &person_before, &person, STATS_INTERVAL);
        assert_eq!(
            stats,
            LegStats {
                rtt_ms: Some(30),
                loss_permille: Some(100),
                jitter_ms: Some(4),
                sent_bps: Some(32_000),
                received_bps: Some(36_000),
                codec: Some("opus".to_owned()),
                mouth_to_ear_ms: Some(80),
                concealed_permille: Some(50),
            }
        );
    }

    #[test]
    fn what_came_again_was_lost_before() {
        let before = PersonStats { received: 1000, lost: 50, late: 10, behind: 20, held_up: 5, ..PersonStats::default() };
        assert_eq!(heard(&before, &before), Report::default());
        let now = PersonStats { received: 1090, lost: 62, late: 12, behind: 30, ..before };
        assert_eq!(heard(&before, &now), Report { lost_percent: 20, held_up: false });
        assert!(heard(&before, &PersonStats { held_up: 6, ..now }).held_up);
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let nothing = stats(&Counts::default(), &Counts::default(), &PersonStats::default(), &PersonStats::default(), STATS_INTERVAL);
        assert_eq!((nothing.rtt_ms, nothing.loss_permille, nothing.jitter_ms, nothing.mouth_to_ear_ms), (None, None, None, None));
        assert_eq!((nothing.sent_bps, nothing.concealed_permille), (Some(0), None));
    }
}
