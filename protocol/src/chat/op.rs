//! Operations: what can be done to a space.

use super::{FOUNDER, Permissions};
use crate::ids::{AccountId, ChanId, DeviceId, EntryId, SpaceId};
use std::collections::{BTreeMap, BTreeSet};

/// Where somebody stands: 0 for everybody, up to [`FOUNDER`].
pub type Rank = u8;

/// Names a role within its space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(pub [u8; 16]);

impl RoleId {
    /// The role that everybody has.
    pub const EVERYONE: Self = Self([0; 16]);
}

/// Public half of the key in an invitation link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteKey(pub [u8; 32]);

/// What a space begins with. Its hash is the id of the space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// The space.
    pub space: SpaceId,
    /// Who founded it.
    pub founders: BTreeSet<AccountId>,
    /// What everybody may do until somebody changes it.
    pub everyone: Permissions,
}

/// One operation: an entry of the auth log whose signature, device and form are checked already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    /// Its entry.
    pub id: EntryId,
    /// Who did it.
    pub account: AccountId,
    /// On which device.
    pub device: DeviceId,
    /// Position in the auth log of that device, from 1.
    pub seq: u64,
    /// Stamp of the entry: milliseconds in the upper 48 bits.
    pub hlc: u64,
    /// What the author had seen last: the entry before it, and the heads of others.
    pub parents: Vec<EntryId>,
    /// The operation that made the author a member. `None`: they founded the space.
    pub grant: Option<EntryId>,
    /// What was done.
    pub act: Act,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Takes somebody in, or raises a member: a membership of its own beside those that they have.
    Grant {
        /// Whom.
        account: AccountId,
        /// To which rank.
        rank: Rank,
        /// With which roles.
        roles: BTreeSet<RoleId>,
    },
    /// Lowers one membership of somebody.
    SetRank {
        /// The operation that made them a member.
        grant: EntryId,
        /// Their new rank.
        rank: Rank,
    },
    /// Gives somebody these roles in the place of those that they had.
    SetRoles {
        /// Whom.
        account: AccountId,
        /// All their roles from here on.
        roles: BTreeSet<RoleId>,
    },
    /// Ends the memberships of somebody that the author has seen; of oneself, it is leaving.
    Remove {
        /// Whom.
        account: AccountId,
        /// How much of their devices' auth logs counts, where that is less than the author has seen.
        keep: BTreeMap<DeviceId, u64>,
        /// Nobody may take them in again before an [`Act::Unban`].
        ban: bool,
        /// Their messages are hidden as well.
        purge: bool,
    },
    /// Takes a ban back.
    Unban {
        /// Whose.
        account: AccountId,
    },
    /// Makes an invitation.
    Invite {
        /// Public half of its key.
        key: InviteKey,
        /// Roles of those who come by it.
        roles: BTreeSet<RoleId>,
        /// How many may come by it.
        uses: Option<u32>,
        /// Until when, unix milliseconds.
        expires: Option<u64>,
    },
    /// Takes an invitation back.
    Revoke {
        /// Which.
        key: InviteKey,
    },
    /// Lets somebody in who holds an invitation.
    Admit {
        /// Whom.
        account: AccountId,
        /// By which invitation.
        key: InviteKey,
    },
    /// Makes, changes or (`None`) deletes a role.
    Role {
        /// Which.
        role: RoleId,
        /// How it is from here on.
        def: Option<RoleDef>,
    },
    /// Makes, changes or (`None`) deletes a channel.
    Channel {
        /// Which.
        channel: ChanId,
        /// How it is from here on.
        def: Option<ChannelDef>,
    },
    /// Changes the space itself.
    Set(Setting),
    /// Makes somebody an equal of the founders.
    Successor {
        /// Whom.
        account: AccountId,
    },
}

impl Act {
    /// Whom it makes a member, and at which rank.
    pub(super) const fn admits(&self) -> Option<(AccountId, Rank)> {
        match self {
            Self::Grant { account, rank, .. } => Some((*account, *rank)),
            Self::Admit { account, .. } => Some((*account, 0)),
            Self::Successor { account } => Some((*account, FOUNDER)),
            _ => None,
        }
    }
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleDef {
    /// Its name.
    pub name: String,
    /// Its colour, 24 bits of red, green and blue.
    pub colour: Option<u32>,
    /// Only people above it give, take or change it.
    pub rank: Rank,
    /// What it permits.
    pub permissions: Permissions,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelDef {
    /// What happens in it.
    pub kind: ChannelKind,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub topic: String,
    /// Where it stands in the list.
    pub position: u32,
    /// The category that it stands in.
    pub category: Option<ChanId>,
    /// What roles may do here otherwise than elsewhere.
    pub overrides: BTreeMap<RoleId, Override>,
}

/// What happens in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelKind {
    /// People write.
    Text,
    /// People drop in and talk.
    Voice,
    /// It only holds other channels together.
    Category,
}

/// What a role may do in one channel otherwise than elsewhere. A refusal beats a permission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// Permitted here.
    pub allow: Permissions,
    /// Refused here.
    pub deny: Permissions,
}

/// Something about the space itself. The last word in the order of operations holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Its name.
    Name(String),
    /// What it is about.
    About(String),
    /// Hash of its picture.
    Picture(Option<[u8; 32]>),
    /// How many days of history newcomers see; `None` is all of it.
    History(Option<u32>),
    /// Nobody writes any more. Only founders say so.
    Closed(bool),
}
