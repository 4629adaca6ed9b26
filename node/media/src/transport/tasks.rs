//! What runs for a leg: watching the connection, hearing, speaking, control. All of it ends with the leg.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use rtc::rtp;
use rtc::rtp::extension::HeaderExtension;
use rtc::rtp::extension::audio_level_extension::AudioLevelExtension;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use veche_protocol::call::media::{MediaFailure, MediaRoute};
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::PeerConnection;

use super::control::Control;
use super::gate::Gate;
use super::handler::State;
use super::leg::LegEvent;
use super::stack::OPUS_PAYLOAD;
use super::{Candidate, Ways, random, stats};
use crate::packet::VoicePacket;

/// Messages that may wait for the control channel to open or drain.
pub(super) const MAX_WAITING_CONTROL: usize = 16;

/// Between two looks at the way that packets take: a better one may have been found.
const ROUTE_INTERVAL: Duration = Duration::from_secs(1);

/// From a certificate to the end of the handshake: two more flights, each sent again after 1 and 3 s (RFC 6347 §4.2.4.1).
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(6);

/// Between two signs of life on the control channel.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Messages of the peer that are listened to in [`PING_INTERVAL`].
const MAX_MESSAGES: u32 = 50;

/// Longest packet of sound: an Opus frame has at most 1275 bytes (RFC 6716 §3.2.1), and a datagram no more than this anyway.
const MAX_SOUND_BYTES: usize = 1275;

/// Loudness where the peer does not tell it: silence, so that nobody seems to speak.
const SILENCE: u8 = 127;

/// Under which numbers the peer's sound comes, from its description.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    stream: AtomicU32,
    loudness: AtomicU8,
}

impl Numbers {
    /// Zero stands for "none" in both: neither a stream nor an extension has that number here.
    pub(super) fn set(&self, stream: Option<u32>, loudness: Option<u8>) {
        self.stream.store(stream.unwrap_or(0), Ordering::Relaxed);
        self.loudness.store(loudness.unwrap_or(0), Ordering::Relaxed);
    }

    fn read(&self, packet: rtp::Packet) -> Option<VoicePacket> {
        let header = &packet.header;
        let fits = header.ssrc == self.stream.load(Ordering::Relaxed)
            && header.payload_type == OPUS_PAYLOAD
            && (1..=MAX_SOUND_BYTES).contains(&packet.payload.len());
        if !fits {
            return None;
        }
        let extension = header.get_extension(self.loudness.load(Ordering::Relaxed));
        let level = extension.and_then(|value| value.first().map(|byte| byte & 0x7F)).unwrap_or(SILENCE);
        let rtp::Header { sequence_number: sequence, timestamp, marker, .. } = packet.header;
        Some(VoicePacket { sequence, timestamp, marker, level, payload: packet.payload })
    }
}

/// Watches how the connection is, and says so.
pub(super) struct Watching {
    pub(super) connection: Arc<dyn PeerConnection>,
    pub(super) ways: Ways,
    pub(super) gate: Arc<Gate>,
    pub(super) events: mpsc::Sender<LegEvent>,
}

impl Watching {
    pub(super) async fn run(self, mut candidates: mpsc::Receiver<Option<String>>, mut state: watch::Receiver<State>) {
        let mut ticks = tokio::time::interval(ROUTE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told: Option<Told> = None;
        loop {
            let event = tokio::select! {
                changed = state.changed() => {
                    let now = if changed.is_ok() { *state.borrow_and_update() } else { State::Closed };
                    self.changed(now, &mut told).await
                }
                Some(candidate) = candidates.recv() => self.candidate(candidate),
                _ = ticks.tick() => match told {
                    None => self.is_impostor().then_some(LegEvent::Failed(MediaFailure::Impostor)),
                    Some(Told::Connected(_)) => self.connected(&mut told).await,
                    Some(Told::Disconnected) => None,
                },
            };
            let over = matches!(event, Some(LegEvent::Failed(_)));
            if let Some(event) = event
                && self.events.send(event).await.is_err()
            {
                return;
            }
            if over {
                return;
            }
        }
    }

    async fn changed(&self, state: State, told: &mut Option<Told>) -> Option<LegEvent> {
        match state {
            State::Connecting => None,
            State::Connected => self.connected(told).await,
            State::Disconnected if *told == Some(Told::Disconnected) => None,
            State::Disconnected => {
                *told = Some(Told::Disconnected);
                Some(LegEvent::Disconnected)
            }
            State::NoWay | State::Closed => Some(LegEvent::Failed(MediaFailure::NoWay)),
        }
    }

    async fn connected(&self, told: &mut Option<Told>) -> Option<LegEvent> {
        let route = stats::route(&*self.connection).await?;
        if *told == Some(Told::Connected(route)) {
            return None;
        }
        *told = Some(Told::Connected(route));
        Some(LegEvent::Connected(route))
    }

    /// The peer showed its certificate a while ago and there is still no connection: it was not the one that the device signed.
    fn is_impostor(&self) -> bool {
        self.gate.certificate_shown().is_some_and(|shown| shown.elapsed() >= HANDSHAKE_PATIENCE)
    }

    fn candidate(&self, line: Option<String>) -> Option<LegEvent> {
        let Some(line) = line else { return Some(LegEvent::CandidatesDone) };
        let candidate = Candidate::parse(&line).ok()?;
        candidate.may_be_told(&self.ways).ok()?;
        Some(LegEvent::Candidate(candidate.line()))
    }
}

/// What was last said about the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Connected(MediaRoute),
    Disconnected,
}

/// Passes the peer's sound on. Pictures are taken too, and dropped: nobody looks at them, and untaken they would fill a queue.
pub(super) async fn hear(mut tracks: mpsc::Receiver<Arc<dyn TrackRemote>>, numbers: Arc<Numbers>, sound: mpsc::Sender<VoicePacket>) {
    let mut readers = JoinSet::new();
    while let Some(track) = tracks.recv().await {
        let (numbers, sound) = (Arc::clone(&numbers), sound.clone());
        readers.spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event
                    && let Some(packet) = numbers.read(packet)
                {
                    let _ = sound.try_send(packet);
                }
            }
        });
    }
}

/// Sends what waits in the outbox. Before there is a connection it is thrown away: the keys do not exist yet, and what was said
/// into a call that did not stand is not heard later.
pub(super) async fn speak(track: Arc<TrackLocalStaticRTP>, stream: u32, outbox: Arc<super::outbox::Outbox>, state: watch::Receiver<State>) {
    // RFC 3550 §5.1: both begin at random, so that the same sound is not recognised on two legs.
    let (Ok(sequence_start), Ok(timestamp_start)) = (random::non_zero(), random::non_zero()) else { return };
    let [_, _, high, low] = sequence_start.to_be_bytes();
    let sequence_start = u16::from_be_bytes([high, low]);
    loop {
        let packet = outbox.pop().await;
        if *state.borrow() != State::Connected {
            continue;
        }
        let level = AudioLevelExtension { level: packet.level.min(SILENCE), voice: packet.level < SILENCE };
        let header = rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: OPUS_PAYLOAD,
            sequence_number: packet.sequence.wrapping_add(sequence_start),
            timestamp: packet.timestamp.wrapping_add(timestamp_start),
            ssrc: stream,
            ..rtp::Header::default()
        };
        let packet = rtp::Packet { header, payload: packet.payload };
        // An error of the library contains the packet, so it is not even looked at. A packet less is concealed over there.
        let _ = track.write_rtp_with_extensions(packet, &[HeaderExtension::AudioLevel(level)]).await;
    }
}

/// Speaks and listens on the control channel.
pub(super) async fn control(channel: Arc<dyn DataChannel>, mut outgoing: mpsc::Receiver<Control>, events: mpsc::Sender<LegEvent>) {
    let mut pings = tokio::time::interval(PING_INTERVAL);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut open, mut number, mut heard) = (false, 0_u32, 0_u32);
    loop {
        tokio::select! {
            event = channel.poll() => match event {
                Some(DataChannelEvent::OnOpen) => open = true,
                Some(DataChannelEvent::OnMessage(message)) => {
                    heard = heard.saturating_add(1);
                    let message = Control::decode(&message.data).filter(|_| heard <= MAX_MESSAGES);
                    match message {
                        Some(Control::Ping(number)) => say(&*channel, Control::Pong(number)).await,
                        Some(Control::Pong(_)) | None => {}
                        Some(message) => {
                            if events.send(LegEvent::Control(message)).await.is_err() {
                                return;
                            }
                        }
                    }
                }
                Some(DataChannelEvent::OnClose) | None => return,
                Some(_) => {}
            },
            Some(message) = outgoing.recv(), if open => say(&*channel, message).await,
            _ = pings.tick() => {
                heard = 0;
                if open {
                    number = number.wrapping_add(1);
                    say(&*channel, Control::Ping(number)).await;
                }
            }
        }
    }
}

/// Fails fast where the channel is full or gone: what is said here is said again with the next change.
async fn say(channel: &dyn DataChannel, message: Control) {
    let _ = channel.try_send(BytesMut::from(message.encode().as_slice())).await;
}
