//! Which devices speak for which account, decided from the auth log alone.
//!
//! A device **introduces itself**: the first entry of its own auth log carries a device set, signed by the account key of a
//! founder, that lists it. Its other entries wait until that one is here. So whether a device may write is decided by its own
//! log, and nobody else's duplicated or withheld history can put honest entries in doubt.
//!
//! A device **ends** when a newer set of its account no longer lists it. Devices that are listed then say how much of its logs
//! still counts ([`Keep`]); what lies beyond is void, whenever it was written. Entries of an ended device are still stored,
//! digested and passed on, because two nodes may learn of the end and of the entry in different order; they are not shown.
//!
//! All of it is recomputed from the set of auth entries whenever that changes. There are few: one for each device and change.
//!
//! [`Keep`]: crate::wire::bodies::Keep

use super::entry::Parsed;
use super::log::Place;
use crate::crypto::{labels, sign};
use crate::ids::{AccountId, ChanId, DeviceId, EntryId};
use crate::limits;
use crate::wire::bodies::{AuthOp, Devices, auth_op::Op, kind};
use crate::wire::codec;
use crate::wire::identity::{DeviceSet, Signed, Tombstone};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Entries of a device's auth log, at most: a device writes one when it joins and one for each change of the account's devices.
pub const AUTH_ENTRIES: u64 = 256;

/// Why an auth entry is invalid. Facts about its bytes: everybody comes to the same answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAuth {
    /// The auth log holds auth operations, and no other log does.
    #[error("an operation in the wrong log")]
    WrongLog,
    /// More entries than [`AUTH_ENTRIES`].
    #[error("too many auth operations of one device")]
    TooMany,
    /// Not an operation.
    #[error("a malformed auth operation")]
    Malformed,
    /// The account is not of this conversation, or did not sign.
    #[error("an auth operation that its account did not sign")]
    NotSigned,
    /// The first entry of a device must introduce it.
    #[error("a device that does not introduce itself")]
    NotIntroduced,
}

/// Orders the device sets of an account: by epoch, and the lower id first among equals, which only the account key can cause.
type SetOrder = (u64, Reverse<[u8; 32]>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AuthRecord {
    Devices {
        account: AccountId,
        order: SetOrder,
        listed: BTreeSet<DeviceId>,
        keep: BTreeMap<DeviceId, BTreeMap<ChanId, u64>>,
    },
    Gone {
        account: AccountId,
    },
    /// Of a newer version.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuthEntry {
    pub device: DeviceId,
    pub seq: u64,
    pub root: Option<EntryId>,
    pub record: AuthRecord,
}

/// State of the auth log.
#[derive(Clone, Debug, Default)]
pub(super) struct Auth {
    founders: BTreeSet<AccountId>,
    entries: BTreeMap<EntryId, AuthEntry>,
    accounts: BTreeMap<DeviceId, AccountId>,
    listed: BTreeMap<AccountId, BTreeSet<DeviceId>>,
    gone: BTreeSet<AccountId>,
    unknown: bool,
    limits: BTreeMap<DeviceId, BTreeMap<ChanId, u64>>,
}

impl Auth {
    pub fn new(founders: impl IntoIterator<Item = AccountId>) -> Self {
        Self { founders: founders.into_iter().collect(), ..Self::default() }
    }

    /// Operations of a device that are here.
    pub fn count(&self, device: DeviceId) -> u64 {
        self.entries.values().fold(0, |n, entry| n.saturating_add(u64::from(entry.device == device)))
    }

    /// Checks an auth entry by itself.
    pub fn read(&self, e: &Parsed) -> Result<Option<AuthRecord>, BadAuth> {
        let header = e.header();
        match (header.chan == ChanId::AUTH, header.kind == kind::AUTH) {
            (false, false) => return Ok(None),
            (true, true) => {}
            (true, false) | (false, true) => return Err(BadAuth::WrongLog),
        }
        if header.seq > AUTH_ENTRIES {
            return Err(BadAuth::TooMany);
        }
        let record = self.record(e.body().unwrap_or_default())?;
        let introduces = matches!(&record, AuthRecord::Devices { listed, .. } if listed.contains(&header.device));
        if header.seq == 1 && !introduces {
            return Err(BadAuth::NotIntroduced);
        }
        Ok(Some(record))
    }

    /// Reads an operation from its body.
    pub fn record(&self, body: &[u8]) -> Result<AuthRecord, BadAuth> {
        let op: AuthOp = codec::decode(body, limits::ENTRY_BODY).map_err(|_| BadAuth::Malformed)?;
        match op.op {
            None => Ok(AuthRecord::Unknown),
            Some(Op::Devices(devices)) => self.devices(devices),
            Some(Op::Gone(signed)) => {
                let tombstone: Tombstone = codec::decode(&signed.payload, limits::ENTRY_BODY).map_err(|_| BadAuth::Malformed)?;
                let (account, _) = self.signed_by(&tombstone.account, labels::TOMBSTONE, &signed)?;
                Ok(AuthRecord::Gone { account })
            }
        }
    }

    fn devices(&self, devices: Devices) -> Result<AuthRecord, BadAuth> {
        let signed = devices.set.ok_or(BadAuth::Malformed)?;
        let set: DeviceSet = codec::decode(&signed.payload, limits::ENTRY_BODY).map_err(|_| BadAuth::Malformed)?;
        let (account, id) = self.signed_by(&set.account, labels::DEVICE_SET, &signed)?;
        if set.v != 1 || set.devices.len() > limits::DEVICES_PER_ACCOUNT {
            return Err(BadAuth::Malformed);
        }
        let device = |bytes: &[u8]| DeviceId::from_slice(bytes).map_err(|_| BadAuth::Malformed);
        let listed = set.devices.iter().map(|d| device(&d.dk)).collect::<Result<BTreeSet<_>, _>>()?;
        let mut keep: BTreeMap<DeviceId, BTreeMap<ChanId, u64>> = BTreeMap::new();
        for row in &devices.keep {
            let chan = ChanId::from_slice(&row.chan).map_err(|_| BadAuth::Malformed)?;
            keep.entry(device(&row.device)?).or_default().insert(chan, row.seq);
        }
        Ok(AuthRecord::Devices { account, order: (set.epoch, Reverse(id)), listed, keep })
    }

    fn signed_by(&self, account: &[u8], purpose: &str, signed: &Signed) -> Result<(AccountId, [u8; 32]), BadAuth> {
        let account = AccountId::from_slice(account).map_err(|_| BadAuth::Malformed)?;
        if !self.founders.contains(&account) {
            return Err(BadAuth::NotSigned);
        }
        let id = sign::open_signed(&account.0, purpose, signed).map_err(|_| BadAuth::NotSigned)?;
        Ok((account, id))
    }

    /// Takes an accepted entry in. [`Self::recompute`] has to follow.
    pub fn insert(&mut self, id: EntryId, entry: AuthEntry) {
        self.entries.insert(id, entry);
    }

    /// Computes everything from the entries that are part of their logs.
    pub fn recompute(&mut self, place: impl Fn(DeviceId, u64, Option<EntryId>) -> Place) {
        let live: Vec<&AuthEntry> = self.entries.values().filter(|e| place(e.device, e.seq, e.root) != Place::Void).collect();
        let accounts = introduced(&live);
        let newest = newest_sets(&live);
        let listed = newest.iter().map(|(account, (_, listed))| (*account, (*listed).clone())).collect();
        let gone = live.iter().filter_map(|e| if let AuthRecord::Gone { account } = e.record { Some(account) } else { None }).collect();
        let unknown = live.iter().any(|e| e.record == AuthRecord::Unknown);
        let limits = ended(&live, &accounts, &newest);
        (self.accounts, self.listed, self.gone, self.unknown, self.limits) = (accounts, listed, gone, unknown, limits);
    }

    pub fn account_of(&self, device: DeviceId) -> Option<AccountId> {
        self.accounts.get(&device).copied()
    }

    pub fn founders(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.founders.iter().copied()
    }

    pub fn devices_of(&self, account: AccountId) -> impl Iterator<Item = DeviceId> + '_ {
        self.listed.get(&account).into_iter().flatten().copied()
    }

    pub fn is_gone(&self, account: AccountId) -> bool {
        self.gone.contains(&account)
    }

    pub const fn needs_update(&self) -> bool {
        self.unknown
    }

    /// Last position of a log that counts, if its device has ended.
    pub fn limit(&self, device: DeviceId, chan: ChanId) -> Option<u64> {
        self.limits.get(&device).map(|chans| chans.get(&chan).copied().unwrap_or(0))
    }

    pub const fn limits(&self) -> &BTreeMap<DeviceId, BTreeMap<ChanId, u64>> {
        &self.limits
    }
}

/// Whom each device speaks for: the account of its first auth entry. Where a device forked there, the account of the lower key.
fn introduced(live: &[&AuthEntry]) -> BTreeMap<DeviceId, AccountId> {
    let mut accounts = BTreeMap::new();
    for entry in live {
        if let (1, AuthRecord::Devices { account, .. }) = (entry.seq, &entry.record) {
            let known = accounts.entry(entry.device).or_insert(*account);
            *known = (*known).min(*account);
        }
    }
    accounts
}

fn newest_sets<'a>(live: &[&'a AuthEntry]) -> BTreeMap<AccountId, (SetOrder, &'a BTreeSet<DeviceId>)> {
    let mut newest: BTreeMap<AccountId, (SetOrder, &BTreeSet<DeviceId>)> = BTreeMap::new();
    for entry in live {
        if let AuthRecord::Devices { account, order, listed, .. } = &entry.record {
            let known = newest.entry(*account).or_insert((*order, listed));
            if *order > known.0 {
                *known = (*order, listed);
            }
        }
    }
    newest
}

/// How much of the logs of ended devices counts: for each the least that any entitled device says. Such a device is listed in
/// the set it posts, which is newer than any that lists the ended device, and has not itself ended before it posted. So devices
/// are decided by the newest set that lists them, newest first, and nothing depends on itself.
fn ended(
    live: &[&AuthEntry],
    accounts: &BTreeMap<DeviceId, AccountId>,
    newest: &BTreeMap<AccountId, (SetOrder, &BTreeSet<DeviceId>)>,
) -> BTreeMap<DeviceId, BTreeMap<ChanId, u64>> {
    let sets = || {
        live.iter().filter_map(|e| match &e.record {
            AuthRecord::Devices { account, order, listed, keep } => Some((*e, *account, *order, listed, keep)),
            AuthRecord::Gone { .. } | AuthRecord::Unknown => None,
        })
    };
    let mut last_listed: BTreeMap<DeviceId, SetOrder> = BTreeMap::new();
    for (_, account, order, listed, _) in sets() {
        for device in listed.iter().filter(|device| accounts.get(device) == Some(&account)) {
            let known = last_listed.entry(*device).or_insert(order);
            *known = (*known).max(order);
        }
    }
    let mut removed: Vec<(SetOrder, DeviceId, AccountId)> = last_listed
        .iter()
        .filter_map(|(device, order)| {
            let account = accounts.get(device)?;
            (newest.get(account)?.0 > *order).then_some((*order, *device, *account))
        })
        .collect();
    removed.sort_by_key(|(order, device, _)| (Reverse(*order), *device));
    let mut limits: BTreeMap<DeviceId, BTreeMap<ChanId, u64>> = BTreeMap::new();
    for (order, device, account) in removed {
        let says: Vec<&BTreeMap<ChanId, u64>> = sets()
            .filter(|(entry, of, at, listed, _)| {
                let counts = limits.get(&entry.device).is_none_or(|chans| entry.seq <= chans.get(&ChanId::AUTH).copied().unwrap_or(0));
                *of == account && *at > order && listed.contains(&entry.device) && counts
            })
            .filter_map(|(.., keep)| keep.get(&device))
            .collect();
        let chans: BTreeSet<ChanId> = says.iter().flat_map(|keep| keep.keys().copied()).collect();
        let least = |chan: ChanId| says.iter().map(|keep| keep.get(&chan).copied().unwrap_or(0)).min().unwrap_or(0);
        limits.insert(device, chans.into_iter().map(|chan| (chan, least(chan))).collect());
    }
    limits
}
