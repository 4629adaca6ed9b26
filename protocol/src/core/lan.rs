//! People on the local network: who lets themselves be seen, and telling them who we are.

use super::Core;
use super::event::Event;
use super::links::Link;
use crate::identity::lan;
use crate::ids::{AccountId, LinkId};
use crate::link::{Hint, Proto};
use crate::wire::codec;
use crate::wire::identity::LanHello;

/// People shown as nearby. A crowd larger than this is found by login instead.
const NEARBY: usize = 200;

/// Somebody on the local network.
#[derive(Clone, Debug)]
pub(super) struct Neighbour {
    pub login: String,
    pub name: String,
    pub tag: Option<String>,
    pub link: LinkId,
    pub hint: Hint,
}

impl Core {
    /// Whether name and login are told to people on the local network.
    pub(super) fn visible(&self) -> bool {
        self.settings.visible_nearby
    }

    /// Tells the other end of a local connection who we are, if the person wants that.
    pub(super) fn say_lan_hello(&mut self, id: LinkId) {
        let Some(link) = self.links.get(&id) else { return };
        if !self.visible() || !link.info.route.is_local() {
            return;
        }
        let Some(me) = &self.me else { return };
        let hello = LanHello {
            v: 1,
            peer: me.peer.to_vec(),
            device_set: Some(me.device_set.clone()),
            device: me.device_id().to_vec(),
            login: me.profile.login.clone(),
            name: me.profile.name.clone(),
            gone: false,
        };
        let signed = lan::sign(&me.device, &hello);
        self.gate.send(id, Proto::LanHello, codec::encode(&signed), None);
    }

    /// The person changed whether they want to be seen.
    pub(super) fn visibility_changed(&mut self) {
        let links: Vec<LinkId> = self.links.iter().filter(|(_, l)| l.info.route.is_local()).map(|(id, _)| *id).collect();
        if self.visible() {
            for id in links {
                self.say_lan_hello(id);
            }
            return;
        }
        let Some(me) = &self.me else { return };
        let hello = LanHello {
            v: 1,
            peer: me.peer.to_vec(),
            device_set: Some(me.device_set.clone()),
            device: me.device_id().to_vec(),
            gone: true,
            ..LanHello::default()
        };
        let frame = codec::encode(&lan::sign(&me.device, &hello));
        for id in links {
            self.gate.send(id, Proto::LanHello, frame.clone(), None);
        }
    }

    pub(super) fn on_lan_hello(&mut self, id: LinkId, frame: &[u8]) {
        let Some(link) = self.links.get(&id) else { return };
        if !link.info.route.is_local() {
            return self.refuse("lan_hello_from_afar");
        }
        let (peer, hint) = (link.info.peer, Hint { peer: link.info.peer, addr: link.info.addr });
        let Ok(seen) = lan::verify(frame, peer) else {
            return self.refuse("lan_hello_unfit");
        };
        let account = seen.account;
        // One connection leads to one person: whoever says another name on it is no longer who they were.
        let goes = seen.gone || self.me.as_ref().is_some_and(|me| me.account == account);
        let full = self.nearby.len() >= NEARBY && !self.nearby.contains_key(&account);
        self.neighbour_is(id, Some(account).filter(|_| !goes && !full));
        if goes {
            return;
        }
        if full {
            return self.refuse("too_many_nearby");
        }
        let known = self.nearby.get(&account);
        let tag = known.filter(|n| n.login == seen.login).and_then(|n| n.tag.clone());
        let news = known.is_none_or(|n| n.login != seen.login || n.name != seen.name);
        let hint = self.neighbours.get(&peer).and_then(|a| a.first()).map_or(hint, |addr| Hint { peer, addr: *addr });
        let needs_tag = tag.is_none();
        self.nearby.insert(account, Neighbour { login: seen.login.clone(), name: seen.name, tag, link: id, hint });
        if needs_tag {
            self.compute_tag(account, &seen.login);
        }
        if self.people.contains_key(&account) {
            self.learn_hints(account, &[hint]);
        }
        self.continue_request(id);
        if news {
            self.dirty = true;
            self.gate.notify(Event::NearbyChanged);
        }
    }

    pub(super) fn neighbour_link_down(&mut self, link: &Link) {
        if let Some(account) = link.neighbour {
            self.neighbour_left(account);
        }
    }

    /// Notes who is at the other end of a local connection.
    fn neighbour_is(&mut self, id: LinkId, now: Option<AccountId>) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(before) = std::mem::replace(&mut link.neighbour, now).filter(|before| Some(*before) != now) {
            self.neighbour_left(before);
        }
    }

    /// A neighbour is gone from one connection: they are found on another, or not at all.
    fn neighbour_left(&mut self, account: AccountId) {
        let still = self.links.iter().find(|(_, l)| l.neighbour == Some(account)).map(|(id, l)| (*id, l.info));
        match (still, self.nearby.get_mut(&account)) {
            (Some((id, info)), Some(n)) => {
                n.link = id;
                n.hint = Hint { peer: info.peer, addr: info.addr };
            }
            (_, None) => {}
            (None, Some(_)) => {
                self.nearby.remove(&account);
                self.dirty = true;
                self.gate.notify(Event::NearbyChanged);
            }
        }
    }
}
