//! A stand-in for the engine of sound. It keeps the contract of `protocol::call::media`: what it says of itself is a text, and two legs
//! hear each other once they agree on the same offer and answer, for as long as their machines reach each other.

use crate::net::Host;
use crate::node::Who;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use veche_protocol::call::media::{
    Description, DescriptionKind, Fingerprint, LegId, LegStats, MediaCmd, MediaEvent, MediaFailure, MediaRoute, Role,
};

/// An engine takes this long for anything, ms.
const WORK: u64 = 5;
/// How often it is looked at who hears whom, ms.
const LISTEN: u64 = 50;

#[derive(Debug, Default)]
struct Leg {
    /// Own offer that waits for its answer.
    offered: Option<Vec<u8>>,
    /// Offer and answer.
    agreed: Option<(Vec<u8>, Vec<u8>)>,
    /// Of the other side, as its device signed it.
    theirs: Option<Fingerprint>,
    offers: u32,
    connected: bool,
    mic: bool,
}

/// The engines of all machines.
#[derive(Debug, Default)]
pub struct Engines {
    legs: BTreeMap<(Host, LegId), Leg>,
    /// Machines without one.
    pub missing: BTreeSet<Host>,
    /// Pairs between which no sound passes, whatever else does.
    pub silent: BTreeSet<(Host, Host)>,
    /// Machines that show another certificate than their devices sign.
    pub impostors: BTreeSet<Host>,
    listening: bool,
}

fn certificate(who: Host, leg: LegId, other: bool) -> Fingerprint {
    let mut out = [u8::from(other); 32];
    out[..8].copy_from_slice(&leg.0.to_be_bytes());
    out[8..16].copy_from_slice(&(who.0 as u64).to_be_bytes());
    out
}

impl Engines {
    /// A machine ended, and its sound with it.
    pub(crate) fn end(&mut self, who: Host) {
        self.legs.retain(|(host, _), _| *host != who);
    }

    /// Connections that a machine has open.
    #[must_use]
    pub fn legs_of(&self, who: Host) -> usize {
        self.legs.keys().filter(|(host, _)| *host == who).count()
    }

    /// Whether a machine's microphone is on, where it has a connection.
    #[must_use]
    pub fn mic_of(&self, who: Host) -> Option<bool> {
        self.legs.iter().find(|((host, _), _)| *host == who).map(|(_, leg)| leg.mic)
    }
}

impl World {
    /// Does what a core tells its engine.
    pub(crate) fn engine_told(&mut self, who: Who, cmd: MediaCmd) {
        let mut said = Vec::new();
        match cmd {
            MediaCmd::Open { leg, .. } if self.engines.missing.contains(&who) => {
                said.push(MediaEvent::Failed { leg, cause: MediaFailure::NoEngine });
            }
            MediaCmd::Open { leg, role, .. } => {
                self.engines.legs.insert((who, leg), Leg { mic: true, ..Leg::default() });
                if role == Role::Offer {
                    said = self.engine_offers(who, leg);
                }
                if !std::mem::replace(&mut self.engines.listening, true) {
                    self.listen_in(LISTEN);
                }
            }
            MediaCmd::Remote { leg: id, description, fingerprint } => {
                let Some(leg) = self.engines.legs.get_mut(&(who, id)) else { return };
                leg.theirs = Some(fingerprint);
                match description.kind {
                    DescriptionKind::Offer => {
                        leg.offered = None;
                        let sdp = [b"answer to ".as_slice(), &description.sdp].concat();
                        leg.agreed = Some((description.sdp, sdp.clone()));
                        said = own_words(who, id, DescriptionKind::Answer, sdp);
                    }
                    DescriptionKind::Answer => {
                        let offer = leg.offered.take().expect("an engine gets no answer to what it did not ask");
                        leg.agreed = Some((offer, description.sdp));
                    }
                }
            }
            MediaCmd::Restart { leg } => said = self.engine_offers(who, leg),
            MediaCmd::Set { leg, mic, .. } => {
                if let Some(leg) = self.engines.legs.get_mut(&(who, leg)) {
                    leg.mic = mic;
                }
            }
            MediaCmd::Close { leg } => drop(self.engines.legs.remove(&(who, leg))),
            MediaCmd::Candidates { .. } | MediaCmd::Volume { .. } => {}
        }
        said.into_iter().for_each(|event| self.media_in(who, WORK, event));
    }

    fn engine_offers(&mut self, who: Who, id: LegId) -> Vec<MediaEvent> {
        let Some(leg) = self.engines.legs.get_mut(&(who, id)) else { return Vec::new() };
        leg.offers += 1;
        let sdp = format!("offer {}/{}/{}", who.0, id.0, leg.offers).into_bytes();
        leg.offered = Some(sdp.clone());
        own_words(who, id, DescriptionKind::Offer, sdp)
    }

    /// Who hears whom may have changed.
    pub(crate) fn listen(&mut self) {
        let ids: Vec<(Host, LegId)> = self.engines.legs.keys().copied().collect();
        for (who, id) in &ids {
            let leg = &self.engines.legs[&(*who, *id)];
            let mate = ids.iter().find(|mate| mate.0 != *who && leg.agreed.is_some() && self.engines.legs[mate].agreed == leg.agreed);
            let hears = mate.is_some_and(|(other, _)| {
                let pair = (*who.min(other), *who.max(other));
                self.net.is_free(*who, *other) && !self.engines.silent.contains(&pair)
            });
            let shown = mate.map(|(other, mate)| certificate(*other, *mate, self.engines.impostors.contains(other)));
            if hears && !leg.connected && leg.theirs != shown {
                self.engines.legs.remove(&(*who, *id));
                self.media_in(*who, 0, MediaEvent::Failed { leg: *id, cause: MediaFailure::Impostor });
                break;
            }
            if hears != leg.connected {
                self.engines.legs.get_mut(&(*who, *id)).expect("a leg").connected = hears;
                let event = match hears {
                    true => MediaEvent::Connected { leg: *id, route: MediaRoute::Lan },
                    false => MediaEvent::Disconnected { leg: *id },
                };
                self.media_in(*who, 0, event);
                if hears {
                    let stats = LegStats { rtt_ms: Some(1), ..LegStats::default() };
                    self.media_in(*who, 1, MediaEvent::Stats { leg: *id, stats });
                }
            }
        }
        self.engines.listening = !self.engines.legs.is_empty();
        if self.engines.listening {
            self.listen_in(LISTEN);
        }
    }
}

fn own_words(who: Who, leg: LegId, kind: DescriptionKind, sdp: Vec<u8>) -> Vec<MediaEvent> {
    let description = Description { kind, sdp };
    vec![
        MediaEvent::Local { leg, description, fingerprint: certificate(who, leg, false) },
        MediaEvent::Candidates { leg, candidates: vec!["candidate:1 1 udp 1 192.168.1.1 9 typ host".into()], end: true },
    ]
}
