//! Everything that can happen to the core.

use super::command::Command;
use super::job::JobResult;
use crate::call::media::MediaEvent;
use crate::ids::{CmdId, CommitId, JobId, LinkId, PeerKey, QueryId, ReadId};
use crate::link::{Addr, DirectoryEnd, LinkInfo, Nat, Proto};
use crate::store::{Found, Table};

/// Something that happened outside. The shell hands it over with the time at which it did.
#[derive(Debug)]
pub enum Input {
    /// What the store remembers: always the first input, and only once.
    Boot(Boot),
    /// A timer may be due.
    Tick,
    /// The person or program in front of this node wants something.
    Command(CmdId, Command),
    /// The writes of a commit are durable, and so are those of every commit before it. Each [`super::effect::Effect::Commit`] is
    /// answered once, by this or by the next.
    Committed(CommitId),
    /// The writes of this commit did not become durable, and nothing after it will before
    /// [`super::effect::Effect::ResumeCommits`]. The sentence says why.
    CommitFailed(CommitId, String),
    /// A read is done, or failed for the reason said.
    Found(ReadId, Result<Found, String>),
    /// A computation is done.
    JobDone(JobId, JobResult),
    /// A connection is up.
    LinkUp(LinkId, LinkInfo),
    /// A connection goes another way now, for example directly instead of through a relay. Nothing was lost on it.
    LinkMoved(LinkId, LinkInfo),
    /// A connection is down.
    LinkDown(LinkId),
    /// A frame came in.
    Frame(LinkId, Proto, Vec<u8>),
    /// A frame that asked for a receipt was handed to the operating system.
    Sent(LinkId, u64),
    /// Nobody answered, or somebody else did.
    DialFailed {
        /// Whom we expected, if anybody in particular.
        peer: Option<PeerKey>,
    },
    /// A node was discovered on the local network.
    Nearby {
        /// Its transport key.
        peer: PeerKey,
        /// Where it says it listens.
        addrs: Vec<Addr>,
    },
    /// A node on the local network is no longer announced.
    NearbyGone(PeerKey),
    /// The addresses this node listens on now.
    Listening(Vec<Addr>),
    /// What others outside see of this node: addresses that somebody reached it at or would, and what stands in between.
    Outside {
        /// Addresses that contacts may try.
        addrs: Vec<Addr>,
        /// The judgement about the router.
        nat: Nat,
    },
    /// A value found in the directory, not verified.
    DirectoryFound(QueryId, Vec<u8>),
    /// A question to the directory, or a record for it, is done with.
    DirectoryDone(QueryId, DirectoryEnd),
    /// The machine's own addresses changed, or it woke up.
    NetworkChanged,
    /// The media engine reports.
    Media(MediaEvent),
    /// The node ends: say goodbye.
    Stop,
}

/// What the store remembers.
#[derive(Debug, Default)]
pub struct Boot {
    /// The bits behind the recovery words, if the account exists.
    pub entropy: Option<[u8; 16]>,
    /// The rows of every table in [`Table::STATE`].
    pub rows: Vec<(Table, Vec<u8>)>,
}
