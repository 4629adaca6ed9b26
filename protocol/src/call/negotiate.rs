//! Descriptions and candidates, between the engine here and the device at the other end.
//!
//! Both sides may offer at any time. Where both do at once, the offer of the caller holds and the called side gives its own up ("perfect
//! negotiation", W3C WebRTC 1.0, 10.7): it hands the caller's offer to its engine, and the caller drops the other with the candidates
//! that belong to it. Offers are numbered, and an answer says which it answers, so that one which comes late is not taken for another's.

use super::board::{Board, Out};
use super::media::{CANDIDATES, Description, DescriptionKind, Fingerprint, LegId, MediaCmd};
use super::state::{Step, word};
use super::timing::{CONNECT, Due};
use crate::ids::{CallId, DeviceId};
use crate::time::{Mono, Now};
use crate::wire::call::{CallBody, CallCandidates, CallDescription, word as words};
use std::collections::VecDeque;
use std::time::Duration;

/// Offers of the other side that the engine has not answered yet. An honest one waits for the answer.
const ANSWERING: usize = 4;
/// Candidates of the other side for one description.
const CANDIDATES_EACH: usize = 4 * CANDIDATES;
/// Offers taken from the other side at once, and how often one more.
const OFFERS: u32 = 10;
const OFFER_EVERY: Duration = Duration::from_secs(3);

/// What is agreed on, and what is being agreed on.
#[derive(Debug)]
pub(super) struct Talk {
    /// This side gives way.
    polite: bool,
    /// Offers made here.
    round: u32,
    /// The own offer that waits for its answer.
    open: Option<u32>,
    /// The newest offer of theirs that was taken.
    their_round: u32,
    /// Offers of theirs that the engine has to answer.
    answering: VecDeque<u32>,
    /// Their last offer was dropped, and with it what belongs to it.
    ignoring: bool,
    /// Candidates of theirs since their last description.
    candidates: usize,
    /// Offers of theirs that may still be taken, and since when.
    offers: u32,
    offers_at: Mono,
    /// Candidates found here before the other side was told anything.
    held: Vec<CallCandidates>,
    /// Certificate shown here.
    pub own: Option<Fingerprint>,
    /// Certificate that the other device signed.
    pub theirs: Option<Fingerprint>,
}

impl Talk {
    pub fn new(polite: bool) -> Self {
        Self {
            polite,
            round: 0,
            open: None,
            their_round: 0,
            answering: VecDeque::new(),
            ignoring: false,
            candidates: 0,
            offers: OFFERS,
            offers_at: Mono(0),
            held: Vec::new(),
            own: None,
            theirs: None,
        }
    }

    /// Whether a new offer may be made: no own one waits for its answer, and none of theirs for ours.
    pub fn is_free(&self) -> bool {
        self.open.is_none() && self.answering.is_empty()
    }

    pub fn is_polite(&self) -> bool {
        self.polite
    }

    fn may_offer(&mut self, now: Mono) -> bool {
        let more = now.since(self.offers_at).as_millis().checked_div(OFFER_EVERY.as_millis()).unwrap_or(0);
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(OFFERS);
            self.offers = self.offers.saturating_add(more).min(OFFERS);
            self.offers_at = now;
        }
        let may = self.offers > 0;
        self.offers = self.offers.saturating_sub(1);
        may
    }

    /// Takes an offer of theirs, or says why not. `Ok(false)` drops it in favour of the own one.
    fn take_offer(&mut self, now: Mono, round: u32) -> Result<bool, &'static str> {
        if round <= self.their_round {
            return Err("call_description_old");
        }
        if !self.may_offer(now) || self.answering.len() >= ANSWERING {
            return Err("call_offers_flood");
        }
        self.their_round = round;
        if self.open.is_some() && !self.polite {
            self.ignoring = true;
            return Ok(false);
        }
        self.open = None;
        self.answering.push_back(round);
        Ok(true)
    }
}

impl Board {
    /// The engine says what it would like, or what it makes of the other side's wish.
    pub(super) fn local(&mut self, now: Now, leg: LegId, description: Description, fingerprint: Fingerprint) {
        let Some(call) = self.by_leg(leg) else { return };
        if call.other.is_none() {
            // Nobody has taken it: there is nobody to tell.
            return;
        }
        let (kind, round) = match description.kind {
            // Given up by the engine, which was handed theirs meanwhile.
            DescriptionKind::Offer if !call.talk.answering.is_empty() => return,
            DescriptionKind::Offer => {
                call.talk.round = call.talk.round.saturating_add(1);
                call.talk.open = Some(call.talk.round);
                (1, call.talk.round)
            }
            DescriptionKind::Answer => {
                let Some(round) = call.talk.answering.pop_front() else { return };
                call.talk.open = None;
                (2, round)
            }
        };
        call.talk.own = Some(fingerprint);
        let (id, taking) = (call.id, call.step == Step::Taking);
        let said = CallDescription { kind, round, sdp: description.sdp, fingerprint: fingerprint.to_vec() };
        let Some((call, out)) = self.call_and_out(id) else { return };
        if taking {
            call.say_other(now, word(words::ACCEPT), out);
            call.due.insert(Due::Connect, now.mono.after(CONNECT));
            call.step = Step::Connecting;
            if call.own != super::state::Sound::default() {
                call.say_other(now, call.own.said(), out);
            }
        }
        call.say_other(now, CallBody::Description(said), out);
        for candidates in std::mem::take(&mut call.talk.held) {
            call.say_other(now, CallBody::Candidates(candidates), out);
        }
    }

    /// The engine found ways to this side.
    pub(super) fn local_candidates(&mut self, now: Now, leg: LegId, lines: Vec<String>, end: bool) {
        let Some(id) = self.by_leg(leg).map(|call| call.id) else { return };
        let Some((call, out)) = self.call_and_out(id) else { return };
        let candidates = CallCandidates { lines, end };
        // Before the first description there is nothing that they could belong to over there.
        if call.talk.own.is_some() && call.step != Step::Taking {
            call.say_other(now, CallBody::Candidates(candidates), out);
        } else if call.talk.held.len() < CANDIDATES {
            call.talk.held.push(candidates);
        }
    }

    /// The other side says what it would like, or what it makes of our wish.
    pub(super) fn their_description(&mut self, now: Now, id: CallId, from: DeviceId, said: CallDescription) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        let (Some(leg), true) = (call.leg, call.other == Some(from)) else {
            return out.push_back(Out::Refused("call_of_other_device"));
        };
        let Ok(fingerprint) = Fingerprint::try_from(said.fingerprint.as_slice()) else {
            return out.push_back(Out::Refused("call_description_unfit"));
        };
        let kind = match said.kind {
            1 => match call.talk.take_offer(now.mono, said.round) {
                Ok(true) => DescriptionKind::Offer,
                Ok(false) => return,
                Err(why) => return out.push_back(Out::Refused(why)),
            },
            2 if call.talk.open == Some(said.round) => {
                call.talk.open = None;
                DescriptionKind::Answer
            }
            2 => return out.push_back(Out::Refused("call_answer_unasked")),
            _ => return out.push_back(Out::Refused("call_description_unfit")),
        };
        call.talk.ignoring = false;
        call.talk.candidates = 0;
        call.talk.theirs = Some(fingerprint);
        out.push_back(Out::Media(MediaCmd::Remote { leg, description: Description { kind, sdp: said.sdp }, fingerprint }));
    }

    /// The other side found ways to itself.
    pub(super) fn their_candidates(&mut self, id: CallId, from: DeviceId, said: CallCandidates) {
        let Some((call, out)) = self.call_and_out(id) else { return };
        let (Some(leg), true) = (call.leg, call.other == Some(from)) else {
            return out.push_back(Out::Refused("call_of_other_device"));
        };
        if call.talk.ignoring {
            return;
        }
        call.talk.candidates = call.talk.candidates.saturating_add(said.lines.len().max(1));
        if call.talk.candidates > CANDIDATES_EACH {
            return out.push_back(Out::Refused("call_candidates_flood"));
        }
        out.push_back(Out::Media(MediaCmd::Candidates { leg, candidates: said.lines, end: said.end }));
    }
}
