//! Every decoder that sees bytes of somebody else, under the name of its fuzz target.
//!
//! `protocol/tests/corpus.rs` includes this file and feeds it the committed seeds, for which
//! no nightly toolchain is needed.

use std::fmt::Debug;

use veche_protocol::crypto::{hash, labels};
use veche_protocol::directory::record::{self, Judge, TagProof};
use veche_protocol::identity::link::ContactLink;
use veche_protocol::identity::login::{Handle, Login, propose};
use veche_protocol::identity::safety::SafetyNumber;
use veche_protocol::identity::{text, words};
use veche_protocol::ids::{AccountId, DirectoryKey, LinkId, PeerKey, QueueName};
use veche_protocol::mailbox::proof::{self, Ends, OwnerSecret};
use veche_protocol::mailbox::server::{self, Effect, Frame, Input, Limits, Server};
use veche_protocol::time::{Mono, Now, UnixMs};
use veche_protocol::turn::aim::Aim;
use veche_protocol::turn::door::{self, Door, Verdict};
use veche_protocol::turn::user::Secret;
use veche_protocol::wire::codec::{self, Wire, WireError};
use veche_protocol::wire::mailbox::{Mailbox, MailboxFrame};
use veche_protocol::wire::stun::Datagram;
use veche_protocol::wire::turn::TurnFrame;
use veche_protocol::wire::{bodies, call, directory, entry, hello, identity, inbox, link, mailbox, sync};

/// A decoder and what has to hold for whatever it is fed.
pub struct Decoder {
    /// Name of the fuzz target and of its folder of seeds.
    pub name: &'static str,
    /// Whether the bytes were read rather than refused. Panics if the decoder breaks a promise, which a refusal does not.
    pub check: fn(&[u8]) -> bool,
}

/// All of them.
pub const DECODERS: &[Decoder] = &[
    Decoder { name: "hello", check: message::<hello::HelloFrame> },
    Decoder { name: "proof", check: message::<hello::ProofBody> },
    Decoder { name: "inbox", check: message::<inbox::InboxFrame> },
    Decoder { name: "link", check: message::<link::LinkFrame> },
    Decoder { name: "call", check: message::<call::CallMsg> },
    Decoder { name: "olm_message", check: message::<link::OlmMessage> },
    Decoder { name: "inner", check: message::<link::Inner> },
    Decoder { name: "sync", check: message::<sync::SyncFrame> },
    Decoder { name: "record", check: message::<directory::Record> },
    Decoder { name: "login_claim", check: message::<directory::LoginClaim> },
    Decoder { name: "address_box", check: message::<directory::AddressBox> },
    Decoder { name: "whereabouts", check: message::<directory::Whereabouts> },
    Decoder { name: "record_merge", check: record_merge },
    Decoder { name: "mailbox", check: message::<MailboxFrame> },
    Decoder { name: "mailbox_server", check: mailbox_server },
    Decoder { name: "turn", check: message::<TurnFrame> },
    Decoder { name: "turn_door", check: turn_door },
    Decoder { name: "mail", check: message::<mailbox::Mail> },
    Decoder { name: "lan_hello", check: message::<identity::LanHello> },
    Decoder { name: "signed", check: message::<identity::Signed> },
    Decoder { name: "device_set", check: message::<identity::DeviceSet> },
    Decoder { name: "prekey_bundle", check: message::<identity::PrekeyBundle> },
    Decoder { name: "profile", check: message::<identity::Profile> },
    Decoder { name: "tombstone", check: message::<identity::Tombstone> },
    Decoder { name: "entry_header", check: message::<entry::EntryHeader> },
    Decoder { name: "body", check: body },
    Decoder { name: "id_text", check: id_text },
    Decoder { name: "contact_link", check: contact_link },
    Decoder { name: "contact_link_body", check: contact_link_body },
    Decoder { name: "login", check: login },
    Decoder { name: "safety_number", check: safety_number },
    Decoder { name: "recovery_words", check: recovery_words },
    Decoder { name: "clean_text", check: clean_text },
];

/// The decoder of this name.
///
/// # Panics
/// A fuzz target whose name is not in [`DECODERS`].
#[must_use]
pub fn decoder(name: &str) -> &'static Decoder {
    DECODERS.iter().find(|decoder| decoder.name == name).expect("a fuzz target bears the name of a decoder")
}

/// The scanner and the parser agree on what a message is, and a message that was read can be written and read again.
fn message<M: Wire + PartialEq + Debug>(bytes: &[u8]) -> bool {
    let read: M = match codec::decode(bytes, bytes.len()) {
        Ok(read) => read,
        Err(WireError::Malformed { message }) => panic!("the scanner passed a {message} that the parser refuses"),
        Err(_) => return false,
    };
    let written = codec::encode(&read);
    let again: M = codec::decode(&written, written.len()).expect("what was written can be read");
    assert!(again == read, "{again:?} was {read:?}");
    assert!(codec::encode(&again) == written, "writing twice gives the same bytes");
    if let Some(shorter) = bytes.len().checked_sub(1) {
        assert!(matches!(codec::decode::<M>(bytes, shorter), Err(WireError::TooLong { .. })), "the limit holds");
    }
    true
}

/// A node of the directory keeps only what it would take again, and never more than fits a packet.
fn record_merge(bytes: &[u8]) -> bool {
    let judge = Judge { now: UnixMs(1_767_225_600_000), work: 0, salt: [7; 32] };
    let Some((at, bytes)) = bytes.split_first_chunk::<32>() else { return false };
    let at = DirectoryKey(*at);
    let Ok(merged) = record::merge(at, None, bytes, &judge, |_, _, _| TagProof::Right) else { return false };
    if let Some(kept) = merged.value {
        assert!(kept.len() <= veche_protocol::limits::RECORD, "a kept record fits a packet");
        let again = record::merge(at, Some(&kept), &kept, &judge, |_, _, _| TagProof::Right).expect("what was kept is taken again");
        assert_eq!(again.value, None, "a record merged with itself stays");
    }
    true
}

/// A relay for calls that a stranger sends a datagram to: nothing is relayed, nobody gets a place, and no answer is much longer than what
/// it answers, or the relay could be used to flood others.
fn turn_door(bytes: &[u8]) -> bool {
    let now = Now { mono: Mono(1), wall: UnixMs(1_767_225_600_000) };
    let mut door = Door::new(Secret::new([7; 32]), [9; 32], Aim::default(), door::Limits::default());
    let from = std::net::SocketAddr::from(([198, 51, 100, 1], 5000));
    match door.judge(now, from, bytes) {
        Verdict::Answer(answer) => assert!(answer.len() <= 4 * bytes.len(), "{} bytes for {}", answer.len(), bytes.len()),
        Verdict::Pass(proven) => assert!(proven.is_none(), "a stranger has proven nothing"),
        Verdict::Drop => {}
    }
    assert_eq!(door.stats().places, 0);
    Datagram::read(bytes).is_some()
}

/// A mailbox node that somebody talks to: each frame comes after its length, two bytes, little-endian; a frame of no bytes lets time pass.
/// Names, proofs and whole frames are no finds for a fuzzer: where a queue is named by one byte, it is the queue of that number, and what
/// belongs to it is filled in. However much is said, the node keeps to its limits and answers each question once at most.
fn mailbox_server(mut bytes: &[u8]) -> bool {
    let limits = Limits { make_work: 0, queues: 4, total_bytes: 64 << 10, queue_bytes: 40 << 10, ..Limits::for_operator() };
    let ends = Ends { client: PeerKey([1; 32]), node: PeerKey([9; 32]) };
    let config = server::Config { node: ends.node, limits: limits.clone(), seed: [7; 32] };
    let mut now = Now { mono: Mono(1), wall: UnixMs(1_767_225_600_000) };
    let mut node = Server::new(config, now, &[], &[]);
    let link = LinkId(1);
    let (mut made, mut answered) = (Vec::new(), false);
    while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
        let (frame, rest) = rest.split_at(usize::from(u16::from_le_bytes(*len)).min(rest.len()));
        bytes = rest;
        if node.stats().links == 0 {
            node.handle(now, Input::LinkUp { link, peer: ends.client, ip: [198, 51, 100, 1].into(), sponsor: None });
        }
        if frame.is_empty() {
            now.mono = node.next_timeout().max(now.mono);
            node.handle(now, Input::Tick);
        } else {
            node.handle(now, Input::Frame { link, frame: filled_in(frame, &made, &ends) });
        }
        let mut answers = 0;
        while let Some(effect) = node.poll() {
            match effect {
                Effect::Commit { commit, .. } => node.handle(now, Input::Committed { commit, durable: true }),
                Effect::Read { read, keys } => {
                    let frames = vec![Frame::Whole(vec![5; veche_protocol::limits::MAIL_SMALL]); keys.len()];
                    node.handle(now, Input::Found { read, frames });
                }
                Effect::Send { frame, .. } => {
                    match codec::decode::<MailboxFrame>(&frame, 20 << 10).expect("the node speaks the protocol").m {
                        Some(Mailbox::Held(_)) => {}
                        Some(Mailbox::Made(new)) => {
                            made.push(new);
                            answers += 1;
                        }
                        _ => answers += 1,
                    }
                }
                Effect::Close(_) | Effect::Recover => {}
            }
        }
        assert!(answers <= 1, "a question has one answer");
        answered |= answers > 0;
        let stats = node.stats();
        assert!(stats.queues <= 4 && stats.bytes <= limits.total_bytes, "the node keeps to its limits: {stats:?}");
    }
    answered
}

/// See [`mailbox_server`].
fn filled_in(frame: &[u8], made: &[mailbox::Made], ends: &Ends) -> Vec<u8> {
    let Ok(MailboxFrame { m: Some(mut message) }) = codec::decode::<MailboxFrame>(frame, frame.len()) else { return frame.to_vec() };
    let find = |name: &[u8]| if let [at] = name { made.get(usize::from(*at)) } else { None };
    match &mut message {
        Mailbox::Make(make) if make.owner == [1] => make.owner = OwnerSecret::from_seed([1; 32]).public().to_vec(),
        Mailbox::Put(put) => {
            if let Some(queue) = find(&put.queue) {
                put.queue.clone_from(&queue.write);
                put.frame.resize(veche_protocol::limits::MAIL_SMALL, 0);
                let name = QueueName::from_slice(&put.queue).expect("a name has its length");
                put.mac = proof::put_mac(&[2; 32], ends, &name, &put.frame).to_vec();
            }
        }
        Mailbox::Open(open) => {
            if let Some(queue) = find(&open.queue) {
                open.queue.clone_from(&queue.read);
                let name = QueueName::from_slice(&open.queue).expect("a name has its length");
                open.sig = OwnerSecret::from_seed([1; 32]).sign_open(ends, &name).to_vec();
            }
        }
        Mailbox::Taken(mailbox::Taken { queue, .. }) | Mailbox::End(mailbox::End { queue, .. }) => {
            if let Some(found) = find(queue) {
                queue.clone_from(&found.read);
            }
        }
        _ => {}
    }
    codec::encode(&MailboxFrame { m: Some(message) })
}

/// Bodies of entries: the first byte chooses the kind, as the header does in an entry.
fn body(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    match u32::from(*kind) {
        bodies::kind::AUTH => message::<bodies::AuthOp>(bytes),
        bodies::kind::TEXT => message::<bodies::Text>(bytes),
        bodies::kind::EDIT => message::<bodies::Edit>(bytes),
        bodies::kind::DELETE => message::<bodies::Delete>(bytes),
        bodies::kind::REACT => message::<bodies::React>(bytes),
        bodies::kind::CALL | bodies::kind::MISSED_CALL => message::<bodies::CallLog>(bytes),
        _ => false,
    }
}

/// Reads text twice: what was read is written, and the written form must read as the same.
fn text_form<T: PartialEq + Debug, E: Debug>(bytes: &[u8], parse: impl Fn(&str) -> Result<T, E>, write: impl Fn(&T) -> String) -> bool {
    let Some(read) = std::str::from_utf8(bytes).ok().and_then(|text| parse(text).ok()) else { return false };
    let written = write(&read);
    let again = parse(&written).expect("what was written can be read");
    assert_eq!(again, read, "{written:?}");
    true
}

/// A text that reads as an id is that id's text.
fn id_text(bytes: &[u8]) -> bool {
    text_form(bytes, AccountId::from_text, AccountId::to_text)
}

/// A link as text.
fn contact_link(bytes: &[u8]) -> bool {
    text_form(bytes, ContactLink::parse, ToString::to_string)
}

/// What stands behind a link, given the right check: without it the fuzzer would not get past the first line.
fn contact_link_body(body: &[u8]) -> bool {
    let check: [u8; 4] = hash::prefix(&hash::h(labels::CONTACT_LINK, &[body]));
    let Ok(link) = ContactLink::from_bytes(&[body, &check].concat()) else { return false };
    assert_eq!(ContactLink::from_bytes(&link.to_bytes()).as_ref(), Ok(&link));
    true
}

/// Logins, handles, and logins proposed for a name.
fn login(bytes: &[u8]) -> bool {
    if let Some(proposed) = std::str::from_utf8(bytes).ok().and_then(propose) {
        assert_eq!(Login::exact(proposed.as_str()).as_ref(), Ok(&proposed));
    }
    let login = text_form(bytes, Login::parse, ToString::to_string);
    let handle = text_form(bytes, Handle::parse, ToString::to_string);
    assert!(handle || !login, "a login alone is a handle");
    handle
}

/// Safety numbers as typed.
fn safety_number(bytes: &[u8]) -> bool {
    text_form(bytes, SafetyNumber::parse, ToString::to_string)
}

/// Recovery words as typed, and completions of what may be half a word.
fn recovery_words(bytes: &[u8]) -> bool {
    if let Ok(prefix) = std::str::from_utf8(bytes) {
        let typed = prefix.trim().to_lowercase();
        assert!(words::completions(prefix).iter().all(|word| word.starts_with(&typed)));
    }
    text_form(bytes, words::to_entropy, |entropy| words::from_entropy(entropy).join(" "))
}

/// Cleaning what is clean changes nothing.
fn clean_text(bytes: &[u8]) -> bool {
    [text::clean_name, text::clean_status, text::clean_info, text::clean_request_text, text::clean_message, text::clean_emoji]
        .map(|clean| text_form(bytes, clean, Clone::clone))
        .contains(&true)
}
