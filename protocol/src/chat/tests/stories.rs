//! What people would expect, one rule at a time.

use super::*;
use crate::chat::{ChannelDef, ChannelKind, InviteKey, Override, Refusal, RoleDef, RoleId};
use crate::ids::ChanId;

const ANNA: AccountId = person(2);
const BORIS: AccountId = person(3);
const CLARA: AccountId = person(4);
const KEY: InviteKey = InviteKey([7; 32]);

/// A founder, Anna at 50 and Boris at 40, who may do everything that their rank permits.
fn world() -> World {
    let mut world = World::new(1, Permissions::ALL, 4);
    world.act(FOUNDER_ACCOUNT, grant(ANNA, 50));
    world.act(FOUNDER_ACCOUNT, grant(BORIS, 40));
    world.sync_all();
    world
}

fn refused(why: Refusal) -> Verdict {
    Verdict::Refused(why)
}

fn role(n: u8) -> RoleId {
    RoleId([n; 16])
}

fn define(n: u8, rank: Rank, permissions: Permissions) -> Act {
    Act::Role { role: role(n), def: Some(RoleDef { name: "role".into(), colour: None, rank, permissions }) }
}

fn give(account: AccountId, roles: &[u8]) -> Act {
    Act::SetRoles { account, roles: roles.iter().map(|n| role(*n)).collect() }
}

fn invite(uses: Option<u32>, expires: Option<u64>) -> Act {
    Act::Invite { key: KEY, roles: BTreeSet::new(), uses, expires }
}

fn admit(account: AccountId) -> Act {
    Act::Admit { account, key: KEY }
}

#[test]
fn one_changes_people_below_and_nobody_else() {
    let mut world = world();
    let up = world.act(BORIS, kick(ANNA));
    let founder = world.act(ANNA, ban(FOUNDER_ACCOUNT));
    let same = world.act(ANNA, grant(CLARA, 50));
    let below = world.act(ANNA, grant(CLARA, 49));
    let down = world.act(ANNA, kick(BORIS));
    world.sync_all();
    assert_eq!(world.verdict(up), refused(Refusal::Rank));
    assert_eq!(world.verdict(founder), refused(Refusal::Rank));
    assert_eq!(world.verdict(same), refused(Refusal::Rank));
    assert_eq!((world.verdict(below), world.rank(CLARA)), (Verdict::Live, Some(49)));
    assert_eq!((world.verdict(down), world.rank(BORIS)), (Verdict::Live, None));
}

#[test]
fn what_somebody_does_while_being_removed_is_void() {
    let mut world = world();
    let removal = world.act(FOUNDER_ACCOUNT, kick(ANNA));
    let meanwhile = world.act(ANNA, kick(BORIS));
    let friend = world.act(ANNA, grant(CLARA, 10));
    world.sync_all();
    assert_eq!(world.verdict(meanwhile), Verdict::Void { by: removal });
    assert_eq!(world.verdict(friend), Verdict::Void { by: removal });
    assert_eq!((world.rank(ANNA), world.rank(BORIS), world.rank(CLARA)), (None, Some(40), None));
}

#[test]
fn what_the_remover_had_seen_stays_unless_it_is_cut() {
    let mut world = world();
    let first = world.act(ANNA, grant(CLARA, 10));
    let second = world.act(ANNA, kick(BORIS));
    world.sync_all();
    let keep = BTreeMap::from([(DeviceId(ANNA.0), 1)]);
    let removal = world.act(FOUNDER_ACCOUNT, Act::Remove { account: ANNA, keep, ban: false, purge: false });
    world.sync_all();
    assert_eq!(world.verdict(first), Verdict::Live);
    assert_eq!(world.verdict(second), Verdict::Void { by: removal });
    assert_eq!((world.rank(CLARA), world.rank(BORIS)), (Some(10), Some(40)));
}

#[test]
fn a_grant_that_had_not_seen_a_removal_survives_it_and_not_a_ban() {
    for banned in [false, true] {
        let mut world = world();
        world.act(ANNA, if banned { ban(CLARA) } else { grant(CLARA, 5) });
        world.sync_all();
        if !banned {
            world.act(FOUNDER_ACCOUNT, kick(CLARA));
        }
        let again = world.act(BORIS, grant(CLARA, 6));
        world.sync_all();
        let expected = if banned { (refused(Refusal::Banned), None) } else { (Verdict::Live, Some(6)) };
        assert_eq!((world.verdict(again), world.rank(CLARA)), expected);
    }
    // Neither knows of the other.
    let mut world = world();
    let removal = world.act(ANNA, ban(CLARA));
    let again = world.act(BORIS, grant(CLARA, 6));
    world.sync_all();
    assert_eq!((world.verdict(again), world.rank(CLARA)), (Verdict::Void { by: removal }, None));
}

#[test]
fn whoever_banned_takes_it_back_or_somebody_above() {
    let mut world = world();
    world.act(ANNA, ban(CLARA));
    world.sync_all();
    let below = world.act(BORIS, Act::Unban { account: CLARA });
    let own = world.act(ANNA, Act::Unban { account: CLARA });
    world.sync_all();
    let again = world.act(BORIS, grant(CLARA, 1));
    world.sync_all();
    assert_eq!(world.verdict(below), refused(Refusal::Rank));
    assert_eq!(world.verdict(own), Verdict::Live);
    assert_eq!((world.verdict(again), world.rank(CLARA)), (Verdict::Live, Some(1)));
}

#[test]
fn somebody_taken_in_again_acts_by_the_new_membership() {
    let mut world = world();
    world.act(FOUNDER_ACCOUNT, kick(ANNA));
    world.sync_all();
    let stale = world.copies[&ANNA].log().iter().find(|(op, _)| op.act == grant(ANNA, 50)).map(|(op, _)| op.id);
    let heads = world.copies[&ANNA].heads();
    let by_old = world.write(ANNA, stale, heads, kick(BORIS));
    world.act(FOUNDER_ACCOUNT, grant(ANNA, 45));
    world.sync_all();
    let by_new = world.act(ANNA, kick(BORIS));
    world.sync_all();
    assert!(!matches!(world.verdict(by_old), Verdict::Live), "a membership that ended carries nothing");
    assert_eq!((world.verdict(by_new), world.rank(BORIS)), (Verdict::Live, None));
}

#[test]
fn a_rank_is_lowered_in_place_and_raised_by_a_grant() {
    let mut world = world();
    let first = world.copies[&BORIS].space().members[&BORIS].grant.expect("granted");
    let up = world.act(ANNA, Act::SetRank { grant: first, rank: 45 });
    let down = world.act(ANNA, Act::SetRank { grant: first, rank: 10 });
    world.sync_all();
    assert_eq!(world.verdict(up), refused(Refusal::Rank));
    assert_eq!((world.verdict(down), world.rank(BORIS)), (Verdict::Live, Some(10)));
    world.act(ANNA, grant(BORIS, 45));
    world.sync_all();
    assert_eq!(world.rank(BORIS), Some(45));
}

#[test]
fn everybody_may_leave_and_a_founder_hands_over_first() {
    let mut world = world();
    let not_yet = world.act(ANNA, Act::Successor { account: BORIS });
    world.act(FOUNDER_ACCOUNT, Act::Successor { account: ANNA });
    world.act(FOUNDER_ACCOUNT, kick(FOUNDER_ACCOUNT));
    let boris = world.act(BORIS, kick(BORIS));
    world.sync_all();
    assert_eq!(world.verdict(not_yet), refused(Refusal::Rank));
    assert_eq!(world.verdict(boris), Verdict::Live);
    assert_eq!((world.rank(FOUNDER_ACCOUNT), world.rank(ANNA), world.rank(BORIS)), (None, Some(100), None));
}

#[test]
fn a_role_permits_and_only_from_above() {
    let mut world = World::new(2, Permissions::VIEW | Permissions::SEND, 4);
    world.act(FOUNDER_ACCOUNT, grant(ANNA, 50));
    world.act(FOUNDER_ACCOUNT, grant(BORIS, 10));
    world.sync_all();
    let without = world.act(ANNA, kick(BORIS));
    world.act(FOUNDER_ACCOUNT, define(1, 60, Permissions::KICK | Permissions::MANAGE_ROLES));
    world.act(FOUNDER_ACCOUNT, give(ANNA, &[1]));
    world.sync_all();
    // Nobody gives more than they have, nor a role of their own height.
    let more = world.act(ANNA, define(2, 10, Permissions::BAN));
    let same = world.act(ANNA, define(3, 50, Permissions::KICK));
    let own = world.act(ANNA, give(ANNA, &[]));
    let fine = world.act(ANNA, define(4, 20, Permissions::KICK));
    let high = world.act(ANNA, give(BORIS, &[1]));
    let given = world.act(ANNA, give(BORIS, &[4]));
    world.sync_all();
    assert_eq!(world.verdict(without), refused(Refusal::Permission));
    assert_eq!(world.verdict(more), refused(Refusal::Permission));
    assert_eq!(world.verdict(same), refused(Refusal::Rank));
    assert_eq!(world.verdict(own), refused(Refusal::Rank));
    assert_eq!(world.verdict(high), refused(Refusal::Rank));
    assert_eq!((world.verdict(fine), world.verdict(given)), (Verdict::Live, Verdict::Live));
    let space = world.copies[&CLARA].space();
    assert!(space.members[&BORIS].permissions.contains(Permissions::KICK));
    assert!(!space.members[&BORIS].permissions.contains(Permissions::MANAGE_ROLES));
}

#[test]
fn a_channel_refuses_and_permits_by_role() {
    let mut world = World::new(3, Permissions::VIEW | Permissions::SEND, 3);
    let channel = ChanId([5; 16]);
    world.act(FOUNDER_ACCOUNT, grant(ANNA, 5));
    world.act(FOUNDER_ACCOUNT, grant(BORIS, 5));
    world.act(FOUNDER_ACCOUNT, define(1, 10, Permissions::NONE));
    world.act(FOUNDER_ACCOUNT, give(ANNA, &[1]));
    let quiet = Override { allow: Permissions::NONE, deny: Permissions::SEND };
    let but = Override { allow: Permissions::SEND, deny: Permissions::NONE };
    let def = ChannelDef {
        kind: ChannelKind::Text,
        name: "news".into(),
        topic: String::new(),
        position: 0,
        category: None,
        overrides: BTreeMap::from([(RoleId::EVERYONE, quiet), (role(1), but)]),
    };
    world.act(FOUNDER_ACCOUNT, Act::Channel { channel, def: Some(def) });
    world.sync_all();
    let stranger = world.act(BORIS, Act::Channel { channel, def: None });
    world.sync_all();
    let space = world.copies[&BORIS].space();
    assert_eq!(world.verdict(stranger), refused(Refusal::Permission));
    assert!(space.permissions_in(&ANNA, &channel).contains(Permissions::SEND));
    assert!(!space.permissions_in(&BORIS, &channel).contains(Permissions::SEND));
    assert!(space.permissions_in(&BORIS, &channel).contains(Permissions::VIEW));
    assert_eq!(space.permissions_in(&FOUNDER_ACCOUNT, &channel), Permissions::ALL);
    assert_eq!(space.permissions_in(&CLARA, &channel), Permissions::NONE);
}

#[test]
fn an_invitation_lets_in_as_many_as_it_says_and_as_long() {
    let mut world = world();
    world.act(BORIS, invite(Some(1), Some(50)));
    world.sync_all();
    let first = world.act(ANNA, admit(CLARA));
    world.sync_all();
    let second = world.act(ANNA, admit(person(8)));
    world.sync_all();
    assert_eq!((world.verdict(first), world.rank(CLARA)), (Verdict::Live, Some(0)));
    assert_eq!(world.verdict(second), refused(Refusal::Invite));

    let mut late = self::world();
    late.act(BORIS, invite(None, Some(2)));
    late.sync_all();
    let too_late = late.act(ANNA, admit(CLARA));
    late.sync_all();
    assert_eq!(late.verdict(too_late), refused(Refusal::Invite));
}

#[test]
fn where_two_halves_use_an_invitation_up_the_first_is_in_for_everybody() {
    let mut world = world();
    world.act(FOUNDER_ACCOUNT, invite(Some(1), None));
    world.sync_all();
    world.act(ANNA, admit(CLARA));
    world.act(BORIS, admit(person(8)));
    world.sync_all();
    assert_eq!((world.rank(CLARA), world.rank(person(8))), (Some(0), None));
}

#[test]
fn an_invitation_that_was_taken_back_lets_nobody_in() {
    let mut world = world();
    world.act(BORIS, invite(None, None));
    world.sync_all();
    let back = world.act(ANNA, Act::Revoke { key: KEY });
    world.sync_all();
    let admitted = world.act(ANNA, admit(CLARA));
    world.sync_all();
    assert_eq!(world.verdict(back), Verdict::Live);
    assert_eq!(world.verdict(admitted), refused(Refusal::Invite));
    assert!(world.copies[&CLARA].space().invites.is_empty());
}

#[test]
fn an_operation_waits_for_what_it_refers_to() {
    let mut world = world();
    let op = world.ops[1].clone();
    let mut empty = Roster::new(world.genesis.clone());
    assert_eq!(empty.insert(op.clone()).map_err(|missing| missing.0), Err(world.ops[0].id));
    empty.insert(world.ops.remove(0)).expect("it refers to nothing");
    empty.insert(op.clone()).expect("its cause is there");
    empty.insert(op).expect("twice is once");
    assert_eq!(empty.log().len(), 2);
}

#[test]
fn the_past_is_what_somebody_had_seen() {
    let mut world = world();
    let before = world.copies[&CLARA].heads();
    world.act(FOUNDER_ACCOUNT, kick(ANNA));
    world.sync_all();
    let copy = &world.copies[&CLARA];
    assert!(copy.space_at(&before).expect("seen").members.contains_key(&ANNA));
    assert!(!copy.space().members.contains_key(&ANNA));
}
