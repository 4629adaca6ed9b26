//! What people may do, as bits.

use std::ops::{BitAnd, BitOr, Not};

/// A set of permissions. Bits never change their meaning; unknown ones are kept and permit nothing here.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permissions(pub u64);

impl Permissions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Everything, also what later versions add.
    pub const ALL: Self = Self(u64::MAX);
    /// See a channel.
    pub const VIEW: Self = Self(1);
    /// Write.
    pub const SEND: Self = Self(1 << 1);
    /// Send pictures and files.
    pub const ATTACH: Self = Self(1 << 2);
    /// React to messages.
    pub const REACT: Self = Self(1 << 3);
    /// Pin messages.
    pub const PIN: Self = Self(1 << 4);
    /// Call everybody by `@all`.
    pub const MENTION_ALL: Self = Self(1 << 5);
    /// Delete messages of others.
    pub const MANAGE_MESSAGES: Self = Self(1 << 6);
    /// Make, change and delete channels.
    pub const MANAGE_CHANNELS: Self = Self(1 << 7);
    /// Make invitations.
    pub const INVITE: Self = Self(1 << 8);
    /// Let people in who hold an invitation, and take people in.
    pub const ADMIT: Self = Self(1 << 9);
    /// Remove people.
    pub const KICK: Self = Self(1 << 10);
    /// Remove people for good.
    pub const BAN: Self = Self(1 << 11);
    /// Make, change, give and take roles, and ranks.
    pub const MANAGE_ROLES: Self = Self(1 << 12);
    /// Change name, picture and policy of the space.
    pub const MANAGE_SPACE: Self = Self(1 << 13);
    /// Enter a voice room.
    pub const CONNECT: Self = Self(1 << 14);
    /// Be heard there.
    pub const SPEAK: Self = Self(1 << 15);
    /// Be seen there.
    pub const VIDEO: Self = Self(1 << 16);
    /// Share a screen there.
    pub const SHARE_SCREEN: Self = Self(1 << 17);
    /// Mute others there.
    pub const MUTE_OTHERS: Self = Self(1 << 18);
    /// Move others to another room.
    pub const MOVE_OTHERS: Self = Self(1 << 19);

    /// Whether all of `other` are in it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::fmt::Debug for Permissions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Permissions({:#x})", self.0)
    }
}

impl BitOr for Permissions {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Permissions {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Permissions {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}
