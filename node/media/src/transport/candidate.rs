//! Judges the addresses that a peer offers, before anything is sent to them.
//!
//! A candidate makes this device send packets to an address that somebody else chose. A peer must not be able to aim it at this
//! device itself, at a group of machines, or, unless it is a contact or everybody is on one local network anyway, at machines of
//! the local network. Names are refused altogether, because resolving one tells others who is called.

use std::fmt::Write as _;
use std::net::IpAddr;

use veche_protocol::call::media::CANDIDATE;
use veche_protocol::reach::{Reach, reach};

use super::Ways;

/// Most words of a candidate line that are looked at; RFC 8839 §5.1 needs 8, and extensions come in pairs.
const MAX_WORDS: usize = 32;

/// Longest foundation (RFC 8839 §5.1).
const MAX_FOUNDATION_BYTES: usize = 32;

/// What a candidate is (RFC 8445 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// An address of the machine itself.
    Host,
    /// The address that a STUN server saw.
    ServerReflexive,
    /// The address that the peer saw.
    PeerReflexive,
    /// An address of a TURN server.
    Relay,
}

/// Why a candidate is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CandidateRefusal {
    /// The line breaks the grammar or a bound.
    #[error("malformed")]
    Malformed,
    /// The address is a name, which would have to be resolved.
    #[error("a name instead of an address")]
    Name,
    /// Neither UDP nor the RTP component: nothing here uses it.
    #[error("a transport that is not used")]
    Transport,
    /// Nobody may be sent packets at this address.
    #[error("an address nobody may be reached at")]
    Address,
    /// An address of a local network, from somebody who is no contact.
    #[error("an address of the local network from a stranger")]
    LocalNetwork,
    /// The call goes through relays only, or stays on the local network, and this candidate does not.
    #[error("a way that this call does not take")]
    Way,
    /// More candidates than a device can have.
    #[error("too many")]
    TooMany,
}

/// One candidate, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    foundation: String,
    priority: u32,
    /// Where packets would go.
    pub address: IpAddr,
    port: u16,
    /// What it is.
    pub kind: CandidateKind,
}

impl Candidate {
    /// Reads one `candidate:…` line, with or without `a=` before it. Unknown extensions and the related address are left out:
    /// nothing here needs them, and a related address tells where somebody is.
    ///
    /// # Errors
    /// [`CandidateRefusal`] if the line is malformed, names a host, or is not UDP.
    pub fn parse(line: &str) -> Result<Self, CandidateRefusal> {
        use CandidateRefusal as Refusal;

        if line.len() > CANDIDATE || line.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
            return Err(Refusal::Malformed);
        }
        let line = line.strip_prefix("a=").unwrap_or(line);
        let line = line.strip_prefix("candidate:").ok_or(Refusal::Malformed)?;
        if line.split(' ').count() > MAX_WORDS {
            return Err(Refusal::Malformed);
        }
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or(Refusal::Malformed);

        let foundation = next()?;
        if foundation.is_empty() || foundation.len() > MAX_FOUNDATION_BYTES || !foundation.bytes().all(is_ice_char) {
            return Err(Refusal::Malformed);
        }
        let component: u16 = digits(next()?)?;
        let transport = next()?;
        let priority: u32 = digits(next()?)?;
        let address = next()?;
        let port: u16 = digits(next()?)?;
        if next()? != "typ" {
            return Err(Refusal::Malformed);
        }
        let kind = match next()? {
            "host" => CandidateKind::Host,
            "srflx" => CandidateKind::ServerReflexive,
            "prflx" => CandidateKind::PeerReflexive,
            "relay" => CandidateKind::Relay,
            _ => return Err(Refusal::Malformed),
        };
        if words.clone().count() % 2 != 0 || words.any(str::is_empty) {
            return Err(Refusal::Malformed);
        }
        if component != 1 || !transport.eq_ignore_ascii_case("udp") {
            return Err(Refusal::Transport);
        }
        let address: IpAddr = address.parse().map_err(|_| Refusal::Name)?;
        if priority == 0 || port == 0 {
            return Err(Refusal::Malformed);
        }
        Ok(Self { foundation: foundation.to_owned(), priority, address, port, kind })
    }

    /// The line that goes into the other direction: everything that was understood and nothing else.
    #[must_use]
    pub fn line(&self) -> String {
        let kind = match self.kind {
            CandidateKind::Host => "host",
            CandidateKind::ServerReflexive => "srflx",
            CandidateKind::PeerReflexive => "prflx",
            CandidateKind::Relay => "relay",
        };
        let Self { foundation, priority, address, port, .. } = self;
        let mut line = format!("candidate:{foundation} 1 udp {priority} {address} {port} typ {kind}");
        if self.kind != CandidateKind::Host {
            // RFC 8839 §5.1 wants these for everything but host candidates, and allows to hide what they would say.
            let nowhere = if address.is_ipv4() { "0.0.0.0" } else { "::" };
            // Writing to a string cannot fail.
            let _ = write!(line, " raddr {nowhere} rport 9");
        }
        line
    }

    /// Whether packets may be sent to this candidate of the peer.
    ///
    /// # Errors
    /// [`CandidateRefusal`] with the reason.
    pub fn may_be_tried(&self, ways: &Ways) -> Result<(), CandidateRefusal> {
        use CandidateRefusal as Refusal;

        if ways.ice.lan_only && self.kind == CandidateKind::Relay {
            return Err(Refusal::Way);
        }
        match reach(self.address) {
            Reach::Nowhere => Err(Refusal::Address),
            Reach::Loopback if ways.loopback => Ok(()),
            Reach::Loopback => Err(Refusal::Address),
            Reach::LocalNetwork if ways.ice.lan_only || ways.ice.peer_is_contact || ways.loopback => Ok(()),
            Reach::LocalNetwork => Err(Refusal::LocalNetwork),
            Reach::World if ways.ice.lan_only => Err(Refusal::Way),
            Reach::World => Ok(()),
        }
    }

    /// Whether the peer may be told of this candidate of ours: what may be tried there, and nothing but relays where no address of
    /// this machine is to leave.
    ///
    /// # Errors
    /// [`CandidateRefusal`] with the reason.
    pub fn may_be_told(&self, ways: &Ways) -> Result<(), CandidateRefusal> {
        if ways.ice.relay_only && self.kind != CandidateKind::Relay {
            return Err(CandidateRefusal::Way);
        }
        self.may_be_tried(ways)
    }
}

/// A decimal number without sign or blank, as the grammar has it; `str::parse` would take a plus.
fn digits<N: std::str::FromStr>(word: &str) -> Result<N, CandidateRefusal> {
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(CandidateRefusal::Malformed);
    }
    word.parse().map_err(|_| CandidateRefusal::Malformed)
}

/// RFC 8839 §5.1: what foundations, user fragments and passwords consist of.
pub(super) fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/'
}

#[cfg(test)]
mod tests;
