//! The list of the account's own devices: joining what two of them know, and who goes where there is no room for all.

use super::Core;
use super::event::Event;
use crate::identity::device::{DeviceInfo, DeviceSetInfo, device_set, next_epoch};
use crate::ids::DeviceId;
use crate::limits;
use crate::wire::identity::Signed;
use crate::wire::link::LinkMsg;
use std::collections::{BTreeMap, BTreeSet};

impl Core {
    /// Takes over what another own device knows of this account's devices, and joins the two lists if neither has all.
    pub(super) fn learn_own_devices(&mut self, signed: &Signed, theirs: &DeviceSetInfo) {
        let wall = self.now.wall.0;
        let Some(me) = &mut self.me else { return };
        if theirs.id == me.devices.id {
            return;
        }
        let own = me.device_id();
        let before = me.devices.devices.clone();
        let all = joined(&before, &theirs.devices, own);
        let newer = theirs.is_newer_than(&me.devices);
        match (same_devices(&all, &theirs.devices), same_devices(&all, &before)) {
            (true, _) if newer => {
                me.device_set = signed.clone();
                me.devices = theirs.clone();
            }
            (_, true) if !newer => return,
            _ => {
                let newest = if newer { theirs } else { &me.devices };
                let epoch = next_epoch(Some(newest.epoch), wall);
                let set = me.secret.sign_device_set(&device_set(me.account, epoch, &all, Some(newest.id)));
                let Ok(info) = DeviceSetInfo::verify(&set, me.account) else { return };
                me.device_set = set;
                me.devices = info;
            }
        }
        let set = me.device_set.clone();
        self.touched.me = true;
        self.dirty = true;
        self.tell_everybody(&LinkMsg::Devices(set));
        let gone: BTreeSet<DeviceId> =
            before.iter().chain(&theirs.devices).map(|d| d.device).filter(|d| all.iter().all(|kept| kept.device != *d)).collect();
        for device_id in gone {
            self.gate.notify(Event::DeviceDropped { device_id, this: device_id == own });
        }
        self.gate.notify(Event::AccountChanged);
    }

    /// Whether this device is on the account's list, so that others take what it writes.
    pub(super) fn is_listed(&self) -> bool {
        self.me.as_ref().is_some_and(|me| me.devices.device(me.device_id()).is_some())
    }
}

/// The newest devices of two lists, as many as an account may have, the newest first. The person is adding one, so the oldest
/// is the one most likely lost. The same for everybody who joins the same lists, so that no two devices drop each other in turn.
///
/// A device that was alone until now has just been added, whatever its clock said: it counts as newer than all others.
fn joined(ours: &[DeviceInfo], theirs: &[DeviceInfo], own: DeviceId) -> Vec<DeviceInfo> {
    let mut all: BTreeMap<DeviceId, DeviceInfo> = BTreeMap::new();
    for device in ours.iter().chain(theirs) {
        let known = all.entry(device.device).or_insert_with(|| device.clone());
        if known.added_ms < device.added_ms {
            *known = device.clone();
        }
    }
    let newest = all.values().map(|d| d.added_ms).max().unwrap_or_default();
    if let ([alone], true) = (ours, all.len() > limits::DEVICES_PER_ACCOUNT)
        && let Some(this) = all.get_mut(&own).filter(|this| alone.device == own && this.added_ms < newest)
    {
        this.added_ms = newest.saturating_add(1);
    }
    let mut all: Vec<DeviceInfo> = all.into_values().collect();
    all.sort_by_key(|d| std::cmp::Reverse((d.added_ms, d.device)));
    all.truncate(limits::DEVICES_PER_ACCOUNT);
    all
}

/// Whether two lists hold the same devices, added at the same times.
fn same_devices(a: &[DeviceInfo], b: &[DeviceInfo]) -> bool {
    a.len() == b.len() && a.iter().all(|d| b.iter().any(|other| (other.device, other.added_ms) == (d.device, d.added_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u8, added_ms: u64) -> DeviceInfo {
        DeviceInfo { device: DeviceId([n; 32]), olm: [n; 32], ek: [n; 32], added_ms, label_ct: Vec::new(), caps: 0 }
    }

    fn ids(list: &[DeviceInfo]) -> Vec<u8> {
        let mut ids: Vec<u8> = list.iter().map(|d| d.device.0[0]).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_ninth_device_is_kept_and_the_oldest_goes_for_both_alike() {
        let eight: Vec<_> = (1..=8).map(|n| device(n, u64::from(n))).collect();
        let ninth = [device(9, 9)];
        let at_the_ninth = joined(&ninth, &eight, DeviceId([9; 32]));
        assert_eq!(ids(&at_the_ninth), [2, 3, 4, 5, 6, 7, 8, 9]);
        for own in 1..=8 {
            assert!(same_devices(&joined(&eight, &ninth, DeviceId([own; 32])), &at_the_ninth), "device {own} decides otherwise");
        }
    }

    #[test]
    fn a_new_device_with_a_slow_clock_is_kept_by_all_in_the_end() {
        let eight: Vec<_> = (1..=8).map(|n| device(n, 100 + u64::from(n))).collect();
        let slow = [device(9, 1)];
        let at_the_slow = joined(&slow, &eight, DeviceId([9; 32]));
        assert_eq!(ids(&at_the_slow), [2, 3, 4, 5, 6, 7, 8, 9]);
        let elsewhere = joined(&eight, &slow, DeviceId([1; 32]));
        assert_eq!(ids(&elsewhere), [1, 2, 3, 4, 5, 6, 7, 8], "the others see only its clock at first");
        assert!(same_devices(&joined(&elsewhere, &at_the_slow, DeviceId([1; 32])), &at_the_slow));
        assert!(same_devices(&joined(&at_the_slow, &elsewhere, DeviceId([9; 32])), &at_the_slow), "and it does not give way");
    }
}
