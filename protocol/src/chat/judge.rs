//! What one operation comes to, given what became of everything that its author had seen.

use super::graph::{Node, Past};
use super::op::{Act, InviteKey, Op, Rank, RoleDef, RoleId};
use super::roster::{Refusal, Roster, Settled, Verdict};
use super::{CHANNELS, FOUNDER, INVITES, MEMBERS, Permissions, ROLES};
use crate::ids::{AccountId, EntryId};
use std::collections::BTreeSet;

/// Bits of a stamp below its milliseconds.
const STAMP_COUNTER_BITS: u32 = 16;

impl Roster {
    pub(super) fn judge(&self, at: usize) -> (Verdict, Rank) {
        let Some(node) = self.graph.get(at) else { return (Verdict::Refused(Refusal::NoSuch), 0) };
        let Some(rank) = self.standing(&node.past, node.op.account, node.op.grant) else {
            return (Verdict::Refused(Refusal::NotMember), 0);
        };
        if let Some(by) = self.voided(at, &node.op, rank) {
            return (Verdict::Void { by }, rank);
        }
        match self.right(node, rank) {
            Ok(()) => (Verdict::Live, rank),
            Err(refusal) => (Verdict::Refused(refusal), rank),
        }
    }

    /// Rank of somebody by one of their memberships (`None`: as a founder), if it held after all of `past`.
    pub(super) fn standing(&self, past: &Past, account: AccountId, grant: Option<EntryId>) -> Option<Rank> {
        let Some(grant) = grant else {
            let founder = self.genesis.founders.contains(&account);
            let left = self.held(self.about.removals.get(&account), past).next().is_some();
            return (founder && !left).then_some(FOUNDER);
        };
        let at = self.graph.find(&grant).filter(|at| past.contains(*at) && self.live(*at))?;
        let (to, granted) = self.graph.get(at)?.op.act.admits()?;
        let ended = self.held(self.about.removals.get(&account), past).any(|removal| self.saw(removal, at));
        if to != account || ended {
            return None;
        }
        // The lowest that anybody above set: concurrent words about it then need no order.
        let set = self.held(self.about.ranks.get(&grant), past).filter_map(|at| match self.graph.get(at)?.op.act {
            Act::SetRank { rank, .. } => Some(rank),
            _ => None,
        });
        Some(set.fold(granted, Rank::min))
    }

    /// The highest rank that somebody has after all of `past`.
    pub(super) fn highest(&self, past: &Past, account: AccountId) -> Option<Rank> {
        let granted = self.held(self.about.grants.get(&account), past).filter_map(|at| Some(self.graph.get(at)?.op.id));
        granted.map(Some).chain([None]).filter_map(|grant| self.standing(past, account, grant)).max()
    }

    /// The settled removal that voids an operation.
    fn voided(&self, at: usize, op: &Op, rank: Rank) -> Option<EntryId> {
        let of_author = self.settled.get(&op.account).into_iter().flatten();
        let of_guest = op.act.admits().and_then(|(account, _)| self.settled.get(&account)).into_iter().flatten();
        let by = of_author.chain(of_guest).find(|removal| self.is_void(at, rank, **removal))?;
        Some(self.graph.get(by.at)?.op.id)
    }

    /// Whether a removal voids an operation that was done at `rank`.
    pub(super) fn is_void(&self, at: usize, rank: Rank, removal: Settled) -> bool {
        let (Some(node), Some(remover)) = (self.graph.get(at), self.graph.get(removal.at)) else { return false };
        let Act::Remove { account, keep, .. } = &remover.op.act else { return false };
        if node.op.account == *account && rank < removal.rank && self.cites_seen(&node.op, removal.at) {
            let seen = remover.past.contains(at) || !self.rules.keep_seen_only;
            let beyond = keep.get(&node.op.device).is_some_and(|kept| node.op.seq > *kept);
            return beyond || (!seen && self.rules.void_unseen);
        }
        let regrant = matches!(&node.op.act, Act::Grant { account: to, .. } | Act::Admit { account: to, .. } if to == account);
        let unaware = !remover.past.contains(at) && !node.past.contains(removal.at);
        removal.ban && regrant && unaware && rank <= removal.rank && self.rules.ban_unseen
    }

    /// Whether the membership that an operation rests on was known to a removal. One that was not survives it, with its acts.
    fn cites_seen(&self, op: &Op, removal: usize) -> bool {
        op.grant.is_none_or(|grant| self.graph.find(&grant).is_some_and(|grant| self.saw(removal, grant)))
    }

    /// Whether the author was entitled.
    fn right(&self, node: &Node, rank: Rank) -> Result<(), Refusal> {
        let (op, past) = (&node.op, &node.past);
        let able = || self.powers(past, op.account, op.grant, rank);
        let needs = |what: Permissions| if able().contains(what) { Ok(()) } else { Err(Refusal::Permission) };
        match &op.act {
            Act::Grant { account, rank: to, roles } => {
                let there = self.highest(past, *account);
                below_or_equal_rule(self.rules.grant_below, *to, rank)?;
                below(there.unwrap_or(0), rank)?;
                self.roles_below(past, roles, rank)?;
                if *to > 0 || !roles.is_empty() {
                    needs(Permissions::MANAGE_ROLES)?;
                }
                if there.is_none() {
                    needs(Permissions::ADMIT)?;
                    self.room(past)?;
                }
                self.not_banned(past, *account)
            }
            Act::SetRank { grant, rank: to } => {
                needs(Permissions::MANAGE_ROLES)?;
                let whose = self.graph.find(grant).and_then(|at| self.graph.get(at)).and_then(|node| node.op.act.admits());
                let (account, _) = whose.ok_or(Refusal::NoSuch)?;
                let now = self.standing(past, account, Some(*grant)).ok_or(Refusal::NoSuch)?;
                below(now, rank)?;
                below(*to, now)
            }
            Act::SetRoles { account, roles } => {
                needs(Permissions::MANAGE_ROLES)?;
                below(self.highest(past, *account).ok_or(Refusal::NoSuch)?, rank)?;
                self.roles_below(past, roles, rank)
            }
            Act::Remove { account, .. } if *account == op.account => Ok(()),
            Act::Remove { account, ban, .. } => {
                needs(if *ban { Permissions::BAN } else { Permissions::KICK })?;
                match self.highest(past, *account) {
                    Some(theirs) => below(theirs, rank),
                    None if *ban => below(0, rank),
                    None => Err(Refusal::NoSuch),
                }
            }
            Act::Unban { account } => {
                needs(Permissions::BAN)?;
                let bans: Vec<usize> = self.bans(past, *account).collect();
                if bans.is_empty() {
                    return Err(Refusal::NoSuch);
                }
                let own = |ban: usize| self.graph.get(ban).is_some_and(|node| node.op.account == op.account);
                if bans.into_iter().all(|ban| own(ban) || self.rank_of(ban) < rank) { Ok(()) } else { Err(Refusal::Rank) }
            }
            Act::Invite { roles, key, .. } => {
                needs(Permissions::INVITE)?;
                self.roles_below(past, roles, rank)?;
                if !roles.is_empty() {
                    needs(Permissions::MANAGE_ROLES)?;
                }
                // A second one of the same key could loosen the first.
                if self.held(self.about.invites.get(key), past).next().is_some() {
                    return Err(Refusal::AlreadyMember);
                }
                let open = self.about.invites.keys().filter(|key| self.open_invite(past, key, op.hlc).is_ok()).take(INVITES).count();
                if open < INVITES { Ok(()) } else { Err(Refusal::TooMany) }
            }
            Act::Revoke { key } => {
                let made = self.invite(past, key).ok_or(Refusal::NoSuch)?;
                let own = self.graph.get(made).is_some_and(|node| node.op.account == op.account);
                if own || self.rank_of(made) < rank { Ok(()) } else { Err(Refusal::Rank) }
            }
            Act::Admit { account, key } => {
                needs(Permissions::ADMIT)?;
                self.open_invite(past, key, op.hlc)?;
                if self.highest(past, *account).is_some() {
                    return Err(Refusal::AlreadyMember);
                }
                self.room(past)?;
                self.not_banned(past, *account)
            }
            Act::Role { role, def } => {
                needs(Permissions::MANAGE_ROLES)?;
                let before = self.role(past, *role, None);
                below(before.as_ref().map_or(0, |def| def.rank), rank)?;
                let Some(def) = def else {
                    return if before.is_some() && *role != RoleId::EVERYONE { Ok(()) } else { Err(Refusal::NoSuch) };
                };
                below(def.rank, rank)?;
                let more = def.permissions.without(before.as_ref().map_or(Permissions::NONE, |def| def.permissions));
                needs(more)?;
                let there = self.about.roles.keys().filter(|role| self.role(past, **role, None).is_some()).take(ROLES).count();
                if before.is_some() || there < ROLES { Ok(()) } else { Err(Refusal::TooMany) }
            }
            Act::Channel { channel, def } => {
                needs(Permissions::MANAGE_CHANNELS)?;
                let before = self.channel(past, channel).is_some();
                if def.is_none() {
                    return if before { Ok(()) } else { Err(Refusal::NoSuch) };
                }
                let there = self.about.channels.keys().filter(|channel| self.channel(past, channel).is_some()).take(CHANNELS).count();
                if before || there < CHANNELS { Ok(()) } else { Err(Refusal::TooMany) }
            }
            Act::Set(super::Setting::Closed(_)) | Act::Successor { .. } => {
                if rank == FOUNDER {
                    Ok(())
                } else {
                    Err(Refusal::Rank)
                }
            }
            Act::Set(_) => needs(Permissions::MANAGE_SPACE),
        }
    }

    /// What somebody of `rank` may do by their roles after all of `past`. A role counts as far as whoever gave and defined it
    /// stands above them.
    pub(super) fn powers(&self, past: &Past, account: AccountId, grant: Option<EntryId>, rank: Rank) -> Permissions {
        if rank == FOUNDER {
            return Permissions::ALL;
        }
        let roles = self.roles(past, account, grant, Some(rank));
        let defs = roles.into_iter().chain([RoleId::EVERYONE]).filter_map(|role| self.role(past, role, Some(rank)));
        defs.fold(Permissions::NONE, |all, def| all | def.permissions)
    }

    /// Roles of somebody after all of `past`, as given by people above `floor`.
    pub(super) fn roles(&self, past: &Past, account: AccountId, grant: Option<EntryId>, floor: Option<Rank>) -> BTreeSet<RoleId> {
        let above = |at: &usize| floor.is_none_or(|floor| self.rank_of(*at) > floor);
        let given = self.held(self.about.given.get(&account), past).filter(above);
        let with_grant = grant.and_then(|grant| self.graph.find(&grant)).filter(|at| past.contains(*at) && self.live(*at));
        let Some(last) = self.last(given.chain(with_grant)) else { return BTreeSet::new() };
        match self.graph.get(last).map(|node| &node.op.act) {
            Some(Act::Grant { roles, .. } | Act::SetRoles { roles, .. }) => roles.clone(),
            Some(Act::Admit { key, .. }) => self
                .invite(past, key)
                .filter(above)
                .and_then(|made| self.graph.get(made))
                .and_then(|node| if let Act::Invite { roles, .. } = &node.op.act { Some(roles.clone()) } else { None })
                .unwrap_or_default(),
            _ => BTreeSet::new(),
        }
    }

    /// A role after all of `past`, as defined by people above `floor`.
    pub(super) fn role(&self, past: &Past, role: RoleId, floor: Option<Rank>) -> Option<RoleDef> {
        let defined = self.held(self.about.roles.get(&role), past).filter(|at| floor.is_none_or(|floor| self.rank_of(*at) > floor));
        match self.last(defined).and_then(|at| self.graph.get(at)).map(|node| &node.op.act) {
            Some(Act::Role { def, .. }) => def.clone(),
            _ if role == RoleId::EVERYONE => {
                Some(RoleDef { name: String::new(), colour: None, rank: 0, permissions: self.genesis.everyone })
            }
            _ => None,
        }
    }

    fn roles_below(&self, past: &Past, roles: &BTreeSet<RoleId>, rank: Rank) -> Result<(), Refusal> {
        for role in roles {
            below(self.role(past, *role, None).ok_or(Refusal::NoSuch)?.rank, rank)?;
        }
        Ok(())
    }

    /// The operation that made an invitation.
    pub(super) fn invite(&self, past: &Past, key: &InviteKey) -> Option<usize> {
        self.last(self.held(self.about.invites.get(key), past))
    }

    /// Whether somebody may come by an invitation at the time of `stamp`.
    pub(super) fn open_invite(&self, past: &Past, key: &InviteKey, stamp: u64) -> Result<(), Refusal> {
        let made = self.invite(past, key).and_then(|at| self.graph.get(at)).ok_or(Refusal::NoSuch)?;
        let Act::Invite { uses, expires, .. } = &made.op.act else { return Err(Refusal::NoSuch) };
        let revoked = self.held(self.about.revoked.get(key), past).next().is_some();
        let over = expires.is_some_and(|expires| stamp.wrapping_shr(STAMP_COUNTER_BITS) > expires);
        let used = self.held(self.about.admits.get(key), past).count();
        let used_up = uses.is_some_and(|uses| u32::try_from(used).unwrap_or(u32::MAX) >= uses);
        if revoked || over || used_up { Err(Refusal::Invite) } else { Ok(()) }
    }

    /// Bans of somebody that nobody took back.
    pub(super) fn bans<'a>(&'a self, past: &'a Past, account: AccountId) -> impl Iterator<Item = usize> + 'a {
        let bans = self.held(self.about.removals.get(&account), past);
        bans.filter(|at| matches!(self.graph.get(*at).map(|node| &node.op.act), Some(Act::Remove { ban: true, .. })))
            .filter(move |ban| !self.held(self.about.unbans.get(&account), past).any(|unban| self.saw(unban, *ban)))
    }

    fn not_banned(&self, past: &Past, account: AccountId) -> Result<(), Refusal> {
        if self.bans(past, account).next().is_some() { Err(Refusal::Banned) } else { Ok(()) }
    }

    /// Whether one more may come in.
    fn room(&self, past: &Past) -> Result<(), Refusal> {
        // Counting is dear and can be left while fewer were ever let in.
        let ever = self.genesis.founders.len().saturating_add(self.about.grants.len());
        if ever <= MEMBERS {
            return Ok(());
        }
        let there = self.about.grants.keys().filter(|account| self.highest(past, **account).is_some()).take(MEMBERS).count();
        if there < MEMBERS { Ok(()) } else { Err(Refusal::TooMany) }
    }
}

fn below(theirs: Rank, mine: Rank) -> Result<(), Refusal> {
    if theirs < mine { Ok(()) } else { Err(Refusal::Rank) }
}

fn below_or_equal_rule(strict: bool, theirs: Rank, mine: Rank) -> Result<(), Refusal> {
    if strict { below(theirs, mine) } else { below(theirs, mine.saturating_add(1)) }
}
