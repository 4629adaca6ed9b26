//! How the two ends of a connection recognise each other: tags that only holders of a shared pair key can make and tell.

use super::Core;
use super::hello::PROOF_TIMEOUT;
use super::timers::Timer;
use crate::crypto::link::{Transcript, tag};
use crate::ids::{AccountId, LinkId};
use crate::limits;
use crate::link::Side;
use crate::wire::hello::{Hello, Stranger, Tags};
use std::collections::BTreeSet;

impl Core {
    /// Names the people who might be at the other end, those expected there first. Whoever was dialled names only those expected:
    /// a caller from nowhere must not learn how many people are known here.
    pub(super) fn send_tags(&mut self, id: LinkId) {
        let Some(me) = &self.me else { return };
        let Some(link) = self.links.get(&id) else { return };
        let Some(transcript) = link.transcript(me.peer) else { return };
        let (peer, dialled) = (link.info.peer, link.info.side == Side::Dialler);
        let mut known: Vec<(bool, AccountId, [u8; 32])> = self
            .people
            .values()
            .flat_map(|p| {
                let expected = p.hints.iter().any(|h| h.peer == peer);
                p.pair_keys().filter(move |_| dialled || expected).map(move |key| (!expected, p.account, key))
            })
            .collect();
        known.push((true, me.account, me.self_key()));
        known.sort_unstable();
        known.truncate(limits::HELLO_TAGS);
        let side = link.role;
        let mut tags: Vec<Vec<u8>> = known.iter().map(|(_, _, key)| tag(key, side, &transcript).to_vec()).collect();
        let candidates = known.into_iter().map(|(_, account, key)| (account, key)).collect();
        while !tags.len().is_multiple_of(limits::HELLO_TAG_STEP) {
            tags.push(self.dice.bytes::<16>().to_vec());
        }
        tags.sort_unstable();
        if let Some(link) = self.links.get_mut(&id) {
            link.candidates = candidates;
            // From here on an answer is waited for, whatever made us begin: the other side's silence, or a wish to reach somebody.
            if !std::mem::replace(&mut link.named, true) {
                self.timers.set(Timer::Hello(id), self.now.mono.after(PROOF_TIMEOUT));
            }
        }
        self.send_hello(id, Hello::Tags(Tags { tags }));
    }

    pub(super) fn on_tags(&mut self, id: LinkId, msg: &Tags) {
        let Some(me) = &self.me else { return };
        let Some(link) = self.links.get(&id) else { return };
        let Some(transcript) = link.transcript(me.peer) else {
            return self.bad_frame(id, "hello_order");
        };
        let sent: BTreeSet<&[u8]> = msg.tags.iter().map(Vec::as_slice).collect();
        let found = self.recognise(&sent, link.their_role(), &transcript);
        match found {
            Some((account, key)) => {
                if let Some(link) = self.links.get_mut(&id)
                    && !link.candidates.contains(&(account, key))
                {
                    link.candidates.insert(0, (account, key));
                }
                self.send_proof(id, account, &key);
            }
            None => {
                self.send_hello(id, Hello::Stranger(Stranger {}));
                // They dialled us and we wait for an answer of theirs: a request needs no dial of its own.
                self.continue_request(id);
            }
        }
    }

    /// Who among the people known here made one of these tags.
    fn recognise(&self, sent: &BTreeSet<&[u8]>, role: Side, transcript: &Transcript) -> Option<(AccountId, [u8; 32])> {
        let own = self.me.iter().map(|me| (me.account, me.self_key()));
        let known = self.people.values().flat_map(|p| p.pair_keys().map(|key| (p.account, key)));
        // Own devices first: they know the people we know, and by the same keys.
        own.chain(known).find(|(_, key)| sent.contains(tag(key, role, transcript).as_slice()))
    }
}
