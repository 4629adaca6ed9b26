//! The table of methods. Dispatch and documentation are both made from it, so that neither can know a method that the other
//! does not.

mod account;
mod call;
mod chat;
mod contact;
mod device;
mod directory;
mod message;
mod program;

use super::context::Context;
use super::envelope::{self, Failure};
use super::openrpc::Docs;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use veche_protocol::ids::{AccountId, SpaceId};

/// Makes `dispatch` and `describe` from rows of `/// summary`, `"name" => function`.
///
/// A function takes the conversation and its typed params, and returns its typed result or a [`Failure`].
macro_rules! methods {
    ($( $(#[doc = $doc:literal])+ $name:literal => $function:path; )+) => {
        /// Does what a request asks.
        pub(super) async fn dispatch(context: &Context, method: &str, params: Option<Value>) -> Result<Value, Failure> {
            match method {
                $( $name => Box::pin(async {
                    let done = $function(context, envelope::params(params)?).await?;
                    envelope::to_value(&done)
                }).await, )+
                unknown => Err(Failure::unknown_method(unknown)),
            }
        }

        /// Writes every method into the documentation.
        pub(super) fn describe(docs: &mut Docs) {
            $( docs.method($name, concat!($($doc),+), $function); )+
        }
    };
}

methods! {
    /// Makes an account and its keys in this profile. Without a passphrase the desktop's keyring keeps the key of the stored data, or else a plain file.
    "account.create" => account::create;
    /// Comes back with the twelve recovery words, as a new device of the account.
    "account.restore" => account::restore;
    /// The own account.
    "account.show" => account::show;
    /// Changes the own profile; absent fields stay.
    "account.update" => account::update;
    /// Tells contacts and own devices that this account is gone, erases it from this disk, and ends the node. Repeat the login in `confirm`.
    "account.delete" => account::delete;
    /// Opens a sealed profile.
    "account.unlock" => account::unlock;
    /// Seals the stored data under a passphrase; without one, under the desktop's keyring or a plain file.
    "account.set_passphrase" => account::set_passphrase;
    /// How the key of the stored data is kept.
    "account.protection" => account::protection;
    /// The twelve recovery words. Whoever has them is this account.
    "account.words" => account::words;
    /// Notes that the recovery words are written down.
    "account.confirm_words" => account::confirm_words;
    /// Writes an encrypted backup of the account and its history.
    "account.export" => account::export;
    /// Makes this empty profile from a backup, as a new device of its account.
    "account.import" => account::import;

    /// People on the local network who let themselves be seen.
    "directory.nearby" => directory::nearby;
    /// Everybody who claims a login. Asks the directory where an operator is set, and waits up to `timeout_ms` for it to be done.
    "directory.lookup" => directory::lookup;

    /// Asks somebody to become a contact, by `account_id` or by `link`. Returns when the request is durable here; it is delivered when they can be reached.
    "contact.request" => contact::request;
    /// Contact requests that wait for an answer, newest first.
    "contact.requests" => contact::requests;
    /// Says yes to a request.
    "contact.accept" => contact::accept;
    /// Says no to a request; they are not told.
    "contact.decline" => contact::decline;
    /// Shuts somebody out; to them it looks as if this node were off.
    "contact.block" => contact::block;
    /// Lets them in again.
    "contact.unblock" => contact::unblock;
    /// Gives somebody an own name; an empty one returns to theirs.
    "contact.rename" => contact::rename;
    /// Compares the safety number that the other person read out.
    "contact.verify" => contact::verify;
    /// The safety number shared with somebody: both see the same one, unless somebody stands between.
    "contact.safety_number" => contact::safety_number;
    /// Everybody known, by name: contacts, requested and blocked people.
    "contact.list" => contact::list;
    /// The own contact link, as text and as a QR code.
    "contact.link" => contact::link;
    /// Makes a new contact link. The old ones stop working.
    "contact.renew_link" => contact::renew_link;
    /// What a contact link says, without doing anything.
    "contact.inspect" => contact::inspect;

    /// Conversations, the one with the newest activity first.
    "chat.list" => chat::list;
    /// The conversation with a contact.
    "chat.open" => chat::open;
    /// A page of a conversation, oldest first: the newest messages, or those next to a given one.
    "chat.history" => chat::history;
    /// Marks everything up to a message as read; without one, everything.
    "chat.mark_read" => chat::mark_read;
    /// Tells the other side that somebody is typing. Repeat it every few seconds for as long as that is so.
    "chat.typing" => chat::typing;
    /// Switches the notifications of a conversation off or on.
    "chat.mute" => chat::mute;
    /// Keeps text that was typed and not sent.
    "chat.draft" => chat::draft;

    /// Sends a message. Returns when it is durable on this disk.
    "message.send" => message::send;
    /// Changes an own message.
    "message.edit" => message::edit;
    /// Asks everybody to remove an own message.
    "message.delete" => message::delete;
    /// Puts a reaction on a message, or takes it back.
    "message.react" => message::react;
    /// How far an own message has got.
    "message.state" => message::state;
    /// One message.
    "message.get" => message::get;
    /// The newest messages that contain a text, newest first, in one conversation or in all; capital letters do not matter. What is not found soon takes seconds in a long history.
    "message.search" => message::search;

    /// Calls somebody. Returns when they are being called; `call.state` events tell how it goes on.
    "call.start" => call::start;
    /// Takes a call that rings here. Another that goes on is ended.
    "call.accept" => call::accept;
    /// Declines a call that rings here, on all devices of this account.
    "call.decline" => call::decline;
    /// Ends a call, or gives up calling.
    "call.hangup" => call::hang_up;
    /// Calls that ring or go on. Those that are over are in the history.
    "call.list" => call::list;
    /// Switches microphone and loudspeaker in a call; absent fields stay.
    "call.set" => call::set;
    /// How loud somebody is played in a call.
    "call.volume" => call::volume;
    /// How a call gets through, for each device at its other end.
    "call.stats" => call::stats;

    /// Microphones and loudspeakers.
    "device.audio_list" => device::audio_list;
    /// Chooses microphone and loudspeaker; absent fields stay. While a chosen one is absent, the system's takes its place.
    "device.select" => device::select;
    /// Tests the microphone, outside of calls too: `device.level` events tell how loud it is. Ends by itself after a minute unless it is asked for again.
    "device.test_audio" => device::test_audio;

    /// Settings of this device.
    "settings.get" => program::settings;
    /// Changes settings of this device; absent fields stay.
    "settings.set" => program::set_settings;
    /// Listen addresses, connections, and what stands in the way.
    "network.status" => program::network_status;
    /// Dials a node at a known address, which ends in `/p2p/ID`.
    "network.add_peer" => program::add_peer;
    /// Uses an operator's node as a meeting point: relay, door to the directory, mailbox. Takes its multiaddr, or the contact link of somebody who uses some.
    "network.bootstrap_add" => program::bootstrap_add;
    /// Uses an operator's node no longer; by any of its multiaddrs.
    "network.bootstrap_remove" => program::bootstrap_remove;
    /// The operators' nodes in use, and which are connected.
    "network.bootstrap_list" => program::bootstrap_list;
    /// Why something is not delivered, in words; by conversation or person.
    "network.diagnose" => program::diagnose;
    /// Which program this is.
    "node.version" => program::version;
    /// How much is stored, and the daily backups. Reads everything.
    "node.storage" => program::storage;
    /// Makes the daily backup now; the one before is kept. It is restored with `account.import`, the recovery words in the place of the passphrase.
    "node.backup" => program::back_up;
    /// Ends the node: finishes what is being written, says goodbye to peers.
    "node.shutdown" => program::shutdown;
    /// This document.
    "rpc.discover" => program::discover;
    /// From now on tells this conversation events, as notifications with the method `event`; of the given kinds, or all. Replaces what was asked before; an empty list ends it. `overflow` comes in any case: events were missed, read again what you show.
    "events.subscribe" => program::subscribe;
}

/// No params.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Done, nothing to say.
#[derive(Serialize, JsonSchema)]
pub(super) struct Done {}

/// A person.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Person {
    /// Who; `contact_id` is understood too.
    #[serde(alias = "contact_id")]
    account_id: AccountId,
}

/// A conversation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Chat {
    /// Which.
    chat_id: SpaceId,
}

/// Reads a field in which null means something else than absence. With `#[serde(default)]`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Entries of a list that are returned unless asked otherwise.
const DEFAULT_LIMIT: usize = 50;

/// The number of entries to return.
fn limit(asked: Option<u32>) -> Result<usize, Failure> {
    match asked.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)) {
        None => Ok(DEFAULT_LIMIT),
        Some(limit @ 1..=crate::handle::PAGE) => Ok(limit),
        Some(_) => Err(Failure::field("limit", &format!("it is a number from 1 to {}", crate::handle::PAGE))),
    }
}
