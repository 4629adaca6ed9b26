//! Every kind of router with every other: two people behind them meet by login, and go on as directly as the two routers allow.

use crate::cast::Person;
use crate::nat::{Host, Nat};
use crate::town::{Town, accept, ask, find, talk};
use anyhow::{Context, Result, anyhow, ensure};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How two people can be connected at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// From one to the other.
    Direct,
    /// Through an operator's node.
    Relayed,
}

impl Rung {
    /// As nodes call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Relayed => "relayed",
        }
    }
}

/// What two routers allow. Holes need a port that both sides can name beforehand (RFC 5128, section 3.3): whoever has another one towards
/// each peer can only reach somebody who lets everybody in. Without UDP the same goes for TCP (section 3.4).
#[must_use]
pub fn best(one: Nat, other: Nat) -> Rung {
    let open = |nat| matches!(nat, Nat::None | Nat::Open);
    let strict = [one, other].contains(&Nat::Strict);
    if strict && !open(one) && !open(other) { Rung::Relayed } else { Rung::Direct }
}

/// All pairs, each once.
pub fn all() -> impl Iterator<Item = (Nat, Nat)> {
    Nat::ALL.into_iter().flat_map(|one| Nat::ALL.into_iter().filter(move |other| one <= *other).map(move |other| (one, other)))
}

/// How it went with one pair.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who asked, and who was asked.
    pub pair: (Nat, Nat),
    /// Until the one who asked had found the other by login.
    pub found: Duration,
    /// From then until the other saw the request. Its proof of work is in it.
    pub asked: Duration,
    /// From the acceptance until the first message was there.
    pub first: Duration,
    /// From the acceptance until both were connected directly; nothing if that took longer than was waited.
    pub direct: Option<Duration>,
    /// A message each way after that.
    pub talk: Duration,
    /// How each of the two is connected with the other in the end: `direct` or `relayed`.
    pub routes: [String; 2],
}

impl Outcome {
    /// Whether the two are connected as directly as they can be, and both know it.
    #[must_use]
    pub fn is_best(&self) -> bool {
        let best = best(self.pair.0, self.pair.1).as_str();
        self.routes.iter().all(|route| route == best)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pair: (one, other), found, asked, first, talk, routes: [there, back], .. } = self;
        let route = if there == back { there.clone() } else { format!("{there} one way and {back} the other") };
        let after = self.direct.map_or_else(String::new, |after| format!(" after {after:.1?}"));
        write!(
            f,
            "{one} asks {other}: found in {found:.1?}, asked in {asked:.1?}, first message {first:.1?} after the acceptance, \
             {route}{after}, then a message each way in {talk:.1?}"
        )
    }
}

/// People who live behind the routers of each kind, twice, so that two of a kind can meet.
pub struct People {
    people: Vec<(Nat, [Person; 2])>,
    _homes: Vec<Host>,
}

impl People {
    /// Moves them into a town.
    ///
    /// # Errors
    /// The system refuses, or a node does not start.
    pub fn settle(town: &mut Town) -> Result<Self> {
        let mut homes = Vec::new();
        for nat in Nat::ALL {
            homes.push((nat, [town.internet.behind(nat)?, town.internet.behind(nat)?]));
        }
        let town = &*town;
        let settle = |nat: Nat, home: &Host, side: &str| town.settle(home, &format!("{nat}.{side}"), &format!("{side} behind {nat}"));
        // The proofs of work of ten people are what takes the time.
        let settled = thread::scope(|scope| {
            let starting: Vec<_> = homes
                .iter()
                .map(|(nat, [one, other])| {
                    let (nat, settle) = (*nat, &settle);
                    let other = scope.spawn(move || settle(nat, other, "asked"));
                    (nat, scope.spawn(move || settle(nat, one, "asking")), other)
                })
                .collect();
            let join = |handle: thread::ScopedJoinHandle<'_, Result<Person>>| handle.join().map_err(|_| anyhow!("a thread panicked"))?;
            starting.into_iter().map(|(nat, one, other)| Ok((nat, [join(one)?, join(other)?]))).collect::<Result<Vec<_>>>()
        })?;
        Ok(Self { people: settled, _homes: homes.into_iter().flat_map(|(_, homes)| homes).collect() })
    }

    /// Has pairs meet, so many at a time, and gives each some time to be as directly connected as it can be.
    ///
    /// # Errors
    /// The first pair that cannot talk.
    pub fn meet(&self, pairs: impl IntoIterator<Item = (Nat, Nat)>, at_once: usize, patience: Duration) -> Result<Vec<Outcome>> {
        let waiting: Mutex<VecDeque<(Nat, Nat)>> = Mutex::new(pairs.into_iter().collect());
        let work = || {
            let mut done = Vec::new();
            loop {
                let Some(pair) = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front() else { return Ok(done) };
                done.push(self.one(pair, patience).with_context(|| format!("{} and {}", pair.0, pair.1))?);
            }
        };
        thread::scope(|scope| {
            let working: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
            let join =
                |handle: thread::ScopedJoinHandle<'_, Result<Vec<Outcome>>>| handle.join().map_err(|_| anyhow!("a thread panicked"))?;
            let mut outcomes = working.into_iter().map(join).collect::<Result<Vec<_>>>()?.concat();
            outcomes.sort_by_key(|outcome| outcome.pair);
            Ok(outcomes)
        })
    }

    /// Has those who have met say something more. Whoever had fallen back would be seen by the routes, which are looked at again.
    ///
    /// # Errors
    /// A message does not arrive.
    pub fn talk_again(&self, outcomes: &mut [Outcome]) -> Result<()> {
        for outcome in outcomes {
            let (asking, asked) = self.pair(outcome.pair)?;
            talk(asking, asked, &asking.chat_with(asked)?, "good night").with_context(|| outcome.to_string())?;
            outcome.routes = routes(asking, asked)?;
        }
        Ok(())
    }

    /// The two of a pair.
    fn pair(&self, (one, other): (Nat, Nat)) -> Result<(&Person, &Person)> {
        let of = |nat: Nat| self.people.iter().find(|(kind, _)| *kind == nat).map(|(_, people)| people).context("nobody lives there");
        Ok((&of(one)?[0], &of(other)?[1]))
    }

    fn one(&self, pair: (Nat, Nat), patience: Duration) -> Result<Outcome> {
        let (asking, asked) = self.pair(pair)?;
        let begun = Instant::now();
        ensure!(find(asking, &asked.login)? == asked.account, "somebody else was found");
        let found = begun.elapsed();
        ask(asking, asked, "we have met at the fair")?;
        let wanted = begun.elapsed() - found;
        let accepted = Instant::now();
        let (chat, first) = accept(asking, asked, "so it was you")?;
        // Whoever does not get there goes on through the relay: what is amiss is then told of all pairs.
        let got_there = best(pair.0, pair.1) == Rung::Direct
            && [(asking, asked), (asked, asking)]
                .into_iter()
                .all(|(from, to)| from.wait_route(&to.account, Rung::Direct.as_str(), patience).is_ok());
        let direct = got_there.then(|| accepted.elapsed());
        let talk = talk(asking, asked, &chat, "that was quick")?;
        Ok(Outcome { pair, found, asked: wanted, first, direct, talk, routes: routes(asking, asked)? })
    }
}

/// How two people are connected, as each of them sees it.
fn routes(one: &Person, other: &Person) -> Result<[String; 2]> {
    let route =
        |from: &Person, to: &Person| -> Result<String> { Ok(from.contact(&to.account)?["route"].as_str().unwrap_or("no way").to_owned()) };
    Ok([route(one, other)?, route(other, one)?])
}
