//! One connection to one device.

use std::sync::Arc;

use rtc::data_channel::RTCDataChannelInit;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use veche_protocol::call::media::{CANDIDATES, DescriptionKind, MediaFailure, MediaRoute};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{PeerConnection, RTCSessionDescription};

use super::control::Control;
use super::description::{self, Description, MAX_CANDIDATES};
use super::gate::Gate;
use super::handler::Handler;
use super::outbox::Outbox;
use super::runtime::Gated;
use super::stack::{self, Patience};
use super::stats::{self, Counts};
use super::tasks::{self, MAX_WAITING_CONTROL};
use super::{Candidate, CandidateRefusal, Fingerprint, LegError, Ways};
use crate::packet::VoicePacket;

/// Events that may wait for whoever owns the leg; the leg's task waits where there are more.
const MAX_WAITING_EVENTS: usize = 64;

/// Packets of the peer's sound that may wait: a third of a second in frames of 10 ms, after which the jitter buffer would drop them.
const MAX_WAITING_SOUND: usize = 32;

/// Stream of the channel for control. The peers agree on it beforehand, so it needs no message to open.
const CONTROL_STREAM: u16 = 0;

/// Something that a leg reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegEvent {
    /// Where this device may be reached, as a `candidate:` line.
    Candidate(String),
    /// No more candidates for the newest description.
    CandidatesDone,
    /// Sound passes, again or by another way.
    Connected(MediaRoute),
    /// Nothing is heard of the peer.
    Disconnected,
    /// The peer says something beside sound: its [`Control::State`], or what it hears.
    Control(Control),
    /// The leg is over. Nothing follows.
    Failed(MediaFailure),
}

/// What comes out of a leg.
#[derive(Debug)]
pub struct LegOutput {
    /// Closed when the leg is.
    pub events: mpsc::Receiver<LegEvent>,
    /// The peer's sound, in the order of arrival. What nobody takes in time is dropped.
    pub sound: mpsc::Receiver<VoicePacket>,
}

/// One connection to one device. Dropped without [`Leg::close`] it ends too, a moment later.
pub struct Leg {
    connection: Arc<dyn PeerConnection>,
    ways: Ways,
    fingerprint: Fingerprint,
    gate: Arc<Gate>,
    outbox: Arc<Outbox>,
    control: mpsc::Sender<Control>,
    loudness: Arc<tasks::Numbers>,
    talk: Mutex<Talk>,
    tasks: JoinSet<()>,
    closed: bool,
}

/// What was agreed on so far.
#[derive(Default)]
struct Talk {
    remote: Option<Description>,
    /// An own offer has no answer yet.
    offering: bool,
    /// Candidates of the peer's newest generation, told to the library once there is a description.
    candidates: Vec<Candidate>,
}

impl Leg {
    /// Binds sockets and prepares a connection with a fresh certificate. Nothing is sent before there are descriptions.
    ///
    /// # Errors
    /// [`LegError::NoRelay`] if only relays may be used and there is none, [`LegError::Sockets`] if no interface can be used,
    /// [`LegError::Setup`] otherwise.
    pub async fn open(ways: Ways) -> Result<(Self, LegOutput), LegError> {
        Self::open_with(ways, Patience::default()).await
    }

    pub(super) async fn open_with(ways: Ways, patience: Patience) -> Result<(Self, LegOutput), LegError> {
        let relays = ways.ice.servers.iter().flat_map(|server| &server.urls).any(|url| url.starts_with("turn:"));
        if ways.ice.relay_only && !relays {
            return Err(LegError::NoRelay);
        }
        let (certificate, fingerprint) = stack::certificate()?;
        let (handler, signals) = Handler::new();
        let gate = Arc::new(Gate::default());
        let runtime = Arc::new(Gated::new(Arc::clone(&gate)));
        let connection = stack::connection(&ways, patience, certificate, Arc::new(handler), runtime).await?;

        // Their order is that of the sections, see `description::SECTIONS`.
        let sound = stack::track(RtpCodecKind::Audio, "sound")?;
        let stream = sound.ssrcs().next().ok_or(LegError::Setup)?;
        let sound = Arc::new(TrackLocalStaticRTP::new(sound));
        connection.add_track(Arc::clone(&sound) as _).await.map_err(|_| LegError::Setup)?;
        for label in ["camera", "screen"] {
            let track = TrackLocalStaticRTP::new(stack::track(RtpCodecKind::Video, label)?);
            connection.add_track(Arc::new(track)).await.map_err(|_| LegError::Setup)?;
        }
        let options = RTCDataChannelInit { negotiated: Some(CONTROL_STREAM), ..RTCDataChannelInit::default() };
        let channel = connection.create_data_channel("control", Some(options)).await.map_err(|_| LegError::Setup)?;

        let (events_tx, events) = mpsc::channel(MAX_WAITING_EVENTS);
        let (sound_tx, sound_rx) = mpsc::channel(MAX_WAITING_SOUND);
        let (control, control_rx) = mpsc::channel(MAX_WAITING_CONTROL);
        let outbox = Arc::new(Outbox::default());
        let loudness = Arc::new(tasks::Numbers::default());
        let mut leg_tasks = JoinSet::new();
        let state = signals.state.clone();
        let watching =
            tasks::Watching { connection: Arc::clone(&connection), ways: ways.clone(), gate: Arc::clone(&gate), events: events_tx.clone() };
        leg_tasks.spawn(watching.run(signals.candidates, signals.state));
        leg_tasks.spawn(tasks::hear(signals.tracks, Arc::clone(&loudness), sound_tx));
        leg_tasks.spawn(tasks::speak(sound, stream, Arc::clone(&outbox), state));
        leg_tasks.spawn(tasks::control(channel, control_rx, events_tx));

        let leg = Self {
            connection,
            ways,
            fingerprint,
            gate,
            outbox,
            control,
            loudness,
            talk: Mutex::default(),
            tasks: leg_tasks,
            closed: false,
        };
        Ok((leg, LegOutput { events, sound: sound_rx }))
    }

    /// Of the certificate that this side shows.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// An offer: the first one, or with `restart` one that looks for a way anew while sound goes on where it can.
    ///
    /// # Errors
    /// [`LegError::Setup`] if the library refuses, [`LegError::OutOfTurn`] if an offer of ours still has no answer.
    pub async fn offer(&self, restart: bool) -> Result<String, LegError> {
        let mut talk = self.talk.lock().await;
        if talk.offering {
            return Err(LegError::OutOfTurn);
        }
        let options = RTCOfferOptions { ice_restart: restart && talk.remote.is_some() };
        let offer = self.connection.create_offer(Some(options)).await.map_err(|_| LegError::Setup)?;
        let text = description::without_candidates(&offer.sdp);
        self.connection.set_local_description(offer).await.map_err(|_| LegError::Setup)?;
        talk.offering = true;
        Ok(text)
    }

    /// Takes the peer's description, which must carry the fingerprint that its device signed, and returns the answer if it was an
    /// offer. An offer of ours that has no answer is given up for it.
    ///
    /// # Errors
    /// [`LegError::Description`] if it cannot be used, [`LegError::OutOfTurn`] for an answer to nothing.
    pub async fn remote(&self, kind: DescriptionKind, sdp: &[u8], bound: &Fingerprint) -> Result<Option<String>, LegError> {
        let text = std::str::from_utf8(sdp).map_err(|_| LegError::Description(description::DescriptionRefusal::Malformed))?;
        let description = Description::parse(text, kind, bound).map_err(LegError::Description)?;
        let mut talk = self.talk.lock().await;
        let restarts = match &talk.remote {
            Some(earlier) => {
                description.may_follow(earlier).map_err(LegError::Description)?;
                description.restarts(earlier)
            }
            None => false,
        };
        match kind {
            DescriptionKind::Answer if !talk.offering => return Err(LegError::OutOfTurn),
            DescriptionKind::Offer if talk.offering => {
                let rollback = RTCSessionDescription::rollback(None).map_err(|_| LegError::Setup)?;
                self.connection.set_local_description(rollback).await.map_err(|_| LegError::Setup)?;
                talk.offering = false;
            }
            _ => {}
        }

        self.gate.set_streams(description.streams());
        self.loudness.set(description.sound(), description.loudness_extension());
        let applied = match kind {
            DescriptionKind::Offer => RTCSessionDescription::offer(description.text()),
            DescriptionKind::Answer => RTCSessionDescription::answer(description.text()),
        };
        let applied = applied.map_err(|_| LegError::Refused)?;
        self.connection.set_remote_description(applied).await.map_err(|_| LegError::Refused)?;
        let answer = match kind {
            DescriptionKind::Answer => {
                talk.offering = false;
                None
            }
            DescriptionKind::Offer => {
                let answer = self.connection.create_answer(None).await.map_err(|_| LegError::Refused)?;
                let text = description::without_candidates(&answer.sdp);
                self.connection.set_local_description(answer).await.map_err(|_| LegError::Refused)?;
                Some(text)
            }
        };

        let first = talk.remote.is_none();
        let embedded: Vec<_> = description.candidates().filter_map(|candidate| candidate.clone().ok()).collect();
        talk.remote = Some(description);
        if restarts {
            // The library forgot what it had of the generation before, and candidates may have come ahead of this description.
            let older = talk.candidates.len().saturating_sub(CANDIDATES);
            talk.candidates.drain(..older);
        }
        if first || restarts {
            for candidate in &talk.candidates {
                self.tell(candidate).await;
            }
        }
        for candidate in embedded {
            let _ = self.take(&mut talk, candidate).await;
        }
        Ok(answer)
    }

    /// Takes one candidate of the peer, now or once there is a description.
    ///
    /// # Errors
    /// [`CandidateRefusal`]
    pub async fn candidate(&self, line: &str) -> Result<(), CandidateRefusal> {
        let candidate = Candidate::parse(line)?;
        let mut talk = self.talk.lock().await;
        self.take(&mut talk, candidate).await
    }

    async fn take(&self, talk: &mut Talk, candidate: Candidate) -> Result<(), CandidateRefusal> {
        candidate.may_be_tried(&self.ways)?;
        if talk.candidates.contains(&candidate) {
            return Ok(());
        }
        if talk.candidates.len() >= MAX_CANDIDATES {
            return Err(CandidateRefusal::TooMany);
        }
        if talk.remote.is_some() {
            self.tell(&candidate).await;
        }
        talk.candidates.push(candidate);
        Ok(())
    }

    async fn tell(&self, candidate: &Candidate) {
        let init = rtc::peer_connection::transport::RTCIceCandidateInit { candidate: candidate.line(), ..Default::default() };
        // One address less to try is no failure of the leg.
        let _ = self.connection.add_ice_candidate(init).await;
    }

    /// Sends a packet of sound, if there is somebody to hear it. The oldest waiting packet goes where the network is too slow.
    pub fn send(&self, packet: VoicePacket) {
        self.outbox.push(packet);
    }

    /// Tells the peer something beside sound. Dropped if too much waits already.
    pub fn tell_peer(&self, message: Control) {
        let _ = self.control.try_send(message);
    }

    /// What was counted so far.
    pub async fn counts(&self) -> Counts {
        let sound = self.talk.lock().await.remote.as_ref().and_then(Description::sound);
        stats::counts(&*self.connection, sound, self.gate.refused()).await
    }

    /// Ends the leg and everything that runs for it. The peer hears of it if the network lets it.
    pub async fn close(mut self) {
        self.closed = true;
        self.tasks.shutdown().await;
        let _ = self.connection.close().await;
    }
}

/// The library's task keeps its connection alive by itself, so somebody has to close it.
impl Drop for Leg {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let connection = Arc::clone(&self.connection);
            runtime.spawn(async move { connection.close().await });
        }
    }
}
