//! Which signed sets and bundles are believed, and which of two sets holds.

use super::*;
use crate::identity::account::AccountSecret;

fn info(n: u8) -> DeviceInfo {
    DeviceInfo { device: DeviceId([n; 32]), olm: [n; 32], ek: [n; 32], added_ms: u64::from(n), label_ct: vec![n; 3], caps: 0 }
}

fn account() -> AccountSecret {
    AccountSecret::from_entropy([1; 16])
}

fn set(epoch: u64, devices: &[DeviceInfo]) -> DeviceSet {
    device_set(account().account_id(), epoch, devices, None)
}

fn verify(set: &DeviceSet) -> Result<DeviceSetInfo, DeviceError> {
    DeviceSetInfo::verify(&account().sign_device_set(set), account().account_id())
}

#[test]
fn a_signed_set_is_read_as_written() {
    let mut written = set(7, &[info(1), info(2)]);
    written.prev = vec![9; 32];
    let read = verify(&written).unwrap();
    assert_eq!((read.epoch, read.devices.clone(), read.prev), (7, vec![info(1), info(2)], Some([9; 32])));
    assert_eq!(read.device(DeviceId([2; 32])), Some(&info(2)));
    assert_eq!(DeviceSetInfo::verify_unknown(&account().sign_device_set(&written)), Ok(read));
}

#[test]
fn unfit_sets_are_refused() {
    let good = set(1, &[info(1)]);
    assert_eq!(verify(&set(1, &[])), Err(DeviceError::NoDevices));
    assert_eq!(verify(&set(1, &[info(1), info(1)])), Err(DeviceError::Twice));
    let many: Vec<Device> = (0..9).map(|n| info(n).to_wire()).collect();
    assert!(matches!(verify(&DeviceSet { devices: many, ..good.clone() }), Err(DeviceError::Wire(WireError::TooMany { max: 8, .. }))));
    assert_eq!(verify(&DeviceSet { v: 2, ..good.clone() }), Err(DeviceError::Newer(2)));
    assert_eq!(verify(&DeviceSet { account: vec![5; 32], ..good.clone() }), Err(DeviceError::OtherAccount));
    assert_eq!(verify(&DeviceSet { prev: vec![5; 31], ..good.clone() }), Err(DeviceError::Length("previous id")));
    let short = Device { dk: vec![1; 31], ..info(1).to_wire() };
    assert_eq!(verify(&DeviceSet { devices: vec![short], ..good.clone() }), Err(DeviceError::Length("device key")));
    let forged = AccountSecret::from_entropy([2; 16]).sign_device_set(&good);
    assert_eq!(DeviceSetInfo::verify(&forged, account().account_id()), Err(DeviceError::Signature(BadSignature)));
    assert_eq!(DeviceSetInfo::verify_unknown(&forged), Err(DeviceError::Signature(BadSignature)));
}

#[test]
fn the_higher_epoch_holds_and_a_tie_falls_the_same_way_everywhere() {
    let (one, two) = (verify(&set(1, &[info(1)])).unwrap(), verify(&set(2, &[info(1)])).unwrap());
    assert_eq!(two.succession(&one), Succession::Newer);
    assert_eq!(one.succession(&two), Succession::Older);
    assert_eq!(one.succession(&one), Succession::Same);
    assert!(!one.is_newer_than(&one));
    let other = verify(&set(1, &[info(2)])).unwrap();
    let (a, b) = (one.succession(&other), other.succession(&one));
    assert!(matches!((a, b), (Succession::Conflict { holds: x }, Succession::Conflict { holds: y }) if x != y));
    assert_ne!(one.is_newer_than(&other), other.is_newer_than(&one));
}

#[test]
fn a_new_epoch_is_above_the_known_one_even_with_a_slow_clock() {
    assert_eq!(next_epoch(None, 100), 100);
    assert_eq!(next_epoch(Some(50), 100), 100);
    assert_eq!(next_epoch(Some(500), 100), 501);
}

#[test]
fn a_bundle_is_believed_from_its_device_only() {
    let device = DeviceSecret::from_seed([4; 32]);
    let bundle = PrekeyBundle { v: 1, device: device.id().to_vec(), seq: 3, olm_prekey: vec![6; 32], kem: vec![7; KEM_KEY], made_ms: 5 };
    let read = PrekeyInfo::verify(&device.sign_bundle(&bundle)).unwrap();
    assert_eq!((read.device, read.seq, read.olm_prekey, read.made_ms), (device.id(), 3, [6; 32], 5));
    let other = DeviceSecret::from_seed([5; 32]);
    assert_eq!(PrekeyInfo::verify(&other.sign_bundle(&bundle)), Err(DeviceError::Signature(BadSignature)));
    let short = PrekeyBundle { kem: vec![7; 10], ..bundle };
    assert_eq!(PrekeyInfo::verify(&device.sign_bundle(&short)), Err(DeviceError::Length("encapsulation key")));
}
