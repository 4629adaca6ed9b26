//! By which ways the sound of a call may go.

use super::super::Core;
use super::super::people::Person;
use crate::call::media::IceSetup;
use crate::ids::AccountId;

impl Core {
    /// How a leg to somebody may reach them. Contacts are told the addresses of this machine, unless the person here wants calls to go
    /// through a relay; on a local network there is none, and nothing to hide.
    pub(super) fn ice(&self, account: AccountId) -> IceSetup {
        let lan_only = self.cfg.lan_only;
        IceSetup {
            servers: self.ice_servers(),
            relay_only: self.settings.relay_calls && !lan_only,
            lan_only,
            peer_is_contact: self.people.get(&account).is_some_and(Person::is_contact),
        }
    }
}
