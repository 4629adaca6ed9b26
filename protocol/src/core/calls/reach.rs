//! Whether somebody who is called and not connected can be reached: nobody waits a minute for a bell that nobody hears.

use super::super::Core;
use super::Calls;
use crate::call::Board;
use crate::ids::{AccountId, PeerKey};
use std::collections::{BTreeMap, BTreeSet};

/// Nodes of people who are called that were dialled and have not failed.
pub(super) type Reach = BTreeMap<AccountId, BTreeSet<PeerKey>>;

impl Calls {
    /// Whether somebody is called of whom no device is connected.
    pub fn seeks(&self, account: AccountId) -> bool {
        self.board.as_ref().is_some_and(|board| board.seeks(account))
    }
}

impl Core {
    /// Looks everywhere for somebody who is called, without waiting out old failures.
    pub(super) fn seek_called(&mut self, account: AccountId) {
        if self.calls.seeks(account) {
            self.dials.remove(&account);
            self.dial(account);
            self.look_for(account);
        }
    }

    /// Somebody was dialled.
    pub(in super::super) fn dialled_for_call(&mut self, account: AccountId, peer: PeerKey) {
        if self.calls.seeks(account) {
            self.calls.reach.entry(account).or_default().insert(peer);
        }
    }

    /// A dial led nowhere.
    pub(in super::super) fn dial_failed_for_call(&mut self, peer: PeerKey) {
        for peers in self.calls.reach.values_mut() {
            peers.remove(&peer);
        }
        self.check_every_reach();
    }

    /// Ends calls to people of whom nothing is left to be tried.
    pub(in super::super) fn check_every_reach(&mut self) {
        let accounts: Vec<AccountId> = self.calls.board.iter().flat_map(Board::accounts).collect();
        let sought: BTreeSet<AccountId> = accounts.into_iter().filter(|account| self.calls.seeks(*account)).collect();
        self.calls.reach.retain(|account, _| sought.contains(account));
        for account in sought {
            if !self.may_be_reached(account) {
                let now = self.now;
                self.calls.board.as_mut().into_iter().for_each(|board| board.unreachable(now, account));
            }
        }
    }

    fn may_be_reached(&self, account: AccountId) -> bool {
        let dialled = self.calls.reach.get(&account).is_some_and(|peers| !peers.is_empty());
        let greeted = || self.people.get(&account).is_some_and(|p| p.hints.iter().any(|hint| self.is_linked(hint.peer)));
        dialled || greeted() || self.directory.is_looking_for(account)
    }
}
