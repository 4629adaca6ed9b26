//! What two devices say to each other about one call, numbered in each direction, so that nothing is lost with a connection, nothing is
//! taken twice, and everything is taken in the order in which it was said.

use crate::ids::{CallId, DeviceId};
use crate::time::{Mono, Now};
use crate::wire::call::{CallBody, CallMsg};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Messages said and not seen over there, at most. Setting up a call takes about ten.
pub const UNSEEN: usize = 64;
/// Messages kept that came before one which was said earlier.
const EARLY: usize = 32;
/// Wait before something taken in is acknowledged by itself: mostly an answer does it sooner.
const ACK_AFTER: Duration = Duration::from_millis(300);
/// Wait before something that nobody has acknowledged is said again on a connection that stands. Longer than any round trip.
const AGAIN_AFTER: Duration = Duration::from_secs(3);
/// Repeating everything when asked, at most this often: it is larger than the asking.
const REPEAT_EVERY: Duration = Duration::from_millis(250);

/// More was said than the other side takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// One call between this device and one other.
#[derive(Clone, Debug)]
pub struct Lane {
    call: CallId,
    own: DeviceId,
    to: DeviceId,
    /// The other device is connected.
    pub up: bool,
    /// Number of the newest message said.
    said: u32,
    unseen: VecDeque<CallMsg>,
    /// Everything up to here was taken in.
    seen: u32,
    early: BTreeMap<u32, Option<CallBody>>,
    ack: Option<Mono>,
    again: Option<Mono>,
    repeated: Option<Mono>,
}

/// What came of a message.
#[derive(Debug, Default)]
pub struct Taken {
    /// What may be looked at now, in order.
    pub bodies: Vec<CallBody>,
    /// Why it was not taken, if it was not.
    pub refused: Option<&'static str>,
}

impl Lane {
    pub fn new(call: CallId, own: DeviceId, to: DeviceId, up: bool) -> Self {
        Self {
            call,
            own,
            to,
            up,
            said: 0,
            unseen: VecDeque::new(),
            seen: 0,
            early: BTreeMap::new(),
            ack: None,
            again: None,
            repeated: None,
        }
    }

    fn message(&self, now: Now, n: u32, m: Option<CallBody>) -> CallMsg {
        CallMsg {
            v: 1,
            call: self.call.to_vec(),
            from: self.own.to_vec(),
            to: self.to.to_vec(),
            n,
            seen: self.seen,
            again: false,
            sent_ms: now.wall.0,
            m,
        }
    }

    /// Says something, now or once the other device is connected.
    ///
    /// # Errors
    /// As much waits already as may.
    pub fn say(&mut self, now: Now, body: CallBody) -> Result<Option<CallMsg>, Overflow> {
        if self.unseen.len() >= UNSEEN {
            return Err(Overflow);
        }
        self.said = self.said.saturating_add(1);
        let message = self.message(now, self.said, Some(body));
        self.unseen.push_back(message.clone());
        if !self.up {
            return Ok(None);
        }
        self.ack = None;
        self.again.get_or_insert(now.mono.after(AGAIN_AFTER));
        Ok(Some(message))
    }

    /// Something that is not repeated: how far this side is.
    fn bare(&mut self, now: Now, again: bool) -> CallMsg {
        self.ack = None;
        CallMsg { again, ..self.message(now, 0, None) }
    }

    /// Takes in a message. Returns what it came to, and what has to be said at once.
    pub fn take(&mut self, now: Now, msg: CallMsg) -> (Taken, Vec<CallMsg>) {
        let mut out = Vec::new();
        if msg.seen > self.said {
            return (Taken { refused: Some("call_number"), ..Taken::default() }, out);
        }
        while self.unseen.front().is_some_and(|m| m.n <= msg.seen) {
            self.unseen.pop_front();
            self.again = None;
        }
        if self.unseen.is_empty() {
            self.again = None;
        } else if self.up {
            self.again.get_or_insert(now.mono.after(AGAIN_AFTER));
        }
        if msg.again && self.repeated.is_none_or(|at| now.mono.since(at) >= REPEAT_EVERY) {
            self.repeated = Some(now.mono);
            out.extend(self.everything(now));
        }
        let mut taken = Taken::default();
        if msg.n == 0 {
            taken.bodies.extend(msg.m);
            return (taken, out);
        }
        let (next, ahead) = (self.seen.saturating_add(1), u32::try_from(UNSEEN).unwrap_or(u32::MAX));
        if msg.n < next {
            taken.refused = Some("call_repeated");
            self.ack.get_or_insert(now.mono.after(ACK_AFTER));
            return (taken, out);
        }
        if msg.n > self.seen.saturating_add(ahead) {
            taken.refused = Some("call_number");
            return (taken, out);
        }
        if msg.n > next {
            if self.early.len() < EARLY {
                self.early.insert(msg.n, msg.m);
            }
            out.push(self.bare(now, true));
            return (taken, out);
        }
        self.seen = next;
        taken.bodies.extend(msg.m);
        while let Some(body) = self.early.remove(&self.seen.saturating_add(1)) {
            self.seen = self.seen.saturating_add(1);
            taken.bodies.extend(body);
        }
        self.ack.get_or_insert(now.mono.after(ACK_AFTER));
        (taken, out)
    }

    /// Everything that the other side has not seen, with how far this side is.
    fn everything(&mut self, now: Now) -> Vec<CallMsg> {
        if self.unseen.is_empty() || !self.up {
            return Vec::new();
        }
        self.ack = None;
        self.again = Some(now.mono.after(AGAIN_AFTER));
        self.unseen.iter().map(|m| CallMsg { seen: self.seen, ..m.clone() }).collect()
    }

    /// The other device is connected, maybe anew: what it may have missed, or a sign of life.
    pub fn rise(&mut self, now: Now) -> Vec<CallMsg> {
        self.up = true;
        let mut out = self.everything(now);
        if out.is_empty() {
            out.push(self.bare(now, false));
        }
        out
    }

    /// The other device is not connected any more.
    pub fn fall(&mut self) {
        self.up = false;
        self.ack = None;
        self.again = None;
    }

    /// Whether the other side has everything that was said.
    pub fn is_done(&self) -> bool {
        self.unseen.is_empty()
    }

    /// When something is to be said by itself.
    pub fn due(&self) -> Option<Mono> {
        self.ack.into_iter().chain(self.again).min()
    }

    /// What is due.
    pub fn tick(&mut self, now: Now) -> Vec<CallMsg> {
        let is_due = |at: Option<Mono>| at.is_some_and(|at| at <= now.mono);
        if !self.up {
            self.fall();
            return Vec::new();
        }
        if is_due(self.again) {
            self.again = None;
            return self.everything(now);
        }
        if is_due(self.ack) { vec![self.bare(now, false)] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixMs;
    use crate::wire::call::CallWord;

    const A: DeviceId = DeviceId([1; 32]);
    const B: DeviceId = DeviceId([2; 32]);

    fn at(ms: u64) -> Now {
        Now { mono: Mono(ms), wall: UnixMs(1_800_000_000_000 + ms) }
    }

    fn word(word: u32) -> CallBody {
        CallBody::Word(CallWord { word, why: 0 })
    }

    fn lanes() -> (Lane, Lane) {
        let call = CallId([7; 16]);
        (Lane::new(call, A, B, true), Lane::new(call, B, A, true))
    }

    fn said(lane: &mut Lane, ms: u64, n: u32) -> CallMsg {
        lane.say(at(ms), word(n)).unwrap().unwrap()
    }

    fn words(taken: &Taken) -> Vec<u32> {
        let word = |b: &CallBody| if let CallBody::Word(w) = b { w.word } else { 0 };
        taken.bodies.iter().map(word).collect()
    }

    #[test]
    fn what_comes_out_of_order_is_taken_in_order_and_once() {
        let (mut a, mut b) = lanes();
        let (one, two, three) = (said(&mut a, 0, 1), said(&mut a, 0, 2), said(&mut a, 0, 3));
        let (taken, answer) = b.take(at(1), three.clone());
        assert!(taken.bodies.is_empty() && answer[0].again, "it asks for what is missing");
        assert_eq!(words(&b.take(at(1), one.clone()).0), [1]);
        assert_eq!(words(&b.take(at(1), two).0), [2, 3]);
        assert_eq!(b.take(at(2), one).0.refused, Some("call_repeated"));
        assert_eq!(b.take(at(2), three).0.refused, Some("call_repeated"));
    }

    #[test]
    fn what_was_lost_is_said_again_until_it_is_seen() {
        let (mut a, mut b) = lanes();
        said(&mut a, 0, 1);
        let again = a.tick(at(3_000));
        assert_eq!(again.len(), 1, "nobody acknowledged it");
        assert_eq!(words(&b.take(at(3_001), again[0].clone()).0), [1]);
        let ack = b.tick(at(3_301));
        assert_eq!((ack.len(), ack[0].n, ack[0].seen), (1, 0, 1));
        a.take(at(3_302), ack[0].clone());
        assert!(a.is_done() && a.due().is_none() && b.due().is_none(), "and then there is silence");
    }

    #[test]
    fn what_was_said_into_a_broken_connection_comes_with_the_next() {
        let (mut a, mut b) = lanes();
        a.fall();
        assert_eq!(a.say(at(0), word(1)), Ok(None));
        assert_eq!(a.due(), None, "there is nobody to say it to");
        let out = a.rise(at(60_000));
        assert_eq!(words(&b.take(at(60_001), out[0].clone()).0), [1]);
    }

    #[test]
    fn numbers_that_cannot_be_are_refused() {
        let (mut a, mut b) = lanes();
        let far = CallMsg { n: 999, ..said(&mut a, 0, 1) };
        assert_eq!(b.take(at(0), far).0.refused, Some("call_number"));
        let knows_too_much = CallMsg { seen: 5, ..said(&mut a, 0, 1) };
        assert_eq!(b.take(at(0), knows_too_much).0.refused, Some("call_number"));
    }

    #[test]
    fn nobody_has_more_repeated_than_he_asks_for() {
        let (mut a, mut b) = lanes();
        for n in 0..UNSEEN {
            said(&mut a, 0, u32::try_from(n).unwrap());
        }
        assert_eq!(a.say(at(0), word(9)), Err(Overflow));
        let ask = CallMsg { again: true, ..b.rise(at(1)).remove(0) };
        assert_eq!(a.take(at(1), ask.clone()).1.len(), UNSEEN);
        assert!(a.take(at(2), ask).1.is_empty(), "twice in a moment is no accident");
    }
}
