//! People on their own copies of a space, who act on what they have seen.

mod exhaustive;
mod random;
mod stories;

use super::{Act, Genesis, Op, Permissions, Rank, Roster, Verdict};
use crate::ids::{AccountId, DeviceId, EntryId, SpaceId};
use std::collections::{BTreeMap, BTreeSet};

const FOUNDER_ACCOUNT: AccountId = person(1);

const fn person(n: u8) -> AccountId {
    AccountId([n; 32])
}

fn genesis(everyone: Permissions) -> Genesis {
    Genesis { space: SpaceId([9; 32]), founders: BTreeSet::from([FOUNDER_ACCOUNT]), everyone }
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("less than sides")
    }

    fn id(&mut self) -> EntryId {
        EntryId(std::array::from_fn(|_| self.roll(256) as u8))
    }
}

/// Everything that was ever done, and who has seen what.
struct World {
    dice: Dice,
    genesis: Genesis,
    ops: Vec<Op>,
    copies: BTreeMap<AccountId, Roster>,
    written: BTreeMap<AccountId, Vec<EntryId>>,
}

impl World {
    fn new(seed: u64, everyone: Permissions, people: u8) -> Self {
        let genesis = genesis(everyone);
        let copies = (1..=people).map(|n| (person(n), Roster::new(genesis.clone()))).collect();
        Self { dice: Dice(seed), genesis, ops: Vec::new(), copies, written: BTreeMap::new() }
    }

    /// Somebody acts on what they have seen, by the membership that their copy gives them.
    fn act(&mut self, who: AccountId, act: Act) -> EntryId {
        let copy = &self.copies[&who];
        let grant = copy.space().members.get(&who).and_then(|member| member.grant);
        let parents = copy.heads();
        self.write(who, grant, parents, act)
    }

    /// Somebody writes whatever they like.
    fn write(&mut self, who: AccountId, grant: Option<EntryId>, mut parents: Vec<EntryId>, act: Act) -> EntryId {
        let written = self.written.entry(who).or_default();
        parents.extend(written.last());
        parents.sort_unstable();
        parents.dedup();
        let id = self.dice.id();
        written.push(id);
        let hlc = (self.ops.len() as u64 + 1) << 16;
        let seq = written.len() as u64;
        let op = Op { id, account: who, device: DeviceId(who.0), seq, hlc, parents, grant, act };
        self.copies.get_mut(&who).expect("a person of this world").insert(op.clone()).expect("its parents are seen");
        self.ops.push(op);
        id
    }

    /// Somebody gets everything that another has seen.
    fn sync(&mut self, from: AccountId, to: AccountId) {
        let seen: Vec<Op> = self.copies[&from].log().into_iter().map(|(op, _)| op.clone()).collect();
        let copy = self.copies.get_mut(&to).expect("a person of this world");
        for op in seen {
            copy.insert(op).expect("causes come first");
        }
    }

    fn sync_all(&mut self) {
        let everybody: Vec<AccountId> = self.copies.keys().copied().collect();
        let ops = self.ops.clone();
        for who in everybody {
            let copy = self.copies.get_mut(&who).expect("a person of this world");
            for op in &ops {
                copy.insert(op.clone()).expect("causes come first");
            }
        }
    }

    fn verdict(&self, id: EntryId) -> Verdict {
        self.copies[&FOUNDER_ACCOUNT].verdict(&id).expect("the founder has seen it")
    }

    fn rank(&self, who: AccountId) -> Option<Rank> {
        self.copies[&FOUNDER_ACCOUNT].space().members.get(&who).map(|member| member.rank)
    }
}

fn grant(account: AccountId, rank: Rank) -> Act {
    Act::Grant { account, rank, roles: BTreeSet::new() }
}

fn kick(account: AccountId) -> Act {
    Act::Remove { account, keep: BTreeMap::new(), ban: false, purge: false }
}

fn ban(account: AccountId) -> Act {
    Act::Remove { account, keep: BTreeMap::new(), ban: true, purge: false }
}
