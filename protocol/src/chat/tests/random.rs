//! Executions with partitions and people who write whatever they like. What must hold is checked after each, and each rule is
//! turned off once, to see that the checks would notice.

use super::*;
use crate::chat::roster::Rules;
use crate::chat::{FOUNDER, InviteKey, RoleDef, RoleId};

/// Executions for what must hold.
const RUNS: u64 = 3000;
/// Executions within which the lack of a rule must show.
const MUTANT_RUNS: u64 = 3000;
const PEOPLE: u8 = 6;
/// The last of the people write whatever they like.
const ATTACKERS: u8 = 2;
const OPS: usize = 28;

fn attacker(who: AccountId) -> bool {
    who.0[0] > PEOPLE - ATTACKERS
}

fn some_act(dice: &mut Dice, space: &crate::chat::Space, ids: &[EntryId]) -> Act {
    let account = person(1 + dice.roll(usize::from(PEOPLE)) as u8);
    let rank = dice.roll(101) as Rank;
    let role = RoleId([dice.roll(3) as u8; 16]);
    let key = InviteKey([dice.roll(3) as u8; 32]);
    match dice.roll(14) {
        0..=3 => grant(account, rank),
        4 | 5 => kick(account),
        6 => ban(account),
        7 => Act::Remove {
            account,
            keep: BTreeMap::from([(DeviceId(account.0), dice.roll(3) as u64)]),
            ban: dice.roll(2) == 0,
            purge: false,
        },
        8 => Act::Unban { account },
        9 => {
            let grants: Vec<EntryId> = space.members.values().filter_map(|member| member.grant).chain(ids.first().copied()).collect();
            if grants.is_empty() { kick(account) } else { Act::SetRank { grant: grants[dice.roll(grants.len())], rank } }
        }
        10 => Act::SetRoles { account, roles: BTreeSet::from([role]) },
        11 => {
            let permissions = Permissions(1 << (8 + dice.roll(6)));
            Act::Role { role, def: Some(RoleDef { name: String::new(), colour: None, rank, permissions }) }
        }
        12 => Act::Invite { key, roles: BTreeSet::new(), uses: Some(1), expires: None },
        _ => Act::Admit { account, key },
    }
}

/// One execution: everybody acts on their own copy, copies meet now and then, attackers invent pasts.
fn execution(seed: u64) -> World {
    let everyone = if seed.is_multiple_of(2) { Permissions::ALL } else { Permissions::ADMIT | Permissions::INVITE };
    let mut world = World::new(seed, everyone, PEOPLE);
    for n in 2..=PEOPLE {
        let rank = world.dice.roll(90) as Rank;
        world.act(FOUNDER_ACCOUNT, grant(person(n), rank));
    }
    world.sync_all();
    for _ in 0..OPS {
        let who = person(1 + world.dice.roll(usize::from(PEOPLE)) as u8);
        if world.dice.roll(3) == 0 {
            let from = person(1 + world.dice.roll(usize::from(PEOPLE)) as u8);
            world.sync(from, who);
        }
        let space = world.copies[&who].space();
        let ids: Vec<EntryId> = world.copies[&who].log().into_iter().map(|(op, _)| op.id).collect();
        let act = some_act(&mut world.dice, &space, &ids);
        if who == FOUNDER_ACCOUNT && matches!(act, Act::Remove { account: FOUNDER_ACCOUNT, .. }) {
            continue;
        }
        if attacker(who) {
            let parents = (0..world.dice.roll(3)).map(|_| ids[world.dice.roll(ids.len())]).collect();
            let grant = Some(ids[world.dice.roll(ids.len())]);
            let own = space.members.get(&who).and_then(|member| member.grant);
            let grant = if world.dice.roll(3) == 0 { grant } else { own };
            world.write(who, grant, parents, act);
        } else {
            world.act(who, act);
        }
    }
    world
}

/// The same operations in another order that keeps causes before what they cause.
fn shuffled(world: &mut World) -> Vec<Op> {
    let mut waiting = world.ops.clone();
    let mut done: BTreeSet<EntryId> = BTreeSet::new();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready: Vec<usize> = (0..waiting.len()).filter(|at| waiting[*at].parents.iter().all(|parent| done.contains(parent))).collect();
        let op = waiting.remove(ready[world.dice.roll(ready.len())]);
        done.insert(op.id);
        order.push(op);
    }
    order
}

fn resolve(genesis: &Genesis, ops: &[Op], change: impl FnOnce(&mut Rules)) -> Roster {
    let mut roster = Roster::with_rules(genesis.clone(), change);
    for op in ops {
        roster.insert(op.clone()).expect("causes come first");
    }
    roster
}

fn verdicts(roster: &Roster) -> BTreeMap<EntryId, Verdict> {
    roster.log().into_iter().map(|(op, verdict)| (op.id, verdict)).collect()
}

/// What is wrong with an execution, under these rules.
fn violation(world: &mut World, change: fn(&mut Rules)) -> Option<&'static str> {
    let ops = world.ops.clone();
    let roster = resolve(&world.genesis, &ops, change);
    for _ in 0..2 {
        let again = shuffled(world);
        let other = resolve(&world.genesis, &again, change);
        // That a removal voided it is everybody's word; which one is named first is not.
        if live(&roster) != live(&other) || roster.space() != other.space() {
            return Some("it depends on the order of arrival");
        }
    }
    let mut batch = roster.clone();
    batch.settle();
    if verdicts(&batch) != verdicts(&roster) && live(&batch) != live(&roster) {
        return Some("one by one it comes to something else than at once");
    }
    let space = roster.space();
    if batch.settled.values().flatten().any(|removal| !batch.live(removal.at)) {
        return Some("a removal that was settled does not hold");
    }
    if space.members.get(&FOUNDER_ACCOUNT).is_none_or(|founder| founder.rank != FOUNDER) {
        return Some("the founder is out");
    }
    promoted(&roster, &space).or_else(|| undead(&roster, &space))
}

fn live(roster: &Roster) -> BTreeSet<EntryId> {
    verdicts(roster).into_iter().filter(|(_, verdict)| *verdict == Verdict::Live).map(|(id, _)| id).collect()
}

/// Attackers never stand higher than somebody honest put one of them.
fn promoted(roster: &Roster, space: &crate::chat::Space) -> Option<&'static str> {
    let granted = roster.log().into_iter().filter(|(op, verdict)| *verdict == Verdict::Live && !attacker(op.account));
    let highest = granted.filter_map(|(op, _)| op.act.admits()).filter(|(account, _)| attacker(*account)).fold(
        BTreeMap::<AccountId, Rank>::new(),
        |mut highest, (account, rank)| {
            let now = highest.entry(account).or_default();
            *now = rank.max(*now);
            highest
        },
    );
    let best = highest.values().copied().max().unwrap_or(0);
    let too_high = |(account, member): (&AccountId, &crate::chat::Member)| {
        attacker(*account) && member.rank > highest.get(account).copied().unwrap_or(0).max(best.saturating_sub(1))
    };
    space.members.iter().any(too_high).then_some("somebody raised themselves")
}

/// What the founder ended stays ended.
fn undead(roster: &Roster, space: &crate::chat::Space) -> Option<&'static str> {
    for (removal, verdict) in roster.log() {
        let Act::Remove { account, ban, .. } = removal.act else { continue };
        if verdict != Verdict::Live || removal.account != FOUNDER_ACCOUNT || account == FOUNDER_ACCOUNT {
            continue;
        }
        let Some(at) = roster.graph.find(&removal.id) else { return Some("an operation is logged and not there") };
        let seen = |id: &EntryId| roster.graph.find(id).is_some_and(|earlier| roster.saw(at, earlier));
        let still = |op: &Op| op.account == account && !seen(&op.id) && op.grant.is_some_and(|grant| seen(&grant));
        if roster.log().into_iter().any(|(op, verdict)| verdict == Verdict::Live && still(op)) {
            return Some("somebody removed acted behind the remover's back");
        }
        let unbanned = roster.log().into_iter().any(|(op, verdict)| {
            verdict == Verdict::Live
                && op.act == Act::Unban { account }
                && roster.graph.find(&op.id).is_some_and(|later| roster.saw(later, at))
        });
        if ban && !unbanned && space.members.contains_key(&account) {
            return Some("somebody banned by the founder is there");
        }
    }
    None
}

#[test]
fn the_law_holds_whoever_writes_what() {
    let mut live_ops = 0;
    for seed in 0..RUNS {
        let mut world = execution(seed);
        assert_eq!(violation(&mut world, |_| {}), None, "seed {seed}");
        live_ops += live(&resolve(&world.genesis, &world.ops, |_| {})).len();
    }
    assert!(live_ops > RUNS as usize * 8, "most executions must be about operations that hold: {live_ops}");
}

#[test]
fn the_lack_of_any_rule_is_noticed() {
    type Mutant = (&'static str, fn(&mut Rules));
    let mutants: [Mutant; 6] = [
        ("a removal ignores what it had not seen", |rules| rules.void_unseen = false),
        ("one grants one's own rank", |rules| rules.grant_below = false),
        ("removals in the order of operations", |rules| rules.highest_first = false),
        ("the last word by arrival", |rules| rules.fixed_order = false),
        ("what counts was not seen by the remover", |rules| rules.keep_seen_only = false),
        ("a ban ignores grants that did not know of it", |rules| rules.ban_unseen = false),
    ];
    for (name, change) in mutants {
        let noticed = (0..MUTANT_RUNS).find_map(|seed| violation(&mut execution(seed), change));
        assert!(noticed.is_some(), "nothing notices: {name}");
    }
}
