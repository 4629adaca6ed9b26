//! What the network reports, in the words of the core.

use super::Driver;
use crate::net::NetEvent;
use veche_protocol::core::input::Input;

impl Driver {
    pub(super) fn on_net(&mut self, event: NetEvent) {
        let input = match event {
            NetEvent::Listening(addr) => {
                if !self.listening.contains(&addr) {
                    self.listening.push(addr);
                }
                Input::Listening(self.listening.clone())
            }
            NetEvent::ListeningGone(addr) => {
                self.listening.retain(|a| *a != addr);
                Input::Listening(self.listening.clone())
            }
            NetEvent::ListenFailed { why, .. } => {
                tracing::warn!(%why, "cannot listen on one of the configured addresses");
                return;
            }
            NetEvent::LinkUp { link, info } => Input::LinkUp(link, info),
            NetEvent::LinkMoved { link, info } => Input::LinkMoved(link, info),
            NetEvent::Outside { addrs, nat } => Input::Outside { addrs, nat },
            NetEvent::DirectoryFound { id, value } => Input::DirectoryFound(id, value),
            NetEvent::DirectoryDone { id, end } => Input::DirectoryDone(id, end),
            NetEvent::LinkDown { link, why } => {
                tracing::debug!(?why, "link down");
                Input::LinkDown(link)
            }
            NetEvent::Frame { link, proto, frame } => Input::Frame(link, proto, frame),
            NetEvent::Sent { link, receipt } => Input::Sent(link, receipt),
            NetEvent::DialFailed { peer, why, .. } => {
                tracing::debug!(%why, "dial failed");
                Input::DialFailed { peer }
            }
            NetEvent::Nearby { peer, addrs } => Input::Nearby { peer, addrs },
            NetEvent::NearbyGone { peer } => Input::NearbyGone(peer),
            NetEvent::NetworkChanged => Input::NetworkChanged,
        };
        self.handle(input);
    }
}
