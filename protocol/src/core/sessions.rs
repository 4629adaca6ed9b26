//! Pairwise ratchet sessions with devices: sealing to them, opening what they sealed.

use super::Core;
use super::rows::{self, SessionRow};
use crate::crypto::ratchet::{OpenError, Pair, PeerKeys};
use crate::identity::device::PrekeyInfo;
use crate::ids::{AccountId, DeviceId, SpaceId};
use crate::store::{Key, Table, Write};
use crate::view::Relation;
use crate::wire::codec;
use crate::wire::identity::Signed;
use crate::wire::link::{Inner, Payload, SealedFrame};

/// Largest plaintext of a ratchet message: a full mailbox frame.
const INNER: usize = 64 * 1024;

/// Ratchet state with one device.
pub(super) struct Session {
    pub account: AccountId,
    pub pair: Pair,
    pub bundle: Option<(Signed, PrekeyInfo)>,
    /// The device has shown in a hello that it speaks for the account. Before that only the account says so, and it may lie.
    pub proven: bool,
}

/// Why a ratchet message gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOpened {
    /// It was opened before.
    Replay,
    /// No key here opens it.
    Closed,
    /// It opened, and what is inside does not belong here.
    Unfit,
}

impl Core {
    /// Curve25519 identity of a device, from its account's device set.
    fn olm_of(&self, account: AccountId, device: DeviceId) -> Option<[u8; 32]> {
        let me = self.me.as_ref()?;
        let set = if account == me.account { Some(&me.devices) } else { self.people.get(&account)?.devices.as_ref().map(|(_, s)| s) };
        set?.devices.iter().find(|d| d.device == device).map(|d| d.olm)
    }

    pub(super) fn learn_bundle(&mut self, account: AccountId, signed: Signed, info: PrekeyInfo) {
        let Some(me) = &self.me else { return };
        let device = info.device;
        let own = me.device_id();
        let kind = self.cfg.ratchet;
        let session = self.sessions.entry(device).or_insert_with(|| Session {
            account,
            pair: Pair::new(kind, own, device),
            bundle: None,
            proven: false,
        });
        if session.account != account {
            return self.refuse("device_of_another");
        }
        if session.bundle.as_ref().is_none_or(|(_, known)| known.seq < info.seq) {
            session.bundle = Some((signed, info));
            self.touched.sessions.insert(device);
        }
    }

    /// Seals a payload to a device; `None` without a session or the keys to begin one.
    pub(super) fn seal_to(&mut self, account: AccountId, device: DeviceId, payload: Payload) -> Option<SealedFrame> {
        let space = super::chat::direct_space(self.me.as_ref()?.account, account);
        self.seal_in(space, account, device, payload)
    }

    /// The same, within a given conversation.
    pub(super) fn seal_in(&mut self, space: SpaceId, account: AccountId, device: DeviceId, payload: Payload) -> Option<SealedFrame> {
        self.seal_inner(space, account, device, Some(payload))
    }

    /// Seals nothing but its own existence: it confirms keys to a device that has been talking alone, whose messages carry
    /// their key material until they are answered.
    pub(super) fn seal_answer(&mut self, account: AccountId, device: DeviceId) -> Option<SealedFrame> {
        let space = super::chat::direct_space(self.me.as_ref()?.account, account);
        self.seal_inner(space, account, device, None)
    }

    fn seal_inner(&mut self, space: SpaceId, account: AccountId, device: DeviceId, m: Option<Payload>) -> Option<SealedFrame> {
        let olm = self.olm_of(account, device)?;
        let id: [u8; 16] = self.dice.bytes();
        let seed = self.dice.bytes();
        let wall = self.now.wall;
        let me = self.me.as_ref()?;
        let session = self.sessions.get_mut(&device).filter(|s| s.account == account)?;
        let inner =
            Inner { space: space.to_vec(), from: me.device_id().to_vec(), to: device.to_vec(), id: id.to_vec(), m, pad: Vec::new() };
        let plain = crate::crypto::ratchet::pad(inner).ok()?;
        let peer = PeerKeys { olm, bundle: session.bundle.as_ref().map(|(_, b)| b) };
        let frame = session.pair.seal(&me.keys, &peer, &plain, wall, seed).ok()?;
        self.touched.sessions.insert(device);
        Some(frame)
    }

    /// Opens what a known device sealed, and checks that it is meant for this device and comes from that one. Also tells
    /// whether any sealed message back would help.
    pub(super) fn open_from(&mut self, account: AccountId, device: DeviceId, frame: &SealedFrame) -> Result<(Inner, bool), NotOpened> {
        let olm = self.olm_of(account, device).ok_or(NotOpened::Closed)?;
        let wall = self.now.wall;
        let kind = self.cfg.ratchet;
        let me = self.me.as_mut().ok_or(NotOpened::Closed)?;
        let own = me.device_id();
        let session = self.sessions.entry(device).or_insert_with(|| Session {
            account,
            pair: Pair::new(kind, own, device),
            bundle: None,
            proven: false,
        });
        if session.account != account {
            return Err(NotOpened::Closed);
        }
        let peer = PeerKeys { olm, bundle: session.bundle.as_ref().map(|(_, b)| b) };
        let opened = session.pair.open(&mut me.keys, &peer, frame, wall).map_err(|e| match e {
            OpenError::Replay => NotOpened::Replay,
            OpenError::Undecryptable | OpenError::Garbage => NotOpened::Closed,
        })?;
        self.touched.sessions.insert(device);
        if opened.new_session {
            self.touched.device = true;
        }
        Ok((check(&opened.plaintext, device, own)?, opened.wants_answer))
    }

    /// Opens the first message of a device that is not known yet. Nothing is kept unless [`Core::adopt_session`] follows.
    pub(super) fn open_first(&mut self, device: DeviceId, olm: [u8; 32], frame: &SealedFrame) -> Result<(Inner, Pair), &'static str> {
        let wall = self.now.wall;
        let me = self.me.as_mut().ok_or("no_account")?;
        let own = me.device_id();
        let mut pair = match self.sessions.get(&device) {
            Some(known) => Pair::decode(&known.pair.encode()).map_err(|_| "session_unfit")?,
            None => Pair::new(self.cfg.ratchet, own, device),
        };
        let peer = PeerKeys { olm, bundle: None };
        let opened = pair.open(&mut me.keys, &peer, frame, wall).map_err(|_| "request_closed")?;
        let inner = check(&opened.plaintext, device, own).map_err(|_| "inner_unfit")?;
        Ok((inner, pair))
    }

    /// Keeps what [`Core::open_first`] came to, after [`Core::device_of_another`] was asked.
    pub(super) fn adopt_session(&mut self, account: AccountId, device: DeviceId, pair: Pair) {
        let before = self.sessions.remove(&device).filter(|s| s.account == account);
        let (bundle, proven) = before.map_or((None, false), |s| (s.bundle, s.proven));
        self.sessions.insert(device, Session { account, pair, bundle, proven });
        self.touched.sessions.insert(device);
        self.touched.device = true;
    }

    /// Whether a device that an account names as its own is somebody else's by what is known here: one of ours or of a contact's, or
    /// one that talks with us for another account. What merely somebody who asks for contact said of it counts for nothing.
    pub(super) fn device_of_another(&self, account: AccountId, device: DeviceId) -> bool {
        let ours = self.me.as_ref().is_some_and(|me| me.account != account && me.devices.device(device).is_some());
        let of_contact = self.people.values().any(|p| p.account != account && p.is_contact() && p.has_device(device));
        let asks = |other: AccountId| self.people.get(&other).is_none_or(|p| p.relation == Relation::Asking);
        let talks = self.sessions.get(&device).is_some_and(|s| s.account != account && (s.proven || !asks(s.account)));
        ours || of_contact || talks
    }

    /// A device has proven whose it is. What was kept under its name for anybody else rests on a lie.
    pub(super) fn device_proven(&mut self, account: AccountId, device: DeviceId) {
        if self.sessions.get(&device).is_some_and(|s| s.account != account) {
            self.sessions.remove(&device);
            self.touched.sessions.insert(device);
        }
        if let Some(session) = self.sessions.get_mut(&device)
            && !std::mem::replace(&mut session.proven, true)
        {
            self.touched.sessions.insert(device);
        }
    }

    /// Forgets what is kept of the devices of an account that are not in its set any more.
    pub(super) fn forget_old_sessions(&mut self, account: AccountId) {
        let listed: Vec<DeviceId> = self
            .people
            .get(&account)
            .and_then(|p| p.devices.as_ref())
            .map(|(_, set)| set.devices.iter().map(|d| d.device).collect())
            .unwrap_or_default();
        self.forget_sessions(account, |device| !listed.contains(&device));
    }

    /// Forgets what is kept of some devices of an account.
    pub(super) fn forget_sessions(&mut self, account: AccountId, which: impl Fn(DeviceId) -> bool) {
        let gone = self.sessions.iter().filter(|(device, s)| s.account == account && which(**device)).map(|(device, _)| *device);
        for device in gone.collect::<Vec<_>>() {
            self.sessions.remove(&device);
            self.touched.sessions.insert(device);
        }
    }

    /// Has the next message to a device begin a new session. What is under way in the old ones still opens.
    pub(super) fn reset_session(&mut self, device: DeviceId) {
        if let Some(session) = self.sessions.get_mut(&device) {
            session.pair.restart();
            self.touched.sessions.insert(device);
        }
    }

    /// A device is connected anew: what was asked on an earlier connection may have been lost with it.
    pub(super) fn forget_asked(&mut self, device: DeviceId) {
        if let Some(session) = self.sessions.get_mut(&device) {
            session.pair.forget_asked();
            self.touched.sessions.insert(device);
        }
    }

    /// Whether a device may be asked for a new session now: once, until something of it opens again.
    pub(super) fn may_ask_session(&mut self, device: DeviceId) -> bool {
        let asked = self.sessions.get_mut(&device).is_some_and(|s| s.pair.ask_new_session());
        if asked {
            self.touched.sessions.insert(device);
        }
        asked
    }

    pub(super) fn flush_sessions(&mut self) {
        for device in std::mem::take(&mut self.touched.sessions) {
            let write = match self.sessions.get(&device) {
                Some(s) => rows::put(
                    Table::Session,
                    device.to_vec(),
                    &SessionRow {
                        device: device.to_vec(),
                        account: s.account.to_vec(),
                        pair: s.pair.encode(),
                        bundle: s.bundle.as_ref().map(|(signed, _)| signed.clone()),
                        proven: s.proven,
                    },
                ),
                None => Write::Delete(Key::single(Table::Session, device.to_vec())),
            };
            self.gate.write(write);
        }
    }

    pub(super) fn load_session(&mut self, row: SessionRow) -> Option<()> {
        let device = DeviceId::from_slice(&row.device).ok()?;
        let account = AccountId::from_slice(&row.account).ok()?;
        let pair = Pair::decode(&row.pair).ok()?;
        let bundle = row.bundle.and_then(|signed| PrekeyInfo::verify(&signed).ok().map(|info| (signed, info)));
        self.sessions.insert(device, Session { account, pair, bundle, proven: row.proven });
        Some(())
    }
}

/// Reads a plaintext and checks that it was sealed by `from` for `to`.
fn check(plain: &[u8], from: DeviceId, to: DeviceId) -> Result<Inner, NotOpened> {
    let inner = codec::decode::<Inner>(plain, INNER).map_err(|_| NotOpened::Unfit)?;
    if inner.from != from.as_bytes() || inner.to != to.as_bytes() {
        return Err(NotOpened::Unfit);
    }
    Ok(inner)
}
