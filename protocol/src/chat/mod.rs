//! Who belongs to a space of more than two people, and what they may do.
//!
//! There is no server that could put acts into an order, so membership is a pure function of the *set* of operations
//! ([`Op`]): whoever holds the same operations has the same members, roles and channels, in whichever order they came.
//! [`Roster`] is that function, kept up as operations arrive.
//!
//! # The law
//! *You can change people below you, nobody else.* Everybody has a rank; founders stand at [`FOUNDER`]. One grants, lowers and
//! removes only strictly lower ranks, so whatever an operation rests on was done by somebody of strictly higher rank. Conflicts
//! are therefore settled from the top: the removals of the highest rank first, and nothing that follows can undo them. Equals
//! cannot remove each other; they ask somebody above.
//!
//! Four rules follow from "strictly higher", and differ from how one might first write it:
//! 1. A rank is raised by a new [`Act::Grant`], which stands by its own author, and never in place. [`Act::SetRank`] only lowers.
//! 2. An invitation lets people in at rank 0, whoever made it. Higher ranks are granted to somebody who is there.
//! 3. A role counts for a person only as far as whoever gave and defined it stands above that person. What was given before a
//!    promotion is given again with it.
//! 4. An uninvolved grant survives a removal that had not seen it, unless the removal bans; then whoever granted must stand above.
//!
//! The method is that of removals observed by causality, as in the access control of p2panda and local-first-web, with ranks in
//! the place of votes or seniority.

mod graph;
mod judge;
mod members;
mod op;
mod permission;
mod roster;
#[cfg(test)]
mod tests;

pub use members::{Invite, Member, Space};
pub use op::{Act, ChannelDef, ChannelKind, Genesis, InviteKey, Op, Override, Rank, RoleDef, RoleId, Setting};
pub use permission::Permissions;
pub use roster::{Missing, Refusal, Roster, Verdict};

/// Rank of whoever founded a space, and of those whom they made their equals.
pub const FOUNDER: Rank = 100;
/// People in a space: keys are sealed to each device of each of them.
pub const MEMBERS: usize = 500;
/// Roles of a space.
pub const ROLES: usize = 64;
/// Channels of a space.
pub const CHANNELS: usize = 200;
/// Invitations that hold at once.
pub const INVITES: usize = 32;
/// Operations of a space: they are kept by everybody for as long as it exists.
pub const OPS: usize = 20_000;
