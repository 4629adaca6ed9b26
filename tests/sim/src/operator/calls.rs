//! The relay for calls of an operator's node, as far as the core meets it: the product's own desk for names and passwords. Nothing is
//! relayed here.

use crate::net::Host;
use crate::node::{START, Who};
use crate::world::World;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use veche_protocol::call::media::IceServer;
use veche_protocol::core::Core;
use veche_protocol::core::input::Input;
use veche_protocol::ids::{LinkId, PeerKey};
use veche_protocol::link::Proto;
use veche_protocol::time::{Mono, Now, UnixMs};
use veche_protocol::turn::aim;
use veche_protocol::turn::desk::{Answer, Config, Desk, Stats};
use veche_protocol::turn::user::Secret;

/// Its port.
const PORT: u16 = 3478;

/// The desk of one node, and what it does that no honest one does.
#[derive(Debug, Default)]
pub struct Calls {
    desk: Option<Desk>,
    callers: BTreeMap<LinkId, (PeerKey, IpAddr)>,
    /// Whether the operator runs a relay; looked at when the node starts.
    pub offered: bool,
    /// For how long a name is good.
    pub life: Duration,
    /// Where it says that its relay is, if it lies.
    pub aims_at: Option<SocketAddr>,
    /// It does not know the protocol and ends the connection, as one of an older version does.
    pub old: bool,
}

impl Calls {
    /// What was given out since the node started.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.desk.as_ref().map(Desk::stats).unwrap_or_default()
    }
}

impl World {
    /// Has an operator run a relay for calls, from its next start on.
    ///
    /// # Panics
    /// It is no operator's node.
    pub fn offers_calls(&mut self, host: Host, life: Duration) {
        let calls = &mut self.operators.get_mut(&host).expect("an operator").calls;
        (calls.offered, calls.life) = (true, life);
    }

    /// Servers that a call of somebody would use now; none while their node does not run.
    #[must_use]
    pub fn relays_of(&self, who: Who) -> Vec<IceServer> {
        self.node(who).core.as_ref().map(Core::ice_servers).unwrap_or_default()
    }

    pub(super) fn start_calls(&mut self, host: Host) {
        let own = SocketAddr::new(self.net.addr(host).socket.ip(), PORT);
        let Some(operator) = self.operators.get_mut(&host) else { return };
        let at = operator.calls.aims_at.unwrap_or(own);
        let urls = if operator.calls.offered { aim::urls(&[at]) } else { Vec::new() };
        let config = Config { urls, secret: Secret::new(operator.salt), life: operator.calls.life, seed: operator.seed };
        operator.calls.desk = Some(Desk::new(config));
        operator.calls.callers.clear();
    }

    /// Takes what is for the desk, and gives back everything else.
    pub(super) fn calls_hear(&mut self, host: Host, input: Input) -> Option<Input> {
        let at = self.at();
        let now = Now { mono: Mono(at), wall: UnixMs(START.0 + at) };
        let calls = &mut self.operators.get_mut(&host)?.calls;
        let (link, frame) = match input {
            Input::Frame(link, Proto::Turn, frame) => (link, frame),
            Input::LinkUp(link, info) => {
                calls.callers.insert(link, (info.peer, info.addr.socket.ip()));
                return Some(input);
            }
            Input::LinkDown(link) => {
                calls.callers.remove(&link);
                return Some(input);
            }
            other => return Some(other),
        };
        let (peer, ip) = *calls.callers.get(&link)?;
        match calls.desk.as_mut().filter(|_| !calls.old).map(|desk| desk.frame(now, &peer, ip, &frame)) {
            Some(Answer::Send(frame)) => self.net.send(at, host, link, Proto::Turn, frame, None, &mut self.dice),
            Some(Answer::Close) | None => self.net.close(at, host, link),
            Some(Answer::Nothing) => {}
        }
        self.collect();
        None
    }
}
