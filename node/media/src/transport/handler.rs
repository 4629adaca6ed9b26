//! Takes the library's calls and passes them on. They come on the task that moves the packets, so nothing here waits.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use webrtc::data_channel::DataChannel;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{PeerConnectionEventHandler, RTCIceGatheringState, RTCPeerConnectionIceEvent, RTCPeerConnectionState};

/// Candidates that may wait for the leg's task. A machine has fewer, and each gathering has its own.
const MAX_WAITING_CANDIDATES: usize = 128;

/// Tracks that may wait. A peer declares three.
const MAX_WAITING_TRACKS: usize = 8;

/// What the leg's task hears of.
pub(super) struct Signals {
    /// `None` says that no more will come for now.
    pub(super) candidates: mpsc::Receiver<Option<String>>,
    pub(super) tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
    /// The latest only: a state that lasted a moment is of no interest.
    pub(super) state: watch::Receiver<State>,
}

/// How the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Connecting,
    Connected,
    Disconnected,
    /// No way was found, or it was lost for good.
    NoWay,
    Closed,
}

/// See [`Signals`].
pub(super) struct Handler {
    candidates: mpsc::Sender<Option<String>>,
    tracks: mpsc::Sender<Arc<dyn TrackRemote>>,
    state: watch::Sender<State>,
}

impl Handler {
    pub(super) fn new() -> (Self, Signals) {
        let (candidates, candidates_rx) = mpsc::channel(MAX_WAITING_CANDIDATES);
        let (tracks, tracks_rx) = mpsc::channel(MAX_WAITING_TRACKS);
        let (state, state_rx) = watch::channel(State::Connecting);
        let handler = Self { candidates, tracks, state };
        (handler, Signals { candidates: candidates_rx, tracks: tracks_rx, state: state_rx })
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        if let Ok(candidate) = event.candidate.to_json() {
            let _ = self.candidates.try_send(Some(candidate.candidate));
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.candidates.try_send(None);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let state = match state {
            RTCPeerConnectionState::Connected => State::Connected,
            RTCPeerConnectionState::Disconnected => State::Disconnected,
            RTCPeerConnectionState::Failed => State::NoWay,
            RTCPeerConnectionState::Closed => State::Closed,
            _ => State::Connecting,
        };
        self.state.send_replace(state);
    }

    /// The only channel is agreed on beforehand. Another is not opened for the peer.
    async fn on_data_channel(&self, _channel: Arc<dyn DataChannel>) {}

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.tracks.try_send(track);
    }
}
