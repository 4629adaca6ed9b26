//! The space as it is: people, roles, channels, invitations and settings after a set of operations.

use super::Permissions;
use super::graph::Past;
use super::op::{Act, ChannelDef, InviteKey, Rank, RoleDef, RoleId, Setting};
use super::roster::{Missing, Roster};
use crate::ids::{AccountId, ChanId, EntryId};
use std::collections::{BTreeMap, BTreeSet};

/// Somebody who belongs to a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The membership by which they stand highest; `None` for a founder.
    pub grant: Option<EntryId>,
    /// Where they stand.
    pub rank: Rank,
    /// Their roles, without that of everybody.
    pub roles: BTreeSet<RoleId>,
    /// What they may do, where a channel does not say otherwise.
    pub permissions: Permissions,
}

/// An invitation that somebody can still come by, if it is in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Who made it.
    pub account: AccountId,
    /// Roles of those who come by it.
    pub roles: BTreeSet<RoleId>,
    /// How many may still come by it.
    pub uses_left: Option<u32>,
    /// Until when, unix milliseconds.
    pub expires: Option<u64>,
}

/// A space as it is after a set of operations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Who belongs to it.
    pub members: BTreeMap<AccountId, Member>,
    /// Who may not come back.
    pub banned: BTreeSet<AccountId>,
    /// Whose messages are hidden.
    pub purged: BTreeSet<AccountId>,
    /// Its roles, with that of everybody.
    pub roles: BTreeMap<RoleId, RoleDef>,
    /// Its channels.
    pub channels: BTreeMap<ChanId, ChannelDef>,
    /// Its open invitations.
    pub invites: BTreeMap<InviteKey, Invite>,
    /// Its name.
    pub name: Option<String>,
    /// What it is about.
    pub about: Option<String>,
    /// Hash of its picture.
    pub picture: Option<[u8; 32]>,
    /// Days of history that newcomers see; `None` is all of it.
    pub history_days: Option<u32>,
    /// Nobody writes any more.
    pub closed: bool,
}

impl Space {
    /// What somebody may do in a channel: their roles together, then what the channel says of everybody and of their roles, the
    /// lowest first. A refusal beats a permission of the same role. Founders may do everything.
    #[must_use]
    pub fn permissions_in(&self, account: &AccountId, channel: &ChanId) -> Permissions {
        let Some(member) = self.members.get(account) else { return Permissions::NONE };
        if member.rank == super::FOUNDER {
            return Permissions::ALL;
        }
        let Some(channel) = self.channels.get(channel) else { return member.permissions };
        let rank = |role: &RoleId| self.roles.get(role).map_or(0, |def| def.rank);
        let mut roles: Vec<RoleId> = member.roles.iter().copied().collect();
        roles.sort_by_key(|role| (rank(role), *role));
        roles.insert(0, RoleId::EVERYONE);
        let overrides = roles.iter().filter_map(|role| channel.overrides.get(role));
        overrides.fold(member.permissions, |all, here| (all | here.allow).without(here.deny))
    }
}

impl Roster {
    /// The space as it is.
    #[must_use]
    pub fn space(&self) -> Space {
        self.space_after(&Past::first(self.graph.len()))
    }

    /// The space as somebody saw it who had seen these operations and everything before them.
    ///
    /// # Errors
    /// [`Missing`] where one of them has not been taken up.
    pub fn space_at(&self, heads: &[EntryId]) -> Result<Space, Missing> {
        Ok(self.space_after(&self.graph.seen_with(heads).map_err(Missing)?))
    }

    fn space_after(&self, past: &Past) -> Space {
        let mut space = Space {
            members: self.members(past),
            roles: [(RoleId::EVERYONE, self.role(past, RoleId::EVERYONE, None))]
                .into_iter()
                .chain(self.about.roles.keys().map(|role| (*role, self.role(past, *role, None))))
                .filter_map(|(role, def)| Some((role, def?)))
                .collect(),
            channels: self.about.channels.keys().filter_map(|channel| Some((*channel, self.channel(past, channel)?.clone()))).collect(),
            invites: self.about.invites.keys().filter_map(|key| Some((*key, self.open(past, key)?))).collect(),
            ..Space::default()
        };
        for account in self.about.removals.keys() {
            if self.bans(past, *account).next().is_some() {
                space.banned.insert(*account);
            }
            let hides = |at| matches!(self.graph.get(at).map(|node| &node.op.act), Some(Act::Remove { purge: true, .. }));
            if self.held(self.about.removals.get(account), past).any(hides) {
                space.purged.insert(*account);
            }
        }
        self.apply_settings(past, &mut space);
        space
    }

    /// Who belongs to the space after all of `past`.
    ///
    /// An invitation for *k* people lets in the first *k* by (stamp, id), which is only known when partitions meet; the others
    /// are out then, with whoever they let in, unless somebody has since given them a rank or a role.
    fn members(&self, past: &Past) -> BTreeMap<AccountId, Member> {
        let surplus = self.surplus(past);
        let founders = self.genesis.founders.iter().map(|account| (*account, None));
        let granted = self.about.grants.iter().flat_map(|(account, places)| {
            let live = self.held(Some(places), past).filter_map(|at| Some(self.graph.get(at)?.op.id));
            live.map(|grant| (*account, Some(grant)))
        });
        let mut members: BTreeMap<AccountId, Member> = BTreeMap::new();
        for (account, grant) in founders.chain(granted) {
            if grant.is_some_and(|grant| surplus.contains(&grant)) {
                continue;
            }
            let Some(rank) = self.standing(past, account, grant) else { continue };
            let better =
                members.get(&account).is_none_or(|now| (rank, std::cmp::Reverse(grant)) > (now.rank, std::cmp::Reverse(now.grant)));
            if better {
                let roles = self.roles(past, account, grant, None);
                let permissions = self.powers(past, account, grant, rank);
                members.insert(account, Member { grant, rank, roles, permissions });
            }
        }
        members
    }

    fn surplus(&self, past: &Past) -> BTreeSet<EntryId> {
        let mut surplus = BTreeSet::new();
        for (key, places) in &self.about.admits {
            let Some(made) = self.invite(past, key).and_then(|at| self.graph.get(at)) else { continue };
            let Act::Invite { uses: Some(uses), .. } = &made.op.act else { continue };
            let admits = self.held(Some(places), past).filter_map(|at| self.graph.get(at));
            let mut admits: Vec<_> = admits.map(|node| (node.op.hlc, node.op.id, node.op.act.admits())).collect();
            admits.sort_unstable_by_key(|(hlc, id, _)| (*hlc, *id));
            let extra = admits.into_iter().skip(usize::try_from(*uses).unwrap_or(usize::MAX));
            surplus.extend(extra.filter_map(|(_, id, to)| (!self.confirmed(past, to?.0)).then_some(id)));
        }
        if surplus.is_empty() {
            return surplus;
        }
        // Whoever came in too many let nobody in. Causes come first in the order of arrival.
        for node in self.graph.iter() {
            if node.op.grant.is_some_and(|grant| surplus.contains(&grant)) && matches!(node.op.act, Act::Admit { .. }) {
                surplus.insert(node.op.id);
            }
        }
        surplus
    }

    fn confirmed(&self, past: &Past, account: AccountId) -> bool {
        self.held(self.about.given.get(&account), past).next().is_some()
    }

    pub(super) fn channel(&self, past: &Past, channel: &ChanId) -> Option<&ChannelDef> {
        match &self.graph.get(self.last(self.held(self.about.channels.get(channel), past))?)?.op.act {
            Act::Channel { def, .. } => def.as_ref(),
            _ => None,
        }
    }

    /// An invitation that was neither taken back nor used up. Whether it is in time is for whoever has a clock.
    fn open(&self, past: &Past, key: &InviteKey) -> Option<Invite> {
        self.open_invite(past, key, 0).ok()?;
        let node = self.graph.get(self.invite(past, key)?)?;
        let Act::Invite { roles, uses, expires, .. } = &node.op.act else { return None };
        let used = u32::try_from(self.held(self.about.admits.get(key), past).count()).unwrap_or(u32::MAX);
        Some(Invite {
            account: node.op.account,
            roles: roles.clone(),
            uses_left: uses.map(|uses| uses.saturating_sub(used)),
            expires: *expires,
        })
    }

    fn apply_settings(&self, past: &Past, space: &mut Space) {
        let mut places: Vec<usize> = self.held(Some(&self.about.settings), past).collect();
        places.sort_by(|a, b| self.graph.order(*a, *b));
        for node in places.into_iter().filter_map(|at| self.graph.get(at)) {
            let Act::Set(setting) = &node.op.act else { continue };
            match setting.clone() {
                Setting::Name(name) => space.name = Some(name),
                Setting::About(about) => space.about = Some(about),
                Setting::Picture(picture) => space.picture = picture,
                Setting::History(days) => space.history_days = days,
                Setting::Closed(closed) => space.closed = closed,
            }
        }
    }
}
