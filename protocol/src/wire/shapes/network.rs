//! What others keep and do for people: directory, mailboxes, relays for calls.

use super::super::codec::{Count, Field, Kind, Shape, Wire};
use super::super::{directory, identity, link, mailbox, turn};
use super::{LINE, WHEREABOUTS, bytes, msg, text};
use crate::limits;

shapes! {
    directory::Record {
        either claims: msg::<directory::Claims>(), 1;
        either keys: msg::<directory::AccountKeys>(), 2;
        either address: msg::<directory::SealedAddress>(), 3;
    }
    directory::Claims {
        many claims: msg::<directory::Claim>(), 1, max limits::CLAIMS;
    }
    directory::Claim {
        one claim: msg::<identity::Signed>(), 1;
        one pow: Kind::Fixed64, 2;
    }
    directory::LoginClaim {
        one v: Kind::U32, 1;
        one account: bytes(32), 2;
        one login: text(LINE), 3;
        one tag: text(LINE), 4;
        one name: text(LINE), 5;
        one status_text: text(LINE), 6;
        one seq: Kind::U64, 7;
        one until_ms: Kind::U64, 8;
        one gone: Kind::Bool, 9;
        many reach: msg::<link::HintMsg>(), 10, max limits::CLAIM_HINTS;
        many doors: msg::<directory::Door>(), 11, max limits::CLAIM_DOORS;
    }
    directory::Door {
        one node: msg::<link::HintMsg>(), 1;
        one queue: bytes(24), 2;
    }
    directory::AccountKeys {
        one device_set: msg::<identity::Signed>(), 1;
        many bundles: msg::<identity::Signed>(), 2, max limits::KEY_BUNDLES;
    }
    directory::SealedAddress {
        one key: bytes(32), 1;
        one sealed: msg::<identity::Signed>(), 2;
    }
    directory::AddressBox {
        one seq: Kind::U64, 1;
        one until_ms: Kind::U64, 2;
        one salt: bytes(16), 3;
        one ct: bytes(WHEREABOUTS), 4;
    }
    directory::Whereabouts {
        many hints: msg::<link::HintMsg>(), 1, max limits::HINTS;
        one pad: bytes(WHEREABOUTS), 15;
    }
    mailbox::MailboxFrame {
        either make: msg::<mailbox::Make>(), 1;
        either put: msg::<mailbox::Put>(), 2;
        either open: msg::<mailbox::Open>(), 3;
        either taken: msg::<mailbox::Taken>(), 4;
        either end: msg::<mailbox::End>(), 5;
        either made: msg::<mailbox::Made>(), 6;
        either settled: msg::<mailbox::Settled>(), 7;
        either no: msg::<mailbox::No>(), 8;
        either opened: msg::<mailbox::Opened>(), 9;
        either held: msg::<mailbox::Held>(), 10;
    }
    mailbox::Make {
        one ask: Kind::U32, 1;
        one owner: bytes(32), 2;
        one write_key: bytes(32), 3;
        one pow: Kind::Fixed64, 4;
        one door_bits: Kind::U32, 5;
    }
    mailbox::Put {
        one ask: Kind::U32, 1;
        one queue: bytes(24), 2;
        one mac: bytes(32), 3;
        one pow: Kind::Fixed64, 4;
        one frame: bytes(limits::MAIL_LARGE), 5;
    }
    mailbox::Open {
        one ask: Kind::U32, 1;
        one queue: bytes(24), 2;
        one sig: bytes(64), 3;
    }
    mailbox::Taken {
        one queue: bytes(24), 1;
        one up_to: Kind::U64, 2;
    }
    mailbox::End {
        one ask: Kind::U32, 1;
        one queue: bytes(24), 2;
    }
    mailbox::Made {
        one ask: Kind::U32, 1;
        one read: bytes(24), 2;
        one write: bytes(24), 3;
        one lifetime_s: Kind::U32, 4;
    }
    mailbox::Settled {
        one ask: Kind::U32, 1;
    }
    mailbox::No {
        one ask: Kind::U32, 1;
        one why: Kind::U32, 2;
        one amount: Kind::U32, 3;
    }
    mailbox::Opened {
        one ask: Kind::U32, 1;
        one waiting: Kind::U32, 2;
    }
    mailbox::Held {
        one queue: bytes(24), 1;
        one n: Kind::U64, 2;
        one frame: bytes(limits::MAIL_LARGE), 3;
    }
    mailbox::Mail {
        one from: bytes(32), 1;
        one sealed: msg::<link::SealedFrame>(), 2;
        one pad: bytes(limits::MAIL_LARGE), 15;
    }
    mailbox::QueueKey {
        one device: bytes(32), 1;
        one node: msg::<link::HintMsg>(), 2;
        one write: bytes(24), 3;
        one write_key: bytes(32), 4;
        one frame_key: bytes(32), 5;
    }
    mailbox::QueueKeys {
        one seq: Kind::U64, 1;
        many queues: msg::<mailbox::QueueKey>(), 2, max limits::QUEUES_PER_CONTACT;
    }
    turn::TurnFrame {
        either ask: msg::<turn::TurnAsk>(), 1;
        either grant: msg::<turn::TurnGrant>(), 2;
        either no: msg::<turn::TurnNo>(), 3;
    }
    turn::TurnAsk {
        one ask: Kind::U32, 1;
    }
    turn::TurnGrant {
        one ask: Kind::U32, 1;
        many urls: text(limits::TURN_URL), 2, max limits::TURN_URLS;
        one username: text(limits::TURN_NAME), 3;
        one credential: text(limits::TURN_NAME), 4;
        one life_s: Kind::U32, 5;
    }
    turn::TurnNo {
        one ask: Kind::U32, 1;
        one wait_s: Kind::U32, 2;
    }
}
