//! Entries, their bodies, and catching up on them.

use super::super::codec::{Count, Field, Kind, Shape, Wire};
use super::super::{bodies, entry, identity, sync};
use super::{FOUNDERS, KEEPS, bytes, msg, text};
use crate::limits;

shapes! {
    entry::EntryHeader {
        one v: Kind::U32, 1;
        one space: bytes(32), 2;
        one device: bytes(32), 3;
        one chan: bytes(16), 4;
        one seq: Kind::U64, 5;
        one prev: bytes(32), 6;
        many deps: msg::<entry::Dep>(), 7, max limits::DEPS;
        one hlc: Kind::Fixed64, 8;
        many auth: bytes(16), 9, max limits::AUTH_HEADS;
        one kind: Kind::U32, 10;
        one body_hash: bytes(32), 11;
        one body_len: Kind::U32, 12;
    }
    entry::Dep {
        one dev8: bytes(8), 1;
        one seq: Kind::U64, 2;
        one id16: bytes(16), 3;
    }
    entry::Entry {
        one header: msg::<identity::Signed>(), 1;
        one salt: bytes(16), 2;
        one body: bytes(limits::ENTRY_BODY), 3;
    }
    entry::EntryBatch {
        many entries: msg::<entry::Entry>(), 1, max limits::BATCH_ENTRIES;
    }
    entry::Create {
        one v: Kind::U32, 1;
        one kind: Kind::U32, 2;
        many founders: bytes(32), 3, max FOUNDERS;
        one nonce: bytes(16), 4;
    }
    bodies::Text {
        one text: text(limits::TEXT), 1;
        one reply_to: bytes(32), 2;
    }
    bodies::Edit {
        one target: bytes(32), 1;
        one text: text(limits::TEXT), 2;
    }
    bodies::Delete {
        one target: bytes(32), 1;
    }
    bodies::React {
        one target: bytes(32), 1;
        one emoji: text(limits::EMOJI), 2;
        one on: Kind::Bool, 3;
    }
    bodies::CallLog {
        one call: bytes(16), 1;
        one outcome: Kind::U32, 2;
        one started_ms: Kind::U64, 3;
        one duration_ms: Kind::U64, 4;
    }
    bodies::AuthOp {
        either devices: msg::<bodies::Devices>(), 15;
        either gone: msg::<identity::Signed>(), 16;
    }
    bodies::Devices {
        one set: msg::<identity::Signed>(), 1;
        many keep: msg::<bodies::Keep>(), 2, max KEEPS;
    }
    bodies::Keep {
        one device: bytes(32), 1;
        one chan: bytes(16), 2;
        one seq: Kind::U64, 3;
    }
    sync::SyncFrame {
        either digests: msg::<sync::Digests>(), 1;
        either frontier: msg::<sync::Frontier>(), 2;
        either entries: msg::<sync::Entries>(), 3;
        either want: msg::<sync::Want>(), 4;
        either probe: msg::<sync::Probe>(), 5;
        either done: msg::<sync::Done>(), 6;
    }
    sync::Digests {
        many channels: msg::<sync::ChannelDigest>(), 1, max limits::SYNC_CHANNELS;
    }
    sync::ChannelDigest {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        one digest: bytes(16), 3;
    }
    sync::Frontier {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        many rows: msg::<sync::FrontierRow>(), 3, max limits::FRONTIER_ROWS;
        one ask: Kind::Bool, 4;
    }
    sync::FrontierRow {
        one device: bytes(32), 1;
        one floor: Kind::U64, 2;
        one seq: Kind::U64, 3;
        one digest: bytes(16), 4;
        one fork_at: Kind::U64, 5;
        many branches: msg::<sync::BranchRow>(), 6, max limits::FORK_BRANCHES;
    }
    sync::BranchRow {
        one root: bytes(32), 1;
        one seq: Kind::U64, 2;
        one digest: bytes(16), 3;
    }
    sync::Entries {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        many entries: msg::<entry::Entry>(), 3, max limits::BATCH_ENTRIES;
    }
    sync::Want {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        one device: bytes(32), 3;
        one from: Kind::U64, 4;
    }
    sync::Probe {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
        one device: bytes(32), 3;
        many points: msg::<sync::ProbePoint>(), 4, max limits::PROBE_POINTS;
    }
    sync::ProbePoint {
        one seq: Kind::U64, 1;
        one digest: bytes(16), 2;
    }
    sync::Done {
        one space: bytes(32), 1;
        one chan: bytes(16), 2;
    }
}
