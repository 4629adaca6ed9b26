//! Judges the session description of a peer, and says it again in our own words.
//!
//! What the library gets is written anew from what was understood here, so nothing that this file does not know reaches it: no
//! second fingerprint, no stream by name, no retransmission stream, no address. A peer cannot choose the names of its tracks
//! either, which the library uses as keys beside the names of ours.

mod lines;
mod section;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lines::Attributes;
use section::Section;

use veche_protocol::call::media::DescriptionKind;

use super::candidate::is_ice_char;
use super::{Candidate, CandidateRefusal, Fingerprint};

/// Most candidates of one side, over one generation: every interface of a machine, thrice.
pub const MAX_CANDIDATES: usize = 64;

/// The sections of every description, in this order: sound, camera, screen, control.
const SECTIONS: [Kind; 4] = [Kind::Sound, Kind::Picture, Kind::Picture, Kind::Control];

/// What a section carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sound,
    Picture,
    Control,
}

/// Why a description is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionRefusal {
    /// Too long, or not lines of printable ASCII of the right kinds.
    #[error("malformed")]
    Malformed,
    /// Other sections than sound, camera, screen and control, or one of them closed.
    #[error("sections other than those of a call")]
    Sections,
    /// A section without a codec that both sides have.
    #[error("no codec in common")]
    Codec,
    /// None, several, or not SHA-256.
    #[error("not exactly one fingerprint")]
    Fingerprints,
    /// The fingerprint is not the one that the device signed.
    #[error("a fingerprint that the device did not sign")]
    WrongFingerprint,
    /// Credentials for the connectivity checks are missing, malformed, or differ between sections.
    #[error("unusable credentials")]
    Credentials,
    /// The roles of the handshake do not fit.
    #[error("roles that do not fit")]
    Roles,
    /// Streams are declared twice, or too many.
    #[error("streams that do not fit")]
    Streams,
    /// Not what was agreed on before in this call.
    #[error("a change that nobody asked for")]
    Changed,
}

/// A description that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    fingerprint: Fingerprint,
    user: String,
    password: String,
    /// Which side opens the handshake: `actpass`, `active` or `passive` (RFC 8842 §5).
    setup: &'static str,
    sections: Vec<Section>,
    /// What the description says about addresses, unjudged.
    candidates: Vec<Result<Candidate, CandidateRefusal>>,
}

impl Description {
    /// Reads a description, which must carry the fingerprint that the peer's device signed.
    ///
    /// # Errors
    /// [`DescriptionRefusal`]
    pub fn parse(text: &str, kind: DescriptionKind, bound: &Fingerprint) -> Result<Self, DescriptionRefusal> {
        use DescriptionRefusal as Refusal;

        let (session, media) = lines::split(text)?;
        if media.len() != SECTIONS.len() {
            return Err(Refusal::Sections);
        }
        let everything: Vec<&Attributes<'_>> = std::iter::once(&session).chain(media.iter().map(|section| &section.attributes)).collect();

        let fingerprint = one_fingerprint(&everything)?;
        if fingerprint != *bound {
            return Err(Refusal::WrongFingerprint);
        }
        let user = same(&everything, "ice-ufrag").filter(|user| is_credential(user, 4)).ok_or(Refusal::Credentials)?;
        let password = same(&everything, "ice-pwd").filter(|password| is_credential(password, 22)).ok_or(Refusal::Credentials)?;
        let setup = match (kind, same(&everything, "setup")) {
            (DescriptionKind::Offer, Some("actpass")) => "actpass",
            (DescriptionKind::Answer, Some("active")) => "active",
            (DescriptionKind::Answer, Some("passive")) => "passive",
            _ => return Err(Refusal::Roles),
        };

        let sections = media.iter().zip(SECTIONS).map(|(lines, kind)| Section::read(lines, kind)).collect::<Result<Vec<_>, _>>()?;
        let names: BTreeSet<&str> = sections.iter().map(|section| section.name.as_str()).collect();
        let bundle = session.values("group").find_map(|group| group.strip_prefix("BUNDLE ")).ok_or(Refusal::Sections)?;
        if names.len() != sections.len() || bundle.split(' ').collect::<BTreeSet<_>>() != names {
            return Err(Refusal::Sections);
        }
        let streams: Vec<u32> = sections.iter().filter_map(|section| section.stream).collect();
        if streams.iter().collect::<BTreeSet<_>>().len() != streams.len() {
            return Err(Refusal::Streams);
        }

        let candidates: Vec<_> = everything
            .iter()
            .flat_map(|attributes| attributes.values("candidate"))
            .map(|value| Candidate::parse(&format!("candidate:{value}")))
            .collect();
        if candidates.len() > MAX_CANDIDATES {
            return Err(Refusal::Malformed);
        }
        Ok(Self { fingerprint, user: user.to_owned(), password: password.to_owned(), setup, sections, candidates })
    }

    /// Whether this may follow `earlier` of the same peer in the same call: the same certificate, sections and streams, with
    /// whatever credentials.
    ///
    /// # Errors
    /// [`DescriptionRefusal::Changed`]
    pub fn may_follow(&self, earlier: &Self) -> Result<(), DescriptionRefusal> {
        let same = self.fingerprint == earlier.fingerprint
            && self.sections.iter().zip(&earlier.sections).all(|(new, old)| new.name == old.name && new.stream == old.stream);
        if same { Ok(()) } else { Err(DescriptionRefusal::Changed) }
    }

    /// Whether connectivity starts afresh compared with `earlier` (RFC 8445 §9).
    #[must_use]
    pub fn restarts(&self, earlier: &Self) -> bool {
        (&self.user, &self.password) != (&earlier.user, &earlier.password)
    }

    /// The numbers of the streams that the peer sends.
    pub fn streams(&self) -> impl Iterator<Item = u32> + '_ {
        self.sections.iter().filter_map(|section| section.stream)
    }

    /// The number of the peer's sound.
    #[must_use]
    pub fn sound(&self) -> Option<u32> {
        self.sections.first().and_then(|section| section.stream)
    }

    /// Under which number the loudness of a packet travels (RFC 6464), if it does.
    #[must_use]
    pub fn loudness_extension(&self) -> Option<u8> {
        self.sections.first().and_then(|section| section.extension(section::LOUDNESS))
    }

    /// The addresses in the description, each as it was understood.
    pub fn candidates(&self) -> impl Iterator<Item = &Result<Candidate, CandidateRefusal>> {
        self.candidates.iter()
    }

    /// The description in our own words: without addresses, which come one by one.
    #[must_use]
    pub fn text(&self) -> String {
        let names = self.sections.iter().map(|section| section.name.as_str()).collect::<Vec<_>>().join(" ");
        let mut text = format!(
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=msid-semantic:WMS *\r\na=fingerprint:sha-256 {}\r\na=extmap-allow-mixed\r\n\
             a=group:BUNDLE {names}\r\na=ice-options:trickle\r\n",
            self.fingerprint
        );
        for (index, section) in self.sections.iter().enumerate() {
            section.write(index, &mut text);
            // Writing to a string cannot fail.
            let _ = write!(text, "a=setup:{}\r\na=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", self.setup, self.user, self.password);
        }
        text
    }
}

/// A description of ours without the lines that name addresses.
pub(super) fn without_candidates(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("a=candidate:") && !line.starts_with("a=end-of-candidates")).collect()
}

fn one_fingerprint(everything: &[&Attributes<'_>]) -> Result<Fingerprint, DescriptionRefusal> {
    let mut found = None;
    for value in everything.iter().flat_map(|attributes| attributes.values("fingerprint")) {
        let (algorithm, print) = value.split_once(' ').ok_or(DescriptionRefusal::Fingerprints)?;
        let print = Fingerprint::from_hex(print).filter(|_| algorithm.eq_ignore_ascii_case("sha-256"));
        match (print, found) {
            (Some(print), None) => found = Some(print),
            (Some(print), Some(earlier)) if print == earlier => {}
            _ => return Err(DescriptionRefusal::Fingerprints),
        }
    }
    found.ok_or(DescriptionRefusal::Fingerprints)
}

/// The value that an attribute has wherever it stands. `None` if it stands nowhere, or with different values.
fn same<'a>(everything: &[&Attributes<'a>], name: &str) -> Option<&'a str> {
    let mut values = everything.iter().flat_map(|attributes| attributes.values(name));
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// RFC 8839 §5.4: `least` to 256 characters.
fn is_credential(value: &str, least: usize) -> bool {
    (least..=256).contains(&value.len()) && value.bytes().all(is_ice_char)
}

#[cfg(test)]
mod tests;
