//! What devices say to each other about a call.

use super::super::call;
use super::super::codec::{Count, Field, Kind, Shape, Wire};
use super::{bytes, msg, text};
use crate::limits;

shapes! {
    call::SignedCall {
        one payload: bytes(limits::CALL_PAYLOAD), 1;
        one sig: bytes(64), 2;
    }
    call::CallMsg {
        one v: Kind::U32, 1;
        one call: bytes(16), 2;
        one from: bytes(32), 3;
        one to: bytes(32), 4;
        one n: Kind::U32, 5;
        one seen: Kind::U32, 6;
        one again: Kind::Bool, 7;
        one sent_ms: Kind::U64, 8;
        either invite: msg::<call::CallInvite>(), 9;
        either word: msg::<call::CallWord>(), 10;
        either description: msg::<call::CallDescription>(), 11;
        either candidates: msg::<call::CallCandidates>(), 12;
        either sound: msg::<call::CallSound>(), 13;
    }
    call::CallInvite {
        one lifetime_ms: Kind::U32, 1;
        one media: Kind::U32, 2;
    }
    call::CallWord {
        one word: Kind::U32, 1;
        one why: Kind::U32, 2;
    }
    call::CallDescription {
        one kind: Kind::U32, 1;
        one round: Kind::U32, 2;
        one sdp: bytes(limits::CALL_DESCRIPTION), 3;
        one fingerprint: bytes(32), 4;
    }
    call::CallCandidates {
        many lines: text(limits::CALL_CANDIDATE), 1, max limits::CALL_CANDIDATES;
        one end: Kind::Bool, 2;
    }
    call::CallSound {
        one mic: Kind::Bool, 1;
        one deafen: Kind::Bool, 2;
    }
}
