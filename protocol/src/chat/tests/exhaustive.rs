//! A founder, somebody at 50 and somebody at 40 do two things each: every choice, every order, and before each step either
//! everything so far was seen or nothing new.

use super::*;

const ANNA: AccountId = person(2);
const BORIS: AccountId = person(3);
const CLARA: AccountId = person(4);
const PEOPLE: [AccountId; 3] = [FOUNDER_ACCOUNT, ANNA, BORIS];
const EACH: usize = 2;
const STEPS: usize = PEOPLE.len() * EACH;

fn menu(who: usize) -> [Act; 3] {
    match who {
        0 => [kick(ANNA), ban(ANNA), grant(ANNA, 60)],
        1 => [kick(BORIS), ban(BORIS), grant(CLARA, 30)],
        _ => [kick(ANNA), grant(CLARA, 20), kick(CLARA)],
    }
}

/// Every order of six steps in which each person takes two.
fn orders() -> Vec<[usize; STEPS]> {
    let mut orders = vec![Vec::new()];
    for _ in 0..STEPS {
        orders = orders
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..PEOPLE.len())
                    .filter(|who| order.iter().filter(|step| *step == who).count() < EACH)
                    .map(|who| order.iter().copied().chain([who]).collect())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    orders.into_iter().map(|order| order.try_into().expect("six steps")).collect()
}

/// Steps that saw nothing of each other commute: of such orders one is enough.
fn canonical(order: [usize; STEPS], seen: usize) -> bool {
    (1..STEPS).all(|at| seen >> at & 1 == 1 || order[at - 1] <= order[at])
}

struct Case {
    ops: Vec<Op>,
}

impl Case {
    fn new(base: &[Op], order: [usize; STEPS], seen: usize, choice: usize) -> Self {
        let mut ops = base.to_vec();
        let mut known: [Vec<EntryId>; 3] = std::array::from_fn(|_| base.iter().map(|op| op.id).collect());
        let mut taken = [0; 3];
        for (at, who) in order.into_iter().enumerate() {
            let picked = choice / 3_usize.pow((who * EACH + taken[who]) as u32) % 3;
            taken[who] += 1;
            let parents = if seen >> at & 1 == 1 { ops.iter().map(|op| op.id).collect() } else { known[who].clone() };
            let id = EntryId(std::array::from_fn(|byte| if byte == 0 { (at * 37 % 11) as u8 } else { at as u8 }));
            let grant = who.checked_sub(1).map(|base_at| base[base_at].id);
            let account = PEOPLE[who];
            let seq = taken[who] as u64 + 10;
            known[who] = parents.iter().copied().chain([id]).collect();
            ops.push(Op { id, account, device: DeviceId(account.0), seq, hlc: at as u64, parents, grant, act: menu(who)[picked].clone() });
        }
        Self { ops }
    }

    /// Settled with the last person's operations as early as their causes permit.
    fn other_order(&self) -> Vec<Op> {
        let mut order = self.ops.clone();
        for at in 1..order.len() {
            let mut place = at;
            while place > 0 && order[place].account > order[place - 1].account && !order[place].parents.contains(&order[place - 1].id) {
                order.swap(place, place - 1);
                place -= 1;
            }
        }
        order
    }
}

fn roster(genesis: &Genesis, ops: &[Op]) -> Roster {
    let mut roster = Roster::new(genesis.clone());
    for op in ops {
        roster.insert(op.clone()).expect("causes come first");
    }
    roster
}

#[test]
fn six_steps_of_three_people_in_every_order_come_to_the_same_for_all() {
    let mut world = World::new(5, Permissions::ALL, 3);
    world.act(FOUNDER_ACCOUNT, grant(ANNA, 50));
    world.act(FOUNDER_ACCOUNT, grant(BORIS, 40));
    let (base, genesis) = (world.ops.clone(), world.genesis.clone());
    let mut cases = 0_u32;
    for order in orders() {
        for seen in (1..1 << STEPS).step_by(2).filter(|seen| canonical(order, *seen)) {
            for choice in 0..3_usize.pow(STEPS as u32) {
                let case = Case::new(&base, order, seen, choice);
                let first = roster(&genesis, &case.ops);
                let second = roster(&genesis, &case.other_order());
                let name = || format!("order {order:?}, seen {seen:06b}, choice {choice}");
                for op in &case.ops {
                    let live = |roster: &Roster| roster.verdict(&op.id) == Some(Verdict::Live);
                    assert_eq!(live(&first), live(&second), "{} in {}", op.seq, name());
                }
                assert!(first.settled.values().flatten().all(|removal| first.live(removal.at)), "{}", name());
                let space = first.space();
                assert_eq!(space, second.space(), "{}", name());
                assert_eq!(space.members.get(&FOUNDER_ACCOUNT).map(|founder| founder.rank), Some(100), "{}", name());
                cases += 1;
            }
        }
    }
    assert!(cases > 100_000, "{cases} cases");
}
