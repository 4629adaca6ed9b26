//! The words between the core and the media engine: what the engine is to do, and what it reports. Plain data; the shell carries it.
//!
//! # The contract
//! 1. Everything is about a *leg*: one WebRTC connection to one device of somebody else. The core names it, and never names another
//!    leg so within a run. A command for a leg that is not open does nothing and is not answered.
//! 2. [`MediaCmd::Open`] with [`Role::Offer`] is answered by [`MediaEvent::Local`] with an offer. With [`Role::Answer`] the engine
//!    waits for the offer, which comes as [`MediaCmd::Remote`], and answers it. Microphone and loudspeaker start only then: for a
//!    call that rings, nothing is open.
//! 3. Either side may offer anew at any time, on [`MediaCmd::Restart`] or by itself. The core settles whose offer holds where both
//!    do: the engine gives up its own offer if it gets another before its answer, and otherwise never gets one.
//! 4. Candidates may come before the description that they belong to, and wait for it.
//! 5. The fingerprint that comes with a description was signed by the other device. The engine ends the leg with
//!    [`MediaFailure::Impostor`] if the DTLS certificate over there has another.
//! 6. [`MediaEvent::Failed`] is the last event of a leg; nothing follows [`MediaCmd::Close`].
//! 7. A node without an engine answers every [`MediaCmd::Open`] with [`MediaFailure::NoEngine`].

use crate::limits;
use schemars::JsonSchema;
use serde::Serialize;

/// A session description, bytes.
pub const DESCRIPTION: usize = limits::CALL_DESCRIPTION;
/// One ICE candidate as text, bytes.
pub const CANDIDATE: usize = limits::CALL_CANDIDATE;
/// Candidates in one command or event.
pub const CANDIDATES: usize = limits::CALL_CANDIDATES;
/// Loudest volume of a person, percent.
pub const VOLUME: u16 = 200;

/// A connection to one device of somebody else, for sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(pub u64);

/// Which side of a leg makes the first offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// This side does.
    Offer,
    /// The other side does.
    Answer,
}

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:` and `turn:` addresses (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// Empty for STUN.
    pub username: String,
    /// Empty for STUN.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// How a leg may reach the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceSetup {
    /// Servers to ask for an outside address, and to relay.
    pub servers: Vec<IceServer>,
    /// Only relayed candidates leave, so that the other side learns no address of this machine.
    pub relay_only: bool,
    /// Only addresses of this machine are used, and no server.
    pub lan_only: bool,
    /// The other side is a contact. Whoever is not must not have this machine try loopback, private or multicast addresses.
    pub peer_is_contact: bool,
}

/// Which part a description plays (RFC 3264).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DescriptionKind {
    /// What one side would like.
    Offer,
    /// What the other makes of it.
    Answer,
}

/// A session description (RFC 8866). The core reads nothing of it but the fingerprint.
#[derive(Clone, PartialEq, Eq)]
pub struct Description {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// The text, at most [`DESCRIPTION`] bytes.
    pub sdp: Vec<u8>,
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It is full of addresses.
        write!(f, "{:?} of {} bytes", self.kind, self.sdp.len())
    }
}

/// SHA-256 of a DTLS certificate, as `a=fingerprint` says it (RFC 8122).
pub type Fingerprint = [u8; 32];

/// Something for the media engine to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaCmd {
    /// Prepare a leg, with a fresh certificate.
    Open {
        /// Names it from here on.
        leg: LegId,
        /// Who offers first.
        role: Role,
        /// How the other side may be reached.
        ice: IceSetup,
    },
    /// What the other device says.
    Remote {
        /// Which leg.
        leg: LegId,
        /// Its offer, or its answer to ours.
        description: Description,
        /// Of the certificate that it must show.
        fingerprint: Fingerprint,
    },
    /// Where the other device may be.
    Candidates {
        /// Which leg.
        leg: LegId,
        /// As `candidate:` lines without the `a=` (RFC 8839), at most [`CANDIDATES`].
        candidates: Vec<String>,
        /// No more will come for the newest description.
        end: bool,
    },
    /// Look for a way again (RFC 8445 §2.4) and offer it; sound goes on meanwhile where it can.
    Restart {
        /// Which leg.
        leg: LegId,
    },
    /// What is heard. The latest holds; a leg begins with both on.
    Set {
        /// Which leg.
        leg: LegId,
        /// Whether the microphone is sent.
        mic: bool,
        /// Whether nothing of others is played.
        deafen: bool,
    },
    /// How loud the other side is played.
    Volume {
        /// Which leg.
        leg: LegId,
        /// Up to [`VOLUME`]; 100 leaves it as it is.
        percent: u16,
    },
    /// End a leg.
    Close {
        /// Which leg.
        leg: LegId,
    },
}

/// Something that the media engine reports.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaEvent {
    /// Our offer, or our answer to theirs.
    Local {
        /// Which leg.
        leg: LegId,
        /// What the other device is to be told.
        description: Description,
        /// Of the certificate that this side shows; the description says the same.
        fingerprint: Fingerprint,
    },
    /// Where this device may be reached.
    Candidates {
        /// Which leg.
        leg: LegId,
        /// As `candidate:` lines without the `a=`, at most [`CANDIDATES`].
        candidates: Vec<String>,
        /// No more will come for the newest local description.
        end: bool,
    },
    /// Sound passes, also after it did not for a while, or goes another way now.
    Connected {
        /// Which leg.
        leg: LegId,
        /// Which way.
        route: MediaRoute,
    },
    /// Nothing is heard of the other side. It may come back by itself.
    Disconnected {
        /// Which leg.
        leg: LegId,
    },
    /// The leg is over.
    Failed {
        /// Which leg.
        leg: LegId,
        /// Why.
        cause: MediaFailure,
    },
    /// Somebody began or ceased to speak.
    Speaking {
        /// Whoever is at the other end of this leg; `None` is the person here.
        leg: Option<LegId>,
        /// Now.
        on: bool,
    },
    /// How a connected leg is, about once a second.
    Stats {
        /// Which leg.
        leg: LegId,
        /// Measured since the last time.
        stats: LegStats,
    },
}

/// Which way sound goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaRoute {
    /// Within one local network, or one machine.
    Lan,
    /// From one outside address to another.
    Direct,
    /// Through a relay.
    Relay,
}

/// Why a leg is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MediaFailure {
    /// This program was built or started without sound.
    NoEngine,
    /// The engine could not begin: no socket, no certificate, no memory.
    Setup,
    /// The description or the candidates of the other side cannot be used.
    Description,
    /// The certificate over there is not the one that the other device signed.
    Impostor,
    /// No way to the other side was found, or it was lost and not found again.
    NoWay,
}

/// How a leg is. What is not known yet is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct LegStats {
    /// Way there and back, ms.
    pub rtt_ms: Option<u32>,
    /// Packets of the other side that were lost, in thousandths.
    pub loss_permille: Option<u16>,
    /// Variation of their travel time (RFC 3550 §6.4.1), ms.
    pub jitter_ms: Option<u32>,
    /// Sound sent, bits a second.
    pub sent_bps: Option<u32>,
    /// Sound received, bits a second.
    pub received_bps: Option<u32>,
    /// What sound is coded with.
    pub codec: Option<String>,
    /// From a mouth over there to the ear here, by estimate: half the round trip, what waits in buffers, and the devices, ms.
    pub mouth_to_ear_ms: Option<u32>,
    /// Sound that had to be made up because it did not come in time, in thousandths.
    pub concealed_permille: Option<u16>,
}
