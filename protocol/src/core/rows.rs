//! How the core's decision state is written down: one protobuf message per row, behind a version byte.

use crate::history::rows::TipRow;
use crate::link::Hint;
use crate::store::{Key, Table, Write};
use crate::view::{CallOutcome, Gate, NoiseSuppression, Settings, SoundSettings, Theme, Transmission};
use crate::wire::identity::{Profile, Signed};
use crate::wire::link::{HintMsg, ReadUpTo};
use prost::Message;

/// Version of the records here. A reader refuses a newer one; migrations bring older ones up.
const VERSION: u8 = 1;

/// The own account, without secrets: part of a backup.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MeRow {
    #[prost(message, optional, tag = "1")]
    pub profile: Option<Profile>,
    #[prost(uint32, tag = "2")]
    pub status: u32,
    #[prost(bool, tag = "3")]
    pub words_saved: bool,
    /// The code in the own contact link, 8 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub code: Vec<u8>,
    #[prost(string, tag = "5")]
    pub tag: String,
    /// The newest device set of the own account.
    #[prost(message, optional, tag = "6")]
    pub device_set: Option<Signed>,
}

/// This installation's secrets: never part of a backup.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeviceRow {
    /// Seed of the device key, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    /// Seed of the transport key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub transport: Vec<u8>,
    /// Ratchet identity and prekeys.
    #[prost(bytes = "vec", tag = "3")]
    pub keys: Vec<u8>,
    /// The published prekey bundle.
    #[prost(message, optional, tag = "4")]
    pub bundle: Option<Signed>,
    #[prost(uint64, tag = "5")]
    pub bundle_seq: u64,
    /// Contact requests that must not come back by being sent again.
    #[prost(message, repeated, tag = "6")]
    pub declined: Vec<DeclinedRow>,
    /// Another node was seen to run with this device's key.
    #[prost(bool, tag = "7")]
    pub cloned: bool,
}

/// A contact request that was declined.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeclinedRow {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub made_ms: u64,
}

/// Somebody known.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PersonRow {
    #[prost(bytes = "vec", tag = "1")]
    pub account: Vec<u8>,
    /// See [`super::people::relation_number`].
    #[prost(uint32, tag = "2")]
    pub relation: u32,
    #[prost(message, optional, tag = "3")]
    pub profile: Option<Profile>,
    #[prost(string, tag = "4")]
    pub petname: String,
    #[prost(message, optional, tag = "5")]
    pub device_set: Option<Signed>,
    /// The lasting pair key, 32 bytes; empty before acceptance.
    #[prost(bytes = "vec", tag = "6")]
    pub pair_key: Vec<u8>,
    #[prost(bool, tag = "7")]
    pub verified: bool,
    #[prost(bool, tag = "8")]
    pub devices_changed: bool,
    #[prost(string, tag = "9")]
    pub tag: String,
    #[prost(message, repeated, tag = "10")]
    pub hints: Vec<HintMsg>,
    #[prost(uint64, tag = "11")]
    pub last_seen: u64,
    #[prost(message, optional, tag = "12")]
    pub request: Option<RequestRow>,
    /// An accept that the other side has not confirmed.
    #[prost(bool, tag = "13")]
    pub owes_accept: bool,
    /// Relation before blocking.
    #[prost(uint32, tag = "14")]
    pub before_block: u32,
    /// When the pair key was agreed on, unix ms.
    #[prost(uint64, tag = "15")]
    pub paired_ms: u64,
    /// Reply key of an own request that theirs crossed, 32 bytes.
    #[prost(bytes = "vec", tag = "16")]
    pub asked_key: Vec<u8>,
}

/// A contact request between us and a person.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RequestRow {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// Pair key until there is an answer, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub reply_key: Vec<u8>,
    #[prost(string, tag = "3")]
    pub text: String,
    #[prost(uint64, tag = "4")]
    pub made_ms: u64,
    #[prost(bool, tag = "5")]
    pub incoming: bool,
    #[prost(bool, tag = "6")]
    pub delivered: bool,
    /// Code of their link, 8 bytes.
    #[prost(bytes = "vec", tag = "7")]
    pub code: Vec<u8>,
}

/// Ratchet state with one device.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SessionRow {
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub account: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub pair: Vec<u8>,
    /// Their newest prekey bundle.
    #[prost(message, optional, tag = "4")]
    pub bundle: Option<Signed>,
    /// The device has shown in a hello that it speaks for the account.
    #[prost(bool, tag = "5")]
    pub proven: bool,
}

/// Head of a conversation.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ChatRow {
    #[prost(bytes = "vec", tag = "1")]
    pub peer: Vec<u8>,
    #[prost(uint32, tag = "2")]
    pub unread: u32,
    #[prost(string, tag = "5")]
    pub draft: String,
    #[prost(bool, tag = "6")]
    pub muted: bool,
    #[prost(message, optional, tag = "7")]
    pub last: Option<LastRow>,
    /// How far the person here has read, by writing device.
    #[prost(message, repeated, tag = "8")]
    pub read: Vec<ReadUpTo>,
    /// How far the other person has read, by writing device.
    #[prost(message, repeated, tag = "9")]
    pub peer_read: Vec<ReadUpTo>,
    /// Where this device's own logs end: a second record, so that losing one does not begin a log anew.
    #[prost(message, repeated, tag = "10")]
    pub ends: Vec<EndRow>,
    /// How far mailboxes hold, or held, what own devices wrote.
    #[prost(message, repeated, tag = "11")]
    pub held: Vec<ReadUpTo>,
}

/// Where an own log ends.
#[derive(Clone, PartialEq, Message)]
pub(super) struct EndRow {
    /// The writing device: a restored account is another one.
    #[prost(bytes = "vec", tag = "1")]
    pub device: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub chan: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub end: Option<TipRow>,
}

/// The newest message of a conversation.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LastRow {
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub seq: u64,
    #[prost(fixed64, tag = "4")]
    pub hlc: u64,
    #[prost(string, tag = "5")]
    pub text: String,
    #[prost(bool, tag = "6")]
    pub mine: bool,
    /// What became of it, where it is a call: see [`outcome_number`].
    #[prost(uint32, tag = "7")]
    pub call: u32,
}

/// Outcomes as they are stored, from 1.
const OUTCOMES: [CallOutcome; 4] = [CallOutcome::Talked, CallOutcome::Missed, CallOutcome::Declined, CallOutcome::Failed];

/// An outcome as a row has it; 0 is none.
pub(super) fn outcome_number(outcome: Option<CallOutcome>) -> u32 {
    OUTCOMES.iter().zip(1..).find(|(o, _)| Some(**o) == outcome).map_or(0, |(_, n)| n)
}

/// The outcome of a row.
pub(super) fn outcome_of(number: u32) -> Option<CallOutcome> {
    OUTCOMES.iter().zip(1..).find(|(_, n)| *n == number).map(|(o, _)| *o)
}

/// How far another device has got in the logs of a conversation.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AckRow {
    #[prost(bytes = "vec", tag = "1")]
    pub space: Vec<u8>,
    /// The acknowledging device.
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    #[prost(message, repeated, tag = "3")]
    pub logs: Vec<AckedLog>,
}

/// See [`AckRow`].
#[derive(Clone, PartialEq, Message)]
pub(super) struct AckedLog {
    #[prost(bytes = "vec", tag = "1")]
    pub chan: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    #[prost(uint64, tag = "3")]
    pub seq: u64,
}

/// An own call whose entry is not written: it goes on, or went on when this machine failed, or the entry has to wait.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CallRow {
    #[prost(bytes = "vec", tag = "1")]
    pub call: Vec<u8>,
    /// The device that called.
    #[prost(bytes = "vec", tag = "2")]
    pub device: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub account: Vec<u8>,
    #[prost(uint64, tag = "4")]
    pub started_ms: u64,
    /// A device of theirs took it.
    #[prost(bool, tag = "5")]
    pub taken: bool,
    /// Sound passed, for this long when it was last looked at.
    #[prost(bool, tag = "6")]
    pub talked: bool,
    #[prost(uint64, tag = "7")]
    pub talked_ms: u64,
    /// What became of it, once it is over: see [`outcome_number`].
    #[prost(uint32, tag = "8")]
    pub outcome: u32,
}

/// Settings of this device.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SettingsRow {
    #[prost(uint32, tag = "1")]
    pub theme: u32,
    #[prost(string, tag = "2")]
    pub language: String,
    #[prost(bool, tag = "3")]
    pub notifications: bool,
    #[prost(bool, tag = "4")]
    pub receipts: bool,
    #[prost(bool, tag = "5")]
    pub typing: bool,
    #[prost(bool, tag = "6")]
    pub visible_nearby: bool,
    #[prost(uint32, tag = "7")]
    pub gate: u32,
    /// The operators' nodes in use.
    #[prost(message, repeated, tag = "8")]
    pub operators: Vec<HintMsg>,
    /// Whether the login is kept out of the directory.
    #[prost(bool, tag = "9")]
    pub unlisted: bool,
    #[prost(bool, tag = "10")]
    pub relay_calls: bool,
    /// Absent in rows from before there were calls.
    #[prost(message, optional, tag = "11")]
    pub sound: Option<SoundRow>,
}

/// See [`SettingsRow`].
#[derive(Clone, PartialEq, Message)]
pub(super) struct SoundRow {
    #[prost(string, optional, tag = "1")]
    pub input: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub output: Option<String>,
    #[prost(uint32, tag = "3")]
    pub input_volume: u32,
    #[prost(uint32, tag = "4")]
    pub output_volume: u32,
    #[prost(bool, tag = "5")]
    pub echo_cancellation: bool,
    #[prost(uint32, tag = "6")]
    pub noise_suppression: u32,
    #[prost(bool, tag = "7")]
    pub gain_control: bool,
    #[prost(uint32, tag = "8")]
    pub transmission: u32,
    #[prost(sint32, optional, tag = "9")]
    pub threshold: Option<i32>,
}

impl From<&SoundSettings> for SoundRow {
    fn from(s: &SoundSettings) -> Self {
        Self {
            input: s.input.clone(),
            output: s.output.clone(),
            input_volume: s.input_volume.into(),
            output_volume: s.output_volume.into(),
            echo_cancellation: s.echo_cancellation,
            noise_suppression: match s.noise_suppression {
                NoiseSuppression::Off => 0,
                NoiseSuppression::Standard => 1,
                NoiseSuppression::Strong => 2,
            },
            gain_control: s.gain_control,
            transmission: match s.transmission {
                Transmission::VoiceActivated => 0,
                Transmission::PushToTalk => 1,
                Transmission::Open => 2,
            },
            threshold: s.threshold.map(Into::into),
        }
    }
}

impl From<SoundRow> for SoundSettings {
    fn from(r: SoundRow) -> Self {
        let usual = Self::default();
        let read = Self {
            input: r.input,
            output: r.output,
            input_volume: r.input_volume.try_into().unwrap_or(usual.input_volume),
            output_volume: r.output_volume.try_into().unwrap_or(usual.output_volume),
            echo_cancellation: r.echo_cancellation,
            noise_suppression: match r.noise_suppression {
                0 => NoiseSuppression::Off,
                2 => NoiseSuppression::Strong,
                _ => NoiseSuppression::Standard,
            },
            gain_control: r.gain_control,
            // One of a newer version is read as the one that says least.
            transmission: match r.transmission {
                0 => Transmission::VoiceActivated,
                2 => Transmission::Open,
                _ => Transmission::PushToTalk,
            },
            threshold: r.threshold.and_then(|level| level.try_into().ok()),
        };
        if read.check().is_ok() { read } else { usual }
    }
}

impl SettingsRow {
    pub fn new(s: &Settings, operators: &[Hint]) -> Self {
        Self {
            operators: operators.iter().map(Hint::to_msg).collect(),
            unlisted: !s.listed,
            relay_calls: s.relay_calls,
            sound: Some(SoundRow::from(&s.sound)),
            theme: match s.theme {
                Theme::System => 0,
                Theme::Dark => 1,
                Theme::Light => 2,
            },
            language: s.language.clone(),
            notifications: s.notifications,
            receipts: s.receipts,
            typing: s.typing,
            visible_nearby: s.visible_nearby,
            gate: match s.gate {
                Gate::Anyone => 0,
                Gate::Code => 1,
                Gate::Nobody => 2,
            },
        }
    }
}

impl From<SettingsRow> for Settings {
    fn from(r: SettingsRow) -> Self {
        Self {
            theme: match r.theme {
                1 => Theme::Dark,
                2 => Theme::Light,
                _ => Theme::System,
            },
            language: r.language,
            notifications: r.notifications,
            receipts: r.receipts,
            typing: r.typing,
            visible_nearby: r.visible_nearby,
            listed: !r.unlisted,
            sound: r.sound.map(Into::into).unwrap_or_default(),
            // An unknown gate of a newer version is read as the strictest.
            gate: match r.gate {
                0 => Gate::Anyone,
                1 => Gate::Code,
                _ => Gate::Nobody,
            },
            relay_calls: r.relay_calls,
        }
    }
}

/// Encodes a row.
pub(super) fn encode(row: &impl Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(row.encoded_len().saturating_add(1));
    out.push(VERSION);
    // Encoding into a vector cannot run out of room.
    let _ = row.encode(&mut out);
    out
}

/// Decodes a row; `None` for one that this version cannot read.
pub(super) fn decode<M: Message + Default>(bytes: &[u8]) -> Option<M> {
    match bytes.split_first() {
        Some((&VERSION, body)) => M::decode(body).ok(),
        _ => None,
    }
}

/// A write of a row that is alone in its scope.
pub(super) fn put(table: Table, scope: impl Into<Vec<u8>>, row: &impl Message) -> Write {
    Write::Put(Key::single(table, scope), encode(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_written() {
        let sound = SoundSettings {
            input: Some("alsa:hw:1".into()),
            input_volume: 150,
            echo_cancellation: false,
            noise_suppression: NoiseSuppression::Strong,
            transmission: Transmission::PushToTalk,
            threshold: Some(-40),
            ..SoundSettings::default()
        };
        let settings = Settings { listed: false, gate: Gate::Nobody, sound, ..Settings::default() };
        for settings in [settings, Settings::default()] {
            let row = encode(&SettingsRow::new(&settings, &[]));
            assert_eq!(decode::<SettingsRow>(&row).map(Settings::from), Some(settings));
        }
    }

    #[test]
    fn settings_from_before_there_were_calls_have_the_usual_sound() {
        let row = SettingsRow { sound: None, ..SettingsRow::new(&Settings::default(), &[]) };
        assert_eq!(Settings::from(row).sound, SoundSettings::default());
        let damaged = SoundRow { input_volume: 70_000, threshold: Some(9), ..SoundRow::from(&SoundSettings::default()) };
        assert_eq!(SoundSettings::from(damaged), SoundSettings::default());
    }
}
