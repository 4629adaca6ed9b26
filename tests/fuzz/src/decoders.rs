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
use veche_protocol::ids::{AccountId, DirectoryKey};
use veche_protocol::time::UnixMs;
use veche_protocol::wire::codec::{self, Wire, WireError};
use veche_protocol::wire::{bodies, directory, entry, hello, identity, inbox, link, mailbox, sync};

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
    Decoder { name: "olm_message", check: message::<link::OlmMessage> },
    Decoder { name: "inner", check: message::<link::Inner> },
    Decoder { name: "sync", check: message::<sync::SyncFrame> },
    Decoder { name: "record", check: message::<directory::Record> },
    Decoder { name: "login_claim", check: message::<directory::LoginClaim> },
    Decoder { name: "address_box", check: message::<directory::AddressBox> },
    Decoder { name: "whereabouts", check: message::<directory::Whereabouts> },
    Decoder { name: "record_merge", check: record_merge },
    Decoder { name: "mailbox", check: message::<mailbox::MailboxFrame> },
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

/// Bodies of entries: the first byte chooses the kind, as the header does in an entry.
fn body(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else { return false };
    match u32::from(*kind) {
        bodies::kind::AUTH => message::<bodies::AuthOp>(bytes),
        bodies::kind::TEXT => message::<bodies::Text>(bytes),
        bodies::kind::EDIT => message::<bodies::Edit>(bytes),
        bodies::kind::DELETE => message::<bodies::Delete>(bytes),
        bodies::kind::REACT => message::<bodies::React>(bytes),
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
