//! Where an operator's node gives out names and passwords for its relay, to peers whose transport key the connection has proven. Pure.

use super::user::{self, Secret};
use crate::crypto::{hash, labels};
use crate::ids::PeerKey;
use crate::limits;
use crate::link::Proto;
use crate::rate::{Rate, Source, Used};
use crate::time::Now;
use crate::wire::codec;
use crate::wire::turn::{Turn, TurnAsk, TurnFrame, TurnGrant, TurnNo};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// Names for one peer: one lasts for hours, and a program that starts anew has forgotten its own.
pub const PEER: Rate = Rate { burst: 8, each: Duration::from_secs(600) };
/// Names for one source, behind which there may be an office.
pub const SOURCE: Rate = Rate { burst: 128, each: Duration::from_secs(10) };
/// Peers, and sources, that are told apart at once; those beyond have to wait. Each takes about 100 bytes.
const APART: usize = 65_536;
/// What whoever cannot be told apart is asked to wait.
const CROWDED: Duration = Duration::from_secs(60);

/// What is given out.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses of the relay; none if there is no relay.
    pub urls: Vec<String>,
    /// Shared with the relay.
    pub secret: Secret,
    /// For how long a name is good, at most [`limits::TURN_LIFE`].
    pub life: Duration,
    /// Random, new at each start.
    pub seed: [u8; 32],
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    config: Config,
    counter: u64,
    peers: BTreeMap<PeerKey, Used>,
    sources: BTreeMap<Source, Used>,
    stats: Stats,
}

/// What was given out since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Names given.
    pub granted: u64,
    /// Names refused by a rate.
    pub refused: u64,
}

/// What to do about a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Send this back.
    Send(Vec<u8>),
    /// End the connection: its other side does not keep to the protocol.
    Close,
    /// Nothing: it is of a newer version.
    Nothing,
}

impl Desk {
    /// A desk.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self { config, counter: 0, peers: BTreeMap::new(), sources: BTreeMap::new(), stats: Stats::default() }
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Answers a frame of a peer at an address.
    pub fn frame(&mut self, now: Now, peer: &PeerKey, ip: IpAddr, frame: &[u8]) -> Answer {
        let Ok(frame) = codec::decode::<TurnFrame>(frame, Proto::Turn.max_frame()) else { return Answer::Close };
        let answer = match frame.m {
            Some(Turn::Ask(TurnAsk { ask })) if self.config.urls.is_empty() => Turn::No(TurnNo { ask, wait_s: 0 }),
            Some(Turn::Ask(TurnAsk { ask })) => match self.take(now, peer, Source::of(ip)) {
                Ok(()) => self.grant(now, ask, peer),
                Err(wait) => {
                    self.stats.refused = self.stats.refused.saturating_add(1);
                    let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
                    Turn::No(TurnNo { ask, wait_s: seconds.max(1) })
                }
            },
            // The words of a node.
            Some(Turn::Grant(_) | Turn::No(_)) => return Answer::Close,
            None => return Answer::Nothing,
        };
        Answer::Send(codec::encode(&TurnFrame { m: Some(answer) }))
    }

    fn grant(&mut self, now: Now, ask: u32, peer: &PeerKey) -> Turn {
        self.stats.granted = self.stats.granted.saturating_add(1);
        self.counter = self.counter.saturating_add(1);
        let nonce = hash::prefix(&hash::mac(&self.config.seed, labels::TURN_NONCE, &[&self.counter.to_be_bytes()]));
        let life = self.config.life.min(limits::TURN_LIFE);
        let pass = user::issue(&self.config.secret, peer, nonce, now.wall.after(life));
        let life_s = u32::try_from(pass.until.since(now.wall).as_secs()).unwrap_or(u32::MAX);
        Turn::Grant(TurnGrant { ask, urls: self.config.urls.clone(), username: pass.username, credential: pass.password, life_s })
    }

    fn take(&mut self, now: Now, peer: &PeerKey, source: Source) -> Result<(), Duration> {
        take(&mut self.peers, *peer, &PEER, now)?;
        take(&mut self.sources, source, &SOURCE, now)
    }
}

/// Takes one from the rate of a key, if it can still be told apart.
fn take<K: Ord>(used: &mut BTreeMap<K, Used>, key: K, rate: &Rate, now: Now) -> Result<(), Duration> {
    if used.len() >= APART && !used.contains_key(&key) {
        used.retain(|_, used| !used.is_whole(now.mono));
        if used.len() >= APART {
            return Err(CROWDED);
        }
    }
    used.entry(key).or_default().take(rate, 1, now.mono)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Mono, UnixMs};

    const ANNA: PeerKey = PeerKey([1; 32]);
    const NOW: Now = Now { mono: Mono(1), wall: UnixMs(1_800_000_000_500) };

    fn desk(urls: &[&str]) -> Desk {
        let urls = urls.iter().map(|url| (*url).to_owned()).collect();
        Desk::new(Config { urls, secret: Secret::new([7; 32]), life: Duration::from_secs(3600), seed: [9; 32] })
    }

    fn later(secs: u64) -> Now {
        let by = Duration::from_secs(secs);
        Now { mono: NOW.mono.after(by), wall: NOW.wall.after(by) }
    }

    fn ask(desk: &mut Desk, now: Now, peer: &PeerKey, ip: [u8; 4]) -> Turn {
        let frame = codec::encode(&TurnFrame { m: Some(Turn::Ask(TurnAsk { ask: 5 })) });
        match desk.frame(now, peer, ip.into(), &frame) {
            Answer::Send(frame) => codec::decode::<TurnFrame>(&frame, Proto::Turn.max_frame()).unwrap().m.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn whoever_asks_is_let_in_for_a_while() {
        let mut desk = desk(&["stun:203.0.113.7:3478", "turn:203.0.113.7:3478?transport=udp"]);
        let Turn::Grant(grant) = ask(&mut desk, NOW, &ANNA, [198, 51, 100, 1]) else { panic!("refused") };
        assert_eq!((grant.ask, grant.urls.len(), grant.life_s), (5, 2, 3599), "whole seconds, rounded down");
        let pass = user::read(&Secret::new([7; 32]), &grant.username).unwrap();
        assert_eq!((pass.password, pass.user), (grant.credential.clone(), user::User::of(&ANNA)));
        let Turn::Grant(again) = ask(&mut desk, NOW, &ANNA, [198, 51, 100, 1]) else { panic!("refused") };
        assert_ne!(again.username, grant.username);
        assert_eq!(desk.stats(), Stats { granted: 2, refused: 0 });
    }

    #[test]
    fn a_node_without_a_relay_says_so() {
        assert_eq!(ask(&mut desk(&[]), NOW, &ANNA, [198, 51, 100, 1]), Turn::No(TurnNo { ask: 5, wait_s: 0 }));
    }

    #[test]
    fn nobody_takes_more_names_than_they_need() {
        let mut desk = desk(&["stun:203.0.113.7:3478"]);
        for _ in 0..PEER.burst {
            assert!(matches!(ask(&mut desk, NOW, &ANNA, [198, 51, 100, 1]), Turn::Grant(_)));
        }
        assert_eq!(ask(&mut desk, NOW, &ANNA, [203, 0, 113, 9]), Turn::No(TurnNo { ask: 5, wait_s: 600 }), "wherever they are");
        assert!(matches!(ask(&mut desk, later(600), &ANNA, [198, 51, 100, 1]), Turn::Grant(_)));
        let refused = (0..200_u8).filter(|n| matches!(ask(&mut desk, NOW, &PeerKey([*n; 32]), [192, 0, 2, *n]), Turn::No(_))).count();
        assert_eq!(refused, 200 - 128, "nor does a machine with many keys; Anna's own still waits");
    }

    #[test]
    fn a_frame_that_no_client_says_ends_the_connection() {
        let mut desk = desk(&["stun:203.0.113.7:3478"]);
        let no = codec::encode(&TurnFrame { m: Some(Turn::No(TurnNo::default())) });
        assert_eq!(desk.frame(NOW, &ANNA, [192, 0, 2, 1].into(), &no), Answer::Close);
        assert_eq!(desk.frame(NOW, &ANNA, [192, 0, 2, 1].into(), &[0xFF; 40]), Answer::Close);
        assert_eq!(desk.frame(NOW, &ANNA, [192, 0, 2, 1].into(), &[]), Answer::Nothing);
    }
}
