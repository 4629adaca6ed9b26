//! Everything that the core can ask the shell to do. Effects are executed in the order they are polled.

use super::command::{CommandError, Reply};
use super::event::Event;
use super::job::Job;
use crate::call::media::MediaCmd;
use crate::ids::{CmdId, CommitId, DirectoryKey, JobId, LinkId, PeerKey, QueryId, ReadId};
use crate::link::{Addr, Hint, Proto};
use crate::store::{Read, Write};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Something to do.
#[derive(Debug)]
pub enum Effect {
    /// Make these writes durable, together, and after those of every commit before; then say [`super::Input::Committed`], or
    /// [`super::Input::CommitFailed`]. After one that failed none is made durable before [`Effect::ResumeCommits`].
    Commit {
        /// Names the commit.
        id: CommitId,
        /// Shared, because the core keeps them until they are durable.
        writes: Arc<[Write]>,
    },
    /// The store may take commits again after a failure. Comes when every commit was answered; the failed ones follow, in order.
    ResumeCommits,
    /// Read, then say [`super::Input::Found`].
    Read {
        /// Names the read.
        id: ReadId,
        /// What.
        read: Read,
    },
    /// Compute on a worker, then say [`super::Input::JobDone`].
    Offload {
        /// Names the job.
        id: JobId,
        /// What.
        job: Job,
    },
    /// Start listening, with this transport key.
    StartNet {
        /// Ed25519 seed of the transport key.
        transport_seed: [u8; 32],
    },
    /// Connect to a peer at one of these addresses. Nothing is to be done if it is connected and the shell does not doubt the connection.
    Dial {
        /// Who must answer.
        peer: Option<PeerKey>,
        /// Where to try.
        addrs: Vec<Addr>,
    },
    /// Something said on this connection was not acknowledged in time. It is to be taken for dead unless it shows a sign of life, and dials
    /// to the same peer, which follow, go beside it: what comes up there first takes its place.
    Doubt(LinkId),
    /// The operators' nodes to use as relays and as doors to the directory. Replaces the list before; the core dials them itself.
    Operators(Vec<Hint>),
    /// The peers that may learn this node's direct addresses and with whom a direct connection is sought: devices of contacts and
    /// of the own account. Everybody else is only met where they already are, or behind a relay. Replaces the set before.
    Friends(BTreeSet<PeerKey>),
    /// Ask the directory for the records at a key; then [`super::Input::DirectoryFound`] for each value that comes in, and at the
    /// end [`super::Input::DirectoryDone`].
    DirectoryGet {
        /// Names the question.
        id: QueryId,
        /// Where to look.
        key: DirectoryKey,
    },
    /// Have the directory keep a record, then say [`super::Input::DirectoryDone`].
    DirectoryPut {
        /// Names the record.
        id: QueryId,
        /// Where it belongs.
        key: DirectoryKey,
        /// The encoded [`crate::wire::directory::Record`].
        value: Vec<u8>,
    },
    /// Send a frame. Gated: see [`super::gate`].
    Send {
        /// On which connection.
        link: LinkId,
        /// On which of its streams.
        proto: Proto,
        /// The frame.
        frame: Vec<u8>,
        /// If set, say [`super::Input::Sent`] with it once the frame has left.
        receipt: Option<u64>,
    },
    /// End a connection. Gated, so that it follows what was sent before.
    Close(LinkId),
    /// Answer a command. Gated.
    Reply(CmdId, Result<Reply, CommandError>),
    /// Tell people and programs. Gated.
    Notify(Event),
    /// Something for the media engine. Not gated: a microphone stops at once, whatever the disk does.
    Media(MediaCmd),
    /// Stop the network and destroy everything stored here. Gated; the last effect.
    Wipe,
}
