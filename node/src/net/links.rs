//! The connection manager: which of a peer's connections carries the link. Pure: events and times in, [`Action`]s out.
//!
//! Two nodes that dial each other get two connections, a laptop that changes its network leaves dead ones behind, and libp2p closes none of
//! them. The core must not see any of this: it gets one link per peer. The rules, which both sides apply without asking each other:
//!
//! 1. A new peer's first connection becomes a link.
//! 2. A second connection may be a double dial, or a sign that the other side doubts the first: its network changed, or it was restarted.
//!    Which one, shows by itself. If the first gives a sign of life *after* the second came up, both live: the one dialled by the side
//!    with the lower key wins, and the link moves there stream by stream (see `frame`) without going down. Until then each side goes on
//!    sending where it was. A direct connection wins against one through a relay, once it has given a sign of life itself.
//! 3. If the other side starts over on the second connection (a new session in the head of a stream), or the first is found dead, the link
//!    goes down and the second connection becomes a new one.
//! 4. Of several connections that one side dialled the same way, that side knows which is the newest and means it; the other side may have
//!    seen them come up in another order and follows it to where its streams go.
//! 5. Only one side closes the loser, after [`GRACE`] and once no stream is left on it, so that both never close one each: by rule 4 the
//!    side that dialled, otherwise the one with the higher key.
//! 6. A connection that breaks with streams on it ends the link and all its connections: both sides see the same end, and start clean.

use super::api::DownReason;
use libp2p::swarm::ConnectionId;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use veche_protocol::ids::{LinkId, PeerKey};
use veche_protocol::link::{Addr, LinkInfo, Proto, Side};

#[cfg(test)]
mod tests;

/// Time a losing connection stays open, for data in flight and for the other side to notice the winner.
const GRACE: Duration = Duration::from_secs(5);

/// Time after which a losing connection is closed even if streams are left on it: the other side does not follow the rules.
const MAX_DRAIN: Duration = Duration::from_secs(60);

/// Difference in age above which two sides cannot disagree about which of two connections is newer: more than a handshake may take.
const MIXED: Duration = Duration::from_secs(15);

/// What must be done now, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Tell the core of a new link.
    Up { link: LinkId, info: LinkInfo, on: ConnectionId },
    /// Tell the core that a link ended, and drop all its streams.
    Down { link: LinkId, why: DownReason },
    /// End the link's outbound streams where they are and go on here.
    Move { link: LinkId, to: ConnectionId, info: LinkInfo },
    /// Close a connection.
    Close { conn: ConnectionId },
}

/// What to do with an inbound stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It belongs to this link.
    Accept(LinkId),
    /// Drop it.
    Refuse,
}

/// How long a silent connection counts as alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Without any sign of life.
    pub(super) dead_after: Duration,
    /// Without any after the own network changed.
    pub(super) suspect_for: Duration,
}

impl Patience {
    /// From the ping settings: two intervals and a timeout; after a network change one interval and half a timeout.
    pub(super) fn new(interval: Duration, timeout: Duration) -> Self {
        Self { dead_after: interval * 2 + timeout, suspect_for: interval + timeout / 2 }
    }
}

#[derive(Debug)]
struct Conn {
    peer: PeerKey,
    side: Side,
    addr: Addr,
    since: Instant,
    /// Last proof that the other side is there.
    alive: Instant,
    /// When the own network changed under it, until it proves alive.
    suspect: Option<Instant>,
    /// When it lost against another.
    lost: Option<Instant>,
    closing: bool,
    /// Streams of the current link, both ways, now.
    streams: usize,
    /// Whether the current link ever used it.
    used: bool,
}

impl Conn {
    fn info(&self) -> LinkInfo {
        LinkInfo { peer: self.peer, side: self.side, addr: self.addr, route: self.addr.route() }
    }

    /// Whether two connections differ only in age for both sides.
    fn same_kind(&self, other: &Self) -> bool {
        self.side == other.side && self.addr.relay.is_some() == other.addr.relay.is_some()
    }
}

#[derive(Debug)]
struct Peer {
    link: LinkId,
    chosen: ConnectionId,
    /// The session in the heads of the other side's streams, once seen.
    session: Option<u64>,
    /// The latest stream of the other side for each protocol: those of a move may arrive after those of the next one.
    turns: BTreeMap<Proto, u32>,
    /// Where the other side's latest stream came in: the connection it means.
    meant: Option<ConnectionId>,
}

impl Peer {
    /// Whether a stream belongs to a later move than every one before.
    fn newer(&mut self, proto: Proto, turn: u32) -> bool {
        let latest = self.turns.entry(proto).or_default();
        let newer = turn > *latest;
        *latest = turn.max(*latest);
        newer
    }
}

/// How close a connection is to the best there could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    /// Direct, but while there is a link through a relay, it has to show that it works.
    Unproven,
    Relayed,
    Direct,
}

impl Near {
    fn of(id: ConnectionId, conn: &Conn, (chosen, old): (ConnectionId, &Conn)) -> Self {
        if conn.addr.relay.is_some() {
            Self::Relayed
        } else if id == chosen || old.addr.relay.is_none() || conn.alive > conn.since {
            Self::Direct
        } else {
            Self::Unproven
        }
    }
}

/// See the module.
pub(super) struct Links {
    me: PeerKey,
    patience: Patience,
    peers: BTreeMap<PeerKey, Peer>,
    conns: BTreeMap<ConnectionId, Conn>,
    next_link: u64,
    actions: VecDeque<Action>,
}

impl Links {
    pub(super) fn new(me: PeerKey, patience: Patience) -> Self {
        Self { me, patience, peers: BTreeMap::new(), conns: BTreeMap::new(), next_link: 1, actions: VecDeque::new() }
    }

    /// The next thing to do. Call until `None` after every other call that takes `&mut self`.
    pub(super) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// A connection is up.
    pub(super) fn established(&mut self, now: Instant, id: ConnectionId, peer: PeerKey, side: Side, addr: Addr) {
        let conn = Conn { peer, side, addr, since: now, alive: now, suspect: None, lost: None, closing: false, streams: 0, used: false };
        self.conns.insert(id, conn);
        let Some(chosen) = self.peers.get(&peer).map(|known| known.chosen) else {
            self.up(peer, id, None);
            return;
        };
        let Some(old) = self.conns.get(&chosen) else { return };
        if old.suspect.is_some() {
            self.start_over(peer, id, DownReason::Silent, None);
        }
    }

    /// A connection is gone.
    pub(super) fn closed(&mut self, id: ConnectionId) {
        self.lost(id, DownReason::Closed);
        self.conns.remove(&id);
    }

    /// The other side of a connection gave a sign of life.
    pub(super) fn alive(&mut self, now: Instant, id: ConnectionId) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.alive = now;
        conn.suspect = None;
        let peer = conn.peer;
        self.choose(now, peer);
    }

    /// A connection is of no use any more, although nobody closed it.
    pub(super) fn fail(&mut self, id: ConnectionId, why: DownReason) {
        self.lost(id, why);
        self.close(id);
    }

    /// Nothing could be heard for a while, by this side's fault: silence until now counts for nothing.
    pub(super) fn forgive(&mut self, now: Instant) {
        for conn in self.conns.values_mut() {
            conn.alive = conn.alive.max(now);
        }
    }

    /// The link must end.
    pub(super) fn end(&mut self, link: LinkId, why: DownReason) {
        if let Some(peer) = self.peer_of(link) {
            self.down(peer, why);
            self.close_all(peer, None);
        }
    }

    /// Who is at the other end of a link, and the connection that carries it.
    pub(super) fn chosen(&self, link: LinkId) -> Option<(PeerKey, ConnectionId)> {
        let peer = self.peer_of(link)?;
        self.peers.get(&peer).map(|known| (peer, known.chosen))
    }

    /// Who is at the other end of a connection.
    pub(super) fn owner(&self, id: ConnectionId) -> Option<PeerKey> {
        self.conns.get(&id).map(|conn| conn.peer)
    }

    /// All links.
    pub(super) fn all(&self) -> Vec<LinkId> {
        self.peers.values().map(|known| known.link).collect()
    }

    /// The connection to open a stream of this link on; counts the stream.
    pub(super) fn stream_out(&mut self, link: LinkId) -> Option<ConnectionId> {
        let chosen = self.peer_of(link).and_then(|peer| self.peers.get(&peer))?.chosen;
        self.count_stream(chosen).then_some(chosen)
    }

    /// A stream arrived with this session in its head. An accepted stream is counted.
    pub(super) fn stream_in(&mut self, id: ConnectionId, proto: Proto, session: u64, turn: u32) -> Verdict {
        let Some(conn) = self.conns.get(&id).filter(|conn| !conn.closing) else { return Verdict::Refuse };
        let (peer, used) = (conn.peer, conn.used);
        let Some(known) = self.peers.get_mut(&peer) else { return Verdict::Refuse };
        match known.session {
            Some(same) if same == session => {}
            // Not always turn 0: that may still be under way on another connection. The inlet waits for it, but not for ever.
            None => known.session = Some(session),
            // The other side started over on a connection that we had not used.
            Some(_) if turn == 0 && !used && known.chosen != id => self.start_over(peer, id, DownReason::Replaced, Some(session)),
            _ => {
                self.down(peer, DownReason::Garbage);
                self.close_all(peer, None);
                return Verdict::Refuse;
            }
        }
        let Some(link) = self.peers.get(&peer).map(|known| known.link) else { return Verdict::Refuse };
        if !self.count_stream(id) {
            return Verdict::Refuse;
        }
        if let Some(known) = self.peers.get_mut(&peer)
            && known.newer(proto, turn)
        {
            known.meant = Some(id);
            self.follow(peer, id);
        }
        Verdict::Accept(link)
    }

    /// A stream of this link ended in order.
    pub(super) fn stream_done(&mut self, link: LinkId, id: ConnectionId) {
        let current = self.peer_of(link);
        if let Some(conn) = self.conns.get_mut(&id).filter(|conn| current == Some(conn.peer)) {
            conn.streams = conn.streams.saturating_sub(1);
        }
    }

    /// The own network changed: connections to other machines are in doubt until they prove alive.
    pub(super) fn network_changed(&mut self, now: Instant) {
        for conn in self.conns.values_mut().filter(|conn| !conn.addr.socket.ip().is_loopback()) {
            conn.suspect.get_or_insert(now);
        }
    }

    /// A link is in doubt until what carries it proves alive.
    pub(super) fn doubt(&mut self, now: Instant, link: LinkId) {
        let conn = self.chosen(link).and_then(|(_, chosen)| self.conns.get_mut(&chosen));
        if let Some(conn) = conn {
            conn.suspect.get_or_insert(now);
        }
    }

    /// The peer at the other end of a link, the connection that carries it, and what can be said about that.
    pub(super) fn info(&self, link: LinkId) -> Option<(ConnectionId, LinkInfo)> {
        let chosen = self.peer_of(link).and_then(|peer| self.peers.get(&peer))?.chosen;
        self.conns.get(&chosen).map(|conn| (chosen, conn.info()))
    }

    /// What carries each link.
    pub(super) fn carried(&self) -> Vec<(ConnectionId, LinkInfo)> {
        self.peers.values().filter_map(|known| Some((known.chosen, self.conns.get(&known.chosen)?.info()))).collect()
    }

    /// The link of a peer.
    pub(super) fn link_of(&self, peer: &PeerKey) -> Option<LinkId> {
        self.peers.get(peer).map(|known| known.link)
    }

    /// Whether a dial to this peer would be pointless, because a link without doubt is up.
    pub(super) fn healthy(&self, peer: &PeerKey) -> bool {
        self.peers.get(peer).and_then(|known| self.conns.get(&known.chosen)).is_some_and(|conn| conn.suspect.is_none())
    }

    /// Whether a connection to this peer is of no use any more and has not closed yet.
    pub(super) fn is_parting(&self, peer: &PeerKey) -> bool {
        self.conns.values().any(|conn| conn.peer == *peer && conn.closing)
    }

    /// The number of links.
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// The number of connections.
    pub(super) fn connections(&self) -> usize {
        self.conns.len()
    }

    /// When [`Self::tick`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.conns.values().filter(|conn| !conn.closing).map(|conn| self.deadline(conn)).min()
    }

    /// Time passed.
    pub(super) fn tick(&mut self, now: Instant) {
        let due: Vec<ConnectionId> =
            self.conns.iter().filter(|(_, conn)| !conn.closing && self.deadline(conn) <= now).map(|(id, _)| *id).collect();
        for id in due {
            let Some(conn) = self.conns.get(&id).filter(|conn| !conn.closing) else { continue };
            // A loser that still has streams breaks the link, by rule 6.
            let why = if now < self.silence_ends(conn) { DownReason::Garbage } else { DownReason::Silent };
            self.fail(id, why);
        }
    }

    fn deadline(&self, conn: &Conn) -> Instant {
        let silence = self.silence_ends(conn);
        match conn.lost {
            Some(lost) if conn.streams == 0 && self.closes(conn) => silence.min(lost + GRACE),
            Some(lost) => silence.min(lost + MAX_DRAIN),
            None => silence,
        }
    }

    /// Rule 5: whether it is on this side to close a connection that lost.
    fn closes(&self, loser: &Conn) -> bool {
        let winner = self.peers.get(&loser.peer).and_then(|known| self.conns.get(&known.chosen));
        match winner {
            Some(winner) if winner.same_kind(loser) => loser.side == Side::Dialler,
            _ => self.me > loser.peer,
        }
    }

    fn silence_ends(&self, conn: &Conn) -> Instant {
        let end = conn.alive + self.patience.dead_after;
        conn.suspect.map_or(end, |since| end.min(since + self.patience.suspect_for))
    }

    fn count_stream(&mut self, id: ConnectionId) -> bool {
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| !conn.closing) else { return false };
        conn.streams = conn.streams.saturating_add(1);
        conn.used = true;
        true
    }

    fn peer_of(&self, link: LinkId) -> Option<PeerKey> {
        self.peers.iter().find(|(_, known)| known.link == link).map(|(peer, _)| *peer)
    }

    fn open_of(&self, peer: PeerKey) -> impl Iterator<Item = (ConnectionId, &Conn)> {
        self.conns.iter().filter(move |(_, conn)| conn.peer == peer && !conn.closing).map(|(id, conn)| (*id, conn))
    }

    /// Rule 2: settles on one connection if the chosen one has proven alive since every other one came up.
    fn choose(&mut self, now: Instant, peer: PeerKey) {
        let Some(known) = self.peers.get(&peer) else { return };
        let (link, chosen) = (known.link, known.chosen);
        let Some(old) = self.conns.get(&chosen) else { return };
        let doubted = |new: &Conn| new.since >= old.alive || old.suspect.is_some();
        if self.open_of(peer).any(|(id, conn)| id != chosen && doubted(conn)) {
            return;
        }
        let chosen_conn = (chosen, old);
        let by_lower = |conn: &Conn| (conn.side == Side::Dialler) == (self.me < peer);
        let rank = |id, conn: &Conn| (Near::of(id, conn, chosen_conn), by_lower(conn));
        // Rule 4: connections that came up at about the same time may have come up in another order for the side that dialled them.
        let meant = known.meant.and_then(|id| self.conns.get(&id).filter(|conn| conn.side == Side::Listener).map(|conn| (id, conn)));
        let since = |id, conn: &Conn| match meant {
            Some((meant, other)) if conn.same_kind(other) && conn.since < other.since + MIXED => (conn.since.min(other.since), id == meant),
            _ => (conn.since, false),
        };
        let best = self.open_of(peer).max_by_key(|(id, conn)| (rank(*id, conn), since(*id, conn), *id));
        let Some((best, _)) = best else { return };
        let lost: Vec<ConnectionId> = self
            .open_of(peer)
            .filter(|(id, conn)| *id != best && Near::of(*id, conn, chosen_conn) != Near::Unproven)
            .map(|(id, _)| id)
            .collect();
        for (id, conn) in self.conns.iter_mut().filter(|(_, conn)| conn.peer == peer && !conn.closing) {
            conn.lost = if lost.contains(id) { conn.lost.or(Some(now)) } else { None };
        }
        self.go(link, peer, best);
    }

    /// Rule 4: the other side moved the link to this connection. It knows better, if it dialled both.
    fn follow(&mut self, peer: PeerKey, to: ConnectionId) {
        let Some(known) = self.peers.get(&peer) else { return };
        let (link, chosen) = (known.link, known.chosen);
        let (Some(old), Some(new)) = (self.conns.get(&chosen), self.conns.get(&to)) else { return };
        if chosen == to || new.side == Side::Dialler || !new.same_kind(old) {
            return;
        }
        let now = old.alive.max(new.alive);
        if let Some(old) = self.conns.get_mut(&chosen) {
            old.lost = old.lost.or(Some(now));
        }
        if let Some(new) = self.conns.get_mut(&to) {
            new.lost = None;
        }
        self.go(link, peer, to);
    }

    fn go(&mut self, link: LinkId, peer: PeerKey, to: ConnectionId) {
        let Some(info) = self.conns.get(&to).map(Conn::info) else { return };
        if let Some(known) = self.peers.get_mut(&peer).filter(|known| known.chosen != to) {
            known.chosen = to;
            self.actions.push_back(Action::Move { link, to, info });
        }
    }

    /// A connection will carry nothing any more: ends the link if it did.
    fn lost(&mut self, id: ConnectionId, why: DownReason) {
        let Some(conn) = self.conns.get(&id).filter(|conn| !conn.closing) else { return };
        let (peer, streams) = (conn.peer, conn.streams);
        let Some(known) = self.peers.get(&peer) else { return };
        if known.chosen != id {
            if streams > 0 {
                self.down(peer, why);
                self.close_all(peer, Some(id));
            }
            return;
        }
        // Rule 3: a newer connection that the link never touched can start a new one.
        let spare = self.open_of(peer).filter(|(other, conn)| *other != id && !conn.used).map(|(other, _)| other).last();
        match spare {
            Some(spare) => self.start_over(peer, spare, why, None),
            None => {
                self.down(peer, why);
                self.close_all(peer, Some(id));
            }
        }
    }

    fn start_over(&mut self, peer: PeerKey, on: ConnectionId, why: DownReason, session: Option<u64>) {
        self.down(peer, why);
        self.close_all(peer, Some(on));
        self.up(peer, on, session);
    }

    fn up(&mut self, peer: PeerKey, on: ConnectionId, session: Option<u64>) {
        let Some(conn) = self.conns.get_mut(&on) else { return };
        conn.lost = None;
        let info = conn.info();
        let link = LinkId(self.next_link);
        self.next_link = self.next_link.saturating_add(1);
        self.peers.insert(peer, Peer { link, chosen: on, session, turns: BTreeMap::new(), meant: None });
        self.actions.push_back(Action::Up { link, info, on });
    }

    fn down(&mut self, peer: PeerKey, why: DownReason) {
        let Some(known) = self.peers.remove(&peer) else { return };
        self.actions.push_back(Action::Down { link: known.link, why });
    }

    fn close_all(&mut self, peer: PeerKey, except: Option<ConnectionId>) {
        let open: Vec<ConnectionId> = self.open_of(peer).map(|(id, _)| id).filter(|id| Some(*id) != except).collect();
        for id in open {
            self.close(id);
        }
    }

    fn close(&mut self, id: ConnectionId) {
        if let Some(conn) = self.conns.get_mut(&id).filter(|conn| !conn.closing) {
            conn.closing = true;
            self.actions.push_back(Action::Close { conn: id });
        }
    }
}
