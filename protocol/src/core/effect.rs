//! Everything that the core can ask the shell to do. Effects are executed in the order they are polled.

use super::command::{CommandError, Reply};
use super::event::Event;
use super::job::Job;
use crate::ids::{CmdId, CommitId, JobId, LinkId, PeerKey, ReadId};
use crate::link::{Addr, Proto};
use crate::store::{Read, Write};
use std::sync::Arc;

/// Something to do.
#[derive(Debug)]
pub enum Effect {
    /// Make these writes durable, together; then say [`super::Input::Committed`]. Commits are acknowledged in order.
    Commit {
        /// Names the commit.
        id: CommitId,
        /// Shared, because the core keeps them until they are durable.
        writes: Arc<[Write]>,
    },
    /// The store may take commits again after a failure. The failed ones follow, in order.
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
    /// Connect to a peer at one of these addresses.
    Dial {
        /// Who must answer.
        peer: Option<PeerKey>,
        /// Where to try.
        addrs: Vec<Addr>,
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
    /// Stop the network and destroy everything stored here. Gated; the last effect.
    Wipe,
}
