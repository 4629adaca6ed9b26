//! Views for people and programs, made from the core's state.

use super::Core;
use super::people::Person;
use super::requests::request_view;
use crate::ids::AccountId;
use crate::view::{ChatView, NearbyView, NetworkView, PersonView, Relation, Snapshot};
use std::sync::Arc;

impl Core {
    /// Everything small enough to be shown whole, if it changed since it was last taken.
    pub fn take_snapshot(&mut self) -> Option<Snapshot> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        let mut chats: Vec<Arc<ChatView>> = self.chats.values().map(|c| Arc::new(self.chat_view(c))).collect();
        chats.sort_by_key(|c| std::cmp::Reverse((c.last.as_ref().map(|l| l.at), c.chat_id)));
        let mut people: Vec<Arc<PersonView>> = self.people.values().map(|p| Arc::new(self.person_view(p))).collect();
        people.sort_by_cached_key(|p| (p.name.to_lowercase(), p.account_id));
        let mut requests: Vec<_> = self
            .people
            .values()
            .filter(|p| matches!(p.relation, Relation::Asking | Relation::Requested))
            .filter_map(request_view)
            .map(Arc::new)
            .collect();
        requests.sort_by_key(|r| std::cmp::Reverse(r.at));
        Some(Snapshot {
            account: self.me.as_ref().map(|me| Arc::new(me.view())),
            chats,
            people,
            requests,
            nearby: self.nearby_views().into_iter().map(Arc::new).collect(),
            calls: self.call_views(),
            network: Arc::new(self.network_view()),
            settings: Arc::new(self.settings.clone()),
        })
    }

    pub(super) fn person_view(&self, person: &Person) -> PersonView {
        let route = self.auths(person.account).filter_map(|(id, _)| self.links.get(&id).map(|l| l.info.route)).min();
        let presence = self.presence_of(person.account);
        PersonView {
            account_id: person.account,
            login: person.profile.login.clone(),
            tag: person.tag.clone(),
            name: person.name().to_owned(),
            own_name: person.profile.name.clone(),
            info: person.profile.info.clone(),
            status_text: person.profile.status_text.clone(),
            presence,
            last_seen: person.last_seen,
            route: route.filter(|_| person.is_contact()),
            relation: person.relation,
            verified: person.verified,
            devices_changed: person.devices_changed,
            chat_id: self.chat_with(person.account),
        }
    }

    pub(super) fn nearby_views(&self) -> Vec<NearbyView> {
        self.nearby
            .iter()
            .map(|(account, n)| NearbyView {
                account_id: *account,
                login: n.login.clone(),
                tag: n.tag.clone(),
                name: n.name.clone(),
                relation: self.people.get(account).map(|p| p.relation),
            })
            .collect()
    }

    /// People with exactly this login that can be seen from here.
    pub(super) fn claimants(&self, login: &str, tag: Option<&str>) -> Vec<NearbyView> {
        let known = self.people.values().filter(|p| p.relation != Relation::Blocked).map(|p| NearbyView {
            account_id: p.account,
            login: p.profile.login.clone(),
            tag: p.tag.clone(),
            name: p.name().to_owned(),
            relation: Some(p.relation),
        });
        let mut found: std::collections::BTreeMap<AccountId, NearbyView> = std::collections::BTreeMap::new();
        let claims = self.directory.claimants().map(|found| self.found_view(found));
        for view in self.nearby_views().into_iter().chain(known).chain(claims) {
            let fits = view.login == login && tag.is_none_or(|t| view.tag.as_deref().is_some_and(|own| same_tag(own, t)));
            if fits {
                found.entry(view.account_id).or_insert(view);
            }
        }
        found.into_values().collect()
    }

    fn network_view(&self) -> NetworkView {
        let peer = self.me.as_ref().map(|me| me.peer);
        NetworkView {
            lan_only: self.cfg.lan_only,
            outside: self.outside.iter().copied().filter_map(|addr| peer.map(|peer| crate::link::Hint { peer, addr })).collect(),
            nat: self.nat,
            listening: self.listening.iter().copied().filter_map(|addr| peer.map(|peer| crate::link::Hint { peer, addr })).collect(),
            operators: self.operators.views(|peer| self.turn.relays(self.now.mono, peer)),
            mailboxes: self.mailbox_views(),
            published: self.is_published(),
            links: u32::try_from(self.links.len()).unwrap_or(u32::MAX),
            authenticated: u32::try_from(self.links.values().filter(|l| l.auth.is_some()).count()).unwrap_or(u32::MAX),
            visible_nearby: self.visible(),
            clock_off_ms: self.clock_off,
            duplicated: self.clone_seen,
            storage_trouble: self.gate.trouble().map(ToOwned::to_owned),
            refusals: self.refusals.iter().map(|(reason, n)| ((*reason).to_owned(), *n)).collect(),
        }
    }
}

/// Whether two spellings of a tag are the same.
fn same_tag(a: &str, b: &str) -> bool {
    let plain = |s: &str| s.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect::<String>();
    plain(a) == plain(b)
}
