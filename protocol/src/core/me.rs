//! The own account and this device.

use super::Core;
use super::command::{CommandError, ProfilePatch, Reply};
use super::effect::Effect;
use super::event::Event;
use super::rows::{self, DeviceRow, MeRow};
use super::timers::Timer;
use crate::crypto::ratchet::DeviceKeys;
use crate::crypto::sign::SigningKey;
use crate::identity::account::{AccountSecret, verify_tombstone};
use crate::identity::device::{DeviceInfo, DeviceSecret, DeviceSetInfo, PrekeyInfo, device_set, next_epoch};
use crate::identity::login::Login;
use crate::identity::text;
use crate::ids::{AccountId, CmdId, DeviceId, LinkId, PeerKey};
use crate::limits;
use crate::link::Route;
use crate::store::Table;
use crate::view::{AccountView, Relation, Status};
use crate::wire::identity::{Profile, Signed};
use crate::wire::link::LinkMsg;
use std::time::Duration;

/// How often it is checked whether prekeys are due for rotation.
const PREKEY_CHECK: Duration = Duration::from_secs(6 * 3600);
/// How often old requests are looked for.
const EXPIRY_CHECK: Duration = Duration::from_secs(3600);

/// The own account and this device.
pub(super) struct Me {
    pub account: AccountId,
    pub secret: AccountSecret,
    pub device: DeviceSecret,
    pub keys: DeviceKeys,
    pub device_set: Signed,
    pub devices: DeviceSetInfo,
    /// The published prekey bundle.
    pub bundle: Signed,
    pub bundle_seq: u64,
    pub profile: Profile,
    pub status: Status,
    pub words_saved: bool,
    /// The code in the own contact link.
    pub code: [u8; 8],
    pub tag: Option<String>,
    pub transport_seed: [u8; 32],
    pub peer: PeerKey,
}

impl Me {
    pub fn device_id(&self) -> DeviceId {
        self.device.id()
    }

    /// Pair key between the own devices.
    pub fn self_key(&self) -> [u8; 32] {
        *self.secret.self_pair_key()
    }

    pub fn view(&self) -> AccountView {
        AccountView {
            account_id: self.account,
            device_id: self.device_id(),
            login: self.profile.login.clone(),
            tag: self.tag.clone(),
            name: self.profile.name.clone(),
            info: self.profile.info.clone(),
            status: self.status,
            status_text: self.profile.status_text.clone(),
            words_saved: self.words_saved,
            listed: self.devices.device(self.device_id()).is_some(),
        }
    }
}

/// Transport key of a seed.
fn peer_of(seed: &[u8; 32]) -> PeerKey {
    PeerKey(SigningKey::from_bytes(seed).verifying_key().to_bytes())
}

/// Statuses as they are stored and told.
pub(super) const STATUSES: [Status; 4] = [Status::Online, Status::Idle, Status::Dnd, Status::Invisible];

/// Number of a status, from 1.
pub(super) fn status_number(status: Status) -> u32 {
    STATUSES.iter().zip(1..).find(|(s, _)| **s == status).map_or(1, |(_, n)| n)
}

/// The status of a number; a number of a newer version reads as present.
pub(super) fn status_of(number: u32) -> Status {
    STATUSES.iter().zip(1..).find(|(_, n)| *n == number).map_or(Status::Online, |(s, _)| *s)
}

impl Core {
    pub(super) fn create_account(&mut self, cmd: CmdId, login: &str, name: &str, entropy: [u8; 16], words_saved: bool) {
        match self.make_account(login, name, entropy, words_saved) {
            Ok(account) => self.gate.reply(cmd, Ok(Reply::Account(account))),
            Err(e) => self.gate.reply(cmd, Err(e)),
        }
    }

    fn make_account(&mut self, login: &str, name: &str, entropy: [u8; 16], words_saved: bool) -> Result<AccountId, CommandError> {
        if self.me.is_some() {
            return Err(CommandError::AccountExists);
        }
        let login = Login::parse(login).map_err(|e| CommandError::Invalid { field: "login", why: e.to_string() })?.to_string();
        let name = text::clean_name(name).map_err(|e| CommandError::Invalid { field: "name", why: e.to_string() })?;
        let profile = Profile { seq: self.now.wall.0.max(1), login: login.clone(), name, ..Profile::default() };
        let me = self.new_device(entropy, profile, words_saved, None).ok_or(CommandError::Busy)?;
        let account = me.account;
        self.me = Some(me);
        if self.cfg.lan_only {
            // Somebody who chose to live on the local network alone wants to be found there.
            self.settings.visible_nearby = true;
            self.touched.settings = true;
        }
        self.touched.me = true;
        self.touched.device = true;
        self.gate.notify(Event::AccountChanged);
        self.compute_tag(account, &login);
        self.begin();
        Ok(account)
    }

    /// Draws the keys of a new device of an account and lists it beside those that were known.
    fn new_device(&mut self, entropy: [u8; 16], profile: Profile, words_saved: bool, known: Option<&DeviceSetInfo>) -> Option<Me> {
        let wall = self.now.wall;
        let secret = AccountSecret::from_entropy(entropy);
        let account = secret.account_id();
        let device = DeviceSecret::from_seed(self.dice.bytes());
        let keys = DeviceKeys::generate(self.cfg.ratchet, self.dice.bytes(), wall);
        let mut devices = known.map(|set| set.devices.clone()).unwrap_or_default();
        // Where the list is full the oldest makes room: the person is starting anew, most likely because one is lost.
        devices.sort_by_key(|d| std::cmp::Reverse((d.added_ms, d.device)));
        devices.truncate(limits::DEVICES_PER_ACCOUNT.saturating_sub(1));
        devices.push(DeviceInfo {
            device: device.id(),
            olm: keys.identity(),
            ek: keys.ek_public(),
            added_ms: wall.0,
            label_ct: Vec::new(),
            caps: 0,
        });
        let epoch = next_epoch(known.map(|set| set.epoch), wall.0);
        let device_set = secret.sign_device_set(&device_set(account, epoch, &devices, known.map(|set| set.id)));
        let devices = DeviceSetInfo::verify(&device_set, account).ok()?;
        let bundle = device.sign_bundle(&keys.bundle(device.id(), wall.0, 1));
        let transport_seed = self.dice.bytes();
        Some(Me {
            account,
            secret,
            device,
            keys,
            device_set,
            devices,
            bundle,
            bundle_seq: 1,
            profile,
            status: Status::Online,
            words_saved,
            code: self.dice.bytes(),
            tag: None,
            transport_seed,
            peer: peer_of(&transport_seed),
        })
    }

    /// The account comes from a backup, which never holds the keys of a device: this is a new one, beside those it knew.
    pub(super) fn reborn(&mut self, entropy: [u8; 16], row: MeRow) -> Option<Me> {
        let known = DeviceSetInfo::verify(&row.device_set?, AccountSecret::from_entropy(entropy).account_id()).ok()?;
        let mut me = self.new_device(entropy, row.profile?, row.words_saved, Some(&known))?;
        me.status = status_of(row.status);
        me.tag = Some(row.tag).filter(|t| !t.is_empty());
        self.touched.me = true;
        self.touched.device = true;
        Some(me)
    }

    /// Starts everything that goes on while there is an account.
    pub(super) fn begin(&mut self) {
        let Some(me) = &self.me else { return };
        self.gate.inward(Effect::StartNet { transport_seed: me.transport_seed });
        if me.tag.is_none() {
            let (account, login) = (me.account, me.profile.login.clone());
            self.compute_tag(account, &login);
        }
        self.begin_calls();
        self.begin_mailboxes();
        self.begin_operators();
        self.timers.set(Timer::Prekeys, self.now.mono.after(PREKEY_CHECK));
        self.timers.set(Timer::Expire, self.now.mono.after(EXPIRY_CHECK));
        self.dirty = true;
    }

    pub(super) fn on_expire(&mut self) {
        self.expire_requests();
        self.timers.set(Timer::Expire, self.now.mono.after(EXPIRY_CHECK));
    }

    pub(super) fn rotate_prekeys(&mut self) {
        let wall = self.now.wall;
        let seed = self.dice.bytes();
        self.timers.set(Timer::Prekeys, self.now.mono.after(PREKEY_CHECK));
        let Some(me) = &mut self.me else { return };
        if !me.keys.rotate_if_due(wall, seed) {
            return;
        }
        me.bundle_seq = me.bundle_seq.saturating_add(1);
        me.bundle = me.device.sign_bundle(&me.keys.bundle(me.device.id(), wall.0, me.bundle_seq));
        let bundle = me.bundle.clone();
        self.touched.device = true;
        self.publish_soon();
        self.tell_everybody(&LinkMsg::Prekeys(bundle));
    }

    pub(super) fn update_profile(&mut self, cmd: CmdId, patch: ProfilePatch) {
        let result = self.patch_profile(patch);
        self.gate.reply(cmd, result.map(|()| Reply::Done));
    }

    fn patch_profile(&mut self, patch: ProfilePatch) -> Result<(), CommandError> {
        let invalid = |field| move |e: text::TextError| CommandError::Invalid { field, why: e.to_string() };
        let name = patch.name.map(|n| text::clean_name(&n).map_err(invalid("name"))).transpose()?;
        let info = patch.info.map(|n| text::clean_info(&n).map_err(invalid("info"))).transpose()?;
        let status_text = patch.status_text.map(|n| text::clean_status(&n).map_err(invalid("status_text"))).transpose()?;
        let wall = self.now.wall.0;
        let Some(me) = &mut self.me else { return Err(CommandError::NoAccount) };
        let before = me.profile.clone();
        if let Some(name) = name {
            me.profile.name = name;
        }
        if let Some(info) = info {
            me.profile.info = info;
        }
        if let Some(text) = status_text {
            me.profile.status_text = text;
        }
        let said = me.profile != before;
        if said {
            me.profile.seq = wall.max(before.seq.saturating_add(1));
        }
        let status = patch.status.filter(|s| *s != me.status);
        if let Some(status) = status {
            me.status = status;
        }
        let profile = me.profile.clone();
        if said {
            self.tell_everybody(&LinkMsg::Profile(profile));
            self.publish_soon();
            // Whoever is not seen here says nothing, not even goodbye: that would name them to strangers.
            if self.visible() {
                self.visibility_changed();
            }
        }
        if status.is_some() {
            self.tell_presence();
        }
        if said || status.is_some() {
            self.touched.me = true;
            self.dirty = true;
            self.gate.notify(Event::AccountChanged);
        }
        Ok(())
    }

    pub(super) fn confirm_words(&mut self, cmd: CmdId) {
        if let Some(me) = &mut self.me {
            me.words_saved = true;
            self.touched.me = true;
            self.dirty = true;
            self.gate.notify(Event::AccountChanged);
        }
        self.gate.reply(cmd, Ok(Reply::Done));
    }

    pub(super) fn contact_link(&mut self, cmd: CmdId, renew: bool) {
        let Some(me) = &mut self.me else {
            return self.gate.reply(cmd, Err(CommandError::NoAccount));
        };
        if renew {
            me.code = self.dice.bytes();
            self.touched.me = true;
        }
        let (account, code, login) = (me.account, me.code, me.profile.login.clone());
        let hints = self.own_hints(Route::Loopback, true);
        let link =
            crate::identity::link::ContactLink { account, code: Some(code), login: Some(login), hints, operators: self.operators.hints() };
        self.gate.reply(cmd, Ok(Reply::Link(link.to_string())));
    }

    /// Tells everybody connected that the account ends, then has everything destroyed.
    pub(super) fn delete_account(&mut self, cmd: CmdId) {
        let Some(me) = &self.me else {
            return self.gate.reply(cmd, Err(CommandError::NoAccount));
        };
        let tombstone = me.secret.sign_tombstone(self.now.wall.0);
        self.stop_calls();
        self.tell_everybody(&LinkMsg::Gone(tombstone));
        self.end_all_queues();
        if !self.begin_farewell(cmd) {
            self.end_account(Some(cmd));
        }
    }

    /// Has everything of the account destroyed.
    pub(super) fn end_account(&mut self, cmd: Option<CmdId>) {
        if let Some(cmd) = cmd {
            self.gate.reply(cmd, Ok(Reply::Done));
        }
        self.directory = super::directory::Directory::default();
        let links: Vec<LinkId> = self.links.keys().copied().chain(self.mail.links()).collect();
        for id in links {
            self.gate.close(id);
        }
        self.mail = super::mailbox::Mailboxes::default();
        self.calls = super::calls::Calls::default();
        self.gate.wipe();
        self.me = None;
        self.people.clear();
        self.chats.clear();
        self.dirty = true;
    }

    /// Somebody's account ended.
    pub(super) fn on_gone(&mut self, account: AccountId, tombstone: &Signed) {
        if verify_tombstone(tombstone, account).is_err() {
            return self.refuse("tombstone_unfit");
        }
        if self.people.get(&account).is_some_and(|p| matches!(p.relation, Relation::Asking | Relation::Requested)) {
            return self.forget_person(account);
        }
        if let Some(person) = self.people.get_mut(&account) {
            person.relation = Relation::Gone;
            person.pair_key = None;
            person.request = None;
            self.drop_links_of(account);
            self.forget_sessions(account, |_| true);
            self.forget_mail(account);
            self.timers.clear(Timer::Dial(account));
            self.person_changed(account);
        }
    }

    pub(super) fn flush_me(&mut self) {
        let Some(me) = &self.me else { return };
        if std::mem::take(&mut self.touched.me) {
            let row = MeRow {
                profile: Some(me.profile.clone()),
                status: status_number(me.status),
                words_saved: me.words_saved,
                code: me.code.to_vec(),
                tag: me.tag.clone().unwrap_or_default(),
                device_set: Some(me.device_set.clone()),
            };
            self.gate.write(rows::put(Table::Account, b"me", &row));
        }
        if std::mem::take(&mut self.touched.device) {
            let row = DeviceRow {
                device: me.device.seed().to_vec(),
                transport: me.transport_seed.to_vec(),
                keys: me.keys.encode(),
                bundle: Some(me.bundle.clone()),
                bundle_seq: me.bundle_seq,
                declined: self.declined.to_rows(),
                cloned: self.clone_seen,
            };
            self.gate.write(rows::put(Table::Prekey, b"device", &row));
        }
    }

    /// Reads the own account back. `None` where its rows do not make an account.
    pub(super) fn load_me(&self, entropy: [u8; 16], row: MeRow, device_row: DeviceRow) -> Option<Me> {
        let secret = AccountSecret::from_entropy(entropy);
        let account = secret.account_id();
        let device = DeviceSecret::from_seed(device_row.device.try_into().ok()?);
        let device_set = row.device_set?;
        let devices = DeviceSetInfo::verify(&device_set, account).ok()?;
        let bundle = device_row.bundle?;
        PrekeyInfo::verify(&bundle).ok()?;
        let transport_seed: [u8; 32] = device_row.transport.try_into().ok()?;
        Some(Me {
            account,
            device,
            keys: DeviceKeys::decode(&device_row.keys).ok()?,
            device_set,
            devices,
            bundle,
            bundle_seq: device_row.bundle_seq,
            profile: row.profile?,
            status: status_of(row.status),
            words_saved: row.words_saved,
            code: row.code.try_into().ok()?,
            tag: Some(row.tag).filter(|t| !t.is_empty()),
            transport_seed,
            peer: peer_of(&transport_seed),
            secret,
        })
    }
}
