//! Every decoder that sees bytes of somebody else, under the name of its fuzz target.
//!
//! Without the nightly toolchain, `protocol/tests/corpus.rs` includes this file and feeds it the committed seeds.

use prost::Message;
use veche_protocol::ids::{AccountId, DeviceId};
use veche_protocol::wire::{bodies, entry, hello, identity, inbox, link, sync};

/// A decoder and what has to hold for whatever it is fed.
pub struct Decoder {
    /// Name of the fuzz target and of its folder of seeds.
    pub name: &'static str,
    /// Panics if the decoder breaks a promise. A refusal is no such thing.
    pub check: fn(&[u8]),
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
    Decoder { name: "lan_hello", check: message::<identity::LanHello> },
    Decoder { name: "device_set", check: message::<identity::DeviceSet> },
    Decoder { name: "prekey_bundle", check: message::<identity::PrekeyBundle> },
    Decoder { name: "profile", check: message::<identity::Profile> },
    Decoder { name: "tombstone", check: message::<identity::Tombstone> },
    Decoder { name: "entry_header", check: message::<entry::EntryHeader> },
    Decoder { name: "body", check: body },
    Decoder { name: "id_text", check: id_text },
];

/// The decoder of this name.
///
/// # Panics
/// A fuzz target whose name is not in [`DECODERS`].
#[must_use]
pub fn decoder(name: &str) -> &'static Decoder {
    DECODERS.iter().find(|decoder| decoder.name == name).expect("a fuzz target bears the name of a decoder")
}

/// A message that was read can be written, and reads as the same message again.
fn message<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let Ok(read) = M::decode(bytes) else { return };
    let written = read.encode_to_vec();
    assert_eq!(written.len(), read.encoded_len());
    let again = M::decode(written.as_slice()).expect("what was written can be read");
    assert!(again == read, "{again:?} was {read:?}");
    assert!(again.encode_to_vec() == written, "writing twice gives the same bytes");
}

/// Bodies of entries: the first byte chooses the kind, as the header does in an entry.
fn body(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match u32::from(*kind) {
        bodies::kind::AUTH => message::<bodies::AuthOp>(bytes),
        bodies::kind::TEXT => message::<bodies::Text>(bytes),
        bodies::kind::EDIT => message::<bodies::Edit>(bytes),
        bodies::kind::DELETE => message::<bodies::Delete>(bytes),
        bodies::kind::REACT => message::<bodies::React>(bytes),
        _ => {}
    }
}

/// A text that reads as an id is that id's text, but for the case of its letters.
fn id_text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = AccountId::from_text(text) {
        assert_eq!(id.to_text(), text.to_ascii_lowercase());
    }
    if let Ok(id) = DeviceId::from_text(text) {
        assert_eq!(id.to_text(), text.to_ascii_lowercase());
    }
}
